"""The forecast before and after counts, as text, JSON and page."""

from __future__ import annotations

from typing import Any

from lymphorisk.lymphocyte.update import Update
from lymphorisk.report import overlay, page
from lymphorisk.report.wording import chance, digits

SCHEMA = "lymphorisk/update/1"


def to_dict(made: Update) -> dict[str, Any]:
    """The envelope `lymphorisk/update/1`."""
    return {"schema": SCHEMA, **made.to_dict()}


def text(made: Update) -> str:
    """Counts, then prior and posterior side by side."""
    a, b = made.prior, made.posterior
    out = [
        "counts: " + ", ".join(f"day {day:g}: {value:g} x10^9/L" for day, value in made.counts),
        f"effective draws: {made.effective_draws:.0f} of {b.draws}",
        "",
        f"{'':28}{'before':>24}{'after':>24}",
    ]

    def line(label: str, x: str, y: str) -> None:
        out.append(f"{label:28}{x:>24}{y:>24}")

    def span(band: Any, digits: int) -> str:
        return f"{band.p50:.{digits}f} ({band.p05:.{digits}f} to {band.p95:.{digits}f})"

    line("nadir [10^9/L], 90 % band", span(a.nadir.count, 2), span(b.nadir.count, 2))
    line("day of the nadir", span(a.nadir.day, 0), span(b.nadir.day, 0))
    for g in ("2", "3", "4"):
        p, q = a.grade_probability[g], b.grade_probability[g]
        line(f"P(grade {g} or worse)", f"{100 * p:.0f} %", f"{100 * q:.0f} %")
    for edge in ("0.5", "0.2"):
        line(f"days below {edge}", span(a.days_below[edge], 0), span(b.days_below[edge], 0))
    if made.learned:
        out += ["", "what the counts say of this patient (sd from the average draw):"]
        out += [f"  {name:32}{z:+.1f}" for name, z in made.learned.items()]
    return "\n".join(out) + "\n"


def html(made: Update) -> str:
    """Before and after on one axis, with the measured counts."""
    a, b = made.prior, made.posterior

    def span(band: Any, significant: int) -> str:
        ends = [digits(v, significant) for v in (band.p50, band.p05, band.p95)]
        return f"{ends[0]} ({ends[1]} to {ends[2]})"

    rows = [("Nadir [10⁹/L], 90 % band", span(a.nadir.count, 2), span(b.nadir.count, 2))]
    rows.append(("Day of the nadir", span(a.nadir.day, 2), span(b.nadir.day, 2)))
    for g in ("2", "3", "4"):
        rows.append((f"Grade {g} or worse", chance(a.grade_probability[g]), chance(b.grade_probability[g])))
    for edge in ("0.5", "0.2"):
        rows.append((f"Days below {edge}", span(a.days_below[edge], 2), span(b.days_below[edge], 2)))
    counts = [(f"{day:g}", f"{value:g}") for day, value in made.counts]
    learned = [(name.replace("_", " ").replace(".", " "), f"{z:+.1f}") for name, z in made.learned.items()]
    lead = (
        f"With {len(made.counts)} measured count{'s' if len(made.counts) > 1 else ''} the forecast nadir moves from "
        f"{digits(a.nadir.median, 2)} to {digits(b.nadir.median, 2)} ×10⁹/L (90 % band {digits(b.nadir.p05, 2)} to "
        f"{digits(b.nadir.p95, 2)}); the chance of grade 4 from {chance(a.grade_probability['4'])} to "
        f"{chance(b.grade_probability['4'])}."
    )
    drawn = overlay.forecasts([("before", a), ("after", b)], made.counts, "update")
    sections = [
        page.Section(
            "Forecast before and after",
            figures=((drawn, "Thick: medians. Thin: 80 % bands. Squares: measured counts."),),
            tables=(page.Table("Before and after", ("", "Before", "After"), rows, (1, 2)),),
        ),
        page.Section(
            "What the counts say",
            (
                f"{made.effective_draws:.0f} of {b.draws} draws carry the forecast "
                f"(seed {b.seed}, ensemble {b.ensemble_id}, CTCAE {b.ctcae}).",
            ),
            tables=(
                page.Table("Measured counts", ("Day", "Count [10⁹/L]"), counts, (1,)),
                *(
                    [page.Table("This patient, in sd from the average draw", ("Parameter", "sd"), learned, (1,))]
                    if learned
                    else ()
                ),
            ),
        ),
    ]
    return page.render("Mid-course update of the forecast", [lead], sections)
