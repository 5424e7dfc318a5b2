"""From contour planes to a body: what lies between the planes and beyond the outermost ones."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.coverage import Lattice, coverage
from lymphorisk.errors import UnsupportedGeometryError
from lymphorisk.plan.structures import Structure

#: Contours this close along z are of one plane: exports round positions to 0.01 mm. [mm]
SAME_PLANE_MM = 0.02
#: A contour may leave its plane by this much: rounding, and couch angles too small to matter. [mm]
FLAT_MM = 0.1
#: Fewest corners of an area.
FEWEST_POINTS = 3

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
    """

    z_mm: Array
    contours: tuple[tuple[Array, ...], ...]

    def box(self) -> tuple[Array, Array]:
        """Lowest and highest corner in x, y. [mm]"""
        low = np.min([c.min(axis=0) for plane in self.contours for c in plane], axis=0)
        high = np.max([c.max(axis=0) for plane in self.contours for c in plane], axis=0)
        return low, high


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
    for c in kept:
        if np.ptp(c[:, 2]) > FLAT_MM:
            raise UnsupportedGeometryError(
                f"ROI {structure.number} ({structure.name}) has contours outside the axial planes",
                "redraw or resample the structure on axial slices",
            )
    heights = np.array([float(c[0, 2]) for c in kept])
    order = np.argsort(heights, kind="stable")
    starts = np.concatenate([[0], np.flatnonzero(np.diff(heights[order]) > SAME_PLANE_MM) + 1, [len(order)]])
    z, planes = [], []
    for a, b in pairwise(starts):
        members = order[a:b]
        z.append(float(heights[members].mean()))
        planes.append(tuple(kept[m][:, :2] for m in sorted(members)))
    return Stack(np.array(z), tuple(planes))


@dataclass(frozen=True, slots=True, eq=False)
class Solid:
    """A body as slabs: slab n spans edges n and n+1 and is covered by ``maps[source[n]]``."""

    edges_mm: Array
    maps: NDArray[np.float32]

    def between(self, low_mm: float, high_mm: float) -> NDArray[np.float32] | None:
        """Mean coverage of the pixels between two heights; None when nothing is there."""
        a = np.searchsorted(self.edges_mm, low_mm, side="right") - 1
        b = np.searchsorted(self.edges_mm, high_mm, side="left")
        total: NDArray[np.float32] | None = None
        for n in range(max(int(a), 0), min(int(b), len(self.maps))):
            overlap = min(high_mm, self.edges_mm[n + 1]) - max(low_mm, self.edges_mm[n])
            share = np.float32(overlap / (high_mm - low_mm))
            if share >= 1:
                return np.asarray(self.maps[n])
            part = np.asarray(self.maps[n] * share)
            total = part if total is None else total + part
        return total


def solid_of(stack: Stack, lattice: Lattice, end_caps: str, spacing_mm: float) -> Solid:
    """The body of a stack on a lattice."""
    z = stack.z_mm
    maps = coverage(stack.contours, lattice)
    if len(z) == 1:
        return Solid(np.array([z[0] - 0.5 * spacing_mm, z[0] + 0.5 * spacing_mm]), maps)
    middle = 0.5 * (z[1:] + z[:-1])
    first, last = z[0], z[-1]
    if end_caps == "half":
        first, last = z[0] - 0.5 * (z[1] - z[0]), z[-1] + 0.5 * (z[-1] - z[-2])
    return Solid(np.concatenate([[first], middle, [last]]), maps)
