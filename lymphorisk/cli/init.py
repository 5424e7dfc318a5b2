"""`lymphorisk init`."""

from __future__ import annotations

from pathlib import Path

import click

from lymphorisk.cli.output import SAFETY, finish, message, outputs_of


@click.command()
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Where to write it; lymphorisk.toml here otherwise."
)
@click.option("--user", is_flag=True, help="Write it into the user's configuration folder.")
@SAFETY[0]
def init(out: Path | None, user: bool, force: bool) -> None:
    """A commented clinic file, lymphorisk.toml: ROI names, units, protocols, receiver, senders.

    As written it changes nothing: every line is commented out. `lymphorisk doctor` shows what is in force.
    """
    from lymphorisk.cli.clinicfile import user_folder
    from lymphorisk.settings import TEMPLATE
    from lymphorisk.settings.file import FILE

    if user and out is not None:
        raise click.UsageError("--user and --out are both given")
    if user:
        user_folder().mkdir(parents=True, exist_ok=True)
    path = user_folder() / FILE if user else out or Path(FILE)
    with outputs_of({"force": force}) as outputs:
        outputs.expect(path, "clinic-file")
        outputs.add(path, TEMPLATE)
        finish(outputs, **{str(path): "clinic file"})
    message("remove the # before what you change; `lymphorisk doctor` checks it")
