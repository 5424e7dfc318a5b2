"""Planes through a plan: CT or outline, isodose lines, drawn and placed organs, as numbers for whoever draws them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lymphorisk.analysis.picture import (
    SHOWN,
    Line,
    Silhouette,
    closed,
    outline_lines,
    partly_placed,
    silhouettes,
)
from lymphorisk.analysis.prepared import Prepared
from lymphorisk.dvh import Region
from lymphorisk.dvh.inside import inside
from lymphorisk.dvh.regions import Union, leaves_of, structures_of
from lymphorisk.errors import UndecidableError
from lymphorisk.phantom.contours import zero_lines
from lymphorisk.plan import Structure
from lymphorisk.plan.frame import Frame

Real = NDArray[np.float64]
Axis = Literal["axial", "coronal", "sagittal"]
AXES: tuple[Axis, ...] = get_args(Axis)
#: Patient axes of a plane (0 left, 1 back, 2 head): to the right of the picture, up or down in it, and through it.
PLACES: Mapping[Axis, tuple[int, int, int]] = {"axial": (0, 1, 2), "coronal": (0, 2, 1), "sagittal": (1, 2, 0)}
#: Distance of planes that no contour or slice says, of points of a line, and of pixels of a picture. [mm]
STEP_MM, POINT_MM, PIXEL_MM = 3.0, 2.0, 1.5
#: Most planes along an axis, and room around the patient. [mm]
PLANES, ROOM_MM = 400, 10.0
#: Isodose lines, as shares of what is prescribed.
SHARES = (1.0, 0.95, 0.8, 0.5, 0.2, 0.1, 0.05)
#: Centre and width of what a picture shows of the CT. [HU]
WINDOWS: Mapping[str, tuple[float, float]] = {"soft": (40.0, 400.0), "lung": (-600.0, 1500.0), "bone": (400.0, 1800.0)}
#: Kinds of target, the innermost first.
TARGETS = ("GTV", "CTV", "ITV", "PTV")
#: A gap between planes wider than so many spacings ends a structure.
GAP = 2.5
#: Heights closer than this are one. [mm]
SAME_MM = 0.02
#: Loops of fewer points are the raster's.
LEAST_POINTS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """An organ or target that planes can show.

    Attributes
    ----------
    name : str
        TG-263 name, or kind of a target; never what an export calls it.
    region : Region or None
        What is drawn of it, or was segmented.
    placed : bool
        Whether the organ, or what is undrawn of it, was placed.
    """

    name: str
    region: Region | None
    placed: bool


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A plan that planes are cut from.

    Attributes
    ----------
    plan : Prepared
    low_mm, high_mm : ndarray, shape (3,)
        Box of the patient, patient coordinates. [mm]
    at_mm : mapping of str to ndarray
        Where the planes of each axis lie. [mm]
    levels_gy : tuple of float
        Isodose lines, the highest first. [Gy]
    shown : tuple of Shown
    """

    plan: Prepared
    low_mm: Real
    high_mm: Real
    at_mm: Mapping[Axis, Real]
    levels_gy: tuple[float, ...]
    shown: tuple[Shown, ...]
    _edges: dict[int, tuple[Real, Real]] = field(default_factory=dict, repr=False)

    def middle(self, axis: Axis) -> int:
        """The plane through the middle of the highest dose."""
        dose = self.plan.curves.course_dose
        k, j, i = np.nonzero(dose.dose_zyx >= self.levels_gy[0] * SHARES[2] / SHARES[0])
        if not len(k):
            return len(self.at_mm[axis]) // 2
        points = dose.to_patient(np.stack([dose.x_mm[i], dose.y_mm[j], dose.z_mm[k]], axis=-1))
        return int(np.abs(self.at_mm[axis] - points[:, PLACES[axis][2]].mean()).argmin())


@dataclass(frozen=True, slots=True)
class Cut:
    """An organ in a plane: closed lines of what is drawn, and where a placed organ lies."""

    name: str
    drawn: tuple[Line, ...]
    placed: Silhouette | None


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """A plane of a plan; lines in patient coordinates, the first to the right, the second down or along the body. [mm]

    Attributes
    ----------
    axis : str
    index, count : int
        Which of how many.
    at_mm : float
        Where it lies. [mm]
    box_mm : tuple of float
        Least and largest coordinate of the first, then of the second. [mm]
    outline : tuple of lines
        The patient.
    doses : tuple of (float, lines)
        Gray, and where it is reached. [Gy]
    cuts : tuple of Cut
        Organs in the plane.
    """

    axis: Axis
    index: int
    count: int
    at_mm: float
    box_mm: tuple[float, float, float, float]
    outline: tuple[Line, ...]
    doses: tuple[tuple[float, tuple[Line, ...]], ...]
    cuts: tuple[Cut, ...]


def scene_of(plan: Prepared) -> Scene:
    """What planes can be cut of a plan.

    Raises
    ------
    UndecidableError
        A scenario, or a phase without a dose: nothing lies anywhere.
    """
    if plan.source.given is not None:
        raise UndecidableError("a scenario gives doses of organs, not where they lie", "give an export")
    dose = plan.curves.course_dose
    body = plan.doses.regions.get("Body")
    heights = [] if body is None else [float(c[0, 2]) for s in structures_of(body) for c in s.contours_mm]
    ends = _ends(plan, body)
    low, high = ends.min(axis=0) - ROOM_MM, ends.max(axis=0) + ROOM_MM
    at: dict[Axis, Real] = {}
    for axis in AXES:
        through = PLACES[axis][2]
        drawn = np.unique(np.round(heights, 2)) if through == 2 and heights else np.zeros(0)
        span = high[through] - low[through] - 2 * ROOM_MM
        step = max(STEP_MM, span / PLANES)
        even = low[through] + ROOM_MM + step * np.arange(int(span / step) + 1)
        at[axis] = drawn if 1 < len(drawn) <= PLANES else even
    prescribed = [phase.given_prescription_gy for phase in plan.source.plan.phases]
    whole = sum(p for p in prescribed if p) if all(prescribed) else float(dose.dose_zyx.max())
    return Scene(plan, low, high, at, tuple(round(whole * share, 2) for share in SHARES), _shown(plan))


def _ends(plan: Prepared, body: Region | None) -> Real:
    """Points of the patient, else the corners of CT or dose, shape (n, 3). [mm]"""
    drawn = [c for s in ([] if body is None else structures_of(body)) for c in s.contours_mm if len(c)]
    if drawn:
        return np.concatenate(drawn)
    masks = [leaf for leaf in (leaves_of(body) if body is not None else ()) if not isinstance(leaf, Structure)]
    if masks:
        lines = [(m.x_mm, m.y_mm, m.z_mm) for m in masks]
        return np.array([[line[end] for line in of] for of in lines for end in (0, -1)])
    frame: Frame = plan.curves.course_dose.frame if plan.source.ct is None else plan.source.ct.frame
    return frame.corners()


def _shown(plan: Prepared) -> tuple[Shown, ...]:
    """Targets, then organs as drawn, then those that are placed alone."""
    kinds: dict[str, int] = {}
    out = []
    for target in plan.curves.matching.targets:
        kinds[target.kind] = number = kinds.get(target.kind, 0) + 1
        if target.structure.contours_mm:
            out.append(Shown(target.kind if number == 1 else f"{target.kind} {number}", target.structure, placed=False))
    bodies, organs = plan.doses.bodies, plan.doses.organs
    placed = {n for n, o in organs.items() if bodies is not None and partly_placed(o) and bodies.mix(n)}
    drawn = {n: m.region for n, m in plan.curves.matching.organs.items() if n != "Body"}
    out += [Shown(name, region, name in placed) for name, region in drawn.items()]
    return (*out, *(Shown(name, None, placed=True) for name in sorted(placed - drawn.keys())))


def plane_of(scene: Scene, axis: Axis, index: int, names: Iterable[str]) -> Plane:
    """A plane with some of the organs.

    Parameters
    ----------
    scene : Scene
    axis : str
    index : int
        Which of the planes of the axis; the ends where it lies beyond them.
    names : iterable of str
        Organs to be shown.
    """
    planes = scene.at_mm[axis]
    index = min(max(index, 0), len(planes) - 1)
    at, (right, up, through) = float(planes[index]), PLACES[axis]
    wanted = set(names)
    chosen = [s for s in scene.shown if s.name in wanted]
    hidden = silhouettes(scene.plan.doses, [s.name for s in chosen if s.placed], (right, up), through, at)
    cuts = [
        Cut(s.name, () if s.region is None else _section(scene, s.region, axis, at), hidden.get(s.name)) for s in chosen
    ]
    body = scene.plan.doses.regions.get("Body")
    if body is not None:
        outline = _section(scene, body, axis, at)
    else:
        outline = outline_lines(scene.plan.doses, (right, up), at if axis == "axial" else None)
    return Plane(
        axis,
        index,
        len(planes),
        at,
        (scene.low_mm[right], scene.high_mm[right], scene.low_mm[up], scene.high_mm[up]),
        outline,
        _isodoses(scene, axis, at),
        tuple(c for c in cuts if c.drawn or (c.placed is not None and c.placed.possible)),
    )


def picture_of(scene: Scene, axis: Axis, index: int, window: str) -> NDArray[np.uint8] | None:
    """The CT in a plane, the head or the front above, shape (ny, nx); None without a CT."""
    ct = scene.plan.source.ct
    if ct is None:
        return None
    planes = scene.at_mm[axis]
    at = float(planes[min(max(index, 0), len(planes) - 1)])
    across, along = _lines(scene, axis, PIXEL_MM)
    centre, width = WINDOWS[window]
    hu = _sampled(ct.frame, ct.hu_zyx, _points(axis, across, along, at), centre - width)
    grey = np.clip((hu - (centre - 0.5 * width)) / width, 0.0, 1.0) * np.iinfo(np.uint8).max
    shades = np.rint(grey).astype(np.uint8)
    return shades if PLACES[axis][1] == 1 else np.ascontiguousarray(shades[::-1])


def _lines(scene: Scene, axis: Axis, step_mm: float) -> tuple[Real, Real]:
    """Coordinates of a raster over the plane: centres of its columns and rows. [mm]"""
    out = []
    for k in PLACES[axis][:2]:
        count = max(int(np.ceil((scene.high_mm[k] - scene.low_mm[k]) / step_mm)), 2)
        width = (scene.high_mm[k] - scene.low_mm[k]) / count
        out.append(scene.low_mm[k] + width * (np.arange(count) + 0.5))
    return out[0], out[1]


def _points(axis: Axis, across: Real, along: Real, at_mm: float) -> Real:
    """Patient coordinates of a raster, shape (ny, nx, 3). [mm]"""
    right, up, through = PLACES[axis]
    out = np.empty((len(along), len(across), 3))
    out[..., right], out[..., up], out[..., through] = across[None, :], along[:, None], at_mm
    return out


def _sampled(frame: Frame, values_zyx: NDArray[np.generic], points_mm: Real, outside: float) -> Real:
    """Values between grid points, and what stands outside the grid."""
    from scipy.ndimage import map_coordinates

    local = frame.to_local(points_mm)
    index, within = [], np.ones(points_mm.shape[:-1], bool)
    for n, line in ((2, frame.z_mm), (1, frame.y_mm), (0, frame.x_mm)):
        within &= (local[..., n] >= line[0] - POINT_MM) & (local[..., n] <= line[-1] + POINT_MM)
        index.append(np.interp(local[..., n], line, np.arange(len(line))))
    found = map_coordinates(values_zyx, index, order=1, mode="nearest", output=np.float64)
    return np.where(within, found, outside)


def _isodoses(scene: Scene, axis: Axis, at_mm: float) -> tuple[tuple[float, tuple[Line, ...]], ...]:
    dose = scene.plan.curves.course_dose
    across, along = _lines(scene, axis, POINT_MM)
    gray = _sampled(dose.frame, dose.dose_zyx, _points(axis, across, along, at_mm), 0.0)
    out = []
    for level in scene.levels_gy:
        lines = _around(gray - level, across, along)
        if lines:
            out.append((level, lines))
    return tuple(out)


def _around(above: Real, across: Real, along: Real) -> tuple[Line, ...]:
    """Closed lines around where a field is above zero."""
    loops = zero_lines(np.pad(-above, 1, constant_values=1.0), _padded(across), _padded(along))
    return tuple(closed(loop) for loop in loops if len(loop) >= LEAST_POINTS)


def _padded(line: Real) -> Real:
    return np.concatenate([[2 * line[0] - line[1]], line, [2 * line[-1] - line[-2]]])


def _section(scene: Scene, region: Region, axis: Axis, at_mm: float) -> tuple[Line, ...]:
    """Lines of a region in a plane: contours as drawn where they lie in it, else between them."""
    if isinstance(region, Union):
        return tuple(line for part in region.members for line in _section(scene, part, axis, at_mm))
    if isinstance(region, Structure):
        return _drawn_at(region, at_mm) if axis == "axial" else _cut(scene, region, axis, at_mm)
    across, along = _lines(scene, axis, POINT_MM)
    flags = inside(region, _points(axis, across, along, at_mm).reshape(-1, 3)).reshape(len(along), len(across))
    return _around(np.where(flags, 0.5, -0.5), across, along)


def _drawn_at(structure: Structure, at_mm: float) -> tuple[Line, ...]:
    """The contours of the plane nearest to a height, if it lies no farther than half of the way to the next."""
    contours = [c for c in structure.contours_mm if len(c) > 2]
    heights = np.array([round(float(c[0, 2]), 2) for c in contours])
    if not len(heights):
        return ()
    planes = np.unique(heights)
    step = float(np.median(np.diff(planes))) if len(planes) > 1 else structure.slice_mm or STEP_MM
    nearest = planes[np.abs(planes - at_mm).argmin()]
    if abs(nearest - at_mm) > 0.5 * step + SAME_MM:
        return ()
    return tuple(closed(c[:, :2]) for c, height in zip(contours, heights, strict=True) if height == nearest)


def _cut(scene: Scene, structure: Structure, axis: Axis, at_mm: float) -> tuple[Line, ...]:
    """A structure along the body: where the plane crosses its contours, plane by plane, joined."""
    starts, ends = _edges_of(scene, structure)
    right, _, through = PLACES[axis]
    hit = (starts[:, through] <= at_mm) != (ends[:, through] <= at_mm)
    if not hit.any():
        return ()
    a, b = starts[hit], ends[hit]
    share = (at_mm - a[:, through]) / (b[:, through] - a[:, through])
    place = a[:, right] + share * (b[:, right] - a[:, right])
    heights = np.unique(starts[:, 2])
    across, _ = _lines(scene, axis, POINT_MM)
    row = np.searchsorted(heights, a[:, 2])
    crossed = np.zeros((len(heights), len(across)), np.intp)
    np.add.at(crossed, row, across[None, :] >= place[:, None])
    flags = np.where(crossed % 2, 0.5, -0.5)
    return _around(*_stacked(flags, across, heights))


def _edges_of(scene: Scene, structure: Structure) -> tuple[Real, Real]:
    """Ends of every edge of its contours, each shape (n, 3), heights rounded as one plane's. [mm]"""
    if id(structure) not in scene._edges:
        contours = [np.asarray(c, dtype=np.float64) for c in structure.contours_mm if len(c) > 2]
        starts = np.concatenate(contours) if contours else np.zeros((0, 3))
        ends = np.concatenate([np.roll(c, -1, axis=0) for c in contours]) if contours else np.zeros((0, 3))
        heights = np.concatenate([np.full(len(c), round(float(c[0, 2]), 2)) for c in contours] or [np.zeros(0)])
        starts[:, 2] = ends[:, 2] = heights
        scene._edges[id(structure)] = starts, ends
    return scene._edges[id(structure)]


def _stacked(flags: Real, across: Real, heights: Real) -> tuple[Real, Real, Real]:
    """Rows of planes with an empty one wherever some are missing, and beyond the ends."""
    step = float(np.median(np.diff(heights))) if len(heights) > 1 else STEP_MM
    rows: list[Real] = []
    at: list[float] = []
    empty = np.full(flags.shape[1], -0.5)
    for k, height in enumerate(heights.tolist()):
        if k and height - at[-1] > GAP * step:
            rows += [empty, empty]
            at += [at[-1] + step, height - step]
        rows.append(flags[k])
        at.append(height)
    rows = [empty, *rows, empty]
    at = [at[0] - step, *at, at[-1] + step]
    return np.array(rows), across, np.array(at)


def at_first(scene: Scene) -> tuple[str, ...]:
    """Organs that are shown before anybody chooses: the target, and what holds many lymphocytes."""
    targets = [s.name for s in scene.shown if s.region is not None and s.name.split()[0] in TARGETS]
    known = {s.name for s in scene.shown}
    return (*targets[-1:], *(name for name in SHOWN if name in known))
