"""What one gray more in a lane costs: the adjoint of the exact engine.

With x(t) the forward state of the transform and y(t) the expectation of exp(s D) still to come,

    d E[exp(sD)] / d dose_kb = s / T_b  integral over beam b of  x_k(t) y_k(t) dt,

and the integral is the reverse of the Poisson series that moves x: as long as the series itself, and nothing is
approximated but its end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.circulation.chain import Chain, Transits, chain, one_step, pass_gap, poisson_weights
from lymphorisk.circulation.flow import exponential_sum
from lymphorisk.circulation.lanes import PhaseBlood, adapted
from lymphorisk.circulation.network import Network
from lymphorisk.circulation.survival_form import SurvivalForm
from lymphorisk.circulation.threads import one_blas_thread
from lymphorisk.frozen import FrozenDict
from lymphorisk.plan.frame import read_only

Real = NDArray[np.float64]

#: Jumps of the chain in one piece of a beam: their powers are kept at once.
PIECE_JUMPS = 200.0
#: Numbers kept between the way forward and back (a quarter of a gigabyte); beyond, pieces are gone through again.
MOST_KEPT = 2**25


@dataclass(frozen=True, slots=True, eq=False)
class LaneGradient:
    """Kill by dose in the lanes of one compartment.

    Attributes
    ----------
    share : ndarray, shape (k,)
        Share of the compartment's blood in each lane.
    dose_gy : ndarray, shape (b, k)
        Dose of one fraction by beam (as numbered in the plan). [Gy]
    per_gy : ndarray, shape (b, k)
        Change of the killed share of blood lymphocytes in one fraction for one gray more from beam b to all of lane
        k. [1/Gy]
    """

    share: Real
    dose_gy: Real
    per_gy: Real

    @property
    def per_gy_of_fraction(self) -> Real:
        """The same for one gray more of the whole fraction, split among beams as the lane's dose is. [1/Gy]

        A lane without dose takes the mean split of the compartment.
        """
        total = self.dose_gy.sum(axis=0)
        mean = self.dose_gy @ self.share
        mean = mean / mean.sum() if mean.sum() > 0 else np.full(len(mean), 1 / len(mean))
        split = np.where(total > 0, self.dose_gy / np.where(total > 0, total, 1.0), mean[:, None])
        return np.asarray((split * self.per_gy).sum(axis=0))


@dataclass(frozen=True, slots=True, eq=False)
class KillGradient:
    """Killed share in one fraction and its derivatives by compartment and lane."""

    killed: float
    compartments: Mapping[str, LaneGradient]


@one_blas_thread
def kill_gradient(
    network: Network, phase: PhaseBlood, form: SurvivalForm, *, stages: int, lanes: int | None
) -> KillGradient:
    """Derivative of the killed share of blood lymphocytes in one fraction by lane and beam dose.

    Parameters
    ----------
    network, phase : Network, PhaseBlood
        One phase of a course.
    form : SurvivalForm
        Survival with dose.
    stages, lanes : int
        As in `flow.blood_dose`.
    """
    used = adapted(network, phase, lanes)
    c = chain(network, used, stages)
    (killed,), (slope,) = kill_slopes(c, [form])
    back = np.argsort(phase.order)
    out: dict[str, LaneGradient] = {}
    for name in used.lanes:
        here = np.flatnonzero(c.compartment == network.index(name))
        out[name] = LaneGradient(
            share=read_only(c.share[here].copy()),
            dose_gy=read_only(c.dose_gy[back][:, here]),
            per_gy=read_only(slope[back][:, here]),
        )
    return KillGradient(float(killed), FrozenDict(out))


@one_blas_thread
def kill_slopes(c: Chain, forms: Sequence[SurvivalForm], transits: Transits | None = None) -> tuple[Real, Real]:
    """Killed share of blood lymphocytes in one fraction by each survival form, and its derivative by dose.

    Parameters
    ----------
    c : Chain
        The fraction.
    forms : sequence of SurvivalForm
    transits : Transits, optional
        Transit matrices to share between calls on one network.

    Returns
    -------
    killed, slope : ndarray, shape (f,), ndarray, shape (f, b, l)
        By form; for one gray more from a beam, in the order of treatment, to all of a lane [1/Gy].
    """
    top = float(c.dose_gy.max(axis=1).sum())
    nodes = [exponential_sum(form, np.array([top]), np.ones(1)) for form in forms]
    s = np.concatenate([n.s for n in nodes])
    value, slope = _differentiate(c, s if np.any(s.imag) else s.real, transits or Transits(c.network, c.stages))
    ends = np.cumsum([0, *(len(n.s) for n in nodes)])
    of = [slice(a, b) for a, b in pairwise(ends.tolist())]
    killed = [1.0 - float(np.real(n.weight @ value[i])) for n, i in zip(nodes, of, strict=True)]
    slopes = [-np.real(np.tensordot(n.weight, slope[i], axes=1)) for n, i in zip(nodes, of, strict=True)]
    return np.array(killed), np.stack(slopes)


def _differentiate(c: Chain, s: NDArray[Any], transits: Transits) -> tuple[NDArray[Any], NDArray[Any]]:
    """The transform at every s, shape (q,), and its derivative by beam (in treatment order) and lane, (q, b, l)."""
    steps = [
        one_step(c, (dose / on)[:, None] * s[None, :]) if on > 0 else None
        for dose, on in zip(c.dose_gy, c.on_s, strict=True)
    ]
    return _backward(c, transits, s, steps, _forward(c, transits, s, steps))


def _pieces(rate: float, on: float) -> tuple[int, float]:
    count = max(1, int(np.ceil(rate * on / PIECE_JUMPS)))
    return count, on / count


def _forward(c: Chain, transits: Transits, s: NDArray[Any], steps: list[Any]) -> list[list[NDArray[Any]]]:
    """By beam and piece the powers of the step on the states, one s below the other; or where the piece starts.

    Powers, shape (count, q m l), are kept as long as there are few; else the state, shape (q m l,).
    """
    x = np.repeat(c.start[:, :, None], len(s), axis=2).astype(np.result_type(s, np.float64))
    m, lanes, q = x.shape
    kept = 0
    out: list[list[NDArray[Any]]] = []
    for b, step in enumerate(steps):
        x = pass_gap(c, transits, x, float(c.gap_s[b]))
        y = np.ascontiguousarray(x.transpose(2, 0, 1)).reshape(-1)
        if step is None:
            out.append([y])
            x = x * np.exp(c.dose_gy[b][:, None] * s[None, :])[None]
            continue
        pieces, length = _pieces(step.rate, float(c.on_s[b]))
        _, weight, _, _ = poisson_weights(step.rate * length, step.growth)
        met = []
        for _ in range(pieces):
            powers = _powers(step.matrix, y, len(weight))
            kept += powers.size
            met.append(powers if kept <= MOST_KEPT else y)
            y = weight @ powers
        out.append(met)
        x = y.reshape(q, m, lanes).transpose(1, 2, 0)
    return out


def _backward(
    c: Chain, transits: Transits, s: NDArray[Any], steps: list[Any], before: list[list[NDArray[Any]]]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The transforms, and their derivatives by beam and lane."""
    m, lanes = c.start.shape
    q = len(s)
    y = np.ones(q * m * lanes, dtype=np.result_type(s, np.float64))
    slope = np.zeros((q, *c.dose_gy.shape), dtype=y.dtype)
    for b in reversed(range(len(steps))):
        step = steps[b]
        if step is None:
            factor = np.repeat(np.exp(s[:, None] * c.dose_gy[b])[:, None, :], m, axis=1).reshape(-1)
            y = y * factor
            slope[:, b] = s[:, None] * (before[b][0] * y).reshape(q, m, lanes).sum(axis=1)
        else:
            _, length = _pieces(step.rate, float(c.on_s[b]))
            _, weight, _, _ = poisson_weights(step.rate * length, step.growth)
            transposed = step.matrix.T.tocsr()
            for met in reversed(before[b]):
                powers = met if met.ndim > 1 else _powers(step.matrix, met, len(weight))
                held, y = _reversed(powers, transposed, y, weight)
                visits = held.reshape(q, m, lanes).sum(axis=1) / step.rate
                slope[:, b] += (s / c.on_s[b])[:, None] * visits
        columns = y.reshape(q, m * lanes)
        y = np.concatenate([_gap_back(c, transits, column, float(c.gap_s[b])) for column in columns])
    return y.reshape(q, m * lanes) @ c.start.reshape(-1), slope


def _powers(matrix: Any, x: NDArray[Any], count: int) -> NDArray[Any]:
    """x, Mx, M^2 x, ..., shape (count, states)."""
    out = np.empty((count, len(x)), dtype=np.result_type(matrix.dtype, x.dtype))
    out[0] = x
    for i in range(1, count):
        out[i] = matrix @ out[i - 1]
    return out


def _reversed(
    powers: NDArray[Any], transposed: Any, y: NDArray[Any], weight: Real
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rate times the integral of x(t) y(t) over a piece, and y at its start, by the series in reverse.

    ``a_n = w_n y``, ``a_i = w_i y + M^T a_{i+1}``; the integral is the sum of ``X_i a_{i+1}``.
    """
    a = weight[-1] * y
    held = np.zeros_like(a)
    for i in range(len(weight) - 2, -1, -1):
        held += powers[i] * a
        a = weight[i] * y + transposed @ a
    return held, a


def _gap_back(c: Chain, transits: Transits, y: NDArray[Any], seconds: float) -> NDArray[Any]:
    """The expectation before a gap from that after it."""
    if seconds <= 0:
        return y
    step = transits.at(seconds)
    m, n = c.stages, len(c.network.names)
    y = y.reshape(m, -1)
    pooled = np.add.reduceat(y * c.share[None, :], c.first_lane, axis=1).reshape(m * n)
    moved = (step.move @ pooled).reshape(m, n)
    kept = np.einsum("lab,bl->al", step.stay[c.compartment], y)
    return np.asarray(kept + moved[:, c.compartment]).reshape(-1)
