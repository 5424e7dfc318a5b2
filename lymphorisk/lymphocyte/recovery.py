"""What becomes of lost lymphocytes of one subset: clearance of the dead, a lag, recovery, drugs.

In every compartment the cells of the subset present at baseline, b, are now alive, or lost:

    alive = b - w - e,      count = alive + d_f + d_s

w waits for its place to be filled again, e is on its way back, d_f and d_s are killed cells that still
travel and are still counted. A fraction that kills the share K of the alive kills the share K of those on
their way back too: both are sent to w, and half of the killed alive each to d_f and d_s. Between fractions

    w' = -a w + kappa (b - w)                a = ln 2 / half-time of the lag
    e' =  a w - (r + kappa) e                r = ln 2 / half-time of recovery
    d_f' = -m_f d_f + h kappa alive          m_f, m_s: clearance
    d_s' = -m_s d_s + (1-h) kappa alive      kappa: loss rate under a drug

while every class travels by the same exchange. The rates are the same in all compartments, so exchange and
fate commute, and the whole system is solved exactly by two small eigensystems.

More kill in any compartment at any time never raises the count at any later time: a place in the pool is
alive, on its way back, or waiting; kills and drugs send it to the far end, time moves it one step towards
alive, so that a place that was hit more is never nearer; and the dead, cleared faster than places are filled,
never outnumber what they left. The order r <= a, r <= m is therefore demanded, not hoped for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import ParameterError
from lymphorisk.plan.frame import read_only

#: Classes of every compartment: cells of the baseline, places that wait, places being filled, killed cells of fast
#: and slow clearance.
CLASSES = ("baseline", "waiting", "returning", "dead_fast", "dead_slow")
#: Alive and counted cells, and places being filled, as sums over the classes.
ALIVE = np.array([1.0, -1.0, -1.0, 0.0, 0.0])
COUNTED = np.array([1.0, -1.0, -1.0, 1.0, 1.0])
RETURNING = np.array([0.0, 0.0, 1.0, 0.0, 0.0])
#: What a killed returning place does: it waits again.
SENT_BACK = np.array([0.0, 1.0, -1.0, 0.0, 0.0])
LN2 = float(np.log(2.0))
#: Recovery is at most this share of the rate of the lag and of clearance: the order the law needs, with room that keeps
#: the eigenvectors apart.
SLOWER = 0.8
#: Rates that were cut to that share are it to the last bits.
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Fate:
    """Rates of n draws of one subset. Share as a fraction of one, rates [1/d].

    Attributes
    ----------
    lag : ndarray, shape (n,)
        a, rate at which a waiting place begins to be filled. [1/d]
    back : ndarray, shape (n,)
        r, recovery rate. [1/d]
    fast_share : ndarray, shape (n,)
        h, share of the killed that is cleared fast.
    dead_fast, dead_slow : ndarray, shape (n,)
        Clearance rates. [1/d]
    """

    lag: NDArray[np.float64]
    back: NDArray[np.float64]
    fast_share: NDArray[np.float64]
    dead_fast: NDArray[np.float64]
    dead_slow: NDArray[np.float64]

    def __post_init__(self) -> None:
        least = np.minimum(self.lag, np.minimum(self.dead_slow, self.dead_fast))
        if np.any(self.back > SLOWER * least * (1.0 + ROUNDING)):
            raise ParameterError("recovery must be slower than its lag and than clearance")
        for name in ("lag", "back", "fast_share", "dead_fast", "dead_slow"):
            read_only(getattr(self, name))

    @property
    def split(self) -> NDArray[np.float64]:
        """How one killed cell is booked over `CLASSES`, shape (n, 5)."""
        h = self.fast_share
        return np.stack([np.zeros_like(h), np.ones_like(h), np.zeros_like(h), h, 1.0 - h], axis=1)

    def generator(self, loss_rate: NDArray[np.float64]) -> NDArray[np.float64]:
        """B of the row dynamics x' = x B over `CLASSES` under a drug's loss rate kappa, shape (n, 5, 5). [1/d]

        Upper triangular: a drug, like a fraction, sends those on their way back to wait again.
        """
        zero = np.zeros_like(self.back)
        rates = np.stack([zero, self.lag, self.back, self.dead_fast, self.dead_slow], axis=1)
        out = -rates[:, :, None] * np.eye(len(CLASSES))
        out[:, 1, 2] += self.lag
        lost = ALIVE[None, :, None] * self.split[:, None, :] + RETURNING[None, :, None] * SENT_BACK
        return np.asarray(out + lost * loss_rate[:, None, None])


@dataclass(frozen=True, slots=True, eq=False)
class FateModes:
    """``exp(B t) = right diag(exp(rate t)) left`` for n draws, and what an event meets and books in these modes.

    Attributes
    ----------
    rate, right, left : ndarray, shapes (n, 5), (n, 5, 5), (n, 5, 5)
        Rates [1/d], from classes to modes and back.
    met : ndarray, shape (n, 5, 2)
        The alive and those on their way back, from modes.
    booked : ndarray, shape (n, 2, 5)
        One killed cell and one place sent back to wait, in modes.
    """

    rate: NDArray[np.float64]
    right: NDArray[np.float64]
    left: NDArray[np.float64]
    met: NDArray[np.float64]
    booked: NDArray[np.float64]


def fate_modes(fate: Fate, loss_rate: NDArray[np.float64]) -> FateModes:
    """Diagonalise the fates: the generator is upper triangular, so its eigenvectors follow by substitution."""
    generator = fate.generator(loss_rate)
    rate = np.diagonal(generator, axis1=1, axis2=2).copy()
    right = np.broadcast_to(np.eye(len(CLASSES)), generator.shape).copy()
    for j in range(1, len(CLASSES)):
        for i in range(j - 1, -1, -1):
            coupled = np.sum(generator[:, i, i + 1 : j + 1] * right[:, i + 1 : j + 1, j], axis=1)
            # The two kinds of dead do not couple, whatever their rates: nothing is divided by nothing.
            gap = np.where(coupled == 0.0, 1.0, rate[:, j] - rate[:, i])
            right[:, i, j] = coupled / gap
    left = np.asarray(np.linalg.inv(right), dtype=np.float64)
    events = np.stack([fate.split, np.broadcast_to(SENT_BACK, fate.split.shape)], axis=1)
    return FateModes(rate, right, left, left @ np.stack([ALIVE, RETURNING], axis=1), events @ right)
