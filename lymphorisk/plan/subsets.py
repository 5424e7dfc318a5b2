"""Lymphocyte subsets of a patient, as shares of all lymphocytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lymphorisk.errors import ScenarioError
from lymphorisk.units import checked, nearest, number_from, squashed

SUBSETS = ("cd4", "cd8", "b", "nk")
WORDS: Mapping[str, str] = {
    "cd4": "cd4 cd4t helper thelper cd3cd4",
    "cd8": "cd8 cd8t cytotoxic suppressor cd3cd8",
    "b": "b bcells bcell cd19 cd20",
    "nk": "nk nkcells naturalkiller cd56 cd1656",
}
HOW = "write CD4=42 CD8=25 B=11 NK=13: per cent of all lymphocytes"


def subsets_of(given: Any) -> tuple[tuple[str, float], ...] | None:
    """Subsets as (name, share of all lymphocytes), in the order of `SUBSETS`; None when nothing is known.

    Parameters
    ----------
    given : None, str, mapping, or sequence of str or of (name, share)
        Text and mappings hold per cent, pairs hold shares of one.

    Raises
    ------
    ScenarioError
        Another subset, a number that is no per cent, shares that sum to more than all.

    Examples
    --------
    >>> subsets_of("CD4=40, CD8 = 25%"), subsets_of({"NK": 12})
    ((('cd4', 0.4), ('cd8', 0.25)), (('nk', 0.12),))
    """
    if given is None:
        return None
    if isinstance(given, str):
        given = [part for part in given.replace(";", ",").split(",") if part.strip()]
    if not isinstance(given, Iterable):
        raise ScenarioError(f"subsets = {given!r} are no shares by subset", HOW)
    pairs = given.items() if isinstance(given, Mapping) else given
    out: dict[str, float] = {}
    for one in pairs:
        name, share = _pair(one, isinstance(given, Mapping))
        if name in out:
            raise ScenarioError(f"subset {name} is given twice", HOW)
        out[name] = share
    if not out:
        return None
    if (total := sum(out.values())) > 1.0:
        raise ScenarioError(f"the subsets sum to {100 * total:g} % of the lymphocytes", HOW)
    return tuple((name, out[name]) for name in SUBSETS if name in out)


def _pair(one: Any, percent: bool) -> tuple[str, float]:
    if isinstance(one, str):
        name, sign, amount = one.partition("=")
        if not sign:
            raise ScenarioError(f"subset {one.strip()!r} is not NAME=PERCENT", HOW)
        return _name(name), _share(amount.strip().removesuffix("%"))
    if not isinstance(one, tuple | list) or len(one) != 2:
        raise ScenarioError(f"subset {one!r} is not NAME=PERCENT", HOW)
    name, amount = one
    if percent:
        return _name(str(name)), _share(amount)
    if not 0.0 <= (share := number_from(amount, f"subset {name}")) <= 1.0:
        raise ScenarioError(f"subset {name} = {share:g} is no share of the lymphocytes", "a pair holds a share of one")
    return _name(str(name)), share


def _share(amount: Any) -> float:
    return checked("subset_percent", amount, "subset") / 100.0


def _name(text: str) -> str:
    meaning = {squashed(word): name for name, words in WORDS.items() for word in words.split()}
    if (key := squashed(text)) in meaning:
        return meaning[key]
    near = nearest(text, meaning)
    offered = f"did you mean {meaning[near]}? " if near else ""
    raise ScenarioError(f"subset {text.strip()!r} is unknown", f"{offered}use one of {', '.join(SUBSETS)}")
