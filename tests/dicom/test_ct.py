"""CT slices in any order become one volume; foreign series do not."""

from __future__ import annotations

import copy

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset

from lymphorisk.dicom import read_export
from lymphorisk.dvh import exact

SERIES = "1.2.826.0.1.5"
ROWS, COLUMNS, SPACING = 6, 8, (3.0, 2.0)


def slice_at(z, number, *, series=SERIES, frame="1.2.826.0.1.77", cosines=(1, 0, 0, 0, 1, 0), origin=(-10.0, -20.0)):
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{series}.{number}"
    ds.Modality, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = "CT", series, frame
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [*origin, z], list(cosines)
    ds.PixelSpacing, ds.Rows, ds.Columns = list(SPACING), ROWS, COLUMNS
    ds.InstanceNumber, ds.SliceLocation = 1000 - number, 0
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit, ds.PixelRepresentation = 15, 0
    ds.RescaleIntercept, ds.RescaleSlope = "-1024", "2"
    j, i = np.meshgrid(np.arange(ROWS), np.arange(COLUMNS), indexing="ij")
    ds.PixelData = (100 * number + 10 * j + i).astype("<u2").tobytes()
    return ds


def refer(series):
    def change(ds):
        study = ds.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0]
        study.RTReferencedSeriesSequence[0].SeriesInstanceUID = series

    return change


def with_slices(export_of, slices, referred=SERIES):
    folder = export_of(RS=refer(referred))
    for ds in slices:
        pydicom.dcmwrite(folder / f"CT{ds.SOPInstanceUID[-3:]}.dcm", ds, enforce_file_format=True)
    return read_export(folder)


def test_slices_are_sorted_along_the_normal(export_of):
    places = {1: 5.0, 2: -1.0, 3: 2.0}
    export = with_slices(export_of, [slice_at(z, n) for n, z in places.items()])
    ct = export.ct
    assert ct.hu_zyx.shape == (3, ROWS, COLUMNS)
    assert ct.z_mm.tolist() == [0.0, 3.0, 6.0]
    assert ct.origin_mm.tolist() == [-10.0, -20.0, -1.0]
    assert np.diff(ct.x_mm) == pytest.approx(2.0)
    assert np.diff(ct.y_mm) == pytest.approx(3.0)
    assert [ct.hu_zyx[k, 2, 3] for k in range(3)] == [2 * (100 * n + 23) - 1024 for n in (2, 3, 1)]
    assert not ct.hu_zyx.flags.writeable


@pytest.mark.parametrize("step", [1.5, 4.0])
def test_a_structure_on_one_plane_is_as_thick_as_the_ct_slices(export_of, step):
    """Whoever asks for it, and whatever the dose grid (3 mm here) and the other structures (3 mm) are."""
    export = with_slices(export_of, [slice_at(step * (n - 5), n) for n in range(1, 11)])
    spleen = next(s for s in export.plan.structures if s.name == "Spleen")
    dose = export.plan.phases[0].dose
    (alone,), together = exact([spleen], dose), exact(export.plan.structures, dose)
    assert alone.total_cm3 == pytest.approx(8 * 11 * step / 1000, rel=1e-6)
    assert [c.total_cm3 for c in together if getattr(c, "name", "") == "Spleen"] == [alone.total_cm3]


def test_a_ct_in_another_frame_than_the_structures_is_rejected(export_of):
    export = with_slices(export_of, [slice_at(3.0 * n, n, frame="1.2.3.4") for n in range(3)])
    assert export.ct is None
    assert "LR027" in {f.code for f in export.findings}


@pytest.mark.parametrize(("slope", "intercept"), [("0.5", "-1000.25"), ("400", "-1024"), ("1", "0")])
def test_numbers_are_rescaled_rounded_and_kept_in_range(export_of, slope, intercept):
    ds = slice_at(0.0, 1)
    ds.RescaleSlope, ds.RescaleIntercept = slope, intercept
    ct = with_slices(export_of, [ds]).ct
    want = np.rint(ds.pixel_array * float(slope) + float(intercept))
    np.testing.assert_array_equal(ct.hu_zyx[0], np.clip(want, -32768, 32767))


def test_feet_first_slices_run_the_other_way(export_of):
    slices = [slice_at(z, n, cosines=(-1, 0, 0, 0, 1, 0)) for n, z in ((1, 5.0), (2, 2.0))]
    ct = with_slices(export_of, slices).ct
    assert ct.origin_mm.tolist() == [-10.0, -20.0, 5.0]
    assert ct.directions[2].tolist() == [0.0, 0.0, -1.0]
    assert ct.hu_zyx[0, 0, 0] == 2 * 100 - 1024


def test_a_series_the_structures_do_not_refer_to_is_rejected(export_of):
    export = with_slices(export_of, [slice_at(0.0, 1), slice_at(3.0, 2)], referred="1.2.3")
    assert export.ct is None
    assert "LR027" in {f.code for f in export.findings}


@pytest.mark.parametrize(
    "second",
    [
        slice_at(0.0, 2),
        slice_at(3.0, 2, origin=(-9.0, -20.0)),
        slice_at(3.0, 2, cosines=(0, 1, 0, -1, 0, 0)),
    ],
    ids=["same place", "sheared", "turned"],
)
def test_slices_that_form_no_volume(export_of, second):
    export = with_slices(export_of, [slice_at(0.0, 1), second])
    assert export.ct is None
    assert "LR027" in {f.code for f in export.findings}


def test_no_ct_is_no_matter(export_of):
    assert read_export(export_of()).ct is None


def also_refer(*series):
    def change(ds):
        study = ds.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0]
        first = study.RTReferencedSeriesSequence[0]
        first.SeriesInstanceUID = series[0]
        for uid in series[1:]:
            other = copy.deepcopy(first)
            other.SeriesInstanceUID = uid
            study.RTReferencedSeriesSequence.append(other)

    return change


def test_of_two_series_the_structures_refer_to_none_is_guessed(export_of):
    other = f"{SERIES}.7"
    folder = export_of(RS=also_refer(SERIES, other))
    for n, series in enumerate((SERIES, SERIES, other, other)):
        pydicom.dcmwrite(folder / f"CT{n}.dcm", slice_at(3.0 * (n % 2), n, series=series), enforce_file_format=True)
    export = read_export(folder)
    assert export.ct is None
    assert any("refer to 2 CT series" in f.what for f in export.findings if f.code == "LR027")


def test_structures_that_refer_to_no_series_take_the_one_of_their_frame(export_of):
    def unsaid(ds):
        del ds.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence

    for name, frame in (("own", "1.2.826.0.1.77"), ("foreign", "1.2.3.4")):
        folder = export_of(name=name, RS=unsaid)
        for n in range(2):
            pydicom.dcmwrite(folder / f"CT{n}.dcm", slice_at(3.0 * n, n, frame=frame), enforce_file_format=True)
        assert (read_export(folder).ct is None) == (name == "foreign")


def test_a_slice_that_does_not_say_where_it_lies_makes_no_volume(export_of):
    slices = [slice_at(0.0, 1), slice_at(3.0, 2)]
    for ds in slices:
        del ds.PixelSpacing
    export = with_slices(export_of, slices)
    assert export.ct is None
    assert any("does not say where it lies" in f.what for f in export.findings)
