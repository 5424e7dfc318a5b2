"""Which cases of a test that has many run at once, and which with the slow tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def slow_but(cases: Iterable[str], *quick: str) -> list[Any]:
    """All cases, each with the marker `slow` that is not among the quick ones.

    Raises
    ------
    ValueError
        A quick one is no case.
    """
    every = list(cases)
    if strange := set(quick) - set(every):
        raise ValueError(f"no cases: {sorted(strange)}")
    return [case if case in quick else pytest.param(case, marks=pytest.mark.slow) for case in every]
