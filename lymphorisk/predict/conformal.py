"""Class-conditional (Mondrian) conformal sets: which outcomes a patient cannot be told apart from.

Plain split conformal covers on average and leaves out the rare events; here each class has its own threshold, so that
events and non-events are each covered at the stated level.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EVENT = "event"
NO_EVENT = "no event"


@dataclass(frozen=True, slots=True)
class ConformalSets:
    """Thresholds of one outcome at one level.

    Attributes
    ----------
    level : float
        Coverage of each class.
    event_at_least : float
        The set holds ``event`` when p is at least this.
    no_event_at_most : float
        The set holds ``no event`` when p is at most this.
    n_event, n_no_event : int
        Calibration patients of each class.
    """

    level: float
    event_at_least: float
    no_event_at_most: float
    n_event: int
    n_no_event: int

    def of(self, p: float) -> tuple[str, ...]:
        """The prediction set of a probability; both outcomes mean "cannot tell", none means "unlike either".

        Examples
        --------
        >>> ConformalSets(0.9, 0.3, 0.6, 100, 100).of(0.5)
        ('event', 'no event')
        """
        inside = [EVENT] if p >= self.event_at_least else []
        return tuple(inside + ([NO_EVENT] if p <= self.no_event_at_most else []))


def conformal_sets(p: NDArray[np.float64], event: NDArray[np.float64], level: float) -> ConformalSets:
    """Thresholds from calibration patients.

    For each class the ceil((n + 1) level)-th smallest nonconformity (1 - p for events, p for the others) is the
    threshold; with too few patients of a class it is never excluded.

    References
    ----------
    Vovk V. Conditional validity of inductive conformal predictors. Machine Learning 2013;92:349-376.
    """

    def threshold(scores: NDArray[np.float64]) -> float:
        rank = math.ceil((len(scores) + 1) * level)
        return 1.0 if rank > len(scores) else float(np.sort(scores)[rank - 1])

    events, others = 1.0 - p[event > 0.5], p[event <= 0.5]
    return ConformalSets(level, 1.0 - threshold(events), threshold(others), len(events), len(others))
