"""Calibrate the population parameters to published counts and rates: ``make calibrate``.

The posterior of the parameters in standard-normal coordinates z of their stated ranges:

    -2 ln p(z | data) = |z|^2 + sum_r ((y_r - f_r(z)) / s_r)^2

y_r is the logit of a rate or the logarithm of a median count; f_r(z) what the model gives for the
row's phantom courses with patients drawn around z. s_r^2 adds the row's own error (binomial on the
logit scale, log-normal for a median) and the difference between cohorts that no row explains
(`COHORT_LOGIT`, `COHORT_LN`: two series of the same treatment differ by as much). The mode is found by
Gauss-Newton, the posterior taken as normal around it, and draws are written as
``parameters/data/lymphocyte_posterior.csv``. Guard against over-fitting: each site is left out in
turn (one Gauss-Newton step from the mode) and predicted by the others.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing import Pool
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from lymphorisk.lymphocyte.course import Course
from lymphorisk.lymphocyte.pools import POOL_OF
from lymphorisk.lymphocyte.population import Draws, Population, in_range, normals, population
from lymphorisk.lymphocyte.realisation import PATIENT_DIMENSIONS, drug_rate, fate_of, log_kill_of_phase, system_of
from lymphorisk.lymphocyte.summary import BELOW
from lymphorisk.lymphocyte.trajectory import Calendar, blood_count
from lymphorisk.parameters import load
from lymphorisk.parameters.store import DATA
from lymphorisk.train.anchors import Anchor, WholeBody, anchors, site_courses, whole_body_rows

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
#: Differences between cohorts of one treatment: sd of a logit, and of ln median. Oesophagus G4 of 40, 56 and 71 % in
#: three photon series, lung G3 of 55 to 91 % in four, glioma G3 of 21 to 38 % in four: sd of the logit 0.4 to 0.8.
COHORT_LOGIT = 0.5
COHORT_LN = 0.15
#: sd(ln) of a count within a cohort, for the error of a median: the largest cohort with nadirs gives 0.70.
COUNT_SD = 0.70
#: sd(median) over sd(mean) of a normal sample.
MEDIAN_FACTOR = 1.2533
#: How far the median baseline of a cohort that did not print it may lie from the assumed one: a fifth either way.
BASELINE_FACTORS = (0.8, 0.87, 0.93, 1.0, 1.08, 1.16, 1.25)
#: Step of the finite differences, and the largest step of an iteration, in z.
STEP = 0.05
LARGEST_STEP = 1.0
ITERATIONS = 12
#: Change of the objective below which the search ends.
CONVERGED = 0.02
POSTERIOR_DRAWS = 256
Z_LIMIT = 2.5
Z_95 = 1.96
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
    """A cohort row with its courses and its patients' dimensions."""

    anchor: Anchor
    courses: tuple[Course, ...]
    z: Mapping[str, NDArray[np.float64]]
    baseline: NDArray[np.float64]
    noise: NDArray[np.float64]


Row = Scene | WholeBody


def scene(anchor: Anchor) -> Scene:
    """Courses and patients of a row; the patients are the same for all rows, so rows differ by treatment only."""
    courses = site_courses(anchor.site, anchor.modality, anchor.fractions, anchor.prescription_gy, anchor.chemo)
    z = {f"patient.{name}": normals(SEED, f"patient.{name}", PATIENTS) for name in PATIENT_DIMENSIONS}
    baseline = anchor.baseline * np.exp(anchor.baseline_sd_ln * z["patient.baseline"])
    weeks = int(courses[0].last_fraction_d + max(anchor.when_d, 0.0)) // COUNT_EVERY_D + 2
    noise = np.random.default_rng([SEED, weeks]).standard_normal((PATIENTS, weeks))
    return Scene(anchor, courses, MappingProxyType(z), baseline, noise)


def draws_at(people: Population, z: Mapping[str, float], patients: Mapping[str, NDArray[np.float64]], n: int) -> Draws:
    """`n` patients of a population whose fitted parameters stand at `z`."""
    values = {
        name: np.full(n, float(in_range(np.array(z[name]), v, people.low[name], people.high[name])) if name in z else v)
        for name, v in people.value.items()
    }
    return Draws(MappingProxyType(values), patients)


def predicted(row: Row, people: Population, z: Mapping[str, float], baseline: float = 1.0) -> float:
    """What the model gives for a row: a rate, a count [10^9/L], or a share of baseline.

    `baseline` multiplies the baseline counts of the row's cohort.
    """
    if isinstance(row, WholeBody):
        still = {f"patient.{name}": np.zeros(1) for name in PATIENT_DIMENSIONS}
        one = draws_at(people, z, still, 1)
        return float(_ratios((row.course(),), one, people, np.array([row.at_d]))[0, 0])
    a, last = row.anchor, row.courses[0].last_fraction_d
    draws = draws_at(people, z, row.z, PATIENTS)
    at = last + a.when_d
    if a.outcome in ("alc_after", "below_0.5_at"):
        count = _ratios(row.courses, draws, people, np.array([at]))[:, 0] * row.baseline * baseline
        if a.outcome == "alc_after":
            return float(np.median(count))
        return _rate(count, BELOW["0.5"])
    days = np.append(np.arange(0.0, at, COUNT_EVERY_D), at)
    error = np.exp(people.value["counting.sd_ln"] * row.noise[:, : len(days)])
    lowest = (_ratios(row.courses, draws, people, days) * row.baseline[:, None] * baseline * error).min(axis=1)
    if a.outcome == "nadir":
        return float(np.median(lowest))
    return _rate(lowest, BELOW[a.outcome.removeprefix("below_")])


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


class Model:
    """All rows with their courses, evaluated by row number: what each worker builds once."""

    def __init__(self) -> None:
        self.people = replace(population(load("lymphocyte")), posterior=None)
        self.rows = all_rows()

    def __call__(self, task: tuple[int, tuple[float, ...]]) -> float:
        """f_r(z) of row `task[0]` at z `task[1]`."""
        row = self.rows[task[0]]
        return transformed(row, predicted(row, self.people, dict(zip(FITTED, task[1], strict=True))))


_WORKER: list[Model] = []


def _start() -> None:
    _WORKER.append(Model())


def _work(task: tuple[int, tuple[float, ...]]) -> float:
    return _WORKER[0](task)


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Mode [z] and covariance of the posterior, -2 ln p there, and the residuals and slopes of the rows used."""

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
    """Gauss-Newton to the mode of the posterior over `FITTED`, by the rows of number `use`.

    Parameters in `off` are held at the lowest end of their ranges.
    """
    held = np.array([name in off for name in FITTED])
    k = len(FITTED)
    z = np.zeros(k) if start is None else start.copy()
    z[held] = -Z_LIMIT
    y, s = (np.array(v) for v in zip(*(observed(rows[i]) for i in use), strict=True))

    def residual(at: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        tasks = [(i, tuple(p.tolist())) for p in at for i in use]
        f = np.array(evaluate(tasks)).reshape(len(at), len(use))
        return np.asarray((f - y) / s)

    r = residual([z])[0]
    value = float(r @ r + z @ z)
    jacobian = np.zeros((len(use), k))
    for _ in range(ITERATIONS):
        shifted = residual([z + STEP * e for e in np.eye(k)[~held]])
        jacobian = np.zeros((len(use), k))
        jacobian[:, ~held] = (shifted - r).T / STEP
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
    return Fit(z, np.asarray(covariance, dtype=np.float64), value, r, jacobian)


def posterior_draws(found: Fit) -> NDArray[np.float64]:
    """Draws of the normal posterior, shape (draws, parameters), rounded to what is written."""
    rng = np.random.default_rng(SEED)
    factor = np.linalg.cholesky(found.covariance)
    z = found.mode + rng.standard_normal((POSTERIOR_DRAWS, len(FITTED))) @ factor.T
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


def check(rows: Sequence[Row], people: Population, z: NDArray[np.float64]) -> tuple[Check, ...]:
    """Prediction of every row at one z."""
    at = dict(zip(FITTED, z.tolist(), strict=True))
    out = []
    for row in rows:
        value = predicted(row, people, at)
        y, s = observed(row)
        a = row.anchor if isinstance(row, Scene) else row
        seen = row.anchor.observed if isinstance(row, Scene) else row.value
        group = row.anchor.group if isinstance(row, Scene) else "whole_body"
        out.append(Check(a.id, group, a.role, seen, value, (transformed(row, value) - y) / s))
    return tuple(out)


def all_rows() -> tuple[Row, ...]:
    """Every row of both tables."""
    return (*(scene(a) for a in anchors()), *whole_body_rows())


def role(row: Row) -> str:
    return row.anchor.role if isinstance(row, Scene) else row.role


def group(row: Row) -> str:
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


def inside(c: Check, n: int) -> bool:
    """Whether a predicted rate lies in the 95 % binomial (Wilson) interval of the published one."""
    return _inside(c.observed, c.predicted, n)


def _inside(published: float, rate: float, n: int) -> bool:
    centre = (published + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
    half = Z_95 / (1 + Z_95**2 / n) * np.sqrt(published * (1 - published) / n + Z_95**2 / (4 * n * n))
    return bool(abs(rate - centre) <= half)


def met_by_cohort(rows: Sequence[Row], people: Population, z: NDArray[np.float64]) -> tuple[int, int]:
    """Rates inside their binomial interval when a baseline that was not printed may lie `BASELINE_FACTORS` off.

    The rows of one source and site share the factor: the one that meets most of them is taken.
    """
    at = dict(zip(FITTED, z.tolist(), strict=True))
    cohorts: dict[tuple[str, str, str], list[Scene]] = {}
    for row in rows:
        if isinstance(row, Scene) and row.anchor.value is None:
            cohorts.setdefault((row.anchor.source, row.anchor.site, row.anchor.modality), []).append(row)
    met = 0
    for members in cohorts.values():
        met += max(
            sum(_inside(m.anchor.observed, predicted(m, people, at, factor), m.anchor.n) for m in members)
            for factor in (BASELINE_FACTORS if members[0].anchor.baseline_known == "assumed" else (1.0,))
        )
    return met, sum(len(m) for m in cohorts.values())


def report(
    people: Population,
    found: Fit,
    draws: NDArray[np.float64],
    before: Sequence[Check],
    after: Sequence[Check],
    left_out: Mapping[str, Check],
) -> str:
    """The calibration as Markdown: rows, parameters, and how well it did."""
    size = {a.id: a.n for a in anchors() if a.events is not None}
    lines = ["# Calibration of the lymphocyte parameters", "", "Written by `make calibrate`.", ""]
    lines += ["Rates as shares, counts in 10^9/L, whole-body rows as share of baseline.", ""]
    lines += [table(before, after, left_out), "", "| parameter | range | posterior median | 90 % | sd of z |"]
    lines += ["|---|---|---|---|---|"]
    sd = np.sqrt(np.diag(found.covariance))
    for i, name in enumerate(FITTED):
        v, low, high = people.value[name], people.low[name], people.high[name]
        q = [float(in_range(np.array(x), v, low, high)) for x in np.quantile(draws[:, i], [0.05, 0.5, 0.95])]
        lines.append(f"| {name} | {v:g} ({low:g}-{high:g}) | {q[1]:.3g} | {q[0]:.3g}-{q[2]:.3g} | {sd[i]:.2f} |")
    lines.append("")
    for title, checks in (("before", before), ("after", after), ("site left out", tuple(left_out.values()))):
        if checks:
            rates = [c for c in checks if c.id in size]
            within = sum(inside(c, size[c.id]) for c in rates)
            near = sum(abs(c.deviation) <= 2.0 for c in checks)
            squares = sum(c.deviation**2 for c in checks if c.role == "fit")
            lines.append(
                f"- {title}: {within} of {len(rates)} rates within their own binomial 95 % interval; {near} of "
                f"{len(checks)} rows within two errors that include the difference between cohorts; "
                f"chi2 of the fitted rows {squares:.1f}"
            )
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
        left_out: dict[str, Check] = {}
        if not options.no_leave_out:
            for name in dict.fromkeys(group(rows[i]) for i in use):
                without = found.without(np.array([group(rows[i]) == name for i in use]))
                left_out |= {c.id: c for c in check([r for r in rows if group(r) == name], people, without)}
        compared = []
        for title, off in CANDIDATES.items() if options.compare else ():
            other = fit(rows, use, evaluate, found.mode, off) if off else found
            brain = np.array([group(rows[i]) in CRANIAL for i in use])
            compared.append((title, float(other.residual @ other.residual), float(np.sum(other.residual[brain] ** 2))))
    before, after = check(rows, people, np.zeros(len(FITTED))), check(rows, people, found.mode)
    text = report(people, found, draws, before, after, left_out)
    met, rates = met_by_cohort(rows, people, found.mode)
    text += f"- after, baselines not printed free within a fifth: {met} of {rates} rates within their own interval\n"
    if compared:
        text += "\n| with | chi2 of all fitted rows | of the cranial rows |\n|---|---|---|\n"
        text += "".join(f"| {title} | {every:.1f} | {cranial:.1f} |\n" for title, every, cranial in compared)
    if options.table is not None:
        options.table.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
