"""What belongs together, and what must not be joined."""

from __future__ import annotations

import copy
import shutil

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from lymphorisk.dicom import read_export
from lymphorisk.errors import LinkError, UnsupportedDoseError


def codes(export):
    return {f.code for f in export.findings}


def reference(plan_uid, *, group=None, beams=()):
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.481.5", plan_uid
    if group is not None:
        fraction_group = Dataset()
        fraction_group.ReferencedFractionGroupNumber = group
        if beams:
            fraction_group.ReferencedBeamSequence = []
            for number in beams:
                beam = Dataset()
                beam.ReferencedBeamNumber = number
                fraction_group.ReferencedBeamSequence.append(beam)
        item.ReferencedFractionGroupSequence = [fraction_group]
    return item


def another_dose(folder, name, change, number):
    """A copy of RD.dcm with its own UID, changed."""
    ds = pydicom.dcmread(folder / "RD.dcm")
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"1.2.826.0.1.55.{number}"
    change(ds)
    ds.save_as(folder / name)


def top(export, phase=0):
    return float(export.plan.phases[phase].dose.dose_zyx.max())


def test_the_chain_of_uids_needs_no_remark(export_of):
    export = read_export(export_of())
    assert codes(export) == {"LR021"}
    assert set(export.plan.uids) == {"RTPLAN", "RTSTRUCT", "RTDOSE"}


@pytest.mark.parametrize("gone", ["RD", "RS"])
def test_what_is_missing_is_named(export_of, gone):
    folder = export_of()
    (folder / f"{gone}.dcm").unlink()
    with pytest.raises(LinkError, match="RTDOSE missing" if gone == "RD" else "RTSTRUCT missing") as error:
        read_export(folder)
    assert error.value.hint


def test_without_a_plan_the_fractions_must_be_given(export_of):
    folder = export_of()
    (folder / "RP.dcm").unlink()
    with pytest.raises(LinkError, match="number of fractions") as error:
        read_export(folder)
    assert "--fractions" in error.value.hint
    export = read_export(folder, fractions=5)
    assert export.plan.phases[0].fractions == 5
    assert export.plan.phases[0].beams == ()
    assert {"LR004", "LR011"} <= codes(export)


def test_dose_in_a_foreign_frame_of_reference(export_of):
    def change(ds):
        ds.FrameOfReferenceUID = "1.2.3.4"

    folder = export_of(RD=change)
    for link_by in ("uid", "frame"):
        with pytest.raises(LinkError, match="foreign frame"):
            read_export(folder, link_by=link_by)
    opted = read_export(folder, link_by="folder")
    assert any(f.code == "LR006" and f.severity == "error" for f in opted.findings)


def test_a_dose_that_names_no_plan_is_joined_by_its_frame_with_a_warning(export_of):
    def change(ds):
        del ds.ReferencedRTPlanSequence

    export = read_export(export_of(RD=change))
    assert "LR004" in codes(export)


def broken_dose(ds):
    ds.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID = "1.2.3.4"


def broken_plan(ds):
    ds.ReferencedStructureSetSequence[0].ReferencedSOPInstanceUID = "1.2.3.4"


@pytest.mark.parametrize(
    "broken", [{"RD": broken_dose}, {"RP": broken_plan}], ids=["dose to plan", "plan to structures"]
)
def test_links_an_anonymiser_broke_need_the_users_word(export_of, broken):
    folder = export_of(**broken)
    with pytest.raises(LinkError) as error:
        read_export(folder)
    assert "--link-by" in error.value.hint
    for link_by in ("frame", "folder"):
        assert "LR004" in codes(read_export(folder, link_by=link_by))


def another_structure_set(folder):
    ds = pydicom.dcmread(folder / "RS.dcm")
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.66"
    ds.StructureSetROISequence[1].ROIName = "Another"
    ds.save_as(folder / "AAA.dcm")


def test_the_plans_own_structure_set_is_taken(export_of):
    folder = export_of()
    another_structure_set(folder)
    export = read_export(folder)
    assert export.plan.structures[1].name == "Spleen"
    assert "LR005" in codes(export)


def test_two_structure_sets_that_both_fit_are_not_guessed(export_of):
    def silent(ds):
        del ds.ReferencedStructureSetSequence

    folder = export_of(RP=silent)
    assert "LR004" in codes(read_export(folder))
    another_structure_set(folder)
    with pytest.raises(LinkError, match="2 of 2 RTSTRUCT"):
        read_export(folder)


def test_a_dose_that_names_its_structures_decides_where_the_plan_is_silent(export_of):
    def silent(ds):
        del ds.ReferencedStructureSetSequence

    own = pydicom.dcmread(export_of(name="plain") / "RS.dcm").SOPInstanceUID

    def names(ds):
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.481.3", own
        ds.ReferencedStructureSetSequence = [item]

    folder = export_of(RP=silent, RD=names)
    another_structure_set(folder)
    assert read_export(folder).plan.structures[1].name == "Spleen"


def test_structures_without_a_frame_of_reference_are_joined_when_they_are_the_only_ones(export_of):
    def change(ds):
        del ds.ReferencedFrameOfReferenceSequence
        ds.pop("FrameOfReferenceUID", None)
        for roi in ds.StructureSetROISequence:
            del roi.ReferencedFrameOfReferenceUID

    export = read_export(export_of(RP=broken_plan, RS=change), link_by="frame")
    assert "LR004" in codes(export)
    assert any("no frame of reference to compare" in f.what for f in export.findings)


def test_of_structures_in_foreign_frames_those_of_the_doses_folder_are_taken_on_request(export_of):
    def foreign(ds):
        ds.FrameOfReferenceUID = "1.2.3.4"

    folder = export_of(RP=broken_plan, RD=foreign)
    another_structure_set(folder)
    (folder / "other").mkdir()
    (folder / "AAA.dcm").rename(folder / "other" / "AAA.dcm")
    with pytest.raises(LinkError, match="0 of 2 RTSTRUCT"):
        read_export(folder, link_by="frame")
    assert read_export(folder, link_by="folder").plan.structures[1].name == "Spleen"


def test_a_plan_in_another_frame_than_its_dose_is_told(export_of):
    def foreign(ds):
        ds.FrameOfReferenceUID = "1.2.3.4"

    found = [f for f in read_export(export_of(RP=foreign)).findings if f.code == "LR006"]
    assert [(f.severity, f.what) for f in found] == [("warning", "the plan's frame is another")]


def test_unknown_rung_of_the_ladder(export_of):
    with pytest.raises(LinkError, match="link_by"):
        read_export(export_of(), link_by="luck")


def two_plans(export_of, tiny, **second):
    folder = export_of(name="both")
    other = export_of(tiny.plan(label="Boost", **second), name="boost", seed="boost")
    for name in ("RP", "RD"):
        ds = pydicom.dcmread(other / f"{name}.dcm")
        ds.StudyInstanceUID = pydicom.dcmread(folder / "RS.dcm").StudyInstanceUID
        if name == "RP":
            ds.ReferencedStructureSetSequence[0].ReferencedSOPInstanceUID = pydicom.dcmread(
                folder / "RS.dcm"
            ).SOPInstanceUID
        ds.save_as(folder / f"{name}_boost.dcm")
    shutil.rmtree(other)
    return folder


def test_two_plans_are_listed_by_label_until_one_is_chosen(export_of, tiny):
    folder = two_plans(export_of, tiny, fractions=3)
    with pytest.raises(LinkError) as error:
        read_export(folder)
    assert "P1" in error.value.message
    assert "Boost" in error.value.message
    assert "--plan" in error.value.hint
    assert "--sum" in error.value.hint
    chosen = read_export(folder, plan="boost")
    assert [p.label for p in chosen.plan.phases] == ["Boost"]
    assert "LR005" in codes(chosen)
    by_uid = read_export(folder, plan=chosen.plan.uids["RTPLAN"][0])
    assert by_uid.plan.uids == chosen.plan.uids
    by_end = read_export(folder, plan=chosen.plan.uids["RTPLAN"][0][-12:])
    assert by_end.plan.uids == chosen.plan.uids
    with pytest.raises(LinkError, match="no plan is labelled"):
        read_export(folder, plan="Boots")


def test_two_plans_joined_are_two_phases_with_their_own_doses(export_of, tiny):
    folder = two_plans(export_of, tiny, fractions=3, dose=tiny.grid(factor=0.5), prescription_gy=21.0)
    export = read_export(folder, sum_doses=True)
    # Made at the same time: the longer part of the course goes first.
    assert [(p.label, p.fractions) for p in export.plan.phases] == [("P1", 5), ("Boost", 3)]
    assert export.plan.fractions == 8
    by_label = {p.label: float(p.dose.dose_zyx.max()) for p in export.plan.phases}
    assert by_label["Boost"] == pytest.approx(by_label["P1"] / 2, rel=1e-6)
    assert "LR013" in codes(export)
    assert len(export.plan.uids["RTDOSE"]) == 2


def test_phases_follow_the_time_their_plans_were_made(export_of, tiny, edit_file):
    folder = two_plans(export_of, tiny, fractions=3, dose=tiny.grid(factor=0.5), prescription_gy=21.0)
    edit_file(folder / "RP_boost.dcm", lambda ds: setattr(ds, "RTPlanTime", "080000"))
    assert [p.label for p in read_export(folder, sum_doses=True).plan.phases] == ["Boost", "P1"]


def test_a_plan_without_a_dose_does_not_count(export_of, tiny):
    folder = two_plans(export_of, tiny)
    (folder / "RD_boost.dcm").unlink()
    export = read_export(folder)
    assert [p.label for p in export.plan.phases] == ["P1"]
    assert "LR005" in codes(export)


def beam_dose(number, share, kind="BEAM"):
    def change(ds):
        plan = ds.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID
        ds.ReferencedRTPlanSequence = [reference(plan, group=1, beams=(number,))]
        ds.DoseSummationType = kind
        ds.DoseGridScaling = f"{float(ds.DoseGridScaling) * share:.10g}"

    return change


def test_plan_dose_with_beam_doses_is_not_doubled(export_of):
    folder = export_of()
    whole = top(read_export(folder))
    another_dose(folder, "RD_b1.dcm", beam_dose(1, 0.7), 1)
    another_dose(folder, "RD_b2.dcm", beam_dose(2, 0.3), 2)
    export = read_export(folder)
    assert top(export) == whole
    own = [float(b.dose.dose_zyx.max()) for b in export.plan.phases[0].beams]
    assert own == pytest.approx([0.7 * whole, 0.3 * whole], rel=1e-6)


def moved(change, by_mm=0.0, spacing=None, without=0):
    """A beam dose on a grid of its own: moved (its values with it), of another spacing, or a few rows smaller."""

    def edited(ds):
        change(ds)
        stored = ds.pixel_array
        if without:
            stored = np.ascontiguousarray(stored[:, without:])
            ds.Rows = stored.shape[1]
            ds.ImagePositionPatient[1] += without * ds.PixelSpacing[0]
            ds.PixelData = stored.tobytes()
        ds.ImagePositionPatient[0] += by_mm
        if spacing:
            ds.PixelSpacing = [spacing, spacing]

    return edited


@pytest.mark.parametrize(
    ("other", "kept"),
    [
        ({}, "as they are"),
        ({"by_mm": 0.004}, "as they are"),
        ({"without": 1}, "not used"),
        ({"by_mm": -500.0}, "not used"),
        ({"spacing": 3.0}, "not used"),
    ],
    ids=str,
)
def test_beam_doses_are_compared_on_one_grid_only(export_of, other, kept):
    folder = export_of()
    another_dose(folder, "RD_b1.dcm", beam_dose(1, 0.7), 1)
    another_dose(folder, "RD_b2.dcm", moved(beam_dose(2, 0.3), **other), 2)
    export = read_export(folder)
    own = [b.dose for b in export.plan.phases[0].beams]
    if kept == "not used":
        assert own == [None, None]
        (said,) = [f for f in export.findings if f.code == "LR044"]
        assert "not used" in said.what
    else:
        assert "LR044" not in codes(export)
        assert all(dose.frame.same_as(export.plan.phases[0].dose.frame) for dose in own)


def test_a_beam_dose_on_a_finer_grid_is_interpolated_onto_the_plans(export_of, tiny):
    """The tiny dose is linear in space, so that every voxel tells where it lies."""
    folder = export_of()
    fine = tiny.grid().frame
    x = np.linspace(fine.x_mm[0], fine.x_mm[-1], 2 * len(fine.x_mm) - 1)

    def finer(ds):
        beam_dose(2, 0.3)(ds)
        stored = ds.pixel_array.astype(float)
        rows = np.stack([np.interp(x, fine.x_mm, row) for row in stored.reshape(-1, len(fine.x_mm))])
        ds.Columns, ds.PixelSpacing = len(x), [ds.PixelSpacing[0], x[1] - x[0]]
        ds.PixelData = np.rint(rows).astype("<u4").tobytes()

    another_dose(folder, "RD_b1.dcm", beam_dose(1, 0.7), 1)
    another_dose(folder, "RD_b2.dcm", finer, 2)
    export = read_export(folder)
    phase = export.plan.phases[0]
    (said,) = [f for f in export.findings if f.code == "LR044"]
    assert "interpolated" in said.what
    for share, beam in zip((0.7, 0.3), phase.beams, strict=True):
        assert beam.dose.frame.same_as(phase.dose.frame)
        np.testing.assert_allclose(beam.dose.dose_zyx, share * phase.dose.dose_zyx, rtol=1e-5)


def test_a_complete_set_of_beam_doses_is_added_on_request_and_said(export_of):
    folder = export_of()
    whole = top(read_export(folder))
    another_dose(folder, "RD_b1.dcm", beam_dose(1, 0.7), 1)
    another_dose(folder, "RD_b2.dcm", beam_dose(2, 0.3), 2)
    (folder / "RD.dcm").unlink()
    with pytest.raises(UnsupportedDoseError, match="only the doses of its 2 beams") as error:
        read_export(folder)
    assert "--sum" in error.value.hint
    export = read_export(folder, sum_doses=True)
    assert top(export) == pytest.approx(whole, rel=1e-6)
    assert "LR013" in codes(export)
    assert len(export.plan.uids["RTDOSE"]) == 2


def test_beam_doses_of_one_session_count_for_every_fraction(export_of):
    folder = export_of()
    whole = top(read_export(folder))
    another_dose(folder, "RD_b1.dcm", beam_dose(1, 0.7 / 5, "BEAM_SESSION"), 1)
    another_dose(folder, "RD_b2.dcm", beam_dose(2, 0.3 / 5, "BEAM_SESSION"), 2)
    (folder / "RD.dcm").unlink()
    assert top(read_export(folder, sum_doses=True)) == pytest.approx(whole, rel=1e-6)


def test_an_incomplete_set_of_beam_doses_is_refused(export_of):
    with pytest.raises(UnsupportedDoseError, match="missing: beam 2"):
        read_export(export_of(RD=beam_dose(1, 0.7)), sum_doses=True)


def test_a_beam_dose_that_names_no_beam_is_refused(export_of):
    def change(ds):
        ds.DoseSummationType = "BEAM"

    for options in ({}, {"sum_doses": True}):
        with pytest.raises(UnsupportedDoseError, match="no plan dose"):
            read_export(export_of(RD=change), **options)


def test_beam_doses_on_different_grids_are_not_added(export_of):
    folder = export_of()
    another_dose(folder, "RD_b1.dcm", beam_dose(1, 0.7), 1)

    def moved(ds):
        beam_dose(2, 0.3)(ds)
        ds.ImagePositionPatient = [float(v) + 1.0 for v in ds.ImagePositionPatient]

    another_dose(folder, "RD_b2.dcm", moved, 2)
    (folder / "RD.dcm").unlink()
    with pytest.raises(UnsupportedDoseError, match="different grids"):
        read_export(folder, sum_doses=True)


def test_two_whole_doses_of_one_plan_are_not_guessed(export_of):
    folder = export_of()
    another_dose(folder, "RD2.dcm", lambda ds: None, 1)
    with pytest.raises(LinkError, match="2 whole-plan doses"):
        read_export(folder)
    (folder / "RP.dcm").unlink()
    with pytest.raises(LinkError, match="no RTPLAN and 2 whole-plan doses") as refused:
        read_export(folder, fractions=5)
    assert "leave one RTDOSE" in refused.value.hint
    with pytest.raises(LinkError, match="there is no RTPLAN to deliver"):
        read_export(folder, deliver=("P1",))


def test_two_doses_of_one_group_or_one_beam_are_not_guessed(export_of):
    folder = export_of(RD=summation("FRACTION"))
    another_dose(folder, "RD2.dcm", summation("FRACTION"), 1)
    with pytest.raises(LinkError, match="fraction group 1 has 2 doses"):
        read_export(folder)
    folder = export_of(name="beams")
    for number, beam in enumerate((1, 1, 2), 1):
        another_dose(folder, f"RD_{number}.dcm", beam_dose(beam, 0.5), number)
    (folder / "RD.dcm").unlink()
    with pytest.raises(UnsupportedDoseError, match="a beam has more than one dose"):
        read_export(folder, sum_doses=True)


def test_physical_goes_before_effective(export_of, tiny):
    folder = export_of(tiny.plan(modality="proton"))

    def effective(ds):
        ds.DoseType = "EFFECTIVE"

    another_dose(folder, "RD2.dcm", effective, 1)
    export = read_export(folder)
    assert export.plan.phases[0].rbe_in_dose == 1.0
    assert "LR030" in codes(export)


def summation(kind, factor=1.0, group=1):
    def change(ds):
        plan = ds.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID
        ds.ReferencedRTPlanSequence = [reference(plan, group=group)]
        ds.DoseSummationType = kind
        ds.DoseGridScaling = f"{float(ds.DoseGridScaling) * factor:.10g}"

    return change


@pytest.mark.parametrize(
    ("kind", "factor"),
    [("FRACTION", 1.0), ("FRACTION", 0.2), ("FRACTION_SESSION", 0.2), ("PLAN_OVERVIEW", 1.0)],
    ids=["whole group", "one fraction by another habit", "one session", "overview"],
)
def test_dose_of_a_fraction_group(export_of, kind, factor):
    whole = top(read_export(export_of(name="plain")))
    export = read_export(export_of(RD=summation(kind, factor)))
    assert top(export) == pytest.approx(whole, rel=1e-6)
    assert "LR013" in codes(export)
    assert any(f.severity == "warning" for f in export.findings if f.code == "LR013") == (
        kind == "FRACTION" and factor < 1
    )


@pytest.mark.parametrize("kind", ["CONTROL_POINT", "RECORD", "BRACHY"])
def test_doses_that_are_not_of_a_plan_are_refused(export_of, kind):
    with pytest.raises(UnsupportedDoseError, match=kind):
        read_export(export_of(RD=summation(kind)))


def two_groups(ds):
    second = copy.deepcopy(ds.FractionGroupSequence[0])
    second.FractionGroupNumber, second.NumberOfFractionsPlanned = 2, 3
    ds.FractionGroupSequence.append(second)


def test_fraction_groups_with_their_own_doses_are_phases(export_of):
    folder = export_of(RP=two_groups, RD=summation("FRACTION"))
    another_dose(folder, "RD2.dcm", summation("FRACTION", 0.6, group=2), 1)
    export = read_export(folder)
    assert [p.fractions for p in export.plan.phases] == [5, 3]
    assert top(export, 1) == pytest.approx(0.6 * top(export, 0), rel=1e-6)


def test_a_plan_dose_stands_in_where_group_doses_are_incomplete(export_of):
    folder = export_of(RP=two_groups)
    another_dose(folder, "RD1.dcm", summation("FRACTION", 0.6), 1)
    export = read_export(folder)
    assert [p.fractions for p in export.plan.phases] == [8]
    assert {"LR029", "LR005"} <= codes(export)
    another_dose(folder, "RD2.dcm", summation("FRACTION", 0.4, group=2), 2)
    assert [p.fractions for p in read_export(folder).plan.phases] == [5, 3]


def test_an_electron_boost_is_of_electrons(export_of):
    def change(ds):
        two_groups(ds)
        ds.BeamSequence[1].RadiationType = "ELECTRON"
        first, second = ds.FractionGroupSequence
        first.ReferencedBeamSequence = first.ReferencedBeamSequence[:1]
        second.ReferencedBeamSequence = second.ReferencedBeamSequence[1:]

    folder = export_of(RP=change, RD=summation("FRACTION"))
    another_dose(folder, "RD2.dcm", summation("FRACTION", 0.6, group=2), 1)
    assert [p.modality for p in read_export(folder).plan.phases] == ["photon", "electron"]


def test_a_fraction_group_without_its_dose_is_refused(export_of):
    with pytest.raises(UnsupportedDoseError, match="fraction group 2"):
        read_export(export_of(RP=two_groups, RD=summation("FRACTION")))


def test_fraction_groups_under_one_dose_are_one_phase_with_a_warning(export_of):
    export = read_export(export_of(RP=two_groups))
    assert [p.fractions for p in export.plan.phases] == [8]
    assert "LR029" in codes(export)


def spanning(uids):
    def change(ds):
        ds.ReferencedRTPlanSequence = [reference(uid) for uid in uids]
        ds.DoseSummationType = "MULTI_PLAN"

    return change


def test_a_sum_dose_of_two_plans(export_of, tiny, tmp_path):
    folder = two_plans(export_of, tiny, fractions=3, dose=tiny.grid(factor=0.5), prescription_gy=21.0)
    uids = [pydicom.dcmread(folder / f"RP{end}.dcm").SOPInstanceUID for end in ("", "_boost")]
    another_dose(folder, "sum.dcm", spanning(uids), 1)
    another_dose(folder, "again.dcm", spanning(uids), 2)
    again = (folder / "again.dcm").rename(tmp_path / "again.dcm")
    with pytest.raises(LinkError, match="2 plans"):
        read_export(folder)
    assert len(read_export(folder, sum_doses=True).plan.phases) == 2
    (folder / "RD.dcm").unlink()
    (folder / "RD_boost.dcm").unlink()
    export = read_export(folder)
    assert [p.fractions for p in export.plan.phases] == [8]
    assert any(f.code == "LR013" and f.severity == "warning" for f in export.findings)
    again.rename(folder / "again.dcm")
    with pytest.raises(LinkError, match="2 doses span several plans"):
        read_export(folder)
    (folder / "again.dcm").unlink()
    (folder / "RP_boost.dcm").unlink()
    with pytest.raises(LinkError, match="spans 2 plans"):
        read_export(folder)


def test_fractions_of_a_plan_that_does_not_say(export_of):
    def change(ds):
        ds.FractionGroupSequence[0].NumberOfFractionsPlanned = None

    folder = export_of(RP=change)
    with pytest.raises(LinkError, match="number of fractions") as error:
        read_export(folder)
    assert "--fractions" in error.value.hint
    assert read_export(folder, fractions=4).plan.phases[0].fractions == 4


def test_dose_far_from_the_prescription_is_told(export_of, tiny):
    assert "LR012" in codes(read_export(export_of(tiny.plan(prescription_gy=8.4))))
    assert "LR031" in codes(read_export(export_of(tiny.plan(fractions=1, prescription_gy=44.0), name="one")))


def test_brachytherapy_is_refused(export_of):
    def change(ds):
        group = ds.FractionGroupSequence[0]
        del group.ReferencedBeamSequence
        group.NumberOfBeams, group.NumberOfBrachyApplicationSetups = 0, 1

    with pytest.raises(UnsupportedDoseError, match="brachytherapy") as error:
        read_export(export_of(RP=change))
    assert "beam_on_s" in error.value.hint


def test_arrays_cannot_be_changed(export_of):
    grid = read_export(export_of()).plan.phases[0].dose
    with pytest.raises(ValueError, match="read-only"):
        grid.dose_zyx[0, 0, 0] = 1.0
    assert grid.dose_zyx.dtype == np.float32


def planes(folder, *, without=()):
    """Split RD.dcm into files of one plane each."""
    whole = pydicom.dcmread(folder / "RD.dcm")
    frames, offsets = whole.pixel_array, [float(v) for v in whole.GridFrameOffsetVector]
    normal = np.cross(whole.ImageOrientationPatient[:3], whole.ImageOrientationPatient[3:])
    place = np.array(whole.ImagePositionPatient, dtype=float)
    for k in range(len(offsets)):
        if k in without:
            continue

        def one(ds, k=k):
            del ds.NumberOfFrames, ds.GridFrameOffsetVector, ds.FrameIncrementPointer
            ds.ImagePositionPatient = [f"{v:.6f}" for v in place + offsets[k] * normal]
            ds.PixelData = frames[k].tobytes()

        another_dose(folder, f"RD{k}.dcm", one, (k * 5) % 7)
    (folder / "RD.dcm").unlink()


@pytest.mark.parametrize("position", ["HFS", "FFP"])
def test_a_dose_exported_plane_by_plane_is_one_grid(export_of, tiny, position):
    want = read_export(export_of(position=position, name="whole")).plan.phases[0].dose
    folder = export_of(position=position)
    planes(folder)
    export = read_export(folder)
    grid = export.plan.phases[0].dose
    np.testing.assert_array_equal(grid.dose_zyx, want.dose_zyx)
    np.testing.assert_allclose(grid.origin_mm, want.origin_mm)
    np.testing.assert_allclose(grid.z_mm, want.z_mm)
    assert len(export.plan.uids["RTDOSE"]) == 7
    assert "LR013" in codes(export)
    assert "LR005" not in codes(export)


def test_one_plane_of_dose_is_told(export_of):
    folder = export_of()
    planes(folder, without=range(1, 7))
    assert "LR034" in codes(read_export(folder))
