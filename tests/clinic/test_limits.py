"""What one plan may take, and how a service ends: a plan beyond its limits is named, and everything else goes on."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import numpy as np
import pydicom
import pytest

from lymphorisk.clinic.send import send
from lymphorisk.clinic.service import Destination
from lymphorisk.clinic.store import CANCELED, COMPLETED, Store
from tests.clinic.orthanc import Process, free_port, running, until

pytestmark = pytest.mark.slow
QUICK = ("--draws", "16", "--quiet", "5")
#: Between what the fixture takes and what it takes with a dose of a hundred million voxels. [MB]
LIMIT_MB = 700.0


def plan(case: Path) -> list[Path]:
    return [case / f"{name}.dcm" for name in ("RP", "RS", "RD")]


def larger(case: Path, folder: Path, times: int) -> list[Path]:
    """The plan with every voxel of its dose cut into many, as another study."""
    folder.mkdir()
    for path in plan(case):
        data = pydicom.dcmread(path)
        for element in data.iterall():
            if element.VR == "UI" and str(element.value).startswith("2.25"):
                element.value = f"{str(element.value)[:60]}.1"
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
        if path.stem == "RD":
            values = data.pixel_array
            for axis in range(3):
                values = np.repeat(values, times, axis)
            data.NumberOfFrames, data.Rows, data.Columns = values.shape
            pitch = [float(v) / times for v in data.PixelSpacing]
            step = float(data.GridFrameOffsetVector[1]) / times
            data.PixelSpacing, data.GridFrameOffsetVector = pitch, [step * k for k in range(len(values))]
            data.PixelData = values.tobytes()
        data.save_as(folder / path.name)
    return plan(folder)


def ended(store: Path, count: int) -> bool:
    """Whether this many entries have ended."""
    if not (store / "clinic.db").is_file():
        return False
    held = Store(store)
    try:
        return sum(e.ended_at is not None for e in held.entries()) == count
    finally:
        held.close()


def test_a_plan_that_takes_too_much_memory_is_named_and_the_next_is_answered(tmp_path: Path, rtplans: Path) -> None:
    gate = free_port()
    listen = Process(tmp_path / "store", gate, (*QUICK, "--limit-mb", f"{LIMIT_MB:g}"))
    to = Destination("LYMPHORISK", "127.0.0.1", gate)
    with running(listen):
        send(larger(rtplans / "lung", tmp_path / "large", 7), to)
        send(plan(rtplans / "pancreas"), to)
        until(lambda: ended(tmp_path / "store", 2), 600)
    large, small = Store(tmp_path / "store").entries()
    assert (large.state, large.reason) == (CANCELED, "the plan took more than 700 MB")
    assert "raise the limit" in large.hint
    assert large.attempts == 1
    assert small.state == COMPLETED


def test_a_plan_that_takes_too_long_is_named_and_the_service_goes_on(tmp_path: Path, rtplans: Path) -> None:
    gate = free_port()
    listen = Process(tmp_path / "store", gate, ("--draws", "4096", "--quiet", "5", "--limit-s", "0.5"))
    to = Destination("LYMPHORISK", "127.0.0.1", gate)
    with running(listen):
        for n, case in enumerate(("lung", "pancreas"), start=1):
            send(plan(rtplans / case), to)
            until(lambda n=n: ended(tmp_path / "store", n), 300)  # type: ignore[misc]
        assert listen.process is not None
        assert listen.process.poll() is None
    for entry in Store(tmp_path / "store").entries():
        assert (entry.state, entry.reason, entry.attempts) == (CANCELED, "the plan took more than 0.5 s", 1)


@pytest.mark.parametrize("moment", ["starting", "waiting", "in progress"])
@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_a_service_that_is_told_to_end_ends_cleanly(
    tmp_path: Path, rtplans: Path, moment: str, by: signal.Signals
) -> None:
    """Code 0, nothing on stderr but its log, no process left behind; its plan is scheduled again."""
    gate = free_port()
    listen = Process(tmp_path / "store", gate, QUICK, errors=tmp_path / "errors")
    listen.begin()
    assert listen.process is not None
    log = tmp_path / "store" / "log" / "service.jsonl"
    if moment != "starting":
        until(lambda: listen.workers(), 60)
        send(plan(rtplans / "lung"), Destination("LYMPHORISK", "127.0.0.1", gate))
        word = "entry scheduled" if moment == "waiting" else "entry in progress"
        until(lambda: word in log.read_text(encoding="utf-8"), 300)
        time.sleep(0.5 if moment == "waiting" else 0.0)
    workers = listen.workers()
    listen.process.send_signal(by)
    assert listen.process.wait(60) == 0
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
    said = (tmp_path / "errors").read_text(encoding="utf-8").splitlines()
    others = [line for line in said if not line.startswith("{")]
    assert others == [f"listening on port {gate} as LYMPHORISK; Ctrl-C ends"]
    assert json.loads(said[-1])["event"] == "ended"
    states = [e.state for e in Store(tmp_path / "store").entries()]
    assert states == ([] if moment == "starting" else ["SCHEDULED"])
