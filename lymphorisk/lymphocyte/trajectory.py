"""The count over time: events that kill, and exact motion between them.

State of one draw of one subset: X, compartments by classes, as a share of all lymphocytes at baseline. Between
events X(t) = exp(A t) X(0) exp(B t) with the exchange A (`pools`) and the fate B (`recovery`); both
are diagonal in their modes, so a step of any length costs one exponential per mode. An event kills
the share K_i of the cells alive in compartment i. ALC(t) / ALC(0) is the counted cells in blood over
those at baseline. Nothing is discretised: splitting a step changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import ScenarioError
from lymphorisk.lymphocyte.pools import PoolSystem
from lymphorisk.lymphocyte.recovery import CLASSES, COUNTED, Fate, FateModes, fate_modes


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """When something kills, the same for all draws.

    Attributes
    ----------
    times_d : ndarray, shape (f,)
        Increasing, from 0 on. [d]
    kind : ndarray of int, shape (f,)
        Row of the kill table each event uses.
    spans_d : tuple of float
        Ends of the spans of constant loss rates, increasing; the first starts at day 0, none follows the last. [d]
    """

    times_d: NDArray[np.float64]
    kind: NDArray[np.intp]
    spans_d: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.times_d.shape != self.kind.shape:
            raise ScenarioError("as many events as kinds of event")
        if len(self.times_d) and (self.times_d[0] < 0 or np.any(np.diff(self.times_d) < 0)):
            raise ScenarioError("fraction times must not be negative and must be in order")
        if any(late <= early for early, late in zip((0.0, *self.spans_d), self.spans_d, strict=False)):
            raise ScenarioError("spans of loss rates end one after another, after day 0")


@dataclass(frozen=True, slots=True, eq=False)
class Subset:
    """One of the populations that live side by side: its share of the lymphocytes, what kills it, and its fate.

    Attributes
    ----------
    share : ndarray, shape (n,)
        Of all lymphocytes at baseline, in every compartment alike.
    kill : ndarray, shape (n, kinds, compartments)
        Share of its alive cells each kind of event kills.
    fate : Fate
        Of n draws, or of 1 draw shared by all n kill tables; so are the share and the loss rate.
    loss_rate : ndarray, shape (n, spans)
        Under drugs and steroids, in each span of the calendar. [1/d]
    """

    share: NDArray[np.float64]
    kill: NDArray[np.float64]
    fate: Fate
    loss_rate: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Together:
    """The modes of all subsets in one row: rates, shape (n, s 5), what an event meets and books, and what is seen."""

    each: tuple[FateModes, ...]
    rate: NDArray[np.float64]
    met: NDArray[np.float64]
    booked: NDArray[np.float64]
    seen: NDArray[np.float64]


def _together(subsets: Sequence[Subset], span: int | None) -> _Together:
    """The modes in a span, or after the last."""
    none = [np.zeros(len(s.loss_rate)) for s in subsets]
    rates = none if span is None else [s.loss_rate[:, span] for s in subsets]
    each = tuple(fate_modes(s.fate, rate) for s, rate in zip(subsets, rates, strict=True))
    seen = [s.share[:, None] * (m.left @ COUNTED) for s, m in zip(subsets, each, strict=True)]
    return _Together(
        each,
        np.concatenate([m.rate for m in each], axis=1),
        _diagonal([m.met for m in each]),
        _diagonal([m.booked for m in each]),
        np.concatenate(seen, axis=1),
    )


def _diagonal(blocks: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """One matrix a draw with the blocks on its diagonal."""
    n, rows, columns = blocks[0].shape
    out = np.zeros((n, rows * len(blocks), columns * len(blocks)))
    for i, block in enumerate(blocks):
        out[:, i * rows : (i + 1) * rows, i * columns : (i + 1) * columns] = block
    return out


def _merge(calendar: Calendar, lossy: bool) -> list[tuple[float, int | None]]:
    """Events in order; None is the end of a span."""
    events: list[tuple[float, int | None]] = [
        (float(t), int(k)) for t, k in zip(calendar.times_d, calendar.kind, strict=True)
    ]
    if lossy:
        events.extend((end, None) for end in calendar.spans_d)
        events.sort(key=lambda event: (event[0], event[1] is None))
    return events


def blood_count(
    days: NDArray[np.float64], calendar: Calendar, system: PoolSystem, subsets: Sequence[Subset]
) -> NDArray[np.float64]:
    """Count relative to baseline: the sum over the subsets.

    Parameters
    ----------
    days : ndarray, shape (t,)
        Increasing times to report, from 0 on. At the time of a kill the count is continuous: killed
        cells are still counted. [d]
    calendar : Calendar
        The events.
    system : PoolSystem
        Of n draws, or of 1 draw shared by all.
    subsets : sequence of Subset
        Populations side by side; shares sum to 1.

    Returns
    -------
    ndarray, shape (n, t)
    """
    if len(days) and (days[0] < 0 or np.any(np.diff(days) < 0)):
        raise ScenarioError("days to report must not be negative and must be in order")
    lossy = any(np.any(s.loss_rate) for s in subsets)
    spans: list[int | None] = [*range(len(calendar.spans_d)), None] if lossy else [None]
    modes = _together(subsets, spans.pop(0))
    # An event meets the alive of each subset and those on their way back with the same share.
    share = np.stack([s.kill for s in subsets for _ in range(modes.met.shape[2] // len(subsets))], axis=-1)
    n, classes = len(share), len(CLASSES)
    state = np.zeros((n, system.share.shape[1], classes * len(subsets)), dtype=np.result_type(share, np.float64))
    for i, own in enumerate(modes.each):
        state[:, -1, i * classes : (i + 1) * classes] = own.right[:, 0]
    # a complex kill carries a derivative in its imaginary part
    out = np.empty((n, len(days)), dtype=np.result_type(share, np.float64))
    now, done = 0.0, 0
    for time, kind in _merge(calendar, lossy):
        upto = int(np.searchsorted(days, time, side="left"))
        out[:, done:upto] = _observe(state, days[done:upto] - now, system, modes)
        done = upto
        state = _advance(state, time - now, system, modes)
        now = time
        if kind is None:
            after = _together(subsets, spans.pop(0))
            pairs = zip(modes.each, after.each, strict=True)
            state = state @ _diagonal([before.left @ later.right for before, later in pairs])
            modes = after
        else:
            state = _kill(state, share[:, kind], system, modes)
    out[:, done:] = _observe(state, days[done:] - now, system, modes)
    return out


def _advance(state: NDArray[np.float64], dt: float, system: PoolSystem, modes: _Together) -> NDArray[np.float64]:
    if dt == 0.0:
        return state
    return np.asarray(state * (np.exp(system.eigenvalue * dt)[:, :, None] * np.exp(modes.rate * dt)[:, None, :]))


def _kill(
    state: NDArray[np.float64], share: NDArray[np.float64], system: PoolSystem, modes: _Together
) -> NDArray[np.float64]:
    """Kill a share of the alive, and send that share of those on their way back to wait again."""
    killed = system.to_modes @ ((system.from_modes @ (state @ modes.met)) * share)
    return np.asarray(state + killed @ modes.booked)


def _observe(
    state: NDArray[np.float64], dt: NDArray[np.float64], system: PoolSystem, modes: _Together
) -> NDArray[np.float64]:
    if len(dt) == 0:
        return np.empty((len(state), 0))
    in_blood = system.from_modes[:, 0, :] / system.share[:, :1]
    weight = state * modes.seen[:, None, :] * in_blood[:, :, None]
    over_class = np.exp(modes.rate[:, :, None] * dt)
    over_mode = np.exp(system.eigenvalue[:, :, None] * dt)
    by_mode = weight @ over_class
    return np.asarray(np.einsum("nmt,nmt->nt", by_mode, np.broadcast_to(over_mode, by_mode.shape)))
