"""Coverage of unions, intersections and differences from the coverage of their members.

Where one of two regions covers a pixel wholly or not at all, their overlap is the smaller coverage. Where
both rims pass through a pixel, the overlap depends on which sides they cover: all of the smaller
when they face the same way (a target drawn along its organ), only the excess over one when they face
each other (neighbours that share a border), the product when they cross at right angles. The
directions of the rims are the gradients of the coverages; in between, the cosine decides.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.coverage import TRACE
from lymphorisk.dvh.regions import Difference, Intersection, Leaf, Region, Union

#: Gradients of coverage below this have no direction.
FAINT = 1e-6

Map = NDArray[np.float32]


def share_of(region: Region, of_leaf: Callable[[Leaf], Map | None]) -> Map | None:
    """Coverage of a region's pixels; None when nothing of it is there.

    Parameters
    ----------
    region : Region
        Structure, mask, union, intersection or difference.
    of_leaf : callable
        Coverage of a structure or mask, shape (ny, nx), or None.
    """
    if isinstance(region, Leaf):
        return of_leaf(region)
    if isinstance(region, Difference):
        base, minus = share_of(region.base, of_leaf), share_of(region.minus, of_leaf)
        return base if base is None or minus is None else base - overlap(base, minus)
    parts = [share_of(m, of_leaf) for m in region.members]
    there = [p for p in parts if p is not None]
    if isinstance(region, Union):
        return reduce(lambda a, b: a + b - overlap(a, b), there) if there else None
    assert isinstance(region, Intersection)
    return reduce(overlap, there) if len(there) == len(parts) else None


def overlap(a: Map, b: Map) -> Map:
    """Coverage common to two regions, shape (ny, nx)."""
    common = np.minimum(a, b)
    j, i = np.nonzero((common > TRACE) & (np.maximum(a, b) < 1 - TRACE))
    if not len(j):
        return common
    x, y = a[j, i], b[j, i]
    ax, ay = _gradient(a, j, i)
    bx, by = _gradient(b, j, i)
    length = np.hypot(ax, ay) * np.hypot(bx, by)
    cosine = np.where(length > FAINT, (ax * bx + ay * by) / np.maximum(length, FAINT), 0)
    crossing = x * y
    limit = np.where(cosine > 0, np.minimum(x, y), np.maximum(x + y - 1, 0))
    common[j, i] = crossing + np.abs(cosine) * (limit - crossing)
    return common


def _gradient(share: Map, j: NDArray[np.intp], i: NDArray[np.intp]) -> tuple[Map, Map]:
    return share[j, i + 1] - share[j, i - 1], share[j + 1, i] - share[j - 1, i]
