"""The site by dose: that of the plans that were made for one, and silence where none is meant."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lymphorisk.absent import Absent
from lymphorisk.analysis import Options
from lymphorisk.analysis.prepared import prepare
from lymphorisk.cohorts.site import inferred
from lymphorisk.dvh import DoseDistribution, diluted, uniform
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


def seen(prescribed: float | None, body: DoseDistribution | None) -> Any:
    """A plan without a target, of which only the body is known."""
    organs = {} if body is None else {"Body": SimpleNamespace(course=body, volume_cm3=60_000.0, source="roi")}
    absent = Absent.not_contoured("nobody drew it")
    return SimpleNamespace(
        patient=Patient(),
        options=Options(),
        source=SimpleNamespace(
            given=None, plan=SimpleNamespace(phases=(SimpleNamespace(given_prescription_gy=prescribed),))
        ),
        curves=SimpleNamespace(dvh=lambda name: absent),
        doses=SimpleNamespace(organs=organs),
    )


@pytest.mark.parametrize(
    ("prescribed", "body", "site", "why"),
    [
        (12.0, uniform(12.0), "whole_body", "100% of the body got the treated dose"),
        (None, uniform(12.0), "whole_body", "100% of the body got the treated dose"),
        (12.0, diluted(uniform(12.0), 0.1), "", "no organ of a site got the treated dose"),
        (None, None, "", "neither a target, a prescription nor the body"),
    ],
)
def test_without_a_target_the_prescription_or_the_highest_dose_is_the_treated_one(
    prescribed: float | None, body: DoseDistribution | None, site: str, why: str
) -> None:
    found = inferred(seen(prescribed, body))
    assert found["site"] == site
    assert why in found["why"]
    assert found["agrees"] is None
