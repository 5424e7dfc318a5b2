"""DoseGrid -> RTDOSE, turned to any patient position."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dicom.study import SOP_CLASSES, Study, dataset, decimal, item_of, save, uid
from lymphorisk.dvh.curve import DVH
from lymphorisk.errors import UnsupportedDoseError, UnsupportedGeometryError
from lymphorisk.plan import DoseGrid

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

#: Image Orientation (Patient) a planning system writes for each patient position.
ORIENTATIONS: Mapping[str, tuple[int, ...]] = {
    "HFS": (1, 0, 0, 0, 1, 0),
    "HFP": (-1, 0, 0, 0, -1, 0),
    "FFS": (-1, 0, 0, 0, 1, 0),
    "FFP": (1, 0, 0, 0, -1, 0),
    "HFDL": (0, -1, 0, 1, 0, 0),
    "HFDR": (0, 1, 0, -1, 0, 0),
    "FFDL": (0, 1, 0, 1, 0, 0),
    "FFDR": (0, -1, 0, -1, 0, 0),
}
#: A matrix entry this close to 0 or 1 is one: grids are turned by right angles only.
RIGHT_ANGLE_TOLERANCE = 1e-6
#: In-plane spacings that differ by less than this are one spacing. [mm]
SPACING_TOLERANCE = 1e-4


def write_dose(
    path: str | os.PathLike[str],
    grid: DoseGrid,
    study: Study,
    *,
    plan_uid: str = "",
    ion: bool = False,
    dose_uid: str = "",
    dose_type: str = "PHYSICAL",
    units: str = "GY",
    summation: str = "",
    comment: str = "",
    bits: int = 32,
    position: str = "HFS",
    beam: int | None = None,
    dvhs: Mapping[int, DVH] | None = None,
) -> Path:
    """Write an RTDOSE.

    Parameters
    ----------
    units : str
        ``GY``, or ``RELATIVE`` for a map that is no dose (then `comment` says what it is).
    summation : str
        DoseSummationType; BEAM when `beam` is given, else PLAN, when empty.
    bits : int
        16 or 32; the step is the maximum over the largest number, stated in DoseGridScaling.
    position : str
        One of `ORIENTATIONS`: the grid is written in that orientation, every voxel where it was.

    Raises
    ------
    UnsupportedGeometryError
        The grid is oblique, or uneven along an axis that would lie in the plane.
    """
    ds = dose_dataset(
        grid,
        study,
        plan_uid=plan_uid,
        ion=ion,
        dose_uid=dose_uid,
        dose_type=dose_type,
        units=units,
        summation=summation,
        comment=comment,
        bits=bits,
        position=position,
        beam=beam,
        dvhs=dvhs,
    )
    return save(ds, path)


def dose_dataset(
    grid: DoseGrid,
    study: Study,
    *,
    plan_uid: str = "",
    ion: bool = False,
    dose_uid: str = "",
    dose_type: str = "PHYSICAL",
    units: str = "GY",
    summation: str = "",
    comment: str = "",
    bits: int = 32,
    position: str = "HFS",
    beam: int | None = None,
    dvhs: Mapping[int, DVH] | None = None,
) -> Dataset:
    """An RTDOSE as a pydicom data set; parameters as in `write_dose`."""
    study = study.filled()
    if bits not in (16, 32):
        raise UnsupportedDoseError(f"{bits} bits a voxel cannot be written", "use 16 or 32")
    dose, origin, offsets, spacing = turned(grid, position)
    ds = dataset("RTDOSE", study, dose_uid or uid(study.seed, "RTDOSE", 1))
    ds.FrameOfReferenceUID = grid.frame_of_reference or study.frame_uid
    ds.PositionReferenceIndicator = ""
    if study.facts is not None:
        ds.ContentDate, ds.ContentTime = study.made
    ds.SliceThickness = None
    ds.ImagePositionPatient = [decimal(v) for v in origin]
    ds.ImageOrientationPatient = [decimal(v) for v in ORIENTATIONS[position]]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    frames, ds.Rows, ds.Columns = dose.shape
    ds.PixelSpacing = [decimal(v) for v in spacing]
    ds.BitsAllocated = ds.BitsStored = bits
    ds.HighBit, ds.PixelRepresentation = bits - 1, 0
    ds.NumberOfFrames = frames
    ds.FrameIncrementPointer = 0x3004000C
    ds.GridFrameOffsetVector = [decimal(v) for v in offsets]
    ds.DoseUnits, ds.DoseType = units, dose_type
    ds.DoseSummationType = summation or ("PLAN" if beam is None else "BEAM")
    if comment:
        ds.DoseComment = comment
    top = float(dose.max())
    scaling = decimal(top / (2**bits - 1)) if top > 0 else "1"
    ds.DoseGridScaling = scaling
    stored = np.rint(dose.astype(np.float64) / float(scaling)).clip(0, 2**bits - 1)
    ds.ReferencedRTPlanSequence = [plan_reference(study, plan_uid, ion, beam)]
    if dvhs:
        ds.ReferencedStructureSetSequence = [
            item_of(ReferencedSOPClassUID=SOP_CLASSES["RTSTRUCT"], ReferencedSOPInstanceUID=study.structure_uid)
        ]
        ds.DVHSequence = [dvh_item(number, dvh, dose_type) for number, dvh in sorted(dvhs.items())]
    pixels = stored.astype("<u2" if bits == 16 else "<u4").tobytes()
    ds.PixelData = pixels + b"\0" * (len(pixels) % 2)
    ds["PixelData"].VR = "OW"
    return ds


def plan_reference(study: Study, plan_uid: str, ion: bool, beam: int | None) -> Dataset:
    """Reference of a dose to its plan, or to one beam of it."""
    item = item_of(
        ReferencedSOPClassUID=SOP_CLASSES["RTIONPLAN" if ion else "RTPLAN"],
        ReferencedSOPInstanceUID=plan_uid or uid(study.seed, "RTPLAN", 1),
    )
    if beam is not None:
        item.ReferencedFractionGroupSequence = [
            item_of(ReferencedFractionGroupNumber=1, ReferencedBeamSequence=[item_of(ReferencedBeamNumber=beam)])
        ]
    return item


def dvh_item(number: int, dvh: DVH, dose_type: str) -> Dataset:
    """A DVH as an item of the DVH sequence."""
    width = float(dvh.dose_gy[1] - dvh.dose_gy[0])
    pairs = [t for v in dvh.volume_cm3[:-1] for t in (decimal(width), decimal(v))]
    return item_of(
        DVHType="CUMULATIVE",
        DoseUnits="GY",
        DoseType=dose_type,
        DVHDoseScaling="1",
        DVHVolumeUnits="CM3",
        DVHNumberOfBins=len(dvh.dose_gy) - 1,
        DVHData=pairs,
        DVHReferencedROISequence=[item_of(DVHROIContributionType="INCLUDED", ReferencedROINumber=number)],
        DVHMinimumDose=decimal(dvh.min_gy),
        DVHMaximumDose=decimal(dvh.max_gy),
        DVHMeanDose=decimal(dvh.mean_gy),
    )


def turned(
    grid: DoseGrid, position: str
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64], tuple[float, float]]:
    """The grid in the orientation of a patient position: dose, first point, frame offsets, (row, column) spacing."""
    if position not in ORIENTATIONS:
        raise UnsupportedGeometryError(
            f"patient position {position!r} is unknown", f"use one of {', '.join(ORIENTATIONS)}"
        )
    cosines = np.array(ORIENTATIONS[position], dtype=np.float64)
    wanted = np.stack([cosines[:3], cosines[3:], np.cross(cosines[:3], cosines[3:])])
    turn = wanted @ grid.directions.T
    signs = np.rint(turn)
    if np.abs(turn - signs).max() > RIGHT_ANGLE_TOLERANCE:
        raise UnsupportedGeometryError("an oblique dose grid cannot be written in a patient position")
    source = [int(np.flatnonzero(row)[0]) for row in signs]
    coordinates = (grid.x_mm, grid.y_mm, grid.z_mm)
    corner = np.zeros(3)
    axes: list[NDArray[np.float64]] = []
    flips: list[bool] = []
    for new, old in enumerate(source):
        values = coordinates[old]
        flips.append(bool(signs[new, old] < 0))
        corner[old] = values[-1] if flips[-1] else values[0]
        axes.append((values[-1] - values[::-1]) if flips[-1] else values - values[0])
    # Array axes run (z, y, x): axis 2 - n of the array is local axis n.
    dose = grid.dose_zyx.transpose(tuple(2 - source[new] for new in (2, 1, 0)))
    dose = dose[tuple(slice(None, None, -1 if flips[new] else 1) for new in (2, 1, 0))]
    return dose, grid.to_patient(corner), axes[2], (even(axes[1]), even(axes[0]))


def even(values: NDArray[np.float64]) -> float:
    """The even step of coordinates [mm].

    Raises
    ------
    UnsupportedGeometryError
        They are not evenly spaced.
    """
    if len(values) == 1:
        return 1.0
    steps = np.diff(values)
    if np.ptp(steps) > SPACING_TOLERANCE:
        raise UnsupportedGeometryError("rows or columns of the dose grid are not evenly spaced")
    return float(values[-1] / (len(values) - 1))
