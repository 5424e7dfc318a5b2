"""What lies between the course and a measured count: closed forms, and coverage on simulated patients."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lymphorisk.dvh.curve import uniform
from lymphorisk.errors import ScenarioError
from lymphorisk.lymphocyte import forecast, population
from lymphorisk.lymphocyte.measured import WATCHED_AFTER_D
from lymphorisk.lymphocyte.observation import Observation, conditioned, covariance, deviations, observation, sequential
from lymphorisk.lymphocyte.population import draw
from lymphorisk.lymphocyte.realisation import PATIENT_DIMENSIONS, realise
from lymphorisk.lymphocyte.update import next_deviations, update, weights_of
from lymphorisk.parameters import load, posterior

C = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "courses.py")))
PEOPLE = population(load("lymphocyte"), posterior())
NOTHING = C.course(list(range(5)), uniform(0.0))


def seen(n: int = 1, wander: float = 0.2, correlation_d: float = 90.0, counting: float = 0.1) -> Observation:
    return Observation(np.full(n, wander), np.full(n, correlation_d), np.full(n, counting))


def test_the_variance_of_a_deviation_is_its_closed_form() -> None:
    """2 (1 - exp(-t/tau)) sd_w^2 + 2 sd_e^2, by the covariance and by 20 000 paths."""
    days = np.array([0.0, 7.0, 90.0, 365.0])
    want = 2 * (1 - np.exp(-days / 90.0)) * 0.04 + 2 * 0.01
    own = np.diagonal(covariance(seen(), days, days)[0]) + 0.01
    assert own == pytest.approx(want, rel=1e-12)
    assert deviations(seen(20000), days, 3).var(axis=0) == pytest.approx(want, rel=0.04)


def test_from_a_usual_level_the_spread_is_the_same_on_every_day() -> None:
    """w + e: sd_w^2 + sd_e^2 from day 0 on, and nothing is shared for ever."""
    days = np.array([0.0, 7.0, 365.0, 3650.0])
    level = replace(seen(20000), from_count=False)
    assert deviations(level, days, 3).var(axis=0) == pytest.approx(np.full(4, 0.05), rel=0.04)
    assert covariance(level, days[:1], days[3:])[0, 0, 0] < 1e-12


def test_two_counts_of_a_patient_move_together_as_the_covariance_says() -> None:
    days = np.array([14.0, 30.0])
    x = deviations(seen(40000), days, 5)
    assert np.mean(x[:, 0] * x[:, 1]) == pytest.approx(covariance(seen(), days, days)[0, 0, 1], rel=0.05)


def test_days_asked_between_change_nothing_in_distribution_and_the_seed_is_kept() -> None:
    few, many = np.array([90.0]), np.arange(91.0)
    assert deviations(seen(8000), few, 1).std() == pytest.approx(deviations(seen(8000), many, 1)[:, -1].std(), rel=0.04)
    assert np.array_equal(deviations(seen(5), many, 1), deviations(seen(5), many, 1))
    assert not np.array_equal(deviations(seen(5), many, 1), deviations(seen(5), many, 2))


def test_counts_in_a_row_have_the_density_of_all_of_them_together() -> None:
    """The product of conditional densities is the joint one."""
    on, r = np.array([7.0, 7.0, 40.0]), np.array([[0.3, -0.1, 0.2]])
    left, sd = sequential(seen(), on, r, np.ones(3, dtype=bool))
    by_steps = np.sum(-0.5 * (left / sd) ** 2 - np.log(sd))
    joint = covariance(seen(), on, on)[0] + 0.01 * np.eye(3)
    _, log_det = np.linalg.slogdet(joint)
    assert by_steps == pytest.approx(float(-0.5 * r[0] @ np.linalg.solve(joint, r[0]) - 0.5 * log_det), abs=1e-12)


def test_a_count_too_low_to_be_read_teaches_nothing_of_the_next() -> None:
    on, r = np.array([7.0, 14.0]), np.array([[-2.0, 0.1]])
    left, sd = sequential(seen(), on, r, np.array([False, True]))
    alone = sequential(seen(), on[1:], r[:, 1:], np.ones(1, dtype=bool))
    assert (left[0, 1], sd[0, 1]) == pytest.approx((alone[0][0, 0], alone[1][0, 0]))


def test_given_counts_the_next_deviation_has_the_mean_and_the_spread_of_a_normal() -> None:
    n, on, days, residual = 20000, np.array([30.0, 37.0]), np.array([44.0, 200.0]), np.array([0.4, 0.3])
    grid = np.array([30.0, 37.0, 44.0, 200.0])
    drawn = deviations(seen(n), grid, 4)
    got = conditioned(seen(n), days, drawn[:, 2:], on, drawn[:, :2], np.tile(residual, (n, 1)))
    joint = covariance(seen(), on, on)[0] + 0.01 * np.eye(2)
    cross = covariance(seen(), days, on)[0]
    want = cross @ np.linalg.solve(joint, residual)
    spread = (
        np.diag(covariance(seen(), days, days)[0]) + 0.01 - np.sum(cross * np.linalg.solve(joint, cross.T).T, axis=1)
    )
    assert got.mean(axis=0) == pytest.approx(want, abs=0.01)
    assert got.var(axis=0) == pytest.approx(spread, rel=0.05)


def test_a_patient_without_dose_keeps_his_course_and_is_counted_around_it() -> None:
    """sd of ln 0.2 to 0.4 on day 90."""
    f = forecast(NOTHING, 1.4, PEOPLE, age_y=60.0, explain=False, draws=4096)
    assert np.ptp(f.counts) < 1e-9
    assert 0.2 <= np.log(f.measured.counts[:, 90]).std() <= 0.4
    assert f.measured.at(90.0).p50 == pytest.approx(1.4, rel=0.03)
    assert f.grade_probability["2"] == 0.0


def test_the_band_of_a_count_is_wider_than_that_of_the_course_and_both_are_in_the_result() -> None:
    f = forecast(C.upper_abdomen(), 1.3, PEOPLE, age_y=60.0, explain=False)
    assert f.measured.at(120.0).p90 / f.measured.at(120.0).p10 > 1.1 * f.at(120.0).p90 / f.at(120.0).p10
    d = f.to_dict()
    assert d["measured"]["p05"][120] < d["p05"][120] < d["p95"][120] < d["measured"]["p95"][120]
    assert d["grade_probability_of"] == "nadir of the course"
    assert f.measured.until_d == f.day[int(C.upper_abdomen().last_fraction_d)] + WATCHED_AFTER_D
    weekly = f.measured.counts[:, : int(f.measured.until_d) + 1 : 7].min(axis=1)
    assert d["measured"]["grade_probability"]["3"] == pytest.approx(np.mean(weekly < 0.5))
    assert d["measured"]["lowest_weekly"]["median"] == pytest.approx(np.median(weekly), rel=1e-6)
    with pytest.raises(ScenarioError, match="outside the forecast"):
        f.measured.at(400.0)


#: Site, fractions, dose [Gy], drug: where much, some and little is lost.
SITES = (("pancreas", 28, 50.4, "other"), ("brain", 30, 60.0, "temozolomide"), ("prostate", 20, 60.0, "none"))


@pytest.mark.parametrize(
    "site", [SITES[0], *(pytest.param(s, marks=pytest.mark.slow) for s in SITES[1:])], ids=lambda s: s[0]
)
def test_the_80_percent_band_of_a_count_holds_78_to_82_percent_of_later_counts(site: tuple) -> None:
    """Patients of other seeds, counted once between week 1 and half a year."""
    from lymphorisk.calibration.anchors import site_courses

    name, fractions, dose, drug = site
    course = site_courses(name, "photon", fractions, dose, drug)[1]
    band = forecast(course, 1.3, PEOPLE, age_y=60.0, explain=False, draws=2048, horizon_d=200).measured.quantiles
    n, days = 3000, np.arange(201.0)
    drawn = draw(PEOPLE, n, 77, PATIENT_DIMENSIONS)
    when = np.random.default_rng(2).integers(7, 200, n)
    truth = (
        1.3 * realise(course, drawn, PEOPLE, 60.0).ratio(days) * np.exp(deviations(observation(drawn.values), days, 9))
    )
    count = truth[np.arange(n), when]
    held = (band["p10"][when] <= count) & (count <= band["p90"][when])
    assert 0.78 <= held.mean() <= 0.82


@pytest.mark.slow
def test_after_two_counts_the_band_of_the_next_holds_as_much() -> None:
    """Truth drawn with its own level and wander; three in four at least, few draws speak."""
    course, n = C.upper_abdomen(), 120
    days = np.arange(91.0)
    prior = forecast(course, 1.3, PEOPLE, age_y=60.0, explain=False, draws=4096, horizon_d=90)
    own = observation(draw(PEOPLE, 4096, 1, PATIENT_DIMENSIONS).values)
    drawn = draw(PEOPLE, n, 99, PATIENT_DIMENSIONS)
    truth = (
        1.3 * realise(course, drawn, PEOPLE, 60.0).ratio(days) * np.exp(deviations(observation(drawn.values), days, 8))
    )
    held = []
    for i in range(n):
        counts = [(7.0, truth[i, 7]), (21.0, truth[i, 21])]
        weights, _ = weights_of(prior, counts, own)
        next_one = prior.counts[:, 60] * np.exp(next_deviations(prior, counts, own, 1)[:, 60])
        order = np.argsort(next_one)
        low, high = np.interp([0.1, 0.9], np.cumsum(weights[order]), next_one[order])
        held.append(low <= truth[i, 60] <= high)
    assert 0.72 <= np.mean(held) <= 0.88


def moved_by_one_count(wander: float) -> float:
    """Nadir after a count a third below the course, over the nadir before."""
    fixed = {"wander.sd_ln": wander}
    people = replace(
        PEOPLE, value={**PEOPLE.value, **fixed}, low={**PEOPLE.low, **fixed}, high={**PEOPLE.high, **fixed}
    )
    median = float(forecast(C.upper_abdomen(), 1.3, people, age_y=60.0, explain=False).median[21])
    made = update(C.upper_abdomen(), 1.3, people, [(21.0, 0.67 * median)], age_y=60.0)
    return made.posterior.nadir.median / made.prior.nadir.median


@pytest.mark.slow
def test_one_count_teaches_the_less_the_more_counts_wander() -> None:
    steady, usual, restless = (moved_by_one_count(w) for w in (1e-9, 0.2, 0.6))
    assert steady < usual < restless < 1.0
