"""A page that answers: one file, one script its policy names, values of the data; without it no byte is other."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from lymphorisk.analysis import Analysis
from lymphorisk.cli.analyze import analyze
from lymphorisk.cli.compare import compare
from lymphorisk.report import formats, html
from lymphorisk.report.content import report
from lymphorisk.report.document import Document, Figure, Section
from lymphorisk.report.interactive import interaction
from lymphorisk.report.svg import Drawing, Plot, Scale, Trace
from lymphorisk.report.wording import digits
from tests.report.test_browser import CHROMIUM, shown

COMMANDS = {"analyze": analyze, "compare": compare}
ASK = """
for (const slider of document.querySelectorAll(".ask input")) {
  slider.value = (Number(slider.min) + Number(slider.max)) / 4;
  slider.dispatchEvent(new Event("input"));
}
const svg = document.querySelector('svg[aria-labelledby~="alc-t"]');
const r = svg.getBoundingClientRect();
const [p] = JSON.parse(document.getElementById("plots").textContent).plots["alc"];
const x = p.x.start + (30 - p.x.low) / (p.x.high - p.x.low) * (p.x.end - p.x.start);
const scale = r.width / 960;
svg.dispatchEvent(new PointerEvent("pointermove", {clientX: r.left + x * scale, clientY: r.top + 200 * scale}));
for (const name of ["dvh", "alc"]) document.querySelector(`#figure-${name} .wide .ask button`).click();
"""


@pytest.fixture(scope="module")
def page(explained: Analysis) -> str:
    return html.render(report(explained), interactive=True)


def test_without_asking_no_byte_is_other(explained: Analysis) -> None:
    plain = html.render(report(explained))
    assert (
        plain == html.render(report(explained), interactive=False) == formats.written(Path("a.html"), report(explained))
    )
    assert "<script" not in plain
    assert "Content-Security-Policy" not in plain


def test_the_same_result_is_the_same_interactive_page(explained: Analysis, page: str) -> None:
    assert html.render(report(explained), interactive=True) == page


def test_the_policy_allows_this_script_and_no_other(page: str) -> None:
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.S)
    hashed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert f"script-src &#39;sha256-{hashed}&#39;" in policy or f"script-src 'sha256-{hashed}'" in policy
    assert "default-src" in policy
    assert "unsafe-eval" not in policy
    assert not re.search(r"\beval\b|innerHTML|Function\(|fetch\(|https?://(?!www\.w3\.org/2000/svg)", script)


def test_the_data_is_that_of_the_result(explained: Analysis, page: str) -> None:
    (held,) = re.findall(r'<script type="application/json" id="plots">(.*?)</script>', page, re.S)
    data = json.loads(held)
    (plot,) = data["plots"]["alc"]
    (trace,) = (data["traces"][place] for place in plot["traces"])
    f = explained.forecast
    for i, ((day, count), said) in enumerate(zip(trace["points"], trace["said"], strict=True)):
        assert day == pytest.approx(float(f.day[i]))
        assert count == pytest.approx(float(f.median[i]), rel=1e-5)
        assert said.startswith(f"{digits(float(f.median[i]), 2)} ×10⁹/L")


def test_a_line_is_held_once_and_gives_the_values_of_all_its_points() -> None:
    doses = np.linspace(0.0, 60.0, 6001)
    shares = 100.0 / (1.0 + np.exp((doses - 20.0) / 3.0)) * (doses < 45.0)
    line = Trace("Heart", "c0", tuple(zip(doses.tolist(), shares.tolist(), strict=True)), unit="%")
    drawings = [Drawing(w, 400, "DVH", "", key) for w, key in ((960, "dvh"), (360, "dvh-narrow"))]
    for d in drawings:
        d.plots.append(Plot(Scale(0, 60, 0, d.width), Scale(0, 100, 400, 0), "Gy", (line,)))
    figure = Figure(drawings[0], "", narrow=drawings[1])
    data = json.loads(interaction(Document("x", ("y",), sections=(Section("s", (figure,)),))).data)
    (trace,) = data["traces"]
    assert [p["traces"] for key in data["plots"] for p in data["plots"][key]] == [[0], [0]]
    kept = np.array(trace["points"])
    assert len(kept) < 300
    assert np.abs(np.interp(doses, *kept.T) - shares).max() < 0.05
    assert [0.0, pytest.approx(shares[0], rel=1e-5)] == list(kept[0])


def test_names_cannot_leave_the_data(hostile: Analysis) -> None:
    made = html.render(report(hostile), interactive=True)
    assert made.count("<script") == made.count("</script") == 2


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_asking_shows_the_values_and_the_console_stays_silent(explained: Analysis, page: str, tmp_path: Path) -> None:
    hashed = base64.b64encode(hashlib.sha256(ASK.encode()).digest()).decode()
    asked = re.sub(r"(script-src )", rf"\1'sha256-{hashed}' ", page, count=1)
    path = tmp_path / "page.html"
    path.write_text(asked.replace("</body>", f"<script>{ASK}</script></body>"), encoding="utf-8")
    dom, console = shown(path, "--window-size=1200,900")
    assert "CONSOLE" not in console, console
    f = explained.forecast
    i = [float(t) for t in f.day].index(30.0)
    q = f.quantiles
    assert (
        f"day 30: {digits(float(f.median[i]), 2)} ×10⁹/L, 50 %: {digits(float(q['p25'][i]), 2)} to "
        f"{digits(float(q['p75'][i]), 2)}"
    ) in dom
    outputs = re.findall(r"<output>(.*?)</output>", dom)
    assert len(outputs) >= 4
    assert all(outputs)
    drawn = dom.split("</style>")[1]
    assert drawn.count('aria-pressed="false"') == 2
    hidden = re.findall(r'<(\w+) [^>]*data-part="([^"]*)"[^>]*visibility="hidden"', drawn)
    assert {part for _, part in hidden} == {"0c0", "median"}
    assert {tag for tag, part in hidden if part == "0c0"} == {"path", "circle", "text"}, "a curve goes with its letter"
    asked_of = re.findall(r"<output>(Gy .*?)</output>", drawn)
    assert not any(said.split(": ")[1].startswith("a ") for said in asked_of[:1])


def test_every_line_that_may_be_asked_can_be_hidden(explained: Analysis, page: str) -> None:
    (held,) = re.findall(r'<script type="application/json" id="plots">(.*?)</script>', page, re.S)
    data = json.loads(held)
    for key, plots in data["plots"].items():
        drawing = page.split(f'aria-labelledby="{key}-t')[1].split("</svg>")[0]
        for plot in plots:
            parts = [data["traces"][place]["part"] for place in plot["traces"]] + [part for _, part in plot["bands"]]
            for part in parts:
                assert f'data-part="{part}"' in drawing, (key, part)
    assert [name for name, _ in data["plots"]["alc"][0]["bands"]] == [
        "median", "50 % inside", "80 % inside", "95 % inside", "nadir",
    ]  # fmt: skip


@pytest.mark.parametrize("command", ["analyze", "compare"])
@pytest.mark.parametrize("more", [[], ["--report", "a.pdf"]])
def test_only_a_page_can_answer(command: str, more: list[str], tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text("", encoding="utf-8")
    plans = [str(plan)] * (2 if command == "compare" else 1)
    said = CliRunner().invoke(COMMANDS[command], [*plans, "--interactive", *more])
    assert said.exit_code == 2
    assert "--interactive needs --report with an HTML file" in said.output
