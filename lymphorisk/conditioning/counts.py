"""The counts of an ensemble of hosts: bands, nadir, days below a threshold, the count on a day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Two times closer than a second are one. [d]
SAME_TIME_D = 1e-5
#: The bands of a forecast: 95, 90, 80 and 50 percent, and the median.
QUANTILES = (0.025, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.975)
#: Names of `QUANTILES`, in order.
QUANTILE_NAMES = ("p025", "p05", "p10", "p25", "p50", "p75", "p90", "p95", "p975")


@dataclass(frozen=True, slots=True, eq=False)
class HostTrajectories:
    """Counts of every draw: `alc` has shape (n, t) on `day` (t,). [10^9/L], [d]"""

    day: Array
    alc: Array

    def at(self, day: float) -> Array:
        """Count of every draw on a day, shape (n,). [10^9/L]"""
        k = int(np.clip(np.searchsorted(self.day, day), 1, len(self.day) - 1))
        w = (day - self.day[k - 1]) / (self.day[k] - self.day[k - 1])
        w = float(np.clip(w, 0.0, 1.0))
        return (1.0 - w) * self.alc[:, k - 1] + w * self.alc[:, k]

    def bands(self) -> Mapping[str, Array]:
        """Quantiles by name (`QUANTILE_NAMES`), each of shape (t,). [10^9/L]"""
        return dict(zip(QUANTILE_NAMES, np.quantile(self.alc, QUANTILES, axis=0), strict=True))


def days_below(trajectories: HostTrajectories, threshold: float, from_d: float, to_d: float) -> Array:
    """Days each draw's count is below a threshold between two days, shape (n,). [d]

    The curve is linear between grid points, so crossings are met between them.
    """
    inside = (trajectories.day >= from_d - SAME_TIME_D) & (trajectories.day <= to_d + SAME_TIME_D)
    day, alc = trajectories.day[inside], trajectories.alc[:, inside]
    if len(day) < 2:
        return np.zeros(len(trajectories.alc))
    low = np.minimum(alc[:, 1:], alc[:, :-1])
    high = np.maximum(alc[:, 1:], alc[:, :-1])
    crossing = high > low
    part = (threshold - low) / np.where(crossing, high - low, 1.0)
    share = np.where(crossing, np.clip(part, 0.0, 1.0), (low < threshold).astype(float))
    return np.asarray(share @ np.diff(day))


def nadir(trajectories: HostTrajectories) -> tuple[Array, Array]:
    """Lowest count of every draw and its day, each of shape (n,). [10^9/L], [d]"""
    k = trajectories.alc.argmin(axis=1)
    return trajectories.alc[np.arange(len(k)), k], trajectories.day[k]
