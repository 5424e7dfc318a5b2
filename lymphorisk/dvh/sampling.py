"""Dose anywhere in the patient: between grid points, in planes of constant patient z.

Along each axis the dose is the straight line between the two grid points around, less f (1 - f) / 2
times the mean of their second differences, held to twice the smaller of the two and to none where
their signs differ. Where the dose is linear, noisy or
has an edge this is trilinear interpolation without overshoot; smooth peaks, which
trilinear interpolation cuts off, keep their height. Grids turned against the patient's axes are
interpolated trilinearly.

A grid point stands for its voxel, so the grid reaches half a spacing beyond its outermost points;
there the dose is continued linearly, never below zero or above the grid's maximum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.coverage import Lattice
from lymphorisk.plan.grid import DoseGrid

#: Direction cosines this close to 0 and 1 are axes: 1e-5 over 500 mm is 5 micrometres.
AXIS_TOLERANCE = 1e-5
#: Points this far outside the grid still count as on its border: rounding of decimal strings. [mm]
BORDER_MM = 0.01
#: Points this close to a grid point are on it, in spacings: rounding of decimal strings, and no dose changes by more.
ON_GRID = 5e-4

Array = NDArray[np.float64]
Dose = NDArray[np.float32]


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
    """

    dose_zyx: Dose
    x_mm: Array
    y_mm: Array
    z_mm: Array
    max_gy: float


@dataclass(frozen=True, slots=True, eq=False)
class ObliqueDose:
    """A dose grid turned against the patient's axes; sampled point by point in its own coordinates."""

    grid: DoseGrid
    z_mm: Array
    max_gy: float


def patient_dose(grid: DoseGrid) -> AxialDose | ObliqueDose:
    """The grid seen along the patient's axes. Flips and quarter turns cost nothing and change no bit."""
    highest = float(grid.dose_zyx.max())
    near = np.abs(grid.directions)
    local = (grid.x_mm, grid.y_mm, grid.z_mm)
    if np.any(np.minimum(near, np.abs(near - 1)) > AXIS_TOLERANCE):
        corners = np.array([[x, y, z] for x in reach(grid.x_mm) for y in reach(grid.y_mm) for z in reach(grid.z_mm)])
        z = grid.to_patient(corners)[:, 2]
        return ObliqueDose(grid, np.array([z.min(), z.max()]), highest)
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
    return AxialDose(dose, coordinates[0], coordinates[1], coordinates[2], highest)


def reach(coordinates: Array) -> tuple[float, float]:
    """First and last coordinate a line of grid points stands for, half a spacing beyond its ends. [mm]

    A single plane is taken to be 1 mm thick, as nothing says how thick it is.
    """
    if len(coordinates) == 1:
        return float(coordinates[0] - 0.5), float(coordinates[0] + 0.5)
    first, last = coordinates[1] - coordinates[0], coordinates[-1] - coordinates[-2]
    return float(coordinates[0] - 0.5 * first), float(coordinates[-1] + 0.5 * last)


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

    def inside(self, z_mm: Array) -> NDArray[np.bool_] | None:
        """Pixels within the grid, broadcasting to (n, ny, nx); None when all are."""
        return None if self._inside is None else self._inside[None]

    def at(self, z_mm: Array) -> Dose:
        """Dose at the pixel centres at patient heights z (n,), shape (n, ny, nx). [Gy]"""
        k, fz = _locate(self._dose.z_mm, z_mm)
        copied = _copied(self._dose.dose_zyx, (k, fz), (self._j, self._fy), (self._i, self._fx))
        if copied is not None:
            return copied
        rows = slice(int(self._j[0]), int(self._j[-1]) + 2)
        columns = slice(int(self._i[0]), int(self._i[-1]) + 2)
        box = self._dose.dose_zyx[:, rows, columns]
        dose = _interpolate(box, k, fz, 0)
        dose = _interpolate(dose, self._j - rows.start, self._fy, 1)
        dose = _interpolate(dose, self._i - columns.start, self._fx, 2)
        beyond = any(f.min() < 0 or f.max() > 1 for f in (fz, self._fy, self._fx))
        return np.clip(dose, 0, np.float32(self._dose.max_gy)) if beyond else dose


def _within(coordinates: Array, at: Array) -> NDArray[np.bool_]:
    low, high = reach(coordinates)
    return (at > low - BORDER_MM) & (at < high + BORDER_MM)


def _copied(dose: Dose, *axes: tuple[NDArray[np.intp], Dose]) -> Dose | None:
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


def _interpolate(dose: Dose, lower: NDArray[np.intp], fraction: Dose, axis: int) -> Dose:
    """Interpolation along one axis; no arithmetic when the wanted points are grid points."""
    if not (fraction % 1).any():
        return dose.take(lower + fraction.astype(np.intp), axis=axis)
    shape = [1, 1, 1]
    shape[axis] = -1
    # `take` copies a view whole: hand it no more than it needs
    first = max(int(lower[0]) - 1, 0)
    dose = np.ascontiguousarray(dose[(slice(None),) * axis + (slice(first, int(lower[-1]) + 3),)])
    at = lower - first
    f = fraction.reshape(shape)
    step = np.diff(dose, axis=axis)
    out = step.take(at, axis=axis)
    out *= f
    out += dose.take(at, axis=axis)
    if step.shape[axis] > 2:
        bent = _bend(step, axis).take(at, axis=axis)
        bent *= f * (f - 1) * np.float32(0.5) * ((f >= 0) & (f <= 1))
        out += bent
    return out


def _bend(step: Dose, axis: int) -> Dose:
    """Second difference of each interval: the mean of its ends', held to twice the smaller, 0 where signs differ."""
    inner = np.diff(step, axis=axis)
    ends = [(slice(None),) * axis + (part,) for part in (slice(0, 1), slice(-1, None))]
    low = np.concatenate([inner[ends[0]], inner], axis=axis)
    high = np.concatenate([inner, inner[ends[1]]], axis=axis)
    mean = np.float32(0.5) * (low + high)
    smaller = 2 * np.minimum(np.abs(low), np.abs(high))
    return np.where(low * high > 0, np.clip(mean, -smaller, smaller), np.float32(0))


class ObliqueSampler:
    """Dose of a turned grid at the pixel centres of a lattice."""

    def __init__(self, dose: ObliqueDose, lattice: Lattice) -> None:
        self._dose = dose
        y, x = np.meshgrid(lattice.y_mm, lattice.x_mm, indexing="ij")
        self._flat = dose.grid.to_local(np.stack([x, y, np.zeros_like(x)], axis=2))
        self._up = dose.grid.directions[:, 2]
        self.z_reach = (float(dose.z_mm[0]), float(dose.z_mm[1]))

    def inside(self, z_mm: Array) -> NDArray[np.bool_] | None:
        """Pixels within the grid, shape (n, ny, nx); None when all are."""
        points, grid = self._points(z_mm), self._dose.grid
        inside = _within(grid.x_mm, points[..., 0]) & _within(grid.y_mm, points[..., 1])
        inside &= _within(grid.z_mm, points[..., 2])
        return None if inside.all() else inside

    def at(self, z_mm: Array) -> Dose:
        """Dose at the pixel centres at patient heights z (n,), shape (n, ny, nx). [Gy]"""
        return np.clip(trilinear(self._dose.grid, self._points(z_mm)), 0, np.float32(self._dose.max_gy))

    def _points(self, z_mm: Array) -> Array:
        return np.asarray(self._flat[None] + z_mm[:, None, None, None] * self._up)


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
