"""`lymphorisk update`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from lymphorisk.cli.options import JSON
from lymphorisk.cli.output import message, working, write_whole
from lymphorisk.errors import InputError


@click.command()
@click.argument("result", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--alc", "counts", multiple=True, required=True, metavar="DAY=VALUE", help="Count on a day; repeat.")
@click.option("--alc-unit", default="10^9/L", show_default=True, help="Unit of the counts.")
@click.option(
    "--report", type=click.Path(dir_okay=False, path_type=Path), help="Write a page with prior and posterior."
)
@JSON
def update(result: Path, counts: tuple[str, ...], alc_unit: str, report: Path | None, as_json: bool) -> None:
    """The forecast given measured counts, from the JSON of `lymphorisk analyze --json`.

    DAY counts from the first fraction. Counts that contradict the model are refused with exit code 4.
    """
    with working("updating"):
        from lymphorisk.analysis.midcourse import updated
        from lymphorisk.report import midcourse
        from lymphorisk.report.json_ import dumps
        from lymphorisk.units import alc_from

        measured = [(day, alc_from(value, alc_unit)) for day, value in map(pair, counts)]
        try:
            saved = json.loads(result.read_text(encoding="utf-8"))
        except (UnicodeDecodeError, json.JSONDecodeError):
            raise InputError(f"{result.name} is not JSON", "give the output of `lymphorisk analyze --json`") from None
        made = updated(saved, measured)
    if report is not None:
        write_whole(report, midcourse.html(made))
        message(f"report: {report}")
    click.echo(dumps(midcourse.to_dict(made)) if as_json else midcourse.text(made), nl=False)


def pair(text: str) -> tuple[float, float]:
    """Day and value of ``7=0.9``."""
    day, sign, value = text.partition("=")
    try:
        if not sign:
            raise ValueError
        return float(day), float(value)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not DAY=VALUE, such as 7=0.9", param_hint="--alc") from None
