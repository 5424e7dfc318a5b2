"""`lymphorisk demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lymphorisk.cli.options import with_options
from lymphorisk.cli.output import SAFETY, emit, message, outputs_of, working
from lymphorisk.cli.reporting import report_option
from lymphorisk.errors import InputError
from lymphorisk.outputs.kinds import report_kind

CASE = "pancreas"
#: Sites of the built-in plans, for the published models; the others say their site themselves or have none.
SITES = {
    "breast_tangents": "breast",
    "esophagus_photon": "esophagus",
    "esophagus_proton": "esophagus",
    "large_volume_low_dose": "lymphoma",
    "tbi": "whole_body",
    "two_phase": "pelvis",
}
#: The made-up patient of the built-in plans: age [y] and count [10^9/L].
AGE, ALC = 61.0, 1.4
NEXT = """
Next: lymphorisk inspect EXPORT      what your export holds and which ROI is which organ
      lymphorisk analyze EXPORT --alc 1.4 --sex F --age 61 --site pancreas --report report.html
"""


def fixtures() -> Path | None:
    """Folder of the built-in plans: inside an installed package, else in a checkout."""
    here = Path(__file__).parent.parent
    for folder in (here / "_fixtures" / "rtplans", here.parent / "fixtures" / "rtplans"):
        if folder.is_dir():
            return folder
    return None


def demo_plan(case: str = CASE) -> Path | None:
    """Folder of a built-in plan."""
    folder = fixtures()
    path = None if folder is None else folder / case
    return path if path is not None and path.is_dir() else None


@click.command()
@click.option("--case", default=CASE, show_default=True, help="Built-in plan.")
@report_option("Write the report: one HTML file, or a .pdf.")
@with_options(SAFETY)
def demo(case: str, report: Path | None, **given: Any) -> None:
    """Analyse a built-in plan: first success without data."""
    path = demo_plan(case)
    if path is None:
        folder = fixtures()
        known = sorted(p.name for p in folder.iterdir() if p.is_dir()) if folder else []
        raise InputError(f"no built-in plan {case!r}", f"there are: {', '.join(known) or 'none'}")
    outputs = outputs_of(given, path)
    outputs.expect(report, report_kind(report) if report else "page")
    with working("analysing the built-in plan"):
        from lymphorisk.analysis import Options, analyze
        from lymphorisk.plan import Patient
        from lymphorisk.report import content, formats, text

        who = Patient(age_y=AGE, alc=ALC, site=SITES.get(case, case), chemo="none")
        result = analyze(path, who, Options(pictures=report is not None))
    with outputs:
        if report is not None:
            outputs.add(report, formats.written(report, content.report(result)))
        written = text.render(result)
        outputs.commit()
    emit(written)
    message(NEXT)
    if report is not None:
        message(f"The report is {report.resolve()}")
