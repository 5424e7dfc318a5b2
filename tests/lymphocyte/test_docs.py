"""The parameter table of docs/lymphocytes.md is the parameter store's.

Rewrite it with ``python tests/lymphocyte/test_docs.py``.
"""

from __future__ import annotations

from pathlib import Path

from lymphorisk.parameters import load, sources

PAGE = Path(__file__).parents[2] / "docs" / "lymphocytes.md"
HEADING = "## Parameters\n"


def table() -> str:
    lines = ["| parameter | value | range | unit | known | source |", "|---|---|---|---|---|---|"]
    for name, p in load("lymphocyte").items():
        span = "" if p.low is None or p.high is None else f"{p.low:g} to {p.high:g}"
        lines.append(f"| {name} | {p.number:g} | {span} | {p.unit} | {p.known} | {p.place} ({p.source}) |")
    cited = sorted({p.source for p in load("lymphocyte").values()})
    lines += ["", *(f"- {key}: {sources()[key].citation} {sources()[key].anchor}".rstrip() for key in cited)]
    return "\n".join(lines) + "\n"


def test_the_page_shows_every_parameter_with_its_source() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert HEADING in text
    assert text.split(HEADING, 1)[1].strip() == table().strip()


if __name__ == "__main__":
    before = PAGE.read_text(encoding="utf-8").split(HEADING, 1)[0]
    PAGE.write_text(before + HEADING + "\n" + table(), encoding="utf-8")
