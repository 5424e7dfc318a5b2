"""Cohort files as clinics save them: read, or refused by the name of what went wrong."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lymphorisk.errors import CohortError
from lymphorisk.train import Cohort, read_cohort

Rows = list[dict[str, str]]


def clinic(n: int = 160) -> Rows:
    rng = np.random.default_rng(4)
    out = []
    for i in range(n):
        alc = float(np.clip(rng.lognormal(np.log(1.5), 0.35), 0.4, 4))
        spleen, lungs = float(rng.gamma(2, 4)), float(rng.gamma(3, 3))
        fractions = int(rng.choice([25, 28, 30]))
        nadir = alc * np.exp(-0.9 - 0.03 * spleen - 0.02 * lungs + rng.normal(0, 0.35))
        out.append(
            {
                "patient_id": f"P{i:03d}",
                "alc": f"{alc:.2f}",
                "age": str(int(rng.integers(35, 85))),
                "sex": str(rng.choice(["M", "F"])),
                "modality": "photon",
                "chemo": str(rng.choice(["platinum", "none"])),
                "fractions": str(fractions),
                "spleen_mean": f"{spleen:.2f}",
                "lungs_mean": f"{lungs:.2f}",
                "heart_mean": f"{rng.gamma(3, 5):.2f}",
                "nadir_alc": f"{nadir:.2f}",
            }
        )
    return out


def text(rows: Rows, delimiter: str = ",") -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, rows[0], delimiter=delimiter, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def read(tmp_path: Path, content: str, encoding: str = "utf-8") -> Cohort:
    file = tmp_path / "clinic.csv"
    file.write_bytes(content.encode(encoding))
    return read_cohort(file)


ROWS = clinic()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    return read(tmp_path_factory.mktemp("plain"), text(ROWS))


FORMS: dict[str, tuple[str, str]] = {
    "bom": ("\ufeff" + text(ROWS), "utf-8"),
    "semicolons": (text(ROWS, ";"), "utf-8"),
    "semicolons and decimal commas": (text(ROWS, ";").replace(".", ","), "utf-8"),
    "tabs": (text(ROWS, "\t"), "utf-8"),
    "utf-16": (text(ROWS), "utf-16"),
    "line ends of an old Mac": (text(ROWS).replace("\r\n", "\r"), "utf-8"),
    "empty columns behind the last": (text(ROWS).replace("\r\n", ",,,\r\n"), "utf-8"),
    "a separator line": ("sep=;\r\n" + text(ROWS, ";"), "utf-8"),
    "heads in capitals": (text([{k.upper(): v for k, v in r.items()} for r in ROWS]), "utf-8"),
    "units in heads": (
        text(ROWS).replace("spleen_mean", "Spleen mean (Gy)", 1).replace("nadir_alc", "Nadir ALC [10*9/L]", 1),
        "utf-8",
    ),
    "words": (
        text([{**r, "sex": {"M": "male", "F": "W"}[r["sex"]], "modality": "VMAT"} for r in ROWS]),
        "utf-8",
    ),
    "drugs": (
        text([{**r, "chemo": {"none": "no", "platinum": "Carboplatin/Paclitaxel"}[r["chemo"]]} for r in ROWS]),
        "utf-8",
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_another_form_of_the_same_file_is_the_same_cohort(plain: Cohort, tmp_path: Path, form: str) -> None:
    again = read(tmp_path, *FORMS[form])
    assert again.names == plain.names
    np.testing.assert_array_equal(again.features, plain.features)
    np.testing.assert_array_equal(again.outcomes["g4"], plain.outcomes["g4"])


def put(column: str, values: str | list[str], rows: int = 0) -> Callable[[Rows], None]:
    """Write values into the first rows of a column; one value goes into all of `rows`."""
    cells = [values] * rows if isinstance(values, str) else values

    def spoil(table: Rows) -> None:
        for row, value in zip(table, cells, strict=False):
            row[column] = value

    return spoil


def times(column: str, factor: float, rows: int) -> Callable[[Rows], None]:
    def spoil(table: Rows) -> None:
        for row in table[:rows]:
            row[column] = f"{float(row[column]) * factor:.4g}"

    return spoil


REFUSED: dict[str, tuple[Callable[[Rows], None], str]] = {
    "five grade 4 nadirs in cells/uL": (put("nadir_alc", ["5", "12", "15", "18", "9"]), "cells/uL"),
    "a column of nadirs in per cent": (times("nadir_alc", 8.0, 160), "another unit|per cent"),
    "a baseline in per cent": (times("alc", 6.0, 160), "median .* looks like per cent"),
    "a count of 18.5": (put("alc", ["18.5"]), "cells/uL or per cent"),
    "some rows in cGy": (times("spleen_mean", 100.0, 20), "looks like cGy in some rows"),
    "a code for missing": (put("spleen_mean", "-999", 7), "looks like a code for missing"),
    "the other code": (put("heart_mean", "9999", 3), "looks like a code for missing"),
    "a date": (put("nadir_alc", ["01.Mai"]), "not a number"),
    "a formula": (put("lungs_mean", ["#VALUE!"]), "not a number"),
    "age in months": (put("age", ["720"]), "looks like months"),
    "a year of birth": (put("age", ["1955"]), "year of birth"),
    "a baseline below detection": (put("alc", ["<0.1"]), "not a number"),
    "no count at all": (put("alc", ["0"]), "alc is 0 in row 2"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_a_spreadsheet_did_is_named(tmp_path: Path, fault: str) -> None:
    spoil, what = REFUSED[fault]
    rows = [dict(r) for r in ROWS]
    spoil(rows)
    with pytest.raises(CohortError, match=what):
        read(tmp_path, text(rows))


TOLD: dict[str, tuple[Callable[[Rows], None], str, str]] = {
    "a nadir above the baseline": (put("nadir_alc", "4.5", 4), "LR424", "above the baseline"),
    "zeros for missing": (put("spleen_mean", "0", 40), "LR425", "exactly 0 in 40 rows"),
    "a third of the rows a hundred times lower": (times("lungs_mean", 0.01, 60), "LR425", "times below the others"),
    "one patient in two spellings": (put("patient_id", [" p100", "P101 ", "p102"]), "LR414", "3 duplicate patients"),
}


@pytest.mark.parametrize("sign", TOLD)
def test_what_may_be_true_is_told(tmp_path: Path, plain: Cohort, sign: str) -> None:
    spoil, code, what = TOLD[sign]
    rows = [dict(r) for r in ROWS]
    spoil(rows)
    if code == "LR424":
        for row in rows[:4]:
            row["alc"] = "3.9"
    found = [f for f in read(tmp_path, text(rows)).findings if f.code == code]
    assert len(found) == 1
    assert what in found[0].what
    assert code not in {f.code for f in plain.findings}, "and not told of the clean file"


def test_below_detection_decides_the_grades_it_can(tmp_path: Path) -> None:
    rows = [dict(r) for r in ROWS]
    for row, cell in zip(rows, ("<0.1", "<0.2", "<0.3", "< 0.5", "<0.6"), strict=False):
        row["nadir_alc"] = cell
    cohort = read(tmp_path, text(rows))
    np.testing.assert_array_equal(cohort.outcomes["g4"][:5], [1, 1, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(cohort.outcomes["g3"][:5], [1, 1, 1, 1, np.nan])
    assert [f.code for f in cohort.findings] == ["LR426"]


def test_a_head_with_another_unit_is_refused(tmp_path: Path) -> None:
    for head in ("spleen_mean (cGy)", "nadir_alc [cells/uL]", "nadir_alc (%)"):
        own = head.split(" ")[0]
        with pytest.raises(CohortError, match="the head says"):
            read(tmp_path, text(ROWS).replace(own, head, 1))
