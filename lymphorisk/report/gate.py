"""A check result as text, JSON, JUnit XML and SARIF."""

from __future__ import annotations

import re
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from lymphorisk.findings import RULES
from lymphorisk.qa.check import (
    EXIT_FAIL,
    EXIT_PASS,
    FAIL,
    MISSING,
    REFERENCE,
    UNDECIDED,
    CheckResult,
    LineResult,
)
from lymphorisk.qa.protocol import Line
from lymphorisk.report.content import ProtocolRow, ProtocolTable

SCHEMA = "lymphorisk/check/1"
SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
SARIF_LEVELS = {"info": "note", "warning": "warning", "error": "error"}
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
            note="; ".join(r[k] for k in ("reason", "placed", "override", "endpoint", "evidence", "source") if r[k]),
        )
        for r in rows(result)
    )
    return ProtocolTable(result.protocol.name, result.verdict, lines)


def text(result: CheckResult) -> str:
    """The check as a table for a terminal; the verdict is the last line."""
    cells = [
        {k: _one_line(v, NAME_MAX if k in ("structure", "metric") else REMARK_MAX) for k, v in row.items()}
        for row in rows(result)
    ]
    widths = {k: max([len(k), *(len(c[k]) for c in cells)]) for k in ("state", "structure", "metric", "value", "limit")}
    head = "  ".join(k.upper().ljust(w) for k, w in widths.items())
    out = [f"Protocol: {_one_line(result.protocol.name, NAME_MAX)}", "", head, "-" * len(head)]
    for c in cells:
        out.append("  ".join(c[k].ljust(w) for k, w in widths.items()).rstrip())
        out += [f"    {c[k]}" for k in ("reason", "placed") if c[k]]
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
    out += ["", result.verdict]
    return "\n".join(out) + "\n"


def _one_line(value: str, longest: int) -> str:
    """A name in one line of bounded length, without characters a terminal would obey."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in value).split())
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"


def to_dict(result: CheckResult) -> dict[str, Any]:
    """The check as plain data (`lymphorisk/check/1`)."""
    return {
        "schema": SCHEMA,
        "protocol": result.protocol.name,
        "verdict": result.verdict,
        "exit_code": result.exit_code,
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
        "findings": [
            {"code": f.code, "severity": f.severity, "what": f.what, "where": f.where, "hint": f.hint}
            for f in result.findings
        ],
    }


def junit(result: CheckResult) -> str:
    """The check as JUnit XML: a case a line, and one for the verdict.

    A failed line fails, a required one that is missing or undecided is an error, a reference and an optional
    line without a value are skipped. The verdict's case fails or errs whenever the gate does not leave with 0.
    """
    cases = [(r.line.structure or "plan", r.line.metric, *_outcome(r)) for r in result.lines]
    cases.append(("gate", "verdict", *_verdict(result)))
    counts = {kind: sum(c[2] == kind for c in cases) for kind in ("failure", "error", "skipped")}
    out = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuite name={_attribute(result.protocol.name or "protocol")} tests="{len(cases)}" '
        f'failures="{counts["failure"]}" errors="{counts["error"]}" skipped="{counts["skipped"]}">',
    ]
    for where, name, kind, message, content in cases:
        out.append(f"  <testcase classname={_attribute(where)} name={_attribute(name)}>")
        if kind == "system-out":
            out.append(f"    <system-out>{_content(message)}</system-out>")
        else:
            out.append(f"    <{kind} message={_attribute(message)}>{_content(content)}</{kind}>")
        out.append("  </testcase>")
    out.append("</testsuite>")
    return "\n".join(out) + "\n"


def _outcome(r: LineResult) -> tuple[str, str, str]:
    """Element of JUnit, message, content."""
    if r.overridden and r.line.override is not None:
        return "system-out", f"{r.state} {value_text(r)}, accepted: {r.line.override.reason} ({r.line.override.by})", ""
    message = f"{r.state}: {r.reason or value_text(r)}"
    if r.state == FAIL:
        return "failure", message, f"goal {r.line.goal}"
    if r.state in (MISSING, UNDECIDED):
        return ("error" if r.line.required else "skipped"), message, ""
    return ("skipped" if r.state == REFERENCE else "system-out"), message, ""


def _verdict(result: CheckResult) -> tuple[str, str, str]:
    grave = "; ".join(f"{f.code} {f.what}" for f in result.findings if f.severity == "error")
    kinds = {EXIT_PASS: "system-out", EXIT_FAIL: "failure"}
    return kinds.get(result.exit_code, "error"), result.verdict, grave


def _attribute(value: str) -> str:
    return quoteattr(XML_FORBIDDEN.sub("?", value))


def _content(value: str) -> str:
    return escape(XML_FORBIDDEN.sub("?", value))


def sarif(result: CheckResult, version: str) -> dict[str, Any]:
    """The findings as SARIF 2.1.0."""
    used = sorted({f.code for f in result.findings})
    return {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "lymphorisk",
                        "version": version,
                        "rules": [
                            {
                                "id": code,
                                "shortDescription": {"text": RULES[code].title},
                                "fullDescription": {"text": RULES[code].meaning},
                            }
                            for code in used
                            if code in RULES
                        ],
                    }
                },
                "invocations": [
                    {
                        "executionSuccessful": True,
                        "exitCode": result.exit_code,
                        "exitCodeDescription": result.verdict,
                    }
                ],
                "results": [
                    {
                        "ruleId": f.code,
                        "level": SARIF_LEVELS.get(f.severity, "none"),
                        "message": {"text": f.what + (f" ({f.hint})" if f.hint else "")},
                        "locations": [{"logicalLocations": [{"name": f.where or "plan"}]}],
                    }
                    for f in result.findings
                ],
            }
        ],
    }
