"""Survival of a fraction and the kill of a pool."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lymphorisk.dvh.curve import DoseDistribution, diluted, uniform
from lymphorisk.errors import ScenarioError
from lymphorisk.lymphocyte import SURVIVAL_SETS, kill, population, survival_sets
from lymphorisk.lymphocyte.survival import KILL_BINS, kills
from lymphorisk.parameters import load

SETS = survival_sets({name: p.number for name, p in load("lymphocyte").items()})


def test_the_default_set_is_the_mixture_of_both_subsets() -> None:
    """0.47 exp(-d/0.9) + 0.53 exp(-d/4.0), and the values worked out beside it."""
    got = SETS["combined"](np.array([0.5, 1.0, 2.0, 3.0]))
    assert got == pytest.approx([0.737, 0.567, 0.372, 0.267], abs=1e-3)


def test_the_colony_set_reaches_ten_percent_at_3_29_gy() -> None:
    assert float(SETS["colony"](3.29)) == pytest.approx(0.10, abs=1e-3)


@pytest.mark.parametrize("name", SURVIVAL_SETS)
def test_survival_starts_at_one_and_never_rises(name: str) -> None:
    curve = SETS[name](np.linspace(0.0, 20.0, 400))
    assert curve[0] == pytest.approx(1.0, abs=1e-15)
    assert np.all(np.diff(curve) <= 0)
    assert curve[-1] >= 0


def test_kill_is_summed_over_the_distribution_not_taken_at_the_mean() -> None:
    half = diluted(uniform(200.0), 0.5)
    assert kill(SETS["combined"], half) == pytest.approx(0.5, abs=1e-6)
    assert kill(SETS["combined"], uniform(100.0)) == pytest.approx(1.0, abs=1e-6)


def test_many_draws_equal_one_at_a_time() -> None:
    rng = np.random.default_rng(0)
    distribution = DoseDistribution(np.sort(rng.uniform(0, 4, 100)), np.full(100, 0.01))
    form = SETS["combined"]
    w, a, b = (np.tile(np.array(t), (5, 1)) for t in (form.weights, form.alphas, form.betas))
    assert kills(distribution, w, a, b) == pytest.approx(np.full(5, kill(form, distribution)), abs=1e-14)
    form = SETS["colony"]
    w, a, b = (np.tile(np.array(t), (3, 1)) for t in (form.weights, form.alphas, form.betas))
    factor = np.array([0.9, 1.0, 1.1])
    want = [kill(form, distribution.scaled(f)) for f in factor]
    assert kills(distribution, w, a, b, factor) == pytest.approx(want, abs=1e-14)


@given(st.integers(0, 10_000))
def test_cutting_a_fine_distribution_hardly_changes_the_kill(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 20 * KILL_BINS
    dose = np.sort(rng.gamma(0.5, rng.uniform(0.05, 2.0), n))
    distribution = DoseDistribution(dose, np.full(n, 1.0 / n))
    form = SETS["combined"]
    w, a, b = (np.array([t]) for t in (form.weights, form.alphas, form.betas))
    assert kills(distribution, w, a, b)[0] == pytest.approx(kill(form, distribution), abs=1e-4)


def test_an_unknown_set_is_refused() -> None:
    with pytest.raises(ScenarioError, match="survival model"):
        population(load("lymphocyte"), survival="nakamura")
