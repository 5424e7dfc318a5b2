"""A linear-Gaussian fit: what the drawn organs say about the map from the reference body to the patient.

Each axis is fitted by itself. The displacement of a feature is a sum of a stretch, a smooth bend along the body, the
organ's own place and length, and (along the body) the level of the diaphragm; all are Gaussian beforehand, the
observations are linear in them, and so the posterior is Gaussian and exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lymphorisk.plan.frame import read_only

Real = NDArray[np.float64]

#: Added to covariances so that their factors exist; far below a tenth of a millimetre. [mm2]
JITTER = 1e-6
#: States are kept to a ten-thousandth of a millimetre: the last bits of linear algebra differ from run to run.
DECIMALS = 4
#: At least this many landmarks stay: one cannot contradict itself.
FEWEST = 2


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """One landmark feature: ``value = offset + row . state + noise``. `organ` names the landmark."""

    organ: str
    feature: str
    value: float
    offset: float
    row: Real
    sd: float


@dataclass(frozen=True, slots=True)
class Residual:
    """A landmark feature's distance from what the others say. [mm], and in sd"""

    organ: str
    feature: str
    away_mm: float
    away_sd: float
    used: bool


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Posterior of one axis.

    Attributes
    ----------
    mean : ndarray, shape (n,)
    covariance : ndarray, shape (n, n)
    residuals : tuple of Residual
    """

    mean: Real
    covariance: Real
    residuals: tuple[Residual, ...]

    def __post_init__(self) -> None:
        read_only(self.mean)
        read_only(self.covariance)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Organs whose landmark contradicts the others."""
        return tuple(dict.fromkeys(r.organ for r in self.residuals if not r.used))

    def draws(self, count: int, rng: Generator) -> Real:
        """States drawn from the posterior, shape (count, n): in pairs about the mean, so that their mean is it."""
        n = len(self.mean)
        values, vectors = np.linalg.eigh(self.covariance)
        # the symmetric root is the one that changes little when the landmarks do
        root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
        half = rng.standard_normal(((count + 1) // 2, n))
        both = np.stack([half, -half], axis=1).reshape(-1, n)[:count]
        return np.asarray(np.round(self.mean + both @ root.T, DECIMALS))


def fitted(prior_mean: Real, prior_covariance: Real, seen: Sequence[Observation], *, far: float) -> Fit:
    """Posterior of a state, landmarks that contradict the others left out one organ at a time.

    Parameters
    ----------
    prior_mean, prior_covariance : ndarray
        Of the state, shapes (n,) and (n, n).
    seen : sequence of Observation
    far : float
        Residuals beyond this many sd are contradictions. [sd]
    """
    used = list(seen)
    dropped: list[Residual] = []
    while True:
        away, sd = _left_out(prior_mean, prior_covariance, used)
        score = np.abs(away) / sd if len(used) else np.zeros(0)
        organs = {o.organ for o in used}
        if len(organs) <= FEWEST or score.max() <= far:
            break
        worst = used[int(score.argmax())].organ
        dropped += [
            Residual(o.organ, o.feature, float(a), float(a / s), False)
            for o, a, s in zip(used, away, sd, strict=True)
            if o.organ == worst
        ]
        used = [o for o in used if o.organ != worst]
    kept = [
        Residual(o.organ, o.feature, float(a), float(a / s), abs(float(a / s)) <= far)
        for o, a, s in zip(used, away, sd, strict=True)
    ]
    mean, covariance = _posterior(prior_mean, prior_covariance, used)
    return Fit(np.round(mean, DECIMALS), covariance, (*kept, *dropped))


def _matrices(seen: Sequence[Observation]) -> tuple[Real, Real, Real]:
    rows = np.stack([o.row for o in seen])
    value = np.array([o.value - o.offset for o in seen])
    noise = np.array([o.sd**2 for o in seen])
    return rows, value, noise


def _posterior(mean: Real, covariance: Real, seen: Sequence[Observation]) -> tuple[Real, Real]:
    if not seen:
        return mean.copy(), covariance.copy()
    rows, value, noise = _matrices(seen)
    gain = np.linalg.solve(rows @ covariance @ rows.T + np.diag(noise + JITTER), rows @ covariance).T
    after = covariance - gain @ rows @ covariance
    return mean + gain @ (value - rows @ mean), 0.5 * (after + after.T)


def _left_out(mean: Real, covariance: Real, seen: Sequence[Observation]) -> tuple[Real, Real]:
    """Of each observation: its distance from what the other organs' say, and the sd of that distance."""
    if not seen:
        return np.zeros(0), np.ones(0)
    rows, value, noise = _matrices(seen)
    # block leave-one-out of a Gaussian: residual = (K^-1_bb)^-1 (K^-1 y)_b, covariance (K^-1_bb)^-1
    inverse = np.linalg.inv(rows @ covariance @ rows.T + np.diag(noise + JITTER))
    weighted = inverse @ (value - rows @ mean)
    away, sd = np.zeros(len(seen)), np.ones(len(seen))
    for organ in dict.fromkeys(o.organ for o in seen):
        block = np.array([i for i, o in enumerate(seen) if o.organ == organ])
        own = np.linalg.inv(inverse[np.ix_(block, block)])
        away[block] = own @ weighted[block]
        sd[block] = np.sqrt(np.diag(own))
    return away, sd
