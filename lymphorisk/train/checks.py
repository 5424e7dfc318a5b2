"""What can be wrong with a cohort file, each fault by name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import CohortError, ScenarioError
from lymphorisk.features import FEATURES, NAMES, External, Feature, feature
from lymphorisk.findings import Finding, Severity, finding, rule
from lymphorisk.train.schema import (
    CENTRE,
    DRAWN,
    GRADE_BELOW,
    ID,
    MISSING,
    ORGANS,
    OUTCOMES,
    PLACED,
    TEXT_COLUMNS,
    VOICE,
)
from lymphorisk.train.table import EXTRA, KNOWN, Table, below_limit, event_below, is_number, numbers
from lymphorisk.units import (
    ALC_PLAUSIBLE_MAX,
    CGY_PER_GY,
    QUANTITIES,
    checked,
    count_exponent,
    nearest,
    number_from,
    squashed,
)

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
ABOVE = rule("LR424", "warning", "Nadir above the baseline", "The lowest count is above the one before.")
MIXED = rule(
    "LR425",
    "warning",
    "Two meanings in one column",
    "Values that look like another unit or like missing, in some rows.",
)
DETECTION = rule(
    "LR426", "warning", "Count below detection", "A nadir is given as a limit; it decides a grade only above the limit."
)
IMPOSSIBLE = rule(
    "LR446",
    "warning",
    "Dose metrics contradict each other",
    "No organ has such a volume at a dose with such a mean: columns exchanged, two units, dose of a fraction.",
)
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
COUNTS = "10^9/L"
COUNT_COLUMNS = ("alc", "alc_week1", "nadir_alc")
OWN_UNITS = {"nadir_alc": COUNTS, "height_cm": "cm", "weight_kg": "kg"}
#: Units a head may name that are not the column's; other words in brackets are no units.
FOREIGN = (
    "Gy",
    "cGy",
    "mGy",
    "cc",
    "cm3",
    "mL",
    "L",
    "years",
    "y",
    "months",
    "days",
    "cm",
    "m",
    "kg",
    "lb",
    "lbs",
    "g",
)
#: Numbers that databases write for "missing".
CODES = np.array([-1.0, -9.0, -99.0, -999.0, -9999.0, 99.0, 999.0, 9999.0, 99999.0, 9.99, 99.9, 999.9, 99.99])
#: A count of more is none, and per cent ends here. [%]
PERCENT_MAX = 100.0
#: No cohort before radiotherapy has a higher median count: it is in per cent. [10^9/L]
BASELINE_MEDIAN = 4.0
#: A count of less is not counted. [10^9/L]
TOO_SMALL = 0.001
#: A nadir this much above the baseline is no scatter of two counts of one patient.
FAR_ABOVE = 1.5
#: A nadir in cells/uL is this much above the baseline at least, and this large.
CELLS_ABOVE, LEAST_CELLS = 2.0, 4.0
#: Far above in more than this share of patients is a column in another unit.
MANY_ABOVE = 0.2
#: Two groups of mean doses: this many values in the smaller, this far apart, and apart by this many of their spreads
#: (a single wide group, cut in two, reaches 1.7).
GROUP_MIN, APART, SPREADS = 5, (40.0, 250.0), 2.3
#: Metrics are written with few digits, and interpolated from histograms: share, and amount in the mean's unit.
WRITTEN = 0.1
#: Exact zeros in more than this share of rows are told.
ZERO_SHARE = 0.05
#: Dates as spreadsheets write them.
DATE = re.compile(
    r"\b(jan|feb|m[a\u00e4]r|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz])|\d{1,4}[-/]\d{1,2}[-/]\d{1,4}|\d+\.\d+\.\d+"
)
#: Rows named in a message.
SHOWN = 5


def check(table: Table, own: Sequence[External] = ()) -> tuple[Finding, ...]:
    """All findings about a cohort file, errors among them; `own` are columns beyond the program's schema."""
    found = list(_needed(table))
    if found:
        return tuple(found)
    for step in (_heads, _unreadable, _unknown):
        found += step(table, own)
    found += _post_treatment(table, own)
    numeric = numeric_columns(table, own, {f.where for f in found if f.code == NOT_READ.code})
    found += _organs(table)
    found += _voices(table)
    found += _units_and_ranges(numeric, own)
    found += _against_baseline(numeric)
    found += _mixed_doses(numeric, table)
    found += _zero_doses(numeric)
    found += _impossible(numeric)
    found += _detection(table)
    found += _outcomes(numeric, table)
    found += _duplicates(table)
    found += _gaps(numeric)
    found += _too_good(numeric, own)
    return tuple(found)


def numeric_columns(
    table: Table, own: Sequence[External] = (), unread: Collection[str] = ()
) -> dict[str, NDArray[np.float64]]:
    """Features and outcomes as numbers, by column; NaN where missing."""
    known = {*NAMES, *OUTCOMES, *(c.name for c in own)} - {*TEXT_COLUMNS, *unread}
    return {name: numbers(cells) for name, cells in table.columns.items() if name in known}


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


def named_rows(rows: NDArray[np.int64] | list[int]) -> str:
    """File rows (the header is row 1) of patient indices."""
    shown = ", ".join(str(int(r) + 2) for r in list(rows)[:SHOWN])
    return f"row{'s' if len(rows) > 1 else ''} {shown}" + (" ..." if len(rows) > SHOWN else "")


def _needed(table: Table) -> Iterable[Finding]:
    hint = "lymphorisk train --schema shows the columns"
    if ID not in table.columns:
        yield finding(NEEDED, f"column {ID} is missing", ID, hint)
    elif empty := [i for i, c in enumerate(table.columns[ID]) if c.strip().lower() in MISSING]:
        yield finding(NEEDED, f"{ID} is empty in {named_rows(empty)}", ID, "give every patient an id (not a name)")
    if "alc" not in table.columns:
        yield finding(NEEDED, "column alc (baseline count) is missing", "alc", hint)
    if "nadir_alc" not in table.columns and not set(GRADE_BELOW) & set(table.columns):
        yield finding(NEEDED, "no outcome: nadir_alc, g3 or g4 is needed", "nadir_alc", hint)


def _heads(table: Table, columns: Sequence[External]) -> Iterable[Finding]:
    """Units in the heads that are not the column's."""
    for name, unit in table.units.items():
        own = next((c.unit for c in columns if c.name == name), None) or _unit_of(name)
        if own is None or _same_unit(unit, own):
            continue
        what = f"{name}: the head says {unit}, the column is in {own}"
        yield finding(UNITS, what, name, "convert the values, or correct the head")


def _unit_of(name: str) -> str | None:
    if name in OWN_UNITS:
        return OWN_UNITS[name]
    return feature(name).unit if name in NAMES and name not in TEXT_COLUMNS else None


def _same_unit(said: str, own: str) -> bool:
    if own == COUNTS:
        try:
            return count_exponent(said) == count_exponent(own)
        except ScenarioError:
            # words in brackets that are no unit, such as (baseline)
            return "%" not in said
    others = {squashed(u) for u in FOREIGN if squashed(u) != squashed(own)}
    return squashed(said) not in others and not (said.strip() == "%" and own != "%")


def _unreadable(table: Table, own: Sequence[External]) -> Iterable[Finding]:
    for name, cells in table.columns.items():
        if name in TEXT_COLUMNS:
            allowed = set(TEXT_COLUMNS[name])
            bad = [i for i, c in enumerate(cells) if c.strip().lower() not in MISSING and c.strip() not in allowed]
            if bad and not (name in NAMES and all(is_number(cells[i]) for i in bad)):
                what = f"{name}: {cells[bad[0]]!r} in {named_rows(bad)} is not one of {', '.join(TEXT_COLUMNS[name])}"
                near = nearest(cells[bad[0]], TEXT_COLUMNS[name])
                yield finding(NOT_READ, what, name, f"did you mean {near}?" if near else "")
            elif bad:
                yield finding(NOT_READ, f"{name}: write {', '.join(TEXT_COLUMNS[name])}, not 0/1", name)
        elif name in NAMES or name in OUTCOMES or name in {c.name for c in own}:
            bound = below_limit(cells) if name == "nadir_alc" else np.zeros(len(cells), dtype=np.bool_)
            bad = [
                i for i, c in enumerate(cells) if c.strip().lower() not in MISSING and not is_number(c) and not bound[i]
            ]
            if bad:
                cell = cells[bad[0]]
                what = f"{name}: {cell!r} in {named_rows(bad)} is not a number"
                yield finding(NOT_READ, what, name, _why_unread(cell))


def _organs(table: Table) -> Iterable[Finding]:
    """Drawn or placed, one of the two in all rows: a model reads either."""
    said = {c.strip() for c in table.columns.get(ORGANS, ())}
    if said and said not in ({PLACED}, {DRAWN}):
        what = f"{ORGANS} says {', '.join(sorted(said)) or 'nothing'}: all rows are {PLACED}, or all are {DRAWN}"
        yield finding(NOT_READ, what, ORGANS, "make the table of all plans with one version of the program")


def _voices(table: Table) -> Iterable[Finding]:
    """Probabilities that are none."""
    for name, cells in table.columns.items():
        if not name.startswith(VOICE):
            continue
        if bad := [i for i, c in enumerate(cells) if c.strip().lower() not in MISSING and not is_number(c)]:
            yield finding(NOT_READ, f"{name}: {cells[bad[0]]!r} in {named_rows(bad)} is not a number", name)
            continue
        values = numbers(cells)
        if len(odd := np.flatnonzero((values < 0) | (values > 1))):
            yield finding(RANGE, f"{name} in {named_rows(odd)} is no probability", name, "write 0.3 for 30 %")


def _why_unread(cell: str) -> str:
    """What a cell that is no number probably is."""
    if DATE.search(cell.strip().lower()):
        return f"{cell!r} looks like a date a spreadsheet made of a number: format the column as text and type it again"
    if cell.strip().startswith("#"):
        return f"{cell!r} is a spreadsheet's error: correct the formula or leave the cell empty"
    try:
        number_from(cell, "the cell")
    except ScenarioError as error:
        return error.hint
    return "write a decimal point"


def _unknown(table: Table, own: Sequence[External]) -> Iterable[Finding]:
    known = {ID, CENTRE, *EXTRA, *OUTCOMES, *TEXT_COLUMNS, *NAMES, *_declared(own)}
    for name in table.columns:
        if name not in known and not name.startswith(VOICE) and not speaks_of_after(name):
            near = nearest(name, KNOWN)
            hint = f"did you mean {near}?" if near else ""
            what = f"column {name!r} is not in the schema and is not used; a schema file (--columns) declares it"
            yield finding(UNKNOWN, what, name, hint)


def _declared(own: Sequence[External]) -> set[str]:
    """Columns that a schema file names."""
    return {name for c in own for name in (c.name, *c.beside)}


def speaks_of_after(name: str) -> bool:
    """Whether a column's name speaks of a time after the start of treatment."""
    lowered = name.lower()
    return any(word in lowered for word in AFTER_WORDS)


def _post_treatment(table: Table, own: Sequence[External]) -> Iterable[Finding]:
    for name in table.columns:
        if name in NAMES or name in OUTCOMES or name in TEXT_COLUMNS or name in (ID, CENTRE, *EXTRA):
            continue
        if name in _declared(own):
            continue
        if name.startswith(VOICE):
            continue
        if speaks_of_after(name):
            what = f"post-treatment column {name!r}: known only after treatment began"
            yield finding(LEAKAGE, what, name, f"leave it out with --ignore {name}")


def _units_and_ranges(numeric: Mapping[str, NDArray[np.float64]], own: Sequence[External]) -> Iterable[Finding]:
    for name in COUNT_COLUMNS:
        if name in numeric:
            yield from _count_column(name, numeric[name])
    for f in (*FEATURES, *(c.feature for c in own)):
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
        yield from _outside(f, values)


def _count_column(name: str, values: NDArray[np.float64]) -> Iterable[Finding]:
    """Counts that are none: of another unit, of another column, codes."""
    codes = np.flatnonzero(np.isin(values, CODES))
    if len(codes):
        yield _code(name, values, codes)
    known = values[np.isfinite(values)]
    big = np.flatnonzero((values > ALC_PLAUSIBLE_MAX) & ~np.isin(values, CODES))
    if name == "alc" and len(known) and BASELINE_MEDIAN < float(np.median(known)) <= PERCENT_MAX:
        what = f"alc: median {np.median(known):g} looks like per cent of the white cells, the column is in 10^9/L"
        yield finding(UNITS, what, name, "give absolute counts: share x white count / 100")
    elif len(big):
        like = "cells/uL" if values[big].max() > PERCENT_MAX else "cells/uL or per cent of the white cells"
        what = f"{name}: {values[big[0]]:g} in {named_rows(big)} looks like {like}, the column is in 10^9/L"
        yield finding(UNITS, what, name, "divide by 1000: 1400 cells/uL = 1.4 x10^9/L; a percentage is no count")
    negative = np.flatnonzero((values < 0) & ~np.isin(values, CODES))
    if len(negative):
        yield finding(RANGE, f"{name} below zero in {named_rows(negative)}", name)
    small = np.flatnonzero((values > 0) & (values < TOO_SMALL))
    if len(small):
        what = f"{name}: {values[small[0]]:g} in {named_rows(small)} is less than a cell in a microlitre"
        yield finding(UNITS, what, name, "the column is in 10^9/L: 1400 cells/uL = 1.4")
    if name == "alc" and len(none := np.flatnonzero(values == 0.0)):
        yield finding(
            RANGE, f"alc is 0 in {named_rows(none)}", name, "leave the cell empty when the count is not known"
        )


def _code(name: str, values: NDArray[np.float64], rows: NDArray[np.int64]) -> Finding:
    what = f"{name} = {values[rows[0]]:g} in {named_rows(rows)} looks like a code for missing"
    return finding(RANGE, what, name, "leave the cell empty")


def _outside(f: Feature, values: NDArray[np.float64]) -> Iterable[Finding]:
    """Values of a feature outside its range, by what they look like."""
    outside = (values < f.low) | (values > f.high)
    codes = outside & np.isin(values, CODES)
    if codes.any():
        yield _code(f.name, values, np.flatnonzero(codes))
    rest = outside & ~codes
    cgy = rest & (f.unit == "Gy") & (values / CGY_PER_GY <= f.high) & (values > f.high)
    if cgy.any():
        rows = np.flatnonzero(cgy)
        what = f"{f.name} = {values[rows[0]]:g} in {named_rows(rows)} looks like cGy in some rows, the column is in Gy"
        yield finding(UNITS, what, f.name, "divide those rows by 100; others of them may be hidden in the range")
    rows = np.flatnonzero(rest & ~cgy)
    if len(rows):
        limits = f"{f.low:g} and {f.high:g} {f.unit}"
        what = f"{f.name} = {values[rows[0]]:g} in {named_rows(rows)} is not between {limits}".rstrip()
        slip = _slip(f.name, float(values[rows[0]]))
        yield finding(RANGE, what + slip, f.name, "correct the value or leave the cell empty")


def _slip(name: str, value: float) -> str:
    of = {"age": "age_y", "prescription": "prescription_gy"}.get(name, name)
    if of not in QUANTITIES:
        return ""
    try:
        checked(of, value)
    except ScenarioError as error:
        _, colon, said = error.message.partition(": ")
        return f": {said}" if colon else ""
    return ""


def _against_baseline(numeric: dict[str, NDArray[np.float64]]) -> Iterable[Finding]:
    """Later counts above the baseline: another unit when far above, else two values of one patient that do not fit."""
    base = numeric.get("alc")
    for name in ("nadir_alc", "alc_week1"):
        if base is None or name not in numeric:
            continue
        values = numeric[name]
        above = (values > FAR_ABOVE * base) & (base > 0) & (values <= ALC_PLAUSIBLE_MAX)
        share = float(above.sum()) / max(int((np.isfinite(values) & np.isfinite(base)).sum()), 1)
        cells = above & (values >= LEAST_CELLS) & (values > CELLS_ABOVE * base)
        if share > MANY_ABOVE:
            what = f"{name} is above the baseline in {share:.0%} of patients: it looks like per cent or another unit"
            yield finding(UNITS, what, name, "both columns are in 10^9/L, absolute counts")
            continue
        if cells.any():
            rows = np.flatnonzero(cells)
            what = f"{name}: {values[rows[0]]:g} in {named_rows(rows)} looks like cells/uL, the column is in 10^9/L"
            yield finding(
                UNITS, what, name, f"divide by 1000: {values[rows[0]]:g} cells/uL = {values[rows[0]] / 1000:g}"
            )
        rows = np.flatnonzero((values > base) & ~cells & (values <= ALC_PLAUSIBLE_MAX))
        if len(rows) and name == "nadir_alc":
            first = rows[0]
            where = f"{len(rows)} patients, {named_rows(rows)}"
            what = f"{name} {values[first]:g} is above the baseline {base[first]:g}: {where}"
            yield finding(ABOVE, what, name, "correct one of the two, or leave the nadir empty")


def _mixed_doses(numeric: Mapping[str, NDArray[np.float64]], table: Table) -> Iterable[Finding]:
    """Doses in two groups a hundred apart with nothing between: Gy and cGy in one column.

    Where sites are known doses are taken by their site's median: organs near and far from a target are no slip.
    """
    sites = np.array([c.strip() for c in table.columns.get("site", ())])
    for f in FEATURES:
        if f.unit != "Gy" or f.name not in numeric:
            continue
        values = numeric[f.name]
        rows = np.flatnonzero(np.isfinite(values) & (values > 0) & (values <= f.high))
        of_site = sites[rows] if len(sites) else np.zeros(len(rows))
        logarithm = np.log(values[rows])
        for site in np.unique(of_site):
            logarithm[of_site == site] -= np.median(logarithm[of_site == site])
        order = np.argsort(logarithm, kind="stable")
        cut = _two_groups(logarithm[order])
        if cut is not None:
            ratio = float(np.exp(logarithm[order[cut:]].mean() - logarithm[order[:cut]].mean()))
            low = np.sort(rows[order[:cut]])
            what = f"{f.name}: {cut} values lie {ratio:.0f} times below the others ({named_rows(low)}): Gy and cGy?"
            yield finding(MIXED, what, f.name, "a column has one unit, Gy")


def _two_groups(rising: NDArray[np.float64]) -> int | None:
    """Where sorted logarithms part into two groups about a hundred apart, by the least spread inside; None if not."""
    best: tuple[float, int] | None = None
    for cut in range(GROUP_MIN, len(rising) - GROUP_MIN + 1):
        inside = float(rising[:cut].var() * cut + rising[cut:].var() * (len(rising) - cut))
        best = min(best, (inside, cut)) if best else (inside, cut)
    if best is None:
        return None
    low, high = rising[: best[1]], rising[best[1] :]
    between = float(high.mean() - low.mean())
    apart = between > SPREADS * float(low.std() + high.std())
    return best[1] if apart and np.log(APART[0]) <= between <= np.log(APART[1]) else None


def _zero_doses(numeric: dict[str, NDArray[np.float64]]) -> Iterable[Finding]:
    """Exact zeros in a mean dose: no organ of a treated patient gets nothing."""
    for f in FEATURES:
        if f.unit != "Gy" or f.name not in numeric or not f.name.endswith("_mean"):
            continue
        values = numeric[f.name]
        rows = np.flatnonzero(values == 0.0)
        if len(rows) > ZERO_SHARE * np.isfinite(values).sum():
            what = f"{f.name} is exactly 0 in {len(rows)} rows ({named_rows(rows)}): zeros that stand for missing?"
            yield finding(MIXED, what, f.name, "leave the cell empty where the organ was not contoured")


def _impossible(numeric: Mapping[str, NDArray[np.float64]]) -> Iterable[Finding]:
    """Volumes at a dose larger than the mean allows: V_d d is at most the mean, for doses are not negative."""
    means = {f.organ: f for f in FEATURES if f.kind == "mean dose" and f.name in numeric}
    for f in FEATURES:
        if f.at_gy is None or f.name not in numeric or f.organ not in means:
            continue
        mean = means[f.organ]
        share = numeric[f.name] if f.unit == mean.unit.partition(".")[2] else numeric[f.name] / PERCENT_MAX
        least = share * f.at_gy
        rows = np.flatnonzero(least > (1.0 + WRITTEN) * numeric[mean.name] + WRITTEN)
        if len(rows):
            first = rows[0]
            what = (
                f"{mean.name} {numeric[mean.name][first]:g} with {f.name} {numeric[f.name][first]:g} cannot be in "
                f"{len(rows)} rows ({named_rows(rows)}): at least {least[first]:.3g} {mean.unit}"
            )
            severity: Severity = "error" if len(rows) > ZERO_SHARE * np.isfinite(least).sum() else "warning"
            hint = "columns exchanged, or not both Gy, %, of the whole course and of the same organ?"
            yield finding(IMPOSSIBLE, what, mean.name, hint, severity)


def _detection(table: Table) -> Iterable[Finding]:
    limit = below_limit(table.columns.get("nadir_alc", []))
    if limit.any():
        rows = named_rows(np.flatnonzero(limit))
        what = f"nadir_alc is below detection in {rows}: known for the grades above the limit only"
        yield finding(DETECTION, what, "nadir_alc", "the nadir's quantiles take the limit for these rows")


def _outcomes(numeric: dict[str, NDArray[np.float64]], table: Table) -> Iterable[Finding]:
    cells = table.columns.get("nadir_alc", []) if "nadir_alc" in numeric else None
    given = {g: numeric[g] for g in GRADE_BELOW if g in numeric}
    for grade, values in given.items():
        odd = np.flatnonzero(np.isfinite(values) & ~np.isin(values, (0.0, 1.0)))
        if len(odd):
            yield finding(RANGE, f"{grade} in {named_rows(odd)} is neither 0 nor 1", grade)
        if cells is not None:
            says = event_below(cells, GRADE_BELOW[grade])
            wrong = np.flatnonzero(np.isfinite(says) & np.isfinite(values) & (says != values))
            if len(wrong):
                yield finding(CONTRADICTION, f"{grade} and nadir_alc disagree in {named_rows(wrong)}", grade)
    if len(given) == 2:
        wrong = np.flatnonzero((given["g4"] == 1) & (given["g3"] == 0))
        if len(wrong):
            yield finding(CONTRADICTION, f"g4 without g3 in {named_rows(wrong)}", "g4")
    for grade, below in GRADE_BELOW.items():
        event = given.get(grade)
        if event is None and cells is not None:
            event = event_below(cells, below)
        if event is None:
            continue
        events, others = int((event == 1).sum()), int((event == 0).sum())
        severity: Severity = "error" if grade == min(GRADE_BELOW) else "warning"
        if not events or not others:
            what = f"{grade}: single class, {events} events among {events + others} patients"
            yield finding(CLASSES, what, grade, "nothing can be learned from one class", severity)
        elif min(events, others) < MIN_EVENTS:
            what = f"{grade}: too few events ({events} with, {others} without; at least {MIN_EVENTS} of each)"
            yield finding(EVENTS, what, grade, "recalibrate an existing model instead (--recalibrate)", severity)


def group_ids(table: Table) -> NDArray[np.int64]:
    """Group numbers: rows of one patient_id, and rows identical in all they say, share one."""
    ids = [patient_key(i) for i in table.columns[ID]]
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


def patient_key(written: str) -> str:
    """An id without what two spellings of it differ in: case and spaces."""
    return "".join(written.split()).casefold()


def _duplicates(table: Table) -> Iterable[Finding]:
    ids = [patient_key(i) for i in table.columns[ID]]
    times = Counter(ids)
    if repeated := {p for p, n in times.items() if n > 1}:
        rows = [i for i, p in enumerate(ids) if p in repeated]
        what = f"{len(repeated)} duplicate patients ({named_rows(rows)}): their rows are kept in one fold"
        spelt = len({table.columns[ID][i] for i in rows}) > len(repeated)
        yield finding(
            DUPLICATE, what, ID, "ids that differ in case or spaces are taken for one patient" if spelt else ""
        )
    others = [name for name in table.columns if name != ID]
    seen: dict[tuple[str, ...], int] = {}
    twins = []
    for i in range(len(ids)):
        content = tuple(table.columns[name][i] for name in others)
        first = seen.setdefault(content, i)
        if first != i and ids[first] != ids[i]:
            twins.append(i)
    if twins:
        what = f"{len(twins)} rows equal another patient's in every column ({named_rows(twins)}): kept in one fold"
        yield finding(DUPLICATE, what, ID, "the same patient under two ids?")


def _gaps(numeric: dict[str, NDArray[np.float64]]) -> Iterable[Finding]:
    for name, values in numeric.items():
        share = 1.0 - float(np.isfinite(values).mean())
        if share == 1.0:
            yield finding(GAPS, f"{name} is missing in all patients and is not used", name)
        elif share > GAP_SHARE:
            yield finding(GAPS, f"{name} is missing in {share:.0%} of patients", name)


def _too_good(numeric: Mapping[str, NDArray[np.float64]], own: Sequence[External]) -> Iterable[Finding]:
    from lymphorisk.train.scores import auc

    event = event_of(numeric)
    if event is None:
        return
    labels = {c.name: c.label for c in own}
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
            yield finding(LEAKAGE, what, labels.get(name) or feature(name).label, "check when this column was measured")


def event_of(numeric: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64] | None:
    """Grade 3 or more of each row, from the grade or the lowest count; NaN where not known, None without either."""
    if "g3" in numeric or "nadir_alc" not in numeric:
        return numeric.get("g3")
    nadir = numeric["nadir_alc"]
    return np.where(np.isfinite(nadir), nadir < GRADE_BELOW["g3"], np.nan)
