"""Whether a segmentation is of this patient and lies where the patient does.

DICOM says whose it is and in which frame of reference it lies; NIfTI says neither. So every segmentation is held
against what the plan shows: its masks lie in the body, organs that are drawn too lie where they are drawn, nothing is
mirrored (`sides`), and no volume is impossible.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lymphorisk.dicom.identity import differences
from lymphorisk.dvh.inside import inside
from lymphorisk.dvh.regions import Region, leaves_of
from lymphorisk.dvh.sections import boxes_of
from lymphorisk.findings import Finding, Severity, finding
from lymphorisk.masks import rules
from lymphorisk.masks.against import Held, Plan, both_of, overlap_of
from lymphorisk.masks.read import Handed
from lymphorisk.masks.sides import flipped, untold
from lymphorisk.organs import load
from lymphorisk.organs.match import TOO_LARGE, TOO_SMALL
from lymphorisk.organs.segments import Segment
from lymphorisk.plan import Mask

#: Of a mask at least this share lies in the body: contours of the skin are drawn loosely, arms are often left out.
IN_BODY = 0.5
#: A segmentation of whose structures more than this share lie outside the body is not of this patient.
MANY = 0.25
#: Organs of the midline; vertebrae are numbered.
MIDLINE = ("VBs", "VB_C", "VB_T", "VB_L", "Sacrum", "SpinalCord", "SpinalCanal", "Sternum", "Trachea")
#: They lie at most this far beside the middle of the body's outline: arms, breasts and scoliosis move it less. [mm]
BESIDE_MM = 40.0
#: Outlines of one patient on one image overlap more (Dice): couch, arms and smoothing take less. Assumed.
OUTLINE_DICE = 0.85
#: Of organs of trunk and head at least this share lies in the body, on average: they lie under the skin. Assumed.
ALL_IN_BODY = 0.95
#: Organs that contours of the body may leave out, or drawn up to the skin.
LIMBS = ("Humer", "Scapula", "Clavicle", "Femur", "Breast")
#: A segmentation whose organs overlap the drawn ones less than this (Dice at common heights, by volume) lies elsewhere:
#: programs and observers reach 0.85 and more in large organs, another patient's organs brought to the same place 0.5 to
#: 0.75. One organ alone may be drawn by another rule; several are not.
ELSEWHERE_DICE = {1: 0.6, 2: 0.75}


def fitting(handed: Handed, plan: Plan) -> tuple[tuple[Segment, ...], tuple[Finding, ...]]:
    """The structures of a segmentation that fit the plan, and what was noticed; refused ones are errors."""
    foreign = _foreign(handed, plan)
    if foreign is not None:
        return (), (foreign,)
    if not handed.segments:
        return (), ()
    every = [Held(segment) for segment in handed.segments]
    found = [refused for one in every if (refused := _impossible(one)) is not None]
    held = [one for one in every if _impossible(one) is None]
    outside = [_outside(one, plan) for one in held]
    wrong = flipped(handed, held, plan) or _elsewhere(handed, held, outside, plan)
    if wrong is not None:
        return (), (wrong, *found)
    if handed.assumed and any(f.severity == "error" for f in found):  # numbers of another list
        return (), tuple(found)
    found += [refused for refused in outside if refused is not None]
    kept = [one.segment for one, refused in zip(held, outside, strict=True) if refused is None]
    return tuple(kept), (*found, *_unchecked(handed, held, plan))


def _foreign(handed: Handed, plan: Plan) -> Finding | None:
    """Of another patient, in another frame of reference, or the plan's own structure set."""
    if handed.sop_uid and handed.sop_uid in plan.structure_uids:
        what = "it is the plan's own structure set: a person drew it, or nobody checked it"
        return finding(rules.NOT_USABLE, what, handed.name, "hand in another file")
    if handed.identity is not None and (differ := differences(handed.identity, plan.identity)):
        what = f"{', '.join(differ)} of {handed.name} are not the plan's"
        return finding(rules.OTHER_PATIENT, what, handed.name, "hand in the segmentation of this patient")
    if handed.frames and plan.frames and not handed.frames & plan.frames:
        what = f"{handed.name} lies in another frame of reference than the plan"
        return finding(rules.OTHER_FRAME, what, handed.name, "segment the planning CT")
    return None


def _unchecked(handed: Handed, held: Sequence[Held], plan: Plan) -> Iterator[Finding]:
    """What could not be compared."""
    if axes := untold(held, plan):
        what = f"nothing tells whether {handed.name} is mirrored {', '.join(axes)}"
        hint = "look at it on the image, or contour one of its organs: the overlap then tells"
        yield finding(rules.UNCHECKED, what, handed.name, hint)
    if handed.identity is None:
        compared = [s.organ for s in handed.segments if s.organ in plan.regions]
        what = f"{handed.name} says neither patient nor frame of reference"
        if compared:
            what += f"; held against {', '.join(compared)} as drawn"
        severity: Severity = "info" if compared else "warning"
        yield finding(rules.UNCHECKED, what, handed.name, "check that it is of the planning CT", severity)
    elif not (handed.frames and plan.frames):
        yield finding(rules.UNCHECKED, f"{handed.name}: no frame of reference to compare", handed.name)


def _elsewhere(handed: Handed, held: Sequence[Held], outside: Sequence[Finding | None], plan: Plan) -> Finding | None:
    """Nothing lies in the body, or the organs that are drawn lie elsewhere."""
    hint = "is it of this patient, of the planning CT, and in its coordinates (LPS in DICOM, RAS in NIfTI)?"
    away = sum(refused is not None for refused in outside)
    if away > MANY * len(held):
        what = f"{away} of {len(held)} structures of {handed.name} lie outside the body"
        return finding(rules.ELSEWHERE, what, handed.name, hint)
    if (beside := _beside(held, plan)) > BESIDE_MM:
        what = f"spine and pairs of organs of {handed.name} lie {beside:.0f} mm beside the middle of the body"
        return finding(rules.ELSEWHERE, what, handed.name, hint)
    if plan.body is not None and (what := _unlike(held, plan.body)):
        return finding(rules.ELSEWHERE, f"{handed.name}: {what}", handed.name, hint)
    both = both_of(held, plan)
    overlap = [overlap_of(b.held.segment.region, b.drawn) or 0.0 for b in both]
    if both and np.average(overlap, weights=[b.drawn_cm3 for b in both]) < ELSEWHERE_DICE[min(len(both), 2)]:
        listed = ", ".join(f"{b.held.segment.organ} {d:.2f}" for b, d in zip(both, overlap, strict=True))
        what = f"{handed.name} does not lie where the organs are drawn; overlap (Dice): {listed}"
        return finding(rules.ELSEWHERE, what, handed.name, hint)
    return None


def _unlike(held: Sequence[Held], body: Region) -> str:
    """How organs or outlines do not fit the outline of the patient; empty when they do."""
    for one in held:
        if one.segment.organ == "Body":
            alike = overlap_of(one.segment.region, body) or 0.0
            if alike < OUTLINE_DICE:
                return f"{one.segment.name} is not the outline of the patient: they overlap by {alike:.2f} (Dice)"
    shares = [share for one in held if (share := _share_in(one, body)) is not None]
    if shares and float(np.mean(shares)) < ALL_IN_BODY:
        return f"{100 * float(np.mean(shares)):.0f} % of its organs lie in the body, on average"
    return ""


def _share_in(one: Held, body: Region) -> float | None:
    """Share of an organ of the trunk or head that lies in the body, at the heights of the body; None without one."""
    if one.segment.organ in ("", "Body") or one.segment.organ.startswith(LIMBS):
        return None
    z = boxes_of(body)[:, :, 2]
    height = one.points[:, 2]
    points = one.points[(height > z.min()) & (height < z.max())]
    return float(np.mean(inside(body, points))) if len(points) else None


def _beside(held: Sequence[Held], plan: Plan) -> float:
    """How far the organs of the midline, and the middles of pairs, lie beside the middle of the body (median). [mm]"""
    x = {one.segment.organ: float(one.middle[0]) for one in held}
    middles = [at for name, at in x.items() if name in MIDLINE or name.rstrip("0123456789") in MIDLINE]
    middles += [0.5 * (at + x[f"{n[:-1]}R"]) for n, at in x.items() if n.endswith("_L") and f"{n[:-1]}R" in x]
    if not middles or plan.body is None:
        return 0.0
    return abs(float(np.median(middles)) - float(plan.middle_mm[0]))


def _outside(one: Held, plan: Plan) -> Finding | None:
    """A structure most of which lies outside the body."""
    if plan.body is None or one.segment.organ == "Body":
        return None
    share = float(np.mean(inside(plan.body, one.points)))
    if share >= IN_BODY:
        return None
    what = f"{one.segment.name}: {100 * share:.0f} % of it lies in the body"
    return finding(rules.ELSEWHERE, what, one.segment.organ or one.segment.name, "check its place")


def _impossible(one: Held) -> Finding | None:
    """A mask whose volume is none of its organ; a small one may be cut off by the end of its image."""
    organ = one.segment.organ
    limits = load()[organ].volume_range_cm3 if organ and one.masked else None
    if limits is None:
        return None
    low, high = limits
    small = one.volume_cm3 < low / TOO_SMALL and not _ends_with_image(one.segment.region)
    if not small and one.volume_cm3 <= high * TOO_LARGE:
        return None
    what = f"{one.segment.name}: {one.volume_cm3:.3g} cm3, a {organ} has {low:g} to {high:g}; it is not used"
    hint = "is it the right label, in the right unit? List labels of your own with --labels"
    return finding(rules.IMPOSSIBLE, what, organ, hint, "warning" if small else None)  # programs leave crumbs


def _ends_with_image(region: Region) -> bool:
    masks = [leaf for leaf in leaves_of(region) if isinstance(leaf, Mask)]
    return any(m.z_mm[0] <= m.image_z_mm[0] or m.z_mm[-1] >= m.image_z_mm[1] for m in masks)
