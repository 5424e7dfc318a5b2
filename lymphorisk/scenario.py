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
is the dose of the body. What is neither listed nor covered by them gets no dose, and a finding says so.
Several phases are ``[[plan.phase]]`` tables, each with its own ``organs`` or a share of the common ones
by its number of fractions.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from lymphorisk.dvh import DoseDistribution, summed, uniform
from lymphorisk.errors import ScenarioError
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.plan import MODALITIES, Beam, Patient, Phase, every_day, weekdays
from lymphorisk.plan.schedule import DAYS_PER_WEEK, WORKING_DAYS
from lymphorisk.units import CGY_PER_GY, HOURS_PER_DAY, alc_from

NOT_LISTED = rule(
    "LR091", "info", "Organs not listed", 'A scenario without Body or "*": organs that are not listed get no dose.'
)
PHYSICAL_DOSE = rule(
    "LR092",
    "info",
    "Dose taken as physical",
    "A scenario with protons or ions gives no RBE; its doses are taken as physical.",
)

EVERYWHERE = "*"
SCHEDULES = ("weekdays", "daily", "bid")
NETWORKS = ("28", "32")
TOP_KEYS = ("plan", "organs", "patient", "conditioning")
PHASE_KEYS = (
    "label", "modality", "fractions", "schedule", "days", "times_h", "first_day", "first_weekday", "beam_on_s",
    "beam_start_s", "beam_weights", "prescription_gy", "rbe", "organs",
)  # fmt: skip
PLAN_KEYS = (*(key for key in PHASE_KEYS if key not in {"organs", "first_day"}), "network", "stages", "lanes", "phase")
ORGAN_KEYS = ("mean_gy", "dvh_dose_gy", "dvh_volume")
PATIENT_KEYS = ("sex", "age", "height_cm", "weight_kg", "alc", "alc_unit", "lln", "site", "chemo")
#: No course delivers more to any organ; a larger number is in cGy. [Gy]
DOSE_MAX_GY = 200.0
#: A cumulative DVH written with a few digits starts at one within this.
START_TOLERANCE = 1e-6
#: Wide bins of a written DVH are divided to this, so that a few points mean straight lines and not steps. [Gy]
DVH_STEP_GY = 0.1
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
    """

    label: str
    phases: tuple[Phase, ...]
    organ_doses: tuple[Mapping[str, DoseDistribution], ...]
    patient: Patient = field(default_factory=Patient)
    network: str | None = None
    stages: int | None = None
    lanes: int | None = None
    conditioning: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    findings: tuple[Finding, ...] = ()

    @property
    def drugs(self) -> tuple[Mapping[str, Any], ...]:
        """The ``[[conditioning.drug]]`` tables as written."""
        return tuple(self.conditioning.get("drug", ()))

    def course(self, organ: str) -> DoseDistribution | None:
        """Dose of the whole course of an organ when all phases give it alike shaped distributions. [Gy]

        Phases are added dose to dose in order of dose: the hot part of one phase is taken to be the hot part
        of the next. None when a phase does not give the organ.
        """
        parts = [doses[organ] for doses in self.organ_doses if organ in doses]
        return summed(parts) if len(parts) == len(self.organ_doses) else None


def read_scenario(path: str | Path) -> Scenario:
    """Read a scenario TOML.

    Raises
    ------
    ScenarioError
        Not TOML, an unknown key, a value of the wrong kind, a DVH that rises, days that do not fit the fractions.
    """
    path = Path(path)
    return scenario_from(_toml(path), path.stem)


def read_patient(path: str | Path) -> Patient:
    """Read a patient TOML: a ``[patient]`` table, or its keys alone.

    Raises
    ------
    ScenarioError
        Not TOML, an unknown key, an implausible value.
    """
    table = _toml(Path(path))
    return patient_from(_table(table["patient"], "[patient]") if "patient" in table else table)


def scenario_from(table: Mapping[str, Any], label: str = "scenario") -> Scenario:
    """A scenario from its parsed TOML.

    Examples
    --------
    >>> s = scenario_from({"plan": {"fractions": 6}, "organs": {"*": {"mean_gy": 12.0}}})
    >>> s.phases[0].days, s.organ_doses[0]["*"].mean_gy
    ((0.0, 1.0, 2.0, 3.0, 4.0, 7.0), 12.0)
    """
    _known(table, TOP_KEYS, "the scenario")
    if "plan" not in table:
        raise ScenarioError("the scenario has no [plan] table", "it needs at least `fractions`")
    plan = _table(table["plan"], "[plan]")
    _known(plan, PLAN_KEYS, "[plan]")
    tables = _phase_tables(plan)
    phases: list[Phase] = []
    for number, phase in enumerate(tables, 1):
        phases.append(_phase(phase, number, len(tables), _last_day(phases)))
    common = _organs(table.get("organs", {}), "[organs")
    doses = tuple(_organ_doses(tables, phases, common))
    conditioning = _table(table.get("conditioning", {}), "[conditioning]")
    return Scenario(
        label=_text(plan, "label", "[plan]", default=label),
        phases=tuple(phases),
        organ_doses=doses,
        patient=patient_from(_table(table.get("patient", {}), "[patient]")),
        network=_network(plan),
        stages=_whole(plan, "stages", "[plan]", 1, STAGES_MAX),
        lanes=_whole(plan, "lanes", "[plan]", 1, LANES_MAX),
        conditioning=MappingProxyType(dict(conditioning)),
        findings=tuple(_findings(tables, phases, doses)),
    )


def from_cumulative(dose_gy: Sequence[float], volume: Sequence[float], where: str = "DVH") -> DoseDistribution:
    """A distribution from a cumulative DVH, straight between the points.

    Parameters
    ----------
    dose_gy : sequence of float, shape (n,)
        Increasing doses. [Gy]
    volume : sequence of float, shape (n,)
        Share of the volume at or above each dose; starts at 1, never rises. What is left at the last dose gets it.

    Examples
    --------
    >>> d = from_cumulative([0.0, 0.1], [1.0, 0.75])
    >>> d.dose_gy.tolist(), d.share.tolist()
    ([0.05, 0.1], [0.25, 0.75])
    """
    dose, share = np.array(dose_gy, dtype=np.float64), np.array(volume, dtype=np.float64)
    if dose.shape != share.shape or dose.ndim != 1 or len(dose) == 0:
        raise ScenarioError(f"{where}: {len(dose)} doses and {len(share)} volumes do not fit")
    if not (np.all(np.isfinite(dose)) and np.all(np.isfinite(share))):
        raise ScenarioError(f"{where}: a dose or volume is not a number")
    if dose[0] < 0 or np.any(np.diff(dose) <= 0):
        raise ScenarioError(f"{where}: doses must rise from 0 or more")
    if dose[-1] > DOSE_MAX_GY:
        raise ScenarioError(f"{where}: {dose[-1]:g} Gy is more than any course gives", "doses are in Gy, not cGy")
    if abs(share[0] - 1.0) > START_TOLERANCE:
        hint = "volumes are shares of one, not percent" if share[0] > 1 else "add the lowest dose with volume 1.0"
        raise ScenarioError(f"{where}: a cumulative DVH starts at volume 1.0, this one at {share[0]:g}", hint)
    if np.any(share < 0) or np.any(np.diff(share) > 0):
        raise ScenarioError(f"{where}: a cumulative DVH never rises and never falls below 0")
    return _distribution(dose, share / share[0])


def _distribution(dose: np.ndarray[Any, Any], share: np.ndarray[Any, Any]) -> DoseDistribution:
    mids: list[float] = []
    parts: list[float] = []
    for low, high, part in zip(dose[:-1], dose[1:], -np.diff(share), strict=True):
        pieces = max(1, math.ceil((high - low) / DVH_STEP_GY - START_TOLERANCE))
        edges = np.linspace(low, high, pieces + 1)
        if part > 0:
            mids += (0.5 * (edges[1:] + edges[:-1])).tolist()
            parts += [float(part) / pieces] * pieces
    if share[-1] > 0:
        mids.append(float(dose[-1]))
        parts.append(float(share[-1]))
    total = np.array(parts)
    return DoseDistribution(np.array(mids), total / total.sum())


def _toml(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path.name} cannot be read: {type(error).__name__}") from error
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{path.name} is not TOML: {error}") from error


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ScenarioError(f"{where} is not a table")
    return value


def _known(table: Mapping[str, Any], allowed: Sequence[str], where: str) -> None:
    if unknown := [key for key in table if key not in allowed]:
        raise ScenarioError(f"{where}: unknown key {unknown[0]!r}", f"allowed are {', '.join(allowed)}")


def _text(table: Mapping[str, Any], key: str, where: str, default: str) -> str:
    value = table.get(key, default)
    if not isinstance(value, str):
        raise ScenarioError(f"{where}: {key} = {value!r} is not text")
    return value


def _number(table: Mapping[str, Any], key: str, where: str) -> float | None:
    value = table.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ScenarioError(f"{where}: {key} = {value!r} is not a number")
    return float(value)


def _whole(table: Mapping[str, Any], key: str, where: str, low: int, high: int) -> int | None:
    value = table.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ScenarioError(f"{where}: {key} = {value!r} is not a whole number from {low} to {high}")
    return value


def _numbers(table: Mapping[str, Any], key: str, where: str) -> tuple[float, ...] | None:
    value = table.get(key)
    if value is None:
        return None
    if not isinstance(value, list) or not value:
        raise ScenarioError(f"{where}: {key} is not a list of numbers")
    out = tuple(_number({key: entry}, key, where) for entry in value)
    return tuple(entry for entry in out if entry is not None)


def _network(plan: Mapping[str, Any]) -> str | None:
    value = plan.get("network")
    if value is None:
        return None
    if str(value) not in NETWORKS:
        raise ScenarioError(f"[plan]: network {value!r} is unknown", f"use one of {', '.join(NETWORKS)}")
    return str(value)


def _phase_tables(plan: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The phases as written; what a phase does not say it takes from [plan]."""
    common = {key: value for key, value in plan.items() if key in PHASE_KEYS and key != "label"}
    if "phase" not in plan:
        return [{**common, "label": plan.get("label", "")}]
    given = plan["phase"]
    if not isinstance(given, list) or not given:
        raise ScenarioError("[plan]: phase is not a list of tables", "write [[plan.phase]]")
    for key in ("fractions", "days", "times_h"):
        if key in common:
            raise ScenarioError(f"[plan]: {key} stands beside [[plan.phase]]", f"give {key} in each phase")
    out: list[Mapping[str, Any]] = []
    for number, phase in enumerate(given, 1):
        _known(_table(phase, f"phase {number}"), PHASE_KEYS, f"phase {number}")
        out.append({**common, **phase})
    return out


def _last_day(phases: Sequence[Phase]) -> float | None:
    return max(day for phase in phases for day in phase.days or (0.0,)) if phases else None


def _phase(table: Mapping[str, Any], number: int, of: int, last_day: float | None) -> Phase:
    where = "[plan]" if of == 1 else f"phase {number}"
    modality = _text(table, "modality", where, "photon")
    if modality not in MODALITIES:
        raise ScenarioError(f"{where}: modality {modality!r} is unknown", f"use one of {', '.join(MODALITIES)}")
    days = _days(table, where, last_day)
    rbe = _number(table, "rbe", where)
    if rbe is not None and rbe <= 0:
        raise ScenarioError(f"{where}: rbe = {rbe:g} is not above 0")
    beams, starts = _beams(table, where, modality)
    return Phase(
        label=_text(table, "label", where, "") or (f"phase {number}" if of > 1 else "scenario"),
        fractions=len(days),
        beams=beams,
        modality=modality,
        rbe_in_dose=rbe or 1.0,
        prescription_gy=_number(table, "prescription_gy", where),
        days=days,
        beam_start_s=starts,
    )


def _days(table: Mapping[str, Any], where: str, last_day: float | None) -> tuple[float, ...]:
    given = [key for key in ("schedule", "days", "times_h") if key in table]
    explicit = [key for key in given if key != "schedule"]
    if len(explicit) > 1:
        raise ScenarioError(f"{where}: days and times_h are both given", "give one of them")
    fractions = _whole(table, "fractions", where, 1, 10_000)
    if explicit:
        key = explicit[0]
        times = _numbers(table, key, where) or ()
        days = tuple(t / HOURS_PER_DAY for t in times) if key == "times_h" else times
        if fractions is not None and fractions != len(days):
            raise ScenarioError(f"{where}: {len(days)} {key} for {fractions} fractions")
        if days[0] < 0 or any(b <= a for a, b in pairwise(days)):
            raise ScenarioError(f"{where}: {key} must rise from 0 or more")
        if last_day is not None and days[0] <= last_day:
            raise ScenarioError(
                f"{where}: starts on day {days[0]:g}, before the phase before it has ended (day {last_day:g})",
                "days count from the start of the whole course",
            )
        return days
    if fractions is None:
        raise ScenarioError(f"{where}: fractions is missing", "give fractions, or days, or times_h")
    return _scheduled(table, where, fractions, last_day)


def _scheduled(table: Mapping[str, Any], where: str, fractions: int, last_day: float | None) -> tuple[float, ...]:
    schedule = _text(table, "schedule", where, "weekdays")
    if schedule not in SCHEDULES:
        raise ScenarioError(f"{where}: schedule {schedule!r} is unknown", f"use one of {', '.join(SCHEDULES)}")
    weekday = _whole(table, "first_weekday", where, 0, WORKING_DAYS - 1) or 0
    earliest = 0 if last_day is None else math.floor(last_day) + 1
    start = _whole(table, "first_day", where, 0, 10_000)
    if start is None:
        start = earliest
    elif start < earliest:
        raise ScenarioError(f"{where}: first_day {start} is before the phase before it has ended (day {last_day:g})")
    if schedule != "weekdays":
        per_day = 2 if schedule == "bid" else 1
        return tuple(every_day(fractions, start, per_day).tolist())
    of_week = (weekday + start) % DAYS_PER_WEEK
    if of_week >= WORKING_DAYS:
        start += DAYS_PER_WEEK - of_week
        of_week = 0
    return tuple(weekdays(fractions, of_week, start).tolist())


def _beams(table: Mapping[str, Any], where: str, modality: str) -> tuple[tuple[Beam, ...], tuple[float, ...] | None]:
    on, starts = _numbers(table, "beam_on_s", where), _numbers(table, "beam_start_s", where)
    weights = _numbers(table, "beam_weights", where)
    if on is None:
        if starts or weights:
            raise ScenarioError(f"{where}: beam_start_s or beam_weights without beam_on_s")
        return (), None
    if min(on) < 0:
        raise ScenarioError(f"{where}: a beam-on time is negative")
    for key, values in (("beam_start_s", starts), ("beam_weights", weights)):
        if values is not None and len(values) != len(on):
            raise ScenarioError(f"{where}: {len(values)} {key} for {len(on)} beams")
    if weights is not None and (min(weights) < 0 or sum(weights) <= 0):
        raise ScenarioError(f"{where}: beam_weights must not be negative, and not all 0")
    if starts is not None:
        ends = [s + t for s, t in zip(starts, on, strict=True)]
        if starts[0] < 0 or any(start < end for end, start in zip(ends[:-1], starts[1:], strict=True)):
            raise ScenarioError(
                f"{where}: beams overlap in time", "beam_start_s must not come before the last beam ends"
            )
    beams = tuple(
        Beam(
            number=i,
            name=f"beam {i}",
            modality=modality,
            meterset=None if weights is None else weights[i - 1],
            on_s=time,
            time_source="user",
        )
        for i, time in enumerate(on, 1)
    )
    return beams, starts


def _organs(value: Any, where: str) -> dict[str, DoseDistribution]:
    return {name: _organ(entry, f"{where}.{name}]") for name, entry in _table(value, f"{where}]").items()}


def _organ(value: Any, where: str) -> DoseDistribution:
    table = _table(value, where)
    _known(table, ORGAN_KEYS, where)
    mean = _number(table, "mean_gy", where)
    dose, volume = _numbers(table, "dvh_dose_gy", where), _numbers(table, "dvh_volume", where)
    if mean is not None and (dose or volume):
        raise ScenarioError(f"{where}: mean_gy and a DVH are both given", "the DVH says it all: remove mean_gy")
    if mean is None:
        if dose is None or volume is None:
            raise ScenarioError(f"{where}: no dose", "give mean_gy, or dvh_dose_gy and dvh_volume")
        return from_cumulative(dose, volume, where)
    if not 0.0 <= mean <= DOSE_MAX_GY:
        hint = f"doses are in Gy: {mean:g} cGy are {mean / CGY_PER_GY:g} Gy" if mean > 0 else ""
        raise ScenarioError(f"{where}: mean_gy = {mean:g} is not between 0 and {DOSE_MAX_GY:g} Gy", hint)
    return uniform(mean)


def _organ_doses(
    tables: Sequence[Mapping[str, Any]], phases: Sequence[Phase], common: Mapping[str, DoseDistribution]
) -> list[Mapping[str, DoseDistribution]]:
    total = sum(phase.fractions for phase in phases)
    out: list[Mapping[str, DoseDistribution]] = []
    for number, (table, phase) in enumerate(zip(tables, phases, strict=True), 1):
        own = _organs(table.get("organs", {}), f"phase {number} [organs")
        shared = {name: d.scaled(phase.fractions / total) if len(phases) > 1 else d for name, d in common.items()}
        if own and shared:
            raise ScenarioError(
                f"phase {number} has organ doses, and so has the course", "give [organs] once, or in every phase"
            )
        out.append(MappingProxyType(own or shared))
    if not any(out):
        raise ScenarioError("the scenario gives no organ dose", 'add [organs.NAME], or [organs."*"] for everything')
    return out


def patient_from(table: Mapping[str, Any]) -> Patient:
    """The patient of a parsed ``[patient]`` table."""
    where = "[patient]"
    _known(table, PATIENT_KEYS, where)
    unit = _text(table, "alc_unit", where, "10^9/L")
    alc, lln = _number(table, "alc", where), _number(table, "lln", where)

    def optional(key: str) -> str | None:
        return _text(table, key, where, "") or None

    return Patient(
        sex=optional("sex"),
        age_y=_number(table, "age", where),
        height_cm=_number(table, "height_cm", where),
        weight_kg=_number(table, "weight_kg", where),
        alc=None if alc is None else alc_from(alc, unit),
        lln=None if lln is None else alc_from(lln, unit),
        site=optional("site"),
        chemo=optional("chemo"),
    )


def _findings(
    tables: Sequence[Mapping[str, Any]], phases: Sequence[Phase], doses: Sequence[Mapping[str, DoseDistribution]]
) -> list[Finding]:
    out = []
    if any(not {"Body", EVERYWHERE} & set(d) for d in doses):
        out.append(finding(NOT_LISTED, "organs that are not listed get no dose", "scenario", 'add Body or "*"'))
    for table, phase in zip(tables, phases, strict=True):
        if phase.modality in {"proton", "ion"} and "rbe" not in table:
            what = "doses are taken as physical"
            out.append(finding(PHYSICAL_DOSE, what, phase.label, "RBE-weighted doses: rbe = 1.1 in [plan]"))
    return out
