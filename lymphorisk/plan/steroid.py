"""Steroids beside radiotherapy: dexamethasone in mg a day, over days from the first fraction."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from itertools import pairwise
from typing import Any, NamedTuple

from lymphorisk.errors import ScenarioError
from lymphorisk.units import checked, number_from, squashed

#: What people say instead of a dose.
NONE = ("none", "no", "nil", "without", "keine", "nein", "0")
UNKNOWN = ("notknown", "unknown", "unbekannt", "")
#: An amount, then optionally its days: ``8``, ``8 mg/d``, ``dexamethasone 8 @ -3..14``.
AMOUNT = re.compile(r"^\s*(?:dexa(?:methasone?)?\s+)?(?P<mg>[\d.,]+)\s*(?:mg)?\s*(?:/\s*d(?:ay)?)?\s*$", re.IGNORECASE)
#: Between the first and the last day of a period, and between an amount and its days.
TO, AT = "..", "@"
OTHERS = ("prednisone", "prednisolone", "methylprednisolone", "hydrocortisone", "betamethasone")
KEYS = ("dexamethasone_mg_d", "from", "to")
HOW = "write none, not known, 4 (mg dexamethasone a day during the course), or 8@-3..14 with days or dates"


class Steroid(NamedTuple):
    """Dexamethasone of one period: mg a day, first and last day from the first fraction [d].

    `until_d` None is the last fraction.
    """

    mg_per_day: float
    from_d: float = 0.0
    until_d: float | None = None

    def __str__(self) -> str:
        """As it is typed."""
        if self.until_d is None and self.from_d == 0.0:
            return f"{self.mg_per_day:g}"
        return f"{self.mg_per_day:g}{AT}{self.from_d:g}{TO}{'' if self.until_d is None else f'{self.until_d:g}'}"


Periods = tuple[Steroid, ...]


def steroid_of(given: Any, first: date | None = None) -> Periods | None:
    """Steroid use as people write it; None where it is not known, empty where there is none.

    Parameters
    ----------
    given : None, str, number, mapping, or a sequence of these
        A dose alone lasts from the first to the last fraction. A mapping has ``dexamethasone_mg_d`` and optionally
        ``from`` and ``to``.
    first : date, optional
        Of the first fraction, which dates are counted from.

    Raises
    ------
    ScenarioError
        No dose of dexamethasone, a date without `first`, periods that overlap.

    Examples
    --------
    >>> steroid_of("none"), steroid_of("not known"), steroid_of("8@-3..14; 4@14..40")
    ((), None, (Steroid(mg_per_day=8.0, from_d=-3.0, until_d=14.0), Steroid(mg_per_day=4.0, from_d=14.0, until_d=40.0)))
    """
    if isinstance(given, Steroid | Mapping | str | int | float) and not isinstance(given, bool):
        given = given.split(";") if isinstance(given, str) else (given,)
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, Iterable):
        raise ScenarioError(f"steroid = {given!r} is no dose of dexamethasone", HOW)
    read = [_period(one, first) for one in given]
    if any(one is None for one in read):
        if len(read) > 1:
            raise ScenarioError("steroid use is said to be not known, and known", HOW)
        return None
    periods = [one for one in read if isinstance(one, Steroid) and one.mg_per_day > 0.0]
    return _apart(tuple(sorted(periods, key=lambda p: p.from_d)))


def steroid_words(periods: Periods | None) -> str:
    """Steroid use as a report says it; empty where it is not known.

    Examples
    --------
    >>> steroid_words((Steroid(4.0), )), steroid_words(())
    ('dexamethasone 4 mg/d', 'none')
    """
    if periods is None:
        return ""
    return "; ".join(_said(p) for p in periods) or "none"


def _said(p: Steroid) -> str:
    if p.until_d is None and p.from_d == 0.0:
        return f"dexamethasone {p.mg_per_day:g} mg/d"
    end = "the last fraction" if p.until_d is None else f"{p.until_d:g}"
    return f"dexamethasone {p.mg_per_day:g} mg/d, day {p.from_d:g} to {end}"


def _period(given: Any, first: date | None) -> Steroid | None:
    """One period; None is not known, a dose of zero is none."""
    if isinstance(given, Mapping):
        if unknown := [key for key in given if key not in KEYS]:
            raise ScenarioError(f"steroid: unknown key {unknown[0]!r}", f"allowed are {', '.join(KEYS)}")
        if KEYS[0] not in given:
            raise ScenarioError("steroid: a period has no dexamethasone_mg_d", HOW)
        return _checked(given[KEYS[0]], _day(given.get("from", 0.0), first), _day(given.get("to"), first))
    if isinstance(given, tuple | list) and 1 <= len(given) <= len(KEYS):
        return _checked(given[0], *(_day(day, first) for day in given[1:]))
    if isinstance(given, int | float) and not isinstance(given, bool):
        return _checked(float(given))
    if not isinstance(given, str):
        raise ScenarioError(f"steroid = {given!r} is no dose of dexamethasone", HOW)
    if squashed(given) in UNKNOWN:
        return None
    if squashed(given) in NONE:
        return Steroid(0.0)
    amount, at, days = given.partition(AT)
    found = AMOUNT.match(amount)
    if found is None:
        other = next((name for name in OTHERS if name in given.casefold()), "")
        hint = f"give the dose of dexamethasone that stands for the {other}, in mg a day" if other else HOW
        raise ScenarioError(f"steroid {given.strip()!r} is no dose of dexamethasone", hint)
    if not at:
        return _checked(found["mg"])
    start, to, end = days.partition(TO)
    if not to:
        raise ScenarioError(f"steroid {given.strip()!r}: its days are not FROM{TO}TO", HOW)
    return _checked(found["mg"], _day(start.strip() or 0.0, first), _day(end.strip() or None, first))


def _checked(mg: Any, from_d: float | None = 0.0, until_d: float | None = None) -> Steroid:
    start = 0.0 if from_d is None else float(from_d)
    if until_d is not None and not until_d > start:
        raise ScenarioError(f"steroid: its last day {until_d:g} is not after its first, {start:g}", HOW)
    return Steroid(checked("dexamethasone_mg_d", mg, "steroid"), start, None if until_d is None else float(until_d))


def _day(given: Any, first: date | None) -> float | None:
    """A day from the first fraction, from a number or a date. [d]"""
    if given is None:
        return None
    if isinstance(given, int | float | str):
        try:
            return number_from(given, "steroid: a day")
        except ScenarioError:
            if not isinstance(given, str):
                raise
    try:
        when = given if isinstance(given, date) else date.fromisoformat(str(given))
    except ValueError:
        raise ScenarioError(f"steroid: {given!r} is neither a day nor a date", "write 14 or 2026-03-16") from None
    if first is None:
        raise ScenarioError(
            f"steroid: {when} is a date, and the day of the first fraction is not given",
            "give it too (--first-fraction, or first_fraction in the patient file), or days from it",
        )
    return float((when - first).days)


def _apart(periods: Periods) -> Periods:
    for one, other in pairwise(periods):
        if one.until_d is None or other.from_d < one.until_d:
            raise ScenarioError(f"steroid periods {one} and {other} overlap", "give each day one dose")
    return periods
