"""A cohort file as text by column, whatever program wrote it: comma, semicolon or tab, decimal comma, BOM, any case.

Heads become the program's own names (``Spleen mean (Gy)`` is ``spleen_mean``); words become its own words
(``female`` is ``F``); cells that say nothing become empty. What stays unread is for `checks` to name.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import CohortError, ScenarioError
from lymphorisk.features import NAMES
from lymphorisk.plain import read_most
from lymphorisk.plan.words import READERS
from lymphorisk.train.schema import CENTRE, ID, MISSING, ORGANS, OUTCOMES, TEXT_COLUMNS
from lymphorisk.units import squashed

#: Of a table of one cohort, as it lies on disk and unfolded, and how many cells it has: ten thousand patients of a
#: thousand columns. [bytes], [-]
MOST_BYTES, MOST_CELLS = 100_000_000, 10_000_000

EXTRA = (ORGANS, "technique", "export", "height_cm", "weight_kg")
KNOWN = (ID, CENTRE, *EXTRA, *OUTCOMES, *TEXT_COLUMNS, *NAMES)
#: Other heads of the columns nobody writes alike.
HEADS: Mapping[str, str] = {
    "id": ID, "patient": ID, "patientid": ID, "pid": ID, "case": ID,
    "center": CENTRE, "hospital": CENTRE, "institution": CENTRE,
    "gender": "sex", "height": "height_cm", "weight": "weight_kg", "chemotherapy": "chemo",
    "baselinealc": "alc", "alcbaseline": "alc", "alc0": "alc", "prealc": "alc", "alcpre": "alc",
    "nadir": "nadir_alc", "alcnadir": "nadir_alc", "nadiralc": "nadir_alc", "minalc": "nadir_alc",
    "nfractions": "fractions", "numberoffractions": "fractions", "prescriptiondose": "prescription",
}  # fmt: skip
BRACKETS = re.compile(r"\s*[\[(]([^\])]*)[\])]\s*")
SEPARATOR = re.compile(r"sep=(.)", re.IGNORECASE)
DELIMITERS = (";", "\t", ",", "|")
COMMA_NUMBER = re.compile(r"([<>]=?\s*)?[+-]?\d+,\d+")
POINT_NUMBER = re.compile(r"([<>]=?\s*)?[+-]?\d+\.\d+")
BELOW = re.compile(r"<=?\s*(\d+\.?\d*|\.\d+)")


@dataclass(frozen=True, slots=True)
class Table:
    """A cohort file as text, by column.

    Attributes
    ----------
    columns : dict of str to list of str
        By the program's name where it knows the column.
    sha256 : str
        Of the file.
    units : mapping of str to str
        Unit in brackets in the head of a column, where there is one.
    """

    columns: dict[str, list[str]]
    sha256: str = ""
    units: Mapping[str, str] = field(default_factory=dict)

    def without(self, names: Sequence[str]) -> Table:
        """Leave columns out, by any spelling of their heads."""
        gone = {canonical(name) for name in names} | set(names)
        return Table({k: v for k, v in self.columns.items() if k not in gone}, self.sha256, self.units)

    def calling(self, names: Sequence[str]) -> Table:
        """Heads that are `names` in another spelling, or with a unit in brackets, under those names."""
        meant = {squashed(name): name for name in names if name not in KNOWN}
        columns: dict[str, list[str]] = {}
        units = dict(self.units)
        for head, cells in self.columns.items():
            own = head if head in KNOWN else meant.get(squashed(BRACKETS.sub(" ", head)), head)
            if own in columns:
                raise CohortError(f"column {own!r} stands there twice, once as {head!r}", "leave one out (--ignore)")
            if own != head and (unit := BRACKETS.search(head)):
                units[own] = unit[1].strip()
            columns[own] = cells
        return Table(columns, self.sha256, units)


def canonical(head: str) -> str:
    """The program's name of a column's head; the head itself when it knows none.

    Examples
    --------
    >>> canonical("Spleen mean (Gy)"), canonical("Age"), canonical("surgeon")
    ('spleen_mean', 'age', 'surgeon')
    """
    plain = BRACKETS.sub(" ", head).strip()
    if head in KNOWN:
        return head
    names = {squashed(name): name for name in KNOWN}
    key = squashed(plain)
    return names.get(key) or HEADS.get(key) or head


def read_table(path: Path) -> Table:
    """A cohort file as text columns.

    Raises
    ------
    CohortError
        The file is missing, empty, ragged, has two columns of one name, or is neither CSV nor Parquet.
    """
    if not path.is_file():
        raise CohortError(f"no cohort file {path.name}")
    raw = read_most(path, MOST_BYTES, "give the rows of one cohort, or save it as Parquet")
    digest = hashlib.sha256(raw).hexdigest()
    if path.suffix.lower() in (".parquet", ".pq"):
        return _named(_parquet(path), digest, path.name)
    if path.suffix.lower() not in (".csv", ".txt", ".tsv"):
        raise CohortError(
            f"{path.name} is neither CSV nor Parquet", "save it as CSV; lymphorisk train --schema shows the columns"
        )
    rows = _rows(_text(raw, path.name))
    if len(rows) < 2:
        raise CohortError(f"{path.name} holds no patients")
    header = [name.strip() for name in rows[0]]
    if doubled := {n for n in header if header.count(n) > 1}:
        raise CohortError(f"{path.name}: column {sorted(doubled)[0]!r} stands there twice")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            hint = (
                "a decimal comma in a file parted by commas? save it with semicolons" if len(row) > len(header) else ""
            )
            raise CohortError(f"{path.name} row {number}: {len(row)} cells for {len(header)} columns", hint)
    return _named({name: [row[i].strip() for row in rows[1:]] for i, name in enumerate(header)}, digest, path.name)


def _text(raw: bytes, name: str) -> str:
    wide = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
    if not wide and b"\x00" in raw:
        raise CohortError(f"{name} is not text (UTF-16 without its mark, or a workbook)", "save it as CSV (UTF-8)")
    try:
        text = raw.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise CohortError(f"{name} is not UTF-8 text: {error.reason}", "save it as CSV (UTF-8)") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _rows(text: str) -> list[list[str]]:
    """Rows by the delimiter that parts the head most, decimal commas as points."""
    first, _, rest = text.partition("\n")
    if told := SEPARATOR.fullmatch(first.strip().strip('"')):
        delimiter, text = told[1], rest
    else:
        delimiter = max(DELIMITERS, key=lambda d: len(next(csv.reader([first], delimiter=d), [])))
    rows = [r for r in csv.reader(text.splitlines(), delimiter=delimiter) if any(cell.strip() for cell in r)]
    cells = [cell.strip() for row in rows[1:] for cell in row]
    if any(COMMA_NUMBER.fullmatch(c) for c in cells) and not any(POINT_NUMBER.fullmatch(c) for c in cells):
        rows[1:] = [[c.replace(",", ".") if COMMA_NUMBER.fullmatch(c.strip()) else c for c in row] for row in rows[1:]]
    return _without_tail(rows)


def _without_tail(rows: list[list[str]]) -> list[list[str]]:
    """Rows without the empty columns a spreadsheet leaves behind the last one."""
    width = max((i + 1 for row in rows for i, cell in enumerate(row) if cell.strip()), default=0)
    return [row[:width] for row in rows]


def _parquet(path: Path) -> dict[str, list[str]]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise CohortError("reading Parquet needs pyarrow", "pip install lymphorisk[cohort], or give a CSV") from error
    try:
        with ParquetFile(path) as file:
            cells = file.metadata.num_rows * file.metadata.num_columns
            unfolded = sum(file.metadata.row_group(n).total_byte_size for n in range(file.metadata.num_row_groups))
            if cells > MOST_CELLS or unfolded > MOST_BYTES:
                raise CohortError(
                    f"{path.name} holds {cells} cells of {unfolded} bytes: more than the {MOST_CELLS} cells or "
                    f"{MOST_BYTES} bytes of a cohort",
                    "leave out columns that are not asked for",
                )
            stored = file.read()
        return {
            name: [
                "" if v is None else str(int(v)) if isinstance(v, bool) else str(v) for v in stored[name].to_pylist()
            ]
            for name in stored.column_names
        }
    except (ArrowException, OSError, ValueError, OverflowError) as error:  # and what no date or text can be
        raise CohortError(f"{path.name} is not a Parquet file, or a broken one") from error


def _named(written: Mapping[str, list[str]], digest: str, name: str) -> Table:
    """The columns under the program's names, their words as the program writes them."""
    columns: dict[str, list[str]] = {}
    units: dict[str, str] = {}
    for head, cells in written.items():
        own = canonical(head)
        if own in columns:
            raise CohortError(
                f"{name}: column {own!r} stands there twice, once as {head!r}", "leave one out (--ignore)"
            )
        if own != head and (unit := BRACKETS.search(head)):
            units[own] = unit[1].strip()
        columns[own] = [_word(own, cell) for cell in cells] if own in TEXT_COLUMNS else list(cells)
    return Table(columns, digest, units)


def _word(column: str, cell: str) -> str:
    """A word as the program writes it; one it does not know stays for the checks to name."""
    if cell.strip().lower() in MISSING:
        return ""
    try:
        return READERS[column](cell)
    except ScenarioError:
        return cell


def is_number(cell: str) -> bool:
    """Whether a cell is a finite number."""
    try:
        return bool(np.isfinite(float(cell)))
    except ValueError:
        return False


def numbers(cells: Sequence[str]) -> NDArray[np.float64]:
    """Cells as numbers, NaN where missing; a count below detection (``<0.1``) is the limit, see `below_limit`."""
    return np.array(
        [
            np.nan if c.strip().lower() in MISSING else float(b[1]) if (b := BELOW.fullmatch(c.strip())) else float(c)
            for c in cells
        ]
    )


def below_limit(cells: Sequence[str]) -> NDArray[np.bool_]:
    """Which cells say "below the limit of detection"."""
    return np.array([BELOW.fullmatch(c.strip()) is not None for c in cells], dtype=np.bool_)


def event_below(cells: Sequence[str], threshold: float) -> NDArray[np.float64]:
    """Whether a count is below a threshold: 1 or 0, NaN where the cell cannot tell.

    Examples
    --------
    >>> event_below(["0.3", "0.6", "<0.2", "<1.0", ""], 0.5).tolist()
    [1.0, 0.0, 1.0, nan, nan]
    """
    value, limit = numbers(cells), below_limit(cells)
    event = np.where(limit, np.where(value <= threshold, 1.0, np.nan), (value < threshold).astype(np.float64))
    return np.where(np.isfinite(value), event, np.nan)
