"""What keeps a service well: a worklist to look at, a backup that is a store, an examination."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lymphorisk.cli.main import run
from lymphorisk.clinic import log
from lymphorisk.clinic.backup import backed_up
from lymphorisk.clinic.certificates import certified
from lymphorisk.clinic.child import Child
from lymphorisk.clinic.courses import courses
from lymphorisk.clinic.examine import examined
from lymphorisk.clinic.health import health
from lymphorisk.clinic.receive import Receiver
from lymphorisk.clinic.service import Destination, Service, Tls
from lymphorisk.clinic.store import START_S, Store
from lymphorisk.clinic.supervise import Supervisor
from lymphorisk.errors import InputError
from tests.clinic.conftest import keep

pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def filled(store: Store, rtplans: Path) -> str:
    """The key of a completed entry with a result and an answer."""
    held = [keep(store, rtplans / "lung" / f"{name}.dcm") for name in ("RP", "RS", "RD")]
    made = courses(held[0].study_uid, held)
    store.enter(made, held[0].study_uid, time.time(), done=True)
    store.claim("t")
    store.results(made[0].key).mkdir()
    (store.results(made[0].key) / "sr.dcm").write_bytes(b"answer")
    facts = {"verdict": "PASS", "exit_code": 0, "label": "Doe^Jane", "protocol": "Lung", "reason": ""}
    store.complete(made[0].key, "t", facts, [("sr", "PACS@h:104")])
    return made[0].key


def test_a_backup_is_a_store_with_everything_in_it(store: Store, filled: str, tmp_path: Path) -> None:
    place = tmp_path / "backup"
    assert backed_up(store, place) == 5  # database, three objects, one result
    restored = Store(place)
    assert restored.entries() == store.entries()
    assert restored.outgoing() == store.outgoing()
    assert (restored.results(filled) / "sr.dcm").read_bytes() == b"answer"
    assert all(restored.object_path(sha).is_file() for _, sha in restored.members(filled))
    with pytest.raises(InputError, match="there already"):
        backed_up(store, place)
    with pytest.raises(InputError, match="lies in the store"):
        backed_up(store, store.folder / "copy")


def test_a_store_that_has_no_results_yet_is_backed_up_and_examined(
    store: Store, service: Service, tmp_path: Path
) -> None:
    """Closing twice is closing; of a folder without a store nothing is wrong yet."""
    assert backed_up(store, tmp_path / "backup") == 1  # the database
    assert Store(tmp_path / "backup").entries() == []
    none = list(examined(replace(service, store=str(tmp_path / "none" / "store"))))
    assert all(ok for ok, _, _ in none)
    assert none[0][1] == "no store in 'store' yet"
    store.close()
    store.close()
    assert store.entries() == []


def test_the_worklist_is_shown_without_the_plans_label(
    store: Store, filled: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["worklist", str(store.folder), "--backup", str(tmp_path / "b")]) == 0
    assert "5 files copied" in capsys.readouterr().err
    assert run(["worklist", str(store.folder)]) == 0
    text = capsys.readouterr().out
    assert f"{filled[:12]}  COMPLETED" in text
    assert "0 of 1 sent" in text
    assert "Doe" not in text
    assert run(["worklist", str(tmp_path)]) == 3


def test_an_examination_says_what_is_wrong(store: Store, service: Service, filled: str) -> None:
    lines = list(examined(service))
    assert all(ok for ok, _, _ in lines)
    assert any("1 entries, sound" in what for _, what, _ in lines)
    web = replace(service, destinations=(Destination(web="http://127.0.0.1:1/rs"),))
    assert any("asked when it is sent to" in what for ok, what, _ in examined(web) if ok)
    assert any("1 answers wait, the oldest for 0 minutes" in what for _, what, _ in lines)
    wrong = replace(
        service, free_mb=1e9, destinations=(Destination("PACS", "127.0.0.1", 1),), tls=Tls("no.pem", "no.key", "no.pem")
    )
    said = [what for ok, what, _ in examined(wrong) if not ok]
    assert len(said) == 3
    assert any("nobody answers at PACS@127.0.0.1:1" in what for what in said)
    receiver = Receiver(service, store)
    receiver.begin()
    try:
        there = replace(
            service, port=receiver.port, destinations=(Destination("LYMPHORISK", "127.0.0.1", receiver.port),)
        )
        said = [what for _, what, _ in examined(there)]
        assert any("answers C-ECHO" in what for what in said)
        assert any("something listens there" in what for what in said)
    finally:
        receiver.end()


def certificate(folder: Path, name: str, begins_d: float, ends_d: float) -> Tls:
    """One that is valid from and to a number of days from now, and trusts itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    called = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder(called, called, key.public_key(), x509.random_serial_number())
        .not_valid_before(now + timedelta(days=begins_d))
        .not_valid_after(now + timedelta(days=ends_d))
        .sign(key, hashes.SHA256())
    )
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    kind, kept = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / f"{name}.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, kind, kept))
    return Tls(*(str(folder / f"{name}{end}") for end in (".pem", ".key", ".pem")))


@pytest.mark.parametrize(
    ("begins_d", "ends_d", "status", "said"),
    [
        (-10.0, 300.0, "ok", ""),
        (-10.0, 10.1, "ok", "certificate ends in 10 days: renew it"),
        (-10.0, -2.0, "failing", "certificate ended 2.0 days ago"),
        (3.0, 300.0, "failing", "certificate is not valid before 3.0 days from now"),
    ],
    ids=["long", "soon", "expired", "not yet"],
)
def test_the_end_of_a_certificate_is_said_before_it_comes(
    store: Store, service: Service, tmp_path: Path, begins_d: float, ends_d: float, status: str, said: str
) -> None:
    tls = certificate(tmp_path, "ours", begins_d, ends_d)
    to = Destination("PACS", "127.0.0.1", 104, tls=certificate(tmp_path, "theirs", -1.0, 300.0))
    told = health(replace(service, tls=tls, destinations=(to,)), store)
    assert told["status"] == status
    assert told["soon" if status == "ok" else "trouble"][:1] == ([f"receiver: {said}"] if said else [])
    assert not [line for line in told["trouble"] if "PACS" in line]
    away = health(replace(service, destinations=(replace(to, tls=tls),)), store)
    assert away["status"] == status
    lines = list(certified(replace(service, tls=tls), time.time()))
    assert [good for good, _, _ in lines] == [status == "ok"] * 2


def test_one_trusted_certificate_that_holds_is_enough(service: Service, tmp_path: Path) -> None:
    ours = certificate(tmp_path, "ours", -1.0, 300.0)
    old, new = certificate(tmp_path, "old", -9.0, -1.0), certificate(tmp_path, "new", -1.0, 300.0)
    both = tmp_path / "both.pem"
    both.write_text(Path(old.trusted).read_text() + Path(new.trusted).read_text())
    for trusted, good in ((both, True), (Path(old.trusted), False)):
        lines = list(certified(replace(service, tls=replace(ours, trusted=str(trusted))), time.time()))
        assert [line[0] for line in lines] == [True, good]
    for name, begins_d, ends_d in (("later", 3.0, 400.0), ("shorter", -1.0, 5.0)):
        one = certificate(tmp_path, name, begins_d, ends_d)
        both.write_text(Path(one.trusted).read_text() + Path(new.trusted).read_text())
        lines = list(certified(replace(service, tls=replace(ours, trusted=str(both))), time.time()))
        assert lines[1] == (True, "receiver: certificate of who is trusted ends in 300 days", ""), name


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("lymphorisk.no_such_module", "No module named lymphorisk.no_such_module"),
        ("lymphorisk.clinic.objects", "it ended with code 0"),
    ],
)
def test_a_worker_that_does_not_start_is_shown_at_once_with_its_reason(
    store: Store, service: Service, capsys: pytest.CaptureFixture[str], module: str, said: str
) -> None:
    supervisor = Supervisor(service, store, threading.Event())
    supervisor._worker = Child(module, service)
    supervisor.stop.wait = lambda _: False  # type: ignore[method-assign,assignment]
    assert health(service, store)["status"] == "ok"
    assert supervisor._step()
    (trouble,) = health(service, store)["trouble"]
    assert trouble.startswith("the worker does not start since ")
    assert trouble.endswith(f": {said}") or said in trouble
    assert run(["worklist", str(store.folder)]) == 0
    assert trouble in capsys.readouterr().err
    assert any(trouble == what for ok, what, _ in examined(service) if not ok)
    supervisor._worker = Child("lymphorisk.clinic.worker", service)
    assert not supervisor._step()
    assert health(service, store)["status"] == "ok"
    supervisor._worker.close()


def test_a_worker_that_has_been_starting_for_long_does_not_start(store: Store) -> None:
    store.waits("worker", "")
    assert store.troubles(time.time()) == []
    assert "the worker does not start since" in store.troubles(time.time() + START_S + 1)[0]
    store.works("worker")
    assert store.troubles(time.time() + START_S + 1) == []


def lines_of(folder: Path) -> list[str]:
    """What the lines of every file of a log say, in order of the files."""
    files = sorted(folder.glob(f"{log.FILE}*"), key=lambda p: p.name)
    return [json.loads(line)["hint"] for path in files for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_log_is_rotated_by_size_and_no_file_of_it_names_anybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "SIZE", 2000)
    monkeypatch.setattr(log, "KEPT", 3)
    log.begin(tmp_path, screen=False)
    for n in range(100):
        log.warn("entry canceled", reason=f"plan 'Doe^Jane' has {n} doses", hint=f"line {n}")
    log.end()
    files = sorted(tmp_path.iterdir())
    assert [p.name for p in files] == [log.FILE, *(f"{log.FILE}.{n}" for n in (1, 2, 3))]
    assert all(p.stat().st_size <= 2000 for p in files)
    assert "Doe" not in "".join(p.read_text() for p in files)
    assert max(lines_of(tmp_path), key=lambda said: int(said.split()[1])) == "line 99"


@pytest.mark.parametrize("way", ["moved", "removed", "copied and truncated"])
def test_a_log_that_somebody_else_rotates_goes_on_at_its_place(tmp_path: Path, way: str) -> None:
    log.begin(tmp_path, screen=False)
    path = tmp_path / log.FILE
    try:
        log.warn("refused", hint="line 0")
        if way == "moved":
            path.rename(tmp_path / f"{log.FILE}.old")
        elif way == "removed":
            path.unlink()
        else:
            (tmp_path / f"{log.FILE}.old").write_bytes(path.read_bytes())
            os.truncate(path, 0)
        log.warn("refused", hint="line 1")
    finally:
        log.end()
    assert path.read_bytes().startswith(b"{")  # no hole of zeros before it
    assert lines_of(tmp_path) == (["line 1"] if way == "removed" else ["line 1", "line 0"])


@pytest.mark.parametrize("way", ["create 0600", "copytruncate"])
def test_logrotate_rotates_a_log_that_is_open(tmp_path: Path, way: str) -> None:
    import shutil

    program = shutil.which("logrotate", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("no logrotate here (apt-get install logrotate)")
    folder = tmp_path / "log"
    told = tmp_path / "logrotate.conf"
    log.begin(folder, screen=False)
    told.write_text(f"{folder / log.FILE} {{\n  rotate 5\n  nocompress\n  {way}\n}}\n")
    told.chmod(0o644)
    try:
        for n in range(3):
            log.warn("refused", hint=f"line {n}")
            subprocess.run([program, "--force", "--state", str(tmp_path / "state"), str(told)], check=True)
        log.warn("refused", hint="line 3")
    finally:
        log.end()
    assert lines_of(folder) == ["line 3", "line 2", "line 1", "line 0"]
