"""Which dose belongs to which plan and which structures.

The chain is RTDOSE -> RTPLAN -> RTSTRUCT by SOP Instance UIDs, with one frame of reference. Where
UIDs are absent the frame of reference decides if there is one candidate only, and a finding says
so. Where UIDs contradict (an anonymiser, a re-export) nothing is guessed: the user may ask for
``link_by="frame"`` or ``"folder"``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lymphorisk.dicom import checks
from lymphorisk.dicom.frames import structures_for
from lymphorisk.dicom.quantity import check_texts
from lymphorisk.dicom.rtdose import DoseHeader, check_usable
from lymphorisk.dicom.rtplan import PlanFile
from lymphorisk.dicom.rtstruct import StructureSetHeader
from lymphorisk.dicom.summation import WHOLE, DosePart, PhaseLink, fractions_of, phases_from
from lymphorisk.errors import LinkError, UnsupportedDoseError
from lymphorisk.findings import Finding, finding
from lymphorisk.plan.delivery import plan_named
from lymphorisk.plan.words import LINK_BY, DoseIs, LinkBy

#: Choices listed in a message; more would hide it.
MAX_LISTED = 12


@dataclass(frozen=True, slots=True)
class Linked:
    """What belongs together."""

    phases: tuple[PhaseLink, ...]
    structure_uid: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Candidates:
    """The headers of everything in the export."""

    plans: tuple[PlanFile, ...]
    doses: tuple[DoseHeader, ...]
    structures: tuple[StructureSetHeader, ...]


def choices(plans: Sequence[PlanFile]) -> str:
    """Plans by label and the end of their UID."""
    listed = [f"{repr(p.label) if p.label else '(no label)'} [...{p.sop_uid[-12:]}]" for p in plans[:MAX_LISTED]]
    return "; ".join(listed) + ("; ..." if len(plans) > MAX_LISTED else "")


def link(
    have: Candidates,
    *,
    link_by: LinkBy = "uid",
    sum_doses: bool = False,
    plan: str | None = None,
    fractions: int | None = None,
    dose_is: DoseIs | None = None,
    need_fractions: bool = True,
    deliver: Sequence[str] = (),
) -> Linked:
    """Join plans, doses and structures; a DVH needs no number of fractions.

    The plans that `deliver` names make one course, and no others are in it.

    Raises
    ------
    LinkError
        Something is missing, ambiguous or contradicts itself.
    UnsupportedDoseError
        The doses that are there cannot make the dose of a phase.
    """
    if link_by not in LINK_BY:
        raise LinkError(f"link_by = {link_by!r} is unknown", f"use one of {', '.join(LINK_BY)}")
    found: list[Finding] = []
    _require(have)
    doses = _usable(have.doses, found, dose_is)
    plans = _delivered(have.plans, deliver) if deliver else _selected(have.plans, plan)
    if not plans:
        phases: tuple[PhaseLink, ...] = (_without_plan(doses, fractions, need_fractions),)
        if fractions is None:
            found.append(
                finding(checks.FRACTIONS_UNKNOWN, "no plan file", "RTPLAN", "export it, or give --fractions N")
            )
        else:
            found.append(finding(checks.FRACTIONS_GIVEN, f"{fractions} fractions as given", "RTPLAN"))
    else:
        phases = _with_plans(plans, have, doses, link_by, sum_doses, fractions, found, as_told=bool(deliver))
    structure_uid = structures_for(phases, have.structures, link_by, found, as_told=bool(deliver))
    _note_unused(have, phases, structure_uid, found)
    return Linked(phases, structure_uid, tuple(found))


def _require(have: Candidates) -> None:
    if not (have.plans or have.doses or have.structures):
        raise LinkError(
            "there are no RT files here (RTPLAN, RTSTRUCT, RTDOSE)",
            "export the plan, its structures and its dose as DICOM",
        )
    missing = [name for name, there in (("RTDOSE", have.doses), ("RTSTRUCT", have.structures)) if not there]
    if missing:
        there = [
            f"{len(group)} {name}"
            for name, group in (("RTPLAN", have.plans), ("RTSTRUCT", have.structures), ("RTDOSE", have.doses))
            if group
        ]
        raise LinkError(
            f"{' and '.join(missing)} missing: the export holds {', '.join(there)} only",
            "give the folder that holds the plan, its structure set and its dose grid; export what is missing",
        )


def _usable(doses: Sequence[DoseHeader], found: list[Finding], dose_is: DoseIs | None) -> list[DoseHeader]:
    usable: list[DoseHeader] = []
    first: UnsupportedDoseError | None = None
    for dose in doses:
        try:
            check_usable(dose)
            if dose_is is None:
                check_texts([dose.file.root])
        except UnsupportedDoseError as error:
            first = first or error
            found.append(finding(checks.UNUSED_FILE, error.message, "RTDOSE", error.hint, severity="warning"))
        else:
            usable.append(dose)
    if not usable and first is not None:
        raise first
    return usable


def _selected(plans: Sequence[PlanFile], wanted: str | None) -> tuple[PlanFile, ...]:
    if wanted is None:
        return tuple(plans)
    chosen = tuple(p for p in plans if p.label.casefold() == wanted.casefold() or p.sop_uid == wanted)
    if not chosen and len(wanted) > 3:
        chosen = tuple(p for p in plans if p.sop_uid.endswith(wanted.strip("[].")))
    if not chosen:
        raise LinkError(f"no plan is labelled {wanted!r}", f"there are: {choices(plans)}")
    if len(chosen) > 1:
        raise LinkError(f"several plans are labelled {wanted!r}: {choices(chosen)}", "use --plan with the UID")
    return chosen


def _delivered(plans: Sequence[PlanFile], wanted: Sequence[str]) -> tuple[PlanFile, ...]:
    """The plans that make a course, in the order they are named."""
    if not plans:
        raise LinkError("there is no RTPLAN to deliver", "export the plan files too")
    names = [p.name for p in plans]
    return tuple(dict.fromkeys(plans[names.index(plan_named(text, names))] for text in wanted))


def _without_plan(doses: Sequence[DoseHeader], fractions: int | None, need_fractions: bool) -> PhaseLink:
    whole = [d for d in doses if d.summation in WHOLE]
    if len(whole) != 1:
        raise LinkError(
            f"there is no RTPLAN and {len(whole)} whole-plan doses: which dose to use is not known",
            "export the plan file too, or leave one RTDOSE",
        )
    if fractions is None and need_fractions:
        raise LinkError(
            "RTPLAN missing: the number of fractions is not known", "export the plan file too, or give --fractions N"
        )
    return PhaseLink(None, (), 1 if fractions is None else fractions, (DosePart(whole[0], 1.0),))


def _with_plans(
    plans: Sequence[PlanFile],
    have: Candidates,
    doses: Sequence[DoseHeader],
    link_by: LinkBy,
    sum_doses: bool,
    fractions: int | None,
    found: list[Finding],
    *,
    as_told: bool = False,
) -> tuple[PhaseLink, ...]:
    known = {p.sop_uid for p in have.plans}
    own: dict[str, list[DoseHeader]] = {p.sop_uid: [] for p in plans}
    shared: list[DoseHeader] = []
    for dose in doses:
        if len(dose.plan_uids & known) > 1 or (dose.summation == "MULTI_PLAN" and dose.plan_uids & known):
            shared.append(dose)
        else:
            for uid in dose.plan_uids & set(own):
                own[uid].append(dose)
    dosed = [p for p in plans if own[p.sop_uid]]
    if as_told:
        if without := [p for p in plans if not own[p.sop_uid]]:
            raise LinkError(
                f"the plan {choices(without)} has no dose of its own here", "export the dose of each plan by itself"
            )
        return tuple(phase for p in plans for phase in phases_from(p, own[p.sop_uid], None, sum_doses, found))
    if not dosed and shared:
        return (_shared_phase(plans, have, shared, found),)
    if not dosed:
        dosed = [_adopt(plans, have, doses, own, link_by, found)]
    dosed.sort(key=lambda p: (p.made, -p.fractions, p.label, p.sop_uid))
    if len(dosed) > 1 and not sum_doses:
        raise LinkError(
            f"the export holds {len(dosed)} plans with a dose: {choices(dosed)}",
            "choose one with --plan LABEL_OR_UID, join phases of one course with --sum, or say which fractions each "
            f'gives: --deliver "{dosed[0].label}=1-10" --deliver "{dosed[1].label}=11-..."',
        )
    if len(dosed) > 1:
        what = f"{len(dosed)} plans joined as phases, in the order they were made: {choices(dosed)}"
        found.append(finding(checks.SUMMED, what, "RTPLAN"))
    out: list[PhaseLink] = []
    for p in dosed:
        out += phases_from(p, own[p.sop_uid], fractions if len(dosed) == 1 else None, sum_doses, found)
    return tuple(out)


def _shared_phase(
    plans: Sequence[PlanFile], have: Candidates, shared: Sequence[DoseHeader], found: list[Finding]
) -> PhaseLink:
    if len(shared) > 1:
        raise LinkError(f"{len(shared)} doses span several plans", "leave one sum dose, or export each plan's own dose")
    dose = shared[0]
    parts = [p for p in have.plans if p.sop_uid in dose.plan_uids]
    if len(parts) < len(dose.plan_uids):
        raise LinkError(
            f"the sum dose spans {len(dose.plan_uids)} plans and only {len(parts)} of them are here",
            "export all of its plans, or each plan's own dose",
        )
    groups = tuple(g for p in parts for g in p.groups)
    found.append(
        finding(
            checks.SUMMED,
            f"one dose spans {len(parts)} plans: {choices(parts)}; their fractions are taken in turn, each alike",
            "RTDOSE",
            "export each plan's own dose and use --sum",
            severity="warning",
        )
    )
    total = sum(fractions_of(g, None) for g in groups)
    prescribed = [p.prescription_gy for p in parts]
    together = sum(dose for dose in prescribed if dose) if all(prescribed) else None
    return PhaseLink(parts[0], groups, total, (DosePart(dose, 1.0),), shared_gy=together)


def _adopt(
    plans: Sequence[PlanFile],
    have: Candidates,
    doses: Sequence[DoseHeader],
    own: dict[str, list[DoseHeader]],
    link_by: LinkBy,
    found: list[Finding],
) -> PlanFile:
    """The one plan that doses without a usable reference may belong to."""
    known = {p.sop_uid for p in have.plans}
    silent = [d for d in doses if not d.plan_uids]
    free = silent if link_by == "uid" else [d for d in doses if not d.plan_uids & known]
    if link_by != "folder":
        pairs = [(p, d) for p in plans for d in free if d.frame and d.frame in _frames_of(p, have)]
    else:
        pairs = [(p, d) for p in plans for d in free if d.folder == p.folder] or [(p, d) for p in plans for d in free]
    candidates = {p.sop_uid: p for p, _ in pairs}
    if len(candidates) == 1:
        (plan,) = candidates.values()
        own[plan.sop_uid] += [d for _, d in pairs]
        by = "their frame of reference" if link_by != "folder" else "lying together in the export"
        found.append(
            finding(checks.WEAK_LINK, f"dose and plan were joined by {by}", "RTDOSE", "check that they belong together")
        )
        return plan
    broken = len(doses) - len(silent)
    raise LinkError(
        f"no RTDOSE belongs to {choices(plans)}: "
        + (
            f"{broken} of {len(doses)} doses refer to a plan that is not here"
            if broken
            else f"{len(doses)} doses name no plan and fit {len(candidates)} of them"
        ),
        "export the dose of this plan; if an anonymiser broke the UIDs, use --link-by frame or --link-by folder",
    )


def _frames_of(plan: PlanFile, have: Candidates) -> frozenset[str]:
    if plan.frame:
        return frozenset({plan.frame})
    return next((s.frames for s in have.structures if s.sop_uid == plan.structure_uid), frozenset())


def _note_unused(have: Candidates, phases: Sequence[PhaseLink], structure_uid: str, found: list[Finding]) -> None:
    used = {d.sop_uid for p in phases for part in (*p.parts, *p.beam_doses.values()) for d in part.headers}
    used |= {p.plan.sop_uid for p in phases if p.plan is not None} | {structure_uid}
    for role, group in (("RTPLAN", have.plans), ("RTDOSE", have.doses), ("RTSTRUCT", have.structures)):
        left = [x for x in group if x.sop_uid not in used]
        if left:
            found.append(finding(checks.UNUSED_FILE, f"{len(left)} {role} of the export were not used", role))
