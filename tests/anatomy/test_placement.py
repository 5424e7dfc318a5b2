"""The reference body in a patient: what landmarks say, what they cannot, and what must not matter."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from lymphorisk.absent import Absent
from lymphorisk.anatomy import Outline, Placed, Prior, Reference, place, placement

A = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "drawings.py")))
USUAL, moved, seen = A.USUAL, A.moved, A.seen
SHIFT = (40.0, -260.0, 1234.0)


def middles(placed: Placed, organ: str) -> np.ndarray:
    return placed.points(organ).mean(axis=1)


def test_an_organ_between_its_landmarks_is_found(placed: Placed, man: Reference) -> None:
    away = middles(placed, "Spleen").mean(axis=0) - man.organs["Spleen"].middle_mm
    assert np.abs(away).max() < 25.0


@pytest.mark.parametrize("height_mm", [1600.0, 1760.0])
def test_levels_of_the_drawn_man_are_corrected_by_the_stated_amounts(
    man: Reference, prior: Prior, height_mm: float
) -> None:
    """In proportion to the height of the reference, and of the patient."""
    at, by = np.array(prior.level_from), np.array(prior.level_by)
    assert by.max() > 0.0
    drawn = at * man.height_mm / at[-1]
    np.testing.assert_allclose(
        placement._level(man, prior, drawn, height_mm), (at + by) * height_mm / at[-1], rtol=1e-12
    )


def test_a_landmark_is_placed_where_it_was_drawn(placed: Placed, man: Reference) -> None:
    for name in ("Liver", "Heart", "Kidney_L"):
        away = middles(placed, name).mean(axis=0) - man.organs[name].middle_mm
        assert np.abs(away).max() < 10.0, name


def test_bodies_differ_most_where_nothing_is_drawn(placed: Placed) -> None:
    near, far = (middles(placed, n)[:, 2].std() for n in ("Spleen", "Bladder"))
    assert 2.0 < near < far


def test_the_same_seed_gives_the_same_bytes(placed: Placed, man: Reference, prior: Prior) -> None:
    again = place(man, {n: seen(man, n) for n in USUAL}, man.outline, prior, seed=3)
    assert isinstance(again, Placed)
    assert again.points("Spleen").tobytes() == placed.points("Spleen").tobytes()
    other = place(man, {n: seen(man, n) for n in USUAL}, man.outline, prior, seed=4)
    assert isinstance(other, Placed)
    assert other.points("Spleen").tobytes() != placed.points("Spleen").tobytes()


def test_where_the_origin_lies_does_not_matter(placed: Placed, man: Reference, prior: Prior) -> None:
    shifted = place(man, {n: seen(man, n, SHIFT) for n in USUAL}, moved(man.outline, SHIFT), prior, seed=3)
    assert isinstance(shifted, Placed)
    assert shifted.points("Spleen") - np.array(SHIFT) == pytest.approx(placed.points("Spleen"), abs=0.5)


def test_the_order_of_the_structures_does_not_matter(placed: Placed, man: Reference, prior: Prior) -> None:
    turned = place(man, {n: seen(man, n) for n in reversed(USUAL)}, man.outline, prior, seed=3)
    assert isinstance(turned, Placed)
    assert turned.points("Spleen") == pytest.approx(placed.points("Spleen"), abs=0.5)


def test_one_organ_far_off_is_left_out_and_named(man: Reference, prior: Prior) -> None:
    drawn = {n: seen(man, n) for n in USUAL} | {"Liver": seen(man, "Liver", (0.0, 0.0, 180.0))}
    made = place(man, drawn, man.outline, prior)
    assert isinstance(made, Placed)
    assert made.fits[2].left_out == ("Liver",)
    honest = place(man, {n: seen(man, n) for n in USUAL if n != "Liver"}, man.outline, prior)
    assert isinstance(honest, Placed)
    assert middles(made, "Spleen").mean(axis=0) == pytest.approx(middles(honest, "Spleen").mean(axis=0), abs=6.0)


def test_a_body_mirrored_left_to_right_is_not_believed(man: Reference, prior: Prior) -> None:
    def mirrored(name: str):
        one = seen(man, name)
        return replace(one, middle_mm=one.middle_mm * [-1, 1, 1], levels_mm=one.levels_mm * [-1, 1, 1])

    made = place(man, {n: mirrored(n) for n in USUAL}, man.outline, prior)
    assert isinstance(made, Absent)
    assert "across" in made.reason


def test_a_body_upside_down_is_not_believed(man: Reference, prior: Prior) -> None:
    def turned(name: str):
        one = seen(man, name)
        down = np.array([1.0, 1.0, -1.0])
        return replace(
            one,
            low_mm=-one.high_mm,
            high_mm=-one.low_mm,
            middle_mm=one.middle_mm * down,
            levels_mm=one.levels_mm[::-1] * down,
        )

    assert isinstance(place(man, {n: turned(n) for n in USUAL}, None, prior), Absent)


def test_without_any_landmark_there_is_no_level(man: Reference, prior: Prior) -> None:
    assert isinstance(place(man, {}, man.outline, prior), Absent)
    assert isinstance(place(man, {"Bowel_Small": seen(man, "Bowel_Small")}, man.outline, prior), Absent)


def test_an_end_cut_by_the_scan_is_no_landmark(man: Reference, prior: Prior) -> None:
    short = replace(seen(man, "Liver"), low_mm=1200.0, cut_low=True)
    made = place(man, {"Liver": short, "Heart": seen(man, "Heart")}, man.outline, prior)
    assert isinstance(made, Placed)
    told = {(r.organ, r.feature) for r in made.fits[2].residuals}
    assert ("Liver", "highest end") in told
    assert ("Liver", "lowest end") not in told


def test_a_brain_has_its_abdomen_far_below(man: Reference, prior: Prior) -> None:
    drawn = {n: seen(man, n) for n in ("Brain", "Brainstem", "Eye_L", "Eye_R")}
    made = place(man, drawn, man.outline, prior)
    assert isinstance(made, Placed)
    assert (man.organs["Brain"].low_mm[2] - made.points("Spleen")[..., 2]).min() > 200.0


def test_organs_spread_less_than_the_outline_of_a_larger_patient(man: Reference, prior: Prior) -> None:
    drawn = {n: seen(man, n) for n in ("Femur_Head_L", "Femur_Head_R", "Bladder")}
    wide = replace(man.outline, half_mm=man.outline.half_mm * 1.4)
    thin, thick = (place(man, drawn, o, prior) for o in (man.outline, wide))
    assert isinstance(thin, Placed)
    assert isinstance(thick, Placed)
    apart = [float((middles(m, "Kidney_L") - middles(m, "Kidney_R"))[:, 0].mean()) for m in (thin, thick)]
    assert 1.0 < apart[1] / apart[0] < 1.4


def test_an_organ_is_expected_where_the_prior_says(man: Reference, prior: Prior) -> None:
    drawn = {n: seen(man, n) for n in ("Bladder", "Femur_Head_L", "Femur_Head_R")}
    plain, told = (
        place(man, drawn, man.outline, replace(prior, expected=expected), seed=3)
        for expected in ({}, {"Spleen": (-20.0, 0.0), "Kidney": (0.0, 0.2)})
    )
    assert isinstance(plain, Placed)
    assert isinstance(told, Placed)
    assert (middles(told, "Spleen") - middles(plain, "Spleen"))[:, 2].mean() == pytest.approx(-20.0, abs=0.5)
    longer = [np.ptp(p.points("Kidney_L")[..., 2], axis=1).mean() for p in (plain, told)]
    assert longer[1] == pytest.approx(1.2 * longer[0], rel=0.02)
    assert middles(told, "Liver") == pytest.approx(middles(plain, "Liver"), abs=0.01)


@pytest.mark.parametrize(
    ("organ", "cut", "says"),
    [
        ("Pancreas", {}, True),
        ("Pancreas", {"cut_low": True}, False),
        ("Pancreas", {"cut_high": True}, False),
        ("Liver", {}, False),
        ("Liver", {"cut_low": True}, False),
    ],
)
def test_a_middle_says_the_height_of_whole_organs_whose_ends_say_nothing(
    man: Reference, prior: Prior, organ: str, cut: dict[str, bool], says: bool
) -> None:
    """Of the pancreas the middle is all that is used, of the liver the ends; cut off, a middle is of what is left."""
    usual = {n: seen(man, n) for n in USUAL if n not in ("SpinalCord", organ)}
    drawn = replace(seen(man, organ), **cut)
    raised = replace(drawn, middle_mm=drawn.middle_mm + np.array([0.0, 0.0, 40.0]))
    one, other = (place(man, usual | {organ: d}, man.outline, prior) for d in (drawn, raised))
    assert isinstance(one, Placed)
    assert isinstance(other, Placed)
    assert (float(np.abs(other.fits[2].mean - one.fits[2].mean).max()) > 0.0) == says


@pytest.mark.parametrize(("low", "high"), [(700.0, 1100.0), (1000.0, 1500.0)])
def test_the_level_by_the_outline_alone_is_that_of_its_widths_and_depths(
    man: Reference, prior: Prior, low: float, high: float
) -> None:
    """Move by move with the normal density of SciPy: the patient is the reference, 250 mm higher."""
    own = man.outline
    there = (own.z_mm >= low) & (own.z_mm <= high)
    outline = Outline(own.z_mm[there] + 250.0, own.middle_mm[there].copy(), own.half_mm[there].copy())
    girth, bend, length, _ = prior.sections
    z = np.linspace(outline.z_mm[0], outline.z_mm[-1], int(np.ptp(outline.z_mm) / placement.SECTION_MM))
    near = np.exp(-0.5 * ((z[:, None] - z[None, :]) / length) ** 2)
    noise = multivariate_normal(cov=girth**2 + bend**2 * near + placement.SECTION_SD**2 * np.eye(len(z)))
    levels = placement._level(man, prior, own.z_mm, man.height_mm)
    middle = 0.5 * (z[0] + z[-1])
    moves = np.arange(
        middle - prior.scanned[1] * man.height_mm, middle - prior.scanned[0] * man.height_mm, placement.LEVEL_STEP_MM
    )
    fit = np.array(
        [
            sum(
                noise.logpdf(
                    np.log(outline.half_at(z, axis)) - np.log(np.interp(z - move, levels, own.half_mm[:, axis]))
                )
                for axis in (0, 1)
            )
            for move in moves
        ]
    )
    weight = np.exp(fit - fit.max())
    mean, _ = placement.level_by_outline(man, outline, prior, man.height_mm)
    assert mean == pytest.approx(weight @ moves / weight.sum(), abs=0.01)
    assert mean == pytest.approx(250.0, abs=30.0)


def test_a_long_organ_is_held_level_by_level(man: Reference, prior: Prior, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference drawn in itself: each level belongs to the organ's own middle there, not to that of the whole."""
    monkeypatch.setattr(placement, "_height", lambda reference, prior, name, z, *_: z)
    bends = []
    for name in (n for n in man.organs if prior.of(n).levels and not prior.of(n).middle):
        drawn, points = seen(man, name), man.organs[name].points_mm
        pairs = placement._centres(man, prior, name, drawn, SimpleNamespace(), man.height_mm)
        assert len(pairs) >= 2
        for centre, at in pairs:
            near = np.abs(points[:, 2] - at[2]) <= placement.LEVEL_MM
            assert centre[2] == pytest.approx(at[2], abs=0.5)
            assert centre[:2] == pytest.approx(points[near, :2].mean(axis=0), abs=1.0)
            bends.append(np.abs(centre[:2] - points[:, :2].mean(axis=0)).max())
    assert max(bends) > 10.0
