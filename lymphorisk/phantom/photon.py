"""One photon beam in a body: build-up, attenuation, inverse square, penumbra, peripheral dose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.phantom.aperture import Aperture
from lymphorisk.phantom.rays import BeamEyeView

#: Middle-of-target depths are kept this far from zero before dividing by their dose. [mm]
SHALLOWEST_MM = 2.0
#: Standard deviation of the smoothing of ray weights: one pixel takes the voxel noise out of them. [pixel]
SMOOTH_PIXELS = 1.0


@dataclass(frozen=True, slots=True)
class PhotonBeam:
    """Numbers of a photon beam.

    Attributes
    ----------
    attenuation : float
        Effective attenuation in water. [1/mm]
    build_up : float
        Length of the build-up. [mm]
    surface : float
        Skin dose over the dose without build-up.
    penumbra : float
        Standard deviation of the edge. [mm]
    scatter : float
        Share of the dose at the edge that is peripheral.
    scatter_length : float
        Length over which peripheral dose falls by e. [mm]
    leakage : float
        Leakage over the dose in the field.
    source_distance : float
        Source to isocentre. [mm]
    """

    attenuation: float
    build_up: float
    surface: float
    penumbra: float
    scatter: float
    scatter_length: float
    leakage: float
    source_distance: float


def depth_dose(beam: PhotonBeam, depth_mm: NDArray[np.floating]) -> NDArray[np.floating]:
    """Dose along the axis without inverse square, (1 - (1 - s) exp(-d/b)) exp(-mu d).

    Parameters
    ----------
    depth_mm : ndarray
        Water-equivalent depth. [mm]
    """
    build = 1.0 - (1.0 - beam.surface) * np.exp(-depth_mm / beam.build_up)
    dose: NDArray[np.floating] = build * np.exp(-beam.attenuation * depth_mm)
    return dose


def edge(beam: PhotonBeam, outside_mm: NDArray[np.floating], modulation: float = 1.0) -> NDArray[np.floating]:
    """Dose across a straight field edge over the dose in the field.

    An error function of the distance from the field edge, a peripheral part that falls exponentially, and leakage
    that grows with the modulation (monitor units over those of the open field).

    Parameters
    ----------
    outside_mm : ndarray
        Distance from the field edge, negative inside. [mm]
    """
    from scipy.special import ndtr

    sharp = ndtr(-outside_mm / beam.penumbra)
    far = np.exp(-np.maximum(outside_mm, 0.0) / beam.scatter_length)
    profile: NDArray[np.floating] = (
        (1.0 - beam.scatter) * sharp + beam.scatter * far + beam.leakage * modulation * (1.0 - sharp)
    )
    return profile


def photon_dose(
    beam: PhotonBeam,
    view: BeamEyeView,
    shape: Aperture,
    in_target: NDArray[np.intp],
    *,
    field_margin_mm: float,
    compensated: bool = False,
    modulation: float = 1.0,
) -> NDArray[np.float32]:
    """Dose of one conformal beam at every voxel of a view, 1 at the target's middle before compensation's scaling.

    Parameters
    ----------
    in_target : ndarray of int
        Positions of the target voxels within the view.
    field_margin_mm : float
        Target edge to field edge. [mm]
    compensated : bool
        Each ray is weighted to give the middle of the target on that ray the same dose (wedges, field in field,
        intensity modulation).
    """
    from scipy.ndimage import gaussian_filter

    fluence = edge(beam, shape.signed_mm - field_margin_mm, modulation).astype(np.float32)
    along = (depth_dose(beam, view.depth_mm) * view.inverse_square).astype(np.float32)
    if compensated:
        total = np.bincount(shape.target_pixel, weights=view.depth_mm[in_target], minlength=fluence.size)
        square = np.bincount(shape.target_pixel, weights=view.inverse_square[in_target], minlength=fluence.size)
        count = np.bincount(shape.target_pixel, minlength=fluence.size)
        known = np.maximum(count, 1).astype(np.float64)
        middle = np.maximum(total / known, SHALLOWEST_MM)
        weight = 1.0 / (depth_dose(beam, middle) * np.where(count > 0, square / known, 1.0))
        fluence = fluence * gaussian_filter(
            shape.continued(np.asarray(weight, dtype=np.float64), count > 0), SMOOTH_PIXELS
        )
    return shape.sample(fluence, view) * along
