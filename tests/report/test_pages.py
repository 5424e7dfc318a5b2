"""Plans side by side, and before and after counts: safe, self-contained, complete pages."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest

from lymphorisk.analysis import Analysis, Options, analyze, envelope
from lymphorisk.analysis.compare import Comparison, compare
from lymphorisk.analysis.midcourse import updated
from lymphorisk.lymphocyte.update import Update
from lymphorisk.report import comparison, html, midcourse
from lymphorisk.report.document import Document, Paragraph, Section
from lymphorisk.report.table import Column, tabled
from lymphorisk.scenario import scenario_from

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def compared(result: Analysis) -> list[Comparison]:
    table = {
        "plan": {"phase": [{"fractions": 5, "label": "primary"}, {"fractions": 2, "label": "boost"}]},
        "organs": {name: {"mean_gy": gy} for name, gy in (("Spleen", 8), ("Lungs", 1), ("Bowel", 3), ("Body", 1))},
        "patient": {"sex": "M", "age": 60, "alc": 1.2, "lln": 1.0, "site": "lung"},
    }
    return [compare(result, analyze(scenario_from(table), options=Options(draws=64, horizon_d=120)))]


@pytest.fixture(scope="module")
def update(result: Analysis) -> Update:
    return updated(json.loads(envelope.render(result)), [(3.0, 0.8)])


def checked(made: str) -> str:
    assert not re.search(r"https?://|@import|url\(|<script|<link|<img", made)
    for drawing in re.findall(r"<svg.*?</svg>", made, re.S):
        root = ElementTree.fromstring(drawing)
        assert root.attrib["role"] == "img"
        assert not re.search(r"\bnan\b|\binf\b", drawing)
    return made


def test_plans_side_by_side(compared: list[Comparison]) -> None:
    made = checked(html.render(comparison.report(compared, ["first", HOSTILE])))
    assert made == html.render(comparison.report(compared, ["first", HOSTILE]))
    assert len(re.findall("<svg", made)) == 2 * 2, "each in two widths"
    for part in (
        "All plans",
        "Mean course dose",
        "What moves the nadir",
        "nadir is",
        "Mean blood dose",
    ):
        assert part in made, part


def test_before_and_after(update: Update) -> None:
    made = checked(html.render(midcourse.report(update)))
    assert made == html.render(midcourse.report(update))
    assert "Measured counts" in made
    assert "0.8" in made


def test_any_text_is_escaped() -> None:
    table = tabled(HOSTILE, [HOSTILE], [Column(HOSTILE, str)])
    made = checked(
        html.render(
            Document(HOSTILE * 100, (HOSTILE,), (Section(HOSTILE, (Paragraph(HOSTILE), table)),), meta=(HOSTILE,))
        )
    )
    assert "&lt;script&gt;" in made


@pytest.mark.parametrize(("columns", "rows", "stacked"), [(5, 1, False), (6, 1, True), (6, 6, True), (6, 7, False)])
def test_a_wide_table_of_few_rows_is_told_line_by_line_on_a_phone(columns: int, rows: int, stacked: bool) -> None:
    table = tabled("T", list(range(rows)), [Column(f"head {i}", str, numeric=True) for i in range(columns)])
    made = html.render(Document("t", ("lead",), (Section("s", (table,)),)))
    assert ('<table class="stack"' in made, 'data-head="head 1"' in made) == (stacked, stacked)
