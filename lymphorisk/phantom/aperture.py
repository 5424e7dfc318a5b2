"""What a target looks like from a beam: its outline, and maps of its depth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.phantom.rays import BeamEyeView

#: Rim around the target's projection that the maps cover; beyond it the peripheral dose alone counts. [mm]
RIM_MM = 120.0


@dataclass(frozen=True, slots=True, eq=False)
class Aperture:
    """Maps over the isocentre plane, shape (rows along the body, columns across it).

    Attributes
    ----------
    signed_mm : ndarray
        Distance from the edge of the target's projection, negative inside. [mm]
    target_pixel : ndarray of int
        Flat pixel index of each target voxel.
    """

    u0_mm: float
    w0_mm: float
    pixel_mm: float
    signed_mm: NDArray[np.float32]
    target_pixel: NDArray[np.intp]

    def sample(self, values: NDArray[np.float32], view: BeamEyeView, order: int = 1) -> NDArray[np.float32]:
        """A map at every voxel of a view, linear between pixels, its border value outside."""
        from scipy.ndimage import map_coordinates

        at = np.stack([(view.w_mm - self.w0_mm) / self.pixel_mm, (view.u_mm - self.u0_mm) / self.pixel_mm])
        sampled: NDArray[np.float32] = map_coordinates(values, at, order=order, mode="nearest", prefilter=False)
        return sampled

    def continued(self, values: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Flat pixel values carried from where they are known to everywhere else, by the nearest pixel."""
        from scipy.ndimage import distance_transform_edt

        shape = self.signed_mm.shape
        index = distance_transform_edt(~known.reshape(shape), return_distances=False, return_indices=True)
        carried: NDArray[np.float32] = values.reshape(shape)[index[0], index[1]].astype(np.float32)
        return carried


def aperture(view: BeamEyeView, in_target: NDArray[np.intp], voxel_mm: float) -> Aperture:
    """The projection of the target voxels (positions `in_target` within the view)."""
    from scipy.ndimage import distance_transform_edt

    # one voxel wide: neighbours project without gaps but for pinholes, closed below
    pixel = voxel_mm
    u, w = view.u_mm[in_target], view.w_mm[in_target]
    u0, w0 = float(u.min()) - RIM_MM, float(w.min()) - RIM_MM
    columns = int(np.ceil((float(u.max()) + RIM_MM - u0) / pixel)) + 1
    rows = int(np.ceil((float(w.max()) + RIM_MM - w0) / pixel)) + 1
    pixel_of = np.rint((w - w0) / pixel).astype(np.intp) * columns + np.rint((u - u0) / pixel).astype(np.intp)
    covered = np.zeros((rows, columns), dtype=bool)
    covered.reshape(-1)[pixel_of] = True
    covered = _closed(covered)
    outside = distance_transform_edt(~covered)
    inside = distance_transform_edt(covered)
    # distances run between pixel centres; the edge lies half a pixel out
    signed = np.where(covered, 0.5 - inside, outside - 0.5) * pixel
    return Aperture(u0, w0, pixel, signed.astype(np.float32), pixel_of)


def _closed(covered: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pinholes between projected voxels closed."""
    from scipy.ndimage import binary_closing

    closed: NDArray[np.bool_] = binary_closing(covered, structure=np.ones((3, 3), dtype=bool))
    return closed
