"""Where a gray costs lymphocytes: the derivative of the lymphocytes lost to the dose of each voxel.

Blood
    One gray more in a voxel that holds the share v/V of organ i's blood raises the killed share by
    ``(g_k / w_k) v/V``, with g_k the derivative by the dose of the lane (share w_k) the voxel belongs to, from the
    adjoint of the blood engine (`circulation.gradient`).
Pools
    Resident lymphocytes die by the dose of their own place: ``- S'(d) share v/V``.

All doses are of one fraction. The map is exact to first order: a finite-difference test holds it to the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lymphorisk.circulation.gradient import KillGradient, LaneGradient
from lymphorisk.circulation.survival_form import SurvivalForm
from lymphorisk.errors import StructureError
from lymphorisk.plan.frame import read_only

Real = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Voxels:
    """The voxels of one organ.

    Attributes
    ----------
    index : ndarray of int, shape (n,)
        Flat positions in the dose grid.
    volume_cm3 : ndarray, shape (n,)
        Volume of the organ in each voxel. [cm3]
    total_cm3 : float
        Volume of the whole organ, inside the grid or not. [cm3]
    """

    index: NDArray[np.int64]
    volume_cm3: Real
    total_cm3: float

    def __post_init__(self) -> None:
        if self.index.shape != self.volume_cm3.shape or self.index.ndim != 1:
            raise StructureError(f"{self.index.shape} voxels with {self.volume_cm3.shape} volumes")
        if np.any(self.volume_cm3 < 0) or not self.total_cm3 > 0:
            raise StructureError("voxel volumes must not be negative and an organ must have a volume")
        read_only(self.index)
        read_only(self.volume_cm3)


def kill_slope(form: SurvivalForm, dose_gy: ArrayLike) -> Real:
    """``-S'(d)``: killed share for one gray more. [1/Gy]

    Examples
    --------
    >>> form = SurvivalForm((1.0,), (0.4,), (0.1,))
    >>> [round(float(k), 3) for k in kill_slope(form, [0.0, 1.0])]
    [0.4, 0.364]
    """
    d = np.asarray(dose_gy, dtype=np.float64)
    out = np.zeros_like(d)
    for w, a, b in zip(form.weights, form.alphas, form.betas, strict=True):
        out += w * (a + 2 * b * d) * np.exp(-a * d - b * d * d)
    return out


def blood_kill_slope(gradient: LaneGradient, dose_gy: ArrayLike) -> Real:
    """Killed share of blood lymphocytes for one gray more to all the organ's blood at these doses. [1/Gy]

    Lanes stand at their own doses; between them the slope is interpolated, outside it is held.
    """
    lane = gradient.dose_gy.sum(axis=0)
    used = gradient.share > 0
    order = np.argsort(lane[used], kind="stable")
    per_share = gradient.per_gy_of_fraction[used] / gradient.share[used]
    return np.asarray(np.interp(np.asarray(dose_gy, dtype=np.float64), lane[used][order], per_share[order]))


def kill_map(
    dose_gy: Real,
    *,
    blood: Sequence[tuple[str, Voxels, float]],
    gradient: KillGradient,
    blood_share: float,
    pools: Sequence[tuple[Voxels, float, SurvivalForm]],
) -> Real:
    """Lymphocytes lost to one gray more in each voxel, as a share of the body's lymphocytes.

    Parameters
    ----------
    dose_gy : ndarray
        Dose of one fraction on the grid, any shape. [Gy]
    blood : sequence of (compartment, Voxels, share)
        Organs that hold blood: compartment of the network, voxels, and the share of the compartment's blood this
        organ holds.
    gradient : KillGradient
        Of the same fraction (`circulation.gradient.kill_gradient`).
    blood_share : float
        Share of the body's lymphocytes that are in the blood.
    pools : sequence of (Voxels, share, SurvivalForm)
        Resident pools: voxels, share of the body's lymphocytes that live there, and their survival.

    Returns
    -------
    ndarray, shape of `dose_gy`
        Share of the body's lymphocytes lost in one fraction for one gray more in the voxel. [1/Gy]
    """
    flat = np.ascontiguousarray(dose_gy, dtype=np.float64).reshape(-1)
    out = np.zeros(len(flat))
    for compartment, voxels, share in blood:
        if compartment not in gradient.compartments:
            raise StructureError(f"no blood gradient for compartment {compartment!r}")
        slope = blood_kill_slope(gradient.compartments[compartment], flat[voxels.index])
        out += _spread(voxels, slope * (blood_share * share), len(flat))
    for voxels, share, form in pools:
        out += _spread(voxels, kill_slope(form, flat[voxels.index]) * share, len(flat))
    return out.reshape(np.shape(dose_gy))


def _spread(voxels: Voxels, per_organ: Real, size: int) -> Real:
    spread = np.bincount(voxels.index, weights=per_organ * voxels.volume_cm3 / voxels.total_cm3, minlength=size)
    return np.asarray(spread, dtype=np.float64)


def per_cm3(kill_per_gy: Real, voxel_cm3: ArrayLike) -> Real:
    """The map per volume, so that it does not depend on voxel size. [1/(Gy cm3)]"""
    return np.asarray(kill_per_gy / np.asarray(voxel_cm3, dtype=np.float64))
