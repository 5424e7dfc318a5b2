"""Every kind of result names the settings that came from a clinic file, and the file's hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lymphorisk.cli.main import run
from lymphorisk.schemas import schema

SETTINGS = """
[organs]
Liver = ["zz own liver"]
[counts]
unit = "cells/uL"
lln = 1000
[analysis]
missing = "diluted"
[protocols]
pancreas = "general"
"""
SHA = hashlib.sha256(SETTINGS.encode()).hexdigest()
FEW = ("--draws", "16", "--horizon", "60")
REGIMEN = """
[conditioning]
[[conditioning.drug]]
name = "fludarabine"
mg_per_m2 = 30
day = -5
[[conditioning.radiation]]
first_day = -21
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder without a clinic file; the file is beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LYMPHORISK_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nowhere"))
    (tmp_path / "clinic.toml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "r.toml").write_text(REGIMEN, encoding="utf-8")
    return tmp_path


@dataclass(frozen=True)
class Result:
    """A call, the file of its result (none: stdout), and settings it must name."""

    call: tuple[str, ...]
    of: str
    settings: tuple[str, ...] = ("organs.Liver",)
    read: Callable[[Path], str] = lambda path: path.read_text(encoding="utf-8")


def dicom(path: Path) -> str:
    return path.read_bytes().decode("latin-1")


PLAN = "{plan}"
ANALYZE = ("analyze", PLAN, "--alc", "1400", *FEW)
CHECK = ("check", PLAN, "--protocol", "auto", *FEW)
ALL = ("analysis.missing", "counts.lln", "counts.unit", "organs.Liver")
RESULTS = {
    "analyze": Result(ANALYZE, "", ALL),
    "analyze JSON": Result((*ANALYZE, "--json"), "", ALL),
    "analyze page": Result((*ANALYZE, "--report", "o.html"), "o.html", ALL),
    "analyze SR": Result((*ANALYZE, "--sr", "o.dcm"), "o.dcm", ALL, dicom),
    "analyze trail": Result((*ANALYZE, "--audit", "."), "lymphorisk-audit.jsonl", ALL),
    "inspect": Result(("inspect", PLAN), ""),
    "inspect JSON": Result(("inspect", PLAN, "--json"), ""),
    "dvh": Result(("dvh", PLAN, "--structure", "Spleen"), ""),
    "dvh JSON": Result(("dvh", PLAN, "--structure", "Spleen", "--json"), ""),
    "blood": Result(("blood", PLAN, "--no-bounds"), ""),
    "blood JSON": Result(("blood", PLAN, "--no-bounds", "--json"), ""),
    "blood sweep JSON": Result(("blood", PLAN, "--sweep", "beam-on=10:20", "--json"), ""),
    "check": Result(CHECK, "", ("organs.Liver", "protocols.pancreas")),
    "check JSON": Result((*CHECK, "--json"), "", ("organs.Liver", "protocols.pancreas")),
    "check JUnit": Result((*CHECK, "--format", "junit"), "", ("protocols.pancreas",)),
    "check SARIF": Result((*CHECK, "--format", "sarif"), "", ("protocols.pancreas",)),
    "check page": Result((*CHECK, "--report", "o.html"), "o.html", ("protocols.pancreas",)),
    "check SR": Result((*CHECK, "--sr", "o.dcm"), "o.dcm", ("protocols.pancreas",), dicom),
    "check trail": Result((*CHECK, "--audit", "."), "lymphorisk-audit.jsonl", ("protocols.pancreas",)),
    "compare": Result(("compare", PLAN, PLAN, *FEW), "", ("analysis.missing", "organs.Liver")),
    "compare JSON": Result(("compare", PLAN, PLAN, *FEW, "--json"), ""),
    "compare page": Result(("compare", PLAN, PLAN, *FEW, "--report", "o.html"), "o.html"),
    "killmap": Result(("killmap", PLAN, "--out", "o.dcm"), "o.dcm", read=dicom),
    "objective": Result(("objective", PLAN), ""),
    "objective JSON": Result(("objective", PLAN, "--json"), ""),
    "objective structures": Result(("objective", PLAN, "--structures", "o.dcm"), "o.dcm", read=dicom),
    "commission": Result(("commission", PLAN), ""),
    "commission page": Result(("commission", PLAN, "--report", "o.html"), "o.html"),
    "conditioning": Result(("conditioning", "r.toml", PLAN, "--draws", "16"), ""),
    "conditioning JSON": Result(("conditioning", "r.toml", PLAN, "--draws", "16", "--json"), ""),
    "conditioning page": Result(("conditioning", "r.toml", PLAN, "--draws", "16", "--report", "o.html"), "o.html"),
    "conditioning SR": Result(("conditioning", "r.toml", PLAN, "--draws", "16", "--sr", "o.dcm"), "o.dcm", read=dicom),
    "cohort": Result(("cohort", PLAN, "--out", "c", "--workers", "0", *FEW), "c/noticed.csv", ("analysis.missing",)),
}  # fmt: skip


def called(result: Result, rtplans: Path, folder: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    code = run([word.replace(PLAN, str(rtplans / "pancreas")) for word in (*result.call, *more)])
    out = capsys.readouterr()
    assert code in (0, 1, 4), out.err
    return result.read(folder / result.of) if result.of else out.out


@pytest.mark.parametrize("kind", RESULTS)
def test_a_result_names_the_settings_and_the_hash(
    kind: str, rtplans: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = RESULTS[kind]
    said = called(result, rtplans, folder, capsys, "--config", "clinic.toml")
    assert SHA in said
    for setting in result.settings:
        assert setting in said
    if kind.endswith("JSON"):
        import jsonschema

        made = json.loads(said)
        name = made["schema"].split("/")[1]
        jsonschema.Draft202012Validator(schema(name)).validate(made)


@pytest.mark.parametrize("kind", [kind for kind in RESULTS if kind.endswith(("JSON", "SR", "cohort", "killmap"))])
def test_without_a_file_no_result_speaks_of_one(
    kind: str, rtplans: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = RESULTS[kind]
    result = replace(result, call=tuple("1.4" if word == "1400" else word for word in result.call))
    said = called(result, rtplans, folder, capsys)
    assert "clinic file" not in said
    assert "clinic_file" not in said


def test_an_update_names_the_file_of_the_result_and_its_own(
    rtplans: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.json").write_text(called(RESULTS["analyze JSON"], rtplans, folder, capsys, "--config", "clinic.toml"))
    other = SETTINGS.replace("diluted", "placed")
    (folder / "other.toml").write_text(other, encoding="utf-8")
    call = Result(("update", "a.json", "--alc", "7=900", "--report", "o.html"), "")
    made = json.loads(called(call, rtplans, folder, capsys, "--config", "other.toml", "--json"))
    assert made["result_clinic_file"]["sha256"] == SHA
    sha256 = hashlib.sha256(other.encode()).hexdigest()
    assert made["clinic_file"] == {"sha256": sha256, "settings": ["counts.unit"]}
    page = (folder / "o.html").read_text(encoding="utf-8")
    assert SHA in page
    assert sha256 in page


def test_a_saved_result_is_checked_with_its_settings_and_the_protocol_of_the_file(
    rtplans: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--curves", "--config", "clinic.toml")
    (folder / "a.json").write_text(called(RESULTS["analyze JSON"], rtplans, folder, capsys, *more))
    call = Result(("check", "a.json", "--protocol", "auto", "--json"), "")
    of = json.loads(called(call, rtplans, folder, capsys))["plan"]["clinic_file"]
    assert of == {"sha256": SHA, "settings": sorted(ALL)}
    of = json.loads(called(call, rtplans, folder, capsys, "--config", "clinic.toml"))["plan"]["clinic_file"]
    assert of == {"sha256": SHA, "settings": sorted([*ALL, "protocols.pancreas"])}


def test_a_page_of_a_cohort_says_it(rtplans: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    called(RESULTS["cohort"], rtplans, folder, capsys, "--config", "clinic.toml")
    page = called(Result(("cohort", "report", "c", "--report", "o.html"), "o.html"), rtplans, folder, capsys)
    assert SHA in page
