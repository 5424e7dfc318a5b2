"""Text of DICOM files: Specific Character Set, also when it is wrong or missing."""

from __future__ import annotations

#: Single-byte repertoires and the Unicode sets (PS3.3 C.12.1.1.2); the rest goes through pydicom.
CODECS = {
    "": "ascii",
    "ISO_IR 6": "ascii",
    "ISO_IR 13": "shift_jis",
    "ISO_IR 100": "latin_1",
    "ISO_IR 101": "iso8859_2",
    "ISO_IR 109": "iso8859_3",
    "ISO_IR 110": "iso8859_4",
    "ISO_IR 126": "iso8859_7",
    "ISO_IR 127": "iso8859_6",
    "ISO_IR 138": "iso8859_8",
    "ISO_IR 144": "iso8859_5",
    "ISO_IR 148": "iso8859_9",
    "ISO_IR 166": "tis_620",
    "ISO_IR 192": "utf_8",
    "ISO_IR 203": "iso8859_15",
    "GB18030": "gb18030",
    "GBK": "gbk",
}


def decode(raw: bytes, charset: tuple[str, ...]) -> tuple[str, bool]:
    """Text of a value, and whether the declared character set could decode it.

    When it could not: UTF-8 if the bytes are valid UTF-8, else Latin-1.

    Examples
    --------
    >>> decode(b"Lunge re.", ())
    ('Lunge re.', True)
    >>> decode("Rückenmark".encode("latin-1"), ())
    ('Rückenmark', False)
    """
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii"), True
    declared = _declared(raw, charset)
    if declared is not None:
        return declared, True
    try:
        return raw.decode("utf_8"), False
    except UnicodeDecodeError:
        return raw.decode("latin_1"), False


def _declared(raw: bytes, charset: tuple[str, ...]) -> str | None:
    try:
        if len(charset) <= 1 and (charset[0] if charset else "") in CODECS:
            return raw.decode(CODECS[charset[0] if charset else ""])
        import warnings

        from pydicom.charset import convert_encodings, decode_bytes

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return decode_bytes(raw, convert_encodings(list(charset)), {ord(c) for c in "\\^="})
    except (UnicodeError, LookupError, ValueError, Warning):
        return None
