"""How many patients a model needs before it may be believed (Riley's criteria for a binary outcome)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

#: Wanted global shrinkage.
SHRINKAGE = 0.9
#: Largest optimism in Nagelkerke R2.
OPTIMISM = 0.05
#: Half-width of the 95 % interval of the overall risk.
PRECISION = 0.05
Z_95 = 1.959963984540054
#: Quantiles that stand for the linear predictor when a c-statistic is turned into R2: error below 1e-4.
GRID = 20001


@dataclass(frozen=True, slots=True)
class SampleSize:
    """What the three criteria ask for.

    Attributes
    ----------
    shrinkage_n, optimism_n, precision_n : int
        Patients each criterion asks for.
    n, events : int
        The largest of them, and its expected events.
    parameters : int
        Candidate predictor parameters.
    """

    shrinkage_n: int
    optimism_n: int
    precision_n: int
    n: int
    events: int
    parameters: int


def r2_of(prevalence: float, c_statistic: float) -> float:
    """Cox-Snell R2 of a model with this c-statistic, for a normally distributed linear predictor in each class.

    The log-odds of the two classes lie sqrt(2) probit(c) standard deviations apart; the likelihood of the model that
    fits them is averaged over a grid of quantiles.

    References
    ----------
    Riley RD, Van Calster B, Collins GS. Stat Med 2021;40:859-864. doi:10.1002/sim.8806
    """
    from scipy.special import ndtri

    apart = math.sqrt(2.0) * float(ndtri(c_statistic))
    z = ndtri((np.arange(GRID) + 0.5) / GRID)
    offset = math.log(prevalence / (1.0 - prevalence)) - 0.5 * apart**2
    event = offset + apart * (z + apart)
    other = offset + apart * z
    model = -prevalence * np.logaddexp(0.0, -event).mean() - (1.0 - prevalence) * np.logaddexp(0.0, other).mean()
    null = prevalence * math.log(prevalence) + (1.0 - prevalence) * math.log(1.0 - prevalence)
    return float(-math.expm1(-2.0 * (model - null)))


def sample_size(prevalence: float, c_statistic: float, parameters: int) -> SampleSize:
    """Patients needed to fit `parameters` parameters.

    Parameters
    ----------
    prevalence : float
        Share with the outcome.
    c_statistic : float
        What published models of the outcome reach.
    parameters : int
        Candidate parameters. XGBoost has more than one a feature; the figure is a floor for it.

    References
    ----------
    Riley RD et al. BMJ 2020;368:m441.

    Examples
    --------
    >>> sample_size(0.37, 0.76, 10).precision_n
    359
    """
    r2 = r2_of(prevalence, c_statistic)
    null = prevalence * math.log(prevalence) + (1.0 - prevalence) * math.log(1.0 - prevalence)
    largest = -math.expm1(2.0 * null)

    def for_shrinkage(s: float) -> int:
        return math.ceil(parameters / ((s - 1.0) * math.log1p(-r2 / s)))

    first = for_shrinkage(SHRINKAGE)
    second = for_shrinkage(r2 / (r2 + OPTIMISM * largest))
    third = math.ceil((Z_95 / PRECISION) ** 2 * prevalence * (1.0 - prevalence))
    n = max(first, second, third)
    return SampleSize(first, second, third, n, math.ceil(n * prevalence), parameters)
