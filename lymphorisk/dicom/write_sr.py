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

from lymphorisk.dicom.export import InputFile
from lymphorisk.dicom.study import (
    EXPLICIT_LITTLE,
    FIXED_DATE,
    FIXED_TIME,
    IMPLEMENTATION_NAME,
    IMPLEMENTATION_UID,
    SOP_CLASSES,
    Study,
    dataset,
    save,
    uid,
)
from lymphorisk.errors import InputError

SCHEME = "99LYMPHO"
SERIES_NUMBER = 99


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
    """

    code: str
    meaning: str
    value: float
    unit: str


def write_measurements(
    path: str | os.PathLike[str],
    numbers: Sequence[ReportedNumber],
    study: Study,
    inputs: Sequence[InputFile],
    *,
    version: str,
    made: tuple[str, str] = (FIXED_DATE, FIXED_TIME),
) -> Path:
    """Write numbers as a Comprehensive SR.

    Parameters
    ----------
    path : path
        Written in full or not at all.
    numbers : sequence of ReportedNumber
        At least one.
    study : Study
        The study it joins (`study_of` an export).
    inputs : sequence of InputFile
        The files the numbers were computed from (`Export.inputs`).
    version : str
        Version of this program.
    made : tuple of str
        Date (YYYYMMDD) and time (HHMMSS); fixed unless given, so that the bytes do not change.

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
    evidence = []
    for file in inputs:
        ds = dataset(file.role, study, file.sop_uid)
        ds.SeriesInstanceUID = file.series_uid or uid(study.seed, "series", file.role)
        ds.SOPClassUID = SOP_CLASSES[file.role]
        evidence.append(ds)
    device = sr.ObserverContext(
        observer_type=sr.CodedConcept("121007", "DCM", "Device"),
        observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
            uid=IMPLEMENTATION_UID, name="lymphorisk", model_name=version
        ),
    )
    group = sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=uid(study.seed, "SR group"), identifier="lymphorisk"),
        measurements=[
            sr.Measurement(
                name=sr.CodedConcept(n.code, SCHEME, n.meaning),
                value=n.value,
                unit=sr.CodedConcept(n.unit, "UCUM", n.unit),
            )
            for n in numbers
        ],
    )
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=device),
        procedure_reported=sr.CodedConcept("LR-ANALYSIS", SCHEME, "Lymphopenia risk analysis"),
        imaging_measurements=[group],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = sr.ComprehensiveSR(
            evidence=evidence,
            content=content[0],
            series_instance_uid=uid(study.seed, "series", "SR"),
            series_number=SERIES_NUMBER,
            sop_instance_uid=instance,
            instance_number=1,
            manufacturer="lymphorisk",
            is_complete=True,
            transfer_syntax_uid=EXPLICIT_LITTLE,
        )
    # highdicom reads the clock; a report is made when it is said to be made.
    for name in ("ContentDate", "ContentTime", "InstanceCreationDate", "InstanceCreationTime"):
        setattr(report, name, made[name.endswith("Time")])
    for name in ("SeriesDate", "SeriesTime", "TimezoneOffsetFromUTC"):
        if name in report:
            delattr(report, name)
    for equipment in report.get("ContributingEquipmentSequence", []):
        equipment.ContributionDateTime = "".join(made)
    report.file_meta.ImplementationClassUID = IMPLEMENTATION_UID  # type: ignore[assignment]
    report.file_meta.ImplementationVersionName = IMPLEMENTATION_NAME
    return save(report, path)
