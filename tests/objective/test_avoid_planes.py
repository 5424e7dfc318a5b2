"""Prices between the planes of a grid."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lymphorisk.objective import avoid


@pytest.mark.parametrize("planes", [1, 2, 3, 7])
def test_a_price_between_planes_is_in_proportion(planes: int) -> None:
    """A price linear in the height is found exactly, also on the planes and at both ends."""
    z = 2.5 * np.arange(planes) - 4.0
    slope = np.array([[1.0, -2.0, 0.5]])
    price = z[:, None, None] * slope
    for at in (*z, *(z[:-1] + 0.7)):
        np.testing.assert_allclose(avoid._at(price, z, float(at)), at * slope, atol=1e-12)
    if planes > 1:
        for beyond in (z[0] - 1.0, z[-1] + 1.0):
            np.testing.assert_allclose(avoid._at(price, z, float(beyond)), beyond * slope, atol=1e-12)


def test_a_price_over_the_whole_grid_ends_as_far_from_the_middle_on_every_side() -> None:
    grid: Any = SimpleNamespace(x_mm=np.linspace(-60.0, 60.0, 7), y_mm=np.linspace(-40.0, 40.0, 6))
    (loop,) = avoid._loops(np.full((6, 7), 4.0), 1.0, grid)
    low, high = loop.min(axis=0), loop.max(axis=0)
    np.testing.assert_allclose(low, -high, atol=1e-9)
    assert np.all(high[:2] >= [60.0, 40.0])
    assert np.all(high[:2] <= [80.0, 56.0])
