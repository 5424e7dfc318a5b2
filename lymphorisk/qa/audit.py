"""An audit trail: one JSON line a run, each carrying the hash of the line before it, sealed with a key on request."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from lymphorisk.errors import InputError
from lymphorisk.findings import rule
from lymphorisk.plain import read_most

FILE = "lymphorisk-audit.jsonl"
GENESIS = "0" * 64
#: A key shorter than this can be guessed. [bytes]
KEY_MIN = 16
#: Longer than any key, and than any line of a trail. [bytes]
KEY_MOST, LINE_MOST = 1_000_000, 10_000_000
#: Of a trail at a time. [bytes]
CHUNK = 1 << 20
KEYS = {"previous", "entry", "hash"}

DAMAGED = rule(
    "LR606",
    "warning",
    "audit trail damaged",
    "The audit trail is broken, emptied or cannot be written: the run is not recorded. The verdict stands.",
)


def _digest(previous: str, entry: Mapping[str, Any]) -> str:
    body = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256((previous + body).encode("utf-8", "backslashreplace")).hexdigest()


def _seal(key: bytes, digest: str) -> str:
    return hmac.new(key, digest.encode("ascii"), hashlib.sha256).hexdigest()


def read_key(path: Path) -> bytes:
    """A secret key, of a sealed trail or of pseudonyms: the bytes of a file, line ends at its end left out.

    Raises
    ------
    InputError
        No such file, a key too short to hide anything, or a file far longer than a key.
    """
    try:
        key = read_most(path, KEY_MOST, "name a key file").rstrip(b"\r\n")
    except OSError as error:
        raise InputError(f"the key {path.name} cannot be read: {error.strerror}", "name a key file") from error
    if len(key) < KEY_MIN:
        raise InputError(f"the key {path.name} has {len(key)} bytes", f"use at least {KEY_MIN} random bytes")
    return key


def append(folder: Path, entry: Mapping[str, Any], key: bytes = b"") -> str:
    """Append an entry to the trail of a folder; the new line's hash.

    The file is locked while it is written, so several runs may share a trail. A line is there whole or not at all.

    Raises
    ------
    InputError
        The folder is missing, the existing trail is broken (a broken trail is never extended), or the disk is full.
    """
    if not folder.is_dir():
        raise InputError(f"the audit folder {folder.name!r} does not exist", "create it first")
    path = folder / FILE
    new = not path.exists()
    try:
        with path.open("a+b") as trail:
            _lock(trail)
            begun = trail.seek(0, os.SEEK_END) > 0 or not new
            state = _state(path, trail, key) if begun else TrailState(0, GENESIS)
            if state.broken_line is not None:
                raise InputError(
                    f"the audit trail is broken at line {state.broken_line}: {state.reason}",
                    "keep the file as evidence and start a new folder",
                )
            digest = _digest(state.last, entry)
            record: dict[str, Any] = {"previous": state.last, "entry": entry, "hash": digest}
            if key:
                record["seal"] = _seal(key, digest)
            _write_line(trail, json.dumps(record, ensure_ascii=False) + "\n")
    except OSError as error:
        if new:
            _remove_empty(path)
        raise InputError(
            f"the audit trail cannot be written: {error.strerror}", "free the disk or choose another"
        ) from error
    return digest


def holds(folder: Path, entry: Mapping[str, Any]) -> bool:
    """Whether an entry stands in the trail of a folder already."""
    path = folder / FILE
    if not path.exists():
        return False
    wanted = json.loads(json.dumps(entry))
    texts = [json.dumps(value, ensure_ascii=False) for value in wanted.values() if isinstance(value, str)]
    with path.open("rb") as trail:
        for line in lines_of(trail):
            if not all(text in line for text in texts):
                continue
            try:
                if json.loads(line)["entry"] == wanted:
                    return True
            except (ValueError, KeyError, TypeError, RecursionError):
                continue
    return False


def _write_line(trail: IO[bytes], line: str) -> None:
    """Write one line to the disk; what was written of it is cut off again when the rest does not fit."""
    end = trail.seek(0, os.SEEK_END)
    try:
        trail.write(line.encode("utf-8", "backslashreplace"))
        trail.flush()
        os.fsync(trail.fileno())
    except OSError:
        os.ftruncate(trail.fileno(), end)
        raise


def _remove_empty(path: Path) -> None:
    if path.exists() and path.stat().st_size == 0:
        path.unlink()


def _lock(trail: IO[bytes]) -> None:
    """Keep other runs out until the file closes; where the system has no such lock, runs must take turns."""
    try:
        import fcntl
    except ImportError:
        return
    fcntl.flock(trail, fcntl.LOCK_EX)


@dataclass(frozen=True, slots=True)
class TrailState:
    """What a trail says of itself: entries, the last hash, the first broken line if any, and its sealed lines."""

    entries: int
    last: str
    broken_line: int | None = None
    reason: str = ""
    sealed: int = 0


@dataclass(frozen=True, slots=True)
class _Walked:
    """The beginning of a trail that was verified: its length, its hash, and what it says of itself. [bytes]"""

    size: int
    sha256: bytes
    state: TrailState


#: By file and key: what this process has walked. The same bytes are not walked again; `verify` walks the whole chain.
_WALKED: dict[tuple[str, bytes], _Walked] = {}


def _state(path: Path, trail: IO[bytes], key: bytes) -> TrailState:
    """What a trail says of itself; bytes that were verified before are compared, and the lines after them walked."""
    place = (str(path.absolute()), key)
    walked = _WALKED.get(place)
    trail.seek(0)
    sha256 = hashlib.sha256()
    if walked is not None:
        left = walked.size
        while left and (part := trail.read(min(left, CHUNK))):
            sha256.update(part)
            left -= len(part)
        if left or sha256.digest() != walked.sha256:
            walked, sha256 = None, hashlib.sha256()
            trail.seek(0)
        elif trail.tell() == os.fstat(trail.fileno()).st_size:
            return walked.state
    state = _verified(lines_of(trail, sha256.update), key, None if walked is None else walked.state)
    if state.broken_line is None:
        _WALKED[place] = _Walked(trail.tell(), sha256.digest(), state)
    return state


def trouble(folder: Path, key: bytes = b"") -> str:
    """Why nothing can be appended to the trail of a folder; empty when it can. A trail not begun is no trouble."""
    path = folder / FILE
    if not path.exists():
        return ""
    try:
        with path.open("rb") as trail:
            state = _state(path, trail, key)
    except OSError as error:
        return f"the audit trail cannot be read: {error.strerror}"
    if state.broken_line is None:
        return ""
    return f"the audit trail is broken at line {state.broken_line}: {state.reason}"


def verify(folder: Path, *, expect: int | None = None, head: str = "", key: bytes = b"") -> TrailState:
    """Walk the whole chain of a folder's trail.

    Parameters
    ----------
    expect : int, optional
        How many entries there must be at least: a chain cannot know that its end was cut off.
    head : str
        A hash (or its first digits) kept elsewhere, which one of the lines must carry.
    key : bytes
        Key of a sealed trail: every line must bear its seal.

    Raises
    ------
    InputError
        There is no trail.
    """
    path = folder / FILE
    if not path.is_file():
        raise InputError(f"no audit trail in {folder.name!r}", f"a trail is a file named {FILE}")
    seen = False

    def met(digest: str) -> None:
        nonlocal seen
        seen = seen or digest.startswith(head.lower())

    with path.open("rb") as trail:
        state = _verified(lines_of(trail), key, met=met)
    if state.broken_line is not None:
        return state
    if expect is not None and state.entries < expect:
        reason = f"{expect} entries were expected, {state.entries} are there: the end was cut off"
        return TrailState(state.entries, state.last, state.entries + 1, reason, state.sealed)
    if head and not seen:
        reason = f"no line carries the hash {head[:16]}: the end was cut off, or the trail is another one"
        return TrailState(state.entries, state.last, state.entries + 1, reason, state.sealed)
    return state


def lines_of(trail: IO[bytes], read: Callable[[bytes], object] = bytes) -> Iterator[str]:
    """Lines from here on, with their line feeds; a line far too long is cut, and is no record.

    Only a line feed ends a record: names may hold other characters that count as line breaks. `read` is called with
    the bytes of each.
    """
    while line := trail.readline(LINE_MOST):
        read(line)
        yield line.decode("utf-8", "replace")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        raise ValueError("a key stands twice")
    return out


def _verified(
    lines: Iterable[str], key: bytes = b"", before: TrailState | None = None, met: Callable[[str], object] = str
) -> TrailState:
    """The state after some lines, which stand behind those that made the state `before`; `met` is told each hash."""
    begun = before or TrailState(0, GENESIS)
    last, count, sealed = begun.last, begun.entries, begun.sealed
    line = ""
    for number, line in enumerate(lines, start=count + 1):
        try:
            record = json.loads(line, object_pairs_hook=_once)
            previous, entry, digest = record["previous"], record["entry"], record["hash"]
            more = set(record) - KEYS - {"seal"}
            whole = isinstance(entry, dict) and not more and isinstance(digest, str)
        except (ValueError, KeyError, TypeError, RecursionError):
            whole = False
        if not whole:
            return TrailState(count, last, number, "the line is not an audit record", sealed)
        if previous != last:
            return TrailState(count, last, number, "a line before it was removed or changed", sealed)
        if _digest(previous, entry) != digest:
            return TrailState(count, last, number, "the line was changed", sealed)
        if key and not hmac.compare_digest(str(record.get("seal", "")).encode(), _seal(key, digest).encode()):
            return TrailState(count, last, number, "the line is not sealed with this key", sealed)
        sealed += "seal" in record
        last, count = digest, count + 1
        met(digest)
    if not line:
        return TrailState(0, last, 1, "the trail is empty: a trail is made with its first line")
    if not line.endswith("\n"):
        return TrailState(count, last, count + 1, "the last line is cut off", sealed)
    return TrailState(count, last, sealed=sealed)
