"""A plan and a patient as one row: the numbers by hand, and what is missing stays missing with its reason."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.dvh.curve import DoseDistribution, uniform
from lymphorisk.errors import ScenarioError
from lymphorisk.features import FEATURES, NAMES, FeatureVector, feature, feature_vector
from lymphorisk.features.schema import KINDS, POOL_D0_GY, SITE_NAMES
from lymphorisk.features.table import PARTS, mixed_by_volume, organ_parts, volume_at
from lymphorisk.parameters import load
from lymphorisk.plan import Patient

HALF = DoseDistribution(np.array([4.0, 12.0]), np.array([0.5, 0.5]))


def row(**changes: object) -> FeatureVector:
    given: dict = {
        "patient": Patient(
            sex="F", age_y=61.0, height_cm=170.0, weight_kg=57.8, alc=1.4, site="lung", chemo="platinum"
        ),
        "fractions": 30,
        "particle_share": 0.0,
        "organ_doses": {"Spleen": HALF, "Body": uniform(2.0)},
        "organ_volumes_cm3": {"Body": 60000.0, "PTV": 250.0},
    }
    return feature_vector(**{**given, **changes})


def test_metrics_by_hand() -> None:
    v = row()
    assert v["spleen_mean"] == pytest.approx(8.0)
    assert v["spleen_v5"] == pytest.approx(50.0)
    assert v["spleen_v20"] == 0.0
    assert v["body_integral"] == pytest.approx(120.0)
    assert v["body_v5"] == 0.0
    assert v["bmi"] == pytest.approx(20.0)
    assert v["ptv_volume"] == 250.0
    assert (v["sex_female"], v["chemo"], v["chemo_platinum"], v["chemo_temozolomide"]) == (1.0, 1.0, 1.0, 0.0)
    assert (v["site_lung"], v["site_brain"], v["modality_proton"]) == (1.0, 0.0, 0.0)


def test_a_dose_at_the_threshold_counts() -> None:
    assert volume_at(uniform(5.0), 5.0) == 100.0


def test_what_is_not_known_is_missing_with_a_reason_and_never_zero() -> None:
    v = row(patient=Patient(), organ_doses={}, organ_volumes_cm3={})
    for name in NAMES:
        if name in ("fractions", "modality_proton"):
            assert np.isfinite(v[name])
        else:
            assert np.isnan(v[name])
            assert v.missing[name]
    assert set(v.missing) == {n for n in NAMES if np.isnan(v[n])}


def test_a_surrogate_is_no_evidence_about_the_organ() -> None:
    v = row(surrogates={"Spleen"})
    assert np.isnan(v["spleen_mean"])
    assert "surrogate" in v.missing["spleen_mean"]


def test_body_features_do_not_depend_on_how_much_was_scanned() -> None:
    """Half the body scanned with all of the dose: mean doubles, volume halves, the features stay."""
    dose = DoseDistribution(np.array([0.0, 10.0]), np.array([0.8, 0.2]))
    half = DoseDistribution(np.array([0.0, 10.0]), np.array([0.6, 0.4]))
    whole = row(organ_doses={"Body": dose}, organ_volumes_cm3={"Body": 60000.0})
    part = row(organ_doses={"Body": half}, organ_volumes_cm3={"Body": 30000.0})
    for name in ("body_integral", "body_v5"):
        assert whole[name] == pytest.approx(part[name])


def test_parts_are_mixed_by_volume() -> None:
    doses = {"Lung_L": uniform(10.0), "Lung_R": uniform(1.0)}
    assert organ_parts("Lungs", doses) == ("Lung_L", "Lung_R")
    mixed, volume = mixed_by_volume(("Lung_L", "Lung_R"), doses, {"Lung_L": 1000.0, "Lung_R": 2000.0})
    assert mixed.mean_gy == pytest.approx(4.0)
    assert volume == 3000.0
    assert row(organ_doses=doses, organ_volumes_cm3={})["lungs_mean"] == pytest.approx(5.5)


def test_spine_outside_the_scan_changes_nothing() -> None:
    """The neck's vertebrae, contoured without dose or not contoured at all: the same volume above 20 Gy."""
    doses = {"VB_T": DoseDistribution(np.array([1.0, 30.0]), np.array([0.5, 0.5])), "VB_L": uniform(0.0)}
    volumes = {"VB_T": 200.0, "VB_L": 150.0, "VB_C": 60.0}
    two = row(organ_doses=doses, organ_volumes_cm3=volumes)
    three = row(organ_doses={**doses, "VB_C": uniform(0.0)}, organ_volumes_cm3=volumes)
    assert two["vertebrae_v20"] == pytest.approx(100.0)
    assert three["vertebrae_v20"] == pytest.approx(100.0)
    assert np.isnan(row(organ_doses=doses, organ_volumes_cm3={})["vertebrae_v20"])


def test_no_share_exceeds_the_whole() -> None:
    third = DoseDistribution(np.array([10.0, 11.0, 12.0]), np.full(3, 1 / 3))
    assert volume_at(third, 5.0) <= 100.0


def test_twice_the_dose_raises_no_dose_feature_down() -> None:
    once, twice = row(), row(organ_doses={"Spleen": HALF.scaled(2.0), "Body": uniform(4.0)})
    for f in FEATURES:
        if f.monotone == 1 and f.name not in once.missing:
            assert twice[f.name] >= once[f.name]


def test_schema_is_consistent() -> None:
    assert len(set(NAMES)) == len(NAMES)
    for f in FEATURES:
        assert f.kind in KINDS
        assert f.low < f.high
        assert f.monotone in (-1, 0, 1)
        if f.kind in ("mean dose", "volume at dose", "blood"):
            assert f.monotone == 1
        if f.kind in ("mean dose", "volume at dose"):
            assert f.organ in PARTS
    assert feature("alc").monotone == -1
    with pytest.raises(KeyError):
        feature("nonsense")


def test_vector_is_read_only_and_fits_its_names() -> None:
    v = row()
    with pytest.raises(ValueError):
        v.values[0] = 1.0
    with pytest.raises(ScenarioError, match="a feature vector has"):
        FeatureVector(np.zeros(3))


def test_the_equivalent_uniform_dose_by_hand_and_over_phases() -> None:
    """Half the pool at 4 Gy, half at 12: -4 ln(0.5 exp(-1) + 0.5 exp(-3)); phases and fractions add."""
    one = -4.0 * np.log(0.5 * np.exp(-1.0) + 0.5 * np.exp(-3.0))
    v = row(pools=[(10, {"spleen": HALF, "blood": uniform(0.5)}), (5, {"spleen": uniform(2.0), "blood": uniform(0.0)})])
    assert v["spleen_eud"] == pytest.approx(10 * one + 5 * 2.0)
    assert v["blood_eud"] == pytest.approx(5.0)
    assert one < HALF.mean_gy


def test_a_pool_that_one_phase_does_not_know_is_missing() -> None:
    v = row(pools=[(10, {"spleen": HALF}), (5, {})])
    assert np.isnan(v["spleen_eud"])
    assert "not known" in v.missing["spleen_eud"]


def test_pool_doses_are_written_at_the_d0_of_the_forecasts_resistant_cells() -> None:
    assert load("lymphocyte")["survival.combined.d0_resistant"].number == POOL_D0_GY


def test_without_dose_facts_stay_and_all_else_is_zero() -> None:
    stay = {f.name for f in FEATURES if f.without_dose is None}
    assert stay == {"alc", "age", "sex_female", "bmi", "alc_week1", *(f"site_{s}" for s in SITE_NAMES)}
    assert {f.without_dose for f in FEATURES} == {None, 0.0}
