"""Solids with a level function: negative inside, zero on the surface, about millimetres near it.

One description serves voxels (level at grid points), contours (zero line of a plane) and
closed-form volumes. Coordinates are the patient's: x to the left, y to the back, z to the head. [mm]
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import StructureError

Array: TypeAlias = NDArray[np.floating]
Triple: TypeAlias = tuple[float, float, float]

#: Axes shorter than this are taken for a point; far below a contour's 0.01 mm decimals. [mm]
THINNEST_MM = 1e-6
#: Coefficients of the exact volume of an elliptic frustum between linearly changing axes, over 6.
FRUSTUM = (2.0, 2.0, 1.0, 1.0, 6.0)
SPHERE = 4.0 / 3.0


class Shape(Protocol):
    """What every solid answers."""

    def level(self, x: Array, y: Array, z: Array) -> Array:
        """Level at broadcastable coordinates. [mm]"""
        ...

    def bounds(self) -> tuple[Triple, Triple]:
        """Lower and upper corner of a box around the solid. [mm]"""
        ...

    def placed(self, scale: Triple, shift: Triple) -> Shape:
        """The solid after p -> p * scale + shift."""
        ...

    def resized(self, factor: float) -> Shape:
        """The solid `factor` times as large about its own middle (a tube: about its own line)."""
        ...

    def grown(self, margin_mm: float) -> Shape:
        """The solid with a margin all around, to first order in the margin."""
        ...

    def volume_mm3(self) -> float:
        """Volume in closed form; NaN where there is none. [mm3]"""
        ...


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """An ellipsoid, turned by `turn_rad` about an axis along z through its centre (then tipped about y)."""

    center: Triple
    axes: Triple
    turn_rad: float = 0.0
    tip_rad: float = 0.0

    def level(self, x: Array, y: Array, z: Array) -> Array:
        """Level at broadcastable coordinates, below zero inside. [mm]"""
        u, v, w = x - self.center[0], y - self.center[1], z - self.center[2]
        if self.turn_rad:
            c, s = math.cos(self.turn_rad), math.sin(self.turn_rad)
            u, v = c * u + s * v, c * v - s * u
        if self.tip_rad:
            c, s = math.cos(self.tip_rad), math.sin(self.tip_rad)
            u, w = c * u + s * w, c * w - s * u
        a, b, h = self.axes
        level: Array = (np.sqrt((u / a) ** 2 + (v / b) ** 2 + (w / h) ** 2) - 1.0) * min(self.axes)
        return level

    def bounds(self) -> tuple[Triple, Triple]:
        """Lower and upper corner of a box around the solid. [mm]"""
        a, b, h = self.axes
        if self.tip_rad:
            c, s = math.cos(self.tip_rad), math.sin(self.tip_rad)
            a, h = math.hypot(a * c, h * s), math.hypot(a * s, h * c)
        if self.turn_rad:
            c, s = math.cos(self.turn_rad), math.sin(self.turn_rad)
            a, b = math.hypot(a * c, b * s), math.hypot(a * s, b * c)
        x, y, z = self.center
        return (x - a, y - b, z - h), (x + a, y + b, z + h)

    def placed(self, scale: Triple, shift: Triple) -> Ellipsoid:
        """The same solid moved."""
        return Ellipsoid(_affine(self.center, scale, shift), _times(self.axes, scale), self.turn_rad, self.tip_rad)

    def resized(self, factor: float) -> Ellipsoid:
        """The same solid with its lengths multiplied."""
        return Ellipsoid(self.center, _times(self.axes, (factor,) * 3), self.turn_rad, self.tip_rad)

    def grown(self, margin_mm: float) -> Ellipsoid:
        """The solid with a margin all round. [mm]"""
        a, b, h = self.axes
        return Ellipsoid(self.center, (a + margin_mm, b + margin_mm, h + margin_mm), self.turn_rad, self.tip_rad)

    def volume_mm3(self) -> float:
        """Volume. [mm3]"""
        a, b, h = self.axes
        return SPHERE * math.pi * a * b * h


@dataclass(frozen=True, slots=True)
class Loft:
    """Upright stack of superellipses |x/a|^p + |y/b|^p = 1, linear between sections (z, cx, cy, a, b)."""

    sections: tuple[tuple[float, float, float, float, float], ...]
    power: float = 2.0

    def level(self, x: Array, y: Array, z: Array) -> Array:
        """Level at broadcastable coordinates, below zero inside. [mm]"""
        heights, cx, cy, a, b = (np.array(c) for c in zip(*self.sections, strict=True))
        at_a = np.maximum(np.interp(z, heights, a), THINNEST_MM)
        at_b = np.maximum(np.interp(z, heights, b), THINNEST_MM)
        u = (x - np.interp(z, heights, cx)) / at_a
        v = (y - np.interp(z, heights, cy)) / at_b
        if self.power == 2.0:
            norm = np.sqrt(u * u + v * v)
        else:
            norm = (np.abs(u) ** self.power + np.abs(v) ** self.power) ** (1.0 / self.power)
        inside = (norm - 1.0) * np.minimum(at_a, at_b)
        level: Array = np.maximum(inside, np.maximum(heights[0] - z, z - heights[-1]))
        return level

    def bounds(self) -> tuple[Triple, Triple]:
        """Lower and upper corner of a box around the solid. [mm]"""
        z, cx, cy, a, b = (np.array(c) for c in zip(*self.sections, strict=True))
        low = (float((cx - a).min()), float((cy - b).min()), float(z[0]))
        return low, (float((cx + a).max()), float((cy + b).max()), float(z[-1]))

    def placed(self, scale: Triple, shift: Triple) -> Loft:
        """The same solid moved."""
        sx, sy, sz = scale
        tx, ty, tz = shift
        rows = ((z * sz + tz, cx * sx + tx, cy * sy + ty, a * sx, b * sy) for z, cx, cy, a, b in self.sections)
        return Loft(tuple(rows), self.power)

    def resized(self, factor: float) -> Loft:
        """The same solid with its lengths multiplied."""
        z0 = 0.5 * (self.sections[0][0] + self.sections[-1][0])
        x0 = float(np.mean([s[1] for s in self.sections]))
        y0 = float(np.mean([s[2] for s in self.sections]))
        back = (x0 * (1.0 - factor), y0 * (1.0 - factor), z0 * (1.0 - factor))
        return self.placed((factor,) * 3, back)

    def grown(self, margin_mm: float) -> Loft:
        """The solid with a margin all round. [mm]"""
        rows = [(z, cx, cy, a + margin_mm, b + margin_mm) for z, cx, cy, a, b in self.sections]
        first, last = rows[0], rows[-1]
        rows[0] = (first[0] - margin_mm, *first[1:])
        rows[-1] = (last[0] + margin_mm, *last[1:])
        return Loft(tuple(rows), self.power)

    def volume_mm3(self) -> float:
        """Volume. [mm3]"""
        aa, bb, ab, ba, six = FRUSTUM
        p = self.power
        # area of a superellipse: 4 a b Gamma(1 + 1/p)^2 / Gamma(1 + 2/p)
        area = (2 * math.gamma(1 + 1 / p)) ** 2 / math.gamma(1 + 2 / p)
        total = 0.0
        for (z0, _, _, a0, b0), (z1, _, _, a1, b1) in zip(self.sections, self.sections[1:], strict=False):
            total += area * (z1 - z0) * (aa * a0 * b0 + bb * a1 * b1 + ab * a0 * b1 + ba * a1 * b0) / six
        return total


@dataclass(frozen=True, slots=True)
class Tube:
    """A round tube with round ends along points (x, y, z, radius), radius linear between them."""

    points: tuple[tuple[float, float, float, float], ...]

    def level(self, x: Array, y: Array, z: Array) -> Array:
        """Level at broadcastable coordinates, below zero inside. [mm]"""
        best: Array | None = None
        for (x0, y0, z0, r0), (x1, y1, z1, r1) in zip(self.points, self.points[1:], strict=False):
            dx, dy, dz = x1 - x0, y1 - y0, z1 - z0
            length2 = dx * dx + dy * dy + dz * dz
            t = np.clip(((x - x0) * dx + (y - y0) * dy + (z - z0) * dz) / length2, 0.0, 1.0)
            away2 = (x - x0 - t * dx) ** 2 + (y - y0 - t * dy) ** 2 + (z - z0 - t * dz) ** 2
            here = np.sqrt(away2) - (r0 + t * (r1 - r0))
            best = here if best is None else np.minimum(best, here)
        if best is None:
            raise StructureError("a tube needs two points")
        return best

    def bounds(self) -> tuple[Triple, Triple]:
        """Lower and upper corner of a box around the solid. [mm]"""
        p = np.array(self.points)
        low = (p[:, :3] - p[:, 3:]).min(axis=0)
        high = (p[:, :3] + p[:, 3:]).max(axis=0)
        return (float(low[0]), float(low[1]), float(low[2])), (float(high[0]), float(high[1]), float(high[2]))

    def placed(self, scale: Triple, shift: Triple) -> Tube:
        """The same solid moved."""
        radius = (scale[0] * scale[1]) ** 0.5
        moved = [(*_affine((x, y, z), scale, shift), r * radius) for x, y, z, r in self.points]
        return Tube(tuple(moved))

    def resized(self, factor: float) -> Tube:
        # the volume goes with factor^3 while the line keeps its place
        """The same solid with its lengths multiplied."""
        wide = factor ** (3 / 2)
        return Tube(tuple((x, y, z, r * wide) for x, y, z, r in self.points))

    def grown(self, margin_mm: float) -> Tube:
        """The solid with a margin all round. [mm]"""
        return Tube(tuple((x, y, z, r + margin_mm) for x, y, z, r in self.points))

    def volume_mm3(self) -> float:
        """Frusta and two half spheres; the overlap at bends is neglected."""
        total = SPHERE / 2 * math.pi * (self.points[0][3] ** 3 + self.points[-1][3] ** 3)
        for (x0, y0, z0, r0), (x1, y1, z1, r1) in zip(self.points, self.points[1:], strict=False):
            total += math.pi / 3 * math.dist((x0, y0, z0), (x1, y1, z1)) * (r0 * r0 + r0 * r1 + r1 * r1)
        return total


@dataclass(frozen=True, slots=True)
class Together:
    """The union of solids."""

    parts: tuple[Shape, ...]

    def level(self, x: Array, y: Array, z: Array) -> Array:
        """Level at broadcastable coordinates, below zero inside. [mm]"""
        best = self.parts[0].level(x, y, z)
        for part in self.parts[1:]:
            best = np.minimum(best, part.level(x, y, z))
        return best

    def bounds(self) -> tuple[Triple, Triple]:
        """Lower and upper corner of a box around the solid. [mm]"""
        return _around(self.parts)

    def placed(self, scale: Triple, shift: Triple) -> Together:
        """The same solid moved."""
        return Together(tuple(p.placed(scale, shift) for p in self.parts))

    def resized(self, factor: float) -> Together:
        """The same solid with its lengths multiplied."""
        return Together(tuple(p.resized(factor) for p in self.parts))

    def grown(self, margin_mm: float) -> Together:
        """The solid with a margin all round. [mm]"""
        return Together(tuple(p.grown(margin_mm) for p in self.parts))

    def volume_mm3(self) -> float:
        """Sum of the parts: right where they do not overlap."""
        return sum(p.volume_mm3() for p in self.parts)


@dataclass(frozen=True, slots=True)
class Without:
    """A solid without what others take away."""

    base: Shape
    minus: tuple[Shape, ...]

    def level(self, x: Array, y: Array, z: Array) -> Array:
        """Level at broadcastable coordinates, below zero inside. [mm]"""
        value = self.base.level(x, y, z)
        for other in self.minus:
            value = np.maximum(value, -other.level(x, y, z))
        return value

    def bounds(self) -> tuple[Triple, Triple]:
        """Lower and upper corner of a box around the solid. [mm]"""
        return self.base.bounds()

    def placed(self, scale: Triple, shift: Triple) -> Without:
        """The same solid moved."""
        return Without(self.base.placed(scale, shift), tuple(m.placed(scale, shift) for m in self.minus))

    def resized(self, factor: float) -> Without:
        """The same solid with its lengths multiplied."""
        return Without(self.base.resized(factor), self.minus)

    def grown(self, margin_mm: float) -> Without:
        """The solid with a margin all round. [mm]"""
        return Without(self.base.grown(margin_mm), tuple(m.grown(-margin_mm) for m in self.minus))

    def volume_mm3(self) -> float:
        """Volume. [mm3]"""
        return math.nan


@dataclass(frozen=True, slots=True)
class Common:
    """What all the solids share."""

    parts: tuple[Shape, ...]

    def level(self, x: Array, y: Array, z: Array) -> Array:
        """Level at broadcastable coordinates, below zero inside. [mm]"""
        value = self.parts[0].level(x, y, z)
        for part in self.parts[1:]:
            value = np.maximum(value, part.level(x, y, z))
        return value

    def bounds(self) -> tuple[Triple, Triple]:
        """Lower and upper corner of a box around the solid. [mm]"""
        corners = [p.bounds() for p in self.parts]
        low = tuple(max(c[0][i] for c in corners) for i in range(3))
        high = tuple(min(c[1][i] for c in corners) for i in range(3))
        return low, high  # type: ignore[return-value]

    def placed(self, scale: Triple, shift: Triple) -> Common:
        """The same solid moved."""
        return Common(tuple(p.placed(scale, shift) for p in self.parts))

    def resized(self, factor: float) -> Common:
        """The same solid with its lengths multiplied."""
        return Common(tuple(p.resized(factor) for p in self.parts))

    def grown(self, margin_mm: float) -> Common:
        """The solid with a margin all round. [mm]"""
        return Common(tuple(p.grown(margin_mm) for p in self.parts))

    def volume_mm3(self) -> float:
        """Volume. [mm3]"""
        return math.nan


@dataclass(frozen=True, slots=True)
class Bands:
    """Parallel slabs `width` thick every `pitch` along z + slope * y: what turns a shell into ribs."""

    pitch: float
    width: float
    slope: float

    def level(self, x: Array, y: Array, z: Array) -> Array:
        """Level at broadcastable coordinates, below zero inside. [mm]"""
        along = np.mod(z + self.slope * y, self.pitch) - self.pitch / 2
        return np.abs(along) - self.width / 2 + 0.0 * x

    def bounds(self) -> tuple[Triple, Triple]:
        """Lower and upper corner of a box around the solid. [mm]"""
        return (-math.inf,) * 3, (math.inf,) * 3

    def placed(self, scale: Triple, shift: Triple) -> Bands:
        """The same solid moved."""
        return Bands(self.pitch * scale[2], self.width * scale[2], self.slope * scale[2] / scale[1])

    def resized(self, factor: float) -> Bands:
        """The same solid with its lengths multiplied."""
        return self

    def grown(self, margin_mm: float) -> Bands:
        """The solid with a margin all round. [mm]"""
        return Bands(self.pitch, self.width + 2 * margin_mm, self.slope)

    def volume_mm3(self) -> float:
        """Volume. [mm3]"""
        return math.nan


def _around(parts: tuple[Shape, ...]) -> tuple[Triple, Triple]:
    corners = [p.bounds() for p in parts]
    low = tuple(min(c[0][i] for c in corners) for i in range(3))
    high = tuple(max(c[1][i] for c in corners) for i in range(3))
    return low, high  # type: ignore[return-value]


def _times(a: Triple, b: Triple) -> Triple:
    return a[0] * b[0], a[1] * b[1], a[2] * b[2]


def _affine(p: Triple, scale: Triple, shift: Triple) -> Triple:
    return p[0] * scale[0] + shift[0], p[1] * scale[1] + shift[1], p[2] * scale[2] + shift[2]
