"""Bodies that lie along a slice: the law by which their sections grow and shrink.

The width w of a lying tube's section follows a circle, w^2 a parabola in z, while its length stays: the area goes as w.
Balls and ellipsoids shrink in both directions: the area goes as w^2, itself a parabola. A tube with round ends is the
sum of both, area = a w + b w^2. Where the term in w leads, what is steady from plane to plane is w^2, not the area.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Share of the area that goes as the width from which on a body lies along its slices.
LYING_SHARE = 0.5
#: The law holds when it gives each of the areas within this share.
LAW_TOLERANCE = 0.05
#: Widths that vary by less than this share tell nothing of the law beyond the last of them.
VARIED_SHARE = 0.05
#: Between planes whose widths vary by less than this share, an area bends as its square does.
BENT_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class WidthLaw:
    """Sections whose area is ``by_width w + by_square w^2``; areas in the unit of the caller, widths in mm."""

    by_width: float
    by_square: float

    def square(self, area: Array) -> Array:
        """w^2 of sections of an area; it runs as a parabola where the area does not. [mm2]"""
        area = np.maximum(area, 0)
        # the root of b w^2 + a w = area, well behaved for b = 0
        w = 2 * area / (self.by_width + np.sqrt(self.by_width**2 + 2 * 2 * self.by_square * area))
        return np.asarray(w * w)

    def area(self, square: Array) -> Array:
        """Area of sections of a squared width."""
        square = np.maximum(square, 0)
        return np.asarray(self.by_width * np.sqrt(square) + self.by_square * square)


def width_mm(area_mm2: Array, girth_mm: Array) -> Array:
    """Width of the strip with round ends that has an area and a perimeter; the diameter of a disc. [mm]"""
    half = 0.5 * girth_mm
    return np.asarray((half - np.sqrt(np.maximum(half * half - np.pi * area_mm2, 0))) / (0.5 * np.pi))


def girths_mm(planes: Sequence[Sequence[Array]]) -> Array:
    """Length of all contours of each plane. [mm]"""
    contours = [c for plane in planes for c in plane]
    lengths = np.array([len(c) for c in contours])
    ends = np.cumsum(lengths)
    points = np.concatenate(contours)
    after = np.concatenate([points[1:], points[:1]])
    after[ends - 1] = points[ends - lengths]
    sides = after - points
    first = np.concatenate([[0], np.cumsum([len(plane) for plane in planes])[:-1]])
    return np.asarray(np.add.reduceat(np.hypot(sides[:, 0], sides[:, 1]), (ends - lengths)[first]), np.float64)


def width_law(area: Array, width: Array, varied: float = VARIED_SHARE) -> WidthLaw | None:
    """The law of a few sections in a row; None when they do not lie, do not vary, or follow no such law."""
    if len(area) < 3 or width.min() <= 0 or area.min() <= 0 or np.ptp(width) <= varied * width.max():
        return None
    # least squares of a x + b y = 1
    x, y = width / area, width * width / area
    xx, xy, yy = float(x @ x), float(x @ y), float(y @ y)
    a, b = float(yy * x.sum() - xy * y.sum()), float(xx * y.sum() - xy * x.sum())
    a, b = (a / (xx * yy - xy * xy), b / (xx * yy - xy * xy)) if b > 0 else (float(x.sum()) / xx, 0.0)
    if a <= 0 or np.abs(a * x + b * y - 1).max() > LAW_TOLERANCE or a * x.min() < LYING_SHARE:
        return None
    return WidthLaw(a, b)
