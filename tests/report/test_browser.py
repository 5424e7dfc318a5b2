"""The pages in a browser: axe-core finds no serious fault, and the console stays silent.

axe-core is not shipped: `npm install axe-core` anywhere and set LYMPHORISK_AXE to its axe.min.js.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest

from lymphorisk.analysis import Analysis
from lymphorisk.analysis.compare import compare
from lymphorisk.report import comparison, html
from lymphorisk.report.content import ProtocolRow, ProtocolTable, report

AXE = Path(os.environ.get("LYMPHORISK_AXE", "node_modules/axe-core/axe.min.js"))
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--enable-logging=stderr"),
)
STATES = ("PASS", "VARIATION", "FAIL", "MISSING", "UNDECIDED", "REFERENCE", "FAIL (accepted)")
RUN = """
axe.run(document, {resultTypes: ["violations"]}).then(found => {
  const out = document.createElement("pre");
  out.id = "axe-found";
  out.textContent = JSON.stringify(found.violations.map(
    v => [v.impact, v.id, v.nodes.map(n => n.target.join(" ") + ": " + n.failureSummary).slice(0, 5)]));
  document.body.append(out);
});
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here"),
]

needs_axe = pytest.mark.skipif(not AXE.is_file(), reason="no axe-core here (npm install axe-core, LYMPHORISK_AXE)")


def pages(explained: Analysis, hostile: Analysis) -> dict[str, str]:
    rows = tuple(ProtocolRow("Spleen", "Mean[Gy]", "<= 9", "4.0 Gy", state, "a note") for state in STATES)
    return {
        "report": html.render(report(explained, ("Doe^Jane", "7"), protocol=ProtocolTable("house", "FAIL", rows))),
        "hostile": html.render(report(hostile)),
        "comparison": html.render(comparison.report([compare(explained, explained)], ["first", "second"])),
    }


def shown(page: Path, *more: str) -> tuple[str, str]:
    """DOM and console of a page once its scripts have run."""
    assert CHROMIUM is not None
    done = subprocess.run(
        [CHROMIUM, *QUIET, f"--user-data-dir={page.parent / 'profile'}", *more, "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout, done.stderr


@pytest.mark.parametrize("name", ["report", "hostile", "comparison"])
def test_the_console_stays_silent(name: str, explained: Analysis, hostile: Analysis, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(pages(explained, hostile)[name], encoding="utf-8")
    dom, console = shown(page)
    assert "</html>" in dom
    assert "CONSOLE" not in console


@needs_axe
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["report", "hostile", "comparison"])
def test_axe_finds_no_serious_fault(
    name: str, theme: str, explained: Analysis, hostile: Analysis, tmp_path: Path
) -> None:
    text = pages(explained, hostile)[name]
    if theme == "dark":
        # Headless Chromium is light; the dark colours are those the page itself names.
        assert text.count("@media (prefers-color-scheme: dark)") == 1
        text = text.replace("@media (prefers-color-scheme: dark)", "@media all")
    assert not faults(text, tmp_path)


@needs_axe
def test_axe_would_see_a_fault(explained: Analysis, tmp_path: Path) -> None:
    text = (
        html.render(report(explained))
        .replace('<html lang="en">', "<html>")
        .replace("--soft: #4a5763", "--soft: #c0c8d0")
    )
    assert {"html-has-lang", "color-contrast"} <= {f[1] for f in faults(text, tmp_path)}


def faults(text: str, folder: Path) -> list[tuple[str, str, list[str]]]:
    """Serious and critical faults axe-core finds in a page: impact, rule, places."""
    script = AXE.read_text(encoding="utf-8").replace("</script", "<\\/script")
    page = folder / "page.html"
    page.write_text(
        text.replace("</body>", f"<script>{script}</script><script>{RUN}</script></body>"), encoding="utf-8"
    )
    dom, _ = shown(page, "--virtual-time-budget=20000")
    said = re.search(r'<pre id="axe-found">(.*?)</pre>', dom, re.S)
    assert said, "axe did not run"
    return [f for f in json.loads(unescape(said[1])) if f[0] in ("serious", "critical")]
