"""`conditioning --out` and `--sr`: the same result as on stdout, and objects in the study of the plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lymphorisk.cli.main import run

ASK = ("conditioning", "--product", "axi-cel", "--draws", "16", "--to-day", "30")


def test_the_file_holds_what_stdout_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "c.json"
    assert run([*ASK, "--json", "--out", str(out)]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(out.read_text())
    assert run([*ASK, "--out", str(out)]) == 0, "its own result is replaced"
    out.write_text("{}")
    assert run([*ASK, "--out", str(out)]) == 3


def test_ends_of_a_band_keep_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*ASK, "--json"]) == 0
    (regimen,) = json.loads(capsys.readouterr().out)["regimens"]
    rows = [r for r in (*regimen["metrics"].values(), *regimen["criteria"]) if r["median"] is not None]
    assert any(r["p05"] < r["p95"] for r in regimen["criteria"] if r["median"] is not None)
    assert all(r["p05"] <= r["median"] <= r["p95"] for r in rows)


@pytest.mark.slow
def test_a_structured_report_needs_a_study(rtplans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("highdicom")
    from pydicom import dcmread

    assert run([*ASK, "--sr", str(tmp_path / "sr.dcm")]) == 3
    assert "study" in capsys.readouterr().err
    plan = rtplans / "brain"
    assert run([*ASK, str(plan), "--first-day", "-60", "--sr", str(tmp_path / "sr.dcm")]) == 0
    ds = dcmread(tmp_path / "sr.dcm")
    assert ds.StudyInstanceUID == dcmread(plan / "RP.dcm").StudyInstanceUID
    assert "axi_cel" in str(ds)
