"""RTSTRUCT -> structures.

The decimal strings of all contours are parsed together from their bytes: one pass over the file
instead of one object for each of half a million coordinates.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dicom import checks, tags
from lymphorisk.dicom.decimals import parse
from lymphorisk.dicom.export import ImageSeries
from lymphorisk.dicom.reader import DicomFile
from lymphorisk.dicom.tree import BLANKS, Item
from lymphorisk.dvh.outlines import outlines_of
from lymphorisk.dvh.stack import MAX_COORDINATE, sorted_contours
from lymphorisk.findings import Finding, finding
from lymphorisk.plan import Structure

XOR = frozenset(("CLOSEDPLANAR_XOR", "CLOSED_PLANAR_XOR"))
CLOSED = XOR | {"CLOSED_PLANAR"}
#: What the standard knows beside closed contours.
OPEN = frozenset(("POINT", "OPEN_PLANAR", "OPEN_NONPLANAR"))
#: A geometric type longer than this is none. DICOM codes hold 16 characters.
MAX_KIND = 16
#: Models draw two hundred organs; more ROIs than this are of no patient, and take minutes.
MAX_ROIS = 1000
#: LO holds 64 characters; some systems write more. What is longer than this is no name.
MAX_NAME = 128
POINTS_OF_A_PLANE = 3
UID = re.compile(r"(?=.{1,64}$)(0|[1-9]\d*)(\.(0|[1-9]\d*))+")

Array = NDArray[np.float64]


def drawn_on(root: Item) -> tuple[ImageSeries, ...]:
    """The same series with their study and images; what is no UID is left out."""
    out = []
    for frame in root.items(tags.REFERENCED_FRAME_OF_REFERENCE_SEQUENCE):
        for study in frame.items(tags.RT_REFERENCED_STUDY_SEQUENCE):
            for series in study.items(tags.RT_REFERENCED_SERIES_SEQUENCE):
                images = tuple(filter(None, map(_reference, series.items(tags.CONTOUR_IMAGE_SEQUENCE))))
                of, uid = _reference(study), series.code(tags.SERIES_INSTANCE_UID)
                if of and images and UID.fullmatch(uid):
                    out.append(ImageSeries(of, uid, images))
    return tuple(out)


def _reference(item: Item) -> tuple[str, str] | None:
    """SOP class and instance that an item refers to."""
    found = item.code(tags.REFERENCED_SOP_CLASS_UID), item.code(tags.REFERENCED_SOP_INSTANCE_UID)
    return found if all(UID.fullmatch(uid) for uid in found) else None


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


def image_series(root: Item) -> frozenset[str]:
    """Series of the images a structure set was drawn on."""
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
        The file is truncated. What is wrong with one ROI makes that one not usable, with a finding.
    """
    root = file.root
    found: list[Finding] = []
    if not root.items(tags.STRUCTURE_SET_ROI_SEQUENCE) or tags.ROI_CONTOUR_SEQUENCE not in root:
        raise root.error("the file holds no ROIs or no contours: empty or truncated")
    if tags.RT_ROI_OBSERVATIONS_SEQUENCE not in root:
        found.append(finding(checks.NO_ROI_TYPES, "the file ends before its ROI observations", "RTSTRUCT"))
    if (count := len(root.items(tags.STRUCTURE_SET_ROI_SEQUENCE))) > MAX_ROIS:
        raise root.error(f"{count} ROIs are more than the {MAX_ROIS} of one patient", "export fewer structures")
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

    drawn = _contours(root, found)
    for number in sorted(set(drawn) - set(entries)):
        what = f"{len(drawn[number].contours)} contours were kept"
        found.append(finding(checks.ROI_WITHOUT_ENTRY, what, f"ROI {number}"))
        entries[number] = f"ROI {number}", only_frame
    structures = []
    for number, (name, frame) in entries.items():
        roi = drawn.get(number, Drawn())
        structure, said = _usable(roi.structure(number, name, frame, types.get(number, "")))
        found += [*said, *roi.findings(f"ROI {number} {name}")]
        structures.append(structure)
    return StructureSet(
        file.sop_uid,
        root.code(tags.STUDY_INSTANCE_UID),
        frames,
        tuple(structures),
        image_series(root),
        (*found, *checks.check_structures(structures)),
    )


def _usable(structure: Structure) -> tuple[Structure, tuple[Finding, ...]]:
    """The structure, without its contours when no body can be made of them; and what was noticed."""
    sorted_ = sorted_contours(structure)
    if sorted_.unusable and not structure.unusable:
        structure = replace(structure, contours_mm=(), unusable=sorted_.unusable)
    return structure, sorted_.findings


@dataclass(slots=True)
class Drawn:
    """Contours of one ROI on the way from the file to a structure.

    Attributes
    ----------
    contours : list of ndarray, shape (n, 3)
        Closed contours. [mm]
    other : dict of str to list of ndarray
        By geometric type: what is not closed by its type, or of no known type.
    xor : bool
        A contour says that crossing contours cancel.
    thin : int
        Closed contours of one or two points.
    unusable : str
        Why nothing can be made of the ROI.
    """

    contours: list[Array] = field(default_factory=list)
    other: dict[str, list[Array]] = field(default_factory=dict)
    xor: bool = False
    thin: int = 0
    unusable: str = ""

    def structure(self, number: int, name: str, frame: str, rt_type: str) -> Structure:
        """The structure, or one that is not usable."""
        reason = self.unusable
        if not reason and not self.contours and self.share() > 0:
            reason = f"its contours are {checks.listed(sorted(self.other))}, none is closed"
        kept = () if reason else tuple(self.contours)
        return Structure(number, name, kept, frame, rt_type, xor=self.xor, unusable=reason)

    def share(self) -> float:
        """Area that contours of other types would enclose were they closed, as a share of all."""
        closed, other = _area(self.contours), _area([c for contours in self.other.values() for c in contours])
        return other / (closed + other) if other > 0 else 0.0

    def findings(self, where: str) -> list[Finding]:
        """Contours that were left out."""
        found = []
        if self.thin:
            found.append(finding(checks.DEGENERATE, f"{self.thin} contours of one or two points", where))
        if self.other:
            count = sum(len(contours) for contours in self.other.values())
            kinds, share = checks.listed(sorted(self.other)), self.share()
            known = set(self.other) <= OPEN
            if known and share == 0:
                found.append(finding(checks.NOT_CLOSED, f"{count} points or open contours ignored", where))
            else:
                what = f"{count} contours of type {kinds} left out: {100 * share:.0f} % of the volume, were they closed"
                found.append(finding(checks.NOT_CLOSED, what, where, "export closed contours", severity="warning"))
        return found


def _area(contours: Sequence[Array]) -> float:
    """Area of contours taken for closed ones. [mm2]"""
    closed = [c[:, :2] for c in contours if len(c) >= POINTS_OF_A_PLANE]
    return float(outlines_of(closed).area.sum()) if closed else 0.0


def _contours(root: Item, found: list[Finding]) -> dict[int, Drawn]:
    """Contours by ROI number; what is damaged is so for its ROI alone."""
    drawn: dict[int, Drawn] = {}
    raws: list[bytes] = []
    owners: list[tuple[int, str]] = []
    lost = 0
    for roi in root.items(tags.ROI_CONTOUR_SEQUENCE):
        number = roi.integer(tags.REFERENCED_ROI_NUMBER)
        if number is None:
            lost += 1
            continue
        here = drawn.setdefault(number, Drawn())
        for contour in roi.items(tags.CONTOUR_SEQUENCE):
            kind = contour.code(tags.CONTOUR_GEOMETRIC_TYPE)
            raw = contour.raw(tags.CONTOUR_DATA)
            if not raw.strip(b" \0"):
                continue
            if not kind:
                here.unusable = here.unusable or "a contour does not say whether it is closed"
                continue
            here.xor |= kind in XOR
            raws.append(raw)
            owners.append((number, kind))
    if lost:
        what = f"the contours of {lost} items do not say which ROI they belong to and were left out"
        found.append(finding(checks.ROI_WITHOUT_ENTRY, what, "RTSTRUCT", "export the structure set again"))
    for (number, kind), points in zip(owners, _points(raws), strict=True):
        here = drawn[number]
        if isinstance(points, str):
            here.unusable = here.unusable or points
        elif kind not in CLOSED:
            here.other.setdefault(kind[:MAX_KIND], []).append(points)
        elif len(points) < POINTS_OF_A_PLANE:
            here.thin += 1
        else:
            here.contours.append(points)
    return drawn


def _points(raws: Sequence[bytes]) -> list[Array | str]:
    """Points of contours, each of shape (n, 3), or what is wrong with a contour; read at once when all are well."""
    counts = [raw.count(b"\\") + 1 for raw in raws]
    if not any(count % 3 for count in counts):
        try:
            values = parse(b" ".join(raws).translate(BLANKS))
        except ValueError:
            values = np.zeros(0)
        if raws and len(values) == sum(counts) and bool(np.all(np.abs(values) < MAX_COORDINATE)):
            points = values.reshape(-1, 3)
            ends = np.cumsum(counts) // 3
            return [points[end - count // 3 : end] for end, count in zip(ends.tolist(), counts, strict=True)]
    return [_points_of(raw, count) for raw, count in zip(raws, counts, strict=True)]


def _points_of(raw: bytes, count: int) -> Array | str:
    """Points of one contour, or what is wrong with it."""
    try:
        values = parse(raw.translate(BLANKS))
    except ValueError:
        return "a contour coordinate is not a number"
    if count % 3 or len(values) != count:
        return "a contour is not made of points with three coordinates"
    if not np.all(np.abs(values) < MAX_COORDINATE):
        return "a contour coordinate is not finite or lies kilometres away"
    return values.reshape(-1, 3)
