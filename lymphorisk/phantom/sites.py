"""Where the target lies, by site, and how it is usually treated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lymphorisk.errors import ScenarioError
from lymphorisk.phantom.anatomy import Anatomy, drawn_solid, number
from lymphorisk.phantom.shapes import Common, Shape, Together, Triple

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
    if_present : tuple of str
        Further ones, where the sex has them.
    within : str
        Organ the subclinical spread stays in; empty for none.
    photon, proton : str
        Usual technique (a name of the parameters' ``technique``); empty where there is none.
    """

    patient_site: str
    photon: str
    proton: str = ""
    organs: tuple[str, ...] = ()
    within: str = ""
    if_present: tuple[str, ...] = ()


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
    "csi": Site("craniospinal", "arc", "proton_posterior_single", ("Brain", "SpinalCord")),
    "head_neck": Site("head_neck", "arc", "proton_anterior", ("LN_Neck_L", "LN_Neck_R")),
    "breast": Site("breast", "tangents", "proton_breast", ("Breast_L",)),
    "breast_right": Site("breast", "tangents_right", "proton_breast_right", ("Breast_R",)),
    "lung": Site("lung", "arc", "proton_right"),
    "lung_sbrt": Site("lung", "sbrt", "proton_left"),
    "esophagus": Site("esophagus", "arc", "proton_posterior"),
    "gastric": Site("gastric", "arc", "proton_left", ("Stomach",)),
    "liver": Site("liver", "sbrt", "proton_right"),
    "pancreas": Site("pancreas", "arc", "proton_right"),
    "pelvis": Site("pelvis", "four_field", "proton_pair", ("LN_Pelvics",), if_present=("Uterus",)),
    "pelvis_boost": Site("pelvis", "arc", "proton_pair"),
    "prostate": Site("prostate", "arc", "proton_pair", ("Prostate",)),
    "prostate_nodes": Site("prostate_nodes", "arc", "proton_pair", ("Prostate", "LN_Pelvics")),
    "rectum": Site("rectum", "arc", "proton_posterior", ("Rectum",)),
    "bladder": Site("bladder", "arc", "proton_pair", ("Bladder",)),
    "limb": Site("limb", "opposed", "proton_anterior_single"),
    "oligometastases": Site("oligometastases", "sbrt", "proton_posterior"),
    "mediastinum": Site("lymphoma", "butterfly", "proton_anterior", ("LN_Mediastinals",)),
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


def target(
    body: Anatomy,
    name: str,
    *,
    margin_mm: float | None = None,
    size: float = 1.0,
    offset_mm: Triple = (0.0, 0.0, 0.0),
) -> Target:
    """Gross tumour and planning target of a site in a body.

    Parameters
    ----------
    margin_mm : float, optional
        GTV (or organ) to PTV; the site's usual one without it. [mm]
    size : float
        Diameter of the gross tumour over the usual one.
    offset_mm : tuple of float
        Displacement of the gross tumour from its usual place (x, y, z). [mm]

    Notes
    -----
    PTV = (GTV + margin, kept inside `Site.within`) with the site's elective nodes and organs grown by their own
    margin, all kept `SKIN_MM` under the skin. For whole-body irradiation it is the body.
    """
    site = site_of(name)
    if site.organs == ("Body",):
        return Target(None, body.shapes["Body"])
    prefix = f"site.{name}"
    margin = number(body.numbers, f"{prefix}.ptv_margin") if margin_mm is None else margin_mm
    place = body.head_place if f"{prefix}.gtv.head" in body.numbers else body.trunk_place
    parts: list[Shape] = []
    tumour = drawn_solid(body.numbers, f"{prefix}.gtv")
    gtv: Shape | None = None
    if tumour is not None:
        gtv = tumour.placed(*place).resized(size).placed((1.0, 1.0, 1.0), offset_mm)
        spread = gtv.grown(margin)
        parts.append(Common((spread, body.shapes[site.within])) if site.within else spread)
    nodes = drawn_solid(body.numbers, f"{prefix}.elective")
    if nodes is not None:
        parts.append(nodes.placed(*place).grown(number(body.numbers, f"{prefix}.elective_margin")))
    for organ in (*site.organs, *(o for o in site.if_present if o in body.shapes)):
        if organ not in body.shapes:
            raise ScenarioError(f"a {body.sex} phantom has no {organ} to treat")
        parts.append(body.shapes[organ].grown(margin))
    whole = parts[0] if len(parts) == 1 else Together(tuple(parts))
    return Target(gtv, Common((whole, body.shapes["Body"].grown(-SKIN_MM))))
