"""Planner criteria: numbers of a forecast against limits a person can edit. Never a verdict on the patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lymphorisk.absent import Absent
from lymphorisk.errors import ScenarioError

Array = NDArray[np.float64]

State = Literal["MET", "NOT MET", "CANNOT SAY"]
STATES: tuple[State, ...] = get_args(State)
COMPARATORS: Mapping[str, str] = {"at_most": "<=", "at_least": ">="}
#: Days and counts that agree to this are equal: far below an hour and a cell per microlitre.
EDGE = 1e-9


@dataclass(frozen=True, slots=True)
class Metric:
    """A number of a forecast: what it is called, its unit, and what it means."""

    name: str
    label: str
    unit: str


METRICS: Mapping[str, Metric] = {
    m.name: m
    for m in (
        Metric("alc_at_infusion", "host ALC at infusion", "10^9/L"),
        Metric("alc_at_last_infusion", "host ALC at the last infusion of a split dose", "10^9/L"),
        Metric("alc_max_in_window", "highest host ALC over the product's window", "10^9/L"),
        Metric("alc_at_apheresis", "host ALC at leukapheresis", "10^9/L"),
        Metric("alc_at_lymphodepletion", "host ALC when lymphodepletion starts", "10^9/L"),
        Metric("alc_nadir", "lowest host ALC", "10^9/L"),
        Metric("nadir_day", "day of the lowest host ALC", "d"),
        Metric("days_below_0_1_before", "days below 0.1 before infusion", "d"),
        Metric("days_below_0_2_before", "days below 0.2 before infusion", "d"),
        Metric("days_below_0_5_before", "days below 0.5 before infusion", "d"),
        Metric("days_below_0_1_after", "days below 0.1 after infusion", "d"),
        Metric("days_below_0_2_after", "days below 0.2 after infusion", "d"),
        Metric("days_below_0_5_after", "days below 0.5 after infusion", "d"),
        Metric("days_below_0_2_beyond_day_30", "days below 0.2 beyond day 30", "d"),
        Metric("alc_day_30", "host ALC on day 30", "10^9/L"),
        Metric("alc_day_90", "host ALC on day 90", "10^9/L"),
        Metric("fludarabine_auc", "fludarabine exposure (AUC of F-ara-A)", "mg h/L"),
        Metric("blood_gy_after_infusion", "mean blood dose of fractions from day 0 on", "Gy"),
        Metric("fraction_to_apheresis_d", "last fraction before leukapheresis to leukapheresis", "d"),
        Metric("fraction_to_lymphodepletion_d", "last bridging fraction to lymphodepletion", "d"),
        Metric("fraction_to_infusion_d", "last fraction to infusion", "d"),
        Metric("fractions_to_day_30", "bridging fractions from lymphodepletion to day 30", "1"),
        Metric("lymphodepletion_to_infusion_d", "last lymphodepleting dose to infusion", "d"),
        Metric("days_outside_window", "infusion outside the product's window", "d"),
        Metric("wbc", "white count in the week before infusion", "10^9/L"),
        Metric("day_back", "day from which the host's ALC stays above the recovery count", "d"),
        Metric("emitter_mgy_h_at_infusion", "dose rate of blood by internal emitters at infusion", "mGy/h"),
    )
}


Value = Array | float | Absent


@dataclass(frozen=True, slots=True)
class Criterion:
    """A limit on a metric, with the evidence for it.

    Attributes
    ----------
    metric : str
        One of `METRICS`.
    comparator : str
        ``at_most`` or ``at_least``; the limit itself meets it.
    limit : float
        In the metric's unit.
    known : str
        How the limit is known: ``read``, ``derived``, ``recalled``, ``fitted``, ``assumed``.
    source, place, note : str
        The evidence that is printed beside the state.
    """

    metric: str
    comparator: str
    limit: float
    known: str
    source: str
    place: str
    note: str = ""

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise ScenarioError(f"criterion on unknown metric {self.metric!r}", f"use one of {', '.join(METRICS)}")
        if self.comparator not in COMPARATORS:
            raise ScenarioError(f"criterion {self.metric}: {self.comparator!r} is not at_most or at_least")

    @property
    def label(self) -> str:
        """The criterion in words."""
        m = METRICS[self.metric]
        unit = "" if m.unit == "1" else f" {m.unit}"
        return f"{m.label} {COMPARATORS[self.comparator]} {self.limit:g}{unit}"


@dataclass(frozen=True, slots=True)
class Decision:
    """From which share of the ensemble a criterion is MET, up to which NOT MET, and what a search lists."""

    met_from: float
    not_met_to: float
    search_from: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 <= self.not_met_to < self.met_from <= 1.0 or not 0.0 < self.search_from <= 1.0:
            raise ScenarioError("the shares for MET and NOT MET must not overlap")


@dataclass(frozen=True, slots=True)
class Judgement:
    """A criterion on one regimen.

    Attributes
    ----------
    state : str
        One of `STATES`.
    probability : float or None
        Share of the ensemble that meets it; None when it cannot be said.
    value : float or None
        Median of the metric.
    low, high : float or None
        Its 5th and 95th percentile.
    reason : str
        Why it cannot be said, or why there is nothing to judge.
    """

    criterion: Criterion
    state: State
    probability: float | None
    value: float | None
    low: float | None
    high: float | None
    reason: str = ""


#: The outer percentiles shown beside a median.
OUTER = (0.05, 0.95)


def meets(criterion: Criterion, values: Array) -> NDArray[np.bool_]:
    """Which draws meet the criterion."""
    edge = EDGE * max(1.0, abs(criterion.limit))
    if criterion.comparator == "at_most":
        return np.asarray(values <= criterion.limit + edge)
    return np.asarray(values >= criterion.limit - edge)


def judge(criterion: Criterion, value: Value, decision: Decision) -> Judgement:
    """The state of one criterion.

    Examples
    --------
    >>> deep = Criterion("alc_at_infusion", "at_most", 0.1, "assumed", "assumption", "here")
    >>> judge(deep, np.array([0.05, 0.2]), Decision(0.8, 0.2)).state
    'CANNOT SAY'
    """
    if isinstance(value, Absent):
        if value.kind == "not applicable":
            return Judgement(criterion, "MET", 1.0, None, None, None, value.reason)
        return Judgement(criterion, "CANNOT SAY", None, None, None, None, value.reason)
    values = np.atleast_1d(np.asarray(value, dtype=float))
    p = float(meets(criterion, values).mean())
    state: State = "MET" if p >= decision.met_from else "NOT MET" if p <= decision.not_met_to else "CANNOT SAY"
    reason = "" if state != "CANNOT SAY" else "the ensemble is divided"
    low, high = (float(q) for q in np.quantile(values, OUTER))
    return Judgement(criterion, state, p, float(np.median(values)), low, high, reason)


def judge_all(
    criteria: tuple[Criterion, ...], metrics: Mapping[str, Value], decision: Decision
) -> tuple[Judgement, ...]:
    """All criteria in their order; a metric the forecast does not give is CANNOT SAY."""
    absent = Absent.unknown("this forecast does not give it")
    return tuple(judge(c, metrics.get(c.metric, absent), decision) for c in criteria)


def joint_probability(criteria: tuple[Criterion, ...], metrics: Mapping[str, Value]) -> float | None:
    """Share of the ensemble that meets at once all criteria that can be judged; None when none can."""
    together: NDArray[np.bool_] | None = None
    judged = False
    for c in criteria:
        value = metrics.get(c.metric, Absent.unknown(""))
        if isinstance(value, Absent):
            judged = judged or value.kind == "not applicable"
            continue
        judged = True
        ok = meets(c, np.atleast_1d(np.asarray(value, dtype=float)))
        together = ok if together is None else together & ok
    if not judged:
        return None
    return 1.0 if together is None else float(together.mean())
