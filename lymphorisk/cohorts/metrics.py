"""Which DVH metrics a cohort keeps of every plan."""

from __future__ import annotations

import re
from pathlib import Path

from lymphorisk.cohorts.work import EVERY
from lymphorisk.dvh.metrics import parse
from lymphorisk.errors import InputError, LymphoriskError
from lymphorisk.plain import read_most

#: Of every organ and target that is drawn, when no list is given.
USUAL = ("Mean[Gy]", "Max[Gy]", "D2%[Gy]", "V5Gy[%]", "V20Gy[%]")
DEFAULT = tuple((EVERY, text) for text in USUAL)
SEPARATOR = re.compile(r"[,;\t](?=[^,;\t]*$)")
HEADS = ("metric", "metrics")
#: A line a metric. [bytes]
MOST_BYTES = 1_000_000


def read_metrics(path: Path) -> tuple[tuple[str, str], ...]:
    """Structures and metrics of a file: a line each, ``Lungs, V20Gy[%]``; a metric alone is of all that is drawn.

    Raises
    ------
    InputError
        The file cannot be read, holds nothing, or a line is no metric.
    """
    try:
        lines = read_most(path, MOST_BYTES).decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} cannot be read", "give a text file with a metric a line") from error
    out: list[tuple[str, str]] = []
    for number, line in enumerate(lines, start=1):
        told = line.split("#")[0].strip()
        if not told:
            continue
        cells = [cell.strip().strip('"') for cell in SEPARATOR.split(told)]
        if number == 1 and cells[-1].casefold() in HEADS:
            continue
        try:
            parse(cells[-1])
        except LymphoriskError as error:
            raise InputError(f"{path.name} line {number}: {error.message}", error.hint) from error
        out.append((cells[0] if len(cells) > 1 and cells[0] else EVERY, cells[-1]))
    if not out:
        raise InputError(f"{path.name} holds no metric", "write one a line, such as Lungs, V20Gy[%]")
    return tuple(dict.fromkeys(out))
