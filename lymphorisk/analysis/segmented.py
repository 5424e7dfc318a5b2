"""Segmentations handed in beside an export, and where they disagree with what a person drew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lymphorisk.analysis.options import Options
from lymphorisk.dicom import Export
from lymphorisk.dvh import DVH
from lymphorisk.dvh.regions import Intersection, Region
from lymphorisk.dvh.sections import middle_of
from lymphorisk.findings import Finding, finding
from lymphorisk.masks.rules import DISAGREES
from lymphorisk.organs import Matching, match
from lymphorisk.organs.segments import Segment, in_both
from lymphorisk.parameters import load

if TYPE_CHECKING:
    from lymphorisk.analysis.curves import Curves
    from lymphorisk.masks import Segmentation


def segmented(export: Export, options: Options) -> Segmentation | None:
    """The segmentations that the options name, or the export was read with, held against it; None without any."""
    paths = options.segmentation or export.segmentation
    if not paths:
        return None
    from lymphorisk.anatomy import outline_of_dose
    from lymphorisk.masks import Plan, segmentations

    plan = export.plan
    matching = match(plan.structures, options.organs, export.patient, options.aliases)
    doses = [phase.dose for phase in plan.phases if phase.dose is not None]
    frames = {d.frame_of_reference for d in doses} | {s.frame_of_reference for s in plan.structures}
    body = _body(matching, export)
    middle = None if body is None else middle_of(body)
    if middle is None and (outline := outline_of_dose(doses[0])) is not None:
        middle = np.array([*outline.middle_mm.mean(axis=0), outline.z_mm.mean()])
    held_against = Plan(
        matching,
        export.phi,
        frozenset(frames - {""}),
        frozenset(plan.uids.get("RTSTRUCT", ())),
        np.zeros(3) if middle is None else middle,
        body,
    )
    return segmentations(paths, options.labels or export.labels, held_against)


def _body(matching: Matching, export: Export) -> Region | None:
    """The outline as drawn, or as the CT shows it."""
    if "Body" in matching.organs:
        return matching.organs["Body"].region
    from lymphorisk.anatomy.seen import seen

    shown = None if export.ct is None else seen(export.ct)
    return None if shown is None else shown.body


def disagreements(curves: Curves, segments: Sequence[Segment]) -> list[Finding]:
    """Findings on organs that a person drew and a segmentation holds, where the two are not alike."""
    both = in_both(curves.matching, segments)
    regions: list[Region] = []
    for name, (drawn, segment) in both.items():
        regions += [drawn.region, segment.region, Intersection(name, (drawn.region, segment.region))]
    made = curves.of_course(regions)
    out = []
    for n, name in enumerate(both):
        contour, mask, common = made[3 * n : 3 * n + 3]
        if isinstance(contour, DVH) and isinstance(mask, DVH):
            shared = common.total_cm3 if isinstance(common, DVH) else 0.0
            what = _unlike(contour, mask, shared)
            if what:
                said = f"{name}: contour and {both[name][1].name!r} differ: {what}; the contour counts"
                out.append(finding(DISAGREES, said, name, "look at both on the image"))
    return out


def _unlike(contour: DVH, mask: DVH, shared_cm3: float) -> str:
    """How a mask differs from a contour; empty when they are alike."""
    dice = 2 * shared_cm3 / (contour.total_cm3 + mask.total_cm3)
    ratio = mask.total_cm3 / contour.total_cm3
    apart = abs(mask.mean_gy - contour.mean_gy)
    alike = {name: p.number for name, p in load("apart").items() if name.startswith("drawing.")}
    unlike = (
        dice < alike["drawing.dice"]
        or not 1 / alike["drawing.volume"] <= ratio <= alike["drawing.volume"]
        or apart > max(alike["drawing.dose"], alike["drawing.dose_share"] * max(mask.mean_gy, contour.mean_gy))
    )
    if not unlike:
        return ""
    return f"Dice {dice:.2f}, volume ratio {ratio:.2f}, mean {mask.mean_gy:.2f} Gy for {contour.mean_gy:.2f} Gy"
