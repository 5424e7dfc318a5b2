"""`lymphorisk update`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lymphorisk.cli.options import ALC_UNIT, JSON, with_options
from lymphorisk.cli.output import SAFETY, emit, finish, outputs_of, working
from lymphorisk.cli.reporting import report_option
from lymphorisk.errors import ScenarioError
from lymphorisk.units import number_from


@click.command()
@click.argument("result", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--alc", "counts", multiple=True, required=True, metavar="DAY=VALUE", help="Count on a day; repeat.")
@ALC_UNIT
@report_option("Write a report with prior and posterior: .html or .pdf.")
@with_options(SAFETY)
@JSON
def update(
    result: Path, counts: tuple[str, ...], alc_unit: str, report: Path | None, as_json: bool, **given: Any
) -> None:
    """The forecast given measured counts, from the JSON of `lymphorisk analyze --json`.

    DAY counts from the first fraction. A count from before it, after the forecast's end, or that all others deny is
    named and left out; counts that contradict the model together leave with exit code 4.
    """
    outputs = outputs_of(given, result)
    outputs.expect(report, "page")
    with working("updating"):
        from lymphorisk.analysis.midcourse import updated
        from lymphorisk.analysis.saved import read_saved
        from lymphorisk.plain import dumps
        from lymphorisk.report import formats, midcourse
        from lymphorisk.units import alc_from

        measured = [(day, alc_from(value, alc_unit)) for day, value in map(pair, counts)]
        made = updated(read_saved(result), measured)
    with outputs:
        if report is not None:
            outputs.add(report, formats.written(report, midcourse.report(made)))
        written = dumps(midcourse.to_dict(made)) if as_json else midcourse.text(made)
        finish(outputs, **{str(report): "report"})
    emit(written)


def pair(text: str) -> tuple[float, float]:
    """Day and value of ``7=0.9``."""
    day, sign, value = text.partition("=")
    try:
        if not sign:
            raise ValueError
        return float(day), number_from(value, "the count")
    except ScenarioError as error:
        raise click.BadParameter(f"{error.message}; {error.hint}", param_hint="--alc") from None
    except ValueError:
        raise click.BadParameter(f"{text!r} is not DAY=VALUE, such as 7=0.9", param_hint="--alc") from None
