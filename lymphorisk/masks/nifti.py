"""NIfTI masks and label maps -> voxels in patient coordinates.

The world of NIfTI is RAS (x grows to the patient's right, y to the front), that of DICOM LPS (x to the left, y to the
back): x and y change their sign, whatever way the array runs.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import InputError, UnsupportedGeometryError
from lymphorisk.plan.frame import ORTHONORMAL_TOLERANCE
from lymphorisk.plan.raster import Raster

ENDINGS = (".nii", ".nii.gz")
#: First bytes of compressed files, and of NIfTI-2 by the size of its header in either byte order.
GZIP, NIFTI_2 = b"\x1f\x8b", (b"\x1c\x02\x00\x00", b"\x00\x00\x02\x1c")
#: A file may unfold to this. [bytes]
MOST_BYTES = 4 << 30
#: How many times its length a compressed file can unfold to at most.
MOST_RATIO = 1032
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
        Labels; 0 is nothing.
    names : mapping of int to str
        Names of labels, where the file holds them.
    doubt : str
        What the file says in two ways; empty when it does not.
    """

    raster: Raster
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
        unpacked = _unpacked(raw)
        kind = nib.Nifti2Image if unpacked[:4] in NIFTI_2 else nib.Nifti1Image
        with nib.imageglobals.LoggingOutputSuppressor():
            image = kind.from_bytes(unpacked)
        values = _values(image.dataobj, unpacked)
    except (nib.filebasedimages.ImageFileError, nib.wrapstruct.WrapStructError) as error:
        raise InputError("it is not a NIfTI file, or a broken one", "give .nii or .nii.gz") from error
    except (OSError, EOFError, ValueError, zlib.error, OverflowError, nib.spatialimages.HeaderDataError) as error:
        raise InputError("it cannot be read: truncated, or a broken file", "write it again") from error
    affine, doubt = _affine(image)
    return NiftiImage(_raster(_labels(values), affine), _names(image), doubt)


def _unpacked(raw: bytes) -> bytes:
    """The file as it is without compression; its last four bytes say how long that is."""
    if raw[:2] != GZIP:
        return raw
    if len(raw) * MOST_RATIO <= MOST_BYTES:
        return zlib.decompress(raw, zlib.MAX_WBITS | 16, int.from_bytes(raw[-4:], "little") + 1)
    stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
    out = stream.decompress(raw, MOST_BYTES)
    if stream.unconsumed_tail:
        raise InputError("it unfolds to far more than labels need", "write it as whole numbers of 8 or 16 bits")
    if not stream.eof:
        raise EOFError
    return out


def _values(proxy: Any, unpacked: bytes) -> NDArray[Any]:
    """The voxels: where they lie in the file's bytes, or scaled as its header says."""
    if proxy.slope == 1 and proxy.inter == 0:
        count = int(np.prod(proxy.shape, dtype=np.int64))
        return np.frombuffer(unpacked, proxy.dtype, count, proxy.offset).reshape(proxy.shape, order="F")
    return np.asanyarray(proxy)


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
    unit = UNITS_MM.get(header.get_xyzt_units()[0], 1.0)
    affine = np.array(image.affine, np.float64)
    affine[:3] *= unit
    if not np.all(np.isfinite(affine)):
        raise InputError("its affine holds values that are not numbers", "write it again")
    doubt = ""
    if given and aligned:
        other = np.array(header.get_qform(), np.float64)
        other[:3] *= unit
        ends = np.array([*np.ndindex(2, 2, 2)]) * (np.array(image.shape[:3]) - 1)
        apart = np.abs(ends @ (affine - other)[:3, :3].T + (affine - other)[:3, 3]).max()
        if not apart <= DIFFER_MM:
            doubt = f"sform and qform differ by {apart:.0f} mm; sform is used"
    return affine, doubt


def _labels(values: NDArray[Any]) -> NDArray[Any]:
    """Values as whole numbers, shape (nx, ny, nz)."""
    while values.ndim > 3 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.ndim != 3:
        raise InputError(f"it has {values.ndim} dimensions, not three", "give one volume of labels")
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
