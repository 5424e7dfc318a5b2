"""A search over conditioning schedules as rows: what meets the criteria, and the frontier."""

from __future__ import annotations

from lymphorisk.regimen.search import Found, SearchResult
from lymphorisk.report.conditioning.words import aligned, count_text, plain_text

#: Schedules listed; the JSON holds all.
LISTED = 15


def search_lines(search: SearchResult) -> list[str]:
    """Schedules found, nearest first, and the frontier of depth against duration."""
    lines = [search_title(search), *(f"  {line}" for line in aligned(listed_rows(search)))]
    return [*lines, FRONTIER, *(f"  {line}" for line in aligned(frontier_rows(search)))]


FRONTIER = "Frontier: no other schedule is both deeper at infusion and shorter below 0.2 after it"


def search_title(search: SearchResult) -> str:
    """How many schedules meet the criteria, and what the list holds."""
    met = len(search.meeting)
    head = (
        f"Search: {len(search.found)} schedules of {search.regimen.name} ({search.draws} draws), "
        f"{met} meet all criteria at once in at least {100 * search.share:.0f} % of the ensemble"
    )
    order = "nearest to the regimen as given first" if met else "listed by the share that meets all criteria at once"
    return f"{head}; {order}"


def listed_rows(search: SearchResult) -> list[list[str]]:
    """Heading and the schedules that meet, else those that come nearest to it."""
    return [_heading(search), *(_found(f, str(i)) for i, f in enumerate((search.meeting or search.found)[:LISTED], 1))]


def frontier_rows(search: SearchResult) -> list[list[str]]:
    """Heading and the schedules of the frontier, deepest first."""
    front = sorted((f for f in search.found if f.on_frontier), key=lambda f: f.depth)
    return [_heading(search), *(_found(f, "*") for f in front[:LISTED])]


def _heading(search: SearchResult) -> list[str]:
    names = [k.label for k in search.knobs]
    return ["", *names, "all met", "ALC day 0", "days <0.2 after", "window", "distance"]


def _found(f: Found, mark: str) -> list[str]:
    joint = "-" if f.joint is None else f"{100 * f.joint:.0f} %"
    window = "in" if f.in_window else "outside"
    return [
        mark,
        *(f"{value:g}" for _, value in f.schedule.settings),
        joint,
        count_text(f.depth),
        plain_text(f.duration),
        window,
        f"{f.schedule.distance:.2f}",
    ]
