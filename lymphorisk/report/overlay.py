"""Figures of several plans, or of one before and after, on the same axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lymphorisk.dvh import DoseDistribution
from lymphorisk.report.figures import COUNT_FLOOR, DASHES, LABEL_GAP, SHOWN_DAYS, cumulative, nadir_mark
from lymphorisk.report.svg import Drawing, Scale, log_ticks, nice_ticks, round_up, spread_apart
from lymphorisk.report.wording import GRADE_EDGES, digits, short

if TYPE_CHECKING:
    from lymphorisk.lymphocyte import AlcForecast

#: Courses drawn together: more lines than this cannot be told apart.
PLANS_MAX = 8


def forecasts(
    named: Sequence[tuple[str, AlcForecast]], counts: Sequence[tuple[float, float]] = (), key: str = "forecasts"
) -> Drawing:
    """Counts over time: medians, 80 % bands between thin lines of the same dash, measured counts as squares."""
    named = named[:PLANS_MAX]
    until = min(min(float(f.day[-1]) for _, f in named), max(SHOWN_DAYS, *(day for day, _ in counts), 0.0))
    shown = [(name, f.day[f.day <= until], {q: v[f.day <= until] for q, v in f.quantiles.items()}) for name, f in named]
    values = [v for _, _, q in shown for v in (q["p10"], q["p90"])] + [np.array([c for _, c in counts] or [1.0])]
    top = max(max(float(v.max()) for v in values), GRADE_EDGES["2"]) * 1.15
    bottom = max(min(min(float(v.min()) for v in values), GRADE_EDGES["4"]) * 0.85, COUNT_FLOOR)
    d = Drawing(
        960,
        400,
        "Forecasts of the absolute lymphocyte count",
        "; ".join(f"{short(name)}: nadir {digits(f.nadir.median, 2)} {f.nadir.when}" for name, f in named),
        key,
    )
    x, y = Scale(0.0, until, 58, 780), Scale(bottom, top, 348, 34, log=True)
    d.y_axis(y, 58, 780, log_ticks(bottom, top), "count [10⁹/L], logarithmic")
    d.x_axis(x, 348, 348, nice_ticks(0.0, until, 9), "days from the first fraction")
    for grade, edge in GRADE_EDGES.items():
        if bottom < edge < top:
            d.line([(58, y(edge)), (780, y(edge))], f"threshold g{grade}", "6 4")
    for i, (_, day, q) in enumerate(shown):
        xs = [x(float(t)) for t in day]
        for name in ("p10", "p90"):
            d.line(_points(xs, q[name], y), f"thin c{i}", DASHES[i])
    for i, (_, day, q) in enumerate(shown):
        d.line(_points([x(float(t)) for t in day], q["p50"], y), f"curve c{i}", DASHES[i])
    for _, f in named:
        nadir_mark(d, f, x, y, until)
    for when, count in counts:
        d.mark(x(when), y(max(count, COUNT_FLOOR)), "square", "nadir", 5)
    labels = [
        (y(max(float(q["p50"][-1]), COUNT_FLOOR)), short(name, 17), "strong", f"curve c{i}", DASHES[i])
        for i, (name, _, q) in enumerate(shown)
    ]
    labels += [
        (y(edge), f"grade {grade}: below {edge:g}", f"label g{grade}-text", f"threshold g{grade}", "6 4")
        for grade, edge in GRADE_EDGES.items()
        if bottom < edge < top
    ]
    places = spread_apart([label[0] for label in labels], LABEL_GAP, 40, 344)
    for (_, text, kind, line, dash), place in zip(labels, places, strict=True):
        d.line([(784, place), (808, place)], line, dash)
        d.text(813, place + 4, text, kind)
    return d


def _points(xs: Sequence[float], values: np.ndarray, y: Scale) -> list[tuple[float, float]]:
    return [(a, y(max(float(v), COUNT_FLOOR))) for a, v in zip(xs, values, strict=True)]


def dvhs(organs: Mapping[str, Sequence[DoseDistribution]], names: Sequence[str], key: str = "dvhs") -> Drawing:
    """One small panel an organ, one line a plan; up to three panels a row."""
    across = min(len(organs), 3)
    wide, high = 960 / across, 270
    rows = (len(organs) + across - 1) // across
    d = Drawing(
        960,
        rows * high + 24,
        "Dose-volume histograms of the plans",
        "; ".join(f"{o}: {', '.join(f'{digits(dose.mean_gy)} Gy' for dose in doses)}" for o, doses in organs.items()),
        key,
    )
    for i, name in enumerate(names[:PLANS_MAX]):
        at = 46 + i * min(900 / len(names), 300.0)
        d.line([(at, 12), (at + 28, 12)], f"curve c{i}", DASHES[i])
        d.text(at + 34, 16, short(name, 28 if len(names) < 5 else 12), "label")
    for k, (organ, doses) in enumerate(organs.items()):
        left, top = (k % across) * wide + 46, 24 + (k // across) * high
        end = round_up(max(float(dose.dose_gy[-1]) for dose in doses), 5)
        x, y = Scale(0.0, end, left, left + wide - 66), Scale(0.0, 100.0, top + 212, top + 50)
        d.text(left, top + 18, short(organ, 24), "panel")
        d.y_axis(y, left, x.end, [0, 50, 100], "volume [%]")
        d.x_axis(x, y.start, y.end, nice_ticks(0.0, end, 4), "course dose [Gy]")
        for i, dose in enumerate(doses[:PLANS_MAX]):
            d.line([(x(g), y(100 * v)) for g, v in cumulative(dose)], f"curve c{i}", DASHES[i])
    return d
