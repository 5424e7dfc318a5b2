"""Days of a course's fractions: rhythms, late starts, missed days and how they are made up for."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from lymphorisk.errors import ScenarioError
from lymphorisk.plan.delivery import Rhythm
from lymphorisk.plan.schedule import DAYS_PER_WEEK, TWICE_DAILY_GAP_H, WORKING_DAYS
from lymphorisk.units import HOURS_PER_DAY

MakeUp = Literal["later", "bid", "weekend"]
MAKE_UP: tuple[MakeUp, ...] = get_args(MakeUp)
#: No course with its breaks lasts longer. [d]
LONGEST_D = 1000
#: Fractions of one day lie this far apart. [d]
GAP_D = TWICE_DAILY_GAP_H / HOURS_PER_DAY


@dataclass(frozen=True, slots=True)
class Slot:
    """What is said of one fraction: its rhythm, and the day before which it is not given [d]."""

    rhythm: Rhythm = field(default_factory=Rhythm)
    start: int | None = None


def days_of(
    slots: Sequence[Slot],
    first_weekday: int = 0,
    missed_days: Collection[int] = (),
    missed_fractions: Collection[int] = (),
    make_up: MakeUp = "later",
) -> tuple[float, ...]:
    """Time of each fraction from the first one. [d]

    Parameters
    ----------
    slots : sequence of Slot
        One a fraction, in order.
    first_weekday : int
        Of day 0; 0 is Monday.
    missed_days : collection of int
        Days without treatment. [d]
    missed_fractions : collection of int
        Fractions, from 1, that were not given when they were planned.
    make_up : str
        A lost fraction is given ``later`` (everything after it moves on by one, and its part of the course grows by a
        treatment day), as a second one on the next treatment day (``bid``), or at the next ``weekend``.

    Raises
    ------
    ScenarioError
        A day is missed on which nothing is planned, or the first one; a course by working days begins at a weekend.

    Examples
    --------
    >>> days_of([Slot()] * 6)
    (0.0, 1.0, 2.0, 3.0, 4.0, 7.0)
    >>> days_of([Slot()] * 4, missed_days=[1], make_up="bid")
    (0.0, 2.0, 2.25, 3.0)
    """
    planned = _planned(slots, first_weekday)
    for n in missed_fractions:
        if not 1 <= n <= len(planned):
            raise ScenarioError(f"fraction {n} is missed, and the course has {len(planned)}")
    struck = {planned[n - 1] for n in missed_fractions}
    if not struck and not missed_days:
        return planned
    return _with_gaps(slots, first_weekday, frozenset(missed_days), frozenset(struck), make_up)


def moved(
    planned: Sequence[float],
    first_weekday: int,
    missed_days: Collection[int] = (),
    missed_fractions: Collection[int] = (),
    make_up: MakeUp = "later",
) -> tuple[float, ...]:
    """The same for fractions whose times are given: what is lost goes to the next working day after the last. [d]"""
    for n in missed_fractions:
        if not 1 <= n <= len(planned):
            raise ScenarioError(f"fraction {n} is missed, and the course has {len(planned)}")
    struck = {planned[n - 1] for n in missed_fractions}
    days = frozenset(missed_days)
    times, hit = _made_up(list(planned), Rhythm(), first_weekday, days, frozenset(struck), make_up)
    _all_met(days, hit)
    return tuple(times)


def with_break(times: Sequence[float], after: int, days: int, first_weekday: int) -> tuple[float, ...]:
    """The same course with a break of so many days after a fraction; then it goes on as it was planned.

    A fraction that would fall on a weekend day waits until Monday, with all that follow, where none fell on one before.

    Examples
    --------
    >>> with_break([0.0, 1.0, 2.0, 3.0], 2, 7, 0), with_break([0.0, 1.0, 2.0], 2, 3, 0)
    ((0.0, 1.0, 9.0, 10.0), (0.0, 1.0, 7.0))
    """
    if not 1 <= after < len(times):
        raise ScenarioError(f"a break after fraction {after} of {len(times)} is none")
    pauses = all(_weekday(t, first_weekday) < WORKING_DAYS for t in times)
    out = list(times[:after])
    shift = float(days)
    for t in times[after:]:
        while pauses and _weekday(t + shift, first_weekday) >= WORKING_DAYS:
            shift += 1.0
        out.append(t + shift)
    return tuple(out)


def _weekday(time: float, first_weekday: int) -> int:
    return (first_weekday + math.floor(time)) % DAYS_PER_WEEK


def _planned(slots: Sequence[Slot], first_weekday: int) -> tuple[float, ...]:
    return _with_gaps(slots, first_weekday, frozenset(), frozenset(), "later")


def _with_gaps(
    slots: Sequence[Slot], first_weekday: int, days: frozenset[int], struck: frozenset[float], make_up: MakeUp
) -> tuple[float, ...]:
    out: list[float] = []
    hit: set[int] = set()
    for block in _blocks(slots):
        times = _times_of(block, out, first_weekday)
        made, met = _made_up(times, block[-1].rhythm, first_weekday, days, struck, make_up)
        out += made
        hit |= met
    _all_met(days, hit)
    return tuple(out)


def _all_met(days: frozenset[int], hit: Collection[int]) -> None:
    if idle := sorted(days - set(hit)):
        raise ScenarioError(
            f"day {idle[0]} is missed, and nothing is planned on it", "days count from the first fraction (day 0)"
        )


def _blocks(slots: Sequence[Slot]) -> list[list[Slot]]:
    """Fractions of one rhythm, from one stated start to the next."""
    out: list[list[Slot]] = []
    for slot in slots:
        if not out or slot.start is not None or slot.rhythm != out[-1][-1].rhythm:
            out.append([])
        out[-1].append(slot)
    return out


def _times_of(block: Sequence[Slot], before: Sequence[float], first_weekday: int) -> list[float]:
    """Times of a block's fractions, none before its start, each after those before it."""
    start = block[0].start
    if not before and start:
        raise ScenarioError("the first fraction starts the course: it is on day 0", "days count from it")
    last = before[-1] if before else None
    if start is not None and last is not None and start <= math.floor(last):
        raise ScenarioError(
            f"a plan starts on day {start}, and the fractions before it last until day {math.floor(last)}",
            "correct the day, or let it follow without one",
        )
    rhythm = block[0].rhythm
    day, out, on_day = start or 0, list(before[-1:]), 0
    for _ in block:
        if 0 < on_day < rhythm.per_day:
            out.append(math.floor(out[-1]) + on_day * GAP_D)
            on_day += 1
            continue
        if out:
            day = max(day, math.floor(out[-1]) + rhythm.every_d)
        while not rhythm.weekends and _weekday(day, first_weekday) >= WORKING_DAYS:
            if not out:
                raise ScenarioError(
                    "the first fraction is at a weekend, and the course is by working days",
                    "correct the date of the first fraction, or say daily",
                )
            day += 1
        out.append(float(day))
        on_day = 1
    return out[len(before[-1:]) :]


def _made_up(
    times: list[float],
    rhythm: Rhythm,
    first_weekday: int,
    days: frozenset[int],
    struck: frozenset[float],
    make_up: MakeUp,
) -> tuple[list[float], set[int]]:
    """Times without those that are missed, and with what makes up for them; which missed days were met."""
    lost = [t for t in times if math.floor(t) in days or t in struck]
    kept = [t for t in times if t not in lost]
    hit = {math.floor(t) for t in lost}
    if any(math.floor(t) == 0 for t in lost):
        raise ScenarioError("the first fraction starts the course: day 0 is not missed", "days count from it")
    for t in lost:
        extra = _second(kept, t) if make_up == "bid" else None
        if make_up == "weekend":
            extra = _weekend(kept, t, times[-1], first_weekday, days)
        kept.append(_appended(kept, rhythm, first_weekday, days, hit) if extra is None else extra)
        kept.sort()
    return kept, hit


def _second(kept: Sequence[float], lost: float) -> float | None:
    """A second fraction on the first later day that has one."""
    per_day: dict[int, int] = {}
    for t in kept:
        per_day[math.floor(t)] = per_day.get(math.floor(t), 0) + 1
    return next((t + GAP_D for t in kept if t > lost and t == math.floor(t) and per_day[math.floor(t)] == 1), None)


def _weekend(kept: Sequence[float], lost: float, last: float, first_weekday: int, days: frozenset[int]) -> float | None:
    """The first later weekend day without a fraction, within a week of the planned end."""
    used = {math.floor(t) for t in kept}
    for day in range(math.floor(lost) + 1, math.floor(last) + DAYS_PER_WEEK):
        if _weekday(day, first_weekday) >= WORKING_DAYS and day not in used and day not in days:
            return float(day)
    return None


def _appended(kept: Sequence[float], rhythm: Rhythm, first_weekday: int, days: frozenset[int], hit: set[int]) -> float:
    """The next treatment day after the last fraction."""
    last = max(kept)
    if sum(math.floor(t) == math.floor(last) for t in kept) < rhythm.per_day:
        return math.floor(last) + GAP_D
    for day in range(math.floor(last) + rhythm.every_d, math.floor(last) + LONGEST_D):
        if rhythm.weekends or _weekday(day, first_weekday) < WORKING_DAYS:
            if day not in days:
                return float(day)
            hit.add(day)
    raise ScenarioError("every later day is missed", "correct the days that are missed")
