"""A result goes into the archive: valid DICOM beside its plan, the same bytes for the same result."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pydicom import dcmread

from lymphorisk.cli.main import run

pytest.importorskip("reportlab")
pytest.importorskip("highdicom")

QUICK = ("--draws", "64", "--horizon", "90", "--dated", "2026-02-03T04:05")
DCIODVFY = shutil.which("dciodvfy")


@pytest.fixture(scope="module")
def brain(rtplans: Path) -> Path:
    return rtplans / "brain"


@pytest.fixture(scope="module")
def written(brain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    assert write(folder, brain, "--alc", "1.4") == 0
    return folder


def write(folder: Path, export: Path, *more: str, command: str = "analyze") -> int:
    files = ("--dicom-pdf", str(folder / "report.dcm"), "--sr", str(folder / "sr.dcm"))
    return run([command, str(export), *files, *QUICK, *more])


@pytest.mark.skipif(DCIODVFY is None, reason="dciodvfy (dicom3tools) is not installed")
@pytest.mark.parametrize("name", ["report.dcm", "sr.dcm"])
def test_dciodvfy_finds_no_errors(written: Path, name: str) -> None:
    said = subprocess.run(["dciodvfy", str(written / name)], capture_output=True, text=True, check=False)
    assert [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")] == []


def test_they_join_the_study_of_the_plan(written: Path, brain: Path) -> None:
    plan = dcmread(next(iter(brain.rglob("*RTDOSE*")), None) or next(brain.rglob("*.dcm")), stop_before_pixels=True)
    for name in ("report.dcm", "sr.dcm"):
        ds = dcmread(written / name)
        assert (ds.StudyInstanceUID, ds.PatientID) == (plan.StudyInstanceUID, plan.PatientID)
    pdf = dcmread(written / "report.dcm")
    assert pdf.EncapsulatedDocument.startswith(b"%PDF-")


@pytest.mark.slow
def test_the_same_result_is_the_same_file_and_another_result_another_instance(
    written: Path, brain: Path, tmp_path: Path
) -> None:
    again, other = tmp_path / "again", tmp_path / "other"
    for folder, alc in ((again, "1.4"), (other, "1.0")):
        folder.mkdir()
        assert write(folder, brain, "--alc", alc) == 0
    for name in ("report.dcm", "sr.dcm"):
        assert (again / name).read_bytes() == (written / name).read_bytes()
        assert dcmread(other / name).SOPInstanceUID != dcmread(written / name).SOPInstanceUID


def test_the_numbers_are_those_of_the_result(written: Path) -> None:
    found = {}

    def walk(items: object) -> None:
        for item in items:  # type: ignore[attr-defined]
            if item.ValueType == "NUM":
                code = item.ConceptNameCodeSequence[0].CodeValue
                found[code] = float(item.MeasuredValueSequence[0].NumericValue)
            walk(item.get("ContentSequence", []))

    walk(dcmread(written / "sr.dcm").ContentSequence)
    assert found["LR-BASELINE"] == 1.4
    assert 0 < found["LR-NADIR-P05"] < found["LR-NADIR"] < found["LR-NADIR-P95"] <= 1.4
    assert found["LR-P-G4"] <= found["LR-P-G3"] <= found["LR-P-G2"] <= 100


@pytest.mark.slow
def test_the_gate_archives_the_page_to_sign(brain: Path, tmp_path: Path) -> None:
    code = write(tmp_path, brain, "--protocol", "general", command="check")
    assert code in (0, 1, 4)
    ds = dcmread(tmp_path / "report.dcm")
    assert (ds.ContentDate, ds.ContentTime) == ("20260203", "040500")
    if shutil.which("pdftotext"):
        page = tmp_path / "r.pdf"
        page.write_bytes(ds.EncapsulatedDocument)
        said = subprocess.run(["pdftotext", str(page), "-"], capture_output=True, text=True, check=True).stdout
        assert "2026-02-03 04:05" in said
        assert "General lymphopenia page" in said


def test_names_stay_out_of_the_document_unless_asked_for(written: Path, brain: Path, tmp_path: Path) -> None:
    if not shutil.which("pdftotext"):
        pytest.skip("no pdftotext here")

    def said(path: Path) -> str:
        page = tmp_path / "page.pdf"
        page.write_bytes(dcmread(path).EncapsulatedDocument)
        return subprocess.run(["pdftotext", str(page), "-"], capture_output=True, text=True, check=True).stdout

    patient = str(dcmread(written / "report.dcm").PatientID)
    assert patient not in said(written / "report.dcm")
    assert write(tmp_path, brain, "--alc", "1.4", "--show-phi") == 0
    assert patient in said(tmp_path / "report.dcm")


@pytest.mark.parametrize(
    ("option", "module", "extra"), [("--dicom-pdf", "reportlab", "pdf"), ("--sr", "highdicom", "sr")]
)
def test_a_missing_extra_is_named(
    brain: Path,
    tmp_path: Path,
    option: str,
    module: str,
    extra: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    assert run(["analyze", str(brain), option, str(tmp_path / "x.dcm"), *QUICK]) == 3
    assert f"lymphorisk[{extra}]" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_scenario_has_no_study_and_a_folder_must_exist(
    brain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.toml"
    path.write_text("[[plan.phase]]\nfractions = 3\n[organs]\nBody = { mean_gy = 1.0 }\n")
    assert run(["analyze", str(path), "--sr", str(tmp_path / "x.dcm"), *QUICK]) == 3
    assert "no DICOM study" in capsys.readouterr().err
    assert run(["analyze", str(brain), "--sr", str(tmp_path / "none" / "x.dcm"), *QUICK]) == 3
    assert "does not exist" in capsys.readouterr().err


@pytest.mark.slow
def test_one_of_both_is_written_where_one_is_asked_for(brain: Path, tmp_path: Path) -> None:
    assert run(["analyze", str(brain), "--dicom-pdf", str(tmp_path / "report.dcm"), *QUICK, "--alc", "1.4"]) == 0
    assert [p.name for p in tmp_path.iterdir()] == ["report.dcm"]
