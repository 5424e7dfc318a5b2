"""Which settings of a result came from a clinic file, and its hash: in JSON, text, pages and structured reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lymphorisk.report.document import Document, Paragraph, Section

#: What ``clinic_file`` of a result holds: ``sha256`` of the file, and ``settings``, the keys that were used.
ClinicFile = Mapping[str, Any]
KEY = "clinic_file"
TITLE = "Settings"


def said(clinic: ClinicFile) -> str:
    """One sentence; empty when nothing came from a clinic file."""
    if not clinic:
        return ""
    return f"From the clinic file (SHA-256 {clinic['sha256']}): {', '.join(clinic['settings'])}."


def in_json(content: Mapping[str, Any], clinic: ClinicFile) -> dict[str, Any]:
    """A result with its clinic file, in the end; as it is when there is none."""
    return {**content, **({KEY: dict(clinic)} if clinic else {})}


def in_text(text: str, clinic: ClinicFile, of: str = "") -> str:
    """A text with the sentence as its last line; `of` stands before it."""
    return f"{text.rstrip(chr(10))}\n\n{of}{said(clinic)}\n" if clinic else text


def on_page(page: Document, clinic: ClinicFile, of: str = "") -> Document:
    """A page with the sentence in its last section; `of` stands before it."""
    if not clinic:
        return page
    line = Paragraph(of + said(clinic), "small")
    before, last = page.sections[:-1], page.sections[-1:]
    if last and last[0].heading == TITLE:
        return replace(page, sections=(*before, Section(TITLE, (*last[0].blocks, line))))
    return replace(page, sections=(*page.sections, Section(TITLE, (line,))))


def sentences(clinic: ClinicFile) -> tuple[tuple[str, str, str], ...]:
    """For a structured report: code, meaning, text."""
    return (("LR-SETTINGS", "Settings that came from a clinic file", said(clinic)),) if clinic else ()
