"""The ledger: what is done stays done, one writer, a full disk."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from lymphorisk.cohorts.ledger import NAME, Ledger
from lymphorisk.errors import InputError


def test_what_was_recorded_is_there_again_in_order(tmp_path: Path, small: Any) -> None:
    with Ledger(tmp_path / NAME) as ledger:
        ledger.record([small.outcome("b", 2), small.outcome("a", 1), small.outcome("c", bad=True)])
    with Ledger(tmp_path / NAME) as ledger:
        assert ledger.states() == {"a": "done", "b": "done", "c": "quarantined"}
        found = list(ledger.outcomes(["c", "b", "a"]))
    assert [o.key for o in found] == ["a", "b", "c"]
    assert found[0].row == small.outcome("a", 1).row
    assert list(found[0].metrics) == list(small.outcome("a", 1).metrics)


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    with Ledger(tmp_path / NAME), pytest.raises(InputError, match="another call"):
        Ledger(tmp_path / NAME)


def test_another_file_is_no_ledger(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("no database, " * 100)
    with pytest.raises(InputError, match="is none, or damaged"):
        Ledger(tmp_path / NAME)


class Full:
    """A database that cannot be written, because its disk is full."""

    def __init__(self, db: Any, said: str = "database or disk is full") -> None:
        self._db, self._said = db, said

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def __enter__(self) -> Any:
        return self._db.__enter__()

    def __exit__(self, *how: Any) -> Any:
        return self._db.__exit__(*how)

    def executemany(self, *_: Any) -> None:
        raise sqlite3.OperationalError(self._said)


def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path, small: Any) -> None:
    with Ledger(tmp_path / NAME) as ledger:
        ledger.record([small.outcome("a")])
        ledger._db = Full(ledger._db)
        with pytest.raises(InputError, match="disk is full"):
            ledger.record([small.outcome("b")])
    with Ledger(tmp_path / NAME) as ledger:
        assert set(ledger.states()) == {"a"}


def test_a_ledger_that_may_not_be_written_says_so(tmp_path: Path, small: Any) -> None:
    with Ledger(tmp_path / NAME) as ledger:
        ledger._db = Full(ledger._db, "attempt to write a readonly database")
        with pytest.raises(InputError, match="cannot be written: attempt to write a readonly") as caught:
            ledger.record([small.outcome("b")])
    assert "rights" in caught.value.hint


def test_hashes_are_kept_until_the_file_changes(tmp_path: Path) -> None:
    asked: list[Path] = []

    def of(path: Path) -> tuple[str, ...]:
        asked.append(path)
        return (path.read_text(),)

    file = tmp_path / "x"
    file.write_text("one")
    for _ in range(2):
        with Ledger(tmp_path / NAME) as ledger:
            assert ledger.digests(file, of) == ledger.digests(file, of) == ("one",)
            ledger.keep_digests()
    assert len(asked) == 1
    file.write_text("another")
    with Ledger(tmp_path / NAME) as ledger:
        assert ledger.digests(file, of) == ("another",)


def test_a_ledger_holds_no_path(tmp_path: Path) -> None:
    file = tmp_path / "Doe_Jane.dcm"
    file.write_text("one")
    with Ledger(tmp_path / NAME) as ledger:
        ledger.digests(file, lambda p: ("0" * 64,))
        ledger.keep_digests()
    assert b"Doe" not in (tmp_path / NAME).read_bytes()
