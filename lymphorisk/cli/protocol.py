"""`lymphorisk protocol`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lymphorisk.cli.options import with_options
from lymphorisk.cli.output import SAFETY, emit, finish, message, outputs_of


@click.command()
@click.argument("protocol", required=False, metavar="[NAME|FILE]")
@click.option(
    "--to",
    "form",
    type=click.Choice(["toml", "csv", "json"]),
    default="toml",
    show_default=True,
    help="TOML, ClearPlan-style CSV or ProKnow-style JSON.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write to a file instead of stdout.")
@with_options(SAFETY)
def protocol(protocol: str | None, form: str, out: Path | None, **given: Any) -> None:
    """A protocol to read, edit or hand on; without NAME the shipped starters.

    What the chosen form cannot hold is named on stderr.
    """
    from lymphorisk.qa import clearplan, proknow, toml_protocol
    from lymphorisk.qa.store import read_protocol, shipped

    if protocol is None:
        for name in shipped():
            emit(f"{name:<12}  {read_protocol(name).name}\n")
        return
    outputs = outputs_of(given, None if protocol in shipped() else protocol)
    outputs.expect(out, "protocol")
    wanted = read_protocol(protocol)
    if form == "json":
        text, left_out = proknow.dumps(wanted)
    elif form == "csv":
        text, left_out = clearplan.dumps(wanted), clearplan.left_out(wanted)
    else:
        text, left_out = toml_protocol.dumps(wanted), ()
    for what in left_out:
        message(f"left out: {what}")
    if out is None:
        emit(text)
        return
    with outputs:
        outputs.add(out, text)
        finish(outputs, **{str(out): "protocol"})
