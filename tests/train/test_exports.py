"""A cohort from scenario files and a table of counts: the same features as an analysis, faults named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lymphorisk.errors import CohortError
from lymphorisk.plan import Patient
from lymphorisk.train.exports import features_of, read_exports

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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    out = tmp_path / "exports"
    out.mkdir()
    for i in range(24):
        (out / f"P{i}.toml").write_text(SCENARIO.format(n=10 + i, spleen=1.0 + i))
    return out


def counts(path: Path, rows: int = 24, **changes: str) -> Path:
    lines = ["patient_id,alc,age,nadir_alc"]
    for i in range(rows):
        cells = {"alc": "1.4", "age": "60", "nadir_alc": "0.3" if i % 2 else "0.8", **changes}
        lines.append(f"P{i},{cells['alc']},{cells['age']},{cells['nadir_alc']}")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_features_are_those_of_the_chain(folder: Path, tmp_path: Path) -> None:
    cohort = read_exports(folder, counts(tmp_path / "c.csv"))
    assert len(cohort) == 24
    assert cohort.column("spleen_mean") == pytest.approx(np.arange(1.0, 25.0))
    assert cohort.column("fractions").tolist() == list(range(10, 34))
    one = features_of(folder / "P3.toml", Patient(alc=1.4, age_y=60.0))
    for name in ("blood_mean", "blood_kill", "spleen_v5", "body_integral"):
        assert cohort.column(name)[3] == pytest.approx(one[name], abs=1e-6)
    assert "heart_mean" not in cohort.names


def test_an_export_that_cannot_be_read_is_left_out_by_name(folder: Path, tmp_path: Path) -> None:
    (folder / "P5.toml").write_text("[plan]\nfractions = 0\n")
    (folder / "P6.toml").unlink()
    cohort = read_exports(folder, counts(tmp_path / "c.csv"))
    assert len(cohort) == 22
    told = [f.what for f in cohort.findings if f.code == "LR422"]
    assert len(told) == 2
    assert told[0].startswith("row 7:")


def test_the_table_is_checked_before_anything_is_analysed(folder: Path, tmp_path: Path) -> None:
    def never(path: Path, patient: Patient):
        raise AssertionError

    with pytest.raises(CohortError, match="LR411"):
        read_exports(folder, counts(tmp_path / "c.csv", alc="1400"), features=never)


def test_no_exports_at_all(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CohortError, match="no export could be analysed"):
        read_exports(tmp_path / "empty", counts(tmp_path / "c.csv"))
