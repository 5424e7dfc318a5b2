"""A search over conditioning schedules as rows: what meets the criteria, and the frontier."""

from __future__ import annotations

from lymphorisk.regimen.search import Found, SearchResult
from lymphorisk.report.conditioning.words import count_text, name_of, plain_text
from lymphorisk.report.table import Column, Table, tabled, text_lines

#: Schedules listed; the JSON holds all.
LISTED = 15


def search_lines(search: SearchResult) -> list[str]:
    """Schedules found, nearest first, and the frontier of depth against duration."""
    lines = [search_title(search), *text_lines(listed_table(search))]
    return [*lines, FRONTIER, *text_lines(frontier_table(search))]


FRONTIER = "Frontier: no other schedule is both deeper at infusion and shorter below 0.2 after it"


def search_title(search: SearchResult) -> str:
    """How many schedules meet the criteria, and what the list holds."""
    met = len(search.meeting)
    what = f"{' and '.join(search.asked)} at once" if search.asked else "all criteria at once"
    head = (
        f"Search: {len(search.found)} schedules of {name_of(search.regimen)} ({search.draws} draws), "
        f"{met} meet {what} in at least {100 * search.share:.0f} % of the ensemble"
    )
    order = "nearest to the regimen as given first" if met else f"listed by the share that meets {what}"
    if search.regimen.unmodelled:
        order = f"none can be said to: {', '.join(search.regimen.unmodelled)} is not in the model"
    return f"{head}; {order}"


def listed_table(search: SearchResult) -> Table:
    """The schedules that meet, nearest first, else those that come nearest to it."""
    numbered = [(str(i), f) for i, f in enumerate((search.meeting or search.found)[:LISTED], 1)]
    return tabled("Schedules", numbered, _columns(search))


def frontier_table(search: SearchResult) -> Table:
    """The schedules of the frontier, deepest first."""
    front = sorted((f for f in search.found if f.on_frontier), key=lambda f: f.depth)
    return tabled("Frontier", [("*", f) for f in front[:LISTED]], _columns(search))


Marked = tuple[str, Found]


def _columns(search: SearchResult) -> list[Column[Marked]]:
    columns: list[Column[Marked]] = [Column("", lambda r: r[0], width=1)]
    columns += [_setting(i, knob.label) for i, knob in enumerate(search.knobs)]
    return [
        *columns,
        Column("all met", lambda r: "-" if r[1].joint is None else f"{100 * r[1].joint:.0f} %", numeric=True),
        Column("ALC day 0", lambda r: count_text(r[1].depth), numeric=True),
        Column("days <0.2 after", lambda r: plain_text(r[1].duration), numeric=True),
        Column("window", lambda r: "in" if r[1].in_window else "outside"),
        Column("distance", lambda r: f"{r[1].schedule.distance:.2f}", numeric=True),
    ]


def _setting(i: int, label: str) -> Column[Marked]:
    return Column(label, lambda r: f"{r[1].schedule.settings[i][1]:g}", numeric=True)
