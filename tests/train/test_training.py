"""From a cohort file to a judged model, external validation, recalibration; same file, same bytes."""

from __future__ import annotations

import filecmp
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest

from lymphorisk.errors import CohortError
from lymphorisk.predict import load
from lymphorisk.train import Choices, evaluate_model, recalibrate, run_training
from lymphorisk.train.cohort import read_cohort
from lymphorisk.train.evaluate import probabilities
from lymphorisk.train.settings import Settings, Shape


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, cohort_file):
    folder = tmp_path_factory.mktemp("training")
    path = cohort_file.write(folder / "clinic.csv", cohort_file.rows())
    started = time.perf_counter()
    done = run_training(read_cohort(path), folder / "mine", Choices(window="during RT"))
    return folder, done, time.perf_counter() - started


def test_two_hundred_patients_go_from_file_to_judged_model_in_two_minutes(trained) -> None:
    _, done, seconds = trained
    assert seconds < 120
    assert set(done.evaluation["outcomes"]) == {"g3", "g4"}
    g3 = done.evaluation["outcomes"]["g3"]
    assert 0.7 < g3["auc"] < 0.95
    assert g3["interval"]["auc"][0] < g3["auc"] < g3["interval"]["auc"][1]
    assert set(g3["subgroups"]) >= {"centre", "site", "sex", "baseline ALC", "fractions"}
    assert g3["held_out_by"] == "centre"
    assert len(g3["calibration_curve"]) == 10


def test_too_few_patients_for_riley_are_told_with_the_numbers(trained) -> None:
    _, done, _ = trained
    told = [f.what for f in done.findings if f.code == "LR416"]
    assert any("Riley's criteria ask for" in t and t.startswith("g3") for t in told)


def test_the_card_says_what_a_paper_would(trained) -> None:
    folder, done, _ = trained
    card = tomllib.loads((folder / "mine" / "card.toml").read_text())
    assert card["model"]["statement"] == "trained on cohort clinic"
    assert card["outcome"]["g3"]["window"] == "during RT"
    assert {i["item"] for i in card["tripod"]} >= {"1", "5a", "8", "9", "10", "11", "12a", "25"}
    assert all(i["answer"] for i in card["tripod"])
    assert card["evaluation"]["internal"]["g3"]["auc"] == done.evaluation["outcomes"]["g3"]["auc"]
    assert [f["name"] for f in card["feature"]] == card["features"]["names"]
    verdict = card["model"]["against_logistic"]
    adds = all(e["against_logistic"]["adds"] for e in done.evaluation["outcomes"].values())
    assert ("does not add" in verdict) == (not adds)


def test_same_file_same_bytes(trained, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _, _ = trained
    light = Settings(outer=2, inner=2, choices=(Shape(2, 0.1, 5.0, 2.0, 40),), resampled=2, nadir_rounds=10, threads=1)
    monkeypatch.setattr("lymphorisk.train.run.settings_for", lambda cohort, seed: light)
    for name in ("once", "twice"):
        run_training(read_cohort(folder / "clinic.csv"), folder / name / "mine", Choices(window="during RT"))
    names = [p.name for p in (folder / "once" / "mine").iterdir()]
    found = filecmp.cmpfiles(folder / "once" / "mine", folder / "twice" / "mine", names, shallow=False)
    assert sorted(found[0]) == sorted(names)


def test_external_validation_on_other_patients(trained, cohort_file) -> None:
    folder, _, _ = trained
    other = cohort_file.write(folder / "other.csv", cohort_file.rows(n=150, seed=9))
    result = evaluate_model(folder / "mine", read_cohort(other))
    assert result["outcomes"]["g3"]["auc"] > 0.65
    assert result["kind"] == "external validation"
    assert result["absent_features"] == []


def test_a_cohort_without_the_models_organs_is_still_judged_and_it_says_so(trained, cohort_file) -> None:
    folder, _, _ = trained
    table = [{k: v for k, v in r.items() if not k.startswith("spleen")} for r in cohort_file.rows(n=150, seed=9)]
    result = evaluate_model(folder / "mine", read_cohort(cohort_file.write(folder / "gaps.csv", table)))
    assert result["absent_features"] == ["spleen_mean", "spleen_v5"]


def test_recalibration_mends_a_shifted_hospital(trained, cohort_file) -> None:
    """Counts a quarter lower everywhere: before, the model under-predicts; after, the mean is right."""
    folder, _, _ = trained
    table = cohort_file.rows(n=150, seed=11)
    shifted = [{**r, "nadir_alc": "" if not r["nadir_alc"] else f"{0.6 * float(r['nadir_alc']):.3f}"} for r in table]
    path = cohort_file.write(folder / "shifted.csv", shifted)
    before = evaluate_model(folder / "mine", read_cohort(path))["outcomes"]["g3"]
    assert before["in_the_large"] < -0.1
    lines = recalibrate(folder / "mine", read_cohort(path), folder / "ours")
    assert set(lines) == {"g3", "g4"}
    after = evaluate_model(folder / "ours", read_cohort(path))["outcomes"]["g3"]
    assert abs(after["in_the_large"]) < 0.01
    assert after["auc"] == pytest.approx(before["auc"], abs=1e-3)
    ours = load(folder / "ours")
    assert "g3" not in ours.conformal
    assert ours.card["recalibration"]["cohort"] == "shifted"


def test_intercept_alone_keeps_the_slope(trained, cohort_file) -> None:
    folder, _, _ = trained
    path = cohort_file.write(folder / "small.csv", cohort_file.rows(n=80, seed=12))
    line = recalibrate(folder / "mine", read_cohort(path), folder / "shift", slope=False)["g3"]
    assert line.slope == 1.0
    p = probabilities(load(folder / "shift"), read_cohort(path), "g3")
    event = read_cohort(path).outcomes["g3"]
    known = np.isfinite(event)
    assert p[known].mean() == pytest.approx(event[known].mean(), abs=1e-6)


def test_nothing_is_written_when_the_cohort_is_refused(tmp_path: Path, cohort_file) -> None:
    table = [{**r, "nadir_alc": "0.9"} for r in cohort_file.rows()]
    with pytest.raises(CohortError, match="single class"):
        run_training(read_cohort(cohort_file.write(tmp_path / "c.csv", table)), tmp_path / "model", Choices())
    assert not (tmp_path / "model").exists()
