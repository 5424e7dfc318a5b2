"""The site of a plan from its own targets and dose: one that is clear, or none with what was found."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lymphorisk.absent import Absent
from lymphorisk.analysis.site import site_of
from lymphorisk.dvh import DVH


def body(cm3: float, gy: float) -> DVH:
    """A structure of one dose."""
    edges = np.array([0.0, *([gy] if gy else []), gy + 0.01])
    return DVH("x", edges, np.array([cm3] * (len(edges) - 1) + [0.0]), gy, gy, gy, 1.0, cm3)


def plan(**bodies: tuple[float, float]) -> Callable[[str], DVH | Absent]:
    """Structures by name, ``__`` for the sign of an intersection, as (cm3, Gy)."""
    known = {name.replace("__", "&"): body(*given) for name, given in bodies.items()}
    return lambda name: known.get(name, Absent.not_contoured("none"))


def test_the_target_inside_an_organ_names_its_site() -> None:
    lung = plan(GTV=(100, 60), Lungs=(3000, 60), Esophagus=(30, 60), GTV__Lungs=(80, 60), GTV__Esophagus=(2, 60))
    site = site_of(lung)
    assert site.name == "lung"
    assert site.why == "GTV: 80 % in lung, 2 % in esophagus"


def test_a_target_in_two_organs_names_neither() -> None:
    site = site_of(plan(PTV=(100, 60), Lungs=(3000, 60), Liver=(1500, 60), PTV__Lungs=(40, 60), PTV__Liver=(30, 60)))
    assert site.name == ""
    assert "40 % in lung, 30 % in liver" in site.why


def test_a_tube_needs_the_targets_dose_too() -> None:
    around = {"GTV": (100.0, 50.0), "GTV__Esophagus": (15.0, 50.0), "GTV__Lungs": (8.0, 50.0)}
    treated = plan(**around, Esophagus=(30, 50), Lungs=(3000, 25))
    assert site_of(treated).name == "esophagus"
    passed_by = plan(**around, Esophagus=(30, 26), Lungs=(3000, 26))
    assert site_of(passed_by).name == ""


def test_an_organ_without_dose_is_no_site_and_a_target_without_dose_no_target() -> None:
    assert site_of(plan(PTV=(10, 60), Liver=(1500, 5), PTV__Liver=(10, 5))).name == ""
    assert site_of(plan(PTV=(10, 0.0), Liver=(1500, 5), PTV__Liver=(10, 5))).why == "no target is drawn that got a dose"
    assert site_of(plan()).name == ""


@pytest.mark.parametrize(
    ("given", "name"), [(None, "pelvis"), ("pelvis", "pelvis"), ("prostate", "pelvis"), ("head_neck", ""), ("lung", "")]
)
def test_a_site_that_was_given_must_fit(given: str | None, name: str) -> None:
    pelvis = plan(CTV=(50, 70), Prostate=(45, 70), CTV__Prostate=(45, 70))
    site = site_of(pelvis, given)
    assert site.name == name
    assert name or f"given as {given}" in site.why
