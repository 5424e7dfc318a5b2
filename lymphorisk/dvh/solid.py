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

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.coverage import Lattice, coverage
from lymphorisk.dvh.lying import BENT_SHARE, girths_mm, width_law, width_mm
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
#: Distances worked out at once, and most points of an outline: one in a few pixels of a body.
MOST_PAIRS = 1 << 18
#: Fewer distances than this are worked out without looking which can be the least.
FEW_PAIRS = 1 << 16
#: Places along the side of a tile of the plane, for which the points that can be nearest are sorted out.
TILE_PLACES = 6
#: Room for single precision.
ROUNDING = np.float32(1 + 1e-5)
#: Distances of more pixels than this are worked out on a coarser net and interpolated between its knots.
MOST_KNOTS = 1 << 10
MOST_POINTS = 500
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


@dataclass(frozen=True, slots=True, eq=False)
class Solid:
    """A body as slabs: slab n spans ``edges_mm[n:n+2]`` and is covered by ``maps[n]``, shape (ny, nx)."""

    edges_mm: Array
    maps: tuple[Map, ...]

    def between(self, low_mm: float, high_mm: float) -> Map | None:
        """Mean coverage of the pixels between two heights; None when nothing is there."""
        a = int(np.searchsorted(self.edges_mm, low_mm, side="right")) - 1
        b = int(np.searchsorted(self.edges_mm, high_mm, side="left"))
        total: Map | None = None
        for n in range(max(a, 0), min(b, len(self.maps))):
            overlap = min(high_mm, self.edges_mm[n + 1]) - max(low_mm, self.edges_mm[n])
            if overlap <= 0:
                continue
            share = np.float32(overlap / (high_mm - low_mm))
            if share >= 1:
                return self.maps[n]
            part = np.asarray(self.maps[n] * share)
            total = part if total is None else total + part
        return total


def solid_of(stack: Stack, lattice: Lattice, end_caps: str, spacing_mm: float) -> Solid:
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
    """
    z, bridged = stack.z_mm, stack.bridged
    planes = _Planes(*coverage(stack.contours, lattice, stack.unions), lattice, z, girths_mm(stack.contours))
    edges: list[float] = []
    maps: list[Map] = []
    for first, last in stack.pieces():
        pile = _piece(planes, first, last, bridged, end_caps, min(spacing_mm, stack.spacing_mm or spacing_mm))
        if edges and pile[0][0] > edges[-1]:  # an empty slab keeps pieces apart
            maps.append(np.zeros_like(planes.maps[0]))
            edges.append(pile[0][0])
        if not edges:
            edges.append(pile[0][0])
        for _, high, share in pile:
            if high > edges[-1]:  # caps of neighbouring pieces may meet
                edges.append(high)
                maps.append(share)
    return Solid(np.array(edges), tuple(maps))


Slab = tuple[float, float, Map]


class _Planes:
    """Coverage of the contour planes with what is worked out from it once: areas and distances."""

    def __init__(self, maps: Map, areas: Array, lattice: Lattice, z: Array, girths: Array) -> None:
        self.maps = tuple(maps)
        self.lattice, self.z = lattice, z
        self.areas = areas  # [pixels]
        self.widths = width_mm(areas * lattice.area_mm2, girths)
        slopes = np.diff(areas) / np.diff(z)
        self._bends: list[float] = (2 * np.diff(slopes) / (z[2:] - z[:-2])).tolist()
        self._outlines: dict[int, Array] = {}

    def outline(self, k: int) -> Array:
        """Points where the rim of plane k crosses the lines between pixel centres, shape (n, 2) as y, x. [mm]"""
        if k not in self._outlines:
            share = self.maps[k]
            level = np.float32(0.5) * share.max()
            inside = share >= level
            points = []
            for axis, pitch in enumerate((self.lattice.pitch_y_mm, self.lattice.pitch_x_mm)):
                before = (slice(None, -1), slice(None)) if axis == 0 else (slice(None), slice(None, -1))
                after = (slice(1, None), slice(None)) if axis == 0 else (slice(None), slice(1, None))
                at = np.stack(np.nonzero(inside[before] != inside[after]), axis=1)
                one, two = share[before][tuple(at.T)], share[after][tuple(at.T)]
                places = at * (self.lattice.pitch_y_mm, self.lattice.pitch_x_mm)
                places[:, axis] += pitch * (one - level) / (one - two)
                points.append(places)
            found = np.concatenate(points)
            self._outlines[k] = found[:: max(len(found) // MOST_POINTS, 1)]
        return self._outlines[k]

    def distance(self, k: int, pixels: NDArray[np.intp]) -> Array:
        """Distance of pixels, given by flat index, from the rim of plane k. [mm]"""
        j, i = np.divmod(pixels, self.lattice.nx)
        apart = int(np.sqrt(len(pixels) / MOST_KNOTS))
        if apart < 2:
            return self._nearest(k, j, i, 1)
        (j0, j), (i0, i) = np.divmod(j, apart), np.divmod(i, apart)
        knots = np.zeros((self.lattice.ny // apart + 2, self.lattice.nx // apart + 2))
        for dj, di in ((0, 0), (0, 1), (1, 0), (1, 1)):
            knots[j0 + dj, i0 + di] = 1
        used = np.nonzero(knots)
        knots[used] = self._nearest(k, used[0] * apart, used[1] * apart, apart)
        fj, fi = j / apart, i / apart
        below = knots[j0, i0] * (1 - fi) + knots[j0, i0 + 1] * fi
        above = knots[j0 + 1, i0] * (1 - fi) + knots[j0 + 1, i0 + 1] * fi
        return np.asarray(below * (1 - fj) + above * fj)

    def _nearest(self, k: int, j: NDArray[np.intp], i: NDArray[np.intp], apart: int) -> Array:
        """Distance of places, by row and column, every `apart` of them, from the rim of plane k. [mm]"""
        outline = self.outline(k).astype(np.float32)
        y, x = (j * self.lattice.pitch_y_mm).astype(np.float32), (i * self.lattice.pitch_x_mm).astype(np.float32)
        if len(y) * len(outline) <= FEW_PAIRS:
            return np.asarray(_nearest_of(y, x, outline[:, 0], outline[:, 1]), np.float64)
        side = TILE_PLACES * apart
        tile = (j // side) * (self.lattice.nx // side + 1) + i // side
        return _nearest_by_tiles(y, x, tile, outline)

    def curvature(self, k: int, first: int, last: int) -> float:
        """Second derivative of the area that both neighbours of interval k, k+1 agree on. [pixels / mm2]"""
        low, high = max(k - 1, first), min(k + 2, last)
        law = width_law(self.areas[low : high + 1], self.widths[low : high + 1], BENT_SHARE)
        if law is None:
            return _agreed([self._bends[n - 1] for n in (k, k + 1) if first < n < last])
        # the area's mean over the interval, as the squared width runs, is the line's and a sixth of a bulge
        square, z = law.square(self.areas[low : high + 1]), self.z[low : high + 1]
        slopes = np.diff(square) / np.diff(z)
        bend = _agreed((2 * np.diff(slopes) / (z[2:] - z[:-2])).tolist())
        gap = float(self.z[k + 1] - self.z[k])
        t = (np.arange(QUADRATURE) + 0.5) / QUADRATURE
        one, two = square[k - low], square[k + 1 - low]
        mean = float(law.area(one + (two - one) * t - 0.5 * bend * gap * gap * t * (1 - t)).mean())
        bulge = (mean - 0.5 * float(self.areas[k] + self.areas[k + 1])) / (2 * HALF_OF_BULGE)
        return -2 * bulge / (gap * gap)


def _agreed(bends: list[float]) -> float:
    """The curvature that neighbours agree on: the least, none when they turn against each other."""
    if not bends or min(bends) * max(bends) < 0:
        return 0.0
    return min(bends, key=abs)


def _nearest_of(y: Map, x: Map, points_y: Map, points_x: Map) -> Map:
    """Distance of each place (n,) from the nearest of its points, (m,) for all or (n, m). [mm]"""
    nearest = np.empty_like(y)
    together = max(MOST_PAIRS // points_y.shape[-1], 1)
    for n in range(0, len(y), together):
        of = slice(n, n + together) if points_y.ndim > 1 else slice(None)
        dy = y[n : n + together, None] - points_y[of]
        dx = x[n : n + together, None] - points_x[of]
        dy *= dy
        dx *= dx
        dy += dx
        nearest[n : n + together] = np.sqrt(dy.min(axis=1))
    return nearest


def _nearest_by_tiles(y: Map, x: Map, tile: NDArray[np.intp], points: Map) -> Array:
    """Distance of places (n,) from the nearest of points (m, 2), asking only those that can be the nearest of their
    tile's places: no further from its middle than the nearest, and its width. [mm]"""
    order = np.argsort(tile, kind="stable")
    y, x, tile = y[order], x[order], tile[order]
    starts = np.concatenate([[True], np.diff(tile) > 0])
    first, of = np.flatnonzero(starts), np.cumsum(starts) - 1
    (y0, x0), (y1, x1) = ([end.reduceat(c, first) for c in (y, x)] for end in (np.minimum, np.maximum))
    away = np.subtract.outer(0.5 * (y0 + y1), points[:, 0])
    away *= away
    away_x = np.subtract.outer(0.5 * (x0 + x1), points[:, 1])
    away_x *= away_x
    away += away_x
    reach = np.sqrt(away.min(axis=1)) + np.hypot(y1 - y0, x1 - x0)
    near = away <= ((reach * ROUNDING) ** 2)[:, None]
    count = near.sum(axis=1)
    chosen = np.flatnonzero(near) % len(points)
    before = np.cumsum(count) - count
    nearest = np.empty(len(y))
    # tiles with about as many such points at once, the last of them repeated
    size = np.ceil(np.log2(count)).astype(np.intp)
    for power in np.unique(size).tolist():
        tiles = np.flatnonzero(size == power)
        own = chosen[before[tiles, None] + np.minimum(np.arange(1 << power), count[tiles, None] - 1)]
        at = np.flatnonzero((size == power)[of])
        row = np.cumsum(size == power)[of[at]] - 1
        nearest[order[at]] = _nearest_of(y[at], x[at], points[own, 0][row], points[own, 1][row])
    return nearest


def _piece(
    planes: _Planes, first: int, last: int, bridged: frozenset[int], end_caps: str, spacing: float
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


def _rescaled(share: Map, plane_of: dict[int, int], missed: Array, planes: _Planes, thickness: float) -> Map:
    """A wide plane's coverage with the little volume its flat slab misses."""
    k = plane_of.get(id(share))
    factor = 1.0 if k is None else 1 + missed[k] / (planes.areas[k] * thickness)
    return share if abs(factor - 1) < NEGLIGIBLE else np.asarray(share * np.float32(factor))


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
    z0, z1 = float(planes.z[k]), float(planes.z[k + 1])
    gap = z1 - z0
    low, high = planes.maps[k], planes.maps[k + 1]
    pitch = max(planes.lattice.pitch_x_mm, planes.lattice.pitch_y_mm)
    count = int(np.clip(np.ceil(gap / (SLAB_PIXELS * pitch)), 2, MOST_SLABS))
    change = high - low
    swept = float(np.abs(change).sum(dtype=np.float64))
    bulge = -0.5 * curvature * gap * gap  # section area is the line plus bulge t (1 - t)
    bend = float(np.clip(bulge / swept, -1, 1)) if swept > 0 else 0.0
    rest = bulge - bend * swept
    thin = swept <= THIN_PIXELS * np.sqrt(2 * np.pi * (planes.areas[k] + planes.areas[k + 1]))
    if not thin:
        lost, lost_at = _passing(planes, k, k + 1, np.flatnonzero(change.ravel() < 0), -bend)
        won, won_at = _passing(planes, k, k + 1, np.flatnonzero(change.ravel() > 0), bend)
    edge = np.linspace(0, 1, count + 1)
    slabs: list[Slab] = []
    for a, b in pairwise(edge):
        hump = ((b * b / 2 - b**3 / 3) - (a * a / 2 - a**3 / 3)) / (b - a)  # mean of t (1 - t)
        extra = rest * hump
        if thin:
            # the strip is no wider than the pixels: where in it the rim stands does not matter
            middle, bent = np.float32(0.5 * (a + b)), np.float32(bend * hump)
            share = low + change * (middle + np.sign(change) * bent)
        else:
            share = low.copy().ravel()
            flat = change.ravel()
            share[lost] += flat[lost] * np.clip((b - lost_at) / (b - a), 0, 1)
            share[won] += flat[won] * np.clip((b - won_at) / (b - a), 0, 1)
            share = share.reshape(low.shape)
        if extra != 0:
            nearest = k if a + b < 1 else k + 1
            share = _resized(share, planes, nearest, extra)
        slabs.append((z0 + a * gap, z0 + b * gap, share.astype(np.float32)))
    return slabs


def _passing(
    planes: _Planes, k0: int, k1: int, pixels: NDArray[np.intp], bend: float
) -> tuple[NDArray[np.intp], Array]:
    """Heights t (0 at plane k0, 1 at k1) at which the rim passes pixels, ranked to the law u = t + bend t (1 - t)."""
    if not len(pixels):
        return pixels, np.zeros(0)
    from_first, to_second = planes.distance(k0, pixels), planes.distance(k1, pixels)
    order = np.argsort(from_first / np.maximum(from_first + to_second, TOUCHING_MM), kind="stable")
    weight = np.abs((planes.maps[k1] - planes.maps[k0]).ravel()[pixels[order]]).astype(np.float64)
    passed = np.cumsum(weight)
    u = (passed - 0.5 * weight) / passed[-1]
    # t + bend t (1 - t) = u, the root within 0..1
    root = np.sqrt(np.maximum((1 + bend) ** 2 - 2 * 2 * bend * u, 0))
    return pixels[order], 2 * u / (1 + bend + root)


def _resized(share: Map, planes: _Planes, k: int, pixels: float) -> Map:
    """The section grown (or shrunk) by an area at the rim of plane k. [pixels]"""
    flat = share.ravel()
    room = (1 - flat if pixels > 0 else flat).astype(np.float64)
    candidates = np.flatnonzero(room > 0)
    if pixels > 0:  # what lies far outside need not be sorted
        y, x = planes.outline(k).min(axis=0), planes.outline(k).max(axis=0)
        margin = abs(pixels) * planes.lattice.area_mm2 / max(float((x - y).max()), TOUCHING_MM)
        j, i = np.divmod(candidates, planes.lattice.nx)
        place = np.stack([j * planes.lattice.pitch_y_mm, i * planes.lattice.pitch_x_mm], axis=1)
        candidates = candidates[((place > y - margin) & (place < x + margin)).all(axis=1)]
    inside = planes.maps[k].ravel()[candidates] >= np.float32(0.5) * planes.maps[k].max()
    depth = np.where(inside, 1, -1) * planes.distance(k, candidates)
    order = candidates[np.argsort(-depth if pixels > 0 else depth, kind="stable")]
    filled = np.cumsum(room[order])
    part = np.clip(np.abs(pixels) - (filled - room[order]), 0, room[order])
    out = flat.copy()
    out[order] += (part if pixels > 0 else -part).astype(np.float32)
    return out.reshape(share.shape)


def _cap(planes: _Planes, end: int, other: int, up: int, step: float, usual: float) -> list[Slab]:
    """Slabs beyond the outermost plane, as heights above it when seen outwards."""
    z0 = float(planes.z[end])
    area = planes.areas
    flat = [(z0, z0 + 0.5 * step, planes.maps[end])]
    at = [end - up * n for n in range(min(abs(end - other) + 1, 2 + 2))]
    law = width_law(area[at], planes.widths[at])
    # what runs as a parabola: the area, or the squared width of a body that lies
    steady = area[at] if law is None else law.square(area[at])
    last = float(steady[0])
    slope, bend = _outward(steady, -np.abs(planes.z[at] - planes.z[end]))
    if last <= 0 or abs(slope) * step < CUT_SHARE * last:
        return flat
    reach = _closing(last, slope, bend)
    height = reach if reach <= CLOSING_SPACINGS * max(step, usual) else 0.5 * step
    if reach > CLOSING_SPACINGS * max(step, usual) and slope < 0:
        bend = 0.0
    pitch = max(planes.lattice.pitch_x_mm, planes.lattice.pitch_y_mm)
    count = int(np.clip(np.ceil(height / (SLAB_PIXELS * pitch)), 2, MOST_SLABS))
    edge = np.linspace(0, height, count + 1)
    slabs: list[Slab] = []
    for a, b in pairwise(edge):
        s = a + (b - a) * (np.arange(QUADRATURE) + 0.5) / QUADRATURE
        section = np.maximum(last + slope * s + 0.5 * bend * s * s, 0)
        extra = float((section if law is None else law.area(section)).mean() - area[end])
        slabs.append((z0 + a, z0 + b, _resized(planes.maps[end], planes, end, extra)))
    return slabs


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
