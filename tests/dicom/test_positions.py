"""The same patient exported in eight positions, sixteen or thirty-two bits, has the same DVHs."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.dicom import read_export
from lymphorisk.dicom.write import ORIENTATIONS
from lymphorisk.dvh.engine import exact


def curves(folder):
    plan = read_export(folder).plan
    drawn = [s for s in plan.structures if s.contours_mm]
    return exact(drawn, plan.phases[0].dose)


@pytest.mark.parametrize("position", [p for p in ORIENTATIONS if p != "HFS"])
def test_dvhs_do_not_depend_on_the_position(export_of, position):
    for want, got in zip(
        curves(export_of(name="HFS")), curves(export_of(name=position, position=position)), strict=True
    ):
        assert got.mean_gy == pytest.approx(want.mean_gy, rel=1e-6)
        assert got.total_cm3 == pytest.approx(want.total_cm3, rel=1e-6)
        n = min(len(want.dose_gy), len(got.dose_gy))
        np.testing.assert_allclose(got.volume_cm3[:n], want.volume_cm3[:n], atol=1e-6 * want.total_cm3)


def test_mean_of_a_box_in_a_linear_dose_is_the_dose_at_its_middle(export_of, tiny):
    """Half a spacing beyond the outer planes belongs to the box: its middle stays at z = -1.5 mm."""
    body, spleen = curves(export_of())
    assert body.mean_gy == pytest.approx(tiny.dose_at(np.array([0.0, -1.0, -1.5])), abs=1e-3)
    assert body.total_cm3 == pytest.approx(16 * 22 * 12 / 1000, rel=1e-6)
    assert spleen.mean_gy == pytest.approx(tiny.dose_at(np.array([0.0, -0.5, 0.0])), abs=1e-3)
