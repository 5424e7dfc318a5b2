"""Left and right: x grows to the patient's left in DICOM."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lymphorisk.organs import match
from lymphorisk.plan import Structure


def box(number: int, name: str, x: float, half: float = 20.0) -> Structure:
    square = np.array([[x - half, -20.0, 0], [x + half, -20.0, 0], [x + half, 20.0, 0], [x - half, 20.0, 0]])
    above = square + np.array([0.0, 0.0, 5.0])
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


@pytest.mark.real
@pytest.mark.parametrize("case", ["breast_photon", "prostate_eclipse", "pancreas_icrp"])
def test_real_plans_have_their_organs_on_the_right_side(case: str, real_data: Path) -> None:
    from lymphorisk.dicom import read_export

    plan = read_export(real_data / case).plan
    assert not wrong(*plan.structures)


@pytest.mark.parametrize(
    "case", ["pancreas", "lung", "breast_tangents", "brain", "esophagus_proton", "pelvis", "two_phase", "tbi"]
)
def test_our_own_plans_have_their_organs_on_the_right_side(case: str, rtplans: Path) -> None:
    from lymphorisk.dicom import read_export

    if not (rtplans / case).is_dir():
        pytest.skip("fixture not built")
    assert not wrong(*read_export(rtplans / case).plan.structures)
