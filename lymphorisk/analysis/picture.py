"""Where placed organs lie: silhouettes over the outline and dose, from the front, from the left, in section."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.analysis.doses import Doses
from lymphorisk.analysis.placed import Bodies
from lymphorisk.analysis.result import OrganDose
from lymphorisk.dvh.regions import structures_of
from lymphorisk.phantom.contours import zero_lines
from lymphorisk.plan import DoseGrid

Real = NDArray[np.float64]
Line = tuple[tuple[float, float], ...]
Seen = tuple[NDArray[np.intp], Real]

#: Organs drawn when they are placed, at most as many as a figure has colours.
SHOWN = ("Spleen", "LN", "Bowel", "Lungs", "Heart", "Liver", "Kidneys", "Brain")
#: The three views: patient axes to the right and up or down.
VIEWS: Mapping[str, tuple[int, int]] = {"from the front": (0, 2), "from the left": (1, 2), "section": (0, 1)}
SECTION = "section"
#: Raster of the silhouettes: organs are longer. [mm]
CELL_MM = 8.0
#: The section shows what lies this close to it. [mm]
THICK_MM = 15.0
#: Gaps between an organ's points, up to 16 mm apart, are closed over this many cells.
CLOSED = 3
#: Shares closer than this are equal.
BIT = 1e-9
#: An organ is where it lies in this share of the bodies; it may be where it lies in the lower share.
HALF, FEW = 0.5, 0.1
#: Shares of the target's dose that are drawn.
DOSES = (0.5, 0.1)
#: Loops of fewer points are the raster's.
LEAST_POINTS = 6
#: Corners of an outline without contours.
ROUND = 48


@dataclass(frozen=True, slots=True)
class Silhouette:
    """An organ in a view: where it lies in half of the bodies, and where it lies in one of ten."""

    organ: str
    likely: tuple[Line, ...]
    possible: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class View:
    """One view; closed lines in patient coordinates, the first to the right, the second along the body or back. [mm]

    Attributes
    ----------
    name : str
    outline : tuple of lines
        The patient.
    doses : tuple of (float, lines)
        Share of the target's dose, and where it is reached anywhere along the line of sight.
    organs : tuple of Silhouette
    """

    name: str
    outline: tuple[Line, ...]
    doses: tuple[tuple[float, tuple[Line, ...]], ...]
    organs: tuple[Silhouette, ...]


def views_of(doses: Doses) -> tuple[View, ...]:
    """The placed organs of a plan in three views; none where no organ that is shown was placed."""
    bodies = doses.bodies
    if bodies is None:
        return ()
    names = [n for n in SHOWN if n in doses.organs and partly_placed(doses.organs[n])]
    if not names:
        return ()
    strongest = max(range(len(bodies.dosed.fields)), key=lambda i: bodies.dosed.fields[i].target_gy)
    grid, field = bodies.dosed.grids[strongest], bodies.dosed.fields[strongest]
    level = float(0.5 * (field.low_mm[2] + field.high_mm[2]))
    points = {n: organ_points(bodies, n) for n in names}
    high = _reached(grid, min(DOSES) * field.target_gy)
    out = []
    for view, axes in VIEWS.items():
        cut = level if view == SECTION else None
        organs = tuple(
            s for n in names if (s := _silhouette(n, _thin(points[n], cut), points[n].shape[0], axes)).possible
        )
        drawn = tuple(
            (share, _cover(_thin(high[high[:, 3] >= share * field.target_gy, :3][None], cut), 1, axes).lines(HALF))
            for share in DOSES
        )
        out.append(View(view, outline_lines(doses, axes, cut), drawn, organs))
    return tuple(out)


def partly_placed(organ: OrganDose) -> bool:
    """Whether an organ, or what is undrawn of it, was placed."""
    return organ.source == "placed" or (organ.source == "derived" and organ.share < 1.0)


def _reached(grid: DoseGrid, least_gy: float) -> Real:
    """Grid points of at least a dose, and their doses, shape (n, 4). [mm, Gy]"""
    k, j, i = np.nonzero(grid.dose_zyx >= max(least_gy, np.finfo(float).tiny))
    local = np.stack([grid.x_mm[i], grid.y_mm[j], grid.z_mm[k]], axis=-1)
    return np.column_stack([grid.to_patient(local), grid.dose_zyx[k, j, i]])


def _thin(points: Real, level_mm: float | None, through: int = 2) -> Seen:
    """Body and place of the points that a view shows, of points of shape (bodies, n, 3); a section's lie near it."""
    which = np.repeat(np.arange(points.shape[0]), points.shape[1])
    flat = points.reshape(-1, 3)
    if level_mm is None:
        return which, flat
    near = np.abs(flat[:, through] - level_mm) <= THICK_MM
    return which[near], flat[near]


@dataclass(frozen=True, slots=True, eq=False)
class _Cover:
    """Share of the bodies in which something lies in each cell of a raster, shape (ny, nx)."""

    x_mm: Real
    y_mm: Real
    share: Real

    def lines(self, least: float) -> tuple[Line, ...]:
        """Closed lines around where the share is at least `least`. [mm]"""
        loops = zero_lines(least - BIT - self.share, self.x_mm, self.y_mm)
        return tuple(closed(loop) for loop in loops if len(loop) >= LEAST_POINTS)


def _silhouette(organ: str, seen: Seen, count: int, axes: tuple[int, int]) -> Silhouette:
    cover = _cover(seen, count, axes)
    return Silhouette(organ, cover.lines(HALF), cover.lines(FEW))


def _cover(seen: Seen, count: int, axes: tuple[int, int]) -> _Cover:
    """The shadow of points of some bodies, gaps between them closed."""
    from scipy.ndimage import binary_closing

    which, points = seen
    if not len(points):
        return _Cover(np.arange(2.0), np.arange(2.0), np.zeros((2, 2)))
    flat = points[:, axes]
    low = flat.min(axis=0) - (CLOSED + 1) * CELL_MM
    cells = np.rint((flat - low) / CELL_MM).astype(np.intp)
    wide, tall = cells.max(axis=0) + CLOSED + 2
    inside = np.zeros((count, tall, wide), dtype=bool)
    inside[which, cells[:, 1], cells[:, 0]] = True
    filled = binary_closing(inside, np.ones((1, CLOSED, CLOSED), dtype=bool))
    return _Cover(low[0] + CELL_MM * np.arange(wide), low[1] + CELL_MM * np.arange(tall), filled.mean(axis=0))


def closed(loop: Real) -> Line:
    """A loop as a line that ends where it begins. [mm]"""
    return tuple((round(float(a), 1), round(float(b), 1)) for a, b in (*loop, loop[0]))


def silhouettes(
    doses: Doses, names: Sequence[str], axes: tuple[int, int], through: int, at_mm: float
) -> Mapping[str, Silhouette]:
    """Placed organs of a plan near a plane, those that lie there.

    Parameters
    ----------
    doses : Doses
    names : sequence of str
    axes, through : tuple of int, int
        Patient axes of the plane, and the one through it.
    at_mm : float
        Where it lies. [mm]
    """
    bodies = doses.bodies
    if bodies is None:
        return {}
    out = {}
    for name in names:
        points = organ_points(bodies, name)
        made = _silhouette(name, _thin(points, at_mm, through), points.shape[0], axes)
        if made.possible:
            out[name] = made
    return out


def organ_points(bodies: Bodies, organ: str) -> Real:
    """Points of an organ in every body, patient coordinates, shape (bodies, n, 3). [mm]"""
    return np.concatenate([bodies.dosed.placed.points(o) for o in bodies.mix(organ) or ()], axis=1)


def outline_lines(doses: Doses, axes: tuple[int, int], level_mm: float | None) -> tuple[Line, ...]:
    """The patient's outline: of the sections, or the contours nearest to the section. [mm]"""
    outline = None if doses.bodies is None else doses.bodies.dosed.placed.outline
    body = doses.regions.get("Body")
    contours = [] if body is None else [c for s in structures_of(body) for c in s.contours_mm if len(c) > 2]
    if level_mm is not None and contours:
        return _contours_near(contours, level_mm)
    if outline is None:
        return ()
    if level_mm is not None:
        turn = np.linspace(0.0, 2 * np.pi, ROUND, endpoint=False)
        at = np.array(level_mm)
        places = [
            outline.middle_at(at, k) + outline.half_at(at, k) * way(turn) for k, way in ((0, np.cos), (1, np.sin))
        ]
        return (closed(np.column_stack(places)),)
    k = axes[0]
    low, high = outline.middle_mm[:, k] - outline.half_mm[:, k], outline.middle_mm[:, k] + outline.half_mm[:, k]
    sides = np.concatenate([np.column_stack([low, outline.z_mm]), np.column_stack([high, outline.z_mm])[::-1]])
    return (closed(sides),)


def _contours_near(contours: Sequence[Real], level_mm: float) -> tuple[Line, ...]:
    """The contours of the plane nearest to a height. [mm]"""
    away = np.array([abs(float(c[0, 2]) - level_mm) for c in contours])
    return tuple(closed(c[:, :2]) for c, d in zip(contours, away, strict=True) if d <= away.min() + CELL_MM / 2)
