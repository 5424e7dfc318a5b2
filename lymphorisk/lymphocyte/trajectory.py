"""The count over time: events that kill, and exact motion between them.

State of one draw: X, compartments by classes, as a share of all lymphocytes at baseline. Between
events X(t) = exp(A t) X(0) exp(B t) with the exchange A (`pools`) and the fate B (`recovery`); both
are diagonal in their modes, so a step of any length costs one exponential per mode. An event kills
the share K_i of the cells alive in compartment i. ALC(t) / ALC(0) is the counted cells in blood over
those at baseline. Nothing is discretised: splitting a step changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import ScenarioError
from lymphorisk.lymphocyte.pools import PoolSystem
from lymphorisk.lymphocyte.recovery import ALIVE, CLASSES, COUNTED, Fate, FateModes, fate_modes


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """When something kills, the same for all draws.

    Attributes
    ----------
    times_d : ndarray, shape (f,)
        Increasing, from 0 on. [d]
    kind : ndarray of int, shape (f,)
        Row of the kill table each event uses.
    drug_until_d : float
        End of the concurrent drug, which starts at day 0. [d]
    """

    times_d: NDArray[np.float64]
    kind: NDArray[np.intp]
    drug_until_d: float = 0.0

    def __post_init__(self) -> None:
        if self.times_d.shape != self.kind.shape:
            raise ScenarioError("as many events as kinds of event")
        if len(self.times_d) and (self.times_d[0] < 0 or np.any(np.diff(self.times_d) < 0)):
            raise ScenarioError("fraction times must not be negative and must be in order")


def _merge(calendar: Calendar, loss_rate: NDArray[np.float64]) -> list[tuple[float, int | None]]:
    """Events in order; None is the end of the drug."""
    events: list[tuple[float, int | None]] = [
        (float(t), int(k)) for t, k in zip(calendar.times_d, calendar.kind, strict=True)
    ]
    if np.any(loss_rate):
        events.append((calendar.drug_until_d, None))
        events.sort(key=lambda event: (event[0], event[1] is None))
    return events


def blood_count(
    days: NDArray[np.float64],
    calendar: Calendar,
    kill: NDArray[np.float64],
    system: PoolSystem,
    fate: Fate,
    loss_rate: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Count relative to baseline.

    Parameters
    ----------
    days : ndarray, shape (t,)
        Increasing times to report, from 0 on. At the time of a kill the count is continuous: killed
        cells are still counted. [d]
    calendar : Calendar
        The events.
    kill : ndarray, shape (n, kinds, c)
        Share of the alive cells of each compartment killed by each kind of event, per draw.
    system, fate : PoolSystem, Fate
        Of n draws, or of 1 draw shared by all n kill tables.
    loss_rate : ndarray, shape (n,), optional
        Loss rate under the concurrent drug. [1/d]

    Returns
    -------
    ndarray, shape (n, t)
    """
    n = len(kill)
    drug = np.zeros(len(fate.quick)) if loss_rate is None else loss_rate
    if len(days) and (days[0] < 0 or np.any(np.diff(days) < 0)):
        raise ScenarioError("days to report must not be negative and must be in order")
    modes = fate_modes(fate, drug) if np.any(drug) and calendar.drug_until_d > 0 else fate_modes(fate, 0.0 * drug)
    start = np.zeros((n, system.share.shape[1], len(CLASSES)))
    start[:, -1, 0] = 1.0
    state = start @ modes.right
    out = np.empty((n, len(days)))
    now, done = 0.0, 0
    for time, kind in _merge(calendar, drug if calendar.drug_until_d > 0 else 0.0 * drug):
        upto = int(np.searchsorted(days, time, side="left"))
        out[:, done:upto] = _observe(state, days[done:upto] - now, system, modes)
        done = upto
        state = _advance(state, time - now, system, modes)
        now = time
        if kind is None:
            after = fate_modes(fate, 0.0 * drug)
            state = state @ (modes.left @ after.right)
            modes = after
        else:
            state = _kill(state, kill[:, kind], system, fate, modes)
    out[:, done:] = _observe(state, days[done:] - now, system, modes)
    return out


def _advance(state: NDArray[np.float64], dt: float, system: PoolSystem, modes: FateModes) -> NDArray[np.float64]:
    if dt == 0.0:
        return state
    return state * np.exp(system.eigenvalue * dt)[:, :, None] * np.exp(modes.rate * dt)[:, None, :]


def _kill(
    state: NDArray[np.float64], share: NDArray[np.float64], system: PoolSystem, fate: Fate, modes: FateModes
) -> NDArray[np.float64]:
    alive_modes = (state @ (modes.left @ ALIVE)[:, :, None])[:, :, 0]
    alive = _times(system.from_modes, alive_modes)
    killed = _times(system.to_modes, alive * share)
    booked = (fate.split[:, None, :] @ modes.right)[:, 0, :]
    return state + killed[:, :, None] * booked[:, None, :]


def _times(matrix: NDArray[np.float64], vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matrix times vector for every draw; one shared matrix is one product."""
    if len(matrix) == 1:
        return np.asarray(vector @ matrix[0].T)
    return np.asarray((matrix @ vector[:, :, None])[:, :, 0])


def _observe(
    state: NDArray[np.float64], dt: NDArray[np.float64], system: PoolSystem, modes: FateModes
) -> NDArray[np.float64]:
    if len(dt) == 0:
        return np.empty((len(state), 0))
    seen = modes.left @ COUNTED
    in_blood = system.from_modes[:, 0, :] / system.share[:, :1]
    weight = state * seen[:, None, :] * in_blood[:, :, None]
    over_class = np.exp(modes.rate[:, :, None] * dt)
    over_mode = np.exp(system.eigenvalue[:, :, None] * dt)
    return np.asarray(np.sum((weight @ over_class) * over_mode, axis=1))
