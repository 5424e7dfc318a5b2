"""A small file system of its own, that can be filled to its last byte."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

#: Of umount2: what is still open is let go when it is closed.
DETACH = 2


@dataclass(frozen=True)
class Disk:
    """A mounted file system."""

    folder: Path

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"

    def fill(self) -> None:
        """Leave no byte."""
        handle = os.open(self._filler, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        try:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        os.write(handle, bytes(size))
                except OSError:
                    continue
        finally:
            os.close(handle)

    def empty(self) -> None:
        """Give the room back."""
        self._filler.unlink()


@contextmanager
def mounted(place: Path, size: int) -> Iterator[Disk | None]:
    """A file system in memory at a place; None where nothing may be mounted."""
    place.mkdir()
    if not sys.platform.startswith("linux"):
        yield None
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"none", str(place).encode(), b"tmpfs", 0, f"size={size}".encode()):
        yield None
        return
    try:
        yield Disk(place)
    finally:
        assert libc.umount2(str(place).encode(), DETACH) == 0
