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

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Scan lines per pixel row where contours cross; the area of a slanted edge is then right to 1e-3 of a pixel.
SCAN_LINES = 16
#: Coverage may leave 0..1 by this before a plane is taken to cross itself; rounding leaves it by 1e-12.
WINDING_TOLERANCE = 1e-3

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


def signed_area(xy: Array) -> float:
    """Area enclosed by a closed polygon, positive when it runs counter-clockwise. [unit of xy squared]

    Examples
    --------
    >>> signed_area(np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0]]))
    2.0
    """
    x, y = xy[:, 0] - xy[0, 0], xy[:, 1] - xy[0, 1]
    return float(0.5 * (x[:-1] @ y[1:] - x[1:] @ y[:-1]))


def coverage(planes: Sequence[Sequence[Array]], lattice: Lattice) -> NDArray[np.float32]:
    """Share of each pixel inside the contours of each plane.

    Parameters
    ----------
    planes : sequence of sequence of ndarray, shape (n, 2)
        Contours of each plane, in the lattice's coordinates, all of them within the lattice. [mm]
    lattice : Lattice
        The pixels.

    Returns
    -------
    ndarray of float32, shape (planes, ny, nx)
        Coverage, 0 to 1.
    """
    scale = np.array([1.0 / lattice.pitch_x_mm, 1.0 / lattice.pitch_y_mm])
    shift = np.array([lattice.x0_mm, lattice.y0_mm])
    polygons: list[Array] = []
    plane_of: list[int] = []
    weights: list[float] = []
    tangled: set[int] = set()
    scaled: list[list[Array]] = []
    for k, contours in enumerate(planes):
        drawn = [(c - shift) * scale for c in contours]
        scaled.append(drawn)
        signs = _signs(drawn)
        if signs is None:
            tangled.add(k)
            continue
        polygons += drawn
        plane_of += [k] * len(drawn)
        weights += signs
    shape = (len(planes), lattice.ny, lattice.nx)
    share = _by_areas(polygons, plane_of, weights, shape)
    low, high = share.min(axis=(1, 2)), share.max(axis=(1, 2))
    tangled |= set(np.flatnonzero((low < -WINDING_TOLERANCE) | (high > 1 + WINDING_TOLERANCE)).tolist())
    for k in sorted(tangled):
        share[k] = _by_scan_lines(scaled[k], lattice.ny, lattice.nx)
    return np.clip(share, 0, 1, out=share)


def _signs(contours: Sequence[Array]) -> list[float] | None:
    """Sign of each contour that makes windings equal even-odd; None when contours cross or touch."""
    areas = [signed_area(c) for c in contours]
    if len(contours) == 1:
        return [1.0 if areas[0] > 0 else -1.0]
    low = np.array([c.min(axis=0) for c in contours])
    high = np.array([c.max(axis=0) for c in contours])
    apart = (low[:, None] > high[None]).any(axis=2)
    apart |= apart.T
    depth = np.zeros(len(contours), int)
    for i, j in np.argwhere(~apart):
        if i == j:
            continue
        inside = contains(contours[j], contours[i])
        if inside.all():
            depth[i] += 1
        elif inside.any():
            return None
    return [(1.0 if a > 0 else -1.0) * (-1.0) ** d for a, d in zip(areas, depth, strict=True)]


def contains(polygon: Array, points: Array) -> NDArray[np.bool_]:
    """Whether points (n, 2) lie in a polygon by even-odd, shape (n,)."""
    x0, y0 = polygon[:, 0], polygon[:, 1]
    x1, y1 = np.roll(x0, -1), np.roll(y0, -1)
    x, y = points[:, :1], points[:, 1:]
    crosses = (y0 > y) != (y1 > y)
    rise = np.where(y1 == y0, 1.0, y1 - y0)
    left = x < x0 + (y - y0) * ((x1 - x0) / rise)
    return np.asarray((crosses & left).sum(axis=1) % 2, bool)


def _edges(polygons: Sequence[Array]) -> tuple[Array, Array, Array, Array, NDArray[np.intp]]:
    lengths = np.array([len(p) for p in polygons])
    start = np.concatenate(polygons)
    after = np.arange(1, len(start) + 1)
    ends = np.cumsum(lengths)
    after[ends - 1] = ends - lengths
    end = start[after]
    return start[:, 0], start[:, 1], end[:, 0], end[:, 1], np.repeat(np.arange(len(polygons)), lengths)


def _by_areas(
    polygons: Sequence[Array], plane_of: Sequence[int], weights: Sequence[float], shape: tuple[int, int, int]
) -> NDArray[np.float32]:
    nk, ny, nx = shape
    if not polygons:
        return np.zeros(shape, np.float32)
    x0, y0, x1, y1, polygon = _edges(polygons)
    sloped = y0 != y1
    x0, y0, x1, y1, polygon = x0[sloped], y0[sloped], x1[sloped], y1[sloped], polygon[sloped]
    weight = np.asarray(weights)[polygon]
    row0 = np.asarray(plane_of)[polygon] * ny
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
    size = nk * ny * (nx + 1)
    total = np.bincount(where, area - inner, size + 1)
    total += np.bincount(where + 1, inner, size + 1)
    rows = total[:size].reshape(nk * ny, nx + 1)
    np.cumsum(rows, axis=1, out=rows)
    return rows[:, :nx].reshape(shape).astype(np.float32)


def _ramp(count: NDArray[np.intp]) -> NDArray[np.intp]:
    """0, 1, .. count[0]-1, 0, 1, .. count[1]-1, ..."""
    ends = np.cumsum(count)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) - np.repeat(ends - count, count)


def _by_scan_lines(contours: Sequence[Array], ny: int, nx: int) -> Array:
    x0, y0, x1, y1, _ = _edges(contours)
    y0, y1 = y0 * SCAN_LINES - 0.5, y1 * SCAN_LINES - 0.5
    # scan line n lies at n; an edge owns the lines in [ylow, yhigh)
    first, last = np.ceil(np.minimum(y0, y1)), np.ceil(np.maximum(y0, y1))
    count = (last - first).astype(np.intp)
    which = np.repeat(np.arange(len(x0)), count)
    line = first[which] + _ramp(count)
    rise = np.where(y1 == y0, 1.0, y1 - y0)
    x = x0[which] + (line - y0[which]) * ((x1 - x0) / rise)[which]
    order = np.lexsort((x, line))
    x, line = x[order], line[order]
    # each line is crossed an even number of times: odd crossings open, even ones close
    sign = np.where(np.arange(len(x)) % 2 == 0, 1.0, -1.0) / SCAN_LINES
    column = np.floor(x)
    where = (line.astype(np.intp) // SCAN_LINES) * (nx + 1) + column.astype(np.intp)
    inner = sign * (x - column)
    size = ny * (nx + 1)
    total = np.bincount(where, sign - inner, size + 1) + np.bincount(where + 1, inner, size + 1)
    return np.asarray(np.cumsum(total[:size].reshape(ny, nx + 1), axis=1)[:, :nx])
