"""The public names: what `__all__` says, what each does, what a user's type checker sees."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lymphorisk
from lymphorisk import Analysis, Options, Patient, analyze
from lymphorisk.analysis.saved import read_saved
from lymphorisk.cohorts.own import read_own
from lymphorisk.dicom.identity import OTHER_FRAME
from lymphorisk.errors import CohortError, InputError, ScenarioError
from lymphorisk.qa.check import MISSING, UNDECIDED

ROOT = Path(__file__).parents[1]
PLANS = ROOT / "fixtures" / "rtplans"
SCENARIO = ROOT / "fixtures" / "scenarios" / "cranial_24gy_12fx.toml"
OTHER = ROOT / "fixtures" / "scenarios" / "cranial_24gy_20fx.toml"
FEW = Options(draws=64)
WHO = Patient(sex="F", age_y=61, alc=1.4)
FUNCTIONS = (
    "analyze",
    "check",
    "cohort",
    "compare",
    "conditioning",
    "evaluate",
    "read_export",
    "read_scenario",
    "train",
)


@pytest.fixture(scope="module")
def result() -> Analysis:
    return analyze(PLANS / "pancreas", patient=WHO, options=FEW)


def test_all_is_what_can_be_imported() -> None:
    assert list(lymphorisk.__all__) == sorted(lymphorisk.__all__)
    assert all(hasattr(lymphorisk, name) for name in lymphorisk.__all__)
    assert set(dir(lymphorisk)) == set(lymphorisk.__all__)
    with pytest.raises(AttributeError, match="oracle"):
        _ = lymphorisk.oracle  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_door_says_what_it_takes(name: str) -> None:
    door = getattr(lymphorisk, name)
    signature = inspect.signature(door)
    assert signature.parameters
    assert signature.return_annotation is not inspect.Signature.empty
    assert all(p.annotation is not p.empty for p in signature.parameters.values())


@pytest.mark.parametrize("name", ["train", "conditioning"])
@pytest.mark.parametrize("first", ["", "import lymphorisk.{0}.{1}; "])
def test_a_verb_that_is_also_a_room_answers_whichever_is_imported_first(name: str, first: str) -> None:
    inner = {"train": "fit", "conditioning": "host"}[name]
    code = f"{first.format(name, inner)}import lymphorisk, inspect; from lymphorisk import {name}; "
    code += f"print(list(inspect.signature({name}).parameters)[0]); import lymphorisk.{name}.{inner} as room; "
    code += f"print(room.__name__); print(callable(lymphorisk.{name}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    wanted = {"train": "cohort", "conditioning": "regimens"}[name]
    assert done.stdout.split() == [wanted, f"lymphorisk.{name}.{inner}", "True"]


def test_a_cohort_is_a_row_a_patient_and_what_training_reads() -> None:
    made = read_own(ROOT / "fixtures" / "cohorts" / "two_centres.csv")
    frame = made.to_frame()
    assert len(frame) == len(made) > 0
    assert frame["patient"].nunique() == made.patients
    for name in made.names:
        assert np.array_equal(frame[name], made.column(name), equal_nan=True)
    for outcome, event in made.outcomes.items():
        assert np.array_equal(frame[outcome], event, equal_nan=True)
    with pytest.raises(CohortError, match="table of counts"):
        read_own(PLANS)


@pytest.mark.slow
def test_a_result_is_judged_as_its_export_is(result: Analysis) -> None:
    kept = lymphorisk.check(result, "pancreas")
    fresh = lymphorisk.check(PLANS / "pancreas", "pancreas", patient=WHO, options=FEW)
    decided = {r.line: r for r in kept.lines if r.state not in (UNDECIDED, MISSING)}
    assert decided
    for line in fresh.lines:
        if line.line in decided:
            assert decided[line.line].value == line.value
            assert decided[line.line].state == line.state
    undrawn = {r.line for r in fresh.lines if r.state in (UNDECIDED, MISSING)}
    assert not undrawn & set(decided), "a line the export cannot decide is not decided from the result"


def test_what_a_result_does_not_hold_is_undecided_and_never_passes(result: Analysis, tmp_path: Path) -> None:
    protocol = tmp_path / "own.toml"
    protocol.write_text(
        'name = "own"\n[[line]]\nstructure = "Skin_of_nobody"\nmetric = "Max[Gy]"\ngoal = "<= 10"\n', "utf-8"
    )
    judged = lymphorisk.check(result, protocol)
    assert [r.state for r in judged.lines] == [UNDECIDED]
    assert judged.exit_code == 4


def test_a_saved_result_without_curves_decides_no_curve(result: Analysis, tmp_path: Path) -> None:
    kept = tmp_path / "result.json"
    kept.write_text(result.to_json(), "utf-8")
    assert read_saved(kept)
    judged = lymphorisk.check(kept, "pancreas")
    assert {r.state for r in judged.lines if r.line.structure and r.line.goal is not None} <= {UNDECIDED}


def test_no_such_protocol(result: Analysis) -> None:
    with pytest.raises(InputError, match="no protocol"):
        lymphorisk.check(result, "nothing_of_the_kind")


@pytest.mark.slow
def test_two_plans_are_compared_as_results_or_as_files() -> None:
    files = lymphorisk.compare(SCENARIO, str(OTHER), patient=WHO, options=FEW)
    one, other = (analyze(p, patient=WHO, options=FEW) for p in (SCENARIO, OTHER))
    results = lymphorisk.compare(one, other)
    assert files.forecast.to_dict() == results.forecast.to_dict()
    assert files.sentence == results.sentence
    assert lymphorisk.compare(one, OTHER, patient=WHO, options=FEW).forecast.to_dict() == results.forecast.to_dict()


@pytest.mark.slow
def test_another_seed_is_another_forecast_and_the_same_one_the_same() -> None:
    one, again, other = (analyze(SCENARIO, patient=WHO, options=Options(draws=64, seed=seed)) for seed in (7, 7, 8))
    assert one.to_json() == again.to_json()
    assert one.forecast.nadir.median != other.forecast.nadir.median
    assert (one.forecast.seed, one.provenance.seed, other.provenance.seed) == (7, 7, 8)
    with pytest.raises(ScenarioError, match="seeds"):
        lymphorisk.compare(one, other)


@pytest.mark.slow
def test_a_patient_for_plans_that_are_analysed_already_is_refused() -> None:
    one = analyze(SCENARIO, patient=WHO, options=FEW)
    with pytest.raises(ScenarioError, match="already"):
        lymphorisk.compare(one, one, patient=WHO)
    with pytest.raises(ScenarioError, match="already"):
        lymphorisk.check(one, "brain", options=FEW)
    with pytest.raises(ScenarioError, match="patients"):
        lymphorisk.compare(one, OTHER, options=FEW)


@pytest.mark.slow
def test_exports_in_two_frames_are_told_apart() -> None:
    pair = lymphorisk.compare(PLANS / "pancreas", PLANS / "pelvis", patient=WHO, options=FEW)
    assert OTHER_FRAME.code in {f.code for f in pair.findings}


def test_conditioning_takes_products_and_files() -> None:
    file = ROOT / "fixtures" / "regimens" / "low_dose_tbi.toml"
    made = lymphorisk.conditioning([file, "axi-cel"], patient=Patient(alc=0.9, height_cm=170, weight_kg=70))
    assert len(made.forecasts) == 2
    assert made.baseline_alc == 0.9
    assert lymphorisk.conditioning("axi-cel").forecasts
    with pytest.raises(ScenarioError, match="no regimen"):
        lymphorisk.conditioning([])


def test_train_refuses_before_it_writes(tmp_path: Path) -> None:
    cohort = tmp_path / "cohort.csv"
    cohort.write_text("patient,site\n1,lung\n", "utf-8")
    with pytest.raises(CohortError):
        lymphorisk.train(cohort, tmp_path / "model")
    assert not (tmp_path / "model").exists()
    with pytest.raises(InputError, match="no predictor"):
        lymphorisk.evaluate("no-such-model", cohort)


USER = """
from pathlib import Path
from typing import Any, assert_type

from lymphorisk import Absent, Analysis, Options, Patient, analyze, check, compare, conditioning, evaluate, train
from lymphorisk.analysis.compare import Comparison
from lymphorisk.analysis.result import OrganDose
from lymphorisk.dvh import DVH
from lymphorisk.findings import Finding
from lymphorisk.predict import Prediction
from lymphorisk.qa.check import CheckResult, LineResult, Verdict
from lymphorisk.regimen.chain import Comparison as Regimens
from lymphorisk.train import Training

result = analyze("export/", patient=Patient(sex="F", age_y=61, alc=1.4), options=Options(draws=64))
assert_type(result, Analysis)
assert_type(result.alc.nadir.median, float)
assert_type(result.organs["Spleen"], OrganDose)
assert_type(result.organs["Spleen"].course.mean_gy, float)
assert_type(result.organs["Spleen"].dvh, DVH | None)
assert_type(result.blood.course.mean_gy, float)
assert_type(result.risk.mechanistic["g3"], float)
assert_type(result.risk.learned, Prediction | Absent)
assert_type(result.edic["edic_gy"], float | Absent)
assert_type(result.findings, tuple[Finding, ...])
assert_type(result.findings[0].code, str)
assert_type(result.to_json(), str)
judged = check(result, "lung")
assert_type(judged, CheckResult)
assert_type(judged.verdict, Verdict)
assert_type(judged.exit_code, int)
assert_type(judged.lines[0], LineResult)
pair = compare("a", Path("b"), patient=Patient(alc=1.4))
assert_type(pair, Comparison)
assert_type(pair.blood_mean_gy, tuple[float, float])
assert_type(pair.forecast.nadir.p50, float)
assert_type(pair.findings, tuple[Finding, ...])
assert_type(conditioning(["axi-cel"]), Regimens)
assert_type(train("cohort.csv", "model"), Training)
assert_type(evaluate("model", "cohort.csv"), dict[str, Any])
"""


@pytest.mark.slow
def test_a_users_type_checker_sees_no_any(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(USER, "utf-8")
    assert (ROOT / "lymphorisk" / "py.typed").is_file()
    wrong = tmp_path / "wrong.py"
    wrong.write_text("from lymphorisk import analyze\nx: str = analyze('export/').alc.nadir.median\n", "utf-8")
    for file, passes in ((mine, True), (wrong, False)):
        done = subprocess.run(
            [sys.executable, "-m", "mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml"), str(file)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "MYPYPATH": str(ROOT)},
            timeout=600,
            check=False,
        )
        assert (done.returncode == 0) == passes, done.stdout + done.stderr
