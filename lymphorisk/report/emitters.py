"""Internal emitters of a result: doses of a cycle, half-lives, how the marrow dose was found."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lymphorisk.analysis.emitters import EmitterDose, emitter_doses, marrow_words
from lymphorisk.report.document import Block, Paragraph
from lymphorisk.report.table import Column, Table, tabled
from lymphorisk.report.wording import digits, plural, short

if TYPE_CHECKING:
    from lymphorisk.analysis.result import Analysis, PhaseSummary

TITLE = "Internal emitters, dose of one cycle"
POOLS = {"blood": "Blood", "marrow": "Marrow", "spleen": "Spleen", "nodes": "Nodes"}


def on_days(p: PhaseSummary) -> str:
    """The days of the cycles in words."""
    return f"day {p.days[0]:g}" if len(p.days) == 1 else f"days {', '.join(f'{d:g}' for d in p.days)}"


def table(a: Analysis) -> Table | None:
    """One row an emitter; None without any."""
    rows = [told for told in emitter_doses(a) if told is not None]
    if not rows:
        return None
    columns: tuple[Column[EmitterDose], ...] = (
        Column("Emitter", lambda e: short(e.emitter.name), width=3),
        Column("Cycles", lambda e: str(len(e.days)), numeric=True),
        Column("Activity GBq", lambda e: digits(e.emitter.activity_gbq), numeric=True),
        *(Column(f"{word} Gy", _dose(pool), numeric=True) for pool, word in POOLS.items()),
        Column("Effective half-life h", _hours, numeric=True, width=2),
        Column("Blood mGy/h at start", lambda e: digits(e.blood_mgy_h), numeric=True, width=2),
        Column("Marrow dose", lambda e: e.emitter.marrow_method, width=2),
    )
    return tabled(TITLE, rows, columns)


def _dose(pool: str) -> Callable[[EmitterDose], str]:
    return lambda e: digits(e.dose_gy[pool])


def _hours(e: EmitterDose) -> str:
    hours = [digits(e.half_life_h[pool]) for pool in POOLS]
    return hours[0] if len(set(hours)) == 1 else " / ".join(hours)


def notes(a: Analysis) -> tuple[str, ...]:
    """What the table does not say: range of the marrow dose, what stands in, where doses come from."""
    out = []
    for told in emitter_doses(a):
        if told is None:
            continue
        e = told.emitter
        cycles = plural(len(told.days), "cycle")
        out.append(f"{short(e.name)}, {cycles}: marrow dose {marrow_words(e.marrow_method)}.")
        out += [f"{short(e.name)}: {what}." for what in e.stands_in]
        if e.dose_from != "given":
            out.append(f"{short(e.name)}: {e.dose_from}.")
        if e.alpha:
            out.append(f"{short(e.name)}: alpha emitter, not validated.")
    return tuple(out)


def blocks(a: Analysis) -> tuple[Block, ...]:
    """The table and its notes for a page."""
    made = table(a)
    return () if made is None else (made, *(Paragraph(note, "small") for note in notes(a)))
