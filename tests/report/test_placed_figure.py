"""The picture of placed organs: shown when an organ was placed, readable in both widths, the head up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from lymphorisk import Options, analyze
from lymphorisk.analysis import Analysis
from lymphorisk.analysis.picture import Silhouette, View
from lymphorisk.cli.analyze import analyze as analyze_command
from lymphorisk.report import html, pdf
from lymphorisk.report.content import report
from lymphorisk.report.legend import NARROW, WIDE
from lymphorisk.report.placed import placed_figure
from lymphorisk.report.svg import Path as Drawn
from tests.report.test_figures import faults

ROOT = Path(__file__).parents[2]
ORGANS = ("Spleen", "LN", "Bowel", "Lungs", "Heart", "Liver", "Kidneys", "Brain")


def square(x: float, y: float, half: float) -> tuple[tuple[float, float], ...]:
    return (
        (x - half, y - half),
        (x + half, y - half),
        (x + half, y + half),
        (x - half, y + half),
        (x - half, y - half),
    )


def view(name: str) -> View:
    organs = tuple(Silhouette(o, (square(20.0 * i, 30.0 * i, 15.0),), (square(20.0 * i, 30.0 * i, 25.0),)) for i, o in
                   enumerate(ORGANS))  # fmt: skip
    return View(name, (square(0.0, 0.0, 180.0),), ((0.5, (square(0.0, 0.0, 40.0),)), (0.1, ())), organs)


@pytest.fixture(scope="module")
def pictured(result: Analysis) -> Analysis:
    return replace(result, anatomy=tuple(view(n) for n in ("from the front", "from the left", "section")))


def test_no_organ_placed_is_no_figure(result: Analysis) -> None:
    assert placed_figure(result) is None
    assert "figure-placed" not in html.render(report(result))


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_every_line_and_text_stays_in_the_figure(pictured: Analysis, width: int) -> None:
    d = placed_figure(pictured, width)
    assert d is not None
    assert not list(faults(d))
    for shape in d.shapes:
        if isinstance(shape, Drawn):
            assert all(-1 <= x <= width + 1 and -1 <= y <= d.height + 1 for x, y in shape.points)


def test_the_head_is_up_and_the_back_is_down(pictured: Analysis) -> None:
    d = placed_figure(pictured, WIDE)
    assert d is not None

    def height(panel: int, colour: str) -> float:
        third = WIDE / 3
        lines = [s for s in d.shapes if isinstance(s, Drawn) and s.kind == f"curve {colour}"]
        (line,) = (s for s in lines if panel * third <= s.points[0][0] < (panel + 1) * third and len(s.points) > 2)
        return sum(y for _, y in line.points) / len(line.points)

    assert height(0, "c7") < height(0, "c0"), "the brain above the spleen"
    assert height(2, "c7") > height(2, "c0"), "a larger y is nearer the back: lower"


def test_the_patients_left_is_at_the_right_and_the_back_too_from_the_left(pictured: Analysis) -> None:
    """The brain of these views lies at a larger x than the spleen: farther to the patient's left."""
    d = placed_figure(pictured, WIDE)
    assert d is not None
    places: dict[tuple[int, str], float] = {}
    for s in d.shapes:
        if isinstance(s, Drawn) and s.kind in ("curve c0", "curve c7") and len(s.points) > 2:
            panel = int(s.points[0][0] // (WIDE / 3))
            places[panel, s.kind] = sum(x for x, _ in s.points) / len(s.points)
    for panel in range(3):
        assert places[panel, "curve c7"] > places[panel, "curve c0"], panel


@pytest.mark.slow
def test_the_page_and_the_pdf_show_it(pictured: Analysis) -> None:
    page = html.render(report(pictured))
    assert 'id="figure-placed"' in page
    assert "in one of ten" in page
    pytest.importorskip("reportlab")
    assert len(pdf.render(report(pictured))) > len(pdf.render(report(replace(pictured, anatomy=()))))


@pytest.mark.slow
def test_the_commands_page_is_pictured_and_no_number_waits_for_it(tmp_path: Path) -> None:
    export = ROOT / "fixtures" / "rtplans" / "pelvis"
    page, saved = tmp_path / "page.html", tmp_path / "saved.json"
    given = [str(export), "--draws", "64", "--report", str(page), "--out", str(saved)]
    assert CliRunner().invoke(analyze_command, given).exit_code == 0
    assert 'id="figure-placed"' in page.read_text(encoding="utf-8")
    plain = analyze(export, options=Options(draws=64))
    assert plain.anatomy == ()
    assert plain.to_json() == saved.read_text(encoding="utf-8")
