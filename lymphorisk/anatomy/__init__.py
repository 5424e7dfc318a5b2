"""The reference bodies put into a patient: doses of organs nobody drew, and of the undrawn parts of drawn ones.

A reference body (`reference`) is fitted to the patient's outline and drawn organs (`landmarks`, `fit`); a small set of
bodies drawn from the fit's uncertainty (`placement`) is dosed inside the grid and, by distance from the field, outside
it (`dosed`, `peripheral`). No file is read here and no parameter is looked up: numbers come in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lymphorisk.lazy import loader

if TYPE_CHECKING:
    from lymphorisk.anatomy.dosed import DosedBody, Field, dosed_body, field_of, nearest, within
    from lymphorisk.anatomy.fit import Fit, Residual
    from lymphorisk.anatomy.landmarks import Drawn, drawn_organs
    from lymphorisk.anatomy.outline import Outline, outline_of, outline_of_dose, outline_of_mask
    from lymphorisk.anatomy.parts import Part, PartRules, part_of
    from lymphorisk.anatomy.peripheral import Peripheral
    from lymphorisk.anatomy.placement import OUTLINE, Placed, place
    from lymphorisk.anatomy.prior import Prior, prior_of
    from lymphorisk.anatomy.reference import Reference, reference_body

__all__ = [
    "OUTLINE",
    "DosedBody",
    "Drawn",
    "Field",
    "Fit",
    "Outline",
    "Part",
    "PartRules",
    "Peripheral",
    "Placed",
    "Prior",
    "Reference",
    "Residual",
    "dosed_body",
    "drawn_organs",
    "field_of",
    "nearest",
    "outline_of",
    "outline_of_dose",
    "outline_of_mask",
    "part_of",
    "place",
    "prior_of",
    "reference_body",
    "within",
]

__getattr__ = loader(
    __name__,
    {
        "OUTLINE": "placement",
        "DosedBody": "dosed",
        "Drawn": "landmarks",
        "Field": "dosed",
        "Fit": "fit",
        "Outline": "outline",
        "Part": "parts",
        "PartRules": "parts",
        "Peripheral": "peripheral",
        "Placed": "placement",
        "Prior": "prior",
        "Reference": "reference",
        "Residual": "fit",
        "dosed_body": "dosed",
        "drawn_organs": "landmarks",
        "field_of": "dosed",
        "nearest": "dosed",
        "within": "dosed",
        "outline_of": "outline",
        "outline_of_dose": "outline",
        "outline_of_mask": "outline",
        "part_of": "parts",
        "place": "placement",
        "prior_of": "prior",
        "reference_body": "reference",
    },
)
