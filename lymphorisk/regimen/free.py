"""Knobs of a search over a regimen that names none: what a planner may turn of it."""

from __future__ import annotations

from lymphorisk.conditioning.regimen import Regimen
from lymphorisk.errors import ScenarioError
from lymphorisk.parameters import load
from lymphorisk.regimen.knobs import Knob, label_limit

KEYS = {"mg/m2": "mg_per_m2", "mg/kg": "mg_per_kg", "mg": "mg"}


def default_knobs(regimen: Regimen) -> tuple[Knob, ...]:
    """Dose of every field, dose of every modelled drug within the labels on record, and the day of the infusion.

    Raises
    ------
    ScenarioError
        Nothing of the regimen can be turned.
    """
    out: list[Knob] = []
    for course in regimen.radiation:
        if course.whole_body_gy is not None:
            out.append(Knob(course.label, "gy_per_fraction", _tried("whole_body.gy"), course.whole_body_gy))
        else:
            out.append(Knob(course.label, "dose_factor", _tried("plan.factor"), course.dose_factor))
    for drug in dict.fromkeys(d.drug for d in regimen.drugs if d.modelled):
        doses = [d for d in regimen.drugs if d.drug == drug]
        limit = label_limit(drug, doses[0].unit)
        if limit is not None and len({d.unit for d in doses}) == 1:
            values = tuple(limit * share for share in _tried("drug.share"))
            out.append(Knob(drug, KEYS[doses[0].unit], values, doses[0].amount))
    if not out:
        raise ScenarioError("nothing of the regimen can be searched", "add [[conditioning.search]] tables to its file")
    return (*out, Knob("infusion", "delay_d", _tried("infusion.delay"), 0.0))


def _tried(name: str) -> tuple[float, ...]:
    """Values of a knob, from the parameter topic ``search``."""
    value = load("search")[name].value
    assert isinstance(value, tuple)
    return value
