"""`lymphorisk dvh`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lymphorisk.cli.clinicfile import named
from lymphorisk.cli.options import EXPORTS, JSON, PLAN, course_of, options_of, with_options
from lymphorisk.cli.output import SAFETY, emit, finish, outputs_of, working


@click.command()
@EXPORTS
@click.option(
    "--structure", "structures", multiple=True, metavar="NAME", help="ROI, TG-263 name, or Lungs-GTV; repeat."
)
@click.option("--metric", "metrics", multiple=True, metavar="METRIC", help='Such as "V20Gy[%]" or "D2cc[Gy]"; repeat.')
@click.option("--alpha-beta", type=float, metavar="GY", help="For metrics in EQD2 or BED.")
@click.option("--engine", type=click.Choice(["exact", "dicompyler"]), default="exact", show_default=True)
@click.option("--crosscheck", is_flag=True, help="Ours, dicompyler-core's and the planning system's side by side.")
@click.option(
    "--csv", "csv_file", type=click.Path(dir_okay=False, path_type=Path), help="Write curves and metrics as CSV."
)
@click.option(
    "--step",
    "step_gy",
    type=click.FloatRange(min=0.01),
    default=0.1,
    show_default=True,
    metavar="GY",
    help="Step of the curves of the CSV.",
)
@with_options(PLAN, SAFETY)
@JSON
def dvh(
    exports: tuple[Path, ...],
    structures: tuple[str, ...],
    metrics: tuple[str, ...],
    alpha_beta: float | None,
    engine: str,
    crosscheck: bool,
    csv_file: Path | None,
    step_gy: float,
    as_json: bool,
    **given: Any,
) -> None:
    """Dose-volume histograms of the course dose, and metrics.

    Metrics: D95%[Gy], D0.03cc[Gy], V20Gy[%], V20Gy[cc], CV20Gy[cc], DC0.1cc[Gy], Mean[Gy], Min[Gy], Max[Gy],
    EUD(a=8)[Gy]; Mean[EQD2] with --alpha-beta. Structures join as Lungs-GTV, PTV&Lungs, Kidney_L+Kidney_R.
    """
    export = course_of(exports, given)
    outputs = outputs_of(given, *exports)
    outputs.expect(csv_file, "dvh-csv")
    with working("computing DVHs"):
        from lymphorisk.analysis.dvhs import structure_dvhs
        from lymphorisk.dvh.metrics import parse
        from lymphorisk.plain import dumps
        from lymphorisk.report import clinic
        from lymphorisk.report import dvh as written

        for text in metrics:
            parse(text)
        table = structure_dvhs(export, options_of(given), structures, engine, crosscheck, alpha_beta)
    with outputs:
        if csv_file is not None:
            outputs.add(csv_file, written.to_csv(table, metrics, step_gy))
        from_file = named()
        if as_json:
            said = dumps(clinic.in_json(written.to_dict(table, metrics), from_file))
        else:
            said = clinic.in_text(written.text(table, metrics), from_file)
        finish(outputs, **{str(csv_file): "curves"})
    emit(said)
