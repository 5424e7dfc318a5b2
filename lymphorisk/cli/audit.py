"""`lymphorisk audit`."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def audit() -> None:
    """The hash-chained audit trail that `check --audit` and `analyze --audit` write."""


@audit.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def verify(folder: Path) -> int:
    """Walk the chain: intact, or the first line that is not.

    A chain cannot know that its end was cut off: keep the last hash printed here elsewhere.
    """
    from lymphorisk.qa.audit import verify as walk

    state = walk(folder)
    if state.broken_line is not None:
        click.echo(f"BROKEN at line {state.broken_line}: {state.reason}")
        return 1
    click.echo(f"intact: {state.entries} entries, last {state.last}")
    return 0
