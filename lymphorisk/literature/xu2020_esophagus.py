"""Grade 4 lymphopenia under oesophageal chemoradiotherapy by EDIC (Xu C 2020)."""

from __future__ import annotations

from collections.abc import Mapping

from lymphorisk.absent import Absent
from lymphorisk.literature.case import Case, Estimate, Outcome, beyond, outside

NAME = "xu2020_esophagus_edic"
OUTCOME = Outcome(0.2, "during chemoradiotherapy", "nadir")
HOW = "two observed rates on either side of one cut, from the abstract; not a curve, single centre"


def rate(edic_gy: float, *, cut_gy: float, below: float, above: float) -> float:
    """Observed rate of grade 4 in the patients on this side of the cut.

    Parameters
    ----------
    edic_gy : float
        Oesophageal EDIC (with the liver's term). [Gy]
    cut_gy : float
        Cut of the cohort. [Gy]
    below, above : float
        Rate at or below, and above the cut.

    References
    ----------
    Xu C et al., Radiother Oncol 2020;146:180-186. doi:10.1016/j.radonc.2020.02.015

    Examples
    --------
    >>> rate(4.0, cut_gy=4.0, below=0.408, above=0.673)
    0.408
    """
    return above if edic_gy > cut_gy else below


def estimate(case: Case, numbers: Mapping[str, float]) -> Estimate:
    """The band of the cohort the case falls in, inside the gate."""
    declined = outside(
        case, ("esophagus",), ("photon",), {"edic_esophagus_gy": "oesophageal EDIC"}, ("platinum", "other")
    )
    edic = case.edic_esophagus_gy
    if declined is None and edic is not None:
        declined = beyond(edic, numbers["edic_low"], numbers["edic_high"], "oesophageal EDIC", "Gy")
    if declined is not None or edic is None:
        return Estimate(
            NAME, OUTCOME, declined or Absent.declined("needs oesophageal EDIC"), citation="xu2020", how=HOW
        )
    p = rate(edic, cut_gy=numbers["cut"], below=numbers["below"], above=numbers["above"])
    return Estimate(NAME, OUTCOME, p, citation="xu2020", how=HOW)
