"""Whether organs lie where their names say: swaps and wrong names before they reach a patient."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.regions import Region
from lymphorisk.dvh.sections import boxes_of
from lymphorisk.findings import Finding, finding, rule

WRONG_SIDE = rule(
    "LR159",
    "warning",
    "Side does not fit",
    "A structure lies on the other side than its name says: a swapped name, a flipped image, or situs inversus.",
)
WRONG_PLACE = rule(
    "LR160",
    "warning",
    "Impossible place",
    "A structure lies outside the body, or above or below an organ it cannot pass: a wrong name, a wrong structure "
    "set, or an image upside down.",
)
#: Organs from head to foot. A whole organ of a later level has its centre below that of an earlier one; organs that
#: are often contoured in part (bowel, spine, great vessels, oesophagus) are left out.
LEVELS = (
    ("Brain",),
    ("Parotid_L", "Parotid_R", "Larynx", "Glnd_Thyroid"),
    ("Heart", "Glnd_Thymus"),
    ("Liver", "Spleen", "Kidney_L", "Kidney_R", "Kidneys", "Pancreas"),
    ("Bladder", "Prostate", "Femur_Head_L", "Femur_Head_R", "Femur_Heads"),
)
#: A centre must lie this far on the wrong side: breathing, and contours that end with the scan, move it less. [mm]
LEVEL_MM = 20.0
#: Of a structure's extent in each direction at least this share lies within that of the body.
INSIDE = 0.5
#: Organs that lie on one side without saying so in their name.
ONE_SIDED = {"Spleen": "L", "Liver": "R", "V_Venacava_I": "R"}
#: Organs near the midline cross it; a centre this far on the wrong side is no longer chance. [mm]
MIDLINE_MM = 10.0


def check_sides(regions: Mapping[str, Region]) -> list[Finding]:
    """Findings for organs on the wrong side.

    Left and right of a pair are compared with each other, single organs with the middle of the body. In the
    patient coordinates of DICOM x grows to the patient's left, whatever the patient's position on the couch.

    Parameters
    ----------
    regions : mapping of str to Region
        By TG-263 name.
    """
    x = {name: centre for name, region in regions.items() if (centre := _centre_x(region)) is not None}
    middle = x.get("Body")
    noted = []
    for name, at in x.items():
        side = name[-1] if name[-2:] in {"_L", "_R"} and not name.startswith("VB_") else ONE_SIDED.get(name)
        if side is None:
            continue
        sign = 1.0 if side == "L" else -1.0
        other = name[:-1] + ("R" if side == "L" else "L")
        paired = name[-2:] in {"_L", "_R"} and other in x
        if paired:
            wrong, reference = sign * (at - x[other]) < 0, other
        elif middle is not None:
            wrong, reference = sign * (at - middle) < -MIDLINE_MM, "the middle of the body"
        else:
            continue
        if wrong and not (paired and side == "R"):
            word = "left" if side == "L" else "right"
            what = f"{name} does not lie to the {word} of {reference}"
            noted.append(finding(WRONG_SIDE, what, name, "check names, patient orientation and anatomy"))
    return noted


def check_places(regions: Mapping[str, Region]) -> list[Finding]:
    """Findings for organs outside the body, and for organs above one they must lie below.

    In the patient coordinates of DICOM z grows towards the head, whatever the patient's position on the couch.

    Parameters
    ----------
    regions : mapping of str to Region
        By TG-263 name.
    """
    extent = {name: box for name, region in regions.items() if (box := _extent(region)) is not None}
    noted = []
    body = extent.get("Body")
    for name, box in extent.items():
        if body is not None and name != "Body" and (axis := _leaves(box, body)):
            what = f"{name} lies outside the body ({axis})"
            noted.append(
                finding(WRONG_PLACE, what, name, "check its name, and whether the structure set is this patient's")
            )
    z = {name: 0.5 * (box[0, 2] + box[1, 2]) for name, box in extent.items()}
    for i, level in enumerate(LEVELS):
        for upper in (n for n in level if n in z):
            for lower in (n for below in LEVELS[i + 1 :] for n in below if n in z):
                if z[lower] - z[upper] > LEVEL_MM:
                    what = f"{lower} lies {z[lower] - z[upper]:.0f} mm above {upper}"
                    noted.append(finding(WRONG_PLACE, what, lower, "check both names and the direction of the slices"))
    return noted


def _leaves(box: NDArray[np.float64], body: NDArray[np.float64]) -> str:
    """The direction in which most of a box lies outside the body's; empty when there is none."""
    for k, axis in enumerate(("left-right", "front-back", "head-foot")):
        size = box[1, k] - box[0, k]
        shared = min(box[1, k], body[1, k]) - max(box[0, k], body[0, k])
        if shared < INSIDE * size or shared < 0:
            return axis
    return ""


def _extent(region: Region) -> NDArray[np.float64] | None:
    """Lowest and highest x, y, z of the sections, shape (2, 3). [mm]"""
    boxes = boxes_of(region)
    return np.stack([boxes[:, 0].min(axis=0), boxes[:, 1].max(axis=0)]) if len(boxes) else None


def _centre_x(region: Region) -> float | None:
    """Mean x of the middles of its sections, each weighted by its extent. [mm]"""
    boxes = boxes_of(region)
    if not len(boxes):
        return None
    middles = 0.5 * (boxes[:, 0, 0] + boxes[:, 1, 0])
    weights = np.prod(boxes[:, 1, :2] - boxes[:, 0, :2], axis=1)
    return float(np.average(middles, weights=weights)) if weights.sum() > 0 else float(middles.mean())
