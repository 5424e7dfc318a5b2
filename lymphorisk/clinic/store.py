"""The store: objects, entries of the worklist, answers on their way, decisions; one SQLite file, every step one commit.

The states of an entry are those of a Unified Procedure Step in words: SCHEDULED, IN PROGRESS, COMPLETED, CANCELED. An
entry whose worker died is SCHEDULED again. The table of answers is the queue of the sender: what stands there as
SCHEDULED will be sent, whatever dies between.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from lymphorisk.clinic.courses import Course
from lymphorisk.clinic.objects import Held
from lymphorisk.cohorts.veil import veiled
from lymphorisk.errors import InputError

State = Literal["SCHEDULED", "IN PROGRESS", "COMPLETED", "CANCELED"]
#: What an entry holds.
Kept = Literal["objects", "results"]
SCHEDULED: State = "SCHEDULED"
IN_PROGRESS: State = "IN PROGRESS"
COMPLETED: State = "COMPLETED"
CANCELED: State = "CANCELED"
#: Raised when a table changes its meaning.
VERSION = 1
FILE, OBJECTS, INCOMING, RESULTS, AUDIT, LOCK = "clinic.db", "objects", "incoming", "results", "audit", "lock"
#: How long a thread waits for another's commit. [s]
BUSY_S = 30.0
SECONDS_PER_DAY = 86400.0
#: A part that has been starting for this long does not start. [s]
START_S = 120.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
  sop_uid TEXT PRIMARY KEY, sha256 TEXT NOT NULL, role TEXT NOT NULL, study_uid TEXT NOT NULL, series_uid TEXT NOT NULL,
  refers_to TEXT NOT NULL, frames TEXT NOT NULL, summation TEXT NOT NULL, beams INTEGER NOT NULL, size INTEGER NOT NULL,
  received_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS objects_study ON objects (study_uid);
CREATE INDEX IF NOT EXISTS objects_series ON objects (series_uid);
CREATE TABLE IF NOT EXISTS refers (sop_uid TEXT NOT NULL, uid TEXT NOT NULL, PRIMARY KEY (sop_uid, uid));
CREATE INDEX IF NOT EXISTS refers_uid ON refers (uid);
CREATE TABLE IF NOT EXISTS arrivals (study_uid TEXT PRIMARY KEY, first_at REAL NOT NULL, last_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS entries (
  number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, state TEXT NOT NULL, study_uid TEXT NOT NULL,
  plan_uid TEXT NOT NULL, missing TEXT NOT NULL, made_at REAL NOT NULL, last_object_at REAL NOT NULL,
  started_at REAL, ended_at REAL, attempts INTEGER NOT NULL DEFAULT 0, token TEXT NOT NULL DEFAULT '',
  verdict TEXT NOT NULL DEFAULT '', exit_code INTEGER, label TEXT NOT NULL DEFAULT '',
  protocol TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '', hint TEXT NOT NULL DEFAULT '',
  before TEXT NOT NULL DEFAULT '', deleted_at REAL,
  objects_deleted_at REAL, seen INTEGER NOT NULL DEFAULT 1);
CREATE TABLE IF NOT EXISTS members (
  key TEXT NOT NULL, sha256 TEXT NOT NULL, role TEXT NOT NULL, PRIMARY KEY (key, sha256));
CREATE TABLE IF NOT EXISTS outgoing (
  number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, what TEXT NOT NULL, destination TEXT NOT NULL,
  state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, next_at REAL NOT NULL, made_at REAL NOT NULL,
  ended_at REAL, reason TEXT NOT NULL DEFAULT '', UNIQUE (key, what, destination));
CREATE TABLE IF NOT EXISTS decisions (
  number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, at REAL NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
  line TEXT NOT NULL, reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS measured (
  number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, at REAL NOT NULL, who TEXT NOT NULL, day REAL NOT NULL,
  alc REAL, corrects INTEGER UNIQUE);
CREATE TABLE IF NOT EXISTS refused (
  number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, sender TEXT NOT NULL, reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS watched (
  place TEXT PRIMARY KEY, size INTEGER NOT NULL, changed_ns INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS unrecorded (
  number INTEGER PRIMARY KEY AUTOINCREMENT, said TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS troubles (
  part TEXT PRIMARY KEY, since REAL NOT NULL, reason TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the worklist: one course.

    Attributes
    ----------
    number, key : int, str
        Its place in the worklist, and the hash of its objects.
    state : str
        SCHEDULED, IN PROGRESS, COMPLETED or CANCELED.
    study_uid, plan_uid : str
    missing : tuple of str
        What was named and had not come when it was taken as it was.
    made_at, last_object_at, started_at, ended_at : float or None
        Times. [s since 1970]
    attempts : int
    verdict, exit_code, protocol : str, int or None, str
        Of the gate, once it is COMPLETED.
    label : str
        Of the plan, as exported: it may say who the patient is.
    reason, hint : str
        Why it is CANCELED, and what helps; why a COMPLETED one has no verdict.
    before : str
        Key of the entry of the same study before it: a replan, or the same plan with more objects.
    deleted_at : float or None
        When its results were deleted by rule.
    seen : int
        How often the same objects came.
    """

    number: int
    key: str
    state: State
    study_uid: str
    plan_uid: str
    missing: tuple[str, ...]
    made_at: float
    last_object_at: float
    started_at: float | None
    ended_at: float | None
    attempts: int
    verdict: str
    exit_code: int | None
    label: str
    protocol: str
    reason: str
    hint: str
    before: str
    deleted_at: float | None
    seen: int


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An answer on its way: `what` (sr or pdf) of an entry to a destination, with its state and the next attempt."""

    number: int
    key: str
    what: str
    destination: str
    state: State
    attempts: int
    next_at: float
    made_at: float
    ended_at: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided of an entry, or of one line of its protocol, and why."""

    number: int
    key: str
    at: float
    who: str
    what: str
    line: str
    reason: str


@dataclass(frozen=True, slots=True)
class Measured:
    """A count of a course as a person entered it; nothing that was entered is ever changed.

    Attributes
    ----------
    number, key : int, str
    at : float
        When it was entered. [s since 1970]
    who : str
    day : float
        From the first fraction. [d]
    alc : float or None
        The count; None withdraws the one that it corrects. [10^9/L]
    corrects : int or None
        Number of the count it stands in place of.
    """

    number: int
    key: str
    at: float
    who: str
    day: float
    alc: float | None
    corrects: int | None


ENTRY = (
    "number, key, state, study_uid, plan_uid, missing, made_at, last_object_at, started_at, ended_at, attempts, "
    "verdict, exit_code, label, protocol, reason, hint, before, deleted_at, seen"
)
OUT = "number, key, what, destination, state, attempts, next_at, made_at, ended_at, reason"


class Store:
    """A store in its folder; any thread or process may read, each writes in commits of its own.

    Parameters
    ----------
    folder : Path
    create : bool
        Make it when it is not there.

    Raises
    ------
    InputError
        It is not there, or of another version.
    """

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        self.folder = folder
        self._local = threading.local()
        if not (folder / FILE).is_file() and not create:
            raise InputError(f"{folder.name!r} holds no store", "`lymphorisk listen --out` makes one")
        try:
            for name in ("", OBJECTS, INCOMING, RESULTS, AUDIT):
                (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
            with self.commit() as db:
                version = int(db.execute("PRAGMA user_version").fetchone()[0])
                if version not in (0, VERSION):
                    raise InputError(f"the store is of version {version}, not {VERSION}", "use the program it is of")
                for statement in SCHEMA.split(";"):
                    db.execute(statement)
                if version != VERSION:
                    db.execute(f"PRAGMA user_version = {VERSION}")
                if not int(db.execute("PRAGMA application_id").fetchone()[0]):
                    db.execute(f"PRAGMA application_id = {1 + secrets.randbelow(2**31 - 1)}")
        except (OSError, sqlite3.Error) as error:
            raise InputError(f"the store cannot be opened: {error}", "check the folder and its disk") from error

    @property
    def id(self) -> int:
        """Which store this is: a number that no other has, and that its copies keep."""
        return int(self.db.execute("PRAGMA application_id").fetchone()[0])

    @property
    def db(self) -> sqlite3.Connection:
        """This thread's connection."""
        if not hasattr(self._local, "db"):
            made = sqlite3.connect(self.folder / FILE, timeout=BUSY_S, isolation_level=None)
            made.execute("PRAGMA journal_mode = WAL")
            made.execute("PRAGMA synchronous = FULL")
            self._local.db = made
        db: sqlite3.Connection = self._local.db
        return db

    @contextmanager
    def commit(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing."""
        db = self.db
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")

    def close(self) -> None:
        """End this thread's connection."""
        if hasattr(self._local, "db"):
            self._local.db.close()
            del self._local.db

    def lock_path(self, name: str = LOCK) -> Path:
        """The file of a lock."""
        return self.folder / name

    def locked(self, name: str = LOCK) -> IO[bytes]:
        """The lock of the one service that writes, or another by its name; let go when the file is closed.

        Raises
        ------
        InputError
            Another service holds it.
        """
        handle = open(self.lock_path(name), "a+b")  # noqa: SIM115
        try:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:
            pass
        except OSError:
            handle.close()
            raise InputError("another service works on this store", "stop it, or choose another folder") from None
        return handle

    # objects

    def object_path(self, sha256: str) -> Path:
        """Where an object lies."""
        return self.folder / OBJECTS / sha256[:2] / f"{sha256}.dcm"

    def results(self, key: str) -> Path:
        """The folder of an entry's results."""
        return self.folder / RESULTS / key

    def keep(self, staged: Path, held: Held, now: float | None = None) -> bool:
        """Take a file that lies in ``incoming`` into the store; False when the same object was there already."""
        at = time.time() if now is None else now
        place, size = self.object_path(held.sha256), staged.stat().st_size
        place.parent.mkdir(mode=0o700, exist_ok=True)
        with self.commit() as db:
            os.replace(staged, place)  # within: what is expired meanwhile is not this file
            _synced(place.parent)
            known = db.execute("SELECT sha256 FROM objects WHERE sop_uid = ?", (held.sop_uid,)).fetchone()
            new = known is None or known[0] != held.sha256
            if new:
                db.execute(
                    "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        held.sop_uid, held.sha256, held.role, held.study_uid, held.series_uid,
                        json.dumps(held.refers_to), json.dumps(held.frames), held.summation, held.beams, size, at,
                    ),
                )  # fmt: skip
                db.execute("DELETE FROM refers WHERE sop_uid = ?", (held.sop_uid,))
                rows = [(held.sop_uid, uid) for uid in held.refers_to]
                db.executemany("INSERT INTO refers VALUES (?, ?)", rows)
            db.execute(
                "INSERT INTO arrivals VALUES (?, ?, ?) "
                "ON CONFLICT (study_uid) DO UPDATE SET last_at = excluded.last_at",
                (held.study_uid, at, at),
            )
        return new

    def refuse(self, sender: str, reason: str) -> None:
        """Name an object that was not taken, without what the reason quotes: reasons are counted, and shown."""
        reason = veiled(reason)
        with self.commit() as db:
            db.execute("INSERT INTO refused (at, sender, reason) VALUES (?, ?, ?)", (time.time(), sender, reason))

    def watched(self, place: str, size: int, changed_ns: int) -> bool:
        """Whether a file of a watched folder was taken as it is now."""
        row = self.db.execute("SELECT size, changed_ns FROM watched WHERE place = ?", (place,)).fetchone()
        return row is not None and tuple(row) == (size, changed_ns)

    def watch(self, place: str, size: int, changed_ns: int) -> None:
        """A file of a watched folder was taken, or named as none that can be."""
        with self.commit() as db:
            db.execute("INSERT OR REPLACE INTO watched VALUES (?, ?, ?)", (place, size, changed_ns))

    def refusals(self) -> list[tuple[float, str, str]]:
        """Time, sender and reason of every object that was not taken."""
        return [tuple(row) for row in self.db.execute("SELECT at, sender, reason FROM refused ORDER BY number")]

    def arrived(self) -> list[tuple[str, float, float]]:
        """Studies whose objects are not all in entries yet: UID, first and last arrival. [s since 1970]"""
        return [tuple(row) for row in self.db.execute("SELECT study_uid, first_at, last_at FROM arrivals")]

    def around(self, study_uid: str) -> list[Held]:
        """The objects of a study, and those that they or that refer to them."""
        rows = self.db.execute(
            "WITH own AS (SELECT sop_uid FROM objects WHERE study_uid = :s), named AS (SELECT sop_uid FROM own UNION "
            "SELECT uid FROM refers WHERE sop_uid IN own) SELECT * FROM objects WHERE sop_uid IN named "
            "OR sop_uid IN (SELECT sop_uid FROM refers WHERE uid IN own) "
            "OR series_uid IN (SELECT uid FROM refers WHERE sop_uid IN named)",
            {"s": study_uid},
        )
        return [
            Held(sha, sop, role, study, series, tuple(json.loads(refers)), tuple(json.loads(frames)), summation, beams)
            for sop, sha, role, study, series, refers, frames, summation, beams, _, _ in rows
        ]

    # entries

    def enter(self, made: Sequence[Course], study_uid: str, last_at: float, *, done: bool) -> list[str]:
        """Put courses on the worklist, each once; with `done` nothing more of the study is waited for.

        Keys of the entries that are new. An object that came after `last_at` keeps the study waiting.
        """
        new: list[str] = []
        with self.commit() as db:
            for course in made:
                at = time.time()
                known = db.execute("SELECT 1 FROM entries WHERE key = ?", (course.key,)).fetchone()
                if known is not None:
                    if done:
                        db.execute("UPDATE entries SET seen = seen + 1 WHERE key = ?", (course.key,))
                    continue
                before = db.execute(
                    "SELECT key FROM entries WHERE study_uid = ? ORDER BY number DESC LIMIT 1", (course.study_uid,)
                ).fetchone()
                db.execute(
                    "INSERT INTO entries (key, state, study_uid, plan_uid, missing, made_at, last_object_at, before) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        course.key, SCHEDULED, course.study_uid, course.plan_uid, json.dumps(course.missing), at,
                        last_at, before[0] if before else "",
                    ),
                )  # fmt: skip
                rows = {(course.key, held.sha256, held.role) for held in course.objects}
                db.executemany("INSERT INTO members VALUES (?, ?, ?)", sorted(rows))
                new.append(course.key)
            if done:
                db.execute("DELETE FROM arrivals WHERE study_uid = ? AND last_at <= ?", (study_uid, last_at))
        return new

    def entries(self, state: State | None = None) -> list[Entry]:
        """The worklist, the oldest first."""
        where, given = ("", ()) if state is None else (" WHERE state = ?", (state,))
        rows = self.db.execute(f"SELECT {ENTRY} FROM entries{where} ORDER BY number", given)
        return [_entry(row) for row in rows]

    def entry(self, key: str) -> Entry:
        """One entry by its key, or the digits it begins with.

        Raises
        ------
        InputError
            None, or several.
        """
        rows = self.db.execute(
            f"SELECT {ENTRY} FROM entries WHERE substr(key, 1, ?) = ? LIMIT 2", (len(key), key.lower())
        ).fetchall()
        if len(rows) != 1:
            raise InputError(f"{'several entries begin' if rows else 'no entry begins'} with {key[:16]!r}")
        return _entry(rows[0])

    def members(self, key: str) -> list[tuple[str, str]]:
        """Role and SHA-256 of the objects of an entry."""
        rows = self.db.execute("SELECT role, sha256 FROM members WHERE key = ? ORDER BY role, sha256", (key,))
        return [tuple(row) for row in rows]

    def claim(self, token: str) -> Entry | None:
        """Take the oldest SCHEDULED entry IN PROGRESS under a token; None when there is none."""
        with self.commit() as db:
            row = db.execute("SELECT key FROM entries WHERE state = ? ORDER BY number LIMIT 1", (SCHEDULED,)).fetchone()
            if row is None:
                return None
            db.execute(
                "UPDATE entries SET state = ?, token = ?, started_at = ?, attempts = attempts + 1 WHERE key = ?",
                (IN_PROGRESS, token, time.time(), row[0]),
            )
        return self.entry(row[0])

    def complete(
        self,
        key: str,
        token: str,
        facts: Mapping[str, Any],
        answers: Iterable[tuple[str, str]],
        said: Mapping[str, Any] | None = None,
    ) -> bool:
        """End an entry as COMPLETED; False when the claim is another's.

        `answers` (what, destination) are to be sent, and what is `said` of it is to stand in the audit trail.
        """
        with self.commit() as db:
            done = db.execute(
                "UPDATE entries SET state = ?, ended_at = ?, verdict = ?, exit_code = ?, label = ?, protocol = ?, "
                "reason = ?, token = '' WHERE key = ? AND token = ? AND state = ?",
                (
                    COMPLETED, time.time(), facts["verdict"], facts["exit_code"], facts["label"], facts["protocol"],
                    facts["reason"], key, token, IN_PROGRESS,
                ),
            ).rowcount  # fmt: skip
            if done:
                now = time.time()
                rows = [(key, what, destination, SCHEDULED, now, now) for what, destination in answers]
                db.executemany(
                    "INSERT OR IGNORE INTO outgoing (key, what, destination, state, next_at, made_at) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    rows,
                )
                if said is not None:
                    db.execute("INSERT INTO unrecorded (said) VALUES (?)", (json.dumps(said),))
        return bool(done)

    def unrecorded(self) -> list[tuple[int, dict[str, Any]]]:
        """What is to stand in the audit trail and may not yet, by number, the oldest first."""
        rows = self.db.execute("SELECT number, said FROM unrecorded ORDER BY number")
        return [(int(number), json.loads(said)) for number, said in rows]

    def recorded(self, number: int) -> None:
        """What stands in the audit trail."""
        with self.commit() as db:
            db.execute("DELETE FROM unrecorded WHERE number = ?", (number,))

    def cancel(self, key: str, token: str, reason: str, hint: str = "") -> bool:
        """End an entry as CANCELED, with why; False when the claim is another's."""
        with self.commit() as db:
            done = db.execute(
                "UPDATE entries SET state = ?, ended_at = ?, reason = ?, hint = ?, token = '' "
                "WHERE key = ? AND token = ?",
                (CANCELED, time.time(), reason, hint, key, token),
            ).rowcount
        return bool(done)

    def give_back(self, token: str | None = None, *, counted: bool) -> int:
        """Schedule again what is IN PROGRESS under a token, or under any: its worker is gone, or the service was.

        What is no fault of the entry, such as the end of the service or a full disk, is not `counted` as an attempt.
        """
        with self.commit() as db:
            return db.execute(
                "UPDATE entries SET state = ?, token = '', attempts = attempts - ? "
                "WHERE state = ? AND (token = ? OR ?)",
                (SCHEDULED, int(not counted), IN_PROGRESS, token, token is None),
            ).rowcount

    # answers

    def outgoing(self, state: State | None = None, key: str | None = None) -> list[Outgoing]:
        """Answers on their way or sent, the oldest first."""
        rows = self.db.execute(
            f"SELECT {OUT} FROM outgoing WHERE (state = ? OR ?) AND (key = ? OR ?) ORDER BY number",
            (state, state is None, key, key is None),
        )
        return [Outgoing(*row) for row in rows]

    def due(self, now: float) -> Outgoing | None:
        """The answer to be sent next, IN PROGRESS from here on; None when none is due."""
        with self.commit() as db:
            row = db.execute(
                f"SELECT {OUT} FROM outgoing WHERE state = ? AND next_at <= ? ORDER BY next_at, number LIMIT 1",
                (SCHEDULED, now),
            ).fetchone()
            if row is None:
                return None
            number = row[0]
            db.execute("UPDATE outgoing SET state = ?, attempts = attempts + 1 WHERE number = ?", (IN_PROGRESS, number))
        return Outgoing(*row)

    def begun(self) -> list[Outgoing]:
        """Answers whose sending had begun when the service ended."""
        return self.outgoing(IN_PROGRESS)

    def sent(self, number: int) -> None:
        """An answer that has arrived."""
        self._ended(number, COMPLETED, "")

    def not_sent(self, number: int, reason: str, next_at: float | None) -> None:
        """An answer that has not arrived: again at a time, or never."""
        if next_at is None:
            self._ended(number, CANCELED, reason)
            return
        with self.commit() as db:
            db.execute(
                "UPDATE outgoing SET state = ?, next_at = ?, reason = ? WHERE number = ?",
                (SCHEDULED, next_at, reason, number),
            )

    def _ended(self, number: int, state: State, reason: str) -> None:
        with self.commit() as db:
            db.execute(
                "UPDATE outgoing SET state = ?, ended_at = ?, reason = ? WHERE number = ?",
                (state, time.time(), reason, number),
            )

    # decisions

    def decide(self, key: str, who: str, what: str, line: str = "", reason: str = "") -> Decision:
        """Write down what a person decided; the audit trail is the caller's.

        Raises
        ------
        InputError
            No such entry, one that is not COMPLETED, or no reason.
        """
        entry = self.entry(key)
        if entry.state != COMPLETED:
            raise InputError(f"the entry is {entry.state}: there is nothing to decide")
        if not reason.strip():
            raise InputError("a decision needs a reason")
        with self.commit() as db:
            at = time.time()
            number = db.execute(
                "INSERT INTO decisions (key, at, who, what, line, reason) VALUES (?, ?, ?, ?, ?, ?)",
                (entry.key, at, who, what, line, reason),
            ).lastrowid
        return Decision(int(number or 0), entry.key, at, who, what, line, reason)

    def decisions(self, key: str) -> list[Decision]:
        """What was decided of an entry, in order."""
        rows = self.db.execute("SELECT * FROM decisions WHERE key = ? ORDER BY number", (key,))
        return [Decision(*row) for row in rows]

    # counts of the course

    def measure(self, key: str, who: str, day: float, alc: float | None, corrects: int | None = None) -> Measured:
        """Append a count that a person entered, alone or in place of another; the audit trail is the caller's.

        Raises
        ------
        InputError
            No such entry or one that is not COMPLETED, a day that has a count, or nothing to correct.
        """
        entry = self.entry(key)
        if entry.state != COMPLETED:
            raise InputError(f"the entry is {entry.state}: there is no forecast to narrow")
        with self.commit() as db:
            now = {m.number: m for m in self.measured(entry.key)}
            if corrects is not None and corrects not in now:
                raise InputError("the count to be corrected is not there any more", "open the page again")
            if alc is None and corrects is None:
                raise InputError("no count was given")
            if alc is not None and any(m.day == day and n != corrects for n, m in now.items()):
                raise InputError(f"day {day:g} has a count already", "correct that one")
            at = time.time()
            number = db.execute(
                "INSERT INTO measured (key, at, who, day, alc, corrects) VALUES (?, ?, ?, ?, ?, ?)",
                (entry.key, at, who, day, alc, corrects),
            ).lastrowid
        return Measured(int(number or 0), entry.key, at, who, day, alc, corrects)

    def measured(self, key: str, *, ever: bool = False) -> list[Measured]:
        """The counts of an entry that hold, by day; `ever` all that were entered, in that order."""
        rows = [
            Measured(*row) for row in self.db.execute("SELECT * FROM measured WHERE key = ? ORDER BY number", (key,))
        ]
        if ever:
            return rows
        gone = {m.corrects for m in rows}
        return sorted((m for m in rows if m.number not in gone and m.alc is not None), key=lambda m: m.day)

    # upkeep

    def waits(self, part: str, reason: str) -> None:
        """Write down that a part of the service does not work yet, and why; since when stays."""
        with self.commit() as db:
            db.execute(
                "INSERT INTO troubles VALUES (?, ?, ?) ON CONFLICT (part) DO UPDATE SET reason = excluded.reason",
                (part, time.time(), veiled(reason)),
            )

    def works(self, part: str) -> None:
        """A part of the service works."""
        if self.db.execute("SELECT 1 FROM troubles WHERE part = ?", (part,)).fetchone() is not None:
            with self.commit() as db:
                db.execute("DELETE FROM troubles WHERE part = ?", (part,))

    def troubles(self, now: float) -> list[str]:
        """What does not work, since when and why; what has only begun to start is none."""
        return [
            f"the {part} does not start since {time.strftime('%Y-%m-%d %H:%M', time.localtime(since))}"
            + (f": {reason}" if reason else "")
            for part, since, reason in self.db.execute("SELECT part, since, reason FROM troubles ORDER BY part")
            if reason or now - since > START_S
        ]

    def counts(self) -> dict[str, dict[str, int]]:
        """How many entries and answers in each state, verdicts, objects by role, and refusals by reason."""
        asked = {
            "entries": "SELECT state, count(*) FROM entries GROUP BY 1",
            "verdicts": "SELECT verdict, count(*) FROM entries WHERE verdict <> '' GROUP BY 1",
            "outgoing": "SELECT state, count(*) FROM outgoing GROUP BY 1",
            "objects": "SELECT role, count(*) FROM objects GROUP BY 1",
            "refused": "SELECT reason, count(*) FROM refused GROUP BY 1",
        }
        return {name: {str(k): int(n) for k, n in self.db.execute(query)} for name, query in asked.items()}

    def seconds_to_answer(self) -> list[float]:
        """From the last object of an entry received to each answer of it that has arrived. [s]"""
        rows = self.db.execute(
            "SELECT o.ended_at - e.last_object_at FROM outgoing o JOIN entries e USING (key) WHERE o.state = ?",
            (COMPLETED,),
        )
        return [float(row[0]) for row in rows]

    def old(self, now: float, days: float | None, what: Kept) -> list[str]:
        """Entries that ended longer ago than a number of days, have sent every answer, and still hold something."""
        if days is None:
            return []
        column = "objects_deleted_at" if what == "objects" else "deleted_at"
        rows = self.db.execute(
            f"SELECT key FROM entries WHERE ended_at < ? AND {column} IS NULL AND NOT EXISTS (SELECT 1 FROM outgoing "
            "WHERE outgoing.key = entries.key AND state IN (?, ?)) ORDER BY number",
            (now - days * SECONDS_PER_DAY, SCHEDULED, IN_PROGRESS),
        )
        return [str(row[0]) for row in rows]

    def forget_objects(self, key: str) -> int:
        """Delete the received files of an entry that no other entry still needs; how many.

        Raises
        ------
        OSError
            One cannot be deleted; nothing is written down, though others may be gone: it is tried again.
        """
        with self.commit() as db:
            alone = [
                str(row[0])
                for row in db.execute(
                    "SELECT sha256 FROM members m WHERE key = ? AND NOT EXISTS (SELECT 1 FROM members o JOIN entries e "
                    "ON e.key = o.key WHERE o.sha256 = m.sha256 AND o.key <> m.key AND e.objects_deleted_at IS NULL)",
                    (key,),
                )
            ]
            for sha in alone:
                db.execute("DELETE FROM refers WHERE sop_uid IN (SELECT sop_uid FROM objects WHERE sha256 = ?)", (sha,))
                db.execute("DELETE FROM objects WHERE sha256 = ?", (sha,))
                self.object_path(sha).unlink(missing_ok=True)  # one that cannot be deleted is not said to be
            db.execute("UPDATE entries SET objects_deleted_at = ? WHERE key = ?", (time.time(), key))
        return len(alone)

    def forget_results(self, key: str) -> int:
        """Delete the results of an entry; how many.

        Raises
        ------
        OSError
            They cannot be deleted; nothing is written down.
        """
        if self.results(key).exists():
            shutil.rmtree(self.results(key))
        with self.commit() as db:
            db.execute("UPDATE entries SET deleted_at = ? WHERE key = ?", (time.time(), key))
        return 1

    def trouble(self) -> str:
        """What SQLite finds wrong with the file; empty when nothing is."""
        try:
            said = str(self.db.execute("PRAGMA quick_check").fetchone()[0])
        except sqlite3.Error as error:
            return str(error)
        return "" if said == "ok" else said

    def backup(self, place: Path) -> None:
        """A copy of the database as it is at one moment, also while the service runs."""
        copy = sqlite3.connect(place)
        try:
            self.db.backup(copy)
        finally:
            copy.close()


def _entry(row: Sequence[Any]) -> Entry:
    values = list(row)
    values[5] = tuple(json.loads(values[5]))
    return Entry(*values)


def _synced(folder: Path) -> None:
    """Let a file's new place survive a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
