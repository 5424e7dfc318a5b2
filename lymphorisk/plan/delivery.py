"""Which fractions of a course each of several plans gives, as people write it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from lymphorisk.errors import LinkError, ScenarioError
from lymphorisk.plan.treatment import PlanName

HOW = 'write "A=1-10" and "B=11-28": the plan\'s label, and the fractions of the course that it gives'
FULL = 'such as "Boost=26-30 from 2026-06-15 bid"'
#: More fractions than this are a slip.
MOST = 300
RANGE = re.compile(r"(?P<first>\d{1,4})(?:\s*[-\u2013]\s*(?P<last>\d{1,4}))?")
RHYTHMS = ("weekdays", "daily", "bid", "alternate")
WHEN = re.compile(r"(?:(?P<kind>day|fraction)[ =]?)?\s*(?P<number>\d{1,4})", re.IGNORECASE)
#: Letters of what was typed, and of a UID, that a message shows.
SHOWN = 80
UID_END = 12
#: Letters of a UID or a folder that tell a plan.
SHORTEST = 4


@dataclass(frozen=True, slots=True)
class When:
    """A day of a course: counted from the first fraction (0), by date, or that on which a fraction was planned."""

    day: int | None = None
    on: date | None = None
    fraction: int | None = None

    def of_course(self, first: date | None) -> int:
        """Days from the first fraction. [d]

        Raises
        ------
        ScenarioError
            A date, and the date of the first fraction is not known.
        """
        if self.on is None:
            assert self.day is not None
            return self.day
        if first is None:
            raise ScenarioError(
                f"{self.on}: the day of the first fraction is not known", "give --first-fraction YYYY-MM-DD"
            )
        return (self.on - first).days


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How fractions follow each other: fractions a day, days from one to the next, weekends with or without."""

    per_day: int = 1
    every_d: int = 1
    weekends: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """The fractions of a course that one plan gives.

    Attributes
    ----------
    plan : str
        Label, UID (or a part of it), or folder, as typed.
    fractions : tuple of int
        Of the course, from 1, rising.
    start : When or None
        The first of them is not given before.
    rhythm : Rhythm or None
        None is one a working day.
    """

    plan: str
    fractions: tuple[int, ...]
    start: When | None = None
    rhythm: Rhythm | None = None


def delivery_of(text: str) -> Delivery:
    """The delivery that a text such as ``A=1-10``, ``A=1-5,8`` or ``Boost=26-30 from day 40 bid`` means.

    Raises
    ------
    ScenarioError
        It means none.

    Examples
    --------
    >>> delivery_of("A=1-3,6").fractions
    (1, 2, 3, 6)
    >>> delivery_of("Boost=26-30 from 2026-06-15 bid").rhythm
    Rhythm(per_day=2, every_d=1, weekends=True)
    """
    plan, sign, rest = text.rpartition("=")
    if not sign or not plan.strip() or not rest.strip():
        raise ScenarioError(f"{text[:SHOWN]!r} says no fractions of a plan", HOW)
    words = rest.strip()
    ranges, _, more = words.partition(" from ")
    tail = (more or ranges).split()
    rhythm: list[str] = []
    while tail and tail[-1].lower() in RHYTHMS:
        rhythm.insert(0, tail.pop().lower())
    if more:
        start: When | None = when_of(" ".join(tail))
    else:
        start, ranges = None, " ".join(tail)
    if start is not None and start.fraction is not None:
        raise ScenarioError(f"{text[:SHOWN]!r}: a plan starts on a day or a date", FULL)
    return Delivery(plan.strip(), _fractions(ranges, text), start, rhythm_of(rhythm))


def when_of(text: str) -> When:
    """A date, a day of the course (``day 14``), or the day of a fraction (``fraction 11``).

    Examples
    --------
    >>> when_of("2026-05-04").on, when_of("day 14").day, when_of("fraction=11").fraction
    (datetime.date(2026, 5, 4), 14, 11)
    """
    said = text.strip()
    try:
        return When(on=date.fromisoformat(said))
    except ValueError:
        found = WHEN.fullmatch(said)
    if found is None or found["kind"] is None:
        raise ScenarioError(
            f"{said[:SHOWN]!r} is no day", "write 2026-05-04, day 14 (from the first fraction) or fraction 11"
        )
    number = int(found["number"])
    if found["kind"].lower() == "day":
        return When(day=number)
    if number < 1:
        raise ScenarioError("fractions count from 1", "the first fraction is fraction 1, on day 0")
    return When(fraction=number)


def rhythm_of(words: Sequence[str]) -> Rhythm | None:
    """What ``bid``, ``daily``, ``weekdays`` and ``alternate`` say together; None for no word.

    ``bid`` alone is twice a day without pauses at weekends, as in a scenario; ``bid weekdays`` pauses.
    """
    if not words:
        return None
    said = set(words)
    if len(said) < len(words) or {"daily", "weekdays"} <= said or {"bid", "alternate"} <= said:
        raise ScenarioError(f"{' '.join(words)!r} is no rhythm", "use weekdays, daily, bid, bid weekdays or alternate")
    twice, every_other = "bid" in said, "alternate" in said
    weekends = "daily" in said or (twice and "weekdays" not in said)
    return Rhythm(2 if twice else 1, 2 if every_other else 1, weekends)


def _fractions(text: str, whole: str) -> tuple[int, ...]:
    numbers: list[int] = []
    for part in text.split(","):
        found = RANGE.fullmatch(part.strip())
        if found is None:
            raise ScenarioError(f"{whole[:SHOWN]!r}: {part.strip()[:SHOWN]!r} is no range of fractions", HOW)
        first = int(found["first"])
        last = int(found["last"] or first)
        if first < 1 or last > MOST:
            raise ScenarioError(f"{whole[:SHOWN]!r}: fractions are numbered from 1 to {MOST}", HOW)
        if last < first:
            raise ScenarioError(f"{whole[:SHOWN]!r}: {first}-{last} runs backwards", f"write {last}-{first}")
        numbers += range(first, last + 1)
    if len(set(numbers)) < len(numbers):
        twice = next(n for n in numbers if numbers.count(n) > 1)
        raise ScenarioError(
            f"{whole[:SHOWN]!r}: fraction {twice} stands there twice", "a plan gives a fraction once; two a day are bid"
        )
    return tuple(sorted(numbers))


def plan_named(wanted: str, plans: Sequence[PlanName]) -> PlanName:
    """The plan that a text means: its label, else its UID, a beginning or end of that, or of the place it lies in.

    Raises
    ------
    LinkError
        None is, or several are.
    """
    listed = "; ".join(
        f"{p.label or '(no label)'!r} [...{p.uid[-UID_END:]}]" if p.uid else repr(p.label) for p in plans
    )
    asked = wanted.strip().strip("[].").casefold()
    by_label = [p for p in plans if p.label.casefold() == wanted.strip().casefold()]
    found = by_label or [p for p in plans if asked and asked in {p.uid, p.place.casefold()}]
    if not found and len(asked) >= SHORTEST:
        found = [p for p in plans if p.uid.startswith(asked) or p.uid.endswith(asked)]
        found = found or [p for p in plans if p.place.casefold().startswith(asked)]
    if not found:
        raise LinkError(f"no plan is labelled {wanted[:SHOWN]!r}", f"there are: {listed}")
    if len(found) > 1:
        raise LinkError(
            f"several plans are labelled {wanted[:SHOWN]!r}: {listed}",
            "write the end of the plan's UID for its label, such as " + f'"{found[0].uid[-UID_END:] or "UID"}=1-10"',
        )
    return found[0]
