"""`lymphorisk commission`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lymphorisk.cli.clinicfile import named
from lymphorisk.cli.options import EVERY_PLAN, options_of, with_options
from lymphorisk.cli.output import SAFETY, emit, finish, outputs_of, working
from lymphorisk.cli.reporting import report_option
from lymphorisk.cli.typed import ExportPath
from lymphorisk.outputs.kinds import report_kind


@click.command()
@click.argument("folder", type=ExportPath())
@report_option("Write the page: .html or .pdf.")
@click.option("--show-phi", is_flag=True, help="Write what the exports call plans, beams and structures.")
@with_options(EVERY_PLAN, SAFETY)
def commission(folder: Path, report: Path | None, show_phi: bool, **given: Any) -> int:
    """A site's own plans through a checklist: three DVH sources, coverage, timing, limits, end caps, signatures.

    Leaves with 0 when every plan could be checked, 5 when some could not, 3 when none could.
    """
    outputs = outputs_of(given, folder)
    outputs.expect(report, report_kind(report) if report else "page")
    with working("checking plans"):
        from lymphorisk.cohorts.commission import commission as checked_plans
        from lymphorisk.cohorts.run import NONE, PARTLY
        from lymphorisk.report import clinic, formats
        from lymphorisk.report import commission as page
        from lymphorisk.report.table import text_lines

        made = checked_plans(folder, options_of(given), show_phi=show_phi)
        document = clinic.on_page(page.report(made), named())
    with outputs:
        if report is not None:
            outputs.add(report, formats.written(report, document))
        finish(outputs, **{str(report): "report"})
    refused = [f"{f.code} {f.where}: {f.what}" for f in made.refused]
    emit(clinic.in_text("\n".join([*text_lines(page.checklist(made.checked), ""), *refused]) + "\n", named()))
    if not made.checked:
        return NONE
    return PARTLY if made.refused else 0
