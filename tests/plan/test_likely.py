"""Facts that hardly any body has together: the slip that explains them is named, and nothing is refused."""

from __future__ import annotations

from typing import Any

import pytest

from lymphorisk.plan import Patient, known_patient
from lymphorisk.plan.likely import child_mass_kg, unlikely

SLIPS = [
    ({"height_cm": 175, "weight_kg": 176}, "176 pounds are 80 kg"),
    ({"height_cm": 162, "weight_kg": 121, "age_y": 44}, "121 pounds are 55 kg"),
    ({"height_cm": 188, "weight_kg": 40}, "body mass index of 11"),
    ({"age_y": 8, "weight_kg": 60}, "60 pounds are 27 kg"),
    ({"age_y": 8, "height_cm": 50}, "50 inches are 127 cm"),
    ({"age_y": 15, "height_cm": 66}, "66 inches are 168 cm"),
    ({"age_y": 9, "height_cm": 71, "weight_kg": 9}, "usual at 9 months"),
    ({"age_y": 7, "height_cm": 165}, "hardly a child's"),
]
FINE = [
    {"height_cm": 175, "weight_kg": 80},
    {"height_cm": 170, "weight_kg": 110},
    {"height_cm": 150, "weight_kg": 38},
    {"age_y": 0.02, "height_cm": 50, "weight_kg": 3.4},
    {"age_y": 3, "height_cm": 96, "weight_kg": 14},
    {"age_y": 8, "height_cm": 140, "weight_kg": 40},
    {"age_y": 17, "height_cm": 195, "weight_kg": 95},
    {"weight_kg": 176},
    {},
]


@pytest.mark.parametrize(("facts", "said"), SLIPS)
def test_a_slip_of_units_is_named_once_and_the_fact_is_kept(facts: dict[str, Any], said: str) -> None:
    known = known_patient(facts, "as typed", Patient(), "the file")
    (odd,) = known.findings
    assert (odd.code, odd.severity) == ("LR048", "warning")
    assert said in odd.what
    assert known.patient == Patient(**facts)
    assert known_patient(facts, "as given", Patient(), "the plan's files", known.findings).findings == known.findings


@pytest.mark.parametrize("facts", FINE)
def test_usual_bodies_are_not_asked_about(facts: dict[str, Any]) -> None:
    assert unlikely(Patient(**facts), "here") == ()


def test_a_child_grows() -> None:
    masses = [child_mass_kg(age) for age in (0.0, 0.5, 1.0, 5.0, 12.0, 18.0)]
    assert masses == sorted(set(masses))
