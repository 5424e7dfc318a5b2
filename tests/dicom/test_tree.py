"""Our walk of a data set against pydicom's: the same values out of any encoding."""

from __future__ import annotations

import io

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from lymphorisk.dicom.charset import decode
from lymphorisk.dicom.tree import Item
from lymphorisk.errors import DicomReadError

NUMBER, VECTOR, TEXT, ROWS, SEQUENCE, FLOATS = 0x00200013, 0x00200032, 0x00081030, 0x00280010, 0x300A00B0, 0x300A0394
finite = st.floats(-1e6, 1e6, allow_nan=False).map(lambda v: round(v, 6) + 0.0)


@st.composite
def datasets(draw, depth=2):
    ds = Dataset()
    ds.StudyDescription = draw(
        st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="\\"), max_size=20)
    ).strip()
    ds.InstanceNumber = draw(st.integers(-(2**31), 2**31 - 1))
    ds.ImagePositionPatient = [f"{v:.10g}" for v in draw(st.lists(finite, min_size=0, max_size=40))]
    ds.Rows = draw(st.integers(0, 65535))
    ds.ScanSpotPositionMap = draw(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=5))
    if depth:
        ds.BeamSequence = draw(st.lists(datasets(depth=depth - 1), max_size=3))
        ds["BeamSequence"].is_undefined_length = draw(st.booleans())
        for item in ds.BeamSequence:
            item.is_undefined_length_sequence_item = draw(st.booleans())
    return ds


def same(item: Item, ds: Dataset) -> None:
    assert item.text(TEXT)[0] == ds.StudyDescription
    assert item.integer(NUMBER) == ds.InstanceNumber
    want = ds.ImagePositionPatient
    want = [] if want is None else np.atleast_1d(np.array(want, dtype=float))
    np.testing.assert_array_equal(item.floats(VECTOR), want)
    assert item.short(ROWS) == ds.Rows
    np.testing.assert_array_equal(item.binary(FLOATS, "f4"), np.atleast_1d(ds.ScanSpotPositionMap))
    below = ds.get("BeamSequence", [])
    assert len(item.items(SEQUENCE)) == len(below)
    for one, other in zip(item.items(SEQUENCE), below, strict=True):
        same(one, other)


@settings(max_examples=60, deadline=None)
@given(datasets(), st.booleans(), st.booleans())
def test_any_data_set_in_any_encoding(ds, implicit, little):
    if implicit:
        little = True
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, ds, implicit_vr=implicit, little_endian=little, force_encoding=True)
    data = stream.getvalue()
    same(Item(data, 0, len(data), explicit=not implicit, little=little), ds)


def implicit(*elements: tuple[int, bytes]) -> Item:
    data = b"".join(
        (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little") + len(v).to_bytes(4, "little") + v
        for tag, v in elements
    )
    return Item(data, 0, len(data), explicit=False, little=True, role="RTPLAN")


@pytest.mark.parametrize("raw", [b"1\\2\\x", b"1\\\\2", b"1,5", b"one", b"1\\2 3"])
@pytest.mark.parametrize("repeats", [1, 40])
def test_what_is_no_number_is_refused_short_or_long(raw, repeats):
    with pytest.raises(DicomReadError, match=r"RTPLAN.*not a number"):
        implicit((VECTOR, b"\\".join([b"7"] * (repeats - 1) + [raw]))).floats(VECTOR)


@pytest.mark.parametrize("count", [1, 3, 15, 16, 17, 300])
def test_few_and_many_numbers_are_the_same_numbers(count):
    values = np.linspace(-3.3, 1e5, count)
    text = "\\".join(f" {v:.9g} " for v in values).encode()
    np.testing.assert_allclose(implicit((VECTOR, text)).floats(VECTOR), values, rtol=1e-8)


def test_absent_and_empty_are_none():
    item = implicit((NUMBER, b""), (VECTOR, b"  "))
    assert item.number(NUMBER) is None
    assert item.integer(0x00280008) is None
    assert len(item.floats(VECTOR)) == 0
    assert item.items(SEQUENCE) == ()


def test_a_fraction_is_no_whole_number():
    with pytest.raises(DicomReadError, match="whole number"):
        implicit((NUMBER, b"1.5")).integer(NUMBER)


def test_sequences_without_end_stop():
    """Sequences nested a thousand deep end in an error, not in the stack."""
    head = b"\x0a\x30\xb0\x00\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    data = head * 1000
    with pytest.raises(DicomReadError, match="nested too deeply"):
        Item(data, 0, len(data), explicit=False, little=True).code(NUMBER)


@pytest.mark.parametrize(
    ("charset", "codec"), [("ISO_IR 101", "iso8859_2"), ("ISO_IR 126", "iso8859_7"), ("ISO_IR 166", "tis_620")]
)
def test_single_byte_character_sets(charset, codec):
    raw = bytes(range(0xC1, 0xD0))
    assert decode(raw, (charset,)) == (raw.decode(codec), True)


ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD


def element(tag: int, length: int, value: bytes = b"") -> bytes:
    return b"".join(part.to_bytes(n, "little") for part, n in ((tag >> 16, 2), (tag & 0xFFFF, 2), (length, 4))) + value


OPEN = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (element(ITEM_END, 0), "unexpected .FFFE,E00D. inside a data set"),
        (element(SEQUENCE, OPEN, element(ITEM, OPEN, element(NUMBER, 2, b"1 "))), "ends inside a sequence item"),
        (element(SEQUENCE, 14, element(ITEM, 40, b"123456")), "ends inside a sequence item"),
        (element(SEQUENCE, OPEN, element(ITEM, 10, element(NUMBER, 2, b"1 "))), "ends inside a sequence"),
        (element(SEQUENCE, 8, element(NUMBER, 0)), "where a sequence item was expected"),
        (element(FLOATS, 6, b"123456"), "has a broken length"),
    ],
    ids=["stray end", "open item", "long item", "open sequence", "no item", "broken length"],
)
def test_a_data_set_that_is_cut_or_torn_is_refused(data: bytes, what: str) -> None:
    def read() -> None:
        item = Item(data, 0, len(data), explicit=False, little=True, role="RTPLAN")
        item.binary(FLOATS, "f4")
        item.items(SEQUENCE)

    with pytest.raises(DicomReadError, match=what):
        read()


@pytest.mark.parametrize(
    "tail",
    [
        b"",
        element(ITEM, 0) + element(ITEM, 400, b"12"),
        element(ITEM, 0) + element(NUMBER, 0),
        element(ITEM, 0) + element(ITEM, 4, b"1234"),
    ],
    ids=["nothing", "long fragment", "no fragment", "no end"],
)
def test_compressed_pixels_without_an_end_are_refused(tail: bytes) -> None:
    data = b"\xe0\x7f\x10\x00OB\x00\x00\xff\xff\xff\xff" + tail
    with pytest.raises(DicomReadError, match="ends inside its pixel data"):
        Item(data, 0, len(data), explicit=True, little=True, role="RTDOSE").code(NUMBER)
