"""Where organs lie: in DICOM x grows to the patient's left, z to the head."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lymphorisk.organs import match
from lymphorisk.plan import Structure


def box(number: int, name: str, x: float, half: float = 20.0, z: float = 0.0, high: float = 5.0) -> Structure:
    square = np.array([[x - half, -20.0, z], [x + half, -20.0, z], [x + half, 20.0, z], [x - half, 20.0, z]])
    above = square + np.array([0.0, 0.0, high])
    return Structure(number, name, (square, above))


def wrong(*structures: Structure) -> list[str]:
    return [f.where for f in match(structures).findings if f.code == "LR159"]


def test_organs_on_their_side_are_quiet() -> None:
    assert not wrong(
        box(1, "Body", 0, 200), box(2, "Lung_L", 80), box(3, "Lung_R", -80), box(4, "Spleen", 100), box(5, "Liver", -60)
    )


def test_a_swapped_pair_is_noticed_once() -> None:
    assert wrong(box(1, "Lung_L", -80), box(2, "Lung_R", 80)) == ["Lung_L"]


def test_a_pair_may_lie_off_the_middle() -> None:
    """A grid origin far from the patient is no swap."""
    assert not wrong(box(1, "Body", 500, 200), box(2, "Kidney_L", 560), box(3, "Kidney_R", 440))


def test_a_single_organ_is_held_against_the_body() -> None:
    assert wrong(box(1, "Body", 0, 200), box(2, "Spleen", -100)) == ["Spleen"]
    assert wrong(box(1, "Body", 0, 200), box(2, "Lt Lung", -80)) == ["Lung_L"]
    assert wrong(box(1, "Body", 0, 200), box(2, "Liver", 80)) == ["Liver"]


def test_without_a_body_a_single_organ_cannot_be_judged() -> None:
    assert not wrong(box(1, "Spleen", -100))


def test_near_the_midline_nothing_is_said() -> None:
    assert not wrong(box(1, "Body", 0, 200), box(2, "V_Venacava_I", 5))


def test_the_lumbar_spine_has_no_side() -> None:
    assert not wrong(box(1, "Body", 0, 200), box(2, "VB_L", -80))


def misplaced(*structures: Structure) -> list[str]:
    return [f.where for f in match(structures).findings if f.code == "LR160"]


BODY = box(1, "Body", 0, 200, -400, 1200)


def test_organs_from_head_to_foot_are_quiet() -> None:
    assert not misplaced(
        BODY, box(2, "Brain", 0, z=650), box(3, "Heart", 10, z=300), box(4, "Liver", -60, z=200), box(5, "Bladder", 0)
    )


def test_a_set_upside_down_is_noticed() -> None:
    assert misplaced(BODY, box(2, "Brain", 0, z=0), box(3, "Heart", 10, z=300)) == ["Heart"]
    assert misplaced(BODY, box(2, "Liver", -60, z=0), box(3, "Bladder", 0, z=300)) == ["Bladder"]


def test_what_may_pass_each_other_is_not_judged() -> None:
    """Kidneys and spleen share a level; a heart a little low against a liver dome is anatomy."""
    assert not misplaced(BODY, box(2, "Spleen", 100, z=0), box(3, "Kidney_L", 60, z=150))
    assert not misplaced(BODY, box(2, "Heart", 10, z=0), box(3, "Liver", -60, z=15))


@pytest.mark.parametrize(("x", "z"), [(300, 0), (0, 900), (0, -600)])
def test_an_organ_outside_the_body_is_noticed(x: float, z: float) -> None:
    assert misplaced(BODY, box(2, "Heart", x, z=z)) == ["Heart"]


def test_an_organ_that_touches_the_skin_is_quiet() -> None:
    assert not misplaced(BODY, box(2, "Breast_L", 190))
    assert not misplaced(box(2, "Heart", 900))


@pytest.mark.real
@pytest.mark.parametrize("case", ["breast_photon", "prostate_eclipse", "pancreas_icrp"])
def test_real_plans_have_their_organs_on_the_right_side(case: str, real_data: Path) -> None:
    from lymphorisk.dicom import read_export

    plan = read_export(real_data / case).plan
    assert not wrong(*plan.structures)
    assert not misplaced(*plan.structures)


@pytest.mark.parametrize(
    "case", ["pancreas", "lung", "breast_tangents", "brain", "esophagus_proton", "pelvis", "two_phase", "tbi"]
)
def test_our_own_plans_have_their_organs_on_the_right_side(case: str, rtplans: Path) -> None:
    from lymphorisk.dicom import read_export

    if not (rtplans / case).is_dir():
        pytest.skip("fixture not built")
    structures = read_export(rtplans / case).plan.structures
    assert not wrong(*structures)
    assert not misplaced(*structures)
