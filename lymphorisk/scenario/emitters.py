"""Internal emitters as a scenario gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lymphorisk.errors import ScenarioError
from lymphorisk.frozen import FrozenDict
from lymphorisk.plan.emitter import EVERY_ORGAN, MARROW_METHODS, MarrowMethod, Nuclide, marrow_method_of, nuclide_of

if TYPE_CHECKING:
    from lymphorisk.scenario.schema import EmitterTable
    from lymphorisk.tomlfile import Written


@dataclass(frozen=True, slots=True)
class EmitterGiven:
    """An ``[[emitter]]`` table; organs by name as typed.

    Attributes
    ----------
    nuclide : str
        One of `plan.emitter.NUCLIDES`.
    marrow_method : str
        One of `plan.emitter.MARROW_METHODS`.
    days : tuple of float
        Starts of the cycles on the calendar of the course, rising. [d]
    agent : str
        What carries the nuclide.
    activity_gbq : float or None
        Of one cycle. [GBq]
    gy_per_cycle, gy_per_gbq : mapping of str to float
        Absorbed dose of an organ, in one cycle [Gy] and per activity [Gy/GBq].
    half_life_h : mapping of str to float
        Effective half-lives; ``"*"`` of every organ not named. [h]
    label : str
    """

    nuclide: Nuclide
    marrow_method: MarrowMethod
    days: tuple[float, ...] = (0.0,)
    agent: str = ""
    activity_gbq: float | None = None
    gy_per_cycle: Mapping[str, float] = field(default_factory=lambda: FrozenDict({}))
    gy_per_gbq: Mapping[str, float] = field(default_factory=lambda: FrozenDict({}))
    half_life_h: Mapping[str, float] = field(default_factory=lambda: FrozenDict({}))
    label: str = ""

    def __post_init__(self) -> None:
        if not self.days or self.days[0] < 0.0 or list(self.days) != sorted(set(self.days)):
            raise ScenarioError("the days of an emitter's cycles must rise from 0 or more")
        if self.gy_per_gbq and self.activity_gbq is None:
            raise ScenarioError("doses per activity without an activity", "give activity_gbq, of one cycle")


def emitter_given(written: Written, table: EmitterTable, n: int) -> EmitterGiven:
    """The emitter of the `n`-th ``[[emitter]]`` table of a file.

    Raises
    ------
    ScenarioError
        No method of the marrow dose, cycles that do not fit, a dose without its activity.
    """
    at = ("emitter", n)
    if table.marrow_method is None:
        raise written.error(
            at,
            "does not say how the dose of the marrow was found",
            f"add marrow_method = one of {', '.join(MARROW_METHODS)}: published doses differ 20-fold by it",
        )
    hours = table.effective_half_life_h
    half_lives = {} if hours is None else dict(hours) if isinstance(hours, Mapping) else {EVERY_ORGAN: float(hours)}
    with written.at(at):
        return EmitterGiven(
            nuclide_of(table.nuclide),
            marrow_method_of(table.marrow_method),
            _days(written, table, n),
            table.agent,
            table.activity_gbq,
            FrozenDict(table.gy_per_cycle),
            FrozenDict(table.gy_per_gbq),
            FrozenDict(half_lives),
            table.label,
        )


def _days(written: Written, table: EmitterTable, n: int) -> tuple[float, ...]:
    if table.days is not None:
        days = tuple(table.days) if isinstance(table.days, list) else (float(table.days),)
        if table.cycles is not None and table.cycles != len(days):
            raise written.error(("emitter", n, "days"), f": {len(days)} days for {table.cycles} cycles")
        return days
    cycles = table.cycles or 1
    if cycles > 1 and table.every_d is None:
        raise written.error(("emitter", n, "cycles"), f": {cycles} cycles without their days", "give days, or every_d")
    return tuple(table.first_day + k * (table.every_d or 0.0) for k in range(cycles))
