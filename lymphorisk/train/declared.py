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
from typing import Any

from lymphorisk.errors import ScenarioError
from lymphorisk.features import FEATURES, External
from lymphorisk.features.external import AFTER, BEFORE, DOSIOMICS, FROM_IMAGES, KINDS, SIGNS
from lymphorisk.frozen import FrozenDict
from lymphorisk.predict.booster import load
from lymphorisk.scenario.fields import content, known, number, numbers, parsed, table_of, text
from lymphorisk.train.radiomics import ITEMS
from lymphorisk.train.table import KNOWN, canonical
from lymphorisk.units import nearest, squashed

KEYS = (
    "name", "label", "unit", "kind", "range", "known", "day", "risk", "scanner", "volume", "software", "version",
    "source", "without_dose",
)  # fmt: skip
NEEDED = ("name", "unit", "kind", "range", "known")
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
    path = Path(path)
    table = parsed(content(path), path.name)
    known(table, ("column", "radiomics"), path.name)
    tables = table.get("column", [])
    if not isinstance(tables, list) or not tables:
        raise ScenarioError(f"{path.name} declares no column", "write one [[column]] table a column")
    columns = tuple(_column(table_of(one, f"[[column]] {i}"), i) for i, one in enumerate(tables, 1))
    taken: dict[str, str] = {}
    for column in columns:
        for key in {squashed(column.name), squashed(column.label)}:
            if taken.setdefault(key, column.name) != column.name or key in _groups():
                raise ScenarioError(f"two things are called {column.name!r} or {column.label!r}", "rename one of them")
    if len({squashed(c.name) for c in columns}) < len(columns):
        raise ScenarioError("a column is declared twice", "leave one out")
    answers = table_of(table.get("radiomics", {}), "[radiomics]")
    known(answers, tuple(ITEMS), "[radiomics]")
    return Declared(columns, FrozenDict({item: text(answers, item, "[radiomics]", "") for item in answers}))


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


def _column(table: Mapping[str, Any], place: int) -> External:
    where = f"[[column]] {table.get('name', place)}"
    known(table, KEYS, where)
    if missing := [key for key in NEEDED if key not in table]:
        raise ScenarioError(f"{where}: {', '.join(missing)} is missing", f"every column has {', '.join(NEEDED)}")
    said = {key: text(table, key, where, "").strip() for key in KEYS if key not in ("range", "without_dose")}
    name = said["name"]
    if not squashed(name) or canonical(name) in KNOWN:
        raise ScenarioError(f"{where}: {name!r} is no name, or a column the program has", "give it another name")
    kind = _one_of(said["kind"], KINDS, f"{where}: kind")
    if kind in FROM_IMAGES and (gone := [key for key in MADE_BY if not said[key]]):
        raise ScenarioError(f"{where}: {', '.join(gone)} is missing", f"{kind} has {', '.join(MADE_BY)}")
    low, high = _range(table, where)
    if said["unit"] in NEVER_NEGATIVE and low < 0.0:
        raise ScenarioError(f"{where}: {said['unit']} is never below zero", "range = [0, ...], or another unit")
    without = number(table, "without_dose", where)
    if kind == DOSIOMICS and without is None:
        raise ScenarioError(
            f"{where}: without_dose is missing", "give the value of a plan without dose: reasons are counted from there"
        )
    return External(
        name=name,
        label=said["label"] or name,
        unit=said["unit"],
        kind=kind,
        low=low,
        high=high,
        known=_one_of(said["known"], (BEFORE, AFTER), f"{where}: known"),
        risk=_one_of(said["risk"], tuple(SIGNS), f"{where}: risk"),
        without_dose=without,
        **{key: said[key] for key in ("day", "scanner", "volume", *MADE_BY)},
    )


def _one_of(said: str, words: tuple[str, ...], where: str) -> str:
    if said in words:
        return said
    near = nearest(said, words)
    offered = f"did you mean {near!r}? " if near else ""
    raise ScenarioError(f"{where} = {said!r}", f"{offered}write one of {', '.join(w for w in words if w)}")


def _range(table: Mapping[str, Any], where: str) -> tuple[float, float]:
    pair = numbers(table, "range", where) or ()
    if len(pair) != 2 or not pair[0] < pair[1]:
        raise ScenarioError(f"{where}: range is not two rising numbers", "range = [0.1, 100]")
    return pair[0], pair[1]
