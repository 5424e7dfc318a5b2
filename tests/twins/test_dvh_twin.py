"""The exact engine and its point-counting twin agree, where both mean the same body."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.dvh import DVH, Difference, Intersection, Union, exact
from lymphorisk.dvh.solids import Gaussian, Linear, cylinder, dose_grid, ring, sphere
from lymphorisk.dvh.twin import sampled
from lymphorisk.plan import Structure

#: The twin's points are 0.4 mm apart: a surface of 10 cm2 is uncertain by a few of them per cm3.
AGREE = 0.012


def curves_agree(one: object, other: object, share: float = AGREE) -> None:
    assert isinstance(one, DVH)
    assert isinstance(other, DVH)
    doses = np.linspace(0, max(one.max_gy, other.max_gy), 200)
    a, b = (np.interp(doses, d.dose_gy, d.volume_cm3, right=0.0) for d in (one, other))
    assert np.abs(a - b).max() <= share * other.total_cm3
    assert one.total_cm3 == pytest.approx(other.total_cm3, rel=share)
    assert one.mean_gy == pytest.approx(other.mean_gy, abs=share * (other.max_gy - other.min_gy))
    assert one.coverage == pytest.approx(other.coverage, abs=share)


def random_tube(rng: np.random.Generator, number: int = 1) -> Structure:
    """An upright tube of any outline: the twin's slabs and the engine's shapes are the same body."""
    angle = np.sort(rng.uniform(0, 2 * np.pi, 30))
    r = rng.uniform(6, 12, 30)
    xy = rng.uniform(-4, 4, 2) + np.column_stack([r * np.cos(angle), r * np.sin(angle)])
    heights = np.arange(-8, 9, 2.0)
    return Structure(number, f"tube{number}", tuple(np.column_stack([xy, np.full(30, z)]) for z in heights))


@pytest.mark.parametrize("seed", range(4))
def test_tubes_of_any_outline(seed: int) -> None:
    rng = np.random.default_rng(seed)
    field = Linear(25.0, tuple(rng.uniform(-0.5, 0.5, 3)))  # type: ignore[arg-type]
    grid = dose_grid(field, [-20] * 3, [20] * 3, 2.5)
    tube = random_tube(rng)
    curves_agree(exact([tube], grid)[0], sampled([tube], grid, mesh_mm=0.4)[0])


def test_regions() -> None:
    rng = np.random.default_rng(11)
    a, b = random_tube(rng, 1), random_tube(rng, 2)
    grid = dose_grid(Linear(25.0, (0.4, 0.3, -0.2)), [-20] * 3, [20] * 3, 2.0)
    regions = [Union("u", (a, b)), Intersection("i", (a, b)), Difference("d", a, b)]
    for ours, theirs in zip(exact(regions, grid), sampled(regions, grid, mesh_mm=0.4), strict=True):
        curves_agree(ours, theirs, 2 * AGREE)


def test_holes_and_caps() -> None:
    field = Gaussian(50.0, (5.0, 0.0, 0.0), 12.0)
    grid = dose_grid(field, [-22] * 3, [22] * 3, 1.0)
    body = ring(12.0, 6.0, 20.0).structure(np.arange(-9, 10, 2.0))
    for caps in ("half", "none"):
        ours, theirs = exact([body], grid, end_caps=caps)[0], sampled([body], grid, end_caps=caps, mesh_mm=0.4)[0]
        curves_agree(ours, theirs)


def test_partly_outside_the_grid() -> None:
    grid = dose_grid(Linear(25.0, (0.4, 0.3, -0.2)), [-10] * 3, [10] * 3, 2.0)
    body = cylinder(9.0, 24.0).structure(np.arange(-11, 12, 2.0))
    shifted = Structure(1, "c", tuple(c + np.array([6.0, 0.0, 0.0]) for c in body.contours_mm))
    curves_agree(exact([shifted], grid)[0], sampled([shifted], grid, mesh_mm=0.4)[0])


def test_with_fine_planes_the_bodies_meet() -> None:
    grid = dose_grid(Linear(25.0, (0.4, 0.3, -0.2)), [-20] * 3, [20] * 3, 2.0)
    body = sphere(10.0).structure(np.arange(-9.75, 10, 0.5))
    curves_agree(exact([body], grid)[0], sampled([body], grid, mesh_mm=0.4)[0])
