"""What lies in an export, file by file, whether or not it can be joined."""

from __future__ import annotations

import os
from dataclasses import dataclass

from lymphorisk.dicom import rtdose, rtplan, rtstruct, tags
from lymphorisk.dicom.reader import RT_ROLES, DicomFile, find
from lymphorisk.errors import DicomReadError


@dataclass(frozen=True, slots=True)
class SurveyedFile:
    """One RT file: what it is, and which files it says it belongs to.

    Attributes
    ----------
    role, sop_uid, folder : str
        What it is, its SOP Instance UID, the folder it lies in.
    what : str
        Label, fractions and beams of a plan; kind, unit and sum of a dose; ROIs of a structure set.
    refers_to : tuple of str
        SOP Instance UIDs of the plans or structure set it names.
    frames : tuple of str
        Frame of Reference UIDs.
    """

    role: str
    sop_uid: str
    folder: str
    what: str
    refers_to: tuple[str, ...]
    frames: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Survey:
    """All RT files of an export, the number of CT slices and of other files, and what is broken."""

    files: tuple[SurveyedFile, ...]
    ct_slices: int
    other_files: int
    broken: tuple[str, ...]


def survey(path: str | os.PathLike[str]) -> Survey:
    """What an export holds. Nothing is joined and no voxel read.

    Raises
    ------
    DicomReadError
        There is nothing there, or nothing that can be read.
    """
    found = find(path)
    files: list[SurveyedFile] = []
    broken = [error.message for error in (*found.broken, *found.copies)]
    for file in found.of(*RT_ROLES):
        try:
            files.append(_surveyed(file))
        except DicomReadError as error:
            broken.append(error.message)
    order = {role: n for n, role in enumerate(RT_ROLES)}
    files.sort(key=lambda f: (order[f.role], f.folder, f.sop_uid))
    return Survey(tuple(files), len(found.of("CT")), found.ignored + len(found.of("SEG")), tuple(broken))


def _surveyed(file: DicomFile) -> SurveyedFile:
    refers: tuple[str, ...]
    frames: tuple[str, ...]
    if file.role == "RTDOSE":
        dose = rtdose.read_header(file)
        what = " ".join(part for part in (dose.summation or "no summation type", dose.dose_type, dose.units) if part)
        refers, frames = tuple(sorted(dose.plan_uids)), (dose.frame,)
    elif file.role == "RTSTRUCT":
        header = rtstruct.read_header(file)
        what = f"{len(file.root.items(tags.STRUCTURE_SET_ROI_SEQUENCE))} ROIs"
        refers, frames = (), tuple(sorted(header.frames))
    else:
        plan = rtplan.read_plan(file)
        groups = " + ".join(str(g.fractions or "?") for g in plan.groups) or "?"
        what = f"{plan.label!r}: {groups} fractions, {len(plan.beams)} beams, {plan.approval or 'approval not stated'}"
        refers, frames = (plan.structure_uid,), (plan.frame,)
    return SurveyedFile(
        file.role, file.sop_uid, file.folder, what, tuple(u for u in refers if u), tuple(u for u in frames if u)
    )


def described(found: Survey) -> list[str]:
    """The survey as lines: each file, what it refers to and whether that is here."""
    numbers = {f.sop_uid: f"{f.role} {n}" for n, f in enumerate(found.files, start=1)}
    lines = []
    for f in found.files:
        links = [numbers.get(uid, f"a file that is not here [...{uid[-12:]}]") for uid in f.refers_to]
        refers = f" -> {', '.join(links)}" if links else "" if f.role == "RTSTRUCT" else " -> names no file"
        lines.append(f"{numbers[f.sop_uid]}: {f.what}{refers}  [...{f.sop_uid[-12:]}]")
    frames = {uid for f in found.files for uid in f.frames}
    lines.append(f"frames of reference: {len(frames)}; CT slices: {found.ct_slices}; other files: {found.other_files}")
    return [*lines, *(f"broken: {message}" for message in found.broken)]
