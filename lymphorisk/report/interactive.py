"""What makes a page answer: the data of its figures, one small script, and the policy that allows no other."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from lymphorisk.report.document import Document
from lymphorisk.report.svg import Plot, Point, Scale, Trace, thinned

#: A line may leave out points whose value it gives this closely: values are shown with one decimal.
SAME_VALUE = 0.02
STYLE = (
    ".ask { margin: 4px 0 8px; display: flex; flex-wrap: wrap; gap: 6px 10px; align-items: center; } "
    ".ask label { display: flex; gap: 6px; align-items: center; flex: 1 1 220px; } .ask input { flex: 1; } "
    ".ask output { flex: 1 1 100%; min-height: 1.5em; font-variant-numeric: tabular-nums; } "
    ".ask button { font: inherit; color: var(--ink); background: var(--panel); border: 1px solid var(--soft); "
    'border-radius: 4px; padding: 2px 8px; } .ask button[aria-pressed="true"] { border-color: var(--accent); '
    'box-shadow: inset 0 -2px var(--accent); } .ask button[aria-pressed="false"] { text-decoration: line-through; } '
    ".cursor { stroke-dasharray: 3 3; pointer-events: none; } "
    "@media print { .ask { display: none; } }"
)


@dataclass(frozen=True, slots=True)
class Interaction:
    """What an interactive page holds beside the other: data, script, style, and its policy."""

    data: str
    script: str
    policy: str
    style: str = STYLE


def interaction(document: Document) -> Interaction:
    """The script and what it may ask, of every figure that has lines to ask."""
    drawings = [d for f in document.figures() for d in (f.drawing, f.narrow) if d is not None]
    # A figure and its narrow form show the same lines: each is held once, and named by its place.
    lines = list(dict.fromkeys(t for d in drawings for p in d.plots for t in p.traces))
    place = {line: i for i, line in enumerate(lines)}
    data = {
        "traces": [_trace(t) for t in lines],
        "plots": {d.key: [_plot(d.title, p, place) for p in d.plots] for d in drawings if d.plots},
    }
    # A name of an export may hold "</script>"; JSON reads the escaped form as the same text.
    held = json.dumps(data, separators=(",", ":"), sort_keys=True).replace("<", "\\u003c")
    return Interaction(held, _script(), policy())


def policy() -> str:
    """The policy of an interactive page: its own script and no other, nothing from the network."""
    seen = base64.b64encode(hashlib.sha256(_script().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{seen}'; base-uri 'none'"


def _plot(title: str, plot: Plot, place: Mapping[Trace, int]) -> dict[str, Any]:
    return {
        "title": plot.name or title,
        "name": plot.name,
        "unit": plot.unit,
        "bands": [list(band) for band in plot.bands],
        "x": _scale(plot.x),
        "y": _scale(plot.y),
        "traces": [place[t] for t in plot.traces],
    }


def _trace(trace: Trace) -> dict[str, Any]:
    points = trace.points if trace.said else thinned(trace.points, _above, SAME_VALUE)
    return {
        "name": trace.name,
        "part": trace.part,
        "unit": trace.unit,
        "said": list(trace.said),
        "points": [[_short(x), _short(y)] for x, y in points],
    }


def _above(p: Point, a: Point, b: Point) -> float:
    """How far a point lies above or below a line at its own x: the error of a value read between two kept points."""
    if a[0] == b[0]:
        return max(min(a[1], b[1]) - p[1], p[1] - max(a[1], b[1]), 0.0)
    return abs(a[1] + (b[1] - a[1]) * (p[0] - a[0]) / (b[0] - a[0]) - p[1])


def _scale(scale: Scale) -> dict[str, Any]:
    return {name: _short(v) if isinstance(v, float) else v for name, v in asdict(scale).items()}


def _short(value: float) -> float:
    return float(f"{value:.6g}")


@cache
def _script() -> str:
    return (files("lymphorisk.report") / "templates" / "interactive.js").read_text(encoding="utf-8").strip()
