"""Measured counts in long form: whose, on which day of the course, and what they come to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from lymphorisk.cohorts.found import FoundPlan, persons
from lymphorisk.cohorts.manifest import BLANKS, OWN_UNIT, day_of, said
from lymphorisk.cohorts.veil import veiled
from lymphorisk.errors import CohortError, LymphoriskError, ScenarioError
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.lymphocyte.grade import GRADE_BELOW, grade
from lymphorisk.train.schema import ID
from lymphorisk.train.table import BELOW, BRACKETS, read_table
from lymphorisk.units import alc_from, number_from

NOBODY = rule("LR721", "warning", "Counts of nobody", "Counts of a patient of whom the cohort has no plan.")
UNUSED = rule(
    "LR722",
    "warning",
    "Count not used",
    "A row of counts without a number or a day, in another unit, or with a day that is not that of its date.",
)
UNPLACED = rule(
    "LR723",
    "warning",
    "Counts not placed",
    "Dates need the first day of treatment (column `date` of a manifest); days need one plan a patient.",
)
TWICE = rule("LR724", "warning", "Two counts on one day", "They differ; the lower one counts.")
BASELINES = rule("LR725", "warning", "Two baselines", "The manifest's count and the last one measured before differ.")
OLD = rule(
    "LR731",
    "warning",
    "Old baseline",
    "The last count before is from so long before that it may not be the count at the start.",
)
ORDER = rule("LR726", "warning", "Counts far from the course", "Counts from years before or after: a slip of a date.")

VALUES = ("value", "count", "alc", "lymphocytes", "result")
UNITS = ("unit", "units", "alc_unit")
DATES = ("date", "day_of_count", "sampled")
DAYS_A_WEEK = 7
#: Days on which a count is the one after the first week; the early model learned from day 7. How far off is assumed.
FIRST_WEEK_D = (5.0, 9.0)
#: Days from the first fraction beyond which a count belongs to no course. [d]
FAR_D = 3653
#: A count from longer before the first fraction than this is no baseline of now; assumed. [d]
OLD_D = 90
#: Baselines closer than this part of one another are one. [1]
CLOSE = 0.01


@dataclass(frozen=True, slots=True)
class Measured:
    """One count of a plan's patient.

    Attributes
    ----------
    day : float
        From the first fraction; below 0 is before it. [d]
    value : float
        The count, or the limit it is below. [10^9/L]
    below : bool
        Below what the laboratory can count.
    """

    day: float
    value: float
    below: bool = False

    @property
    def week(self) -> int:
        """Week of the course, from 1; 0 and less before the first fraction."""
        return int(self.day // DAYS_A_WEEK) + 1


@dataclass(frozen=True, slots=True)
class Written:
    """One row of a table of counts."""

    number: int
    patient: str
    date: str
    day: float | None
    value: float
    below: bool


def read_counts(path: Path, unit: str = OWN_UNIT) -> tuple[list[Written], list[Finding]]:
    """Rows of counts, and what was noticed: patient, date or day, value, unit (of a column, else `unit`).

    Raises
    ------
    CohortError
        A column is missing.
    """
    table = read_table(path)
    columns = {_plain(head): cells for head, cells in table.columns.items()}
    value = next((head for head in VALUES if head in columns), None)
    date = next((head for head in DATES if head in columns), None)
    there = {ID: ID in columns, "value": value, "date or day": date or "day" in columns}
    missing = [name for name, is_there in there.items() if not is_there]
    if missing or value is None:
        raise CohortError(
            f"{path.name}: column {', '.join(missing)} is missing",
            "counts are in long form: patient_id, date (or day from the first fraction), value, unit",
        )
    bracketed = {_plain(head): found[1] for head in table.columns if (found := BRACKETS.search(head))}
    head_unit = table.units.get(value, "") or bracketed.get(value, "")
    out: list[Written] = []
    noticed: list[Finding] = []
    for i in range(len(columns[ID])):
        cells = {head: said(column[i]) for head, column in columns.items()}
        own = next((cells[head] for head in UNITS if cells.get(head)), head_unit or unit)
        if not cells[value]:
            continue
        try:
            out.append(_row(i + 2, cells, cells[value], cells.get(date or "", ""), own))
        except LymphoriskError as error:
            said_of = f"row {i + 2} of the counts: {veiled(error.message)}"
            noticed.append(finding(UNUSED, said_of, "counts", veiled(error.hint)))
    return out, noticed


def _plain(head: str) -> str:
    """A column's head without its unit, in one spelling."""
    return BLANKS.sub("_", BRACKETS.sub(" ", head).strip().casefold())


def _row(number: int, cells: Mapping[str, str], value: str, date: str, unit: str) -> Written:
    bound = BELOW.fullmatch(value)
    day = cells.get("day", "")
    if not cells[ID]:
        raise ScenarioError("no patient")
    if not day and not date:
        raise ScenarioError("neither a date nor a day")
    return Written(
        number,
        cells[ID],
        day_of(date),
        number_from(day, "day") if day else None,
        alc_from(bound[1] if bound else value, unit),
        bound is not None,
    )


def placed(
    found: Sequence[FoundPlan], written: Iterable[Written], pseudonym: Callable[[str], str]
) -> tuple[dict[int, tuple[Measured, ...]], list[Finding]]:
    """Counts by the number of their plan, and what was noticed.

    A patient is known by ID or by pseudonym; one who shares the ID with another by pseudonym alone. Of several plans of
    a patient a count belongs to the last that began on or before its date; before all of them, to the first.
    """
    plans: dict[str, list[FoundPlan]] = defaultdict(list)
    for plan, person in zip(found, persons(found), strict=True):
        if person:
            plans[person].append(plan)
    names = {who: who for who in plans} | {pseudonym(who): who for who in plans}
    by_patient: dict[str, list[Written]] = defaultdict(list)
    nobody: list[int] = []
    for row in written:
        who = names.get(" ".join(row.patient.casefold().split()))
        if who is None:
            nobody.append(row.number)
        else:
            by_patient[who].append(row)
    out: dict[int, tuple[Measured, ...]] = {}
    noticed: list[Finding] = []
    if nobody:
        what = f"{len(nobody)} rows of the counts (first: row {nobody[0]}) are of patients without a plan here"
        noticed.append(finding(NOBODY, what, "counts", "write the same ID as in the plans, or their pseudonym"))
    for who, rows in by_patient.items():
        parts, said_of = _parted(plans[who], rows)
        noticed += said_of
        for place, counts in parts.items():
            out[place], more = _ordered(counts, place)
            noticed += more
    return out, noticed


def _parted(plans: list[FoundPlan], rows: list[Written]) -> tuple[dict[int, list[Measured]], list[Finding]]:
    """Counts of one patient by plan."""
    begun = sorted((p for p in plans if p.row.treated), key=lambda p: (p.row.treated, p.place))
    out: dict[int, list[Measured]] = defaultdict(list)
    left: list[int] = []
    far: list[int] = []
    two: list[int] = []
    for row in rows:
        if row.day is not None and len(plans) == 1:
            place, day = plans[0].place, row.day
        elif row.date and begun and len(begun) == len(plans):
            plan = next((p for p in reversed(begun) if p.row.treated <= row.date), begun[0])
            place, day = plan.place, _since(plan, row)
        else:
            left.append(row.number)
            continue
        if len(plans) == 1 and _two_days(plans[0], row):
            two.append(row.number)
        elif abs(day) > FAR_D:
            far.append(row.number)
        else:
            out[place].append(Measured(day, row.value, row.below))
    noticed = []
    where = f"plan {plans[0].place}"
    if left:
        what = f"{len(left)} rows of the counts (first: row {left[0]}) could not be put on a day of the course"
        noticed.append(finding(UNPLACED, what, where, "give the first day of treatment of each plan in a manifest"))
    if two:
        what = f"{len(two)} rows of the counts (first: row {two[0]}) give a day that is not that of their date"
        noticed.append(finding(UNUSED, what, where, "leave one of them out"))
    if far:
        what = f"{len(far)} rows of the counts (first: row {far[0]}) lie ten years from the course and are not used"
        noticed.append(finding(ORDER, what, where, "correct the date"))
    return out, noticed


def _two_days(plan: FoundPlan, row: Written) -> bool:
    """Whether a count gives a day and a date that are not one."""
    known = row.day is not None and row.date and plan.row.treated
    return bool(known) and abs(_since(plan, row) - float(row.day or 0.0)) >= 1.0


def _since(plan: FoundPlan, row: Written) -> float:
    """Days from the first day of treatment to the date of a count. [d]"""
    return float((_date(row.date) - _date(plan.row.treated)).days)


def _date(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%d")


def _ordered(counts: Iterable[Measured], place: int) -> tuple[tuple[Measured, ...], list[Finding]]:
    """Counts in the order of their days, one a day: the lowest."""
    by_day: dict[float, Measured] = {}
    twice = 0
    for count in sorted(counts, key=lambda c: (c.day, c.value)):
        first = by_day.setdefault(count.day, count)
        twice += first.value != count.value
    noticed = [finding(TWICE, f"{twice} days with two counts that differ", f"plan {place}")] if twice else []
    return tuple(by_day.values()), noticed


def with_baseline(plan: FoundPlan, counts: Sequence[Measured]) -> tuple[FoundPlan, list[Finding]]:
    """The plan with the last count before its first fraction as the baseline, unless the manifest gives one."""
    before = [c for c in counts if c.day <= 0 and not c.below]
    if not before:
        return plan, []
    last, day = before[-1].value, before[-1].day
    given = plan.row.patient.alc
    if given is None:
        patient = replace(plan.row.patient, alc=last)
        what = f"the last count before the first fraction is from {-day:.0f} days before"
        old = [finding(OLD, what, f"plan {plan.place}", "give a count from the weeks before")] if day < -OLD_D else []
        return replace(plan, row=replace(plan.row, patient=patient)), old
    if abs(given - last) <= CLOSE * max(given, last):
        return plan, []
    what = f"the manifest gives {given:g}, the last count before is {last:g}: the manifest's is used"
    return plan, [finding(BASELINES, what, f"plan {plan.place}", "leave one of them out")]


def summary(counts: Sequence[Measured], until_d: float) -> dict[str, float | int | bool | None]:
    """Lowest count after the first fraction up to a day [d], its grade, and the count after the first week."""
    course = [c for c in counts if 0 < c.day <= until_d]
    if not course:
        return {"measured_counts": 0}
    low = min(course, key=lambda c: (c.value, c.day))
    return {
        "measured_counts": len(course),
        "measured_nadir": low.value,
        "measured_nadir_day": low.day,
        "measured_below": low.below,
        "measured_grade": _grade(low),
        "measured_week1": _first_week(course),
    }


def _first_week(course: Sequence[Measured]) -> float | None:
    """The count nearest to day 7, the earlier of two; None when there is none, or it is only a limit."""
    near = [c for c in course if FIRST_WEEK_D[0] <= c.day <= FIRST_WEEK_D[1]]
    nearest = min(near, key=lambda c: (abs(c.day - DAYS_A_WEEK), c.day), default=None)
    return None if nearest is None or nearest.below else nearest.value


def _grade(low: Measured) -> int | None:
    """CTCAE grade of a count; of one below a limit, only when every count below it is of one grade."""
    if not low.below:
        return int(grade([low.value])[0])
    return max(GRADE_BELOW) if low.value <= GRADE_BELOW[max(GRADE_BELOW)] else None
