"""The calendar of a drug or of cells in words and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lymphorisk.analysis.therapy import NOTE
from lymphorisk.parameters import sources
from lymphorisk.report import figures
from lymphorisk.report.document import Figure, Paragraph, Section
from lymphorisk.report.legend import NARROW
from lymphorisk.report.table import Column, Table, tabled
from lymphorisk.report.wording import digits, percent, short

if TYPE_CHECKING:
    from lymphorisk.analysis import Analysis
    from lymphorisk.analysis.therapy import TherapyCalendar, TherapyDay
    from lymphorisk.lymphocyte.summary import Band

TITLE = "Days of drugs and cells"
NONE = "–"


def table(calendar: TherapyCalendar) -> Table:
    """Each day: the count, and the dose of the fractions after it."""
    after = f"{calendar.after_d:g} d after"
    columns: tuple[Column[TherapyDay], ...] = (
        Column("Therapy", lambda d: short(d.name), width=2),
        Column("Day", lambda d: str(d.day), numeric=True),
        Column("From the last fraction", lambda d: f"{d.after_course_d:+.0f} d", numeric=True, width=2),
        Column("Count [10⁹/L] (90 %)", lambda d: NONE if d.count is None else _band(d.count), numeric=True, width=3),
        Column(f"P(< {calendar.low_count:g})", lambda d: NONE if d.p_low is None else percent(d.p_low), numeric=True),
        Column(f"Fractions, {after}", lambda d: str(d.fractions_after), numeric=True),
        Column("Blood [Gy]", lambda d: f"{digits(d.blood_gy, 2)}", numeric=True),
        Column("Nodes [Gy]", lambda d: f"{digits(d.nodes_gy, 2)}", numeric=True),
    )
    return tabled(f"{TITLE}: the count on the day, the radiation dose of the fractions {after}", calendar.days, columns)


def sentences(calendar: TherapyCalendar) -> list[str]:
    """What the window says, and what the calendar is."""
    out = []
    w = calendar.window
    if w is not None:
        out.append(
            f"In a window of day {w.first_d:g} to {w.last_d:g} (after the last fraction as in a published trial: "
            f"{sources()[w.source].citation}) the forecast count is {_band(w.first_count)} on its first day and "
            f"{_band(w.last_count)} on its last; its median is highest on day {w.best_d:g}. That an earlier or a later "
            "start inside it is better was not randomised."
        )
    else:
        out.append("The window after the course ends beyond the forecast: raise --horizon.")
    return [*out, NOTE]


CAPTION = (
    "The count over time, as above, with a line on each day a drug or cells are given, and the window after the course "
    "shaded."
)


def section(a: Analysis) -> tuple[Section, ...]:
    """The report's section; none without therapies."""
    calendar, wide = a.therapies, figures.therapy_figure(a)
    if calendar is None or wide is None:
        return ()
    drawn = Figure(wide, CAPTION, figures.therapy_figure(a, NARROW))
    return (Section(TITLE, (drawn, table(calendar), *(Paragraph(text) for text in sentences(calendar)))),)


def _band(b: Band) -> str:
    return f"{digits(b.p50, 2)} ({digits(b.p05, 2)} to {digits(b.p95, 2)})"
