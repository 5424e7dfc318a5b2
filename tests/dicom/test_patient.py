"""Facts about the patient, and that nobody else learns who it is."""

from __future__ import annotations

import dataclasses

import pydicom
import pytest

from lymphorisk.dicom import read_export
from lymphorisk.errors import LymphoriskError

NAME, NUMBER = "Mustermann^Erika", "PAT-4711"


def identified(ds):
    ds.PatientName, ds.PatientID = NAME, NUMBER


def facts(export_of, **edits):
    return read_export(export_of(**edits)).patient


def test_age_from_birth_date_counts_birthdays(export_of):
    def change(ds):
        del ds.PatientAge
        ds.PatientBirthDate = "19500102"

    def on_the_day(ds):
        del ds.PatientAge
        ds.PatientBirthDate = "19500101"

    assert facts(export_of, RP=change, RS=change, RD=change).age_y == 49.0
    assert facts(export_of, name="day", RP=on_the_day, RS=on_the_day, RD=on_the_day).age_y == 50.0


@pytest.mark.parametrize(("text", "age"), [("061Y", 61.0), ("018M", 1.5), ("61", None), ("0", None)])
def test_age_strings(export_of, text, age):
    def change(ds):
        tag = pydicom.tag.Tag("PatientAge")
        raw = text.encode() + b" " * (len(text) % 2)
        ds[tag] = pydicom.dataelem.RawDataElement(tag, "AS", len(raw), raw, 0, False, True, True)

    assert facts(export_of, RP=change, RS=change, RD=change).age_y == age


def test_implausible_facts_are_left_out_with_a_finding(export_of):
    def change(ds):
        ds.PatientWeight = "7000"
        ds.PatientSex = "O"

    export = read_export(export_of(RP=change, RS=change, RD=change))
    assert export.patient.weight_kg is None
    assert export.patient.sex is None
    assert "LR028" in {f.code for f in export.findings}


def test_height_in_centimetres_by_mistake(export_of):
    def change(ds):
        ds.PatientSize = "172"

    assert facts(export_of, RP=change).height_cm == pytest.approx(172.0)


def test_name_and_id_are_kept_apart(export_of):
    export = read_export(export_of(RS=identified, RP=identified, RD=identified))
    assert (export.phi.name, export.phi.id) == (NAME, NUMBER)
    rest = dataclasses.replace(export, phi=type(export.phi)())
    for text in (repr(export.phi), repr(export), repr(rest), str(export.findings)):
        assert "Mustermann" not in text
        assert NUMBER not in text


@pytest.mark.parametrize("cut", range(40, 1400, 37))
def test_errors_never_carry_the_patient(export_of, cut):
    folder = export_of(RS=identified, RP=identified, RD=identified)
    path = folder / "RP.dcm"
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(LymphoriskError) as error:
        read_export(folder)
    assert "Mustermann" not in error.value.message + error.value.hint
    assert NUMBER not in error.value.message + error.value.hint
