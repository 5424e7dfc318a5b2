"""Masks: regions of interest by voxels along the patient's axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import StructureError
from lymphorisk.plan.frame import read_only
from lymphorisk.units import MM3_PER_CM3

Array = NDArray[np.float64]
Share = NDArray[np.bool_] | NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Mask:
    """A region of interest made of voxels, each covered wholly, in part or not at all.

    Attributes
    ----------
    number : int
        Label or segment number.
    name : str
        As its file or label calls it.
    share_zyx : ndarray of bool or float32, shape (nz, ny, nx)
        Covered share of each voxel, 0 to 1; the array is no larger than it needs to be.
    z_mm, y_mm, x_mm : ndarray, shape (nz + 1,), (ny + 1,), (nx + 1,)
        Borders of the voxels in patient coordinates, increasing. [mm]
    image_z_mm : tuple of float
        Heights at which the image ends that the mask was made on: what ends there may go on beyond. [mm]

    Raises
    ------
    StructureError
        An array that does not fit its borders, borders that do not increase, shares outside 0 to 1, or nothing covered.
    """

    number: int
    name: str
    share_zyx: Share
    z_mm: Array
    y_mm: Array
    x_mm: Array
    image_z_mm: tuple[float, float] = (-np.inf, np.inf)

    def __post_init__(self) -> None:
        lines = (self.z_mm, self.y_mm, self.x_mm)
        if self.share_zyx.shape != tuple(len(line) - 1 for line in lines):
            raise StructureError(f"mask {self.name!r}: its array does not fit its borders")
        if not all(np.all(np.diff(line) > 0) for line in lines):
            raise StructureError(f"mask {self.name!r}: the borders of its voxels do not increase")
        if not (self.share_zyx.min() >= 0 and self.share_zyx.max() <= 1):
            raise StructureError(f"mask {self.name!r}: covered shares outside 0 to 1")
        if not self.share_zyx.any():
            raise StructureError(f"mask {self.name!r} is empty")
        for array in (self.share_zyx, *lines):
            read_only(array)

    def centres_mm(self) -> tuple[Array, Array, Array]:
        """Voxel centres along z, y and x. [mm]"""
        z, y, x = (0.5 * (line[1:] + line[:-1]) for line in (self.z_mm, self.y_mm, self.x_mm))
        return z, y, x

    def widths_mm(self) -> tuple[Array, Array, Array]:
        """Widths of the voxels along z, y and x. [mm]"""
        return np.diff(self.z_mm), np.diff(self.y_mm), np.diff(self.x_mm)

    @property
    def volume_cm3(self) -> float:
        """Volume. [cm3]"""
        z, y, x = self.widths_mm()
        columns = self.share_zyx.reshape(-1, len(x)) @ x.astype(np.float32)
        return float(columns.reshape(len(z), len(y)).astype(np.float64) @ y @ z) / MM3_PER_CM3
