"""Features of PyRadiomics beside a cohort: joined by the patient, declared ones alone, of the declared version."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from lymphorisk.errors import CohortError
from lymphorisk.train import read_cohort, read_declared
from lymphorisk.train.declared import Declared

HEAD = "patient_id,Image,Mask,diagnostics_Versions_PyRadiomics,diagnostics_Mask-original_VoxelNum"
FEATURES = "original_firstorder_Mean,original_glcm_Contrast"
COLUMN = """
[[column]]
name = "original_firstorder_Mean"
unit = "HU"
kind = "radiomics"
range = [-1000, 1000]
known = "before treatment"
software = "PyRadiomics"
version = "{}"
source = "spleen on the planning CT"
"""


def own(folder: Path, version: str = "3.1.0", text: str = COLUMN) -> Declared:
    (folder / "own.toml").write_text(text.format(version), encoding="utf-8")
    return read_declared(folder / "own.toml")


def features(folder: Path, values: Mapping[str, float], version: str = "3.1.0", head: str = HEAD) -> Path:
    lines = [f"{head},{FEATURES}"]
    lines += [f"{who},ct_{i}.nii,mask_{i}.nii,{version},1000,{v:.4f},0.5" for i, (who, v) in enumerate(values.items())]
    path = folder / "features.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def cohort(tmp_path: Path, cohort_file: ModuleType) -> tuple[Path, list[str]]:
    rows = cohort_file.rows()
    return cohort_file.write(tmp_path / "c.csv", rows), [r["patient_id"] for r in rows]


def test_the_declared_feature_is_joined_by_the_patient(tmp_path: Path, cohort: tuple[Path, list[str]]) -> None:
    """In another order, in another spelling, without the last patient, who then has none."""
    path, ids = cohort
    value = {who: float(i) for i, who in enumerate(ids)}
    table = features(tmp_path, {who.upper(): v for who, v in reversed(list(value.items())) if who != ids[-1]})
    made = read_cohort(path, declared=own(tmp_path), radiomics=table)
    column = made.column("original_firstorder_Mean")
    assert np.isnan(column[-1])
    assert column[:-1].tolist() == [value[who] for who in ids[:-1]]
    assert "original_glcm_Contrast" not in made.names


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"version": "3.0.1"}, "made by 3.0.1"),
        ({"head": HEAD.replace("patient_id", "scan")}, "whose features"),
        ({"twice": True}, "several rows"),
        ({"bare": True}, "holds no feature"),
        ({"version": "3.1.0", "other": "3.0.1"}, "features of PyRadiomics 3.0.1 and 3.1.0"),
        ({"in_the_cohort": "original_firstorder_Mean"}, "stands in the cohort and in features.csv"),
        ({"nameless": ""}, r"patient_id is empty in row 4$"),
        ({"nameless": "n/a"}, r"patient_id is empty in row 4$"),
        ({"alike": True}, "may be originalfirstorder_mean or ORIGINAL_firstorder_Mean of features.csv"),
        ({"column": COLUMN.replace("original_firstorder_Mean", "other")}, "no declared column"),
        ({"column": COLUMN.replace('"PyRadiomics"', '"LIFEx"')}, "declared as made by LIFEx"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    tmp_path: Path, cohort: tuple[Path, list[str]], change: Mapping[str, object], says: str
) -> None:
    path, ids = cohort
    table = features(
        tmp_path,
        dict.fromkeys(ids, 1.0),
        str(change.get("version", "3.1.0")),
        str(change.get("head", HEAD)),
    )
    if change.get("twice"):
        lines = table.read_text(encoding="utf-8").splitlines()
        table.write_text("\n".join([*lines, lines[1]]) + "\n", encoding="utf-8")
    if change.get("bare"):
        lines = [line.rsplit(",", 2)[0] for line in table.read_text(encoding="utf-8").splitlines()]
        table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if "other" in change:
        text = table.read_text(encoding="utf-8")
        table.write_text(text.replace(",3.1.0,", f",{change['other']},", 1), encoding="utf-8")
    if "in_the_cohort" in change:
        lines = path.read_text(encoding="utf-8").splitlines()
        path.write_text("\n".join([f"{lines[0]},{change['in_the_cohort']}", *(f"{line},1" for line in lines[1:])]))
    if "nameless" in change:
        lines = table.read_text(encoding="utf-8").splitlines()
        lines[3] = f"{change['nameless']}{lines[3][lines[3].index(',') :]}"
        table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if "alike" in change:
        head, rest = table.read_text(encoding="utf-8").split("\n", 1)
        head = head.replace(FEATURES, "originalfirstorder_mean,ORIGINAL_firstorder_Mean")
        table.write_text(f"{head}\n{rest}", encoding="utf-8")
    with pytest.raises(CohortError, match=says):
        read_cohort(path, declared=own(tmp_path, text=str(change.get("column", COLUMN))), radiomics=table)


def test_a_feature_spelt_as_declared_is_the_one_that_is_meant(tmp_path: Path, cohort: tuple[Path, list[str]]) -> None:
    """Two names that differ in signs alone took each other's place."""
    path, ids = cohort
    table = features(tmp_path, dict.fromkeys(ids, 2.0))
    text = table.read_text(encoding="utf-8").replace("original_glcm_Contrast", "original-firstorder-mean")
    table.write_text(text, encoding="utf-8")
    made = read_cohort(path, declared=own(tmp_path), radiomics=table)
    assert set(made.column("original_firstorder_Mean")) == {2.0}


def test_the_file_is_in_the_provenance_by_its_hash(tmp_path: Path, cohort: tuple[Path, list[str]]) -> None:
    path, ids = cohort
    table = features(tmp_path, dict.fromkeys(ids, 2.0))
    made = read_cohort(path, declared=own(tmp_path), radiomics=table)
    assert made.radiomics_sha256 == hashlib.sha256(table.read_bytes()).hexdigest()
    assert made.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert read_cohort(path).radiomics_sha256 == ""


def test_the_command_takes_the_file(tmp_path: Path, cohort: tuple[Path, list[str]]) -> None:
    from click.testing import CliRunner

    from lymphorisk.cli.main import cli

    path, ids = cohort
    table = features(tmp_path, dict.fromkeys(ids, 1.0), version="2.2.0")
    own(tmp_path)
    args = ["train", str(path), "--radiomics", str(table), "--out", str(tmp_path / "mine")]
    without = CliRunner().invoke(cli, args)
    assert without.exit_code == 2
    refused = CliRunner().invoke(cli, [*args, "--columns", str(tmp_path / "own.toml")])
    assert isinstance(refused.exception, CohortError)
    assert "made by 2.2.0" in str(refused.exception)


def test_radiomics_are_joined_by_the_patients_of_the_cohort(tmp_path: Path, cohort: tuple[Path, list[str]]) -> None:
    """Without their ids nothing can be joined, whatever else the table holds."""
    path, ids = cohort
    table = features(tmp_path, dict.fromkeys(ids, 1.0))
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([lines[0].replace("patient_id", "scan"), *lines[1:]]) + "\n", encoding="utf-8")
    with pytest.raises(CohortError, match="joined by patient_id, which the cohort does not have"):
        read_cohort(path, declared=own(tmp_path), radiomics=table)
