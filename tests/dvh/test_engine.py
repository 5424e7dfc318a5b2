"""Worked by hand, and the laws a DVH engine keeps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lymphorisk.absent import Absent
from lymphorisk.dvh import DVH, Difference, Intersection, Union, exact, exact_with_findings
from lymphorisk.dvh.metrics import bounds, metric
from lymphorisk.errors import StructureError
from lymphorisk.plan import DoseGrid, Structure


def box(x0, x1, y0, y1, heights, number=1, name="box") -> Structure:
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], float)
    return Structure(number, name, tuple(np.column_stack([corners, np.full(4, float(z))]) for z in heights))


def grid(dose, low=-20.0, high=20.0, step=2.0) -> DoseGrid:
    line = np.arange(0.0, high - low + step / 2, step)
    z, y, x = np.meshgrid(line + low, line + low, line + low, indexing="ij")
    values = np.broadcast_to(np.asarray(dose(x, y, z), np.float32), x.shape).copy()
    return DoseGrid(values, np.full(3, low), np.eye(3), line, line.copy(), line.copy())


RAMP = grid(lambda x, y, z: 30 + x)


def only(region, dose=RAMP, **options) -> DVH:
    (dvh,) = exact([region], dose, **options)
    assert isinstance(dvh, DVH)
    return dvh


def test_a_thousand_cubic_centimetres_on_five_millimetre_planes() -> None:
    flat = grid(lambda x, y, z: 10 + 0 * x, -70, 70, 5.0)
    cube = box(-50, 50, -50, 50, np.arange(-50, 51, 5))
    assert only(cube, flat, end_caps="half").total_cm3 == pytest.approx(1050.0, rel=1e-6)
    assert only(cube, flat, end_caps="none").total_cm3 == pytest.approx(1000.0, rel=1e-6)


def test_a_box_in_a_ramp_by_hand() -> None:
    dvh = only(box(-5, 5, -4, 4, [-4, -2, 0, 2, 4]))
    assert dvh.total_cm3 == pytest.approx(10 * 8 * 10 / 1000)
    assert dvh.mean_gy == pytest.approx(30.0, abs=1e-5)
    assert (dvh.min_gy, dvh.max_gy) == pytest.approx((25.0, 35.0), abs=1e-3)
    assert metric(dvh, "V30Gy[%]") == pytest.approx(50.0, abs=0.01)
    assert metric(dvh, "D25%[Gy]") == pytest.approx(32.5, abs=0.01)
    assert dvh.volume_cm3[-1] == 0.0


def test_edges_off_the_voxels_keep_their_area() -> None:
    dvh = only(box(-4.37, 5.11, -3.3, 2.9, [-1, 0, 1]))
    assert dvh.total_cm3 == pytest.approx(9.48 * 6.2 * 3 / 1000, rel=1e-6)
    assert dvh.mean_gy == pytest.approx(30.37, abs=2e-3)


def test_structures_smaller_than_a_voxel_have_their_volume() -> None:
    dvh = only(box(0.2, 0.9, 0.3, 0.8, [0.0, 0.5]))
    assert dvh.total_cm3 == pytest.approx(0.7 * 0.5 * 1.0 / 1000, rel=1e-4)
    assert dvh.mean_gy == pytest.approx(30.55, abs=5e-3)


def test_uniform_dose_is_one_step() -> None:
    dvh = only(box(-5, 5, -5, 5, [-2, 0, 2]), grid(lambda x, y, z: 7 + 0 * x))
    assert (dvh.min_gy, dvh.mean_gy, dvh.max_gy) == pytest.approx((7.0, 7.0, 7.0))
    assert metric(dvh, "V6.9Gy[%]") == pytest.approx(100.0)
    assert metric(dvh, "V7.1Gy[%]") == 0.0


def test_no_dose_at_all() -> None:
    dvh = only(box(-5, 5, -5, 5, [-2, 0, 2]), grid(lambda x, y, z: 0 * x))
    assert (dvh.mean_gy, dvh.max_gy) == (0.0, 0.0)
    assert dvh.distribution().mean_gy == pytest.approx(0.0, abs=1e-9)


# even-odd


def test_a_hole_is_a_hole_whichever_way_it_is_drawn() -> None:
    outer = box(-10, 10, -10, 10, [-2, 0, 2]).contours_mm
    inner = box(-4, 4, -4, 4, [-2, 0, 2]).contours_mm
    for hole in (inner, tuple(c[::-1].copy() for c in inner)):
        for contours in (outer + hole, hole + outer):
            assert only(Structure(1, "ring", contours)).total_cm3 == pytest.approx((400 - 64) * 6 / 1000, rel=1e-5)


def test_an_island_in_a_hole() -> None:
    rings = [box(-s, s, -s, s, [-2, 0, 2]).contours_mm for s in (10, 6, 2)]
    dvh = only(Structure(1, "island", rings[0] + rings[1] + rings[2]))
    assert dvh.total_cm3 == pytest.approx((400 - 144 + 16) * 6 / 1000, rel=1e-5)


def test_contours_that_cross_are_a_union_and_by_xor_where_the_export_says_so() -> None:
    a, b = box(-10, 4, -5, 5, [-2, 0, 2]), box(-4, 10, -3, 3, [-2, 0, 2])
    (dvh,), found = exact_with_findings([Structure(1, "both", a.contours_mm + b.contours_mm)], RAMP)
    assert isinstance(dvh, DVH)
    assert dvh.total_cm3 == pytest.approx((140 + 84 - 8 * 6) * 6 / 1000, rel=2e-3)
    assert [f.code for f in found] == ["LR122"]
    xor = only(Structure(1, "xor", a.contours_mm + b.contours_mm, xor=True))
    assert xor.total_cm3 == pytest.approx((140 + 84 - 2 * 8 * 6) * 6 / 1000, rel=2e-3)


def test_a_hole_stays_a_hole_beside_contours_that_cross() -> None:
    """Two discs of tissue that overlap, a hole in one of them where the other is not, and one where it is."""
    heights = [-2, 0, 2]
    a, b = box(-10, 4, -5, 5, heights).contours_mm, box(-4, 10, -3, 3, heights).contours_mm
    open_hole, covered_hole = box(-9, -7, -2, 2, heights).contours_mm, box(-2, 2, -2, 2, heights).contours_mm
    assert only(Structure(1, "o", a + b + open_hole)).total_cm3 == pytest.approx((176 - 8) * 6 / 1000, rel=2e-3)
    # within both: a hole of neither by itself, an island by even-odd; what lies in the other contour stays
    dvh = only(Structure(1, "c", a + b + covered_hole))
    assert dvh.total_cm3 == pytest.approx(176 * 6 / 1000, rel=2e-3)


@pytest.mark.parametrize("times", [2, 3])
@pytest.mark.parametrize("xor", [False, True])
def test_a_contour_that_stands_twice_or_thrice_counts_once(times, xor) -> None:
    once = box(-5, 5, -5, 5, [-2, 0, 2])
    (dvh,), found = exact_with_findings([Structure(1, "again", once.contours_mm * times, xor=xor)], RAMP)
    assert isinstance(dvh, DVH)
    assert dvh.total_cm3 == only(once).total_cm3
    assert [f.code for f in found] == ["LR121"]


def test_neighbours_that_share_an_edge_add_up() -> None:
    a, b = box(-6, 1.3, -5, 5, [-2, 0, 2]), box(1.3, 6, -5, 5, [-2, 0, 2])
    assert only(Structure(1, "both", a.contours_mm + b.contours_mm)).total_cm3 == pytest.approx(0.72, rel=1e-3)


def test_a_figure_of_eight_counts_both_loops() -> None:
    eight = np.array([[-8, -8], [8, 8], [8, -8], [-8, 8]], float)
    contours = tuple(np.column_stack([eight, np.full(4, z)]) for z in (-2.0, 0.0, 2.0))
    assert only(Structure(1, "eight", contours)).total_cm3 == pytest.approx(128 * 6 / 1000, rel=2e-3)


# regions


def test_lungs_less_target_counts_overlaps_once() -> None:
    left, right = box(-15, -5, -8, 8, [-2, 0, 2], 1, "L"), box(5, 15, -8, 8, [-2, 0, 2], 2, "R")
    target = box(-7.3, -2, -3, 3, [-2, 0, 2], 3, "GTV")
    lungs = Union("Lungs", (left, right))
    assert only(lungs).total_cm3 == pytest.approx(2 * 160 * 6 / 1000, rel=1e-5)
    assert only(Difference("Lungs-GTV", lungs, target)).total_cm3 == pytest.approx((320 - 2.3 * 6) * 6 / 1000, rel=1e-4)
    assert only(Intersection("both", (left, target))).total_cm3 == pytest.approx(2.3 * 6 * 6 / 1000, rel=1e-4)
    assert only(Union("u", (left, left))).total_cm3 == pytest.approx(160 * 6 / 1000, rel=1e-5)


def test_regions_that_do_not_meet() -> None:
    a, b = box(-9, -5, -3, 3, [-2, 0, 2]), box(5, 9, -3, 3, [-2, 0, 2], 2)
    (empty,) = exact([Intersection("none", (a, b))], RAMP)
    assert isinstance(empty, Absent)
    assert only(Difference("all", a, b)).total_cm3 == pytest.approx(only(a).total_cm3)


@settings(max_examples=15, deadline=None)
@given(st.floats(0, 2 * np.pi), st.floats(4, 10), st.floats(3, 9), st.floats(0, 12))
def test_union_and_intersection_add_up_to_both(angle, r, s, apart) -> None:
    def disc(x, y, radius, number):
        a = 2 * np.pi * np.arange(90) / 90
        xy = np.column_stack([x + radius * np.cos(a), y + radius * np.sin(a)])
        return Structure(number, f"d{number}", tuple(np.column_stack([xy, np.full(90, z)]) for z in (-2.0, 0.0, 2.0)))

    a, b = disc(0, 0, r, 1), disc(apart * np.cos(angle), apart * np.sin(angle), s, 2)
    results = exact([a, b, Union("u", (a, b)), Intersection("i", (a, b))], RAMP)
    va, vb, vu, vi = (d.total_cm3 if isinstance(d, DVH) else 0.0 for d in results)
    assert vu + vi == pytest.approx(va + vb, rel=2e-3)
    p = (apart**2 + r**2 - s**2) / (2 * apart * r) if apart > 1e-6 else 0
    q = (apart**2 + s**2 - r**2) / (2 * apart * s) if apart > 1e-6 else 0
    if apart >= r + s:
        lens = 0.0
    elif apart <= abs(r - s):
        lens = np.pi * min(r, s) ** 2
    else:
        lens = r**2 * (np.arccos(p) - p * np.sqrt(1 - p * p)) + s**2 * (np.arccos(q) - q * np.sqrt(1 - q * q))
    assert vi == pytest.approx(lens * 6 / 1000, abs=0.01 * min(va, vb))


# planes


def test_a_missing_plane_is_interpolated_and_said() -> None:
    heights = [z for z in np.arange(-12, 13, 2.0) if z != 2.0]
    slanted = Structure(1, "slanted", tuple(box(z - 4, z + 4, -4, 4, [z]).contours_mm[0] for z in heights))
    (dvh,), found = exact_with_findings([slanted], RAMP)
    assert isinstance(dvh, DVH)
    assert dvh.total_cm3 == pytest.approx(64 * 26 / 1000, rel=5e-3)
    assert [f.code for f in found] == ["LR101"]
    whole = Structure(1, "whole", tuple(box(z - 4, z + 4, -4, 4, [z]).contours_mm[0] for z in np.arange(-12, 13, 2.0)))
    reference = only(whole)
    doses = np.linspace(10, 50, 100)
    apart = np.interp(doses, dvh.dose_gy, dvh.volume_cm3) - np.interp(doses, reference.dose_gy, reference.volume_cm3)
    assert np.abs(apart).max() <= 0.015 * reference.total_cm3


def test_two_pieces_far_apart_stay_two() -> None:
    pieces = box(-4, 4, -4, 4, [-14, -12, -10, 8, 10, 12])
    (dvh,), found = exact_with_findings([pieces], RAMP)
    assert isinstance(dvh, DVH)
    assert dvh.total_cm3 == pytest.approx(64 * 12 / 1000, rel=1e-3)
    assert [f.code for f in found] == ["LR102"]


def test_one_plane_says_its_thickness() -> None:
    (dvh,), found = exact_with_findings([replace(box(-4, 4, -4, 4, [0.0]), slice_mm=3.0)], RAMP)
    assert isinstance(dvh, DVH)
    assert dvh.total_cm3 == pytest.approx(64 * 3 / 1000)
    assert [f.code for f in found] == ["LR103"]


def test_a_curve_does_not_depend_on_its_company() -> None:
    one = replace(box(-4, 4, -4, 4, [0.0]), slice_mm=3.0)
    pair = Structure(3, "pair", tuple(c + np.array([9.0, 0, 0]) for c in box(-3, 3, -3, 3, [-1, 1]).contours_mm))
    coarse, fine = box(-9, 9, -9, 9, np.arange(-12, 13, 6.0), 4), box(-9, 9, -9, 9, np.arange(-12, 13, 0.5), 5)
    alone = [only(s) for s in (one, pair)]
    for company in ([coarse], [fine], [coarse, fine]):
        together = exact([*company, one, pair], RAMP)[-2:]
        for a, b in zip(alone, together, strict=True):
            assert isinstance(b, DVH)
            np.testing.assert_array_equal(a.volume_cm3, b.volume_cm3)


def test_a_member_of_unknown_thickness_is_not_left_out_in_silence() -> None:
    one, other = box(-4, 4, -4, 4, [0.0]), box(-9, 9, -9, 9, [-6, -3, 0, 3], 2)
    for region in (Union("u", (one, other)), Difference("d", other, one)):
        (result,) = exact([region], RAMP)
        assert isinstance(result, Absent)
        assert "how thick" in result.reason


def test_contours_outside_the_axial_planes_are_not_usable_and_the_others_go_on() -> None:
    sagittal = Structure(7, "Chiasm", (np.array([[0, 0, 0], [0, 5, 0], [0, 5, 5], [0, 0, 5]], float),))
    (none, dvh), found = exact_with_findings([sagittal, box(-5, 5, -5, 5, [-2, 0, 2])], RAMP)
    assert isinstance(none, Absent)
    assert "axial" in none.reason
    assert isinstance(dvh, DVH)
    assert [(f.code, f.where) for f in found] == [("LR120", "ROI 7 Chiasm")]


def test_a_region_with_a_part_that_is_not_usable_is_none() -> None:
    good, bad = box(-5, 5, -5, 5, [-2, 0, 2]), Structure(2, "GTV", (), unusable="a coordinate is not a number")
    for region in (Difference("d", good, bad), Union("u", (good, bad)), Intersection("i", (bad, good))):
        (result,) = exact([region], RAMP)
        assert isinstance(result, Absent)
        assert "GTV is not usable" in result.reason


def test_points_and_lines_are_not_contours() -> None:
    (result,) = exact([Structure(1, "POI", (np.zeros((1, 3)), np.ones((2, 3))))], RAMP)
    assert isinstance(result, Absent)
    flat = Structure(2, "line", (np.array([[0, 0, 0], [1, 1, 0], [2, 2, 0]], float),))
    (result,) = exact([flat], RAMP)
    assert isinstance(result, Absent)


# the edge of the dose


def test_partly_outside_is_said_and_bounded() -> None:
    (dvh,), found = exact_with_findings([box(11, 31, -5, 5, [-2, 0, 2])], RAMP)
    assert isinstance(dvh, DVH)
    assert dvh.coverage == pytest.approx(0.5, abs=1e-6)
    assert dvh.total_cm3 == pytest.approx(20 * 10 * 6 / 1000, rel=1e-6)
    assert dvh.covered_cm3 == pytest.approx(10 * 10 * 6 / 1000, rel=1e-6)
    assert [f.code for f in found] == ["LR104"]
    low, high = bounds(dvh, "Mean[Gy]")
    assert low == pytest.approx(0.5 * dvh.mean_gy)
    assert high == pytest.approx(0.5 * dvh.mean_gy + 0.5 * dvh.max_gy)
    low, high = bounds(dvh, "V45Gy[%]")
    inside = metric(dvh, "V45Gy[%]")
    assert low == pytest.approx(0.5 * inside, abs=0.1)
    assert high == pytest.approx(0.5 * inside + 50, abs=0.1)
    low, high = bounds(dvh, "Mean[Gy]", ceiling_gy=70.0)
    assert high == pytest.approx(0.5 * dvh.mean_gy + 35.0)


@pytest.mark.parametrize("heights", [[100.0, 102.0], [-2.0, 0.0]])
def test_wholly_outside_is_no_dose_of_zero(heights) -> None:
    x = 0.0 if heights[0] > 50 else 60.0
    (result,), found = exact_with_findings([box(x - 4, x + 4, -4, 4, heights)], RAMP)
    assert result == Absent.outside_grid()
    assert [f.code for f in found] == ["LR104"]


def test_a_structure_that_leaves_the_grid_along_z() -> None:
    dvh = only(box(-4, 4, -4, 4, np.arange(11, 32, 2.0)))
    assert dvh.total_cm3 == pytest.approx(64 * 22 / 1000, rel=1e-6)
    assert dvh.coverage == pytest.approx(11 / 22, abs=1e-3)


# laws


def test_order_and_winding_of_contours_change_nothing() -> None:
    rng = np.random.default_rng(3)
    ring = box(-9, 9, -9, 9, np.arange(-8, 9, 2)).contours_mm + box(-3, 3, -3, 3, np.arange(-8, 9, 2)).contours_mm
    first = only(Structure(1, "r", ring))
    shuffled = [ring[n] for n in rng.permutation(len(ring))]
    mixed = tuple(np.roll(c[:: rng.choice([-1, 1])], int(rng.integers(4)), axis=0).copy() for c in shuffled)
    other = only(Structure(1, "r", mixed))
    np.testing.assert_allclose(other.volume_cm3, first.volume_cm3, atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.1, 5.0))
def test_twice_the_dose_is_twice_every_dose(factor) -> None:
    shape = box(-5.3, 6.1, -4, 4.7, [-3, 0, 3])
    one = only(shape)
    scaled = DoseGrid(
        RAMP.dose_zyx * np.float32(factor), RAMP.origin_mm, RAMP.directions, RAMP.x_mm, RAMP.y_mm, RAMP.z_mm
    )
    many = only(shape, scaled)
    assert many.mean_gy == pytest.approx(factor * one.mean_gy, rel=1e-5)
    assert metric(many, "D30%[Gy]") == pytest.approx(factor * metric(one, "D30%[Gy]"), rel=2e-3)


@settings(max_examples=20, deadline=None)
@given(st.tuples(*[st.floats(-50, 50)] * 3))
def test_moving_patient_and_dose_together_changes_nothing(shift) -> None:
    shape = box(-5.3, 6.1, -4, 4.7, [-3, 0, 3])
    moved = Structure(1, "box", tuple(c + np.array(shift) for c in shape.contours_mm))
    there = DoseGrid(RAMP.dose_zyx, RAMP.origin_mm + shift, RAMP.directions, RAMP.x_mm, RAMP.y_mm, RAMP.z_mm)
    a, b = only(shape), only(moved, there)
    assert b.mean_gy == pytest.approx(a.mean_gy, rel=1e-5)
    assert b.total_cm3 == pytest.approx(a.total_cm3, rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([1, 2, 4, 7, 14, 28]), st.tuples(*[st.integers(-200_000_000, 200_000_000)] * 3))
def test_decimals_do_not_choose_the_lattice(voxels, shift) -> None:
    """A width of which pixels hold an even share, carried by millionths of a millimetre, each coordinate rounded."""
    side = 49.0 * voxels
    shape = Structure(1, "diamond", tuple(diamond(side, z) for z in (0.0, 23.0, 46.0)))
    x, z = np.arange(34) * 49.0, np.arange(5) * 23.0
    dose = (np.add.outer(np.add.outer(z, x), 0.5 * x) * 0.02).astype(np.float32)
    by = np.array(shift) * 1e-6
    origin = np.array([-16 * 49.0, -17 * 49.0, -23.0])
    moved = Structure(1, "diamond", tuple(np.round(c + by, 6) for c in shape.contours_mm))
    a, b = (only(s, DoseGrid(dose, o, np.eye(3), x, x, z)) for s, o in ((shape, origin), (moved, origin + by)))
    assert b.mean_gy == pytest.approx(a.mean_gy, rel=1e-6)
    n = min(len(a.volume_cm3), len(b.volume_cm3))
    assert b.volume_cm3[:n] == pytest.approx(a.volume_cm3[:n], abs=1e-4 * a.total_cm3)


def diamond(side: float, z: float) -> np.ndarray:
    """A square on its corner, on the edges of cells of 49 mm. [mm]"""
    half = 0.5 * side
    return np.array([[24.5 + half, 24.5, z], [24.5, 24.5 + half, z], [24.5 - half, 24.5, z], [24.5, 24.5 - half, z]])


@settings(max_examples=20, deadline=None)
@given(st.integers(3, 40), st.integers(0, 2**32 - 1))
def test_any_polygon_has_its_area_and_a_falling_curve(corners, seed) -> None:
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
    r = rng.uniform(2, 15, corners)
    xy = np.column_stack([r * np.cos(angle), r * np.sin(angle)])
    x, y = xy.T
    area = abs(0.5 * (x @ np.roll(y, -1) - np.roll(x, -1) @ y))
    if area < 1.0 or np.diff(angle, append=angle[0] + 2 * np.pi).max() >= np.pi:
        return
    dvh = only(Structure(1, "star", tuple(np.column_stack([xy, np.full(corners, z)]) for z in (-2.0, 0.0, 2.0))))
    assert dvh.total_cm3 == pytest.approx(area * 6 / 1000, rel=1e-3)
    assert np.all(np.diff(dvh.volume_cm3) <= 0)
    assert dvh.min_gy <= dvh.mean_gy <= dvh.max_gy


def test_unknown_rules_and_bins_are_refused() -> None:
    with pytest.raises(StructureError, match="end caps"):
        exact([box(-5, 5, -5, 5, [0, 2])], RAMP, end_caps="full")
    with pytest.raises(StructureError, match="bin"):
        exact([box(-5, 5, -5, 5, [0, 2])], RAMP, bin_gy=0.0)
