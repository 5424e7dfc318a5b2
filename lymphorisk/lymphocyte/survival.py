"""Survival of lymphocytes after one fraction: the named sets, and the kill of a pool.

``combined``     0.47 exp(-d/0.9) + 0.53 exp(-d/4.0)   two subsets that live side by side (the default)
``tbi``          exp(-d/1.2)                           blood counts under total body irradiation
``colony``       exp(-0.381 d - 0.0968 d^2)            colony assay of resting T cells
``in_vivo_jin``  exp(-0.40 d)                          counts of 51 patients
``in_vivo_hcc``  exp(-0.65 d)                          counts of 17 patients with proton therapy

The numbers come from the parameter set; only the forms stand here. There is no dose-rate
factor: apoptosis of resting lymphocytes shows no dose-rate sparing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from lymphorisk.circulation.survival_form import SurvivalForm
from lymphorisk.dvh.curve import DoseDistribution
from lymphorisk.errors import ParameterError
from lymphorisk.units import chosen

#: Doses a distribution is cut to before the kill of 512 draws is summed: changes K by less than 1e-5 (tested).
KILL_BINS = 256


def two_populations(resistant_share: float, d0_sensitive: float, d0_resistant: float) -> SurvivalForm:
    """Sensitive and resistant cells, each exponential: ``(1-r) exp(-d/D0s) + r exp(-d/D0r)``.

    Parameters
    ----------
    resistant_share : float
        r.
    d0_sensitive, d0_resistant : float
        Mean lethal doses. [Gy]
    """
    return SurvivalForm((1.0 - resistant_share, resistant_share), (1.0 / d0_sensitive, 1.0 / d0_resistant), (0.0, 0.0))


def linear_quadratic(alpha: float, beta: float = 0.0) -> SurvivalForm:
    """``exp(-alpha d - beta d^2)`` with alpha [1/Gy] and beta [1/Gy^2]."""
    return SurvivalForm((1.0,), (alpha,), (beta,))


Numbers = Mapping[str, float]

#: Survival models by name, each from the numbers of the parameter topic ``lymphocyte``: one line a model.
FORMS: Mapping[str, Callable[[Numbers], SurvivalForm]] = {
    "combined": lambda n: two_populations(
        n["survival.combined.resistant_share"],
        n["survival.combined.d0_sensitive"],
        n["survival.combined.d0_resistant"],
    ),
    "tbi": lambda n: linear_quadratic(1.0 / n["survival.tbi.d0"]),
    "colony": lambda n: linear_quadratic(n["survival.colony.alpha"], n["survival.colony.beta"]),
    "in_vivo_jin": lambda n: linear_quadratic(n["survival.in_vivo_jin.alpha"]),
    "in_vivo_hcc": lambda n: linear_quadratic(n["survival.in_vivo_hcc.alpha"]),
}
SURVIVAL_SETS = tuple(FORMS)
#: Said wherever a set is chosen: the sets and one review disagree. A test holds the numbers.
CONFLICT = (
    "The sets kill 55 to 81 % at 2 Gy; one review prints near 90 %, which none of them gives (docs/statements.md)."
)


def survival_named(text: str) -> str:
    """The survival set of `SURVIVAL_SETS` that a text means.

    Raises
    ------
    ScenarioError
        None; the hint offers the nearest.
    """
    return chosen(text, SURVIVAL_SETS, {}, "survival model")


def survival_sets(numbers: Numbers) -> dict[str, SurvivalForm]:
    """All named sets from the numbers of the parameter topic ``lymphocyte``, `numbers[name]`."""
    return {name: form(numbers) for name, form in FORMS.items()}


def kill(form: SurvivalForm, distribution: DoseDistribution) -> float:
    """Share of a pool killed by one fraction, ``K = 1 - sum_j w_j S(d_j)``, never S of the mean dose.

    Examples
    --------
    >>> from lymphorisk.dvh.curve import diluted, uniform
    >>> form = linear_quadratic(1.0)
    >>> half = diluted(uniform(100.0), 0.5)
    >>> round(kill(form, half), 6)
    0.5
    """
    return float(1.0 - form(distribution.dose_gy) @ distribution.share)


def kills(
    distribution: DoseDistribution,
    weights: NDArray[np.float64],
    alphas: NDArray[np.float64],
    betas: NDArray[np.float64],
    dose_factor: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Kill of one fraction for many survival forms at once.

    Parameters
    ----------
    distribution : DoseDistribution
        Dose of one fraction. [Gy]
    weights, alphas, betas : ndarray, shape (n, k)
        Terms of n mixtures of k terms; alphas [1/Gy], betas [1/Gy^2].
    dose_factor : ndarray, shape (n,), optional
        Factor on every dose, the relative effectiveness.

    Returns
    -------
    ndarray, shape (n,)
    """
    if weights.shape != alphas.shape or weights.shape != betas.shape:
        raise ParameterError("survival terms of different shapes")
    cut = distribution.rebinned(KILL_BINS) if len(distribution.dose_gy) > KILL_BINS else distribution
    dose = cut.dose_gy[None, :] if dose_factor is None else cut.dose_gy[None, :] * dose_factor[:, None]
    lost = np.zeros(len(weights))
    for w, a, b in zip(weights.T, alphas.T, betas.T, strict=True):
        exponent = -a[:, None] * dose
        if b.any():
            exponent = exponent - b[:, None] * dose**2
        lost -= w * (np.expm1(exponent) @ cut.share)
    return np.clip(lost, 0.0, 1.0)
