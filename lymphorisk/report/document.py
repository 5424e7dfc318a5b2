"""A report as blocks under headings; formats lay it out, nobody else does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from lymphorisk.report.svg import Drawing
from lymphorisk.report.table import Table
from lymphorisk.version import __version__

TITLE = "Lymphocyte report"


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A few sentences; `weight` is ``plain``, ``strong`` or ``small``."""

    kind: ClassVar[str] = "paragraph"
    text: str
    weight: str = "plain"


@dataclass(frozen=True, slots=True)
class Bullets:
    """Sentences under one another."""

    kind: ClassVar[str] = "bullets"
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Callout:
    """What a reader must not miss."""

    kind: ClassVar[str] = "callout"
    title: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Subheading:
    """A heading inside a section."""

    kind: ClassVar[str] = "subheading"
    text: str


@dataclass(frozen=True, slots=True)
class Tiles:
    """Numbers a reader looks for first: label, value, what else."""

    kind: ClassVar[str] = "tiles"
    tiles: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of somebody: name, value, where it came from."""

    title: str
    facts: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing with its caption; where it has no room, `narrow` is drawn in its place."""

    kind: ClassVar[str] = "figure"
    drawing: Drawing
    caption: str
    narrow: Drawing | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure another package drew, as an SVG element; only a page can show it."""

    kind: ClassVar[str] = "picture"
    key: str
    svg: str
    caption: str


@dataclass(frozen=True, slots=True)
class Beside:
    """Blocks left and right; under one another where there is no room."""

    kind: ClassVar[str] = "beside"
    left: tuple[Block, ...]
    right: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Folded:
    """Blocks a reader may unfold."""

    kind: ClassVar[str] = "folded"
    summary: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Signatures:
    """Lines to sign on."""

    kind: ClassVar[str] = "signatures"
    names: tuple[str, ...]


Block = Paragraph | Bullets | Callout | Subheading | Tiles | Figure | Picture | Beside | Folded | Signatures | Table


@dataclass(frozen=True, slots=True)
class Section:
    """What stands under one heading."""

    heading: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """One report.

    Attributes
    ----------
    title : str
        Its first line.
    lead : tuple of str
        The answer in sentences.
    sections : tuple of Section
    opening : tuple of Block
        What stands between the answer and the first heading.
    meta : tuple of str
        Lines under the title.
    above : str
        A line above the title.
    facts : Facts, optional
        Who it is about, in the head.
    """

    title: str
    lead: tuple[str, ...]
    sections: tuple[Section, ...]
    opening: tuple[Block, ...] = ()
    meta: tuple[str, ...] = ()
    above: str = field(default=f"lymphorisk {__version__}")
    facts: Facts | None = None

    def tables(self) -> tuple[Table, ...]:
        """Every table, in order."""
        return tuple(b for b in self.blocks() if isinstance(b, Table))

    def figures(self) -> tuple[Figure, ...]:
        """Every figure of our own, in order."""
        return tuple(b for b in self.blocks() if isinstance(b, Figure))

    def blocks(self) -> tuple[Block, ...]:
        """Every block, those inside others too, in order."""
        return walk((*self.opening, *(b for s in self.sections for b in s.blocks)))


def walk(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
    """Blocks and the blocks inside them, in order."""
    out: list[Block] = []
    for block in blocks:
        out.append(block)
        if isinstance(block, Beside):
            out += walk((*block.left, *block.right))
        if isinstance(block, Folded):
            out += walk(block.blocks)
    return tuple(out)
