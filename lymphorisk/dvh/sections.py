"""Regions section by section: boxes and areas of contours, and of the planes of masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.regions import Region, leaves_of
from lymphorisk.dvh.stack import stacks_of
from lymphorisk.plan.mask import Mask

Array = NDArray[np.float64]


def boxes_of(region: Region) -> Array:
    """Lowest and highest corner of each contour with any point, and of each plane of a mask, shape (n, 2, 3). [mm]"""
    boxes: list[Array] = []
    for leaf in leaves_of(region):
        if isinstance(leaf, Mask):
            boxes.append(_planes_of(leaf))
        else:
            boxes.append(_contours_of([c for c in leaf.contours_mm if len(c) > 0]))
    return np.concatenate(boxes)


def middle_of(region: Region) -> Array | None:
    """Middle of a region's sections, each weighted by its extent, shape (3,); None without one. [mm]"""
    boxes = boxes_of(region)
    weights = np.prod(boxes[:, 1, :2] - boxes[:, 0, :2], axis=1)
    if not weights.sum() > 0:
        return None
    return np.asarray(np.average(0.5 * (boxes[:, 0] + boxes[:, 1]), axis=0, weights=weights))


def largest_section_mm2(region: Region) -> float:
    """Area of a region's largest section, the largest of its parts; nothing where none is drawn. [mm2]"""
    areas = [0.0]
    for leaf in leaves_of(region):
        if isinstance(leaf, Mask):
            _, high, wide = leaf.widths_mm()
            areas.append(float((leaf.share_zyx * high[:, None] * wide).sum(axis=(1, 2)).max(initial=0.0)))
        else:
            areas += [float(stack.areas_mm2.max()) for stack in stacks_of(leaf)]
    return max(areas)


def moments_of(mask: Mask) -> Array:
    """Area and middle of the left and the right half of each plane that holds anything, shape (n, 4). [mm2, mm]"""
    z, y, x = mask.centres_mm()
    middle = 0.5 * (mask.x_mm[0] + mask.x_mm[-1])
    _, high, wide = mask.widths_mm()
    rows = []
    for half in (x < middle, x >= middle):
        if not half.any():
            continue
        share = mask.share_zyx[:, :, half].astype(np.float64) * high[:, None] * wide[half]
        area, along_x, along_y = share.sum(axis=(1, 2)), share.sum(axis=1) @ x[half], share.sum(axis=2) @ y
        k = np.flatnonzero(area > 0)
        rows.append(np.stack([area[k], along_x[k] / area[k], along_y[k] / area[k], z[k]], axis=1))
    return np.concatenate(rows)


def _contours_of(contours: list[Array]) -> Array:
    """Box of each contour. [mm]"""
    if not contours:
        return np.empty((0, 2, 3))
    points = np.concatenate(contours)
    first = np.cumsum([0, *(len(c) for c in contours[:-1])])
    return np.stack([np.minimum.reduceat(points, first), np.maximum.reduceat(points, first)], axis=1)


def _planes_of(mask: Mask) -> Array:
    """Box of what each plane of a mask covers, at the plane's height. [mm]"""
    z, y, x = mask.centres_mm()[0], mask.y_mm, mask.x_mm
    inside = mask.share_zyx > 0
    rows, columns = np.logical_or.reduce(inside, axis=2), np.logical_or.reduce(inside, axis=1)
    k = np.flatnonzero(rows.sum(axis=1))
    (left, right), (front, back) = _ends(columns[k]), _ends(rows[k])
    low, high = np.stack([x[left], y[front], z[k]], axis=1), np.stack([x[right], y[back], z[k]], axis=1)
    return np.stack([low, high], axis=1)


def _ends(lines: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where the first and behind the last of each line of flags that are set."""
    return lines.argmax(axis=1), lines.shape[1] - lines[:, ::-1].argmax(axis=1)
