"""The log of a service: one JSON object a line, of fields that are listed here; what a reason quotes is left out."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from lymphorisk.cohorts.veil import veiled

FILE = "service.jsonl"
#: A file of the log, and how many are kept. [bytes]
SIZE, KEPT = 10_000_000, 9
#: Digits of an entry's key.
DIGITS = 12
#: Everything that may stand in a line beside time and event.
FIELDS = (
    "entry", "state", "verdict", "exit_code", "reason", "hint", "sender", "address", "destination", "what", "role",
    "attempts", "seconds", "waiting_s", "objects", "missing", "bytes", "port", "count", "rule", "code",
)  # fmt: skip
#: Fields whose words may quote what an export calls its plans, structures and files.
WORDS = ("reason", "hint")
_LOGGER = logging.getLogger("lymphorisk.clinic")


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        said: dict[str, Any] = {"at": f"{at}.{int(record.msecs):03d}Z", "level": record.levelname.lower()}
        return json.dumps({**said, "event": record.getMessage(), **getattr(record, "said", {})}, ensure_ascii=True)


class _File(RotatingFileHandler):
    """Rotated by size; a file that somebody else has moved or removed is begun anew at its place."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        if self.stream is not None and not _lies_at(self.baseFilename, self.stream.fileno()):
            self.stream.close()
            self.stream = None
        super().emit(record)


def _lies_at(path: str, handle: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle))
    except OSError:
        return False


def begin(folder: Path | None, *, screen: bool = True) -> None:
    """Write lines to stderr and to a rotated file; libraries' own lines, which may name a patient, are dropped."""
    for name in ("pynetdicom", "pydicom", "pydicom_seg"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    end()
    handlers: list[logging.Handler] = []
    if screen:
        handlers.append(logging.StreamHandler(sys.stderr))
    if folder is not None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handlers.append(_File(folder / FILE, maxBytes=SIZE, backupCount=KEPT, encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(_Json())
        _LOGGER.addHandler(handler)
    _LOGGER.setLevel(logging.INFO)
    _LOGGER.propagate = False
    logging.raiseExceptions = False  # a full disk ends no service


def end() -> None:
    """Close what lines are written to."""
    for handler in list(_LOGGER.handlers):
        _LOGGER.removeHandler(handler)
        handler.close()


def say(event: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """A line; an entry's key is cut to the digits by which it is known."""
    if unknown := set(fields) - set(FIELDS):
        raise ValueError(f"no field of the log: {sorted(unknown)}")
    if "entry" in fields:
        fields["entry"] = str(fields["entry"])[:DIGITS]
    fields |= {name: veiled(str(fields[name])) for name in WORDS if fields.get(name)}
    _LOGGER.log(level, event, extra={"said": {k: v for k, v in fields.items() if v is not None}})


def warn(event: str, **fields: Any) -> None:
    """A line about what somebody should look at."""
    say(event, level=logging.WARNING, **fields)
