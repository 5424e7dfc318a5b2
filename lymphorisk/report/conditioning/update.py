"""A regimen before and after counts, as text, JSON and page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lymphorisk.conditioning.criteria import METRICS
from lymphorisk.regimen.chain import RegimenForecast
from lymphorisk.regimen.update import RegimenUpdate
from lymphorisk.report.conditioning.json_ import regimen_json, rounded
from lymphorisk.report.conditioning.text import given, state_text
from lymphorisk.report.conditioning.words import name_of, shown
from lymphorisk.report.document import Block, Bullets, Callout, Document, Paragraph, Section
from lymphorisk.report.noticed import explained, findings
from lymphorisk.report.table import Column, Table, tabled, text_lines
from lymphorisk.report.wording import plural

SCHEMA = "lymphorisk/conditioning-update/1"
#: What is told before and after.
TOLD = (
    "alc_at_infusion", "alc_nadir", "alc_day_30", "day_back", "days_below_0_2_before", "days_below_0_2_after",
    "days_below_0_1_after", "days_below_0_2_beyond_day_30",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """A line: name, before, after."""

    name: str
    before: str
    after: str


def to_dict(made: RegimenUpdate) -> dict[str, Any]:
    """The envelope `lymphorisk/conditioning-update/1`."""
    return {
        "schema": SCHEMA,
        "counts": [{"day": day, "alc": value} for day, value in made.counts],
        "effective_draws": rounded(made.effective_draws),
        "prior": regimen_json(made.prior),
        "posterior": regimen_json(made.posterior),
        "findings": [f.to_dict() for f in made.findings],
    }


def changes(made: RegimenUpdate) -> Table:
    """Numbers of the forecast before and after."""
    rows = [
        Change(METRICS[m].label, shown(m, made.prior.metrics[m]), shown(m, made.posterior.metrics[m])) for m in TOLD
    ]
    return _table("Before and after the counts: median and 90 % range", rows)


def criteria(made: RegimenUpdate) -> Table:
    """Planner criteria before and after."""
    pairs = zip(made.prior.judgements, made.posterior.judgements, strict=True)
    rows = [Change(a.criterion.label, state_text(a), state_text(b)) for a, b in pairs]
    rows.append(Change("all that can be judged, at once", _share(made.prior), _share(made.posterior)))
    return _table("Planner criteria before and after", rows)


def _share(f: RegimenForecast) -> str:
    return "" if f.joint is None else f"{100 * f.joint:.0f} %"


def _table(title: str, rows: list[Change]) -> Table:
    return tabled(
        title,
        rows,
        (
            Column("", lambda r: r.name, width=5),
            Column("before", lambda r: r.before, width=3),
            Column("after", lambda r: r.after, width=3),
        ),
    )


def _lead(made: RegimenUpdate) -> str:
    used = ", ".join(f"{value:g} on day {day:g}" for day, value in made.counts)
    weighed = f"{made.effective_draws:.0f} draws carry the forecast"
    return f"{name_of(made.prior.regimen)} with {plural(len(made.counts), 'measured count')} ({used}): {weighed}."


def text(made: RegimenUpdate) -> str:
    """Counts, then prior and posterior side by side."""
    out = [_lead(made), *(f"  {line}" for line in given(made.prior)), ""]
    out += [*text_lines(changes(made), ""), "", *text_lines(criteria(made), "")]
    if made.findings:
        out += ["", "not used:", *(f"  {f.code} {f.what}; {f.hint}" for f in made.findings)]
    return "\n".join(line.rstrip() for line in [*out, "", NOTE]) + "\n"


NOTE = "Counts are the host's. Research and QA use, not a dosing tool."


def report(made: RegimenUpdate) -> Document:
    """Before and after as a page."""
    blocks: list[Block] = [Bullets(tuple(given(made.prior))), changes(made), criteria(made)]
    if made.prior.regimen.unmodelled:
        names = ", ".join(made.prior.regimen.unmodelled)
        blocks.insert(0, Callout("Part of this regimen is not in the model", (f"The counts are without {names}.",)))
    sections = [Section("Before and after", tuple(blocks))]
    if made.findings:
        sections.append(Section("Not used", findings(made.findings)))
    sections.append(Section("Limits", (Paragraph(NOTE),)))
    return explained(Document("Host lymphocyte count around infusion, updated", (_lead(made),), tuple(sections)))
