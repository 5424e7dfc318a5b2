"""A check result as text, JSON, JUnit XML and SARIF."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, assert_never
from xml.sax.saxutils import escape, quoteattr

from lymphorisk.findings import RULES, Severity
from lymphorisk.qa.check import (
    EXIT_FAIL,
    EXIT_PASS,
    EXIT_UNDECIDED,
    FAIL,
    MISSING,
    UNDECIDED,
    CheckResult,
    LineResult,
)
from lymphorisk.qa.protocol import Line
from lymphorisk.qa.store import protocol_hash
from lymphorisk.report import clinic
from lymphorisk.report.content import ProtocolRow, ProtocolTable
from lymphorisk.report.table import Column, tabled, text_lines

SCHEMA = "lymphorisk/check/1"
SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
#: Control characters that XML 1.0 cannot hold.
XML_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
#: Longest name and longest remark in the table for a terminal.
NAME_MAX, REMARK_MAX = 48, 400


def unit(metric: str) -> str:
    """The unit written in a metric's brackets."""
    return metric[metric.rfind("[") + 1 : -1] if metric.endswith("]") else ""


def value_text(result: LineResult) -> str:
    """The value with its unit, bounds and place among the published values."""
    if result.value is None:
        return "-"
    text = f"{result.value:.4g} {unit(result.line.metric)}".strip()
    if result.low is not None and result.high is not None:
        text += f" ({result.low:.4g} to {result.high:.4g})"
    return text


def state_text(result: LineResult) -> str:
    """The state, and why a line beyond its limit or without a value does not count."""
    if result.overridden:
        return f"{result.state} (accepted)"
    weak = not result.line.required and result.state in (FAIL, MISSING, UNDECIDED)
    return f"{result.state} (optional)" if weak else result.state


def limits_text(line: Line) -> str:
    """Goal, and the variation limit in brackets."""
    if line.goal is None:
        return ""
    return str(line.goal) + ("" if line.variation is None else f" ({line.variation})")


def placed_text(result: LineResult) -> str:
    """Where the value lies among the published ones."""
    if result.percentile is None or result.value is None:
        return ""
    values = sorted(result.line.published)
    below = sum(v <= result.value for v in values)
    return f"above {below} of {len(values)} published ({values[0]:g} to {values[-1]:g})"


def rows(result: CheckResult) -> list[dict[str, str]]:
    """The protocol table as text cells, for a report."""
    return [
        {
            "structure": r.line.structure or "plan",
            "metric": r.line.metric,
            "value": value_text(r),
            "limit": limits_text(r.line),
            "state": state_text(r),
            "reason": r.reason,
            "placed": placed_text(r),
            "endpoint": r.line.endpoint,
            "evidence": r.line.evidence,
            "source": r.line.source + (f" (n = {r.line.n})" if r.line.n else ""),
            "rests": f"rests on {', '.join(map(str, r.behind))}" if r.behind else "",
            "override": "" if r.line.override is None else f"{r.line.override.reason} ({r.line.override.by})",
        }
        for r in result.lines
    ]


def protocol_table(result: CheckResult) -> ProtocolTable:
    """A check as the reports show it."""
    lines = tuple(
        ProtocolRow(
            structure=r["structure"],
            metric=r["metric"],
            limit=r["limit"],
            value=r["value"],
            state=r["state"],
            note="; ".join(
                r[k] for k in ("reason", "rests", "placed", "override", "endpoint", "evidence", "source") if r[k]
            ),
        )
        for r in rows(result)
    )
    return ProtocolTable(result.protocol.name, f"{result.verdict}: {rests_on(result)}", lines)


def rests_on(result: CheckResult) -> str:
    """On how many of how many lines with a limit the verdict rests."""
    of = len(result.judged)
    if result.protocol.informative:
        return "judges nothing: this protocol shows values to look at"
    return f"rests on {result.decided} of {of} line{'s' if of != 1 else ''}"


def text(result: CheckResult, why: str = "") -> str:
    """The check as a table for a terminal; the verdict is the last line. `why`: how the protocol was chosen."""
    cells = [
        {k: _one_line(v, NAME_MAX if k in ("structure", "metric") else REMARK_MAX) for k, v in row.items()}
        for row in rows(result)
    ]
    head, *lines = text_lines(
        tabled(
            "Lines",
            cells,
            (
                Column("STATE", lambda c: c["state"]),
                Column("STRUCTURE", lambda c: c["structure"]),
                Column("METRIC", lambda c: c["metric"]),
                Column("VALUE", lambda c: c["value"]),
                Column("LIMIT", lambda c: c["limit"]),
            ),
        ),
        "",
    )
    out = [f"Plan: {_one_line(result.plan.label, NAME_MAX)}", f"Protocol: {_one_line(result.protocol.name, NAME_MAX)}"]
    out += [f"  {_one_line(why, REMARK_MAX)}"] if why else []
    out += ["", head, "-" * max(map(len, (head, *lines)))]
    for line, c in zip(lines, cells, strict=True):
        out.append(line)
        out += [f"    {c[k]}" for k in ("reason", "rests", "placed") if c[k]]
        if c["override"]:
            out.append(f"    override: {c['override']}")
        about = "; ".join(c[k] for k in ("endpoint", "evidence", "source") if c[k])
        if about:
            out.append(f"    {about}")
    counted = [f for f in result.findings if not f.code.startswith("LR6") and f.severity != "info"]
    if counted:
        out += ["", "Findings that count:"]
        for f in counted:
            where = f" [{_one_line(f.where, NAME_MAX)}]" if f.where else ""
            out.append(f"  {f.code} {f.severity}: {_one_line(f.what, REMARK_MAX)}{where}")
    out += ["", _one_line(f"{result.verdict} {rests_on(result)}", REMARK_MAX)]
    out += [f"  {_one_line(reason, REMARK_MAX)}" for reason in result.why]
    if result.plan.clinic_file:
        out += ["", clinic.said(result.plan.clinic_file)]
    out += ["", result.verdict]
    return "\n".join(out) + "\n"


def _one_line(value: str, longest: int) -> str:
    """A name in one line of bounded length, without characters a terminal would obey."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in value).split())
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"


def plan_of(result: CheckResult) -> dict[str, Any]:
    """Which plan and which protocol a result is about, without any name of a patient."""
    plan = result.plan
    return {
        "label": _one_line(plan.label, NAME_MAX),
        "plan_uid_sha256": plan.plan_uid_sha256,
        "inputs": [{"role": role, "sha256": sha} for role, _, sha in plan.inputs],
        "protocol_sha256": protocol_hash(result.protocol),
        **({"clinic_file": dict(plan.clinic_file)} if plan.clinic_file else {}),
    }


def to_dict(result: CheckResult, why: str = "", exit_code: int | None = None) -> dict[str, Any]:
    """The check as plain data (`lymphorisk/check/1`); `exit_code` is the one the call leaves with."""
    return {
        "schema": SCHEMA,
        "protocol": result.protocol.name,
        "protocol_chosen": why or None,
        "informative": result.protocol.informative,
        "plan": plan_of(result),
        "verdict": result.verdict,
        "exit_code": result.exit_code if exit_code is None else exit_code,
        "decided": result.decided,
        "of": len(result.judged),
        "why": list(result.why),
        "lines": [
            {
                "structure": r.line.structure,
                "metric": r.line.metric,
                "state": r.state,
                "value": r.value,
                "low": r.low,
                "high": r.high,
                "goal": None if r.line.goal is None else str(r.line.goal),
                "variation": None if r.line.variation is None else str(r.line.variation),
                "required": r.line.required,
                "percentile": r.percentile,
                "reason": r.reason,
                "needs": r.line.needs or result.protocol.needs,
                "behind": [{"what": b.what, "how": b.how} for b in r.behind],
                "overridden": r.overridden,
                "override": None
                if r.line.override is None
                else {"reason": r.line.override.reason, "by": r.line.override.by},
                "endpoint": r.line.endpoint,
                "source": r.line.source,
                "n": r.line.n,
                "evidence": r.line.evidence,
            }
            for r in result.lines
        ],
        "findings": [f.to_dict() for f in result.findings],
    }


@dataclass(frozen=True, slots=True)
class Unread:
    """A plan that could not be judged at all: its name as given, what was wrong and the exit code."""

    name: str
    message: str
    hint: str
    exit_code: int

    @property
    def verdict(self) -> str:
        """UNDECIDED where the data cannot say, ERROR where the input cannot be used."""
        return UNDECIDED if self.exit_code == EXIT_UNDECIDED else "ERROR"


def unread_text(unread: Unread) -> str:
    """A plan that could not be judged, for a terminal; the verdict is the last line."""
    lines = [f"Plan: {_one_line(unread.name, NAME_MAX)}", "", _one_line(unread.message, REMARK_MAX)]
    lines += [f"  {_one_line(unread.hint, REMARK_MAX)}"] if unread.hint else []
    return "\n".join([*lines, "", unread.verdict]) + "\n"


def sentences(result: CheckResult) -> tuple[tuple[str, str, str], ...]:
    """Verdict and lines for a structured report: code, meaning, text."""
    out = [("LR-VERDICT", "Verdict of the gate", f"{result.verdict} {rests_on(result)}; " + "; ".join(result.why))]
    out.append(("LR-PROTOCOL", "Protocol", f"{result.protocol.name}, SHA-256 {protocol_hash(result.protocol)}"))
    for row in rows(result):
        said = [f"{row['structure']} {row['metric']}: {row['state']}", row["value"], row["limit"], row["reason"]]
        said += [row["rests"], row["override"]]
        out.append(("LR-LINE", "Line of the protocol", "; ".join(s for s in said if s)))
    return tuple((code, meaning, _one_line(text.rstrip("; "), REMARK_MAX)) for code, meaning, text in out)


def unread_dict(unread: Unread) -> dict[str, Any]:
    """A plan that could not be read as plain data."""
    return {
        "schema": SCHEMA,
        "verdict": unread.verdict,
        "exit_code": unread.exit_code,
        "error": {"message": unread.message, "hint": unread.hint, "where": unread.name},
    }


CaseKind = Literal["failure", "error", "skipped", "system-out"]


@dataclass(frozen=True, slots=True)
class Case:
    """A test case of JUnit."""

    where: str
    name: str
    kind: CaseKind
    message: str
    content: str = ""


def junit(suites: Sequence[tuple[CheckResult, int] | Unread]) -> str:
    """Checks as JUnit XML: a suite a plan, a case a line and one for the verdict.

    A failed line fails, a required one that is missing or undecided is an error, a reference and an optional
    line without a value are skipped. The verdict's case fails or errs whenever the gate does not leave with 0,
    and in a gate that leaves with 0 no case does.

    Parameters
    ----------
    suites : sequence of (CheckResult, exit code) or Unread
    """
    written = [_unread_suite(s) if isinstance(s, Unread) else _suite(*s) for s in suites]
    if len(written) == 1:
        return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', *(line[2:] for line in written[0][1])]) + "\n"
    total = {k: sum(counts[k] for counts, _ in written) for k in COUNTED}
    head = " ".join(f'{k}="{total[k]}"' for k in COUNTED)
    out = ['<?xml version="1.0" encoding="UTF-8"?>', f'<testsuites name="lymphorisk check" {head}>']
    out += [line for _, lines in written for line in lines]
    return "\n".join([*out, "</testsuites>"]) + "\n"


COUNTED = ("tests", "failures", "errors", "skipped")


def _suite(result: CheckResult, exit_code: int) -> tuple[dict[str, int], list[str]]:
    cases = [_forgiven(_case(r), exit_code) for r in result.lines]
    cases.append(_verdict(result, exit_code))
    about = plan_of(result)
    properties = {
        "plan": about["label"],
        "plan_uid_sha256": about["plan_uid_sha256"],
        "protocol": result.protocol.name,
        "protocol_sha256": about["protocol_sha256"],
        "verdict": result.verdict,
        "exit_code": str(exit_code),
        "decided": f"{result.decided} of {len(result.judged)}",
        **({"clinic_file": clinic.said(result.plan.clinic_file)} if result.plan.clinic_file else {}),
        **{f"input_{n}_{i['role']}_sha256": i["sha256"] for n, i in enumerate(about["inputs"], start=1)},
    }
    return _written_suite(result.protocol.name or "protocol", properties, cases)


def _unread_suite(unread: Unread) -> tuple[dict[str, int], list[str]]:
    case = Case("gate", "input", "error", f"{unread.verdict}: {unread.message}", unread.hint)
    properties = {"plan": unread.name, "verdict": unread.verdict, "exit_code": str(unread.exit_code)}
    return _written_suite(unread.name or "input", properties, [case])


def _written_suite(name: str, properties: Mapping[str, str], cases: Sequence[Case]) -> tuple[dict[str, int], list[str]]:
    kinds = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    counts = {"tests": len(cases)} | {k: sum(c.kind == v for c in cases) for k, v in kinds.items()}
    out = [f"  <testsuite name={_attribute(name)} " + " ".join(f'{k}="{counts[k]}"' for k in COUNTED) + ">"]
    out.append("    <properties>")
    out += [f"      <property name={_attribute(k)} value={_attribute(v)}/>" for k, v in properties.items()]
    out.append("    </properties>")
    for c in cases:
        out.append(f"    <testcase classname={_attribute(c.where)} name={_attribute(c.name)}>")
        if c.kind == "system-out":
            out.append(f"      <system-out>{_content(c.message)}</system-out>")
        else:
            out.append(f"      <{c.kind} message={_attribute(c.message)}>{_content(c.content)}</{c.kind}>")
        out.append("    </testcase>")
    return counts, [*out, "  </testsuite>"]


def _case(r: LineResult) -> Case:
    where, name = r.line.structure or "plan", r.line.metric
    if r.overridden and r.line.override is not None:
        said = f"{r.state} {value_text(r)}, accepted: {r.line.override.reason} ({r.line.override.by})"
        return Case(where, name, "system-out", said)
    rests = f"; rests on {', '.join(map(str, r.behind))}" if r.behind else ""
    message = f"{state_text(r)}: {r.reason or value_text(r)}{rests}"
    match r.state:
        case "FAIL":
            return Case(where, name, "failure" if r.line.required else "skipped", message, f"goal {r.line.goal}")
        case "MISSING" | "UNDECIDED":
            return Case(where, name, "error" if r.line.required else "skipped", message)
        case "REFERENCE":
            return Case(where, name, "skipped", message)
        case "PASS" | "VARIATION":
            return Case(where, name, "system-out", message)
        case _:
            assert_never(r.state)


def _forgiven(case: Case, exit_code: int) -> Case:
    """In a gate that leaves with 0 no case fails: what was forgiven (--exit-zero) is skipped, and said."""
    return replace(case, kind="skipped") if exit_code == EXIT_PASS and case.kind in ("failure", "error") else case


def _verdict(result: CheckResult, exit_code: int) -> Case:
    grave = "; ".join(f"{f.code} {f.what}" for f in result.findings if f.severity == "error")
    kinds: dict[int, CaseKind] = {EXIT_PASS: "system-out", EXIT_FAIL: "failure"}
    message = f"{result.verdict} {rests_on(result)}" + "".join(f"; {w}" for w in result.why)
    return Case("gate", "verdict", kinds.get(exit_code, "error"), message, grave)


def _attribute(value: str) -> str:
    return quoteattr(XML_FORBIDDEN.sub("?", value))


def _content(value: str) -> str:
    return escape(XML_FORBIDDEN.sub("?", value))


def sarif(suites: Sequence[tuple[CheckResult, int] | Unread], version: str) -> dict[str, Any]:
    """The findings as SARIF 2.1.0, a run a plan."""
    runs = [_unread_run(s, version) if isinstance(s, Unread) else _run(*s, version) for s in suites]
    return {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": runs}


def _run(result: CheckResult, exit_code: int, version: str) -> dict[str, Any]:
    used = sorted({f.code for f in result.findings})
    rules = [
        {
            "id": code,
            "shortDescription": {"text": RULES[code].title},
            "fullDescription": {"text": RULES[code].meaning},
        }
        for code in used
        if code in RULES
    ]
    return {
        "tool": {"driver": {"name": "lymphorisk", "version": version, "rules": rules}},
        "invocations": [
            {
                "executionSuccessful": True,
                "exitCode": exit_code,
                "exitCodeDescription": f"{result.verdict} {rests_on(result)}",
            }
        ],
        "properties": {
            "plan": plan_of(result),
            "verdict": result.verdict,
            "decided": result.decided,
            "of": len(result.judged),
            "why": list(result.why),
            "lines": [
                {"line": r.line.label, "state": state_text(r), "behind": list(map(str, r.behind))} for r in result.lines
            ],
        },
        "results": [
            {
                "ruleId": f.code,
                "level": _level(f.severity),
                "message": {"text": f.what + (f" ({f.hint})" if f.hint else "")},
                "locations": [{"logicalLocations": [{"name": f.where or "plan"}]}],
            }
            for f in result.findings
        ],
    }


def _level(severity: Severity) -> str:
    """The word of SARIF for a severity."""
    match severity:
        case "info":
            return "note"
        case "warning" | "error":
            return severity
        case _:
            assert_never(severity)


def _unread_run(unread: Unread, version: str) -> dict[str, Any]:
    text = unread.message + (f" ({unread.hint})" if unread.hint else "")
    return {
        "tool": {"driver": {"name": "lymphorisk", "version": version, "rules": []}},
        "invocations": [
            {
                "executionSuccessful": False,
                "exitCode": unread.exit_code,
                "exitCodeDescription": unread.verdict,
                "toolExecutionNotifications": [{"level": "error", "message": {"text": text}}],
            }
        ],
        "properties": {"plan": {"label": unread.name}, "verdict": unread.verdict},
        "results": [],
    }
