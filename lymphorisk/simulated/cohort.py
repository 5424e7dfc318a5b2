"""The simulated cohort: thousands of drawn patients on drawn plans, with counts from the mechanistic ensemble."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.features import FEATURES, NAMES
from lymphorisk.frozen import FrozenDict
from lymphorisk.lymphocyte import Course, Population, population
from lymphorisk.lymphocyte.cohort import simulate
from lymphorisk.parameters import load, posterior
from lymphorisk.plan import CHEMO
from lymphorisk.simulated.plan import ARMS, SimulatedPlan, packed, scalar, several, simulated_plan, unpacked
from lymphorisk.train.cohort import Cohort
from lymphorisk.train.schema import GRADE_BELOW
from lymphorisk.train.settings import Progress

#: Patients treated with each drawn plan, with facts, drugs, sensitivity and counting noise of their own.
PATIENTS_PER_PLAN = 10
#: Features the shipped models do not use, beside the sites: EDIC is made of others.
NOT_USED = ("edic",)
#: Day of the early count of the mid-course model. [d]
WEEK = 7.0
#: Plans handed to a worker at a time.
CHUNK = 8
DIGITS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """Drawn facts of n patients: age [y], chemotherapy (index in `CHEMO`), baseline count [10^9/L]."""

    age_y: NDArray[np.float64]
    chemo: NDArray[np.intp]
    alc: NDArray[np.float64]


def people() -> Population:
    """The calibrated population."""
    return population(load("lymphocyte"), posterior())


def arm_counts(plans: int) -> dict[str, int]:
    """Plans of each arm, in proportion to the arms' weights, at least one."""
    weight = np.array([scalar(f"arm.{a}.weight") for a in ARMS])
    share = weight / weight.sum() * plans
    return {arm: max(round(float(s)), 1) for arm, s in zip(ARMS, share, strict=True)}


def _one(task: tuple[str, int, int, bool]) -> dict[str, Any]:
    arm, seed, index, clinic = task
    return packed(simulated_plan(arm, seed, index, clinic=clinic))


def plan_library(
    plans: int, seed: int, *, workers: int, progress: Progress, clinic: bool = False
) -> list[SimulatedPlan]:
    """Distinct plans of all arms, drawn in parallel; the result does not depend on the number of workers."""
    tasks = [(arm, seed, i, clinic) for arm, n in arm_counts(plans).items() for i in range(n)]
    out: list[SimulatedPlan] = []
    step = max(len(tasks) // 10, 1)

    def keep(data: dict[str, Any]) -> None:
        out.append(unpacked(data))
        if len(out) % step == 0:
            progress(f"{len(out)} of {len(tasks)} plans")

    if workers == 1:
        for task in tasks:
            keep(_one(task))
        return out
    with get_context("spawn").Pool(workers) as pool:
        for data in pool.imap(_one, tasks, CHUNK):
            keep(data)
    return out


def facts(plans: list[SimulatedPlan], which: NDArray[np.intp], rng: np.random.Generator) -> Facts:
    """Age, chemotherapy and baseline of each patient.

    ``ln ALC = ln median + a (age - mean age) + b (BMI - median BMI) + c [earlier chemotherapy] + noise``
    """
    n = len(which)
    age, chemo, middle = np.empty(n), np.empty(n, dtype=np.intp), np.empty(n)
    bmi = np.array([plans[i].weight_kg / (plans[i].height_cm / 100.0) ** 2 for i in which])
    youngest, oldest = several("patient.age_limits")
    for row, i in enumerate(which):
        arm = f"arm.{plans[i].arm}"
        mean, sd = several(f"{arm}.age")
        age[row] = np.clip(rng.normal(mean, sd), youngest, oldest)
        share = np.array(several(f"{arm}.chemo"))
        chemo[row] = rng.choice(len(CHEMO), p=share / share.sum())
        middle[row] = np.log(scalar(f"{arm}.baseline")) + scalar("patient.ln_alc_per_year") * (age[row] - mean)
    earlier = rng.random(n) < scalar("patient.prior_chemo_share")
    ln_alc = (
        middle
        + scalar("patient.ln_alc_per_bmi") * (bmi - several("patient.bmi")[0])
        + scalar("patient.ln_alc_prior_chemo") * (earlier - scalar("patient.prior_chemo_share"))
        + scalar("patient.ln_alc_sd") * np.clip(rng.standard_normal(n), -2.5, 2.5)
    )
    return Facts(age.round(), chemo, np.exp(ln_alc).round(2).clip(0.1, 6.0))


def courses_of(
    plans: list[SimulatedPlan], which: NDArray[np.intp], chemo: NDArray[np.intp]
) -> tuple[list[Course], NDArray[np.intp]]:
    """Distinct courses (plan and drug) and the course of each patient."""
    pairs, course = np.unique(np.stack([which, chemo], axis=1), axis=0, return_inverse=True)
    return [Course((plans[i].exposure,), CHEMO[c]) for i, c in pairs], course.ravel().astype(np.intp)


def rows_of(plans: list[SimulatedPlan], which: NDArray[np.intp], drawn: Facts) -> NDArray[np.float64]:
    """Features of every patient, before anything goes missing."""
    x = np.stack([plans[i].features.values for i in which])
    for name, values in (
        ("alc", drawn.alc),
        ("age", drawn.age_y),
        ("chemo", (drawn.chemo != CHEMO.index("none")).astype(np.float64)),
        ("chemo_temozolomide", (drawn.chemo == CHEMO.index("temozolomide")).astype(np.float64)),
        ("chemo_platinum", (drawn.chemo == CHEMO.index("platinum")).astype(np.float64)),
    ):
        x[:, NAMES.index(name)] = values
    return x


def with_gaps(x: NDArray[np.float64], rng: np.random.Generator, *, placed: bool = False) -> NDArray[np.float64]:
    """What a clinic's plans lack: organs that are not contoured (none is lacking once they are placed), facts that are
    not written down."""
    out = x.copy()
    organs = [
        k.removeprefix("missing.") for k in load("predictor") if k.startswith("missing.") and k != "missing.facts"
    ]
    for organ in () if placed else organs:
        gone = rng.random(len(x)) < scalar(f"missing.{organ}")
        for i, f in enumerate(FEATURES):
            if f.organ == organ:
                out[gone, i] = np.nan
    named = (("age",), ("sex_female",), ("bmi",), ("chemo", "chemo_temozolomide", "chemo_platinum"))
    for features, share in zip((*named, ("ptv_volume",), ("prescription",)), several("missing.facts"), strict=True):
        gone = rng.random(len(x)) < share
        for name in features:
            out[gone, NAMES.index(name)] = np.nan
    return out


def insilico_cohort(
    patients: int,
    seed: int,
    *,
    early: bool = False,
    clinic: bool = False,
    workers: int = 2,
    progress: Progress = lambda _: None,
) -> Cohort:
    """A cohort of simulated patients.

    Parameters
    ----------
    patients : int
        About how many; each plan treats `PATIENTS_PER_PLAN`.
    seed : int
        Same seed, same patients, whatever the number of workers.
    early : bool
        Add the count after one week, for the mid-course model.
    clinic : bool
        Features see organs as clinics export them: the usual contours, the rest placed, none missing.
    workers : int
        Processes that draw plans.

    Returns
    -------
    Cohort
        Grouped by plan: patients of one plan never sit on both sides of a fold. Outcome: lowest of weekly counts, with
        counting error, from the start to a stated time after the last fraction.
    """
    count = max(round(patients / PATIENTS_PER_PLAN), len(ARMS))
    plans = plan_library(count, seed, workers=workers, progress=progress, clinic=clinic)
    rng = np.random.default_rng([seed, patients])
    which = np.repeat(np.arange(len(plans)), PATIENTS_PER_PLAN)
    drawn = facts(plans, which, rng)
    courses, course = courses_of(plans, which, drawn.chemo)
    progress(f"counts of {len(which)} patients on {len(courses)} courses")
    counted = simulate(
        courses,
        course,
        drawn.alc,
        people(),
        age_y=drawn.age_y,
        seed=seed,
        window_d=scalar("outcome.window_d"),
        days=(WEEK,) if early else (),
    )
    x = with_gaps(rows_of(plans, which, drawn), rng, placed=clinic)
    nadir = counted.measured_nadir
    if early:
        week = counted.measured_at[:, 0].round(2)
        x[:, NAMES.index("alc_week1")] = week
        nadir = np.minimum(nadir, week)
    left = {*NOT_USED, *(() if early else ("alc_week1",))}
    used = tuple(n for n in NAMES if n not in left and not n.startswith("site_"))
    x = x[:, [NAMES.index(n) for n in used]].round(DIGITS)
    nadir = nadir.round(3)
    digest = hashlib.sha256(x.tobytes() + nadir.tobytes()).hexdigest()
    outcomes: Mapping[str, NDArray[np.float64]] = FrozenDict(
        {g: (nadir < below).astype(np.float64) for g, below in GRADE_BELOW.items()}
    )
    return Cohort(
        name=f"{len(which)} simulated patients on {len(plans)} plans, seed {seed}",
        features=x,
        names=used,
        outcomes=outcomes,
        nadir_alc=nadir,
        group=which.astype(np.int64),
        subgroups=FrozenDict(
            {
                "site": np.array([plans[i].site for i in which]),
                "technique": np.array([plans[i].arm for i in which]),
            }
        ),
        sha256=digest,
        grouped_by="plan",
    )
