"""The page of all finding codes is what the program registers; run this file to write it again."""

from __future__ import annotations

from pathlib import Path

import pytest

from lymphorisk import findings
from lymphorisk.findings import every_rule

PAGE = Path(__file__).parents[2] / "docs" / "findings.md"
HEAD = """# Findings

Every code the program prints, as `lymphorisk explain CODE` explains it. LR0xx are files and links, LR1xx structures and
DVHs, LR2xx blood dose, LR3xx lymphocytes, LR4xx predictors, LR5xx conditioning, LR6xx protocols and gates, LR7xx
cohorts. The severity is the usual one; a protocol may set its own (`docs/qa.md`). Codes marked * leave a gate undecided
unless its protocol says otherwise.

| code | severity | title | meaning |
|---|---|---|---|
"""


def page() -> str:
    """The page as it must stand."""
    from lymphorisk.qa.protocol import GATE_RULES

    rules, rows = every_rule(), []
    for rule in (rules[code] for code in sorted(rules)):
        mark = " *" if rule.undecides or GATE_RULES.get(rule.code) == "undecided" else ""
        rows.append(f"| {rule.code}{mark} | {rule.severity} | {rule.title} | {rule.meaning} |\n")
    return HEAD + "".join(rows)


def test_the_page_lists_every_code() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), f"write it again: python {Path(__file__).name}"


def test_a_code_is_registered_once_with_a_severity() -> None:
    known = min(every_rule())
    with pytest.raises(ValueError, match=f"rule {known} is registered twice"):
        findings.rule(known, "warning", "again", "again")
    with pytest.raises(ValueError, match="severity 'fatal' is not one of"):
        findings.rule("LR999", "fatal", "title", "meaning")  # type: ignore[arg-type]
    assert "LR999" not in every_rule()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
