"""Which structures belong to the doses, and whether all are drawn in one frame of reference and on one grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lymphorisk.dicom import checks
from lymphorisk.dicom.rtstruct import StructureSetHeader
from lymphorisk.dicom.summation import PhaseLink
from lymphorisk.errors import LinkError, UnsupportedDoseError
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.plan import Beam, DoseGrid
from lymphorisk.plan.dose_sum import on_one_frame
from lymphorisk.plan.words import LinkBy

#: Beams keep their own doses when the grid they share holds this share of the plan's dose: a low-dose rim may miss.
SHARED_DOSE = 0.99

BEAM_GRIDS = rule(
    "LR044",
    "warning",
    "beam doses on different grids",
    "Doses of beams are compared voxel by voxel. Grids that differ are interpolated onto one, or not used.",
)

SEVERAL_SETS = rule(
    "LR050",
    "warning",
    "plans on several structure sets",
    "The plans of a course were made on different structure sets in one frame of reference. Organs and targets are "
    "those of the plan that is named first; what was drawn anew since is not seen.",
)


def structures_for(
    phases: Sequence[PhaseLink],
    structures: Sequence[StructureSetHeader],
    link_by: LinkBy,
    found: list[Finding],
    *,
    as_told: bool = False,
) -> str:
    """UID of the structure set that belongs to the phases.

    Plans that a course is said to be made of may be drawn on several in one frame of reference: the first plan's holds.

    Raises
    ------
    LinkError
        None does, or several do.
    """
    known = {s.sop_uid: s for s in structures}
    named = {p.plan.structure_uid for p in phases if p.plan is not None and p.plan.structure_uid}
    present = sorted(named & set(known))
    if len(present) > 1:
        first = next(p.plan.structure_uid for p in phases if p.plan is not None and p.plan.structure_uid in present)
        frames = frozenset.intersection(*(known[uid].frames for uid in present))
        if not as_told or not frames:
            where = "" if frames else ", in different frames of reference"
            raise LinkError(
                f"the phases were planned on {len(present)} different structure sets{where}",
                "say which fractions each plan gives (--deliver), or analyse the plans one by one (--plan)"
                if frames
                else "bring doses and structures into one frame (deformation or rigid registration in the planning "
                "system), or analyse the plans one by one (--plan)",
            )
        what = f"{len(present)} structure sets: the organs are those of the first plan's"
        found.append(finding(SEVERAL_SETS, what, "RTSTRUCT", "look whether organs were drawn anew"))
        present = [first]
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
    link_by: LinkBy,
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
    phases: Sequence[PhaseLink], structures: StructureSetHeader, link_by: LinkBy, found: list[Finding]
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


def beams_on_one_grid(beams: Sequence[Beam], dose: DoseGrid, found: list[Finding]) -> tuple[Beam, ...]:
    """Beams whose own doses share one grid, or that have none; different grids are put on the phase's.

    A voxel of one grid is not the voxel of another with the same number.
    """
    own = [b.dose for b in beams if b.dose is not None]
    if not own:
        return tuple(beams)
    alike = all(grid.frame.same_as(own[0].frame) for grid in own)
    try:
        doses = tuple(own) if alike else on_one_frame(own, dose.frame)
        reason = "" if _most_of(dose, doses[0]) else "the grid they share leaves out part of the plan's dose"
    except (LinkError, UnsupportedDoseError) as error:
        reason = error.message
    if reason:
        what = f"the doses of {len(own)} beams are not used: {reason}"
        found.append(finding(BEAM_GRIDS, what, "RTDOSE", "export the beams' doses on the plan's dose grid"))
        return tuple(replace(b, dose=None) for b in beams)
    if not alike:
        what = f"the doses of {len(own)} beams were interpolated onto the plan's dose grid"
        found.append(finding(BEAM_GRIDS, what, "RTDOSE", "export the beams' doses on the plan's dose grid"))
    given = iter(doses)
    return tuple(b if b.dose is None else replace(b, dose=next(given)) for b in beams)


def _most_of(dose: DoseGrid, part: DoseGrid) -> bool:
    """Whether a grid holds all but a little of a dose."""
    if part.frame.same_as(dose.frame):
        return True
    shared = on_one_frame([dose, part], dose.frame)[0]
    held = float((shared.dose_zyx * shared.frame.cell_volumes_cm3()).sum(dtype=np.float64))
    return held >= SHARED_DOSE * float((dose.dose_zyx * dose.frame.cell_volumes_cm3()).sum(dtype=np.float64))
