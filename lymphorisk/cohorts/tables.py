"""The ledger as tables: Parquet and CSV, rows in the order of their keys, so that the same plans are the same bytes."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from lymphorisk.cohorts.columns import ANALYSED
from lymphorisk.errors import InputError
from lymphorisk.outputs import cell

#: Columns that are known before a plan is read: name and kind.
KNOWN: Mapping[str, str] = {
    "key": "text",
    "patient": "text",
    "treated": "text",
    "treated_source": "text",
    "planning_system": "text",
    "technique": "text",
    "centre": "text",
    "copies": "whole",
    "relations": "list",
}
#: Columns that are there when counts were given.
MEASURED: Mapping[str, str] = {
    "measured_counts": "whole",
    "measured_nadir": "number",
    "measured_nadir_day": "number",
    "measured_below": "flag",
    "measured_grade": "whole",
    "measured_week1": "number",
}
PLANS: Mapping[str, str] = {**KNOWN, **{c.name: c.kind for c in ANALYSED}}
METRICS: Mapping[str, str] = {
    "key": "text",
    "structure": "text",
    "metric": "text",
    "value": "number",
    "low": "number",
    "high": "number",
    "source": "text",
    "reason": "text",
}
CURVES: Mapping[str, str] = {"key": "text", "structure": "text", "dose_gy": "number", "volume_cm3": "number"}
QUARANTINE: Mapping[str, str] = {"key": "text", "place": "whole", "code": "text", "what": "text", "hint": "text"}
TIMES: Mapping[str, str] = {"key": "text", "seconds": "number", "cpu_s": "number", "peak_mb": "number"}
#: Rows kept in memory at once.
BATCH = 2000

Rows = Iterable[Mapping[str, Any]]


class Writer:
    """A table being written, row by row: Parquet or CSV by the name of its file.

    Parameters
    ----------
    path : Path
        Where to write; `name` is what it will be called.
    columns : mapping of str to str
        Name and kind: ``text``, ``number``, ``whole``, ``flag`` or ``list`` (of text).
    """

    def __init__(self, path: Path, columns: Mapping[str, str], *, parquet: bool) -> None:
        self._columns = columns
        self._rows: list[Mapping[str, Any]] = []
        self._file: IO[str] | None = None
        if parquet:
            pq, self._schema = _arrow(columns)
            self._parquet = pq.ParquetWriter(path, self._schema, compression="zstd")
        else:
            self._file = path.open("w", encoding="utf-8", newline="")
            self._csv = csv.writer(self._file, lineterminator="\n")
            self._csv.writerow(columns)

    def add(self, row: Mapping[str, Any]) -> None:
        """One more row; what it does not hold is empty."""
        self._rows.append(row)
        if len(self._rows) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Write out the rows held in memory."""
        rows, self._rows = self._rows, []
        if self._file is not None:
            self._csv.writerows([_shown(row.get(name)) for name in self._columns] for row in rows)
            return
        import pyarrow

        if not rows:
            return
        data = {name: [_kind(row.get(name), kind) for row in rows] for name, kind in self._columns.items()}
        self._parquet.write_table(pyarrow.Table.from_pydict(data, schema=self._schema))

    def close(self) -> None:
        """Close the file; rows that were not flushed are lost."""
        if self._file is not None:
            self._file.close()
        else:
            self._parquet.close()


def _shown(value: Any) -> object:
    if value is None:
        return ""
    if isinstance(value, bool):
        return int(value)
    return cell(" ".join(value)) if isinstance(value, list) else cell(value)


def _kind(value: Any, kind: str) -> Any:
    if kind == "number" and value is not None:
        return float(value)
    return value


def _arrow(columns: Mapping[str, str]) -> tuple[Any, Any]:
    """The Parquet writer's module, and a schema."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise InputError("tables of a cohort need pyarrow", "pip install lymphorisk[cohort]") from error
    kinds = {
        "text": pyarrow.string(),
        "number": pyarrow.float64(),
        "whole": pyarrow.int64(),
        "flag": pyarrow.bool_(),
        "list": pyarrow.list_(pyarrow.string()),
    }
    return pyarrow.parquet, pyarrow.schema([(name, kinds[kind]) for name, kind in columns.items()])


def read_rows(path: Path, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Rows of a Parquet table, a few at a time in memory; columns that are not there are left out."""
    pq, _ = _arrow({})
    with pq.ParquetFile(path) as stored:
        there = None if columns is None else [name for name in columns if name in stored.schema_arrow.names]
        for batch in stored.iter_batches(BATCH, columns=there):
            yield from batch.to_pylist()


def read_csv(path: Path) -> tuple[Mapping[str, str], ...]:
    """Rows of a CSV table as text; none of one that is not there."""
    if not path.is_file():
        return ()
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))
