"""Blood dose as text, JSON and the figure of a sweep."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lymphorisk.absent import Absent
from lymphorisk.analysis.bloodonly import BloodResult, SweepPoint
from lymphorisk.analysis.envelope import blood_to_dict
from lymphorisk.circulation import BloodDose, BloodSummary
from lymphorisk.lymphocyte.survival import CONFLICT
from lymphorisk.organs.compartments import by_organ
from lymphorisk.report.content import EDIC_NAMES
from lymphorisk.report.palette import LIGHT, figure_css, variables
from lymphorisk.report.svg import Drawing, Scale, log_ticks, nice_ticks, round_up
from lymphorisk.report.table import Column, Table, tabled, text_lines

SWEEP_SCHEMA = "lymphorisk/blood-sweep/1"
NAMED = '<svg xmlns="http://www.w3.org/2000/svg"'
STYLE = f":root{{{variables(LIGHT)}}}svg{{background:#fff;font-family:sans-serif}}{figure_css()}"


def to_dict(result: BloodResult) -> dict[str, Any]:
    """The envelope `lymphorisk/blood/1`."""
    return blood_to_dict(result.blood, result.edic, result.findings)


def text(result: BloodResult) -> str:
    """Fraction, course and bounds side by side; organs; EDIC."""
    b = result.blood
    out = [f"{b.network}, engine {b.engine}, {b.stages} stages", "", *text_lines(dose_table(b), "")]
    out += ["", "surviving lymphocytes in blood [%], no replacement", *text_lines(surviving_table(b), ""), CONFLICT]
    out += ["", "mean course dose by organ [Gy]", *text_lines(organ_table(b))]
    out += ["", "effective dose to immune cells [Gy]", *text_lines(edic_table(result.edic))]
    noted = [f for f in result.findings if f.severity != "info"]
    if noted:
        out += ["", *(f.line() for f in noted)]
    return "\n".join(out) + "\n"


def _summaries(b: BloodDose) -> dict[str, BloodSummary]:
    names = ["fraction"] if len(b.fraction) == 1 else [f"fraction of {i + 1}" for i in range(len(b.fraction))]
    bounds = {name.replace("_", " "): s for name, s in b.bounds.items()}
    return {**dict(zip(names, b.fraction, strict=True)), "course": b.course, **bounds}


Measure = tuple[str, Callable[[BloodSummary], str]]
MEASURES: tuple[Measure, ...] = (
    ("mean [Gy]", lambda s: f"{s.mean_gy:.4f}"),
    ("standard deviation [Gy]", lambda s: f"{s.sd_gy:.4f}"),
    ("D2% [Gy]", lambda s: f"{s.d2_gy:.4f}"),
    ("V>0 [%]", lambda s: f"{100 * s.v_gt_0:.2f}"),
    ("V>0.07Gy [%]", lambda s: f"{100 * s.v_gt_0_07:.2f}"),
    ("V>0.125Gy [%]", lambda s: f"{100 * s.v_gt_0_125:.2f}"),
    ("V>=0.5Gy [%]", lambda s: f"{100 * s.v_ge_0_5:.2f}"),
)


def dose_table(b: BloodDose) -> Table:
    """A line a measure, a column a summary: fraction, course, bounds."""
    return _by_summary("Blood dose", MEASURES, b)


def surviving_table(b: BloodDose) -> Table:
    """A line a survival model, a column a summary. [%]"""

    def measure(name: str) -> Measure:
        return name, lambda s: f"{100 * s.surviving[name]:.2f}" if name in s.surviving else "-"

    return _by_summary("Surviving lymphocytes [%]", [measure(name) for name in b.course.surviving], b)


def _by_summary(caption: str, measures: Sequence[Measure], b: BloodDose) -> Table:
    def column(head: str, s: BloodSummary) -> Column[Measure]:
        return Column(head, lambda m: m[1](s), numeric=True)

    columns: list[Column[Measure]] = [Column("", lambda m: m[0], width=4)]
    return tabled(caption, measures, [*columns, *(column(head, s) for head, s in _summaries(b).items())])


def organ_table(b: BloodDose) -> Table:
    """What each organ's blood adds to the mean course dose. [Gy]"""
    columns: tuple[Column[tuple[str, float]], ...] = (
        Column("organ", lambda r: r[0]),
        Column("Gy", lambda r: f"{r[1]:.4f}", numeric=True),
    )
    return tabled("Mean course dose by organ", [r for r in by_organ(b.by_organ).items() if r[1] > 0], columns)


def edic_table(edic: Mapping[str, float | Absent]) -> Table:
    """Effective doses, or why there are none."""
    columns: tuple[Column[tuple[str, float | Absent]], ...] = (
        Column("model", lambda r: EDIC_NAMES.get(r[0], r[0])),
        Column("Gy", lambda r: r[1].reason if isinstance(r[1], Absent) else f"{r[1]:.2f}"),
    )
    return tabled("Effective dose to immune cells", edic.items(), columns)


def sweep_to_dict(rows: Sequence[SweepPoint]) -> dict[str, Any]:
    """The envelope `lymphorisk/blood-sweep/1`."""
    return {
        "schema": SWEEP_SCHEMA,
        "points": [
            {
                "beam_on_s": r.beam_on_s,
                "mean_gy": r.fraction.mean_gy,
                "v_gt_0": r.fraction.v_gt_0,
                "v_gt_0_125": r.fraction.v_gt_0_125,
                "d2_gy": r.fraction.d2_gy,
                "surviving_fraction": dict(r.fraction.surviving),
                "surviving_course": dict(r.course.surviving),
            }
            for r in rows
        ],
    }


def sweep_text(rows: Sequence[SweepPoint]) -> str:
    """One line a beam-on time."""
    return "\n".join(text_lines(sweep_table(rows), "")) + "\n"


def sweep_table(rows: Sequence[SweepPoint]) -> Table:
    """Blood dose of a fraction and survival over the course, by beam-on time."""
    form = next(iter(rows[0].course.surviving))
    columns: tuple[Column[SweepPoint], ...] = (
        Column("beam-on s", lambda r: f"{r.beam_on_s:.4g}", numeric=True),
        Column("mean Gy", lambda r: f"{r.fraction.mean_gy:.4g}", numeric=True),
        Column("V>0 %", lambda r: f"{100 * r.fraction.v_gt_0:.4g}", numeric=True),
        Column("V>0.125 %", lambda r: f"{100 * r.fraction.v_gt_0_125:.4g}", numeric=True),
        Column("D2% Gy", lambda r: f"{r.fraction.d2_gy:.4g}", numeric=True),
        Column(f"surviving course % ({form})", lambda r: f"{100 * r.course.surviving[form]:.4g}", numeric=True),
    )
    return tabled("Blood dose by beam-on time", rows, columns)


def sweep_figure(rows: Sequence[SweepPoint]) -> str:
    """Surviving lymphocytes of the course and D2% of a fraction against beam-on time, as a stand-alone SVG."""
    form = next(iter(rows[0].course.surviving))
    times = [r.beam_on_s for r in rows]
    alive = [100 * r.course.surviving[form] for r in rows]
    hot = [r.fraction.d2_gy for r in rows]
    d = Drawing(
        720,
        360,
        "Blood dose against beam-on time",
        f"Surviving lymphocytes of the course from {alive[0]:.0f} to {alive[-1]:.0f} %.",
        "sweep",
    )
    x = Scale(times[0], times[-1], 70, 640, log=True)
    most = min(round_up(max(alive)), 100.0)
    y = Scale(0.0, most, 300, 20)
    right = Scale(0.0, round_up(max(hot)), 300, 20)
    d.y_axis(y, 70, 640, nice_ticks(0.0, most, 5), "surviving, course [%]")
    d.x_axis(x, 300, 20, log_ticks(times[0], times[-1]), "beam-on time of a fraction [s]")
    d.line([(x(t), y(v)) for t, v in zip(times, alive, strict=True)], "curve c0")
    d.line([(x(t), right(v)) for t, v in zip(times, hot, strict=True)], "curve c1", "7 4")
    d.text(x(times[0]) + 6, y(alive[0]) - 8, f"surviving ({form})", "label")
    d.text(x(times[-1]) - 6, right(hot[-1]) + 22, "D2% of a fraction, right scale [Gy]", "label", "end")
    for tick in nice_ticks(0.0, round_up(max(hot)), 4):
        d.text(646, right(tick) + 4, f"{tick:g}", "tick")
    return stand_alone(d.svg())


def stand_alone(figure: str) -> str:
    """A figure of the reports as a file of its own: name space and colours inside, readable without colour."""
    head, rest = figure.split(">", 1)
    return f"{head.replace('<svg', NAMED, 1)}><style>{STYLE}</style>{rest}"
