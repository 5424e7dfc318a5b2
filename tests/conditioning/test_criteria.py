"""Planner criteria and CAR-HEMATOTOX: states, edges, unit traps."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.absent import Absent
from lymphorisk.conditioning.criteria import METRICS, STATES, Criterion, Decision, joint_probability, judge
from lymphorisk.conditioning.hematotox import KEYS, Labs, hematotox, labs_from
from lymphorisk.errors import ScenarioError
from lymphorisk.regimen.settings import criteria_of, cutoffs, table

DECIDE = Decision(0.8, 0.2)
DEEP = Criterion("alc_at_infusion", "at_most", 0.1, "assumed", "assumption", "here")


@pytest.mark.parametrize(
    ("share", "state"),
    [(1.0, "MET"), (0.8, "MET"), (0.79, "CANNOT SAY"), (0.21, "CANNOT SAY"), (0.2, "NOT MET"), (0.0, "NOT MET")],
)
def test_the_state_is_the_share_of_the_ensemble(share: float, state: str) -> None:
    values = np.where(np.arange(100) < 100 * share, 0.05, 0.5)
    judged = judge(DEEP, values, DECIDE)
    assert judged.state == state
    assert judged.probability == pytest.approx(share)


def test_the_limit_itself_meets() -> None:
    assert judge(DEEP, 0.1, DECIDE).state == "MET"
    assert judge(Criterion("alc_day_30", "at_least", 0.5, "assumed", "a", "b"), 0.5, DECIDE).state == "MET"


@pytest.mark.parametrize(("count", "state"), [(0.4, "NOT MET"), (0.5, "MET"), (0.6, "MET")])
def test_at_least_is_met_from_the_limit_upwards(count: float, state: str) -> None:
    assert judge(Criterion("alc_day_30", "at_least", 0.5, "assumed", "a", "b"), count, DECIDE).state == state


@pytest.mark.parametrize(("count", "state"), [(0.05, "MET"), (0.1, "MET"), (0.2, "NOT MET")])
def test_at_most_is_met_up_to_the_limit(count: float, state: str) -> None:
    assert judge(DEEP, count, DECIDE).state == state


def test_what_cannot_be_known_cannot_be_said_and_what_has_no_meaning_is_met() -> None:
    assert judge(DEEP, Absent.unknown("no count"), DECIDE).state == "CANNOT SAY"
    assert judge(DEEP, Absent.unknown("no count"), DECIDE).reason == "no count"
    assert judge(DEEP, Absent.not_applicable("no radiation"), DECIDE).state == "MET"


def test_the_joint_share_needs_all_in_the_same_draw() -> None:
    long = Criterion("alc_day_30", "at_least", 0.5, "assumed", "a", "b")
    metrics = {"alc_at_infusion": np.array([0.05, 0.05, 0.5, 0.5]), "alc_day_30": np.array([0.6, 0.4, 0.6, 0.4])}
    assert joint_probability((DEEP, long), metrics) == 0.25
    assert joint_probability((DEEP, long), {**metrics, "alc_day_30": Absent.unknown("")}) == 0.5
    assert joint_probability((DEEP,), {}) is None


def test_built_in_criteria_are_known_metrics_with_evidence() -> None:
    criteria, decision = criteria_of(table("criteria"))
    assert len(criteria) >= 10
    assert decision.met_from > 0.5
    for c in criteria:
        assert c.metric in METRICS
        assert c.place.strip()
    assert len({(c.metric, c.comparator) for c in criteria}) == len(criteria)


def test_no_state_is_a_verdict() -> None:
    assert set(STATES) == {"MET", "NOT MET", "CANNOT SAY"}


def test_a_criterion_on_nothing_is_refused() -> None:
    with pytest.raises(ScenarioError, match="unknown metric"):
        Criterion("alc_at_lunch", "at_most", 0.1, "assumed", "a", "b")
    with pytest.raises(ScenarioError, match="at_most or at_least"):
        Criterion("alc_day_30", "about", 0.1, "assumed", "a", "b")


@pytest.mark.parametrize("shares", [(0.2, 0.8), (0.5, 0.5), (1.1, 0.2), (0.8, -0.1), (0.8, 0.2, 0.0)])
def test_shares_that_could_call_one_criterion_met_and_not_met_are_refused(shares: tuple[float, ...]) -> None:
    with pytest.raises(ScenarioError, match="must not overlap"):
        Decision(*shares)


LOW = {"platelets_10e9_l": 220.0, "anc_per_ul": 3400.0, "hb_g_dl": 12.4, "crp_mg_dl": 0.8, "ferritin_ng_ml": 180.0}


def test_crp_in_mg_per_l_is_a_tenth_in_mg_per_dl() -> None:
    right = hematotox(labs_from({**{k: v for k, v in LOW.items() if k != "crp_mg_dl"}, "crp_mg_l": 8.0}), cutoffs())
    assert right.score == 0
    assert [f.code for f in right.findings] == ["LR510"], "8 mg/dL would score: said"


def test_crp_without_unit_is_refused() -> None:
    with pytest.raises(ScenarioError, match="has no unit"):
        labs_from({"crp": 8.0})


def test_both_crp_units_at_once_are_refused() -> None:
    with pytest.raises(ScenarioError, match="given twice"):
        labs_from({"crp_mg_l": 8.0, "crp_mg_dl": 0.8})


@pytest.mark.parametrize(
    "labs",
    [
        {"anc_per_ul": 1.2},
        {"hb_g_dl": 124.0},
        {"hb_g_l": 12.4},
        {"crp_mg_dl": 95.0},
        {"platelets_10e9_l": 150000.0},
        {"ferritin_ng_ml": -1.0},
        {"crp_mg_l": True},
    ],
)
def test_values_in_the_wrong_unit_are_refused(labs: dict[str, float]) -> None:
    with pytest.raises(ScenarioError):
        labs_from(labs)


def test_the_same_blood_in_other_units_scores_the_same() -> None:
    other = {"platelets_10e9_l": 60.0, "anc_10e9_l": 0.7, "hb_g_l": 85.0, "crp_mg_l": 24.0, "ferritin_ug_l": 1400.0}
    assert hematotox(labs_from(other), cutoffs()).score == 5
    assert set(other) <= set(KEYS)


@pytest.mark.parametrize(
    ("name", "value", "points"),
    [
        ("platelets", 176.0, 0), ("platelets", 175.0, 1), ("platelets", 75.0, 1), ("platelets", 74.0, 2),
        ("anc", 1200.0, 0), ("anc", 1199.0, 1), ("hemoglobin", 9.0, 0), ("hemoglobin", 8.9, 1),
        ("crp", 3.0, 0), ("crp", 3.1, 1), ("ferritin", 649.0, 0), ("ferritin", 650.0, 1), ("ferritin", 2000.0, 1),
        ("ferritin", 2001.0, 2),
    ],
)  # fmt: skip
def test_points_on_both_sides_of_every_cut_off(name: str, value: float, points: int) -> None:
    found = hematotox(Labs(**{name: value}), cutoffs())
    assert found.points[name] == points


def test_an_edge_is_said() -> None:
    found = hematotox(Labs(75.0, 3400.0, 12.4, 0.1, 180.0), cutoffs())
    assert "LR511" in {f.code for f in found.findings}


def test_missing_values_give_a_range_not_a_score() -> None:
    found = hematotox(Labs(platelets=60.0), cutoffs())
    assert found.score is None
    assert (found.low, found.high) == (2, 7)
    assert found.group == "high", "two points are enough whatever is missing"
    unsure = hematotox(Labs(platelets=220.0), cutoffs())
    assert unsure.group == "cannot say"
