"""The calibration: its rows, its arithmetic, and what it wrote."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest

from lymphorisk.calibration.anchors import (
    anchors,
    cohort_baselines,
    numbers,
    site_courses,
    size_for_ptv,
    size_of,
    whole_body_rows,
)
from lymphorisk.calibration.calibrate import (
    AGE_Y,
    BASELINE_LN,
    COHORT_LOGIT,
    FITTED,
    PATIENTS,
    Z_LIMIT,
    Check,
    calibrated,
    centred,
    cohorts,
    counts_of,
    draws_at,
    fit,
    inside,
    observed,
    point,
    posterior_draws,
    predicted,
    ratios,
    scene,
    transformed,
)
from lymphorisk.errors import ScenarioError
from lymphorisk.lymphocyte import forecast, population
from lymphorisk.lymphocyte.pools import POOLS
from lymphorisk.lymphocyte.population import Draws
from lymphorisk.lymphocyte.realisation import realise
from lymphorisk.parameters import load, posterior, sources
from lymphorisk.parameters.store import DATA
from lymphorisk.plan import CHEMO

BY_ID = {a.id: a for a in anchors()}


def test_every_anchor_has_a_source_a_site_and_a_number() -> None:
    rows = anchors()
    assert len({a.id for a in rows}) == len(rows)
    for a in rows:
        assert a.source in sources(), a.id
        assert all(way.chemo in CHEMO for way in a.schedules), a.id
        assert sum(way.share for way in a.schedules) == pytest.approx(1.0)
        assert a.counted_from in ("start", "end")
        assert a.baseline_known in ("read", "derived", "cancels", "assumed")
        assert not (a.listed and a.events is None), a.id
        assert a.role in ("fit", "check")
        assert (a.events is None) != (a.value is None), a.id
        assert a.events is None or 0 <= a.events <= a.n
    for w in whole_body_rows():
        assert w.source in sources(), w.id
        assert len(w.doses_gy) == len(w.times_d)


def test_fitted_parameters_have_ranges() -> None:
    people = population(load("lymphocyte"))
    assert all(people.low[name] < people.high[name] for name in FITTED)


def test_the_written_draws_belong_to_the_fitted_parameters_and_stay_in_bounds() -> None:
    draws = posterior()
    assert draws is not None
    assert draws.names == FITTED
    assert draws.z.shape == (256, len(FITTED))
    assert np.abs(draws.z).max() <= Z_LIMIT


def test_courses_of_a_site_differ_by_body_and_size_but_share_their_calendar() -> None:
    courses = site_courses("pancreas", "photon", 28, 50.4, "other")
    assert len(courses) == 6
    spleen = [c.phases[0].distribution("spleen").mean_gy for c in courses]
    assert len(set(spleen)) == 6
    assert {c.phases[0].times_d.tobytes() for c in courses} == {courses[0].phases[0].times_d.tobytes()}
    for pool in POOLS:
        assert 0 <= courses[0].phases[0].distribution(pool).mean_gy < 50.4 / 28


def test_a_rate_and_a_median_carry_their_own_error_and_that_between_cohorts() -> None:
    y, s = observed(scene(BY_ID["breast_g3_a"]))
    assert y == pytest.approx(np.log(47.5 / 688.5), rel=1e-3)
    assert s > COHORT_LOGIT
    y, s = observed(scene(BY_ID["whole_brain_1wk"]))
    assert y == pytest.approx(np.log(0.946))
    assert s > 0.15


def test_more_of_a_drug_raises_the_predicted_rate() -> None:
    people = population(load("lymphocyte"))
    row = scene(BY_ID["oropharynx_g3"])
    rates = [predicted(row, people, {"chemo.platinum": z}) for z in (-1.0, 0.0, 1.0)]
    assert rates == sorted(rates)
    assert transformed(row, rates[0]) < transformed(row, rates[2])


@pytest.mark.slow
def test_a_cohort_treated_in_two_ways_is_dealt_by_their_shares() -> None:
    """28 of 115 within four weeks."""
    row = scene(BY_ID["lung_g3_d"])
    short, long = row.parts
    assert len(short.patients) == round(PATIENTS * 28 / 115)
    assert sorted(np.concatenate([short.patients, long.patients])) == list(range(PATIENTS))
    assert [part.courses[0].fractions for part in row.parts] == [20, 30]


@pytest.mark.slow
def test_two_ways_lie_between_each_alone() -> None:
    people = population(load("lymphocyte"))
    both = BY_ID["lung_g3_c"]
    drug, none = (replace(both, schedules=(replace(way, share=1.0),)) for way in both.schedules)
    low, middle, high = (predicted(scene(a), people, {}) for a in (none, both, drug))
    assert low < middle < high


@pytest.mark.slow
def test_a_printed_ptv_sets_the_size_of_the_tumour() -> None:
    from lymphorisk.phantom import phantom_plan

    size = size_for_ptv("esophagus", "photon", 563.0)
    grid = phantom_plan(numbers(), "esophagus", sex="M", size=size).grid
    assert next(grid.volume_cm3(n) for n in grid.owned if n.startswith("PTV")) == pytest.approx(563.0, rel=0.02)
    assert size_of(BY_ID["esophagus_photon_g4_a"]) == size
    assert size_of(BY_ID["esophagus_photon_g4_b"]) == 1.0
    with pytest.raises(ScenarioError, match="no lung tumour"):
        size_for_ptv("lung", "photon", 1e5)


def test_days_count_from_the_start_or_the_end() -> None:
    assert BY_ID["liver_1mo"].day(32.0) == 30.0
    assert BY_ID["lung_after_1mo"].day(39.0) == 69.0


def test_the_larger_brain_field_has_the_printed_volume_at_25_gy() -> None:
    """Rudra 2018: V25Gy 53 % under standard, 41 % under limited fields."""
    from lymphorisk.phantom import phantom_plan

    for row, want in (("glioma_standard", 0.53), ("glioma_limited", 0.41)):
        brain = phantom_plan(numbers(), "brain", size=BY_ID[row].size).organ_doses()[0]["Brain"]
        assert brain.share[brain.dose_gy >= 25.0].sum() == pytest.approx(want, abs=0.02)


def test_the_liver_tumours_give_the_printed_blood_dose() -> None:
    """Kim 2024: mean blood doses of 2.9, 5.3, 8.8 and 11.7 Gy in 10, 18, 33 and 14 patients: 7.7 Gy."""
    row = BY_ID["liver_g3_b"]
    courses = site_courses("liver", "photon", 25, 50.0, "none", row.size)
    mean = 25 * np.median([c.phases[0].blood.mean_gy for c in courses])
    assert mean == pytest.approx(7.7, rel=0.1)


def test_a_baseline_that_was_not_printed_is_one_more_unknown() -> None:
    """Two rows of one cohort that both ask for more baseline get it, held by the prior; a printed one stays."""
    rows = [scene(BY_ID[i]) for i in ("oropharynx_g3", "oropharynx_g4", "whole_brain_1wk")]
    assert cohorts(rows) == ("ng2020",)
    y = np.array([observed(r)[0] for r in rows])
    s = np.array([observed(r)[1] for r in rows])
    slope = np.array([2.0, 2.0, 0.0])

    def evaluate(at):
        return np.array([y + 1.0 - slope * z[-1] for z in at])

    found = fit(rows, evaluate)
    precision = 1.0 + np.sum((slope / s) ** 2)
    assert found.mode[-1] == pytest.approx(np.sum(slope / s**2) / precision, abs=1e-6)
    assert found.covariance[-1, -1] == pytest.approx(1.0 / precision, abs=1e-8)
    at = point(found.mode, found.cohorts)
    assert at.baseline["ng2020"] == pytest.approx(np.exp(BASELINE_LN * found.mode[-1]))
    assert posterior_draws(found).shape[1] == len(FITTED)


def test_more_baseline_lowers_the_rate_of_its_cohort_alone() -> None:
    people = population(load("lymphocyte"))
    z = np.zeros(len(FITTED) + 1)
    z[-1] = 1.0
    up, level = (point(v, ("ng2020",)) for v in (z, np.zeros_like(z)))
    oropharynx, breast = scene(BY_ID["oropharynx_g3"]), scene(BY_ID["breast_g3_a"])
    assert up.predicted(oropharynx, people) < level.predicted(oropharynx, people)
    assert up.predicted(breast, people) == level.predicted(breast, people)


def test_baselines_differ_as_the_printed_ones_do() -> None:
    """sd of ln within sites 0.116 by 18 degrees of freedom."""
    sites: dict[str, list[float]] = {}
    with (DATA / "calibration_printed_baselines.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            assert row["source"] in sources()
            sites.setdefault(row["site"], []).append(np.log(float(row["count"])))
    freedom = sum(len(v) - 1 for v in sites.values())
    spread = np.sqrt(sum(np.var(v) * len(v) for v in sites.values()) / freedom)
    assert freedom == 18
    assert spread == pytest.approx(BASELINE_LN, abs=0.005)


def test_the_written_baselines_belong_to_the_cohorts_that_printed_none() -> None:
    rows = [a for a in anchors() if a.role == "fit" and a.baseline_known == "assumed"]
    assert set(cohort_baselines()) == {a.source for a in rows}
    assert all(0.7 < f < 1.3 for f in cohort_baselines().values())
    assert all(at.baseline == cohort_baselines() for at in calibrated())


def linear(rows, slope: np.ndarray):
    """A stand-in model that is linear in z: the posterior is known in closed form."""
    y = np.array([observed(r)[0] for r in rows])

    def evaluate(at):
        return np.array([y + slope @ (z - 0.3) for z in at])

    return evaluate


def test_the_fit_of_a_linear_model_is_its_closed_form() -> None:
    rows = whole_body_rows()
    slope = np.random.default_rng(0).normal(size=(len(rows), len(FITTED)))
    s = np.array([observed(r)[1] for r in rows])
    j = slope / s[:, None]
    want = np.linalg.solve(j.T @ j + np.eye(len(FITTED)), j.T @ j @ np.full(len(FITTED), 0.3))
    found = fit(rows, linear(rows, slope))
    assert found.mode == pytest.approx(want, abs=1e-6)
    assert found.covariance == pytest.approx(np.linalg.inv(j.T @ j + np.eye(len(FITTED))), abs=1e-8)
    keep = np.arange(len(rows)) >= 4
    jk = j[keep]
    without = np.linalg.solve(jk.T @ jk + np.eye(len(FITTED)), jk.T @ jk @ np.full(len(FITTED), 0.3))
    assert fit(rows, linear(rows, slope), found.mode, left=~keep).mode == pytest.approx(without, abs=1e-6)


def test_a_site_is_left_out_no_further_than_serves_the_others() -> None:
    """A model that turns against the step: the mode stays where it is."""
    rows = whole_body_rows()
    slope = np.random.default_rng(3).normal(size=(len(rows), len(FITTED)))
    found = fit(rows, linear(rows, slope))
    left = np.arange(len(rows)) < 4

    def wall(at):
        beyond = np.array([np.abs(z - found.mode).max() > 0 for z in at])
        return linear(rows, slope)(at) + 1e3 * beyond[:, None]

    assert fit(rows, wall, found.mode, left=left).mode == pytest.approx(found.mode, abs=1e-12)


def test_the_centre_of_a_linear_model_is_its_mode_and_a_bent_one_moves_against_its_bend() -> None:
    rows = whole_body_rows()
    slope = np.random.default_rng(4).normal(size=(len(rows), len(FITTED)))
    straight = linear(rows, slope)
    found = fit(rows, straight)
    assert centred(found, rows, straight).mode == pytest.approx(found.mode, abs=0.05)

    def bent(at):
        return straight(at) + 0.004 * np.array([np.sum(np.square(z - found.mode)) for z in at])[:, None]

    y, s = (np.array(v) for v in zip(*(observed(r) for r in rows), strict=True))
    moved = centred(found, rows, bent).mode
    around = np.random.default_rng(5).standard_normal((512, len(FITTED))) @ np.linalg.cholesky(found.covariance).T
    before, after = (((bent(at + around) - y) / s).mean(axis=0) for at in (found.mode, moved))
    assert np.sum(after**2) + moved @ moved < np.sum(before**2) + found.mode @ found.mode


def test_rows_of_one_treatment_are_computed_together_and_come_out_as_alone() -> None:
    people = population(load("lymphocyte"))
    rows = [
        scene(BY_ID[i]) for i in ("breast_end", "breast_g3_a", "breast_few_nadir", "prostate_sbrt_2y", "prostate_sbrt")
    ]
    together = counts_of(rows, people, {})
    for row, counts in zip(rows, together, strict=True):
        assert counts == pytest.approx(counts_of([row], people, {})[0], abs=1e-12)


def test_the_patients_of_the_calibration_are_those_of_the_forecast() -> None:
    """Dose kills of one patient raised by each one's sensitivity: what `realise` gives draw by draw."""
    people = population(load("lymphocyte"))
    row = scene(BY_ID["cervix_end"])
    part = row.parts[0]
    draws = draws_at(people, {}, {n: v[part.patients] for n, v in row.z.items()}, len(part.patients))
    got = ratios(part.courses, draws, people, part.days)
    for i in (0, 7):
        own = Draws({k: v[i : i + 1] for k, v in draws.values.items()}, {k: v[i : i + 1] for k, v in draws.z.items()})
        course = part.courses[i % len(part.courses)]
        assert got[i] == pytest.approx(realise(course, own, people, AGE_Y).ratio(part.days)[0], abs=1e-10)


def test_a_cohort_that_loses_nothing_stays_as_wide_as_it_was_counted() -> None:
    """Usual levels and the deviations of counts together have the printed spread."""
    row = scene(BY_ID["oropharynx_g3"])
    wide = np.log(row.baseline) + row.parts[0].deviation[:, -1]
    assert np.std(wide) == pytest.approx(row.anchor.baseline_sd_ln, rel=0.12)


#: Thoracic SBRT, 79 patients, one count each: day, sd of ln of count over baseline by the quartiles, patients.
WINDOWS = ((14, 0.196, 24), (40, 0.255, 13), (96, 0.397, 17), (186, 0.304, 25))


def test_the_spread_of_counts_over_baseline_is_that_of_the_published_windows() -> None:
    """By the model of course and count; the error of an sd by quartiles is about 1.2 / sqrt(n) of it."""
    course = site_courses("lung_sbrt", "photon", 4, 50.0, "none")[1]
    f = forecast(course, 1.5, population(load("lymphocyte"), posterior()), explain=False, draws=2048, horizon_d=220)
    misfit = 0.0
    for day, published, n in WINDOWS:
        spread = float(np.log(f.measured.counts[:, round(course.last_fraction_d) + day]).std())
        misfit += ((spread / published - 1.0) / (1.2 / np.sqrt(n))) ** 2
    assert misfit < 9.5  # the 95th percentile of chi2 with four degrees of freedom


def test_draws_have_the_mode_and_the_covariance_and_are_the_same_each_time() -> None:
    rows = whole_body_rows()
    slope = np.random.default_rng(1).normal(size=(len(rows), len(FITTED)))
    found = fit(rows, linear(rows, slope))
    draws = posterior_draws(found)
    assert np.array_equal(draws, posterior_draws(found))
    assert draws.mean(axis=0) == pytest.approx(found.mode, abs=0.25)
    assert np.sqrt(draws.var(axis=0)) == pytest.approx(np.sqrt(np.diag(found.covariance)), abs=0.2)


def test_a_switched_off_parameter_stays_off() -> None:
    rows = whole_body_rows()
    slope = np.random.default_rng(2).normal(size=(len(rows), len(FITTED)))
    found = fit(rows, linear(rows, slope), off=("chemo.platinum",))
    assert found.mode[FITTED.index("chemo.platinum")] == -Z_LIMIT


def test_a_rate_is_inside_its_wilson_interval() -> None:
    """5 of 50: 0.043 to 0.214."""
    at = [Check("x", "g", "fit", 0.1, p, 0.0) for p in (0.042, 0.044, 0.213, 0.215)]
    assert [inside(c, 50) for c in at] == [False, True, True, False]
