"""What-ifs on paired draws, and simulated cohorts."""

from __future__ import annotations

import runpy
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lymphorisk.errors import ScenarioError
from lymphorisk.lymphocyte import forecast
from lymphorisk.lymphocyte.cohort import simulate
from lymphorisk.lymphocyte.pools import POOLS
from lymphorisk.lymphocyte.whatif import changed_course, difference, lowered, refractionated

C = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "courses.py")))
PEOPLE = C.people()
COURSE = C.upper_abdomen()
GIVEN = forecast(COURSE, 1.3, PEOPLE, age_y=60.0, explain=False)


def changed(text: str):
    return forecast(changed_course(COURSE, text, {"bowel": "gut"}), 1.3, PEOPLE, age_y=60.0, explain=False)


def test_nothing_changed_is_no_difference_at_all() -> None:
    d = difference(GIVEN, changed("Spleen*1"))
    assert d.nadir.p05 == d.nadir.p95 == 0.0
    assert d.probability == {"2": 0.0, "3": 0.0, "4": 0.0}


def test_sparing_the_spleen_helps_every_drawn_patient() -> None:
    d = difference(GIVEN, changed("Spleen-5Gy"))
    assert d.nadir.p025 > 0
    assert d.probability["4"] < 0
    assert d.nadir_ratio.p025 > 1


def test_a_paired_difference_is_far_tighter_than_two_forecasts() -> None:
    other = changed("Spleen-5Gy")
    d = difference(GIVEN, other)
    unpaired = GIVEN.nadir.p95 - GIVEN.nadir.p05
    assert d.nadir.p95 - d.nadir.p05 < 0.15 * unpaired


def test_five_gray_off_the_course_is_shared_by_its_fractions() -> None:
    less = lowered(COURSE, "spleen", 5.0)
    before, after = (c.phases[0].distribution("spleen").mean_gy * c.fractions for c in (COURSE, less))
    assert before - after <= 5.0 + 1e-9
    assert after >= 0


def test_fewer_fractions_of_the_same_dose_lose_less() -> None:
    """Fraction number drives the loss when part of an organ is irradiated."""
    d = difference(GIVEN, changed("fractions=5"))
    assert d.nadir.p05 > 0
    few = refractionated(COURSE, 5).phases[0]
    for pool in POOLS:
        assert few.distribution(pool).mean_gy * 5 == pytest.approx(COURSE.phases[0].distribution(pool).mean_gy * 28)


def test_names_of_organs_can_stand_for_pools() -> None:
    assert difference(GIVEN, changed("Bowel=0")).nadir.p50 > 0


@pytest.mark.parametrize("text", ["", "Spleen", "Spleen+5Gy", "Tail-5Gy", "fractions=0", "Spleen--5"])
def test_what_is_not_a_change_is_refused(text: str) -> None:
    with pytest.raises(ScenarioError):
        changed_course(COURSE, text)


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


def test_twenty_thousand_patients_take_seconds() -> None:
    courses = [COURSE, C.brain(), C.upper_abdomen(15)]
    n = 20_000
    start = time.perf_counter()
    simulate(courses, np.arange(n) % 3, np.full(n, 1.3), PEOPLE, window_d=30)
    assert time.perf_counter() - start < 60.0
