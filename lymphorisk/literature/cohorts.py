"""How often it happened in published cohorts of the same site, modality and chemotherapy.

A rate of a cohort is no model: it knows nothing of this plan. It is what a forecast that knows the plan must be held
against, and what the simulated cohort must reproduce.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from lymphorisk.literature.case import Case, Outcome

#: Two-sided 95 % of the normal distribution.
Z_95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class CohortRate:
    """One published rate: `events` of `n` patients.

    Attributes
    ----------
    name : str
        Row name.
    site, modality, chemo : str
        What the cohort had; chemo ``any`` when mixed.
    outcome : Outcome
        What was counted.
    events, n : float
        Patients with the outcome (rate times n where only a rate was printed), and all.
    """

    name: str
    site: str
    modality: str
    chemo: str
    outcome: Outcome
    events: float
    n: float

    @property
    def rate(self) -> float:
        """Share with the outcome."""
        return self.events / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson 95 % interval of the rate.

        Examples
        --------
        >>> row = CohortRate("x", "brain", "photon", "any", Outcome(0.5, "", "nadir"), 0, 10)
        >>> round(row.interval[1], 3)
        0.278
        """
        p, n, z2 = self.rate, self.n, Z_95 * Z_95
        middle = (p + z2 / (2.0 * n)) / (1.0 + z2 / n)
        half = Z_95 / (1.0 + z2 / n) * math.sqrt(p * (1.0 - p) / n + z2 / (2.0 * n * 2.0 * n))
        return min(max(middle - half, 0.0), p), max(min(middle + half, 1.0), p)


#: Row name -> site, modality, chemo, cut [10^9/L], window. The numbers are parameters (topic `cohort`).
ROWS: Mapping[str, tuple[str, str, str, float, str]] = {
    "shiraishi2018_photon_g4": ("esophagus", "photon", "platinum", 0.2, "during chemoradiotherapy"),
    "shiraishi2018_proton_g4": ("esophagus", "proton", "platinum", 0.2, "during chemoradiotherapy"),
    "routman2019_photon_g4": ("esophagus", "photon", "platinum", 0.2, "during chemoradiotherapy"),
    "routman2019_proton_g4": ("esophagus", "proton", "platinum", 0.2, "during chemoradiotherapy"),
    "zhang2024_escc_g3": ("esophagus", "photon", "platinum", 0.5, "during chemoradiotherapy"),
    "mgh_esophagus_g3": ("esophagus", "photon", "other", 0.5, "nadir of the series"),
    "mgh_esophagus_g4": ("esophagus", "photon", "other", 0.2, "nadir of the series"),
    "mgh_gastric_g3": ("gastric", "photon", "other", 0.5, "nadir of the series"),
    "mgh_gastric_g4": ("gastric", "photon", "other", 0.2, "nadir of the series"),
    "mgh_pancreas_g3": ("pancreas", "photon", "other", 0.5, "nadir of the series"),
    "mgh_pancreas_g4": ("pancreas", "photon", "other", 0.2, "nadir of the series"),
    "ntcp2025_pancreas_g3": ("pancreas", "photon", "other", 0.5, "during chemoradiotherapy"),
    "vanrossum2023_lung_g3": ("lung", "photon", "platinum", 0.5, "during chemoradiotherapy"),
    "vanrossum2023_lung_g4": ("lung", "photon", "platinum", 0.2, "during chemoradiotherapy"),
    "kang2022_lung_g3": ("lung", "photon", "platinum", 0.5, "during chemoradiotherapy"),
    "p37_lung_g3": ("lung", "photon", "any", 0.5, "nadir of the course"),
    "p37_lung_g4": ("lung", "photon", "any", 0.2, "nadir of the course"),
    "zhao2019_lung_g3": ("lung", "photon", "platinum", 0.5, "nadir of the course"),
    "byun2019_gbm_g3": ("brain", "photon", "temozolomide", 0.5, "3 months from the start"),
    "huang2015_hgg_g3": ("brain", "photon", "temozolomide", 0.5, "3 months from the start"),
    "gbm764_g3": ("brain", "photon", "temozolomide", 0.5, "during chemoradiotherapy"),
    "song2021_rt_g3": ("brain", "photon", "none", 0.5, "4 weeks after the course"),
    "song2021_tmz_g3": ("brain", "photon", "temozolomide", 0.5, "4 weeks after the course"),
    "ng2020_oropharynx_g3": ("head_neck", "photon", "platinum", 0.5, "during radiotherapy"),
    "ng2020_oropharynx_g4": ("head_neck", "photon", "platinum", 0.2, "during radiotherapy"),
    "byun2019_hcc_g3": ("liver", "photon", "none", 0.5, "3 months from the start"),
    "kims2024_hcc_g3": ("liver", "photon", "none", 0.5, "after radiotherapy"),
    "kims2024_hcc_g4": ("liver", "photon", "none", 0.2, "after radiotherapy"),
    "xuz2022_cervix_g4": ("pelvis", "photon", "any", 0.2, "during radiotherapy"),
    "ro2023_cervix_g3": ("pelvis", "photon", "platinum", 0.5, "after two cycles"),
    "chen2021_breast_g3": ("breast", "photon", "none", 0.5, "end of radiotherapy"),
    "chen2021_breast_g4": ("breast", "photon", "none", 0.2, "end of radiotherapy"),
    "song2024_breast_g3": ("breast", "photon", "none", 0.5, "during radiotherapy"),
    "song2024_breast_g4": ("breast", "photon", "none", 0.2, "during radiotherapy"),
}


def cohort_rates(numbers: Mapping[str, tuple[float, ...]]) -> tuple[CohortRate, ...]:
    """All rows, from their numbers (events, n) by row name."""
    rows = []
    for name, (site, modality, chemo, cut, window) in ROWS.items():
        events, n = numbers[name]
        rows.append(CohortRate(name, site, modality, chemo, Outcome(cut, window, "nadir"), events, n))
    return tuple(rows)


def comparable(case: Case, rates: tuple[CohortRate, ...]) -> tuple[CohortRate, ...]:
    """The cohorts of the same site and modality whose chemotherapy does not contradict the case."""
    return tuple(
        r
        for r in rates
        if r.site == case.site
        and r.modality == case.modality
        and (r.chemo == "any" or case.chemo is None or (r.chemo == "none") == (case.chemo == "none"))
    )
