"""A disk that is really full while a plan is received, analysed or sent: the end is that of an undisturbed run."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lymphorisk.clinic.run import Running
from lymphorisk.clinic.send import NotSentError, send
from lymphorisk.clinic.service import Destination, Service
from lymphorisk.clinic.store import COMPLETED, SCHEDULED, Store
from lymphorisk.clinic.worker import CHECK, NAMES, PAGE, PDF, RESULT
from lymphorisk.qa import audit
from tests.clinic.conftest import until
from tests.clinic.disk import Disk, mounted
from tests.clinic.orthanc import Orthanc, free_port, program

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(program() is None, reason="no Orthanc here (apt-get install orthanc)"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]
#: Of the file system of a store: room for a few plans and their answers. [bytes]
SIZE = 24 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A file system in memory; mounting one takes a right that not everybody has."""
    with mounted(tmp_path / "disk", SIZE) as made:
        if made is None:
            pytest.skip("no file system can be mounted here")
        yield made


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[Orthanc]:
    """An archive."""
    made = Orthanc(tmp_path / "pacs", free_port()).begin()
    yield made
    made.end()


def plan(rtplans: Path, case: str) -> list[Path]:
    return [rtplans / case / f"{name}.dcm" for name in ("RP", "RS", "RD")]


def pushed(files: list[Path], to: Destination) -> threading.Thread:
    """A planning system that sends until everything is taken."""

    def push() -> None:
        while True:
            try:
                send(files, to)
                return
            except NotSentError as error:
                if error.final:
                    raise
                time.sleep(0.2)

    thread = threading.Thread(target=push, daemon=True)
    thread.start()
    return thread


def test_a_disk_that_is_full_at_every_step_changes_no_end(
    disk: Disk, pacs: Orthanc, rtplans: Path, tmp_path: Path
) -> None:
    folder = disk.folder / "store"
    to_pacs = Destination("PACS", "127.0.0.1", pacs.port)
    service = Service(
        str(folder), port=0, free_mb=0, quiet_s=5.0, options={"draws": 16, "horizon_d": 60}, destinations=(to_pacs,),
        retry_s=0.5,
    )  # fmt: skip
    log_folder = tmp_path / "log"
    from lymphorisk.clinic import log

    log.begin(log_folder, screen=False)
    lines = log_folder / log.FILE

    def told(event: str) -> int:
        return sum(json.loads(line)["event"] == event for line in lines.read_text(encoding="utf-8").splitlines())

    with Running(service) as running:
        gate = Destination("LYMPHORISK", "127.0.0.1", running.receiver.port)

        disk.fill()  # while it is received
        sending = pushed(plan(rtplans, "lung"), gate)
        until(lambda: told("object not taken"))
        assert sending.is_alive()
        disk.empty()
        sending.join(60)
        until(lambda: len(pacs.answers()) == 2, 300)

        pushed(plan(rtplans, "pancreas"), gate).join(60)  # while it is analysed
        until(lambda: told("entry in progress") == 2, 60)
        disk.fill()
        until(lambda: told("entry scheduled again") + told("the supervisor stumbled"), 300)
        assert running.store.entries()[1].state != COMPLETED
        disk.empty()
        until(lambda: len(pacs.answers()) == 4, 300)

        pacs.end()  # while it is sent
        pushed(plan(rtplans, "brain"), gate).join(60)
        until(lambda: len(running.store.outgoing(SCHEDULED)) == 2, 300)
        until(lambda: told("answer not sent"), 60)
        disk.fill()
        pacs.begin()
        until(lambda: told("the sender stumbled"), 300)
        disk.empty()
        until(lambda: len(pacs.answers()) == 6, 300)
        until(lambda: not running.store.unrecorded() and not running.store.outgoing(SCHEDULED), 120)
        time.sleep(2)
        assert len(pacs.answers()) == 6
    log.end()
    store = Store(folder)
    assert store.trouble() == ""
    assert [(e.state, e.attempts <= 20) for e in store.entries()] == [(COMPLETED, True)] * 3
    assert all(o.state == COMPLETED for o in store.outgoing())
    assert len(store.outgoing()) == 6
    for entry in store.entries():
        names = {p.name for p in store.results(entry.key).iterdir()}
        assert names == {RESULT, CHECK, NAMES, PAGE, PDF, "sr.dcm", "report.dcm"}
    trail = folder / "audit"
    assert audit.verify(trail).broken_line is None
    written = [json.loads(line)["entry"]["entry"] for line in (trail / audit.FILE).read_text().splitlines()]
    assert sorted(written) == sorted(e.key for e in store.entries())
    store.close()
