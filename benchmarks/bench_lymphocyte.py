"""How long a forecast takes: 512 draws, 35 fractions, a year of days (bar: 2 s on two cores)."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.dvh.curve import DoseDistribution, uniform
from lymphorisk.lymphocyte import Course, PhaseExposure, forecast, population
from lymphorisk.lymphocyte.cohort import simulate
from lymphorisk.lymphocyte.pools import POOLS
from lymphorisk.lymphocyte.update import update
from lymphorisk.parameters import load, posterior
from lymphorisk.plan import weekdays

PEOPLE = population(load("lymphocyte"), posterior())


def course() -> Course:
    """35 fractions, each pool with a distribution of 2000 doses as a fine DVH gives."""
    rng = np.random.default_rng(0)
    pools = {
        pool: DoseDistribution(np.sort(rng.gamma(0.3, 0.5, 2000)), np.full(2000, 1 / 2000))
        for pool in POOLS
        if pool != "blood"
    }
    return Course((PhaseExposure(weekdays(35), uniform(0.1), pools),), "platinum")


@pytest.mark.benchmark(group="forecast")
def test_forecast_of_a_year(benchmark) -> None:
    got = benchmark(lambda: forecast(course(), 1.4, PEOPLE, age_y=60.0))
    assert got.draws == 512


@pytest.mark.benchmark(group="update")
def test_update_with_two_counts(benchmark) -> None:
    median = forecast(course(), 1.4, PEOPLE, age_y=60.0, explain=False).median
    counts = [(7.0, float(median[7])), (14.0, float(median[14]))]
    benchmark.pedantic(lambda: update(course(), 1.4, PEOPLE, counts, age_y=60.0), rounds=3)


@pytest.mark.benchmark(group="cohort")
def test_two_thousand_patients(benchmark) -> None:
    n = 2000
    benchmark.pedantic(
        lambda: simulate([course()], np.zeros(n, dtype=np.intp), np.full(n, 1.3), PEOPLE, window_d=90), rounds=3
    )
