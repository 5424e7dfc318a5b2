"""The dose of a whole grid, for exports without a body contour."""

from __future__ import annotations

import numpy as np

from lymphorisk.dvh.curve import DoseDistribution
from lymphorisk.dvh.engine import BIN_GY
from lymphorisk.plan.grid import DoseGrid
from lymphorisk.units import ML_PER_L


def grid_distribution(grid: DoseGrid) -> tuple[DoseDistribution, float]:
    """Dose distribution over all points of a grid, and the grid's volume. [Gy], [L]

    Points count by the volume of their cell.
    """
    volume = grid.frame.cell_volumes_cm3().reshape(-1)
    dose = grid.dose_zyx.reshape(-1).astype(np.float64)
    index = np.floor(dose / BIN_GY).astype(np.int64)
    share = np.bincount(index, weights=volume)
    moment = np.bincount(index, weights=volume * dose)
    used = share > 0
    mean = moment[used] / share[used]
    total = float(share.sum())
    return DoseDistribution(np.maximum.accumulate(mean), share[used] / share[used].sum()), total / ML_PER_L
