"""Knobs of a search over a regimen that names none: what a planner may turn of it."""

from __future__ import annotations

from lymphorisk.conditioning.regimen import Regimen
from lymphorisk.errors import ScenarioError
from lymphorisk.regimen.knobs import Knob, label_limit

#: Values tried: dose of a whole-body fraction [Gy], share of a plan's dose, share of the largest labelled dose of a
#: drug, days the infusion waits. Zero leaves a field or drug out.
WHOLE_BODY_GY = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
DOSE_FACTORS = (0.5, 0.75, 1.0, 1.25, 1.5)
LABEL_SHARES = (0.5, 0.75, 1.0)
DELAYS_D = (0.0, 1.0, 2.0)
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
            out.append(Knob(course.label, "gy_per_fraction", WHOLE_BODY_GY, course.whole_body_gy))
        else:
            out.append(Knob(course.label, "dose_factor", DOSE_FACTORS, course.dose_factor))
    for drug in dict.fromkeys(d.drug for d in regimen.drugs if d.modelled):
        doses = [d for d in regimen.drugs if d.drug == drug]
        limit = label_limit(drug, doses[0].unit)
        if limit is not None and len({d.unit for d in doses}) == 1:
            values = tuple(limit * share for share in LABEL_SHARES)
            out.append(Knob(drug, KEYS[doses[0].unit], values, doses[0].amount))
    if not out:
        raise ScenarioError("nothing of the regimen can be searched", "add [[conditioning.search]] tables to its file")
    return (*out, Knob("infusion", "delay_d", DELAYS_D, 0.0))
