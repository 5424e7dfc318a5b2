"""A file read where it is looked at: nothing of it is held, mapped or kept open.

A mapped file that another program shortens ends the process that reads it; a window says so by name, and thousands of
them take no descriptors.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from lymphorisk.errors import DicomReadError

#: Read at once and kept, as headers are read a few bytes at a time. [bytes]
AHEAD = 1 << 16
#: Of what is hashed. [bytes]
AT_ONCE = 1 << 20


class Window:
    """The bytes of a file, by slices.

    Raises
    ------
    DicomReadError
        On a slice: the file is not the one it was when the window was made, or cannot be read any more.
    OSError
        When it is made: there is no such file, or it may not be looked at.
    """

    __slots__ = ("_block", "_from", "_path", "_state")

    def __init__(self, path: Path) -> None:
        with open(path, "rb") as stream:  # may it be read
            self._state = _state(os.fstat(stream.fileno()))
        self._path, self._block, self._from = path, b"", 0

    def __len__(self) -> int:
        return self._state[0]

    def __getitem__(self, where: slice) -> bytes:
        start, stop, _ = where.indices(len(self))
        if stop <= start:
            return b""
        if self._from <= start and stop <= self._from + len(self._block):
            return self._block[start - self._from : stop - self._from]
        if stop - start > AHEAD:
            return self._read(start, stop)
        self._block, self._from = self._read(start, min(start + AHEAD, len(self))), start
        return self._block[: stop - start]

    def _read(self, start: int, stop: int) -> bytes:
        try:
            with open(self._path, "rb") as stream:
                stream.seek(start)
                data = stream.read(stop - start)
                same = _state(os.fstat(stream.fileno())) == self._state
        except OSError as error:
            raise DicomReadError(f"a file cannot be read any more: {error.strerror}", "call again") from error
        if not same or len(data) < stop - start:
            raise DicomReadError("a file was changed while it was read", "call again when nobody writes the export")
        return data


def _state(info: os.stat_result) -> tuple[int, int, int, int]:
    return info.st_size, info.st_mtime_ns, info.st_ino, info.st_dev


#: A whole file: its bytes, or a window on it.
Buffer = bytes | Window


def sha256_of(whole: Buffer) -> str:
    """SHA-256 of a file."""
    if isinstance(whole, bytes):
        return hashlib.sha256(whole).hexdigest()
    digest = hashlib.sha256()
    for start in range(0, len(whole), AT_ONCE):
        digest.update(whole[start : start + AT_ONCE])
    return digest.hexdigest()
