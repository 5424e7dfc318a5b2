"""Numbers as a DICOM structured report (Comprehensive SR, TID 1500) in the study of the plan they are about.

No standard code says "predicted lymphocyte nadir" or "blood dose", so names carry the private scheme
99LYMPHO; units are UCUM. The RT objects are named as evidence only: an image reference to an RTDOSE
makes other programs refuse the report.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lymphorisk.dicom.export import InputFile
from lymphorisk.dicom.study import (
    EXPLICIT_LITTLE,
    IMPLEMENTATION_NAME,
    IMPLEMENTATION_UID,
    SERIES_LENGTH,
    SOP_CLASSES,
    Study,
    dataset,
    save,
    series_number,
    uid,
)
from lymphorisk.errors import InputError

if TYPE_CHECKING:
    from highdicom.sr import MeasurementsAndQualitativeEvaluations
    from pydicom.dataset import Dataset

SCHEME = "99LYMPHO"
#: Longest text of a content item here; the standard allows far more. [characters]
TEXT_LENGTH = 1024
#: Longest name of what a group of numbers is about. [characters]
GROUP_LENGTH = 64


@dataclass(frozen=True, slots=True)
class ReportedNumber:
    """One number of the report.

    Attributes
    ----------
    code, meaning : str
        Code value in the scheme 99LYMPHO (at most 16 characters) and what it means (at most 64).
    value : float
        In `unit`.
    unit : str
        UCUM code: ``10*9/L``, ``Gy``, ``d``, ``%``, ``1``.
    note : str
        What the number rests on that nobody measured or drew; empty when nothing.
    group : str
        What the number is about when a report is about several things, such as regimens.
    """

    code: str
    meaning: str
    value: float
    unit: str
    note: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class ReportedText:
    """One sentence of the report: code (at most 16 characters), its meaning (at most 64), the text."""

    code: str
    meaning: str
    text: str


def write_measurements(
    path: str | os.PathLike[str],
    numbers: Sequence[ReportedNumber],
    study: Study,
    inputs: Sequence[InputFile],
    *,
    version: str,
    texts: Sequence[ReportedText] = (),
) -> Path:
    """Write numbers as a Comprehensive SR, in full or not at all; parameters as in `measurements_dataset`."""
    return save(measurements_dataset(numbers, study, inputs, version=version, texts=texts), path)


def measurements_dataset(
    numbers: Sequence[ReportedNumber],
    study: Study,
    inputs: Sequence[InputFile],
    *,
    version: str,
    texts: Sequence[ReportedText] = (),
) -> Dataset:
    """Numbers and sentences as a Comprehensive SR.

    Parameters
    ----------
    numbers : sequence of ReportedNumber
        At least one.
    study : Study
        The study it joins (`study_of` an export), and the date of writing.
    inputs : sequence of InputFile
        The files the numbers were computed from (`Export.inputs`).
    version : str
        Version of this program.
    texts : sequence of ReportedText
        What a reader of the numbers must know: findings, sources of doses, the verdict of a gate and its lines.

    Raises
    ------
    InputError
        No numbers, no inputs, or highdicom is not installed.
    """
    if not numbers or not inputs:
        raise InputError("a structured report needs numbers and the files they are from", "give both")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from highdicom import sr
    except ImportError as error:
        raise InputError("highdicom is not installed", "pip install 'lymphorisk[sr]'") from error
    study = study.filled()
    instance = uid(study.seed, "SR", *(i.sop_uid for i in inputs))
    said = "".join([*(t.text + t.meaning for t in texts), *(n.meaning + n.note + n.group for n in numbers)])
    evidence = []
    for file in inputs:  # whose character set the report takes over
        ds = dataset(file.role, study, file.sop_uid, unicode=not said.isascii())
        ds.SeriesInstanceUID = file.series_uid or uid(study.seed, "series", file.role)
        ds.SOPClassUID = SOP_CLASSES[file.role]
        evidence.append(ds)
    device = sr.ObserverContext(
        observer_type=sr.CodedConcept("121007", "DCM", "Device"),
        observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
            uid=IMPLEMENTATION_UID, name="lymphorisk", model_name=version
        ),
    )
    groups = [
        _group([n for n in numbers if n.group == name], uid(study.seed, "SR group", name), name)
        for name in dict.fromkeys(n.group for n in numbers)
    ]
    for t in texts:
        _append(groups[0][0], t.code, t.meaning, t.text, "CONTAINS")
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=device),
        procedure_reported=sr.CodedConcept("LR-ANALYSIS", SCHEME, "Lymphopenia risk analysis"),
        imaging_measurements=groups,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = sr.ComprehensiveSR(
            evidence=evidence,
            content=content[0],
            series_instance_uid=uid(study.seed, "series", "SR"),
            series_number=series_number(study, "SR"),
            series_description=study.series[:SERIES_LENGTH] or None,
            sop_instance_uid=instance,
            instance_number=1,
            manufacturer="lymphorisk",
            is_complete=True,
            transfer_syntax_uid=EXPLICIT_LITTLE,
        )
    # highdicom reads the clock; a report is made when it is said to be made.
    for name in ("ContentDate", "ContentTime", "InstanceCreationDate", "InstanceCreationTime"):
        setattr(report, name, study.made[name.endswith("Time")])
    for name in ("SeriesDate", "SeriesTime", "TimezoneOffsetFromUTC"):
        if name in report:
            delattr(report, name)
    for equipment in report.get("ContributingEquipmentSequence", []):
        equipment.ContributionDateTime = "".join(study.made)
    report.file_meta.ImplementationClassUID = IMPLEMENTATION_UID  # type: ignore[assignment]
    report.file_meta.ImplementationVersionName = IMPLEMENTATION_NAME
    return report


def _group(numbers: Sequence[ReportedNumber], tracking: str, name: str) -> MeasurementsAndQualitativeEvaluations:
    from highdicom import sr

    group = sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=tracking, identifier=name[:GROUP_LENGTH] or "lymphorisk"),
        measurements=[
            sr.Measurement(
                name=sr.CodedConcept(n.code, SCHEME, n.meaning),
                value=n.value,
                unit=sr.CodedConcept(n.unit, "UCUM", n.unit),
            )
            for n in numbers
        ],
    )
    for n, item in zip(numbers, _measured(group), strict=True):
        if n.note:
            _append(item, "LR-RESTS-ON", "Rests on what nobody drew or measured", n.note, "HAS PROPERTIES")
    return group


def _measured(group: Sequence[Dataset]) -> list[Dataset]:
    return [item for item in group[0].ContentSequence if item.ValueType == "NUM"]


def _append(item: Dataset, code: str, meaning: str, text: str, relation: str) -> None:
    from highdicom import sr

    said = "".join(c if c.isprintable() else " " for c in text)[:TEXT_LENGTH]
    added = sr.TextContentItem(sr.CodedConcept(code, SCHEME, meaning), said, relationship_type=relation)
    item.ContentSequence = [*item.get("ContentSequence", []), added]
