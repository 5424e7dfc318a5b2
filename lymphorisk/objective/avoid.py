"""Avoidance structures: where a gray costs most lymphocytes, as contours on the planes of the plan's own contours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.stack import stacks_of
from lymphorisk.dvh.voxels import voxel_volumes
from lymphorisk.errors import ScenarioError
from lymphorisk.phantom.contours import DECIMALS, SMALLEST_MM2, area, simplified, zero_lines
from lymphorisk.plan import DoseGrid, Structure

if TYPE_CHECKING:
    from lymphorisk.objective.loss import LymphocyteLoss

Real = NDArray[np.float64]
#: Shares of the price of the body that the structures hold in as little volume as can be.
LEVELS = (0.25, 0.5, 0.75)
#: The price is smoothed by this before lines are drawn: placed organs are no sharper. [mm]
SMOOTH_MM = 6.0
#: What a voxel must hold of a target to be left to it.
IN_TARGET = 0.5
RT_TYPE = "AVOIDANCE"


@dataclass(frozen=True, slots=True, eq=False)
class Isopleth:
    """An avoidance structure.

    Attributes
    ----------
    structure : Structure
    share : float
        Of the price of the body, that it holds.
    edge : float
        Price at its border: loss for a gray more in one cm3. [1/(Gy cm3)]
    volume_cm3 : float
        What the contours hold, as DVHs of this program count it. [cm3]
    """

    structure: Structure
    share: float
    edge: float
    volume_cm3: float


def price_map(loss: LymphocyteLoss, phase: int = 0) -> Real:
    """Loss for a gray more in one cm3 of each voxel, smoothed, targets left out, shape (nz, ny, nx). [1/(Gy cm3)]"""
    from scipy.ndimage import gaussian_filter

    grid = loss.grids[phase]
    cell = grid.frame.cell_volumes_cm3()
    spacing = [float(np.diff(axis).mean()) if len(axis) > 1 else np.inf for axis in (grid.z_mm, grid.y_mm, grid.x_mm)]
    price = gaussian_filter(loss.gradient(loss.dose)[phase] / cell, [SMOOTH_MM / s for s in spacing])
    for target in loss.plan.curves.matching.targets:
        price[voxel_volumes(target.structure, grid) > IN_TARGET * cell] = 0.0
    return np.asarray(price)


def avoidance(loss: LymphocyteLoss, levels: Sequence[float] = LEVELS, phase: int = 0) -> tuple[Isopleth, ...]:
    """Isopleths of the price as structures: ``zLymph25`` holds a quarter of the body's price in the least volume.

    Parameters
    ----------
    loss : LymphocyteLoss
    levels : sequence of float
        Shares of the price, above 0 and below 1.
    phase : int
        Which phase of the course, from 0.

    Raises
    ------
    ScenarioError
        A share that is none or stands twice, a phase that the course does not have, or a plan whose dose costs nothing
        anywhere.
    """
    if not levels or not all(0.0 < level < 1.0 for level in levels) or len(set(levels)) < len(levels):
        raise ScenarioError(f"levels {tuple(levels)}: each is a share of the price, above 0 and below 1, once")
    one_of(phase, len(loss.grids))
    grid, price = loss.grids[phase], price_map(loss, phase)
    order = np.argsort(price, axis=None)[::-1]
    sorted_price = price.reshape(-1)[order]
    held = np.cumsum((price * grid.frame.cell_volumes_cm3()).reshape(-1)[order])
    if not held[-1] > 0.0:
        raise ScenarioError("no gray more in the dose grid costs lymphocytes", "is the dose that of a patient?")
    planes, thick = _planes(loss, grid)
    by_plane = [_at(price, grid.z_mm, z) for z in planes]
    out = []
    for number, level in enumerate(sorted(levels), start=1):
        edge = float(sorted_price[min(int(np.searchsorted(held, level * held[-1])), len(order) - 1)])
        contours = tuple(
            np.round(grid.to_patient(np.column_stack([loop, np.full(len(loop), z)])), DECIMALS)
            for z, plane in zip(planes, by_plane, strict=True)
            for loop in _loops(plane, edge, grid)
        )
        made = Structure(number, f"zLymph{100 * level:g}", contours, grid.frame_of_reference, RT_TYPE, thick)
        out.append(Isopleth(made, level, edge, float(voxel_volumes(made, grid).sum())))
    return tuple(out)


def one_of(phase: int, phases: int) -> None:
    """Refuse a phase that the course does not have, counted from 0.

    Raises
    ------
    ScenarioError
        There is no such phase.
    """
    if not 0 <= phase < phases:
        raise ScenarioError(f"no phase {phase + 1}: the course has {phases}", "count from 1")


def _planes(loss: LymphocyteLoss, grid: DoseGrid) -> tuple[Real, float]:
    """Heights to draw on and their distance: those of the structure of most planes, for images lie there. [mm]"""
    best = grid.z_mm
    found: Real = np.array([])
    for structure in loss.plan.source.plan.structures:
        if len(structure.contours_mm) <= len(found):
            continue
        local = replace(structure, contours_mm=tuple(grid.to_local(c) for c in structure.contours_mm))
        if all(float(np.ptp(c[:, 2])) < 10.0**-DECIMALS for c in local.contours_mm):
            found = max((found, *(stack.z_mm for stack in stacks_of(local))), key=len)
    inside = found[(found >= grid.z_mm[0]) & (found <= grid.z_mm[-1])]
    if len(inside) > 1:
        best = inside
    return best, float(np.median(np.diff(best))) if len(best) > 1 else 1.0


def _at(price: Real, z_mm: Real, z: float) -> Real:
    """The price on a plane between those of the grid."""
    k = min(max(int(np.searchsorted(z_mm, z)) - 1, 0), max(len(z_mm) - 2, 0))
    if len(z_mm) == 1:
        return np.asarray(price[0])
    share = (z - z_mm[k]) / (z_mm[k + 1] - z_mm[k])
    return np.asarray((1.0 - share) * price[k] + share * price[k + 1])


def _loops(plane: Real, edge: float, grid: DoseGrid) -> list[Real]:
    """Closed lines at the edge; a price that reaches the border of the grid ends there."""
    if not (plane > edge).any():
        return []
    level = np.pad(1.0 - plane / edge, 1, mode="constant", constant_values=1.0)
    x, y = (np.concatenate([[2 * a[0] - a[1]], a, [2 * a[-1] - a[-2]]]) for a in (grid.x_mm, grid.y_mm))
    slim = [simplified(loop) for loop in zero_lines(level, x, y)]
    return [loop for loop in slim if len(loop) > 2 and abs(area(loop)) >= SMALLEST_MM2]
