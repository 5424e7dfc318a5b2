"""Which shape is taken: a sum of smooth functions unless trees add; its signs are the schema's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lymphorisk.features import feature
from lymphorisk.predict.calibration import sigmoid
from lymphorisk.predict.trees import Trees
from lymphorisk.train.fit import choose, grow, margins
from lymphorisk.train.logistic import fit_monotone, in_logarithms
from lymphorisk.train.scores import log_odds
from lymphorisk.train.settings import SMOOTH, Settings, Shape

NAMES = ("alc", "fractions", "spleen_eud", "nodes_eud", "age")
FEATURES = tuple(feature(n) for n in NAMES)
GROUP = np.arange(800, dtype=np.int64)
DEEP = Shape(3, 0.2, 3.0, 1.0, 60, columns=1.0)
SETTINGS = Settings(choices=(replace(SMOOTH, rounds=100), DEEP), threads=1)


def cohort(interaction: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and spleen in logarithms; with an interaction each of them counts only where the other is high."""
    rng = np.random.default_rng(4)
    n = len(GROUP)
    x = np.column_stack(
        [
            np.exp(rng.normal(0.3, 0.4, n)),
            rng.integers(1, 36, n),
            rng.gamma(1.0, 5.0, n),
            rng.gamma(1.0, 5.0, n),
            rng.normal(60, 9, n),
        ]
    )
    z = in_logarithms(x, FEATURES)
    spleen, nodes = z[:, 2] - 1.5, z[:, 3] - 1.5
    odds = -2.0 * z[:, 0] + (1.0 - interaction) * (spleen + nodes) + 4.0 * interaction * np.sign(spleen * nodes)
    return x, (rng.random(n) < sigmoid(odds)).astype(float)


def test_the_simplest_shape_is_taken_where_trees_add_nothing() -> None:
    taken, seen = choose(*cohort(0.0), GROUP, FEATURES, SETTINGS)
    assert taken.smooth
    assert [c.name for c in seen] == ["stumps along a monotone logistic model", "trees of depth 3"]
    assert seen[0].gain == 0.0
    assert seen[1].interval[0] <= seen[1].gain <= seen[1].interval[1]


def test_trees_are_taken_where_they_add() -> None:
    free = tuple(
        feature("age" if n in ("spleen_eud", "nodes_eud") else n) for n in NAMES
    )  # without signs trees can follow it
    taken, seen = choose(*cohort(1.0), GROUP, free, SETTINGS)
    assert not taken.smooth
    assert seen[1].interval[0] > 0.0


def test_stumps_follow_the_logistic_model_and_are_a_sum() -> None:
    x, y = cohort(0.0)
    booster = grow(x, y, FEATURES, SMOOTH, SETTINGS)
    assert Trees(bytes(booster.save_raw("ubj"))).additive
    wanted = log_odds(fit_monotone(x, y, FEATURES).probability(x))
    off = np.abs(margins(booster, x) - wanted)[np.abs(wanted) < 3.0]
    assert off.mean() < 0.1
    assert np.quantile(off, 0.99) < 0.5


def test_a_coefficient_against_the_schema_is_left_out() -> None:
    x, y = cohort(0.0)
    less = fit_monotone(x, 1.0 - y, FEATURES)  # the more dose the fewer events, the more cells the more
    assert less.logistic.weight[:4].tolist() == [0.0] * 4 or np.all(less.logistic.weight[[2, 3]] == 0.0)
    more = fit_monotone(x, y, FEATURES)
    assert more.logistic.weight[0] < 0.0 < min(more.logistic.weight[2], more.logistic.weight[3])


def test_a_missing_feature_is_no_error_and_weights_are_repeats() -> None:
    x, y = cohort(0.0)
    x[::7, 4] = np.nan
    weight = np.where(np.arange(len(x)) % 2, 2.0, 0.0)
    kept = np.repeat(np.flatnonzero(weight), 2)
    small = replace(SMOOTH, rounds=30)
    one = grow(x, y, FEATURES, small, SETTINGS, weight=weight)
    two = grow(x[kept], y[kept], FEATURES, small, SETTINGS)
    assert margins(one, x[:50]) == pytest.approx(margins(two, x[:50]))


def test_many_patients_are_judged_by_a_part_of_them() -> None:
    """The shapes are compared on a share of whole groups: of a hundred patients the loss is another."""
    light = replace(SETTINGS, inner=2, choices=(Shape(2, 0.2, 3.0, 1.0, 10), DEEP))
    x, y = cohort(0.0)
    _, all_of_them = choose(x, y, GROUP, FEATURES, light)
    _, part = choose(x, y, GROUP, FEATURES, replace(light, inner_patients=100))
    _, same = choose(x, y, GROUP, FEATURES, replace(light, inner_patients=len(x)))
    assert part[0].log_loss != all_of_them[0].log_loss
    assert same == all_of_them
