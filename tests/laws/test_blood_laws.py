"""What must hold for the blood dose whatever the plan. Laws run over every engine in `MODELS`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lymphorisk.circulation import MODELS, BloodDose, LaneDose, Network, PhaseBlood, SurvivalForm, blood_dose, build
from lymphorisk.circulation.summary import BloodSummary
from lymphorisk.parameters.network import network_table

SURVIVAL = {
    "mixture": SurvivalForm((0.8, 0.2), (1 / 1.6, 1 / 5.5), (0.0, 0.0)),
    "lq": SurvivalForm((1.0,), (0.3813,), (0.0968,)),
}
EXACT = ("exact", "resident")


def network(key: str = "male28") -> Network:
    t = network_table(key)
    return build(t.names, t.volume_pct, t.edges, t.blood_volume_l, t.cardiac_output_l_min, t.title)


def two_beams(fractions: int = 5, factor: float = 1.0) -> PhaseBlood:
    lanes = {
        "lung": LaneDose(np.array([0.5, 0.3, 0.2]), factor * np.array([[0.0, 0.2, 1.0], [0.0, 0.5, 0.6]])),
        "liver": LaneDose(np.array([0.6, 0.4]), factor * np.array([[0.1, 0.4], [0.0, 0.3]])),
        "large_veins": LaneDose(np.ones(1), factor * np.array([[0.15], [0.25]])),
    }
    return PhaseBlood(fractions, np.array([25.0, 8.0]), np.array([30.0, 4.0]), lanes)


def run(engine: str, phases: list[PhaseBlood], net: Network | None = None, stages: int = 2) -> BloodDose:
    return MODELS[engine](net or network(), phases, SURVIVAL, stages=stages, lanes=16)


def numbers(s: BloodSummary) -> np.ndarray:
    return np.array(
        [s.mean_gy, s.sd_gy, s.v_gt_0, s.v_gt_0_07, s.v_gt_0_125, s.v_ge_0_5, s.d2_gy, *s.surviving.values()]
    )


@pytest.mark.parametrize("engine", MODELS)
def test_zero_dose_does_nothing(engine: str) -> None:
    got = run(engine, [two_beams(factor=0.0)])
    for s in (got.fraction[0], got.course):
        assert s.mean_gy == s.sd_gy == s.v_gt_0 == s.d2_gy == 0.0
        assert list(s.surviving.values()) == pytest.approx([1.0, 1.0], abs=1e-12)


@pytest.mark.parametrize("engine", MODELS)
@pytest.mark.parametrize("stages", [1, 3])
def test_uniform_dose_is_that_dose(engine: str, stages: int) -> None:
    net = network()
    lanes = {name: LaneDose(np.ones(1), np.array([[0.7], [0.5]])) for name in net.names}
    got = run(engine, [PhaseBlood(4, np.array([30.0, 12.0]), np.array([5.0, 60.0]), lanes)], stages=stages)
    one = got.fraction[0]
    assert one.mean_gy == pytest.approx(1.2, abs=1e-9)
    assert one.sd_gy == pytest.approx(0.0, abs=1e-9)
    assert one.v_gt_0 == one.v_ge_0_5 == 1.0
    assert one.d2_gy == pytest.approx(1.2, abs=1e-3)
    assert got.course.mean_gy == pytest.approx(4.8, abs=1e-8)
    assert one.surviving["lq"] == pytest.approx(np.exp(-0.3813 * 1.2 - 0.0968 * 1.44), abs=1e-9)
    assert got.course.surviving["lq"] == pytest.approx(one.surviving["lq"] ** 4, abs=1e-9)


@pytest.mark.parametrize("engine", MODELS)
def test_shares_are_shares_and_the_curve_falls(engine: str) -> None:
    got = run(engine, [two_beams(), two_beams(3, 0.4)])
    for s in (*got.fraction, got.course):
        v = s.volume_fraction_cumulative
        assert v[0] == 1.0
        assert v[-1] == 0.0
        assert np.all(np.diff(v) <= 1e-12)
        assert 1 >= s.v_gt_0 >= s.v_gt_0_07 >= s.v_gt_0_125 >= s.v_ge_0_5 >= 0
        assert all(0 < x <= 1 for x in s.surviving.values())
        d = s.distribution()
        assert d.mean_gy == pytest.approx(s.mean_gy, rel=1e-9)
        assert d.share.sum() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("engine", MODELS)
def test_organ_and_beam_shares_of_dose_add_up(engine: str) -> None:
    got = run(engine, [two_beams(), two_beams(2, 0.5)])
    tolerance = 1e-9 if engine in EXACT else 0.01
    assert sum(got.by_organ.values()) == pytest.approx(got.course.mean_gy, rel=tolerance)
    for shares in (got.course_attribution.dose_by_beam_gy, got.course_attribution.dose_gy.values()):
        assert sum(shares) == pytest.approx(got.course.mean_gy, rel=tolerance)


@pytest.mark.parametrize("engine", EXACT)
def test_organ_and_beam_shares_of_kill_add_up(engine: str) -> None:
    got = run(engine, [two_beams(), two_beams(2, 0.5)])
    for form, left in got.course.surviving.items():
        killed = got.course_attribution.killed[form]
        assert sum(killed.values()) == pytest.approx(1 - left, abs=1e-9)
        assert sum(got.course_attribution.killed_by_beam[form]) == pytest.approx(1 - left, abs=1e-9)
        assert min(killed.values()) > 0


@pytest.mark.parametrize("engine", EXACT)
def test_permuting_compartments_changes_nothing(engine: str) -> None:
    t = network_table("male28")
    order = np.random.default_rng(3).permutation(len(t.names))
    mixed = build(
        [t.names[i] for i in order],
        [t.volume_pct[i] for i in order],
        t.edges[::-1],
        t.blood_volume_l,
        t.cardiac_output_l_min,
    )
    a, b = run(engine, [two_beams()]), run(engine, [two_beams()], mixed)
    exact = [0, 1, 2, 7, 8]
    assert numbers(b.fraction[0])[exact] == pytest.approx(numbers(a.fraction[0])[exact], abs=1e-12)
    assert numbers(b.fraction[0]) == pytest.approx(numbers(a.fraction[0]), abs=1e-5)


def test_naming_beams_in_another_order_changes_nothing() -> None:
    a = two_beams()
    b = replace(
        a,
        on_s=a.on_s[::-1].copy(),
        start_s=a.start_s[::-1].copy(),  # type: ignore[index]
        lanes={k: LaneDose(v.share.copy(), v.dose_gy[::-1].copy()) for k, v in a.lanes.items()},
    )
    x, y = run("exact", [a]), run("exact", [b])
    assert numbers(y.fraction[0]) == pytest.approx(numbers(x.fraction[0]), abs=1e-12)
    assert y.attribution[0].dose_by_beam_gy == pytest.approx(x.attribution[0].dose_by_beam_gy[::-1])
    assert y.attribution[0].killed_by_beam["lq"] == pytest.approx(x.attribution[0].killed_by_beam["lq"][::-1])


@pytest.mark.parametrize("factor", [0.01, 0.3, 10.0])
def test_beam_time_leaves_the_mean_alone(factor: float) -> None:
    a = two_beams()
    b = replace(a, on_s=a.on_s * factor, start_s=None)
    assert run("exact", [b]).fraction[0].mean_gy == pytest.approx(run("exact", [a]).fraction[0].mean_gy, abs=1e-12)


def test_twice_the_dose_is_twice_the_blood_dose() -> None:
    a, b = run("exact", [two_beams()]).fraction[0], run("exact", [two_beams(factor=2.0)]).fraction[0]
    assert b.mean_gy == pytest.approx(2 * a.mean_gy, rel=1e-12)
    assert b.sd_gy == pytest.approx(2 * a.sd_gy, rel=1e-9)
    assert b.v_gt_0 == pytest.approx(a.v_gt_0, abs=1e-12)
    assert b.d2_gy == pytest.approx(2 * a.d2_gy, abs=2e-3)


def test_time_has_no_unit_of_its_own() -> None:
    """Twice the flow and half the times are the same fraction."""
    net = network()
    fast = replace(net, cardiac_output_l_min=2 * net.cardiac_output_l_min)
    a = two_beams()
    b = replace(a, on_s=a.on_s / 2, start_s=a.start_s / 2)  # type: ignore[operator]
    x, y = run("exact", [a], net).fraction[0], run("exact", [b], fast).fraction[0]
    assert numbers(y) == pytest.approx(numbers(x), abs=1e-6)


def test_a_wait_before_the_first_beam_changes_nothing() -> None:
    a = two_beams()
    b = replace(a, start_s=a.start_s + 100.0)  # type: ignore[operator]
    assert numbers(run("exact", [b]).fraction[0]) == pytest.approx(numbers(run("exact", [a]).fraction[0]), abs=1e-12)


def test_dividing_a_compartment_in_equal_lanes_changes_nothing() -> None:
    a = two_beams()
    lane = a.lanes["lung"]
    halves = LaneDose(np.repeat(lane.share, 2) / 2, np.repeat(lane.dose_gy, 2, axis=1))
    b = replace(a, lanes={**a.lanes, "lung": halves})
    x = blood_dose(network(), [a], SURVIVAL, stages=2, lanes=None, bounds=False).fraction[0]
    y = blood_dose(network(), [b], SURVIVAL, stages=2, lanes=None, bounds=False).fraction[0]
    assert numbers(y)[[0, 1, 2, 7, 8]] == pytest.approx(numbers(x)[[0, 1, 2, 7, 8]], abs=1e-12)


def test_mixing_narrows_the_tail_and_the_bounds_say_so() -> None:
    got = blood_dose(network(), [two_beams()], SURVIVAL, stages=2, lanes=16)
    mixed, visit = got.bounds["well_mixed"], got.bounds["per_visit"]
    assert mixed.sd_gy < got.fraction[0].sd_gy <= visit.sd_gy + 1e-12
    assert mixed.d2_gy < visit.d2_gy
    assert mixed.mean_gy == pytest.approx(visit.mean_gy, abs=1e-12)


def test_the_bound_of_one_visit_keeps_the_spread_of_many_lanes() -> None:
    dose = np.linspace(0.0, 2.0, 60)
    steep = LaneDose(np.full(60, 1 / 60), np.array([dose, 0.3 * dose[::-1]]))
    a = replace(two_beams(), lanes={**two_beams().lanes, "lung": steep})
    apart = blood_dose(network(), [a], SURVIVAL, stages=2, lanes=None, bounds=False).fraction[0]
    joined = blood_dose(network(), [a], SURVIVAL, stages=2, lanes=2)
    assert joined.fraction[0].sd_gy < 0.999 * apart.sd_gy
    assert joined.bounds["per_visit"].sd_gy == pytest.approx(apart.sd_gy, rel=0.01)


def test_an_instant_beam_is_the_limit_of_a_short_one() -> None:
    a = replace(two_beams(), on_s=np.zeros(2))
    b = replace(two_beams(), on_s=np.full(2, 1e-6))
    x, y = run("exact", [a]).fraction[0], run("exact", [b]).fraction[0]
    assert numbers(y)[[0, 1, 2, 7, 8]] == pytest.approx(numbers(x)[[0, 1, 2, 7, 8]], abs=1e-6)


def test_blood_that_stays_is_the_volume_weighted_dvh() -> None:
    """Resident model by hand: shares v_i w_k at the summed lane doses."""
    net, phase = network(), two_beams()
    mean = killed = 0.0
    for name, lane in phase.lanes.items():
        v = float(net.volume_share[net.index(name)])
        mean += v * lane.mean_gy
        killed += v * float(lane.share @ (1 - SURVIVAL["lq"](lane.total_gy)))
    got = run("resident", [phase]).fraction[0]
    assert got.mean_gy == pytest.approx(mean, abs=1e-12)
    assert got.surviving["lq"] == pytest.approx(1 - killed, abs=1e-9)


def test_more_fractions_of_less_kill_spread_over_all_blood() -> None:
    """Same total dose: survival under a purely exponential form falls towards exp(-a mean) with more fractions."""
    form = {"e": SurvivalForm((1.0,), (0.5,), (0.0,))}
    net = network()
    few = blood_dose(net, [two_beams(2, 3.0)], form, stages=2, lanes=16, bounds=False).course
    many = blood_dose(net, [two_beams(30, 0.2)], form, stages=2, lanes=16, bounds=False).course
    assert few.mean_gy == pytest.approx(many.mean_gy)
    assert np.exp(-0.5 * many.mean_gy) < many.surviving["e"] < few.surviving["e"]


def test_the_same_seed_gives_the_same_particles() -> None:
    a = MODELS["montecarlo"](network(), [two_beams()], SURVIVAL, stages=2, lanes=16, seed=4, particles=2000)
    b = MODELS["montecarlo"](network(), [two_beams()], SURVIVAL, stages=2, lanes=16, seed=4, particles=2000)
    c = MODELS["montecarlo"](network(), [two_beams()], SURVIVAL, stages=2, lanes=16, seed=5, particles=2000)
    assert np.array_equal(numbers(a.fraction[0]), numbers(b.fraction[0]))
    assert not np.array_equal(numbers(a.fraction[0]), numbers(c.fraction[0]))


def test_uncovered_blood_is_told() -> None:
    got = run("exact", [two_beams()])
    assert [f.code for f in got.findings] == ["LR201"]
    assert "61.5 % of the blood" in got.findings[0].what
