"""Nothing of a patient on error pages, in the log, the audit trail and what a monitor asks, whoever asks and fails."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("starlette")

from starlette.testclient import TestClient

from lymphorisk.clinic import log
from lymphorisk.clinic.store import AUDIT
from lymphorisk.web import ask, entry, protocols, trail, viewer, worklist
from lymphorisk.web.app import PAGES, application
from lymphorisk.web.desk import Desk
from lymphorisk.web.users import ROLES
from tests.web.conftest import BASE, BRAIN, MARK, client, token

ROOMS = (ask, entry, protocols, trail, viewer, worklist)


@pytest.fixture
def logged(tmp_path: Path) -> Path:
    """The file of the log."""
    log.begin(tmp_path / "log", screen=True)
    return tmp_path / "log" / log.FILE


@pytest.mark.slow
def test_a_page_that_fails_says_nothing_of_why_to_anybody(
    marked_desk: Desk, logged: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A fault that quotes the patient, planted in every page; its kind alone is logged."""

    def faulty(*_: object, **__: object) -> None:
        raise ValueError(f"patient {MARK} is not a number")

    desk = marked_desk
    key = desk.store.entries()[0].key
    for room in ROOMS:
        monkeypatch.setattr(room, "page", faulty, raising=False)
        for name in ("framed", "HTMLResponse"):
            monkeypatch.setattr(room, name, faulty, raising=False)
    failed = 0
    for role in ROLES:
        at = client(desk, role)
        for page in PAGES:
            if page.role is None or page.method != "GET":
                continue
            path = page.path.format(key=key, site="brain", upload="x", axis="axial")
            answer = at.get(path)
            assert MARK not in answer.text, path
            failed += answer.status_code == 500
    assert failed >= len(ROLES)
    out, err = capfd.readouterr()
    said = logged.read_text(encoding="utf-8")
    assert MARK not in out + err + said
    assert '"reason": "ValueError"' in said


def test_files_that_are_handed_in_are_named_nowhere(
    empty: Desk, logged: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Names of files, of a folder of a zip, and the bytes of what is no DICOM."""
    at = client(empty, "decide")
    given = [("files", (f"{MARK}/{p.stem} {MARK}.dcm", p.read_bytes())) for p in sorted(BRAIN.glob("*.dcm"))]
    given += [("files", (f"{MARK}.txt", MARK.encode())), ("files", (f"{MARK}.zip", b"PK\x03\x04" + MARK.encode()))]
    given += [("files", (f"{MARK}.dcm", BRAIN.joinpath("RD.dcm").read_bytes()[:700] + MARK.encode()))]
    answer = at.post("/uploads", data={"token": token(empty, at)}, files=given)
    assert answer.status_code == 303
    page = at.get(answer.headers["location"]).text
    out, err = capfd.readouterr()
    held = [p.relative_to(empty.store.folder) for p in empty.store.folder.rglob("*")]
    assert MARK not in page + out + err + logged.read_text(encoding="utf-8") + " ".join(map(str, held))
    assert MARK.encode() not in (empty.store.folder / "clinic.db").read_bytes()


def test_the_trail_and_the_log_hold_uids_and_hashes_alone(marked_desk: Desk, logged: Path) -> None:
    desk = marked_desk
    entry = desk.store.entries()[0]
    for role in ROLES:
        client(desk, role).get(f"/entries/{entry.key}")
    at = client(desk, "decide")
    said = {"token": token(desk, at), "what": "accepted", "line": f"{MARK} line", "reason": "because"}
    assert at.post(f"/entries/{entry.key}/decisions", data=said).status_code == 400
    trails = list((desk.store.folder / AUDIT).glob("*.jsonl"))
    assert trails
    for path in trails:
        text = path.read_text(encoding="utf-8")
        assert MARK not in text
        assert entry.key in text
    assert MARK not in logged.read_text(encoding="utf-8")


def test_what_anybody_may_ask_says_whether_it_works_and_no_more(marked_desk: Desk) -> None:
    at = TestClient(application(marked_desk), base_url=BASE, follow_redirects=False)
    assert set(at.get("/healthz").json()) == {"status"}
    for path in (f"/{MARK}", f"/entries/{MARK}", "/login"):
        assert MARK not in at.get(path).text
