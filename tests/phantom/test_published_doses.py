"""The phantom's plans against dose metrics published for patients: near, not equal."""

from __future__ import annotations

import pytest

from lymphorisk.dvh.curve import DoseDistribution
from lymphorisk.phantom import phantom_plan
from lymphorisk.phantom.anatomy import Numbers


def volume_at(d: DoseDistribution, dose_gy: float) -> float:
    return 100 * float(d.share[d.dose_gy >= dose_gy].sum())


@pytest.mark.parametrize(("margin_mm", "published"), [(23.0, 53.0), (13.0, 41.0)])
def test_rudra_2018_brain_v25(margin_mm: float, published: float, numbers: Numbers) -> None:
    """Rudra 2018: brain V25Gy 53 % with standard, 41 % with limited fields, 60 Gy."""
    plan = phantom_plan(numbers, "brain", margin_mm=margin_mm, spacing_mm=5.0)
    assert volume_at(plan.organ_doses()[0]["Brain"], 25.0) == pytest.approx(published, abs=8.0)


@pytest.mark.parametrize(("modality", "low", "high"), [("photon", 6.0, 9.5), ("proton", 3.2, 5.6)])
def test_ebrahimi_2019_body_dose_of_oesophageal_plans(modality: str, low: float, high: float, numbers: Numbers) -> None:
    """Ebrahimi 2019 (AAPM), 50.4 Gy in 28: mean body dose 7.71 (IMRT), 5.12 (passive), 3.98 Gy (scanned protons)."""
    plan = phantom_plan(numbers, "esophagus", modality=modality, spacing_mm=5.0, whole_body=False)
    assert low < plan.organ_doses()[0]["Body"].mean_gy < high


def test_constraints_a_clinic_would_ask_are_met_or_nearly(numbers: Numbers) -> None:
    """Usual limits: lungs V20Gy 35 % in chemoradiotherapy of the lung, heart mean 5 Gy with left tangents."""
    lung = phantom_plan(numbers, "lung", spacing_mm=5.0).organ_doses()[0]
    breast = phantom_plan(numbers, "breast", spacing_mm=5.0).organ_doses()[0]
    assert 15.0 < volume_at(lung["Lungs"], 20.0) < 35.0
    assert 0.8 < breast["Heart"].mean_gy < 5.0
    assert volume_at(breast["Lung_L"], 20.0) < 20.0
