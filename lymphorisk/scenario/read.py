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
by its number of fractions. Every key with its kind and range: `lymphorisk.scenario.schema`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lymphorisk.dvh import DoseDistribution
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.frozen import FrozenDict
from lymphorisk.plan import Patient, Phase, steroid_of
from lymphorisk.plan.columns import columns_of
from lymphorisk.plan.subsets import subsets_of
from lymphorisk.scenario.dose import organ_dose
from lymphorisk.scenario.emitters import EmitterGiven, emitter_given
from lymphorisk.scenario.phases import Given, last_day_of, phase_from, phases_given
from lymphorisk.scenario.said import Said, said_of
from lymphorisk.tomlfile import Key, Written, read, read_bytes, read_file
from lymphorisk.tomlfile import parsed as parsed_toml
from lymphorisk.units import alc_from, checked

if TYPE_CHECKING:
    from lymphorisk.scenario.schema import EmitterTable, Organ, PatientTable, Plan

ION_DOSE = rule(
    "LR093",
    "warning",
    "Ion dose not said to be physical",
    "A scenario with ions does not say rbe = 1. Its doses are taken as physical; a clinical dose in Gy(RBE) is larger "
    "by its effectiveness, and would kill far too much here.",
)
PHYSICAL_DOSE = rule(
    "LR092",
    "info",
    "Dose taken as physical",
    "A scenario with protons gives no RBE; its doses are taken as physical.",
)

EVERYWHERE = "*"


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
    said : Said
        What the file says of the course beside its plan, as the command line would.
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
    said: Said = field(default_factory=Said)

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
    data = read_bytes(path)
    read_as = _scenario(parsed_toml(data, path.name), path.stem)
    return replace(read_as, sha256=hashlib.sha256(data).hexdigest())


def read_patient(path: str | Path) -> Patient:
    """Read a patient TOML: a ``[patient]`` table, or its keys alone.

    Raises
    ------
    ScenarioError
        Not TOML, an unknown key, an implausible value.
    """
    from lymphorisk.scenario.schema import PatientFile, PatientTable

    written = read_file(Path(path))
    if "patient" in written.table:
        return patient_of(written, read(written, PatientFile).patient)
    return patient_of(written, read(written, PatientTable), ())


def read_beside(path: str | Path) -> Said:
    """The therapies of a patient file, with the day of its first fraction.

    Raises
    ------
    ScenarioError
        As `read_patient`; a therapy stands twice.
    """
    from lymphorisk.scenario.schema import PatientFile

    written = read_file(Path(path))
    if "patient" not in written.table:
        return Said()
    file = read(written, PatientFile)
    first = _first_fraction(written, file.patient, ("patient", "first_fraction"))
    return said_of(written, None, file.therapy, {}, first)


def scenario_from(table: Mapping[str, Any], label: str = "scenario") -> Scenario:
    """A scenario from its parsed TOML.

    Examples
    --------
    >>> s = scenario_from({"plan": {"fractions": 6}, "organs": {"*": {"mean_gy": 12.0}}})
    >>> s.phases[0].days, s.organ_doses[0]["*"].mean_gy
    ((0.0, 1.0, 2.0, 3.0, 4.0, 7.0), 12.0)
    """
    return _scenario(Written("scenario", table), label)


def _scenario(written: Written, label: str) -> Scenario:
    from lymphorisk.scenario.schema import ScenarioFile

    said = read(written, ScenarioFile)
    patient = patient_of(written, said.patient)
    made = scenario_of(written, said.plan, said.organs, label, said.emitter)
    conditioning = FrozenDict(dict(written.table.get("conditioning", {})))
    first = _first_fraction(written, said.patient, ("patient", "first_fraction"))
    beside = said_of(written, said.course, said.therapy, said.nodes, first)
    return replace(made, patient=patient, conditioning=conditioning, said=beside)


def scenario_of(
    written: Written,
    plan: Plan | None,
    organs: Mapping[str, Organ],
    label: str,
    emitters: Sequence[EmitterTable] = (),
) -> Scenario:
    """The plan and the internal emitters of a file that was read by its schema, without its patient.

    Raises
    ------
    ScenarioError
        Days that do not fit the fractions, beams that overlap, no organ dose, neither a plan nor an emitter.
    """
    emitted = tuple(emitter_given(written, table, n) for n, table in enumerate(emitters))
    if plan is None:
        if not emitted:
            raise written.error((), "a scenario needs [plan] with fractions, or an [[emitter]]")
        if organs:
            hint = "doses of an emitter stand in gy_per_cycle of its table"
            raise written.error(("organs",), "without [plan]", hint)
        return Scenario(label=label, phases=(), organ_doses=(), emitters=emitted)
    given = phases_given(written, plan)
    phases: list[Phase] = []
    for one in given:
        phases.append(phase_from(one, last_day_of(phases)))
    common = _organs(written, organs, ("organs",))
    return Scenario(
        label=plan.label or label,
        phases=tuple(phases),
        organ_doses=tuple(_organ_doses(given, phases, common)),
        network=plan.network,
        stages=plan.stages,
        lanes=plan.lanes,
        findings=tuple(_findings(given, phases)),
        emitters=emitted,
    )


def _organs(written: Written, organs: Mapping[str, Organ], at: tuple[Key, ...]) -> dict[str, DoseDistribution]:
    return {name: organ_dose(written, organ, (*at, name)) for name, organ in organs.items()}


def _organ_doses(
    given: Sequence[Given], phases: Sequence[Phase], common: Mapping[str, DoseDistribution]
) -> list[Mapping[str, DoseDistribution]]:
    total = sum(phase.fractions for phase in phases)
    out: list[Mapping[str, DoseDistribution]] = []
    for one, phase in zip(given, phases, strict=True):
        own = _organs(one.written, one.keys.organs, one.at("organs"))
        shared = {name: d.scaled(phase.fractions / total) if len(phases) > 1 else d for name, d in common.items()}
        if own and shared:
            raise one.error(
                "organs", ": the phase has organ doses, and so has the course", "give [organs] once, or in every phase"
            )
        out.append(FrozenDict(own or shared))
    if any(out) and not all(out):
        empty = next(one for one, doses in zip(given, out, strict=True) if not doses)
        raise empty.error(
            "organs", ": the phase has no organ doses, and others have", "give [organs] once, or in every phase"
        )
    if not any(out):
        hint = 'add [organs.NAME], or [organs."*"] for everything'
        raise given[0].written.error((), "the scenario gives no organ dose", hint)
    return out


def patient_from(table: Mapping[str, Any]) -> Patient:
    """The patient of a parsed ``[patient]`` table."""
    from lymphorisk.scenario.schema import PatientTable

    written = Written("patient", table)
    return patient_of(written, read(written, PatientTable), ())


def patient_of(written: Written, said: PatientTable, at: tuple[Key, ...] = ("patient",)) -> Patient:
    """The patient of a table that was read by its schema and stands at `at`.

    Raises
    ------
    ScenarioError
        An implausible count, a date without the first fraction, facts that cannot be true of one body.
    """
    counts: dict[str, float] = {}
    for key, value in (("alc", said.alc), ("lln", said.lln)):
        if value is not None:
            with written.at((*at, key), key):
                counts[key] = checked(key, alc_from(value, said.alc_unit))
    with written.at((*at, "steroid")):
        steroid = steroid_of(_steroid(said.steroid), _first_fraction(written, said, (*at, "first_fraction")))
    with written.at((*at, "subsets")):
        subsets = subsets_of(said.subsets)
    with written.at((*at, "columns")):
        columns = columns_of(said.columns)
    with written.at(at):
        return Patient(
            sex=said.sex or None,
            age_y=said.age,
            height_cm=said.height_cm,
            weight_kg=said.weight_kg,
            site=said.site or None,
            chemo=said.chemo or None,
            steroid=steroid,
            neutrophils=said.neutrophils,
            subsets=subsets,
            columns=columns,
            alc=counts.get("alc"),
            lln=counts.get("lln"),
        )


def _steroid(said: Any) -> Any:
    """Steroid use as `steroid_of` takes it."""
    if isinstance(said, list):
        return [_steroid(one) for one in said]
    if said is None or isinstance(said, str | int | float):
        return said
    days = {key: day for key, day in (("from", said.from_), ("to", said.to)) if day is not None}
    return {"dexamethasone_mg_d": said.dexamethasone_mg_d, **days}


def _first_fraction(written: Written, said: PatientTable, at: tuple[Key, ...]) -> date | None:
    """The day of the first fraction, from which dates in the table count."""
    given = said.first_fraction
    if isinstance(given, datetime):
        return given.date()
    if given is None or isinstance(given, date):
        return given
    try:
        return date.fromisoformat(str(given))
    except ValueError:
        raise written.error(at, f"= {given!r} is no date", "write 2026-03-02") from None


def _findings(given: Sequence[Given], phases: Sequence[Phase]) -> list[Finding]:
    unsaid = [phase for one, phase in zip(given, phases, strict=True) if one.keys.rbe is None]
    out = [
        finding(PHYSICAL_DOSE, "doses are taken as physical", phase.label, "RBE-weighted doses: rbe = 1.1 in [plan]")
        for phase in unsaid
        if phase.modality == "proton"
    ]
    return out + [
        finding(ION_DOSE, "doses are taken as physical", phase.label, "give the physical dose, and rbe = 1 in [plan]")
        for phase in unsaid
        if phase.modality == "ion"
    ]
