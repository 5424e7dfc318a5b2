"""The model to beat: ridge logistic regression on the same features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
