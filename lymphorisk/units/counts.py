"""Counts of lymphocytes: every unit a laboratory prints, and the numbers that only another unit explains."""

from __future__ import annotations

import re

from lymphorisk.errors import ScenarioError
from lymphorisk.units.numbers import number_from

#: A count above this is none of a patient before radiotherapy, save one with a leukaemia: the largest baseline met in
#: the cohorts read is 4, and a share of the white cells in per cent begins about here. [10^9/L]
ALC_PLAUSIBLE_MAX = 10.0
#: Fewer than five cells in a microlitre are not counted in routine: 1.4 typed beside cells/uL. [10^9/L]
ALC_PLAUSIBLE_MIN = 0.005
#: Per cent of white cells, above which a number is none. [%]
PERCENT_MAX = 100.0
#: The exponent of ten of the program's own unit, cells in a litre.
OWN = 9
#: Litres in the volumes that laboratories count in, as exponents of ten.
VOLUMES = {
    "l": 0, "liter": 0, "litre": 0, "dl": -1, "ml": -3, "cc": -3, "cm3": -3,
    "ul": -6, "mcl": -6, "mm3": -6, "cmm": -6, "cumm": -6, "cu.mm": -6,
    "cubicmillimeter": -6, "cubicmillimetre": -6, "microl": -6, "microliter": -6, "microlitre": -6, "nl": -9,
}  # fmt: skip
#: Words for powers of ten.
FACTORS = {
    "": 0, "1": 0, "k": 3, "thou": 3, "thousand": 3, "thousands": 3, "ths": 3, "th": 3, "tsd": 3, "tsd.": 3,
    "1000": 3, "m": 6, "mio": 6, "mio.": 6, "million": 6, "millions": 6, "g": 9, "gpt": 9, "giga": 9, "billion": 9,
    "billions": 9,
}  # fmt: skip
SUPERSCRIPT = str.maketrans("\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079", "0123456789")
RAISED = re.compile("[\u2070\u00b9\u00b2\u00b3\u2074-\u2079]+")
#: 10^9, 10*9, 10**9, 10E9 (as analysers print it), 10x9, x10e9, 1e9, E9, and 109 where a copy lost the raised digit.
POWER = re.compile(r"[x*]?(?:10(?:\^|\*\*|\*|x|e\+?|exp)?0?([369])|(?:1(?:\.0)?)?e\+?0?([369]))")
#: What UCUM writes in braces changes no unit; L-1 is a division.
BRACES, INVERSE = re.compile(r"\{[^{}]*\}"), re.compile(r"\*?([a-z]+\d?)\^?-\^?1$")
CELLS = re.compile(r"^(lymphocytes?|lymphs?|cells?|zellen|count|#)(?=[/x*\d]|$)")
KNOWN = "10^9/L, G/L, Gpt/L, 10^3/uL, K/uL, /nL, cells/uL, /mm3, 10^6/L"


def count_exponent(unit: str) -> int:
    """Exponent of ten of a count's unit in cells per litre: 9 for 10^9/L, 6 for cells/uL.

    Raises
    ------
    ScenarioError
        A unit that is none of a count, per cent among them.

    Examples
    --------
    >>> [count_exponent(u) for u in ("x10^9/L", "10*3/uL", "cells/\u00b5L", "/mm\u00b3", "Gpt/L", "10E6/L")]
    [9, 9, 6, 6, 9, 6]
    """
    written = _plain(unit)
    if "%" in written or "percent" in written or written == "pct":
        raise ScenarioError(
            "per cent of the white cells is a share, not a count",
            "lymphocytes = share x white count / 100: 18.5 % of 4.5 x10^9/L is 0.83 x10^9/L",
        )
    factor, slash, volume = written.rpartition("/")
    power = _power(CELLS.sub("", factor))
    if not slash or volume not in VOLUMES or power is None:
        raise ScenarioError(f"unknown unit of the lymphocyte count: {unit!r}", f"use one of {KNOWN}")
    return power - VOLUMES[volume]


def count_unit(text: str) -> str:
    """A unit as typed, when it is one of a count."""
    count_exponent(text)
    return text


def _plain(unit: str) -> str:
    """Lower case, no spaces, one micro sign, raised digits as ^9, `per` as a stroke."""
    written = RAISED.sub(lambda m: "^" + m[0].translate(SUPERSCRIPT), unit.strip())
    written = (
        written.lower().replace("\u03bc", "u").replace("\u00b5", "u").replace("\u00d7", "x").replace("\u00b7", "*")
    )
    written = BRACES.sub("", written).replace("\u207b", "-").replace("\u2212", "-")
    written = re.sub(r"\bper\b|\bpro\b|\u2215|\u2044", "/", written)
    written = re.sub(r"[()\s\u00a0\u2009\u202f]|\^(?=3$)|\*(?=\*)", "", written)
    written = INVERSE.sub(r"/\1", written)
    return re.sub(r"(?<=[\w\d])(cells?|lymphocytes?)(?=/)", "", written)


def _power(factor: str) -> int | None:
    if factor in FACTORS:
        return FACTORS[factor]
    found = POWER.fullmatch(factor)
    return None if found is None else int(found[1] or found[2])


def alc_from(value: float | str, unit: str = "10^9/L") -> float:
    """Absolute lymphocyte count in 10^9/L.

    Parameters
    ----------
    value : float or str
        The count in `unit`.
    unit : str
        As a laboratory prints it.

    Raises
    ------
    ScenarioError
        Unknown unit, a negative count, or a value that only another unit explains.

    Examples
    --------
    >>> alc_from(1400, "cells/uL"), alc_from("0,32", "10*3/uL")
    (1.4, 0.32)
    """
    exponent = count_exponent(unit)
    number = number_from(value, "the lymphocyte count")
    ten = 10.0 ** abs(exponent - OWN)
    alc = number / ten if exponent < OWN else number * ten
    if alc < 0.0:
        raise ScenarioError(f"a lymphocyte count of {number:g} {unit} is below zero", "leave it out when not known")
    if alc > ALC_PLAUSIBLE_MAX or 0.0 < alc < ALC_PLAUSIBLE_MIN:
        raise ScenarioError(
            f"a lymphocyte count of {number:g} {unit} is {alc:g} x10^9/L, which no patient has; {guess(number, unit)}",
            "check the unit (--alc-unit): 1.4 x10^9/L = 1.4 K/uL = 1400 cells/uL",
        )
    return alc


def guess(number: float, unit: str) -> str:
    """What a number that no count is can only be."""
    as_cells = number / 1000.0
    said = []
    if count_exponent(unit) != OWN and ALC_PLAUSIBLE_MIN <= number <= ALC_PLAUSIBLE_MAX:
        said.append(f"it looks like {number:g} x10^9/L, not {unit}")
    else:
        if ALC_PLAUSIBLE_MAX < number <= PERCENT_MAX:
            said.append(f"it looks like {number:g} % of the white cells (a share is no count)")
        if ALC_PLAUSIBLE_MIN <= as_cells <= ALC_PLAUSIBLE_MAX:
            said.append(f"it looks like {number:g} cells/uL, which is {as_cells:g} x10^9/L")
    return ", or ".join(said) or "no unit of a count explains it"
