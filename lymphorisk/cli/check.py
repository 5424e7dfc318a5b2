"""`lymphorisk check`."""

from __future__ import annotations

import traceback
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lymphorisk.cli.archive import ARCHIVE, AUDIT, Archive
from lymphorisk.cli.clinicfile import by_site
from lymphorisk.cli.options import BLOOD, FORECAST, PATIENT, PLAN, options_of, patient_of, with_options
from lymphorisk.cli.output import SAFETY, Audit, Debug, emit, finish, message, outputs_of, working
from lymphorisk.cli.reporting import report_option
from lymphorisk.cli.typed import ExportPath
from lymphorisk.errors import InputError, LymphoriskError
from lymphorisk.outputs.kinds import report_kind
from lymphorisk.report.archived import stamp

if TYPE_CHECKING:
    from lymphorisk.dicom import Export
    from lymphorisk.findings import Finding
    from lymphorisk.qa.judge import Judged
    from lymphorisk.report.gate import Unread
    from lymphorisk.scenario import Scenario

#: Of several plans the exit code that needs a person most: a fault of the program, an input that cannot be read, a plan
#: that fails, a plan nobody could judge.
WORST = (70, 3, 1, 4, 0)
INTERNAL = "check this plan alone with --debug and report the traceback"


@click.command()
@click.argument("exports", nargs=-1, required=True, type=ExportPath(later=True), metavar="EXPORT|RESULT.json...")
@click.option(
    "--protocol",
    required=True,
    metavar="NAME|FILE|auto",
    help="Shipped starter, .toml, .csv or .json; auto takes the starter of the site the dose says.",
)
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
@click.option("--exit-zero", is_flag=True, help="A failure leaves with 0; what nobody could judge still leaves with 4.")
@report_option("Write the report with the protocol table: .html or .pdf.")
@with_options(AUDIT, ARCHIVE)
@click.option("--show-phi", is_flag=True, help="Add the patient's name and ID to the report.")
@with_options(PATIENT, PLAN, BLOOD, FORECAST, SAFETY)
def check(
    exports: tuple[Path | str, ...],
    form: str,
    as_json: bool,
    **given: Any,
) -> int:
    """The pre-treatment gate: every line of a protocol PASS, VARIATION, FAIL, MISSING or UNDECIDED.

    EXPORT as for `analyze`, or the saved JSON of an analysis (then nothing is computed again); several are judged one
    by one. Leaves with 0 when the plan passes, 1 when a line fails, 4 when no verdict can rest on what was decided, 3
    when an input cannot be used; of several plans the worst. Missing data never leaves with 0.
    """
    form = "json" if as_json else form
    try:
        return _check(exports, form, given)
    except LymphoriskError as error:
        if form != "text" and not isinstance(error, SaidError):
            emit(_written([_unread(path, error) for path in exports], form, error.exit_code))
        raise


class SaidError(LymphoriskError):
    """An error that stands in the output already."""

    def __init__(self, error: LymphoriskError) -> None:
        super().__init__(error.message, error.hint)
        self.exit_code = error.exit_code


def _check(exports: tuple[Path | str, ...], form: str, given: dict[str, Any]) -> int:
    protocol = given["protocol"]
    report, dicom_pdf, sr, dated = (given[k] for k in ("report", "dicom_pdf", "sr", "dated"))
    if len(exports) > 1 and (report or dicom_pdf or sr):
        raise click.UsageError("reports are of one plan: check the plans one by one")
    outputs = outputs_of(
        given,
        *(p for p in exports if isinstance(p, Path) and p.exists()),
        protocol if Path(protocol).is_file() else None,
    )
    outputs.expect(report, report_kind(report) if report else "page")
    archive = Archive(outputs, dicom_pdf, sr, dated)
    trail = Audit(given["audit"], given["audit_key"], outputs)
    from lymphorisk.qa.judge import Judged

    judged: list[Judged | Unread] = []
    with working("checking"):
        for path in exports:
            try:
                judged.append(_judge(path, protocol, given, trail.findings))
            except LymphoriskError as error:
                unread = _unread(path, error)
                if len(exports) == 1:
                    emit(_written([unread], form, error.exit_code) if form != "text" or error.exit_code == 4 else "")
                    raise SaidError(error) from error
                judged.append(unread)
                message(f"error: {unread.name}: {error.message}")
            except Exception as error:
                unread = _unread(path, LymphoriskError(f"internal error: {type(error).__name__}", INTERNAL))
                if len(exports) == 1:
                    emit(_written([unread], form, unread.exit_code) if form != "text" else "")
                    raise
                if Debug.on:
                    message(traceback.format_exc())
                judged.append(unread)
                message(f"error: {unread.name}: {unread.message}")
    codes = [j.exit_code for j in judged]
    code = next(c for c in WORST if c in codes)
    written = _written(judged, form, code)
    with outputs:
        for one in judged:
            if isinstance(one, Judged):
                _reports(one, outputs, archive, report, dated, given["show_phi"])
        finish(outputs, **{str(report): "report", **archive.names})
    for one in judged:
        if isinstance(one, Judged):
            trail.record("check", one.provenance, written, _trail_entry(one))
    emit(written)
    return code


def _judge(path: Path | str, protocol: str, given: dict[str, Any], noted: list[Finding]) -> Judged:
    from lymphorisk.qa.judge import is_saved, judge

    if isinstance(path, Path) and is_saved(path) and (given["report"] or given["dicom_pdf"] or given["sr"]):
        raise InputError("a saved result holds too little for a report", "check the export, or leave reports out")
    asked = {"strict": given["strict"], "exit_zero": given["exit_zero"]}
    pictured = bool(given["report"] or given["dicom_pdf"])
    options = replace(options_of(given), pictures=pictured)
    return judge(path, protocol, patient_of(given), options, noted=noted, by_site=by_site(), **asked)


def _trail_entry(one: Judged) -> dict[str, Any]:
    from lymphorisk.qa.store import protocol_hash

    r = one.result
    return {
        "verdict": r.verdict,
        "exit_code": one.exit_code,
        "decided": f"{r.decided} of {len(r.judged)}",
        "protocol": r.protocol.name,
        "protocol_sha256": protocol_hash(r.protocol),
    }


def _unread(path: Path | str, error: LymphoriskError) -> Unread:
    from lymphorisk.dicom.web import name_of
    from lymphorisk.report.gate import Unread

    return Unread(name_of(path), error.message, error.hint, error.exit_code)


def _written(judged: list[Judged | Unread] | list[Unread], form: str, code: int) -> str:
    """All plans in the form that was asked for."""
    from lymphorisk.plain import dumps
    from lymphorisk.report import gate
    from lymphorisk.version import __version__

    suites = [one if isinstance(one, gate.Unread) else (one.result, one.exit_code) for one in judged]
    if form == "junit":
        return gate.junit(suites)
    if form == "sarif":
        return dumps(gate.sarif(suites, __version__))
    if form == "json":
        plans = [
            gate.unread_dict(one)
            if isinstance(one, gate.Unread)
            else gate.to_dict(one.result, one.why, exit_code=one.exit_code)
            for one in judged
        ]
        return dumps(plans[0] if len(plans) == 1 else {"schema": gate.SCHEMA, "exit_code": code, "plans": plans})
    texts = [
        gate.unread_text(one) if isinstance(one, gate.Unread) else gate.text(one.result, one.why) for one in judged
    ]
    return "\n".join(texts)


def _reports(
    one: Judged, outputs: Any, archive: Archive, report: Path | None, dated: datetime | None, show_phi: bool
) -> None:
    if one.analysis is None or one.read is None:
        return
    from lymphorisk.report import content, formats, gate

    table = gate.protocol_table(one.result)
    identity = identity_of(one.read) if show_phi else None
    if report is not None:
        made = content.report(one.analysis, identity, protocol=table, written=stamp(dated))
        outputs.add(report, formats.written(report, made))
    archive.add(one.read, one.analysis, identity=identity, protocol=table, texts=gate.sentences(one.result))


def identity_of(read: Export | Scenario) -> tuple[str, str] | None:
    """Name and ID of the patient of an export."""
    from lymphorisk.dicom import Export

    return (read.phi.name, read.phi.id) if isinstance(read, Export) else None
