"""Metrics and curves of a plan in the tables: each of its own structure, bounds in their order."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from lymphorisk.absent import Absent
from lymphorisk.analysis import Options
from lymphorisk.cohorts.keys import Recipe
from lymphorisk.cohorts.work import curves_of, metrics_of
from lymphorisk.dvh import DVH


def ramp(name: str, top: float, coverage: float = 1.0) -> DVH:
    """Doses evenly from zero to `top`. [Gy]"""
    edges = np.linspace(0.0, top, 401)
    volume = 50.0 * coverage * (1.0 - edges / top)
    return DVH(name, edges, volume, top / 2, 0.0, top, coverage, 50.0)


CURVES = {"Spleen": ramp("Spleen", 20.0), "Heart": ramp("Heart", 40.0), "Liver": ramp("Liver", 30.0, 0.8)}


@pytest.fixture
def plan() -> Any:
    absent = Absent.not_contoured("nobody drew it")
    return SimpleNamespace(curves=SimpleNamespace(dvh=lambda name: CURVES.get(name, absent), highest_gy=60.0))


@pytest.fixture
def analysis() -> Any:
    organs = {name: SimpleNamespace(source="roi") for name in CURVES}
    return SimpleNamespace(organs=organs, targets=(), fractions=5, phases=(SimpleNamespace(prescription_gy=40.0),))


def asked(plan: Any, analysis: Any, *wanted: tuple[str, str], **more: Any) -> dict[tuple[str, str], dict[str, Any]]:
    rows = metrics_of(plan, analysis, Recipe(Options(), metrics=wanted, **more))
    return {(r["structure"], r["metric"]): r for r in rows}


def test_each_metric_is_of_its_structure_with_bounds_in_order(plan: Any, analysis: Any) -> None:
    rows = asked(plan, analysis, ("*", "Mean[Gy]"), ("Heart", "V20Gy[%]"), ("Eye_L", "Mean[Gy]"))
    assert {k: r["value"] for k, r in rows.items()} == {
        ("Spleen", "Mean[Gy]"): pytest.approx(10.0),
        ("Heart", "Mean[Gy]"): pytest.approx(20.0),
        ("Heart", "V20Gy[%]"): pytest.approx(50.0),
        ("Liver", "Mean[Gy]"): None,
        ("Eye_L", "Mean[Gy]"): None,
    }
    liver = rows["Liver", "Mean[Gy]"]
    assert (liver["low"], liver["high"]) == pytest.approx((0.8 * 15.0, 0.8 * 15.0 + 0.2 * 60.0), rel=1e-3)
    assert rows["Eye_L", "Mean[Gy]"]["reason"] == "nobody drew it"


def test_a_dose_in_eqd2_takes_the_alpha_beta_that_was_given(plan: Any, analysis: Any) -> None:
    values = [
        asked(plan, analysis, ("Heart", "D50%[EQD2]"), alpha_beta_gy=ab)["Heart", "D50%[EQD2]"]["value"]
        for ab in (3.0, 10.0)
    ]
    each = 20.0 / 5
    assert values == pytest.approx([20.0 * (each + ab) / (2.0 + ab) for ab in (3.0, 10.0)], rel=1e-3)


def test_each_curve_is_of_its_structure(plan: Any, analysis: Any) -> None:
    rows = curves_of(plan, analysis, 5.0)
    assert [r["structure"] for r in rows] == ["Heart", "Liver", "Spleen"]
    for row in rows:
        curve = CURVES[row["structure"]]
        there = np.interp(row["dose_gy"], curve.dose_gy, curve.volume_cm3)
        assert cast(list[float], row["volume_cm3"]) == pytest.approx(there.tolist(), abs=0.2)
        assert row["dose_gy"][1] == 5.0


def test_what_has_no_curve_has_no_row_of_one(plan: Any, analysis: Any) -> None:
    analysis.organs["Eye_L"] = SimpleNamespace(source="roi")
    assert [r["structure"] for r in curves_of(plan, analysis, 5.0)] == ["Heart", "Liver", "Spleen"]
    assert curves_of(plan, analysis, None) == []
