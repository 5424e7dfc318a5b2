"""The listener over real associations: who may send, what is taken, and that nothing ends it."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pynetdicom import AE, evt

from lymphorisk.clinic import receive
from lymphorisk.clinic.receive import Receiver
from lymphorisk.clinic.send import NotSentError, echo, send
from lymphorisk.clinic.service import Destination, Peer, Service, Tls, destination, from_json
from lymphorisk.clinic.store import INCOMING, Store
from lymphorisk.errors import InputError
from tests.clinic.conftest import until

#: A library of ours leaves the socket of a connection that nobody took to the collector.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <s:pytest.PytestUnraisableExceptionWarning")
Listening = Callable[..., "contextmanager[Destination]"]


@pytest.fixture
def listening(store: Store, service: Service) -> Callable[..., Iterator[Destination]]:
    """A listener as it is told, and its address."""

    @contextmanager
    def begun(**told: object) -> Iterator[Destination]:
        receiver = Receiver(replace(service, **told), store)
        receiver.begin()
        try:
            yield Destination("LYMPHORISK", "127.0.0.1", receiver.port)
        finally:
            receiver.end()

    return begun


def test_what_is_sent_lies_in_the_store_once(listening: Listening, store: Store, rtplans: Path) -> None:
    files = sorted((rtplans / "lung").glob("*.dcm"))
    with listening() as to:
        echo(to, "ANYBODY")
        assert send(files, to) == 3
        assert send(files, to) == 3
    assert store.counts()["objects"] == {"RTDOSE": 1, "RTPLAN": 1, "RTSTRUCT": 1}
    assert len(store.arrived()) == 1
    assert list((store.folder / INCOMING).iterdir()) == []
    names = [p.name for p in store.folder.rglob("*") if p.is_file()]
    assert not any("LYMPHORISK" in n.upper() or "FIXTURE" in n.upper() for n in names)


@pytest.mark.parametrize(
    ("told", "aet", "called", "said"),
    [
        ({}, "ANY", "OTHER", "rejects"),
        ({"peers": (Peer("TPS"),)}, "STRANGER", "LYMPHORISK", "rejects"),
        ({"peers": (Peer("TPS", ("10.1.0.0/16",)),)}, "TPS", "LYMPHORISK", "nobody answers"),
        ({"peers": (Peer("TPS", ("10.1.0.0/16",)), Peer("CT", ("127.0.0.1",)))}, "TPS", "LYMPHORISK", "rejects"),
    ],
    ids=["called title", "calling title", "address", "title from another's address"],
)
def test_who_may_not_send_is_refused_and_the_service_stays_up(
    listening: Listening, store: Store, told: dict[str, object], aet: str, called: str, said: str
) -> None:
    with listening(**told) as to:
        with pytest.raises(NotSentError, match=said):
            echo(replace(to, aet=called), aet)
        if told:
            until(store.refusals)
    if not told:
        with listening() as to:
            echo(to, "ANY")


def test_an_object_that_is_too_large_is_not_read_to_its_end(listening: Listening, store: Store, rtplans: Path) -> None:
    with listening(object_mb=0.1) as to:
        with pytest.raises(NotSentError, match="ended the association"):
            send([rtplans / "lung" / "RD.dcm"], to)
        send([rtplans / "lung" / "RP.dcm"], to)
    assert store.counts()["objects"] == {"RTPLAN": 1}


def test_a_disk_that_is_full_is_said_and_nothing_is_kept(listening: Listening, store: Store, rtplans: Path) -> None:
    with listening(free_mb=1e9) as to, pytest.raises(NotSentError, match="A700") as error:
        send([rtplans / "lung" / "RP.dcm"], to)
    assert not error.value.final
    assert store.refusals()[0][2] == "no room on the disk"
    assert store.arrived() == []


def test_an_object_that_says_nothing_is_refused_by_name(
    listening: Listening, store: Store, rtplans: Path, tmp_path: Path
) -> None:
    import pydicom

    nowhere = pydicom.dcmread(rtplans / "lung" / "RP.dcm")
    nowhere.StudyInstanceUID = ""
    nowhere.save_as(tmp_path / "nowhere.dcm")
    with listening() as to, pytest.raises(NotSentError, match="C000") as error:
        send([tmp_path / "nowhere.dcm"], to)
    assert error.value.final
    assert "no Study Instance UID" in store.refusals()[0][2]


@pytest.mark.slow
def test_bytes_that_are_no_dicom_end_their_connection_only(listening: Listening, rtplans: Path) -> None:
    hostile = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x01\x00\xff\xff\xff\xff" + b"A" * 4096,
        b"\x04\x00\x00\x00\x00\x04abcd",
        b"",
    ]
    with listening() as to:
        for data in hostile:
            with socket.create_connection((to.host, to.port), timeout=5) as line:
                line.sendall(data)
        assert send([rtplans / "lung" / "RP.dcm"], to) == 1


def test_a_title_that_is_long_or_strange_is_refused(listening: Listening, store: Store) -> None:
    request = bytearray(
        b"\x01\x00\x00\x00\x00\x44\x00\x01\x00\x00" + b"LYMPHORISK".ljust(16) + b"\xff\x1b[31m".ljust(16)
    )
    request += bytes(32)
    with listening() as to:
        with socket.create_connection((to.host, to.port), timeout=5) as line:
            line.sendall(bytes(request))
        echo(to, "AFTER")


def test_tls_asks_for_a_certificate_of_those_that_are_trusted(
    listening: Listening, store: Store, rtplans: Path, certificates: Path
) -> None:
    def tls(name: str, trusted: str) -> Tls:
        return Tls(*(str(certificates / f) for f in (f"{name}.pem", f"{name}.key", f"{trusted}.pem")))

    plan = [rtplans / "lung" / "RP.dcm"]
    with listening(tls=tls("ours", "theirs")) as to:
        for wrong in (None, tls("stranger", "ours"), tls("theirs", "stranger")):
            with pytest.raises(NotSentError):
                send(plan, replace(to, tls=wrong))
        assert store.arrived() == []
        assert send(plan, replace(to, tls=tls("theirs", "ours"))) == 1
    with pytest.raises(InputError, match="TLS"), listening(tls=Tls("no", "no", "no")):
        pass


def test_a_port_that_is_taken_is_said(listening: Listening, store: Store) -> None:
    with listening() as to, pytest.raises(InputError, match="cannot be had"), listening(port=to.port):
        pass


def test_a_service_travels_to_its_worker_as_text() -> None:
    to = destination("PACS@10.1.2.9:104")
    made = Service("/s", peers=(Peer("TPS", ("10.0.0.0/8",)),), tls=Tls("a", "b", "c"), destinations=(to,))
    assert from_json(made.to_json()) == made
    assert to.name == "PACS@10.1.2.9:104"
    assert destination("https://pacs/dicom-web").web
    for wrong in ("PACS", "PACS@host", "PACS@host:x", "@host:1", "PACS@host:99999", "A" * 17 + "@h:1"):
        with pytest.raises(InputError, match="no destination"):
            destination(wrong)
    with pytest.raises(InputError, match="no address"):
        Peer("TPS", ("nowhere",))


def test_without_peers_only_this_machine_may_send() -> None:
    alone = Service("/s")
    assert alone.may_send("ANY", "127.0.0.1")
    assert alone.may_connect("::ffff:127.0.0.1")
    assert not alone.may_connect("10.1.2.3")
    assert not alone.may_send("ANY", "10.1.2.3")
    assert not alone.may_connect("no address")


def test_more_associations_than_are_allowed_are_refused_and_named(listening: Listening, store: Store) -> None:
    with listening(associations=2) as to:
        lines = [socket.create_connection((to.host, to.port), timeout=5) for _ in range(30)]
        until(lambda: "too many connections" in {reason for _, _, reason in store.refusals()})
        for line in lines:
            line.close()
        until(lambda: answered(to))
    assert len(store.refusals()) < 10  # a flood is named, not written down one by one


def answered(to: Destination) -> bool:
    """Whether a well-behaved peer is answered."""
    try:
        echo(to, "WELL")
    except NotSentError:
        return False
    return True


HEAD = b"\x01\x00\x00\x00\x01\x00"


@pytest.mark.parametrize("said", [b"", HEAD[:3], HEAD + b"abc"], ids=["nothing", "half a head", "half a request"])
def test_a_peer_that_says_nothing_more_keeps_no_place(
    listening: Listening, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(receive, "REQUEST_S", 0.5)
    with listening(associations=1) as to:
        lines = [socket.create_connection((to.host, to.port), timeout=5) for _ in range(1 + receive.SPARE)]
        for line in lines:
            line.sendall(said)
        until(lambda: answered(to))
        for line in lines:
            line.settimeout(10)
            with contextlib.suppress(ConnectionResetError):
                while line.recv(4096):
                    pass
            line.close()


def test_a_handshake_that_is_never_made_keeps_no_place(
    listening: Listening, monkeypatch: pytest.MonkeyPatch, certificates: Path
) -> None:
    monkeypatch.setattr(receive, "REQUEST_S", 0.5)
    ours, theirs = (Tls(*(str(certificates / f"{n}{end}") for n, end in ((a, ".pem"), (a, ".key"), (b, ".pem"))))
                    for a, b in (("ours", "theirs"), ("theirs", "ours")))  # fmt: skip
    with listening(associations=1, tls=ours) as to:
        lines = [socket.create_connection((to.host, to.port), timeout=5) for _ in range(1 + receive.SPARE)]
        until(lambda: answered(replace(to, tls=theirs)))
        for line in lines:
            line.close()


def test_an_object_that_trickles_is_given_up(
    listening: Listening, store: Store, rtplans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive, "SLOW_S", 1.0)
    pdus = recorded(rtplans / "lung" / "RP.dcm", listening)
    with listening() as to, socket.create_connection((to.host, to.port), timeout=10) as line:
        line.sendall(pdus[0])
        assert line.recv(1) == b"\x02"  # accepted
        line.sendall(pdus[1])
        with pytest.raises(OSError):
            trickle(line, pdus[2])
        assert answered(to)
    assert store.counts()["objects"] == {"RTPLAN": 1}  # the one that was recorded
    assert not list((store.folder / INCOMING).iterdir())


def trickle(line: socket.socket, data: bytes) -> None:
    """Send bytes far apart."""
    for at in range(0, len(data), 10):
        line.sendall(data[at : at + 10])
        time.sleep(0.1)


def recorded(path: Path, listening: Listening) -> list[bytes]:
    """The PDUs of a conversation that stores a file: request, command, data."""
    said: list[bytes] = []
    with listening() as to:
        entity = AE(ae_title="SLOW")
        entity.add_requested_context("1.2.840.10008.5.1.4.1.1.481.5", ["1.2.840.10008.1.2.1"])
        record = [(evt.EVT_DATA_SENT, lambda event: said.append(bytes(event.data)))]
        association = entity.associate(to.host, to.port, ae_title=to.aet, evt_handlers=record)
        association.send_c_store(path)
        association.release()
    return said
