"""The command: users added and removed, where the page may answer, and beside whom."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest

pytest.importorskip("starlette")

from lymphorisk.cli.main import run
from lymphorisk.clinic.run import Running
from lymphorisk.clinic.store import COMPLETED, Store
from lymphorisk.clinic.turn import turn
from lymphorisk.errors import InputError
from lymphorisk.web.desk import Desk
from lymphorisk.web.intake import take
from lymphorisk.web.serve import LOOK_S, Hands, Where, alone, bound, made, users_of
from lymphorisk.web.users import Users
from tests.clinic.orthanc import until
from tests.web.conftest import BRAIN, PASSWORD


def test_users_come_and_go_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    users = users_of(Store(store, create=True), Where())
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\nmore\n"))
    assert run(["serve", "--out", str(store), "--add-user", "ann", "--role", "decide"]) == 0
    assert users.all()["ann"].role == "decide"
    assert users.known("ann", PASSWORD) is not None
    assert run(["serve", "--out", str(store), "--remove-user", "ann"]) == 0
    assert users.all() == {}
    assert run(["serve", "--out", str(store), "--remove-user", "ann"]) == 3
    assert run(["serve", "--out", str(store), "--add-user", "ann"]) == 2
    assert PASSWORD not in "".join(capsys.readouterr())


def test_a_password_beyond_measure_and_a_name_of_nobody_are_refused_alike(tmp_path: Path) -> None:
    users = users_of(Store(tmp_path / "store", create=True), Where())
    users.add("ann", "view", PASSWORD)
    assert users.known("ann", PASSWORD) is not None
    assert users.known("ann", PASSWORD * 1000) is None
    for _ in range(2):
        assert users.known("nobody", PASSWORD) is None


@pytest.mark.parametrize("text", ["", "[]", '{"version": 0, "users": []}', '{"version": 1, "users": [{"name": "a"}]}'])
def test_a_file_of_users_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "users.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(InputError, match=r"users\.json is no file of users") as caught:
        Users(path).all()
    assert "--add-user" in caught.value.hint


def test_the_clinic_file_says_where_it_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "lymphorisk.toml"
    file.write_text('[receiver]\nstore = "store"\n[page]\nhost = "0.0.0.0"\n')
    assert run(["--config", str(file), "serve"]) == 3
    said = capsys.readouterr().err
    assert "0.0.0.0 can be reached from other machines" in said
    assert "[page.tls]" in said
    file.write_text(file.read_text() + '[page.tls]\ncertificate = "c.pem"\n')
    assert run(["--config", str(file), "serve"]) == 3
    assert "page.tls" in capsys.readouterr().err


def test_a_certificate_that_is_none_is_refused(empty: Desk, tmp_path: Path) -> None:
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).write_text("no certificate")
    with pytest.raises(InputError, match="cannot be used"):
        made(empty, Where("0.0.0.0", certificate=str(tmp_path / "c.pem"), key=str(tmp_path / "k.pem")))
    with pytest.raises(InputError, match="cannot be used"):
        made(empty, Where(certificate=str(tmp_path / "none.pem"), key=str(tmp_path / "k.pem")))


def test_a_port_that_is_taken_is_named() -> None:
    with bound(Where(port=0)) as first:
        first.listen()
        with pytest.raises(InputError, match="cannot be answered at"):
            bound(Where(port=first.getsockname()[1]))


@pytest.mark.slow
def test_beside_a_receiver_it_starts_no_worker(empty: Desk) -> None:
    assert alone(empty.store)
    with turn(empty.store):
        assert not alone(empty.store)
        with Hands(empty.service) as hands:
            time.sleep(3 * LOOK_S)
            assert not hands.working
    assert alone(empty.store)


@pytest.mark.slow
def test_a_page_gives_way_to_a_receiver_and_takes_over_again(empty: Desk) -> None:
    """Either may start first; at no time do both work."""
    with Hands(empty.service) as hands:
        until(lambda: hands.working, 60)
        with Running(empty.service, listen=False):  # waits until the page has let go
            assert not hands.working
            time.sleep(3 * LOOK_S)
            assert not hands.working
            with pytest.raises(InputError, match="another service"):
                turn(empty.store)
        until(lambda: hands.working, 60)
    assert not hands.working
    assert alone(empty.store)


@pytest.mark.slow
def test_what_the_page_had_in_hand_goes_on_with_the_receiver(empty: Desk) -> None:
    """A plan handed in while the page works alone is answered once, whoever works then."""
    with Hands(empty.service) as hands:
        until(lambda: hands.working, 60)
        files = [io.BytesIO(path.read_bytes()) for path in sorted(BRAIN.glob("*.dcm"))]
        take(empty.service, empty.store, files, "ann", 100.0)
        until(lambda: empty.store.entries(), 60)
        with Running(empty.service, listen=False):
            until(lambda: empty.store.entries(COMPLETED), 300)
            assert not hands.working
    (entry,) = empty.store.entries()
    assert entry.attempts <= 2
