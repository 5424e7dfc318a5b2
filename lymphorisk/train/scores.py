"""Scores of predicted probabilities: discrimination, calibration, net benefit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Keeps the log-odds of probabilities of 0 and 1 finite.
CLIP = 1e-9
Z_95 = 1.959963984540054


def auc(score: NDArray[np.float64], event: NDArray[np.float64]) -> float:
    """Probability that an event scores above a non-event, ties counting half; NaN with one class.

    Examples
    --------
    >>> auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0.0, 0.0, 1.0, 1.0]))
    0.75
    """
    positive = event > 0.5
    n1, n0 = int(positive.sum()), int((~positive).sum())
    if not n1 or not n0:
        return float("nan")
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    rank = (last - 0.5 * (counts - 1))[inverse]
    return float((rank[positive].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))


def brier(p: NDArray[np.float64], event: NDArray[np.float64]) -> float:
    """Mean squared error of the probabilities."""
    return float(np.mean((p - event) ** 2))


def scaled_brier(p: NDArray[np.float64], event: NDArray[np.float64]) -> float:
    """1 - Brier / Brier of the prevalence: 1 is perfect, 0 is knowing the prevalence only."""
    rate = float(event.mean())
    worst = rate * (1.0 - rate)
    return float("nan") if worst == 0 else 1.0 - brier(p, event) / worst


def log_odds(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds of probabilities."""
    q = np.clip(p, CLIP, 1.0 - CLIP)
    return np.asarray(np.log(q / (1.0 - q)))


def roc(p: NDArray[np.float64], event: NDArray[np.float64], points: int = 101) -> list[tuple[float, float]]:
    """False and true positive rates at evenly spaced false positive rates."""
    order = np.argsort(-p, kind="stable")
    hit = event[order] > 0.5
    tpr = np.concatenate([[0.0], np.cumsum(hit) / max(int(hit.sum()), 1)])
    fpr = np.concatenate([[0.0], np.cumsum(~hit) / max(int((~hit).sum()), 1)])
    at = np.linspace(0.0, 1.0, points)
    return [(float(x), float(y)) for x, y in zip(at, np.interp(at, fpr, tpr), strict=True)]


def wilson(rate: float, n: float) -> tuple[float, float]:
    """Wilson 95 % interval of a rate among n.

    Examples
    --------
    >>> [round(v, 3) for v in wilson(0.5, 100)]
    [0.404, 0.596]
    """
    z2 = Z_95**2
    middle = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (rate * (1 - rate) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return float(max(middle - half, 0.0)), float(min(middle + half, 1.0))


def calibration_curve(
    p: NDArray[np.float64], event: NDArray[np.float64], bins: int = 10
) -> list[tuple[float, float, float, float, int]]:
    """Mean prediction, observed rate, its Wilson 95 % limits and patients, in bins of equal size."""
    rows = []
    for part in np.array_split(np.argsort(p, kind="stable"), bins):
        if len(part):
            rate = float(event[part].mean())
            rows.append((float(p[part].mean()), rate, *wilson(rate, len(part)), len(part)))
    return rows


def net_benefit(p: NDArray[np.float64], event: NDArray[np.float64], threshold: float) -> float:
    """True positives less false positives weighed by the odds of the threshold, per patient.

    References
    ----------
    Vickers AJ, Elkin EB. Med Decis Making 2006;26:565-574.
    """
    treated = p >= threshold
    n = len(p)
    true = float((treated & (event > 0.5)).sum()) / n
    false = float((treated & (event <= 0.5)).sum()) / n
    return true - false * threshold / (1.0 - threshold)


def decision_curve(
    p: NDArray[np.float64], event: NDArray[np.float64], thresholds: NDArray[np.float64]
) -> list[tuple[float, float, float]]:
    """Threshold, net benefit of the model, and of treating all; treating none has 0."""
    everyone = np.ones_like(p)
    return [(float(t), net_benefit(p, event, float(t)), net_benefit(everyone, event, float(t))) for t in thresholds]


def kendall(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Kendall's tau-b of two rankings.

    Examples
    --------
    >>> kendall(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])).__round__(3)
    0.333
    """
    from scipy.stats import kendalltau

    return float(kendalltau(a, b).statistic)
