"""What a course may be made of beside the plain three: compressed pixels, images, segmentations, and other syntaxes."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from lymphorisk.clinic import worker
from lymphorisk.clinic.courses import courses
from lymphorisk.clinic.receive import Receiver
from lymphorisk.clinic.send import NotSentError, send
from lymphorisk.clinic.service import Destination, Service
from lymphorisk.clinic.store import COMPLETED, Store
from lymphorisk.dicom.pixels import LOSSLESS, decodable, stored_values
from lymphorisk.dicom.reader import open_file
from lymphorisk.dicom.window import Window
from tests.clinic.conftest import keep, until

RLE, LOSSLESS_14, LOSSLESS_SV1, JPEG_LS, JPEG_2000 = LOSSLESS[:5]
BASELINE = "1.2.840.10008.1.2.4.50"
CT = "1.2.840.10008.5.1.4.1.1.2"


@pytest.fixture
def to(store: Store, service: Service) -> Iterator[Destination]:
    """A listener."""
    receiver = Receiver(service, store)
    receiver.begin()
    yield Destination("LYMPHORISK", "127.0.0.1", receiver.port)
    receiver.end()


def by_pydicom(path: Path, syntax: str) -> None:
    data = pydicom.dcmread(path)
    uid = data.SOPInstanceUID
    data.compress(syntax)
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = uid
    data.save_as(path)


def by_dcmtk(path: Path, _: str) -> None:
    if shutil.which("dcmcjpeg") is None:
        pytest.skip("no dcmcjpeg here (apt-get install dcmtk)")
    subprocess.run(["dcmcjpeg", "+e1", "+un", str(path), str(path)], check=True, capture_output=True)


def by_pillow(path: Path, syntax: str) -> None:
    from PIL import Image

    data = pydicom.dcmread(path)
    frames = data.pixel_array.reshape(-1, data.Rows, data.Columns)
    out = []
    for frame in frames:
        made = io.BytesIO()
        Image.fromarray(frame).save(made, "JPEG2000", irreversible=False, no_jp2=True)
        out.append(made.getvalue())
    data.PixelData = encapsulate(out)
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    data.file_meta.TransferSyntaxUID = syntax
    data.save_as(path)


WAYS: dict[str, Callable[[Path, str], None]] = {
    RLE: by_pydicom, LOSSLESS_SV1: by_dcmtk, JPEG_LS: by_pydicom, JPEG_2000: by_pillow,
}  # fmt: skip


def pixels(path: Path) -> Any:
    """Stored values of a file."""
    file = open_file(Window(path), folder="")
    assert file is not None
    data = pydicom.dcmread(path, stop_before_pixels=True)
    return stored_values(file, int(data.get("NumberOfFrames", 1)), data.Rows, data.Columns)


@pytest.mark.parametrize("syntax", WAYS, ids=lambda uid: pydicom.uid.UID(uid).name)
def test_a_compressed_dose_is_taken_as_it_is_and_means_the_same(
    store: Store, to: Destination, rtplans: Path, tmp_path: Path, syntax: str
) -> None:
    if syntax not in decodable():
        pytest.skip("no codec for it here (pip install 'lymphorisk[compressed]')")
    dose = tmp_path / "RD.dcm"
    shutil.copyfile(rtplans / "lung" / "RD.dcm", dose)
    WAYS[syntax](dose, syntax)
    assert send([dose], to) == 1
    (held,) = store.around(pydicom.dcmread(dose, stop_before_pixels=True).StudyInstanceUID)
    kept = store.object_path(held.sha256)
    assert pydicom.dcmread(kept, stop_before_pixels=True).file_meta.TransferSyntaxUID == syntax
    assert kept.stat().st_size < (rtplans / "lung" / "RD.dcm").stat().st_size
    assert np.array_equal(pixels(kept), pixels(rtplans / "lung" / "RD.dcm"))


@pytest.mark.parametrize("syntax", [BASELINE, LOSSLESS_14, "1.2.826.0.1.3680043.2.494.1.1"])
def test_what_cannot_be_decoded_here_is_refused_by_name(
    store: Store, service: Service, rtplans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, syntax: str
) -> None:
    monkeypatch.setattr("lymphorisk.clinic.receive.decodable", lambda: (RLE,))
    receiver = Receiver(service, store)
    receiver.begin()
    to = Destination("LYMPHORISK", "127.0.0.1", receiver.port)
    shutil.copyfile(rtplans / "lung" / "RD.dcm", tmp_path / "RD.dcm")
    data = pydicom.dcmread(tmp_path / "RD.dcm")
    data.PixelData = encapsulate([b"ab"])
    data["PixelData"].is_undefined_length = True
    data.file_meta.TransferSyntaxUID = syntax
    data.save_as(tmp_path / "RD.dcm", implicit_vr=False, little_endian=True)
    try:
        with pytest.raises(NotSentError, match="takes no objects of this class") as error:
            send([tmp_path / "RD.dcm"], to)
        assert error.value.final
        until(store.refusals)
        name = pydicom.uid.UID(syntax).name
        said = "an unknown transfer syntax" if name == syntax else name
        assert [reason for _, _, reason in store.refusals()] == [f"RTDOSE in {said}"]
        assert send([rtplans / "lung" / "RP.dcm"], to) == 1
    finally:
        receiver.end()


def images(of: Path, folder: Path, count: int = 8) -> list[Path]:
    """CT images that a plan's structures name, over the middle of its dose."""
    structures, dose = (pydicom.dcmread(of / name) for name in ("RS.dcm", "RD.dcm"))
    series = structures.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0]
    out = []
    x, y, z = (float(v) for v in dose.ImagePositionPatient)
    for k in range(count):
        data = Dataset()
        data.file_meta = pydicom.dataset.FileMetaDataset()
        data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = CT
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"1.2.826.0.1.77.{k + 1}"
        data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
        data.Modality, data.StudyInstanceUID = "CT", dose.StudyInstanceUID
        data.SeriesInstanceUID = series.RTReferencedSeriesSequence[0].SeriesInstanceUID
        data.FrameOfReferenceUID, data.PatientID = dose.FrameOfReferenceUID, dose.PatientID
        data.PatientName, data.PatientPosition = dose.PatientName, "HFS"
        data.ImageOrientationPatient, data.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [x, y, z + 150.0 + 5.0 * k]
        data.PixelSpacing, data.SliceThickness = [5.0, 5.0], 5.0
        data.Rows, data.Columns, data.SamplesPerPixel = dose.Rows, dose.Columns, 1
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
        data.PhotometricInterpretation, data.RescaleSlope, data.RescaleIntercept = "MONOCHROME2", 1, -1024
        rows, columns = np.mgrid[: dose.Rows, : dose.Columns]
        data.PixelData = (1000 + 10 * k + rows + columns).astype("<u2").tobytes()
        data["PixelData"].VR = "OW"
        out.append(folder / f"CT{k}.dcm")
        data.save_as(out[-1], enforce_file_format=True)
    return out


def analysed(store: Store, service: Service, paths: list[Path]) -> tuple[worker.Answer, set[str]]:
    """The answer of a course of files, and the kinds of its objects."""
    held = [keep(store, path) for path in paths]
    (made,) = courses(held[0].study_uid, store.around(held[0].study_uid))
    assert made.whole
    members = [(h.role, store.object_path(h.sha256)) for h in made.objects]
    return worker.answer(service, members), {h.role for h in made.objects}


@pytest.mark.slow
def test_images_that_are_compressed_are_read_as_those_that_are_not(
    service: Service, rtplans: Path, tmp_path: Path
) -> None:
    plan = [rtplans / "lung" / f"{name}.dcm" for name in ("RP", "RS", "RD")]
    read = []
    for name in ("native", "compressed"):
        folder = tmp_path / name
        folder.mkdir()
        files = images(rtplans / "lung", folder)
        if name == "compressed":
            for path in files:
                by_pydicom(path, RLE)
        made, roles = analysed(Store(folder / "store", create=True), service, [*plan, *files])
        assert "CT" in roles
        assert made.read.ct is not None
        read.append(made.read.ct.hu_zyx)
    assert len(read[0]) == 8
    assert np.array_equal(*read)


def segmented(of: Path, path: Path, organ: str, middle: tuple[float, float, float], radius: float) -> None:
    """A ball as a segmentation in a plan's frame and study, by highdicom."""
    hd = pytest.importorskip("highdicom")
    from highdicom.sr.coding import CodedConcept

    data = pydicom.dcmread(of, stop_before_pixels=True)
    pitch, count = 4.0, 32
    low = np.array(middle) - pitch * (count - 1) / 2
    slices = []
    for k in range(count):
        ds = Dataset()
        ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = CT, f"1.2.826.0.3.{k + 1}", "CT"
        ds.PatientID, ds.PatientName, ds.PatientBirthDate, ds.PatientSex = data.PatientID, data.PatientName, "", ""
        ds.StudyInstanceUID, ds.SeriesInstanceUID = data.StudyInstanceUID, "1.2.826.0.5"
        ds.FrameOfReferenceUID = data.FrameOfReferenceUID
        ds.StudyID, ds.StudyDate, ds.StudyTime, ds.AccessionNumber, ds.ReferringPhysicianName = "1", "", "", "", ""
        ds.Rows = ds.Columns = count
        ds.PixelSpacing, ds.SliceThickness = [pitch, pitch], pitch
        ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        ds.ImagePositionPatient = [low[0], low[1], low[2] + pitch * k]
        ds.file_meta = pydicom.dataset.FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
        slices.append(ds)
    z, y, x = np.mgrid[:count, :count, :count] * pitch - pitch * (count - 1) / 2
    labels = (x**2 + y**2 + z**2 <= radius**2).astype(np.uint8)
    code = CodedConcept("123037004", "SCT", "Anatomical structure")
    described = [hd.seg.SegmentDescription(1, organ, code, code, hd.seg.SegmentAlgorithmTypeValues.MANUAL)]
    hd.seg.Segmentation(
        slices, labels, "BINARY", described, "1.2.826.0.6", 1, "1.2.826.0.7", 1, "m", "m", "1", "1"
    ).save_as(path)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("plan", "organ", "middle", "radius"),
    [
        ("fixture", "kidney_left", (60.0, 40.0, 1200.0), 45.0),
        pytest.param("breast_photon", "spleen", None, 40.0, marks=[pytest.mark.real, pytest.mark.slow]),
    ],
)
def test_an_organ_that_only_a_segmentation_draws_is_measured_in_it(
    store: Store,
    service: Service,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    plan: str,
    organ: str,
    middle: tuple[float, float, float] | None,
    radius: float,
) -> None:
    """It travels the whole way: sent, joined by its frame, analysed, and said where its dose is from."""
    if plan == "fixture":
        case = request.getfixturevalue("rtplans") / "lung"
    else:
        case = request.getfixturevalue("real_data") / plan
    dose = pydicom.dcmread(case / "RD.dcm", stop_before_pixels=True)
    if middle is None:
        half = np.array([dose.Columns, dose.Rows]) * [float(v) for v in dose.PixelSpacing][::-1] / 2
        at = np.array([float(v) for v in dose.ImagePositionPatient])
        offsets = [float(v) for v in dose.GridFrameOffsetVector]
        middle = (at[0] + half[0], at[1] + half[1], at[2] + offsets[len(offsets) // 8])  # below the heart
    segmented(case / "RD.dcm", tmp_path / "SEG.dcm", organ, middle, radius)
    receiver = Receiver(service, store)
    receiver.begin()
    try:
        files = [*(case / f"{name}.dcm" for name in ("RP", "RS", "RD")), tmp_path / "SEG.dcm"]
        send(files, Destination("LYMPHORISK", "127.0.0.1", receiver.port))
    finally:
        receiver.end()
    study = dose.StudyInstanceUID
    (made,) = courses(study, store.around(study))
    assert "SEG" in {h.role for h in made.objects}
    store.enter([made], study, time.time(), done=True)
    store.claim("t")
    said = worker.work(service, store, made.key, "t")
    assert said["state"] == COMPLETED, said
    result = json.loads((store.results(made.key) / worker.RESULT).read_text(encoding="utf-8"))
    name = {"kidney_left": "Kidney_L", "spleen": "Spleen"}[organ]
    assert result["organs"][name]["source"] == "segmented"
    assert result["organs"][name]["volume_cm3"] == pytest.approx(4 / 3 * np.pi * (radius / 10) ** 3, rel=0.02)
