"""Learning from the first counts: the ensemble reweighted by what was measured.

Each draw is weighted by the probability of the measured counts given its own course c,

    r_k = ln y_k - ln c(t_k) ~ N(0, covariance of the deviations of counts from a course, `observation`),

so counts of one patient are not independent: they share the level at his start and the slow wander, and one count
teaches the less the larger these are. A count of zero says "below what the analyser resolves". How many draws are left
to speak is the smaller of two numbers: the effective sample size (sum w)^2 / sum w^2, and the number of draws that show
the counts at all, sum exp(-(chi2 - k)+ / 2) for k counts (weights alone cannot see that every draw is far off). When
they are too few the draws are multiplied. When even then too few remain, the counts contradict the model: one that all
others, two at least, deny is left out and named, else no forecast is given. Counts from before the first fraction or
after the forecast's end say nothing here and are left out too, each with what would use it. The forecast of the
patient's next counts also learns his level and wander.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import ScenarioError, UndecidableError
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.lymphocyte.attribution import dimensions_met
from lymphorisk.lymphocyte.course import Course
from lymphorisk.lymphocyte.ensemble import (
    HORIZON_D,
    AlcForecast,
    assemble,
    counts_at,
    forecast,
)
from lymphorisk.lymphocyte.measured import measured_of
from lymphorisk.lymphocyte.observation import Observation, conditioned, deviations, observation, sequential
from lymphorisk.lymphocyte.population import Population, draw
from lymphorisk.lymphocyte.realisation import PATIENT_DIMENSIONS
from lymphorisk.lymphocyte.summary import band, summarise

LEFT_OUT = rule(
    "LR306",
    "warning",
    "Count not used",
    "A measured count is from before the first fraction or after the forecast's end, stands twice, or contradicts all "
    "others; the update rests on the rest.",
)

Counts = tuple[tuple[float, float], ...]
#: With fewer counts nobody can say which of them is wrong.
DECIDE_MIN = 3
#: Draws an update starts with: reweighting spends draws, so there are eight times as many as in a forecast.
UPDATE_DRAWS = 4096
#: Most draws an update goes to, a few seconds of work.
UPDATE_DRAWS_MAX = 32768
#: The draws are multiplied by this while too few speak.
DRAWS_FACTOR = 4
#: Below this many effective draws a quantile is noise (the 10th percentile rests on two of them).
ESS_MIN = 20.0
#: Enough effective draws for all reported quantiles; the draws are multiplied until they are reached.
ESS_WANTED = 200.0
#: A count of zero is read as below this: analysers report to one or two decimals. [10^9/L]
LOWEST_COUNT = 0.05
#: Shifts of a mean deviate below this are chance: 4096 draws weighted by a count leave an error of about 0.02.
LEARNED_MIN = 0.05
#: Share of the prior beyond which a count is called out as surprising in the refusal.
SURPRISE = 0.01


class Ensemble(Protocol):
    """Draws of a course of counts: all that a reweighting needs of a forecast."""

    @property
    def day(self) -> NDArray[np.float64]:
        """Days, shape (t,). [d]"""
        ...

    @property
    def counts(self) -> NDArray[np.float64]:
        """Counts, shape (n, t). [10^9/L]"""
        ...

    @property
    def weights(self) -> NDArray[np.float64]:
        """Weights, shape (n,), sum 1."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """A forecast before and after counts.

    Attributes
    ----------
    counts : tuple of (float, float)
        Day [d] and count [10^9/L] of those used, in order.
    prior, posterior : AlcForecast
        On the same draws; only the weights differ.
    effective_draws : float
        Effective sample size of the posterior.
    learned : dict of str to float
        Mean deviate of the dimensions that moved most, in standard deviations of the prior; only of those this course
        can feel: a drug that is not given says nothing.
    chemo : str
        The concurrent drug, ``none`` without.
    findings : tuple of Finding
        Counts that were not used.
    """

    counts: Counts
    prior: AlcForecast
    posterior: AlcForecast
    effective_draws: float
    learned: dict[str, float]
    chemo: str = "none"
    findings: tuple[Finding, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for the JSON result."""
        return {
            "counts": [{"day": day, "alc": value} for day, value in self.counts],
            "prior": self.prior.to_dict(),
            "posterior": self.posterior.to_dict(),
            "effective_draws": self.effective_draws,
            "learned": dict(self.learned),
            "findings": [f.to_dict() for f in self.findings],
        }


def update(
    course: Course,
    baseline_alc: float,
    people: Population,
    counts: Sequence[tuple[float, float]],
    *,
    age_y: float | None = None,
    lln: float | None = None,
    baseline_known: bool = True,
    seed: int = 1,
    horizon_d: float = HORIZON_D,
    draws: int = UPDATE_DRAWS,
) -> Update:
    """The forecast given measured counts.

    Parameters
    ----------
    course, baseline_alc, people, age_y, lln, baseline_known, seed, horizon_d
        As for `ensemble.forecast`.
    counts : sequence of (day, value)
        Measured counts, days from the first fraction [d] and values [10^9/L].
    draws : int
        Draws to start with.

    Raises
    ------
    ScenarioError
        No count that can be used.
    UndecidableError
        The counts contradict the model: hardly any drawn patient shows them, and no single one is to blame.
    """
    measured, notes = _usable(counts, horizon_d, baseline_alc)
    ask = partial(
        forecast,
        course,
        baseline_alc,
        people,
        age_y=age_y,
        lln=lln,
        baseline_known=baseline_known,
        seed=seed,
        horizon_d=horizon_d,
    )
    while True:
        prior = ask(draws=draws, explain=False)
        drawn = draw(people, draws, seed, PATIENT_DIMENSIONS)
        seen = observation(drawn.values, baseline_known)
        weights, effective = weights_of(prior, measured, seen)
        if effective >= ESS_WANTED or draws * DRAWS_FACTOR > UPDATE_DRAWS_MAX:
            break
        draws *= DRAWS_FACTOR
    if effective < ESS_MIN and (odd := _odd_one(prior, measured, seen)) is not None:
        notes.append(_left_out(odd, "contradicts all others and the forecast", "check its day, unit and sample"))
        measured = tuple(c for c in measured if c != odd)
        weights, effective = weights_of(prior, measured, seen)
    if effective < ESS_MIN:
        raise UndecidableError(
            f"the counts contradict the model: of {draws} drawn patients the equivalent of {effective:.0f} show them"
            + _surprises(prior, measured),
            "check days (from the first fraction), units and the baseline count; growth factors, infection, "
            "another drug or a change of the course are not in the model",
        )
    why = ask()
    prior = replace(prior, organ_share=why.organ_share, sensitivity=why.sensitivity, spread=why.spread)
    felt = dimensions_met(course, drawn, age_y is not None, baseline_known)
    moved = {name: float(weights @ drawn.z[name]) for name in felt}
    said = {name: move for name, move in moved.items() if abs(move) >= LEARNED_MIN}
    learned = dict(sorted(said.items(), key=lambda pair: -abs(pair[1])))
    summary = summarise(prior.day, prior.counts, weights, lln=lln)
    posterior = assemble(
        prior.day,
        prior.counts,
        summary,
        weights,
        measured=measured_of(
            prior.day,
            prior.counts,
            next_deviations(prior, measured, seen, seed),
            course.last_fraction_d,
            weights,
            lln,
        ),
        organ_share=prior.organ_share,
        sensitivity={},
        spread=None,
        baseline_alc=baseline_alc,
        baseline_known=baseline_known,
        seed=seed,
        horizon_d=horizon_d,
        lln=lln,
        findings=prior.findings,
        ensemble_id=prior.ensemble_id,
    )
    return Update(measured, prior, posterior, effective, learned, course.chemo, tuple(notes))


def _odd_one(prior: AlcForecast, measured: Counts, seen: Observation) -> tuple[float, float] | None:
    """The one count without which the others speak; None when there is no such one, or several."""
    if len(measured) < DECIDE_MIN:
        return None
    without = [c for c in measured if weights_of(prior, [m for m in measured if m != c], seen)[1] >= ESS_MIN]
    return without[0] if len(without) == 1 else None


def _left_out(count: tuple[float, float], why: str, hint: str) -> Finding:
    return finding(LEFT_OUT, f"{count[1]:g} on day {count[0]:g} {why}", "measured counts", hint)


def weights_of(
    prior: Ensemble, counts: Sequence[tuple[float, float]], seen: Observation
) -> tuple[NDArray[np.float64], float]:
    """Weights of the draws given the counts, shape (n,), sum 1, and how many draws are left to speak.

    Parameters
    ----------
    prior : Ensemble
        A forecast is one.
    counts : sequence of (day, value)
        In the order of their days.
    seen : Observation
        How counts deviate from a course, per draw.
    """
    from scipy.special import log_ndtr

    on, residual, known = _residuals(prior, counts)
    left, sd = sequential(seen, on, residual, known)
    log_w, misfit = np.zeros(len(prior.counts)), np.zeros(len(prior.counts))
    for k, is_known in enumerate(known):
        # A count of zero lies anywhere below what the analyser resolves.
        deviate = left[:, k] / sd[:, k]
        misfit += deviate**2 if is_known else np.minimum(deviate, 0.0) ** 2
        log_w += -0.5 * deviate**2 - np.log(sd[:, k]) if is_known else log_ndtr(deviate)
    w = np.exp(log_w - log_w.max()) * prior.weights
    w = w / w.sum()
    showing = float(np.sum(np.exp(-0.5 * np.maximum(misfit - len(counts), 0.0))))
    return w, min(float(1.0 / np.sum(w**2)), showing)


def next_deviations(
    prior: AlcForecast, counts: Sequence[tuple[float, float]], seen: Observation, seed: int
) -> NDArray[np.float64]:
    """Deviations of further counts from each draw's course, given the measured ones, shape (n, t)."""
    on, residual, known = _residuals(prior, counts)
    on, residual = on[known], residual[:, known]
    grid = np.concatenate([prior.day, on])
    order = np.argsort(grid, kind="stable")
    drawn = np.empty((prior.draws, len(grid)))
    drawn[:, order] = deviations(seen, grid[order], seed)
    days = len(prior.day)
    return conditioned(seen, prior.day, drawn[:, :days], on, drawn[:, days:], residual)


def _residuals(
    prior: Ensemble, counts: Sequence[tuple[float, float]]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Days [d], ln of the counts over each draw's course, shape (n, k), and which counts were above zero."""
    on = np.array([day for day, _ in counts])
    value = np.array([value for _, value in counts])
    course = np.stack([counts_at(prior.day, prior.counts, day) for day in on], axis=1)
    expected = np.log(np.maximum(course, np.finfo(np.float64).tiny))
    return on, np.log(np.where(value > 0, value, LOWEST_COUNT)) - expected, value > 0


def _usable(
    counts: Sequence[tuple[float, float]], horizon_d: float, baseline_alc: float
) -> tuple[Counts, list[Finding]]:
    """The counts that can update a forecast, in order, and what was left out."""
    if not counts:
        raise ScenarioError("an update needs at least one measured count", "give --alc DAY=VALUE")
    used: list[tuple[float, float]] = []
    notes: list[Finding] = []
    for day, value in counts:
        count = float(day), float(value)
        if not (np.isfinite(day) and np.isfinite(value) and value >= 0.0):
            raise ScenarioError(f"a count of {value:g} on day {day:g} is not a count")
        if day <= 0.0:
            why = f"is from before the first fraction: a baseline, and the forecast began at {baseline_alc:.3g}"
            notes.append(_left_out(count, why, "analyze again with it as --alc; days count from the first fraction"))
        elif day > horizon_d:
            why = f"is after the forecast's last day {horizon_d:g}"
            notes.append(_left_out(count, why, "analyze again with a longer --horizon"))
        elif count in used:
            notes.append(_left_out(count, "stands twice: it counts once", "give each sample once"))
        else:
            used.append(count)
    if not used:
        raise ScenarioError(
            "no count can update the forecast: " + "; ".join(n.what for n in notes), notes[0].hint if notes else ""
        )
    return tuple(sorted(used)), notes


def _surprises(prior: AlcForecast, counts: Sequence[tuple[float, float]]) -> str:
    words = []
    for day, value in counts:
        here = counts_at(prior.day, prior.counts, day)
        above, below = float(np.mean(here >= value)), float(np.mean(here <= value))
        if min(above, below) < SURPRISE:
            side = "above" if above < below else "below"
            span = band(here)
            words.append(f"{value:g} on day {day:g} lies {side} the forecast of {span.p05:.2f} to {span.p95:.2f}")
    return "; " + ", ".join(words) if words else "; no single count is odd, their course is"
