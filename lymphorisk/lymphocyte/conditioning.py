r"""The host's lymphocyte count under radiation and drugs, before and after an infusion of cells.

Living host cells y (share of the patient's own baseline) follow, between fractions,

.. math:: \dot y = -h(t)\,y + (r\,y + s)(1 - y)

with the drugs' hazard ``h(t) = a_F C_F(t) + k_E (a_C E_C + a_B E_B)``: F-ara-A in plasma, and effects of
cyclophosphamide and bendamustine that unfold with one half-time. A step with a constant hazard is solved in
closed form (a Riccati equation), so the step size only meets the shape of h. A fraction takes the share
``K_host`` of the recirculating cells at once; ``K_blood`` of the blood's cells are dead but still counted and
leave the blood half fast, half slowly. The count is ``baseline (y + dead)``.

Assumed and not shown: kill of two drugs, or of drugs and radiation, multiplies; recovery after drugs is as fast
as after radiation. What is not seen: the infused cells, steroids, infection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import ScenarioError
from lymphorisk.lymphocyte.pharmacokinetics import FludarabineKinetics, cumulative_exposure, decayed_share
from lymphorisk.plan.conditioning import Regimen
from lymphorisk.units import HOURS_PER_DAY

Array = NDArray[np.float64]

#: Steps while drugs act or fractions are given: a third of the shortest half-time that shapes the hazard. [d]
FINE_STEP_D = 1.0 / 12.0
#: Steps elsewhere; the closed form is exact there, the step only draws the curve. [d]
COARSE_STEP_D = 0.5
#: Drug effects and dead cells have faded to below a tenth of a percent this long after the last event. [d]
FINE_TAIL_D = 6.0
#: Two times closer than a second are one. [d]
SAME_TIME_D = 1e-5
#: Keeps the closed form from dividing zero by zero where no rate acts; far below any rate. [1/d]
RATE_FLOOR = 1e-14
#: The bands of a forecast: 95, 90, 80 and 50 percent, and the median.
QUANTILES = (0.025, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.975)
#: Names of `QUANTILES`, in order.
QUANTILE_NAMES = ("p025", "p05", "p10", "p25", "p50", "p75", "p90", "p95", "p975")


@dataclass(frozen=True, slots=True, eq=False)
class HostDraws:
    """The hosts of an ensemble; every array has shape (n,).

    Attributes
    ----------
    baseline : ndarray
        Count before everything. [10^9/L]
    kill : mapping of str to ndarray
        Natural-log kill per unit exposure by drug: per mg h/L F-ara-A, per mg/m2 of the others.
    recovery, source : ndarray
        r and s. [1/d]
    d0_gy : ndarray
        Dose that leaves 1/e of the lymphocytes. [Gy]
    fast_h, slow_h : ndarray
        Half-times of dead cells in blood. [h]
    fast_share : float
        Share of the dead that leaves fast.
    effect_h : ndarray
        Half-time with which cyclophosphamide and bendamustine act. [h]
    fludarabine : FludarabineKinetics
    """

    baseline: Array
    kill: Mapping[str, Array]
    recovery: Array
    source: Array
    d0_gy: Array
    fast_h: Array
    slow_h: Array
    fast_share: float
    effect_h: Array
    fludarabine: FludarabineKinetics

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
    host : ndarray, shape (n,)
        Share of the recirculating host lymphocytes hit.
    blood : ndarray, shape (n,)
        Share of the blood's lymphocytes hit; they stay countable for a while.
    blood_gy : float
        Mean blood dose of the fraction. [Gy]
    """

    day: float
    host: Array
    blood: Array
    blood_gy: float


@dataclass(frozen=True, slots=True, eq=False)
class HostTrajectories:
    """Counts of every draw: `alc` has shape (n, t) on `day` (t,). [10^9/L], [d]"""

    day: Array
    alc: Array

    def at(self, day: float) -> Array:
        """Count of every draw on a day, shape (n,). [10^9/L]"""
        k = int(np.clip(np.searchsorted(self.day, day), 1, len(self.day) - 1))
        w = (day - self.day[k - 1]) / (self.day[k] - self.day[k - 1])
        w = float(np.clip(w, 0.0, 1.0))
        return (1.0 - w) * self.alc[:, k - 1] + w * self.alc[:, k]

    def bands(self) -> Mapping[str, Array]:
        """Quantiles by name (`QUANTILE_NAMES`), each of shape (t,). [10^9/L]"""
        return dict(zip(QUANTILE_NAMES, np.quantile(self.alc, QUANTILES, axis=0), strict=True))


def whole_body_kill(day: float, dose_gy: float, draws: HostDraws) -> FractionKill:
    """Every cell sees the same dose: ``K = 1 - exp(-d / D0)``."""
    kill = -np.expm1(-dose_gy / draws.d0_gy)
    return FractionKill(day, kill, kill, dose_gy)


def time_grid(event_days: Sequence[float], start_d: float, end_d: float, extra: Sequence[float] = ()) -> Array:
    """Times of the forecast: fine while something acts, coarse elsewhere, and every event and `extra` day. [d]"""
    if not start_d < end_d:
        raise ScenarioError(f"a forecast from day {start_d:g} to day {end_d:g} has no length")
    parts = [np.arange(start_d, end_d, COARSE_STEP_D), np.array([end_d]), np.array(extra, dtype=float)]
    parts += [np.arange(day, min(day + FINE_TAIL_D, end_d), FINE_STEP_D) for day in sorted(set(event_days))]
    t = np.unique(np.concatenate(parts))
    t = t[(t >= start_d) & (t <= end_d)]
    return t[np.concatenate([[True], np.diff(t) > SAME_TIME_D])]


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
        if not acting.any() or mg[i] == 0.0:
            continue
        if dose.drug == "fludarabine":
            exposure = mg[i] * cumulative_exposure(draws.fludarabine, since_h[acting])
        else:
            exposure = mg[i] / bsa_m2 * _unfolding(draws.effect_h, since_h[acting])
        total[:, acting] += draws.kill[dose.drug][:, None] * exposure
    return total


def _unfolding(half_time_h: Array, since_h: Array) -> Array:
    return np.asarray(-np.expm1(-np.log(2.0) * since_h[None, :] / half_time_h[:, None]))


def grow(y: Array, hazard: Array, r: Array, s: Array, days: float) -> Array:
    """Living cells after a step with a constant hazard; the closed form of the Riccati equation.

    ``y' = s + b y - r y^2`` with ``b = r - s - h``; ``q = sqrt(b^2 + 4 r s)``, ``T = tanh(q days / 2)``:
    ``y -> (y (q + b T) + 2 s T) / (q + (2 r y - b) T)``. At h = 0 and y = 1 it stays 1.

    Examples
    --------
    >>> one = np.ones(1)
    >>> float(grow(one, 0.3 * one, 0.0 * one, 0.0 * one, 2.0)[0] / np.exp(-0.6))
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
    on_step: Callable[[int], None] | None = None,
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
    events = [d.day for d in regimen.drugs] + [f.day for f in fractions]
    t = time_grid(events, start_d, end_d, [*days, *events])
    log_kill = drug_log_kill(regimen, draws, t, mg, bsa_m2)
    at = {int(np.searchsorted(t, f.day - SAME_TIME_D)): [] for f in fractions if start_d <= f.day <= end_d}
    for f in fractions:
        if start_d <= f.day <= end_d:
            at[int(np.searchsorted(t, f.day - SAME_TIME_D))].append(f)
    n = draws.n
    alc = np.empty((n, len(t)))
    live, fast, slow = np.ones(n), np.zeros(n), np.zeros(n)
    ln2 = np.log(2.0) * HOURS_PER_DAY
    for k in range(len(t)):
        if k:
            step = float(t[k] - t[k - 1])
            live = grow(live, (log_kill[:, k] - log_kill[:, k - 1]) / step, draws.recovery, draws.source, step)
            fast = fast * np.exp(-ln2 * step / draws.fast_h)
            slow = slow * np.exp(-ln2 * step / draws.slow_h)
        for f in at.get(k, ()):
            dead = live * f.blood
            fast = fast + draws.fast_share * dead
            slow = slow + (1.0 - draws.fast_share) * dead
            live = live * (1.0 - f.host)
        alc[:, k] = draws.baseline * (live + fast + slow)
        if on_step is not None:
            on_step(k)
    return HostTrajectories(t, alc)


def days_below(trajectories: HostTrajectories, threshold: float, from_d: float, to_d: float) -> Array:
    """Days each draw's count is below a threshold between two days, shape (n,). [d]

    The curve is linear between grid points, so crossings are met between them.
    """
    inside = (trajectories.day >= from_d - SAME_TIME_D) & (trajectories.day <= to_d + SAME_TIME_D)
    day, alc = trajectories.day[inside], trajectories.alc[:, inside]
    if len(day) < 2:
        return np.zeros(len(trajectories.alc))
    low = np.minimum(alc[:, 1:], alc[:, :-1])
    high = np.maximum(alc[:, 1:], alc[:, :-1])
    span = np.maximum(high - low, np.finfo(float).tiny)
    share = np.where(high > low, np.clip((threshold - low) / span, 0.0, 1.0), (low < threshold).astype(float))
    return np.asarray(share @ np.diff(day))


def nadir(trajectories: HostTrajectories) -> tuple[Array, Array]:
    """Lowest count of every draw and its day, each of shape (n,). [10^9/L], [d]"""
    k = trajectories.alc.argmin(axis=1)
    return trajectories.alc[np.arange(len(k)), k], trajectories.day[k]


def latin_hypercube(n: int, names: Sequence[str], seed: int) -> Mapping[str, Array]:
    """Uniform draws, one in each n-th of the axis, paired at random, by name; the same for the same seed and names.

    A single draw is the middle of every axis: the central forecast.
    """
    if n < 1:
        raise ScenarioError(f"an ensemble has at least one draw, not {n}")
    if n == 1:
        return {name: np.full(1, 0.5) for name in names}
    rng = np.random.default_rng(seed)
    return {name: (rng.permutation(n) + rng.random(n)) / n for name in names}


def between(u: Array, value: float, low: float | None, high: float | None) -> Array:
    """Uniform draws `u` on a stated range whose middle draw is the value: flat on each side of it."""
    if low is None or high is None:
        return np.full_like(u, value)
    return np.where(u < 0.5, low + 2 * u * (value - low), value + (2 * u - 1.0) * (high - value))


def correlated(shared: Array, own: Array, correlation: float) -> Array:
    """Uniform draws that share a part: normal scores with this correlation between any two."""
    from scipy.special import ndtr, ndtri

    z = np.sqrt(correlation) * ndtri(shared) + np.sqrt(1.0 - correlation) * ndtri(own)
    return np.asarray(ndtr(z))


__all__ = [
    "QUANTILES",
    "QUANTILE_NAMES",
    "FractionKill",
    "HostDraws",
    "HostTrajectories",
    "between",
    "correlated",
    "days_below",
    "decayed_share",
    "drug_log_kill",
    "grow",
    "latin_hypercube",
    "nadir",
    "time_grid",
    "trajectories",
    "whole_body_kill",
]
