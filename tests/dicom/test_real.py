"""Every exported plan met so far: a result with findings, or a named error; our reading against pydicom's."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pydicom
import pytest

from lymphorisk.dicom import read_export, read_plan
from lymphorisk.dicom.pixels import stored_values
from lymphorisk.dicom.reader import find
from lymphorisk.dicom.rtdose import check_usable, read_header, read_placement
from lymphorisk.dicom.rtstruct import read_structures
from lymphorisk.errors import DicomReadError, LinkError, LymphoriskError, UnsupportedDoseError
from tests.slowly import slow_but

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore::UserWarning")]

READABLE = {
    "breast_photon": {},
    "prostate_eclipse": {},
    "pancreas_icrp": {},
    "proton_boxes_raystation": {"plan": "Cube101010"},
    "tiny_patient": {"fractions": 1},
}


def codes(export):
    return {f.code for f in export.findings}


@pytest.mark.parametrize("name", slow_but(READABLE, "breast_photon", "tiny_patient"))
def test_structures_and_dose_equal_pydicoms(real_data, name):
    export = read_export(real_data / name, **READABLE[name])
    by_uid = {}
    for path in (real_data / name).rglob("*.dcm"):
        ds = pydicom.dcmread(path)
        by_uid[ds.SOPInstanceUID] = ds
    rs = by_uid[export.plan.uids["RTSTRUCT"][0]]
    names = {int(r.ROINumber): r.ROIName for r in rs.StructureSetROISequence}
    assert {s.number: s.name for s in export.plan.structures} == {n: v.strip() for n, v in names.items()}
    contours = {
        int(r.ReferencedROINumber): [
            np.array(c.ContourData, dtype=float).reshape(-1, 3)
            for c in r.get("ContourSequence", [])
            if c.ContourGeometricType == "CLOSED_PLANAR" and len(c.ContourData) >= 9
        ]
        for r in rs.ROIContourSequence
    }
    for s in export.plan.structures:
        want = contours.get(s.number, [])
        assert len(s.contours_mm) == len(want)
        for a, b in zip(s.contours_mm, want, strict=True):
            np.testing.assert_array_equal(a, b)
    rd = by_uid[export.plan.uids["RTDOSE"][0]]
    grid = export.plan.phases[0].dose
    want = (rd.pixel_array * float(rd.DoseGridScaling)).astype(np.float32)
    np.testing.assert_array_equal(grid.dose_zyx, want)
    np.testing.assert_allclose(grid.origin_mm, np.array(rd.ImagePositionPatient, dtype=float))
    np.testing.assert_allclose(grid.z_mm, np.array(rd.GridFrameOffsetVector, dtype=float))


def test_breast(real_data):
    export = read_export(real_data / "breast_photon")
    phase = export.plan.phases[0]
    assert (phase.fractions, phase.prescription_gy, phase.modality) == (7, 14.0, "photon")
    assert [(b.technique, b.time_source) for b in phase.beams] == [("DYNAMIC", "plan")] * 4
    assert [b.on_s for b in phase.beams] == pytest.approx([60 * mu / 400 for mu in (97, 87, 89, 94)])
    assert len(export.plan.structures) == 10
    # The label says GY and the number is percent of 14 Gy: 4.625 is 0.648 Gy; the curve itself gives 0.643.
    heart = next(d for d in export.tps_dvhs if d.name == "Heart")
    assert heart.mean_gy == pytest.approx(0.643, abs=0.002)
    assert heart.total_cm3 == pytest.approx(437.5, abs=0.1)
    assert {"LR010", "LR016", "LR021"} <= codes(export)
    assert len(export.tps_dvhs) == 9
    assert all(len(i.sha256) == 64 for i in export.inputs)


def test_prostate(real_data):
    export = read_export(real_data / "prostate_eclipse")
    phase = export.plan.phases[0]
    assert (phase.fractions, phase.prescription_gy) == (23, 46.0)
    assert len(phase.beams) == 4  # the fifth is a CBCT without meterset
    (empty,) = [f for f in export.findings if f.code == "LR021"]
    assert "and 2 more" in empty.what  # ten in all


def test_pancreas(real_data):
    export = read_export(real_data / "pancreas_icrp")
    assert export.plan.phases[0].fractions == 28
    assert len(export.plan.structures) == 20


def test_proton_boxes_ask_which_plan_and_ignore_the_point(real_data):
    folder = real_data / "proton_boxes_raystation"
    with pytest.raises(LinkError, match="3 plans") as error:
        read_export(folder)
    assert "Cube101010" in error.value.message
    with pytest.raises(LinkError, match="several plans are labelled"):
        read_export(folder, plan="bs1")
    export = read_export(folder, plan="Cube101010")
    assert export.plan.phases[0].modality == "proton"
    assert export.plan.phases[0].rbe_in_dose == 1.0
    assert {"LR020", "LR021", "LR010"} <= codes(export)


def test_head_phantom_says_that_the_dose_is_missing(real_data):
    with pytest.raises(LinkError, match="RTDOSE missing"):
        read_export(real_data / "headphantom_proton")
    phases, findings = read_plan(real_data / "headphantom_proton")
    assert (phases[0].fractions, phases[0].modality, len(phases[0].beams)) == (5, "proton", 3)
    assert {f.code for f in findings} == {"LR032"}


def test_forty_nine_fractions_in_three_phases(real_data):
    phases, _ = read_plan(real_data / "multiphase_pinnacle")
    assert [p.fractions for p in phases] == [26, 10, 13]
    assert sum(len(p.beams) for p in phases) == 26
    with pytest.raises(LinkError, match="RTDOSE and RTSTRUCT missing"):
        read_export(real_data / "multiphase_pinnacle")


def test_tiny_patient_has_no_plan(real_data):
    with pytest.raises(LinkError, match="number of fractions"):
        read_export(real_data / "tiny_patient")
    export = read_export(real_data / "tiny_patient", fractions=1)
    assert {"LR004", "LR011"} <= codes(export)


HEAD_UP = {"HFS": 1, "HFP": 1, "HFDL": 1, "HFDR": 1, "FFS": -1, "FFP": -1, "FFDL": -1, "FFDR": -1}


@pytest.mark.parametrize("position", HEAD_UP)
def test_orientation_headers(real_data, position):
    """Planning systems' own headers: axes as the position says, planes at the first and last place."""
    path = real_data / "orientation_headers" / f"RD.DICOMORIENT.Dose_{position}.dcm"
    (file,) = find(path).files
    place = read_placement(file.root).frame
    ds = pydicom.dcmread(path, force=True, stop_before_pixels=True)
    assert np.linalg.det(place.directions) == pytest.approx(1.0)
    assert place.directions[2].tolist() == [0.0, 0.0, HEAD_UP[position]]
    assert len(place.x_mm) == ds.Columns
    assert len(place.y_mm) == ds.Rows
    assert len(place.z_mm) == int(ds.NumberOfFrames)
    assert np.all(np.diff(place.z_mm) == 2.0)
    with pytest.raises(DicomReadError, match="no pixel data"):
        stored_values(file, *place.shape)


def test_orientation_folder(real_data):
    with pytest.raises(LinkError, match="RTSTRUCT missing"):
        read_export(real_data / "orientation_headers")


ODD_DOSES = {
    "rtdose": 15,
    "rtdose_1frame": 1,
    "rtdose_expb": 15,
    "rtdose_expb_1frame": 1,
    "rtdose_rle": 15,
    "rtdose_rle_1frame": 1,
    "badVR": 15,
}


@pytest.mark.parametrize("name", ODD_DOSES)
def test_odd_encodings_hold_the_same_values(real_data, name):
    truth = pydicom.dcmread(real_data / "odd" / "rtdose.dcm").pixel_array
    (file,) = find(real_data / "odd" / f"{name}.dcm").files
    frames = ODD_DOSES[name]
    np.testing.assert_array_equal(stored_values(file, frames, 10, 10), truth[:frames])
    with pytest.raises(UnsupportedDoseError, match="RELATIVE"):
        check_usable(read_header(file))


def test_a_number_of_frames_that_is_none(real_data):
    (file,) = find(real_data / "odd" / "badVR.dcm").files
    with pytest.raises(DicomReadError, match=r"Number of Frames \(0028,0008\) is not a number"):
        read_placement(file.root)


def test_the_eye_plan_has_one_frame(real_data):
    (file,) = find(real_data / "odd" / "eyeplan_singleframe_rtdose.dcm").files
    assert len(read_placement(file.root).frame.z_mm) == 1


def test_the_odd_structure_set(real_data):
    (file,) = find(real_data / "odd" / "rtstruct.dcm").files
    ds = pydicom.dcmread(real_data / "odd" / "rtstruct.dcm", force=True)
    got = read_structures(file).structures
    assert [s.name for s in got] == [r.ROIName for r in ds.StructureSetROISequence]


def test_every_odd_file_alone_gives_a_named_error(real_data):
    for path in sorted((real_data / "odd").iterdir()):
        with pytest.raises((LinkError, DicomReadError, UnsupportedDoseError)) as error:
            read_export(path)
        assert error.value.hint, path.name
    with pytest.raises(DicomReadError, match=r"RTPLAN.*truncated"):
        read_export(real_data / "odd" / "rtplan_truncated.dcm")


def test_the_odd_folder_as_a_whole_gives_a_named_error(real_data):
    with pytest.raises(LymphoriskError):
        read_export(real_data / "odd")


def test_memory_stays_near_the_dose_itself(real_data):
    tracemalloc.start()
    try:
        export = read_export(real_data / "breast_photon")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * export.plan.phases[0].dose.dose_zyx.nbytes + 20e6
