"""Every block of a document reaches the page and the PDF, all of it and in order."""

from __future__ import annotations

import io
import re

import pytest

from lymphorisk.report import document as blocks
from lymphorisk.report import html, pdf
from lymphorisk.report.document import Block, Document, Facts, Section
from lymphorisk.report.svg import Drawing
from lymphorisk.report.table import Column, tabled
from lymphorisk.version import NOT_A_DEVICE

from .tables import squeezed

#: Words in the order a reader meets them; each stands in one place of the document.
WORDS = (
    "above", "title", "metaone", "metatwo", "sex", "female", "told", "leadone", "leadtwo", "tilelabel", "tilevalue",
    "tilemore", "calltitle", "callone", "calltwo", "heading", "plainpara", "strongpara", "smallpara", "bulletone",
    "bullettwo", "subheading", "figuretext", "figurecaption", "leftpara", "leftcaption", "rightpara", "foldedpara",
    "tablecaption", "headone", "cellone", "signer",
)  # fmt: skip


def drawn(word: str) -> Drawing:
    d = Drawing(200, 100, f"about {word}", "said", word)
    d.text(10, 50, word, "label")
    return d


def document() -> Document:
    row = tabled("tablecaption", ["cellone"], (Column("headone", lambda r: r),))
    laid: tuple[Block, ...] = (
        blocks.Paragraph("plainpara"),
        blocks.Paragraph("strongpara", "strong"),
        blocks.Paragraph("smallpara", "small"),
        blocks.Bullets(("bulletone", "bullettwo")),
        blocks.Subheading("subheading"),
        blocks.Figure(drawn("figuretext"), "figurecaption"),
        blocks.Beside(
            (blocks.Paragraph("leftpara"), blocks.Figure(drawn("lefttext"), "leftcaption")),
            (blocks.Paragraph("rightpara"),),
        ),
        blocks.Folded("summary", (blocks.Paragraph("foldedpara"),)),
        row,
        blocks.Signatures(("signer",)),
    )
    opening = (
        blocks.Tiles((("tilelabel", "tilevalue", "tilemore"),)),
        blocks.Callout("calltitle", ("callone", "calltwo")),
    )
    return Document(
        "title", ("leadone", "leadtwo"), (Section("heading", laid),), opening, ("metaone", "metatwo"), "above",
        Facts("who", (("sex", "female", "told"),)),
    )  # fmt: skip


def test_the_words_stand_for_every_kind_of_block() -> None:
    kinds = {type(b).__name__ for b in document().blocks()}
    known = {kind.__name__ for kind in Block.__args__}
    assert known - kinds == {"Picture"}, "a picture of another package is for pages alone"


def test_a_page_holds_every_word_in_order() -> None:
    page = html.render(document())
    text = re.sub(r"<(style|script)\b.*?</\1>", "", page, flags=re.DOTALL)
    at, body = 0, text[text.index("<body") :]
    for word in ("lefttext", *WORDS):
        assert word in body, word
    for word in [w for w in WORDS if w not in ("sex", "female", "told", "above", "title", "metaone", "metatwo")]:
        at = body.index(word, at)


def test_a_pdf_holds_every_word_and_says_what_it_is_on_every_page() -> None:
    pypdf = pytest.importorskip("pypdf")
    pages = [squeezed(p.extract_text()) for p in pypdf.PdfReader(io.BytesIO(pdf.render(document()))).pages]
    said = "".join(pages)
    missing = [word for word in ("lefttext", *WORDS) if word not in said]
    assert missing == []
    assert said.index("leadone") < said.index("leadtwo") < said.index("tilelabel") < said.index("plainpara")
    assert all(squeezed(NOT_A_DEVICE) in page for page in pages)
