"""A clinic's own plans as rows: exports and counts in two forms, a cohort's folder, a table; faults named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lymphorisk.analysis import Options
from lymphorisk.analysis.exposure import blood_dose_of
from lymphorisk.analysis.prepared import prepare
from lymphorisk.analysis.row import row_of
from lymphorisk.cohorts import engine, own, work
from lymphorisk.cohorts.keys import Recipe, file_digests
from lymphorisk.cohorts.ledger import Outcome
from lymphorisk.cohorts.own import read_own
from lymphorisk.cohorts.run import How, run_cohort
from lymphorisk.cohorts.work import Task
from lymphorisk.errors import CohortError
from lymphorisk.plan import Patient
from lymphorisk.train import read_declared

SCENARIO = """
[plan]
modality = "photon"
fractions = {n}
beam_on_s = [20, 20]
[organs.Spleen]
mean_gy = {spleen}
[organs.Body]
mean_gy = 2.0
[patient]
sex = "F"
"""
QUICK = Options(draws=16, horizon_d=60)
PLANS = 22


ANALYSED: dict[str, Outcome] = {}


def outcome(task: Task, recipe: Recipe) -> Outcome:
    """One plan is analysed, once; the others have its row and their own fractions."""
    name = Path(task.path).stem
    if "fractions = 0" in Path(task.path).read_text():
        return work.outcome_of(task, recipe)
    if "P3" not in ANALYSED:
        one = replace(task, path=str(Path(task.path).parent / "P3.toml"), inputs=())
        ANALYSED["P3"] = work.outcome_of(replace(one, inputs=file_digests(Path(one.path))), recipe)
    return Outcome(task.key, "done", {**ANALYSED["P3"].row, "fractions": 10 + int(name[1:])})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "Options", lambda: QUICK)
    monkeypatch.setattr(engine, "outcome_of", outcome)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    out = tmp_path / "exports"
    out.mkdir()
    for i in range(PLANS):
        (out / f"P{i}.toml").write_text(SCENARIO.format(n=10 + i, spleen=1.0 + i))
    return out


def counts(path: Path, **changes: str) -> Path:
    """A row a patient."""
    lines = ["patient_id,alc,age,nadir_alc"]
    for i in range(PLANS):
        cells = {"alc": "1.4", "age": "60", "nadir_alc": "0.3" if i % 2 else "0.8", **changes}
        lines.append(f"P{i},{cells['alc']},{cells['age']},{cells['nadir_alc']}")
    path.write_text("\n".join(lines) + "\n")
    return path


def long_form(path: Path, unit: str = "K/uL") -> Path:
    """Every count: before, and the lowest of two in the course."""
    lines = ["patient_id,day,value,unit"]
    for i in range(PLANS):
        lines += [f"P{i},-1,1.4,{unit}", f"P{i},8,1.1,{unit}", f"P{i},12,{0.3 if i % 2 else 0.8},{unit}"]
    path.write_text("\n".join(lines) + "\n")
    return path


def manifest(path: Path) -> Path:
    rows = "".join(f"exports/P{i}.toml,P{i},60\n" for i in range(PLANS))
    path.write_text("export,patient_id,age\n" + rows)
    return path


def served(path: Path) -> dict[str, float]:
    """The row a patient is served with."""
    plan = prepare(path, Patient(alc=1.4, age_y=60.0), QUICK)
    row = row_of(plan, blood_dose_of(plan), placed=True)
    return dict(zip(row.names, row.values, strict=True))


def test_a_row_learned_from_is_the_row_served_whatever_the_cohort_comes_as(folder: Path, tmp_path: Path) -> None:
    """A row a patient; every count in long form; the folder of a cohort: the same numbers."""
    wide = read_own(folder, counts(tmp_path / "c.csv"), workers=0)
    listed = manifest(tmp_path / "m.csv")
    long = read_own(listed, long_form(tmp_path / "l.csv"), workers=0)
    how = How(workers=0, counts=tmp_path / "l.csv")
    run_cohort([listed], tmp_path / "cohort", Recipe(QUICK), how)
    kept = read_own(tmp_path / "cohort")
    one = served(folder / "P3.toml")
    for cohort in (wide, long, kept):
        assert len(cohort) == PLANS
        assert cohort.placed
        at = int(np.flatnonzero(cohort.column("fractions") == 13)[0])
        for name in set(cohort.names) - {"alc_week1"}:
            assert cohort.column(name)[at] == pytest.approx(one[name], rel=1e-8), name
        assert cohort.outcomes["g3"][at] == 1.0
        assert set(cohort.voices["g3"]) == {"mechanism", "kim2024_hcc_blood_dose"}
        assert np.isfinite(cohort.voices["g3"]["mechanism"]).all()
        assert np.isnan(cohort.voices["g3"]["kim2024_hcc_blood_dose"]).all()
    assert kept.names == long.names == (*wide.names, "alc_week1")
    assert set(kept.column("alc_week1")) == set(long.column("alc_week1")) == {1.1}


def test_declared_columns_come_from_a_row_a_patient_or_from_the_manifest(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        '[[column]]\nname = "NLR"\nunit = "1"\nkind = "laboratory"\nrange = [0.1, 100]\nknown = "before treatment"\n'
    )
    own_columns = read_declared(tmp_path / "own.toml")
    wide, listed = counts(tmp_path / "c.csv"), manifest(tmp_path / "m.csv")
    for path in (wide, listed):
        head, *rows = path.read_text().splitlines()
        path.write_text("\n".join([f"{head},NLR", *(f"{row},{1 + i}.5" for i, row in enumerate(rows))]) + "\n")
    by_patient = read_own(folder, wide, workers=0, declared=own_columns)
    by_counts = read_own(listed, long_form(tmp_path / "l.csv"), workers=0, declared=own_columns)
    for cohort in (by_patient, by_counts):
        assert cohort.external == own_columns.columns
        fractions = cohort.column("fractions")
        assert cohort.column("NLR").tolist() == (fractions - 8.5).tolist(), "P0 has 10 fractions"
    with pytest.raises(CohortError, match="NLR is needed"):
        read_own(manifest(tmp_path / "m.csv"), tmp_path / "l.csv", workers=0, declared=own_columns)


def test_an_export_that_cannot_be_read_is_left_out_by_name(folder: Path, tmp_path: Path) -> None:
    (folder / "P5.toml").write_text("[plan]\nfractions = 0\n")
    (folder / "P6.toml").unlink()
    cohort = read_own(folder, counts(tmp_path / "c.csv"), workers=0)
    assert len(cohort) == PLANS - 2
    told = [f.what for f in cohort.findings if f.code == "LR422"]
    assert [said.partition(":")[0] for said in told] == ["row 8", "row 7"]


def test_what_a_table_says_against_the_plans_is_named(folder: Path, tmp_path: Path) -> None:
    """Typed numbers took the plan's place without a word; facts of the files were contradicted unheard."""
    table = counts(tmp_path / "c.csv")
    head, *lines = table.read_text().splitlines()
    said = {0: "10,4,F", 1: "11,4.02,F", 2: "30,4,F", 3: "13,9,M", 4: "14,,"}
    rows = [f"{line},{said.get(i, ',,')}" for i, line in enumerate(lines)]
    table.write_text("\n".join([f"{head},fractions,spleen_mean,sex", *rows]) + "\n")
    cohort = read_own(folder, table, workers=0)
    told = [f.what for f in cohort.findings if f.code == "LR427"]
    assert told == ["fractions is not the plan's in rows 4", "spleen_mean is not the plan's in rows 5"]
    assert (cohort.column("fractions")[2], cohort.column("spleen_mean")[3]) == (30.0, 9.0)


def test_facts_that_contradict_the_files_reach_the_training(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def contradicting(task: Task, recipe: Recipe) -> Outcome:
        done = outcome(task, recipe)
        codes = ["LR047"] if Path(task.path).stem in ("P2", "P7") else []
        return replace(done, row={**done.row, "findings": codes})

    monkeypatch.setattr(engine, "outcome_of", contradicting)
    cohort = read_own(folder, counts(tmp_path / "c.csv"), workers=0)
    assert [f.what for f in cohort.findings if f.code == "LR427"] == [
        "facts of the patient are not those of the files in rows 4, 9"
    ]


def test_plans_without_a_count_are_counted(folder: Path, tmp_path: Path) -> None:
    few = long_form(tmp_path / "l.csv")
    few.write_text("\n".join(line for line in few.read_text().splitlines() if not line.startswith("P9,")) + "\n")
    cohort = read_own(manifest(tmp_path / "m.csv"), few, workers=0)
    assert "1 plans have no count in the course" in [f.what for f in cohort.findings if f.code == "LR422"]


def test_the_table_is_checked_before_anything_is_analysed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(own, "analysed", never)
    with pytest.raises(CohortError, match="LR411"):
        read_own(folder, counts(tmp_path / "c.csv", alc="1400"))


@pytest.mark.parametrize("unit", ["10^9/L", "K/uL"])
def test_counts_of_another_unit_than_they_say_are_named(folder: Path, tmp_path: Path, unit: str) -> None:
    listed, table = manifest(tmp_path / "m.csv"), long_form(tmp_path / "l.csv", unit)
    table.write_text(table.read_text().replace(",1.4,", ",1400,").replace(",0.3,", ",300,").replace(",1.1,", ",1100,"))
    table.write_text(table.read_text().replace(",0.8,", ",800,"))
    with pytest.raises(CohortError, match=r"1400|looks like"):
        read_own(listed, table, workers=0)


def test_no_exports_at_all(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CohortError, match="no export could be analysed"):
        read_own(tmp_path / "empty", counts(tmp_path / "c.csv"))


def test_a_model_of_a_cohort_names_the_clinic_file_its_plans_were_read_with(folder: Path, tmp_path: Path) -> None:
    """By the folder as by exports: hash and settings; none where there was no file."""
    of_file = {"sha256": "ab" * 32, "settings": ["analysis.missing", "organs.Liver"]}
    options = replace(QUICK, clinic_file=of_file)
    how = How(workers=0, counts=long_form(tmp_path / "l.csv"))
    for name, said in (("with", options), ("without", QUICK)):
        run_cohort([manifest(tmp_path / "m.csv")], tmp_path / name, Recipe(said), how)
    assert read_own(tmp_path / "with").clinic_file == of_file
    assert read_own(folder, counts(tmp_path / "c.csv"), workers=0, options=options).clinic_file == of_file
    assert read_own(tmp_path / "without").clinic_file == {}


def test_a_cohort_without_counts_and_exports_without_counts_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="needs a table of counts"):
        read_own(folder)
    for path in folder.iterdir():
        if path.stem not in ("P3", "P4"):
            path.unlink()
    run_cohort([folder], tmp_path / "o", replace(Recipe(QUICK)), How(workers=0))
    with pytest.raises(CohortError, match="holds no counts"):
        read_own(tmp_path / "o")


def test_plans_that_cannot_be_held_against_a_count_are_left_out_by_name(folder: Path, tmp_path: Path) -> None:
    """One that cannot be read, and one whose counts come after the watch has ended."""
    (folder / "P5.toml").write_text("[plan]\nfractions = 0\n[organs]\n")
    table = long_form(tmp_path / "l.csv")
    lines = table.read_text().splitlines()
    late = [line.replace("P8,8,", "P8,700,").replace("P8,12,", "P8,710,") for line in lines]
    table.write_text("\n".join(late) + "\n")
    cohort = read_own(manifest(tmp_path / "m.csv"), table, workers=0)
    assert len(cohort) == PLANS - 2
    told = [f.what for f in cohort.findings if f.code == "LR422"]
    assert "plan 9 has no count before the end of the watch" in told
    assert any(said.startswith("plan 6: ") for said in told)
    run_cohort([tmp_path / "m.csv"], tmp_path / "cohort", Recipe(QUICK), How(workers=0, counts=table))
    kept = [f.what for f in read_own(tmp_path / "cohort").findings if f.code == "LR422"]
    assert any("quarantine" in said for said in kept)
    assert any("have no count in the course" in said for said in kept)


def test_a_faulty_table_names_what_was_left_out_before_it_is_refused(folder: Path, tmp_path: Path) -> None:
    """Of eleven patients with an event two have no plan that can be read: nine are too few."""
    for name in ("P5", "P7"):
        (folder / f"{name}.toml").write_text("[plan]\nfractions = 0\n")
    said: list[str] = []
    with pytest.raises(CohortError, match=r"LR416 g3: too few events \(9 with"):
        read_own(folder, counts(tmp_path / "c.csv"), workers=0, progress=said.append)
    assert [line.partition(":")[0] for line in said if line.startswith("LR422")] == ["LR422 row 7", "LR422 row 9"]


@pytest.mark.parametrize("counted", [True, False])
def test_radiomics_are_of_a_table_alone(folder: Path, tmp_path: Path, counted: bool) -> None:
    table = counts(tmp_path / "c.csv")
    with pytest.raises(CohortError, match="joined to a table of features"):
        read_own(folder, table if counted else None, radiomics=table)
