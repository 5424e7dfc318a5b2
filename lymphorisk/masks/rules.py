"""What segmentations make one notice."""

from __future__ import annotations

from lymphorisk.findings import rule

USED = rule(
    "LR181",
    "info",
    "segmentation used",
    "Organs nobody drew are taken from masks or contours handed in beside the export.",
)
OTHER_PATIENT = rule(
    "LR182",
    "error",
    "segmentation of another patient",
    "Patient ID, name, birth date or sex of the segmentation are not those of the plan; it is not used.",
)
OTHER_FRAME = rule(
    "LR183",
    "error",
    "segmentation in another frame of reference",
    "The segmentation was made on another image than the plan; it is not used.",
)
FLIPPED = rule(
    "LR184",
    "error",
    "segmentation flipped",
    "Organs of the segmentation lie on the wrong side, or fit what is drawn only when mirrored; it is not used.",
)
ELSEWHERE = rule(
    "LR185",
    "error",
    "segmentation does not lie in this patient",
    "Masks lie outside the body, or not where the same organs are drawn; they are not used.",
)
NOT_USABLE = rule(
    "LR186",
    "error",
    "mask not usable",
    "A mask cannot be read, does not say where it lies, has axes that are sheared, or values that are no labels.",
)
EMPTY = rule("LR187", "info", "empty mask", "A mask holds nothing; the organ counts as not segmented.")
DISAGREES = rule(
    "LR188",
    "warning",
    "segmentation and contour disagree",
    "The contour a person drew and the segmentation of an organ differ in place, volume or dose; the contour counts.",
)
UNCHECKED = rule(
    "LR189",
    "warning",
    "place of a segmentation not checked",
    "The file says neither patient nor frame of reference, or too little is drawn to hold it against; or nothing tells "
    "whether it is mirrored along an axis.",
)
ASSUMED = rule(
    "LR190",
    "warning",
    "labels taken as said",
    "A label map without names has the numbers of TotalSegmentator's task total, version 2, or version 1 where the "
    "volumes fit those alone, unless a file says others.",
)
LABELS = rule(
    "LR191", "warning", "labels without an organ", "Labels of a file, or lines of the clinic's list, that fit nothing."
)
TWICE = rule("LR192", "warning", "organ segmented twice", "Several segmentations hold an organ; the first one counts.")
PROBABILITY = rule(
    "LR193",
    "info",
    "probabilities as shares",
    "A fractional segmentation states probabilities; each voxel counts by that share.",
)
LEFT_OUT = rule(
    "LR195",
    "error",
    "segmentation left out",
    "A segmentation that came with a received plan cannot be used; the plan was analysed without it.",
)
IMPOSSIBLE = rule(
    "LR194",
    "error",
    "impossible volume of a mask",
    "The volume of a mask lies several times outside the adult range of its organ; it is not used.",
)
