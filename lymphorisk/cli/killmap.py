"""`lymphorisk killmap`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lymphorisk.cli.options import BLOOD, EXPORT, PATIENT, PLAN, options_of, patient_of, with_options
from lymphorisk.cli.output import message, working, write_whole


@click.command()
@EXPORT
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The RTDOSE to write.")
@click.option("--phase", type=click.IntRange(min=1), default=1, show_default=True, help="Which phase of the course.")
@click.option("--survival", default="combined", show_default=True, help="Lymphocyte survival model.")
@with_options(PATIENT, PLAN, BLOOD)
def killmap(export: Path, out: Path, phase: int, survival: str, **given: Any) -> None:
    """Where a gray costs lymphocytes, as an RTDOSE in the plan's frame of reference.

    Its values are lymphocytes lost, per million of the body's, for one gray more in one cm3 in one
    fraction. The units are RELATIVE: it is a map, not a dose.
    """
    with working("solving"):
        import tempfile
        from dataclasses import replace

        from lymphorisk.analysis.killmap import COMMENT
        from lymphorisk.analysis.killmap import killmap as run
        from lymphorisk.analysis.source import read_source
        from lymphorisk.dicom import Export
        from lymphorisk.dicom.study import study_of
        from lymphorisk.dicom.write_dose import write_dose

        options = replace(options_of(given), survival=survival)
        read = read_source(export, options)
        made = run(read, patient_of(given), options, phase - 1)
        assert isinstance(read, Export)
        with tempfile.TemporaryDirectory() as folder:
            written = write_dose(
                Path(folder) / "map.dcm",
                made.grid,
                study_of(read, f"kill map {made.phase} {read.inputs[0].sha256}"),
                plan_uid=next(iter(read.plan.uids.get("RTPLAN", ())), ""),
                ion=made.ion,
                units="RELATIVE",
                comment=COMMENT,
                bits=16,
                position=read.plan.patient_position or "HFS",
            )
            content = written.read_bytes()
    write_whole(out, content)
    message(f"kill map: {out}")
    top = float(made.grid.dose_zyx.max())
    killed = f"one of {made.fractions} fractions kills {100 * made.lost:.2f} % of the body's lymphocytes"
    click.echo(f"phase {made.phase!r}: {killed}; one gray more in one cm3 costs up to {top:.3g} per million")
