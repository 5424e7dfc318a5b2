"""From contour planes to a body: what lies between the planes and beyond the outermost ones.

A body is a pile of slabs, each with the coverage of its pixels.

Between two planes the rim travels from one contour to the other. A pixel inside one plane and
outside the next belongs to the body up to the height where the distances to the two contours say
the rim passes, ranked so that the area of the section follows a curve: the straight line between
the two areas, bent by the curvature that the neighbouring planes agree on. For a sphere, an
ellipsoid, a cone or a cylinder that curve is exact. Wide structures, whose planes change little
from one to the next, keep each contour to the middle between the planes and are given the volume
of the bulge in between.

Beyond the outermost planes the end-cap rule speaks. ``none``: the body ends at its outermost
contours. ``half``: when the areas of the last planes run smoothly to zero within about a spacing,
the body is closed there, as the next slice shows no contour; otherwise it is cut half a spacing
beyond the last contour. So a cube on 5 mm planes keeps half a slab at either end, and a sphere
its poles. Of a body that lies along its slices (a tube, a colon, a mandible) it is not the area that
runs as a parabola but the squared width of its sections: `lying`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import ceil

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.coverage import TRACE, Lattice, coverage
from lymphorisk.dvh.curve import EndCaps
from lymphorisk.dvh.lying import BENT_SHARE, ROUND_BEND, Tube, girths_mm, width_law, width_mm
from lymphorisk.dvh.rimward import Rim
from lymphorisk.dvh.stack import Stack

#: Planes closer than this share of the radius are not interpolated: their slabs are flat to 1 % of it.
FINE_SPACING = 0.1
#: Share of a plane that may differ from the next before the interval is interpolated all the same.
CHANGED_SHARE = 0.3
#: A plane that differs from the next this many times more than its neighbours do is a jump: a branch, a piece
#: that ends. Nothing travels there; each plane keeps to its half.
JUMP = 4.0
#: Thickness of an interpolated slab. [pixels]
SLAB_PIXELS = 2.0
#: The rim's path between two planes is worked out where it is wider than this, on the average of the outline. [pixels]
THIN_PIXELS = 1.5
#: Planes whose rims are kept: two at once are asked, and the next.
RIMS_KEPT = 3
#: Distances below this are none. [mm]
TOUCHING_MM = 1e-9
#: Most slabs between two planes: areas are averaged exactly, more would only split the dose finer.
MOST_SLABS = 12
#: The body closes by itself when its area runs to zero within this many spacings: one, with room for drawing.
CLOSING_SPACINGS = 1.25
#: Areas that change by less than this share between the last planes are a cut, not a closing.
CUT_SHARE = 0.02
#: The last area is smooth when its neighbours predict it within this share of the last step.
SMOOTH_SHARE = 0.6
#: A parabola whose minimum falls below this share of the last area has closed, as a cone does.
CLOSED_SHARE = 0.05
#: Quadrature points of an area curve over a slab; the curves are parabolas cut at zero.
QUADRATURE = 16
#: Half of the integral of t (1 - t) over 0..1.
HALF_OF_BULGE = 1 / 12
#: Corrections of volume below this are left out.
NEGLIGIBLE = 2e-4

Array = NDArray[np.float64]
Map = NDArray[np.float32]


#: Coverage of a section's pixels, shape (ny, nx), or how to work it out when it is its turn.
Section = Map | Callable[[], Map]


@dataclass(frozen=True, slots=True, eq=False)
class Solid:
    """A body as slabs: slab n spans ``edges_mm[n:n+2]`` and is covered by ``sections[n]``.

    Sections are worked out from the lowest to the highest and not kept: those of a large structure do not fit the
    cache, let alone all of them.
    """

    edges_mm: Array
    sections: tuple[Section, ...]

    def between(self, heights_mm: Array) -> Iterator[Map | None]:
        """Mean coverage of the pixels between each of several heights and the next; None where nothing is there."""
        first = np.searchsorted(self.edges_mm, heights_mm[:-1], side="right") - 1
        behind = np.searchsorted(self.edges_mm, heights_mm[1:], side="left")
        edges, slabs = self.edges_mm.tolist(), pairwise(heights_mm.tolist())
        at = zip(np.maximum(first, 0).tolist(), np.minimum(behind, len(self.sections)).tolist(), strict=True)
        known: dict[int, Map] = {}
        for (low, high), of in zip(slabs, at, strict=True):
            needed = [n for n in range(*of) if min(high, edges[n + 1]) > max(low, edges[n])]
            known = {n: known[n] if n in known else worked_out(self.sections[n]) for n in needed}
            yield _mean(low, high, edges, known)


@dataclass(frozen=True, slots=True, eq=False)
class Together:
    """Bodies that never meet, each with slabs of its own, as one."""

    solids: tuple[Solid, ...]

    @property
    def edges_mm(self) -> Array:
        """Where slabs of any of them begin and end. [mm]"""
        return np.unique(np.concatenate([solid.edges_mm for solid in self.solids]))

    def between(self, heights_mm: Array) -> Iterator[Map | None]:
        """Mean coverage of the pixels between each of several heights and the next; None where nothing is there."""
        for maps in zip(*(solid.between(heights_mm) for solid in self.solids), strict=True):
            there = [m for m in maps if m is not None]
            yield there[0] if len(there) == 1 else np.minimum(sum(there), np.float32(1)) if there else None


def worked_out(section: Section) -> Map:
    """Coverage of a section's pixels."""
    return section if isinstance(section, np.ndarray) else section()


def _mean(low_mm: float, high_mm: float, edges_mm: list[float], maps: Mapping[int, Map]) -> Map | None:
    """Mean coverage between two heights of the slabs there."""
    total: Map | None = None
    for n, covered in maps.items():
        share = np.float32((min(high_mm, edges_mm[n + 1]) - max(low_mm, edges_mm[n])) / (high_mm - low_mm))
        if share >= 1:
            return covered
        part = np.asarray(covered * share)
        total = part if total is None else total + part
    return total


def solid_of(stack: Stack, lattice: Lattice, end_caps: EndCaps, spacing_mm: float, tubes: Mapping[int, Tube]) -> Solid:
    """The body of a stack on a lattice.

    Parameters
    ----------
    stack : Stack
        Contours in planes.
    lattice : Lattice
        Pixels; the stack's box lies within.
    end_caps : str
        ``half`` or ``none``.
    spacing_mm : float
        Thickness of a structure drawn on one plane. [mm]
    tubes : mapping of int to Tube
        Pieces of two planes that are taken for lying tubes, by their first plane.
    """
    z, bridged = stack.z_mm, stack.bridged
    planes = _Planes(*coverage(stack.contours, lattice, stack.unions), lattice, z, girths_mm(stack.contours), tubes)
    edges: list[float] = []
    sections: list[Section] = []
    for first, last in stack.pieces():
        pile = _piece(planes, first, last, bridged, end_caps, min(spacing_mm, stack.spacing_mm or spacing_mm))
        if edges and pile[0][0] > edges[-1]:  # an empty slab keeps pieces apart
            sections.append(np.zeros_like(planes.maps[0]))
            edges.append(pile[0][0])
        if not edges:
            edges.append(pile[0][0])
        for _, high, share in pile:
            if high > edges[-1]:  # caps of neighbouring pieces may meet
                edges.append(high)
                sections.append(share)
    return Solid(np.array(edges), tuple(sections))


Slab = tuple[float, float, Section]


class _Planes:
    """Coverage of the contour planes with what is worked out from it once: areas and distances."""

    def __init__(
        self, maps: Map, areas: Array, lattice: Lattice, z: Array, girths: Array, tubes: Mapping[int, Tube]
    ) -> None:
        self.maps = tuple(maps)
        self.lattice, self.z = lattice, z
        self.areas = areas  # [pixels]
        self.areas_mm2 = areas * lattice.area_mm2
        self.widths = width_mm(self.areas_mm2, girths)
        self.tubes = tubes
        slopes = np.diff(areas) / np.diff(z)
        self._bends: list[float] = (2 * np.diff(slopes) / (z[2:] - z[:-2])).tolist()
        self._rims: dict[int, Rim] = {}
        self._way: _Way | None = None
        self._room: tuple[int, float, _Room] | None = None

    def way(self, k: int, curvature: float) -> _Way:
        """How the rim travels from plane k to the next; that of the last interval asked for is kept."""
        if self._way is None or self._way.k != k:
            self._way = _way(self, k, curvature)
        return self._way

    def resized(self, k: int, most: float, pixels: float) -> Map:
        """Plane k grown or shrunk by an area, of several of which `most` is the largest. [pixels]"""
        if self._room is None or self._room[:2] != (k, most):
            self._room = k, most, _room(self.maps[k], self, k, most)
        return self._room[2].resized(abs(pixels))

    def rim(self, k: int) -> Rim:
        """The rim of plane k; those of a few planes are kept, as neighbours ask for them in turn."""
        if k not in self._rims:
            if len(self._rims) >= RIMS_KEPT:
                del self._rims[next(iter(self._rims))]
            self._rims[k] = Rim(self.maps[k], self.lattice)
        return self._rims[k]

    def curvature(self, k: int, first: int, last: int) -> float:
        """Second derivative of the area that both neighbours of interval k, k+1 agree on. [pixels / mm2]"""
        low, high = max(k - 1, first), min(k + 2, last)
        tube = self.tubes.get(first)
        law = tube.law if tube else width_law(self.areas_mm2[low : high + 1], self.widths[low : high + 1], BENT_SHARE)
        if law is None:
            return _agreed([self._bends[n - 1] for n in (k, k + 1) if first < n < last])
        # the area's mean over the interval, as the squared width runs, is the line's and a sixth of a bulge
        square, z = law.square(self.areas_mm2[low : high + 1]), self.z[low : high + 1]
        slopes = np.diff(square) / np.diff(z)
        bend = ROUND_BEND if tube else _agreed((2 * np.diff(slopes) / (z[2:] - z[:-2])).tolist())
        gap = float(self.z[k + 1] - self.z[k])
        t = (np.arange(QUADRATURE) + 0.5) / QUADRATURE
        one, two = square[k - low], square[k + 1 - low]
        mean = float(law.area(one + (two - one) * t - 0.5 * bend * gap * gap * t * (1 - t)).mean())
        bulge = (mean / self.lattice.area_mm2 - 0.5 * float(self.areas[k] + self.areas[k + 1])) / (2 * HALF_OF_BULGE)
        return -2 * bulge / (gap * gap)


def _agreed(bends: list[float]) -> float:
    """The curvature that neighbours agree on: the least, none when they turn against each other."""
    if not bends or min(bends) * max(bends) < 0:
        return 0.0
    return min(bends, key=abs)


def _piece(
    planes: _Planes, first: int, last: int, bridged: frozenset[int], end_caps: EndCaps, spacing: float
) -> list[Slab]:
    """Slabs of the planes first..last, upwards, without a break."""
    z = planes.z
    if first == last:
        return [(float(z[first] - 0.5 * spacing), float(z[first] + 0.5 * spacing), planes.maps[first])]
    # end caps reach half of the last step, unless planes are missing in it
    down = spacing if first in bridged else z[first + 1] - z[first]
    up = spacing if last - 1 in bridged else z[last] - z[last - 1]
    usual = max((float(z[k + 1] - z[k]) for k in range(first, last) if k not in bridged), default=spacing)
    slabs: list[Slab] = []
    if end_caps == "half":
        slabs += [
            (2 * z[first] - b, 2 * z[first] - a, m) for a, b, m in reversed(_cap(planes, first, last, -1, down, usual))
        ]
    radius = np.sqrt(planes.areas[first : last + 1].max() * planes.lattice.area_mm2 / np.pi)
    # of every fourth pixel
    changed = [
        2 * 2 * float(np.abs(planes.maps[k + 1][::2, ::2] - planes.maps[k][::2, ::2]).sum()) for k in range(first, last)
    ]
    missed = np.zeros(len(z))
    for k in range(first, last):
        gap = z[k + 1] - z[k]
        low, high = planes.maps[k], planes.maps[k + 1]
        here = changed[k - first]
        beside = max([changed[n - first] for n in (k - 2, k - 1, k + 1, k + 2) if first <= n < last], default=np.inf)
        curvature = planes.curvature(k, first, last)
        wide = gap <= FINE_SPACING * radius and here <= CHANGED_SHARE * max(planes.areas[k], planes.areas[k + 1])
        jump = here > JUMP * beside and curvature == 0
        if k in bridged or not (wide or jump):
            slabs += _between(planes, k, curvature)
        else:
            middle = 0.5 * (z[k] + z[k + 1])
            slabs += [(z[k], middle, low), (middle, z[k + 1], high)]
            # either half misses as much of the bulge t (1 - t) between the planes [pixels mm]
            missed[k : k + 2] -= 0.5 * curvature * gap**3 * HALF_OF_BULGE
    if end_caps == "half":
        slabs += _cap(planes, last, first, 1, up, usual)
    plane_of = {id(planes.maps[k]): k for k in np.flatnonzero(missed).tolist()}
    return [(a, b, _rescaled(m, plane_of, missed, planes, b - a)) for a, b, m in _joined(slabs)]


def _rescaled(share: Section, plane_of: dict[int, int], missed: Array, planes: _Planes, thickness: float) -> Section:
    """A wide plane's coverage with the little volume its flat slab misses."""
    k = plane_of.get(id(share))
    if k is None:
        return share
    factor = float(1 + missed[k] / (planes.areas[k] * thickness))
    return share if abs(factor - 1) < NEGLIGIBLE else partial(np.multiply, planes.maps[k], np.float32(factor))


def _joined(slabs: list[Slab]) -> list[Slab]:
    """Neighbouring slabs that share a map made one."""
    kept: list[Slab] = []
    for low, high, share in slabs:
        if kept and kept[-1][2] is share:
            kept[-1] = (kept[-1][0], high, share)
        else:
            kept.append((low, high, share))
    return kept


def _between(planes: _Planes, k: int, curvature: float) -> list[Slab]:
    """Slabs between planes k and k+1, the rim travelling from one contour to the other."""
    z0, gap = float(planes.z[k]), float(planes.z[k + 1]) - float(planes.z[k])
    pitch = max(planes.lattice.pitch_x_mm, planes.lattice.pitch_y_mm)
    count = min(max(ceil(gap / (SLAB_PIXELS * pitch)), 2), MOST_SLABS)
    return [
        (z0 + a * gap, z0 + b * gap, partial(_section, planes, k, curvature, a, b))
        for a, b in pairwise(np.linspace(0, 1, count + 1).tolist())
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    """The rim's way from plane k to the next.

    Attributes
    ----------
    k : int
    change : ndarray of float32, shape (ny, nx)
        Of each pixel's coverage.
    bend, rest : float
        The area of the section is that of the law u = t + bend t (1 - t), and rest t (1 - t). [-, pixels]
    growing : ndarray of float32, shape (ny, nx), or None
        Sign of the change, where the way is no wider than the pixels.
    passed : list of _Passed
        Of a wider way.
    """

    k: int
    change: Map
    bend: float
    rest: float
    growing: Map | None
    passed: list[_Passed]


def _way(planes: _Planes, k: int, curvature: float) -> _Way:
    gap = float(planes.z[k + 1]) - float(planes.z[k])
    change = planes.maps[k + 1] - planes.maps[k]
    swept = float(np.abs(change).sum(dtype=np.float64))
    bulge = -0.5 * curvature * gap * gap  # section area is the line plus bulge t (1 - t)
    bend = min(max(bulge / swept, -1.0), 1.0) if swept > 0 else 0.0
    rest = bulge - bend * swept
    if swept <= THIN_PIXELS * np.sqrt(2 * np.pi * (planes.areas[k] + planes.areas[k + 1])):
        return _Way(k, change, bend, rest, np.sign(change), [])
    return _Way(k, change, bend, rest, None, _passed(planes, k, change, bend))


def _section(planes: _Planes, k: int, curvature: float, a: float, b: float) -> Map:
    """Mean coverage between two heights a and b, from 0 at plane k to 1 at the next."""
    way, low = planes.way(k, curvature), planes.maps[k]
    hump = ((b * b / 2 - b**3 / 3) - (a * a / 2 - a**3 / 3)) / (b - a)  # mean of t (1 - t)
    if way.growing is not None:
        # the strip is no wider than the pixels: where in it the rim stands does not matter
        share = way.growing * np.float32(way.bend * hump)
        share += np.float32(0.5 * (a + b))
        share *= way.change
        share += low
    else:
        share = low.copy()
        for part in way.passed:
            share.ravel()[part.pixels] += part.until(a, b)
    extra = way.rest * hump
    return share if extra == 0 else _room(share, planes, k if a + b < 1 else k + 1, extra).resized(abs(extra))


@dataclass(frozen=True, slots=True, eq=False)
class _Passed:
    """Pixels that the rim passes between two planes: how much each changes, and the height t at which it is passed."""

    pixels: NDArray[np.intp]
    change: Map
    at: Array

    def until(self, low: float, high: float) -> Array:
        """Mean change of each between two heights."""
        return np.asarray(self.change * ((high - self.at) / (high - low)).clip(0, 1))


def _passed(planes: _Planes, k: int, change: Map, bend: float) -> list[_Passed]:
    """What is lost and won between planes k and k+1, t from 0 to 1, ranked to the law u = t + bend t (1 - t)."""
    both = [
        (p, b) for p, b in ((np.flatnonzero(change < -TRACE), -bend), (np.flatnonzero(change > TRACE), bend)) if len(p)
    ]
    first, second = (planes.rim(n).distances([pixels for pixels, _ in both]) for n in (k, k + 1))
    out = []
    for (pixels, law), from_first, to_second in zip(both, first, second, strict=True):
        order = np.argsort(from_first / np.maximum(from_first + to_second, TOUCHING_MM), kind="stable")
        ranked = pixels[order]
        changed = change.ravel()[ranked]
        weight = np.abs(changed).astype(np.float64)
        passed = np.cumsum(weight)
        u = (passed - 0.5 * weight) / passed[-1]
        # t + bend t (1 - t) = u, the root within 0..1
        root = np.sqrt(np.maximum((1 + law) ** 2 - 2 * 2 * law * u, 0))
        out.append(_Passed(ranked, changed, 2 * u / (1 + law + root)))
    return out


@dataclass(frozen=True, slots=True, eq=False)
class _Room:
    """Pixels of a section in the order in which it grows or shrinks at a rim, and how much each can give. [pixels]"""

    share: Map
    sign: int
    order: NDArray[np.intp]
    free: Array
    before: Array

    def resized(self, pixels: float) -> Map:
        """The section grown or shrunk by an area. [pixels]"""
        part = np.clip(pixels - self.before, 0, self.free)
        out = self.share.copy()
        out.ravel()[self.order] += (self.sign * part).astype(np.float32)
        return out


def _room(share: Map, planes: _Planes, k: int, pixels: float) -> _Room:
    """The pixels in which a section grows at the rim of plane k by so many at most, or shrinks when fewer than none."""
    rim = planes.rim(k)
    flat = share.ravel()
    if pixels > 0:  # what lies far outside need not be sorted
        sign, free = 1, 1 - flat
        near = np.zeros(share.shape, bool)
        near[_around(rim.inside, planes.lattice, pixels)] = True
        candidates = np.flatnonzero((free > TRACE) & near.ravel())
    else:
        sign, free = -1, flat
        candidates = np.flatnonzero(flat > TRACE)
    given = free[candidates].astype(np.float64)
    beyond = rim.inside.ravel()[candidates] == (sign < 0)
    pitch = planes.lattice.pitch_x_mm
    distance = rim.distance(candidates, lambda at_most: _enough(at_most, beyond, given, abs(pixels), pitch))
    reached = np.flatnonzero(distance < np.inf)
    order = reached[np.argsort(np.where(beyond, distance, -distance)[reached], kind="stable")]
    given = given[order]
    return _Room(share, sign, candidates[order], given, np.cumsum(given) - given)


def _enough(at_most: Map, beyond: NDArray[np.bool_], given: Array, pixels: float, first_mm: float) -> float:
    """A distance from the rim within which an area is given; what has not reached the rim gives first. [mm]"""
    reach = float(at_most[~beyond].max(initial=first_mm))
    left = pixels - float(given[~beyond].sum())
    at_most, given = at_most[beyond], given[beyond]
    while reach < at_most.max(initial=0.0) and given[at_most <= reach].sum() < left:
        reach *= 2
    return reach


def _around(inside: NDArray[np.bool_], lattice: Lattice, pixels: float) -> tuple[slice, slice]:
    """The box of pixels inside, wider by as much as an area needs beside its longer side; no outer pixels. [pixels]"""
    box = [np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0)]
    longest = max(len(box[0]) * lattice.pitch_y_mm, len(box[1]) * lattice.pitch_x_mm)
    wider = [int(pixels * lattice.area_mm2 / longest / pitch) + 2 for pitch in (lattice.pitch_y_mm, lattice.pitch_x_mm)]
    rows, columns = (
        slice(max(int(at[0]) - w, 1), min(int(at[-1]) + w + 1, n - 1))
        for at, w, n in zip(box, wider, inside.shape, strict=True)
    )
    return rows, columns


def _cap(planes: _Planes, end: int, other: int, up: int, step: float, usual: float) -> list[Slab]:
    """Slabs beyond the outermost plane, as heights above it when seen outwards."""
    z0 = float(planes.z[end])
    area = planes.areas
    flat = [(z0, z0 + 0.5 * step, planes.maps[end])]
    at = [end - up * n for n in range(min(abs(end - other) + 1, 2 + 2))]
    tube = planes.tubes.get(min(end, other))
    law = tube.law if tube else width_law(planes.areas_mm2[at], planes.widths[at])
    # what runs as a parabola: the area, or the squared width of a body that lies
    steady = area[at] if law is None else law.square(planes.areas_mm2[at])
    last = float(steady[0])
    heights = -np.abs(planes.z[at] - planes.z[end])
    slope, bend = _outward(steady, heights) if tube is None else _of_tube(steady, heights)
    if last <= 0 or abs(slope) * step < CUT_SHARE * last:
        return flat
    reach = _closing(last, slope, bend)
    height = reach if reach <= CLOSING_SPACINGS * max(step, usual) else 0.5 * step
    if reach > CLOSING_SPACINGS * max(step, usual) and slope < 0:
        bend = 0.0
    pitch = max(planes.lattice.pitch_x_mm, planes.lattice.pitch_y_mm)
    count = min(max(ceil(height / (SLAB_PIXELS * pitch)), 2), MOST_SLABS)
    edge = np.linspace(0, height, count + 1)
    s = edge[:-1, None] + np.diff(edge)[:, None] * (np.arange(QUADRATURE) + 0.5) / QUADRATURE
    section = np.maximum(last + slope * s + 0.5 * bend * s * s, 0)
    areas = section if law is None else law.area(section) / planes.lattice.area_mm2
    extra = (areas.mean(axis=1) - area[end]).tolist()
    share, widest, narrowest = planes.maps[end], max(extra), min(extra)
    return [
        (z0 + a, z0 + b, partial(planes.resized, end, widest if more > 0 else narrowest, more) if more != 0 else share)
        for (a, b), more in zip(pairwise(edge.tolist()), extra, strict=True)
    ]


def _of_tube(square: Array, s: Array) -> tuple[float, float]:
    """Slope and curvature beyond the end of the squared width of a round tube, known at two heights, 0 and below."""
    return float((square[0] - square[1]) / (s[0] - s[1]) + 0.5 * ROUND_BEND * (s[0] - s[1])), ROUND_BEND


def _outward(a: Array, s: Array) -> tuple[float, float]:
    """Slope and curvature beyond the end of what stands at the last planes, outermost first, at heights s <= 0; 0 when
    they do not run smoothly."""
    count = len(a)
    if count < 3:
        return 0.0, 0.0
    last, before = (a[0] - a[1]) / (s[0] - s[1]), (a[1] - a[2]) / (s[1] - s[2])
    bend = 2 * (last - before) / (s[0] - s[2])
    slope = last + 0.5 * bend * (s[0] - s[1])
    if count > 3:
        third = (a[2] - a[3]) / (s[2] - s[3])
        earlier = 2 * (before - third) / (s[1] - s[3])
        expected = a[1] + (before + 0.5 * earlier * (s[1] - s[2])) * (s[0] - s[1])
        expected += 0.5 * earlier * (s[0] - s[1]) ** 2
        if abs(expected - a[0]) > SMOOTH_SHARE * abs(a[1] - a[0]):
            return 0.0, 0.0
    if slope > 0 or last > 0:
        # widening outwards: no further than the last planes agree on
        return (min(last, before), 0.0) if before > 0 and last > 0 else (0.0, 0.0)
    return float(slope), float(bend)


def _closing(area: float, slope: float, bend: float) -> float:
    """Distance at which area + slope s + bend s^2 / 2 first meets zero, or all but meets it; inf when it does not."""
    if slope >= 0 and bend >= 0:
        return np.inf
    if bend > 0:
        lowest = -slope / bend
        if area + 0.5 * slope * lowest < CLOSED_SHARE * area and area + 0.5 * slope * lowest >= 0:
            return lowest
    disc = slope * slope - 2 * bend * area
    if disc < 0:
        return np.inf
    return float(2 * area / (-slope + np.sqrt(disc)))
