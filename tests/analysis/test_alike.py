"""A plan whose contour was forgotten never looks better than the same plan with it."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from lymphorisk.analysis import Options, analyze
from lymphorisk.analysis.alike import noted_of
from lymphorisk.analysis.compare import Comparison, compare, compared
from lymphorisk.analysis.prepared import Prepared, prepare
from lymphorisk.report import comparison, html
from lymphorisk.scenario import scenario_from
from tests.slowly import slow_but

ORGANS: dict[str, float] = {"Spleen": 12.0, "Bowel": 9.0, "BoneMarrow": 6.0, "Liver": 14.0, "Lungs": 3.0, "Body": 3.0}
OPTIONS = Options(draws=64, horizon_d=120)


def plan(without: str = "", fractions: int = 20, prescribed: float = 40.0, **other: float) -> Prepared:
    doses = {n: gy for n, gy in {**ORGANS, **other}.items() if n != without}
    table: dict[str, Any] = {
        "plan": {"fractions": fractions, "prescription_gy": prescribed},
        "organs": {n: {"mean_gy": gy} for n, gy in doses.items()},
        "patient": {"sex": "F", "age": 61, "alc": 1.4},
    }
    return prepare(scenario_from(table), options=OPTIONS)


@pytest.fixture(scope="module")
def whole() -> Prepared:
    return plan()


@pytest.mark.parametrize("forgotten", slow_but(["Spleen", "Bowel", "BoneMarrow", "Liver", "Lungs"], "Spleen"))
def test_the_same_plan_without_a_contour_is_the_same_plan(whole: Prepared, forgotten: str) -> None:
    both = list(permutations([whole, plan(without=forgotten)]))
    for pair in both if forgotten == "Spleen" else both[len(forgotten) % 2 :][:1]:
        (made,) = compared(pair)
        assert made.forecast.nadir.p025 == made.forecast.nadir.p975 == 0.0
        assert not any(made.forecast.probability.values())
        assert [u.organ for u in made.unlike] == [forgotten]
        place = "first" if pair[0] is whole else "second"
        assert made.sentence.startswith(f"{forgotten} is drawn in the {place} plan only")
        assert "the same nadir" in made.sentence
        assert not [o.organ for o in made.organs if o.change_gy != 0.0]


@pytest.mark.slow
def test_by_themselves_the_two_do_differ(whole: Prepared) -> None:
    """Without the rule the forgotten spleen wins: what is guarded against is there."""
    (made,) = compared([whole, plan(without="Spleen")])
    with_it, without = (a.forecast.nadir.median for a in made.alone)
    assert without > 1.01 * with_it


def test_two_results_that_are_not_alike_are_not_ranked(whole: Prepared) -> None:
    first, second = (analyze(_again(p), options=OPTIONS) for p in (whole, plan(without="Spleen")))
    made = compare(first, second)
    assert made.sentence == "The two plans cannot be compared as they are: Spleen is drawn in the first plan only."
    assert not made.drivers


def _again(p: Prepared) -> Any:
    return scenario_from(
        {
            "plan": {"fractions": 20, "prescription_gy": 40.0},
            "organs": {n: {"mean_gy": o.course.mean_gy} for n, o in p.doses.organs.items() if o.source == "scenario"},
            "patient": {"sex": "F", "age": 61, "alc": 1.4},
        }
    )


@pytest.mark.slow
def test_what_differs_for_real_is_still_told(whole: Prepared) -> None:
    """The spleen is lacking in one; the bowel's dose is what differs."""
    (made,) = compared([whole, plan(without="Spleen", Bowel=2.0)])
    assert made.forecast.nadir.p50 > 0
    assert "higher" in made.sentence
    assert "gut" in made.sentence
    assert made.sentence.startswith("Spleen is drawn in the first plan only")


@pytest.mark.slow
def test_of_three_plans_all_are_alike(whole: Prepared) -> None:
    made = compared([whole, plan(Bowel=2.0), plan(without="Spleen")])
    assert [[u.organ for u in c.unlike] for c in made] == [["Spleen"], ["Spleen"]]
    assert made[0].sentence.startswith("Spleen is not drawn in another of the plans")
    assert made[1].sentence.startswith("Spleen is drawn in the first plan only")
    assert made[1].forecast.nadir.p975 == 0.0


def test_alike_plans_are_left_alone(whole: Prepared) -> None:
    (made,) = compared([whole, plan(Bowel=2.0)])
    assert made.unlike == ()
    assert made.alone == (made.first, made.second)
    assert "drawn" not in made.sentence
    assert "undrawn" not in made.first.provenance.options


NAMES = ("A", "B")


@pytest.fixture(scope="module")
def unequal(whole: Prepared) -> Comparison:
    (made,) = compared([whole, plan(without="Spleen", fractions=10, prescribed=30.0)])
    return made


def test_prescriptions_and_contours_that_differ_are_said_first(unequal: Comparison) -> None:
    noted = noted_of(unequal.alone, NAMES, unequal.unlike)
    assert [f.code for f in noted] == ["LR171", "LR172"]
    assert "30 Gy in 10 fractions" in noted[0].what
    assert "40 Gy in 20" in noted[0].what
    said = comparison.text([unequal], NAMES, noted)
    assert said.startswith("LR171 warning")
    assert said.index("LR172") < said.index("against")
    made = comparison.report([unequal], NAMES, noted)
    assert made.lead[0] == noted[0].what
    assert made.lead[1] == noted[1].what
    data = comparison.to_dict([unequal], NAMES, noted)
    assert [f["code"] for f in data["findings"]] == ["LR171", "LR172"]
    assert data["comparisons"][0]["unlike"] == [{"organ": "Spleen", "first": True, "second": False}]
    same = noted_of((unequal.alone[0], unequal.alone[0]), NAMES, ())
    assert same == ()


def test_what_makes_a_comparison_weaker_stands_on_it(unequal: Comparison) -> None:
    said = "B: Not contoured, or less than half: spleen, lymph nodes"
    noted = noted_of(unequal.alone, NAMES, unequal.unlike)
    assert f"! {said}" in comparison.text([unequal], NAMES, noted)
    page = html.render(comparison.report([unequal], NAMES, noted))
    assert "What makes this answer weaker" in page
    assert said in page
    plans = comparison.to_dict([unequal], NAMES, noted)["plans"]
    assert not any("spleen" in w for w in plans[0]["weaker"])
    assert any("spleen" in w for w in plans[1]["weaker"])
    assert plans[1]["alone"]["alc_nadir"]["median"] == unequal.alone[1].forecast.nadir.median
