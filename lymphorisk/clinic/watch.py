"""A folder that planning systems export into: files that are written to the end are taken into the store."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from lymphorisk.clinic.log import say, warn
from lymphorisk.clinic.objects import look
from lymphorisk.clinic.store import INCOMING, Store
from lymphorisk.errors import InputError

#: A file that did not change for this long is whole. [s]
STILL_S = 2.0
#: Between two looks at the folder. [s]
LOOK_S = 0.5


class Watcher:
    """The thread that looks at a folder."""

    def __init__(self, folder: Path, store: Store, stop: threading.Event, still_s: float = STILL_S) -> None:
        self.folder, self.store, self.stop, self.still_s = folder, store, stop, still_s
        self.thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._changed: dict[str, tuple[int, int, float]] = {}
        self._failed: dict[str, str] = {}

    def busy(self, study_uid: str) -> bool:
        """Whether files are still being written; of which study is not known."""
        return not self._changed.keys() <= self._failed.keys()

    def _run(self) -> None:
        while not self.stop.is_set():
            try:
                self.step()
            except Exception as error:
                warn("the watcher stumbled", reason=type(error).__name__)
            self.stop.wait(LOOK_S)

    def step(self) -> None:
        """Look at every file; take those that are whole and not taken yet."""
        there = set()
        for path in files(self.folder):
            place = hashlib.sha256(os.fsencode(path)).hexdigest()  # a name may be the patient's
            there.add(place)
            try:
                stat = path.stat()
            except OSError:
                continue
            if self.store.watched(place, stat.st_size, stat.st_mtime_ns):
                self._changed.pop(place, None)
                continue
            before = self._changed.get(place)
            if before is None or before[:2] != (stat.st_size, stat.st_mtime_ns):
                self._changed[place] = (stat.st_size, stat.st_mtime_ns, time.monotonic())
                self._failed.pop(place, None)
            elif time.monotonic() - before[2] >= self.still_s:
                try:
                    self._take(path)
                except OSError as error:  # that file alone waits, and is tried again
                    reason = error.strerror or type(error).__name__
                    if self._failed.get(place) != reason:
                        self._failed[place] = reason
                        warn("object not taken", sender="folder", reason=reason)
                    continue
                self.store.watch(place, stat.st_size, stat.st_mtime_ns)
                self._changed.pop(place, None)
                self._failed.pop(place, None)
        for gone in set(self._changed) - there:
            del self._changed[gone]
            self._failed.pop(gone, None)

    def _take(self, path: Path) -> None:
        staged = self.store.folder / INCOMING / f"object-{uuid.uuid4().hex}"
        try:
            shutil.copyfile(path, staged)
            with open(staged, "rb") as copied:
                os.fsync(copied.fileno())
            held = look(staged)
            new = self.store.keep(staged, held)
            say("object received" if new else "object known", sender="folder", role=held.role)
        except InputError as error:
            warn("refused", sender="folder", reason=error.message)
            self.store.refuse("folder", error.message)
        finally:
            staged.unlink(missing_ok=True)


def files(folder: Path) -> Iterator[Path]:
    """Files below a folder, hidden ones left out."""
    for top, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        yield from (Path(top) / name for name in sorted(names) if not name.startswith("."))
