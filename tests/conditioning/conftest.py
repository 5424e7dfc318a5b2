"""Regimen files and plans small enough to read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lymphorisk.dvh import diluted, uniform
from lymphorisk.lymphocyte.course import PhaseExposure
from lymphorisk.lymphocyte.pools import POOLS
from lymphorisk.regimen import PlanExposure

REGIMEN = """
[conditioning]
name = "Flu/Cy after bridging"
product = "axi-cel"
leukapheresis_day = -42
[[conditioning.radiation]]
label = "bridging"
plan = "bridging.toml"
last_day = -14
[[conditioning.search]]
drug = "cyclophosphamide"
mg_per_m2 = [300, 500]
[[conditioning.search]]
radiation = "bridging"
dose_factor = [0, 0.5, 1]
last_day = [-21, -14, -7]
[patient]
sex = "M"
age = 60
alc = 0.8
weight_kg = 80
height_cm = 172
egfr_ml_min = 85
"""
SCENARIO = """
[plan]
fractions = 10
[organs.Body]
dvh_dose_gy = [0.0, 0.5, 2.0, 10.0, 30.0]
dvh_volume = [1.0, 0.25, 0.15, 0.08, 0.02]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a regimen and its bridging plan as a scenario."""
    (tmp_path / "regimen.toml").write_text(REGIMEN, encoding="utf-8")
    (tmp_path / "bridging.toml").write_text(SCENARIO, encoding="utf-8")
    return tmp_path


@pytest.fixture
def bridging() -> PlanExposure:
    """Ten fractions of 3 Gy to a fifth of the nodes."""
    pools = {p: uniform(0.0) for p in POOLS if p != "blood"}
    pools["nodes"] = diluted(uniform(3.0), 0.2)
    days = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 7.0, 8.0, 9.0, 10.0, 11.0])
    return PlanExposure("bridging", (PhaseExposure(days, diluted(uniform(1.0), 0.2), pools),))
