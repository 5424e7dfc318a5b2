"""Objects, stores and services for the tests of the clinic's room."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lymphorisk.clinic import log
from lymphorisk.clinic.objects import Held, look
from lymphorisk.clinic.service import Service
from lymphorisk.clinic.store import INCOMING, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "store", create=True)


@pytest.fixture
def service(store: Store) -> Service:
    """A service over it, small and quick."""
    return Service(str(store.folder), port=0, free_mb=0, options={"draws": 16, "horizon_d": 60})


@pytest.fixture(autouse=True)
def quiet() -> None:
    """No line of the log on the screen."""
    log.begin(None, screen=False)


def keep(store: Store, path: Path, **changed: object) -> Held:
    """Take a file into a store as the listener would."""
    staged = store.folder / INCOMING / uuid.uuid4().hex
    shutil.copyfile(path, staged)
    held = replace(look(staged), **changed)
    store.keep(staged, held)
    return held


def until(holds: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise AssertionError("it never came to that")
        time.sleep(0.05)
