"""Doses of several phases or beams on one grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import LinkError, UnsupportedDoseError
from lymphorisk.plan.frame import Frame
from lymphorisk.plan.grid import DoseGrid

#: Grid points closer than this to the rim of another grid count as inside: rounding of decimal strings. [mm]
RIM_MM = 1e-3

Array = NDArray[np.float64]


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
    if len(grids) == 1:
        return grids[0]
    frame, doses = _together(grids, grids[0].frame)
    return DoseGrid(np.sum(doses, axis=0).astype(np.float32), frame)


def on_one_frame(grids: Sequence[DoseGrid], frame: Frame) -> tuple[DoseGrid, ...]:
    """Doses that lie on grids of their own, each on the points of one frame that all of them cover.

    Raises
    ------
    LinkError, UnsupportedDoseError
        As for `sum_doses`.
    """
    frame, doses = _together(grids, frame)
    return tuple(DoseGrid(dose.astype(np.float32), frame) for dose in doses)


def _together(grids: Sequence[DoseGrid], frame: Frame) -> tuple[Frame, list[Array]]:
    """The box of a frame that all grids cover, and their doses there."""
    doses, covered = where_all_reach(grids, frame)
    if covered.all():
        return frame, doses
    box = _box(covered)
    return _cropped(frame, box), [dose[box] for dose in doses]


def where_all_reach(grids: Sequence[DoseGrid], frame: Frame) -> tuple[list[Array], NDArray[np.bool_]]:
    """Doses that lie on grids of their own, however turned, on the points of one frame, and which of them all reach.

    Parameters
    ----------
    grids : sequence of DoseGrid
    frame : Frame
        Of nz, ny, nx points.

    Returns
    -------
    list of ndarray, shape (nz, ny, nx)
        The dose of each grid; outside a grid, that of its rim. [Gy]
    ndarray of bool, shape (nz, ny, nx)
        Points that lie inside every grid.

    Raises
    ------
    LinkError
        The grids are in different frames of reference.
    """
    if any(g.frame_of_reference != frame.frame_of_reference for g in grids):
        raise LinkError(
            "doses in different frames of reference cannot be summed",
            "export all phases on the same planning image, or analyse them one by one",
        )
    others = [g for g in grids if not g.frame.same_as(frame)]
    points = frame.points() if others else np.zeros(0)
    covered = np.ones(frame.shape, dtype=bool)
    doses = []
    for grid in grids:
        if grid.frame.same_as(frame):
            doses.append(grid.dose_zyx.astype(np.float64))
        else:
            values, inside = _interpolated(grid, points)
            doses.append(values)
            covered &= inside
    return doses, covered


def _interpolated(grid: DoseGrid, points_mm: Array) -> tuple[Array, NDArray[np.bool_]]:
    from scipy.interpolate import RegularGridInterpolator

    local = grid.to_local(points_mm)[..., ::-1]
    axes = (grid.z_mm, grid.y_mm, grid.x_mm)
    low = np.array([a[0] for a in axes])
    high = np.array([a[-1] for a in axes])
    inside = np.all((local >= low - RIM_MM) & (local <= high + RIM_MM), axis=-1)
    interpolator = RegularGridInterpolator(axes, grid.dose_zyx.astype(np.float64))
    return interpolator(np.clip(local, low, high)), inside


def _box(covered: NDArray[np.bool_]) -> tuple[slice, slice, slice]:
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
    return box


def _cropped(frame: Frame, box: tuple[slice, slice, slice]) -> Frame:
    z, y, x = (c[part].copy() for c, part in zip((frame.z_mm, frame.y_mm, frame.x_mm), box, strict=True))
    return Frame(frame.origin_mm, frame.directions, x, y, z, frame.frame_of_reference)
