"""A copy of a store, taken while its service runs, that is a store itself."""

from __future__ import annotations

import shutil
from pathlib import Path

from lymphorisk.clinic.store import AUDIT, FILE, OBJECTS, RESULTS, Store
from lymphorisk.errors import InputError


def backed_up(store: Store, place: Path) -> int:
    """Copy a store into a new folder; how many files.

    The database is copied as it is at one moment and first; files that it names never change once they are there, so
    what is copied after it is whole. What came later is in the next copy.

    Raises
    ------
    InputError
        The folder is there already, lies in the store, or cannot be written.
    """
    if place.exists():
        raise InputError(f"{place.name!r} is there already", "give a new folder for each backup")
    if store.folder.resolve() in (place.resolve(), *place.resolve().parents):
        raise InputError("the backup lies in the store", "give a folder elsewhere, best on another disk")
    try:
        place.mkdir(mode=0o700, parents=True)
        store.backup(place / FILE)
        for name in (OBJECTS, RESULTS, AUDIT):
            if (store.folder / name).is_dir():
                shutil.copytree(store.folder / name, place / name)
    except OSError as error:
        raise InputError(f"the backup cannot be written: {error.strerror}", "choose another disk") from error
    return sum(1 for path in place.rglob("*") if path.is_file())
