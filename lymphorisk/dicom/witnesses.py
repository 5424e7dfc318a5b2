"""What a plan file says its targets get: prescriptions, else the doses of the beams times the fractions."""

from __future__ import annotations

from lymphorisk.dicom.rtplan import FractionGroup, PlanFile
from lymphorisk.dicom.summation import PhaseLink
from lymphorisk.plan import Witness

#: A prescription below this share of the highest is of another phase, or of one fraction.
SAME_PHASE = 0.5


def witnesses_of(linked: PhaseLink) -> tuple[Witness, ...]:
    """The doses the targets of a phase should have, best first."""
    if linked.plan is None:
        return ()
    levels = sorted(set(_levels(linked, linked.plan)), reverse=True)
    point = linked.plan.to_points
    out = [
        Witness(dose, "TargetPrescriptionDose" + (" to a point" if point else ""), point)
        for dose in levels
        if dose >= SAME_PHASE * levels[0]
    ]
    beams = _beam_doses(linked)
    return (*out, Witness(beams, "BeamDose x fractions", True)) if beams else tuple(out)


def _levels(linked: PhaseLink, plan: PlanFile) -> tuple[float, ...]:
    if linked.shared_gy is not None:
        return (linked.shared_gy,)
    if len(linked.groups) == 1:
        (group,) = linked.groups
        return group.levels_gy or (plan.levels_gy if len(plan.groups) <= 1 else ())
    own = [group.prescription_gy for group in linked.groups]
    if all(own):
        return (sum(dose for dose in own if dose is not None),)
    return plan.levels_gy if all(group in plan.groups for group in linked.groups) else ()


def _beam_doses(linked: PhaseLink) -> float | None:
    parts = [_whole(group, linked) for group in linked.groups]
    return sum(p for p in parts if p is not None) if parts and None not in parts else None


def _whole(group: FractionGroup, linked: PhaseLink) -> float | None:
    """Dose of a fraction group at the points its beams state. [Gy]"""
    fractions = group.fractions or (linked.fractions if len(linked.groups) == 1 else None)
    return None if group.fraction_gy is None or not fractions else fractions * group.fraction_gy
