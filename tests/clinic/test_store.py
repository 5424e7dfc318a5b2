"""The store: nothing twice, nothing lost, and a claim that is gone commits nothing."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from lymphorisk.clinic.courses import courses
from lymphorisk.clinic.keep import LONGER, Keeper, expire
from lymphorisk.clinic.objects import look
from lymphorisk.clinic.service import Service
from lymphorisk.clinic.store import CANCELED, COMPLETED, IN_PROGRESS, SCHEDULED, Store
from lymphorisk.clinic.turn import NEXT, turn, wanted
from lymphorisk.errors import DicomReadError, InputError
from lymphorisk.qa import audit
from tests.clinic.conftest import keep

FACTS = {"verdict": "PASS", "exit_code": 0, "label": "lung", "protocol": "Lung", "reason": ""}
ANSWERS = [("sr", "PACS@h:1"), ("pdf", "PACS@h:1")]


def entered(store: Store, folder: Path, names: tuple[str, ...] = ("RP", "RS", "RD")) -> str:
    """The key of an entry of a fixture."""
    held = [keep(store, folder / f"{name}.dcm") for name in names]
    study = held[0].study_uid
    made = courses(study, store.around(study))
    store.enter(made, study, time.time(), done=True)
    return made[0].key


def test_an_object_is_what_it_says_and_refers_to(rtplans: Path) -> None:
    plan, structures, dose = (look(rtplans / "lung" / f"{name}.dcm") for name in ("RP", "RS", "RD"))
    assert (plan.role, structures.role, dose.role, dose.summation) == ("RTPLAN", "RTSTRUCT", "RTDOSE", "PLAN")
    assert plan.refers_to == (structures.sop_uid,)
    assert dose.refers_to == (plan.sop_uid,)
    with pytest.raises(DicomReadError, match="not DICOM"):
        look(rtplans / "lung" / "case.toml")


def test_the_same_objects_are_one_entry(store: Store, rtplans: Path) -> None:
    key = entered(store, rtplans / "lung")
    assert entered(store, rtplans / "lung") == key
    (entry,) = store.entries()
    assert (entry.state, entry.seen, entry.missing) == (SCHEDULED, 2, ())
    assert [role for role, _ in store.members(key)] == ["RTDOSE", "RTPLAN", "RTSTRUCT"]
    assert store.arrived() == []
    assert store.entry(key[:8]).key == key
    with pytest.raises(InputError, match="no entry begins"):
        store.entry("zz")


def test_a_claim_is_one_workers(store: Store, rtplans: Path) -> None:
    key = entered(store, rtplans / "lung")
    first = store.claim("one")
    assert first is not None
    assert first.state == IN_PROGRESS
    assert store.claim("two") is None
    assert store.give_back(counted=False) == 1
    second = store.claim("two")
    assert second is not None
    assert second.attempts == 1  # the service had ended
    assert store.give_back("two", counted=True) == 1
    third = store.claim("two")
    assert third is not None
    assert third.attempts == 2
    assert not store.complete(key, "one", FACTS, ANSWERS)
    assert store.outgoing() == []
    assert store.complete(key, "two", FACTS, ANSWERS)
    assert not store.complete(key, "two", FACTS, ANSWERS)
    assert not store.cancel(key, "two", "late")
    assert (store.entry(key).state, store.entry(key).verdict) == (COMPLETED, "PASS")
    assert [o.what for o in store.outgoing()] == ["sr", "pdf"]


def test_an_answer_is_due_until_it_has_arrived(store: Store, rtplans: Path) -> None:
    key = entered(store, rtplans / "lung")
    store.claim("t")
    store.complete(key, "t", FACTS, ANSWERS[:1])
    one = store.due(time.time())
    assert one is not None
    assert store.due(time.time()) is None
    assert [b.number for b in store.begun()] == [one.number]
    store.not_sent(one.number, "nobody answers", time.time() + 100)
    assert store.due(time.time()) is None
    again = store.due(time.time() + 101)
    assert again is not None
    assert again.attempts == 1
    store.sent(one.number)
    assert store.due(time.time() + 1e6) is None
    assert store.outgoing(COMPLETED)[0].number == one.number
    assert len(store.seconds_to_answer()) == 1


def test_a_decision_needs_a_completed_entry_and_a_reason(store: Store, rtplans: Path) -> None:
    key = entered(store, rtplans / "lung")
    with pytest.raises(InputError, match="SCHEDULED"):
        store.decide(key, "physicist", "accept", reason="seen")
    store.claim("t")
    store.complete(key, "t", FACTS, ())
    with pytest.raises(InputError, match="needs a reason"):
        store.decide(key, "physicist", "accept", reason=" ")
    made = store.decide(key, "physicist", "override", "Spleen V5Gy[%]", "boost planned")
    assert store.decisions(key) == [made]


def test_every_thread_has_a_connection_and_other_processes_read(store: Store, rtplans: Path) -> None:
    key = entered(store, rtplans / "lung")
    other = Store(store.folder)
    assert [e.key for e in other.entries()] == [key]
    assert store.trouble() == ""
    store.backup(store.folder / "copy.db")
    copied = sqlite3.connect(store.folder / "copy.db")
    assert copied.execute("SELECT key FROM entries").fetchone() == (key,)
    copied.close()
    other.close()


def test_an_entry_without_results_is_forgotten_and_said_to_be(store: Store, rtplans: Path) -> None:
    key = entered(store, rtplans / "lung")
    assert not store.results(key).exists()
    assert store.forget_results(key) == 1
    assert store.entry(key).deleted_at is not None


def test_a_holder_that_gives_way_is_waited_for_only_so_long(store: Store) -> None:
    """Others that wait before one are waited for as well."""
    with turn(store, yields=True):
        with pytest.raises(InputError, match="another service"):
            turn(store, yields=True)
        with pytest.raises(InputError, match="another service"):
            turn(store, wait_s=-1.0)
        with store.locked(NEXT), pytest.raises(InputError):
            turn(store, wait_s=-1.0)
        with store.locked(NEXT):
            assert wanted(store)
        assert not wanted(store)
    turn(store).close()


def test_one_service_holds_a_store(store: Store) -> None:
    held = store.locked()
    with pytest.raises(InputError, match="another service"):
        store.locked()
    held.close()
    store.locked().close()


def test_a_folder_without_a_store_and_a_store_of_tomorrow_are_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no store"):
        Store(tmp_path)
    store.db.execute("PRAGMA user_version = 99")
    with pytest.raises(InputError, match="version 99"):
        Store(store.folder)


def test_a_course_waits_for_its_references_and_quiet_names_what_is_missing(
    store: Store, service: Service, rtplans: Path
) -> None:
    import threading

    keeper = Keeper(service, store, threading.Event())
    now = time.time()
    for name in ("RP", "RS"):
        keep(store, rtplans / "lung" / f"{name}.dcm")
    keeper.step(now)
    assert store.entries() == []
    keep(store, rtplans / "lung" / "RD.dcm")
    keeper.step(now)
    assert [e.missing for e in store.entries()] == [()]
    keep(store, rtplans / "brain" / "RP.dcm")
    keeper.step(now + service.quiet_s - 1)
    assert len(store.entries()) == 1
    keeper.step(time.time() + service.quiet_s + 1)
    assert store.entries()[1].missing == ("RTDOSE", "RTSTRUCT")
    keep(store, rtplans / "brain" / "RS.dcm")
    keep(store, rtplans / "brain" / "RD.dcm")
    keeper.step(time.time())
    last = store.entries()[2]
    assert (last.missing, last.before) == ((), store.entries()[1].key)


def test_a_course_that_is_still_being_sent_waits(store: Store, service: Service, rtplans: Path) -> None:
    import threading

    sending = [True]
    keeper = Keeper(service, store, threading.Event(), [lambda study: sending[0]])
    for name in ("RP", "RS", "RD"):
        keep(store, rtplans / "lung" / f"{name}.dcm")
    keeper.step(time.time())
    keeper.step(time.time() + LONGER * service.quiet_s - 1)  # a large dose on a slow line
    assert store.entries() == []
    sending[0] = False
    keeper.step(time.time())
    assert len(store.entries()) == 1


def test_a_sender_that_never_ends_keeps_a_course_only_so_long(store: Store, service: Service, rtplans: Path) -> None:
    import threading

    keeper = Keeper(service, store, threading.Event(), [lambda study: True])
    keep(store, rtplans / "lung" / "RP.dcm")
    keeper.step(time.time() + LONGER * service.quiet_s + 1)
    assert [e.missing for e in store.entries()] == [("RTDOSE", "RTSTRUCT")]


def test_what_is_old_is_deleted_by_rule_and_the_audit_trail_says_so(store: Store, rtplans: Path) -> None:
    service = Service(str(store.folder), received_d=1.0, results_d=2.0)
    lung, brain = entered(store, rtplans / "lung"), entered(store, rtplans / "brain")
    for key in (lung, brain):
        store.claim("t")
        store.results(key).mkdir(parents=True)
        (store.results(key) / "sr.dcm").write_bytes(b"x")
    store.db.execute("UPDATE entries SET token = 't', state = 'IN PROGRESS'")
    store.complete(lung, "t", FACTS, ())
    store.complete(brain, "t", FACTS, ANSWERS)
    assert expire(service, store, time.time()) == 0
    day = 86400.0
    assert expire(service, store, time.time() + 1.5 * day) == 1
    assert not any(store.object_path(sha).exists() for _, sha in store.members(lung))
    assert all(store.object_path(sha).exists() for _, sha in store.members(brain))  # its answers are not sent yet
    assert store.results(lung).exists()
    assert expire(service, store, time.time() + 3 * day) == 1
    assert not store.results(lung).exists()
    assert store.entry(lung).deleted_at is not None
    assert expire(service, store, time.time() + 3 * day) == 0
    assert audit.verify(store.folder / "audit").entries == 2
    assert entered(store, rtplans / "lung") == lung  # known, though its files are gone
    assert store.entry(lung).state == COMPLETED


def test_what_cannot_be_deleted_is_not_said_to_be(store: Store, rtplans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = entered(store, rtplans / "lung")
    store.claim("t")
    store.results(key).mkdir(parents=True)
    store.complete(key, "t", FACTS, ())

    def kept(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    service, later = Service(str(store.folder), received_d=1.0, results_d=1.0), time.time() + 2 * 86400.0
    with monkeypatch.context() as one:
        one.setattr(Path, "unlink", kept)
        one.setattr("shutil.rmtree", kept)
        assert expire(service, store, later) == 0
    assert store.entry(key).deleted_at is None
    assert all(store.object_path(sha).exists() for _, sha in store.members(key))
    assert not list((store.folder / "audit").iterdir())
    assert expire(service, store, later) == 2
    assert not store.results(key).exists()


def test_an_object_that_two_entries_need_stays_with_the_second(store: Store, rtplans: Path) -> None:
    key = entered(store, rtplans / "lung", ("RP", "RS"))
    whole = entered(store, rtplans / "lung")
    for one in (key, whole):
        store.claim("t")
        store.cancel(one, "t", "no")
    assert store.entry(key).state == CANCELED
    assert store.forget_objects(key) == 0
    assert store.forget_objects(whole) == 3
