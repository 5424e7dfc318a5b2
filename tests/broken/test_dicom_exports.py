"""Broken exports: each a named error with a hint, never a traceback, never a number."""

from __future__ import annotations

import contextlib
import random
import zipfile

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lymphorisk.dicom import read_export, reader
from lymphorisk.errors import (
    DicomReadError,
    InputError,
    LinkError,
    LymphoriskError,
    UnsupportedDoseError,
    UnsupportedGeometryError,
)


def refused(folder, kind, match):
    with pytest.raises(kind, match=match) as error:
        read_export(folder)
    assert error.value.hint
    assert error.value.exit_code == 3


def drop(name):
    return lambda ds: delattr(ds, name)


def put(name, value):
    return lambda ds: setattr(ds, name, value)


def raw(name, vr, value):
    """An element with bytes that pydicom would not write."""

    def change(ds):
        tag = pydicom.tag.Tag(name)
        ds[tag] = pydicom.dataelem.RawDataElement(tag, vr, len(value), value, 0, False, True, True)

    return change


DOSES = {
    "relative units": (put("DoseUnits", "RELATIVE"), UnsupportedDoseError, "RELATIVE"),
    "unknown units": (put("DoseUnits", "CGY"), UnsupportedDoseError, "units"),
    "no units": (drop("DoseUnits"), UnsupportedDoseError, "units"),
    "a difference": (put("DoseType", "ERROR"), UnsupportedDoseError, "ERROR"),
    "no scaling": (drop("DoseGridScaling"), UnsupportedDoseError, "Scaling"),
    "scaling not a number": (raw("DoseGridScaling", "DS", b"NaN "), UnsupportedDoseError, "Scaling"),
    "scaling zero": (put("DoseGridScaling", "0"), UnsupportedDoseError, "Scaling"),
    "scaling negative": (put("DoseGridScaling", "-1"), UnsupportedDoseError, "Scaling"),
    "scaling huge": (put("DoseGridScaling", "1e30"), UnsupportedDoseError, "impossible"),
    "scaling text": (raw("DoseGridScaling", "DS", b"much"), DicomReadError, "not a number"),
    "zero everywhere": (lambda ds: setattr(ds, "PixelData", bytes(len(ds.PixelData))), UnsupportedDoseError, "zero"),
    "no spacing": (drop("PixelSpacing"), UnsupportedGeometryError, "Pixel Spacing"),
    "one spacing": (raw("PixelSpacing", "DS", b"2.5 "), UnsupportedGeometryError, "Pixel Spacing"),
    "spacing zero": (put("PixelSpacing", ["0", "1"]), UnsupportedGeometryError, "Pixel Spacing"),
    "no position": (drop("ImagePositionPatient"), UnsupportedGeometryError, "Image Position"),
    "no orientation": (drop("ImageOrientationPatient"), UnsupportedGeometryError, "Image Orientation"),
    "orientation of zeros": (put("ImageOrientationPatient", [0] * 6), UnsupportedGeometryError, "right angles"),
    "orientation skewed": (
        put("ImageOrientationPatient", [1, 0, 0, "0.6", "0.8", 0]),
        UnsupportedGeometryError,
        "right angles",
    ),
    "offsets too few": (put("GridFrameOffsetVector", ["0", "3"]), UnsupportedGeometryError, "7 dose planes, but 2"),
    "offsets missing": (drop("GridFrameOffsetVector"), UnsupportedGeometryError, "7 dose planes, but 0"),
    "offsets twice the same": (
        put("GridFrameOffsetVector", ["0", "3", "3", "6", "9", "12", "15"]),
        UnsupportedGeometryError,
        "one position",
    ),
    "frames not a number": (raw("NumberOfFrames", "IS", b"1A"), DicomReadError, "Number of Frames"),
    "frames zero": (put("NumberOfFrames", 0), DicomReadError, "Number of Frames"),
    "frames too many": (put("NumberOfFrames", 700), InputError, "planes"),
    "no rows": (drop("Rows"), DicomReadError, "rows"),
    "rows too many": (put("Rows", 60000), DicomReadError, "truncated"),
    "rows as text": (raw("Rows", "US", b"999"), DicomReadError, "broken length"),
    "no pixels": (drop("PixelData"), DicomReadError, "no pixel data"),
    "empty pixels": (put("PixelData", b""), DicomReadError, "no pixel data"),
    "twelve bits": (put("BitsAllocated", 12), DicomReadError, "12 bits"),
    "colours": (put("SamplesPerPixel", 3), DicomReadError, "more than one sample"),
    "no grid": (
        lambda ds: [delattr(ds, n) for n in ("Rows", "Columns", "PixelData")],
        UnsupportedDoseError,
        "no dose grid",
    ),
}


@pytest.mark.parametrize("name", DOSES)
def test_broken_dose(export_of, name):
    change, kind, match = DOSES[name]
    refused(export_of(RD=change), kind, match)


def test_dose_whose_compressed_pixels_are_rubbish(export_of):
    def change(ds):
        ds.PixelData = pydicom.encaps.encapsulate([b"rubbish!"] * 7)
        ds["PixelData"].VR = "OB"
        ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.5"

    refused(export_of(RD=change), DicomReadError, "compressed pixel data")


PLANS = {
    "beam number twice": (lambda ds: setattr(ds.BeamSequence[1], "BeamNumber", 1), DicomReadError, "used twice"),
    "fractions of text": (
        lambda ds: raw("NumberOfFractionsPlanned", "IS", b"many")(ds.FractionGroupSequence[0]),
        DicomReadError,
        "not a number",
    ),
    "fractions with a half": (
        lambda ds: raw("NumberOfFractionsPlanned", "IS", b"2.5 ")(ds.FractionGroupSequence[0]),
        DicomReadError,
        "whole number",
    ),
    "fractions without end": (
        lambda ds: setattr(ds.FractionGroupSequence[0], "NumberOfFractionsPlanned", 10**9),
        DicomReadError,
        "no course",
    ),
    "fractions zero": (
        lambda ds: setattr(ds.FractionGroupSequence[0], "NumberOfFractionsPlanned", 0),
        LinkError,
        "number of fractions",
    ),
    "fractions negative": (
        lambda ds: setattr(ds.FractionGroupSequence[0], "NumberOfFractionsPlanned", -3),
        LinkError,
        "number of fractions",
    ),
    "no groups": (drop("FractionGroupSequence"), LinkError, "number of fractions"),
    "falling meterset": (
        lambda ds: setattr(ds.BeamSequence[0].ControlPointSequence[1], "CumulativeMetersetWeight", "-1"),
        DicomReadError,
        "falls",
    ),
    "meterset not finite": (
        lambda ds: raw("BeamMeterset", "DS", b"inf ")(ds.FractionGroupSequence[0].ReferencedBeamSequence[0]),
        DicomReadError,
        "finite",
    ),
    "beams as text": (
        lambda ds: (drop("BeamSequence")(ds), raw("BeamSequence", "LO", b"beams ")(ds)),
        DicomReadError,
        "not a sequence",
    ),
}


@pytest.mark.parametrize("name", PLANS)
def test_broken_plan(export_of, name):
    change, kind, match = PLANS[name]
    refused(export_of(RP=change), kind, match)


def test_roi_number_twice(export_of):
    def change(ds):
        ds.StructureSetROISequence[1].ROINumber = 1

    refused(export_of(RS=change), DicomReadError, "used twice")


def test_no_rt_files(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    refused(tmp_path, LinkError, "no RT files")


def test_a_broken_ct_is_left_out_with_a_finding(export_of):
    folder = export_of()
    data = (folder / "RD.dcm").read_bytes()
    uid = b"1.2.840.10008.5.1.4.1.1.481.2"
    (folder / "CT.dcm").write_bytes(data.replace(uid, b"1.2.840.10008.5.1.4.1.1.2".ljust(len(uid), b"\0"))[:-900])
    assert "LR002" in {f.code for f in read_export(folder).findings}


@pytest.mark.parametrize("name", ["RS", "RP", "RD"])
def test_a_file_cut_anywhere_is_not_taken_for_whole(export_of, name):
    """A prefix of a file is refused, or remarked on, or lacks nothing that is used."""
    folder = export_of()
    path = folder / f"{name}.dcm"
    whole, want = path.read_bytes(), read_export(folder)
    ends = random.Random(5).sample(range(1, len(whole) - 1), 150)
    for cut in sorted({*ends, *element_ends(whole)}):
        path.write_bytes(whole[:cut])
        try:
            got = read_export(folder)
        except InputError:
            continue
        assert got.findings != want.findings or content(got) == content(want), cut


def element_ends(whole):
    """Where top-level elements end: what is cut there is whole by its syntax."""
    from lymphorisk.dicom.reader import open_file

    return [stop for _, _, stop, _ in open_file(whole, "").root.elements.values()][:-1]


def content(export):
    phase = export.plan.phases[0]
    contours = [[c.tolist() for c in s.contours_mm] for s in export.plan.structures]
    return (phase.beams, phase.fractions, phase.dose.dose_zyx.tolist(), contours, export.plan.approval)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_changed_bytes_end_in_a_result_or_a_named_error(export_of, data):
    folder = export_of()
    path = folder / data.draw(st.sampled_from(["RS.dcm", "RP.dcm", "RD.dcm"]))
    whole = bytearray(path.read_bytes())
    head = min(len(whole), 6000)
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(132, head - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole)
    with contextlib.suppress(LymphoriskError):
        read_export(folder)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=400),
    st.sampled_from([b"", b"\0" * 128 + b"DICM", b"\x08\x00\x16\x00", b"\x02\x00\x00\x00UL\x04\x00"]),
)
def test_any_bytes_end_in_a_named_error(tmp_path, rest, start):
    (tmp_path / "x").write_bytes(start + rest)
    for path in (tmp_path, tmp_path / "x"):
        with pytest.raises(LymphoriskError):
            read_export(path)


def test_a_zip_that_unfolds_without_end(tmp_path, monkeypatch):
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("a", bytes(3_000_000))
    monkeypatch.setattr(reader, "MAX_UNPACKED", 1_000_000)
    refused(bomb, DicomReadError, "unfolds")
    monkeypatch.undo()
    monkeypatch.setattr(reader, "SMALL_MEMBER", 1_000_000)
    monkeypatch.setattr(reader, "MAX_RATIO", 100)
    refused(bomb, DicomReadError, "unfolds")


def test_a_broken_zip(tmp_path, export_of):
    archive = tmp_path / "export.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as z:
        for path in sorted(export_of().iterdir()):
            z.write(path, path.name)
    data = bytearray(archive.read_bytes())
    data[200:260] = bytes(60)
    archive.write_bytes(data)
    refused(archive, DicomReadError, "zip")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_changed_bytes_of_a_zip_end_in_a_result_or_a_named_error(tmp_path, export_of, method):
    archive, rng = tmp_path / "export.zip", random.Random(3)
    with zipfile.ZipFile(archive, "w", method) as z:
        for path in sorted(export_of().iterdir()):
            z.write(path, path.name)
    whole = archive.read_bytes()
    assert len(read_export(archive).inputs) == 3
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        archive.write_bytes(data)
        with contextlib.suppress(InputError):
            read_export(archive)


def test_a_file_without_its_uid(export_of):
    refused(export_of(RP=drop("SOPInstanceUID")), DicomReadError, "RTPLAN.*SOP Instance UID")


def test_files_that_all_carry_one_uid_do_not_swap_roles(export_of):
    """An anonymiser that writes one UID everywhere: linked, each file in its role."""

    def change(ds):
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
        for name in ("ReferencedRTPlanSequence", "ReferencedStructureSetSequence"):
            for item in ds.get(name, []):
                item.ReferencedSOPInstanceUID = "1.2.3"

    export = read_export(export_of(RP=change, RS=change, RD=change))
    assert [i.role for i in export.inputs] == ["RTPLAN", "RTSTRUCT", "RTDOSE"]
    assert len({i.sha256 for i in export.inputs}) == 3


def test_a_broken_ct_does_not_hide_the_real_fault(export_of):
    folder = export_of()
    (folder / "RD.dcm").rename(folder / "keep")
    data = (folder / "keep").read_bytes()
    uid = b"1.2.840.10008.5.1.4.1.1.481.2"
    (folder / "CT.dcm").write_bytes(data.replace(uid, b"1.2.840.10008.5.1.4.1.1.2".ljust(len(uid), b"\0"))[:-900])
    (folder / "keep").unlink()
    refused(folder, LinkError, "RTDOSE missing")


def test_a_deflated_file_that_unfolds_without_end(export_of, monkeypatch):
    folder = export_of()
    for path in folder.glob("*.dcm"):
        ds = pydicom.dcmread(path)
        ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
        ds.save_as(path)
    read_export(folder)
    monkeypatch.setattr(reader, "MAX_UNPACKED", 1000)
    refused(folder, DicomReadError, "without end")


def test_a_folder_of_too_many_files(tmp_path, monkeypatch):
    for n in range(5):
        (tmp_path / str(n)).touch()
    monkeypatch.setattr(reader, "MAX_FILES", 3)
    refused(tmp_path, DicomReadError, "more than 3 files")
