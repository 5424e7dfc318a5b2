"""What a command must not wait for: rooms and libraries it does not use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import lymphorisk
from lymphorisk.lazy import loader

FIXTURE = Path(__file__).parents[2] / "fixtures" / "rtplans" / "brain"
LOOK = """
import os, sys
sys.argv = ["lymphorisk", "dvh", sys.argv[1], "--structure", "no such"]
from lymphorisk.cli.main import main
try:
    main()
except SystemExit:
    pass
print(*sys.modules, file=sys.stdout)
"""


def test_dvh_imports_no_model() -> None:
    """Blood, lymphocytes, predictions and statistics are not part of a DVH, and half of the time of a small one."""
    said = subprocess.run(
        [sys.executable, "-c", LOOK, str(FIXTURE)], capture_output=True, text=True, timeout=120, check=False
    )
    loaded = set(said.stdout.splitlines()[-1].split())
    assert "lymphorisk.analysis.dvhs" in loaded
    unneeded = {
        "lymphorisk.analysis.chain",
        "lymphorisk.circulation.flow",
        "lymphorisk.lymphocyte.ensemble",
        "lymphorisk.predict",
        "lymphorisk.literature",
        "scipy",
        "pandas",
        "xgboost",
        "matplotlib",
    }
    assert not loaded & unneeded


def test_lazy_names_are_there_and_others_are_not() -> None:
    for name in lymphorisk.__all__:
        assert getattr(lymphorisk, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        loader("lymphorisk", {"Absent": "absent"})("nothing")


@pytest.mark.parametrize("room", ["analysis", "circulation", "lymphocyte"])
def test_a_lazy_room_has_its_names(room: str) -> None:
    package = __import__(f"lymphorisk.{room}", fromlist=["*"])
    assert all(callable(getattr(package, n)) or getattr(package, n) for n in package.__all__)
    # a module of the same name would hide it
    assert not any(type(getattr(package, n)).__name__ == "module" for n in package.__all__)
