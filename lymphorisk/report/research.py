"""Research output in words: subsets, the neutrophil ratio, outcome by publications, dose windows of reviews."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lymphorisk.analysis.beside import OUTCOME_NOTE, RATIO_NOTE, SUBSETS_NOTE, sentence
from lymphorisk.analysis.schedules import own_schedule_of, windows_met
from lymphorisk.parameters import sources
from lymphorisk.parameters.windows import NOTE as WINDOWS_NOTE
from lymphorisk.parameters.windows import DoseWindow
from lymphorisk.report.document import Paragraph, Section
from lymphorisk.report.table import Column, Table, tabled
from lymphorisk.report.wording import digits, percent

if TYPE_CHECKING:
    from lymphorisk.analysis import Analysis
    from lymphorisk.analysis.beside import Beside
    from lymphorisk.lymphocyte.subsets import SubsetForecast

NAMES = {"cd4": "CD4 T", "cd8": "CD8 T", "b": "B", "nk": "NK"}


def subsets(b: Beside) -> Table:
    """Each subset: its share before, its lowest count, and the count at the end of the forecast. [10^9/L]"""

    def last(s: SubsetForecast) -> str:
        return f"{digits(float(s.bands['median'][-1]), 2)}"

    def lowest(s: SubsetForecast) -> str:
        return f"{digits(s.nadir.median, 2)} ({digits(s.nadir.p05, 2)} to {digits(s.nadir.p95, 2)})"

    columns: tuple[Column[SubsetForecast], ...] = (
        Column("Subset", lambda s: NAMES[s.name], width=2),
        Column("Of all before", lambda s: percent(s.share), numeric=True),
        Column("Share of", lambda s: "the patient" if s.known else "typical", width=2),
        Column("Lowest (90 %)", lowest, numeric=True, width=3),
        Column("At the end", last, numeric=True),
    )
    return tabled("Subsets [10⁹/L]: research output", b.subsets, columns)


def said(b: Beside) -> list[str]:
    """Sentences on the subsets and on the ratio."""
    r = b.ratio
    first, end = (r.ratio["median"][0], r.at_end())
    whose = "the patient's" if r.known else "of typical patients"
    return [
        SUBSETS_NOTE,
        f"Neutrophil to lymphocyte ratio: {digits(float(first), 2)} before ({whose}), {digits(end['median'], 2)} "
        f"({digits(end['p05'], 2)} to {digits(end['p95'], 2)}) at the end of the course. {RATIO_NOTE}",
    ]


def outcomes(b: Beside) -> list[str]:
    """What publications say of lymphopenia and outcome, and what speaks against it."""
    rows = [f"{'Against it: ' if a.against else ''}{sentence(a)} ({a.source})" for a in b.outcome]
    return [f"Outcome in publications. {OUTCOME_NOTE}", *rows]


def windows(a: Analysis) -> list[str]:
    """What reviews say of the dose of a fraction of this plan; empty without a prescribed dose or without a window."""
    own, found = own_schedule_of(a), windows_met(a)
    if own is None or not found:
        return []
    dose = f"{digits(own.total_gy / own.fractions, 3)} Gy a fraction, BED10 {digits(own.bed_gy, 3)} Gy"
    return [f"{dose}. {WINDOWS_NOTE}", *(window_sentence(w) for w in found)]


def window_sentence(w: DoseWindow) -> str:
    """A window in words, with its source."""
    return f"{w.span}: {w.says}; shown in: {w.shown_in} ({sources()[w.source].citation.split(' (')[0]})"


def sections(a: Analysis) -> tuple[Section, ...]:
    """The page's section, where there is any research output."""
    b = a.beside
    if b is None:
        return ()
    words = (*said(b), *outcomes(b), *windows(a))
    return (Section("Beside the forecast: research output", (subsets(b), *(Paragraph(w, "small") for w in words))),)
