"""The plans of a tree, however a hospital lays its exports out."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

import pydicom
import pytest

from lymphorisk.dicom.listing import ListedExport, digests, list_exports

KINDS = ("RP", "RS", "RD")
SITES = ("brain", "pelvis", "lung")


def laid(top: Path, rtplans: Path, where: str) -> Path:
    """Three exports under a layout; `where` is a path with {site}, {kind} and {n}."""
    for site in SITES:
        for n, kind in enumerate(KINDS):
            path = top / where.format(site=site, kind=kind, n=n)
            path.parent.mkdir(parents=True, exist_ok=True)
            os.link(rtplans / site / f"{kind}.dcm", path) if same_disk(rtplans, path.parent) else shutil.copy(
                rtplans / site / f"{kind}.dcm", path
            )
    return top


def same_disk(a: Path, b: Path) -> bool:
    return a.stat().st_dev == b.stat().st_dev


def labels(found: tuple[ListedExport, ...]) -> list[str]:
    return sorted(p.label for e in found for p in e.plans)


@pytest.mark.parametrize(
    ("where", "shared"),
    [
        ("{site}/{kind}.dcm", False),
        ("{site}/{kind}/file.dcm", False),
        ("{site}/a/b/{n}.dcm", False),
        ("{site}_{kind}.dcm", True),
        ("{kind}/{site}.dcm", True),
    ],
)
def test_every_layout_gives_the_same_plans(tmp_path: Path, rtplans: Path, where: str, shared: bool) -> None:
    found = list_exports(laid(tmp_path, rtplans, where))
    assert labels(found) == ["brain", "lung", "pelvis"]
    assert len(found) == 3
    assert all(len(e.plans) == 1 for e in found)
    assert [len(e.files) for e in found] == ([3] * 3 if shared else [0] * 3)


def test_a_zip_is_an_export_and_a_broken_one_is_listed(tmp_path: Path, rtplans: Path) -> None:
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
        for kind in KINDS:
            archive.write(rtplans / "brain" / f"{kind}.dcm", f"{kind}.dcm")
    (tmp_path / "two.zip").write_bytes(b"PK\x03\x04 no zip")
    found = list_exports(tmp_path)
    assert [e.path.name for e in found] == ["one.zip", "two.zip"]
    assert labels(found) == ["brain"]
    assert digests(tmp_path / "one.zip") == tuple(
        sorted(sha for kind in KINDS for sha in digests(rtplans / "brain" / f"{kind}.dcm"))
    )


def test_a_folder_without_an_export_is_listed_once(tmp_path: Path, rtplans: Path) -> None:
    laid(tmp_path, rtplans, "{site}/{kind}.dcm")
    (tmp_path / "brain" / "notes").mkdir()
    (tmp_path / "failed" / "sub").mkdir(parents=True)
    (tmp_path / "failed" / "sub" / "log.txt").write_text("export failed")
    found = [e for e in list_exports(tmp_path) if not e.plans]
    assert [e.path.name for e in found] == ["failed"]


def test_an_export_without_its_plan_or_with_a_broken_file_is_listed(tmp_path: Path, rtplans: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    shutil.copy(rtplans / "brain" / "RS.dcm", tmp_path / "a")
    (tmp_path / "b" / "x.dcm").write_bytes((rtplans / "brain" / "RP.dcm").read_bytes()[:2000])
    assert [(e.path.name, e.plans) for e in list_exports(tmp_path)] == [("a", ()), ("b", ())]


def test_a_copy_of_an_export_is_another_place(tmp_path: Path, rtplans: Path) -> None:
    for name in ("first", "second"):
        laid(tmp_path / name, rtplans, "{site}/{kind}.dcm")
    assert labels(list_exports(tmp_path)) == ["brain", "brain", "lung", "lung", "pelvis", "pelvis"]


def test_what_is_no_dicom_has_no_digest(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("words")
    assert digests(tmp_path / "a.txt") == ()


def test_a_link_that_leads_back_and_one_that_leads_nowhere_end(tmp_path: Path, rtplans: Path) -> None:
    laid(tmp_path, rtplans, "{site}/{kind}.dcm")
    (tmp_path / "brain" / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "brain" / "gone.dcm").symlink_to(tmp_path / "nowhere.dcm")
    assert labels(list_exports(tmp_path)) == ["brain", "lung", "pelvis"]


def image(path: Path, of: Path, kind: str = "1.2.840.10008.5.1.4.1.1.2", frame: str = "") -> None:
    """A slice in the frame of reference of a dose, or in another one."""
    dose, ds = pydicom.dcmread(of, stop_before_pixels=True), pydicom.Dataset()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = kind
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.9"
    ds.FrameOfReferenceUID = frame or dose.FrameOfReferenceUID
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, ds, enforce_file_format=True)


def test_images_go_to_the_exports_of_their_frame_of_reference(tmp_path: Path, rtplans: Path) -> None:
    """In one folder with others, beside it, and below it; another class, and another frame, go to none."""
    laid(tmp_path / "shared", rtplans, "{site}_{kind}.dcm")
    image(tmp_path / "shared" / "ct.dcm", rtplans / "brain" / "RD.dcm")
    image(tmp_path / "shared" / "report.dcm", rtplans / "brain" / "RD.dcm", kind="1.2.840.10008.5.1.4.1.1.88.33")
    of = {e.plans[0].label: [p.name for p in e.files] for e in list_exports(tmp_path / "shared")}
    assert sorted(of["brain"]) == ["brain_RD.dcm", "brain_RP.dcm", "brain_RS.dcm", "ct.dcm"]
    assert all("ct.dcm" not in files and "report.dcm" not in files for name, files in of.items() if name != "brain")


def test_images_without_an_export_are_listed_as_images(tmp_path: Path, rtplans: Path) -> None:
    laid(tmp_path, rtplans, "a/{site}/{kind}.dcm")
    image(tmp_path / "b" / "images" / "ct.dcm", rtplans / "brain" / "RD.dcm", frame="1.2.3.4")
    found = list_exports(tmp_path)
    assert labels(found) == ["brain", "lung", "pelvis"]
    assert [str(e.path.relative_to(tmp_path)) for e in found if not e.plans] == ["b/images"]


def test_the_technique_of_protons_is_how_they_are_scanned(tmp_path: Path, rtplans: Path) -> None:
    shutil.copytree(rtplans / "esophagus_proton", tmp_path / "x")
    (found,) = list_exports(tmp_path)
    assert [p.technique for p in found.plans] == ["scanned"]
