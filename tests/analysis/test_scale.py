"""The target must have its dose: damage of one tag is found, plans as they are made are spared."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.analysis.scale import dose_in_name, sampled, scale_findings
from lymphorisk.organs import match
from lymphorisk.plan import DoseGrid, Phase, Structure, Witness

RX = Witness(50.0, "TargetPrescriptionDose")


def ball(number, name, radius_mm, centre=(0.0, 0.0, 0.0), rt_type="PTV"):
    planes = []
    for z in np.arange(-radius_mm + 2.5, radius_mm, 5.0):
        r, angle = np.sqrt(radius_mm**2 - z**2), np.linspace(0, 2 * np.pi, 40, endpoint=False)
        ring = np.stack([r * np.cos(angle), r * np.sin(angle), np.full(40, z)], axis=-1)
        planes.append(ring + np.array(centre))
    return Structure(number, name, tuple(planes), rt_type=rt_type)


def hill(top_gy, flat_mm, centre=(0.0, 0.0, 0.0), shift=(0.0, 0.0, 0.0), spacing=5.0, fall_mm=12.0):
    """A dose that is flat within a radius and falls beyond it, on a grid of 300 mm."""
    axis = np.arange(-150.0, 151.0, spacing)
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    r = np.sqrt((x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2)
    dose = top_gy * np.exp(-np.maximum(r - flat_mm, 0.0) / fall_mm)
    origin = np.array([-150.0, -150.0, -150.0]) + np.array(shift)
    return DoseGrid(dose.astype(np.float32), origin, np.eye(3), axis + 150.0, axis + 150.0, axis + 150.0)


def phase(dose, *witnesses, fractions=25, **more):
    return Phase("P", fractions, dose=dose, witnesses=witnesses, **more)


BODY = ball(1, "BODY", 130.0, rt_type="EXTERNAL")
PTV = ball(2, "PTV", 40.0)


def codes(phases, *structures):
    phases = phases if isinstance(phases, tuple) else (phases,)
    return [(f.code, f.severity) for f in scale_findings(phases, match((BODY, *structures)))]


def test_the_right_dose_is_quiet():
    assert codes(phase(hill(50.0, 45.0), RX), PTV) == []


@pytest.mark.parametrize("factor", [100.0, 10.0, 5.0, 2.0, 1.3, 0.7, 0.5, 1 / 25, 0.01])
def test_another_scale_is_an_error_that_names_its_witness(factor):
    (found,) = scale_findings((phase(hill(50.0 * factor, 45.0), RX),), match((BODY, PTV)))
    assert (found.code, found.severity) == ("LR037", "error")
    assert "50 Gy by TargetPrescriptionDose" in found.what


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("shift", [-80.0, -40.0, -25.0, 25.0, 40.0, 80.0])
def test_a_grid_elsewhere_leaves_no_verdict(axis, shift):
    move = [0.0, 0.0, 0.0]
    move[axis] = shift
    found = codes(phase(hill(50.0, 45.0, shift=tuple(move)), RX), PTV)
    assert found
    assert found[0][0] in ("LR037", "LR039")


@pytest.mark.parametrize("level", [0.95, 1.0, 1.08, 1.15])
def test_plans_as_they_are_made_are_spared(level):
    assert codes(phase(hill(50.0 * level, 45.0), RX), PTV, ball(3, "GTV", 15.0, rt_type="GTV")) == []


def test_a_stereotactic_plan_prescribed_to_the_edge_is_spared():
    assert codes(phase(hill(54.0 * 1.5, 14.0, fall_mm=60.0), Witness(54.0, RX.says), fractions=3), PTV) == []


def test_several_levels_at_once_are_each_their_own():
    dose = hill(60.0, 25.0, fall_mm=100.0)
    high, low = ball(2, "PTV_6000", 20.0), ball(3, "PTV_5400", 40.0)
    levels = (Witness(60.0, RX.says), Witness(54.0, RX.says))
    assert codes(phase(dose, *levels, fractions=30), high, low) == []
    assert codes(phase(dose, levels[0], fractions=30), high, low) == []


def test_a_boost_is_held_against_its_own_phase():
    first, boost = ball(2, "PTV_4500", 50.0), ball(3, "PTV_1440", 20.0)
    phases = (phase(hill(45.0, 60.0), Witness(45.0, RX.says)), phase(hill(14.4, 25.0), Witness(14.4, RX.says)))
    assert codes(phases, first, boost) == []
    swapped = (phase(hill(14.4, 25.0), Witness(45.0, RX.says)), phase(hill(45.0, 60.0), Witness(14.4, RX.says)))
    assert [c for c, _ in codes(swapped, first, boost)][:2] == ["LR037", "LR037"]


def test_witnesses_stand_in_for_each_other_and_say_so():
    beams = Witness(46.0, "BeamDose x fractions", of_point=True)
    assert codes(phase(hill(50.0, 45.0), beams), PTV) == [("LR038", "info")]
    assert codes(phase(hill(2.0, 45.0), beams), PTV) == [("LR037", "error")]
    named = ball(2, "PTV_5000", 40.0)
    assert codes(phase(hill(50.0, 45.0)), named) == [("LR038", "info")]
    assert {c for c, _ in codes(phase(hill(2.0, 45.0)), named)} == {"LR037"}


def test_without_any_witness_the_scale_is_unverified():
    assert codes(phase(hill(50.0, 45.0)), PTV) == [("LR038", "warning")]
    assert codes(phase(hill(50.0, 45.0))) == [("LR038", "warning")]


def test_a_prescription_of_one_fraction_does_not_excuse_a_dose_of_one_fraction():
    one = phase(hill(2.0, 45.0), Witness(2.0, RX.says))
    assert codes(one, ball(2, "PTV_5000", 40.0)) == [("LR037", "error")]


def test_a_whole_body_plan_has_the_body_for_its_target():
    flat = hill(12.0, 400.0)
    assert codes(phase(flat, Witness(12.0, RX.says), fractions=6)) == []
    assert codes(phase(hill(1.2, 400.0), Witness(12.0, RX.says), fractions=6)) == [("LR037", "error")]


def test_a_plan_without_target_is_held_by_its_maximum():
    assert codes(phase(hill(50.0, 45.0), RX)) == []
    assert codes(phase(hill(2.0, 45.0), RX)) == [("LR037", "error")]


@pytest.mark.parametrize(
    ("times", "fractions", "found"),
    [
        (0.8, 25, [("LR037", "error")]),
        (1.3, 25, []),
        (1.8, 25, [("LR038", "warning")]),
        (1.8, 5, []),
        (2.5, 25, [("LR037", "error")]),
        (2.5, 5, [("LR037", "error")]),
    ],
)
def test_a_maximum_higher_than_usual_needs_a_target_or_an_edge_isodose(times, fractions, found):
    assert codes(phase(hill(times * 50.0, 45.0), RX, fractions=fractions)) == found


def test_high_dose_outside_the_body_is_an_error():
    found = codes(phase(hill(50.0, 45.0, shift=(400.0, 0.0, 0.0)), RX))
    assert ("LR040", "error") in found


def test_a_physical_proton_dose_is_lower_by_its_rbe():
    assert codes(phase(hill(50.0 / 1.1, 45.0), RX, modality="proton"), PTV) == []
    assert codes(phase(hill(50.0 / 1.1, 45.0), Witness(52.0, RX.says)), PTV) == [("LR037", "error")]


def test_a_target_partly_outside_the_grid_is_told():
    found = codes(phase(hill(50.0, 400.0), RX), ball(2, "PTV", 40.0, centre=(0.0, 0.0, 130.0)))
    assert found == [("LR039", "warning")]


def test_sampled_against_the_closed_form():
    held = sampled(PTV, hill(50.0, 10.0, spacing=2.5))
    assert held.volume_cm3.sum() == pytest.approx(4 / 3 * np.pi * 4.0**3, rel=0.02)
    half = 40.0 * 0.5 ** (1 / 3)
    assert held.median_gy == pytest.approx(50.0 * np.exp(-(half - 10.0) / 12.0), rel=0.03)
    assert held.inside == 1.0


@pytest.mark.parametrize(
    ("name", "dose"),
    [
        ("PTV_5040", 50.4),
        ("PTV60", 60.0),
        ("PTV 50.4Gy", 50.4),
        ("PTV 50,4 Gy", 50.4),
        ("CTV_60Gy", 60.0),
        ("PTV_5940cGy", 59.4),
        ("ptv_0800", 8.0),
        ("PTV_High_70", 70.0),
        ("PTV_60_30fx", 60.0),
        ("PTV_50Gy_5mm", 50.0),
        ("PTV 8 Gy", 8.0),
    ],
)
def test_the_dose_in_a_name(name, dose):
    assert dose_in_name(name).dose_gy == pytest.approx(dose)


@pytest.mark.parametrize("name", ["PTV", "PTV1", "GTV_2", "PTV_10mm", "PTV_1.5cm", "PTV_20230105", "PTV_L5", "PTV_5fx"])
def test_numbers_that_are_no_dose(name):
    assert dose_in_name(name) is None
