"""`lymphorisk protocol`."""

from __future__ import annotations

from pathlib import Path

import click

from lymphorisk.cli.output import message, write_whole


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
def protocol(protocol: str | None, form: str, out: Path | None) -> None:
    """A protocol to read, edit or hand on; without NAME the shipped starters.

    What the chosen form cannot hold is named on stderr.
    """
    from lymphorisk.qa import clearplan, proknow, toml_protocol
    from lymphorisk.qa.store import read_protocol, shipped

    if protocol is None:
        for name in shipped():
            click.echo(f"{name:<12}  {read_protocol(name).name}")
        return
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
        click.echo(text, nl=False)
    else:
        write_whole(out, text)
        message(f"protocol: {out}")
