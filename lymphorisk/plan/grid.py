"""A dose grid in space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import UnsupportedDoseError
from lymphorisk.plan.frame import Array, Frame, OnFrame, read_only


@dataclass(frozen=True, slots=True, eq=False, init=False)
class DoseGrid(OnFrame):
    """Dose at the points of a frame.

    ``DoseGrid(dose, frame)``; instead of a frame, what makes one: ``DoseGrid(dose, origin, directions, x, y, z,
    frame_of_reference)``.

    Attributes
    ----------
    dose_zyx : ndarray of float32, shape (nz, ny, nx)
        Dose of the whole phase or beam, as exported. [Gy]
    frame : Frame
        Where the grid points lie.

    Raises
    ------
    UnsupportedDoseError
        Doses that do not fit the frame, or are not numbers.
    UnsupportedGeometryError
        The place is none.
    """

    dose_zyx: NDArray[np.float32]
    frame: Frame

    @overload
    def __init__(self, dose_zyx: NDArray[np.float32], frame: Frame) -> None: ...

    @overload
    def __init__(
        self,
        dose_zyx: NDArray[np.float32],
        frame: Array,
        directions: Array,
        x_mm: Array,
        y_mm: Array,
        z_mm: Array,
        frame_of_reference: str = "",
    ) -> None: ...

    def __init__(self, dose_zyx: NDArray[np.float32], frame: Frame | Array, *place: Any, **named: Any) -> None:
        where = frame if isinstance(frame, Frame) else Frame(frame, *place, **named)
        if dose_zyx.shape != where.shape:
            raise UnsupportedDoseError(f"dose array {dose_zyx.shape} does not fit its coordinates {where.shape}")
        if not np.all(np.isfinite(dose_zyx)):
            raise UnsupportedDoseError("the dose grid holds values that are not numbers")
        object.__setattr__(self, "dose_zyx", read_only(dose_zyx))
        object.__setattr__(self, "frame", where)
