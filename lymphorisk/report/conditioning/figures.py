"""Drawings of a conditioning comparison: counts of all regimens on one axis, depth against duration."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lymphorisk.regimen.chain import Comparison, RegimenForecast
from lymphorisk.regimen.search import SearchResult
from lymphorisk.report.conditioning.text import ordered
from lymphorisk.report.conditioning.words import name_of
from lymphorisk.report.legend import WIDE, Entry, legend, legend_height
from lymphorisk.report.svg import Drawing, Scale, log_ticks, nice_ticks
from lymphorisk.report.wording import short

LEFT, TOP, BOTTOM, LEGEND = 58.0, 66.0, 400.0, 452.0
#: Dashes that tell the lines apart without colour, in the order of the colours c0 to c7.
DASHES = ("", "8 3", "2 3", "9 3 2 3", "5 2", "1 2", "12 4", "4 4 1 4")
THRESHOLDS = (0.1, 0.2, 0.5)
FLOOR = 0.005
NAME_MAX = 28
WEEK = 7.0


def counts_figure(comparison: Comparison, width: int = WIDE) -> Drawing:
    """Host counts of all regimens with 80 % bands, infusion windows shaded, the host's end marked."""
    regimens = ordered(comparison)
    first = min(float(f.day[0]) for f in regimens)
    last = max(float(f.day[-1]) for f in regimens)
    top = max(float(f.bands["p90"].max()) for f in regimens)
    low = max(min(float(f.bands["p10"].min()) for f in regimens), FLOOR)
    right = width - 18.0
    x = Scale(first, last, LEFT, right)
    y = Scale(low / 1.4, max(1.15 * top, 1.0), BOTTOM, TOP, log=True)
    names = ", ".join(name_of(f.regimen) for f in regimens)
    entries = [
        Entry(short(name_of(f.regimen), NAME_MAX), f"curve c{i % len(DASHES)}", DASHES[i % len(DASHES)])
        for i, f in enumerate(regimens)
    ]
    entries += [
        Entry("infusion", "axis"),
        Entry(f"from day {comparison.host_until_d:g}: not the host's", "beyond"),
    ]
    d = Drawing(
        width,
        int(LEGEND + legend_height(entries, width - 10.0) + 4),
        "Host lymphocyte count around infusion",
        f"Median and 80 % band of {names}; day 0 is the infusion.",
        "counts" if width == WIDE else "counts-narrow",
    )
    until = x(comparison.host_until_d)
    d.rect(until, TOP, right - until, BOTTOM - TOP, "beyond")
    _windows(d, regimens, x)
    d.x_axis(x, BOTTOM, TOP, _weeks(first, last, 14 if width == WIDE else 6), "days from infusion")
    d.y_axis(y, LEFT, right, log_ticks(y.low, y.high), "host ALC, 10^9/L")
    for threshold in THRESHOLDS:
        if y.low <= threshold <= y.high:
            d.line([(LEFT, y(threshold)), (right, y(threshold))], "threshold", "1 4")
    d.line([(x(0.0), TOP), (x(0.0), BOTTOM)], "axis")
    for i, f in enumerate(regimens):
        days = [x(t) for t in f.day.tolist()]
        low_y, high_y = ([y(v) for v in f.bands[name].tolist()] for name in ("p10", "p90"))
        d.band(days, low_y, high_y, f"area{i % len(DASHES)}")
    for i, f in enumerate(regimens):
        points = [(x(t), y(v)) for t, v in zip(f.day.tolist(), f.bands["p50"].tolist(), strict=True)]
        d.line(points, f"curve c{i % len(DASHES)}", DASHES[i % len(DASHES)])
    legend(d, entries, 4.0, LEGEND, width - 10.0)
    return d


def _weeks(first: float, last: float, most: int) -> list[float]:
    step = WEEK * max(1, math.ceil((last - first) / (most * WEEK)))
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


def frontier_figure(search: SearchResult, width: int = WIDE) -> Drawing:
    """Every schedule as a point: count at infusion against days below 0.2 after it; the frontier joined."""
    found = search.found
    longest = max([f.duration for f in found] + [1.0])
    deepest = max(min(f.depth for f in found) / 1.3, FLOOR)
    shallowest = max(1.3 * max(f.depth for f in found), 2.0 * deepest)
    right = width - 18.0
    x = Scale(0.0, 1.05 * longest, LEFT, right)
    y = Scale(deepest, shallowest, BOTTOM, TOP, log=True)
    share = f"{100 * search.share:.0f} %"
    entries = [
        Entry(f"meets in {share} or more", "met", shape="square"),
        Entry("does not", "unmet", shape="circle"),
        Entry("frontier", "curve c1"),
    ]
    d = Drawing(
        width,
        int(LEGEND + legend_height(entries, width - 10.0) + 4),
        "Depth against duration",
        f"{len(found)} schedules of {search.regimen.name}; the frontier joins those no other beats in both.",
        "frontier" if width == WIDE else "frontier-narrow",
    )
    d.x_axis(x, BOTTOM, TOP, nice_ticks(0.0, longest, 6), "days below 0.2 after infusion (median)")
    d.y_axis(y, LEFT, right, log_ticks(deepest, shallowest), "host ALC at infusion, 10^9/L (median)")
    front = sorted((f for f in found if f.on_frontier), key=lambda f: f.duration)
    if len(front) > 1:
        d.line([(x(f.duration), y(f.depth)) for f in front], "curve c1")
    for f in front:
        d.mark(x(f.duration), y(f.depth), "diamond", "frontier c1", 6.5)
    for f in sorted(found, key=lambda f: f.meets):
        shape, kind, size = ("square", "met", 4.0) if f.meets else ("circle", "unmet", 2.6)
        d.mark(x(f.duration), y(f.depth), shape, kind, size)
    legend(d, entries, 4.0, LEGEND, width - 10.0)
    return d
