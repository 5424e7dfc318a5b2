"""The faults that are drawn, how they are judged, and the page of what came of them."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from . import mutants, page
from .mutants import ROOT, Mutant, changed, mutants_of, mutated

SOURCE = '''"""Text with 1 number."""

from __future__ import annotations

from functools import cache

STEP = 3


@cache
def half(x: int | None, y: float = 2.0) -> float | None:
    """The half: x / 2."""
    if x is None or x == STEP:
        raise ValueError(f"not {x + 1}", 5 - 4)
    for a, b in zip((1,), (y,), strict=True):
        return -x / b + a
    return None
'''


@pytest.fixture
def found(tmp_path: Path) -> list[Mutant]:
    file = tmp_path / "lymphorisk" / "room" / "half.py"
    file.parent.mkdir(parents=True)
    file.write_text(SOURCE, encoding="utf-8")
    return mutants_of(file, tmp_path)


def test_every_fault_is_another_program(found: list[Mutant]) -> None:
    texts = [mutated(SOURCE, m) for m in found]
    assert len(set(texts)) == len(texts) == len({m.name for m in found}) > 25
    want = ast.dump(ast.parse(SOURCE))
    assert all(ast.dump(ast.parse(text)) != want for text in texts)


def test_faults_are_of_meaning(found: list[Mutant]) -> None:
    """Not in annotations, decorators, messages, strings or the check of lengths."""
    rows = SOURCE.splitlines()
    at = {m.line for m in found}
    assert {rows[line - 1].split()[0] for line in at} == {"STEP", "def", "if", "for", "return"}
    becomes = {changed(SOURCE, mutated(SOURCE, m)) for m in found}
    assert {"STEP = 4", "if x is None or x != STEP:", "return -x / b - a", "return x / b + a"} <= becomes
    assert not any("strict=False" in text or "+ None" in text or "|" not in text for text in becomes if "def " in text)


def test_a_fault_knows_its_function_and_the_lines_of_its_statement(found: list[Mutant]) -> None:
    by_row = {SOURCE.splitlines()[m.line - 1].strip(): m for m in found}
    assert by_row["STEP = 3"].function == ""
    turned = by_row["if x is None or x == STEP:"]
    assert (turned.function, turned.lines) == ("half", (turned.line, turned.line))


def test_a_fault_keeps_its_name_when_lines_move(tmp_path: Path, found: list[Mutant]) -> None:
    file = tmp_path / "lymphorisk" / "room" / "half.py"
    file.write_text(SOURCE.replace("STEP = 3", "\n\nSTEP = 3\n"), encoding="utf-8")
    moved = mutants_of(file, tmp_path)
    assert [m.name for m in moved] == [m.name for m in found]
    assert all(a.line > b.line for a, b in zip(moved, found, strict=True))


def test_a_sample_is_the_seed_s_and_a_smaller_one_its_beginning(tmp_path: Path) -> None:
    rooms = ("scenario", "qa")
    files = {room: sorted((ROOT / "lymphorisk" / room).glob("*.py"))[-1] for room in rooms}
    for file in files.values():
        copy = tmp_path / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True)
        copy.write_bytes(file.read_bytes())
    large = mutants.sample(12, 3, rooms, tmp_path)
    assert large == mutants.sample(12, 3, rooms, tmp_path)
    assert mutants.sample(5, 3, rooms, tmp_path) == large[:10]
    assert mutants.sample(12, 4, rooms, tmp_path) != large
    assert Counter(m.room for m in large) == {"scenario": 12, "qa": 12}


def test_the_page_has_the_figures_and_they_meet_the_bars() -> None:
    made = json.loads(page.JSON.read_text(encoding="utf-8"))
    assert page.PAGE.read_text(encoding="utf-8") == page.page(made)
    assert page.score(made["faults"])["score"] >= page.LEAST_SCORE
    taken, of = (sum(room["branches"][i] for room in made["coverage"].values()) for i in (0, 1))
    ran, tests = made["ran"]
    assert taken / of >= page.LEAST_BRANCHES or ran < tests
    assert {m["file"].split("/")[1] for m in made["faults"]} == set(mutants.ROOMS)


@pytest.mark.parametrize("kind", ["same", "unseen"])
def test_a_reason_is_of_a_fault_that_nothing_saw(kind: str) -> None:
    faults = {m["name"]: m for m in json.loads(page.JSON.read_text(encoding="utf-8"))["faults"]}
    for name, why in page.survivors(kind).items():
        assert faults[name]["outcome"] != "killed", f"{name}: a test tells it from the code"
        assert len(why.split()) > 3


def test_every_fault_that_nothing_saw_has_its_reason() -> None:
    faults = json.loads(page.JSON.read_text(encoding="utf-8"))["faults"]
    told = page.survivors("same").keys() | page.survivors("unseen").keys()
    assert len(faults) > 200
    assert {m["name"] for m in faults if m["outcome"] != "killed"} == told


@pytest.mark.slow
def test_faults_that_were_seen_are_seen_still(tmp_path: Path) -> None:
    """A sample of the page's faults in today's code, each by the test that saw it."""
    ask = [sys.executable, "-m", "tests.strength.run", "--again", "12", "--seed", "20", "--folder", str(tmp_path)]
    done = subprocess.run(ask, cwd=ROOT, capture_output=True, text=True, check=True)
    came = Counter(line.split()[1] for line in done.stdout.splitlines())
    assert came["killed"] >= 6
    assert set(came) <= {"killed", "gone"}, done.stdout
