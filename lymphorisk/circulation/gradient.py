"""What one gray more in a lane costs: the adjoint of the exact engine.

With x(t) the forward state of the transform and y(t) the expectation of exp(s D) still to come,

    d E[exp(sD)] / d dose_kb = s / T_b  integral over beam b of  x_k(t) y_k(t) dt,

and the integral of the product of two Poisson series is one convolution: nothing is approximated but the ends of the
series.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.circulation.chain import Chain, Transits, chain, one_step, pass_gap, poisson_weights
from lymphorisk.circulation.flow import Nodes, exponential_sum
from lymphorisk.circulation.lanes import PhaseBlood, adapted
from lymphorisk.circulation.network import Network
from lymphorisk.circulation.survival_form import SurvivalForm
from lymphorisk.circulation.threads import one_blas_thread
from lymphorisk.frozen import FrozenDict
from lymphorisk.plan.frame import read_only

Real = NDArray[np.float64]

#: Jumps of the chain in one piece of a beam: keeps the convolution short and its rounding small.
PIECE_JUMPS = 200.0


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
    top = float(c.dose_gy.max(axis=1).sum())
    nodes = exponential_sum(form, np.array([top]), np.ones(1))
    value, slope = _differentiate(c, nodes)
    back = np.argsort(phase.order)
    out: dict[str, LaneGradient] = {}
    for name in used.lanes:
        here = np.flatnonzero(c.compartment == network.index(name))
        out[name] = LaneGradient(
            share=read_only(c.share[here].copy()),
            dose_gy=read_only(c.dose_gy[back][:, here]),
            per_gy=read_only(-slope[back][:, here]),
        )
    return KillGradient(1.0 - value, FrozenDict(out))


def _differentiate(c: Chain, nodes: Nodes) -> tuple[float, Real]:
    """Surviving share, and its derivative by beam (in treatment order) and lane, shape (b, l)."""
    transits = Transits(c.network, c.stages)
    value, slope = 0.0, np.zeros(c.dose_gy.shape)
    for s, weight in zip(nodes.s, nodes.weight, strict=True):
        argument = np.array([s if s.imag else s.real])
        steps = [
            one_step(c, (dose / on)[:, None] * argument[None, :]) if on > 0 else None
            for dose, on in zip(c.dose_gy, c.on_s, strict=True)
        ]
        before = _forward(c, transits, argument, steps)
        total, part = _backward(c, transits, argument, steps, before)
        value += weight * float(np.real(total))
        slope += weight * np.real(part)
    return value, slope


def _pieces(rate: float, on: float) -> tuple[int, float]:
    count = max(1, int(np.ceil(rate * on / PIECE_JUMPS)))
    return count, on / count


def _forward(c: Chain, transits: Transits, s: NDArray[Any], steps: list[Any]) -> list[list[NDArray[Any]]]:
    """State, shape (m l,), at the start of each piece of each beam."""
    x = c.start[:, :, None].astype(np.result_type(s, np.float64))
    shape = x.shape
    out: list[list[NDArray[Any]]] = []
    for b, step in enumerate(steps):
        x = pass_gap(c, transits, x, float(c.gap_s[b]))
        if step is None:
            out.append([x.reshape(-1).copy()])
            x = x * np.exp(c.dose_gy[b] * s[0])[None, :, None]
            continue
        pieces, length = _pieces(step.rate, float(c.on_s[b]))
        _, weight, _, _ = poisson_weights(step.rate * length, step.growth)
        starts = []
        y = x.reshape(-1)
        for _ in range(pieces):
            starts.append(y)
            y = weight @ _powers(step.matrix, y, len(weight))
        out.append(starts)
        x = y.reshape(shape)
    return out


def _backward(
    c: Chain, transits: Transits, s: NDArray[Any], steps: list[Any], before: list[list[NDArray[Any]]]
) -> tuple[complex, NDArray[Any]]:
    """The transform, and its derivative by beam and lane."""
    m, lanes = c.start.shape
    y = np.ones(m * lanes, dtype=np.result_type(s, np.float64))
    slope = np.zeros(c.dose_gy.shape, dtype=y.dtype)
    for b in reversed(range(len(steps))):
        step = steps[b]
        if step is None:
            factor = np.tile(np.exp(c.dose_gy[b] * s[0]), m)
            slope[b] = s[0] * (before[b][0] * factor * y).reshape(m, lanes).sum(axis=0)
            y = y * factor
        else:
            _, length = _pieces(step.rate, float(c.on_s[b]))
            _, weight, _, _ = poisson_weights(step.rate * length, step.growth)
            for start in reversed(before[b]):
                forward = _powers(step.matrix, start, len(weight))
                backward = _powers(step.matrix.T.tocsr(), y, len(weight))
                held = _overlap(forward, backward, weight) / step.rate
                slope[b] += s[0] / c.on_s[b] * held.reshape(m, lanes).sum(axis=0)
                y = weight @ backward
        y = _gap_back(c, transits, y, float(c.gap_s[b]))
    return complex(c.start.reshape(-1) @ y), slope


def _powers(matrix: Any, x: NDArray[Any], count: int) -> NDArray[Any]:
    """x, Mx, M^2 x, ..., shape (count, states)."""
    out = np.empty((count, len(x)), dtype=np.result_type(matrix.dtype, x.dtype))
    out[0] = x
    for i in range(1, count):
        out[i] = matrix @ out[i - 1]
    return out


def _overlap(forward: NDArray[Any], backward: NDArray[Any], weight: Real) -> NDArray[Any]:
    """Rate times the integral of x(t) y(t): sum over i, j of p(i + j + 1) X_i Y_j, by one FFT convolution."""
    from scipy import fft

    count = len(weight)
    size = fft.next_fast_len(2 * count)
    product = fft.ifft(fft.fft(forward, size, axis=0) * fft.fft(backward, size, axis=0), axis=0)
    inner = product[: count - 1]
    if not (np.iscomplexobj(forward) or np.iscomplexobj(backward)):
        inner = np.real(inner)
    return np.asarray(weight[1:] @ inner)


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
