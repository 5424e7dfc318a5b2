"""Prices of organs and pools, and the quadratic in the loss's place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lymphorisk.dvh.voxels import voxel_volumes
from lymphorisk.lymphocyte import POOLS
from lymphorisk.objective import LymphocyteLoss

Losses = Callable[[str], LymphocyteLoss]


def test_the_price_of_an_organ_is_what_a_gray_more_in_it_costs(loss_of: Losses) -> None:
    loss = loss_of("pancreas")
    (dose,), (grid,) = loss.dose, loss.grids
    price = {w.name: w for w in loss.weights() if w.kind == "organ"}
    for organ in ("Spleen", "Bowel_Small", "Kidney_L"):
        part = voxel_volumes(loss.plan.doses.regions[organ], grid) / grid.frame.cell_volumes_cm3()
        h = 0.01
        cost = (loss.value(dose + h * part) - loss.value(dose - h * part)) / (2 * h)
        assert price[organ].per_gy == pytest.approx(cost, rel=1e-4)
    assert price["Spleen"].per_gy > price["Bowel_Small"].per_gy > price["Kidney_L"].per_gy > 0.0


def test_prices_of_pools_add_up_to_the_first_order_cost(loss_of: Losses) -> None:
    loss = loss_of("pancreas")
    pools = {w.name: w for w in loss.weights() if w.kind == "pool"}
    assert set(pools) == set(POOLS)
    assert sum(w.share for w in pools.values()) == pytest.approx(1.0, abs=1e-9)
    assert pools["spleen"].mean_gy == pytest.approx(loss.plan.doses.pools["spleen"][0].mean_gy * 28, rel=1e-3)


def test_the_quadratic_is_the_loss_to_second_order(loss_of: Losses) -> None:
    loss = loss_of("pancreas")
    (dose,) = loss.dose
    made = loss.surrogate()
    value, (gradient,) = loss.value_and_gradient(dose)
    there, (slope,) = made.value_and_gradient(dose)
    assert there == value
    np.testing.assert_allclose(slope, gradient, atol=1e-12)
    change = dose * np.random.default_rng(2).uniform(-1.0, 1.5, dose.shape)
    off = [abs(made.value(dose + h * change) - loss.value(dose + h * change)) for h in (0.2, 0.1, 0.05)]
    assert off[0] > 3.0 * off[1] > 9.0 * off[2]
    _, (far,) = made.value_and_gradient(1.2 * dose)
    h = 1e-3
    along = (made.value(1.2 * dose + h * change) - made.value(1.2 * dose - h * change)) / (2 * h)
    assert float((far * change).sum()) == pytest.approx(along, rel=1e-6)


def test_the_second_derivative_of_the_count_is_that_of_its_gradient(loss_of: Losses) -> None:
    loss = loss_of("pancreas")
    made = loss.surrogate()
    there = loss.log_kill(loss.by_phase(loss.dose))
    way = np.random.default_rng(3).uniform(-1.0, 1.0, there.shape)
    ends = [loss.typical.gradient(there + sign * 1e-3 * way)[1] for sign in (1, -1)]
    along = (ends[0] - ends[1]).reshape(-1) / 2e-3
    np.testing.assert_allclose(made.second @ way.reshape(-1), along, rtol=1e-3, atol=1e-4 * float(abs(along).max()))
    np.testing.assert_array_equal(made.second, made.second.T)


def test_the_error_of_the_quadratic_is_the_one_it_states(loss_of: Losses) -> None:
    loss = loss_of("pancreas")
    (dose,) = loss.dose
    made = loss.surrogate()
    true, here = loss.value(1.1 * dose), loss.value(dose)
    assert made.error["all doses times 1.1"] == pytest.approx(abs(made.value(1.1 * dose) - true) / (true - here))
    assert max(made.error.values()) < 0.05
