"""Cells whose dose moves with the grid's."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.objective.held import Cells, together

GRID = np.array([1.0, 2.0, 4.0])


def cells(beyond: float = 0.5) -> Cells:
    """Half at two voxels, half beyond the grid: 0.25 * 0.5 * 2 + 0.25 * 0.5 * 4 + 0.5 * beyond."""
    return Cells(np.array([1, 2]), np.array([0.5, 0.5]), np.array([0.25, 0.25]), np.array([beyond]), np.array([0.5]))


@pytest.mark.parametrize("wanted", [0.1, 1.0, 7.0])
def test_scaled_cells_have_the_mean_and_the_shape_they_had(wanted: float) -> None:
    given = cells()
    assert given.mean_gy(GRID) == 1.0
    made = given.scaled_to(wanted, GRID)
    assert made.mean_gy(GRID) == pytest.approx(wanted, rel=1e-15)
    np.testing.assert_allclose(made.doses(GRID), wanted * given.doses(GRID), rtol=1e-15)
    np.testing.assert_allclose(made.beyond_gy, wanted * given.beyond_gy, rtol=1e-15)
    np.testing.assert_array_equal(made.share, given.share)


@pytest.mark.parametrize(("wanted", "dose", "beyond"), [(0.0, GRID, 0.5), (2.0, np.zeros(3), 0.0)])
def test_nothing_in_proportion_to_nothing_stays_as_it_is(wanted: float, dose: np.ndarray, beyond: float) -> None:
    given = cells(beyond)
    made = given.scaled_to(wanted, dose)
    np.testing.assert_array_equal(made.factor, given.factor)
    np.testing.assert_array_equal(made.beyond_gy, given.beyond_gy)


def test_kinds_together_have_the_mean_of_their_means() -> None:
    first, other = cells(), cells(4.5)
    made = together([(1.0, first), (3.0, other), (0.0, cells(1e9))])
    assert made.mean_gy(GRID) == pytest.approx((first.mean_gy(GRID) + 3.0 * other.mean_gy(GRID)) / 4.0, rel=1e-15)
    assert made.share.sum() + made.beyond_share.sum() == pytest.approx(1.0, abs=1e-15)
