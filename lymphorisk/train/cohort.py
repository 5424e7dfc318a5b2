"""Cohort files: read, checked, and turned into features and outcomes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import CohortError
from lymphorisk.features import NAMES, External, Feature, feature
from lymphorisk.findings import Finding
from lymphorisk.frozen import FrozenDict
from lymphorisk.plan.frame import read_only
from lymphorisk.train.checks import group_ids
from lymphorisk.train.schema import CENTRE, GRADE_BELOW, ID, MISSING, ORGANS, OUTCOMES, PLACED, TEXT_COLUMNS, VOICE
from lymphorisk.train.table import Table, event_below, numbers, read_table

if TYPE_CHECKING:
    import pandas as pd

#: Digits in which two rows are the same row: a file saved again may write fewer than the one before.
ROW_DIGITS = 4
#: Column of the lowest count.
NADIR = "nadir_alc"
#: Label in the subgroup ``plan`` of a simulated plan whose doses were not varied.
AS_DRAWN = "as drawn"
#: Characters kept of a row's hash: enough to tell a hospital's patients apart, too few to matter in a card.
ROW_HASH = 12


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """Patients with features and outcomes.

    Attributes
    ----------
    name : str
        What the cohort is called in the card.
    features : ndarray, shape (n, f)
        In the order of `names`, NaN where missing.
    names : tuple of str
        Feature names.
    outcomes : mapping of str to ndarray, shape (n,)
        0 or 1 by outcome; NaN where not known.
    nadir_alc : ndarray or None, shape (n,)
        Lowest count. [10^9/L]
    group : ndarray of int, shape (n,)
        Same number for rows that must stay in one fold.
    subgroups : mapping of str to ndarray of str, shape (n,)
        Labels for the subgroup table and for leaving one out: ``site``, ``centre``, ``technique``.
    findings : tuple of Finding
        What reading noticed.
    sha256 : str
        Of the file's bytes, or of the simulated numbers.
    grouped_by : str
        What a group is: ``patient``, or ``plan`` in a simulated cohort.
    placed : bool
        Organs nobody drew were placed for the features; else they are missing.
    voices : mapping of str to mapping of str to ndarray, shape (n,)
        What other voices said, by outcome and voice; NaN where they say nothing.
    external : tuple of External
        Those of the features that a clinic declared itself.
    clinic_file : mapping of str to Any
        Which settings of a clinic file its plans were read with, and the file's ``sha256``; empty when none.
    radiomics_sha256 : str
        Of the file that its radiomics were joined from; empty without one.
    """

    name: str
    features: NDArray[np.float64]
    names: tuple[str, ...]
    outcomes: Mapping[str, NDArray[np.float64]]
    nadir_alc: NDArray[np.float64] | None
    group: NDArray[np.int64]
    subgroups: Mapping[str, NDArray[np.str_]]
    findings: tuple[Finding, ...] = ()
    sha256: str = ""
    grouped_by: str = "patient"
    placed: bool = False
    voices: Mapping[str, Mapping[str, NDArray[np.float64]]] = field(default_factory=FrozenDict)
    external: tuple[External, ...] = ()
    clinic_file: Mapping[str, Any] = field(default_factory=FrozenDict)
    radiomics_sha256: str = ""

    def __post_init__(self) -> None:
        n = len(self.features)
        if self.features.shape != (n, len(self.names)) or self.group.shape != (n,):
            raise CohortError("features, names and groups of a cohort do not fit")
        read_only(self.features)

    def __len__(self) -> int:
        return len(self.features)

    @property
    def schema(self) -> tuple[Feature, ...]:
        """The features, in the order of `names`."""
        own = {e.name: e.feature for e in self.external}
        return tuple(own.get(name) or feature(name) for name in self.names)

    @property
    def patients(self) -> int:
        """Number of patients: groups of rows, or every row when a group is a plan."""
        return len(self) if self.grouped_by == "plan" else len(np.unique(self.group))

    def to_frame(self) -> pd.DataFrame:
        """A row a patient: group, subgroups, outcomes (NaN where not known), lowest count [10^9/L], features.

        Raises
        ------
        ImportError
            pandas is not installed.
        """
        import pandas as pd

        columns: dict[str, Any] = {self.grouped_by: self.group, **self.subgroups, **self.outcomes}
        if self.nadir_alc is not None:
            columns[NADIR] = self.nadir_alc
        return pd.DataFrame({**columns, **{name: self.column(name) for name in self.names}})

    def rows(self, keep: NDArray[np.bool_] | NDArray[np.int64]) -> Cohort:
        """The patients of `keep`."""
        return replace(
            self,
            features=self.features[keep].copy(),
            outcomes=FrozenDict({k: v[keep] for k, v in self.outcomes.items()}),
            nadir_alc=None if self.nadir_alc is None else self.nadir_alc[keep],
            group=self.group[keep],
            subgroups=FrozenDict({k: v[keep] for k, v in self.subgroups.items()}),
            voices=FrozenDict(
                {o: FrozenDict({v: p[keep] for v, p in said.items()}) for o, said in self.voices.items()}
            ),
        )

    @property
    def as_drawn(self) -> NDArray[np.bool_]:
        """Rows that stand for patients as they are treated, shape (n,): all but those of varied simulated plans."""
        plan = self.subgroups.get("plan")
        return np.ones(len(self), dtype=np.bool_) if plan is None else plan == AS_DRAWN

    def column(self, name: str) -> NDArray[np.float64]:
        """One feature of all patients."""
        return self.features[:, self.names.index(name)]

    def using(self, names: Sequence[str]) -> Cohort:
        """Only these features, in this order."""
        places = [self.names.index(n) for n in names]
        return replace(self, features=self.features[:, places].copy(), names=tuple(names))


def cohort_of(table: Table, findings: tuple[Finding, ...], name: str, external: Sequence[External] = ()) -> Cohort:
    """A checked table as features and outcomes; features nobody has are dropped."""
    names = (*NAMES, *(e.name for e in external))
    known: dict[str, NDArray[np.float64]] = {
        column: numbers(cells)
        for column, cells in table.columns.items()
        if column in names and column not in TEXT_COLUMNS
    }
    for column in TEXT_COLUMNS:
        if column in table.columns:
            known |= _flags(column, table.columns[column])
    rows = len(table.columns[ID])
    used = tuple(n for n in names if n in known and np.isfinite(known[n]).any())
    outcomes: dict[str, NDArray[np.float64]] = {}
    nadir = numbers(table.columns[NADIR]) if NADIR in table.columns else None
    for grade, below in GRADE_BELOW.items():
        if grade in table.columns:
            outcomes[grade] = numbers(table.columns[grade])
        elif nadir is not None:
            outcomes[grade] = event_below(table.columns[NADIR], below)
    subgroups = {
        column: np.array([c or "not known" for c in table.columns[column]])
        for column in (CENTRE, "site", "modality", "technique")
        if column in table.columns
    }
    return Cohort(
        name,
        np.column_stack([known[n] for n in used]) if used else np.empty((rows, 0)),
        used,
        FrozenDict(outcomes),
        nadir,
        group_ids(table),
        FrozenDict(subgroups),
        findings,
        table.sha256,
        placed=PLACED in table.columns.get(ORGANS, ()),
        voices=_voices(table),
        external=tuple(e for e in external if e.name in used),
    )


def _voices(table: Table) -> FrozenDict[str, Mapping[str, NDArray[np.float64]]]:
    """What other voices said, by outcome."""
    out: dict[str, dict[str, NDArray[np.float64]]] = {}
    for column, cells in table.columns.items():
        name, _, outcome = column.removeprefix(VOICE).rpartition("_")
        if column.startswith(VOICE) and outcome in GRADE_BELOW:
            out.setdefault(outcome, {})[name] = numbers(cells)
    return FrozenDict({outcome: FrozenDict(said) for outcome, said in out.items()})


def row_hashes(cohort: Cohort, names: Sequence[str]) -> list[str]:
    """A short hash of every row: its outcomes and the features `names`, whatever the file's order, form or ids.

    A model's card holds those of its training rows, so that they are known again in another file.
    """
    columns = [cohort.column(n) if n in cohort.names else np.full(len(cohort), np.nan) for n in names]
    columns += [cohort.outcomes.get(o, np.full(len(cohort), np.nan)) for o in GRADE_BELOW]
    lines = [" ".join(f"{v:.{ROW_DIGITS}g}" for v in row) for row in zip(*columns, strict=True)]
    return [hashlib.sha256(line.encode()).hexdigest()[:ROW_HASH] for line in lines]


#: What tells a person from others in whatever plan: with fewer of these known nobody is told apart.
PERSON, PERSON_KNOWN = ("alc", "age", "sex_female", "bmi"), 3
#: A column tells patients apart when it has this many values, or more.
TELLING = 10
#: Parts of a row a card keeps a hash of, and columns in each: with a third of the columns emptied most rows are known.
PARTS, PART_COLUMNS = 20, 3
#: Choices drawn for them.
PART_DRAWS = 60
#: Parts of one training row a row must share to be it: together they are four columns at least.
PARTS_MET = 2
#: Characters kept of a part's hash.
PART_HASH = 8


def parts_of(cohort: Cohort) -> tuple[tuple[str, ...], ...]:
    """Columns of the parts of a row: a few of those that tell patients apart, each part another choice of them.

    Each holds a column of the plan: a patient's other plan is another row. Empty when too few columns tell. The choice
    depends on nothing but the names.
    """
    telling = [n for n in (*cohort.names, NADIR) if len(np.unique(_finite(cohort, n))) >= TELLING]
    if len(telling) <= PART_COLUMNS:
        return ()
    rng = np.random.default_rng(len(telling))
    drawn = [np.sort(rng.choice(len(telling), PART_COLUMNS, replace=False)) for _ in range(PART_DRAWS)]
    parts = dict.fromkeys(tuple(telling[i] for i in part) for part in drawn)
    return tuple(p for p in parts if not set(p) <= {*PERSON, NADIR})[:PARTS]


def part_hashes(cohort: Cohort, parts: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """Of every row a short hash of each of its parts; empty where a value of the part is missing."""
    out = []
    for part in parts:
        rows = np.column_stack([_values(cohort, name) for name in part])
        known = [bool(np.isfinite(row).all()) for row in rows]
        lines = [" ".join(f"{v:.{ROW_DIGITS}g}" for v in row) for row in rows]
        hashed = (hashlib.sha256(line.encode()).hexdigest()[:PART_HASH] for line in lines)
        out.append([h if k else "" for h, k in zip(hashed, known, strict=True)])
    return list(zip(*out, strict=True))


def _values(cohort: Cohort, name: str) -> NDArray[np.float64]:
    """A feature, or the lowest count under `NADIR`; NaN where the cohort lacks it."""
    if name == NADIR and cohort.nadir_alc is not None:
        return cohort.nadir_alc
    return cohort.column(name) if name in cohort.names else np.full(len(cohort), np.nan)


def _finite(cohort: Cohort, name: str) -> NDArray[np.float64]:
    values = _values(cohort, name)
    return values[np.isfinite(values)]


def person_hashes(cohort: Cohort) -> list[str]:
    """A short hash of each row's person: age, sex, size, baseline and lowest count; empty where too little is known.

    Rows of one patient under other ids, or on another plan, share it.
    """
    facts = [cohort.column(n) if n in cohort.names else np.full(len(cohort), np.nan) for n in PERSON]
    lowest = cohort.nadir_alc if cohort.nadir_alc is not None else np.full(len(cohort), np.nan)
    out = []
    for *fact, low in zip(*facts, lowest, strict=True):
        known = np.isfinite(low) and np.isfinite(fact[0]) and np.isfinite(fact).sum() >= PERSON_KNOWN
        line = "person " + " ".join(f"{v:.{ROW_DIGITS}g}" for v in (*fact, low))
        out.append(hashlib.sha256(line.encode()).hexdigest()[:ROW_HASH] if known else "")
    return out


def _flags(column: str, cells: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """0/1 features of a text column."""
    text = [c.strip() for c in cells]
    known = np.array([t.lower() not in MISSING for t in text])

    def flag(*values: str) -> NDArray[np.float64]:
        return np.where(known, np.array([float(t in values) for t in text]), np.nan)

    if column == "sex":
        return {"sex_female": flag("F")}
    if column == "modality":
        return {"modality_proton": flag("proton", "ion")}
    if column == "chemo":
        return {
            "chemo": np.where(known, 1.0 - flag("none"), np.nan),
            "chemo_temozolomide": flag("temozolomide"),
            "chemo_platinum": flag("platinum"),
        }
    present = sorted({t for t, k in zip(text, known, strict=True) if k})
    return {f"site_{site}": flag(site) for site in TEXT_COLUMNS["site"] if site in present}


__all__ = [
    "OUTCOMES",
    "Cohort",
    "cohort_of",
    "numbers",
    "part_hashes",
    "parts_of",
    "person_hashes",
    "read_table",
    "row_hashes",
]
