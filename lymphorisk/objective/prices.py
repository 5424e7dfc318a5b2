"""What a gray more in an organ, or in a pool alone, costs: weights a person can read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.voxels import voxel_volumes
from lymphorisk.lymphocyte import POOLS

if TYPE_CHECKING:
    from lymphorisk.objective.loss import Doses, LymphocyteLoss

Real = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Weight:
    """The price of an organ or pool at a dose.

    Attributes
    ----------
    name : str
        TG-263 name of a drawn organ, or one of `POOLS`.
    kind : str
        ``organ``: all that lies in its voxels, whichever pool it is of; organs that overlap share it. ``pool``: the
        pool alone, wherever it lies, drawn or placed; pools add up.
    mean_gy : float
        Mean dose of the course, as the plan states it. [Gy]
    per_gy : float
        Loss for one gray more everywhere in it, over the course. [1/Gy]
    share : float
        Part of the first-order cost of the dose, sum of gradient times dose, that lies in it.
    """

    name: str
    kind: str
    mean_gy: float
    per_gy: float
    share: float


def weights_at(loss: LymphocyteLoss, dose: Doses) -> tuple[Weight, ...]:
    """Prices of the drawn organs, dearest first, then of the pools."""
    flat = [np.asarray(d, dtype=np.float64).reshape(-1) for d in loss.by_phase(dose)]
    gradient = [g.reshape(-1) for g in loss.gradient(dose)]
    whole = sum(float(g @ d) for g, d in zip(gradient, flat, strict=True)) or 1.0
    organs = []
    for name, region in loss.plan.doses.regions.items():
        price = cost = mean = 0.0
        for grid, g, d in zip(loss.grids, gradient, flat, strict=True):
            inside = voxel_volumes(region, grid).reshape(-1)
            part = inside / grid.frame.cell_volumes_cm3().reshape(-1)
            price += float(part @ g)
            cost += float(part @ (g * d))
            mean += float(inside @ d) / float(inside.sum()) if inside.any() else 0.0
        organs.append(Weight(name, "organ", mean, price, cost / whole))
    pools = []
    prices, costs, means = loss.by_pool(dose)
    for i, name in enumerate(POOLS):
        pools.append(Weight(name, "pool", float(means[i]), float(prices[i]), float(costs[i]) / whole))
    return (*sorted(organs, key=lambda w: -w.per_gy), *sorted(pools, key=lambda w: -w.per_gy))
