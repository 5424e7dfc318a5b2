"""Protocols as a ProKnow-style scorecard (JSON).

A scorecard orders its bins from best to worst; N bins have N - 1 edges, and the side an edge
is written on decides equality: the edge belongs to the bin that carries it.
"""

from __future__ import annotations

import json
import math
import re
from itertools import pairwise
from typing import Any

from lymphorisk import plain
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
#: An edge written on the better bin belongs to it, one on the worse bin does not belong to the better.
INNER = (("max", "<="), ("min", ">="))
OUTER = (("min", "<"), ("max", ">"))
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
        card = plain.loads(text)
    except ValueError as error:
        raise ScenarioError(f"the scorecard is not valid JSON: {error}") from None
    computed = card.get("computed") if isinstance(card, dict) else None
    if not isinstance(computed, list) or not computed:
        raise ScenarioError("the scorecard has no 'computed' metrics")
    return Protocol(name=str(card.get("name", "")), lines=tuple(_line(m, i) for i, m in enumerate(computed, start=1)))


def _line(metric: Any, number: int) -> Line:
    templates = dict(GRAMMAR)
    if not isinstance(metric, dict):
        raise ScenarioError(f"metric {number} is not an object")
    kind = metric.get("type")
    if not isinstance(kind, str) or kind not in templates:
        raise ScenarioError(f"metric {number}: kind {kind!r} is not supported", f"supported: {', '.join(templates)}")
    goal, variation = _limits(metric.get("objectives") or [], number)
    template = templates[kind]
    if "{}" in template:
        template = template.format(f"{_number(metric.get('arg_1'), f'metric {number}: arg_1'):.12g}")
    return Line(
        metric=template,
        structure=str(metric.get("roi_name", "")),
        goal=goal,
        variation=variation,
        required=goal is not None,
    )


def _number(value: Any, where: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise ScenarioError(f"{where} is not a number")
    return float(value)


def _limits(bins: Any, number: int) -> tuple[Limit | None, Limit | None]:
    """Goal and variation limit of bins from best to worst: between two bins stands one edge, in one of them."""
    if not bins:
        return None, None
    if not isinstance(bins, list) or not all(isinstance(b, dict) for b in bins) or len(bins) not in (2, 3):
        raise ScenarioError(
            f"metric {number}: objectives are no two or three bins",
            "a protocol line holds two bins (goal) or three (goal and variation)",
        )
    if len(bins) == 3 and not any(side in b for b in (bins[0], bins[2]) for side in ("min", "max")):
        raise ScenarioError(f"metric {number}: the bins do not say whether lower or higher is better")
    limits = []
    for better, worse in pairwise(bins):
        found = [
            Limit(sign, _number(entry[side], f"metric {number}: {side}"))
            for entry, side, sign in ((better, *INNER[0]), (better, *INNER[1]), (worse, *OUTER[0]), (worse, *OUTER[1]))
            if side in entry
        ]
        if len(bins) == 3 and len(found) > 1:
            # The middle bin's own edge belongs to one of its sides; the outer bins say to which.
            found = [f for f in found if f.comparison[0] == _direction(bins)]
        if len(found) != 1:
            raise ScenarioError(f"metric {number}: {len(found)} edges between two bins, one is needed")
        limits += found
    return limits[0], limits[1] if len(limits) > 1 else None


def _direction(bins: list[dict[str, Any]]) -> str:
    return "<" if "max" in bins[0] or "min" in bins[-1] else ">"


def dumps(protocol: Protocol) -> tuple[str, tuple[str, ...]]:
    """The scorecard of a protocol, and what it cannot hold: whole lines with the reason, or parts of a line."""
    computed: list[dict[str, Any]] = []
    left_out: list[str] = []
    if protocol.rules:
        left_out.append(f"rules {', '.join(sorted(protocol.rules))}")
    for line in protocol.lines:
        kind, argument = _kind(line.metric)
        if not line.structure or kind is None:
            left_out.append(f"{line.label}: no such kind of metric in a scorecard")
        elif line.variation is not None and line.goal is not None and _undirected(line.goal, line.variation):
            left_out.append(f"{line.label}: a scorecard cannot hold {line.goal} with {line.variation}")
        else:
            if lost := _lost(line):
                left_out.append(f"{line.label}: {', '.join(lost)}")
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


def _lost(line: Line) -> list[str]:
    parts = ("aliases", "priority", "published", "endpoint", "source", "n", "evidence", "note", "override", "needs")
    return ([] if line.required == (line.goal is not None) else ["required"]) + [p for p in parts if getattr(line, p)]


def _undirected(goal: Limit, variation: Limit) -> bool:
    """Both edges would stand on the middle bin, which then reads the same for lower and for higher is better."""
    return not goal.comparison.endswith("=") and variation.comparison.endswith("=")


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
    sides = {sign: (0, side) for side, sign in INNER} | {sign: (1, side) for side, sign in OUTER}
    for i, bound in enumerate(limits):
        step, side = sides[bound.comparison]
        bins[i + step][side] = bound.value
    return bins
