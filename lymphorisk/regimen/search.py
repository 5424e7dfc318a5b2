"""Which schedules of the free knobs meet the criteria, and what depth costs in duration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lymphorisk.conditioning.criteria import Judgement, joint_probability, judge_all
from lymphorisk.conditioning.regimen import Regimen
from lymphorisk.regimen.chain import metrics_only, setup
from lymphorisk.regimen.checks import emitter_criteria, label_criteria, window_findings
from lymphorisk.regimen.exposure import PlanExposure
from lymphorisk.regimen.knobs import Knob, Schedule, schedules
from lymphorisk.regimen.metrics import without_unmodelled
from lymphorisk.regimen.read import PatientFacts
from lymphorisk.regimen.settings import Choices

#: Draws of a search: the joint probability is then known to about 0.04, enough to order schedules; those listed
#: can be forecast with the full ensemble afterwards.
SEARCH_DRAWS = 128
#: The two axes of the frontier: how deep at infusion, how long too low after it.
DEPTH, DURATION = "alc_at_infusion", "days_below_0_2_after"


@dataclass(frozen=True, slots=True)
class Found:
    """One schedule, judged.

    Attributes
    ----------
    schedule : Schedule
    joint : float or None
        Share of the ensemble that meets all criteria at once.
    meets : bool
        The joint share reaches `decision.search_from`, and the infusion is in the window.
    in_window : bool
        The infusion falls into the product's window.
    depth, duration : float
        Medians: host count at infusion [10^9/L], days below 0.2 after it [d].
    on_frontier : bool
        No other schedule is both as deep and as short.
    judgements : tuple of Judgement
    """

    schedule: Schedule
    joint: float | None
    meets: bool
    in_window: bool
    depth: float
    duration: float
    on_frontier: bool
    judgements: tuple[Judgement, ...]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """All schedules: those that meet the criteria first, nearest to the regimen as given first among them; then
    the others by the probability they reach."""

    regimen: Regimen
    knobs: tuple[Knob, ...]
    found: tuple[Found, ...]
    share: float
    draws: int
    seed: int
    asked: tuple[str, ...] = ()

    @property
    def meeting(self) -> tuple[Found, ...]:
        """Schedules that meet the criteria."""
        return tuple(f for f in self.found if f.meets)


def search(
    regimen: Regimen,
    plans: Mapping[str, PlanExposure],
    knobs: Sequence[Knob],
    facts: PatientFacts,
    choices: Choices | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> SearchResult:
    """Judge every schedule the knobs span.

    Parameters
    ----------
    on_progress : callable, optional
        Called with (done, of).
    """
    chosen = choices or Choices()
    chosen = replace(chosen, draws=min(chosen.draws, SEARCH_DRAWS))
    on = setup(facts, chosen)
    every = schedules(regimen, knobs)
    judged: list[Found] = []
    for i, schedule in enumerate(every):
        found = metrics_only(schedule.regimen, plans, on)
        metrics = without_unmodelled(found, schedule.regimen)
        criteria = (
            *(chosen.asked or on.criteria),
            *label_criteria(schedule.regimen),
            *emitter_criteria(schedule.regimen, plans),
        )
        joint = None if schedule.regimen.unmodelled else joint_probability(criteria, metrics)
        in_window = not window_findings(schedule.regimen)
        judged.append(
            Found(
                schedule,
                joint,
                joint is not None and joint >= on.decision.search_from and in_window,
                in_window,
                float(np.median(np.asarray(found[DEPTH]))),
                float(np.median(np.asarray(found[DURATION]))),
                False,
                judge_all(criteria, metrics, on.decision),
            )
        )
        if on_progress is not None:
            on_progress(i + 1, len(every))
    marked = frontier(judged)
    # sorted() is stable: equal schedules stay nearest first
    ordered = sorted(marked, key=lambda f: (not f.meets, 0.0 if f.meets else -(f.joint or 0.0)))
    asked = tuple(c.label for c in chosen.asked)
    if chosen.recovery_by is not None:
        asked = (*asked[:-1], f"{asked[-1]} ({on.recovered:g} x10^9/L)")
    share = on.decision.search_from
    return SearchResult(regimen, tuple(knobs), tuple(ordered), share, on.draws.n, chosen.seed, asked)


def frontier(found: Sequence[Found]) -> list[Found]:
    """Mark the schedules no other beats in both depth and duration."""
    order = sorted(range(len(found)), key=lambda i: (found[i].depth, found[i].duration))
    best = np.inf
    on: set[int] = set()
    for i in order:
        if found[i].duration < best - EDGE_D:
            best = found[i].duration
            on.add(i)
    return [replace(f, on_frontier=i in on) for i, f in enumerate(found)]


#: Durations that differ by less than a minute are the same. [d]
EDGE_D = 1e-3
