"""The gate: a protocol held against an analysis."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

# Every room a plan passes through registers its rules on import; a protocol may name any of them.
import lymphorisk.dicom
import lymphorisk.predict
import lymphorisk.regimen  # noqa: F401
from lymphorisk.absent import Absent
from lymphorisk.analysis import Analysis
from lymphorisk.dvh import DVH
from lymphorisk.dvh.metrics import bounds, metric, parse
from lymphorisk.errors import InputError, ScenarioError, UndecidableError
from lymphorisk.findings import RULES, Finding, finding, rule
from lymphorisk.qa.protocol import LINE_RULES, Line, Protocol

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
LINE_VARIED = rule(
    "LR605",
    "warning",
    "protocol line in variation",
    "A metric is beyond its goal and within its variation limit.",
)
OVERRIDDEN = rule(
    "LR604",
    "warning",
    "protocol line overridden",
    "A person accepted a line beyond its limit; the reason and the name are shown. A value that is missing or "
    "undecided cannot be accepted.",
)

#: Covered shares closer to one than this are whole.
WHOLE = 1e-6
#: Engine name of DVHs drawn from a scenario's shares, whose volume in cm3 is not known.
SCENARIO = "scenario"

Lookup = Callable[[str], "DVH | Absent"]


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

    @property
    def blind(self) -> bool:
        """Whether a required line has no value to decide on."""
        return any(r.state in (MISSING, UNDECIDED) and r.line.required for r in self.lines)

    def leaving(self, exit_zero: bool) -> int:
        """The exit code, a failure forgiven on request; missing data is never forgiven."""
        if not exit_zero or self.exit_code != EXIT_FAIL:
            return self.exit_code
        return EXIT_UNDECIDED if self.blind else EXIT_PASS


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


def plan_metric(analysis: Analysis, name: str) -> float | Absent:
    """A metric of the whole plan, or why there is none."""
    forecast, blood = analysis.forecast, analysis.blood.course
    edic = {"EDIC[Gy]": "edic_gy", "EDRIC[Gy]": "edric_gy", "EDICesophagus[Gy]": "edic_esophagus_gy"}
    if name in edic:
        return analysis.edic.get(edic[name], Absent.declined("not computed"))
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
    noticed: Callable[[Sequence[str]], tuple[Finding, ...]] | None = None,
) -> CheckResult:
    """Every line of the protocol evaluated, or explained.

    Parameters
    ----------
    dvh_of : callable
        DVH of a structure by TG-263 or ROI name, or why there is none.
    strict : bool
        A variation, an accepted line, and an optional line that is missing or undecided, fail too.
    highest_gy : float, optional
        No part of a structure outside the dose grid is taken to exceed it: the grid's highest dose; without it the
        highest dose of any organ or target. [Gy]
    noticed : callable, optional
        What was noticed on the DVHs of structures by these names; rules apply to it as to the analysis' findings.

    Raises
    ------
    InputError
        A line asks for something that is no metric, or a rule does not exist.
    """
    _understood(protocol)
    lines = tuple(_evaluate(line, analysis, dvh_of, highest_gy) for line in protocol.lines)
    asked = [name for line in protocol.lines if line.structure for name in _tried(line, dvh_of)]
    known = dict.fromkeys((*analysis.findings, *(noticed(asked) if noticed else ())))
    findings = [*_ruled(tuple(known), protocol), *(f for r in lines for f in _line_findings(r, protocol))]
    counted = {r.state for r in lines if not r.overridden and (r.line.required or strict)}
    lesser = any(r.overridden or r.state in (VARIATION, FAIL) for r in lines)
    error = any(f.severity == "error" and f.code not in LINE_RULES for f in findings)
    if FAIL in counted or error or (strict and (lesser or counted & {MISSING, UNDECIDED})):
        verdict, code = FAIL, EXIT_FAIL
    elif counted & {MISSING, UNDECIDED}:
        verdict, code = (MISSING if MISSING in counted else UNDECIDED), EXIT_UNDECIDED
    else:
        verdict, code = (VARIATION if lesser else PASS), EXIT_PASS
    return CheckResult(protocol, lines, tuple(findings), verdict, code)


def _understood(protocol: Protocol) -> None:
    """Refuse a protocol before any line is evaluated: a line never read is a line never checked."""
    for line in protocol.lines:
        if line.structure:
            parse(line.metric)
        elif line.metric not in PLAN_METRICS:
            raise ScenarioError(
                f"{line.metric!r} is not a metric of the plan",
                f"use one of {', '.join(PLAN_METRICS)}, or name a structure for a DVH metric",
            )
    if unknown := sorted(set(protocol.rules) - set(RULES)):
        raise ScenarioError(f"rule {unknown[0]} does not exist", "`lymphorisk explain` lists all codes")


def _evaluate(line: Line, analysis: Analysis, dvh_of: Lookup, highest_gy: float | None) -> LineResult:
    if not line.structure:
        value = plan_metric(analysis, line.metric)
        if isinstance(value, Absent):
            return _absent(line, MISSING, value.reason)
        return _judged(line, value, value, value)
    found = [dvh_of(name) for name in _tried(line, dvh_of)]
    curve = found[-1]
    if not isinstance(curve, DVH):
        absent = [f for f in found if isinstance(f, Absent)]
        outside = next((f for f in absent if f.kind == "outside grid"), None)
        return _absent(line, MISSING, absent[0].reason) if outside is None else _absent(line, UNDECIDED, outside.reason)
    try:
        return _judged(line, *_values(line, curve, analysis, highest_gy))
    except (InputError, UndecidableError) as error:
        return _absent(line, UNDECIDED, error.message)


def _tried(line: Line, dvh_of: Lookup) -> list[str]:
    """Names tried for a line's structure: up to the first that has a DVH."""
    names: list[str] = []
    for name in (line.structure, *line.aliases):
        names.append(name)
        if isinstance(dvh_of(name), DVH):
            break
    return names


def _values(line: Line, curve: DVH, analysis: Analysis, highest_gy: float | None) -> tuple[float, float, float]:
    """Value, lowest and highest: of the part inside the dose grid, and whatever the part outside received."""
    wanted = parse(line.metric)
    if wanted.at_unit == "cc" or wanted.unit == "cc":
        _known_volume(curve)
    needs: dict[str, Any] = {
        "prescription_gy": prescribed(analysis),
        "alpha_beta_gy": line.alpha_beta_gy,
        "fractions": analysis.fractions,
    }
    if curve.coverage >= 1.0 - WHOLE:
        value = metric(curve, wanted, **needs)
        return value, value, value
    ceiling = _highest_dose(analysis, curve) if highest_gy is None else max(highest_gy, curve.max_gy)
    low, high = bounds(curve, wanted, ceiling_gy=ceiling, **needs)
    try:
        value = metric(curve, wanted, **needs)
    except UndecidableError:
        # More volume is asked for than lies inside the grid: the end that is worse stands for the line.
        value = low if line.goal is not None and line.goal.comparison[0] == ">" else high
    return min(max(value, low), high), low, high


def _known_volume(curve: DVH) -> None:
    if curve.engine == SCENARIO:
        raise UndecidableError("a scenario gives no volumes in cm3", "ask for % of the volume, or give an export")


def _highest_dose(analysis: Analysis, curve: DVH) -> float:
    known = (*analysis.organs.values(), *analysis.targets)
    return max([curve.max_gy, *(float(o.course.dose_gy[-1] if o.dvh is None else o.dvh.max_gy) for o in known)])


def prescribed(analysis: Analysis) -> float | None:
    """Prescription of the course; None when a phase does not state one. [Gy]"""
    parts = [phase.prescription_gy for phase in analysis.phases]
    return None if None in parts else sum(p for p in parts if p is not None)


def _absent(line: Line, state: str, reason: str) -> LineResult:
    if line.goal is None and not line.required:
        return LineResult(line, REFERENCE, None, reason)
    if line.override is not None:
        reason += "; an override cannot stand for a value that is not there"
    return LineResult(line, state, None, reason)


def _state(line: Line, value: float) -> str:
    if line.goal is None:
        return REFERENCE
    if line.goal.met_by(value):
        return PASS
    if line.variation is not None and line.variation.met_by(value):
        return VARIATION
    return FAIL


def _judged(line: Line, value: float, low: float, high: float) -> LineResult:
    if not all(map(math.isfinite, (value, low, high))):
        return _absent(line, UNDECIDED, "the metric has no value")
    percentile = None
    if line.published:
        percentile = bisect_right(sorted(line.published), value) / len(line.published)
    ends = (None, None) if low == high else (low, high)
    state, reason = _state(line, low), ""
    if state != _state(line, high):
        state = UNDECIDED
        reason = f"part of the structure lies outside the dose grid: the value is between {low:.4g} and {high:.4g}"
        if line.override is not None:
            reason += "; an override cannot stand for it"
    overridden = line.override is not None and state in (VARIATION, FAIL)
    return LineResult(line, state, value, reason, ends[0], ends[1], percentile, overridden)


def _ruled(findings: tuple[Finding, ...], protocol: Protocol) -> list[Finding]:
    out = []
    for f in findings:
        setting = protocol.rules.get(f.code, f.severity)
        if setting != "off":
            out.append(Finding(f.code, setting, f.what, f.where, f.hint))
    return out


def _line_findings(result: LineResult, protocol: Protocol) -> list[Finding]:
    line, what = result.line, result.reason
    if result.overridden and line.override is not None:
        accepted = f"{result.state} accepted: {line.override.reason} ({line.override.by})"
        return [finding(OVERRIDDEN, accepted, line.label, severity=protocol.rules.get(OVERRIDDEN.code))]
    severity = None if line.required else "warning"
    if result.state == FAIL:
        return [finding(LINE_FAILED, f"{result.value:.4g}, goal {line.goal}", line.label, severity=severity)]
    if result.state == VARIATION:
        held = f"{result.value:.4g}, goal {line.goal}, variation {line.variation}"
        return [finding(LINE_VARIED, held, line.label)]
    if result.state == MISSING:
        hint = "contour it, map it with --organ, or make the line optional" if line.structure else ""
        return [finding(LINE_MISSING, what, line.label, hint, severity)]
    if result.state == UNDECIDED:
        hint = "export a dose grid that covers the structure" if result.low is not None else ""
        return [finding(LINE_UNDECIDED, what, line.label, hint, severity)]
    return []
