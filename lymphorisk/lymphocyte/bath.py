"""The low-dose bath: how much of the kill in organs lies where a course gives little dose."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lymphorisk.circulation.survival_form import SurvivalForm
from lymphorisk.lymphocyte.course import Course


def bath_share(course: Course, form: SurvivalForm, pools: Mapping[str, float], edge_gy: float) -> float | None:
    """Share of the kill in organs that lies in parts with less than a dose over the phase.

    ``sum_p w_p n sum_(n d_j < edge) v_j (1 - S(d_j))`` over the same sum without the condition, with the pools' weights
    w_p, n fractions and the parts v_j of a pool that get d_j in a fraction. Blood, which moves, and internal emitters
    are left out; what a fraction left of the cells is not followed.

    Parameters
    ----------
    course : Course
    form : SurvivalForm
        Survival after one fraction.
    pools : mapping of str to float
        Weight of each pool but blood.
    edge_gy : float
        Dose of a whole phase below which a part belongs to the bath. [Gy]

    Returns
    -------
    float or None
        None when nothing is killed in organs.

    Examples
    --------
    >>> from lymphorisk.dvh.curve import mixture, uniform
    >>> from lymphorisk.lymphocyte.course import PhaseExposure
    >>> from lymphorisk.lymphocyte.pools import POOLS
    >>> from lymphorisk.lymphocyte.survival import linear_quadratic
    >>> half = mixture([(0.5, uniform(8.0)), (0.5, uniform(0.5))])
    >>> met = PhaseExposure([0.0], uniform(0.0), {p: half for p in POOLS if p != "blood"})
    >>> round(bath_share(Course((met,)), linear_quadratic(0.5), {"spleen": 1.0}, 5.0), 3)
    0.184
    """
    low, whole = 0.0, 0.0
    for phase in (p for p in course.phases if p.low_rate is None):
        for pool, weight in pools.items():
            met = phase.distribution(pool)
            killed = met.share * (1.0 - form(met.dose_gy)) * weight * phase.fractions
            whole += float(killed.sum())
            low += float(killed[np.asarray(met.dose_gy) * phase.fractions < edge_gy].sum())
    return low / whole if whole > 0.0 else None
