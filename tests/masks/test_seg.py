"""DICOM Segmentation: binary, fractional, label map; written by hand and by highdicom."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from lymphorisk.errors import InputError
from lymphorisk.masks.read import Handed, read_path
from lymphorisk.plan import Mask

P = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "patient.py")))
NAMES = {n: P.CLASSES[organ] for organ, n in P.NUMBERS.items()}


@pytest.fixture(scope="module")
def coarse() -> Any:
    """A plane of 69 x 51 voxels is no whole number of bytes: frames begin within one."""
    voxels = P.Voxels(4.0)
    voxels.values = voxels.values[:69, :51]
    return voxels


def read(path: Path) -> list[Handed]:
    return read_path(path, None, "segmentation 1")


def volumes(handed: Handed) -> dict[str, float]:
    return {s.organ: s.region.volume_cm3 for s in handed.segments if isinstance(s.region, Mask)}


def truth(voxels: Any) -> dict[str, float]:
    return {name: np.count_nonzero(voxels.values == n) * voxels.pitch**3 / 1000 for name, n in P.NUMBERS.items()}


@pytest.mark.parametrize("keep_empty", [False, True])
@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_every_kind_gives_every_voxel(coarse: Any, tmp_path: Path, kind: str, keep_empty: bool) -> None:
    assert coarse.values[:, :, 0].size % 8
    (handed,) = read(P.seg(tmp_path / "s.dcm", coarse, NAMES, kind=kind, keep_empty=keep_empty))
    share = 0.5 if kind == "FRACTIONAL" else 1.0
    assert volumes(handed) == pytest.approx({n: share * v for n, v in truth(coarse).items()})
    assert handed.frames == {P.FRAME}
    liver = next(s.region for s in handed.segments if s.organ == "Liver")
    assert isinstance(liver, Mask)
    for line, at in zip((liver.x_mm, liver.y_mm, liver.z_mm), P.ORGANS["Liver"][0], strict=True):
        assert 0.5 * (line[0] + line[-1]) == pytest.approx(at, abs=2.0)


def test_planes_left_out_between_others_are_empty(coarse: Any, tmp_path: Path) -> None:
    """One segment of two organs one above the other: the gap between them holds nothing."""
    both = P.Voxels(4.0, {"Kidney_L": 1, "Heart": 1})
    (handed,) = read(P.seg(tmp_path / "s.dcm", both, {1: "odd"}))
    mask = handed.segments[0].region
    assert isinstance(mask, Mask)
    assert mask.volume_cm3 == pytest.approx(np.count_nonzero(both.values) * 0.064)
    assert np.allclose(np.diff(mask.z_mm), 4.0)
    assert (mask.share_zyx.sum(axis=(1, 2)) == 0).any()


def highdicom_seg(path: Path, voxels: Any, kind: str) -> Path:
    hd = pytest.importorskip("highdicom")
    from highdicom.sr.coding import CodedConcept

    slices = []
    for k in range(voxels.values.shape[2]):
        ds = Dataset()
        ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = "1.2.840.10008.5.1.4.1.1.2", f"1.2.826.0.3.{k + 1}", "CT"
        ds.PatientID, ds.PatientName, ds.PatientBirthDate, ds.PatientSex = "LYMPHORISK", "Lymphorisk^Fixture", "", ""
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = "1.2.826.0.4", "1.2.826.0.5", P.FRAME
        ds.StudyID, ds.StudyDate, ds.StudyTime, ds.AccessionNumber, ds.ReferringPhysicianName = "1", "", "", "", ""
        ds.Rows, ds.Columns = voxels.values.shape[1], voxels.values.shape[0]
        ds.PixelSpacing, ds.SliceThickness = [voxels.pitch] * 2, voxels.pitch
        ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        ds.ImagePositionPatient = [float(v) for v in voxels.origin + np.array([0, 0, k * voxels.pitch])]
        ds.file_meta = pydicom.dataset.FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
        slices.append(ds)
    code = CodedConcept("123037004", "SCT", "Anatomical structure")
    used = dict(sorted(NAMES.items()))
    described = [
        hd.seg.SegmentDescription(n, name, code, code, hd.seg.SegmentAlgorithmTypeValues.MANUAL)
        for n, name in enumerate(used.values(), start=1)
    ]
    labels = np.zeros(voxels.values.shape[::-1], np.uint8)
    for new, old in enumerate(used, start=1):
        labels[voxels.values.transpose(2, 1, 0) == old] = new
    pixels: Any = labels
    if kind == "FRACTIONAL":
        pixels = np.stack([labels == n for n in range(1, len(used) + 1)], axis=-1).astype(np.float32) * 0.5
    hd.seg.Segmentation(
        slices, pixels, kind, described, "1.2.826.0.6", 1, "1.2.826.0.7", 1, "m", "m", "1", "1",
        fractional_type="OCCUPANCY",
    ).save_as(path)  # fmt: skip
    return path


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_what_highdicom_writes_is_read(coarse: Any, tmp_path: Path, kind: str) -> None:
    (handed,) = read(highdicom_seg(tmp_path / "s.dcm", coarse, kind))
    share = 0.5 if kind == "FRACTIONAL" else 1.0
    assert volumes(handed) == pytest.approx({n: share * v for n, v in truth(coarse).items()}, rel=4e-3)
    assert handed.frames == {P.FRAME}


def test_codes_name_a_segment_whose_label_does_not(coarse: Any, tmp_path: Path) -> None:
    path = P.seg(tmp_path / "s.dcm", coarse, {2: "Segment_2"})
    ds = pydicom.dcmread(path)
    kind, side = Dataset(), Dataset()
    kind.CodeMeaning, side.CodeMeaning = "Kidney", "Right"
    kind.SegmentedPropertyTypeModifierCodeSequence = [side]
    ds.SegmentSequence[0].SegmentedPropertyTypeCodeSequence = [kind]
    ds.save_as(path)
    (handed,) = read(path)
    assert [s.organ for s in handed.segments] == ["Kidney_R"]


def no_spacing(ds: Dataset) -> None:
    del ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence


def shifted_plane(ds: Dataset) -> None:
    ds.PerFrameFunctionalGroupsSequence[3].PlanePositionSequence[0].ImagePositionPatient[0] = 7


def far_plane(ds: Dataset) -> None:
    ds.PerFrameFunctionalGroupsSequence[-1].PlanePositionSequence[0].ImagePositionPatient[2] = 1e9


def cut_off(ds: Dataset) -> None:
    ds.PixelData = ds.PixelData[: len(ds.PixelData) // 2]


def other_size(ds: Dataset) -> None:
    ds.Rows += 3


def unlisted(ds: Dataset) -> None:
    ds.PerFrameFunctionalGroupsSequence[0].SegmentIdentificationSequence[0].ReferencedSegmentNumber = 99


def twice(ds: Dataset) -> None:
    frames = ds.PerFrameFunctionalGroupsSequence
    frames[1].PlanePositionSequence = frames[0].PlanePositionSequence


def unsaid(*path: Any) -> Callable[[Dataset], None]:
    """The element at the end of a path is taken out."""

    def change(ds: Dataset) -> None:
        for step in path[:-1]:
            ds = ds[step] if isinstance(step, int) else getattr(ds, step)
        delattr(ds, path[-1])

    return change


def turned(ds: Dataset) -> None:
    orientation = Dataset()
    orientation.ImageOrientationPatient = [0, 1, 0, 1, 0, 0]
    ds.PerFrameFunctionalGroupsSequence[2].PlaneOrientationSequence = [orientation]


SHARED, FRAMES = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (unsaid("SegmentSequence", 0, "SegmentNumber"), "a segment has no number"),
        (unsaid("Columns"), "do not fit each other"),
        (unsaid("Rows"), "do not fit each other"),
        (lambda ds: ds[FRAMES].value.pop(), "do not fit each other"),
        (unsaid(SHARED, 0, "PlaneOrientationSequence"), "Image Orientation"),
        (turned, "turned against each other"),
        (unsaid(FRAMES, 1, "PlanePositionSequence"), "where it lies"),
        (unsaid(FRAMES, 1, "SegmentIdentificationSequence"), "which segment it belongs to"),
        (no_spacing, "Pixel Spacing"),
        (shifted_plane, "sheared"),
        (far_plane, "are more than 1073741824 voxels"),
        (cut_off, "truncated"),
        (other_size, "not those of the pixels|truncated"),
        (unlisted, "not listed"),
        (twice, "at one height"),
        (lambda ds: setattr(ds, "SegmentationType", "SURFACE"), "SURFACE"),
        (lambda ds: setattr(ds, "SegmentSequence", []), "no segments"),
    ],
)
def test_a_broken_segmentation_is_refused_by_name(
    coarse: Any, tmp_path: Path, change: Callable[[Dataset], Any], why: str
) -> None:
    path = P.seg(tmp_path / "s.dcm", coarse, NAMES)
    ds = pydicom.dcmread(path)
    change(ds)
    ds.save_as(path)
    with pytest.raises(InputError, match=why):
        read(path)


@pytest.mark.parametrize(
    ("kind", "change", "why"),
    [
        ("FRACTIONAL", unsaid("MaximumFractionalValue"), "Maximum Fractional Value is missing"),
        ("FRACTIONAL", lambda ds: setattr(ds, "MaximumFractionalValue", 99), "beyond the Maximum Fractional Value"),
        ("LABELMAP", twice, "two frames of a label map lie at one height"),
        ("LABELMAP", lambda ds: setattr(ds, "PixelRepresentation", 1), "not unsigned numbers"),
    ],
)
def test_a_broken_share_or_label_is_refused_by_name(
    coarse: Any, tmp_path: Path, kind: str, change: Callable[[Dataset], Any], why: str
) -> None:
    path = P.seg(tmp_path / "s.dcm", coarse, NAMES, kind=kind)
    ds = pydicom.dcmread(path)
    change(ds)
    ds.save_as(path)
    with pytest.raises(InputError, match=why):
        read(path)
