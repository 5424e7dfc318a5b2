"""A desk over a store with one plan that has its answer, and people who may see it."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest

pytest.importorskip("starlette")

from starlette.testclient import TestClient

from lymphorisk.clinic import log
from lymphorisk.clinic.courses import courses
from lymphorisk.clinic.objects import look
from lymphorisk.clinic.service import Service
from lymphorisk.clinic.store import INCOMING, Store
from lymphorisk.clinic.trail import record_all
from lymphorisk.clinic.worker import work
from lymphorisk.web.app import application
from lymphorisk.web.desk import Desk
from lymphorisk.web.users import ROLES, User, Users
from tests.clinic.conftest import swept  # noqa: F401

BRAIN = Path(__file__).parents[2] / "fixtures" / "rtplans" / "brain"
BASE = "http://127.0.0.1:8765"
PASSWORD = "correct horse battery"
#: Stands in every text of a marked export, whose value representations these are.
MARK = "ZMARKZ"
#: Of somebody, as the whole name of an ROI; backwards that of a target.
INITIALS = "QJ"
TEXTS = ("LO", "SH", "ST", "LT", "PN", "UT", "UC")
#: As an export may name a plan.
LABEL = "SMITH-PROSTATE"


@pytest.fixture(autouse=True)
def quiet() -> None:
    """No line of the log on the screen."""
    log.begin(None, screen=False)


@pytest.fixture(scope="session")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the brain plan analysed, to be copied."""
    folder = tmp_path_factory.mktemp("answered") / "store"
    plan = [pydicom.dcmread(path) for path in sorted(BRAIN.glob("*.dcm"))]
    for data in plan:
        if data.Modality == "RTPLAN":
            data.RTPlanLabel = LABEL
    return analysed(folder, plan)


@pytest.fixture(scope="session")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a CT, and a marker in every text of every file."""
    plan = [pydicom.dcmread(path) for path in sorted(BRAIN.glob("*.dcm"))]
    plan += ct_of(next(d for d in plan if d.Modality == "RTSTRUCT"))
    for data in plan:
        for element in [e for e in data.iterall() if e.VR in TEXTS and e.keyword != "ROIName"]:
            element.value = f"{MARK}{element.keyword[:8]}"
        if data.Modality == "RTSTRUCT":
            for roi in data.StructureSetROISequence:
                roi.ROIName = {
                    "Skull": f"{MARK} ROI", "Brainstem": f"Brainstem_{MARK}", "Eye_L": INITIALS, "GTV": INITIALS[::-1],
                }.get(roi.ROIName, roi.ROIName)  # fmt: skip
    return analysed(tmp_path_factory.mktemp("marked") / "store", plan)


def ct_of(structures: pydicom.Dataset) -> list[pydicom.Dataset]:
    """Slices of a water ball in air around the middle of a structure set, in its frame and in the series it names."""
    a, b, c = middle_of(structures)
    frame = structures.ReferencedFrameOfReferenceSequence[0]
    series = frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence[0].SeriesInstanceUID
    x, y = np.meshgrid(np.arange(64) * 5.0 - 160.0, np.arange(64) * 5.0 - 160.0)
    out = []
    for n, z in enumerate(np.arange(c - 100.0, c + 101.0, 5.0)):
        made = pydicom.Dataset()
        made.file_meta = pydicom.dataset.FileMetaDataset()
        made.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
        made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = f"1.2.826.0.1.3680043.9.{n + 1}"
        for name in ("StudyInstanceUID", "PatientID", "PatientName"):
            setattr(made, name, structures[name].value)
        made.Modality, made.SeriesInstanceUID = "CT", series
        made.FrameOfReferenceUID = frame.FrameOfReferenceUID
        made.Rows = made.Columns = 64
        made.PixelSpacing, made.SliceThickness = [5.0, 5.0], 5.0
        made.ImageOrientationPatient, made.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [a - 160.0, b - 160.0, float(z)]
        made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
        made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 16, 15, 1
        made.RescaleSlope, made.RescaleIntercept = 1, 0
        made.SeriesDescription = "planning"
        made.PixelData = np.where(x**2 + y**2 + (z - c) ** 2 < 80.0**2, 0, -1000).astype("<i2").tobytes()
        out.append(made)
    return out


def middle_of(structures: pydicom.Dataset) -> tuple[float, float, float]:
    """The middle of the box around all contours, to a millimetre. [mm]"""
    contours = [c for roi in structures.ROIContourSequence for c in roi.ContourSequence]
    points = np.concatenate([np.reshape(c.ContourData, (-1, 3)).astype(float) for c in contours])
    a, b, c = np.round(0.5 * (points.min(axis=0) + points.max(axis=0))).tolist()
    return a, b, c


def analysed(folder: Path, objects: list[pydicom.Dataset]) -> Path:
    """A store in which objects were received, entered and worked on."""
    store = Store(folder, create=True)
    studies = set()
    for data in objects:
        staged = folder / INCOMING / uuid.uuid4().hex
        data.save_as(staged, enforce_file_format=True)
        held = look(staged)
        store.keep(staged, held)
        studies.add(held.study_uid)
    for study in studies:
        store.enter(courses(study, store.around(study)), study, 1e12, done=True)
    entry = store.claim("token")
    assert entry is not None
    said = work(service_of(folder), store, entry.key, "token")
    assert said["state"] == "COMPLETED"
    assert record_all(service_of(folder), store) == ""
    store.close()
    return folder


def service_of(folder: Path) -> Service:
    return Service(str(folder), port=0, free_mb=0, options={"draws": 32, "horizon_d": 60})


@pytest.fixture
def desk(answered: Path, tmp_path: Path) -> Iterator[Desk]:
    """The desk of a copy of it; its users are there without the work of a hash."""
    yield from desk_over(answered, tmp_path)


@pytest.fixture
def marked_desk(marked: Path, tmp_path: Path) -> Iterator[Desk]:
    """The same over the marked plan."""
    yield from desk_over(marked, tmp_path)


def desk_over(store_folder: Path, tmp_path: Path) -> Iterator[Desk]:
    """A desk over a copy of a store."""
    folder = tmp_path / "store"
    shutil.copytree(store_folder, folder)
    users = Users(tmp_path / "users.json")
    users._write({role: User(role, role, "no hash") for role in ROLES})
    store = Store(folder)
    made = Desk(service_of(folder), store, users)
    yield made
    made.close()
    store.close()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Desk]:
    """A desk over nothing."""
    store = Store(tmp_path / "store", create=True)
    users = Users(tmp_path / "users.json")
    users._write({role: User(role, role, "no hash") for role in ROLES})
    made = Desk(service_of(store.folder), store, users)
    yield made
    made.close()
    store.close()


def client(desk: Desk, role: str = "") -> TestClient:
    """A browser, signed in when a role is given."""
    made = TestClient(application(desk), base_url=BASE, follow_redirects=False)
    if role:
        made.cookies.set(desk.cookie, desk.sessions.begin(desk.users.all()[role]))
    return made


def token(desk: Desk, at: TestClient) -> str:
    """The token of its forms."""
    session = desk.sessions.find(at.cookies[desk.cookie])
    assert session is not None
    return session.token
