"""What is done stays done: one small SQLite file, one writer.

A row a plan by its key, and the hashes of files by what the file system calls them (device, number, size, time), so
that a second call does not read what did not change. No path and no name stands in it.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lymphorisk.errors import InputError

NAME = "ledger.sqlite"
State = Literal["done", "quarantined"]
#: Of the rows' text: the cheapest level already takes a row to a fifth.
LEVEL = 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS files (identity TEXT PRIMARY KEY, sha256 TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS plans (
    key TEXT PRIMARY KEY, state TEXT NOT NULL, row BLOB NOT NULL, metrics BLOB, curves BLOB,
    seconds REAL NOT NULL, cpu_s REAL NOT NULL, peak_mb REAL NOT NULL
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one plan.

    Attributes
    ----------
    key : str
    state : str
        ``done`` or ``quarantined``.
    row : mapping
        Columns of the table of plans; of a quarantined one ``code``, ``what`` and ``hint``.
    metrics : sequence of mapping
        DVH metrics in long form.
    curves : sequence of mapping
        Curves, when they were asked for.
    seconds, cpu_s, peak_mb : float
        What it took: wall clock [s], processor [s], most memory of the worker [MB].
    """

    key: str
    state: State
    row: Mapping[str, Any]
    metrics: Sequence[Mapping[str, Any]] = ()
    curves: Sequence[Mapping[str, Any]] = ()
    seconds: float = 0.0
    cpu_s: float = 0.0
    peak_mb: float = 0.0


class Ledger:
    """The ledger of a cohort, open for writing.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        Another call writes it, it is no ledger, or the disk does not take it.
    """

    def __init__(self, path: Path) -> None:
        self._known: dict[str, str] = {}
        try:
            self._db = sqlite3.connect(path, timeout=0.0)
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("BEGIN IMMEDIATE")
            for statement in filter(str.strip, SCHEMA.split(";")):
                self._db.execute(statement)
            self._db.commit()
        except sqlite3.Error as error:
            raise _refused(error) from error

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def states(self) -> dict[str, State]:
        """State of every plan by its key."""
        return dict(self._db.execute("SELECT key, state FROM plans"))

    def record(self, outcomes: Iterable[Outcome]) -> None:
        """Write what became of some plans, all or none of them.

        Raises
        ------
        InputError
            The disk is full; what was written before stays.
        """
        rows = [
            (
                o.key,
                o.state,
                _packed(dict(o.row)),
                _packed(list(o.metrics)) if o.metrics else None,
                _packed(list(o.curves)) if o.curves else None,
                o.seconds,
                o.cpu_s,
                o.peak_mb,
            )
            for o in outcomes
        ]
        self._write("INSERT OR REPLACE INTO plans VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def forget(self, keys: Iterable[str]) -> None:
        """Take plans out, so that they are tried again."""
        self._write("DELETE FROM plans WHERE key = ?", [(key,) for key in keys])

    def outcomes(self, keys: Sequence[str], *, curves: bool = False) -> Iterator[Outcome]:
        """What became of these plans, in the order of their keys."""
        columns = "key, state, row, metrics, " + ("curves" if curves else "NULL") + ", seconds, cpu_s, peak_mb"
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS wanted (key TEXT PRIMARY KEY) WITHOUT ROWID")
        self._db.execute("DELETE FROM wanted")
        self._db.executemany("INSERT OR IGNORE INTO wanted VALUES (?)", [(key,) for key in keys])
        found = self._db.execute(f"SELECT {columns} FROM wanted JOIN plans USING (key) ORDER BY key")
        for key, state, row, metrics, curve, seconds, cpu_s, peak_mb in found:
            yield Outcome(key, state, _read(row), _read(metrics), _read(curve), seconds, cpu_s, peak_mb)

    def digests(self, path: Path, of: Any) -> Sequence[str]:
        """SHA-256 of what is in a file, by `of` unless the file is known and unchanged."""
        info = path.stat()
        identity = f"{info.st_dev}:{info.st_ino}:{info.st_size}:{info.st_mtime_ns}:{info.st_ctime_ns}"
        if identity in self._known:
            return tuple(filter(None, self._known[identity].split(" ")))
        found = self._db.execute("SELECT sha256 FROM files WHERE identity = ?", (identity,)).fetchone()
        if found is not None:
            return tuple(filter(None, found[0].split(" ")))
        made = tuple(of(path))
        self._known[identity] = " ".join(made)
        return made

    def keep_digests(self) -> None:
        """Write the hashes that are new."""
        self._write("INSERT OR REPLACE INTO files VALUES (?, ?)", list(self._known.items()))
        self._known.clear()

    def gather(self, others: Iterable[Path]) -> None:
        """Take over what other ledgers hold and this one does not: those of shards."""
        for path in others:
            try:
                with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=0.0)) as other:
                    for table, places in (("files", "?, ?"), ("plans", "?, ?, ?, ?, ?, ?, ?, ?")):
                        rows = other.execute(f"SELECT * FROM {table}")
                        self._write(f"INSERT OR IGNORE INTO {table} VALUES ({places})", rows)
            except sqlite3.Error as error:
                raise _refused(error) from error

    def _write(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        try:
            with self._db:
                self._db.executemany(statement, rows)
        except sqlite3.Error as error:
            raise _refused(error) from error


def _packed(value: Any) -> bytes:
    return zlib.compress(json.dumps(value, ensure_ascii=False, allow_nan=False).encode(), LEVEL)


def _read(blob: bytes | None) -> Any:
    return () if blob is None else json.loads(zlib.decompress(blob))


def _refused(error: sqlite3.Error) -> InputError:
    """What SQLite says, in words."""
    said = str(error)
    if "locked" in said:
        return InputError("another call is writing this cohort", "wait for it, or give another --out")
    if "full" in said or "disk I/O" in said:
        return InputError("the disk is full: the ledger holds what was done", "make room and call again: it goes on")
    if "not a database" in said or "no such table" in said or "malformed" in said:
        return InputError("the ledger of the folder is none, or damaged", "give another --out, or move it away")
    return InputError(f"the ledger cannot be written: {said}", "check the folder's rights, or give another --out")
