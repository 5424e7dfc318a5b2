"""Bone by CT number, for exports whose skeleton is not contoured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lymphorisk.absent import Absent
from lymphorisk.dvh.curve import DVH
from lymphorisk.dvh.histogram import Accumulator
from lymphorisk.dvh.sampling import trilinear
from lymphorisk.dvh.stack import Stack, stack_of
from lymphorisk.plan.ct import CTVolume
from lymphorisk.plan.frame import reach
from lymphorisk.plan.grid import DoseGrid
from lymphorisk.plan.structures import Structure

#: Bins of the curve. [Gy]
BIN_GY = 0.01


def bone_dvh(
    ct: CTVolume, grid: DoseGrid, *, threshold_hu: float, body: Structure | None = None, name: str = "Bone"
) -> DVH | Absent:
    """DVH of the CT voxels above a threshold, within the body.

    Parameters
    ----------
    ct : CTVolume
        CT numbers; the slices are axial. [HU]
    grid : DoseGrid
        The dose.
    threshold_hu : float
        Voxels at or above it are bone; marrow within bone falls below it in part, couches and
        implants above, so this is a stand-in for contours. [HU]
    body : Structure, optional
        Voxels outside it (couch, mask) are left out.

    Returns
    -------
    DVH or Absent
        By voxel centres; dose trilinear.
    """
    stack = None if body is None else stack_of(body)
    collected = Accumulator(BIN_GY, float(grid.dose_zyx.max()))
    thick, high, wide = ct.frame.cell_widths_mm()
    for k, z in enumerate(ct.z_mm):
        j, i = np.nonzero(ct.hu_zyx[k] >= threshold_hu)
        if not len(j):
            continue
        points = ct.to_patient(np.column_stack([ct.x_mm[i], ct.y_mm[j], np.full(len(i), z)]))
        if body is not None:
            inside = np.zeros(len(points), bool) if stack is None else _in_body(stack, points)
            points, j, i = points[inside], j[inside], i[inside]
        volume = (thick[k] * high[j] * wide[i]).astype(np.float32)
        local = grid.to_local(points)
        known = np.ones(len(points), bool)
        for n, line in enumerate((grid.x_mm, grid.y_mm, grid.z_mm)):
            first, last = reach(line)
            known &= (local[:, n] >= first) & (local[:, n] <= last)
        collected.missed += float(volume[~known].sum(dtype=np.float64))
        dose = np.maximum(trilinear(grid, local[known]), 0)
        collected.add(dose, np.zeros_like(dose), volume[known])
    if collected.volume <= 0:
        return (
            Absent.outside_grid()
            if collected.missed > 0
            else Absent.not_contoured(f"no voxel reaches {threshold_hu:g} HU")
        )
    return replace(collected.dvh(name, "none"), engine="voxels")


def _in_body(stack: Stack, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether points of one axial slice lie in the body's nearest plane, even-odd over its contours."""
    from lymphorisk.dvh.coverage import contains

    inside = np.zeros(len(points), bool)
    nearest = int(np.abs(stack.z_mm - points[0, 2]).argmin()) if len(points) else 0
    if len(points) and abs(stack.z_mm[nearest] - points[0, 2]) > (stack.spacing_mm or 1.0):
        return inside
    for contour in stack.contours[nearest]:
        inside ^= contains(contour, points[:, :2])
    return inside
