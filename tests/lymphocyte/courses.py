"""Hand-made courses the lymphocyte tests share. Doses of one fraction; the numbers are of the size plans give."""

from __future__ import annotations

import numpy as np

from lymphorisk.dvh.curve import DoseDistribution, diluted, uniform
from lymphorisk.lymphocyte import Course, PhaseExposure, Population, population
from lymphorisk.lymphocyte.pools import POOLS
from lymphorisk.parameters import load
from lymphorisk.plan import weekdays


def people(survival: str = "combined") -> Population:
    return population(load("lymphocyte"), survival=survival)


def part(mean_gy: float, share: float) -> DoseDistribution:
    """A mean dose carried by a share of the organ."""
    return diluted(uniform(mean_gy / share), share)


def pools(**given: DoseDistribution) -> dict[str, DoseDistribution]:
    return {p: given.get(p, uniform(0.0)) for p in POOLS if p != "blood"}


def course(times_d: list[float] | np.ndarray, blood: DoseDistribution, chemo: str = "none", **given) -> Course:
    return Course((PhaseExposure(np.asarray(times_d, dtype=float), blood, pools(**given)),), chemo)


def upper_abdomen(fractions: int = 28) -> Course:
    return course(
        weekdays(fractions),
        uniform(0.06),
        spleen=part(0.25, 0.5),
        nodes=part(0.17, 0.15),
        marrow=part(0.10, 0.15),
        gut=part(0.30, 0.35),
        lung=part(0.02, 0.1),
        elsewhere=uniform(0.05),
    )


def brain(fractions: int = 30, chemo: str = "none") -> Course:
    return course(
        weekdays(fractions),
        uniform(0.006),
        chemo,
        nodes=part(0.02, 0.05),
        marrow=part(0.1, 0.1),
        elsewhere=uniform(0.02),
    )


def whole_body(dose_gy: float, times_d: list[float]) -> Course:
    return course(times_d, uniform(dose_gy), **{p: uniform(dose_gy) for p in POOLS if p != "blood"})


def replaced(people: Population, value: dict[str, float]) -> Population:
    """The population with other central values and no ranges."""
    return Population(value, value, value, None, people.survival)
