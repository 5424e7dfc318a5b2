"""From files to masks along the patient's axes, each with the organ it is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from lymphorisk.dicom.export import PatientIdentity
from lymphorisk.dicom.identity import read_identity
from lymphorisk.dicom.reader import DicomFile, find
from lymphorisk.dicom.rtstruct import read_structures
from lymphorisk.dicom.seg import SegmentationImage, read_segmentation
from lymphorisk.dicom.slices import with_slices
from lymphorisk.dvh.regions import Union
from lymphorisk.errors import InputError
from lymphorisk.findings import Finding, finding
from lymphorisk.masks import rules
from lymphorisk.masks.classes import FIRST, NUMBERED, ORGANS
from lymphorisk.masks.labels import Labels
from lymphorisk.masks.nifti import NiftiImage, is_nifti, read_nifti, stem
from lymphorisk.organs import load, organ_of
from lymphorisk.organs.segments import Segment
from lymphorisk.plain import read_most
from lymphorisk.plan import Mask
from lymphorisk.plan.raster import Raster, straightened, upright

#: Files read side by side: unpacking lets go of the interpreter.
READERS = 2
#: Of a NIfTI file as it lies on disk. [bytes]
MOST_READ = 1 << 30
#: What may be handed in.
KINDS = "give a DICOM SEG, an RTSTRUCT, .nii or .nii.gz files, or a folder of them, as their programs wrote them"
#: Role of a file of masks among the inputs of a result.
ROLE = "SEGMENTATION"
#: So many fewer volumes must be odd by the numbers of version 1 than by those of version 2.
CLEARLY = 2
#: A mask turned against the patient's axes says nothing of where the scan ends.
NO_ENDS = (-np.inf, np.inf)


@dataclass(frozen=True, slots=True, eq=False)
class Handed:
    """One segmentation as read: the structures of one image.

    Attributes
    ----------
    name : str
        As it is called in messages: by its place among those handed in, as a file's name may be the patient's.
    segments : tuple of Segment
        One for each structure that holds anything; masks of one organ are joined.
    inputs : tuple of (role, UID, SHA-256)
    findings : tuple of Finding
        What is empty, or not usable by itself.
    listed : frozenset of str
        Lines of the clinic's list that were met.
    frames : frozenset of str
        Frames of Reference it lies in; empty when it does not say.
    identity : PatientIdentity or None
        None when the format holds none.
    sop_uid : str
    assumed : bool
        Nothing says what its labels are: they are taken as TotalSegmentator's.
    """

    name: str
    segments: tuple[Segment, ...]
    inputs: tuple[tuple[str, str, str], ...]
    findings: tuple[Finding, ...] = ()
    listed: frozenset[str] = frozenset()
    frames: frozenset[str] = frozenset()
    identity: PatientIdentity | None = None
    sop_uid: str = ""
    assumed: bool = False


def read_path(path: Path, labels: Labels | None, name: str) -> list[Handed]:
    """The segmentations of a path: a file, or a folder of NIfTI masks or DICOM files.

    Parameters
    ----------
    path : Path
    labels : Labels or None
        The clinic's list.
    name : str
        What the path is called in messages.

    Raises
    ------
    InputError
        There is nothing there that can be read.
    """
    if not path.exists():
        raise InputError(f"segmentation {path.name!r} does not exist", "check the path")
    masks = sorted(p for p in path.rglob("*") if is_nifti(p)) if path.is_dir() else [path] if is_nifti(path) else []
    out = [_of_nifti(name, masks, labels)] if masks else []
    if not masks or path.is_dir():
        out += _of_dicom(path, labels, name, alone=not masks)
    return out


def _of_dicom(path: Path, labels: Labels | None, name: str, *, alone: bool) -> list[Handed]:
    try:
        found = find(path)
        for error in found.broken:
            raise error
        files = found.of("SEG", "RTSTRUCT")
        read = [
            _of_seg(file, labels, name) if file.role == "SEG" else _of_structures(file, labels, name) for file in files
        ]
    except InputError as error:
        raise type(error)(f"segmentation {path.name!r}: {error.message}", KINDS) from error
    if not files and alone:
        raise InputError(
            f"segmentation {path.name!r} holds no DICOM SEG, RTSTRUCT or NIfTI file",
            KINDS,
        )
    return read


class _Namer:
    """Says which organ a label is, and remembers which lines of the clinic's list were met."""

    def __init__(self, labels: Labels | None) -> None:
        self.labels = labels
        self.listed: set[str] = set()

    def organ(self, names: Sequence[str], number: int | None = None) -> tuple[str, str]:
        """TG-263 name and what says so; both empty when nothing does."""
        keys = [*names] if number is None else [*names, str(number)]
        if self.labels is not None and (met := self.labels.of(*keys)) is not None:
            self.listed.add(met[0])
            return met[1], f"label {met[0]} of the clinic's list" if met[1] else ""
        for name in names:
            organ = ORGANS.get(name) or (found[0] if (found := organ_of(name)) else "")
            if organ:
                return organ, f"segmentation: {name!r}"
        return "", ""


def _handed(
    name: str, segments: Iterable[Segment], namer: _Namer, empty: Sequence[str], handed: Handed | None = None
) -> Handed:
    """What was read, masks of one organ joined."""
    found = []
    if empty:
        what = f"{len(empty)} empty: {', '.join(empty)}"
        found.append(finding(rules.EMPTY, what[:500], name))
    base = handed or Handed(name, (), ())
    return replace(
        base,
        segments=tuple(_joined(segments)),
        findings=(*base.findings, *found),
        listed=frozenset(namer.listed),
    )


def _joined(segments: Iterable[Segment]) -> Iterator[Segment]:
    """Segments of one organ made one; those of no organ stay as they are."""
    of: dict[str, list[Segment]] = {}
    for n, segment in enumerate(segments):
        of.setdefault(segment.organ or f"\0{n}", []).append(segment)
    for same in of.values():
        first = same[0]
        if len(same) == 1:
            yield first
        else:
            union = Union(first.organ, tuple(s.region for s in same))
            yield Segment(" + ".join(s.name for s in same), union, first.organ, ", ".join(s.how for s in same))


def masks_of(raster: Raster, names: Mapping[int, str], ends_mm: tuple[float, float] = NO_ENDS) -> list[Mask]:
    """The masks of a label map, one for each label that is there.

    Parameters
    ----------
    raster : Raster
        Whole numbers; 0 is nothing.
    names : mapping of int to str
        Names of labels; the others are called by their number.
    ends_mm : tuple of float
        Heights at which the image ends. [mm]
    """
    from scipy import ndimage

    base = (upright(raster) or raster).cropped()
    out: list[Mask] = []
    if base is None:
        return out
    for number, part in enumerate(ndimage.find_objects(base.values), start=1):
        if part is not None:
            box = base.box(part)
            out.append(
                mask_of(
                    replace(box, values=box.values == number), number, names.get(number, f"label {number}"), ends_mm
                )
            )
    return out


def mask_of(raster: Raster, number: int, name: str, ends: tuple[float, float] = NO_ENDS) -> Mask:
    """A mask of covered shares, or flags, along any axes."""
    straight = upright(raster) or straightened(raster)
    share = np.ascontiguousarray(straight.values)
    return Mask(number, name, share, straight.z_mm, straight.y_mm, straight.x_mm, ends)


def _of_nifti(name: str, paths: Sequence[Path], labels: Labels | None) -> Handed:
    """Masks by the names of their files; a file of several labels is a label map."""
    namer = _Namer(labels)
    segments: list[Segment] = []
    empty: list[str] = []
    noted: list[Finding] = []
    inputs = []
    with ThreadPoolExecutor(READERS) as pool:
        for path, digest, read in pool.map(_read_file, paths):
            inputs.append((ROLE, "", digest))
            if isinstance(read, InputError):
                noted.append(finding(rules.NOT_USABLE, f"{path.name}: {read.message}", name, read.hint))
                continue
            if read.doubt:
                noted.append(finding(rules.UNCHECKED, f"{path.name}: {read.doubt}", name, "keep one of the two"))
            if not read.masks:
                empty.append(stem(path))
            segments += _segments(read, path, namer, noted, several=len(paths) > 1)
    assumed = any(f.code == rules.ASSUMED.code for f in noted)
    return _handed(name, segments, namer, empty, Handed(name, (), tuple(inputs), tuple(noted), assumed=assumed))


@dataclass(frozen=True, slots=True, eq=False)
class _File:
    """Masks of a NIfTI file, by label."""

    masks: tuple[Mask, ...]
    names: Mapping[int, str] = field(default_factory=dict)
    doubt: str = ""


def _read_file(path: Path) -> tuple[Path, str, _File | InputError]:
    digest = ""
    try:
        raw = read_most(path, MOST_READ, "compress it: .nii.gz")
        digest = hashlib.sha256(raw).hexdigest()
        image: NiftiImage = read_nifti(raw)
        return path, digest, _File(tuple(masks_of(image.raster, image.names, image.ends_mm)), image.names, image.doubt)
    except OSError as error:
        return path, digest, InputError(f"cannot be read: {error.strerror}", "check the permissions")
    except InputError as error:
        return path, digest, error


def _segments(read: _File, path: Path, namer: _Namer, noted: list[Finding], *, several: bool) -> Iterator[Segment]:
    """The segments of a file: one mask of the file's name, or one for each label."""
    own = stem(path)
    if len(read.masks) == 1 and not read.names:
        organ, how = namer.organ([own])
        if organ or several or own in NUMBERED.values():
            yield Segment(own, replace(read.masks[0], name=own), organ, how)
            return
    names = read.names
    if not names and namer.labels is None and read.masks:
        names, version = numbered(read.masks)
        what = f"no names of labels: taken as TotalSegmentator's task total, version {version}"
        noted.append(finding(rules.ASSUMED, what, "labels", "if they are others, list them with --labels"))
    for mask in read.masks:
        name = names.get(mask.number, f"label {mask.number}")
        organ, how = namer.organ([name], mask.number)
        yield Segment(name, replace(mask, name=name), organ, how)


def numbered(masks: Sequence[Mask]) -> tuple[Mapping[int, str], int]:
    """Names of the labels of a map that says none, and the version of TotalSegmentator whose numbers they are.

    Version 2, unless volumes of the masks fit the organs that version 1 has by these numbers and not those of 2.
    """
    odd = [sum(_odd(mask, names) for mask in masks) for names in (NUMBERED, FIRST)]
    return (FIRST, 1) if odd[1] <= odd[0] - CLEARLY else (NUMBERED, 2)


def _odd(mask: Mask, names: Mapping[int, str]) -> bool:
    """Whether a mask is no label of the names, or outside the adult range of its organ; the image may cut it off."""
    if mask.number not in names:
        return True
    organ, _ = _Namer(None).organ([names[mask.number]])
    limits = load()[organ].volume_range_cm3 if organ else None
    if limits is None:
        return False
    cut = mask.z_mm[0] <= mask.image_z_mm[0] or mask.z_mm[-1] >= mask.image_z_mm[1]
    return mask.volume_cm3 > limits[1] or (mask.volume_cm3 < limits[0] and not cut)


def _of_seg(file: DicomFile, labels: Labels | None, called: str) -> Handed:
    image: SegmentationImage = read_segmentation(file)
    namer = _Namer(labels)
    name = f"{called} (SEG)"
    shown = {number: names[0] if names else f"segment {number}" for number, names in image.names.items()}
    masks = [] if image.labels is None else masks_of(image.labels, shown)
    masks += [mask_of(raster, number, shown[number]) for number, raster in image.shares.items()]
    segments = []
    for mask in masks:
        organ, how = namer.organ(image.names.get(mask.number) or (mask.name,), mask.number)
        segments.append(Segment(mask.name, replace(mask, image_z_mm=NO_ENDS), organ, how))
    held = {mask.number for mask in masks}
    empty = [shown[number] for number in image.names if number not in held]
    noted = [finding(rules.PROBABILITY, "values are probabilities", name)] if image.probability else []
    return _handed(name, segments, namer, empty, _base(name, file, frozenset({image.frame_of_reference} - {""}), noted))


def _of_structures(file: DicomFile, labels: Labels | None, called: str) -> Handed:
    read = read_structures(file)
    namer = _Namer(labels)
    name = f"{called} (RTSTRUCT)"
    drawn = [s for s in with_slices(read.structures, None) if s.contours_mm]
    segments = [Segment(s.name, s, *namer.organ([s.name])) for s in drawn]
    empty = [s.name for s in read.structures if not s.contours_mm]
    noted = [replace(f, where=f"{name}: {f.where}") for f in read.findings]
    return _handed(name, segments, namer, empty, _base(name, file, read.frames, noted))


def _base(name: str, file: DicomFile, frames: frozenset[str], noted: Sequence[Finding]) -> Handed:
    inputs = ((ROLE, file.sop_uid, file.sha256()),)
    return Handed(name, (), inputs, tuple(noted), frozenset(), frames, read_identity(file), file.sop_uid)
