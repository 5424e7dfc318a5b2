"""The whole blood dose histogram of one fraction, by stepping a dose grid.

The density of blood over (lane, stage, dose) is moved in turns: dose is added by shifting each lane along the dose
axis, blood is moved by the exact transit matrices of a short step (`chain.Transits`), half a dose step on either
side (Strang splitting). Every operation adds non-negative numbers, so mass stays and nothing turns negative; the
step error is of second order and is measured by a run with half the steps, which also removes it to fourth order
(Richardson).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.circulation.chain import Chain, Transits, mean_gy
from lymphorisk.plan.grid import read_only

Real = NDArray[np.float64]

#: Mass beyond which the tail of the dose grid is not carried on: a millionth of the smallest share reported (1e-6).
TAIL_MASS = 1e-12
#: Steps between two looks at where the tail ends; the look costs as much as a step.
TAIL_EVERY = 8


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
        Mass folded back from beyond the tail.
    negative : float
        Negative mass met (and set to zero) when the step error was removed.
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
        Time steps over the whole beam-on time; shared among beams by duration, at least two each.
    """
    transits = transits or Transits(c.network, c.stages)
    offset = float(least_gy(c).sum())
    if range_gy(c) == 0:
        return Histogram(offset, bin_gy, read_only(np.ones(1)), 1.0, 0.0, 0.0, 0.0)  # type: ignore[arg-type]
    counts = _steps_per_beam(c, steps)
    fine, lost = _run(c, bin_gy, counts, transits)
    coarse, _ = _run(c, bin_gy, np.maximum(counts // 2, np.minimum(counts, 1)), transits)
    size = max(len(fine), len(coarse))
    fine = np.pad(fine, (0, size - len(fine)))
    coarse = np.pad(coarse, (0, size - len(coarse)))
    mean = (mean_gy(c) - offset) / bin_gy
    fine, coarse = _centred(fine, mean), _centred(coarse, mean)
    change = (fine - coarse) / 3
    best = fine + change
    negative = float(-best[best < 0].sum())
    best = np.maximum(best, 0.0)
    best = _centred(best / best.sum(), mean)
    return Histogram(
        offset_gy=offset,
        bin_gy=bin_gy,
        mass=read_only(best),  # type: ignore[arg-type]
        untouched=min(untouched, float(best[0])),
        lost=lost,
        negative=negative,
        step_error=float(np.abs(np.cumsum(change)).max()),
    )


def _steps_per_beam(c: Chain, steps: int) -> NDArray[np.int64]:
    on = c.on_s
    if on.sum() == 0:
        return np.zeros(len(on), dtype=np.int64)
    return np.where(on > 0, 2 * np.maximum(np.round(steps * on / on.sum() / 2), 1), 0).astype(np.int64)


def _centred(mass: Real, mean: float) -> Real:
    """Move a little of every bin above zero to its neighbour so that the mean (in bins) is right."""
    out = mass.copy()
    above = float(mass[1:].sum())
    miss = mean - float(mass @ np.arange(len(mass)))
    if above <= 0:
        return out
    f = float(np.clip(miss / above, -1.0, 1.0))
    if f > 0:
        out = np.append(out, 0.0)
        out[2:] += f * mass[1:]
        out[1:-1] -= f * mass[1:]
    else:
        out[:-1] -= f * mass[1:]
        out[1:] += f * mass[1:]
    return out


def _run(c: Chain, bin_gy: float, counts: NDArray[np.int64], transits: Transits) -> tuple[Real, float]:
    """Density over dose at the end of the fraction, and the mass folded back at the tail."""
    m, lanes, n = c.stages, len(c.share), len(c.network.names)
    dose = (c.dose_gy - least_gy(c)[:, None]) / bin_gy
    top = int(np.ceil(dose.max(axis=1).sum())) + 2 * len(dose) + 1
    y = np.zeros((m, lanes, top))
    y[:, :, 0] = c.start
    first = c.first_lane
    single = np.diff(np.append(first, lanes)) == 1
    many = np.flatnonzero(~single[c.compartment])
    high = 1
    lost = 0.0
    clock = np.zeros(lanes)
    ticks = np.zeros(lanes, dtype=np.int64)
    passed = 0

    def add_dose(amount: Real) -> None:
        nonlocal high
        clock[:] += amount
        now = np.floor(clock + 0.5).astype(np.int64)
        shift = now - ticks
        ticks[:] = now
        furthest = int(shift.max())
        for lane in np.flatnonzero(shift):
            d = int(shift[lane])
            row = y[:, lane]
            row[:, d : high + d] = row[:, :high].copy()
            row[:, :d] = 0.0
        high = min(high + furthest, top)

    def move(seconds: float) -> None:
        step = transits.at(float(seconds))
        held = y[:, :, :high]
        collapsed = np.add.reduceat(held, first, axis=1).reshape(m * n, high)
        whole = step.move
        if np.any(single):
            whole = whole + _diagonal(step.stay, single)
        came = (whole.T @ collapsed).reshape(m, n, high)
        if len(many):
            kept = np.matmul(step.stay.transpose(0, 2, 1)[c.compartment[many]], held[:, many].transpose(1, 0, 2))
            kept += c.share[many, None, None] * came.transpose(1, 0, 2)[c.compartment[many]]
            held[:, many] = kept.transpose(1, 0, 2)
        held[:, first[single]] = came[:, single]

    for b, count in enumerate(counts):
        if c.gap_s[b] > 0 and passed:
            move(float(c.gap_s[b]))
        passed += 1
        if count == 0:
            add_dose(dose[b])
            continue
        step_s = float(c.on_s[b]) / int(count)
        share = dose[b] / int(count)
        add_dose(share / 2)
        for i in range(int(count)):
            move(step_s)
            add_dose(share if i + 1 < count else share / 2)
            if i % TAIL_EVERY == 0:
                tail = np.cumsum(y[:, :, :high].sum(axis=(0, 1))[::-1])
                keep = high - int(np.searchsorted(tail, TAIL_MASS))
                if keep < high:
                    beyond = y[:, :, keep:high].sum(axis=2)
                    lost += float(beyond.sum())
                    y[:, :, keep - 1] += beyond
                    y[:, :, keep:high] = 0.0
                    high = keep
    return y[:, :, :high].sum(axis=(0, 1)), lost


def _diagonal(stay: Real, single: NDArray[np.bool_]) -> Real:
    n, m = stay.shape[:2]
    full = np.zeros((m, n, m, n))
    here = np.flatnonzero(single)
    full[:, here, :, here] = stay[here]
    return full.reshape(m * n, m * n)
