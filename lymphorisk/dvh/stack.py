"""A structure's contours sorted into planes, and the gaps between the planes judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import MappingProxyType
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.bodies import sets_of_heights
from lymphorisk.dvh.curve import EndCaps
from lymphorisk.dvh.levels import ALIKE, SAME_BODY, THICKEST_MM, alike, beside, flattened, passages, rounded
from lymphorisk.dvh.outlines import (
    FEWEST_POINTS,
    SAME_POINT_MM,
    Index,
    Outlines,
    TooManyError,
    arranged,
    copies,
    doubles,
    enclosing,
    once,
    outlines_of,
)
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.plan.structures import Structure
from lymphorisk.units import MM3_PER_CM3

#: A coordinate of a patient beyond this is a broken file (a couch is two metres long). [mm]
MAX_COORDINATE = 1e5
#: So is a structure wider than two patients. [mm]
MAX_EXTENT = 4e3
#: A step wider than this many usual spacings has planes missing in it.
MISSING_STEP = 1.5
#: Only a regular spacing has planes missing: most steps are the usual one; otherwise the spacing is simply uneven.
REGULAR = 0.05
REGULAR_SHARE = 0.6
#: A gap of up to this many spacings has one plane missing.
ONE_MISSING = 2.5
#: A gap of more than this many spacings is bridged no more: the structure has two pieces.
BRIDGED_SPACINGS = 4.5
#: So many wide steps of one size in a row are a region of thicker slices.
REGION_STEPS = 3
#: At an end of the structure fewer are enough.
REGION_STEPS_AT_END = 2
#: A body that skips planes closer together than this share of its slice step is drawn on other slices than they are.
BETWEEN_SLICES = 1.25
#: Structures of more contours a plane than this are scattered pieces: none is known to have skipped a plane.
FEW_BODIES = 4
#: A body may differ from the sum of area times spacing by this share of it, and by half a spacing of its end planes,
#: which a cap closes or cuts.
SLABS_SHARE = 0.03
#: From this share on it is not the structure that was drawn.
SLABS_UNDECIDABLE = 0.1
#: Contours that leave their plane by more than this are remarked on. [mm]
REMARKED_OFF_MM = 0.1

MISSING_PLANE = rule(
    "LR101",
    "warning",
    "contour planes missing",
    "The structure, or a body of it, skips planes between others; the shape in between is interpolated from the planes "
    "around it.",
)
PIECES = rule(
    "LR102",
    "info",
    "structure in pieces",
    "The structure's planes lie so far apart, or so far beside each other, that it is taken for separate pieces.",
)
ONE_PLANE = rule(
    "LR103",
    "info",
    "structure drawn on one plane",
    "A structure on one plane has no spacing of its own; it is given the slice step of the CT, or of its set.",
)
NOT_USABLE = rule(
    "LR120",
    "warning",
    "ROI not usable",
    "The contours of the ROI cannot be made into a body: they are damaged, not axial, or of no known kind. The ROI "
    "counts as not drawn; everything else goes on.",
)
DOUBLED = rule(
    "LR121",
    "warning",
    "contours stand twice",
    "Contours of the structure stand twice or more on their plane, the same or drawn again within half a millimetre; "
    "each counts once.",
)
CROSSING = rule(
    "LR122",
    "warning",
    "contours cross",
    "Contours of a plane cross without lying within each other; what lies in any of them counts, once.",
)
NO_PLANE = rule(
    "LR123",
    "info",
    "contours not in axial planes",
    "The contours are tilted against the axial planes by up to about a degree, or uneven along z by up to half a "
    "millimetre; they are laid flat.",
)
OFF_HEIGHT = rule(
    "LR124",
    "info",
    "bodies of a structure at different heights",
    "Bodies of the structure are drawn on slices at heights of their own. Those that never meet are taken by "
    "themselves, each with its own slices; others, and those at more than 64 sets of heights, to be of one slice where "
    "they lie less than half a slice apart: a body of ten slices may then be 5 % too small, one of two 15 %.",
)
NOT_ITS_SLABS = rule(
    "LR126",
    "warning",
    "volume unlike its sections",
    "The body built from the contours differs from the sum of their areas times the spacing by more than its ends and "
    "its shape explain: by a few per cent a warning; by more an error, and the structure has no DVH.",
)
NOTHING_ENCLOSED = rule(
    "LR125",
    "warning",
    "contours that enclose nothing",
    "Contours that are points or lines, or go forth and back, enclose no area; their planes count as missing.",
)

Array = NDArray[np.float64]
Planes = list[tuple[Array, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Contours of one structure, plane by plane.

    Attributes
    ----------
    z_mm : ndarray, shape (k,)
        Planes, increasing. [mm]
    contours : tuple of tuples of ndarray, shape (n, 2)
        Contours of each plane. [mm]
    spacing_mm : float, optional
        Usual spacing of the planes; None for a single plane. [mm]
    bridged : frozenset of int
        Intervals (k to k+1) with planes missing, to be interpolated.
    broken : frozenset of int
        Intervals (k to k+1) with nothing in between: the structure is in pieces.
    unions : mapping of int to ndarray
        Planes whose contours cross, with +1 or, for holes, -1 of each contour: not even-odd, what lies in any counts.
    areas_mm2 : ndarray, shape (k,)
        What each plane encloses. [mm2]
    """

    z_mm: Array
    contours: tuple[tuple[Array, ...], ...]
    spacing_mm: float | None = None
    bridged: frozenset[int] = frozenset()
    broken: frozenset[int] = frozenset()
    unions: Mapping[int, Array] = field(default_factory=lambda: MappingProxyType({}))
    areas_mm2: Array = field(default_factory=lambda: np.zeros(0))

    def box(self) -> tuple[Array, Array]:
        """Lowest and highest corner in x, y. [mm]"""
        corners = np.concatenate([c for plane in self.contours for c in plane])
        x, y = corners[:, 0], corners[:, 1]
        return np.array([x.min(), y.min()]), np.array([x.max(), y.max()])

    def pieces(self) -> list[tuple[int, int]]:
        """First and last plane of each piece."""
        starts = [0, *(k + 1 for k in sorted(self.broken)), len(self.z_mm)]
        return [(a, b - 1) for a, b in pairwise(starts)]


@dataclass(frozen=True, slots=True, eq=False)
class Sorted:
    """What a structure's contours come to: a stack for each set of heights, or why there is none; what was noticed."""

    stacks: tuple[Stack, ...]
    unusable: str
    findings: tuple[Finding, ...]


_sorted: WeakKeyDictionary[Structure, Sorted] = WeakKeyDictionary()


def stacks_of(structure: Structure) -> tuple[Stack, ...]:
    """The structure's contours sorted into planes, one stack as a rule; several of bodies at heights of their own.

    No stack when no contour encloses an area, or they are not usable.
    """
    return sorted_contours(structure).stacks


def spacing_of(stacks: Sequence[Stack]) -> float | None:
    """Usual spacing of a structure's planes; None when each of its stacks is one plane. [mm]"""
    known = [stack.spacing_mm for stack in stacks if stack.spacing_mm is not None]
    return float(np.median(known)) if known else None


def sorted_contours(structure: Structure) -> Sorted:
    """The structure's contours sorted into planes, once for each structure."""
    known = _sorted.get(structure)
    if known is None:
        known = _sorted[structure] = _sort(structure)
    return known


def keep_sorted(structure: Structure, before: Structure) -> Structure:
    """The structure, made of another with the same contours: they need not be sorted again."""
    if structure.contours_mm is before.contours_mm and before in _sorted:
        _sorted[structure] = _sorted[before]
    return structure


def _sort(structure: Structure) -> Sorted:
    where = f"ROI {structure.number} {structure.name}"
    if structure.unusable:
        return _unusable(structure.unusable, where)
    kept = [c for c in structure.contours_mm if len(c) >= FEWEST_POINTS]
    if not kept:
        return Sorted((), "", ())
    lengths = np.array([len(c) for c in kept], np.intp)
    starts = np.cumsum(lengths) - lengths
    points = np.concatenate(kept)
    if not (np.abs(points) < MAX_COORDINATE).all():
        return _unusable("a contour coordinate is not finite or lies kilometres away", where)
    wide = float(np.ptp(points, axis=0).max())
    if wide > MAX_EXTENT:
        return _unusable(f"its contours are {wide:.0f} mm apart: another unit, or damaged", where)
    flat = flattened(points, starts, lengths)
    if flat.reason:
        return _unusable(flat.reason, where)
    found: list[Finding] = []
    short = [c for c in structure.contours_mm if 0 < len(c) < FEWEST_POINTS]
    if short:
        found.append(_nothing_enclosed(len(short), float(short[0][0, 2]), where))
    if flat.tilt > 0 or flat.off_mm > REMARKED_OFF_MM:
        said = f"tilted by {flat.tilt:.2f} degrees" if flat.tilt > 0 else f"up to {flat.off_mm:.2f} mm off their plane"
        found.append(finding(NO_PLANE, f"contours {said} are laid flat", where))
    try:
        sets, copied = _in_planes(_once(kept, points, starts, lengths), flat.heights_mm, where, found)
        stacks = []
        for drawn in sets:
            stacks.append(_stacked(drawn, structure.xor, copied, where, found))
            copied = 0
    except TooManyError as error:
        return _unusable(f"{error}: no body is drawn so", where)
    return Sorted(tuple(stacks), "", tuple(found))


def _stacked(drawn: Drawn, xor: bool, copied: int, where: str, found: list[Finding]) -> Stack:
    """The stack of contours by plane, `copied` of which stood there more often."""
    outlines, heights, plane = _filled(*_counted_once(*drawn, xor, copied, where, found), where, found)
    arrangement = arranged(outlines, plane, xor)
    borders = np.concatenate([[0], np.flatnonzero(np.diff(plane)) + 1, [len(plane)]])
    z_mm = np.add.reduceat(heights, borders[:-1]) / np.diff(borders)
    planes = [tuple(_one(outlines, k) for k in range(a, b)) for a, b in pairwise(borders.tolist())]
    unions = {}
    if arrangement.crossing and not xor:
        unions = {k: arrangement.sign[borders[k] : borders[k + 1]] for k in arrangement.crossing}
        what = f"contours cross on {len(unions)} planes, the first at z = {z_mm[min(unions)]:g} mm: taken as a union"
        found.append(finding(CROSSING, what, where, "check the contours of these slices"))
    bridged, broken = _gaps(z_mm, planes)
    spacing = float(np.median(np.diff(z_mm))) if len(z_mm) > 1 else None
    areas = np.asarray(arrangement.areas_mm2)
    return Stack(z_mm, tuple(planes), spacing, bridged, broken, MappingProxyType(unions), areas)


def _unusable(reason: str, where: str) -> Sorted:
    hint = "redraw the ROI, or export it again"
    return Sorted((), reason, (finding(NOT_USABLE, f"not usable: {reason}", where, hint),))


def _once(kept: Sequence[Array], points: Array, starts: Index, lengths: Index) -> list[Array]:
    """Contours in the plane, each going round once."""
    at_first = np.abs(points[:, :2] - np.repeat(points[starts, :2], lengths, axis=0)).max(axis=1) <= SAME_POINT_MM
    # the first corner itself, and at most the last
    returns = np.add.reduceat(at_first, starts, dtype=np.intp) - 1 - at_first[starts + lengths - 1]
    return [once(c[:, :2]) if again > 0 else c[:, :2] for c, again in zip(kept, returns.tolist(), strict=True)]


Drawn = tuple[Outlines, Array, Index]


def _in_planes(contours: Sequence[Array], heights: Array, where: str, found: list[Finding]) -> tuple[list[Drawn], int]:
    """Contours that enclose something, by plane and in each as drawn, for each set of heights.

    Number by number the same stand here once; how many more there were comes last.
    """
    outlines = outlines_of(contours)
    keep = np.flatnonzero(enclosing(outlines))
    if len(keep) < len(contours):
        nothing = heights[np.setdiff1d(np.arange(len(contours)), keep)]
        found.append(_nothing_enclosed(len(nothing), float(nothing[0]), where))
    every, keep = len(keep), keep[~copies([contours[k] for k in keep.tolist()], heights[keep])]
    order = keep[np.argsort(heights[keep], kind="stable")]
    if not len(order):
        return [], 0
    plane = rounded(heights[order])
    order = order[np.lexsort((order, plane))]
    outlines, again = outlines_of([contours[k] for k in order]), every - len(keep)
    near = beside(outlines, heights[order], plane)
    of_set = sets_of_heights(outlines, heights[order], plane, near)
    sets = int(of_set.max()) + 1
    if sets > 1:
        what = f"bodies lie on slices at {sets} sets of heights: each set is taken by itself"
        found.append(finding(OFF_HEIGHT, what, where))
    elif near.moved_mm > 0:
        what = f"bodies up to {near.moved_mm:.2f} mm apart along z are taken to be of one slice"
        what += ": those of few slices may lose a seventh of their volume"
        found.append(finding(OFF_HEIGHT, what, where))
    else:
        return [(outlines, heights[order], plane)], again
    drawn = []
    for n in range(sets):
        at = np.flatnonzero(of_set == n)
        level = near.plane[at] if sets == 1 else np.unique(plane[at], return_inverse=True)[1].astype(np.intp)
        by_plane = np.lexsort((order[at], level))
        chosen = order[at][by_plane]
        drawn.append((outlines_of([contours[k] for k in chosen]), heights[chosen], level[by_plane]))
    return drawn, again


def _nothing_enclosed(count: int, z_mm: float, where: str) -> Finding:
    what = f"{count} contours enclose nothing, the first at z = {z_mm:g} mm"
    return finding(NOTHING_ENCLOSED, what, where, "check the contours of these slices")


def _counted_once(
    of: Outlines, heights: Array, plane: Index, xor: bool, copied: int, where: str, found: list[Finding]
) -> Drawn:
    """The contours without those that stand on their plane already; `copied` are out before."""
    again = doubles(of, plane, xor)
    if not again.any() and not copied:
        return of, heights, plane
    what = f"{int(again.sum()) + copied} of {len(again) + copied} contours stand on their plane already"
    what += ": each counts once"
    found.append(finding(DOUBLED, what, where, "check how the structure set was copied or merged"))
    keep = np.flatnonzero(~again)
    return outlines_of([_one(of, k) for k in keep.tolist()]), heights[keep], plane[keep]


def _filled(of: Outlines, heights: Array, plane: Index, where: str, found: list[Finding]) -> Drawn:
    """The contours with those of bodies that skip a plane which other bodies are drawn on, interpolated."""
    on = passages(of, heights, plane)
    below, above = on.below, on.above
    if not len(below):
        return of, heights, plane
    step = on.step_mm(heights)
    distance = heights[above] - heights[below]
    count = int(plane[-1]) + 1
    near = alike(of, below, above)
    # one slice apart, and yet planes between: those are no slices of this body
    between = (distance <= BETWEEN_SLICES * step) & (near >= ALIKE) & (step <= THICKEST_MM)
    # a body that goes on below and above
    goes_on = np.isin(below, on.b) & np.isin(above, on.a)
    missing = ~between & on.alone & (distance <= ONE_MISSING * step) & (near >= SAME_BODY) & goes_on
    missing &= len(plane) <= FEW_BODIES * count
    if not (between | missing).any():
        return of, heights, plane
    z = np.bincount(plane, heights, count) / np.bincount(plane, minlength=count)
    contours, levels, at = [_one(of, k) for k in range(len(plane))], list(heights), list(plane)
    for i, j in zip(below[between | missing].tolist(), above[between | missing].tolist(), strict=True):
        for k in range(int(plane[i]) + 1, int(plane[j])):
            contours.append(_interpolated(of, i, j, float((z[k] - heights[i]) / (heights[j] - heights[i]))))
            levels.append(z[k])
            at.append(k)
    if missing.any():
        first = below[missing][0]
        what = (
            f"a body skips planes that others are drawn on, first above z = {heights[first]:g} mm; it is interpolated"
        )
        found.append(finding(MISSING_PLANE, what, where, "check the contours of these slices"))
    order = np.argsort(at, kind="stable")
    return outlines_of([contours[k] for k in order]), np.array(levels)[order], np.array(at, np.intp)[order]


def _interpolated(of: Outlines, i: int, j: int, share: float) -> Array:
    """A contour between two: the nearer one, moved and sized by where it lies between them."""
    near = i if share < 0.5 else j
    middle = 0.5 * (of.low + of.high)
    side = (1 - share) * np.sqrt(of.area[i]) + share * np.sqrt(of.area[j])
    size = side / np.sqrt(of.area[near]) if of.area[near] > 0 else 1.0
    place = (1 - share) * middle[i] + share * middle[j]
    return np.asarray(place + size * (_one(of, near) - middle[near]))


def _one(of: Outlines, k: int) -> Array:
    return of.points[of.starts[k] : of.starts[k] + of.lengths[k]]


def _gaps(z: Array, planes: Planes) -> tuple[frozenset[int], frozenset[int]]:
    if len(z) < 3:
        return frozenset(), frozenset()
    steps = np.diff(z)
    usual = float(np.median(steps))
    wide = np.flatnonzero((steps > MISSING_STEP * usual) & ~_thicker(steps, usual) & ~_uneven(steps, usual))
    regular = float(np.mean(np.abs(steps - usual) <= REGULAR * usual)) >= REGULAR_SHARE
    bridged: set[int] = set()
    broken: set[int] = set()
    for k in wide.tolist():
        # one plane missing: a slanted structure may have moved as far sideways
        aside = float(steps[k]) if steps[k] <= ONE_MISSING * usual else 0.0
        near = steps[k] <= BRIDGED_SPACINGS * usual and _overlap(planes[k], planes[k + 1], aside)
        if not near:
            broken.add(k)
        elif regular:
            bridged.add(k)
    return frozenset(bridged), frozenset(broken)


def _thicker(steps: Array, usual: float) -> NDArray[np.bool_]:
    """Wide steps that are slices of their own: a row of them, of one size, or the step that leads to such a row."""
    out = np.zeros(len(steps), bool)
    wide = steps > MISSING_STEP * usual
    start = 0
    for k in range(1, len(steps) + 1):
        if k < len(steps) and wide[k] and wide[start] and _alike(steps[start : k + 1]):
            continue
        needed = REGION_STEPS_AT_END if start == 0 or k == len(steps) else REGION_STEPS
        if wide[start] and k - start >= needed and steps[start:k].max() <= THICKEST_MM:
            out[start:k] = True
            for beside_it in (start - 1, k):
                if 0 <= beside_it < len(steps) and steps[beside_it] <= MISSING_STEP * steps[start:k].max():
                    out[beside_it] = True
        start = k
    return out


def _alike(steps: Array) -> bool:
    return bool(steps.max() <= MISSING_STEP * steps.min())


def _uneven(steps: Array, usual: float) -> NDArray[np.bool_]:
    """Wide steps that narrow ones beside them make up for: a plane out of place, none missing."""
    padded = np.concatenate([[0.0], steps, [0.0]])
    count = np.full(len(steps), 3.0)
    count[[0, -1]] = 2
    around = padded[:-2] + padded[1:-1] + padded[2:]
    return np.asarray(around <= (count + 0.5) * usual)


def _overlap(below: tuple[Array, ...], above: tuple[Array, ...], aside_mm: float) -> bool:
    """Whether the boxes of any two contours of neighbouring planes come within a distance."""
    return any(
        bool((a.min(axis=0) <= b.max(axis=0) + aside_mm).all() and (b.min(axis=0) <= a.max(axis=0) + aside_mm).all())
        for a in below
        for b in above
    )


def findings_of(structure: Structure, stacks: Sequence[Stack], spacing_mm: float) -> list[Finding]:
    """What there is to say about a structure's planes."""
    where = f"ROI {structure.number} {structure.name}"
    found = []
    for stack in stacks:
        if stack.bridged:
            at = ", ".join(f"{stack.z_mm[k]:g} to {stack.z_mm[k + 1]:g}" for k in sorted(stack.bridged))
            found.append(
                finding(
                    MISSING_PLANE,
                    f"planes are missing between z = {at} mm (usual spacing {stack.spacing_mm:g} mm); "
                    "the shape is interpolated",
                    where,
                    "check the contours of these slices",
                )
            )
    if pieces := sum(len(stack.broken) + 1 for stack in stacks if stack.broken):
        found.append(finding(PIECES, f"{pieces} pieces along z, each with end caps of its own", where))
    if any(len(stack.z_mm) == 1 for stack in stacks):
        found.append(finding(ONE_PLANE, f"taken to be {spacing_mm:g} mm thick", where))
    return found


@dataclass(frozen=True, slots=True)
class Slabs:
    """Sum of area times spacing of a stack, and how much of it is the ends', which a cap may close or cut. [cm3]"""

    volume_cm3: float
    ends_cm3: float

    def apart(self, volume_cm3: float) -> float:
        """How far a volume is from the sum, its ends left aside, as a share of the sum."""
        beyond = max(abs(volume_cm3 - self.volume_cm3) - self.ends_cm3, 0.0)
        return beyond / self.volume_cm3 if self.volume_cm3 > 0 else np.inf if beyond > 0 else 0.0


def slabs_of(stacks: Sequence[Stack], end_caps: EndCaps, spacing_mm: float) -> Slabs:
    """Each plane's area times half the steps beside it; beyond the outermost planes of a piece as the rule says."""
    each = [_slabs_of(stack, end_caps, spacing_mm) for stack in stacks]
    return Slabs(sum(s.volume_cm3 for s in each), sum(s.ends_cm3 for s in each))


def _slabs_of(stack: Stack, end_caps: EndCaps, spacing_mm: float) -> Slabs:
    areas = stack.areas_mm2
    volume, ends = 0.0, 0.0
    for first, last in stack.pieces():
        if first == last:
            volume += float(areas[first]) * min(spacing_mm, stack.spacing_mm or spacing_mm)
            ends += float(areas[first]) * spacing_mm
            continue
        steps = np.diff(stack.z_mm[first : last + 1])
        volume += float((0.5 * (areas[first:last] + areas[first + 1 : last + 1]) * steps).sum())
        caps = 0.5 * float(areas[first] * steps[0] + areas[last] * steps[-1])
        volume += caps if end_caps == "half" else 0.0
        ends += caps
    return Slabs(volume / MM3_PER_CM3, ends / MM3_PER_CM3)


def unlike_slabs(
    structure: Structure, stacks: Sequence[Stack], volume_cm3: float, end_caps: EndCaps, spacing_mm: float
) -> Finding | None:
    """A finding when a body is not what its sections add up to: a warning, or an error when it is far from it.

    Parameters
    ----------
    structure : Structure
    stacks : sequence of Stack
        As the body was built from them.
    volume_cm3 : float
        Of the body. [cm3]
    end_caps : str
        ``half`` or ``none``.
    spacing_mm : float
        Thickness of a piece drawn on one plane. [mm]
    """
    slabs = slabs_of(stacks, end_caps, spacing_mm)
    if slabs.apart(volume_cm3) > SLABS_SHARE:  # areas by signed turns are not those of contours that cross themselves
        slabs = slabs_of([_scanned(stack, structure.xor) for stack in stacks], end_caps, spacing_mm)
    apart = slabs.apart(volume_cm3)
    if apart <= SLABS_SHARE:
        return None
    what = f"the body has {volume_cm3:.2f} cm3, its sections times the spacing {slabs.volume_cm3:.2f} cm3"
    hint = "look at the contours slice by slice: they jump, cross themselves, or lie at mixed heights"
    where = f"ROI {structure.number} {structure.name}"
    return finding(NOT_ITS_SLABS, what, where, hint, "error" if apart > SLABS_UNDECIDABLE else None)


def _scanned(stack: Stack, xor: bool) -> Stack:
    """The stack with areas measured along scan lines."""
    plane = np.repeat(np.arange(len(stack.contours)), [len(c) for c in stack.contours])
    outlines = outlines_of([c for contours in stack.contours for c in contours])
    return replace(stack, areas_mm2=arranged(outlines, plane, xor, scanned=True).areas_mm2)
