"""`lymphorisk audit`."""

from __future__ import annotations

from pathlib import Path

import click

from lymphorisk.cli.output import emit


@click.group()
def audit() -> None:
    """The hash-chained audit trail that `check --audit` and `analyze --audit` write."""


@audit.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--expect", type=click.IntRange(min=0), metavar="N", help="At least N entries must be there.")
@click.option("--head", default="", metavar="HASH", help="A hash printed earlier that must still be in the chain.")
@click.option("--key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Key file of a sealed trail.")
def verify(folder: Path, expect: int | None, head: str, key: Path | None) -> int:
    """Walk the chain: intact (exit code 0), or the first line that is not (1).

    A chain cannot know that its end was cut off: keep the count and the last hash printed here elsewhere, and give
    them back with --expect and --head.
    """
    from lymphorisk.qa.audit import read_key
    from lymphorisk.qa.audit import verify as walk

    state = walk(folder, expect=expect, head=head, key=b"" if key is None else read_key(key))
    if state.broken_line is not None:
        emit(f"BROKEN at line {state.broken_line}: {state.reason}\n")
        return 1
    sealed = f", {state.sealed} sealed" if state.sealed else ""
    emit(f"intact: {state.entries} entries, last {state.last}{sealed}\n")
    return 0
