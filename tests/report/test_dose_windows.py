"""What reviews say of doses a fraction: the windows as printed, labelled, and no part of any number."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from lymphorisk import Options, Patient, analyze, parameters
from lymphorisk.analysis import Analysis
from lymphorisk.parameters.windows import NOTE, windows, windows_of
from lymphorisk.report import content, html, research, text

ROOT = Path(__file__).parents[2]
STATED = {r["id"] for r in csv.DictReader((ROOT / "docs" / "statements.csv").read_text("utf-8").splitlines())}


@pytest.mark.parametrize(
    ("gray", "ids"),
    [
        (1.0, ["W01", "W02"]),
        (1.8, ["W02"]),
        (4.0, []),
        (5.0, []),
        (6.0, ["W03"]),
        (8.0, ["W03", "W04"]),
        (10.0, ["W03", "W04"]),
        (12.0, ["W03", "W04", "W05", "W06"]),
        (12.1, ["W03", "W05", "W06", "W07"]),
        (20.0, ["W03", "W05", "W06", "W07"]),
    ],
)
def test_a_fraction_lies_in_the_windows_that_the_reviews_print(gray: float, ids: list[str]) -> None:
    """S028 to S030, S058, S084, S120."""
    assert [w.id for w in windows_of(gray)] == ids


def test_the_abscopal_half_is_by_bed() -> None:
    """S083: 60 Gy BED10 is 20 Gy at once, where the probability is one half; above it is more."""
    assert "W08" not in {w.id for w in windows_of(4.0, bed_gy=60.0)}
    assert [w.id for w in windows_of(4.0, bed_gy=60.1)] == ["W08"]
    assert windows_of(4.0, bed_gy=None) == ()


def test_every_window_has_its_statement_and_source() -> None:
    for w in windows():
        assert w.statement in STATED
        assert w.source in parameters.sources()
        assert w.place
        assert w.high_gy is None or w.low_gy <= w.high_gy


@pytest.fixture(scope="module")
def ablative(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    path = tmp_path_factory.mktemp("plan") / "plan.toml"
    plan = (
        "[plan]\nfractions = 3\nprescription_gy = 24\n[organs]\nLiver = { mean_gy = 6.0 }\nBody = { mean_gy = 0.5 }\n"
    )
    path.write_text(plan, encoding="utf-8")
    return analyze(path, Patient(alc=1.5), Options(draws=32))


def test_text_page_and_result_say_them_with_the_label(ablative: Analysis) -> None:
    said = " ".join(text.render(ablative).split())
    for wanted in ("8.00 Gy a fraction, BED10 43.2 Gy.", NOTE, "8 to 12 Gy a fraction: activates cGAS-STING"):
        assert wanted in said
    page = html.render(content.report(ablative))
    assert "above 5 Gy a fraction: raises ICAM-1 and VCAM-1" in page
    kept = json.loads(ablative.to_json())["research"]["dose_windows"]
    assert [w["id"] for w in kept["met"]] == ["W03", "W04"]
    assert kept["note"] == NOTE


def test_without_a_prescription_nothing_is_said(ablative: Analysis) -> None:
    (phase,) = ablative.phases
    bare = replace(ablative, phases=(replace(phase, prescription_gy=None),))
    assert research.windows(bare) == []
    assert json.loads(bare.to_json())["research"]["dose_windows"]["met"] == []


def test_nothing_that_computes_reads_them() -> None:
    """The table is read by what says it alone."""
    readers = {
        p.relative_to(ROOT).as_posix()
        for p in (ROOT / "lymphorisk").rglob("*.py")
        if "parameters.windows import" in p.read_text(encoding="utf-8")
    }
    assert all(name.startswith(("lymphorisk/report/", "lymphorisk/analysis/")) for name in readers)
    assert not readers & {f"lymphorisk/analysis/{name}.py" for name in ("chain", "risk", "row", "exposure", "blood")}
