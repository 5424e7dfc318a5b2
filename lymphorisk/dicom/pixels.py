"""Stored pixel values: native bytes as they lie, compressed ones through pydicom."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dicom import tags
from lymphorisk.dicom.reader import NATIVE, DicomFile
from lymphorisk.errors import DicomReadError


def stored_values(file: DicomFile, frames: int, rows: int, columns: int) -> NDArray[np.generic]:
    """Pixel values as stored, shape (frames, rows, columns), without any scaling.

    Raises
    ------
    DicomReadError
        The pixel data are missing, too short, or compressed in a way that needs a codec.
    """
    root = file.root
    if root.short(tags.SAMPLES_PER_PIXEL) not in (None, 1):
        raise root.error("the pixel data have more than one sample a pixel")
    span = root.span(tags.PIXEL_DATA)
    if span is None or span[0] == span[1]:
        raise root.error("there are no pixel data")
    if file.syntax not in NATIVE:
        return _decompressed(file, frames, rows, columns)
    bits = root.short(tags.BITS_ALLOCATED)
    if bits not in (8, 16, 32, 64):
        raise root.error(f"{bits} bits a pixel are not supported")
    signed = root.short(tags.PIXEL_REPRESENTATION) == 1
    kind = np.dtype(f"{'<' if root.little else '>'}{'i' if signed else 'u'}{bits // 8}")
    count = frames * rows * columns
    if span[1] - span[0] < count * kind.itemsize:
        raise root.error(
            f"the pixel data hold {span[1] - span[0]} bytes where {count * kind.itemsize} belong: truncated"
        )
    return np.frombuffer(root.data, dtype=kind, count=count, offset=span[0]).reshape(frames, rows, columns)


def _decompressed(file: DicomFile, frames: int, rows: int, columns: int) -> NDArray[np.generic]:
    import io
    import warnings

    import pydicom

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(io.BytesIO(bytes(file.whole)), force=True)
            array: NDArray[np.generic] = dataset.pixel_array
    except Exception as error:  # pydicom and its plug-ins raise nearly everything on broken pixel data
        missing = "plugin" in str(error).lower() or "dependenc" in str(error).lower()
        raise DicomReadError(
            f"{file.role}: the compressed pixel data could not be decoded",
            "install the codecs: pip install 'lymphorisk[compressed]'" if missing else "export it uncompressed",
        ) from error
    if array.size != frames * rows * columns:
        raise DicomReadError(f"{file.role}: the compressed pixel data have the wrong size", "export it uncompressed")
    return array.reshape(frames, rows, columns)
