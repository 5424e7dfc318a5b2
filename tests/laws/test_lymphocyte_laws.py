"""Laws of the count over time."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lymphorisk.dvh.curve import DoseDistribution, diluted, uniform
from lymphorisk.lymphocyte import Course, forecast
from lymphorisk.lymphocyte.pools import POOLS
from lymphorisk.lymphocyte.population import draw
from lymphorisk.lymphocyte.realisation import PATIENT_DIMENSIONS, realise
from lymphorisk.lymphocyte.recovery import ALIVE, CLASSES
from lymphorisk.lymphocyte.trajectory import _advance, _kill, _together
from lymphorisk.plan import Steroid

C = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "lymphocyte" / "courses.py")))
PEOPLE = C.people()
DRAWS = draw(PEOPLE, 64, 5, PATIENT_DIMENSIONS)


def with_pool(course: Course, pool: str, dose: DoseDistribution) -> Course:
    """The course in which every fraction of `pool` has another dose."""
    phases = (
        replace(p, blood=dose) if pool == "blood" else replace(p, pools={**p.pools, pool: dose}) for p in course.phases
    )
    return replace(course, phases=tuple(phases))


def ratio(course: Course, days: np.ndarray) -> np.ndarray:
    return realise(course, DRAWS, PEOPLE).ratio(days)


def test_zero_dose_keeps_the_baseline_for_ten_years() -> None:
    days = np.linspace(0.0, 3652.0, 400)
    nothing = C.course(list(range(35)), uniform(0.0))
    assert np.abs(ratio(nothing, days) - 1.0).max() < 1e-9


def test_zero_dose_course_is_the_baseline_in_every_quantile() -> None:
    f = forecast(C.course(list(range(30)), uniform(0.0)), 1.4, PEOPLE, horizon_d=365)
    for q in f.quantiles.values():
        assert q == pytest.approx(np.full(len(f.day), 1.4), rel=1e-9)
    assert f.organ_share == {}


doses = st.floats(0.0, 8.0)
shares = st.floats(0.01, 1.0)
calendars = st.lists(st.floats(0.0, 60.0), min_size=1, max_size=12).map(sorted)
pool_names = st.sampled_from(POOLS)


@settings(max_examples=60, deadline=None)
@given(times=calendars, dose=doses, more=st.floats(0.0, 4.0), pool=pool_names, base=doses, share=shares)
def test_more_dose_anywhere_never_raises_the_count_at_any_time(times, dose, more, pool, base, share) -> None:
    """Stronger than the nadir: every draw, every day, every pool."""
    days = np.linspace(0.0, 200.0, 81)
    rest = {p: diluted(uniform(base), share) for p in POOLS if p != "blood"}
    blood = uniform(0.2 * base)
    given_course = C.course(times, blood, **rest)
    step, up = (with_pool(given_course, pool, diluted(uniform(d), share)) for d in (dose, dose + more))
    less, most = ratio(step, days), ratio(up, days)
    assert np.all(most <= less + 1e-12)


@settings(max_examples=30, deadline=None)
@given(times=calendars, dose=doses, share=shares)
def test_a_further_fraction_never_raises_the_count(times, dose, share) -> None:
    days = np.linspace(0.0, 200.0, 81)
    organs = {p: diluted(uniform(dose), share) for p in POOLS if p != "blood"}
    blood = uniform(0.1 * dose)
    assert np.all(
        ratio(C.course(times, blood, **organs), days)
        <= ratio(C.course(times[:-1] or times, blood, **organs), days) + 1e-12
    )


@settings(max_examples=30, deadline=None)
@given(times=calendars, dose=doses, chemo=st.sampled_from(["none", "temozolomide", "platinum"]))
def test_counts_stay_between_zero_and_baseline(times, dose, chemo) -> None:
    organs = {p: uniform(dose) for p in POOLS if p != "blood"}
    got = ratio(C.course(times, uniform(dose), chemo, **organs), np.linspace(0.0, 400.0, 101))
    assert np.all(got >= 0.0)
    assert np.all(got <= 1.0 + 1e-12)


@settings(max_examples=30, deadline=None)
@given(times=calendars, dose=doses, more=st.floats(0.0, 4.0), chemo=st.sampled_from(["temozolomide", "platinum"]))
def test_more_dose_never_raises_the_count_under_a_drug_that_meets_both_subsets(times, dose, more, chemo) -> None:
    """A drug sends those on their way back to wait again, as a fraction does."""
    both = C.replaced(PEOPLE, {**PEOPLE.value, "chemo.on_sensitive": 0.7, "unexplained.on_resistant": 0.5})
    draws = draw(both, 8, 5, PATIENT_DIMENSIONS)
    days = np.linspace(0.0, 300.0, 101)

    def got(gray: float) -> np.ndarray:
        organs = {p: uniform(gray) for p in POOLS if p != "blood"}
        return realise(C.course(times, uniform(0.1 * gray), chemo, **organs), draws, both).ratio(days)

    assert np.all(got(dose + more) <= got(dose) + 1e-12)


def test_the_count_is_the_sum_of_its_subsets_each_alone() -> None:
    """Linear in the subsets: the share of one at a time."""
    course, days = C.upper_abdomen(), np.arange(200.0)
    alone = []
    for share in (1e-9, 0.98):
        people = C.replaced(PEOPLE, {**PEOPLE.value, "survival.combined.resistant_share": share})
        alone.append(realise(course, draw(people, 4, 5, PATIENT_DIMENSIONS), people).ratio(days))
    sensitive, mostly_resistant = alone
    half = C.replaced(PEOPLE, {**PEOPLE.value, "survival.combined.resistant_share": 0.49})
    both = realise(course, draw(half, 4, 5, PATIENT_DIMENSIONS), half).ratio(days)
    assert both == pytest.approx(0.5 * (sensitive + mostly_resistant), abs=1e-8)


@settings(max_examples=20, deadline=None)
@given(times=calendars, mg=st.floats(0.1, 40.0), more=st.floats(0.0, 40.0), start=st.floats(0.0, 30.0))
def test_more_of_a_steroid_never_raises_the_count_at_any_time(times, mg, more, start) -> None:
    days = np.linspace(0.0, 200.0, 41)
    base = C.course(times, uniform(0.1), nodes=uniform(0.5))
    less, most = (ratio(replace(base, steroid=(Steroid(dose, start, start + 20.0),)), days) for dose in (mg, mg + more))
    assert np.all(most <= less + 1e-12)
    assert np.all(less <= ratio(base, days) + 1e-12)


def test_places_never_go_negative() -> None:
    """Alive cells and places on their way back in every compartment, through a course that kills nearly everything."""
    r = realise(C.whole_body(12.0, [0.0]), DRAWS, PEOPLE)
    for subset in r.subsets:
        modes = _together([subset], None)
        state = np.zeros((DRAWS.size, r.system.share.shape[1], len(CLASSES)))
        state[:, -1, 0] = 1.0
        share = np.repeat(subset.kill[:, 0, :, None], 2, axis=2)
        for dt in (0.0, 0.01, 0.3, 1.0, 5.0, 50.0):
            state = _kill(_advance(state, dt, r.system, modes), share, r.system, modes)
            classes = r.system.from_modes @ (state @ modes.each[0].left)
            assert (classes @ ALIVE).min() >= -1e-15
            assert classes[:, :, 1:3].min() >= -1e-15


def test_splitting_time_steps_changes_nothing() -> None:
    """Fractions that kill nothing, put between the real ones, cut every step in pieces."""
    course = C.upper_abdomen()
    r = realise(replace(course, chemo="platinum"), DRAWS, PEOPLE)
    days = np.arange(0.0, 366.0)
    times = np.concatenate([r.calendar.times_d, np.linspace(0.05, 300.0, 57)])
    kind = np.concatenate([r.calendar.kind, np.ones(57, dtype=np.intp)])
    order = np.argsort(times, kind="stable")
    cut = replace(
        r,
        calendar=replace(r.calendar, times_d=times[order], kind=kind[order]),
        subsets=tuple(replace(s, kill=np.concatenate([s.kill, np.zeros_like(s.kill)], axis=1)) for s in r.subsets),
    )
    assert np.abs(cut.ratio(days) - r.ratio(days)).max() < 1e-12


def test_asking_for_more_days_changes_nothing() -> None:
    course = C.upper_abdomen()
    few, many = np.array([0.0, 40.0, 365.0]), np.linspace(0.0, 365.0, 731)
    assert ratio(course, few) == pytest.approx(ratio(course, many)[:, [0, 80, 730]], abs=1e-13)


def test_phases_given_apart_or_in_one_are_the_same() -> None:
    days = np.arange(100.0)
    whole = C.upper_abdomen(20)
    phase = whole.phases[0]
    two = Course((replace(phase, times_d=phase.times_d[:7].copy()), replace(phase, times_d=phase.times_d[7:].copy())))
    assert ratio(two, days) == pytest.approx(ratio(whole, days), abs=1e-13)


def test_organ_shares_of_the_loss_sum_to_one_and_are_not_negative() -> None:
    for course in (C.upper_abdomen(), C.brain(chemo="temozolomide"), C.whole_body(1.0, [0.0, 1.0])):
        share = forecast(course, 1.3, PEOPLE, age_y=60.0).organ_share
        assert sum(share.values()) == pytest.approx(1.0, abs=1e-12)
        assert min(share.values()) >= 0.0
