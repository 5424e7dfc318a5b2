"""A cohort file, read and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lymphorisk.train.checks import raise_errors
from lymphorisk.train.cohort import Cohort, cohort_of
from lymphorisk.train.declared import NOTHING, Declared
from lymphorisk.train.external import check_all
from lymphorisk.train.pyradiomics import joined, read_pyradiomics
from lymphorisk.train.table import read_table


def read_cohort(
    path: str | Path,
    *,
    ignore: Sequence[str] = (),
    name: str = "",
    declared: Declared = NOTHING,
    radiomics: str | Path | None = None,
) -> Cohort:
    """Read and check a cohort file.

    Parameters
    ----------
    path : path
        CSV or Parquet, columns as in `schema_text`.
    ignore : sequence of str
        Columns to leave out, for example those known only after treatment.
    name : str
        What to call the cohort; the file's stem by default.
    declared : Declared
        Columns beyond the program's schema.
    radiomics : path, optional
        Features of PyRadiomics, joined by the patient: the declared ones.

    Raises
    ------
    CohortError
        All faults found, each by name.
    """
    path = Path(path)
    declared = declared.without(ignore)
    table = read_table(path).without(ignore).calling(declared.heads)
    beside = None if radiomics is None else read_pyradiomics(Path(radiomics))
    if beside is not None:
        table = joined(table, beside, declared)
    findings = check_all(table, declared)
    raise_errors(findings)
    cohort = cohort_of(table, findings, name or path.stem, declared.columns)
    return cohort if beside is None else replace(cohort, radiomics_sha256=beside.sha256)
