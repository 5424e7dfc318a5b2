"""Fixtures shared by all tests."""

from __future__ import annotations

import os

# Before numpy loads: hundreds of small matrices, for which threads only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# A clinic file of whoever runs the tests changes none of them.
os.environ["LYMPHORISK_CONFIG"] = "none"

from pathlib import Path

import pytest
from hypothesis import settings

# No test is judged by the clock.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real exported plans; tests that need it carry the marker `real`."""
    path = Path(os.environ.get("LYMPHORISK_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip("no real plans here (set LYMPHORISK_REAL_DATA)")
    return path


@pytest.fixture(scope="session")
def rtplans() -> Path:
    """Folder of the project's own fixture plans."""
    return ROOT / "fixtures" / "rtplans"
