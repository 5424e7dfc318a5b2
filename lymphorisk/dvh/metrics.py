"""Metrics of a DVH as physicists write them.

::

    D95%[Gy]  D2%[%]  D0.03cc[Gy]     dose to the hottest 95 %, 2 %, 0.03 cm3
    DC0.1cc[Gy]  DC5%[Gy]             highest dose of the coldest 0.1 cm3, 5 %
    V20Gy[%]  V20Gy[cc]  V95%[%]      volume receiving at least 20 Gy, 95 % of the prescription
    CV20Gy[cc]                        volume spared: receiving less than 20 Gy
    Mean[Gy]  Min[Gy]  Max[Gy]  Median[Gy]  Volume[cc]
    EUD(a=8)[Gy]                      generalised equivalent uniform dose
    Mean[EQD2]  D2%[BED]              any dose in 2 Gy fractions, or as BED: needs alpha/beta and fractions

Doses may be in Gy, cGy or % of the prescription, volumes in cc (cm3) or %. Values between the
points of the curve are interpolated linearly.

References
----------
Mayo et al., American Association of Physicists in Medicine Task Group 263, IJROBP 100 (2018) 1057, section 9.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import InputError, UndecidableError
from lymphorisk.units import CGY_PER_GY

if TYPE_CHECKING:
    from lymphorisk.dvh.curve import DVH

ALLOWED = (
    "D95%[Gy], D0.03cc[Gy], DC0.1cc[Gy], V20Gy[%], V20Gy[cc], V95%[%], CV20Gy[cc], Mean[Gy], Min[Gy], Max[Gy], "
    "Median[Gy], Volume[cc], EUD(a=8)[Gy]; doses in Gy, cGy, %, EQD2 or BED, volumes in cc or %"
)
DOSE_UNITS = ("Gy", "cGy", "%", "EQD2", "BED")
VOLUME_UNITS = ("cc", "%")
#: Volumes this far beyond the structure's are rounding of the same number. [share]
VOLUME_ROUNDING = 1e-9
#: Doses below this share of the highest are no doses: powers of them overflow.
FAINTEST = 1e-9

_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)"
_AT = re.compile(
    rf"(?P<kind>CV|DC|D|V)(?P<at>{_NUMBER})\s*(?P<at_unit>%|cGy|Gy|cc|cm3|cm\^3)\s*\[(?P<unit>[^\]]*)\]", re.I
)
_WHOLE = re.compile(
    rf"(?P<kind>Mean|Min|Max|Median|Volume|EUD|gEUD)(?:\(a=(?P<a>-?{_NUMBER})\))?\s*(?:\[(?P<unit>[^\]]*)\])?", re.I
)
_KINDS = {k.lower(): k for k in ("CV", "DC", "D", "V", "Mean", "Min", "Max", "Median", "Volume", "EUD")} | {
    "geud": "EUD"
}
_UNITS = {"gy": "Gy", "cgy": "cGy", "%": "%", "eqd2": "EQD2", "bed": "BED", "cc": "cc", "cm3": "cc", "cm^3": "cc"}


@dataclass(frozen=True, slots=True)
class Metric:
    """A parsed metric.

    Attributes
    ----------
    text : str
        As it was written.
    kind : str
        D, DC, V, CV, Mean, Min, Max, Median, Volume or EUD.
    unit : str
        Unit of the answer: Gy, cGy, %, EQD2, BED or cc.
    at : float or None
        The volume of D and DC, the dose of V and CV, in `at_unit`.
    at_unit : str
        Unit of `at`: %, cc, Gy or cGy.
    a : float or None
        Exponent of EUD, when the text gives it.
    """

    text: str
    kind: str
    unit: str
    at: float | None = None
    at_unit: str = ""
    a: float | None = None

    @property
    def is_dose(self) -> bool:
        """Whether the answer is a dose."""
        return self.kind not in ("V", "CV", "Volume")


def parse(text: str) -> Metric:
    """A metric from its text.

    Raises
    ------
    InputError
        The text is no metric, or its units do not fit.

    Examples
    --------
    >>> parse("D0.03cc[Gy]").at
    0.03
    >>> parse("V20Gy[%]").kind
    'V'
    """
    plain = text.strip()
    found = _AT.fullmatch(plain) or _WHOLE.fullmatch(plain)
    if found is None:
        raise InputError(f"{text!r} is not a DVH metric", f"write it like one of {ALLOWED}")
    groups = found.groupdict()
    kind = _KINDS[groups["kind"].lower()]
    at_unit = _UNITS.get((groups.get("at_unit") or "").lower(), "")
    given = groups["unit"]
    unit = _UNITS.get((given or ("cc" if kind == "Volume" else "Gy")).strip().lower(), "")
    answers = VOLUME_UNITS if kind in ("V", "CV", "Volume") else DOSE_UNITS
    inputs = {"D": VOLUME_UNITS, "DC": VOLUME_UNITS, "V": ("Gy", "cGy", "%"), "CV": ("Gy", "cGy", "%")}.get(kind, ("",))
    if unit not in answers or (kind == "Volume" and unit != "cc"):
        raise InputError(f"{text!r}: {kind} is answered in {', '.join(answers)}, not [{given}]", f"like {ALLOWED}")
    if at_unit not in inputs:
        raise InputError(f"{text!r}: {kind} is taken at {', '.join(inputs)}, not {at_unit}", f"like {ALLOWED}")
    if groups.get("a") is not None and kind != "EUD":
        raise InputError(f"{text!r}: only EUD has an exponent a", f"like {ALLOWED}")
    at = None if groups.get("at") is None else float(groups["at"])
    if at is not None and at_unit == "%" and kind in ("D", "DC") and at > 100:
        raise InputError(f"{text!r}: a volume of more than 100 %", f"like {ALLOWED}")
    a = groups.get("a")
    return Metric(plain, kind, unit, at, at_unit, None if a is None else float(a))


def metric(
    dvh: DVH,
    text: str | Metric,
    *,
    prescription_gy: float | None = None,
    a: float | None = None,
    alpha_beta_gy: float | None = None,
    fractions: int | None = None,
) -> float:
    """Value of a metric, of the part of the structure inside the dose grid (see `bounds` for the whole).

    Parameters
    ----------
    dvh : DVH
        The curve.
    text : str or Metric
        What is asked, in the grammar above.
    prescription_gy : float, optional
        Needed where a dose is in percent. [Gy]
    a : float, optional
        Exponent of EUD, when the text does not give it.
    alpha_beta_gy : float, optional
        Needed for EQD2 and BED. [Gy]
    fractions : int, optional
        Fractions in which the dose is given, needed for EQD2 and BED.

    Returns
    -------
    float
        In the unit of the text.

    Raises
    ------
    InputError
        Unknown metric, or something it needs is not given.
    UndecidableError
        The structure is smaller than the volume asked for.

    Examples
    --------
    >>> from lymphorisk.dvh.curve import DVH
    >>> ramp = DVH("x", np.array([0.0, 10.0, 20.0]), np.array([4.0, 2.0, 0.0]), 10.0, 0.0, 20.0, 1.0, 4.0)
    >>> metric(ramp, "D50%[Gy]"), metric(ramp, "V5Gy[%]"), metric(ramp, "DC1cc[cGy]")
    (10.0, 75.0, 500.0)
    """
    wanted = parse(text) if isinstance(text, str) else text
    curve = dvh
    if wanted.unit in ("EQD2", "BED"):
        curve = _fractionated(dvh, wanted, alpha_beta_gy, fractions)
    if not wanted.is_dose:
        return _volume(curve, wanted, prescription_gy)
    dose = _dose(curve, wanted, wanted.a if wanted.a is not None else a)
    if wanted.unit == "%":
        return 100 * dose / _needed(prescription_gy, wanted, "the prescription (prescription_gy)")
    return dose * CGY_PER_GY if wanted.unit == "cGy" else dose


def bounds(
    dvh: DVH,
    text: str | Metric,
    *,
    ceiling_gy: float | None = None,
    prescription_gy: float | None = None,
    a: float | None = None,
    alpha_beta_gy: float | None = None,
    fractions: int | None = None,
) -> tuple[float, float]:
    """Lowest and highest value of a metric of the whole structure, whatever the part outside the grid received.

    Nothing is known of the part outside but that its dose lies between zero and a ceiling.

    Parameters
    ----------
    dvh : DVH
        A curve with ``coverage`` of one or less.
    text : str or Metric
        What is asked.
    ceiling_gy : float, optional
        No dose outside the grid is above this; by default the highest dose inside. [Gy]

    Returns
    -------
    tuple of float
        Equal when the structure lies inside the grid.
    """
    wanted = parse(text) if isinstance(text, str) else text
    ceiling = dvh.max_gy if ceiling_gy is None else ceiling_gy
    values = [
        metric(
            _completed(dvh, dose),
            wanted,
            prescription_gy=prescription_gy,
            a=a,
            alpha_beta_gy=alpha_beta_gy,
            fractions=fractions,
        )
        for dose in (0.0, ceiling)
    ]
    return min(values), max(values)


def eqd2(dose_gy: NDArray[np.float64] | float, alpha_beta_gy: float, fractions: int) -> NDArray[np.float64]:
    """Dose in 2 Gy fractions with the same effect. [Gy]

    EQD2 = D (d + alpha/beta) / (2 + alpha/beta) with d = D / n (linear-quadratic model).

    Examples
    --------
    >>> float(eqd2(60.0, 3.0, 20))
    72.0
    """
    dose = np.asarray(dose_gy, np.float64)
    return np.asarray(dose * (dose / fractions + alpha_beta_gy) / (2 + alpha_beta_gy))


def bed(dose_gy: NDArray[np.float64] | float, alpha_beta_gy: float, fractions: int) -> NDArray[np.float64]:
    """Biologically effective dose D (1 + d / (alpha/beta)), d = D / n. [Gy]

    Examples
    --------
    >>> float(bed(60.0, 10.0, 30))
    72.0
    """
    dose = np.asarray(dose_gy, np.float64)
    return np.asarray(dose * (1 + dose / fractions / alpha_beta_gy))


def volume_at(dvh: DVH, dose_gy: float) -> float:
    """Volume receiving at least a dose. [cm3]"""
    return float(np.interp(dose_gy, dvh.dose_gy, dvh.volume_cm3, right=0.0))


def dose_at(dvh: DVH, volume_cm3: float) -> float:
    """Highest dose that at least this volume receives. [Gy]"""
    v = dvh.volume_cm3
    # last edge with enough volume; along a level stretch the dose is its upper end
    enough = int(np.searchsorted(-v, -volume_cm3, side="right")) - 1
    if enough < 0:
        return dvh.min_gy
    if enough == len(v) - 1:
        return dvh.max_gy
    fall = v[enough] - v[enough + 1]
    part = (v[enough] - volume_cm3) / fall
    at = float(dvh.dose_gy[enough] + part * (dvh.dose_gy[enough + 1] - dvh.dose_gy[enough]))
    return min(max(at, dvh.min_gy), dvh.max_gy)


def eud(dvh: DVH, a: float) -> float:
    """Generalised equivalent uniform dose (sum_i v_i D_i^a)^(1/a). [Gy]

    References
    ----------
    Niemierko, Med Phys 26 (1999) 1100.

    Examples
    --------
    >>> from lymphorisk.dvh.curve import DVH
    >>> halves = DVH("x", np.array([0.0, 10.0, 20.0, 21.0]), np.array([2.0, 2.0, 1.0, 0.0]), 17.75, 10.0, 21.0)
    >>> round(eud(halves, 1), 6)
    17.75
    """
    if a == 0:
        raise InputError("an EUD with a = 0 is not defined", "use a = 1 for the mean, large a for serial organs")
    spread = dvh.distribution()
    highest = float(spread.dose_gy[-1])
    if highest <= 0:
        return 0.0
    relative = spread.dose_gy / highest
    if a < 0 and relative[0] < FAINTEST:
        return 0.0
    return float(highest * (spread.share @ relative**a) ** (1 / a))


def _needed(value: float | None, wanted: Metric, what: str) -> float:
    if value is None:
        raise InputError(f"{wanted.text} needs {what}", "give it")
    if not value > 0:
        raise InputError(f"{wanted.text}: {what} must be above zero, not {value:g}", "check it")
    return value


def _dose(dvh: DVH, wanted: Metric, a: float | None) -> float:
    whole = dvh.covered_cm3
    match wanted.kind:
        case "Mean":
            return dvh.mean_gy
        case "Min":
            return dvh.min_gy
        case "Max":
            return dvh.max_gy
        case "Median":
            return dose_at(dvh, 0.5 * whole)
        case "EUD":
            if a is None:
                raise InputError(f"{wanted.text} needs its exponent", "write EUD(a=8)[Gy], or give a")
            return eud(dvh, a)
    assert wanted.at is not None
    volume = wanted.at * whole / 100 if wanted.at_unit == "%" else wanted.at
    if volume > whole * (1 + VOLUME_ROUNDING):
        raise UndecidableError(
            f"{wanted.text} of {dvh.name}: the structure has only {whole:.3g} cc", "ask for a smaller volume"
        )
    return dose_at(dvh, min(volume, whole) if wanted.kind == "D" else max(whole - volume, 0.0))


def _volume(dvh: DVH, wanted: Metric, prescription_gy: float | None) -> float:
    whole = dvh.covered_cm3
    if wanted.kind == "Volume":
        return whole
    assert wanted.at is not None
    dose = wanted.at
    if wanted.at_unit == "%":
        dose = wanted.at * _needed(prescription_gy, wanted, "the prescription (prescription_gy)") / 100
    elif wanted.at_unit == "cGy":
        dose = wanted.at / CGY_PER_GY
    volume = volume_at(dvh, dose)
    if wanted.kind == "CV":
        volume = whole - volume
    return 100 * volume / whole if wanted.unit == "%" else volume


def _fractionated(dvh: DVH, wanted: Metric, alpha_beta_gy: float | None, fractions: int | None) -> DVH:
    """The curve with every dose as EQD2 or BED; its mean is the mean of those, not that of the mean dose."""
    ratio = _needed(alpha_beta_gy, wanted, "alpha/beta (alpha_beta_gy)")
    n = int(_needed(fractions, wanted, "the number of fractions (fractions)"))
    convert = eqd2 if wanted.unit == "EQD2" else bed
    spread = dvh.distribution()
    return replace(
        dvh,
        dose_gy=convert(dvh.dose_gy, ratio, n),
        volume_cm3=dvh.volume_cm3.copy(),
        mean_gy=float(convert(spread.dose_gy, ratio, n) @ spread.share),
        min_gy=float(convert(dvh.min_gy, ratio, n)),
        max_gy=float(convert(dvh.max_gy, ratio, n)),
    )


def _completed(dvh: DVH, outside_gy: float) -> DVH:
    """The whole structure, its part outside the grid at one dose."""
    missing = dvh.total_cm3 - dvh.covered_cm3
    if dvh.coverage >= 1 or missing <= 0:
        return dvh
    doses = dvh.dose_gy
    width = float(doses[1] - doses[0])
    highest = max(outside_gy, dvh.max_gy)
    if highest > doses[-1]:
        doses = np.append(doses, np.arange(1, np.ceil((highest - doses[-1]) / width) + 1) * width + doses[-1])
    volume = np.concatenate([dvh.volume_cm3, np.zeros(len(doses) - len(dvh.volume_cm3))])
    volume = volume + missing * (doses <= outside_gy)
    mean = (dvh.mean_gy * dvh.covered_cm3 + outside_gy * missing) / dvh.total_cm3
    return replace(
        dvh,
        dose_gy=doses.copy(),
        volume_cm3=volume,
        mean_gy=mean,
        min_gy=min(dvh.min_gy, outside_gy),
        max_gy=highest,
        coverage=1.0,
    )
