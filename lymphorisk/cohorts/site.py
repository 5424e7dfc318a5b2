"""The treated site of a plan by its dose on organs, drawn or placed, with a probability.

Of every organ two shares are taken at the treated dose, 90 % of the target's mean: how much of the treated volume lies
in the organ, and how much of the organ is treated. A lung is large and little of it is treated; an oesophagus is small
and much of it is: their product is large for the organ that is meant. The probability of a site is its best organ's
product over that of all sites.

The product and reading it as a probability are assumed; on the fixture plans of one site it is at least 0.74 for the
site they were made for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lymphorisk.analysis.prepared import Prepared
from lymphorisk.analysis.site import NEIGHBOURS, SITES, TARGETS, number
from lymphorisk.dvh import DVH, DoseDistribution
from lymphorisk.errors import InputError
from lymphorisk.plan.facts import same
from lymphorisk.plan.treatment import course_prescription

#: Organs that a treated site lies in: those by which a protocol is picked, and two that have no starter.
ORGANS: Mapping[str, tuple[str, ...]] = {
    **SITES,
    "head_neck": ("Parotid_L", "Parotid_R", "Larynx", "Bone_Mandible", "LN_Neck_L", "LN_Neck_R"),
    "gastric": ("Stomach",),
}
WHOLE_BODY = "whole_body"


@dataclass(frozen=True, slots=True)
class Inside:
    """An organ at the treated dose: volume there, whole volume [cm3], and what stands behind its dose."""

    treated_cm3: float
    total_cm3: float
    source: str


def inferred(plan: Prepared) -> dict[str, Any]:
    """Site (empty when none is probable enough), its probability, why, and whether the site given agrees."""
    given = plan.patient.site
    found = _by_dose(plan)
    agrees = None if not given or not found["site"] else _agree(given, str(found["site"]))
    return {**found, "agrees": agrees}


def _agree(given: str, found: str) -> str:
    close = same("site", given, found) or found in NEIGHBOURS.get(given, ())
    return "yes" if close else "no"


def _by_dose(plan: Prepared) -> dict[str, Any]:
    if plan.source.given is not None:
        return {"site": "", "p": None, "why": "a scenario says no volumes"}
    body = plan.doses.organs.get("Body")
    level = _level(plan, None if body is None else body.course)
    if body is None or level is None or not body.volume_cm3:
        return {"site": "", "p": None, "why": "neither a target, a prescription nor the body says which dose is meant"}
    share = _at(body.course, level)
    if share > number("body_treated"):
        return {"site": WHOLE_BODY, "p": share, "why": f"{share:.0%} of the body got the treated dose"}
    scores = _scores(plan, level, share * body.volume_cm3)
    total = sum(score for score, _ in scores.values())
    if total <= 0.0:
        return {"site": "", "p": None, "why": "no organ of a site got the treated dose"}
    best = max(scores, key=lambda site: (scores[site][0], site))
    p = scores[best][0] / total
    return {"site": best if p > number("named") else "", "p": p, "why": f"{best}: {scores[best][1]}"}


def _level(plan: Prepared, body: DoseDistribution | None) -> float | None:
    """The treated dose: 90 % of the target's mean, of the prescription, or of the body's highest. [Gy]"""
    for kind in TARGETS:
        target = plan.curves.dvh(kind)
        if isinstance(target, DVH) and target.mean_gy > 0.0:
            return number("full") * target.mean_gy
    told = course_prescription(phase.given_prescription_gy for phase in plan.source.plan.phases)
    if told is not None:
        return number("full") * told
    return None if body is None else number("full") * float(body.dose_gy[-1])


def _at(dose: DoseDistribution, level: float) -> float:
    """Share of an organ at or above a dose."""
    return float(dose.share[dose.dose_gy >= level].sum())


def _scores(plan: Prepared, level: float, treated_cm3: float) -> dict[str, tuple[float, str]]:
    """By site the product of its best organ, and that organ in words."""
    out: dict[str, tuple[float, str]] = {}
    for site, organs in ORGANS.items():
        for name in organs:
            organ = _inside(plan, name, level)
            if organ is None or treated_cm3 <= 0.0:
                continue
            of_treated = min(organ.treated_cm3 / treated_cm3, 1.0)
            of_organ = organ.treated_cm3 / organ.total_cm3
            said = f"{of_organ:.0%} of {name} ({organ.source}) and {of_treated:.0%} of what is treated"
            out[site] = max(out.get(site, (0.0, "")), (of_treated * of_organ, said))
    return out


def _inside(plan: Prepared, name: str, level: float) -> Inside | None:
    """An organ at the treated dose: as drawn, else as placed; None where neither is there."""
    if name not in plan.options.undrawn:
        try:
            curve = plan.curves.dvh(name)
        except InputError:
            return None
        if isinstance(curve, DVH) and curve.total_cm3 > 0.0:
            return Inside(float(np.interp(level, curve.dose_gy, curve.volume_cm3)), curve.total_cm3, "drawn")
    organ = plan.doses.organs.get(name)
    if organ is None or not organ.volume_cm3 or organ.source == "diluted":
        return None
    return Inside(_at(organ.course, level) * organ.volume_cm3, organ.volume_cm3, organ.source)
