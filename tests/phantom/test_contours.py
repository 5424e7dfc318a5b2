"""Contours enclose the area of the solid's cut; holes and saddles keep their meaning."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lymphorisk.phantom.contours import area, contours_of, simplified, zero_lines
from lymphorisk.phantom.shapes import Ellipsoid, Loft, Tube, Without

PLANES = np.arange(-100.0, 100.0, 5.0) + 2.5
DRUM = Loft(((-50.0, 4.0, -7.0, 30.0, 20.0), (50.0, 4.0, -7.0, 30.0, 20.0)))


def test_a_drum_has_pi_a_b_on_every_plane() -> None:
    contours = contours_of(DRUM, PLANES)
    assert len(contours) == 20
    for contour in contours:
        assert abs(area(contour[:, :2])) == pytest.approx(math.pi * 600, rel=0.004)


def test_contours_of_an_ellipsoid_add_up_to_its_volume() -> None:
    egg = Ellipsoid((1.0, 2.0, 3.0), (40.0, 25.0, 45.0), 0.3, 0.2)
    total = sum(abs(area(c[:, :2])) for c in contours_of(egg, PLANES)) * 5.0
    assert total == pytest.approx(egg.volume_mm3(), rel=0.008)


def test_a_shell_comes_out_as_two_contours_and_a_full_end() -> None:
    outer, inner = (Ellipsoid((0.0, 0.0, 0.0), (r, r, r)) for r in (40.0, 30.0))
    by_plane: dict[float, list[float]] = {}
    for c in contours_of(Without(outer, (inner,)), PLANES):
        by_plane.setdefault(float(c[0, 2]), []).append(abs(area(c[:, :2])))
    assert len(by_plane[2.5]) == 2
    assert max(by_plane[2.5]) - min(by_plane[2.5]) == pytest.approx(math.pi * (1600 - 900), rel=0.01)
    assert len(by_plane[37.5]) == 1


def test_two_branches_are_two_contours() -> None:
    fork = Tube(((-20.0, 0.0, -50.0, 8.0), (0.0, 0.0, 0.0, 8.0), (20.0, 0.0, -50.0, 8.0)))
    assert sum(c[0, 2] == -37.5 for c in contours_of(fork, PLANES)) == 2


def test_a_saddle_is_joined_as_its_middle_says() -> None:
    x = y = np.arange(4.0)
    corners = np.array([[-1.0, 1.0], [1.0, -1.0]])
    for middle, loops in ((-0.9, 1), (0.9, 2)):
        field = np.full((4, 4), 1.0)
        field[1:3, 1:3] = (
            corners + middle * (corners > 0) * 1.0 if middle < 0 else corners * np.where(corners > 0, 3, 1)
        )
        assert len(zero_lines(field, x, y)) == loops


def test_no_plane_in_the_solid_means_no_contours() -> None:
    assert contours_of(DRUM, np.array([400.0])) == ()


def test_the_same_contours_twice() -> None:
    a, b = (contours_of(DRUM, PLANES) for _ in range(2))
    assert all((p == q).all() for p, q in zip(a, b, strict=True))


def test_a_line_of_few_points_is_kept_and_a_straight_side_loses_its_points() -> None:
    triangle = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    assert np.array_equal(simplified(triangle), triangle)
    side = np.linspace(0.0, 10.0, 11)
    square = np.vstack(
        [np.column_stack(p) for p in ((side, 0 * side), (0 * side + 10, side), (10 - side, 0 * side + 10))]
    )
    assert len(simplified(square)) < len(square)
    assert area(simplified(square)) == pytest.approx(area(square))
