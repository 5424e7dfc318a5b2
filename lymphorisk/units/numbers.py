"""Numbers as people write them: a decimal comma is read, what is no number is explained."""

from __future__ import annotations

import math
import re

from lymphorisk.errors import ScenarioError

PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
COMMA = re.compile(r"[+-]?\d*,\d+")
#: A comma before exactly three digits may part thousands or decimals: 1,400 is 1400 here and 1.4 there.
EITHER = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
#: Both signs, or several: thousands are parted.
PARTED = re.compile(r"[+-]?\d{1,3}([.,'\u2019_ \u2009\u202f\u00a0]\d{3})+([.,]\d+)?")
#: A number with something behind it: a unit, a sign of per cent, a laboratory's flag.
FOLLOWED = re.compile(r"([+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:e[+-]?\d+)?)\s*((?!x)[a-z%(\u00b5\u03bc].*)", re.IGNORECASE)
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
    if isinstance(text, bool):
        raise ScenarioError(f"{what} = {text} is not a number")
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
    if PARTED.fullmatch(written):
        raise ScenarioError(f"{what} = {text!r} parts thousands", "write the digits without spaces, commas or quotes")
    if followed := FOLLOWED.fullmatch(written):
        if followed[2].startswith("%"):
            raise ScenarioError(f"{what} = {text!r} is per cent, not a number in the unit asked for", "give the number")
        raise ScenarioError(
            f"{what} = {text!r} has {followed[2]!r} behind the number", f"write {followed[1]}; a unit has its own place"
        )
    raise ScenarioError(f"{what} = {text!r} is not a number", "write digits and a decimal point, no unit")


def _finite(value: float, what: str) -> float:
    if not math.isfinite(value):
        raise ScenarioError(f"{what} = {value} is not a number")
    return value
