"""Heights of contours: which are drawn on one slice.

Exports write the slices of one scan at heights that differ by rounding, by a roll or tilt of the scan, or by a part of
the slice step from one body to the next. Three steps sort this out:

1. Contours that lie in planes tilted against the axial ones by up to about a degree are laid flat: a shear along z,
   which keeps volumes.
2. Heights closer than rounding are one; so are heights that come in close groups all through the structure.
3. Contours beside each other whose heights differ by up to half a slice step are of one slice, where the bodies they
   belong to meet (`bodies` tells those apart that do not). The slice step is the distance from contours to the next
   ones above them, not from one height to the next.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.outlines import MOST_LINKED, Index, Outlines, pairs_that, shared

#: Contours this close along z are of one plane: exports round positions to 0.01 mm. [mm]
SAME_PLANE_MM = 0.02
#: So are those closer than this, or than this share of the step, where no planes lie as close as that. [mm]
ROUNDING_MM = 0.11
ROUNDING_SHARE = 0.05
#: Of the step between fine planes this share is never rounding.
FINE_SHARE = 0.4
#: Heights that come in groups all through a structure are of one slice each: groups no wider than this share of the
#: gaps between them.
GROUP_SHARE = 0.3
#: Nor wider than this: no scan is tilted more. [mm]
GROUP_MM = 1.5
#: Share of the slices that are such groups.
GROUPED = 0.5
#: Fewest groups that make a habit.
FEWEST_GROUPS = 4
#: Contours beside each other are of one slice up to this share of the slice step.
SLICE_SHARE = 0.501
#: The next contour above is looked for this many planes up at least, and on all planes within the thickest slice.
REACH = 6
#: Two contours are of one body when their boxes are alike by this share.
ALIKE = 0.5
#: They are surely by this share.
SAME_BODY = 0.7
#: A contour that covers less than this share of the one below it may be of another body.
COVERED = 0.5
#: Pairs of contours whose boxes meet a little that are looked at for what they share.
MOST_ASKED = 20_000
#: Bodies at heights of their own make at least this share of the contours skip planes.
OFTEN = 0.2
#: No slice is thicker than this. [mm]
THICKEST_MM = 12.0
#: A contour may leave its plane by this much: rounding, and couch angles too small to matter. [mm]
FLAT_MM = 0.5
#: Scans tilted by more than this are another geometry. [degrees]
MOST_TILT = 1.2

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Flattened:
    """Heights of contours, shape (k,), the tilt that was taken out [degrees], and how far contours leave their plane.

    `reason` says why they have no heights.
    """

    heights_mm: Array
    tilt: float = 0.0
    off_mm: float = 0.0
    reason: str = ""


def flattened(points: Array, starts: Index, lengths: Index) -> Flattened:
    """Heights of contours, each a plane of (nearly) constant z.

    Parameters
    ----------
    points : ndarray, shape (n, 3)
        Corners of all contours, one contour after the other. [mm]
    starts, lengths : ndarray, shape (k,)
        First corner and number of corners of each.
    """
    z = points[:, 2]
    low, high = np.minimum.reduceat(z, starts), np.maximum.reduceat(z, starts)
    off = float((high - low).max())
    if off == 0:
        return Flattened(z[starts])
    mean = np.add.reduceat(points, starts) / lengths[:, None]
    if off <= FLAT_MM:
        return Flattened(np.where(high > low, mean[:, 2], z[starts]), 0.0, off)
    from_mean = points - np.repeat(mean, lengths, axis=0)
    slope, *_ = np.linalg.lstsq(from_mean[:, :2], from_mean[:, 2], rcond=None)
    tilt = float(np.degrees(np.arctan(np.hypot(*slope))))
    rest = from_mean[:, 2] - from_mean[:, :2] @ slope
    off = float((np.maximum.reduceat(rest, starts) - np.minimum.reduceat(rest, starts)).max())
    if off > FLAT_MM:
        return Flattened(z[starts], tilt, off, "contours do not lie in axial planes")
    if tilt > MOST_TILT:
        return Flattened(z[starts], tilt, off, f"contours lie in planes tilted by {tilt:.1f} degrees")
    middle = points.mean(axis=0)
    return Flattened(mean[:, 2] - (mean[:, :2] - middle[:2]) @ slope, tilt, off)


def rounded(heights: Array) -> Index:
    """Plane of each height, counted from 0, where heights that differ by rounding, or come in groups, are one plane.

    Parameters
    ----------
    heights : ndarray, shape (k,)
        Increasing. [mm]
    """
    plane = np.concatenate([[0], np.cumsum(np.diff(heights) > SAME_PLANE_MM)])
    if plane[-1] < 2:
        return np.asarray(plane, np.intp)
    z = heights[np.concatenate([[True], np.diff(plane) > 0])]
    steps = np.diff(z)
    # where bodies are many, most steps are rounding
    usual = float(np.median(steps[steps > ROUNDING_MM] if steps.max() > ROUNDING_MM else steps))
    limit = min(max(ROUNDING_MM, ROUNDING_SHARE * usual), FINE_SHARE * usual)
    close = steps <= limit
    if not close.any() or _widest(z, close) > 2 * limit:
        close = _grouped(z, steps)
    return np.asarray(np.concatenate([[0], np.cumsum(~close)])[plane], np.intp)


def _grouped(z: Array, steps: Array) -> NDArray[np.bool_]:
    """Steps within close groups of heights, when the heights come in groups all through the structure."""
    ordered = np.sort(steps)
    ratio = ordered[1:] / ordered[:-1]
    at = int(ratio.argmax()) if len(ratio) else 0
    none = np.zeros(len(steps), bool)
    if not len(ratio) or ordered[at] > GROUP_SHARE * ordered[at + 1]:
        return none
    close = steps <= ordered[at]
    starts, stops = _groups(close)
    several = float((stops > starts).mean())
    habit = len(starts) >= FEWEST_GROUPS and several >= GROUPED
    return close if habit and _widest(z, close) <= min(GROUP_SHARE * float(ordered[at + 1]), GROUP_MM) else none


def _groups(close: NDArray[np.bool_]) -> tuple[Index, Index]:
    """First and last of each row of heights with close steps between them."""
    starts = np.flatnonzero(np.concatenate([[True], ~close]))
    return starts, np.concatenate([starts[1:], [len(close) + 1]]) - 1


def _widest(z: Array, close: NDArray[np.bool_]) -> float:
    starts, stops = _groups(close)
    return float((z[stops] - z[starts]).max())


def links(of: Outlines, plane: Index, up: int) -> tuple[Index, Index]:
    """Pairs of contours (below, above), `up` planes apart, whose boxes overlap."""
    planes = int(plane[-1]) + 1
    first = np.searchsorted(plane, np.arange(planes + 1))
    target = plane + up
    there = target < planes
    count = np.zeros(len(plane), np.intp)
    count[there] = np.diff(first)[target[there]]

    def meet(a: Index, b: Index) -> NDArray[np.bool_]:
        return np.asarray(((of.low[a] <= of.high[b]) & (of.low[b] <= of.high[a])).all(axis=1))

    return pairs_that(meet, first[np.where(there, target, 0)], count, MOST_LINKED)


@dataclass(frozen=True, slots=True)
class Passages:
    """How bodies go on upwards: from contours to those on the next plane, and beyond planes that hold none of theirs.

    Attributes
    ----------
    a, b : ndarray, shape (n,)
        Contours whose boxes meet on neighbouring planes.
    below, above : ndarray, shape (m,)
        Contours with nothing of their body on the next plane, and the one on a plane beyond. Of several there, the
        one whose box overlaps most.
    alone : ndarray, shape (m,)
        Nothing at all lies above them on the next plane.
    """

    a: Index
    b: Index
    below: Index
    above: Index
    alone: NDArray[np.bool_]

    def step_mm(self, heights: Array) -> float:
        """Usual distance of a contour to the next of its body. [mm]"""
        low, high = np.concatenate([self.a, self.below]), np.concatenate([self.b, self.above])
        return float(np.median(heights[high] - heights[low])) if len(low) else np.inf


def passages(of: Outlines, heights: Array, plane: Index) -> Passages:
    """How the bodies of a structure go on from plane to plane.

    A neighbour whose box reaches over a contour is not its body's next slice when the same contour, nearly, lies a
    plane or more beyond and the neighbour covers less than half of it.
    """
    a, b = links(of, plane, 1)
    planes = int(plane[-1]) + 1
    best = np.full(len(plane), -1.0)
    np.maximum.at(best, a, alike(of, a, b))
    alone = (best < 0) & (plane < planes - 1)
    doubtful = (best >= 0) & (best < ALIKE)
    none = np.zeros(0, np.intp)
    if not (alone | doubtful).any():
        return Passages(a, b, none, none, np.zeros(0, bool))
    found: dict[int, int] = {}
    for up in range(2, max(REACH, within(heights, plane, THICKEST_MM)) + 1):
        i, j = links(of, plane, up)
        near = alike(of, i, j)
        keep = alone[i] | (doubtful[i] & (near >= SAME_BODY))
        i, j, near = i[keep], j[keep], near[keep]
        order = np.argsort(near, kind="stable")
        here = dict(zip(i[order].tolist(), j[order].tolist(), strict=True))
        found |= {k: there for k, there in here.items() if k not in found}
    asked = [k for k in found if doubtful[k]]
    pairs = np.flatnonzero(np.isin(a, asked))
    if len(pairs) > MOST_ASKED:  # too many to tell
        found = {k: there for k, there in found.items() if alone[k]}
    elif asked:
        covered = np.bincount(a[pairs], shared(of, a[pairs], b[pairs]), len(plane))
        passed_by = np.zeros(len(plane), bool)
        passed_by[asked] = covered[asked] < COVERED * of.area[asked]
        found = {k: there for k, there in found.items() if alone[k] or passed_by[k]}
        a, b = a[~passed_by[a]], b[~passed_by[a]]
    below = np.array(sorted(found), np.intp)
    return Passages(a, b, below, np.array([found[int(k)] for k in below], np.intp), alone[below])


def heights_of(heights: Array, plane: Index) -> Array:
    """Height of the lowest contour of each plane. [mm]"""
    return np.asarray(heights[np.concatenate([[True], np.diff(plane) > 0])])


def within(heights: Array, plane: Index, reach_mm: float) -> int:
    """How many planes follow one of them within a distance, at most."""
    z = heights_of(heights, plane)
    return int((np.searchsorted(z, z + reach_mm, side="right") - np.arange(1, len(z) + 1)).max())


def alike(of: Outlines, a: Index, b: Index) -> Array:
    """Overlap of the boxes of pairs of contours as a share of what they span together, shape (pairs,)."""
    common = np.prod(np.maximum(np.minimum(of.high[a], of.high[b]) - np.maximum(of.low[a], of.low[b]), 0), axis=1)
    boxes = np.prod(of.high - of.low, axis=1)
    return np.asarray(common / np.maximum(boxes[a] + boxes[b] - common, np.finfo(float).tiny))


@dataclass(frozen=True, slots=True)
class Beside:
    """Plane of each contour after planes were joined, how far apart at most they were, and the slice step. [mm]

    The step is not finite where no contour lies above another. `often` says whether a body skips planes all through.
    """

    plane: Index
    moved_mm: float
    step_mm: float
    often: bool = True


def beside(of: Outlines, heights: Array, plane: Index) -> Beside:
    """Planes with those joined that hold contours beside each other less than half a slice step apart.

    Parameters
    ----------
    of : Outlines
        Contours by height.
    heights, plane : ndarray, shape (k,)
        Height [mm] and plane of each.
    """
    on = passages(of, heights, plane)
    same = alike(of, on.below, on.above) >= ALIKE
    # scattered small bodies lie above each other by chance; those of two heights do so all through
    if same.sum() < OFTEN * len(plane) or not same.any():
        near = (alike(of, on.below, on.above) >= SAME_BODY) & (heights[on.above] - heights[on.below] <= THICKEST_MM)
        twice = bool(np.isin(on.above[near], on.below[near]).any())
        return Beside(plane, 0.0, on.step_mm(heights), often=twice)
    step = replace(on, below=on.below[same], above=on.above[same]).step_mm(heights)
    if step > THICKEST_MM:
        return Beside(plane, 0.0, step)
    first = np.searchsorted(plane, np.arange(int(plane[-1]) + 2))
    joined = np.zeros(int(plane[-1]) + 1, np.intp)
    start, moved = 0, 0.0
    for k in range(1, len(joined)):
        far = float(heights[first[k]] - heights[first[start]])
        here, there = slice(first[k], first[k + 1]), slice(first[start], first[k])
        apart = (
            far <= SLICE_SHARE * step
            and not ((of.low[here, None] <= of.high[None, there]) & (of.low[None, there] <= of.high[here, None]))
            .all(axis=2)
            .any()
        )
        if apart:
            moved = max(moved, far)
        else:
            start = k
        joined[k] = joined[k - 1] + (0 if apart else 1)
    return Beside(np.asarray(joined[plane], np.intp), moved, step)
