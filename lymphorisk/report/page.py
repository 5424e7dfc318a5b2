"""A plain page: sentences, figures and tables under headings, in the style of the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lymphorisk.report.html import template
from lymphorisk.report.svg import Drawing
from lymphorisk.report.wording import NOT_A_DEVICE
from lymphorisk.version import __version__


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head; columns in `numeric` end flush."""

    caption: str
    head: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    numeric: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """What stands under one heading; figures come with their captions."""

    heading: str
    texts: tuple[str, ...] = ()
    figures: tuple[tuple[Drawing, str], ...] = ()
    tables: tuple[Table, ...] = ()


def render(title: str, lead: Sequence[str], sections: Sequence[Section]) -> str:
    """One self-contained HTML page."""
    return template("plain.html").render(
        title=title,
        lead=lead,
        sections=[
            {
                "heading": s.heading,
                "texts": s.texts,
                "figures": [(drawing.svg(), caption) for drawing, caption in s.figures],
                "tables": s.tables,
            }
            for s in sections
        ],
        version=__version__,
        not_a_device=NOT_A_DEVICE,
    )
