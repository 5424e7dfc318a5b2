"""What keeps a service well: a worklist to look at, a backup that is a store, an examination."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from lymphorisk.cli.main import run
from lymphorisk.clinic.backup import backed_up
from lymphorisk.clinic.courses import courses
from lymphorisk.clinic.examine import examined
from lymphorisk.clinic.receive import Receiver
from lymphorisk.clinic.service import Destination, Service, Tls
from lymphorisk.clinic.store import Store
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
