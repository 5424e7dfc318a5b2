"""`lymphorisk explain` knows every code that the program can print or that its documents name."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

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
