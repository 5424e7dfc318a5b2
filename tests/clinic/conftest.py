"""Objects, stores and services for the tests of the clinic's room."""

from __future__ import annotations

import gc
import shutil
import subprocess
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lymphorisk.clinic import log
from lymphorisk.clinic.objects import Held, look
from lymphorisk.clinic.service import Service
from lymphorisk.clinic.store import INCOMING, Store


@pytest.fixture(autouse=True, scope="module")
def swept() -> Iterator[None]:
    """Sockets that pynetdicom leaves to the collector are collected here, not while another test runs."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "store", create=True)


@pytest.fixture
def service(store: Store) -> Service:
    """A service over it, small and quick."""
    return Service(str(store.folder), port=0, free_mb=0, options={"draws": 16, "horizon_d": 60})


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of ``ours`` and ``theirs``, who trust each other, and of a stranger."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here")
    folder = tmp_path_factory.mktemp("tls")
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    for name in ("ours", "theirs", "stranger"):
        subject = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
        files = ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem")]
        subprocess.run([*new, *subject, *files], check=True, capture_output=True)
    return folder


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
