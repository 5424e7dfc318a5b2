"""The acceptance rows of the blood dose: published and exact numbers, one test a row, one table at the end.

Rows A to C are here. Rows D need the lymphocyte model and stand in ``test_biology_acceptance.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pytest

from lymphorisk.circulation import LaneDose, Network, PhaseBlood, SurvivalForm, blood_dose, build, with_tumour
from lymphorisk.circulation.chain import chain, solve
from lymphorisk.circulation.edic import (
    EffectiveDose,
    body_weight,
    coverage,
    edic,
    edic_esophagus,
    edic_esophagus_weights,
    edic_weights,
    edric,
)
from lymphorisk.circulation.network import generator
from lymphorisk.errors import ParameterError
from lymphorisk.literature.chen2022_breast import count_after
from lymphorisk.lymphocyte.survival import linear_quadratic
from lymphorisk.parameters import load
from lymphorisk.parameters.network import network_table

TABLE: list[tuple[str, str, str, str, bool]] = []
EXPLAINED = {
    "C2": "20.9 / 48.7 % come from a hazard its authors withdrew; the row asks that ours does not give them",
    "C5": "circular: the organ doses were calculated back from the blood doses; kept as arithmetic only",
    "D1": "lymphocyte model: test_biology_acceptance.py",
    "D2": "lymphocyte model: test_biology_acceptance.py",
    "D3": "lymphocyte model: test_biology_acceptance.py",
    "D4": "lymphocyte model: test_biology_acceptance.py",
    "D5": "lymphocyte model: test_biology_acceptance.py",
    "D6": "lymphocyte model: test_biology_acceptance.py",
    "D7": "lymphocyte model: test_biology_acceptance.py",
}


@pytest.fixture(scope="module", autouse=True)
def table(request: pytest.FixtureRequest) -> Iterator[None]:
    """Print check, expected, got, verdict when the module is done."""
    yield
    lines = [f"{'row':5} {'check':58} {'expected':>22} {'got':>14}  verdict"]
    lines += [
        f"{row:5} {what:58} {expected:>22} {got:>14}  {'ok' if ok else 'MISS'}"
        for row, what, expected, got, ok in sorted(TABLE)
    ]
    lines += [f"{row:5} {why}" for row, why in EXPLAINED.items()]
    capture = request.config.pluginmanager.get_plugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print("", *lines, sep="\n")


def reference_doses(network: Network, mean_gy: Mapping[str, float]) -> float:
    """Mean blood dose from mean doses of compartments, by hand: sum of volume share times dose. [Gy]"""
    return float(sum(network.volume_share[network.index(name)] * dose for name, dose in mean_gy.items()))


def check(
    row: str, what: str, expected: float, got: float, *, abs_: float | None = None, rel: float | None = None
) -> None:
    allowed = abs_ if abs_ is not None else abs(expected) * (rel or 0.0)
    ok = bool(abs(got - expected) <= allowed)
    TABLE.append((row, what, f"{expected:.6g} +- {allowed:.2g}", f"{got:.6g}", ok))
    assert ok, f"{row} {what}: expected {expected} +- {allowed}, got {got}"


def network(key: str) -> Network:
    t = network_table(key)
    return build(t.names, t.volume_pct, t.edges, t.blood_volume_l, t.cardiac_output_l_min, t.title)


def uniform(doses: dict[str, float], on_s: float, starts: list[float] | None = None) -> PhaseBlood:
    beams = len(starts) if starts else 1
    lanes = {name: LaneDose(np.ones(1), np.full((beams, 1), gy / beams)) for name, gy in doses.items()}
    return PhaseBlood(1, np.full(beams, on_s / beams), np.array(starts) if starts else None, lanes)


def visited(key: str, names: tuple[str, ...], on_s: float, stages: int = 1) -> float:
    """V>0 in percent of blood when the named compartments are in the field for on_s."""
    phase = uniform(dict.fromkeys(names, 2.0), on_s)
    return 100 * (1 - solve(chain(network(key), phase, stages), np.zeros(0)).untouched)


NUMBERS = {name: p.number for name, p in load("edic").items()}


def gy(value: object) -> float:
    assert isinstance(value, EffectiveDose)
    return value.gy


def test_a1_edric() -> None:
    check(
        "A1",
        "EDRIC, lung 15, heart 12, body 5 Gy, 30 fx",
        6.2245,
        gy(edric(15.0, 12.0, 5.0, 30, edic_weights(NUMBERS))),
        abs_=1e-3,
    )


def test_a2_edic() -> None:
    check(
        "A2",
        "EDIC, lung 15, heart 12 Gy, 250000 Gy mL, 30 fx",
        5.5630,
        gy(edic(15.0, 12.0, 250e3, 30, edic_weights(NUMBERS))),
        abs_=1e-3,
    )


def test_a3_edic_of_the_oesophagus() -> None:
    got = gy(edic_esophagus(8.0, 20.0, 6.0, 130e3, 28, edic_esophagus_weights(NUMBERS)))
    check("A3", "EDIC with liver, 8 / 20 / 6 Gy, 130000 Gy mL, 28 fx", 4.5990, got, abs_=1e-3)


def test_a4_body_weight_by_fractions() -> None:
    expected = (0.49435, 0.54917, 0.62176, 0.67174, 0.69291, 0.71976, 0.74750)
    for n, f in zip((1, 5, 15, 25, 30, 37, 45), expected, strict=True):
        check("A4", f"body weight of EDIC, {n} fx", f, body_weight(n, edic_weights(NUMBERS)), abs_=1e-5)


def test_a5_breast_count_after() -> None:
    numbers = {n: p.number for n, p in load("literature").items()}
    at_zero, per_gy = numbers["chen2022_breast_edic.at_zero"], numbers["chen2022_breast_edic.per_gy"]
    got = count_after(1.60, 1.7, at_zero=at_zero, per_gy=per_gy)
    check("A5", "breast count after, 1.60 before, EDIC 1.7", 1.0048, got, abs_=1e-4)
    check("A5", "ratio against the cohort mean", 0.66, got / 1.60, abs_=0.05)


def test_a6_breast_td50_is_the_published_one() -> None:
    numbers = {n: p.number for n, p in load("literature").items()}
    for grade, td50 in ((1, 1.2), (2, 2.1), (3, 3.7)):
        check("A6", f"TD50 of grade {grade} [Gy]", td50, numbers[f"chen2022_breast_edic.td50_g{grade}"], abs_=1e-9)


def test_a7_a_linear_quadratic_form_goes_through_two_points() -> None:
    form = linear_quadratic(0.40083, 0.11297)
    check("A7", "killed at 0.5 Gy, alpha 0.40083, beta 0.11297", 0.2044, 1.0 - float(form(0.5)), abs_=1e-4)
    check("A7", "killed at 5 Gy by the same", 0.992, 1.0 - float(form(5.0)), abs_=1e-4)


def test_a8_d10_of_nakamura() -> None:
    form = linear_quadratic(0.3813, 0.0968)
    check("A8", "surviving 3.290 Gy, alpha 0.3813, beta 0.0968", 0.1, float(form(3.290)), abs_=1e-4)
    check("A8", "surviving the D10 measured, 3.35 Gy", 0.1, float(form(3.35)), abs_=0.02)


@pytest.mark.parametrize("key", ["male28", "female28", "male32", "female32"])
def test_b1_flow_is_conserved(key: str) -> None:
    net = network(key)
    leak = float(np.abs(net.flow.sum(axis=0) - net.flow.sum(axis=1)).max())
    drift = float(np.abs(net.volume_share @ generator(net)).max())
    check("B1", f"{key}: in - out", 0.0, leak, abs_=1e-12)
    check("B1", f"{key}: pi Q", 0.0, drift, abs_=1e-12)


def test_b1_the_leaking_public_female_table_is_refused() -> None:
    t = network_table("female32")
    edges = [(a, b, f) for a, b, f in t.edges if a != "bronchial"]
    edges += [("bronchial", "left_heart", 0.5), ("bronchial", "large_veins", 2.0)]
    edges = [
        (
            a,
            b,
            99.5
            if (a, b) in {("right_heart", "pulmonary_artery"), ("pulmonary_artery", "lung"), ("lung", "left_heart")}
            else f,
        )
        for a, b, f in edges
    ]
    with pytest.raises(ParameterError, match=r"leaks at 'right_heart': 97\.5 % of cardiac output in, 99\.5 % out"):
        build(t.names, t.volume_pct, edges, t.blood_volume_l, t.cardiac_output_l_min)


def test_b2_b3_mean_transit_times() -> None:
    for row, key, table in (
        (
            "B2",
            "male28",
            {
                "lung": 5.269,
                "liver": 19.186,
                "brain": 4.892,
                "red_marrow": 65.231,
                "spleen": 22.831,
                "left_heart": 2.202,
            },
        ),
        ("B3", "female28", {"lung": 4.271, "liver": 14.422, "brain": 3.966, "red_marrow": 52.881, "spleen": 18.508}),
    ):
        net = network(key)
        for name, seconds in table.items():
            check(row, f"{key} mean transit {name} [s]", seconds, float(net.transit_s[net.index(name)]), rel=1e-3)


@pytest.mark.parametrize("stages", [1, 4])
def test_b4_uniform_dose_is_that_dose(stages: int) -> None:
    net = network("female32")
    got = blood_dose(
        net, [uniform(dict.fromkeys(net.names, 1.7), 60.0, [0.0, 40.0, 90.0])], {}, stages=stages, lanes=16
    )
    one = got.fraction[0]
    check("B4", f"TBI 1.7 Gy, {stages} stages: mean", 1.7, one.mean_gy, abs_=1e-9)
    check("B4", f"TBI 1.7 Gy, {stages} stages: SD", 0.0, one.sd_gy, abs_=1e-9)
    check("B4", f"TBI 1.7 Gy, {stages} stages: D2%", 1.7, one.d2_gy, abs_=1e-9)
    check("B4", f"TBI 1.7 Gy, {stages} stages: V>=0.5", 1.0, one.v_ge_0_5, abs_=1e-9)


# Mean doses of the public lung example (its DVHs, left bin edge), course of 30 fractions. [Gy]
LUNG_EXAMPLE = {
    "lung": 14.25,
    "left_heart": 7.47,
    "right_heart": 7.47,
    "aorta": 23.66,
    "pulmonary_artery": 25.52,
    "superior_vena_cava": 30.28,
    "tumour": 53.34,
}


def lung_example(starts: list[float], on_s: float, stages: int):  # type: ignore[no-untyped-def]
    net = with_tumour(network("female32"), "lung", 0.05)
    phase = uniform({name: dose / 30 for name, dose in LUNG_EXAMPLE.items()}, on_s, starts)
    return net, blood_dose(net, [phase], {}, stages=stages, lanes=16, bounds=False).fraction[0]


def test_b5_mean_of_the_public_lung_example() -> None:
    net, one = lung_example([10.0, 40.0, 70.0, 100.0], 80.0, 4)
    check("B5", "lung example, mean per fraction (published) [Gy]", 0.119, one.mean_gy, rel=0.02)
    by_hand = reference_doses(net, {name: dose / 30 for name, dose in LUNG_EXAMPLE.items()})
    check("B5", "the same against the sum of volume times dose [Gy]", by_hand, one.mean_gy, abs_=1e-12)


def test_b6_beam_time_leaves_the_mean_alone() -> None:
    _, slow = lung_example([10.0, 40.0, 70.0, 100.0], 80.0, 4)
    _, fast = lung_example([10.0], 10.0, 4)
    check("B6", "lung example, 1 x 10 s against 4 x 20 s: mean [Gy]", slow.mean_gy, fast.mean_gy, abs_=1e-12)


def test_b7_lung_example_in_one_fast_beam() -> None:
    _, one = lung_example([10.0], 10.0, 4)
    check("B7", "lung example 1 x 10 s: V>0 [%]", 48.05, 100 * one.v_gt_0, abs_=1.5)


def test_b8_lung_example_in_four_beams() -> None:
    """Rerun of the public code, whose mean is 1 % low (in-place update, leaking table): 3 %."""
    _, one = lung_example([10.0, 40.0, 70.0, 100.0], 80.0, 4)
    check("B8", "lung example 4 x 20 s: SD [Gy]", 0.0584, one.sd_gy, rel=0.03)
    check("B8", "lung example 4 x 20 s: V>0 [%]", 99.6, 100 * one.v_gt_0, rel=0.03)
    check("B8", "lung example 4 x 20 s: V>0.125 [%]", 41.6, 100 * one.v_gt_0_125, rel=0.03)
    check("B8", "lung example 4 x 20 s: D2% [Gy]", 0.260, one.d2_gy, rel=0.03)


TARGETS = {
    "heart": ("left_heart", "right_heart"),
    "bowel": ("small_intestine", "large_intestine"),
    "thorax": ("lung", "left_heart", "right_heart", "aorta_large_arteries"),
    "abdomen": ("liver", "spleen", "small_intestine", "large_intestine", "stomach_oesophagus", "pancreas", "kidneys"),
}
# Share of blood ever in the target after 0, 1, 5, 10, 30, 60, 120, 300 s, exponential 28-compartment network. [%]
VISITS = (
    ("male", "brain", 1.2, 1.45, 2.43, 3.65, 8.26, 14.59, 25.92, 51.61),
    ("male", "liver", 10.0, 10.52, 12.61, 15.2, 25.01, 37.42, 55.89, 84.19),
    ("male", "lung", 10.5, 12.49, 20.45, 30.14, 59.37, 80.85, 95.02, 99.79),
    ("male", "heart", 9.0, 12.86, 25.53, 37.34, 64.84, 83.64, 95.8, 99.81),
    ("male", "spleen", 1.4, 1.46, 1.71, 2.01, 3.23, 5.03, 8.52, 18.21),
    ("male", "red_marrow", 4.0, 4.06, 4.31, 4.61, 5.82, 7.59, 11.03, 20.6),
    ("male", "bowel", 6.0, 6.29, 7.43, 8.86, 14.46, 22.15, 35.28, 62.62),
    ("male", "lymph_nodes", 0.2, 0.23, 0.37, 0.55, 1.24, 2.26, 4.27, 10.05),
    ("male", "aorta_large_arteries", 6.0, 8.04, 16.2, 26.2, 57.49, 80.53, 95.14, 99.79),
    ("male", "large_veins", 18.0, 19.91, 27.54, 36.76, 63.1, 82.3, 95.32, 99.8),
    ("male", "kidneys", 2.0, 2.39, 3.94, 5.86, 12.9, 22.06, 37.48, 67.64),
    ("male", "thorax", 25.5, 27.54, 35.36, 44.04, 67.62, 84.82, 96.05, 99.82),
    ("male", "abdomen", 21.0, 21.91, 25.54, 29.99, 44.18, 58.23, 75.87, 95.15),
    ("female", "brain", 1.2, 1.5, 2.71, 4.21, 9.79, 17.4, 30.7, 59.03),
    ("female", "liver", 10.002, 10.7, 13.47, 16.91, 29.47, 44.34, 64.7, 90.79),
    ("female", "lung", 10.502, 12.96, 22.76, 34.43, 66.32, 86.45, 97.17, 99.93),
    ("female", "heart", 9.002, 13.71, 28.61, 41.86, 71.01, 88.49, 97.61, 99.94),
    ("female", "spleen", 1.4, 1.48, 1.78, 2.16, 3.66, 5.86, 10.1, 21.69),
    ("female", "red_marrow", 4.001, 4.08, 4.38, 4.76, 6.24, 8.41, 12.6, 24.05),
    ("female", "bowel", 6.001, 6.4, 8.02, 10.03, 17.76, 27.91, 44.3, 74.17),
    ("female", "lymph_nodes", 0.2, 0.24, 0.41, 0.63, 1.48, 2.73, 5.19, 12.2),
    ("female", "aorta_large_arteries", 6.001, 8.52, 18.57, 30.68, 64.99, 86.4, 97.26, 99.93),
    ("female", "large_veins", 18.004, 20.34, 29.63, 40.59, 69.21, 87.42, 97.32, 99.93),
    ("female", "kidneys", 2.0, 2.43, 4.14, 6.25, 13.88, 23.88, 40.44, 71.41),
    ("female", "thorax", 25.505, 28.01, 37.5, 47.68, 73.26, 89.29, 97.74, 99.94),
    ("female", "abdomen", 21.004, 22.13, 26.6, 31.98, 48.0, 63.29, 81.18, 97.37),
)


@pytest.mark.parametrize("row", VISITS, ids=lambda row: f"{row[0]}-{row[1]}")
def test_b9_exact_share_of_blood_visiting(row: tuple[str | float, ...]) -> None:
    """To the last digit printed: half a unit of it, plus 1e-4 points."""
    sex, target, *expected = row
    names = TARGETS.get(str(target), (str(target),))
    for seconds, percent in zip((0, 1, 5, 10, 30, 60, 120, 300), expected, strict=True):
        digit = 0.0005 if seconds == 0 else 0.005
        got = visited(f"{sex}28", names, float(seconds))
        check("B9", f"{sex} {target} {seconds} s: V>0 [%]", float(percent), got, abs_=digit + 1e-4)


# Public code with uniform 2 Gy to one organ: sex, Weibull shape, organ, beam-on s, SD [Gy], V>0, V>0.07, V>0.125,
# V>=0.5 [%], D2% [Gy]; 100,000 particles.
PUBLIC = (
    ("male", 1, "brain", 10, 0.1621, 3.68, 3.33, 3.1, 1.892, 0.46),
    ("male", 1, "brain", 60, 0.0835, 14.54, 9.61, 6.89, 0.646, 0.3233),
    ("male", 1, "brain", 120, 0.0612, 25.95, 12.31, 6.81, 0.096, 0.2358),
    ("male", 1, "liver", 10, 0.5476, 15.22, 14.77, 14.45, 12.283, 2.0),
    ("male", 1, "liver", 60, 0.382, 37.51, 33.57, 30.66, 15.99, 1.4584),
    ("male", 1, "liver", 120, 0.2927, 56.02, 47.31, 41.36, 14.625, 1.0658),
    ("male", 1, "lung", 10, 0.4464, 30.07, 27.55, 25.86, 15.973, 1.87),
    ("male", 1, "lung", 60, 0.217, 80.79, 65.66, 54.68, 10.634, 0.7983),
    ("male", 1, "lung", 120, 0.1572, 94.96, 79.91, 65.5, 5.387, 0.6075),
    ("male", 1, "heart", 10, 0.3328, 36.73, 32.75, 30.0, 14.333, 1.25),
    ("male", 1, "heart", 60, 0.1554, 83.48, 69.54, 55.57, 3.875, 0.57),
    ("male", 1, "heart", 120, 0.1126, 95.71, 81.84, 63.83, 0.803, 0.4442),
    ("male", 2, "brain", 10, 0.1498, 3.62, 3.44, 3.3, 2.142, 0.54),
    ("male", 2, "brain", 60, 0.0689, 14.56, 12.16, 8.87, 0.066, 0.27),
    ("male", 2, "brain", 120, 0.0493, 26.13, 15.66, 6.09, 0.0, 0.1767),
    ("male", 2, "liver", 10, 0.541, 15.2, 14.83, 14.56, 12.596, 2.0),
    ("male", 2, "liver", 60, 0.3233, 38.0, 36.22, 34.47, 18.439, 1.1033),
    ("male", 2, "liver", 120, 0.2363, 56.94, 53.5, 49.32, 12.698, 0.8025),
    ("male", 2, "lung", 10, 0.4036, 30.2, 28.75, 27.6, 18.36, 1.47),
    ("male", 2, "lung", 60, 0.1501, 87.77, 80.42, 68.5, 4.088, 0.56),
    ("male", 2, "lung", 120, 0.1023, 99.04, 92.75, 78.97, 0.629, 0.4425),
    ("male", 2, "heart", 10, 0.2774, 39.35, 37.46, 35.59, 15.608, 0.94),
    ("male", 2, "heart", 60, 0.1111, 91.01, 83.32, 66.31, 0.408, 0.4283),
    ("male", 2, "heart", 120, 0.076, 99.39, 93.18, 74.74, 0.006, 0.3475),
    ("female", 1, "brain", 10, 0.1572, 4.29, 3.82, 3.51, 1.957, 0.48),
    ("female", 1, "brain", 60, 0.0776, 17.56, 10.61, 7.16, 0.441, 0.3033),
    ("female", 1, "brain", 120, 0.0561, 30.92, 12.78, 6.38, 0.039, 0.2125),
    ("female", 1, "liver", 10, 0.5314, 16.91, 16.29, 15.84, 12.846, 2.0),
    ("female", 1, "liver", 60, 0.344, 44.55, 38.95, 34.97, 15.635, 1.28),
    ("female", 1, "liver", 120, 0.2607, 64.94, 53.63, 45.94, 13.201, 0.9467),
    ("female", 1, "lung", 10, 0.4214, 34.45, 31.1, 28.92, 16.412, 1.68),
    ("female", 1, "lung", 60, 0.1971, 86.42, 70.6, 58.27, 9.032, 0.7333),
    ("female", 1, "lung", 120, 0.1425, 97.19, 83.79, 68.94, 3.983, 0.5633),
    ("female", 1, "heart", 10, 0.3073, 41.23, 36.26, 32.86, 13.881, 1.14),
    ("female", 1, "heart", 60, 0.1402, 88.3, 73.55, 57.92, 2.526, 0.5233),
    ("female", 1, "heart", 120, 0.1014, 97.61, 85.15, 66.31, 0.394, 0.4142),
    ("female", 2, "brain", 10, 0.1376, 4.17, 3.95, 3.78, 2.204, 0.54),
    ("female", 2, "brain", 60, 0.0626, 17.43, 13.67, 8.74, 0.02, 0.2367),
    ("female", 2, "brain", 120, 0.0449, 31.01, 15.13, 4.59, 0.0, 0.1592),
    ("female", 2, "liver", 10, 0.5222, 16.96, 16.5, 16.13, 13.439, 2.0),
    ("female", 2, "liver", 60, 0.2843, 45.2, 42.89, 40.47, 17.164, 0.95),
    ("female", 2, "liver", 120, 0.2073, 66.1, 61.5, 55.27, 9.708, 0.715),
    ("female", 2, "lung", 10, 0.3695, 34.78, 32.99, 31.54, 19.277, 1.3),
    ("female", 2, "lung", 60, 0.1326, 93.4, 85.52, 71.66, 2.565, 0.5183),
    ("female", 2, "lung", 120, 0.0913, 99.75, 95.26, 82.44, 0.259, 0.4158),
    ("female", 2, "heart", 10, 0.2549, 43.87, 41.51, 39.16, 14.022, 0.85),
    ("female", 2, "heart", 60, 0.0981, 95.39, 87.37, 67.57, 0.167, 0.4),
    ("female", 2, "heart", 120, 0.0677, 99.85, 95.56, 77.75, 0.001, 0.3275),
)


@pytest.mark.parametrize("row", PUBLIC, ids=lambda row: "-".join(str(x) for x in row[:4]))
def test_b10_uniform_dose_to_one_organ(row: tuple[str | float, ...]) -> None:
    """3 % or half a point, for D2% at least three times the sampling noise of the public run.

    Shape 1 is our single stage. Shape 2 is another dwell time than four stages, only near it: 4 % or one point.

    The public code updates compartments one after the other, so a particle can hop twice in a step: its heart rows are
    biased by -1 to -2.5 %.
    """
    sex, shape, organ, seconds, sd, *rest = row
    names = TARGETS.get(str(organ), (str(organ),))
    phase = uniform(dict.fromkeys(names, 2.0), float(seconds))
    one = blood_dose(network(f"{sex}28"), [phase], {}, stages=1 if shape == 1 else 4, lanes=1, bounds=False).fraction[0]
    point, part = (0.5, 0.03) if shape == 1 else (1.0, 0.04)
    where = f"{sex} shape {shape} {organ} {seconds} s"
    check("B10", f"{where}: SD [Gy]", float(sd), one.sd_gy, abs_=max(0.03 * float(sd), 0.001))
    for name, expected, got in zip(
        ("V>0", "V>0.07", "V>0.125", "V>=0.5"),
        rest,
        (one.v_gt_0, one.v_gt_0_07, one.v_gt_0_125, one.v_ge_0_5),
        strict=False,
    ):
        check("B10", f"{where}: {name} [%]", float(expected), 100 * got, abs_=max(part * float(expected), point))
    near = np.interp([one.d2_gy - 0.02, one.d2_gy + 0.02], one.dose_gy, one.volume_fraction_cumulative)
    noise = np.sqrt(0.02 * 0.98 / 100_000) / max(float(near[0] - near[1]) / 0.04, 1e-3)
    check("B10", f"{where}: D2% [Gy]", float(rest[-1]), one.d2_gy, abs_=max(0.03 * float(rest[-1]), 3 * noise))


def test_c1_first_moment_of_the_beam() -> None:
    for organ, percent in (("brain", 1.2), ("liver", 10.0)):
        check("C1", f"{organ}, t -> 0: V>0 [%]", percent, visited("male28", (organ,), 1e-6), abs_=0.05)


def test_c2_not_the_withdrawn_hazard() -> None:
    for organ, low, high, withdrawn in (("brain", 25.9, 26.2, 20.9), ("liver", 55.9, 57.0, 48.7)):
        for stages in (1, 4):
            got = visited("male28", (organ,), 120.0, stages)
            check("C2", f"{organ} 120 s, {stages} stages: V>0 [%]", (low + high) / 2, got, abs_=(high - low) / 2 + 0.4)
            assert abs(got - withdrawn) > 3


def test_c3_c4_coverage_of_hammi() -> None:
    for row, p, n, percent in (
        ("C3", 0.184, 11, 89.3),
        ("C3", 0.184, 12, 91.3),
        ("C4", 0.101, 21, 89.3),
        ("C4", 0.101, 22, 90.4),
    ):
        check(row, f"coverage of {p} after {n} fractions [%]", percent, 100 * coverage(p, n), abs_=0.1)


def test_c3_coverage_law_from_the_engine() -> None:
    """The course's V>0 is the coverage law of the fraction's V>0."""
    phase = PhaseBlood(11, np.array([40.0]), None, {"brain": LaneDose(np.ones(1), np.array([[2.0]]))})
    got = blood_dose(network("male28"), [phase], {}, stages=1, lanes=1, bounds=False)
    check("C3", "engine, 11 fractions: V>0", coverage(got.fraction[0].v_gt_0, 11), got.course.v_gt_0, abs_=1e-9)


def test_c5_brain_mean_arithmetic() -> None:
    net = network("male28")
    for what, brain, blood in (("photon", 10.8, 0.13), ("proton", 5.0, 0.06)):
        check("C5", f"brain {what}: mean blood dose [Gy]", blood, reference_doses(net, {"brain": brain}), rel=0.05)


def test_c6_flash_spares_all_but_the_organ() -> None:
    form = {"lq": SurvivalForm((1.0,), (0.4,), (0.1,))}
    got = blood_dose(network("male28"), [uniform({"liver": 40.0}, 0.01)], form, stages=1, lanes=1, bounds=False)
    check("C6", "liver 40 Gy in 10 ms: surviving", 0.90, got.fraction[0].surviving["lq"], abs_=0.005)


@pytest.mark.parametrize("organ", ["liver", "lung"])
@pytest.mark.parametrize("stages", [1, 4])
def test_c7_longer_beams_touch_more_blood_less(organ: str, stages: int) -> None:
    net = network("male28")
    runs = [
        blood_dose(net, [uniform({organ: 2.0}, t)], {}, stages=stages, lanes=1, bounds=False).fraction[0]
        for t in (10.0, 60.0, 120.0)
    ]
    for a, b in ((runs[0], runs[1]), (runs[1], runs[2])):
        assert a.v_gt_0 < b.v_gt_0
        assert a.v_gt_0_125 < b.v_gt_0_125
        assert a.d2_gy > b.d2_gy
        assert a.mean_gy == pytest.approx(b.mean_gy, abs=1e-12)
    TABLE.append(("C7", f"{organ}, {stages} stages, 10 -> 60 -> 120 s", "V up, D2% down", "V up, D2% down", True))


def test_every_row_is_a_test_or_explained() -> None:
    rows = [f"A{i}" for i in range(1, 9)] + [f"B{i}" for i in range(1, 11)] + [f"C{i}" for i in range(1, 8)]
    rows += [f"D{i}" for i in range(1, 8)]
    names = " ".join(name for name in globals() if name.startswith("test_")) + "_"
    for row in rows:
        assert row in EXPLAINED or f"_{row.lower()}_" in names, row
