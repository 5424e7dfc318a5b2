"""Tables read back out of what each format wrote, by caption and head, to hold them against one another."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from lymphorisk.circulation import BloodDose, BloodSummary

Rows = list[dict[str, str]]


class _Tables(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tables: list[tuple[str, list[str], list[list[str]]]] = []
        self.inside = ""
        self.caption = ""
        self.heads: list[str] = []
        self.rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.caption, self.heads, self.rows = "", [], []
        elif tag == "tr":
            self.rows.append([])
        elif tag == "caption":
            self.inside = tag
        elif tag in ("th", "td"):
            self.inside = tag
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("th", "td", "caption"):
            self.inside = ""
        elif tag == "thead":
            self.heads = self.rows.pop()
        elif tag == "table":
            self.tables.append((self.caption, self.heads, self.rows))

    def handle_data(self, data: str) -> None:
        if self.inside == "caption":
            self.caption += data
        elif self.inside:
            self.rows[-1][-1] += data


def html_tables(page: str) -> list[tuple[str, list[str], list[list[str]]]]:
    """Caption, heads and rows of every table of a page, in order."""
    reader = _Tables()
    reader.feed(page)
    return reader.tables


def html_rows(page: str, caption: str) -> Rows:
    """Rows of the table under a caption, each by head."""
    heads, rows = next((h, r) for c, h, r in html_tables(page) if c == caption)
    return [dict(zip(heads, row, strict=True)) for row in rows]


def text_rows(text: str, above: str) -> Rows:
    """Rows of the table under a line of text, each by head; cells are parted by two blanks."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(above)) + 1
    heads = re.split(r" {2,}", lines[start].strip())
    out = []
    for line in lines[start + 1 :]:
        cells = re.split(r" {2,}", line.strip())
        if len(cells) != len(heads):
            break
        out.append(dict(zip(heads, cells, strict=True)))
    return out


def pdf_text(made: bytes) -> str:
    """All text of a PDF without its blanks: cells in the order they were drawn."""
    pypdf = pytest.importorskip("pypdf")
    return squeezed("".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(made)).pages))


def squeezed(text: str) -> str:
    """Text without blanks, in the signs of the PDF's font."""
    for a, b in (("×10⁹/L", "x10^9/L"), ("10⁹/L", "10^9/L"), ("cm³", "cm3"), ("−", "-")):
        text = text.replace(a, b)
    return re.sub(r"\s", "", text)


def told_apart(blood: BloodDose) -> BloodDose:
    """The same blood dose with measures that are each unlike every other: swapped columns cannot hide."""

    def apart(s: BloodSummary, k: int) -> BloodSummary:
        shares = (0.9137, 0.7253, 0.5381, 0.3419)
        names = ("v_gt_0", "v_gt_0_07", "v_gt_0_125", "v_ge_0_5")
        return replace(
            s,
            mean_gy=1.2341 + k,
            sd_gy=0.3437 + k,
            d2_gy=2.4563 + k,
            **{name: share - 0.0117 * k for name, share in zip(names, shares, strict=True)},
        )

    fractions = tuple(apart(s, k) for k, s in enumerate(blood.fraction))
    return replace(blood, fraction=fractions, course=apart(blood.course, len(fractions)))
