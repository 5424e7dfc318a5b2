"""One received object: what it is and which others it belongs with, never whose it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from lymphorisk.dicom import rtdose, rtplan, rtstruct, tags
from lymphorisk.dicom.reader import RT_ROLES, DicomFile, open_file
from lymphorisk.dicom.window import Window, sha256_of
from lymphorisk.errors import DicomReadError

#: What a course may be made of.
ROLES = (*RT_ROLES, "CT", "SEG")
PLANS = ("RTPLAN", "RTIONPLAN")


@dataclass(frozen=True, slots=True)
class Held:
    """An object in the store.

    Attributes
    ----------
    sha256 : str
        Of its bytes; its file is named after it.
    sop_uid, role, study_uid, series_uid : str
    refers_to : tuple of str
        SOP Instance UIDs of the plans (of a dose) or the structure set (of a plan) it names; series of images (of a
        structure set).
    frames : tuple of str
        Frames of reference.
    summation : str
        Of a dose: PLAN, BEAM, ...
    beams : int
        Of a plan: beams that treat.
    """

    sha256: str
    sop_uid: str
    role: str
    study_uid: str
    series_uid: str
    refers_to: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    summation: str = ""
    beams: int = 0

    @property
    def is_plan(self) -> bool:
        """Whether it is a plan, of photons or ions."""
        return self.role in PLANS


def look(path: Path) -> Held:
    """What a DICOM file is.

    Raises
    ------
    DicomReadError
        Not DICOM, broken, or of a class this program has no use for.
    """
    whole = Window(path)
    file = open_file(whole, folder="")
    if file is None:
        raise DicomReadError("the object is not DICOM")
    if file.role not in ROLES:
        raise DicomReadError("the object is of a class this program has no use for")
    root = file.root
    facts = Held(
        sha256_of(whole),
        file.sop_uid,
        file.role,
        root.code(tags.STUDY_INSTANCE_UID),
        root.code(tags.SERIES_INSTANCE_UID),
        frames=_said([root.code(tags.FRAME_OF_REFERENCE_UID)]),
    )
    if not facts.study_uid:
        raise DicomReadError("the object has no Study Instance UID")
    return _with_references(facts, file)


def _with_references(facts: Held, file: DicomFile) -> Held:
    if file.role in PLANS:
        plan = rtplan.read_plan(file)
        beams = len(set(plan.beams) - plan.setup_beams)
        return replace(facts, refers_to=_said([plan.structure_uid]), frames=_said([plan.frame]), beams=beams)
    if file.role == "RTDOSE":
        dose = rtdose.read_header(file)
        return replace(facts, refers_to=_said(dose.plan_uids), frames=_said([dose.frame]), summation=dose.summation)
    if file.role == "RTSTRUCT":
        header = rtstruct.read_header(file)
        series = rtstruct.image_series(file.root)
        return replace(facts, refers_to=_said(series), frames=_said(header.frames))
    return facts


def _said(uids: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({uid for uid in uids if uid}))
