"""Doses of placed bodies: from the dose grid inside it, by distance from the field outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lymphorisk.anatomy.peripheral import Peripheral, anchored_ln, photon_share
from lymphorisk.anatomy.placement import Placed
from lymphorisk.dvh.curve import DoseDistribution
from lymphorisk.plan.frame import reach, read_only
from lymphorisk.plan.grid import DoseGrid
from lymphorisk.plan.words import Modality, is_particle

Real = NDArray[np.float64]

#: The field is what gets at least this share of the target's dose.
FIELD_SHARE = 0.5
#: The target's dose is this quantile of the voxels that get at least half of the highest dose: hot spots apart.
TARGET_QUANTILE = 0.75
#: Outermost planes of the grid whose dose anchors the peripheral dose.
EDGE_PLANES = 2
#: Of those planes, voxels below this share of the plane's highest lie in air.
EDGE_AIR = 0.1
#: Doses of a distribution made of points are kept to this many classes: the mean stays.
CLASSES = 256


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """What lies outside a dose grid, by phase.

    Attributes
    ----------
    target_gy : float
        Dose of the target over the phase. [Gy]
    low_mm, high_mm : ndarray, shape (3,)
        Box around what gets at least half of it, patient coordinates. [mm]
    modality : str
    monitor_units : float or None
        Of one fraction over its target dose. [MU/cGy]
    edge_ln, edge_sd : float
        ln of the factor the grid's edge puts on the peripheral dose, and its sd.
    """

    target_gy: float
    low_mm: Real
    high_mm: Real
    modality: Modality
    monitor_units: float | None
    numbers: Peripheral
    edge_ln: float = 0.0
    edge_sd: float = 0.0

    def share(self, points_mm: Real) -> Real:
        """Peripheral dose over the target's at points of shape (..., 3), before the edge's factor."""
        if is_particle(self.modality):
            return np.full(points_mm.shape[:-1], self.numbers.proton)
        out = np.maximum(np.maximum(self.low_mm - points_mm, points_mm - self.high_mm), 0.0)
        return photon_share(np.sqrt((out**2).sum(axis=-1)), self.numbers, self.monitor_units)


def field_of(
    grid: DoseGrid,
    numbers: Peripheral,
    *,
    modality: Modality = "photon",
    monitor_units: float | None = None,
    fractions: int = 1,
) -> Field:
    """The field of a phase's dose grid.

    Parameters
    ----------
    grid : DoseGrid
    numbers : Peripheral
    modality : str
    monitor_units : float, optional
        Of one fraction. [MU]
    fractions : int
    """
    dose = grid.dose_zyx
    top = float(dose.max())
    high = dose[dose >= FIELD_SHARE * top]
    target = float(np.quantile(high, TARGET_QUANTILE)) if top > 0.0 else 0.0
    k, j, i = np.nonzero(dose >= FIELD_SHARE * target) if target > 0.0 else np.nonzero(dose >= 0.0)
    points = grid.to_patient(np.stack([grid.x_mm[i], grid.y_mm[j], grid.z_mm[k]], axis=-1))
    per_cgy = None
    if monitor_units is not None and target > 0.0:
        per_cgy = monitor_units / (100 * target / fractions)
    made = Field(target, points.min(axis=0), points.max(axis=0), modality, per_cgy, numbers)
    if target <= 0.0 or is_particle(modality):
        return made
    edge, expected = _edge(grid, made)
    ln, sd = anchored_ln(edge, expected, numbers)
    return Field(target, made.low_mm, made.high_mm, modality, per_cgy, numbers, ln, sd)


def _edge(grid: DoseGrid, where: Field) -> tuple[float, float]:
    """Geometric mean dose of the outermost planes farthest from the field, and what the model expects there. [Gy]"""
    seen, expected = [], []
    for planes in (slice(0, EDGE_PLANES), slice(-EDGE_PLANES, None)):
        dose = grid.dose_zyx[planes]
        k, j, i = np.nonzero(dose > EDGE_AIR * dose.max()) if dose.max() > 0 else (np.zeros(0, dtype=int),) * 3
        if not len(k):
            continue
        local = np.stack([grid.x_mm[i], grid.y_mm[j], grid.z_mm[planes][k]], axis=-1)
        model = where.share(grid.to_patient(local)) * where.target_gy
        if float(dose.max()) > FIELD_SHARE * where.target_gy:
            continue  # the field reaches the end of the grid: nothing is seen outside it
        seen.append(np.log(dose[k, j, i]).mean())
        expected.append(np.log(model).mean())
    if not seen:
        return 0.0, 0.0
    return float(np.exp(np.mean(seen))), float(np.exp(np.mean(expected)))


def dose_at(grid: DoseGrid, where: Field, points_mm: Real, factor: Real) -> Real:
    """Dose at points of shape (placements, n, 3), with the peripheral factor of each placement. [Gy]"""
    from scipy.ndimage import map_coordinates

    local = grid.to_local(points_mm)
    inside = within(grid, points_mm)
    index = [
        np.interp(local[..., n], axis, np.arange(len(axis)))
        for n, axis in ((2, grid.z_mm), (1, grid.y_mm), (0, grid.x_mm))
    ]
    dose = np.where(inside, map_coordinates(grid.dose_zyx, index, order=1, mode="nearest"), 0.0)
    if not inside.all():
        outside = where.share(points_mm[~inside]) * where.target_gy
        dose[~inside] = outside * np.broadcast_to(factor[:, None], inside.shape)[~inside]
    return np.asarray(np.maximum(dose, 0.0), dtype=np.float64)


def within(grid: DoseGrid, points_mm: Real) -> NDArray[np.bool_]:
    """Which points of shape (..., 3) lie in the cells of the grid."""
    local = grid.to_local(points_mm)
    inside = np.ones(points_mm.shape[:-1], dtype=bool)
    for n, axis in ((2, grid.z_mm), (1, grid.y_mm), (0, grid.x_mm)):
        low, high = reach(axis)
        inside &= (local[..., n] >= low) & (local[..., n] <= high)
    return inside


def nearest(grid: DoseGrid, points_mm: Real) -> NDArray[np.intp]:
    """Flat indices of the grid points nearest to points of shape (n, 3); points outside the grid are left out."""
    local = grid.to_local(points_mm[within(grid, points_mm)])
    k, j, i = (
        np.rint(np.interp(local[:, n], axis, np.arange(len(axis)))).astype(np.intp)
        for n, axis in ((2, grid.z_mm), (1, grid.y_mm), (0, grid.x_mm))
    )
    return np.asarray((k * len(grid.y_mm) + j) * len(grid.x_mm) + i, dtype=np.intp)


@dataclass(frozen=True, slots=True, eq=False)
class DosedBody:
    """Placed bodies with the doses of every phase; organs are dosed when first asked for.

    Attributes
    ----------
    placed : Placed
    grids : tuple of DoseGrid
        Dose of each whole phase. [Gy]
    fields : tuple of Field
    factor : ndarray, shape (phases, placements)
        Factor on the peripheral dose.
    """

    placed: Placed
    grids: tuple[DoseGrid, ...]
    fields: tuple[Field, ...]
    factor: Real
    _heights: dict[str, Real] = field(default_factory=dict, repr=False)
    _doses: dict[str, Real] = field(default_factory=dict, repr=False)

    def heights(self, name: str) -> Real:
        """Heights of an organ's points, shape (placements, n). [mm]"""
        if name not in self._heights:
            self._heights[name] = read_only(self.placed.heights(name))
        return self._heights[name]

    def doses(self, name: str) -> Real:
        """Doses of an organ's points, shape (phases, placements, n). [Gy]"""
        if name not in self._doses:
            points = self.placed.points(name)
            self._heights.setdefault(name, read_only(points[..., 2].copy()))
            doses = [
                dose_at(grid, where, points, factor)
                for grid, where, factor in zip(self.grids, self.fields, self.factor, strict=True)
            ]
            self._doses[name] = read_only(np.stack(doses))
        return self._doses[name]

    def beyond(self, mix: Mapping[str, float], low_mm: float, high_mm: float) -> Real:
        """Share of a mix of organs below `low_mm` or above `high_mm`, shape (placements,)."""
        out = np.zeros(self.placed.count)
        for name, weight in mix.items():
            height = self.heights(name)
            out += weight * ((height < low_mm) | (height > high_mm)).mean(axis=1)
        return out / sum(mix.values())

    def means(self, mix: Mapping[str, float]) -> Real:
        """Mean dose of a mix of organs in every body and phase, shape (phases, placements). [Gy]"""
        total = sum(mix.values())
        return np.asarray(sum(w / total * self.doses(name).mean(axis=2) for name, w in mix.items()))

    def distribution(
        self, mix: Mapping[str, float], phase: int, body: int | None, low_mm: float = np.inf, high_mm: float = -np.inf
    ) -> DoseDistribution | None:
        """Dose over a phase of a mix of organs, of what lies below `low_mm` or above `high_mm`; all of it without them.

        In one body, or in all alike (`body` None); None where there is nothing. [Gy]
        """
        doses, shares = [], []
        which = slice(None) if body is None else slice(body, body + 1)
        for name, weight in mix.items():
            dose, height = self.doses(name)[phase, which], self.heights(name)[which]
            wanted = (height < low_mm) | (height > high_mm)
            doses.append(dose[wanted])
            shares.append(np.full(len(doses[-1]), weight / wanted.size))
        dose, share = np.concatenate(doses), np.concatenate(shares)
        if not share.sum() > 0.0:
            return None
        order = np.argsort(dose, kind="stable")
        return DoseDistribution(dose[order], share[order] / share.sum()).rebinned(CLASSES)


def dosed_body(placed: Placed, grids: Sequence[DoseGrid], fields: Sequence[Field], *, seed: int = 1) -> DosedBody:
    """Placed bodies in dose grids; the peripheral factor of each body is drawn once, common to all phases."""
    rng = np.random.default_rng([seed, 1])  # however many phases there are
    half = rng.standard_normal((placed.count + 1) // 2)
    z = np.stack([half, -half], axis=-1).reshape(-1)[: placed.count]
    factor = np.stack([np.exp(f.edge_ln + f.edge_sd * z) for f in fields])
    return DosedBody(placed, tuple(grids), tuple(fields), factor)
