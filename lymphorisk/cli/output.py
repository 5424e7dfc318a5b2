"""Results to stdout or, whole or not at all, to a file."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from lymphorisk.errors import InputError


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
