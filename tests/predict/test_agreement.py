"""Physics and learned reasons in the same, the opposite and no order."""

from __future__ import annotations

import pytest

from lymphorisk.predict.agreement import agreement
from lymphorisk.predict.explain import Explanation, Group

SHARE = {"blood": 0.5, "spleen": 0.3, "gut": 0.15, "nodes": 0.05, "unexplained": 0.2}


def reasons(**odds: float) -> Explanation:
    groups = tuple(Group(n, v, v, v) for n, v in odds.items())
    return Explanation("g3", 0.0, 0.0, 0.5, groups, (), (), (), 0.0, ())


def test_the_same_order() -> None:
    said = agreement(SHARE, reasons(Blood=1.0, Spleen=0.5, Bowel=0.1, LymphNodes=-0.3))
    assert said.tau == 1.0
    assert said.pairs[0] == ("Blood", 0.5, 1.0)
    assert "both put Blood first" in said.sentence


def test_the_opposite_order() -> None:
    said = agreement(SHARE, reasons(Blood=-1.0, Spleen=0.0, Bowel=0.1, LymphNodes=0.3))
    assert said.tau == -1.0
    assert "the model LymphNodes" in said.sentence


def test_one_swap_of_four_by_hand() -> None:
    assert agreement(SHARE, reasons(Blood=1.0, Spleen=0.1, Bowel=0.5, LymphNodes=0.0)).tau == pytest.approx(4 / 6)


def test_missing_organs_have_no_opinion() -> None:
    said = agreement(SHARE, reasons(Blood=1.0, Spleen=0.1, Bowel=0.5, LymphNodes=0.0), missing=("Bowel", "LymphNodes"))
    assert said.tau is None
    assert len(said.pairs) == 2


def test_plan_and_drugs_stand_beside_and_take_no_part_in_the_order() -> None:
    said = agreement(
        {**SHARE, "chemo": 0.6}, reasons(Blood=1.0, Spleen=0.5, Bowel=0.1, LymphNodes=-0.3, Plan=5.0, Drugs=-1.0)
    )
    assert said.tau == 1.0
    assert {row[0] for row in said.others} == {"Plan", "Drugs"}
    assert {row[0]: row[1] for row in said.others} == {"Plan": 0.2, "Drugs": 0.6}


def test_the_organ_they_differ_most_on_is_named_with_a_reason() -> None:
    odds = reasons(Blood=1.0, Spleen=0.05, Bowel=0.3, LymphNodes=0.1)
    assert "differ most on Spleen: 30 % of the cells lost, 3 % of the log-odds" in agreement(SHARE, odds).sentence
    assert "discount" in agreement(SHARE, odds, placed={"Spleen"}).sentence
    assert "discount" not in agreement(SHARE, odds).sentence
    same = reasons(Blood=0.5, Spleen=0.3, Bowel=0.15, LymphNodes=0.05)
    assert "the shares of none differ" in agreement(SHARE, same).sentence
