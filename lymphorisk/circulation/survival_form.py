"""How the share of cells that survive falls with dose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lymphorisk.errors import ParameterError

#: Weights that sum to one within this are a mixture: rounding of a handful of doubles.
WEIGHT_TOLERANCE = 1e-9
#: Doses a given function is held to [Gy], and how far the mixture may stray: far below what any survival is known to.
HELD_TO_GY = 12.0
HELD_POINTS = 241
STRAY = 2e-3
#: Rates the mixture of exponentials is made of [1/Gy], and quadratic coefficients of the terms beside them [1/Gy^2].
RATES = np.concatenate([[0.0], np.geomspace(0.01, 20.0, 60)])
SQUARES = np.geomspace(0.003, 1.0, 12)
#: Most terms of the mixture: each costs one solution of the blood chain.
MOST_TERMS = 6
#: Weights below this add nothing that could be seen.
LEAST_WEIGHT = 1e-7


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


def form_of(function: Callable[[NDArray[np.float64]], ArrayLike]) -> SurvivalForm:
    """The mixture of linear-quadratic terms that a given survival function is, for the exact blood engine.

    Parameters
    ----------
    function : callable
        Surviving share at an array of doses of one fraction [Gy], same shape; 1 at zero, never rising.

    Returns
    -------
    SurvivalForm
        Within 0.002 of the function from 0 to 12 Gy.

    Raises
    ------
    ParameterError
        The function is not 1 at zero, rises, leaves 0 to 1, or is no mixture of such terms (a shoulder steeper than
        linear-quadratic, a threshold).

    Examples
    --------
    >>> form = form_of(lambda d: 0.7 * np.exp(-d / 1.5) + 0.3 * np.exp(-0.1 * d - 0.02 * d**2))
    >>> round(float(form(2.0)), 2), round(float(0.7 * np.exp(-2 / 1.5) + 0.3 * np.exp(-0.28)), 2)
    (0.41, 0.41)
    """
    from scipy.optimize import nnls

    dose = np.linspace(0.0, HELD_TO_GY, HELD_POINTS)
    wanted = np.asarray(function(dose), dtype=np.float64)
    if wanted.shape != dose.shape or not np.all(np.isfinite(wanted)):
        raise ParameterError("a survival function gives one finite number for every dose of an array")
    if abs(wanted[0] - 1.0) > WEIGHT_TOLERANCE:
        raise ParameterError(f"a survival function is 1 at zero dose, not {wanted[0]:.4g}")
    if np.any(np.diff(wanted) > WEIGHT_TOLERANCE) or wanted[-1] < 0:
        raise ParameterError("a survival function never rises with dose and stays between 0 and 1")
    alphas = np.concatenate([RATES, np.tile(RATES[::2], len(SQUARES))])
    betas = np.concatenate([np.zeros(len(RATES)), np.repeat(SQUARES, len(RATES[::2]))])
    terms = np.exp(-np.outer(dose, alphas) - np.outer(dose**2, betas))
    heavy = np.full((1, len(alphas)), float(HELD_POINTS))  # the weights sum to one
    matrix, target = np.vstack([terms, heavy]), np.append(wanted, float(HELD_POINTS))
    chosen: list[int] = []
    form = SurvivalForm((1.0,), (0.0,), (0.0,))
    for _ in range(MOST_TERMS):
        if float(np.abs(form(dose) - wanted).max()) <= STRAY / 2:
            break
        errors = []
        for i in range(len(alphas)):
            w, rest = nnls(matrix[:, [*chosen, i]], target)
            errors.append(rest if w[-1] > LEAST_WEIGHT else np.inf)
        chosen.append(int(np.argmin(errors)))
        w, _ = nnls(matrix[:, chosen], target)
        kept = w > LEAST_WEIGHT
        chosen = [i for i, used in zip(chosen, kept, strict=True) if used]
        shares = w[kept] / w[kept].sum()
        form = SurvivalForm(tuple(shares.tolist()), tuple(alphas[chosen].tolist()), tuple(betas[chosen].tolist()))
    if (stray := float(np.abs(form(dose) - wanted).max())) > STRAY:
        raise ParameterError(
            f"the survival function is {stray:.3g} from any mixture of linear-quadratic terms",
            "give a SurvivalForm, or a function without threshold and steeper shoulder",
        )
    return form
