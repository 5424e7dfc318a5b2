"""Stored dose values that are not the dose: lengths, words run over, signs mixed up, tags that stand twice."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.dicom import read_export
from lymphorisk.dicom.pixels import wraps
from lymphorisk.errors import DicomReadError, UnsupportedDoseError

HILL = np.outer(np.hanning(31), np.hanning(31))[None] * np.hanning(15)[:, None, None]


def stored(values, bits=16, **more):
    """An edit: these values as the pixels, their top at 45 Gy."""

    def change(ds):
        frames, rows, columns = values.shape
        ds.NumberOfFrames, ds.Rows, ds.Columns = frames, rows, columns
        ds.GridFrameOffsetVector = [3.0 * n for n in range(frames)]
        ds.BitsAllocated = ds.BitsStored = bits
        ds.HighBit = bits - 1
        ds.DoseGridScaling = f"{45.0 / values.max():.8g}"
        ds.PixelData = values.astype(f"<u{bits // 8}").tobytes()
        for name, value in more.items():
            setattr(ds, name, value)

    return change


@pytest.mark.parametrize("bits", [8, 16, 32])
@pytest.mark.parametrize("over", [1.03, 1.2, 1.9])
def test_values_that_ran_over_their_word_are_refused(export_of, bits, over):
    values = np.round(HILL * over * ((1 << bits) - 1)).astype(np.int64) % (1 << bits)
    if bits == 8 and over < 1.1:
        pytest.skip("eight bits are too coarse for so small a pocket")
    with pytest.raises(UnsupportedDoseError, match="ran over"):
        read_export(export_of(RD=stored(values, bits)))


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_a_full_word_is_no_fault(export_of, bits):
    read_export(export_of(RD=stored(np.round(HILL * ((1 << bits) - 1)).astype(np.int64), bits)))


def test_values_that_ran_over_before_they_were_stored_in_more_bits():
    values = np.round(HILL * 80000).astype(np.int64) % 65536
    assert wraps(values.astype(np.uint32))


def test_a_hot_block_in_air_is_no_fault():
    block = np.zeros((9, 9, 9), dtype=np.uint16)
    block[3:6, 3:6, 3:6] = 65535
    block[:, :, 8] = 65535
    assert not wraps(block)


def test_noise_below_zero_read_as_unsigned_is_refused(export_of):
    values = np.round(HILL * 30000).astype(np.int64)
    values[3, 2::4, 2] = -1
    with pytest.raises(UnsupportedDoseError, match="ran over"):
        read_export(export_of(RD=stored(values % 65536, DoseGridScaling="0.001")))


def test_unsigned_values_read_as_signed_are_refused(export_of):
    with pytest.raises(UnsupportedDoseError, match="no noise"):
        read_export(export_of(RD=stored(np.round(HILL * 65535).astype(np.int64), PixelRepresentation=1)))


def test_values_beyond_the_bits_stored_are_refused(export_of):
    with pytest.raises(DicomReadError, match="beyond the 12 bits"):
        read_export(export_of(RD=stored(np.round(HILL * 60000).astype(np.int64), BitsStored=12, HighBit=11)))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("a row less", lambda ds: setattr(ds, "Rows", ds.Rows - 1)),
        ("a column less", lambda ds: setattr(ds, "Columns", ds.Columns - 1)),
        ("a row more", lambda ds: setattr(ds, "Rows", ds.Rows + 1)),
        ("half the bits", lambda ds: setattr(ds, "BitsAllocated", ds.BitsAllocated // 2)),
        ("four bytes more", lambda ds: setattr(ds, "PixelData", ds.PixelData + bytes(4))),
        (
            "a frame less",
            lambda ds: [
                setattr(ds, "NumberOfFrames", ds.NumberOfFrames - 1),
                setattr(ds, "GridFrameOffsetVector", list(ds.GridFrameOffsetVector)[:-1]),
            ],
        ),
    ],
)
def test_pixels_have_exactly_the_stated_length(export_of, name, change):
    with pytest.raises(DicomReadError, match="belong"):
        read_export(export_of(RD=change))


def test_one_byte_of_padding_is_no_fault(export_of):
    values = np.round(HILL * 255).astype(np.int64)

    def odd(ds):
        stored(values, 8)(ds)
        ds.PixelData += b"\0" * (len(ds.PixelData) % 2)

    assert read_export(export_of(RD=odd)).plan.phases[0].dose.dose_zyx.size % 2


@pytest.mark.parametrize("factor", [100.0, 12.0])
def test_a_dose_in_cgy_is_no_dose_in_gy(export_of, factor):
    def change(ds):
        ds.DoseGridScaling = f"{float(ds.DoseGridScaling) * factor:.8g}"

    with pytest.raises(UnsupportedDoseError, match="impossible"):
        read_export(export_of(RD=change))


@pytest.mark.parametrize("stem", ["RP", "RS", "RD"])
@pytest.mark.parametrize("again", [b"\x20\x00\x52\x00UI\x04\x001.2\0", b"\x20\x00\x52\x00UI\x00\x00"])
def test_a_tag_that_stands_twice_is_refused(export_of, stem, again):
    path = export_of() / f"{stem}.dcm"
    whole = path.read_bytes()
    at = whole.index(b"\x20\x00\x52\x00UI") if b"\x20\x00\x52\x00UI" in whole else None
    if at is None:  # a plan states its study instead
        at, again = whole.index(b"\x20\x00\x0d\x00UI"), b"\x20\x00\x0d\x00" + again[4:]
    path.write_bytes(whole[:at] + again + whole[at:])
    with pytest.raises(DicomReadError, match="stands twice"):
        read_export(path.parent)
