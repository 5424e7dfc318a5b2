"""`analyze --shap-plots`: into an HTML page, or a usage error before anything is computed."""

from __future__ import annotations

from pathlib import Path

import pytest

from lymphorisk.cli.main import run


@pytest.mark.slow
def test_the_page_holds_both_drawings(rtplans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "out.html"
    model = rtplans.parents[1] / "models" / "insilico-2026.1"
    asked = ["analyze", str(rtplans / "pancreas"), "--alc", "1.4", "--draws", "64", "--model", str(model)]
    assert run([*asked, "--report", str(page), "--shap-plots"]) == 0
    capsys.readouterr()
    text = page.read_text(encoding="utf-8")
    assert text.count("SHAP waterfall of this patient, grade 3 or more</title>") == 1
    assert text.count("SHAP beeswarm of the background patients, grade 3 or more</title>") == 1


@pytest.mark.parametrize("more", [[], ["--report", "out.pdf"]])
def test_without_a_page_it_is_a_usage_error(rtplans: Path, more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["analyze", str(rtplans / "brain"), "--shap-plots", *more]) == 2
    assert "--shap-plots needs" in capsys.readouterr().err
