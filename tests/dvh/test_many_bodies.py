"""Structures of many bodies, each with slices at heights of its own: lesions, nodes, ribs of a tilted scan."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.dvh import DVH, exact_with_findings
from lymphorisk.plan import DoseGrid, Structure


def square(x: float, y: float, z: float, side: float) -> np.ndarray:
    return np.array([[x, y, z], [x + side, y, z], [x + side, y + side, z], [x, y + side, z]])


def measured(loops: list[np.ndarray]) -> tuple[DVH, set[str]]:
    points = np.concatenate(loops)
    x, y, z = (np.arange(points[:, k].min() - 12, points[:, k].max() + 13, 5.0) for k in range(3))
    dose = DoseGrid(np.ones((len(z), len(y), len(x)), np.float32), np.zeros(3), np.eye(3), x, y, z)
    (dvh,), found = exact_with_findings([Structure(1, "lesions", tuple(loops))], dose)
    assert isinstance(dvh, DVH)
    return dvh, {f.code for f in found}


@pytest.mark.parametrize("step", [3.0, 5.0])
@pytest.mark.parametrize("bodies", [2, 6, 7, 12, 26])
def test_bodies_a_part_of_a_slice_apart_keep_their_volume(bodies: int, step: float) -> None:
    """However many planes of the others lie between two slices of one."""
    loops = [square(20.0 * body, 0.0, step * (k + body / bodies), 10.0) for body in range(bodies) for k in range(10)]
    dvh, codes = measured(loops)
    assert dvh.total_cm3 == pytest.approx(bodies * step, rel=0.06)
    assert "LR124" in codes


@pytest.mark.parametrize("step", [1.5, 3.0, 5.0])
def test_thirty_lesions_wherever_their_slices_lie(step: float) -> None:
    rng = np.random.default_rng(1)
    loops, truth = [], 0.0
    for body in range(30):
        first, slices, side = rng.uniform(0, 10 * step), int(rng.integers(3, 12)), rng.uniform(6, 14)
        x, y = 20.0 * (body % 6), 20.0 * (body // 6)
        loops += [square(x, y, first + k * step, side) for k in range(slices)]
        truth += side**2 * slices * step / 1000
    dvh, codes = measured(loops)
    assert dvh.total_cm3 == pytest.approx(truth, rel=0.1)
    assert "LR124" in codes
