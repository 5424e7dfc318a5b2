"""RTSTRUCT -> structures.

The decimal strings of all contours are parsed together from their bytes: one pass over the file
instead of one object for each of half a million coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lymphorisk.dicom import checks, tags
from lymphorisk.dicom.decimals import parse
from lymphorisk.dicom.reader import DicomFile
from lymphorisk.dicom.tree import BLANKS, Item, label
from lymphorisk.findings import Finding, finding
from lymphorisk.plan import Structure

CLOSED = frozenset(("CLOSED_PLANAR", "CLOSEDPLANAR_XOR", "CLOSED_PLANAR_XOR", ""))
#: LO holds 64 characters; some systems write more. What is longer than this is no name.
MAX_NAME = 128
#: A coordinate of a patient beyond this is a broken file (a couch is two metres long). [mm]
MAX_COORDINATE = 1e5
POINTS_OF_A_PLANE = 3


@dataclass(frozen=True, slots=True, eq=False)
class StructureSet:
    """An RTSTRUCT file as read."""

    sop_uid: str
    study_uid: str
    frames: frozenset[str]
    structures: tuple[Structure, ...]
    ct_series: frozenset[str]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class StructureSetHeader:
    """What linking needs to know of an RTSTRUCT."""

    sop_uid: str
    study_uid: str
    frames: frozenset[str]
    folder: str


def read_header(file: DicomFile) -> StructureSetHeader:
    """UIDs of an RTSTRUCT without its contours."""
    return StructureSetHeader(file.sop_uid, file.root.code(tags.STUDY_INSTANCE_UID), _frames(file.root), file.folder)


def _frames(root: Item) -> frozenset[str]:
    """Frames of reference: the sequence, the ROIs, or (against the standard, but met) the file itself."""
    uids = {item.code(tags.FRAME_OF_REFERENCE_UID) for item in root.items(tags.REFERENCED_FRAME_OF_REFERENCE_SEQUENCE)}
    uids |= {item.code(tags.REFERENCED_FRAME_OF_REFERENCE_UID) for item in root.items(tags.STRUCTURE_SET_ROI_SEQUENCE)}
    return frozenset(uids - {""}) or frozenset({root.code(tags.FRAME_OF_REFERENCE_UID)} - {""})


def _ct_series(root: Item) -> frozenset[str]:
    return frozenset(
        series.code(tags.SERIES_INSTANCE_UID)
        for frame in root.items(tags.REFERENCED_FRAME_OF_REFERENCE_SEQUENCE)
        for study in frame.items(tags.RT_REFERENCED_STUDY_SEQUENCE)
        for series in study.items(tags.RT_REFERENCED_SERIES_SEQUENCE)
    )


def read_structures(file: DicomFile) -> StructureSet:
    """The structures of an RTSTRUCT.

    Raises
    ------
    DicomReadError
        The file is truncated or its contours are not numbers.
    """
    root = file.root
    found: list[Finding] = []
    if not root.items(tags.STRUCTURE_SET_ROI_SEQUENCE) or tags.ROI_CONTOUR_SEQUENCE not in root:
        raise root.error("the file holds no ROIs or no contours: empty or truncated")
    if tags.RT_ROI_OBSERVATIONS_SEQUENCE not in root:
        found.append(finding(checks.NO_ROI_TYPES, "the file ends before its ROI observations", "RTSTRUCT"))
    frames = _frames(root)
    only_frame = next(iter(frames)) if len(frames) == 1 else ""
    types = {
        item.integer(tags.REFERENCED_ROI_NUMBER): item.code(tags.RT_ROI_INTERPRETED_TYPE)
        for item in root.items(tags.RT_ROI_OBSERVATIONS_SEQUENCE)
    }
    entries: dict[int, tuple[str, str]] = {}
    undecodable: list[int] = []
    for item in root.items(tags.STRUCTURE_SET_ROI_SEQUENCE):
        number = item.integer(tags.ROI_NUMBER)
        if number is None or number in entries:
            raise item.error(f"ROI number {number} is missing or used twice")
        name, decoded = item.text(tags.ROI_NAME)
        if not decoded:
            undecodable.append(number)
        clean = "".join(c if c.isprintable() else " " for c in name).strip()
        if len(clean) > MAX_NAME or clean != name:
            found.append(finding(checks.LONG_NAME, f"a name of {len(name)} characters was cleaned", f"ROI {number}"))
            clean = clean[:MAX_NAME]
        entries[number] = clean, item.code(tags.REFERENCED_FRAME_OF_REFERENCE_UID) or only_frame
    if undecodable:
        listed = checks.listed([str(n) for n in undecodable])
        found.append(finding(checks.CHARACTER_SET, f"names of ROI {listed} were read as UTF-8 or Latin-1", "RTSTRUCT"))

    contours = _contours(root, found)
    for number in sorted(set(contours) - set(entries)):
        found.append(finding(checks.ROI_WITHOUT_ENTRY, f"{len(contours[number])} contours were kept", f"ROI {number}"))
        entries[number] = f"ROI {number}", only_frame
    structures = tuple(
        Structure(number, name, tuple(contours.get(number, ())), frame, types.get(number, ""))
        for number, (name, frame) in entries.items()
    )
    return StructureSet(
        file.sop_uid,
        root.code(tags.STUDY_INSTANCE_UID),
        frames,
        structures,
        _ct_series(root),
        (*found, *checks.check_structures(structures)),
    )


def _contours(root: Item, found: list[Finding]) -> dict[int, list[np.ndarray]]:
    """Closed contours by ROI number."""
    chunks: list[bytes] = []
    counts: list[int] = []
    owners: list[int] = []
    open_contours: dict[int, int] = {}
    for roi in root.items(tags.ROI_CONTOUR_SEQUENCE):
        number = roi.integer(tags.REFERENCED_ROI_NUMBER)
        if number is None:
            raise roi.error("contours do not say which ROI they belong to")
        for contour in roi.items(tags.CONTOUR_SEQUENCE):
            if contour.code(tags.CONTOUR_GEOMETRIC_TYPE) not in CLOSED:
                open_contours[number] = open_contours.get(number, 0) + 1
                continue
            raw = contour.raw(tags.CONTOUR_DATA)
            if not raw.strip(b" \0"):
                continue
            chunks.append(raw)
            counts.append(raw.count(b"\\") + 1)
            owners.append(number)
    for number, count in sorted(open_contours.items()):
        found.append(finding(checks.NOT_CLOSED, f"{count} points or open contours ignored", f"ROI {number}"))
    if not chunks:
        return {}
    points = _parse(root, chunks, counts, owners)
    out: dict[int, list[np.ndarray]] = {}
    thin: dict[int, int] = {}
    start = 0
    for count, number in zip(counts, owners, strict=True):
        stop = start + count // 3
        if stop - start < POINTS_OF_A_PLANE:
            thin[number] = thin.get(number, 0) + 1
        else:
            out.setdefault(number, []).append(points[start:stop])
        start = stop
    for number, count in sorted(thin.items()):
        found.append(finding(checks.DEGENERATE, f"{count} contours of one or two points", f"ROI {number}"))
    return out


def _parse(root: Item, chunks: list[bytes], counts: list[int], owners: list[int]) -> np.ndarray:
    if any(count % 3 for count in counts):
        number = next(owner for owner, count in zip(owners, counts, strict=True) if count % 3)
        raise root.error(f"a contour of ROI {number} is not made of points with three coordinates")
    text = b" ".join(chunks).translate(BLANKS)
    try:
        values = parse(text)
    except ValueError as error:
        raise root.error(f"contour data {label(tags.CONTOUR_DATA)} hold something that is not a number") from error
    if len(values) != sum(counts):
        raise root.error(f"contour data {label(tags.CONTOUR_DATA)} hold something that is not a number")
    if not np.all(np.abs(values) < MAX_COORDINATE):
        raise root.error("a contour coordinate is not finite or lies kilometres away")
    return values.reshape(-1, 3)
