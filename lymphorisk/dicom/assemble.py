"""read_export: from files to a linked plan."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from lymphorisk.dicom import checks, rtdose, rtplan, rtstruct, tags
from lymphorisk.dicom.ct import read_ct
from lymphorisk.dicom.dvhs import read_dvhs
from lymphorisk.dicom.export import Export, InputFile
from lymphorisk.dicom.frames import beams_on_one_grid
from lymphorisk.dicom.identity import check_files, read_identity
from lymphorisk.dicom.link import Candidates, Linked, link
from lymphorisk.dicom.patient import read_patient, read_study
from lymphorisk.dicom.quantity import DOSE_AS_SAID, HINT, check_texts
from lymphorisk.dicom.reader import RT_ROLES, UNKNOWN, DicomFile, Found, find
from lymphorisk.dicom.replans import refuse_replans
from lymphorisk.dicom.slices import with_slices
from lymphorisk.dicom.summation import WHOLE, DosePart, PhaseLink
from lymphorisk.dicom.witnesses import witnesses_of
from lymphorisk.dvh.curve import DVH
from lymphorisk.errors import InputError, LinkError, UnsupportedDoseError
from lymphorisk.findings import Finding, finding
from lymphorisk.parameters import load
from lymphorisk.plan import Beam, DoseGrid, Phase, Structure, TreatmentPlan
from lymphorisk.plan.words import DOSE_IS, DoseIs, LinkBy, Modality, is_particle

BeamTimes = Mapping[int, float] | Sequence[float]


def read_export(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    link_by: LinkBy = "uid",
    sum_doses: bool = False,
    beam_on_s: BeamTimes | None = None,
    plan: str | None = None,
    fractions: int | None = None,
    dose_is: DoseIs | None = None,
    need_fractions: bool = True,
    segmentation: Sequence[str | os.PathLike[str]] = (),
    labels: str | os.PathLike[str] | None = None,
    deliver: Sequence[str] = (),
) -> Export:
    """Read what a planning system exported and join what belongs together.

    Parameters
    ----------
    path : path
        A folder (searched through), a zip, a DICOMDIR, one file, or ``dicomweb:URL/studies/UID``; or several of them
        that hold one course.
    link_by : str
        ``uid`` (default), ``frame`` (frame of reference, where UIDs are broken) or ``folder``.
    sum_doses : bool
        Add up what belongs together: several plans, each with its dose, are phases of one course; a
        complete set of beam doses is the dose of its plan.
    beam_on_s : mapping or sequence of float, optional
        Beam-on time of one fraction by beam number, or in the order of the beams. [s]
    plan : str, optional
        Label or UID of the plan to read, when there are several.
    fractions : int, optional
        Number of fractions when no plan file says it.
    dose_is : str, optional
        ``physical`` or ``rbe``: what the dose is, whatever its labels say.
    need_fractions : bool
        Without a plan file and `fractions` nothing is read; False reads the dose for DVHs (`Export.fractions_known`).
    segmentation : sequence of path
        DICOM SEG, RTSTRUCT or NIfTI files, or folders of them, for organs nobody drew; read with the analysis.
    labels : path, optional
        What their labels are.
    deliver : sequence of str
        Plans that make one course, by label or UID; which fractions each gives is the analysis' to know.

    Raises
    ------
    DicomReadError
        A file is broken, or there is nothing to read.
    LinkError
        Files are missing, ambiguous, or do not belong together.
    UnsupportedDoseError, UnsupportedGeometryError
        A dose that would be computed wrongly.
    """
    if fractions is not None and fractions < 1:
        raise LinkError(f"{fractions} fractions are no course", "give --fractions N with N at least 1")
    if dose_is not in (None, *DOSE_IS):
        raise UnsupportedDoseError(f"dose_is = {dose_is!r} is unknown", f"use one of {', '.join(DOSE_IS)}")
    found = find(path)
    found_of = {role: found.of(role) for role in (*RT_ROLES, "CT")}
    _refuse_broken(found)
    plans = tuple(rtplan.read_plan(f) for f in (*found_of["RTPLAN"], *found_of["RTIONPLAN"]))
    doses = tuple(rtdose.read_header(f) for f in found_of["RTDOSE"])
    sets = tuple(rtstruct.read_header(f) for f in found_of["RTSTRUCT"])
    try:
        linked = link(
            Candidates(plans, doses, sets),
            link_by=link_by,
            sum_doses=sum_doses,
            plan=plan,
            fractions=fractions,
            dose_is=dose_is,
            need_fractions=need_fractions,
            deliver=deliver,
        )
    except InputError:
        unknown = [error for error in found.broken if error.message.startswith(UNKNOWN)]
        if unknown and not (plans and doses and sets):
            raise unknown[0] from None  # what is missing may be what is broken
        raise
    used = _used(linked, found_of)
    with ThreadPoolExecutor(1) as hasher:
        hashes = [hasher.submit(f.sha256) for f in used]
        export = _assemble(found, linked, used, hashes, found_of["CT"], beam_on_s, dose_is, as_told=bool(deliver))
    paths = (segmentation,) if isinstance(segmentation, str | os.PathLike) else tuple(segmentation)
    return replace(export, segmentation=tuple(Path(p) for p in paths), labels=None if labels is None else Path(labels))


def read_plan(path: str | os.PathLike[str]) -> tuple[tuple[Phase, ...], tuple[Finding, ...]]:
    """The phases of a plan file alone, without dose: fraction groups, beams, metersets, beam-on times."""
    found = find(path)
    _refuse_broken(found)
    files = found.of("RTPLAN", "RTIONPLAN")
    if len(files) != 1:
        raise LinkError(f"{len(files)} plan files where one was expected", "give one RTPLAN file")
    plan = rtplan.read_plan(files[0])
    return rtplan.phases_of(plan), plan.findings


def _refuse_broken(found: Found) -> None:
    """A broken RT file ends the reading; another broken file becomes a finding."""
    for error in found.broken:
        if error.message.startswith(RT_ROLES):
            raise error


def _used(linked: Linked, found_of: Mapping[str, tuple[DicomFile, ...]]) -> list[DicomFile]:
    """The files behind what was linked: plans, structures, doses."""
    plans = {p.plan.sop_uid for p in linked.phases if p.plan is not None}
    out = [f for role in ("RTPLAN", "RTIONPLAN") for f in found_of[role] if f.sop_uid in plans]
    out += [f for f in found_of["RTSTRUCT"] if f.sop_uid == linked.structure_uid]
    parts = [part for p in linked.phases for part in (*p.parts, *p.beam_doses.values())]
    return list(dict.fromkeys([*out, *(header.file for part in parts for header in part.headers)]))


def _assemble(
    found: Found,
    linked: Linked,
    used: list[DicomFile],
    hashes: list[Future[str]],
    ct_files: tuple[DicomFile, ...],
    beam_on_s: BeamTimes | None,
    dose_is: DoseIs | None,
    *,
    as_told: bool = False,
) -> Export:
    structure_file = next(f for f in used if f.role == "RTSTRUCT")
    structure_set = rtstruct.read_structures(structure_file)
    planning_ct = [f for f in ct_files if f.root.code(tags.SERIES_INSTANCE_UID) in structure_set.ct_series]
    findings = [*check_files([*used, *planning_ct]), *_file_findings(found, used), *linked.findings]
    findings += structure_set.findings
    phases: list[Phase] = []
    for p in linked.phases:
        phases.append(_phase(p, beam_on_s, dose_is, findings))
        rtdose.check_together([phase.dose for phase in phases if phase.dose is not None])
    if dose_is is None:
        check_texts([f.root for f in used if f.role != "RTSTRUCT"], phases[0].modality)
    ct, ct_findings = read_ct(ct_files, structure_set)
    structures = with_slices(_in_frame(structure_set.structures, phases, linked, findings), ct)
    for phase in phases:
        findings += [*checks.check_phase(phase), *checks.check_time(phase)]
    findings += checks.check_extent(structures, phases)
    plans = list(dict.fromkeys(p.plan for p in linked.phases if p.plan is not None))
    if not as_told:
        refuse_replans(plans, phases)
    for plan in plans:
        findings += [*plan.findings, *checks.check_approval(plan.approval, plan.label)]
    dvhs, dvh_findings = _tps_dvhs(linked, structures)
    findings += checks.check_tps_dvhs(dvhs, structures, phases[0].dose)
    patient, patient_findings = read_patient([f for f in used if f.role != "RTDOSE"] + used)
    uids: dict[str, tuple[str, ...]] = {}
    for file in used:
        role = "RTPLAN" if file.role == "RTIONPLAN" else file.role
        uids[role] = (*uids.get(role, ()), file.sop_uid)
    label = " + ".join(p.label for p in plans) if plans else ""
    positions = {p.patient_position for p in plans} - {""}
    return Export(
        plan=TreatmentPlan(
            label=label,
            phases=tuple(phases),
            structures=structures,
            patient_position=positions.pop() if len(positions) == 1 else "",
            approval=", ".join(dict.fromkeys(p.approval for p in plans if p.approval)),
            uids=uids,
        ),
        patient=patient,
        findings=tuple(dict.fromkeys([*findings, *dvh_findings, *ct_findings, *patient_findings])),
        inputs=tuple(
            InputFile(f.role, f.sop_uid, h.result(), f.root.code(tags.SERIES_INSTANCE_UID))
            for f, h in zip(used, hashes, strict=True)
        ),
        tps_dvhs=dvhs,
        ct=ct,
        phi=read_identity(structure_file),
        study_uid=structure_set.study_uid,
        study=read_study(used),
        fractions_known=all(f.code != checks.FRACTIONS_UNKNOWN.code for f in linked.findings),
    )


def _file_findings(found: Found, used: list[DicomFile]) -> list[Finding]:
    out = [finding(checks.NO_META, "; ".join(f.notes), f.role) for f in used if f.notes]
    out += [
        finding(checks.BROKEN_FILE, error.message, "export", error.hint) for error in (*found.broken, *found.copies)
    ]
    if found.missing:
        out.append(
            finding(checks.DIRECTORY_GAP, f"{found.missing} files named by the DICOMDIR are not there", "DICOMDIR")
        )
    return out


def _phase(linked: PhaseLink, beam_on_s: BeamTimes | None, dose_is: DoseIs | None, findings: list[Finding]) -> Phase:
    grid = _sum_of(linked.parts, findings)
    plan = linked.plan
    if plan is None:
        beams: tuple[Beam, ...] = ()
    else:
        seen = {b.number: b for g in linked.groups for b in rtplan.beams_of(plan, g)}
        beams = tuple(seen.values())
    modality = rtplan.modality_of(beams, plan.modality if plan is not None else "photon")
    beams = tuple(
        replace(b, dose=_sum_of((linked.beam_doses[b.number],), findings)) if b.number in linked.beam_doses else b
        for b in beams
    )
    beams = beams_on_one_grid(beams, grid, findings)
    several = plan is not None and len(plan.groups) > 1
    own = [g.prescription_gy for g in linked.groups]
    prescription = own[0] if len(own) == 1 else None
    if prescription is None and plan is not None and (not several or len(own) == len(plan.groups)):
        prescription = plan.prescription_gy
    if not grid.dose_zyx.any():
        raise UnsupportedDoseError(
            "RTDOSE: the dose is zero everywhere", "calculate the plan and export its dose again"
        )
    grid = _of_all_fractions(grid, linked, prescription, findings)
    label = plan.label if plan is not None else ""
    if several and len(linked.groups) == 1:
        label = f"{label} group {linked.groups[0].number}"
    return Phase(
        label=label or "plan",
        fractions=linked.fractions,
        beams=_timed(beams, beam_on_s),
        dose=grid,
        modality=modality,
        rbe_in_dose=_rbe(linked.parts, modality, dose_is, findings),
        prescription_gy=prescription,
        witnesses=witnesses_of(linked),
        plan=None if plan is None else plan.name,
    )


def _of_all_fractions(
    grid: DoseGrid, linked: PhaseLink, prescription_gy: float | None, findings: list[Finding]
) -> DoseGrid:
    """A FRACTION dose that fits the prescription only when taken times the fractions.

    The standard means the whole fraction group; some systems write the dose of one fraction.
    """
    n = linked.fractions
    if n == 1 or not prescription_gy or any(part.header.summation != "FRACTION" for part in linked.parts):
        return grid
    ratio = float(grid.dose_zyx.max()) / prescription_gy
    low, high = checks.PRESCRIPTION_LOW, checks.PRESCRIPTION_HIGH
    if low <= ratio <= high or not low <= n * ratio <= high:
        return grid
    findings.append(
        finding(
            checks.SUMMED,
            f"the FRACTION dose reaches {100 * ratio:.1f} % of the prescription: taken as one fraction, times {n}",
            "RTDOSE",
            "export the plan dose (DoseSummationType PLAN) to be sure",
            severity="warning",
        )
    )
    return replace(grid, dose_zyx=grid.dose_zyx * np.float32(n))


def _timed(beams: tuple[Beam, ...], times: BeamTimes | None) -> tuple[Beam, ...]:
    """Beams with the user's beam-on times."""
    if times is None:
        return beams
    if not isinstance(times, Mapping):
        if not beams:
            beams = tuple(Beam(number) for number in range(1, len(times) + 1))
        if len(times) != len(beams):
            raise LinkError(f"{len(times)} beam-on times for {len(beams)} beams", "give one time for each beam")
        times = {b.number: t for b, t in zip(beams, times, strict=True)}
    if unknown := sorted(set(times) - {b.number for b in beams}):
        raise LinkError(f"there is no beam {unknown[0]}", f"beams: {', '.join(str(b.number) for b in beams)}")
    return tuple(replace(b, on_s=float(times[b.number]), time_source="user") if b.number in times else b for b in beams)


def _sum_of(parts: Sequence[DosePart], findings: list[Finding]) -> DoseGrid:
    total, found = _grid_of(parts[0])
    findings += found
    for part in parts[1:]:
        grid, found = _grid_of(part)
        findings += found
        if not total.frame.same_as(grid.frame):
            raise UnsupportedDoseError(
                "the beam doses lie on different grids and cannot be added",
                "export the plan dose (DoseSummationType PLAN)",
            )
        total = replace(total, dose_zyx=total.dose_zyx + grid.dose_zyx)
    return total


def _grid_of(part: DosePart) -> tuple[DoseGrid, list[Finding]]:
    if part.more:
        grid, found = rtdose.read_stack([h.file for h in part.headers], part.factor)
        what = f"{len(part.headers)} files of one plane each form the dose"
        return grid, [*found, finding(checks.SUMMED, what, "RTDOSE")]
    return rtdose.read_grid(part.header.file, part.factor)


def _rbe(parts: Sequence[DosePart], modality: Modality, dose_is: DoseIs | None, findings: list[Finding]) -> float:
    """RBE that an EFFECTIVE dose already contains; 1 for a physical dose."""
    if dose_is is not None:
        findings.append(finding(DOSE_AS_SAID, f"the dose is taken as {dose_is}, as said (--dose-is)", "RTDOSE"))
    if dose_is == "physical" or (dose_is is None and all(part.header.dose_type != "EFFECTIVE" for part in parts)):
        return 1.0
    if dose_is is None and not is_particle(modality):
        raise UnsupportedDoseError(
            f"RTDOSE: the EFFECTIVE dose of {modality}s is no physical dose: EQD2, BED or a weighted one", HINT
        )
    if modality == "ion":
        raise UnsupportedDoseError(
            "RTDOSE: the EFFECTIVE dose of an ion plan holds an RBE that varies in space", "export the PHYSICAL dose"
        )
    rbe = load("dose")["rbe_in_effective_proton_dose"].number if modality == "proton" else 1.0
    findings.append(finding(checks.RBE, f"an EFFECTIVE {modality} dose; RBE {rbe:g} is taken to be in it", "RTDOSE"))
    return rbe


def _in_frame(
    structures: tuple[Structure, ...], phases: list[Phase], linked: Linked, findings: list[Finding]
) -> tuple[Structure, ...]:
    """Structures drawn in the dose's frame; those of another registered image are left out."""
    frames = {p.dose.frame_of_reference for p in phases if p.dose is not None} | {""}
    there = {s.frame_of_reference for s in structures}
    if there <= frames:
        return structures
    if not there & frames - {""}:
        if all(f.code != checks.FOREIGN_FRAME.code for f in findings):
            what = "the ROIs name another frame of reference than their file and the dose"
            findings.append(finding(checks.FOREIGN_FRAME, what, "RTSTRUCT", "check that they belong together"))
        return structures
    foreign = [s for s in structures if s.frame_of_reference not in frames]
    listed = checks.listed([str(s.number) for s in foreign])
    findings.append(
        finding(
            checks.FOREIGN_FRAME, f"ROI {listed} drawn on another image were left out", "RTSTRUCT", severity="warning"
        )
    )
    return tuple(s for s in structures if s.frame_of_reference in frames)


def _tps_dvhs(linked: Linked, structures: tuple[Structure, ...]) -> tuple[tuple[DVH, ...], list[Finding]]:
    phase = linked.phases[0]
    if len(linked.phases) != 1 or len(phase.parts) != 1 or phase.parts[0].header.summation not in WHOLE:
        return (), []
    names = {s.number: s.name for s in structures}
    prescription = phase.plan.prescription_gy if phase.plan is not None else None
    return read_dvhs(phase.parts[0].header.file, names, prescription)
