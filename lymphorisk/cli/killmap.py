"""`lymphorisk killmap`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from lymphorisk.cli.archive import DATED
from lymphorisk.cli.clinicfile import named
from lymphorisk.cli.options import BLOOD, EXPORT, PATIENT, PLAN, options_of, patient_of, with_options
from lymphorisk.cli.output import SAFETY, finish, outputs_of, say, working
from lymphorisk.report.archived import made_at


@click.command()
@EXPORT
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The RTDOSE to write.")
@click.option("--phase", type=click.IntRange(min=1), default=1, show_default=True, help="Which phase of the course.")
@click.option("--survival", default="combined", show_default=True, help="Lymphocyte survival model.")
@with_options(PATIENT, PLAN, BLOOD, (DATED,), SAFETY)
def killmap(export: Path, out: Path, phase: int, survival: str, dated: datetime | None, **given: Any) -> None:
    """Where a gray costs lymphocytes, as an RTDOSE in the plan's frame of reference.

    Its values are lymphocytes lost, per million of the body's, for one gray more in one cm3 in one
    fraction. The units are RELATIVE: it is a map, not a dose.
    """
    outputs = outputs_of(given, export)
    outputs.expect(out, "kill map")
    with working("solving"):
        from dataclasses import replace

        from lymphorisk.analysis.killmap import COMMENT
        from lymphorisk.analysis.killmap import killmap as run
        from lymphorisk.analysis.source import read_source
        from lymphorisk.dicom import Export
        from lymphorisk.dicom.study import encoded, made_with, study_of
        from lymphorisk.dicom.write_dose import dose_dataset
        from lymphorisk.report import clinic

        options = replace(options_of(given), survival=survival)
        read = read_source(export, options)
        made = run(read, patient_of(given), options, phase - 1)
        assert isinstance(read, Export)
        made_on = made_at(dated)
        seed = f"kill map {made.phase} {read.inputs[0].sha256} {' '.join(made_on)}"
        ds = dose_dataset(
            made.grid,
            replace(study_of(read, seed, made=made_on), series="Lymphocyte kill map (no dose)"),
            plan_uid=next(iter(read.plan.uids.get("RTPLAN", ())), ""),
            ion=made.ion,
            units="RELATIVE",
            comment=COMMENT,
            bits=16,
            position=read.plan.patient_position or "HFS",
        )
        content = encoded(made_with(ds, clinic.said(named())))
    with outputs:
        outputs.add(out, content)
        finish(outputs, **{str(out): "kill map"})
    top = float(made.grid.dose_zyx.max())
    killed = f"one of {made.fractions} fractions kills {100 * made.lost:.2f} % of the body's lymphocytes"
    say(f"phase {made.phase!r}: {killed}; one gray more in one cm3 costs up to {top:.3g} per million")
