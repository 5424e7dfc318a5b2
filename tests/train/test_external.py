"""Columns beyond the schema: declared, checked by planted faults, needed when the model is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from lymphorisk import predict
from lymphorisk.analysis import Options
from lymphorisk.analysis.compare import compare
from lymphorisk.analysis.risk import of_one_plan
from lymphorisk.cli.main import run
from lymphorisk.errors import CohortError, ScenarioError
from lymphorisk.features import NAMES, FeatureVector
from lymphorisk.plan import Patient
from lymphorisk.scenario.read import scenario_from
from lymphorisk.train import Choices, evaluate_model, read_cohort, read_declared, run_training
from lymphorisk.train.declared import Declared, declared_for
from lymphorisk.train.external import added_findings, against_model
from lymphorisk.train.radiomics import ITEMS, NOT_ANSWERED
from lymphorisk.train.settings import Settings, Shape

Rows = list[dict[str, str]]
NLR = """[[column]]
name = "NLR"
label = "Neutrophils by lymphocytes"
unit = "1"
kind = "laboratory"
range = [0.1, 100]
known = "before treatment"
risk = "rises"
"""
SCORE = """[[column]]
name = "dose_score"
unit = "1"
kind = "dosiomics"
range = [-10, 10]
known = "before treatment"
scanner = "scanner"
software = "PyRadiomics"
version = "3.1.0"
source = "dose in the target"
without_dose = 0.0
"""
OWN_CODES = {f"LR{n}" for n in range(438, 446)} | {"LR413", "LR419", "LR420", "LR421"}


def rows(cohort_file: ModuleType, n: int = 240, seed: int = 0) -> Rows:
    """The cohort with a blood value, a score that follows the spleen a little, its scanner and its volume."""
    rng = np.random.default_rng([seed, 7])
    out = cohort_file.rows(n=n, seed=seed)
    for row in out:
        spleen = float(row["spleen_v5"])
        row["NLR"] = f"{np.exp(rng.normal(1.0, 0.5)):.2f}"
        row["dose_score"] = f"{0.01 * spleen + rng.normal(0, 1):.3f}"
        row["scanner"] = str(rng.choice(["X", "Y"]))
        row["ptv_volume"] = f"{rng.gamma(4, 60):.0f}"
    return out


def declared(tmp_path: Path, text: str) -> Declared:
    (tmp_path / "own.toml").write_text(text)
    return read_declared(tmp_path / "own.toml")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, cohort_file: ModuleType) -> Path:
    """A small model that reads both columns."""
    folder = tmp_path_factory.mktemp("external")
    table = [{**r, "g3": str(int(float(r["nadir_alc"]) < 0.5)) if r["nadir_alc"] else ""} for r in rows(cohort_file)]
    path = cohort_file.write(folder / "clinic.csv", [{k: v for k, v in r.items() if k != "nadir_alc"} for r in table])
    own = declared(folder, NLR + SCORE + '[radiomics]\nprotocol = "one kernel"\n')
    settings = Settings(outer=2, inner=2, choices=(Shape(2, 0.1, 5.0, 2.0, 40),), resampled=2, nadir_rounds=10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lymphorisk.train.run.settings_for", lambda cohort, seed: settings)
        patch.setattr("lymphorisk.train.evaluate.RESAMPLES", 40)
        cohort = read_cohort(path, declared=own)
        done = run_training(cohort, folder / "mine", Choices(), radiomics=own.radiomics)
    assert {"LR443", "LR445"} <= {f.code for f in done.findings}
    return folder / "mine"


def codes(tmp_path: Path, cohort_file: ModuleType, table: Rows, text: str = NLR) -> dict[str, str]:
    """What is told of the declared columns, by code; of a refusal its whole text."""
    path = cohort_file.write(tmp_path / "c.csv", table)
    try:
        found = read_cohort(path, declared=declared(tmp_path, text)).findings
    except CohortError as error:
        return {code: error.message for code in OWN_CODES if code in error.message}
    return {f.code: f.what for f in found if f.code in OWN_CODES}


def test_an_honest_column_is_a_feature_and_nothing_is_told(tmp_path: Path, cohort_file: ModuleType) -> None:
    table = rows(cohort_file)
    assert set(codes(tmp_path, cohort_file, table, NLR + SCORE)) == set()
    spelt = [{("nlr (1)" if k == "NLR" else k): v for k, v in r.items()} for r in table]
    cohort = read_cohort(cohort_file.write(tmp_path / "s.csv", spelt), declared=declared(tmp_path, NLR))
    assert cohort.names[-1] == "NLR"
    assert cohort.schema[-1].monotone == 1
    assert cohort.column("NLR")[0] == float(table[0]["NLR"])


def nadir(row: dict[str, str], otherwise: str) -> str:
    return row["nadir_alc"] or otherwise


def noisy(row: dict[str, str]) -> str:
    """The outcome behind a little noise."""
    low = float(nadir(row, "1.0")) < 0.5
    return f"{(3.0 if low else 2.0) + 0.4 * (hash_of(row) - 0.5) * 4:.3f}"


def hash_of(row: dict[str, str]) -> float:
    """A number from 0 to 1 that the row decides."""
    return int(row["patient_id"][1:]) * 0.618034 % 1.0


def falling(row: dict[str, str]) -> str:
    """The lowest count turned round."""
    return f"{2.0 / (0.1 + float(row['nadir_alc'])):.4f}" if row["nadir_alc"] else ""


def where_it_happened(row: dict[str, str]) -> str:
    """Measured in every patient with the event, in two of five without."""
    return row["NLR"] if float(nadir(row, "1")) < 0.5 or hash_of(row) < 0.4 else ""


def spread(row: dict[str, str]) -> str:
    """Values of one centre drawn together."""
    return f"{2.7 + (float(row['NLR']) - 2.7) * (0.2 if row['centre'] == 'A' else 1.0):.2f}"


PLANTED: list[tuple[str, Callable[[dict[str, str]], str], str]] = [
    ("the lowest count itself", lambda r: nadir(r, ""), "LR413"),
    ("a falling function of it", falling, "LR413"),
    ("the outcome with noise", noisy, "LR438"),
    ("gaps where nothing happened", where_it_happened, "LR438"),
    ("the baseline in other clothes", lambda r: f"{5.0 / float(r['alc']) + 0.2 * hash_of(r):.3f}", "LR440"),
    ("another laboratory", lambda r: f"{float(r['NLR']) * (1.9 if r['centre'] == 'A' else 1.0):.2f}", "LR439"),
    ("another spread", spread, "LR439"),
]


@pytest.mark.parametrize(("column", "code"), [p[1:] for p in PLANTED], ids=[p[0] for p in PLANTED])
def test_each_planted_fault_is_named(
    tmp_path: Path, cohort_file: ModuleType, column: Callable[[dict[str, str]], str], code: str
) -> None:
    table = [{**r, "NLR": column(r)} for r in rows(cohort_file)]
    assert code in codes(tmp_path, cohort_file, table)


@pytest.mark.slow
def test_what_was_measured_later_is_refused_by_declaration_by_day_and_by_name(
    tmp_path: Path, cohort_file: ModuleType
) -> None:
    table = rows(cohort_file)
    after = NLR.replace("before treatment", "after the start of treatment")
    assert "is declared as known after" in codes(tmp_path, cohort_file, table, after)["LR413"]
    days = [{**r, "NLR_day": "9" if i == 4 else "-3"} for i, r in enumerate(table)]
    dated = NLR + 'day = "NLR_day"\n'
    assert "after the start of treatment in row 6" in codes(tmp_path, cohort_file, days, dated)["LR413"]
    words = [{**r, "NLR_day": "Monday" if i == 4 else "-3"} for i, r in enumerate(table)]
    assert "'Monday' in row 6 is not a number of days" in codes(tmp_path, cohort_file, words, dated)["LR420"]
    good = [{**r, "NLR_day": "0"} for r in table]
    assert "LR413" not in codes(tmp_path, cohort_file, good, dated)
    assert "LR421" in codes(tmp_path, cohort_file, table, dated)
    late = [{**r, "NLR_week3": r["NLR"]} for r in table]
    assert "its name speaks of" in codes(tmp_path, cohort_file, late, NLR.replace('"NLR"', '"NLR_week3"'))["LR413"]


@pytest.mark.slow
def test_a_score_that_follows_the_volume_and_a_scanner_that_shifts_it(tmp_path: Path, cohort_file: ModuleType) -> None:
    table = rows(cohort_file)
    large = [{**r, "dose_score": f"{float(r['ptv_volume']) / 100 + 0.3 * hash_of(r):.3f}"} for r in table]
    assert "ptv_volume" in codes(tmp_path, cohort_file, large, SCORE)["LR441"]
    shifted = [{**r, "dose_score": f"{float(r['dose_score']) + (r['scanner'] == 'X'):.3f}"} for r in table]
    assert "in scanner" in codes(tmp_path, cohort_file, shifted, SCORE)["LR439"]
    without = [{k: v for k, v in r.items() if k not in ("scanner", "ptv_volume")} for r in table]
    path = cohort_file.write(tmp_path / "w.csv", without)
    told = [f.what for f in read_cohort(path, declared=declared(tmp_path, SCORE)).findings if f.code == "LR444"]
    assert len(told) == 2


@pytest.mark.slow
def test_nothing_is_dropped_in_silence(tmp_path: Path, cohort_file: ModuleType) -> None:
    table = rows(cohort_file)
    assert "--columns" in codes(tmp_path, cohort_file, table, SCORE)["LR419"]
    assert "NLR is needed" in codes(tmp_path, cohort_file, cohort_file.rows(), NLR)["LR421"]
    twice = [{**r, "nlr (1)": r["NLR"]} for r in table]
    with pytest.raises(CohortError, match=r"'NLR' stands there twice, once as 'nlr \(1\)'"):
        read_cohort(cohort_file.write(tmp_path / "t.csv", twice), declared=declared(tmp_path, NLR))
    unknown = [{k: v for k, v in r.items() if k != "nadir_alc"} for r in table]
    assert "no outcome" in codes(tmp_path, cohort_file, unknown, NLR)["LR421"]
    gaps = [{**r, "NLR": "" if i % 20 == 3 else r["NLR"]} for i, r in enumerate(table)]
    found = read_cohort(cohort_file.write(tmp_path / "g.csv", gaps), declared=declared(tmp_path, NLR)).findings
    assert any("NLR is missing in 12 of 240 rows" in f.what for f in found)
    for cell, code in (("high", "LR420"), ("400", "LR412"), ("-99", "LR412")):
        wrong = [{**r, "NLR": cell if i == 3 else r["NLR"]} for i, r in enumerate(table)]
        with pytest.raises(CohortError, match=code):
            read_cohort(cohort_file.write(tmp_path / "x.csv", wrong), declared=declared(tmp_path, NLR))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "needs \\[\\[column\\]\\]"),
        (NLR.replace("unit", "units"), "units is not a key here"),
        (NLR.replace("range = [0.1, 100]\n", ""), "needs range"),
        (NLR.replace("[0.1, 100]", "[100, 0.1]"), "two rising numbers"),
        (NLR.replace('"NLR"', '"alc"'), "a column the program has"),
        (NLR.replace("Neutrophils by lymphocytes", "Spleen"), "two things are called"),
        (NLR + NLR, "declared twice"),
        (NLR.replace('unit = "1"', 'unit = "Gy"').replace("0.1", "-1"), "never below zero"),
        (NLR.replace("laboratory", "labratory"), "kind 'labratory' is unknown"),
        (NLR.replace("before treatment", "yes"), "known 'yes' is unknown"),
        (NLR.replace("rises", "up"), "risk 'up' is unknown"),
        (SCORE.replace('version = "3.1.0"\n', ""), "needs version"),
        (SCORE.replace("without_dose = 0.0\n", ""), "needs without_dose"),
        (NLR + '[radiomics]\ncolour = "red"\n', "radiomics.colour: item 'colour' is unknown"),
    ],
)
def test_a_fault_of_the_schema_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        declared(tmp_path, text)


def asked(model: Path, cohort_file: ModuleType, **own: float) -> FeatureVector:
    """A training patient with these columns of the clinic's own."""
    values = {k: float(v) for k, v in rows(cohort_file)[5].items() if k in NAMES and v.replace(".", "").isdigit()}
    row = predict.load(model)
    first = {n: float(v) for n, v in zip(row.features, row.seen.patients[3], strict=True) if n in NAMES} | values
    return FeatureVector(np.array([*(first.get(n, np.nan) for n in NAMES), *own.values()]), (*NAMES, *own))


def test_the_model_answers_with_its_columns_and_declines_without(model: Path, cohort_file: ModuleType) -> None:
    predictor = predict.load(model)
    whole = predict.predict(predictor, asked(model, cohort_file, nlr=3.0, dose_score=0.2))
    assert whole.in_domain, whole.domain.reasons
    less = predict.predict(predictor, asked(model, cohort_file, dose_score=0.2))
    assert less.declined is not None
    assert "Neutrophils by lymphocytes not known" in less.declined.reason
    more = predict.predict(predictor, asked(model, cohort_file, NLR=3.0, dose_score=0.2, LDH=240.0))
    assert more.p == whole.p
    assert [f.what for f in more.findings if f.code == "LR406"] == ["mine does not read LDH"]
    high = predict.predict(predictor, asked(model, cohort_file, NLR=90.0, dose_score=0.2))
    assert high.declined is not None


def test_reasons_count_a_dose_score_from_the_plan_without_dose_and_a_blood_value_as_a_fact(
    model: Path, cohort_file: ModuleType
) -> None:
    predictor = predict.load(model)
    why = predict.explain(predictor, asked(model, cohort_file, NLR=3.0, dose_score=1.0))
    groups = {g.name: g.log_odds for g in why.organs}
    assert "dose_score" in groups
    assert "Neutrophils by lymphocytes" not in groups
    assert why.base + sum(groups.values()) == pytest.approx(why.log_odds, abs=1e-6)
    nothing = predict.explain(predictor, asked(model, cohort_file, NLR=3.0, dose_score=0.0))
    assert {g.name: g.log_odds for g in nothing.organs}["dose_score"] == 0.0


def test_the_card_asks_for_radiomics_quality(model: Path) -> None:
    card = predict.load(model).card
    items = {i["item"]: i["answer"] for i in card["radiomics"]}
    assert tuple(items) == tuple(ITEMS)
    assert items["protocol"] == "one kernel"
    assert items["phantom"] == NOT_ANSWERED
    assert "AUC" in items["discrimination"]
    assert set(card["external_adds"]) >= {"g3"}


@pytest.mark.slow
def test_columns_made_otherwise_are_named_and_another_unit_is_refused(
    model: Path, tmp_path: Path, cohort_file: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lymphorisk.train.evaluate.RESAMPLES", 20)
    moved = [{**r, "dose_score": f"{float(r['dose_score']) + 1.5:.3f}"} for r in rows(cohort_file, 120, 5)]
    path = cohort_file.write(tmp_path / "o.csv", moved)

    def told(text: str | None) -> list[str]:
        if text is not None:
            (tmp_path / "own.toml").write_text(text)
        own = declared_for(model, None if text is None else tmp_path / "own.toml")
        said = evaluate_model(model, read_cohort(path, declared=own), declared=own)["findings"]
        return [f for f in said if f.startswith("LR442")]

    assert len(told(None)) == 1
    assert "distributed otherwise" in told(None)[0]
    assert any("PyRadiomics 3.1.0 in training" in f for f in told(NLR + SCORE.replace("3.1.0", "2.2.0")))
    few = [{**r, "dose_score": r["dose_score"] if i < 3 else ""} for i, r in enumerate(moved)]
    none = [{**r, "dose_score": ""} for r in moved]
    own = declared_for(model)
    whole, *gone = (
        read_cohort(cohort_file.write(tmp_path / "p.csv", part), declared=own) for part in (moved, few, none)
    )
    assert len(against_model(predict.load(model), whole, own)) == 1
    for part in gone:  # too few values to compare, and none at all
        assert not against_model(predict.load(model), part, own)
    with pytest.raises(CohortError, match="is laboratory in %"):
        told(NLR.replace('unit = "1"', 'unit = "%"') + SCORE)
    with pytest.raises(ScenarioError, match="does not read LDH"):
        told(NLR.replace('"NLR"', '"LDH"'))
    lacking = [{k: v for k, v in r.items() if k != "NLR"} for r in moved]
    with pytest.raises(CohortError, match="NLR is needed"):
        read_cohort(cohort_file.write(tmp_path / "l.csv", lacking), declared=declared_for(model))


def test_a_score_of_one_plan_is_not_compared_with_another_plan(model: Path) -> None:
    options = Options(model=model, draws=16)
    assert of_one_plan(Patient(columns={"Dose score": 1.0, "NLR": 3.0}), options) == ("Dose score",)  # type: ignore[arg-type]
    assert of_one_plan(Patient(columns={"NLR": 3.0}), options) == ()  # type: ignore[arg-type]
    plan = scenario_from({"plan": {"fractions": 6}, "organs": {"*": {"mean_gy": 12.0}}})
    who = Patient(alc=1.5, columns={"dose_score": 1.0})  # type: ignore[arg-type]
    with pytest.raises(ScenarioError, match="score of one plan's dose"):
        compare(plan, plan, patient=who, options=options)


def test_model_use_reads_the_columns_by_name(model: Path, tmp_path: Path, cohort_file: ModuleType, capsys) -> None:
    vector = asked(model, cohort_file, NLR=3.0, dose_score=0.2)
    lines = [f"{n} = {v}" for n, v in zip(vector.names, vector.values, strict=True) if np.isfinite(v)]
    row = tmp_path / "row.toml"
    row.write_text("\n".join(lines))
    assert run(["model", "use", str(model), "--patient", str(row)]) == 0
    row.write_text("\n".join(line for line in lines if not line.startswith("NLR")))
    assert run(["model", "use", str(model), "--patient", str(row)]) == 4
    assert "Neutrophils by lymphocytes not known" in capsys.readouterr().err


def test_a_column_is_told_of_only_where_it_adds_nothing() -> None:
    gain = {"auc_gain": 0.04, "auc_gain_interval": (0.01, 0.07), "adds": True}
    nothing = {"auc_gain": 0.001, "auc_gain_interval": (-0.02, 0.02), "adds": False}
    (told,) = added_findings({"g3": gain, "g4": nothing})
    assert (told.code, told.where) == ("LR445", "g4")
    assert "+0.001 (-0.020 to +0.020)" in told.what
