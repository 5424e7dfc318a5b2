"""`lymphorisk analyze`."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lymphorisk.cli.archive import ARCHIVE, AUDIT, Archive
from lymphorisk.cli.options import (
    BLOOD,
    EXPORTS,
    FORECAST,
    JSON,
    PATIENT,
    PLAN,
    SHOW_PHI,
    course_of,
    options_of,
    patient_of,
    with_options,
)
from lymphorisk.cli.output import SAFETY, Audit, emit, finish, outputs_of, working
from lymphorisk.cli.reporting import INTERACTIVE, page_wanted, report_option
from lymphorisk.errors import InputError
from lymphorisk.outputs.kinds import report_kind
from lymphorisk.report.archived import stamp

if TYPE_CHECKING:
    from lymphorisk.analysis import Analysis
    from lymphorisk.analysis.curves import Curves
    from lymphorisk.dicom import Export
    from lymphorisk.scenario import Scenario


@click.command()
@EXPORTS
@with_options(PATIENT, PLAN, BLOOD, FORECAST)
@click.option(
    "--what-if",
    "what_if",
    multiple=True,
    metavar="CHANGE",
    help="Spleen-5Gy, LN=0Gy, fractions=15, schedule=3x8, isoeffect=5 (the same BED), schedules=NAME, "
    "imaging=10mGy (at every fraction), break=14@10 (days after a fraction), stop=12, flash, dose-rate=0.1Gy/s; "
    "repeat.",
)
@click.option(
    "--prices",
    is_flag=True,
    help="What each target, the nodes of a role, and the unevenness of the dose do to the count (some seconds more).",
)
@click.option("--technique", type=click.Choice(["flash"]), help="As delivered otherwise: a what-if by name.")
@report_option("Write the report: one HTML file, or a .pdf.")
@INTERACTIVE
@click.option("--curves", is_flag=True, help="Keep the DVHs in the JSON result, so that `check RESULT.json` can judge.")
@click.option("--curve", "more_curves", multiple=True, metavar="NAME", help="Keep one more, such as Lungs-GTV; repeat.")
@click.option("--shap-plots", is_flag=True, help="Waterfall and beeswarm drawn by shap in the HTML report.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the JSON result to a file as well.")
@click.option(
    "--trajectory",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the count over time as CSV, a row a day: course, measured count, fractions.",
)
@with_options(AUDIT, ARCHIVE, SAFETY)
@JSON
@SHOW_PHI
def analyze(
    exports: tuple[Path, ...],
    report: Path | None,
    interactive: bool,
    out: Path | None,
    trajectory: Path | None,
    audit: Path | None,
    audit_key: Path | None,
    dicom_pdf: Path | None,
    sr: Path | None,
    dated: datetime | None,
    as_json: bool,
    curves: bool,
    more_curves: tuple[str, ...],
    show_phi: bool,
    **given: Any,
) -> None:
    """Organ doses, blood dose, lymphocyte forecast and risk of a plan, with reasons.

    EXPORT is a folder a planning system exported (searched through), a zip, a scenario TOML, or a study of a server:
    dicomweb:URL/studies/UID. Several of them hold the plans of one course: see --deliver.
    """
    if (technique := given.pop("technique")) is not None:
        given["what_if"] = (*given["what_if"], technique)
    export = course_of(exports, given)
    if given["shap_plots"] and (report is None or report.suffix.lower() == ".pdf"):
        raise click.UsageError("--shap-plots needs --report with an HTML file to draw into")
    if interactive:
        page_wanted(report, "--interactive")
    outputs = outputs_of(given, *exports)
    outputs.expect(report, report_kind(report) if report else "page")
    outputs.expect(out, "analyze")
    outputs.expect(trajectory, "trajectory")
    archive = Archive(outputs, dicom_pdf, sr, dated)
    trail = Audit(audit, audit_key, outputs)
    with working("analysing"):
        from lymphorisk.analysis.chain import analysis_of
        from lymphorisk.analysis.envelope import provenance_of, render
        from lymphorisk.analysis.prepared import prepare
        from lymphorisk.analysis.source import read_source
        from lymphorisk.dicom import Export
        from lymphorisk.report import content, formats, text
        from lymphorisk.report import trajectory as over_time

        options = replace(options_of(given), pictures=report is not None or dicom_pdf is not None)
        read = read_source(export, options)
        prepared = prepare(read, patient_of(given), options)
        result = analysis_of(prepared)
        kept = _curves(prepared.curves, read, result, more_curves) if curves or more_curves else None
    identity = (read.phi.name, read.phi.id) if show_phi and isinstance(read, Export) else None
    with outputs:
        if report is not None:
            made = content.report(result, identity, written=stamp(dated))
            outputs.add(report, formats.written(report, made, interactive=interactive))
        archive.add(read, result, identity=identity)
        saved = render(result, identity=identity, curves=kept) if out is not None or as_json else ""
        if out is not None:
            outputs.add(out, saved)
        if trajectory is not None:
            outputs.add(trajectory, over_time.to_csv(result))
        written = saved if as_json else text.render(result, identity=identity)
        finish(outputs, **{str(report): "report", str(out): "result", str(trajectory): "trajectory", **archive.names})
    trail.record("analyze", provenance_of(result), written, {})
    emit(written)


def _curves(curves: Curves, read: Export | Scenario, result: Analysis, more: tuple[str, ...]) -> dict[str, Any]:
    """Every curve a protocol may ask for, by name, and the site the dose says.

    Structures, organs, kinds of targets, what the starter of that site asks for, and those named.
    """
    from lymphorisk.analysis.saved import curve_to_dict
    from lymphorisk.analysis.site import site_of
    from lymphorisk.dicom import Export
    from lymphorisk.dvh import DVH
    from lymphorisk.qa.store import read_protocol

    site = site_of(curves.dvh)
    lines = read_protocol(site.name).lines if site.name else ()
    starter = [n for line in lines if line.structure for n in (line.structure, *line.aliases)]
    drawn = [s.name for s in read.plan.structures] if isinstance(read, Export) else []
    names = dict.fromkeys([*drawn, *result.organs, *(t.tg263 for t in result.targets), *starter, *more])
    out: dict[str, Any] = {}
    for name in names:
        try:
            curve = curves.dvh(name)
        except InputError:  # structures of a joined name that do not meet
            if name in more:
                raise
            continue
        if isinstance(curve, DVH):
            out[name] = curve_to_dict(name, curve)
        elif curve.kind == "outside grid":
            out[name] = {"name": name, "outside_grid": curve.reason}
    return {"highest_gy": curves.highest_gy, "site": {"name": site.name, "why": site.why}, "structures": out}
