"""Masks as the engine takes them: the voxels' own boxes as a solid, shared out exactly over the lattice's pixels.

A voxel is a box. Its overlap with a pixel of the lattice is the product of its overlaps along x and y, so that the
coverage of all pixels of a plane is the plane between two matrices of overlaps; along z each plane of voxels is a slab.
No volume is lost or gained, and nothing is rounded to the nearest pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.coverage import TRACE, Lattice, pieces
from lymphorisk.dvh.curve import EndCaps
from lymphorisk.dvh.solid import Solid
from lymphorisk.plan.frame import reach
from lymphorisk.plan.grid import DoseGrid
from lymphorisk.plan.mask import Mask
from lymphorisk.units import MM3_PER_CM3

Array = NDArray[np.float64]
Map = NDArray[np.float32]
#: A voxel is put into the dose grid by points no further apart than this share of the grid's spacing.
POINT_SHARE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Voxelled:
    """A mask as a shape of the engine. Voxels have borders: no rule for end caps applies to them."""

    mask: Mask

    def box(self) -> Array:
        """Lowest and highest x and y of its voxels, shape (2, 2). [mm]"""
        x, y = self.mask.x_mm, self.mask.y_mm
        return np.array([[x[0], y[0]], [x[-1], y[-1]]])

    @property
    def levels(self) -> int:
        """Number of planes."""
        return len(self.mask.share_zyx)

    @property
    def thickness_mm(self) -> float:
        """Twice the area over the perimeter of its planes, as far as borders of voxels tell. [mm]"""
        share = self.mask.share_zyx
        _, dy, dx = (float(widths.mean()) for widths in self.mask.widths_mm())
        inside = np.pad(share > 0, ((0, 0), (1, 1), (1, 1)))
        across = np.count_nonzero(inside[:, :, 1:] != inside[:, :, :-1]) * dy
        along = np.count_nonzero(inside[:, 1:] != inside[:, :-1]) * dx
        # steps of a border run along both axes where it runs aslant: 4 / pi too long on average
        return 2 * float(share.sum(dtype=np.float64)) * dx * dy / ((across + along) * (np.pi / (2 * 2)))

    def solid(self, lattice: Lattice, end_caps: EndCaps) -> Solid:
        """Coverage of the lattice's pixels, plane by plane."""
        rows = _shares(self.mask.y_mm, lattice.y0_mm, lattice.pitch_y_mm, lattice.ny)
        columns = np.ascontiguousarray(_shares(self.mask.x_mm, lattice.x0_mm, lattice.pitch_x_mm, lattice.nx).T)
        return Solid(self.mask.z_mm, tuple(partial(_section, plane, rows, columns) for plane in self.mask.share_zyx))


def _section(plane: Map, rows: Map, columns: Map) -> Map:
    """Coverage of the lattice's pixels by one plane."""
    share = rows @ plane.astype(np.float32) @ columns
    share[share < TRACE] = 0
    return np.asarray(np.minimum(share, 1))


def overlaps(cells: Array, others: Array) -> Array:
    """Length that each of the others shares with each cell, both given by their borders, shape (others, cells). [mm]"""
    low = np.maximum(others[:-1, None], cells[None, :-1])
    high = np.minimum(others[1:, None], cells[None, 1:])
    return np.asarray(np.maximum(high - low, 0.0))


def _shares(cells: Array, start: float, pitch: float, count: int) -> Map:
    """Share of each pixel along an axis that lies in each cell, shape (pixels, cells)."""
    pixels = np.asarray(start + pitch * np.arange(count + 1), np.float64)
    return (overlaps(cells, pixels) / pitch).astype(np.float32)


def volumes_of_mask(mask: Mask, grid: DoseGrid) -> Array:
    """Volume of a mask in the cell of each grid point, shape (nz, ny, nx). [cm3]

    Each voxel is given by points half a spacing of the grid apart or closer, each to the cell it lies in.
    """
    spacing = min((float(np.diff(c).min()) for c in (grid.x_mm, grid.y_mm, grid.z_mm) if len(c) > 1), default=1.0)
    lines = (mask.z_mm, mask.y_mm, mask.x_mm)
    (z, dz), (y, dy), (x, dx) = (_points(line, POINT_SHARE * spacing) for line in lines)
    out = np.zeros(grid.dose_zyx.size)
    per_plane = len(z) // len(mask.share_zyx)
    for k, plane in enumerate(mask.share_zyx):  # plane by plane: few points at once
        fine = plane.repeat(len(y) // plane.shape[0], axis=0).repeat(len(x) // plane.shape[1], axis=1)
        j, i = np.nonzero(fine)
        each = fine[j, i] * dy[j] * dx[i] / MM3_PER_CM3
        for n in range(k * per_plane, (k + 1) * per_plane):
            at, inside = cells_at(grid, np.stack([x[i], y[j], np.full(len(i), z[n])], axis=-1))
            np.add.at(out, at[inside], each[inside] * dz[n])
    return out.reshape(grid.dose_zyx.shape)


def _points(borders: Array, most: float) -> tuple[Array, Array]:
    """Points amid equal parts of each voxel, no wider than this, and the widths of the parts. [mm]"""
    width = np.diff(borders)
    count = pieces(float(width.max()), most)
    offset = (np.arange(count) + 0.5) / count
    return (borders[:-1, None] + width[:, None] * offset).ravel(), np.repeat(width / count, count)


def cells_at(grid: DoseGrid, points_mm: Array) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Flat index of the cell that each point lies in, and whether it lies in the grid at all."""
    local = grid.to_local(points_mm)
    inside = np.ones(len(local), bool)
    flat = np.zeros(len(local), np.intp)
    for axis, line in ((2, grid.z_mm), (1, grid.y_mm), (0, grid.x_mm)):
        low, high = reach(line)
        inside &= (local[:, axis] >= low) & (local[:, axis] <= high)
        nearest = np.searchsorted(0.5 * (line[1:] + line[:-1]), local[:, axis])
        flat = flat * len(line) + nearest
    return flat, inside
