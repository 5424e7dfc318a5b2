"""Figures a reader can read: no text smaller than the page's, none over another or over the edge, in both widths."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lymphorisk.analysis import Analysis
from lymphorisk.analysis.compare import compare
from lymphorisk.predict import Explanation
from lymphorisk.predict.explain import Group
from lymphorisk.report import comparison, evaluation, figures, html
from lymphorisk.report.content import report
from lymphorisk.report.document import Document
from lymphorisk.report.legend import NARROW, WIDE
from lymphorisk.report.palette import TEXT, look
from lymphorisk.report.svg import Drawing, Text, text_width
from tests.report.test_other_tables import judged

BODY_PX = 15.0
#: The page leaves a figure this much of a phone of 390 px.
PHONE = 390 - 2 * 14
#: Letters stand about so high above their line, and reach so far below it, as shares of their size.
ABOVE, BELOW = 0.74, 0.1
#: `text_width` leaves room; a letter of the fonts of a page is about this share of its estimate.
NARROWER = 0.86


def box(t: Text) -> tuple[float, float, float, float]:
    """Left, right, top and bottom of a text, estimated."""
    size = look(t.kind, TEXT).size or 0.0
    width = NARROWER * text_width(t.content, size)
    left = t.x - {"start": 0.0, "middle": 0.5, "end": 1.0}[t.anchor] * width
    return left, left + width, t.y - ABOVE * size, t.y + BELOW * size


def faults(d: Drawing) -> Iterator[str]:
    texts = [s for s in d.shapes if isinstance(s, Text)]
    boxes = [box(t) for t in texts]
    for i, (t, (left, right, top, bottom)) in enumerate(zip(texts, boxes, strict=True)):
        if (look(t.kind, TEXT).size or 0.0) < BODY_PX:
            yield f"{d.key}: {t.content!r} is small"
        if left < -1 or right > d.width + 1 or top < -1 or bottom > d.height + 1:
            yield f"{d.key}: {t.content!r} is cut"
        for other, (a, b, c, e) in zip(texts[:i], boxes[:i], strict=True):
            if left < b and a < right and top < e and c < bottom:
                yield f"{d.key}: {t.content!r} lies on {other.content!r}"


def drawings(made: Document) -> list[Drawing]:
    return [d for f in made.figures() for d in (f.drawing, f.narrow) if d is not None]


@pytest.fixture(scope="module")
def documents(explained: Analysis, hostile: Analysis) -> dict[str, Document]:
    groups = tuple(Group(f"A_Very_Long_Organ_{i}", (-1) ** i * (3.0 - i / 5), -4.0, 4.0) for i in range(15))
    assert isinstance(explained.explanation, Explanation)
    far = replace(explained, explanation=replace(explained.explanation, organs=groups, base=-4.0, log_odds=6.0))
    many = replace(explained, phases=explained.phases * 5, blood=replace(
        explained.blood, fraction=explained.blood.fraction * 5
    ))  # fmt: skip
    names = ["first of a very long name that goes on", "second", "third"]
    return {
        "report": report(explained),
        "hostile": report(hostile),
        "far": report(far),
        "many phases": report(many),
        "comparison": comparison.report([compare(explained, explained)] * 2, names),
        "evaluation": evaluation.report(judged(), "t"),
    }


@pytest.mark.parametrize("name", ["report", "hostile", "far", "many phases", "comparison", "evaluation"])
def test_text_is_readable_whole_and_alone(name: str, documents: dict[str, Document]) -> None:
    found = [fault for d in drawings(documents[name]) for fault in faults(d)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", ["report", "comparison", "evaluation"])
def test_a_figure_fits_a_phone_or_has_a_drawing_that_does(name: str, documents: dict[str, Document]) -> None:
    for f in documents[name].figures():
        assert f.drawing.width in (WIDE, NARROW)
        assert (f.narrow or f.drawing).width == NARROW <= PHONE
        assert f.narrow is None or {d.title for d in (f.drawing, f.narrow)} == {f.drawing.title}


def test_a_page_draws_no_figure_smaller_than_it_is(documents: dict[str, Document]) -> None:
    """One unit of a drawing is at least one pixel, so that its text is at least the body's."""
    page = html.render(documents["report"])
    assert f"font: {BODY_PX:g}px/" in page
    for width in (WIDE, NARROW):
        assert re.search(rf"\.w{width} svg {{[^}}]*min-width: {width}px", page)
    assert set(re.findall(r'<div class="drawn w(\d+)', page)) == {str(WIDE), str(NARROW)}


def test_a_fault_would_be_seen() -> None:
    d = Drawing(NARROW, 40, "t", "d", "k")
    d.text(10, 20, "one")
    d.text(12, 22, "two")
    d.text(340, 20, "odds x0.85")
    assert [f.split(": ")[1] for f in faults(d)] == ["'two' lies on 'one'", "'odds x0.85' is cut"]


def test_factors_of_the_waterfall_are_whole(explained: Analysis) -> None:
    drawn = figures.waterfall_figure(explained)
    assert drawn is not None
    assert {"+ odds ×3.00", "− odds ×0.82"} <= {s.content for s in drawn.shapes if isinstance(s, Text)}
