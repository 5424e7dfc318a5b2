"""Objects that join a study keep what the study says, are dated when they are written, and say what they rest on."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from datetime import datetime

import pydicom
import pytest

from lymphorisk.dicom import read_export, study_of
from lymphorisk.dicom.study import FIXED_DATE, encoded, save
from lymphorisk.dicom.write_dose import dose_dataset
from lymphorisk.dicom.write_pdf import pdf_dataset

PDF = b"%PDF-1.4\n%%EOF"
MADE = ("20260203", "040506")
STUDY = {
    "StudyDate": "20251224",
    "StudyTime": "101112",
    "AccessionNumber": "A-77",
    "StudyID": "S9",
    "StudyDescription": "Becken Nachbestrahlung",
    "ReferringPhysicianName": "Überweiser^Ärztin",
    "PatientBirthDate": "19640229",
    "PatientSex": "F",
}


def told(ds: pydicom.Dataset) -> None:
    ds.SpecificCharacterSet = "ISO_IR 192"
    for name, value in STUDY.items():
        setattr(ds, name, value)


@pytest.fixture
def joined(export_of, tiny):
    export = read_export(export_of(RP=told, RS=told, RD=told))
    study = replace(study_of(export, "x", made=MADE), series="What it is")
    made = {
        "pdf": pdf_dataset(PDF, study, inputs=export.inputs),
        "map": dose_dataset(tiny.grid(), study, units="RELATIVE", comment="map"),
    }
    sr = pytest.importorskip("highdicom") and pytest.importorskip("lymphorisk.dicom.write_sr")
    numbers = [
        sr.ReportedNumber("LR-NADIR", "Nadir", 0.5, "10*9/L", "baseline count (assumed)", "one"),
        sr.ReportedNumber("LR-NADIR", "Nadir", 0.7, "10*9/L", "", "two"),
    ]
    texts = [sr.ReportedText("LR-VERDICT", "Verdict of the gate", "FAIL rests on 1 of 2 lines\x00" + "x" * 9999)]
    made["sr"] = sr.measurements_dataset(numbers, study, export.inputs, version="1", texts=texts)
    return export, made


def test_the_study_is_the_plans_and_the_date_that_of_writing(joined):
    export, made = joined
    for ds in made.values():
        assert {name: str(ds.get(name, "")) for name in STUDY if name != "StudyDescription"} == {
            name: value for name, value in STUDY.items() if name != "StudyDescription"
        }
        assert ds.StudyInstanceUID == export.study_uid
        assert (ds.ContentDate, ds.ContentTime) == MADE
        assert ds.InstanceCreationDate == MADE[0]
        assert FIXED_DATE not in str(ds)
        assert ds.SeriesDescription == "What it is"
        assert ds.SeriesNumber > 9999
    assert len({ds.SeriesNumber for ds in made.values()}) == len(made)
    assert made["pdf"].StudyDescription == STUDY["StudyDescription"]


def test_without_a_date_it_is_now(export_of):
    export = read_export(export_of())
    made = study_of(export, "x").made
    assert abs((datetime.now() - datetime.strptime("".join(made), "%Y%m%d%H%M%S")).total_seconds()) < 60


def test_what_the_study_does_not_say_is_not_made_up(export_of):
    def bare(ds):
        for name in ("StudyDate", "StudyTime"):
            setattr(ds, name, "")
        ds.AccessionNumber = "x" * 16
        ds.PatientBirthDate = ""

    export = read_export(export_of(RP=bare, RS=bare, RD=bare))
    ds = pdf_dataset(PDF, study_of(export, "x", made=MADE))
    assert (ds.StudyDate, ds.StudyTime, ds.PatientBirthDate) == ("", "", "")


def walk(items):
    for item in items:
        yield item
        yield from walk(item.get("ContentSequence", []))


def test_numbers_carry_what_they_rest_on_and_the_verdict_stands_beside_them(joined):
    items = list(walk(joined[1]["sr"].ContentSequence))
    rests = [
        [t.TextValue for t in i.get("ContentSequence", []) if t.ValueType == "TEXT"]
        for i in items
        if i.ValueType == "NUM"
    ]
    assert rests == [["baseline count (assumed)"], []]
    verdict = next(
        i.TextValue for i in items if i.ValueType == "TEXT" and i.ConceptNameCodeSequence[0].CodeValue == "LR-VERDICT"
    )
    assert verdict.startswith("FAIL rests on 1 of 2 lines")
    assert len(verdict) == 1024
    assert "\x00" not in verdict


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")
def test_dciodvfy_finds_no_errors(joined, tmp_path):
    for name, ds in joined[1].items():
        path = save(ds, tmp_path / f"{name}.dcm")
        assert path.read_bytes() == encoded(ds)
        said = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
        assert [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")] == [], name
