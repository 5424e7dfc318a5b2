"""What can be wrong with columns a clinic declared itself: leakage, scanners, copies, volume, gaps.

Ranks are compared (Spearman), and distributions (two-sample Kolmogorov-Smirnov, p times the number of groups). The
cuts are assumed: they say what is told, and no score moves by them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import CohortError
from lymphorisk.features import FEATURES, External
from lymphorisk.features.external import AFTER, FROM_IMAGES
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.predict.booster import Predictor
from lymphorisk.train.checks import (
    GAPS,
    LEAK_MIN_EVENTS,
    LEAKAGE,
    NEEDED,
    NOT_READ,
    check,
    event_of,
    named_rows,
    numeric_columns,
    speaks_of_after,
)
from lymphorisk.train.cohort import Cohort
from lymphorisk.train.declared import NOTHING, Declared
from lymphorisk.train.radiomics import NOT_ANSWERED, quality_items
from lymphorisk.train.schema import CENTRE, MISSING
from lymphorisk.train.table import Table, is_number, numbers

SUSPECT = rule(
    "LR438",
    "warning",
    "Column may leak",
    "A declared column tells the outcome better than what is known before treatment usually does, or its gaps do.",
)
SCANNERS = rule(
    "LR439",
    "warning",
    "Column differs between scanners or centres",
    "The distribution of a declared column is another one in a scanner or centre: harmonise it, or leave it out.",
)
COPY = rule(
    "LR440", "warning", "Column repeats another", "A declared column is in the order of a feature that is there."
)
VOLUME = rule(
    "LR441", "warning", "Column follows the volume", "A radiomics or dosiomics column is in the order of the volume."
)
OTHERWISE = rule(
    "LR442",
    "warning",
    "Column made otherwise",
    "A declared column has another program, version or distribution here than where the model was trained.",
)
QUALITY = rule(
    "LR443", "warning", "Radiomics quality not stated", "Items asked of radiomics and dosiomics have no answer."
)
UNTESTED = rule("LR444", "info", "Column not tested", "A test of a declared column lacks the column it needs.")
NOTHING_MORE = rule(
    "LR445",
    "info",
    "Columns add nothing",
    "In patients left out a logistic model is no better with the declared columns than without them.",
)

#: Rank correlation with the lowest count, or with it within one outcome, from which a column is that count.
SAME_ORDER = 0.95
#: A column that ranks the outcome this well alone is suspected: honest models of it reach 0.69 to 0.85.
SUSPECT_AUC = 0.9
#: Gaps that rank the outcome this well tell it.
GAPS_AUC = 0.65
#: Rank correlation from which a column repeats another, and follows the volume.
REPEATS, FOLLOWS = 0.8, 0.7
#: Two distributions differ by this much at least, and surely.
APART_D, APART_P = 0.25, 0.01
#: Patients with both values, and of a group, below which nothing is compared.
LEAST_BOTH, LEAST_GROUP = 20, 10
VOLUME_COLUMN = "ptv_volume"


def check_all(table: Table, declared: Declared = NOTHING) -> tuple[Finding, ...]:
    """All findings about a cohort file and the columns declared beside the program's own, errors among them."""
    found = check(table, declared.columns)
    if any(f.code == NEEDED.code for f in found) or not declared.columns:
        return found
    unread = {f.where for f in found if f.code == NOT_READ.code}
    numeric = numeric_columns(table, declared.columns, unread)
    more: list[Finding] = []
    for column in declared.columns:
        if column.name not in table.columns:
            hint = "give the column; in training it can be left out of the schema file"
            more.append(finding(NEEDED, f"column {column.name} is needed and not in the file", column.name, hint))
            continue
        more += _known_before(column, table)
        if column.name in numeric:
            more += _of_column(column, table, numeric, declared.columns)
    return (*found, *more)


def quality_findings(declared: Declared) -> tuple[Finding, ...]:
    """Items of radiomics quality that nobody answered."""
    items = quality_items(declared.columns, declared.radiomics, 0)
    if not (open_ones := [i["item"] for i in items if i["answer"] == NOT_ANSWERED]):
        return ()
    what = f"{len(open_ones)} of {len(items)} radiomics quality items have no answer: {', '.join(open_ones)}"
    return (finding(QUALITY, what, "[radiomics]", "answer them in [radiomics] of the schema file"),)


def added_findings(gains: Mapping[str, Mapping[str, Any]]) -> tuple[Finding, ...]:
    """Outcomes to which the declared columns add nothing, by `evaluate.against` with and without them."""
    out = []
    for outcome, gain in gains.items():
        if not gain["adds"]:
            low, high = gain["auc_gain_interval"]
            what = f"{outcome}: declared columns change the AUC by {gain['auc_gain']:+.3f} ({low:+.3f} to {high:+.3f})"
            out.append(finding(NOTHING_MORE, what, outcome, "a model that asks for less is asked more often"))
    return tuple(out)


def _of_column(
    column: External, table: Table, numeric: Mapping[str, NDArray[np.float64]], columns: Sequence[External]
) -> Iterable[Finding]:
    values = numeric[column.name]
    if gone := int((~np.isfinite(values)).sum()):
        what = f"{column.name} is missing in {gone} of {len(values)} rows: the model says nothing without it"
        yield finding(GAPS, what, column.name, severity="info")
    yield from _tells(column, values, numeric)
    yield from _repeats(column, values, numeric, columns)
    yield from _volume(column, values, table)
    yield from _scanners(column, values, table)


def _known_before(column: External, table: Table) -> Iterable[Finding]:
    """Columns that were measured after the start of treatment: by their declaration, their days or their name."""
    hint = f"leave it out with --ignore {column.name}"
    if column.known == AFTER:
        yield finding(LEAKAGE, f"{column.name} is declared as known {AFTER}", column.name, hint)
    elif column.day:
        yield from _days(column, table)
    elif speaks_of_after(column.name):
        what = f"{column.name} is declared as known before treatment, and its name speaks of a time after"
        yield finding(LEAKAGE, what, column.name, f"rename it, or give the day of each value (day = ...); {hint}")


def _days(column: External, table: Table) -> Iterable[Finding]:
    if column.day not in table.columns:
        what = f"{column.day}, the day of {column.name}, is not in the file"
        yield finding(NEEDED, what, column.day, "give the column, or leave `day` out of the schema file")
        return
    cells = table.columns[column.day]
    if bad := [i for i, c in enumerate(cells) if c.strip().lower() not in MISSING and not is_number(c)]:
        what = f"{column.day}: {cells[bad[0]]!r} in {named_rows(bad)} is not a number of days"
        yield finding(NOT_READ, what, column.day, "the first fraction is day 0")
        return
    later = np.flatnonzero(numbers(cells) > 0)
    if len(later):
        what = f"{column.name} was measured after the start of treatment in {named_rows(later)} ({column.day})"
        yield finding(LEAKAGE, what, column.name, "leave those cells empty, or take the value before treatment")


def _tells(
    column: External, values: NDArray[np.float64], numeric: Mapping[str, NDArray[np.float64]]
) -> Iterable[Finding]:
    """The outcome, or the lowest count, in another form."""
    from lymphorisk.train.scores import auc

    nadir, event, name = numeric.get("nadir_alc"), event_of(numeric), column.name
    if nadir is not None and (rho := _spearman(values, nadir)) is not None and abs(rho) >= SAME_ORDER:
        what = f"{name} is the lowest count in another form (Spearman {rho:+.2f} with nadir_alc)"
        yield finding(LEAKAGE, what, name, "check when this column was measured")
        return
    if event is None:
        return
    gaps = (~np.isfinite(values)).astype(np.float64)
    for what, score, cut in ((name, values, SUSPECT_AUC), (f"whether {name} is missing", gaps, GAPS_AUC)):
        both = np.isfinite(score) & np.isfinite(event)
        y = event[both]
        if min(int((y == 1).sum()), int((y == 0).sum())) < LEAK_MIN_EVENTS or np.ptp(score[both]) == 0.0:
            continue
        reached = auc(score[both], y)
        if (best := max(reached, 1.0 - reached)) >= cut:
            said = f"{what} alone tells the outcome (AUC {best:.2f}): was it known before treatment, of everybody?"
            yield finding(SUSPECT, said, name, "check when, and of whom, this column was measured")


def _repeats(
    column: External,
    values: NDArray[np.float64],
    numeric: Mapping[str, NDArray[np.float64]],
    columns: Sequence[External],
) -> Iterable[Finding]:
    """Features, and columns declared before it, in the same order."""
    own = [c.name for c in columns]
    earlier = {f.name for f in FEATURES} | set(own[: own.index(column.name)])
    found = {name: _spearman(values, other) for name, other in numeric.items() if name in earlier}
    strong = {name: r for name, r in found.items() if r is not None and abs(r) >= REPEATS}
    if strong:
        order = sorted(strong, key=lambda name: -abs(strong[name]))
        said = ", ".join(f"{name} (Spearman {strong[name]:+.2f})" for name in order)
        what = f"{column.name} is in the order of {said}"
        yield finding(COPY, what, column.name, f"it can add little beside it; leave it out with --ignore {column.name}")


def _volume(column: External, values: NDArray[np.float64], table: Table) -> Iterable[Finding]:
    if column.kind not in FROM_IMAGES:
        return
    name = column.volume or VOLUME_COLUMN
    cells = table.columns.get(name, ())
    if not cells or not all(is_number(c) or c.strip().lower() in MISSING for c in cells):
        what = f"{column.name}: whether it follows the volume is not tested, there is no column {name} of numbers"
        yield finding(UNTESTED, what, column.name, "give the volume it was read from (volume = ...)")
        return
    rho = _spearman(values, numbers(cells))
    if rho is not None and abs(rho) >= FOLLOWS:
        what = f"{column.name} follows the volume (Spearman {rho:+.2f} with {name})"
        yield finding(VOLUME, what, column.name, "give what it says beyond the volume, or the volume itself")


def _scanners(column: External, values: NDArray[np.float64], table: Table) -> Iterable[Finding]:
    """Groups whose distribution is another one than that of the others."""
    name = column.scanner or CENTRE
    cells = [c.strip() for c in table.columns.get(name, ())]
    label = np.array(["" if c.lower() in MISSING else c for c in cells])
    known = np.isfinite(values) & (label != "") if cells else np.zeros(len(values), dtype=np.bool_)
    groups, rows = np.unique(label[known], return_counts=True) if known.any() else (np.array([]), np.array([]))
    if len(groups) < 2:
        said = "all values are of one" if len(groups) else f"there is no column {name}"
        what = f"{column.name}: differences between scanners or centres are not tested, {said}"
        yield finding(UNTESTED, what, column.name, "name the column of the scanner or centre (scanner = ...)")
        return
    large = [str(g) for g, n in zip(groups, rows, strict=True) if n >= LEAST_GROUP]
    told = [(g, *_apart(values[known & (label == g)], values[known & (label != g)])) for g in large]
    for group, d, p in told[: 1 if len(groups) == 2 else None]:  # of two each is the other's others
        if d >= APART_D and p * len(large) < APART_P:
            mine, rest = values[known & (label == group)], values[known & (label != group)]
            what = (
                f"{column.name} differs in {name} {group}: median {np.median(mine):.3g} against {np.median(rest):.3g}, "
                f"Kolmogorov-Smirnov D {d:.2f}, p {p * len(large):.1g} (times {len(large)} groups)"
            )
            hint = "harmonise it on the training patients, or leave it out; patients may differ too"
            yield finding(SCANNERS, what, column.name, hint)


def against_model(predictor: Predictor, cohort: Cohort, declared: Declared = NOTHING) -> tuple[Finding, ...]:
    """How the columns of a cohort differ from those a model was trained with.

    Raises
    ------
    CohortError
        A column has another unit or kind.
    """
    theirs = {c.name: c for c in declared.columns}
    found = []
    for column in predictor.external:
        here = theirs.get(column.name, column)
        if (here.unit, here.kind) != (column.unit, column.kind):
            raise CohortError(
                f"{column.name} is {here.kind} in {here.unit} here, {column.kind} in {column.unit} in {predictor.name}",
                "give the column as the model's card has it",
            )
        if here.software + here.version != column.software + column.version:
            made, by = f"{column.software} {column.version}", f"{here.software} {here.version}"
            what = f"{column.name} was made by {made} in training, by {by} here"
            found.append(finding(OTHERWISE, what, column.name, "make it with the same program and version"))
        if column.name not in cohort.names:
            continue
        trained = predictor.seen.patients[:, predictor.features.index(column.name)]
        d, p = _apart(cohort.column(column.name), trained)
        if d >= APART_D and p < APART_P:
            what = (
                f"{column.name} is distributed otherwise than in training: median "
                f"{np.nanmedian(cohort.column(column.name)):.3g} against {np.nanmedian(trained):.3g}, "
                f"Kolmogorov-Smirnov D {d:.2f}, p {p:.1g}"
            )
            found.append(finding(OTHERWISE, what, column.name, "another unit, scanner, laboratory or other patients"))
    return tuple(found)


def _spearman(a: NDArray[np.float64], b: NDArray[np.float64]) -> float | None:
    """Rank correlation of the patients who have both; None when too few, or one of the two is all alike."""
    from scipy.stats import rankdata

    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < LEAST_BOTH or np.ptp(a[both]) == 0.0 or np.ptp(b[both]) == 0.0:
        return None
    return float(np.corrcoef(rankdata(a[both]), rankdata(b[both]))[0, 1])


def _apart(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[float, float]:
    """Kolmogorov-Smirnov distance of two samples, and its p; 0 and 1 where one is too small."""
    from scipy.stats import ks_2samp

    a, b = a[np.isfinite(a)], b[np.isfinite(b)]
    if min(len(a), len(b)) < LEAST_GROUP:
        return 0.0, 1.0
    found = ks_2samp(a, b, method="asymp")
    return float(found.statistic), float(found.pvalue)
