"""Other schedules of a plan side by side: doses of the prescription beside what each costs in lymphocytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lymphorisk.analysis.schedules import Cost, alpha_beta, own_schedule_of
from lymphorisk.report.document import Paragraph, Section
from lymphorisk.report.table import Column, Table, tabled
from lymphorisk.report.wording import chance, digits

if TYPE_CHECKING:
    from lymphorisk.analysis import Analysis

NOTE = (
    "The geometry, margins and beam-on times of the plan are held and its doses scaled; BED and EQD2 are of the "
    "prescription, by the linear-quadratic model, which is not shown for single doses this large. Which schedule helps "
    "an immune response is not in it (docs/statements.md)."
)


def rows(a: Analysis) -> list[tuple[str, Cost]]:
    """The plan's own schedule, then those that were asked for; none where none was."""
    asked = [w.cost for w in a.what_ifs if w.cost is not None]
    own = own_schedule_of(a)
    if not asked or own is None:
        return []
    return [(f"{own.text}, as planned", Cost(own, a.forecast)), *((c.schedule.text, c) for c in asked)]


def table(a: Analysis) -> Table | None:
    """A line a schedule; None where none was asked for."""
    found = rows(a)
    if not found:
        return None
    columns: tuple[Column[tuple[str, Cost]], ...] = (
        Column("Schedule", lambda r: r[0], width=4),
        Column("Total Gy", lambda r: digits(r[1].schedule.total_gy, 3), numeric=True),
        Column(f"BED{alpha_beta():g} Gy", lambda r: digits(r[1].schedule.bed_gy, 3), numeric=True),
        Column("EQD2 Gy", lambda r: digits(r[1].schedule.eqd2_gy, 3), numeric=True),
        Column("Nadir", lambda r: digits(r[1].forecast.nadir.median, 2), numeric=True),
        Column(
            "90 % band",
            lambda r: f"{digits(r[1].forecast.nadir.p05, 2)} to {digits(r[1].forecast.nadir.p95, 2)}",
            numeric=True,
            width=3,
        ),
        Column("P(grade 3+)", lambda r: chance(r[1].forecast.grade_probability["3"]), numeric=True),
        Column("P(grade 4)", lambda r: chance(r[1].forecast.grade_probability["4"]), numeric=True),
        Column("Days below 0.5", lambda r: f"{r[1].forecast.days_below['0.5'].p50:.0f}", numeric=True),
    )
    return tabled("Schedules side by side, nadir in 10⁹/L", found, columns)


def sections(a: Analysis) -> tuple[Section, ...]:
    """The page's section, where schedules were asked for."""
    made = table(a)
    return () if made is None else (Section("Other schedules", (made, Paragraph(NOTE, "small"))),)
