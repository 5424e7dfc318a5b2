"""How well the count of later months, the band and the spread of nadirs hold with the written calibration.

    python benchmarks/bench_count.py

Recovery: every row of the calibration that is a count on one day more than 30 days after the last fraction (but those
`APART`), published and predicted ratio to baseline (mean over draws of the posterior, baselines as estimated).
Band: patients of another seed in twelve treatments, counted once between week 1 and day 200; how many of the counts lie
in the bands of measured counts. Nothing lost: sd of ln of a count on day 90.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np

from lymphorisk.calibration.anchors import site_courses
from lymphorisk.calibration.calibrate import Row, Scene, all_rows, calibrated, check, role
from lymphorisk.dvh import uniform
from lymphorisk.lymphocyte import forecast, population
from lymphorisk.lymphocyte.course import Course, PhaseExposure
from lymphorisk.lymphocyte.observation import deviations, observation
from lymphorisk.lymphocyte.pools import POOLS
from lymphorisk.lymphocyte.population import draw
from lymphorisk.lymphocyte.realisation import PATIENT_DIMENSIONS, realise
from lymphorisk.parameters import load, posterior

LATER_D = 30.0
#: Children's heads, brachytherapy that is in no course, and all windows of a series that has rows of its own.
APART = ("cranial_5fx", "cranial_12fx", "cranial_20fx", "cervix_2mo", "lung_sbrt_after")
CONSTANT = 0.62
TREATMENTS = (
    ("pancreas", 28, 50.4, "other"),
    ("pancreas", 5, 33.0, "none"),
    ("gastric", 25, 45.0, "other"),
    ("liver", 15, 58.0, "none"),
    ("esophagus", 28, 50.4, "platinum"),
    ("lung", 30, 60.0, "platinum"),
    ("lung", 5, 50.0, "none"),
    ("brain", 30, 60.0, "temozolomide"),
    ("head_neck", 35, 70.0, "platinum"),
    ("pelvis", 25, 45.0, "platinum"),
    ("prostate", 20, 60.0, "none"),
    ("breast", 15, 40.0, "none"),
)
BASELINE, AGE_Y, PATIENTS, DAYS = 1.6, 60.0, 3000, 201


def later(row: Row) -> bool:
    """Whether a row is a count of one day, more than `LATER_D` after the last fraction."""
    if not isinstance(row, Scene):
        return row.at_d - max(row.times_d) > LATER_D
    last = row.parts[0].courses[0].last_fraction_d
    a = row.anchor
    return a.id not in APART and a.value is not None and a.on_one_day and a.day(last) - last > LATER_D


def recovery() -> None:
    """Published and predicted ratios, by row, series and over all."""
    people = replace(population(load("lymphocyte")), posterior=None)
    rows = [row for row in all_rows() if later(row)]
    places = calibrated()
    by_site: dict[str, list[tuple[float, float, str]]] = defaultdict(list)
    print("| row | use | published | predicted |\n|---|---|---|---|")
    for row, found in zip(rows, check(rows, people, *places), strict=True):
        at = places[0].baseline.get(row.anchor.source, 1.0) * row.anchor.baseline if isinstance(row, Scene) else 1.0
        printed = row.anchor.baseline if isinstance(row, Scene) else 1.0
        seen, given = found.observed / printed, found.predicted / at
        by_site[found.group].append((seen, given, role(row)))
        print(f"| {found.id} | {role(row)} | {seen:.2f} | {given:.2f} |")
    every = np.array([(s, g) for site in by_site.values() for s, g, _ in site])
    free = np.array([(s, g) for site in by_site.values() for s, g, how in site if how == "check"])
    print(f"\n{len(every)} points of {len(by_site)} sites: mean |predicted - published| {off(every):.3f}")
    print(f"checks alone ({len(free)}): {off(free):.3f}")
    for name, constant in (("the constant 0.62", CONSTANT), ("the best constant", float(np.median(every[:, 0])))):
        print(f"{name}: {np.mean(abs(every[:, 0] - constant)):.3f}")
    for site, points in sorted(by_site.items()):
        bias = np.mean([g - s for s, g, _ in points])
        print(f"  {site}: {bias:+.2f} over {len(points)}")


def off(pairs: np.ndarray) -> float:
    """Mean distance of pairs, shape (n, 2)."""
    return float(np.mean(abs(pairs[:, 0] - pairs[:, 1])))


def band() -> None:
    """Share of later counts in the bands, by treatment; and the spread where nothing is lost."""
    people = population(load("lymphocyte"), posterior())
    days = np.arange(float(DAYS))
    drawn = draw(people, PATIENTS, 77, PATIENT_DIMENSIONS)
    when = np.random.default_rng(2).integers(7, DAYS - 1, PATIENTS)
    each = np.arange(PATIENTS)
    for number, (site, fractions, dose, drug) in enumerate(TREATMENTS):
        course = site_courses(site, "photon", fractions, dose, drug)[1]
        made = forecast(course, BASELINE, people, age_y=AGE_Y, explain=False, draws=2048, horizon_d=DAYS - 1)
        bands = made.measured.quantiles
        ratio = realise(course, drawn, people, AGE_Y).ratio(days)
        counts = BASELINE * ratio * np.exp(deviations(observation(drawn.values), days, 9 + number))
        at = counts[each, when]
        held = [
            np.mean((bands[low][when] <= at) & (at <= bands[high][when]))
            for low, high in (("p10", "p90"), ("p05", "p95"))
        ]
        nadir = np.log(counts[:, : int(course.last_fraction_d) + 15 : 7].min(axis=1)).std()
        what = f"{site} {dose:g} Gy in {fractions}: 80 % band {held[0]:.1%}, 90 % band {held[1]:.1%}"
        print(f"{what}; sd of ln of the lowest weekly count {nadir:.2f}")
    nothing = Course((PhaseExposure(np.arange(5.0), uniform(0.0), {p: uniform(0.0) for p in POOLS if p != "blood"}),))
    spread = np.log(forecast(nothing, BASELINE, people, age_y=AGE_Y, explain=False, draws=4096).measured.counts[:, 90])
    print(f"nothing lost: sd of ln of a count on day 90 {spread.std():.2f}")


if __name__ == "__main__":
    recovery()
    band()
