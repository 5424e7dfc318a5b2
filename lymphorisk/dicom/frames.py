"""Which structures belong to the doses, and whether both are drawn in one frame of reference."""

from __future__ import annotations

from collections.abc import Sequence

from lymphorisk.dicom import checks
from lymphorisk.dicom.rtstruct import StructureSetHeader
from lymphorisk.dicom.summation import PhaseLink
from lymphorisk.errors import LinkError
from lymphorisk.findings import Finding, finding


def structures_for(
    phases: Sequence[PhaseLink], structures: Sequence[StructureSetHeader], link_by: str, found: list[Finding]
) -> str:
    known = {s.sop_uid: s for s in structures}
    named = {p.plan.structure_uid for p in phases if p.plan is not None and p.plan.structure_uid}
    present = sorted(named & set(known))
    if len(present) > 1:
        raise LinkError(
            f"the phases were planned on {len(present)} different structure sets",
            "analyse the plans one by one (--plan)",
        )
    if present and (named <= set(known) or link_by != "uid"):
        chosen = known[present[0]]
    else:
        by_dose = {part.header.structure_uid for p in phases for part in p.parts} & set(known)
        if not named and len(by_dose) == 1:
            chosen = known[by_dose.pop()]
        else:
            chosen = _by_frame(phases, structures, link_by, broken=bool(named), found=found)
    _check_frames(phases, chosen, link_by, found)
    return chosen.sop_uid


def _by_frame(
    phases: Sequence[PhaseLink],
    structures: Sequence[StructureSetHeader],
    link_by: str,
    *,
    broken: bool,
    found: list[Finding],
) -> StructureSetHeader:
    hint = "export the plan's structure set; if an anonymiser broke the UIDs, use --link-by frame or --link-by folder"
    if broken and link_by == "uid":
        raise LinkError("the plan refers to an RTSTRUCT that is not here", hint)
    frames = {part.header.frame for p in phases for part in p.parts}
    same = [s for s in structures if s.frames & frames]
    if len(same) != 1 and link_by == "folder":
        folders = {part.header.folder for p in phases for part in p.parts}
        same = same or [s for s in structures if s.folder in folders] or list(structures)
    if len(same) != 1 and len(structures) == 1 and not structures[0].frames:
        same = list(structures)
    if len(same) != 1:
        raise LinkError(f"{len(same)} of {len(structures)} RTSTRUCT fit the dose's frame of reference", hint)
    by = "their frame of reference" if same[0].frames & frames else "lying together in the export"
    found.append(
        finding(
            checks.WEAK_LINK, f"dose and structures were joined by {by}", "RTSTRUCT", "check that they belong together"
        )
    )
    return same[0]


def _check_frames(
    phases: Sequence[PhaseLink], structures: StructureSetHeader, link_by: str, found: list[Finding]
) -> None:
    for phase in phases:
        for part in (*phase.parts, *phase.beam_doses.values()):
            frame = part.header.frame
            if not frame or not structures.frames:
                found.append(finding(checks.NO_FRAME, "no frame of reference to compare", "RTDOSE and RTSTRUCT"))
            elif frame not in structures.frames:
                if link_by != "folder":
                    raise LinkError(
                        "the dose lies in a foreign frame of reference: not the one the structures are drawn in",
                        "export the dose on the planning CT; if an anonymiser broke the UIDs, use --link-by folder",
                    )
                found.append(
                    finding(
                        checks.FOREIGN_FRAME,
                        "joined on request (--link-by folder)",
                        "RTDOSE and RTSTRUCT",
                        "check that they belong together",
                    )
                )
            elif phase.plan is not None and phase.plan.frame and phase.plan.frame != frame:
                found.append(
                    finding(
                        checks.FOREIGN_FRAME, "the plan's frame is another", "RTPLAN and RTDOSE", severity="warning"
                    )
                )
