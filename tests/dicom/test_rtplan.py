"""Fractions, metersets and beam-on times."""

from __future__ import annotations

import copy

import pytest
from pydicom.dataset import Dataset

from lymphorisk.dicom import read_export, read_plan, rtplan
from lymphorisk.dicom.reader import find
from lymphorisk.errors import DicomReadError, LinkError, ScenarioError, UnsupportedDoseError
from lymphorisk.plan import Beam


def codes(findings):
    return {f.code for f in findings}


def test_phase_and_beams_come_back(export_of):
    phase = read_export(export_of()).plan.phases[0]
    assert (phase.label, phase.fractions, phase.prescription_gy, phase.modality) == ("P1", 5, 42.0, "photon")
    assert [(b.number, b.name, b.meterset, b.time_source) for b in phase.beams] == [
        (1, "B1", 100.0, "plan"),
        (2, "B2", 60.0, "plan"),
    ]
    assert [b.on_s for b in phase.beams] == pytest.approx([15.0, 12.0])


def control_points(weights, rates):
    points = []
    for n, (weight, rate) in enumerate(zip(weights, rates, strict=True)):
        point = Dataset()
        point.ControlPointIndex, point.CumulativeMetersetWeight = n, str(weight)
        if rate is not None:
            point.DoseRateSet = str(rate)
        points.append(point)
    return points


@pytest.mark.parametrize(
    ("weights", "rates", "minutes"),
    [
        ([0, 1], [400, None], 100 / 400),
        ([0, 0.5, 1], [400, None, None], 100 / 400),
        ([0, 0.25, 1], [100, 300, None], 25 / 100 + 75 / 300),
        ([0, 0.25, 0.25, 1], [100, None, 600, None], 25 / 100 + 75 / 600),
        ([0, 30, 60], [400, 200, None], 50 / 400 + 50 / 200),
    ],
)
def test_beam_on_time_is_meterset_over_dose_rate_segment_by_segment(export_of, weights, rates, minutes):
    def change(ds):
        ds.BeamSequence[0].ControlPointSequence = control_points(weights, rates)
        ds.BeamSequence[0].FinalCumulativeMetersetWeight = str(weights[-1])

    beam = read_export(export_of(RP=change)).plan.phases[0].beams[0]
    assert beam.on_s == pytest.approx(60.0 * minutes)
    assert beam.time_source == "plan"


@pytest.mark.parametrize("rate", [None, 0])
def test_without_a_dose_rate_the_time_is_not_known(export_of, rate):
    def change(ds):
        ds.BeamSequence[0].ControlPointSequence = control_points([0, 1], [rate, None])

    beam = read_export(export_of(RP=change)).plan.phases[0].beams[0]
    assert (beam.on_s, beam.time_source) == (None, "assumed")


@pytest.mark.parametrize(
    ("weights", "rates", "final", "seconds"),
    [
        ([0, 1], [400, None], None, None),
        ([0, 1], [400, None], 0, None),
        ([None, 1], [400, None], 1, None),
        ([0, 0.5, 1], [None, 400, None], 1, None),
        ([0, None, 1], [400, 200, None], 1, 60.0 * 100 / 200),
        ([0, 0, 1], [None, 400, None], 1, 60.0 * 100 / 400),
    ],
    ids=["no final weight", "final weight 0", "no first weight", "no first rate", "no middle weight", "no dose yet"],
)
def test_a_time_is_given_only_where_the_control_points_say_it(export_of, weights, rates, final, seconds):
    def change(ds):
        beam = ds.BeamSequence[0]
        beam.ControlPointSequence = control_points([0 if w is None else w for w in weights], rates)
        for point, weight in zip(beam.ControlPointSequence, weights, strict=True):
            if weight is None:
                del point.CumulativeMetersetWeight
        beam.FinalCumulativeMetersetWeight = None if final is None else str(final)

    beam = read_export(export_of(RP=change)).plan.phases[0].beams[0]
    assert beam.on_s == (None if seconds is None else pytest.approx(seconds))


def test_a_beam_of_no_meterset_is_left_out_without_a_guess(export_of):
    """A meterset of 0 is stated, and no remark; a reference without a number names nothing."""

    def change(ds):
        one = ds.FractionGroupSequence[0].ReferencedBeamSequence
        one[1].BeamMeterset = "0"
        nameless = copy.deepcopy(one[0])
        del nameless.ReferencedBeamNumber
        one.append(nameless)

    export = read_export(export_of(RP=change))
    assert [b.number for b in export.plan.phases[0].beams] == [1]
    assert not any("meterset" in f.what and f.severity != "info" for f in export.findings)


def test_a_source_measured_in_minutes_gives_its_time(export_of):
    def change(ds):
        ds.BeamSequence[0].PrimaryDosimeterUnit = "MINUTE"
        ds.FractionGroupSequence[0].ReferencedBeamSequence[0].BeamMeterset = "1.5"

    assert read_export(export_of(RP=change)).plan.phases[0].beams[0].on_s == pytest.approx(90.0)


def test_the_user_knows_better(export_of):
    folder = export_of()
    for given in ({1: 33.0}, [33.0, 12.0]):
        beams = read_export(folder, beam_on_s=given).plan.phases[0].beams
        assert (beams[0].on_s, beams[0].time_source) == (33.0, "user")
        assert beams[1].on_s == pytest.approx(12.0)
    with pytest.raises(LinkError, match="3 beam-on times for 2 beams"):
        read_export(folder, beam_on_s=[1.0, 2.0, 3.0])
    with pytest.raises(LinkError, match="no beam 9"):
        read_export(folder, beam_on_s={9: 1.0})


def test_setup_and_idle_beams_are_left_out(export_of):
    def change(ds):
        for number, kind in ((3, "SETUP"), (4, "OPEN_PORTFILM"), (5, "TREATMENT")):
            beam, reference = copy.deepcopy(ds.BeamSequence[0]), Dataset()
            beam.BeamNumber, beam.TreatmentDeliveryType = number, kind
            reference.ReferencedBeamNumber = number
            ds.BeamSequence.append(beam)
            ds.FractionGroupSequence[0].ReferencedBeamSequence.append(reference)

    export = read_export(export_of(RP=change))
    assert [b.number for b in export.plan.phases[0].beams] == [1, 2]
    assert any(f.code == "LR014" and "3, 4, 5" in f.what for f in export.findings)


def test_prescription_to_a_volume_goes_before_one_to_a_point(export_of):
    def change(ds):
        point = copy.deepcopy(ds.DoseReferenceSequence[0])
        point.DoseReferenceNumber, point.DoseReferenceStructureType, point.TargetPrescriptionDose = 2, "POINT", "50"
        organ = copy.deepcopy(ds.DoseReferenceSequence[0])
        organ.DoseReferenceNumber, organ.DoseReferenceType, organ.TargetPrescriptionDose = 3, "ORGAN_AT_RISK", "60"
        boost = copy.deepcopy(ds.DoseReferenceSequence[0])
        boost.DoseReferenceNumber, boost.TargetPrescriptionDose = 4, "45"
        ds.DoseReferenceSequence.extend([point, organ, boost])

    assert read_export(export_of(RP=change)).plan.phases[0].prescription_gy == 45.0


@pytest.mark.parametrize(
    ("status", "severity"),
    [("UNAPPROVED", "warning"), ("REJECTED", "warning"), ("ACCEPTED", "warning"), (None, "info")],
)
def test_a_plan_that_is_not_approved_is_told(export_of, status, severity):
    def change(ds):
        if status is None:
            del ds.ApprovalStatus
        else:
            ds.ApprovalStatus = status

    found = [f for f in read_export(export_of(RP=change)).findings if f.code == "LR010"]
    assert [f.severity for f in found] == [severity]
    assert "LR010" not in codes(read_export(export_of(name="approved")).findings)


@pytest.mark.parametrize("modality", ["electron", "proton", "ion"])
def test_other_particles(export_of, tiny, modality):
    export = read_export(export_of(tiny.plan(modality=modality)))
    phase = export.plan.phases[0]
    assert phase.modality == modality
    assert [b.on_s for b in phase.beams] == pytest.approx([15.0, 12.0], rel=1e-6)
    assert export.plan.uids["RTPLAN"]
    assert export.inputs[0].role == ("RTIONPLAN" if modality in ("proton", "ion") else "RTPLAN")


@pytest.mark.parametrize("weight", ["1e5", "1e9", "1e300"])
def test_metersets_that_no_beam_takes_are_not_believed(export_of, weight):

    def change(ds):
        points = ds.BeamSequence[0].ControlPointSequence
        points[-1].CumulativeMetersetWeight = weight

    export = read_export(export_of(RP=change))
    assert export.plan.phases[0].beams[0].on_s is None
    assert [f.severity for f in export.findings if f.code == "LR032"] == ["warning"]


def test_no_beam_runs_for_days() -> None:
    assert Beam(1, on_s=28_800.0).on_s == 28_800.0
    for on_s in (28_801.0, float("inf")):
        with pytest.raises(ScenarioError, match="more than 28800 s"):
            Beam(1, on_s=on_s)


def test_a_placeholder_rate_of_a_particle_beam_is_not_believed(export_of, tiny):
    def change(ds):
        ds.IonBeamSequence[0].IonControlPointSequence[0].MetersetRate = 1.0

    export = read_export(export_of(tiny.plan(modality="proton"), RP=change))
    assert export.plan.phases[0].beams[0].on_s is None
    assert "LR032" in codes(export.findings)


@pytest.mark.parametrize(("factor", "named"), [(1.0, False), (30.0, False), (1000.0, True), (0.001, True)])
def test_metersets_that_make_no_fraction_are_named(export_of, factor, named):
    def change(ds):
        for beam in ds.FractionGroupSequence[0].ReferencedBeamSequence:
            beam.BeamMeterset = f"{float(beam.BeamMeterset) * factor:.10g}"

    found = [f.what for f in read_export(export_of(RP=change)).findings if f.code == "LR049"]
    assert bool(found) is named
    if named:
        assert f"2 beams run for {27.0 * factor:.3g} s" in found[0]


def test_read_plan_needs_no_dose(export_of):
    folder = export_of()
    (folder / "RD.dcm").unlink()
    (folder / "RS.dcm").unlink()
    phases, _ = read_plan(folder)
    assert [(p.label, p.fractions, len(p.beams), p.dose) for p in phases] == [("P1", 5, 2, None)]


def test_a_beam_of_two_groups_takes_its_time_from_its_meterset(export_of):
    def change(ds):
        second = copy.deepcopy(ds.FractionGroupSequence[0])
        second.FractionGroupNumber, second.NumberOfFractionsPlanned = 2, 3
        for beam in second.ReferencedBeamSequence:
            beam.BeamMeterset = float(beam.BeamMeterset) / 2
        ds.FractionGroupSequence.append(second)

    folder = export_of(RP=change)
    phases, _ = read_plan(folder / "RP.dcm")
    times = [[b.on_s / b.meterset for b in p.beams] for p in phases]
    assert times[0] == pytest.approx(times[1])
    assert [p.fractions for p in phases] == [5, 3]


def with_beam_doses(*doses):
    def change(ds):
        for beam, dose in zip(ds.FractionGroupSequence[0].ReferencedBeamSequence, doses, strict=True):
            if dose is not None:
                beam.BeamDose = str(dose)

    return change


@pytest.mark.parametrize(
    ("doses", "noted"),
    [
        ((5.0, 3.4), False),
        ((4.2, 0.0), False),
        ((2.0, 2.1), True),
        ((10.0, 7.0), True),
        ((2.0, None), False),
        ((0.0, 0.0), False),
    ],
)
def test_beam_doses_of_all_fractions_give_about_the_prescription(export_of, doses, noted):
    """42 Gy in 5 fractions; a beam without a dose says nothing. Half and double are still let pass."""
    found = read_export(export_of(RP=with_beam_doses(*doses))).findings
    assert ("LR036" in codes(found)) is noted


def test_one_plan_file_with_a_number_of_fractions_is_read_as_a_plan(export_of, tiny):
    folder = export_of()
    (folder / "RP.dcm").unlink()
    with pytest.raises(LinkError, match="0 plan files where one was expected") as refused:
        read_plan(folder)
    assert refused.value.hint == "give one RTPLAN file"
    (file,) = find(export_of(name="dose") / "RD.dcm").of("RTDOSE")
    with pytest.raises(DicomReadError, match="RTDOSE: this is not a plan"):
        rtplan.read_plan(file)

    def unsaid(ds):
        ds.FractionGroupSequence[0].NumberOfFractionsPlanned = None

    with pytest.raises(DicomReadError, match="fraction group 1 has no number of fractions"):
        read_plan(export_of(name="unsaid", RP=unsaid) / "RP.dcm")


def test_what_the_user_gives_is_checked_before_anything_is_read(tmp_path):
    with pytest.raises(LinkError, match="0 fractions are no course") as refused:
        read_export(tmp_path, fractions=0)
    assert "--fractions N" in refused.value.hint
    with pytest.raises(UnsupportedDoseError, match="dose_is = 'relative' is unknown"):
        read_export(tmp_path, dose_is="relative")


def test_beam_on_times_stand_for_the_beams_of_a_plan_that_is_not_there(export_of):
    folder = export_of()
    (folder / "RP.dcm").unlink()
    (phase,) = read_export(folder, fractions=5, beam_on_s=[20.0, 30.0]).plan.phases
    assert [(b.number, b.on_s, b.time_source) for b in phase.beams] == [(1, 20.0, "user"), (2, 30.0, "user")]
