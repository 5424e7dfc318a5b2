"""The kill map of a plan: volumes of voxels, and the map held to the model by perturbing the dose."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lymphorisk import Options, Patient, read_export
from lymphorisk.analysis.killmap import PER_MILLION, RESIDENT, KillMap, _of_pools, killmap
from lymphorisk.cli.main import run
from lymphorisk.dvh.engine import exact
from lymphorisk.dvh.regions import Difference, Union
from lymphorisk.dvh.voxels import voxel_volumes
from lymphorisk.errors import ScenarioError, UndecidableError
from lymphorisk.plan import DoseGrid, Structure

WHO = Patient(sex="F", age_y=61, alc=1.4)
ONE = Options(stages=1, lanes=64)


def grid(directions: np.ndarray | None = None) -> DoseGrid:
    axis = np.arange(-30.0, 31.0, 2.5)
    return DoseGrid(
        np.zeros((len(axis),) * 3, np.float32),
        np.zeros(3),
        np.eye(3) if directions is None else directions,
        axis,
        axis.copy(),
        axis.copy(),
        "1",
    )


def cylinder(number: int, radius: float, x: float = 0.0, half: float = 10.0) -> Structure:
    t = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    return Structure(
        number,
        f"c{number}",
        tuple(
            np.stack([x + radius * np.cos(t), radius * np.sin(t), np.full_like(t, z)], axis=1)
            for z in np.arange(-half, half + 0.1, 2.0)
        ),
        "1",
    )


def test_volume_and_centre_of_a_cylinder() -> None:
    volume = voxel_volumes(cylinder(1, 12.0, x=3.3), grid())
    area = 240 / 2 * 12.0**2 * np.sin(2 * np.pi / 240)
    assert volume.sum() == pytest.approx(area * 22.0 / 1000, rel=1e-6)
    x = grid().x_mm
    assert (volume.sum(axis=(0, 1)) @ x) / volume.sum() == pytest.approx(3.3, abs=0.02)
    assert volume.max() <= 2.5**3 / 1000 * (1 + 1e-6)


@pytest.mark.parametrize("flip", [(-1, 1, 1), (1, -1, 1), (-1, -1, 1), (1, 1, -1)])
def test_a_turned_grid_sees_the_same_volume(flip: tuple[int, int, int]) -> None:
    turned = voxel_volumes(cylinder(1, 12.0, x=3.0), grid(np.diag(np.array(flip, dtype=float))))
    upright = voxel_volumes(cylinder(1, 12.0, x=3.0), grid())
    axes = tuple(a for a, f in zip((2, 1, 0), flip, strict=True) if f < 0)
    np.testing.assert_allclose(turned, np.flip(upright, axes), atol=1e-6)


def test_what_lies_outside_the_grid_is_left_out() -> None:
    inside = voxel_volumes(cylinder(1, 12.0), grid()).sum()
    half = voxel_volumes(cylinder(1, 12.0, x=31.25), grid()).sum()
    assert half == pytest.approx(inside / 2, rel=1e-3)


def test_unions_count_overlap_once_and_differences_take_it_out() -> None:
    a, b = cylinder(1, 12.0), cylinder(2, 6.0)
    whole = voxel_volumes(a, grid()).sum()
    assert voxel_volumes(Union("u", (a, b)), grid()).sum() == pytest.approx(whole, rel=0.02)
    ring = voxel_volumes(Difference("d", a, b), grid()).sum()
    assert ring == pytest.approx(whole * (1 - 0.25), rel=1e-3)


def test_voxel_volumes_agree_with_the_dvh_engine(rtplans: Path) -> None:
    plan = read_export(rtplans / "lung").plan
    dose = plan.phases[0].dose
    for structure in [s for s in plan.structures if s.contours_mm][:6]:
        dvh = exact([structure], dose)[0]
        assert voxel_volumes(structure, dose).sum() == pytest.approx(dvh.covered_cm3, rel=0.02, abs=0.3), structure.name


def test_the_map_is_the_derivative_of_the_lymphocytes_lost(rtplans: Path) -> None:
    """A hair more dose everywhere: the change of the share lost is the map times volume times dose.

    An RBE in the dose is divided out of it.
    """
    export = read_export(rtplans / "pancreas")
    phase = export.plan.phases[0]
    bump = 0.02

    def mapped(scale: float, rbe: float = 1.0) -> KillMap:
        dose = phase.dose
        more = DoseGrid((dose.dose_zyx * (1 + scale) * rbe).astype(np.float32), dose.frame)
        plan = replace(export.plan, phases=(replace(phase, dose=more, rbe_in_dose=rbe),))
        return killmap(replace(export, plan=plan), WHO, ONE)

    made = mapped(0.0, rbe=1.1)
    measured = (mapped(bump).lost - mapped(-bump).lost) / 2
    cell = phase.dose.frame.cell_volumes_cm3()
    one = phase.dose.dose_zyx / phase.fractions
    told = float((made.grid.dose_zyx / PER_MILLION * cell * one * bump).sum())
    assert told == pytest.approx(measured, rel=0.03)


def test_the_map_is_never_negative_and_zero_outside_the_body(rtplans: Path) -> None:
    made = killmap(rtplans / "brain", WHO, Options())
    assert made.grid.dose_zyx.min() >= 0
    assert made.grid.dose_zyx[0, 0, 0] == 0
    assert 0 < made.lost < 1


@pytest.mark.slow
def test_the_file_is_a_map_and_no_dose(rtplans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import pydicom

    out = tmp_path / "map.dcm"
    assert run(["killmap", str(rtplans / "brain"), "--out", str(out), "--sex", "F", "--dated", "2026-01-31T12:00"]) == 0
    ds, plan = pydicom.dcmread(out), read_export(rtplans / "brain").plan
    assert ds.DoseUnits == "RELATIVE"
    assert "NO DOSE" in ds.DoseComment
    assert ds.FrameOfReferenceUID == plan.phases[0].dose.frame_of_reference
    first = out.read_bytes()
    assert run(["killmap", str(rtplans / "brain"), "--out", str(out), "--sex", "F", "--dated", "2026-01-31T12:00"]) == 0
    assert out.read_bytes() == first
    said = capsys.readouterr().out.splitlines()[-1]
    made = killmap(rtplans / "brain", Patient(sex="F"), Options())
    assert f"one of {made.fractions} fractions kills {100 * made.lost:.2f} % of the body's lymphocytes" in said
    top = float(ds.pixel_array.max() * float(ds.DoseGridScaling))
    assert float(said.split("up to ")[1].split(" ")[0]) == pytest.approx(top, rel=0.01)
    if shutil.which("dciodvfy"):
        checked = subprocess.run(["dciodvfy", out], capture_output=True, text=True, check=False)
        assert "Error" not in checked.stderr + checked.stdout


def test_what_cannot_be_mapped_is_refused(rtplans: Path, tmp_path: Path) -> None:
    scenario = tmp_path / "s.toml"
    scenario.write_text("[plan]\nfractions = 2\n[organs.Body]\nmean_gy = 1.0\n")
    with pytest.raises(ScenarioError, match="no dose grid"):
        killmap(scenario, WHO, Options())
    with pytest.raises(ScenarioError, match="no phase 3"):
        killmap(rtplans / "brain", WHO, Options(), phase=2)
    export = read_export(rtplans / "brain")
    kept = tuple(s for s in export.plan.structures if s.rt_type != "EXTERNAL")
    with pytest.raises(UndecidableError, match="body contour"):
        killmap(replace(export, plan=replace(export.plan, structures=kept)), WHO, Options())


def test_what_is_drawn_of_a_pool_and_its_rest_are_the_whole_pool() -> None:
    shares = {name: 0.1 + 0.01 * i for i, name in enumerate(RESIDENT)}
    parts = {"marrow": (SimpleNamespace(organ="VBs", share=0.3), SimpleNamespace(organ="Sacrum", share=0.2))}
    places = SimpleNamespace(
        doses=SimpleNamespace(pool_parts=parts), drawn=lambda n: f"drawn {n}", placed=lambda n: f"placed {n}"
    )
    lie = dict(_of_pools(shares, places))  # type: ignore[arg-type]
    assert sum(lie.values()) == pytest.approx(sum(shares.values()))
    whole = shares["marrow"]
    wanted = {"drawn VBs": 0.3 * whole, "drawn Sacrum": 0.2 * whole, "placed marrow": 0.5 * whole}
    assert {k: v for k, v in lie.items() if k in wanted} == pytest.approx(wanted)
