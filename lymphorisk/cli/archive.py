"""The options by which a result is written as DICOM objects of the study it is about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lymphorisk.errors import InputError
from lymphorisk.outputs import Outputs
from lymphorisk.report.archived import made_at, needs, stamp

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
            needs("reportlab", "pdf")
        if sr is not None:
            needs("highdicom", "sr")
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
        from lymphorisk.report import archived

        export = exported(read)
        if self._pdf is not None:
            from lymphorisk.report import content, pdf

            said = content.report(result, identity, protocol=protocol, written=stamp(self._dated))
            self._outputs.add(self._pdf, archived.pdf_object(export, pdf.render(said), self._made))
        if self._sr is not None:
            self._outputs.add(self._sr, archived.sr_object(export, result, self._made, texts))

    def report(
        self, export: Export, numbers: Sequence[ReportedNumber], texts: Sequence[ReportedText], version: str
    ) -> None:
        """Make the structured report."""
        if self._sr is not None:
            from lymphorisk.report.archived import numbers_object

            self._outputs.add(self._sr, numbers_object(export, numbers, texts, version, self._made))


def exported(read: Export | Scenario) -> Export:
    """The export behind a result, whose study DICOM objects join."""
    from lymphorisk.dicom import Export

    if not isinstance(read, Export):
        raise InputError("a scenario belongs to no DICOM study", "give an export, or write --report instead")
    return read
