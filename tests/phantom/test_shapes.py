"""Solids: closed-form volumes against voxels, and the laws of level, margin and move."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lymphorisk.errors import StructureError
from lymphorisk.phantom.shapes import Bands, Common, Ellipsoid, Loft, Shape, Together, Tube, Without
from lymphorisk.phantom.voxels import centred, voxels_of

BALL = Ellipsoid((3.0, -2.0, 5.0), (30.0, 30.0, 30.0))
EGG = Ellipsoid((0.0, 0.0, 0.0), (40.0, 20.0, 30.0), math.radians(25), math.radians(-15))
DRUM = Loft(((0.0, 0.0, 0.0, 30.0, 20.0), (60.0, 0.0, 0.0, 30.0, 20.0)))
CONE = Loft(((0.0, 0.0, 0.0, 40.0, 10.0), (80.0, 10.0, 5.0, 10.0, 30.0)))
BOX = Loft(((0.0, 0.0, 0.0, 30.0, 20.0), (60.0, 0.0, 0.0, 30.0, 20.0)), power=2.4)
PIPE = Tube(((0.0, 0.0, 0.0, 10.0), (0.0, 60.0, 30.0, 15.0)))
SOLIDS: dict[str, Shape] = {"ball": BALL, "egg": EGG, "drum": DRUM, "cone": CONE, "box": BOX, "pipe": PIPE}


def counted_mm3(shape: Shape, spacing: float = 1.0) -> float:
    low, high = shape.bounds()
    x, y, z = (centred(a - 2, b + 2, spacing) for a, b in zip(low, high, strict=True))
    return len(voxels_of(shape, x, y, z)) * spacing**3


def test_a_ball_has_four_thirds_pi_r_cubed() -> None:
    assert BALL.volume_mm3() == pytest.approx(4 / 3 * math.pi * 30**3)


def test_a_drum_has_pi_a_b_h() -> None:
    assert DRUM.volume_mm3() == pytest.approx(math.pi * 30 * 20 * 60)


def test_a_superellipse_of_power_two_is_an_ellipse_and_a_higher_power_is_fuller() -> None:
    assert DRUM.volume_mm3() < BOX.volume_mm3() < 60 * 40 * 60


def test_a_pipe_is_a_frustum_with_two_half_balls() -> None:
    length = math.hypot(60, 30)
    frustum = math.pi / 3 * length * (100 + 150 + 225)
    assert PIPE.volume_mm3() == pytest.approx(frustum + 2 / 3 * math.pi * (10**3 + 15**3))


@pytest.mark.parametrize("name", SOLIDS)
def test_closed_form_agrees_with_counting(name: str) -> None:
    shape = SOLIDS[name]
    assert counted_mm3(shape) == pytest.approx(shape.volume_mm3(), rel=0.012)


@pytest.mark.parametrize("name", SOLIDS)
def test_bounds_hold_the_whole_solid(name: str) -> None:
    shape = SOLIDS[name]
    low, high = shape.bounds()
    x, y, z = (np.arange(a - 20, b + 20, 2.0) for a, b in zip(low, high, strict=True))
    level = np.broadcast_to(shape.level(x[None, None, :], y[None, :, None], z[:, None, None]), (len(z), len(y), len(x)))
    k, j, i = np.nonzero(level <= 0)
    for axis, at, a, b in ((x, i, low[0], high[0]), (y, j, low[1], high[1]), (z, k, low[2], high[2])):
        assert axis[at].min() >= a - 1e-9
        assert axis[at].max() <= b + 1e-9


@pytest.mark.parametrize("name", [n for n in SOLIDS if n != "pipe"])
def test_scaling_multiplies_the_volume(name: str) -> None:
    shape = SOLIDS[name]
    if name != "egg":
        scaled = shape.placed((2.0, 0.5, 3.0), (7.0, -4.0, 1.0))
        assert scaled.volume_mm3() == pytest.approx(3.0 * shape.volume_mm3())
    assert shape.resized(1.3).volume_mm3() == pytest.approx(1.3**3 * shape.volume_mm3())


def test_a_tube_resized_keeps_its_line() -> None:
    wide = PIPE.resized(1.2)
    assert [p[:3] for p in wide.points] == [p[:3] for p in PIPE.points]
    assert wide.points[0][3] == pytest.approx(10 * 1.2**1.5)


@settings(max_examples=40, deadline=None)
@given(st.floats(1.0, 15.0), st.sampled_from(sorted(SOLIDS)))
def test_a_margin_contains_the_solid_and_every_point_near_it(margin: float, name: str) -> None:
    shape = SOLIDS[name]
    low, high = shape.bounds()
    rng = np.random.default_rng(0)
    p = rng.uniform(low, high, size=(400, 3))
    inside = p[shape.level(*p.T) <= 0]
    # along the axes, where the first-order margin of every solid is exact or larger
    for step in np.vstack([np.eye(2, 3), -np.eye(2, 3)]) * margin * 0.3:
        moved = inside + step
        assert (shape.grown(margin).level(*moved.T) <= 1e-6).all()


def test_union_difference_and_common_part_count_right() -> None:
    small = Ellipsoid(BALL.center, (15.0, 15.0, 15.0))
    whole, inner = BALL.volume_mm3(), small.volume_mm3()
    assert counted_mm3(Together((BALL, small))) == pytest.approx(whole, rel=0.01)
    assert counted_mm3(Without(BALL, (small,))) == pytest.approx(whole - inner, rel=0.01)
    assert counted_mm3(Common((BALL, small))) == pytest.approx(inner, rel=0.02)


def test_bands_leave_their_share_of_a_drum() -> None:
    ribs = Common((DRUM, Bands(pitch=12.0, width=6.0, slope=0.5)))
    assert counted_mm3(ribs) == pytest.approx(0.5 * DRUM.volume_mm3(), rel=0.03)


def test_a_tube_of_one_point_is_none() -> None:
    with pytest.raises(StructureError, match="a tube needs two points"):
        Tube(((0.0, 0.0, 0.0, 10.0),)).level(np.zeros(1), np.zeros(1), np.zeros(1))
