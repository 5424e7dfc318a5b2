"""Contours and names as they come."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from lymphorisk.dicom import read_export


def codes(export):
    return [f.code for f in export.findings]


def structures(folder, **options):
    return {s.number: s for s in read_export(folder, **options).plan.structures}


def test_contours_come_back_to_the_written_digit(export_of, tiny):
    got = structures(export_of())
    for want in tiny.structures():
        assert got[want.number].name == want.name
        assert len(got[want.number].contours_mm) == len(want.contours_mm)
        for a, b in zip(got[want.number].contours_mm, want.contours_mm, strict=True):
            np.testing.assert_allclose(a, b, atol=5e-4)
    assert got[1].rt_type == "EXTERNAL"
    assert got[1].frame_of_reference == "1.2.826.0.1.77"


@pytest.mark.parametrize("text", ["1.5e1\\ -2.25E+0\\+3", "15\\-2.25\\3 ", " 15.0 \\-2.250\\3.00", "15\\-2.25\\3\0"])
def test_every_spelling_of_a_number(export_of, text):
    def respell(ds):
        contour = ds.ROIContourSequence[1].ContourSequence[0]
        raw = text.rstrip("\0 ") + "\\1\\2\\3\\4\\-5\\3" + ("\0" if text.endswith("\0") else "")
        tag = pydicom.tag.Tag("ContourData")
        contour[tag] = pydicom.dataelem.RawDataElement(tag, "DS", len(raw), raw.encode(), 0, False, True, True)

    contour = structures(export_of(RS=respell))[2].contours_mm[0]
    np.testing.assert_allclose(contour, [[15, -2.25, 3], [1, 2, 3], [4, -5, 3]])


@pytest.mark.parametrize("kind", ["CLOSED_PLANAR", "CLOSEDPLANAR_XOR"])
def test_both_kinds_of_closed_contours(export_of, kind):
    def change(ds):
        ds.ROIContourSequence[1].ContourSequence[0].ContourGeometricType = kind

    assert len(structures(export_of(RS=change))[2].contours_mm) == 1


@pytest.mark.parametrize("kind", ["POINT", "OPEN_PLANAR", "OPEN_NONPLANAR"])
def test_points_and_open_contours_are_ignored_with_a_finding(export_of, kind):
    def change(ds):
        ds.ROIContourSequence[1].ContourSequence[0].ContourGeometricType = kind

    export = read_export(export_of(RS=change))
    spleen = export.plan.structures[1]
    assert spleen.contours_mm == ()
    assert kind in spleen.unusable
    (left_out,) = [f for f in export.findings if f.code == "LR020"]
    assert (left_out.severity, left_out.where) == ("warning", "ROI 2 Spleen")
    assert kind in left_out.what
    assert "100 %" in left_out.what


@pytest.mark.parametrize("kind", ["POINT", "OPEN_PLANAR", "CLOSED", "SCRIBBLE"])
def test_other_types_beside_closed_contours_are_told_with_their_share(export_of, kind):
    def change(ds):
        ds.ROIContourSequence[0].ContourSequence[1].ContourGeometricType = kind

    export = read_export(export_of(RS=change))
    assert len(export.plan.structures[0].contours_mm) == 3
    (left_out,) = [f for f in export.findings if f.code == "LR020"]
    assert left_out.severity == "warning"
    assert kind in left_out.what
    assert "25 %" in left_out.what


def test_a_point_alone_is_a_point(export_of):
    def change(ds):
        contour = ds.ROIContourSequence[1].ContourSequence[0]
        contour.ContourData, contour.NumberOfContourPoints, contour.ContourGeometricType = [0, 0, 0], 1, "POINT"

    export = read_export(export_of(RS=change))
    assert [f.severity for f in export.findings if f.code == "LR020"] == ["info"]
    assert export.plan.structures[1].unusable == ""


def test_a_contour_without_a_type_makes_its_roi_not_usable(export_of):
    def change(ds):
        del ds.ROIContourSequence[0].ContourSequence[1].ContourGeometricType

    body, spleen, _ = read_export(export_of(RS=change)).plan.structures
    assert "closed" in body.unusable
    assert spleen.contours_mm


def test_contours_of_two_points_enclose_nothing(export_of):
    def change(ds):
        contour = ds.ROIContourSequence[1].ContourSequence[0]
        contour.ContourData, contour.NumberOfContourPoints = [0, 0, 0, 1, 1, 0], 2

    export = read_export(export_of(RS=change))
    assert export.plan.structures[1].contours_mm == ()
    assert "LR025" in codes(export)


def test_empty_rois_are_kept(export_of):
    export = read_export(export_of())
    assert export.plan.structures[2].name == "Later"
    assert export.plan.structures[2].contours_mm == ()
    assert "LR021" in codes(export)


def test_repeated_names_are_told(export_of):
    def change(ds):
        ds.StructureSetROISequence[1].ROIName = "BODY"

    export = read_export(export_of(RS=change))
    assert [s.name for s in export.plan.structures] == ["BODY", "BODY", "Later"]
    assert "LR022" in codes(export)


NAMES = [
    ("ISO_IR 100", "Rückenmark größe", "latin_1"),
    ("ISO_IR 192", "脾臓_右 Milz ß", "utf_8"),
    ("ISO_IR 13", "ﾋｿﾞｳ", "shift_jis"),
    ("GB18030", "脾脏", "gb18030"),
    ("ISO_IR 144", "Селезёнка", "iso8859_5"),
]


def named(charset, raw):
    def change(ds):
        if charset is None:
            del ds.SpecificCharacterSet
        else:
            ds.SpecificCharacterSet = charset
        tag = pydicom.tag.Tag("ROIName")
        item = ds.StructureSetROISequence[1]
        raw_even = raw + b" " * (len(raw) % 2)
        item[tag] = pydicom.dataelem.RawDataElement(tag, "LO", len(raw_even), raw_even, 0, False, True, True)

    return change


def with_charset(ds_change):
    """The names of the tiny plan are ASCII, so no character set is declared until one is set."""

    def change(ds):
        ds.SpecificCharacterSet = "ISO_IR 192"
        ds_change(ds)

    return change


@pytest.mark.parametrize(("charset", "name", "codec"), NAMES)
def test_names_in_their_declared_character_set(export_of, charset, name, codec):
    export = read_export(export_of(RS=with_charset(named(charset, name.encode(codec)))))
    assert export.plan.structures[1].name == name
    assert "LR008" not in codes(export)


def test_japanese_names_with_escape_sequences(export_of):
    want = "脾臓_R"
    export = read_export(export_of(RS=with_charset(named(["", "ISO 2022 IR 87"], want.encode("iso2022_jp")))))
    assert export.plan.structures[1].name == want


@pytest.mark.filterwarnings("ignore:Unknown encoding")  # of pydicom, while the test writes its file
@pytest.mark.parametrize(
    ("charset", "raw", "want"),
    [
        (None, "größe".encode(), "größe"),
        (None, "größe".encode("latin_1"), "größe"),
        ("ISO_IR 192", "größe".encode("latin_1"), "größe"),
        ("ISO_IR 999", "größe".encode("latin_1"), "größe"),
    ],
    ids=["missing, utf-8", "missing, latin-1", "utf-8 declared, latin-1 written", "unknown"],
)
def test_wrong_or_missing_character_sets_are_told(export_of, charset, raw, want):
    export = read_export(export_of(RS=with_charset(named(charset, raw))))
    assert export.plan.structures[1].name == want
    assert "LR008" in codes(export)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "Lung [cm3]", "a,b;c", "=1+1", "%s{0}", "D95%"])
def test_names_are_only_names(export_of, name):
    def change(ds):
        ds.StructureSetROISequence[1].ROIName = name

    assert structures(export_of(RS=change))[2].name == name


def test_huge_and_dirty_names_are_cleaned_with_a_finding(export_of):
    export = read_export(export_of(RS=with_charset(named("ISO_IR 192", b"A\x07B\nC" + b"x" * 65000))))
    name = export.plan.structures[1].name
    assert len(name) <= 128
    assert name.isprintable()
    assert "LR023" in codes(export)


def test_contours_of_an_unlisted_roi_are_kept_with_a_finding(export_of):
    def change(ds):
        del ds.StructureSetROISequence[1]

    export = read_export(export_of(RS=change))
    assert "LR026" in codes(export)
    assert any(s.number == 2 and len(s.contours_mm) == 1 for s in export.plan.structures)


def test_structures_of_another_image_are_left_out(export_of):
    def change(ds):
        ds.StructureSetROISequence[1].ReferencedFrameOfReferenceUID = "1.2.3.4"
        ds.ReferencedFrameOfReferenceSequence.append(Dataset())
        ds.ReferencedFrameOfReferenceSequence[1].FrameOfReferenceUID = "1.2.3.4"

    export = read_export(export_of(RS=change))
    assert [s.number for s in export.plan.structures] == [1, 3]
    assert any(f.code == "LR006" and "ROI 2" in f.what for f in export.findings)


def test_rois_of_another_frame_than_their_own_file_says(export_of):
    def change(ds):
        for roi in ds.StructureSetROISequence:
            roi.ReferencedFrameOfReferenceUID = "1.2.3.4"

    export = read_export(export_of(RS=change))
    assert [f.severity for f in export.findings if f.code == "LR006"] == ["error"]


def set_data(text):
    def change(ds):
        contour = ds.ROIContourSequence[1].ContourSequence[0]
        tag = pydicom.tag.Tag("ContourData")
        raw = text.encode() + b" " * (len(text) % 2)
        contour[tag] = pydicom.dataelem.RawDataElement(tag, "DS", len(raw), raw, 0, False, True, True)

    return change


@pytest.mark.parametrize(
    "text",
    [
        "1\\2\\3\\4",
        "1\\2\\x\\4\\5\\6\\7\\8\\9",
        "1\\2\\nan\\4\\5\\6\\7\\8\\9",
        "1\\2\\1e99\\4\\5\\6\\7\\8\\9",
        "1,5\\2\\3",
    ],
)
def test_broken_coordinates_are_those_of_one_roi(export_of, text):
    export = read_export(export_of(RS=set_data(text)))
    (broken,) = [s for s in export.plan.structures if s.unusable]
    assert broken.contours_mm == ()
    assert [f.where for f in export.findings if f.code == "LR120"] == [f"ROI {broken.number} {broken.name}"]
    assert sum(len(s.contours_mm) for s in export.plan.structures) > 0


def test_contour_planes_beyond_the_dose_are_told(export_of, tiny):
    export = read_export(export_of(tiny.plan(dose=tiny.grid(frames=3))))
    assert any(f.code == "LR024" and "BODY" in f.what for f in export.findings)
