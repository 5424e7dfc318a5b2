from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lymphorisk.circulation import Network, build, nadler_l, personal, with_tumour
from lymphorisk.circulation.network import generator
from lymphorisk.errors import ParameterError
from lymphorisk.parameters import load
from lymphorisk.parameters.network import network_key, network_keys, network_table


@pytest.mark.parametrize("key", network_keys())
def test_every_stored_network_is_closed_and_has_its_volume(key: str, network: Callable[[str], Network]) -> None:
    net = network(key)
    assert net.flow.sum(axis=0) == pytest.approx(net.flow.sum(axis=1), abs=1e-12)
    assert net.volume_share.sum() == pytest.approx(1.0, abs=1e-15)
    assert np.abs(net.volume_share @ generator(net)).max() < 1e-12
    assert net.blood_volume_l == pytest.approx(network_table(key).blood_volume_l, rel=3e-4)


def test_a_table_short_of_100_percent_keeps_each_printed_volume(network: Callable[[str], Network]) -> None:
    net = network("female28")
    litres = net.volume_share[net.index("liver")] * net.blood_volume_l
    assert litres == pytest.approx(0.390, abs=1e-12)


def test_nadler_of_two_bodies() -> None:
    """1.80 m, 80 kg male 5.319 L; 1.60 m, 60 kg female 3.627 L."""
    n = {k: p.number for k, p in load("circulation").items()}
    male = (n["nadler.male.height"], n["nadler.male.weight"], n["nadler.male.offset"])
    female = (n["nadler.female.height"], n["nadler.female.weight"], n["nadler.female.offset"])
    assert nadler_l(180, 80, *male) == pytest.approx(5.319, abs=5e-4)
    assert nadler_l(160, 60, *female) == pytest.approx(3.627, abs=5e-4)


def test_blood_volume_alone_keeps_transit_times(network: Callable[[str], Network]) -> None:
    net = network("male32")
    small = personal(net, blood_volume_l=4.2)
    assert small.transit_s == pytest.approx(net.transit_s, rel=1e-12)
    assert small.cardiac_output_l_min == pytest.approx(6.5 * 4.2 / 5.3)


def test_twice_the_cardiac_output_halves_transit_times(network: Callable[[str], Network]) -> None:
    net = network("male32")
    fast = personal(net, cardiac_output_l_min=13.0)
    assert fast.transit_s == pytest.approx(net.transit_s / 2, rel=1e-12)


def test_a_tumour_takes_its_part_of_its_site_and_no_more(network: Callable[[str], Network]) -> None:
    net = network("male32")
    out = with_tumour(net, "lung", 0.05, density=2.0, perfusion=0.5)
    lung, tumour = out.index("lung"), out.index("tumour")
    assert out.volume_share[lung] + out.volume_share[tumour] == pytest.approx(net.volume_share[net.index("lung")])
    assert out.volume_share[tumour] / out.volume_share[lung] == pytest.approx(2.0 * 0.05 / 0.95)
    assert out.flow[tumour].sum() / out.flow[lung].sum() == pytest.approx(0.5 * 0.05 / 0.95)


def test_a_tumour_like_its_site_has_its_transit_time(network: Callable[[str], Network]) -> None:
    out = with_tumour(network("male32"), "liver", 0.2)
    assert out.transit_s[out.index("tumour")] == pytest.approx(out.transit_s[out.index("liver")], rel=1e-12)


RING = ["heart", "body"]


@pytest.mark.parametrize(
    ("volume", "edges", "what"),
    [
        ([20, 80], [("heart", "body", 100), ("body", "heart", 99)], "leaks at 'heart': 99 % .* 100 % out"),
        ([20, 70], [("heart", "body", 100), ("body", "heart", 100)], "sum to 90 %"),
        ([0, 100], [("heart", "body", 100), ("body", "heart", 100)], "'heart' holds no blood"),
        ([20, 80], [("heart", "soul", 100), ("body", "heart", 100)], "no compartment 'soul'"),
        ([20, 80], [("heart", "body", -1), ("body", "heart", -1)], "not negative"),
        ([20, 80], [("heart", "heart", 100), ("body", "body", 100)], "leave their compartment"),
    ],
)
def test_a_broken_network_is_refused_by_name(
    volume: list[float], edges: list[tuple[str, str, float]], what: str
) -> None:
    with pytest.raises(ParameterError, match=what):
        build(RING, volume, edges, 5.0, 6.0)


def test_two_compartments_of_one_name_are_refused() -> None:
    with pytest.raises(ParameterError, match="'heart' appears twice"):
        build(["heart", "heart"], [50, 50], [("heart", "heart", 100)], 5.0, 6.0)


@pytest.mark.parametrize(("volume", "output"), [(0.0, 6.0), (5.0, -1.0), (float("nan"), 6.0)])
def test_blood_volume_and_output_are_above_zero(volume: float, output: float) -> None:
    with pytest.raises(ParameterError, match="is not above zero"):
        build(RING, [20, 80], [("heart", "body", 100), ("body", "heart", 100)], volume, output)


def test_an_unknown_compartment_is_refused_with_the_list(network: Callable[[str], Network]) -> None:
    with pytest.raises(ParameterError, match="no blood compartment 'hart'") as caught:
        network("male28").index("hart")
    assert "left_heart" in caught.value.hint


def test_unknown_network_and_sex_are_refused() -> None:
    with pytest.raises(ParameterError, match="no blood network 'male30'"):
        network_table("male30")
    with pytest.raises(ParameterError, match="sex 'X'"):
        network_key("X", 28)
    assert network_key("F", "32") == "female32"


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1])
def test_a_tumour_fraction_outside_its_site_is_refused(fraction: float, network: Callable[[str], Network]) -> None:
    with pytest.raises(ParameterError, match="not between 0 and 1"):
        with_tumour(network("male28"), "lung", fraction)
