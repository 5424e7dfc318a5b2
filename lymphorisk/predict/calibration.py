"""Probability calibration: a line on the log-odds scale, and how far a model is from needing one.

A line keeps the ranking, keeps every monotone constraint and keeps contributions additive: slope times each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Newton steps of a two-parameter logistic fit; it converges in about six.
STEPS = 50
#: A step this small ends the fit: far below any reported digit.
STEP_TOLERANCE = 1e-10
#: Ridge that keeps the fit finite when the classes separate perfectly; without weight otherwise.
RIDGE = 1e-6


@dataclass(frozen=True, slots=True)
class Calibration:
    """Calibrated log-odds = intercept + slope x margin."""

    intercept: float = 0.0
    slope: float = 1.0

    def log_odds(self, margin: ArrayLike) -> NDArray[np.float64]:
        """Calibrated log-odds of raw margins."""
        return self.intercept + self.slope * np.asarray(margin, dtype=np.float64)

    def after(self, other: Calibration) -> Calibration:
        """This line applied to the result of `other`.

        Examples
        --------
        >>> Calibration(1.0, 2.0).after(Calibration(0.5, 3.0))
        Calibration(intercept=2.0, slope=6.0)
        """
        return Calibration(self.intercept + self.slope * other.intercept, self.slope * other.slope)


def sigmoid(log_odds: ArrayLike) -> NDArray[np.float64]:
    """Probability of log-odds."""
    x = np.asarray(log_odds, dtype=np.float64)
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))


def fitted(margin: NDArray[np.float64], event: NDArray[np.float64]) -> Calibration:
    """Intercept and slope of the logistic regression of events on margins.

    Parameters
    ----------
    margin : ndarray, shape (n,)
        Log-odds of a model on patients it was not fitted to.
    event : ndarray, shape (n,)
        0 or 1.

    References
    ----------
    Cox DR. Two further applications of a model for binary regression. Biometrika 1958;45:562-565.
    """
    design = np.column_stack([np.ones_like(margin), margin])
    beta = np.array([0.0, 1.0])
    prior = np.diag([RIDGE, RIDGE])
    target = beta.copy()
    for _ in range(STEPS):
        p = sigmoid(design @ beta)
        weight = np.maximum(p * (1.0 - p), RIDGE)
        hessian = design.T @ (design * weight[:, None]) + prior
        step = np.linalg.solve(hessian, design.T @ (event - p) - prior @ (beta - target))
        size = float(np.abs(step).max())
        beta = beta + step * min(1.0, 2.0 / size if size > 0 else 1.0)
        if size < STEP_TOLERANCE:
            break
    return Calibration(float(beta[0]), float(beta[1]))
