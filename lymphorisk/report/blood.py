"""Blood dose as text, JSON and the figure of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lymphorisk.absent import Absent
from lymphorisk.analysis.bloodonly import BloodResult, SweepPoint
from lymphorisk.circulation import BloodSummary
from lymphorisk.report.json_ import blood_to_dict
from lymphorisk.report.svg import Drawing, Scale, log_ticks, nice_ticks, round_up
from lymphorisk.report.wording import by_organ

SWEEP_SCHEMA = "lymphorisk/blood-sweep/1"
NAMED = '<svg xmlns="http://www.w3.org/2000/svg"'
STYLE = (
    "svg{background:#fff;font:13px sans-serif}.grid{stroke:#d8dde3;fill:none}.axis{stroke:#333;fill:none}"
    "text{fill:#222}.s0,.s1{stroke-width:2.2;fill:none}.s0{stroke:#0b5394}.s1{stroke:#a63d0f;stroke-dasharray:7 4}"
)
EDIC_NAMES = {"edic_gy": "EDIC", "edric_gy": "EDRIC", "edic_esophagus_gy": "EDIC, oesophageal"}


def to_dict(result: BloodResult) -> dict[str, Any]:
    """The envelope `lymphorisk/blood/1`."""
    return blood_to_dict(result.blood, result.edic, result.findings)


def text(result: BloodResult) -> str:
    """Fraction, course and bounds side by side; organs; EDIC."""
    b = result.blood
    names = ["fraction"] if len(b.fraction) == 1 else [f"fraction of {i + 1}" for i in range(len(b.fraction))]
    columns: list[tuple[str, BloodSummary]] = [*zip(names, b.fraction, strict=True), ("course", b.course)]
    columns += [(name.replace("_", " "), s) for name, s in b.bounds.items()]
    out = [f"{b.network}, engine {b.engine}, {b.stages} stages", ""]
    out.append(f"{'':24}" + "".join(f"{name:>14}" for name, _ in columns))
    rows: list[tuple[str, Any]] = [
        ("mean [Gy]", lambda s: f"{s.mean_gy:.4f}"),
        ("standard deviation [Gy]", lambda s: f"{s.sd_gy:.4f}"),
        ("D2% [Gy]", lambda s: f"{s.d2_gy:.4f}"),
        ("V>0 [%]", lambda s: f"{100 * s.v_gt_0:.2f}"),
        ("V>0.07Gy [%]", lambda s: f"{100 * s.v_gt_0_07:.2f}"),
        ("V>0.125Gy [%]", lambda s: f"{100 * s.v_gt_0_125:.2f}"),
        ("V>=0.5Gy [%]", lambda s: f"{100 * s.v_ge_0_5:.2f}"),
    ]
    out += [f"{label:24}" + "".join(f"{show(s):>14}" for _, s in columns) for label, show in rows]
    out += ["", "surviving lymphocytes in blood [%], no replacement"]
    for name in b.course.surviving:
        out.append(f"{name:24}" + "".join(f"{100 * s.surviving.get(name, float('nan')):14.2f}" for _, s in columns))
    out += ["", "mean course dose by organ [Gy]"]
    out += [f"  {organ:30}{dose:10.4f}" for organ, dose in by_organ(b.by_organ).items() if dose > 0]
    out += ["", "effective dose to immune cells [Gy]"]
    for key, label in EDIC_NAMES.items():
        value = result.edic[key]
        out.append(f"  {label:30}" + (f"  {value.reason}" if isinstance(value, Absent) else f"{value:10.2f}"))
    noted = [f for f in result.findings if f.severity != "info"]
    if noted:
        out += ["", *(f"{f.code} {f.severity}: {f.what}" for f in noted)]
    return "\n".join(out) + "\n"


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
    form = next(iter(rows[0].course.surviving))
    head = ("beam-on s", "mean Gy", "V>0 %", "V>0.125 %", "D2% Gy", f"surviving course % ({form})")
    out = ["".join(f"{h:>12}" for h in head)]
    for r in rows:
        f = r.fraction
        cells = (r.beam_on_s, f.mean_gy, 100 * f.v_gt_0, 100 * f.v_gt_0_125, f.d2_gy, 100 * r.course.surviving[form])
        out.append("".join(f"{c:12.4g}" for c in cells))
    return "\n".join(out) + "\n"


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
    d.line([(x(t), y(v)) for t, v in zip(times, alive, strict=True)], "line s0")
    d.line([(x(t), right(v)) for t, v in zip(times, hot, strict=True)], "line s1 dash1")
    d.text(x(times[0]) + 6, y(alive[0]) - 8, f"surviving ({form})", "label")
    d.text(x(times[-1]) - 6, right(hot[-1]) + 22, "D2% of a fraction, right scale [Gy]", "label", "end")
    for tick in nice_ticks(0.0, round_up(max(hot)), 4):
        d.text(646, right(tick) + 4, f"{tick:g}", "tick")
    return stand_alone(d.svg())


def stand_alone(figure: str) -> str:
    """A figure of the reports as a file of its own: name space and colours inside, readable without colour."""
    head, rest = figure.split(">", 1)
    return f"{head.replace('<svg', NAMED, 1)}><style>{STYLE}</style>{rest}"
