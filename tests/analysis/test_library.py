"""The result as a user of the library meets it."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from lymphorisk import Options, Patient, analyze
from lymphorisk.analysis import Analysis

PANCREAS = Path(__file__).parents[2] / "fixtures" / "rtplans" / "pancreas"
FEW = Options(draws=64)


@pytest.fixture(scope="module")
def result() -> Analysis:
    return analyze(PANCREAS, patient=Patient(alc=1.4, sex="F", age_y=61), options=FEW)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda r: pickle.loads(pickle.dumps(r))], ids=["deepcopy", "pickle"])
def test_a_result_travels_between_processes(result: Analysis, again: object) -> None:
    other = again(result)  # type: ignore[operator]
    assert other.forecast.nadir.median == result.forecast.nadir.median
    assert other.findings == result.findings
    assert repr(other) == repr(result)


def test_a_result_shows_in_a_few_lines(result: Analysis) -> None:
    shown = repr(result)
    assert shown.count("\n") < 12
    assert len(shown) < 1500
    assert f"{result.forecast.nadir.median:.2f}" in shown


def test_a_notebook_shows_a_small_card_and_escapes_what_was_exported(result: Analysis) -> None:
    from dataclasses import replace

    card = replace(result, label="<script>x</script>")._repr_html_()
    assert card.startswith("<table>")
    assert "<script>" not in card


def test_organs_as_rows(result: Analysis) -> None:
    table = result.to_frame()
    assert list(table.index) == list(result.organs)
    assert table.loc["Spleen", "mean_gy"] == result.organs["Spleen"].course.mean_gy
    assert table["loss_share"].sum() == pytest.approx(sum(result.attribution.get(n, 0.0) for n in result.organs))


def test_a_curve_answers_metrics(result: Analysis) -> None:
    from lymphorisk.dvh.metrics import metric

    dvh = result.organs["Spleen"].dvh
    assert dvh is not None
    assert dvh.metric("V5Gy[%]") == metric(dvh, "V5Gy[%]")
    assert dvh.metric("V50%[%]", prescription_gy=20.0) == metric(dvh, "V10Gy[%]")
