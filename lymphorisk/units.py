"""Units: what every number in lymphorisk is in, and the few conversions.

dose [Gy] . length [mm] in geometry, volume [cm3] . beam time [s] . course time [d] .
lymphocyte count [10^9/L] . body height [cm], weight [kg] . shares as fractions of one.
"""

from __future__ import annotations

from lymphorisk.errors import ScenarioError

MM3_PER_CM3 = 1000.0
SECONDS_PER_MINUTE = 60.0
SECONDS_PER_DAY = 86400.0
HOURS_PER_DAY = 24.0
CGY_PER_GY = 100.0
ML_PER_L = 1000.0

#: How many of the unit make 1 x10^9/L.
ALC_UNITS = {
    "10^9/L": 1.0,
    "10*9/L": 1.0,
    "1e9/L": 1.0,
    "G/L": 1.0,
    "K/uL": 1.0,
    "10^3/uL": 1.0,
    "10^3/mm3": 1.0,
    "cells/uL": 1000.0,
    "/uL": 1000.0,
    "cells/mm3": 1000.0,
}
#: A count above this is taken for a slip of units (the largest baseline met in the cohorts read is 4). [10^9/L]
ALC_PLAUSIBLE_MAX = 20.0


def alc_from(value: float, unit: str = "10^9/L") -> float:
    """Absolute lymphocyte count in 10^9/L.

    Parameters
    ----------
    value : float
        The count in `unit`.
    unit : str
        One of `ALC_UNITS`.

    Raises
    ------
    ScenarioError
        Unknown unit, a negative count, or a value that only another unit explains.

    Examples
    --------
    >>> alc_from(1400, "cells/uL")
    1.4
    """
    if unit not in ALC_UNITS:
        raise ScenarioError(f"unknown unit of the lymphocyte count: {unit!r}", f"use one of {', '.join(ALC_UNITS)}")
    alc = value / ALC_UNITS[unit]
    if not 0.0 <= alc <= ALC_PLAUSIBLE_MAX:
        raise ScenarioError(
            f"a lymphocyte count of {value:g} {unit} is {alc:g} x10^9/L, which no patient has",
            "check the unit: 1.4 x10^9/L = 1.4 K/uL = 1400 cells/uL (--alc-unit)",
        )
    return alc
