r"""Dose at a low, falling rate: an internal emitter as the lymphocytes meet it.

The dose rate of every pool falls with that pool's effective half-life T. A cycle is cut into steps, each a small part
of the dose given at once at the time where that part has its mean; cells travel, die and are replaced between them. A
survival that is exponential in dose knows no dose rate, so the steps' kills multiply to that of the whole dose. Where
a survival set has a quadratic term, the damage it stands for is repaired meanwhile: of ``beta D^2`` the Lea-Catcheside
factor of a source that decays away is left,

.. math:: G = \frac{T_{repair}}{T_{repair} + T}

and the step's part of the exponent is ``(alpha + beta G D) dD``, D the dose of the whole cycle. The loss per fraction
that dose does not explain was fitted to beams and is not added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.curve import DoseDistribution, uniform
from lymphorisk.errors import ScenarioError
from lymphorisk.frozen import FrozenDict
from lymphorisk.lymphocyte.course import LowRate, PhaseExposure
from lymphorisk.lymphocyte.pools import POOLS
from lymphorisk.plan.emitter import MarrowMethod
from lymphorisk.units import HOURS_PER_DAY

Real = NDArray[np.float64]

#: Steps of a cycle: with four times as many the lowest count moves by less than half a percent (tested).
STEPS = 16
#: Points on which the mean course of the dose is inverted, and how far they reach in half-lives.
POINTS = 4001
REACH = 40.0


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """Edges of the steps of a cycle and when each acts, from the start of the cycle; the last has no end. [d]"""

    start_d: Real
    acts_d: Real

    def shares(self, half_life_h: float) -> Real:
        """Share of a dose with this half-life that each step gives; sums to 1."""
        rate = np.log(2.0) * HOURS_PER_DAY / half_life_h
        left = np.exp(-rate * self.start_d)
        return np.asarray(left - np.append(left[1:], 0.0))


def steps_for(half_lives_h: Sequence[float], steps: int = STEPS) -> Steps:
    """Steps that give equal parts of a dose with the mean course of several half-lives.

    Examples
    --------
    >>> s = steps_for([24.0], 2)
    >>> s.start_d.round(6).tolist(), s.shares(24.0).round(6).tolist()
    ([0.0, 1.0], [0.5, 0.5])
    """
    distinct = np.array(sorted(set(half_lives_h)))
    if not len(distinct) or not np.all(distinct > 0.0):
        raise ScenarioError("an emitter's half-lives must be above zero")
    rate = np.log(2.0) * HOURS_PER_DAY / distinct
    until = REACH * float(distinct[-1]) / HOURS_PER_DAY
    t = until * np.linspace(0.0, 1.0, POINTS) ** 2
    given = -np.expm1(-rate[:, None] * t).mean(axis=0)
    start = np.interp(np.arange(steps) / steps, given, t)
    if len(distinct) == 1:
        start = np.log1p(-(np.arange(steps) / steps)) / -rate[0]
    return Steps(np.asarray(start), _acting(start, rate))


def _acting(start: Real, rate: Real) -> Real:
    """Mean time of the dose of each step. [d]"""
    k = rate[:, None]
    left = np.exp(-k * start)
    moment = (start + 1.0 / k) * left
    dose = np.append(left[:, 1:], np.zeros((len(rate), 1)), axis=1)
    later = np.append(moment[:, 1:], np.zeros((len(rate), 1)), axis=1)
    return np.asarray((moment - later).sum(axis=0) / (left - dose).sum(axis=0))


def lea_catcheside(half_life_h: float, repair_half_time_h: float) -> float:
    """Factor on the quadratic term of a survival for a source that decays away.

    Examples
    --------
    >>> lea_catcheside(58.5, 1.5)
    0.025
    """
    return repair_half_time_h / (repair_half_time_h + half_life_h)


def emitter_phases(
    days: Sequence[float],
    dose: Mapping[str, DoseDistribution],
    half_life_h: Mapping[str, float],
    *,
    repair_half_time_h: float,
    marrow_method: MarrowMethod,
    alpha: bool = False,
    surrogate: frozenset[str] = frozenset(),
    steps: int = STEPS,
) -> tuple[PhaseExposure, ...]:
    """The cycles of an emitter as small fractions, one phase a step.

    Parameters
    ----------
    days : sequence of float
        Starts of the cycles, rising. [d]
    dose : mapping of str to DoseDistribution
        Dose of ONE cycle of every pool, blood included. [Gy]
    half_life_h : mapping of str to float
        Effective half-life by pool. [h]
    repair_half_time_h : float
        Of sublethal damage; only survival sets with a quadratic term feel it. [h]
    marrow_method, alpha, surrogate
        As in `course.LowRate` and `course.PhaseExposure`.
    """
    made = steps_for([half_life_h[pool] for pool in POOLS], steps)
    share = {pool: made.shares(half_life_h[pool]) for pool in POOLS}
    quadratic = FrozenDict({p: dose[p].mean_gy * lea_catcheside(half_life_h[p], repair_half_time_h) for p in POOLS})
    how = LowRate(quadratic, marrow_method, alpha)
    starts = np.asarray(days, dtype=np.float64)
    out = []
    for k, acts in enumerate(made.acts_d):
        part = {pool: dose[pool].scaled(float(share[pool][k])) for pool in POOLS}
        blood = part.pop("blood")
        out.append(PhaseExposure(starts + acts, uniform(blood.mean_gy), part, surrogate, "emitter", low_rate=how))
    return tuple(out)
