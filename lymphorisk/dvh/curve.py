"""Dose-volume histograms, their absence, and dose distributions made of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import StructureError
from lymphorisk.plan.frame import read_only

#: The rule for the volume beyond the outermost contours: half a spacing, or none; other programs have their own.
EndCaps = Literal["half", "none"]
END_CAPS: tuple[EndCaps, ...] = get_args(EndCaps)
CapsOf = Literal["half", "none", "dicompyler", "tps"]

Pair = tuple[NDArray[np.float64], NDArray[np.float64]]

#: Shares of volume that differ by less than this are the same: double precision over a million voxels.
SHARE_TOLERANCE = 1e-9
#: Shares closer to one than this are whole: rounding of areas.
WHOLE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class DoseDistribution:
    """Shares of something (an organ's volume, its blood, its lymphocytes) at doses.

    Attributes
    ----------
    dose_gy : ndarray, shape (k,)
        Doses, increasing. [Gy]
    share : ndarray, shape (k,)
        Share at each dose; sums to 1.
    """

    dose_gy: NDArray[np.float64]
    share: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.dose_gy.shape != self.share.shape or self.dose_gy.ndim != 1 or len(self.dose_gy) == 0:
            raise StructureError("a dose distribution needs as many doses as shares")
        dose, total = self.dose_gy, float(self.share.sum())
        # in order, the first and the last say it of all; a NaN is in no order
        if not (dose[0] >= 0.0 and dose[-1] < np.inf and (dose[1:] >= dose[:-1]).all()):
            raise StructureError("doses of a distribution must be finite, not negative, and increasing")
        if self.share.min() < 0 or not abs(total - 1.0) <= SHARE_TOLERANCE:
            raise StructureError(f"shares of a dose distribution sum to {total:.12g}, not 1")
        read_only(self.dose_gy)
        read_only(self.share)

    def __repr__(self) -> str:
        low, high = self.dose_gy[0], self.dose_gy[-1]
        return f"DoseDistribution(mean {self.mean_gy:.4g} Gy, {low:.4g} to {high:.4g} Gy, {len(self.dose_gy)} doses)"

    @property
    def mean_gy(self) -> float:
        """Mean dose. [Gy]"""
        return float(self.dose_gy @ self.share)

    def scaled(self, factor: float) -> DoseDistribution:
        """The same shares at `factor` times the dose."""
        return DoseDistribution(self.dose_gy * factor, self.share.copy())

    def rebinned(self, lanes: int) -> DoseDistribution:
        """At most `lanes` doses of near-equal share, keeping the mean; zero dose keeps a bin of its own."""
        return _rebin(self, lanes)


def uniform(dose_gy: float) -> DoseDistribution:
    """Everything at one dose."""
    return DoseDistribution(np.array([float(dose_gy)]), np.ones(1))


def mixture(parts: Iterable[tuple[float, DoseDistribution]]) -> DoseDistribution:
    """Distributions mixed by weights that sum to one."""
    kept = [(w, d) for w, d in parts if w > 0]
    if not kept:
        raise StructureError("a mixture of dose distributions needs a weight above zero")
    doses = np.concatenate([d.dose_gy for _, d in kept])
    shares = np.concatenate([w * d.share for w, d in kept])
    total = shares.sum()
    if abs(float(total) - 1.0) > SHARE_TOLERANCE:
        raise StructureError(f"weights of a mixture sum to {total:.12g}, not 1")
    if len(kept) > 1:
        order = np.argsort(doses, kind="stable")
        doses, shares = doses[order], shares[order]
    return DoseDistribution(doses, shares / total)


def summed(parts: Sequence[DoseDistribution]) -> DoseDistribution:
    """Doses of several phases added dose to dose in order of dose: the hot part of one is the hot part of the next.

    Examples
    --------
    >>> summed([uniform(2.0), diluted(uniform(1.0), 0.5)]).dose_gy.tolist()
    [2.0, 3.0]
    """
    if len(parts) == 1:
        return parts[0]
    width, doses = in_order(parts)
    total = np.zeros(len(width))
    for dose in doses:
        total += dose
    return DoseDistribution(total, width)


def in_order(parts: Sequence[DoseDistribution]) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
    """Several phases part by part, in order of dose: shares of the parts (k,), and each phase's dose of them. [Gy]

    Examples
    --------
    >>> width, (a, b) = in_order([uniform(2.0), diluted(uniform(1.0), 0.5)])
    >>> width.tolist(), a.tolist(), b.tolist()
    ([0.5, 0.5], [2.0, 2.0], [0.0, 1.0])
    """
    edges = np.unique(np.concatenate([[0.0, *np.cumsum(p.share).clip(0.0, 1.0)] for p in parts]))
    mid = 0.5 * (edges[1:] + edges[:-1])
    width = np.diff(edges)
    doses = [p.dose_gy[np.minimum(np.searchsorted(np.cumsum(p.share), mid), len(p.share) - 1)] for p in parts]
    return width / width.sum(), doses


def diluted(distribution: DoseDistribution, share: float) -> DoseDistribution:
    """`share` of the whole sees `distribution`, the rest sees nothing."""
    if not 0.0 <= share <= 1.0:
        raise StructureError(f"a share of {share:g} cannot be diluted")
    if share == 1.0:
        return distribution
    return mixture([(share, distribution), (1.0 - share, uniform(0.0))])


def _rebin(distribution: DoseDistribution, lanes: int) -> DoseDistribution:
    zeros = int(np.searchsorted(distribution.dose_gy, 0.0, side="right"))
    zero = distribution.share[:zeros].sum(keepdims=True)
    first = zero[zero > 0]
    dose, share = distribution.dose_gy[zeros:], distribution.share[zeros:]
    wanted = lanes - len(first)
    if len(dose) > wanted:
        if wanted < 1:
            return uniform(distribution.mean_gy)
        dose, share = _joined(dose, share, wanted)
    share = np.concatenate([first, share])
    return DoseDistribution(np.concatenate([np.zeros(len(first)), dose]), share / share.sum())


def _joined(dose: NDArray[np.float64], share: NDArray[np.float64], lanes: int) -> Pair:
    """Mean doses of `lanes` equal shares, and those shares."""
    edge = np.concatenate([[0.0], np.cumsum(share)])
    cuts = np.linspace(0.0, edge[-1], lanes + 1)
    moment = np.concatenate([[0.0], np.cumsum(share * dose)])
    width = np.diff(cuts)
    return np.maximum.accumulate(np.diff(np.interp(cuts, edge, moment)) / width), width


#: Shares of a step that rounding makes of a whole one.
SAME_STEP = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class DVH:
    """A cumulative dose-volume histogram.

    Attributes
    ----------
    name : str
        Structure name.
    dose_gy : ndarray, shape (n + 1,)
        Bin edges, starting at 0, evenly spaced. [Gy]
    volume_cm3 : ndarray, shape (n + 1,)
        Volume receiving at least the dose at each edge; starts at the covered volume, ends at 0. [cm3]
    mean_gy, min_gy, max_gy : float
        Of the covered volume, from the dose itself, not from the bins. [Gy]
    coverage : float
        Share of the structure inside the dose grid, 0 to 1.
    total_cm3 : float
        Volume of the whole structure, covered or not. [cm3]
    end_caps : str
        Rule for the volume beyond the outermost contours: ``half`` or ``none``; ``dicompyler`` or ``tps`` where another
        program has its own.
    engine : str
        ``exact``, ``twin``, ``dicompyler`` or ``tps``.
    """

    name: str
    dose_gy: NDArray[np.float64]
    volume_cm3: NDArray[np.float64]
    mean_gy: float
    min_gy: float
    max_gy: float
    coverage: float = 1.0
    total_cm3: float = 0.0
    end_caps: CapsOf = "half"
    engine: str = "exact"

    def __post_init__(self) -> None:
        if self.dose_gy.shape != self.volume_cm3.shape or len(self.dose_gy) < 2:
            raise StructureError(f"DVH {self.name!r}: doses and volumes do not fit")
        if np.any(np.diff(self.dose_gy) <= 0):
            raise StructureError(f"DVH {self.name!r}: dose edges do not increase")
        if np.any(np.diff(self.volume_cm3) > SHARE_TOLERANCE * max(float(self.volume_cm3[0]), 1.0)):
            raise StructureError(f"DVH {self.name!r}: a cumulative DVH never rises")
        read_only(self.dose_gy)
        read_only(self.volume_cm3)

    def __repr__(self) -> str:
        doses = f"mean {self.mean_gy:.4g} Gy, {self.min_gy:.4g} to {self.max_gy:.4g} Gy"
        return f"DVH({self.name!r}, {self.total_cm3:.4g} cm3, {doses}, {100 * self.coverage:.4g} % in the grid)"

    @property
    def is_covered(self) -> bool:
        """Whether all of the structure lies inside the dose grid."""
        return self.coverage >= 1.0 - WHOLE

    @property
    def covered_cm3(self) -> float:
        """Volume inside the dose grid. [cm3]"""
        return float(self.volume_cm3[0])

    def metric(self, text: str, **needs: Any) -> float:
        """A metric such as ``V5Gy[%]`` or ``D2cc[Gy]``, in the unit of the text; see `dvh.metrics.metric`."""
        from lymphorisk.dvh.metrics import metric

        return metric(self, text, **needs)

    def distribution(self) -> DoseDistribution:
        """Shares of the covered volume at the middle of each bin, scaled to keep the mean dose."""
        share = np.maximum(-np.diff(self.volume_cm3), 0.0)
        last = float(self.volume_cm3[-1])
        mid = 0.5 * (self.dose_gy[1:] + self.dose_gy[:-1])
        if last > 0:
            share = np.append(share, last)
            mid = np.append(mid, self.dose_gy[-1])
        if share.sum() <= 0:
            raise StructureError(f"DVH {self.name!r} holds no volume")
        used = share > 0
        share = share[used] / share.sum()
        mid = mid[used]
        mean = float(mid @ share)
        if mean > 0:
            mid = mid * (self.mean_gy / mean)
        return DoseDistribution(mid, share / share.sum())


def stepped(curve: DVH, step_gy: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A curve at doses a step apart, from zero to the first dose that nothing gets: dose [Gy], volume [cm3].

    The volume at each dose is that of the curve; no step changes it.
    """
    count = int(np.floor(float(curve.dose_gy[-1]) / step_gy + SAME_STEP)) + 2
    dose = np.arange(count, dtype=np.float64) * np.float64(step_gy)
    volume: NDArray[np.float64] = np.interp(dose, curve.dose_gy, curve.volume_cm3, right=0.0)
    return dose, volume
