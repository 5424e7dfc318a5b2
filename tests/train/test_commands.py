"""`lymphorisk train`, `evaluate`, `model`: parse, call one function, print; faults become exit codes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from lymphorisk import schemas
from lymphorisk.cli.main import run
from lymphorisk.features import NAMES
from lymphorisk.train.pack import LEAST_CELL, read_pack
from lymphorisk.train.settings import Settings, Shape


@pytest.fixture(autouse=True)
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(outer=2, inner=2, choices=(Shape(2, 0.1, 5.0, 2.0, 40),), resampled=2, nadir_rounds=10)
    monkeypatch.setattr("lymphorisk.train.run.settings_for", lambda cohort, seed: settings)
    monkeypatch.setattr("lymphorisk.train.evaluate.RESAMPLES", 40)


def test_schema_prints_the_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "--schema"]) == 0
    assert "patient_id" in capsys.readouterr().out


def test_from_file_to_model_to_card(tmp_path: Path, cohort_file, capsys: pytest.CaptureFixture[str]) -> None:
    path = cohort_file.write(tmp_path / "clinic.csv", cohort_file.rows())
    page = tmp_path / "mine.html"
    assert run(["train", str(path), "--out", str(tmp_path / "mine"), "--window", "during RT", "--html", str(page)]) == 0
    said = capsys.readouterr()
    assert "AUC" in said.out
    assert "Riley" in said.err
    html = page.read_text(encoding="utf-8")
    assert all(word in html for word in ("ROC curve", "Calibration curve", "Decision curve", "By site", "not causes"))
    assert "http" not in html
    assert "<script" not in html
    assert html.count("SHAP beeswarm of the background patients, grade 3 or more</title>") == 1
    assert run(["model", "verify", str(tmp_path / "mine")]) == 0
    assert run(["model", "card", str(tmp_path / "mine")]) == 0
    assert "[[tripod]]" in capsys.readouterr().out
    other = cohort_file.write(tmp_path / "other.csv", cohort_file.rows(n=420, seed=5))
    asked = ["--json", "--recalibrate", str(tmp_path / "ours"), "--record", str(tmp_path / "judged")]
    assert run(["evaluate", str(tmp_path / "mine"), str(other), *asked]) == 0
    data = json.loads(capsys.readouterr().out)
    Draft202012Validator(schemas.schema("evaluate")).validate(data)
    assert data["outcomes"]["g3"]["n"] > 350
    assert data["recalibration"]["g3"]["asked_for"] < 420
    assert run(["model", "verify", str(tmp_path / "judged")]) == 0
    few = cohort_file.write(tmp_path / "few.csv", cohort_file.rows(n=120, seed=5))
    assert run(["evaluate", str(tmp_path / "mine"), str(few), "--recalibrate", str(tmp_path / "never")]) == 3
    assert "Riley's criteria ask for" in capsys.readouterr().err
    assert not (tmp_path / "never").exists()
    row = tmp_path / "row.toml"
    values = cohort_file.rows()[0]
    known = {k: v for k, v in values.items() if k in NAMES and v.replace(".", "").isdigit()}
    sites = {n: str(int(n == f"site_{values['site']}")) for n in NAMES if n.startswith("site_")}
    drugs = {f"chemo_{n}": str(int(values["chemo"] == n)) for n in ("temozolomide", "platinum")}
    known |= {"sex_female": str(int(values["sex"] == "F")), "modality_proton": "0", **sites, **drugs}
    known["chemo"] = str(int(values["chemo"] != "none"))
    row.write_text("".join(f"{k} = {v}\n" for k, v in known.items()))
    assert run(["model", "use", str(tmp_path / "ours"), "--patient", str(row)]) == 0
    assert "not a cause" in capsys.readouterr().out
    row.write_text("".join(f"{k} = {v}\n" for k, v in known.items() if k != "alc"))
    assert run(["model", "use", str(tmp_path / "ours"), "--patient", str(row)]) == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert "baseline ALC is missing" in said.err
    for text, why in (
        ("alc = 'one'", "line 1: alc is not a number"),
        ("alc = [1.0]", "line 1: alc is not a number"),
        ("\nalk = 1.0", "line 2: alk is no feature"),
        ("alc = ", "is not TOML"),
        ("a = " + "[" * 100_000, "nested too deeply"),
    ):
        row.write_text(text)
        assert run(["model", "use", str(tmp_path / "ours"), "--patient", str(row)]) == 3
        assert why in capsys.readouterr().err


@pytest.mark.slow
def test_the_training_file_is_no_external_validation(tmp_path: Path, cohort_file, capsys) -> None:
    """By the file's hash; by its rows in another order and under other ids; by a part of them among new patients."""
    rows = cohort_file.rows()
    path = cohort_file.write(tmp_path / "clinic.csv", rows)
    assert run(["train", str(path), "--out", str(tmp_path / "mine")]) == 0
    capsys.readouterr()

    def kind(table: list[dict[str, str]], name: str) -> str:
        file = cohort_file.write(tmp_path / name, table)
        assert run(["evaluate", str(tmp_path / "mine"), str(file), "--json"]) == 0
        said = json.loads(capsys.readouterr().out)
        assert ("LR423" in " ".join(said["findings"])) == (said["kind"] != "external validation")
        return str(said["kind"])

    new = cohort_file.rows(n=120, seed=5)
    assert kind(rows, "again.csv").startswith("training data")
    turned = [dict(reversed([*{**r, "patient_id": f"X{i}"}.items()])) for i, r in enumerate(rows[::-1])]
    assert kind(turned, "turned.csv").startswith("training data")
    assert kind(rows[:60] + [{**r, "patient_id": f"N{i}"} for i, r in enumerate(new)], "part.csv").startswith(
        "partly training data (60 of 180 rows"
    )
    assert kind(new, "new.csv") == "external validation"

    def met(gone: tuple[str, ...], table: list[dict[str, str]]) -> int:
        """Rows said to be of the training when columns stand empty, under other ids."""
        spoiled = [
            {k: "" if k in gone else v for k, v in {**r, "patient_id": f"E{i}"}.items()} for i, r in enumerate(table)
        ]
        said = kind(spoiled, "emptied.csv")
        if said.startswith("training data"):
            return len(table)
        return int(said.partition("(")[2].partition(" of ")[0]) if said.startswith("partly training data") else 0

    assert met(("age",), rows) > 0.95 * len(rows)
    assert met(("age", "lungs_v5", "spleen_mean"), rows) > 0.7 * len(rows)
    assert met(("age",), new) == 0


def test_faults_exit_with_three_and_leave_nothing(tmp_path: Path, cohort_file, capsys) -> None:
    table = [{**r, "alc": "1400"} for r in cohort_file.rows()]
    path = cohort_file.write(tmp_path / "c.csv", table)
    assert run(["train", str(path), "--out", str(tmp_path / "model")]) == 3
    assert "LR411" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


def test_a_tampered_model_exits_with_seventy(tmp_path: Path, cohort_file, capsys) -> None:
    path = cohort_file.write(tmp_path / "clinic.csv", cohort_file.rows())
    run(["train", str(path), "--out", str(tmp_path / "mine")])
    with (tmp_path / "mine" / "calibration.json").open("a") as stream:
        stream.write(" ")
    assert run(["model", "verify", str(tmp_path / "mine")]) == 70
    assert "was altered" in capsys.readouterr().err


@pytest.mark.parametrize(
    "args", [["train"], ["train", "--out", "x"], ["train", "c.csv", "--out", "x", "--insilico", "600"]]
)
def test_usage(args: list[str]) -> None:
    assert run(args) == 2


def test_the_shipped_models_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["model", "list"]) == 0
    assert "simulated patients" in capsys.readouterr().out


def counts_of(value: Any) -> list[int]:
    """Every count of patients in a pack."""
    if isinstance(value, Mapping):
        here = [int(v) for k, v in value.items() if k in ("n", "events", "patients")]
        here += [int(value[a]) - int(value["events"]) for a in ("n", "patients") if a in value and "events" in value]
        return here + [c for v in value.values() for c in counts_of(v)]
    if isinstance(value, list):
        return [c for v in value for c in counts_of(v)]
    return []


@pytest.mark.slow
def test_a_pack_holds_no_row_and_no_small_count(tmp_path: Path, cohort_file, capsys) -> None:
    """Of a cohort with a rare subgroup, a rare grade and a voice that answers for a few: none of them can be had."""
    path = cohort_file.write(tmp_path / "clinic.csv", cohort_file.rows())
    assert run(["train", str(path), "--out", str(tmp_path / "mine")]) == 0
    table = cohort_file.rows(n=300, seed=5)
    for i, r in enumerate(table):
        r["sex"] = "F" if i < 3 else "M"
        r["voice_mechanism_g3"] = f"{(i % 100) / 100:.2f}"
        r["voice_rare_g3"] = "0.5" if i < 4 else ""
    own = cohort_file.write(tmp_path / "own.csv", table)
    pack, page = tmp_path / "pack.json", tmp_path / "pack.html"
    args = ["--pack", str(pack), "--pack-page", str(page), "--clinic", "North"]
    assert run(["evaluate", str(tmp_path / "mine"), str(own), *args]) == 0
    capsys.readouterr()
    made = json.loads(pack.read_text())
    Draft202012Validator(schemas.schema("pack")).validate(made)
    assert read_pack(pack)["clinic"] == "North"
    assert min(counts_of(made)) >= LEAST_CELL
    g3 = made["outcomes"]["g3"]["voices"]
    assert set(g3) == {"predictor", "mechanism"}
    assert any("rare" in said for said in made["withheld"])
    assert "sex" not in g3["predictor"]["subgroups"]
    assert "P0001" not in pack.read_text()
    html = page.read_text(encoding="utf-8")
    for option, path, there in (("--pack", pack, pack.read_bytes()), ("--pack-page", page, page.read_bytes())):
        path.unlink()
        assert run(["evaluate", str(tmp_path / "mine"), str(own), option, str(path), "--clinic", "North"]) == 0
        assert path.read_bytes() == there, "one without the other is the same"
    assert made["sha256"] in html
    assert "Data protection" in html
    assert run(["evaluate", str(tmp_path / "mine"), str(own), *args]) == 0, "its own pack is replaced"
