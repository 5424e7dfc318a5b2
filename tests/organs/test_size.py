"""Plausible volumes follow the body: told, or drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lymphorisk.analysis.size import against_body
from lymphorisk.organs import check_volume, drawn_mass_kg, load, mass_kg, match, trunk_section_cm2
from lymphorisk.organs.size import volume_range_cm3
from lymphorisk.plan import Patient, Structure

#: Organs of children [kg]: their volume [cm3], as organ masses of reference children go.
CHILDREN = [
    (3.5, "Liver", 130.0),
    (10.0, "Liver", 330.0),
    (20.0, "Spleen", 55.0),
    (10.0, "Kidneys", 75.0),
    (10.0, "Heart", 80.0),
    (3.5, "Brain", 380.0),
    (10.0, "Brain", 950.0),
    (20.0, "Brain", 1250.0),
]


@pytest.mark.parametrize(("mass", "name", "volume"), CHILDREN)
def test_a_childs_organ_is_plausible_in_a_child(mass: float, name: str, volume: float) -> None:
    assert check_volume(name, volume, mass) is None
    for wrong in (volume / 10, volume * 10):
        odd = check_volume(name, wrong, mass)
        assert odd is not None
        assert (odd.code, f"in a body of {mass:.0f} kg" in odd.what) == ("LR157", True)


def test_adults_keep_their_ranges_and_large_bodies_widen_them() -> None:
    liver = load()["Liver"]
    for mass in (None, 45.0, 80.0, 120.0):
        assert volume_range_cm3(liver, mass) == liver.volume_range_cm3
    assert liver.volume_range_cm3 is not None
    assert volume_range_cm3(liver, 240.0) == (liver.volume_range_cm3[0], 2 * liver.volume_range_cm3[1])
    assert check_volume("Spleen", 30.0, 80.0) == check_volume("Spleen", 30.0)


def cylinder(name: str, volume_cm3: float, half_mm: tuple[float, float], tall_mm: float, number: int) -> Structure:
    t = 2 * np.pi * np.arange(72) / 72
    ring = np.column_stack([half_mm[0] * np.cos(t), half_mm[1] * np.sin(t)])
    ring *= np.sqrt(1000 * volume_cm3 / tall_mm / (np.pi * half_mm[0] * half_mm[1])) if volume_cm3 else 1.0
    z = np.arange(5.0, tall_mm, 10.0) - tall_mm / 2
    return Structure(number, name, tuple(np.column_stack([ring, np.full(72, h)]) for h in z))


def drawn(share: float, organ: str = "Liver", volume: float = 1500.0) -> list[Structure]:
    """A trunk and an organ, all lengths times `share`."""
    body = cylinder("Body", 0.0, (180 * share, 114 * share), 400 * share, 1)
    return [body, cylinder(organ, volume * share**3, (50, 50), 200 * share, 2)]


def test_the_drawn_trunk_tells_the_mass() -> None:
    assert drawn_mass_kg(642.0) == pytest.approx(73.0)
    assert mass_kg(Patient(), match(drawn(1.0)).regions) == pytest.approx(73.0, rel=0.03)
    assert mass_kg(Patient(), match(drawn(0.5)).regions) == pytest.approx(73.0 / 8, rel=0.03)
    assert mass_kg(Patient(weight_kg=80.0), match(drawn(0.5)).regions) == 80.0
    assert mass_kg(Patient(age_y=6.0), match(drawn(0.5)[:1]).regions) == pytest.approx(20.5)
    assert mass_kg(Patient(), match(drawn(0.5, "Brain", 1400.0)).regions) is None, "a head's outline tells no mass"


def test_an_infants_organs_are_used_and_an_adults_in_an_infant_are_not() -> None:
    found = match(drawn(0.38, "Heart", 700.0))  # 38 cm3: an eighth of the smallest adult's
    assert "Heart" in found.organs
    body, heart = drawn(0.38)[0], cylinder("Heart", 700.0, (50, 50), 100, 2)
    assert "Heart" not in match([body, heart]).organs
    assert trunk_section_cm2({"Body": body}) is None


@pytest.mark.parametrize("facts", [{"weight_kg": 3.6, "age_y": 0.05}, {"age_y": 0.05}])
def test_without_a_body_the_patient_says_how_large_organs_are(facts: dict[str, Any]) -> None:
    """A newborn's heart was none, because no adult's is that small; an adult's in a newborn is none."""
    heart = cylinder("Heart", 22.0, (15, 15), 30, 2)
    assert "Heart" not in match([heart]).organs
    assert "Heart" in match([heart], patient=Patient(**facts)).organs
    assert "Heart" not in match([cylinder("Heart", 700.0, (50, 50), 100, 2)], patient=Patient(**facts)).organs


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"weight_kg": 176.0, "height_cm": 176.0}, "176 pounds are 80 kg"),
        ({"weight_kg": 176.0}, "176 pounds are 80 kg"),
        ({"weight_kg": 30.0, "height_cm": 176.0}, "weight_kg is 30, and the drawn trunk"),
        ({"weight_kg": 73.0, "height_cm": 176.0}, ""),
        ({"weight_kg": 90.0, "height_cm": 176.0}, ""),
        ({"weight_kg": 55.0}, ""),
        ({}, ""),
    ],
)
def test_the_drawn_body_against_what_was_told(facts: dict[str, Any], said: str) -> None:
    found = against_body(Patient(**facts), match(drawn(1.0)))
    assert [said in f.what for f in found] == ([True] if said else [])


def test_a_body_longer_than_the_patient_is_tall() -> None:
    long = [cylinder("Body", 0.0, (180, 114), 1700, 1)]
    (found,) = against_body(Patient(height_cm=120.0), match(long))
    assert found.what == "height_cm is 120, and the body is drawn 169 cm long: 120 is used"
    assert against_body(Patient(height_cm=165.0), match(long)) == ()
