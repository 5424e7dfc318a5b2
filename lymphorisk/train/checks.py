"""What can be wrong with a cohort file, each fault by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import CohortError
from lymphorisk.features import FEATURES, NAMES, feature
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.train.schema import CENTRE, GRADE_BELOW, ID, MISSING, OUTCOMES, TEXT_COLUMNS
from lymphorisk.units import ALC_PLAUSIBLE_MAX

UNITS = rule("LR411", "error", "Slip of units", "Values of a column that only another unit explains.")
RANGE = rule("LR412", "error", "Implausible value", "A value no patient or plan has.")
LEAKAGE = rule(
    "LR413", "error", "Leakage", "A column that is known only after treatment, or that is the outcome itself."
)
DUPLICATE = rule("LR414", "warning", "Duplicate patients", "Rows of one patient; they are kept in one fold.")
CLASSES = rule("LR415", "error", "Single class", "All patients have the same outcome: nothing can be learned.")
EVENTS = rule("LR416", "warning", "Too few events", "Fewer events than Riley's sample-size criteria ask for.")
GAPS = rule("LR417", "warning", "Missing values", "A feature is missing in many patients or in all.")
CONTRADICTION = rule("LR418", "error", "Contradicting outcomes", "Grade and count, or two grades, disagree.")
UNKNOWN = rule("LR419", "info", "Unknown column", "A column the schema does not know; it is not used.")
NOT_READ = rule("LR420", "error", "Unreadable cell", "A cell is neither a number nor an allowed word.")
NEEDED = rule("LR421", "error", "Needed column", "A column no cohort can do without.")

#: Column names that speak of a time after the start of treatment.
AFTER_WORDS = (
    "nadir",
    "post",
    "after",
    "end_of",
    "eort",
    "week",
    "month",
    "followup",
    "follow_up",
    "recovery",
    "survival",
    "death",
    "died",
    "relapse",
    "progression",
    "grade",
    "toxicity",
    "ctcae",
    "_end",
    "os_",
    "pfs",
)
#: A single column that ranks the outcome this well is the outcome, not a predictor of it.
TOO_GOOD_AUC = 0.985
#: With fewer events a perfect ranking can be luck.
LEAK_MIN_EVENTS = 10
#: Fewer events or non-events than this cannot be cross-validated at all.
MIN_EVENTS = 10
#: Missing in more than this share of patients is told.
GAP_SHARE = 0.3
#: A dose column whose median exceeds this is in cGy. [Gy]
CGY_MEDIAN = 100.0
#: Rows named in a message.
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Table:
    """A cohort file as text, by column."""

    columns: dict[str, list[str]]
    sha256: str = ""


def check(table: Table) -> tuple[Finding, ...]:
    """All findings about a cohort file, errors among them."""
    found = list(_needed(table))
    if found:
        return tuple(found)
    for step in (_unreadable, _unknown, _post_treatment):
        found += step(table)
    readable = {f.where for f in found if f.code == NOT_READ.code}
    numeric = {
        name: _numbers(cells)
        for name, cells in table.columns.items()
        if (name in NAMES or name in OUTCOMES) and name not in TEXT_COLUMNS and name not in readable
    }
    found += _units_and_ranges(numeric)
    found += _outcomes(numeric)
    found += _duplicates(table)
    found += _gaps(numeric)
    found += _too_good(numeric)
    return tuple(found)


def raise_errors(findings: Iterable[Finding]) -> None:
    """Raise one error that names every fault.

    Raises
    ------
    CohortError
        When any finding is an error.
    """
    errors = [f for f in findings if f.severity == "error"]
    if errors:
        text = "; ".join(f"{f.code} {f.what}" for f in errors)
        hints = "; ".join(dict.fromkeys(f.hint for f in errors if f.hint))
        raise CohortError(text, hints)


def _numbers(cells: list[str]) -> NDArray[np.float64]:
    return np.array([np.nan if c.strip().lower() in MISSING else float(c) for c in cells])


def _is_number(cell: str) -> bool:
    try:
        return bool(np.isfinite(float(cell)))
    except ValueError:
        return False


def _named(rows: NDArray[np.int64] | list[int]) -> str:
    """File rows (the header is row 1) of patient indices."""
    shown = ", ".join(str(int(r) + 2) for r in list(rows)[:SHOWN])
    return f"row{'s' if len(rows) > 1 else ''} {shown}" + (" ..." if len(rows) > SHOWN else "")


def _needed(table: Table) -> Iterable[Finding]:
    hint = "lymphorisk train --schema shows the columns"
    if ID not in table.columns:
        yield finding(NEEDED, f"column {ID} is missing", ID, hint)
    elif empty := [i for i, c in enumerate(table.columns[ID]) if c.strip().lower() in MISSING]:
        yield finding(NEEDED, f"{ID} is empty in {_named(empty)}", ID, "give every patient an id (not a name)")
    if "alc" not in table.columns:
        yield finding(NEEDED, "column alc (baseline count) is missing", "alc", hint)
    if "nadir_alc" not in table.columns and not set(GRADE_BELOW) & set(table.columns):
        yield finding(NEEDED, "no outcome: nadir_alc, g3 or g4 is needed", "nadir_alc", hint)


def _unreadable(table: Table) -> Iterable[Finding]:
    for name, cells in table.columns.items():
        if name in TEXT_COLUMNS:
            allowed = set(TEXT_COLUMNS[name])
            bad = [i for i, c in enumerate(cells) if c.strip().lower() not in MISSING and c.strip() not in allowed]
            if bad and not (name in NAMES and all(_is_number(cells[i]) for i in bad)):
                what = f"{name}: {cells[bad[0]]!r} in {_named(bad)} is not one of {', '.join(TEXT_COLUMNS[name])}"
                yield finding(NOT_READ, what, name)
            elif bad:
                yield finding(NOT_READ, f"{name}: write {', '.join(TEXT_COLUMNS[name])}, not 0/1", name)
        elif name in NAMES or name in OUTCOMES:
            bad = [i for i, c in enumerate(cells) if c.strip().lower() not in MISSING and not _is_number(c)]
            if bad:
                hint = "decimal point, no units in cells" if "," in cells[bad[0]] or " " in cells[bad[0]] else ""
                yield finding(NOT_READ, f"{name}: {cells[bad[0]]!r} in {_named(bad)} is not a number", name, hint)


def _unknown(table: Table) -> Iterable[Finding]:
    known = {ID, CENTRE, "technique", *OUTCOMES, *TEXT_COLUMNS, *NAMES}
    for name in table.columns:
        if name not in known and not _speaks_of_after(name):
            yield finding(UNKNOWN, f"column {name!r} is not in the schema and is not used", name)


def _speaks_of_after(name: str) -> bool:
    lowered = name.lower()
    return any(word in lowered for word in AFTER_WORDS)


def _post_treatment(table: Table) -> Iterable[Finding]:
    for name in table.columns:
        if name in NAMES or name in OUTCOMES or name in TEXT_COLUMNS or name in (ID, CENTRE):
            continue
        if _speaks_of_after(name):
            what = f"post-treatment column {name!r}: known only after treatment began"
            yield finding(LEAKAGE, what, name, f"leave it out with --ignore {name}")


def _units_and_ranges(numeric: dict[str, NDArray[np.float64]]) -> Iterable[Finding]:
    for name in ("alc", "alc_week1", "nadir_alc"):
        if name not in numeric:
            continue
        values = numeric[name]
        big = np.flatnonzero(values > ALC_PLAUSIBLE_MAX)
        if len(big):
            what = f"{name}: {values[big[0]]:g} in {_named(big)} looks like cells/uL, the column is in 10^9/L"
            yield finding(UNITS, what, name, "divide by 1000: 1400 cells/uL = 1.4 x10^9/L")
        negative = np.flatnonzero(values < 0)
        if len(negative):
            yield finding(RANGE, f"{name} below zero in {_named(negative)}", name)
    for f in FEATURES:
        if f.name not in numeric or f.name in ("alc", "alc_week1"):
            continue
        values = numeric[f.name]
        known = values[np.isfinite(values)]
        if not len(known):
            continue
        if f.unit == "Gy" and float(np.median(known)) > CGY_MEDIAN:
            what = f"{f.name}: median {np.median(known):g} looks like cGy, the column is in Gy"
            yield finding(UNITS, what, f.name, "divide by 100")
            continue
        if f.unit == "%" and 0.0 < float(known.max()) <= 1.0 and float(np.unique(known).size) > 2:
            what = f"{f.name}: all values at most 1 look like shares, the column is in %"
            yield finding(UNITS, what, f.name, "multiply by 100")
            continue
        outside = np.flatnonzero((values < f.low) | (values > f.high))
        if len(outside):
            limits = f"{f.low:g} and {f.high:g} {f.unit}"
            what = f"{f.name} = {values[outside[0]]:g} in {_named(outside)} is not between {limits}"
            yield finding(RANGE, what.rstrip(), f.name, "correct the value or leave the cell empty")


def _outcomes(numeric: dict[str, NDArray[np.float64]]) -> Iterable[Finding]:
    nadir = numeric.get("nadir_alc")
    given = {g: numeric[g] for g in GRADE_BELOW if g in numeric}
    for grade, values in given.items():
        odd = np.flatnonzero(np.isfinite(values) & ~np.isin(values, (0.0, 1.0)))
        if len(odd):
            yield finding(RANGE, f"{grade} in {_named(odd)} is neither 0 nor 1", grade)
        if nadir is not None:
            says = (nadir < GRADE_BELOW[grade]).astype(np.float64)
            wrong = np.flatnonzero(np.isfinite(nadir) & np.isfinite(values) & (says != values))
            if len(wrong):
                yield finding(CONTRADICTION, f"{grade} and nadir_alc disagree in {_named(wrong)}", grade)
    if len(given) == 2:
        wrong = np.flatnonzero((given["g4"] == 1) & (given["g3"] == 0))
        if len(wrong):
            yield finding(CONTRADICTION, f"g4 without g3 in {_named(wrong)}", "g4")
    for grade, below in GRADE_BELOW.items():
        event = given.get(grade)
        if event is None and nadir is not None:
            event = np.where(np.isfinite(nadir), (nadir < below).astype(np.float64), np.nan)
        if event is None:
            continue
        events, others = int((event == 1).sum()), int((event == 0).sum())
        severity = "error" if grade == min(GRADE_BELOW) else "warning"
        if not events or not others:
            what = f"{grade}: single class, {events} events among {events + others} patients"
            yield finding(CLASSES, what, grade, "nothing can be learned from one class", severity)
        elif min(events, others) < MIN_EVENTS:
            what = f"{grade}: too few events ({events} with, {others} without; at least {MIN_EVENTS} of each)"
            yield finding(EVENTS, what, grade, "recalibrate an existing model instead (--recalibrate)", severity)


def group_ids(table: Table) -> NDArray[np.int64]:
    """Group numbers: rows of one patient_id, and rows identical in all they say, share one."""
    ids = table.columns[ID]
    others = [name for name in table.columns if name != ID]
    parent: dict[str, int] = {}
    same: dict[tuple[str, ...], int] = {}
    group = np.empty(len(ids), dtype=np.int64)
    for i, patient in enumerate(ids):
        content = tuple(table.columns[name][i] for name in others)
        number = parent.get(patient, same.get(content, len(parent) + len(same)))
        parent.setdefault(patient, number)
        same.setdefault(content, number)
        group[i] = number
    return np.unique(group, return_inverse=True)[1].astype(np.int64)


def _duplicates(table: Table) -> Iterable[Finding]:
    ids = table.columns[ID]
    times = Counter(ids)
    if repeated := {p for p, n in times.items() if n > 1}:
        rows = [i for i, p in enumerate(ids) if p in repeated]
        what = f"{len(repeated)} duplicate patients ({_named(rows)}): their rows are kept in one fold"
        yield finding(DUPLICATE, what, ID)
    others = [name for name in table.columns if name != ID]
    seen: dict[tuple[str, ...], int] = {}
    twins = []
    for i in range(len(ids)):
        content = tuple(table.columns[name][i] for name in others)
        first = seen.setdefault(content, i)
        if first != i and ids[first] != ids[i]:
            twins.append(i)
    if twins:
        what = f"{len(twins)} rows equal another patient's in every column ({_named(twins)}): kept in one fold"
        yield finding(DUPLICATE, what, ID, "the same patient under two ids?")


def _gaps(numeric: dict[str, NDArray[np.float64]]) -> Iterable[Finding]:
    for name, values in numeric.items():
        share = 1.0 - float(np.isfinite(values).mean())
        if share == 1.0:
            yield finding(GAPS, f"{name} is missing in all patients and is not used", name)
        elif share > GAP_SHARE:
            yield finding(GAPS, f"{name} is missing in {share:.0%} of patients", name)


def _too_good(numeric: dict[str, NDArray[np.float64]]) -> Iterable[Finding]:
    from lymphorisk.train.scores import auc

    event = numeric.get("g3")
    if event is None and "nadir_alc" in numeric:
        event = np.where(np.isfinite(numeric["nadir_alc"]), numeric["nadir_alc"] < GRADE_BELOW["g3"], np.nan)
    if event is None:
        return
    for name, values in numeric.items():
        if name in OUTCOMES:
            continue
        both = np.isfinite(values) & np.isfinite(event)
        y = event[both]
        if min(int((y == 1).sum()), int((y == 0).sum())) < LEAK_MIN_EVENTS:
            continue
        reached = auc(values[both], y)
        if max(reached, 1.0 - reached) > TOO_GOOD_AUC:
            best = max(reached, 1.0 - reached)
            what = f"{name} alone separates the outcome (AUC {best:.3f}): it is the outcome in disguise"
            yield finding(LEAKAGE, what, feature(name).label, "check when this column was measured")
