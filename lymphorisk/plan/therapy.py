"""Days of a drug or of cells beside radiotherapy, as people write them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from lymphorisk.errors import ScenarioError
from lymphorisk.plan.delivery import SHOWN, When, when_of

HOW = 'write "durvalumab=2026-06-01,2026-06-15" or "cells=day 40": a name, and dates or days from the first fraction'


@dataclass(frozen=True, slots=True)
class Therapy:
    """A drug or a cell product, and the days it is given."""

    name: str
    given: tuple[When, ...]

    def days(self, first: date | None) -> tuple[int, ...]:
        """Days from the first fraction, rising. [d]

        Raises
        ------
        ScenarioError
            A date, and that of the first fraction is not known; a day stands twice.
        """
        days = sorted(w.of_course(first) for w in self.given)
        if len(set(days)) < len(days):
            raise ScenarioError(f"{self.name}: a day stands there twice", HOW)
        return tuple(days)


def therapy_of(text: str) -> Therapy:
    """The therapy that a text means.

    Raises
    ------
    ScenarioError
        It means none.

    Examples
    --------
    >>> therapy_of("cells=day 40, day 61").days(None)
    (40, 61)
    """
    name, sign, days = text.partition("=")
    if not sign or not name.strip() or not days.strip():
        raise ScenarioError(f"{text[:SHOWN]!r} is no therapy with its days", HOW)
    given = tuple(when_of(part) for part in days.split(","))
    if any(w.fraction is not None for w in given):
        raise ScenarioError(f"{text[:SHOWN]!r}: a therapy is given on a day or a date", HOW)
    return Therapy(name.strip(), given)


def therapies_of(texts: Sequence[str]) -> tuple[Therapy, ...]:
    """Several therapies, one a name.

    Raises
    ------
    ScenarioError
        A name stands twice.
    """
    made = tuple(therapy_of(text) for text in texts)
    names = [t.name.casefold() for t in made]
    if len(set(names)) < len(names):
        raise ScenarioError("a therapy stands there twice", "write its days in one: NAME=DAY,DAY")
    return made
