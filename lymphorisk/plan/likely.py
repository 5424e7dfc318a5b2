"""Facts that one body may have and hardly any has: a slip of units is as likely, and a question is asked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lymphorisk.findings import Finding, finding, rule
from lymphorisk.plan.patient import ADULT_AGE_Y, Patient
from lymphorisk.units import CM_PER_INCH, CM_PER_M, KG_PER_POUND

UNLIKELY = rule(
    "LR048",
    "warning",
    "patient facts unlikely",
    "Height, weight and age that few bodies have together; a slip of units explains them. They are used as given.",
)
HINT = "type the age in years, the height in cm, the weight in kg; or go on when they are right"
MONTHS_PER_YEAR = 12.0
#: Body mass index of most adults: above it pounds typed as kilograms are as likely. Assumed. [kg/m2]
BMI = (13.0, 40.0)
#: Rounded middle of both sexes, recalled from growth charts and so assumed: ages [y], heights [cm], masses [kg].
AGE_Y = (0.0, 0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0)
MIDDLE: Mapping[str, tuple[float, ...]] = {
    "height": (50.0, 67.0, 75.0, 87.0, 103.0, 116.0, 128.0, 139.0, 150.0, 161.0, 168.0, 171.0),
    "mass": (3.4, 7.7, 9.5, 12.0, 16.0, 20.5, 26.0, 33.0, 42.0, 52.0, 60.0, 66.0),
}
#: Shares of the middle beyond the charts' outermost lines: assumed.
SHARES: Mapping[str, tuple[float, float]] = {"height": (0.8, 1.25), "mass": (0.55, 1.8)}


def unlikely(patient: Patient, where: str) -> tuple[Finding, ...]:
    """A finding where height, weight and age are hardly those of one body, with the slip that explains them.

    Examples
    --------
    >>> unlikely(Patient(height_cm=175.0, weight_kg=176.0), "as given")[0].what
    'weight_kg = 176 at height_cm = 175 is a body mass index of 57; 176 pounds are 80 kg (26)'
    """
    child = patient.age_y is not None and patient.age_y < ADULT_AGE_Y
    what = _of_child(patient) if child else _of_adult(patient)
    return (finding(UNLIKELY, what, where, HINT),) if what else ()


def child_mass_kg(age_y: float) -> float:
    """Middle mass of children of an age. [kg]"""
    return _middle("mass", age_y)


def _of_adult(p: Patient) -> str:
    if p.height_cm is None or p.weight_kg is None:
        return ""
    square = (p.height_cm / CM_PER_M) ** 2
    bmi = p.weight_kg / square
    low, high = BMI
    if low <= bmi < high:
        return ""
    said = f"weight_kg = {p.weight_kg:g} at height_cm = {p.height_cm:g} is a body mass index of {bmi:.0f}"
    if bmi < high:
        return said
    meant = p.weight_kg * KG_PER_POUND
    return f"{said}; {p.weight_kg:g} pounds are {meant:.0f} kg ({meant / square:.0f})"


def _of_child(p: Patient) -> str:
    """A child's height and weight against its age."""
    assert p.age_y is not None
    facts = {n: v for n, v in (("height", p.height_cm), ("mass", p.weight_kg)) if v is not None}
    odd = [name for name, value in facts.items() if not _usual(name, value, p.age_y)]
    if not odd:
        return ""
    called = {"height": "height_cm", "mass": "weight_kg"}
    said = f"{' and '.join(f'{called[n]} = {facts[n]:g}' for n in odd)} at age_y = {p.age_y:g}: hardly a child's"
    return said + _explained(facts, odd, p.age_y)


def _explained(facts: Mapping[str, float], odd: list[str], age_y: float) -> str:
    """The slip that makes facts of a child usual."""
    slips = {"height": ("inches", CM_PER_INCH, "cm"), "mass": ("pounds", KG_PER_POUND, "kg")}
    told = ""
    for name in odd:
        unit, factor, own = slips[name]
        meant = facts[name] * factor
        if _usual(name, meant, age_y):
            told += f"; {facts[name]:g} {unit} are {meant:.0f} {own}"
    months = age_y / MONTHS_PER_YEAR
    if not told and all(_usual(name, value, months) for name, value in facts.items()):
        return f"; usual at {age_y:g} months (age_y = {months:.2g})"
    return told


def _usual(name: str, value: float, age_y: float) -> bool:
    low, high = SHARES[name]
    return low <= value / _middle(name, age_y) <= high


def _middle(name: str, age_y: float) -> float:
    return float(np.interp(age_y, AGE_Y, MIDDLE[name]))
