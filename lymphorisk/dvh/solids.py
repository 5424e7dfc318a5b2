"""Bodies and doses whose DVHs are known in closed form, to test engines against.

A body is made of discs, one above the other: a sphere, a cone and a cylinder are discs of changing
radius, a ring is a disc less a disc, a branching is one disc below and two above. A linear dose
cuts a disc along a chord, a Gaussian dose cuts it in a lens; both areas are elementary. The
volume at a dose is their integral along z, taken by the midpoint rule between the body's ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lymphorisk.plan.grid import DoseGrid
from lymphorisk.plan.structures import Structure
from lymphorisk.units import MM3_PER_CM3

#: Midpoints between two kinks along z: a dose that changes along z alone is then right to 1e-4 of the volume.
QUADRATURE = 4000
#: Corners of a drawn circle: its polygon is 2e-4 smaller than the circle.
CORNERS = 180
#: The eight patient positions as axes of the dose grid: columns, rows, frames in patient coordinates.
POSITIONS = {
    "HFS": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "HFP": ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
    "FFS": ((-1, 0, 0), (0, 1, 0), (0, 0, -1)),
    "FFP": ((1, 0, 0), (0, -1, 0), (0, 0, -1)),
    "HFDR": ((0, 1, 0), (-1, 0, 0), (0, 0, 1)),
    "HFDL": ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
    "FFDR": ((0, 1, 0), (1, 0, 0), (0, 0, -1)),
    "FFDL": ((0, -1, 0), (-1, 0, 0), (0, 0, -1)),
}
#: Discs smaller than this are points. [mm]
TOUCH_MM = 1e-9

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Disc:
    """A stack of discs: centre, radius at each height between two ends, and +1 (body) or -1 (hole). [mm]"""

    x_mm: float
    y_mm: float
    radius_mm: Callable[[Array], Array]
    low_mm: float
    high_mm: float
    sign: int = 1


@dataclass(frozen=True, slots=True)
class Body:
    """A named sum of discs; `keyhole` draws a hole into the same contour."""

    name: str
    discs: tuple[Disc, ...]
    keyhole: bool = False

    def structure(self, planes_mm: Array, number: int = 1, corners: int = CORNERS) -> Structure:
        """Contours of the body on planes of constant z."""
        contours: list[Array] = []
        for z in np.asarray(planes_mm, np.float64):
            drawn = [_circle(d, float(z), corners) for d in self.discs if d.low_mm < z < d.high_mm]
            if self.keyhole and len(drawn) == 2:
                outer, inner = drawn
                drawn = [np.concatenate([outer, outer[:1], inner[:1], inner[::-1]])]
            contours += drawn
        return Structure(number, self.name, tuple(contours))

    def volume_at(self, field: Linear | Gaussian, dose_gy: Array) -> Array:
        """Volume receiving at least each dose. [cm3]"""
        kinks = np.unique([d.low_mm for d in self.discs] + [d.high_mm for d in self.discs])
        total = np.zeros(len(dose_gy))
        for low, high in pairwise(kinks):
            w = (high - low) / QUADRATURE
            z = low + w * (np.arange(QUADRATURE) + 0.5)
            for disc in self.discs:
                if disc.low_mm <= low and disc.high_mm >= high:
                    area = field.area(disc.x_mm, disc.y_mm, disc.radius_mm(z)[None], z[None], dose_gy[:, None])
                    total += disc.sign * w * area.sum(axis=1)
        return total / MM3_PER_CM3

    @property
    def volume_cm3(self) -> float:
        """Volume. [cm3]"""
        return float(self.volume_at(Linear(1.0, (0.0, 0.0, 0.0)), np.zeros(1))[0])


@dataclass(frozen=True, slots=True)
class Linear:
    """Dose at the origin and its change per mm along x, y and z. [Gy, Gy/mm]"""

    at_origin_gy: float
    slope: tuple[float, float, float]

    def __call__(self, points_mm: Array) -> Array:
        return np.asarray(self.at_origin_gy + points_mm @ np.array(self.slope))

    def area(self, x: float, y: float, radius: Array, z: Array, dose_gy: Array) -> Array:
        """Area of a disc at or above a dose: a segment. [mm2]"""
        gx, gy, gz = self.slope
        steep = float(np.hypot(gx, gy))
        short = dose_gy - (self.at_origin_gy + gx * x + gy * y + gz * z)
        if steep == 0:
            return np.asarray(np.where(short <= 0, np.pi * radius**2, 0.0))
        c = np.clip(short / steep / np.maximum(radius, np.finfo(float).tiny), -1, 1)
        return np.asarray(radius**2 * (np.arccos(c) - c * np.sqrt(1 - c * c)))


@dataclass(frozen=True, slots=True)
class Gaussian:
    """A dose peak exp(-r^2 / 2 sigma^2) about a centre. [Gy, mm]"""

    peak_gy: float
    centre_mm: tuple[float, float, float]
    sigma_mm: float

    def __call__(self, points_mm: Array) -> Array:
        r2 = ((points_mm - np.array(self.centre_mm)) ** 2).sum(axis=-1)
        return np.asarray(self.peak_gy * np.exp(-0.5 * r2 / self.sigma_mm**2))

    def area(self, x: float, y: float, radius: Array, z: Array, dose_gy: Array) -> Array:
        """Area of a disc at or above a dose: a lens. [mm2]"""
        cx, cy, cz = self.centre_mm
        tiny = np.finfo(float).tiny
        ball = -2 * self.sigma_mm**2 * np.log(np.clip(dose_gy / self.peak_gy, tiny, None))
        other = np.sqrt(np.maximum(ball - (z - cz) ** 2, 0))
        apart = float(np.hypot(x - cx, y - cy))
        radius, other = np.broadcast_arrays(radius, other)
        smaller = np.pi * np.minimum(radius, other) ** 2
        if apart == 0:
            return np.asarray(smaller)
        a, b = np.maximum(radius, TOUCH_MM), np.maximum(other, TOUCH_MM)
        p = np.clip((apart**2 + a**2 - b**2) / (2 * apart * a), -1, 1)
        q = np.clip((apart**2 + b**2 - a**2) / (2 * apart * b), -1, 1)
        lens = a**2 * (np.arccos(p) - p * np.sqrt(1 - p * p)) + b**2 * (np.arccos(q) - q * np.sqrt(1 - q * q))
        return np.asarray(np.where(apart >= a + b, 0.0, np.where(apart <= np.abs(a - b), smaller, lens)))


def sphere(radius_mm: float) -> Body:
    """A sphere about the origin."""
    return Body("sphere", (Disc(0.0, 0.0, _round(radius_mm), -radius_mm, radius_mm),))


def cylinder(radius_mm: float, length_mm: float) -> Body:
    """An upright cylinder about the origin."""
    return Body("cylinder", (Disc(0.0, 0.0, _same(radius_mm), -0.5 * length_mm, 0.5 * length_mm),))


def cone(radius_mm: float, length_mm: float) -> Body:
    """A cone, its base at -length / 2, its tip at +length / 2."""
    return Body(
        "cone",
        (Disc(0.0, 0.0, lambda z: radius_mm * (0.5 - z / length_mm), -0.5 * length_mm, 0.5 * length_mm),),
    )


def ring(outer_mm: float, inner_mm: float, length_mm: float, *, keyhole: bool = False) -> Body:
    """An upright tube; as a keyhole, its hole is drawn into the one contour."""
    low, high = -0.5 * length_mm, 0.5 * length_mm
    discs = (Disc(0.0, 0.0, _same(outer_mm), low, high), Disc(0.0, 0.0, _same(inner_mm), low, high, -1))
    return Body("keyhole" if keyhole else "ring", discs, keyhole)


def branching(trunk_mm: float, branch_mm: float, apart_mm: float, length_mm: float) -> Body:
    """A trunk up to the origin, two branches beside each other above it."""
    low, high = -0.5 * length_mm, 0.5 * length_mm
    sides = tuple(Disc(s * 0.5 * apart_mm, 0.0, _same(branch_mm), 0.0, high) for s in (-1, 1))
    return Body("branching", (Disc(0.0, 0.0, _same(trunk_mm), low, 0.0), *sides))


def dose_grid(
    field: Callable[[Array], Array],
    low_mm: Sequence[float],
    high_mm: Sequence[float],
    spacing_mm: float,
    directions: Sequence[Sequence[float]] = POSITIONS["HFS"],
    shift_mm: float = 0.0,
) -> DoseGrid:
    """A dose field on a grid along any axes, covering a box of the patient. Negative doses become zero."""
    axes = np.array(directions, np.float64)
    corners = np.array([[x, y, z] for x in (low_mm[0], high_mm[0]) for y in (low_mm[1], high_mm[1])
                        for z in (low_mm[2], high_mm[2])], np.float64)  # fmt: skip
    local = corners @ axes.T
    first = local.min(axis=0) + shift_mm
    lines = [np.arange(0.0, local[:, n].max() - first[n] + spacing_mm, spacing_mm) for n in range(3)]
    origin = first @ axes
    k, j, i = np.meshgrid(lines[2], lines[1], lines[0], indexing="ij")
    points = origin + np.stack([i, j, k], axis=-1) @ axes
    dose = np.maximum(field(points), 0).astype(np.float32)
    return DoseGrid(dose, origin, axes, lines[0], lines[1], lines[2])


def _circle(disc: Disc, z: float, corners: int) -> Array:
    angle = 2 * np.pi * np.arange(corners) / corners
    r = float(disc.radius_mm(np.array([z]))[0])
    return np.stack([disc.x_mm + r * np.cos(angle), disc.y_mm + r * np.sin(angle), np.full(corners, z)], axis=1)


def _same(radius_mm: float) -> Callable[[Array], Array]:
    return lambda z: np.full_like(z, radius_mm)


def _round(radius_mm: float) -> Callable[[Array], Array]:
    return lambda z: np.sqrt(np.maximum(radius_mm**2 - z**2, 0))
