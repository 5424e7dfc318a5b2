"""Two round contours and nothing above or below: a ball.

Two planes cannot tell a ball from a cylinder by themselves. The slices that show no contour can:
two round sections of radii r0 and r1, a gap apart, lie on one sphere,

    R^2 = r0^2 + t^2 = r1^2 + (gap - t)^2,

its centre a height t above the lower section, and when that sphere ends before the next slice on
either side it explains all that was drawn. Its radius is then below about one and a half spacings:
a structure that small and that round is far likelier a nodule or a lymph node than a flat disc.
This is an assumption; a finding says where it was made.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.stack import MISSING_STEP, Stack
from lymphorisk.findings import Finding, finding, rule

#: A contour is round when its area is this share of a circle's of the same girth: a regular hexagon and an ellipse
#: of 1.6 to 1 just are, a square is not.
ROUND = 0.9
#: Centres of the two contours may lie this share of the ball's radius apart: slanted, not two different things.
ASIDE = 0.25
#: A ball ends within a spacing of its outermost contours, with room for drawing: 5 % more.
CLOSED_SPACINGS = 1.05
#: The widest section may have this many times the area of the wider contour: no more is added than was drawn.
WIDEST = 2.0
#: Planes a ball is drawn out on: its DVH then is that of a sphere on planes as fine, right to 1 % in a steep peak.
PLANES = 12
#: Directions a girth is taken from, half a turn: right to 1e-4 for an ellipse of 1.6 to 1.
DIRECTIONS = 36

NODULE = rule(
    "LR107",
    "info",
    "two round contours taken for a ball",
    "A small round structure on two planes, which the slices around them do not show, is given the shape of a ball.",
)

Array = NDArray[np.float64]
Contours = tuple[Array, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Ball:
    """A ball through two contours; sections are the nearer contour, scaled. [mm]"""

    z_mm: Array
    contours: tuple[Array, Array]
    radii_mm: Array
    centres_mm: Array
    middle_mm: float
    radius_mm: float

    def planes(self) -> tuple[Array, tuple[Contours, ...]]:
        """Heights of its sections and their contours."""
        z = self.middle_mm + self.radius_mm * ((2 * np.arange(PLANES) + 1) / PLANES - 1)
        wide = np.sqrt(self.radius_mm**2 - (z - self.middle_mm) ** 2)
        drawn = []
        for height, radius in zip(z.tolist(), wide.tolist(), strict=True):
            k = int(abs(height - self.z_mm[1]) < abs(height - self.z_mm[0]))
            share = (height - self.z_mm[0]) / (self.z_mm[1] - self.z_mm[0])
            centre = self.centres_mm[0] + share * (self.centres_mm[1] - self.centres_mm[0])
            drawn.append((centre + (self.contours[k] - self.centres_mm[k]) * (radius / self.radii_mm[k]),))
        return z, tuple(drawn)


def with_balls(stack: Stack, spacing_mm: float) -> tuple[Stack, tuple[Ball, ...]]:
    """The stack with the balls among its pieces drawn out on more planes, and the balls.

    Parameters
    ----------
    stack : Stack
        Contours in planes.
    spacing_mm : float
        Usual spacing of the slices. [mm]
    """
    z: list[float] = []
    contours: list[Contours] = []
    bridged: set[int] = set()
    broken: set[int] = set()
    unions: dict[int, Array] = {}
    areas: list[float] = []
    balls: list[Ball] = []
    for first, last in stack.pieces():
        if z:
            broken.add(len(z) - 1)
        heights, planes = stack.z_mm[first : last + 1], stack.contours[first : last + 1]
        bridged |= {k - first + len(z) for k in stack.bridged if first <= k < last}
        unions |= {k - first + len(z): sign for k, sign in stack.unions.items() if first <= k <= last}
        sections = stack.areas_mm2[first : last + 1]
        if last == first + 1 and (ball := ball_of(heights, planes, spacing_mm)):
            heights, planes = ball.planes()
            sections = np.array([_area_and_centre(plane[0])[0] for plane in planes])
            balls.append(ball)
        z += heights.tolist()
        contours += planes
        areas += sections.tolist()
    if not balls:
        return stack, ()
    drawn = replace(
        stack,
        z_mm=np.array(z),
        contours=tuple(contours),
        bridged=frozenset(bridged),
        broken=frozenset(broken),
        unions=unions,
        areas_mm2=np.array(areas),
    )
    return drawn, tuple(balls)


def ball_of(z_mm: Array, planes: tuple[Contours, ...], spacing_mm: float) -> Ball | None:
    """The ball through two planes; None when they, or the slices around them, do not speak for one."""
    gap = float(z_mm[1] - z_mm[0])
    if gap > MISSING_STEP * spacing_mm or any(len(plane) > 1 for plane in planes):
        return None
    below, above = planes[0][0], planes[1][0]
    (area0, centre0), (area1, centre1) = _area_and_centre(below), _area_and_centre(above)
    if min(area0, area1) <= 0 or min(_roundness(below, area0), _roundness(above, area1)) < ROUND:
        return None
    square0, square1 = area0 / np.pi, area1 / np.pi
    t = (square1 - square0 + gap * gap) / (2 * gap)
    radius = float(np.sqrt(square0 + t * t))
    closed = max(radius - t, t + radius - gap) <= CLOSED_SPACINGS * gap
    narrow = radius**2 <= WIDEST * max(square0, square1)
    aligned = float(np.hypot(*(centre1 - centre0))) <= ASIDE * radius
    if not (closed and narrow and aligned):
        return None
    radii, centres = np.sqrt(np.array([square0, square1])), np.array([centre0, centre1])
    return Ball(z_mm, (below, above), radii, centres, float(z_mm[0]) + t, radius)


def findings_of_balls(balls: Iterable[Ball], where: str) -> list[Finding]:
    """A finding for each ball."""
    return [
        finding(
            NODULE,
            f"two round contours at z = {b.z_mm[0]:g} and {b.z_mm[1]:g} mm are taken for a ball "
            f"{2 * b.radius_mm:.1f} mm across",
            where,
            "draw it on finer slices, or use end caps 'none'",
        )
        for b in balls
    ]


def _area_and_centre(contour: Array) -> tuple[float, Array]:
    """Area and centre of a polygon. [mm2, mm]"""
    start = contour - contour[0]
    end = np.roll(start, -1, axis=0)
    twice = start[:, 0] * end[:, 1] - end[:, 0] * start[:, 1]
    total = float(twice.sum())
    if total == 0:
        return 0.0, contour[0]
    return 0.5 * abs(total), contour[0] + (start + end).T @ twice / (3 * total)


def _roundness(contour: Array, area: float) -> float:
    """Area over that of a circle with the girth of the contour's convex hull: pi times its mean width (Cauchy)."""
    angle = np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    girth = np.pi * float(np.ptp(contour @ np.array([np.cos(angle), np.sin(angle)]), axis=0).mean())
    return 2 * 2 * np.pi * area / girth**2
