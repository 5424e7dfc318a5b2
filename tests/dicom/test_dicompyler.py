"""dicompyler-core beside us: same curves across the border, and a second opinion on volume and dose."""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.absent import Absent
from lymphorisk.dicom import read_export
from lymphorisk.dicom.dicompyler import calculate, from_dicompyler, load, to_dicompyler
from lymphorisk.dvh.curve import DVH
from lymphorisk.errors import StructureError, UnsupportedDoseError


def falling():
    edges = np.linspace(0, 40, 4001)
    return DVH("Heart", edges, 50.0 * (1 - edges / 40.0), mean_gy=20.0, min_gy=0.0, max_gy=40.0, total_cm3=50.0)


def test_the_shim_leaves_nothing_behind():
    from pydicom import dicomio

    load("dvhcalc")
    assert not hasattr(dicomio, "read_file")


def test_a_curve_goes_there_and_back():
    dvh = falling()
    back = from_dicompyler(to_dicompyler(dvh))
    np.testing.assert_array_equal(back.dose_gy, dvh.dose_gy)
    np.testing.assert_array_equal(back.volume_cm3, dvh.volume_cm3)
    assert back.mean_gy == pytest.approx(20.0, abs=0.01)
    assert (back.engine, back.name) == ("dicompyler", "Heart")


def test_its_metrics_on_our_curve_are_the_closed_form():
    obj = to_dicompyler(falling())
    assert obj.statistic("V10Gy").value == pytest.approx(37.5, abs=0.02)
    assert obj.statistic("D50").value == pytest.approx(20.0, abs=0.02)
    assert obj.mean == pytest.approx(20.0, abs=0.02)


def test_relative_curves_need_what_makes_them_absolute():
    module = load("dvh")
    relative = module.DVH(np.array([100.0, 50.0]), np.array([0, 50, 100]), dose_units="%", volume_units="%")
    with pytest.raises(UnsupportedDoseError):
        from_dicompyler(relative)
    by_prescription = module.DVH(
        np.array([10.0, 5.0]), np.array([0, 50, 100]), dose_units="%", volume_units="cm3", rx_dose=40.0
    )
    np.testing.assert_allclose(from_dicompyler(by_prescription).dose_gy, [0.0, 20.0, 40.0])
    absolute = module.DVH(np.array([100.0, 50.0]), np.array([0, 10, 20]), dose_units="Gy", volume_units="%")
    with pytest.raises(UnsupportedDoseError, match="relative volume") as refused:
        from_dicompyler(absolute)
    assert refused.value.hint == "give the volume in cm3"
    with pytest.raises(StructureError):
        from_dicompyler(module.DVH(np.array([0.0]), np.array([0, 1]), dose_units="Gy", volume_units="cm3"))


@pytest.mark.parametrize("position", ["HFS", "FFP", "HFDL"])
def test_its_dvh_of_a_box_in_a_linear_dose(export_of, tiny, position):
    """Sampling every voxel centre of a coarse grid, it is near the truth and not at it."""
    plan = read_export(export_of(position=position)).plan
    body, spleen, later = calculate(plan.structures, plan.phases[0].dose)
    # 16 x 22 mm on four planes 3 mm apart: N slabs of 3 mm.
    assert body.total_cm3 == pytest.approx(16 * 22 * 4 * 3 / 1000, rel=0.15)
    assert body.mean_gy == pytest.approx(tiny.dose_at(np.array([0.0, -1.0, -1.5])), rel=0.02)
    assert isinstance(later, Absent)
    assert isinstance(spleen, Absent)  # one slice: it has no thickness for it
