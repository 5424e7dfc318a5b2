"""Simulated plans as clinics export them: usual contours, the rest placed, the truth untouched."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.features import NAMES
from lymphorisk.simulated.clinic import DRAWN, contoured, scanned
from lymphorisk.simulated.plan import ARMS, SimulatedPlan, simulated_plan
from tests.simulated.phantoms import small_plan

ARM = "lung_sbrt"


@pytest.fixture(scope="module")
def both() -> tuple[SimulatedPlan, SimulatedPlan]:
    return simulated_plan(ARM, 3, 0), simulated_plan(ARM, 3, 0, clinic=True)


def value(plan: SimulatedPlan, name: str) -> float:
    return float(plan.features.values[NAMES.index(name)])


def test_what_lymphocytes_meet_is_the_truth(both: tuple[SimulatedPlan, SimulatedPlan]) -> None:
    true, told = both
    assert told.exposure.blood.mean_gy == true.exposure.blood.mean_gy
    assert {n: d.mean_gy for n, d in told.exposure.pools.items()} == {
        n: d.mean_gy for n, d in true.exposure.pools.items()
    }


def test_undrawn_organs_are_placed_near_the_truth_and_not_missing(both: tuple[SimulatedPlan, SimulatedPlan]) -> None:
    true, told = both
    for name in ("spleen_eud", "nodes_eud", "marrow_eud", "liver_mean"):
        assert np.isfinite(value(told, name)), name
        assert value(told, name) != value(true, name), name
    assert abs(np.log(value(told, "marrow_eud") / value(true, "marrow_eud"))) < 0.7
    assert value(told, "blood_mean") == pytest.approx(value(true, "blood_mean"), rel=0.3)


def test_contours_are_forgotten_as_the_parameters_say() -> None:
    rng = np.random.default_rng(1)
    many = [contoured("pancreas", rng) for _ in range(400)]
    share = np.mean([len(names) for names in many]) / len(DRAWN["pancreas"])
    assert share == pytest.approx(0.9, abs=0.03)
    assert all(many)
    assert set(DRAWN) <= {site for site, _, _ in ARMS.values()}


def test_a_scan_ends_beyond_the_targets() -> None:
    plan = small_plan()
    cut = scanned(plan)
    (dose,) = (p.dose for p in cut.phases)
    target = [float(c[0, 2]) for s in cut.structures if s.rt_type == "PTV" for c in s.contours_mm]
    heights = dose.origin_mm[2] + dose.z_mm
    assert len(heights) < len(plan.phases[0].dose.z_mm)
    assert min(target) - heights[0] == pytest.approx(150.0, abs=10.0)
    body = next(s for s in cut.structures if s.name == "Body")
    assert max(float(c[0, 2]) for c in body.contours_mm) <= max(target) + 150.0
