"""Group Shapley values: every order by hand, the laws, and the reference patient."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from lymphorisk.features import feature
from lymphorisk.predict import explain
from lymphorisk.predict.booster import row_of
from lymphorisk.predict.shapley import group_shapley, players, without_dose
from lymphorisk.predict.trees import Trees
from lymphorisk.train.fit import grow
from lymphorisk.train.settings import Settings, Shape

NAMES = ("alc", "spleen_eud", "spleen_mean", "nodes_eud", "lungs_eud", "fractions")
FEATURES = tuple(feature(n) for n in NAMES)
SETTINGS = Settings(threads=1)


def grown(depth: int) -> Trees:
    """A model whose truth has interactions."""
    rng = np.random.default_rng(3)
    x = rng.gamma(2.0, 3.0, (600, len(NAMES)))
    odds = 0.1 * x[:, 1] * x[:, 3] - x[:, 0] + 0.3 * x[:, 4] + 0.05 * x[:, 5] * x[:, 2] - 3.0
    y = (rng.random(600) < 1.0 / (1.0 + np.exp(-odds))).astype(float)
    booster = grow(x, y, FEATURES, Shape(depth, 0.2, 1.0, 1.0, 40, columns=1.0), SETTINGS)
    return Trees(bytes(booster.save_raw("ubj")))


@pytest.fixture(scope="module", params=(1, 3), ids=("stumps", "trees"))
def model(request: pytest.FixtureRequest) -> Trees:
    return grown(request.param)


ROW = np.array([1.2, 6.0, 9.0, 4.0, 3.0, 25.0])


def by_every_order(model: Trees, row: np.ndarray, reference: np.ndarray, groups: dict[str, np.ndarray]) -> dict:
    """The definition: what a group adds when it comes, averaged over all orders of coming."""
    orders = list(permutations(groups))
    out = dict.fromkeys(groups, 0.0)
    for order in orders:
        now = reference.copy()
        for name in order:
            before = model.margins(now[None, :])[0]
            now = np.where(groups[name], row, now)
            out[name] += (model.margins(now[None, :])[0] - before) / len(orders)
    return out


def test_it_is_what_every_order_of_coming_says(model: Trees) -> None:
    reference, groups = without_dose(FEATURES, ROW), players(FEATURES)
    said = group_shapley(model.margins, ROW, reference, groups)
    for name, value in by_every_order(model, ROW, reference, groups).items():
        assert said[name] == pytest.approx(value, abs=1e-9)
    whole = model.margins(np.stack([ROW, reference]))
    assert sum(said.values()) == pytest.approx(whole[0] - whole[1], abs=1e-9)


def test_a_model_of_stumps_says_so_and_its_short_way_is_the_long_way() -> None:
    assert not grown(3).additive
    stumps = grown(1)
    assert stumps.additive
    reference, groups = without_dose(FEATURES, ROW), players(FEATURES)
    short, long = (group_shapley(stumps.margins, ROW, reference, groups, additive=way) for way in (True, False))
    # leaves are summed in single precision, in blocks
    assert short == pytest.approx(long, abs=1e-6)


def test_sums_of_tree_shap_agree_where_the_model_is_additive() -> None:
    """TreeSHAP counts from the average patient: its difference between the two rows is the same sum."""
    stumps = grown(1)
    reference, groups = without_dose(FEATURES, ROW), players(FEATURES)
    each = stumps.contributions(np.stack([ROW, reference]))[:, :-1]
    said = group_shapley(stumps.margins, ROW, reference, groups, additive=True)
    for name, inside in groups.items():
        assert said[name] == pytest.approx((each[0] - each[1])[inside].sum(), abs=1e-5)


def test_a_group_without_dose_adds_nothing_and_facts_are_no_players(model: Trees) -> None:
    spared = ROW.copy()
    spared[[1, 2]] = 0.0
    reference, groups = without_dose(FEATURES, spared), players(FEATURES)
    assert list(groups) == ["Spleen", "LymphNodes", "Lungs", "Plan"]
    assert group_shapley(model.margins, spared, reference, groups)["Spleen"] == 0.0
    assert reference.tolist() == [1.2, 0.0, 0.0, 0.0, 0.0, 0.0]


def test_a_count_of_the_first_week_is_the_baseline_without_dose() -> None:
    names = ("alc", "alc_week1", "spleen_mean")
    assert without_dose([feature(n) for n in names], np.array([1.4, 0.6, 8.0])).tolist() == [1.4, 1.4, 0.0]
    assert list(players([feature(n) for n in names])) == ["Patient", "Spleen"]


def test_missing_features_stay_with_their_group() -> None:
    names = ("alc", "spleen_mean", "lungs_mean")
    row = np.array([1.4, np.nan, 3.0])
    known = [feature(n) for n in names]

    def counted(rows: np.ndarray) -> np.ndarray:
        return np.isnan(rows).sum(axis=1) + 10.0 * np.nan_to_num(rows[:, 2])

    assert group_shapley(counted, row, without_dose(known, row), players(known)) == {"Spleen": 1.0, "Lungs": 30.0}


def test_reasons_add_up_from_both_references(predictor, make_vector) -> None:
    e = explain(predictor, make_vector())
    assert e.base + sum(g.log_odds for g in e.organs) == pytest.approx(e.log_odds, abs=1e-6)
    assert e.average_base + sum(g.log_odds for g in e.average_organs) == pytest.approx(e.log_odds, abs=1e-6)
    assert e.average_base + sum(c.log_odds for c in e.features) == pytest.approx(e.log_odds, abs=1e-6)
    assert "Patient" not in {g.name for g in e.organs}
    assert "Patient" in {g.name for g in e.average_organs}


def test_without_dose_there_is_no_reason(predictor, make_vector) -> None:
    zeros = dict.fromkeys(set(predictor.features) - {"alc", "age"}, 0.0)
    vector = make_vector(**zeros)
    assert [g.log_odds for g in explain(predictor, vector).organs] == [0.0] * len(explain(predictor, vector).organs)
    reference = without_dose([feature(n) for n in predictor.features], row_of(predictor, make_vector()))
    assert reference == pytest.approx(row_of(predictor, vector), nan_ok=True)
