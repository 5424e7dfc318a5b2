"""A mapping that does not change."""

from __future__ import annotations

import copy
import pickle

import pytest

from lymphorisk.frozen import FrozenDict

DOSES = FrozenDict({"Spleen": 6.2, "Lungs": 9.1})


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.__setitem__("Spleen", 0.0),
        lambda d: d.__delitem__("Spleen"),
        lambda d: d.update(Spleen=0.0),
        lambda d: d.setdefault("Heart", 0.0),
        lambda d: d.pop("Spleen"),
        lambda d: d.popitem(),
        lambda d: d.clear(),
        lambda d: d.__ior__({"Spleen": 0.0}),
    ],
)
def test_no_way_in_changes_it(change: object) -> None:
    with pytest.raises(TypeError, match="does not change"):
        change(DOSES)  # type: ignore[operator]
    assert DOSES == {"Spleen": 6.2, "Lungs": 9.1}


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda d: pickle.loads(pickle.dumps(d))])
def test_a_copy_is_equal_and_frozen_too(again: object) -> None:
    other = again(DOSES)  # type: ignore[operator]
    assert other == DOSES
    assert type(other) is FrozenDict
