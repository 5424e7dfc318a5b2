"""Organ doses as a scenario writes them: a mean, or a cumulative DVH."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh import DoseDistribution, uniform
from lymphorisk.errors import ScenarioError

if TYPE_CHECKING:
    from lymphorisk.scenario.schema import Organ
    from lymphorisk.tomlfile import Written

#: No course delivers more to any organ; a larger number is in cGy. [Gy]
DOSE_MAX_GY = 200.0
#: A cumulative DVH written with a few digits starts at one within this.
START_TOLERANCE = 1e-6
#: Wide bins of a written DVH are divided to this, so that a few points mean straight lines and not steps. [Gy]
DVH_STEP_GY = 0.1


def organ_dose(written: Written, organ: Organ, path: tuple[str | int, ...]) -> DoseDistribution:
    """Dose of one organ from its table at `path`."""
    dose, volume = organ.dvh_dose_gy, organ.dvh_volume
    if organ.mean_gy is not None:
        if dose or volume:
            raise written.error(path, ": mean_gy and a DVH are both given", "the DVH says it all: remove mean_gy")
        return uniform(organ.mean_gy)
    if dose is None or volume is None:
        raise written.error(path, ": no dose", "give mean_gy, or dvh_dose_gy and dvh_volume")
    with written.at(path):
        return from_cumulative(dose, volume)


def from_cumulative(dose_gy: Sequence[float], volume: Sequence[float]) -> DoseDistribution:
    """A distribution from a cumulative DVH, straight between the points.

    Parameters
    ----------
    dose_gy : sequence of float, shape (n,)
        Increasing doses. [Gy]
    volume : sequence of float, shape (n,)
        Share of the volume at or above each dose; starts at 1, never rises. What is left at the last dose gets it.

    Examples
    --------
    >>> d = from_cumulative([0.0, 0.1], [1.0, 0.75])
    >>> d.dose_gy.tolist(), d.share.tolist()
    ([0.05, 0.1], [0.25, 0.75])
    """
    dose, share = np.array(dose_gy, dtype=np.float64), np.array(volume, dtype=np.float64)
    if dose.shape != share.shape or dose.ndim != 1 or len(dose) == 0:
        raise ScenarioError(f"{len(dose)} doses and {len(share)} volumes do not fit")
    if not (np.all(np.isfinite(dose)) and np.all(np.isfinite(share))):
        raise ScenarioError("a dose or volume is not a number")
    if dose[0] < 0 or np.any(np.diff(dose) <= 0):
        raise ScenarioError("the doses of a DVH must rise from 0 or more")
    if dose[-1] > DOSE_MAX_GY:
        raise ScenarioError(f"{dose[-1]:g} Gy is more than any course gives", "doses are in Gy, not cGy")
    if abs(share[0] - 1.0) > START_TOLERANCE:
        hint = "volumes are shares of one, not percent" if share[0] > 1 else "add the lowest dose with volume 1.0"
        raise ScenarioError(f"a cumulative DVH starts at volume 1.0, this one at {share[0]:g}", hint)
    if np.any(share < 0) or np.any(np.diff(share) > 0):
        raise ScenarioError("a cumulative DVH never rises and never falls below 0")
    return _distribution(dose, share / share[0])


def _distribution(dose: NDArray[np.float64], share: NDArray[np.float64]) -> DoseDistribution:
    mids: list[float] = []
    parts: list[float] = []
    for low, high, part in zip(dose[:-1], dose[1:], -np.diff(share), strict=True):
        pieces = max(1, math.ceil((high - low) / DVH_STEP_GY - START_TOLERANCE))
        edges = np.linspace(low, high, pieces + 1)
        if part > 0:
            mids += (0.5 * (edges[1:] + edges[:-1])).tolist()
            parts += [float(part) / pieces] * pieces
    if share[-1] > 0:
        mids.append(float(dose[-1]))
        parts.append(float(share[-1]))
    total = np.array(parts)
    return DoseDistribution(np.array(mids), total / total.sum())
