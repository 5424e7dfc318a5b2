"""Whether a segmentation is the right way round.

A segmentation that fits what is drawn only when it is mirrored is flipped. Where the drawn organs do not tell (none is
drawn, or those that are lie alike on both sides), anatomy does: the liver lies to the right of the spleen, the spine
behind the heart, the rectum behind the bladder, the lungs above the bladder, the middle of the heart to the left of the
body's; organs on the wrong side more often than on the right one are mirrored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.regions import Leaf, leaves_of
from lymphorisk.dvh.sections import middle_of
from lymphorisk.findings import Finding, finding
from lymphorisk.masks import rules
from lymphorisk.masks.against import Both, Held, Plan, both_of
from lymphorisk.masks.read import Handed
from lymphorisk.organs.place import LEVELS, ONE_SIDED
from lymphorisk.plan import Mask

#: Mirrored organs that overlap better by this much (Dice) say that it is flipped, worse by this much that it is not.
MIRROR_DICE = 0.15
#: Organs whose middles are closer along an axis than this say nothing about it. [mm]
APART_MM = 8.0
AXES = ("left to right", "front to back", "head to foot")
#: Organs in front of the spine, and those that lie at the back.
FRONT = (
    "Sternum", "Heart", "Trachea", "Stomach", "Liver", "Gallbladder", "Pancreas", "Bladder", "Prostate", "Colon",
    "Jejunum_Ileum", "Bowel_Small", "Bowel", "Glnd_Thyroid", "Larynx", "Glnd_Thymus", "V_Venacava_S", "Duodenum",
)  # fmt: skip
BACK = (
    "SpinalCord", "SpinalCanal", "VBs", "VB_C", "VB_T", "VB_L", "Sacrum", "Scapula_L", "Scapula_R", "Kidneys",
    "Kidney_L", "Kidney_R", "Spleen",
)  # fmt: skip
#: Organs in front of the middle of the body; those at the back lie behind it.
BEFORE_MIDDLE = ("Sternum", "Heart", "Stomach")
#: Organs left of what lies right of them in everybody, beside pairs and those that lie on one side of the body.
LEFT_OF = (("Stomach", "Liver"), ("Stomach", "Gallbladder"), ("A_Aorta", "V_Venacava_I"), ("Heart", "V_Venacava_S"))
#: Organs that cross the midline and whose middle lies left of it, save in the rare people who are mirrored: theirs are
#: refused by name.
LEFT_OF_MIDDLE = ("Heart", "Stomach")
#: Organs in front of others at their height.
BEFORE = (
    ("Bladder", "Rectum"), ("Prostate", "Rectum"), ("Uterus", "Rectum"), ("Trachea", "Esophagus"),
    ("Bone_Mandible", "Brainstem"), ("Brain", "Brainstem"),
)  # fmt: skip
#: Numbered bones in their order from the head.
BONES = ("VB_C", "VB_T", "VB_L")

Array = NDArray[np.float64]


def flipped(handed: Handed, held: Sequence[Held], plan: Plan) -> Finding | None:
    """A finding when the segmentation is mirrored along an axis."""
    both = both_of(held, plan)
    wrong, why = [], []
    for axis, name in enumerate(AXES):
        gain = _gain(both, axis, held, plan)
        if gain > MIRROR_DICE:
            wrong.append(name)
            why.append(f"mirrored, its organs overlap the drawn ones by {gain:.2f} (Dice) more")
        elif gain >= -MIRROR_DICE:  # the drawn organs do not say
            bad, good = _votes(axis, held, plan)
            if len(bad) > good:
                wrong.append(name)
                why.append("; ".join(bad[:3]))
    if not wrong:
        return None
    what = f"{handed.name} is flipped {' and '.join(wrong)}: {'; '.join(dict.fromkeys(why))}"
    hint = (
        "write it in the image's own orientation; NIfTI is RAS, DICOM LPS. Other labels: --labels. "
        "Of a patient with mirrored organs contour one of them: the overlap then tells"
    )
    return finding(rules.FLIPPED, what, handed.name, hint)


def untold(held: Sequence[Held], plan: Plan) -> list[str]:
    """Axes along which neither drawn organs nor anatomy tell whether a segmentation is mirrored."""
    both = both_of(held, plan)
    out = []
    for axis, name in enumerate(AXES):
        bad, good = _votes(axis, held, plan)
        if not bad and not good and abs(_gain(both, axis, held, plan)) <= MIRROR_DICE:
            out.append(name)
    return out


def _gain(both: Sequence[Both], axis: int, held: Sequence[Held], plan: Plan) -> float:
    """How much better (Dice, mean) the organs overlap the drawn ones when mirrored along an axis."""
    if not both:
        return 0.0
    ends = np.stack([e for one in held for e in (one.points.min(axis=0), one.points.max(axis=0))])
    image = [end for one in held for leaf in leaves_of(one.segment.region) for end in _image_ends(leaf)]
    middles = [plan.middle_mm[axis], 0.5 * (ends[:, axis].min() + ends[:, axis].max()), 0.0]
    if axis == 2 and np.all(np.isfinite(image)):
        middles.append(0.5 * (min(image) + max(image)))
    now = float(np.mean([b.dice(b.held.points) for b in both]))
    mirrored = []
    for middle in middles:
        mirrored.append(float(np.mean([b.dice(_mirror(b.held.points, axis, middle)) for b in both])))
    return max(mirrored) - now


def _image_ends(leaf: Leaf) -> tuple[float, float]:
    return leaf.image_z_mm if isinstance(leaf, Mask) else (-np.inf, np.inf)


def _mirror(points: Array, axis: int, middle: float) -> Array:
    out = points.copy()
    out[:, axis] = 2 * middle - out[:, axis]
    return out


def _votes(axis: int, held: Sequence[Held], plan: Plan) -> tuple[list[str], int]:
    """Organs on the wrong side along an axis, in words, and how many lie on the right one.

    Segmented organs are compared with each other and with the drawn ones.
    """
    own = {one.segment.organ: one.middle for one in held if one.segment.organ}
    at = {name: middle for name, region in plan.regions.items() if (middle := middle_of(region)) is not None} | own
    bad, good = [], 0
    for low, high in _order(axis, at):
        if low not in own and high not in own:
            continue
        apart = float(at.get(high, plan.middle_mm)[axis] - at.get(low, plan.middle_mm)[axis])
        if apart < -APART_MM:
            bad.append(f"{low} does not lie {('right of', 'in front of', 'below')[axis]} {high}")
        elif apart > APART_MM:
            good += 1
    return bad, good


#: Stands for the middle of the body among organs.
MIDDLE = "the middle of the body"


def _order(axis: int, known: Mapping[str, Array]) -> Iterator[tuple[str, str]]:
    """Pairs of organs, the first of which lies right of, in front of or below the other."""
    if axis == 0:
        yield from ((f"{n[:-2]}_R", n) for n in known if n.endswith("_L") and f"{n[:-2]}_R" in known)
        yield from ((right, left) for left, right in LEFT_OF if left in known and right in known)
        yield from ((n, MIDDLE) if ONE_SIDED[n] == "R" else (MIDDLE, n) for n in ONE_SIDED if n in known)
        yield from ((MIDDLE, n) for n in LEFT_OF_MIDDLE if n in known)
        yield from ((n, MIDDLE) if n.endswith("_R") else (MIDDLE, n) for n in known if _one_of_a_pair(n, known))
    elif axis == 1:
        back = [n for n in known if n in BACK or n.rstrip("0123456789") in BONES]
        yield from ((f, b) for f in FRONT if f in known for b in back)
        yield from ((front, behind) for front, behind in BEFORE if front in known and behind in known)
        yield from ((n, MIDDLE) for n in BEFORE_MIDDLE if n in known)
        yield from ((MIDDLE, n) for n in back)
    else:
        present = [[n for n in level if n in known] for level in LEVELS]
        for i, level in enumerate(present):
            yield from ((lower, upper) for upper in level for below in present[i + 1 :] for lower in below)
        spine = [n for bone in BONES for n in sorted(known) if n.rstrip("0123456789") == bone and n != bone]
        yield from ((spine[j], spine[i]) for i in range(len(spine)) for j in range(i + 1, len(spine)))


def _one_of_a_pair(name: str, known: Mapping[str, Array]) -> bool:
    """Whether an organ lies on one side by its name, and its fellow is not there to compare."""
    if name[-2:] not in ("_L", "_R") or name in BONES:
        return False
    return f"{name[:-1]}{'R' if name.endswith('_L') else 'L'}" not in known
