"""`lymphorisk objective`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lymphorisk.cli.archive import DATED
from lymphorisk.cli.clinicfile import named
from lymphorisk.cli.options import BLOOD, EXPORT, JSON, PATIENT, PLAN, options_of, patient_of, with_options
from lymphorisk.cli.output import SAFETY, emit, finish, outputs_of, working
from lymphorisk.errors import ScenarioError
from lymphorisk.report.archived import made_at

if TYPE_CHECKING:
    from lymphorisk.dicom import Export
    from lymphorisk.objective import LymphocyteLoss
    from lymphorisk.objective.avoid import Isopleth
    from lymphorisk.report.objective import Said

#: What the RTSTRUCT says of itself.
SAYS = "Where a gray costs most lymphocytes; no organs. Carries the identity of the patient."
FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@EXPORT
@click.option("--structures", type=FILE, help="Write avoidance structures, as an RTSTRUCT.")
@click.option("--phase", type=click.IntRange(min=1), default=1, show_default=True, help="Phase of the structures.")
@click.option("--goals", type=FILE, help="Write gEUD goals, as a protocol (.toml) or a ClearPlan sheet (.csv).")
@click.option(
    "--less",
    type=click.FloatRange(0.0, 1.0, min_open=True, max_open=True),
    default=0.1,
    show_default=True,
    help="Share of the plan's gEUD that a goal asks to take away.",
)
@click.option("--survival", default="combined", show_default=True, help="Lymphocyte survival model.")
@with_options(PATIENT, PLAN, BLOOD, (DATED,), SAFETY)
@JSON
def objective(
    export: Path,
    structures: Path | None,
    phase: int,
    goals: Path | None,
    less: float,
    survival: str,
    dated: datetime | None,
    as_json: bool,
    **given: Any,
) -> None:
    """What a gray costs lymphocytes, by organ; the same for planning systems that take no code.

    The loss is -ln of the typical patient's lowest count over his baseline. The RTSTRUCT joins the study
    of the plan and carries who the patient is.
    """
    outputs = outputs_of(given, export)
    outputs.expect(structures, "avoidance")
    outputs.expect(goals, "protocol")
    if goals is not None and goals.suffix.lower() not in (".toml", ".csv"):
        raise ScenarioError("--goals names neither a TOML nor a CSV file", "end its name in .toml or .csv")
    with working("solving"):
        from dataclasses import replace

        from lymphorisk.analysis.source import read_source
        from lymphorisk.dicom import Export
        from lymphorisk.objective import LymphocyteLoss
        from lymphorisk.objective.avoid import avoidance, one_of
        from lymphorisk.objective.goals import goals_of, one_distribution
        from lymphorisk.plain import dumps
        from lymphorisk.report import clinic
        from lymphorisk.report import objective as written

        options = replace(options_of(given), survival=survival)
        read = read_source(export, options)
        if not isinstance(read, Export):
            raise ScenarioError("a scenario has no voxels to take a derivative by", "give an export")
        one_of(phase - 1, len(read.plan.phases))
        if goals is not None:
            one_distribution(len(read.plan.phases))
        patient, from_file = patient_of(given), named()
        loss = LymphocyteLoss(read, patient, options)
        said = written.Said(
            loss.value(loss.dose),
            loss.weights(),
            () if goals is None else goals_of(loss, less),
            () if structures is None else avoidance(loss, phase=phase - 1),
            loss.plan.findings,
        )
        made: dict[Path, str | bytes] = {}
        if structures is not None:
            made[structures] = _structures(said.structures, read, made_at(dated), clinic.said(from_file))
        if goals is not None:
            made[goals] = _protocol(said, loss, less, goals.suffix.lower())
    with outputs:
        for path, content in made.items():
            outputs.add(path, content)
        finish(outputs, **{str(path): "objective" for path in made})
    if as_json:
        emit(dumps(clinic.in_json(written.to_dict(said), from_file)))
    else:
        emit(clinic.in_text(written.text(said), from_file))


def _structures(drawn: Sequence[Isopleth], read: Export, made_on: tuple[str, str], settings: str) -> bytes:
    from dataclasses import replace

    from lymphorisk.dicom.study import encoded, made_with, study_of
    from lymphorisk.dicom.write_structures import structures_dataset

    seed = f"avoidance structures {' '.join(i.sha256 for i in read.inputs)} {' '.join(made_on)}"
    study = replace(study_of(read, seed, made=made_on), structure_uid="", series="Lymphocytes: structures to avoid")
    frames = [s.frame_of_reference for s in read.plan.structures if s.frame_of_reference]
    if frames and not any(p.dose is not None and p.dose.frame_of_reference for p in read.plan.phases):
        study = replace(study, frame_uid=frames[0])
    ds = structures_dataset([s.structure for s in drawn], study.filled())
    ds.StructureSetDescription = SAYS
    return encoded(made_with(ds, settings))


def _protocol(said: Said, loss: LymphocyteLoss, less: float, form: str) -> str:
    from lymphorisk.plan import Structure
    from lymphorisk.qa import clearplan, toml_protocol
    from lymphorisk.qa.spared import protocol_of

    regions = {name: match.region for name, match in loss.plan.curves.matching.organs.items()}
    rois: Mapping[str, str] = {name: r.name for name, r in regions.items() if isinstance(r, Structure)}
    protocol = protocol_of(said.goals, less, rois)
    return toml_protocol.dumps(protocol) if form == ".toml" else clearplan.dumps(protocol)
