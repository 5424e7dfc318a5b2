"""The count over time: cases worked by hand, limits, and refusals."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lymphorisk.dvh.curve import uniform
from lymphorisk.errors import MissingOrganError, ParameterError, ScenarioError
from lymphorisk.lymphocyte import Course, PhaseExposure, course_from_dict
from lymphorisk.lymphocyte.pools import COMPARTMENTS, POOLS, exchange, pool_shares, pool_system, thymus_share
from lymphorisk.lymphocyte.population import draw
from lymphorisk.lymphocyte.realisation import PATIENT_DIMENSIONS, realise
from lymphorisk.lymphocyte.recovery import CLASSES, Fate, fate_modes

C = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "courses.py")))
PEOPLE = C.people()


def median_ratio(course: Course, days: np.ndarray, people=PEOPLE) -> np.ndarray:
    return realise(course, draw(people, 1, 1, PATIENT_DIMENSIONS, vary=()), people, 60.0).ratio(days)[0]


def test_one_whole_body_dose_is_survival_plus_dead_cells_not_yet_cleared() -> None:
    """L/L0 = S + (1-S)(2^(-t/1.5 h) + 2^(-t/12 h))/2 while recovery has hardly begun."""
    quiet = {**PEOPLE.value, "unexplained.loss_per_fraction": 1e-12, "recovery.half_time": 1e9}
    quiet |= {"survival.combined.resistant_share": 0.2, "recovery.slow_half_time": 1e9}
    quiet |= {"survival.combined.d0_sensitive": 1.6, "survival.combined.d0_resistant": 5.5}
    slow = C.replaced(PEOPLE, quiet)
    hours = np.array([0.0, 3.0, 13.0, 48.0])
    got = median_ratio(C.whole_body(2.0, [0.0]), hours / 24.0, slow)
    survival = 0.8 * np.exp(-2.0 / 1.6) + 0.2 * np.exp(-2.0 / 5.5)
    want = survival + (1 - survival) * 0.5 * (2 ** (-hours / 1.5) + 2 ** (-hours / 12.0))
    assert got == pytest.approx(want, abs=2e-4)


def test_the_count_is_continuous_at_a_fraction() -> None:
    days = np.array([1.0 - 1e-9, 1.0, 1.0 + 1e-9])
    assert np.ptp(median_ratio(C.whole_body(2.0, [0.0, 1.0]), days)) < 1e-7


def test_killing_blood_alone_barely_moves_the_count() -> None:
    """Blood is 2 % of the lymphocytes and is refilled within the hour."""
    only_blood = C.course([0.0], uniform(10.0))
    quiet = C.replaced(PEOPLE, {**PEOPLE.value, "unexplained.loss_per_fraction": 1e-12})
    assert median_ratio(only_blood, np.array([3.0]), quiet)[0] == pytest.approx(0.98, abs=0.01)


def test_resident_cells_see_only_their_own_organ() -> None:
    """Nodes irradiated: the nodes' residents fall, the thymus follows only as cells travel."""
    quiet = C.replaced(PEOPLE, {**PEOPLE.value, "unexplained.loss_per_fraction": 1e-12})
    r = realise(
        C.course([0.0], uniform(0.0), nodes=uniform(2.0)), draw(quiet, 1, 1, (*PATIENT_DIMENSIONS,), vary=()), quiet
    )
    hit = {name for (name, _), k in zip(COMPARTMENTS, r.subsets[0].kill[0, 0], strict=True) if k > 1e-9}
    assert hit == {"nodes_travelling", "nodes_resident"}


def test_interleaved_phases_keep_their_own_doses() -> None:
    a = C.course([0.0, 2.0], uniform(1.0)).phases[0]
    b = C.course([1.0], uniform(3.0)).phases[0]
    times, kind = Course((a, b)).events()
    assert times.tolist() == [0.0, 1.0, 2.0]
    assert kind.tolist() == [0, 1, 0]


def test_twice_daily_equals_listing_the_times() -> None:
    days = np.arange(20.0)
    one = C.whole_body(0.5, [0.0, 0.25, 1.0, 1.25])
    ph = [C.whole_body(0.5, t).phases[0] for t in ([0.0, 1.0], [0.25, 1.25])]
    assert median_ratio(Course(tuple(ph)), days) == pytest.approx(median_ratio(one, days), abs=1e-12)


def test_a_gap_lets_the_count_rise() -> None:
    days = np.arange(40.0)
    straight, gap = C.whole_body(0.5, list(range(10))), C.whole_body(0.5, [*range(5), *range(19, 24)])
    assert median_ratio(gap, days).min() > median_ratio(straight, days).min()


def test_chemotherapy_deepens_the_nadir_and_stops_with_the_last_fraction() -> None:
    days = np.arange(366.0)
    plain, drug = median_ratio(C.brain(), days), median_ratio(C.brain(chemo="temozolomide"), days)
    assert drug.min() < plain.min() - 0.03
    assert drug.argmin() <= 42
    assert np.all(drug <= plain + 1e-12)


def test_pool_shares_sum_to_one_and_the_thymus_shrinks_with_age() -> None:
    values = {k: np.full(2, v) for k, v in PEOPLE.value.items()}
    shares = pool_shares(values, np.array([20.0, 68.0]))
    assert shares.sum(axis=1) == pytest.approx([1.0, 1.0], abs=1e-12)
    assert shares[:, 0] == pytest.approx([0.02, 0.02])
    thymus = shares[:, POOLS.index("thymus")]
    assert thymus[1] < 0.2 * thymus[0]


def test_the_thymus_keeps_its_young_share_until_the_reference_age() -> None:
    young, halving, reference = np.array([0.11]), np.array([16.0]), np.array([20.0])
    assert thymus_share(young, np.array([5.0]), reference, halving) == pytest.approx(0.11)
    assert thymus_share(young, np.array([36.0]), reference, halving) == pytest.approx(0.055)


def test_the_star_is_balanced_and_its_modes_reproduce_the_generator() -> None:
    share = np.array([[0.02, 0.3, 0.5, 0.18]])
    tau = np.array([[np.inf, 0.1, 0.6, 10.0]])
    generator = exchange(share, tau)[0]
    assert generator @ share[0] == pytest.approx(np.zeros(4), abs=1e-15)
    assert generator.sum(axis=0) == pytest.approx(np.zeros(4), abs=1e-12)
    system = pool_system(share, tau)
    again = system.from_modes[0] @ np.diag(system.eigenvalue[0]) @ system.to_modes[0]
    assert again == pytest.approx(generator, abs=1e-9)
    assert system.from_modes[0] @ system.to_modes[0] == pytest.approx(np.eye(4), abs=1e-12)


def fate(back: float = 0.02, lag: float = 0.1, dead_slow: float = 1.4) -> Fate:
    one = np.ones(1)
    return Fate(lag * one, back * one, 0.5 * one, 11.0 * one, dead_slow * one)


@pytest.mark.parametrize("dead_slow", [1.4, 11.0])
@pytest.mark.parametrize("loss_rate", [0.0, 0.03])
def test_the_fates_reproduce_their_generator(loss_rate: float, dead_slow: float) -> None:
    """Without and under a drug, and where both kinds of dead are cleared at one rate."""
    one = fate(dead_slow=dead_slow)
    modes = fate_modes(one, np.array([loss_rate]))
    again = modes.right[0] @ np.diag(modes.rate[0]) @ modes.left[0]
    assert again == pytest.approx(one.generator(np.array([loss_rate]))[0], abs=1e-12)
    assert len(CLASSES) == 5


def test_a_lost_place_waits_before_it_is_filled() -> None:
    """A whole-body dose, cells neither travel nor differ: lost = (a e^(-rt) - r e^(-at)) / (a - r) of the kill."""
    value = {**PEOPLE.value, "unexplained.loss_per_fraction": 1e-12, "survival.combined.resistant_share": 1e-9}
    people = C.replaced(PEOPLE, {**value, "recovery.slow_half_time": 60.0, "recovery.lag_half_time": 15.0})
    days = np.array([20.0, 40.0, 90.0, 200.0])
    lag, back = np.log(2.0) / 15.0, np.log(2.0) / 60.0
    still_lost = (lag * np.exp(-back * days) - back * np.exp(-lag * days)) / (lag - back)
    killed = 1.0 - np.exp(-2.0 / PEOPLE.value["survival.combined.d0_sensitive"])
    assert median_ratio(C.whole_body(2.0, [0.0]), days, people) == pytest.approx(1.0 - killed * still_lost, abs=1e-6)


def test_a_further_fraction_sends_every_place_it_meets_to_wait_anew() -> None:
    """Living, waiting or on its way back: S of the course before, and 1 - S of one killed just now."""
    value = {**PEOPLE.value, "unexplained.loss_per_fraction": 1e-12, "survival.combined.resistant_share": 1e-9}
    people = C.replaced(PEOPLE, {**value, "recovery.slow_half_time": 60.0, "recovery.lag_half_time": 15.0})
    first = C.whole_body(3.0, [0.0])
    both = Course((*first.phases, *C.whole_body(1.0, [30.0]).phases))
    killed_all = C.whole_body(200.0, [0.0])
    survive = np.exp(-1.0 / PEOPLE.value["survival.combined.d0_sensitive"])
    before, anew = median_ratio(first, np.array([60.0]), people), median_ratio(killed_all, np.array([30.0]), people)
    got = median_ratio(both, np.array([60.0]), people)
    assert got == pytest.approx(survive * before + (1.0 - survive) * anew, abs=1e-9)


def test_sensitive_cells_stay_low_and_resistant_ones_are_back_within_months() -> None:
    quiet = {**PEOPLE.value, "unexplained.loss_per_fraction": 1e-12}
    course, days = C.whole_body(2.0, [0.0]), np.array([180.0])
    lost = []
    for share in (1e-9, 0.98):
        people = C.replaced(PEOPLE, {**quiet, "survival.combined.resistant_share": share})
        lost.append(1.0 - median_ratio(course, days, people)[0])
    assert lost[0] > 0.7
    assert lost[1] < 0.05


def test_a_survival_given_by_name_holds_for_both_subsets() -> None:
    """They differ in fate only: once, before anything returns, the share is of no matter."""
    value = {**PEOPLE.value, "unexplained.loss_per_fraction": 1e-12, "recovery.lag_half_time": 1e9}
    value |= {"recovery.half_time": 1e10, "recovery.slow_half_time": 1e10}
    for share in (0.1, 0.9):
        people = C.replaced(C.people("tbi"), {**value, "survival.combined.resistant_share": share})
        assert median_ratio(C.whole_body(1.2, [0.0]), np.array([60.0]), people) == pytest.approx(np.exp(-1.0), abs=1e-6)


@pytest.mark.parametrize("rates", [{"back": 2.0}, {"back": 0.2}])
def test_recovery_faster_than_its_lag_or_than_clearance_is_refused(rates: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match="slower than its lag"):
        fate(**rates)


def test_a_pool_without_a_dose_is_refused_never_zero() -> None:
    with pytest.raises(MissingOrganError, match="spleen"):
        PhaseExposure(np.zeros(1), uniform(1.0), {p: uniform(0.0) for p in POOLS if p not in ("blood", "spleen")})


@pytest.mark.parametrize("times", [[], [-1.0], [2.0, 1.0], [np.nan]])
def test_impossible_calendars_are_refused(times: list[float]) -> None:
    with pytest.raises(ScenarioError):
        C.course(times, uniform(1.0))


def test_a_course_survives_a_round_trip_to_plain_numbers() -> None:
    course = C.upper_abdomen()
    again = course_from_dict(course.to_dict())
    days = np.arange(60.0)
    assert np.array_equal(median_ratio(course, days), median_ratio(again, days))
    assert again.surrogates == course.surrogates
