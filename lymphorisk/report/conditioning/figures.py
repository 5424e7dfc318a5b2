"""Drawings of a conditioning comparison: counts of all regimens on one axis, depth against duration."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lymphorisk.regimen.chain import Comparison, RegimenForecast
from lymphorisk.regimen.search import SearchResult
from lymphorisk.report.conditioning.text import ordered
from lymphorisk.report.svg import Drawing, Scale, log_ticks, nice_ticks, spread_apart

WIDTH, HEIGHT = 960, 470
LEFT, RIGHT, TOP, BOTTOM = 58.0, 770.0, 46.0, 420.0
#: Dashes that tell the lines apart without colour, in the order of the colours c0 to c7.
DASHES = ("", "8 3", "2 3", "9 3 2 3", "5 2", "1 2", "12 4", "4 4 1 4")
THRESHOLDS = (0.1, 0.2, 0.5)
FLOOR = 0.005
NAME_MAX = 24
LABEL_GAP = 16.0
WEEK = 7.0


def counts_figure(comparison: Comparison) -> Drawing:
    """Host counts of all regimens with 80 % bands, infusion windows shaded, the host's end marked."""
    regimens = ordered(comparison)
    first = min(float(f.day[0]) for f in regimens)
    last = max(float(f.day[-1]) for f in regimens)
    top = max(float(f.bands["p90"].max()) for f in regimens)
    low = max(min(float(f.bands["p10"].min()) for f in regimens), FLOOR)
    x = Scale(first, last, LEFT, RIGHT)
    y = Scale(low / 1.4, max(1.15 * top, 1.0), BOTTOM, TOP, log=True)
    names = ", ".join(f.regimen.name for f in regimens)
    d = Drawing(
        WIDTH,
        HEIGHT,
        "Host lymphocyte count around infusion",
        f"Median and 80 % band of {names}; day 0 is the infusion.",
        "counts",
    )
    until = x(comparison.host_until_d)
    d.rect(until, TOP, RIGHT - until, BOTTOM - TOP, "beyond")
    _windows(d, regimens, x)
    d.x_axis(x, BOTTOM, TOP, _weeks(first, last), "days from infusion")
    d.y_axis(y, LEFT, RIGHT, log_ticks(y.low, y.high), "host ALC, 10^9/L")
    for threshold in THRESHOLDS:
        if y.low <= threshold <= y.high:
            d.line([(LEFT, y(threshold)), (RIGHT, y(threshold))], "threshold", "1 4")
    d.line([(x(0.0), TOP), (x(0.0), BOTTOM)], "axis")
    d.text(x(0.0) - 5, BOTTOM - 8, "infusion", "note halo", "end")
    d.text(until + 60, BOTTOM - 8, f"from day {comparison.host_until_d:g}: a measured count is not the host's", "note")
    for i, f in enumerate(regimens):
        days = [x(t) for t in f.day.tolist()]
        low_y, high_y = ([y(v) for v in f.bands[name].tolist()] for name in ("p10", "p90"))
        d.band(days, low_y, high_y, f"area{i % len(DASHES)}")
    for i, f in enumerate(regimens):
        points = [(x(t), y(v)) for t, v in zip(f.day.tolist(), f.bands["p50"].tolist(), strict=True)]
        d.line(points, f"curve c{i % len(DASHES)}", DASHES[i % len(DASHES)])
    _names(d, regimens, y)
    return d


def _weeks(first: float, last: float) -> list[float]:
    step = WEEK * max(1, math.ceil((last - first) / (14 * WEEK)))
    return [step * k for k in range(math.ceil(first / step), math.floor(last / step) + 1)]


def _windows(d: Drawing, regimens: Sequence[RegimenForecast], x: Scale) -> None:
    """Shade the days on which each product may be infused; a bar above in its colour tells whose."""
    for i, f in enumerate(regimens):
        if f.window_days is None:
            continue
        low, high = f.window_days
        half = 0.5 if low == high else 0.0
        left, right = x(low - half), x(high + half)
        d.rect(left, TOP, right - left, BOTTOM - TOP, f"area{i % len(DASHES)}")
        height = TOP - 5 - 3.5 * (i % len(DASHES))
        d.line([(left, height), (right, height)], f"curve c{i % len(DASHES)}")


def _names(d: Drawing, regimens: Sequence[RegimenForecast], y: Scale) -> None:
    """Names at the right, beside the count of the last day, moved apart."""
    ends = [y(float(f.bands["p50"][-1])) for f in regimens]
    for i, (f, place) in enumerate(zip(regimens, spread_apart(ends, LABEL_GAP, TOP, BOTTOM), strict=True)):
        d.line([(RIGHT + 8, place), (RIGHT + 30, place)], f"curve c{i % len(DASHES)}", DASHES[i % len(DASHES)])
        name = f.regimen.name
        d.text(RIGHT + 35, place + 4, name if len(name) <= NAME_MAX else name[: NAME_MAX - 1] + "…")


def frontier_figure(search: SearchResult) -> Drawing:
    """Every schedule as a point: count at infusion against days below 0.2 after it; the frontier joined."""
    found = search.found
    longest = max([f.duration for f in found] + [1.0])
    deepest = max(min(f.depth for f in found) / 1.3, FLOOR)
    shallowest = max(1.3 * max(f.depth for f in found), 2.0 * deepest)
    x = Scale(0.0, 1.05 * longest, LEFT, RIGHT)
    y = Scale(deepest, shallowest, BOTTOM, TOP, log=True)
    d = Drawing(
        WIDTH,
        HEIGHT,
        "Depth against duration",
        f"{len(found)} schedules of {search.regimen.name}; the frontier joins those no other beats in both.",
        "frontier",
    )
    d.x_axis(x, BOTTOM, TOP, nice_ticks(0.0, longest), "days below 0.2 after infusion (median)")
    d.y_axis(y, LEFT, RIGHT, log_ticks(deepest, shallowest), "host ALC at infusion, 10^9/L (median)")
    front = sorted((f for f in found if f.on_frontier), key=lambda f: f.duration)
    if len(front) > 1:
        d.line([(x(f.duration), y(f.depth)) for f in front], "curve c1")
    for f in front:
        d.mark(x(f.duration), y(f.depth), "diamond", "frontier c1", 6.5)
    for f in sorted(found, key=lambda f: f.meets):
        shape, kind, size = ("square", "met", 4.0) if f.meets else ("circle", "unmet", 2.6)
        d.mark(x(f.duration), y(f.depth), shape, kind, size)
    share = f"{100 * search.share:.0f} %"
    for place, shape, kind, words in (
        (TOP + 10, "square", "met", f"meets in {share} or more"),
        (TOP + 30, "circle", "unmet", "does not"),
    ):
        d.mark(RIGHT + 16, place, shape, kind, 4.0)
        d.text(RIGHT + 30, place + 4, words)
    d.line([(RIGHT + 8, TOP + 50), (RIGHT + 24, TOP + 50)], "curve c1")
    d.text(RIGHT + 30, TOP + 54, "frontier")
    return d
