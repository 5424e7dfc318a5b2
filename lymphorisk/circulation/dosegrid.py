"""The whole blood dose histogram of one fraction, by stepping a dose grid.

The density of blood over (lane, stage, dose) is moved in turns: dose is added by shifting each lane along the dose
axis, blood is moved by the exact transit matrices of a short step (`chain.Transits`), half a dose step on either
side (Strang splitting). Every operation adds non-negative numbers, so mass stays and nothing turns negative; the
step error is of second order and is measured by a run with half the steps, which also removes it to fourth order
(Richardson).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.circulation.chain import Chain, Transit, Transits, mean_gy
from lymphorisk.plan.frame import read_only

Real = NDArray[np.float64]

#: Mass beyond which the tail of the dose grid is not carried on: a millionth of the smallest share reported (1e-6).
TAIL_MASS = 1e-12
#: Steps between two looks at where the tail ends; the look costs as much as a step.
TAIL_EVERY = 4
#: With fewer irradiated lanes than this, steps are finer in proportion, up to FINER times: the cost stays the same.
FEW_LANES = 64
FINER = 5.0
#: Lengths of five steps in tenths of the mean, and of what is left when the number of steps is no multiple of five.
STEP_UNITS = (5, 8, 10, 12, 15)
REST_UNITS: tuple[list[int], ...] = ([], [10], [8, 12], [8, 12, 10], [5, 15, 8, 12])
#: Golden ratio: multiples of it spread evenly over the unit interval.
GOLDEN = 0.6180339887498949
#: The dose axis grows by this many points at a time.
WIDTH_STEP = 256
#: Densities are sums of non-negative numbers, which single precision adds to seven digits; a thousand steps lose less
#: than 1e-5 of any bin, the time step more. It is twice as fast.
DENSITY = np.float32
#: Densities are kept times this, and those below this share set to zero: far from denormal numbers, which are slow.
SCALE = 2.0**100
FAINT = 1e-25
#: Ways less likely than this in one step are left out; a thousand steps lose less than TAIL_MASS of any bin.
RARE = 1e-15


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """Blood dose of one fraction on a dose grid.

    Attributes
    ----------
    offset_gy : float
        Dose that all blood gets (the least dose of any lane). [Gy]
    bin_gy : float
        Distance of grid points. [Gy]
    mass : ndarray, shape (k,)
        Share of blood at offset + i bin; sums to 1.
    untouched : float
        Share exactly at `offset_gy`, from the exact solution; part of mass[0].
    lost : float
        Mass folded back from beyond the tail, and mass lost to rounding.
    negative : float
        Negative mass met (and settled with its neighbours) when the step error was removed.
    step_error : float
        Largest change of the cumulative histogram on halving the step, a third: bound on the finer run's error.
    """

    offset_gy: float
    bin_gy: float
    mass: Real
    untouched: float
    lost: float
    negative: float
    step_error: float

    @property
    def mean_gy(self) -> float:
        """Mean dose. [Gy]"""
        return self.offset_gy + self.bin_gy * float(self.mass @ np.arange(len(self.mass)))


def least_gy(c: Chain) -> Real:
    """Dose of each beam that every lane gets, shape (b,). [Gy]"""
    return np.asarray(c.dose_gy.min(axis=1))


def range_gy(c: Chain) -> float:
    """Largest possible dose of the fraction above the dose all blood gets. [Gy]"""
    return float((c.dose_gy - least_gy(c)[:, None]).max(axis=1).sum())


def histogram(c: Chain, untouched: float, bin_gy: float, steps: int, transits: Transits | None = None) -> Histogram:
    """The histogram of one fraction.

    Parameters
    ----------
    c : Chain
        The fraction.
    untouched : float
        Exact share of blood at the least dose (`chain.solve` of the chain without that dose).
    bin_gy : float
        Distance of grid points. [Gy]
    steps : int
        Time steps over the whole beam-on time; shared among beams by duration, at least two each. A few lanes are
        stepped more finely (`FINER`): with many, the lanes themselves fill the histogram.
    """
    transits = transits or Transits(c.network, c.stages)
    offset = float(least_gy(c).sum())
    if range_gy(c) == 0:
        return Histogram(offset, bin_gy, read_only(np.ones(1)), 1.0, 0.0, 0.0, 0.0)
    lit = int(np.count_nonzero(c.dose_gy.sum(axis=0) > offset))
    counts = _steps_per_beam(c, round(steps * min(max(FEW_LANES / lit, 1.0), FINER)))
    with ThreadPoolExecutor(max_workers=1) as beside:
        half = beside.submit(_run, c, bin_gy, [2 * step_units(int(n) // 2) for n in counts], transits)
        fine, lost = _run(c, bin_gy, [step_units(int(n)) for n in counts], transits)
        coarse, _ = half.result()
    mean = (mean_gy(c) - offset) / bin_gy
    fine, coarse = _centred(fine, mean), _centred(coarse, mean)
    size = max(len(fine), len(coarse))
    fine, coarse = np.pad(fine, (0, size - len(fine))), np.pad(coarse, (0, size - len(coarse)))
    change = (fine - coarse) / 3
    best = fine + change
    negative = float(-best[best < 0].sum())
    best = _centred(_rising(best, untouched), mean)
    return Histogram(
        offset_gy=offset,
        bin_gy=bin_gy,
        mass=read_only(best),
        untouched=untouched,
        lost=lost,
        negative=negative,
        step_error=float(np.abs(np.cumsum(change)).max()),
    )


def _rising(mass: Real, untouched: float) -> Real:
    """Settle negative mass with its neighbours: the cumulative share halfway between its rising hulls.

    The share without dose is known exactly; steps miss visits shorter than a step, so it is a floor here.
    """
    total = np.cumsum(mass)
    up = np.maximum.accumulate(total)
    down = np.minimum.accumulate(total[::-1])[::-1]
    settled = np.clip((up + down) / 2, untouched, 1.0)
    settled[-1] = 1.0
    return np.diff(settled, prepend=0.0)


def _steps_per_beam(c: Chain, steps: int) -> NDArray[np.int64]:
    on = c.on_s
    if on.sum() == 0:
        return np.zeros(len(on), dtype=np.int64)
    return np.where(on > 0, 2 * np.maximum(np.round(steps * on / on.sum() / 2), 1), 0).astype(np.int64)


def step_units(count: int) -> NDArray[np.int64]:
    """Lengths of the time steps of a beam, in units of a tenth of the mean step.

    Steps of one length would let a lane give only multiples of one dose, a comb in the histogram. Five lengths in
    changing order fill the comb.
    """
    units: list[int] = []
    for block in range(count // len(STEP_UNITS)):
        key = np.modf((np.arange(len(STEP_UNITS)) + 1 + block * len(STEP_UNITS)) * GOLDEN)[0]
        units += [STEP_UNITS[i] for i in np.argsort(key)]
    units += REST_UNITS[count % len(STEP_UNITS)]
    return np.array(units, dtype=np.int64)


def _centred(mass: Real, mean: float) -> Real:
    """Move a little of every bin above zero to its neighbour above zero so that the mean (in bins) is right."""
    out = mass.copy()
    miss = mean - float(mass @ np.arange(len(mass)))
    above = float(mass[1:].sum() if miss > 0 else mass[2:].sum())
    if above <= 0:
        return out
    f = float(np.clip(miss / above, -1.0, 1.0))
    if f > 0:
        out = np.append(out, 0.0)
        out[2:] += f * mass[1:]
        out[1:-1] -= f * mass[1:]
    else:
        out[1:-1] -= f * mass[2:]
        out[2:] += f * mass[2:]
    return out


class _Blood:
    """Density of blood over (lane, stage, dose) while it is stepped.

    Lanes of divided compartments are kept per unit of their share, so that blood coming in adds the same to each.
    Compartments of one lane are kept together: ``(stage, compartment)`` rows of one matrix.
    """

    def __init__(self, c: Chain, bin_gy: float) -> None:
        self.stages = c.stages
        self.compartments = len(c.network.names)
        counts = np.bincount(c.compartment, minlength=self.compartments)
        self.single = np.flatnonzero(counts == 1)
        self.divided = np.flatnonzero(counts > 1)
        many = counts[c.compartment] > 1
        self.dose = (c.dose_gy - least_gy(c)[:, None]) / bin_gy
        self.order = np.concatenate([np.flatnonzero(many), np.flatnonzero(~many)])
        self.lanes = int(many.sum())
        self.share = c.share[many].astype(DENSITY)
        self.home = c.compartment[many]
        ends = np.cumsum(counts[self.divided])
        self.parts = [slice(int(b - n), int(b)) for b, n in zip(ends, counts[self.divided], strict=True)]
        self.width = WIDTH_STEP
        self.high = 1
        self.lost = 0.0
        self.clock = np.zeros(len(self.order))
        self.ticks = np.zeros(len(self.order), dtype=np.int64)
        start = c.start
        self.lane: NDArray[Any] = np.zeros((self.lanes, self.stages, self.width), dtype=DENSITY)
        self.lane[:, :, 0] = (start[:, many] / self.share).T * SCALE
        self.whole: NDArray[Any] = np.zeros((self.stages, self.compartments, self.width), dtype=DENSITY)
        self.whole[:, self.single, 0] = start[:, ~many] * SCALE

    def add_dose(self, amount: Real) -> None:
        """Shift every lane by its dose, rounded on the lane's own running clock."""
        self.clock += amount[self.order]
        now = np.floor(self.clock + 0.5).astype(np.int64)
        shift = now - self.ticks
        self.ticks = now
        furthest = int(shift.max())
        self._widen(self.high + furthest)
        h = self.high
        for i in np.flatnonzero(shift):
            d = int(shift[i])
            row = self.lane[i] if i < self.lanes else self.whole[:, self.single[i - self.lanes]]
            row[:, d : h + d] = row[:, :h]
            row[:, :d] = 0.0
        self.high += furthest

    def move(self, stay: NDArray[Any], moves: NDArray[Any]) -> None:
        """Move the blood through one step (matrices of `matrices`), exactly, without dose."""
        m, n = self.stages, self.compartments
        for j, part in zip(self.divided, self.parts, strict=True):
            flat = self.lane[part].reshape(part.stop - part.start, -1)
            self.whole[:, j] = (self.share[part] @ flat).reshape(m, -1)
        came = (moves @ self.whole.reshape(m * n, -1)).reshape(m, n, -1)
        if self.lanes:
            if m > 1:
                self.lane = np.matmul(stay, self.lane)
            else:
                self.lane *= stay
            for j, part in zip(self.divided, self.parts, strict=True):
                self.lane[part] += came[None, :, j]
        self.whole = came

    def fold_tail(self) -> None:
        """Fold what lies beyond `TAIL_MASS` onto the last point kept."""
        for rows in (self.lane, self.whole):
            rows *= rows >= FAINT * SCALE
        tail = np.cumsum(self.density()[::-1])
        keep = max(self.high - int(np.searchsorted(tail, TAIL_MASS)), 1)
        if keep < self.high:
            self.lost += float(tail[self.high - keep - 1])
            for rows in (self.lane, self.whole):
                rows[..., keep - 1] += rows[..., keep : self.high].sum(axis=-1)
                rows[..., keep:] = 0.0
            self.high = keep
            narrow = WIDTH_STEP * -(-keep // WIDTH_STEP)
            if narrow < self.width:
                self.lane = np.ascontiguousarray(self.lane[..., :narrow])
                self.whole = np.ascontiguousarray(self.whole[..., :narrow])
                self.width = narrow

    def density(self) -> Real:
        """Share of blood at each grid point, shape (high,)."""
        out = self.whole[:, self.single, : self.high].sum(axis=(0, 1), dtype=np.float64)
        if self.lanes:
            out = out + self.share.astype(np.float64) @ self.lane[:, :, : self.high].sum(axis=1)
        return np.asarray(out / SCALE)

    def _widen(self, needed: int) -> None:
        if needed > self.width:
            wide = WIDTH_STEP * -(-needed // WIDTH_STEP)
            for name in ("lane", "whole"):
                rows = getattr(self, name)
                wider = np.zeros((*rows.shape[:2], wide), dtype=DENSITY)
                wider[:, :, : self.width] = rows
                setattr(self, name, wider)
            self.width = wide

    def matrices(self, step: Transit) -> tuple[NDArray[Any], NDArray[Any]]:
        """Of those who stay in their lane, and of all others (in compartments of one lane: of all)."""
        n, m = step.stay.shape[:2]
        full = step.move.reshape(m, n, m, n).copy()
        full[:, self.single, :, self.single] += step.stay[self.single]
        full[full < RARE] = 0.0
        stay = np.where(step.stay < RARE, 0.0, step.stay)
        return (
            stay.transpose(0, 2, 1)[self.home].astype(DENSITY),
            np.ascontiguousarray(full.reshape(m * n, m * n).T.astype(DENSITY)),
        )


def _run(c: Chain, bin_gy: float, units: list[NDArray[np.int64]], transits: Transits) -> tuple[Real, float]:
    """Density over dose at the end of the fraction, and the mass folded back at the tail."""
    blood = _Blood(c, bin_gy)
    known: dict[tuple[float, int], tuple[NDArray[Any], NDArray[Any]]] = {}
    since = 0
    for b, lengths in enumerate(units):
        if c.gap_s[b] > 0:
            blood.move(*blood.matrices(transits.at(float(c.gap_s[b]))))
        if len(lengths) == 0:
            blood.add_dose(blood.dose[b])
            continue
        whole = int(lengths.sum())
        unit_s = float(c.on_s[b]) / whole
        if (unit_s, int(lengths[0])) not in known:
            steps = transits.multiples(unit_s, sorted({int(n) for n in lengths}))
            known |= {(unit_s, n): blood.matrices(step) for n, step in steps.items()}
        before = np.concatenate([[0], lengths]) / whole
        after = np.concatenate([lengths, [0]]) / whole
        for i, length in enumerate(lengths):
            blood.add_dose(blood.dose[b] * (before[i] + after[i]) / 2)
            blood.move(*known[unit_s, int(length)])
            since += 1
            if since % TAIL_EVERY == 0:
                blood.fold_tail()
        blood.add_dose(blood.dose[b] * before[-1] / 2)
    out = blood.density()
    mass = float(out.sum())
    return out / mass, blood.lost + abs(1.0 - mass)
