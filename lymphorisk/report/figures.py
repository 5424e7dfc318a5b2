"""The figures of the report, each drawn from an analysis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from lymphorisk.absent import Absent
from lymphorisk.dvh import DoseDistribution
from lymphorisk.organs import load
from lymphorisk.organs.compartments import by_organ
from lymphorisk.report.svg import Drawing, Scale, log_ticks, nice_ticks, round_up, spread_apart, text_width, tick_label
from lymphorisk.report.wording import GRADE_EDGES, POOL_LABELS, chance, digits, model_name, percent, short

if TYPE_CHECKING:
    from lymphorisk.analysis import Analysis, OrganDose
    from lymphorisk.lymphocyte import AlcForecast

#: The forecast is drawn at least this long, and at least so many times the course. [d]
SHOWN_DAYS = 180
SHOWN_COURSES = 3
COUNT_FLOOR = 0.02
BARS = 10
BAR_NAME = 28
#: A distribution of fewer doses is drawn with its steps, others as a line.
STEPS_MAX = 40
CURVES = 8
#: Dash patterns, so that lines differ without colour.
DASHES = ("", "7 3", "2 3", "9 3 2 3", "12 4", "4 2", "1 4", "9 2 2 2 2 2")
LYMPHOID = ("Spleen", "BoneMarrow", "Bowel", "LN", "Glnd_Thymus")
BLOOD_FILLED = (
    "Heart",
    "Lungs",
    "A_Aorta",
    "A_Pulmonary",
    "V_Venacava_S",
    "V_Venacava_I",
    "GreatVes",
    "Liver",
    "Kidneys",
    "Brain",
)
LABEL_GAP = 16


def all_figures(a: Analysis) -> dict[str, Drawing | None]:
    """Every figure by key; None where there is nothing to draw."""
    return {
        "alc": alc_figure(a),
        "dvh": dvh_figure(a),
        "blood_organs": blood_by_organ_figure(a),
        "blood_dvh": blood_dvh_figure(a),
        "voices": voices_figure(a),
        "waterfall": waterfall_figure(a),
        "physics": attribution_figure(a),
        "spread": sensitivity_figure(a),
    }


def alc_figure(a: Analysis) -> Drawing:
    """The count over time: median, 50, 80 and 95 % bands, grade lines, fractions, nadir."""
    f = a.forecast
    last = max((p.days[-1] for p in a.phases if p.days), default=0.0)
    until = min(float(f.day[-1]), max(SHOWN_DAYS, SHOWN_COURSES * last))
    shown = f.day <= until
    day = f.day[shown]
    q = {name: np.maximum(values[shown], COUNT_FLOOR) for name, values in f.quantiles.items()}
    top = max(float(q["p975"].max()), f.baseline_alc, GRADE_EDGES["2"]) * 1.15
    bottom = max(min(float(q["p025"].min()), GRADE_EDGES["4"]) * 0.85, COUNT_FLOOR)
    d = Drawing(
        960,
        400,
        "Forecast of the absolute lymphocyte count",
        f"Median from {digits(f.baseline_alc, 2)} to {digits(f.nadir.median, 2)} times 10 to the 9 per litre "
        f"{f.nadir.when}; 90 percent band of the nadir {digits(f.nadir.p05, 2)} to {digits(f.nadir.p95, 2)}.",
        "alc",
    )
    x, y = Scale(0.0, until, 58, 800), Scale(bottom, top, 348, 34, log=True)
    for p in a.phases:
        if p.days:
            d.rect(x(p.days[0]), y.end, max(x(p.days[-1]) - x(p.days[0]), 2), y.start - y.end, "course")
    d.y_axis(y, 58, 800, log_ticks(bottom, top), "count [10⁹/L], logarithmic")
    d.x_axis(x, 348, 348, nice_ticks(0.0, until, 9), "days from the first fraction")
    xs = [x(float(t)) for t in day]
    for low, high, kind in (("p025", "p975", "band95"), ("p10", "p90", "band80"), ("p25", "p75", "band50")):
        d.band(xs, [y(float(v)) for v in q[low]], [y(float(v)) for v in q[high]], kind)
    for grade, edge in GRADE_EDGES.items():
        if bottom < edge < top:
            d.line([(58, y(edge)), (800, y(edge))], f"threshold g{grade}", "6 4")
    if f.lln is not None and bottom < f.lln < top:
        d.line([(58, y(f.lln)), (800, y(f.lln))], "threshold", "2 4")
    d.line(list(zip(xs, (y(float(v)) for v in q["p50"]), strict=True)), "median")
    _fraction_ticks(d, a, x, until)
    nadir_mark(d, f, x, y, until)
    _nadir_label(d, f, x, y, until)
    _alc_labels(d, a, q, y, bottom, top)
    return d


def _fraction_ticks(d: Drawing, a: Analysis, x: Scale, until: float) -> None:
    for p in a.phases:
        for t in p.days:
            if t <= until:
                d.line([(x(t), 348), (x(t), 341)], "fraction")
    first = [p.days for p in a.phases if p.days]
    if first:
        d.text(x(first[0][0]) + 6, 333, f"{a.fractions} fractions", "note halo")


def nadir_mark(d: Drawing, f: AlcForecast, x: Scale, y: Scale, until: float) -> None:
    """The nadir: its median on the usual day, with the 90 % bands of its day and of its count."""
    n = f.nadir
    if n.usual_day > until:
        return
    at, low = x(n.usual_day), y(max(n.median, COUNT_FLOOR))
    d.line([(x(n.day.p05), low), (x(min(n.day.p95, until)), low)], "whisker")
    # the band of the count may reach below what is drawn
    ends = [min(max(y(max(count, COUNT_FLOOR)), y.end), y.start) for count in (n.p05, n.p95)]
    d.line([(at, ends[0]), (at, ends[1])], "whisker")
    d.mark(at, low, "circle", "nadir", 5)


def _nadir_label(d: Drawing, f: AlcForecast, x: Scale, y: Scale, until: float) -> None:
    n = f.nadir
    if n.usual_day > until:
        return
    right = x(n.usual_day) < 560
    d.text(
        x(min(n.day.p95, until)) + 12 if right else x(n.day.p05) - 12,
        y(max(n.median, COUNT_FLOOR)) + 22,
        f"nadir: {digits(n.median, 2)}, {n.span}",
        "strong halo",
        "start" if right else "end",
    )


def _alc_labels(d: Drawing, a: Analysis, q: Mapping[str, Any], y: Scale, bottom: float, top: float) -> None:
    f = a.forecast
    labels = [(float(q["p50"][-1]), "median", "label")]
    labels += [
        (edge, f"grade {g}: below {edge:g}", f"label g{g}-text")
        for g, edge in GRADE_EDGES.items()
        if bottom < edge < top
    ]
    if f.lln is not None and bottom < f.lln < top:
        labels.append((f.lln, f"LLN {f.lln:g} (grade 1)", "label"))
    labels += [
        (math.sqrt(float(q["p75"][-1]) * float(q["p90"][-1])), "50 % inside", "note"),
        (math.sqrt(float(q["p90"][-1]) * float(q["p975"][-1])), "80 % inside", "note"),
        (float(q["p975"][-1]), "95 % inside", "note"),
    ]
    places = spread_apart([y(v) for v, _, _ in labels], LABEL_GAP, 40, 346)
    for (value, text, kind), place in zip(labels, places, strict=True):
        d.line([(802, y(value)), (812, place)], "leader")
        d.text(816, place + 4, text, kind)


def dvh_figure(a: Analysis) -> Drawing | None:
    """Cumulative DVHs of the course, lymphoid organs left, blood-filled organs right; None without any."""
    known = {name: o for name, o in a.organs.items() if o.source != "surrogate" and o.course.dose_gy[-1] > 0}
    left = _chosen(known, LYMPHOID, ("spleen", "nodes", "marrow", "gut", "thymus"))
    right = _chosen({n: o for n, o in known.items() if n not in left}, BLOOD_FILLED, ())
    panels = [(t, p) for t, p in (("Lymphoid organs", left), ("Blood-filled organs", right)) if p]
    if not panels:
        return None
    highest = round_up(max(_top(o.course) for _, panel in panels for o in panel.values()))
    d = Drawing(
        960,
        380,
        "Dose-volume histograms of the course",
        "; ".join(f"{n}: mean {digits(o.course.mean_gy)} Gy" for _, panel in panels for n, o in panel.items()),
        "dvh",
    )
    wide = 960 / len(panels)
    for k, (title, panel) in enumerate(panels):
        _dvh_panel(d, title, panel, k * wide + 52, (k + 1) * wide - 150, highest)
    return d


def _top(dose: DoseDistribution) -> float:
    """Dose that all but a thousandth stays below."""
    return float(dose.dose_gy[min(int(np.searchsorted(np.cumsum(dose.share), 0.999)), len(dose.dose_gy) - 1)])


def _chosen(organs: Mapping[str, OrganDose], names: Sequence[str], pools: Sequence[str]) -> dict[str, OrganDose]:
    first = [n for n in names if n in organs]
    table = load()
    more = [
        n
        for n in organs
        if n not in first and n in table and pools and table[n].pool in pools and not _inside(n, first)
    ]
    more.sort(key=lambda n: -organs[n].course.mean_gy)
    return {n: organs[n] for n in [*first, *more][:CURVES]}


def _inside(name: str, wholes: Sequence[str]) -> bool:
    whole = load()[name].part_of
    while whole:
        if whole in wholes:
            return True
        whole = load()[whole].part_of
    return False


def _dvh_panel(
    d: Drawing, title: str, panel: Mapping[str, OrganDose], left: float, right: float, highest: float
) -> None:
    x, y = Scale(0.0, highest, left, right), Scale(0.0, 100.0, 328, 44)
    d.text(left, 16, title, "panel")
    d.y_axis(y, left, right, [0, 25, 50, 75, 100], "volume [%]")
    d.x_axis(x, 328, 44, nice_ticks(0.0, highest, 6), "course dose [Gy]")
    taken: list[tuple[float, float]] = []
    for i, organ in enumerate(panel.values()):
        points = [(x(g), y(100 * v)) for g, v in cumulative(organ.course)]
        d.line(points, f"curve c{i}", DASHES[i])
        taken.append(_free_place(points, taken, left, y))
    for i, at in enumerate(taken):
        d.mark(*at, "circle", f"letter c{i}", 7.5)
        d.text(at[0], at[1] + 3.6, "abcdefgh"[i], "letter-text", "middle")
    ends = [(name, organ, i) for i, (name, organ) in enumerate(panel.items())]
    for place, (name, organ, i) in zip(
        spread_apart([60 + 30.0 * k for k in range(len(ends))], 30, 50, 330), ends, strict=True
    ):
        d.line([(right + 10, place), (right + 38, place)], f"curve c{i}", DASHES[i])
        d.text(right + 44, place + 1, f"{'abcdefgh'[i]} {short(name, 14)}", "label")
        d.text(right + 44, place + 14, f"mean {digits(organ.course.mean_gy)} Gy", "note")


def _free_place(
    points: Sequence[tuple[float, float]], taken: Sequence[tuple[float, float]], left: float, y: Scale
) -> tuple[float, float]:
    """The place on a curve farthest from the letters already set and from the axes."""
    candidates = []
    for level in range(8, 93, 4):
        height = y(float(level))
        for a, b in pairwise(points):
            if min(a[1], b[1]) <= height <= max(a[1], b[1]) and a[1] != b[1]:
                candidates.append((a[0] + (height - a[1]) / (b[1] - a[1]) * (b[0] - a[0]), height))
                break

    def room(p: tuple[float, float]) -> float:
        near = min((math.hypot(p[0] - q[0], p[1] - q[1]) for q in taken), default=40.0)
        return min(near, 40.0) + 2 * min(p[0] - left, 20.0)

    return max(candidates, key=room) if candidates else points[len(points) // 2]


def cumulative(dose: DoseDistribution) -> list[tuple[float, float]]:
    """Points (dose [Gy], share at or above it) of a distribution, with its steps."""
    left = (1.0 - np.concatenate([[0.0], np.cumsum(dose.share)])).clip(0.0, 1.0)
    gray = [float(g) for g in dose.dose_gy]
    if len(gray) < STEPS_MAX:
        steps = [(g, float(v)) for i, g in enumerate(gray) for v in (left[i], left[i + 1])]
        return [(0.0, 1.0), *steps]
    return [(0.0, 1.0), *((g, float(v)) for g, v in zip(gray, left[:-1], strict=True)), (gray[-1], 0.0)]


def bars(key: str, title: str, rows: Sequence[tuple[str, float, str]], label: str, kind: str = "bar") -> Drawing:
    """Horizontal bars, each with its name at the left and its number at the end."""
    height = 26 * len(rows) + 62
    d = Drawing(470, height, title, "; ".join(f"{n}: {text}" for n, _, text in rows), key)
    end = round_up(max((v for _, v, _ in rows), default=1.0), 4)
    left = min(max(text_width(short(n, BAR_NAME)) for n, _, _ in rows) + 14, 220.0)
    room = min((462.0 - left - text_width(text, 12.0) - 8) * end / v for _, v, text in rows if v > 0)
    x = Scale(0.0, end, left, left + min(room, 450.0 - left))
    bottom = height - 42
    for tick in nice_ticks(0.0, end, 4):
        d.line([(x(tick), bottom), (x(tick), 8)], "grid")
        d.text(x(tick), bottom + 16, tick_label(tick), "tick", "middle")
    for i, (name, value, text) in enumerate(rows):
        top = 12 + 26 * i
        d.rect(x.start, top, x(value) - x.start, 17, kind)
        d.text(left - 6, top + 13, short(name, BAR_NAME), "label", "end")
        d.text(x(value) + 6, top + 13, text, "note halo")
    d.line([(left, 8), (left, bottom)], "axis")
    d.text((x.start + x.end) / 2, bottom + 34, label, "axis-label", "middle")
    return d


def blood_by_organ_figure(a: Analysis) -> Drawing | None:
    """Which organ's blood gives the mean blood dose."""
    parts = [(n, v) for n, v in by_organ(a.blood.by_organ).items() if v > 0]
    if not parts:
        return None
    total = sum(v for _, v in parts)
    rows = [(n, v, f"{digits(v)} Gy, {percent(v / total)}") for n, v in parts[:BARS]]
    if rest := sum(v for _, v in parts[BARS:]):
        rows.append(("all other blood", rest, f"{digits(rest)} Gy, {percent(rest / total)}"))
    return bars(
        "blood-organs", "Mean blood dose of the course by organ", rows, "contribution to the mean blood dose [Gy]"
    )


def attribution_figure(a: Analysis) -> Drawing | None:
    """The physics' own explanation: share of the loss at the nadir by pool."""
    parts = sorted(((n, v) for n, v in a.attribution.items() if v > 0.0005), key=lambda i: -i[1])
    if not parts:
        return None
    rows = [(POOL_LABELS.get(n, n), 100 * v, percent(v)) for n, v in parts[:BARS]]
    return bars(
        "physics",
        "Share of the lymphocytes lost by the median patient at the nadir",
        rows,
        "share of the loss [%]",
        "bar loss",
    )


def sensitivity_figure(a: Analysis) -> Drawing | None:
    """What owns the spread of the nadir."""
    parts = [(n, v) for n, v in a.forecast.sensitivity.items() if v > 0.005][:BARS]
    if not parts:
        return None
    rows = [(_words(n), 100 * v, percent(v)) for n, v in parts]
    return bars("spread", "Share of the spread of the forecast nadir", rows, "share of the spread [%]", "bar spread")


DIMENSIONS = {
    "survival.combined.d0_sensitive": "D0 of sensitive cells",
    "survival.combined.d0_resistant": "D0 of resistant cells",
    "survival.combined.resistant_share": "share of resistant cells",
    "unexplained.loss_per_fraction": "unexplained loss",
    "interaction": "interactions",
}


def _words(name: str) -> str:
    if name in DIMENSIONS:
        return DIMENSIONS[name]
    return name.replace("patient.", "patients: ").replace("_", " ").replace(".", " ")


def blood_dvh_figure(a: Analysis) -> Drawing:
    """Blood dose-volume histograms of one fraction and of the course."""
    one = " / ".join(digits(f.mean_gy) for f in a.blood.fraction)
    d = Drawing(
        470,
        330,
        "Blood dose-volume histogram",
        f"Mean {one} Gy a fraction, {digits(a.blood.course.mean_gy)} Gy a course.",
        "blood-dvh",
    )
    phases = [
        (("one fraction" if len(a.phases) == 1 else short(p.label, 16)), s)
        for p, s in zip(a.phases, a.blood.fraction, strict=True)
    ]
    for k, (title, curves) in enumerate((("one fraction", phases), ("course", [("course", a.blood.course)]))):
        left, right = 46 + 234 * k, 218 + 234 * k
        end = round_up(max(_blood_top(s) for _, s in curves), 4)
        x, y = Scale(0.0, end, left, right), Scale(0.0, 100.0, 276, 44)
        d.text(left, 16, title, "panel")
        d.y_axis(y, left, right, [0, 25, 50, 75, 100], "blood [%]")
        d.x_axis(x, 276, 44, nice_ticks(0.0, end, 3), "dose [Gy]")
        for i, (name, s) in enumerate(curves):
            step = max(1, len(s.dose_gy) // 600)
            points = [
                (x(float(g)), y(100 * float(v)))
                for g, v in zip(s.dose_gy[::step], s.volume_fraction_cumulative[::step], strict=True)
                if g <= end
            ]
            if s.untouched > 0:
                points[0] = (points[0][0], y(100 * s.v_gt_0))
            d.line(points, f"curve c{i}", DASHES[i])
            if len(curves) > 1:
                d.text(right - 4, 60 + 15 * i, name, "note", "end")
    return d


def _blood_top(s: Any) -> float:
    above = np.flatnonzero(s.volume_fraction_cumulative > 0.002)
    return float(s.dose_gy[above[-1]]) if len(above) and s.dose_gy[above[-1]] > 0 else max(float(s.dose_gy[-1]), 1e-3)


#: A published model whose cut is not known answers for no grade, and so does one with a cut of its own.
NO_CUT, OTHER = "no-cut", "other-cut"
#: Shape of a voice's mark, how far below the row's middle it stands, and its words.
VOICE_MARKS = {
    "g3": ("circle", -5, "grade 3 or worse (< 0.5)"),
    "g4": ("diamond", 9, "grade 4 (< 0.2)"),
    NO_CUT: ("square", 2, "severe, cut not stated"),
    OTHER: ("triangle", 2, "another cut, named beside it"),
}


def voices_figure(a: Analysis) -> Drawing:
    """Three voices on one axis: probability of grade 3 or worse and of grade 4."""
    rows = _voice_rows(a)
    height = 40 * len(rows) + 84
    said = "; ".join(
        f"{name}: {', '.join(f'{k} {chance(v)}' for k, v, *_ in marks) or 'none'}" for name, _, marks in rows
    )
    d = Drawing(960, height, "Probability by three voices", said, "voices")
    x = Scale(0.0, 100.0, 250, 900)
    bottom = height - 46
    d.x_axis(x, bottom, 26, [0, 20, 40, 60, 80, 100], "probability [%]")
    used = {kind for *_, marks in rows for kind, *_ in marks}
    for k, (kind, (shape, _, text)) in enumerate(VOICE_MARKS.items()):
        if kind in (NO_CUT, OTHER) and kind not in used:
            continue
        d.mark(258 + 190 * k, 12, shape, f"{kind}-mark")
        d.text(268 + 190 * k, 16, text, "note")
    for i, (name, remark, marks) in enumerate(rows):
        middle = 48 + 40 * i
        d.text(240, middle, name, "strong", "end")
        d.text(240, middle + 14, short(remark, 40), "note", "end")
        for kind, p, low, high in marks:
            shape, lower, _ = VOICE_MARKS[kind]
            at = middle + lower
            if low is not None and high is not None:
                d.line([(x(100 * low), at), (x(100 * high), at)], f"whisker {kind}-line")
            d.mark(x(100 * p), at, shape, f"{kind}-mark")
            right = 100 * max(p, high or 0.0)
            d.text(x(right) + 12, at + 4, chance(p), "note")
        if not marks:
            d.text(x(0) + 8, middle + 4, "no estimate", "note")
    return d


Mark = tuple[str, float, float | None, float | None]


def _voice_rows(a: Analysis) -> list[tuple[str, str, list[Mark]]]:
    m = a.risk.mechanistic
    rows: list[tuple[str, str, list[Mark]]] = [
        ("Mechanistic", "this plan's doses", [("g3", m["g3"], None, None), ("g4", m["g4"], None, None)])
    ]
    learned = a.risk.learned
    if isinstance(learned, Absent):
        rows.append(("Trained predictor", learned.reason, []))
    else:
        marks: list[Mark] = []
        for kind in ("g3", "g4"):
            p = learned.p.get(kind)
            low, high = learned.interval.get(kind, (None, None))
            if p is not None:
                marks.append((kind, p, low, high))
        rows.append(("Trained predictor", learned.trained_on, marks))
    for e in a.risk.literature:
        if isinstance(e.p, float):
            kind = f"g{e.outcome.grade}" if e.outcome.grade in (3, 4) else NO_CUT if e.outcome.below is None else OTHER
            rows.append((short(model_name(e.name), 30), e.outcome.key, [(kind, e.p, e.p_low, e.p_high)]))
    if not any(isinstance(e.p, float) for e in a.risk.literature):
        rows.append(("Published models", "none applies to this case", []))
    return rows


def waterfall_figure(a: Analysis) -> Drawing | None:
    """The trained predictor's reasons: from its average patient to this one, by organ group, in log-odds."""
    e = a.explanation
    if isinstance(e, Absent):
        return None
    groups = sorted(e.organs, key=lambda g: -abs(g.log_odds))
    shown, rest = groups[: BARS - 1], groups[BARS - 1 :]
    steps: list[tuple[str, float, float | None, float | None]] = [(g.name, g.log_odds, g.low, g.high) for g in shown]
    if rest:
        steps.append((f"{len(rest)} more", sum(g.log_odds for g in rest), None, None))
    base, end = e.base, e.log_odds
    running = [base]
    for _, step, _, _ in steps:
        running.append(running[-1] + step)
    low, high = min(*running, end) - 0.4, max(*running, end) + 0.4
    height = 27 * (len(steps) + 2) + 78
    d = Drawing(
        470,
        height,
        f"Why the trained predictor says {percent(e.p)}",
        f"From its average patient at {percent(_p(base))}: "
        + "; ".join(f"{n} times {math.exp(v):.2f}" for n, v, *_ in steps),
        "waterfall",
    )
    x = Scale(low, high, 128, 400)
    bottom = height - 48
    for p in (0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98, 0.99):
        at = math.log(p / (1 - p))
        if low <= at <= high:
            d.line([(x(at), bottom), (x(at), 8)], "grid")
            d.text(x(at), bottom + 16, f"{100 * p:g}", "tick", "middle")
    d.text(264, bottom + 34, "probability [%] on the log-odds scale", "axis-label", "middle")
    d.text(122, 24, "average patient", "label", "end")
    d.mark(x(base), 20, "square", "base-mark", 4)
    d.text(x(base) + 9, 24, percent(_p(base)), "note")
    for i, (name, step, g_low, g_high) in enumerate(steps):
        top = 36 + 27 * i
        start, stop = x(running[i]), x(running[i + 1])
        d.line([(x(running[i]), top - 11), (x(running[i]), top + 17)], "connector")
        d.rect(min(start, stop), top, max(abs(stop - start), 1), 17, "bar up" if step > 0 else "bar down")
        if g_low is not None and g_high is not None and g_low < g_high:
            d.line([(x(running[i] + g_low), top + 8.5), (x(running[i] + g_high), top + 8.5)], "whisker")
        d.text(122, top + 13, short(name, 17), "label", "end")
        far = max(start, stop, x(running[i] + (g_high if g_high is not None else 0.0)))
        d.text(far + 6, top + 13, f"{'+' if step > 0 else '−'} odds ×{math.exp(step):.2f}", "note")
    last = 36 + 27 * len(steps)
    d.text(122, last + 13, "this patient", "strong", "end")
    d.mark(x(end), last + 9, "circle", "g3-mark")
    d.text(x(end) + 10, last + 13, percent(e.p), "strong")
    return d


def _p(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-log_odds))
