"""Findings on a page: grouped by severity and code, repeats folded, every code led to its meaning."""

from __future__ import annotations

import re

import pytest

from lymphorisk.analysis import Analysis
from lymphorisk.findings import RULES, Finding
from lymphorisk.report import evaluation, html
from lymphorisk.report.content import report
from lymphorisk.report.document import Document, Folded, Paragraph, Section
from lymphorisk.report.noticed import EXPLAINED, PLACES_MAX, codes_in, counted, explained, findings, grouped
from lymphorisk.report.table import Table
from tests.report.test_other_tables import judged

KNOWN = sorted(RULES)[:2]


def warning(code: str, what: str, where: str = "") -> Finding:
    return Finding(code, "warning", what, where)


def test_errors_come_first_then_codes_in_order() -> None:
    noted = [Finding("LR300", "info", "a"), Finding("LR200", "warning", "b"), Finding("LR900", "error", "c")]
    assert [(g.severity, g.code) for g in grouped([*noted, Finding("LR100", "warning", "d")])] == [
        ("error", "LR900"), ("warning", "LR100"), ("warning", "LR200"), ("info", "LR300"),
    ]  # fmt: skip


def test_the_same_thing_said_twice_is_one_line_with_its_count() -> None:
    table, *more = findings([warning("LR100", "same", "here")] * 7)
    assert isinstance(table, Table)
    assert (table.column("Times"), table.column("What"), table.column("Where")) == (("7",), ("same",), ("here",))
    assert not more


def test_repeats_that_differ_are_folded_and_none_is_lost() -> None:
    noted = [warning("LR100", f"case {i}", f"ROI {i}") for i in range(9)]
    table, fold = findings(noted)
    assert isinstance(table, Table)
    assert isinstance(fold, Folded)
    assert table.column("What") == ("case 0 (and 8 more, below)",)
    assert table.column("Where")[0].endswith(f"{9 - PLACES_MAX} more")
    (every,) = fold.blocks
    assert isinstance(every, Table)
    assert every.column("What") == tuple(f.what for f in noted)


def test_the_same_code_of_two_severities_is_two_lines() -> None:
    table, *_ = findings([warning("LR100", "a"), Finding("LR100", "error", "b")])
    assert isinstance(table, Table)
    assert table.column("Severity") == ("error", "warning")


def test_how_many_of_each() -> None:
    assert (
        counted([warning("LR100", "a"), warning("LR100", "b"), Finding("LR1", "error", "c")]) == "1 error, 2 warnings"
    )
    assert counted([]) == "none"


def test_every_code_met_is_explained_once_with_title_and_meaning() -> None:
    first, second = KNOWN
    said = Section("s", (Paragraph(f"see {first}, {first}"), *findings([warning(second, f"as {first} says")])))
    made = explained(Document("t", (), (said,)))
    appendix = made.sections[-1]
    (table,) = appendix.blocks
    assert appendix.heading == EXPLAINED
    assert isinstance(table, Table)
    assert table.column("Code") == (first, second)
    assert table.column("Meaning") == (RULES[first].meaning, RULES[second].meaning)


def test_a_code_of_another_version_is_said_to_be_one() -> None:
    made = explained(Document("t", ("LR999 was noticed",), ()))
    assert made.tables()[0].column("Title") == ("not a code of this version",)


def test_without_codes_there_is_no_appendix() -> None:
    made = Document("t", ("nothing",), ())
    assert explained(made) is made


@pytest.mark.parametrize("which", ["explained", "hostile"])
def test_every_code_of_a_page_leads_to_its_meaning(which: str, request: pytest.FixtureRequest) -> None:
    a: Analysis = request.getfixturevalue(which)
    every_code_is_linked(report(a))


def test_every_code_of_an_evaluation_leads_to_its_meaning() -> None:
    every_code_is_linked(evaluation.report(judged(), "t", [f"{KNOWN[0]} was noticed", "a note"]))


def every_code_is_linked(made: Document) -> None:
    page = html.render(made)
    places = re.findall(r'id="(code-LR\d{3})"', page)
    assert places
    assert len(places) == len(set(places))
    assert set(places) == {f"code-{c}" for c in codes_in(made)}
    assert set(re.findall(r'href="#(code-LR\d{3})"', page)) == set(places)
    body = re.sub(r"<style>.*?</style>|<svg.*?</svg>|<title>.*?</title>", "", page, flags=re.S)
    without = re.sub(r'<a href="#code-(LR\d{3})">\1</a>|<th [^>]*id="code-[^>]*>LR\d{3}</th>', "", body)
    left = re.findall(r">[^<]*\bLR\d{3}\b[^<]*<", without)
    assert all(f"{w}: " in found for found in left for w in ("warning", "info", "error") if w in found)
    assert all(re.search(r"LR\d{3} (warning|info|error): all", found) for found in left), left


def test_an_evaluation_opens_with_its_result_not_with_codes() -> None:
    notes = [f"{KNOWN[0]} case {i}" for i in range(33)]
    made = evaluation.report(judged(), "t", notes)
    assert "AUC 0.811 (0.700 to 0.900)" in made.lead[0]
    assert not made.opening
    assert made.sections[0].heading.startswith("Grade 3")
    assert [s.heading for s in made.sections[-2:]] == ["Findings about the cohort: " + counted(
        [Finding(KNOWN[0], RULES[KNOWN[0]].severity, "")] * 33
    ), EXPLAINED]  # fmt: skip
    page = html.render(made)
    assert page.index("AUC") < page.index(KNOWN[0])
