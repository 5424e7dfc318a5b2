"""What reading an export gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lymphorisk.dvh.curve import DVH
from lymphorisk.findings import Finding
from lymphorisk.plan import CTVolume, Patient, TreatmentPlan


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that was used: its role, SOP Instance UID, SHA-256 and Series Instance UID."""

    role: str
    sop_uid: str
    sha256: str
    series_uid: str = ""


@dataclass(frozen=True, slots=True)
class PatientIdentity:
    """Who the patient is; kept apart so that no report meets it by accident.

    The issuer is who gave the ID; files of one patient may leave it out.
    """

    name: str = field(default="", repr=False)
    id: str = field(default="", repr=False)
    birth_date: str = field(default="", repr=False)
    sex: str = field(default="", repr=False)
    issuer: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ImageSeries:
    """Images that structures were drawn on: their study (class and UID), series, and class and UID of each."""

    study: tuple[str, str] = field(repr=False)
    series_uid: str = field(repr=False)
    images: tuple[tuple[str, str], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """Attributes of patient and study as the plan states them; for DICOM objects that join the study, for nothing else.

    Dates and times are DICOM text, empty where the plan does not state them; `drawn_on` what its structures refer to.
    """

    date: str = field(default="", repr=False)
    time: str = field(default="", repr=False)
    accession: str = field(default="", repr=False)
    number: str = field(default="", repr=False)
    description: str = field(default="", repr=False)
    referring_physician: str = field(default="", repr=False)
    birth_date: str = field(default="", repr=False)
    sex: str = field(default="", repr=False)
    drawn_on: tuple[ImageSeries, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Export:
    """An export, read and linked.

    Attributes
    ----------
    plan : TreatmentPlan
        Phases with dose, structures, UIDs.
    patient : Patient
        Sex, age, height and weight as far as the headers say; no names.
    findings : tuple of Finding
        What was noticed; never a name or ID of the patient.
    inputs : tuple of InputFile
        The files that were used.
    tps_dvhs : tuple of DVH
        The planning system's own DVHs (``engine="tps"``), when the dose carries them.
    ct : CTVolume or None
        The planning CT, when it is in the export.
    phi : PatientIdentity
        Name and ID, for ``--show-phi`` only.
    study_uid : str
        Study Instance UID, for files that join the study.
    study : StudyFacts
        Its other attributes, for the same files only.
    fractions_known : bool
        False when no plan file said their number and the dose was read for DVHs alone.
    segmentation, labels : tuple of Path, Path or None
        Masks handed in beside the export, and what their labels are; read and held against it when it is analysed.
    """

    plan: TreatmentPlan
    patient: Patient
    findings: tuple[Finding, ...]
    inputs: tuple[InputFile, ...]
    tps_dvhs: tuple[DVH, ...] = ()
    ct: CTVolume | None = None
    phi: PatientIdentity = field(default_factory=PatientIdentity)
    study_uid: str = ""
    study: StudyFacts = field(default_factory=StudyFacts)
    fractions_known: bool = True
    segmentation: tuple[Path, ...] = ()
    labels: Path | None = None
