"""Calibration lines and conformal sets against closed forms and known truths."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lymphorisk.predict.calibration import Calibration, fitted, sigmoid
from lymphorisk.predict.conformal import EVENT, NO_EVENT, conformal_sets


def test_a_calibrated_model_gets_the_line_it_has() -> None:
    rng = np.random.default_rng(1)
    margin = rng.normal(-0.5, 1.5, 40000)
    event = (rng.random(40000) < sigmoid(margin)).astype(float)
    line = fitted(margin, event)
    assert line.slope == pytest.approx(1.0, abs=0.04)
    assert line.intercept == pytest.approx(0.0, abs=0.04)
    assert abs(sigmoid(margin).mean() - event.mean()) < 0.01


def test_an_over_confident_model_has_a_slope_below_one_and_is_mended() -> None:
    rng = np.random.default_rng(2)
    truth = rng.normal(0, 1, 20000)
    event = (rng.random(20000) < sigmoid(truth)).astype(float)
    line = fitted(2.0 * truth + 1.0, event)
    assert line.slope == pytest.approx(0.5, abs=0.02)
    assert line.log_odds(2.0 * truth + 1.0) == pytest.approx(truth, abs=0.1)


def test_fit_on_two_groups_is_the_closed_form() -> None:
    """Two margins, saturated model: the fitted log-odds are those of the two rates."""
    margin = np.repeat([0.0, 1.0], 100)
    event = np.concatenate([np.repeat([1.0, 0.0], [20, 80]), np.repeat([1.0, 0.0], [60, 40])])
    line = fitted(margin, event)
    assert line.intercept == pytest.approx(np.log(20 / 80), abs=1e-5)
    assert line.intercept + line.slope == pytest.approx(np.log(60 / 40), abs=1e-5)


def test_perfect_separation_does_not_run_away() -> None:
    line = fitted(np.array([-1.0, -0.5, 0.5, 1.0]), np.array([0.0, 0.0, 1.0, 1.0]))
    assert np.isfinite([line.intercept, line.slope]).all()


@given(st.floats(-3, 3), st.floats(0.1, 3), st.floats(-3, 3), st.floats(0.1, 3), st.floats(-5, 5))
def test_lines_compose(a: float, b: float, c: float, d: float, x: float) -> None:
    one, two = Calibration(a, b), Calibration(c, d)
    assert two.after(one).log_odds(x) == pytest.approx(two.log_odds(one.log_odds(x)), abs=1e-9)


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.7])
def test_each_class_is_covered_at_its_level(rate: float) -> None:
    """Even the rare class, where plain split conformal fails."""
    covered = {EVENT: [], NO_EVENT: []}
    for seed in range(12):
        rng = np.random.default_rng(seed)
        logit = rng.normal(np.log(rate / (1 - rate)), 1.2, 6000)
        event = (rng.random(6000) < sigmoid(logit)).astype(float)
        p = sigmoid(logit)
        sets = conformal_sets(p[:3000], event[:3000], 0.9)
        covered[EVENT].append((p[3000:][event[3000:] > 0.5] >= sets.event_at_least).mean())
        covered[NO_EVENT].append((p[3000:][event[3000:] < 0.5] <= sets.no_event_at_most).mean())
    assert np.mean(covered[EVENT]) == pytest.approx(0.9, abs=0.025)
    assert np.mean(covered[NO_EVENT]) == pytest.approx(0.9, abs=0.015)


def test_too_few_patients_of_a_class_never_exclude_it() -> None:
    p = np.linspace(0.1, 0.9, 20)
    event = np.zeros(20)
    event[-3:] = 1.0
    sets = conformal_sets(p, event, 0.9)
    assert sets.event_at_least == 0.0
    assert EVENT in sets.of(0.001)


def test_threshold_is_the_rank_by_hand() -> None:
    """Nine events, level 0.8: the ceil(10 x 0.8) = 8th smallest of 1 - p, that is 1 - 0.2."""
    p = np.concatenate([np.arange(1, 10) / 10, np.arange(1, 10) / 10])
    event = np.repeat([1.0, 0.0], 9)
    sets = conformal_sets(p, event, 0.8)
    assert sets.event_at_least == pytest.approx(0.2)
    assert sets.no_event_at_most == pytest.approx(0.8)
