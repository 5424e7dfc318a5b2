"""CT slices -> one volume, sorted by position along the normal, only of the series the structures refer to."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dicom import checks, tags
from lymphorisk.dicom.pixels import stored_values
from lymphorisk.dicom.reader import DicomFile
from lymphorisk.dicom.rtdose import directions_from
from lymphorisk.dicom.rtstruct import StructureSet
from lymphorisk.dicom.tree import Item
from lymphorisk.errors import InputError, UnsupportedGeometryError
from lymphorisk.findings import Finding, finding
from lymphorisk.plan import CTVolume, Frame

INT16 = np.iinfo(np.int16)
#: Slices of one volume lie on one axis and have one size within this. [mm]
TOLERANCE = 0.01


def read_ct(files: Sequence[DicomFile], structures: StructureSet) -> tuple[CTVolume | None, list[Finding]]:
    """The planning CT, or None with the reason as a finding.

    Series the structures do not refer to are rejected; so are slices in another frame of reference.
    """
    series: dict[str, list[DicomFile]] = {}
    for file in files:
        series.setdefault(file.root.code(tags.SERIES_INSTANCE_UID), []).append(file)
    if not series:
        return None, []
    wanted = {uid: s for uid, s in series.items() if uid in structures.ct_series}
    if not structures.ct_series and len(series) == 1:
        wanted = {
            uid: s
            for uid, s in series.items()
            if all(f.root.code(tags.FRAME_OF_REFERENCE_UID) in structures.frames for f in s)
        }
    found = []
    if rejected := len(series) - len(wanted):
        found.append(finding(checks.CT_REJECTED, f"{rejected} CT series that the structures do not refer to", "CT"))
    if len(wanted) != 1:
        if wanted:
            found.append(finding(checks.CT_REJECTED, f"the structures refer to {len(wanted)} CT series", "CT"))
        return None, found
    try:
        (slices,) = wanted.values()
        ct = volume(slices)
    except InputError as error:
        return None, [*found, finding(checks.CT_REJECTED, error.message, "CT", error.hint)]
    if structures.frames and ct.frame_of_reference and ct.frame_of_reference not in structures.frames:
        what = "the CT lies in another frame of reference than the structures"
        return None, [*found, finding(checks.CT_REJECTED, what, "CT", "export the planning CT")]
    return ct, found


def volume(files: Sequence[DicomFile]) -> CTVolume:
    """One volume of CT slices in any order.

    Raises
    ------
    UnsupportedGeometryError
        The slices differ in size, direction, axis or frame of reference, or two lie at one position.
    """
    first = files[0].root
    rows, columns = first.short(tags.ROWS) or 0, first.short(tags.COLUMNS) or 0
    cosines, spacing = first.floats(tags.IMAGE_ORIENTATION_PATIENT), first.floats(tags.PIXEL_SPACING)
    if len(cosines) != 6 or len(spacing) != 2 or not rows or not columns:
        raise UnsupportedGeometryError("CT: a slice does not say where it lies", "export the CT again")
    directions = directions_from(cosines, "CT")
    places = []
    for file in files:
        root = file.root
        place = root.floats(tags.IMAGE_POSITION_PATIENT)
        same = (
            len(place) == 3
            and (root.short(tags.ROWS), root.short(tags.COLUMNS)) == (rows, columns)
            and np.allclose(root.floats(tags.IMAGE_ORIENTATION_PATIENT), cosines, atol=TOLERANCE)
            and np.allclose(root.floats(tags.PIXEL_SPACING), spacing, atol=TOLERANCE)
            and root.code(tags.FRAME_OF_REFERENCE_UID) == first.code(tags.FRAME_OF_REFERENCE_UID)
        )
        if not same:
            raise UnsupportedGeometryError("CT: slices differ in size, turn or frame", "export the planning CT alone")
        places.append(place @ directions.T)
    local = np.stack(places)
    order = np.argsort(local[:, 2], kind="stable")
    z = local[order, 2]
    if np.any(np.ptp(local[:, :2], axis=0) > TOLERANCE) or np.any(np.diff(z) < TOLERANCE):
        raise UnsupportedGeometryError(
            "CT: slices are sheared or two lie at one position", "export the planning CT alone"
        )
    frame = Frame(
        origin_mm=np.array([local[0, 0], local[0, 1], z[0]]) @ directions,
        directions=directions,
        x_mm=np.arange(columns) * spacing[1],
        y_mm=np.arange(rows) * spacing[0],
        z_mm=z - z[0],
        frame_of_reference=first.code(tags.FRAME_OF_REFERENCE_UID),
    )
    read = partial(_numbers, tuple(files[n] for n in order), rows, columns)
    return CTVolume(frame, read, first.number(tags.SLICE_THICKNESS))


def _numbers(slices: tuple[DicomFile, ...], rows: int, columns: int) -> NDArray[np.int16]:
    """CT numbers of slices in order. [HU]"""
    hu = np.empty((len(slices), rows, columns), dtype=np.int16)
    for plane, file in zip(hu, slices, strict=True):
        values = stored_values(file, 1, rows, columns)[0]
        plane[:] = np.clip(_rescaled(file.root, values), INT16.min, INT16.max)
    return hu


def _rescaled(root: Item, values: NDArray[np.generic]) -> NDArray[np.generic]:
    slope, intercept = root.number(tags.RESCALE_SLOPE), root.number(tags.RESCALE_INTERCEPT)
    slope, intercept = 1.0 if slope is None else slope, 0.0 if intercept is None else intercept
    if slope == int(slope) and intercept == int(intercept):
        return values.astype(np.int32) * np.int32(slope) + np.int32(intercept)
    return np.rint(values.astype(np.float64) * slope + intercept)
