"""From an exported plan or a scenario to what the lymphocytes meet: the analysis up to the forecast, no further."""

from __future__ import annotations

from pathlib import Path

from lymphorisk.analysis.blood import circulation
from lymphorisk.analysis.chain import blood_dose_of, body_numbers, exposure_of, known_patient
from lymphorisk.analysis.doses import organ_doses
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.source import open_source
from lymphorisk.plan import Patient
from lymphorisk.regimen.exposure import PlanExposure
from lymphorisk.scenario import Scenario

DEFAULT_NETWORK = "32"


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
    options = options or Options()
    course = open_source(source, options)
    who, _ = known_patient(patient or Patient(), course.patient)
    compartments = options.network or course.network or DEFAULT_NETWORK
    doses = organ_doses(course, options, compartments, body_numbers(who))
    flow = circulation(course, doses, who, options, compartments)
    blood = blood_dose_of(flow, course, options)
    exposure = exposure_of(flow, doses, blood, who)
    found = (*course.findings, *doses.findings, *flow.findings, *blood.findings)
    return PlanExposure(
        course.plan.label or "plan", exposure.phases, tuple(dict.fromkeys(found)), course.inputs, course.patient
    )
