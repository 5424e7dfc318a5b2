"""Lymphocyte count after breast radiotherapy from EDIC (Chen F 2021, 2022)."""

from __future__ import annotations

from collections.abc import Mapping

from lymphorisk.absent import Absent
from lymphorisk.literature.case import Case, Estimate, Outcome, beyond, outside

NAME = "chen2022_breast_edic"
OUTCOME = Outcome(None, "within one week of the end of RT", "last", "the count itself")
HOW = (
    "line as printed in the 2021 abstract; it predicts a count, and its grade curves give only the EDIC of 50 % risk, "
    "not their slope, so no probability is formed"
)


def count_after(alc: float, edic_gy: float, *, at_zero: float, per_gy: float) -> float:
    """Count after radiotherapy in patients whose baseline was normal. [10^9/L]

    PLC = PLC0 (at_zero - per_gy EDIC)

    Parameters
    ----------
    alc : float
        Baseline count. [10^9/L]
    edic_gy : float
        EDIC, by lung, heart and integral dose. [Gy]
    at_zero, per_gy : float
        Coefficients. [1, 1/Gy]

    References
    ----------
    Chen F et al., Front Oncol 2022;12:768956. doi:10.3389/fonc.2022.768956; coefficients from the abstract of 2021.

    Examples
    --------
    >>> round(count_after(1.6, 1.7, at_zero=0.90, per_gy=0.16), 2)
    1.0
    """
    return max(alc * (at_zero - per_gy * edic_gy), 0.0)


def estimate(case: Case, numbers: Mapping[str, float]) -> Estimate:
    """The count after breast radiotherapy, inside the model's gate.

    For a baseline below normal the abstract prints 1.05 - 0.17 EDIC without saying whether that is a count or a
    ratio: the model declines there.
    """
    declined = outside(case, ("breast",), ("photon",), {"alc": "baseline ALC", "edic_gy": "EDIC"})
    normal = numbers["normal_alc"] if case.lln is None else case.lln
    if declined is None and case.alc is not None and case.edic_gy is not None:
        if case.alc < normal:
            declined = Absent.declined(
                f"baseline below normal ({normal:g} x10^9/L): the printed line is ambiguous there"
            )
        else:
            declined = beyond(case.edic_gy, numbers["edic_low"], numbers["edic_high"], "EDIC", "Gy")
    if declined is not None or case.alc is None or case.edic_gy is None:
        return Estimate(NAME, OUTCOME, declined or Absent.declined("needs EDIC"), citation="chen2022", how=HOW)
    alc = count_after(case.alc, case.edic_gy, at_zero=numbers["at_zero"], per_gy=numbers["per_gy"])
    td50 = ", ".join(f"G{g}+ {numbers[f'td50_g{g}']:g}" for g in (1, 2, 3))
    said = Absent.declined(
        f"predicts a count, not a probability; EDIC of 50 % risk: {td50} Gy, here {case.edic_gy:.2g} Gy"
    )
    return Estimate(NAME, OUTCOME, said, alc=alc, citation="chen2022", how=HOW)
