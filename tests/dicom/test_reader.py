"""Files are found by what they are, wherever they lie and whatever they are called."""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from pathlib import Path

import pydicom
import pytest

from lymphorisk.dicom import listing, read_export, reader
from lymphorisk.dicom.query import image_query, kind_of
from lymphorisk.errors import DicomReadError, LinkError


def labels(export):
    return [p.label for p in export.plan.phases], [s.name for s in export.plan.structures]


def test_names_of_files_mean_nothing(export_of):
    folder = export_of()
    want = labels(read_export(folder))
    (folder / "RS.dcm").rename(folder / "RD.1.2.3")
    (folder / "RD.dcm").rename(folder / "plan")
    (folder / "RP.dcm").rename(folder / "notes.txt")
    assert labels(read_export(folder)) == want


def test_nested_folders_and_unrelated_files(export_of):
    folder = export_of()
    deep = folder / "a" / "b"
    deep.mkdir(parents=True)
    shutil.move(folder / "RD.dcm", deep / "x")
    (folder / "readme.txt").write_text("not DICOM")
    (folder / "empty.dcm").write_bytes(b"")
    (folder / "short.dcm").write_bytes(b"\x08\x00")
    (folder / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(500))
    (folder / "zeros.bin").write_bytes(bytes(1000))
    assert labels(read_export(folder)) == labels(read_export(export_of(name="plain")))


def test_a_zip_reads_as_its_folder(export_of, tmp_path):
    folder = export_of()
    archive = tmp_path / "export.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("readme.txt", "hello")
        for path in folder.iterdir():
            z.write(path, f"some/where/{path.name}")
    one, other = read_export(folder), read_export(archive)
    assert labels(one) == labels(other)
    assert one.inputs == other.inputs
    assert one.findings == other.findings


def test_a_zip_is_not_held_beside_what_it_unfolds_to(export_of, tmp_path, monkeypatch):
    folder = export_of()
    archive = tmp_path / "export.zip"
    with zipfile.ZipFile(archive, "w") as z:
        for path in folder.iterdir():
            z.write(path, path.name)

    def never(path, most=0):
        raise AssertionError(f"{path} was read whole")

    want = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir())
    monkeypatch.setattr(reader, "read_file", never)
    monkeypatch.setattr(listing, "read_file", never)
    assert len(reader.find(archive).files) == 3
    assert list(listing.digests(archive)) == want
    monkeypatch.undo()
    archive.write_bytes(archive.read_bytes()[:-30])
    assert listing.digests(archive) == (hashlib.sha256(archive.read_bytes()).hexdigest(),)


def test_a_dicom_file_with_a_zip_behind_it_is_dicom(export_of, tmp_path):
    both = tmp_path / "both"
    shutil.copy(export_of() / "RP.dcm", both)
    with zipfile.ZipFile(both, "a") as z:
        z.writestr("x", "y")
    assert zipfile.is_zipfile(both)
    assert not reader._is_zip(both)


def test_files_of_a_dicomdir_are_held_up_to_one_limit(export_of, monkeypatch):
    paths = sorted(export_of().glob("*.dcm"))
    sizes = [path.stat().st_size for path in paths]
    monkeypatch.setattr(reader, "HELD", sizes[0])
    held = [type(whole) is bytes for _, whole in reader._listed(paths, paths[0].parent)]
    assert held == [True, False, False]


def test_inputs_are_hashed_as_they_lie(export_of):
    folder = export_of()
    by_role = {i.role: i.sha256 for i in read_export(folder).inputs}
    for role, name in (("RTSTRUCT", "RS.dcm"), ("RTDOSE", "RD.dcm"), ("RTPLAN", "RP.dcm")):
        assert by_role[role] == hashlib.sha256((folder / name).read_bytes()).hexdigest()


def test_a_dicomdir_names_its_files(export_of, tmp_path):
    from pydicom.fileset import FileSet

    folder = export_of()
    media = FileSet()
    for path in sorted(folder.glob("*.dcm")):
        media.add(path)
    target = tmp_path / "media"
    media.write(target)
    media._stage["t"].cleanup()  # pydicom leaves this to the garbage collector, which warns
    (target / "stray.dcm").write_bytes((folder / "RD.dcm").read_bytes()[:500])
    by_file = read_export(target / "DICOMDIR")
    assert labels(by_file) == labels(read_export(folder))
    assert not by_file.findings or "LR002" not in {f.code for f in by_file.findings}


def test_a_dicomdir_with_files_missing_says_so(export_of, tmp_path):
    from pydicom.fileset import FileSet

    folder = export_of()
    extra = folder / "RS2.dcm"
    ds = pydicom.dcmread(folder / "RS.dcm")
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.99"
    ds.save_as(extra)
    media = FileSet()
    for path in sorted(folder.glob("*.dcm")):
        media.add(path)
    target = tmp_path / "media"
    media.write(target)
    media._stage["t"].cleanup()  # pydicom leaves this to the garbage collector, which warns
    for path in target.rglob("*"):
        if path.is_file() and path.name != "DICOMDIR" and pydicom.dcmread(path).SOPInstanceUID == "1.2.826.0.1.99":
            path.unlink()
    assert "LR003" in {f.code for f in read_export(target / "DICOMDIR").findings}


def strip_preamble(path: Path) -> None:
    path.write_bytes(path.read_bytes()[132:])


def strip_meta(path: Path) -> None:
    data = path.read_bytes()
    start = 132 + 12 + int.from_bytes(data[140:144], "little")
    path.write_bytes(data[start:])


@pytest.mark.parametrize("strip", [strip_preamble, strip_meta], ids=["no preamble", "no meta information"])
def test_files_without_their_header(export_of, strip):
    folder = export_of()
    want = labels(read_export(folder))
    for path in folder.glob("*.dcm"):
        strip(path)
    export = read_export(folder)
    assert labels(export) == want
    assert ("LR001" in {f.code for f in export.findings}) == (strip is strip_meta)


@pytest.mark.parametrize("implicit", [True, False])
def test_no_meta_information_in_either_vr(export_of, implicit):
    folder = export_of()
    for path in folder.glob("*.dcm"):
        ds = pydicom.dcmread(path)
        ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2" if implicit else "1.2.840.10008.1.2.1"
        ds.save_as(path, implicit_vr=implicit, little_endian=True)
        data = path.read_bytes()
        path.write_bytes(data[132 + 12 + int.from_bytes(data[140:144], "little") :])
    assert labels(read_export(folder)) == labels(read_export(export_of(name="plain")))


def test_sequences_of_undefined_length(export_of):
    def undefined(ds):
        for element in ds.iterall():
            if element.VR == "SQ":
                element.is_undefined_length = True
                for item in element.value:
                    item.is_undefined_length_sequence_item = True

    export = read_export(export_of(RS=undefined, RP=undefined))
    plain = read_export(export_of(name="plain"))
    assert labels(export) == labels(plain)
    assert [b.on_s for b in export.plan.phases[0].beams] == [b.on_s for b in plain.plan.phases[0].beams]


def test_a_copy_of_a_file_counts_once(export_of):
    folder = export_of()
    shutil.copy(folder / "RD.dcm", folder / "RD copy.dcm")
    assert len(read_export(folder).inputs) == 3


def test_two_files_of_one_uid_that_differ_are_refused(export_of):
    folder = export_of()
    ds = pydicom.dcmread(folder / "RD.dcm")
    ds.DoseGridScaling = "2"
    ds.save_as(folder / "other.dcm")
    digits = [hashlib.sha256((folder / name).read_bytes()).hexdigest()[:12] for name in ("RD.dcm", "other.dcm")]
    with pytest.raises(LinkError, match="same SOP Instance UID") as told:
        read_export(folder)
    assert all(d in str(told.value) for d in digits)


def before_pixels(whole: bytes) -> int:
    """Where the last element of a dose begins."""
    return whole.rindex(b"\xe0\x7f\x10\x00")


@pytest.mark.parametrize("where", ["inside an element", "between two elements", "in its header", "without a header"])
@pytest.mark.parametrize("name", ["RD", "RS", "RP"])
def test_a_file_cut_off_beside_the_whole_one_is_left_out(export_of, where, name):
    """Whichever of the two comes first; the whole file is used, and a finding says so."""
    plain = read_export(export_of(name="plain"))
    folder = export_of()
    whole = (folder / f"{name}.dcm").read_bytes()
    if where == "without a header":
        whole = whole[132 + 12 + int.from_bytes(whole[140:144], "little") :]
        (folder / f"{name}.dcm").write_bytes(whole)
        plain = read_export(folder)
    ends = {"inside an element": len(whole) // 2, "in its header": 300, "without a header": len(whole) // 2}
    cut = whole[: before_pixels(whole) if where == "between two elements" and name == "RD" else ends.get(where, 2000)]
    for beside in ("A.dcm", "Z.dcm"):
        (folder / beside).write_bytes(cut)
        export = read_export(folder)
        assert export.inputs == plain.inputs
        (said,) = [f for f in export.findings if f not in plain.findings]
        assert said.code == "LR002"
        (folder / beside).unlink()


def test_a_file_cut_off_and_alone_is_still_refused(export_of):
    folder = export_of()
    whole = (folder / "RD.dcm").read_bytes()
    (folder / "RD.dcm").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DicomReadError, match="RTDOSE"):
        read_export(folder)


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no symbolic links here")
def test_links_that_lead_back_end(export_of):
    folder = export_of()
    (folder / "down").mkdir()
    (folder / "down" / "up").symlink_to(folder, target_is_directory=True)
    (folder / "dangling").symlink_to(folder / "nowhere")
    assert len(read_export(folder).inputs) == 3


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_in_the_folder_does_not_stop_the_search(export_of):
    folder = export_of()
    os.mkfifo(folder / "pipe")
    assert len(read_export(folder).inputs) == 3


def test_one_file_alone_says_what_is_missing(export_of):
    folder = export_of()
    with pytest.raises(LinkError, match="RTSTRUCT missing"):
        read_export(folder / "RD.dcm")


def test_nothing_there(tmp_path):
    with pytest.raises(DicomReadError, match="no such file"):
        read_export(tmp_path / "nowhere")
    with pytest.raises(LinkError, match="no RT files"):
        read_export(tmp_path)
    (tmp_path / "text").write_text("hello")
    with pytest.raises(DicomReadError, match="not DICOM"):
        read_export(tmp_path / "text")


def test_what_is_neither_a_file_nor_a_folder_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DicomReadError, match="neither a file nor a folder") as refused:
        read_export(tmp_path / "pipe")
    assert refused.value.hint == "give a folder, a zip or a DICOM file"


def test_a_zip_of_thousands_is_no_export(export_of, tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "MAX_FILES", 2)
    folder, path = export_of(), tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    with pytest.raises(DicomReadError, match="the zip holds more than 2 files"):
        read_export(path)


def test_one_export_in_a_list_is_the_export(export_of):
    folder = export_of()
    assert labels(read_export([folder])) == labels(read_export(folder))


def test_an_archive_is_asked_for_the_object_by_its_own_numbers(export_of, tmp_path):
    path = export_of() / "RD.dcm"
    ds, query = pydicom.dcmread(path, stop_before_pixels=True), image_query(path)
    assert query.QueryRetrieveLevel == "IMAGE"
    for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        assert query[name].value == ds[name].value
    assert kind_of(path) == (ds.SOPClassUID, ds.file_meta.TransferSyntaxUID)
    (tmp_path / "x.txt").write_text("words")
    for ask in (image_query, kind_of):
        with pytest.raises(DicomReadError, match=r"x\.txt is not DICOM"):
            ask(tmp_path / "x.txt")
