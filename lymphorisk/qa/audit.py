"""An audit trail: one JSON line a run, each carrying the hash of the line before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from lymphorisk.errors import InputError

FILE = "lymphorisk-audit.jsonl"
GENESIS = "0" * 64


def _digest(previous: str, entry: Mapping[str, Any]) -> str:
    body = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256((previous + body).encode("utf-8")).hexdigest()


def append(folder: Path, entry: Mapping[str, Any]) -> str:
    """Append an entry to the trail of a folder; the new line's hash.

    The file is locked while it is written, so several runs may share a trail.

    Raises
    ------
    InputError
        The folder is missing or the existing trail is broken: a broken trail is never extended.
    """
    if not folder.is_dir():
        raise InputError(f"the audit folder {folder.name!r} does not exist", "create it first")
    with (folder / FILE).open("a+", encoding="utf-8", errors="replace", newline="\n") as trail:
        _lock(trail)
        trail.seek(0)
        state = _verified(trail.read())
        if state.broken_line is not None:
            raise InputError(
                f"the audit trail is broken at line {state.broken_line}: {state.reason}",
                "keep the file as evidence and start a new folder",
            )
        digest = _digest(state.last, entry)
        trail.write(json.dumps({"previous": state.last, "entry": entry, "hash": digest}, ensure_ascii=False) + "\n")
        trail.flush()
    return digest


def _lock(trail: IO[str]) -> None:
    """Keep other runs out until the file closes; where the system has no such lock, runs must take turns."""
    try:
        import fcntl
    except ImportError:
        return
    fcntl.flock(trail, fcntl.LOCK_EX)


@dataclass(frozen=True, slots=True)
class TrailState:
    """What a trail says of itself: entries, the last hash, and the first broken line if any."""

    entries: int
    last: str
    broken_line: int | None = None
    reason: str = ""


def verify(folder: Path) -> TrailState:
    """Walk the whole chain of a folder's trail.

    Raises
    ------
    InputError
        There is no trail.
    """
    path = folder / FILE
    if not path.is_file():
        raise InputError(f"no audit trail in {folder.name!r}", f"a trail is a file named {FILE}")
    with path.open(encoding="utf-8", errors="replace", newline="\n") as trail:
        return _verified(trail.read())


def _verified(text: str) -> TrailState:
    last = GENESIS
    count = 0
    # Only a line feed ends a record: names may hold other characters that count as line breaks.
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else [], start=1):
        try:
            record = json.loads(line)
            previous, entry, digest = record["previous"], record["entry"], record["hash"]
        except (json.JSONDecodeError, KeyError, TypeError):
            return TrailState(count, last, number, "the line is not an audit record")
        if previous != last:
            return TrailState(count, last, number, "a line before it was removed or changed")
        if _digest(previous, entry) != digest:
            return TrailState(count, last, number, "the line was changed")
        last, count = digest, count + 1
    if text and not text.endswith("\n"):
        return TrailState(count, last, count + 1, "the last line is cut off")
    return TrailState(count, last)
