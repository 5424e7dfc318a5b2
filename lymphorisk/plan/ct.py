"""A CT in space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lymphorisk.plan.frame import Frame, OnFrame, read_only


@dataclass(frozen=True, eq=False)
class CTVolume(OnFrame):
    """CT numbers at the points of a frame, read when they are first asked for.

    Attributes
    ----------
    frame : Frame
        Where the voxel centres lie.
    read : callable
        Gives the CT numbers, shape (nz, ny, nx). [HU]
    slice_mm : float or None
        Thickness of a slice as the files state it. [mm]
    """

    frame: Frame
    read: Callable[[], NDArray[np.int16]] = field(repr=False)
    slice_mm: float | None = None

    @cached_property
    def hu_zyx(self) -> NDArray[np.int16]:
        """CT numbers, read-only, shape (nz, ny, nx). [HU]"""
        return read_only(self.read())
