"""What-ifs on paired draws, and simulated cohorts."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lymphorisk.dvh import DoseDistribution
from lymphorisk.errors import ScenarioError
from lymphorisk.lymphocyte import AlcForecast, forecast
from lymphorisk.lymphocyte.cohort import simulate
from lymphorisk.lymphocyte.whatif import difference

C = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "courses.py")))
PEOPLE = C.people()
COURSE = C.upper_abdomen()
GIVEN = forecast(COURSE, 1.3, PEOPLE, age_y=60.0, explain=False)


def changed(pool: str, gray: float) -> AlcForecast:
    """The forecast with less dose to one pool over the whole course. [Gy]"""
    (phase,) = COURSE.phases
    dose = phase.distribution(pool)
    less = DoseDistribution(np.maximum(dose.dose_gy - gray / phase.fractions, 0.0), dose.share.copy())
    course = replace(COURSE, phases=(replace(phase, pools={**phase.pools, pool: less}),))
    return forecast(course, 1.3, PEOPLE, age_y=60.0, explain=False)


def test_nothing_changed_is_no_difference_at_all() -> None:
    d = difference(GIVEN, changed("spleen", 0.0))
    assert d.nadir.p05 == d.nadir.p95 == 0.0
    assert d.probability == {"2": 0.0, "3": 0.0, "4": 0.0}


def test_sparing_the_spleen_helps_every_drawn_patient() -> None:
    d = difference(GIVEN, changed("spleen", 5.0))
    assert d.nadir.p025 > 0
    assert d.probability["4"] < 0
    assert d.nadir_ratio.p025 > 1


def test_a_paired_difference_is_far_tighter_than_two_forecasts() -> None:
    d = difference(GIVEN, changed("spleen", 5.0))
    unpaired = GIVEN.nadir.p95 - GIVEN.nadir.p05
    assert d.nadir.p95 - d.nadir.p05 < 0.15 * unpaired


def test_unpaired_forecasts_are_refused() -> None:
    with pytest.raises(ScenarioError, match="not paired"):
        difference(GIVEN, forecast(COURSE, 1.3, PEOPLE, draws=64, explain=False))


def test_a_simulated_cohort_has_the_spread_of_the_forecast() -> None:
    n = 2000
    got = simulate([COURSE], np.zeros(n, dtype=np.intp), np.full(n, 1.3), PEOPLE, age_y=np.full(n, 60.0), window_d=30)
    assert np.median(got.nadir) == pytest.approx(GIVEN.nadir.median, rel=0.08)
    assert np.log(got.nadir).std() == pytest.approx(np.log(GIVEN.counts.min(axis=1)).std(), rel=0.1)
    assert np.median(got.measured_nadir) < 1.05 * np.median(got.nadir)


def test_rows_of_a_cohort_keep_their_own_course_and_baseline() -> None:
    which = np.array([0, 1, 0, 1])
    got = simulate([COURSE, C.brain()], which, np.array([1.0, 1.0, 2.0, 2.0]), PEOPLE, days=[7, 30])
    assert got.at.shape == (4, 2)
    assert np.all(got.at[[1, 3], 1] > got.at[[0, 2], 1])
    assert np.all(got.nadir <= np.array([1.0, 1.0, 2.0, 2.0]))
