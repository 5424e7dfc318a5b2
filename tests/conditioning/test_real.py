"""Real exported plans as bridging radiation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lymphorisk.conditioning.regimen import RadiationCourse, Regimen
from lymphorisk.plan import Patient
from lymphorisk.regimen import Choices, PatientFacts, compare, product
from lymphorisk.regimen.plan import plan_exposure


@pytest.mark.real
@pytest.mark.slow
def test_a_real_abdominal_plan_before_flu_cy(real_data: Path) -> None:
    plan = plan_exposure(real_data / "pancreas_icrp", Patient(sex="M"))
    assert len(plan.days) == 28
    course = RadiationCourse("bridging", tuple(day - plan.days[-1] - 14.0 for day in plan.days), plan="plan")
    drugs = product("axi-cel").drugs
    with_rt, without = compare(
        [(Regimen("with", drugs, (course,)), {"plan": plan}), (Regimen("without", drugs), {})],
        PatientFacts(Patient(alc=1.2, sex="M")),
        Choices(draws=128),
    ).forecasts
    before = np.asarray(with_rt.metrics["alc_at_lymphodepletion"])
    assert 0.3 < np.median(before) < 1.1
    assert np.all(np.asarray(with_rt.metrics["alc_at_infusion"]) < np.asarray(without.metrics["alc_at_infusion"]))
    assert with_rt.kinetics == {"bridging": "combined"}
    assert all(0.05 < gy < 0.5 for _, gy in with_rt.fractions)
