"""The forecast before and after counts, as text and JSON."""

from __future__ import annotations

from typing import Any

from lymphorisk.lymphocyte.update import Update

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
