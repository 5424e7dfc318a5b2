"""A course is added phase by phase: nothing about it hangs on which phase comes first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lymphorisk.absent import Absent
from lymphorisk.analysis.chain import analysis_of
from lymphorisk.analysis.exposure import blood_dose_of
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.prepared import Prepared, prepare
from lymphorisk.analysis.row import row_of
from lymphorisk.analysis.source import Source
from lymphorisk.features import FeatureVector
from lymphorisk.plan import DoseGrid, Patient, Phase, Structure, TreatmentPlan
from lymphorisk.scenario import scenario_from

FAST = Options(draws=64, horizon_d=120)
WHO = Patient(sex="M", age_y=60, alc=1.4, chemo="none", site="esophagus")
#: 10 fractions of 2.0 Gy physical each.
PHOTON = {"fractions": 10, "modality": "photon", "organs": {"Spleen": {"mean_gy": 20.0}, "Body": {"mean_gy": 2.0}}}
PROTON = {
    "fractions": 10,
    "modality": "proton",
    "rbe": 1.1,
    "organs": {"Spleen": {"mean_gy": 22.0}, "Body": {"mean_gy": 2.2}},
}
ELECTRON = PHOTON | {"modality": "electron"}


def course(*phases: dict[str, object]) -> Prepared:
    return prepare(scenario_from({"plan": {"phase": list(phases)}}), WHO, FAST)


def row(plan: Prepared) -> FeatureVector:
    return row_of(plan, blood_dose_of(plan))


@pytest.mark.parametrize("phases", [(PHOTON, PROTON), (PROTON, PHOTON), (PROTON, PROTON), (PHOTON, PHOTON)])
def test_two_gray_physical_is_forty_in_any_order(phases: tuple[dict[str, object], ...]) -> None:
    assert row(course(*phases))["spleen_mean"] == pytest.approx(40.0, rel=1e-12)


@pytest.mark.parametrize("phases", [(PROTON, PHOTON), (PROTON, PROTON)])
def test_blood_and_pools_get_the_physical_dose_of_a_fraction(phases: tuple[dict[str, object], ...]) -> None:
    plan, photons = course(*phases), course(PHOTON, PHOTON)
    assert [d.mean_gy for d in plan.doses.organs["Spleen"].per_fraction] == pytest.approx([2.0, 2.0])
    for pool, parts in photons.doses.pools.items():
        assert [d.mean_gy for d in plan.doses.pools[pool]] == pytest.approx([d.mean_gy for d in parts]), pool
    blood = [[s.mean_gy for s in blood_dose_of(p).fraction] for p in (plan, photons)]
    assert blood[0] == pytest.approx(blood[1])


@pytest.mark.slow
def test_the_order_of_phases_changes_no_feature() -> None:
    a, b = row(course(PHOTON, PROTON)), row(course(PROTON, PHOTON))
    assert np.array_equal(np.isnan(a.values), np.isnan(b.values))
    assert np.nan_to_num(a.values) == pytest.approx(np.nan_to_num(b.values), rel=1e-6)


@pytest.mark.slow
def test_the_modality_of_a_mixed_course_is_a_share() -> None:
    assert row(course(PHOTON, PHOTON))["modality_proton"] == 0.0
    assert row(course(PROTON, PROTON))["modality_proton"] == 1.0
    assert row(course(PHOTON, PROTON))["modality_proton"] == 0.5
    long = PHOTON | {"fractions": 30}
    assert row(course(PROTON, long))["modality_proton"] == row(course(long, PROTON))["modality_proton"] == 0.25


@pytest.mark.slow
@pytest.mark.parametrize("phases", [(PHOTON, PROTON), (PROTON, PHOTON), (PHOTON, ELECTRON), (ELECTRON, PHOTON)])
def test_published_models_of_one_modality_decline_a_mixed_course(phases: tuple[dict[str, object], ...]) -> None:
    result = analysis_of(course(*phases))
    assert " and " in result.modality
    for estimate in result.risk.literature:
        assert isinstance(estimate.p, Absent)
        if "site" not in estimate.p.reason:
            assert result.modality in estimate.p.reason


@pytest.mark.slow
@pytest.mark.parametrize("phases", [(PHOTON, PROTON), (PROTON, PHOTON)])
def test_the_learned_voice_says_that_it_saw_no_mixed_course(phases: tuple[dict[str, object], ...]) -> None:
    learned = analysis_of(course(*phases)).risk.learned
    assert isinstance(learned, Absent)
    assert "mixed" in learned.reason
    pure = analysis_of(course(phases[0], phases[0])).risk.learned
    assert "mixed" not in (pure.reason if isinstance(pure, Absent) else "")


def test_voxel_doses_are_added_with_the_rbe_divided_out_of_each() -> None:
    """Photons left, protons right of the middle of a cube: half of it sees the one, half the other."""
    x = np.arange(-50.0, 51.0, 2.0)
    left = np.broadcast_to(np.where(x < 0, 20.0, 0.0).astype(np.float32), (len(x),) * 3)
    right = np.broadcast_to(np.where(x < 0, 0.0, 22.0).astype(np.float32), (len(x),) * 3)
    one = DoseGrid(left.copy(), np.zeros(3), np.eye(3), x, x.copy(), x.copy(), "1")
    photon = Phase("photons", 10, dose=one)
    proton = Phase("protons", 10, dose=replace(one, dose_zyx=right.copy()), modality="proton", rbe_in_dose=1.1)
    square = np.array([[-20.0, -20.0], [18.0, -20.0], [18.0, 20.0], [-20.0, 20.0]])
    cube = tuple(np.column_stack([square, np.full(4, z)]) for z in np.arange(-20.0, 21.0, 2.0))
    rows = []
    for phases in ((photon, proton), (proton, photon)):
        plan = TreatmentPlan("mixed", phases, (Structure(1, "Spleen", cube, "1"),))
        organ = prepare_source(Source(plan, None, Patient(), (), ())).doses.organs["Spleen"]
        assert organ.physical.mean_gy == pytest.approx(20.0, rel=1e-4)
        assert organ.course.mean_gy == pytest.approx(21.0, rel=2e-2)
        rows.append((organ.physical.mean_gy, organ.course.mean_gy))
    assert rows[0] == rows[1]


def prepare_source(source: Source) -> Prepared:
    from lymphorisk.analysis.prepared import prepared

    return prepared(source, WHO, FAST)
