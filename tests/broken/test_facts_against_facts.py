"""Facts typed, in a patient file, in headers, in a scenario and in the plan itself: where they differ it is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lymphorisk.analysis.prepared import prepare
from lymphorisk.cli.options import patient_of
from lymphorisk.dicom import read_export
from lymphorisk.dvh import DVH
from lymphorisk.errors import ScenarioError
from lymphorisk.plan import Patient, known_patient
from lymphorisk.regimen import PatientFacts, merged

CODE = "LR047"
SCENARIO = '[plan]\nfractions = 2\n[organs."*"]\nmean_gy = 2.0\n[patient]\n'


def said(findings: Any) -> list[str]:
    return [f.what for f in findings if f.code == CODE]


@pytest.mark.parametrize(
    ("given", "fact"),
    [
        ({"age_y": 35.0}, "age_y is 35 as given, 61"),
        ({"sex": "M"}, "sex is M as given, F"),
        ({"height_cm": 180.0}, "height_cm is 180 as given, 165"),
    ],
)
def test_what_is_typed_wins_over_headers_and_says_so(export_of: Any, given: dict[str, Any], fact: str) -> None:
    made = prepare(export_of(), Patient(**given))
    assert [fact in what for what in said(made.findings)] == [True]
    ((name, value),) = given.items()
    assert getattr(made.patient, name) == value


def test_what_agrees_or_is_rounded_is_no_contradiction(export_of: Any) -> None:
    made = prepare(export_of(), Patient(age_y=61.9, sex="F", height_cm=164.5, alc=1.2))
    assert not said(made.findings)


def test_facts_of_a_header_that_cannot_stand_beside_the_typed_ones_are_left_out(export_of: Any) -> None:
    """Not a refusal of the export: what was typed decides."""
    made = prepare(export_of(), Patient(weight_kg=250.0, age_y=60.0))  # a body mass index of 92 at 165 cm
    assert made.patient.height_cm is None
    assert made.patient.sex == "F"
    assert [w for w in said(made.findings) if w.startswith("height_cm = 165")]


def test_typed_facts_that_cannot_be_one_body_are_refused(export_of: Any) -> None:
    with pytest.raises(ScenarioError, match="body mass index"):
        known_patient({"weight_kg": 250.0, "height_cm": 150.0, "age_y": 60.0}, "as typed", Patient(), "nothing")


@pytest.mark.parametrize(
    ("fact", "typed", "read", "says"),
    [
        ("drugs", "cisplatin", "carboplatin", "drugs is cisplatin as given, carboplatin in the file: cisplatin is"),
        ("subsets", {"CD4": 40, "NK": 12.5}, {"CD4": 50}, "subsets is cd4=0.4, nk=0.125 as given, cd4=0.5 in the file"),
        ("columns", {"NLR": 3}, {"NLR": 4}, "columns is NLR=3 as given, NLR=4 in the file: NLR=3 is used"),
        ("steroid", "none", "8@-3..14; 4@14..40", "steroid is none as given, 8@-3..14, 4@14..40 in the file: none"),
    ],
)  # fmt: skip
def test_facts_of_several_parts_are_told_as_they_are_typed(fact: str, typed: Any, read: Any, says: str) -> None:
    as_given, of_file = (Patient(**{"chemo" if fact == "drugs" else fact: value}) for value in (typed, read))
    found = known_patient({fact: getattr(as_given, fact)}, "as given", of_file, "the file")
    assert said(found.findings)[0].startswith(says)
    assert getattr(found.patient, fact) == getattr(as_given, fact)


@pytest.mark.parametrize(
    ("line", "option", "says"),
    [
        ("alc = 0.8", {"alc": 1.4}, "alc is 1.4 as typed, 0.8 in the patient file: 1.4 is used"),
        ('alc = 800\nalc_unit = "cells/uL"', {"alc": 1.4}, "alc is 1.4 as typed, 0.8 in the patient file"),
        ("age = 40", {"age": 61.0}, "age_y is 61 as typed, 40"),
        ('site = "Lung"', {"site": "brain"}, "site is brain as typed, lung"),
        ('chemo = "TMZ"', {"chemo": "none"}, "chemo is none as typed, temozolomide"),
        ("lln = 1.0", {"lln": 1.5}, "lln is 1.5 as typed, 1 "),
    ],
)
def test_options_win_over_a_patient_file_and_say_so(
    tmp_path: Path, line: str, option: dict[str, Any], says: str
) -> None:
    file = tmp_path / "patient.toml"
    file.write_text(f"[patient]\n{line}\n", encoding="utf-8")
    known = patient_of({"patient_file": file, "alc_unit": "10^9/L", **option})
    assert [says in what for what in said(known.findings)] == [True]
    plan = tmp_path / "plan.toml"
    plan.write_text(SCENARIO, encoding="utf-8")
    assert said(prepare(plan, known).findings) == said(known.findings)


def test_a_childs_age_in_the_file_explains_a_weight_that_is_typed(tmp_path: Path) -> None:
    file = tmp_path / "patient.toml"
    file.write_text("age = 0.5\nheight_cm = 66\n", encoding="utf-8")
    assert patient_of({"patient_file": file, "weight_kg": 7.0, "alc_unit": "10^9/L"}).patient.age_y == 0.5


def test_a_scenario_and_what_is_typed(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(SCENARIO + 'alc = 0.7\nsite = "prostate"\n', encoding="utf-8")
    made = prepare(plan, Patient(alc=1.9, site="pelvis"))  # a prostate lies in the pelvis
    assert said(made.findings) == ["alc is 1.9 as given, 0.7 in the scenario: 1.9 is used"]


def test_two_ages_in_one_header(export_of: Any) -> None:
    def change(ds: Any) -> None:
        ds.PatientAge, ds.PatientBirthDate, ds.StudyDate = "061Y", "19900102", "20260101"
        if "RTPlanDate" in ds:
            ds.RTPlanDate = "20260101"

    found = said(read_export(export_of(RP=change, RS=change, RD=change)).findings)
    assert found == ["age_y is 61 by Patient's Age, 35 in the dates of the same header: the former is used"]


def test_two_weights_in_two_headers(export_of: Any) -> None:
    def weighs(kg: str) -> Any:
        return lambda ds: setattr(ds, "PatientWeight", kg)

    (what,) = said(read_export(export_of(RP=weighs("60"), RS=weighs("85"), RD=weighs("61"))).findings)
    assert what.startswith("weight_kg is 60 in the first file, 85 in RTSTRUCT")


@pytest.mark.parametrize(("roi", "sex"), [("Prostate", "F"), ("Uterus", "M"), ("Ovary_L", "M"), ("Testis_R", "F")])
def test_an_organ_of_the_other_sex(export_of: Any, roi: str, sex: str) -> None:
    def rename(ds: Any) -> None:
        ds.StructureSetROISequence[1].ROIName = roi

    (what,) = (w for w in said(prepare(export_of(RS=rename), Patient(sex=sex)).findings) if "drawn" in w)
    assert roi in what


def test_a_site_that_the_dose_denies(export_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from lymphorisk.analysis import told
    from lymphorisk.analysis.site import contradicted

    def inside_lung(name: str) -> DVH:
        import numpy as np

        cm3 = {"GTV": 100.0, "Lungs": 3000.0, "GTV&Lungs": 80.0}.get(name, 1.0)
        return DVH(name, np.array([0.0, 60.0, 60.01]), np.array([cm3, cm3, 0.0]), 60.0, 60.0, 60.0, 1.0, cm3)

    monkeypatch.setattr(told, "contradicted", lambda _, given: contradicted(inside_lung, given))
    for site, named in (("brain", True), ("pelvis", True), ("gastric", True), ("lung", False), ("lymphoma", False)):
        found = [w for w in said(prepare(export_of(), Patient(site=site)).findings) if w.startswith("site")]
        assert bool(found) is named, site


def test_a_regimen_file_and_what_is_typed() -> None:
    file = PatientFacts(Patient(alc=0.4, weight_kg=70.0), egfr_ml_min=90.0, bsa_m2=1.8)
    known = merged(file, PatientFacts(Patient(alc=1.0), egfr_ml_min=45.0, bsa_m2=1.8))
    assert (known.patient.alc, known.patient.weight_kg, known.egfr_ml_min) == (1.0, 70.0, 45.0)
    assert said(known.contradicted) == [
        "alc is 1 as given, 0.4 in the files: 1 is used",
        "egfr_ml_min is 45 as given, 90 in the files: 45 is used",
    ]
