"""Whole treatments: normalisation, timing, techniques, the fast path."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from lymphorisk.dvh.curve import DVH, DoseDistribution
from lymphorisk.dvh.engine import exact
from lymphorisk.errors import ScenarioError
from lymphorisk.phantom import (
    PhantomPlan,
    anatomy,
    phantom_plan,
    treatment_plan,
    voxels,
    with_phase,
)
from lymphorisk.phantom.anatomy import Numbers, numbers_of
from lymphorisk.phantom.shapes import Together
from lymphorisk.phantom.sites import SITES
from lymphorisk.phantom.voxels import CLASSES, distribution, voxels_of
from lymphorisk.plan import SITES as PATIENT_SITES


def ptv_mean(plan: PhantomPlan, phase: int = 0) -> float:
    name = [n for n in plan.targets if n.startswith("PTV")][phase]
    return float(plan.doses_zyx[phase].reshape(-1)[plan.grid.owned[name]].mean())


@pytest.mark.parametrize("site", SITES)
def test_every_site_gives_its_prescription_to_its_target(site: str, numbers: Numbers) -> None:
    plan = phantom_plan(numbers, site)
    phase = plan.phases[0]
    assert phase.prescription_gy is not None
    assert ptv_mean(plan) == pytest.approx(phase.prescription_gy, rel=1e-3)
    assert plan.doses_zyx[0].max() < 1.45 * phase.prescription_gy
    assert plan.patient_site in PATIENT_SITES
    assert phase.days is not None
    assert len(phase.days) == phase.fractions
    assert all(b.on_s is not None and b.on_s > 0 for b in phase.beams)


@pytest.mark.parametrize("site", [s for s, v in SITES.items() if v.proton])
def test_protons_give_the_body_less(site: str, numbers: Numbers) -> None:
    photon, proton = (phantom_plan(numbers, site, modality=m).organ_doses()[0] for m in ("photon", "proton"))
    assert proton["Body"].mean_gy < photon["Body"].mean_gy


def test_every_lesion_of_several_gets_the_dose(numbers: Numbers) -> None:
    plan = phantom_plan(numbers, "oligometastases")
    (gtv,) = (shape for name, shape in plan.targets.items() if name == "GTV")
    assert isinstance(gtv, Together)
    assert len(gtv.parts) == 3
    for lesion in gtv.parts:
        inside = voxels_of(lesion, plan.grid.x_mm, plan.grid.y_mm, plan.grid.z_mm)
        assert plan.doses_zyx[0].reshape(-1)[inside].mean() == pytest.approx(35.0, rel=0.1)
    between = plan.grid.owned["Heart"]
    assert plan.doses_zyx[0].reshape(-1)[between].mean() < 0.2 * 35.0


def test_a_limb_spares_the_organs_of_the_trunk(numbers: Numbers) -> None:
    doses = phantom_plan(numbers, "limb").organ_doses()[0]
    assert doses["Femur_L"].mean_gy > 5.0
    assert max(doses[organ].mean_gy for organ in ("Spleen", "Lungs", "Brain", "LN_Pelvics")) < 0.5


def test_elective_nodes_are_what_differs_from_the_prostate_alone(numbers: Numbers) -> None:
    alone, nodes = (
        phantom_plan(numbers, site, fractions=25, prescription_gy=45.0).organ_doses()[0]
        for site in ("prostate", "prostate_nodes")
    )
    assert nodes["LN_Pelvics"].mean_gy > 40.0 > 2.0 * alone["LN_Pelvics"].mean_gy


def test_a_child_is_refused(numbers: Numbers) -> None:
    with pytest.raises(ScenarioError, match="120 cm") as refused:
        phantom_plan(numbers, "csi", height_cm=120.0, weight_kg=23.0)
    assert "adults only" in refused.value.hint


def test_proton_doses_carry_their_rbe(numbers: Numbers) -> None:
    (phase,) = phantom_plan(numbers, "esophagus", modality="proton").phases
    assert (phase.modality, phase.rbe_in_dose) == ("proton", 1.1)


def test_tbi_is_uniform_within_ten_percent(numbers: Numbers) -> None:
    for sex in "MF":
        plan = phantom_plan(numbers, "whole_body", sex=sex)
        doses = plan.organ_doses()[0]
        for name, d in doses.items():
            if len(plan.grid.owned[name]) > 20:
                assert d.mean_gy == pytest.approx(12.0, rel=0.1), name
        body = doses["Body"]
        within = body.share[(body.dose_gy > 0.9 * 12) & (body.dose_gy < 1.1 * 12)].sum()
        assert within > 0.9


def test_tbi_lasts_as_long_as_its_dose_rate_says(numbers: Numbers) -> None:
    (phase,) = phantom_plan(numbers, "whole_body").phases
    total = sum(b.on_s or 0.0 for b in phase.beams)
    assert total == pytest.approx(2.0 / 0.12 * 60.0)
    assert phase.days == (0.0, 0.25, 1.0, 1.25, 2.0, 2.25)


def test_doses_scale_with_the_prescription_and_nothing_else_does(numbers: Numbers) -> None:
    body = anatomy(numbers, sex="M")
    once, twice = (phantom_plan(numbers, "lung", body=body, prescription_gy=g, fractions=20) for g in (30.0, 60.0))
    np.testing.assert_allclose(twice.doses_zyx[0], 2 * once.doses_zyx[0], rtol=1e-5)
    ratio = [
        b.on_s / a.on_s for a, b in zip(once.phases[0].beams, twice.phases[0].beams, strict=True) if a.on_s and b.on_s
    ]
    assert ratio == pytest.approx([2.0] * len(ratio))


def test_a_larger_tumour_and_margin_dose_more(numbers: Numbers) -> None:
    def lung(**knobs: float) -> float:
        return phantom_plan(numbers, "lung", **knobs).organ_doses()[0]["Lungs"].mean_gy  # type: ignore[arg-type]

    assert lung(size=0.7) < lung() < lung(size=1.4)
    assert lung(margin_mm=5.0) < lung(margin_mm=15.0)
    assert lung(field_margin_mm=3.0) < lung(field_margin_mm=12.0)


def test_a_moved_tumour_moves_the_dose(numbers: Numbers) -> None:
    usual, low = (phantom_plan(numbers, "lung", offset_mm=(0.0, 0.0, dz)).organ_doses()[0] for dz in (0.0, -60.0))
    assert low["Liver"].mean_gy > 2 * usual["Liver"].mean_gy


def test_the_arc_bathes_what_two_fields_spare(numbers: Numbers) -> None:
    body = anatomy(numbers, sex="M")
    arc, pair = (phantom_plan(numbers, "lymphoma", body=body, technique=t).organ_doses()[0] for t in ("arc", "opposed"))

    def above(d: DoseDistribution, dose: float) -> float:
        return float(d.share[d.dose_gy >= dose].sum())

    assert above(arc["Body"], 3.0) > above(pair["Body"], 3.0)
    assert above(arc["Lungs"], 25.0) < above(pair["Lungs"], 25.0)


def test_an_arc_is_two_beams_that_last_as_their_fields_together(numbers: Numbers) -> None:
    (phase,) = phantom_plan(numbers, "esophagus").phases
    assert [b.technique for b in phase.beams] == ["ARC", "ARC"]
    assert all(25 < (b.on_s or 0) < 45 for b in phase.beams)
    fields = numbers_of(numbers, "technique.arc.gantry")
    assert len(fields) == 24


def test_kept_beam_doses_add_up_to_the_plan(numbers: Numbers) -> None:
    plan = phantom_plan(numbers, "pancreas", keep_fields=True, whole_body=False)
    (own,) = plan.field_doses_zyx
    np.testing.assert_allclose(np.sum(own, axis=0), plan.doses_zyx[0], atol=0.05)
    drawn = treatment_plan(plan, names=("Body",), plane_mm=10.0)
    assert all(b.dose is not None for b in drawn.phases[0].beams)


def test_a_boost_follows_on_the_next_working_day_with_its_own_beams(numbers: Numbers) -> None:
    plan = with_phase(phantom_plan(numbers, "pelvis"), "pelvis_boost")
    first, second = plan.phases
    assert first.days is not None
    assert second.days is not None
    assert first.days[-1] == 32.0
    assert second.days[0] == 35.0
    numbers_used = [b.number for p in plan.phases for b in p.beams]
    assert numbers_used == list(range(1, len(numbers_used) + 1))
    assert ptv_mean(plan, 1) == pytest.approx(14.4, rel=1e-3)
    assert len(plan.organ_doses()) == 2


def test_the_fast_path_agrees_with_the_exact_engine(numbers: Numbers) -> None:
    plan = phantom_plan(numbers, "esophagus", spacing_mm=5.0, whole_body=False)
    fast: Mapping[str, DoseDistribution] = plan.organ_doses()[0]
    names = ("Spleen", "Heart", "Lung_L", "Lung_R", "Liver", "Esophagus")
    drawn = treatment_plan(plan, names=names)
    grid = drawn.phases[0].dose
    assert grid is not None
    for structure, slow in zip(drawn.structures, exact(drawn.structures, grid), strict=True):
        assert isinstance(slow, DVH)
        assert fast[structure.name].mean_gy == pytest.approx(slow.mean_gy, rel=0.03, abs=0.1)
        assert plan.grid.volume_cm3(structure.name) == pytest.approx(slow.total_cm3, rel=0.06)


def test_a_coarse_grid_keeps_the_organ_means(numbers: Numbers) -> None:
    body = anatomy(numbers, sex="M")
    coarse, fine = (phantom_plan(numbers, "pancreas", body=body, spacing_mm=s).organ_doses()[0] for s in (10.0, 4.0))
    for organ in ("Spleen", "Liver", "BoneMarrow", "Bowel_Small", "Kidneys", "Body", "A_Aorta"):
        assert coarse[organ].mean_gy == pytest.approx(fine[organ].mean_gy, rel=0.12, abs=0.2), organ


def test_small_organs_keep_their_volume_on_a_coarse_grid(numbers: Numbers) -> None:
    """A spinal cord is as thin as the voxel: counted by voxel centres it would lose half."""
    body = anatomy(numbers, sex="M")
    coarse, fine = (voxels(body, s) for s in (10.0, 3.0))
    for organ in ("SpinalCord", "V_Venacava_S", "Esophagus", "Spleen", "LN_Celiac", "Glnd_Thyroid", "VB_T"):
        assert coarse.volume_cm3(organ) == pytest.approx(fine.volume_cm3(organ), rel=0.11), organ


def test_classes_keep_mean_and_the_share_without_dose() -> None:
    dose = np.concatenate([np.zeros(300), np.random.default_rng(0).gamma(2.0, 4.0, 900)]).astype(np.float32)
    d = distribution(dose)
    assert d.mean_gy == pytest.approx(float(dose.mean()), rel=1e-5)
    assert d.share[d.dose_gy == 0.0].sum() == pytest.approx(0.25)
    assert len(d.dose_gy) <= CLASSES + 1
    survival = float(np.exp(-0.4 * dose).mean())
    assert float(d.share @ np.exp(-0.4 * d.dose_gy)) == pytest.approx(survival, rel=1e-3)


def test_an_organ_without_dose_is_at_zero() -> None:
    d = distribution(np.zeros(5, dtype=np.float32))
    assert d.mean_gy == 0.0


def test_the_same_plan_twice(numbers: Numbers) -> None:
    a, b = (phantom_plan(numbers, "breast", rng=np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(a.doses_zyx[0], b.doses_zyx[0])


def test_organs_outside_the_scan_are_left_out_not_zero(numbers: Numbers) -> None:
    plan = phantom_plan(numbers, "brain", whole_body=False)
    assert "Bladder" not in plan.organ_doses()[0]
    assert "Bladder" in phantom_plan(numbers, "brain").organ_doses()[0]


@pytest.mark.parametrize(
    ("site", "knobs", "says"),
    [
        ("toe", {}, "no site"),
        ("lung", {"technique": "magic"}, "no photon technique"),
        ("whole_body", {"modality": "proton"}, "no proton technique"),
        ("breast", {"sex": "M"}, "no Breast_L"),
    ],
)
def test_impossible_plans_are_refused(site: str, knobs: dict[str, str], says: str, numbers: Numbers) -> None:
    with pytest.raises(ScenarioError, match=says):
        phantom_plan(numbers, site, **knobs)  # type: ignore[arg-type]


def test_without_names_all_that_lies_in_the_scan_is_drawn(numbers: Numbers) -> None:
    plan = phantom_plan(numbers, "brain", spacing_mm=10.0, whole_body=False)
    drawn = [s.name for s in treatment_plan(plan, plane_mm=40.0).structures]
    assert drawn[0] == "Body"
    assert {"Brain", "Brainstem", *(n for n in plan.targets if n.startswith("PTV"))} <= set(drawn)
    assert not {"Liver", "Prostate", "Lungs"} & set(drawn)
    with pytest.raises(ScenarioError, match="the phantom has no Third_Lung to draw"):
        treatment_plan(plan, names=("Body", "Third_Lung"))
