"""Numbers as people write them: a decimal comma is read, what is no number is explained."""

from __future__ import annotations

import math
import re
from numbers import Real

from lymphorisk.errors import ScenarioError
from lymphorisk.units.convert import (
    CGY_PER_GY,
    CM_PER_INCH,
    CM_PER_M,
    INCHES_PER_FOOT,
    KG_PER_POUND,
    ML_PER_L,
    MM_PER_CM,
    POUNDS_PER_STONE,
    UMOL_L_PER_MG_DL_CREATININE,
)

PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
COMMA = re.compile(r"[+-]?\d*,\d+")
#: A comma before exactly three digits may part thousands or decimals: 1,400 is 1400 here and 1.4 there.
EITHER = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
#: Both signs, or several: thousands are parted.
PARTED = re.compile(r"[+-]?\d{1,3}([.,'\u2019_ \u2009\u202f\u00a0]\d{3})+([.,]\d+)?")
#: A number with something behind it: a unit, a sign of per cent, a laboratory's flag.
FOLLOWED = re.compile(r"([+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:e[+-]?\d+)?)\s*((?!x)[a-z%(\u00b5\u03bc].*)", re.IGNORECASE)
#: Feet and inches: 5'9", 5 ft 9, 5 foot 9 in.
FEET = re.compile(
    r"(\d)\s*(?:'|\u2019|\u2032|ft\.?|feet|foot)\s*(\d{1,2})?\s*(?:\"|\u201d|\u2033|''|in\.?|inch(?:es)?)?",
    re.IGNORECASE,
)
STONES = re.compile(r"(\d{1,2})\s*st(?:ones?)?\.?\s*(\d{1,2})\s*(?:lbs?)?\.?", re.IGNORECASE)
#: Units that people write behind a number where another is asked for, and what one of them is.
OTHERS = {
    **dict.fromkeys(("lb", "lbs", "lb.", "lbs.", "pound", "pounds"), (KG_PER_POUND, "kg")),
    **dict.fromkeys(("st", "stone", "stones"), (POUNDS_PER_STONE * KG_PER_POUND, "kg")),
    **dict.fromkeys(("in", "in.", "inch", "inches"), (CM_PER_INCH, "cm")),
    **dict.fromkeys(("m", "metre", "metres", "meter", "meters"), (CM_PER_M, "cm")),
    "mm": (1 / MM_PER_CM, "cm"),
    **dict.fromkeys(("mo", "mo.", "months", "month"), (1 / 12, "years")),
    **dict.fromkeys(("wk", "weeks", "week"), (7 / 365.25, "years")),
    "cgy": (1 / CGY_PER_GY, "Gy"),
    **dict.fromkeys(("umol/l", "\u00b5mol/l", "\u03bcmol/l"), (1 / UMOL_L_PER_MG_DL_CREATININE, "mg/dL of creatinine")),
    "ml": (1 / ML_PER_L, "L"),
    "ml/min": (1 / ML_PER_L, "L/min"),
}
BOUND = re.compile(r"(<=?|\u2264|>=?|\u2265)\s*(.+)")


def number_from(text: str | float, what: str) -> float:
    """The number in a text.

    Parameters
    ----------
    text : str or float
        ``0.32``, ``0,32`` or ``3.2e-1``.
    what : str
        What the number is, for the message.

    Raises
    ------
    ScenarioError
        No number; a bound such as ``<0.1``; a comma that may part thousands.

    Examples
    --------
    >>> number_from("0,32", "alc")
    0.32
    """
    given: object = text
    if isinstance(given, bool) or not isinstance(given, str | Real):
        raise ScenarioError(f"{what} = {text!r} is not a number")
    if not isinstance(text, str):
        return _finite(float(text), what)
    written = text.strip().replace("\u2212", "-")
    if bound := BOUND.fullmatch(written):
        limit = "below" if bound[1][0] in "<\u2264" else "above"
        raise ScenarioError(
            f"{what} = {text!r} is a bound ({limit} what the laboratory can count), not a number",
            "leave it out, or give the last count that was measured",
        )
    if EITHER.fullmatch(written):
        whole = written.replace(",", "")
        raise ScenarioError(
            f"{what} = {text!r} may be {float(written.replace(',', '.')):g} or {int(whole)}",
            f"write {written.replace(',', '.')} or {whole}",
        )
    if COMMA.fullmatch(written):
        written = written.replace(",", ".")
    if PLAIN.fullmatch(written):
        return _finite(float(written), what)
    if both := FEET.fullmatch(written):
        cm = (float(both[1]) * INCHES_PER_FOOT + float(both[2] or 0)) * CM_PER_INCH
        raise ScenarioError(f"{what} = {text!r} is in feet and inches", f"that is {cm:.0f} cm")
    if both := STONES.fullmatch(written):
        kg = (float(both[1]) * POUNDS_PER_STONE + float(both[2])) * KG_PER_POUND
        raise ScenarioError(f"{what} = {text!r} is in stones and pounds", f"that is {kg:.0f} kg")
    if PARTED.fullmatch(written):
        raise ScenarioError(f"{what} = {text!r} parts thousands", "write the digits without spaces, commas or quotes")
    if followed := FOLLOWED.fullmatch(written):
        if followed[2].startswith("%"):
            raise ScenarioError(f"{what} = {text!r} is per cent, not a number in the unit asked for", "give the number")
        said = f"{what} = {text!r} has {followed[2]!r} behind the number"
        if other := OTHERS.get(followed[2].strip().lower()):
            meant = float(followed[1].replace(",", ".")) * other[0]
            raise ScenarioError(said, f"that is {meant:.3g} {other[1]}: write the number alone, in the unit asked for")
        raise ScenarioError(said, f"write {followed[1]} when that is the unit asked for; a unit has its own place")
    raise ScenarioError(f"{what} = {text!r} is not a number", "write digits and a decimal point, no unit")


def _finite(value: float, what: str) -> float:
    if not math.isfinite(value):
        raise ScenarioError(f"{what} = {value} is not a number")
    return value
