"""From volumes at doses to a cumulative DVH without steps.

Each sub-voxel spreads its volume evenly over the doses it spans, [d - w/2, d + w/2], where
w^2 is the sum of squares of the dose's change along its three sides: the mean and the variance of
a linear dose in a box. The cumulative curve of an even spread is a ramp; a ramp is two points of
its second difference, so a histogram of second differences, summed twice, is the sum of all ramps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.curve import DVH, EndCaps
from lymphorisk.units import MM3_PER_CM3

#: Ramps begin and end on a grid this much finer than the bins.
FINE = 4

Array = NDArray[np.float64]


class Accumulator:
    """Collects volume at dose for one region; no dose counts for more than `top_gy`."""

    def __init__(self, bin_gy: float, highest_gy: float, top_gy: float = np.inf) -> None:
        self.bin_gy = bin_gy
        self._highest = highest_gy
        self._top = np.float32(top_gy)
        self._second = np.zeros((int(np.ceil(highest_gy / bin_gy)) + 2) * FINE)
        self.volume = 0.0
        self.dose_volume = 0.0
        self.missed = 0.0
        self.low = np.inf
        self.high = -np.inf

    def add(
        self, dose_gy: NDArray[np.float32], twice_span_gy: NDArray[np.float32], volume: NDArray[np.float32]
    ) -> None:
        """Add volumes at doses, each spread evenly over its span."""
        if not len(dose_gy):
            return
        dose_gy = np.minimum(dose_gy, self._top)
        weight = volume.astype(np.float64)
        self.volume += float(weight.sum())
        self.dose_volume += float((weight * dose_gy).sum())
        # the spread is symmetric, so that the mean stays, and ends at zero and at the highest dose
        self._highest = max(self._highest, float(dose_gy.max()))
        half = np.minimum(
            twice_span_gy * np.float32(0.5) ** 2, np.minimum(dose_gy, np.float32(self._highest) - dose_gy)
        )
        low, high = dose_gy - half, dose_gy + half
        self.low = min(self.low, float(low.min()))
        self.high = max(self.high, float(high.max()))
        scale = np.float32(FINE / self.bin_gy)
        first = (low * scale + np.float32(0.5)).astype(np.int32)
        after = np.maximum((high * scale + np.float32(0.5)).astype(np.int32), first + 1)
        weight /= after - first
        size = int(after.max()) + 1
        if size > len(self._second):  # a peak between grid points rises above them
            self._second = np.concatenate([self._second, np.zeros(size - len(self._second))])
        self._second -= np.bincount(first, weight, len(self._second))
        self._second += np.bincount(after, weight, len(self._second))

    def dvh(self, name: str, end_caps: EndCaps) -> DVH:
        """The curve. Volumes are taken in mm3 and given in cm3."""
        fine = self.volume + np.cumsum(np.cumsum(self._second))
        # one edge above the highest dose met, where nothing is left
        last = int(np.ceil(self.high / self.bin_gy)) + 1
        curve = np.zeros(last + 1)
        known = fine[FINE - 1 :: FINE][: last - 1]
        curve[0] = self.volume
        curve[1 : len(known) + 1] = np.minimum.accumulate(np.clip(known, 0, self.volume))
        mean = self.dose_volume / self.volume
        total = self.volume + self.missed
        return DVH(
            name=name,
            dose_gy=np.asarray(np.arange(last + 1) * self.bin_gy, np.float64),
            volume_cm3=curve / MM3_PER_CM3,
            mean_gy=mean,
            min_gy=min(self.low, mean),
            max_gy=max(self.high, mean),
            coverage=self.volume / total,
            total_cm3=total / MM3_PER_CM3,
            end_caps=end_caps,
        )
