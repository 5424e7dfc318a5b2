from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lymphorisk.circulation import LaneDose, Network, PhaseBlood, blood_dose, lanes_from_distribution
from lymphorisk.circulation.lanes import adapted, merged, spread_gy2, variance_lost, well_mixed
from lymphorisk.dvh.curve import DoseDistribution
from lymphorisk.errors import ParameterError, ScenarioError

ONE = {"lung": LaneDose(np.ones(1), np.ones((1, 1)))}


def test_lanes_keep_the_mean_and_split_it_among_beams() -> None:
    d = DoseDistribution(np.array([0.0, 1.0, 3.0]), np.array([0.2, 0.5, 0.3]))
    lane = lanes_from_distribution(d, [1.0, 3.0])
    assert lane.mean_gy == pytest.approx(d.mean_gy)
    assert lane.dose_gy[1] == pytest.approx(3 * lane.dose_gy[0])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.01, 1.0), st.floats(0, 3), st.floats(0, 2)), min_size=1, max_size=40),
    st.integers(1, 12),
    st.booleans(),
)
def test_joining_lanes_keeps_every_beams_mean(parts: list[tuple[float, float, float]], lanes: int, spare: bool) -> None:
    w = np.array([p[0] for p in parts])
    dose = np.array([[p[1] for p in parts], [p[2] for p in parts]])
    if spare:
        dose[:, 0] = 0.0
    lane = LaneDose(w / w.sum(), dose)
    got = merged(lane, lanes)
    assert len(got.share) <= max(lanes, 1)
    assert got.dose_gy @ got.share == pytest.approx(lane.dose_gy @ lane.share, abs=1e-12)
    assert spread_gy2(got) <= spread_gy2(lane) + 1e-12
    if spare and 1 < lanes < len(parts):
        spared = lane.share[lane.total_gy == 0].sum()
        assert got.share[got.total_gy == 0].sum() == pytest.approx(spared)


def test_one_lane_is_the_well_mixed_organ() -> None:
    lane = LaneDose(np.array([0.5, 0.5]), np.array([[0.0, 2.0]]))
    assert well_mixed(lane).mean_gy == 1.0
    assert merged(lane, 1).mean_gy == 1.0


def test_many_lanes_of_one_dose_are_joined_to_that_dose(network: Callable[[str], Network]) -> None:
    """Found by the benchmark: no spread between lanes left nothing to cut by."""
    lane = LaneDose(np.full(20, 0.05), np.full((2, 20), 0.7))
    got = merged(lane, 4)
    assert got.total_gy == pytest.approx(1.4)
    phase = PhaseBlood(1, np.ones(2), None, {"lung": lane})
    assert len(adapted(network("male28"), phase, 8).lanes["lung"].share) == 1


def test_what_joining_costs_is_told(network: Callable[[str], Network]) -> None:
    """The estimate of lost variance is near the exact loss."""
    net = network("male28")
    q = (np.arange(60) + 0.5) / 60
    lane = LaneDose(np.full(60, 1 / 60), -0.4 * np.log(1 - q)[None, :])
    phase = PhaseBlood(1, np.array([30.0]), None, {"lung": lane, "liver": lane})
    few = adapted(net, phase, 3)
    exact = blood_dose(net, [phase], {}, stages=2, lanes=None, bounds=False).fraction[0].sd_gy
    joined = blood_dose(net, [few], {}, stages=2, lanes=None, bounds=False).fraction[0].sd_gy
    assert 1 - (joined / exact) ** 2 == pytest.approx(variance_lost(net, phase, few), rel=0.5)
    assert variance_lost(net, phase, adapted(net, phase, 60)) < 3e-3


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: LaneDose(np.array([0.5, 0.4]), np.ones((1, 2))), "sum to 0.9"),
        (lambda: LaneDose(np.array([1.5, -0.5]), np.ones((1, 2))), "sum to 1"),
        (lambda: LaneDose(np.ones(1), np.array([[-0.1]])), "not negative"),
        (lambda: LaneDose(np.ones(1), np.array([[np.nan]])), "finite"),
        (lambda: LaneDose(np.ones(2) / 2, np.ones((1, 3))), "do not fit"),
        (lambda: PhaseBlood(0, np.ones(1), None, ONE), "0 fractions"),
        (lambda: PhaseBlood(1, np.zeros(0), None, {}), "at least one beam"),
        (lambda: PhaseBlood(1, np.array([-1.0]), None, ONE), "beam-on times .* not negative"),
        (lambda: PhaseBlood(1, np.array([1.0]), np.array([-1.0]), ONE), "beam starts must not be negative"),
        (lambda: PhaseBlood(1, np.ones(2), None, ONE), "doses of 1 beams, but 2"),
        (
            lambda: PhaseBlood(1, np.array([20.0, 20.0]), np.array([0.0, 10.0]), {}),
            "beam 2 starts at 10 s, before beam 1",
        ),
        (lambda: lanes_from_distribution(DoseDistribution(np.ones(1), np.ones(1)), [0.0]), "beam weights"),
    ],
)
def test_what_cannot_be_is_refused_by_name(make: Callable[[], object], what: str) -> None:
    with pytest.raises(ScenarioError, match=what):
        make()


def test_a_rising_dvh_never_becomes_lanes() -> None:
    from lymphorisk.dvh.curve import DVH
    from lymphorisk.errors import StructureError

    with pytest.raises(StructureError, match="never rises"):
        DVH("Lungs", np.array([0.0, 1.0, 2.0]), np.array([10.0, 5.0, 6.0]), 1.0, 0.0, 2.0)


def test_dose_to_an_unknown_compartment_is_refused(network: Callable[[str], Network]) -> None:
    phase = PhaseBlood(1, np.ones(1), None, {"lungs": LaneDose(np.ones(1), np.ones((1, 1)))})
    with pytest.raises(ParameterError, match="dose is given to 'lungs'"):
        blood_dose(network("male28"), [phase], {}, stages=1, lanes=1)


def test_no_phase_no_stage_no_lane_are_refused(network: Callable[[str], Network]) -> None:
    phase = PhaseBlood(1, np.ones(1), None, ONE)
    with pytest.raises(ScenarioError, match="at least one phase"):
        blood_dose(network("male28"), [], {}, stages=1, lanes=1)
    with pytest.raises(ParameterError, match="0 stages"):
        blood_dose(network("male28"), [phase], {}, stages=0, lanes=1)
    with pytest.raises(ScenarioError, match="0 lanes"):
        blood_dose(network("male28"), [phase], {}, stages=1, lanes=0)
