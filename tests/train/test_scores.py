"""Scores against hand calculation, scikit-learn and published sample sizes."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.train.evaluate import against, coverage, scores
from lymphorisk.train.logistic import fit_logistic
from lymphorisk.train.samplesize import r2_of, sample_size
from lymphorisk.train.scores import (
    auc,
    brier,
    calibration_curve,
    decision_curve,
    net_benefit,
    roc,
    scaled_brier,
    wilson,
)
from lymphorisk.train.standing import standing

RNG = np.random.default_rng(3)
P = RNG.random(500).round(2)
Y = (RNG.random(500) < P).astype(float)


def test_auc_with_ties_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import roc_auc_score

    assert auc(P, Y) == pytest.approx(roc_auc_score(Y, P), abs=1e-12)


def test_auc_is_the_probability_of_the_right_order() -> None:
    pairs = [(a > b) + 0.5 * (a == b) for a in P[Y == 1] for b in P[Y == 0]]
    assert auc(P, Y) == pytest.approx(np.mean(pairs), abs=1e-12)
    assert np.isnan(auc(P, np.zeros(500)))


def test_brier_by_hand() -> None:
    assert brier(np.array([0.2, 0.9]), np.array([0.0, 1.0])) == pytest.approx((0.04 + 0.01) / 2)
    assert scaled_brier(np.full(10, 0.4), np.repeat([1.0, 0.0], [4, 6])) == pytest.approx(0.0)
    assert scaled_brier(Y, Y) == pytest.approx(1.0)


def test_net_benefit_by_hand() -> None:
    """Four of ten treated, three rightly: 0.3 - 0.1 x (0.2/0.8)."""
    p = np.repeat([0.9, 0.1], [4, 6])
    y = np.array([1, 1, 1, 0, 1, 0, 0, 0, 0, 0], dtype=float)
    assert net_benefit(p, y, 0.2) == pytest.approx(0.3 - 0.1 * 0.25)
    curve = decision_curve(p, y, np.array([0.2]))
    assert curve[0][2] == pytest.approx(0.4 - 0.6 * 0.25)


def test_roc_ends_and_rises() -> None:
    curve = np.array(roc(P, Y))
    assert curve[-1].tolist() == [1.0, 1.0]
    assert np.all(np.diff(curve[:, 1]) >= 0)


def test_calibration_curve_of_a_perfect_model_holds_the_diagonal() -> None:
    rng = np.random.default_rng(4)
    p = rng.random(20000)
    y = (rng.random(20000) < p).astype(float)
    inside = [low <= mean <= high for mean, _, low, high, _ in calibration_curve(p, y)]
    assert sum(inside) >= 8


def test_wilson_of_nobody() -> None:
    low, high = wilson(0.0, 10)
    assert low == 0.0
    assert high == pytest.approx(0.2775, abs=1e-3)


@pytest.mark.parametrize(
    ("prevalence", "c", "parameters", "n"),
    [(0.37, 0.76, 10, 433), (0.37, 0.76, 20, 865), (0.21, 0.723, 10, 818), (0.36, 0.70, 10, 762)],
)
def test_sample_sizes_worked_out_for_published_models(prevalence: float, c: float, parameters: int, n: int) -> None:
    """Within the 2 % that the simulated linear predictor of that calculation leaves open."""
    assert sample_size(prevalence, c, parameters).n == pytest.approx(n, rel=0.02)


def test_precision_criterion_by_hand() -> None:
    assert sample_size(0.5, 0.9, 1).precision_n == 385


def test_r2_grows_with_the_c_statistic() -> None:
    values = [r2_of(0.3, c) for c in (0.55, 0.65, 0.75, 0.85)]
    assert values == sorted(values)
    assert r2_of(0.3, 0.5 + 1e-9) == pytest.approx(0.0, abs=1e-6)


def test_logistic_is_that_of_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(5)
    x = rng.normal(size=(400, 3))
    y = (rng.random(400) < 1 / (1 + np.exp(-x[:, 0]))).astype(float)
    ours = fit_logistic(x, y).probability(x)
    z = (x - np.median(x, axis=0)) / x.std(axis=0)
    theirs = LogisticRegression(C=1.0, tol=1e-10, max_iter=500).fit(z, y).predict_proba(z)[:, 1]
    assert ours == pytest.approx(theirs, abs=1e-4)


def test_logistic_takes_missing_values() -> None:
    rng = np.random.default_rng(6)
    x = rng.normal(size=(300, 2))
    y = (x[:, 0] > 0).astype(float)
    x[rng.random(x.shape) < 0.3] = np.nan
    assert auc(fit_logistic(x, y).probability(x), y) > 0.8


def test_scores_of_a_calibrated_model() -> None:
    rng = np.random.default_rng(7)
    p = rng.uniform(0.02, 0.98, 20000)
    y = (rng.random(20000) < p).astype(float)
    s = scores(p, y)
    assert s["slope"] == pytest.approx(1.0, abs=0.05)
    assert abs(s["in_the_large"]) < 0.01


def test_paired_bootstrap_tells_a_better_model_from_the_same_one() -> None:
    rng = np.random.default_rng(8)
    p = rng.uniform(0.05, 0.95, 800)
    y = (rng.random(800) < p).astype(float)
    worse = np.clip(p + rng.normal(0, 0.25, 800), 0.01, 0.99)
    group = np.arange(800)
    assert against(p, worse, y, group, 1)["adds"]
    assert not against(p, p, y, group, 1)["adds"]
    assert not against(worse, p, y, group, 1)["adds"]


def test_coverage_counts_sets_that_hold_the_truth() -> None:
    from lymphorisk.predict import ConformalSets

    p = np.array([0.1, 0.5, 0.9, 0.9])
    y = np.array([0.0, 1.0, 1.0, 0.0])
    said = coverage(p, y, ConformalSets(0.9, 0.6, 0.4, 10, 10))
    assert said["events"] == 0.5
    assert said["non_events"] == 0.5
    assert said["decided"] == 0.75


def test_fewer_patients_than_tenths_make_a_point_each() -> None:
    curve = calibration_curve(P[:4], Y[:4])
    assert [n for *_, n in curve] == [1, 1, 1, 1]
    assert [mean for mean, *_ in curve] == sorted(P[:4])


def judged(
    n: int, events: int, auc: tuple[float, float], brier: tuple[float, float] = (0.05, 0.2)
) -> dict[str, object]:
    interval = {"auc": auc, "scaled_brier": brier, "slope": (0.9, 1.1), "in_the_large": (-0.02, 0.02)}
    return {
        "n": n, "events": events, "auc": sum(auc) / 2, "scaled_brier": sum(brier) / 2, "slope": 1.0,
        "in_the_large": 0.0, "interval": interval,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("scores", "state", "why"),
    [
        (judged(300, 5, (0.6, 0.9)), "too few", "at least 10 of each"),
        (judged(60, 20, (0.45, 0.8)), "too few", "neither chance nor a useful order can be ruled out"),
        (judged(300, 120, (0.45, 0.6)), "poor", "no better than chance"),
        (judged(300, 120, (0.6, 0.7), (-0.2, -0.01)), "poor", "the bare rate of events tells more"),
        (judged(300, 60, (0.6, 0.7)), "holds", "fewer than the 100 events"),
    ],
)
def test_where_a_predictor_stands_is_said_with_its_reason(scores: dict[str, object], state: str, why: str) -> None:
    found = standing(scores)
    assert found.state == state
    assert why in found.why
