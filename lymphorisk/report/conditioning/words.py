"""Numbers of a conditioning forecast as short texts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lymphorisk.absent import Absent
from lymphorisk.conditioning.criteria import METRICS, Value
from lymphorisk.conditioning.regimen import Regimen

#: The outer percentiles of a range: 90 %.
OUTER = (0.05, 0.95)
#: More days than this are shown as first to last.
MANY_DAYS = 7


def spread(value: Value) -> tuple[float, float, float] | None:
    """Median, 5th and 95th percentile; None when there is no number."""
    if isinstance(value, Absent):
        return None
    values = np.atleast_1d(np.asarray(value, dtype=float))
    low, high = np.quantile(values, OUTER)
    return float(np.median(values)), float(low), float(high)


#: Days that have no meaningful middle: between two fractions, or over a weekend, nobody is lowest.
WHEN = ("nadir_day",)


def shown(metric: str, value: Value) -> str:
    """A metric as a short text: median and 90 % range; of a day the range alone.

    Examples
    --------
    >>> shown("alc_nadir", np.array([0.1, 0.2, 0.3])), shown("nadir_day", np.array([3.0, 4.0, 9.0]))
    ('0.20 (0.11 to 0.29)', '3.1 to 8.5')
    """
    if isinstance(value, Absent):
        return "-"
    middle, low, high = spread(value) or (math.nan, math.nan, math.nan)
    unit = METRICS[metric].unit
    form = count_text if unit == "10^9/L" else plain_text
    if metric in WHEN and low != high:
        return f"{form(low)} to {form(high)}"
    return form(middle) if low == high else f"{form(middle)} ({form(low)} to {form(high)})"


def name_of(regimen: Regimen) -> str:
    """The regimen's name, with the drugs that are in no number of it."""
    missing = regimen.unmodelled
    return regimen.name + (f" (without {', '.join(missing)})" if missing else "")


def count_text(x: float) -> str:
    """A count with the digits it deserves. [10^9/L]"""
    return f"{x:.2f}" if x >= 0.1 else f"{x:.3f}" if x >= 0.001 else f"{x:.1e}"


def plain_text(x: float) -> str:
    """A number with one decimal below a hundred."""
    return f"{x:.1f}" if abs(x) < 100 else f"{x:.0f}"


def days_text(days: Sequence[float]) -> str:
    """Days one by one, or from the first to the last when they are many."""
    if len(days) > MANY_DAYS:
        return f"{days[0]:g} to {days[-1]:g}"
    return ", ".join(f"{d:g}" for d in days)
