"""EDIC from organ means: a mean body dose alone is no whole-body irradiation."""

from __future__ import annotations

from pathlib import Path

import pytest

from lymphorisk.absent import Absent
from lymphorisk.analysis.edic import edic_family
from lymphorisk.analysis.prepared import prepare

CHEST = """[plan]
modality = "photon"
fractions = 30
[organs.Lungs]
mean_gy = {lungs}
[organs.Heart]
mean_gy = {heart}
[organs.Body]
mean_gy = {body}
"""


def family(folder: Path, **means: float) -> dict[str, float | Absent]:
    path = folder / "plan.toml"
    path.write_text(CHEST.format(**means), encoding="utf-8")
    plan = prepare(path)
    return dict(edic_family(plan.doses, plan.source.plan.fractions, plan.body))


@pytest.mark.parametrize(("lungs", "heart", "body"), [(14.25, 10.0, 5.0), (6.0, 18.0, 4.0), (20.0, 25.0, 9.0)])
def test_organ_means_are_enough(tmp_path: Path, lungs: float, heart: float, body: float) -> None:
    said = family(tmp_path, lungs=lungs, heart=heart, body=body)
    assert isinstance(said["edic_gy"], float)
    assert isinstance(said["edric_gy"], float)


def test_equal_means_are_whole_body_irradiation(tmp_path: Path) -> None:
    assert isinstance(family(tmp_path, lungs=10.0, heart=12.0, body=12.0)["edic_gy"], Absent)
