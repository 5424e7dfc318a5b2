"""The sender: again and again until an answer has arrived, never twice, and not for ever what is refused for good."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from lymphorisk.clinic import log
from lymphorisk.clinic import send as sending
from lymphorisk.clinic.courses import courses
from lymphorisk.clinic.receive import Receiver
from lymphorisk.clinic.send import NotSentError, Sender
from lymphorisk.clinic.service import ANSWERS, Destination, Service, destinations_of
from lymphorisk.clinic.store import CANCELED, COMPLETED, SCHEDULED, Store
from tests.clinic.conftest import keep

PACS = Destination("PACS", "127.0.0.1", 1)
#: A library of ours leaves the socket of a connection that nobody took to the collector.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def sender(store: Store, service: Service, rtplans: Path) -> Sender:
    """A sender with an answer of one entry to send; the answer is a plan's file, which any storage takes."""
    held = keep(store, rtplans / "lung" / "RP.dcm")
    made = courses(held.study_uid, [held])
    store.enter(made, held.study_uid, time.time(), done=True)
    store.claim("t")
    folder = store.results(made[0].key)
    folder.mkdir()
    for name in ANSWERS.values():
        (folder / name).write_bytes((rtplans / "lung" / "RP.dcm").read_bytes())
    facts = {"verdict": "PASS", "exit_code": 0, "label": "", "protocol": "", "reason": ""}
    store.complete(made[0].key, "t", facts, [("sr", PACS.name)])
    return Sender(replace(service, destinations=(PACS,), retry_s=10.0), store, threading.Event())


def test_an_answer_waits_longer_each_time_and_is_sent_once(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = []
    for _ in range(7):
        before = time.time()
        assert sender.step()  # nobody listens on port 1
        (one,) = sender.store.outgoing()
        waits.append(round(one.next_at - before))
        assert one.state == SCHEDULED
        assert "nobody answers" in one.reason
        assert not sender.step()
        sender.store.db.execute("UPDATE outgoing SET next_at = 0")
    assert waits == [10, 20, 40, 80, 160, 300, 300]
    arrived: list[Path] = []
    monkeypatch.setattr(sending, "send", lambda paths, to, aet: arrived.extend(paths))
    assert sender.step()
    assert not sender.step()
    assert len(arrived) == 1
    assert sender.store.outgoing()[0].state == COMPLETED


@pytest.mark.slow
def test_an_archive_that_is_away_for_an_hour_gets_the_answer_once(
    sender: Sender, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [time.time()]
    monkeypatch.setattr(sending, "time", SimpleNamespace(time=lambda: now[0]))
    begun, attempts = now[0], 0
    while now[0] - begun < 3600.0:
        attempts += sender.step()
        now[0] = max(now[0], sender.store.outgoing()[0].next_at)
    assert attempts == 16  # at 0, 10, 30, 70, 150, 310 s, then every five minutes
    assert sender.store.outgoing()[0].state == SCHEDULED
    there = Store(tmp_path / "archive", create=True)
    log.begin(tmp_path / "log", screen=False)
    receiver = Receiver(replace(service, store=str(there.folder), aet=PACS.aet), there)
    receiver.begin()
    try:
        sender.by_name[PACS.name] = replace(PACS, port=receiver.port)
        assert sender.step()
        assert sender.store.outgoing()[0].state == COMPLETED
        now[0] += 86400.0
        assert not sender.step()
    finally:
        receiver.end()
        log.begin(None, screen=False)
    lines = [json.loads(line) for line in (tmp_path / "log" / log.FILE).read_text().splitlines()]
    assert [line["event"] for line in lines if line["event"].startswith("object")] == ["object received"]


def test_what_is_refused_for_good_is_named_and_not_tried_again(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise NotSentError("PACS refuses the object (status A900)", final=True)

    monkeypatch.setattr(sending, "send", refused)
    sender.step()
    (one,) = sender.store.outgoing()
    assert (one.state, one.reason) == (CANCELED, "PACS refuses the object (status A900)")
    assert not sender.step()


def test_whatever_goes_wrong_the_answer_is_sent_later(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(*_: object) -> None:
        raise FileNotFoundError(2, "Doe^Jane")

    monkeypatch.setattr(sending, "send", fault)
    assert sender.step()
    (one,) = sender.store.outgoing()
    assert (one.state, one.reason) == (SCHEDULED, "internal error: FileNotFoundError")
    assert one.next_at > time.time()


def test_a_destination_that_is_no_more_is_named(sender: Sender) -> None:
    sender.by_name.clear()
    sender.step()
    assert sender.store.outgoing()[0].state == CANCELED


@pytest.mark.parametrize("there", [True, False])
def test_what_was_being_sent_is_asked_for_before_it_is_sent_again(
    sender: Sender, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    sender.store.due(time.time())
    monkeypatch.setattr(sending, "holds", lambda path, to, aet: there)
    sender.stop.set()
    sender.begin()
    sender.thread.join()
    assert sender.store.outgoing()[0].state == (COMPLETED if there else SCHEDULED)


def test_an_archive_that_answers_no_query_holds_nothing(store: Store, service: Service, rtplans: Path) -> None:
    receiver = Receiver(service, store)
    receiver.begin()
    try:
        assert not sending.holds(
            rtplans / "lung" / "RP.dcm", Destination("LYMPHORISK", "127.0.0.1", receiver.port), "A"
        )
    finally:
        receiver.end()
    assert not sending.holds(rtplans / "lung" / "RP.dcm", PACS, "A")
    assert not sending.holds(rtplans / "lung" / "RP.dcm", Destination(web="http://127.0.0.1:1"), "A")


def test_files_that_a_web_service_does_not_take_are_not_sent(rtplans: Path) -> None:
    to = Destination(web="http://127.0.0.1:1/rs")
    with pytest.raises(NotSentError) as caught:
        sending.send([rtplans / "lung" / "RP.dcm"], to, "A")
    assert "127.0.0.1:1" in caught.value.message
    assert destinations_of(None) == ()
