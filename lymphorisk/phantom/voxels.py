"""An anatomy on a grid: which voxels each organ owns, and how dense they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.curve import DoseDistribution
from lymphorisk.frozen import FrozenDict
from lymphorisk.phantom.anatomy import BONES, GROUPS, LUNGS, Anatomy
from lymphorisk.phantom.shapes import Shape
from lymphorisk.plan.frame import read_only
from lymphorisk.units import MM3_PER_CM3

#: Dose classes of an organ in the fast path; the mean within each is kept, so only the spread inside a
#: class (1/160 of the organ's highest dose) is lost.
CLASSES = 160
#: Organs of fewer voxels are counted on a lattice twice as fine: a spinal cord is as thin as a coarse voxel.
FEW = 500


@dataclass(frozen=True, slots=True, eq=False)
class Voxels:
    """A regular grid with the organs on it.

    Attributes
    ----------
    x_mm, y_mm, z_mm : ndarray
        Voxel centres. [mm]
    spacing_mm : float
        Edge of the cubic voxel. [mm]
    owned : mapping of str to ndarray of int64
        Flat indices (of the z, y, x array) of each organ's voxels, by centre.
    density : ndarray of float32, shape (nz, ny, nx)
        Relative electron density, 0 outside the body.
    parts : mapping of str to (ndarray of int64, ndarray of float64)
        For organs of few voxels: every voxel they touch, and the share of it that is theirs.
    """

    x_mm: NDArray[np.float64]
    y_mm: NDArray[np.float64]
    z_mm: NDArray[np.float64]
    spacing_mm: float
    owned: Mapping[str, NDArray[np.int64]]
    density: NDArray[np.float32]
    parts: Mapping[str, tuple[NDArray[np.int64], NDArray[np.float64]]] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along z, y, x."""
        return len(self.z_mm), len(self.y_mm), len(self.x_mm)

    def volume_cm3(self, name: str) -> float:
        """Volume of an organ as counted in voxels. [cm3]"""
        count = self.parts[name][1].sum() if name in self.parts else len(self.owned[name])
        return float(count) * self.spacing_mm**3 / MM3_PER_CM3


def centred(low: float, high: float, spacing: float) -> NDArray[np.float64]:
    """Multiples of `spacing` (odd halves) covering low to high: the same lattice for every anatomy."""
    first, last = np.floor(low / spacing), np.ceil(high / spacing)
    middles: NDArray[np.float64] = np.asarray((np.arange(first, last) + 0.5) * spacing, dtype=np.float64)
    return middles


def voxels_of(
    shape: Shape, x: NDArray[np.float64], y: NDArray[np.float64], z: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Flat indices of the grid points inside a solid."""
    low, high = shape.bounds()
    ranges = [
        (int(np.searchsorted(c, lo)), int(np.searchsorted(c, hi)))
        for c, lo, hi in zip((x, y, z), low, high, strict=True)
    ]
    (i0, i1), (j0, j1), (k0, k1) = ranges
    if i0 >= i1 or j0 >= j1 or k0 >= k1:
        return np.empty(0, dtype=np.int64)
    level = shape.level(x[None, None, i0:i1], y[None, j0:j1, None], z[k0:k1, None, None])
    k, j, i = np.nonzero(np.broadcast_to(level, (k1 - k0, j1 - j0, i1 - i0)) <= 0)
    return ((k + k0) * len(y) + (j + j0)) * len(x) + (i + i0)


def parts_of(
    shape: Shape, x: NDArray[np.float64], y: NDArray[np.float64], z: NDArray[np.float64], spacing: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Voxels a solid touches and its share of each, by eight points a voxel."""
    apart = spacing * 0.5 * np.array([-0.5, 0.5])
    fx, fy, fz = ((c[:, None] + apart).ravel() for c in (x, y, z))
    k, rest = np.divmod(voxels_of(shape, fx, fy, fz), len(fx) * len(fy))
    j, i = np.divmod(rest, len(fx))
    whole, count = np.unique(((k // 2) * len(y) + j // 2) * len(x) + i // 2, return_counts=True)
    return whole, count / 2**3


def voxels(
    body: Anatomy,
    spacing_mm: float,
    *,
    z_range_mm: tuple[float, float] | None = None,
    names: Iterable[str] | None = None,
    extra: Mapping[str, Shape] | None = None,
) -> Voxels:
    """The anatomy on a cubic grid.

    Parameters
    ----------
    body : Anatomy
    spacing_mm : float
        5 for plans to look at, 8 to 10 for cohorts. [mm]
    z_range_mm : tuple of float, optional
        Lower and upper end of the scan; the whole body without it. [mm]
    names : iterable of str, optional
        Organs to own voxels; all without it. ``Body`` always does.
    extra : mapping of str to Shape, optional
        Further solids (targets).
    """
    (x0, y0, z0), (x1, y1, z1) = body.shapes["Body"].bounds()
    if z_range_mm is not None:
        z0, z1 = max(z0, z_range_mm[0]), min(z1, z_range_mm[1])
    x, y, z = (centred(lo, hi, spacing_mm) for lo, hi in ((x0, x1), (y0, y1), (z0, z1)))
    kept = None if names is None else {*names, "Body"}
    wanted = {n: s for n, s in body.shapes.items() if kept is None or n in kept}
    wanted.update(extra or {})
    owned = {name: voxels_of(shape, x, y, z) for name, shape in wanted.items()}
    parts = {n: parts_of(wanted[n], x, y, z, spacing_mm) for n, inside in owned.items() if len(inside) < FEW}
    parts = {n: p for n, p in parts.items() if len(p[0])}
    for name, members in GROUPS.items():
        present = [owned[m] for m in members if m in owned]
        if present:
            owned[name] = np.unique(np.concatenate(present))
    for indices in owned.values():
        read_only(indices)
    density = np.zeros(len(x) * len(y) * len(z), dtype=np.float32)
    density[owned["Body"]] = body.density["body"]
    for group, value in ((LUNGS, "lung"), (BONES, "bone")):
        for name in group:
            if name in body.shapes:
                inside = owned[name] if name in owned else voxels_of(body.shapes[name], x, y, z)
                density[inside] = body.density[value]
    filled = density.reshape(len(z), len(y), len(x))
    read_only(filled)
    return Voxels(x, y, z, spacing_mm, FrozenDict(owned), filled, FrozenDict(parts))


def organ_distributions(grid: Voxels, dose_zyx: NDArray[np.floating]) -> dict[str, DoseDistribution]:
    """Dose distribution of every organ with voxels on the grid, by name: the fast path. [Gy]

    Organs wholly outside the grid are left out (their absence is the caller's to explain).
    """
    flat = dose_zyx.reshape(-1)
    out: dict[str, DoseDistribution] = {}
    for name, inside in grid.owned.items():
        if name in grid.parts:
            touched, share = grid.parts[name]
            out[name] = distribution(flat[touched], share)
        elif len(inside):
            out[name] = distribution(flat[inside])
    return out


def distribution(dose: NDArray[np.floating], weight: NDArray[np.float64] | None = None) -> DoseDistribution:
    """Shares of voxels, equal or weighted, at at most `CLASSES` doses, keeping the mean and the share at zero."""
    top = float(dose.max())
    if top <= 0.0:
        return DoseDistribution(np.zeros(1), np.ones(1))
    # class 0 is dose zero itself
    of = np.ceil(dose * (CLASSES / top)).astype(np.int64)
    share = np.bincount(of, weights=weight, minlength=CLASSES + 2)
    total = np.bincount(of, weights=dose if weight is None else dose * weight, minlength=CLASSES + 2)
    used = share > 0
    mean = total[used] / share[used]
    return DoseDistribution(np.maximum.accumulate(mean), share[used] / share.sum())
