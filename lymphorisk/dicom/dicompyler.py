"""dicompyler-core as interchange format and as an independent cross-check.

Its release 0.5.6 asks pydicom for a name that pydicom 3 no longer has. The name is lent to it for
the import and taken back; nothing else in the process sees it.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from lymphorisk.absent import Absent
from lymphorisk.dicom.study import Study
from lymphorisk.dicom.write_dose import dose_dataset
from lymphorisk.dicom.write_structures import structures_dataset
from lymphorisk.dvh.curve import DVH
from lymphorisk.errors import StructureError, UnsupportedDoseError, UnsupportedGeometryError
from lymphorisk.plan import DoseGrid, Structure

#: Contours handed over keep this many digits after the point. [mm]
DECIMALS = 4


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def load(name: str) -> ModuleType:
    """A module of dicompyler-core, made importable under pydicom 3."""
    from pydicom import dcmread, dicomio

    lend = not hasattr(dicomio, "read_file")
    with _quiet():
        if lend:
            dicomio.read_file = dcmread  # type: ignore[attr-defined]
        try:
            importlib.import_module("dicompylercore.dicomparser")
            return importlib.import_module(f"dicompylercore.{name}")
        finally:
            if lend:
                del dicomio.read_file  # type: ignore[attr-defined]


def to_dicompyler(dvh: DVH) -> Any:
    """Our cumulative DVH as a `dicompylercore.dvh.DVH`: same edges, volumes at their lower ends."""
    module = load("dvh")
    return module.DVH(
        counts=np.asarray(dvh.volume_cm3[:-1]),
        bins=np.asarray(dvh.dose_gy),
        dvh_type="cumulative",
        dose_units="Gy",
        volume_units="cm3",
        name=dvh.name,
    )


def from_dicompyler(obj: Any, name: str = "") -> DVH:
    """A `dicompylercore.dvh.DVH` as ours.

    Mean, minimum and maximum come from its curve, at the middle and the edges of its bins.

    Raises
    ------
    UnsupportedDoseError
        It is relative and holds no prescription or volume to make it absolute.
    StructureError
        It is empty.
    """
    if obj.dose_units == "%":
        if not obj.rx_dose:
            raise UnsupportedDoseError("a relative DVH without a prescription", "give rx_dose")
        obj = obj.absolute_dose()
    obj = obj.cumulative
    if obj.volume_units == "%":
        raise UnsupportedDoseError("a DVH of relative volume", "give the volume in cm3")
    edges, volume = np.asarray(obj.bins, dtype=np.float64), np.append(np.asarray(obj.counts, dtype=np.float64), 0.0)
    if len(edges) != len(volume) or volume[0] <= 0:
        raise StructureError(f"DVH {obj.name!r} holds no volume")
    part = -np.diff(volume)
    used = np.flatnonzero(part > 0)
    middle = 0.5 * (edges[1:] + edges[:-1])
    return DVH(
        name or obj.name or "",
        edges,
        volume,
        mean_gy=float(middle @ part / part.sum()),
        min_gy=float(edges[used[0]]),
        max_gy=float(edges[used[-1] + 1]),
        total_cm3=float(volume[0]),
        end_caps="dicompyler",
        engine="dicompyler",
    )


def calculate(structures: Sequence[Structure], grid: DoseGrid) -> tuple[DVH | Absent, ...]:
    """DVHs by dicompyler-core with its defaults, one for each structure.

    It is handed the structures and the dose in head-first supine writing, which it reads best.
    What it cannot see (one-slice and sub-voxel structures, for instance) comes back as
    `Absent` with that reason, not as zero.

    Raises
    ------
    UnsupportedGeometryError
        The dose grid is oblique.
    """
    calc = load("dvhcalc")
    study = Study("dicompyler", frame_uid=grid.frame_of_reference).filled()
    drawn = [s for s in structures if s.contours_mm]
    with _quiet():
        struct_ds = structures_dataset(drawn, study, decimals=DECIMALS)
        dose_ds = dose_dataset(grid, study, bits=32)
    out: list[DVH | Absent] = []
    for structure in structures:
        if not structure.contours_mm:
            out.append(Absent.not_contoured("the ROI has no contours"))
            continue
        try:
            with _quiet():
                obj = calc.get_dvh(struct_ds, dose_ds, structure.number)
            out.append(from_dicompyler(obj, structure.name))
        except (StructureError, UnsupportedGeometryError) as error:
            out.append(Absent.not_contoured(f"dicompyler-core gives none: {error.message}"))
        except (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            out.append(Absent.not_contoured(f"dicompyler-core fails: {type(error).__name__}"))
    return tuple(out)
