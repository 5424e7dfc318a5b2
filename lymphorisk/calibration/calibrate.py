"""Calibrate the population parameters to published counts and rates: ``make calibrate``.

The posterior of the parameters in standard-normal coordinates z of their stated ranges:

    -2 ln p(z | data) = |z|^2 + sum_r ((y_r - f_r(z)) / s_r)^2

y_r is the logit of a rate or the logarithm of a median count; f_r(z) what the model gives for the
row's phantom courses with patients drawn around z; rates and lowest counts are of measured counts
(`observation`). s_r^2 adds the row's own error (binomial on the logit scale, log-normal for a median)
and the difference between cohorts that no row explains (`COHORT_LOGIT`, `COHORT_LN`). The mode is
found by Gauss-Newton, the posterior taken as normal around it, and draws are written as
``parameters/data/lymphocyte_posterior.csv``. The median baseline of a cohort that did not print it is
one more unknown, ln of its factor on the assumed one normal with sd `BASELINE_LN`, estimated with the
parameters (``calibration_baselines.csv``). Guard against over-fitting: each site is left out in turn
(one Gauss-Newton step from the mode, as long as serves the other rows) and predicted by the others, its
baselines as assumed. Candidates for the mechanism (`CANDIDATES`) are fitted beside it and compared.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lymphorisk.calibration.anchors import (
    Anchor,
    WholeBody,
    anchor_courses,
    anchors,
    cohort_baselines,
    not_represented,
    whole_body_rows,
)
from lymphorisk.errors import ParameterError
from lymphorisk.frozen import FrozenDict
from lymphorisk.lymphocyte.course import Course
from lymphorisk.lymphocyte.measured import COUNT_EVERY_D
from lymphorisk.lymphocyte.observation import deviations, observation, usual_spread
from lymphorisk.lymphocyte.population import Z_90, Z_MAX, Draws, Population, in_range, population
from lymphorisk.lymphocyte.realisation import (
    PATIENT_DIMENSIONS,
    Realisation,
    by_compartment,
    fates_of,
    losses,
    pool_log_kill,
    shares_of,
    system_of,
    unexplained,
)
from lymphorisk.lymphocyte.trajectory import Calendar, Subset
from lymphorisk.parameters import load, posterior
from lymphorisk.parameters.store import DATA
from lymphorisk.train.scores import wilson

#: What the data can say something about.
FITTED = (
    "survival.combined.resistant_share",
    "survival.combined.d0_sensitive",
    "survival.combined.d0_resistant",
    "clearance.slow_half_time",
    "pool.spleen",
    "pool.nodes",
    "pool.marrow",
    "pool.gut",
    "pool.lung",
    "traffic.resident_residence",
    "recovery.half_time",
    "recovery.lag_half_time",
    "recovery.slow_half_time",
    "unexplained.loss_per_fraction",
    "unexplained.reference_dose",
    "chemo.temozolomide",
    "chemo.platinum",
    "chemo.other",
    "spread.sensitivity",
    "spread.chemo",
)
#: Patients of each row, a power of two, even over their dimensions. With 512 the spread between patients is found
#: between 1.2 and 1.9 in z by the seed, with 4,096 at 1.6.
PATIENTS = 2048
SEED = 20
#: Width the step at a grade's edge is smoothed by, sd(ln), so that rates move smoothly with z.
EDGE = 0.10
#: What no row explains between cohorts once their sizes, schedules and baselines are set: sd of a logit, of ln count.
COHORT_LOGIT = 0.2
COHORT_LN = 0.15
#: sd(ln) of the baseline between cohorts of one site: of the printed ones (``calibration_printed_baselines.csv``).
BASELINE_LN = 0.12
#: sd(ln) of a count within a cohort, for the error of a median: the largest cohort with nadirs gives 0.70.
COUNT_SD = 0.70
#: sd(median) over sd(mean) of a normal sample.
MEDIAN_FACTOR = 1.2533
#: Step of the finite differences, and the largest step of an iteration, in z.
STEP = 0.05
LARGEST_STEP = 1.0
#: Lengths of a step that are tried.
STEPS = (1.0, 0.5, 0.25)
ITERATIONS = 20
#: Change of the objective below which the search ends.
CONVERGED = 0.1
POSTERIOR_DRAWS = 256
#: Places of the posterior its centre is found by, a power of two, and how often it is moved.
CENTRE_DRAWS, CENTRE_MOVES = 64, 3
#: Draws that predictions are the mean of, where rows are checked.
CHECK_DRAWS = 24
Z_LIMIT = 2.5
AGE_Y = 62.0
WORKERS = 2
DIGITS = 4


@dataclass(frozen=True, slots=True)
class Candidate:
    """Another mechanism: parameters held at the lowest end of their ranges, and fixed ones at another value."""

    off: tuple[str, ...] = ()
    fixed: Mapping[str, float] = field(default_factory=dict)


DRUGS = ("chemo.temozolomide", "chemo.platinum", "chemo.other")
UNEXPLAINED = ("unexplained.loss_per_fraction",)
#: What was compared with the mechanism as it stands.
CANDIDATES: Mapping[str, Candidate] = {
    "as it stands": Candidate(),
    "recovery without a lag": Candidate(off=("recovery.lag_half_time",)),
    "unexplained loss of sensitive cells only": Candidate(fixed={"unexplained.on_resistant": 0.0}),
    "drugs on resistant cells only": Candidate(fixed={"chemo.on_sensitive": 0.0}),
    "no unexplained loss": Candidate(off=UNEXPLAINED),
    "no drugs": Candidate(off=DRUGS),
    "neither": Candidate(off=(*UNEXPLAINED, *DRUGS)),
}
AS_IT_STANDS = next(iter(CANDIDATES))
CRANIAL = ("brain", "whole_brain")


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Patients of a cohort who were treated in one way.

    Attributes
    ----------
    patients : ndarray of int, shape (m,)
        Their places in the cohort.
    courses : tuple of Course
        Dealt to them in turn.
    days : ndarray, shape (t,)
        On which they are counted. [d]
    deviation : ndarray, shape (m, t)
        ln of a measured count over the course; 0 for a median on one day, which it does not move.
    """

    patients: NDArray[np.intp]
    courses: tuple[Course, ...]
    days: NDArray[np.float64]
    deviation: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A cohort row with its patients' dimensions, their usual levels [10^9/L] and ways of treatment."""

    anchor: Anchor
    parts: tuple[Part, ...]
    z: Mapping[str, NDArray[np.float64]]
    baseline: NDArray[np.float64]


Row = Scene | WholeBody
#: Counts of the patients of a row, before the factor on the baseline of its cohort [10^9/L]; a share of baseline for a
#: whole-body row.
Counts = NDArray[np.float64]


def scene(anchor: Anchor) -> Scene:
    """Courses and patients of a row; the patients are the same for all rows, so rows differ by treatment only."""
    ways = anchor_courses(anchor)
    z = {f"patient.{name}": column for name, column in zip(PATIENT_DIMENSIONS, even_normals(), strict=True)}
    numbers = load("lymphocyte")
    usual = usual_spread(anchor.baseline_sd_ln, numbers["wander.sd_ln"].number, numbers["counting.sd_ln"].number)
    baseline = anchor.baseline * np.exp(usual * z["patient.baseline"])
    ends = np.round(np.cumsum([s.share for s, _ in ways]) * PATIENTS).astype(np.intp)
    dealt = np.split(np.random.default_rng(SEED).permutation(PATIENTS), ends[:-1])
    parts = tuple(part(anchor, np.sort(rows), courses) for rows, (_, courses) in zip(dealt, ways, strict=True))
    return Scene(anchor, parts, FrozenDict(z), baseline)


@cache
def even_normals() -> NDArray[np.float64]:
    """Standard normal deviates of the patients, even over all dimensions (scrambled Sobol points), cut at `Z_MAX`.

    Shape (dimensions, patients).
    """
    from scipy.special import ndtri
    from scipy.stats import qmc

    shares = qmc.Sobol(len(PATIENT_DIMENSIONS), seed=SEED).random(PATIENTS)
    return np.asarray(np.clip(ndtri(shares), -Z_MAX, Z_MAX).T, dtype=np.float64)


def part(anchor: Anchor, patients: NDArray[np.intp], courses: tuple[Course, ...]) -> Part:
    """When the patients of a way of treatment are counted, and how far those counts lie from their courses."""
    at = anchor.day(courses[0].last_fraction_d)
    days = np.array([at]) if anchor.on_one_day else np.append(np.arange(0.0, at, COUNT_EVERY_D), at)
    numbers = {name: np.full(PATIENTS, p.number) for name, p in load("lymphocyte").items()}
    deviation = deviations(observation(numbers, from_count=False), days, SEED)[patients]
    return Part(patients, courses, days, 0.0 * deviation if anchor.outcome == "alc_after" else deviation)


def draws_at(people: Population, z: Mapping[str, float], patients: Mapping[str, NDArray[np.float64]], n: int) -> Draws:
    """`n` patients of a population whose fitted parameters stand at `z`."""
    values = {
        name: np.full(n, float(in_range(np.array(z[name]), v, people.low[name], people.high[name])) if name in z else v)
        for name, v in people.value.items()
    }
    return Draws(FrozenDict(values), patients)


def counts_of(rows: Sequence[Row], people: Population, z: Mapping[str, float]) -> list[Counts]:
    """Counts of the patients of every row: rows of one treatment are computed together."""
    out: list[Counts] = [np.empty(PATIENTS if isinstance(row, Scene) else 1) for row in rows]
    treated: dict[tuple[int, bytes], list[tuple[Counts, Scene, Part]]] = {}
    for counts, row in zip(out, rows, strict=True):
        if isinstance(row, WholeBody):
            still = {f"patient.{name}": np.zeros(1) for name in PATIENT_DIMENSIONS}
            counts[:] = ratios((row.course(),), draws_at(people, z, still, 1), people, np.array([row.at_d]))[0, 0]
            continue
        for p in row.parts:
            treated.setdefault((id(p.courses), p.patients.tobytes()), []).append((counts, row, p))
    for together in treated.values():
        _, first, p = together[0]
        days = np.unique(np.concatenate([other.days for _, _, other in together]))
        draws = draws_at(people, z, {name: v[p.patients] for name, v in first.z.items()}, len(p.patients))
        ratio = ratios(p.courses, draws, people, days)
        for counts, row, own in together:
            seen = ratio[:, np.searchsorted(days, own.days)] * np.exp(own.deviation)
            counts[own.patients] = seen.min(axis=1) * row.baseline[own.patients]
    return out


def outcome(row: Row, counts: Counts, baseline: float = 1.0) -> float:
    """What the counts give for a row: a rate, a median count [10^9/L], or a share of baseline.

    `baseline` multiplies the baseline counts of the row's cohort.
    """
    if isinstance(row, WholeBody):
        return float(counts[0])
    if row.anchor.value is not None:
        return float(np.median(counts)) * baseline
    return _rate(counts * baseline, row.anchor.below)


def predicted(row: Row, people: Population, z: Mapping[str, float], baseline: float = 1.0) -> float:
    """What the model gives for one row."""
    return outcome(row, counts_of([row], people, z)[0], baseline)


def _rate(count: NDArray[np.float64], edge: float) -> float:
    from scipy.special import ndtr

    return float(np.mean(ndtr((np.log(edge) - np.log(count)) / EDGE)))


def ratios(
    courses: Sequence[Course], draws: Draws, people: Population, days: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Count over baseline of patients dealt to the courses in turn; all courses share calendar and drug.

    Patients differ by sensitivity, recovery and drug only, so dose kills are those of one patient, raised by each
    patient's sensitivity.
    """
    n = draws.size
    one = Draws({k: v[:1] for k, v in draws.values.items()}, {k: np.zeros(1) for k in draws.z})
    dealt = np.arange(n) % len(courses)
    # (courses, phases, subsets, pools) by dose, (courses, phases, subsets, 1) beyond it
    by_dose = np.array([[pool_log_kill(p, one, people) for p in c.phases] for c in courses])[:, :, :, 0, :]
    beyond = np.array([[unexplained(p, one) for p in c.phases] for c in courses])
    sensitivity = draws.patient("sensitivity", draws.values["spread.sensitivity"])
    times, kind = courses[0].events()
    lost = losses(courses[0], draws)
    each = zip(shares_of(draws), fates_of(draws, people), lost.total(), strict=True)
    return Realisation(
        Calendar(times, kind, lost.spans_d),
        system_of(one, people, AGE_Y),
        tuple(
            Subset(
                share,
                by_compartment(by_dose[dealt, :, i] * sensitivity[:, None, None] + beyond[dealt, :, i]),
                fate,
                rate,
            )
            for i, (share, fate, rate) in enumerate(each)
        ),
    ).ratio(days)


def observed(row: Row) -> tuple[float, float]:
    """y_r and s_r: the logit of a rate or the logarithm of a count, and its error with that between cohorts."""
    if isinstance(row, WholeBody):
        return float(np.log(row.value)), row.sd_ln
    a = row.anchor
    if a.value is not None:
        own = MEDIAN_FACTOR * COUNT_SD / np.sqrt(a.n)
        return float(np.log(a.value)), float(np.hypot(own, COHORT_LN))
    assert a.events is not None
    p = (a.events + 0.5) / (a.n + 1.0)
    return float(_logit(p)), float(np.sqrt(1.0 / (a.n * p * (1.0 - p)) + COHORT_LOGIT**2))


def _logit(p: float) -> float:
    return float(np.log(p / (1.0 - p)))


def transformed(row: Row, value: float) -> float:
    """f_r on the scale of y_r."""
    if isinstance(row, Scene) and row.anchor.value is None:
        p = (value * row.anchor.n + 0.5) / (row.anchor.n + 1.0)
        return _logit(p)
    return float(np.log(value))


#: f of the used rows at several places, shape (places, rows).
Evaluate = Callable[[Sequence[NDArray[np.float64]]], NDArray[np.float64]]


def cohort(row: Row) -> str:
    """The cohort whose baseline is estimated with the parameters; empty when the row has none."""
    return row.anchor.source if isinstance(row, Scene) and row.anchor.baseline_known == "assumed" else ""


def cohorts(rows: Sequence[Row]) -> tuple[str, ...]:
    """Cohorts of the fitted rows with an unknown baseline, in the order of their coordinates."""
    return tuple(sorted({cohort(r) for r in rows if role(r) == "fit"} - {""}))


@dataclass(frozen=True, slots=True)
class Point:
    """A place in the fit: coordinates of the parameters, and the factor on the baseline of each unknown cohort."""

    z: Mapping[str, float]
    baseline: Mapping[str, float]

    def predicted(self, row: Row, people: Population) -> float:
        """What the model gives for a row here."""
        return predicted(row, people, self.z, self.baseline.get(cohort(row), 1.0))


def point(z: ArrayLike, unknown: Sequence[str]) -> Point:
    """The place of a vector: `FITTED`, then the cohorts of unknown baseline."""
    vector = np.asarray(z, dtype=np.float64)
    k = len(FITTED)
    factors = np.exp(BASELINE_LN * vector[k:])
    return Point(dict(zip(FITTED, vector[:k].tolist(), strict=True)), dict(zip(unknown, factors.tolist(), strict=True)))


def calibrated() -> tuple[Point, ...]:
    """Some draws of the written calibration, baselines as estimated."""
    draws = posterior()
    if draws is None:
        raise ParameterError("the calibration has not been run", "make calibrate")
    return places_of(draws.z, cohort_baselines())


def places_of(draws: NDArray[np.float64], baseline: Mapping[str, float]) -> tuple[Point, ...]:
    """The first `CHECK_DRAWS` draws, shape (draws, parameters), with one set of baselines."""
    return tuple(Point(dict(zip(FITTED, z.tolist(), strict=True)), baseline) for z in draws[:CHECK_DRAWS])


class Model:
    """The fitted rows with their courses, evaluated together: what each worker builds once.

    The counts of the last place are kept: places that differ in baselines only share them.
    """

    def __init__(self) -> None:
        self.people = replace(population(load("lymphocyte")), posterior=None)
        self.rows = [row for row in all_rows() if role(row) == "fit"]
        self.cohorts = cohorts(self.rows)
        self._last: tuple[object, list[Counts]] = (None, [])

    def __call__(self, task: tuple[Mapping[str, float], NDArray[np.float64]]) -> list[float]:
        """f of every fitted row at z `task[1]`, with the fixed parameters of `task[0]`."""
        fixed, z = task
        at = point(z, self.cohorts)
        key = (tuple(sorted(fixed.items())), z[: len(FITTED)].tobytes())
        if key != self._last[0]:
            people = replace(self.people, value=FrozenDict({**self.people.value, **fixed}))
            self._last = (key, counts_of(self.rows, people, at.z))
        return [
            transformed(row, outcome(row, counts, at.baseline.get(cohort(row), 1.0)))
            for row, counts in zip(self.rows, self._last[1], strict=True)
        ]


_WORKER: list[Model] = []
#: No fixed parameter is moved.
AS_GIVEN: Mapping[str, float] = FrozenDict({})


def _start() -> None:
    """A forked worker has the model of its parent."""
    if not _WORKER:
        _WORKER.append(Model())


def _work(task: tuple[Mapping[str, float], NDArray[np.float64]]) -> list[float]:
    return _WORKER[0](task)


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Mode or centre [z] and covariance of the posterior; -2 ln p, residuals and slopes of the rows used at the mode.

    Coordinates are `FITTED`, then `cohorts`.
    """

    cohorts: tuple[str, ...]
    mode: NDArray[np.float64]
    covariance: NDArray[np.float64]
    objective: float
    residual: NDArray[np.float64]
    jacobian: NDArray[np.float64]


def fit(
    rows: Sequence[Row],
    evaluate: Evaluate,
    start: NDArray[np.float64] | None = None,
    off: Sequence[str] = (),
    progress: Callable[[str], object] = lambda _: None,
    left: NDArray[np.bool_] | None = None,
) -> Fit:
    """Gauss-Newton to the mode of the posterior over `FITTED` and the unknown baselines of the rows.

    Parameters in `off` are held at the lowest end of their ranges; rows marked in `left` count for nothing.
    """
    names = (*FITTED, *cohorts(rows))
    held = np.array([name in off for name in names])
    k = len(names)
    z = np.zeros(k) if start is None else start.copy()
    z[held] = -Z_LIMIT
    y, s = (np.array(v) for v in zip(*(observed(row) for row in rows), strict=True))
    weight = np.ones(len(rows)) if left is None else 1.0 - left

    def residual(at: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        return np.asarray((evaluate(at) - y) / s * weight)

    def slopes(z: NDArray[np.float64], r: NDArray[np.float64]) -> NDArray[np.float64]:
        out = np.zeros((len(rows), k))
        free = np.flatnonzero(~held)
        out[:, free] = (residual([z + STEP * np.eye(k)[j] for j in free]) - r).T / STEP
        return out

    r = residual([z])[0]
    value = float(r @ r + z @ z)
    jacobian = np.zeros((len(rows), k))
    for _ in range(ITERATIONS):
        jacobian = slopes(z, r)
        hessian = jacobian.T @ jacobian + np.eye(k)
        full = -np.linalg.solve(hessian, jacobian.T @ r + np.where(held, 0.0, z))
        step = full * min(1.0, LARGEST_STEP / float(np.abs(full).max()))
        tried = [np.clip(z + share * step, -Z_LIMIT, Z_LIMIT) for share in STEPS]
        found = residual(tried)
        values = [float(q @ q + p @ p) for q, p in zip(found, tried, strict=True)]
        best = int(np.argmin(values))
        if values[best] > value - CONVERGED:
            if values[best] < value:
                z, r, value = tried[best], found[best], values[best]
            break
        z, r, value = tried[best], found[best], values[best]
        progress(f"-2 ln p {value:.1f}, largest step {np.abs(step).max():.2f}\n")
    covariance = np.linalg.inv(jacobian.T @ jacobian + np.eye(k))
    return Fit(names[len(FITTED) :], z, np.asarray(covariance, dtype=np.float64), value, r, jacobian)


def centred(
    found: Fit,
    rows: Sequence[Row],
    evaluate: Evaluate,
    progress: Callable[[str], object] = lambda _: None,
) -> Fit:
    """The fit, its normal posterior moved to where the slope of -ln p is nil in the mean over it.

    That is the centre of the best normal approximation of a given width, with the rows' slopes held at the mode. Rates
    bend in the parameters: the mean over draws around the mode lies above what the mode gives.
    """
    from scipy.special import ndtri
    from scipy.stats import qmc

    k = len(found.mode)
    y, s = (np.array(v) for v in zip(*(observed(row) for row in rows), strict=True))
    around = ndtri(qmc.Sobol(k, seed=SEED).random(CENTRE_DRAWS)) @ np.linalg.cholesky(found.covariance).T
    centre = found.mode
    for _ in range(CENTRE_MOVES):
        r = np.mean((evaluate(list(np.clip(centre + around, -Z_LIMIT, Z_LIMIT))) - y) / s, axis=0)
        step = -found.covariance @ (found.jacobian.T @ r + centre)
        centre = np.clip(centre + step * min(1.0, LARGEST_STEP / float(np.abs(step).max())), -Z_LIMIT, Z_LIMIT)
        progress(f"centre of the posterior, largest step {np.abs(step).max():.2f}\n")
    return replace(found, mode=centre)


def posterior_draws(found: Fit) -> NDArray[np.float64]:
    """Draws of the normal posterior of the parameters, shape (draws, parameters), rounded to what is written."""
    rng = np.random.default_rng(SEED)
    k = len(FITTED)
    factor = np.linalg.cholesky(found.covariance[:k, :k])
    z = found.mode[:k] + rng.standard_normal((POSTERIOR_DRAWS, k)) @ factor.T
    return np.asarray(np.round(np.clip(z, -Z_LIMIT, Z_LIMIT), DIGITS), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Check:
    """A row's observation, its prediction, and how far apart they are in units of the row's error."""

    id: str
    group: str
    role: str
    observed: float
    predicted: float
    deviation: float


def check(rows: Sequence[Row], people: Population, *places: Point) -> tuple[Check, ...]:
    """Prediction of every row at one point, or its mean over several."""
    values = np.zeros(len(rows))
    for at in places:
        found = zip(rows, counts_of(rows, people, at.z), strict=True)
        values += [outcome(row, counts, at.baseline.get(cohort(row), 1.0)) for row, counts in found]
    out = []
    for row, value in zip(rows, (values / len(places)).tolist(), strict=True):
        y, s = observed(row)
        a = row.anchor if isinstance(row, Scene) else row
        seen = row.anchor.observed if isinstance(row, Scene) else row.value
        out.append(Check(a.id, group(row), a.role, seen, value, (transformed(row, value) - y) / s))
    return tuple(out)


def all_rows() -> tuple[Row, ...]:
    """Every row of both tables."""
    return (*(scene(a) for a in anchors()), *whole_body_rows())


def role(row: Row) -> str:
    """What a row is used for: fitted, or checked only."""
    return row.anchor.role if isinstance(row, Scene) else row.role


def misfits(rows: Sequence[Row], found: Fit) -> tuple[float, float, float]:
    """chi2 of all fitted rows, of the cranial ones, and of counts on one day, most of them after the course."""
    square = found.residual**2
    cranial = np.array([group(row) in CRANIAL for row in rows])
    later = np.array([not isinstance(row, Scene) or row.anchor.on_one_day for row in rows])
    return float(square.sum()), float(square[cranial].sum()), float(square[later].sum())


def group(row: Row) -> str:
    """The site that is left out together with this row."""
    return row.anchor.group if isinstance(row, Scene) else "whole_body"


def table(before: Sequence[Check], after: Sequence[Check], left_out: Mapping[str, Check]) -> str:
    """Markdown: every row before and after, and predicted by the other sites."""
    lines = [
        "| row | use | published | before | after | site left out | deviation (left out) |",
        "|---|---|---|---|---|---|---|",
    ]
    for b, a in zip(before, after, strict=True):
        other = left_out.get(a.id)
        end = f"{other.predicted:.3g} | {other.deviation:+.1f} |" if other else "| |"
        lines.append(f"| {a.id} | {a.role} | {a.observed:.3g} | {b.predicted:.3g} | {a.predicted:.3g} | {end}")
    return "\n".join(lines)


def write_draws(draws: NDArray[np.float64]) -> None:
    """``lymphocyte_posterior.csv``, what `parameters.posterior` reads."""
    with (DATA / "lymphocyte_posterior.csv").open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(FITTED)
        writer.writerows([[f"{x:.{DIGITS}f}" for x in row] for row in draws.tolist()])


def baselines(found: Fit) -> dict[str, tuple[float, float]]:
    """Factor on the assumed baseline of each unknown cohort, and the sd of its logarithm."""
    k = len(FITTED)
    sd = np.sqrt(np.diag(found.covariance))[k:]
    return {
        name: (float(np.exp(BASELINE_LN * z)), float(BASELINE_LN * e))
        for name, z, e in zip(found.cohorts, found.mode[k:], sd, strict=True)
    }


def write_baselines(found: Fit) -> None:
    """``calibration_baselines.csv``, what `anchors.cohort_baselines` reads."""
    with (DATA / "calibration_baselines.csv").open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(("source", "factor", "sd_ln"))
        writer.writerows([name, f"{f:.3f}", f"{e:.3f}"] for name, (f, e) in baselines(found).items())


def inside(c: Check, n: int) -> bool:
    """Whether a predicted rate lies in the 95 % binomial (Wilson) interval of the published one."""
    low, high = wilson(c.observed, n)
    return low <= c.predicted <= high


def missed(checks: Sequence[Check]) -> tuple[list[str], int]:
    """Listed rates outside their own binomial interval, and how many are listed."""
    listed = {a.id: a.n for a in anchors() if a.listed}
    rates = [c for c in checks if c.id in listed]
    return [c.id for c in rates if not inside(c, listed[c.id])], len(rates)


def report(
    people: Population,
    found: Fit,
    draws: NDArray[np.float64],
    runs: Mapping[str, Sequence[Check]],
    left_out: Mapping[str, Check],
) -> str:
    """The calibration as Markdown: rows, parameters, baselines, and how well it did."""
    lines = ["# Calibration of the lymphocyte parameters", "", "Written by `make calibrate`.", ""]
    lines += ["Rates as shares, counts in 10^9/L, whole-body rows as share of baseline.", ""]
    lines += [
        table(runs["before"], runs["after"], left_out),
        "",
        "| parameter | range | posterior median | 90 % | sd of z |",
    ]
    lines += ["|---|---|---|---|---|"]
    sd = np.sqrt(np.diag(found.covariance))
    for i, name in enumerate(FITTED):
        v, low, high = people.value[name], people.low[name], people.high[name]
        q = [float(in_range(np.array(x), v, low, high)) for x in np.quantile(draws[:, i], [0.05, 0.5, 0.95])]
        lines.append(f"| {name} | {v:g} ({low:g}-{high:g}) | {q[1]:.3g} | {q[0]:.3g}-{q[2]:.3g} | {sd[i]:.2f} |")
    lines += ["", "| cohort that printed no baseline | assumed | estimated | 90 % |", "|---|---|---|---|"]
    assumed = {a.source: a.baseline for a in anchors() if a.baseline_known == "assumed"}
    for name, (f, e) in baselines(found).items():
        low, high = (assumed[name] * f * np.exp(sign * Z_90 * e) for sign in (-1.0, 1.0))
        lines.append(f"| {name} | {assumed[name]:.2f} | {assumed[name] * f:.2f} | {low:.2f}-{high:.2f} |")
    lines.append("")
    for title, checks in (*runs.items(), ("site left out", tuple(left_out.values()))):
        if checks:
            out, rates = missed(checks)
            near = sum(abs(c.deviation) <= 2.0 for c in checks)
            squares = sum(c.deviation**2 for c in checks if c.role == "fit")
            lines.append(
                f"- {title}: {rates - len(out)} of {rates} listed rates within their own binomial 95 % interval "
                f"(outside: {', '.join(out)}); {near} of {len(checks)} rows within two errors; "
                f"chi2 of the fitted rows {squares:.1f}"
            )
    lines += ["", "Published cohorts that no rate here stands for:", "", "| cohort | why |", "|---|---|"]
    lines += [f"| {name} | {why} |" for name, why in not_represented().items()]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit, leave each site out in turn, print the tables, write the draws."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--table", type=Path, help="Markdown file for the tables")
    parser.add_argument("--dry", action="store_true", help="write nothing")
    parser.add_argument("--compare", action="store_true", help="also fit the candidates")
    parser.add_argument("--no-leave-out", action="store_true", help="skip leaving sites out")
    options = parser.parse_args(arguments)
    rows, people = all_rows(), replace(population(load("lymphocyte")), posterior=None)
    used = [row for row in rows if role(row) == "fit"]
    _start()
    with Pool(WORKERS, initializer=_start) as pool:

        def evaluate(at: Sequence[NDArray[np.float64]], fixed: Mapping[str, float] = AS_GIVEN) -> NDArray[np.float64]:
            # Dealt in turn: places that differ in baselines only come last and cost little.
            order = [i for worker in range(WORKERS) for i in range(worker, len(at), WORKERS)]
            tasks = [(dict(fixed), at[i]) for i in order]
            found = np.array(pool.map(_work, tasks, chunksize=-(-len(tasks) // WORKERS)))
            return found[np.argsort(order)]

        found = fit(used, evaluate, progress=sys.stderr.write)
        centre = centred(found, used, evaluate, sys.stderr.write)
        draws = posterior_draws(centre)
        if not options.dry:
            write_draws(draws)
            write_baselines(centre)
        left_out: dict[str, Check] = {}
        if not options.no_leave_out:
            for name in dict.fromkeys(map(group, used)):
                left = np.array([group(row) == name for row in used])
                apart = fit(used, evaluate, found.mode, left=left)
                without = replace(point(apart.mode, found.cohorts), baseline={})
                left_out |= {c.id: c for c in check([r for r in rows if group(r) == name], people, without)}
        compared = []
        for title, other in CANDIDATES.items() if options.compare else ():
            with_it = partial(evaluate, fixed=other.fixed)
            beside = found if title == AS_IT_STANDS else fit(used, with_it, found.mode, other.off)
            compared.append((title, beside.objective, *misfits(used, beside)))
    places = {
        "before": (point(np.zeros(len(found.mode)), found.cohorts),),
        "at the mode": (point(found.mode, found.cohorts),),
        "after": places_of(draws, point(centre.mode, found.cohorts).baseline),
        "after, baselines as assumed": places_of(draws, {}),
    }
    text = report(people, centre, draws, {title: check(rows, people, *at) for title, at in places.items()}, left_out)
    if compared:
        text += (
            "\n| mechanism | -2 ln p at its mode | chi2 of all fitted rows | of the cranial rows | of the rows after "
        )
        text += "the course |\n|---|---|---|---|---|\n"
        text += "".join(f"| {title} | {' | '.join(f'{x:.1f}' for x in numbers)} |\n" for title, *numbers in compared)
    if options.table is not None:
        options.table.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
