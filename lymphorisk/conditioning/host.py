r"""The host's lymphocyte count under radiation and drugs, before and after an infusion of cells.

All living host lymphocytes Y (share of the patient's own baseline) follow, between fractions,

.. math:: \dot Y = -h(t)\,Y + (r\,Y + s)(1 - Y)

with the drugs' hazard ``h(t) = a_F C_F(t) + k_E (a_C E_C + a_B E_B)``: F-ara-A in plasma, and effects of
cyclophosphamide and bendamustine that unfold with one half-time. A step with a constant hazard is solved in
closed form (a Riccati equation), so the step size only meets the shape of h. Where the cells are follows the
exchange of `pools`: drugs and recovery act alike everywhere, so the places z (shares of Y) move by the
exchange alone, exactly. A fraction of a plan kills in every compartment what it kills in `realisation` (the same
distributions, survival set and spread); a whole-body fraction kills ``1 - exp(-d / D0)`` everywhere. Killed cells
travel, are still counted, and leave half fast, half slowly, with the half-times of the set that killed them. The
count is the baseline times the blood's living and dead cells over those of the baseline.

Assumed and not shown: kill of two drugs, or of drugs and radiation, multiplies; recovery after drugs is as fast
as after radiation, and faster here (r, seen between bridging radiation and lymphodepletion) than after courses
of chemoradiation (`recovery`). What is not seen: the infused cells, steroids, infection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.conditioning.counts import SAME_TIME_D, HostTrajectories
from lymphorisk.conditioning.pharmacokinetics import FludarabineKinetics, cumulative_exposure
from lymphorisk.conditioning.regimen import Regimen
from lymphorisk.errors import ScenarioError
from lymphorisk.lymphocyte.course import PhaseExposure
from lymphorisk.lymphocyte.pools import COMPARTMENTS, POOL_OF, POOLS, PoolSystem
from lymphorisk.lymphocyte.population import Draws, Population
from lymphorisk.lymphocyte.realisation import KILL_MAX, SUBSETS, shares_of, subset_log_kill
from lymphorisk.lymphocyte.survival import kills
from lymphorisk.units import HOURS_PER_DAY

Array = NDArray[np.float64]

#: Steps while drugs act, whose hazard is taken constant within one: a twelfth of the shortest effect half-time. [d]
DRUG_STEP_D = 1.0 / 12.0
#: Steps after fractions; the solution is exact between them, the step only draws the curve. [d]
FRACTION_STEP_D = 0.25
#: Steps elsewhere, exact too. [d]
COARSE_STEP_D = 1.0
#: Drug effects and dead cells have faded to below a tenth of a percent this long after the last event. [d]
FINE_TAIL_D = 6.0
#: Keeps the closed form from dividing zero by zero where no rate acts; far below any rate. [1/d]
RATE_FLOOR = 1e-14


@dataclass(frozen=True, slots=True, eq=False)
class Clearance:
    """How killed cells leave: a share fast, the rest slowly; half-times of shape (n,). [h]"""

    fast_share: float
    fast_h: Array
    slow_h: Array


@dataclass(frozen=True, slots=True, eq=False)
class HostDraws:
    """The hosts of an ensemble; every array has shape (n,).

    Attributes
    ----------
    baseline : ndarray
        Count before everything. [10^9/L]
    kill : mapping of str to ndarray
        Natural-log kill per unit exposure by drug: per mg h/L F-ara-A, per mg/m2 of the others.
    effect_h : ndarray
        Half-time with which cyclophosphamide and bendamustine act. [h]
    recovery, source : ndarray
        r and s. [1/d]
    d0_gy : ndarray
        Dose of a whole-body fraction that leaves 1/e of the lymphocytes. [Gy]
    whole_body, plan : Clearance
        After whole-body fractions and after fractions of a plan.
    fludarabine : FludarabineKinetics
    pools : PoolSystem
        Where lymphocytes live and how they travel.
    lymphocytes, people : Draws, Population
        The draws and ranges the fractions of a plan kill with.
    """

    baseline: Array
    kill: Mapping[str, Array]
    effect_h: Array
    recovery: Array
    source: Array
    d0_gy: Array
    whole_body: Clearance
    plan: Clearance
    fludarabine: FludarabineKinetics
    pools: PoolSystem
    lymphocytes: Draws
    people: Population

    @property
    def n(self) -> int:
        """Number of draws."""
        return len(self.baseline)


@dataclass(frozen=True, slots=True, eq=False)
class FractionKill:
    """What one fraction takes.

    Attributes
    ----------
    day : float
        From infusion. [d]
    share : ndarray, shape (n, c)
        Share of the living cells killed in each compartment of `pools`.
    blood_gy : float
        Mean blood dose of the fraction. [Gy]
    clearance : Clearance
        How the killed cells leave.
    """

    day: float
    share: Array
    blood_gy: float
    clearance: Clearance


def whole_body_kills(days: Sequence[float], dose_gy: float, draws: HostDraws) -> tuple[FractionKill, ...]:
    """Fractions in which every cell sees the same dose: ``K = 1 - exp(-d / D0)``."""
    share = np.repeat(-np.expm1(-dose_gy / draws.d0_gy)[:, None], len(COMPARTMENTS), axis=1)
    return tuple(FractionKill(day, share, dose_gy, draws.whole_body) for day in days)


def plan_kills(
    exposure: PhaseExposure,
    days: Sequence[float],
    draws: HostDraws,
    dose_factor: float = 1.0,
    *,
    whole_body: bool = False,
) -> tuple[FractionKill, ...]:
    """Fractions of a plan, by the dose distribution of every pool and of the blood, as in `realisation`.

    Parameters
    ----------
    exposure : PhaseExposure
        Doses of one fraction; its own calendar is not read.
    days : sequence of float
        When the fractions are given, from infusion. [d]
    dose_factor : float
        Factor on every dose of the fraction (a what-if of the same field).
    whole_body : bool
        Kill and clear with the whole-body set instead of the population's.
    """
    if dose_factor != 1.0:
        exposure = exposure.scaled(dose_factor)
    clearance = draws.whole_body if whole_body else draws.plan
    tables = (_whole_body_log_kill(exposure, draws),) * len(SUBSETS)
    if not whole_body:
        tables = subset_log_kill(exposure, draws.lymphocytes, draws.people)
    survives = np.stack([np.exp(-table)[:, POOL_OF] for table in tables])
    # Fractions change what the living are made of: it is followed for the whole body, through which cells travel.
    kept = np.sum(survives * draws.pools.share, axis=2)
    made_of = np.stack(shares_of(draws.lymphocytes))
    out = []
    for day in days:
        mixed = (made_of / made_of.sum(axis=0))[:, :, None]
        out.append(FractionKill(day, 1.0 - np.sum(mixed * survives, axis=0), exposure.blood.mean_gy, clearance))
        made_of = made_of * kept
    return tuple(out)


def _whole_body_log_kill(exposure: PhaseExposure, draws: HostDraws) -> Array:
    """-ln(1 - K) of every pool with ``exp(-d / D0)``, shape (n, pools).

    A surrogate is not widened: where all of the body gets nearly one dose, the body's dose is the pool's.
    """
    one, alpha = np.ones((draws.n, 1)), 1.0 / draws.d0_gy[:, None]
    killed = [kills(exposure.distribution(pool), one, alpha, 0.0 * one) for pool in POOLS]
    return -np.log1p(-np.minimum(np.stack(killed, axis=1), KILL_MAX))


def time_grid(
    drug_days: Sequence[float],
    fraction_days: Sequence[float],
    start_d: float,
    end_d: float,
    extra: Sequence[float] = (),
) -> Array:
    """Times of the forecast: fine while something acts, coarse elsewhere, and every event and `extra` day. [d]"""
    if not start_d < end_d:
        raise ScenarioError(f"a forecast from day {start_d:g} to day {end_d:g} has no length")
    parts = [np.arange(start_d, end_d, COARSE_STEP_D), np.array([end_d]), np.array(extra, dtype=float)]
    for days, step in ((drug_days, DRUG_STEP_D), (fraction_days, FRACTION_STEP_D)):
        parts += [np.arange(day, min(day + FINE_TAIL_D, end_d), step) for day in sorted(set(days))]
    t = np.unique(np.concatenate(parts))
    t = t[(t >= start_d) & (t <= end_d)]
    return np.asarray(t[np.concatenate([[True], np.diff(t) > SAME_TIME_D])])


def drug_log_kill(regimen: Regimen, draws: HostDraws, day: Array, mg: Mapping[int, float], bsa_m2: float) -> Array:
    """Natural-log kill by all drugs up to each time, shape (n, t).

    Parameters
    ----------
    mg : mapping of int to float
        Dose of each entry of ``regimen.drugs`` by its place. [mg]
    bsa_m2 : float
        Body surface; cyclophosphamide and bendamustine kill per mg/m2. [m2]
    """
    total = np.zeros((draws.n, len(day)))
    for i, dose in enumerate(regimen.drugs):
        since_h = (day - dose.day) * HOURS_PER_DAY
        acting = since_h > 0.0
        if not acting.any() or mg[i] == 0.0 or not dose.modelled:
            continue
        if dose.drug == "fludarabine":
            exposure = mg[i] * cumulative_exposure(draws.fludarabine, since_h[acting])
        else:
            exposure = mg[i] / bsa_m2 * _unfolded(draws.effect_h, since_h[acting])
        total[:, acting] += draws.kill[dose.drug][:, None] * exposure
    return total


def _unfolded(half_time_h: Array, since_h: Array) -> Array:
    return np.asarray(-np.expm1(-np.log(2.0) * since_h[None, :] / half_time_h[:, None]))


def grow(y: Array, hazard: Array, r: Array, s: Array, days: float) -> Array:
    """Living cells after a step with a constant hazard; the closed form of the Riccati equation.

    ``y' = s + b y - r y^2`` with ``b = r - s - h``; ``q = sqrt(b^2 + 4 r s)``, ``T = tanh(q days / 2)``:
    ``y -> (y (q + b T) + 2 s T) / (q + (2 r y - b) T)``. At h = 0 and y = 1 it stays 1.

    Examples
    --------
    >>> one = np.ones(1)
    >>> round(float(grow(one, 0.3 * one, 0.0 * one, 0.0 * one, 2.0)[0] / np.exp(-0.6)), 12)
    1.0
    """
    b = r - s - hazard
    q = np.sqrt(b * b + (2 * r) * (2 * s)) + RATE_FLOOR
    tanh = np.tanh(0.5 * q * days)
    return np.asarray((y * (q + b * tanh) + 2 * s * tanh) / (q + (2 * r * y - b) * tanh))


def trajectories(
    regimen: Regimen,
    draws: HostDraws,
    fractions: Sequence[FractionKill],
    *,
    mg: Mapping[int, float],
    bsa_m2: float,
    start_d: float,
    end_d: float,
    days: Sequence[float] = (),
) -> HostTrajectories:
    """The host count of every draw from `start_d` to `end_d`.

    Parameters
    ----------
    regimen : Regimen
        Its drugs are used; its radiation enters as `fractions`.
    fractions : sequence of FractionKill
        In any order.
    mg, bsa_m2 : mapping, float
        As in `drug_log_kill`.
    days : sequence of float
        Further days the grid must hold. [d]
    """
    given = sorted((f for f in fractions if start_d <= f.day <= end_d), key=lambda f: f.day)
    drug_days, fraction_days = [d.day for d in regimen.drugs], [f.day for f in given]
    t = time_grid(drug_days, fraction_days, start_d, end_d, [*days, *drug_days, *fraction_days])
    log_kill = drug_log_kill(regimen, draws, t, mg, bsa_m2)
    at: dict[int, list[FractionKill]] = {}
    for f in given:
        at.setdefault(int(np.searchsorted(t, f.day - SAME_TIME_D)), []).append(f)
    host = _Host(draws)
    alc = np.empty((draws.n, len(t)))
    for k in range(len(t)):
        if k:
            step = float(t[k] - t[k - 1])
            host.advance(step, (log_kill[:, k] - log_kill[:, k - 1]) / step)
        for f in at.get(k, ()):
            host.irradiate(f)
        alc[:, k] = draws.baseline * host.count()
    return HostTrajectories(t, alc)


class _Host:
    """The state of all draws: total living, their places and the dead as modes of the exchange."""

    def __init__(self, draws: HostDraws) -> None:
        self.draws, self.pools = draws, draws.pools
        self.total = np.ones(draws.n)
        self.places = np.zeros((draws.n, self.pools.share.shape[1]))
        self.places[:, -1] = 1.0
        self.moved = False
        self.dead: dict[int, tuple[Clearance, Array, Array]] = {}
        self.seen = self.pools.from_modes[:, 0, :] / self.pools.share[:, :1]
        self.decay: dict[tuple[float, int], tuple[Array, Array]] = {}
        self.move: dict[float, Array] = {}

    def advance(self, step: float, hazard: Array) -> None:
        d = self.draws
        before = self.total
        self.total = grow(self.total, hazard, d.recovery, d.source, step)
        if not self.dead:
            return
        key = round(step, STEP_DIGITS)
        if key not in self.move:
            self.move[key] = np.exp(self.pools.eigenvalue * step)
        for name, (clearance, fast, slow) in self.dead.items():
            go_fast, go_slow = self._leaving(key, step, name, clearance)
            self.dead[name] = (clearance, fast * go_fast, slow * go_slow)
        if self.moved:
            # inflow comes in baseline proportions and so evens out the places
            inflow = d.source * np.maximum(1.0 / np.sqrt(before * self.total) - 1.0, 0.0)
            steady = self.places[:, -1].copy()
            self.places = self.places * self.move[key] * np.exp(-inflow * step)[:, None]
            self.places[:, -1] = steady

    def _leaving(self, key: float, step: float, name: int, clearance: Clearance) -> tuple[Array, Array]:
        """Decay of the dead in every mode over a step: they travel and are cleared."""
        if (key, name) not in self.decay:
            rate = np.log(2.0) * HOURS_PER_DAY * step
            move = self.move[key]
            self.decay[key, name] = (
                move * np.exp(-rate / clearance.fast_h)[:, None],
                move * np.exp(-rate / clearance.slow_h)[:, None],
            )
        return self.decay[key, name]

    def irradiate(self, fraction: FractionKill) -> None:
        living = self.total[:, None] * _times(self.pools.from_modes, self.places)
        killed = living * fraction.share
        modes = _times(self.pools.to_modes, killed)
        c = fraction.clearance
        _, fast, slow = self.dead.get(id(c), (c, 0.0 * modes, 0.0 * modes))
        self.dead[id(c)] = (c, fast + c.fast_share * modes, slow + (1.0 - c.fast_share) * modes)
        left = living - killed
        self.total = np.maximum(left.sum(axis=1), LIVE_MIN)
        if self.moved or np.ptp(fraction.share, axis=1).max() > 0.0:
            self.moved = True
            self.places = _times(self.pools.to_modes, left / self.total[:, None])

    def count(self) -> Array:
        alive = self.total * np.einsum("nc,nc->n", self.seen, self.places) if self.moved else self.total
        for _, fast, slow in self.dead.values():
            alive = alive + np.einsum("nc,nc->n", self.seen, fast + slow)
        return np.asarray(alive)


#: Steps that agree to this many digits share their decays. [d]
STEP_DIGITS = 9
#: Below this share of the baseline no lymphocyte is left (one cell of 5e11); keeps the places defined.
LIVE_MIN = 2e-12


def _times(matrix: Array, vector: Array) -> Array:
    return np.asarray((matrix @ vector[:, :, None])[:, :, 0])
