"""A course as it is given: which fractions of which plan, on which days, and how far it has come."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date

from lymphorisk.errors import ScenarioError
from lymphorisk.plan.calendar import MakeUp, Slot, days_of, moved
from lymphorisk.plan.delivery import Delivery, Rhythm, When, plan_named
from lymphorisk.plan.treatment import Phase, PlanName


@dataclass(frozen=True, slots=True)
class Given:
    """A phase as it is given, and its place among the phases of the plans."""

    phase: Phase
    place: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """What is said of the days of a course.

    Attributes
    ----------
    first : date or None
        Of the first fraction.
    first_weekday : int
        Of day 0; 0 is Monday.
    missed : tuple of When
        Days, or fractions, without treatment.
    make_up : str
        `calendar.MAKE_UP`.
    """

    first: date | None = None
    first_weekday: int = 0
    missed: tuple[When, ...] = ()
    make_up: MakeUp = "later"

    def lost(self) -> tuple[frozenset[int], frozenset[int]]:
        """Days and fractions that are missed."""
        days = frozenset(w.of_course(self.first) for w in self.missed if w.fraction is None)
        if early := sorted(d for d in days if d < 0):
            raise ScenarioError(f"day {early[0]} is missed, before the first fraction", "correct the date")
        return days, frozenset(w.fraction for w in self.missed if w.fraction is not None)


def delivered(phases: Sequence[Phase], deliveries: Sequence[Delivery], calendar: Calendar) -> tuple[Given, ...]:
    """The course that deliveries make of the phases of several plans, in the order they are first given.

    A fraction that several deliveries name is given by each of their plans, one after the other on that day. A plan of
    several phases (fraction groups) gives them in their order.

    Raises
    ------
    LinkError
        A plan is not there, or several are called so.
    ScenarioError
        A fraction of the course is by no plan; a plan gives more fractions than it has; what is said of the days of one
        fraction differs.
    """
    plans = list(dict.fromkeys(_name(phase) for phase in phases))
    named = [plan_named(d.plan, plans) for d in deliveries]
    last = max(d.fractions[-1] for d in deliveries)
    covered = {n for d in deliveries for n in d.fractions}
    if gap := [n for n in range(1, last + 1) if n not in covered]:
        raise ScenarioError(
            f"fraction {gap[0]} of the course is given by no plan",
            "fractions of the course are numbered without gaps; days without treatment are --missed, or a plan starts "
            'later: "B=11-28 from day 20"',
        )
    days = days_of(_slots(deliveries, last, calendar.first), calendar.first_weekday, *calendar.lost(), calendar.make_up)
    out: list[Given] = []
    for plan in dict.fromkeys(named):
        own = sorted(n for d, name in zip(deliveries, named, strict=True) if name == plan for n in d.fractions)
        if len(set(own)) < len(own):
            twice = next(n for n in own if own.count(n) > 1)
            raise ScenarioError(f"fraction {twice} is given twice by plan {plan.label!r}", "two a day are bid")
        mine = [(i, phase) for i, phase in enumerate(phases) if _name(phase) == plan]
        has = sum(phase.fractions for _, phase in mine)
        if len(own) > has:
            raise ScenarioError(
                f"plan {plan.label!r} has {has} fractions, and {len(own)} are to be given by it",
                "a plan gives no more fractions than it was made for",
            )
        done = 0
        for i, phase in mine:
            part = own[done : done + phase.fractions]
            done += len(part)
            if part:
                out.append(Given(_part(phase, [days[n - 1] for n in part]), i))
    return tuple(sorted(out, key=lambda g: (g.phase.days or (0.0,))[0]))


def with_missed(phases: Sequence[Phase], calendar: Calendar, *, by_rhythm: bool) -> tuple[Phase, ...]:
    """The phases of a course, whose days are set, with what is missed made up for.

    Parameters
    ----------
    by_rhythm : bool
        Whether the days are those of working days without breaks, and may be counted anew.
    """
    times = fraction_times(phases)
    days, fractions = calendar.lost()
    if by_rhythm:
        new = days_of([Slot()] * len(times), calendar.first_weekday, days, fractions, calendar.make_up)
    else:
        new = moved(times, calendar.first_weekday, days, fractions, calendar.make_up)
    return retimed(phases, dict(zip(times, new, strict=True)))


def fraction_times(phases: Sequence[Phase]) -> tuple[float, ...]:
    """Times of the fractions of a course, phases together; two plans in one fraction count once. [d]"""
    return tuple(sorted({day for phase in phases for day in phase.days or ()}))


def retimed(phases: Sequence[Phase], times: dict[float, float]) -> tuple[Phase, ...]:
    """The same phases at other times."""
    return tuple(replace(phase, days=tuple(times[d] for d in phase.days or ())) for phase in phases)


def first_fractions(phases: Sequence[Phase], fractions: int) -> tuple[Given, ...]:
    """The course up to a fraction, as given so far; its days are set.

    Raises
    ------
    ScenarioError
        It has no so many.
    """
    times = fraction_times(phases)
    if not 1 <= fractions <= len(times):
        raise ScenarioError(f"{fractions} fractions are given so far, and the course has {len(times)}")
    kept = set(times[:fractions])
    out = []
    for i, phase in enumerate(phases):
        part = [d for d in phase.days or () if d in kept]
        if part:
            out.append(Given(_part(phase, part), i))
    return tuple(out)


def _part(phase: Phase, days: Sequence[float]) -> Phase:
    whole = phase.of_fractions
    return replace(phase, fractions=len(days), planned=None if len(days) == whole else whole, days=tuple(days))


def _name(phase: Phase) -> PlanName:
    return phase.plan or PlanName(phase.label)


def _slots(deliveries: Sequence[Delivery], last: int, first: date | None) -> list[Slot]:
    rhythms: dict[int, Rhythm] = {}
    starts: dict[int, int] = {}
    for d in deliveries:
        for n in d.fractions if d.rhythm is not None else ():
            assert d.rhythm is not None
            if rhythms.setdefault(n, d.rhythm) != d.rhythm:
                raise ScenarioError(f"fraction {n} has two rhythms", "say it once")
        if d.start is not None:
            n, day = d.fractions[0], d.start.of_course(first)
            if day < 0:
                raise ScenarioError(
                    f"plan {d.plan!r} starts on day {day}, before the first fraction", "correct the date"
                )
            if starts.setdefault(n, day) != day:
                raise ScenarioError(f"fraction {n} starts on two days", "say it once")
    return [Slot(rhythms.get(n, Rhythm()), starts.get(n)) for n in range(1, last + 1)]


def told(deliveries: Collection[Delivery]) -> str:
    """Deliveries as one text.

    Examples
    --------
    >>> told([Delivery("A", (1, 2, 3)), Delivery("B", (4, 6))])
    'A 1-3, B 4 and 6'
    """
    return ", ".join(f"{d.plan} {ranges(d.fractions)}" for d in deliveries)


def ranges(numbers: Sequence[int]) -> str:
    """Numbers as ranges.

    Examples
    --------
    >>> ranges([1, 2, 3, 6, 7])
    '1-3 and 6-7'
    """
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == runs[-1][1] + 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    return " and ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)
