"""Plain values, and the one way they become JSON text: the same bytes for the same values, no NaN.

And back: files of the user's are read to a stated length, and JSON means what the standard says.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from lymphorisk.errors import InputError

#: Digits kept: far beyond what any input carries, few enough that the last bits of a sum do not show.
DIGITS = 9


class Pace:
    """How long is left of a number of like steps, at the pace so far."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self._start = time.monotonic()

    def left(self, done: int) -> str:
        """In words, such as ``about 3 min left``; empty before the first step and after the last."""
        if not 0 < done < self.steps:
            return ""
        seconds = (time.monotonic() - self._start) / done * (self.steps - done)
        minutes = seconds / 60
        if minutes < 2:
            return f"about {seconds:.0f} s left"
        return f"about {minutes:.0f} min left" if minutes < 120 else f"about {minutes / 60:.1f} h left"


class Exact:
    """A value whose floats are written to the last bit, because a program computes with them again."""

    def __init__(self, value: Any) -> None:
        self.value = value


def read_most(path: Path, most: int, hint: str = "") -> bytes:
    """The bytes of a file that is no longer than `most`.

    Raises
    ------
    InputError
        It is far longer than any file of its kind.
    OSError
        It cannot be read.
    """
    with path.open("rb") as file:
        # as much as it is long: memory is asked for by the number of bytes that are
        want = min(max(os.fstat(file.fileno()).st_size, 1), most) + 1
        data = file.read(want)
        if len(data) == want <= most:  # it grew, or is a pipe
            data += file.read(most + 1 - want)
    if len(data) > most:
        raise InputError(f"{path.name} is longer than {most / 1e6:g} MB", hint or "name a file of another kind")
    return data


def loads(text: str | bytes) -> Any:
    """The value of a JSON text in UTF-8.

    Raises
    ------
    ValueError
        Not JSON; a key that stands twice, a number that is none or beyond a float, brackets nested too deeply.

    Examples
    --------
    >>> loads('{"dose_gy": [1.0, null]}')
    {'dose_gy': [1.0, None]}
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_finite, parse_float=_finite)
    except RecursionError:
        raise ValueError("brackets nested too deeply") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        raise ValueError("a key stands twice")
    return out


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is no number of JSON")
    return value


#: Letters of a reason that a message shows.
SHOWN = 120


@contextmanager
def whole(saved: Any, schema: str) -> Iterator[None]:
    """What is read within is there: a saved result that somebody made or cut by hand is refused.

    Raises
    ------
    InputError
        It is no result of this schema, or what is read of it is missing or of another kind.
    """
    command = schema.split("/")[1]
    if not isinstance(saved, Mapping) or saved.get("schema") != schema:
        raise InputError(f"the file is no result of `lymphorisk {command}`", f"make one with {command} --json")
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)[:SHOWN]
        raise InputError(
            f"the file is no whole result of `lymphorisk {command}`: {what}", "make it again; it is not to be edited"
        ) from None


def number(value: Any) -> float:
    """A number that JSON may hold.

    Raises
    ------
    TypeError
        It is none, or not finite.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{str(value)[:SHOWN]!r} is no number")
    return float(value)


def dumps(value: Mapping[str, Any]) -> str:
    """JSON text, indented, lists of numbers on one line; numbers that are none become null.

    Examples
    --------
    >>> print(dumps({"dose_gy": [1.0, float("nan")]}), end="")
    {
      "dose_gy": [1.0, null]
    }
    """
    return _written(tidy(value), "") + "\n"


def tidy(value: Any) -> Any:
    """Plain Python values: floats of nine digits, NaN and infinity as None, arrays as lists."""
    if isinstance(value, np.ndarray):
        return [tidy(v) for v in value.tolist()]
    if isinstance(value, np.generic):
        return tidy(value.item())
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): tidy(v) for k, v in value.items()}
    if isinstance(value, str) or value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Sequence | set | frozenset):
        return [tidy(v) for v in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, Exact):
        return value
    raise TypeError(f"{type(value).__name__} has no place in a result")


def _written(value: Any, indent: str) -> str:
    if isinstance(value, Exact):
        return json.dumps(value.value, ensure_ascii=False, allow_nan=False)
    inner = indent + "  "
    if isinstance(value, dict) and value:
        rows = [f"{inner}{json.dumps(k, ensure_ascii=False)}: {_written(v, inner)}" for k, v in value.items()]
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(v, dict | list) for v in value):
        return "[\n" + ",\n".join(inner + _written(v, inner) for v in value) + f"\n{indent}]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
