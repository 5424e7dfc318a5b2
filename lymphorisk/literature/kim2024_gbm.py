"""Severe lymphopenia in glioblastoma under IMRT and temozolomide (Kim N 2024)."""

from __future__ import annotations

import math
from collections.abc import Mapping

from lymphorisk.absent import Absent
from lymphorisk.literature.case import Case, Estimate, Outcome, beyond, outside

NAME = "kim2024_gbm"
OUTCOME = Outcome(None, "during the treatment course", "nadir", "severe, cut not stated")
HOW = "logistic form recovered from the published nomogram's code (derived); internal validation only, AUC 0.72"


def probability(
    female: bool, brain_mean_gy: float, alc: float, *, intercept: float, b_female: float, b_brain: float, b_alc: float
) -> float:
    """Probability of severe lymphopenia.

    logit p = intercept + b_female [female] + b_brain D_brain + b_alc ALC0

    Parameters
    ----------
    female : bool
        Sex.
    brain_mean_gy : float
        Mean brain dose. [Gy]
    alc : float
        Baseline count. [10^9/L]
    intercept, b_female, b_brain, b_alc : float
        Coefficients. [logit, logit, logit/Gy, logit L/10^9]

    References
    ----------
    Kim N et al., Clin Transl Radiat Oncol 2024;47:100799. doi:10.1016/j.ctro.2024.100799

    Examples
    --------
    >>> round(probability(True, 25.0, 1.5, intercept=-3.67, b_female=1.10, b_brain=0.068, b_alc=-0.382), 2)
    0.19
    """
    logit = intercept + b_female * female + b_brain * brain_mean_gy + b_alc * alc
    return 1.0 / (1.0 + math.exp(-logit))


def estimate(case: Case, numbers: Mapping[str, float]) -> Estimate:
    """The nomogram, inside its gate."""
    needs = {"sex": "sex", "brain_mean_gy": "mean brain dose", "alc": "baseline ALC"}
    declined = outside(case, ("brain",), ("photon",), needs, ("temozolomide",))
    if declined is None and case.brain_mean_gy is not None and case.alc is not None:
        declined = beyond(
            case.brain_mean_gy, numbers["brain_mean_low"], numbers["brain_mean_high"], "mean brain dose", "Gy"
        ) or beyond(case.alc, numbers["alc_low"], numbers["alc_high"], "baseline ALC", "x10^9/L")
    if declined is not None or case.brain_mean_gy is None or case.alc is None:
        return Estimate(
            NAME, OUTCOME, declined or Absent.declined("needs mean brain dose"), citation="kim2024", how=HOW
        )
    p = probability(
        case.sex == "F",
        case.brain_mean_gy,
        case.alc,
        intercept=numbers["intercept"],
        b_female=numbers["female"],
        b_brain=numbers["brain_mean"],
        b_alc=numbers["alc"],
    )
    return Estimate(NAME, OUTCOME, p, citation="kim2024", how=HOW)
