"""When fractions are given."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import ScenarioError
from lymphorisk.units import HOURS_PER_DAY

DAYS_PER_WEEK = 7
WORKING_DAYS = 5
#: The usual least interval between fractions of one day. [h]
TWICE_DAILY_GAP_H = 6.0


def weekdays(fractions: int, first_weekday: int = 0, first_day: int = 0) -> NDArray[np.float64]:
    """Fraction times, one a working day. [d]

    Parameters
    ----------
    fractions : int
        Number of fractions, at least 1.
    first_weekday : int
        0 for a Monday start, at most 4.
    first_day : int
        Course day of the first fraction. [d]

    Examples
    --------
    >>> weekdays(6).tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0, 7.0]
    """
    if fractions < 1:
        raise ScenarioError(f"a course has at least one fraction, not {fractions}")
    if not 0 <= first_weekday < WORKING_DAYS:
        raise ScenarioError(f"first_weekday {first_weekday} is not 0 (Monday) to 4 (Friday)")
    n = np.arange(first_weekday, first_weekday + fractions)
    days = n // WORKING_DAYS * DAYS_PER_WEEK + n % WORKING_DAYS - first_weekday
    return (days + first_day).astype(np.float64)


def every_day(
    fractions: int, first_day: int = 0, per_day: int = 1, gap_h: float = TWICE_DAILY_GAP_H
) -> NDArray[np.float64]:
    """Fraction times without pauses at weekends, `per_day` fractions `gap_h` hours apart. [d]

    Examples
    --------
    >>> every_day(4, per_day=2).tolist()
    [0.0, 0.25, 1.0, 1.25]
    """
    n = np.arange(fractions)
    return first_day + n // per_day + (n % per_day) * gap_h / HOURS_PER_DAY
