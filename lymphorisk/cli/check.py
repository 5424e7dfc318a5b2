"""`lymphorisk check`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lymphorisk.cli.archive import ARCHIVE, archive, stamp
from lymphorisk.cli.options import BLOOD, EXPORT, FORECAST, PATIENT, PLAN, options_of, patient_of, with_options
from lymphorisk.cli.output import message, record, working, write_whole

if TYPE_CHECKING:
    from lymphorisk.dicom import Export
    from lymphorisk.scenario import Scenario


@click.command()
@EXPORT
@click.option("--protocol", required=True, metavar="NAME|FILE", help="Shipped starter, .toml, .csv or .json.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "junit", "sarif"]),
    default="text",
    show_default=True,
    help="What goes to stdout.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--strict", is_flag=True, help="A variation fails, and so does anything accepted or missing.")
@click.option("--exit-zero", is_flag=True, help="Leave with 0 unless a line is missing or undecided.")
@click.option(
    "--report", type=click.Path(dir_okay=False, path_type=Path), help="Write the report with the protocol table."
)
@click.option(
    "--audit", type=click.Path(file_okay=False, path_type=Path), help="Append to the audit trail of a folder."
)
@with_options(ARCHIVE)
@click.option("--show-phi", is_flag=True, help="Add the patient's name and ID to the report.")
@with_options(PATIENT, PLAN, BLOOD, FORECAST)
def check(
    export: Path,
    protocol: str,
    form: str,
    as_json: bool,
    strict: bool,
    exit_zero: bool,
    report: Path | None,
    audit: Path | None,
    dicom_pdf: Path | None,
    sr: Path | None,
    dated: datetime | None,
    show_phi: bool,
    **given: Any,
) -> int:
    """The pre-treatment gate: every line of a protocol PASS, VARIATION, FAIL, MISSING or UNDECIDED.

    Leaves with 0 when the plan passes, 1 when a line fails, 4 when a required line cannot be decided.
    Missing data never leaves with 0.
    """
    with working("checking"):
        from lymphorisk.analysis.chain import analysis_of
        from lymphorisk.analysis.prepared import prepare
        from lymphorisk.analysis.source import read_source
        from lymphorisk.qa.check import check as run
        from lymphorisk.qa.store import read_protocol
        from lymphorisk.report import gate
        from lymphorisk.report.json_ import dumps
        from lymphorisk.version import __version__

        wanted = read_protocol(protocol)
        options = options_of(given)
        read = read_source(export, options)
        plan = prepare(read, patient_of(given), options)
        analysis, curves = analysis_of(plan), plan.curves
        result = run(
            analysis,
            wanted,
            curves.dvh,
            strict=strict,
            highest_gy=curves.highest_gy,
            noticed=curves.findings_of,
        )
    written = {
        "text": lambda: gate.text(result),
        "json": lambda: dumps(gate.to_dict(result)),
        "junit": lambda: gate.junit(result),
        "sarif": lambda: dumps(gate.sarif(result, __version__)),
    }["json" if as_json else form]()
    table = gate.protocol_table(result)
    identity = identity_of(read) if show_phi else None
    if report is not None:
        from lymphorisk.report.document import document

        write_whole(report, document(report, analysis, identity=identity, protocol=table, written=stamp(dated)))
        message(f"report: {report}")
    archive(read, analysis, dicom_pdf=dicom_pdf, sr=sr, dated=dated, identity=identity, protocol=table)
    if audit is not None:
        record(
            audit,
            "check",
            analysis,
            written,
            {"verdict": result.verdict, "protocol": wanted.name},
        )
    click.echo(written, nl=False)
    return result.leaving(exit_zero)


def identity_of(read: Export | Scenario) -> tuple[str, str] | None:
    """Name and ID of the patient of an export."""
    from lymphorisk.dicom import Export

    return (read.phi.name, read.phi.id) if isinstance(read, Export) else None
