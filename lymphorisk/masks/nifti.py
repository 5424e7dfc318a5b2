"""NIfTI masks and label maps -> voxels in patient coordinates.

The world of NIfTI is RAS (x grows to the patient's right, y to the front), that of DICOM LPS (x to the left, y to the
back): x and y change their sign, whatever way the array runs.
"""

from __future__ import annotations

import gzip
import io
import logging
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import InputError, UnsupportedGeometryError
from lymphorisk.plan.frame import ORTHONORMAL_TOLERANCE
from lymphorisk.plan.raster import Raster, heights

Held = Sequence[tuple[int, int]]
Bytes = NDArray[np.uint8]

ENDINGS = (".nii", ".nii.gz")
#: First bytes of compressed files, and of NIfTI-2 by the size of its header in either byte order.
GZIP, NIFTI_2 = b"\x1f\x8b", (b"\x1c\x02\x00\x00", b"\x00\x00\x02\x1c")
#: A file may unfold to this. [bytes]
MOST_BYTES = 4 << 30
#: And of that so much may be something else than nothing. [bytes]
MOST_HELD = 3 << 28
#: A file is unfolded in pieces that stay in the processor's own memory: of a mask most hold nothing. [bytes]
PIECE = 1 << 17
NOTHING = bytes(PIECE)
#: From RAS to LPS.
TO_LPS = np.diag([-1.0, -1.0, 1.0])
#: Lengths of a unit. [mm]
UNITS_MM = {"unknown": 1.0, "mm": 1.0, "meter": 1e3, "micron": 1e-3}
#: Codes of a transform that leads to a template, not to this patient: Talairach, MNI, another template.
TEMPLATES = (3, 4, 5)
#: Two transforms of a file that differ by more than this at a corner say different things. [mm]
DIFFER_MM = 1.0
#: The largest label: numbers beyond are codes of another kind.
MOST_LABELS = 65535
#: An XML of label names longer than this is none. [bytes]
MOST_XML = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class NiftiImage:
    """A NIfTI file of labels.

    Attributes
    ----------
    raster : Raster
        Labels, of the planes around all that hold any; 0 is nothing.
    ends_mm : tuple of float
        Lowest and highest height of the whole image; infinite when it lies aslant. [mm]
    names : mapping of int to str
        Names of labels, where the file holds them.
    doubt : str
        What the file says in two ways; empty when it does not.
    """

    raster: Raster
    ends_mm: tuple[float, float]
    names: Mapping[int, str]
    doubt: str = ""


def is_nifti(path: Path) -> bool:
    """Whether a file's ending is that of NIfTI; hidden files are notes of a file system."""
    return path.name.lower().endswith(ENDINGS) and not path.name.startswith(".")


def stem(path: Path) -> str:
    """A file's name without the ending of NIfTI."""
    name = path.name
    return next(name[: -len(e)] for e in sorted(ENDINGS, key=len, reverse=True) if name.lower().endswith(e))


def read_nifti(raw: bytes) -> NiftiImage:
    """Labels of a NIfTI file, by its bytes.

    Raises
    ------
    InputError
        nibabel is not installed; the file is broken, has no place, more than three dimensions, or values that are no
        labels.
    UnsupportedGeometryError
        Its axes are sheared.
    """
    nib = _nibabel()
    try:
        unpacked, held = _unpacked(raw)
        kind = nib.Nifti2Image if unpacked[:4].tobytes() in NIFTI_2 else nib.Nifti1Image
        size = kind.header_class.template_dtype.itemsize
        with _quiet(nib.imageglobals.logger):
            offset = int(kind.header_class(unpacked[:size].tobytes())["vox_offset"])
            image = kind.from_bytes(unpacked[: max(offset, size)].tobytes())
        shape = _three(image.shape)
        planes, values = _values(image.dataobj, shape, unpacked, held)
    except (nib.filebasedimages.ImageFileError, nib.wrapstruct.WrapStructError) as error:
        raise InputError("it is not a NIfTI file, or a broken one", "give .nii or .nii.gz") from error
    except (OSError, EOFError, ValueError, zlib.error, OverflowError, nib.spatialimages.HeaderDataError) as error:
        raise InputError("it cannot be read: truncated, or a broken file", "write it again") from error
    affine, doubt = _affine(image)
    whole = _raster(np.broadcast_to(np.uint8(0), shape), affine)
    box = whole.box((planes, slice(0, shape[1]), slice(0, shape[0])))
    part = replace(box, values=_labels(values).transpose(2, 1, 0))
    return NiftiImage(part, heights(whole), _names(image), doubt)


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """What a library logs is not said meanwhile; readers side by side each hold their own tongue."""

    def nothing(record: logging.LogRecord) -> bool:
        return False

    logger.addFilter(nothing)
    try:
        yield
    finally:
        logger.removeFilter(nothing)


def _unpacked(raw: bytes) -> tuple[Bytes, Held]:
    """The file as it is without compression, and from where to where it holds anything."""
    held, at = [], 0
    with gzip.GzipFile(fileobj=io.BytesIO(raw)) if raw[:2] == GZIP else io.BytesIO(raw) as file:
        while piece := file.read(PIECE):
            if piece != NOTHING[: len(piece)]:
                held.append((at, piece))
            at += len(piece)
            if at > MOST_BYTES or len(held) * PIECE > MOST_HELD:
                raise InputError("it unfolds to far more than labels need", "write it as whole numbers of 8 or 16 bits")
    out = np.zeros(at, np.uint8)  # what is never touched takes no memory
    for start, piece in held:
        out[start : start + len(piece)] = np.frombuffer(piece, np.uint8)
    return out, [(start, start + len(piece)) for start, piece in held]


def _three(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The lengths of a volume's three axes."""
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3:
        raise InputError(f"it has {len(shape)} dimensions, not three", "give one volume of labels")
    if min(shape) < 1:
        raise InputError(f"it has {' x '.join(map(str, shape))} voxels", "write it again")
    return shape


def _values(proxy: Any, shape: tuple[int, ...], unpacked: Bytes, held: Held) -> tuple[slice, NDArray[Any]]:
    """The planes from the first to the last that holds anything, as they are or scaled as the header says."""
    from nibabel.volumeutils import apply_read_scaling

    plane, offset = shape[0] * shape[1] * proxy.dtype.itemsize, proxy.offset
    end = offset + plane * shape[2]
    if not plane or end > len(unpacked):
        raise EOFError
    data = [(max(a, offset) - offset, min(b, end) - offset) for a, b in held if offset < b and a < end]
    data = [(a, b) for a, b in data if unpacked[offset + a : offset + b].any()]
    planes = slice(data[0][0] // plane, -(-data[-1][1] // plane)) if data else slice(0, 1)
    if proxy.inter:  # nothing in the file is something in the image
        planes = slice(0, shape[2])
    count = planes.stop - planes.start
    stored = np.frombuffer(unpacked, proxy.dtype, count * shape[0] * shape[1], offset + planes.start * plane)
    return planes, apply_read_scaling(stored.reshape((*shape[:2], count), order="F"), proxy.slope, proxy.inter)


def _nibabel() -> Any:
    try:
        import nibabel
    except ImportError as error:
        raise InputError("reading NIfTI needs the package nibabel", "pip install 'lymphorisk[masks]'") from error
    return nibabel


def _affine(image: Any) -> tuple[NDArray[np.float64], str]:
    """From voxel numbers to RAS, in mm, and what is said in two ways."""
    header = image.header
    given, aligned = int(header["qform_code"]), int(header["sform_code"])
    if not given and not aligned:
        raise InputError("it does not say where it lies: qform and sform code are 0", "keep the header of the image")
    if (aligned or given) in TEMPLATES:
        raise InputError("it lies in the space of a template, not of the patient", "write it in the image's own space")
    try:
        unit = UNITS_MM.get(header.get_xyzt_units()[0], 1.0)
    except KeyError as error:
        raise InputError(f"its unit of length, code {int(header['xyzt_units'])}, is none", "write it again") from error
    affine = np.array(image.affine, np.float64)
    affine[:3] *= unit
    if not np.all(np.isfinite(affine)):
        raise InputError("its affine holds values that are not numbers", "write it again")
    doubt = ""
    if given and aligned:
        try:
            with np.errstate(invalid="ignore"):
                other = np.array(header.get_qform(), np.float64)
        except ValueError:
            other = np.full((4, 4), np.nan)
        if not np.all(np.isfinite(other)):
            return affine, "qform is broken; sform is used"
        other[:3] *= unit
        ends = np.array([*np.ndindex(2, 2, 2)]) * (np.array(image.shape[:3]) - 1)
        apart = np.abs(ends @ (affine - other)[:3, :3].T + (affine - other)[:3, 3]).max()
        if not apart <= DIFFER_MM:
            doubt = f"sform and qform differ by {apart:.0f} mm; sform is used"
    return affine, doubt


def _labels(values: NDArray[Any]) -> NDArray[Any]:
    """Values as whole numbers, shape (nx, ny, nz)."""
    if values.dtype.kind not in "biuf":
        raise InputError(f"its values are of kind {values.dtype}, not labels", "give whole numbers")
    if values.dtype.kind == "f":
        if not np.all(np.isfinite(values)):
            raise InputError("it holds values that are not numbers (NaN or infinite)", "give whole numbers")
        if np.any(values != np.rint(values)):
            raise InputError("it holds labels that are not whole numbers", "resample label maps by nearest neighbour")
    low = int(values.min()) if values.size and values.dtype.kind in "if" else 0
    high = int(values.max()) if values.size else 0
    if low < 0 or high > MOST_LABELS:
        raise InputError(f"it holds values from {low} to {high}: an image, not labels", "give labels from 0 up")
    return values.astype(np.uint8 if high < 1 << 8 else np.uint16, copy=False)


def _raster(values: NDArray[Any], affine: NDArray[np.float64]) -> Raster:
    columns = TO_LPS @ affine[:3, :3]
    spacing = np.linalg.norm(columns, axis=0)
    if np.any(spacing <= 0):
        raise UnsupportedGeometryError("its voxels have no size along an axis", "write it again")
    directions = (columns / spacing).T
    if np.abs(directions @ directions.T - np.eye(3)).max() > ORTHONORMAL_TOLERANCE:
        raise UnsupportedGeometryError(
            "its axes are sheared: not at right angles to each other", "resample it onto the planning CT"
        )
    x, y, z = ((np.arange(n + 1) - 0.5) * s for n, s in zip(values.shape, spacing, strict=True))
    return Raster(values.transpose(2, 1, 0), TO_LPS @ affine[:3, 3], directions, z, y, x)


def _names(image: Any) -> dict[int, str]:
    """Label names from the table that TotalSegmentator and Connectome Workbench keep in the header."""
    for extension in image.header.extensions:
        content = extension.get_content()
        text = content if isinstance(content, bytes) else str(content).encode()
        start = text.find(b"<CaretExtension")
        if start < 0 or len(text) > MOST_XML or b"<!DOCTYPE" in text or b"<!ENTITY" in text:
            continue
        try:
            table = ElementTree.fromstring(text[start:].rstrip(b"\0 \r\n"))
            return {int(label.get("Key", "")): (label.text or "").strip() for label in table.iter("Label")}
        except (ElementTree.ParseError, ValueError):
            continue
    return {}
