"""The size of the patient's body: as told, as drawn, and where the two cannot be of one person."""

from __future__ import annotations

from lymphorisk import parameters
from lymphorisk.dvh.sections import boxes_of
from lymphorisk.findings import Finding, finding
from lymphorisk.organs import Matching, drawn_mass_kg, trunk_section_cm2
from lymphorisk.plan import Patient
from lymphorisk.plan.facts import CONTRADICTION
from lymphorisk.plan.patient import ADULT_WEIGHT_KG
from lymphorisk.units import KG_PER_POUND, ML_PER_L, MM_PER_CM

HINT = "correct the fact (height in cm, weight in kg), or look whose body this is"


def against_body(patient: Patient, matching: Matching) -> tuple[Finding, ...]:
    """Findings where the drawn body contradicts the height or the weight."""
    said = (_too_long(patient, matching), _too_wide_or_narrow(patient, matching))
    return tuple(finding(CONTRADICTION, what, "Body", HINT) for what in said if what)


def _too_long(patient: Patient, matching: Matching) -> str:
    """The body is drawn longer than the patient is tall."""
    if patient.height_cm is None or "Body" not in matching.organs:
        return ""
    boxes = boxes_of(matching.organs["Body"].region)
    drawn = float(boxes[:, 1, 2].max() - boxes[:, 0, 2].min()) / MM_PER_CM
    if drawn <= parameters.load("size")["length.most"].number * patient.height_cm:
        return ""
    return (
        f"height_cm is {patient.height_cm:g}, and the body is drawn {drawn:.0f} cm long: {patient.height_cm:g} is used"
    )


def _too_wide_or_narrow(patient: Patient, matching: Matching) -> str:
    """The trunk is far from what the weight makes of it; children that small have other shapes."""
    weight = patient.weight_kg
    section = trunk_section_cm2(matching.regions)
    if weight is None or section is None or weight < ADULT_WEIGHT_KG[0]:
        return ""
    low, high = _fitting_kg(section, patient.height_cm)
    if low <= weight <= high:
        return ""
    said = f"weight_kg is {weight:g}, and the drawn trunk ({section:.0f} cm2) is of {low:.0f} to {high:.0f} kg"
    if low <= weight * KG_PER_POUND <= high:
        said += f" ({weight:g} pounds are {weight * KG_PER_POUND:.0f} kg)"
    return f"{said}: {weight:g} is used"


def _fitting_kg(section_cm2: float, height_cm: float | None) -> tuple[float, float]:
    """Lowest and highest mass that a trunk's largest section fits. [kg]"""
    numbers = parameters.load("size")
    if height_cm is None:
        drawn, apart = drawn_mass_kg(section_cm2), numbers["section.apart"].number
        return drawn / apart, drawn * apart
    column = parameters.load("body")["density"].number * section_cm2 * height_cm / ML_PER_L
    low, high = numbers["section.ratio"].pair
    return column / high, column / low
