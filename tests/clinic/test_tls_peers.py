"""TLS with programs of others: dcmtk's storescp and storescu, and stunnel before and behind Orthanc."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from lymphorisk.clinic.receive import Receiver
from lymphorisk.clinic.send import NotSentError, echo, send
from lymphorisk.clinic.service import Destination, Service, Tls
from lymphorisk.clinic.store import COMPLETED, Store
from tests.clinic.conftest import until
from tests.clinic.orthanc import Orthanc, Process, free_port, program, running

#: A library of ours leaves the sockets of handshakes that failed to the collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def tls(certificates: Path, name: str, trusted: str) -> Tls:
    return Tls(*(str(certificates / file) for file in (f"{name}.pem", f"{name}.key", f"{trusted}.pem")))


def options(of: Tls) -> list[str]:
    """As dcmtk is told."""
    return ["+tls", of.key, of.certificate, "+cf", of.trusted]


@contextmanager
def storescp(folder: Path, own: Tls) -> Iterator[Destination]:
    """An archive of dcmtk's."""
    found = shutil.which("storescp")
    if found is None:
        pytest.skip("no storescp here (apt-get install dcmtk)")
    folder.mkdir()
    port = free_port()
    call = [found, "--aetitle", "PACS", *options(own), "--output-directory", str(folder), str(port)]
    with subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            yield Destination("PACS", "127.0.0.1", port)
        finally:
            server.terminate()


def answers(to: Destination) -> bool:
    """Whether it answers a C-ECHO."""
    try:
        echo(to, "LYMPHORISK")
    except NotSentError:
        return False
    return True


def test_an_archive_of_dcmtk_takes_answers_over_tls_and_nothing_else(
    certificates: Path, rtplans: Path, tmp_path: Path
) -> None:
    plan = [rtplans / "lung" / "RP.dcm"]
    with storescp(tmp_path / "pacs", tls(certificates, "theirs", "ours")) as to:
        ours = replace(to, tls=tls(certificates, "ours", "theirs"))
        until(lambda: answers(ours))
        assert send(plan, ours) == 1
        assert len(list((tmp_path / "pacs").iterdir())) == 1
        for wrong in (None, tls(certificates, "stranger", "theirs"), tls(certificates, "ours", "stranger")):
            with pytest.raises(NotSentError):
                send(plan, replace(to, tls=wrong))
        assert len(list((tmp_path / "pacs").iterdir())) == 1


def test_a_planning_system_of_dcmtk_sends_over_tls_and_not_without(
    store: Store, service: Service, certificates: Path, rtplans: Path
) -> None:
    found = shutil.which("storescu")
    if found is None:
        pytest.skip("no storescu here (apt-get install dcmtk)")
    receiver = Receiver(replace(service, tls=tls(certificates, "ours", "theirs")), store)
    receiver.begin()
    call = [found, "-aec", "LYMPHORISK", "-to", "10"]
    place = ["127.0.0.1", str(receiver.port), str(rtplans / "lung" / "RP.dcm")]
    try:
        for wrong in (
            [],
            options(tls(certificates, "stranger", "ours")),
            options(tls(certificates, "theirs", "stranger")),
        ):
            assert subprocess.run([*call, *wrong, *place], capture_output=True, check=False).returncode != 0
        assert store.arrived() == []
        subprocess.run([*call, *options(tls(certificates, "theirs", "ours")), *place], capture_output=True, check=True)
    finally:
        receiver.end()
    assert store.counts()["objects"] == {"RTPLAN": 1}


@contextmanager
def stunnel(folder: Path, own: Tls, ways: dict[str, tuple[int, int]]) -> Iterator[None]:
    """TLS around a program that has none: ``out`` from it, ``in`` to it, each from a port to a port."""
    found = shutil.which("stunnel")
    if found is None:
        pytest.skip("no stunnel here (apt-get install stunnel4)")
    lines = ["foreground = yes", "pid =", f"cert = {own.certificate}", f"key = {own.key}", f"CAfile = {own.trusted}"]
    lines += ["verifyPeer = yes"]
    for name, (from_, to) in ways.items():
        lines += [f"[{name}]", f"client = {'yes' if name == 'out' else 'no'}"]
        lines += [f"accept = 127.0.0.1:{from_}", f"connect = 127.0.0.1:{to}"]
    (folder / "stunnel.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with subprocess.Popen([found, str(folder / "stunnel.conf")], stderr=subprocess.DEVNULL) as server:
        try:
            yield
        finally:
            server.terminate()


@pytest.mark.slow
@pytest.mark.skipif(program() is None, reason="no Orthanc here (apt-get install orthanc)")
def test_a_plan_goes_to_its_answers_with_tls_on_both_ways(certificates: Path, rtplans: Path, tmp_path: Path) -> None:
    gate, before, behind = free_port(), free_port(), free_port()
    pacs = Orthanc(tmp_path / "pacs", before)
    ours = tls(certificates, "ours", "theirs")
    keys = "\n".join(f'{name} = "{getattr(ours, name)}"' for name in ("certificate", "key", "trusted"))
    sender = f'[[sender]]\naet = "PACS"\nhost = "127.0.0.1"\nport = {behind}\n[sender.tls]\n{keys}\n'
    settings = tmp_path / "lymphorisk.toml"
    settings.write_text(f"[receiver.tls]\n{keys}\n{sender}", encoding="utf-8")
    told = ("--draws", "16", "--quiet", "5")
    listen = Process(tmp_path / "store", gate, told, {"LYMPHORISK_CONFIG": str(settings)})
    around = stunnel(tmp_path, tls(certificates, "theirs", "ours"), {"out": (before, gate), "in": (behind, pacs.port)})
    with running(pacs, listen), around:
        until(lambda: answers(Destination("PACS", "127.0.0.1", behind, tls=ours)))
        pacs.forward([pacs.store(path) for path in sorted((rtplans / "lung").glob("*.dcm"))])
        until(lambda: sorted(modality for modality, _ in pacs.answers()) == ["DOC", "SR"], 600)
    store = Store(tmp_path / "store")
    assert [e.state for e in store.entries()] == [COMPLETED]
    store.close()
