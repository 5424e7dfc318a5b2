"""Organs nobody drew, in a plan: placed, completed, diluted or refused, and never silent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lymphorisk import parameters
from lymphorisk.absent import Absent
from lymphorisk.analysis.exposure import blood_dose_of, exposure_of
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.picture import VIEWS, views_of
from lymphorisk.analysis.placed import (
    Bodies,
    bodies_of,
    made_of,
    mean_of,
    mix_of,
    typical_of,
    wider_than_bodies,
)
from lymphorisk.analysis.prepared import Prepared, prepare
from lymphorisk.analysis.risk import learned_voice, shipped_model
from lymphorisk.analysis.row import row_of
from lymphorisk.anatomy import nearest
from lymphorisk.dicom import Export, read_export
from lymphorisk.dvh import DoseDistribution
from lymphorisk.errors import InputError, MissingOrganError
from lymphorisk.features import NAMES, FeatureVector
from lymphorisk.lymphocyte.course import course_from_dict
from lymphorisk.lymphocyte.realisation import body_of_draw
from lymphorisk.organs import match
from lymphorisk.plan import DoseGrid, Frame, Patient, Structure
from lymphorisk.predict import load

CLINICAL = ("Body", "Lung_L", "Lung_R", "Heart", "Esophagus", "SpinalCord")


def cut(export: Export, names: tuple[str, ...]) -> Export:
    kept = tuple(s for s in export.plan.structures if s.name in names or s.rt_type in ("PTV", "GTV"))
    return replace(export, plan=replace(export.plan, structures=kept))


@pytest.fixture(scope="module")
def lung(rtplans: Path) -> Export:
    return read_export(rtplans / "lung")


@pytest.fixture(scope="module")
def full(lung: Export) -> Prepared:
    return prepare(lung)


@pytest.fixture(scope="module")
def clinical(lung: Export) -> Prepared:
    return prepare(cut(lung, CLINICAL))


def test_what_is_not_drawn_is_placed_near_its_dose(clinical: Prepared, full: Prepared) -> None:
    for name, within in (("Spleen", 0.5), ("LN", 0.35), ("BoneMarrow", 0.35), ("A_Aorta", 0.35), ("Liver", 0.6)):
        placed, true = clinical.doses.organs[name], full.doses.organs[name]
        assert placed.source == "placed", name
        assert abs(np.log(placed.course.mean_gy / true.course.mean_gy)) < within, name


def test_a_placed_organ_names_its_landmarks_and_its_error(clinical: Prepared) -> None:
    spleen = clinical.doses.organs["Spleen"]
    assert {"Lung_L", "Lung_R", "Heart"} <= set(spleen.landmarks)
    assert 0.0 < spleen.sd_ln < 2.0
    assert any(f.code == "LR118" and "Spleen" in f.what for f in clinical.doses.findings)
    assert not clinical.doses.surrogates
    assert {"spleen", "nodes"} <= clinical.doses.undrawn


def test_a_contour_that_ends_with_the_scan_is_a_part(full: Prepared) -> None:
    liver, heart = full.doses.organs["Liver"], full.doses.organs["Heart"]
    assert liver.source == "derived"
    assert 0.5 < liver.share < 1.0
    assert liver.dvh is not None
    assert liver.course.mean_gy < liver.dvh.mean_gy
    assert (heart.source, heart.share) == ("roi", 1.0)
    assert any(f.code == "LR109" and "Liver" in f.what for f in full.doses.findings)


def test_named_parts_keep_their_shares(full: Prepared) -> None:
    parts = {c.organ: c.share for c in full.doses.pool_parts["nodes"]}
    assert parts["LN_Mediastinals"] == pytest.approx(0.13, abs=0.01)


def test_every_pool_is_whole_in_every_body(clinical: Prepared) -> None:
    doses = clinical.doses
    assert len(doses.makeup) == doses.bodies.count
    for body in range(len(doses.makeup)):
        for pool, by_phase in doses.by_body[body].items():
            assert by_phase[0].share.sum() == pytest.approx(1.0), pool
    means = [pools["nodes"][0].mean_gy for pools in doses.by_body]
    assert np.std(means) > 0
    assert doses.pools["nodes"][0].mean_gy == pytest.approx(np.mean(means), rel=1e-3)


def test_the_draws_see_the_bodies_and_a_saved_course_keeps_them(clinical: Prepared) -> None:
    course = exposure_of(clinical, blood_dose_of(clinical))
    assert len(course.phases[0].bodies) == clinical.doses.bodies.count
    again = course_from_dict(course.to_dict())
    assert again.to_dict() == course.to_dict()


def test_draws_are_shared_out_evenly_between_bodies() -> None:
    counts = np.bincount(body_of_draw(512, 12))
    assert counts.min() >= 42
    assert counts.max() <= 43


def test_the_same_seed_is_the_same_dose_and_another_is_another(lung: Export, clinical: Prepared) -> None:
    few = cut(lung, CLINICAL)
    again, other = (prepare(few, options=Options(seed=s)) for s in (Options().seed, 7))
    spleen = [p.doses.organs["Spleen"].course for p in (clinical, again, other)]
    assert spleen[0].dose_gy.tobytes() == spleen[1].dose_gy.tobytes()
    assert spleen[0].dose_gy.tobytes() != spleen[2].dose_gy.tobytes()


def test_the_diluted_body_remains(lung: Export) -> None:
    doses = prepare(cut(lung, CLINICAL), options=Options(missing="diluted")).doses
    assert doses.organs["Spleen"].source == "diluted"
    assert "spleen" in doses.surrogates
    assert len(doses.makeup) == 1


def test_refusal_remains(lung: Export) -> None:
    with pytest.raises(MissingOrganError):
        prepare(cut(lung, CLINICAL), options=Options(missing="refuse"))


def codes(plan: Prepared) -> set[str]:
    return {f.code for f in plan.doses.findings}


def test_the_outline_alone_places_far_apart_and_says_so(lung: Export, clinical: Prepared, full: Prepared) -> None:
    plan = prepare(cut(lung, ("Body",)))
    assert "LR127" in codes(plan)
    assert "LR127" not in codes(clinical)
    nodes, usual, true = (p.doses.organs["LN"] for p in (plan, clinical, full))
    assert (nodes.source, nodes.landmarks) == ("placed", ("Body",))
    assert nodes.sd_ln > 2 * usual.sd_ln
    assert abs(np.log(nodes.course.mean_gy / true.course.mean_gy)) < 2 * nodes.sd_ln


def test_a_plan_without_landmarks_and_outline_says_so_and_is_diluted(lung: Export) -> None:
    doses = prepare(cut(lung, ())).doses
    assert "LR119" in {f.code for f in doses.findings}
    assert doses.organs["Spleen"].source == "diluted"


def shrunk(export: Export, by: float) -> Export:
    """The same plan of a body `by` times as large."""
    (phase,) = export.plan.phases
    frame = phase.dose.frame
    axes = {n: getattr(frame, n) * by for n in ("x_mm", "y_mm", "z_mm")}
    small = DoseGrid(phase.dose.dose_zyx.copy(), replace(frame, origin_mm=frame.origin_mm * by, **axes))
    drawn = tuple(replace(s, contours_mm=tuple(c * by for c in s.contours_mm)) for s in export.plan.structures)
    return replace(export, plan=replace(export.plan, phases=(replace(phase, dose=small),), structures=drawn))


def test_a_child_is_named_and_the_reference_shrunk(lung: Export, clinical: Prepared) -> None:
    child = replace(shrunk(cut(lung, CLINICAL), 0.68), patient=Patient(sex="M"))
    known = prepare(child, patient=Patient(sex="M", height_cm=120.0))
    unknown = prepare(child, patient=Patient(sex="M"))
    (said,), (guessed,) = ([f.what for f in p.doses.findings if f.code == "LR128"] for p in (known, unknown))
    assert "height 120 cm" in said
    assert re.search(r"girth as of a height of 1[12]\d cm", guessed)
    for plan in (known, unknown):
        for name in ("LN", "Spleen", "BoneMarrow"):
            ratio = plan.doses.organs[name].course.mean_gy / clinical.doses.organs[name].course.mean_gy
            assert abs(np.log(ratio)) < 0.35, name


def test_a_young_child_is_named_by_age_and_an_adult_not(clinical: Prepared) -> None:
    bodies = clinical.doses.bodies
    assert bodies.small(Patient(sex="M", age_y=6.0)) == "age 6 y"
    assert bodies.small(Patient(sex="M", age_y=60.0)) == ""
    assert "LR128" not in codes(clinical)


def test_mirrored_names_are_not_believed(lung: Export) -> None:
    swap = {"Lung_L": "Lung_R", "Lung_R": "Lung_L"}
    kept = cut(lung, ("Body", *swap))
    turned = tuple(replace(s, name=swap.get(s.name, s.name)) for s in kept.plan.structures)
    doses = prepare(replace(kept, plan=replace(kept.plan, structures=turned))).doses
    assert "LR119" in {f.code for f in doses.findings}


def bodies(export: Export) -> Bodies | Absent:
    regions: Mapping[str, Structure] = {n: m.region for n, m in match(export.plan.structures).organs.items()}
    return bodies_of(regions, export.plan.phases, Patient(sex="M"), 1)


def test_moving_the_whole_plan_changes_no_dose(lung: Export) -> None:
    few = cut(lung, CLINICAL)
    by = np.array([31.0, -412.0, 2000.5])
    dose = few.plan.phases[0].dose
    frame = replace(dose.frame, origin_mm=dose.origin_mm + by)
    moved = replace(
        few.plan,
        phases=(replace(few.plan.phases[0], dose=replace_grid(dose, frame)),),
        structures=tuple(replace(s, contours_mm=tuple(c + by for c in s.contours_mm)) for s in few.plan.structures),
    )
    here, there = bodies(few), bodies(replace(few, plan=moved))
    assert isinstance(here, Bodies)
    assert isinstance(there, Bodies)
    for organ in ("Spleen", "LN_Mediastinals", "VB_T", "Liver"):
        assert there.dosed.means({organ: 1.0}) == pytest.approx(here.dosed.means({organ: 1.0}), rel=0.01), organ


def replace_grid(dose, frame):
    return type(dose)(dose.dose_zyx.copy(), frame)


#: How a grid's columns, rows and frames run in patient coordinates when the patient lies otherwise: axis and sign.
POSITIONS = {
    "head first supine": ((0, 1), (1, 1), (2, 1)),
    "feet first supine": ((0, -1), (1, 1), (2, -1)),
    "head first prone": ((0, -1), (1, -1), (2, 1)),
    "feet first prone": ((0, 1), (1, -1), (2, -1)),
    "head first on the left side": ((1, -1), (0, 1), (2, 1)),
    "feet first on the right side": ((1, -1), (0, -1), (2, -1)),
    "mirrored rows": ((0, 1), (1, -1), (2, 1)),
}


def lying(dose: DoseGrid, position: tuple[tuple[int, int], ...]) -> DoseGrid:
    """The same doses at the same points, counted as the position has it."""
    at = (dose.x_mm, dose.y_mm, dose.z_mm)
    coordinates = [np.sort(sign * at[axis]) for axis, sign in position]
    directions = np.stack([sign * dose.directions[axis] for axis, sign in position])
    counted = np.transpose(dose.dose_zyx, [2 - axis for axis, _ in reversed(position)])
    steps = tuple(slice(None, None, sign) for _, sign in reversed(position))
    frame = Frame(dose.origin_mm.copy(), directions, *coordinates, dose.frame_of_reference)
    return DoseGrid(np.ascontiguousarray(counted[steps]), frame)


@pytest.mark.parametrize("position", POSITIONS)
def test_how_the_patient_lies_changes_no_dose(lung: Export, position: str) -> None:
    few = cut(lung, CLINICAL)
    (phase,) = few.plan.phases
    turned = lying(phase.dose, POSITIONS[position])
    corner = phase.dose.frame.points()[0, 0, 0]
    assert float(dose_near(turned, corner)) == float(phase.dose.dose_zyx[0, 0, 0])
    here = bodies(few)
    there = bodies(replace(few, plan=replace(few.plan, phases=(replace(phase, dose=turned),))))
    assert isinstance(here, Bodies)
    assert isinstance(there, Bodies)
    for organ in here.dosed.placed.reference.organs:
        assert there.dosed.means({organ: 1.0}) == pytest.approx(here.dosed.means({organ: 1.0}), rel=0.01), organ


def dose_near(grid: DoseGrid, point_mm: np.ndarray) -> float:
    (flat,) = nearest(grid, point_mm[None, :])
    return float(grid.dose_zyx.reshape(-1)[flat])


@pytest.mark.parametrize("position", ["feet first prone", "head first on the left side"])
def test_nor_does_it_where_nobody_drew_the_body(lung: Export, position: str) -> None:
    few = cut(lung, tuple(n for n in CLINICAL if n != "Body"))
    (phase,) = few.plan.phases
    turned = replace(phase, dose=lying(phase.dose, POSITIONS[position]))
    here, there = bodies(few), bodies(replace(few, plan=replace(few.plan, phases=(turned,))))
    assert isinstance(here, Bodies)
    assert isinstance(there, Bodies)
    for organ in ("Spleen", "VB_T", "Liver", "LN_Mediastinals", "Brain"):
        assert there.dosed.means({organ: 1.0}) == pytest.approx(here.dosed.means({organ: 1.0}), rel=0.01), organ


def test_the_typical_body_is_the_one_in_the_middle() -> None:
    three = [[DoseDistribution(np.array([0.0, d]), np.array([0.5, 0.5]))] for d in (1.0, 2.0, 60.0)]
    typical = typical_of(three, 0, 8)
    assert typical.dose_gy.tolist() == [0.0] * 4 + [2.0] * 4
    assert typical.mean_gy == pytest.approx(1.0)
    assert mean_of(three, 0, 8).mean_gy == pytest.approx(10.5)


def test_a_placed_organ_is_shown_as_in_the_typical_body(clinical: Prepared) -> None:
    spleen, doses = clinical.doses.organs["Spleen"], clinical.doses
    each = doses.bodies.dosed.means({"Spleen": 1.0}).sum(axis=0)
    assert spleen.course.mean_gy == pytest.approx(np.median(each), rel=0.1)
    assert doses.pools["spleen"][0].mean_gy * 30 == pytest.approx(each.mean(), rel=1e-3)


def test_mixes_are_whole() -> None:
    known = dict.fromkeys(
        ("Skull", "Ribs", "VB_T", "VB_L", "Lung_L", "Lung_R", "Bowel_Small", "Duodenum", "Bowel_Large")
    )
    for organ in ("BoneMarrow", "Lungs", "Bowel", "Bag_Bowel", "Lungs-GTV"):
        assert sum(mix_of(organ, known).values()) == pytest.approx(1.0), organ
    assert mix_of("Bowel", known)["Bowel_Large"] == pytest.approx(0.25)


def test_placed_organs_are_pictured_where_they_lie(clinical: Prepared) -> None:
    front, side, section = views_of(clinical.doses)
    assert [v.name for v in (front, side, section)] == list(VIEWS)
    points = clinical.doses.bodies.dosed.placed.points("Spleen")
    for view, axes in zip((front, side), VIEWS.values(), strict=False):
        (spleen,) = (s for s in view.organs if s.organ == "Spleen")
        middle = np.mean([box_of(line).mean(axis=0) for line in spleen.likely], axis=0)
        assert middle == pytest.approx(points.mean(axis=(0, 1))[list(axes)], abs=15.0)
        (low, high), (wide_low, wide_high) = (
            (np.min([box_of(x)[0] for x in lines], axis=0), np.max([box_of(x)[1] for x in lines], axis=0))
            for lines in (spleen.likely, spleen.possible)
        )
        assert (wide_low <= low).all()
        assert (wide_high >= high).all()
        assert view.outline
        assert all(lines for _, lines in view.doses)
    level = np.mean([box_of(line)[:, 1].mean() for _, lines in front.doses[:1] for line in lines])
    assert level == pytest.approx(
        clinical.doses.bodies.dosed.fields[0].low_mm[2] / 2 + clinical.doses.bodies.dosed.fields[0].high_mm[2] / 2,
        abs=25.0,
    )
    assert "Brain" not in {s.organ for s in section.organs}
    assert not {"Heart", "Lungs"} & {s.organ for s in front.organs}, "drawn organs are not placed"


def box_of(line: tuple[tuple[float, float], ...]) -> np.ndarray:
    return np.array([np.min(line, axis=0), np.max(line, axis=0)])


def test_nothing_placed_is_no_picture(lung: Export) -> None:
    assert views_of(prepare(cut(lung, CLINICAL), options=Options(missing="diluted")).doses) == ()


def measured(what: str) -> dict[str, float]:
    return {n.removeprefix(f"{what}."): p.number for n, p in parameters.load("placement").items() if n.startswith(what)}


def test_the_stated_error_is_as_wide_as_the_benchmark_found(clinical: Prepared) -> None:
    found = measured("wider")
    assert min(found.values()) >= 1.0
    assert found["Bowel"] > 1.2
    assert wider_than_bodies("Bowel") == found["Bowel"]
    assert min(found.values()) <= wider_than_bodies("GreatVes_Trunk") <= max(found.values())
    bodies = clinical.doses.bodies
    for organ in ("Bowel", "Spleen"):
        between = float(np.log(bodies.dosed.means(bodies.mix(organ)).sum(axis=0)).std())
        assert clinical.doses.organs[organ].sd_ln == pytest.approx(found[organ] * between, rel=1e-3), organ


def test_the_draws_see_patients_who_differ_by_more_than_the_bodies(clinical: Prepared) -> None:
    bodies = clinical.doses.bodies
    mix = bodies.mix("Bowel")
    plain = [m.rest for m in made_of(bodies, mix, (), clinical.doses.body)]
    wide = [m.rest for m in made_of(bodies, mix, (), clinical.doses.body, wider=2.0)]
    ln = np.log([[d.mean_gy for d in by_phase] for by_phase in (*plain, *wide)]).reshape(2, bodies.count)
    assert ln[1].std() == pytest.approx(2.0 * ln[0].std(), rel=1e-6)
    assert np.median(ln[1]) == pytest.approx(np.median(ln[0]), abs=1e-9)
    pools = [p["gut"][0].mean_gy for p in clinical.doses.by_body]
    assert np.log(pools).std() == pytest.approx(measured("wider")["Bowel"] * ln[0].std(), rel=1e-3)


def test_no_dose_is_above_the_highest_planned(clinical: Prepared) -> None:
    bodies = clinical.doses.bodies
    wide = made_of(bodies, bodies.mix("Spleen"), (), clinical.doses.body, wider=60.0)
    assert max(m.rest[0].dose_gy[-1] for m in wide) == bodies.top_gy[0]


def test_a_drawn_part_shares_the_error_of_the_rest(full: Prepared) -> None:
    liver = full.doses.organs["Liver"]
    assert 0.0 < liver.share < 1.0
    assert 0.0 < liver.sd_ln < clinical_sd(full, "Liver") * wider_than_bodies("Liver")


def clinical_sd(plan: Prepared, organ: str) -> float:
    return float(np.log(plan.doses.bodies.dosed.means({organ: 1.0}).sum(axis=0)).std())


def test_a_predictor_that_knows_placed_organs_sees_them(clinical: Prepared) -> None:
    blood = blood_dose_of(clinical)
    usual, told = (row_of(clinical, blood, placed=placed) for placed in (False, True))
    for name in ("spleen_mean", "nodes_mean", "marrow_eud", "bowel_eud", "thymus_eud", "liver_mean"):
        at = NAMES.index(name)
        assert np.isnan(usual.values[at]), name
        assert np.isfinite(told.values[at]), name
    assert told.values[NAMES.index("heart_mean")] == usual.values[NAMES.index("heart_mean")]


@pytest.mark.parametrize("card", [{}, {"organs": {"placed": True}}])
def test_the_card_says_which_row_the_predictor_is_asked(card: dict[str, dict[str, bool]]) -> None:
    asked: list[bool] = []

    def row(placed: bool) -> FeatureVector:
        asked.append(placed)
        raise InputError("enough")

    known = replace(load(shipped_model()), card=card)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lymphorisk.analysis.risk._loaded", lambda *_: known)
        with pytest.raises(InputError):
            learned_voice(row, Options())
    assert asked == [bool(card)]
