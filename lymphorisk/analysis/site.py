"""The site of a plan, from where the dose and the targets lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from lymphorisk.absent import Absent
from lymphorisk.dvh import DVH
from lymphorisk.errors import InputError
from lymphorisk.parameters import load
from lymphorisk.plan.facts import same

#: Organs that a target of each site lies in, by the site's word in the shipped protocols.
SITES: Mapping[str, tuple[str, ...]] = {
    "brain": ("Brain", "Brainstem"),
    "breast": ("Breast_L", "Breast_R"),
    "esophagus": ("Esophagus",),
    "liver": ("Liver",),
    "lung": ("Lungs", "Lung_L", "Lung_R"),
    "pancreas": ("Pancreas",),
    "pelvis": ("Prostate", "Bladder", "Rectum", "Uterus", "Bone_Pelvic", "Colon_Sigmoid"),
}
#: Sites that have no organ above, with those their targets may lie in; the others may lie in any.
NEIGHBOURS: Mapping[str, tuple[str, ...]] = {"gastric": ("esophagus", "liver", "pancreas"), "head_neck": ("brain",)}
ANYWHERE = ("lymphoma", "whole_body", "limb", "craniospinal", "oligometastases")
#: Targets, from what was seen on images to what was drawn around it.
TARGETS = ("GTV", "CTV", "ITV", "PTV")


def number(name: str) -> float:
    """A threshold of the site by dose."""
    return load("site")[name].number


@dataclass(frozen=True, slots=True)
class Site:
    """A site and why; no name where the plan does not say, with what was found instead."""

    name: str
    why: str


Lookup = Callable[[str], DVH | Absent]


def site_of(dvh_of: Lookup, given: str | None = None) -> Site:
    """The site of a plan from its own targets and dose.

    The target closest to the tumour that lies in an organ decides: the share of its volume inside the organs of each
    site, of organs that got at least half of the target's dose. Where that share is small, as in a tube, the organ of
    which most got the target's dose must be of the same site. A site that was given and does not fit is no site.

    Parameters
    ----------
    dvh_of : callable
        DVH of an organ, a kind of target, or an intersection such as ``GTV&Lungs``.
    given : str, optional
        The site as the user or the plan file states it.
    """
    found = [s for s in (_by_target(dvh_of, kind) for kind in TARGETS) if s is not None]
    if not found:
        return Site("", "no target is drawn that got a dose")
    best = next((s for s in found if s.name), None)
    if best is None:
        return Site("", "; ".join(s.why for s in found))
    return agreed(best, given)


def agreed(found: Site, given: str | None) -> Site:
    """The site that was found, unless another one was given: two that differ are none."""
    if given and found.name and not same("site", given, found.name):
        return Site("", f"the site was given as {given}, and the dose says {found.name} ({found.why})")
    return found


def contradicted(dvh_of: Lookup, given: str) -> str:
    """What the dose says instead of the site that was given; empty when it says nothing else."""
    if given in ANYWHERE:
        return ""
    best = site_of(dvh_of)
    if not best.name or same("site", given, best.name) or best.name in NEIGHBOURS.get(given, ()):
        return ""
    return f"{best.name} ({best.why})"


def _by_target(dvh_of: Lookup, kind: str) -> Site | None:
    target = dvh_of(kind)
    if not isinstance(target, DVH) or target.mean_gy <= 0 or target.engine == "scenario":
        return None
    shares = {}
    for site, organs in SITES.items():
        share = _share(dvh_of, kind, target, organs)
        if share > 0:
            shares[site] = share
    ranked = _ranked(shares)
    said = ", ".join(f"{100 * shares[s]:.0f} % in {s}" for s in ranked[:3]) or "in no organ of a site"
    if not ranked:
        return Site("", f"{kind}: {said}")
    if _clear(shares):
        return Site(ranked[0], f"{kind}: {said}")
    full = {site: _at_dose(dvh_of, target, organs) for site, organs in SITES.items()}
    if _clear(full) and _ranked(full)[0] == ranked[0]:
        return Site(ranked[0], f"{kind}: {said}; {100 * full[ranked[0]]:.0f} % of the organ got the target's dose")
    return Site("", f"{kind}: {said}")


def _ranked(shares: Mapping[str, float]) -> list[str]:
    return sorted(shares, key=lambda s: -shares[s])


def _clear(shares: Mapping[str, float]) -> bool:
    """Whether one site holds enough and no other comes near."""
    ranked = _ranked(shares)
    if not ranked or shares[ranked[0]] < number("inside"):
        return False
    return len(ranked) < 2 or shares[ranked[1]] <= number("next") * shares[ranked[0]]


def _at_dose(dvh_of: Lookup, target: DVH, organs: tuple[str, ...]) -> float:
    """Largest share of an organ of a site at the target's dose."""
    shares = [0.0]
    for organ in organs:
        curve = dvh_of(organ)
        if isinstance(curve, DVH):
            edge = number("full") * target.mean_gy
            shares.append(float(np.interp(edge, curve.dose_gy, curve.volume_cm3)) / curve.total_cm3)
    return max(shares)


def _share(dvh_of: Lookup, kind: str, target: DVH, organs: tuple[str, ...]) -> float:
    """Share of the target's volume inside treated organs of a site; organs may overlap, the sum stops at one."""
    inside = 0.0
    for organ in organs:
        dose = dvh_of(organ)
        if not isinstance(dose, DVH) or dose.max_gy < number("treated") * target.mean_gy:
            continue
        try:
            both = dvh_of(f"{kind}&{organ}")
        except InputError:  # the two do not meet
            continue
        if isinstance(both, DVH):
            inside = max(inside, both.total_cm3) if organ in ("Lung_L", "Lung_R") else inside + both.total_cm3
    return min(inside / target.total_cm3, 1.0)
