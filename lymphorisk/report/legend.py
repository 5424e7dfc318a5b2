"""Names of lines and marks, set under a figure or above it in as many rows as its width asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lymphorisk.report.svg import Drawing, text_width

#: Widths a figure is drawn in: a whole page, and a phone or half a page. [px]
WIDE, NARROW = 960, 360
ROW = 24.0
SAMPLE, GAP = 30.0, 8.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A name with a sample of its line (`kind` with `dash`), band, or mark (`shape`)."""

    text: str
    kind: str = ""
    dash: str = ""
    shape: str = ""
    look: str = "label"
    letter: str = ""


def rows_of(entries: Sequence[Entry], width: float) -> list[list[tuple[float, Entry]]]:
    """Entries with the place each begins at, in rows no wider than `width`."""
    rows: list[list[tuple[float, Entry]]] = [[]]
    at = 0.0
    for entry in entries:
        needed = SAMPLE + GAP + text_width(entry.text)
        if rows[-1] and at + needed > width:
            rows.append([])
            at = 0.0
        rows[-1].append((at, entry))
        at += needed + 2 * GAP
    return rows


def legend_height(entries: Sequence[Entry], width: float) -> float:
    """Room a legend takes. [px]"""
    return ROW * len(rows_of(entries, width)) if entries else 0.0


def legend(d: Drawing, entries: Sequence[Entry], left: float, top: float, width: float) -> float:
    """Draw entries from `top` down; gives where they end. [px]"""
    if not entries:
        return top
    rows = rows_of(entries, width)
    for k, row in enumerate(rows):
        middle = top + ROW * (k + 0.5)
        for at, entry in row:
            _sample(d, entry, left + at, middle)
            d.text(left + at + SAMPLE + GAP, middle + 5, entry.text, entry.look)
    return top + ROW * len(rows)


def _sample(d: Drawing, entry: Entry, left: float, middle: float) -> None:
    if entry.kind.startswith(("band", "area")) or entry.kind == "beyond":
        d.rect(left, middle - 7, SAMPLE, 14, entry.kind)
    elif entry.shape:
        d.mark(left + SAMPLE / 2, middle, entry.shape, entry.kind)
    elif entry.kind:
        d.line([(left, middle), (left + SAMPLE, middle)], entry.kind, entry.dash)
    if entry.letter:
        letter(d, left + SAMPLE / 2, middle, entry.letter, entry.kind.split()[-1])


def letter(d: Drawing, x: float, y: float, name: str, colour: str) -> None:
    """A letter in a ring, which names a line without its colour."""
    d.mark(x, y, "circle", f"letter {colour}", 9.5)
    d.text(x, y + 5, name, "letter-text", "middle")
