"""Organ doses with surrogates: missing is never zero, parts count once, coverage is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lymphorisk.absent import Absent
from lymphorisk.analysis.doses import BodyNumbers, organ_doses
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.source import Source
from lymphorisk.errors import MissingOrganError
from lymphorisk.plan import DoseGrid, Patient, Phase, Structure, TreatmentPlan

BODY = BodyNumbers(volume_l=60.0, min_coverage=0.98, undecidable_coverage=0.8)


def box(number: int, name: str, low: tuple[float, float, float], high: tuple[float, float, float]) -> Structure:
    (x0, y0, z0), (x1, y1, z1) = low, high
    contours = tuple(
        np.array([[x0, y0, z], [x1, y0, z], [x1, y1, z], [x0, y1, z]], dtype=float)
        for z in np.arange(z0, z1 + 1e-6, 5.0)
    )
    return Structure(number, name, contours, "1")


def source(*structures: Structure, fractions: int = 10, rbe: float = 1.0, scale: float = 1.0) -> Source:
    """A slab phantom: dose 20 Gy for x < 0 and 0 beyond, 30 cm wide, times `scale`."""
    x = np.arange(-150.0, 151.0, 5.0)
    dose = np.where(x < 0, 20.0 * scale, 0.0).astype(np.float32)
    grid = DoseGrid(
        np.broadcast_to(dose, (41, 61, 61)).copy(),
        np.zeros(3),
        np.eye(3),
        x,
        x.copy(),
        np.arange(-100.0, 101.0, 5.0),
        "1",
    )
    plan = TreatmentPlan("p", (Phase("a", fractions, dose=grid, rbe_in_dose=rbe),), structures)
    return Source(plan, None, Patient(), (), ())


BODY_ROI = box(1, "BODY", (-140, -140, -90), (140, 140, 90))
SPLEEN = box(2, "Milz", (-100, -30, -30), (-50, 30, 30))
BOWEL = box(3, "Bowel", (50, -30, -30), (100, 30, 30))


def test_a_contoured_organ_has_its_own_dose_per_fraction() -> None:
    doses = organ_doses(source(BODY_ROI, SPLEEN, BOWEL), Options(), "32", BODY)
    assert doses.organs["Spleen"].source == "roi"
    assert doses.organs["Spleen"].course.mean_gy == pytest.approx(20.0, abs=1e-3)
    assert doses.pools["spleen"][0].mean_gy == pytest.approx(2.0, abs=1e-4)
    assert doses.pools["gut"][0].mean_gy == pytest.approx(0.0, abs=1e-3)


def test_the_rbe_of_the_export_is_divided_out_once() -> None:
    plain = organ_doses(source(BODY_ROI, SPLEEN), Options(), "32", BODY)
    weighted = organ_doses(source(BODY_ROI, SPLEEN, rbe=1.1, scale=1.1), Options(), "32", BODY)
    assert weighted.pools["spleen"][0].mean_gy == pytest.approx(plain.pools["spleen"][0].mean_gy, rel=1e-5)
    assert weighted.organs["Spleen"].course.mean_gy == pytest.approx(22.0, abs=2e-3)


def test_what_is_not_contoured_gets_the_diluted_body_dose_and_a_finding() -> None:
    doses = organ_doses(source(BODY_ROI, SPLEEN), Options(missing="diluted"), "32", BODY)
    marrow = doses.organs["BoneMarrow"]
    body = doses.organs["Body"]
    assert marrow.source == "diluted"
    litres = body.dvh.covered_cm3 / 1000
    assert marrow.course.mean_gy == pytest.approx(body.course.mean_gy * litres / 60.0, rel=1e-6)
    assert "marrow" in doses.surrogates
    assert "spleen" not in doses.surrogates
    assert any(f.code == "LR110" and "BoneMarrow" in f.what for f in doses.findings)
    assert all(d.mean_gy > 0 for pool in doses.pools.values() for d in pool)


def test_surrogates_can_be_refused() -> None:
    with pytest.raises(MissingOrganError, match="surrogates are refused") as caught:
        organ_doses(source(BODY_ROI, SPLEEN), Options(missing="refuse"), "32", BODY)
    assert "--organ" in caught.value.hint


def test_without_any_lymphoid_organ_the_answer_says_how_weak_it_is() -> None:
    doses = organ_doses(source(BODY_ROI), Options(), "32", BODY)
    assert "LR114" in {f.code for f in doses.findings}
    doses = organ_doses(source(BODY_ROI, SPLEEN), Options(), "32", BODY)
    assert "LR114" not in {f.code for f in doses.findings}


def test_without_a_body_contour_the_whole_grid_stands_in() -> None:
    doses = organ_doses(source(SPLEEN), Options(), "32", BODY)
    assert "LR113" in {f.code for f in doses.findings}
    assert doses.body[0].mean_gy > 0


def test_an_override_maps_a_roi_by_name_and_by_number() -> None:
    odd = box(7, "SPL_v2_neu", (-100, -30, -30), (-50, 30, 30))
    for value in ("SPL_v2_neu", "7"):
        doses = organ_doses(source(BODY_ROI, odd), Options(organs={"Spleen": value}), "32", BODY)
        assert doses.organs["Spleen"].source == "roi"
        assert doses.organs["Spleen"].course.mean_gy == pytest.approx(20.0, abs=1e-3)


def test_an_organ_mostly_outside_the_grid_is_undecidable_and_never_rescaled_in_silence() -> None:
    outside = box(4, "Spleen", (-300, -30, -30), (-100, 30, 30))
    doses = organ_doses(source(BODY_ROI, outside), Options(), "32", BODY)
    assert "LR112" in {f.code for f in doses.findings}
    assert "spleen" in doses.surrogates
    slightly = box(4, "Spleen", (-156, -30, -30), (-100, 30, 30))
    doses = organ_doses(source(BODY_ROI, slightly), Options(), "32", BODY)
    assert "LR111" in {f.code for f in doses.findings}
    assert doses.organs["Spleen"].coverage < 1.0
    assert "spleen" not in doses.surrogates


def test_parts_of_an_organ_stand_for_their_share_only() -> None:
    left = box(5, "Lung_L", (-100, -30, -30), (-50, 30, 30))
    doses = organ_doses(source(BODY_ROI, left), Options(), "32", BODY)
    lungs = doses.organs["Lungs"]
    assert lungs.source == "derived"
    assert 0 < lungs.course.mean_gy < doses.organs["Lung_L"].course.mean_gy
    assert any(f.code == "LR115" for f in doses.findings)


@pytest.mark.real
def test_the_reference_phantom_gives_the_kill_worked_by_hand(real_data: Path) -> None:
    """By hand on the constructed pancreas plan: spleen, nodes, gut and marrow lose 0.056 of all a fraction."""
    from lymphorisk.analysis.chain import people_of
    from lymphorisk.analysis.exposure import survival_of
    from lymphorisk.analysis.source import open_source

    course = open_source(real_data / "pancreas_icrp", Options())
    doses = organ_doses(course, Options(), "32", BodyNumbers(61.8, 0.98, 0.8))
    alive = survival_of(Options())["combined"]
    shares = people_of("combined").value
    lost = 0.0
    for pool in ("spleen", "nodes", "gut", "marrow"):
        d = doses.pools[pool][0]
        lost += shares[f"pool.{pool}"] * (1.0 - float(d.share @ alive(d.dose_gy)))
    total = sum(
        shares[f"pool.{p}"] for p in ("spleen", "nodes", "gut", "marrow", "thymus", "blood", "lung", "elsewhere")
    )
    assert lost / total == pytest.approx(0.056, abs=0.012)


def test_bone_on_the_ct_stands_in_for_marrow_that_nobody_drew() -> None:
    from dataclasses import replace

    from lymphorisk.plan import CTVolume, Frame

    plain = source(BODY_ROI, SPLEEN)
    z = np.arange(-100.0, 101.0, 5.0)
    x = np.arange(-150.0, 151.0, 5.0)
    hu = np.full((len(z), len(x), len(x)), 40, np.int16)
    hu[10:31, 25:36, 10:26] = 400
    hu[10:31, 25:36, 60] = 2000
    ct = CTVolume(Frame(np.zeros(3), np.eye(3), x, x.copy(), z, "1"), lambda: hu)
    numbers = replace(BODY, bone_threshold_hu=200.0, bone_volume_l=10.0)
    doses = organ_doses(replace(plain, ct=ct), Options(), "32", numbers)
    bone = doses.organs["Bone_CT"]
    assert bone.volume_cm3 == pytest.approx(21 * 11 * 16 * 0.125, rel=1e-6), "the couch outside the body is left out"
    assert bone.course.mean_gy == pytest.approx(20.0, rel=0.01)
    share = bone.volume_cm3 / 1000 / 10.0
    expected = share * 2.0 + (1 - share) * doses.body[0].mean_gy
    assert doses.pools["marrow"][0].mean_gy == pytest.approx(expected, rel=0.02)
    assert "LR117" in {f.code for f in doses.findings}
    drawn = box(9, "BoneMarrow", (-100, -30, -30), (-50, 30, 30))
    doses = organ_doses(replace(source(BODY_ROI, drawn), ct=ct), Options(), "32", numbers)
    assert "Bone_CT" not in doses.organs


def test_half_the_lungs_are_no_lungs_to_edic() -> None:
    from lymphorisk.analysis.edic import edic_family

    heart, left = box(6, "Heart", (-30, -30, -30), (30, 30, 30)), box(5, "Lung_L", (-100, -30, -30), (-50, 30, 30))
    right = box(8, "Lung_R", (50, -30, -30), (100, 30, 30))
    one = edic_family(organ_doses(source(BODY_ROI, heart, left), Options(), "32", BODY), 10, BODY)
    both = edic_family(organ_doses(source(BODY_ROI, heart, left, right), Options(), "32", BODY), 10, BODY)
    assert isinstance(one["edic_gy"], Absent)
    assert isinstance(both["edic_gy"], float)
