"""Bodies of one structure that never meet, by the heights their slices lie at.

Lesions, nodes or kidneys gathered from several scans into one ROI keep the slices they were drawn on. Taken plane by
plane as one structure they would share slices that none of them has. Bodies whose slices fit together stay together;
others are solids of their own.

The shares and factors below are choices made knowing what they gave: on random assemblies of bodies, on nodes scattered
over one scan of two and three slice thicknesses (which must stay one), and on exported structure sets (none moves).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.levels import ALIKE, MOST_ASKED, THICKEST_MM, Beside, alike, heights_of, links, within
from lymphorisk.dvh.outlines import Index, Outlines, TooManyError, shared

#: Contours over each other are of one body up to this many slice steps apart: one slice may be missing.
ONE_BODY = 2.5
#: A body that passes by a plane keeps its own step up to this factor; where a slice of it is missing it takes two.
OWN_STEP = 1.25
#: Bodies of three slices and more that do so are this share of those of several slices at least, or all that do this.
STRONG_SHARE = 0.1
WEAK_SHARE = 0.5
#: Bodies that stay together have steps that differ by no more than this share.
STEP_SHARE = 0.1
#: And slices that are the same, or whole steps apart up to this share of one, or further apart than any gap is bridged.
WHOLE_SHARE = 0.1
FAR_STEPS = 4.5
#: With more sets of heights than this, or too many boxes that meet a little, a structure is taken plane by plane.
MOST_SETS = 64

Array = NDArray[np.float64]


def sets_of_heights(of: Outlines, heights: Array, plane: Index, near: Beside) -> Index:
    """Set of heights each contour belongs to, counted from 0, shape (k,); all 0 when there is one, or far too many.

    Parameters
    ----------
    of : Outlines
        Contours by height.
    heights, plane : ndarray, shape (k,)
        Height [mm] and plane of each.
    near : Beside
        What was found of them plane by plane.
    """
    one = np.zeros(len(plane), np.intp)
    z = heights_of(heights, plane)
    steps = np.diff(z)
    regular = not near.often and bool(len(steps)) and bool(_whole(steps / np.median(steps)).all())
    if not np.isfinite(near.step_mm) or regular:
        return one
    try:
        body = _bodies(of, heights, plane, ONE_BODY * near.step_mm)
    except TooManyError:
        return one
    planes = [np.unique(plane[body == b]) for b in range(int(body.max()) + 1)]
    if not _on_their_own(planes, z):
        return one
    of_body = np.zeros(len(planes), np.intp)
    sets: list[_Set] = []
    # bodies of many slices say what a set is; the others join one
    for b in sorted(range(len(planes)), key=lambda b: (-len(planes[b]), planes[b][0])):
        own = _Set(planes[b], z)
        fits = next((n for n, known in enumerate(sets) if known.takes(own, near.step_mm)), None)
        if fits is None:
            if len(sets) == MOST_SETS:
                return one
            sets.append(own)
            fits = len(sets) - 1
        of_body[b] = fits
    return np.asarray(of_body[body], np.intp)


def _on_their_own(planes: list[Index], z: Array) -> bool:
    """Whether bodies pass by planes of the others at the step they keep themselves, and not for want of a slice."""
    strong = weak = several = 0
    for own in planes:
        if len(own) < 2:
            continue
        far = np.diff(z[own])
        passing = bool(((np.diff(own) > 1) & (far <= OWN_STEP * np.median(far))).any())
        several += 1
        strong += passing and len(own) > 2
        weak += passing
    return weak > 0 and (strong >= max(STRONG_SHARE * several, 1) or weak >= WEAK_SHARE * several)


class _Set:
    """Planes that hold the slices of bodies which stay together."""

    def __init__(self, planes: Index, z: Array) -> None:
        self.planes, self._z = planes, z
        self.step = float(np.median(np.diff(z[planes]))) if len(planes) > 1 else None

    def takes(self, other: _Set, usual: float) -> bool:
        """Whether the slices of another body fit in, and if so takes them."""
        first, last = np.searchsorted(self.planes, other.planes[[0, -1]])
        if np.array_equal(self.planes[first : last + 1], other.planes):
            return True
        if self.step is not None and other.step is not None:
            if abs(self.step - other.step) > STEP_SHARE * self.step:
                return False
            usual = self.step
        new = np.setdiff1d(other.planes, self.planes)
        if len(new):
            known = self._z[self.planes]
            after = np.searchsorted(known, self._z[new])
            below = self._z[new] - np.concatenate([[-np.inf], known])[after]
            above = np.concatenate([known, [np.inf]])[after] - self._z[new]
            steps = np.minimum(below, above) / usual
            if not (_whole(steps) | (steps > FAR_STEPS)).all():
                return False
            self.planes = np.union1d(self.planes, new)
        return True


def _whole(steps: Array) -> NDArray[np.bool_]:
    """Which numbers of steps are whole, nearly."""
    return np.asarray((np.abs(steps - np.round(steps)) <= WHOLE_SHARE) & (steps > 0.5))


def _bodies(of: Outlines, heights: Array, plane: Index, reach_mm: float) -> Index:
    """Body of each contour, counted from 0.

    Contours that meet on one plane or up to a distance above each other are of one, and so is the next one above up to
    the thickest slice.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    body, followed, asked = np.arange(len(plane)), np.zeros(len(plane), bool), 0
    for up in range(within(heights, plane, THICKEST_MM) + 1):
        below, above = links(of, plane, up)
        far = heights[above] - heights[below]
        keep = (far <= reach_mm) | ((far <= THICKEST_MM) & ~followed[below])
        below, above = below[keep], above[keep]
        own = body[below] == body[above]
        if up:
            followed[below[own]] = True
        below, above = below[~own], above[~own]
        # boxes may meet where bodies do not
        unsure = alike(of, below, above) < ALIKE
        asked += int(unsure.sum())
        if asked > MOST_ASKED:
            raise TooManyError
        met = np.ones(len(below), bool)
        met[unsure] = shared(of, below[unsure], above[unsure]) > 0
        below, above = below[met], above[met]
        if up:
            followed[below] = True
        if len(below):
            graph = coo_array((np.ones(len(below), np.int8), (body[below], body[above])), shape=(len(plane),) * 2)
            body = connected_components(graph, directed=False)[1][body]
    return np.unique(body, return_inverse=True)[1].astype(np.intp)
