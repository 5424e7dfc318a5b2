"""How much of a structure lies in each voxel of a dose grid."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.coverage import Lattice, coverage
from lymphorisk.dvh.mask_solid import volumes_of_mask
from lymphorisk.dvh.regions import Intersection, Region, Union
from lymphorisk.dvh.stack import Stack, spacing_of, stacks_of
from lymphorisk.errors import StructureError
from lymphorisk.plan.frame import borders
from lymphorisk.plan.grid import DoseGrid
from lymphorisk.plan.mask import Mask
from lymphorisk.plan.structures import Structure
from lymphorisk.units import MM3_PER_CM3

Array = NDArray[np.float64]


def voxel_volumes(region: Region, grid: DoseGrid) -> Array:
    """Volume of a region in the cell of each grid point, slab by slab between half planes, shape (nz, ny, nx). [cm3]

    Cells reach half a spacing to either side of their point; in-plane coverage is exact. Members of a
    union that share a cell fill it once at most.

    Raises
    ------
    UnsupportedGeometryError
        Contours that do not lie in planes of the grid.
    """
    if isinstance(region, Structure):
        return _of_structure(region, grid)
    if isinstance(region, Mask):
        return volumes_of_mask(region, grid)
    cell = grid.frame.cell_volumes_cm3()
    if isinstance(region, Union):
        return np.minimum(sum((voxel_volumes(m, grid) for m in region.members), np.zeros(cell.shape)), cell)
    if isinstance(region, Intersection):
        parts = [voxel_volumes(m, grid) for m in region.members]
        return np.asarray(np.min(parts, axis=0))
    return np.maximum(voxel_volumes(region.base, grid) - voxel_volumes(region.minus, grid), 0.0)


def _of_structure(structure: Structure, grid: DoseGrid) -> Array:
    local = replace(structure, contours_mm=tuple(grid.to_local(c) for c in structure.contours_mm))
    out = np.zeros(grid.dose_zyx.shape)
    stacks = stacks_of(local)
    for stack in stacks:
        out += _of_stack(stack, structure.slice_mm or spacing_of(stacks), grid)
    return out


def _of_stack(stack: Stack, slice_mm: float | None, grid: DoseGrid) -> Array:
    shape = grid.dose_zyx.shape
    lattice, i, j = _lattice(stack, grid)
    share, _ = coverage(stack.contours, lattice, stack.unions)
    inside = np.zeros((len(stack.z_mm), shape[1], shape[2]))
    a, b = slice(max(i, 0), min(i + shape[2], lattice.nx)), slice(max(j, 0), min(j + shape[1], lattice.ny))
    inside[:, b.start - j : b.stop - j, a.start - i : a.stop - i] = share[:, b, a]
    overlap = _overlap(_slabs(stack, slice_mm), borders(grid.z_mm))
    return np.tensordot(overlap, inside, axes=([1], [0])) * (lattice.area_mm2 / MM3_PER_CM3)


def _lattice(stack: Stack, grid: DoseGrid) -> tuple[Lattice, int, int]:
    """Pixels centred on the grid points, wide enough for the contours; and where the grid begins in them."""
    low, high = stack.box()
    x, y = borders(grid.x_mm), borders(grid.y_mm)
    dx, dy = float(x[1] - x[0]), float(y[1] - y[0])
    left, down = (int(np.ceil(max(float(b[0]) - v, 0.0) / d)) for b, v, d in ((x, low[0], dx), (y, low[1], dy)))
    right, up = (int(np.ceil(max(v - float(b[-1]), 0.0) / d)) for b, v, d in ((x, high[0], dx), (y, high[1], dy)))
    lattice = Lattice(
        float(x[0]) - left * dx,
        float(y[0]) - down * dy,
        dx,
        dy,
        len(grid.x_mm) + left + right,
        len(grid.y_mm) + down + up,
    )
    return lattice, left, down


def _slabs(stack: Stack, slice_mm: float | None) -> Array:
    """Lower and upper end of each contour plane's slab, shape (k, 2). [mm]"""
    z = stack.z_mm
    usual = stack.spacing_mm or slice_mm
    if usual is None:
        raise StructureError("a structure on one plane, and nothing says how thick it is")
    low, high = z - usual / 2, z + usual / 2
    for k, (a, b) in enumerate(pairwise(z)):
        if k not in stack.broken:
            high[k] = low[k + 1] = 0.5 * (a + b)
    return np.stack([low, high], axis=1)


def _overlap(slabs: Array, borders: Array) -> Array:
    """Length of each slab in each cell, shape (cells, slabs). [mm]"""
    low = np.maximum(slabs[None, :, 0], borders[:-1, None])
    high = np.minimum(slabs[None, :, 1], borders[1:, None])
    return np.asarray(np.maximum(high - low, 0.0))
