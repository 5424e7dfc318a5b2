"""What a CT shows without anybody drawing: the outline of the body, the lungs, bone.

The body is what is denser than half air and thick enough to be no couch, board or cloth: thin sheets are opened away,
then the largest body counts and what is nearly as large and lies at its height (legs); a couch lies beneath. What it
encloses in a slice (lungs, airways, gas) belongs to it. Lungs are the large bodies of air within that hold tissue too;
gas alone (stomach, bowel, windpipe) is none. Worked out on pixels of about 2.5 mm; bone on the CT's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.inside import inside
from lymphorisk.dvh.regions import Region
from lymphorisk.plan.ct import CTVolume
from lymphorisk.plan.frame import borders
from lymphorisk.plan.mask import Mask
from lymphorisk.plan.raster import Raster, upright
from lymphorisk.units import MM3_PER_CM3

Flags = NDArray[np.bool_]

#: A voxel at this CT number is half air, half tissue. [HU]
SKIN_HU = -500.0
#: A voxel at this CT number is half lung (about -800), half tissue. [HU]
LUNG_HU = -400.0
#: Below it a voxel is gas alone: the windpipe. [HU]
GAS_HU = -970.0
#: The mean of a body of air with lung tissue in it lies above; that of stomach and bowel gas below. [HU]
LUNG_MEAN_HU = -930.0
#: The least lung that is taken for one: bowel gas and sinuses are smaller. [cm3]
LEAST_LUNG_CM3 = 150.0
#: Width of the pixels the body is worked out on: an outline within half of it is the engine's end of a placed organ.
#: [mm]
PIXEL_MM = 2.5
#: Sheets thinner than twice this are no body: couch tops, masks and boards have walls of 2 to 4 mm. [mm]
SHEET_MM = 5.0
#: Bodies of at least this share of the largest count beside it: a leg, not a head rest.
LIMB_SHARE = 0.1
#: What padding outside the scanner's circle is set to. [HU]
AIR_HU = -1000.0


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Masks of what a CT shows; None where it does not."""

    body: Mask | None
    lungs: Mask | None


def seen(ct: CTVolume) -> Seen | None:
    """The body's outline and the lungs; None where the slices lie aslant to the patient's axes.

    Parameters
    ----------
    ct : CTVolume
        CT numbers. [HU]
    """
    raster = _upright(ct)
    if raster is None:
        return None
    coarse = _coarser(raster)
    body = _body(coarse)
    if body is None:
        return Seen(None, None)
    return Seen(_mask(coarse, body, "BODY by CT"), _lungs(coarse, body))


def bone(ct: CTVolume, threshold_hu: float, body: Region | None) -> Mask | None:
    """The voxels at or above a CT number within the body; None without any, or in slices that lie aslant.

    Parameters
    ----------
    threshold_hu : float
        Marrow within bone falls below it in part, implants above: a stand-in for contours. [HU]
    body : Region, optional
        Voxels outside it (couch, mask) are left out.
    """
    raster = _upright(ct)
    if raster is None:
        return None
    dense = np.greater_equal(raster.values, threshold_hu)
    if body is not None:
        z, y, x = (0.5 * (line[1:] + line[:-1]) for line in (raster.z_mm, raster.y_mm, raster.x_mm))
        for height, plane in zip(z.tolist(), dense, strict=True):
            j, i = np.nonzero(plane)
            plane[j, i] = inside(body, np.stack([x[i], y[j], np.full(len(i), height)], axis=-1))
    return _mask(raster, dense, "bone by CT")


def _upright(ct: CTVolume) -> Raster | None:
    z, y, x = (borders(line) for line in (ct.z_mm, ct.y_mm, ct.x_mm))
    return upright(Raster(ct.hu_zyx, ct.origin_mm, ct.directions, z, y, x))


def _mask(raster: Raster, flags: Flags, name: str) -> Mask | None:
    """Flags on a raster as a mask; None when none is set."""
    found = Raster(flags, raster.origin_mm, raster.directions, raster.z_mm, raster.y_mm, raster.x_mm).cropped()
    if found is None:
        return None
    ends = float(raster.z_mm[0]), float(raster.z_mm[-1])
    return Mask(0, name, np.ascontiguousarray(found.values), found.z_mm, found.y_mm, found.x_mm, ends)


def _coarser(raster: Raster) -> Raster:
    """Mean CT numbers of blocks of pixels; the last, incomplete ones are left out."""
    values, lines = raster.values, [raster.z_mm]
    for axis, line in ((1, raster.y_mm), (2, raster.x_mm)):
        count = max(round(PIXEL_MM / float(np.diff(line).mean())), 1)
        whole = (len(line) - 1) // count
        part = values[(slice(None),) * axis + (slice(0, whole * count),)]
        shape = (*part.shape[:axis], whole, count, *part.shape[axis + 1 :])
        values = part.reshape(shape).mean(axis=axis + 1, dtype=np.float32)
        lines.append(line[: whole * count + 1 : count])
    z, y, x = lines
    return Raster(np.maximum(values, np.float32(AIR_HU)), raster.origin_mm, raster.directions, z, y, x)


def _disk(raster: Raster) -> Flags:
    """A disk of the radius of a sheet in the plane of the slices, shape (1, n, n)."""
    dy, dx = float(np.diff(raster.y_mm).mean()), float(np.diff(raster.x_mm).mean())
    m, n = max(round(SHEET_MM / dy), 1), max(round(SHEET_MM / dx), 1)
    y, x = np.arange(-m, m + 1) / m, np.arange(-n, n + 1) / n
    return np.asarray((y[:, None] ** 2 + x**2 <= 1.0)[None])


def _body(raster: Raster) -> Flags | None:
    """The body with all it encloses."""
    from scipy import ndimage

    tissue = raster.values > SKIN_HU
    disk = _disk(raster)
    pieces, count = ndimage.label(ndimage.binary_opening(tissue, disk))
    if not count:
        return None
    size = np.bincount(pieces.ravel())
    size[0] = 0
    kept = np.zeros(count + 1, bool)
    main = int(size.argmax())
    low, high = _rows(pieces == main)
    for piece in np.flatnonzero(size >= LIMB_SHARE * size[main]).tolist():
        top, bottom = _rows(pieces == piece)
        middle = 0.5 * (top + bottom)
        kept[piece] = piece == main or low < middle < high
    grown = ndimage.binary_dilation(kept[pieces], disk) & tissue
    return _filled(grown)


def _rows(flags: Flags) -> tuple[int, int]:
    """First and last row, from front to back, that anything lies in."""
    rows = np.flatnonzero(np.logical_or.reduce(flags, axis=(0, 2)))
    return int(rows[0]), int(rows[-1])


def _filled(flags: Flags) -> Flags:
    """The same with what is enclosed in each slice."""
    from scipy import ndimage

    flat = np.zeros((3, 3, 3), bool)
    flat[1] = ndimage.generate_binary_structure(2, 1)
    pieces, count = ndimage.label(~flags, flat)
    edges = [pieces[:, [0, -1], :], pieces[:, :, [0, -1]]]
    open_ = np.zeros(count + 1, bool)
    for edge in edges:
        open_[np.unique(edge)] = True
    open_[0] = False  # the body itself
    return np.asarray(~open_[pieces], bool)


def _lungs(raster: Raster, body: Flags) -> Mask | None:
    """The large bodies of air in the body that hold tissue."""
    from scipy import ndimage

    pieces, count = ndimage.label(body & (raster.values < LUNG_HU))
    if not count:
        return None
    voxel = float(np.diff(raster.z_mm).mean() * np.diff(raster.y_mm).mean() * np.diff(raster.x_mm).mean())
    volume = np.bincount(pieces.ravel()) * voxel / MM3_PER_CM3
    large = np.flatnonzero(volume >= LEAST_LUNG_CM3)
    large = large[large > 0]
    mean = np.asarray(ndimage.mean(raster.values, pieces, large))
    kept = np.zeros(count + 1, bool)
    kept[large[mean > LUNG_MEAN_HU]] = True
    return _mask(raster, kept[pieces] & (raster.values > GAS_HU), "lungs by CT")
