"""One type stands where there is no value: with its reason, and a kind that code may ask."""

from __future__ import annotations

import copy
import pickle
from typing import Any, cast

import pytest

from lymphorisk.absent import KINDS, Absent

MADE = (
    Absent.not_contoured("why"),
    Absent.outside_grid("why"),
    Absent.declined("why"),
    Absent.unknown("why"),
    Absent.not_applicable("why"),
)


def test_each_kind_has_its_constructor_and_no_two_are_equal() -> None:
    assert tuple(a.kind for a in MADE) == KINDS
    assert len(set(MADE)) == len(KINDS)
    assert {a.reason for a in MADE} == {"why"}


def test_an_absence_is_not_a_number_and_not_false() -> None:
    for absent in MADE:
        with pytest.raises(TypeError):
            float(cast(Any, absent))
        assert absent


def test_an_absence_survives_pickle_and_copy() -> None:
    for absent in MADE:
        assert pickle.loads(pickle.dumps(absent)) == copy.deepcopy(absent) == absent


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="not one of"):
        Absent("why", cast(Any, "gone"))
