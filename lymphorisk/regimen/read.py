"""Read a regimen TOML: drugs, radiation, patient, laboratory values and search knobs on one calendar.

::

    [conditioning]
    name = "Flu/Cy after bridging"      # optional
    product = "axi-cel"                 # drugs and window of a product; own drugs replace them
    infusion_day = 0                    # day of the calendar below on which the cells are given
    leukapheresis_day = -28             # optional
    [[conditioning.drug]]
    name = "fludarabine"
    mg_per_m2 = 30                      # or mg_per_kg, or mg; fludarabine as phosphate
    day = [-5, -4, -3]                  # a number or a list
    [[conditioning.radiation]]
    label = "bridging"
    plan = "bridging.toml"              # a scenario or an export; left out: the EXPORT of the command line
    first_day = -24                     # of its first fraction, or last_day, or days = [...]
    [[conditioning.radiation]]
    label = "low-dose TBI"
    gy_per_fraction = 2.0               # whole body
    days = [-1]                         # or first_day, fractions and schedule (weekdays | daily | bid)
    [patient]
    alc = 0.8
    weight_kg = 80
    height_cm = 172
    egfr_ml_min = 85                    # or creatinine_mg_dl with sex and age
    wbc = 2.1                           # white count in the week before infusion, 10^9/L
    [labs]                              # CAR-HEMATOTOX; keys carry their unit
    crp_mg_l = 8

A scenario (``[plan]`` and ``[organs]``) may carry ``[conditioning]`` itself: its fractions are then radiation on
the same calendar. Days are from the file's own zero; everything is moved so that the infusion is day 0.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from lymphorisk.conditioning.hematotox import Labs, labs_from
from lymphorisk.conditioning.regimen import DrugDose, InfusionWindow, RadiationCourse, Regimen, drug_named
from lymphorisk.errors import ScenarioError
from lymphorisk.findings import Finding, finding
from lymphorisk.plan import Patient, contradictions, every_day, known_patient, weekdays
from lymphorisk.plan.facts import CONTRADICTION, HINT, shown
from lymphorisk.regimen.exposure import PlanExposure, is_even
from lymphorisk.regimen.knobs import Knob, read_knobs
from lymphorisk.regimen.products import product
from lymphorisk.scenario import Scenario, patient_from, scenario_from
from lymphorisk.units import checked, nearest, number_from

TOP = ("plan", "organs", "conditioning", "patient", "labs")
CONDITIONING = (
    "name", "product", "infusion_day", "infusion_days", "leukapheresis_day", "drug", "radiation", "window_d", "search",
)  # fmt: skip
DRUG = ("name", "mg_per_m2", "mg_per_kg", "mg", "day")
RADIATION = (
    "label", "plan", "gy_per_fraction", "fractions", "first_day", "last_day", "days", "schedule", "first_weekday",
    "role", "kinetics", "dose_factor",
)  # fmt: skip
OWN_PATIENT = ("egfr_ml_min", "creatinine_mg_dl", "bsa_m2", "wbc")
UNITS = {"mg_per_m2": "mg/m2", "mg_per_kg": "mg/kg", "mg": "mg"}
SCHEDULES = ("weekdays", "daily", "bid")

LoadPlan = Callable[[Path | Scenario], PlanExposure]


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """What a regimen file or the command line says of the patient beyond `plan.Patient`; None is not known.

    `egfr_ml_min` [mL/min/1.73m2], `creatinine_mg_dl` [mg/dL], `bsa_m2` [m2], `wbc` [10^9/L]; `contradicted` is what the
    sources they were merged from differ in.
    """

    patient: Patient = field(default_factory=Patient)
    egfr_ml_min: float | None = None
    creatinine_mg_dl: float | None = None
    bsa_m2: float | None = None
    wbc: float | None = None
    labs: Labs | None = None
    contradicted: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        for name in OWN_PATIENT:
            if (value := getattr(self, name)) is not None:
                checked(name, value)


@dataclass(frozen=True, slots=True, eq=False)
class RegimenFile:
    """A regimen as read: itself, the doses of its plans, the patient, the knobs of a search, its file's SHA-256."""

    regimen: Regimen
    plans: Mapping[str, PlanExposure]
    facts: PatientFacts
    knobs: tuple[Knob, ...]
    sha256: str = ""


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, for the record of what a result rests on."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def is_regimen(path: Path) -> bool:
    """Whether a file is a regimen (it has a ``[conditioning]`` table) and not a plan."""
    return path.is_file() and path.suffix.lower() == ".toml" and "conditioning" in _toml(path)


def read_regimen(path: Path, load_plan: LoadPlan, export: Path | None = None) -> RegimenFile:
    """Read one regimen file.

    Parameters
    ----------
    path : Path
    load_plan : callable
        Gives the lymphocytes' doses of a plan file or folder.
    export : Path, optional
        The plan of radiation entries that name none.

    Raises
    ------
    ScenarioError
        Not TOML, an unknown key, a unit missing, a calendar that does not fit.
    """
    table = _toml(path)
    _known(table, TOP, path.name)
    if "conditioning" not in table:
        raise ScenarioError(f"{path.name} has no [conditioning] table", "see docs/conditioning.md")
    own = _table(table["conditioning"], "[conditioning]")
    _known(own, CONDITIONING, "[conditioning]")
    plans: dict[str, PlanExposure] = {}
    zero = _infusion(own)
    base = product(_text(own, "product", "")) if "product" in own else None
    drugs = _drugs(own, zero[0], base)
    radiation = list(base.radiation) if base is not None else []
    if "plan" in table:
        own_plan = load_plan(scenario_from({k: v for k, v in table.items() if k in {"plan", "organs"}}, path.stem))
        plans[own_plan.label] = own_plan
        days = tuple(d - zero[0] for d in own_plan.days)
        role = "lymphodepletion" if is_even(own_plan) else "bridging"
        radiation.append(RadiationCourse(own_plan.label, days, plan=own_plan.label, role=role))
    for number, entry in enumerate(_tables(own, "radiation"), 1):
        radiation.append(_radiation(entry, number, path, zero[0], load_plan, export, plans))
    regimen = Regimen(
        name=_text(own, "name", path.stem),
        drugs=drugs,
        radiation=tuple(radiation),
        infusion_days=tuple(day - zero[0] for day in zero)
        if "infusion_days" in own or base is None
        else base.infusion_days,
        leukapheresis_day=None if "leukapheresis_day" not in own else _number(own, "leukapheresis_day") - zero[0],
        product="" if base is None else base.product,
        title="" if base is None else base.title,
        indication="" if base is None else base.indication,
        standing="own" if base is None else base.standing,
        window=_window(own, base),
        evidence=() if base is None else base.evidence,
    )
    return RegimenFile(regimen, plans, _facts(table), read_knobs(own, regimen), sha256_of(path))


def _infusion(own: Mapping[str, Any]) -> tuple[float, ...]:
    if "infusion_day" in own and "infusion_days" in own:
        raise ScenarioError("[conditioning]: infusion_day and infusion_days are both given")
    if "infusion_days" in own:
        return _days(own["infusion_days"], "infusion_days")
    return (_number(own, "infusion_day", 0.0),)


def _window(own: Mapping[str, Any], base: Regimen | None) -> InfusionWindow | None:
    if "window_d" not in own:
        return None if base is None else base.window
    days = _days(own["window_d"], "window_d")
    if len(days) != 2:
        raise ScenarioError("[conditioning]: window_d is [first, last] day after the last dose")
    return InfusionWindow(days[0], days[1])


def _drugs(own: Mapping[str, Any], zero: float, base: Regimen | None) -> tuple[DrugDose, ...]:
    out: list[DrugDose] = []
    for entry in _tables(own, "drug"):
        _known(entry, DRUG, "[[conditioning.drug]]")
        name = drug_named(_text(entry, "name", ""))
        units = [key for key in UNITS if key in entry]
        if len(units) != 1:
            raise ScenarioError(f"drug {name!r} needs exactly one of {', '.join(UNITS)}")
        if "day" not in entry:
            raise ScenarioError(f"drug {name!r} has no day", "day = -5, or day = [-5, -4, -3]")
        amount = _number(entry, units[0])
        out += [DrugDose(name, amount, UNITS[units[0]], day - zero) for day in _days(entry["day"], "day")]
    if not out and base is not None:
        return base.drugs
    return tuple(sorted(out, key=lambda d: (d.day, d.drug)))


def _radiation(
    entry: Mapping[str, Any],
    number: int,
    path: Path,
    zero: float,
    load_plan: LoadPlan,
    export: Path | None,
    plans: dict[str, PlanExposure],
) -> RadiationCourse:
    _known(entry, RADIATION, "[[conditioning.radiation]]")
    label = _text(entry, "label", f"radiation {number}")
    if "gy_per_fraction" in entry:
        if "plan" in entry:
            raise ScenarioError(f"radiation {label!r}: gy_per_fraction is for the whole body; a plan has its own doses")
        days = _calendar(entry, label, None, zero)
        role = _text(entry, "role", "lymphodepletion")
        return RadiationCourse(label, days, _number(entry, "gy_per_fraction"), role=role)
    if "plan" in entry:
        source = path.parent / _text(entry, "plan", "")
    elif export is not None:
        source = export
    else:
        raise ScenarioError(
            f"radiation {label!r} has no dose", "give plan =, or gy_per_fraction =, or an EXPORT on the command line"
        )
    loaded = load_plan(source)
    # the plan's own label: a folder may be named after the patient
    key = loaded.label if loaded.label not in plans else f"{loaded.label} ({len(plans) + 1})"
    plans[key] = loaded
    days = _calendar(entry, label, plans[key].days, zero)
    factor = _number(entry, "dose_factor", 1.0)
    usual = "lymphodepletion" if is_even(plans[key]) else "bridging"
    role, kinetics = _text(entry, "role", usual), _text(entry, "kinetics", "auto")
    return RadiationCourse(label, days, None, key, role, kinetics, factor)


def _calendar(entry: Mapping[str, Any], label: str, of_plan: Sequence[float] | None, zero: float) -> tuple[float, ...]:
    where = f"radiation {label!r}"
    if "days" in entry:
        days = _days(entry["days"], "days")
        if of_plan is not None and len(days) != len(of_plan):
            raise ScenarioError(f"{where}: {len(days)} days for the {len(of_plan)} fractions of its plan")
        if "fractions" in entry and int(_number(entry, "fractions")) != len(days):
            raise ScenarioError(f"{where}: {len(days)} days for {entry['fractions']} fractions")
        return tuple(day - zero for day in days)
    if of_plan is not None:
        if "fractions" in entry or "schedule" in entry:
            raise ScenarioError(f"{where}: fractions and schedule come from its plan", "give days to change them")
        relative = tuple(day - of_plan[0] for day in of_plan)
    else:
        if "fractions" not in entry:
            raise ScenarioError(f"{where}: give days, or fractions and first_day")
        relative = _scheduled(entry, where, int(_number(entry, "fractions")))
    if "last_day" in entry:
        first = _number(entry, "last_day") - relative[-1]
    elif "first_day" in entry:
        first = _number(entry, "first_day")
    elif of_plan is not None:
        first = of_plan[0]
    else:
        raise ScenarioError(f"{where}: give first_day or last_day")
    return tuple(first + day - zero for day in relative)


def _scheduled(entry: Mapping[str, Any], where: str, fractions: int) -> tuple[float, ...]:
    schedule = _text(entry, "schedule", "daily")
    if schedule not in SCHEDULES:
        raise ScenarioError(f"{where}: schedule {schedule!r} is unknown", f"use one of {', '.join(SCHEDULES)}")
    if schedule == "weekdays":
        return tuple(weekdays(fractions, int(_number(entry, "first_weekday", 0.0))).tolist())
    return tuple(every_day(fractions, per_day=2 if schedule == "bid" else 1).tolist())


def _facts(table: Mapping[str, Any]) -> PatientFacts:
    patient = dict(_table(table.get("patient", {}), "[patient]"))
    own: dict[str, Any] = {key: _number(patient, key) for key in OWN_PATIENT if key in patient}
    rest = {key: value for key, value in patient.items() if key not in OWN_PATIENT}
    labs = labs_from(_table(table["labs"], "[labs]")) if "labs" in table else None
    return PatientFacts(patient_from(rest), labs=labs, **own)


def merged(
    base: PatientFacts, over: PatientFacts, base_from: str = "the files", over_from: str = "as given"
) -> PatientFacts:
    """`over` where it knows something, else `base`; where both do and differ, a finding says so.

    `base_from` and `over_from` are what a message calls them.
    """
    before = (*base.contradicted, *over.contradicted)
    known = known_patient(asdict(over.patient), over_from, base.patient, base_from, before)
    above, below = _own_numbers(over), _own_numbers(base)
    differing = [
        f"{what}: {shown(above[what.split()[0]])} is used"
        for what in contradictions(above, over_from, below, base_from)
    ]
    if None not in (over.labs, base.labs) and over.labs != base.labs:
        differing.append(f"laboratory values differ {over_from} and in {base_from}: the former are used")
    found = tuple(finding(CONTRADICTION, what, base_from, HINT) for what in differing)
    labs = base.labs if over.labs is None else over.labs
    return PatientFacts(known.patient, labs=labs, contradicted=(*known.findings, *found), **(below | above))


def _own_numbers(facts: PatientFacts) -> dict[str, Any]:
    return {name: value for name in OWN_PATIENT if (value := getattr(facts, name)) is not None}


def conflict(one: PatientFacts, other: PatientFacts) -> str:
    """The first fact the two give differently; empty when they agree."""
    for name in Patient.__dataclass_fields__:
        a, b = getattr(one.patient, name), getattr(other.patient, name)
        if a is not None and b is not None and a != b:
            return name
    for name in (*OWN_PATIENT, "labs"):
        a, b = getattr(one, name), getattr(other, name)
        if a is not None and b is not None and a != b:
            return name
    return ""


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


def _tables(own: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = own.get(key, [])
    if not isinstance(value, list):
        raise ScenarioError(f"[conditioning]: {key} is not a list of tables", f"write [[conditioning.{key}]]")
    return [_table(entry, f"[[conditioning.{key}]]") for entry in value]


def _known(table: Mapping[str, Any], allowed: Sequence[str], where: str) -> None:
    if unknown := [key for key in table if key not in allowed]:
        near = nearest(unknown[0], allowed)
        offered = f"did you mean {near}? " if near else ""
        raise ScenarioError(f"{where}: unknown key {unknown[0]!r}", f"{offered}allowed are {', '.join(allowed)}")


def _text(table: Mapping[str, Any], key: str, default: str) -> str:
    value = table.get(key, default)
    if not isinstance(value, str):
        raise ScenarioError(f"{key} = {value!r} is not text")
    return value


def _number(table: Mapping[str, Any], key: str, default: float | None = None) -> float:
    value = table.get(key, default)
    if isinstance(value, str):
        meant = number_from(value, key)
        raise ScenarioError(f"{key} = {value!r} is text, not a number", f"write it without quotes: {key} = {meant:g}")
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ScenarioError(f"{key} = {value!r} is not a number")
    return float(value)


def _days(value: Any, where: str) -> tuple[float, ...]:
    values = value if isinstance(value, list) else [value]
    if not values:
        raise ScenarioError(f"{where} is an empty list")
    days = tuple(_number({where: v}, where) for v in values)
    if list(days) != sorted(days):
        raise ScenarioError(f"{where} must rise: {value}")
    return days
