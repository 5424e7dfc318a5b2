"""Segmentations in the chain: masks stand for organs nobody drew, contours win, what does not fit is refused."""

from __future__ import annotations

import hashlib
import json
import runpy
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from lymphorisk import Options, analyze, read_export
from lymphorisk.analysis.dvhs import DvhTable, structure_dvhs
from lymphorisk.analysis.overview import overview
from lymphorisk.analysis.source import open_source
from lymphorisk.cli.main import cli
from lymphorisk.dicom import write_export
from lymphorisk.dvh import DVH
from lymphorisk.errors import InputError, ScenarioError
from lymphorisk.findings import Finding
from lymphorisk.masks.classes import FIRST
from lymphorisk.masks.read import numbered
from lymphorisk.plan import Mask, Patient

P = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "patient.py")))
pytest.importorskip("nibabel")
NAMES = {n: P.CLASSES[organ] for organ, n in P.NUMBERS.items()}
ALL = ("Liver", "Spleen", "Kidney_L", "Kidney_R", "Heart", "Stomach")
Exports = Callable[..., Path]
Change = Callable[[Any], tuple[np.ndarray, np.ndarray]]


@pytest.fixture(scope="module")
def label_map(tmp_path_factory: pytest.TempPathFactory, voxels: Any) -> Path:
    return P.nifti(tmp_path_factory.mktemp("masks") / "total.nii.gz", voxels.values, voxels.affine)


def of(table: DvhTable, organ: str, *, drawn: bool) -> DVH:
    (curve,) = (s.curve for s in table.structures if s.tg263 == organ and (s.number is not None) == drawn)
    assert isinstance(curve, DVH)
    return curve


def codes(findings: tuple[Finding, ...]) -> set[str]:
    return {f.code for f in findings if f.severity != "info"}


def test_a_mask_has_the_dose_of_the_contour_it_was_made_from(export: Exports, label_map: Path) -> None:
    table = structure_dvhs(export(*ALL), Options(segmentation=(label_map,)))
    for name in ALL:
        contour, mask = of(table, name, drawn=True), of(table, name, drawn=False)
        assert mask.mean_gy == pytest.approx(contour.mean_gy, rel=0.01, abs=0.01)
        assert mask.total_cm3 == pytest.approx(contour.total_cm3, rel=0.01)
    assert "LR188" not in codes(table.findings)


def test_masks_stand_for_organs_nobody_drew(export: Exports, label_map: Path) -> None:
    options = Options(segmentation=(label_map,), draws=16, horizon_d=60)
    without = analyze(export("Heart"), options=Options(draws=16, horizon_d=60))
    result = analyze(export("Heart"), options=options)
    assert result.organs["Heart"].source == "roi"
    assert {result.organs[n].source for n in ("Liver", "Kidneys")} == {"segmented"}
    assert result.organs["Liver"].roi_names == ("liver",)
    assert without.organs["Liver"].source == "placed"
    truth = structure_dvhs(export("Liver"), Options(), ("Liver",)).structures[0].curve
    assert isinstance(truth, DVH)
    assert result.organs["Liver"].course.mean_gy == pytest.approx(truth.mean_gy, rel=0.01)
    saved = json.loads(result.to_json())
    assert saved["organs"]["Kidneys"]["source"] == "segmented"
    digest = hashlib.sha256(label_map.read_bytes()).hexdigest()
    assert any(i["sha256"] == digest and i["role"] == "SEGMENTATION" for i in saved["inputs"])
    assert result.provenance.options["segmentation"] == 1
    assert "total.nii" not in result.to_json(), "a file's name may be the patient's"


def test_without_a_segmentation_nothing_is_said_of_one(export: Exports) -> None:
    result = analyze(export("Heart"), options=Options(draws=16, horizon_d=60))
    assert "segmentation" not in result.provenance.options
    assert all(role != "SEGMENTATION" for role, _, _ in result.provenance.inputs)


def test_a_contour_wins_and_the_difference_is_said(export: Exports, tmp_path: Path, voxels: Any) -> None:
    """The mask of the liver lacks its lower third."""
    values = voxels.values.copy()
    z = voxels.origin[2] + voxels.pitch * np.arange(values.shape[2])
    values[:, :, z < 0.0] = 0
    path = P.nifti(tmp_path / "m.nii.gz", values, voxels.affine)
    table = structure_dvhs(export("Liver"), Options(segmentation=(path,)), ("Liver",))
    assert of(table, "Liver", drawn=True).total_cm3 == pytest.approx(589, rel=0.02)
    (said,) = (f for f in table.findings if f.code == "LR188")
    assert "Dice" in said.what
    assert "volume ratio" in said.what
    assert said.where == "Liver"


def test_a_folder_of_masks_by_their_names(export: Exports, tmp_path: Path, voxels: Any) -> None:
    for organ, number in P.NUMBERS.items():
        P.nifti(tmp_path / f"{P.CLASSES[organ]}.nii.gz", (voxels.values == number).astype(np.uint8), voxels.affine)
    P.nifti(tmp_path / "gluteus_maximus_left.nii.gz", voxels.values * 0, voxels.affine)
    (tmp_path / "._liver.nii.gz").write_bytes(b"notes of another file system")
    found = overview(export(), Options(segmentation=(tmp_path,)))
    assert {o["tg263"] for o in found["organs"]} == {"Body", *P.NUMBERS, "Kidneys"}
    (empty,) = (f for f in found["findings"] if f["code"] == "LR187")
    assert "gluteus_maximus_left" in empty["what"]


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_a_dicom_segmentation_is_used(export: Exports, tmp_path: Path, voxels: Any, kind: str) -> None:
    path = P.seg(tmp_path / "s.dcm", voxels, NAMES, kind=kind)
    table = structure_dvhs(export("Liver"), Options(segmentation=(path,)))
    assert of(table, "Liver", drawn=False).mean_gy == pytest.approx(of(table, "Liver", drawn=True).mean_gy, rel=0.01)
    assert not codes(table.findings) & {"LR182", "LR183", "LR184", "LR185", "LR186", "LR189"}


def test_an_export_may_be_read_with_its_segmentation(export: Exports, label_map: Path) -> None:
    read = read_export(export("Heart"), segmentation=[label_map])
    one = open_source(read, Options())
    same = open_source(export("Heart"), Options(segmentation=(label_map,)))
    assert [s.organ for s in one.segments] == [s.organ for s in same.segments] != []
    assert one.inputs == same.inputs


def test_a_second_structure_set_is_used(export: Exports, tmp_path: Path) -> None:
    write_export(tmp_path, P.plan("Spleen", "Liver"), seed="auto", patient=Patient(sex="F", age_y=61.0))
    found = overview(export("Heart"), Options(segmentation=(tmp_path / "RS.dcm",)))
    how = {o["tg263"]: o["how"] for o in found["organs"]}
    assert "segmentation" in how["Spleen"]
    assert "segmentation" not in how["Heart"]
    assert "segmentation" not in how["Body"]


def test_the_plans_own_structure_set_is_no_segmentation(export: Exports) -> None:
    with pytest.raises(InputError, match="own structure set"):
        structure_dvhs(export("Liver"), Options(segmentation=(export("Liver") / "RS.dcm",)))


def flip(axis: int) -> Change:
    return lambda v: (np.flip(v.values, axis), v.affine)


def edited(row: int, factor: float = 1.0, add: float = 0.0) -> Change:
    def change(v: Any) -> tuple[np.ndarray, np.ndarray]:
        affine = v.affine.copy()
        affine[row] *= factor
        affine[row, 3] += add
        return v.values, affine

    return change


@pytest.mark.parametrize("drawn", [(), ("Liver",), ("Heart",)], ids=["nothing", "liver", "heart"])
@pytest.mark.parametrize(
    ("change", "code"),
    [
        (flip(0), "LR184"),
        (flip(1), "LR184"),
        (flip(2), "LR184"),
        (edited(0, -1.0), "LR184"),
        (edited(0, add=70.0), "LR18[45]"),
        (edited(2, add=300.0), "LR185"),
        (edited(0, 3.0), "LR18[45]"),
        (lambda v: (v.values * 0, v.affine), "LR187"),
        (lambda v: (v.values * np.float32(0.3), v.affine), "LR186"),
    ],
    ids=["left-right", "front-back", "upside down", "x mirrored", "beside", "above", "spacing", "empty", "fractions"],
)
def test_what_does_not_fit_is_refused_by_name(
    export: Exports, tmp_path: Path, voxels: Any, change: Change, code: str, drawn: tuple[str, ...]
) -> None:
    path = P.nifti(tmp_path / "auto.nii.gz", *change(voxels))
    with pytest.raises(InputError, match=rf"auto\.nii\.gz.*{code}"):
        structure_dvhs(export(*drawn), Options(segmentation=(path,)))


def test_one_mask_on_the_wrong_side_is_enough(export: Exports, tmp_path: Path, voxels: Any) -> None:
    liver = np.where(voxels.values == 5, 1, 0).astype(np.uint8)
    path = P.nifti(tmp_path / "liver.nii.gz", np.flip(liver, 0), voxels.affine)
    with pytest.raises(InputError, match="LR184"):
        structure_dvhs(export(), Options(segmentation=(path,)))


def test_classes_that_are_no_organ_are_named(export: Exports, tmp_path: Path, voxels: Any) -> None:
    one = (voxels.values == 1).astype(np.uint8)
    for name in ("spleen", "iliac_artery_left"):
        P.nifti(tmp_path / f"{name}.nii.gz", one, voxels.affine)
    found = structure_dvhs(export(), Options(segmentation=(tmp_path,))).findings
    (used,) = [f.what for f in found if f.code == "LR181"]
    assert "1 organ of 2 structures; no organ here, not used: iliac_artery_left" in used


@pytest.mark.parametrize(("organ", "axis"), [("heart", 0), ("heart", 1), ("stomach", 0), ("stomach", 1)])
def test_a_lone_organ_of_the_midline_has_a_side(
    export: Exports, tmp_path: Path, voxels: Any, organ: str, axis: int
) -> None:
    one = (voxels.values == (51 if organ == "heart" else 6)).astype(np.uint8)
    whole = P.nifti(tmp_path / f"{organ}.nii.gz", one, voxels.affine)
    structure_dvhs(export(), Options(segmentation=(whole,)))
    with pytest.raises(InputError, match="LR184"):
        structure_dvhs(export(), Options(segmentation=(P.nifti(whole, np.flip(one, axis), voxels.affine),)))


def outline(voxels: Any, wide: float, deep: float) -> np.ndarray:
    """An ellipse about the middle of the body at every height."""
    x, y = (voxels.origin[k] + voxels.pitch * np.arange(voxels.values.shape[k]) for k in (0, 1))
    inside = (x[:, None] / wide) ** 2 + (y / deep) ** 2 <= 1.0
    return np.repeat(inside[..., None], voxels.values.shape[2], axis=2).astype(np.uint8)


def test_the_outline_of_another_patient_is_refused(export: Exports, tmp_path: Path, voxels: Any) -> None:
    own = P.nifti(tmp_path / "body.nii.gz", outline(voxels, 126.0, 92.0), voxels.affine)
    structure_dvhs(export(), Options(segmentation=(own,)))
    slim = P.nifti(tmp_path / "body.nii.gz", outline(voxels, 95.0, 80.0), voxels.affine)
    with pytest.raises(InputError, match=r"LR185.*not the outline of the patient"):
        structure_dvhs(export(), Options(segmentation=(slim,)))


def test_organs_of_another_patient_that_leave_the_body_are_refused(
    export: Exports, tmp_path: Path, voxels: Any
) -> None:
    """Every organ lies by more than half in the body; behind, they come out of it."""
    path = P.nifti(tmp_path / "auto.nii.gz", *edited(1, add=-22.0)(voxels))
    with pytest.raises(InputError, match=r"LR185.*lie in the body, on average"):
        structure_dvhs(export(), Options(segmentation=(path,)))


def test_a_foreign_patient_and_a_foreign_frame_are_refused(export: Exports, tmp_path: Path, voxels: Any) -> None:
    for code, changed in (("LR182", {"patient_id": "SOMEBODY"}), ("LR183", {"frame": "1.2.3"})):
        path = P.seg(tmp_path / "s.dcm", voxels, NAMES, **changed)
        with pytest.raises(InputError, match=code) as caught:
            structure_dvhs(export(), Options(segmentation=(path,)))
        assert "SOMEBODY" not in caught.value.message


def test_a_mask_that_is_not_usable_leaves_the_others(export: Exports, tmp_path: Path, voxels: Any) -> None:
    P.nifti(tmp_path / "liver.nii.gz", (voxels.values == 5).astype(np.uint8), voxels.affine)
    P.nifti(tmp_path / "spleen.nii.gz", (voxels.values == 1) * np.float32(np.nan), voxels.affine)
    P.nifti(tmp_path / "heart.nii.gz", np.pad(np.ones((4, 4, 4), np.uint8), 30), voxels.affine)
    result = overview(export(), Options(segmentation=(tmp_path,)))
    refused = {f["code"]: f["what"] for f in result["findings"] if f["severity"] in ("error", "warning")}
    assert "spleen.nii.gz" in refused["LR186"]
    assert "heart" in refused["LR194"]
    assert {o["tg263"] for o in result["organs"]} & {"Liver", "Spleen", "Heart"} == {"Liver"}


def test_a_clinics_list_says_what_labels_are(export: Exports, tmp_path: Path, voxels: Any) -> None:
    own = tmp_path / "labels.csv"
    own.write_text("5,Liver\n1,Spleen\n2,-\n77,Brain\n", encoding="utf-8")
    path = P.nifti(tmp_path / "m.nii.gz", voxels.values, voxels.affine)
    result = overview(export(), Options(segmentation=(path,), labels=own))
    assert {o["tg263"] for o in result["organs"]} == {"Body", "Liver", "Spleen"}
    (unmet,) = (f for f in result["findings"] if f["code"] == "LR191")
    assert "77" in unmet["what"]


def test_numbers_of_another_list_are_not_believed(export: Exports, tmp_path: Path, voxels: Any) -> None:
    """Version 1 of TotalSegmentator has the heart's muscle at 44, version 2 a vertebra: too large to be one."""
    values = np.where(voxels.values == 51, 44, voxels.values).astype(np.uint8)
    path = P.nifti(tmp_path / "m.nii.gz", values, voxels.affine)
    with pytest.raises(InputError, match="LR194 vertebrae_C7"):
        structure_dvhs(export(), Options(segmentation=(path,)))


def test_labels_of_one_organ_are_joined(export: Exports, tmp_path: Path, voxels: Any) -> None:
    own = tmp_path / "labels.csv"
    own.write_text("2,Kidneys\n3,Kidneys\n", encoding="utf-8")
    path = P.nifti(tmp_path / "m.nii.gz", voxels.values, voxels.affine)
    table = structure_dvhs(export(), Options(segmentation=(path,), labels=own), ("Kidneys",))
    assert of(table, "Kidneys", drawn=False).total_cm3 == pytest.approx(2 * 82.4, rel=0.01)


def test_a_mask_that_ends_with_its_image_is_a_part(export: Exports, tmp_path: Path, voxels: Any) -> None:
    """The image ends in the middle of the liver: half of it is segmented, the rest is placed."""
    keep = int((10.0 - voxels.origin[2]) / voxels.pitch)
    path = P.nifti(tmp_path / "liver.nii.gz", (voxels.values[:, :, :keep] == 5).astype(np.uint8), voxels.affine)
    result = analyze(export("Heart", "Spleen"), options=Options(segmentation=(path,), draws=16, horizon_d=60))
    organ = result.organs["Liver"]
    assert organ.source == "segmented"
    assert 0.2 < organ.share < 0.9
    assert any(f.code == "LR109" and f.where == "Liver" for f in result.findings)


def test_the_command_line_takes_it_everywhere(export: Exports, label_map: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke
    folder, given = str(export("Heart")), ["--segmentation", str(label_map)]
    shown = run(cli, ["inspect", folder, *given])
    assert shown.exit_code == 0
    assert "LR181" in shown.output
    for command in ("analyze", "dvh", "blood", "compare", "killmap", "check", "conditioning", "inspect"):
        assert "--segmentation" in run(cli, [command, "--help"]).output
    missing = run(cli, ["dvh", folder, "--segmentation", str(tmp_path / "nothing.nii")])
    assert isinstance(missing.exception, InputError)
    assert "nothing.nii" in missing.exception.message


def test_an_output_over_a_mask_is_refused(export: Exports, label_map: Path) -> None:
    before = label_map.read_bytes()
    arguments = ["dvh", str(export("Heart")), "--segmentation", str(label_map), "--csv", str(label_map), "--force"]
    assert CliRunner().invoke(cli, arguments).exit_code != 0
    assert label_map.read_bytes() == before


def test_a_kill_map_is_drawn_on_masks(export: Exports, label_map: Path) -> None:
    from lymphorisk.analysis.killmap import killmap

    drawn = killmap(export(*ALL), Patient(sex="F"), Options())
    masked = killmap(export(), Patient(sex="F"), Options(segmentation=(label_map,)))
    assert masked.lost == pytest.approx(drawn.lost, rel=0.05)


def test_options_that_say_nothing_are_refused() -> None:
    with pytest.raises(ScenarioError, match="no segmentation"):
        Options(labels=Path("a.csv"))
    with pytest.raises(ScenarioError, match="list of paths"):
        Options(segmentation=(3,))


def test_organs_of_another_patient_in_the_same_place_are_refused(export: Exports, tmp_path: Path, voxels: Any) -> None:
    """Everything lies in the body and nothing is mirrored, and yet no organ is quite where it is drawn."""
    drawn = ("Spleen", "Kidney_L", "Kidney_R")
    path = P.nifti(tmp_path / "auto.nii.gz", *edited(0, add=14.0)(voxels))
    with pytest.raises(InputError, match=r"LR185.*where the organs are drawn"):
        structure_dvhs(export(*drawn), Options(segmentation=(path,)))
    near = P.nifti(tmp_path / "auto.nii.gz", *edited(0, add=4.0)(voxels))
    structure_dvhs(export(*drawn), Options(segmentation=(near,)))


def test_a_mask_that_no_axis_is_told_of_says_so(export: Exports, tmp_path: Path, voxels: Any) -> None:
    one = (voxels.values == 5).astype(np.uint8)
    path = P.nifti(tmp_path / "liver.nii.gz", one, voxels.affine)

    def untold(*drawn: str) -> list[str]:
        found = structure_dvhs(export(*drawn), Options(segmentation=(path,))).findings
        return [f.what for f in found if f.code == "LR189" and "mirrored" in f.what]

    (said,) = untold()
    assert said.endswith("mirrored front to back, head to foot")
    assert not any("left to right" in said for said in untold("Liver"))


def test_mirrored_people_are_told_what_to_do(export: Exports, tmp_path: Path, voxels: Any) -> None:
    heart = np.flip((voxels.values == 51).astype(np.uint8), 0)
    path = P.nifti(tmp_path / "heart.nii.gz", heart, voxels.affine)
    with pytest.raises(InputError, match="LR184") as caught:
        structure_dvhs(export(), Options(segmentation=(path,)))
    assert "mirrored organs" in caught.value.hint


def numbered_masks(volumes_cm3: Mapping[int, float]) -> list[Mask]:
    """Cubes of these volumes by their labels."""
    out = []
    for number, volume in volumes_cm3.items():
        line = np.array([0.0, 10 * volume ** (1 / 3)])
        out.append(Mask(number, f"label {number}", np.ones((1, 1, 1), bool), line, line, line))
    return out


#: By version: volumes of organs of trunk and head under the numbers of both. [cm3]
FIRST_VOLUMES = {1: 200.0, 5: 1600.0, 7: 180.0, 8: 70.0, 10: 80.0, 11: 4.0, 13: 900.0, 15: 800.0, 18: 60.0, 50: 1400.0}
SECOND_VOLUMES = {1: 200.0, 5: 1600.0, 7: 80.0, 8: 4.0, 10: 900.0, 15: 35.0, 18: 700.0, 27: 60.0, 51: 600.0, 90: 1400.0}


@pytest.mark.parametrize(("volumes", "version"), [(FIRST_VOLUMES, 1), (SECOND_VOLUMES, 2), ({5: 1600.0}, 2)])
def test_the_version_of_the_numbers_is_told_by_volumes(volumes: dict[int, float], version: int) -> None:
    names, found = numbered(numbered_masks(volumes))
    assert found == version
    assert names[50] == ("brain" if version == 1 else "vertebrae_C1")
    assert (len(FIRST), FIRST[18], FIRST[104]) == (104, "vertebrae_L5", "urinary_bladder")
