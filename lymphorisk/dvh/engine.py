"""The exact engine: DVHs of regions from contours by area coverage and interpolated dose."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lymphorisk.absent import Absent
from lymphorisk.dvh.combine import share_of
from lymphorisk.dvh.coverage import TRACE, Lattice, pieces
from lymphorisk.dvh.curve import DVH, END_CAPS, EndCaps
from lymphorisk.dvh.histogram import Accumulator
from lymphorisk.dvh.lying import Tube, findings_of_tubes, tubes_of
from lymphorisk.dvh.mask_solid import Voxelled
from lymphorisk.dvh.nodule import Ball, findings_of_balls, with_balls
from lymphorisk.dvh.regions import Leaf, Region, leaves_of, structures_of
from lymphorisk.dvh.rim import covered_part
from lymphorisk.dvh.sampling import (
    BORDER_MM,
    AxialDose,
    AxialSampler,
    ObliqueDose,
    ObliqueSampler,
    patient_dose,
    sampler,
)
from lymphorisk.dvh.solid import Solid, Together, solid_of
from lymphorisk.dvh.stack import Stack, findings_of, sorted_contours, spacing_of, unlike_slabs
from lymphorisk.dvh.thickness import thickness_mm
from lymphorisk.errors import StructureError
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.plan.grid import DoseGrid
from lymphorisk.plan.mask import Mask
from lymphorisk.plan.structures import Structure

#: Pixels across the narrower side of a region's box; doubling them moves no DVH of the tests by 0.2 % of the volume. No
#: whole number: of a side of whole voxels the rounding of decimal strings would choose the lattice.
PIXELS_ACROSS = 28.01
#: Pixels across the thickness of a thin or sprawling region, which its box says nothing of.
PIXELS_THICK = 4.002
#: Smallest pixel worth the time, far below a contour's own accuracy. [mm]
FINEST_MM = 0.1
#: Slabs and lattices are cut so that none is thicker than this share of the dose spacing.
SLAB_SHARE = 1.0
#: Pixels worked on at once: arrays that stay in the cache, and few enough passes.
BLOCK_PIXELS = 1 << 17
#: Heights closer than this are one. [mm]
SAME_HEIGHT_MM = 1e-6
#: The dose of one pixel in so many, or fewer, is interpolated by itself; of more, all of them together are faster.
FEW = 8
#: Pixels covered to more than this are whole.
WHOLE = 0.999
#: Differences of coverage below this have no direction.
FAINT = 1e-6
#: Pixels in all planes of a structure; slabs between planes are a few times as many. 1 << 22 of them hold 16 MB.
MOST_PIXELS = 1 << 22
#: Pixels are never wider than the dose's voxels, unless a structure would then hold more than this; 0.3 GB.
MOST_VOXELS = 1 << 26
#: Bins of 0.1 Gy shift low-dose curves by tens of percent points; ten times finer costs nothing. [Gy]
BIN_GY = 0.01

PARTLY_COVERED = rule(
    "LR104",
    "warning",
    "structure partly outside the dose grid",
    "The dose of the part outside is unknown: the DVH is of the part inside, the whole structure has bounds only.",
)

Array = NDArray[np.float64]
Map = NDArray[np.float32]
Slab = tuple[float, float, Map]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Planes, the thickness of the slices they were drawn on [mm], and what of them is a lying tube."""

    stack: Stack
    slice_mm: float
    tubes: Mapping[int, Tube]

    def box(self) -> NDArray[np.float64]:
        """Lowest and highest x and y of its contours and of what swells between them, shape (2, 2). [mm]"""
        swell = max((tube.swell_mm for tube in self.tubes.values()), default=0.0)
        low, high = self.stack.box()
        return np.stack([low - swell, high + swell])


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A structure's contours: one part, or several of bodies with slices at heights of their own."""

    parts: tuple[Part, ...]

    def box(self) -> NDArray[np.float64]:
        """Lowest and highest x and y of its parts, shape (2, 2). [mm]"""
        boxes = np.stack([part.box() for part in self.parts])
        return np.stack([boxes[:, 0].min(axis=0), boxes[:, 1].max(axis=0)])

    @property
    def levels(self) -> int:
        """Number of planes."""
        return sum(len(part.stack.z_mm) for part in self.parts)

    @property
    def thickness_mm(self) -> float:
        """How thick it is across its contours. [mm]"""
        return min(thickness_mm(part.stack) for part in self.parts)

    def solid(self, lattice: Lattice, end_caps: EndCaps) -> Solid | Together:
        """Its body on a lattice."""
        solids = tuple(solid_of(p.stack, lattice, end_caps, p.slice_mm, p.tubes) for p in self.parts)
        return solids[0] if len(solids) == 1 else Together(solids)


#: What the engine integrates over: contours, or the voxels of a mask.
Shape = Drawn | Voxelled


def exact(
    regions: Sequence[Region], grid: DoseGrid, *, end_caps: EndCaps = "half", bin_gy: float = BIN_GY
) -> tuple[DVH | Absent, ...]:
    """Cumulative DVHs of regions.

    Parameters
    ----------
    regions : sequence of Region
        Structures, unions, intersections and differences.
    grid : DoseGrid
        The dose, in any orientation.
    end_caps : str
        ``half``: a structure reaches half a spacing beyond its outermost contours;
        ``none``: it ends at them.
    bin_gy : float
        Width of the DVH's bins. [Gy]

    Returns
    -------
    tuple of DVH or Absent
        In the order of `regions`. A region partly outside the grid gives a DVH of what is inside
        with ``coverage`` below one; one wholly outside is `Absent` of kind ``outside grid``.

    """
    return exact_with_findings(regions, grid, end_caps=end_caps, bin_gy=bin_gy)[0]


@dataclass(frozen=True, slots=True, eq=False)
class RegionCurve:
    """A region's curve or why there is none, and what was noticed on the way.

    `planes` are the findings on the contours of its structures, `beyond` those on what lies outside the dose grid.
    """

    curve: DVH | Absent
    planes: tuple[Finding, ...] = ()
    beyond: tuple[Finding, ...] = ()


def noticed(curves: Iterable[RegionCurve]) -> tuple[Finding, ...]:
    """The findings of several curves, once each: the contours' first, then what lies outside the dose grid."""
    curves = tuple(curves)
    return tuple(dict.fromkeys([*(f for c in curves for f in c.planes), *(f for c in curves for f in c.beyond)]))


def exact_with_findings(
    regions: Sequence[Region],
    grid: DoseGrid,
    *,
    end_caps: EndCaps = "half",
    bin_gy: float = BIN_GY,
    slice_mm: float | None = None,
) -> tuple[tuple[DVH | Absent, ...], tuple[Finding, ...]]:
    """As `exact`, with what was noticed on the way.

    Parameters
    ----------
    slice_mm : float, optional
        Thickness of the slices of structures that do not say it themselves. [mm]
    """
    made = region_curves(regions, grid, end_caps=end_caps, bin_gy=bin_gy, slice_mm=slice_mm)
    return tuple(c.curve for c in made), noticed(made)


def region_curves(
    regions: Sequence[Region],
    grid: DoseGrid,
    *,
    end_caps: EndCaps = "half",
    bin_gy: float = BIN_GY,
    slice_mm: float | None = None,
) -> tuple[RegionCurve, ...]:
    """As `exact`, each curve with its own findings."""
    if end_caps not in END_CAPS:
        raise StructureError(f"end caps {end_caps!r} are unknown", f"use one of {', '.join(END_CAPS)}")
    if not bin_gy > 0:
        raise StructureError(f"a bin of {bin_gy:g} Gy has no width")
    dose = patient_dose(grid)
    leaves = {id(leaf): leaf for region in regions for leaf in leaves_of(region)}
    drawn: dict[int, Shape | Absent | None] = {}
    planes: dict[int, list[Finding]] = {}
    for key, leaf in leaves.items():
        drawn[key], planes[key] = _shape(leaf, slice_mm, end_caps)
    # one after the other: in threads the many short steps wait for each other's interpreter, and all take longer
    results = tuple(_of_region(region, drawn, dose, end_caps, bin_gy) for region in regions)
    return tuple(
        _held(r, result, drawn.get(id(r)), end_caps, tuple(f for s in structures_of(r) for f in planes[id(s)]))
        for r, result in zip(regions, results, strict=True)
    )


def _held(
    region: Region,
    result: DVH | Absent,
    drawn: Shape | Absent | None,
    end_caps: EndCaps,
    planes: tuple[Finding, ...],
) -> RegionCurve:
    """The curve with its findings; none when the body of a structure is far from what its sections add up to."""
    beyond = _coverage_findings(region, result)
    if isinstance(result, Absent) or not isinstance(region, Structure) or not isinstance(drawn, Drawn):
        return RegionCurve(result, planes, beyond)
    stacks, slice_mm = [part.stack for part in drawn.parts], drawn.parts[0].slice_mm
    unlike = unlike_slabs(region, stacks, result.total_cm3, end_caps, slice_mm)
    if unlike is None:
        return RegionCurve(result, planes, beyond)
    curve = Absent.not_contoured(unlike.what) if unlike.severity == "error" else result
    return RegionCurve(curve, (*planes, unlike), beyond)


def _coverage_findings(region: Region, result: DVH | Absent) -> tuple[Finding, ...]:
    if isinstance(result, Absent):
        coverage = 0.0 if result.kind == "outside grid" else 1.0
    else:
        coverage = result.coverage
    if coverage >= 1:
        return ()
    what = f"only {100 * coverage:.1f} % of its volume lies inside the dose grid"
    hint = "export a larger dose grid; metrics of the whole are bounds"
    return (finding(PARTLY_COVERED, what, region.name, hint),)


def _shape(leaf: Leaf, slice_mm: float | None, end_caps: EndCaps) -> tuple[Shape | Absent | None, list[Finding]]:
    """A structure's planes or a mask's voxels; None or `Absent` when there is nothing to integrate over."""
    return (Voxelled(leaf), []) if isinstance(leaf, Mask) else _drawn(leaf, slice_mm, end_caps)


def _drawn(
    structure: Structure, slice_mm: float | None, end_caps: EndCaps
) -> tuple[Drawn | Absent | None, list[Finding]]:
    """The planes of a structure with the thickness of their slices, which no other structure has a say in.

    None when it has no planes; `Absent` when it is not usable, or has one and nothing says how thick that is.
    """
    contours = sorted_contours(structure)
    stacks, found = contours.stacks, list(contours.findings)
    if contours.unusable:
        return Absent.not_contoured(f"{structure.name} is not usable: {contours.unusable}"), found
    if not stacks:
        return None, found
    thickness = structure.slice_mm or slice_mm or spacing_of(stacks)
    if thickness is None:
        return Absent.not_contoured(f"{structure.name} is drawn on one plane, and nothing says how thick it is"), found
    found += findings_of(structure, stacks, thickness)
    if end_caps != "half":
        return Drawn(tuple(Part(stack, thickness, {}) for stack in stacks)), found
    parts: list[Part] = []
    balls: list[Ball] = []
    for stack in stacks:
        whole, its = with_balls(stack, thickness)
        balls += its
        parts.append(Part(whole, thickness, tubes_of(whole)))
    where = f"ROI {structure.number} {structure.name}"
    tubes = [tube for part in parts for tube in part.tubes.values()]
    return Drawn(tuple(parts)), [*found, *findings_of_balls(balls, where), *findings_of_tubes(tubes, where)]


def _of_region(
    region: Region,
    drawn: dict[int, Shape | Absent | None],
    dose: AxialDose | ObliqueDose,
    end_caps: EndCaps,
    bin_gy: float,
) -> DVH | Absent:
    members = {id(leaf): drawn[id(leaf)] for leaf in leaves_of(region)}
    if unknown := [m for m in members.values() if isinstance(m, Absent)]:
        return unknown[0]
    shapes = {key: m for key, m in members.items() if isinstance(m, Shape)}
    if not shapes:
        return Absent.not_contoured(f"{region.name} has no closed contours")
    lattice = _lattice(list(shapes.values()), dose)
    solids = {key: m.solid(lattice, end_caps) for key, m in shapes.items()}
    probe = sampler(dose, lattice)
    bottom, top = probe.z_reach
    bottom, top = bottom - BORDER_MM, top + BORDER_MM
    edges = np.unique(np.concatenate([s.edges_mm for s in solids.values()] + [[bottom, top]]))
    edges = edges[np.concatenate([[True], np.diff(edges) > SAME_HEIGHT_MM])]
    collected = Accumulator(bin_gy, dose.max_gy, dose.top_gy)
    piles = {key: solid.between(edges) for key, solid in solids.items()}
    step = _thinnest(dose) * SLAB_SHARE
    together = max(BLOCK_PIXELS // (lattice.nx * lattice.ny), 1)
    slabs = _inside(region, piles, edges, (bottom, top), step, lattice.area_mm2, collected)
    for block in _blocks(slabs, together):
        _collect(collected, probe, block, lattice.area_mm2)
    if collected.volume <= 0:
        if collected.missed > 0:
            return Absent.outside_grid()
        return Absent.not_contoured(f"the contours of {region.name} enclose no volume")
    return collected.dvh(region.name, end_caps)


def _inside(
    region: Region,
    piles: Mapping[int, Iterator[Map | None]],
    edges: Array,
    reach_mm: tuple[float, float],
    step_mm: float,
    area_mm2: float,
    collected: Accumulator,
) -> Iterator[Slab]:
    """Slabs of a region that the dose reaches, upwards, none thicker than a step; what it does not reach is missed.

    `piles` hold the coverage of each of its members between the edges.
    """
    bottom, top = reach_mm
    for low, high in pairwise(edges.tolist()):
        share = _share(region, {key: next(pile) for key, pile in piles.items()})
        if share is None:
            continue
        if high <= bottom or low >= top:
            collected.missed += float(share.sum(dtype=np.float64)) * area_mm2 * (high - low)
            continue
        parts = pieces(high - low, step_mm)
        thick = (high - low) / parts
        for n in range(parts):
            yield low + (n + 0.5) * thick, thick, share


def _share(region: Region, covered: Mapping[int, Map | None]) -> Map | None:
    """Coverage of a region's pixels by that of its members."""
    return share_of(region, lambda leaf: covered.get(id(leaf)))


def _blocks(slabs: Iterable[Slab], together: int) -> Iterator[list[Slab]]:
    """Slabs in blocks, each with the slab below and the one above; the lowest and the highest are their own."""
    block: list[Slab] = []
    for slab in slabs:
        block += [slab] if block else [slab, slab]
        if len(block) == together + 2:
            yield block
            block = block[-2:]
    if len(block) > 1:
        yield [*block, block[-1]]


def _thinnest(dose: AxialDose | ObliqueDose) -> float:
    if isinstance(dose, AxialDose):
        return float(np.diff(dose.z_mm).min()) if len(dose.z_mm) > 1 else 1.0
    steps = [np.diff(c).min() for c in (dose.grid.x_mm, dose.grid.y_mm, dose.grid.z_mm) if len(c) > 1]
    return float(min(steps)) if steps else 1.0


def _lattice(shapes: Sequence[Shape], dose: AxialDose | ObliqueDose) -> Lattice:
    """Pixels aligned with the dose's voxels, divided until the region's narrower side and thickness hold enough."""
    boxes = np.array([s.box() for s in shapes])
    low, high = boxes[:, 0].min(axis=0), boxes[:, 1].max(axis=0)
    wanted = min(float((high - low).min()) / PIXELS_ACROSS, min(s.thickness_mm for s in shapes) / PIXELS_THICK)
    wanted = max(wanted, FINEST_MM)
    # long and thin: no more pixels than fit
    volume = float(np.prod(high - low)) * max(s.levels for s in shapes)
    wanted, least = max(wanted, np.sqrt(volume / MOST_PIXELS)), np.sqrt(volume / MOST_VOXELS)
    pitch, start = [], []
    for n in range(2):
        coordinates = (dose.x_mm, dose.y_mm)[n] if isinstance(dose, AxialDose) else np.zeros(1)
        if len(coordinates) > 1:
            voxel = float(coordinates[-1] - coordinates[0]) / (len(coordinates) - 1)
            border = float(coordinates[0]) - 0.5 * voxel
        else:
            voxel, border = _thinnest(dose), float(coordinates[0])
        p = voxel / pieces(voxel, wanted) * pieces(least, voxel)
        pitch.append(p)
        start.append(border + p * (np.floor((low[n] - border) / p) - 1))
    count = [int(np.ceil((high[n] - start[n]) / pitch[n])) + 1 for n in range(2)]
    return Lattice(float(start[0]), float(start[1]), pitch[0], pitch[1], count[0], count[1])


def _box(maps: Sequence[Map]) -> tuple[slice, slice] | None:
    """Rows and columns around all that maps cover, with an empty pixel on each side; None when they cover nothing."""
    covered = np.maximum.reduce(maps) > TRACE
    rows, columns = (np.flatnonzero(covered.any(axis=axis)).tolist() for axis in (1, 0))
    return (slice(rows[0] - 1, rows[-1] + 2), slice(columns[0] - 1, columns[-1] + 2)) if rows else None


def _around(pixels: NDArray[np.intp], steps: Sequence[int], size: int) -> NDArray[np.intp] | None:
    """Pixels and their neighbours, by flat index; None when they are no small part of all `size`."""
    if FEW * len(pixels) > size:
        return None
    wanted = np.zeros(size, np.bool_)
    wanted[pixels] = True
    for step in steps:
        wanted[pixels - step] = True
        wanted[pixels + step] = True
    return np.flatnonzero(wanted)


def _collect(
    collected: Accumulator, probe: AxialSampler | ObliqueSampler, block: Sequence[Slab], area_mm2: float
) -> None:
    """Add a block of slabs (height, thickness, coverage), all but its first and last, at their dose.

    The lattice's outer pixels are empty.
    """
    z, thick = (np.array([slab[n] for slab in block[1:-1]]) for n in (0, 1))
    bottom, top = probe.z_reach
    reach = np.concatenate([[max(z[0] - thick[0], bottom)], z, [min(z[-1] + thick[-1], top)]])
    maps = [slab[2] for slab in block]
    box = _box(maps[1:-1])
    if box is None:
        return
    rows, columns = box
    share = np.stack([m[rows, columns] for m in maps])
    plane, row = share.shape[1] * share.shape[2], share.shape[2]
    used = share[1:-1] > TRACE
    pixel = (area_mm2 * thick).astype(np.float32)
    inside = probe.inside(z, rows, columns)
    if inside is not None:
        beyond = used & ~inside
        collected.missed += float(((share[1:-1] * beyond).sum(axis=(1, 2), dtype=np.float64) * pixel).sum())
        used &= inside
    at = np.flatnonzero(used)
    here = at + plane
    steps = plane, row, 1
    dose = probe.at(reach, rows, columns, _around(here, steps, share.size)).ravel()
    share = share.ravel()
    # changes of dose over two pixels, or twice the slab
    up, across, along = (dose.take(here + step) - dose.take(here - step) for step in steps)
    rise = (2 * thick / (reach[2:] - reach[:-2])).astype(np.float32)
    if np.ptp(rise) > 0 or rise[0] != 1:
        up *= rise[at // plane]
    square = up * up
    square += across * across
    square += along * along
    part = share.take(here)
    centre = dose.take(here)
    pixel = pixel[at // plane] if np.ptp(pixel) > 0 else pixel[:1]
    rim = np.flatnonzero(part < WHOLE)
    if len(rim):
        # A rim pixel is covered on one side: its dose is taken amid that part, and spans that part.
        edge = here[rim]
        change = up[rim], across[rim], along[rim]
        normal = [share[edge + step] - share[edge - step] for step in steps]
        length = np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2)
        length = np.maximum(length, np.float32(FAINT))
        inward = sum((n * c for n, c in zip(normal, change, strict=True)), np.zeros_like(length))
        inward /= length
        place, width2 = covered_part(np.abs(normal).max(axis=0) / length, part[rim])
        near = dose[edge]
        ends = [dose[edge + sign * step] for step in steps for sign in (-1, 1)]
        low, high = np.minimum.reduce([near, *ends]), np.maximum.reduce([near, *ends])
        middle = np.clip(near + inward * place * np.float32(0.5), low, high)
        centre[rim] = middle
        # no dose of the part is beyond what is around it; `add` spreads a quarter of the span to either side
        room = 2 * 2 * np.minimum(middle - low, high - middle)
        square[rim] = np.clip(square[rim] - inward * inward * (1 - width2), 0, room * room)
    part *= pixel
    collected.add(centre, np.sqrt(square, out=square), part)
