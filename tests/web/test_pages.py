"""What the pages show, take and write down."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

pytest.importorskip("starlette")

from lymphorisk.clinic.store import AUDIT
from lymphorisk.errors import InputError
from lymphorisk.qa import audit
from lymphorisk.web.desk import Desk
from lymphorisk.web.engine import Kept
from lymphorisk.web.intake import Upload, Uploads, take
from lymphorisk.web.sessions import Failures
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
    empty.service = replace(empty.service, object_mb=0.001)
    assert "larger than 0.001 MB" in handed_in(empty, files())
    empty.service = replace(empty.service, object_mb=1024, free_mb=1e12)
    assert "the disk is full" in handed_in(empty, files())
    assert not empty.store.arrived()


def test_a_file_of_a_zip_that_is_too_large_leaves_the_others(empty: Desk) -> None:
    """Whatever stands first in it."""
    paths = sorted(BRAIN.glob("*.dcm"), key=lambda p: -p.stat().st_size)
    largest, second, *_ = (p.stat().st_size for p in paths)
    empty.service = replace(empty.service, object_mb=(largest + second) / 2 / (1 << 20))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in paths:
            archive.write(path, path.name)
    text = handed_in(empty, [("files", ("a.zip", packed.getvalue()))])
    assert "the object is larger than" in text
    assert sum(empty.store.counts()["objects"].values()) == len(paths) - 1
    assert not list((empty.store.folder / "incoming").iterdir())


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


def gate_with(desk: Desk, **changed: object) -> str:
    """The gate's first line said otherwise; its name."""
    path = desk.store.results(desk.store.entries()[0].key) / "check.json"
    gate = json.loads(path.read_text())
    gate["lines"][0] |= changed
    path.write_text(json.dumps(gate))
    return f"{gate['lines'][0]['structure'] or 'plan'} {gate['lines'][0]['metric']}"


def test_a_value_beyond_its_limit_can_be_accepted_and_the_worklist_counts_it(desk: Desk) -> None:
    line = gate_with(desk, state="FAIL", overridden=False)
    entry, at = desk.store.entries()[0], client(desk, "decide")
    data = {"token": token(desk, at), "what": "accepted", "line": line, "reason": "boost planned"}
    assert at.post(f"/entries/{entry.key}/decisions", data=data).status_code == 303
    (made,) = desk.store.decisions(entry.key)
    assert (made.line, made.reason) == (line, "boost planned")
    assert "1 line decided" in client(desk, "view").get("/").text


def test_a_line_without_a_value_and_one_a_protocol_accepts_say_so(desk: Desk) -> None:
    said = {"reason": "tumour next to it", "by": "A Physicist"}
    gate_with(desk, value=None, low=None, high=None, state="FAIL", overridden=True, override=said)
    text = client(desk, "decide").get(f"/entries/{desk.store.entries()[0].key}").text
    assert "tumour next to it (A Physicist)" in text
    assert "(accepted)" in text
    assert "None" not in text


def test_an_entry_without_an_answer_has_nothing_to_see_decide_or_ask(desk: Desk) -> None:
    entry, at = desk.store.entries()[0], client(desk, "decide")
    with desk.store.commit() as db:
        db.execute("UPDATE entries SET state = 'CANCELED', reason = 'no dose'")
    data = {"token": token(desk, at), "what": "accepted", "line": "", "reason": "r"}
    answer = at.post(f"/entries/{entry.key}/decisions", data=data)
    assert (answer.status_code, "there is nothing to decide" in answer.text) == (400, True)
    seen = at.get(f"/entries/{entry.key}/view")
    assert (seen.status_code, "there is nothing to see" in seen.text) == (404, True)
    compared = at.get("/compare", params={"first": entry.key, "second": entry.key[:12]})
    assert compared.status_code == 400
    with pytest.raises(InputError, match="CANCELED: there is no forecast to narrow"):
        desk.store.measure(entry.key, "decide", 7.0, 0.9)
    assert not desk.store.decisions(entry.key)


def test_results_and_files_that_are_gone_are_missed_and_no_fault(desk: Desk) -> None:
    """A report that was deleted is not there; whose plan it is cannot be read from files that are not."""
    entry, at = desk.store.entries()[0], client(desk, "decide")
    name, _ = identity(desk)
    for path in desk.store.results(entry.key).glob("*.html"):
        path.unlink()
    answer = at.get(f"/entries/{entry.key}/report")
    assert (answer.status_code, "there is no report" in answer.text) == (404, True)
    for _, sha in desk.store.members(entry.key):
        desk.store.object_path(sha).unlink()
    page = at.get("/")
    assert page.status_code == 200
    assert name not in page.text


def test_older_entries_stand_on_their_own_page_of_the_worklist(desk: Desk) -> None:
    entry, at = desk.store.entries()[0], client(desk, "view")
    assert entry.key[:12] in at.get("/", params={"before": str(entry.number + 1)}).text
    assert entry.key[:12] not in at.get("/", params={"before": str(entry.number)}).text
    assert entry.key[:12] in at.get("/", params={"before": "yesterday"}).text


def test_files_that_are_too_much_together_are_refused_and_what_came_before_is_kept(empty: Desk) -> None:
    paths = sorted(BRAIN.glob("*.dcm"), key=lambda p: p.stat().st_size)
    most = (paths[0].stat().st_size + 10) / (1 << 20)
    taken = take(empty.service, empty.store, [io.BytesIO(p.read_bytes()) for p in paths], "decide", most)
    assert sum(taken.taken.values()) == 1
    (reason,) = taken.refused
    assert "unfold to more than is taken at once" in reason


def test_of_uploads_answers_and_failures_the_last_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lymphorisk.web.intake.KEPT", 2)
    monkeypatch.setattr("lymphorisk.web.engine.KEPT", 2)
    monkeypatch.setattr("lymphorisk.web.sessions.REMEMBERED", 2)
    uploads = Uploads()
    keys = [uploads.add(Upload("decide", Counter(), Counter(), (str(n),))) for n in range(3)]
    assert [uploads.find(key) is not None for key in keys] == [False, True, True]

    class Asked:
        questions: list[object] = []  # noqa: RUF012

        def ask(self, **question: object) -> dict[str, object]:
            self.questions.append(question)
            return question

    kept, engine = Kept(), Asked()
    for n in (1, 2, 1, 3, 2):
        assert kept.ask(engine, key=n) == {"key": n}  # type: ignore[arg-type]
    assert engine.questions == [{"key": n} for n in (1, 2, 3, 2)], "1 was asked for last, so 2 was dropped"
    failures = Failures(lambda: 0.0)
    for _ in range(40):
        failures.count("ann", "10.0.0.1")
    assert failures.wait_s("ann", "10.0.0.1") > 0
    for n in range(3):
        failures.count(f"user{n}", f"10.0.1.{n}")
    assert failures.wait_s("ann", "10.0.0.1") == 0


def test_a_page_begins_and_ends_through_its_guard(desk: Desk) -> None:
    with client(desk) as at:
        assert at.get("/healthz").json() == {"status": "ok"}


def test_a_long_trail_is_turned_over_page_by_page(empty: Desk) -> None:
    empty.audit.mkdir(exist_ok=True)
    for number in range(1, 251):
        audit.append(empty.audit, {"command": f"said-{number}-"})
    at, address, seen = client(empty, "view"), "/audit", []
    while address:
        text = at.get(address).text
        seen.append([int(n) for n in re.findall(r"said-(\d+)-", text)])
        older = re.search(r'href="(/audit\?before=\d+)"', text)
        address = older[1] if older else ""
    assert [len(part) for part in seen] == [100, 100, 50]
    assert [n for part in seen for n in part] == list(range(250, 0, -1))
    assert "said-1-" not in at.get("/audit?before=1").text
    assert "said-250-" in at.get("/audit?before=9999999").text
    for odd in ("9" * 5000, "٣", "-1", "1e9", "", "\0"):
        for address in ("/audit", "/"):
            assert at.get(address, params={"before": odd}).status_code == 200
