"""Where the target lies, by site, and how it is usually treated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lymphorisk.errors import ScenarioError
from lymphorisk.phantom.anatomy import Anatomy, drawn_solid, number
from lymphorisk.phantom.shapes import Common, Shape, Together

#: Depth of the skin left out of a superficial target, and of dose reports near it. [mm]
SKIN_MM = 5.0


@dataclass(frozen=True, slots=True)
class Site:
    """A place to treat.

    Attributes
    ----------
    patient_site : str
        The site of `lymphorisk.plan.SITES` it counts as.
    organs : tuple of str
        Organs that belong to the target (grown by the margin).
    within : str
        Organ the subclinical spread stays in; empty for none.
    photon, proton : str
        Usual technique (a name of the parameters' ``technique``); empty where there is none.
    sbrt : bool
        Few fractions, flattening-filter-free.
    """

    patient_site: str
    photon: str
    proton: str = ""
    organs: tuple[str, ...] = ()
    within: str = ""


LYMPHOID = (
    "LN_Neck_L",
    "LN_Neck_R",
    "LN_Ax_L",
    "LN_Ax_R",
    "LN_Mediastinals",
    "LN_Paraaortic",
    "LN_Pelvics",
    "LN_Inguinofem_L",
    "LN_Inguinofem_R",
    "Spleen",
)
SITES: Mapping[str, Site] = {
    "brain": Site("brain", "three_field_vertex", "proton_brain", within="Brain"),
    "whole_brain": Site("brain", "laterals", "proton_pair", ("Brain",)),
    "head_neck": Site("head_neck", "arc", "proton_anterior", ("LN_Neck_L", "LN_Neck_R")),
    "breast": Site("breast", "tangents", "proton_breast", ("Breast_L",)),
    "breast_right": Site("breast", "tangents_right", "proton_breast_right", ("Breast_R",)),
    "lung": Site("lung", "arc", "proton_right"),
    "lung_sbrt": Site("lung", "sbrt", "proton_left"),
    "esophagus": Site("esophagus", "arc", "proton_posterior"),
    "gastric": Site("gastric", "arc", "proton_left", ("Stomach",)),
    "liver": Site("liver", "sbrt", "proton_right"),
    "pancreas": Site("pancreas", "arc", "proton_right"),
    "pelvis": Site("pelvis", "four_field", "proton_pair", ("LN_Pelvics",)),
    "pelvis_boost": Site("pelvis", "arc", "proton_pair"),
    "prostate": Site("prostate", "arc", "proton_pair", ("Prostate",)),
    "lymphoma": Site("lymphoma", "opposed", "proton_anterior"),
    "large_volume": Site("lymphoma", "opposed", "", LYMPHOID),
    "whole_body": Site("whole_body", "opposed", "", ("Body",)),
}


@dataclass(frozen=True, slots=True)
class Target:
    """Gross tumour (None after surgery or for whole organs) and planning target."""

    gtv: Shape | None
    ptv: Shape


def site_of(name: str) -> Site:
    """The site by name.

    Raises
    ------
    ScenarioError
        No such site.
    """
    if name not in SITES:
        raise ScenarioError(f"the phantom has no site {name!r}", f"use one of {', '.join(SITES)}")
    return SITES[name]


def target(body: Anatomy, name: str, *, margin_mm: float | None = None, size: float = 1.0) -> Target:
    """Gross tumour and planning target of a site in a body.

    Parameters
    ----------
    margin_mm : float, optional
        GTV (or organ) to PTV; the site's usual one without it. [mm]
    size : float
        Diameter of the gross tumour over the usual one.
    """
    site = site_of(name)
    margin = number(body.numbers, f"site.{name}.ptv_margin") if margin_mm is None else margin_mm
    tumour = drawn_solid(body.numbers, f"site.{name}.gtv")
    gtv: Shape | None = None
    if tumour is not None:
        in_head = "gtv.head" in {n.removeprefix(f"site.{name}.") for n in body.numbers}
        gtv = tumour.placed(*(body.head_place if in_head else body.trunk_place)).resized(size)
    missing = [o for o in site.organs if o not in body.shapes]
    if missing:
        raise ScenarioError(f"a {body.sex} phantom has no {missing[0]} to treat")
    parts = tuple(body.shapes[o].grown(margin) for o in site.organs)
    if gtv is not None:
        spread = gtv.grown(margin)
        parts += (Common((spread, body.shapes[site.within])) if site.within else spread,)
    whole = parts[0] if len(parts) == 1 else Together(parts)
    if name == "whole_body":
        return Target(None, body.shapes["Body"])
    return Target(gtv, Common((whole, body.shapes["Body"].grown(-SKIN_MM))))
