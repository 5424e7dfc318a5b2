"""The page: self-contained, safe, the same every time, readable by everyone."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lymphorisk.analysis import Analysis
from lymphorisk.report import html
from lymphorisk.report.content import ProtocolRow, ProtocolTable, report

VOID = {"meta", "br", "img", "input", "link", "hr"}


class Page(HTMLParser):
    """Tags with attributes, text, and whether every tag is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another tag"

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def text(explained: Analysis) -> str:
    return html.render(report(explained))


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_every_tag_is_closed(page: Page) -> None:
    assert not page.open


def test_nothing_comes_from_the_network(text: str, page: Page) -> None:
    assert not re.search(r"https?://|//[a-z]|@import|url\(|srcset|<link|<iframe|<script|<img|<object|<base", text, re.I)
    for _, attributes in page.tags:
        assert attributes.get("href", "#").startswith("#")  # type: ignore[union-attr]
        assert "src" not in attributes
        assert not any(name.startswith("on") for name in attributes)


def test_the_same_result_is_the_same_page(explained: Analysis, text: str) -> None:
    assert html.render(report(explained)) == text


def test_no_time_stamp_unless_given(explained: Analysis, text: str) -> None:
    assert not re.search(r"20\d\d-\d\d-\d\d", text)
    assert "2026-01-31 12:00" in html.render(report(explained, written="2026-01-31 12:00"))


def test_the_page_is_small(text: str) -> None:
    assert len(text.encode()) < 300_000


def test_hostile_names_do_no_harm(hostile: Analysis) -> None:
    made = html.render(report(hostile))
    page = Page(made)
    assert not page.open
    assert "<script" not in made.lower()
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert len(made.encode()) < 1_000_000
    assert '<script>alert("x")</script>' in "".join(page.words)


def test_all_figures_are_there_and_drawn(text: str) -> None:
    for key in ("alc", "dvh", "blood-organs", "blood-dvh", "voices", "waterfall", "physics", "spread"):
        assert f'id="figure-{key}"' in text, key
    drawings = re.findall(r"<svg.*?</svg>", text, re.S)
    narrow = [d for d in drawings if '-narrow-t"' in d]
    assert len(drawings) == 8 + len(narrow)
    assert len(narrow) == 3
    for drawing in drawings:
        root = ElementTree.fromstring(drawing)
        _, _, width, height = map(float, root.attrib["viewBox"].split())
        names = {element.attrib["id"] for element in root if element.tag in {"title", "desc"}}
        assert set(root.attrib["aria-labelledby"].split()) == names
        assert all(element.text for element in root if element.tag in {"title", "desc"})
        for element in root.iter("text"):
            assert -5 <= float(element.attrib["x"]) <= width
            assert 0 <= float(element.attrib["y"]) <= height
        assert not re.search(r"nan|inf", drawing)


def test_headings_landmarks_and_language(page: Page) -> None:
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == len(page.all("main")) == len(page.all("header")) == len(page.all("footer")) == 1
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_ids_are_unique_and_references_resolve(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        for name in ("aria-labelledby", "aria-describedby"):
            for wanted in (attributes.get(name) or "").split():
                assert wanted in ids
        if (attributes.get("href") or "").startswith("#"):
            assert attributes["href"][1:] in ids  # type: ignore[index]


def test_tables_have_captions_and_scopes(page: Page) -> None:
    assert len(page.all("table")) == len(page.all("caption")) >= 7
    assert all(attributes.get("scope") in {"col", "row"} for attributes in page.all("th"))
    scrolling = [a for a in page.all("div") if a.get("class") == "scroll"]
    assert all(a.get("tabindex") == "0" and a.get("aria-label") for a in scrolling)


def test_text_has_contrast_in_light_and_dark(text: str) -> None:
    """WCAG 2 AA: 4.5 to 1 for every colour that text is drawn in."""
    style = text[text.index("<style>") : text.index("</style>")]
    themes = re.findall(r":root \{([^}]*)\}", style)[:2]
    light = dict(re.findall(r"--([\w]+): (#[0-9a-f]{6})", themes[0]))
    dark = light | dict(re.findall(r"--([\w]+): (#[0-9a-f]{6})", themes[1]))
    for theme in (light, dark):
        for ink in ("ink", "soft", "accent", "g2", "g3", "g4"):
            for paper in ("paper", "panel"):
                assert contrast(theme[ink], theme[paper]) >= 4.5, (ink, paper)


def contrast(a: str, b: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_page_says_what_it_is_and_is_not(page: Page) -> None:
    said = " ".join(" ".join(page.words).split())
    assert "Research and QA support, not a medical device." in said
    assert "simulated patients" in said
    assert "They differ." in said
    for forbidden in ("safe to treat", "approved", "recommended dose", "adequate"):
        assert forbidden not in said


def test_the_patient_is_named_only_on_request(explained: Analysis, text: str) -> None:
    assert "Patient Doe" not in text
    named = html.render(report(explained, identity=("Doe^Jane", "12345")))
    assert "Doe^Jane" in named
    assert "12345" in named
    assert "<title>Lymphocyte report</title>" in named


def test_without_a_predictor_the_page_says_so(result: Analysis) -> None:
    made = html.render(report(result))
    assert "No explanation:" in made
    assert 'id="figure-waterfall"' not in made


def test_protocol_and_signature_are_optional(explained: Analysis, text: str) -> None:
    assert 'class="sign"' in text
    assert "Every line of the protocol" not in text
    rows = (
        ProtocolRow("Spleen", "Mean[Gy]", "<= 9", "4.0", "PASS"),
        ProtocolRow("<b>", "V5Gy[%]", "<= 1", "–", "MISSING"),
    )
    made = html.render(report(explained, protocol=ProtocolTable("house", "FAIL", rows), signature=False))
    assert "Protocol house: FAIL" in made
    assert "&lt;b&gt;" in made
    assert 'class="sign"' not in made


def test_no_surrogate_is_drawn_as_if_contoured(text: str) -> None:
    drawing = text[text.index('id="figure-dvh"') : text.index("</svg>", text.index('id="figure-dvh"'))]
    assert "Spleen" in drawing
    assert "BoneMarrow" not in drawing


def test_a_plan_without_dose_still_makes_a_page(result: Analysis) -> None:
    from lymphorisk.analysis import Options, analyze
    from lymphorisk.scenario import scenario_from

    empty = analyze(
        scenario_from({"plan": {"fractions": 2}, "organs": {"*": {"mean_gy": 0.0}}, "patient": {"alc": 1.0}}),
        options=Options(draws=16, horizon_d=30),
    )
    made = html.render(report(empty))
    assert not Page(made).open
    assert not re.search(r"\bnan\b", made)
    assert "Nothing is lost" in made


def test_findings_are_bounded(result: Analysis) -> None:
    first = result.findings[0]
    noted = tuple(replace(first, what=f"case {i}") for i in range(5000))
    many = replace(result, findings=(*result.findings * 500, *noted))
    made = html.render(report(many))
    assert "more in the JSON result" in made
    assert len(made.encode()) < 1_000_000


@pytest.mark.slow
def test_chromium_draws_it(text: str, tmp_path: Path) -> None:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium here")
    path, shot = tmp_path / "report.html", tmp_path / "report.png"
    path.write_text(text, encoding="utf-8")
    quiet = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr",
    ]  # fmt: skip
    done = subprocess.run(
        [
            program,
            *quiet,
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--screenshot={shot}",
            "--window-size=1040,4200",
            path.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert shot.stat().st_size > 100_000
    assert "CONSOLE" not in done.stderr
