"""How thick a slice of the image is that structures were drawn on: the CT's step, else the step of the whole set.

A structure on one plane has no spacing of its own. Its thickness is that of the image's slice, whoever asks for the
structure and whatever else they ask for; the dose grid has no say in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.stack import keep_sorted
from lymphorisk.plan import CTVolume, Structure

#: Heights this close are of one plane: exports round positions to 0.01 mm. [mm]
SAME_PLANE_MM = 0.02
#: Steps alike within this share are alike.
REGULAR = 0.05
#: A step of this many usual ones is a gap between pieces: it counts as no more, and says nothing of the slices in it.
GAP_STEPS = 3.0
#: Steps shorter than this share of the usual one are contours of one slice that slipped, not slices.
SLIPPED = 0.2
#: Steps on either side of a plane that say how thick its slice is: two survive one missing slice.
BESIDE = 2

Array = NDArray[np.float64]


def with_slices(structures: Sequence[Structure], ct: CTVolume | None) -> tuple[Structure, ...]:
    """Structures with the thickness of the slices they were drawn on, where anything says it.

    Parameters
    ----------
    structures : sequence of Structure
        The whole structure set.
    ct : CTVolume or None
        The image they were drawn on, when it is there.
    """
    planes = [_planes(s) for s in structures]
    steps = _Steps([z for z in planes if len(z) > 1])
    out = []
    for structure, z in zip(structures, planes, strict=True):
        thickness = None
        if len(z):
            middle = float(z[len(z) // 2])
            thickness = None if ct is None else _of_ct(ct, structure, middle)
            thickness = thickness or steps.at(middle)
        out.append(keep_sorted(replace(structure, slice_mm=thickness), structure))
    return tuple(out)


class _Steps:
    """The steps between the planes of all structures."""

    def __init__(self, lines: Sequence[Array]) -> None:
        none = [np.zeros(0)]
        self._low = np.concatenate([z[:-1] for z in lines] or none)
        self._high = np.concatenate([z[1:] for z in lines] or none)
        self._usual = _usual(self._high - self._low)
        # a step like the next one is a step of slices (or of every second slice); a gap stands alone
        self._regular = np.concatenate([_regular(np.diff(z)) for z in lines] or [np.zeros(0, bool)])

    def at(self, z_mm: float) -> float | None:
        """The slice step at a height: the shortest regular one there, else the usual one of all. [mm]"""
        if self._usual is None:
            return None
        near = self._regular & (self._low <= z_mm + SAME_PLANE_MM) & (self._high >= z_mm - SAME_PLANE_MM)
        steps = (self._high - self._low)[near]
        steps = steps[steps > SLIPPED * self._usual]
        return float(steps.min()) if len(steps) else self._usual


def _regular(steps: Array) -> NDArray[np.bool_]:
    """Steps as long as the one before or behind."""
    alike = np.abs(np.diff(steps)) <= REGULAR * steps[1:]
    return np.asarray(np.concatenate([[False], alike]) | np.concatenate([alike, [False]]))


def _planes(structure: Structure) -> Array:
    """Heights of a structure's planes, increasing. [mm]"""
    if not structure.contours_mm:
        return np.zeros(0)
    lengths = np.array([len(c) for c in structure.contours_mm])
    z = np.concatenate([c[:, 2] for c in structure.contours_mm])
    heights = np.sort(np.add.reduceat(z, np.cumsum(lengths) - lengths) / lengths)
    return np.asarray(heights[np.concatenate([[True], np.diff(heights) > SAME_PLANE_MM])])


def _usual(steps: Array) -> float | None:
    """The step at the middle of all that is stepped over: short slips and the few gaps between pieces do not count."""
    if not len(steps):
        return None
    weight = np.minimum(steps, GAP_STEPS * np.median(steps))
    order = np.argsort(steps, kind="stable")
    passed = np.cumsum(weight[order])
    return float(steps[order][np.searchsorted(passed, 0.5 * passed[-1])])


def _of_ct(ct: CTVolume, structure: Structure, z_mm: float) -> float | None:
    """Thickness of the CT's slice at a height. [mm]"""
    if len(ct.z_mm) == 1:
        return ct.slice_mm
    corner = structure.contours_mm[0][0]
    local = float(ct.to_local(np.array([corner[0], corner[1], z_mm]))[2])
    steps = np.diff(ct.z_mm)
    nearest = int(np.abs(ct.z_mm - local).argmin())
    return float(np.median(steps[max(nearest - BESIDE, 0) : nearest + BESIDE]))
