"""DICOM objects as trees that can be written in ways a library would not write.

An independent reader and writer: what is fuzzed does not read the seeds.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import pydicom
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword

LONG = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
WIDTHS = {"US": 2, "SS": 2, "OW": 2, "UL": 4, "SL": 4, "FL": 4, "OF": 4, "OL": 4, "AT": 2, "FD": 8, "OD": 8, "SV": 8}
IMPLICIT, EXPLICIT, BIG, DEFLATED = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.1.99",
)
PIXELS, BITS_ALLOCATED = 0x7FE00010, 0x00280100
PREAMBLE = b"\0" * 128 + b"DICM"


@dataclass
class Element:
    """One element; a sequence has items in place of bytes."""

    tag: int
    vr: str
    value: bytes = b""
    items: list[list[Element]] | None = None

    @property
    def name(self) -> str:
        return keyword_for_tag(self.tag) or f"{self.tag:08x}"


@dataclass
class Written:
    """How an object is written."""

    syntax: str = EXPLICIT
    preamble: bytes = PREAMBLE
    meta: bool = True
    undefined: bool = False
    after: bytes = b""
    stated: str = ""


def tag_of(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    return tag


def tree_of(ds: pydicom.Dataset) -> list[Element]:
    """A pydicom data set as a tree of bytes in little endian."""
    out = []
    for element in ds:
        if element.VR == "SQ":
            out.append(Element(int(element.tag), "SQ", items=[tree_of(item) for item in element.value]))
        else:
            out.append(Element(int(element.tag), element.VR, _bytes(element)))
    return out


def _bytes(element: pydicom.DataElement) -> bytes:
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_data_element

    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, True
    write_data_element(stream, element)
    return stream.getvalue()[8:]


def walk(tree: list[Element]) -> Iterator[tuple[list[Element], Element]]:
    """Every element with the data set it stands in."""
    for element in tree:
        yield tree, element
        for item in element.items or ():
            yield from walk(item)


def find(tree: list[Element], keyword: str) -> Element:
    """The first element of a name, anywhere."""
    tag = tag_of(keyword)
    return next(e for _, e in walk(tree) if e.tag == tag)


def put(tree: list[Element], keyword: str, value: bytes) -> None:
    """Set the bytes of an element at the top, padded; it is made where it is missing."""
    tag = tag_of(keyword)
    vr = dictionary_VR(tag)
    value = value + (b"\0" if vr == "UI" else b" ") * (len(value) % 2)
    for element in tree:
        if element.tag == tag:
            element.value = value
            return
    tree.append(Element(tag, vr, value))
    tree.sort(key=lambda e: e.tag)


def text_of(tree: list[Element], keyword: str) -> str:
    return find(tree, keyword).value.decode("ascii").strip(" \0")


def encode(
    tree: list[Element], *, explicit: bool = True, little: bool = True, undefined: bool = False, words: int = 2
) -> bytes:
    """The bytes of a data set; `words` are the bytes of one stored pixel."""
    order = "<" if little else ">"
    out = []
    for e in tree:
        if e.items is None:
            value = e.value if little else swapped(e, words)
            length = len(value)
        else:
            value = _items(e.items, explicit, little, undefined)
            length = 0xFFFFFFFF if undefined else len(value)
            if undefined:
                value += struct.pack(order + "HHI", 0xFFFE, 0xE0DD, 0)
        head = struct.pack(order + "HH", e.tag >> 16, e.tag & 0xFFFF)
        if not explicit:
            head += struct.pack(order + "I", length)
        elif e.vr in LONG:
            head += e.vr.encode("latin-1") + b"\0\0" + struct.pack(order + "I", length)
        elif length <= 0xFFFF:
            head += e.vr.encode("latin-1") + struct.pack(order + "H", length)
        else:  # too long for its VR: as the standard says, unknown
            head += b"UN\0\0" + struct.pack(order + "I", length)
        out.append(head + value)
    return b"".join(out)


def _items(items: list[list[Element]], explicit: bool, little: bool, undefined: bool) -> bytes:
    order = "<" if little else ">"
    out = []
    for item in items:
        body = encode(item, explicit=explicit, little=little, undefined=undefined)
        if undefined:
            body += struct.pack(order + "HHI", 0xFFFE, 0xE00D, 0)
        out.append(struct.pack(order + "HHI", 0xFFFE, 0xE000, 0xFFFFFFFF if undefined else len(body)) + body)
    return b"".join(out)


def swapped(e: Element, words: int) -> bytes:
    """The value in the other byte order."""
    width = words if e.tag == PIXELS else WIDTHS.get(e.vr, 1)
    if width == 1 or len(e.value) % width:
        return e.value
    return b"".join(e.value[n : n + width][::-1] for n in range(0, len(e.value), width))


def dicom_file(tree: list[Element], how: Written | None = None) -> bytes:
    """A whole file."""
    how = how or Written()
    little = how.syntax != BIG
    words = next((int.from_bytes(e.value[:2], "little") // 8 for e in tree if e.tag == BITS_ALLOCATED), 2)
    body = encode(tree, explicit=how.syntax != IMPLICIT, little=little, undefined=how.undefined, words=words or 1)
    body += how.after
    if how.syntax == DEFLATED:
        packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        body = packer.compress(body) + packer.flush()
        body += b"\0" * (len(body) % 2)
    if not how.meta:
        return body
    sop_class, uid = _of(tree, 0x00080016), _of(tree, 0x00080018)
    stated = how.stated or how.syntax
    group = [
        Element(0x00020001, "OB", b"\0\1"),
        Element(0x00020002, "UI", sop_class),
        Element(0x00020003, "UI", uid + b"\0" * (len(uid) % 2)),
        Element(0x00020010, "UI", stated.encode() + b"\0" * (len(stated) % 2)),
        Element(0x00020012, "UI", b"2.25.1234567890\0"),
    ]
    meta = encode(group)
    head = encode([Element(0x00020000, "UL", struct.pack("<I", len(meta)))])
    return how.preamble + head + meta + body


def _of(tree: list[Element], tag: int) -> bytes:
    return next((e.value for e in tree if e.tag == tag), b"")
