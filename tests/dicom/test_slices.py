"""The thickness of a plane belongs to the image it was drawn on."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from lymphorisk.dicom.slices import with_slices
from lymphorisk.plan import CTVolume, Frame, Structure


def roi(number: int, heights, size: float = 20.0) -> Structure:
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * size
    return Structure(number, f"r{number}", tuple(np.column_stack([corners, np.full(4, float(z))]) for z in heights))


def ct_at(z, thickness=None, directions=None) -> CTVolume:
    z = np.asarray(z, float)
    x = np.arange(-40.0, 41.0, 20.0)
    frame = Frame(np.zeros(3), np.eye(3) if directions is None else directions, x, x.copy(), z)
    return CTVolume(frame, lambda: np.zeros(frame.shape, np.int16), thickness)


def slice_of(one: Structure, others=(), ct=None) -> float | None:
    return with_slices([one, *others], ct)[0].slice_mm


ONE = roi(1, [0.0])
BODY = roi(2, np.arange(-30.0, 31.0, 3.0), 60.0)


def test_the_step_of_the_whole_set_in_any_order() -> None:
    cord = roi(3, np.arange(-30.0, 31.0, 6.0))  # on every second slice
    for order in permutations([ONE, BODY, cord]):
        made = with_slices(order, None)
        assert {s.number: s.slice_mm for s in made}[1] == pytest.approx(3.0)


def test_without_ct_or_steps_nothing_says_it() -> None:
    assert slice_of(ONE) is None
    assert slice_of(ONE, [roi(2, [5.0]), Structure(3, "empty", ())]) is None


@pytest.mark.parametrize("step", [1.0, 2.5, 5.0])
def test_the_ct_speaks_before_the_set(step: float) -> None:
    assert slice_of(ONE, [BODY], ct_at(np.arange(-30.0, 31.0, step))) == pytest.approx(step)


def test_a_ct_of_one_slice_says_it_in_words_or_not_at_all() -> None:
    assert slice_of(ONE, [BODY], ct_at([0.0], thickness=2.0)) == 2.0
    assert slice_of(ONE, [BODY], ct_at([0.0])) == pytest.approx(3.0)


def test_a_ct_slice_missing_beside_the_plane_changes_nothing() -> None:
    z = np.arange(-30.0, 31.0, 3.0)
    for gone in (-6.0, -3.0, 3.0):
        assert slice_of(ONE, (), ct_at(z[z != gone])) == pytest.approx(3.0)


@pytest.mark.parametrize("by", ["ct", "set"])
def test_two_regions_of_two_thicknesses(by: str) -> None:
    for fine, coarse, height, expected in ((2.0, 4.0, -30.0, 2.0), (2.0, 4.0, 32.0, 4.0), (1.25, 5.0, 30.0, 5.0)):
        z = np.concatenate([np.arange(-60.0, 0.0, fine), np.arange(0.0, 61.0, coarse)])
        ct, others = (ct_at(z), ()) if by == "ct" else (None, [roi(2, z, 60.0)])
        assert slice_of(roi(1, [height]), others, ct) == pytest.approx(expected)


def test_feet_first_ct() -> None:
    turned = np.diag([-1.0, 1.0, -1.0])
    assert slice_of(roi(1, [-30.0]), (), ct_at(np.arange(0.0, 61.0, 3.0), directions=turned)) == pytest.approx(3.0)


def test_contours_that_slip_by_rounding_and_pieces_far_apart_are_no_slices() -> None:
    rng = np.random.default_rng(5)
    z = np.repeat(np.arange(-30.0, 31.0, 3.0), 2) + rng.uniform(-0.1, 0.1, 42)
    nodes = roi(3, [-30.0, -27.0, 18.0, 21.0])
    assert slice_of(ONE, [roi(2, z), nodes]) == pytest.approx(3.0, abs=0.2)


def test_the_thickness_is_kept_through_replacing() -> None:
    (made, *_) = with_slices([ONE, BODY], None)
    assert replace(made, name="x").slice_mm == pytest.approx(3.0)
