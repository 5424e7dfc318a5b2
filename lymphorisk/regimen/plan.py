"""From an exported plan or a scenario to what the lymphocytes meet: the analysis up to the forecast, no further."""

from __future__ import annotations

from pathlib import Path

from lymphorisk.analysis.emitters import emitter_findings
from lymphorisk.analysis.exposure import blood_dose_of, exposure_of
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.prepared import prepare
from lymphorisk.plan import Patient
from lymphorisk.plan.emitter import BLOOD
from lymphorisk.regimen.exposure import PlanExposure, Residue
from lymphorisk.scenario import Scenario


def plan_exposure(
    source: Path | Scenario, patient: Patient | None = None, options: Options | None = None
) -> PlanExposure:
    """Doses of a plan to blood and pools, fraction by fraction.

    Parameters
    ----------
    source : Path or Scenario
        Folder or zip of an export, scenario TOML, or a scenario already read.
    patient : Patient, optional
        Wins over what the files say; sex and size choose the blood network.

    Raises
    ------
    InputError
        A file that cannot be used.
    """
    plan = prepare(source, patient, options)
    blood = blood_dose_of(plan)
    course = plan.source
    return PlanExposure(
        course.plan.label or "plan",
        exposure_of(plan, blood).phases,
        tuple(
            dict.fromkeys((*plan.findings, *blood.findings, *emitter_findings(course.plan.phases, plan.doses.organs)))
        ),
        course.inputs,
        course.patient,
        tuple(
            Residue(s.days, b.mean_gy, s.emitter.half_life(BLOOD))
            for s, b in zip(plan.flow.summaries, blood.fraction, strict=True)
            if s.emitter is not None
        ),
    )
