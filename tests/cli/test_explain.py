"""`lymphorisk explain` knows every code that the program can print or that its documents name."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lymphorisk.cli.main import run
from lymphorisk.findings import every_rule

ROOT = Path(__file__).parents[2]
CODE = re.compile(r"\bLR\d{3}\b")


def named() -> dict[str, str]:
    """Every code in package, documents and README, with one file that names it."""
    files = [*ROOT.glob("lymphorisk/**/*.py"), *ROOT.glob("docs/**/*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    return {code: str(f.relative_to(ROOT)) for f in files for code in CODE.findall(f.read_text(encoding="utf-8"))}


def test_every_code_is_explained() -> None:
    """In a process of its own: what another test has imported must not help."""
    done = subprocess.run(
        [sys.executable, "-m", "lymphorisk", "explain"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    known = set(CODE.findall(done.stdout))
    codes = named()
    assert len(codes) > 100
    assert {code: where for code, where in codes.items() if code not in known} == {}


def test_a_code_is_explained_by_its_own_rule(capsys: pytest.CaptureFixture[str]) -> None:
    rules = every_rule()
    for code in ("LR037", "LR101", "LR005"):
        own = rules[code]
        assert run(["explain", code.lower()]) == 0
        said = capsys.readouterr().out
        assert said == f"{code}  {own.severity:<7}  {own.title}\n\n{own.meaning}\n"
    assert run(["explain", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["rules"]
    assert {(r["code"], r["severity"], r["title"], r["meaning"]) for r in told} == {
        (r.code, r.severity, r.title, r.meaning) for r in rules.values()
    }
    assert run(["explain", "LR9999"]) == 3
