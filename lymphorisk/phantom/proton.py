"""One proton field in a body: entrance, spread-out peak to the far edge of the target, distal fall-off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.phantom.aperture import Aperture
from lymphorisk.phantom.rays import BeamEyeView


@dataclass(frozen=True, slots=True)
class ProtonBeam:
    """Numbers of a proton field.

    Attributes
    ----------
    entrance : float
        Entrance dose over the dose of the spread-out peak.
    lateral : float
        Standard deviation of the field edge at the skin. [mm]
    lateral_growth : float
        Added standard deviation to a millimetre of water.
    distal : float
        Standard deviation of the distal fall-off. [mm]
    range_share, range_fixed : float
        Range margin: share of the range, and length. [mm]
    tail : float
        Dose everywhere (secondary particles) over that of the peak.
    source_distance : float
        Virtual source to isocentre. [mm]
    """

    entrance: float
    lateral: float
    lateral_growth: float
    distal: float
    range_share: float
    range_fixed: float
    tail: float
    source_distance: float


def depth_dose(
    beam: ProtonBeam, depth_mm: NDArray[np.floating], near_mm: NDArray[np.floating], far_mm: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Dose along a ray whose peak spans `near_mm` to `far_mm`: rise from the entrance, plateau, fall-off."""
    from scipy.special import ndtr

    rise = np.minimum(depth_mm / np.maximum(near_mm, 1.0), 1.0)
    plateau = beam.entrance + (1.0 - beam.entrance) * rise * rise
    dose: NDArray[np.floating] = plateau * ndtr((far_mm - depth_mm) / beam.distal)
    return dose


def proton_dose(
    beam: ProtonBeam,
    view: BeamEyeView,
    shape: Aperture,
    in_target: NDArray[np.intp],
    *,
    field_margin_mm: float,
) -> NDArray[np.float32]:
    """Dose of one field at every voxel of a view, 1 in the peak. The peak follows the target ray by ray."""
    from scipy.special import ndtr

    depth = view.depth_mm[in_target]
    size = shape.signed_mm.size
    far = np.zeros(size)
    np.maximum.at(far, shape.target_pixel, depth)
    near = np.full(size, np.inf)
    np.minimum.at(near, shape.target_pixel, depth)
    known = far > 0
    far = far * (1.0 + beam.range_share) + beam.range_fixed
    near = np.maximum(near * (1.0 - beam.range_share) - beam.range_fixed, 0.0)
    far_map, near_map = (shape.continued(m, known) for m in (far, near))
    sigma = beam.lateral + beam.lateral_growth * view.depth_mm
    outside = shape.sample(shape.signed_mm, view) - field_margin_mm
    lateral = ndtr(-outside / sigma)
    along = depth_dose(beam, view.depth_mm, shape.sample(near_map, view), shape.sample(far_map, view))
    dose: NDArray[np.float32] = (lateral * along * view.inverse_square + beam.tail).astype(np.float32)
    return dose
