"""The schema file of columns beyond the program's own: read, and every fault of it by name.

::

    [[column]]
    name = "NLR"                        # head of the column
    label = "Neutrophils by lymphocytes" # optional
    unit = "1"                          # 0/1 for a flag
    kind = "laboratory"                 # laboratory | clinical | drug | radiomics | dosiomics
    range = [0.1, 100]                  # what a value can plausibly be
    known = "before treatment"          # what was measured after its start is refused
    day = "NLR_day"                     # optional: column of the day it was measured, the first fraction is day 0
    risk = "rises"                      # optional: rises | falls with it; free by default

    [[column]]
    name = "dosiomics_score"
    unit = "1"
    kind = "dosiomics"
    range = [-5, 5]
    known = "before treatment"
    scanner = "scanner"                 # optional: column of the scanner, the centre by default
    volume = "ptv_volume"               # optional: column of the volume it was read from [cm3]
    software = "PyRadiomics"            # of radiomics and dosiomics: software, version, source
    version = "3.1.0"
    source = "dose in PTV, 2 mm voxels"
    without_dose = 0.0                  # of dosiomics: the value of a plan without dose

    [radiomics]                         # asked of radiomics and dosiomics, item by item (train.radiomics.ITEMS)
    protocol = "CT 120 kV, 3 mm, one kernel"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lymphorisk.errors import ScenarioError
from lymphorisk.features import FEATURES, External
from lymphorisk.features.external import DOSIOMICS, FROM_IMAGES
from lymphorisk.frozen import FrozenDict
from lymphorisk.predict.booster import load
from lymphorisk.tomlfile import Written, read, read_file
from lymphorisk.train.table import KNOWN, canonical
from lymphorisk.units import squashed

if TYPE_CHECKING:
    from lymphorisk.train.column_file import Column

#: Units of counts and doses, whose logarithm the model takes.
NEVER_NEGATIVE = ("10^9/L", "Gy", "Gy.L")
MADE_BY = ("software", "version", "source")


@dataclass(frozen=True, slots=True)
class Declared:
    """What a schema file declares.

    Attributes
    ----------
    columns : tuple of External
    radiomics : mapping of str to str
        Answers to the items of `radiomics.ITEMS`.
    """

    columns: tuple[External, ...] = ()
    radiomics: Mapping[str, str] = field(default_factory=FrozenDict)

    @property
    def heads(self) -> tuple[str, ...]:
        """Columns of a file that are declared, or say something of one that is."""
        return tuple(dict.fromkeys(name for c in self.columns for name in (c.name, *c.beside)))

    def without(self, names: Sequence[str]) -> Declared:
        """Leave columns out, by any spelling of their names."""
        gone = {squashed(name) for name in names}
        return replace(self, columns=tuple(c for c in self.columns if squashed(c.name) not in gone))


NOTHING = Declared()


def read_declared(path: str | Path) -> Declared:
    """Read a schema file.

    Raises
    ------
    ScenarioError
        Not TOML, an unknown or a missing key, a value of the wrong kind, a name the program has.
    """
    from lymphorisk.train.column_file import ColumnFile

    written = read_file(Path(path))
    said = read(written, ColumnFile)
    columns = tuple(_column(written, column, n) for n, column in enumerate(said.column))
    taken: dict[str, str] = {}
    for n, column in enumerate(columns):
        for key in {squashed(column.name), squashed(column.label)}:
            if taken.setdefault(key, column.name) != column.name or key in _groups():
                raise written.error(
                    ("column", n), f": two things are called {column.name!r} or {column.label!r}", "rename one of them"
                )
        if squashed(column.name) in {squashed(c.name) for c in columns[:n]}:
            raise written.error(("column", n), f": {column.name!r} is declared twice", "leave one out")
    return Declared(columns, FrozenDict(said.radiomics))


def declared_for(model: str | Path, columns: str | Path | None = None) -> Declared:
    """What is declared of the columns a model reads: by a schema file, or as the model's card has them.

    Raises
    ------
    ScenarioError
        The schema file declares a column the model does not read.
    """
    wanted = load(model).external
    if columns is None:
        return Declared(wanted)
    declared = read_declared(columns)
    names = {squashed(c.name): c.name for c in wanted}
    if other := [c.name for c in declared.columns if squashed(c.name) not in names]:
        reads = ", ".join(names.values()) or "none beyond the program's own"
        raise ScenarioError(f"the model does not read {', '.join(other)}", f"it reads {reads}")
    said = {squashed(c.name): c for c in declared.columns}
    return Declared(tuple(replace(said.get(squashed(c.name), c), name=c.name) for c in wanted), declared.radiomics)


def _groups() -> set[str]:
    """Organ groups and labels of the program's own features."""
    return {squashed(word) for f in FEATURES for word in (f.organ, f.label)}


def _column(written: Written, said: Column, n: int) -> External:
    at = ("column", n)
    if not squashed(said.name) or canonical(said.name) in KNOWN:
        raise written.error(
            (*at, "name"), f"= {said.name!r} is no name, or a column the program has", "give it another name"
        )
    made_by = {key: getattr(said, key) for key in MADE_BY}
    if said.kind in FROM_IMAGES and (gone := [key for key, value in made_by.items() if not value]):
        raise written.error(at, f"needs {', '.join(gone)}", f"{said.kind} has {', '.join(MADE_BY)}")
    if len(said.range) != 2 or not said.range[0] < said.range[1]:
        raise written.error((*at, "range"), "is not two rising numbers", "range = [0.1, 100]")
    low, high = said.range
    if said.unit in NEVER_NEGATIVE and low < 0.0:
        raise written.error((*at, "range"), f": {said.unit} is never below zero", "range = [0, ...], or another unit")
    if said.kind == DOSIOMICS and said.without_dose is None:
        raise written.error(
            at, "needs without_dose", "give the value of a plan without dose: reasons are counted from there"
        )
    return External(
        name=said.name,
        label=said.label or said.name,
        unit=said.unit,
        kind=said.kind,
        low=low,
        high=high,
        known=said.known,
        risk=said.risk,
        without_dose=said.without_dose,
        day=said.day,
        scanner=said.scanner,
        volume=said.volume,
        **made_by,
    )
