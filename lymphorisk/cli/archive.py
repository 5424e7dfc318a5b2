"""Results as DICOM in the study of the plan they are about: reports and DICOM meet here only."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lymphorisk.cli.output import message
from lymphorisk.errors import InputError

if TYPE_CHECKING:
    from lymphorisk.analysis import Analysis
    from lymphorisk.dicom import Export
    from lymphorisk.report.content import ProtocolTable
    from lymphorisk.scenario import Scenario

ARCHIVE = (
    click.option(
        "--dicom-pdf",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write the report as DICOM Encapsulated PDF (extra pdf).",
    ),
    click.option(
        "--sr",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write the numbers as DICOM structured report (extra sr).",
    ),
    click.option(
        "--dated",
        type=click.DateTime(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"]),
        help="Date and time to write into reports; without it equal results are equal files.",
    ),
)


def stamp(dated: datetime | None) -> str:
    """The date as a report prints it; empty when none was given."""
    return "" if dated is None else dated.strftime("%Y-%m-%d %H:%M")


def archive(
    read: Export | Scenario,
    result: Analysis,
    *,
    dicom_pdf: Path | None,
    sr: Path | None,
    dated: datetime | None = None,
    identity: tuple[str, str] | None = None,
    protocol: ProtocolTable | None = None,
) -> None:
    """Write what was asked for.

    Every UID follows from the content: the same result is the same instance, another result another one.

    Raises
    ------
    InputError
        A scenario has no study to join, an extra is not installed, or a folder does not exist.
    """
    if dicom_pdf is None and sr is None:
        return
    from lymphorisk.dicom import Export, study_of
    from lymphorisk.dicom.study import FIXED_DATE, FIXED_TIME

    if not isinstance(read, Export):
        raise InputError("a scenario belongs to no DICOM study", "give an export, or write --report instead")
    made = (FIXED_DATE, FIXED_TIME) if dated is None else (dated.strftime("%Y%m%d"), dated.strftime("%H%M%S"))
    for path in (dicom_pdf, sr):
        if path is not None and not path.parent.is_dir():
            raise InputError(f"the folder of {path.name} does not exist", "create it or choose another path")
    if dicom_pdf is not None:
        from lymphorisk.dicom.write_pdf import write_encapsulated_pdf
        from lymphorisk.report.document import pdf

        page = pdf(result, identity=identity, protocol=protocol, written=stamp(dated))
        study = study_of(read, _seed("PDF", page, *made))
        write_encapsulated_pdf(dicom_pdf, page, study, inputs=read.inputs, made=made)
        message(f"Encapsulated PDF: {dicom_pdf}")
    if sr is not None:
        from lymphorisk.dicom.write_sr import ReportedNumber, write_measurements
        from lymphorisk.report import json_
        from lymphorisk.report.measurements import measurements

        numbers = [ReportedNumber(*row) for row in measurements(result)]
        study = study_of(read, _seed("SR", json_.render(result).encode("utf-8"), *made))
        write_measurements(sr, numbers, study, read.inputs, version=result.provenance.version, made=made)
        message(f"structured report: {sr}")


def _seed(kind: str, content: bytes, *more: str) -> str:
    return hashlib.sha256("/".join((kind, *more)).encode("utf-8") + content).hexdigest()
