"""The plans of a tree, however a hospital lays its exports out."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

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
