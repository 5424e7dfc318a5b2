"""Written files: the same bytes, valid, and read back as what was written."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from lymphorisk.dicom import Study, read_export, read_plan, study_of, uid, write_export
from lymphorisk.dicom.export import PatientIdentity, StudyFacts
from lymphorisk.dicom.study import decimal
from lymphorisk.dicom.write_dose import write_dose
from lymphorisk.dvh.curve import DVH
from lymphorisk.errors import UnsupportedDoseError, UnsupportedGeometryError
from lymphorisk.plan import Beam, DoseGrid, Structure, TreatmentPlan


def all_bytes(folder):
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def test_the_same_seed_gives_the_same_bytes(export_of):
    one, two = all_bytes(export_of(name="one")), all_bytes(export_of(name="two"))
    assert one == two
    other = all_bytes(export_of(name="three", seed="another"))
    assert all(one[name] != other[name] for name in one)


def test_uids_are_valid_and_follow_from_the_seed():
    for n in range(100):
        value = uid("seed", n)
        assert len(value) <= 64
        assert pydicom.uid.UID(value).is_valid


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, -1 / 3, 1e-7 / 3, -123456.789012345, 2 / 3 * 1e5, 1.4e-5, 6e22])
def test_decimal_strings_fit_and_are_as_exact_as_they_can_be(value):
    text = decimal(value)
    assert len(text) <= 16
    assert float(text) == pytest.approx(value, rel=1e-8)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_no_decimal_string(value):
    with pytest.raises(UnsupportedGeometryError, match="does not fit a decimal string"):
        decimal(value)


@pytest.mark.parametrize("modality", ["photon", "electron", "proton", "ion"])
@pytest.mark.parametrize("position", ["HFS", "FFDL"])
@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")
def test_dciodvfy_finds_no_errors(export_of, tiny, modality, position):
    folder = export_of(tiny.plan(modality=modality), position=position)
    for path in sorted(folder.glob("*.dcm")):
        said = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
        lines = (said.stdout + said.stderr).splitlines()
        assert [line for line in lines if line.startswith("Error")] == [], path.name


def test_ions_are_bare_carbon_and_protons_say_no_nucleus(export_of, tiny):
    for modality, nucleus in (("ion", (12, 6, 6)), ("proton", (None, None, None))):
        folder = export_of(tiny.plan(modality=modality), name=modality)
        (plan,) = (ds for p in folder.glob("*.dcm") if (ds := pydicom.dcmread(p)).Modality == "RTPLAN")
        for beam in plan.IonBeamSequence:
            told = tuple(
                beam.get(key) for key in ("RadiationMassNumber", "RadiationAtomicNumber", "RadiationChargeState")
            )
            assert told == nucleus


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")
def test_dciodvfy_accepts_a_relative_map_and_dvhs(tmp_path, tiny):
    dvh = DVH("BODY", np.linspace(0, 5, 51), np.linspace(10, 0, 51), 2.5, 0.0, 5.0)
    study = Study("map")
    for name, options in {
        "map": {"units": "RELATIVE", "comment": "Share of lymphocytes killed per Gy"},
        "dvh": {"dvhs": {1: dvh}, "bits": 16},
    }.items():
        path = write_dose(tmp_path / f"{name}.dcm", tiny.grid(), study, **options)
        said = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
        assert "Error" not in said.stdout + said.stderr


def test_beams_with_a_dose_get_a_file(export_of, tiny):
    plan = tiny.plan()
    phase = plan.phases[0]
    half = tiny.grid(factor=0.5)
    beams = tuple(replace(b, dose=half) for b in phase.beams)
    export = read_export(export_of(replace(plan, phases=(replace(phase, beams=beams),))))
    for beam in export.plan.phases[0].beams:
        np.testing.assert_allclose(beam.dose.dose_zyx, half.dose_zyx, atol=1e-5)


def test_two_phases_become_two_plans_on_one_structure_set(export_of, tiny):
    first, second = tiny.plan().phases[0], tiny.plan(label="Boost", fractions=3, prescription_gy=21.0).phases[0]
    plan = TreatmentPlan("course", (first, second), tiny.structures())
    export = read_export(export_of(plan), sum_doses=True)
    assert sorted((p.label, p.fractions) for p in export.plan.phases) == [("Boost", 3), ("P1", 5)]


def test_names_beyond_ascii_come_back(export_of, tiny):
    plan = tiny.plan()
    names = ("Körper", "脾臓", "Цель")
    structures = tuple(
        Structure(s.number, n, s.contours_mm, "", s.rt_type) for s, n in zip(plan.structures, names, strict=True)
    )
    plan = TreatmentPlan("P1", plan.phases, structures)
    assert tuple(s.name for s in read_export(export_of(plan)).plan.structures) == names


def test_patient_facts_come_back(export_of):
    patient = read_export(export_of()).patient
    assert (patient.sex, patient.age_y, patient.height_cm) == ("F", 61.0, 165.0)
    assert patient.weight_kg is None


def test_an_oblique_grid_is_not_bent_straight(tmp_path, tiny):
    grid = tiny.grid()
    c, s = np.cos(0.1), np.sin(0.1)
    turned = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1.0]])
    oblique = DoseGrid(
        grid.dose_zyx.copy(), grid.origin_mm.copy(), turned, grid.x_mm.copy(), grid.y_mm.copy(), grid.z_mm.copy()
    )
    with pytest.raises(UnsupportedGeometryError, match="oblique"):
        write_dose(tmp_path / "RD.dcm", oblique, Study("x"))


def test_what_cannot_be_written_is_refused_and_leaves_no_file(tmp_path, tiny):
    with pytest.raises(UnsupportedDoseError, match="8 bits"):
        write_dose(tmp_path / "RD.dcm", tiny.grid(), Study("x"), bits=8)
    with pytest.raises(UnsupportedGeometryError, match="unknown"):
        write_dose(tmp_path / "RD.dcm", tiny.grid(), Study("x"), position="UPSIDE")
    assert list(tmp_path.iterdir()) == []


def test_a_left_handed_grid_is_written_right_handed(tmp_path, tiny):
    grid = tiny.grid()
    mirrored = DoseGrid(
        grid.dose_zyx[::-1].copy(),
        grid.origin_mm + np.array([0.0, 0.0, grid.z_mm[-1]]),
        np.diag([1.0, 1.0, -1.0]),
        grid.x_mm.copy(),
        grid.y_mm.copy(),
        grid.z_mm[-1] - grid.z_mm[::-1],
        grid.frame_of_reference,
    )
    plan = tiny.plan(dose=mirrored)
    write_export(tmp_path, plan, seed="left")
    read = read_export(tmp_path).plan.phases[0].dose
    np.testing.assert_allclose(read.dose_zyx, grid.dose_zyx, atol=1e-5)
    np.testing.assert_allclose(read.origin_mm, grid.origin_mm)


def test_no_library_speaks_of_how_a_plan_writes_who_the_patient_is(tmp_path, tiny):
    """Values longer than the standard allows, or of another form, are kept; a warning would quote them on stderr."""
    long = "Doe " * 40
    facts = StudyFacts("19700101", "120000", "X" * 40, "1\\2", long, "Doe=" * 9, "X" * 90, "1970-1-1", "unknown sex")
    study = Study("x", identity=PatientIdentity("Doe^" * 30, "A" * 90), facts=facts, study_uid="1.2.abc").filled()
    written = write_dose(tmp_path / "RD.dcm", tiny.grid(), study).read_bytes()
    for said in (b"A" * 90, b"Doe^" * 30, b"X" * 40):
        assert said in written


def test_a_map_joins_the_study_it_was_made_from(export_of, tmp_path):
    export = read_export(export_of())
    study = study_of(export, "kill map")
    path = write_dose(
        tmp_path / "map.dcm",
        export.plan.phases[0].dose,
        study,
        plan_uid=export.plan.uids["RTPLAN"][0],
        dose_uid=uid("kill map", "RTDOSE"),
        units="RELATIVE",
        comment="Lymphocytes lost per Gy",
    )
    made, source = pydicom.dcmread(path), pydicom.dcmread(tmp_path / "export" / "RD.dcm")
    for name in ("StudyInstanceUID", "FrameOfReferenceUID", "PatientID", "PatientName"):
        assert made[name].value == source[name].value
    assert made.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID == export.plan.uids["RTPLAN"][0]
    assert (made.DoseUnits, made.DoseComment) == ("RELATIVE", "Lymphocytes lost per Gy")
    assert made.SOPInstanceUID != source.SOPInstanceUID


@pytest.mark.parametrize("modality", ["photon", "proton"])
@pytest.mark.parametrize("approval", ["UNAPPROVED", "APPROVED"])
def test_a_plan_that_says_little_says_no_more_when_it_is_read_back(tmp_path, tiny, modality, approval):
    """No prescription, no meterset, no time, an arc: what is not known is written as not known."""
    beams = tuple(Beam(n, f"B{n}", modality, technique="ARC" if modality == "photon" else "STATIC") for n in (1, 2))
    plan = tiny.plan(modality=modality, beams=beams, prescription_gy=None)
    write_export(tmp_path, replace(plan, approval=approval), seed="little", gantry_deg=(180.0, 30.0))
    export = read_export(tmp_path)
    (phase,) = export.plan.phases
    assert (phase.prescription_gy, phase.fractions, export.plan.approval) == (None, 5, approval)
    assert [(b.name, b.meterset, b.on_s, b.time_source) for b in phase.beams] == [
        ("B1", None, None, "assumed"),
        ("B2", None, None, "assumed"),
    ]
    (written,) = (ds for p in tmp_path.glob("RP*.dcm") if (ds := pydicom.dcmread(p)))
    assert ("ReviewDate" in written) == (approval == "APPROVED")
    if modality == "photon":
        assert [b.ControlPointSequence[1].GantryAngle for b in written.BeamSequence] == [179.0, 29.0]
    else:
        assert {b.ScanMode for b in written.IonBeamSequence} == {"NONE"}


def test_a_plan_without_beams_or_dose_is_written_without_them(tmp_path, tiny):
    write_export(tmp_path, tiny.plan(beams=(), dose=None), seed="bare")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["RP.dcm", "RS.dcm"]
    (phase,), _ = read_plan(tmp_path)
    assert (phase.beams, phase.fractions, phase.prescription_gy) == ((), 5, 42.0)


def test_a_grid_with_uneven_rows_is_not_written_as_an_even_one(tmp_path, tiny):
    grid = tiny.grid()
    uneven = grid.y_mm + 0.2 * np.arange(len(grid.y_mm)) ** 2
    dose = DoseGrid(grid.dose_zyx.copy(), grid.origin_mm, grid.directions, grid.x_mm, uneven, grid.z_mm)
    with pytest.raises(UnsupportedGeometryError, match="rows or columns of the dose grid are not evenly spaced"):
        write_dose(tmp_path / "RD.dcm", dose, Study("x"))


def test_a_grid_of_one_column_has_a_spacing(tmp_path, tiny):
    grid = tiny.grid()
    line = DoseGrid(
        grid.dose_zyx[:, :, :1].copy(), grid.origin_mm, grid.directions, grid.x_mm[:1], grid.y_mm, grid.z_mm
    )
    ds = pydicom.dcmread(write_dose(tmp_path / "RD.dcm", line, Study("x")))
    assert (ds.Columns, [float(v) for v in ds.PixelSpacing]) == (1, [4.0, 1.0])
