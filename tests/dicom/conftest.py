"""Tiny exports with a dose that is linear in space, so that every voxel tells where it lies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from lymphorisk.dicom import write_export
from lymphorisk.plan import Beam, DoseGrid, Patient, Phase, Structure, TreatmentPlan

GRADIENT = np.array([0.11, 0.23, 0.37])
Edit = Callable[[pydicom.Dataset], Any]


class Tiny:
    """A ten-voxel patient and what is true of it."""

    gradient = GRADIENT
    offset = 40.0

    @staticmethod
    def dose_at(points_mm: np.ndarray) -> np.ndarray:
        """Dose at patient coordinates. [Gy]"""
        return Tiny.offset + points_mm @ GRADIENT

    @staticmethod
    def grid(*, uneven: bool = False, frames: int = 7, factor: float = 1.0) -> DoseGrid:
        z = np.arange(frames) * 3.0
        if uneven:
            z = z + 0.15 * np.arange(frames) ** 2
        x, y = np.arange(11) * 2.5, np.arange(9) * 4.0
        origin = np.array([-12.0, -17.0, -9.0])
        k, j, i = np.meshgrid(z, y, x, indexing="ij")
        dose = factor * Tiny.dose_at(np.stack([i, j, k], axis=-1) + origin)
        return DoseGrid(dose.astype(np.float32), origin, np.eye(3), x, y, z, "1.2.826.0.1.77")

    @staticmethod
    def structures() -> tuple[Structure, ...]:
        square = np.array([[-8.0, -12.0, 0.0], [8.0, -12.0, 0.0], [8.0, 10.0, 0.0], [-8.0, 10.0, 0.0]])
        body = tuple(square + np.array([0.0, 0.0, z]) for z in (-6.0, -3.0, 0.0, 3.0))
        return (
            Structure(1, "BODY", body, rt_type="EXTERNAL"),
            Structure(2, "Spleen", (square / 2,), rt_type="ORGAN"),
            Structure(3, "Later", ()),
        )

    @staticmethod
    def plan(*, label: str = "P1", modality: str = "photon", **phase: Any) -> TreatmentPlan:
        technique = "MODULATED" if modality in ("proton", "ion") else "STATIC"
        beams = tuple(
            Beam(n, f"B{n}", modality, mu, on_s, "plan", technique)
            for n, mu, on_s in ((1, 100.0, 15.0), (2, 60.0, 12.0))
        )
        given = {"fractions": 5, "beams": beams, "dose": Tiny.grid(), "modality": modality, "prescription_gy": 42.0}
        return TreatmentPlan(label, (Phase(label, **(given | phase)),), Tiny.structures(), approval="APPROVED")


@pytest.fixture
def tiny() -> type[Tiny]:
    return Tiny


@pytest.fixture
def export_of(tmp_path: Path) -> Callable[..., Path]:
    """Write a plan (the tiny one by default) and edit its files: `export_of(RD=edit, RS=edit)`."""

    def make(
        plan: TreatmentPlan | None = None, *, name: str = "export", seed: str = "tiny", **edits_and_options: Any
    ) -> Path:
        edits = {k: v for k, v in edits_and_options.items() if k[:2] in ("RS", "RP", "RD") and callable(v)}
        options = {k: v for k, v in edits_and_options.items() if k not in edits}
        folder = tmp_path / name
        write_export(
            folder, plan or Tiny.plan(), seed=seed, patient=Patient(sex="F", age_y=61.0, height_cm=165.0), **options
        )
        for stem, change in edits.items():
            edit(folder / f"{stem}.dcm", change)
        return folder

    return make


def edit(path: Path, change: Edit) -> None:
    """Read with pydicom, change, write back."""
    ds = pydicom.dcmread(path)
    change(ds)
    ds.save_as(path)


@pytest.fixture
def edit_file() -> Callable[[Path, Edit], None]:
    return edit
