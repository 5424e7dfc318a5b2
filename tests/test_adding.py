"""CONTRIBUTING tells the truth: the order of rooms, and the files that each change touches, by a throw-away one of each."""

# ruff: noqa: E501
from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
HEDOS = "fixtures/scenarios/hedos_lung_1x10s.toml"
PANCREAS = "fixtures/rtplans/pancreas"


def test_the_order_of_rooms_is_the_enforced_one() -> None:
    spec = importlib.util.spec_from_file_location("architecture", ROOT / "tests" / "test_architecture.py")
    assert spec is not None
    assert spec.loader is not None
    house = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(house)
    block = GUIDE[GUIDE.index("```") + 3 : GUIDE.index("```", GUIDE.index("```") + 3)]
    told = [frozenset(room.strip() for room in floor.split("|")) for floor in block.split("->")]
    assert told == [rooms for rooms in house.ORDER if rooms != {"__main__"}]


@dataclass(frozen=True)
class Change:
    """A throw-away change: new files, (file, text, its replacement) edits, a command and what it then says."""

    what: str
    new: dict[str, str]
    edits: tuple[tuple[str, str, str], ...]
    command: tuple[str, ...]
    says: str
    writes: str = ""


PARAMETER = '\n[zz_new]\nvalue = 3.0\nunit = "1"\nsource = "zz2026"\nplace = "Table 1"\nknown = "read"\n'
SURVIVAL = (
    '\n[survival.zz.alpha]\nvalue = 0.5\nunit = "1/Gy"\nsource = "assumption"\nplace = "test"\nknown = "assumed"\n'
)
SOURCE = '\n[zz2026]\ncitation = "A throw-away source"\n'
END = ""

CHANGES = (
    Change(
        "an organ",
        {"lymphorisk/organs/data/Zz_New.toml": 'name = "Zz_New"\ntg263 = false\n\n[aliases]\nen = ["zz new organ"]\n'},
        (),
        ("organs", "Zz_New"),
        "zz new organ",
    ),
    Change(
        "an alias",
        {},
        (("lymphorisk/organs/data/Spleen.toml", 'de = ["Milz"]', 'de = ["Milz", "Zzmilz"]'),),
        ("organs", "Spleen"),
        "Zzmilz",
    ),
    Change(
        "a parameter",
        {},
        (
            ("lymphorisk/parameters/data/body.toml", END, PARAMETER),
            ("lymphorisk/parameters/data/sources.toml", END, SOURCE),
        ),
        ("parameters", "body"),
        "zz_new",
    ),
    Change(
        "a survival model",
        {},
        (
            (
                "lymphorisk/lymphocyte/survival.py",
                '    "tbi": lambda',
                '    "zz": lambda n: linear_quadratic(n["survival.zz.alpha"]),\n    "tbi": lambda',
            ),
            ("lymphorisk/parameters/data/lymphocyte.toml", END, SURVIVAL),
        ),
        ("blood", HEDOS, "--json"),
        '"zz"',
    ),
    Change(
        "a circulation model",
        {
            "lymphorisk/circulation/zz_new.py": '"""A throw-away model."""\n\nfrom __future__ import annotations\n\n'
            "from lymphorisk.circulation.resident import blood_dose as blood_dose\n"
        },
        (
            (
                "lymphorisk/circulation/models.py",
                '    "resident":',
                '    "zz": resident.blood_dose,\n    "resident":',
            ),
        ),
        ("blood", HEDOS, "--engine", "zz", "--json"),
        '"engine": "resident"',
    ),
    Change(
        "a published model",
        {
            "lymphorisk/literature/zz2026.py": '"""A throw-away model."""\n\nfrom __future__ import annotations\n\n'
            "from collections.abc import Mapping\n\nfrom lymphorisk.literature.case import Case, Estimate, Outcome\n\n"
            'NAME = "zz2026"\nOUTCOME = Outcome(0.5, "during RT", "nadir")\n\n\n'
            'def estimate(case: Case, numbers: Mapping[str, float]) -> Estimate:\n    """Half."""\n'
            '    return Estimate(NAME, OUTCOME, 0.5, citation="assumption", how="throw-away")\n'
        },
        (
            ("lymphorisk/literature/__init__.py", "xu2020_esophagus\n", "xu2020_esophagus, zz2026\n"),
            ("lymphorisk/literature/__init__.py", "kim2024_hcc)\n", "kim2024_hcc, zz2026)\n"),
        ),
        ("analyze", HEDOS, "--draws", "64", "--json"),
        '"zz2026"',
    ),
    Change(
        "a report format",
        {
            "lymphorisk/report/zz.py": '"""A throw-away format."""\n\nfrom __future__ import annotations\n\n'
            "from lymphorisk.report.document import Document\n\n\ndef render(document: Document) -> str:\n"
            '    """The title alone."""\n    return f"{document.title}\\n"\n'
        },
        (
            (
                "lymphorisk/report/formats.py",
                "FORMATS: list[Format] = [",
                'FORMATS: list[Format] = [\n    Format("throw-away", (".zz",), "lymphorisk.report.zz"),',
            ),
        ),
        ("analyze", HEDOS, "--draws", "64", "--report", "out.zz"),
        "",
        "out.zz",
    ),
    Change(
        "a rule",
        {},
        (
            (
                "lymphorisk/dicom/checks.py",
                END,
                '\nZZ_NEW = rule("LR998", "info", "throw-away rule", "A rule that a test added.")\n',
            ),
        ),
        ("explain", "LR998"),
        "throw-away rule",
    ),
    Change(
        "an input kind",
        {
            "lymphorisk/scenario/zz_kind.py": '"""A throw-away kind of input."""\n\nfrom __future__ import annotations\n\n'
            "from lymphorisk.scenario.read import read_scenario as read_scenario\n"
        },
        (
            (
                "lymphorisk/analysis/source.py",
                '{".toml": read_scenario}',
                '{".toml": read_scenario, ".zz": read_scenario}',
            ),
        ),
        ("blood", "plan.zz", "--json"),
        '"schema": "lymphorisk/blood/1"',
    ),
    Change(
        "a command",
        {
            "lymphorisk/cli/zz.py": '"""`lymphorisk zz`."""\n\nfrom __future__ import annotations\n\nimport click\n\n\n'
            '@click.command()\ndef zz() -> None:\n    """A throw-away command."""\n    click.echo("throw-away command")\n'
        },
        (
            (
                "lymphorisk/cli/main.py",
                "COMMANDS: dict[str, tuple[str, str, str]] = {",
                'COMMANDS: dict[str, tuple[str, str, str]] = {\n    "zz": ("zz", "zz", "Throw-away."),',
            ),
        ),
        ("zz",),
        "throw-away command",
    ),
)


def told_files(what: str) -> set[str]:
    """Files that CONTRIBUTING names for a change, placeholders as patterns."""
    row = next(line for line in GUIDE.splitlines() if line.startswith(f"| {what} |"))
    return set(re.findall(r"`(lymphorisk/[^`]+)`", row))


@pytest.mark.parametrize("change", CHANGES, ids=lambda c: c.what)
def test_a_change_touches_the_files_that_the_guide_names(change: Change) -> None:
    patterns = {re.sub(r"<\w+>", "*", name) for name in told_files(change.what)}
    touched = {*change.new, *(name for name, _, _ in change.edits)}
    assert all(any(Path(name).match(p) for p in patterns) for name in touched)
    assert all(any(Path(name).match(p) for name in touched) for p in patterns)


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES, ids=lambda c: c.what)
def test_a_throw_away_change_works_with_these_files_alone(change: Change, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "lymphorisk", tmp_path / "lymphorisk", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ("fixtures", "models"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    shutil.copy(ROOT / HEDOS, tmp_path / "plan.zz")
    for name, content in change.new.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    for name, old, new in change.edits:
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert old in text
        (tmp_path / name).write_text(text.replace(old, new, 1) if old else text + new, encoding="utf-8")
    env = dict(os.environ, PYTHONPATH=str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-m", "lymphorisk", *change.command],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert change.says in done.stdout
    if change.writes:
        assert (tmp_path / change.writes).is_file()
