"""A reference body put into a patient: a small set of bodies drawn from the fit's uncertainty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.absent import Absent
from lymphorisk.anatomy.fit import Fit, Observation, fitted
from lymphorisk.anatomy.landmarks import Drawn
from lymphorisk.anatomy.outline import Outline
from lymphorisk.anatomy.prior import Prior
from lymphorisk.anatomy.reference import Reference

Real = NDArray[np.float64]

#: Distance of the knots of the smooth bend; it changes over several of them. [mm]
KNOT_MM = 40.0
#: sd of where the scan's origin lies along the body: anywhere. [mm]
ANYWHERE_MM = 3000.0
#: Sections of the patient may be this much smaller or larger than the reference's before they are not believed.
GIRTHS = (0.5, 2.0)
#: Heights over which the ratio of the outlines is evened out: organs do not follow every fold. [mm]
EVEN_MM = 60.0
#: Sections by which an outline alone is fitted are this far apart. [mm]
SECTION_MM = 20.0
#: Steps in which its places along the body are tried. [mm]
LEVEL_STEP_MM = 10.0
#: sd of ln of a single section: folds, contours drawn by hand.
SECTION_SD = 0.05
#: Stands for the outline among landmarks.
OUTLINE = "Body"
DEEP = 1
AXES = ("across", "front to back", "along")
#: Levels at which a long organ is compared with the reference's, and half the thickness of each. [mm]
LEVELS = 6
LEVEL_MM = 12.0


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Bodies in the patient.

    Attributes
    ----------
    reference : Reference
    fits : tuple of Fit
        Across, front to back, along.
    landmarks : tuple of str
        Organs the fit rests on; ``Body`` where the outline alone tells the level.
    states : tuple of ndarray
        By axis: the drawn states, shape (placements, n).
    outline : Outline or None
        The patient's.
    """

    reference: Reference
    prior: Prior
    height_mm: float
    fits: tuple[Fit, Fit, Fit]
    landmarks: tuple[str, ...]
    states: tuple[Real, Real, Real]
    outline: Outline | None
    girth: Outline

    @property
    def count(self) -> int:
        """Number of bodies."""
        return len(self.states[0])

    @property
    def small(self) -> bool:
        """Whether the body is smaller than the adults the reference stands for."""
        return self.height_mm < self.prior.small * self.reference.height_mm

    def points(self, organ: str) -> Real:
        """The organ's points in every body, patient coordinates, shape (placements, n, 3). [mm]"""
        return mapped(self, organ, self.reference.organs[organ].points_mm)

    def heights(self, organ: str) -> Real:
        """Of those points, the heights alone, shape (placements, n). [mm]"""
        return _heights(self, organ, self.reference.organs[organ].points_mm[:, 2])


@dataclass(frozen=True, slots=True, eq=False)
class _Basis:
    """Where each unknown stands in the state of an axis: shift, stretch, bend at knots, places, lengths, diaphragm."""

    knots: Real
    organs: Mapping[str, int]

    @property
    def size(self) -> int:
        return 2 + len(self.knots) + 2 * len(self.organs) + 1

    def place(self, organ: str) -> int:
        return 2 + len(self.knots) + self.organs[organ]

    def length(self, organ: str) -> int:
        return 2 + len(self.knots) + len(self.organs) + self.organs[organ]

    def bend(self, state: Real, z: Real) -> Real:
        """Bend of each state at heights, linear between knots, shape (states, m)."""
        at = np.clip(z / KNOT_MM, 0.0, len(self.knots) - 1.0)
        low = np.minimum(at.astype(np.intp), len(self.knots) - 2)
        part = at - low
        bends = state[:, 2 : 2 + len(self.knots)]
        return np.asarray(bends[:, low] * (1.0 - part) + bends[:, low + 1] * part)


def basis_of(reference: Reference) -> _Basis:
    """The unknowns of an axis."""
    names = [n for n in reference.organs if n != "Body"]
    return _Basis(_knots(reference), {n: i for i, n in enumerate(names)})


def place(
    reference: Reference,
    drawn: Mapping[str, Drawn],
    outline: Outline | None,
    prior: Prior,
    *,
    height_mm: float | None = None,
    seed: int = 1,
) -> Placed | Absent:
    """The reference body in a patient.

    Parameters
    ----------
    drawn : mapping of str to Drawn
        Drawn organs by TG-263 name; those the reference knows as landmarks are used.
    outline : Outline, optional
        The patient's sections.
    height_mm : float, optional
        The patient's height; without it the reference's, or, in an outline too slim for an adult, as much smaller. [mm]
    seed : int
        Same seed, same bodies.
    """
    tall = height_mm or reference.height_mm
    known = {n: d for n, d in drawn.items() if n in reference.organs and n != "Body" and _is_landmark(n, d, prior)}
    along = _along(reference, known, prior, tall, outline if "Body" in drawn else None)
    if along is None:
        return Absent.unknown("neither a drawn organ nor an outline tells the level of the body")
    girth = _girth(reference, prior, outline, along, tall)
    if height_mm is None and (size := float(np.sqrt(np.median(girth.half_mm, axis=0).prod()))) < prior.small_girth:
        tall = size * reference.height_mm
        along = _along(reference, known, prior, tall, outline if "Body" in drawn else None) or along
        girth = _girth(reference, prior, outline, along, tall)
    across, deep = (_in_plane(reference, known, prior, girth, outline, along, tall, axis) for axis in (0, 1))
    fits = (across, deep, along)
    for axis, fit in zip(AXES, fits, strict=True):
        seen = {r.organ for r in fit.residuals}
        if seen and len(fit.left_out) > prior.implausible * len(seen):
            return Absent.unknown(f"landmarks contradict each other {axis}: {', '.join(fit.left_out)}")
    rng = np.random.default_rng(seed)
    states = tuple(fit.draws(prior.placements, rng) for fit in fits)
    return Placed(
        reference,
        prior,
        tall,
        fits,
        tuple(sorted(known)) or (OUTLINE,),
        (states[0], states[1], states[2]),
        outline,
        girth,
    )


def mapped(placed: Placed, organ: str, points_mm: Real) -> Real:
    """Points of a reference organ in every body, shape (placements, n, 3). [mm]"""
    reference, prior = placed.reference, placed.prior
    basis = basis_of(reference)
    out = np.empty((placed.count, len(points_mm), 3))
    height = _heights(placed, organ, points_mm[:, 2])
    out[..., 2] = height
    for axis in (0, 1):
        base = _base_in_plane(reference, placed.girth, placed.outline, points_mm, height, axis, prior)
        out[..., axis] = base + _move_in_plane(reference, prior, basis, organ, points_mm, axis, placed.states[axis])
    return out


def _heights(placed: Placed, organ: str, z: Real) -> Real:
    reference, prior = placed.reference, placed.prior
    move = _move_along(reference, prior, basis_of(reference), organ, z, placed.states[2])
    return _level(reference, prior, z, placed.height_mm) + move


def _is_landmark(name: str, drawn: Drawn, prior: Prior) -> bool:
    p = prior.of(name)
    whole = not (drawn.cut_low or drawn.cut_high)
    ends = (p.low > 0.0 and not drawn.cut_low) or (p.high > 0.0 and not drawn.cut_high)
    return ends or (p.middle > 0.0 and whole) or p.levels > 0.0


def _knots(reference: Reference) -> Real:
    return np.arange(0.0, reference.height_mm + KNOT_MM, KNOT_MM)


def _level(reference: Reference, prior: Prior, z: Real, height_mm: float) -> Real:
    """Heights of the reference with its levels corrected, stretched to the patient's height. [mm]"""
    unit = reference.height_mm / prior.level_from[-1]
    moved = z + unit * np.interp(z / unit, prior.level_from, prior.level_by)
    return np.asarray(moved * (height_mm / reference.height_mm))


def _smooth(knots: Real, sd: float, length: float) -> Real:
    """Covariance of a smooth bend at the knots (squared exponential)."""
    apart = (knots[:, None] - knots[None, :]) / length
    return np.asarray(sd**2 * np.exp(-0.5 * apart**2))


def _covariance(basis: _Basis, prior: Prior, axis: int, first: tuple[float, float], last: float) -> Real:
    out = np.zeros((basis.size, basis.size))
    out[0, 0], out[1, 1] = first[0] ** 2, first[1] ** 2
    k = slice(2, 2 + len(basis.knots))
    out[k, k] = _smooth(basis.knots, prior.bend[axis], prior.bend_length)
    for organ in basis.organs:
        i, j = basis.place(organ), basis.length(organ)
        out[i, i] = prior.of(organ).place_mm[axis] ** 2
        out[j, j] = prior.of(organ).length ** 2
    out[-1, -1] = last**2
    return out


def _move_along(reference: Reference, prior: Prior, basis: _Basis, organ: str, z: Real, state: Real) -> Real:
    """How states move points of an organ along the body, shape (states, m). [mm]"""
    move = state[:, :1] + state[:, 1:2] * (z - 0.5 * reference.height_mm) + basis.bend(state, z)
    if organ in basis.organs:
        cloud = reference.organs[organ]
        low, high = float(cloud.low_mm[2]), float(cloud.high_mm[2])
        place, length = basis.place(organ), basis.length(organ)
        up = np.clip((z - low) / (high - low), 0.0, 1.0)
        breath = np.interp(up, (0.0, 1.0), prior.of(organ).breath)
        move = move + state[:, place, None] + state[:, length, None] * (z - 0.5 * (low + high)) + state[:, -1:] * breath
    return move


def level_by_outline(reference: Reference, outline: Outline, prior: Prior, height_mm: float) -> tuple[float, float]:
    """How far the reference moves along the body to fit the outline alone, and its sd. [mm]

    Widths and depths of the sections, in their logarithm, are the reference's times a girth and a smooth departure of
    stated sds; the middle of the scan lies between thigh and vertex. The fit to sections of real bodies is worse than
    that of drawn ones: a stated sd is added.
    """
    girth, bend, length, own = prior.sections
    z = np.linspace(outline.z_mm[0], outline.z_mm[-1], max(int(np.ptp(outline.z_mm) / SECTION_MM), 2))
    seen = np.log(np.stack([outline.half_at(z, axis) for axis in (0, 1)]))
    noise = girth**2 + _smooth(z, bend, length) + SECTION_SD**2 * np.eye(len(z))
    inverse = np.linalg.inv(noise)
    levels = _level(reference, prior, reference.outline.z_mm, height_mm)
    low, high = (0.5 * (z[0] + z[-1]) - share * height_mm for share in prior.scanned[::-1])
    moves = np.arange(low, high, LEVEL_STEP_MM)
    fit = np.zeros(len(moves))
    for axis in (0, 1):
        there = np.log(np.interp(z - moves[:, None], levels, reference.outline.half_mm[:, axis]))
        apart = seen[axis] - there
        fit -= 0.5 * np.einsum("mi,ij,mj->m", apart, inverse, apart)
    weight = np.exp(fit - fit.max())
    mean = float(weight @ moves / weight.sum())
    return mean, float(np.sqrt(weight @ (moves - mean) ** 2 / weight.sum() + own**2))


def _along(
    reference: Reference, known: Mapping[str, Drawn], prior: Prior, height_mm: float, outline: Outline | None
) -> Fit | None:
    basis = basis_of(reference)
    seen: list[Observation] = []
    for name, drawn in known.items():
        cloud, own = reference.organs[name], prior.of(name)
        wanted = []
        if own.low and not drawn.cut_low:
            wanted.append(("lowest end", float(cloud.low_mm[2]), drawn.low_mm, own.low))
        if own.high and not drawn.cut_high:
            wanted.append(("highest end", float(cloud.high_mm[2]), drawn.high_mm, own.high))
        if own.middle and not (own.low or own.high or drawn.cut_low or drawn.cut_high):
            wanted.append(("middle", float(cloud.middle_mm[2]), float(drawn.middle_mm[2]), own.middle))
        for feature, z, value, sd in wanted:
            row = _move_along(reference, prior, basis, name, np.array([z]), np.eye(basis.size))[:, 0]
            offset = float(_level(reference, prior, np.array([z]), height_mm)[0])
            seen.append(Observation(name, feature, value, offset, row, sd))
    mean, free = np.zeros(basis.size), ANYWHERE_MM
    if seen:
        mean[0] = np.mean([o.value - o.offset for o in seen])
    elif outline is not None:
        mean[0], free = level_by_outline(reference, outline, prior, height_mm)
    else:
        return None
    for name in basis.organs:
        mean[basis.place(name)], mean[basis.length(name)] = prior.expected_of(name)
    covariance = _covariance(basis, prior, 2, (free, prior.stretch), prior.diaphragm)
    return fitted(mean, covariance, seen, far=prior.residual)


def _height(reference: Reference, prior: Prior, organ: str, z: Real, along: Fit, height_mm: float) -> Real:
    """Expected heights in the patient of heights in a reference organ. [mm]"""
    move = _move_along(reference, prior, basis_of(reference), organ, z, along.mean[None, :])[0]
    return np.asarray(_level(reference, prior, z, height_mm) + move)


def _girth(reference: Reference, prior: Prior, outline: Outline | None, along: Fit, height_mm: float) -> Outline:
    """Ratio of the patient's sections to the reference's at the reference's heights; middles are not used."""
    z = reference.outline.z_mm
    if outline is None:
        return Outline(z.copy(), np.zeros((len(z), 2)), np.ones((len(z), 2)))
    height = _height(reference, prior, "", z, along, height_mm)
    own = np.stack([outline.half_at(height, axis) for axis in (0, 1)], axis=-1)
    ratio = np.clip(own / reference.outline.half_mm, *GIRTHS)
    inside = (height >= outline.z_mm[0]) & (height <= outline.z_mm[-1])
    if not inside.any():
        inside[:] = True
    apart = np.where(inside, np.abs(np.subtract.outer(z, z)), np.inf)
    near = apart <= np.maximum(apart.min(axis=1, keepdims=True), EVEN_MM)
    evened = np.nanmedian(np.where(near[..., None], ratio, np.nan), axis=1)
    return Outline(z.copy(), np.zeros((len(z), 2)), evened)


def _base_in_plane(
    reference: Reference,
    girth: Outline,
    outline: Outline | None,
    points_mm: Real,
    height: Real,
    axis: int,
    prior: Prior,
) -> Real:
    """Where the outline alone puts points, shape (placements, n): about its middle, spread by its girth. [mm]"""
    z = points_mm[:, 2]
    middle = reference.outline.middle_at(z, axis)
    away = (points_mm[:, axis] - middle) * girth.half_at(z, axis) ** prior.inner_girth
    if outline is None:
        return np.broadcast_to(away + middle, height.shape)
    return outline.middle_at(height, axis) + away


def _move_in_plane(
    reference: Reference, prior: Prior, basis: _Basis, organ: str, points_mm: Real, axis: int, state: Real
) -> Real:
    """How states move points of an organ across or front to back, shape (states, m). [mm]"""
    z = points_mm[:, 2]
    away = points_mm[:, axis] - reference.outline.middle_at(z, axis)
    move = state[:, :1] + state[:, 1:2] * away + basis.bend(state, z)
    if organ in basis.organs:
        move = move + state[:, basis.place(organ), None]
        if axis == DEEP:
            move = move + state[:, -1:] * prior.of(organ).spine
    return np.asarray(move)


def _in_plane(
    reference: Reference,
    known: Mapping[str, Drawn],
    prior: Prior,
    girth: Outline,
    outline: Outline | None,
    along: Fit,
    height_mm: float,
    axis: int,
) -> Fit:
    basis = basis_of(reference)
    seen: list[Observation] = []
    for name, drawn in known.items():
        for point, at in _centres(reference, prior, name, drawn, along, height_mm):
            height = np.array([[at[2]]])
            base = float(_base_in_plane(reference, girth, outline, point[None, :], height, axis, prior)[0, 0])
            row = _move_in_plane(reference, prior, basis, name, point[None, :], axis, np.eye(basis.size))[:, 0]
            own = prior.of(name)
            seen.append(Observation(name, AXES[axis], float(at[axis]), base, row, own.middle or own.levels))
    free = ANYWHERE_MM if outline is None else 0.0
    expected, sd = prior.spine if axis == DEEP else (0.0, 0.0)
    covariance = _covariance(basis, prior, axis, (free, prior.spread), sd)
    mean = np.zeros(basis.size)
    mean[-1] = expected
    if outline is None and seen:
        mean[0] = np.mean([o.value - o.offset for o in seen])
    return fitted(mean, covariance, seen, far=prior.residual)


def _centres(
    reference: Reference, prior: Prior, name: str, drawn: Drawn, along: Fit, height_mm: float
) -> list[tuple[Real, Real]]:
    """Centres of the reference organ and of the drawn one that belong together: of the whole, or level by level."""
    cloud, own = reference.organs[name], prior.of(name)
    if own.middle:
        return [] if drawn.cut_low or drawn.cut_high else [(cloud.middle_mm, drawn.middle_mm)]
    if not own.levels:
        return []
    z = np.linspace(cloud.low_mm[2], cloud.high_mm[2], len(cloud.points_mm))
    height = np.maximum.accumulate(_height(reference, prior, name, z, along, height_mm))
    pairs = []
    for at in drawn.levels_mm[np.unique(np.linspace(0, len(drawn.levels_mm) - 1, LEVELS).round().astype(int))]:
        level = float(np.interp(at[2], height, z))
        near = np.abs(cloud.points_mm[:, 2] - level) <= LEVEL_MM
        if height[0] <= at[2] <= height[-1] and near.any():
            pairs.append((np.append(cloud.points_mm[near, :2].mean(axis=0), level), at))
    return pairs
