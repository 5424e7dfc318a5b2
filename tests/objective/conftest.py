"""Losses of the fixture plans, built once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from lymphorisk.analysis.prepared import Prepared, prepare
from lymphorisk.objective import LymphocyteLoss


@pytest.fixture(scope="session")
def plan_of(rtplans: Path) -> Callable[[str], Prepared]:
    return cache(lambda name: prepare(rtplans / name))


@pytest.fixture(scope="session")
def loss_of(plan_of: Callable[[str], Prepared]) -> Callable[[str], LymphocyteLoss]:
    return cache(lambda name: LymphocyteLoss(plan_of(name)))
