"""The simulated cohort: thousands of drawn patients on drawn plans, with counts from the mechanistic ensemble."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.analysis.doses import POOL_ORGAN
from lymphorisk.features import NAMES, FeatureVector
from lymphorisk.features.schema import MEAN_MAX_GY, POOL_D0_GY, POOLS
from lymphorisk.features.table import eud_gy
from lymphorisk.frozen import FrozenDict
from lymphorisk.lymphocyte import Course, Population, population
from lymphorisk.lymphocyte.cohort import simulate
from lymphorisk.lymphocyte.drugs import USUAL_AT
from lymphorisk.parameters import load, posterior
from lymphorisk.plan import CHEMO
from lymphorisk.simulated.plan import ARMS, SimulatedPlan, packed, scalar, several, simulated_plan, unpacked
from lymphorisk.train.cohort import AS_DRAWN, Cohort
from lymphorisk.train.schema import GRADE_BELOW
from lymphorisk.train.settings import Progress

#: Patients treated with each drawn plan, with facts, drugs, sensitivity and counting noise of their own.
PATIENTS_PER_PLAN = 10
#: Pools whose doses the shipped models read.
TOLD = tuple(pool for pool in POOLS if pool != "blood")
#: Features of the shipped models. Each organ's lymphocytes are one number; blood dose, integral dose, mean doses and
#: volumes at dose added nothing on sites left out, and took the credit of the organs (docs/predictor.md).
USED = (
    "alc",
    "age",
    "sex_female",
    "bmi",
    "chemo",
    "chemo_temozolomide",
    "chemo_platinum",
    "fractions",
    "modality_proton",
    *(f"{POOLS[pool][1]}_eud" for pool in TOLD),
)
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
    """Distinct courses (plan and drug), and the course of each patient; steroids of brain tumours are as fitted."""
    pairs, course = np.unique(np.stack([which, chemo], axis=1), axis=0, return_inverse=True)
    courses = [
        Course((plans[i].exposure,), CHEMO[c], steroid="as fitted" if plans[i].site in USUAL_AT else ())
        for i, c in pairs
    ]
    return courses, course.ravel().astype(np.intp)


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


def with_gaps(x: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """What a clinic's plans lack: facts that are not written down."""
    out = x.copy()
    named = (("age",), ("sex_female",), ("bmi",), ("chemo", "chemo_temozolomide", "chemo_platinum"))
    for features, share in zip((*named, ("ptv_volume",), ("prescription",)), several("missing.facts"), strict=True):
        gone = rng.random(len(x)) < share
        for name in features:
            out[gone, NAMES.index(name)] = np.nan
    return out


def as_placed(x: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Pool doses as a clinic's plans give them: of organs that are often not contoured, with the error of placing them.

    An organ of a patient is placed with the probability that the parameter ``placed.ORGAN`` states, and its doses are
    then multiplied by one log-normal factor of the error that the benchmark of placed organs found.
    """
    out = x.copy()
    for pool in TOLD:
        organ, prefix = POOLS[pool]
        share, sd_ln = scalar(f"placed.{organ}"), scalar(f"error.{POOL_ORGAN[pool]}", "placement")
        factor = np.exp(sd_ln * rng.standard_normal(len(x)) * (rng.random(len(x)) < share))
        at = NAMES.index(f"{prefix}_eud")
        out[:, at] = np.minimum(out[:, at] * factor, MEAN_MAX_GY)
    return out


def varied(plans: list[SimulatedPlan], rng: np.random.Generator) -> tuple[list[SimulatedPlan], NDArray[np.bool_]]:
    """The plans, of some of them the dose of some pools spared or raised; and which are as drawn, shape (plans,).

    In treatments organs get dose together: a nodal field is a marrow field too. A model of those alone cannot tell
    whose loss it was, nor answer when one organ is spared. What the lymphocytes meet and the features change alike.
    """
    share, spared, low, high = several("varied.pools")
    changed = rng.random(len(plans)) < scalar("varied.plans")
    out = []
    for plan, change in zip(plans, changed, strict=True):
        factor = np.exp(rng.uniform(np.log(low), np.log(high), len(TOLD)))
        factor[rng.random(len(TOLD)) < spared] = 0.0
        factor[rng.random(len(TOLD)) >= share] = 1.0
        out.append(with_pools(plan, dict(zip(TOLD, factor.tolist(), strict=True))) if change else plan)
    return out, ~changed


def with_pools(plan: SimulatedPlan, factor: Mapping[str, float]) -> SimulatedPlan:
    """A plan with the dose of its pools times a factor each; of its features the pool doses follow."""
    met = plan.exposure
    pools = {pool: d.scaled(factor.get(pool, 1.0)) for pool, d in met.pools.items()}
    values = plan.features.values.copy()
    for pool in factor:
        values[NAMES.index(f"{POOLS[pool][1]}_eud")] = met.fractions * eud_gy(pools[pool], POOL_D0_GY)
    features = FeatureVector(values, missing=plan.features.missing)
    return replace(plan, exposure=replace(met, pools=pools), features=features)


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
        Features see organs as clinics export them: the usual contours, the rest placed, none missing; no plan is
        varied. Otherwise some plans are (`varied`), and pool doses carry the error of placing (`as_placed`).
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
    as_drawn = np.ones(len(plans), dtype=np.bool_)
    if not clinic:
        plans, as_drawn = varied(plans, rng)
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
    x = with_gaps(rows_of(plans, which, drawn), rng)
    if not clinic:
        x = as_placed(x, rng)
    nadir = counted.measured_nadir
    if early:
        week = counted.measured_at[:, 0].round(2)
        x[:, NAMES.index("alc_week1")] = week
        nadir = np.minimum(nadir, week)
    used = (*USED, *(("alc_week1",) if early else ()))
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
                "modality": np.array([plans[i].exposure.modality for i in which]),
                "plan": np.where(as_drawn[which], AS_DRAWN, "varied"),
            }
        ),
        sha256=digest,
        grouped_by="plan",
    )
