"""The numbers as a structured report: valid, the same each time, and read back by another library."""

from __future__ import annotations

import shutil
import subprocess

import pydicom
import pytest

from lymphorisk.dicom import read_export, study_of
from lymphorisk.errors import InputError

pytest.importorskip("highdicom")

from lymphorisk.dicom.write_sr import ReportedNumber, ReportedText, write_measurements

MADE = ("20260203", "040506")
NUMBERS = (
    ReportedNumber("LR-NADIR", "Predicted lymphocyte nadir, median", 0.52, "10*9/L"),
    ReportedNumber("LR-BLOODMEAN", "Mean blood dose of the course", 2.31, "Gy"),
    ReportedNumber("LR-P-G4", "Probability of grade 4 lymphopenia", 12.5, "%"),
)


@pytest.fixture
def written(export_of, tmp_path):
    export = read_export(export_of())
    path = write_measurements(
        tmp_path / "sr.dcm", NUMBERS, study_of(export, "sr", made=MADE), export.inputs, version="0.1.0"
    )
    return export, path


def test_numbers_come_back_with_their_units(written):
    export, path = written
    ds = pydicom.dcmread(path)
    found = {}
    for item in walk(ds.ContentSequence):
        if item.ValueType == "NUM":
            value = item.MeasuredValueSequence[0]
            found[item.ConceptNameCodeSequence[0].CodeValue] = (
                float(value.NumericValue),
                value.MeasurementUnitsCodeSequence[0].CodeValue,
            )
    assert found == {n.code: (n.value, n.unit) for n in NUMBERS}
    assert ds.StudyInstanceUID == export.study_uid
    referred = {
        s.ReferencedSOPInstanceUID
        for study in ds.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for s in series.ReferencedSOPSequence
    }
    assert referred == {i.sop_uid for i in export.inputs}


def test_each_number_keeps_its_note_and_its_group_and_each_sentence_its_meaning(written, tmp_path):
    export, _ = written
    numbers = [
        ReportedNumber(f"LR-{group}-{n}", f"Number {n}", 1.0 + n, "d", note, f"regimen {group}")
        for group in "AB"
        for n, note in enumerate((f"calendar of {group} (assumed)", "", f"liver of {group} (placed)"))
    ]
    texts = (ReportedText("LR-FINDING", "Finding", "LR101 warning: a"), ReportedText("LR-NOTE", "Note", "read me"))
    path = write_measurements(
        tmp_path / "s.dcm", numbers, study_of(export, "sr", made=MADE), export.inputs, version="0", texts=texts
    )
    groups = [i for i in walk(pydicom.dcmread(path).ContentSequence) if called(i) == "125007"]
    assert [told(g, "112039") for g in groups] == [["regimen A"], ["regimen B"]]
    for letter, group in zip("AB", groups, strict=True):
        notes = {called(i): told(i, "LR-RESTS-ON") for i in group.ContentSequence if i.ValueType == "NUM"}
        assert notes == {
            f"LR-{letter}-0": [f"calendar of {letter} (assumed)"],
            f"LR-{letter}-1": [],
            f"LR-{letter}-2": [f"liver of {letter} (placed)"],
        }
    said = [(called(i), meaning(i), i.TextValue) for i in walk(groups) if i.ValueType == "TEXT"]
    assert [t for t in said if t[0] in ("LR-FINDING", "LR-NOTE")] == [(t.code, t.meaning, t.text) for t in texts]


def called(item):
    return item.ConceptNameCodeSequence[0].CodeValue if "ConceptNameCodeSequence" in item else ""


def meaning(item):
    return item.ConceptNameCodeSequence[0].CodeMeaning


def told(item, code):
    return [i.TextValue for i in item.get("ContentSequence", []) if called(i) == code]


def walk(items):
    for item in items:
        yield item
        yield from walk(item.get("ContentSequence", []))


def test_the_same_numbers_give_the_same_bytes(written, tmp_path):
    """Two reports are never made in the same microsecond, so a clock that was read would show."""
    export, path = written
    again = write_measurements(
        tmp_path / "b.dcm", NUMBERS, study_of(export, "sr", made=MADE), export.inputs, version="0.1.0"
    )
    assert path.read_bytes() == again.read_bytes()


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")
def test_dciodvfy_finds_no_errors(written):
    said = subprocess.run(["dciodvfy", str(written[1])], capture_output=True, text=True, check=False)
    assert [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")] == []


def test_texts_of_other_alphabets_are_read_back(written, tmp_path):
    export, _ = written
    texts = [ReportedText("LR-X", "Source", "Body: contour; alias: 'Außenkontur', 脾臓")]
    path = write_measurements(
        tmp_path / "d.dcm", NUMBERS, study_of(export, "sr", made=MADE), export.inputs, version="0.1.0", texts=texts
    )
    ds = pydicom.dcmread(path)
    assert ds.SpecificCharacterSet == "ISO_IR 192"
    assert texts[0].text in [item.get("TextValue") for item in walk(ds.ContentSequence)]
    if shutil.which("dciodvfy"):
        said = subprocess.run(["dciodvfy", str(path)], capture_output=True, check=False)
        assert b"Error" not in said.stdout + said.stderr


def test_a_report_of_nothing_is_refused(written, tmp_path):
    with pytest.raises(InputError, match="needs numbers"):
        write_measurements(tmp_path / "c.dcm", (), study_of(written[0], "sr"), written[0].inputs, version="0")
