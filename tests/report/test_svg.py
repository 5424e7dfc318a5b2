"""Drawing: scales, ticks, lines that keep their shape, labels that do not collide."""

from __future__ import annotations

import math
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lymphorisk.dvh import DoseDistribution, uniform
from lymphorisk.report.figures import cumulative
from lymphorisk.report.svg import SAME_PX, Drawing, Scale, log_ticks, nice_ticks, round_up, thinned


@given(st.floats(1e-6, 1e6), st.integers(2, 10))
def test_ticks_are_even_and_inside(high: float, about: int) -> None:
    ticks = nice_ticks(0.0, high, about)
    assert ticks[0] == 0
    assert ticks[-1] <= high * (1 + 1e-6)
    steps = np.diff(ticks)
    assert len(ticks) <= 2 * about + 2
    assert len(ticks) < 3 or np.allclose(steps, steps[0], rtol=1e-3)


@given(st.floats(1e-6, 1e6))
def test_an_axis_holds_its_values(value: float) -> None:
    end = round_up(value)
    assert value <= end * (1 + 1e-9)
    assert end <= 2.1 * value


def test_log_ticks_are_one_two_five() -> None:
    assert log_ticks(0.01, 1.0) == [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0]


@given(st.lists(st.tuples(st.floats(0, 500), st.floats(0, 300)), min_size=1, max_size=60))
def test_a_thinned_line_stays_within_a_fraction_of_a_pixel(points: list[tuple[float, float]]) -> None:
    points = sorted(points)
    kept = thinned(points)
    assert kept[0] == points[0]
    assert kept[-1] == points[-1]
    for p in points:
        assert min(_off(p, a, b) for a, b in pairwise([*kept, kept[-1]])) <= SAME_PX + 1e-9


def _off(p: tuple[float, float], a: tuple[float, float], b: tuple[float, float]) -> float:
    along = (b[0] - a[0], b[1] - a[1])
    length = along[0] ** 2 + along[1] ** 2
    share = 0.0 if length == 0 else ((p[0] - a[0]) * along[0] + (p[1] - a[1]) * along[1]) / length
    share = min(max(share, 0.0), 1.0)
    return math.hypot(p[0] - a[0] - share * along[0], p[1] - a[1] - share * along[1])


def test_a_straight_line_is_two_points() -> None:
    assert thinned([(float(i), 2.0 * i) for i in range(1000)]) == [(0.0, 0.0), (999.0, 1998.0)]


def test_a_long_line_is_thinned_without_recursion() -> None:
    line = [(i / 10, 100 * math.sin(i / 300)) for i in range(9000)]
    assert 20 < len(thinned(line)) < 400


def test_scales_hold_values_inside() -> None:
    scale = Scale(1.0, 100.0, 0.0, 200.0, log=True)
    assert scale(10.0) == pytest.approx(100.0)
    assert scale(0.0) == 0.0
    assert scale(1e9) == 200.0


def test_a_drawing_is_well_formed_and_says_what_it_shows() -> None:
    d = Drawing(100, 50, "a < b", 'c & "d"', "k")
    d.text(1, 2, "<script>&")
    d.line([(0, 0), (10, 10)], "grid", "2 2")
    d.mark(5, 5, "diamond", "x")
    d.rect(0, 0, -3, 4, "bar")
    root = ElementTree.fromstring(d.svg())
    assert root.attrib["role"] == "img"
    assert [e.text for e in root if e.tag in {"title", "desc"}] == ["a < b", 'c & "d"']
    assert next(root.iter("text")).text == "<script>&"


def test_a_uniform_dose_is_a_step() -> None:
    assert cumulative(uniform(5.0)) == [(0.0, 1.0), (5.0, 1.0), (5.0, 0.0)]


def test_the_area_under_a_drawn_dvh_is_the_mean_dose() -> None:
    dose = DoseDistribution(np.linspace(2.0, 8.0, 7), np.full(7, 1 / 7))
    points = cumulative(dose)
    area = sum(0.5 * (a[1] + b[1]) * (b[0] - a[0]) for a, b in pairwise(points))
    assert area == pytest.approx(dose.mean_gy)
