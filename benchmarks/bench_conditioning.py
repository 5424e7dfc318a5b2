"""How long a comparison (six regimens, 512 draws; bar 3 s) and a search (500 schedules; bar 30 s) take."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.conditioning.regimen import RadiationCourse, Regimen
from lymphorisk.dvh import diluted, uniform
from lymphorisk.lymphocyte.course import PhaseExposure
from lymphorisk.lymphocyte.pools import POOLS
from lymphorisk.plan import Patient
from lymphorisk.regimen import Choices, PatientFacts, PlanExposure, compare, product, search
from lymphorisk.regimen.knobs import Knob
from lymphorisk.report import html
from lymphorisk.report.conditioning.document import report
from lymphorisk.report.conditioning.text import conditioning_text

FACTS = PatientFacts(Patient(alc=0.8, weight_kg=80.0, height_cm=172.0, age_y=60.0), egfr_ml_min=85.0)


def bridging() -> PlanExposure:
    """Ten fractions with 200 doses in every pool."""
    rng = np.random.default_rng(0)
    doses = np.sort(rng.gamma(0.3, 1.0, 200))
    pools = {p: diluted(uniform(float(doses.mean())), 0.3) for p in POOLS if p != "blood"}
    days = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 7.0, 8.0, 9.0, 10.0, 11.0])
    return PlanExposure("bridging", (PhaseExposure(days, diluted(uniform(1.0), 0.3), pools),))


def with_bridging(name: str, plan: PlanExposure) -> Regimen:
    regimen = product(name)
    course = RadiationCourse("bridging", tuple(day - 28.0 for day in plan.days), None, "plan")
    return Regimen(
        f"{name} + bridging", regimen.drugs, (course,), regimen.infusion_days, product=name, window=regimen.window
    )


@pytest.mark.benchmark(group="conditioning")
def test_six_regimens_with_512_draws(benchmark) -> None:
    plan = bridging()
    regimens = [(product(n), {}) for n in ("axi_cel", "tisa_lymphoma", "tisa_lymphoma_benda", "lifileucel")]
    regimens += [(with_bridging(n, plan), {"plan": plan}) for n in ("cilta_cel", "liso_cel")]

    def all_of_it() -> str:
        comparison = compare(regimens, FACTS, Choices(draws=512))
        return conditioning_text(comparison) + html.render(report(comparison))

    assert "cilta_cel + bridging" in benchmark.pedantic(all_of_it, rounds=3, warmup_rounds=1)


@pytest.mark.benchmark(group="conditioning")
def test_search_over_500_schedules(benchmark) -> None:
    plan = bridging()
    regimen = with_bridging("cilta_cel", plan)
    knobs = (
        Knob("fludarabine", "mg_per_m2", (15.0, 20.0, 22.5, 25.0, 30.0), 30.0),
        Knob("cyclophosphamide", "mg_per_m2", (200.0, 250.0, 300.0, 400.0, 500.0), 300.0),
        Knob("bridging", "dose_factor", (0.25, 0.5, 0.75, 1.0), 1.0),
        Knob("bridging", "last_day", (-21.0, -17.0, -14.0, -10.0, -7.0), -17.0),
    )
    found = benchmark.pedantic(lambda: search(regimen, {"plan": plan}, knobs, FACTS), rounds=1)
    assert len(found.found) == 500
