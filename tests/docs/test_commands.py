"""Every command that README and docs show runs, letter for letter, in a folder that holds what a checkout holds."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
#: A gate may say no, or that it cannot decide: both are answers.
ANSWERS = {0, 1, 4}
SHOWN = re.compile(r"^(?: {4})?((?:lymphorisk|openssl) .+)$")
#: Commands that stand for what cannot run in a test: a service that does not end, a scheduler that is not here.
NOT_RUN = re.compile(r"^lymphorisk (listen|watch|serve|send)\b|--scheduler|dicomweb:")


def commands(page: Path) -> list[str]:
    """Lines of code blocks that call the program."""
    out, inside = [], False
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.lstrip().startswith("```"):
            inside = not inside
            continue
        if (inside or line.startswith("    ")) and (found := SHOWN.match(line)):
            out.append(found[1])
    return [c for c in out if not NOT_RUN.search(c)]


def shown() -> list[Path]:
    return [page for page in PAGES if commands(page)]


def test_the_pages_show_commands() -> None:
    assert sum(len(commands(page)) for page in PAGES) > 20


@pytest.mark.slow
@pytest.mark.parametrize("page", shown(), ids=lambda p: str(p.relative_to(ROOT)))
def test_every_command_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "lymphorisk"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lymphorisk "$@"\n')
    program.chmod(0o755)
    env = dict(os.environ, PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}", PYTHONPATH=str(ROOT), COLUMNS="120")
    if any(c.startswith("openssl") for c in commands(page)) and shutil.which("openssl") is None:
        pytest.skip("no openssl on this machine, and the page shows it")
    for command in commands(page):
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode in ANSWERS, f"{command}\n{done.stderr[-2000:]}"
        assert "Traceback" not in done.stderr, command


LINKS = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda p: str(p.relative_to(ROOT)))
def test_every_linked_file_exists(page: Path) -> None:
    missing = [link for link in LINKS.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert not missing


#: Schema names, and what a command shown on the page makes.
IN_WORDS = re.compile(r"^lymphorisk/[a-z-]+/\d$|^models/mine$")
NAMED = re.compile(r"`((?:lymphorisk|tests|fixtures|benchmarks|docs|models)/[\w./*<>-]+)`")


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda p: str(p.relative_to(ROOT)))
def test_every_named_file_exists(page: Path) -> None:
    named = [n for n in NAMED.findall(page.read_text(encoding="utf-8")) if not set("<>") & set(n)]
    missing = [n for n in named if not list(ROOT.glob(n.rstrip("/"))) and not IN_WORDS.search(n)]
    assert not missing


def test_the_example_cohorts_are_those_of_the_training_tests(tmp_path: Path) -> None:
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("cohort_file", ROOT / "tests" / "train" / "cohort_file.py")
    assert spec is not None
    assert spec.loader is not None
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    for name, rows in (("two_centres", made.rows()), ("other_hospital", made.rows(450, seed=7))):
        fresh = made.write(tmp_path / f"{name}.csv", rows)
        assert fresh.read_bytes() == (ROOT / "fixtures" / "cohorts" / f"{name}.csv").read_bytes()
