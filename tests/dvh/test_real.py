"""Real plans against their planning system's DVHs and against voxel truth."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from lymphorisk.dicom import read_export
from lymphorisk.dvh import DVH, exact
from lymphorisk.dvh.compare import difference, matching_end_caps
from lymphorisk.dvh.metrics import metric

pytestmark = pytest.mark.real


def close(ours: DVH, volume: float, mean: float, highest: float) -> bool:
    """Mean within 1 % of the highest dose, volume within 2 % or 0.3 cm3."""
    apart = abs(ours.total_cm3 - volume)
    return abs(ours.mean_gy - mean) <= 0.01 * highest and (apart <= 0.02 * volume or apart <= 0.3)


def test_breast_against_the_planning_system(real_data: Path) -> None:
    export = read_export(real_data / "breast_photon")
    dose = export.plan.phases[0].dose
    assert dose is not None
    ours = {caps: exact(export.plan.structures, dose, end_caps=caps) for caps in ("half", "none")}
    rule, found = matching_end_caps(ours, export.tps_dvhs, float(dose.dose_zyx.max()))
    # this system counts N - 1 slabs for N contours
    assert rule == "none"
    explained = {f.where for f in found if f.code == "LR106"}
    # its BODY curve holds 6 % less than the BODY contours enclose, by any engine
    assert explained == {"BODY"}
    tps = {d.name: d for d in export.tps_dvhs}
    highest = float(dose.dose_zyx.max())
    compared = 0
    for ours in exact(export.plan.structures, dose, end_caps=rule):
        if isinstance(ours, DVH) and ours.name not in explained:
            theirs = tps[ours.name]
            assert close(ours, theirs.covered_cm3, theirs.mean_gy, highest), difference(ours, theirs)
            compared += 1
    assert compared == 8


def test_prostate_against_eclipse(real_data: Path) -> None:
    folder = real_data / "prostate_eclipse"
    export = read_export(folder)
    dose = export.plan.phases[0].dose
    assert dose is not None
    curves = {re.sub(r"\W", "", d.name): d for d in exact(export.plan.structures, dose) if isinstance(d, DVH)}
    with (folder / "reference_dvh_eclipse.csv").open() as file:
        head, *rows = list(csv.reader(file))
    compared = 0
    for column in range(1, len(head), 2):
        named = re.match(r"(.*)_DvhArray Value \(% of ([\d.]+) cc\)", head[column])
        if named is None:
            continue
        points = np.array([[float(r[column - 1]), float(r[column])] for r in rows if r[column - 1] and r[column]])
        mean = float(np.trapezoid(points[:, 1], points[:, 0])) / 100
        assert close(curves[named[1]], float(named[2]), mean, float(dose.dose_zyx.max())), named[1]
        compared += 1
    assert compared == 6


def test_reference_phantom_against_its_voxels(real_data: Path) -> None:
    folder = real_data / "pancreas_icrp"
    export = read_export(folder)
    dose = export.plan.phases[0].dose
    assert dose is not None
    with (folder / "TRUTH_from_voxel_masks.csv").open() as file:
        truth = {row["roi"]: row for row in csv.DictReader(file)}
    curves = [d for d in exact(export.plan.structures, dose) if isinstance(d, DVH)]
    assert len(curves) == len(truth) == 20
    for ours in curves:
        row = truth[ours.name]
        assert close(ours, float(row["volume_cc"]), float(row["mean_Gy"]), 50.4), ours.name
        assert metric(ours, "V20Gy[%]") == pytest.approx(float(row["V20_pct"]), abs=1.5)
