"""A changed plan against the given one, on the same draws.

Both forecasts share seed and draws, so each drawn patient is compared with himself and the difference is far tighter
than either forecast. The change itself is the plan's, and blood is solved again: `analysis.whatif`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lymphorisk.errors import ScenarioError
from lymphorisk.lymphocyte.ensemble import AlcForecast
from lymphorisk.lymphocyte.summary import Band, band


@dataclass(frozen=True, slots=True)
class Difference:
    """Changed minus given, draw by draw.

    Attributes
    ----------
    nadir : Band
        Change of the nadir. [10^9/L]
    nadir_ratio : Band
        Nadir after the change over the nadir before.
    days_below_0_5 : Band
        Change of the days below 0.5 x10^9/L. [d]
    probability : mapping of str to float
        Change of the probability of grade ``"2"``, ``"3"``, ``"4"`` or worse.
    probability_se : mapping of str to float
        Standard error of that change, by the paired draws.
    """

    nadir: Band
    nadir_ratio: Band
    days_below_0_5: Band
    probability: Mapping[str, float]
    probability_se: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "nadir": self.nadir.to_dict(),
            "nadir_ratio": self.nadir_ratio.to_dict(),
            "days_below_0_5": self.days_below_0_5.to_dict(),
            "probability": dict(self.probability),
            "probability_se": dict(self.probability_se),
        }


def difference(given: AlcForecast, changed: AlcForecast) -> Difference:
    """Paired difference of two forecasts with the same seed and number of draws."""
    from lymphorisk.lymphocyte.grade import GRADE_BELOW
    from lymphorisk.lymphocyte.summary import BELOW

    if (given.seed, given.draws, len(given.day)) != (changed.seed, changed.draws, len(changed.day)):
        raise ScenarioError("forecasts of different seeds, draws or horizons are not paired")
    a, b, w = given.counts.min(axis=1), changed.counts.min(axis=1), given.weights
    probability, error = {}, {}
    for g, edge in sorted(GRADE_BELOW.items()):
        step = (b < edge).astype(np.float64) - (a < edge)
        mean = float(w @ step)
        probability[str(g)] = mean
        error[str(g)] = float(np.sqrt(np.sum(w**2 * (step - mean) ** 2)))
    days = (changed.counts < BELOW["0.5"]).sum(axis=1) - (given.counts < BELOW["0.5"]).sum(axis=1)
    return Difference(band(b - a, w), band(b / a, w), band(days.astype(np.float64), w), probability, error)
