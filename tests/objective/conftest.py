"""Losses of the fixture plans, built once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from lymphorisk.analysis.chain import people_of
from lymphorisk.analysis.exposure import blood_dose_of, exposure_of
from lymphorisk.analysis.prepared import Prepared, prepare
from lymphorisk.lymphocyte.population import draw
from lymphorisk.lymphocyte.realisation import PATIENT_DIMENSIONS, realise
from lymphorisk.objective import LymphocyteLoss


@pytest.fixture(scope="session")
def plan_of(rtplans: Path) -> Callable[[str], Prepared]:
    return cache(lambda name: prepare(rtplans / name))


@pytest.fixture(scope="session")
def loss_of(plan_of: Callable[[str], Prepared]) -> Callable[[str], LymphocyteLoss]:
    return cache(lambda name: LymphocyteLoss(plan_of(name)))


@pytest.fixture(scope="session")
def counts_of() -> Callable[[Prepared, np.ndarray], np.ndarray]:
    """Count over baseline of the typical patient on days, by everything that `analyze` goes through."""

    def counts(plan: Prepared, days: np.ndarray) -> np.ndarray:
        people = people_of(plan.options.survival_model)
        median = draw(people, 1, plan.options.seed, PATIENT_DIMENSIONS, vary=())
        return realise(exposure_of(plan, blood_dose_of(plan)), median, people, plan.patient.age_y).ratio(days)[0]

    return counts
