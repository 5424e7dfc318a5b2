"""Every kind of result names the settings that came from a clinic file, and the file's hash."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lymphorisk.cli.main import run
from lymphorisk.schemas import schema
from tests.slowly import slow_but

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


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def dicom(path: Path) -> str:
    return path.read_bytes().decode("latin-1")


@dataclass(frozen=True)
class Result:
    """A call and the files it leaves beside its answer; settings that every one of them must name."""

    call: tuple[str, ...]
    settings: tuple[str, ...] = ("organs.Liver",)
    files: tuple[str, ...] = ()
    answers: bool = True


PLAN = "{plan}"
ANALYZE = ("analyze", PLAN, "--alc", "1400", *FEW)
CHECK = ("check", PLAN, "--protocol", "auto", *FEW)
COMPARE = ("compare", PLAN, PLAN, *FEW)
CONDITIONING = ("conditioning", "r.toml", PLAN, "--draws", "16")
ALL = ("analysis.missing", "counts.lln", "counts.unit", "organs.Liver")
GATE = ("protocols.pancreas",)
LEFT = ("--report", "o.html", "--sr", "o.dcm", "--audit", ".")
TRAIL = "lymphorisk-audit.jsonl"
RESULTS = {
    "analyze": Result((*ANALYZE, *LEFT), ALL, ("o.html", "o.dcm", TRAIL)),
    "analyze JSON": Result((*ANALYZE, "--sr", "o.dcm", "--json"), ALL, ("o.dcm",)),
    "inspect": Result(("inspect", PLAN)),
    "inspect JSON": Result(("inspect", PLAN, "--json")),
    "dvh": Result(("dvh", PLAN, "--structure", "Spleen")),
    "dvh JSON": Result(("dvh", PLAN, "--structure", "Spleen", "--json")),
    "blood": Result(("blood", PLAN, "--no-bounds")),
    "blood JSON": Result(("blood", PLAN, "--no-bounds", "--json")),
    "blood sweep JSON": Result(("blood", PLAN, "--sweep", "beam-on=10:20", "--json")),
    "check": Result((*CHECK, *LEFT), GATE, ("o.html", "o.dcm", TRAIL)),
    "check JSON": Result((*CHECK, "--sr", "o.dcm", "--json"), GATE, ("o.dcm",)),
    "check JUnit": Result((*CHECK, "--format", "junit"), GATE),
    "check SARIF": Result((*CHECK, "--format", "sarif"), GATE),
    "compare": Result((*COMPARE, "--report", "o.html"), ("analysis.missing", "organs.Liver"), ("o.html",)),
    "compare JSON": Result((*COMPARE, "--json")),
    "killmap": Result(("killmap", PLAN, "--out", "o.dcm"), files=("o.dcm",), answers=False),
    "objective": Result(("objective", PLAN, "--structures", "o.dcm"), files=("o.dcm",)),
    "objective JSON": Result(("objective", PLAN, "--json")),
    "commission": Result(("commission", PLAN, "--report", "o.html"), files=("o.html",)),
    "conditioning": Result((*CONDITIONING, "--report", "o.html", "--sr", "o.dcm"), files=("o.html", "o.dcm")),
    "conditioning JSON": Result((*CONDITIONING, "--sr", "o.dcm", "--json"), files=("o.dcm",)),
    "cohort": Result(
        ("cohort", PLAN, "--out", "c", "--workers", "0", *FEW), ("analysis.missing",), ("c/noticed.csv",), answers=False
    ),
}  # fmt: skip


JSON = Result((*ANALYZE, "--json"))


def called(result: Result, rtplans: Path, folder: Path, capsys: pytest.CaptureFixture[str], *more: str) -> list[str]:
    """The answer, where there is one, and the text of every file."""
    code = run([word.replace(PLAN, str(rtplans / "pancreas")) for word in (*result.call, *more)])
    out = capsys.readouterr()
    assert code in (0, 1, 4), out.err
    files = [(dicom if name.endswith(".dcm") else text)(folder / name) for name in result.files]
    return [out.out, *files] if result.answers else files


@pytest.mark.parametrize("kind", slow_but(RESULTS, "analyze JSON", "inspect", "dvh JSON", "check"))
def test_a_result_names_the_settings_and_the_hash(
    kind: str, rtplans: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = RESULTS[kind]
    told = called(result, rtplans, folder, capsys, "--config", "clinic.toml")
    for said in told:
        assert SHA in said
        for setting in result.settings:
            assert setting in said
    if kind.endswith("JSON"):
        import jsonschema

        made = json.loads(told[0])
        name = made["schema"].split("/")[1]
        jsonschema.Draft202012Validator(schema(name)).validate(made)


@pytest.mark.parametrize(
    "kind", slow_but([k for k in RESULTS if k.endswith(("JSON", "cohort", "killmap"))], "analyze JSON", "dvh JSON")
)
def test_without_a_file_no_result_speaks_of_one(
    kind: str, rtplans: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = RESULTS[kind]
    result = replace(result, call=tuple("1.4" if word == "1400" else word for word in result.call))
    for said in called(result, rtplans, folder, capsys):
        assert "clinic file" not in said
        assert "clinic_file" not in said


@pytest.mark.slow
def test_an_update_names_the_file_of_the_result_and_its_own(
    rtplans: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.json").write_text(called(JSON, rtplans, folder, capsys, "--config", "clinic.toml")[0])
    other = SETTINGS.replace("diluted", "placed")
    (folder / "other.toml").write_text(other, encoding="utf-8")
    call = Result(("update", "a.json", "--alc", "7=900", "--report", "o.html"), files=("o.html",))
    answer, page = called(call, rtplans, folder, capsys, "--config", "other.toml", "--json")
    made = json.loads(answer)
    assert made["result_clinic_file"]["sha256"] == SHA
    sha256 = hashlib.sha256(other.encode()).hexdigest()
    assert made["clinic_file"] == {"sha256": sha256, "settings": ["counts.unit"]}
    assert SHA in page
    assert sha256 in page


@pytest.mark.slow
def test_a_saved_result_is_checked_with_its_settings_and_the_protocol_of_the_file(
    rtplans: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--curves", "--config", "clinic.toml")
    (folder / "a.json").write_text(called(JSON, rtplans, folder, capsys, *more)[0])
    call = Result(("check", "a.json", "--protocol", "auto", "--json"))
    of = json.loads(called(call, rtplans, folder, capsys)[0])["plan"]["clinic_file"]
    assert of == {"sha256": SHA, "settings": sorted(ALL)}
    of = json.loads(called(call, rtplans, folder, capsys, "--config", "clinic.toml")[0])["plan"]["clinic_file"]
    assert of == {"sha256": SHA, "settings": sorted([*ALL, "protocols.pancreas"])}


@pytest.mark.slow
def test_a_page_of_a_cohort_says_it(rtplans: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    called(RESULTS["cohort"], rtplans, folder, capsys, "--config", "clinic.toml")
    page = Result(("cohort", "report", "c", "--report", "o.html"), files=("o.html",), answers=False)
    assert SHA in called(page, rtplans, folder, capsys)[0]
