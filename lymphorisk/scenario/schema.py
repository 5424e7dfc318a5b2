"""The keys of scenario and patient files, with their kinds, ranges and what holds without them.

A new table of a file is a class here and a field of `ScenarioFile`; a regimen has the same tables and some of its own.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from lymphorisk.conditioning.regimen import FRACTION_MAX_GY, KINETICS, ROLES, drug_named
from lymphorisk.errors import ScenarioError
from lymphorisk.plan.calendar import MakeUp
from lymphorisk.plan.delivery import delivery_of, when_of
from lymphorisk.plan.emitter import marrow_method_of, nuclide_of
from lymphorisk.plan.treatment import MAX_BEAMS
from lymphorisk.plan.words import NODE_ROLES, READERS, modality_of
from lymphorisk.scenario.dose import DOSE_MAX_GY
from lymphorisk.scenario.said import day_text
from lymphorisk.tomlfile import between, filled, number, word
from lymphorisk.units import CGY_PER_GY, chosen
from lymphorisk.units.counts import count_unit

Schedule = Literal["weekdays", "daily", "bid"]
Numbers = Annotated[list[float], filled()]
#: One number, or a list of them.
Days = float | Numbers
#: More fractions or days than this are a slip of units.
COUNT_MAX = 10_000
MBQ_PER_GBQ = 1000.0
Count = Annotated[int, between(1, COUNT_MAX)]


def _if_said(key: str) -> Any:
    """Words for a key of the patient, kept as they are written; an empty text says nothing."""
    return word(lambda text: READERS[key](text) if text else text, kept=True)


def _modality(text: str) -> str:
    return modality_of(text) if text else "photon"


def _role(text: str) -> str:
    return chosen(text, ROLES, {}, "role")


def _kinetics(text: str) -> str:
    return chosen(text, KINETICS, {}, "kinetics")


def _network(of: str | int) -> str:
    return chosen(str(of), ("28", "32"), {}, "network")


def _cgy(value: float) -> str:
    return f"doses are in Gy: {value:g} cGy are {value / CGY_PER_GY:g} Gy" if value > 0 else ""


def _mbq(value: float) -> str:
    return f"activities are in GBq: {value:g} MBq are {value / MBQ_PER_GBQ:g} GBq" if value > 0 else ""


class Table(msgspec.Struct, frozen=True):
    """A table of the file."""


class Organ(Table, frozen=True):
    """``[organs.NAME]``: dose of the whole course, as a mean or as a cumulative DVH with shares of one."""

    mean_gy: Annotated[float, between(0.0, DOSE_MAX_GY, "Gy", _cgy)] | None = None
    dvh_dose_gy: Numbers | None = None
    dvh_volume: Numbers | None = None


class Fractionation(Table, frozen=True):
    """What ``[plan]`` and ``[[plan.phase]]`` both may say; a phase takes what it does not say from the plan."""

    label: str = ""
    modality: Annotated[str, word(_modality)] | None = None
    fractions: Count | None = None
    schedule: Schedule | None = None
    days: Numbers | None = None
    times_h: Numbers | None = None
    cycles: Count | None = None
    cycle_days: Annotated[float, between(0.1, COUNT_MAX, "d")] | None = None
    first_weekday: Annotated[int, number("first_weekday")] | None = None
    beam_on_s: Annotated[list[Annotated[float, number("beam_on_s")]], filled(MAX_BEAMS)] | None = None
    beam_start_s: Numbers | None = None
    beam_weights: Numbers | None = None
    prescription_gy: Annotated[float, number("prescription_gy")] | None = None
    rbe: float | None = None


class PhaseTable(Fractionation, frozen=True):
    """``[[plan.phase]]``: one of several phases, with its organ doses or a share of the common ones."""

    first_day: Annotated[int, between(0, COUNT_MAX)] | None = None
    organs: dict[str, Organ] = {}


class Plan(Fractionation, frozen=True):
    """``[plan]``: fractions, calendar, beams, and the network of the circulation."""

    network: Annotated[Any, word(_network)] = None
    stages: Annotated[int, number("stages")] | None = None
    lanes: Annotated[int, number("lanes")] | None = None
    phase: Annotated[list[PhaseTable], filled()] | None = None


class Dexamethasone(Table, frozen=True):
    """One period of ``patient.steroid``: mg a day, first and last day as numbers or dates."""

    dexamethasone_mg_d: Annotated[float, number("dexamethasone_mg_d")]
    from_: Any = msgspec.field(default=None, name="from")
    to: Any = None


class PatientTable(Table, frozen=True):
    """``[patient]``: facts; what is not said is not known. `alc` and `lln` are in `alc_unit`."""

    sex: Annotated[str, _if_said("sex")] = ""
    age: Annotated[float, number("age_y")] | None = None
    height_cm: Annotated[float, number("height_cm")] | None = None
    weight_kg: Annotated[float, number("weight_kg")] | None = None
    alc: float | None = None
    alc_unit: Annotated[str, word(count_unit)] = "10^9/L"
    lln: float | None = None
    site: Annotated[str, _if_said("site")] = ""
    chemo: Annotated[str, _if_said("chemo")] = ""
    steroid: float | str | Dexamethasone | list[float | str | Dexamethasone] | None = None
    first_fraction: Any = None
    neutrophils: Annotated[float, number("neutrophils")] | None = None
    subsets: str | list[str] | dict[str, float] | None = None
    columns: dict[str, float] | None = None


class Drug(Table, frozen=True):
    """``[[conditioning.drug]]``: a drug, its dose in one unit, and its days: listed, or from the first to the last."""

    name: Annotated[str, word(drug_named)]
    day: Days | None = None
    first_day: Annotated[float, between(-COUNT_MAX, COUNT_MAX, "d")] | None = None
    last_day: Annotated[float, between(-COUNT_MAX, COUNT_MAX, "d")] | None = None
    every_d: Annotated[float, between(0.1, COUNT_MAX, "d")] | None = None
    mg_per_m2: float | None = None
    mg_per_kg: float | None = None
    mg: float | None = None


class Radiation(Table, frozen=True):
    """``[[conditioning.radiation]]``: a plan, or an even dose of the whole body, on the calendar of the regimen."""

    label: str | None = None
    plan: str | None = None
    gy_per_fraction: Annotated[float, between(0.0, FRACTION_MAX_GY, "Gy in one fraction", _cgy)] | None = None
    fractions: Count | None = None
    first_day: float | None = None
    last_day: float | None = None
    days: Days | None = None
    schedule: Schedule | None = None
    first_weekday: Annotated[int, number("first_weekday")] | None = None
    role: Annotated[str, word(_role)] | None = None
    kinetics: Annotated[str, word(_kinetics)] = "auto"
    dose_factor: float | None = None


class Search(Table, frozen=True):
    """``[[conditioning.search]]``: what may vary of one drug, one radiation, or of the day of infusion."""

    drug: Annotated[str, word(drug_named)] | None = None
    mg_per_m2: Days | None = None
    mg_per_kg: Days | None = None
    mg: Days | None = None
    radiation: str | None = None
    gy_per_fraction: Days | None = None
    dose_factor: Days | None = None
    fractions: Days | None = None
    last_day: Days | None = None
    infusion_delay_d: Days | None = None


class Conditioning(Table, frozen=True):
    """``[conditioning]``: drugs and radiation around an infusion of cells."""

    name: str | None = None
    product: str | None = None
    infusion_day: float | None = None
    infusion_days: Days | None = None
    leukapheresis_day: float | None = None
    drug: list[Drug] = []
    radiation: list[Radiation] = []
    window_d: Numbers | None = None
    search: list[Search] = []


class EmitterTable(Table, frozen=True):
    """``[[emitter]]``: an internal emitter, its cycles, and the dose of each by organ or by activity."""

    nuclide: Annotated[str, word(nuclide_of)]
    marrow_method: Annotated[str, word(marrow_method_of)] | None = None
    agent: str = ""
    label: str = ""
    activity_gbq: Annotated[float, between(1e-6, 1000.0, "GBq", _mbq)] | None = None
    days: Days | None = None
    cycles: Count | None = None
    every_d: Annotated[float, between(0.1, 1000.0, "d")] | None = None
    first_day: Annotated[float, between(0.0, COUNT_MAX, "d")] = 0.0
    gy_per_cycle: dict[str, float] = {}
    gy_per_gbq: dict[str, float] = {}
    effective_half_life_h: float | dict[str, float] | None = None


def _delivery(text: str) -> str:
    delivery_of(text)
    return text


def _missed(of: Any) -> str:
    text = day_text(of)
    when_of(text)
    return text


def _given_day(of: Any) -> str:
    text = day_text(of)
    if when_of(text).fraction is not None:
        raise ScenarioError(f"= {text!r}: a therapy is given on a day or a date")
    return text


def _node_role(text: str) -> str:
    return chosen(text, NODE_ROLES, {}, "role of nodes")


def _therapy_name(text: str) -> str:
    if not text.strip() or "=" in text:
        raise ScenarioError(f"= {text!r} is no name of a drug or of cells")
    return text.strip()


class CourseTable(Table, frozen=True):
    """``[course]``: which fractions are given by which plan, what is missed, and how far it has come."""

    deliver: Annotated[list[Annotated[str, word(_delivery)]], filled()] | None = None
    missed: Annotated[list[Annotated[Any, word(_missed)]], filled()] | None = None
    compensate: MakeUp | None = None
    delivered_so_far: Annotated[int, number("delivered_so_far")] | None = None


class TherapyTable(Table, frozen=True):
    """``[[therapy]]``: a drug or cells beside the course, and the days it is given."""

    name: Annotated[str, word(_therapy_name)]
    days: Annotated[list[Annotated[Any, word(_given_day)]], filled()]


#: ``[nodes]``: what node regions are here.
NodesTable = dict[str, Annotated[str, word(_node_role)]]


class ScenarioFile(Table, frozen=True):
    """A whole scenario file. `organs` are by name as typed, ``"*"`` is everything, ``Body`` the body."""

    plan: Plan | None = None
    emitter: list[EmitterTable] = []
    organs: dict[str, Organ] = {}
    patient: PatientTable = PatientTable()
    conditioning: Conditioning | None = None
    course: CourseTable | None = None
    therapy: list[TherapyTable] = []
    nodes: NodesTable = {}


class PatientFile(Table, frozen=True):
    """A patient file: a ``[patient]`` table and its therapies; other tables of a scenario or a regimen are not read."""

    patient: PatientTable
    therapy: list[TherapyTable] = []
    course: dict[str, Any] = {}
    nodes: dict[str, Any] = {}
    plan: dict[str, Any] = {}
    emitter: list[Any] = []
    organs: dict[str, Any] = {}
    conditioning: dict[str, Any] = {}
    labs: dict[str, Any] = {}
