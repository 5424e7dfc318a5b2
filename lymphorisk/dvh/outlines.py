"""The contours of one structure before they become a body: which enclose nothing, stand twice, are nested or cross.

Areas that two contours share are measured along scan lines, exact along x, for all pairs at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

#: Scan lines across what two contours may share, and the share of an area they are right to.
SCAN_LINES = 64
SCAN_SHARE = 3e-3
#: A contour drawn again by hand or moved by half a pixel of a CT: copies this close, on the average of the outline,
#: are one contour. Walls thinner than this are below any CT. [mm]
DRAWN_MM = 0.55
#: And their boxes are this close. [mm]
DRAWN_BOX_MM = 0.8
#: Of what is this small (share of the root of the area) neither is a drawing tolerance.
DRAWN_SHARE = 0.1
#: Contours of an XOR structure cancel on purpose: only copies of the same numbers are one. [mm]
SAME_MM = 0.1
#: Shared areas below this share of the smaller contour are a common border.
BORDER_SHARE = 0.01
#: From this share on the smaller contour lies within the larger, its border drawn a little across.
NESTED_SHARE = 0.9
#: But a hole leaves of the larger several times what it stands out itself: two drawings of one outline do not.
OUT_SHARE = 0.2
#: Contours of less than this share of their box, or this area, may be points, lines or cancelled. [-, mm2]
THIN_SHARE = 1e-3
SPECK_MM2 = 1e-3
#: Coordinates closer than this are one point. [mm]
SAME_POINT_MM = 1e-3
#: What two contours share is no higher than this: nothing. [mm]
NOTHING_MM = 1e-9
#: Fewest corners of an area.
FEWEST_POINTS = 3
#: Pairs of contours that are looked at in a structure, and pairs whose boxes meet on one plane and between planes: a
#: skeleton of a hundred pieces on each of three hundred planes stays below.
MOST_PAIRS = 10_000_000
MOST_MEETING = 200_000
MOST_LINKED = 1_000_000
#: Pairs, and edges of contours, held at once.
PAIRS_AT_ONCE = 1 << 18
EDGES_AT_ONCE = 1 << 15

Array = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Outlines:
    """Contours in the plane, one after the other.

    Attributes
    ----------
    points : ndarray, shape (n, 2)
        Corners of all contours. [mm]
    starts, lengths : ndarray, shape (k,)
        First corner and number of corners of each.
    low, high : ndarray, shape (k, 2)
        Their boxes. [mm]
    area : ndarray, shape (k,)
        Area by the signs of the turns, without the sign; that of a contour that crosses itself is smaller than
        what it encloses. [mm2]
    """

    points: Array
    starts: Index
    lengths: Index
    low: Array
    high: Array
    area: Array

    def after(self) -> Index:
        """The corner that follows each corner."""
        after = np.arange(1, len(self.points) + 1)
        after[self.starts + self.lengths - 1] = self.starts
        return after


def outlines_of(contours: Sequence[Array]) -> Outlines:
    """Contours, each of shape (n, 2), with what is known of each."""
    lengths = np.array([len(c) for c in contours], np.intp)
    points = np.concatenate(contours)
    starts = np.cumsum(lengths) - lengths
    low, high = np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)
    from_corner = points - np.repeat(points[starts], lengths, axis=0)
    x, y = from_corner[:, 0], from_corner[:, 1]
    # the first corner is the origin: the edge that closes the contour adds nothing
    cross = np.zeros(len(points))
    cross[:-1] = x[:-1] * y[1:] - x[1:] * y[:-1]
    cross[starts + lengths - 1] = 0
    return Outlines(points, starts, lengths, low, high, 0.5 * np.abs(np.add.reduceat(cross, starts)))


def once(contour: Array) -> Array:
    """A contour that goes round several times, going round once; any other as it is."""
    n = len(contour)
    near = np.abs(contour - contour[0]).max(axis=1) <= SAME_POINT_MM
    for period in np.flatnonzero(near[FEWEST_POINTS : n - FEWEST_POINTS + 1]) + FEWEST_POINTS:
        rounds, rest = divmod(n, int(period))
        if rounds > 1 and rest <= 1:
            again = np.abs(contour[period : rounds * period] - contour[: (rounds - 1) * period]).max()
            if again <= SAME_POINT_MM:
                return contour[:period]
    return contour


class TooManyError(Exception):
    """More contours lie over each other than can be told apart."""


def shared(of: Outlines, first: Index, second: Index) -> Array:
    """Area common to pairs of contours, each by even-odd, shape (pairs,); of a contour and itself, its own. [mm2]"""
    edges = np.cumsum(of.lengths[first] + of.lengths[second])
    parts = np.flatnonzero(np.diff(edges // EDGES_AT_ONCE)) + 1
    pairs = zip(np.split(first, parts), np.split(second, parts), strict=True)
    return np.concatenate([_shared(of, a, b) for a, b in pairs])


def _shared(of: Outlines, first: Index, second: Index) -> Array:
    if not len(first):
        return np.zeros(0)
    low = np.maximum(of.low[first, 1], of.low[second, 1])
    high = np.minimum(of.high[first, 1], of.high[second, 1])
    step = np.where(high - low > NOTHING_MM, high - low, 0.0) / SCAN_LINES
    after = of.after()
    lines, places, whose = [], [], []
    for who, contour in enumerate((first, second)):
        count = np.where(step > 0, of.lengths[contour], 0)
        pair = np.repeat(np.arange(len(first)), count)
        edge = of.starts[contour][pair] + ramp(count)
        x0, y0 = of.points[edge].T
        x1, y1 = of.points[after[edge]].T
        v0, v1 = (y0 - low[pair]) / step[pair] - 0.5, (y1 - low[pair]) / step[pair] - 0.5
        begin = np.clip(np.ceil(np.minimum(v0, v1)), 0, SCAN_LINES)
        count = (np.clip(np.ceil(np.maximum(v0, v1)), 0, SCAN_LINES) - begin).astype(np.intp)
        which = np.repeat(np.arange(len(edge)), count)
        line = begin[which] + ramp(count)
        rise = np.where(v1 == v0, 1.0, v1 - v0)
        places.append(x0[which] + (line - v0[which]) * ((x1 - x0) / rise)[which])
        lines.append(pair[which] * SCAN_LINES + line.astype(np.intp))
        whose.append(np.full(len(which), who))
    line, place, who_ = np.concatenate(lines), np.concatenate(places), np.concatenate(whose)
    order = np.lexsort((place, line))
    line, place, who_ = line[order], place[order], who_[order]
    # each line meets each contour an even number of times, so that parities begin anew with each line
    inside = (np.cumsum(who_ == 0) % 2 == 1) & (np.cumsum(who_ == 1) % 2 == 1)
    length = np.zeros(len(place))
    length[:-1] = np.where(inside[:-1], np.diff(place), 0)
    return np.asarray(np.bincount(line // SCAN_LINES, length, len(first)) * step, np.float64)


def ramp(count: Index) -> Index:
    """0, 1, .. count[0]-1, 0, 1, .. count[1]-1, ..."""
    ends = np.cumsum(count)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) - np.repeat(ends - count, count)


def enclosing(of: Outlines) -> NDArray[np.bool_]:
    """Which contours enclose an area: no points, no lines, none that goes forth and back, shape (k,)."""
    box = np.prod(of.high - of.low, axis=1)
    thin = np.flatnonzero(of.area <= np.maximum(THIN_SHARE * box, SPECK_MM2))
    out = np.ones(len(of.area), bool)
    # a figure of eight turns as much to the left as to the right, and encloses both loops
    out[thin] = shared(of, thin, thin) > np.maximum(THIN_SHARE * box[thin], SPECK_MM2)
    return out


def copies(contours: Sequence[Array], heights: Array) -> NDArray[np.bool_]:
    """Which contours stand at their height (k,) before, number by number, shape (k,)."""
    seen: set[tuple[float, bytes]] = set()
    again = np.zeros(len(contours), bool)
    for k, contour in enumerate(contours):
        key = float(heights[k]), sha256(contour.tobytes()).digest()
        again[k] = key in seen
        seen.add(key)
    return again


def pairs_that(
    meet: Callable[[Index, Index], NDArray[np.bool_]], first: Index, count: Index, most: int
) -> tuple[Index, Index]:
    """Contours and those of the `count` (k,) contours from `first` (k,) on that they meet.

    Raises
    ------
    TooManyError
        There are more pairs than are looked at, or more than `most` that meet.
    """
    before = np.cumsum(count) - count
    if count.sum() > MOST_PAIRS:
        raise TooManyError(f"{len(count)} contours lie on few planes")
    kept: list[tuple[Index, Index]] = []
    for rows in np.split(np.arange(len(count)), np.flatnonzero(np.diff(before // PAIRS_AT_ONCE)) + 1):
        a = np.repeat(rows, count[rows])
        b = np.repeat(first[rows], count[rows]) + ramp(count[rows])
        met = meet(a, b)
        kept.append((a[met], b[met]))
        if sum(len(a) for a, _ in kept) > most:
            raise TooManyError(f"{len(count)} contours lie over each other")
    return np.concatenate([a for a, _ in kept]), np.concatenate([b for _, b in kept])


def on_one_plane(meet: Callable[[Index, Index], NDArray[np.bool_]], plane: Index) -> tuple[Index, Index]:
    """Pairs of contours of one plane that meet, the earlier drawn first; `plane` (k,) increases."""
    here = np.arange(len(plane))
    return pairs_that(meet, here + 1, np.searchsorted(plane, plane, side="right") - here - 1, MOST_MEETING)


def doubles(of: Outlines, plane: Index, xor: bool) -> NDArray[np.bool_]:
    """Which contours stand on their plane a second time, shape (k,)."""
    again = np.zeros(len(plane), bool)
    most = SAME_MM if xor else DRAWN_BOX_MM

    def near(a: Index, b: Index) -> NDArray[np.bool_]:
        apart = np.maximum(np.abs(of.low[a] - of.low[b]), np.abs(of.high[a] - of.high[b])).max(axis=1, initial=0)
        return np.asarray(apart <= most)

    a, b = on_one_plane(near, plane)
    if not len(a):
        return again
    smaller = np.minimum(of.area[a], of.area[b])
    own = shared(of, np.concatenate([a, b]), np.concatenate([a, b])).reshape(2, -1)
    common = shared(of, a, b)
    wide = np.abs(of.points[of.after()] - of.points)
    girth = np.add.reduceat(np.hypot(wide[:, 0], wide[:, 1]), of.starts)
    between = (own[0] + own[1] - 2 * common) / np.maximum(np.maximum(girth[a], girth[b]), SAME_POINT_MM)
    limit = np.minimum(SAME_MM if xor else DRAWN_MM, DRAWN_SHARE * np.sqrt(np.minimum(own[0], own[1])))
    # two scan-line areas of one contour agree to a part in a thousand
    limit = np.maximum(limit, BORDER_SHARE * smaller / np.maximum(girth[a], SAME_POINT_MM))
    for i, j in zip(a[between <= limit].tolist(), b[between <= limit].tolist(), strict=True):
        if not again[i]:
            again[j] = True
    return again


@dataclass(frozen=True, slots=True, eq=False)
class Arrangement:
    """How the contours of each plane lie to each other.

    Attributes
    ----------
    sign : ndarray, shape (k,)
        -1 for holes, +1 for others.
    crossing : tuple of int
        Planes with contours that cross without lying within each other.
    areas_mm2 : ndarray, shape (planes,)
        What each plane encloses. [mm2]
    """

    sign: Array
    crossing: tuple[int, ...]
    areas_mm2: Array


def arranged(of: Outlines, plane: Index, xor: bool, *, scanned: bool = False) -> Arrangement:
    """Contours of planes.

    Parameters
    ----------
    of : Outlines
        Contours, by plane.
    plane : ndarray, shape (k,)
        Plane of each, counted from 0, increasing.
    xor : bool
        Contours that cross cancel.
    scanned : bool
        Measure every contour by even-odd, also those that meet no other: slower, and right where one crosses itself.
    """
    planes = int(plane[-1]) + 1

    def meet(a: Index, b: Index) -> NDArray[np.bool_]:
        return np.asarray((np.minimum(of.high[a], of.high[b]) > np.maximum(of.low[a], of.low[b])).all(axis=1))

    a, b = on_one_plane(meet, plane)
    if not len(a) and not scanned:
        return Arrangement(np.ones(len(plane)), (), np.asarray(np.bincount(plane, of.area, planes), np.float64))
    both = np.arange(len(plane)) if scanned else np.unique(np.concatenate([a, b]))
    own = of.area.copy()
    scan = shared(of, both, both)
    # only the area of a contour that crosses itself is not that by its turns, which is exact
    own[both] = np.where(np.abs(scan - own[both]) <= BORDER_SHARE * own[both], own[both], scan)
    common = shared(of, a, b)
    smaller, larger = np.minimum(own[a], own[b]), np.maximum(own[a], own[b])
    nested = common >= NESTED_SHARE * smaller
    if not xor:
        nested &= smaller - common <= np.maximum(OUT_SHARE * (larger - common), SCAN_SHARE * smaller)
    crossing = (common > BORDER_SHARE * smaller) & ~nested
    depth = np.bincount(np.where(own[a] < own[b], a, b)[nested], minlength=len(plane))
    sign = np.where(depth % 2 == 0, 1.0, -1.0)
    areas = np.asarray(np.bincount(plane, sign * own, planes), np.float64)
    counted_twice = crossing & (sign[a] > 0) & (sign[b] > 0)
    areas -= np.bincount(plane[a[counted_twice]], (2 if xor else 1) * common[counted_twice], planes)
    return Arrangement(sign, tuple(np.unique(plane[a[crossing]]).tolist()), areas)
