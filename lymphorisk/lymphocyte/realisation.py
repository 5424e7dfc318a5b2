"""A course met by many draws: kill tables, pools, fates, and the counts that follow.

One function, `realise`, turns draws and a course into everything the trajectory needs; the
forecast, the update, what-ifs and simulated cohorts all go through it. Two subsets live side by side, sensitive
cells that come back over years and resistant ones that come back within weeks; the count is their sum.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.frozen import FrozenDict
from lymphorisk.lymphocyte.course import Course, PhaseExposure
from lymphorisk.lymphocyte.drugs import TEMOZOLOMIDE, chemo_parameter, steroid_rate
from lymphorisk.lymphocyte.pools import POOL_OF, POOLS, PoolSystem, compartment_shares, pool_system
from lymphorisk.lymphocyte.population import Draws, Population, in_range
from lymphorisk.lymphocyte.recovery import LN2, SLOWER, Fate
from lymphorisk.lymphocyte.survival import kills, survival_sets
from lymphorisk.lymphocyte.trajectory import Calendar, Subset, blood_count
from lymphorisk.plan.emitter import MarrowMethod
from lymphorisk.units import HOURS_PER_DAY

#: How patients differ; one random dimension each.
PATIENT_DIMENSIONS = (
    "sensitivity",
    "recovery",
    *(f"surrogate.{pool}" for pool in POOLS),
    "chemo",
    "steroid",
    "baseline",
    "age",
)
#: Populations in parallel: the same pools and traffic, each its own sensitivity, losses and fate.
SUBSETS = ("sensitive", "resistant")
#: Weights, alphas [1/Gy] and betas [1/Gy2] of a survival for n draws.
Terms = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
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
    system : PoolSystem
        Where all of them live and how they travel.
    subsets : tuple of Subset
        In the order of `SUBSETS`; shares sum to 1.
    """

    calendar: Calendar
    system: PoolSystem
    subsets: tuple[Subset, ...]

    def ratio(self, days: NDArray[np.float64]) -> NDArray[np.float64]:
        """Count over baseline, shape (n, t): the sum over the subsets."""
        return blood_count(days, self.calendar, self.system, self.subsets)

    def each_ratio(self, days: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Count of each of `SUBSETS` over its own baseline, each of shape (n, t)."""
        alone = (replace(s, share=np.ones_like(s.share)) for s in self.subsets)
        return tuple(blood_count(days, self.calendar, self.system, (s,)) for s in alone)


def shares_of(draws: Draws) -> tuple[NDArray[np.float64], ...]:
    """Share of each of `SUBSETS`, each of shape (n,)."""
    resistant = np.minimum(draws.values["survival.combined.resistant_share"], SHARE_MAX)
    return 1.0 - resistant, resistant


def fates_of(draws: Draws, people: Population) -> tuple[Fate, ...]:
    """Clearance, lag and recovery of each of `SUBSETS`."""
    v = draws.values
    dead_fast = LN2 * HOURS_PER_DAY / v["clearance.fast_half_time"]
    slow_clearance = "clearance.tbi_slow_half_time" if people.survival == "tbi" else "clearance.slow_half_time"
    dead_slow = LN2 * HOURS_PER_DAY / v[slow_clearance]
    lag = LN2 / v["recovery.lag_half_time"]
    speed = draws.patient("recovery", people.value["spread.recovery"])
    # The order recovery < lag, clearance is what makes more dose never better; draws that cross it are cut.
    fastest = SLOWER * np.minimum(lag, np.minimum(dead_fast, dead_slow))
    return tuple(
        Fate(lag, np.minimum(LN2 / half_time, fastest), v["clearance.fast_share"].copy(), dead_fast, dead_slow)
        for half_time in (v["recovery.slow_half_time"], v["recovery.half_time"] * speed)
    )


def system_of(draws: Draws, people: Population, age_y: float | NDArray[np.float64] | None) -> PoolSystem:
    """Pools and traffic of the draws; an unknown age is drawn."""
    if age_y is None:
        name = "thymus.default_age"
        age = in_range(draws.z["patient.age"], people.value[name], people.low[name], people.high[name])
    else:
        age = np.broadcast_to(np.asarray(age_y, dtype=np.float64), (draws.size,))
    return pool_system(*compartment_shares(draws.values, age))


def survival_terms(draws: Draws, people: Population) -> tuple[Terms, ...]:
    """Weights, alphas, betas of the survival of each of `SUBSETS`, each of shape (n, terms).

    The default set is one exponential a subset. Any other form holds for all of them: they then differ in fate only.
    """
    v = draws.values
    if people.survival != "combined":
        own = people.survival
        form = survival_sets(people.value)[own] if isinstance(own, str) else own
        terms = tuple(np.tile(t, (draws.size, 1)) for t in (form.weights, form.alphas, form.betas))
        return ((terms[0], terms[1], terms[2]),) * len(SUBSETS)
    one = np.ones((draws.size, 1))
    return tuple((one, one / v[f"survival.combined.d0_{name}"][:, None], 0.0 * one) for name in SUBSETS)


def pool_log_kill(phase: PhaseExposure, draws: Draws, people: Population) -> tuple[NDArray[np.float64], ...]:
    """-ln(1 - K) of one fraction for every pool by its dose, for each of `SUBSETS`, each of shape (n, pools).

    Dose kills K_0 by the survival of the draw; the patient's sensitivity and, for a surrogate, its
    distance from the truth multiply -ln(1 - K_0).
    """
    quality = effectiveness_parameter(phase)
    factor = None if quality is None else draws.values[quality]
    sensitivity = draws.patient("sensitivity", draws.values["spread.sensitivity"])
    widened = {pool: draws.patient(f"surrogate.{pool}", people.value["spread.surrogate"]) for pool in phase.surrogate}
    if phase.low_rate is not None:
        widened["marrow"] = widened.get("marrow", 1.0) * draws.values[marrow_parameter(phase.low_rate.marrow_method)]
    out = []
    for terms in survival_terms(draws, people):
        table = np.empty((draws.size, len(POOLS)))
        for i, pool in enumerate(POOLS):
            killed = _killed(phase, pool, terms, factor, draws.size)
            table[:, i] = -np.log1p(-np.minimum(killed, KILL_MAX)) * sensitivity * widened.get(pool, 1.0)
        out.append(table)
    return tuple(out)


#: The relative effectiveness that a kind of radiation varies in, by modality; photons and electrons have none.
EFFECTIVENESS: Mapping[str, str] = FrozenDict({"proton": "rbe.proton", "ion": "rbe.ion"})


def effectiveness_parameter(phase: PhaseExposure) -> str | None:
    """The parameter that is the relative effectiveness of a phase's radiation; None where it is that of photons."""
    if phase.low_rate is not None:
        return "rbe.alpha" if phase.low_rate.alpha else None
    return EFFECTIVENESS.get(phase.modality)


def marrow_parameter(method: MarrowMethod) -> str:
    """The parameter that is the marrow dose of an emitter over what a method says of it."""
    return f"marrow.{method.replace('-', '_')}"


def _killed(
    phase: PhaseExposure,
    pool: str,
    terms: Terms,
    factor: NDArray[np.float64] | None,
    size: int,
) -> NDArray[np.float64]:
    """Share of a pool one fraction kills in every draw, each in its body, shape (n,); a lone draw meets the mean."""
    weights, alphas, betas = terms
    if phase.low_rate is not None:
        alphas, betas = alphas + betas * phase.low_rate.quadratic_gy[pool], 0.0 * betas
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


def unexplained(phase: PhaseExposure, draws: Draws) -> tuple[NDArray[np.float64], ...]:
    """-ln of what is left of each of `SUBSETS` by the loss dose does not explain, each of shape (n,).

    ``u (1 - exp(-D_blood / D_ref))`` of the sensitive cells, and a stated share of it of the resistant. It was fitted
    to fractions of beams: an internal emitter has none.
    """
    if phase.low_rate is not None:
        return (np.zeros(draws.size),) * len(SUBSETS)
    return unexplained_at(phase.blood.mean_gy, draws)


def unexplained_at(blood_gy: complex, draws: Draws) -> tuple[NDArray[Any], ...]:
    """The same for a mean blood dose of one fraction [Gy], whose imaginary part may carry a derivative."""
    reached = -np.expm1(-blood_gy / draws.values["unexplained.reference_dose"])
    lost = -np.log1p(-np.minimum(draws.values["unexplained.loss_per_fraction"] * reached, KILL_MAX))
    return lost, lost * draws.values["unexplained.on_resistant"]


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """Loss rates beside the fractions, constant within spans.

    Attributes
    ----------
    spans_d : tuple of float
        Ends of the spans. [d]
    by : mapping of str to tuple of ndarray
        Of ``chemo`` and ``steroid``, where there is any: rates of each of `SUBSETS`, each of shape (n, spans). [1/d]
    size : int
        Number of draws.
    """

    spans_d: tuple[float, ...]
    by: Mapping[str, tuple[NDArray[np.float64], ...]]
    size: int

    def total(self, of: Collection[str] | None = None) -> tuple[NDArray[np.float64], ...]:
        """Rates of all sources, or of some, for each of `SUBSETS`. [1/d]"""
        chosen = [rates for name, rates in self.by.items() if of is None or name in of]
        nothing = np.zeros((self.size, len(self.spans_d)))
        return tuple(sum((rates[i] for rates in chosen), nothing) for i in range(len(SUBSETS)))


def losses(course: Course, draws: Draws) -> Losses:
    """What drugs and steroids take from each of `SUBSETS`, in spans between their changes."""
    takes = [*_drug(course, draws), *_steroids(course, draws)]
    ends = {end for _, start, until, _ in takes for end in (start, until) if end > 0.0}
    spans = tuple(sorted(ends))
    starts = (0.0, *spans[:-1])
    on = draws.values["chemo.on_sensitive"]
    by: dict[str, NDArray[np.float64]] = {}
    for name in dict.fromkeys(name for name, *_ in takes):
        own = [(s, u, rate) for n, s, u, rate in takes if n == name]
        met = np.stack(
            [sum((rate for s, u, rate in own if s <= start < u), np.zeros(draws.size)) for start in starts], axis=1
        )
        by[name] = met
    if has_absorbed(course):
        by |= _apart(by, draws, np.array(starts) < course.last_fraction_d)
    each = {name: (met * on[:, None] if name == "chemo" else met, met) for name, met in by.items()}
    return Losses(spans, FrozenDict(each), draws.size)


def _apart(
    by: Mapping[str, NDArray[np.float64]], draws: Draws, during: NDArray[np.bool_]
) -> dict[str, NDArray[np.float64]]:
    """Rates of drug and steroid, shape (n, spans), where the drug's holds the loss under the usual steroid dose.

    Their sum is the drug's rate, with what the steroid takes beyond the usual dose, or without what it takes less.
    """
    v = draws.values
    usual = steroid_rate(v["steroid.usual_dose"], v["steroid.loss_rate"], v["steroid.half_dose"])
    held = usual[:, None] * during
    drug = by.get("chemo", np.zeros_like(held))
    return {
        name: np.maximum(by[name] - held if name == "chemo" else by[name] - np.maximum(held - drug, 0.0), 0.0)
        for name in by
    }


def has_absorbed(course: Course) -> bool:
    """Whether the rates fitted to cohorts hold the usual steroid dose of this course: brain tumours, who take it."""
    if course.steroid == "as fitted":
        return False
    return course.steroid == "usual" or chemo_parameter(course.chemo, course.drugs) == TEMOZOLOMIDE


#: A source of loss, its first and last day [d], and its rates, shape (n,) [1/d].
Take = tuple[str, float, float, NDArray[np.float64]]


def _drug(course: Course, draws: Draws) -> list[Take]:
    name = chemo_parameter(course.chemo, course.drugs)
    if name is None or not course.last_fraction_d > 0.0:
        return []
    rate = np.asarray(draws.values[name] * draws.patient("chemo", draws.values["spread.chemo"]))
    return [("chemo", 0.0, course.last_fraction_d, rate)]


def _steroids(course: Course, draws: Draws) -> list[Take]:
    """Dexamethasone from day 0 on: what was taken before is in the baseline count."""
    v, last = draws.values, course.last_fraction_d
    if course.steroid == "as fitted":
        return []
    if isinstance(course.steroid, str):
        takers = np.ones(draws.size) if course.steroid == "usual" else v["steroid.share"]
        periods = [
            (v["steroid.usual_dose"] * _over_usual(draws.z["patient.steroid"], takers, v["spread.steroid"]), 0.0, last)
        ]
    else:
        periods = [
            (np.full(draws.size, p.mg_per_day), p.from_d, last if p.until_d is None else p.until_d)
            for p in course.steroid
        ]
    rates = [(steroid_rate(mg, v["steroid.loss_rate"], v["steroid.half_dose"]), max(a, 0.0), b) for mg, a, b in periods]
    return [("steroid", start, until, rate) for rate, start, until in rates if until > start]


def _over_usual(z: NDArray[np.float64], takers: NDArray[np.float64], sd_ln: NDArray[np.float64]) -> NDArray[np.float64]:
    """Dose over the usual one of patients by their deviate: none below the share who take any, log-normal above.

    Examples
    --------
    >>> _over_usual(np.array([-1.0, 0.0, 1.0]), np.array([1.0, 0.3, 0.5]), np.ones(3)).round(3).tolist()
    [0.368, 0.0, 1.608]
    """
    from scipy.special import ndtr, ndtri

    rank = (ndtr(z) - (1.0 - takers)) / takers
    taken = rank > 0.0
    return np.where(taken, np.exp(sd_ln * ndtri(np.where(taken, rank, 0.5))), 0.0)


def subset_log_kill(phase: PhaseExposure, draws: Draws, people: Population) -> tuple[NDArray[np.float64], ...]:
    """-ln(1 - K) of one fraction for every pool, dose and unexplained loss together, for each of `SUBSETS`."""
    by_dose, beyond = pool_log_kill(phase, draws, people), unexplained(phase, draws)
    return tuple(dose + more[:, None] for dose, more in zip(by_dose, beyond, strict=True))


def realise(
    course: Course, draws: Draws, people: Population, age_y: float | NDArray[np.float64] | None = None
) -> Realisation:
    """Kill tables, pools, fates and losses of every draw."""
    phases = [subset_log_kill(phase, draws, people) for phase in course.phases]
    times, kind = course.events()
    lost = losses(course, draws)
    each = zip(shares_of(draws), fates_of(draws, people), lost.total(), strict=True)
    return Realisation(
        calendar=Calendar(times, kind, lost.spans_d),
        system=system_of(draws, people, age_y),
        subsets=tuple(
            Subset(share, by_compartment(np.stack([table[i] for table in phases], axis=1)), fate, rate)
            for i, (share, fate, rate) in enumerate(each)
        ),
    )


def by_compartment(log_kill: NDArray[np.float64]) -> NDArray[np.float64]:
    """Killed shares of the compartments, shape (..., compartments), from -ln(1 - K) of the pools, (..., pools)."""
    return np.minimum(-np.expm1(-log_kill), KILL_MAX)[..., POOL_OF]
