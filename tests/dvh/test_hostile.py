"""Eleven bodies as exporters write them at their worst, against closed forms: none is silently wrong, none ends in an
exception. Volume and mean within 1 %, lying bodies within 3 %; each says what was noticed."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from lymphorisk.absent import Absent
from lymphorisk.dvh import DVH, exact_with_findings
from lymphorisk.dvh.solids import Linear, dose_grid
from lymphorisk.plan import Structure

Contours = list[np.ndarray]
CENTRE_GY, SLOPES = 40.0, (0.2, -0.1, 0.3)
GRID = dose_grid(Linear(CENTRE_GY, SLOPES), [-75] * 3, [75] * 3, 3.0)
PLANES = np.arange(-16.5, 17, 3.0)
LENGTH = 36.0
R = 15.0
DISC = np.pi * R * R


def loop(r: float, z: float, x: float = 0.0, corners: int = 90) -> np.ndarray:
    """A polygon of the circle's area."""
    turn = 2 * np.pi * np.arange(corners) / corners
    r *= np.sqrt((2 * np.pi / corners) / np.sin(2 * np.pi / corners))
    return np.column_stack([x + r * np.cos(turn), r * np.sin(turn), np.full(corners, z)])


def tilted(contour: np.ndarray, degrees: float) -> np.ndarray:
    return contour + np.column_stack([0 * contour[:, :2], np.tan(np.radians(degrees)) * contour[:, 0]])


def lens(apart: float) -> float:
    """Area common to two discs of radius R."""
    return float(2 * R * R * np.arccos(apart / 2 / R) - apart / 2 * np.sqrt(4 * R * R - apart * apart))


def lying_tube(z: float) -> np.ndarray:
    w = np.sqrt(10**2 - z * z)
    return np.array([[-40, -w, z], [40, -w, z], [40, w, z], [-40, w, z]])


def eight(z: float) -> np.ndarray:
    return np.array([[-15, -10, z], [15, 10, z], [15, -10, z], [-15, 10, z]], float)


@dataclass(frozen=True)
class Hostile:
    """Contours, the volume they stand for [mm3], what must be said of them, and how close is asked for. [%]"""

    contours: Callable[[], Contours]
    volume: float
    said: frozenset[str] = frozenset()
    within: float = 1.0


def _jittered() -> Contours:
    shift = np.random.default_rng(5).uniform(-0.1, 0.1, len(PLANES) - 2)
    return [loop(R, z) for z in PLANES + np.concatenate([[0.0], shift, [0.0]])]


def _doubled() -> Contours:
    return [c for z in PLANES for c in (loop(R, z), loop(R + 0.1, z, corners=57)[::-1], np.roll(loop(R, z), 7, axis=0))]


CASES = {
    "heights that wander": Hostile(_jittered, DISC * LENGTH),
    "a scan tilted by a degree": Hostile(
        lambda: [tilted(loop(R, z), 1.0) for z in PLANES], DISC * LENGTH, frozenset({"LR123"})
    ),
    "two thicknesses": Hostile(
        lambda: [loop(R, z) for z in np.concatenate([np.arange(0, 20.1, 1.25), np.arange(25, 46, 5.0)])],
        DISC * (0.625 + 45 + 2.5),
    ),
    "drawn again, reversed, with other points": Hostile(_doubled, DISC * LENGTH, frozenset({"LR121"})),
    "pieces that cross": Hostile(
        lambda: [loop(R, z, x) for z in PLANES for x in (-9, 9)], (2 * DISC - lens(18)) * LENGTH, frozenset({"LR122"})
    ),
    "an island in a hole": Hostile(
        lambda: [loop(r, z) for z in PLANES for r in (24, 18, 9)], np.pi * (576 - 324 + 81) * LENGTH
    ),
    "a keyhole": Hostile(
        lambda: [np.concatenate([loop(R, z), loop(R, z)[:1], loop(8, z)[:1], loop(8, z)[::-1]]) for z in PLANES],
        (DISC - np.pi * 64) * LENGTH,
    ),
    "figures of eight": Hostile(lambda: [eight(z) for z in PLANES], 300 * LENGTH),
    "points and lines between, a plane of nothing": Hostile(
        lambda: [
            *(loop(R, z) for z in PLANES if z != PLANES[5]),
            np.array([[-9.0, 0, PLANES[5]], [9, 0, PLANES[5]], [0, 0, PLANES[5]]]),
            np.array([[40.0, 40, PLANES[2]]]),
        ],
        DISC * LENGTH,
        frozenset({"LR101", "LR125"}),
    ),
    "a thin wall": Hostile(
        lambda: [loop(r, z) for z in PLANES for r in (40.0, 38.5)], np.pi * (40.0**2 - 38.5**2) * LENGTH
    ),
    "a tube along its slices": Hostile(
        lambda: [lying_tube(z) for z in np.arange(-8, 9, 4.0)], np.pi * 100 * 80, within=3.0
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_hostile_bodies(name: str) -> None:
    case = CASES[name]
    contours = case.contours()
    (found,), said = exact_with_findings([Structure(1, "s", tuple(contours))], GRID)
    assert isinstance(found, DVH)
    assert {f.code for f in said} == case.said
    assert found.total_cm3 * 1000 == pytest.approx(case.volume, rel=case.within / 100)
    heights = [c[:, 2].mean() for c in contours if len(c) > 1]
    middle = CENTRE_GY + SLOPES[2] * 0.5 * (min(heights) + max(heights))
    if name != "two thicknesses":
        assert found.mean_gy == pytest.approx(middle, abs=0.01 * CENTRE_GY)


def test_contours_in_another_unit_are_named_and_take_no_memory() -> None:
    (found,), said = exact_with_findings([Structure(1, "s", tuple(1000 * loop(R, z) for z in PLANES))], GRID)
    assert isinstance(found, Absent)
    assert [f.code for f in said] == ["LR120"]
    contours = tuple(loop(100 * R, z) for z in PLANES)
    (found,), said = exact_with_findings([Structure(1, "s", contours)], GRID)
    assert isinstance(found, DVH)
    assert found.total_cm3 * 1000 == pytest.approx(1e4 * DISC * LENGTH, rel=1e-3)
    assert [f.code for f in said] == ["LR104"]


def most_mb(made: Callable[[], object]) -> float:
    """The most memory held while something is made. [MB]"""
    tracemalloc.start()
    try:
        made()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def stack_said(contours: Contours) -> tuple[DVH | Absent, str]:
    found: list[tuple[DVH | Absent, str]] = []

    def made() -> None:
        curves, findings = exact_with_findings((Structure(1, "PTV", contours_mm=tuple(contours)),), GRID)
        found.append((curves[0], " ".join(f.what for f in findings)))

    assert most_mb(made) < 300
    return found[0]


def test_thousands_of_copies_count_once_and_take_no_memory() -> None:
    """Pairs of 3,000 copies on each plane would be 54 million."""
    discs = [loop(R, z) for z in PLANES]
    curve, said = stack_said(discs * 3000)
    once, _ = stack_said(discs)
    assert isinstance(curve, DVH)
    assert isinstance(once, DVH)
    assert curve.total_cm3 == once.total_cm3
    assert f"{2999 * len(PLANES)} of {3000 * len(PLANES)} contours stand on their plane already" in said


@pytest.mark.parametrize(("circles", "word"), [(700, "lie over each other"), (3500, "lie on few planes")])
def test_contours_over_each_other_without_end_are_named(circles: int, word: str) -> None:
    curve, said = stack_said(
        [loop(500.0, z, 2000.0 * n / circles, corners=12) for z in PLANES[:2] for n in range(circles)]
    )
    assert isinstance(curve, Absent)
    assert word in said
