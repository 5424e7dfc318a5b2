"""Whether what is drawn is the whole organ: shares of drawn parts, by where they end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lymphorisk.anatomy.dosed import DosedBody, Real
from lymphorisk.anatomy.landmarks import Drawn
from lymphorisk.plan.frame import read_only

#: Shares of a rest smaller than this are the grain of the point clouds: nothing is missing.
GRAIN = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A drawn part of an organ.

    Attributes
    ----------
    share : ndarray, shape (placements,)
        Share of the organ that is drawn, in each body.
    low_mm, high_mm : float
        Heights between which the drawing is complete; infinite where the organ ends by itself. [mm]
    why : str
        What says that it is a part; empty for a whole organ.
    """

    share: Real
    low_mm: float
    high_mm: float
    why: str = ""

    def __post_init__(self) -> None:
        read_only(self.share)

    @property
    def whole(self) -> bool:
        """Whether the drawing is the whole organ in every body."""
        return not bool((self.share < 1.0).any())


@dataclass(frozen=True, slots=True)
class PartRules:
    """When a drawn organ counts as a part.

    Attributes
    ----------
    margin : float
        Beyond an end drawn within the scan an organ may reach this far and still be whole. [mm]
    volume : float
        An organ drawn within the scan with at least this share of the reference's volume is whole.
    length : float
        An organ of one piece, drawn within the scan, at most this share of its expected length is a part.
    """

    margin: float
    volume: float
    length: float


def part_of(body: DosedBody, mix: Mapping[str, float], drawn: Drawn, rules: PartRules, *, fills: bool = True) -> Part:
    """The share of an organ that is drawn.

    Parameters
    ----------
    body : DosedBody
    mix : mapping of str to float
        The organ as reference organs by weight.
    drawn : Drawn
    rules : PartRules
    fills : bool
        The contour holds the organ alone, so that its volume says whether it is whole (a bag holds more).

    Notes
    -----
    An end that coincides with the end of the scan is the scan's: what the placed organ has beyond it is not drawn.
    An end within the scan is believed for organs of one piece, unless the drawing is far too short; of long organs
    (bowel, vessels, nodes, bones together) it is where the drawing stopped, unless the volume is all there.
    """
    prior, reference = body.placed.prior, body.placed.reference
    long = all(prior.of(n).low == 0.0 and prior.of(n).high == 0.0 for n in mix)
    volume = sum(reference.organs[n].volume_cm3 for n in mix)
    low, high = -np.inf, np.inf
    why = []
    if drawn.cut_low:
        low = drawn.low_mm
    if drawn.cut_high:
        high = drawn.high_mm
    if drawn.cut_low or drawn.cut_high:
        why.append("ends where the scan ends")
    enough = fills and drawn.volume_cm3 >= rules.volume * volume
    expected = _length(body, mix)
    if (long and not enough) or (drawn.length_mm < rules.length * expected and not enough):
        low = drawn.low_mm if drawn.cut_low else drawn.low_mm - rules.margin
        high = drawn.high_mm if drawn.cut_high else drawn.high_mm + rules.margin
        why.append("shorter than the organ")
    share = 1.0 - body.beyond(mix, low, high)
    share[share > 1.0 - GRAIN] = 1.0
    return Part(share, float(low), float(high), "" if (share == 1.0).all() else ", ".join(why))


def _length(body: DosedBody, mix: Mapping[str, float]) -> float:
    """Expected length of an organ along the body. [mm]"""
    heights = [body.heights(n) for n in mix]
    low = np.min([h.min(axis=1) for h in heights], axis=0)
    high = np.max([h.max(axis=1) for h in heights], axis=0)
    return float(np.mean(high - low))
