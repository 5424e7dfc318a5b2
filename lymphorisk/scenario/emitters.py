"""Internal emitters as a scenario gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lymphorisk.errors import ScenarioError
from lymphorisk.frozen import FrozenDict
from lymphorisk.plan.emitter import MarrowMethod, Nuclide


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
