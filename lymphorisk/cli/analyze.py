"""`lymphorisk analyze`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from lymphorisk.cli.archive import ARCHIVE, archive, stamp
from lymphorisk.cli.options import (
    BLOOD,
    EXPORT,
    FORECAST,
    JSON,
    PATIENT,
    PLAN,
    SHOW_PHI,
    options_of,
    patient_of,
    with_options,
)
from lymphorisk.cli.output import message, record, working, write_whole


@click.command()
@EXPORT
@with_options(PATIENT, PLAN, BLOOD, FORECAST)
@click.option("--what-if", "what_if", multiple=True, metavar="CHANGE", help="Spleen-5Gy, LN=0Gy, fractions=15.")
@click.option(
    "--report", type=click.Path(dir_okay=False, path_type=Path), help="Write the report: one HTML file, or a .pdf."
)
@click.option("--shap-plots", is_flag=True, help="Waterfall and beeswarm drawn by shap in the HTML report.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the JSON result to a file as well.")
@click.option(
    "--audit", type=click.Path(file_okay=False, path_type=Path), help="Append to the audit trail of a folder."
)
@with_options(ARCHIVE)
@JSON
@SHOW_PHI
def analyze(
    export: Path,
    report: Path | None,
    out: Path | None,
    audit: Path | None,
    dicom_pdf: Path | None,
    sr: Path | None,
    dated: datetime | None,
    as_json: bool,
    show_phi: bool,
    **given: Any,
) -> None:
    """Organ doses, blood dose, lymphocyte forecast and risk of a plan, with reasons.

    EXPORT is a folder a planning system exported (searched through), a zip, or a scenario TOML.
    """
    if given["shap_plots"] and (report is None or report.suffix.lower() == ".pdf"):
        raise click.UsageError("--shap-plots needs --report with an HTML file to draw into")
    with working("analysing"):
        from lymphorisk.analysis import analyze as run
        from lymphorisk.analysis.source import read_source
        from lymphorisk.dicom import Export
        from lymphorisk.report import json_, text
        from lymphorisk.report.document import document

        options = options_of(given)
        read = read_source(export, options)
        result = run(read, patient_of(given), options)
    identity = (read.phi.name, read.phi.id) if show_phi and isinstance(read, Export) else None
    if report is not None:
        write_whole(report, document(report, result, identity=identity, written=stamp(dated)))
        message(f"report: {report}")
    archive(read, result, dicom_pdf=dicom_pdf, sr=sr, dated=dated, identity=identity)
    if out is not None:
        write_whole(out, json_.render(result, identity=identity))
    written = json_.render(result, identity=identity) if as_json else text.render(result, identity=identity)
    if audit is not None:
        record(audit, "analyze", result, written, {})
    click.echo(written, nl=False)
