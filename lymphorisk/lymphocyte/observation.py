"""What lies between the course of the lymphocytes and a count somebody measures.

    ln count(t) = ln course(t) + x(t),      x(t) = w(t) - w(0) + e - e_0

The course starts from one count, the baseline. w is the slow wander of a person's count around his usual level
(Ornstein-Uhlenbeck in the logarithm: sd `wander.sd_ln`, correlation exp(-t / `wander.correlation`)); e is the error of
one count: analyser and hour of the day (`counting.sd_ln`). What the baseline count missed, -(w(0) + e_0), is the
patient's level at the start: it is part of every later deviation. So a patient who loses nothing is not counted at his
baseline: x has sd sqrt(2 (1 - exp(-t/tau)) sd_w^2 + 2 sd_e^2).

Where the course starts from a usual level instead (a cohort's, an unknown patient's), x = w(t) + e: a cohort that loses
nothing stays as wide as it was.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.plan.frame import read_only

Real = NDArray[np.float64]
#: Parameters that only the counting of a course can feel, never the course.
OBSERVED_BY = ("wander.sd_ln", "wander.correlation", "counting.sd_ln")


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """How the counts of n patients are read.

    Attributes
    ----------
    wander : ndarray, shape (n,)
        sd of ln of the slow wander.
    correlation_d : ndarray, shape (n,)
        Time in which its correlation falls to 1/e. [d]
    counting : ndarray, shape (n,)
        sd of ln of one count.
    from_count : bool
        Whether their courses start from one count of theirs, or from their usual level.
    """

    wander: Real
    correlation_d: Real
    counting: Real
    from_count: bool = True

    def __post_init__(self) -> None:
        for name in ("wander", "correlation_d", "counting"):
            read_only(getattr(self, name))


def observation(values: Mapping[str, Real], from_count: bool = True) -> Observation:
    """Of drawn parameter values, each of shape (n,)."""
    wander, correlation_d, counting = (np.array(values[name], dtype=np.float64) for name in OBSERVED_BY)
    return Observation(wander, correlation_d, counting, from_count)


def covariance(seen: Observation, a: Real, b: Real) -> Real:
    """Covariance of the deviations of two sets of counts on days `a` and `b`, shape (n, len(a), len(b)).

    Each count's own error is not in it: two counts of one day are two counts.
    """
    rate = 1.0 / seen.correlation_d[:, None, None]
    apart = np.exp(-np.abs(a[:, None] - b[None, :]) * rate)
    wander, counting = seen.wander[:, None, None] ** 2, seen.counting[:, None, None] ** 2
    if not seen.from_count:
        return np.asarray(wander * apart)
    from_start = np.exp(-a[:, None] * rate) + np.exp(-b[None, :] * rate)
    return np.asarray(wander * (apart - from_start + 1.0) + counting)


def usual_spread(measured_sd_ln: float, wander: float, counting: float) -> float:
    """sd of ln of the usual levels of a cohort whose single counts have `measured_sd_ln`.

    Examples
    --------
    >>> round(usual_spread(0.40, 0.20, 0.10), 3)
    0.332
    """
    return float(np.sqrt(max(measured_sd_ln**2 - wander**2 - counting**2, 0.0)))


def deviations(seen: Observation, days: Real, *seed: int) -> Real:
    """x of one count on each of the days, in order, from day 0 on, shape (n, t). Same seed, same deviations."""
    rng = np.random.default_rng([*seed, zlib.crc32(b"observation")])
    n = len(seen.wander)
    own, error = rng.standard_normal((len(days) + 1, n)), rng.standard_normal((len(days) + 1, n))
    out = np.empty((len(days), n))
    missed = seen.from_count * (seen.wander * own[0] + seen.counting * error[0])
    now, last = own[0], 0.0
    for i, day in enumerate(days):
        kept = np.exp((last - day) / seen.correlation_d)
        now, last = kept * now + np.sqrt(1.0 - kept**2) * own[i + 1], day
        out[i] = seen.wander * now + seen.counting * error[i + 1] - missed
    return np.ascontiguousarray(out.T)


def conditioned(seen: Observation, days: Real, drawn: Real, on: Real, drawn_on: Real, residual: Real) -> Real:
    """Deviations on `days` given those of measured counts, shape (n, t).

    Parameters
    ----------
    drawn, drawn_on : ndarray, shapes (n, t) and (n, k)
        Deviations drawn together on `days` and on the days `on` of the counts.
    residual : ndarray, shape (n, k)
        ln of the measured counts over each draw's course.
    """
    gain = np.linalg.solve(_of_counts(seen, on), np.swapaxes(covariance(seen, days, on), 1, 2))
    return np.asarray(drawn + np.einsum("nk,nkt->nt", residual - drawn_on, gain))


def sequential(seen: Observation, on: Real, residual: Real, known: NDArray[np.bool_]) -> tuple[Real, Real]:
    """What is left of each residual after the counts before it, and its sd, each of shape (n, k).

    `residual` is ln of each count over each draw's course; counts that are not `known` (too low to be read) tell
    nothing of the later ones.
    """
    left, sd = np.empty_like(residual), np.empty_like(residual)
    all_of_them = _of_counts(seen, on)
    for k in range(len(on)):
        before = np.flatnonzero(known[:k])
        cross = all_of_them[:, before, k]
        gain = np.linalg.solve(all_of_them[:, before][:, :, before], cross[:, :, None])[:, :, 0]
        left[:, k] = residual[:, k] - np.sum(gain * residual[:, before], axis=1)
        sd[:, k] = np.sqrt(all_of_them[:, k, k] - np.sum(gain * cross, axis=1))
    return left, sd


def _of_counts(seen: Observation, on: Real) -> Real:
    """Covariance of counts on days `on` with their own errors, shape (n, k, k)."""
    return np.asarray(covariance(seen, on, on) + seen.counting[:, None, None] ** 2 * np.eye(len(on)))
