"""Drawn organs as the fit sees them: where they lie, and which ends of them the scan cut off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.regions import Region, structures_of
from lymphorisk.plan.frame import read_only
from lymphorisk.units import MM3_PER_CM3

Real = NDArray[np.float64]

#: A contour that comes this many plane distances close to the end of the scan ends because the scan does.
CLOSE_PLANES = 1.6
#: Smallest plane distance that counts, for structures on one plane. [mm]
THINNEST_MM = 1.0
#: Pairs that may be drawn as one structure; each side is then a landmark of its own.
PAIRED = ("Lungs", "Kidneys", "Femur_Heads", "Femurs")


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A drawn organ.

    Attributes
    ----------
    low_mm, high_mm : float
        Lowest and highest height of its contours, half a plane distance beyond the outermost. [mm]
    middle_mm : ndarray, shape (3,)
        Centre of the contours, by area. [mm]
    levels_mm : ndarray, shape (m, 3)
        Centre of the contours of each plane, by area, from foot to head. [mm]
    volume_cm3 : float
        Areas times the plane distance. [cm3]
    cut_low, cut_high : bool
        It ends there because the scan does.
    """

    low_mm: float
    high_mm: float
    middle_mm: Real
    levels_mm: Real
    volume_cm3: float
    cut_low: bool = False
    cut_high: bool = False

    def __post_init__(self) -> None:
        read_only(self.middle_mm)
        read_only(self.levels_mm)

    @property
    def length_mm(self) -> float:
        """Extent along the body. [mm]"""
        return self.high_mm - self.low_mm


def drawn_organs(regions: Mapping[str, Region], scan_mm: tuple[float, float] | None = None) -> dict[str, Drawn]:
    """Every organ of a structure set by its contours.

    Parameters
    ----------
    regions : mapping of str to Region
        By TG-263 name; the extent of ``Body`` is the scan's when `scan_mm` does not give it.
    scan_mm : tuple of float, optional
        Lowest and highest plane of the scan. [mm]
    """
    contours = {name: contours_of(region) for name, region in regions.items()}
    for name in PAIRED:
        if name in contours and f"{name[:-1]}_L" not in contours and f"{name[:-1]}_R" not in contours:
            contours |= _sides(name[:-1], contours[name])
    found = {name: one for name, drawn in contours.items() if (one := _drawn(drawn)) is not None}
    if scan_mm is None:
        body = found.get("Body")
        ends = [body] if body is not None else list(found.values())
        if not ends:
            return {}
        scan_mm = min(d.low_mm for d in ends), max(d.high_mm for d in ends)
    out = {}
    for name, one in found.items():
        close = CLOSE_PLANES * _plane_mm(contours[name])
        out[name] = replace(one, cut_low=one.low_mm - scan_mm[0] < close, cut_high=scan_mm[1] - one.high_mm < close)
    return out


def contours_of(region: Region) -> list[Real]:
    """Closed contours of all structures of a region."""
    return [c for s in structures_of(region) for c in s.contours_mm if len(c) > 2]


def _sides(name: str, contours: list[Real]) -> dict[str, list[Real]]:
    """Contours of a pair drawn as one structure, sorted by side: x grows to the patient's left."""
    middles = np.array([0.5 * (c[:, 0].min() + c[:, 0].max()) for c in contours])
    if not len(middles):
        return {}
    between = 0.5 * (middles.min() + middles.max())
    sides = middles > between
    left = [c for c, side in zip(contours, sides, strict=True) if side]
    right = [c for c, side in zip(contours, sides, strict=True) if not side]
    return {f"{name}_L": left, f"{name}_R": right} if left and right else {}


def _plane_mm(contours: Iterable[Real]) -> float:
    heights = np.unique(np.round([float(c[0, 2]) for c in contours], 1))
    return max(float(np.median(np.diff(heights))), THINNEST_MM) if len(heights) > 1 else THINNEST_MM


def _drawn(contours: list[Real]) -> Drawn | None:
    rows = np.array([(*_moments(c), float(c[:, 2].mean())) for c in contours])
    if not len(rows) or rows[:, 0].sum() <= 0.0:
        return None
    plane = _plane_mm(contours)
    middle = rows[:, 0] @ rows[:, 1:] / rows[:, 0].sum()
    key = np.round(rows[:, 3], 1)
    levels = [
        rows[key == z, 0] @ rows[key == z, 1:] / rows[key == z, 0].sum()
        for z in np.unique(key)
        if rows[key == z, 0].sum() > 0.0
    ]
    return Drawn(
        float(rows[:, 3].min()) - plane / 2,
        float(rows[:, 3].max()) + plane / 2,
        middle,
        np.array(levels),
        float(rows[:, 0].sum()) * plane / MM3_PER_CM3,
    )


def _moments(contour: Real) -> tuple[float, float, float]:
    """Area and centre of a closed polygon; a line has no area."""
    x, y = contour[:, 0], contour[:, 1]
    x0, y0 = float(x.mean()), float(y.mean())
    x, y = x - x0, y - y0
    x1, y1 = np.append(x[1:], x[0]), np.append(y[1:], y[0])
    cross = x * y1 - x1 * y
    twice = float(cross.sum())
    if abs(twice) < THINNEST_MM:
        return 0.0, x0, y0
    cx = float(((x + x1) * cross).sum()) / (3 * twice)
    cy = float(((y + y1) * cross).sum()) / (3 * twice)
    return 0.5 * abs(twice), x0 + cx, y0 + cy
