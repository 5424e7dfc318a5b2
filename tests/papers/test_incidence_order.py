"""Cohorts in the right order, and how many published rates the phantoms meet.

The rates are those of `calibration_anchors.csv`; the full table stands in docs/calibration.md.
"""

from __future__ import annotations

import numpy as np
import pytest

from lymphorisk.lymphocyte import population
from lymphorisk.lymphocyte.cohort import simulate
from lymphorisk.parameters import load, posterior
from lymphorisk.train.anchors import anchors, site_courses
from lymphorisk.train.calibrate import met_by_cohort, scene

PEOPLE = population(load("lymphocyte"), posterior())
BASELINE = 1.5


def nadir(
    site: str, modality: str, fractions: int, dose_gy: float, chemo: str = "none", size: int | None = None
) -> float:
    """Median measured nadir of 300 simulated patients with one baseline. [10^9/L]"""
    courses = site_courses(site, modality, fractions, dose_gy, chemo)
    chosen = courses if size is None else tuple(courses[size::3])
    which = np.arange(300) % len(chosen)
    got = simulate(chosen, which, np.full(300, BASELINE), PEOPLE, seed=9, window_d=14)
    return float(np.median(got.measured_nadir))


@pytest.mark.parametrize("site", ["esophagus", "brain", "lung", "liver", "pelvis", "breast"])
def test_protons_spare_against_photons(site: str) -> None:
    """Shiraishi 2018, Routman 2019 (oesophagus), glioma series 2019-21, IMRT against IMPT in lung, De 2021."""
    assert nadir(site, "proton", 25, 50.0) > nadir(site, "photon", 25, 50.0)


@pytest.mark.parametrize("site", ["lung", "pancreas", "liver", "prostate"])
def test_few_fractions_spare_against_many(site: str) -> None:
    """SBRT against conventional: OR 0.19 in hepatocellular carcinoma, G3 6 against 55 to 91 % in the lung."""
    assert nadir(site, "photon", 5, 50.0) > nadir(site, "photon", 30, 60.0)


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


@pytest.fixture(scope="module")
def met() -> tuple[int, int]:
    draws = posterior()
    assert draws is not None
    rows = [scene(a) for a in anchors()]
    return met_by_cohort(rows, population(load("lymphocyte")), np.median(draws.z, axis=0))


@pytest.mark.slow
def test_two_thirds_of_the_published_rates_are_met(met: tuple[int, int]) -> None:
    """Within the 95 % binomial interval; a baseline that was not printed may differ by a fifth from the row's."""
    assert met[0] >= 0.66 * met[1]


@pytest.mark.slow
@pytest.mark.xfail(reason="28 of 39 (72 %); cohorts of one treatment contradict each other, see docs", strict=True)
def test_four_fifths_of_the_published_rates_are_met(met: tuple[int, int]) -> None:
    assert met[0] >= 0.80 * met[1]
