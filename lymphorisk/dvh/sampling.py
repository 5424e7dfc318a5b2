"""Dose anywhere in the patient: between grid points, in planes of constant patient z.

Along each axis the dose is Hermite's cubic between the two grid points around. The slope at a grid
point comes from the steps to the two points on either side. It is no more than three times as
steep as the step on either side (then the cubic is monotone: Fritsch and Carlson, 1980), and turns
against one of them only where the dose itself turns there, as far as the interval's other end bends
the same way. So linear dose is exact, smooth peaks, which trilinear interpolation cuts off, keep their
height, edges are not overshot and no dose falls below zero. Both intervals at a grid point share
its slope, so that the mean over a line is that of linear interpolation, for noise too. Grids turned
against the patient's axes are made finer so, along their own axes, and then interpolated trilinearly.

A grid point stands for its voxel, so the grid reaches half a spacing beyond its outermost points;
there the dose is continued linearly, never below zero or above the grid's maximum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.coverage import Lattice
from lymphorisk.plan.frame import reach
from lymphorisk.plan.grid import DoseGrid

#: Direction cosines this close to 0 and 1 are axes: 1e-5 over 500 mm is 5 micrometres.
AXIS_TOLERANCE = 1e-5
#: Points this far outside the grid still count as on its border: rounding of decimal strings. [mm]
BORDER_MM = 0.01
#: Points this close to a grid point are on it, in spacings: rounding of decimal strings, and no dose changes by more.
ON_GRID = 5e-4
#: Intervals on either side of its own that an interpolated dose depends on.
MARGIN = 2
#: Weight of the outer steps in the slope at a grid point. One half makes the slope of a wave right to 4 % down to four
#: spacings a wave; one third would be right to a higher order in fine grids and 13 % short there.
OUTER = 0.125
#: A turned grid is made finer around a structure, this many times at most and to this many points, before it is
#: interpolated linearly: a sixteenth of the error, in 4 MB.
FINER = 4
MOST_FINE = 1 << 20
#: So many voxels within this share of the highest dose resolve the dose's top: it does not rise between them. Fewer are
#: a steep peak, which does.
TOP_VOXELS = 64
TOP_SHARE = 0.9
#: A cubic between two points is monotone when its ends are at most three times as steep as the chord, and stays above
#: zero when its slopes are at most three times the dose.
STEEPEST = 3.0

#: Every row, or every column.
ALL = slice(None)

Array = NDArray[np.float64]
Dose = NDArray[np.float32]
Index = NDArray[np.intp]
#: Lower neighbours of places along an axis, and fractions towards the upper ones.
Place = tuple[NDArray[np.intp], Dose]


@dataclass(frozen=True, slots=True, eq=False)
class AxialDose:
    """A dose grid whose axes are the patient's, coordinates increasing.

    Attributes
    ----------
    dose_zyx : ndarray of float32, shape (nz, ny, nx)
        A view of the grid's dose, axes turned and flipped. [Gy]
    x_mm, y_mm, z_mm : ndarray
        Patient coordinates of the grid points, increasing. [mm]
    max_gy : float
        Highest dose of the grid. [Gy]
    top_gy : float
        Highest dose between its points too; infinite when few voxels hold a steep peak. [Gy]
    even_zyx : tuple of ndarray of bool
        Intervals along z, y and x among others of their width; dose is curved there only.
    """

    dose_zyx: Dose
    x_mm: Array
    y_mm: Array
    z_mm: Array
    max_gy: float
    top_gy: float
    even_zyx: tuple[NDArray[np.bool_], ...]


@dataclass(frozen=True, slots=True, eq=False)
class ObliqueDose:
    """A dose grid turned against the patient's axes; sampled point by point in its own coordinates."""

    grid: DoseGrid
    z_mm: Array
    max_gy: float
    top_gy: float


def patient_dose(grid: DoseGrid) -> AxialDose | ObliqueDose:
    """The grid seen along the patient's axes. Flips and quarter turns cost nothing and change no bit."""
    highest = float(grid.dose_zyx.max())
    resolved = np.count_nonzero(grid.dose_zyx >= TOP_SHARE * highest) >= TOP_VOXELS
    top = highest if resolved else np.inf
    near = np.abs(grid.directions)
    local = (grid.x_mm, grid.y_mm, grid.z_mm)
    if np.any(np.minimum(near, np.abs(near - 1)) > AXIS_TOLERANCE):
        corners = np.array([[x, y, z] for x in reach(grid.x_mm) for y in reach(grid.y_mm) for z in reach(grid.z_mm)])
        z = grid.to_patient(corners)[:, 2]
        return ObliqueDose(grid, np.array([z.min(), z.max()]), highest, top)
    axis_of = near.argmax(axis=0)  # local axis (0 x, 1 y, 2 z) along each patient axis
    dose = grid.dose_zyx.transpose([2 - axis_of[2], 2 - axis_of[1], 2 - axis_of[0]])
    coordinates: list[Array] = []
    for patient, own in enumerate(axis_of):
        sign = np.sign(grid.directions[own, patient])
        c = grid.origin_mm[patient] + sign * local[own]
        if sign < 0:
            c = c[::-1]
            dose = np.flip(dose, axis=2 - patient)
        coordinates.append(np.ascontiguousarray(c))
    x, y, z = coordinates
    return AxialDose(dose, x, y, z, highest, top, (_even(z), _even(y), _even(x)))


def _locate(coordinates: Array, at: Array) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Lower neighbour and fraction towards the upper one; beyond the ends the fraction leaves 0..1."""
    if len(coordinates) == 1:
        return np.zeros(at.shape, np.intp), np.zeros(at.shape, np.float32)
    lower = np.clip(np.searchsorted(coordinates, at, side="right") - 1, 0, len(coordinates) - 2)
    step = coordinates[lower + 1] - coordinates[lower]
    fraction = (at - coordinates[lower]) / step
    # nothing lies further out: any value will do, and a grid point is the cheapest
    fraction = np.where(fraction < -0.5 - ON_GRID, 0, np.where(fraction > 1 + 0.5 + ON_GRID, 1, fraction))
    whole = np.round(fraction)
    fraction = np.where(np.abs(fraction - whole) < ON_GRID, whole, fraction)
    return lower, np.asarray(fraction, np.float32)


class AxialSampler:
    """Dose of an axial grid at the pixel centres of a lattice."""

    def __init__(self, dose: AxialDose, lattice: Lattice) -> None:
        self._dose = dose
        self._i, self._fx = _locate(dose.x_mm, lattice.x_mm)
        self._j, self._fy = _locate(dose.y_mm, lattice.y_mm)
        in_x, in_y = _within(dose.x_mm, lattice.x_mm), _within(dose.y_mm, lattice.y_mm)
        # a lattice's outermost pixels are empty
        self._inside = None if in_x[1:-1].all() and in_y[1:-1].all() else in_y[:, None] & in_x[None, :]
        self.z_reach = reach(dose.z_mm)

    def inside(self, z_mm: Array, rows: slice = ALL, columns: slice = ALL) -> NDArray[np.bool_] | None:
        """Pixels of some rows and columns within the grid, broadcasting to (n, ny, nx); None when all are."""
        return None if self._inside is None else self._inside[None, rows, columns]

    def at(self, z_mm: Array, rows: slice = ALL, columns: slice = ALL, wanted: Index | None = None) -> Dose:
        """Dose at the pixel centres of some rows and columns at patient heights z (n,), shape (n, ny, nx). [Gy]

        Of few pixels wanted, by flat index into the result, it takes less time; the others may then be zero.
        """
        places = (
            _locate(self._dose.z_mm, z_mm),
            (self._j[rows], self._fy[rows]),
            (self._i[columns], self._fx[columns]),
        )
        copied = _copied(self._dose.dose_zyx, *places)
        if copied is not None:
            return copied
        dose = _on_mesh(self._dose.dose_zyx, places, self._dose.even_zyx, wanted)
        beyond = any(f.min() < 0 or f.max() > 1 for _, f in places)
        return np.clip(dose, 0, np.float32(self._dose.max_gy)) if beyond else dose


def _within(coordinates: Array, at: Array) -> NDArray[np.bool_]:
    low, high = reach(coordinates)
    return (at > low - BORDER_MM) & (at < high + BORDER_MM)


def _copied(dose: Dose, *axes: Place) -> Dose | None:
    """The dose at grid points in a row, the outermost repeated; None when the points are others."""
    source, target, wanted = [], [], []
    for lower, fraction in axes:
        if (fraction % 1).any():
            return None
        at = lower + fraction.astype(np.intp)
        first, last = int(at[0]), int(at[-1])
        before, behind = int((at == first).sum()) - 1, int((at == last).sum()) - 1
        if last == first or len(at) != last - first + 1 + before + behind:
            return None
        source.append(slice(first, last + 1))
        target.append((before, len(at) - behind))
        wanted.append(len(at))
    out = np.empty(wanted, dose.dtype)
    out[tuple(slice(*t) for t in target)] = dose[tuple(source)]
    for axis, (low, high) in enumerate(target):
        lines = np.moveaxis(out, axis, 0)
        lines[:low] = lines[low]
        lines[high:] = lines[high - 1]
    return out


def _on_mesh(
    dose: Dose, places: Sequence[Place], even_zyx: Sequence[NDArray[np.bool_]], wanted: Index | None = None
) -> Dose:
    """Dose at all combinations of places along z, y and x; or at those wanted, by flat index, and zero elsewhere."""
    near = [slice(max(int(n[0]) - MARGIN, 0), int(n[-1]) + MARGIN + 2) for n, _ in places]
    dose = dose[tuple(near)]
    along_z, along_y, along_x = ((n - part.start, f) for (n, f), part in zip(places, near, strict=True))
    even_z, even_y, even_x = (even[part] for even, part in zip(even_zyx, near, strict=True))
    dose = _interpolate(_interpolate(dose, along_z, 0, even_z), along_y, 1, even_y)
    # along the axis in the middle whole rows are worked on at once
    dose = np.ascontiguousarray(dose.swapaxes(1, 2))
    if wanted is None or not _between(along_x).any():
        return _interpolate(dose, along_x, 1, even_x).swapaxes(1, 2)
    return _interpolate_few(dose, along_x, even_x, wanted)


def _between(place: Place) -> NDArray[np.bool_]:
    """Which places are no grid points."""
    return np.asarray(place[1] % 1 != 0)


def _interpolate(dose: Dose, place: Place, axis: int, even: NDArray[np.bool_]) -> Dose:
    """Interpolation along one axis; no arithmetic when the wanted points are grid points."""
    lower, fraction = place
    between = _between(place)
    if not between.any():
        return dose.take(lower + fraction.astype(np.intp), axis=axis)
    if axis == 0 and not between.all():  # mostly grid planes, and a few beside them
        out = dose.take(lower + fraction.astype(np.intp), axis=0)
        out[between] = _interpolate(dose, (lower[between], fraction[between]), 0, even)
        return out
    first, pieces = _pieces(dose, lower, axis, even)
    shape = [1, 1, 1]
    shape[axis] = -1
    at = lower - first
    return _hermite(pieces, fraction.reshape(shape), lambda piece: piece.take(at, axis=axis))


def _interpolate_few(dose_zxy: Dose, place: Place, even: NDArray[np.bool_], wanted: Index) -> Dose:
    """Dose (nz, ny, nx) between points along x, where wanted, by flat index; zero elsewhere."""
    lower, fraction = place
    first, pieces = _pieces(dose_zxy, lower, 1, even)
    nz, steps, ny = pieces[1].shape
    line, i = np.divmod(wanted, len(lower))
    k, j = np.divmod(line, ny)
    at = (k * steps + (lower - first)[i]) * ny + j
    flat = [np.ascontiguousarray(piece[:, :steps]).ravel() for piece in pieces]
    out = np.zeros((nz, ny, len(lower)), np.float32)
    out.ravel()[wanted] = _hermite(flat, fraction[i], lambda piece: piece.take(at))
    return out


def _pieces(
    dose: Dose, lower: NDArray[np.intp], axis: int, even: NDArray[np.bool_]
) -> tuple[int, tuple[Dose, Dose, Dose, Dose]]:
    """What is around places: the first grid point, the dose at it and the others; and of each interval from point to
    point its step and how far the slopes at its start and at its end differ from that."""
    # `take` copies a view whole: hand it no more than it needs
    first, last = max(int(lower[0]) - MARGIN, 0), int(lower[-1]) + MARGIN + 2
    dose = np.ascontiguousarray(dose[_along(axis, first, last)])
    step = np.diff(dose, axis=axis)
    slope = _slopes(dose, step, axis)
    start = slope[_along(axis, 0, -1)] - step
    end = slope[_along(axis, 1, None)] - step
    if not even[first : last - 1].all():
        shape = [1, 1, 1]
        shape[axis] = -1
        start *= even[first : last - 1].reshape(shape)
        end *= even[first : last - 1].reshape(shape)
    return first, (dose, step, start, end)


def _hermite(pieces: Sequence[Dose], f: Dose, pick: Callable[[Dose], Dose]) -> Dose:
    """Hermite's cubic a + f s + f (1 - f) ((start) (1 - f) - (end) f) of the pieces picked."""
    a, step, start, end = pieces
    start, end = pick(start), pick(end)
    end += start
    end *= f
    start -= end
    start *= (1 - f) * ((f >= 0) & (f <= 1))
    start += pick(step)
    start *= f
    start += pick(a)
    return start


def _slopes(dose: Dose, step: Dose, axis: int) -> Dose:
    """Slope at each grid point; each interval on either side has its say in how far it may go. [Gy per spacing]"""
    ends = [step[_along(axis, *part)] for part in ((0, 1), (-1, None))]
    steps = np.concatenate([ends[0]] * MARGIN + [step] + [ends[1]] * MARGIN, axis=axis)
    two_before, before, after, two_after = (steps[_along(axis, n, n - 3 or None)] for n in range(2 * MARGIN))
    slope = before + after
    slope *= np.float32(0.5 + OUTER)
    outer = two_before + two_after
    outer *= np.float32(OUTER)
    slope -= outer
    # as steep as both steps allow; against a step only as far as the other end of its interval bends that way
    bend = np.diff(steps, axis=axis)
    left, right = bend[_along(axis, 0, -2)], bend[_along(axis, 2, None)]
    steps *= np.float32(STEEPEST)
    highest, lowest = np.maximum(steps, 0), np.minimum(steps, 0)
    (up, next_up), (down, next_down) = ([s[_along(axis, n, n - 3)] for n in (1, 2)] for s in (highest, lowest))
    most = np.maximum(up, next_up)
    np.minimum(most, np.maximum(up, left), out=most)
    np.minimum(most, np.maximum(next_up, -right), out=most)
    least = np.minimum(down, next_down)
    np.maximum(least, np.minimum(down, left), out=least)
    np.maximum(least, np.minimum(next_down, -right), out=least)
    # nor so steep that the dose would fall below zero
    room = dose * np.float32(STEEPEST)
    np.minimum(most, room, out=most)
    np.maximum(least, -room, out=least)
    np.maximum(slope, least, out=slope)
    np.minimum(slope, most, out=slope)
    return slope


def _along(axis: int, first: int, last: int | None) -> tuple[slice, ...]:
    return (slice(None),) * axis + (slice(first, last),)


def _even(coordinates: Array) -> NDArray[np.bool_]:
    """Intervals whose neighbours, as far as the slopes look, are as wide as they."""
    steps = np.diff(coordinates)
    around = np.pad(steps, MARGIN, mode="edge") if len(steps) else steps
    windows = np.lib.stride_tricks.sliding_window_view(around, 2 * MARGIN + 1) if len(steps) else np.zeros((0, 1))
    return np.asarray(np.ptp(windows, axis=1) <= ON_GRID * steps)


class ObliqueSampler:
    """Dose of a turned grid at the pixel centres of a lattice."""

    def __init__(self, dose: ObliqueDose, lattice: Lattice) -> None:
        self._dose = dose
        y, x = np.meshgrid(lattice.y_mm, lattice.x_mm, indexing="ij")
        self._flat = dose.grid.to_local(np.stack([x, y, np.zeros_like(x)], axis=2))
        self._up = dose.grid.directions[:, 2]
        self.z_reach = (float(dose.z_mm[0]), float(dose.z_mm[1]))

    def inside(self, z_mm: Array, rows: slice = ALL, columns: slice = ALL) -> NDArray[np.bool_] | None:
        """Pixels of some rows and columns within the grid, shape (n, ny, nx); None when all are."""
        points, grid = self._points(z_mm, rows, columns), self._dose.grid
        inside = _within(grid.x_mm, points[..., 0]) & _within(grid.y_mm, points[..., 1])
        inside &= _within(grid.z_mm, points[..., 2])
        return None if inside.all() else inside

    def at(self, z_mm: Array, rows: slice = ALL, columns: slice = ALL, wanted: Index | None = None) -> Dose:
        """Dose at the pixel centres of some rows and columns at patient heights z (n,), shape (n, ny, nx). [Gy]"""
        points = self._points(z_mm, rows, columns)
        return np.maximum(trilinear(self._finer(points), points), 0)

    def _finer(self, points: Array) -> DoseGrid:
        """The grid around points, interpolated to a finer one along its own axes."""
        grid = self._dose.grid
        axes = (grid.z_mm, grid.y_mm, grid.x_mm)
        if min(len(c) for c in axes) < 2:
            return grid
        ends = [np.array([points[..., n].min(), points[..., n].max()]) for n in (2, 1, 0)]
        box = [_locate(c, e)[0] for c, e in zip(axes, ends, strict=True)]
        times = FINER
        while times > 1 and np.prod([times * (b[1] - b[0] + 2) for b in box]) > MOST_FINE:
            times //= 2
        if times == 1:
            return grid
        places, finer = [], []
        for c, (first, last) in zip(axes, box, strict=True):
            # half a spacing further where the grid ends: a point stands for its voxel
            at = np.arange(times * first - times // 2, times * (last + 1) + times // 2 + 1) / times
            lower = np.clip(at.astype(np.intp), max(first - 1, 0), min(last + 1, len(c) - 2))
            fraction = (at - lower).astype(np.float32)
            places.append((lower, fraction))
            finer.append(c[lower] + (at - lower) * (c[lower + 1] - c[lower]))
        dose = np.maximum(_on_mesh(grid.dose_zyx, places, [_even(c) for c in axes]), 0)
        z, y, x = finer
        return DoseGrid(dose, grid.origin_mm, grid.directions, x, y, z)

    def _points(self, z_mm: Array, rows: slice, columns: slice) -> Array:
        return np.asarray(self._flat[None, rows, columns] + z_mm[:, None, None, None] * self._up)


def trilinear(grid: DoseGrid, local_mm: Array) -> Dose:
    """Dose at local points (..., 3), continued linearly half a spacing beyond the grid. [Gy]"""
    i, fx = _locate(grid.x_mm, local_mm[..., 0])
    j, fy = _locate(grid.y_mm, local_mm[..., 1])
    k, fz = _locate(grid.z_mm, local_mm[..., 2])
    i1, j1, k1 = (
        np.minimum(n + 1, len(c) - 1) for n, c in zip((i, j, k), (grid.x_mm, grid.y_mm, grid.z_mm), strict=True)
    )
    d = grid.dose_zyx

    def row(kk: NDArray[np.intp], jj: NDArray[np.intp]) -> Dose:
        low = d[kk, jj, i]
        return low + (d[kk, jj, i1] - low) * fx

    def layer(kk: NDArray[np.intp]) -> Dose:
        low = row(kk, j)
        return low + (row(kk, j1) - low) * fy

    bottom = layer(k)
    return np.asarray(bottom + (layer(k1) - bottom) * fz)


def sampler(dose: AxialDose | ObliqueDose, lattice: Lattice) -> AxialSampler | ObliqueSampler:
    """The sampler of a dose on a lattice."""
    return AxialSampler(dose, lattice) if isinstance(dose, AxialDose) else ObliqueSampler(dose, lattice)
