"""Values of columns that only a clinic's own model knows, such as NLR or a radiomics score."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from lymphorisk.errors import ScenarioError
from lymphorisk.units import number_from, squashed

HOW = "write NLR=3.1: the name of the column in the model's card, and the number"


def columns_of(given: Any) -> tuple[tuple[str, float], ...] | None:
    """Columns as (name, value), sorted by name; None when nothing is known.

    Parameters
    ----------
    given : None, mapping of str to float, or sequence of ``NAME=VALUE`` or of (name, value)

    Raises
    ------
    ScenarioError
        No name, no number, a column given twice.

    Examples
    --------
    >>> columns_of(["NLR=3.1", "LDH = 240"])
    (('LDH', 240.0), ('NLR', 3.1))
    """
    if given is None:
        return None
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ScenarioError(f"columns = {given!r} are not columns by name", HOW)
    out: dict[str, float] = {}
    for one in given.items() if isinstance(given, Mapping) else given:
        if not isinstance(one, str | tuple | list) or (not isinstance(one, str) and len(one) != 2):
            raise ScenarioError(f"column {one!r} is not NAME=VALUE", HOW)
        name, value = one.partition("=")[::2] if isinstance(one, str) else one
        name = str(name).strip()
        if not name or (isinstance(value, str) and not value.strip()):
            raise ScenarioError(f"column {one!r} is not NAME=VALUE", HOW)
        if squashed(name) in {squashed(other) for other in out}:
            raise ScenarioError(f"column {name} is given twice", HOW)
        out[name] = _number(name, value)
    return tuple(sorted(out.items())) or None


def _number(name: str, value: Any) -> float:
    if isinstance(value, str):
        return number_from(value, f"column {name}")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ScenarioError(f"column {name} = {value!r} is not a number", HOW)
    return float(value)
