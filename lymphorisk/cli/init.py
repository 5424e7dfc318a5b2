"""`lymphorisk init`."""

from __future__ import annotations

from pathlib import Path

import click

from lymphorisk.cli.output import SAFETY, finish, message, outputs_of
from lymphorisk.errors import InputError


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
    from lymphorisk.settings import TEMPLATE
    from lymphorisk.settings.file import FILE

    if user and out is not None:
        raise click.UsageError("--user and --out are both given")
    path = _of_user() / FILE if user else out or Path(FILE)
    with outputs_of({"force": force}) as outputs:
        outputs.expect(path, "clinic-file")
        outputs.add(path, TEMPLATE)
        finish(outputs, **{str(path): "clinic file"})
    message("remove the # before what you change; `lymphorisk doctor` checks it")


def _of_user() -> Path:
    """The user's configuration folder, made where there is none yet."""
    from lymphorisk.cli.clinicfile import user_folder

    folder = user_folder()
    if folder is None:
        raise InputError("this user has no home folder", "give --out FILE, and name it by LYMPHORISK_CONFIG")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made: {error.strerror}", "give --out FILE") from error
    return folder
