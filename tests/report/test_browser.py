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
from typing import Any

import pytest

from lymphorisk.analysis import Analysis
from lymphorisk.analysis.compare import compare
from lymphorisk.cohorts import tables
from lymphorisk.cohorts.commission import commission as commissioned
from lymphorisk.cohorts.trends import trends_of
from lymphorisk.cohorts.write import NOTICED
from lymphorisk.report import cohort, commission, comparison, html
from lymphorisk.report.content import ProtocolRow, ProtocolTable, report

AXE = Path(os.environ.get("LYMPHORISK_AXE", "node_modules/axe-core/axe.min.js"))
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--enable-logging=stderr"),
)
NAMES = ("report", "hostile", "comparison", "cohort", "commission")
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


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, rtplans: Path) -> dict[str, str]:
    """The page of a cohort with counts, drift, an outlier and quarantine, and that of a site's plans, one refused."""
    folder = tmp_path_factory.mktemp("many")
    shapes = {"plans.parquet": {**tables.PLANS, **tables.MEASURED}, "quarantine.csv": tables.QUARANTINE}
    for name, columns in {**shapes, "noticed.csv": NOTICED}.items():
        writer = tables.Writer(folder / name, columns, parquet=name.endswith(".parquet"))
        for row in map(made_row, range(200)) if name == "plans.parquet" else [REFUSED]:
            writer.add(row)
        writer.flush()
        writer.close()
    shutil.copytree(rtplans / "brain", folder / "site" / "brain")
    (folder / "site" / "empty").mkdir()
    return {
        "cohort": html.render(cohort.report(trends_of(folder))),
        "commission": html.render(commission.report(commissioned(folder / "site"))),
    }


REFUSED = {
    "key": "0" * 32,
    "code": "LR702",
    "severity": "error",
    "what": "RTDOSE missing",
    "hint": "export it",
    "where": "plan 3",
}


def made_row(n: int) -> dict[str, Any]:
    """A plan of a cohort whose risk drifts; the fortieth is far from all others."""
    risk = 0.3 + (n % 7) / 100 + (0.2 if n > 150 else 0.0)
    return {
        "key": f"{n:032x}",
        "patient": f"p{n}",
        "treated": f"{2022 + n // 100}-{n // 9 % 12 + 1:02d}",
        "site_inferred": ("brain", "lung")[n % 2],
        "modality": "photon",
        "technique": "arc",
        "planning_system": "Maker System 1.0",
        "blood_mean_gy": 9.0 if n == 40 else 1.0 + (n % 5) / 10,
        "p_g3": risk,
        "nadir_median": 0.6,
        "lowest_count_p05": 0.3,
        "lowest_count_median": 0.5,
        "lowest_count_p95": 0.9,
        "p_g3_by_counts": risk,
        "measured_nadir": 0.3 + (n % 9) / 10,
        "measured_below": False,
        "warnings": n % 2,
        "verdict": ("PASS", "FAIL")[n % 2],
        "findings": ["LR301", "LR041"],
    }


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


@pytest.mark.parametrize("name", NAMES)
def test_the_console_stays_silent(
    name: str, explained: Analysis, hostile: Analysis, many: dict[str, str], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    page.write_text((many | pages(explained, hostile))[name], encoding="utf-8")
    dom, console = shown(page)
    assert "</html>" in dom
    assert "CONSOLE" not in console


@needs_axe
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_no_serious_fault(
    name: str, theme: str, explained: Analysis, hostile: Analysis, many: dict[str, str], tmp_path: Path
) -> None:
    text = (many | pages(explained, hostile))[name]
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
