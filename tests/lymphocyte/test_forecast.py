"""The forecast: draws, bands, and what they say."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lymphorisk.dvh.curve import uniform
from lymphorisk.errors import ScenarioError
from lymphorisk.lymphocyte import Course, forecast, grade, population
from lymphorisk.lymphocyte.attribution import shapley
from lymphorisk.lymphocyte.ensemble import counts_at
from lymphorisk.lymphocyte.population import Z_90, draw, in_range, uniforms
from lymphorisk.lymphocyte.realisation import PATIENT_DIMENSIONS, realise
from lymphorisk.lymphocyte.summary import quantiles, summarise
from lymphorisk.parameters import load
from lymphorisk.parameters.posterior import PosteriorDraws

C = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "courses.py")))
PEOPLE = C.people()
COURSE = C.upper_abdomen()
FORECAST = forecast(COURSE, 1.3, PEOPLE, age_y=60.0)


def test_same_seed_same_forecast_other_seed_other_draws() -> None:
    again = forecast(COURSE, 1.3, PEOPLE, age_y=60.0)
    assert np.array_equal(again.counts, FORECAST.counts)
    assert again.ensemble_id == FORECAST.ensemble_id
    other = forecast(COURSE, 1.3, PEOPLE, age_y=60.0, seed=2)
    assert other.ensemble_id != FORECAST.ensemble_id
    assert other.nadir.median == pytest.approx(FORECAST.nadir.median, rel=0.1)


def test_the_ensemble_id_knows_course_baseline_and_age() -> None:
    ids = {
        forecast(c, b, PEOPLE, age_y=a, explain=False, draws=8).ensemble_id
        for c, b, a in ((COURSE, 1.3, 60.0), (C.upper_abdomen(27), 1.3, 60.0), (COURSE, 1.4, 60.0), (COURSE, 1.3, None))
    }
    assert len(ids) == 4


def test_bands_are_ordered_and_start_at_the_baseline() -> None:
    names = ["p025", "p05", "p10", "p25", "p50", "p75", "p90", "p95", "p975"]
    stack = np.stack([FORECAST.quantiles[n] for n in names])
    assert np.all(np.diff(stack, axis=0) >= 0)
    assert stack[:, 0] == pytest.approx(np.full(9, 1.3))
    assert len(FORECAST.day) == 366


def test_an_upper_abdominal_course_is_as_deep_as_measured() -> None:
    """Nadir over baseline 0.19 to 0.26 in such series; the nadir falls within days of the last fraction."""
    assert 0.13 < FORECAST.nadir.median / 1.3 < 0.30
    assert COURSE.last_fraction_d <= FORECAST.nadir.day.median <= COURSE.last_fraction_d + 4


def test_probabilities_follow_from_the_draws_strictly_below() -> None:
    nadir = FORECAST.counts.min(axis=1)
    for g, edge in (("2", 0.8), ("3", 0.5), ("4", 0.2)):
        assert FORECAST.grade_probability[g] == pytest.approx(np.mean(nadir < edge))
    assert "1" not in FORECAST.grade_probability
    with_lln = forecast(COURSE, 1.3, PEOPLE, age_y=60.0, lln=1.0, explain=False)
    assert with_lln.grade_probability["1"] >= with_lln.grade_probability["2"]


def test_the_count_on_any_day_and_below_a_count() -> None:
    assert FORECAST.at(10.0).median == pytest.approx(FORECAST.median[10])
    between = FORECAST.at(10.5).median
    assert min(FORECAST.median[10:12]) * 0.99 < between < max(FORECAST.median[10:12]) * 1.01
    assert FORECAST.probability_below(40.0, 1e9) == pytest.approx(1.0)
    with pytest.raises(ScenarioError, match="outside the forecast"):
        FORECAST.at(400.0)


def test_the_two_sources_of_spread_are_reported_apart() -> None:
    spread = FORECAST.spread
    assert spread is not None
    assert 0 < spread.parameters < spread.total
    assert 0 < spread.patients < spread.total
    assert np.hypot(spread.parameters, spread.patients) == pytest.approx(spread.total, rel=0.25)


def test_the_sensitivity_sums_to_one_and_names_what_matters() -> None:
    assert sum(FORECAST.sensitivity.values()) == pytest.approx(1.0, abs=1e-9)
    assert "patient.sensitivity" in list(FORECAST.sensitivity)[:3]
    assert not any(name.startswith("chemo.") for name in FORECAST.sensitivity)


def test_an_unknown_baseline_widens_the_band_and_says_so() -> None:
    blind = forecast(COURSE, 1.3, PEOPLE, age_y=60.0, baseline_known=False, explain=False)
    assert blind.nadir.p95 / blind.nadir.p05 > FORECAST.nadir.p95 / FORECAST.nadir.p05
    assert [f.code for f in blind.findings] == ["LR302"]


def test_a_surrogate_pool_widens_the_band_and_says_so() -> None:
    phase = replace(COURSE.phases[0], surrogate=frozenset({"nodes", "gut"}))
    wide = forecast(Course((phase,)), 1.3, PEOPLE, age_y=60.0)
    assert wide.spread is not None
    assert FORECAST.spread is not None
    assert wide.spread.total > FORECAST.spread.total
    assert [f.code for f in wide.findings] == ["LR301"]
    assert wide.nadir.median == pytest.approx(FORECAST.nadir.median, rel=0.1)


def test_unknown_chemotherapy_is_a_finding() -> None:
    f = forecast(COURSE, 1.3, PEOPLE, chemo_known=False, explain=False, draws=16)
    assert [x.code for x in f.findings] == ["LR303"]


def test_organ_shares_are_the_average_drop_over_all_orders_of_sparing() -> None:
    """Brute force over every order for the organs that matter."""
    from itertools import permutations

    course = C.course([0.0, 1.0, 2.0], uniform(0.0), spleen=uniform(1.0), nodes=C.part(0.5, 0.5), gut=uniform(2.0))
    quiet = C.replaced(PEOPLE, {**PEOPLE.value, "unexplained.loss_per_fraction": 1e-14})
    share = forecast(course, 1.0, quiet, age_y=60.0, draws=8).organ_share
    organs = ("spleen", "nodes", "gut")
    doses = {p: course.phases[0].distribution(p) for p in organs}
    one = draw(quiet, 1, 1, PATIENT_DIMENSIONS, vary=())
    day = forecast(course, 1.0, quiet, age_y=60.0, draws=8).nadir.day.p50

    def loss(hit: frozenset[str]) -> float:
        c = C.course([0.0, 1.0, 2.0], uniform(0.0), **{p: doses[p] for p in hit})
        return 1.0 - float(realise(c, one, quiet, 60.0).ratio(np.array([day]))[0, 0])

    owed = dict.fromkeys(organs, 0.0)
    for order in permutations(organs):
        left = set(organs)
        for organ in order:
            owed[organ] += (loss(frozenset(left)) - loss(frozenset(left - {organ}))) / 6.0
            left.discard(organ)
    total = loss(frozenset(organs))
    for organ in organs:
        assert share[organ] == pytest.approx(owed[organ] / total, abs=1e-9)


def test_small_losses_are_shared_as_each_organ_spared_alone_drops_them() -> None:
    """First order in the dose the Shapley share is the leave-one-out drop."""
    quiet = C.replaced(PEOPLE, {**PEOPLE.value, "unexplained.loss_per_fraction": 1e-14})
    doses = {"spleen": uniform(1e-4), "nodes": uniform(2e-4), "marrow": uniform(1e-4)}
    one = draw(quiet, 1, 1, PATIENT_DIMENSIONS, vary=())
    day = np.array([3.0])

    def loss(hit: dict) -> float:
        return 1.0 - float(realise(C.course([0.0], uniform(0.0), **hit), one, quiet, 60.0).ratio(day)[0, 0])

    from lymphorisk.lymphocyte.attribution import loss_shares

    share = loss_shares(C.course([0.0], uniform(0.0), **doses), quiet, 60.0, 1, 3.0)
    total = loss(doses)
    for organ in doses:
        alone = total - loss({k: v for k, v in doses.items() if k != organ})
        assert share[organ] == pytest.approx(alone / total, rel=1e-3)


def test_shapley_shares_a_bonus_of_two_equally() -> None:
    assert shapley(np.array([0.0, 1.0, 2.0, 4.0])).tolist() == [1.5, 2.5]


def test_to_dict_holds_the_names_other_programs_rely_on() -> None:
    d = FORECAST.to_dict()
    assert {"day", "median", "p05", "p25", "p75", "p95", "nadir", "days_below_0_5", "days_below_0_2"} <= set(d)
    assert {"median", "p05", "p95", "day"} <= set(d["nadir"])
    assert set(d["grade_probability"]) == {"2", "3", "4"}


def test_days_below_and_recovery_of_a_hand_made_count() -> None:
    day = np.arange(11.0)
    counts = np.array([[1, 1, 0.4, 0.3, 0.4, 0.6, 0.4, 0.6, 1, 1, 1], [1] * 11, [1, 0.4, *[0.1] * 9]])
    s = summarise(day, counts)
    assert s.grade_probability["3"] == pytest.approx(2 / 3)
    assert s.recovery.p_below == pytest.approx(2 / 3)
    assert s.recovery.p_recovered == pytest.approx(0.5)
    assert s.recovery.day is not None
    assert s.recovery.day.median == 7.0
    assert s.days_below["0.5"].median == 4.0
    assert s.nadir.day.median in (0.0, 2.0, 3.0)


def test_weighted_quantiles_equal_repeating_the_draws() -> None:
    values = np.array([3.0, 1.0, 2.0, 5.0])
    weights = np.array([1.0, 2.0, 3.0, 1.0])
    repeated = np.repeat(values, weights.astype(int))
    q = np.array([0.25, 0.5, 0.75])
    got = quantiles(values, weights, q)
    assert got[1] == pytest.approx(np.median(repeated), abs=0.5)
    assert np.all(np.diff(got) >= 0)
    even = quantiles(values, np.ones(4), q)
    almost = quantiles(values, np.array([1.0, 1.0, 1.0, 1.0 + 1e-9]), q)
    assert almost == pytest.approx(even, abs=1e-6)


def test_ranges_are_central_ninety_percent() -> None:
    ends = in_range(np.array([-Z_90, 0.0, Z_90]), 35.0, 13.0, 87.0)
    assert ends == pytest.approx([13.0, 35.0, 87.0])


def test_each_column_is_a_latin_hypercube_of_its_own() -> None:
    u = uniforms(1, "pool.spleen", 128)
    assert sorted((u * 128).astype(int).tolist()) == list(range(128))
    assert np.array_equal(u, uniforms(1, "pool.spleen", 128))
    assert abs(np.corrcoef(u, uniforms(1, "pool.nodes", 128))[0, 1]) < 0.3


def test_a_posterior_moves_the_forecast() -> None:
    shift = PosteriorDraws(("unexplained.loss_per_fraction",), np.full((4, 1), 1.6))
    moved = population(load("lymphocyte"), shift)
    assert forecast(COURSE, 1.3, moved, explain=False).nadir.median < FORECAST.nadir.median


def test_impossible_questions_are_refused() -> None:
    with pytest.raises(ScenarioError, match="cannot fall"):
        forecast(COURSE, 0.0, PEOPLE)
    with pytest.raises(ScenarioError, match="ends before the last fraction"):
        forecast(COURSE, 1.3, PEOPLE, horizon_d=20)


def test_grades_need_the_limit_of_normal_for_grade_one() -> None:
    counts = np.array([0.199, 0.2, 0.499, 0.5, 0.799, 0.8, 1.0])
    assert grade(counts).tolist() == [4, 3, 3, 2, 2, 0, 0]
    assert grade(counts, lln=1.0).tolist() == [4, 3, 3, 2, 2, 1, 0]
    with pytest.raises(ScenarioError):
        grade(counts, lln=0.7)


def test_counts_at_a_whole_day_are_the_counts_of_that_day() -> None:
    for day in (0.0, 7.0, 365.0):
        assert counts_at(FORECAST.day, FORECAST.counts, day) == pytest.approx(FORECAST.counts[:, int(day)])


def test_doses_and_ages_outside_what_was_shown_are_findings() -> None:
    f = forecast(C.whole_body(8.0, [0.0]), 2.0, PEOPLE, age_y=8.0, draws=8, explain=False)
    codes = [x.code for x in f.findings]
    assert codes.count("LR304") == 8
    assert codes[-1] == "LR305"
    assert not forecast(C.whole_body(4.0, [0.0]), 2.0, PEOPLE, age_y=40.0, draws=8, explain=False).findings
