"""Calibrate the population parameters to published counts and rates: ``make calibrate``.

The posterior of the parameters in standard-normal coordinates z of their stated ranges:

    -2 ln p(z | data) = |z|^2 + sum_r ((y_r - f_r(z)) / s_r)^2

y_r is the logit of a rate or the logarithm of a median count; f_r(z) what the model gives for the
row's phantom courses with patients drawn around z. s_r^2 adds the row's own error (binomial on the
logit scale, log-normal for a median) and the difference between cohorts that no row explains
(`COHORT_LOGIT`, `COHORT_LN`). The mode is found by
Gauss-Newton, the posterior taken as normal around it, and draws are written as
``parameters/data/lymphocyte_posterior.csv``. The median baseline of a cohort that did not print it is
one more unknown, ln of its factor on the assumed one normal with sd `BASELINE_LN`, estimated with the
parameters (``calibration_baselines.csv``). Guard against over-fitting: each site is left out in turn
(one Gauss-Newton step from the mode) and predicted by the others, its baselines as assumed.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from lymphorisk.lymphocyte.pools import POOL_OF
from lymphorisk.lymphocyte.population import Z_90, Draws, Population, in_range, normals, population
from lymphorisk.lymphocyte.realisation import PATIENT_DIMENSIONS, drug_rate, fate_of, log_kill_of_phase, system_of
from lymphorisk.lymphocyte.trajectory import Calendar, blood_count
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
    "recovery.plateau",
    "recovery.slow_half_time",
    "unexplained.loss_per_fraction",
    "unexplained.reference_dose",
    "chemo.temozolomide",
    "chemo.platinum",
    "chemo.other",
    "spread.sensitivity",
    "spread.chemo",
)
#: Patients drawn for each row: the error of a rate is then far below that between cohorts.
PATIENTS = 192
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
ITERATIONS = 12
#: Change of the objective below which the search ends.
CONVERGED = 0.02
POSTERIOR_DRAWS = 256
Z_LIMIT = 2.5
AGE_Y = 62.0
WORKERS = 2
COUNT_EVERY_D = 7
DIGITS = 4


#: Candidates for what dose does not explain in cranial fields: which of them are switched off.
CANDIDATES: Mapping[str, tuple[str, ...]] = {
    "drugs and unexplained loss": (),
    "drugs only": ("unexplained.loss_per_fraction",),
    "unexplained loss only": ("chemo.temozolomide", "chemo.platinum", "chemo.other"),
    "neither": ("unexplained.loss_per_fraction", "chemo.temozolomide", "chemo.platinum", "chemo.other"),
}
CRANIAL = ("brain", "whole_brain")


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A cohort row with its patients' dimensions and, for each way of treatment, its patients and their courses."""

    anchor: Anchor
    parts: tuple[tuple[NDArray[np.intp], tuple[Course, ...]], ...]
    z: Mapping[str, NDArray[np.float64]]
    baseline: NDArray[np.float64]
    noise: NDArray[np.float64]


Row = Scene | WholeBody


def scene(anchor: Anchor) -> Scene:
    """Courses and patients of a row; the patients are the same for all rows, so rows differ by treatment only."""
    ways = anchor_courses(anchor)
    z = {f"patient.{name}": normals(SEED, f"patient.{name}", PATIENTS) for name in PATIENT_DIMENSIONS}
    baseline = anchor.baseline * np.exp(anchor.baseline_sd_ln * z["patient.baseline"])
    ends = np.round(np.cumsum([s.share for s, _ in ways]) * PATIENTS).astype(np.intp)
    dealt = np.split(np.random.default_rng(SEED).permutation(PATIENTS), ends[:-1])
    last = max(courses[0].last_fraction_d for _, courses in ways)
    weeks = int(max(anchor.day(last), last)) // COUNT_EVERY_D + 2
    noise = np.random.default_rng([SEED, weeks]).standard_normal((PATIENTS, weeks))
    parts = tuple((np.sort(rows), courses) for rows, (_, courses) in zip(dealt, ways, strict=True))
    return Scene(anchor, parts, FrozenDict(z), baseline, noise)


def draws_at(people: Population, z: Mapping[str, float], patients: Mapping[str, NDArray[np.float64]], n: int) -> Draws:
    """`n` patients of a population whose fitted parameters stand at `z`."""
    values = {
        name: np.full(n, float(in_range(np.array(z[name]), v, people.low[name], people.high[name])) if name in z else v)
        for name, v in people.value.items()
    }
    return Draws(FrozenDict(values), patients)


def predicted(row: Row, people: Population, z: Mapping[str, float], baseline: float = 1.0) -> float:
    """What the model gives for a row: a rate, a count [10^9/L], or a share of baseline.

    `baseline` multiplies the baseline counts of the row's cohort.
    """
    if isinstance(row, WholeBody):
        still = {f"patient.{name}": np.zeros(1) for name in PATIENT_DIMENSIONS}
        one = draws_at(people, z, still, 1)
        return float(_ratios((row.course(),), one, people, np.array([row.at_d]))[0, 0])
    lowest = np.empty(PATIENTS)
    for rows, courses in row.parts:
        lowest[rows] = _counts(row, rows, courses, people, z) * baseline
    if row.anchor.value is not None:
        return float(np.median(lowest))
    return _rate(lowest, row.anchor.below)


def _counts(
    row: Scene, rows: NDArray[np.intp], courses: Sequence[Course], people: Population, z: Mapping[str, float]
) -> NDArray[np.float64]:
    """The count of each patient on the day asked for, or the lowest weekly one up to it. [10^9/L]"""
    draws = draws_at(people, z, {name: v[rows] for name, v in row.z.items()}, len(rows))
    at = row.anchor.day(courses[0].last_fraction_d)
    days = np.array([at]) if row.anchor.on_one_day else np.append(np.arange(0.0, at, COUNT_EVERY_D), at)
    count = _ratios(courses, draws, people, days) * row.baseline[rows, None]
    if row.anchor.outcome == "alc_after":
        return count[:, 0]
    error = np.exp(people.value["counting.sd_ln"] * row.noise[rows, : len(days)])
    return np.asarray((count * error).min(axis=1))


def _rate(count: NDArray[np.float64], edge: float) -> float:
    from scipy.special import ndtr

    return float(np.mean(ndtr((np.log(edge) - np.log(count)) / EDGE)))


def _ratios(
    courses: Sequence[Course], draws: Draws, people: Population, days: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Count over baseline of patients dealt to the courses in turn; all courses share calendar and drug."""
    n = draws.size
    kill = np.empty((n, len(courses[0].phases), len(POOL_OF)))
    for i, course in enumerate(courses):
        rows = np.arange(i, n, len(courses))
        part = Draws({k: v[rows] for k, v in draws.values.items()}, {k: v[rows] for k, v in draws.z.items()})
        table = np.stack([log_kill_of_phase(phase, part, people) for phase in course.phases], axis=1)
        kill[rows] = -np.expm1(-table)[:, :, POOL_OF]
    first = Draws({k: v[:1] for k, v in draws.values.items()}, {k: v[:1] for k, v in draws.z.items()})
    times, kind = courses[0].events()
    rate = drug_rate(courses[0].chemo, draws)
    calendar = Calendar(times, kind, courses[0].last_fraction_d)
    return blood_count(days, calendar, kill, system_of(first, people, AGE_Y), fate_of(draws, people), rate)


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


Evaluate = Callable[[Sequence[tuple[int, tuple[float, ...]]]], list[float]]


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


def calibrated() -> Point:
    """The written calibration: parameters at the median of the draws, baselines as estimated."""
    draws = posterior()
    if draws is None:
        raise ParameterError("the calibration has not been run", "make calibrate")
    return Point(dict(zip(draws.names, np.median(draws.z, axis=0).tolist(), strict=True)), cohort_baselines())


class Model:
    """All rows with their courses, evaluated by row number: what each worker builds once."""

    def __init__(self) -> None:
        self.people = replace(population(load("lymphocyte")), posterior=None)
        self.rows = all_rows()
        self.cohorts = cohorts(self.rows)

    def __call__(self, task: tuple[int, tuple[float, ...]]) -> float:
        """f_r(z) of row `task[0]` at z `task[1]`."""
        row = self.rows[task[0]]
        return transformed(row, point(task[1], self.cohorts).predicted(row, self.people))


_WORKER: list[Model] = []


def _start() -> None:
    _WORKER.append(Model())


def _work(task: tuple[int, tuple[float, ...]]) -> float:
    return _WORKER[0](task)


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Mode [z] and covariance of the posterior, -2 ln p there, and the residuals and slopes of the rows used.

    Coordinates are `FITTED`, then `cohorts`.
    """

    cohorts: tuple[str, ...]
    mode: NDArray[np.float64]
    covariance: NDArray[np.float64]
    objective: float
    residual: NDArray[np.float64]
    jacobian: NDArray[np.float64]

    def without(self, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
        """The mode when the used rows marked in `rows` are left out: one Gauss-Newton step from the full mode."""
        j, r = self.jacobian[~rows], self.residual[~rows]
        step = np.linalg.solve(j.T @ j + np.eye(len(self.mode)), j.T @ r + self.mode)
        return np.asarray(np.clip(self.mode - step, -Z_LIMIT, Z_LIMIT), dtype=np.float64)


def fit(
    rows: Sequence[Row],
    use: Sequence[int],
    evaluate: Evaluate,
    start: NDArray[np.float64] | None = None,
    off: Sequence[str] = (),
) -> Fit:
    """Gauss-Newton to the mode of the posterior over `FITTED` and the unknown baselines, by the rows of number `use`.

    Parameters in `off` are held at the lowest end of their ranges.
    """
    names = (*FITTED, *cohorts(rows))
    held = np.array([name in off for name in names])
    k = len(names)
    z = np.zeros(k) if start is None else start.copy()
    z[held] = -Z_LIMIT
    y, s = (np.array(v) for v in zip(*(observed(rows[i]) for i in use), strict=True))
    # A parameter may move every row; a baseline moves the rows of its cohort.
    moves = [
        (n, j)
        for j in np.flatnonzero(~held)
        for n, i in enumerate(use)
        if j < len(FITTED) or cohort(rows[i]) == names[j]
    ]

    def residual(at: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        tasks = [(i, tuple(p.tolist())) for p in at for i in use]
        f = np.array(evaluate(tasks)).reshape(len(at), len(use))
        return np.asarray((f - y) / s)

    def slopes(z: NDArray[np.float64], r: NDArray[np.float64]) -> NDArray[np.float64]:
        shifted = [tuple((z + STEP * e).tolist()) for e in np.eye(k)]
        f = evaluate([(use[n], shifted[j]) for n, j in moves])
        out = np.zeros((len(use), k))
        for (n, j), value in zip(moves, f, strict=True):
            out[n, j] = ((value - y[n]) / s[n] - r[n]) / STEP
        return out

    r = residual([z])[0]
    value = float(r @ r + z @ z)
    jacobian = np.zeros((len(use), k))
    for _ in range(ITERATIONS):
        jacobian = slopes(z, r)
        hessian = jacobian.T @ jacobian + np.eye(k)
        full = -np.linalg.solve(hessian, jacobian.T @ r + np.where(held, 0.0, z))
        step = full * min(1.0, LARGEST_STEP / float(np.abs(full).max()))
        tried = [np.clip(z + share * step, -Z_LIMIT, Z_LIMIT) for share in (1.0, 0.5, 0.25)]
        found = residual(tried)
        values = [float(q @ q + p @ p) for q, p in zip(found, tried, strict=True)]
        best = int(np.argmin(values))
        if values[best] > value - CONVERGED:
            if values[best] < value:
                z, r, value = tried[best], found[best], values[best]
            break
        z, r, value = tried[best], found[best], values[best]
    covariance = np.linalg.inv(jacobian.T @ jacobian + np.eye(k))
    return Fit(names[len(FITTED) :], z, np.asarray(covariance, dtype=np.float64), value, r, jacobian)


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


def check(rows: Sequence[Row], people: Population, at: Point) -> tuple[Check, ...]:
    """Prediction of every row at one point."""
    out = []
    for row in rows:
        value = at.predicted(row, people)
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
    parser.add_argument("--compare", action="store_true", help="also fit without drugs and without unexplained loss")
    parser.add_argument("--no-leave-out", action="store_true", help="skip leaving sites out")
    options = parser.parse_args(arguments)
    model = Model()
    rows, people = model.rows, model.people
    use = [i for i, r in enumerate(rows) if role(r) == "fit"]
    with Pool(WORKERS, initializer=_start) as pool:

        def evaluate(tasks: Sequence[tuple[int, tuple[float, ...]]]) -> list[float]:
            return pool.map(_work, tasks, chunksize=8)

        found = fit(rows, use, evaluate)
        draws = posterior_draws(found)
        if not options.dry:
            write_draws(draws)
            write_baselines(found)
        left_out: dict[str, Check] = {}
        if not options.no_leave_out:
            for name in dict.fromkeys(group(rows[i]) for i in use):
                without = point(found.without(np.array([group(rows[i]) == name for i in use])), found.cohorts)
                left_out |= {c.id: c for c in check([r for r in rows if group(r) == name], people, without)}
        compared = []
        for title, off in CANDIDATES.items() if options.compare else ():
            other = fit(rows, use, evaluate, found.mode, off) if off else found
            brain = np.array([group(rows[i]) in CRANIAL for i in use])
            compared.append((title, float(other.residual @ other.residual), float(np.sum(other.residual[brain] ** 2))))
    mode = point(found.mode, found.cohorts)
    places = {
        "before": point(np.zeros(len(found.mode)), found.cohorts),
        "after": mode,
        "after, baselines as assumed": replace(mode, baseline={}),
    }
    text = report(people, found, draws, {title: check(rows, people, at) for title, at in places.items()}, left_out)
    if compared:
        text += "\n| with | chi2 of all fitted rows | of the cranial rows |\n|---|---|---|\n"
        text += "".join(f"| {title} | {every:.1f} | {cranial:.1f} |\n" for title, every, cranial in compared)
    if options.table is not None:
        options.table.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
