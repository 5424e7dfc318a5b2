"""Metersets belong to a beam in a fraction group: zero is not delivered, missing is not known."""

from __future__ import annotations

import copy

import pytest

from lymphorisk.dicom import read_export, read_plan
from lymphorisk.errors import DicomReadError


def groups_of(second):
    """An edit: a second group of 3 fractions with these metersets by beam; None leaves the meterset out."""

    def change(ds):
        group = copy.deepcopy(ds.FractionGroupSequence[0])
        group.FractionGroupNumber, group.NumberOfFractionsPlanned = 2, 3
        for reference in group.ReferencedBeamSequence:
            reference.BeamMeterset = second[int(reference.ReferencedBeamNumber)]
            if reference.BeamMeterset is None:
                del reference.BeamMeterset
        ds.FractionGroupSequence.append(group)

    return change


def beams(folder):
    phases, findings = read_plan(folder / "RP.dcm")
    return [[(b.number, b.meterset, b.on_s) for b in p.beams] for p in phases], findings


def test_zero_is_not_delivered_in_that_group_alone(export_of):
    (first, second), findings = beams(export_of(RP=groups_of({1: 0, 2: 30})))
    assert [b[:2] for b in first] == [(1, 100.0), (2, 60.0)]
    assert second == [(2, 30.0, pytest.approx(6.0))]
    assert "LR017" not in {f.code for f in findings}


def test_a_beam_of_the_second_group_alone_keeps_its_time(export_of):
    def change(ds):
        groups_of({1: 0, 2: 60})(ds)
        ds.FractionGroupSequence[0].ReferencedBeamSequence[1].BeamMeterset = 0

    (first, second), _ = beams(export_of(RP=change))
    assert first == [(1, 100.0, pytest.approx(15.0))]
    assert second == [(2, 60.0, pytest.approx(12.0))]


def test_missing_is_unknown_and_told(export_of):
    (first, second), findings = beams(export_of(RP=groups_of({1: None, 2: 60})))
    assert first[0] == (1, 100.0, pytest.approx(15.0))
    assert second == [(1, None, None), (2, 60.0, pytest.approx(12.0))]
    assert [(f.code, f.severity, f.where) for f in findings if f.code == "LR017"] == [
        ("LR017", "warning", "fraction group 2")
    ]


def test_a_group_that_delivers_nothing_is_an_error(export_of):
    (_, second), findings = beams(export_of(RP=groups_of({1: 0, 2: 0})))
    assert second == []
    assert [f.severity for f in findings if f.code == "LR017"] == ["error"]


def test_a_beam_without_meterset_that_has_a_dose_is_treated(export_of):
    def change(ds):
        _, second = ds.FractionGroupSequence[0].ReferencedBeamSequence
        del second.BeamMeterset
        second.BeamDose = 1.0

    export = read_export(export_of(RP=change))
    assert [(b.number, b.meterset) for b in export.plan.phases[0].beams] == [(1, 100.0), (2, None)]
    assert any(f.code == "LR017" and f.severity == "warning" for f in export.findings)


def test_a_setup_field_between_others_shifts_no_meterset(export_of):
    def change(ds):
        beam = copy.deepcopy(ds.BeamSequence[0])
        beam.BeamNumber, beam.TreatmentDeliveryType = 7, "SETUP"
        ds.BeamSequence.insert(0, beam)
        references = ds.FractionGroupSequence[0].ReferencedBeamSequence
        reference = copy.deepcopy(references[0])
        reference.ReferencedBeamNumber = 7
        del reference.BeamMeterset
        references.insert(1, reference)

    ((*found,),), _ = beams(export_of(RP=change))
    assert found == [(1, 100.0, pytest.approx(15.0)), (2, 60.0, pytest.approx(12.0))]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda r: setattr(r[0], "BeamMeterset", -5), "negative"),
        (lambda r: r.append(copy.deepcopy(r[0])), "lists beam 1 twice"),
    ],
)
def test_impossible_metersets_are_refused(export_of, change, says):
    folder = export_of(RP=lambda ds: change(ds.FractionGroupSequence[0].ReferencedBeamSequence))
    with pytest.raises(DicomReadError, match=says):
        read_plan(folder / "RP.dcm")
