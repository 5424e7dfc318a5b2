"""What reading an export gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.curve import DVH
from lymphorisk.findings import Finding
from lymphorisk.plan import Patient, TreatmentPlan


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that was used: its role, SOP Instance UID, SHA-256 and Series Instance UID."""

    role: str
    sop_uid: str
    sha256: str
    series_uid: str = ""


@dataclass(frozen=True, slots=True)
class PatientIdentity:
    """Who the patient is; kept apart so that no report meets it by accident."""

    name: str = field(default="", repr=False)
    id: str = field(default="", repr=False)


@dataclass(frozen=True, eq=False)
class CTVolume:
    """CT numbers on a rectilinear grid, read when they are first asked for.

    A voxel centre (k, j, i) lies at ``origin + x[i] e_x + y[j] e_y + z[k] e_z`` in patient coordinates.

    Attributes
    ----------
    hu_zyx : ndarray of int16, shape (nz, ny, nx)
        CT numbers. [HU]
    origin_mm : ndarray, shape (3,)
        Patient coordinates of local (0, 0, 0). [mm]
    directions : ndarray, shape (3, 3)
        Unit vectors along columns, rows and slices, as rows.
    x_mm, y_mm, z_mm : ndarray
        Strictly increasing local coordinates. [mm]
    frame_of_reference : str
        Frame of Reference UID.
    """

    origin_mm: NDArray[np.float64]
    directions: NDArray[np.float64]
    x_mm: NDArray[np.float64]
    y_mm: NDArray[np.float64]
    z_mm: NDArray[np.float64]
    frame_of_reference: str
    read: Callable[[], NDArray[np.int16]] = field(repr=False)

    @cached_property
    def hu_zyx(self) -> NDArray[np.int16]:
        """CT numbers, read-only, shape (nz, ny, nx). [HU]"""
        hu = self.read()
        hu.setflags(write=False)
        return hu


@dataclass(frozen=True, slots=True, eq=False)
class Export:
    """An export, read and linked.

    Attributes
    ----------
    plan : TreatmentPlan
        Phases with dose, structures, UIDs.
    patient : Patient
        Sex, age, height and weight as far as the headers say; no names.
    findings : tuple of Finding
        What was noticed; never a name or ID of the patient.
    inputs : tuple of InputFile
        The files that were used.
    tps_dvhs : tuple of DVH
        The planning system's own DVHs (``engine="tps"``), when the dose carries them.
    ct : CTVolume or None
        The planning CT, when it is in the export.
    phi : PatientIdentity
        Name and ID, for ``--show-phi`` only.
    study_uid : str
        Study Instance UID, for files that join the study.
    """

    plan: TreatmentPlan
    patient: Patient
    findings: tuple[Finding, ...]
    inputs: tuple[InputFile, ...]
    tps_dvhs: tuple[DVH, ...] = ()
    ct: CTVolume | None = None
    phi: PatientIdentity = field(default_factory=PatientIdentity)
    study_uid: str = ""
