"""A service that gets plans full of names: none stands in its log, health, metrics, trail, database and file names."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pydicom
import pytest

from lymphorisk.cli.main import run
from lymphorisk.clinic import worker
from lymphorisk.clinic.service import Service
from lymphorisk.clinic.store import CANCELED, Store
from tests.cli.test_privacy import BIRTH, FILE, leaked, marked, read
from tests.clinic.conftest import keep
from tests.clinic.orthanc import Process, free_port, running, until

QUICK = ("--draws", "16", "--quiet", "3")


def served(port: int, path: str) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=30) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return str(error.read().decode())


def states(store: Path) -> list[str]:
    if not (store / "clinic.db").is_file():
        return []
    held = Store(store)
    try:
        return sorted(e.state for e in held.entries())
    finally:
        held.close()


def holds_nobody(store: Path, keys: Mapping[str, str], *more: str) -> None:
    """Nothing of a patient beside the objects that were received and the answers of the archive."""
    for said in more:
        assert leaked(said, dict(keys)) == set()
    for path in store.rglob("*"):
        assert leaked(str(path.relative_to(store)), dict(keys)) == set()
        if path.is_file() and "objects" not in path.parts and path.suffix != ".dcm":
            assert leaked(read(path), dict(keys)) == set(), path.name


@pytest.mark.slow
@pytest.mark.parametrize("door", ["send and listen", "watch"])
def test_a_service_says_nobodys_name(
    door: str, tmp_path: Path, rtplans: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One course that is answered, one of two patients that cannot be, and a file that is broken."""
    export, mixed = tmp_path / FILE / "export", tmp_path / FILE / "mixed"
    keys = marked(export, rtplans / "brain")
    shutil.copytree(rtplans / "lung", mixed, ignore=shutil.ignore_patterns("*.toml"))
    notes = tmp_path / FILE / "notes"
    notes.mkdir()
    (notes / f"{FILE}.txt").write_text("no DICOM")
    dose = mixed / "RD.dcm"
    data = pydicom.dcmread(dose)
    data.PatientName, data.PatientID = "Z000Q^Z000Q", "Z000Q"
    data.save_as(dose)
    broken = tmp_path / FILE / f"broken {FILE}.dcm"
    broken.write_bytes(next(export.glob("RD*")).read_bytes()[:3000])
    store, health, errors = tmp_path / "store", free_port(), tmp_path / "errors"
    more = (*QUICK, "--health", str(health), "--audit", str(tmp_path))
    want = ["CANCELED", "COMPLETED"]
    if door == "watch":
        call = [sys.executable, "-m", "lymphorisk", "watch", str(tmp_path / FILE), "--out", str(store), *more]
        env = {**os.environ, "LYMPHORISK_CONFIG": "none"}
        with open(errors, "wb") as said:
            process = subprocess.Popen(call, stderr=said, stdout=said, env=env)
        try:
            until(lambda: states(store) == want, 300)
            answers = [served(health, path) for path in ("healthz", "metrics", "Z000Q")]
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
    else:
        port = free_port()
        with running(Process(store, port, more, errors=errors)):
            for folder in (export, mixed, broken, notes):
                run(["send", str(folder), f"LYMPHORISK@127.0.0.1:{port}"])
            until(lambda: states(store) == want, 300)
            answers = [served(health, path) for path in ("healthz", "metrics", "Z000Q")]
    out, err = capfd.readouterr()
    typed = err.replace(broken.name, "")  # a file that is named on the command line, in an error about it
    holds_nobody(store, keys, errors.read_text(encoding="utf-8"), out, typed, *answers)
    trail = next(tmp_path.glob("*.jsonl")).read_text(encoding="utf-8")
    assert leaked(trail, keys) == set()
    assert '"verdict"' in trail


def test_a_worker_that_fails_names_the_kind_of_its_fault_alone(
    store: Store, service: Service, rtplans: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A fault that quotes a patient, planted at reading."""

    def faulty(*_: object, **__: object) -> None:
        raise ValueError(f"no number: Z000Q {BIRTH}")

    from lymphorisk.clinic.courses import courses

    held = [keep(store, path) for path in sorted((rtplans / "brain").glob("*.dcm"))]
    study = held[0].study_uid
    store.enter(courses(study, store.around(study)), study, 1e12, done=True)
    entry = store.claim("token")
    assert entry is not None
    monkeypatch.setattr(worker, "read_source", faulty)
    said = worker.work(service, store, entry.key, "token")
    assert (said["state"], said["reason"]) == (CANCELED, "internal error: ValueError")
    holds_nobody(store.folder, {}, json.dumps(said), *capfd.readouterr())
