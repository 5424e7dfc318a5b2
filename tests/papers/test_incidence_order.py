"""Cohorts in the right order, and how many published rates the phantoms meet.

The rates are those of `calibration_anchors.csv`; the full table stands in docs/calibration.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from lymphorisk.calibration.anchors import Anchor, anchors, site_courses
from lymphorisk.calibration.calibrate import Point, calibrated, check, inside, scene
from lymphorisk.lymphocyte import Course, population
from lymphorisk.lymphocyte.cohort import simulate
from lymphorisk.lymphocyte.population import draw
from lymphorisk.lymphocyte.realisation import PATIENT_DIMENSIONS, realise
from lymphorisk.parameters import load, posterior
from lymphorisk.plan import weekdays

PEOPLE = population(load("lymphocyte"), posterior())
BASELINE = 1.5


def nadir(
    site: str, modality: str, fractions: int, dose_gy: float, chemo: str = "none", size: int | None = None
) -> float:
    """Median measured nadir of 300 simulated patients with one baseline. [10^9/L]"""
    steroid = "as fitted" if site == "brain" else ()
    courses = site_courses(site, modality, fractions, dose_gy, chemo, steroid=steroid)
    chosen = courses if size is None else tuple(courses[size::3])
    which = np.arange(300) % len(chosen)
    got = simulate(chosen, which, np.full(300, BASELINE), PEOPLE, seed=9, window_d=14)
    return float(np.median(got.measured_nadir))


@pytest.mark.slow
@pytest.mark.parametrize("site", ["esophagus", "brain", "lung", "liver", "pelvis", "breast"])
def test_protons_spare_against_photons(site: str) -> None:
    """Shiraishi 2018, Routman 2019 (oesophagus), glioma series 2019-21, IMRT against IMPT in lung, De 2021."""
    assert nadir(site, "proton", 25, 50.0) > nadir(site, "photon", 25, 50.0)


@pytest.mark.slow
@pytest.mark.parametrize("site", ["lung", "pancreas", "liver", "prostate"])
def test_few_fractions_spare_against_many(site: str) -> None:
    """SBRT against conventional: OR 0.19 in hepatocellular carcinoma, G3 6 against 55 to 91 % in the lung."""
    assert nadir(site, "photon", 5, 50.0) > nadir(site, "photon", 30, 60.0)


def in_fractions(course: Course, fractions: int) -> Course:
    """The same doses to the same organs in another number of fractions on weekdays."""
    (phase,) = course.phases
    factor = phase.fractions / fractions
    pools = {pool: dose.scaled(factor) for pool, dose in phase.pools.items()}
    again = replace(phase, times_d=weekdays(fractions), blood=phase.blood.scaled(factor), pools=pools)
    return replace(course, phases=(again,))


@pytest.mark.slow
@pytest.mark.parametrize(("fractions", "apart"), [(5, 0.0), (1, 0.05)])
@pytest.mark.parametrize("site", ["pancreas", "gastric", "lung", "head_neck", "liver", "pelvis", "breast", "brain"])
def test_few_fractions_of_the_same_organ_doses_lose_less_than_thirty(site: str, fractions: int, apart: float) -> None:
    """MacLennan 1978 (5, 12, 20 fractions of one dose), trials of few against many in the breast; without a drug."""
    course = site_courses(site, "photon", 30, 54.0, "none")[1 if site != "breast" else -1]
    median, days = draw(PEOPLE, 1, 1, PATIENT_DIMENSIONS, vary=()), np.arange(120.0)
    few, many = (realise(in_fractions(course, n), median, PEOPLE, 62.0).ratio(days).min() for n in (fractions, 30))
    assert few > many + apart


def test_short_course_glioma_spares_against_six_weeks() -> None:
    """G3 9 % after 15 fractions with temozolomide, 21 to 38 % after 30."""
    assert nadir("brain", "photon", 15, 40.0, "temozolomide") > nadir("brain", "photon", 30, 60.0, "temozolomide")


@pytest.mark.parametrize("site", ["esophagus", "lung", "pancreas", "brain", "liver"])
def test_small_tumours_spare_against_large(site: str) -> None:
    """PTV or a bath metric stands in nearly every published model."""
    assert nadir(site, "photon", 25, 50.0, size=0) > nadir(site, "photon", 25, 50.0, size=2)


def test_sites_come_in_the_published_order() -> None:
    """Breast above glioma with temozolomide, above pancreas, above oesophagus."""
    order = [
        nadir("breast", "photon", 15, 40.05),
        nadir("brain", "photon", 30, 60.0, "temozolomide"),
        nadir("pancreas", "photon", 28, 50.4, "other"),
        nadir("esophagus", "photon", 28, 50.4, "platinum"),
    ]
    assert order == sorted(order, reverse=True)


def test_temozolomide_deepens_the_nadir() -> None:
    """Song 2021: G3 1.8 % without, 9.3 % with."""
    assert nadir("brain", "photon", 15, 40.0, "temozolomide") < nadir("brain", "photon", 15, 40.0)


def inside_their_intervals(rows: list[Anchor], places: Sequence[Point]) -> int:
    people = population(load("lymphocyte"))
    found = check([scene(a) for a in rows], people, *places)
    return sum(inside(c, a.n) for c, a in zip(found, rows, strict=True))


LISTED = [a for a in anchors() if a.listed]


@pytest.mark.slow
def test_four_fifths_of_the_published_rates_are_met() -> None:
    """Each within its own 95 % binomial interval; a baseline that was not printed is estimated with the parameters."""
    assert len(LISTED) >= 35
    assert inside_their_intervals(LISTED, calibrated()) >= 0.80 * len(LISTED)


@pytest.mark.slow
@pytest.mark.xfail(reason="25 of 39 (64 %): with baselines as assumed, none estimated", strict=True)
def test_four_fifths_of_the_published_rates_are_met_with_assumed_baselines() -> None:
    assert inside_their_intervals(LISTED, [replace(at, baseline={}) for at in calibrated()]) >= 0.80 * len(LISTED)
