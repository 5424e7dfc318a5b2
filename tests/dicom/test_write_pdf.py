"""A report goes into the archive beside the plan it is about."""

from __future__ import annotations

import shutil
import subprocess

import pydicom
import pytest

from lymphorisk.dicom import read_export, study_of
from lymphorisk.dicom.write_pdf import write_encapsulated_pdf
from lymphorisk.errors import InputError

PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
)


def test_the_document_comes_back_whole_and_beside_its_plan(export_of, tmp_path):
    export = read_export(export_of())
    path = write_encapsulated_pdf(
        tmp_path / "report.dcm", PDF, study_of(export, "report", made=("20260203", "040506")), inputs=export.inputs
    )
    ds = pydicom.dcmread(path)
    assert ds.EncapsulatedDocument[: ds.EncapsulatedDocumentLength] == PDF
    assert ds.StudyInstanceUID == export.study_uid
    assert [i.ReferencedSOPInstanceUID for i in ds.SourceInstanceSequence] == [i.sop_uid for i in export.inputs]
    again = write_encapsulated_pdf(
        tmp_path / "again.dcm", PDF, study_of(export, "report", made=("20260203", "040506")), inputs=export.inputs
    )
    assert path.read_bytes() == again.read_bytes()


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")
@pytest.mark.parametrize("title", ["Lymphopenia risk report", "Bericht: Lymphopenie-Risiko für Ä"])
def test_dciodvfy_finds_no_errors(export_of, tmp_path, title):
    export = read_export(export_of())
    path = write_encapsulated_pdf(tmp_path / "r.dcm", PDF, study_of(export, "r"), title=title, inputs=export.inputs)
    said = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    assert [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")] == []


def test_what_is_no_pdf_is_refused(export_of, tmp_path):
    study = study_of(read_export(export_of()), "report")
    with pytest.raises(InputError, match="not a PDF"):
        write_encapsulated_pdf(tmp_path / "report.dcm", b"<html>", study)
    assert not (tmp_path / "report.dcm").exists()


def test_a_report_in_the_folder_does_not_disturb_reading(export_of):
    folder = export_of()
    before = read_export(folder)
    write_encapsulated_pdf(folder / "report.dcm", PDF, study_of(before, "report"), inputs=before.inputs)
    after = read_export(folder)
    assert (after.inputs, after.findings) == (before.inputs, before.findings)
