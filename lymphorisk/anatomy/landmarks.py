"""Drawn organs as the fit sees them: where they lie, and which ends of them the scan cut off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.regions import Region, leaves_of
from lymphorisk.dvh.sections import moments_of
from lymphorisk.plan.frame import read_only
from lymphorisk.plan.mask import Mask
from lymphorisk.units import MM3_PER_CM3

Real = NDArray[np.float64]

#: A contour that comes this many plane distances close to the end of the scan ends because the scan does.
CLOSE_PLANES = 1.6
#: A mask whose last plane is that of its image, within this share of a plane, ends because the image does.
TOUCHING_PLANES = 0.5
#: Smallest plane distance that counts, for structures on one plane. [mm]
THINNEST_MM = 1.0
#: Area, three coordinates of the middle, height of the plane, middle of the box along x.
COLUMNS = 6
#: Pairs that may be drawn as one structure; each side is then a landmark of its own.
PAIRED = ("Lungs", "Kidneys", "Femur_Heads", "Femurs")


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A drawn organ.

    Attributes
    ----------
    low_mm, high_mm : float
        Lowest and highest height of its sections, half a plane distance beyond the outermost. [mm]
    middle_mm : ndarray, shape (3,)
        Centre of the sections, by area. [mm]
    levels_mm : ndarray, shape (m, 3)
        Centre of the sections of each plane, by area, from foot to head. [mm]
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
    """Every organ of a structure set by its contours or masks.

    Parameters
    ----------
    regions : mapping of str to Region
        By TG-263 name; the extent of ``Body`` is the scan's when `scan_mm` does not give it.
    scan_mm : tuple of float, optional
        Lowest and highest plane of the scan. [mm]
    """
    sections = {name: sections_of(region) for name, region in regions.items()}
    ends = {name: _image_mm(region) for name, region in regions.items()}
    for name in PAIRED:
        if name in sections and f"{name[:-1]}_L" not in sections and f"{name[:-1]}_R" not in sections:
            sides = _sides(name[:-1], sections[name])
            sections |= sides
            ends |= dict.fromkeys(sides, ends[name])
    found = {name: one for name, drawn in sections.items() if (one := _drawn(drawn)) is not None}
    if scan_mm is None:
        body = found.get("Body")
        seen = [body] if body is not None else list(found.values())
        if not seen:
            return {}
        scan_mm = min(d.low_mm for d in seen), max(d.high_mm for d in seen)
    out = {}
    for name, one in found.items():
        plane = _plane_mm(sections[name])
        close, touching = CLOSE_PLANES * plane, TOUCHING_PLANES * plane
        low = one.low_mm - scan_mm[0] < close or one.low_mm - ends[name][0] < touching
        high = scan_mm[1] - one.high_mm < close or ends[name][1] - one.high_mm < touching
        out[name] = replace(one, cut_low=low, cut_high=high)
    return out


def sections_of(region: Region) -> Real:
    """Area, middle, plane and middle of the box along x of each closed contour and of each half plane of a mask, shape
    (n, 6). [mm2, mm]"""
    rows: list[Real] = [np.empty((0, COLUMNS))]
    for leaf in leaves_of(region):
        if isinstance(leaf, Mask):
            half = moments_of(leaf)
            rows.append(np.column_stack([half, half[:, 3], half[:, 1]]))
        else:
            rows.append(_sections([c for c in leaf.contours_mm if len(c) > 2]))
    return np.concatenate(rows)


def _sections(contours: list[Real]) -> Real:
    """Of closed polygons, all at once: area and centre (a line has no area), plane, and middle of the box along x."""
    if not contours:
        return np.empty((0, COLUMNS))
    size = np.array([len(c) for c in contours])
    points = np.concatenate(contours)
    first = np.concatenate([[0], np.cumsum(size)[:-1]])
    middle = np.add.reduceat(points, first) / size[:, None]
    x, y = (points[:, :2] - np.repeat(middle[:, :2], size, axis=0)).T
    after = np.arange(1, len(points) + 1)
    after[first + size - 1] = first
    cross = x * y[after] - x[after] * y
    twice = np.add.reduceat(cross, first)
    area = np.abs(twice) >= THINNEST_MM
    third = 3 * np.where(area, twice, np.inf)
    box = 0.5 * (np.minimum.reduceat(points[:, 0], first) + np.maximum.reduceat(points[:, 0], first))
    return np.column_stack(
        [
            np.where(area, 0.5 * np.abs(twice), 0.0),
            middle[:, 0] + np.add.reduceat((x + x[after]) * cross, first) / third,
            middle[:, 1] + np.add.reduceat((y + y[after]) * cross, first) / third,
            middle[:, 2],
            points[first, 2],
            box,
        ]
    )


def _image_mm(region: Region) -> tuple[float, float]:
    """Heights at which the images end that the masks of a region were made on; contours say nothing of it. [mm]"""
    ends = [leaf.image_z_mm for leaf in leaves_of(region) if isinstance(leaf, Mask)]
    return max((low for low, _ in ends), default=-np.inf), min((high for _, high in ends), default=np.inf)


def _sides(name: str, sections: Real) -> dict[str, Real]:
    """Sections of a pair drawn as one structure, sorted by side: x grows to the patient's left."""
    if not len(sections):
        return {}
    middles = sections[:, -1]
    sides = middles > 0.5 * (middles.min() + middles.max())
    left, right = sections[sides], sections[~sides]
    return {f"{name}_L": left, f"{name}_R": right} if len(left) and len(right) else {}


def _plane_mm(sections: Real) -> float:
    heights = np.unique(np.round(sections[:, -2], 1))
    return max(float(np.median(np.diff(heights))), THINNEST_MM) if len(heights) > 1 else THINNEST_MM


def _drawn(sections: Real) -> Drawn | None:
    if not len(sections) or sections[:, 0].sum() <= 0.0:
        return None
    rows = sections[:, :-2]
    plane = _plane_mm(sections)
    middle = rows[:, 0] @ rows[:, 1:] / rows[:, 0].sum()
    _, level = np.unique(np.round(rows[:, 3], 1), return_inverse=True)
    area = np.bincount(level, rows[:, 0])
    held = [np.bincount(level, rows[:, 0] * rows[:, k]) for k in (1, 2, 3)]
    levels = np.stack(held, axis=-1)[area > 0.0] / area[area > 0.0, None]
    return Drawn(
        float(rows[:, 3].min()) - plane / 2,
        float(rows[:, 3].max()) + plane / 2,
        middle,
        levels,
        float(rows[:, 0].sum()) * plane / MM3_PER_CM3,
    )
