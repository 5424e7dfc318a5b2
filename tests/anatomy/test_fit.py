"""The linear-Gaussian update against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.anatomy.fit import Observation, fitted


def look(organ: str, value: float, row: list[float], sd: float = 1.0) -> Observation:
    return Observation(organ, "middle", value, 0.0, np.array(row), sd)


def test_one_observation_is_weighted_by_the_variances() -> None:
    fit = fitted(np.zeros(1), np.eye(1) * 4.0, [look("a", 5.0, [1.0])], far=9.0)
    assert fit.mean == pytest.approx([4.0], abs=1e-4)
    assert fit.covariance == pytest.approx(np.array([[0.8]]), abs=1e-4)


def test_observations_in_any_order_say_the_same() -> None:
    seen = [look("a", 1.0, [1.0, 0.0]), look("b", 2.0, [1.0, 1.0]), look("c", -1.0, [0.0, 1.0])]
    one, two = (fitted(np.zeros(2), np.eye(2) * 9.0, s, far=9.0) for s in (seen, seen[::-1]))
    assert one.mean == pytest.approx(two.mean)
    assert one.covariance == pytest.approx(two.covariance)


def test_nothing_seen_leaves_the_prior() -> None:
    fit = fitted(np.array([1.0, 2.0]), np.diag([3.0, 4.0]), [], far=4.0)
    assert fit.mean.tolist() == [1.0, 2.0]
    assert fit.residuals == ()


def test_a_contradiction_is_left_out_and_the_rest_fitted_without_it() -> None:
    seen = [look(n, 1.0, [1.0]) for n in "abcd"] + [look("odd", 60.0, [1.0])]
    fit = fitted(np.zeros(1), np.eye(1) * 100.0, seen, far=4.0)
    assert fit.left_out == ("odd",)
    assert fit.mean == pytest.approx([1.0], abs=0.01)


def test_draws_have_the_posterior_mean_and_spread() -> None:
    covariance = np.array([[4.0, 1.0], [1.0, 2.0]])
    fit = fitted(np.array([1.0, -1.0]), covariance, [], far=4.0)
    draws = fit.draws(4000, np.random.default_rng(1))
    assert draws.mean(axis=0) == pytest.approx([1.0, -1.0], abs=1e-9)
    assert np.cov(draws.T) == pytest.approx(covariance, abs=0.2)
