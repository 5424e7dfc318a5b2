"""Structures and goals for planning systems that take no code."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import numpy as np
import pytest
from pydicom import dcmread

from lymphorisk import read_export
from lymphorisk.cli.main import run
from lymphorisk.dicom.reader import DicomFile, open_file, read_file
from lymphorisk.dicom.rtstruct import drawn_on, read_structures
from lymphorisk.dicom.study import encoded, study_of
from lymphorisk.dicom.write_structures import structures_dataset
from lymphorisk.dvh.voxels import voxel_volumes
from lymphorisk.errors import ScenarioError
from lymphorisk.objective import LymphocyteLoss
from lymphorisk.objective.avoid import LEVELS, _planes, avoidance, price_map
from lymphorisk.objective.goals import Goal, geud, goals_of
from lymphorisk.organs import match
from lymphorisk.plan import DoseGrid, Structure
from lymphorisk.qa import clearplan, toml_protocol
from lymphorisk.qa.spared import protocol_of
from lymphorisk.schemas import schema

#: Contours are kept to 0.01 mm: of a structure of a cubic centimetre that is below this.
AS_WRITTEN = 1e-3
#: Lines between the points of a 5 mm grid against the cells around its points.
AS_CELLS = 0.05


def read(path: Path) -> DicomFile:
    file = open_file(read_file(path), "")
    assert file is not None
    return file


def structures_in(path: Path) -> dict[str, object]:
    return {s.name: s for s in read_structures(read(path)).structures}


def test_the_command_writes_what_other_programs_read(rtplans: Path, tmp_path: Path, capsys) -> None:
    plan = rtplans / "pancreas"
    out, toml = tmp_path / "RS.avoid.dcm", tmp_path / "goals.toml"
    call = ["objective", str(plan), "--structures", str(out), "--goals", str(toml), "--dated", "2026-02-03"]
    assert run([*call, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(schema("objective")).validate(said)
    assert math.exp(-said["loss"]) == pytest.approx(said["nadir_over_baseline"])
    assert run(["check", str(plan), "--protocol", str(toml)]) == 0
    judged = capsys.readouterr().out
    assert all(f"VARIATION  {g['organ']}" in judged for g in said["goals"])
    assert "FAIL" not in judged

    ds, drawn = dcmread(out), dcmread(plan / "RS.dcm")
    assert [s.ROIName for s in ds.StructureSetROISequence] == ["zLymph25", "zLymph50", "zLymph75"]
    assert {o.RTROIInterpretedType for o in ds.RTROIObservationsSequence} == {"AVOIDANCE"}
    assert ds.StructureSetDate == "20260203"
    for same in ("PatientID", "PatientName", "StudyInstanceUID", "FrameOfReferenceUID"):
        assert getattr(ds, same) == getattr(drawn, same)
    assert ds.ReferencedFrameOfReferenceSequence == drawn.ReferencedFrameOfReferenceSequence
    assert ds.SOPInstanceUID != drawn.SOPInstanceUID
    assert ds.SeriesInstanceUID != drawn.SeriesInstanceUID
    assert "identity" in ds.StructureSetDescription
    if (checker := shutil.which("dciodvfy")) is not None:
        done = subprocess.run([checker, str(out)], capture_output=True, text=True, check=False)
        assert "Error" not in done.stdout + done.stderr
    back = structures_in(out)
    (grid,) = [p.dose for p in read_export(plan).plan.phases]
    for made in said["structures"]:
        assert float(voxel_volumes(back[made["name"]], grid).sum()) == pytest.approx(made["volume_cm3"], rel=AS_WRITTEN)

    kept, edited = out.read_bytes(), toml.read_text() + "# seen by a person\n"
    toml.write_text(edited)
    assert run(call) == 3
    assert "goals.toml" in capsys.readouterr().err
    assert (out.read_bytes(), toml.read_text()) == (kept, edited)

    beside = tmp_path / "both"
    shutil.copytree(plan, beside)
    before = read_export(beside)
    shutil.copy(out, beside / "RS.avoid.dcm")
    after = read_export(beside)
    assert [s.name for s in after.plan.structures] == [s.name for s in before.plan.structures]
    assert {f.code for f in after.findings} - {f.code for f in before.findings} == {"LR005"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("pancreas", "--goals", "goals.txt"), "neither a TOML nor a CSV"),
        (("pancreas", "--structures", "{plan}/RS.dcm", "--force"), "input"),
        (("pancreas", "--structures", "a.dcm", "--phase", "2"), "no phase 2"),
        (("two_phase", "--goals", "a.toml"), "not one distribution"),
    ],
)
def test_what_it_cannot_do_is_said_and_leaves_no_file(
    given: tuple[str, ...], message: str, rtplans: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = rtplans / given[0]
    assert run(["objective", str(plan), *(g.format(plan=plan) for g in given[1:])]) == 3
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_an_isopleth_holds_its_share_of_the_price_in_the_dearest_voxels(loss_of) -> None:
    loss = loss_of("pancreas")
    grid, price = loss.grids[0], price_map(loss)
    cell = grid.frame.cell_volumes_cm3()
    isopleths = avoidance(loss)
    assert [i.share for i in isopleths] == list(LEVELS)
    whole = float((price * cell).sum())
    for made in isopleths:
        above = price > made.edge
        assert float((price * cell)[above].sum()) == pytest.approx(made.share * whole, rel=0.01)
        assert made.volume_cm3 == pytest.approx(float(cell[above].sum()), rel=AS_CELLS)
        inside = voxel_volumes(made.structure, grid)
        assert float((price * inside).sum()) == pytest.approx(made.share * whole, rel=AS_CELLS)
    inner, middle, outer = (voxel_volumes(i.structure, grid) for i in isopleths)
    assert np.all(inner <= middle + 1e-9)
    assert np.all(middle <= outer + 1e-9)
    (target, *_) = loss.plan.curves.matching.targets
    assert price[voxel_volumes(target.structure, grid) > 0.9 * cell].max() == 0.0
    assert not match([i.structure for i in isopleths]).organs
    heights = {float(c[0, 2]) for s in loss.plan.source.plan.structures for c in s.contours_mm}
    assert all(float(c[0, 2]) in heights for i in isopleths for c in i.structure.contours_mm)
    for levels in ((), (0.0,), (1.0, 0.5), (0.5, 0.5)):
        with pytest.raises(ScenarioError, match="share"):
            avoidance(loss, levels)


@pytest.mark.slow
def test_a_price_that_reaches_the_border_of_the_grid_ends_there(loss_of) -> None:
    loss = loss_of("pancreas")
    (grid,), (dose,) = loss.grids, loss.dose
    j, i = (int(a) for a in np.median(np.argwhere(dose[len(dose) // 2] > 0.5 * dose.max()), axis=0))
    cut = np.s_[:, :j, :i]
    small = DoseGrid(
        grid.dose_zyx[cut],
        grid.origin_mm,
        grid.directions,
        grid.x_mm[:i],
        grid.y_mm[:j],
        grid.z_mm,
        grid.frame_of_reference,
    )
    plan = loss.plan.source.plan
    cropped = LymphocyteLoss(replace(plan, phases=(replace(plan.phases[0], dose=small),)))
    price = price_map(cropped)
    (made,) = avoidance(cropped, (0.75,))
    volume = float(small.frame.cell_volumes_cm3()[price > made.edge].sum())
    assert made.volume_cm3 == pytest.approx(volume, rel=AS_CELLS)


def test_planes_at_the_very_ends_of_the_grid_are_drawn_on() -> None:
    """A structure on the grid's own heights, and one plane beyond either end."""
    axis, z = np.arange(4.0), np.array([0.0, 3.0, 6.0, 9.0])
    grid = DoseGrid(np.ones((4, 4, 4), np.float32), np.zeros(3), np.eye(3), axis, axis.copy(), z)
    square = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]])
    heights = (-3.0, 0.0, 3.0, 6.0, 9.0, 12.0)
    body = Structure(1, "Body", tuple(np.column_stack([square, np.full(4, h)]) for h in heights))
    loss = SimpleNamespace(plan=SimpleNamespace(source=SimpleNamespace(plan=SimpleNamespace(structures=(body,)))))
    drawn, apart = _planes(loss, grid)  # type: ignore[arg-type]
    assert (drawn.tolist(), apart) == (z.tolist(), 3.0)


def test_images_of_the_plan_are_referred_to_again(rtplans: Path) -> None:
    export = read_export(rtplans / "pancreas")
    drawn = export.study.drawn_on
    assert drawn
    ds = structures_dataset(export.plan.structures[:1], study_of(export, "seed"))
    (frame,) = ds.ReferencedFrameOfReferenceSequence
    (study,) = frame.RTReferencedStudySequence
    (series,) = study.RTReferencedSeriesSequence
    assert (study.ReferencedSOPClassUID, study.ReferencedSOPInstanceUID) == drawn[0].study
    assert series.SeriesInstanceUID == drawn[0].series_uid
    nothing = replace(study_of(export, "seed"), facts=replace(export.study, drawn_on=()))
    assert "RTReferencedStudySequence" not in structures_dataset((), nothing).ReferencedFrameOfReferenceSequence[0]
    assert encoded(ds)


def test_an_image_that_is_no_uid_is_not_referred_to(rtplans: Path, tmp_path: Path) -> None:
    image = read_export(rtplans / "pancreas").study.drawn_on[0].images[0][1].encode()
    whole = (rtplans / "pancreas" / "RS.dcm").read_bytes()
    assert whole.count(image) == 1
    (tmp_path / "RS.dcm").write_bytes(whole.replace(image, image[:-2] + b".x"))
    assert drawn_on(read(tmp_path / "RS.dcm").root) == ()


@pytest.mark.slow
def test_goals_fit_better_than_the_mean_dose_and_stand_for_the_loss(loss_of) -> None:
    loss = loss_of("pancreas")
    less = 0.1
    goals = goals_of(loss, less)
    assert goals[0].organ == "Spleen"
    for goal in goals:
        assert 0.0 < goal.error <= goal.error_of_mean
        assert goal.error < 0.1
        assert goal.limit_gy == pytest.approx((1 - less) * goal.plan_gy)
        inside = voxel_volumes(loss.plan.doses.regions[goal.organ], loss.grids[0])
        share = inside / loss.grids[0].frame.cell_volumes_cm3()
        (gradient,), (dose,) = loss.gradient(loss.dose), loss.dose
        first = less * float((gradient * dose * share).sum())
        assert goal.gain > 0.0
        assert goal.gain == pytest.approx(first, rel=0.25)  # -S' is steeper at the lower dose
    assert geud(np.array([0.5, 0.5]), np.array([1.0, 3.0]), 2.0) == pytest.approx(5.0**0.5)
    with pytest.raises(ScenarioError, match="several phases"):
        goals_of(loss_of("two_phase"), less)


def test_both_forms_give_the_goals_back() -> None:
    goals = [Goal("Spleen", 0.95, 5.361, 4.8249, 0.0061, 0.017, 0.01), Goal("Lungs", 0.9, 0.7, 0.63, 0.01, 0.02, 0.01)]
    made = protocol_of(goals, 0.1, {"Spleen": "Milz", "Lungs": "Lungs"})
    again = toml_protocol.loads(toml_protocol.dumps(made))
    assert again.lines == made.lines
    sheet = clearplan.loads(clearplan.dumps(made))
    for line, goal in zip(sheet.lines, goals, strict=True):
        assert line.structure == goal.organ
        assert line.metric == f"EUD(a={goal.a:g})[Gy]"
        assert line.goal is not None
        assert line.variation is not None
        assert goal.limit_gy <= line.goal.value <= goal.limit_gy + 0.01
        assert line.variation.met_by(goal.plan_gy)
        assert not line.goal.met_by(goal.plan_gy)
        assert f"{goal.error:.1%}" in line.note
    assert [line.aliases for line in sheet.lines] == [("Milz",), ()]
