"""`lymphorisk blood`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lymphorisk.cli.clinicfile import named
from lymphorisk.cli.options import BLOOD, EXPORTS, JSON, PATIENT, PLAN, course_of, options_of, patient_of, with_options
from lymphorisk.cli.output import SAFETY, emit, finish, outputs_of, working
from lymphorisk.cli.typed import Word, whole


@click.command()
@EXPORTS
@click.option(
    "--engine",
    type=Word("lymphorisk.circulation.models:engine_named"),
    default="exact",
    show_default=True,
    help="exact, montecarlo or resident: solved, its sampling twin, or blood that stays in place during a fraction.",
)
@click.option("--stages", type=whole("stages"), help="Erlang stages of a transit; 1 is the exponential network.")
@click.option("--lanes", type=whole("lanes"), help="Parallel lanes of an organ; 1 is the well-mixed organ.")
@click.option(
    "--bounds/--no-bounds",
    default=True,
    show_default=True,
    help="Beside the lanes the two bounds: the well-mixed and the per-visit organ.",
)
@click.option("--sweep", metavar="beam-on=LOW:HIGH", help="Blood dose against the beam-on time of a fraction, in s.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Write the sweep as an SVG figure.")
@with_options(PATIENT, PLAN, BLOOD, SAFETY)
@JSON
def blood(
    exports: tuple[Path, ...],
    engine: str,
    stages: int | None,
    lanes: int | None,
    bounds: bool,
    sweep: str | None,
    plot: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Dose to circulating blood: one fraction, the course, by organ and beam; the EDIC family.

    What-ifs: --fractions, --beam-on, --sex, --cardiac-output, --blood-volume, --sweep.
    """
    if plot is not None and sweep is None:
        raise click.UsageError("--plot draws a sweep: give --sweep beam-on=LOW:HIGH")
    export = course_of(exports, given)
    outputs = outputs_of(given, *exports)
    outputs.expect(plot, "figure")
    with working("solving"):
        from dataclasses import replace

        from lymphorisk.analysis.bloodonly import blood_result, swept
        from lymphorisk.plain import dumps
        from lymphorisk.report import blood as written
        from lymphorisk.report import clinic

        options = replace(options_of(given), blood_engine=engine, stages=stages, lanes=lanes, blood_bounds=bounds)
        patient, from_file = patient_of(given), named()
        if sweep is not None:
            low, high = span(sweep)
            rows = swept(export, patient, replace(options, blood_bounds=False), low, high)
            with outputs:
                if plot is not None:
                    outputs.add(
                        plot, written.sweep_figure(rows).replace("<svg ", '<svg data-generator="lymphorisk" ', 1)
                    )
                if as_json:
                    said = dumps(clinic.in_json(written.sweep_to_dict(rows), from_file))
                else:
                    said = clinic.in_text(written.sweep_text(rows), from_file)
                finish(outputs, **{str(plot): "figure"})
            emit(said)
            return
        result = blood_result(export, patient, options)
    if as_json:
        emit(dumps(clinic.in_json(written.to_dict(result), from_file)))
    else:
        emit(clinic.in_text(written.text(result), from_file))


def span(text: str) -> tuple[float, float]:
    """Low and high of ``beam-on=1:600``."""
    name, sign, values = text.partition("=")
    low, colon, high = values.partition(":")
    try:
        if name.strip() != "beam-on" or not sign or not colon:
            raise ValueError
        ends = float(low), float(high)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is not beam-on=LOW:HIGH, such as beam-on=1:600", param_hint="--sweep"
        ) from None
    if not 0 < ends[0] < ends[1]:
        raise click.BadParameter("the sweep needs 0 < LOW < HIGH", param_hint="--sweep")
    return ends
