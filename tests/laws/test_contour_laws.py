"""What changes nothing: how a body was written down. Volume and mean dose under jitter, roll, order, copies, splits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lymphorisk.dvh import DVH, exact_with_findings
from lymphorisk.dvh.solids import Linear, cylinder, dose_grid, ring, sphere
from lymphorisk.plan import Structure

FIELD = Linear(30.0, (0.2, -0.1, 0.3))
GRID = dose_grid(FIELD, [-60] * 3, [60] * 3, 5.0)
STEP = 3.0


def measured(*contours, **more) -> tuple[float, float, list[str]]:
    """Volume, mean dose, codes of the findings."""
    (dvh,), found = exact_with_findings([Structure(1, "s", tuple(contours), **more)], GRID)
    assert isinstance(dvh, DVH), dvh
    return dvh.total_cm3, dvh.mean_gy, [f.code for f in found]


def drawn(kind: str, x: float = 0.0, corners: int = 90) -> list[np.ndarray]:
    body = {
        "sphere": lambda: sphere(20.0),
        "cylinder": lambda: cylinder(15.0, 36.0),
        "ring": lambda: ring(18.0, 9.0, 36.0),
        "keyhole": lambda: ring(18.0, 9.0, 36.0, keyhole=True),
    }[kind]()
    contours = body.structure(np.arange(-16.5, 17, STEP), corners=corners).contours_mm
    return [moved(c, x) for c in contours]


def moved(contour, x=0.0, z=0.0):
    return contour + np.array([x, 0.0, z])


def shift(contour, z):
    return moved(contour, z=z)


KINDS = ("sphere", "cylinder", "ring", "keyhole")


@pytest.mark.parametrize("kind", KINDS)
def test_copies_count_once_whatever_their_order_and_start(kind) -> None:
    once = drawn(kind)
    volume, mean, _ = measured(*once)
    copies = {
        "same": lambda c: c.copy(),
        "reversed": lambda c: c[::-1].copy(),
        "another start": lambda c: np.roll(c, 7, axis=0),
        "closed by its first point": lambda c: np.vstack([c, c[:1]]),
        "a hundredth of a millimetre aside": lambda c: moved(c, 0.01),
        "half a millimetre aside": lambda c: moved(c, 0.5),
        "0.05 mm higher": lambda c: shift(c, 0.05),
    }
    for name, copy in copies.items():
        for mixed in ([*once, *map(copy, once)], [x for c in once for x in (copy(c), c)]):
            got, dose, codes = measured(*mixed)
            assert got == pytest.approx(volume, rel=2e-2 if name.startswith("half") else 1e-3), name
            assert dose == pytest.approx(mean, abs=0.12), name
            assert "LR121" in codes, name
    got, _, codes = measured(*once, *(copies["reversed"](c) for c in once), *(copies["another start"](c) for c in once))
    assert got == pytest.approx(volume, rel=1e-6)
    assert "LR121" in codes


@pytest.mark.parametrize("kind", KINDS)
def test_one_doubled_plane_is_not_a_missing_plane(kind) -> None:
    once = drawn(kind)
    for k in (0, 5, len(once) - 1):
        got, _, codes = measured(*once, once[k][::-1].copy())
        assert got == pytest.approx(measured(*once)[0], rel=1e-6)
        assert codes.count("LR121") == 1
        assert "LR101" not in codes


@pytest.mark.parametrize("apart", [0.01, 0.03, 0.05, 0.1, 0.3, 0.5, 1.0, 1.4])
def test_bodies_beside_each_other_at_their_own_heights_keep_their_volume(apart) -> None:
    left, right = drawn("sphere", -25.0), drawn("sphere", 25.0)
    volume, mean, _ = measured(*left, *right)
    got, dose, codes = measured(*(shift(c, apart) for c in left), *right)
    assert got == pytest.approx(volume, rel=1e-3)
    assert dose == pytest.approx(mean + 0.3 * apart / 2, abs=0.02)
    assert not {"LR101", "LR102", "LR126"} & set(codes)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([0.02, 0.05]), st.sampled_from(KINDS))
def test_rounding_of_heights_changes_nothing(seed, size, kind) -> None:
    rng = np.random.default_rng(seed)
    pair = [*drawn(kind, -25.0), *drawn(kind, 25.0)]
    volume, mean, _ = measured(*pair)
    got, dose, codes = measured(*(shift(c, rng.uniform(-size, size)) for c in pair))
    # the outermost planes themselves move
    assert got == pytest.approx(volume, rel=4e-3)
    assert dose == pytest.approx(mean, abs=0.03)
    assert "LR101" not in codes


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.1, 0.25))
def test_heights_that_wander_by_a_part_of_the_step_lose_no_plane(seed, part) -> None:
    rng = np.random.default_rng(seed)
    once = drawn("sphere")
    got, _, codes = measured(*(shift(c, rng.uniform(-part, part) * STEP) for c in once))
    assert got == pytest.approx(measured(*once)[0], rel=0.05)
    assert not {"LR101", "LR102"} & set(codes)


@pytest.mark.parametrize("degrees", [0.01, 0.05, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_scan_rolled_or_tilted_by_up_to_a_degree(degrees, axis) -> None:
    pair = [*drawn("sphere", -25.0), *drawn("ring", 25.0)]
    volume, mean, _ = measured(*pair)
    tilted = [c + np.outer(c[:, axis] * np.tan(np.radians(degrees)), (0, 0, 1)) for c in pair]
    got, dose, codes = measured(*tilted)
    assert got == pytest.approx(volume, rel=2e-3)
    assert dose == pytest.approx(mean, abs=0.1)
    assert not {"LR101", "LR102", "LR120"} & set(codes)


@pytest.mark.parametrize(("thin", "thick"), [(2.0, 4.0), (1.25, 5.0), (1.0, 3.0), (4.0, 2.0), (5.0, 1.25)])
def test_two_slice_thicknesses_are_a_spacing(thin, thick) -> None:
    z = np.concatenate([np.arange(-24.0, 0.0, thin), np.arange(0.0, 24.1, thick)])
    body = cylinder(15.0, 60.0)
    got, _, codes = measured(*body.structure(z, corners=180).contours_mm)
    ends = 0.5 * (thin + thick)
    assert got == pytest.approx(np.pi * 225 * (z[-1] - z[0] + ends) / 1000, rel=2e-3)
    assert codes == []
    round_one = sphere(22.0)
    got, _, codes = measured(*round_one.structure(z, corners=180).contours_mm)
    assert got == pytest.approx(round_one.volume_cm3, rel=0.01)
    assert codes == []


def test_three_thicknesses() -> None:
    z = np.concatenate([np.arange(-30, -9, 3.0), np.arange(-9, 6, 1.0), np.arange(6, 27, 5.0)])
    got, _, codes = measured(*cylinder(15.0, 80.0).structure(z, corners=180).contours_mm)
    assert got == pytest.approx(np.pi * 225 * (z[-1] - z[0] + 4.0) / 1000, rel=2e-3)
    assert codes == []


def test_planes_between_slices_in_a_part_of_one_body_take_nothing_from_the_other() -> None:
    left, right = cylinder(15.0, 40.0), cylinder(15.0, 40.0)
    slices = np.arange(-18.0, 18.1, STEP)
    fine = np.unique(np.concatenate([slices, np.arange(-9.0, 9.1, 1.5)]))
    both = [moved(c, -25) for c in left.structure(fine).contours_mm]
    both += [moved(c, 25) for c in right.structure(slices).contours_mm]
    got, mean, codes = measured(*both)
    assert got == pytest.approx(2 * np.pi * 225 * 39.0 / 1000, rel=2e-3)
    assert mean == pytest.approx(30.0, abs=0.02)
    assert "LR101" not in codes


def test_a_body_that_misses_a_plane_which_its_neighbour_has_is_interpolated_and_told() -> None:
    left, right = drawn("cylinder", -25.0), drawn("cylinder", 25.0)
    whole, _, _ = measured(*left, *right)
    got, _, codes = measured(*left, *right[:4], *right[5:])
    assert got == pytest.approx(whole, rel=1e-3)
    assert "LR101" in codes


def test_every_second_slice_is_a_spacing_and_order_means_nothing() -> None:
    once = drawn("cylinder")
    z = np.arange(-16.5, 17, 2 * STEP)
    got, _, codes = measured(*cylinder(15.0, 36.0).structure(z).contours_mm)
    assert got == pytest.approx(np.pi * 225 * 2 * STEP * len(z) / 1000, rel=2e-3)
    assert codes == []
    rng = np.random.default_rng(4)
    assert measured(*[once[k] for k in rng.permutation(len(once))]) == measured(*once)


@pytest.mark.parametrize("kind", ["sphere", "cylinder"])
def test_two_touching_halves_are_the_whole(kind) -> None:
    once = drawn(kind, corners=180)
    halves = []
    for c in once:
        x = c[:, 0]
        right, left = c[x >= -1e-9], c[x <= 1e-9]
        halves += [right[np.argsort(np.arctan2(right[:, 1], right[:, 0]))]]
        halves += [left[np.argsort(np.arctan2(left[:, 1], -left[:, 0]))]]
    got, dose, codes = measured(*halves)
    volume, mean, _ = measured(*once)
    assert got == pytest.approx(volume, rel=2e-3)
    assert dose == pytest.approx(mean, abs=0.02)
    assert not {"LR121", "LR122"} & set(codes)


def test_a_keyhole_is_a_hole_drawn_either_way_round() -> None:
    volume, mean, _ = measured(*drawn("ring"))
    got, dose, codes = measured(*drawn("keyhole"))
    assert (got, dose) == pytest.approx((volume, mean), rel=2e-3)
    assert codes == []


def test_overlapping_pieces_are_a_union() -> None:
    a, b = drawn("cylinder", -5.0), drawn("cylinder", 5.0)
    got, _, codes = measured(*a, *b)
    lens = 2 * 225 * np.arccos(5 / 15) - 5 * np.sqrt(4 * 225 - 100)
    assert got == pytest.approx((2 * np.pi * 225 - lens) * 36 / 1000, rel=5e-3)
    assert "LR122" in codes
