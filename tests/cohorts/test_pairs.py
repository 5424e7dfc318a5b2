"""Plans of one patient beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lymphorisk.cohorts.found import FoundPlan
from lymphorisk.cohorts.known import Keyed
from lymphorisk.cohorts.pairs import pairs_of, related
from lymphorisk.dicom.listing import PlanHead

ROW = {"fractions": 30, "prescription_gy": 60.0, "site_inferred": "lung"}


def keyed(key: str, **head: Any) -> Keyed:
    told = {"uid": key, "label": "", "made": "2024", "system": "", "technique": "", "fractions": 30}
    told |= {"structures": "s", "frame": "f"}
    return Keyed(FoundPlan(1, Path("x"), head=PlanHead(**{**told, **head})), key, (f"sha {key}",))


@pytest.mark.parametrize(
    ("head", "row", "relation"),
    [
        ({"uid": "a"}, {}, "same plan"),
        ({}, {}, "rival"),
        ({}, {"fractions": 5, "prescription_gy": 10.0}, "part"),
        ({"structures": "t"}, {}, "part"),
        ({"structures": "t", "frame": "g"}, {}, "replan"),
        ({"structures": "t", "frame": "g"}, {"site_inferred": "brain"}, "other course"),
        ({"structures": "t", "frame": "g"}, {"site_inferred": ""}, "same patient"),
        ({}, {"prescription_gy": None}, "part"),
    ],
)
def test_what_a_second_plan_is_to_the_first(head: dict[str, Any], row: dict[str, Any], relation: str) -> None:
    assert related(keyed("a"), keyed("b", **head), ROW, {**ROW, **row})[0] == relation


def test_the_same_files_with_other_facts_are_one_too_many() -> None:
    a = keyed("a")
    assert related(a, Keyed(a.plan, "b", a.inputs), ROW, ROW)[0] == "same files"


def test_an_id_that_an_anonymiser_gave_to_many_makes_no_pairs() -> None:
    plans = [keyed(f"{n:03d}", uid=f"{n}") for n in range(40)]
    assert pairs_of(plans, dict.fromkeys((p.key for p in plans), "anon"), {}) == []
    assert len(pairs_of(plans[:3], dict.fromkeys((p.key for p in plans), "anon"), {})) == 3


def test_pairs_are_of_one_patient_and_the_earlier_plan_comes_first() -> None:
    plans = [keyed("a", made="20240301"), keyed("b", made="20240201"), keyed("c")]
    found = pairs_of(plans, {"a": "p", "b": "p", "c": "q"}, {})
    assert [(p.key, p.other) for p in found] == [("b", "a")]
