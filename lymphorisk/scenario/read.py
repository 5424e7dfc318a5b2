"""Read a scenario: a plan given by organ doses in a TOML file instead of DICOM.

::

    [plan]
    modality = "photon"
    fractions = 30
    schedule = "weekdays"            # weekdays | daily | bid; or days = [0, 1, ...]; or times_h = [0, 6, ...]
    beam_on_s = [20, 20, 20, 20]     # one fraction, per beam
    beam_start_s = [10, 40, 70, 100] # optional
    [organs.Lungs]
    mean_gy = 14.25                  # whole course; or dvh_dose_gy and dvh_volume (cumulative, shares of one)
    [patient]
    sex = "F"

Organ names are kept as typed: `organs` knows what they mean. ``"*"`` gives every organ that dose, ``Body``
is the dose of the body. What is neither listed nor covered by them gets no dose.
Several phases are ``[[plan.phase]]`` tables, each with its own ``organs`` or a share of the common ones
by its number of fractions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from lymphorisk.dvh import DoseDistribution
from lymphorisk.errors import ScenarioError
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.frozen import FrozenDict
from lymphorisk.plan import Patient, Phase, steroid_of
from lymphorisk.plan.columns import columns_of
from lymphorisk.plan.subsets import subsets_of
from lymphorisk.scenario.dose import organ_dose
from lymphorisk.scenario.emitters import EmitterGiven
from lymphorisk.scenario.fields import content, known, number, parsed, table_of, text, whole
from lymphorisk.scenario.phases import PHASE_KEYS, last_day_of, phase_from, phase_tables
from lymphorisk.units import alc_from

PHYSICAL_DOSE = rule(
    "LR092",
    "info",
    "Dose taken as physical",
    "A scenario with protons or ions gives no RBE; its doses are taken as physical.",
)

EVERYWHERE = "*"
NETWORKS = ("28", "32")
TOP_KEYS = ("plan", "organs", "patient", "conditioning")
PLAN_KEYS = (*(key for key in PHASE_KEYS if key not in {"organs", "first_day"}), "network", "stages", "lanes", "phase")
PATIENT_KEYS = (
    "sex",
    "age",
    "height_cm",
    "weight_kg",
    "alc",
    "alc_unit",
    "lln",
    "site",
    "chemo",
    "steroid",
    "first_fraction",
    "neutrophils",
    "subsets",
    "columns",
)
STAGES_MAX = 16
LANES_MAX = 256


@dataclass(frozen=True, slots=True)
class Scenario:
    """A plan given by organ doses.

    Attributes
    ----------
    label : str
        Of the plan, else the file's name.
    phases : tuple of Phase
        Without dose grids.
    organ_doses : tuple of mapping of str to DoseDistribution
        For each phase the dose of the whole phase by organ name as typed; ``"*"`` is everything. [Gy]
    patient : Patient
    network : str or None
        ``28`` or ``32``; None lets the default apply.
    stages, lanes : int or None
        Of the circulation model; None lets the defaults apply.
    conditioning : mapping
        The ``[conditioning]`` table as written, with its ``drug`` tables.
    findings : tuple of Finding
    sha256 : str
        Of the file; empty when the scenario did not come from one.
    emitters : tuple of EmitterGiven
        Internal emitters on the same calendar.
    """

    label: str
    phases: tuple[Phase, ...]
    organ_doses: tuple[Mapping[str, DoseDistribution], ...]
    patient: Patient = field(default_factory=Patient)
    network: str | None = None
    stages: int | None = None
    lanes: int | None = None
    conditioning: Mapping[str, Any] = field(default_factory=lambda: FrozenDict({}))
    findings: tuple[Finding, ...] = ()
    sha256: str = ""
    emitters: tuple[EmitterGiven, ...] = ()

    @property
    def drugs(self) -> tuple[Mapping[str, Any], ...]:
        """The ``[[conditioning.drug]]`` tables as written."""
        return tuple(self.conditioning.get("drug", ()))


def read_scenario(path: str | Path) -> Scenario:
    """Read a scenario TOML.

    Raises
    ------
    ScenarioError
        Not TOML, an unknown key, a value of the wrong kind, a DVH that rises, days that do not fit the fractions.
    """
    path = Path(path)
    data = content(path)
    return replace(scenario_from(parsed(data, path.name), path.stem), sha256=hashlib.sha256(data).hexdigest())


def read_patient(path: str | Path) -> Patient:
    """Read a patient TOML: a ``[patient]`` table, or its keys alone.

    Raises
    ------
    ScenarioError
        Not TOML, an unknown key, an implausible value.
    """
    path = Path(path)
    table = parsed(content(path), path.name)
    return patient_from(table_of(table["patient"], "[patient]") if "patient" in table else table)


def scenario_from(table: Mapping[str, Any], label: str = "scenario") -> Scenario:
    """A scenario from its parsed TOML.

    Examples
    --------
    >>> s = scenario_from({"plan": {"fractions": 6}, "organs": {"*": {"mean_gy": 12.0}}})
    >>> s.phases[0].days, s.organ_doses[0]["*"].mean_gy
    ((0.0, 1.0, 2.0, 3.0, 4.0, 7.0), 12.0)
    """
    known(table, TOP_KEYS, "the scenario")
    if "plan" not in table:
        raise ScenarioError("the scenario has no [plan] table", "it needs at least `fractions`")
    plan = table_of(table["plan"], "[plan]")
    known(plan, PLAN_KEYS, "[plan]")
    tables = phase_tables(plan)
    phases: list[Phase] = []
    for place, phase in enumerate(tables, 1):
        phases.append(phase_from(phase, place, len(tables), last_day_of(phases)))
    common = _organs(table.get("organs", {}), "[organs")
    doses = tuple(_organ_doses(tables, phases, common))
    conditioning = table_of(table.get("conditioning", {}), "[conditioning]")
    return Scenario(
        label=text(plan, "label", "[plan]", default=label),
        phases=tuple(phases),
        organ_doses=doses,
        patient=patient_from(table_of(table.get("patient", {}), "[patient]")),
        network=_network(plan),
        stages=whole(plan, "stages", "[plan]", 1, STAGES_MAX),
        lanes=whole(plan, "lanes", "[plan]", 1, LANES_MAX),
        conditioning=FrozenDict(dict(conditioning)),
        findings=tuple(_findings(tables, phases)),
    )


def _network(plan: Mapping[str, Any]) -> str | None:
    value = plan.get("network")
    if value is None:
        return None
    if str(value) not in NETWORKS:
        raise ScenarioError(f"[plan]: network {value!r} is unknown", f"use one of {', '.join(NETWORKS)}")
    return str(value)


def _organs(value: Any, where: str) -> dict[str, DoseDistribution]:
    return {name: organ_dose(entry, f"{where}.{name}]") for name, entry in table_of(value, f"{where}]").items()}


def _organ_doses(
    tables: Sequence[Mapping[str, Any]], phases: Sequence[Phase], common: Mapping[str, DoseDistribution]
) -> list[Mapping[str, DoseDistribution]]:
    total = sum(phase.fractions for phase in phases)
    out: list[Mapping[str, DoseDistribution]] = []
    for place, (table, phase) in enumerate(zip(tables, phases, strict=True), 1):
        own = _organs(table.get("organs", {}), f"phase {place} [organs")
        shared = {name: d.scaled(phase.fractions / total) if len(phases) > 1 else d for name, d in common.items()}
        if own and shared:
            raise ScenarioError(
                f"phase {place} has organ doses, and so has the course", "give [organs] once, or in every phase"
            )
        out.append(FrozenDict(own or shared))
    if not any(out):
        raise ScenarioError("the scenario gives no organ dose", 'add [organs.NAME], or [organs."*"] for everything')
    return out


def patient_from(table: Mapping[str, Any]) -> Patient:
    """The patient of a parsed ``[patient]`` table."""
    where = "[patient]"
    known(table, PATIENT_KEYS, where)
    unit = text(table, "alc_unit", where, "10^9/L")
    alc, lln = number(table, "alc", where), number(table, "lln", where)

    def optional(key: str) -> str | None:
        return text(table, key, where, "") or None

    return Patient(
        sex=optional("sex"),
        age_y=number(table, "age", where),
        height_cm=number(table, "height_cm", where),
        weight_kg=number(table, "weight_kg", where),
        alc=None if alc is None else alc_from(alc, unit),
        lln=None if lln is None else alc_from(lln, unit),
        site=optional("site"),
        chemo=optional("chemo"),
        steroid=steroid_of(table.get("steroid"), first_fraction(table)),
        neutrophils=number(table, "neutrophils", where),
        subsets=subsets_of(table.get("subsets")),
        columns=columns_of(table_of(table["columns"], "[patient.columns]")) if "columns" in table else None,
    )


def first_fraction(table: Mapping[str, Any]) -> date | None:
    """The day of the first fraction, from which dates in the table count."""
    given = table.get("first_fraction")
    if isinstance(given, datetime):
        return given.date()
    if given is None or isinstance(given, date):
        return given
    try:
        return date.fromisoformat(str(given))
    except ValueError:
        raise ScenarioError(f"[patient]: first_fraction = {given!r} is no date", "write 2026-03-02") from None


def _findings(tables: Sequence[Mapping[str, Any]], phases: Sequence[Phase]) -> list[Finding]:
    return [
        finding(PHYSICAL_DOSE, "doses are taken as physical", phase.label, "RBE-weighted doses: rbe = 1.1 in [plan]")
        for table, phase in zip(tables, phases, strict=True)
        if phase.modality in {"proton", "ion"} and "rbe" not in table
    ]
