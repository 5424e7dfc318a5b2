"""Plans of a real Orthanc: what is read by DICOMweb is what lies in a folder, and nothing of an address is written."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from lymphorisk.analysis import Options
from lymphorisk.cli.main import run
from lymphorisk.cohorts.keys import Recipe
from lymphorisk.cohorts.run import How, run_cohort
from lymphorisk.dicom import read_export, web
from lymphorisk.errors import InputError

pytestmark = pytest.mark.slow
CASES = ("pancreas", "lung")
#: Stands for the address of a study, or its folder.
STUDY = "STUDY"
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
LOGIN = base64.b64encode(b"reader:secret").decode()
RECIPE = Recipe(Options(draws=16, horizon_d=60), metrics=(("*", "Mean[Gy]"),))


@dataclass
class Orthanc:
    """A running server, and the studies in it by the name of their fixture."""

    url: str
    studies: dict[str, str]

    def address(self, case: str = "") -> str:
        """Of a study, or of all."""
        return f"dicomweb:{self.url}/dicom-web" + (f"/studies/{self.studies[case]}" if case else "")

    def store(self, data: bytes) -> str:
        """Give it a file; what it calls it."""
        return str(json.loads(self._asked("instances", data, "POST"))["ID"])

    def forget(self, instance: str) -> None:
        """Take a file away again."""
        self._asked(f"instances/{instance}", None, "DELETE")

    def _asked(self, what: str, data: bytes | None, method: str) -> bytes:
        head = {"Authorization": f"Basic {LOGIN}"}
        call = urllib.request.Request(f"{self.url}/{what}", data=data, headers=head, method=method)
        with urllib.request.urlopen(call, timeout=30) as answer:
            return bytes(answer.read())


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory, rtplans: Path) -> Iterator[Orthanc]:
    """An Orthanc of our own on free ports of this machine, with two fixture plans."""
    program = shutil.which("Orthanc", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None or not PLUGIN.is_file():
        pytest.skip("no Orthanc here (apt-get install orthanc orthanc-dicomweb)")
    folder, port = tmp_path_factory.mktemp("orthanc"), free_port()
    settings = {
        "StorageDirectory": str(folder / "store"),
        "IndexDirectory": str(folder / "store"),
        "HttpPort": port,
        "DicomPort": free_port(),
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {"reader": "secret"},
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (folder / "orthanc.json").write_text(json.dumps(settings), encoding="utf-8")
    with open(folder / "log", "wb") as log:
        server = subprocess.Popen([program, str(folder / "orthanc.json")], stdout=log, stderr=log)
    made = Orthanc(f"http://127.0.0.1:{port}", {})
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        for case in CASES:
            for path in sorted((rtplans / case).glob("*.dcm")):
                made.store(path.read_bytes())
            made.studies[case] = str(pydicom.dcmread(rtplans / case / "RP.dcm").StudyInstanceUID)
        yield made
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(autouse=True)
def login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Who asks, and a folder of temporary files that must be empty at the end."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv(web.USER, "reader")
    monkeypatch.setenv(web.PASSWORD, "secret")
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


@pytest.mark.parametrize(
    "command",
    [
        ("dvh", STUDY, "--json"),
        ("inspect", STUDY, "--json"),
        ("blood", STUDY, "--json"),
        ("check", STUDY, "--protocol", "pancreas", "--json", "--draws", "16"),
        ("analyze", STUDY, "--json", "--draws", "16"),
        ("compare", STUDY, STUDY, "--json", "--draws", "16"),
        ("killmap", STUDY, "--out", "map.dcm", "--force", "--dated", "2026-01-01"),
        ("conditioning", "low_dose_tbi.toml", STUDY, "--first-day", "-21", "--json", "--draws", "16"),
        ("commission", STUDY),
    ],
    ids=lambda c: str(c[0]),
)
def test_every_command_reads_a_study_as_its_folder(
    orthanc: Orthanc,
    rtplans: Path,
    tmp_path: Path,
    login: Path,
    capsys: pytest.CaptureFixture[str],
    command: tuple[str, ...],
) -> None:
    said = []
    places = {"map.dcm": tmp_path / "map.dcm", "low_dose_tbi.toml": rtplans.with_name("regimens") / "low_dose_tbi.toml"}
    folder = shutil.copytree(rtplans / "pancreas", tmp_path / web.name_of(orthanc.address("pancreas")))
    for source in (str(folder), orthanc.address("pancreas")):
        code = run([str(places.get(word, source if word == STUDY else word)) for word in command])
        made = places["map.dcm"].read_bytes() if "map.dcm" in command else b""
        said.append((code, *capsys.readouterr(), made))
    assert said[0] == said[1]
    assert any(said[0][1:])
    assert list(login.iterdir()) == []


def test_a_library_call_reads_an_address(orthanc: Orthanc, rtplans: Path) -> None:
    assert read_export(orthanc.address("lung")).inputs == read_export(rtplans / "lung").inputs


def test_images_are_fetched_when_the_structures_name_them(orthanc: Orthanc, rtplans: Path) -> None:
    structures = pydicom.dcmread(rtplans / "pancreas" / "RS.dcm")
    frame = structures.ReferencedFrameOfReferenceSequence[0]
    study = frame.RTReferencedStudySequence[0]
    named = str(study.RTReferencedSeriesSequence[0].SeriesInstanceUID)
    given = []
    for series, uid in ((named, "1.2.826.0.1.1"), ("1.2.826.0.1.77", "1.2.826.0.1.2")):
        image = Dataset()
        image.file_meta = FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = CTImageStorage
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = uid
        image.StudyInstanceUID, image.SeriesInstanceUID = orthanc.studies["pancreas"], series
        image.PatientID, image.Modality = structures.PatientID, "CT"
        stream = pydicom.filebase.DicomBytesIO()
        pydicom.dcmwrite(stream, image, enforce_file_format=True)
        given.append(orthanc.store(stream.getvalue()))
    with web.opened(orthanc.address("pancreas")) as folder:
        kinds = [(str(d.Modality), str(d.SeriesInstanceUID)) for d in map(pydicom.dcmread, folder.iterdir())]
    for instance in given:
        orthanc.forget(instance)
    assert sorted(k for k, _ in kinds) == ["CT", "RTDOSE", "RTPLAN", "RTSTRUCT"]
    assert ("CT", named) in kinds


def test_a_whole_server_is_a_cohort_like_its_folders(
    orthanc: Orthanc, rtplans: Path, tmp_path: Path, login: Path
) -> None:
    """Rows by key are those of the folders, and a second call computes nothing; no UID stands in any file."""
    first = run_cohort([orthanc.address()], tmp_path / "served", RECIPE, How(workers=0))
    again = run_cohort([orthanc.address()], tmp_path / "served", RECIPE, How(workers=0))
    assert (first.plans, first.quarantined, again.computed) == (2, 0, 0)
    for case in CASES:
        (tmp_path / "s" / case).mkdir(parents=True)
        for path in (rtplans / case).glob("*.dcm"):
            shutil.copy(path, tmp_path / "s" / case)
    run_cohort([tmp_path / "s"], tmp_path / "files", RECIPE, How(workers=0))
    for name in ("plans.parquet", "plans.csv", "metrics.parquet"):
        assert (tmp_path / "served" / name).read_bytes() == (tmp_path / "files" / name).read_bytes()
    written = b"".join(p.read_bytes() for p in (tmp_path / "served").rglob("*") if p.is_file())
    assert all(uid.encode() not in written for uid in orthanc.studies.values())
    assert list(login.iterdir()) == []
    run_cohort([orthanc.address("lung")], tmp_path / "one", RECIPE, How(workers=0, show_phi=True))
    assert orthanc.address("lung") in (tmp_path / "one" / "plans.csv").read_text(encoding="utf-8")


def test_a_study_that_cannot_be_had_stands_in_quarantine(
    orthanc: Orthanc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = [orthanc.address("lung"), f"{orthanc.address()}/studies/1.2.3"]
    done = run_cohort(sources, tmp_path / "o", RECIPE, How(workers=0))
    assert (done.plans, done.quarantined, done.exit_code) == (1, 1, 5)
    assert "no such study" in (tmp_path / "o" / "quarantine.csv").read_text(encoding="utf-8")
    monkeypatch.setattr(web, "MAX_STUDY", 10_000)
    with pytest.raises(InputError, match="far more than a study"), web.opened(orthanc.address("lung")):
        pass


@pytest.mark.parametrize(
    "command", [("analyze",), ("--debug", "dvh"), ("check", "--protocol", "lung", "--format", "junit")]
)
def test_who_may_not_read_is_refused_without_a_word_of_the_study(
    orthanc: Orthanc, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv(web.PASSWORD, "wrong")
    assert run([*command, orthanc.address("lung")]) == 3
    out, err = capsys.readouterr()
    assert "refuses the study (401)" in err
    assert orthanc.studies["lung"] not in out + err
    assert "wrong" not in out + err
    assert ("<testsuite" in out) == ("junit" in command)
