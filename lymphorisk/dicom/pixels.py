"""Stored pixel values: native bytes as they lie, compressed ones through pydicom."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dicom import tags
from lymphorisk.dicom.reader import NATIVE, DicomFile
from lymphorisk.errors import DicomReadError

#: Word sizes dose is stored in: values that would not fit one begin again at zero. [bits]
WORDS = (8, 16, 32)
#: A word is full when its highest eighth is used; neighbours in its highest and lowest eighth are a jump of the word.
EIGHTH = 8
#: Share of the hottest voxels' neighbours that jump: in wrapped doses 0.3 % and more, at the sharpest end of a proton
#: field on 5 mm 0.06 %.
JUMPS = 0.002
#: Fewer jumps than this are no surface: single voxels are found by the pits they make.
FEW_JUMPS = 32
#: Voxels across a pocket that is searched for from both sides; larger ones have enough jumps.
POCKET = 4
#: Single hottest voxels in the cold: one may be drawn on purpose, a few are a number format.
SPIKES = 3

#: Compression that gives every value back: RLE, JPEG lossless, JPEG-LS, JPEG 2000, and that with high throughput.
LOSSLESS = (
    "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202",
)  # fmt: skip


def decodable() -> tuple[str, ...]:
    """The transfer syntaxes of lossless compression that the codecs installed here decode."""
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    return tuple(uid for uid in LOSSLESS if get_decoder(UID(uid)).is_available)


def syntax_name(uid: str) -> str:
    """What a transfer syntax is called.

    Examples
    --------
    >>> syntax_name("1.2.840.10008.1.2.5"), syntax_name("1.2.3")
    ('RLE Lossless', 'an unknown transfer syntax')
    """
    from pydicom.uid import UID

    name = str(UID(uid).name)
    return "an unknown transfer syntax" if name == uid else name


def wraps(values: NDArray[np.generic]) -> bool:
    """Whether stored values look as if they had run over the end of their word and begun again at zero.

    Dose is smooth where it is highest. A wrapped dose falls there by the whole word: single voxels become pits
    between the hottest, larger regions have an edge of jumps all around; noise below zero becomes spikes in the
    cold. Steps to an exact zero (air) are none.

    Parameters
    ----------
    values : ndarray of integer, shape (frames, rows, columns)
        As stored.

    Examples
    --------
    >>> hot = np.outer(np.hanning(81), np.hanning(81))[None] * 70000
    >>> wraps((hot % 65536).astype(np.uint16)), wraps((hot * 0.9).astype(np.uint16))
    (True, False)
    """
    if values.dtype.kind not in "ui":
        return False
    top = int(values.max())
    word = next((1 << bits for bits in WORDS if top < 1 << bits), 0)
    if not word or top < word - word // EIGHTH:
        return False
    flat, least = values.reshape(-1), word // EIGHTH
    hottest = np.argwhere(np.greater_equal(values, word - least))
    steps = [int(np.prod(values.shape[axis + 1 :])) for axis in range(values.ndim)]
    at = hottest @ np.array(steps, dtype=np.intp)
    pits: list[NDArray[np.intp]] = []
    alone = np.zeros(len(at), dtype=np.int64)
    jumps = pairs = 0
    for axis, (size, step) in enumerate(zip(values.shape, steps, strict=True)):
        inner = [hottest[:, axis] > 0, hottest[:, axis] < size - 1]
        sides = [at[inner[0]] - step, at[inner[1]] + step]
        alone += _both(flat, at, step, inner[0] & inner[1], least)
        cold = [side[np.less_equal(flat[side], least)] for side in sides]
        pits.append(np.intersect1d(_reach(flat, cold[0], -step, least), _reach(flat, cold[1], step, least)))
        jumps += sum(int(np.count_nonzero(flat[side])) for side in cold)
        pairs += sum(len(side) for side in sides)
    between = np.concatenate(pits)
    # Along two axes or more: pits are values beyond the top, spikes are values below zero read as unsigned ones.
    if len(np.unique(between)) < len(between) or np.count_nonzero(alone >= 2) >= SPIKES:
        return True
    return jumps > FEW_JUMPS and jumps > JUMPS * pairs


def _reach(flat: NDArray[np.generic], cold: NDArray[np.intp], step: int, least: int) -> NDArray[np.intp]:
    """The cold voxels beside the hottest, and those behind them that are cold and not air."""
    out = [cold]
    for _ in range(POCKET - 1):
        ahead = out[-1] + step
        ahead = ahead[(ahead >= 0) & (ahead < len(flat))]
        out.append(ahead[np.less_equal(flat[ahead], least) & np.greater(flat[ahead], 0)])
    return np.unique(np.concatenate(out))


def _both(
    flat: NDArray[np.generic], at: NDArray[np.intp], step: int, inner: NDArray[np.bool_], least: int
) -> NDArray[np.int64]:
    """1 where a voxel has a cold one on either side along an axis."""
    out = np.zeros(len(at), dtype=np.int64)
    here = at[inner]
    out[inner] = np.less_equal(flat[here - step], least) & np.less_equal(flat[here + step], least)
    return out


def stored_values(file: DicomFile, frames: int, rows: int, columns: int) -> NDArray[np.generic]:
    """Pixel values as stored, shape (frames, rows, columns), without any scaling.

    Raises
    ------
    DicomReadError
        The pixel data are missing, not as long as rows, columns, frames and bits say, or compressed in a way that
        needs a codec.
    """
    root = file.root
    if root.short(tags.SAMPLES_PER_PIXEL) not in (None, 1):
        raise root.error("the pixel data have more than one sample a pixel")
    span = root.span(tags.PIXEL_DATA)
    if span is None or span[0] == span[1]:
        raise root.error("there are no pixel data")
    if file.syntax not in NATIVE:
        return decompressed(file, frames, rows, columns)
    bits = root.short(tags.BITS_ALLOCATED)
    if bits not in (8, 16, 32, 64):
        raise root.error(f"{bits} bits a pixel are not supported")
    signed = root.short(tags.PIXEL_REPRESENTATION) == 1
    kind = np.dtype(f"{'<' if root.little else '>'}{'i' if signed else 'u'}{bits // 8}")
    count = frames * rows * columns
    held, stated = span[1] - span[0], count * kind.itemsize
    if held != stated + stated % 2 and held != stated:  # an odd length is padded by one byte
        why = "truncated" if held < stated else "rows, columns, frames or bits are not those of the pixels"
        raise root.error(f"the pixel data hold {held} bytes where {stated} belong: {why}")
    data, start = root.place(tags.PIXEL_DATA)
    return np.frombuffer(data, dtype=kind, count=count, offset=start).reshape(frames, rows, columns)


def decompressed(file: DicomFile, frames: int, rows: int, columns: int) -> NDArray[np.generic]:
    """Compressed pixel values as stored, shape (frames, rows, columns).

    Raises
    ------
    DicomReadError
        They cannot be decoded, or are of another size.
    """
    import io
    import warnings

    import pydicom

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(io.BytesIO(file.whole[:]), force=True)
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
