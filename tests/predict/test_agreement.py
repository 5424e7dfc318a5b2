"""Physics and learned reasons in the same, the opposite and no order."""

from __future__ import annotations

import pytest

from lymphorisk.predict.agreement import agreement
from lymphorisk.predict.explain import Explanation, Group

SHARE = {"blood": 0.5, "spleen": 0.3, "gut": 0.15, "nodes": 0.05, "unexplained": 0.2}


def reasons(**odds: float) -> Explanation:
    groups = tuple(Group(n, v, v, v) for n, v in odds.items())
    return Explanation("g3", 0.0, 0.0, 0.5, (), groups, (), ())


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
