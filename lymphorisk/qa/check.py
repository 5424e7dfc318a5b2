"""The gate: a protocol held against an analysis."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, assert_never

# Every room a plan passes through registers its rules on import; a protocol may name any of them.
import lymphorisk.dicom
import lymphorisk.predict
import lymphorisk.qa.audit
import lymphorisk.regimen  # noqa: F401
from lymphorisk.absent import Absent
from lymphorisk.analysis import Analysis
from lymphorisk.analysis.doses import BLOOD_ORGANS, POOL_ORGAN
from lymphorisk.dvh import DVH
from lymphorisk.dvh.metrics import bounds, metric, parse
from lymphorisk.errors import InputError, ScenarioError, UndecidableError
from lymphorisk.findings import RULES, Finding, Severity, finding, rule
from lymphorisk.organs import load
from lymphorisk.organs.match import organ_of
from lymphorisk.qa.facts import NEEDS, PLAN_METRICS, Behind, PlanFacts, facts_of
from lymphorisk.qa.protocol import GATE_RULES, LINE_RULES, ORGAN_RULES, Line, Protocol, Setting

#: What a line can be, and what a plan can be.
State = Literal["PASS", "VARIATION", "FAIL", "MISSING", "UNDECIDED", "REFERENCE"]
Verdict = Literal["PASS", "VARIATION", "FAIL", "MISSING", "UNDECIDED", "INFORMATIVE"]
PASS: Final = "PASS"
VARIATION: Final = "VARIATION"
FAIL: Final = "FAIL"
MISSING: Final = "MISSING"
UNDECIDED: Final = "UNDECIDED"
REFERENCE: Final = "REFERENCE"
INFORMATIVE: Final = "INFORMATIVE"
#: States of a line that somebody can rest a verdict on.
DECIDED: tuple[State, ...] = (PASS, VARIATION, FAIL)
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

#: Engine name of DVHs drawn from a scenario's shares, whose volume in cm3 is not known.
SCENARIO = "scenario"

#: Sources of an organ whose curve is not that of a contour a person drew.
STAND_INS = ("segmented", "placed", "diluted")

#: Curve of a structure by name; an unknown one (a saved result does not hold it) leaves its line undecided.
Lookup = Callable[[str], "DVH | Absent"]


@dataclass(frozen=True, slots=True)
class LineResult:
    """One line, evaluated.

    `low` and `high` bound the value when part of the structure lies outside the dose grid;
    `percentile` is the place among the published values (0 below all, 1 above all);
    `behind` is what the value rests on that nobody drew or measured.
    """

    line: Line
    state: State
    value: float | None
    reason: str = ""
    low: float | None = None
    high: float | None = None
    percentile: float | None = None
    overridden: bool = False
    behind: tuple[Behind, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckResult:
    """All lines, the rules that count, and the verdict; `why` says what kept the gate from one."""

    protocol: Protocol
    lines: tuple[LineResult, ...]
    findings: tuple[Finding, ...]
    verdict: Verdict
    exit_code: int
    plan: PlanFacts
    why: tuple[str, ...] = ()

    @property
    def judged(self) -> tuple[LineResult, ...]:
        """Lines a verdict could rest on: those with a limit."""
        return tuple(r for r in self.lines if r.line.goal is not None)

    @property
    def decided(self) -> int:
        """How many of them were decided."""
        return sum(r.state in DECIDED for r in self.judged)

    @property
    def blind(self) -> bool:
        """Whether a required line has no value to decide on."""
        return bool(self.why) or any(r.state in (MISSING, UNDECIDED) and r.line.required for r in self.lines)

    def leaving(self, exit_zero: bool) -> int:
        """The exit code, a failure forgiven on request; missing data is never forgiven."""
        if not exit_zero or self.exit_code != EXIT_FAIL:
            return self.exit_code
        return EXIT_UNDECIDED if self.blind else EXIT_PASS


def plan_metric(facts: PlanFacts, name: str) -> float | Absent:
    """A metric of the whole plan, or why there is none."""
    return facts.values[name]


def check(
    plan: Analysis | PlanFacts,
    protocol: Protocol,
    dvh_of: Lookup,
    *,
    strict: bool = False,
    highest_gy: float | None = None,
    noticed: Callable[[Sequence[str]], tuple[Finding, ...]] | None = None,
    noted: Sequence[Finding] = (),
) -> CheckResult:
    """Every line of the protocol evaluated, or explained.

    Parameters
    ----------
    plan : Analysis or PlanFacts
        What is judged; the facts of a saved result do as well.
    dvh_of : callable
        DVH of a structure by TG-263 or ROI name, or why there is none.
    strict : bool
        A variation, an accepted line, and an optional line that is missing or undecided, fail too.
    highest_gy : float, optional
        No part of a structure outside the dose grid is taken to exceed it: the grid's highest dose; without it the
        highest dose of any organ or target. [Gy]
    noticed : callable, optional
        What was noticed on the DVHs of structures by these names; rules apply to it as to the analysis' findings.
    noted : sequence of Finding
        Findings of the gate itself, beside those of the analysis.

    Raises
    ------
    InputError
        A line asks for something that is no metric, or a rule does not exist.
    """
    _understood(protocol)
    facts = plan if isinstance(plan, PlanFacts) else facts_of(plan)
    lines = tuple(_evaluate(line, protocol, facts, dvh_of, highest_gy) for line in protocol.lines)
    asked = [name for line in protocol.lines if line.structure for name in _tried(line, dvh_of)]
    known = dict.fromkeys((*facts.findings, *(noticed(asked) if noticed else ()), *noted))
    ruled, blocked = _ruled(tuple(known), protocol)
    told = [f for r in lines for f in _line_findings(r, protocol)]
    if protocol.rules.get(OVERRIDDEN.code) == "undecided":
        blocked += [f for f in told if f.code == OVERRIDDEN.code]
    findings = [*ruled, *told]
    verdict: Verdict
    counted = {r.state for r in lines if not r.overridden and (r.line.required or strict)}
    lesser = any(r.overridden or r.state in (VARIATION, FAIL) for r in lines)
    error = any(f.severity == "error" and f.code not in LINE_RULES for f in findings if f not in blocked)
    decided = any(r.state in DECIDED for r in lines)
    why: list[str] = [f"{f.code} {f.what}" for f in blocked]
    if not decided and not protocol.informative:
        why.append("no line was decided")
    if FAIL in counted or error or (strict and (lesser or counted & {MISSING, UNDECIDED})):
        verdict, code = FAIL, EXIT_FAIL
    elif MISSING in counted:
        verdict, code = MISSING, EXIT_UNDECIDED
    elif UNDECIDED in counted or why:
        verdict, code = UNDECIDED, EXIT_UNDECIDED
    elif protocol.informative:
        verdict, code = INFORMATIVE, EXIT_UNDECIDED
    else:
        verdict, code = (VARIATION if lesser else PASS), EXIT_PASS
    return CheckResult(protocol, lines, tuple(findings), verdict, code, facts, tuple(why))


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


def _evaluate(line: Line, protocol: Protocol, facts: PlanFacts, dvh_of: Lookup, highest_gy: float | None) -> LineResult:
    if not line.structure:
        value = plan_metric(facts, line.metric)
        if isinstance(value, Absent):
            return _absent(line, MISSING, value.reason)
        result = _needed(_judged(line, value, value, value), protocol, facts.behind[line.metric])
        return _trusted(result, facts, protocol, frozenset((*BLOOD_ORGANS, *POOL_ORGAN.values())))
    names = _tried(line, dvh_of)
    found = [dvh_of(name) for name in names]
    name, curve = names[-1], found[-1]
    if not isinstance(curve, DVH):
        absent = [f for f in found if isinstance(f, Absent)]
        open_ = next((f for f in absent if f.kind in ("outside grid", "unknown")), None)
        return _absent(line, MISSING, absent[0].reason) if open_ is None else _absent(line, UNDECIDED, open_.reason)
    try:
        result = _judged(line, *_values(line, curve, facts, highest_gy))
    except (InputError, UndecidableError) as error:
        return _absent(line, UNDECIDED, error.message)
    return _trusted(_needed(result, protocol, _stand_ins(name, facts)), facts, protocol, _organs_in(name))


def _tried(line: Line, dvh_of: Lookup) -> list[str]:
    """Names tried for a line's structure: up to the first that has a DVH."""
    names: list[str] = []
    for name in (line.structure, *line.aliases):
        names.append(name)
        if isinstance(dvh_of(name), DVH):
            break
    return names


def _stand_ins(name: str, facts: PlanFacts) -> tuple[Behind, ...]:
    """Organs behind a curve that were not drawn: a surrogate has no curve and is missing."""
    parts = dict.fromkeys([name, *re.split(r"[-+&]", name)])
    return tuple(
        Behind(part.strip(), how) for part in parts if (how := facts.organs.get(part.strip())) in STAND_INS and how
    )


def _needed(result: LineResult, protocol: Protocol, behind: tuple[Behind, ...]) -> LineResult:
    """The line with what stands behind it; undecided when the protocol asks for better."""
    result = replace(result, behind=behind)
    needs = result.line.needs or protocol.needs
    refused = [str(b) for b in behind if b.how not in NEEDS[needs]]
    if not refused or result.state == UNDECIDED:
        return result
    reason = f"rests on {', '.join(refused)}; the protocol needs {needs}"
    if result.line.goal is None and not result.line.required:
        return replace(result, value=None, percentile=None, reason=reason)
    if result.line.override is not None:
        reason += "; an override cannot stand for it"
    return replace(result, state=UNDECIDED, reason=reason, overridden=False)


def _organs_in(name: str) -> frozenset[str]:
    """The organs whose contours a structure of this name is made of."""
    found: set[str] = set()
    for part in (p.strip() for p in re.split(r"[-+&]", name)):
        organ = organ_of(part)
        found |= {part} if organ is None else {organ[0], *(n for r in load()[organ[0]].recipes for n in r.of)}
    return frozenset(found)


def _trusted(result: LineResult, facts: PlanFacts, protocol: Protocol, organs: frozenset[str]) -> LineResult:
    """The line, undecided when it does not fail and the volume of an organ it needs is not that of such an organ."""
    odd = [f for f in facts.findings if f.code in ORGAN_RULES and f.code not in protocol.rules and f.where in organs]
    if not odd or not (result.state in (PASS, VARIATION) or result.overridden):
        return result
    reason = f"{odd[0].code} {odd[0].what}; the protocol may set {odd[0].code}"
    return replace(result, state=UNDECIDED, reason=reason, overridden=False)


def _values(line: Line, curve: DVH, facts: PlanFacts, highest_gy: float | None) -> tuple[float, float, float]:
    """Value, lowest and highest: of the part inside the dose grid, and whatever the part outside received."""
    wanted = parse(line.metric)
    if wanted.at_unit == "cc" or wanted.unit == "cc":
        _known_volume(curve)
    needs: dict[str, Any] = {
        "prescription_gy": facts.prescription_gy,
        "alpha_beta_gy": line.alpha_beta_gy,
        "fractions": facts.fractions,
    }
    if curve.is_covered:
        value = metric(curve, wanted, **needs)
        return value, value, value
    ceiling = max(curve.max_gy, facts.highest_gy if highest_gy is None else highest_gy)
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


def _absent(line: Line, state: State, reason: str) -> LineResult:
    if line.goal is None and not line.required:
        return LineResult(line, REFERENCE, None, reason)
    if line.override is not None:
        reason += "; an override cannot stand for a value that is not there"
    return LineResult(line, state, None, reason)


def _state(line: Line, value: float) -> State:
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
    state: State = _state(line, low)
    reason = ""
    if state != _state(line, high):
        state = UNDECIDED
        reason = f"part of the structure lies outside the dose grid: the value is between {low:.4g} and {high:.4g}"
        if line.override is not None:
            reason += "; an override cannot stand for it"
    overridden = line.override is not None and state in (VARIATION, FAIL)
    return LineResult(line, state, value, reason, ends[0], ends[1], percentile, overridden)


def _ruled(findings: Sequence[Finding], protocol: Protocol) -> tuple[list[Finding], list[Finding]]:
    """Findings as the protocol counts them, and those of them that leave the plan unjudged."""
    out: list[Finding] = []
    blocked: list[Finding] = []
    for f in findings:
        own: Setting = "undecided" if RULES[f.code].undecides else f.severity
        usual: Setting = f.severity if f.severity == "info" else GATE_RULES.get(f.code, own)
        setting = protocol.rules.get(f.code, usual)
        match setting:
            case "off":
                continue
            case "undecided":
                blocked.append(replace(f, severity="error"))
                out.append(blocked[-1])
            case "info" | "warning" | "error":
                out.append(replace(f, severity=setting))
            case _:
                assert_never(setting)
    return out, blocked


def _severity(setting: Setting | None) -> Severity | None:
    """What a finding of a line weighs by its protocol; a setting that leaves the plan unjudged is an error."""
    return "error" if setting == "undecided" else None if setting == "off" else setting


def _line_findings(result: LineResult, protocol: Protocol) -> list[Finding]:
    line, what = result.line, result.reason
    if result.overridden and line.override is not None:
        accepted = f"{result.state} accepted: {line.override.reason} ({line.override.by})"
        return [finding(OVERRIDDEN, accepted, line.label, severity=_severity(protocol.rules.get(OVERRIDDEN.code)))]
    severity: Severity | None = None if line.required else "warning"
    match result.state:
        case "FAIL":
            return [finding(LINE_FAILED, f"{result.value:.4g}, goal {line.goal}", line.label, severity=severity)]
        case "VARIATION":
            held = f"{result.value:.4g}, goal {line.goal}, variation {line.variation}"
            return [finding(LINE_VARIED, held, line.label)]
        case "MISSING":
            hint = "contour it, map it with --organ, or make the line optional" if line.structure else ""
            return [finding(LINE_MISSING, what, line.label, hint, severity)]
        case "UNDECIDED":
            hint = "export a dose grid that covers the structure" if result.low is not None else ""
            return [finding(LINE_UNDECIDED, what, line.label, hint, severity)]
        case "PASS" | "REFERENCE":
            return []
        case _:
            assert_never(result.state)
