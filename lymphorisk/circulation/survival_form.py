"""How the share of cells that survive falls with dose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lymphorisk.errors import ParameterError

#: Weights that sum to one within this are a mixture: rounding of a handful of doubles.
WEIGHT_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class SurvivalForm:
    """Survival as a mixture of linear-quadratic terms.

    ``S(d) = sum_i w_i exp(-a_i d - b_i d^2)``

    Attributes
    ----------
    weights : tuple of float
        Shares w_i of the cells; sum to 1.
    alphas : tuple of float
        Linear coefficients a_i. [1/Gy]
    betas : tuple of float
        Quadratic coefficients b_i; 0 for an exponential. [1/Gy^2]

    Examples
    --------
    >>> round(float(SurvivalForm((1.0,), (0.5,), (0.0,))(2.0)), 4)
    0.3679
    """

    weights: tuple[float, ...]
    alphas: tuple[float, ...]
    betas: tuple[float, ...]

    def __post_init__(self) -> None:
        if not len(self.weights) == len(self.alphas) == len(self.betas) > 0:
            raise ParameterError("a survival form needs as many weights as alphas and betas")
        if min(self.weights) < 0 or abs(sum(self.weights) - 1.0) > WEIGHT_TOLERANCE:
            raise ParameterError(f"weights of a survival form sum to {sum(self.weights):g}, not 1")
        if min(self.alphas) < 0 or min(self.betas) < 0:
            raise ParameterError("a survival form never rises with dose: alpha and beta are not negative")

    def __call__(self, dose_gy: ArrayLike) -> NDArray[np.float64]:
        """Surviving share at each dose, same shape as `dose_gy`."""
        d = np.asarray(dose_gy, dtype=np.float64)
        out = np.zeros_like(d)
        for w, a, b in zip(self.weights, self.alphas, self.betas, strict=True):
            out += w * np.exp(-a * d - b * d * d)
        return out
