"""How much of each pixel a set of closed contours covers: exact areas, even-odd.

The area of a polygon within a pixel is the sum over the polygon's edges of the trapezoids to the
right of each edge (Green's theorem). Each edge is cut at the pixel borders it crosses; every piece
adds to its own pixel and, through a running sum along the row, to all pixels right of it. This is
what font rasterisers do, and it is exact.

A signed sum counts windings, contours of a plane combine by even-odd. The two agree when contours
are simple and lie beside or within each other: each is then oriented by its depth of nesting.
Planes where that fails (contours that cross, share an edge, or cross themselves) are counted
by even-odd along fine scan lines instead, exact along x and sampled along y.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

#: Sums of single-precision pixels are right to this.
SINGLE = 1e-6
#: A length is an even multiple of another to this: decimal strings round, and that must not choose a lattice.
ROUNDING = 1e-4
#: Scan lines per pixel row where contours cross; the area of a slanted edge is then right to 1e-3 of a pixel.
SCAN_LINES = 16
#: Coverage may leave 0..1 by this before a plane is taken to cross itself; rounding leaves it by 1e-12.
WINDING_TOLERANCE = 1e-3
#: Corners of a contour looked up in another; crossings they miss leave windings other than 0 and 1.
PROBES = 8
#: Coverage below this is rounding. A pixel holds a millionth of the volume of anything drawn on purpose.
TRACE = 1e-5
#: Pixels worked on at once: arrays that stay in the cache.
BLOCK_PIXELS = 1 << 17

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Lattice:
    """Square pixels in the plane: pixel (j, i) spans origin + pitch * ([i, i+1], [j, j+1]). [mm]"""

    x0_mm: float
    y0_mm: float
    pitch_x_mm: float
    pitch_y_mm: float
    nx: int
    ny: int

    @property
    def x_mm(self) -> Array:
        """Pixel centres along x. [mm]"""
        return np.asarray(self.x0_mm + self.pitch_x_mm * (np.arange(self.nx) + 0.5), np.float64)

    @property
    def y_mm(self) -> Array:
        """Pixel centres along y. [mm]"""
        return np.asarray(self.y0_mm + self.pitch_y_mm * (np.arange(self.ny) + 0.5), np.float64)

    @property
    def area_mm2(self) -> float:
        """Area of a pixel. [mm2]"""
        return self.pitch_x_mm * self.pitch_y_mm


def pieces(length: float, most: float) -> int:
    """Into how many equal pieces a length is cut so that none is longer than `most`, but for rounding."""
    return max(int(np.ceil(length / most - ROUNDING)), 1)


def coverage(
    planes: Sequence[Sequence[Array]], lattice: Lattice, unions: Mapping[int, Array] = MappingProxyType({})
) -> tuple[NDArray[np.float32], Array]:
    """Share of each pixel inside the contours of each plane.

    Parameters
    ----------
    planes : sequence of sequence of ndarray, shape (n, 2)
        Contours of each plane, in the lattice's coordinates, all of them within the lattice. [mm]
    lattice : Lattice
        The pixels.
    unions : mapping of int to ndarray
        Planes whose contours are not taken by even-odd: what lies in more contours of sign +1 than of sign -1 counts.

    Returns
    -------
    share : ndarray of float32, shape (planes, ny, nx)
        Coverage, 0 to 1.
    areas : ndarray, shape (planes,)
        Area of each plane. [pixels]
    """
    drawn = [c for contours in planes for c in contours]
    lengths = np.array([len(c) for c in drawn])
    points = np.concatenate(drawn)
    points = (points - (lattice.x0_mm, lattice.y0_mm)) / (lattice.pitch_x_mm, lattice.pitch_y_mm)
    ends = np.cumsum(lengths)
    starts = ends - lengths
    after = np.arange(1, len(points) + 1)
    after[ends - 1] = starts
    x, y = np.ascontiguousarray(points.T)
    edges = np.stack([x, y, x[after], y[after]])
    twice = np.add.reduceat(edges[0] * edges[3] - edges[2] * edges[1], starts)
    low, high = np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)
    sign = np.where(twice > 0, 1.0, -1.0)
    first = np.concatenate([[0], np.cumsum([len(contours) for contours in planes])])
    areas = np.add.reduceat(np.abs(twice) * 0.5, first[:-1])
    share = np.empty((len(planes), lattice.ny, lattice.nx), np.float32)
    tangled: list[int] = []
    for k in range(len(planes)):
        members = range(int(first[k]), int(first[k + 1]))
        if k in unions:
            tangled.append(k)
        elif len(members) > 1:
            nested = nesting([points[starts[m] : ends[m]] for m in members], low[members], high[members])
            if nested is None:
                tangled.append(k)
            else:
                sign[members] *= nested
                areas[k] = 0.5 * np.abs(twice[members]) @ nested
    weight = np.repeat(sign, lengths)
    plane = np.repeat(np.arange(len(planes)), np.diff(first))
    row0 = np.repeat(plane, lengths) * lattice.ny
    bounds = np.concatenate([starts, ends[-1:]])[first]
    together = max(BLOCK_PIXELS // (lattice.nx * lattice.ny), 1)
    for k in range(0, len(planes), together):
        last = min(k + together, len(planes))
        of = slice(int(bounds[k]), int(bounds[last]))
        block = _by_areas(edges[:, of], row0[of] - k * lattice.ny, weight[of], (last - k) * lattice.ny, lattice.nx)
        part = share[k:last].reshape(block.shape)
        part[...] = block
        np.minimum(part, 1, out=part)
        signed = float(areas[k:last].sum())
        cut = float(part.sum(dtype=np.float64)) < signed - WINDING_TOLERANCE - SINGLE * signed
        if cut or part.min() < -WINDING_TOLERANCE:
            off = (block < -WINDING_TOLERANCE) | (block > 1 + WINDING_TOLERANCE)
            tangled += (k + np.flatnonzero(off.reshape(last - k, -1).any(axis=1))).tolist()
    for k in set(tangled):
        of = slice(int(bounds[k]), int(bounds[k + 1]))
        if k in unions:
            contour = np.repeat(np.arange(len(unions[k])), lengths[first[k] : first[k + 1]])
            scanned = _by_scan_lines(edges[:, of], lattice.ny, lattice.nx, contour, unions[k])
        else:
            scanned = _by_scan_lines(edges[:, of], lattice.ny, lattice.nx)
        share[k] = np.where(scanned < TRACE, 0, np.minimum(scanned, 1))
        areas[k] = scanned.sum()
    return share, areas


def nesting(contours: Sequence[Array], low: Array, high: Array) -> Array | None:
    """-1 for holes, +1 for others; None when contours cross or touch, which even-odd alone does not sort out."""
    sign = np.ones(len(contours))
    # i within the box of j; contours that merely cross leave windings other than 0 and 1
    within = (low[:, None] >= low[None]).all(axis=2) & (high[:, None] <= high[None]).all(axis=2)
    for i, j in np.argwhere(within & ~np.eye(len(contours), dtype=bool)):
        inside = contains(contours[j], contours[i][:: max(len(contours[i]) // PROBES, 1)])
        if inside.all():
            sign[i] = -sign[i]
        elif inside.any():
            return None
    return sign


def contains(polygon: Array, points: Array) -> NDArray[np.bool_]:
    """Whether points (n, 2) lie in a polygon by even-odd, shape (n,)."""
    x0, y0 = polygon[:, 0], polygon[:, 1]
    x1, y1 = np.concatenate([x0[1:], x0[:1]]), np.concatenate([y0[1:], y0[:1]])
    x, y = points[:, :1], points[:, 1:]
    crosses = (y0 > y) != (y1 > y)
    slope = (x1 - x0) / np.where(y1 == y0, 1.0, y1 - y0)
    left = x < x0 + (y - y0) * slope
    return np.asarray((crosses & left).sum(axis=1) % 2, bool)


def _by_areas(edges: Array, row0: NDArray[np.intp], weight: Array, rows: int, nx: int) -> Array:
    """Signed area of each pixel; edges (4, n) as x0, y0, x1, y1, `row0` the first row of their plane."""
    sloped = edges[1] != edges[3]
    if not sloped.all():
        edges, row0, weight = edges[:, sloped], row0[sloped], weight[sloped]
    x0, y0, x1, y1 = edges
    # every edge upwards; the sign remembers: a downward edge opens a counter-clockwise polygon
    up = y1 > y0
    weight = np.where(up, -weight, weight)
    xa, xb = np.where(up, x0, x1), np.where(up, x1, x0)
    ya, yb = np.minimum(y0, y1), np.maximum(y0, y1)
    # cut at rows
    first = np.floor(ya)
    count = (np.ceil(yb) - first).astype(np.intp)
    which = np.repeat(np.arange(len(ya)), count)
    row = first[which] + _ramp(count)
    low, high = np.maximum(ya[which], row), np.minimum(yb[which], row + 1)
    slope = ((xb - xa) / (yb - ya))[which]
    left = xa[which] + (low - ya[which]) * slope
    right = xa[which] + (high - ya[which]) * slope
    area = weight[which] * (high - low)
    line = (row0[which] + row.astype(np.intp)) * (nx + 1)
    # cut at columns
    left, right = np.minimum(left, right), np.maximum(left, right)
    column = np.floor(left)
    count = np.maximum((np.ceil(right) - column).astype(np.intp), 1)
    if count.max(initial=1) > 1:
        which = np.repeat(np.arange(len(left)), count)
        column = column[which] + _ramp(count)
        l0, r0 = left[which], right[which]
        lo, hi = np.maximum(l0, column), np.minimum(r0, column + 1)
        whole = r0 - l0
        area = area[which] * np.where(count[which] > 1, (hi - lo) / np.where(whole > 0, whole, 1.0), 1.0)
        line = line[which]
    else:
        lo, hi = left, right
    inner = area * (0.5 * (lo + hi) - column)
    where = line + column.astype(np.intp)
    size = rows * (nx + 1)
    total = np.bincount(np.concatenate([where, where + 1]), np.concatenate([area - inner, inner]), size + 1)
    lines = total[:size].reshape(rows, nx + 1)
    for column in range(1, nx):  # all lines at once; a running sum goes one by one
        lines[:, column] += lines[:, column - 1]
    return np.asarray(lines[:, :nx], np.float64)


def _ramp(count: NDArray[np.intp]) -> NDArray[np.intp]:
    """0, 1, .. count[0]-1, 0, 1, .. count[1]-1, ..."""
    ends = np.cumsum(count)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) - np.repeat(ends - count, count)


def _by_scan_lines(
    edges: Array, ny: int, nx: int, contour: NDArray[np.intp] | None = None, weight: Array | None = None
) -> Array:
    """Covered area of each pixel by even-odd; or, with the contour of each edge and the weight of each contour, of
    where the weights of the contours that hold it sum to more than nothing."""
    x0, y0, x1, y1 = edges
    y0, y1 = y0 * SCAN_LINES - 0.5, y1 * SCAN_LINES - 0.5
    # scan line n lies at n; an edge owns the lines in [ylow, yhigh)
    first, last = np.ceil(np.minimum(y0, y1)), np.ceil(np.maximum(y0, y1))
    count = (last - first).astype(np.intp)
    which = np.repeat(np.arange(len(x0)), count)
    line = first[which] + _ramp(count)
    rise = np.where(y1 == y0, 1.0, y1 - y0)
    x = x0[which] + (line - y0[which]) * ((x1 - x0) / rise)[which]
    if contour is None or weight is None:
        order = np.lexsort((x, line))
        # each line is crossed an even number of times: odd crossings open, even ones close
        sign = np.where(np.arange(len(x)) % 2 == 0, 1.0, -1.0) / SCAN_LINES
    else:
        order = np.lexsort((x, contour[which], line))
        change = np.empty(len(x))
        change[order] = np.where(np.arange(len(x)) % 2 == 0, 1.0, -1.0) * weight[contour[which][order]]
        order = np.lexsort((x, line))
        inside = np.concatenate([[0.0], np.cumsum(change[order]) > 0.5])
        sign = np.diff(inside) / SCAN_LINES
    x, line = x[order], line[order]
    column = np.floor(x)
    where = (line.astype(np.intp) // SCAN_LINES) * (nx + 1) + column.astype(np.intp)
    inner = sign * (x - column)
    size = ny * (nx + 1)
    total = np.bincount(where, sign - inner, size + 1) + np.bincount(where + 1, inner, size + 1)
    return np.asarray(np.cumsum(total[:size].reshape(ny, nx + 1), axis=1)[:, :nx])
