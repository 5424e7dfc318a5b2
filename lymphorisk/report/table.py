"""A table as every format lays it out: a column is declared once, with its head and what stands in its cells.

Heads and cells cannot part: whoever moves, drops or adds a column moves both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Generic, Literal, TypeVar

Row = TypeVar("Row")
#: How a column is set: plain, in wide cells, in fixed letters, the smaller cells of long names, words that a page does
#: not break, or codes of findings.
Style = Literal["", "wide", "from", "code", "whole", "rule"]
#: A page links the codes of such a column to their meaning.
CODES: Final = "rule"
GAP = "  "
#: A phone shows so many columns beside each other; a wider table is told line by line there, if it has few enough rows.
PHONE_COLUMNS, PHONE_ROWS = 5, 6


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in one place of a table.

    Attributes
    ----------
    text : str
        The same in every format.
    tag : str
        A page draws the text as a label of this class; empty for plain text.
    hint : str
        Shown by a page when a pointer rests on the cell.
    link, anchor : str
        Place in the same report that the text leads to, or that it is.
    """

    text: str
    tag: str = ""
    hint: str = ""
    link: str = ""
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """A column: its head, and the cell it makes of a row.

    Attributes
    ----------
    head : str
        Name and unit.
    cell : callable
        From a row to its text, or to a `Cell`.
    numeric : bool
        Cells end flush.
    width : float
        Share of a printed page beside the other columns.
    style : str
        How a page sets its cells.
    """

    head: str
    cell: Callable[[Row], str | Cell]
    numeric: bool = False
    width: float = 2.0
    style: Style = ""


@dataclass(frozen=True, slots=True)
class Head:
    """A column as a format sees it: no longer how its cells are made."""

    text: str
    numeric: bool = False
    width: float = 2.0
    style: Style = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under their heads; made by `tabled`."""

    kind: ClassVar[str] = "table"
    caption: str
    heads: tuple[Head, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def __post_init__(self) -> None:
        if any(len(row) != len(self.heads) for row in self.rows):
            raise ValueError(f"table {self.caption!r}: a row does not fit its heads")

    @property
    def stacked(self) -> bool:
        """Whether a phone shows a row as lines under each other: sentences, or more columns than it has room for."""
        if any(h.style == "wide" for h in self.heads):
            return True
        return len(self.heads) > PHONE_COLUMNS and len(self.rows) <= PHONE_ROWS

    def column(self, head: str) -> tuple[str, ...]:
        """The texts under a head.

        Raises
        ------
        KeyError
            No such head, or several.
        """
        at = [i for i, h in enumerate(self.heads) if h.text == head]
        if len(at) != 1:
            raise KeyError(head)
        return tuple(row[at[0]].text for row in self.rows)


def tabled(caption: str, rows: Iterable[Row], columns: Sequence[Column[Row]]) -> Table:
    """The table of `columns` over `rows`.

    Examples
    --------
    >>> made = tabled("squares", [2, 3], [Column("n", str), Column("n x n", lambda n: str(n * n), numeric=True)])
    >>> made.column("n x n")
    ('4', '9')
    """
    heads = tuple(Head(c.head, c.numeric, c.width, c.style) for c in columns)
    return Table(caption, heads, tuple(tuple(_cell(c.cell(row)) for c in columns) for row in rows))


def _cell(made: str | Cell) -> Cell:
    return made if isinstance(made, Cell) else Cell(made)


def text_lines(table: Table, indent: str = "  ", *, heads: bool = True) -> list[str]:
    """The table in aligned columns, for a terminal.

    Examples
    --------
    >>> columns = [Column("", lambda r: r[0]), Column("x", lambda r: f"{r[1]}", numeric=True)]
    >>> text_lines(tabled("", [("a", 1.0), ("bb", 10.0)], columns))
    ['         x', '  a    1.0', '  bb  10.0']
    """
    rows = [[cell.text for cell in row] for row in table.rows]
    if heads:
        rows.insert(0, [h.text for h in table.heads])
    if not rows:
        return []
    width = [max(len(row[i]) for row in rows) for i in range(len(table.heads))]
    flush = [h.numeric for h in table.heads]
    return [
        (indent + GAP.join(c.rjust(w) if f else c.ljust(w) for c, w, f in zip(row, width, flush, strict=True))).rstrip()
        for row in rows
    ]
