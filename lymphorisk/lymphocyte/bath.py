"""The low-dose bath: how much of the kill in organs lies where a course gives little dose."""

from __future__ import annotations

from collections.abc import Mapping

from lymphorisk.circulation.survival_form import SurvivalForm
from lymphorisk.dvh.curve import in_order
from lymphorisk.lymphocyte.course import Course


def bath_share(course: Course, form: SurvivalForm, pools: Mapping[str, float], edge_gy: float) -> float | None:
    """Share of the kill in organs that lies in parts with less than a dose over the course.

    ``sum_p w_p sum_j v_j sum_i n_i (1 - S(d_ij))`` over the parts j of a pool that get less than the edge in all phases
    together, over the same sum of all parts; w_p weighs the pools, phase i gives n_i fractions of d_ij. Phases are
    paired in order of dose, as `dvh.curve.summed` pairs them, so that a course may be split as one likes. Blood, which
    moves, and internal emitters are left out; what a fraction left of the cells is not followed.

    Parameters
    ----------
    course : Course
    form : SurvivalForm
        Survival after one fraction.
    pools : mapping of str to float
        Weight of each pool but blood.
    edge_gy : float
        Dose of the course below which a part belongs to the bath. [Gy]

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
    phases = [p for p in course.phases if p.low_rate is None]
    low, whole = 0.0, 0.0
    for pool, weight in pools.items() if phases else ():
        share, doses = in_order([phase.distribution(pool) for phase in phases])
        by_phase = [(phase.fractions, dose) for phase, dose in zip(phases, doses, strict=True)]
        killed = weight * share * sum(n * (1.0 - form(dose)) for n, dose in by_phase)
        whole += float(killed.sum())
        low += float(killed[sum(n * dose for n, dose in by_phase) < edge_gy].sum())
    return low / whole if whole > 0.0 else None
