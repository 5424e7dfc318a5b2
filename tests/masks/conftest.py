"""A small patient, exported once for each set of drawn organs, and voxels of all its organs."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lymphorisk.dicom import write_export
from lymphorisk.plan import Patient

P = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "patient.py")))


@pytest.fixture(scope="session")
def voxels() -> Any:
    """Labels of all organs on a grid of 2 mm."""
    return P.Voxels()


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write an export with these organs drawn, once for each set of them."""
    made: dict[tuple[str, ...], Path] = {}

    def make(*names: str) -> Path:
        if names not in made:
            made[names] = tmp_path_factory.mktemp("export")
            write_export(made[names], P.plan(*names), seed="masks", patient=Patient(sex="F", age_y=61.0))
        return made[names]

    return make
