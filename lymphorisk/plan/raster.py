"""Voxels as a file holds them, along axes of any direction, and the same along the patient's axes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import UnsupportedGeometryError
from lymphorisk.plan.frame import ORTHONORMAL_TOLERANCE

Array = NDArray[np.float64]

#: Directions this close to the patient's axes are those: 0.04 mm over 400 mm.
AXIS_TOLERANCE = 1e-4
#: Points along each side of a voxel that is put together from turned ones: its share is then right to a few per cent,
#: and their sum, the volume, to a tenth of one.
POINTS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """Values of voxels.

    Attributes
    ----------
    values : ndarray, shape (nz, ny, nx)
        Labels or shares.
    origin_mm : ndarray, shape (3,)
        Patient coordinates of local (0, 0, 0). [mm]
    directions : ndarray, shape (3, 3)
        Unit vectors along x, y and z of the array, as rows; right-handed or not.
    z_mm, y_mm, x_mm : ndarray, shape (nz + 1,), (ny + 1,), (nx + 1,)
        Local borders of the voxels, increasing. [mm]

    Raises
    ------
    UnsupportedGeometryError
        The directions are not at right angles.
    """

    values: NDArray[Any]
    origin_mm: Array
    directions: Array
    z_mm: Array
    y_mm: Array
    x_mm: Array

    def __post_init__(self) -> None:
        if np.abs(self.directions @ self.directions.T - np.eye(3)).max() > ORTHONORMAL_TOLERANCE:
            raise UnsupportedGeometryError("its axes are sheared: not at right angles to each other")

    def box(self, part: tuple[slice, ...]) -> Raster:
        """The voxels of a box of the array."""
        z, y, x = (line[s.start : s.stop + 1] for line, s in zip((self.z_mm, self.y_mm, self.x_mm), part, strict=True))
        return replace(self, values=self.values[part], z_mm=z, y_mm=y, x_mm=x)

    def cropped(self) -> Raster | None:
        """The box of what is above zero; None when nothing is. No value is below."""
        # the largest of each line: many times faster than to compare each voxel
        flat = self.values.max(axis=0)
        part = []
        for line in (self.values.max(axis=(1, 2)), flat.max(axis=1), flat.max(axis=0)):
            held = np.flatnonzero(line)
            if not len(held):
                return None
            part.append(slice(int(held[0]), int(held[-1]) + 1))
        return self.box(tuple(part))

    def corners(self) -> Array:
        """Patient coordinates of the outermost borders, shape (8, 3). [mm]"""
        ends = [(line[0], line[-1]) for line in (self.x_mm, self.y_mm, self.z_mm)]
        return np.asarray(self.origin_mm + np.array(list(product(*ends))) @ self.directions)


def upright(raster: Raster) -> Raster | None:
    """The same voxels along the patient's axes, turned by quarters and flipped; None when they lie aslant."""
    near = np.abs(raster.directions)
    if np.any(np.minimum(near, np.abs(near - 1)) > AXIS_TOLERANCE):
        return None
    local = (raster.x_mm, raster.y_mm, raster.z_mm)
    axis_of = near.argmax(axis=0)  # of the array (0 x, 1 y, 2 z), along each of the patient's
    values = raster.values.transpose([2 - axis_of[2], 2 - axis_of[1], 2 - axis_of[0]])
    lines: list[Array] = []
    for patient, own in enumerate(axis_of):
        sign = np.sign(raster.directions[own, patient])
        line = raster.origin_mm[patient] + sign * local[own]
        if sign < 0:
            line, values = line[::-1], np.flip(values, axis=2 - patient)
        lines.append(np.ascontiguousarray(line))
    x, y, z = lines
    return Raster(values, np.zeros(3), np.eye(3), z, y, x)


def heights(raster: Raster) -> tuple[float, float]:
    """Lowest and highest height of a raster along the patient; infinite when it lies aslant. [mm]"""
    straight = upright(raster)
    return (-np.inf, np.inf) if straight is None else (float(straight.z_mm[0]), float(straight.z_mm[-1]))


def straightened(raster: Raster) -> Raster:
    """Shares (0 to 1, or flags) on voxels along the patient's axes, as wide as the raster's own.

    Each new voxel is covered as its points are, in the voxels that hold them.
    """
    corners = raster.corners()
    low, high = corners.min(axis=0), corners.max(axis=0)
    local = (raster.x_mm, raster.y_mm, raster.z_mm)
    axis_of = np.abs(raster.directions).argmax(axis=0)
    lines = []
    for n, own in enumerate(axis_of):
        width = float(np.diff(local[own]).mean())
        lines.append(low[n] + width * np.arange(int(np.ceil((high[n] - low[n]) / width)) + 1))
    x, y, z = lines
    px, py, pz = (_points(line) for line in lines)
    share = np.zeros((len(z) - 1, len(y) - 1, len(x) - 1), np.float32)
    for k, height in enumerate(pz):
        plane = _looked_up(raster, px, py, float(height))
        share[k // POINTS] += plane.reshape(len(y) - 1, POINTS, len(x) - 1, POINTS).mean(axis=(1, 3)) / POINTS
    return Raster(np.clip(share, 0, 1), np.zeros(3), np.eye(3), z, y, x)


def _points(borders: Array) -> Array:
    """Points amid equal parts of each voxel along an axis. [mm]"""
    offset = (np.arange(POINTS) + 0.5) / POINTS
    return np.asarray((borders[:-1, None] + np.diff(borders)[:, None] * offset).ravel())


def _looked_up(raster: Raster, x: Array, y: Array, z: float) -> NDArray[np.float32]:
    """Values at a mesh of patient coordinates at one height; nothing outside."""
    points = np.stack([*np.meshgrid(x, y), np.full((len(y), len(x)), z)], axis=-1)
    local = (points - raster.origin_mm) @ raster.directions.T
    inside = np.ones(local.shape[:2], bool)
    index = []
    for axis, line in ((2, raster.z_mm), (1, raster.y_mm), (0, raster.x_mm)):
        at = np.searchsorted(line, local[..., axis], side="right") - 1
        inside &= (at >= 0) & (at < len(line) - 1)
        index.append(np.clip(at, 0, len(line) - 2))
    return np.where(inside, raster.values[tuple(index)], 0).astype(np.float32)
