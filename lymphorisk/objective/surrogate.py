"""The loss around a dose as a quadratic: no exponentials and no blood engine, for inner iterations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lymphorisk.circulation.survival_form import SurvivalForm
from lymphorisk.objective.loss import BLOOD, Doses, LymphocyteLoss, Part, State

Real = NDArray[np.float64]
#: Changes at which the error is measured: the whole dose by a tenth, and every voxel by up to half of its own dose.
SCALES = (0.9, 1.1)
NOISE = 0.5
#: Step of -ln(1 - K) in the differences of the count's gradient, which is exact to rounding.
STEP = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Surrogate:
    """The loss to second order in the dose about a reference.

    ``L(d + x) ~ L + f.(k' x + x k'' x / 2) + (k' x) F (k' x) / 2`` with k = -ln(1 - K) of every subset, phase and pool,
    f and F the first and second derivatives of the count in them. All of the pools' curvature is kept, of blood's the
    part that comes from the logarithm.

    Attributes
    ----------
    loss : LymphocyteLoss
    reference : sequence of ndarray
        Dose of each phase, flat. [Gy]
    value_there : float
        The loss at the reference.
    first, second : ndarray, shapes (subsets, phases, pools), (n, n)
        f and F.
    states : sequence of State
        Kills and their slopes at the reference.
    bends : sequence of sequence of ndarray
        By phase and subset: second derivative of the kill by the dose at each cell.
    error : mapping of str to float
        Measured when it was made: distance from the loss over the loss's own change, by the change of dose.
    """

    loss: LymphocyteLoss
    reference: Sequence[Real]
    value_there: float
    first: Real
    second: Real
    states: Sequence[State]
    bends: Sequence[Sequence[Real]]
    error: Mapping[str, float]

    def value(self, dose: Doses) -> float:
        """The quadratic at a dose."""
        return self.value_and_gradient(dose)[0]

    def value_and_gradient(self, dose: Doses) -> tuple[float, tuple[Real, ...]]:
        """The quadratic and its derivative by the dose of every voxel, one array a phase. [1/Gy]"""
        moved = [d - r for d, r in zip(self.loss.by_phase(dose), self.reference, strict=True)]
        k, bent = np.zeros_like(self.first), np.zeros_like(self.first)
        own = np.zeros_like(self.first)
        for i, (part, state, x) in enumerate(zip(self.loss.parts, self.states, moved, strict=True)):
            own[:, i], bent[:, i], more = self._phase(part, state, self.bends[i], x)
            k[:, i] = own[:, i] + more[:, None]
        along = (self.second @ k.reshape(-1)).reshape(k.shape)
        value = self.value_there + float((self.first * (k + 0.5 * (bent + own**2)) + 0.5 * along * k).sum())
        out = []
        for i, (part, state, x) in enumerate(zip(self.loss.parts, self.states, moved, strict=True)):
            left = 1.0 - state.killed
            to_k = self.first[:, i] + along[:, i]
            to_own = (to_k + self.first[:, i] * own[:, i]) / left
            cells = np.zeros(len(part.index))
            at = x[part.index]
            for s, (slope, bend) in enumerate(zip(state.own, self.bends[i], strict=True)):
                cells += slope * part.spread(np.delete(to_own[s], BLOOD))
                cells += bend * at * part.spread(np.delete(self.first[s, i] / left[s], BLOOD))
            _, more = self.loss.typical.unexplained(state.blood_gy)
            lanes = float(to_k.sum(axis=1) @ more) * part.held_by_lane
            for row, by_lane in zip(to_own, state.blood, strict=True):
                lanes = lanes + row[BLOOD] * by_lane
            voxels = part.voxels(cells) + part.blood_voxels(lanes)
            out.append(voxels.reshape(part.held.grid.dose_zyx.shape))
        return value, tuple(out)

    def _phase(self, part: Part, state: State, bends: Sequence[Real], x: Real) -> tuple[Real, Real, Real]:
        """First-order change of -ln(1 - K), its bend by the pools' curvature, and that of the unexplained loss."""
        at = x[part.index]
        lanes = part.lane_doses(x)
        rows, bent = [], []
        for slope, bend, by_lane in zip(state.own, bends, state.blood, strict=True):
            rows.append(np.insert(np.add.reduceat(slope * at, part.starts), BLOOD, float(by_lane @ lanes)))
            bent.append(np.insert(np.add.reduceat(bend * at * at, part.starts), BLOOD, 0.0))
        _, more = self.loss.typical.unexplained(state.blood_gy)
        left = 1.0 - state.killed
        return np.stack(rows) / left, np.stack(bent) / left, more * float(part.held_by_lane @ lanes)


def bend_of(form: SurvivalForm, dose: Real) -> Real:
    """``-S''(d)``: second derivative of the killed share by dose. [1/Gy2]"""
    out = np.zeros_like(dose)
    for w, a, b in zip(form.weights, form.alphas, form.betas, strict=True):
        out -= w * ((a + 2 * b * dose) ** 2 - 2 * b) * np.exp(-a * dose - b * dose * dose)
    return out


def surrogate_at(loss: LymphocyteLoss, dose: Doses) -> Surrogate:
    """The quadratic about a dose, with its error measured."""
    reference = loss.by_phase(dose)
    log_kill = loss.log_kill(reference)
    value, first = loss.typical.gradient(log_kill)
    second = np.zeros((log_kill.size, log_kill.size))
    for n in range(log_kill.size):
        ends = []
        for sign in (1, -1):
            moved = log_kill.copy()
            moved.reshape(-1)[n] += sign * STEP
            ends.append(loss.typical.gradient(moved)[1].reshape(-1))
        second[n] = (ends[0] - ends[1]) / (2 * STEP)
    bends = [
        [part.share * part.factor**2 * bend_of(form, part.factor * d[part.index]) for form in loss.typical.forms[i]]
        for i, (part, d) in enumerate(zip(loss.parts, reference, strict=True))
    ]
    symmetric = 0.5 * (second + second.T)
    made = Surrogate(loss, reference, value, first, symmetric, loss.states(reference), bends, {})
    rng = np.random.default_rng(1)
    tried = {f"all doses times {s:g}": [s * d for d in reference] for s in SCALES}
    tried["every voxel by up to half of its dose"] = [d * rng.uniform(1 - NOISE, 1 + NOISE, d.shape) for d in reference]
    error = {}
    for words, doses in tried.items():
        true = loss.value(doses)
        error[words] = abs(made.value(doses) - true) / max(abs(true - value), np.finfo(np.float64).tiny)
    return replace(made, error=error)
