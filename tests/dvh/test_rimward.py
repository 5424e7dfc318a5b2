"""The distance from a rim, however far away, against the contour it was drawn with."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.dvh.coverage import Lattice, coverage
from lymphorisk.dvh.rimward import FEW_PAIRS, Rim

#: Half coverage stands a little beside a curved contour. [mm]
OFF_MM = 0.15
LATTICE = Lattice(-60.0, -50.0, 0.8, 0.5, 150, 200)


def drawn(*circles: tuple[float, float, float]) -> Rim:
    turn = 2 * np.pi * np.arange(240) / 240
    contours = [np.stack([x + r * np.cos(turn), y + r * np.sin(turn)], axis=1) for x, y, r in circles]
    share, _ = coverage([contours], LATTICE)
    return Rim(share[0], LATTICE)


def from_rims(pixels: np.ndarray, *circles: tuple[float, float, float]) -> np.ndarray:
    j, i = np.divmod(pixels, LATTICE.nx)
    return np.min([np.abs(np.hypot(LATTICE.x_mm[i] - x, LATTICE.y_mm[j] - y) - r) for x, y, r in circles], axis=0)


@pytest.mark.parametrize("circles", [((5.0, 3.0, 30.0),), ((5.0, 3.0, 30.0), (5.0, 3.0, 22.0), (-40.0, -35.0, 3.0))])
@pytest.mark.parametrize("count", [20, 20_000])
def test_distance_from_circles(count: int, circles: tuple[tuple[float, float, float], ...]) -> None:
    rim = drawn(*circles)
    assert (count * 100 > FEW_PAIRS) == (count == 20_000)
    pixels = np.random.default_rng(3).choice(LATTICE.nx * LATTICE.ny, count, replace=False)
    truth = from_rims(pixels, *circles)
    off = np.abs(rim.distance(pixels) - truth)
    near = truth < 10
    assert off[near].max() < OFF_MM
    assert (off[~near] <= 0.005 * truth[~near] + OFF_MM).all()


def test_all_pairs_and_lines_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    rim = drawn((5.0, 3.0, 30.0), (5.0, 3.0, 22.0))
    pixels = np.arange(LATTICE.nx * LATTICE.ny)
    by_lines = rim.distance(pixels)
    monkeypatch.setattr("lymphorisk.dvh.rimward.FEW_PAIRS", 1 << 40)
    directly = rim.distance(pixels)
    near = directly < 8
    assert by_lines[near] == pytest.approx(directly[near], abs=1e-4)
    assert (by_lines >= directly - 1e-4).all()


def test_what_does_not_matter_is_left_infinite() -> None:
    rim = drawn((5.0, 3.0, 30.0), (5.0, 3.0, 22.0))
    pixels = np.arange(LATTICE.nx * LATTICE.ny)
    whole = rim.distance(pixels)
    near = rim.distance(pixels, lambda at_most: 5.0 if (at_most >= whole).all() else 0.0)
    assert (near == np.where(whole <= 5.0, whole, np.inf)).all()


def test_sets_of_pixels_together_are_those_one_by_one() -> None:
    rim = drawn((5.0, 3.0, 30.0))
    for sets in ([np.arange(20), np.arange(9_000, 19_000)], [np.arange(9_000), np.arange(9_000, 19_000)]):
        together = rim.distances(sets)
        assert all((t == rim.distance(s)).all() for t, s in zip(together, sets, strict=True))
