"""Findings as every report shows them: by severity and code, what repeats folded, each code explained at the end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from lymphorisk.findings import RULES, SEVERITIES, Finding
from lymphorisk.report.document import Block, Bullets, Callout, Document, Folded, Paragraph, Section, Signatures
from lymphorisk.report.table import CODES, Cell, Column, Table, tabled
from lymphorisk.report.wording import TEXT_MAX, short

#: Findings beyond this many are counted, not printed; the JSON holds them all.
ROWS_MAX = 200
#: Places of a repeated finding named in its row.
PLACES_MAX = 6
EXPLAINED = "What the codes mean"
CODE = re.compile(r"\bLR\d{3}\b")


@dataclass(frozen=True, slots=True)
class Group:
    """Findings of one severity and code; those that are equal stand once, `times` counts them all."""

    severity: str
    code: str
    findings: tuple[Finding, ...]
    times: int


def grouped(noted: Iterable[Finding]) -> tuple[Group, ...]:
    """Findings by severity, errors first, then by code; order kept inside."""
    by: dict[tuple[str, str], list[Finding]] = {}
    for f in noted:
        by.setdefault((f.severity, f.code), []).append(f)
    order = sorted(by, key=lambda key: (-SEVERITIES.index(key[0]), key[1]))
    return tuple(Group(*key, tuple(dict.fromkeys(by[key])), len(by[key])) for key in order)


GROUP_COLUMNS: tuple[Column[Group], ...] = (
    Column("Code", lambda g: Cell(g.code, link=place(g.code)), width=1.4, style=CODES),
    Column("Severity", lambda g: Cell(g.severity, tag=g.severity), width=1.7),
    Column("Times", lambda g: str(g.times), numeric=True, width=1.2),
    Column("What", lambda g: _what(g), width=7, style="wide"),
    Column("Where", lambda g: _where(g), width=3),
    Column("What can be done", lambda g: short(g.findings[0].hint, TEXT_MAX), width=5, style="from"),
)
FINDING_COLUMNS: tuple[Column[Finding], ...] = (
    Column("What", lambda f: short(f.what, TEXT_MAX), width=7, style="wide"),
    Column("Where", lambda f: short(f.where), width=3),
    Column("What can be done", lambda f: short(f.hint, TEXT_MAX), width=5, style="from"),
)


def place(code: str) -> str:
    """Where a code is explained.

    Examples
    --------
    >>> place("LR104")
    'code-LR104'
    """
    return f"code-{code}"


def _what(g: Group) -> str:
    others = len(g.findings) - 1
    first = short(g.findings[0].what, TEXT_MAX)
    return first if others == 0 else f"{first} (and {others} more, below)"


def _where(g: Group) -> str:
    places = list(dict.fromkeys(short(f.where) for f in g.findings if f.where))
    more = len(places) - PLACES_MAX
    return ", ".join(places[:PLACES_MAX]) + (f", {more} more" if more > 0 else "")


def findings(noted: Sequence[Finding]) -> tuple[Block, ...]:
    """A line for each code of each severity, the repeated ones unfolded on request; a word when there are none."""
    if not noted:
        return (Paragraph("None."),)
    groups = grouped(noted)
    out: list[Block] = [tabled("What was noticed, errors first", groups, GROUP_COLUMNS)]
    for g in groups:
        if len(g.findings) > 1:
            caption = f"{g.code} {g.severity}: all {len(g.findings)}"
            every: list[Block] = [tabled(caption, g.findings[:ROWS_MAX], FINDING_COLUMNS)]
            if (more := len(g.findings) - ROWS_MAX) > 0:
                every.append(Paragraph(f"{more} more in the JSON result.", "small"))
            out.append(Folded(caption, tuple(every)))
    return tuple(out)


def counted(noted: Iterable[Finding]) -> str:
    """How many findings of each severity.

    Examples
    --------
    >>> counted([Finding("LR001", "warning", "a"), Finding("LR001", "warning", "b"), Finding("LR002", "info", "c")])
    '2 warnings, 1 info'
    """
    severities = [f.severity for f in noted]
    words = {"info": "info"}
    parts = [
        f"{n} {words.get(s, s if n == 1 else s + 's')}" for s in reversed(SEVERITIES) if (n := severities.count(s))
    ]
    return ", ".join(parts) or "none"


def explained(d: Document) -> Document:
    """The document with the meaning of every code it names, before the signatures."""
    met = codes_in(d)
    if not met:
        return d
    columns: tuple[Column[str], ...] = (
        Column("Code", lambda c: Cell(c, anchor=place(c)), width=1.4, style=CODES),
        Column("Title", lambda c: RULES[c].title if c in RULES else "not a code of this version", width=5),
        Column("Meaning", lambda c: RULES[c].meaning if c in RULES else "", width=12, style="wide"),
    )
    section = Section(EXPLAINED, (tabled("Codes met in this report", met, columns),))
    signed = [i for i, s in enumerate(d.sections) if any(isinstance(b, Signatures) for b in s.blocks)]
    at = signed[0] if signed else len(d.sections)
    return replace(d, sections=(*d.sections[:at], section, *d.sections[at:]))


def codes_in(d: Document) -> tuple[str, ...]:
    """Every code a document names in its sentences or under a head of codes, sorted."""
    said: list[str] = list(d.lead)
    for block in d.blocks():
        match block:
            case Paragraph(text, _):
                said.append(text)
            case Bullets(items) | Callout(_, items):
                said += items
            case Table():
                said += _said(block)
            case _:
                continue
    return tuple(sorted({code for text in said for code in CODE.findall(text)}))


def _said(table: Table) -> list[str]:
    """Cells of codes and of sentences; not names, which an export may choose."""
    at = [i for i, h in enumerate(table.heads) if h.style in (CODES, "wide")]
    return [row[i].text for row in table.rows for i in at]
