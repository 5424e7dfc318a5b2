"""A report as PDF, A4: the blocks of the page, figures drawn from the same shapes; needs the extra ``pdf``."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from html import escape
from pathlib import Path as FilePath
from typing import Any, assert_never

from lymphorisk.errors import InputError
from lymphorisk.report import document as blocks
from lymphorisk.report.document import TITLE, Document
from lymphorisk.report.palette import PATH, PRINT, SHAPE, TEXT, look
from lymphorisk.report.svg import Circle, Drawing, Path, Shape, Text
from lymphorisk.report.table import Cell, Table
from lymphorisk.report.wording import short
from lymphorisk.version import NOT_A_DEVICE, __version__

FONT, BOLD = "Vera", "VeraBd"
MARGIN_PT = 38.0
#: The padding reportlab puts inside the margins of its page frame.
FRAME_PAD_PT = 6.0
#: A heading with less room than this below it goes to the next page.
HEADING_ROOM_PT = 90.0
WIDTH_PT = 595.28 - 2 * MARGIN_PT
#: Blocks beside one another leave this between them.
GUTTER_PT = 8.0
INK, SOFT, RULE = PRINT["ink"], PRINT["soft"], PRINT["rule"]
#: The font of the PDF is wider than the page's.
NARROWER = 0.93
BOLD_FROM = 600
TABLE_SIZE = 6.8
#: A figure is not drawn larger than this: its text would be larger than the report's. [pt/px]
FIGURE_SCALE_MAX = 0.62
TITLE_MAX = 200
#: What a paragraph of a weight is set in: size, bold, colour.
WEIGHTS = {"plain": (8.5, False, INK), "strong": (8.5, True, INK), "small": (7.5, False, SOFT)}


def render(document: Document) -> bytes:
    """The PDF, the same bytes for the same report.

    Raises
    ------
    InputError
        reportlab is not installed.
    """
    ready()
    from reportlab.platypus import SimpleDocTemplate

    _fonts()
    out = io.BytesIO()
    pages = SimpleDocTemplate(
        out,
        leftMargin=MARGIN_PT - FRAME_PAD_PT,
        rightMargin=MARGIN_PT - FRAME_PAD_PT,
        topMargin=MARGIN_PT - FRAME_PAD_PT,
        bottomMargin=MARGIN_PT,
        title=TITLE,
        author=f"lymphorisk {__version__}",
        lang="en",
        invariant=1,
    )
    label = _plain(short(document.title))

    def foot(canvas: Any, page: Any) -> None:
        canvas.setFont(FONT, 6.5)
        canvas.setFillColor(SOFT)
        canvas.drawString(MARGIN_PT, 24, f"{label} · lymphorisk {__version__} · {NOT_A_DEVICE}")
        canvas.drawRightString(MARGIN_PT + WIDTH_PT, 24, f"page {page.page}")

    pages.build(_story(document), onFirstPage=foot, onLaterPages=foot)
    return out.getvalue()


def ready() -> None:
    """Whether a PDF can be written here.

    Raises
    ------
    InputError
        reportlab is not installed.
    """
    try:
        import reportlab  # noqa: F401
    except ImportError as error:
        raise InputError(
            "a PDF report needs reportlab", "pip install 'lymphorisk[pdf]', or name a .html file"
        ) from error


def _fonts() -> None:
    import reportlab
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    folder = FilePath(reportlab.__file__).parent / "fonts"
    for name in (FONT, BOLD):
        pdfmetrics.registerFont(TTFont(name, folder / f"{name}.ttf"))
    pdfmetrics.registerFontFamily(FONT, normal=FONT, bold=BOLD, italic=FONT, boldItalic=BOLD)


def _plain(text: str) -> str:
    """Text in the glyphs the font has."""
    from reportlab.pdfbase import pdfmetrics

    for a, b in (("×10⁹/L", "x10^9/L"), ("10⁹/L", "10^9/L"), ("cm³", "cm3"), ("−", "-"), ("\u00a0", " ")):
        text = text.replace(a, b)
    known = pdfmetrics.getFont(FONT).face.charToGlyph
    return "".join(c if ord(c) in known else "?" for c in text)


def _paragraph(
    text: str,
    size: float = 8.5,
    bold: bool = False,
    colour: str = INK,
    space: float = 2.0,
    keep: bool = False,
    link: str = "",
    anchor: str = "",
) -> Any:
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph

    style = ParagraphStyle(
        f"{size}{bold}{colour}{keep}",
        fontName=BOLD if bold else FONT,
        fontSize=size,
        leading=1.32 * size,
        textColor=colour,
        spaceAfter=space,
        splitLongWords=1,
        keepWithNext=int(keep),
    )
    said = escape(_plain(text))
    if link:
        said = f'<a href="#{escape(link)}">{said}</a>'
    return Paragraph(f'<a name="{escape(anchor)}"/>{said}' if anchor else said, style)


def _heading(text: str) -> list[Any]:
    from reportlab.platypus import CondPageBreak, HRFlowable, Spacer

    rule = HRFlowable(width="100%", thickness=1.2, color=INK, spaceAfter=3)
    return [CondPageBreak(HEADING_ROOM_PT), Spacer(1, 9), rule, _paragraph(text, 11, bold=True, keep=True)]


def _story(d: Document) -> list[Any]:
    out = [_paragraph(short(d.title, TITLE_MAX) or "plan", 15, bold=True, space=1)]
    out += [_paragraph(line, 8.5, colour=SOFT) for line in (d.above, *d.meta)]
    if d.facts is not None:
        out.append(_paragraph(_told(d.facts), 8.5))
    out += [_paragraph(sentence, 10) for sentence in d.lead]
    out += _laid(d.opening, WIDTH_PT)
    for section in d.sections:
        out += _section(section)
    return out


def _told(facts: blocks.Facts) -> str:
    """What is known of somebody, in a line."""
    return " · ".join(f"{name} {value}" + (f" ({source})" if source else "") for name, value, source in facts.facts)


def _section(section: blocks.Section) -> list[Any]:
    """A section; its heading stays with a figure that follows it."""
    from reportlab.platypus import KeepTogether

    head = _heading(section.heading)
    if section.blocks and isinstance(section.blocks[0], blocks.Figure | blocks.Beside):
        first, rest = section.blocks[:1], section.blocks[1:]
        return [KeepTogether([*head, *_laid(first, WIDTH_PT)]), *_laid(rest, WIDTH_PT)]
    return [*head, *_laid(section.blocks, WIDTH_PT)]


def _laid(all_blocks: Iterable[blocks.Block], width: float) -> list[Any]:
    return [flowable for block in all_blocks for flowable in _whole(block, width)]


def _whole(block: blocks.Block, width: float) -> list[Any]:
    """A block as flowables; a table stays on one page where a page holds it."""
    from reportlab.platypus import KeepTogether

    made = _one(block, width)
    # What stands beside something is in a cell, which never parts.
    return [KeepTogether(made)] if isinstance(block, Table) and width == WIDTH_PT else made


def _one(block: blocks.Block, width: float) -> list[Any]:
    """A block as flowables of a width. [pt]"""
    match block:
        case Table():
            return _table(block, width)
        case blocks.Paragraph(text, weight):
            size, bold, colour = WEIGHTS[weight]
            return [_paragraph(text, size, bold, colour, keep=weight == "strong")]
        case blocks.Bullets(items):
            return [_paragraph(f"· {item}", 7.5) for item in items]
        case blocks.Callout(title, items):
            return [_paragraph(title, 8.5, bold=True), *(_paragraph(f"· {item}", 8) for item in items)]
        case blocks.Subheading(text):
            return [_paragraph(text, 9, bold=True, keep=True)]
        case blocks.Tiles(tiles):
            return [_tiles(tiles, width)]
        case blocks.Figure(drawing, caption, _):
            return [_figure(drawing, width), _paragraph(caption, 7, colour=SOFT)]
        case blocks.Beside(left, right):
            half = width / 2 - GUTTER_PT
            return [_side_by_side(_laid(left, half), _laid(right, half), width)]
        case blocks.Folded(_, inside):
            return _laid(inside, width)
        case blocks.Picture():
            return []
        case blocks.Signatures(names):
            return _signatures(names)
    assert_never(block)


def _table(table: Table, width: float) -> list[Any]:
    """A caption, and rows under a head that repeats on every page; column widths are shares of `width`. [pt]"""
    from reportlab.platypus import Spacer, TableStyle
    from reportlab.platypus import Table as Grid

    flush = [h.numeric for h in table.heads]
    cells = [[_cell(Cell(h.text), TABLE_SIZE, True, h.numeric) for h in table.heads]]
    cells += [[_cell(c, TABLE_SIZE, False, right) for c, right in zip(row, flush, strict=True)] for row in table.rows]
    total = sum(h.width for h in table.heads)
    grid = Grid(cells, colWidths=[width * h.width / total for h in table.heads], repeatRows=1, hAlign="LEFT")
    grid.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LINEBELOW", (0, 0), (-1, 0), 0.9, INK),
                ("LINEBELOW", (0, 1), (-1, -1), 0.4, RULE),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("RIGHTPADDING", (0, 0), (-1, -1), 6),
                ("TOPPADDING", (0, 0), (-1, -1), 1.5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
            ]
        )
    )
    return [_paragraph(table.caption, 7.5, bold=True, keep=True), grid, Spacer(1, 4)]


def _cell(said: Cell, size: float, bold: bool, right: bool) -> Any:
    cell = _paragraph(said.text, size, bold, space=0, link=said.link, anchor=said.anchor)
    if right:
        cell.style = cell.style.clone("right", alignment=2)
    return cell


def _tiles(tiles: Sequence[tuple[str, str, str]], width: float) -> Any:
    from reportlab.platypus import Table as Grid

    cells = [
        [_cell(Cell(label), TABLE_SIZE, True, False) for label, _, _ in tiles],
        [_cell(Cell(f"{value} ({more})"), TABLE_SIZE, False, False) for _, value, more in tiles],
    ]
    return Grid(cells, colWidths=[width / len(tiles)] * len(tiles))


def _side_by_side(left: Sequence[Any], right: Sequence[Any], width: float) -> Any:
    from reportlab.platypus import Table as Grid
    from reportlab.platypus import TableStyle

    grid = Grid([[list(left), list(right)]], colWidths=[width / 2, width / 2])
    grid.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)]))
    return grid


def _figure(drawing: Drawing, width: float) -> Any:
    """A drawing as something that takes its place on a page."""
    return _flowable()(drawing, width)


@cache
def _flowable() -> Callable[[Drawing, float], Any]:
    """The class of drawings on a page; reportlab is imported when a page is made."""
    from reportlab.platypus import Flowable

    def start(self: Any, drawing: Drawing, width: float) -> None:
        Flowable.__init__(self)
        self.drawing, self.scale = drawing, min(width / drawing.width, FIGURE_SCALE_MAX)
        self.width, self.height = self.scale * drawing.width, drawing.height * self.scale

    def draw(self: Any) -> None:
        self.canv.translate(0, self.height)
        self.canv.scale(self.scale, self.scale)
        for shape in self.drawing.shapes:
            _draw(self.canv, shape)

    return type("Figure", (Flowable,), {"__init__": start, "draw": draw})


def _draw(canvas: Any, shape: Shape) -> None:
    """One shape; y grows downwards in a drawing and upwards in a PDF."""
    if isinstance(shape, Text):
        said = look(shape.kind, TEXT)
        canvas.setFont(BOLD if (said.weight or 0) >= BOLD_FROM else FONT, NARROWER * (said.size or 0.0))
        canvas.setFillColor(PRINT[said.fill or "ink"])
        write = {"start": canvas.drawString, "middle": canvas.drawCentredString, "end": canvas.drawRightString}
        write[shape.anchor](shape.x, -shape.y, _plain(shape.content))
        return
    said = look(shape.kind, PATH if isinstance(shape, Path) and shape.tag == "path" else SHAPE)
    how = {"stroke": 0, "fill": 0}
    if said.line not in (None, "none"):
        canvas.setStrokeColor(PRINT[said.line])
        canvas.setLineWidth(said.width or 1.0)
        how["stroke"] = 1
    if said.fill not in (None, "none"):
        canvas.setFillColor(PRINT[said.fill])
        canvas.setFillAlpha(1.0 if said.opacity is None else said.opacity)
        how["fill"] = 1
    if isinstance(shape, Circle):
        canvas.circle(shape.x, -shape.y, shape.radius, **how)
    else:
        canvas.setDash([float(part) for part in shape.dash.split()] if shape.dash else [])
        path = canvas.beginPath()
        path.moveTo(shape.points[0][0], -shape.points[0][1])
        for x, y in shape.points[1:]:
            path.lineTo(x, -y)
        if shape.closed:
            path.close()
        canvas.drawPath(path, **how)
        canvas.setDash([])
    canvas.setFillAlpha(1.0)


def _signatures(names: Sequence[str]) -> list[Any]:
    from reportlab.platypus import KeepTogether, Spacer, TableStyle
    from reportlab.platypus import Table as Grid

    places = [cell for name in names for cell in (name, "")][:-1]
    share = 0.3 * WIDTH_PT * 3 / len(names)
    cells = [[_cell(Cell(name), 7, False, False) if name else "" for name in places]]
    grid = Grid(cells, colWidths=[share if name else 0.05 * WIDTH_PT for name in places])
    grid.setStyle(TableStyle([("LINEABOVE", (i, 0), (i, 0), 0.8, INK) for i in range(0, len(places), 2)]))
    return [KeepTogether([Spacer(1, 40), grid])]
