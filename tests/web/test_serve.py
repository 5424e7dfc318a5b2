"""The command: users added and removed, where the page may answer, and beside whom."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

pytest.importorskip("starlette")

from lymphorisk.cli.main import run
from lymphorisk.clinic.service import Service
from lymphorisk.errors import InputError
from lymphorisk.web.desk import Desk
from lymphorisk.web.serve import Where, alone, bound, made, users_of
from tests.web.conftest import PASSWORD


def test_users_come_and_go_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    users = users_of(Service(str(store)), Where())
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\nmore\n"))
    assert run(["serve", "--out", str(store), "--add-user", "ann", "--role", "decide"]) == 0
    assert users.all()["ann"].role == "decide"
    assert users.known("ann", PASSWORD) is not None
    assert run(["serve", "--out", str(store), "--remove-user", "ann"]) == 0
    assert users.all() == {}
    assert run(["serve", "--out", str(store), "--remove-user", "ann"]) == 3
    assert run(["serve", "--out", str(store), "--add-user", "ann"]) == 2
    assert PASSWORD not in "".join(capsys.readouterr())


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


def test_beside_a_receiver_it_starts_no_worker(empty: Desk) -> None:
    assert alone(empty.store)
    with empty.store.locked():
        assert not alone(empty.store)
    assert alone(empty.store)
