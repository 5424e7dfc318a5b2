"""Lymphopenia after liver radiotherapy by mean blood dose (anchor derived from Kim Seohan 2024)."""

from __future__ import annotations

import math
from collections.abc import Mapping

from lymphorisk.absent import Absent
from lymphorisk.literature.case import Case, Estimate, Outcome, beyond, outside

NAME = "kim2024_hcc_blood_dose"
OUTCOME = Outcome(0.5, "after radiotherapy", "last")
HOW = (
    "derived: a logistic line through the printed mean blood doses by grade (75 patients), not the published LKB "
    "model; their blood dose engine is not ours and SBRT is mixed in"
)


def probability(blood_mean_gy: float, *, intercept: float, per_gy: float) -> float:
    """Probability of grade 3 or more from the mean blood dose of the course.

    logit p = intercept + per_gy MBD

    Parameters
    ----------
    blood_mean_gy : float
        Mean blood dose. [Gy]
    intercept, per_gy : float
        Coefficients. [logit, logit/Gy]

    References
    ----------
    Kim S et al., Int J Radiat Oncol Biol Phys 2024, NTCP of severe lymphopenia by blood dose (abstract).

    Examples
    --------
    >>> round(probability(5.7, intercept=-2.8, per_gy=0.48), 2)
    0.48
    """
    return 1.0 / (1.0 + math.exp(-(intercept + per_gy * blood_mean_gy)))


def estimate(case: Case, numbers: Mapping[str, float]) -> Estimate:
    """The derived line inside its gate, with the range of the two reconstructions."""
    declined = outside(case, ("liver",), ("photon",), {"blood_mean_gy": "mean blood dose"})
    dose = case.blood_mean_gy
    if declined is None and dose is not None:
        declined = beyond(dose, numbers["blood_low"], numbers["blood_high"], "mean blood dose", "Gy")
    if declined is not None or dose is None:
        return Estimate(
            NAME, OUTCOME, declined or Absent.declined("needs mean blood dose"), citation="kims2024", how=HOW
        )
    p = probability(dose, intercept=numbers["intercept"], per_gy=numbers["per_gy"])
    other = probability(dose, intercept=numbers["intercept_other"], per_gy=numbers["per_gy_other"])
    return Estimate(NAME, OUTCOME, p, min(p, other), max(p, other), citation="kims2024", how=HOW)
