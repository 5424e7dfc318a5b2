"""Structures: named sets of closed planar contours in patient coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import StructureError
from lymphorisk.plan.frame import read_only


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Structure:
    """A region of interest.

    Attributes
    ----------
    number : int
        ROI number.
    name : str
        ROI name as exported.
    contours_mm : tuple of ndarray, each of shape (n, 3)
        Closed planar contours (the last point is joined to the first). Contours within each other combine by
        even-odd: holes, rings and keyholes keep their meaning. Those that cross are a union. [mm]
    frame_of_reference : str
        Frame of Reference UID the contours are drawn in; empty when the export does not say.
    rt_type : str
        RT ROI Interpreted Type (EXTERNAL, PTV, ORGAN ...), empty when unknown.
    slice_mm : float or None
        Thickness of the image's slices it was drawn on: what a single plane stands for. None when nothing says. [mm]
    xor : bool
        Contours that cross cancel where they overlap, as CLOSEDPLANAR_XOR says.
    unusable : str
        Why nothing can be made of the ROI; such a structure has no contours. Empty for any other.
    """

    number: int
    name: str
    contours_mm: tuple[NDArray[np.float64], ...]
    frame_of_reference: str = ""
    rt_type: str = ""
    slice_mm: float | None = None
    xor: bool = False
    unusable: str = ""

    def __post_init__(self) -> None:
        if self.slice_mm is not None and not self.slice_mm > 0:
            raise StructureError(f"ROI {self.number}: a slice of {self.slice_mm:g} mm has no thickness")
        if self.unusable and self.contours_mm:
            raise StructureError(f"ROI {self.number} is not usable and has contours")
        for contour in self.contours_mm:
            if contour.ndim != 2 or contour.shape[1] != 3:
                raise StructureError(f"ROI {self.number}: a contour has shape {contour.shape}, not (n, 3)")
            read_only(contour)
