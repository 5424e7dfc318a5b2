"""Which points lie in a region, by its nearest planes and voxels: for checks, not for doses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.coverage import contains
from lymphorisk.dvh.regions import Difference, Intersection, Region, Union
from lymphorisk.dvh.stack import Stack, spacing_of, stacks_of
from lymphorisk.plan.mask import Mask
from lymphorisk.plan.structures import Structure

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


def inside(region: Region, points_mm: Array) -> Flags:
    """Whether points lie in a region, shape (n,).

    Parameters
    ----------
    region : Region
        A structure's contours count for a spacing above and below their plane, by even-odd; a mask's voxels wherever
        they are covered to half or more.
    points_mm : ndarray, shape (n, 3)
        Patient coordinates. [mm]
    """
    if isinstance(region, Structure):
        return _in_structure(region, points_mm)
    if isinstance(region, Mask):
        return _in_mask(region, points_mm)
    if isinstance(region, Difference):
        return inside(region.base, points_mm) & ~inside(region.minus, points_mm)
    assert isinstance(region, Union | Intersection)
    join = np.logical_or if isinstance(region, Union) else np.logical_and
    return np.asarray(join.reduce([inside(member, points_mm) for member in region.members]))


def _in_structure(structure: Structure, points_mm: Array) -> Flags:
    out = np.zeros(len(points_mm), bool)
    stacks = stacks_of(structure)
    for stack in stacks:
        out |= _in_stack(stack, stack.spacing_mm or spacing_of(stacks) or 1.0, points_mm)
    return out


def _in_stack(stack: Stack, spacing_mm: float, points_mm: Array) -> Flags:
    out = np.zeros(len(points_mm), bool)
    nearest = np.abs(points_mm[:, 2, None] - stack.z_mm).argmin(axis=1)
    close = np.abs(points_mm[:, 2] - stack.z_mm[nearest]) <= spacing_mm
    for k in np.unique(nearest[close]).tolist():
        at = np.flatnonzero(close & (nearest == k))
        for contour in stack.contours[k]:
            out[at] ^= contains(contour, points_mm[at, :2])
    return out


def _in_mask(mask: Mask, points_mm: Array) -> Flags:
    known = np.ones(len(points_mm), bool)
    index = []
    for axis, line in ((2, mask.z_mm), (1, mask.y_mm), (0, mask.x_mm)):
        at = np.searchsorted(line, points_mm[:, axis], side="right") - 1
        known &= (at >= 0) & (at < len(line) - 1)
        index.append(np.clip(at, 0, len(line) - 2))
    return known & (mask.share_zyx[tuple(index)] >= np.float32(0.5))
