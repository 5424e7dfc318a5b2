"""From objects to results: the worker's part, a watched folder, the log, and what a plan may take."""

from __future__ import annotations

import json
import logging
import os
import runpy
import shutil
import threading
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest

from lymphorisk.clinic import log, worker
from lymphorisk.clinic.child import Child
from lymphorisk.clinic.courses import courses
from lymphorisk.clinic.health import Health, health
from lymphorisk.clinic.service import Destination, Service
from lymphorisk.clinic.store import CANCELED, COMPLETED, IN_PROGRESS, INCOMING, SCHEDULED, Store
from lymphorisk.clinic.supervise import ATTEMPTS, Supervisor
from lymphorisk.clinic.trail import record_all
from lymphorisk.clinic.watch import Watcher
from lymphorisk.errors import InputError
from lymphorisk.qa import audit
from tests.clinic.conftest import keep


def claimed(store: Store, paths: list[Path]) -> str:
    """The key of an entry of some files, claimed as ``t``."""
    held = [keep(store, path) for path in paths]
    made = courses(held[0].study_uid, store.around(held[0].study_uid))
    store.enter(made, held[0].study_uid, time.time(), done=True)
    entry = store.claim("t")
    assert entry is not None
    return entry.key


def test_an_entry_becomes_results_of_its_study_and_is_written_down(
    store: Store, service: Service, rtplans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    analysed = worker.answer
    kept: list[worker.Answer] = []
    monkeypatch.setattr(worker, "answer", lambda *given: kept[0] if kept else kept.append(analysed(*given)) or kept[0])
    told = replace(service, destinations=(Destination("PACS", "h", 104), Destination(web="http://w", what=("sr",))))
    key = claimed(store, sorted((rtplans / "pancreas").glob("*.dcm")))
    said = worker.work(told, store, key, "t")
    entry = store.entry(key)
    assert (said["state"], entry.state, entry.protocol) == ("COMPLETED", COMPLETED, "Pancreas, lymphopenia starter")
    assert [(o.what, o.destination) for o in store.outgoing()] == [
        ("sr", "PACS@h:104"), ("pdf", "PACS@h:104"), ("sr", "http://w"),
    ]  # fmt: skip
    folder = store.results(key)
    assert {p.name for p in folder.iterdir()} == {
        "result.json", "check.json", "report.html", "report.pdf", "sr.dcm", "report.dcm", "names.json",
    }  # fmt: skip
    plan = pydicom.dcmread(rtplans / "pancreas" / "RP.dcm")
    for name in ("sr.dcm", "report.dcm"):
        made = pydicom.dcmread(folder / name)
        for field in ("StudyInstanceUID", "PatientID", "PatientName", "StudyDate"):
            assert made.get(field) == plan.get(field), field
    assert json.loads((folder / "check.json").read_text(encoding="utf-8"))["verdict"] == entry.verdict
    for _ in range(2):
        assert record_all(told, store) == ""
    assert audit.verify(store.folder / "audit").entries == 1
    first = {p.name: p.read_bytes() for p in folder.iterdir()}
    store.db.execute("UPDATE entries SET state = 'IN PROGRESS', token = 'u'")
    again = worker.work(told, store, key, "u")
    assert again["state"] == "COMPLETED", again
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == first  # so that nothing new is ever sent
    assert len(store.outgoing()) == 3
    assert list((store.folder / INCOMING).iterdir()) == []


def test_what_cannot_be_used_is_canceled_with_its_reason(store: Store, service: Service, rtplans: Path) -> None:
    key = claimed(store, [rtplans / "lung" / "RP.dcm", rtplans / "lung" / "RS.dcm"])
    said = worker.work(service, store, key, "t")
    assert said["state"] == CANCELED == store.entry(key).state
    assert "RTDOSE missing" in store.entry(key).reason
    assert not store.results(key).exists()


def test_a_fault_of_the_program_is_named_without_its_words(
    store: Store, service: Service, rtplans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_: object) -> None:
        raise ZeroDivisionError("Doe^Jane")

    monkeypatch.setattr(worker, "answer", fault)
    key = claimed(store, [rtplans / "lung" / "RP.dcm"])
    worker.work(service, store, key, "t")
    assert store.entry(key).reason == "internal error: ZeroDivisionError"


def test_a_full_disk_leaves_the_entry_to_be_tried_again(
    store: Store, service: Service, rtplans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(worker, "answer", full)
    key = claimed(store, [rtplans / "lung" / "RP.dcm"])
    assert worker.work(service, store, key, "t") == {"key": key, "again": "No space left on device", "full": True}
    assert store.entry(key).state == IN_PROGRESS


def test_a_worker_that_does_not_start_leaves_the_worklist_alone(store: Store, service: Service, rtplans: Path) -> None:
    held = keep(store, rtplans / "lung" / "RP.dcm")
    store.enter(courses(held.study_uid, [held]), held.study_uid, time.time(), done=True)
    stop = threading.Event()
    stop.set()
    supervisor = Supervisor(service, store, stop)
    supervisor._worker = Child("lymphorisk.no_such_module", service)
    for _ in range(3):
        assert supervisor._step()
    (entry,) = store.entries()
    assert (entry.state, entry.attempts) == (SCHEDULED, 0)


def test_a_file_that_cannot_be_read_is_tried_some_times_and_a_full_disk_for_ever(
    store: Store, service: Service, rtplans: Path
) -> None:
    key = claimed(store, [rtplans / "lung" / "RP.dcm"])
    stop = threading.Event()
    stop.set()
    supervisor = Supervisor(service, store, stop)
    for full in (True, False):
        for _ in range(ATTEMPTS + 1):
            entry = store.entry(key)
            if entry.state == CANCELED:
                break
            supervisor._after(entry, "t", {"key": key, "again": "Input/output error", "full": full})
            store.claim("t")
        assert (store.entry(key).state == CANCELED) is not full
    assert store.entry(key).reason == f"Input/output error, {ATTEMPTS} times"


@pytest.mark.slow
def test_a_segmentation_that_does_not_fit_is_left_out_and_named(
    service: Service, rtplans: Path, tmp_path: Path
) -> None:
    """One of another frame: organs are placed, a finding says why, and the gate does not pass."""
    patient = runpy.run_path(str(Path(__file__).parents[1] / "masks" / "patient.py"))
    mask = patient["seg"](tmp_path / "seg.dcm", patient["Voxels"](4.0), {1: "spleen", 5: "liver"}, frame="1.2.3")
    paths = [(role, rtplans / "lung" / f"{name}.dcm") for role, name in
             (("RTPLAN", "RP"), ("RTSTRUCT", "RS"), ("RTDOSE", "RD"))]  # fmt: skip
    made = worker._answered(service, [*paths, ("SEG", mask)])
    (left,) = [f for f in made.analysis.findings if f.code == "LR195"]
    assert left.severity == "error"
    assert made.judged is not None
    assert made.judged.exit_code != 0
    assert "LR195" not in {f.code for f in worker._answered(service, paths).analysis.findings}


def test_a_file_that_cannot_be_taken_keeps_no_other(store: Store, rtplans: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.dcm")
    shutil.copyfile(rtplans / "lung" / "RP.dcm", tmp_path / "b.dcm")
    watcher = Watcher(tmp_path, store, threading.Event(), still_s=0.0)
    for _ in range(3):
        watcher.step()
    assert store.counts()["objects"] == {"RTPLAN": 1}
    assert not watcher.busy("")


def test_files_of_two_patients_are_no_course(store: Store, service: Service, rtplans: Path, tmp_path: Path) -> None:
    other = pydicom.dcmread(rtplans / "lung" / "RD.dcm")
    other.PatientID = "SOMEBODY ELSE"
    other.save_as(tmp_path / "other.dcm")
    key = claimed(store, [rtplans / "lung" / "RP.dcm", rtplans / "lung" / "RS.dcm", tmp_path / "other.dcm"])
    worker.work(service, store, key, "t")
    assert "patient" in store.entry(key).reason
    assert "SOMEBODY" not in store.entry(key).reason


def test_a_file_that_is_still_being_written_is_left_alone(store: Store, rtplans: Path, tmp_path: Path) -> None:
    folder = tmp_path / "Doe Jane"
    folder.mkdir()
    watcher = Watcher(folder, store, threading.Event(), still_s=0.0)
    whole = (rtplans / "lung" / "RP.dcm").read_bytes()
    growing = folder / "RP.dcm"
    for end in (1000, 2000, len(whole)):
        growing.write_bytes(whole[:end])
        watcher.step()
        assert store.arrived() == []
    assert watcher.busy("")
    watcher.step()
    watcher.step()
    assert not watcher.busy("")
    assert store.counts()["objects"] == {"RTPLAN": 1}
    (folder / "note.txt").write_text("Doe^Jane", encoding="utf-8")
    for _ in range(3):
        watcher.step()
    assert [said for _, _, said in store.refusals()] == ["the object is not DICOM"]
    said = b"".join(p.read_bytes() for p in store.folder.rglob("*.db*"))
    assert b"Doe" not in said
    (folder / "gone.dcm").write_bytes(whole[:1000])
    watcher.step()
    assert watcher.busy("")
    (folder / "gone.dcm").unlink()
    watcher.step()
    assert not watcher.busy("")
    shutil.rmtree(folder)
    watcher.step()


def test_a_line_of_the_log_has_the_fields_that_are_listed(tmp_path: Path) -> None:
    log.begin(tmp_path, screen=False)
    try:
        log.say("entry ended", entry="a" * 64, verdict="PASS", hint=None)
        log.warn("refused", reason="unknown address")
        logging.getLogger("pynetdicom").critical("Doe^Jane")
        with pytest.raises(ValueError, match="patient"):
            log.say("received", patient="Doe^Jane")
    finally:
        log.end()
    lines = [json.loads(line) for line in (tmp_path / log.FILE).read_text(encoding="utf-8").splitlines()]
    assert [(line["level"], line["event"]) for line in lines] == [("info", "entry ended"), ("warning", "refused")]
    assert lines[0]["entry"] == "a" * log.DIGITS
    assert "hint" not in lines[0]


def test_what_a_reason_quotes_stands_neither_in_the_log_nor_in_the_counts(
    store: Store, service: Service, rtplans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise InputError("plan 'Doe^Jane' has 2 doses", "choose one: 'Doe^Jane a', 'Doe^Jane b'")

    monkeypatch.setattr(worker, "answer", refused)
    key = claimed(store, [rtplans / "lung" / "RP.dcm"])
    log.begin(tmp_path / "log", screen=False)
    said = worker.work(service, store, key, "t")
    Supervisor(service, store, threading.Event())._after(store.entry(key), "t", said)
    store.refuse("PACS", "the object 'Doe^Jane' is none")
    log.begin(None, screen=False)
    lines = (tmp_path / "log" / log.FILE).read_text()
    assert "has 2 doses" in lines
    assert "Doe" not in lines + str(store.counts()) + str(store.refusals())
    assert "Doe^Jane" in store.entry(key).reason  # for roles that may know


def test_what_waits_for_long_fails_and_is_counted(store: Store, service: Service, rtplans: Path) -> None:
    held = [keep(store, rtplans / "lung" / f"{name}.dcm") for name in ("RP", "RS", "RD")]
    made = courses(held[0].study_uid, held)
    store.enter(made, held[0].study_uid, time.time(), done=True)
    assert health(service, store)["status"] == "ok"
    store.db.execute("UPDATE entries SET made_at = made_at - 90000")
    said = health(service, store)
    assert said["status"] == "failing"
    assert said["trouble"] == ["the oldest entry waits for 1500 minutes"]
    assert store.counts()["objects"] == {"RTPLAN": 1, "RTSTRUCT": 1, "RTDOSE": 1}
    never = Health(service, store)
    never.end()  # one that did not begin


def test_health_and_metrics_say_what_fails(store: Store, service: Service) -> None:
    assert health(service, store)["status"] == "ok"
    full = health(replace(service, free_mb=1e9), store, lambda: {"listener": False})
    assert full["status"] == "failing"
    assert len(full["trouble"]) == 2
    store.refuse("TPS", "the object is not DICOM")
    answering = Health(service, store)
    answering.begin()
    try:
        url = f"http://127.0.0.1:{answering.port}"
        with urllib.request.urlopen(f"{url}/healthz", timeout=10) as said:
            assert json.loads(said.read())["status"] == "ok"
        with urllib.request.urlopen(f"{url}/metrics", timeout=10) as said:
            text = said.read().decode()
        assert 'lymphorisk_refused_total{reason="the object is not DICOM"} 1.0' in text
        assert "lymphorisk_healthy 1.0" in text
        with pytest.raises(urllib.error.HTTPError, match="404") as caught:
            urllib.request.urlopen(f"{url}/elsewhere", timeout=10)
        with caught.value as said:
            assert said.read() == b"/healthz or /metrics\n"
    finally:
        answering.end()
