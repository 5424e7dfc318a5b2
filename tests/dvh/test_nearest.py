"""Distances worked out a tile at a time are those worked out one by one, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.dvh.solid import _nearest_by_tiles, _nearest_of


@pytest.mark.parametrize("side", [1, 3, 8, 50, 1000])
def test_tiles_lose_no_nearest_point(side: int) -> None:
    rng = np.random.default_rng(side)
    j, i = rng.integers(0, 120, 900), rng.integers(0, 160, 900)
    turn = rng.uniform(0, 2 * np.pi, 300)
    rim = np.stack([60 + 50 * np.sin(turn), 80 + 70 * np.cos(turn)], axis=1)
    points = np.concatenate([rim, rng.normal((30, 40), 2, (80, 2))]).astype(np.float32)
    y, x = j.astype(np.float32), i.astype(np.float32)
    tile = (j // side) * (160 // side + 1) + i // side
    found = _nearest_by_tiles(y, x, tile, points)
    assert np.array_equal(found, _nearest_of(y, x, points[:, 0], points[:, 1]))
