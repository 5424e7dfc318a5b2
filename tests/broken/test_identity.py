"""Files of different patients, joined: told, never printed."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

from lymphorisk.cli.main import cli
from lymphorisk.dicom import PatientIdentity, read_export
from lymphorisk.dicom.identity import check_exports, differences

OTHERS = {
    "PatientID": ("SECRET-77", "patient ID"),
    "PatientName": ("Secret^Person", "name"),
    "PatientBirthDate": ("19440102", "birth date"),
    "PatientSex": ("M", "sex"),
}


def put(name, value):
    return lambda ds: setattr(ds, name, value)


def dated(change=None):
    """Birth dates in every file, one of them changed."""

    def edit(ds):
        ds.PatientBirthDate = "19500607"
        if change is not None:
            change(ds)

    return edit


@pytest.mark.parametrize("stem", ["RP", "RS", "RD"])
@pytest.mark.parametrize("tag", OTHERS)
@pytest.mark.parametrize("link_by", ["uid", "folder"])
def test_any_file_of_another_patient_is_an_error_and_comes_first(export_of, stem, tag, link_by):
    value, fact = OTHERS[tag]
    edits = {s: dated(put(tag, value) if s == stem else None) for s in ("RP", "RS", "RD")}
    first, *rest = read_export(export_of(**edits), link_by=link_by).findings
    assert (first.code, first.severity) == ("LR041", "error")
    assert fact in first.what
    assert "LR041" not in {f.code for f in rest}
    for f in (first, *rest):
        words = re.findall(r"[\w^-]+", f"{f.what} {f.hint} {f.where}".casefold())
        assert value.casefold() not in words, f


@pytest.mark.parametrize("name", ["LYMPHORISK^FIXTURE", "Lymphorisk^Fixture^^^", " lymphorisk^ fixture ^ "])
def test_the_same_name_written_otherwise_is_the_same(export_of, name):
    found = read_export(export_of(RS=put("PatientName", name))).findings
    assert not {"LR041", "LR042"} & {f.code for f in found}


@pytest.mark.parametrize("value", ["", None])
def test_a_file_without_identity_is_noted_only(export_of, value):
    def strip(ds):
        for tag in OTHERS:
            if value is None:
                delattr(ds, tag)
            else:
                setattr(ds, tag, value)

    found = {f.code: f.severity for f in read_export(export_of(RD=strip)).findings}
    assert "LR041" not in found
    assert found["LR042"] == "info"


def test_an_export_without_any_identity_has_nothing_to_compare(export_of):
    def strip(ds):
        for tag in OTHERS:
            setattr(ds, tag, "")

    assert not {"LR041", "LR042"} & {f.code for f in read_export(export_of(RP=strip, RS=strip, RD=strip)).findings}


def test_inspect_says_it_before_everything_else(export_of):
    result = CliRunner().invoke(cli, ["inspect", str(export_of(RD=put("PatientID", "SECRET-77")))])
    assert result.exit_code == 0
    assert "LR041" in result.output.splitlines()[0]
    assert "SECRET" not in result.output


def test_plans_of_two_patients_and_frames_are_told_apart(export_of):
    def other(ds):
        for tag, (value, _) in OTHERS.items():
            setattr(ds, tag, value)

    a = read_export(export_of())
    b = read_export(export_of(name="b", seed="b", RP=other, RS=other, RD=other))
    (found,) = check_exports([a, b], ["a", "b"])
    assert (found.code, found.severity) == ("LR041", "error")
    assert "patient ID, name, sex differ" in found.what
    assert check_exports([a, a, None], ["a", "again", "scenario"]) == ()


def test_names_differ_by_their_letters_alone():
    same = PatientIdentity("Müller^Anna", "7", "19500607", "F")
    assert differences(same, PatientIdentity("MÜLLER^ANNA^", " 7", "1950.06.07", "f")) == ()
    assert differences(same, PatientIdentity("Müller^Anne", "7", "19500607", "O")) == ("name",)
