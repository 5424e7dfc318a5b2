"""Dose of a technique to a target in a body: beams laid on the voxels and normalised to the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import ScenarioError
from lymphorisk.phantom.anatomy import Numbers, number, numbers_of
from lymphorisk.phantom.aperture import RIM_MM, aperture
from lymphorisk.phantom.photon import PhotonBeam, depth_dose, photon_dose
from lymphorisk.phantom.proton import ProtonBeam, proton_dose
from lymphorisk.phantom.rays import Inside, eye_view, inside_body
from lymphorisk.phantom.shapes import Triple
from lymphorisk.phantom.voxels import Voxels


@dataclass(frozen=True, slots=True, eq=False)
class FieldDose:
    """One field's part of a plan.

    Attributes
    ----------
    gantry_deg : float
        IEC gantry angle. [deg]
    share : float
        Share of the mean target dose.
    output_factor : float
        Dose at the target to dose at the reference point: what the monitor units are divided by (1 for protons).
    dose_zyx : ndarray of float32 or None
        Dose, 1 = prescription; kept on request.
    """

    gantry_deg: float
    share: float
    output_factor: float
    dose_zyx: NDArray[np.float32] | None


@dataclass(frozen=True, slots=True, eq=False)
class TechniqueDose:
    """Relative dose of a plan (mean of the target = 1) and its fields."""

    dose_zyx: NDArray[np.float32]
    fields: tuple[FieldDose, ...]


def photon_beam(numbers: Numbers, energy: str, source_distance_mm: float | None = None) -> PhotonBeam:
    """The photon beam of an energy (``6`` or ``10`` MV) from the phantom's parameters."""
    if f"beam.photon{energy}.attenuation" not in numbers:
        raise ScenarioError(f"the phantom has no {energy} MV beam", "use 6 or 10")
    own = {n: number(numbers, f"beam.photon{energy}.{n}") for n in ("attenuation", "build_up", "surface")}
    common = {
        n: number(numbers, f"beam.photon.{n}")
        for n in ("penumbra", "scatter", "scatter_length", "leakage", "source_distance")
    }
    if source_distance_mm is not None:
        common["source_distance"] = source_distance_mm
    return PhotonBeam(**own, **common)


def proton_beam(numbers: Numbers) -> ProtonBeam:
    """The proton field from the phantom's parameters."""
    share, fixed = numbers_of(numbers, "beam.proton.range_margin")
    plain = ("entrance", "lateral", "lateral_growth", "distal", "tail", "source_distance")
    return ProtonBeam(**{n: number(numbers, f"beam.proton.{n}") for n in plain}, range_share=share, range_fixed=fixed)


def technique_dose(
    grid: Voxels,
    target: str,
    gantry_deg: tuple[float, ...],
    beam: PhotonBeam | ProtonBeam,
    *,
    field_margin_mm: float,
    compensated: bool = False,
    modulation: float = 1.0,
    weights: tuple[float, ...] | None = None,
    keep_fields: bool = False,
) -> TechniqueDose:
    """Dose of several coplanar fields that meet in a target, mean target dose 1.

    Parameters
    ----------
    grid : Voxels
        With `target` among the organs that own voxels.
    gantry_deg : tuple of float
        IEC gantry angles. [deg]
    field_margin_mm : float
        Target edge to field edge. [mm]
    compensated : bool
        Rays weighted for a uniform middle of the target (photons).
    modulation : float
        Monitor units over those of the open field; raises leakage.
    weights : tuple of float, optional
        Relative target dose of each field; equal without it.
    keep_fields : bool
        Keep each field's own dose.

    Notes
    -----
    Fields are computed on the slices within reach of the target (`aperture.RIM_MM`); farther slices get the
    peripheral dose by their distance alone. Outside the body the dose is zero.
    """
    of_target = grid.owned[target]
    if not len(of_target):
        raise ScenarioError(f"the target {target} has no voxel on a {grid.spacing_mm:g} mm grid")
    _, ny, nx = grid.shape
    k, plane = np.divmod(of_target, ny * nx)
    j, i = np.divmod(plane, nx)
    z = grid.z_mm[k]
    centre: Triple = (float(grid.x_mm[i].mean()), float(grid.y_mm[j].mean()), 0.5 * float(z.min() + z.max()))
    where = inside_body(grid, float(z.min()) - RIM_MM, float(z.max()) + RIM_MM)
    in_target = np.searchsorted(where.flat, of_target)
    share = np.full(len(gantry_deg), 1.0 / len(gantry_deg)) if weights is None else np.array(weights) / sum(weights)
    total = np.zeros(len(where.flat), dtype=np.float32)
    fields: list[FieldDose] = []
    periphery = _periphery(beam, modulation)
    for angle, part in zip(gantry_deg, share, strict=True):
        one, output = _field(where, in_target, angle, centre, beam, field_margin_mm, compensated, modulation)
        one *= np.float32(part / float(one[in_target].mean()))
        total += one
        kept = _spread(grid, where, one, periphery, float(part)) if keep_fields else None
        fields.append(FieldDose(float(angle), float(part), output, kept))
    return TechniqueDose(_spread(grid, where, total, periphery, 1.0), tuple(fields))


def _field(
    where: Inside,
    in_target: NDArray[np.intp],
    angle: float,
    centre: Triple,
    beam: PhotonBeam | ProtonBeam,
    margin: float,
    compensated: bool,
    modulation: float,
) -> tuple[NDArray[np.float32], float]:
    view = eye_view(where, angle, centre, beam.source_distance)
    shape = aperture(view, in_target, where.grid.spacing_mm)
    if isinstance(beam, ProtonBeam):
        return proton_dose(beam, view, shape, in_target, field_margin_mm=margin), 1.0
    dose = photon_dose(
        beam, view, shape, in_target, field_margin_mm=margin, compensated=compensated, modulation=modulation
    )
    middle = float(np.mean(depth_dose(beam, view.depth_mm[in_target]) * view.inverse_square[in_target]))
    return dose, middle


def _periphery(beam: PhotonBeam | ProtonBeam, modulation: float) -> Mapping[str, float]:
    if isinstance(beam, ProtonBeam):
        return {"floor": beam.tail, "near": 0.0, "length": 1.0}
    return {"floor": beam.leakage * modulation, "near": beam.scatter, "length": beam.scatter_length}


def _spread(
    grid: Voxels, where: Inside, dose: NDArray[np.float32], periphery: Mapping[str, float], share: float
) -> NDArray[np.float32]:
    """Voxel values on the whole grid; slices out of reach get the peripheral dose of their distance."""
    nz, ny, nx = grid.shape
    whole = np.zeros(nz * ny * nx, dtype=np.float32)
    if where.first_slice > 0 or where.last_slice < nz:
        z = grid.z_mm
        low, high = z[where.first_slice] + RIM_MM, z[where.last_slice - 1] - RIM_MM
        away = np.maximum(np.maximum(low - z, z - high), 0.0)
        per_slice = share * (periphery["floor"] + periphery["near"] * np.exp(-away / periphery["length"]))
        body = grid.owned["Body"]
        whole[body] = per_slice[body // (ny * nx)]
    whole[where.flat] = dose
    return whole.reshape(nz, ny, nx)
