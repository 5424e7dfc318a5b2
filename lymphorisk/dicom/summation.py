"""How the doses of one plan make the dose of its phases (DoseSummationType)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lymphorisk.dicom import checks
from lymphorisk.dicom.rtdose import DoseHeader
from lymphorisk.dicom.rtplan import FractionGroup, PlanFile
from lymphorisk.errors import LinkError, UnsupportedDoseError
from lymphorisk.findings import Finding, finding

WHOLE = frozenset(("PLAN", "PLAN_OVERVIEW", "MULTI_PLAN", ""))
OF_GROUP = frozenset(("FRACTION", "FRACTION_SESSION"))
OF_BEAM = frozenset(("BEAM", "BEAM_SESSION"))
PER_SESSION = frozenset(("FRACTION_SESSION", "BEAM_SESSION"))


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
    """The files of one phase: its plan, fraction groups, the doses that add up to it, and its beams' own doses.

    `shared_gy` is the prescription of all plans that one dose spans. [Gy]
    """

    plan: PlanFile | None
    groups: tuple[FractionGroup, ...]
    fractions: int
    parts: tuple[DosePart, ...]
    beam_doses: dict[int, DosePart] = field(default_factory=dict)
    shared_gy: float | None = None


#: What to do with a brachytherapy plan.
BRACHY_HINT = "only external-beam plans are read: give the organ doses in a scenario, with the dwell time as beam_on_s"


def phases_from(
    plan: PlanFile, doses: Sequence[DoseHeader], given: int | None, sum_doses: bool, found: list[Finding]
) -> list[PhaseLink]:
    """The phases of one plan from its doses."""
    if any(g.brachy_setups and not g.metersets for g in plan.groups):
        raise UnsupportedDoseError("RTPLAN: a brachytherapy plan", BRACHY_HINT)
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
        n = fractions_of(groups[0], given)
        if whole:
            if whole[0].summation == "PLAN_OVERVIEW":
                found.append(finding(checks.SUMMED, "a PLAN_OVERVIEW dose is used as the plan dose", "RTDOSE"))
            return [PhaseLink(plan, groups, n, (DosePart(whole[0], 1.0, planes),), _own_doses(of_beam, groups[0], n))]
        return [_group_phase(plan, groups[0], n, of_group, of_beam, sum_doses, found)]
    own = {n for d in of_group for r in d.plans for n in r.groups}
    if {g.number for g in groups} <= own or not whole:
        return [_group_phase(plan, g, fractions_of(g, None), of_group, of_beam, sum_doses, found) for g in groups]
    numbers = " + ".join(str(fractions_of(g, None)) for g in groups)
    found.append(
        finding(
            checks.GROUPS_MERGED,
            f"one dose for {len(groups)} fraction groups of {numbers} fractions; each fraction is taken as alike",
            "RTDOSE",
            "export the dose of each fraction group (DoseSummationType FRACTION)",
        )
    )
    return [PhaseLink(plan, groups, sum(fractions_of(g, None) for g in groups), (DosePart(whole[0], 1.0),))]


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


def fractions_of(group: FractionGroup, given: int | None) -> int:
    """Number of fractions of a group, by the plan or as given.

    Raises
    ------
    LinkError
        Neither says it.
    """
    number = group.fractions or given
    if not number or number < 1:
        raise LinkError(f"fraction group {group.number} of the plan has no number of fractions", "give --fractions N")
    return number
