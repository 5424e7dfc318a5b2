"""The calibration: its rows, its arithmetic, and what it wrote."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.lymphocyte import population
from lymphorisk.lymphocyte.pools import POOLS
from lymphorisk.parameters import load, posterior, sources
from lymphorisk.plan import CHEMO
from lymphorisk.train.anchors import anchors, site_courses, whole_body_rows
from lymphorisk.train.calibrate import (
    FITTED,
    Z_LIMIT,
    Check,
    fit,
    inside,
    observed,
    posterior_draws,
    predicted,
    scene,
    transformed,
)


def test_every_anchor_has_a_source_a_site_and_a_number() -> None:
    rows = anchors()
    assert len({a.id for a in rows}) == len(rows)
    for a in rows:
        assert a.source in sources(), a.id
        assert a.chemo in CHEMO
        assert a.role in ("fit", "check")
        assert (a.events is None) != (a.value is None), a.id
        assert a.events is None or 0 <= a.events <= a.n
    for w in whole_body_rows():
        assert w.source in sources(), w.id
        assert len(w.doses_gy) == len(w.times_d)


def test_fitted_parameters_have_ranges() -> None:
    people = population(load("lymphocyte"))
    assert set(FITTED) <= set(people.ranged)


def test_the_written_draws_belong_to_the_fitted_parameters_and_stay_in_bounds() -> None:
    draws = posterior()
    assert draws is not None
    assert draws.names == FITTED
    assert draws.z.shape == (256, len(FITTED))
    assert np.abs(draws.z).max() <= Z_LIMIT


def test_courses_of_a_site_differ_by_body_and_size_but_share_their_calendar() -> None:
    courses = site_courses("pancreas", "photon", 28, 50.4, "other")
    assert len(courses) == 6
    spleen = [c.phases[0].distribution("spleen").mean_gy for c in courses]
    assert len(set(spleen)) == 6
    assert {c.phases[0].times_d.tobytes() for c in courses} == {courses[0].phases[0].times_d.tobytes()}
    for pool in POOLS:
        assert 0 <= courses[0].phases[0].distribution(pool).mean_gy < 50.4 / 28


def test_a_rate_and_a_median_carry_their_own_error_and_that_between_cohorts() -> None:
    by_id = {a.id: a for a in anchors()}
    y, s = observed(scene(by_id["breast_g3_a"]))
    assert y == pytest.approx(np.log(47.5 / 688.5), rel=1e-3)
    assert s > 0.5
    y, s = observed(scene(by_id["whole_brain_1wk"]))
    assert y == pytest.approx(np.log(0.946))
    assert s > 0.15


def test_more_of_a_drug_raises_the_predicted_rate() -> None:
    people = population(load("lymphocyte"))
    row = scene(next(a for a in anchors() if a.id == "oropharynx_g3"))
    rates = [predicted(row, people, {"chemo.platinum": z}) for z in (-1.0, 0.0, 1.0)]
    assert rates == sorted(rates)
    assert transformed(row, rates[0]) < transformed(row, rates[2])


def linear(rows, slope: np.ndarray):
    """A stand-in model that is linear in z: the posterior is known in closed form."""
    y = np.array([observed(r)[0] for r in rows])

    def evaluate(tasks):
        return [float(y[i] + slope[i] @ (np.array(z) - 0.3)) for i, z in tasks]

    return evaluate


def test_the_fit_of_a_linear_model_is_its_closed_form() -> None:
    rows = whole_body_rows()
    slope = np.random.default_rng(0).normal(size=(len(rows), len(FITTED)))
    s = np.array([observed(r)[1] for r in rows])
    j = slope / s[:, None]
    want = np.linalg.solve(j.T @ j + np.eye(len(FITTED)), j.T @ j @ np.full(len(FITTED), 0.3))
    found = fit(rows, range(len(rows)), linear(rows, slope))
    assert found.mode == pytest.approx(want, abs=1e-6)
    assert found.covariance == pytest.approx(np.linalg.inv(j.T @ j + np.eye(len(FITTED))), abs=1e-8)
    keep = np.arange(len(rows)) >= 4
    jk = j[keep]
    without = np.linalg.solve(jk.T @ jk + np.eye(len(FITTED)), jk.T @ jk @ np.full(len(FITTED), 0.3))
    assert found.without(~keep) == pytest.approx(without, abs=1e-6)


def test_draws_have_the_mode_and_the_covariance_and_are_the_same_each_time() -> None:
    rows = whole_body_rows()
    slope = np.random.default_rng(1).normal(size=(len(rows), len(FITTED)))
    found = fit(rows, range(len(rows)), linear(rows, slope))
    draws = posterior_draws(found)
    assert np.array_equal(draws, posterior_draws(found))
    assert draws.mean(axis=0) == pytest.approx(found.mode, abs=0.25)
    assert np.sqrt(draws.var(axis=0)) == pytest.approx(np.sqrt(np.diag(found.covariance)), abs=0.2)


def test_a_switched_off_parameter_stays_off() -> None:
    rows = whole_body_rows()
    slope = np.random.default_rng(2).normal(size=(len(rows), len(FITTED)))
    found = fit(rows, range(len(rows)), linear(rows, slope), off=("chemo.platinum",))
    assert found.mode[FITTED.index("chemo.platinum")] == -Z_LIMIT


def test_a_rate_is_inside_its_wilson_interval() -> None:
    """5 of 50: 0.043 to 0.214."""
    at = [Check("x", "g", "fit", 0.1, p, 0.0) for p in (0.042, 0.044, 0.213, 0.215)]
    assert [inside(c, 50) for c in at] == [False, True, True, False]
