"""The comparison of conditioning regimens as a report, for any format."""

from __future__ import annotations

from datetime import date

from lymphorisk.conditioning.criteria import Judgement
from lymphorisk.regimen.chain import Comparison, RegimenForecast
from lymphorisk.regimen.search import SearchResult
from lymphorisk.report.conditioning.figures import counts_figure, frontier_figure
from lymphorisk.report.conditioning.search import FRONTIER, frontier_table, listed_table, search_title
from lymphorisk.report.conditioning.text import (
    COLUMNS,
    DAYS,
    all_findings,
    band_lines,
    calendar_table,
    given,
    hematotox_lines,
    metric_table,
    notes,
    ordered,
    paired_table,
    patient_line,
    regimen_title,
    source_lines,
    tally,
)
from lymphorisk.report.conditioning.words import name_of
from lymphorisk.report.document import Block, Bullets, Callout, Document, Figure, Paragraph, Section
from lymphorisk.report.legend import NARROW
from lymphorisk.report.noticed import explained, findings
from lymphorisk.report.table import Cell, Column, Table, tabled

TITLE = "Host lymphocyte count around infusion"
COUNTS = (
    "Median and 80 % band of each regimen. Shaded in its colour: days on which the product may be infused by the label "
    "on record. Grey: the measured count is no longer the host's. Dotted: 0.1, 0.2 and 0.5."
)


def report(comparison: Comparison, search: SearchResult | None = None) -> Document:
    """Plot, tables, criteria with evidence, exposure bands, findings, limits."""
    sections = [
        Section(
            "Counts",
            (Figure(counts_figure(comparison), COUNTS, counts_figure(comparison, NARROW)),),
        ),
        Section("Regimens, deepest at infusion first", _regimens(comparison)),
        *(_regimen(f, comparison.choices.infusion_date) for f in ordered(comparison)),
        Section("Fludarabine exposure and published bands", (Bullets(tuple(band_lines(comparison))),)),
    ]
    if comparison.hematotox is not None:
        sections.append(Section("CAR-HEMATOTOX", (Bullets(tuple(s.strip() for s in hematotox_lines(comparison))),)))
    if search is not None:
        sections.append(_search(search))
    sections += [
        Section("Findings", findings(all_findings(comparison))),
        Section("Sources", (Bullets(tuple(source_lines(comparison))),)),
        Section("Limits", (*(Paragraph(line) for line in notes(comparison)), _made(comparison))),
    ]
    lead = [patient_line(comparison)]
    partly = [f.regimen for f in comparison.forecasts if f.regimen.unmodelled]
    lead += [f"{name_of(regimen)}: the counts leave out what has no model." for regimen in partly]
    return explained(Document(TITLE, tuple(lead), tuple(sections)))


def _made(comparison: Comparison) -> Paragraph:
    c = comparison
    said = f"parameter set {c.parameter_set}, {c.choices.draws} draws, seed {c.choices.seed}"
    return Paragraph(f"lymphorisk {c.version}, {said}", "small")


def _regimens(comparison: Comparison) -> tuple[Block, ...]:
    regimens = ordered(comparison)
    blocks: list[Block] = [metric_table(regimens, COLUMNS), metric_table(regimens, DAYS)]
    if len(regimens) > 1:
        blocks.append(paired_table(comparison))
    return tuple(blocks)


def _regimen(f: RegimenForecast, infusion: date | None) -> Section:
    blocks: list[Block] = [Bullets(tuple(given(f)))]
    if f.regimen.unmodelled:
        names = ", ".join(f.regimen.unmodelled)
        why = f"The counts are of the radiation and the modelled drugs alone; the true ones lie below them ({names})."
        blocks.append(Callout("Part of this regimen is not in the model", (why, "No criterion on a count is judged.")))
    if (dates := calendar_table(f, infusion)) is not None:
        blocks.append(dates)
    blocks.append(judgement_table(f))
    blocks.append(Paragraph(f"Criteria: {tally(f)}."))
    if f.joint is not None:
        blocks.append(Paragraph(f"All criteria that can be judged, at once: {100 * f.joint:.0f} % of the ensemble."))
    return Section(regimen_title(f), tuple(blocks))


def judgement_table(f: RegimenForecast) -> Table:
    """The criteria of a regimen: state, share of the ensemble, median, and the evidence."""
    columns: tuple[Column[Judgement], ...] = (
        Column("criterion", _criterion, width=5),
        Column("state", lambda j: Cell(j.state, tag=j.state), width=2.4),
        Column("share", lambda j: "" if j.probability is None else f"{100 * j.probability:.0f} %", numeric=True),
        Column("median", lambda j: "" if j.value is None else f"{j.value:.2g}", numeric=True),
        Column("evidence", _evidence, width=7, style="wide"),
    )
    return tabled(f"Planner criteria of {f.regimen.name}", f.judgements, columns)


def _criterion(j: Judgement) -> str:
    return j.criterion.label + (f" ({j.reason})" if j.reason else "")


def _evidence(j: Judgement) -> str:
    c = j.criterion
    return f"{c.known}; {c.source}: {c.place}. {c.note}".rstrip()


def _search(search: SearchResult) -> Section:
    return Section(
        "Search",
        (
            Paragraph(search_title(search)),
            listed_table(search),
            Figure(frontier_figure(search), f"{FRONTIER}.", frontier_figure(search, NARROW)),
            frontier_table(search),
        ),
    )
