"""Every fault of a cohort file is caught by name; what is merely worth knowing is told and does not stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lymphorisk.errors import CohortError
from lymphorisk.train import read_cohort, schema_text
from lymphorisk.train.cohort import parts_of
from lymphorisk.train.schema import columns
from lymphorisk.train.settings import grouped_folds

Table = list[dict[str, str]]


def each(table: Table, **values: Callable[[dict[str, str]], str]) -> Table:
    return [{**row, **{name: make(row) for name, make in values.items()}} for row in table]


def put(table: Table, index: int, **values: str) -> Table:
    return [{**row, **values} if i == index else row for i, row in enumerate(table)]


def scaled(name: str, factor: float) -> Callable[[Table], Table]:
    def spoil(table: Table) -> Table:
        return each(table, **{name: lambda r: r[name] if r[name] in ("", "NA", "?") else str(float(r[name]) * factor)})

    return spoil


def voiced(table: Table, fourth: str) -> Table:
    """With the probability of another voice, and a word of its own in the fourth patient."""
    return put(each(table, voice_ours_g3=lambda r: "0.3"), 3, voice_ours_g3=fourth)


def graded(table: Table) -> Table:
    """Grades in place of the lowest count."""
    told = each(
        table,
        g3=lambda r: str(int(float(r["nadir_alc"]) < 0.5)) if r["nadir_alc"] else "",
        g4=lambda r: str(int(float(r["nadir_alc"]) < 0.2)) if r["nadir_alc"] else "",
    )
    return [{k: v for k, v in r.items() if k != "nadir_alc"} for r in told]


FAULTS: dict[str, tuple[Callable[[Table], Table], str]] = {
    "ALC in cells/uL": (scaled("alc", 1000.0), "LR411 alc: .* looks like cells/uL"),
    "one ALC in cells/uL": (lambda t: put(t, 7, alc="1400"), "LR411 alc: 1400 in row 9 looks like cells/uL"),
    "nadir in cells/uL": (scaled("nadir_alc", 1000.0), "LR411 nadir_alc: .* looks like cells/uL"),
    "dose in cGy": (scaled("lungs_mean", 100.0), "LR411 lungs_mean: median .* looks like cGy"),
    "volume as a share": (scaled("lungs_v5", 0.01), "LR411 lungs_v5: .* look like shares"),
    "columns exchanged": (
        lambda t: each(t, lungs_mean=lambda r: r["spleen_mean"], spleen_mean=lambda r: r["lungs_mean"]),
        "LR446 lungs_mean .* with lungs_v5 .* cannot be in",
    ),
    "dose of one fraction": (
        lambda t: each(t, lungs_mean=lambda r: f"{float(r['lungs_mean']) / float(r['fractions']):.3f}"),
        "LR446 lungs_mean",
    ),
    "impossible age": (lambda t: put(t, 3, age="640"), "LR412 age = 640 in row 5"),
    "negative count": (lambda t: put(t, 3, nadir_alc="-0.1"), "LR412 nadir_alc below zero in row 5"),
    "post-treatment column": (
        lambda t: each(t, alc_end_of_rt=lambda r: r["nadir_alc"]),
        "LR413 post-treatment column 'alc_end_of_rt'",
    ),
    "survival column": (lambda t: each(t, overall_survival_days=lambda r: "300"), "LR413 post-treatment column"),
    "outcome in disguise": (
        lambda t: each(t, heart_mean=lambda r: f"{20 - 8 * float(r['nadir_alc'] or 0.6):.3f}"),
        "LR413 heart_mean alone separates the outcome",
    ),
    "single class": (lambda t: each(t, nadir_alc=lambda r: "0.9"), "LR415 g3: single class, 0 events among 200"),
    "too few events": (
        lambda t: [{**r, "nadir_alc": "0.3" if i < 5 else "0.9"} for i, r in enumerate(t)],
        "LR416 g3: too few events",
    ),
    "grade against count": (
        lambda t: each(t, g3=lambda r: "0" if r["nadir_alc"] == "" else str(int(float(r["nadir_alc"]) >= 0.5))),
        "LR418 g3 and nadir_alc disagree",
    ),
    "word for a number": (lambda t: put(t, 2, spleen_mean="low"), "LR420 spleen_mean: 'low' in row 4 is not a number"),
    "decimal comma": (lambda t: put(t, 2, spleen_mean="3,4"), "LR420 spleen_mean: '3,4' in row 4"),
    "unknown site": (lambda t: put(t, 2, site="thymus"), "LR420 site: 'thymus' in row 4 is not one of"),
    "no patient_id": (lambda t: [{k: v for k, v in r.items() if k != "patient_id"} for r in t], "LR421 .*patient_id"),
    "empty patient_id": (lambda t: put(t, 4, patient_id=""), "LR421 patient_id is empty in row 6"),
    "no baseline": (lambda t: [{k: v for k, v in r.items() if k != "alc"} for r in t], "LR421 column alc"),
    "chemotherapy as 0/1": (
        lambda t: each(t, chemo=lambda r: str(int(r["chemo"] != "none"))),
        "LR420 chemo: write none, .*, not 0/1",
    ),
    "organs of two versions": (
        lambda t: put(each(t, organs=lambda r: "placed"), 4, organs="drawn"),
        "LR420 organs says drawn, placed: all rows are placed, or all are drawn",
    ),
    "a voice in words": (lambda t: voiced(t, "high"), "LR420 voice_ours_g3: 'high' in row 5 is not a number"),
    "a voice in per cent": (lambda t: voiced(t, "30"), "LR412 voice_ours_g3 in row 5 is no probability"),
    "code for a missing count": (lambda t: put(t, 3, alc="-99"), "LR412 alc = -99 in row 5 looks like a code"),
    "less than a cell": (
        lambda t: put(t, 3, nadir_alc="0.0004"),
        "LR411 nadir_alc: 0.0004 in row 5 is less than a cell in a microlitre",
    ),
    "grade as a number": (lambda t: put(graded(t), 3, g3="3"), "LR412 g3 in row 5 is neither 0 nor 1"),
    "grade 4 without grade 3": (lambda t: put(graded(t), 3, g3="0", g4="1"), "LR418 g4 without g3 in row 5"),
    "no outcome": (lambda t: [{k: v for k, v in r.items() if k != "nadir_alc"} for r in t], "LR421 no outcome"),
}


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_planted_fault_is_caught_by_name(name: str, tmp_path: Path, cohort_file) -> None:
    spoil, message = FAULTS[name]
    path = cohort_file.write(tmp_path / "cohort.csv", spoil(cohort_file.rows()))
    with pytest.raises(CohortError, match=message):
        read_cohort(path)


def test_all_faults_are_named_at_once(tmp_path: Path, cohort_file) -> None:
    table = put(cohort_file.rows(), 3, age="640")
    path = cohort_file.write(tmp_path / "c.csv", scaled("alc", 1000.0)(each(table, os_months=lambda r: "3")))
    with pytest.raises(CohortError) as caught:
        read_cohort(path)
    assert all(code in caught.value.message for code in ("LR411", "LR412", "LR413"))
    assert "--ignore os_months" in caught.value.hint


def test_the_clean_file_reads(tmp_path: Path, cohort_file) -> None:
    cohort = read_cohort(cohort_file.write(tmp_path / "c.csv", cohort_file.rows()))
    assert len(cohort) == 200
    assert {"alc", "sex_female", "site_lung", "chemo_platinum", "modality_proton"} <= set(cohort.names)
    assert np.isnan(cohort.column("spleen_mean")).sum() > 5
    assert np.isnan(cohort.outcomes["g3"]).sum() == np.isnan(cohort.nadir_alc).sum() > 0
    first = cohort_file.rows()[0]
    assert cohort.column("alc")[0] == float(first["alc"])
    assert cohort.column("site_lung")[0] == float(first["site"] == "lung")


def test_grades_stand_for_the_lowest_count_and_beside_it(tmp_path: Path, cohort_file) -> None:
    table = cohort_file.rows()
    counted = read_cohort(cohort_file.write(tmp_path / "c.csv", table))
    grades = graded(table)
    both = [{**g, "nadir_alc": r["nadir_alc"]} for g, r in zip(grades, table, strict=True)]
    for name, rows in (("grades", grades), ("both", both)):
        cohort = read_cohort(cohort_file.write(tmp_path / f"{name}.csv", rows))
        assert set(cohort.outcomes) == {"g3", "g4"}
        for grade in cohort.outcomes:
            assert np.array_equal(cohort.outcomes[grade], counted.outcomes[grade], equal_nan=True)
    assert "nadir_alc" not in read_cohort(tmp_path / "grades.csv").to_frame()
    assert "nadir_alc" in read_cohort(tmp_path / "both.csv").to_frame()


def test_columns_that_tell_nobody_apart_know_no_row_again(tmp_path: Path, cohort_file) -> None:
    """Of a file of few values the parts of a row are everybody's: none is kept."""
    cohort = read_cohort(cohort_file.write(tmp_path / "c.csv", cohort_file.rows()))
    assert all(len(part) == 3 for part in parts_of(cohort))
    assert len(parts_of(cohort)) > 1
    assert parts_of(cohort.using(("sex_female", "site_lung", "alc"))) == ()
    with pytest.raises(CohortError, match="do not fit"):
        replace(cohort, names=cohort.names[1:])


def test_organs_far_from_the_target_of_a_site_are_no_slip_of_units(tmp_path: Path, cohort_file) -> None:
    """Spleen doses of brain plans lie a hundred times below those of others; in one site that is two units."""
    far = each(
        cohort_file.rows(), spleen_eud=lambda r: f"{float(r['lungs_mean']) * (0.01 if r['site'] == 'brain' else 1):.4f}"
    )
    found = read_cohort(cohort_file.write(tmp_path / "far.csv", far)).findings
    assert not [f for f in found if f.code == "LR425"]
    mixed = [
        {**r, "spleen_eud": f"{float(r['lungs_mean']) * (0.01 if i % 5 == 0 else 1):.4f}"} for i, r in enumerate(far)
    ]
    (told,) = [f for f in read_cohort(cohort_file.write(tmp_path / "mixed.csv", mixed)).findings if f.code == "LR425"]
    assert "spleen_eud: 40 values lie 10" in told.what or "spleen_eud: 40 values lie 9" in told.what


def test_an_ignored_column_is_not_read(tmp_path: Path, cohort_file) -> None:
    table = each(cohort_file.rows(), alc_end_of_rt=lambda r: r["nadir_alc"])
    path = cohort_file.write(tmp_path / "c.csv", table)
    assert "alc_end_of_rt" not in read_cohort(path, ignore=["alc_end_of_rt"]).names


def test_duplicate_patients_are_told_and_stay_in_one_fold(tmp_path: Path, cohort_file) -> None:
    """The same id twice, and the same patient under another id."""
    table = cohort_file.rows()
    again = {**table[10], "age": "50", "nadir_alc": "0.41"}
    twin = {**table[20], "patient_id": "X1"}
    cohort = read_cohort(cohort_file.write(tmp_path / "c.csv", [*table, again, twin]))
    told = [f.what for f in cohort.findings if f.code == "LR414"]
    assert len(told) == 2
    assert cohort.group[200] == cohort.group[10]
    assert cohort.group[201] == cohort.group[20]
    assert len(np.unique(cohort.group)) == 200
    for seed in range(5):
        fold = grouped_folds(cohort.group, 5, seed)
        assert fold[200] == fold[10]
        assert fold[201] == fold[20]


def test_folds_are_even_and_split_no_group() -> None:
    group = np.repeat(np.arange(100), 3)
    fold = grouped_folds(group, 5, 1)
    assert all(len(set(fold[group == g])) == 1 for g in range(100))
    assert set(np.bincount(fold)) == {60}


def test_unknown_columns_and_gaps_are_told(tmp_path: Path, cohort_file) -> None:
    table = each(cohort_file.rows(), hospital_room=lambda r: "7", bmi=lambda r: "")
    cohort = read_cohort(cohort_file.write(tmp_path / "c.csv", table))
    codes = {(f.code, f.where) for f in cohort.findings}
    assert ("LR419", "hospital_room") in codes
    assert ("LR417", "bmi") in codes
    assert "bmi" not in cohort.names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no patients"),
        ("patient_id,alc,g3\n", "no patients"),
        ("patient_id,alc,alc\na,1,2\n", "stands there twice"),
        ("patient_id,alc,Baseline ALC [10^9/L]\na,1,2\n", "column 'alc' stands there twice, once as 'Baseline ALC"),
        ("patient_id,alc,g3\na,1\x00,1\n", "is not text"),
        ("patient_id,alc,g3\na,1\n", "row 2: 2 cells for 3 columns"),
    ],
)
def test_broken_files(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text(text)
    with pytest.raises(CohortError, match=message):
        read_cohort(path)


def test_what_is_no_cohort_file(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="no cohort file"):
        read_cohort(tmp_path / "nothing.csv")
    (tmp_path / "c.xlsx").write_bytes(b"PK")
    with pytest.raises(CohortError, match="neither CSV nor Parquet"):
        read_cohort(tmp_path / "c.xlsx")
    (tmp_path / "c.parquet").write_bytes(b"not parquet")
    with pytest.raises(CohortError, match="not a Parquet file"):
        read_cohort(tmp_path / "c.parquet")
    (tmp_path / "latin.csv").write_bytes("patient_id,alc,g3\nM\xfcller,1,1\n".encode("latin-1"))
    with pytest.raises(CohortError, match="not UTF-8"):
        read_cohort(tmp_path / "latin.csv")


def test_parquet_whose_text_or_date_is_none_is_named(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow.parquet import write_table

    offsets, held = pa.array([0, 3], pa.int32()).buffers()[1], pa.py_buffer(b"a\xff\xfe")
    broken = pa.Array.from_buffers(pa.string(), 1, [None, offsets, held])
    far = pa.array([2**62], pa.int64()).cast(pa.timestamp("ms"), safe=False)
    for column in (broken, far):
        write_table(pa.table({"patient_id": column}), tmp_path / "c.parquet")
        with pytest.raises(CohortError, match="a broken one"):
            read_cohort(tmp_path / "c.parquet")


def test_parquet_reads_as_csv(tmp_path: Path, cohort_file) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow.parquet import write_table

    table = cohort_file.rows()
    csv_cohort = read_cohort(cohort_file.write(tmp_path / "c.csv", table))
    numeric = {
        k: [None if r[k] in ("", "NA", "?") else float(r[k]) for r in table] for k in ("alc", "age", "nadir_alc")
    }
    text = {k: [r[k] for r in table] for k in table[0] if k not in numeric}
    write_table(pa.table({**text, **numeric}), tmp_path / "c.parquet")
    parquet = read_cohort(tmp_path / "c.parquet")
    order = [parquet.names.index(n) for n in csv_cohort.names]
    assert np.array_equal(parquet.features[:, order], csv_cohort.features, equal_nan=True)


def test_schema_document_names_every_column() -> None:
    text = schema_text()
    for column in columns():
        assert column.name in text
