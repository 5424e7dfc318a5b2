"""A manifest: one row an export, with facts of the patient that its files do not hold."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from lymphorisk.errors import CohortError, InputError, LymphoriskError, ScenarioError
from lymphorisk.plan import Patient
from lymphorisk.train.cohort import read_table
from lymphorisk.train.schema import CENTRE, ID, MISSING
from lymphorisk.units import alc_from, number_from

#: Heads that name the export of a row.
SOURCE = ("export", "source", "path", "folder")
NUMBERS = {"age": "age_y", "height_cm": "height_cm", "weight_kg": "weight_kg"}
COUNTS = ("alc", "lln")
WORDS = ("sex", "site", "chemo", "steroid")
DATES = ("%Y-%m-%d", "%Y%m%d", "%d.%m.%Y")
UNIT = "alc_unit"
OWN_UNIT = "10^9/L"
BLANKS = re.compile(r"[\s_-]+")


NOBODY = Patient()


@dataclass(frozen=True, slots=True)
class Row:
    """What a manifest says of one export.

    Attributes
    ----------
    number : int
        Row of the file, its head is 1; 0 without a manifest.
    source : str
        The export, from the manifest's folder.
    plan : str
        Label or UID of one plan of it; empty for all.
    patient : Patient
        Facts.
    patient_id : str
        Never written as it stands.
    centre, technique : str
    treated : str
        First day of treatment, YYYYMMDD; empty when not given.
    trouble : LymphoriskError or None
        What of the row cannot be read.
    """

    number: int = 0
    source: str = ""
    plan: str = ""
    patient: Patient = NOBODY
    patient_id: str = ""
    centre: str = ""
    technique: str = ""
    treated: str = ""
    trouble: LymphoriskError | None = None


def read_manifest(path: Path) -> tuple[Row, ...]:
    """The rows of a manifest: CSV (any separator, decimal comma or point) or Parquet.

    Raises
    ------
    InputError
        There is no column that names the exports.
    """
    table = read_table(path).columns
    columns = plain_heads(table)
    named = next((head for head in SOURCE if head in columns), None)
    if named is None:
        raise CohortError(
            f"{path.name} names no exports: a manifest has a column `export`",
            "a table of features is for `lymphorisk train`; of counts, for --counts",
        )
    return rows_of(columns, columns[named])


def plain_heads(table: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Columns by their heads in one spelling."""
    return {BLANKS.sub("_", head.strip().casefold()): cells for head, cells in table.items()}


def rows_of(columns: Mapping[str, list[str]], exports: Sequence[str]) -> tuple[Row, ...]:
    """Rows of a table of facts; `exports` names the export of each."""
    return tuple(
        _row(i + 2, said(export), {head: said(cells[i]) for head, cells in columns.items()})
        for i, export in enumerate(exports)
    )


def said(cell: str) -> str:
    """What a cell says; empty for every word that says nothing."""
    return "" if cell.strip().casefold() in MISSING else cell.strip()


def _row(number: int, export: str, cells: dict[str, str]) -> Row:
    def of(head: str) -> str:
        return cells.get(head, "")

    trouble: LymphoriskError | None = None
    patient, treated = NOBODY, ""
    try:
        if not export:
            raise InputError("the row names no export")
        patient, treated = _facts(cells), day_of(of("date") or of("treated"))
    except LymphoriskError as error:
        trouble = ScenarioError(f"row {number} of the manifest: {error.message}", error.hint)
    return Row(
        number, export.replace("\\", "/"), of("plan"), patient, of(ID), of(CENTRE), of("technique"), treated, trouble
    )


def _facts(cells: dict[str, str]) -> Patient:
    facts: dict[str, Any] = {fact: number_from(cells[head], head) for head, fact in NUMBERS.items() if cells.get(head)}
    unit = cells.get(UNIT) or OWN_UNIT
    facts |= {head: alc_from(cells[head], unit) for head in COUNTS if cells.get(head)}
    facts |= {head: cells[head] for head in WORDS if cells.get(head)}
    return Patient(**facts)


def day_of(text: str) -> str:
    """A day as YYYYMMDD.

    Raises
    ------
    ScenarioError
        It is none, or could be two.

    Examples
    --------
    >>> day_of("2024-03-05"), day_of("05.03.2024"), day_of("")
    ('20240305', '20240305', '')
    """
    if not text:
        return ""
    for form in DATES:
        try:
            found: date = datetime.strptime(text.split("T")[0].split(" ")[0], form)
        except ValueError:
            continue
        return found.strftime("%Y%m%d")
    raise ScenarioError("a date cannot be read", "write it as 2024-03-05")
