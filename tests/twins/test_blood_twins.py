"""The exact blood engine against slow, plain or random versions of itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import expm

from lymphorisk.circulation import (
    LaneDose,
    Network,
    PhaseBlood,
    SurvivalForm,
    blood_dose,
    build,
    montecarlo,
    with_tumour,
)
from lymphorisk.circulation.chain import chain, solve
from lymphorisk.circulation.dosegrid import Histogram
from lymphorisk.circulation.gradient import kill_gradient
from lymphorisk.circulation.montecarlo import particle_doses
from lymphorisk.circulation.summary import course
from lymphorisk.errors import NotConvergedError
from lymphorisk.lymphocyte.killmap import Voxels, kill_map
from lymphorisk.parameters.network import network_table

LQ = SurvivalForm((1.0,), (0.3813,), (0.0968,))
MIXTURE = SurvivalForm((0.8, 0.2), (1 / 1.6, 1 / 5.5), (0.0, 0.0))


def network(key: str = "male28") -> Network:
    t = network_table(key)
    return build(t.names, t.volume_pct, t.edges, t.blood_volume_l, t.cardiac_output_l_min, t.title)


def two_beams() -> PhaseBlood:
    lanes = {
        "lung": LaneDose(np.array([0.5, 0.3, 0.2]), np.array([[0.0, 0.2, 1.0], [0.0, 0.5, 0.6]])),
        "liver": LaneDose(np.array([0.6, 0.4]), np.array([[0.1, 0.4], [0.0, 0.3]])),
        "large_veins": LaneDose(np.ones(1), np.array([[0.15], [0.25]])),
    }
    return PhaseBlood(5, np.array([25.0, 8.0]), np.array([30.0, 4.0]), lanes)


def dense_transform(net: Network, phase: PhaseBlood, stages: int, s: complex) -> complex:
    """The textbook formula with dense matrices and scipy's expm, state by state."""
    states = [
        (i, k, a, float(w))
        for i, name in enumerate(net.names)
        for k, w in enumerate(phase.lanes[name].share if name in phase.lanes else [1.0])
        for a in range(stages)
    ]
    q = np.zeros((len(states), len(states)))
    for x, (i, k, a, _) in enumerate(states):
        rate = stages / net.transit_s[i]
        q[x, x] -= rate
        for y, (j, lane, b, w) in enumerate(states):
            if (j, lane, b) == (i, k, a + 1):
                q[x, y] += rate
            if a == stages - 1 and b == 0:
                q[x, y] += rate * net.routing[i, j] * w
    pi = np.array([net.volume_share[i] * w / stages for i, _, _, w in states])
    clock = None
    for beam in phase.order:
        start, on = phase.starts[beam], phase.on_s[beam]
        if clock is not None:
            pi = pi @ expm((start - clock) * q)
        r = np.array(
            [
                phase.lanes[net.names[i]].dose_gy[beam, k] if net.names[i] in phase.lanes else 0.0
                for i, k, _, _ in states
            ]
        )
        pi = pi @ expm(on * q + s * np.diag(r)) if on else pi * np.exp(s * r)
        clock = start + on
    return complex(pi.sum())


@pytest.mark.parametrize("stages", [1, 3])
@pytest.mark.parametrize("s", [-0.4, -2.0, -0.4 + 1.5j])
def test_transform_against_dense_exponentials(stages: int, s: complex) -> None:
    net, phase = network(), two_beams()
    got = solve(chain(net, phase, stages), np.array([s]), moments=False)
    assert got.transform[0] == pytest.approx(dense_transform(net, phase, stages, s), abs=1e-11)
    assert got.missed < 1e-12


def even_then_not(second: float) -> PhaseBlood:
    """Two beams: 0.6 Gy to all blood, then `second` more Gy to the lung than to the rest."""
    lanes = {name: LaneDose(np.ones(1), np.array([[0.6], [0.1]])) for name in network().names}
    lanes["lung"] = LaneDose(np.array([0.5, 0.5]), np.array([[0.6, 0.6], [0.1, 0.1 + second]]))
    return PhaseBlood(1, np.array([40.0, 15.0]), np.array([0.0, 60.0]), lanes)


def test_an_even_beam_before_an_uneven_one_against_dense_exponentials() -> None:
    net, phase = network(), even_then_not(0.7)
    swapped = replace(phase, start_s=np.array([30.0, 0.0]))  # uneven first: then the even beam is not at rest
    for order in (phase, swapped):
        got = solve(chain(net, order, 2), np.array([-0.4]), moments=False)
        assert got.transform[0] == pytest.approx(dense_transform(net, order, 2, -0.4), abs=1e-11)
        assert got.spent.sum() == pytest.approx(1 - got.transform[0], abs=1e-11)


def test_even_beams_need_no_series() -> None:
    """Hours of whole-body beam are a hundred thousand jumps of the chain, and none of them matters."""
    hours = replace(even_then_not(0.0), on_s=np.array([14400.0, 3600.0]), start_s=None)
    got = solve(chain(network(), hours, 4), np.array([-0.4]))
    assert got.missed == got.sd_gy == 0.0
    assert got.untouched == pytest.approx(1.0, abs=1e-12)
    assert got.transform[0] == pytest.approx(np.exp(-0.4 * 0.7), abs=1e-12)


def test_moments_against_derivatives_of_the_transform() -> None:
    net, phase, h = network(), two_beams(), 1e-3
    up, mid, down = (dense_transform(net, phase, 2, x).real for x in (h, 0.0, -h))
    mean, second = (up - down) / (2 * h), (up - 2 * mid + down) / h**2
    got = solve(chain(net, phase, 2), np.zeros(0))
    assert got.sd_gy == pytest.approx(np.sqrt(second - mean**2), rel=1e-4)


@pytest.mark.parametrize("stages", [1, 4])
@pytest.mark.parametrize("lanes", [1, None])
def test_histogram_against_particles(stages: int, lanes: int | None) -> None:
    """400,000 particles: within 4 standard errors plus the stated error of the histogram."""
    net, phase, n = network(), two_beams(), 400_000
    exact = blood_dose(net, [phase], {"lq": LQ, "mixture": MIXTURE}, stages=stages, lanes=lanes, bounds=False)
    random = montecarlo.blood_dose(
        net, [phase], {"lq": LQ, "mixture": MIXTURE}, stages=stages, lanes=lanes, seed=2, particles=n
    )
    a, b = exact.fraction[0], random.fraction[0]
    assert b.mean_gy == pytest.approx(a.mean_gy, abs=4 * a.sd_gy / np.sqrt(n))
    assert b.sd_gy == pytest.approx(a.sd_gy, rel=0.01)
    for name in ("v_gt_0", "v_gt_0_07", "v_gt_0_125", "v_ge_0_5"):
        p = getattr(a, name)
        noise = 4 * np.sqrt(p * (1 - p) / n)
        assert getattr(b, name) == pytest.approx(p, abs=noise + (0 if name == "v_gt_0" else 0.0015)), name
    assert b.d2_gy == pytest.approx(a.d2_gy, rel=0.01)
    for name, left in a.surviving.items():
        assert b.surviving[name] == pytest.approx(left, abs=5 * a.sd_gy / np.sqrt(n))
    assert random.course.sd_gy == pytest.approx(exact.course.sd_gy, rel=0.01)
    assert random.course.d2_gy == pytest.approx(exact.course.d2_gy, rel=0.01)


def test_histogram_and_exact_numbers_agree_within_the_stated_error() -> None:
    net = with_tumour(network("female32"), "lung", 0.05)
    q = (np.arange(40) + 0.5) / 40
    lanes = {
        name: LaneDose(np.full(40, 1 / 40), np.outer(np.full(4, 0.25), np.minimum(-dose * np.log(1 - q), 2.2)))
        for name, dose in (("lung", 0.475), ("aorta", 0.79), ("superior_vena_cava", 1.0), ("tumour", 1.78))
    }
    phase = PhaseBlood(30, np.full(4, 20.0), np.arange(4) * 30.0, lanes)
    got = blood_dose(net, [phase], {"lq": LQ, "mixture": MIXTURE}, stages=4, lanes=16, bounds=False)
    e = got.error[0]
    assert e.series < 1e-10
    assert e.lost < 1e-5
    assert e.negative < 1e-4
    assert e.step < 0.02
    assert e.bin_gy == 1e-3
    assert e.histogram_sd_gy < 1e-3 * got.fraction[0].sd_gy
    assert e.histogram_surviving < 2e-5
    fine = blood_dose(net, [phase], {}, stages=4, lanes=16, bounds=False, steps=320, bin_gy=5e-4).fraction[0]
    one = got.fraction[0]
    assert one.d2_gy == pytest.approx(fine.d2_gy, rel=2e-3)
    assert one.v_gt_0_07 == pytest.approx(fine.v_gt_0_07, abs=1e-3)
    assert one.v_gt_0_125 == pytest.approx(fine.v_gt_0_125, abs=1e-3)


@pytest.mark.parametrize("stages", [1, 4])
def test_histogram_of_few_lanes_and_many_gray(stages: int) -> None:
    """Few lanes at 6 Gy leave gaps that the extrapolation once turned into a surviving share 5e-4 off."""
    lanes = {
        "lung": LaneDose(np.ones(1), np.array([[6.0]])),
        "liver": LaneDose(np.full(4, 0.25), np.array([[0.0, 0.6, 1.8, 3.0]])),
    }
    phase = PhaseBlood(3, np.array([20.0]), None, lanes)
    got = blood_dose(network(), [phase], {"lq": LQ, "mixture": MIXTURE}, stages=stages, lanes=16, bounds=False)
    assert got.error[0].histogram_surviving < 1e-5
    assert got.error[0].histogram_sd_gy < 1e-4


def test_a_quadratic_term_beyond_reach_is_refused() -> None:
    phase = PhaseBlood(1, np.array([5.0]), None, {"lung": LaneDose(np.ones(1), np.array([[60.0]]))})
    with pytest.raises(NotConvergedError, match="'pure'"):
        blood_dose(network(), [phase], {"pure": SurvivalForm((1.0,), (0.0,), (0.1,))}, stages=1, lanes=1)


def test_course_against_repeated_convolution() -> None:
    a = Histogram(0.01, 1e-3, np.array([0.3, 0.1, 0.4, 0.0, 0.2]), 0.2, 0.0, 0.0, 0.0)
    b = Histogram(0.0, 1e-3, np.array([0.5, 0.25, 0.25]), 0.5, 0.0, 0.0, 0.0)
    plain = np.ones(1)
    for h, n in ((a, 7), (b, 3)):
        for _ in range(n):
            plain = np.convolve(plain, h.mass)
    got = course([(7, a), (3, b)])
    assert got.mass == pytest.approx(plain[: len(got.mass)], abs=1e-13)
    assert got.offset_gy == pytest.approx(0.07)
    assert got.untouched == pytest.approx(0.2**7 * 0.5**3)


def test_a_long_course_is_cut_where_chernoff_says() -> None:
    mass = np.zeros(2001)
    mass[[0, 50, 2000]] = [0.6, 0.4 - 1e-6, 1e-6]
    got = course([(60, Histogram(0.0, 1e-3, mass, 0.6, 0.0, 0.0, 0.0))])
    assert len(got.mass) < 60 * 2000
    assert got.mass.sum() == pytest.approx(1.0, abs=1e-12)
    assert got.mean_gy == pytest.approx(60 * 1e-3 * (mass @ np.arange(2001)), rel=1e-9)


def test_particles_start_in_the_steady_state() -> None:
    """Mean dose of a beam late in the fraction is that of a beam at once."""
    net = network()
    lanes = {"spleen": LaneDose(np.ones(1), np.array([[2.0]]))}
    late = PhaseBlood(1, np.array([5.0]), np.array([60.0]), lanes)
    dose = particle_doses(chain(net, late, 3), 400_000, np.random.default_rng(1))
    assert dose.mean() == pytest.approx(0.014 * 2.0, rel=0.02)


@pytest.mark.parametrize("form", [MIXTURE, LQ])
def test_kill_gradient_against_finite_differences(form: SurvivalForm) -> None:
    net, phase, e = network(), two_beams(), 1e-4
    gradient = kill_gradient(net, phase, form, stages=3, lanes=None)

    def killed(name: str, beam: int, lane: int, change: float) -> float:
        dose = phase.lanes[name].dose_gy.copy()
        dose[beam, lane] += change
        changed = replace(phase, lanes={**phase.lanes, name: LaneDose(phase.lanes[name].share.copy(), dose)})
        s = blood_dose(net, [changed], {"f": form}, stages=3, lanes=None, bounds=False, steps=8)
        return 1 - s.fraction[0].surviving["f"]

    assert gradient.killed == pytest.approx(killed("lung", 0, 0, 0.0), abs=1e-10)
    for name, beam, lane in (("lung", 0, 2), ("lung", 1, 1), ("liver", 1, 1), ("large_veins", 0, 0)):
        numeric = (killed(name, beam, lane, e) - killed(name, beam, lane, -e)) / (2 * e)
        assert gradient.compartments[name].per_gy[beam, lane] == pytest.approx(numeric, rel=1e-5)


def test_kill_gradient_of_instant_beams() -> None:
    net = network()
    phase = replace(two_beams(), on_s=np.zeros(2))
    g = kill_gradient(net, phase, MIXTURE, stages=1, lanes=None)
    exact = blood_dose(net, [phase], {"f": MIXTURE}, stages=1, lanes=None, bounds=False).fraction[0].surviving["f"]
    assert 1 - g.killed == pytest.approx(exact, abs=1e-10)
    dose = phase.lanes["liver"].dose_gy.copy()
    dose[0, 1] += 1e-5
    up = replace(phase, lanes={**phase.lanes, "liver": LaneDose(phase.lanes["liver"].share.copy(), dose)})
    more = blood_dose(net, [up], {"f": MIXTURE}, stages=1, lanes=None, bounds=False).fraction[0].surviving["f"]
    assert g.compartments["liver"].per_gy[0, 1] == pytest.approx((exact - more) / 1e-5, rel=1e-3)


def test_kill_map_against_a_perturbed_voxel() -> None:
    """Blood and one pool on a grid of eight voxels: the map is the derivative of what the models give."""
    net, share, e = network(), 0.02, 1e-4
    dose = np.array([[0.0, 0.4, 1.0, 1.6], [0.2, 0.3, 0.9, 0.0]])
    liver = Voxels(np.array([1, 2, 3]), np.array([3.0, 2.0, 5.0]), 10.0)
    spleen = Voxels(np.array([4, 5, 6]), np.array([1.0, 1.0, 2.0]), 4.0)
    on = np.array([12.0, 20.0])
    split = np.array([0.25, 0.75])

    def phase(d: np.ndarray) -> PhaseBlood:
        lanes = {
            name: LaneDose(v.volume_cm3 / v.total_cm3, np.outer(split, d.reshape(-1)[v.index]))
            for name, v in (("liver", liver), ("spleen", spleen))
        }
        return PhaseBlood(1, on, None, lanes)

    def lost(d: np.ndarray) -> float:
        blood = blood_dose(net, [phase(d)], {"f": LQ}, stages=2, lanes=None, bounds=False, steps=8).fraction[0]
        pool = 1 - float(spleen.volume_cm3 / spleen.total_cm3 @ MIXTURE(d.reshape(-1)[spleen.index]))
        return share * (1 - blood.surviving["f"]) + 0.15 * pool

    got = kill_map(
        dose,
        blood=[("liver", liver, 1.0), ("spleen", spleen, 1.0)],
        gradient=kill_gradient(net, phase(dose), LQ, stages=2, lanes=None),
        blood_share=share,
        pools=[(spleen, 0.15, MIXTURE)],
    )
    assert got.shape == dose.shape
    assert got.reshape(-1)[[0, 7]] == pytest.approx([0.0, 0.0])
    for voxel in range(1, 7):
        change = np.zeros(8)
        change[voxel] = e
        numeric = (lost(dose + change.reshape(2, 4)) - lost(dose - change.reshape(2, 4))) / (2 * e)
        assert got.reshape(-1)[voxel] == pytest.approx(numeric, rel=1e-5)
