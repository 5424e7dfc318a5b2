"""Where every voxel lies in a beam: lateral position, height, distance and depth in water."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.phantom.shapes import Triple
from lymphorisk.phantom.voxels import Voxels

Floats32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class BeamEyeView:
    """Body voxels seen from one source; all arrays of shape (n,).

    Attributes
    ----------
    u_mm, w_mm : ndarray
        Position in the plane of the isocentre, across and along the body. [mm]
    away_mm : ndarray
        Distance beyond the plane of the isocentre (negative before it). [mm]
    depth_mm : ndarray
        Water-equivalent depth. [mm]
    inverse_square : ndarray
        (source distance / distance)^2 along the axis.
    """

    u_mm: Floats32
    w_mm: Floats32
    away_mm: Floats32
    depth_mm: Floats32
    inverse_square: Floats32


@dataclass(frozen=True, slots=True, eq=False)
class Inside:
    """The voxels a dose is computed for, a box of slices of a grid."""

    grid: Voxels
    first_slice: int
    last_slice: int
    flat: NDArray[np.int64]
    k: NDArray[np.intp]
    plane: NDArray[np.intp]


def inside_body(grid: Voxels, z_low_mm: float, z_high_mm: float) -> Inside:
    """The body voxels between two heights."""
    _, ny, nx = grid.shape
    first, last = (int(np.searchsorted(grid.z_mm, z)) for z in (z_low_mm, z_high_mm))
    body = grid.owned["Body"]
    lo, hi = np.searchsorted(body, (first * ny * nx, last * ny * nx))
    flat = body[lo:hi]
    k, plane = np.divmod(flat, ny * nx)
    return Inside(grid, first, last, flat, k - first, plane)


def eye_view(where: Inside, gantry_deg: float, isocentre_mm: Triple, source_distance_mm: float) -> BeamEyeView:
    """The beam's eye view of a coplanar beam (IEC gantry angle, head first supine).

    Notes
    -----
    Position and inverse square follow the diverging ray. Depth is summed along rays parallel to the axis
    in each slice: at 1 m and 10 cm off axis the path differs by 0.5 %, less than the voxel.
    """
    grid = where.grid
    angle = math.radians(gantry_deg)
    along = (-math.sin(angle), math.cos(angle))
    across = (math.cos(angle), math.sin(angle))
    x0, y0, z0 = isocentre_mm
    dx, dy = grid.x_mm - x0, grid.y_mm - y0
    v = (dx[None, :] * along[0] + dy[:, None] * along[1]).ravel()
    u = (dx[None, :] * across[0] + dy[:, None] * across[1]).ravel()
    widen = source_distance_mm / (source_distance_mm + v)
    depth = _depths(where, v, u, along, across, (x0, y0))
    widen32 = widen.astype(np.float32)
    z = (grid.z_mm[where.first_slice : where.last_slice] - z0).astype(np.float32)
    return BeamEyeView(
        (u * widen).astype(np.float32)[where.plane],
        z[where.k] * widen32[where.plane],
        v.astype(np.float32)[where.plane],
        depth,
        (widen32 * widen32)[where.plane],
    )


def _depths(
    where: Inside,
    v: NDArray[np.float64],
    u: NDArray[np.float64],
    along: tuple[float, float],
    across: tuple[float, float],
    origin: tuple[float, float],
) -> Floats32:
    """Water-equivalent depth: resample each slice along the beam, sum, read back between samples."""
    grid = where.grid
    step = grid.spacing_mm
    _, ny, nx = grid.shape
    vs = np.arange(v.min() - step, v.max() + 2 * step, step)
    us = np.arange(u.min(), u.max() + step, step)
    x = origin[0] + vs[:, None] * along[0] + us[None, :] * across[0]
    y = origin[1] + vs[:, None] * along[1] + us[None, :] * across[1]
    i = np.rint((x - grid.x_mm[0]) / step).astype(np.intp)
    j = np.rint((y - grid.y_mm[0]) / step).astype(np.intp)
    outside = (i < 0) | (i >= nx) | (j < 0) | (j >= ny)
    source = np.where(outside, 0, j * nx + i).ravel()
    slices = grid.density[where.first_slice : where.last_slice].reshape(-1, ny * nx)
    along_rays = slices[:, source]
    along_rays[:, outside.ravel()] = 0.0
    cumulative = along_rays.reshape(len(slices), len(vs), len(us))
    np.cumsum(cumulative, axis=1, out=cumulative)
    flat = cumulative.reshape(-1)
    # a sample's cumulative sum reaches half a step beyond it
    position = (v - vs[0]) / step - 0.5
    low = np.floor(position).astype(np.intp)
    rest = (position - low).astype(np.float32)
    column = np.rint((u - us[0]) / step).astype(np.intp)
    at = (low * len(us) + column)[where.plane] + where.k * (len(vs) * len(us))
    part = rest[where.plane]
    before = flat[at]
    depth: Floats32 = ((before + part * (flat[at + len(us)] - before)) * np.float32(step)).astype(np.float32)
    return depth
