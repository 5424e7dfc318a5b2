"""Whether organs lie on the side their names say: left-right swaps before they reach a patient."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lymphorisk.dvh.regions import Region, structures_of
from lymphorisk.findings import Finding, finding, rule

WRONG_SIDE = rule(
    "LR159",
    "warning",
    "Side does not fit",
    "A structure lies on the other side than its name says: a swapped name, a flipped image, or situs inversus.",
)
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


def _centre_x(region: Region) -> float | None:
    """Mean x of the contour points, each contour weighted by its extent. [mm]"""
    contours = [c for s in structures_of(region) for c in s.contours_mm if len(c) > 0]
    if not contours:
        return None
    middles = np.array([0.5 * (c[:, 0].min() + c[:, 0].max()) for c in contours])
    weights = np.array([np.ptp(c[:, 0]) * np.ptp(c[:, 1]) for c in contours])
    return float(np.average(middles, weights=weights)) if weights.sum() > 0 else float(middles.mean())
