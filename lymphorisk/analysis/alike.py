"""Plans that are compared are treated alike: an organ drawn in some of them counts as drawn in none of them.

A dose that comes from a contour in one plan and from a stand-in in the other differs because of the contour. Left in, a
plan whose spleen was forgotten looks better than the same plan with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lymphorisk import parameters
from lymphorisk.analysis.placed import BONE_CT
from lymphorisk.analysis.prepared import Prepared
from lymphorisk.analysis.result import Analysis, OrganDose
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.organs import blood_cover, pool_cover
from lymphorisk.plan.treatment import course_prescription

OTHER_PRESCRIPTION = rule(
    "LR171",
    "warning",
    "plans of different prescriptions",
    "The plans that are compared prescribe different doses or fractions: their difference is also that of the dose.",
)
UNLIKE = rule(
    "LR172",
    "warning",
    "organ drawn in some of the compared plans",
    "An organ is drawn in some of the plans and not in others. The difference takes it as drawn in none of them.",
)
BODY = "Body"
#: Sources of a dose that comes from this plan's own contours, or that somebody gave.
OWN = ("roi", "segmented", "scenario")


@dataclass(frozen=True, slots=True)
class Unlike:
    """An organ the forecast uses that is not drawn in every plan; `drawn` says in which, in their order."""

    organ: str
    drawn: tuple[bool, ...]

    def between(self, other: int) -> str:
        """In words, of the first plan and another one."""
        match self.drawn[0], self.drawn[other]:
            case True, False:
                return f"{self.organ} is drawn in the first plan only"
            case False, True:
                return f"{self.organ} is drawn in the second plan only"
        return f"{self.organ} is not drawn in another of the plans"


def own_dose(organ: OrganDose, least: float) -> bool:
    """Whether an organ's dose is that of its own contours, enough of them inside the dose grid, or was given."""
    drawn = organ.source in OWN or (organ.source == "derived" and (organ.dvh is not None or organ.tg263 == BONE_CT))
    return drawn and organ.coverage >= least


def organs_used(organs: Mapping[str, OrganDose], network: str) -> frozenset[str]:
    """The drawn organs that stand for lymphocyte pools, blood compartments and the body."""
    least = parameters.load("body")["undecidable_coverage"].number
    names = {name for name, organ in organs.items() if own_dose(organ, least)}
    covers = (*pool_cover(names).values(), *blood_cover(names, network).values())
    return frozenset(c.organ for covered in covers for c in covered) | (names & {BODY, BONE_CT})


def unlike(plans: Sequence[tuple[Mapping[str, OrganDose], str]]) -> tuple[Unlike, ...]:
    """Organs used in some of the plans only, of (organs, blood network) of each."""
    used = [organs_used(*plan) for plan in plans]
    some = frozenset.union(*used) - frozenset.intersection(*used)
    return tuple(Unlike(name, tuple(name in one for one in used)) for name in sorted(some))


def made_alike(plans: Sequence[Prepared]) -> tuple[list[Prepared], tuple[Unlike, ...]]:
    """The plans with the same organs drawn in all of them, and what had to be taken away.

    Taking one contour away may bring another to the fore (bone on the CT where no marrow is drawn): until none is left.
    A scenario's body dose stands for everything it does not list and stays.
    """
    apart: dict[str, Unlike] = {}
    alike = list(plans)
    while new := [u for u in unlike([(p.doses.organs, p.network) for p in alike]) if u.organ not in apart]:
        apart |= {u.organ: u for u in new}
        alike = [p.without(tuple(apart)) for p in alike]
    return alike, tuple(apart.values())


def noted_of(results: Sequence[Analysis], names: Sequence[str], apart: Sequence[Unlike]) -> tuple[Finding, ...]:
    """Findings on prescriptions that differ, and on organs that are not drawn in every plan."""
    out = []
    first = results[0]
    for other, name in zip(results[1:], names[1:], strict=True):
        a, b = prescribed(first), prescribed(other)
        if (
            first.fractions != other.fractions
            or (a is None) != (b is None)
            or abs((a or 0.0) - (b or 0.0)) > parameters.load("apart")["plans.prescription"].number
        ):
            what = f"{name} is {_dose(b)} in {other.fractions} fractions, {names[0]} {_dose(a)} in {first.fractions}"
            out.append(finding(OTHER_PRESCRIPTION, what, name, "compare plans of one prescription, or read it so"))
    for u in apart:
        there = ", ".join(n for n, drawn in zip(names, u.drawn, strict=True) if drawn)
        gone = ", ".join(n for n, drawn in zip(names, u.drawn, strict=True) if not drawn)
        what = f"{u.organ} is drawn in {there}, not in {gone}: the difference does without it in all of them"
        out.append(finding(UNLIKE, what, u.organ, "contour it in all plans, or map it with --organ"))
    return tuple(out)


def prescribed(a: Analysis) -> float | None:
    """Dose of the whole course; None when a phase does not state one. [Gy]"""
    return course_prescription(p.prescription_gy for p in a.phases)


def _dose(gray: float | None) -> str:
    return "a dose not stated" if gray is None else f"{gray:g} Gy"
