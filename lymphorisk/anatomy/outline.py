"""The outline of a body, level by level: where its middle is, how wide and how deep it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.phantom.shapes import Shape
from lymphorisk.plan.frame import read_only
from lymphorisk.plan.grid import DoseGrid
from lymphorisk.plan.mask import Mask

Real = NDArray[np.float64]

#: Contours of at least this share of the largest one's area belong to the trunk: two legs count, an arm does not.
TRUNK_SHARE = 0.5
#: A trunk is at most this much wider than deep; arms that touch it are cut off there.
WIDEST = 1.75
#: Levels of the reference outline are this far apart: organs are longer. [mm]
LEVEL_MM = 10.0
#: Lattice the reference outline is measured on. [mm]
LATTICE_MM = 5.0
#: Heights closer than this are one plane. [mm]
SAME_PLANE_MM = 0.5
#: The dose grid's voxels above this share of its highest dose lie in the body or touch it.
BODY_DOSE = 0.001


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """Sections of a body, from foot to head.

    Attributes
    ----------
    z_mm : ndarray, shape (n,)
        Heights, increasing. [mm]
    middle_mm : ndarray, shape (n, 2)
        Middle of the section's box (x, y). [mm]
    half_mm : ndarray, shape (n, 2)
        Half width and half depth. [mm]
    """

    z_mm: Real
    middle_mm: Real
    half_mm: Real

    def __post_init__(self) -> None:
        for array in (self.z_mm, self.middle_mm, self.half_mm):
            read_only(array)

    def middle_at(self, z_mm: Real, axis: int) -> Real:
        """Middles at heights along one axis, shape of `z_mm`; the end sections hold beyond the ends. [mm]"""
        return np.asarray(np.interp(z_mm, self.z_mm, self.middle_mm[:, axis]))

    def half_at(self, z_mm: Real, axis: int) -> Real:
        """Half sizes at heights along one axis, shape of `z_mm`; the end sections hold beyond the ends. [mm]"""
        return np.asarray(np.interp(z_mm, self.z_mm, self.half_mm[:, axis]))


def outline_of(contours_mm: Iterable[Real]) -> Outline | None:
    """The outline drawn by a body contour; None without one.

    Of each plane the largest contour counts, with others nearly as large (legs); arms and couch do not.
    """
    planes: dict[int, list[Real]] = {}
    for contour in contours_mm:
        planes.setdefault(round(float(contour[0, 2]) / SAME_PLANE_MM), []).append(contour)
    rows = []
    for key in sorted(planes):
        areas = [_area(c) for c in planes[key]]
        if max(areas) <= 0.0:
            continue
        trunk = [c for c, a in zip(planes[key], areas, strict=True) if a >= TRUNK_SHARE * max(areas)]
        points = np.concatenate(trunk)[:, :2]
        rows.append((float(planes[key][0][0, 2]), points.min(axis=0), points.max(axis=0)))
    return _sections(rows)


def outline_of_mask(mask: Mask) -> Outline | None:
    """The outline of a body given by voxels: of each plane the largest piece, with others nearly as large (legs)."""
    from scipy import ndimage

    z, y, x = mask.centres_mm()[0], mask.y_mm, mask.x_mm
    rows = []
    for height, plane in zip(z.tolist(), mask.share_zyx > 0, strict=True):
        pieces, _ = ndimage.label(plane)
        size = np.bincount(pieces.ravel())[1:]
        if not len(size):
            continue
        j, i = np.nonzero(np.isin(pieces, 1 + np.flatnonzero(size >= TRUNK_SHARE * size.max())))
        low, high = np.array([x[i.min()], y[j.min()]]), np.array([x[i.max() + 1], y[j.max() + 1]])
        rows.append((height, low, high))
    return _sections(rows)


def outline_of_dose(grid: DoseGrid) -> Outline | None:
    """The outline of what a dose grid irradiates, where nobody drew the body."""
    touched = grid.dose_zyx > BODY_DOSE * grid.dose_zyx.max()
    rows = []
    for k, plane in enumerate(touched):
        j, i = np.nonzero(plane)
        if len(i):
            local = np.stack([grid.x_mm[i], grid.y_mm[j], np.full(len(i), grid.z_mm[k])], axis=-1)
            points = grid.to_patient(local)
            rows.append((float(points[:, 2].mean()), points.min(axis=0)[:2], points.max(axis=0)[:2]))
    rows.sort(key=lambda row: row[0])
    return _sections(rows)


def outline_of_shape(body: Shape) -> Outline:
    """The outline of a body made of geometry."""
    low, high = body.bounds()
    x, y = (np.arange(lo, hi + LATTICE_MM, LATTICE_MM) for lo, hi in zip(low[:2], high[:2], strict=True))
    rows = []
    for z in np.arange(low[2] + LEVEL_MM / 2, high[2], LEVEL_MM):
        inside = body.level(x[None, :], y[:, None], np.array(z)) <= 0.0
        j, i = np.nonzero(np.broadcast_to(inside, (len(y), len(x))))
        if len(i):
            rows.append((float(z), np.array([x[i.min()], y[j.min()]]), np.array([x[i.max()], y[j.max()]])))
    made = _sections(rows)
    assert made is not None
    return made


def _sections(rows: list[tuple[float, Real, Real]]) -> Outline | None:
    if len(rows) < 2:
        return None
    low, high = np.array([r[1] for r in rows]), np.array([r[2] for r in rows])
    half = 0.5 * (high - low)
    half[:, 0] = np.minimum(half[:, 0], WIDEST * half[:, 1])
    return Outline(np.array([r[0] for r in rows]), 0.5 * (high + low), half)


def _area(contour: Real) -> float:
    x, y = contour[:, 0], contour[:, 1]
    return float(0.5 * abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)))
