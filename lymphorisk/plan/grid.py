"""A dose grid in space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import UnsupportedDoseError, UnsupportedGeometryError
from lymphorisk.units import MM3_PER_CM3

#: Direction cosines are written with up to 16 characters; 1e-4 is far below a voxel and far above rounding.
ORTHONORMAL_TOLERANCE = 1e-4

Scalar = TypeVar("Scalar", bound=np.generic)


def read_only(array: NDArray[Scalar]) -> NDArray[Scalar]:
    """The same array, no longer writeable."""
    array.setflags(write=False)
    return array


@dataclass(frozen=True, slots=True, eq=False)
class DoseGrid:
    """Dose on a rectilinear grid, possibly rotated, possibly with uneven planes.

    A grid point (k, j, i) lies at ``origin + x[i] e_x + y[j] e_y + z[k] e_z`` in the patient
    coordinate system of DICOM (mm).

    Attributes
    ----------
    dose_zyx : ndarray of float32, shape (nz, ny, nx)
        Dose of the whole phase or beam, as exported. [Gy]
    origin_mm : ndarray, shape (3,)
        Patient coordinates of local (0, 0, 0). [mm]
    directions : ndarray, shape (3, 3)
        Unit vectors e_x (along columns), e_y (along rows), e_z (along frames) as rows; right-handed or not.
    x_mm, y_mm, z_mm : ndarray
        Strictly increasing local coordinates of the grid points. [mm]
    frame_of_reference : str
        Frame of Reference UID.
    """

    dose_zyx: NDArray[np.float32]
    origin_mm: NDArray[np.float64]
    directions: NDArray[np.float64]
    x_mm: NDArray[np.float64]
    y_mm: NDArray[np.float64]
    z_mm: NDArray[np.float64]
    frame_of_reference: str = ""

    def __post_init__(self) -> None:
        shape = (len(self.z_mm), len(self.y_mm), len(self.x_mm))
        if self.dose_zyx.shape != shape:
            raise UnsupportedDoseError(f"dose array {self.dose_zyx.shape} does not fit its coordinates {shape}")
        for name in ("x_mm", "y_mm", "z_mm"):
            if np.any(np.diff(getattr(self, name)) <= 0):
                raise UnsupportedGeometryError(f"dose grid coordinates {name} do not increase")
        if np.abs(self.directions @ self.directions.T - np.eye(len(self.origin_mm))).max() > ORTHONORMAL_TOLERANCE:
            raise UnsupportedGeometryError("dose grid directions are not orthonormal")
        if not np.all(np.isfinite(self.dose_zyx)):
            raise UnsupportedDoseError("the dose grid holds values that are not numbers")
        for name in ("dose_zyx", "origin_mm", "directions", "x_mm", "y_mm", "z_mm"):
            read_only(getattr(self, name))

    def to_local(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Local grid coordinates (along e_x, e_y, e_z) of patient points, shape (..., 3). [mm]"""
        return (points_mm - self.origin_mm) @ self.directions.T

    def to_patient(self, local_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Patient coordinates of local grid points, shape (..., 3). [mm]"""
        return self.origin_mm + local_mm @ self.directions

    def voxel_volumes_cm3(self) -> NDArray[np.float64]:
        """Volume of the cell of each grid point along z (uniform in plane), shape (nz,). [cm3]"""
        return _cell_widths(self.z_mm) * _spacing(self.x_mm) * _spacing(self.y_mm) / MM3_PER_CM3


def _spacing(coordinates: NDArray[np.float64]) -> float:
    return float((coordinates[-1] - coordinates[0]) / (len(coordinates) - 1)) if len(coordinates) > 1 else 1.0


def _cell_widths(coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(coordinates) == 1:
        return np.ones(1)
    return np.gradient(coordinates)
