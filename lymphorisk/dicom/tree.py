"""DICOM data sets walked where they lie.

An element is found by its tag and decoded when it is asked for, so that a plan of thousands of
control points or a dose of millions of voxels costs only what is read of it. Handles implicit and
explicit VR, both byte orders, defined and undefined lengths. Errors name the kind of file, never
the patient.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from struct import error as struct_error
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dicom.charset import decode
from lymphorisk.dicom.decimals import parse
from lymphorisk.dicom.window import Buffer
from lymphorisk.errors import DicomReadError

UNDEFINED = 0xFFFFFFFF
ITEM = 0xFFFEE000
ITEM_END = 0xFFFEE00D
SEQUENCE_END = 0xFFFEE0DD
CHARACTER_SET = 0x00080005
PIXEL_DATA = 0x7FE00010
LONG_VRS = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
BINARY_VRS = {b"US": "u2", b"SS": "i2", b"UL": "u4", b"SL": "i4", b"FL": "f4", b"FD": "f8", b"UV": "u8", b"SV": "i8"}
#: Deeper than any RT object nests (a plan reaches 6); a hostile file ends here instead of in the stack.
MAX_DEPTH = 32
#: Up to here splitting is faster than numpy's parser of text.
FEW_NUMBERS = 16
#: Bytes that end a text value: padding, and what broken writers pad with.
PADDING = b" \0\t\r\n"
#: Turns the separators and paddings of decimal strings into blanks.
BLANKS = bytes.maketrans(b"\\\0\t\r\n", b"     ")

TWICE = "the file was edited or is broken: which of the two counts is not known; export it again"

_HEAD = {True: Struct("<HHI"), False: Struct(">HHI")}
_SHORT = {True: Struct("<H"), False: Struct(">H")}
_LONG = {True: Struct("<I"), False: Struct(">I")}

Element = tuple[bytes, int, int, "tuple[Item, ...] | None"]


def _taken(of: Struct, data: Buffer) -> Callable[[Any, int], tuple[Any, ...]]:
    """Numbers at a place of a buffer."""
    if isinstance(data, bytes):
        return of.unpack_from
    return lambda window, pos: of.unpack(window[pos : pos + of.size])


def label(tag: int) -> str:
    """The tag as it is written: (gggg,eeee)."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


class Item:
    """A data set or a sequence item: a span of a buffer whose elements are indexed on first use."""

    __slots__ = ("_elements", "data", "depth", "explicit", "little", "parent", "role", "start", "stop")

    def __init__(
        self,
        data: Buffer,
        start: int,
        stop: int,
        *,
        explicit: bool,
        little: bool,
        role: str = "DICOM file",
        parent: Item | None = None,
    ) -> None:
        self.data, self.start, self.stop = data, start, stop
        self.explicit, self.little = explicit, little
        self.role, self.parent = role, parent
        self.depth: int = 0 if parent is None else parent.depth + 1
        self._elements: dict[int, Element] | None = None

    def error(self, message: str, hint: str = "export the plan again") -> DicomReadError:
        """An error about this file, by its role."""
        return DicomReadError(f"{self.role}: {message}", hint)

    @property
    def elements(self) -> dict[int, Element]:
        """Elements by tag, indexed when first asked for."""
        if self._elements is None:
            self._elements, _ = _index(self, self.start, self.stop, ends_at_delimiter=False)
        return self._elements

    def __contains__(self, tag: int) -> bool:
        return tag in self.elements

    def raw(self, tag: int) -> bytes:
        """The value's bytes; empty when the element is absent or empty."""
        element = self.elements.get(tag)
        return b"" if element is None else self.data[element[1] : element[2]]

    def span(self, tag: int) -> tuple[int, int] | None:
        """Where the value lies in the buffer."""
        element = self.elements.get(tag)
        return None if element is None else (element[1], element[2])

    def place(self, tag: int) -> tuple[bytes, int]:
        """Bytes that hold the value, and where it begins in them: not copied where the file is in memory."""
        element = self.elements[tag]
        if isinstance(self.data, bytes):
            return self.data, element[1]
        return self.data[element[1] : element[2]], 0

    def vr(self, tag: int) -> bytes:
        """Value representation as written; empty in implicit VR."""
        element = self.elements.get(tag)
        return b"" if element is None else element[0]

    def code(self, tag: int) -> str:
        """A code string, UID or number as text."""
        return self.raw(tag).strip(PADDING).decode("ascii", "replace")

    def codes(self, tag: int) -> tuple[str, ...]:
        """All values of a code string or UID."""
        text = self.code(tag)
        return tuple(part.strip(" \0") for part in text.split("\\")) if text else ()

    @property
    def charset(self) -> tuple[str, ...]:
        """Specific Character Set in force here."""
        own = self.codes(CHARACTER_SET)
        return own or (self.parent.charset if self.parent is not None else ())

    def text(self, tag: int) -> tuple[str, bool]:
        """Human text, and whether the declared character set could decode it."""
        return decode(self.raw(tag).strip(PADDING), self.charset)

    def floats(self, tag: int) -> NDArray[np.float64]:
        """All values of a number element, whatever way it is written; empty when absent."""
        raw = self.raw(tag)
        kind = BINARY_VRS.get(self.vr(tag))
        if kind is not None:
            order = "<" if self.little else ">"
            if len(raw) % int(kind[1]):
                raise self.error(f"element {label(tag)} has a broken length")
            return np.frombuffer(raw, dtype=order + kind).astype(np.float64)
        return decimals(raw, self, tag)

    def number(self, tag: int) -> float | None:
        """One finite number, or None when absent."""
        values = self.floats(tag)
        if len(values) == 0:
            return None
        if not np.isfinite(values[0]):
            raise self.error(f"element {label(tag)} is not a finite number")
        return float(values[0])

    def integer(self, tag: int) -> int | None:
        """One whole number, or None when absent."""
        value = self.number(tag)
        if value is not None and value != int(value):
            raise self.error(f"element {label(tag)} is not a whole number")
        return None if value is None else int(value)

    def binary(self, tag: int, kind: str) -> NDArray[np.float64]:
        """Values of an element that is binary by definition (``u2``, ``f4`` ...), or as its explicit VR says."""
        if self.explicit and self.vr(tag) not in (b"UN", b"OB", b"OW", b"OF", b"OD", b""):
            return self.floats(tag)
        raw = self.raw(tag)
        if len(raw) % int(kind[1]):
            raise self.error(f"element {label(tag)} has a broken length")
        return np.frombuffer(raw, dtype=("<" if self.little else ">") + kind).astype(np.float64)

    def short(self, tag: int) -> int | None:
        """One unsigned 16-bit number (Rows, Columns, Bits Allocated ...), or None when absent."""
        values = self.binary(tag, "u2")
        return int(values[0]) if len(values) else None

    def items(self, tag: int) -> tuple[Item, ...]:
        """The items of a sequence; empty when absent."""
        element = self.elements.get(tag)
        if element is None:
            return ()
        vr, start, stop, parsed = element
        if parsed is not None:
            return parsed
        if vr not in (b"SQ", b"UN", b""):
            raise self.error(f"element {label(tag)} is a {vr.decode('ascii', 'replace')}, not a sequence")
        explicit = self.explicit and vr != b"UN"
        found, _ = _items(self, start, stop, explicit, self.little or vr == b"UN", ends_at_delimiter=False)
        self.elements[tag] = (vr, start, stop, found)
        return found


def decimals(raw: bytes, item: Item, tag: int) -> NDArray[np.float64]:
    """Numbers of a decimal or integer string, all at once.

    Raises
    ------
    DicomReadError
        Something in it is not a number.
    """
    stripped = raw.strip(PADDING)
    if not stripped:
        return np.empty(0)
    text, count = stripped.translate(BLANKS), stripped.count(b"\\") + 1
    try:
        values = np.array(text.split(), dtype=np.float64) if count < FEW_NUMBERS else parse(text)
    except ValueError as error:
        raise item.error(f"element {label(tag)} holds something that is not a number") from error
    if len(values) != count:
        raise item.error(f"element {label(tag)} holds something that is not a number")
    return values


def _index(item: Item, pos: int, stop: int, *, ends_at_delimiter: bool) -> tuple[dict[int, Element], int]:
    """Elements between `pos` and `stop` (or the item delimiter), and where they end."""
    if item.depth > MAX_DEPTH:
        raise item.error("sequences are nested too deeply")
    data, little = item.data, item.little
    explicit = item.explicit
    head, short, long = (_taken(of[little], data) for of in (_HEAD, _SHORT, _LONG))
    elements: dict[int, Element] = {}
    try:
        while pos + 8 <= stop:
            group, number, length = head(data, pos)
            tag = group << 16 | number
            pos += 8
            if group == 0xFFFE:
                if tag == ITEM_END and ends_at_delimiter:
                    return elements, pos
                raise item.error(f"unexpected {label(tag)} inside a data set")
            vr = b""
            if explicit:
                vr = data[pos - 4 : pos - 2]
                if vr in LONG_VRS:
                    (length,) = long(data, pos)
                    pos += 4
                elif vr.isalpha() and vr.isupper():
                    (length,) = short(data, pos - 2)
                else:
                    vr = b""  # an implicit element inside an explicit file: length is already right
            if tag in elements:
                raise item.error(f"element {label(tag)} stands twice in one data set", TWICE)
            if length == UNDEFINED:
                if tag == PIXEL_DATA:
                    end, after = _fragments(item, pos, stop)
                    elements[tag] = (vr, pos, end, None)
                    pos = after
                else:
                    inner = explicit and vr != b"UN"
                    found, after = _items(item, pos, stop, inner, little or vr == b"UN", ends_at_delimiter=True)
                    elements[tag] = (vr, pos, after, found)
                    pos = after
                continue
            if pos + length > stop:
                raise item.error(f"the file ends inside element {label(tag)}: it is truncated")
            elements[tag] = (vr, pos, pos + length, None)
            pos += length
    except struct_error as error:
        raise item.error("the file ends inside an element: it is truncated") from error
    if ends_at_delimiter:
        raise item.error("the file ends inside a sequence item: it is truncated")
    if bytes(data[pos:stop]).strip(PADDING):
        raise item.error("the file ends inside an element: it is truncated")
    return elements, pos


def _items(
    parent: Item, pos: int, stop: int, explicit: bool, little: bool, *, ends_at_delimiter: bool
) -> tuple[tuple[Item, ...], int]:
    data = parent.data
    head = _taken(_HEAD[little], data)
    role = parent.role
    found: list[Item] = []
    while pos + 8 <= stop:
        group, number, length = head(data, pos)
        tag = group << 16 | number
        pos += 8
        if tag == SEQUENCE_END:
            return tuple(found), pos
        if tag != ITEM:
            raise parent.error(f"{label(tag)} where a sequence item was expected")
        item = Item(data, pos, stop, explicit=explicit, little=little, role=role, parent=parent)
        if length == UNDEFINED:
            item._elements, pos = _index(item, pos, stop, ends_at_delimiter=True)
            item.stop = pos
        else:
            if pos + length > stop:
                raise parent.error("the file ends inside a sequence item: it is truncated")
            item.stop = pos = pos + length
        found.append(item)
    if ends_at_delimiter:
        raise parent.error("the file ends inside a sequence: it is truncated")
    return tuple(found), pos


def _fragments(item: Item, pos: int, stop: int) -> tuple[int, int]:
    """End of the last fragment of encapsulated pixel data, and what follows its delimiter."""
    head = _taken(_HEAD[item.little], item.data)
    while pos + 8 <= stop:
        group, number, length = head(item.data, pos)
        tag = group << 16 | number
        if tag == SEQUENCE_END:
            return pos, pos + 8
        if tag != ITEM or pos + 8 + length > stop:
            break
        pos += 8 + length
    raise item.error("the file ends inside its pixel data: it is truncated")
