"""The planning system's own DVHs, out of RTDOSE.DVHSequence."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dicom import checks, tags
from lymphorisk.dicom.reader import DicomFile
from lymphorisk.dicom.rtdose import MAX_DOSE
from lymphorisk.dicom.tree import Item
from lymphorisk.dvh.curve import DVH
from lymphorisk.errors import DicomReadError, StructureError
from lymphorisk.findings import Finding, finding
from lymphorisk.units import CGY_PER_GY

#: Bin width that curves with uneven bins are resampled to. [Gy]
EVEN_BIN_GY = 0.01
#: Widths that differ by less than this share are one width: they are written with a few digits.
WIDTH_TOLERANCE = 1e-4
#: The stated mean may differ from the mean of the curve by binning; beyond this the label is wrong. [Gy], share
MEAN_TOLERANCE_GY, MEAN_TOLERANCE = 0.1, 0.05
#: Volumes rise in some curves by rounding; more than this share is no cumulative curve.
RISE_TOLERANCE = 1e-3


def read_dvhs(
    file: DicomFile, names: Mapping[int, str], prescription_gy: float | None
) -> tuple[tuple[DVH, ...], list[Finding]]:
    """Cumulative DVHs of the planning system, in order of the file.

    Mean, minimum and maximum are taken from the curves; the numbers stated beside them are compared.
    """
    found: list[Finding] = []
    out: list[DVH] = []
    mislabelled: list[str] = []
    unreadable = 0
    root = file.root
    norm = root.number(tags.DVH_NORMALIZATION_DOSE_VALUE) or prescription_gy
    for item in root.items(tags.DVH_SEQUENCE):
        numbers = [
            n
            for r in item.items(tags.DVH_REFERENCED_ROI_SEQUENCE)
            if (n := r.integer(tags.REFERENCED_ROI_NUMBER)) is not None
        ]
        if len(numbers) != 1:
            continue
        name = names.get(numbers[0], f"ROI {numbers[0]}")
        try:
            dvh = _curve(item, name, norm)
        except (DicomReadError, StructureError):
            dvh = None
        if dvh is None:
            unreadable += 1
            continue
        out.append(dvh)
        stated = item.number(tags.DVH_MEAN_DOSE)
        if stated is not None and abs(stated - dvh.mean_gy) > max(MEAN_TOLERANCE_GY, MEAN_TOLERANCE * dvh.mean_gy):
            mislabelled.append(f"{name} {stated:.4g} for {dvh.mean_gy:.4g} Gy")
    if mislabelled:
        found.append(
            finding(
                checks.TPS_DVH_UNITS,
                f"stated means do not fit the curves of {len(mislabelled)} ROIs ({mislabelled[0]}); the curves hold",
                "RTDOSE DVHSequence",
            )
        )
    if unreadable:
        found.append(
            finding(
                checks.TPS_DVH_UNITS, f"{unreadable} DVHs of the planning system cannot be read", "RTDOSE DVHSequence"
            )
        )
    return tuple(out), found


def _curve(item: Item, name: str, norm: float | None) -> DVH | None:
    data = item.floats(tags.DVH_DATA)
    if len(data) < 4 or len(data) % 2 or not np.all(np.isfinite(data)):
        return None
    scale = item.number(tags.DVH_DOSE_SCALING) or 1.0
    if item.code(tags.DOSE_UNITS) == "RELATIVE":
        if not norm:
            return None
        scale *= norm / CGY_PER_GY  # percent of the normalisation dose
    if item.code(tags.DVH_VOLUME_UNITS) != "CM3":
        return None
    width, volume = data[0::2] * scale, data[1::2].copy()
    kind = item.code(tags.DVH_TYPE)
    if kind == "DIFFERENTIAL":
        volume = np.cumsum(volume[::-1])[::-1]
    elif kind != "CUMULATIVE":
        return None
    # V_n is the volume from the lower edge of bin n upwards.
    edges = np.concatenate([[0.0], np.cumsum(width)])
    if np.any(width < 0) or np.any(np.diff(volume) > RISE_TOLERANCE * max(volume[0], 1e-9)):
        return None
    volume = np.append(np.minimum.accumulate(volume), 0.0)
    keep = np.append(True, np.diff(edges) > 0)
    edges, volume = edges[keep], volume[keep]
    if len(edges) < 2 or volume[0] <= 0 or edges[-1] > MAX_DOSE:
        return None
    mean, low, high = statistics(edges, volume)
    if np.ptp(np.diff(edges)) > WIDTH_TOLERANCE * np.diff(edges).max():
        even = np.arange(int(np.ceil(edges[-1] / EVEN_BIN_GY)) + 1) * EVEN_BIN_GY
        volume = np.interp(even, edges, volume)
        volume[-1] = 0.0
        edges = even
    edges = edges.astype(np.float64)
    return DVH(name, edges, volume, mean, low, high, 1.0, float(volume[0]), end_caps="tps", engine="tps")


def statistics(edges: NDArray[np.float64], volume: NDArray[np.float64]) -> tuple[float, float, float]:
    """Mean, minimum and maximum of a cumulative curve, from the middles and edges of its bins. [Gy]"""
    part = -np.diff(volume)
    mid = 0.5 * (edges[1:] + edges[:-1])
    used = np.flatnonzero(part > 0)
    return float(mid @ part / part.sum()), float(edges[used[0]]), float(edges[used[-1] + 1])
