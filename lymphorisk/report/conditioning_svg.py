"""Drawings of a conditioning comparison as SVG: counts of all regimens on one axis, depth against duration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from lymphorisk.regimen.chain import Comparison, RegimenForecast
from lymphorisk.regimen.search import SearchResult
from lymphorisk.report.conditioning import ordered

WIDTH, HEIGHT = 900.0, 460.0
LEFT, RIGHT, TOP, BOTTOM = 62.0, 182.0, 34.0, 46.0
#: Colours of lines that stay apart for colour-blind eyes (Okabe and Ito), each with its own dash.
LINES = (
    ("#0072B2", ""),
    ("#D55E00", "7 3"),
    ("#009E73", "2 3"),
    ("#CC79A7", "9 3 2 3"),
    ("#E69F00", "4 2"),
    ("#56B4E9", "1 2"),
    ("#000000", "12 4"),
)
THRESHOLDS = (0.1, 0.2, 0.5)
FLOOR = 0.005
LABEL_STEP = 14.0
#: Days the eye cannot tell apart at this width are left out of the path. [d]
PIXEL = 0.6


class Axes:
    """Days to x, counts to y on a logarithmic axis."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float], log: bool) -> None:
        self.x0, self.x1 = x
        self.log = log
        self.y0, self.y1 = (math.log10(y[0]), math.log10(y[1])) if log else y

    def px(self, x: float) -> float:
        return LEFT + (x - self.x0) / (self.x1 - self.x0) * (WIDTH - LEFT - RIGHT)

    def py(self, y: float) -> float:
        v = math.log10(max(y, 10.0**self.y0)) if self.log else y
        v = min(max(v, self.y0), self.y1)
        return HEIGHT - BOTTOM - (v - self.y0) / (self.y1 - self.y0) * (HEIGHT - TOP - BOTTOM)


def counts_svg(comparison: Comparison) -> str:
    """Host counts of all regimens with 80 % bands, infusion windows shaded, the host's end marked."""
    regimens = ordered(comparison)
    first = min(float(f.day[0]) for f in regimens)
    last = max(float(f.day[-1]) for f in regimens)
    top = max(float(f.bands["p90"].max()) for f in regimens)
    low = min(float(f.bands["p10"].min()) for f in regimens)
    axes = Axes((first, last), (max(FLOOR, 10 ** math.floor(math.log10(max(low, FLOOR)))), max(top * 1.25, 1.0)), True)
    names = ", ".join(f.regimen.name for f in regimens)
    parts = [_open("Host lymphocyte count around infusion", f"Median and 80 % band of {names}; day 0 is the infusion.")]
    parts += _windows(regimens, axes)
    parts += _host_end(comparison.host_until_d, last, axes)
    parts += _grid(axes, _ticks(first, last), THRESHOLDS)
    for i, f in enumerate(regimens):
        colour, _ = LINES[i % len(LINES)]
        parts.append(f'<path d="{_band(f, axes)}" fill="{colour}" fill-opacity="0.13" stroke="none"/>')
    for i, f in enumerate(regimens):
        colour, dash = LINES[i % len(LINES)]
        path = _line(f.day, f.bands["p50"], axes)
        parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>')
    parts += _labels(regimens, axes)
    parts.append(_axis_text("days from infusion", "host ALC, 10^9/L (log)"))
    return "".join([*parts, "</svg>"])


def frontier_svg(search: SearchResult) -> str:
    """Every schedule as a point: count at infusion against days below 0.2 after it; the frontier joined."""
    found = search.found
    x_top = max([f.duration for f in found] + [1.0]) * 1.08
    y_top = max(f.depth for f in found) * 1.3
    y_low = max(FLOOR, min(f.depth for f in found) / 1.3)
    axes = Axes((0.0, x_top), (y_low, max(y_top, y_low * 2)), True)
    text = f"{len(found)} schedules of {search.regimen.name}; the frontier joins those no other beats in both."
    parts = [_open("Depth against duration", text)]
    parts += _grid(axes, _even(0.0, x_top), [t for t in THRESHOLDS if y_low < t < y_top])
    for f in found:
        x, y = axes.px(f.duration), axes.py(f.depth)
        if f.meets:
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="#0072B2"/>')
        else:
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="none" stroke="currentColor" opacity="0.55"/>')
    front = sorted((f for f in found if f.on_frontier), key=lambda f: f.duration)
    path = " ".join(
        f"{'M' if i == 0 else 'L'}{axes.px(f.duration):.1f} {axes.py(f.depth):.1f}" for i, f in enumerate(front)
    )
    parts.append(f'<path d="{path}" fill="none" stroke="#D55E00" stroke-width="2"/>')
    x = WIDTH - RIGHT + 10
    parts.append(
        f'<circle cx="{x + 5}" cy="{TOP + 8}" r="4.5" fill="#0072B2"/>{_text(x + 16, TOP + 12, "meets criteria")}'
    )
    parts.append(
        f'<circle cx="{x + 5}" cy="{TOP + 26}" r="3" fill="none" stroke="currentColor"/>'
        f"{_text(x + 16, TOP + 30, 'does not')}"
    )
    parts.append(
        f'<path d="M{x} {TOP + 44} h12" stroke="#D55E00" stroke-width="2"/>{_text(x + 16, TOP + 48, "frontier")}'
    )
    parts.append(_axis_text("days below 0.2 after infusion (median)", "host ALC at infusion, 10^9/L (median, log)"))
    return "".join([*parts, "</svg>"])


def _open(title: str, what: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="12" color="inherit"><title>{escape(title)}</title>'
        f"<desc>{escape(what)}</desc>"
    )


def _text(x: float, y: float, text: str, anchor: str = "start", extra: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor"{extra}>{escape(text)}</text>'


def _windows(regimens: Sequence[RegimenForecast], axes: Axes) -> list[str]:
    """Shade the days on which each product may be infused; a bar of its colour at the top tells whose."""
    parts = []
    for i, f in enumerate(regimens):
        if f.window_days is None:
            continue
        colour, _ = LINES[i % len(LINES)]
        low, high = f.window_days
        half = 0.25 if low == high else 0.0
        x0, x1 = axes.px(max(low - half, axes.x0)), axes.px(min(high + half, axes.x1))
        height = HEIGHT - TOP - BOTTOM
        parts.append(
            f'<rect x="{x0:.1f}" y="{TOP:g}" width="{max(x1 - x0, 1.5):.1f}" height="{height:g}" '
            f'fill="{colour}" fill-opacity="0.07"/>'
            f'<rect x="{x0:.1f}" y="{TOP - 4 - 3 * (i % 8):.1f}" width="{max(x1 - x0, 1.5):.1f}" height="2.5" '
            f'fill="{colour}"/>'
        )
    x = axes.px(0.0)
    parts.append(f'<path d="M{x:.1f} {TOP:g} V{HEIGHT - BOTTOM:g}" stroke="currentColor" stroke-width="1.2"/>')
    parts.append(_text(x + 4, HEIGHT - BOTTOM - 6, "infusion"))
    return parts


def _host_end(day: float, last: float, axes: Axes) -> list[str]:
    x = axes.px(day)
    width = axes.px(last) - x
    return [
        f'<rect x="{x:.1f}" y="{TOP:g}" width="{width:.1f}" height="{HEIGHT - TOP - BOTTOM:g}" fill="currentColor" '
        f'fill-opacity="0.045"/>',
        _text(x + 46, TOP + 14, f"from day {day:g}: a measured count is not the host's", extra=' font-style="italic"'),
    ]


def _grid(axes: Axes, x_ticks: Sequence[float], lines: Sequence[float]) -> list[str]:
    right, foot = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = [f'<path d="M{LEFT:g} {TOP:g} V{foot:g} H{right:g}" fill="none" stroke="currentColor"/>']
    for t in x_ticks:
        x = axes.px(t)
        parts.append(f'<path d="M{x:.1f} {foot:g} v5" stroke="currentColor"/>{_text(x, foot + 18, f"{t:g}", "middle")}')
    decades = range(math.floor(axes.y0), math.ceil(axes.y1) + 1)
    ticks = {10.0**k * m for k in decades for m in (1, 2, 5) if axes.y0 - 1e-9 <= math.log10(10.0**k * m) <= axes.y1}
    for t in sorted(ticks):
        y = axes.py(t)
        parts.append(
            f'<path d="M{LEFT - 5:g} {y:.1f} h5" stroke="currentColor"/>{_text(LEFT - 8, y + 4, f"{t:g}", "end")}'
        )
    for t in lines:
        y = axes.py(t)
        parts.append(
            f'<path d="M{LEFT:g} {y:.1f} H{right:g}" stroke="currentColor" stroke-dasharray="1 4" opacity="0.7"/>'
        )
    return parts


def _ticks(first: float, last: float) -> list[float]:
    step = 7.0 if last - first < 80 else 14.0 if last - first < 160 else 28.0
    k = math.ceil(first / step)
    return [step * i for i in range(k, int(last // step) + 1)]


def _even(first: float, last: float) -> list[float]:
    span = last - first
    step = next(s for s in (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0) if span / s <= 10)
    return [first + step * i for i in range(int(span // step) + 1)]


def _line(day: NDArray[np.float64], alc: NDArray[np.float64], axes: Axes) -> str:
    points: list[tuple[float, float]] = []
    for d, a in zip(day.tolist(), alc.tolist(), strict=True):
        x, y = axes.px(d), axes.py(a)
        if not points or abs(x - points[-1][0]) >= PIXEL or abs(y - points[-1][1]) >= PIXEL:
            points.append((x, y))
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _band(f: RegimenForecast, axes: Axes) -> str:
    up = _line(f.day, f.bands["p90"], axes)
    down = _line(f.day[::-1], f.bands["p10"][::-1], axes)
    return f"{up}L{down[1:]}Z"


def _labels(regimens: Sequence[RegimenForecast], axes: Axes) -> list[str]:
    """Names at the right, beside the count of the last day, moved apart where they would overlap."""
    ends = sorted((axes.py(float(f.bands["p50"][-1])), i) for i, f in enumerate(regimens))
    parts = []
    y = TOP
    for end, i in ends:
        y = max(end, y + LABEL_STEP)
        colour, dash = LINES[i % len(LINES)]
        x = WIDTH - RIGHT + 6
        name = regimens[i].regimen.name
        name = name if len(name) <= 22 else name[:21] + "…"
        parts.append(
            f'<path d="M{x:g} {y:.1f} h14" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'
            f"{_text(x + 18, y + 4, name)}"
        )
    return parts


def _axis_text(x_label: str, y_label: str) -> str:
    x = (LEFT + WIDTH - RIGHT) / 2
    y = (TOP + HEIGHT - BOTTOM) / 2
    turned = f' transform="rotate(-90 14 {y:.1f})"'
    return _text(x, HEIGHT - 8, x_label, "middle") + _text(14, y, y_label, "middle", turned)
