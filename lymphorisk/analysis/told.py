"""Facts of the patient held against the plan: organs of the other sex, a target at another site, another body."""

from __future__ import annotations

from collections.abc import Mapping

from lymphorisk.analysis.curves import Curves
from lymphorisk.analysis.site import contradicted
from lymphorisk.analysis.size import against_body
from lymphorisk.findings import Finding, finding
from lymphorisk.plan import Patient
from lymphorisk.plan.facts import CONTRADICTION

#: Organs that one sex has.
OF_ONE_SEX: Mapping[str, tuple[str, ...]] = {
    "M": ("Prostate", "Testis", "Testis_L", "Testis_R"),
    "F": ("Uterus", "Ovaries", "Ovary_L", "Ovary_R"),
}


def against_plan(patient: Patient, curves: Curves, given_site: str | None) -> tuple[Finding, ...]:
    """Findings where the plan contradicts the patient; a scenario draws nothing and contradicts nothing.

    Parameters
    ----------
    patient : Patient
        As used.
    curves : Curves
    given_site : str or None
        The site as typed.
    """
    if curves.source.given is not None:
        return ()
    found = []
    other = {"M": "F", "F": "M"}.get(patient.sex or "")
    if other and (drawn := [name for name in OF_ONE_SEX[other] if name in curves.matching.organs]):
        what = f"sex is {patient.sex}, and {', '.join(drawn)} is drawn: {patient.sex} is used"
        found.append(finding(CONTRADICTION, what, "RTSTRUCT", "correct the sex, or look whose structures these are"))
    if given_site is not None and (says := contradicted(curves.dvh, given_site)):
        what = f"site is {given_site} as given, and the dose says {says}: {given_site} is used"
        found.append(finding(CONTRADICTION, what, "dose", "correct the site: published models answer for one site"))
    return (*found, *against_body(patient, curves.matching))
