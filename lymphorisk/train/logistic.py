"""Ridge logistic regression: the model to beat, and the monotone one that stumps can follow."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lymphorisk.features import Feature
from lymphorisk.predict.calibration import sigmoid

#: Ridge on standardised features, in events: weak, enough for collinear dose metrics.
RIDGE = 1.0
STEPS = 40
STEP_TOLERANCE = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class Logistic:
    """Coefficients on standardised features; a missing value is the training median and has a coefficient of its own.

    Attributes
    ----------
    intercept : float
    median, scale, weight, missing_weight : ndarray, shape (n,)
    """

    intercept: float
    median: NDArray[np.float64]
    scale: NDArray[np.float64]
    weight: NDArray[np.float64]
    missing_weight: NDArray[np.float64]

    def probability(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability of an event; shape (m,)."""
        missing = ~np.isfinite(x)
        z = (np.where(missing, self.median, x) - self.median) / self.scale
        return sigmoid(self.intercept + z @ self.weight + missing @ self.missing_weight)


def fit_logistic(x: NDArray[np.float64], y: NDArray[np.float64], ridge: float = RIDGE) -> Logistic:
    """Fit by Newton's method.

    Parameters
    ----------
    x : ndarray, shape (m, n)
        Features, NaN where missing.
    y : ndarray, shape (m,)
        0 or 1.
    ridge : float
        Penalty on the squared standardised coefficients.
    """
    missing = ~np.isfinite(x)
    seen = ~missing.all(axis=0)
    median = np.zeros(x.shape[1])
    median[seen] = np.nanmedian(x[:, seen], axis=0)
    filled = np.where(missing, median, x)
    scale = filled.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    design = np.column_stack([np.ones(len(x)), (filled - median) / scale, missing])
    penalty = np.full(design.shape[1], ridge)
    penalty[0] = 1e-6
    beta = np.zeros(design.shape[1])
    for _ in range(STEPS):
        p = sigmoid(design @ beta)
        weight = np.maximum(p * (1.0 - p), 1e-6)
        step = np.linalg.solve(
            design.T @ (design * weight[:, None]) + np.diag(penalty), design.T @ (y - p) - penalty * beta
        )
        size = float(np.abs(step).max())
        beta = beta + step * min(1.0, 3.0 / size if size > 0 else 1.0)
        if size < STEP_TOLERANCE:
            break
    n = x.shape[1]
    return Logistic(float(beta[0]), median, scale, beta[1 : n + 1], beta[n + 1 :])


#: A count is at least this before its logarithm is taken. [10^9/L]
LEAST_COUNT = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Monotone:
    """A logistic model in the logarithms of counts and doses, whose risk moves only the way the schema allows."""

    schema: tuple[Feature, ...]
    logistic: Logistic

    def probability(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability of an event; shape (m,)."""
        return self.logistic.probability(in_logarithms(x, self.schema))


def in_logarithms(x: NDArray[np.float64], schema: tuple[Feature, ...]) -> NDArray[np.float64]:
    """Features with counts as ln count and doses as ln(1 + dose / 1 Gy): counts fall by factors, loss saturates."""
    out = x.copy()
    for i, f in enumerate(schema):
        if f.unit == "10^9/L":
            out[:, i] = np.log(np.maximum(x[:, i], LEAST_COUNT))
        elif f.unit in ("Gy", "Gy.L"):
            out[:, i] = np.log1p(x[:, i])
    return out


def fit_monotone(x: NDArray[np.float64], y: NDArray[np.float64], schema: tuple[Feature, ...]) -> Monotone:
    """Fit with the signs of the schema: features whose coefficient would have the other sign are left out."""
    sign = np.array([f.monotone for f in schema])
    z = in_logarithms(x, schema)
    kept = np.ones(len(schema), dtype=np.bool_)
    while True:
        found = fit_logistic(np.where(kept, z, 0.0), y)
        wrong = kept & (sign * found.weight < 0.0)
        if not wrong.any():
            return Monotone(schema, replace(found, weight=np.where(kept, found.weight, 0.0)))
        kept &= ~wrong
