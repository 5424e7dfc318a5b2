"""`lymphorisk update`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lymphorisk.cli.clinicfile import named
from lymphorisk.cli.options import ALC_UNIT, JSON, with_options
from lymphorisk.cli.output import SAFETY, emit, finish, outputs_of, working
from lymphorisk.cli.reporting import report_option
from lymphorisk.errors import ScenarioError
from lymphorisk.units import number_from

#: What stands before the settings that the saved result was made with.
OF_RESULT = "The result: "


@click.command()
@click.argument("result", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--alc", "counts", multiple=True, required=True, metavar="DAY=VALUE", help="Count on a day; repeat.")
@ALC_UNIT
@click.option("--regimen", default="", metavar="NAME", help="The regimen that is given, of a conditioning result.")
@report_option("Write a report with prior and posterior: .html or .pdf.")
@with_options(SAFETY)
@JSON
def update(
    result: Path,
    counts: tuple[str, ...],
    alc_unit: str,
    regimen: str,
    report: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """The forecast given measured counts, from the JSON of `lymphorisk analyze --json` or `conditioning --json`.

    DAY counts from the first fraction; of a conditioning result from infusion, negative before it (--alc=-3=0.4).
    A count from before it, after the forecast's end, or that all others deny is named and left out; counts that
    contradict the model together leave with exit code 4.
    """
    outputs = outputs_of(given, result)
    outputs.expect(report, "page")
    with working("updating"):
        from lymphorisk.analysis.saved import read_saved
        from lymphorisk.plain import dumps
        from lymphorisk.report import clinic, formats
        from lymphorisk.units import alc_from

        measured = [(day, alc_from(value, alc_unit)) for day, value in map(pair, counts)]
        saved = read_saved(result, (ANALYZE, CONDITIONING))
        made, laid_out = _updated(saved, measured, regimen)
        before = saved.get(clinic.KEY) or saved["provenance"].get("options", {}).get(clinic.KEY, {})
        from_file = named()
    with outputs:
        if report is not None:
            page = clinic.on_page(clinic.on_page(laid_out.report(made), before, OF_RESULT), from_file)
            outputs.add(report, formats.written(report, page))
        if as_json:
            whole = {**laid_out.to_dict(made), **({"result_clinic_file": before} if before else {})}
            written = dumps(clinic.in_json(whole, from_file))
        else:
            written = clinic.in_text(clinic.in_text(laid_out.text(made), before, OF_RESULT), from_file)
        finish(outputs, **{str(report): "report"})
    emit(written)


#: What can be updated.
ANALYZE, CONDITIONING = "lymphorisk/analyze/1", "lymphorisk/conditioning/1"


def _updated(saved: dict[str, Any], measured: list[tuple[float, float]], regimen: str) -> tuple[Any, Any]:
    """The update of a result, and the module that lays it out."""
    if saved["schema"] == CONDITIONING:
        from lymphorisk.regimen.update import updated as of_regimen
        from lymphorisk.report.conditioning import update as page

        return of_regimen(saved, measured, regimen), page
    if regimen:
        raise click.UsageError("--regimen is for a result of `lymphorisk conditioning`")
    from lymphorisk.analysis.midcourse import updated
    from lymphorisk.report import midcourse

    return updated(saved, measured), midcourse


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
