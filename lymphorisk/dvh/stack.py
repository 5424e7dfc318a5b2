"""A structure's contours sorted into planes, and the gaps between the planes judged."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import UnsupportedGeometryError
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.plan.structures import Structure

#: Contours this close along z are of one plane: exports round positions to 0.01 mm. [mm]
SAME_PLANE_MM = 0.02
#: A contour may leave its plane by this much: rounding, and couch angles too small to matter. [mm]
FLAT_MM = 0.1
#: Fewest corners of an area.
FEWEST_POINTS = 3
#: A step wider than this many usual spacings has planes missing in it.
MISSING_STEP = 1.5
#: Only a regular spacing has planes missing: most steps are the usual one; otherwise the spacing is simply uneven.
REGULAR = 0.05
REGULAR_SHARE = 0.6
#: A gap of up to this many spacings has one plane missing.
ONE_MISSING = 2.5
#: A gap of more than this many spacings is bridged no more: the structure has two pieces.
BRIDGED_SPACINGS = 4.5

MISSING_PLANE = rule(
    "LR101",
    "warning",
    "contour planes missing",
    "The structure skips planes between others; the shape in between is interpolated from the planes around it.",
)
PIECES = rule(
    "LR102",
    "info",
    "structure in pieces",
    "The structure's planes lie so far apart, or so far beside each other, that it is taken for separate pieces.",
)
ONE_PLANE = rule(
    "LR103",
    "info",
    "structure drawn on one plane",
    "A structure on one plane has no spacing of its own; it is given the slice step of the CT, or of its set.",
)

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Contours of one structure, plane by plane.

    Attributes
    ----------
    z_mm : ndarray, shape (k,)
        Planes, increasing. [mm]
    contours : tuple of tuples of ndarray, shape (n, 2)
        Contours of each plane. [mm]
    spacing_mm : float, optional
        Usual spacing of the planes; None for a single plane. [mm]
    bridged : frozenset of int
        Intervals (k to k+1) with planes missing, to be interpolated.
    broken : frozenset of int
        Intervals (k to k+1) with nothing in between: the structure is in pieces.
    """

    z_mm: Array
    contours: tuple[tuple[Array, ...], ...]
    spacing_mm: float | None = None
    bridged: frozenset[int] = frozenset()
    broken: frozenset[int] = frozenset()

    def box(self) -> tuple[Array, Array]:
        """Lowest and highest corner in x, y. [mm]"""
        corners = np.concatenate([c for plane in self.contours for c in plane])
        x, y = corners[:, 0], corners[:, 1]
        return np.array([x.min(), y.min()]), np.array([x.max(), y.max()])

    def pieces(self) -> list[tuple[int, int]]:
        """First and last plane of each piece."""
        starts = [0, *(k + 1 for k in sorted(self.broken)), len(self.z_mm)]
        return [(a, b - 1) for a, b in pairwise(starts)]


def stack_of(structure: Structure) -> Stack | None:
    """The structure's contours sorted into planes; None when none encloses an area.

    Raises
    ------
    UnsupportedGeometryError
        A contour does not lie in a plane of constant patient z.
    """
    kept = [c for c in structure.contours_mm if len(c) >= FEWEST_POINTS]
    if not kept:
        return None
    starts = np.concatenate([[0], np.cumsum([len(c) for c in kept])[:-1]])
    z = np.concatenate([c[:, 2] for c in kept])
    if (np.maximum.reduceat(z, starts) - np.minimum.reduceat(z, starts)).max() > FLAT_MM:
        raise UnsupportedGeometryError(
            f"ROI {structure.number} ({structure.name}) has contours outside the axial planes",
            "redraw or resample the structure on axial slices",
        )
    heights = z[starts]
    order = np.argsort(heights, kind="stable")
    borders = np.concatenate([[0], np.flatnonzero(np.diff(heights[order]) > SAME_PLANE_MM) + 1, [len(order)]])
    z_mm = np.add.reduceat(heights[order], borders[:-1]) / np.diff(borders)
    planes = [tuple(kept[m][:, :2] for m in sorted(order[a:b])) for a, b in pairwise(borders)]
    bridged, broken = _gaps(z_mm, planes)
    spacing = float(np.median(np.diff(z_mm))) if len(z_mm) > 1 else None
    return Stack(z_mm, tuple(planes), spacing, bridged, broken)


def _gaps(z: Array, planes: list[tuple[Array, ...]]) -> tuple[frozenset[int], frozenset[int]]:
    if len(z) < 3:
        return frozenset(), frozenset()
    steps = np.diff(z)
    usual = float(np.median(steps))
    wide = np.flatnonzero(steps > MISSING_STEP * usual)
    regular = float(np.mean(np.abs(steps - usual) <= REGULAR * usual)) >= REGULAR_SHARE
    bridged: set[int] = set()
    broken: set[int] = set()
    for k in wide.tolist():
        # one plane missing: a slanted structure may have moved as far sideways
        aside = float(steps[k]) if steps[k] <= ONE_MISSING * usual else 0.0
        near = steps[k] <= BRIDGED_SPACINGS * usual and _overlap(planes[k], planes[k + 1], aside)
        if not near:
            broken.add(k)
        elif regular:
            bridged.add(k)
    return frozenset(bridged), frozenset(broken)


def _overlap(below: tuple[Array, ...], above: tuple[Array, ...], aside_mm: float) -> bool:
    """Whether the boxes of any two contours of neighbouring planes come within a distance."""
    return any(
        bool((a.min(axis=0) <= b.max(axis=0) + aside_mm).all() and (b.min(axis=0) <= a.max(axis=0) + aside_mm).all())
        for a in below
        for b in above
    )


def findings_of(structure: Structure, stack: Stack, spacing_mm: float) -> list[Finding]:
    """What there is to say about a structure's planes."""
    where = f"ROI {structure.number} {structure.name}"
    found = []
    if stack.bridged:
        at = ", ".join(f"{stack.z_mm[k]:g} to {stack.z_mm[k + 1]:g}" for k in sorted(stack.bridged))
        found.append(
            finding(
                MISSING_PLANE,
                f"planes are missing between z = {at} mm (usual spacing {stack.spacing_mm:g} mm); "
                "the shape is interpolated",
                where,
                "check the contours of these slices",
            )
        )
    if stack.broken:
        found.append(finding(PIECES, f"{len(stack.broken) + 1} pieces along z, each with end caps of its own", where))
    if len(stack.z_mm) == 1:
        found.append(finding(ONE_PLANE, f"taken to be {spacing_mm:g} mm thick", where))
    return found
