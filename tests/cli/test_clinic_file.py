"""The clinic file through the command line: its settings are defaults, options win, results name them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from lymphorisk.cli.main import run

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


@pytest.fixture
def clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clinic's working folder with its file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LYMPHORISK_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nowhere"))
    (tmp_path / "lymphorisk.toml").write_text(SETTINGS, encoding="utf-8")
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    code = run(list(args))
    out = capsys.readouterr()
    return code, out.out, out.err


@pytest.mark.slow
def test_settings_are_defaults_and_stand_in_the_result(
    clinic: Path, rtplans: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = str(rtplans / "pancreas")
    report = clinic / "r.html"
    asked = ("analyze", plan, "--draws", "16", "--horizon", "60", "--alc", "1400", "--json", "--report", str(report))
    _, out, err = said(capsys, *asked, "--audit", str(clinic))
    result = json.loads(out)
    sha = hashlib.sha256(SETTINGS.encode()).hexdigest()
    names = ["analysis.missing", "counts.lln", "counts.unit", "organs.Liver"]
    assert result["provenance"]["options"]["clinic_file"] == {"sha256": sha, "settings": names}
    assert result["provenance"]["options"]["missing"] == "diluted"
    assert (result["patient"]["alc"], result["patient"]["lln"]) == (1.4, 1.0)
    assert result["patient"]["sources"]["lln"] == "laboratory"
    assert f"clinic file {sha[:12]}: {', '.join(names)}" in err
    assert sha in report.read_text(encoding="utf-8")
    assert sha in (clinic / "lymphorisk-audit.jsonl").read_text(encoding="utf-8")
    more = ("--missing", "placed", "--lln", "1100", "--alc-unit", "/mm3")
    _, out, _ = said(capsys, *asked[:-2], *more)
    result = json.loads(out)
    assert result["provenance"]["options"]["clinic_file"]["settings"] == ["organs.Liver"]
    assert result["patient"]["lln"] == 1.1
    _, out, err = said(capsys, *asked[:6], "--alc", "1.4", "--config", "none", "--json")
    assert "clinic_file" not in json.loads(out)["provenance"]["options"]
    assert "clinic file" not in err


def test_a_limit_of_the_patients_file_wins(clinic: Path, rtplans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (clinic / "patient.toml").write_text("lln = 0.9\n", encoding="utf-8")
    _, out, _ = said(
        capsys,
        "analyze",
        str(rtplans / "brain"),
        "--draws",
        "16",
        "--horizon",
        "60",
        "--patient",
        "patient.toml",
        "--json",
    )
    result = json.loads(out)
    assert result["patient"]["lln"] == 0.9
    assert "counts.lln" not in result["provenance"]["options"]["clinic_file"]["settings"]


def test_a_name_of_the_clinic_is_an_organ(clinic: Path, rtplans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (clinic / "lymphorisk.toml").write_text('[organs]\nSpleen = ["Dickdarm"]\n', encoding="utf-8")
    _, out, _ = said(capsys, "inspect", str(rtplans / "pancreas"), "--json")
    how = {organ["tg263"]: (organ["roi"], organ["how"]) for organ in json.loads(out)["organs"]}
    assert how["Spleen"] == (["Dickdarm"], "clinic: 'Dickdarm'")
    assert "Bowel_Large" not in how


def test_the_protocol_of_the_site_is_the_clinics(
    clinic: Path, rtplans: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = said(capsys, "check", str(rtplans / "pancreas"), "--draws", "16", "--horizon", "60", "--json")
    result = json.loads(out)
    assert result["protocol"] == "General lymphopenia page"
    assert "protocols" in result["plan"]["clinic_file"]["settings"]


@pytest.mark.slow
def test_a_broken_file_is_named_and_doctor_says_it(clinic: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (clinic / "lymphorisk.toml").write_text("[counts]\nllm = 1\n", encoding="utf-8")
    code, _, err = said(capsys, "dvh", str(clinic))
    assert code == 3
    assert "lymphorisk.toml, line 2: counts.llm is not a key here" in err
    assert "did you mean lln?" in err
    code, out, _ = said(capsys, "doctor")
    assert code == 70
    assert "FAIL  lymphorisk.toml, line 2: counts.llm" in out


@pytest.mark.slow
def test_doctor_shows_settings_and_what_they_name_that_is_not_there(
    clinic: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (clinic / "lymphorisk.toml").write_text(
        '[counts]\nlln = 1.0\n[protocols]\nlung = "no such"\nbrain = "auto"\n[audit]\nfolder = "none here"\n',
        encoding="utf-8",
    )
    code, out, _ = said(capsys, "doctor")
    assert code == 70
    assert "counts.lln = 1.0\n" in out
    assert "receiver.port = 11112  (not in the file)" in out
    assert "receiver.health = 0  (not in the file)" in out
    assert out.count("protocols.lung") == 2
    assert "FAIL  protocols.brain" not in out
    assert "FAIL  protocols.lung: no protocol 'no such'" in out
    assert "FAIL  audit.folder names 'none here'" in out


def test_doctor_examines_a_service(clinic: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the folder that is typed, or by that of the clinic file."""
    code, out, _ = said(capsys, "doctor", "--service", "--out", str(clinic / "typed"))
    assert code == 0
    assert "ok    no store in 'typed' yet" in out
    (clinic / "lymphorisk.toml").write_text('[receiver]\nstore = "filed"\n', encoding="utf-8")
    code, out, _ = said(capsys, "doctor", "--service")
    assert code == 0
    assert "ok    no store in 'filed' yet" in out


def test_init_writes_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert said(capsys, "init")[0] == 0
    first = (tmp_path / "lymphorisk.toml").read_text(encoding="utf-8")
    (tmp_path / "lymphorisk.toml").write_text("# mine\n", encoding="utf-8")
    assert said(capsys, "init")[0] == 3
    assert (tmp_path / "lymphorisk.toml").read_text(encoding="utf-8") == "# mine\n"
    assert said(capsys, "init", "--force")[0] == 0
    assert (tmp_path / "lymphorisk.toml").read_text(encoding="utf-8") == first
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    assert said(capsys, "init", "--user")[0] == 0
    assert (tmp_path / "home" / "lymphorisk" / "lymphorisk.toml").is_file()
