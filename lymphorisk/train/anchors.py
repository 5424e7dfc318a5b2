"""Published counts and rates the population parameters are calibrated to, and the courses that stand for them.

Two tables in ``parameters/data``: ``calibration_anchors.csv`` (cohorts by site) and
``calibration_whole_body.csv`` (whole-body doses). Cohort courses come from phantoms: each site in
several bodies with small, usual and large tumours. Where a cohort's baseline, schedule or drug was
not printed, the row holds an assumption; docs/lymphocytes.md lists which.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from lymphorisk.dvh.curve import DoseDistribution, mixture, uniform
from lymphorisk.lymphocyte.course import Course, PhaseExposure
from lymphorisk.lymphocyte.pools import POOLS
from lymphorisk.organs.cover import Covered, blood_cover, pool_cover
from lymphorisk.parameters import load
from lymphorisk.parameters.network import network_table
from lymphorisk.parameters.store import DATA
from lymphorisk.phantom import phantom_plan
from lymphorisk.plan import Phase

#: Tumour diameters over the usual one, and bodies, that make the plans of a cohort differ.
VARIANTS = ((0.8, "M"), (1.0, "M"), (1.25, "M"), (0.8, "F"), (1.0, "F"), (1.25, "F"))
#: Sites where only one sex is treated.
ONE_SEX = {"breast": "F", "prostate": "M"}
#: Classes a pool's dose is cut to: the kill changes by less than 1e-4.
DOSE_CLASSES = 64


@dataclass(frozen=True, slots=True)
class Anchor:
    """One published row.

    Attributes
    ----------
    outcome : str
        ``below_0.5``, ``below_0.2`` (lowest weekly count up to `when_d` days after the last fraction),
        ``below_0.5_at``, ``alc_after`` (on that day after the last fraction), ``nadir`` (median lowest count).
    baseline, baseline_sd_ln : float
        Median count before treatment [10^9/L] and its spread in the cohort, sd(ln).
    baseline_known : str
        ``read`` when the cohort printed its baseline, ``assumed`` otherwise.
    events, n : int or None
        For rates; `n` also for medians.
    value : float or None
        Median count. [10^9/L]
    role : str
        ``fit`` or ``check``.
    """

    id: str
    group: str
    site: str
    modality: str
    fractions: int
    prescription_gy: float
    chemo: str
    baseline: float
    baseline_known: str
    baseline_sd_ln: float
    outcome: str
    when_d: float
    events: int | None
    n: int
    value: float | None
    role: str
    source: str

    @property
    def observed(self) -> float:
        """The rate, or the count [10^9/L]."""
        if self.value is not None:
            return self.value
        assert self.events is not None
        return self.events / self.n


@dataclass(frozen=True, slots=True)
class WholeBody:
    """One whole-body row: doses [Gy], their times [d], the day of the count [d], its share of baseline and sd(ln)."""

    id: str
    doses_gy: tuple[float, ...]
    times_d: tuple[float, ...]
    at_d: float
    value: float
    sd_ln: float
    role: str
    source: str

    def course(self) -> Course:
        """The exposure; a phase a dose."""
        everywhere = [uniform(d) for d in self.doses_gy]
        return Course(
            tuple(
                PhaseExposure(np.array([t]), d, {p: d for p in POOLS if p != "blood"})
                for t, d in zip(self.times_d, everywhere, strict=True)
            )
        )


def anchors() -> tuple[Anchor, ...]:
    """All cohort rows."""
    with (DATA / "calibration_anchors.csv").open(newline="", encoding="utf-8") as lines:
        return tuple(
            Anchor(
                id=row["id"],
                group=row["group"],
                site=row["site"],
                modality=row["modality"],
                fractions=int(row["fractions"]),
                prescription_gy=float(row["prescription_gy"]),
                chemo=row["chemo"],
                baseline=float(row["baseline"]),
                baseline_known=row["baseline_known"],
                baseline_sd_ln=float(row["baseline_sd_ln"]),
                outcome=row["outcome"],
                when_d=float(row["when_d"]),
                events=int(row["events"]) if row["events"] else None,
                n=int(row["n"]),
                value=float(row["value"]) if row["value"] else None,
                role=row["role"],
                source=row["source"],
            )
            for row in csv.DictReader(lines)
        )


def whole_body_rows() -> tuple[WholeBody, ...]:
    """All whole-body rows."""
    with (DATA / "calibration_whole_body.csv").open(newline="", encoding="utf-8") as lines:
        return tuple(
            WholeBody(
                id=row["id"],
                doses_gy=tuple(float(x) for x in row["doses_gy"].split(";")),
                times_d=tuple(float(x) for x in row["times_d"].split(";")),
                at_d=float(row["at_d"]),
                value=float(row["value"]),
                sd_ln=float(row["sd_ln"]),
                role=row["role"],
                source=row["source"],
            )
            for row in csv.DictReader(lines)
        )


@cache
def numbers() -> Mapping[str, float | tuple[float, ...]]:
    """The phantom's parameters, plain."""
    return {name: p.value for name, p in load("phantom").items()}


def mixed(
    covered: tuple[Covered, ...], organs: Mapping[str, DoseDistribution], rest: DoseDistribution
) -> DoseDistribution:
    """Dose of what the organs cover, and of `rest` where nothing is contoured. [Gy]"""
    parts = [(c.share, organs[c.organ]) for c in covered]
    left = 1.0 - sum(share for share, _ in parts)
    if left > 0:
        parts.append((left, rest))
    total = sum(share for share, _ in parts)
    return mixture([(share / total, d) for share, d in parts])


def exposure(phase: Phase, organs: Mapping[str, DoseDistribution], sex: str) -> PhaseExposure:
    """A phase as the lymphocytes meet it: pools from the organs' doses of the whole phase [Gy].

    Blood carries its mean dose only (share of each compartment times the mean dose of its organs): the mean
    is exact, and blood's own two percent of the lymphocytes weigh little.
    """
    per_fraction = {name: d.scaled(1.0 / (phase.fractions * phase.rbe_in_dose)) for name, d in organs.items()}
    body = per_fraction["Body"]
    names = set(per_fraction)
    cover = pool_cover(names)
    pools = {p: mixed(cover.get(p, ()), per_fraction, body) for p in POOLS if p not in ("blood", "elsewhere")}
    pools["elsewhere"] = body
    table = network_table("male28" if sex == "M" else "female28")
    compartments = blood_cover(names, "28")
    blood = sum(
        pct / sum(table.volume_pct) * mixed(compartments.get(name, ()), per_fraction, body).mean_gy
        for name, pct in zip(table.names, table.volume_pct, strict=True)
    )
    assert phase.days is not None
    return PhaseExposure(
        np.array(phase.days),
        uniform(float(blood)),
        {p: d.rebinned(DOSE_CLASSES) for p, d in pools.items()},
        modality=phase.modality,
    )


@cache
def site_courses(site: str, modality: str, fractions: int, prescription_gy: float, chemo: str) -> tuple[Course, ...]:
    """Courses of a site in the bodies and tumour sizes of `VARIANTS`."""
    out = []
    for size, sex in VARIANTS:
        if ONE_SEX.get(site, sex) != sex:
            continue
        plan = phantom_plan(
            numbers(), site, sex=sex, modality=modality, fractions=fractions, prescription_gy=prescription_gy, size=size
        )
        phases = tuple(exposure(p, d, sex) for p, d in zip(plan.phases, plan.organ_doses(), strict=True))
        out.append(Course(phases, chemo))
    return tuple(out)
