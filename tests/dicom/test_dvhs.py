"""The planning system's own curves, and its own mistakes about them."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from lymphorisk.dicom import read_export
from lymphorisk.dvh.curve import DVH


def curve():
    edges = np.linspace(0.0, 50.0, 501)
    volume = 20.0 * np.clip((40.0 - edges) / 20.0, 0.0, 1.0)
    return DVH("Spleen", edges, volume, mean_gy=30.0, min_gy=20.0, max_gy=40.0, total_cm3=20.0)


def read(export_of, change=None):
    edits = {} if change is None else {"RD": change}
    return read_export(export_of(dvhs={2: curve()}, **edits))


def test_a_curve_comes_back(export_of):
    (dvh,) = read(export_of).tps_dvhs
    assert (dvh.name, dvh.engine) == ("Spleen", "tps")
    np.testing.assert_allclose(dvh.volume_cm3, curve().volume_cm3, atol=1e-9)
    np.testing.assert_allclose(dvh.dose_gy, curve().dose_gy, atol=1e-9)
    assert dvh.mean_gy == pytest.approx(30.0, abs=0.05)
    assert (dvh.min_gy, dvh.max_gy) == pytest.approx((20.0, 40.0), abs=0.1)


def test_statistics_in_percent_under_the_label_gray_are_told(export_of):
    def change(ds):
        ds.DVHSequence[0].DVHMeanDose = 100 * 30.0 / 42.0

    export = read(export_of, change)
    assert export.tps_dvhs[0].mean_gy == pytest.approx(30.0, abs=0.05)
    assert "LR016" in {f.code for f in export.findings}
    assert "LR016" not in {f.code for f in read_export(export_of(name="plain", dvhs={2: curve()})).findings}


def test_relative_dose_and_scaling_and_differential_curves_mean_the_same(export_of):
    def relative(ds):
        item = ds.DVHSequence[0]
        item.DoseUnits = "RELATIVE"
        item.DVHData = [float(v) * (100 / 42.0) if n % 2 == 0 else v for n, v in enumerate(item.DVHData)]

    def scaled(ds):
        item = ds.DVHSequence[0]
        item.DVHDoseScaling = "10"
        item.DVHData = [float(v) / 10 if n % 2 == 0 else v for n, v in enumerate(item.DVHData)]

    def differential(ds):
        item = ds.DVHSequence[0]
        values = np.array([float(v) for v in item.DVHData])
        values[1::2] = -np.diff(np.append(values[1::2], 0.0))
        item.DVHType, item.DVHData = "DIFFERENTIAL", [f"{v:.9g}" for v in values]

    for change in (relative, scaled, differential):
        (dvh,) = read_export(export_of(name=change.__name__, dvhs={2: curve()}, RD=change)).tps_dvhs
        np.testing.assert_allclose(dvh.volume_cm3[:500], curve().volume_cm3[:500], atol=1e-5, err_msg=change.__name__)


def test_uneven_bins_are_resampled(export_of):
    def uneven(ds):
        item = ds.DVHSequence[0]
        item.DVHData = ["10", "20", "10", "20", "20", "20", "5", "0"]

    (dvh,) = read(export_of, uneven).tps_dvhs
    assert np.ptp(np.diff(dvh.dose_gy)) < 1e-9
    assert dvh.volume_cm3[0] == 20.0


@pytest.mark.parametrize(
    "data", [["1"], ["1", "nan", "1", "0"], ["1", "1", "1", "5"], ["-1", "5", "1", "0"], ["1", "5", "1e12", "0"]]
)
def test_a_curve_that_is_none_is_left_out_with_a_finding(export_of, data):
    def change(ds):
        import pydicom

        text = "\\".join(data)
        text += " " * (len(text) % 2)
        tag = pydicom.tag.Tag("DVHData")
        ds.DVHSequence[0][tag] = pydicom.dataelem.RawDataElement(
            tag, "DS", len(text), text.encode(), 0, False, True, True
        )

    export = read(export_of, change)
    assert export.tps_dvhs == ()
    assert "LR016" in {f.code for f in export.findings}


@pytest.mark.parametrize("factor", [0.2, 5.0])
def test_a_grid_of_another_scale_than_its_dvhs_is_told(export_of, tiny, factor):
    """A dose of one fraction under the label of the plan: the DVHs beside it give it away."""

    def change(ds):
        ds.DoseGridScaling = f"{float(ds.DoseGridScaling) * factor:.10g}"

    top = float(tiny.grid().dose_zyx.max())
    body = DVH("BODY", np.linspace(0, top, 101), np.linspace(20, 0, 101), top / 2, 0.0, top)
    found = read_export(export_of(dvhs={1: body}, RD=change)).findings
    assert "LR035" in {f.code for f in found}
    assert "LR035" not in {f.code for f in read_export(export_of(name="plain", dvhs={1: body})).findings}


@pytest.mark.parametrize("fault", ["relative volume", "natural", "two ROIs", "relative dose"])
def test_a_curve_that_says_something_else_is_left_out(export_of, fault):
    def change(ds):
        item = ds.DVHSequence[0]
        if fault == "relative volume":
            item.DVHVolumeUnits = "PERCENT"
        elif fault == "natural":
            item.DVHType = "NATURAL"
        elif fault == "two ROIs":
            item.DVHReferencedROISequence.append(copy.deepcopy(item.DVHReferencedROISequence[0]))
        else:
            item.DoseUnits = "RELATIVE"
            ds.pop("DVHNormalizationDoseValue", None)

    def unsaid(ds):
        ds.pop("DoseReferenceSequence", None)

    export = read_export(export_of(dvhs={2: curve()}, RD=change, RP=unsaid))
    assert export.tps_dvhs == ()
    assert ("LR016" in {f.code for f in export.findings}) == (fault != "two ROIs")
