"""Ours beside the planning system's: inside the dose grid with inside."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lymphorisk.dvh import DVH
from lymphorisk.dvh.compare import difference, matching_end_caps

OURS = DVH("Liver", np.array([0.0, 10.0, 20.0]), np.array([80.0, 40.0, 0.0]), 10.0, 0.0, 20.0, 0.8, 100.0)
THEIRS = replace(OURS, coverage=1.0, total_cm3=80.0, engine="tps")


def test_what_lies_outside_the_grid_is_no_difference() -> None:
    assert difference(OURS, THEIRS).volume_cm3 == 0.0
    _, found = matching_end_caps({"half": [OURS]}, [THEIRS], 20.0)
    assert [f.code for f in found] == ["LR105"]


def test_ours_less_theirs() -> None:
    """They have a quarter more volume and 3 Gy more dose: ours is less of both, and the finding says so."""
    theirs = replace(THEIRS, volume_cm3=THEIRS.volume_cm3 * 1.25, mean_gy=13.0)
    apart = difference(OURS, theirs)
    assert (apart.volume_cm3, apart.volume_share, apart.mean_gy) == (-20.0, -0.2, -3.0)
    _, found = matching_end_caps({"half": [OURS]}, [theirs], 20.0)
    assert found[-1].what == "volume -20.00 cm3 (-20.0 %), mean -3.00 Gy"


def test_a_missing_piece_inside_is_one() -> None:
    less = replace(THEIRS, volume_cm3=THEIRS.volume_cm3 * 0.9)
    _, found = matching_end_caps({"half": [OURS]}, [less], 20.0)
    assert [f.code for f in found] == ["LR105", "LR106"]
