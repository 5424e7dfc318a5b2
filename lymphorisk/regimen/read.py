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
the same calendar. Days are from the file's own zero; everything is moved so that the infusion is day 0. Every key with
its kind and range: `lymphorisk.regimen.schema` and `lymphorisk.scenario.schema`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import floor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lymphorisk.conditioning.hematotox import KEYS, Labs, labs_from
from lymphorisk.conditioning.regimen import DrugDose, InfusionWindow, RadiationCourse, Regimen
from lymphorisk.errors import ScenarioError
from lymphorisk.findings import Finding, finding
from lymphorisk.plan import Patient, contradictions, every_day, known_patient, weekdays
from lymphorisk.plan.facts import CONTRADICTION, HINT, shown
from lymphorisk.regimen.exposure import PlanExposure, is_even
from lymphorisk.regimen.knobs import Knob, read_knobs
from lymphorisk.regimen.products import product
from lymphorisk.scenario import Scenario
from lymphorisk.scenario.read import patient_of, scenario_of
from lymphorisk.tomlfile import Key, Written, parsed, read, read_bytes, read_file
from lymphorisk.units import checked

if TYPE_CHECKING:
    from lymphorisk.regimen.schema import RegimenTables
    from lymphorisk.scenario.schema import Conditioning, Drug, Radiation

OWN_PATIENT = ("egfr_ml_min", "creatinine_mg_dl", "bsa_m2", "wbc")
#: Of a step: a last day that was worked out in decimals still is a day of the drug.
CLOSE = 1e-9
UNITS = {"mg_per_m2": "mg/m2", "mg_per_kg": "mg/kg", "mg": "mg"}

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
    return path.is_file() and path.suffix.lower() == ".toml" and "conditioning" in read_file(path).table


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
    from lymphorisk.regimen.schema import RegimenTables

    data = read_bytes(path)
    written = parsed(data, path.name)
    if "conditioning" not in written.table:
        raise ScenarioError(f"{path.name} has no [conditioning] table", "see docs/conditioning.md")
    tables = read(written, RegimenTables)
    own = tables.conditioning
    plans: dict[str, PlanExposure] = {}
    zero = _infusion(written, own)
    base = _product(written, own)
    drugs = _drugs(written, own, zero[0], base)
    radiation = list(base.radiation) if base is not None else []
    if tables.plan is not None or tables.emitter:
        own_plan = load_plan(scenario_of(written, tables.plan, tables.organs, path.stem, tables.emitter))
        plans[own_plan.label] = own_plan
        days = tuple(d - zero[0] for d in own_plan.days)
        role = "lymphodepletion" if is_even(own_plan) else "bridging"
        radiation.append(RadiationCourse(own_plan.label, days, plan=own_plan.label, role=role))
    elif tables.organs:
        raise written.error(("organs",), "without [plan]", "give the plan its fractions: [plan] with fractions =")
    for n, entry in enumerate(own.radiation):
        radiation.append(_Field(entry, written, n, zero[0]).course(path, load_plan, export, plans))
    window = _window(written, own, base)
    with written.at(("conditioning",)):
        regimen = Regimen(
            name=path.stem if own.name is None else own.name,
            drugs=drugs,
            radiation=tuple(radiation),
            infusion_days=tuple(day - zero[0] for day in zero)
            if own.infusion_days is not None or base is None
            else base.infusion_days,
            leukapheresis_day=None if own.leukapheresis_day is None else own.leukapheresis_day - zero[0],
            product="" if base is None else base.product,
            title="" if base is None else base.title,
            indication="" if base is None else base.indication,
            standing="own" if base is None else base.standing,
            window=window,
            evidence=() if base is None else base.evidence,
        )
    facts = _facts(written, tables)
    return RegimenFile(
        regimen, plans, facts, read_knobs(written, own.search, regimen), hashlib.sha256(data).hexdigest()
    )


def _infusion(written: Written, own: Conditioning) -> tuple[float, ...]:
    if own.infusion_day is not None and own.infusion_days is not None:
        raise written.error(("conditioning",), ": infusion_day and infusion_days are both given", "give one of them")
    if own.infusion_days is not None:
        return _days(written, own.infusion_days, ("conditioning", "infusion_days"))
    return (own.infusion_day or 0.0,)


def _product(written: Written, own: Conditioning) -> Regimen | None:
    if own.product is None:
        return None
    with written.at(("conditioning", "product")):
        return product(own.product)


def _window(written: Written, own: Conditioning, base: Regimen | None) -> InfusionWindow | None:
    if own.window_d is None:
        return None if base is None else base.window
    days = _days(written, own.window_d, ("conditioning", "window_d"))
    if len(days) != 2:
        raise written.error(("conditioning", "window_d"), "is [first, last] day after the last dose")
    with written.at(("conditioning", "window_d")):
        return InfusionWindow(days[0], days[1])


def _drugs(written: Written, own: Conditioning, zero: float, base: Regimen | None) -> tuple[DrugDose, ...]:
    out: list[DrugDose] = []
    for n, entry in enumerate(own.drug):
        at: tuple[Key, ...] = ("conditioning", "drug", n)
        amounts = [(key, amount) for key in UNITS if (amount := getattr(entry, key)) is not None]
        if len(amounts) != 1:
            raise written.error(at, f": drug {entry.name!r} needs exactly one of {', '.join(UNITS)}")
        ((key, amount),) = amounts
        days = _drug_days(written, entry, at)
        with written.at((*at, key)):
            out += [DrugDose(entry.name, amount, UNITS[key], day - zero) for day in days]
    if not out and base is not None:
        return base.drugs
    return tuple(sorted(out, key=lambda d: (d.day, d.drug)))


def _drug_days(written: Written, entry: Drug, at: tuple[Key, ...]) -> tuple[float, ...]:
    """Days of a drug as listed, or every `every_d` from the first to the last, both included."""
    if entry.day is not None:
        if entry.first_day is not None or entry.last_day is not None or entry.every_d is not None:
            raise written.error((*at, "day"), "stands beside first_day, last_day or every_d", "give one of both")
        return _days(written, entry.day, (*at, "day"))
    if entry.first_day is None or entry.last_day is None:
        raise written.error(at, "needs day", "day = -5, day = [-5, -4], or first_day and last_day")
    if entry.last_day < entry.first_day:
        raise written.error((*at, "last_day"), f"= {entry.last_day:g} is before first_day = {entry.first_day:g}")
    every = entry.every_d or 1.0
    count = floor((entry.last_day - entry.first_day) / every + CLOSE) + 1
    return tuple(entry.first_day + n * every for n in range(count))


@dataclass(frozen=True, slots=True)
class _Field:
    """One ``[[conditioning.radiation]]`` table, the n-th from 0; the infusion is on day `zero` of the file."""

    entry: Radiation
    written: Written
    n: int
    zero: float

    @property
    def label(self) -> str:
        return f"radiation {self.n + 1}" if self.entry.label is None else self.entry.label

    def error(self, key: str, what: str, hint: str = "") -> ScenarioError:
        return self.written.error(self.at(key), f": radiation {self.label!r}{what}", hint)

    def at(self, key: str = "") -> tuple[Key, ...]:
        return ("conditioning", "radiation", self.n, *((key,) if key else ()))

    def course(
        self, path: Path, load_plan: LoadPlan, export: Path | None, plans: dict[str, PlanExposure]
    ) -> RadiationCourse:
        entry = self.entry
        if entry.gy_per_fraction is not None:
            if entry.plan is not None:
                raise self.error(
                    "gy_per_fraction", ": gy_per_fraction is for the whole body; a plan has its own doses", "keep one"
                )
            days = self._calendar(None)
            with self.written.at(self.at()):
                return RadiationCourse(self.label, days, entry.gy_per_fraction, role=entry.role or "lymphodepletion")
        source = export if entry.plan is None else path.parent / entry.plan
        if source is None:
            raise self.error("", " has no dose", "give plan =, or gy_per_fraction =, or an EXPORT on the command line")
        loaded = load_plan(source)
        # the plan's own label: a folder may be named after the patient
        key = loaded.label if loaded.label not in plans else f"{loaded.label} ({len(plans) + 1})"
        plans[key] = loaded
        days = self._calendar(loaded.days)
        role = entry.role or ("lymphodepletion" if is_even(loaded) else "bridging")
        factor = 1.0 if entry.dose_factor is None else entry.dose_factor
        with self.written.at(self.at()):
            return RadiationCourse(self.label, days, None, key, role, entry.kinetics, factor)

    def _calendar(self, of_plan: Sequence[float] | None) -> tuple[float, ...]:
        entry = self.entry
        if entry.days is not None:
            days = _days(self.written, entry.days, self.at("days"))
            if of_plan is not None and len(days) != len(of_plan):
                raise self.error("days", f": {len(days)} days for the {len(of_plan)} fractions of its plan")
            if entry.fractions is not None and entry.fractions != len(days):
                raise self.error("days", f": {len(days)} days for {entry.fractions} fractions")
            return tuple(day - self.zero for day in days)
        if of_plan is not None:
            if entry.fractions is not None or entry.schedule is not None:
                key = "schedule" if entry.fractions is None else "fractions"
                raise self.error(key, ": fractions and schedule come from its plan", "give days to change them")
            relative = tuple(day - of_plan[0] for day in of_plan)
        else:
            if entry.fractions is None:
                raise self.error("", ": give days, or fractions and first_day")
            relative = self._scheduled(entry.fractions)
        if entry.last_day is not None:
            first = entry.last_day - relative[-1]
        elif entry.first_day is not None:
            first = entry.first_day
        elif of_plan is not None:
            first = of_plan[0]
        else:
            raise self.error("", ": give first_day or last_day")
        return tuple(first + day - self.zero for day in relative)

    def _scheduled(self, fractions: int) -> tuple[float, ...]:
        if self.entry.schedule == "weekdays":
            return tuple(weekdays(fractions, self.entry.first_weekday or 0).tolist())
        return tuple(every_day(fractions, per_day=2 if self.entry.schedule == "bid" else 1).tolist())


def _facts(written: Written, tables: RegimenTables) -> PatientFacts:
    own = {key: value for key in OWN_PATIENT if (value := getattr(tables.patient, key)) is not None}
    return PatientFacts(patient_of(written, tables.patient), labs=_labs(written, tables), **own)


def _labs(written: Written, tables: RegimenTables) -> Labs | None:
    if tables.labs is None:
        return None
    given = {key: value for key in KEYS if (value := getattr(tables.labs, key)) is not None}
    for key, value in given.items():
        with written.at(("labs", key)):
            labs_from({key: value})
    with written.at(("labs",)):
        return labs_from(given)


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


def _days(written: Written, value: float | list[float], at: tuple[Key, ...]) -> tuple[float, ...]:
    days = tuple(value) if isinstance(value, list) else (value,)
    if list(days) != sorted(days):
        raise written.error(at, f"must rise: {list(days)}")
    return days
