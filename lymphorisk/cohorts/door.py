"""Cohorts as a user of the library calls them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lymphorisk.analysis.options import Options
from lymphorisk.cohorts.keys import Recipe
from lymphorisk.cohorts.ledger import NAME
from lymphorisk.cohorts.limits import Limits
from lymphorisk.cohorts.metrics import DEFAULT
from lymphorisk.cohorts.run import How, processors, run_cohort
from lymphorisk.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

#: Tables a cohort may hold, by name.
TABLES = ("plans", "metrics", "curves", "counts", "training", "quarantine", "pairs", "noticed", "timings")


@dataclass(frozen=True, slots=True)
class Plans:
    """The tables of a cohort in a folder; nothing is read before it is asked for.

    Attributes
    ----------
    folder : Path
    """

    folder: Path

    def __len__(self) -> int:
        """Plans in the table, read off its end."""
        from pyarrow.parquet import ParquetFile

        with ParquetFile(self._path("plans")) as stored:
            return int(stored.metadata.num_rows)

    def __repr__(self) -> str:
        return f"Plans({len(self)} plans in {self.folder.name!r}: {', '.join(self.tables)})"

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables that are there."""
        return tuple(name for name in TABLES if any(self.folder.glob(f"{name}.*")))

    def table(self, name: str = "plans") -> Any:
        """A table as a Dask data frame: computed when asked for, piece by piece, larger than memory if it must be.

        Raises
        ------
        InputError
            There is no such table.
        """
        import dask.dataframe

        path = self._path(name)
        return dask.dataframe.read_parquet(path) if path.suffix == ".parquet" else dask.dataframe.read_csv(path)

    def to_frame(self, name: str = "plans", columns: Sequence[str] | None = None) -> pd.DataFrame:
        """A table in memory, or some of its columns; of plans by key.

        Raises
        ------
        InputError
            There is no such table.
        """
        import pandas

        path = self._path(name)
        wanted = None if columns is None else list(columns)
        if path.suffix == ".csv":
            return pandas.read_csv(path, usecols=wanted)
        if name != "plans":
            return pandas.read_parquet(path, columns=wanted)
        whole = wanted if wanted is None or "key" in wanted else ["key", *wanted]
        return pandas.read_parquet(path, columns=whole).set_index("key")

    def path(self, name: str) -> Path:
        """The file of a table, for what reads files: ``train(plans.path("training"), "models/mine")``."""
        return self._path(name)

    def _path(self, name: str) -> Path:
        found = [self.folder / f"{name}{ending}" for ending in (".parquet", ".csv")]
        path = next((p for p in found if p.is_file()), None)
        if path is None:
            raise InputError(f"the cohort has no table {name!r}", f"there are: {', '.join(self.tables)}")
        return path


def cohort(
    *sources: str | Path,
    out: str | Path,
    options: Options | None = None,
    counts: str | Path | None = None,
    count_unit: str = "10^9/L",
    protocol: str | None = None,
    metrics: Sequence[tuple[str, str]] = DEFAULT,
    step_gy: float | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    limit_s: float | None = 1800.0,
    limit_mb: float | None = 4000.0,
    retry: bool = False,
    key: bytes = b"",
    progress: Callable[[str], None] = lambda _: None,
) -> Plans:
    """Many plans as one lazy table; a second call goes on where the first stopped.

    Parameters
    ----------
    sources : str or path
        Folders, zips, scenarios, manifests, addresses (``dicomweb:URL``). None opens the cohort that `out` holds.
    out : path
        Folder of the tables and the ledger.
    options : Options, optional
        Of every analysis.
    counts : path, optional
        Measured counts in long form; `count_unit` is the unit of those that name none.
    protocol : str, optional
        Judge every plan: a shipped starter, a file, or ``auto``.
    metrics : sequence of (str, str)
        Structure (``*`` for all that is drawn) and metric.
    step_gy : float, optional
        Keep curves at this step. [Gy]
    workers : int, optional
        Processes; all processors by default, 0 for the calling process. A script that starts workers runs under
        ``if __name__ == "__main__":``.
    scheduler : str, optional
        Address of a Dask scheduler that is there.
    limit_s, limit_mb : float or None
        Time [s] and memory of a worker [MB] one plan may take.
    retry : bool
        Try what stands in quarantine again.
    key : bytes
        Secret of pseudonyms.
    progress : callable
        Told how far the work is.

    Returns
    -------
    Plans
        `to_frame()` and `table()` read it; ``to_frame("quarantine")`` holds what gave no row, and why.

    Raises
    ------
    InputError
        A source that is none, a folder that cannot be written.

    Examples
    --------
    >>> from lymphorisk import cohort
    >>> plans = cohort("exports/", out="cohort/")  # doctest: +SKIP
    >>> plans.to_frame(columns=["nadir_median", "p_g3"])  # doctest: +SKIP
    """
    folder = Path(out)
    if not sources:
        if not (folder / NAME).is_file():
            raise InputError(f"{folder.name} holds no cohort", "name the sources of one")
        return Plans(folder)
    recipe = Recipe(options or Options(), protocol, tuple(metrics), step_gy)
    how = How(
        workers=processors() if workers is None else workers,
        scheduler=scheduler,
        limits=Limits(limit_s, limit_mb),
        retry=retry,
        key=key,
        counts=None if counts is None else Path(counts),
        count_unit=count_unit,
    )
    run_cohort(sources, folder, recipe, how, progress)
    return Plans(folder)
