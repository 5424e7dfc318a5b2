"""What stands at the top of every report: the numbers, without a verdict, and how weak they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lymphorisk.absent import Absent
from lymphorisk.report.wording import POOL_LABELS, chance, digits, short

if TYPE_CHECKING:
    from lymphorisk.analysis import Analysis


#: Longest reason of a voice that declines; its findings hold all of it. [characters]
REASON_MAX = 200
#: Share of the loss from which a pool is named.
MATTERS = 0.01
#: Share of an organ below which a drawn part speaks for little of it.
HALF = 0.5


def headline(a: Analysis) -> list[str]:
    """The answer in three sentences: count and risk of the course, and risk by measured counts."""
    f = a.forecast
    start = f"{digits(f.baseline_alc, 2)}{'' if f.baseline_known else ' (a cohort median, not measured)'}"
    count = (
        f"The lymphocyte count is forecast to fall from {start} to {digits(f.nadir.median, 2)} x10^9/L "
        f"(90 % band {digits(f.nadir.p05, 2)} to {digits(f.nadir.p95, 2)}) {f.nadir.when}."
    )
    g = f.grade_probability
    risk = (
        f"Probability that the nadir of the course reaches CTCAE {f.ctcae} grade 3 or worse (< 0.5): "
        f"{chance(g.get('3'))}; grade 4 (< 0.2): {chance(g.get('4'))}."
    )
    m = f.measured
    measured = (
        f"By measured counts, once a week up to day {m.until_d:.0f}, which wander around the course: grade 3 or worse "
        f"{chance(m.grade_probability.get('3'))}, grade 4 {chance(m.grade_probability.get('4'))}."
    )
    return [count, risk, measured]


def _placed(a: Analysis) -> list[str]:
    """Pools that matter to the nadir and whose organs are placed, or drawn by less than half."""
    from lymphorisk.analysis.doses import POOL_ORGAN

    out = []
    for pool, name in POOL_ORGAN.items():
        organ = a.organs.get(name)
        if organ is None or a.attribution.get(pool, 0.0) < MATTERS:
            continue
        if organ.source == "placed" or (organ.source == "derived" and organ.share < HALF):
            out.append(POOL_LABELS.get(pool, pool).lower())
    return out


def weakness(a: Analysis) -> list[str]:
    """What makes this answer weaker than it looks, most important first."""
    out = []
    if not a.forecast.baseline_known:
        out.append("No baseline count was given: a cohort median stands in.")
    if standing_in := a.course.surrogates:
        named = ", ".join(POOL_LABELS.get(p, p).lower() for p in standing_in if p != "elsewhere")
        if named:
            out.append(f"Not contoured, or less than half: {named}. The body's diluted dose stands in.")
    if placed := _placed(a):
        out.append(
            f"Not contoured, or less than half: {', '.join(placed)}. "
            "The reference body, placed in this patient, stands in; the band holds its error."
        )
    if any(b.time_source == "assumed" for p in a.phases for b in p.beams):
        out.append("Beam-on times are assumed: they shape the blood dose histogram, not its mean.")
    if any(p.schedule.endswith("assumed") for p in a.phases):
        out.append("The calendar is assumed: one fraction a working day, without breaks.")
    learned = a.risk.learned
    if isinstance(learned, Absent) and a.provenance.model_name:
        out.append(f"The trained predictor gives no number: {short(learned.reason, REASON_MAX)}.")
    errors = sum(f.severity == "error" for f in a.findings)
    if errors:
        out.append(
            f"{errors} finding{'s' if errors > 1 else ''} of severity error: read them before using the numbers."
        )
    return out
