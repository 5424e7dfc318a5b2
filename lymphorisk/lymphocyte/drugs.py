"""Concurrent drugs and steroids as stated loss rates, each with what it rests on.

Lymphocytes everywhere are lost at the rate kappa [1/d]: of a drug from day 0 to the last fraction, of a steroid while
it is taken,

    kappa = k d / (d + d_half)        d dexamethasone [mg/d], ``steroid.loss_rate``, ``steroid.half_dose``

The cohorts under temozolomide, and those with brain tumours, took steroids: what kappa is at the usual dose is in what
was fitted to them, so that only the difference from it counts there.

The rates come from the parameter topic ``lymphocyte`` (``chemo.temozolomide`` ...); they are assumptions, or fitted to
whole cohorts, never measured on the drug alone. A drug that no row of the calibration names has no rate: it is named
as unmodelled, not guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import ScenarioError
from lymphorisk.plan.drugs import CHECKPOINT, CHEMO
from lymphorisk.plan.steroid import Steroid

#: Steroids of a course: by period; drawn for every patient around the usual dose; drawn for some patients; what the
#: patients of a cohort took, which is in what was fitted to them.
Steroids = tuple[Steroid, ...] | Literal["usual", "not known", "as fitted"]
#: Who of a course takes steroids that nobody stated: patients with a brain tumour as a rule.
USUAL_AT = ("brain",)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the forecast makes of a drug: the parameter that holds its loss rate, empty without an effect, and why."""

    parameter: str
    why: str


TEMOZOLOMIDE, PLATINUM, OTHER = "chemo.temozolomide", "chemo.platinum", "chemo.other"
SCHEDULES = "no source tells weekly from three-weekly: both have the rate of all platinum cohorts"
#: Drugs with evidence, by name.
EVIDENCE: Mapping[str, Evidence] = {
    "temozolomide": Evidence(TEMOZOLOMIDE, "fitted to glioma cohorts under it, who had steroids as usual"),
    "cisplatin": Evidence(PLATINUM, "fitted to head and neck, lung and cervix cohorts under platinum"),
    "cisplatin weekly": Evidence(PLATINUM, SCHEDULES),
    "cisplatin three-weekly": Evidence(PLATINUM, SCHEDULES),
    "carboplatin": Evidence(PLATINUM, "fitted to cohorts under platinum, oesophagus with paclitaxel among them"),
    "5-fluorouracil": Evidence(
        OTHER, "fitted to upper abdominal cohorts under fluorouracil, its prodrug, or gemcitabine"
    ),
    "capecitabine": Evidence(OTHER, "fitted to upper abdominal cohorts under it, fluorouracil or gemcitabine"),
    "gemcitabine": Evidence(OTHER, "fitted to upper abdominal cohorts under it or a fluoropyrimidine"),
    **dict.fromkeys(CHECKPOINT, Evidence("", "checkpoint inhibitor: no effect on the count is assumed, none was read")),
}
#: With carboplatin it is in the rate of the cohorts that had both.
WITH_CARBOPLATIN = Evidence(PLATINUM, "part of the rate fitted to oesophageal cohorts under carboplatin and paclitaxel")


def evidence_of(drugs: Sequence[str]) -> Mapping[str, Evidence | None]:
    """What is known of each drug of a course, None where nothing is.

    Examples
    --------
    >>> {name: e and e.parameter for name, e in evidence_of(("carboplatin", "paclitaxel", "mitomycin")).items()}
    {'carboplatin': 'chemo.platinum', 'paclitaxel': 'chemo.platinum', 'mitomycin': None}
    """
    pair = {"paclitaxel": WITH_CARBOPLATIN} if "carboplatin" in drugs else {}
    return {name: EVIDENCE.get(name) or pair.get(name) for name in drugs}


def chemo_parameter(chemo: str, drugs: Sequence[str] = ()) -> str | None:
    """Name of the parameter that holds the loss rate; None without one.

    Of several drugs one rate counts, that of temozolomide before platinum's before the others': the cohorts it was
    fitted to had such combinations. A class without names has the rate of its class.

    Examples
    --------
    >>> chemo_parameter("temozolomide"), chemo_parameter("other", ("mitomycin",))
    ('chemo.temozolomide', None)
    """
    if chemo not in CHEMO:
        raise ScenarioError(f"chemo {chemo!r} is unknown", f"use one of {', '.join(CHEMO)}")
    if not drugs:
        return None if chemo == "none" else f"chemo.{chemo}"
    found = {e.parameter for e in evidence_of(drugs).values() if e is not None}
    return next((p for p in (TEMOZOLOMIDE, PLATINUM, OTHER) if p in found), None)


def steroid_rate(
    mg_per_day: float | NDArray[np.float64], loss_rate: NDArray[np.float64], half_dose: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Loss rate under dexamethasone, shape of the parameters. [1/d]

    Examples
    --------
    >>> steroid_rate(4.0, np.array([0.03]), np.array([4.0])).tolist()
    [0.015]
    """
    return np.asarray(loss_rate * mg_per_day / (mg_per_day + half_dose))
