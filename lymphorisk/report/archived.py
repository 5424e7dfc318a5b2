"""Results as DICOM objects of the study of their plan: the report in a PDF, the numbers in a structured report.

Every UID follows from content and date of writing: the same result with the same date is the same instance.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from lymphorisk.errors import InputError

if TYPE_CHECKING:
    from lymphorisk.analysis import Analysis
    from lymphorisk.dicom import Export
    from lymphorisk.dicom.write_sr import ReportedNumber, ReportedText


def stamp(dated: datetime | None) -> str:
    """The date as a report prints it; empty when none was given."""
    return "" if dated is None else dated.strftime("%Y-%m-%d %H:%M")


def made_at(dated: datetime | None) -> tuple[str, str]:
    """Date and time of writing as DICOM has them: as given, else of this moment."""
    moment = dated or datetime.now()
    return moment.strftime("%Y%m%d"), moment.strftime("%H%M%S")


def needs(package: str, extra: str) -> None:
    """Refuse what cannot be written here.

    Raises
    ------
    InputError
        The package is not installed.
    """
    import importlib
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module(package)
    except ImportError as error:
        raise InputError(f"{package} is not installed", f"pip install 'lymphorisk[{extra}]'") from error


def pdf_object(export: Export, page: bytes, made: tuple[str, str]) -> bytes:
    """A report, the bytes of its PDF, as DICOM Encapsulated PDF, the bytes of its file."""
    from lymphorisk.dicom.study import encoded, study_of
    from lymphorisk.dicom.write_pdf import pdf_dataset

    study = study_of(export, _seed("PDF", page, *made), made=made)
    study = replace(study, series="Lymphopenia risk report")
    return encoded(pdf_dataset(page, study, inputs=export.inputs))


def sr_object(
    export: Export, result: Analysis, made: tuple[str, str], texts: Sequence[tuple[str, str, str]] = ()
) -> bytes:
    """The numbers as DICOM structured report, the bytes of its file; `texts` (code, meaning, text) go into it."""
    from lymphorisk.dicom.write_sr import ReportedNumber, ReportedText
    from lymphorisk.report.measurements import measurements, sentences

    numbers = [ReportedNumber(*row) for row in measurements(result)]
    said = [ReportedText(*row) for row in (*texts, *sentences(result))]
    return numbers_object(export, numbers, said, result.provenance.version, made)


def numbers_object(
    export: Export,
    numbers: Sequence[ReportedNumber],
    texts: Sequence[ReportedText],
    version: str,
    made: tuple[str, str],
) -> bytes:
    """Numbers and texts as DICOM structured report, the bytes of its file."""
    from lymphorisk.dicom.study import encoded, study_of
    from lymphorisk.dicom.write_sr import measurements_dataset

    content = repr((numbers, texts, [i.sha256 for i in export.inputs])).encode("utf-8")
    study = study_of(export, _seed("SR", content, *made), made=made)
    study = replace(study, series="Lymphopenia risk numbers")
    return encoded(measurements_dataset(numbers, study, export.inputs, version=version, texts=texts))


def _seed(kind: str, content: bytes, *more: str) -> str:
    return hashlib.sha256("/".join((kind, *more)).encode("utf-8") + content).hexdigest()
