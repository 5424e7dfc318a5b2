"""From a cohort file to a judged model, external validation, recalibration; same file, same bytes."""

from __future__ import annotations

import filecmp
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lymphorisk.errors import CohortError
from lymphorisk.features import NAMES, FeatureVector
from lymphorisk.frozen import FrozenDict
from lymphorisk.predict import load, predict
from lymphorisk.predict.calibration import sigmoid
from lymphorisk.report.evaluation import evaluation_text
from lymphorisk.train import Choices, evaluate_model, read_cohort, recalibrate, record, run_training
from lymphorisk.train.evaluate import subgroup_labels
from lymphorisk.train.fit import leave_out
from lymphorisk.train.recalibrate import line_for, wanted_for
from lymphorisk.train.run import size_findings, without_the_first_week
from lymphorisk.train.settings import SMOOTH, Settings, Shape
from lymphorisk.train.toml_text import toml_text


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """Few resamples; intervals are held to their width elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lymphorisk.train.evaluate.RESAMPLES", 60)
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, cohort_file, quick: None):
    folder = tmp_path_factory.mktemp("training")
    path = cohort_file.write(folder / "clinic.csv", cohort_file.rows())
    light = Settings(
        outer=3,
        inner=2,
        choices=(replace(SMOOTH, rounds=150), Shape(2, 0.08, 5.0, 5.0, 60)),
        resampled=3,
        resampled_rounds=40,
        nadir_rounds=20,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lymphorisk.train.run.settings_for", lambda cohort, seed: light)
        done = run_training(read_cohort(path), folder / "mine", Choices(window="during RT"))
    return folder, done


def test_two_hundred_patients_go_from_file_to_judged_model(trained) -> None:
    _, done = trained
    assert set(done.evaluation["outcomes"]) == {"g3", "g4"}
    g3 = done.evaluation["outcomes"]["g3"]
    assert 0.7 < g3["auc"] < 0.95
    assert g3["interval"]["auc"][0] < g3["auc"] < g3["interval"]["auc"][1]
    assert set(g3["subgroups"]) >= {"centre", "site", "sex", "baseline ALC", "fractions"}
    assert g3["held_out_by"] == "centre"
    assert len(g3["calibration_curve"]) == 10


def test_too_few_patients_for_riley_are_told_with_the_numbers(trained) -> None:
    _, done = trained
    told = [f.what for f in done.findings if f.code == "LR416"]
    assert any("Riley's criteria ask for" in t and t.startswith("g3") for t in told)


def test_the_card_says_what_a_paper_would(trained) -> None:
    folder, done = trained
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


@pytest.mark.slow
def test_same_file_same_bytes(trained, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = trained
    light = Settings(outer=2, inner=2, choices=(Shape(2, 0.1, 5.0, 2.0, 40),), resampled=2, nadir_rounds=10, threads=1)
    monkeypatch.setattr("lymphorisk.train.run.settings_for", lambda cohort, seed: light)
    for name in ("once", "twice"):
        run_training(read_cohort(folder / "clinic.csv"), folder / name / "mine", Choices(window="during RT"))
    names = [p.name for p in (folder / "once" / "mine").iterdir()]
    found = filecmp.cmpfiles(folder / "once" / "mine", folder / "twice" / "mine", names, shallow=False)
    assert sorted(found[0]) == sorted(names)


def test_external_validation_on_other_patients(trained, cohort_file) -> None:
    folder, _ = trained
    other = cohort_file.write(folder / "other.csv", cohort_file.rows(n=150, seed=9))
    result = evaluate_model(folder / "mine", read_cohort(other))
    assert result["outcomes"]["g3"]["auc"] > 0.65
    assert result["kind"] == "external validation"
    assert result["absent_features"] == []


def test_a_cohort_without_the_models_organs_is_still_judged_and_it_says_so(trained, cohort_file) -> None:
    folder, _ = trained
    table = [{k: v for k, v in r.items() if k != "spleen_mean"} for r in cohort_file.rows(n=150, seed=9)]
    result = evaluate_model(folder / "mine", read_cohort(cohort_file.write(folder / "gaps.csv", table)))
    assert result["absent_features"] == ["spleen_mean"]


def shifted(cohort_file, n: int) -> list[dict[str, str]]:
    """Counts lower everywhere by two fifths."""
    table = cohort_file.rows(n=n, seed=11)
    return [{**r, "nadir_alc": "" if not r["nadir_alc"] else f"{0.6 * float(r['nadir_alc']):.3f}"} for r in table]


@pytest.mark.slow
def test_recalibration_mends_a_shifted_hospital_and_says_what_it_changed(trained, cohort_file) -> None:
    """Before, the model under-predicts; after, the mean is right, also of patients the line was not fitted to."""
    folder, _ = trained
    cohort = read_cohort(cohort_file.write(folder / "shifted.csv", shifted(cohort_file, 450)))
    before = evaluate_model(folder / "mine", cohort)
    assert before["outcomes"]["g3"]["in_the_large"] < -0.1
    assert before["outcomes"]["g3"]["standing"]["state"] == "recalibrate"
    assert any(f.startswith("LR428 g3") for f in before["findings"])
    found, short = recalibrate(folder / "mine", cohort, folder / "ours")
    assert not short
    assert set(found) == {"g3", "g4"}
    g3 = found["g3"]
    assert g3.before["in_the_large"] == pytest.approx(before["outcomes"]["g3"]["in_the_large"], abs=1e-4)
    assert g3.mean_after == pytest.approx(g3.observed, abs=1e-4)
    assert abs(g3.after["in_the_large"]) < 0.02
    assert g3.after["brier"] < g3.before["brier"]
    after = evaluate_model(folder / "ours", cohort)
    assert abs(after["outcomes"]["g3"]["in_the_large"]) < 0.01
    assert after["outcomes"]["g3"]["auc"] == pytest.approx(before["outcomes"]["g3"]["auc"], abs=1e-3)
    assert after["kind"].startswith("recalibration data")
    ours = load(folder / "ours")
    assert "g3" not in ours.conformal
    assert "conformal sets hold" in evaluation_text(before)
    assert "conformal" not in evaluation_text(after)
    assert ours.card["recalibration"]["g3"]["after"]["brier"] == g3.after["brier"]
    assert ours.card["standing"]["g3"]["state"] == "holds"


def test_recalibration_needs_the_patients_riley_asks_for(trained, cohort_file) -> None:
    folder, _ = trained
    cohort = read_cohort(cohort_file.write(folder / "small.csv", shifted(cohort_file, 120)))
    with pytest.raises(CohortError, match=r"too few patients .* Riley's criteria ask for 3\d\d"):
        recalibrate(folder / "mine", cohort, folder / "shift")
    assert not (folder / "shift").exists()


def test_the_first_weeks_count_is_read_only_when_asked_for(tmp_path: Path, cohort_file) -> None:
    table = cohort_file.rows()
    with_week = [{**r, "alc_week1": f"{0.8 * float(r['alc']):.2f}"} for r in table]
    cohort = read_cohort(cohort_file.write(tmp_path / "w.csv", with_week))
    assert "alc_week1" in cohort.names
    kept = without_the_first_week(cohort)
    assert kept.names == tuple(n for n in cohort.names if n != "alc_week1")
    assert "known only after the first week" in kept.findings[-1].what
    plain = read_cohort(cohort_file.write(tmp_path / "p.csv", table))
    assert without_the_first_week(plain) is plain
    with pytest.raises(CohortError, match="no count after the first week"):
        run_training(plain, tmp_path / "never", Choices(early=True))


def test_no_line_is_fitted_to_the_patients_of_the_training(trained, cohort_file) -> None:
    folder, _ = trained
    with pytest.raises(CohortError, match="no line is fitted to this cohort: training data"):
        recalibrate(folder / "mine", read_cohort(folder / "clinic.csv"), folder / "never")
    assert not (folder / "never").exists()


def test_with_patients_for_the_rate_alone_the_slope_is_kept() -> None:
    """A weak order asks for more patients to fit a slope than to know the rate."""
    rng = np.random.default_rng(5)
    now = rng.normal(-1.4, 0.2, 400)
    event = (rng.random(400) < sigmoid(now)).astype(float)
    wanted = wanted_for(now, event)
    assert wanted.precision_n < len(event) < wanted.n
    line = line_for(now, event, wanted)
    assert line is not None
    assert line.slope == 1.0
    assert sigmoid(line.log_odds(now)).mean() == pytest.approx(event.mean(), abs=1e-6)
    assert line_for(now[:200], event[:200], wanted) is None


def plant_shuffled(rows: list[dict[str, str]], _: list[dict[str, str]]) -> list[dict[str, str]]:
    order = np.random.default_rng(1).permutation(len(rows))
    return [{**r, "nadir_alc": rows[i]["nadir_alc"]} for r, i in zip(rows, order, strict=True)]


def plant_turned(rows: list[dict[str, str]], _: list[dict[str, str]]) -> list[dict[str, str]]:
    known = [r for r in rows if r["nadir_alc"]]
    return [
        {**{k: v for k, v in r.items() if k != "nadir_alc"}, "g3": str(int(float(r["nadir_alc"]) >= 0.5))}
        for r in known
    ]


def plant_gaps(rows: list[dict[str, str]], _: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{k: v for k, v in r.items() if k != "spleen_mean"} for r in rows]


def plant_placed(rows: list[dict[str, str]], _: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{**r, "organs": "placed"} for r in rows]


def plant_patients(rows: list[dict[str, str]], training: list[dict[str, str]]) -> list[dict[str, str]]:
    """Fifty patients of the training, on other plans and under other ids."""
    plans = [{k: r[k] for k in r if k.startswith(("spleen", "lungs", "body", "fractions"))} for r in rows]
    return rows + [{**r, **plans[i], "patient_id": f"Q{i}"} for i, r in enumerate(training[:50])]


@pytest.mark.parametrize(
    ("plant", "code", "said"),
    [
        (plant_shuffled, "LR432", "labels shuffled"),
        (plant_shuffled, "LR437", "no better than chance"),
        (plant_turned, "LR432", "0 and 1 exchanged"),
        (plant_placed, "LR433", "organs nobody drew are placed in planted, mine learned with them missing"),
        (plant_gaps, "LR430", "Spleen Mean[Gy]"),
        (plant_patients, "LR423", "partly training patients"),
        (lambda new, old: [*new, *({**r, "patient_id": f"Z{i}"} for i, r in enumerate(old[:3]))], "LR423", "3 of 253"),
    ],
)
def test_a_planted_fault_is_named(trained, cohort_file, plant, code: str, said: str) -> None:
    folder, _ = trained
    table = plant(cohort_file.rows(n=250, seed=21), cohort_file.rows())
    result = evaluate_model(folder / "mine", read_cohort(cohort_file.write(folder / "planted.csv", table)))
    assert any(f.startswith(code) and said in f for f in result["findings"]), result["findings"]


def test_nothing_is_named_where_nothing_is_wrong(trained, cohort_file) -> None:
    folder, _ = trained
    table = [{**r, "heart_mean": "2.1" if i % 3 else ""} for i, r in enumerate(cohort_file.rows(n=250, seed=21))]
    clean = read_cohort(cohort_file.write(folder / "clean.csv", table))
    assert "LR417" in {f.code for f in clean.findings}, "the model does not read that column"
    codes = {f.split()[0] for f in evaluate_model(folder / "mine", clean)["findings"] if " g4" not in f}
    assert codes <= {"LR424", "LR428", "LR431"}, "nadirs above the baseline, no answers, a slope: they are there"


def test_with_most_columns_gone_it_is_refused_by_name(trained, cohort_file) -> None:
    folder, _ = trained
    few = [{k: r[k] for k in ("patient_id", "alc", "nadir_alc")} for r in cohort_file.rows(n=100, seed=3)]
    with pytest.raises(CohortError, match=r"lacks \d+ of the \d+ features .* spleen_mean"):
        evaluate_model(folder / "mine", read_cohort(cohort_file.write(folder / "few.csv", few)))


def test_what_every_training_patient_had_is_needed(trained, cohort_file) -> None:
    """An analysis without it would get no number, so there is nothing to be scored; the column is named."""
    folder, _ = trained
    table = [{k: v for k, v in r.items() if k != "spleen_v5"} for r in cohort_file.rows(n=60, seed=9)]
    with pytest.raises(CohortError, match=r"none of the 60 rows .* the file lacks spleen_v5"):
        evaluate_model(folder / "mine", read_cohort(cohort_file.write(folder / "gaps.csv", table)))


@pytest.mark.slow
def test_a_model_found_poor_says_nothing_from_then_on(trained, cohort_file) -> None:
    """The judgement goes into a copy's card; the original answers as before."""
    folder, _ = trained
    table = plant_shuffled(cohort_file.rows(n=250, seed=21), [])
    result = evaluate_model(folder / "mine", read_cohort(cohort_file.write(folder / "shuffled.csv", table)))
    record(folder / "mine", result, folder / "judged")
    judged, before = load(folder / "judged"), load(folder / "mine")
    assert "g3" in judged.withheld
    assert not before.withheld
    assert judged.card["evaluation"]["external"]["g3"]["auc"] == result["outcomes"]["g3"]["auc"]
    values = np.nanmedian(read_cohort(folder / "clinic.csv").features, axis=0)
    names = read_cohort(folder / "clinic.csv").names
    row = FeatureVector(np.array([dict(zip(names, values, strict=True)).get(n, np.nan) for n in NAMES]))
    assert "g3" in predict(before, row).p
    said = predict(judged, row)
    assert "g3" not in said.p
    assert said.declined is not None
    assert "no better than chance" in said.declined.reason
    assert "LR405" in {f.code for f in said.findings}
    with pytest.raises(CohortError, match="no judgement to be recorded"):
        record(folder / "mine", {**result, "kind": "training data"}, folder / "never")


@pytest.mark.slow
def test_other_voices_are_judged_beside_the_model_on_the_patients_both_answer_for(trained, cohort_file) -> None:
    folder, _ = trained
    rng = np.random.default_rng(2)
    table = cohort_file.rows(n=250, seed=21)
    for r in table:
        low = float(r["nadir_alc"] or 0.5)
        r["voice_mechanism_g3"] = f"{sigmoid(2.0 - 3.0 * low + rng.normal(0, 1.0)):.3f}"
        r["voice_published_g3"] = "0.4" if r["site"] == "lung" and rng.random() < 0.1 else ""
    result = evaluate_model(folder / "mine", read_cohort(cohort_file.write(folder / "voices.csv", table)))
    voices = result["outcomes"]["g3"]["voices"]
    assert voices["mechanism"]["auc"] > 0.7
    assert voices["mechanism"]["n"] >= voices["mechanism"]["model_against_it"]["n"] == result["outcomes"]["g3"]["n"]
    assert "too few patients" in voices["published"]["reason"]
    assert result["outcomes"]["g4"]["voices"] == {}


def test_nothing_is_written_when_the_cohort_is_refused(tmp_path: Path, cohort_file) -> None:
    table = [{**r, "nadir_alc": "0.9"} for r in cohort_file.rows()]
    with pytest.raises(CohortError, match="single class"):
        run_training(read_cohort(cohort_file.write(tmp_path / "c.csv", table)), tmp_path / "model", Choices())
    assert not (tmp_path / "model").exists()


def test_a_cohort_without_both_classes_judges_no_model(trained, cohort_file) -> None:
    """One grade may have both and the other not: what can be judged is, and nothing at all is refused."""
    folder, _ = trained
    cohort = read_cohort(cohort_file.write(folder / "new.csv", cohort_file.rows(n=150, seed=9)))
    only = replace(cohort, outcomes=FrozenDict({"g3": cohort.outcomes["g3"]}))
    assert set(evaluate_model(folder / "mine", only)["outcomes"]) == {"g3"}
    without = cohort.rows(cohort.outcomes["g3"] == 0)
    with pytest.raises(CohortError, match="no outcome of this model with both classes"):
        evaluate_model(folder / "mine", without)
    for few in (only.rows(cohort.outcomes["g3"] == 0), without):
        with pytest.raises(CohortError, match=r"Riley|no outcome|both classes|too few"):
            recalibrate(folder / "mine", few, folder / "never")
    assert not (folder / "never").exists()


@pytest.mark.slow
def test_a_judgement_recorded_again_takes_the_place_of_the_first(trained, cohort_file) -> None:
    folder, _ = trained
    for seed in (21, 22):
        table = plant_shuffled(cohort_file.rows(n=120, seed=seed), [])
        result = evaluate_model(folder / "mine", read_cohort(cohort_file.write(folder / "again.csv", table)))
        record(folder / "mine", result, folder / "twice")
    assert load(folder / "twice").card["evaluation"]["external"]["g3"]["auc"] == result["outcomes"]["g3"]["auc"]
    assert not list(folder.glob(".twice*"))


def test_a_handful_of_events_trains_nothing(tmp_path: Path, cohort_file) -> None:
    cohort = read_cohort(cohort_file.write(tmp_path / "c.csv", cohort_file.rows()))
    said: list[str] = []
    events = np.flatnonzero(cohort.outcomes["g3"] == 1)[:2]
    few = cohort.rows(np.sort(np.concatenate([events, np.flatnonzero(cohort.outcomes["g3"] == 0)[:30]])))
    with pytest.raises(CohortError, match="no outcome has enough events"):
        run_training(few, tmp_path / "never", Choices(), progress=said.append)
    assert "g3: 2 events, too few to train" in said
    assert not (tmp_path / "never").exists()


def test_rileys_number_is_asked_of_outcomes_with_both_classes(tmp_path: Path, cohort_file) -> None:
    """The more features the more patients; of one class alone nothing can be asked."""
    cohort = read_cohort(cohort_file.write(tmp_path / "c.csv", cohort_file.rows()))
    assert {f.where for f in size_findings(cohort)} == {"g3", "g4"}
    many = cohort.rows(np.tile(np.arange(len(cohort)), 3))
    assert "g3" in {f.where for f in size_findings(many)}
    assert "g3" not in {f.where for f in size_findings(many.using(("alc",)))}
    assert not size_findings(cohort.rows(cohort.outcomes["g3"] == 0))


def test_a_centre_with_all_events_cannot_be_held_out(tmp_path: Path, cohort_file) -> None:
    rows = cohort_file.rows()
    table = [
        {**r, "centre": "A" if r["nadir_alc"] and float(r["nadir_alc"]) < 0.5 else "AB"[i % 2]}
        for i, r in enumerate(rows)
    ]
    cohort = read_cohort(cohort_file.write(tmp_path / "c.csv", table))
    shape = Shape(2, 0.1, 5.0, 2.0, 10)
    held = leave_out(cohort, "centre", "g3", shape, Settings(outer=2, inner=2, choices=(shape,)))
    assert set(held) == {"B"}
    assert held["B"].shape == ((cohort.subgroups["centre"] == "B") & np.isfinite(cohort.outcomes["g3"])).sum()


def test_subgroups_are_of_the_columns_that_are_there(tmp_path: Path, cohort_file) -> None:
    cohort = read_cohort(cohort_file.write(tmp_path / "c.csv", cohort_file.rows()))
    every = np.arange(len(cohort))
    assert set(subgroup_labels(cohort, every)) >= {"centre", "site", "sex", "baseline ALC", "fractions"}
    assert set(subgroup_labels(cohort.using(("age",)), every)) == set(cohort.subgroups)


def test_a_card_holds_plain_data_alone() -> None:
    assert toml_text({"a": [1, True, "x"]}) == 'a = [1, true, "x"]\n'
    with pytest.raises(TypeError, match="object has no place in a card"):
        toml_text({"a": object()})
