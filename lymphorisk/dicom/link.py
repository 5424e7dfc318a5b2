"""Which dose belongs to which plan and which structures.

The chain is RTDOSE -> RTPLAN -> RTSTRUCT by SOP Instance UIDs, with one frame of reference. Where
UIDs are absent the frame of reference decides if there is one candidate only, and a finding says
so. Where UIDs contradict (an anonymiser, a re-export) nothing is guessed: the user may ask for
``link_by="frame"`` or ``"folder"``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lymphorisk.dicom import checks
from lymphorisk.dicom.rtdose import DoseHeader, check_usable
from lymphorisk.dicom.rtplan import FractionGroup, PlanFile
from lymphorisk.dicom.rtstruct import StructureSetHeader
from lymphorisk.errors import LinkError, UnsupportedDoseError
from lymphorisk.findings import Finding, finding

LINK_BY = ("uid", "frame", "folder")
WHOLE = frozenset(("PLAN", "PLAN_OVERVIEW", "MULTI_PLAN", ""))
OF_GROUP = frozenset(("FRACTION", "FRACTION_SESSION"))
OF_BEAM = frozenset(("BEAM", "BEAM_SESSION"))
PER_SESSION = frozenset(("FRACTION_SESSION", "BEAM_SESSION"))
#: Choices listed in a message; more would hide it.
MAX_LISTED = 12


@dataclass(frozen=True, slots=True)
class DosePart:
    """A dose file and the factor that makes it the dose of its phase."""

    header: DoseHeader
    factor: float
    more: tuple[DoseHeader, ...] = ()  # the other planes of a dose exported plane by plane

    @property
    def headers(self) -> tuple[DoseHeader, ...]:
        """Every file of the dose."""
        return (self.header, *self.more)


@dataclass(frozen=True, slots=True)
class PhaseLink:
    """The files of one phase: its plan, fraction groups, the doses that add up to it, and its beams' own doses."""

    plan: PlanFile | None
    groups: tuple[FractionGroup, ...]
    fractions: int
    parts: tuple[DosePart, ...]
    beam_doses: dict[int, DosePart] = field(default_factory=dict)


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
    listed = [f"{p.label or '(no label)'} [...{p.sop_uid[-12:]}]" for p in plans[:MAX_LISTED]]
    return "; ".join(listed) + ("; ..." if len(plans) > MAX_LISTED else "")


def link(
    have: Candidates,
    *,
    link_by: str = "uid",
    sum_doses: bool = False,
    plan: str | None = None,
    fractions: int | None = None,
) -> Linked:
    """Join plans, doses and structures.

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
    doses = _usable(have.doses, found)
    plans = _selected(have.plans, plan)
    if not plans:
        phases: tuple[PhaseLink, ...] = (_without_plan(doses, fractions),)
        found.append(finding(checks.FRACTIONS_GIVEN, f"{fractions} fractions as given", "RTPLAN"))
    else:
        phases = _with_plans(plans, have, doses, link_by, sum_doses, fractions, found)
    structure_uid = _structures_for(phases, have.structures, link_by, found)
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


def _usable(doses: Sequence[DoseHeader], found: list[Finding]) -> list[DoseHeader]:
    usable: list[DoseHeader] = []
    first: UnsupportedDoseError | None = None
    for dose in doses:
        try:
            check_usable(dose)
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


def _without_plan(doses: Sequence[DoseHeader], fractions: int | None) -> PhaseLink:
    whole = [d for d in doses if d.summation in WHOLE]
    if len(whole) != 1:
        raise LinkError(
            f"there is no RTPLAN and {len(whole)} whole-plan doses: which dose to use is not known",
            "export the plan file too, or leave one RTDOSE",
        )
    if fractions is None:
        raise LinkError(
            "RTPLAN missing: the number of fractions is not known", "export the plan file too, or give --fractions N"
        )
    return PhaseLink(None, (), fractions, (DosePart(whole[0], 1.0),))


def _with_plans(
    plans: Sequence[PlanFile],
    have: Candidates,
    doses: Sequence[DoseHeader],
    link_by: str,
    sum_doses: bool,
    fractions: int | None,
    found: list[Finding],
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
    if not dosed and shared:
        return (_shared_phase(plans, have, shared, found),)
    if not dosed:
        dosed = [_adopt(plans, have, doses, own, link_by, found)]
    if len(dosed) > 1 and not sum_doses:
        raise LinkError(
            f"the export holds {len(dosed)} plans with a dose: {choices(dosed)}",
            "choose one with --plan LABEL_OR_UID, or join them as phases of one course with --sum",
        )
    dosed.sort(key=lambda p: (p.made, -p.fractions, p.label, p.sop_uid))
    if len(dosed) > 1:
        what = f"{len(dosed)} plans joined as phases, in the order they were made: {choices(dosed)}"
        found.append(finding(checks.SUMMED, what, "RTPLAN"))
    out: list[PhaseLink] = []
    for p in dosed:
        out += _phases(p, own[p.sop_uid], fractions if len(dosed) == 1 else None, sum_doses, found)
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
    total = sum(_fractions(g, None) for g in groups)
    return PhaseLink(parts[0], groups, total, (DosePart(dose, 1.0),))


def _adopt(
    plans: Sequence[PlanFile],
    have: Candidates,
    doses: Sequence[DoseHeader],
    own: dict[str, list[DoseHeader]],
    link_by: str,
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


def _fractions(group: FractionGroup, given: int | None) -> int:
    number = group.fractions or given
    if not number or number < 1:
        raise LinkError(f"fraction group {group.number} of the plan has no number of fractions", "give --fractions N")
    return number


def _phases(
    plan: PlanFile, doses: Sequence[DoseHeader], given: int | None, sum_doses: bool, found: list[Finding]
) -> list[PhaseLink]:
    """The phases of one plan from its doses."""
    if any(g.brachy_setups and not g.metersets for g in plan.groups):
        raise UnsupportedDoseError("RTPLAN: a brachytherapy plan", "only external-beam plans are analysed")
    groups = plan.groups or (FractionGroup(1, None, {}, 0, None),)
    doses = _one_type(doses, found)
    whole = [d for d in doses if d.summation in WHOLE]
    of_group = [d for d in doses if d.summation in OF_GROUP]
    of_beam = [d for d in doses if d.summation in OF_BEAM]
    planes = _planes(whole)
    if len(whole) > 1 and not planes:
        raise LinkError(
            f"plan {plan.label or plan.sop_uid[-12:]!r} has {len(whole)} whole-plan doses", "leave the one that counts"
        )
    if len(groups) == 1:
        n = _fractions(groups[0], given)
        if whole:
            if whole[0].summation == "PLAN_OVERVIEW":
                found.append(finding(checks.SUMMED, "a PLAN_OVERVIEW dose is used as the plan dose", "RTDOSE"))
            return [PhaseLink(plan, groups, n, (DosePart(whole[0], 1.0, planes),), _own_doses(of_beam, groups[0], n))]
        return [_group_phase(plan, groups[0], n, of_group, of_beam, sum_doses, found)]
    if of_group or (of_beam and not whole):
        return [_group_phase(plan, g, _fractions(g, None), of_group, of_beam, sum_doses, found) for g in groups]
    numbers = " + ".join(str(_fractions(g, None)) for g in groups)
    found.append(
        finding(
            checks.GROUPS_MERGED,
            f"one dose for {len(groups)} fraction groups of {numbers} fractions; each fraction is taken as alike",
            "RTDOSE",
            "export the dose of each fraction group (DoseSummationType FRACTION)",
        )
    )
    return [PhaseLink(plan, groups, sum(_fractions(g, None) for g in groups), (DosePart(whole[0], 1.0),))]


def _planes(doses: Sequence[DoseHeader]) -> tuple[DoseHeader, ...]:
    """The other files of a dose that was exported one plane a file."""
    one_series = len({(d.series_uid, d.frame, d.dose_type) for d in doses}) == 1
    apart = len({d.position for d in doses}) == len(doses)
    return tuple(doses[1:]) if one_series and apart and all(d.one_plane for d in doses) else ()


def _one_type(doses: Sequence[DoseHeader], found: list[Finding]) -> list[DoseHeader]:
    """Physical before effective dose, where a plan has both."""
    types = {d.dose_type for d in doses}
    if not {"PHYSICAL", "EFFECTIVE"} <= types:
        return list(doses)
    found.append(finding(checks.SEVERAL_DOSES, "PHYSICAL and EFFECTIVE dose are both here; PHYSICAL is used", "RTDOSE"))
    return [d for d in doses if d.dose_type != "EFFECTIVE"]


def _own_doses(of_beam: Sequence[DoseHeader], group: FractionGroup, n: int) -> dict[int, DosePart]:
    out: dict[int, DosePart] = {}
    for dose in of_beam:
        beams = _beams(dose, group)
        if len(beams) == 1:
            out[beams[0]] = DosePart(dose, float(n) if dose.summation in PER_SESSION else 1.0)
    return out


def _beams(dose: DoseHeader, group: FractionGroup) -> tuple[int, ...]:
    return tuple(b for r in dose.plans if not r.groups or group.number in r.groups for b in r.beams)


def _group_phase(
    plan: PlanFile,
    group: FractionGroup,
    n: int,
    of_group: Sequence[DoseHeader],
    of_beam: Sequence[DoseHeader],
    sum_doses: bool,
    found: list[Finding],
) -> PhaseLink:
    """A phase from the dose of its fraction group, or from a complete set of beam doses."""
    mine = [d for d in of_group if len(plan.groups) == 1 or any(group.number in r.groups for r in d.plans)]
    own = _own_doses(of_beam, group, n)
    if len(mine) > 1:
        raise LinkError(f"fraction group {group.number} has {len(mine)} doses", "leave the one that counts")
    if mine:
        factor = float(n) if mine[0].summation in PER_SESSION else 1.0
        # PS3.3 C.8.8.3: FRACTION is the dose of a whole fraction group, FRACTION_SESSION of one session.
        how = f"times {n} fractions" if mine[0].summation in PER_SESSION else "of the whole fraction group"
        found.append(finding(checks.SUMMED, f"a {mine[0].summation} dose {how}", f"fraction group {group.number}"))
        return PhaseLink(plan, (group,), n, (DosePart(mine[0], factor),), own)
    given = [b for d in of_beam for b in _beams(d, group)]
    needed = {b for b, m in group.metersets.items() if b not in plan.setup_beams and m != 0}
    if not needed or not of_beam:
        raise UnsupportedDoseError(
            f"there is no plan dose, and none for fraction group {group.number}",
            "export the plan dose (DoseSummationType PLAN)",
        )
    if missing := sorted(needed - set(given)):
        raise UnsupportedDoseError(
            f"there is no plan dose, and beam doses for {len(needed & set(given))} of {len(needed)} beams only; "
            f"missing: beam {', '.join(map(str, missing))}",
            "export the plan dose (DoseSummationType PLAN) or the dose of every beam",
        )
    if len(given) != len(set(given)):
        raise UnsupportedDoseError("a beam has more than one dose", "leave one dose for each beam")
    if not sum_doses:
        raise UnsupportedDoseError(
            f"there is no plan dose, only the doses of its {len(needed)} beams",
            "export the plan dose (DoseSummationType PLAN), or add the beam doses with --sum",
        )
    parts = tuple(
        DosePart(d, float(n) if d.summation in PER_SESSION else 1.0) for d in of_beam if set(_beams(d, group)) & needed
    )
    found.append(
        finding(checks.SUMMED, f"the doses of all {len(needed)} beams were added", f"fraction group {group.number}")
    )
    return PhaseLink(plan, (group,), n, parts, own)


def _structures_for(
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
            chosen = _structures_by_frame(phases, structures, link_by, broken=bool(named), found=found)
    _check_frames(phases, chosen, link_by, found)
    return chosen.sop_uid


def _structures_by_frame(
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


def _note_unused(have: Candidates, phases: Sequence[PhaseLink], structure_uid: str, found: list[Finding]) -> None:
    used = {d.sop_uid for p in phases for part in (*p.parts, *p.beam_doses.values()) for d in part.headers}
    used |= {p.plan.sop_uid for p in phases if p.plan is not None} | {structure_uid}
    for role, group in (("RTPLAN", have.plans), ("RTDOSE", have.doses), ("RTSTRUCT", have.structures)):
        left = [x for x in group if x.sop_uid not in used]
        if left:
            found.append(finding(checks.UNUSED_FILE, f"{len(left)} {role} of the export were not used", role))
