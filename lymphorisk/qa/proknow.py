"""Protocols as a ProKnow-style scorecard (JSON).

A scorecard orders its bins from best to worst; N bins have N - 1 edges, and the side an edge
is written on decides equality: ``max`` takes the edge itself, ``min`` too.
"""

from __future__ import annotations

import json
import re
from typing import Any

from lymphorisk.errors import ScenarioError
from lymphorisk.qa.protocol import Limit, Line, Protocol

GRAMMAR: tuple[tuple[str, str], ...] = (
    ("DOSE_VOLUME_PERCENT_ROI", "D{}%[Gy]"),
    ("DOSE_VOLUME_CC_ROI", "D{}cc[Gy]"),
    ("DOSE_VOLUME_MINUS_CC_ROI", "DC{}cc[Gy]"),
    ("VOLUME_CC_DOSE_ROI", "V{}Gy[cc]"),
    ("VOLUME_PERCENT_DOSE_ROI", "V{}Gy[%]"),
    ("MIN_DOSE_ROI", "Min[Gy]"),
    ("MAX_DOSE_ROI", "Max[Gy]"),
    ("MEAN_DOSE_ROI", "Mean[Gy]"),
)
PASS, VARIATION, FAIL = ("PASS", [18, 191, 0]), ("VARIATION", [255, 216, 0]), ("FAIL", [255, 0, 0])
NUMBER = r"(\d+(?:\.\d+)?)"


def loads(text: str) -> Protocol:
    """A protocol from a scorecard.

    Two bins are a goal, three a goal and a variation limit.

    Raises
    ------
    ScenarioError
        Not JSON, a metric kind or a number of bins that a protocol cannot hold.
    """
    try:
        card = json.loads(text)
    except json.JSONDecodeError as error:
        raise ScenarioError(f"the scorecard is not valid JSON: {error}") from None
    computed = card.get("computed") if isinstance(card, dict) else None
    if not isinstance(computed, list) or not computed:
        raise ScenarioError("the scorecard has no 'computed' metrics")
    return Protocol(name=str(card.get("name", "")), lines=tuple(_line(m, i) for i, m in enumerate(computed, start=1)))


def _line(metric: dict[str, Any], number: int) -> Line:
    templates = dict(GRAMMAR)
    kind = metric.get("type")
    if kind not in templates:
        raise ScenarioError(f"metric {number}: kind {kind!r} is not supported", f"supported: {', '.join(templates)}")
    argument = metric.get("arg_1")
    goal, variation = _limits(metric.get("objectives") or [], number)
    template = templates[kind]
    if "{}" in template and argument is None:
        raise ScenarioError(f"metric {number}: {kind} needs arg_1")
    return Line(
        metric=template.format(f"{float(argument):.12g}") if argument is not None else template,
        structure=str(metric.get("roi_name", "")),
        goal=goal,
        variation=variation,
    )


def _limits(bins: list[dict[str, Any]], number: int) -> tuple[Limit | None, Limit | None]:
    if not bins:
        return None, None
    if len(bins) not in (2, 3):
        raise ScenarioError(
            f"metric {number}: {len(bins)} bins", "a protocol line holds two bins (goal) or three (goal and variation)"
        )
    sides = ["max" if "max" in b else "min" if "min" in b else None for b in bins]
    edges = [float(b[s]) for b, s in zip(bins, sides, strict=True) if s is not None]
    # "max" on the best bins keeps the edge in them; on the worst bins ("min" from below) it does not.
    if sides[-1] is None and sides[0] == "max":
        limits = [Limit("<=", e) for e in edges]
    elif sides[-1] is None and sides[0] == "min":
        limits = [Limit(">=", e) for e in edges]
    elif sides[0] is None and sides[-1] == "min":
        limits = [Limit("<", e) for e in edges]
    elif sides[0] is None and sides[-1] == "max":
        limits = [Limit(">", e) for e in edges]
    else:
        raise ScenarioError(f"metric {number}: the bins have no open end")
    return limits[0], limits[1] if len(limits) > 1 else None


def dumps(protocol: Protocol) -> tuple[str, tuple[str, ...]]:
    """The scorecard of a protocol, and the lines it cannot hold with the reason."""
    computed: list[dict[str, Any]] = []
    left_out: list[str] = []
    for line in protocol.lines:
        kind, argument = _kind(line.metric)
        if not line.structure or kind is None:
            left_out.append(f"{line.label}: no such kind of metric in a scorecard")
        elif line.variation is not None and line.goal is not None and line.variation.comparison != line.goal.comparison:
            left_out.append(f"{line.label}: goal and variation keep different edges")
        else:
            computed.append(
                {
                    "type": kind,
                    "roi_name": line.structure,
                    "arg_1": argument,
                    "arg_2": None,
                    "objectives": _bins(line),
                }
            )
    text = json.dumps({"name": protocol.name, "computed": computed, "custom": []}, indent=2, ensure_ascii=False)
    return text + "\n", tuple(left_out)


def _kind(metric: str) -> tuple[str | None, float | None]:
    for kind, template in GRAMMAR:
        match = re.fullmatch(re.escape(template).replace(r"\{\}", NUMBER), metric)
        if match:
            return kind, float(match[1]) if match.groups() else None
    return None, None


def _bins(line: Line) -> list[dict[str, Any]]:
    if line.goal is None:
        return []
    limits = [line.goal, *([] if line.variation is None else [line.variation])]
    names = [PASS, VARIATION, FAIL] if line.variation is not None else [PASS, FAIL]
    bins: list[dict[str, Any]] = [{"label": label, "color": color} for label, color in names]
    kept = line.goal.comparison.endswith("=")
    side = {"<=": "max", ">=": "min", "<": "min", ">": "max"}[line.goal.comparison]
    for entry, bound in zip(bins if kept else bins[1:], limits, strict=False):
        entry[side] = bound.value
    return bins
