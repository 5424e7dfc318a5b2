"""The planning CT in the chain: the outline where BODY is missing, lungs nobody drew, marrow level by level."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lymphorisk import Options, Patient, analyze, read_export
from lymphorisk.analysis.curves import Curves
from lymphorisk.analysis.doses import Doses
from lymphorisk.analysis.killmap import killmap
from lymphorisk.analysis.prepared import prepare
from lymphorisk.analysis.source import open_source
from lymphorisk.dicom import Export
from lymphorisk.dvh import DVH
from lymphorisk.plan import CTVolume, Frame

P = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "patient.py")))
Exports = Callable[..., Path]
#: Bone is thick below this height and thin above it. [mm]
STEP_MM = 30.0


def scan() -> CTVolume:
    """The patient's body with lungs, a spine that is thick below, and a couch."""
    x, y, z = np.arange(-200.0, 200.0, 4.0), np.arange(-150.0, 170.0, 4.0), np.arange(-100.0, 161.0, 5.0)
    X, Y = np.meshgrid(x, y)
    hu = np.full((len(z), len(y), len(x)), -1000, np.int16)
    for plane, height in zip(hu, z.tolist(), strict=True):
        plane[(Y > 110) & (Y < 160) & (abs(X) < 190)] = -150
        plane[(Y > 114) & (Y < 156) & (abs(X) < 186)] = -930
        plane[(X / P.BODY_MM[0]) ** 2 + (Y / P.BODY_MM[1]) ** 2 <= 1] = 40
        if height > 60:
            plane[((abs(X) - 65) / 40) ** 2 + ((Y + 5) / 60) ** 2 <= 1] = -800
        plane[(20.0 if height < STEP_MM else 8.0) ** 2 >= X**2 + (Y - 70) ** 2] = 700
    return CTVolume(Frame(np.array([x[0], y[0], z[0]]), np.eye(3), x - x[0], y - y[0], z - z[0], P.FRAME), lambda: hu)


@pytest.fixture(scope="module")
def exports(export: Exports) -> Callable[..., Export]:
    ct = scan()

    def made(*names: str, body: bool) -> Export:
        read = replace(read_export(export(*names)), ct=ct)
        if body:
            return read
        structures = tuple(s for s in read.plan.structures if s.name != "BODY")
        return replace(read, plan=replace(read.plan, structures=structures))

    return made


def doses(read: Export, options: Options | None = None) -> Doses:
    return prepare(read, Patient(sex="F"), options or Options()).doses


def test_the_outline_comes_from_the_ct_where_nobody_drew_it(exports: Callable[..., Export]) -> None:
    drawn, found = doses(exports("Heart", body=True)), doses(exports("Heart", body=False))
    body = found.organs["Body"]
    assert body.source == "segmented"
    assert "CT" in body.how
    assert body.volume_cm3 == pytest.approx(drawn.organs["Body"].volume_cm3, rel=0.03)
    assert body.course.mean_gy == pytest.approx(drawn.organs["Body"].course.mean_gy, rel=0.03)
    codes = {f.code for f in found.findings}
    assert "LR163" in codes
    assert "LR113" not in codes
    assert drawn.organs["Body"].source == "roi"


def test_lungs_on_the_ct_are_landmarks_and_have_their_dose(exports: Callable[..., Export]) -> None:
    found = doses(exports("Heart", body=True))
    lungs = found.organs["Lungs"]
    assert lungs.source == "segmented"
    assert lungs.dvh is not None
    assert lungs.dvh.total_cm3 == pytest.approx(2 * np.pi * 40 * 60 * 100 / 1000, rel=0.05)
    assert found.bodies is not None
    assert {"Lung_L", "Lung_R"} <= set(found.bodies.drawn)


def test_what_is_drawn_or_segmented_is_not_looked_for(exports: Callable[..., Export], tmp_path: Path) -> None:
    read = exports("Heart", body=True)
    asked = []
    ct = replace(read.ct, read=lambda: asked.append(1)) if read.ct is not None else None
    lungs = [replace(s, name="Lungs-PTV") for s in read.plan.structures if s.name == "Heart"]
    plan = replace(read.plan, structures=(*read.plan.structures, *lungs))
    matching = Curves(open_source(replace(read, ct=ct, plan=plan), Options()), Options()).matching
    assert not asked
    assert "Lungs" not in matching.organs


def test_marrow_on_the_ct_is_weighted_by_level(exports: Callable[..., Export]) -> None:
    """The spine below, where the dose is, has six times the bone of that above; the marrow has not."""
    read = exports("Heart", body=True)
    placed, diluted = doses(read), doses(read, Options(missing="diluted"))
    by_level, by_voxels = placed.organs["Bone_CT"], diluted.organs["Bone_CT"]
    assert by_level.volume_cm3 == by_voxels.volume_cm3
    assert by_level.course.mean_gy < 0.8 * by_voxels.course.mean_gy
    assert placed.bodies is not None
    part = placed.bodies.part("Bone_CT")
    assert part is not None
    assert 0.2 < part.share.mean() < 0.9, "the scan shows a part of the marrow, the placed bodies say how much"
    (covered,) = placed.pool_parts["marrow"]
    assert covered.share == pytest.approx(part.share.mean())


def test_a_kill_map_knows_the_bone_of_the_ct(exports: Callable[..., Export]) -> None:
    made = killmap(exports("Heart", body=False), Patient(sex="F"), Options())
    assert made.grid.dose_zyx.max() > 0


def test_the_whole_chain_runs_on_a_ct_alone(exports: Callable[..., Export]) -> None:
    result = analyze(exports(body=False), options=Options(draws=16, horizon_d=60))
    assert result.organs["Body"].source == "segmented"
    assert isinstance(result.organs["Lungs"].dvh, DVH)
