"""A clinic's own list of labels: what each number or name of its segmentations is.

TOML (a table ``[labels]``, or the pairs alone), JSON (an object) or CSV (label, organ; a heading is allowed). The organ
may have any name this program knows; an empty one, or ``-``, leaves the label out.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lymphorisk import tomlfile
from lymphorisk.errors import InputError
from lymphorisk.organs import organ_name
from lymphorisk.plain import loads

HINT = 'write lines such as 7 = "Spleen" under [labels] (TOML), {"7": "Spleen"} (JSON) or 7,Spleen (CSV)'
#: What leaves a label out.
NOTHING = ("", "-")
#: First words of a heading of a CSV file.
HEADINGS = ("label", "number", "name", "value", "id")


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Organs by label.

    Attributes
    ----------
    organs : mapping of str to str
        TG-263 name by number (as text) or by name; empty for what is left out.
    sha256 : str
        Of the file.
    """

    organs: Mapping[str, str]
    sha256: str

    def of(self, *keys: str) -> tuple[str, str] | None:
        """The first of some keys that is listed, and its organ."""
        for key in map(_key, keys):
            if key in self.organs:
                return key, self.organs[key]
        return None


def read_labels(path: Path) -> Labels:
    """A clinic's list.

    Raises
    ------
    InputError
        Not readable, of another kind, or without a line.
    MissingOrganError
        A name that no organ has.
    """
    raw = tomlfile.read_bytes(path)
    try:
        pairs = list(_pairs(path, raw))
    except (ValueError, csv.Error) as error:
        raise InputError(f"labels {path.name!r}: {error}", HINT) from error
    organs: dict[str, str] = {}
    for label, organ in pairs:
        if label in organs:
            raise InputError(f"labels {path.name!r}: {label} is listed twice", "keep one of the lines")
        organs[label] = "" if organ in NOTHING else organ_name(organ)
    if not organs:
        raise InputError(f"labels {path.name!r} lists nothing", HINT)
    return Labels(organs, hashlib.sha256(raw).hexdigest())


def _pairs(path: Path, raw: bytes) -> Iterable[tuple[str, str]]:
    kind = path.suffix.lower()
    if kind == ".toml":
        return _listed(tomlfile.parsed(raw, path.name).table)
    text = raw.decode("utf-8-sig")
    if kind == ".json":
        return _listed(loads(text))
    if kind == ".csv":
        rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if any(map(str.strip, row))]
        if rows and rows[0][0].casefold() in HEADINGS:
            rows = rows[1:]
        if short := [row for row in rows if len(row) != 2]:
            raise ValueError(f"the line {','.join(short[0])!r} is not label, organ")
        return [(_key(label), organ) for label, organ in rows]
    raise ValueError(f"{kind or 'no ending'} is none of .toml, .json, .csv")


def _listed(table: Any) -> Iterable[tuple[str, str]]:
    table = table.get("labels", table) if isinstance(table, dict) else table
    if not isinstance(table, dict) or not all(isinstance(organ, str) for organ in table.values()):
        raise ValueError("it is not a table of labels and names of organs")
    return [(_key(label), organ.strip()) for label, organ in table.items()]


def _key(label: str) -> str:
    """A label written one way: a whole number without a sign or leading zeros, a name as it is."""
    text = label.strip()
    return str(int(text)) if text.isdigit() else text
