"""The blood particle as a Markov chain, and the exact dose transform of one fraction.

States are (lane, stage): every lane of every compartment is m Erlang stages in series. Row vectors x hold
probability; between and during beams they move by ``dx/dt = x (Q + s R)``. Nothing here is sampled and there is
no time step: exponentials are summed as Poisson series (uniformization) whose truncation is bounded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.circulation.lanes import LaneDose, PhaseBlood, check_compartments
from lymphorisk.circulation.network import Network, dwell_rate
from lymphorisk.circulation.threads import one_blas_thread
from lymphorisk.errors import ParameterError
from lymphorisk.plan.frame import read_only

#: Probability the Poisson series may leave out; ten thousand times below the tightest law tested (1e-10).
SERIES_TOLERANCE = 1e-14
#: A beam shorter than this delivers while no blood moves. [s]
INSTANT_S = 1e-9
#: Standard deviations to search for the ends of the Poisson weights; the tail beyond 12 is under 1e-30.
POISSON_SPAN = 12.0
#: Terms kept beyond the span when the Poisson mean is small.
POISSON_EXTRA = 40
#: Columns beside the transforms: the untouched, second and first order about the mean, the stationary start.
EXTRA = 4
#: Terms of the series summed at once, so that BLAS does it; more would not fit the cache.
BLOCK = 32
#: Step matrices remembered per chain: a fraction has a few kinds of gaps and steps.
REMEMBERED_STEPS = 64

Complex = NDArray[np.complex128]
Real = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """A network with its lanes and stages, for one phase.

    Attributes
    ----------
    compartment : ndarray of int, shape (l,)
        Compartment of each lane; lanes of a compartment are adjacent.
    share : ndarray, shape (l,)
        Share of its compartment's blood in each lane.
    dose_gy : ndarray, shape (b, l)
        Dose of each beam to a lane, beams in the order of treatment. [Gy]
    on_s, gap_s : ndarray, shape (b,)
        Beam-on time, and the time before the beam since the last one. [s]
    stages : int
        Erlang stages m of every compartment.
    """

    network: Network
    compartment: NDArray[np.int64]
    share: Real
    dose_gy: Real
    on_s: Real
    gap_s: Real
    stages: int

    @property
    def start(self) -> Real:
        """Volume-weighted probability of each lane and stage, shape (m, l); stationary."""
        per_lane = self.network.volume_share[self.compartment] * self.share / self.stages
        return np.repeat(per_lane[None, :], self.stages, axis=0)

    @property
    def exit_rate(self) -> Real:
        """Rate out of one stage, shape (l,). [1/s]"""
        return dwell_rate(self.network, self.stages)[self.compartment]

    @property
    def into(self) -> Real:
        """Rate from the last stage of a lane (column) into the first stage of a lane (row), shape (l, l). [1/s]"""
        hop = self.network.routing[np.ix_(self.compartment, self.compartment)]
        return np.asarray((hop * self.exit_rate[:, None] * self.share[None, :]).T)

    @property
    def first_lane(self) -> NDArray[np.int64]:
        """Index of the first lane of each compartment, shape (n,)."""
        return np.searchsorted(self.compartment, np.arange(len(self.network.names)))


def chain(network: Network, phase: PhaseBlood, stages: int) -> Chain:
    """The chain of one phase. Compartments without lanes have one lane without dose."""
    check_compartments(network, phase)
    if stages < 1:
        raise ParameterError(f"{stages} stages: a compartment has at least one")
    order = phase.order
    beams = len(order)
    none = LaneDose(np.ones(1), np.zeros((beams, 1)))
    used = [phase.lanes.get(name, none) for name in network.names]
    return Chain(
        network=network,
        compartment=np.repeat(np.arange(len(used)), [len(lane.share) for lane in used]),
        share=np.concatenate([lane.share for lane in used]),
        dose_gy=np.concatenate([lane.dose_gy for lane in used], axis=1)[order],
        on_s=phase.on_s[order],
        gap_s=phase.gaps_s,
        stages=stages,
    )


def mean_gy(c: Chain) -> float:
    """Mean dose of one fraction: sum of blood share times mean organ dose. [Gy]"""
    return float((c.network.volume_share[c.compartment] * c.share) @ c.dose_gy.sum(axis=0))


@dataclass(frozen=True, slots=True, eq=False)
class Transit:
    """What one time step does when no dose is recorded: exact for any length.

    Attributes
    ----------
    stay : ndarray, shape (n, m, m)
        Probability to be in stage b without having left the compartment, from stage a.
    move : ndarray, shape (m n, m n)
        Probability of every other way, from (stage, compartment) row to column.
    """

    stay: Real
    move: Real


class Transits:
    """Transit matrices of one network and stage number, remembered by length of step."""

    def __init__(self, network: Network, stages: int) -> None:
        if stages < 1:
            raise ParameterError(f"{stages} stages: a compartment has at least one")
        self.stages = stages
        n = len(network.names)
        rate = dwell_rate(network, stages)
        q = np.zeros((stages, n, stages, n))
        here = np.arange(n)
        for a in range(stages):
            q[a, here, a, here] = -rate
            if a + 1 < stages:
                q[a, here, a + 1, here] = rate
        q[stages - 1, :, 0, :] += rate[:, None] * network.routing
        self.generator = q.reshape(stages * n, stages * n)
        self.rate = rate
        self.at = lru_cache(maxsize=REMEMBERED_STEPS)(self._at)

    def _at(self, step_s: float) -> Transit:
        from scipy.linalg import expm

        return self.transit(expm(self.generator * step_s), step_s)

    def multiples(self, unit_s: float, counts: Iterable[int]) -> dict[int, Transit]:
        """Transit over each whole number of units, by powers of one exponential."""
        from scipy.linalg import expm

        power = {1: expm(self.generator * unit_s)}
        while 2 * max(power) <= max(counts, default=1):
            top = max(power)
            power[2 * top] = power[top] @ power[top]
        out: dict[int, Transit] = {}
        for count in counts:
            whole, rest = np.eye(len(self.generator)), count
            for base in sorted(power, reverse=True):
                if base <= rest:
                    whole, rest = whole @ power[base], rest - base
            out[count] = self.transit(whole, count * unit_s)
        return out

    def transit(self, whole: Real, step_s: float) -> Transit:
        """Those who stay and all others, from the transition matrix of a step."""
        m, n = self.stages, len(self.rate)
        x = self.rate * step_s
        stay = np.zeros((n, m, m))
        term = np.exp(-x)
        for hop in range(m):
            if hop:
                term = term * x / hop
            for a in range(m - hop):
                stay[:, a, a + hop] = term
        move = whole.reshape(m, n, m, n).copy()
        here = np.arange(n)
        move[:, here, :, here] -= stay
        return Transit(read_only(stay), read_only(np.maximum(move, 0.0).reshape(m * n, m * n)))


def pass_gap(c: Chain, transits: Transits, x: NDArray[Any], seconds: float) -> NDArray[Any]:
    """Move x, shape (m, l, columns), through `seconds` without beam."""
    if seconds <= 0:
        return x
    step = transits.at(float(seconds))
    m, n = c.stages, len(c.network.names)
    collapsed = np.add.reduceat(x, c.first_lane, axis=1).reshape(m * n, -1)
    came = (step.move.T @ collapsed).reshape(m, n, -1)
    kept = np.einsum("lab,alc->blc", step.stay[c.compartment], x)
    return np.asarray(kept + c.share[None, :, None] * came[:, c.compartment, :])


def poisson_weights(mean: float, growth: float = 1.0) -> tuple[int, Real, Real, float]:
    """Poisson probabilities for a series whose terms may grow.

    Parameters
    ----------
    mean : float
        Expected number of jumps.
    growth : float
        Bound on the norm of one term of the series (1 when it only redistributes probability).

    Returns
    -------
    first, weight, tail, missed : int, ndarray, ndarray, float
        Index of the first weight that counts; weights from index 0; P(N > i); bound on what is left out.
    """
    from scipy.special import gammainc, gammaln

    top = mean * max(growth, 1.0)
    last = int(top + POISSON_SPAN * np.sqrt(top) + POISSON_EXTRA)
    i = np.arange(last + 1)
    if mean <= 0:
        return 0, np.ones(1), np.zeros(1), 0.0
    weight = np.exp(i * np.log(mean) - mean - gammaln(i + 1))
    factor = float(np.exp(top - mean))
    beyond = gammainc(i + 1, top) * factor
    end = int(np.argmax(beyond < SERIES_TOLERANCE)) if beyond[-1] < SERIES_TOLERANCE else last
    first = int(np.searchsorted(np.cumsum(weight), SERIES_TOLERANCE))
    weight = weight[: end + 1] / weight.sum()
    return first, weight, np.maximum(1.0 - np.cumsum(weight), 0.0), float(beyond[end])


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """The exact numbers of one fraction.

    Attributes
    ----------
    transform : ndarray of complex, shape (q,)
        E[exp(s D)] for each s asked.
    spent : ndarray of complex, shape (q, b, l)
        Share of 1 - E[exp(s D)] that falls in each beam and lane; sums to it.
    untouched : float
        Probability of the least dose any blood can get (no dose at all, unless every lane is in the field).
    sd_gy : float
        Standard deviation of the dose. [Gy]
    missed : float
        Bound on the probability left out by the series.
    """

    transform: Complex
    spent: Complex
    untouched: float
    sd_gy: float
    missed: float


@one_blas_thread
def solve(c: Chain, s: NDArray[Any], transits: Transits | None = None, *, moments: bool = True) -> Solved:
    """Exact transform, untouched share and spread of the dose of one fraction.

    ``E[exp(sD)] = pi^T prod_b { exp(G_b Q) exp(T_b (Q + s R_b)) } 1``

    Parameters
    ----------
    c : Chain
        The fraction.
    s : ndarray, shape (q,)
        Arguments of the transform, with Re s <= 0. [1/Gy]
    transits : Transits or None
        Transit matrices to share between calls on one network.
    moments : bool
        Also the untouched share and the standard deviation (else NaN).
    """
    transits = transits or Transits(c.network, c.stages)
    s = np.asarray(s)
    q, extra = len(s), EXTRA if moments else 0
    start = c.start
    # columns: the q transforms, the untouched, second and first order in s about the mean rate, the start itself
    x = np.repeat(start[:, :, None], q + extra, axis=2).astype(np.result_type(s, np.float64))
    x[:, :, q + 1 : q + extra - 1] = 0.0
    spent = np.zeros((q, len(c.on_s), len(c.share)), dtype=x.dtype)
    missed = 0.0
    occupancy = c.network.volume_share[c.compartment] * c.share
    steps: dict[bytes, _Step] = {}
    even = True  # all blood got the same so far: where it went while the beam was on makes no difference
    for b, on in enumerate(c.on_s):
        x = pass_gap(c, transits, x, float(c.gap_s[b]))
        dose = c.dose_gy[b]
        centred = np.zeros_like(dose) if np.ptp(dose) == 0 else dose - float(occupancy @ dose)
        even = even and np.ptp(dose) == 0
        if on < INSTANT_S or even:
            x = _instant(x, dose, centred, s, spent[:, b])
            continue
        key = dose.tobytes() + on.tobytes()
        if key not in steps:
            steps[key] = _step(c, (dose / on)[:, None] * s[None, :], centred / on, dose == dose.min(), extra)
        x, left = _beam(c, x, steps[key], float(on), spent[:, b])
        missed += left
    whole = x.sum(axis=(0, 1))
    sd = float("nan")
    if moments:
        sd = float(np.sqrt(max(2 * float(np.real(whole[q + 1])) - float(np.real(whole[q + 2])) ** 2, 0.0)))
    return Solved(
        transform=np.asarray(whole[:q], dtype=np.complex128),
        spent=np.asarray(spent, dtype=np.complex128),
        untouched=float(np.real(whole[q])) if moments else float("nan"),
        sd_gy=sd,
        missed=missed,
    )


def _instant(x: NDArray[Any], dose: Real, centred: Real, s: NDArray[Any], spent: NDArray[Any]) -> NDArray[Any]:
    """A beam without duration, or all of them even so far: every lane takes its dose where it is."""
    q = len(s)
    out = x.copy()
    factor = np.exp(dose[:, None] * s[None, :])
    spent[:] = ((1 - factor) * x[:, :, :q].sum(axis=0)).T
    out[:, :, :q] *= factor
    if x.shape[2] > q:
        start = x[:, :, q + 3]
        out[:, :, q] *= (dose == dose.min())[None, :]
        out[:, :, q + 1] += centred * x[:, :, q + 2] + centred**2 / 2 * start
        out[:, :, q + 2] += centred * start
    return out


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """One jump of the uniformized chain, all columns at once.

    Attributes
    ----------
    matrix : sparse array
        Acts on the columns one below the other.
    push : ndarray, shape (l, q)
        Dose rate times s. [1/s]
    rate : float
        Jumps a second. [1/s]
    growth : float
        Bound on the norm of the transforms' part of the matrix.
    mask : ndarray of bool, shape (l,)
        Lanes at the least dose rate.
    """

    matrix: Any
    push: NDArray[Any]
    rate: float
    growth: float
    mask: NDArray[np.bool_]


def _beam(c: Chain, x: NDArray[Any], step: _Step, on: float, spent: NDArray[Any]) -> tuple[NDArray[Any], float]:
    """One beam by uniformization: a Poisson sum over powers of one sparse step."""
    m, lanes, columns = x.shape
    q = step.push.shape[1]
    first, weight, tail, missed = poisson_weights(step.rate * on, step.growth)
    states = m * lanes
    y = np.ascontiguousarray(x.transpose(2, 0, 1)).reshape(-1)
    if columns > q:
        y[states * q : states * (q + 1)] *= np.tile(step.mask, m)
    total = np.zeros_like(y)
    stayed = np.zeros_like(y)
    block = np.empty((BLOCK, len(y)), dtype=x.dtype)
    for begin in range(0, len(weight), BLOCK):
        end = min(begin + BLOCK, len(weight))
        for row in range(end - begin):
            if begin + row:
                y = step.matrix @ y
            block[row] = y
        if end > first:
            total += weight[begin:end] @ block[: end - begin]
        if q:
            stayed += tail[begin:end] @ block[: end - begin]
    staying = stayed.reshape(columns, m, lanes)[:q].sum(axis=1)
    spent[:] = -(step.push.T * staying) / step.rate
    return total.reshape(columns, m, lanes).transpose(1, 2, 0), missed


def _slack(push: NDArray[Any]) -> Real:
    """Jump rate that keeps a lane's row of the step at norm one: |p|^2 / (2 Re p), p = -push (a disc)."""
    real = np.real(-push)
    size = np.abs(push)
    return np.asarray(np.where(real > 0, size**2 / (2 * np.where(real > 0, real, 1.0)), size))


def one_step(c: Chain, push: NDArray[Any]) -> _Step:
    """One jump of the transforms alone; `push` is dose rate times s, shape (l, q). [1/s]"""
    lanes = len(c.share)
    return _step(c, push, np.zeros(lanes), np.ones(lanes, dtype=np.bool_), 0)


def _step(c: Chain, push: NDArray[Any], kick: Real, mask: NDArray[np.bool_], extra: int) -> _Step:
    """One jump of all columns; `kick` is the dose rate about its mean, for the moments. [Gy/s]"""
    from scipy import sparse

    m, q = c.stages, push.shape[1]
    rate = c.exit_rate
    top = float(rate.max())
    growth = 1.0
    if q:
        top = max(top, float(np.max(rate[:, None] + _slack(push))))
        growth = float(np.max(np.abs(1 - rate[:, None] / top + push / top) + rate[:, None] / top))
    corner = sparse.csr_array(([1.0], ([0], [m - 1])), shape=(m, m))
    flow = sparse.kron(sparse.eye_array(m, k=-1), sparse.diags_array(rate / top))
    flow = sparse.csr_array(flow + sparse.kron(corner, sparse.csr_array(c.into / top)))
    stay = np.tile(1 - rate / top, m)
    plain = flow + sparse.diags_array(stay)
    rows: list[list[Any]] = [[None] * (q + extra) for _ in range(q + extra)]
    for j in range(q):
        rows[j][j] = flow + sparse.diags_array(stay + np.tile(push[:, j], m) / top)
    if extra:
        spared = sparse.diags_array(np.tile(mask, m).astype(np.float64))
        rows[q][q] = spared @ plain @ spared
        kicked = sparse.diags_array(np.tile(kick, m) / top)
        for j in range(q + 1, q + extra):
            rows[j][j] = plain
            if j + 1 < q + extra:
                rows[j][j + 1] = kicked
    return _Step(sparse.block_array(rows, format="csr"), push, top, growth, mask)
