"""Results to stdout or, whole or not at all, to a file."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lymphorisk.errors import InputError

if TYPE_CHECKING:
    from lymphorisk.analysis import Analysis


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file so that it is there complete or not at all.

    Raises
    ------
    InputError
        The folder does not exist or cannot be written.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    if not path.parent.is_dir():
        raise InputError(f"the folder of {path.name} does not exist", "create it or choose another path")
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".lymphorisk-")
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(data)
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise InputError(f"cannot write {path.name}: {error.strerror}", "choose another path") from error


def message(text: str) -> None:
    """A message for the person at the terminal (stderr)."""
    click.echo(text, err=True)


@contextmanager
def working(what: str) -> Iterator[None]:
    """A spinner on stderr while something runs, when a person watches."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


def record(folder: Path, command: str, result: Analysis, written: str, more: dict[str, str]) -> None:
    """Append a run to an audit trail: who, when, what, hashes of what went in and came out, versions."""
    import getpass
    import hashlib
    from datetime import UTC, datetime

    from lymphorisk.qa import audit

    entry = {
        "who": getpass.getuser(),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "inputs": [{"role": role, "uid": uid, "sha256": sha} for role, uid, sha in result.provenance.inputs],
        "output_sha256": hashlib.sha256(written.encode("utf-8")).hexdigest(),
        "version": result.provenance.version,
        "parameter_set": result.provenance.parameter_set,
        "model_sha256": result.provenance.model_sha256,
        **more,
    }
    message(f"audit: {audit.append(folder, entry)[:16]}")
