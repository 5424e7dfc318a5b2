"""Figures of several plans, or of one before and after, on the same axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lymphorisk.dvh import DoseDistribution
from lymphorisk.report.figures import (
    COUNT_BOTTOM,
    COUNT_FLOOR,
    COUNT_LEFT,
    COUNT_LEGEND,
    COUNT_TOP,
    DASHES,
    GRADE_DASHES,
    SHOWN_DAYS,
    count_trace,
    cumulative,
    nadir_mark,
    volume_trace,
)
from lymphorisk.report.legend import WIDE, Entry, legend, legend_height
from lymphorisk.report.svg import Drawing, Plot, Scale, log_ticks, nice_ticks, round_up
from lymphorisk.report.wording import GRADE_EDGES, digits, short

if TYPE_CHECKING:
    from lymphorisk.lymphocyte import AlcForecast

#: Courses drawn together: more lines than this cannot be told apart.
PLANS_MAX = 8
#: Letters of a plan's name in a legend.
PLAN_NAME = 28


def forecasts(
    named: Sequence[tuple[str, AlcForecast]],
    counts: Sequence[tuple[float, float]] = (),
    key: str = "forecasts",
    width: int = WIDE,
) -> Drawing:
    """Counts over time: medians, 80 % bands between thin lines of the same dash, measured counts as squares."""
    named = named[:PLANS_MAX]
    until = min(min(float(f.day[-1]) for _, f in named), max(SHOWN_DAYS, *(day for day, _ in counts), 0.0))
    shown = [(name, f.day[f.day <= until], {q: v[f.day <= until] for q, v in f.quantiles.items()}) for name, f in named]
    values = [v for _, _, q in shown for v in (q["p10"], q["p90"])] + [np.array([c for _, c in counts] or [1.0])]
    top = max(max(float(v.max()) for v in values), GRADE_EDGES["2"]) * 1.15
    bottom = max(min(min(float(v.min()) for v in values), GRADE_EDGES["4"]) * 0.85, COUNT_FLOOR)
    names = [
        Entry(short(name, PLAN_NAME), f"curve c{i}", DASHES[i], look="strong") for i, (name, _) in enumerate(named)
    ]
    names += [
        Entry(f"grade {grade}: below {edge:g}", f"threshold g{grade}", GRADE_DASHES[grade], look=f"label g{grade}-text")
        for grade, edge in GRADE_EDGES.items()
    ]
    d = Drawing(
        width,
        int(COUNT_LEGEND + legend_height(names, width - 10.0) + 4),
        "Forecasts of the absolute lymphocyte count",
        "; ".join(f"{short(name)}: nadir {digits(f.nadir.median, 2)} {f.nadir.when}" for name, f in named),
        key if width == WIDE else f"{key}-narrow",
    )
    left, right = COUNT_LEFT, width - 18.0
    x, y = Scale(0.0, until, left, right), Scale(bottom, top, COUNT_BOTTOM, COUNT_TOP, log=True)
    d.y_axis(y, left, right, log_ticks(bottom, top), "count [10⁹/L], logarithmic")
    d.x_axis(x, y.start, y.start, nice_ticks(0.0, until, 9 if width == WIDE else 5), "days from the first fraction")
    for grade, edge in GRADE_EDGES.items():
        d.line([(left, y(edge)), (right, y(edge))], f"threshold g{grade}", GRADE_DASHES[grade])
    for i, (_, day, q) in enumerate(shown):
        xs = [x(float(t)) for t in day]
        with d.part(f"c{i}"):
            for name in ("p10", "p90"):
                d.line(_points(xs, q[name], y), f"thin c{i}", DASHES[i])
    for i, (_, day, q) in enumerate(shown):
        with d.part(f"c{i}"):
            d.line(_points([x(float(t)) for t in day], q["p50"], y), f"curve c{i}", DASHES[i])
    for i, (_, f) in enumerate(named):
        with d.part(f"c{i}"):
            nadir_mark(d, f, x, y, until)
    for when, count in counts:
        d.mark(x(when), y(max(count, COUNT_FLOOR)), "square", "nadir", 5)
    legend(d, names, 4.0, COUNT_LEGEND, width - 10.0)
    traces = (count_trace(short(name, PLAN_NAME), f, until, f"c{i}") for i, (name, f) in enumerate(named))
    d.plots.append(Plot(x, y, "day", tuple(traces)))
    return d


def _points(xs: Sequence[float], values: np.ndarray, y: Scale) -> list[tuple[float, float]]:
    return [(a, y(max(float(v), COUNT_FLOOR))) for a, v in zip(xs, values, strict=True)]


def dvhs(
    organs: Mapping[str, Sequence[DoseDistribution]], names: Sequence[str], key: str = "dvhs", width: int = WIDE
) -> Drawing:
    """One small panel an organ, one line a plan; up to three panels a row."""
    across = min(len(organs), 3) if width == WIDE else 1
    wide, high = width / across, 300.0
    rows = (len(organs) + across - 1) // across
    entries = [Entry(short(name, PLAN_NAME), f"curve c{i}", DASHES[i]) for i, name in enumerate(names[:PLANS_MAX])]
    head = legend_height(entries, width - 8.0)
    d = Drawing(
        width,
        int(rows * high + head + 8),
        "Dose-volume histograms of the plans",
        "; ".join(f"{o}: {', '.join(f'{digits(dose.mean_gy)} Gy' for dose in doses)}" for o, doses in organs.items()),
        key if width == WIDE else f"{key}-narrow",
    )
    legend(d, entries, 4.0, 0.0, width - 8.0)
    for k, (organ, doses) in enumerate(organs.items()):
        left, top = (k % across) * wide, head + (k // across) * high
        end = round_up(max(float(dose.dose_gy[-1]) for dose in doses), 5)
        x, y = Scale(0.0, end, left + 44, left + wide - 18), Scale(0.0, 100.0, top + 240, top + 66)
        d.text(left + 4, top + 24, short(organ, 24), "panel")
        d.y_axis(y, x.start, x.end, [0, 50, 100], "volume [%]")
        d.x_axis(x, y.start, y.end, nice_ticks(0.0, end, 4), "course dose [Gy]")
        traces = []
        for i, dose in enumerate(doses[:PLANS_MAX]):
            curve = cumulative(dose)
            with d.part(f"{k}c{i}"):
                d.line([(x(g), y(100 * v)) for g, v in curve], f"curve c{i}", DASHES[i])
            traces.append(volume_trace(short(names[i], PLAN_NAME), curve, f"c{i}", f"{k}"))
        d.plots.append(Plot(x, y, "Gy", tuple(traces), short(organ, 24)))
    return d
