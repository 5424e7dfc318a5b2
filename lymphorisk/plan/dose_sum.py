"""Doses of several phases on one grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import LinkError, UnsupportedDoseError
from lymphorisk.plan.grid import DoseGrid

#: Grid points closer than this to the rim of another grid count as inside: rounding of decimal strings. [mm]
RIM_MM = 1e-3


def sum_doses(grids: Sequence[DoseGrid]) -> DoseGrid:
    """The sum of several doses on the points of the first grid that all of them cover.

    Other grids are interpolated trilinearly. What only one grid covers is left out, not
    taken as zero: the coverage of structures then says how much is missing.

    Raises
    ------
    LinkError
        The grids are in different frames of reference.
    UnsupportedDoseError
        The grids do not overlap.
    """
    first = grids[0]
    if len(grids) == 1:
        return first
    if len({g.frame_of_reference for g in grids}) > 1:
        raise LinkError(
            "doses in different frames of reference cannot be summed",
            "export all phases on the same planning image, or analyse them one by one",
        )
    if all(_same_geometry(first, g) for g in grids[1:]):
        summed = np.zeros(first.dose_zyx.shape)
        for grid in grids:
            summed += grid.dose_zyx
        total = summed.astype(np.float32)
        return DoseGrid(
            total, first.origin_mm, first.directions, first.x_mm, first.y_mm, first.z_mm, first.frame_of_reference
        )
    z, y, x = np.meshgrid(first.z_mm, first.y_mm, first.x_mm, indexing="ij")
    points = first.to_patient(np.stack([x, y, z], axis=-1))
    total64 = first.dose_zyx.astype(np.float64)
    covered = np.ones(total64.shape, dtype=bool)
    for other in grids[1:]:
        values, inside = _interpolated(other, points)
        total64 += values
        covered &= inside
    return _cropped(first, total64, covered)


def _same_geometry(a: DoseGrid, b: DoseGrid) -> bool:
    return a.dose_zyx.shape == b.dose_zyx.shape and all(
        np.allclose(getattr(a, name), getattr(b, name), rtol=0.0, atol=RIM_MM)
        for name in ("origin_mm", "directions", "x_mm", "y_mm", "z_mm")
    )


def _interpolated(grid: DoseGrid, points_mm: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    from scipy.interpolate import RegularGridInterpolator

    local = grid.to_local(points_mm)[..., ::-1]
    axes = (grid.z_mm, grid.y_mm, grid.x_mm)
    low = np.array([a[0] for a in axes])
    high = np.array([a[-1] for a in axes])
    inside = np.all((local >= low - RIM_MM) & (local <= high + RIM_MM), axis=-1)
    interpolator = RegularGridInterpolator(axes, grid.dose_zyx.astype(np.float64))
    return interpolator(np.clip(local, low, high)), inside


def _cropped(grid: DoseGrid, total: NDArray[np.float64], covered: NDArray[np.bool_]) -> DoseGrid:
    """The box of grid points that are covered, checked to be a box."""
    if not covered.any():
        raise UnsupportedDoseError("the dose grids of the phases do not overlap", "analyse the phases one by one")
    keep = []
    for axis in range(covered.ndim):
        other = tuple(a for a in range(covered.ndim) if a != axis)
        used = np.flatnonzero(covered.any(axis=other))
        keep.append(slice(int(used[0]), int(used[-1]) + 1))
    box = (keep[0], keep[1], keep[2])
    if not covered[box].all():
        raise UnsupportedDoseError(
            "the dose grids of the phases are rotated against each other and overlap only in part",
            "export the phases on one dose grid",
        )
    return DoseGrid(
        total[box].astype(np.float32),
        grid.origin_mm,
        grid.directions,
        grid.x_mm[keep[2]].copy(),
        grid.y_mm[keep[1]].copy(),
        grid.z_mm[keep[0]].copy(),
        grid.frame_of_reference,
    )
