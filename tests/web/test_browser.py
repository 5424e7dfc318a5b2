"""A walk in a browser: a plan handed in, its progress, its report, a slider, a decision, the audit trail.

axe-core is not shipped: `npm install axe-core` anywhere and set LYMPHORISK_AXE to its axe.min.js.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest

pytest.importorskip("starlette")
playwright = pytest.importorskip("playwright.sync_api")

from tests.web.conftest import BRAIN, PASSWORD  # noqa: E402

AXE = Path(os.environ.get("LYMPHORISK_AXE", "node_modules/axe-core/axe.min.js"))
#: Where pictures of every page are left, when somebody wants to look at them.
PICTURES = os.environ.get("LYMPHORISK_PICTURES", "")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
WIDE, PHONE = {"width": 1200, "height": 900}, {"width": 390, "height": 844}
PATIENCE_MS = 120_000
SERIOUS = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
  .filter(v => ["serious", "critical"].includes(v.impact))
  .map(v => [v.id, v.nodes.map(n => n.target.join(" ") + ": " + n.failureSummary).slice(0, 5)])"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here"),
]


def called(*words: str, given: str = "") -> None:
    subprocess.run(
        [sys.executable, "-m", "lymphorisk", *words], input=given, text=True, check=True, capture_output=True
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page as a clinic starts it, on a free port."""
    store = tmp_path_factory.mktemp("served") / "store"
    for name, role in (("ann", "decide"), ("vic", "view"), ("ada", "administer")):
        called("serve", "--out", str(store), "--add-user", name, "--role", role, given=PASSWORD + "\n")
    command = [sys.executable, "-m", "lymphorisk", "serve", "--out", str(store), "--port", "0", "--draws", "64"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = re.search(r"http://\S+/", next(line for line in process.stderr if "http://" in line))
        assert said is not None
        yield said[0]
        process.terminate()
        assert process.wait(60) == 0


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium."""
    with playwright.sync_playwright() as made:
        chromium = made.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


class Walk:
    """A page whose console is listened to."""

    def __init__(self, browser: Any, base: str, **how: Any) -> None:
        self.context = browser.new_context(base_url=base, **how)
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.errors: list[str] = []
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda e: self.errors.append(str(e)))

    def enter(self, name: str) -> None:
        self.page.goto("/")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.keyboard.press("Enter")
        self.page.get_by_role("heading", name="Worklist").wait_for()

    def done(self) -> None:
        self.context.close()
        assert not self.errors


def hand_in(page: Any, files: list[Path] | None = None) -> None:
    """The brain plan or another, until it is answered."""
    page.get_by_label("Hand in a plan").set_input_files(files or sorted(BRAIN.glob("*.dcm")))
    page.get_by_role("button", name="Send").press("Enter")
    page.get_by_role("heading", name="Handed in").wait_for()
    page.get_by_text("Done.").wait_for()


@pytest.fixture(scope="module")
def entry(server: str, browser: Any) -> str:
    """Where the brain plan's entry is, whichever test of this page runs first."""
    walk = Walk(browser, server, viewport=WIDE)
    walk.enter("ann")
    hand_in(walk.page)
    href: str = walk.page.locator("#progress a").first.get_attribute("href")
    walk.done()
    return href


def test_a_walk(server: str, browser: Any) -> None:
    walk = Walk(browser, server, viewport=WIDE)
    page = walk.page
    page.goto("/")
    assert page.url.endswith("/login")
    walk.enter("ann")

    hand_in(page)
    page.locator("#progress a").first.click()
    page.get_by_role("heading", name=re.compile("^Entry")).wait_for()

    report = page.frame_locator("iframe.report")
    report.get_by_role("heading", level=1).wait_for()
    slider = report.get_by_role("slider").first
    slider.focus()
    slider.press("ArrowRight")
    report.locator("output").first.filter(has_text=re.compile(r"\d")).wait_for()
    for figure, part in (("dvh", "0c0"), ("alc", "band95")):
        place = report.locator(f"#figure-{figure} .wide")
        shape = place.locator(f'path[data-part="{part}"]')
        assert shape.is_visible()
        name = re.compile("^a ") if figure == "dvh" else "95 % inside"
        button = place.get_by_role("button", name=name).first
        button.focus()
        button.press("Enter")
        assert button.get_attribute("aria-pressed") == "false"
        assert shape.get_attribute("visibility") == "hidden"
        button.press("Enter")
        assert shape.get_attribute("visibility") == "visible"

    page.get_by_role("link", name="Planes").click()
    for axis in ("Axial", "Coronal", "Sagittal"):
        slider = page.get_by_role("slider", name=axis)
        before, planes = int(slider.input_value()), page.locator(f"#plane-{axis.lower()}")
        drawn = planes.locator("svg").inner_html()
        slider.focus()
        slider.press("ArrowRight")
        planes.get_by_text(f"{axis}, {before + 2} of").wait_for()
        assert planes.locator("svg").inner_html() != drawn
    letters = page.locator("#viewer svg .letter-text")
    shown = letters.count()
    ticked = page.get_by_role("checkbox", name="GTV")
    assert not ticked.is_checked()
    ticked.check()
    page.wait_for_function("n => document.querySelectorAll('#viewer svg .letter-text').length > n", arg=shown)
    assert "organ=GTV" in page.url

    page.get_by_role("link", name="What if").click()
    fractions = page.get_by_label("Fractions, the same total dose")
    fractions.focus()
    fractions.press("ArrowLeft")
    page.locator("#answer table").wait_for()
    assert re.search(r"Answered in \d+(\.\d+)? s", page.locator("#answer").inner_text())

    page.get_by_role("link", name="Counts of the course").click()
    keep = page.locator("#keep")
    keep.get_by_label("Day").fill("10")
    keep.get_by_label("Count").fill("0.9")
    keep.get_by_role("button", name="Keep").press("Enter")
    page.get_by_role("heading", name="Forecast before and after").wait_for()
    page.get_by_text("rests on 1 kept count").wait_for()
    page.get_by_role("link", name="Verdict and report").click()
    page.get_by_role("link", name="Counts of the course").click()
    page.get_by_role("heading", name="Forecast before and after").wait_for()

    page.get_by_role("link", name="Verdict and report").click()
    page.get_by_role("heading", name="Decisions").wait_for()
    lines = page.locator("select[name=line]")
    beyond = [o for o in lines.locator("option").all_inner_texts() if re.search(r"\((FAIL|VARIATION)", o)]
    lines.select_option(label=beyond[-1])
    page.locator("select[name=what]").select_option(label="accepted")
    page.get_by_label("Reason").fill("discussed in the conference")
    page.get_by_role("button", name="Decide").press("Enter")
    page.locator("#decisions ~ ol").get_by_text("discussed in the conference").wait_for()

    page.get_by_role("link", name="Audit trail").click()
    page.get_by_text("Intact").wait_for()
    row = page.get_by_role("row").filter(has_text="discussed in the conference")
    assert "ann" in row.inner_text()
    assert "decision" in row.inner_text()
    assert "ann" in page.get_by_role("row").filter(has_text="day 10: 0.9").inner_text()

    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    page.goto("/audit")
    assert page.url.endswith("/login")
    walk.done()


def changed(folder: Path, case: str, scale: float, whose: str = "") -> list[Path]:
    """Another plan on the same structures, its dose times a factor; or the same of somebody else."""
    folder.mkdir()
    own: dict[str, str] = {}
    files = []
    for path in sorted((BRAIN.parent / case).glob("*.dcm")):
        data = pydicom.dcmread(path)
        if whose:
            own[data.StudyInstanceUID] = f"{data.StudyInstanceUID}.9"
            data.PatientID = whose
        if whose or data.Modality != "RTSTRUCT":
            own[data.SOPInstanceUID] = f"{data.SOPInstanceUID}.{9 if whose else 7}"
        files.append((path.name, data))
    for name, data in files:
        for element in data.iterall():
            if element.VR == "UI" and str(element.value) in own:
                element.value = own[str(element.value)]
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
        if data.Modality == "RTDOSE":
            data.DoseGridScaling = float(data.DoseGridScaling) * scale
        data.save_as(folder / name)
    return sorted(folder.glob("*.dcm"))


def test_two_plans_are_compared(server: str, browser: Any, entry: str, tmp_path: Path) -> None:
    """Another plan of the patient; the plan with itself; a plan of somebody else."""
    walk = Walk(browser, server, viewport=WIDE)
    page = walk.page
    walk.enter("ann")
    hand_in(page, changed(tmp_path / "less", "brain", 0.9))
    other = page.locator("#progress a").first.get_attribute("href").rsplit("/", 1)[-1]
    page.goto("/")
    hand_in(page, changed(tmp_path / "hers", "brain", 1.0, "SOMEBODY ELSE"))
    stranger = page.locator("#progress a").first.get_attribute("href").rsplit("/", 1)[-1]
    first = entry.rsplit("/", 1)[-1]

    page.get_by_role("link", name="Compare").click()
    page.locator("select[name=first]").select_option(value=first)
    page.locator("select[name=second]").select_option(value=other)
    page.get_by_role("button", name="Compare").press("Enter")
    page.locator("#answer table").first.wait_for()
    assert "different patients" not in page.locator("#answer").inner_text()
    assert page.locator("#answer svg").count() >= 2
    picture(page, "compared", "light", "wide")
    assert not serious(page)

    page.locator("select[name=second]").select_option(value=stranger)
    page.get_by_role("button", name="Compare").press("Enter")
    page.locator("#answer").get_by_text("LR041").first.wait_for()

    page.goto(f"/compare?first={first}&second={first}")
    page.get_by_text("a plan is compared with another").wait_for()
    walk.errors = [e for e in walk.errors if "400" not in e]  # asked for on purpose
    walk.done()


def test_files_may_be_dropped(server: str, browser: Any, tmp_path: Path) -> None:
    packed = shutil.make_archive(str(tmp_path / "plan"), "zip", BRAIN)
    walk = Walk(browser, server, viewport=WIDE)
    walk.enter("ann")
    held = walk.page.evaluate_handle(
        "bytes => { const t = new DataTransfer();"
        "t.items.add(new File([new Uint8Array(bytes)], 'plan.zip')); return t; }",
        list(Path(packed).read_bytes()),
    )
    walk.page.dispatch_event("#drop", "drop", {"dataTransfer": held})
    walk.page.get_by_role("heading", name="Handed in").wait_for()
    walk.page.get_by_text("Done.").wait_for()
    walk.done()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", ["wide", "phone"])
def test_axe_finds_no_serious_fault_and_nothing_is_cut(
    server: str, browser: Any, entry: str, theme: str, size: str
) -> None:
    walk = Walk(browser, server, viewport=WIDE if size == "wide" else PHONE, color_scheme=theme)
    page = walk.page
    walk.enter("ada")
    paths = (
        "/login",
        "/",
        entry,
        f"{entry}/view",
        f"{entry}/what-if?fractions=10",
        f"{entry}/update?day=16&count=0.9&unit=10^9/L",
    )
    for path in (*paths, "/compare", "/protocols", "/protocols/brain", "/audit", "/cohort", "/nothing", "/logout"):
        if path == "/login":
            page.context.clear_cookies()
        page.goto(path)
        if path == "/login":
            picture(page, "login", theme, size)
            assert not serious(page)
            walk.enter("ada")
            continue
        picture(page, path.split("?")[0].rsplit("/", 1)[-1][:12] or "worklist", theme, size)
        assert not serious(page), path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    walk.errors = [e for e in walk.errors if "404" not in e and "405" not in e]  # asked for on purpose
    walk.done()


def serious(page: Any) -> list[Any]:
    if not AXE.is_file():
        pytest.skip("no axe-core here (npm install axe-core, LYMPHORISK_AXE)")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: list[Any] = page.evaluate(SERIOUS)
    return found


def picture(page: Any, name: str, theme: str, size: str) -> None:
    if PICTURES:
        if (frame := page.locator("iframe")).count():
            frame.scroll_into_view_if_needed()
            page.wait_for_timeout(1500)
            page.screenshot(path=f"{PICTURES}/{name}-frame-{size}-{theme}.png")
        page.screenshot(path=f"{PICTURES}/{name}-{size}-{theme}.png", full_page=True)
