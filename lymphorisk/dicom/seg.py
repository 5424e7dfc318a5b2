"""DICOM Segmentation (binary, fractional, label map) -> voxels and names of its segments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dicom import tags
from lymphorisk.dicom.pixels import decompressed, stored_values
from lymphorisk.dicom.reader import NATIVE, DicomFile
from lymphorisk.dicom.rtdose import directions_from
from lymphorisk.dicom.tree import Item
from lymphorisk.errors import UnsupportedGeometryError
from lymphorisk.plan.raster import Raster

KINDS = ("BINARY", "FRACTIONAL", "LABELMAP")
#: Planes of one image lie on one axis within this. [mm]
TOLERANCE_MM = 0.01
#: A gap between planes of more than this many steps holds planes that were left out because they are empty.
EMPTY_STEP = 1.5
#: Two thousand planes of 512 x 512 are half of it.
MOST_VOXELS = 1 << 30
BITS_OF_A_BYTE = 8
HINT = "export the segmentation again, on the planning CT"

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SegmentationImage:
    """A segmentation as read.

    Attributes
    ----------
    frame_of_reference : str
    names : mapping of int to tuple of str
        What each segment may be called, its label first, by segment number.
    labels : Raster or None
        Segment numbers, of a label map.
    shares : mapping of int to Raster
        Covered shares by segment number, of the others; empty segments are not in it.
    probability : bool
        Shares are stated to be probabilities.
    """

    frame_of_reference: str
    names: Mapping[int, tuple[str, ...]]
    labels: Raster | None
    shares: Mapping[int, Raster]
    probability: bool = False


def read_segmentation(file: DicomFile) -> SegmentationImage:
    """The segments of a DICOM Segmentation.

    Raises
    ------
    DicomReadError
        The file is truncated, or does not say what it must.
    UnsupportedGeometryError
        Its frames do not lie on one axis.
    """
    root = file.root
    kind = root.code(tags.SEGMENTATION_TYPE)
    if kind not in KINDS:
        raise root.error(f"segmentation type {kind!r} is none of {', '.join(KINDS)}", HINT)
    names = {number: _names(item) for item in root.items(tags.SEGMENT_SEQUENCE) for number in _number(item)}
    if not names:
        raise root.error("the segmentation lists no segments", HINT)
    frames = _Frames(file)
    if kind == "LABELMAP":
        labels, shares = _labels(frames), {}
    else:
        labels, shares = None, dict(_shares(frames, kind, set(names)))
    probability = kind == "FRACTIONAL" and root.code(tags.SEGMENTATION_FRACTIONAL_TYPE) == "PROBABILITY"
    return SegmentationImage(root.code(tags.FRAME_OF_REFERENCE_UID), names, labels, shares, probability)


def _number(segment: Item) -> tuple[int, ...]:
    number = segment.short(tags.SEGMENT_NUMBER)
    if number is None:
        raise segment.error("a segment has no number", HINT)
    return (number,) if number else ()  # 0 is the background of label maps


def _names(segment: Item) -> tuple[str, ...]:
    """The segment's label, then what its codes mean, with the side before and after."""
    label, _ = segment.text(tags.SEGMENT_LABEL)
    out = [label.strip()]
    for code, modifier in (
        (tags.SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE, tags.SEGMENTED_PROPERTY_TYPE_MODIFIER_CODE_SEQUENCE),
        (tags.ANATOMIC_REGION_SEQUENCE, tags.ANATOMIC_REGION_MODIFIER_SEQUENCE),
    ):
        for item in segment.items(code):
            meaning, _ = item.text(tags.CODE_MEANING)
            sides = [s.text(tags.CODE_MEANING)[0] for s in (*item.items(modifier), *segment.items(modifier))]
            out.append(" ".join([*sides, meaning]).strip())
    return tuple(dict.fromkeys(name for name in out if name))


class _Frames:
    """Where the frames of a file lie and what they hold."""

    def __init__(self, file: DicomFile) -> None:
        root = file.root
        self.file, self.root = file, root
        self.rows, self.columns = root.short(tags.ROWS) or 0, root.short(tags.COLUMNS) or 0
        shared = root.items(tags.SHARED_FUNCTIONAL_GROUPS_SEQUENCE)
        self.shared = shared[0] if shared else None
        self.per_frame = root.items(tags.PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE)
        stated = root.integer(tags.NUMBER_OF_FRAMES)
        self.count = len(self.per_frame) if stated is None else stated
        if not self.rows or not self.columns or not self.count or len(self.per_frame) not in (0, self.count):
            raise root.error("rows, columns or frames do not fit each other", HINT)
        measures = self._group(0, tags.PIXEL_MEASURES_SEQUENCE)
        spacing = np.zeros(0) if measures is None else measures.floats(tags.PIXEL_SPACING)
        if measures is None or len(spacing) != 2 or not np.all(np.isfinite(spacing)) or np.any(spacing <= 0):
            raise root.error("Pixel Spacing is missing or not positive", HINT)
        self.spacing = spacing
        self.directions = self._directions()
        places = np.stack([self._place(n) for n in range(self.count)]) @ self.directions.T
        if np.any(np.ptp(places[:, :2], axis=0) > TOLERANCE_MM):
            raise UnsupportedGeometryError("SEG: its planes are sheared or turned against each other", HINT)
        self.corner = places[0, :2]
        self.z, self.plane = _levels(places[:, 2])
        self.step = self._step(measures)

    def _group(self, frame: int, tag: int) -> Item | None:
        """A functional group of a frame: its own, else the shared one."""
        for holder in ([self.per_frame[frame]] if self.per_frame else []) + ([self.shared] if self.shared else []):
            if items := holder.items(tag):
                return items[0]
        return None

    def _directions(self) -> Array:
        found = [self._group(n, tags.PLANE_ORIENTATION_SEQUENCE) for n in range(self.count)]
        cosines = [np.zeros(0) if g is None else g.floats(tags.IMAGE_ORIENTATION_PATIENT) for g in dict.fromkeys(found)]
        if any(len(c) != 6 for c in cosines):
            raise self.root.error("Image Orientation (Patient) is missing", HINT)
        if any(np.abs(c - cosines[0]).max() > TOLERANCE_MM for c in cosines):
            raise UnsupportedGeometryError("SEG: its frames are turned against each other", HINT)
        return directions_from(cosines[0], "SEG")

    def _place(self, frame: int) -> Array:
        group = self._group(frame, tags.PLANE_POSITION_SEQUENCE)
        place = np.zeros(0) if group is None else group.floats(tags.IMAGE_POSITION_PATIENT)
        if len(place) != 3 or not np.all(np.isfinite(place)):
            raise self.root.error("a frame does not say where it lies", HINT)
        return place

    def _step(self, measures: Item) -> float:
        """Distance of the planes: as stated, else the least met, else the thickness of a slice. [mm]"""
        thickness = measures.number(tags.SLICE_THICKNESS)
        least = float(np.diff(self.z).min()) if len(self.z) > 1 else None
        for step in (measures.number(tags.SPACING_BETWEEN_SLICES), least, thickness):
            if step:
                return min(abs(step), least or abs(step))
        raise self.root.error("one plane, and nothing says how thick it is", HINT)

    def segment_of(self, frame: int) -> int:
        """Number of the segment a frame belongs to."""
        group = self._group(frame, tags.SEGMENT_IDENTIFICATION_SEQUENCE)
        number = None if group is None else group.short(tags.REFERENCED_SEGMENT_NUMBER)
        if number is None:
            raise self.root.error("a frame does not say which segment it belongs to", HINT)
        return number

    def raster(self, planes: NDArray[np.generic], z: Array) -> Raster:
        """Values of planes at local heights as voxels; planes that were left out between them are empty."""
        gaps = np.diff(z)
        if (len(z) + (gaps / self.step).sum()) * planes[0].size > MOST_VOXELS:
            raise UnsupportedGeometryError(
                f"SEG: {self.rows} x {self.columns} voxels every {self.step:g} mm over {np.ptp(z):.0f} mm are "
                f"more than {MOST_VOXELS} voxels",
                HINT,
            )
        missing = np.where(gaps > EMPTY_STEP * self.step, np.round(gaps / self.step).astype(int) - 1, 0)
        places = np.arange(len(z)) + np.concatenate([[0], np.cumsum(missing)])
        values = np.zeros((int(places[-1]) + 1, *planes.shape[1:]), planes.dtype)
        values[places] = planes
        centres = np.interp(np.arange(len(values)), places, z)
        ends = [centres[0] - 0.5 * self.step], [centres[-1] + 0.5 * self.step]
        borders = np.concatenate([ends[0], 0.5 * (centres[1:] + centres[:-1]), ends[1]])
        origin = np.array([self.corner[0], self.corner[1], 0.0]) @ self.directions
        y, x = ((np.arange(n + 1) - 0.5) * s for n, s in zip((self.rows, self.columns), self.spacing, strict=True))
        return Raster(values, origin, self.directions, borders, y, x)


def _levels(heights: Array) -> tuple[Array, NDArray[np.intp]]:
    """The distinct heights, increasing, and which of them each frame has."""
    order = np.argsort(heights, kind="stable")
    rises = np.concatenate([[False], np.diff(heights[order]) > TOLERANCE_MM])
    plane = np.empty(len(heights), np.intp)
    plane[order] = np.cumsum(rises)
    return heights[order][np.concatenate([[True], rises[1:]])], plane


def _labels(frames: _Frames) -> Raster:
    """Segment numbers of a label map."""
    if len(frames.z) != frames.count:
        raise frames.root.error("two frames of a label map lie at one height", HINT)
    values = stored_values(frames.file, frames.count, frames.rows, frames.columns)
    if values.dtype.kind != "u":
        raise frames.root.error("the labels of a label map are not unsigned numbers", HINT)
    planes = np.empty(values.shape, values.dtype)
    planes[frames.plane] = values
    return frames.raster(planes, frames.z)


def _shares(frames: _Frames, kind: str, known: set[int]) -> Iterator[tuple[int, Raster]]:
    """Covered shares of each segment that has any."""
    read = _reader(frames, kind)
    by_segment: dict[int, list[int]] = {}
    for n in range(frames.count):
        by_segment.setdefault(frames.segment_of(n), []).append(n)
    if unknown := sorted(set(by_segment) - known):
        raise frames.root.error(f"frames belong to segment {unknown[0]}, which is not listed", HINT)
    for number, of in sorted(by_segment.items()):
        at = np.unique(frames.plane[of])
        if len(at) != len(of):
            raise frames.root.error(f"two frames of segment {number} lie at one height", HINT)
        planes = [read(n) for n in sorted(of, key=lambda n: int(frames.plane[n]))]
        if (found := frames.raster(np.stack(planes), frames.z[at]).cropped()) is not None:
            yield number, replace(found, values=found.values.copy())  # the empty part is let go


def _reader(frames: _Frames, kind: str) -> _Bits | _Values:
    """What gives the covered shares of a frame, shape (rows, columns)."""
    root = frames.root
    bits = root.short(tags.BITS_ALLOCATED)
    if kind == "BINARY" and bits == 1:
        return _Bits(frames)
    highest = 1 if kind == "BINARY" else root.short(tags.MAXIMUM_FRACTIONAL_VALUE)
    if not highest:
        raise root.error("Maximum Fractional Value is missing", HINT)
    return _Values(frames, highest)


Plane = NDArray[np.bool_] | NDArray[np.float32]


class _Values:
    """Frames of whole bytes; of a binary segmentation as flags."""

    def __init__(self, frames: _Frames, highest: int) -> None:
        self.values = stored_values(frames.file, frames.count, frames.rows, frames.columns)
        self.highest = highest
        if int(self.values.max()) > highest or int(self.values.min()) < 0:
            raise frames.root.error("values lie beyond the Maximum Fractional Value", HINT)

    def __call__(self, frame: int) -> Plane:
        plane = np.asarray(self.values[frame])
        return np.not_equal(plane, 0) if self.highest == 1 else plane.astype(np.float32) / np.float32(self.highest)


class _Bits:
    """Frames of one bit a voxel, packed one after the other without a gap, lowest bit first."""

    def __init__(self, frames: _Frames) -> None:
        root = frames.root
        self.size, self.shape = frames.rows * frames.columns, (frames.rows, frames.columns)
        self.unpacked: NDArray[np.bool_] | None = None
        if frames.file.syntax not in NATIVE:
            self.unpacked = decompressed(frames.file, frames.count, *self.shape) != 0
            return
        span = root.span(tags.PIXEL_DATA)
        needed = -(-frames.count * self.size // BITS_OF_A_BYTE)
        held = 0 if span is None else span[1] - span[0]
        if span is None or not needed <= held <= needed + 1:
            why = "truncated" if held < needed else "rows, columns or frames are not those of the pixels"
            raise root.error(f"the pixel data hold {held} bytes where {needed} belong: {why}", HINT)
        data, start = root.place(tags.PIXEL_DATA)
        self.packed = np.frombuffer(data, np.uint8, needed, start)

    def __call__(self, frame: int) -> NDArray[np.bool_]:
        if self.unpacked is not None:
            return np.asarray(self.unpacked[frame])
        first = frame * self.size
        byte, bit = divmod(first, BITS_OF_A_BYTE)
        packed = self.packed[byte : -(-(first + self.size) // BITS_OF_A_BYTE)]
        bits = np.unpackbits(packed, bitorder="little")[bit : bit + self.size]
        return bits.view(np.bool_).reshape(self.shape)
