"""Figures read back through their scales: what is drawn, and what a page answers, is what the result holds."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from lymphorisk.analysis import Analysis
from lymphorisk.predict import Explanation
from lymphorisk.report import figures, overlay
from lymphorisk.report.content import report
from lymphorisk.report.figures import COUNT_FLOOR
from lymphorisk.report.interactive import interaction
from lymphorisk.report.legend import NARROW, WIDE
from lymphorisk.report.svg import Circle, Drawing, Path, Plot, Scale, Text
from lymphorisk.report.wording import POOL_LABELS, digits

Point = tuple[float, float]
#: Bands by what their legend promises: share of the draws inside.
BANDS = {"band50": ("p25", "p75"), "band80": ("p10", "p90"), "band95": ("p025", "p975")}


def value(scale: Scale, place: float) -> float:
    """What stands at a place of a scale."""
    share = (place - scale.start) / (scale.end - scale.start)
    return scale.low * (scale.high / scale.low) ** share if scale.log else scale.low + share * (scale.high - scale.low)


def inside(d: Drawing, kind: str, plot: Plot) -> list[Point]:
    """Values of the points of a kind of line or band that lie in a plot; legends lie outside."""
    top, bottom = sorted((plot.y.start, plot.y.end))
    left, right = sorted((plot.x.start, plot.x.end))
    shapes = [s for s in d.shapes if isinstance(s, Path) and s.kind == kind]
    found = [s.points for s in shapes if all(top <= y <= bottom and left <= x <= right for x, y in s.points)]
    return [(value(plot.x, x), value(plot.y, y)) for points in found for x, y in points]


def lies_on(points: list[Point], day: np.ndarray, *lines: np.ndarray) -> bool:
    """Whether every point is on one of the lines, and every line has points that no other has."""
    on = np.array([[abs(np.interp(t, day, line) / v - 1) < 1e-6 for line in lines] for t, v in points])
    alone = on & (on.sum(axis=1, keepdims=True) == 1)
    return bool(len(on) and on.any(axis=1).all() and alone.any(axis=0).all())


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_each_band_of_the_count_spans_the_share_its_name_says(explained: Analysis, width: int) -> None:
    d = figures.alc_figure(explained, width)
    f = explained.forecast
    q = {name: np.maximum(v, COUNT_FLOOR) for name, v in f.quantiles.items()}
    for kind, (low, high) in BANDS.items():
        points = inside(d, kind, d.plots[0])
        assert lies_on(points, f.day, q[low], q[high]), kind
        for other in BANDS.values():
            assert lies_on(points, f.day, *(q[name] for name in other)) is (other == (low, high))
    assert lies_on(inside(d, "median", d.plots[0]), f.day, q["p50"])


def test_the_nadir_stands_at_its_day_and_count_with_the_bands_of_both(explained: Analysis) -> None:
    n = replace(
        explained.forecast.nadir,
        usual_day=40.0,
        day=replace(explained.forecast.nadir.day, p05=21.0, p50=47.0, p95=77.0),
        count=replace(explained.forecast.nadir.count, p05=0.31, p50=0.52, p95=0.93),
    )
    d = figures.alc_figure(replace(explained, forecast=replace(explained.forecast, nadir=n)))
    plot = d.plots[0]
    (mark,) = [s for s in d.shapes if isinstance(s, Circle) and s.kind == "nadir" and s.y < plot.y.start]
    assert (value(plot.x, mark.x), value(plot.y, mark.y)) == pytest.approx((40.0, 0.52))
    lines = inside(d, "whisker", plot)
    assert sorted({round(t, 6) for t, _ in lines}) == [21.0, 40.0, 77.0]
    assert sorted({round(c, 6) for _, c in lines}) == [0.31, 0.52, 0.93]


def test_plans_together_keep_their_medians_bands_and_counts(explained: Analysis) -> None:
    f = explained.forecast
    lower = replace(f, quantiles={name: 0.8 * v for name, v in f.quantiles.items()})
    d = overlay.forecasts([("first", f), ("second", lower)], [(10.0, 0.7)], "k")
    for i, one in enumerate((f, lower)):
        assert lies_on(inside(d, f"curve c{i}", d.plots[0]), one.day, one.quantiles["p50"])
        assert lies_on(inside(d, f"thin c{i}", d.plots[0]), one.day, one.quantiles["p10"], one.quantiles["p90"])
        assert [t.name for t in d.plots[0].traces] == ["first", "second"]
    square = np.array(inside(d, "nadir", d.plots[0]))
    assert square[:, 0].mean() == pytest.approx(10.0, rel=1e-3)
    assert np.exp(np.log(square[:, 1]).mean()) == pytest.approx(0.7, rel=1e-3)


def test_what_a_page_answers_is_the_median_and_both_bands(explained: Analysis) -> None:
    f = explained.forecast
    trace = figures.count_trace("x", f, 120.0, "median")
    q = {name: [digits(v, 2) for v in values.tolist()] for name, values in f.quantiles.items()}
    assert [day for day, _ in trace.points] == f.day.tolist()
    assert list(trace.said) == [
        f"{q['p50'][i]} ×10⁹/L, 50 %: {q['p25'][i]} to {q['p75'][i]}, 90 %: {q['p05'][i]} to {q['p95'][i]}"
        for i in range(len(f.day))
    ]
    assert q["p25"] != q["p05"]


def test_a_histogram_shows_the_share_at_or_above_each_dose(explained: Analysis) -> None:
    """Read off the drawing: between what lies above a dose and what lies at or above it."""
    d = figures.dvh_figure(explained)
    assert d is not None
    seen = set()
    for plot in d.plots:
        for i, trace in enumerate(plot.traces):
            name = next(n for n in explained.organs if n in trace.name)
            dose = explained.organs[name].course
            points = inside(d, f"curve c{i}", plot)
            assert len(points) > 2, name
            for gray, percent in (*points, *trace.points):
                above = 100 * float(dose.share[dose.dose_gy > gray + 0.02].sum())
                at_least = 100 * float(dose.share[dose.dose_gy >= gray - 0.02].sum())
                assert above - 0.3 <= percent <= at_least + 0.3, (name, gray)
            seen.add(name)
    assert {"Spleen", "Lungs", "Bowel"} <= seen


def test_bars_are_as_long_as_their_numbers_and_lines_as_their_ranges() -> None:
    rows = [("a", 8.0, "8"), ("b", 2.0, "2"), ("c", 4.0, "4")]
    d = figures.bars("k", "t", rows, "l", ranges=[(6, 10), (1, 3), (4, 4)])
    rects = [s.points for s in d.shapes if isinstance(s, Path) and s.tag == "rect"]
    left, unit = rects[0][0][0], (rects[0][1][0] - rects[0][0][0]) / 8
    assert [(p[1][0] - left) / unit for p in rects] == pytest.approx([8, 2, 4])
    whiskers = [s.points for s in d.shapes if isinstance(s, Path) and s.kind == "whisker"]
    assert [(x - left) / unit for p in whiskers for x, _ in p] == pytest.approx([6, 10, 1, 3])


def test_the_largest_loss_has_the_longest_bar_under_its_own_name(explained: Analysis) -> None:
    lost = {"spleen": 0.1, "marrow": 0.6, "blood": 0.3}
    d = figures.attribution_figure(replace(explained, attribution=lost))
    assert d is not None
    rects = [s.points for s in d.shapes if isinstance(s, Path) and s.tag == "rect"]
    widths = [p[1][0] - p[0][0] for p in rects]
    assert [w / widths[0] for w in widths] == pytest.approx([1.0, 0.5, 1 / 6])
    names = [s.content for s in d.shapes if isinstance(s, Text) and s.kind == "label halo"]
    assert names == [POOL_LABELS[name] for name in ("marrow", "blood", "spleen")]
    assert [s.content for s in d.shapes if isinstance(s, Text) and s.kind == "note halo"] == ["60 %", "30 %", "10 %"]


def test_each_voice_is_marked_at_its_probability_between_its_ends(explained: Analysis) -> None:
    d = figures.voices_figure(explained)
    ticks = [s for s in d.shapes if isinstance(s, Path) and s.kind == "axis"]
    (left, _), (right, bottom) = ticks[0].points
    x = Scale(0.0, 100.0, left, right)

    def rows(kind: str) -> list[tuple[float, ...]]:
        lines = [s.points for s in d.shapes if isinstance(s, Path) and s.kind == kind and s.points[0][1] < bottom]
        return [tuple(round(value(x, at), 6) for at, _ in p) for p in lines]

    assert rows("whisker g3-line") == [(50.0, 74.0), (20.0, 45.0)]
    assert rows("whisker g4-line") == [(5.0, 20.0)]
    circles = [s for s in d.shapes if isinstance(s, Circle) and s.kind == "g3-mark" and s.x >= left]
    m = explained.risk.mechanistic
    assert [value(x, c.x) for c in circles] == pytest.approx([100 * m["g3"], 62.0, 30.0])
    diamonds = [np.mean([at for at, _ in s.points]) for s in d.shapes if isinstance(s, Path) and s.kind == "g4-mark"]
    assert [value(x, float(at)) for at in diamonds if at >= left] == pytest.approx([100 * m["g4"], 11.0])


def test_the_waterfall_steps_by_the_log_odds(explained: Analysis) -> None:
    assert isinstance(explained.explanation, Explanation)
    d = figures.waterfall_figure(explained)
    assert d is not None
    rects = {s.kind: s.points for s in d.shapes if isinstance(s, Path) and s.tag == "rect"}
    up, down = rects["bar up"], rects["bar down"]
    unit = (up[1][0] - up[0][0]) / 1.1
    assert (down[1][0] - down[0][0]) / unit == pytest.approx(0.2)
    assert down[1][0] == pytest.approx(up[1][0]), "the second step starts where the first one ends"
    whiskers = [s.points for s in d.shapes if isinstance(s, Path) and s.kind == "whisker"]
    assert [round((p[1][0] - p[0][0]) / unit, 6) for p in whiskers] == [0.5, 0.5]
    base = next(s for s in d.shapes if isinstance(s, Path) and s.kind == "base-mark")
    end = next(s for s in d.shapes if isinstance(s, Circle) and s.kind == "g3-mark")
    assert (end.x - np.mean([x for x, _ in base.points])) / unit == pytest.approx(0.9)


def test_the_data_of_a_page_stands_with_the_figure_it_is_of(explained: Analysis) -> None:
    made = report(explained)
    held = json.loads(interaction(made).data)
    drawings = {d.key: d for f in made.figures() for d in (f.drawing, f.narrow) if d is not None and d.plots}
    assert set(held["plots"]) == set(drawings)
    for key, plots in held["plots"].items():
        for told, plot in zip(plots, drawings[key].plots, strict=True):
            assert told["unit"] == plot.unit
            assert (told["x"]["high"], told["y"]["high"]) == pytest.approx((plot.x.high, plot.y.high), rel=1e-5)
            for place, trace in zip(told["traces"], plot.traces, strict=True):
                line = held["traces"][place]
                assert (line["name"], line["unit"], tuple(line["said"])) == (trace.name, trace.unit, trace.said)
                there = {(float(f"{x:.6g}"), float(f"{y:.6g}")) for x, y in trace.points}
                assert {tuple(p) for p in line["points"]} <= there
