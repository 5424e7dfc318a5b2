"""Results as DICOM in the study of the plan they are about: reports and DICOM meet here only."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lymphorisk.errors import InputError
from lymphorisk.outputs import Outputs

if TYPE_CHECKING:
    from lymphorisk.analysis import Analysis
    from lymphorisk.dicom import Export
    from lymphorisk.dicom.write_sr import ReportedNumber, ReportedText
    from lymphorisk.report.content import ProtocolTable
    from lymphorisk.scenario import Scenario

AUDIT = (
    click.option(
        "--audit", type=click.Path(file_okay=False, path_type=Path), help="Append to the audit trail of a folder."
    ),
    click.option(
        "--audit-key",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Seal the line of the audit trail with the key in this file.",
    ),
)
DATED = click.option(
    "--dated",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"]),
    help="Date and time to write into reports and DICOM objects, for equal bytes; DICOM objects have now otherwise.",
)
SR = click.option(
    "--sr",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the numbers as DICOM structured report, with the patient's identity (extra sr).",
)
ARCHIVE = (
    click.option(
        "--dicom-pdf",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write the report as DICOM Encapsulated PDF, with the patient's identity (extra pdf).",
    ),
    SR,
    DATED,
)


def stamp(dated: datetime | None) -> str:
    """The date as a report prints it; empty when none was given."""
    return "" if dated is None else dated.strftime("%Y-%m-%d %H:%M")


def made_at(dated: datetime | None) -> tuple[str, str]:
    """Date and time of writing as DICOM has them: as given, else of this moment."""
    moment = dated or datetime.now()
    return moment.strftime("%Y%m%d"), moment.strftime("%H%M%S")


class Archive:
    """The DICOM objects of a call.

    Every UID follows from content and date of writing: with ``--dated`` the same result is the same instance.

    Raises
    ------
    InputError
        A place where nothing may be written, or an extra is not installed: both before the work starts.
    """

    def __init__(self, outputs: Outputs, dicom_pdf: Path | None, sr: Path | None, dated: datetime | None) -> None:
        outputs.expect(dicom_pdf, "dicom-pdf")
        outputs.expect(sr, "sr")
        if dicom_pdf is not None:
            _needs("reportlab", "pdf")
        if sr is not None:
            _needs("highdicom", "sr")
        self._outputs, self._pdf, self._sr, self._dated = outputs, dicom_pdf, sr, dated
        self._made = made_at(dated)
        #: What each file is called in messages.
        self.names = {str(dicom_pdf): "Encapsulated PDF", str(sr): "structured report"}

    def add(
        self,
        read: Export | Scenario,
        result: Analysis,
        *,
        identity: tuple[str, str] | None = None,
        protocol: ProtocolTable | None = None,
        texts: Sequence[tuple[str, str, str]] = (),
    ) -> None:
        """Make what was asked for; `texts` (code, meaning, text) go into the structured report.

        Raises
        ------
        InputError
            A scenario has no study to join.
        """
        if self._pdf is None and self._sr is None:
            return
        from lymphorisk.dicom.study import encoded, study_of

        export = exported(read)
        if self._pdf is not None:
            from lymphorisk.dicom.write_pdf import pdf_dataset
            from lymphorisk.report import content, pdf

            page = pdf.render(content.report(result, identity, protocol=protocol, written=stamp(self._dated)))
            study = study_of(export, _seed("PDF", page, *self._made), made=self._made)
            study = replace(study, series="Lymphopenia risk report")
            self._outputs.add(self._pdf, encoded(pdf_dataset(page, study, inputs=export.inputs)))
        if self._sr is not None:
            from lymphorisk.dicom.write_sr import ReportedNumber, ReportedText
            from lymphorisk.report.measurements import measurements, sentences

            numbers = [ReportedNumber(*row) for row in measurements(result)]
            said = [ReportedText(*row) for row in (*texts, *sentences(result))]
            self.report(export, numbers, said, result.provenance.version)

    def report(
        self, export: Export, numbers: Sequence[ReportedNumber], texts: Sequence[ReportedText], version: str
    ) -> None:
        """Make the structured report."""
        if self._sr is None:
            return
        from lymphorisk.dicom.study import encoded, study_of
        from lymphorisk.dicom.write_sr import measurements_dataset

        content = repr((numbers, texts, [i.sha256 for i in export.inputs])).encode("utf-8")
        study = study_of(export, _seed("SR", content, *self._made), made=self._made)
        study = replace(study, series="Lymphopenia risk numbers")
        made = measurements_dataset(numbers, study, export.inputs, version=version, texts=texts)
        self._outputs.add(self._sr, encoded(made))


def exported(read: Export | Scenario) -> Export:
    """The export behind a result, whose study DICOM objects join."""
    from lymphorisk.dicom import Export

    if not isinstance(read, Export):
        raise InputError("a scenario belongs to no DICOM study", "give an export, or write --report instead")
    return read


def _needs(package: str, extra: str) -> None:
    import importlib
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module(package)
    except ImportError as error:
        raise InputError(f"{package} is not installed", f"pip install 'lymphorisk[{extra}]'") from error


def _seed(kind: str, content: bytes, *more: str) -> str:
    return hashlib.sha256("/".join((kind, *more)).encode("utf-8") + content).hexdigest()
