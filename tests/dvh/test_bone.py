"""Bone by threshold: a shell of known volume, cut by the body."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.absent import Absent
from lymphorisk.dvh import DVH
from lymphorisk.dvh.bone import bone_dvh
from lymphorisk.dvh.solids import Linear, cylinder, dose_grid
from lymphorisk.plan import CTVolume, Frame

LINE = np.arange(40) * 1.0
WHERE = Frame(np.full(3, -19.5), np.eye(3), LINE, LINE, LINE)
GRID = dose_grid(Linear(20.0, (0.5, 0.0, 0.0)), [-25] * 3, [25] * 3, 2.5)
HU = np.full((40, 40, 40), 40, np.int16)
HU[10:30, 15:25, 18:30] = 600
CT = CTVolume(WHERE, lambda: HU)


def test_voxels_above_the_threshold() -> None:
    dvh = bone_dvh(CT, GRID, threshold_hu=200)
    assert isinstance(dvh, DVH)
    assert dvh.total_cm3 == pytest.approx(20 * 10 * 12 / 1000)
    assert dvh.mean_gy == pytest.approx(20 + 0.5 * (-19.5 + 23.5), abs=1e-4)


def test_what_lies_outside_the_body_is_no_bone() -> None:
    body = cylinder(8.0, 30.0).structure(np.arange(-14, 15, 2.0))
    dvh = bone_dvh(CT, GRID, threshold_hu=200, body=body)
    assert isinstance(dvh, DVH)
    assert dvh.total_cm3 < 20 * 10 * 12 / 1000
    assert dvh.max_gy < 20 + 0.5 * 8.5


def test_no_bone_is_not_zero_bone() -> None:
    assert isinstance(bone_dvh(CT, GRID, threshold_hu=1500), Absent)
