"""One palette: every shape of every figure is seen, in every format and theme, in the colour it was given."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from lymphorisk.analysis import Analysis
from lymphorisk.report import content, html, palette
from lymphorisk.report.blood import STYLE
from lymphorisk.report.svg import Drawing, Path, Shape, Text

#: What each kind is drawn in, as a reader sees it on paper: fill, line. Kept by hand, beside the palette.
SEEN = {
    "bar": ("#4f86b3", None),
    "bar loss": ("#b3644a", None),
    "bar spread": ("#7a8794", None),
    "bar up": ("#b3421a", None),
    "bar down": ("#00664b", None),
    "band95": ("#dbe9f4", None),
    "band80": ("#b5d2e8", None),
    "band50": ("#7fb1d6", None),
    "course": ("#f4f1e6", None),
    "median": (None, "#000000"),
    "axis": (None, "#000000"),
    "grid": (None, "#c4ccd4"),
    "nadir": ("#ffffff", "#000000"),
    "threshold g2": (None, "#6b5a00"),
    "threshold g3": (None, "#a34300"),
    "threshold g4": (None, "#a3004f"),
    "g3-mark": ("#a34300", None),
    "g4-mark": ("#ffffff", "#a3004f"),
    "no-cut-mark": ("#3d4650", None),
    "other-cut-mark": ("#3d4650", None),
    "base-mark": ("#3d4650", None),
    "whisker g3-line": (None, "#a34300"),
    "whisker g4-line": (None, "#a3004f"),
    "whisker": (None, "#000000"),
    "connector": (None, "#3d4650"),
    "leader": (None, "#3d4650"),
    "fraction": (None, "#3d4650"),
    "curve c0": (None, "#005b96"),
    "curve c1": (None, "#b3421a"),
    "curve c2": (None, "#00664b"),
    "curve c3": (None, "#8a3a78"),
    "curve c4": (None, "#6b5a00"),
    "curve c5": (None, "#2f6f8f"),
    "curve c6": (None, "#444c55"),
    "curve c7": (None, "#7a1f1f"),
    "letter c1": ("#ffffff", "#b3421a"),
    "thin c0": (None, "#005b96"),
    "dot": ("#005b96", None),
    "met": ("#005b96", None),
    "unmet": (None, "#3d4650"),
    "frontier c1": (None, "#b3421a"),
    "area0": ("#005b96", None),
    "beyond": ("#000000", None),
}
WORDS = {
    "label": "#000000",
    "tick": "#3d4650",
    "note": "#3d4650",
    "axis-label": "#3d4650",
    "panel": "#000000",
    "strong": "#000000",
    "label g2-text": "#6b5a00",
    "label g3-text": "#a34300",
    "label g4-text": "#a3004f",
}


class Canvas:
    """Writes down what a PDF canvas is told: a shape's fill and line, or the colour of a text."""

    def __init__(self) -> None:
        self.fill = self.line = "unset"
        self.drawn: list[tuple[str | None, str | None]] = []
        self.said: list[tuple[str, str]] = []

    def setFillColor(self, colour: str) -> None:
        self.fill = colour

    def setStrokeColor(self, colour: str) -> None:
        self.line = colour

    def drawPath(self, path: Any, stroke: int, fill: int) -> None:
        self.drawn.append((self.fill if fill else None, self.line if stroke else None))

    def circle(self, x: float, y: float, radius: float, stroke: int, fill: int) -> None:
        self.drawPath(None, stroke, fill)

    def drawString(self, x: float, y: float, text: str) -> None:
        self.said.append((text, self.fill))

    def drawCentredString(self, x: float, y: float, text: str) -> None:
        self.drawString(x, y, text)

    def drawRightString(self, x: float, y: float, text: str) -> None:
        self.drawString(x, y, text)

    def beginPath(self) -> Canvas:
        return self

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


def drawn_as(shape: Shape) -> tuple[str | None, str | None]:
    from lymphorisk.report.pdf import _draw

    canvas = Canvas()
    _draw(canvas, shape)
    return canvas.drawn[0]


@pytest.fixture(scope="module")
def figures(explained: Analysis) -> list[Drawing]:
    return [f.drawing for f in content.report(explained).figures()]


@pytest.mark.parametrize("kind", sorted(SEEN))
def test_the_pdf_draws_each_kind_in_its_colours(kind: str) -> None:
    fill, _ = SEEN[kind]
    tag = "rect" if fill else "path"
    corners = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
    assert drawn_as(Path(corners, kind, closed=fill is not None, tag=tag)) == SEEN[kind]


@pytest.mark.parametrize("kind", sorted(WORDS))
def test_the_pdf_writes_each_kind_in_its_colour(kind: str) -> None:
    pytest.importorskip("reportlab")
    from lymphorisk.report.pdf import _draw, _fonts

    _fonts()
    canvas = Canvas()
    _draw(canvas, Text(0.0, 0.0, "a", kind))
    assert canvas.said == [("a", WORDS[kind])]


def test_every_kind_of_the_palette_is_in_these_lists() -> None:
    told = {k for kinds in (*SEEN, *WORDS) for k in kinds.split()}
    apart = {f"area{i}" for i in range(1, palette.LINES)} | {"halo", "letter-text", "no-cut-line", "other-cut-line"}
    assert set(palette.LOOKS) == told | apart


def test_the_page_draws_each_kind_as_the_palette_says(explained: Analysis) -> None:
    css = html.render(content.report(explained))
    for kind, look in palette.LOOKS.items():
        rule = re.search(rf"svg \.{re.escape(kind)} {{([^}}]*)}}", css)
        said = dict(re.findall(r"([\w-]+): ([^;]+);", rule[1])) if rule else {}
        for name, value in (("fill", look.fill), ("stroke", look.line)):
            if value is not None and kind != "halo":
                assert said.get(name) == ("none" if value == "none" else f"var(--{value})"), kind
        if look.width is not None:
            assert float(said["stroke-width"]) == look.width


def test_every_colour_a_look_names_is_in_every_theme_and_on_the_page(explained: Analysis) -> None:
    page = html.render(content.report(explained))
    named = {c for look in palette.LOOKS.values() for c in (look.fill, look.line) if c not in (None, "none")}
    for theme in (palette.LIGHT, palette.DARK, palette.PRINT):
        assert named <= set(theme)
        assert set(theme) == set(palette.LIGHT)
        assert all(f"--{name}: {colour};" in page for name, colour in theme.items())
    assert set(re.findall(r"var\(--([\w-]+)\)", page)) <= set(palette.LIGHT)


@pytest.mark.parametrize("theme", [palette.LIGHT, palette.DARK, palette.PRINT], ids=["light", "dark", "print"])
def test_no_kind_is_drawn_in_the_colour_of_the_paper(theme: dict[str, str]) -> None:
    for kind, look in palette.LOOKS.items():
        colours = [theme[c] for c in (look.fill, look.line) if c not in (None, "none")]
        if colours and kind != "letter":
            assert any(c != theme["paper"] for c in colours), kind


def test_every_shape_of_every_figure_is_seen(figures: list[Drawing]) -> None:
    assert len(figures) == 8
    for figure in figures:
        for shape in figure.shapes:
            if not isinstance(shape, Text):
                fill, line = drawn_as(shape)
                assert fill or line, (figure.key, shape.kind)


def test_bars_of_different_meaning_differ(figures: list[Drawing]) -> None:
    by_key = {f.key: f for f in figures}
    colours = {
        key: {drawn_as(s)[0] for s in by_key[key].shapes if isinstance(s, Path) and s.tag == "rect"}
        for key in ("physics", "spread", "blood-organs", "waterfall")
    }
    assert colours["physics"] == {"#b3644a"}
    assert colours["spread"] == {"#7a8794"}
    assert colours["blood-organs"] == {"#4f86b3"}
    assert colours["waterfall"] <= {"#b3421a", "#00664b", "#3d4650"}
    assert {"#b3421a", "#00664b"} <= colours["waterfall"], "what raises and what lowers"


def test_a_kind_without_a_look_is_refused() -> None:
    with pytest.raises(KeyError):
        palette.look("bar nonsense", palette.SHAPE)


def test_curves_drawn_together_differ_in_every_theme() -> None:
    for theme in (palette.LIGHT, palette.DARK, palette.PRINT):
        assert len({theme[f"c{i}"] for i in range(palette.LINES)}) == palette.LINES


def test_a_stand_alone_figure_carries_its_colours() -> None:
    for name in ("c0", "c1", "rule", "ink", "soft"):
        assert f"--{name}: {palette.LIGHT[name]};" in STYLE
    assert "svg .c0 { stroke: var(--c0); }" in STYLE


def test_a_changed_colour_changes_every_format(monkeypatch: pytest.MonkeyPatch, explained: Analysis) -> None:
    """One place: a look changed there moves the page and the PDF."""
    monkeypatch.setattr(palette, "LOOKS", {**palette.LOOKS, "bar": replace(palette.LOOKS["bar"], fill="g4")})
    assert "svg .bar { fill: var(--g4); }" in html.render(content.report(explained))
    assert drawn_as(Path(((0.0, 0.0), (1.0, 1.0)), "bar", tag="rect")) == ("#a3004f", None)
