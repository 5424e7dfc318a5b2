"""The result as a user of the library meets it."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import pytest
from click.testing import CliRunner

from lymphorisk import Options, Patient, analyze
from lymphorisk.analysis import Analysis
from lymphorisk.analysis.saved import read_saved
from lymphorisk.cli.analyze import analyze as command

PANCREAS = Path(__file__).parents[2] / "fixtures" / "rtplans" / "pancreas"
#: A plan of organ doses alone: nothing is read of contours.
LUNGS = PANCREAS.parents[1] / "scenarios" / "lungs_4gy_and_boost.toml"
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


def test_what_a_result_holds_shows_in_a_few_lines_too(result: Analysis) -> None:
    held = (result.forecast, result.blood, result.course, *result.organs.values(), *result.targets)
    for one in held:
        assert len(repr(one)) < 2000, type(one)
    spleen = result.organs["Spleen"]
    assert spleen.dvh is not None
    assert f"mean {spleen.dvh.mean_gy:.4g} Gy" in repr(spleen.dvh)
    assert f"mean {spleen.course.mean_gy:.4g} Gy" in repr(spleen)


def test_a_notebook_shows_a_small_card_and_escapes_what_was_exported(result: Analysis) -> None:
    from dataclasses import replace

    card = replace(result, label="<script>x</script>")._repr_html_()
    assert card.startswith("<table>")
    assert "<script>" not in card


@pytest.mark.slow
def test_a_result_writes_the_bytes_of_the_command(result: Analysis) -> None:
    said = CliRunner().invoke(
        command, [str(PANCREAS), "--alc", "1.4", "--sex", "F", "--age", "61", "--draws", "64", "--json"]
    )
    assert said.exit_code == 0, said.output
    assert result.to_json() == said.stdout
    assert result.to_dict() == json.loads(said.stdout)


def test_a_number_is_the_same_number_however_it_is_typed() -> None:
    assert repr(Patient(age_y=61)) == repr(Patient(age_y=61.0))
    assert repr(Options(draws=64.0, beam_on_s=30)) == repr(Options(draws=64, beam_on_s=30.0))


def test_what_a_result_writes_is_read_back_as_saved(result: Analysis, tmp_path: Path) -> None:
    kept = tmp_path / "result.json"
    kept.write_text(result.to_json(), encoding="utf-8")
    assert read_saved(kept) == result.to_dict()


def test_organs_as_rows(result: Analysis) -> None:
    table = result.to_frame()
    assert list(table.index) == list(result.organs)
    for name, organ in result.organs.items():
        row = table.loc[name]
        assert (row["source"], row["roi"]) == (organ.source, ", ".join(organ.roi_names))
        assert row["min_gy"] <= row["mean_gy"] == organ.course.mean_gy <= row["max_gy"], name
        assert row["coverage"] == organ.coverage
        assert organ.volume_cm3 is None or row["volume_cm3"] == organ.volume_cm3
    spleen = result.organs["Spleen"]
    assert table.loc["Spleen", "volume_cm3"] == spleen.volume_cm3 > 1.0
    assert table.loc["Spleen", "min_gy"] < table.loc["Spleen", "max_gy"]
    shares = table["loss_share"].dropna()
    assert shares["Spleen"] == result.attribution["spleen"] > 0
    assert shares["LN"] == result.attribution["nodes"] > 0
    elsewhere = ("blood", "elsewhere", "unexplained", "chemo", "drugs")
    assert shares.sum() == pytest.approx(1.0 - sum(result.attribution.get(n, 0.0) for n in elsewhere))


def test_a_curve_answers_metrics(result: Analysis) -> None:
    from lymphorisk.dvh.metrics import metric

    dvh = result.organs["Spleen"].dvh
    assert dvh is not None
    assert dvh.metric("V5Gy[%]") == metric(dvh, "V5Gy[%]")
    assert dvh.metric("V50%[%]", prescription_gy=20.0) == metric(dvh, "V10Gy[%]")


@pytest.mark.slow
def test_a_given_parameter_moves_the_forecast_and_is_told(result: Analysis) -> None:
    slow = analyze(
        PANCREAS,
        patient=Patient(alc=1.4, sex="F", age_y=61),
        options=Options(draws=64, parameters={"lymphocyte.recovery.half_time": 80.0}),
    )
    day = int(slow.forecast.nadir.day.p95) + 60
    assert slow.forecast.median[day] < result.forecast.median[day]
    assert slow.provenance.parameter_set.startswith(f"{result.provenance.parameter_set}+")
    assert slow.provenance.options["parameters"] == {"lymphocyte.recovery.half_time": 80.0}
    assert any(a.name == "lymphocyte.recovery.half_time" for a in slow.assumptions)


@pytest.mark.slow
def test_a_survival_function_of_ones_own_stands_for_the_named_model_it_equals(result: Analysis) -> None:
    import numpy as np

    own = analyze(LUNGS, options=Options(draws=64, survival=lambda d: np.exp(-d / 1.2)))
    named = analyze(LUNGS, options=Options(draws=64, survival="in_vivo_hcc"))
    hard = analyze(LUNGS, options=Options(draws=64, survival=lambda d: np.exp(-0.65 * d)))
    assert hard.forecast.nadir.median == pytest.approx(named.forecast.nadir.median, rel=0.01)
    assert own.forecast.nadir.median < named.forecast.nadir.median
    assert set(own.provenance.options["survival"]) == {"weights", "alphas", "betas"}


def test_a_function_that_is_no_survival_is_refused() -> None:
    from lymphorisk.errors import LymphoriskError

    for function, said in ((lambda d: 1.0 + d, "never rises"), (lambda d: 0.5 + 0 * d, "1 at zero")):
        with pytest.raises(LymphoriskError, match=said):
            Options(survival=function)
