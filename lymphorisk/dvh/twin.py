"""The exact engine's slow twin: points, one by one, in or out.

A structure is what its planes enclose, each plane reaching half way to its neighbours, and
half a spacing beyond the last. Points of a fine regular mesh are looked up in the polygons by
even-odd and in the dose by trilinear interpolation, and sorted. No areas, no interpolated shapes, no spread
of dose: nothing is shared with the engine but the definitions. It converges to the engine
as mesh and planes become finer. Two round contours are two slabs here, where the engine may see a
ball: the twin is given such a ball on fine planes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from lymphorisk.absent import Absent
from lymphorisk.dvh.curve import DVH, EndCaps
from lymphorisk.dvh.regions import Difference, Intersection, Region, Union, leaves_of, structures_of
from lymphorisk.errors import StructureError
from lymphorisk.plan.grid import DoseGrid
from lymphorisk.plan.mask import Mask
from lymphorisk.plan.structures import Structure
from lymphorisk.units import MM3_PER_CM3

#: Distance of the points. [mm]
MESH_MM = 0.5
#: Contours closer than this are of one plane. [mm]
SAME_PLANE_MM = 0.01
#: Bins of the curve. [Gy]
BIN_GY = 0.01


def sampled(
    regions: Sequence[Region],
    grid: DoseGrid,
    *,
    end_caps: EndCaps = "half",
    mesh_mm: float = MESH_MM,
    slice_mm: float = 1.0,
) -> tuple[DVH | Absent, ...]:
    """DVHs by counting points.

    Parameters
    ----------
    regions : sequence of Region
        What to sample.
    grid : DoseGrid
        The dose.
    end_caps : str
        ``half`` or ``none``.
    mesh_mm : float
        Distance of the points. [mm]
    slice_mm : float
        Thickness of a structure on one plane that does not say it itself. [mm]

    Raises
    ------
    StructureError
        A region holds a mask: the twin knows contours.
    """
    if any(isinstance(leaf, Mask) for region in regions for leaf in leaves_of(region)):
        raise StructureError("the engine's twin knows contours only")
    return tuple(_one(region, grid, end_caps, mesh_mm, slice_mm) for region in regions)


def _one(region: Region, grid: DoseGrid, end_caps: EndCaps, mesh: float, slice_mm: float) -> DVH | Absent:
    contours = [c for s in structures_of(region) for c in s.contours_mm if len(c) >= 3]
    if not contours:
        return Absent.not_contoured(f"{region.name} has no closed contours")
    corners = np.concatenate(contours)
    margin = np.array(
        [0.0, 0.0, max(slice_mm, _largest_step(corners[:, 2]), *(s.slice_mm or 0.0 for s in structures_of(region)))]
    )
    low, high = corners.min(axis=0) - margin, corners.max(axis=0) + margin
    x, y, z = (np.arange(low[n] + 0.5 * mesh, high[n], mesh) for n in range(3))
    flat = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
    doses, lost = [], 0
    for height in z:
        inside = flat[_contains(region, flat, float(height), end_caps, slice_mm)]
        points = np.column_stack([inside, np.full(len(inside), height)])
        values, known = _dose(grid, points)
        doses.append(values[known])
        lost += int((~known).sum())
    dose = np.sort(np.concatenate(doses))
    if len(dose) == 0:
        return Absent.outside_grid() if lost else Absent.not_contoured(f"no point of the mesh lies in {region.name}")
    edges = np.arange(0.0, dose[-1] + 2 * BIN_GY, BIN_GY)
    above = len(dose) - np.searchsorted(dose, edges, side="left")
    point = mesh**3 / MM3_PER_CM3
    volume = above * point
    volume[-1] = 0.0
    return DVH(
        name=region.name,
        dose_gy=edges,
        volume_cm3=volume.astype(np.float64),
        mean_gy=float(dose.mean()),
        min_gy=float(dose[0]),
        max_gy=float(dose[-1]),
        coverage=len(dose) / (len(dose) + lost),
        total_cm3=(len(dose) + lost) * point,
        end_caps=end_caps,
        engine="twin",
    )


def _contains(
    region: Region, points: NDArray[np.float64], z: float, end_caps: EndCaps, slice_mm: float
) -> NDArray[np.bool_]:
    if isinstance(region, Structure):
        return _in_structure(region, points, z, end_caps, slice_mm)
    if isinstance(region, Difference):
        base = _contains(region.base, points, z, end_caps, slice_mm)
        return base & ~_contains(region.minus, points, z, end_caps, slice_mm)
    assert isinstance(region, Union | Intersection)
    parts = [_contains(m, points, z, end_caps, slice_mm) for m in region.members]
    if isinstance(region, Union):
        return np.asarray(np.any(parts, axis=0))
    return np.asarray(np.all(parts, axis=0))


def _in_structure(
    structure: Structure, points: NDArray[np.float64], z: float, end_caps: EndCaps, slice_mm: float
) -> NDArray[np.bool_]:
    inside = np.zeros(len(points), bool)
    contours = [c for c in structure.contours_mm if len(c) >= 3]
    if not contours:
        return inside
    heights = _planes(np.array([c[0, 2] for c in contours]))
    nearest = int(np.abs(heights - z).argmin())
    first, last = _ends(heights, end_caps, structure.slice_mm or slice_mm)
    if not first <= z < last:
        return inside
    for contour in contours:
        if abs(contour[0, 2] - heights[nearest]) <= SAME_PLANE_MM:
            inside ^= _in_polygon(contour[:, :2], points)
    return inside


def _planes(heights: NDArray[np.float64]) -> NDArray[np.float64]:
    ordered = np.sort(heights)
    return np.asarray(ordered[np.concatenate([[True], np.diff(ordered) > SAME_PLANE_MM])])


def _largest_step(heights: NDArray[np.float64]) -> float:
    steps = np.diff(_planes(heights))
    return float(steps.max()) if len(steps) else 0.0


def _ends(heights: NDArray[np.float64], end_caps: EndCaps, slice_mm: float) -> tuple[float, float]:
    if len(heights) == 1:
        return float(heights[0] - 0.5 * slice_mm), float(heights[0] + 0.5 * slice_mm)
    match end_caps:
        case "none":
            return float(heights[0]), float(heights[-1])
        case "half":
            first, last = heights[1] - heights[0], heights[-1] - heights[-2]
            return float(heights[0] - 0.5 * first), float(heights[-1] + 0.5 * last)
        case _:
            assert_never(end_caps)


def _in_polygon(corners: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Even-odd: a ray to the right crosses the polygon an odd number of times."""
    inside = np.zeros(len(points), bool)
    x, y = points[:, 0], points[:, 1]
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 != y1:
            crosses = (y0 <= y) != (y1 <= y)
            inside ^= crosses & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return inside


def _dose(grid: DoseGrid, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Trilinear dose, and whether the point lies within half a spacing of the grid."""
    from scipy.interpolate import RegularGridInterpolator

    if len(points) == 0:
        return np.zeros(0), np.zeros(0, bool)
    axes = (grid.z_mm, grid.y_mm, grid.x_mm)
    local = grid.to_local(points)[:, ::-1]
    known = np.ones(len(points), bool)
    for n, axis in enumerate(axes):
        known &= local[:, n] >= axis[0] - 0.5 * (axis[1] - axis[0])
        known &= local[:, n] <= axis[-1] + 0.5 * (axis[-1] - axis[-2])
    look_up = RegularGridInterpolator(axes, grid.dose_zyx.astype(np.float64), bounds_error=False, fill_value=None)
    return np.maximum(look_up(local), 0.0), known
