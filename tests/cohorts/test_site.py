"""The site by dose: that of the plans that were made for one, and silence where none is meant."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lymphorisk.analysis import Options
from lymphorisk.analysis.prepared import prepare
from lymphorisk.cohorts.site import inferred
from lymphorisk.plan import Patient

SITES = {
    "brain": "brain",
    "breast_tangents": "breast",
    "esophagus_photon": "esophagus",
    "lung": "lung",
    "pancreas": "pancreas",
    "pelvis": "pelvis",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SITES)
def test_a_plan_of_one_site_is_of_that_site(rtplans: Path, name: str) -> None:
    found = inferred(prepare(rtplans / name))
    assert found["site"] == SITES[name]
    assert found["p"] > 0.7


def test_without_its_organ_drawn_the_placed_one_speaks_or_none(rtplans: Path) -> None:
    plan = prepare(rtplans / "brain", Patient(site="lung"), Options(undrawn=("Brain", "Brainstem")))
    found = inferred(plan)
    assert found["site"] in ("brain", "")
    assert "drawn" not in found["why"]
    drawn = inferred(replace(plan, options=Options()))
    assert (drawn["site"], drawn["agrees"]) == ("brain", "no")


def test_a_scenario_says_no_site(tmp_path: Path) -> None:
    file = tmp_path / "tbi.toml"
    file.write_text('[plan]\nmodality = "photon"\nfractions = 6\nbeam_on_s = [600]\n[organs."*"]\nmean_gy = 12.0\n')
    found = inferred(prepare(file))
    assert (found["site"], found["p"]) == ("", None)


@pytest.mark.slow
def test_the_whole_body_is_a_site(rtplans: Path) -> None:
    assert inferred(prepare(rtplans / "tbi"))["site"] == "whole_body"
