"""Where the points of a rectilinear grid lie: of a dose, a CT, a mask."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import UnsupportedGeometryError
from lymphorisk.units import MM3_PER_CM3

#: Direction cosines are written with up to 16 characters; 1e-4 is far below a voxel and far above rounding.
ORTHONORMAL_TOLERANCE = 1e-4
#: Points this close are one: exports round positions to 0.01 mm, each its own way, and 0.02 mm changes no dose. [mm]
SAME_POINT_MM = 0.02

Array = NDArray[np.float64]
Scalar = TypeVar("Scalar", bound=np.generic)


def read_only(array: NDArray[Scalar]) -> NDArray[Scalar]:
    """The same array, no longer writeable."""
    array.setflags(write=False)
    return array


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A rectilinear grid in space, possibly turned or mirrored, possibly with uneven planes.

    A grid point (k, j, i) lies at ``origin + x[i] e_x + y[j] e_y + z[k] e_z`` in the patient
    coordinate system of DICOM (mm). It stands for its cell, halfway to the points around it.

    Attributes
    ----------
    origin_mm : ndarray, shape (3,)
        Patient coordinates of local (0, 0, 0). [mm]
    directions : ndarray, shape (3, 3)
        Unit vectors e_x (along columns), e_y (along rows), e_z (along frames) as rows; right-handed or not.
    x_mm, y_mm, z_mm : ndarray
        Strictly increasing local coordinates of the grid points. [mm]
    frame_of_reference : str
        Frame of Reference UID; empty when the files do not say.

    Raises
    ------
    UnsupportedGeometryError
        Coordinates that do not increase, are not numbers or are none; directions at no right angles.
    """

    origin_mm: Array
    directions: Array
    x_mm: Array
    y_mm: Array
    z_mm: Array
    frame_of_reference: str = ""

    def __post_init__(self) -> None:
        if self.origin_mm.shape != (3,) or self.directions.shape != (3, 3):
            raise UnsupportedGeometryError("a grid has an origin of 3 coordinates and 3 directions of 3")
        for name in ("origin_mm", "directions", "x_mm", "y_mm", "z_mm"):
            values = getattr(self, name)
            if not values.size or not np.all(np.isfinite(values)):
                raise UnsupportedGeometryError(f"grid coordinates {name} are missing or not numbers")
            read_only(values)
        for name in ("x_mm", "y_mm", "z_mm"):
            if getattr(self, name).ndim != 1 or np.any(np.diff(getattr(self, name)) <= 0):
                raise UnsupportedGeometryError(f"grid coordinates {name} do not increase")
        if np.abs(self.directions @ self.directions.T - np.eye(3)).max() > ORTHONORMAL_TOLERANCE:
            raise UnsupportedGeometryError("grid directions are not orthonormal")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of points along z, y and x."""
        return len(self.z_mm), len(self.y_mm), len(self.x_mm)

    def to_local(self, points_mm: Array) -> Array:
        """Local grid coordinates (along e_x, e_y, e_z) of patient points, shape (..., 3). [mm]"""
        return (points_mm - self.origin_mm) @ self.directions.T

    def to_patient(self, local_mm: Array) -> Array:
        """Patient coordinates of local grid points, shape (..., 3). [mm]"""
        return self.origin_mm + local_mm @ self.directions

    def points(self) -> Array:
        """Patient coordinates of all grid points, shape (nz, ny, nx, 3). [mm]"""
        z, y, x = np.meshgrid(self.z_mm, self.y_mm, self.x_mm, indexing="ij")
        return self.to_patient(np.stack([x, y, z], axis=-1))

    def corners(self) -> Array:
        """Patient coordinates of the outermost grid points, shape (8, 3). [mm]"""
        ends = ((c[0], c[-1]) for c in (self.x_mm, self.y_mm, self.z_mm))
        return self.to_patient(np.array(list(product(*ends))))

    def cell_widths_mm(self) -> tuple[Array, Array, Array]:
        """Width of each point's cell along z, y and x. [mm]"""
        return cell_widths(self.z_mm), cell_widths(self.y_mm), cell_widths(self.x_mm)

    def cell_volumes_cm3(self) -> Array:
        """Volume of the cell of each grid point, shape (nz, ny, nx). [cm3]"""
        z, y, x = self.cell_widths_mm()
        return np.asarray(z[:, None, None] * y[:, None] * x / MM3_PER_CM3)

    def same_as(self, other: Frame) -> bool:
        """Whether two grids have the same points in the same order, in one frame of reference.

        Another spacing, origin, direction, number of points or frame of reference is another grid;
        the rounding of decimal strings is not, nor is the same line of points counted from another origin.
        """
        if self is other:
            return True
        if self.frame_of_reference != other.frame_of_reference or self.shape != other.shape:
            return False
        if np.abs(self.corners() - other.corners()).max() > SAME_POINT_MM:
            return False
        return all(
            np.abs((a - a[0]) - (b - b[0])).max() <= SAME_POINT_MM
            for a, b in ((self.x_mm, other.x_mm), (self.y_mm, other.y_mm), (self.z_mm, other.z_mm))
        )


class OnFrame:
    """What lies on a frame: the frame's coordinates and transforms, by their own names."""

    __slots__ = ()
    frame: Frame

    @property
    def origin_mm(self) -> Array:
        """Patient coordinates of local (0, 0, 0), shape (3,). [mm]"""
        return self.frame.origin_mm

    @property
    def directions(self) -> Array:
        """Unit vectors along columns, rows and frames, as rows."""
        return self.frame.directions

    @property
    def x_mm(self) -> Array:
        """Local coordinates along columns. [mm]"""
        return self.frame.x_mm

    @property
    def y_mm(self) -> Array:
        """Local coordinates along rows. [mm]"""
        return self.frame.y_mm

    @property
    def z_mm(self) -> Array:
        """Local coordinates along frames. [mm]"""
        return self.frame.z_mm

    @property
    def frame_of_reference(self) -> str:
        """Frame of Reference UID."""
        return self.frame.frame_of_reference

    def to_local(self, points_mm: Array) -> Array:
        """Local grid coordinates of patient points, shape (..., 3). [mm]"""
        return self.frame.to_local(points_mm)

    def to_patient(self, local_mm: Array) -> Array:
        """Patient coordinates of local grid points, shape (..., 3). [mm]"""
        return self.frame.to_patient(local_mm)


def reach(coordinates: Array) -> tuple[float, float]:
    """First and last coordinate a line of grid points stands for, half a spacing beyond its ends. [mm]

    A single plane is taken to be 1 mm thick, as nothing says how thick it is.
    """
    if len(coordinates) == 1:
        return float(coordinates[0] - 0.5), float(coordinates[0] + 0.5)
    first, last = coordinates[1] - coordinates[0], coordinates[-1] - coordinates[-2]
    return float(coordinates[0] - 0.5 * first), float(coordinates[-1] + 0.5 * last)


def borders(coordinates: Array) -> Array:
    """Cell borders along a line of grid points, halfway between them, shape (n + 1,). [mm]"""
    low, high = reach(coordinates)
    return np.concatenate([[low], 0.5 * (coordinates[1:] + coordinates[:-1]), [high]])


def cell_widths(coordinates: Array) -> Array:
    """Widths of the cells along a line of grid points, shape (n,). [mm]"""
    return np.gradient(coordinates) if len(coordinates) > 1 else np.ones(1)
