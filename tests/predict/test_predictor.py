"""The stored model: refused when touched, monotone, deterministic, honest about what it has not seen."""

from __future__ import annotations

import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lymphorisk.errors import PredictorFileError
from lymphorisk.features import feature
from lymphorisk.predict import explain, load, predict
from lymphorisk.predict.booster import booster_from, row_of, trees_from
from lymphorisk.predict.explain import calibrated_booster, shap_package
from lymphorisk.predict.trees import Trees


@pytest.fixture
def copy(model_path: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model_path, tmp_path / "copy"))


def files_of(path: Path) -> list[str]:
    return sorted(p.name for p in path.iterdir() if p.name != "card.toml")


def test_every_file_is_hashed_and_one_flipped_bit_is_refused(copy: Path) -> None:
    for name in files_of(copy):
        raw = (copy / name).read_bytes()
        changed = bytearray(raw)
        changed[len(changed) // 2] ^= 1
        (copy / name).write_bytes(bytes(changed))
        with pytest.raises(PredictorFileError, match=f"{name} was altered"):
            load(copy)
        (copy / name).write_bytes(raw)
    load(copy)


def test_a_missing_file_is_refused(copy: Path) -> None:
    (copy / "calibration.json").unlink()
    with pytest.raises(PredictorFileError, match=r"calibration\.json is missing"):
        load(copy)


def test_a_file_the_card_does_not_list_is_refused(copy: Path) -> None:
    (copy / "extra.pkl").write_bytes(pickle.dumps({"harmless": True}))
    with pytest.raises(PredictorFileError, match=r"extra\.pkl is not listed"):
        load(copy)


def test_a_card_that_lists_nothing_or_is_not_toml_is_refused(copy: Path, tmp_path: Path) -> None:
    text = (copy / "card.toml").read_text()
    (copy / "card.toml").write_text(text.split("[sha256]")[0])
    with pytest.raises(PredictorFileError, match="lists no files"):
        load(copy)
    (copy / "card.toml").write_text("not = = toml")
    with pytest.raises(PredictorFileError, match="cannot be read"):
        load(copy)
    with pytest.raises(PredictorFileError, match="no model"):
        load(tmp_path / "nowhere")


def test_another_feature_schema_is_refused(copy: Path) -> None:
    text = (copy / "card.toml").read_text()
    (copy / "card.toml").write_text(text.replace('schema = "2"', 'schema = "0"'))
    with pytest.raises(PredictorFileError, match="schema 0"):
        load(copy)


def test_a_card_that_lacks_a_table_is_refused(copy: Path) -> None:
    text = (copy / "card.toml").read_text()
    (copy / "card.toml").write_text(text.replace("trained_on", "trained_upon"))
    with pytest.raises(PredictorFileError, match="lacks 'trained_on'"):
        load(copy)


def test_changing_the_card_changes_the_identity(copy: Path) -> None:
    before = load(copy).identity
    path = copy / "card.toml"
    path.write_text(path.read_text() + "\n# touched\n")
    assert load(copy).identity != before


@pytest.mark.parametrize("name", ["alc", "fractions", "blood_mean", "spleen_mean", "lungs_mean", "spleen_v5"])
def test_risk_moves_only_the_way_the_schema_allows(predictor, make_vector, name: str) -> None:
    f = feature(name)
    rows = np.repeat(row_of(predictor, make_vector())[None, :], 200, axis=0)
    rows[:, predictor.features.index(name)] = np.linspace(f.low, min(f.high, 60.0), 200)
    for booster in (predictor.boosters["g3"], *(trees_from(raw) for raw in predictor.spread["g3"])):
        assert np.all(f.monotone * np.diff(booster.margins(rows)) >= -1e-6)


def test_nadir_rises_with_the_baseline_and_quantiles_do_not_cross(predictor, make_vector) -> None:
    medians = []
    for alc in (0.5, 1.0, 2.0, 3.0):
        nadir = predict(predictor, make_vector(alc=alc)).nadir
        values = [nadir[q] for q in sorted(nadir)]
        assert values == sorted(values)
        medians.append(nadir[0.5])
    assert medians == sorted(medians)


def test_prediction_is_the_same_every_time(predictor, model_path: Path, make_vector) -> None:
    assert predict(predictor, make_vector()) == predict(load(model_path), make_vector())
    a, b = (explain(load(model_path), make_vector()) for _ in range(2))
    assert a == b


def test_interval_holds_the_probability_and_set_agrees_with_it(predictor, make_vector) -> None:
    for spleen in (0.0, 6.0, 20.0):
        said = predict(predictor, make_vector(spleen_mean=spleen))
        low, high = said.interval["g3"]
        assert 0.0 <= low <= said.g3 <= high <= 1.0
        assert said.sets["g3"] == predictor.conformal["g3"].of(said.g3)


def test_inside_the_training_range_the_model_speaks(predictor, make_vector) -> None:
    said = predict(predictor, make_vector())
    assert said.in_domain
    assert [f.code for f in said.findings] == ["LR403"]


def test_outside_the_training_range_it_steps_back_by_name(predictor, make_vector) -> None:
    said = predict(predictor, make_vector(spleen_mean=90.0))
    assert not said.in_domain
    assert "Spleen Mean[Gy] = 90" in said.domain.reasons[0]
    assert "LR401" in {f.code for f in said.findings}


def test_a_combination_nobody_had_is_outside_though_each_value_is_usual(predictor, make_vector) -> None:
    """35 fractions of next to no blood dose but all of the lung: each value was seen, never together."""
    said = predict(
        predictor,
        make_vector(fractions=34.0, blood_mean=0.1, lungs_mean=13.0, lungs_v5=2.0, spleen_mean=0.2, spleen_v5=98.0),
    )
    assert not said.in_domain
    assert said.domain.distance > 1.0


def test_without_a_baseline_count_it_steps_back(predictor, make_vector) -> None:
    said = predict(predictor, make_vector(alc=np.nan))
    assert not said.in_domain
    assert "LR402" in {f.code for f in said.findings}


def test_contributions_add_up_to_the_log_odds(predictor, make_vector) -> None:
    rng = np.random.default_rng(5)
    booster = predictor.boosters["g3"]
    rows = predictor.seen.patients[rng.integers(0, 900, 40)]
    total = booster.contributions(rows).sum(axis=1)
    assert np.abs(total - booster.margins(rows)).max() < 1e-6
    why = explain(predictor, make_vector(lungs_mean=np.nan))
    for base, found in ((why.base, why.organs), (why.average_base, why.average_organs), (why.average_base, why.kinds)):
        assert abs(base + sum(g.log_odds for g in found) - why.log_odds) < 1e-6
    assert abs(why.average_base + sum(c.log_odds for c in why.features) - why.log_odds) < 1e-6
    assert why.p == pytest.approx(predict(predictor, make_vector(lungs_mean=np.nan)).g3, abs=1e-12)


def test_contributions_are_those_of_shap(predictor) -> None:
    """An independent implementation: shap's path-dependent TreeExplainer."""
    shap = shap_package()
    booster = predictor.boosters["g3"]
    rows = predictor.seen.patients[:20]
    theirs = np.asarray(shap.TreeExplainer(booster_from(booster.raw)).shap_values(rows))
    assert np.abs(booster.contributions(rows)[:, :-1] - theirs).max() < 1e-5


def test_calibration_written_into_the_leaves_gives_the_calibrated_log_odds(predictor) -> None:
    rows = predictor.seen.patients[:50]
    line = predictor.calibration["g3"]
    wanted = line.log_odds(predictor.boosters["g3"].margins(rows))
    written = Trees(bytes(calibrated_booster(predictor, "g3").save_raw("ubj")))
    assert written.margins(rows) == pytest.approx(wanted, abs=1e-5)


def test_probability_scale_adds_up_to_the_probability(predictor, make_vector) -> None:
    why = explain(predictor, make_vector(), probability_scale=True)
    assert why.probability is not None
    assert why.probability_base is not None
    assert why.probability_base + sum(c.log_odds for c in why.probability) == pytest.approx(why.p, abs=1e-6)
    assert 0 < why.probability_base < 1


def test_group_spread_holds_the_group_and_sentences_speak_dose(predictor, make_vector) -> None:
    why = explain(predictor, make_vector(spleen_mean=20.0, spleen_v5=96.0))
    assert all(g.low <= g.log_odds <= g.high for g in why.organs)
    assert why.organs[0].name == "Spleen"
    assert why.organs[0].log_odds > 0
    assert why.sentences[0].startswith("Spleen: ")
    assert "Mean 20 Gy" in why.sentences[0]
    assert "raises the model's odds" in why.sentences[0]
    assert "not a cause" in why.note


def test_a_missing_organ_is_said_to_be_missing(predictor, make_vector) -> None:
    why = explain(predictor, make_vector(spleen_mean=np.nan, spleen_v5=np.nan))
    spleen = [s for s in why.sentences if s.startswith("Spleen")]
    assert all("not known" in s for s in spleen)


def test_beside_a_weighted_dose_features_of_physical_dose_say_so() -> None:
    shipped = load(Path(__file__).parents[2] / "models" / "insilico-2026.1")
    row = np.full(len(shipped.features), np.nan)
    for share, named in ((0.0, False), (float("nan"), False), (0.4, True), (1.0, True)):
        row[shipped.features.index("modality_proton")] = share
        shown = {f.name: f.label for f in shipped.asked(row)}
        assert ("physical" in shown["spleen_eud"]) == named
        assert "physical" not in shown["alc"]


def test_too_few_known_features_decline(predictor, make_vector) -> None:
    """Five of nine known are too few, six are not; the reason is the share, whatever the values."""
    for known, declines in ((5, True), (6, False)):
        said = predict(predictor, make_vector(**dict.fromkeys(predictor.features[known:], np.nan)))
        assert ("LR404" in [f.code for f in said.findings]) is declines
        assert any("of the model's features are known" in r for r in said.domain.reasons) is declines
        assert said.in_domain is not declines


def test_what_every_training_patient_had_must_be_known(predictor, make_vector) -> None:
    """The cohort has gaps everywhere but in the baseline count; filled, it has none, and a gap declines."""
    patients = np.nan_to_num(predictor.seen.patients, nan=1.0)
    whole = replace(predictor, seen=replace(predictor.seen, patients=patients))
    said = predict(whole, make_vector(spleen_mean=np.nan, lungs_v5=np.nan))
    assert said.declined is not None
    assert "Spleen Mean[Gy], Lungs V5Gy[%] not known; known of every training patient" in said.declined.reason
    assert predict(predictor, make_vector(spleen_mean=np.nan, lungs_v5=np.nan)).declined is None
