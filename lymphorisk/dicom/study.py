"""What every written file shares: UIDs from a seed, the study and patient, the header, saving in full or not at all."""

from __future__ import annotations

import hashlib
import io
import math
import os
import warnings
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lymphorisk.dicom.export import Export, PatientIdentity, StudyFacts
from lymphorisk.errors import UnsupportedGeometryError
from lymphorisk.plan import Patient

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

UID_ROOT = "2.25"
UID_BYTES = 16
FIXED_DATE, FIXED_TIME = "20000101", "120000"
IMPLEMENTATION_UID = "2.25.190134752108325163024318206723571284591"
IMPLEMENTATION_NAME = "LYMPHORISK"
SOP_CLASSES = {
    "RTDOSE": "1.2.840.10008.5.1.4.1.1.481.2",
    "RTSTRUCT": "1.2.840.10008.5.1.4.1.1.481.3",
    "RTPLAN": "1.2.840.10008.5.1.4.1.1.481.5",
    "RTIONPLAN": "1.2.840.10008.5.1.4.1.1.481.8",
    "PDF": "1.2.840.10008.5.1.4.1.1.104.1",
}
#: Modality where it is not the role.
MODALITIES = {"RTIONPLAN": "RTPLAN", "PDF": "DOC"}
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
#: Characters a decimal string may have (PS3.5 table 6.2-1).
DECIMAL_LENGTH = 16
#: Below this a whole number is written without a point.
WHOLE_BELOW = 1e15
#: Digits that hold any double.
DIGITS = 17
CM_PER_M = 100.0
#: Series numbers of what joins a study: far above those a planning system counts, within the 31 bits of the format.
SERIES_FROM, SERIES_COUNT = 900_000_000, 1_000_000_000
#: Series Description is a long string. [characters]
SERIES_LENGTH = 64
#: Short text. [characters]
TEXT_LENGTH = 1024


def uid(seed: str, *parts: object) -> str:
    """A UID that the same seed and parts always give.

    Examples
    --------
    >>> uid("demo", "RTPLAN", 1) == uid("demo", "RTPLAN", 1) != uid("demo", "RTPLAN", 2)
    True
    """
    digest = hashlib.sha256("/".join((seed, *map(str, parts))).encode()).digest()
    return f"{UID_ROOT}.{int.from_bytes(digest[:UID_BYTES], 'big')}"


@dataclass(frozen=True, slots=True)
class Study:
    """What the files of one export share.

    Attributes
    ----------
    seed : str
        Every UID not given follows from it.
    identity, patient : PatientIdentity, Patient
        Who it is; an invented patient for fixtures.
    study_uid, frame_uid, structure_uid : str
        Given where files join an existing study, else made from the seed.
    facts : StudyFacts or None
        The other attributes of an existing study; None for an invented one.
    made : tuple of str
        Date (YYYYMMDD) and time (HHMMSS) of writing; fixed for fixtures, whose bytes must not change.
    series : str
        Series Description; empty for none.
    """

    seed: str
    identity: PatientIdentity = field(default_factory=lambda: PatientIdentity("Lymphorisk^Fixture", "LYMPHORISK"))
    patient: Patient = field(default_factory=Patient)
    study_uid: str = ""
    frame_uid: str = ""
    structure_uid: str = ""
    facts: StudyFacts | None = None
    made: tuple[str, str] = (FIXED_DATE, FIXED_TIME)
    series: str = ""

    def filled(self) -> Study:
        """The same with every UID made."""
        return replace(
            self,
            study_uid=self.study_uid or uid(self.seed, "study"),
            frame_uid=self.frame_uid or uid(self.seed, "frame of reference"),
            structure_uid=self.structure_uid or uid(self.seed, "RTSTRUCT"),
        )


def study_of(export: Export, seed: str, made: tuple[str, str] | None = None) -> Study:
    """The study of an export that was read, for files that join it (a kill map, reports).

    They carry who the patient is, as every object of a study must; `made` is the time of writing, now unless given.
    """
    frames = [p.dose.frame_of_reference for p in export.plan.phases if p.dose is not None]
    return Study(
        seed,
        identity=export.phi,
        patient=export.patient,
        study_uid=export.study_uid,
        frame_uid=frames[0] if frames else "",
        structure_uid=next(iter(export.plan.uids.get("RTSTRUCT", ())), ""),
        facts=export.study,
        made=made or now(),
    ).filled()


def now() -> tuple[str, str]:
    """Date and time of this moment, as DICOM writes them."""
    moment = datetime.now()
    return moment.strftime("%Y%m%d"), moment.strftime("%H%M%S")


def series_number(study: Study, role: str) -> int:
    """Series number: 1 in an invented study, a high one of its own in a study that others fill."""
    if study.facts is None:
        return 1
    digest = hashlib.sha256(f"{study.seed}/series number/{role}".encode()).digest()
    return SERIES_FROM + int.from_bytes(digest[:UID_BYTES], "big") % SERIES_COUNT


def made_with(ds: Dataset, text: str) -> Dataset:
    """A data set that says how it was made, in Contributing Equipment; without text as it is."""
    if text:
        purpose = item_of(CodeValue="109102", CodingSchemeDesignator="DCM", CodeMeaning="Processing Equipment")
        ds.ContributingEquipmentSequence = [
            item_of(
                PurposeOfReferenceCodeSequence=[purpose],
                Manufacturer="lymphorisk",
                SoftwareVersions=IMPLEMENTATION_NAME,
                ContributionDescription=text[:TEXT_LENGTH],
            )
        ]
    return ds


def dataset(role: str, study: Study, instance: str, *, unicode: bool = False) -> Dataset:
    """A data set of one role in a study, with its meta information and patient."""
    from pydicom.dataset import Dataset, FileMetaDataset

    ds = Dataset()
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = SOP_CLASSES[role]  # type: ignore[assignment]
    meta.MediaStorageSOPInstanceUID = instance  # type: ignore[assignment]
    meta.TransferSyntaxUID = EXPLICIT_LITTLE  # type: ignore[assignment]
    meta.ImplementationClassUID = IMPLEMENTATION_UID  # type: ignore[assignment]
    meta.ImplementationVersionName = IMPLEMENTATION_NAME
    ds.file_meta = meta
    modality = MODALITIES.get(role, role)
    identity, facts = study.identity, study.facts
    known = "" if facts is None else facts.accession + facts.number + facts.description + facts.referring_physician
    if unicode or not (identity.name + identity.id + known + study.series).isascii():
        ds.SpecificCharacterSet = "ISO_IR 192"
    ds.InstanceCreationDate, ds.InstanceCreationTime = study.made
    ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = SOP_CLASSES[role], instance, modality
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a library's word on what the plan says may quote it
        _filed(ds, study)
    ds.SeriesInstanceUID = uid(study.seed, "series", role)
    ds.SeriesNumber, ds.InstanceNumber = series_number(study, role), 1
    return ds


def _filed(ds: Dataset, study: Study) -> None:
    """Whose it is, and of which study: as the plan has it, however it is written there."""
    facts, patient, identity = study.facts, study.patient, study.identity
    if facts is None:
        ds.StudyDate, ds.StudyTime, ds.AccessionNumber = FIXED_DATE, FIXED_TIME, ""
    else:
        ds.StudyDate, ds.StudyTime, ds.AccessionNumber = facts.date, facts.time, facts.accession
        if facts.description:
            ds.StudyDescription = facts.description
    if study.series:
        ds.SeriesDescription = study.series[:SERIES_LENGTH]
    ds.Manufacturer, ds.ManufacturerModelName = "lymphorisk", "lymphorisk"
    ds.SoftwareVersions = IMPLEMENTATION_NAME
    ds.ReferringPhysicianName, ds.OperatorsName = "" if facts is None else facts.referring_physician, ""
    ds.PatientName, ds.PatientID = identity.name, identity.id
    ds.PatientBirthDate = "" if facts is None else facts.birth_date
    ds.PatientSex = (facts.sex if facts is not None else "") or patient.sex or ""
    if patient.age_y is not None:
        ds.PatientAge = f"{int(patient.age_y):03d}Y"
    if patient.height_cm is not None:
        ds.PatientSize = decimal(patient.height_cm / CM_PER_M)
    if patient.weight_kg is not None:
        ds.PatientWeight = decimal(patient.weight_kg)
    ds.StudyInstanceUID = study.study_uid
    ds.StudyID = "1" if facts is None else facts.number


def item_of(**values: object) -> Dataset:
    """A data set with these elements."""
    from pydicom.dataset import Dataset

    ds = Dataset()
    for name, value in values.items():
        setattr(ds, name, value)
    return ds


def encoded(ds: Dataset) -> bytes:
    """The bytes of a DICOM file."""
    from pydicom import dcmwrite

    out = io.BytesIO()
    dcmwrite(out, ds, enforce_file_format=True, implicit_vr=False, little_endian=True)
    return out.getvalue()


def save(ds: Dataset, path: str | os.PathLike[str]) -> Path:
    """Write in full or not at all."""
    from pydicom import dcmwrite

    target = Path(path)
    part = target.with_name(target.name + ".part")
    try:
        dcmwrite(part, ds, enforce_file_format=True, implicit_vr=False, little_endian=True)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def decimal(value: float) -> str:
    """A number as a decimal string of at most 16 characters, as exact as that allows.

    Examples
    --------
    >>> decimal(-1.0), decimal(1 / 3), decimal(-1.23456789e-7)
    ('-1', '0.33333333333333', '-1.23456789e-07')
    """
    number = float(value) + 0.0
    if not math.isfinite(number):
        raise UnsupportedGeometryError(f"{value!r} does not fit a decimal string")
    if number == int(number) and abs(number) < WHOLE_BELOW:
        return str(int(number))
    texts = (f"{number:.{digits}g}" for digits in range(DIGITS, 0, -1))
    return next(text for text in texts if len(text) <= DECIMAL_LENGTH)
