"""Structures -> RTSTRUCT."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dicom.export import ImageSeries
from lymphorisk.dicom.study import Study, dataset, item_of, save, uid
from lymphorisk.plan import Structure

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"
STUDY_CLASS = "1.2.840.10008.3.1.2.3.1"


def write_structures(
    path: str | os.PathLike[str], structures: Sequence[Structure], study: Study, *, decimals: int = 3
) -> Path:
    """Write an RTSTRUCT. Names may hold any character (UTF-8 is declared when one is beyond ASCII)."""
    return save(structures_dataset(structures, study, decimals=decimals), path)


def structures_dataset(structures: Sequence[Structure], study: Study, *, decimals: int = 3) -> Dataset:
    """An RTSTRUCT as a pydicom data set."""
    study = study.filled()
    ds = dataset("RTSTRUCT", study, study.structure_uid, unicode=not all(s.name.isascii() for s in structures))
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = study.frame_uid, ""
    ds.StructureSetLabel = "LYMPHORISK"
    ds.StructureSetDate, ds.StructureSetTime = study.made
    ds.ReferencedFrameOfReferenceSequence = [_frame(study)]
    ds.StructureSetROISequence = [
        item_of(
            ROINumber=s.number,
            ReferencedFrameOfReferenceUID=s.frame_of_reference or study.frame_uid,
            ROIName=s.name,
            ROIGenerationAlgorithm="AUTOMATIC",
        )
        for s in structures
    ]
    ds.ROIContourSequence = [_roi_contours(s, decimals) for s in structures]
    ds.RTROIObservationsSequence = [
        item_of(
            ObservationNumber=n,
            ReferencedROINumber=s.number,
            RTROIInterpretedType=s.rt_type,
            ROIInterpreter="",
        )
        for n, s in enumerate(structures, start=1)
    ]
    ds.ApprovalStatus = "UNAPPROVED"
    return ds


def _frame(study: Study) -> Dataset:
    """The frame of reference and its images: those the plan's structures refer to, invented ones without facts."""
    invented = ImageSeries(
        (STUDY_CLASS, study.study_uid), uid(study.seed, "CT series"), ((CT_CLASS, uid(study.seed, "CT", 1)),)
    )
    studies: dict[tuple[str, str], list[Dataset]] = {}
    for series in (invented,) if study.facts is None else study.facts.drawn_on:
        images = [item_of(ReferencedSOPClassUID=c, ReferencedSOPInstanceUID=i) for c, i in series.images]
        made = item_of(SeriesInstanceUID=series.series_uid, ContourImageSequence=images)
        studies.setdefault(series.study, []).append(made)
    frame = item_of(FrameOfReferenceUID=study.frame_uid)
    if studies:
        frame.RTReferencedStudySequence = [
            item_of(ReferencedSOPClassUID=c, ReferencedSOPInstanceUID=i, RTReferencedSeriesSequence=series)
            for (c, i), series in studies.items()
        ]
    return frame


def _roi_contours(structure: Structure, decimals: int) -> Dataset:
    item = item_of(ReferencedROINumber=structure.number)
    if structure.contours_mm:
        item.ContourSequence = [_contour(c, n, decimals) for n, c in enumerate(structure.contours_mm, start=1)]
    return item


def _contour(points: NDArray[np.float64], number: int, decimals: int) -> Dataset:
    from pydicom.dataelem import RawDataElement
    from pydicom.tag import Tag

    item = item_of(ContourGeometricType="CLOSED_PLANAR", NumberOfContourPoints=len(points), ContourNumber=number)
    rounded = np.round(points.ravel(), decimals) + 0.0
    text = "\\".join(f"{v:.{decimals}f}".rstrip("0").rstrip(".") for v in rounded.tolist()).encode()
    text += b" " * (len(text) % 2)
    # The bytes themselves: pydicom would make an object of each of half a million coordinates.
    tag = Tag(0x30060050)
    item[tag] = RawDataElement(tag, "DS", len(text), text, 0, False, True, True)
    return item
