"""From counts of many draws to what a clinician asks: bands, nadir, grades, days below, recovery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.frozen import FrozenDict
from lymphorisk.lymphocyte.grade import GRADE_BELOW
from lymphorisk.plan.frame import read_only

#: Quantiles every result carries: the ends of the 95, 90, 80 and 50 % bands and the median.
QUANTILES = {
    "p025": 0.025,
    "p05": 0.05,
    "p10": 0.10,
    "p25": 0.25,
    "p50": 0.50,
    "p75": 0.75,
    "p90": 0.90,
    "p95": 0.95,
    "p975": 0.975,
}
#: Counts whose duration is reported: the edges of CTCAE grades 3 and 4. [10^9/L]
BELOW = {"0.5": 0.5, "0.2": 0.2}


@dataclass(frozen=True, slots=True)
class Band:
    """Quantiles of one number over the draws, in its own unit."""

    p025: float
    p05: float
    p10: float
    p25: float
    p50: float
    p75: float
    p90: float
    p95: float
    p975: float

    @property
    def median(self) -> float:
        """The 50th percentile."""
        return self.p50

    def to_dict(self) -> dict[str, float]:
        """As plain data."""
        return {"median": self.p50, **{name: getattr(self, name) for name in QUANTILES if name != "p50"}}


@dataclass(frozen=True, slots=True)
class Nadir:
    """The lowest count of each patient, over the patients.

    The lowest count is not that of one day: patients are lowest on different days, and a weekend lifts the counts
    between two of them. So the count has a band, and the day an interval and the day that is met most often; the
    count of all patients on any one day is another number, never lower.

    Attributes
    ----------
    count : Band
        Of each patient's lowest count. [10^9/L]
    day : Band
        Of the day it falls on; every quantile is a day on which some patient is lowest. [d]
    usual_day : float
        The day on which most patients are lowest, the first of equals. [d]
    """

    count: Band
    day: Band
    usual_day: float

    @property
    def median(self) -> float:
        """Median of the patients' lowest counts. [10^9/L]"""
        return self.count.p50

    @property
    def p05(self) -> float:
        """5th percentile of the lowest counts. [10^9/L]"""
        return self.count.p05

    @property
    def p95(self) -> float:
        """95th percentile of the lowest counts. [10^9/L]"""
        return self.count.p95

    @property
    def span(self) -> str:
        """The days that hold the lowest count of 90 % of the patients: ``day 33`` or ``day 31 to 44``."""
        first, last = f"{self.day.p05:.0f}", f"{self.day.p95:.0f}"
        return f"day {first}" if first == last else f"day {first} to {last}"

    @property
    def when(self) -> str:
        """The same in a sentence: ``on day 33`` or ``between day 31 and 44``."""
        first, _, last = self.span.partition(" to ")
        return f"between {first} and {last}" if last else f"on {first}"

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {**self.count.to_dict(), "day": self.usual_day, "day_p05": self.day.p05, "day_p95": self.day.p95}


@dataclass(frozen=True, slots=True)
class Recovery:
    """Return above a count.

    Attributes
    ----------
    p_below : float
        Probability of ever falling below.
    p_recovered : float
        Among those, probability of being back before the horizon ends; 1 when none falls below.
    day : Band or None
        First day from which on the count stays above, among those who fall and return. [d]
    """

    p_below: float
    p_recovered: float
    day: Band | None

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "p_below": self.p_below,
            "p_recovered": self.p_recovered,
            "day": None if self.day is None else self.day.to_dict(),
        }


def quantiles(
    values: NDArray[np.float64], weights: NDArray[np.float64], at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weighted quantiles along the first axis, shape (len(at), ...); equal weights give numpy's ``hazen``."""
    if np.all(weights == weights[0]):
        ordered = np.ascontiguousarray(values.reshape(len(values), -1).T)
        found = np.quantile(ordered, at, axis=1, method="hazen")
        return np.asarray(found.reshape((len(at), *values.shape[1:])))
    total = weights.sum()
    out = []
    for column in np.ascontiguousarray(values.reshape(len(values), -1).T):
        order = np.argsort(column)
        w = weights[order]
        out.append(np.interp(at, (np.cumsum(w) - 0.5 * w) / total, column[order]))
    return np.stack(out, axis=1).reshape((len(at), *values.shape[1:]))


def band(values: NDArray[np.float64], weights: NDArray[np.float64] | None = None) -> Band:
    """Quantiles of values of shape (n,)."""
    w = np.ones(len(values)) if weights is None else weights
    found = quantiles(values, w, np.array(list(QUANTILES.values())))
    return Band(*(float(q) for q in found))


def nadir_of(day: NDArray[np.float64], counts: NDArray[np.float64], weights: NDArray[np.float64]) -> Nadir:
    """The nadir of counts of shape (n, t) [10^9/L] on `day` [d], draws weighted by `weights`.

    Examples
    --------
    Two patients are lowest on day 4 and one on day 7; on day 5, between them, nobody is.

    >>> counts = np.array([[1.0, 0.2, 0.3, 0.4], [1.0, 0.3, 0.4, 0.5], [1.0, 0.5, 0.4, 0.1]])
    >>> n = nadir_of(np.array([0.0, 4.0, 5.0, 7.0]), counts, np.ones(3))
    >>> n.median, n.usual_day, n.day.p05, n.day.p95
    (0.2, 4.0, 4.0, 7.0)
    """
    lowest = counts.argmin(axis=1)
    held = np.bincount(lowest, weights=weights, minlength=len(day))
    reached = np.cumsum(held) / held.sum()
    # a day that is met: the first that the quantile's share of the patients has reached
    at = [day[min(int(np.searchsorted(reached, q)), int(lowest.max()))] for q in QUANTILES.values()]
    return Nadir(band(counts.min(axis=1), weights), Band(*(float(d) for d in at)), float(day[held.argmax()]))


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """What the counts of an ensemble say.

    Attributes
    ----------
    quantiles : mapping of str to ndarray, each of shape (t,)
        Bands over time. [10^9/L]
    nadir : Nadir
    grade_probability : mapping of str to float
        Probability that the nadir reaches CTCAE grade ``"2"``, ``"3"``, ``"4"`` or worse; ``"1"`` with an LLN.
    days_below : mapping of str to Band
        Days of the horizon with a count below ``"0.5"`` and ``"0.2"``. [d]
    recovery : Recovery
        Above 0.5 x10^9/L.
    sd_ln_nadir : float
        Standard deviation of the logarithm of the nadir.
    """

    quantiles: Mapping[str, NDArray[np.float64]]
    nadir: Nadir
    grade_probability: Mapping[str, float]
    days_below: Mapping[str, Band]
    recovery: Recovery
    sd_ln_nadir: float


def summarise(
    day: NDArray[np.float64],
    counts: NDArray[np.float64],
    weights: NDArray[np.float64] | None = None,
    lln: float | None = None,
) -> Summary:
    """Summary of counts of shape (n, t) [10^9/L] on daily `day` [d], draws weighted by `weights`."""
    w = np.ones(len(counts)) if weights is None else weights
    w = w / w.sum()
    found = quantiles(counts, w, np.array(list(QUANTILES.values())))
    read_only(found)
    nadir = counts.min(axis=1)
    below = dict(sorted({str(g): edge for g, edge in GRADE_BELOW.items()}.items()))
    if lln is not None:
        below = {"1": lln, **below}
    width = np.gradient(day) if len(day) > 1 else np.ones(1)
    log_nadir = np.log(np.maximum(nadir, np.finfo(np.float64).tiny))
    mean = float(w @ log_nadir)
    return Summary(
        quantiles=FrozenDict(dict(zip(QUANTILES, found, strict=True))),
        nadir=nadir_of(day, counts, w),
        grade_probability=FrozenDict({g: float(w @ (nadir < edge)) for g, edge in below.items()}),
        days_below=FrozenDict({name: band((counts < edge) @ width, w) for name, edge in BELOW.items()}),
        recovery=_recovery(day, counts, w, BELOW["0.5"]),
        sd_ln_nadir=float(np.sqrt(w @ (log_nadir - mean) ** 2)),
    )


def _recovery(
    day: NDArray[np.float64], counts: NDArray[np.float64], weights: NDArray[np.float64], edge: float
) -> Recovery:
    low = counts < edge
    ever = low.any(axis=1)
    p_below = float(weights @ ever)
    if not ever.any():
        return Recovery(0.0, 1.0, None)
    last = counts.shape[1] - 1 - np.argmax(low[:, ::-1], axis=1)
    back = ever & (last < counts.shape[1] - 1)
    p_back = float(weights @ back) / p_below if p_below > 0 else 1.0
    if not back.any() or weights[back].sum() <= 0:
        return Recovery(p_below, p_back, None)
    return Recovery(p_below, p_back, band(day[last[back] + 1], weights[back]))
