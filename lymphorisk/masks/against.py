"""What a segmentation is held against, and its structures with the points they are looked up by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dicom.export import PatientIdentity
from lymphorisk.dvh.inside import inside
from lymphorisk.dvh.regions import Leaf, Region, leaves_of
from lymphorisk.dvh.sections import boxes_of
from lymphorisk.dvh.stack import slabs_of, spacing_of, stacks_of
from lymphorisk.organs import Matching
from lymphorisk.organs.segments import Segment
from lymphorisk.plan import Mask

#: Voxels of a mask that are looked up: a share is then right to two or three per cent.
POINTS = 2000
#: Organs from this volume on tell by their overlap whether a segmentation lies where the drawn organs lie. [cm3]
TELLING_CM3 = 15.0

#: Points across (and front to back) and along by which two outlines are compared: right to a hundredth.
ACROSS = 48
LEVELS = 12

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What a segmentation is held against.

    Attributes
    ----------
    matching : Matching
        Which drawn structure is which organ.
    identity : PatientIdentity
    frames : frozenset of str
        Frames of Reference of the doses and structures.
    structure_uids : frozenset of str
        SOP Instance UIDs of the plan's own structure sets.
    middle_mm : ndarray, shape (3,)
        Of the body, or of what is irradiated. [mm]
    body : Region or None
        The outline as drawn, or as the CT shows it.
    """

    matching: Matching
    identity: PatientIdentity
    frames: frozenset[str]
    structure_uids: frozenset[str]
    middle_mm: Array
    body: Region | None = None

    @property
    def regions(self) -> Mapping[str, Region]:
        """Drawn organs by TG-263 name."""
        return self.matching.regions


class Held:
    """A structure with points of it, worked out once."""

    def __init__(self, segment: Segment) -> None:
        self.segment = segment

    @cached_property
    def volume_cm3(self) -> float:
        """Volume, roughly. [cm3]"""
        return volume_of(self.segment.region)

    @cached_property
    def points(self) -> Array:
        """Some points of its masks, evenly among their voxels, shape (n, 3); of contours their corners. [mm]"""
        leaves = leaves_of(self.segment.region)
        return np.concatenate([_points(leaf) for leaf in leaves])

    @cached_property
    def middle(self) -> Array:
        """Middle. [mm]"""
        return np.asarray(self.points.mean(axis=0))

    @property
    def masked(self) -> bool:
        """Whether it is made of masks alone."""
        return all(isinstance(leaf, Mask) for leaf in leaves_of(self.segment.region))


def _points(leaf: Leaf) -> Array:
    if not isinstance(leaf, Mask):
        corners = np.concatenate(leaf.contours_mm)
        return np.asarray(corners[:: max(len(corners) // POINTS, 1)])
    flat = np.flatnonzero(leaf.share_zyx >= np.float32(0.5))
    flat = flat if len(flat) else np.flatnonzero(leaf.share_zyx)
    k, j, i = np.unravel_index(flat[:: max(len(flat) // POINTS, 1)], leaf.share_zyx.shape)
    z, y, x = leaf.centres_mm()
    return np.stack([x[i], y[j], z[k]], axis=-1)


def volume_of(region: Region) -> float:
    """Volume of a region, overlaps counted twice: for checks. [cm3]"""
    total = 0.0
    for leaf in leaves_of(region):
        if isinstance(leaf, Mask):
            total += leaf.volume_cm3
        else:
            stacks = stacks_of(leaf)
            total += slabs_of(stacks, "half", spacing_of(stacks) or 1.0).volume_cm3
    return total


def overlap_of(a: Region, b: Region) -> float | None:
    """Overlap (Dice) of two regions at the heights both have; None where they have none in common."""
    boxes = [np.stack([boxes[:, 0].min(axis=0), boxes[:, 1].max(axis=0)]) for boxes in (boxes_of(a), boxes_of(b))]
    low, high = np.min(boxes, axis=0)[0], np.max(boxes, axis=0)[1]
    low[2], high[2] = max(box[0, 2] for box in boxes), min(box[1, 2] for box in boxes)
    if not np.all(low < high):
        return None
    lines = [
        lo + (hi - lo) * (np.arange(n) + 0.5) / n for lo, hi, n in zip(low, high, (ACROSS, ACROSS, LEVELS), strict=True)
    ]
    points = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, 3)
    in_a, in_b = inside(a, points), inside(b, points)
    return float(2 * (in_a & in_b).sum() / max(in_a.sum() + in_b.sum(), 1))


@dataclass(frozen=True, slots=True, eq=False)
class Both:
    """An organ that is drawn and segmented, for overlaps of the mask and its mirror images with the contour."""

    held: Held
    drawn: Region
    drawn_cm3: float

    def dice(self, points: Array) -> float:
        """Overlap with the drawn organ of a mask whose points these are."""
        common = float(np.mean(inside(self.drawn, points))) * self.held.volume_cm3
        return 2 * common / (self.held.volume_cm3 + self.drawn_cm3)


def both_of(held: Sequence[Held], plan: Plan) -> list[Both]:
    """Masks of organs that are drawn too, large enough to tell."""
    out = []
    for one in held:
        drawn = plan.regions.get(one.segment.organ)
        if drawn is None or one.segment.organ == "Body" or not one.masked:
            continue
        volume = volume_of(drawn)
        if min(volume, one.volume_cm3) >= TELLING_CM3:
            out.append(Both(one, drawn, volume))
    return out
