"""`lymphorisk worklist`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lymphorisk.cli.output import emit, message

if TYPE_CHECKING:
    from lymphorisk.clinic.store import Entry, Outgoing

#: Digits of a key that a line shows.
DIGITS = 12


@click.command()
@click.argument("store", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--backup",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Copy the store, as it is now, into a new folder.",
)
def worklist(store: Path, backup: Path | None) -> None:
    """The entries of a store of `listen` or `watch`, and their answers; also while the service runs.

    A backup is a store itself: to restore it, start the service on it, or on a copy of it.
    """
    from lymphorisk.clinic.backup import backed_up
    from lymphorisk.clinic.store import Store

    held = Store(store)
    if backup is not None:
        count = backed_up(held, backup)
        message(f"{count} files copied to {backup}")
    lines = [_line(entry, held.outgoing(key=entry.key)) for entry in held.entries()]
    for trouble in held.troubles(time.time()):
        message(trouble)
    held.close()
    emit("".join(f"{line}\n" for line in lines or ["no entries"]))


def _line(entry: Entry, answers: Sequence[Outgoing]) -> str:
    """An entry in one line, without the plan's label, which may say who the patient is."""
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.made_at))
    sent = sum(a.state == "COMPLETED" for a in answers)
    told = f"{sent} of {len(answers)} sent" if answers else "nothing to send"
    said = entry.verdict or entry.reason or ", ".join(entry.missing)
    return f"{at}  {entry.key[:DIGITS]}  {entry.state:<11}  {told}  {said}".rstrip()
