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
from lymphorisk.report.legend import NARROW, WIDE, Entry, legend, legend_height, letter
from lymphorisk.report.palette import LINES
from lymphorisk.report.svg import Drawing, Plot, Scale, Trace, log_ticks, nice_ticks, round_up, text_width
from lymphorisk.report.wording import (
    GRADE_EDGES,
    NOBODY_DREW,
    POOL_LABELS,
    chance,
    digits,
    model_name,
    percent,
    plural,
    short,
)

if TYPE_CHECKING:
    from lymphorisk.analysis import Analysis, OrganDose
    from lymphorisk.analysis.therapy import TherapyCalendar
    from lymphorisk.circulation import BloodSummary
    from lymphorisk.lymphocyte import AlcForecast

#: The forecast is drawn at least this long, and at least so many times the course. [d]
SHOWN_DAYS = 180
SHOWN_COURSES = 3
#: Room after the last day of a therapy. [d]
MARGIN_DAYS = 14.0
#: The kind of the shade of a window, the letters of therapies, and the room one takes. [px]
WINDOW = "area2"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LETTER_ROOM, HALF = 24.0, 0.5
COUNT_FLOOR = 0.02
BARS = 10
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
#: What a reader may hide of the forecast, and its part of the drawing.
BANDS = (("median", "median"), *((f"{n} % inside", f"band{n}") for n in (50, 80, 95)), ("nadir", "nadir"))
LETTERS = "abcdefgh"
ORGAN_NAME = 18
#: Dashes of the grade lines, so that they differ without colour.
GRADE_DASHES = {"2": "3 3", "3": "6 4", "4": "12 4"}
#: Where the count's plot, its axis and its legend stand. [px]
COUNT_LEFT, COUNT_TOP, COUNT_BOTTOM, COUNT_LEGEND = 52.0, 38.0, 350.0, 402.0
DVH_BOTTOM, DVH_LEGEND = 330.0, 384.0
BLOOD_PANEL = 250.0
#: Height of a named bar; room of the voices' names at the left and of a number at the right. [px]
BAR_ROW, VOICE_NAMES, VOICE_NUMBER = 46.0, 330.0, 66.0
#: Two numbers of an axis stand at least this far apart. [px]
TICK_ROOM = 34.0


def therapy_figure(a: Analysis, width: int = WIDE) -> Drawing | None:
    """The count over time with the days of drugs and cells and the window after the course; None without any."""
    return None if a.therapies is None else alc_figure(a, width, a.therapies)


def alc_figure(a: Analysis, width: int = WIDE, calendar: TherapyCalendar | None = None) -> Drawing:
    """The count over time: median, 50, 80 and 95 % bands, grade lines, fractions, nadir; with a calendar its days."""
    f = a.forecast
    last = max((p.days[-1] for p in a.phases if p.days), default=0.0)
    ends = [] if calendar is None else [float(d.day) + MARGIN_DAYS for d in calendar.days]
    until = min(float(f.day[-1]), max(SHOWN_DAYS, SHOWN_COURSES * last, *ends))
    shown = f.day <= until
    day = f.day[shown]
    q = {name: np.maximum(values[shown], COUNT_FLOOR) for name, values in f.quantiles.items()}
    top = max(float(q["p975"].max()), f.baseline_alc, GRADE_EDGES["2"]) * 1.15
    bottom = max(min(float(q["p025"].min()), GRADE_EDGES["4"]) * 0.85, COUNT_FLOOR)
    names = [*_alc_names(a, bottom, top, until), *_therapy_names(calendar)]
    left, right = COUNT_LEFT, width - 18.0
    days_given = "" if calendar is None else ", with days of drugs and cells"
    d = Drawing(
        width,
        int(COUNT_LEGEND + legend_height(names, width - 10.0) + 4),
        f"Forecast of the absolute lymphocyte count{days_given}",
        f"Median from {digits(f.baseline_alc, 2)} to {digits(f.nadir.median, 2)} times 10 to the 9 per litre "
        f"{f.nadir.when}; 90 percent band of the nadir {digits(f.nadir.p05, 2)} to {digits(f.nadir.p95, 2)}.",
        _key("alc" if calendar is None else "therapy", width),
    )
    x, y = Scale(0.0, until, left, right), Scale(bottom, top, COUNT_BOTTOM, COUNT_TOP, log=True)
    for p in a.phases:
        if p.days:
            d.rect(x(p.days[0]), y.end, max(x(p.days[-1]) - x(p.days[0]), 2), y.start - y.end, "course")
    if calendar is not None and calendar.window is not None:
        start, end = x(calendar.window.first_d), x(min(calendar.window.last_d, until))
        d.rect(start, y.end, end - start, y.start - y.end, WINDOW)
    d.y_axis(y, left, right, log_ticks(bottom, top), "count [10⁹/L], logarithmic")
    d.x_axis(x, y.start, y.start, nice_ticks(0.0, until, 9 if width == WIDE else 5), "days from the first fraction")
    xs = [x(float(t)) for t in day]
    for low, high, kind in (("p025", "p975", "band95"), ("p10", "p90", "band80"), ("p25", "p75", "band50")):
        with d.part(kind):
            d.band(xs, [y(float(v)) for v in q[low]], [y(float(v)) for v in q[high]], kind)
    for grade, edge in GRADE_EDGES.items():
        d.line([(left, y(edge)), (right, y(edge))], f"threshold g{grade}", GRADE_DASHES[grade])
    if f.lln is not None and bottom < f.lln < top:
        d.line([(left, y(f.lln)), (right, y(f.lln))], "threshold", "2 4")
    with d.part("median"):
        d.line(list(zip(xs, (y(float(v)) for v in q["p50"]), strict=True)), "median")
    for t in (t for p in a.phases for t in p.days if t <= until):
        d.line([(x(t), y.start), (x(t), y.start - 7)], "fraction")
    with d.part("nadir"):
        nadir_mark(d, f, x, y, until)
    if calendar is not None:
        _therapy_days(d, calendar, x, y, until)
    legend(d, names, 4.0, COUNT_LEGEND, width - 10.0)
    d.plots.append(Plot(x, y, "day", (count_trace("", f, until, "median"),), bands=BANDS))
    return d


def count_trace(name: str, f: AlcForecast, until: float, kind: str) -> Trace:
    """What a reader may ask of a forecast: its median and bands, day by day."""
    shown = f.day <= until
    rows = list(zip(*(f.quantiles[p][shown].tolist() for p in ("p50", "p25", "p75", "p05", "p95")), strict=True))
    return Trace(
        name,
        kind,
        tuple((float(t), float(r[0])) for t, r in zip(f.day[shown], rows, strict=True)),
        tuple(
            f"{digits(r[0], 2)} ×10⁹/L, 50 %: {digits(r[1], 2)} to {digits(r[2], 2)}, "
            f"90 %: {digits(r[3], 2)} to {digits(r[4], 2)}"
            for r in rows
        ),
        part=kind,
    )


def _key(name: str, width: int) -> str:
    """The key of a figure; both widths of one stand in the same page."""
    return name if width == WIDE else f"{name}-narrow"


def _alc_names(a: Analysis, bottom: float, top: float, until: float) -> list[Entry]:
    f = a.forecast
    names = [Entry("median", "median"), *(Entry(f"{n} % inside", f"band{n}") for n in (50, 80, 95))]
    names += [
        Entry(f"grade {g}: below {edge:g}", f"threshold g{g}", GRADE_DASHES[g], look=f"label g{g}-text")
        for g, edge in GRADE_EDGES.items()
    ]
    if f.lln is not None and bottom < f.lln < top:
        names.append(Entry(f"LLN {f.lln:g} (grade 1)", "threshold", "2 4"))
    if f.nadir.usual_day <= until:
        said = f"nadir: {digits(f.nadir.median, 2)}, {f.nadir.span}"
        names.append(Entry(said, "nadir", shape="circle", look="strong"))
    if any(p.days for p in a.phases):
        names.append(Entry(plural(a.fractions, "fraction"), "fraction"))
    return names


def _letters(calendar: TherapyCalendar) -> dict[str, tuple[str, str]]:
    """A letter and a colour for each therapy, in the order of their first days."""
    names = dict.fromkeys(day.name for day in calendar.days)
    return {name: (LETTERS[i % len(LETTERS)], f"c{1 + i % (LINES - 1)}") for i, name in enumerate(names)}


def _therapy_names(calendar: TherapyCalendar | None) -> list[Entry]:
    if calendar is None:
        return []
    out = [
        Entry(short(name), f"thin {colour}", letter=letter_) for name, (letter_, colour) in _letters(calendar).items()
    ]
    if (w := calendar.window) is not None:
        out.append(Entry(f"day {w.first_d:g} to {w.last_d:g}: window of a trial", WINDOW))
    return out


def _therapy_days(d: Drawing, calendar: TherapyCalendar, x: Scale, y: Scale, until: float) -> None:
    """A line on each day a drug or cells are given, with the letter of the therapy above the plot's lower edge."""
    of = _letters(calendar)
    seen: dict[int, int] = {}
    for day in calendar.days:
        if not 0 <= day.day <= until:
            continue
        name, colour = of[day.name]
        level = seen[day.day] = seen.get(day.day, -1) + 1
        d.line([(x(day.day), y.start), (x(day.day), y.end)], f"thin {colour}", "4 3")
        letter(d, x(day.day), y.end + LETTER_ROOM * (level + HALF), name, colour)


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


def dvh_figure(a: Analysis, width: int = WIDE) -> Drawing | None:
    """Cumulative DVHs of the course, lymphoid organs left, blood-filled organs right; None without any."""
    known = {name: o for name, o in a.organs.items() if o.source not in NOBODY_DREW and o.course.dose_gy[-1] > 0}
    left = _chosen(known, LYMPHOID, ("spleen", "nodes", "marrow", "gut", "thymus"))
    right = _chosen({n: o for n, o in known.items() if n not in left}, BLOOD_FILLED, ())
    panels = [(t, p) for t, p in (("Lymphoid organs", left), ("Blood-filled organs", right)) if p]
    if not panels:
        return None
    highest = round_up(max(_top(o.course) for _, panel in panels for o in panel.values()))
    entries = [_dvh_names(panel) for _, panel in panels]
    across = len(panels) if width == WIDE else 1
    wide = width / across
    heights = [DVH_LEGEND + legend_height(e, wide - 20.0) + 12 for e in entries]
    d = Drawing(
        width,
        int(max(heights) if across > 1 else sum(heights)),
        "Dose-volume histograms of the course",
        "; ".join(f"{n}: mean {digits(o.course.mean_gy)} Gy" for _, panel in panels for n, o in panel.items()),
        _key("dvh", width),
    )
    for k, (title, panel) in enumerate(panels):
        begin, top = (k * wide, 0.0) if across > 1 else (0.0, sum(heights[:k]))
        _dvh_panel(d, title, panel, begin, top, wide, highest, f"{k}")
        legend(d, entries[k], begin + 4.0, top + DVH_LEGEND, wide - 20.0)
    return d


def _dvh_names(panel: Mapping[str, OrganDose]) -> list[Entry]:
    return [
        Entry(f"{LETTERS[i]} {short(name, ORGAN_NAME)}, mean {digits(o.course.mean_gy)} Gy", f"curve c{i}", DASHES[i])
        for i, (name, o) in enumerate(panel.items())
    ]


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
    d: Drawing,
    title: str,
    panel: Mapping[str, OrganDose],
    left: float,
    top: float,
    wide: float,
    highest: float,
    number: str,
) -> None:
    x, y = Scale(0.0, highest, left + 44, left + wide - 16), Scale(0.0, 100.0, top + DVH_BOTTOM, top + 58)
    d.text(left + 4, top + 16, title, "panel")
    d.y_axis(y, x.start, x.end, [0, 25, 50, 75, 100], "volume [%]")
    d.x_axis(x, y.start, y.end, nice_ticks(0.0, highest, 5), "course dose [Gy]")
    taken: list[tuple[float, float]] = []
    traces = []
    for i, (name, organ) in enumerate(panel.items()):
        curve = cumulative(organ.course)
        points = [(x(g), y(100 * v)) for g, v in curve]
        with d.part(f"{number}c{i}"):
            d.line(points, f"curve c{i}", DASHES[i])
        taken.append(_free_place(points, taken, x.start, y))
        traces.append(volume_trace(f"{LETTERS[i]} {short(name, ORGAN_NAME)}", curve, f"c{i}", number))
    for i, at in enumerate(taken):
        with d.part(f"{number}c{i}"):
            letter(d, *at, LETTERS[i], f"c{i}")
    d.plots.append(Plot(x, y, "Gy", tuple(traces), title))


def volume_trace(name: str, curve: Sequence[tuple[float, float]], kind: str, panel: str) -> Trace:
    """What a reader may ask of a histogram: the share at or above each dose; `panel` tells its part from others'."""
    return Trace(name, kind, tuple((g, 100 * v) for g, v in curve), unit="%", part=f"{panel}{kind}")


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


Bar = tuple[str, float, str]


def bars(
    key: str,
    title: str,
    rows: Sequence[Bar],
    label: str,
    kind: str = "bar",
    ranges: Sequence[tuple[float, float]] = (),
) -> Drawing:
    """Horizontal bars, each under its name and its number; a line in each of `ranges`."""
    d = Drawing(NARROW, int(BAR_ROW * len(rows) + 32), title, "; ".join(f"{n}: {text}" for n, _, text in rows), key)
    most = max((v for v in [*(v for _, v, _ in rows), *(high for _, high in ranges)]), default=1.0)
    x = Scale(0.0, most if most > 0 else 1.0, 4.0, NARROW - 4.0)
    for i, (name, value, text) in enumerate(rows):
        top = BAR_ROW * i
        _named_row(d, name, text, top)
        d.rect(x.start, top + 23, max(x(value) - x.start, 1.0), 14, kind)
        if ranges and ranges[i][0] < ranges[i][1]:
            d.line([(x(ranges[i][0]), top + 30), (x(ranges[i][1]), top + 30)], "whisker")
    d.line([(x.start, 4), (x.start, BAR_ROW * len(rows))], "axis")
    d.text(4.0, d.height - 10, label, "axis-label")
    return d


def _named_row(d: Drawing, name: str, text: str, top: float, look: str = "label") -> None:
    """A name at the left and a number at the right, in one line that neither leaves."""
    room = int((NARROW - 24 - text_width(text)) / text_width("x"))
    d.text(8.0, top + 17, short(name, max(room, 4)), f"{look} halo")
    d.text(NARROW - 4.0, top + 17, text, "note halo", "end")


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
    phases = [
        (("one fraction" if len(a.phases) == 1 else short(p.label, 16)), s)
        for p, s in zip(a.phases, a.blood.fraction, strict=True)
    ]
    names = [Entry(name, f"curve c{i}", DASHES[i % len(DASHES)]) for i, (name, _) in enumerate(phases[:CURVES])]
    names = names if len(phases) > 1 else []
    room = legend_height(names, NARROW - 8.0)
    d = Drawing(
        NARROW,
        int(2 * BLOOD_PANEL + room),
        "Blood dose-volume histogram",
        f"Mean {one} Gy a fraction, {digits(a.blood.course.mean_gy)} Gy a course.",
        "blood-dvh",
    )
    top = 0.0
    for title, curves in (("one fraction", phases[:CURVES]), ("course", [("course", a.blood.course)])):
        _blood_panel(d, title, curves, top)
        top = legend(d, names if top == 0 else [], 4.0, top + BLOOD_PANEL, NARROW - 8.0)
    return d


def _blood_panel(d: Drawing, title: str, curves: Sequence[tuple[str, BloodSummary]], top: float) -> None:
    end = round_up(max(_blood_top(s) for _, s in curves), 4)
    x, y = Scale(0.0, end, 44.0, NARROW - 16.0), Scale(0.0, 100.0, top + BLOOD_PANEL - 56, top + 58)
    d.text(4.0, top + 16, title, "panel")
    d.y_axis(y, x.start, x.end, [0, 25, 50, 75, 100], "blood [%]")
    d.x_axis(x, y.start, y.end, nice_ticks(0.0, end, 3), "dose [Gy]")
    traces = []
    for i, (name, s) in enumerate(curves):
        step = max(1, len(s.dose_gy) // 600)
        curve = [
            (float(g), float(v))
            for g, v in zip(s.dose_gy[::step], s.volume_fraction_cumulative[::step], strict=True)
            if g <= end
        ]
        if s.untouched > 0:
            curve[0] = (curve[0][0], s.v_gt_0)
        with d.part(f"{title[0]}c{i}"):
            d.line([(x(g), y(100 * v)) for g, v in curve], f"curve c{i}", DASHES[i])
        traces.append(volume_trace(name, curve, f"c{i}", title[0]))
    d.plots.append(Plot(x, y, "Gy", tuple(traces), title))


def _blood_top(s: Any) -> float:
    above = np.flatnonzero(s.volume_fraction_cumulative > 0.002)
    return float(s.dose_gy[above[-1]]) if len(above) and s.dose_gy[above[-1]] > 0 else max(float(s.dose_gy[-1]), 1e-3)


#: A published model whose cut is not known answers for no grade, and so does one with a cut of its own.
NO_CUT, OTHER = "no-cut", "other-cut"
#: Shape of a voice's mark, how far below the row's middle it stands, and its words.
VOICE_MARKS = {
    "g3": ("circle", -10, "grade 3 or worse (< 0.5)"),
    "g4": ("diamond", 10, "grade 4 (< 0.2)"),
    NO_CUT: ("square", 2, "severe, cut not stated"),
    OTHER: ("triangle", 2, "another cut, named beside it"),
}


def voices_figure(a: Analysis, width: int = WIDE) -> Drawing:
    """Three voices on one axis: probability of grade 3 or worse and of grade 4."""
    rows = _voice_rows(a)
    used = {kind for *_, marks in rows for kind, *_ in marks}
    names = [
        Entry(text, f"{kind}-mark", shape=shape)
        for kind, (shape, _, text) in VOICE_MARKS.items()
        if kind in used or kind not in (NO_CUT, OTHER)
    ]
    head = legend_height(names, width - 8.0) + 14
    left, below, row = (VOICE_NAMES, 0.0, 56.0) if width == WIDE else (12.0, 44.0, 92.0)
    bottom = head + row * len(rows) + 4
    said = "; ".join(
        f"{name}: {', '.join(f'{k} {chance(v)}' for k, v, *_ in marks) or 'none'}" for name, _, marks in rows
    )
    d = Drawing(width, int(bottom + 50), "Probability by three voices", said, _key("voices", width))
    legend(d, names, 4.0, 0.0, width - 8.0)
    x = Scale(0.0, 100.0, left, width - VOICE_NUMBER)
    d.x_axis(x, bottom, head, [0, 20, 40, 60, 80, 100], "probability [%]")
    letters = int((VOICE_NAMES if width == WIDE else width - 16.0) / text_width("x"))
    for i, (name, remark, marks) in enumerate(rows):
        top = head + row * i
        d.text(8.0, top + 20, short(name, letters), "strong halo")
        d.text(8.0, top + 39, short(remark, letters), "note halo")
        middle = top + below + 26
        for kind, p, low, high in marks:
            shape, lower, _ = VOICE_MARKS[kind]
            at = middle + lower
            if low is not None and high is not None:
                d.line([(x(100 * low), at), (x(100 * high), at)], f"whisker {kind}-line")
            d.mark(x(100 * p), at, shape, f"{kind}-mark")
            d.text(x(100 * max(p, high or 0.0)) + 12, at + 5, chance(p), "note halo")
        if not marks:
            d.text(x(0) + 8, middle + 5, "no estimate", "note halo")
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
    """The trained predictor's reasons: from the same patient without dose to this one, by organ group, in log-odds."""
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
    reached = [*running, end, *(running[i] + g for i, s in enumerate(steps) for g in s[2:] if g is not None)]
    bottom = BAR_ROW * (len(steps) + 2) + 4
    d = Drawing(
        NARROW,
        int(bottom + 50),
        f"Why the trained predictor says {percent(e.p)}",
        f"From {e.reference} at {percent(_p(base))}: "
        + "; ".join(f"{n} times {math.exp(v):.2f}" for n, v, *_ in steps),
        "waterfall",
    )
    x = Scale(min(reached) - 0.2, max(reached) + 0.2, 12.0, NARROW - 12.0)
    _odds_axis(d, x, bottom)
    _named_row(d, "without dose and drugs", percent(_p(base)), 0.0)
    d.mark(x(base), 30, "square", "base-mark", 5)
    for i, (name, step, g_low, g_high) in enumerate(steps):
        top = BAR_ROW * (i + 1)
        start, stop = x(running[i]), x(running[i + 1])
        d.line([(start, top + 20), (start, top + 40)], "connector")
        d.rect(min(start, stop), top + 23, max(abs(stop - start), 1), 14, "bar up" if step > 0 else "bar down")
        if g_low is not None and g_high is not None and g_low < g_high:
            d.line([(x(running[i] + g_low), top + 30), (x(running[i] + g_high), top + 30)], "whisker")
        _named_row(d, name, f"{'+' if step > 0 else '−'} odds ×{math.exp(step):.2f}", top)
    last = BAR_ROW * (len(steps) + 1)
    _named_row(d, "this patient", percent(e.p), last, "strong")
    d.mark(x(end), last + 30, "circle", "g3-mark")
    return d


def agreement_figure(a: Analysis) -> Drawing | None:
    """Physics and trained predictor by player, each as shares of what all players add, one bar above the other."""
    if a.agreement is None:
        return None
    rows = (*a.agreement.pairs, *a.agreement.others)
    lost, moved = sum(max(loss, 0.0) for _, loss, _ in rows), sum(max(odds, 0.0) for *_, odds in rows)
    if not rows or not lost > 0 or not moved > 0:
        return None
    shares = [(name, max(loss, 0.0) / lost, max(odds, 0.0) / moved) for name, loss, odds in rows]
    said = "; ".join(f"{n}: physics {percent(p)}, predictor {percent(m)}" for n, p, m in shares)
    d = Drawing(NARROW, int(PAIR_ROW * len(shares) + 32), "Physics against the trained predictor", said, "agreement")
    x = Scale(0.0, max(max(p, m) for _, p, m in shares), 4.0, NARROW - 4.0)
    for i, (name, physics, model) in enumerate(shares):
        top = PAIR_ROW * i
        _named_row(d, name, f"physics {percent(physics)}, predictor {percent(model)}", top)
        d.rect(x.start, top + 23, max(x(physics) - x.start, 1.0), 9, "bar loss")
        d.rect(x.start, top + 33, max(x(model) - x.start, 1.0), 9, "bar up")
    d.line([(x.start, 4), (x.start, PAIR_ROW * len(shares))], "axis")
    d.text(4.0, d.height - 10, "share of what all add: above physics, below the trained predictor", "axis-label")
    return d


#: Height of a row with two bars.
PAIR_ROW = 48
#: Probabilities named on an axis of log-odds.
ODDS_TICKS = (0.5, 0.1, 0.9, 0.01, 0.99, 0.2, 0.8, 0.05, 0.95, 0.35, 0.65, 0.02, 0.98)


def _odds_axis(d: Drawing, x: Scale, bottom: float) -> None:
    """Probabilities on the log-odds scale, those first that are named first and leave the others room."""
    set_: list[float] = []
    for p in ODDS_TICKS:
        odds = math.log(p / (1 - p))
        if x.low <= odds <= x.high and all(abs(x(odds) - other) > TICK_ROOM for other in set_):
            set_.append(x(odds))
            d.line([(x(odds), bottom), (x(odds), 4)], "grid")
            d.text(x(odds), bottom + 19, f"{100 * p:g}", "tick", "middle")
    d.text(NARROW / 2, bottom + 41, "probability [%] on the log-odds scale", "axis-label", "middle")


def _p(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-log_odds))
