"""The host's count: closed forms, laws, slow twins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lymphorisk.conditioning.counts import HostTrajectories, days_below, nadir
from lymphorisk.conditioning.host import (
    FractionKill,
    drug_log_kill,
    grow,
    plan_kills,
    time_grid,
    trajectories,
    whole_body_kills,
)
from lymphorisk.conditioning.regimen import DrugDose, Regimen
from lymphorisk.dvh import DoseDistribution, diluted, uniform
from lymphorisk.errors import ScenarioError
from lymphorisk.lymphocyte.course import Course, PhaseExposure
from lymphorisk.lymphocyte.pools import COMPARTMENTS, POOLS
from lymphorisk.lymphocyte.realisation import realise
from lymphorisk.plan import Patient
from lymphorisk.regimen import Choices, PatientFacts
from lymphorisk.regimen.chain import Setup, setup

Array = NDArray[np.float64]


def patient(alc: float = 1.0, draws: int = 16, egfr: float = 85.0, **choices: object) -> Setup:
    facts = PatientFacts(Patient(alc=alc, weight_kg=80.0, age_y=60.0), egfr_ml_min=egfr, bsa_m2=1.95)
    return setup(facts, Choices(draws=draws, **choices))  # type: ignore[arg-type]


def run(
    on: Setup,
    drugs: Sequence[DrugDose] = (),
    fractions: Sequence[FractionKill] = (),
    start: float = -40.0,
    end: float = 90.0,
    days: Sequence[float] = (0.0,),
) -> HostTrajectories:
    mg = {i: d.mg(on.body.bsa_m2, on.body.weight_kg) for i, d in enumerate(drugs)}
    return trajectories(
        Regimen("x", tuple(drugs)), on.draws, fractions, mg=mg, bsa_m2=1.95, start_d=start, end_d=end, days=days
    )


def local(nodes_gy: float = 3.0, share: float = 0.2, blood_gy: float = 0.2) -> PhaseExposure:
    pools = {p: uniform(0.0) for p in POOLS if p != "blood"}
    pools["nodes"] = diluted(uniform(nodes_gy), share)
    return PhaseExposure(np.array([0.0]), uniform(blood_gy), pools)


def test_a_step_of_the_riccati_equation_is_that_of_lsoda() -> None:
    from scipy.integrate import solve_ivp

    for y0, h, r, s, days in ((0.3, 0.5, 0.1, 0.002, 2.0), (0.01, 0.0, 0.15, 0.0005, 40.0), (1.0, 3.0, 0.1, 0.0, 1.0)):
        want = solve_ivp(
            lambda t, y, h=h, r=r, s=s: -h * y + (r * y + s) * (1 - y), (0, days), [y0], rtol=1e-11, atol=1e-14
        ).y[0, -1]
        got = grow(np.array([y0]), np.array([h]), np.array([r]), np.array([s]), days)[0]
        assert got == pytest.approx(want, rel=1e-8)


def test_two_half_steps_are_one_step() -> None:
    y, h, r, s = (np.array([v]) for v in (0.2, 0.4, 0.1, 0.001))
    once = grow(y, h, r, s, 3.0)
    twice = grow(grow(y, h, r, s, 1.5), h, r, s, 1.5)
    np.testing.assert_allclose(twice, once, rtol=1e-12)


def test_zero_dose_keeps_the_baseline_for_ten_years() -> None:
    on = patient(1.7)
    still = run(on, fractions=plan_kills(local(0.0, 0.2, 0.0), [-20.0, -19.0], on.draws), end=3650.0)
    assert np.abs(still.alc - 1.7).max() < 1e-9


def test_drug_kill_in_the_end_is_coefficient_times_exposure() -> None:
    on = patient()
    drugs = (DrugDose("cyclophosphamide", 500.0, "mg/m2", -5.0), DrugDose("fludarabine", 30.0, "mg/m2", -5.0))
    mg = {0: 500.0 * 1.95, 1: 30.0 * 1.95}
    late = drug_log_kill(Regimen("x", drugs), on.draws, np.array([60.0]), mg, 1.95)[:, 0]
    auc = mg[1] * on.draws.fludarabine.active_mass / on.draws.fludarabine.clearance_l_h
    want = on.draws.kill["cyclophosphamide"] * 500.0 + on.draws.kill["fludarabine"] * auc
    np.testing.assert_allclose(late, want, rtol=1e-6)


def test_without_recovery_the_count_falls_by_the_log_kill() -> None:
    from dataclasses import replace

    on = patient()
    frozen = replace(on.draws, recovery=0.0 * on.draws.recovery, source=0.0 * on.draws.source)
    drugs = (DrugDose("bendamustine", 90.0, "mg/m2", -4.0), DrugDose("bendamustine", 90.0, "mg/m2", -3.0))
    mg = {0: 90.0 * 1.95, 1: 90.0 * 1.95}
    t = trajectories(Regimen("x", drugs), frozen, (), mg=mg, bsa_m2=1.95, start_d=-10.0, end_d=60.0)
    # 63 d after the last dose the slowest draw (half-time 3 d) still has 5e-7 of its kill to come
    np.testing.assert_allclose(t.alc[:, -1], np.exp(-180.0 * on.draws.kill["bendamustine"]), rtol=1e-6)


def test_the_pools_follow_the_lsoda_twin() -> None:
    """Exchange, recovery, drugs, kill and the dead of one draw, integrated without modes."""
    from dataclasses import replace

    from scipy.integrate import solve_ivp

    on = patient(draws=1)
    d = on.draws
    drug = DrugDose("cyclophosphamide", 500.0, "mg/m2", -6.0)
    kill = plan_kills(local(4.0, 0.5, 0.3), [-12.0, -9.5], d)
    got = run(replace(on, draws=d), (drug,), kill, start=-14.0, end=10.0, days=[-11.0, -9.0, -3.0, 0.0, 8.0])
    c = len(COMPARTMENTS)
    # the generator back from its modes
    a = (d.pools.from_modes[0] * d.pools.eigenvalue[0]) @ d.pools.to_modes[0]
    ln2 = np.log(2.0) * 24.0

    def slope(t: float, state: Array) -> Array:
        live, fast, slow = state.reshape(3, c)
        since = (t - drug.day) * 24.0
        h = 0.0
        if since > 0:
            rate = np.log(2.0) / d.effect_h[0]
            h = d.kill["cyclophosphamide"][0] * 500.0 * rate * 24.0 * np.exp(-rate * since)
        total = live.sum()
        grow_rate = (1 - total) * (d.recovery[0] * live + d.source[0] * d.pools.share[0])
        return np.concatenate(
            [
                a @ live - h * live + grow_rate,
                a @ fast - ln2 / d.plan.fast_h[0] * fast,
                a @ slow - ln2 / d.plan.slow_h[0] * slow,
            ]
        )

    state = np.concatenate([d.pools.share[0], np.zeros(c), np.zeros(c)])
    now = -14.0
    for stop in (-12.0, -11.0, -9.5, -9.0, -6.0, -3.0, 0.0, 8.0):
        state = solve_ivp(slope, (now, stop), state, method="LSODA", rtol=1e-9, atol=1e-12).y[:, -1]
        now = stop
        live, fast, slow = state.reshape(3, c)
        if stop in (-12.0, -9.5):
            k = next(fraction.share[0] for fraction in kill if fraction.day == stop)
            dead = k * live
            state = np.concatenate([live - dead, fast + 0.5 * dead, slow + 0.5 * dead])
        if stop in (-11.0, -9.0, -3.0, 0.0, 8.0):
            want = (live + fast + slow)[0] / d.pools.share[0, 0]
            # the drug's hazard is constant within a step of two hours: 2e-3 covers it
            assert got.at(stop)[0] == pytest.approx(want, rel=2e-3), stop


@pytest.mark.parametrize(("survival", "apart"), [("colony", 1e-3), ("combined", 0.05)])
def test_a_plan_without_recovery_falls_as_the_lymphocyte_forecast_does(survival: str, apart: float) -> None:
    """Same pools, same kill: with recovery off, this forecast and that of `analyze` are one; where subsets differ in
    sensitivity, as far as their shares are followed for the whole body and not in each pool."""
    from dataclasses import replace

    on = patient(draws=32)
    quiet = {**on.draws.lymphocytes.values, "unexplained.loss_per_fraction": np.full(32, 1e-12)}
    lymphocytes = replace(on.draws.lymphocytes, values=quiet)
    people = replace(on.draws.people, survival=survival)
    phase = replace(local(3.0, 0.4, 0.3), times_d=np.arange(5.0))
    off = 0.0 * on.draws.recovery
    frozen = replace(on.draws, recovery=off, source=off, lymphocytes=lymphocytes, people=people)
    kills = plan_kills(phase, phase.times_d.tolist(), frozen)
    ours = trajectories(
        Regimen("x"), frozen, kills, mg={}, bsa_m2=1.95, start_d=-2.0, end_d=6.0, days=[1.0 - 1e-4, 3.0 - 1e-4, 5.0]
    )
    made = realise(Course((phase,)), lymphocytes, people, 60.0)
    still = replace(made, subsets=tuple(replace(s, fate=replace(s.fate, back=0.0 * s.fate.back)) for s in made.subsets))
    days = np.array([1.0 - 1e-4, 3.0 - 1e-4, 5.0])
    theirs = still.ratio(days)
    for i, day in enumerate(days):
        np.testing.assert_allclose(ours.at(float(day)), theirs[:, i], rtol=apart)


def test_an_even_plan_dose_of_no_one_pool_is_not_worse_than_whole_body() -> None:
    on = patient()
    body = run(on, fractions=whole_body_kills([-2.0], 2.0, on.draws))
    part = run(on, fractions=plan_kills(local(2.0, 1.0, 0.1), [-2.0], on.draws))
    assert np.all(part.at(0.0) > body.at(0.0))


@pytest.mark.parametrize("drug", ["fludarabine", "cyclophosphamide", "bendamustine"])
def test_more_drug_never_raises_the_count(drug: str) -> None:
    on = patient()
    less = run(on, (DrugDose(drug, 20.0, "mg/m2", -4.0),))
    more = run(on, (DrugDose(drug, 30.0, "mg/m2", -4.0),))
    assert np.all(more.alc <= less.alc + 1e-12)


def test_more_dose_never_raises_the_living_and_a_later_count() -> None:
    on = patient()
    less = run(on, fractions=whole_body_kills([-3.0], 1.0, on.draws))
    more = run(on, fractions=whole_body_kills([-3.0], 2.0, on.draws))
    assert np.all(more.alc <= less.alc + 1e-12)


def test_the_order_of_drugs_of_one_day_does_not_matter() -> None:
    on = patient()
    pair = (DrugDose("fludarabine", 30.0, "mg/m2", -4.0), DrugDose("cyclophosphamide", 300.0, "mg/m2", -4.0))
    np.testing.assert_allclose(run(on, pair).alc, run(on, pair[::-1]).alc, rtol=1e-12)


def test_a_worse_kidney_is_deeper() -> None:
    drugs = (DrugDose("fludarabine", 30.0, "mg/m2", -4.0),)
    assert np.all(run(patient(egfr=40.0), drugs).at(0.0) < run(patient(egfr=100.0), drugs).at(0.0))


def test_ten_times_finer_events_change_nothing_that_matters() -> None:
    on = patient(draws=64)
    drugs = tuple(DrugDose("fludarabine", 30.0, "mg/m2", d) for d in (-5.0, -4.0, -3.0))
    coarse = run(on, drugs)
    fine = run(on, drugs, days=np.arange(-6.0, 10.0, 1.0 / 120.0).tolist())
    np.testing.assert_allclose(fine.at(0.0), coarse.at(0.0), rtol=2e-3)
    np.testing.assert_allclose(nadir(fine)[0], nadir(coarse)[0], rtol=2e-3)


def test_same_seed_same_draws_whatever_the_regimen() -> None:
    on = patient(draws=64)
    again = patient(draws=64)
    np.testing.assert_array_equal(on.draws.kill["fludarabine"], again.draws.kill["fludarabine"])
    other = patient(draws=64, seed=7)
    assert not np.array_equal(on.draws.kill["fludarabine"], other.draws.kill["fludarabine"])


def test_the_median_draw_is_near_the_typical_patient() -> None:
    drugs = tuple(DrugDose("fludarabine", 30.0, "mg/m2", d) for d in (-5.0, -4.0, -3.0))
    typical = run(patient(draws=1), drugs).at(0.0)[0]
    assert np.median(run(patient(draws=512), drugs).at(0.0)) == pytest.approx(typical, rel=0.15)


def test_kill_coefficients_span_their_stated_band() -> None:
    draws = patient(draws=512).draws
    for drug, value in (("fludarabine", 0.10), ("cyclophosphamide", 0.0004), ("bendamustine", 0.010)):
        low, middle, high = np.quantile(draws.kill[drug] / value, (0.05, 0.5, 0.95))
        assert low == pytest.approx(0.6, abs=0.04)
        assert middle == pytest.approx(1.0, abs=0.03)
        assert high == pytest.approx(1.4, abs=0.04)


def test_days_below_meets_crossings_between_grid_points() -> None:
    line = HostTrajectories(np.array([0.0, 1.0, 2.0, 4.0]), np.array([[1.0, 0.0, 0.0, 1.0]]))
    assert days_below(line, 0.25, 0.0, 4.0)[0] == pytest.approx(0.25 + 1.0 + 0.5)
    flat = HostTrajectories(np.array([0.0, 3.0]), np.array([[0.2, 0.2]]))
    assert days_below(flat, 0.2, 0.0, 3.0)[0] == 0.0, "strictly less, as CTCAE"
    assert days_below(flat, 0.21, 0.0, 3.0)[0] == pytest.approx(3.0)
    assert days_below(flat, 0.21, 3.0, 3.0).tolist() == [0.0], "no time, no days"


def test_the_grid_holds_events_and_asked_days_and_rises() -> None:
    t = time_grid([-5.03], [-1.0], -10.0, 90.0, [-5.03, 0.0, 30.0])
    assert np.all(np.diff(t) > 0)
    for day in (-10.0, -5.03, 0.0, 30.0, 90.0):
        assert np.abs(t - day).min() < 1e-9


def test_a_forecast_needs_a_length() -> None:
    with pytest.raises(ScenarioError, match="from day 5 to day 5 has no length"):
        time_grid([], [], 5.0, 5.0)


def test_a_surrogate_pool_widens_the_band() -> None:
    on = patient(draws=512)
    known = plan_kills(local(3.0, 0.4), [-10.0], on.draws)[0]
    phase = local(3.0, 0.4)
    guess = PhaseExposure(phase.times_d, phase.blood, phase.pools, frozenset({"nodes"}))
    unsure = plan_kills(guess, [-10.0], on.draws)[0]
    nodes = next(i for i, (_, pool) in enumerate(COMPARTMENTS) if pool == "nodes")
    assert unsure.share[:, nodes].std() > 1.2 * known.share[:, nodes].std()
    assert np.median(unsure.share[:, nodes]) == pytest.approx(np.median(known.share[:, nodes]), rel=0.15)


def test_kill_of_a_distribution_is_never_that_of_its_mean() -> None:
    on = patient()
    spread = PhaseExposure(
        np.array([0.0]),
        uniform(0.1),
        {
            p: DoseDistribution(np.array([0.0, 10.0]), np.array([0.9, 0.1])) if p == "nodes" else uniform(0.0)
            for p in POOLS
            if p != "blood"
        },
    )
    even = PhaseExposure(
        np.array([0.0]), uniform(0.1), {p: uniform(1.0 if p == "nodes" else 0.0) for p in POOLS if p != "blood"}
    )
    a, b = (plan_kills(x, [0.0], on.draws)[0].share for x in (spread, even))
    nodes = [i for i, (_, pool) in enumerate(COMPARTMENTS) if pool == "nodes"]
    assert np.all(a[:, nodes] < b[:, nodes])


DAYS = st.floats(-40.0, 20.0)


@settings(max_examples=30, deadline=None)
@given(
    drugs=st.lists(
        st.one_of(
            st.tuples(st.just("fludarabine"), st.floats(1.0, 60.0), DAYS),
            st.tuples(st.just("cyclophosphamide"), st.just(0.0) | st.floats(10.0, 2400.0), DAYS),
            st.tuples(st.just("bendamustine"), st.floats(5.0, 200.0), DAYS),
        ),
        max_size=6,
    ),
    fractions=st.lists(st.tuples(st.floats(0.0, 30.0), DAYS), max_size=6),
)
def test_any_regimen_leaves_counts_between_nothing_and_the_baseline(
    drugs: list[tuple[str, float, float]], fractions: list[tuple[float, float]]
) -> None:
    on = patient(1.3, draws=8)
    doses = [DrugDose(name, amount, "mg/m2", day) for name, amount, day in drugs]
    kills = [k for gy, day in fractions for k in whole_body_kills([day], gy, on.draws)]
    kills += [k for gy, day in fractions[:2] for k in plan_kills(local(gy), [day], on.draws)]
    found = run(on, doses, kills, start=-45.0, end=60.0)
    assert np.all(np.isfinite(found.alc))
    assert found.alc.min() >= 0.0
    assert found.alc.max() <= 1.3 * (1 + 1e-9)
