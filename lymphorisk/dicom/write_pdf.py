"""A report as DICOM: an Encapsulated PDF in the study of the plan it is about."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lymphorisk.dicom.export import InputFile
from lymphorisk.dicom.study import SOP_CLASSES, Study, dataset, item_of, save, uid
from lymphorisk.errors import InputError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

PDF_MARK = b"%PDF-"
MIME_TYPE = "application/pdf"


def write_encapsulated_pdf(
    path: str | os.PathLike[str],
    pdf: bytes,
    study: Study,
    *,
    title: str = "Lymphopenia risk report",
    inputs: Sequence[InputFile] = (),
) -> Path:
    """Write a PDF as a DICOM Encapsulated PDF, in full or not at all; parameters as in `pdf_dataset`."""
    return save(pdf_dataset(pdf, study, title=title, inputs=inputs), path)


def pdf_dataset(
    pdf: bytes,
    study: Study,
    *,
    title: str = "Lymphopenia risk report",
    inputs: Sequence[InputFile] = (),
) -> Dataset:
    """A PDF as a DICOM Encapsulated PDF.

    Parameters
    ----------
    pdf : bytes
        The document.
    study : Study
        The study it joins (`study_of` an export), and the date of writing.
    title : str
        Document title, shown by archives.
    inputs : sequence of InputFile
        The files the report is about; they are named as its source instances.

    Raises
    ------
    InputError
        The bytes are no PDF.
    """
    if not pdf.startswith(PDF_MARK):
        raise InputError("the document is not a PDF", "write the report as PDF first (--report out.pdf)")
    study = study.filled()
    ds = dataset("PDF", study, uid(study.seed, "PDF", *(i.sop_uid for i in inputs)), unicode=not title.isascii())
    ds.ConversionType = "WSD"
    ds.ContentDate, ds.ContentTime = study.made
    ds.AcquisitionDateTime = ""
    ds.BurnedInAnnotation = "YES"
    ds.DocumentTitle = title
    ds.ConceptNameCodeSequence = []
    if inputs:
        ds.SourceInstanceSequence = [
            item_of(ReferencedSOPClassUID=SOP_CLASSES[i.role], ReferencedSOPInstanceUID=i.sop_uid) for i in inputs
        ]
    ds.MIMETypeOfEncapsulatedDocument = MIME_TYPE
    ds.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    ds.EncapsulatedDocumentLength = len(pdf)
    return ds
