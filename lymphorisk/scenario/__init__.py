"""A plan given by organ doses in a TOML file instead of DICOM, and patients in TOML."""

from __future__ import annotations

from lymphorisk.scenario.dose import from_cumulative
from lymphorisk.scenario.emitters import EmitterGiven
from lymphorisk.scenario.read import (
    EVERYWHERE,
    Scenario,
    patient_from,
    read_beside,
    read_patient,
    read_scenario,
    scenario_from,
)
from lymphorisk.scenario.said import Said
from lymphorisk.scenario.together import together

__all__ = [
    "EVERYWHERE",
    "EmitterGiven",
    "Said",
    "Scenario",
    "from_cumulative",
    "patient_from",
    "read_beside",
    "read_patient",
    "read_scenario",
    "scenario_from",
    "together",
]
