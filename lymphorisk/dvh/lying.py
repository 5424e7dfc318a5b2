"""Bodies that lie along a slice: the law by which their sections grow and shrink.

The width w of a lying tube's section follows a circle, w^2 a parabola in z, while its length stays: the area goes as w.
Balls and ellipsoids shrink in both directions: the area goes as w^2, itself a parabola. A tube with round ends is the
sum of both, area = a w + b w^2. Where the term in w leads, what is steady from plane to plane is w^2, not the area.

Two planes tell no law by themselves. As with balls (`nodule`), the slices that show no contour help: two long sections
of one length lie on one round tube, and when that tube ends before the next slice on either side it explains all that
was drawn. This is an assumption; a finding says where it was made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.outlines import outlines_of
from lymphorisk.dvh.stack import Stack
from lymphorisk.findings import Finding, finding, rule

Array = NDArray[np.float64]

#: Share of the area that goes as the width from which on a body lies along its slices.
LYING_SHARE = 0.5
#: The law holds when it gives each of the areas within this share.
LAW_TOLERANCE = 0.05
#: Widths that vary by less than this share tell nothing of the law beyond the last of them.
VARIED_SHARE = 0.05
#: Between planes whose widths vary by less than this share, an area bends as its square does.
BENT_SHARE = 0.25
#: Of a round tube, w^2 = 4 (R^2 - z^2): its second derivative.
ROUND_BEND = -8.0
#: Round ends add a disc of the width's diameter.
ROUND_ENDS = 0.25 * np.pi
#: A strip that falls through a slit this many times as wide as it, taken for one with round ends, is straight: one
#: with square ends, twice as long as wide, is 16 % wider than that.
STRAIGHT = 1.2
#: A contour's corners are looked for over this share of a strip's width to either side. Along it a round end turns by
#: 34 degrees, a square one by 90.
CORNER_SHARE = 0.3
#: A turn is a corner from here on. [degree]
CORNER_DEG = 62.0
#: Points in that stretch: contours are drawn with sides of any length.
CORNER_POINTS = 3
#: A strip with two square ends has so many.
CORNERS = 4
#: Sections of a tube on two planes are so many times as long as wide, or longer.
LONG = 2.5
#: A tube ends within a spacing of its outermost contours, with room for drawing: 5 % more.
CLOSED_SPACINGS = 1.05
#: The widest section of a tube drawn on two planes is at most so many times as wide as the wider contour.
WIDEST = 2.0

TUBE = rule(
    "LR108",
    "info",
    "two long contours taken for a lying tube",
    "A long structure on two planes, which the slices around them do not show, is given a round cross-section.",
)


@dataclass(frozen=True, slots=True)
class WidthLaw:
    """Sections whose area is ``by_width w + by_square w^2``. [mm2, mm]"""

    by_width: float
    by_square: float

    def square(self, area_mm2: Array) -> Array:
        """w^2 of sections of an area; it runs as a parabola where the area does not. [mm2]"""
        area = np.maximum(area_mm2, 0)
        # the root of b w^2 + a w = area, well behaved for b = 0
        w = 2 * area / (self.by_width + np.sqrt(self.by_width**2 + 2 * 2 * self.by_square * area))
        return np.asarray(w * w)

    def area(self, square: Array) -> Array:
        """Area of sections of a squared width. [mm2]"""
        square = np.maximum(square, 0)
        return np.asarray(self.by_width * np.sqrt(square) + self.by_square * square)


def width_mm(area_mm2: Array, girth_mm: Array, ends: float = ROUND_ENDS) -> Array:
    """Width of the strip that has an area and a perimeter; with round ends, the diameter of a disc. [mm]

    `ends` is the area of both ends in squares of the width: `ROUND_ENDS`, or nothing where they are square.
    """
    quarter = 0.5 * 0.5 * girth_mm
    # area = 2 quarter w - c w^2
    c = 1 - ends / ROUND_ENDS * (1 - ROUND_ENDS)
    return np.asarray((quarter - np.sqrt(np.maximum(quarter * quarter - c * area_mm2, 0))) / c)


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
    if len(area) < 3 or min(area.tolist()) <= 0:
        return None
    narrow, wide = min(width.tolist()), max(width.tolist())
    if narrow <= 0 or wide - narrow <= varied * wide:
        return None
    # least squares of a x + b y = 1
    x, y = width / area, width * width / area
    xx, xy, yy = float(x @ x), float(x @ y), float(y @ y)
    a, b = float(yy * x.sum() - xy * y.sum()), float(xx * y.sum() - xy * x.sum())
    a, b = (a / (xx * yy - xy * xy), b / (xx * yy - xy * xy)) if b > 0 else (float(x.sum()) / xx, 0.0)
    if a <= 0 or np.abs(a * x + b * y - 1).max() > LAW_TOLERANCE or a * x.min() < LYING_SHARE:
        return None
    return WidthLaw(a, b)


@dataclass(frozen=True, slots=True)
class Tube:
    """A lying tube through two planes: their heights, the law of its sections, and how far it swells beyond them."""

    z_mm: tuple[float, float]
    law: WidthLaw
    swell_mm: float


def tubes_of(stack: Stack) -> dict[int, Tube]:
    """The round tubes among the pieces of two planes, by the first plane."""
    pairs = [first for first, last in stack.pieces() if last == first + 1 and first not in stack.bridged]
    return {first: tube for first in pairs if (tube := _tube(stack, first)) is not None}


def _tube(stack: Stack, first: int) -> Tube | None:
    """The round tube through a plane and the next; None when they, or the slices around, do not speak for one."""
    area = stack.areas_mm2[first : first + 2]
    if area.min() <= 0:
        return None
    lower, upper = (_width_and_ends(stack.contours[first + n], float(area[n])) for n in (0, 1))
    if lower is None or upper is None:
        return None
    width, ends = np.array([lower[0], upper[0]]), 0.5 * (lower[1] + upper[1])
    low, high = stack.z_mm[first : first + 2].tolist()
    gap = high - low
    below, above = (0.5 * width).tolist()
    # height of the middle above the lower plane, and the radius
    middle = (above * above - below * below + gap * gap) / (2 * gap)
    radius = float(np.hypot(below, middle))
    ends_between_slices = max(radius - middle, radius - gap + middle) <= CLOSED_SPACINGS * gap
    narrow = 2 * radius <= WIDEST * width.max()
    length = area / width - ends * width
    alike = length.min() > 0 and np.ptp(length) <= LAW_TOLERANCE * length.max()
    long = (area >= LONG * width * width).all()
    if not (ends_between_slices and narrow and alike and long):
        return None
    return Tube((low, high), WidthLaw(float(length.mean()), ends), radius - min(below, above))


def _width_and_ends(contours: Sequence[Array], area_mm2: float) -> tuple[float, float] | None:
    """Width of a long section, and its area in squares of the width beyond what goes as the width; None of several
    contours beside each other. [mm, -]

    A ring has no ends. The straight strip's width is that of the narrowest slit it falls through, its ends are round as
    far as the box around it is empty there. A bent one's ends are round save for the corners that were drawn.
    """
    girth = girths_mm([contours])
    if outlines_of(contours).area.max() > area_mm2:
        return float(2 * area_mm2 / girth[0]), 0.0
    if len(contours) > 1:
        return None
    width = float(width_mm(np.array([area_mm2]), girth)[0])
    sides = np.roll(contours[0], -1, axis=0) - contours[0]
    sides = sides[np.hypot(sides[:, 0], sides[:, 1]) > 0]
    along = sides / np.hypot(sides[:, 0], sides[:, 1])[:, None]
    across = np.ptp(contours[0] @ np.stack([-along[:, 1], along[:, 0]]), axis=0)
    narrowest = int(across.argmin())
    slit = float(across[narrowest])
    if slit > STRAIGHT * width:
        ends = ROUND_ENDS * (1 - _corners(contours[0], width) / CORNERS)
        return float(width_mm(np.array([area_mm2]), girth, ends)[0]), ends
    box = slit * float(np.ptp(contours[0] @ along[narrowest]))
    return slit, float(np.clip((box - area_mm2) / (slit * slit) / (1 - ROUND_ENDS), 0, 1)) * ROUND_ENDS


def _corners(contour: Array, width: float) -> int:
    """Corners among a strip's outline, as many as two square ends have at most."""
    closed = np.concatenate([contour, contour[:1]])[:, :2]
    at = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    count = int(np.ceil(at[-1] * CORNER_POINTS / (CORNER_SHARE * width)))
    even = np.linspace(0, at[-1], count, endpoint=False)
    x, y = (np.interp(even, at, closed[:, axis]) for axis in (0, 1))
    points = x + 1j * y
    before = points - np.roll(points, CORNER_POINTS)
    turn = np.angle(np.roll(before, -CORNER_POINTS) / np.where(before == 0, 1, before))
    outline = np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)
    sharp = turn * np.sign(outline) > np.radians(CORNER_DEG)
    return min(int(np.count_nonzero(sharp & ~np.roll(sharp, 1))), CORNERS)


def findings_of_tubes(tubes: Iterable[Tube], where: str) -> list[Finding]:
    """A finding for each tube."""
    return [
        finding(
            TUBE,
            f"two long contours at z = {t.z_mm[0]:g} and {t.z_mm[1]:g} mm are taken for a lying tube",
            where,
            "draw it on finer slices, or use end caps 'none'",
        )
        for t in tubes
    ]
