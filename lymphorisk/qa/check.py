"""The gate: a protocol held against an analysis."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from lymphorisk.analysis import Analysis, Declined
from lymphorisk.dvh import DVH, NotContoured, OutsideGrid
from lymphorisk.dvh.metrics import bounds, metric
from lymphorisk.errors import ScenarioError, UndecidableError
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.qa.protocol import Line, Protocol

PASS, VARIATION, FAIL, MISSING, UNDECIDED, REFERENCE = (
    "PASS",
    "VARIATION",
    "FAIL",
    "MISSING",
    "UNDECIDED",
    "REFERENCE",
)
EXIT_PASS, EXIT_FAIL, EXIT_UNDECIDED = 0, 1, 4

LINE_FAILED = rule(
    "LR601",
    "error",
    "protocol line failed",
    "A metric is beyond its variation limit, or beyond its goal when it has none.",
)
LINE_MISSING = rule(
    "LR602",
    "error",
    "protocol line missing",
    "The structure of a required line is not in the export.",
)
LINE_UNDECIDED = rule(
    "LR603",
    "error",
    "protocol line undecided",
    "The data cannot say on which side of the limit the plan lies.",
)
OVERRIDDEN = rule(
    "LR604",
    "warning",
    "protocol line overridden",
    "A person accepted a line that does not pass; the reason and the name are shown.",
)

#: Covered shares closer to one than this are whole.
WHOLE = 1e-6

Lookup = Callable[[str], "DVH | NotContoured | OutsideGrid"]


@dataclass(frozen=True, slots=True)
class LineResult:
    """One line, evaluated.

    `low` and `high` bound the value when part of the structure lies outside the dose grid;
    `percentile` is the place among the published values (0 below all, 1 above all).
    """

    line: Line
    state: str
    value: float | None
    reason: str = ""
    low: float | None = None
    high: float | None = None
    percentile: float | None = None
    overridden: bool = False


@dataclass(frozen=True, slots=True)
class CheckResult:
    """All lines, the rules that count, and the verdict."""

    protocol: Protocol
    lines: tuple[LineResult, ...]
    findings: tuple[Finding, ...]
    verdict: str
    exit_code: int


PLAN_METRICS: dict[str, str] = {
    "ALCnadir[10^9/L]": "median nadir of the absolute lymphocyte count",
    "P(G2+)[%]": "probability of grade 2 or worse",
    "P(G3+)[%]": "probability of grade 3 or worse",
    "P(G4)[%]": "probability of grade 4",
    "Tbelow0.5[d]": "median days below 0.5 x10^9/L",
    "Tbelow0.2[d]": "median days below 0.2 x10^9/L",
    "BloodMean[Gy]": "mean dose to blood over the course",
    "BloodV0.5Gy[%]": "blood that receives at least 0.5 Gy over the course",
    "BloodD2%[Gy]": "dose that 2 % of the blood exceeds over the course",
    "EDIC[Gy]": "effective dose to immune cells (thoracic form)",
    "EDRIC[Gy]": "effective dose to radiated immune cells (mean body dose form)",
    "EDICesophagus[Gy]": "effective dose to immune cells (oesophageal form, with liver)",
}


def plan_metric(analysis: Analysis, name: str) -> float | Declined:
    """A metric of the whole plan, or why there is none."""
    forecast, blood = analysis.forecast, analysis.blood.course
    edic = {"EDIC[Gy]": "edic_gy", "EDRIC[Gy]": "edric_gy", "EDICesophagus[Gy]": "edic_esophagus_gy"}
    if name in edic:
        return analysis.edic.get(edic[name], Declined("not computed"))
    if match := re.fullmatch(r"P\(G([234])\+?\)\[%\]", name):
        return 100.0 * forecast.grade_probability[match[1]]
    if match := re.fullmatch(r"Tbelow(0\.5|0\.2)\[d\]", name):
        return forecast.days_below[match[1]].p50
    values = {
        "ALCnadir[10^9/L]": forecast.nadir.median,
        "BloodMean[Gy]": blood.mean_gy,
        "BloodV0.5Gy[%]": 100.0 * blood.v_ge_0_5,
        "BloodD2%[Gy]": blood.d2_gy,
    }
    return values[name]


def check(
    analysis: Analysis,
    protocol: Protocol,
    dvh_of: Lookup,
    *,
    strict: bool = False,
    highest_gy: float | None = None,
) -> CheckResult:
    """Every line of the protocol evaluated, or explained.

    Parameters
    ----------
    dvh_of : callable
        DVH of a structure by TG-263 or ROI name, or why there is none.
    strict : bool
        A variation, and an optional line that is missing, fail too.
    highest_gy : float, optional
        Ceiling of the dose outside the grid, for structures partly outside; the structure's own maximum else. [Gy]
    """
    lines = tuple(_evaluate(line, analysis, dvh_of, highest_gy) for line in protocol.lines)
    findings = [*_ruled(analysis.findings, protocol), *(f for r in lines for f in _line_findings(r))]
    counted = [r for r in lines if not r.overridden and (r.line.required or strict)]
    states = {r.state for r in counted}
    error = any(f.severity == "error" and not f.code.startswith("LR6") for f in findings)
    if FAIL in states or error or (strict and states & {VARIATION, MISSING, UNDECIDED}):
        verdict, code = FAIL, EXIT_FAIL
    elif states & {MISSING, UNDECIDED}:
        verdict, code = (MISSING if MISSING in states else UNDECIDED), EXIT_UNDECIDED
    elif VARIATION in {r.state for r in lines if not r.overridden}:
        verdict, code = VARIATION, EXIT_PASS
    else:
        verdict, code = PASS, EXIT_PASS
    return CheckResult(protocol, lines, tuple(findings), verdict, code)


def _evaluate(line: Line, analysis: Analysis, dvh_of: Lookup, highest_gy: float | None) -> LineResult:
    if not line.structure:
        if line.metric not in PLAN_METRICS:
            raise ScenarioError(
                f"{line.metric!r} is not a metric of the plan",
                f"use one of {', '.join(PLAN_METRICS)}, or name a structure for a DVH metric",
            )
        value = plan_metric(analysis, line.metric)
        if isinstance(value, Declined):
            return _absent(line, MISSING, value.reason)
        return _judged(line, value, value, value)
    tried: DVH | NotContoured | OutsideGrid = NotContoured("no name given")
    for name in (line.structure, *line.aliases):
        tried = dvh_of(name)
        if isinstance(tried, DVH):
            break
    if isinstance(tried, NotContoured):
        return _absent(line, MISSING, tried.reason)
    if isinstance(tried, OutsideGrid):
        return _absent(line, UNDECIDED, "the structure lies outside the dose grid")
    prescription = prescribed(analysis)
    try:
        if tried.coverage >= 1.0 - WHOLE:
            value = low = high = metric(tried, line.metric, prescription_gy=prescription)
        else:
            low, high = bounds(tried, line.metric, ceiling_gy=highest_gy, prescription_gy=prescription)
            value = metric(tried, line.metric, prescription_gy=prescription)
    except UndecidableError as error:
        return _absent(line, UNDECIDED, error.message)
    return _judged(line, value, low, high)


def prescribed(analysis: Analysis) -> float | None:
    """Prescription of the course; None when a phase does not state one. [Gy]"""
    parts = [phase.prescription_gy for phase in analysis.phases]
    return None if None in parts else sum(p for p in parts if p is not None)


def _absent(line: Line, state: str, reason: str) -> LineResult:
    if line.goal is None:
        return LineResult(line, REFERENCE, None, reason)
    return LineResult(line, state, None, reason, overridden=line.override is not None)


def _state(line: Line, value: float) -> str:
    assert line.goal is not None
    if line.goal.met_by(value):
        return PASS
    if line.variation is not None and line.variation.met_by(value):
        return VARIATION
    return FAIL


def _judged(line: Line, value: float, low: float, high: float) -> LineResult:
    percentile = None
    if line.published:
        percentile = bisect_right(sorted(line.published), value) / len(line.published)
    ends = (None, None) if low == high else (low, high)
    if line.goal is None:
        return LineResult(line, REFERENCE, value, "", ends[0], ends[1], percentile)
    state = _state(line, low)
    reason = ""
    if state != _state(line, high):
        state = UNDECIDED
        reason = f"part of the structure lies outside the dose grid: the value is between {low:.4g} and {high:.4g}"
    overridden = line.override is not None and state != PASS
    return LineResult(line, state, value, reason, ends[0], ends[1], percentile, overridden)


def _ruled(findings: tuple[Finding, ...], protocol: Protocol) -> list[Finding]:
    out = []
    for f in findings:
        setting = protocol.rules.get(f.code, f.severity)
        if setting != "off":
            out.append(Finding(f.code, setting, f.what, f.where, f.hint))
    return out


def _line_findings(result: LineResult) -> list[Finding]:
    line, what = result.line, result.reason
    if result.overridden and line.override is not None:
        return [
            finding(OVERRIDDEN, f"{result.state} accepted: {line.override.reason} ({line.override.by})", line.label)
        ]
    severity = None if line.required else "warning"
    if result.state == FAIL:
        return [finding(LINE_FAILED, f"{result.value:.4g}, goal {line.goal}", line.label, severity=severity)]
    if result.state == MISSING:
        return [
            finding(
                LINE_MISSING, what, line.label, "contour it, map it with --organ, or make the line optional", severity
            )
        ]
    if result.state == UNDECIDED:
        hint = "export a dose grid that covers the structure"
        return [finding(LINE_UNDECIDED, what, line.label, hint, severity)]
    return []
