"""RTDOSE -> dose grid, whatever the patient position and the way its planes are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dicom import checks, tags
from lymphorisk.dicom.pixels import stored_values, wraps
from lymphorisk.dicom.reader import DicomFile
from lymphorisk.dicom.tree import Item, label
from lymphorisk.errors import DicomReadError, UnsupportedDoseError, UnsupportedGeometryError
from lymphorisk.findings import Finding, finding
from lymphorisk.plan import DoseGrid, Frame

#: Positions are written in micrometres at best; two planes closer than this are one. [mm]
POSITION_TOLERANCE = 1e-3
#: Frame offsets count as absolute when the first one is the position of the first plane this closely. [mm]
ABSOLUTE_TOLERANCE = 0.01
#: Uneven is what differs from the usual spacing by more than this. [mm]
EVEN_TOLERANCE = 0.01
#: Direction cosines are rounded by some exporters to four digits; they are made orthonormal within this.
COSINE_TOLERANCE = 1e-3
#: No external beam gives this: radiosurgery reaches 160 Gy. Beyond it the scaling is wrong, most often cGy. [Gy]
MAX_DOSE = 500.0
#: No calculation is finer (radiosurgery takes 0.5 mm), and what is finer asks for memory and time without end. [mm]
FINEST_MM = 0.2
#: A grid of more voxels than this is refused before any is read: the whole body on 1 mm holds 0.1 billion.
MAX_VOXELS = 1 << 27
#: And all that are held at once.
MAX_TOGETHER = 1 << 28
#: A grid that begins, or steps, farther than this is a broken file: a couch is two metres long. [mm]
MAX_COORDINATE = 1e5
#: Values below zero up to this share of the maximum are noise and rounding; deeper ones are another number format.
NEGATIVE_NOISE = 0.01


#: What to do with the dose of a brachytherapy source.
NOT_A_BEAM = (
    "the order of a source's dwells is not read: give the organ doses in a scenario, with the dwell time as beam_on_s"
)


@dataclass(frozen=True, slots=True)
class PlanReference:
    """Which plan, fraction groups and beams a dose says it belongs to."""

    plan_uid: str
    groups: tuple[int, ...]
    beams: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class DoseHeader:
    """What linking needs to know of an RTDOSE, before any voxel is read."""

    sop_uid: str
    study_uid: str
    frame: str
    folder: str
    units: str
    dose_type: str
    summation: str
    plans: tuple[PlanReference, ...]
    structure_uid: str
    has_grid: bool
    one_plane: bool
    series_uid: str
    position: str
    file: DicomFile

    @property
    def plan_uids(self) -> frozenset[str]:
        """Plans that the dose refers to."""
        return frozenset(p.plan_uid for p in self.plans) - {""}


def read_header(file: DicomFile) -> DoseHeader:
    """Units, type, summation and references of an RTDOSE."""
    root = file.root
    structure = root.items(tags.REFERENCED_STRUCTURE_SET_SEQUENCE)
    return DoseHeader(
        sop_uid=file.sop_uid,
        study_uid=root.code(tags.STUDY_INSTANCE_UID),
        frame=root.code(tags.FRAME_OF_REFERENCE_UID),
        folder=file.folder,
        units=root.code(tags.DOSE_UNITS).upper(),
        dose_type=root.code(tags.DOSE_TYPE).upper(),
        summation=root.code(tags.DOSE_SUMMATION_TYPE).upper(),
        plans=tuple(_reference(item) for item in root.items(tags.REFERENCED_RT_PLAN_SEQUENCE)),
        structure_uid=structure[0].code(tags.REFERENCED_SOP_INSTANCE_UID) if structure else "",
        has_grid=tags.ROWS in root or tags.PIXEL_DATA in root,
        one_plane=tags.GRID_FRAME_OFFSET_VECTOR not in root or len(root.codes(tags.GRID_FRAME_OFFSET_VECTOR)) == 1,
        series_uid=root.code(tags.SERIES_INSTANCE_UID),
        position=root.code(tags.IMAGE_POSITION_PATIENT),
        file=file,
    )


def _reference(item: Item) -> PlanReference:
    groups: list[int] = []
    beams: list[int] = []
    for group in item.items(tags.REFERENCED_FRACTION_GROUP_SEQUENCE):
        number = group.integer(tags.REFERENCED_FRACTION_GROUP_NUMBER)
        groups += [] if number is None else [number]
        for beam in group.items(tags.REFERENCED_BEAM_SEQUENCE):
            number = beam.integer(tags.REFERENCED_BEAM_NUMBER)
            beams += [] if number is None else [number]
    return PlanReference(item.code(tags.REFERENCED_SOP_INSTANCE_UID), tuple(groups), tuple(beams))


def check_usable(header: DoseHeader) -> None:
    """Refuse what is not a physical or effective dose in gray.

    Raises
    ------
    UnsupportedDoseError
        RELATIVE units, DoseType ERROR, or a kind of sum that is not a treatment dose.
    """
    if header.units == "RELATIVE":
        raise UnsupportedDoseError(
            "RTDOSE: the dose is RELATIVE; it cannot be turned into Gy",
            "export the absolute dose (Gy) from the planning system",
        )
    if header.units != "GY":
        raise UnsupportedDoseError(f"RTDOSE: unknown dose units {header.units[:16]!r}", "export the dose in Gy")
    if header.dose_type not in ("PHYSICAL", "EFFECTIVE", ""):
        raise UnsupportedDoseError(
            f"RTDOSE: dose type {header.dose_type[:16]!r} is not a dose", "export the PHYSICAL or EFFECTIVE dose"
        )
    if header.summation in ("CONTROL_POINT", "RECORD", "BRACHY", "BRACHY_SESSION"):
        raise UnsupportedDoseError(
            f"RTDOSE: a {header.summation} dose is not the dose of an external-beam plan",
            NOT_A_BEAM if header.summation.startswith("BRACHY") else "export the plan dose (DoseSummationType PLAN)",
        )
    if not header.has_grid:
        raise UnsupportedDoseError(
            "RTDOSE: the file holds no dose grid", "export the dose grid, not only DVHs or points"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Where the voxels of a dose lie, which plane of the file lies at each height, and what was noticed.

    `order` holds, for each `frame.z_mm`, the number of its plane in the file.
    """

    frame: Frame
    order: NDArray[np.intp]
    findings: tuple[Finding, ...]


def read_placement(root: Item) -> Placement:
    """Position, direction and spacing of a dose grid.

    Frame offsets may be relative or absolute, ascending or descending, even or not; rows and columns
    may have different spacing; the grid may be turned to any of the eight patient positions.

    Raises
    ------
    DicomReadError
        Numbers that cannot be read.
    UnsupportedGeometryError
        Positions, directions or spacings are missing or impossible.
    """
    rows, columns = root.short(tags.ROWS), root.short(tags.COLUMNS)
    if not rows or not columns:
        raise root.error("rows or columns of the dose grid are missing")
    found: list[Finding] = []
    origin, directions = _placement(root)
    x, y = _in_plane(root, rows, columns)
    offsets = _offsets(root, _frames(root), origin, directions, found)
    order = np.argsort(offsets, kind="stable")
    if np.any(np.diff(offsets[order]) < POSITION_TOLERANCE):
        raise UnsupportedGeometryError("RTDOSE: two dose planes lie at one position", "export the dose again")
    _check_size(origin, (x, y, offsets[order]))
    frame = Frame(origin, directions, x, y, offsets[order], root.code(tags.FRAME_OF_REFERENCE_UID))
    return Placement(frame, order, tuple(found))


def _check_size(origin: NDArray[np.float64], axes: Sequence[NDArray[np.float64]]) -> None:
    """Refuse a grid that no plan is calculated on, before memory is asked for."""
    voxels = int(np.prod([len(axis) for axis in axes], dtype=np.float64))
    if voxels > MAX_VOXELS:
        raise UnsupportedGeometryError(
            f"RTDOSE: {voxels} voxels are more than the {MAX_VOXELS} a dose may have",
            "export the dose on a coarser grid",
        )
    finest = min((float(np.diff(axis).min()) for axis in axes if len(axis) > 1), default=np.inf)
    if finest < FINEST_MM:
        raise UnsupportedGeometryError(
            f"RTDOSE: grid points {finest:.3g} mm apart are finer than any calculation ({FINEST_MM:g} mm)",
            "check Pixel Spacing and Grid Frame Offset Vector, or export the dose on a coarser grid",
        )
    widest = max((float(np.diff(axis).max()) for axis in axes if len(axis) > 1), default=0.0)
    if max(float(np.abs(origin).max()), widest) > MAX_COORDINATE:
        raise UnsupportedGeometryError(
            f"RTDOSE: grid points {MAX_COORDINATE:g} mm away lie in no treatment room",
            "check Image Position (Patient), Pixel Spacing and Grid Frame Offset Vector",
        )


def check_together(grids: Sequence[DoseGrid]) -> None:
    """Refuse grids that hold more than memory, before the next is read.

    Raises
    ------
    UnsupportedGeometryError
        They hold more voxels than the doses of an export may.
    """
    if sum(int(grid.dose_zyx.size) for grid in grids) > MAX_TOGETHER:
        raise UnsupportedGeometryError(
            f"RTDOSE: the doses of the export hold more than the {MAX_TOGETHER} voxels they may have together",
            "export the doses on a coarser grid",
        )


def read_grid(file: DicomFile, factor: float = 1.0) -> tuple[DoseGrid, list[Finding]]:
    """The dose grid of an RTDOSE, times `factor`.

    Raises
    ------
    DicomReadError
        The file is truncated or contradicts itself.
    UnsupportedDoseError
        The scaling is not a positive number, or the dose is impossible.
    UnsupportedGeometryError
        Positions, directions or spacings are missing or impossible.
    """
    root = file.root
    place = read_placement(root)
    found = list(place.findings)
    scaling = _scaling(root)
    values = stored_values(file, *place.frame.shape)
    _check_stored(root, values)
    dose = np.empty(values.shape, dtype=np.float32)
    with np.errstate(over="ignore"):  # what overflows is refused below
        np.multiply(values, scaling * factor, out=dose, dtype=np.float64, casting="unsafe")
    lowest, top = float(dose.min()), float(dose.max())
    if not np.isfinite(top) or top > MAX_DOSE:
        raise UnsupportedDoseError(
            f"RTDOSE: a dose maximum of {top:g} Gy is impossible", "check Dose Grid Scaling: is the dose in cGy?"
        )
    if lowest < -NEGATIVE_NOISE * top:
        raise UnsupportedDoseError(
            f"RTDOSE: doses down to {lowest:.3g} Gy beside a maximum of {top:.3g} Gy are no noise",
            "check Pixel Representation: unsigned values were read as signed ones; or this is a difference of doses",
        )
    if lowest < 0.0:
        found.append(finding(checks.NEGATIVE_DOSE, f"lowest {lowest:.3g} Gy", "RTDOSE"))
        np.maximum(dose, 0.0, out=dose)
    if np.any(np.diff(place.order) != 1):
        dose = np.ascontiguousarray(dose[place.order])
    return DoseGrid(dose, place.frame), found


def _check_stored(root: Item, values: NDArray[np.generic]) -> None:
    """Refuse values that cannot be what was calculated: beyond the stated bits, or run over the end of their word."""
    stored = root.short(tags.BITS_STORED)
    if stored and values.dtype.kind in "ui" and int(values.max()) >= 1 << stored:
        raise root.error(f"values beyond the {stored} bits that are said to be stored")
    if wraps(values):
        raise UnsupportedDoseError(
            "RTDOSE: the hottest voxels jump to nearly nothing by the size of the stored word: values ran over its end",
            "export the dose again, with a larger Dose Grid Scaling or 32 bits",
        )


def read_stack(files: Sequence[DicomFile], factor: float = 1.0) -> tuple[DoseGrid, list[Finding]]:
    """One dose grid of planes exported one a file.

    Raises
    ------
    UnsupportedGeometryError
        The planes differ in size or direction, or do not lie over each other.
    """
    parts: list[tuple[DoseGrid, list[Finding]]] = []
    for file in files:
        parts.append(read_grid(file, factor))
        check_together([grid for grid, _ in parts])
    grids = [grid for grid, _ in parts]
    first = grids[0]
    local = np.stack([first.to_local(grid.origin_mm) for grid in grids])
    alike = all(
        grid.dose_zyx.shape == first.dose_zyx.shape
        and np.allclose(grid.directions, first.directions, atol=COSINE_TOLERANCE)
        and np.allclose(grid.x_mm, first.x_mm, atol=POSITION_TOLERANCE)
        and np.allclose(grid.y_mm, first.y_mm, atol=POSITION_TOLERANCE)
        for grid in grids
    )
    order = np.argsort(local[:, 2], kind="stable")
    if (
        not alike
        or np.abs(local[:, :2]).max() > ABSOLUTE_TOLERANCE
        or np.any(np.diff(local[order, 2]) < ABSOLUTE_TOLERANCE)
    ):
        raise UnsupportedGeometryError("RTDOSE: the planes of the dose do not form one grid", "export one RTDOSE file")
    dose = np.concatenate([grids[n].dose_zyx for n in order])
    origin = first.to_patient(np.array([0.0, 0.0, local[order[0], 2]]))
    z = local[order, 2] - local[order[0], 2]
    grid = DoseGrid(dose, origin, first.directions, first.x_mm, first.y_mm, z, first.frame_of_reference)
    return grid, [note for _, notes in parts for note in notes]


def _frames(root: Item) -> int:
    try:
        frames = root.integer(tags.NUMBER_OF_FRAMES)
    except DicomReadError:
        raise root.error(f"Number of Frames {label(tags.NUMBER_OF_FRAMES)} is not a number") from None
    if frames is not None and frames < 1:
        raise root.error(f"Number of Frames {label(tags.NUMBER_OF_FRAMES)} is {frames}")
    return 1 if frames is None else frames


def _scaling(root: Item) -> float:
    values = root.floats(tags.DOSE_GRID_SCALING)
    if len(values) != 1 or not np.isfinite(values[0]) or values[0] <= 0.0:
        raise UnsupportedDoseError(
            "RTDOSE: Dose Grid Scaling is missing or not a positive number", "export the dose again"
        )
    return float(values[0])


def _placement(root: Item) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    origin, cosines = root.floats(tags.IMAGE_POSITION_PATIENT), root.floats(tags.IMAGE_ORIENTATION_PATIENT)
    if len(origin) != 3 or len(cosines) != 6 or not (np.all(np.isfinite(origin)) and np.all(np.isfinite(cosines))):
        raise UnsupportedGeometryError(
            "RTDOSE: Image Position or Image Orientation (Patient) is missing", "export the dose again"
        )
    return origin, directions_from(cosines, "RTDOSE")


def directions_from(cosines: NDArray[np.float64], role: str) -> NDArray[np.float64]:
    """Unit vectors along columns, rows and frames from Image Orientation (Patient)."""
    e_x, e_y = cosines[:3], cosines[3:]
    if (
        abs(e_x @ e_x - 1) > COSINE_TOLERANCE
        or abs(e_y @ e_y - 1) > COSINE_TOLERANCE
        or abs(e_x @ e_y) > COSINE_TOLERANCE
    ):
        raise UnsupportedGeometryError(
            f"{role}: Image Orientation (Patient) is not two unit vectors at right angles", "export it again"
        )
    e_x = e_x / np.linalg.norm(e_x)
    e_y = e_y - (e_y @ e_x) * e_x
    e_y = e_y / np.linalg.norm(e_y)
    return np.stack([e_x, e_y, np.cross(e_x, e_y)]) + 0.0


def _in_plane(root: Item, rows: int, columns: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    spacing = root.floats(tags.PIXEL_SPACING)
    if len(spacing) != 2 or not np.all(np.isfinite(spacing)) or np.any(spacing <= 0):
        raise UnsupportedGeometryError("RTDOSE: Pixel Spacing is missing or not positive", "export the dose again")
    # First value: distance of rows (along y); second: distance of columns (along x).
    return np.arange(columns) * spacing[1], np.arange(rows) * spacing[0]


def _offsets(
    root: Item, frames: int, origin: NDArray[np.float64], directions: NDArray[np.float64], found: list[Finding]
) -> NDArray[np.float64]:
    """Local z of each frame (PS3.3 C.8.8.3.2)."""
    offsets = root.floats(tags.GRID_FRAME_OFFSET_VECTOR)
    if frames == 1 and len(offsets) <= 1:
        return np.zeros(1)
    if len(offsets) != frames or not np.all(np.isfinite(offsets)):
        raise UnsupportedGeometryError(
            f"RTDOSE: {frames} dose planes, but {len(offsets)} frame offsets", "export the dose again"
        )
    notes: list[str] = []
    if abs(offsets[0]) > POSITION_TOLERANCE:
        normal_z = float(directions[2, 2])
        if abs(abs(normal_z) - 1) > COSINE_TOLERANCE or abs(offsets[0] - origin[2]) > ABSOLUTE_TOLERANCE:
            raise UnsupportedGeometryError(
                "RTDOSE: the first frame offset is neither 0 nor the position of the first plane",
                "export the dose again",
            )
        offsets = (offsets - offsets[0]) * np.sign(normal_z)
        notes.append("absolute")
    steps = np.diff(offsets)
    if not (np.all(steps > 0) or np.all(steps < 0)):
        notes.append("not in order")
    elif steps[0] < 0:
        notes.append("descending")
    if np.ptp(np.abs(np.diff(np.sort(offsets)))) > EVEN_TOLERANCE:
        notes.append("uneven")
    if notes:
        found.append(finding(checks.GRID_OFFSETS, f"frame offsets are {', '.join(notes)}; read as such", "RTDOSE"))
    return offsets.astype(np.float64)
