"""The keys of a regimen file: those of a scenario, the laboratory values, and more facts of the patient."""

from __future__ import annotations

from typing import Annotated

import msgspec

from lymphorisk.scenario.schema import Conditioning, EmitterTable, Organ, PatientTable, Plan, Table
from lymphorisk.tomlfile import number


class RegimenPatient(PatientTable, frozen=True):
    """``[patient]`` of a regimen: kidney, body surface and white count beside what every patient has."""

    egfr_ml_min: Annotated[float, number("egfr_ml_min")] | None = None
    creatinine_mg_dl: Annotated[float, number("creatinine_mg_dl")] | None = None
    bsa_m2: Annotated[float, number("bsa_m2")] | None = None
    wbc: Annotated[float, number("wbc")] | None = None


class LabsTable(Table, frozen=True):
    """``[labs]``: laboratory values before lymphodepletion, each key with its unit."""

    platelets_10e9_l: float | None = None
    anc_per_ul: float | None = None
    anc_10e9_l: float | None = None
    hb_g_dl: float | None = None
    hb_g_l: float | None = None
    crp_mg_dl: float | None = None
    crp_mg_l: float | None = None
    ferritin_ng_ml: float | None = None
    ferritin_ug_l: float | None = None


class RegimenTables(Table, frozen=True):
    """A whole regimen file."""

    conditioning: Conditioning
    plan: Plan | None = None
    emitter: list[EmitterTable] = msgspec.field(default_factory=list)
    organs: dict[str, Organ] = msgspec.field(default_factory=dict)
    patient: RegimenPatient = RegimenPatient()
    labs: LabsTable | None = None
