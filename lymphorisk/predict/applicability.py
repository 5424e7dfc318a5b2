"""Whether the model has seen patients like this one: what is known of them, range of every feature, and distance to
the nearest neighbours.

A feature that was known of every training patient must be known here: a model never learned what to say without it.

Distances are between percentiles of the training patients, so that one whole-body plan does not stretch the scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lymphorisk.frozen import FrozenDict

#: Neighbours whose mean distance is judged: enough to be steady, few enough to be local.
NEIGHBOURS = 10
#: A patient farther from its neighbours than this share of the training patients are from theirs is outside.
INSIDE_SHARE = 0.99
#: Training patients whose own distances set the limit: a percentile of 400 is steady to about half a percent.
JUDGED = 400
#: A value may lie beyond the training range by this share of it: thousands of draws do not reach the very end.
RANGE_SLACK = 0.02
#: Below this share of known features what is missing would be most of the answer, and the model gives none: assumed.
KNOWN_SHARE = 0.6


#: Kinds of reasons, in words.
Kind = Literal["missing", "range", "mixed", "few", "unlike", "poor"]
KINDS: Mapping[Kind, str] = FrozenDict(
    {
        "missing": "lack what every training patient had",
        "range": "lie outside the training range",
        "mixed": "have a course of several modalities",
        "few": "have too few features known",
        "unlike": "are like no training patient",
        "poor": "ask a model that does not hold",
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class TrainingRange:
    """What the training patients looked like.

    Attributes
    ----------
    low, high : ndarray, shape (n,)
        Smallest and largest value of each feature.
    flag : ndarray of bool, shape (n,)
        Features that are 0 or 1: they take no part in distances.
    patients : ndarray, shape (m, n)
        A sample of training patients, NaN where missing.
    own : ndarray of bool, shape (n,), or None
        Columns a clinic declared itself: without one of them the model says nothing, known of all or not.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    flag: NDArray[np.bool_]
    patients: NDArray[np.float64]
    own: NDArray[np.bool_] | None = None

    @property
    def needed(self) -> NDArray[np.bool_]:
        """Features that were known of every training patient, shape (n,)."""
        return np.asarray(np.isfinite(self.patients).all(axis=0))


@dataclass(frozen=True, slots=True)
class Domain:
    """Whether a patient lies where the model was trained.

    Attributes
    ----------
    inside : bool
        When False the learned voice steps back and the mechanistic one leads.
    reasons : tuple of str
        Why not.
    distance : float
        Mean distance to the nearest training patients over the limit; above 1 is outside. NaN when not computable.
    known_share : float
        Share of the model's features that are known.
    kinds : tuple of str
        Which of `KINDS` the reasons are of.
    """

    inside: bool
    reasons: tuple[str, ...]
    distance: float
    known_share: float
    kinds: tuple[Kind, ...] = ()


def percentiles(rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each value as the share of training patients below it: doses with long tails become comparable.

    Examples
    --------
    >>> percentiles(np.array([[2.5]]), np.array([[1.0], [2.0], [3.0], [4.0]])).tolist()
    [[0.5]]
    """
    out = np.full(rows.shape, np.nan)
    for i in range(rows.shape[1]):
        known = np.sort(columns[np.isfinite(columns[:, i]), i])
        here = np.isfinite(rows[:, i])
        both = np.searchsorted(known, rows[here, i], "left") + np.searchsorted(known, rows[here, i], "right")
        out[here, i] = 0.5 * both / max(len(known), 1)
    return out


def _neighbour_distance(
    rows: NDArray[np.float64], patients: NDArray[np.float64], skip_self: bool
) -> NDArray[np.float64]:
    """Root mean square difference over the features both know, averaged over the nearest `NEIGHBOURS`."""
    mine, theirs = np.isfinite(rows).astype(np.float64), np.isfinite(patients).astype(np.float64)
    a, b = np.where(mine > 0, rows, 0.0), np.where(theirs > 0, patients, 0.0)
    joint = mine @ theirs.T
    square = np.maximum(a**2 @ theirs.T - 2.0 * a @ b.T + mine @ (b**2).T, 0.0)
    enough = joint >= 0.5 * np.maximum(mine.sum(axis=1, keepdims=True), 1.0)
    mean = np.where(enough, square / np.maximum(joint, 1.0), np.inf)
    first = 1 if skip_self else 0
    nearest = np.sort(mean, axis=1)[:, first : first + NEIGHBOURS]
    return np.asarray(np.sqrt(nearest).mean(axis=1))


def domain(row: NDArray[np.float64], seen: TrainingRange, labels: tuple[str, ...]) -> Domain:
    """Judge one patient.

    Parameters
    ----------
    row : ndarray, shape (n,)
        Features in the model's order, NaN where missing.
    seen : TrainingRange
        Of the training patients.
    labels : tuple of str
        How to call each feature.
    """
    return domains(row[None, :], seen, labels)[0]


def domains(rows: NDArray[np.float64], seen: TrainingRange, labels: tuple[str, ...]) -> tuple[Domain, ...]:
    """Judge many patients, shape (m, n), as `domain` judges one."""
    distance = _distances(rows, seen)
    return tuple(_judged(row, float(d), seen, labels) for row, d in zip(rows, distance, strict=True))


def _distances(rows: NDArray[np.float64], seen: TrainingRange) -> NDArray[np.float64]:
    """Distance of each patient over the limit, shape (m,); NaN where fewer than two features can be compared."""
    out = np.full(len(rows), np.nan)
    used = np.isfinite(rows) & ~seen.flag
    patterns, which = np.unique(used, axis=0, return_inverse=True)
    for k, columns_used in enumerate(patterns):
        if columns_used.sum() < 2:
            continue
        columns = seen.patients[:, columns_used]
        patients = percentiles(columns, columns)
        step = max(len(patients) // JUDGED, 1)
        own = _neighbour_distance(patients[::step], patients, skip_self=True)
        own = own[np.isfinite(own)]
        mine = np.flatnonzero(which.ravel() == k)
        here = percentiles(rows[np.ix_(mine, np.flatnonzero(columns_used))], columns)
        found = _neighbour_distance(here, patients, skip_self=False)
        limit = float(np.quantile(own, INSIDE_SHARE)) if len(own) else float("nan")
        out[mine] = found / limit if limit > 0 else np.inf
    return out


def _judged(row: NDArray[np.float64], distance: float, seen: TrainingRange, labels: tuple[str, ...]) -> Domain:
    reasons: list[tuple[Kind, str]] = []
    known = np.isfinite(row)
    own = np.zeros(len(row), dtype=np.bool_) if seen.own is None else seen.own
    if gone := [labels[i] for i in np.flatnonzero(own & ~known)]:
        reasons.append(("missing", f"{', '.join(gone)} not known: columns the model needs beside the plan"))
    if gone := [labels[i] for i in np.flatnonzero(seen.needed & ~own & ~known)]:
        reasons.append(("missing", f"{', '.join(gone)} not known; known of every training patient"))
    for i in np.flatnonzero(known):
        slack = RANGE_SLACK * (seen.high[i] - seen.low[i])
        if not seen.low[i] - slack <= row[i] <= seen.high[i] + slack:
            limits = f"{seen.low[i]:.3g} to {seen.high[i]:.3g}"
            reasons.append(("range", f"{labels[i]} = {row[i]:.3g} outside the training range {limits}"))
    for i in np.flatnonzero(known & seen.flag):
        if 0.0 < row[i] < 1.0 and not np.any((seen.patients[:, i] > 0.0) & (seen.patients[:, i] < 1.0)):
            what = f"{labels[i]} holds for {row[i]:.0%} of the course; no training patient's was mixed"
            reasons.append(("mixed", what))
    share = float(known.mean())
    if share < KNOWN_SHARE:
        reasons.append(("few", f"only {share:.0%} of the model's features are known"))
    if distance > 1.0:
        what = "no training patient is similar enough (distance to the nearest neighbours beyond the limit)"
        reasons.append(("unlike", what))
    kinds = tuple(dict.fromkeys(kind for kind, _ in reasons))
    return Domain(not reasons, tuple(what for _, what in reasons), distance, share, kinds)
