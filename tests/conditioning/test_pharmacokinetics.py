"""Fludarabine in plasma: worked by hand, limits, bands of the paper."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.conditioning.pharmacokinetics import (
    bsa_mosteller,
    clearance_l_h,
    cockcroft_gault_ml_min,
    cumulative_exposure,
    kinetics,
    total_auc,
)
from lymphorisk.conditioning.regimen import DrugDose
from lymphorisk.errors import ScenarioError
from lymphorisk.plan import Patient
from lymphorisk.regimen.settings import body_of, fludarabine_population, table

DRUGS = table("drugs")
FLU = fludarabine_population(DRUGS)


@pytest.mark.parametrize(
    ("weight", "bsa", "egfr", "cl", "auc_90"),
    [
        (70.0, 1.80, 100.0, 7.93, 16.0),
        (80.0, 1.95, 120.0, 9.80, 14.0),
        (80.0, 1.95, 85.0, 7.99, 17.2),
        (80.0, 1.95, 60.0, 6.69, 20.5),
        (80.0, 1.95, 40.0, 5.66, 24.2),
        (40.0, 1.28, 140.0, 6.45, 14.0),
    ],
)
def test_clearance_and_auc_of_the_table(weight: float, bsa: float, egfr: float, cl: float, auc_90: float) -> None:
    assert clearance_l_h(FLU, weight, egfr) == pytest.approx(cl, abs=0.01)
    assert total_auc(kinetics(FLU, weight, egfr), 90.0 * bsa)[0] == pytest.approx(auc_90, abs=0.1)


def test_the_active_mass_is_the_ratio_of_molar_masses() -> None:
    assert pytest.approx(285.23 / 365.21, abs=5e-4) == FLU.active_mass


def test_terminal_half_life_and_residual_exposure_at_infusion() -> None:
    for egfr, hours, residual in ((85.0, 17.0, 0.015), (40.0, 21.0, 0.035)):
        k = kinetics(FLU, 80.0, egfr)
        assert np.log(2.0) / k.rate_per_h[0].min() == pytest.approx(hours, abs=0.6)
        done = np.mean([cumulative_exposure(k, np.array([24.0 * d]))[0, 0] for d in (5, 4, 3)])
        total = FLU.active_mass / k.clearance_l_h[0]
        assert 1.0 - done / total == pytest.approx(residual, abs=0.004)


def test_between_patient_spread_of_the_auc() -> None:
    z = np.linspace(-1.645, 1.645, 3)
    auc = total_auc(kinetics(FLU, 80.0, 85.0, z, 0 * z), 175.5)
    assert auc[2] / auc[1] == pytest.approx(0.69, abs=0.01)
    assert auc[0] / auc[1] == pytest.approx(1.45, abs=0.01)


def test_volumes_move_the_peak_and_leave_the_auc() -> None:
    z = np.array([-1.0, 1.0])
    k = kinetics(FLU, 80.0, 85.0, 0 * z, z)
    early = cumulative_exposure(k, np.array([2.0]))[:, 0]
    late = cumulative_exposure(k, np.array([3000.0]))[:, 0]
    assert early[0] > early[1]
    np.testing.assert_allclose(late[0], late[1], rtol=1e-9)


def test_exposure_starts_at_the_infusion_and_never_falls() -> None:
    t = np.linspace(-5.0, 200.0, 4000)
    for k in (kinetics(FLU, 80.0, 85.0), kinetics(FLU, 15.0, 150.0), kinetics(FLU, 120.0, 0.0)):
        curve = cumulative_exposure(k, t)[0]
        assert np.all(curve[t <= 0] == 0.0)
        assert np.all(np.diff(curve) >= -1e-15)


def test_body_surface_of_mosteller() -> None:
    assert bsa_mosteller(180.0, 80.0, 3600.0) == 2.0


def test_creatinine_becomes_an_egfr_of_the_reference_surface() -> None:
    him = Patient(sex="M", age_y=60.0, weight_kg=72.0, height_cm=200.0)
    body = body_of(him, DRUGS, creatinine_mg_dl=1.0)
    assert body.bsa_m2 == 2.0
    assert body.egfr_ml_min == pytest.approx(80.0 * 1.73 / 2.0)
    her = body_of(Patient(sex="F", age_y=60.0, weight_kg=72.0, height_cm=200.0), DRUGS, creatinine_mg_dl=1.0)
    assert her.egfr_ml_min == pytest.approx(0.85 * body.egfr_ml_min)
    capped = body_of(Patient(sex="M", age_y=50.0, weight_kg=90.0, height_cm=180.0), DRUGS, creatinine_mg_dl=0.2)
    assert capped.egfr_ml_min == pytest.approx(140.0 - 16.0)


def test_what_is_not_given_is_assumed_and_said() -> None:
    body = body_of(Patient(), DRUGS)
    assert len(body.assumed) == 3
    assert body_of(Patient(weight_kg=80.0, height_cm=170.0), DRUGS, egfr_ml_min=90.0).assumed == ()


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"creatinine_mg_dl": 1.0}, "needs sex, age and weight"),
        ({"egfr_ml_min": 900.0}, "egfr_ml_min = 900 is not between"),
        ({"bsa_m2": 19.5}, "decimal point"),
        ({"egfr_ml_min": -1.0}, "not between"),
    ],
)
def test_kidney_numbers_that_make_no_sense_are_refused(given: dict[str, float], what: str) -> None:
    with pytest.raises(ScenarioError, match=what):
        body_of(Patient(), DRUGS, **given)


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"bsa_m2": 1.2}, "bsa_m2 = 1.2 contradicts height_cm = 200 and weight_kg = 72, which make 2.00 m2"),
        ({"egfr_ml_min": 10.0, "creatinine_mg_dl": 1.0}, "contradicts creatinine_mg_dl = 1, which makes about 69"),
        ({"egfr_ml_min": 120.0, "creatinine_mg_dl": 8.84}, "contradicts creatinine_mg_dl = 8.84"),
    ],
)
def test_numbers_of_one_body_that_deny_each_other_are_refused(given: dict[str, float], what: str) -> None:
    him = Patient(sex="M", age_y=60.0, weight_kg=72.0, height_cm=200.0)
    with pytest.raises(ScenarioError, match=what) as refused:
        body_of(him, DRUGS, **given)
    assert "give" in refused.value.hint


def test_numbers_of_one_body_that_agree_are_both_taken() -> None:
    him = Patient(sex="M", age_y=60.0, weight_kg=72.0, height_cm=200.0)
    body = body_of(him, DRUGS, bsa_m2=1.9, egfr_ml_min=80.0, creatinine_mg_dl=1.0)
    assert (body.bsa_m2, body.egfr_ml_min) == (1.9, 80.0)


def test_formulas_of_the_body_need_a_body() -> None:
    for height, weight in ((0.0, 80.0), (180.0, -1.0)):
        with pytest.raises(ScenarioError, match="height and a weight above zero"):
            bsa_mosteller(height, weight, 3600.0)
    for weight, egfr in ((0.0, 90.0), (80.0, -1.0)):
        with pytest.raises(ScenarioError, match="fludarabine clearance needs"):
            clearance_l_h(FLU, weight, egfr)
    for age, creatinine in ((140.0, 1.0), (60.0, 0.0)):
        with pytest.raises(ScenarioError, match="creatinine must be above zero and the age below 140") as refused:
            cockcroft_gault_ml_min("M", age, 80.0, creatinine, (140.0, 72.0, 0.85))
        assert "88.4" in refused.value.hint


def test_a_childs_creatinine_is_refused() -> None:
    child = Patient(sex="F", age_y=9.0, weight_kg=30.0)
    with pytest.raises(ScenarioError, match="adults"):
        body_of(child, DRUGS, creatinine_mg_dl=0.5)


def test_a_dose_by_size_needs_the_size() -> None:
    with pytest.raises(ScenarioError, match="height and weight"):
        DrugDose("fludarabine", 30.0, "mg/m2", -5.0).mg(None, 80.0)
    with pytest.raises(ScenarioError, match="weight"):
        DrugDose("cyclophosphamide", 60.0, "mg/kg", -5.0).mg(1.9, None)
    assert DrugDose("cyclophosphamide", 60.0, "mg/kg", -5.0).mg(None, 80.0) == 4800.0


@pytest.mark.parametrize(
    ("drug", "amount", "unit"),
    [
        ("vincristine", 2.0, "mg"),
        ("melphalan", -140.0, "mg/m2"),
        ("fludarabine", 30.0, "g/m2"),
        ("fludarabine", -1.0, "mg/m2"),
        ("fludarabine", 30000.0, "mg/m2"),
        ("cyclophosphamide", 500.0, "mg/kg"),
        ("fludarabine", float("nan"), "mg/m2"),
    ],
)
def test_doses_that_make_no_sense_are_refused(drug: str, amount: float, unit: str) -> None:
    with pytest.raises(ScenarioError):
        DrugDose(drug, amount, unit, -5.0)
