"""What the pages show, take and write down."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence

import pytest

pytest.importorskip("starlette")

from lymphorisk.clinic.store import AUDIT
from lymphorisk.qa import audit
from lymphorisk.web.desk import Desk
from tests.web.conftest import BRAIN, LABEL, PASSWORD, client, token


def files(*more: tuple[str, bytes]) -> list[tuple[str, tuple[str, bytes]]]:
    plan = [(p.name, p.read_bytes()) for p in sorted(BRAIN.glob("*.dcm"))]
    return [("files", one) for one in (*plan, *more)]


def handed_in(desk: Desk, given: Sequence[tuple[str, tuple[str, bytes]]]) -> str:
    at = client(desk, "decide")
    answer = at.post("/uploads", data={"token": token(desk, at)}, files=given)
    assert answer.status_code == 303
    return str(at.get(answer.headers["location"]).text)


def identity(desk: Desk) -> tuple[str, str]:
    from lymphorisk.web.entry import identity_of

    found = identity_of(desk.store, desk.store.entries()[0], desk.users.all()["decide"])
    assert found is not None
    return found.name, found.id


def test_an_empty_worklist_says_so(empty: Desk) -> None:
    assert "No plan has come yet" in client(empty, "view").get("/").text
    assert "Nothing is in it yet" in client(empty, "view").get("/audit").text


def test_the_worklist_shows_state_and_verdict(desk: Desk) -> None:
    entry = desk.store.entries()[0]
    text = client(desk, "view").get("/").text
    for said in (entry.key[:12], "completed", entry.verdict, entry.protocol):
        assert said in text
    assert f'href="/entries/{entry.key}"' in text


def test_identity_is_for_roles_that_may(desk: Desk) -> None:
    entry, (name, number) = desk.store.entries()[0], identity(desk)
    assert name
    assert number
    for path in ("/", f"/entries/{entry.key}", f"/entries/{entry.key}/report", "/audit", "/compare"):
        text = client(desk, "view").get(path).text
        for hidden in (name, f"({number})", LABEL):
            assert hidden not in text, path
    for role in ("decide", "administer"):
        for path in ("/", f"/entries/{entry.key}"):
            text = client(desk, role).get(path).text
            assert name in text
            assert number in text
            assert LABEL in text


def test_the_report_has_no_label_of_the_plan(desk: Desk) -> None:
    entry = desk.store.entries()[0]
    assert entry.label == LABEL
    text = client(desk, "view").get(f"/entries/{entry.key}/report").text
    assert "phase 1" in text
    assert LABEL not in text


def test_why_an_entry_was_canceled_may_name_the_plan(desk: Desk) -> None:
    entry = desk.store.entries()[0]
    with desk.store.commit() as db:
        db.execute("UPDATE entries SET state = 'CANCELED', label = '', reason = 'plan SMITH has two doses'")
    assert "SMITH" not in client(desk, "view").get(f"/entries/{entry.key}").text
    assert "SMITH" in client(desk, "decide").get(f"/entries/{entry.key}").text
    assert client(desk, "view").get(f"/entries/{entry.key}/what-if").status_code == 404


def test_an_entry_shows_the_gate(desk: Desk) -> None:
    entry = desk.store.entries()[0]
    gate = json.loads((desk.store.results(entry.key) / "check.json").read_text())
    text = client(desk, "view").get(f"/entries/{entry.key}").text
    for line in gate["lines"]:
        assert f"{line['structure'] or 'plan'} {line['metric']}" in text
    assert f"{gate['decided']} of {gate['of']} lines" in text
    assert "<iframe" in text
    assert 'action="/entries' not in text  # a form that one may not send is not shown


def test_files_are_taken_like_those_of_a_sender(empty: Desk) -> None:
    text = handed_in(empty, files(("notes DOE.txt", b"no dicom at all")))
    assert "Taken" in text
    assert "not DICOM" in text
    assert "DOE" not in text
    assert [sender for _, sender, _ in empty.store.refusals()] == ["page"]
    assert len(empty.store.arrived()) == 1
    assert "not entered yet" in text


def test_a_zip_is_unpacked(empty: Desk) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(BRAIN.glob("*.dcm")):
            archive.write(path, f"DOE^JANE/{path.name}")
    text = handed_in(empty, [("files", ("DOE.zip", packed.getvalue()))])
    assert "RTPLAN" in text
    assert "RTDOSE" in text
    assert "DOE" not in text
    assert not list((empty.store.folder / "incoming").iterdir())


@pytest.mark.parametrize("what", ["bomb", "broken", "nothing"])
def test_what_is_no_plan_is_named(empty: Desk, what: str) -> None:
    empty.upload_mb = 1
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(2 << 20) if what == "bomb" else b"x" * 1000)
    data = packed.getvalue()[: -40 if what == "broken" else None]
    text = handed_in(empty, [("files", ("a.zip", data))])
    said = {"bomb": "unfolds to far more", "broken": "the zip is broken", "nothing": "not DICOM"}[what]
    assert said in text
    assert "Nothing was taken" in text


def test_limits_of_the_store_hold_for_uploads(empty: Desk) -> None:
    from dataclasses import replace

    empty.service = replace(empty.service, object_mb=0.001)
    assert "larger than 0.001 MB" in handed_in(empty, files())
    empty.service = replace(empty.service, object_mb=1024, free_mb=1e12)
    assert "the disk is full" in handed_in(empty, files())
    assert not empty.store.arrived()


def test_an_upload_is_its_own_persons(empty: Desk) -> None:
    at = client(empty, "decide")
    place = at.post("/uploads", data={"token": token(empty, at)}, files=files()).headers["location"]
    assert at.get(place).status_code == 200
    assert client(empty, "administer").get(place).status_code == 404
    part = at.get(f"{place}/progress")
    assert part.headers["x-ended"] == "0"
    assert "<html" not in part.text


def test_nothing_chosen_is_said(empty: Desk) -> None:
    at = client(empty, "decide")
    answer = at.post("/uploads", data={"token": token(empty, at)}, files={"files": ("", b"")})
    assert answer.status_code == 400
    assert "no file was chosen" in answer.text


def test_a_decision_stands_in_store_trail_and_pages(desk: Desk) -> None:
    entry = desk.store.entries()[0]
    at = client(desk, "decide")
    said = {"token": token(desk, at), "what": "not accepted", "line": "", "reason": "replan  asked for"}
    assert (
        at.post(f"/entries/{entry.key}/decisions", data=said).headers["location"] == f"/entries/{entry.key}#decisions"
    )
    (made,) = desk.store.decisions(entry.key)
    assert (made.who, made.what, made.line, made.reason) == ("decide", "not accepted", "", "replan asked for")
    trail = desk.store.folder / AUDIT
    assert audit.verify(trail).broken_line is None
    last = json.loads((trail / audit.FILE).read_text().splitlines()[-1])["entry"]
    assert (last["who"], last["command"], last["entry"], last["reason"]) == (
        "decide", "decision", entry.key, "replan asked for",
    )  # fmt: skip
    assert last["verdict"] == entry.verdict
    view = client(desk, "view")
    for path in (f"/entries/{entry.key}", "/audit"):
        assert "replan asked for" in at.get(path).text
        assert "replan asked for" not in view.get(path).text
        assert "told to the role decide" in view.get(path).text
    assert "not accepted by decide" in view.get("/").text
    assert desk.store.entry(entry.key).verdict == entry.verdict


def test_decisions_that_cannot_be_are_refused(desk: Desk) -> None:
    entry = desk.store.entries()[0]
    gate = json.loads((desk.store.results(entry.key) / "check.json").read_text())
    met = next(
        f"{r['structure'] or 'plan'} {r['metric']}" for r in gate["lines"] if r["state"] not in ("FAIL", "VARIATION")
    )
    at = client(desk, "decide")
    whole = {"token": token(desk, at), "what": "accepted", "line": "", "reason": "r"}
    for wrong, said in (
        ({"reason": " "}, "needs a reason"),
        ({"what": "deleted"}, "is no decision"),
        ({"line": "Nothing V5Gy[%]"}, "no such line"),
        ({"line": met}, "can be accepted"),
    ):
        answer = at.post(f"/entries/{entry.key}/decisions", data={**whole, **wrong})
        assert answer.status_code == 400
        assert said in answer.text
    assert client(desk, "view").post(f"/entries/{entry.key}/decisions", data=whole).status_code == 403
    assert not desk.store.decisions(entry.key)


def test_a_decision_that_is_not_in_the_trail_is_none(desk: Desk) -> None:
    trail = desk.store.folder / AUDIT / audit.FILE
    trail.write_text(trail.read_text().replace("listen", "liSten", 1))
    entry, at = desk.store.entries()[0], client(desk, "decide")
    data = {"token": token(desk, at), "what": "accepted", "line": "", "reason": "r"}
    answer = at.post(f"/entries/{entry.key}/decisions", data=data)
    assert answer.status_code == 400
    assert "not recorded" in answer.text
    assert not desk.store.decisions(entry.key)
    assert "BROKEN at line 1" in client(desk, "view").get("/audit").text


def test_reasons_are_escaped(desk: Desk) -> None:
    entry, at = desk.store.entries()[0], client(desk, "decide")
    data = {"token": token(desk, at), "what": "accepted", "line": "", "reason": "<script>alert(1)</script>"}
    at.post(f"/entries/{entry.key}/decisions", data=data)
    for path in (f"/entries/{entry.key}", "/audit"):
        assert "<script>alert" not in at.get(path).text
        assert "&lt;script&gt;alert" in at.get(path).text


def test_healthz_says_no_more_than_whether_it_works(desk: Desk) -> None:
    assert client(desk).get("/healthz").json() == {"status": "ok"}


def test_the_password_is_nowhere(desk: Desk) -> None:
    desk.users.add("ann", "view", PASSWORD)
    for path in desk.store.folder.rglob("*"):
        if path.is_file():
            assert PASSWORD.encode() not in path.read_bytes()
