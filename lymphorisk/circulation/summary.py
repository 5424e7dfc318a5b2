"""What is told about a blood dose histogram, and the course made of fractions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lymphorisk.circulation.dosegrid import Histogram
from lymphorisk.dvh.curve import DoseDistribution
from lymphorisk.frozen import FrozenDict
from lymphorisk.plan.frame import read_only

Real = NDArray[np.float64]

#: Thresholds of the blood dose reported in the field. [Gy]
V_GT_GY = (0.07, 0.125)
V_GE_GY = 0.5
#: Share of the blood whose least dose is D2%.
HOTTEST = 0.02
#: Mass that may wrap around the dose grid of a course: below rounding of its FFT.
WRAPPED_MASS = 1e-13
#: Trial slopes of Chernoff's bound, as powers of ten over the inverse of the largest dose.
CHERNOFF_POWERS = (-2.0, 2.5, 60)
#: Masses below this at the end of a course histogram are rounding of the FFT, not blood.
LAST_MASS = 1e-13
#: A threshold this close to the dose all blood gets is that dose. [Gy]
SAME_GY = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class BloodSummary:
    """Dose to the blood in one fraction or in the course.

    Attributes
    ----------
    mean_gy, sd_gy : float
        Mean and standard deviation between blood particles, exact. [Gy]
    v_gt_0, v_gt_0_07, v_gt_0_125, v_ge_0_5 : float
        Share of the blood above 0 (exact), above 0.07 and 0.125, at or above 0.5 Gy.
    d2_gy : float
        Least dose of the hottest 2 %. [Gy]
    surviving : mapping of str to float
        Surviving share of lymphocytes under each survival form, exact.
    dose_gy : ndarray, shape (n + 1,)
        Edges of the histogram from 0. [Gy]
    volume_fraction_cumulative : ndarray, shape (n + 1,)
        Share of the blood at or above each edge.
    least_gy : float
        Dose that all the blood gets. [Gy]
    untouched : float
        Share of the blood at exactly `least_gy`.
    """

    mean_gy: float
    sd_gy: float
    v_gt_0: float
    v_gt_0_07: float
    v_gt_0_125: float
    v_ge_0_5: float
    d2_gy: float
    surviving: Mapping[str, float]
    dose_gy: Real
    volume_fraction_cumulative: Real
    least_gy: float = 0.0
    untouched: float = 0.0
    _mass: Real = field(default_factory=lambda: np.ones(1), repr=False)
    _bin_gy: float = field(default=0.0, repr=False)

    def distribution(self) -> DoseDistribution:
        """The histogram as shares at doses; its mean is `mean_gy`."""
        rest = max(float(self._mass[0]) - self.untouched, 0.0)
        above = self._bin_gy * np.arange(len(self._mass))
        dose = np.concatenate([[0.0, above[0] + self._bin_gy / 2 / 2], above[1:]])
        share = np.concatenate([[min(self.untouched, float(self._mass[0])), rest], self._mass[1:]])
        share = share / share.sum()
        mean = float(share @ dose)
        if mean > 0:
            dose = dose * ((self.mean_gy - self.least_gy) / mean)
        used = share > 0
        return DoseDistribution(self.least_gy + dose[used], share[used])


def share_above(h: Histogram, dose_gy: float, inclusive: bool = False) -> float:
    """Share of the blood above a dose (at or above, when `inclusive`)."""
    if dose_gy < h.offset_gy - SAME_GY or (inclusive and dose_gy <= h.offset_gy + SAME_GY):
        return 1.0
    edges, above = _curve(h)
    return float(np.interp(dose_gy, edges, above))


def hottest(h: Histogram, share: float, top_gy: float) -> float:
    """Least dose of the hottest `share` of the blood, not above the largest dose possible. [Gy]"""
    edges, above = _curve(h)
    if above[0] <= share:
        return h.offset_gy
    return min(float(np.interp(-share, -above, edges)), top_gy)


def _curve(h: Histogram) -> tuple[Real, Real]:
    """Share of the blood above each dose: grid mass spread half a bin to either side, untouched blood apart."""
    k = len(h.mass)
    edges = h.offset_gy + h.bin_gy * np.concatenate([[0.0], np.arange(k) + 0.5])
    above = np.append(np.cumsum(h.mass[::-1])[::-1], 0.0)
    above[0] = 1.0 - h.untouched
    above[1:] = np.minimum(above[1:], above[0])
    return edges, np.maximum(above, 0.0)


def summarise(
    h: Histogram, mean_gy: float, sd_gy: float, top_gy: float, surviving: Mapping[str, float]
) -> BloodSummary:
    """The reported numbers of a histogram.

    Parameters
    ----------
    h : Histogram
        One fraction or a course.
    mean_gy, sd_gy : float
        Exact moments. [Gy]
    top_gy : float
        Largest dose possible. [Gy]
    surviving : mapping
        Exact surviving share by survival form.
    """
    x, above = _curve(h)
    edges = h.bin_gy * np.arange(int(np.ceil(x[-1] / h.bin_gy)) + 1)
    cumulative = np.where(edges <= h.offset_gy + SAME_GY, 1.0, np.interp(edges, x, above))
    cumulative[-1] = 0.0 if len(edges) > 1 else 1.0
    if len(edges) == 1:
        edges, cumulative = np.array([0.0, max(h.bin_gy, h.offset_gy)]), np.array([1.0, 0.0])
    return BloodSummary(
        mean_gy=mean_gy,
        sd_gy=sd_gy,
        v_gt_0=share_above(h, 0.0),
        v_gt_0_07=share_above(h, V_GT_GY[0]),
        v_gt_0_125=share_above(h, V_GT_GY[1]),
        v_ge_0_5=share_above(h, V_GE_GY, inclusive=True),
        d2_gy=hottest(h, HOTTEST, top_gy),
        surviving=FrozenDict(dict(surviving)),
        dose_gy=read_only(np.asarray(edges, dtype=np.float64)),
        volume_fraction_cumulative=read_only(cumulative),
        least_gy=h.offset_gy,
        untouched=h.untouched,
        _mass=h.mass,
        _bin_gy=h.bin_gy,
    )


def course(fractions: Sequence[tuple[int, Histogram]]) -> Histogram:
    """Histogram of a course whose fractions are mixed fully in between.

    The transform of the sum is the product of the transforms' powers: ``F = prod_p F_p^n_p``, here by FFT on the
    common dose grid, long enough that Chernoff's bound leaves less than `WRAPPED_MASS` to wrap around.
    """
    from scipy import fft

    bin_gy = fractions[0][1].bin_gy
    if any(h.bin_gy != bin_gy for _, h in fractions):
        raise ValueError("phases of a course must share the dose grid")
    offset = sum(n * h.offset_gy for n, h in fractions)
    untouched = float(np.prod([h.untouched**n for n, h in fractions]))
    reach = sum(n * (len(h.mass) - 1) for n, h in fractions)
    if reach > 0:
        reach = min(reach, _chernoff_reach(fractions, reach))
    size = fft.next_fast_len(max(reach + 1, *(len(h.mass) for _, h in fractions)), real=True)
    transform = np.ones(size // 2 + 1, dtype=np.complex128)
    for n, h in fractions:
        transform *= fft.rfft(h.mass, size) ** n
    mass = fft.irfft(transform, size)
    negative = float(-mass[mass < 0].sum())
    mass = np.maximum(mass, 0.0)
    last = int(np.flatnonzero(mass > LAST_MASS)[-1])
    mass = mass[: last + 1] / mass[: last + 1].sum()
    return Histogram(
        offset_gy=offset,
        bin_gy=bin_gy,
        mass=read_only(mass),
        untouched=min(untouched, float(mass[0])),
        lost=sum(n * h.lost for n, h in fractions),
        negative=negative,
        step_error=sum(n * h.step_error for n, h in fractions),
    )


def _chernoff_reach(fractions: Sequence[tuple[int, Histogram]], reach: int) -> int:
    """Grid points beyond which less than `WRAPPED_MASS` of the course lies."""
    longest = max(len(h.mass) for _, h in fractions)
    low, high, count = CHERNOFF_POWERS
    best = float(reach)
    for slope in np.logspace(low, high, int(count)) / longest:
        log_mgf = 0.0
        for n, h in fractions:
            i = np.arange(len(h.mass))
            peak = slope * i[-1]
            log_mgf += n * (peak + float(np.log(h.mass @ np.exp(slope * i - peak))))
        best = min(best, (log_mgf - np.log(WRAPPED_MASS)) / slope)
    return int(np.ceil(best))
