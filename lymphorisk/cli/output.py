"""How a call speaks and writes: results to stdout, messages to stderr, files all or none, a line in the audit trail."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import click

from lymphorisk.errors import InputError
from lymphorisk.findings import Finding, finding
from lymphorisk.outputs import Inputs, Outputs

#: Options of every command that writes files.
SAFETY = (
    click.option("--force", is_flag=True, help="Replace existing files that this program did not write."),
    click.option("--beside-inputs", is_flag=True, help="Allow files inside an input folder; never over an input."),
)
#: Errors of a stream whose other end is gone; nobody wants to read, so nothing is lost.
GONE = (errno.EPIPE, errno.EBADF, errno.EINVAL)


class Debug:
    """Whether a traceback is wanted."""

    on = False


class Lost:
    """Whether a result could not be written to stdout although somebody wanted it."""

    result = False


class Told:
    """The exit code of a call that was told to end; nothing while it was not.

    Libraries may turn the exception of a signal into one of theirs, or go on without it: this stays.
    """

    code = 0


def outputs_of(given: dict[str, Any], *inputs: Path | str | None) -> Outputs:
    """The outputs of a call that reads `inputs` and the files named by shared options."""
    named = [given.get(name) for name in ("patient_file", "model", "model_key", "labels")]
    named += given.get("segmentation", ())
    return Outputs(
        Inputs.of([*inputs, *named]),
        force=bool(given.pop("force", False)),
        beside_inputs=bool(given.pop("beside_inputs", False)),
    )


def emit(text: str) -> None:
    """A result on stdout; a reader who left takes nothing away from the call."""
    error = _said(sys.stdout, text)
    if error is not None and error.errno not in GONE:
        Lost.result = True
        message(f"error: the result could not be written to stdout: {error.strerror}")


def say(text: str = "") -> None:
    """A line of a result on stdout."""
    emit(text + "\n")


def message(text: str) -> None:
    """A message for the person at the terminal (stderr), if there still is one; none of a call that was told to end."""
    if not Told.code:
        _said(sys.stderr, text + "\n")


def _said(stream: TextIO | None, text: str) -> OSError | None:
    """Write and flush; afterwards a stream that failed leads nowhere."""
    if stream is None:
        return None
    try:
        try:
            click.echo(text, file=stream, nl=False)
        except UnicodeEncodeError:
            code = stream.encoding or "ascii"
            click.echo(text.encode(code, "backslashreplace").decode(code), file=stream, nl=False)
        stream.flush()
    except OSError as error:
        _silence(stream)
        return error
    except ValueError:  # closed by this program
        return None
    return None


def _silence(stream: TextIO) -> None:
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def open_streams() -> None:
    """Streams that were closed by the caller lead nowhere: no file that is opened later may take their place."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def close_streams() -> None:
    """Write out what is buffered; a stream that cannot take it takes nothing from the exit code."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            _silence(stream)


@contextmanager
def working(what: str) -> Iterator[None]:
    """A spinner on stderr while something runs, when a person watches."""
    try:
        watched = sys.stderr is not None and sys.stderr.isatty()
    except ValueError:
        watched = False
    if not watched:
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


def finish(outputs: Outputs, **names: str) -> None:
    """Put every file in its place and say where each is; names by their path as text. Nothing once told to end."""
    if Told.code:
        sys.exit(Told.code)
    for path in outputs.commit():
        message(f"{names.get(str(path), 'written')}: {path}")


class Audit:
    """The audit trail of a call: tried before the work, one line at the end.

    A trail that is damaged, or a disk that is full, is said in its own code (LR606) and leaves the result alone.

    Parameters
    ----------
    folder : Path or None
        None: the call keeps no trail.
    key : Path or None
        Key file of a sealed trail.
    outputs : Outputs
        Whose inputs the folder must not lie in.

    Raises
    ------
    InputError
        The folder is not there, is an input, or cannot be written.
    """

    def __init__(self, folder: Path | None, key: Path | None, outputs: Outputs) -> None:
        from lymphorisk.qa import audit

        self.folder = folder
        self.trouble = ""
        #: What a protocol may count: a trail that is damaged.
        self.findings: list[Finding] = []
        self._key = b"" if key is None else audit.read_key(key)
        if folder is None:
            return
        if not folder.is_dir():
            raise InputError(f"the audit folder {folder.name!r} does not exist", "create it first")
        outputs.expect(folder / audit.FILE, "audit")
        self.trouble = audit.trouble(folder, self._key)
        if self.trouble:
            self.findings.append(finding(audit.DAMAGED, self.trouble, "audit trail", "keep it, start a new folder"))
        self._say()

    def _say(self) -> None:
        if self.trouble:
            from lymphorisk.qa.audit import DAMAGED

            message(f"{DAMAGED.code} {self.trouble}; this run is not recorded")

    def record(self, command: str, result: Mapping[str, Any], written: str, more: Mapping[str, Any]) -> None:
        """Append a run: who, when, what, hashes of what went in and came out, versions."""
        import hashlib
        from datetime import UTC, datetime

        from lymphorisk.qa import audit

        if self.folder is None or self.trouble:
            return
        entry = {
            "who": _user(),
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": command,
            **result,
            "output_sha256": hashlib.sha256(written.encode("utf-8", "backslashreplace")).hexdigest(),
            **more,
        }
        try:
            message(f"audit: {audit.append(self.folder, entry, self._key)[:16]}")
        except InputError as error:
            self.trouble = error.message
            self._say()


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user, no such database
        return "unknown"
