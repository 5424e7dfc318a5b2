"""Outlines: arms, legs, folded planes."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.anatomy import drawn_organs, outline_of
from lymphorisk.plan import Structure


def ellipse(x: float, y: float, a: float, b: float, z: float) -> np.ndarray:
    turn = np.linspace(0.0, 2 * np.pi, 40, endpoint=False)
    return np.column_stack([x + a * np.cos(turn), y + b * np.sin(turn), np.full(40, z)])


def test_arms_beside_the_trunk_do_not_count() -> None:
    contours = [c for z in (0.0, 5.0) for c in (ellipse(0, 0, 150, 100, z), ellipse(220, 20, 40, 45, z))]
    outline = outline_of(contours)
    assert outline is not None
    assert outline.half_mm[:, 0] == pytest.approx(150.0, abs=1.0)


def test_two_legs_are_one_body() -> None:
    contours = [c for z in (0.0, 5.0) for c in (ellipse(-80, 0, 70, 75, z), ellipse(80, 0, 70, 75, z))]
    outline = outline_of(contours)
    assert outline is not None
    assert outline.middle_mm[:, 0] == pytest.approx(0.0, abs=1.0)


def test_one_plane_is_no_outline() -> None:
    assert outline_of([ellipse(0, 0, 150, 100, 0.0)]) is None


def test_kidneys_drawn_as_one_are_two_landmarks() -> None:
    z = np.arange(0.0, 100.0, 5.0)
    both = tuple(c for at in z for c in (ellipse(60, 0, 25, 25, at), ellipse(-60, 0, 25, 25, at)))
    found = drawn_organs({"Kidneys": Structure(1, "Kidneys", both)}, (-50.0, 200.0))
    assert found["Kidney_L"].middle_mm[0] == pytest.approx(60.0, abs=0.5)
    assert found["Kidney_R"].middle_mm[0] == pytest.approx(-60.0, abs=0.5)
    assert not found["Kidney_L"].cut_low


def test_a_contour_that_ends_with_the_scan_is_cut() -> None:
    liver = tuple(ellipse(0, 0, 60, 60, z) for z in np.arange(0.0, 100.0, 5.0))
    found = drawn_organs({"Liver": Structure(1, "Liver", liver)}, (-2.5, 200.0))
    assert found["Liver"].cut_low
    assert not found["Liver"].cut_high
