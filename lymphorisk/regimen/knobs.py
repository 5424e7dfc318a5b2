"""Free knobs of a regimen and the schedules they span.

::

    [[conditioning.search]]
    drug = "fludarabine"            # its daily dose
    mg_per_m2 = [20, 25, 30]
    [[conditioning.search]]
    radiation = "low-dose TBI"      # by its label
    gy_per_fraction = [0, 0.5, 1, 2]
    fractions = [1, 2]              # whole body only
    last_day = [-3, -2, -1]         # day of the last fraction
    [[conditioning.search]]
    infusion_delay_d = [0, 1, 2]    # infusion this much later than planned

A dose of zero leaves the drug or field out. Doses of a drug stay within those on the labels on record; a
plan's field varies by its dose per fraction as a share of the plan's own (`dose_factor`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lymphorisk.conditioning.regimen import LABELLED, RadiationCourse, Regimen, delayed
from lymphorisk.errors import ScenarioError
from lymphorisk.regimen.products import products

if TYPE_CHECKING:
    from lymphorisk.scenario.schema import Search
    from lymphorisk.tomlfile import Key, Written

DRUG_KEYS = {"mg_per_m2": "mg/m2", "mg_per_kg": "mg/kg", "mg": "mg"}
FIELD_KEYS = ("gy_per_fraction", "dose_factor", "fractions", "last_day")
SCHEDULES_MAX = 20_000
WORDS = {
    "mg_per_m2": "mg/m2",
    "mg_per_kg": "mg/kg",
    "mg": "mg",
    "gy_per_fraction": "Gy/fx",
    "dose_factor": "x dose",
    "fractions": "fx",
    "last_day": "last day",
    "delay_d": "delay d",
}
#: Fractions of a what-if field are a day apart.
FRACTION_STEP_D = 1.0


@dataclass(frozen=True, slots=True)
class Knob:
    """One thing that may vary.

    Attributes
    ----------
    of : str
        Drug, label of the radiation, or ``infusion``.
    key : str
        What varies: a dose unit, ``gy_per_fraction``, ``dose_factor``, ``fractions``, ``last_day``, ``delay_d``.
    values : tuple of float
        Rising.
    start : float
        Its value in the regimen as given.
    """

    of: str
    key: str
    values: tuple[float, ...]
    start: float

    @property
    def label(self) -> str:
        """The knob in words."""
        return f"{self.of} {WORDS[self.key]}"


@dataclass(frozen=True, slots=True)
class Schedule:
    """One setting of all knobs, the regimen it makes, and how far it is from the regimen as given."""

    settings: tuple[tuple[str, float], ...]
    regimen: Regimen
    distance: float


def read_knobs(written: Written, searches: Sequence[Search], regimen: Regimen) -> tuple[Knob, ...]:
    """Knobs of the ``[[conditioning.search]]`` tables of a file.

    Raises
    ------
    ScenarioError
        A table of none or of several things, a dose beyond the labels on record, a knob given twice.
    """
    out: list[Knob] = []
    for n, entry in enumerate(searches):
        at: tuple[Key, ...] = ("conditioning", "search", n)
        said = {key: value for key in entry.__struct_fields__ if (value := getattr(entry, key)) is not None}
        kinds = [kind for kind in KINDS if kind in said]
        if len(kinds) != 1:
            raise written.error(at, f"needs one of {', '.join(KINDS)}")
        made, allowed = KINDS[kinds[0]]
        for key in said:
            if key not in (kinds[0], *allowed):
                raise written.error((*at, key), f"is no key of {kinds[0]}", f"allowed are {', '.join(allowed)}")
        with written.at(at):
            out += made(said, regimen)
    names = [knob.label for knob in out]
    if len(set(names)) != len(names):
        raise written.error(("conditioning", "search"), ": a knob is given twice")
    return tuple(out)


def _values(value: Any) -> tuple[float, ...]:
    return tuple(sorted(set(value))) if isinstance(value, list) else (value,)


def _drug_knobs(said: Mapping[str, Any], regimen: Regimen) -> list[Knob]:
    drug = said["drug"]
    doses = [d for d in regimen.drugs if d.drug == drug]
    units = [key for key in DRUG_KEYS if key in said]
    if not doses:
        raise ScenarioError(f"the regimen has no {drug}")
    if len(units) != 1 or any(d.unit != DRUG_KEYS[units[0]] for d in doses):
        raise ScenarioError(f"{drug}: give its doses in {doses[0].unit}")
    unit = DRUG_KEYS[units[0]]
    values = _values(said[units[0]])
    limit = label_limit(drug, unit)
    if limit is None or values[0] < 0.0 or values[-1] > limit:
        known = "no label on record" if limit is None else f"the labels on record reach {limit:g} {unit}"
        raise ScenarioError(f"{drug} {values[-1]:g} {unit} a day is beyond what may be searched: {known}")
    return [Knob(drug, units[0], values, doses[0].amount)]


def label_limit(drug: str, unit: str) -> float | None:
    """Greatest labelled daily dose of a drug in a unit over all products; None when no label uses it."""
    doses = [
        d.amount
        for r in products().values()
        if r.standing in LABELLED
        for d in r.drugs
        if d.drug == drug and d.unit == unit
    ]
    return max(doses) if doses else None


def _field_knobs(said: Mapping[str, Any], regimen: Regimen) -> list[Knob]:
    label = said["radiation"]
    courses = [r for r in regimen.radiation if r.label == label]
    if len(courses) != 1:
        raise ScenarioError(
            f"radiation {label!r} is not one of the regimen's",
            f"labels are {', '.join(r.label for r in regimen.radiation) or '(none)'}",
        )
    course = courses[0]
    only_body = course.whole_body_gy is not None
    start = {
        "gy_per_fraction": course.whole_body_gy or 0.0,
        "dose_factor": course.dose_factor,
        "fractions": float(len(course.days)),
        "last_day": course.days[-1],
    }
    out = []
    for key in FIELD_KEYS:
        if key not in said:
            continue
        if (key in {"gy_per_fraction", "fractions"}) != only_body and key != "last_day":
            what = "the whole body" if key != "dose_factor" else "a plan"
            raise ScenarioError(f"{label!r}: {key} is for {what}")
        values = _values(said[key])
        if key == "fractions" and any(v < 1 or v != int(v) for v in values):
            raise ScenarioError(f"{label!r}: fractions are whole numbers from 1")
        out.append(Knob(label, key, values, start[key]))
    return out


def _delay_knob(said: Mapping[str, Any], regimen: Regimen) -> list[Knob]:
    return [Knob("infusion", "delay_d", _values(said["infusion_delay_d"]), 0.0)]


#: What a search table may be of: who makes its knobs, and the keys beside it.
KINDS: Mapping[str, tuple[Callable[[Mapping[str, Any], Regimen], list[Knob]], tuple[str, ...]]] = {
    "drug": (_drug_knobs, tuple(DRUG_KEYS)),
    "radiation": (_field_knobs, FIELD_KEYS),
    "infusion_delay_d": (_delay_knob, ()),
}


def schedules(regimen: Regimen, knobs: Sequence[Knob]) -> tuple[Schedule, ...]:
    """All settings of the knobs, nearest to the regimen as given first.

    The distance of a setting is the sum over its knobs of the change as a share of the knob's range.
    """
    if not knobs:
        raise ScenarioError("nothing to search: the regimen has no [[conditioning.search]] table")
    count = math.prod(len(k.values) for k in knobs)
    if count > SCHEDULES_MAX:
        raise ScenarioError(f"{count} schedules are more than {SCHEDULES_MAX}", "give the knobs fewer values")
    made: dict[Regimen, Schedule] = {}
    for values in itertools.product(*(k.values for k in knobs)):
        changed = regimen
        distance = 0.0
        for knob, value in zip(knobs, values, strict=True):
            ends = (*knob.values, knob.start)
            span = max(ends) - min(ends)
            distance += abs(value - knob.start) / span if span > 0 else 0.0
        for knob, value in sorted(zip(knobs, values, strict=True), key=lambda pair: pair[0].of == "infusion"):
            changed = _set(changed, knob, value)
        if changed not in made or distance < made[changed].distance:
            settings = tuple((k.label, v) for k, v in zip(knobs, values, strict=True))
            made[changed] = Schedule(settings, changed, distance)
    return tuple(sorted(made.values(), key=lambda s: (s.distance, s.settings)))


def _set(regimen: Regimen, knob: Knob, value: float) -> Regimen:
    if knob.of == "infusion":
        return delayed(regimen, value)
    if knob.key in DRUG_KEYS:
        drugs = tuple(replace(d, amount=value) if d.drug == knob.of else d for d in regimen.drugs)
        return replace(regimen, drugs=tuple(d for d in drugs if d.amount > 0.0))
    courses = tuple(_set_field(r, knob.key, value) if r.label == knob.of else r for r in regimen.radiation)
    return replace(regimen, radiation=tuple(r for r in courses if r is not None))


def _set_field(course: RadiationCourse, key: str, value: float) -> RadiationCourse | None:
    if key in {"gy_per_fraction", "dose_factor"} and value == 0.0:
        return None
    if key == "gy_per_fraction":
        return replace(course, whole_body_gy=value)
    if key == "dose_factor":
        return replace(course, dose_factor=value)
    if key == "last_day":
        return replace(course, days=tuple(day + value - course.days[-1] for day in course.days))
    last = course.days[-1]
    return replace(course, days=tuple(last - FRACTION_STEP_D * k for k in reversed(range(int(value)))))
