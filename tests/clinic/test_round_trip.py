"""With a real Orthanc: a plan is forwarded, gated, and its answers lie in its own study; whatever is killed between."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pydicom
import pytest

from lymphorisk.clinic.service import Destination
from lymphorisk.clinic.store import AUDIT, CANCELED, COMPLETED, INCOMING, Store
from lymphorisk.qa import audit
from tests.clinic.disk import Disk, mounted
from tests.clinic.orthanc import Orthanc, Process, free_port, program, running, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(program() is None, reason="no Orthanc here (apt-get install orthanc)"),
]
#: Plans of the test that kills; a longer run is asked for by the environment.
KILLED = int(os.environ.get("LYMPHORISK_KILLED_PLANS", "6"))
#: What a plan and its answers may take of the disk that is filled. [bytes]
STORE = 8 << 20
QUICK = ("--draws", "16", "--quiet", "5")
CASES = ("breast_tangents", "pancreas", "lung")


def variants(case: Path, out: Path, count: int) -> list[list[Path]]:
    """The same plan for several patients: other UIDs, other names."""
    made = []
    for n in range(count):
        folder = out / f"{case.name}{n}"
        folder.mkdir(parents=True)
        uids: dict[str, str] = {}
        files = []
        for path in sorted(case.glob("*.dcm")):
            data = pydicom.dcmread(path)
            for element in data.iterall():
                if element.VR == "UI" and element.tag not in (0x00080016, 0x00081150) and element.value:
                    value = str(element.value)
                    if not value.startswith("1.2.840.10008"):
                        element.value = uids.setdefault(value, pydicom.uid.generate_uid(entropy_srcs=[value, str(n)]))
            data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
            data.PatientID, data.PatientName = f"P{n}", f"Patient^{n}"
            data.save_as(folder / path.name)
            files.append(folder / path.name)
        made.append(files)
    return made


def test_a_plan_comes_back_as_answers_in_its_own_study(tmp_path: Path, rtplans: Path) -> None:
    gate = free_port()
    pacs = Orthanc(tmp_path / "pacs", gate)
    listen = Process(tmp_path / "store", gate, (*QUICK, "--send", f"PACS@127.0.0.1:{pacs.port}"))
    with running(pacs, listen):
        for case in CASES:
            pacs.forward([pacs.store(p) for p in sorted((rtplans / case).glob("*.dcm"))])
        until(lambda: len(pacs.answers()) == 2 * len(CASES), 300)
        pacs.forward([pacs.store(p) for p in sorted((rtplans / "lung").glob("*.dcm"))])  # again: known
        time.sleep(3)
        answers = pacs.answers()
        assert len(answers) == 2 * len(CASES)
        for modality, instance in answers:
            path = tmp_path / f"{instance}.dcm"
            path.write_bytes(pacs.ask(f"instances/{instance}/file"))
            said = pacs.ask(f"instances/{instance}/study")
            plans = [s for s in said["Series"] if pacs.ask(f"series/{s}")["MainDicomTags"]["Modality"] == "RTPLAN"]
            plan = pydicom.dcmread(
                pydicom.filebase.DicomBytesIO(
                    pacs.ask(f"instances/{pacs.ask(f'series/{plans[0]}')['Instances'][0]}/file")
                )
            )
            made = pydicom.dcmread(path)
            for name in ("StudyInstanceUID", "StudyDate", "PatientID", "PatientName", "PatientBirthDate"):
                assert made.get(name) == plan.get(name), (modality, name)
            if shutil.which("dciodvfy"):
                done = subprocess.run(["dciodvfy", str(path)], capture_output=True, check=False)
                assert b"Error" not in done.stdout + done.stderr
        assert listen.end() == 0
        listen.begin()
    store = Store(tmp_path / "store")
    assert {e.state for e in store.entries()} == {COMPLETED}
    assert len(store.entries()) == len(CASES)


def test_an_answer_goes_by_dicomweb(tmp_path: Path, rtplans: Path) -> None:
    gate = free_port()
    pacs = Orthanc(tmp_path / "pacs", gate)
    listen = Process(tmp_path / "store", gate, (*QUICK, "--send", f"http://127.0.0.1:{pacs.http}/dicom-web"))
    with running(pacs, listen):
        pacs.forward([pacs.store(p) for p in sorted((rtplans / "lung").glob("*.dcm"))])
        until(lambda: sorted(m for m, _ in pacs.answers()) == ["DOC", "SR"], 120)


def test_whatever_is_killed_nothing_is_lost_and_nothing_is_twice(tmp_path: Path, rtplans: Path) -> None:
    """Receiver and worker die at random, the disk is full once, the archive goes away: the end is the same."""
    with mounted(tmp_path / "disk", KILLED * STORE) as disk:
        _killed(tmp_path, rtplans, disk)


def _killed(tmp_path: Path, rtplans: Path, disk: Disk | None) -> None:
    chance = random.Random(20260101)
    gate = free_port()
    pacs = Orthanc(tmp_path / "pacs", gate)
    settings = tmp_path / "lymphorisk.toml"
    settings.write_text("[receiver]\nfree_mb = 0\n", encoding="utf-8")
    told = (*QUICK, "--send", f"PACS@127.0.0.1:{pacs.port}")
    listen = Process(tmp_path / "disk" / "store", gate, told, {"LYMPHORISK_CONFIG": str(settings)})
    plans = variants(rtplans / "lung", tmp_path / "plans", KILLED)
    from lymphorisk.clinic.send import NotSentError, send

    killed = 0
    with running(pacs, listen):
        to = Destination("LYMPHORISK", "127.0.0.1", gate)
        for n, files in enumerate(plans):
            while True:  # as a planning system does that got no answer
                try:
                    send(files, to)
                    break
                except NotSentError:
                    time.sleep(0.2)
            time.sleep(chance.uniform(0.0, 2.0))
            if n == 2:
                pacs.end()
            if n == 3 and disk is not None:
                disk.fill()
                time.sleep(5.0)
                disk.empty()
            if n % 2:
                listen.kill()
                listen.begin()
                killed += 1
            else:
                for worker in listen.workers():
                    os.kill(worker, signal.SIGKILL)
                    killed += 1
        pacs.begin()
        until(lambda: len(pacs.answers()) == 2 * len(plans), 60 * len(plans))
        time.sleep(2)
        answers = [pacs.ask(f"instances/{i}/tags?simplify") for _, i in pacs.answers()]
    assert killed >= len(plans) // 2
    kinds = [(a["StudyInstanceUID"], a["Modality"]) for a in answers]
    assert sorted(kinds) == sorted(
        (str(pydicom.dcmread(files[0], stop_before_pixels=True).StudyInstanceUID), modality)
        for files in plans
        for modality in ("DOC", "SR")
    )
    store = Store(tmp_path / "disk" / "store")
    assert store.trouble() == ""
    assert [e.state for e in store.entries()] == [COMPLETED] * len(plans)
    assert all(o.state == COMPLETED for o in store.outgoing())
    assert len(store.outgoing()) == 2 * len(plans)
    assert not store.entries(CANCELED)
    assert sorted(p.name for p in store.results("").iterdir()) == sorted(e.key for e in store.entries())
    assert not list((store.folder / INCOMING).iterdir())
    assert audit.verify(store.folder / AUDIT).broken_line is None
    trail = [json.loads(line)["entry"] for line in (store.folder / AUDIT / audit.FILE).read_text().splitlines()]
    assert sorted(line["entry"] for line in trail) == sorted(e.key for e in store.entries())
    store.close()
