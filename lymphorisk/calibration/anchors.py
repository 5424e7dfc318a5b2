"""Published counts and rates the population parameters are calibrated to, and the courses that stand for them.

Two tables in ``parameters/data``: ``calibration_anchors.csv`` (cohorts by site) and
``calibration_whole_body.csv`` (whole-body doses). Cohort courses come from phantoms: each site in
several bodies with small, usual and large tumours, or with tumours of the size the cohort printed. A
cohort that was treated in several ways holds them side by side, with their shares. Where a cohort's
baseline, schedule or drug was not printed, the row holds an assumption; docs/lymphocytes.md lists which.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from lymphorisk.dvh.curve import DoseDistribution, mixture, uniform
from lymphorisk.errors import ScenarioError
from lymphorisk.lymphocyte.course import Course, PhaseExposure
from lymphorisk.lymphocyte.drugs import Steroids
from lymphorisk.lymphocyte.pools import POOLS
from lymphorisk.organs.cover import Covered, blood_cover, pool_cover
from lymphorisk.parameters import load
from lymphorisk.parameters.network import network_table
from lymphorisk.parameters.store import DATA
from lymphorisk.phantom import phantom_plan
from lymphorisk.plan import Phase, steroid_of
from lymphorisk.plan.words import Modality, modality_of

#: Tumour diameters over the usual one, and bodies, that make the plans of a cohort differ.
VARIANTS = ((0.8, "M"), (1.0, "M"), (1.25, "M"), (0.8, "F"), (1.0, "F"), (1.25, "F"))
#: Sites where only one sex is treated.
ONE_SEX = {"breast": "F", "prostate": "M", "prostate_nodes": "M"}
#: Classes a pool's dose is cut to: the kill changes by less than 1e-4.
DOSE_CLASSES = 64


#: Tumour sizes looked at when a printed PTV is to be met.
SIZES = (0.2, 4.0)
#: Halvings of that range: the voxels of the phantom, not the search, then limit the size.
HALVINGS = 16
#: Columns that hold one value for each way a cohort was treated.
SEVERAL = ("fractions", "prescription_gy", "chemo", "steroid", "share")


@dataclass(frozen=True, slots=True)
class Schedule:
    """One way the patients of a cohort were treated, and the share of them.

    `steroid` is ``as fitted`` of brain tumours, who take it as a rule, and nothing elsewhere: what cohorts took is in
    their drugs' rates and the unexplained loss.
    """

    share: float
    fractions: int
    prescription_gy: float
    chemo: str
    steroid: Steroids = ()


@dataclass(frozen=True, slots=True)
class Anchor:
    """One published row.

    Attributes
    ----------
    schedules : tuple of Schedule
        How the cohort was treated; shares sum to 1.
    size : float
        Tumour diameter over the usual one, where a printed dose told it.
    ptv_cm3 : float or None
        Volume of the usual PTV of the cohort, where it was printed. [cm3]
    outcome : str
        ``below_0.5``, ``below_0.2`` (lowest weekly count up to `when_d`), ``below_0.5_at``, ``alc_after`` (on that
        day), ``nadir`` (median lowest count).
    when_d, counted_from : float, str
        Day of the count, or end of its window, after the ``start`` or the ``end`` of the course. [d]
    baseline, baseline_sd_ln : float
        Median count before treatment [10^9/L] and its spread in the cohort, sd(ln).
    baseline_known : str
        ``read`` or ``derived`` from print; ``cancels`` when a ratio was printed; ``assumed`` otherwise: then it is
        estimated with the parameters.
    events, n : int or None
        For rates; `n` also for medians.
    value : float or None
        Median count. [10^9/L]
    role : str
        ``fit`` or ``check``.
    listed : bool
        One of the published rates the model is held to row by row.
    """

    id: str
    group: str
    site: str
    modality: Modality
    schedules: tuple[Schedule, ...]
    size: float
    ptv_cm3: float | None
    baseline: float
    baseline_known: str
    baseline_sd_ln: float
    outcome: str
    when_d: float
    counted_from: str
    events: int | None
    n: int
    value: float | None
    role: str
    listed: bool
    source: str
    note: str

    @property
    def observed(self) -> float:
        """The rate, or the count [10^9/L]."""
        if self.value is not None:
            return self.value
        assert self.events is not None
        return self.events / self.n

    @property
    def below(self) -> float:
        """The count a rate is of patients below. [10^9/L]"""
        return float(self.outcome.removeprefix("below_").removesuffix("_at"))

    @property
    def on_one_day(self) -> bool:
        """Whether one day's count is meant, not the lowest up to it."""
        return self.outcome == "alc_after" or self.outcome.endswith("_at")

    def day(self, last_fraction_d: float) -> float:
        """Day of the count, or end of its window, from the first fraction. [d]"""
        return self.when_d if self.counted_from == "start" else last_fraction_d + self.when_d


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
                modality=modality_of(row["modality"]),
                schedules=_schedules(row),
                size=float(row["size"] or 1.0),
                ptv_cm3=float(row["ptv_cm3"]) if row["ptv_cm3"] else None,
                baseline=float(row["baseline"]),
                baseline_known=row["baseline_known"],
                baseline_sd_ln=float(row["baseline_sd_ln"]),
                outcome=row["outcome"],
                when_d=float(row["when_d"]),
                counted_from=row["counted_from"],
                events=int(row["events"]) if row["events"] else None,
                n=int(row["n"]),
                value=float(row["value"]) if row["value"] else None,
                role=row["role"],
                listed=row["listed"] == "yes",
                source=row["source"],
                note=row["note"],
            )
            for row in csv.DictReader(lines)
        )


def _schedules(row: Mapping[str, str]) -> tuple[Schedule, ...]:
    """Columns with one value hold for all ways of treatment."""
    empty = {"share": "1", "steroid": "none"}
    cells = {name: (row[name] or empty.get(name, "")).split(";") for name in SEVERAL}
    ways = max(len(c) for c in cells.values())
    fractions, dose, chemo, steroid, share = (c * ways if len(c) == 1 else c for c in cells.values())
    total = sum(float(s) for s in share)
    return tuple(
        Schedule(float(s) / total, int(n), float(d), drug, "as fitted" if mg == "as fitted" else steroid_of(mg) or ())
        for s, n, d, drug, mg in zip(share, fractions, dose, chemo, steroid, strict=True)
    )


def cohort_baselines() -> Mapping[str, float]:
    """Factors on the assumed baselines by source, as the calibration estimated them; 1 for a cohort not in it."""
    with (DATA / "calibration_baselines.csv").open(newline="", encoding="utf-8") as lines:
        return {row["source"]: float(row["factor"]) for row in csv.DictReader(lines)}


def not_represented() -> Mapping[str, str]:
    """Published cohorts that no row stands for, and why."""
    with (DATA / "calibration_not_represented.csv").open(newline="", encoding="utf-8") as lines:
        return {row["row"]: row["reason"] for row in csv.DictReader(lines)}


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
def site_courses(
    site: str,
    modality: Modality,
    fractions: int,
    prescription_gy: float,
    chemo: str,
    size: float = 1.0,
    steroid: Steroids = (),
) -> tuple[Course, ...]:
    """Courses of a site in the bodies and tumour sizes of `VARIANTS`, the sizes times `size`."""
    out = []
    for factor, sex in VARIANTS:
        if ONE_SEX.get(site, sex) != sex:
            continue
        plan = phantom_plan(
            numbers(),
            site,
            sex=sex,
            modality=modality,
            fractions=fractions,
            prescription_gy=prescription_gy,
            size=factor * size,
        )
        phases = tuple(exposure(p, d, sex) for p, d in zip(plan.phases, plan.organ_doses(), strict=True))
        out.append(Course(phases, chemo, steroid=steroid))
    return tuple(out)


@cache
def size_for_ptv(site: str, modality: Modality, ptv_cm3: float) -> float:
    """Tumour diameter over the usual one at which the PTV of the reference body has a volume [cm3]."""
    low, high = SIZES
    for _ in range(HALVINGS):
        middle = float(np.sqrt(low * high))
        grid = phantom_plan(numbers(), site, sex=ONE_SEX.get(site, "M"), modality=modality, size=middle).grid
        volume = next(grid.volume_cm3(name) for name in grid.owned if name.startswith("PTV"))
        low, high = (middle, high) if volume < ptv_cm3 else (low, middle)
    if high == SIZES[1] or low == SIZES[0]:
        raise ScenarioError(f"no {site} tumour of the phantom has a PTV of {ptv_cm3:g} cm3")
    return float(np.sqrt(low * high))


def size_of(anchor: Anchor) -> float:
    """Tumour diameter of a cohort over the usual one."""
    if anchor.ptv_cm3 is None:
        return anchor.size
    return size_for_ptv(anchor.site, anchor.modality, anchor.ptv_cm3)


def anchor_courses(anchor: Anchor) -> tuple[tuple[Schedule, tuple[Course, ...]], ...]:
    """The courses of each way a cohort was treated."""
    size = size_of(anchor)
    return tuple(
        (s, site_courses(anchor.site, anchor.modality, s.fractions, s.prescription_gy, s.chemo, size, s.steroid))
        for s in anchor.schedules
    )
