"""Files a person hands in: into the store as a listener would take them, zips member by member."""

from __future__ import annotations

import os
import secrets
import shutil
import threading
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from lymphorisk.clinic.log import say, warn
from lymphorisk.clinic.objects import look
from lymphorisk.clinic.service import Service
from lymphorisk.clinic.store import INCOMING, Store
from lymphorisk.dicom.reader import unzipped
from lymphorisk.errors import InputError

#: How files begin that are a zip.
ZIP = b"PK\x03\x04"
BYTES_PER_MB = 1024 * 1024
#: Uploads remembered.
KEPT = 200
SENDER = "page"


@dataclass(frozen=True, slots=True)
class Upload:
    """What became of the files of one upload.

    Attributes
    ----------
    who : str
    taken : mapping of str to int
        Objects by role.
    refused : mapping of str to int
        How many files were refused, by reason; never their names, which may be a patient's.
    studies : tuple of str
        Study UIDs of what was taken.
    """

    who: str
    taken: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    studies: tuple[str, ...] = ()


class Uploads:
    """The last uploads by a key of their own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, Upload] = {}

    def add(self, upload: Upload) -> str:
        """Remember one; its key."""
        key = secrets.token_urlsafe(12)
        with self._lock:
            self._held[key] = upload
            while len(self._held) > KEPT:
                del self._held[next(iter(self._held))]
        return key

    def find(self, key: str) -> Upload | None:
        """One by its key."""
        with self._lock:
            return self._held.get(key)


def take(service: Service, store: Store, files: Sequence[IO[bytes]], who: str, most_mb: float) -> Upload:
    """Take every file into the store; which studies they are of, and why some were refused.

    Parameters
    ----------
    most_mb : float
        Most that all of them may unfold to. [MB]
    """
    taken: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    studies: dict[str, None] = {}
    left = most_mb * BYTES_PER_MB
    for n, file in enumerate(files):
        folder = store.folder / INCOMING / f"upload-{uuid.uuid4().hex}"
        folder.mkdir(mode=0o700)
        try:
            for staged in _staged(service, store, file, folder, refused, int(left)):
                left -= staged.stat().st_size
                if left < 0:
                    raise InputError("the files unfold to more than is taken at once", "hand in one plan at a time")
                if (study := _kept(store, staged, taken, refused)) is not None:
                    studies[study] = None
        except InputError as error:
            refused[error.message] += 1
        except OSError as error:
            refused[f"the store cannot take it: {error.strerror}"] += len(files) - n
            break
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    say("upload", sender=SENDER, count=sum(taken.values()))
    for reason, count in refused.items():
        warn("refused", sender=SENDER, reason=reason, count=count)
        store.refuse(SENDER, reason)
    return Upload(who, taken, refused, tuple(studies))


def _staged(
    service: Service, store: Store, file: IO[bytes], folder: Path, refused: Counter[str], most: int
) -> Iterator[Path]:
    """A file, or each of a zip, written whole, one after another; what a zip holds beyond a limit leaves the rest."""
    whole = folder / "whole"
    with open(whole, "wb") as out:
        shutil.copyfileobj(file, out)
        out.flush()
        os.fsync(out.fileno())
    with open(whole, "rb") as begun:
        packed = begun.read(len(ZIP)) == ZIP
    if not packed:
        yield _bounded(service, store, whole)
        return
    for _, data in unzipped(whole, most):
        one = folder / "one"
        with open(one, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        try:
            _bounded(service, store, one)
        except InputError as error:
            refused[error.message] += 1
        else:
            yield one
        finally:
            one.unlink(missing_ok=True)


def _bounded(service: Service, store: Store, staged: Path) -> Path:
    if staged.stat().st_size > service.object_mb * BYTES_PER_MB:
        raise InputError(f"the object is larger than {service.object_mb:g} MB")
    if shutil.disk_usage(store.folder).free < service.free_mb * BYTES_PER_MB:
        raise InputError("the disk is full")
    return staged


def _kept(store: Store, staged: Path, taken: Counter[str], refused: Counter[str]) -> str | None:
    try:
        held = look(staged)
        store.keep(staged, held)
    except InputError as error:
        refused[error.message] += 1
        return None
    taken[held.role] += 1
    return held.study_uid
