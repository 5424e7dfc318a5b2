"""Findings: what the program noticed and the reader must know, each with a rule code.

Codes are stable. LR0xx files and links, LR1xx structures and DVHs, LR2xx blood dose,
LR3xx lymphocytes, LR4xx predictors, LR5xx conditioning, LR6xx protocols and gates, LR7xx
cohorts.
A finding never carries a patient's name or ID.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

PACKAGE = Path(__file__).parent

Severity = Literal["info", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule a plan can break: its code, usual severity, title and what it means.

    `undecides` says that a gate has nothing to rest a verdict on while such a finding stands, unless its protocol
    says otherwise.
    """

    code: str
    severity: Severity
    title: str
    meaning: str
    undecides: bool = False


RULES: dict[str, Rule] = {}


def rule(code: str, severity: Severity, title: str, meaning: str, *, undecides: bool = False) -> Rule:
    """Register a rule. Each code is registered once, by the room that raises it."""
    if severity not in SEVERITIES:
        raise ValueError(f"severity {severity!r} is not one of {SEVERITIES}")
    if code in RULES:
        raise ValueError(f"rule {code} is registered twice")
    RULES[code] = Rule(code, severity, title, meaning, undecides)
    return RULES[code]


def every_rule() -> Mapping[str, Rule]:
    """All rules by code; every module that registers one is imported: rules live with the code that raises them."""
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        # the plain words of importing and of using `rule`, so that no room can be forgotten
        if "lymphorisk.findings import" in source and " = rule(" in source:
            parts = path.relative_to(PACKAGE).with_suffix("").parts
            importlib.import_module(".".join((PACKAGE.name, *parts)).removesuffix(".__init__"))
    return RULES


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing noticed in one place.

    Attributes
    ----------
    code : str
        Rule code, LRnnn.
    severity : str
        ``info``, ``warning`` or ``error``.
    what : str
        What was noticed.
    where : str
        The file kind, ROI (number and name) or stage.
    hint : str
        What the user can do.
    """

    code: str
    severity: Severity
    what: str
    where: str = ""
    hint: str = ""

    def line(self) -> str:
        """As one line of text."""
        return f"{self.code} {self.severity}: {self.what}" + (f" [{self.where}]" if self.where else "")

    def to_dict(self) -> dict[str, str]:
        """Code, severity, what, where and hint, as every JSON result holds them."""
        return {name: getattr(self, name) for name in ("code", "severity", "what", "where", "hint")}


def finding(of: Rule, what: str, where: str = "", hint: str = "", severity: Severity | None = None) -> Finding:
    """A finding of a registered rule."""
    return Finding(of.code, severity or of.severity, what, where, hint)
