"""A cohort from a folder of exports and a table of counts: features by the same chain as an analysis."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lymphorisk.errors import CohortError, LymphoriskError
from lymphorisk.features import FeatureVector
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.plan import Patient
from lymphorisk.train.checks import check, raise_errors
from lymphorisk.train.cohort import Cohort, cohort_of
from lymphorisk.train.schema import ID, MISSING
from lymphorisk.train.settings import Progress
from lymphorisk.train.table import Table, read_table

LEFT_OUT = rule(
    "LR422", "warning", "Export left out", "An export could not be analysed; its patient is not in the cohort."
)
#: Column of the counts table that names the folder, zip or scenario of a patient; the id by default.
EXPORT = "export"
#: Facts of the counts table that the features are computed with.
NUMBERS = {"age": "age_y", "height_cm": "height_cm", "weight_kg": "weight_kg", "alc": "alc"}
WORDS = ("sex", "site", "chemo")
DIGITS = 6


def features_of(path: Path, patient: Patient) -> FeatureVector:
    """Features of one export or scenario; organs nobody drew are placed."""
    from lymphorisk.analysis.exposure import blood_dose_of
    from lymphorisk.analysis.prepared import prepare
    from lymphorisk.analysis.row import row_of

    plan = prepare(path, patient)
    return row_of(plan, blood_dose_of(plan), placed=True)


def read_exports(
    folder: str | Path,
    counts: str | Path,
    *,
    ignore: Sequence[str] = (),
    progress: Progress = lambda _: None,
    features: Callable[[Path, Patient], FeatureVector] = features_of,
) -> Cohort:
    """A checked cohort from exports.

    Parameters
    ----------
    folder : path
        Holds one export (folder, zip or scenario TOML) a patient.
    counts : path
        CSV or Parquet with ``patient_id``, ``alc``, the outcome, and any facts (``age``, ``sex``, ``height_cm``,
        ``weight_kg``, ``site``, ``chemo``, ``centre``); a column ``export`` when folders are not named by the id.
    ignore : sequence of str
        Columns of the table to leave out.

    Raises
    ------
    CohortError
        The table fails validation, or no export could be analysed.
    """
    folder = Path(folder)
    table = read_table(Path(counts))
    table = table.without(ignore)
    raise_errors(check(table.without((EXPORT,))))
    rows = len(table.columns[ID])
    out: dict[str, list[str]] = {k: [] for k in table.columns if k not in {EXPORT, "height_cm", "weight_kg"}}
    found: list[Finding] = []
    for i in range(rows):
        cells = {k: v[i] for k, v in table.columns.items()}
        name = cells.get(EXPORT) or cells[ID]
        try:
            vector = features(_path(folder, name), _patient(cells))
        except LymphoriskError as error:
            found.append(finding(LEFT_OUT, f"row {i + 2}: {error.message}", "export", error.hint))
            continue
        values = {
            n: "" if math.isnan(v) else repr(round(float(v), DIGITS))
            for n, v in zip(vector.names, vector.values, strict=True)
            if not n.startswith(("site_", "chemo", "sex_"))
        }
        for key in values:
            out.setdefault(key, [""] * (len(out[ID])))
        for key, column in out.items():
            column.append(cells.get(key) or values.get(key, ""))
        progress(f"{i + 1} of {rows} exports")
    if not out[ID]:
        raise CohortError("no export could be analysed: " + "; ".join(f.what for f in found[:3]))
    whole = Table(out, table.sha256)
    findings = (*check(whole), *found)
    raise_errors(findings)
    return cohort_of(whole, findings, folder.name)


def _path(folder: Path, name: str) -> Path:
    for candidate in (folder / name, folder / f"{name}.zip", folder / f"{name}.toml"):
        if candidate.exists():
            return candidate
    raise CohortError(f"no export for this row in {folder.name}", f"name it in a column {EXPORT!r}")


def _patient(cells: dict[str, str]) -> Patient:
    facts: dict[str, Any] = {}
    for column, fact in NUMBERS.items():
        cell = cells.get(column, "").strip()
        if cell.lower() not in MISSING:
            facts[fact] = float(cell)
    for column in WORDS:
        cell = cells.get(column, "").strip()
        if cell.lower() not in MISSING:
            facts[column] = cell
    return Patient(**facts)
