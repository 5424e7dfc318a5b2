"""Features as the PyRadiomics command line writes them, joined to a cohort by the patient.

A batch run (``pyradiomics cases.csv --format csv``) writes a row a case: the columns of ``cases.csv`` (``Image``,
``Mask`` and whatever else stands there, an id for one), then ``diagnostics_...``, then the features
(``original_firstorder_Mean``). What is declared is taken, under its own name; nothing else is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lymphorisk.errors import CohortError
from lymphorisk.train.checks import named_rows, patient_key
from lymphorisk.train.declared import Declared
from lymphorisk.train.schema import ID, MISSING
from lymphorisk.train.table import Table, read_table
from lymphorisk.units import squashed

#: Names that the program writes before the features.
DIAGNOSTICS = "diagnostics_"
VERSION = "diagnostics_Versions_PyRadiomics"
OF_THE_CASE = ("Image", "Mask", "Label", "Reader")
SOFTWARE = "PyRadiomics"


@dataclass(frozen=True, slots=True)
class RadiomicsTable:
    """What a PyRadiomics file holds.

    Attributes
    ----------
    name, sha256 : str
        Of the file.
    values : mapping of str to mapping of str to str
        By feature, the cell of each patient by `checks.patient_key`.
    version : str
        Of the program, as every row says it; empty when the file does not say.
    """

    name: str
    values: Mapping[str, Mapping[str, str]]
    version: str
    sha256: str


def read_pyradiomics(path: Path) -> RadiomicsTable:
    """Read a file of PyRadiomics.

    Raises
    ------
    CohortError
        No column of patients, a row without one, no feature, two rows of one patient, two versions of the program.
    """
    table = read_table(path)
    if ID not in table.columns:
        raise CohortError(
            f"{path.name} does not say whose features they are",
            f"carry a column {ID} in the file of cases that PyRadiomics reads",
        )
    if nameless := [i for i, text in enumerate(table.columns[ID]) if text.strip().lower() in MISSING]:
        hint = "give every case the id its patient has in the cohort"
        raise CohortError(f"{path.name}: {ID} is empty in {named_rows(nameless)}", hint)
    patients = [patient_key(text) for text in table.columns[ID]]
    if doubled := sorted({p for p in patients if patients.count(p) > 1}):
        raise CohortError(f"{path.name}: {len(doubled)} patients have several rows", "one mask a patient, or --ignore")
    names = [n for n in table.columns if n != ID and n not in OF_THE_CASE and not n.startswith(DIAGNOSTICS)]
    if not names:
        raise CohortError(f"{path.name} holds no feature", "write it with `pyradiomics CASES.csv --format csv`")
    versions = sorted(set(table.columns.get(VERSION, [])) - {""})
    if len(versions) > 1:
        raise CohortError(f"{path.name}: features of {SOFTWARE} {' and '.join(versions)}", "compute all by one version")
    values = {name: dict(zip(patients, table.columns[name], strict=True)) for name in names}
    return RadiomicsTable(path.name, values, "".join(versions), table.sha256)


def joined(table: Table, radiomics: RadiomicsTable, declared: Declared) -> Table:
    """A cohort's table with the declared columns that a PyRadiomics file holds; a patient it lacks has none.

    Raises
    ------
    CohortError
        The table has such a column itself, the file holds none of them, or two that a declared name may mean, or it
        was made by another program or version than declared.
    """
    wanted = {c: feature for c in declared.columns if (feature := _meant(c.name, radiomics))}
    if not wanted:
        raise CohortError(
            f"{radiomics.name} holds no declared column",
            f"it holds {len(radiomics.values)}, such as {next(iter(radiomics.values))}",
        )
    columns = dict(table.columns)
    patients = [patient_key(text) for text in columns.get(ID, [])]
    if not patients:
        raise CohortError(f"radiomics are joined by {ID}, which the cohort does not have")
    for column, feature in wanted.items():
        if column.name in columns:
            raise CohortError(f"column {column.name!r} stands in the cohort and in {radiomics.name}", "leave one out")
        if squashed(column.software) != squashed(SOFTWARE):
            raise CohortError(f"column {column.name!r} is declared as made by {column.software}, not by {SOFTWARE}")
        if radiomics.version and column.version != radiomics.version:
            raise CohortError(
                f"column {column.name!r} is declared of {SOFTWARE} {column.version}, {radiomics.name} was made by "
                f"{radiomics.version}"
            )
        found = radiomics.values[feature]
        columns[column.name] = [found.get(patient, "") for patient in patients]
    return Table(columns, table.sha256, table.units)


def _meant(name: str, radiomics: RadiomicsTable) -> str:
    """The feature that a declared name means: the one of that name, else the one in another spelling; empty for none.

    Raises
    ------
    CohortError
        Several are spelt alike, and none as declared.
    """
    if name in radiomics.values:
        return name
    found = [feature for feature in radiomics.values if squashed(feature) == squashed(name)]
    if len(found) > 1:
        raise CohortError(
            f"column {name!r} may be {' or '.join(found)} of {radiomics.name}", "declare it as the file spells it"
        )
    return "".join(found)
