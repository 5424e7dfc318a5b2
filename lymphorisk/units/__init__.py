"""Units, the ranges of every number a person may type, and the words people write for a choice."""

from __future__ import annotations

from lymphorisk.units.convert import (
    CGY_PER_GY,
    CM_PER_INCH,
    CM_PER_M,
    HOURS_PER_DAY,
    KG_PER_POUND,
    MGY_PER_GY,
    ML_PER_L,
    MM3_PER_CM3,
    MM_PER_CM,
    POUNDS_PER_STONE,
    SECONDS_PER_DAY,
    SECONDS_PER_MINUTE,
)
from lymphorisk.units.counts import ALC_PLAUSIBLE_MAX, ALC_PLAUSIBLE_MIN, alc_from, count_exponent
from lymphorisk.units.numbers import number_from
from lymphorisk.units.quantities import QUANTITIES, Quantity, Slip, checked, quantity
from lymphorisk.units.words import chosen, nearest, squashed

__all__ = [
    "ALC_PLAUSIBLE_MAX",
    "ALC_PLAUSIBLE_MIN",
    "CGY_PER_GY",
    "CM_PER_INCH",
    "CM_PER_M",
    "HOURS_PER_DAY",
    "KG_PER_POUND",
    "MGY_PER_GY",
    "ML_PER_L",
    "MM3_PER_CM3",
    "MM_PER_CM",
    "POUNDS_PER_STONE",
    "QUANTITIES",
    "SECONDS_PER_DAY",
    "SECONDS_PER_MINUTE",
    "Quantity",
    "Slip",
    "alc_from",
    "checked",
    "chosen",
    "count_exponent",
    "nearest",
    "number_from",
    "quantity",
    "squashed",
]
