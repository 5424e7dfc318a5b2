"""The forecast before and after counts, as text, JSON and page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lymphorisk.lymphocyte.update import Update
from lymphorisk.report import overlay
from lymphorisk.report.document import Block, Bullets, Document, Figure, Paragraph, Section
from lymphorisk.report.learned import sentences
from lymphorisk.report.legend import NARROW
from lymphorisk.report.noticed import explained
from lymphorisk.report.table import Column, Table, tabled, text_lines
from lymphorisk.report.wording import chance, digits, plural

SCHEMA = "lymphorisk/update/1"


def to_dict(made: Update) -> dict[str, Any]:
    """The envelope `lymphorisk/update/1`."""
    return {"schema": SCHEMA, **made.to_dict(), "says": list(says(made))}


@dataclass(frozen=True, slots=True)
class Change:
    """A number of the forecast before and after the counts, as printed."""

    name: str
    before: str
    after: str


def changes(made: Update) -> Table:
    """Nadir, grades and days below, before and after."""
    a, b = made.prior, made.posterior
    rows = [
        Change("Nadir [10⁹/L], 90 % band", _span(a.nadir.count, 2), _span(b.nadir.count, 2)),
        Change("Nadir, 90 % between", a.nadir.span, b.nadir.span),
        Change("Lowest weekly count, measured", _span(a.measured.lowest, 2), _span(b.measured.lowest, 2)),
    ]
    rows += [
        Change(f"Grade {g} or worse", chance(a.grade_probability[g]), chance(b.grade_probability[g]))
        for g in ("2", "3", "4")
    ]
    rows += [
        Change(f"Days below {edge}", _span(a.days_below[edge], 0), _span(b.days_below[edge], 0))
        for edge in ("0.5", "0.2")
    ]
    return tabled(
        "Before and after",
        rows,
        (
            Column("", lambda r: r.name, width=4),
            Column("Before", lambda r: r.before, numeric=True, width=3),
            Column("After", lambda r: r.after, numeric=True, width=3),
        ),
    )


def _span(band: Any, places: int) -> str:
    return f"{band.p50:.{places}f} ({band.p05:.{places}f} to {band.p95:.{places}f})"


def counts(made: Update) -> Table:
    """The measured counts."""
    return tabled(
        "Measured counts",
        made.counts,
        (
            Column("Day", lambda c: f"{c[0]:g}", numeric=True),
            Column("Count [10⁹/L]", lambda c: f"{c[1]:g}", numeric=True),
        ),
    )


def says(made: Update) -> tuple[str, ...]:
    """What the counts say of this patient, in words."""
    return sentences(made.learned, made.chemo)


def text(made: Update) -> str:
    """Counts, then prior and posterior side by side."""
    out = [
        *text_lines(counts(made), ""),
        f"effective draws: {made.effective_draws:.0f} of {made.posterior.draws}",
        "",
        *text_lines(changes(made), ""),
    ]
    if made.findings:
        out += ["", "not used:", *(f"  {f.code} {f.what}; {f.hint}" for f in made.findings)]
    if told := says(made):
        out += ["", "what the counts say: this patient", *(f"  {one}" for one in told)]
    return "\n".join(out) + "\n"


def report(made: Update) -> Document:
    """Before and after on one axis, with the measured counts."""
    a, b = made.prior, made.posterior
    lead = (
        f"With {plural(len(made.counts), 'measured count')} the forecast nadir moves from "
        f"{digits(a.nadir.median, 2)} to {digits(b.nadir.median, 2)} ×10⁹/L (90 % band {digits(b.nadir.p05, 2)} to "
        f"{digits(b.nadir.p95, 2)}), {b.nadir.when}; the chance of grade 4 from {chance(a.grade_probability['4'])} to "
        f"{chance(b.grade_probability['4'])}."
    )
    drawn = overlay.forecasts([("before", a), ("after", b)], made.counts, "update")
    narrow = overlay.forecasts([("before", a), ("after", b)], made.counts, "update", NARROW)
    weighed = (
        f"{made.effective_draws:.0f} of {b.draws} draws carry the forecast "
        f"(seed {b.seed}, ensemble {b.ensemble_id}, CTCAE {b.ctcae})."
    )
    sections = (
        Section(
            "Forecast before and after",
            (Figure(drawn, "Thick: medians. Thin: 80 % bands. Squares: measured counts.", narrow), changes(made)),
        ),
        Section(
            "What the counts say",
            (*_told(made), counts(made), *_left_out(made), Paragraph(weighed)),
        ),
    )
    return explained(Document("Mid-course update of the forecast", (lead,), sections))


def _left_out(made: Update) -> tuple[Block, ...]:
    if not made.findings:
        return ()
    return (Paragraph("Not used"), Bullets(tuple(f"{f.code} {f.what}; {f.hint}" for f in made.findings)))


def _told(made: Update) -> tuple[Block, ...]:
    told = says(made)
    return (Paragraph("By its counts this patient"), Bullets(told)) if told else ()
