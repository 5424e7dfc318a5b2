"""A desk over a store with one plan that has its answer, and people who may see it."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest

pytest.importorskip("starlette")

from starlette.testclient import TestClient

from lymphorisk.clinic import log
from lymphorisk.clinic.courses import courses
from lymphorisk.clinic.objects import look
from lymphorisk.clinic.service import Service
from lymphorisk.clinic.store import INCOMING, Store
from lymphorisk.clinic.worker import work
from lymphorisk.web.app import application
from lymphorisk.web.desk import Desk
from lymphorisk.web.users import ROLES, User, Users

BRAIN = Path(__file__).parents[2] / "fixtures" / "rtplans" / "brain"
BASE = "http://127.0.0.1:8765"
PASSWORD = "correct horse battery"
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
    store = Store(folder, create=True)
    studies = set()
    for path in sorted(BRAIN.glob("*.dcm")):
        staged = folder / INCOMING / uuid.uuid4().hex
        data = pydicom.dcmread(path)
        if data.Modality == "RTPLAN":
            data.RTPlanLabel = LABEL
        data.save_as(staged)
        held = look(staged)
        store.keep(staged, held)
        studies.add(held.study_uid)
    for study in studies:
        store.enter(courses(study, store.around(study)), study, 1e12, done=True)
    entry = store.claim("token")
    assert entry is not None
    said = work(service_of(folder), store, entry.key, "token")
    assert said["state"] == "COMPLETED"
    store.close()
    return folder


def service_of(folder: Path) -> Service:
    return Service(str(folder), port=0, free_mb=0, options={"draws": 32, "horizon_d": 60})


@pytest.fixture
def desk(answered: Path, tmp_path: Path) -> Iterator[Desk]:
    """The desk of a copy of it; its users are there without the work of a hash."""
    folder = tmp_path / "store"
    shutil.copytree(answered, folder)
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
