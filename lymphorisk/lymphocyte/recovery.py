"""What becomes of lost lymphocytes: clearance of the dead, quick and slow recovery, drugs.

In every compartment the cells present at baseline, b, are now alive, or lost:

    alive = b - e_q - e_s,      count = alive + d_f + d_s

e_q is the part of the loss that comes back within months, e_s the part that takes years, d_f
and d_s are killed cells that still travel and are still counted. A kill of Delta cells adds
phi Delta to e_q, (1-phi) Delta to e_s, and half of Delta each to d_f and d_s. Between kills

    e_q' = -l_q e_q + phi kappa alive        l_q = ln 2 / half-time of recovery
    e_s' = -l_s e_s + (1-phi) kappa alive    l_s = ln 2 / half-time of the slow rest
    d_f' = -m_f d_f + h kappa alive          m_f, m_s: clearance
    d_s' = -m_s d_s + (1-h) kappa alive      kappa: loss rate under a drug

while every class travels by the same exchange. The rates are the same in all compartments, so
exchange and fate commute, and the whole system is solved exactly by two small eigensystems.

phi is set so that a fall to the reference nadir recovers to the plateau. Since l_s <= l_q <= m_s,
more kill in any compartment at any time never raises the count at any later time: the differences
(e_q + e_s, and e_s against its share) stay in a cone that the dynamics map into itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import ParameterError
from lymphorisk.plan.frame import read_only

#: Classes of every compartment: cells of the baseline, quick and slow loss, killed cells of fast and slow clearance.
CLASSES = ("baseline", "quick", "slow", "dead_fast", "dead_slow")
#: Alive and counted cells as sums over the classes.
ALIVE = np.array([1.0, -1.0, -1.0, 0.0, 0.0])
COUNTED = np.array([1.0, -1.0, -1.0, 1.0, 1.0])
LN2 = float(np.log(2.0))


@dataclass(frozen=True, slots=True, eq=False)
class Fate:
    """Rates of n draws. Shares as fractions of one, rates [1/d].

    Attributes
    ----------
    quick_share : ndarray, shape (n,)
        phi, share of a loss that recovers quickly.
    quick, slow : ndarray, shape (n,)
        Recovery rates. [1/d]
    fast_share : ndarray, shape (n,)
        h, share of the killed that is cleared fast.
    dead_fast, dead_slow : ndarray, shape (n,)
        Clearance rates. [1/d]
    """

    quick_share: NDArray[np.float64]
    quick: NDArray[np.float64]
    slow: NDArray[np.float64]
    fast_share: NDArray[np.float64]
    dead_fast: NDArray[np.float64]
    dead_slow: NDArray[np.float64]

    def __post_init__(self) -> None:
        if np.any(self.slow > self.quick) or np.any(self.quick > np.minimum(self.dead_slow, self.dead_fast)):
            raise ParameterError("recovery must be slower than clearance and its slow part slower than its quick part")
        for name in ("quick_share", "quick", "slow", "fast_share", "dead_fast", "dead_slow"):
            read_only(getattr(self, name))

    @property
    def split(self) -> NDArray[np.float64]:
        """How one killed cell is booked over `CLASSES`, shape (n, 5)."""
        phi, h = self.quick_share, self.fast_share
        return np.stack([np.zeros_like(phi), phi, 1.0 - phi, h, 1.0 - h], axis=1)

    def generator(self, loss_rate: NDArray[np.float64]) -> NDArray[np.float64]:
        """B of the row dynamics x' = x B over `CLASSES` under a drug's loss rate kappa, shape (n, 5, 5). [1/d]"""
        rates = np.stack([np.zeros_like(self.quick), self.quick, self.slow, self.dead_fast, self.dead_slow], axis=1)
        out = -rates[:, :, None] * np.eye(len(CLASSES))
        return out + ALIVE[None, :, None] * loss_rate[:, None, None] * self.split[:, None, :]


@dataclass(frozen=True, slots=True, eq=False)
class FateModes:
    """``exp(B t) = right diag(exp(rate t)) left`` for n draws."""

    rate: NDArray[np.float64]
    right: NDArray[np.float64]
    left: NDArray[np.float64]


def quick_share(plateau: NDArray[np.float64], reference_nadir: NDArray[np.float64]) -> NDArray[np.float64]:
    """phi that brings a fall to `reference_nadir` back to `plateau` (both of baseline).

    Examples
    --------
    >>> quick_share(np.array([0.70]), np.array([0.25])).round(3).tolist()
    [0.6]
    """
    return np.clip(1.0 - (1.0 - plateau) / (1.0 - reference_nadir), 0.0, 1.0)


def fate_modes(fate: Fate, loss_rate: NDArray[np.float64]) -> FateModes:
    """Diagonalise the fates; without a drug they are diagonal already."""
    generator = fate.generator(loss_rate)
    if not np.any(loss_rate):
        eye = np.broadcast_to(np.eye(len(CLASSES)), generator.shape)
        return FateModes(np.diagonal(generator, axis1=1, axis2=2).copy(), eye, eye)
    rate, right = np.linalg.eig(generator)
    # Real by theory: the two losses couple with a positive product, all else is triangular.
    right = np.real(right)
    return FateModes(np.minimum(np.real(rate), 0.0), right, np.linalg.inv(right))
