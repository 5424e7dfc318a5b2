"""Segmentations handed in beside an export: DICOM SEG, a second RTSTRUCT, NIfTI masks and label maps.

`read` turns files into masks along the patient's axes and finds the organ each one is; `fit` holds them against the
plan. Whatever does not fit is refused by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lymphorisk.lazy import loader

if TYPE_CHECKING:
    from lymphorisk.masks.against import Plan
    from lymphorisk.masks.handed import Segmentation, segmentations

__all__ = ["Plan", "Segmentation", "segmentations"]

__getattr__ = loader(
    __name__,
    {
        "Plan": "against",
        "Segmentation": "handed",
        "segmentations": "handed",
    },
)
