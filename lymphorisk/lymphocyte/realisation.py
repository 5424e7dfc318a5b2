"""A course met by many draws: kill tables, pools, fates, and the counts that follow.

One function, `realise`, turns draws and a course into everything the trajectory needs; the
forecast, the update, what-ifs and simulated cohorts all go through it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.lymphocyte.course import Course, PhaseExposure
from lymphorisk.lymphocyte.drugs import chemo_parameter
from lymphorisk.lymphocyte.pools import COMPARTMENTS, POOL_OF, POOLS, PoolSystem, compartment_shares, pool_system
from lymphorisk.lymphocyte.population import Draws, Population, in_range
from lymphorisk.lymphocyte.recovery import LN2, Fate, quick_share
from lymphorisk.lymphocyte.survival import kills, survival_sets
from lymphorisk.lymphocyte.trajectory import Calendar, blood_count
from lymphorisk.units import HOURS_PER_DAY

#: How patients differ; one random dimension each.
PATIENT_DIMENSIONS = (
    "sensitivity",
    "recovery",
    *(f"surrogate.{pool}" for pool in POOLS),
    "chemo",
    "baseline",
    "age",
)
#: No fraction leaves nothing alive: keeps -ln(1-K) finite; a cell in a million million is below any count.
KILL_MAX = 1.0 - 1e-12
#: A share drawn beyond this is cut, so that mixtures of cells stay mixtures.
SHARE_MAX = 0.98


@dataclass(frozen=True, slots=True, eq=False)
class Realisation:
    """n draws of a course, ready to run.

    Attributes
    ----------
    calendar : Calendar
    kill : ndarray, shape (n, kinds, compartments)
    system, fate : PoolSystem, Fate
    loss_rate : ndarray, shape (n,)
        Of the concurrent drug. [1/d]
    """

    calendar: Calendar
    kill: NDArray[np.float64]
    system: PoolSystem
    fate: Fate
    loss_rate: NDArray[np.float64]

    def ratio(self, days: NDArray[np.float64]) -> NDArray[np.float64]:
        """Count over baseline, shape (n, t)."""
        return blood_count(days, self.calendar, self.kill, self.system, self.fate, self.loss_rate)


def fate_of(draws: Draws, people: Population) -> Fate:
    """Clearance and recovery of the draws."""
    v = draws.values
    dead_fast = LN2 * HOURS_PER_DAY / v["clearance.fast_half_time"]
    slow_clearance = "clearance.tbi_slow_half_time" if people.survival == "tbi" else "clearance.slow_half_time"
    dead_slow = LN2 * HOURS_PER_DAY / v[slow_clearance]
    speed = draws.patient("recovery", people.value["spread.recovery"])
    # The order slow < quick < clearance is what makes more dose never better; draws that cross it are cut.
    quick = np.minimum(LN2 / (v["recovery.half_time"] * speed), 0.5 * np.minimum(dead_fast, dead_slow))
    slow = np.minimum(LN2 / v["recovery.slow_half_time"], 0.5 * quick)
    share = quick_share(v["recovery.plateau"], v["recovery.plateau_nadir"])
    return Fate(np.minimum(share, SHARE_MAX), quick, slow, v["clearance.fast_share"].copy(), dead_fast, dead_slow)


def system_of(draws: Draws, people: Population, age_y: float | NDArray[np.float64] | None) -> PoolSystem:
    """Pools and traffic of the draws; an unknown age is drawn."""
    if age_y is None:
        name = "thymus.default_age"
        age = in_range(draws.z["patient.age"], people.value[name], people.low[name], people.high[name])
    else:
        age = np.broadcast_to(np.asarray(age_y, dtype=np.float64), (draws.size,))
    return pool_system(*compartment_shares(draws.values, age))


def survival_terms(
    draws: Draws, people: Population
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Weights, alphas, betas of the population's survival set for each draw, each of shape (n, terms)."""
    v = draws.values
    if people.survival != "combined":
        own = people.survival
        form = survival_sets(people.value)[own] if isinstance(own, str) else own
        weights, alphas, betas = (np.tile(t, (draws.size, 1)) for t in (form.weights, form.alphas, form.betas))
        return weights, alphas, betas
    resistant = np.minimum(v["survival.combined.resistant_share"], SHARE_MAX)
    weights = np.stack([1.0 - resistant, resistant], axis=1)
    alphas = 1.0 / np.stack([v["survival.combined.d0_sensitive"], v["survival.combined.d0_resistant"]], axis=1)
    return weights, alphas, np.zeros_like(alphas)


def pool_log_kill(phase: PhaseExposure, draws: Draws, people: Population) -> NDArray[np.float64]:
    """-ln(1 - K) of one fraction for every pool by its dose, shape (n, pools).

    Dose kills K_0 by the survival of the draw; the patient's sensitivity and, for a surrogate, its
    distance from the truth multiply -ln(1 - K_0).
    """
    terms = survival_terms(draws, people)
    factor = draws.values["rbe.proton"] if phase.modality == "proton" else None
    sensitivity = draws.patient("sensitivity", draws.values["spread.sensitivity"])
    out = np.empty((draws.size, len(POOLS)))
    for i, pool in enumerate(POOLS):
        killed = _killed(phase, pool, terms, factor, draws.size)
        out[:, i] = -np.log1p(-np.minimum(killed, KILL_MAX)) * sensitivity
        if pool in phase.surrogate:
            out[:, i] *= draws.patient(f"surrogate.{pool}", people.value["spread.surrogate"])
    return out


def _killed(
    phase: PhaseExposure,
    pool: str,
    terms: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    factor: NDArray[np.float64] | None,
    size: int,
) -> NDArray[np.float64]:
    """Share of a pool one fraction kills in every draw, each in its body, shape (n,); a lone draw meets the mean."""
    weights, alphas, betas = terms
    if size == 1 or not phase.bodies or pool not in phase.bodies[0]:
        return kills(phase.distribution(pool), weights, alphas, betas, dose_factor=factor)
    out = np.empty(size)
    lives_in = body_of_draw(size, len(phase.bodies))
    for body, doses in enumerate(phase.bodies):
        own = lives_in == body
        if own.any():
            mine = None if factor is None else factor[own]
            out[own] = kills(doses[pool], weights[own], alphas[own], betas[own], dose_factor=mine)
    return out


def body_of_draw(size: int, bodies: int) -> NDArray[np.intp]:
    """Which body each draw lives in: shuffled, because draws of a sequence are not in random order."""
    return np.asarray(np.random.default_rng(size).permutation(size) % bodies, dtype=np.intp)


def unexplained(phase: PhaseExposure, draws: Draws) -> NDArray[np.float64]:
    """-ln of what is left by the loss dose does not explain, ``u (1 - exp(-D_blood / D_ref))``, shape (n,)."""
    reached = -np.expm1(-phase.blood.mean_gy / draws.values["unexplained.reference_dose"])
    return -np.log1p(-np.minimum(draws.values["unexplained.loss_per_fraction"] * reached, KILL_MAX))


def drug_rate(chemo: str, draws: Draws) -> NDArray[np.float64]:
    """Loss rate under the concurrent drug of each drawn patient, shape (n,). [1/d]"""
    name = chemo_parameter(chemo)
    if name is None:
        return np.zeros(draws.size)
    return np.asarray(draws.values[name] * draws.patient("chemo", draws.values["spread.chemo"]))


def log_kill_of_phase(phase: PhaseExposure, draws: Draws, people: Population) -> NDArray[np.float64]:
    """-ln(1 - K) of one fraction for every pool, dose and unexplained loss together, shape (n, pools)."""
    return pool_log_kill(phase, draws, people) + unexplained(phase, draws)[:, None]


def realise(
    course: Course, draws: Draws, people: Population, age_y: float | NDArray[np.float64] | None = None
) -> Realisation:
    """Kill table, pools, fates and drug of every draw."""
    tables = [log_kill_of_phase(phase, draws, people) for phase in course.phases]
    by_pool = -np.expm1(-np.stack(tables, axis=1))
    times, kind = course.events()
    return Realisation(
        calendar=Calendar(times, kind, course.last_fraction_d),
        kill=np.minimum(by_pool, KILL_MAX)[:, :, POOL_OF[: len(COMPARTMENTS)]],
        system=system_of(draws, people, age_y),
        fate=fate_of(draws, people),
        loss_rate=drug_rate(course.chemo, draws),
    )
