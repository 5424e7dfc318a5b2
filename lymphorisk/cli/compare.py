"""`lymphorisk compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lymphorisk.cli.options import BLOOD, FORECAST, JSON, PATIENT, PLAN, options_of, patient_of, with_options
from lymphorisk.cli.output import SAFETY, emit, finish, outputs_of, working
from lymphorisk.cli.reporting import INTERACTIVE, page_wanted, report_option
from lymphorisk.cli.typed import ExportPath


@click.command()
@click.argument("exports", nargs=-1, required=True, type=ExportPath())
@with_options(PATIENT, PLAN, BLOOD, FORECAST, SAFETY)
@report_option("Write a report with the overlays: .html or .pdf.")
@INTERACTIVE
@JSON
def compare(exports: tuple[Path, ...], report: Path | None, interactive: bool, as_json: bool, **given: Any) -> None:
    """Plans side by side for one patient: dose, blood, forecast and risk; what changed and why.

    The first EXPORT is what the others are compared with. An organ drawn in some of the plans counts as drawn in none.
    """
    if len(exports) == 1:
        raise click.UsageError("give at least two exports")
    if interactive:
        page_wanted(report, "--interactive")
    outputs = outputs_of(given, *exports)
    outputs.expect(report, "page")
    with working("comparing"):
        from lymphorisk.analysis.alike import noted_of
        from lymphorisk.analysis.compare import compared as run
        from lymphorisk.analysis.prepared import prepare
        from lymphorisk.analysis.source import read_source
        from lymphorisk.dicom import Export
        from lymphorisk.dicom.identity import check_exports
        from lymphorisk.plain import dumps
        from lymphorisk.report import clinic, comparison, formats

        patient, options = patient_of(given), options_of(given)
        read = [read_source(path, options) for path in exports]
        compared = run([prepare(source, patient, options) for source in read])
        names = [path.name for path in exports]
        own = [compared[0].alone[0], *(c.alone[1] for c in compared)]
        noted = (
            *check_exports([source if isinstance(source, Export) else None for source in read], names),
            *noted_of(own, names, compared[0].unlike),
        )
        from_file = own[0].provenance.options.get(clinic.KEY, {})
    with outputs:
        if report is not None:
            made = clinic.on_page(comparison.report(compared, names, noted), from_file)
            outputs.add(report, formats.written(report, made, interactive=interactive))
        if as_json:
            written = dumps(clinic.in_json(comparison.to_dict(compared, names, noted), from_file))
        else:
            written = clinic.in_text(comparison.text(compared, names, noted), from_file)
        finish(outputs, **{str(report): "report"})
    emit(written)
