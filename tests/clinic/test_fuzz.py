"""Two thousand broken conversations: each is refused or ignored, and the service stays up."""

from __future__ import annotations

import os
import random
import socket
from pathlib import Path

import pytest
from pynetdicom import AE, evt

from lymphorisk.clinic.receive import Receiver
from lymphorisk.clinic.send import NotSentError, echo, send
from lymphorisk.clinic.service import Destination, Service
from lymphorisk.clinic.store import INCOMING, Store
from tests.clinic.conftest import until

CONVERSATIONS = int(os.environ.get("LYMPHORISK_BROKEN_CONVERSATIONS", "2000"))
pytestmark = [
    pytest.mark.slow,
    # a library of ours leaves sockets and threads of broken conversations to the collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]


def recorded(to: Destination, path: Path) -> list[bytes]:
    """The PDUs of a conversation that stores a file."""
    said: list[bytes] = []
    entity = AE(ae_title="FUZZ")
    entity.add_requested_context("1.2.840.10008.5.1.4.1.1.481.5", ["1.2.840.10008.1.2.1"])
    record = [(evt.EVT_DATA_SENT, lambda event: said.append(bytes(event.data)))]
    association = entity.associate(to.host, to.port, ae_title=to.aet, evt_handlers=record)
    assert association.is_established
    association.send_c_store(path)
    association.release()
    return said


def broken(pdus: list[bytes], chance: random.Random) -> list[bytes]:
    """The same with bits turned, pieces cut, doubled, out of order, or lengths that lie."""
    out = [bytearray(p) for p in pdus]
    kind = chance.randrange(6)
    one = chance.choice(out)
    if kind == 0:
        for _ in range(chance.randint(1, 20)):
            one[chance.randrange(len(one))] ^= 1 << chance.randrange(8)
    elif kind == 1:
        del one[chance.randrange(len(one)) :]
    elif kind == 2:
        one[2:6] = chance.randbytes(4)
    elif kind == 3:
        chance.shuffle(out)
    elif kind == 4:
        out.insert(chance.randrange(len(out)), bytearray(chance.randbytes(chance.randint(1, 2000))))
    else:
        at = chance.randrange(len(one))
        one[at:at] = chance.randbytes(chance.randint(1, 200))
    return [bytes(p) for p in out]


def answers(to: Destination) -> bool:
    """Whether a well-behaved peer is answered."""
    try:
        echo(to, "WELL")
    except NotSentError:
        return False
    return True


def stores(to: Destination, files: list[Path]) -> bool:
    """Whether all files of a well-behaved peer are taken; conversations that still end count against the limit."""
    try:
        return send(files, to) == len(files)
    except NotSentError:
        return False


def test_broken_conversations_end_and_the_service_stays_up(store: Store, service: Service, rtplans: Path) -> None:
    chance = random.Random(20260101)
    receiver = Receiver(service, store)
    receiver.begin()
    to = Destination("LYMPHORISK", "127.0.0.1", receiver.port)
    try:
        pdus = recorded(to, rtplans / "lung" / "RP.dcm")
        for n in range(CONVERSATIONS):
            try:
                with socket.create_connection((to.host, to.port), timeout=5) as line:
                    line.settimeout(0.02)
                    for pdu in broken(pdus, chance):
                        line.sendall(pdu)
                        try:
                            if not line.recv(65536):
                                break
                        except TimeoutError:
                            pass
            except OSError:  # refused, or ended by the service
                pass
            if n % 100 == 99:
                until(lambda: answers(to))  # conversations that were left open count until they are given up
        assert receiver.alive
        until(lambda: stores(to, sorted((rtplans / "pancreas").glob("*.dcm"))))
    finally:
        receiver.end()
    assert store.trouble() == ""
    assert list((store.folder / INCOMING).iterdir()) == []
