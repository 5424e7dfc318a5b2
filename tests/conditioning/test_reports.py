"""The command and its output: text, JSON, HTML; deterministic, escaped, and never advice."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from lymphorisk.analysis.saved import checksum
from lymphorisk.cli.main import cli, run
from lymphorisk.conditioning.regimen import DrugDose, Regimen
from lymphorisk.findings import SEVERITIES
from lymphorisk.plan import Patient
from lymphorisk.regimen import Choices, PatientFacts, compare, product, search
from lymphorisk.regimen.knobs import Knob
from lymphorisk.report import html
from lymphorisk.report.conditioning.document import report
from lymphorisk.report.conditioning.figures import counts_figure, frontier_figure
from lymphorisk.report.conditioning.text import conditioning_text

ROOT = Path(__file__).parents[2]
PATIENT = ["--alc", "0.8", "--weight-kg", "80", "--height-cm", "172", "--egfr", "85", "--draws", "64"]
#: Words of advice. Planner output reports; it never tells a person which regimen or dose to give.
ADVICE = re.compile(
    r"\b(recommend\w*|advis\w+|should (?:give|receive|be given|use|get)|must (?:give|receive)|"
    r"(?:best|optimal|ideal|preferred|right|suitable) (?:dose|regimen|schedule)|"
    r"(?:increase|decrease|reduce|raise|lower|escalate) the dose|"
    r"(?:in)?adequate|consider giving|we suggest|is safe)\b",
    re.IGNORECASE,
)
SPOKEN = [
    *sorted((ROOT / "lymphorisk" / "regimen").glob("*.py")),
    *sorted((ROOT / "lymphorisk" / "report" / "conditioning").glob("*.py")),
    *sorted((ROOT / "lymphorisk" / "conditioning").glob("*.py")),
    ROOT / "lymphorisk" / "cli" / "conditioning.py",
    *(
        ROOT / "lymphorisk" / "parameters" / "data" / f"{t}.toml"
        for t in ("drugs", "products", "criteria", "hematotox")
    ),
    ROOT / "docs" / "conditioning.md",
]


@pytest.fixture(scope="module")
def shown() -> tuple[str, str]:
    """Text and HTML of a comparison with a search, everything switched on."""
    facts = PatientFacts(Patient(alc=0.8, weight_kg=80.0, height_cm=172.0), egfr_ml_min=40.0, wbc=0.8)
    names = ("axi-cel", "tisa_lymphoma", "tisa_lymphoma_benda", "cilta-cel", "obe-cel", "tbi2_flu75")
    comparison = compare([(product(n), {}) for n in names], facts, Choices(draws=64))
    found = search(
        product("cilta-cel"), {}, (Knob("infusion", "delay_d", (0.0, 1.0, 9.0), 0.0),), facts, Choices(draws=32)
    )
    return conditioning_text(comparison, found), html.render(report(comparison, found))


def test_no_output_recommends_a_dose(shown: tuple[str, str]) -> None:
    for text in shown:
        assert not ADVICE.findall(text)


@pytest.mark.parametrize("path", SPOKEN, ids=lambda p: p.name)
def test_no_text_anywhere_recommends_a_dose(path: Path) -> None:
    assert not ADVICE.findall(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("said", ["We recommend 30 mg/m2", "an optimal dose", "you should give more", "inadequate"])
def test_the_scan_would_find_advice(said: str) -> None:
    assert ADVICE.findall(said)


def test_only_three_states_are_shown(shown: tuple[str, str]) -> None:
    cells = set(re.findall(r'<span class="tag [^"]*">([^<]*)</span>', shown[1])) - set(SEVERITIES)
    assert cells
    assert cells <= {"MET", "NOT MET", "CANNOT SAY"}


def test_the_limits_are_in_both(shown: tuple[str, str]) -> None:
    for text in shown:
        for part in ("Not a dosing tool", "day 4", "assumed", "retrospective", "reference"):
            assert part in text


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [v or "" for k, v in attrs if k in {"src", "href"}]


def test_the_page_stands_alone(shown: tuple[str, str]) -> None:
    page = Page()
    page.feed(shown[1])
    assert page.tags.count("svg") == 2 * 2, "each in two widths"
    assert "script" not in page.tags
    assert not [link for link in page.links if not link.startswith("#")]
    assert len(shown[1]) < 1_000_000


def test_drawings_are_well_formed_and_named() -> None:
    facts = PatientFacts(Patient(alc=0.8))
    svg = counts_figure(compare([(product(n), {}) for n in ("axi-cel", "tisa_all")], facts, Choices(draws=32))).svg()
    root = ElementTree.fromstring(svg)
    names = [e.text for e in root.iter("text")]
    assert "axi_cel" in names
    assert "infusion" in names
    assert any("not the host" in (n or "") for n in names)
    found = search(product("cilta-cel"), {}, (Knob("infusion", "delay_d", (0.0, 1.0), 0.0),), facts, Choices(draws=32))
    ElementTree.fromstring(frontier_figure(found).svg())


def test_names_with_markup_do_no_harm() -> None:
    evil = Regimen('<script>alert("x")</script>' * 3, (DrugDose("fludarabine", 30.0, "mg/m2", -4.0),))
    page = html.render(report(compare([(evil, {})], PatientFacts(Patient(alc=0.8)), Choices(draws=32))))
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def call(*args: str) -> Any:
    return CliRunner().invoke(cli, ["conditioning", *args], catch_exceptions=False)


def test_the_command_compares_products() -> None:
    out = call("--product", "axi-cel", "--product", "cilta-cel", *PATIENT)
    assert out.exit_code == 0
    assert "axi_cel" in out.stdout
    assert "CANNOT SAY" in out.stdout


def test_json_is_versioned_and_the_same_every_time() -> None:
    args = ("--product", "axi-cel", "--product", "tbi4", "--json", *PATIENT)
    first, second = call(*args).stdout, call(*args).stdout
    assert first == second
    data = json.loads(first)
    assert data["schema"] == "lymphorisk/conditioning/1"
    assert data["checksum"] == checksum(data)
    regimen = data["regimens"][0]
    assert len(regimen["alc"]["day"]) == len(regimen["alc"]["p50"])
    assert {"median", "p05", "p95", "unit"} <= set(regimen["metrics"]["alc_at_infusion"])
    assert {c["state"] for c in regimen["criteria"]} <= {"MET", "NOT MET", "CANNOT SAY"}
    assert all(c["evidence"]["known"] for c in regimen["criteria"])
    assert data["provenance"]["parameter_set"]


def test_regimen_file_with_its_plan_searched_and_reported(folder: Path) -> None:
    page = folder / "out.html"
    out = call(str(folder / "regimen.toml"), "--search", "--draws", "64", "--report", str(page))
    assert out.exit_code == 0, out.output
    assert "Search:" in out.stdout
    assert "Frontier" in out.stdout
    assert "bridging (bridging" not in out.stdout
    assert "Depth against duration" in page.read_text(encoding="utf-8")


def test_the_example_regimens_run() -> None:
    examples = ROOT / "fixtures" / "regimens"
    files = [str(examples / name) for name in ("flucy_after_bridging.toml", "low_dose_tbi.toml")]
    out = call(*files, "--search", "--draws", "64", "--json")
    data = json.loads(out.stdout)
    assert {r["name"] for r in data["regimens"]} == {"Flu/Cy after bridging", "2 x 1 Gy TBI + Flu"}
    bridged = next(r for r in data["regimens"] if r["radiation"][0]["role"] == "bridging")
    assert bridged["radiation"][0]["kinetics"] == "combined"
    assert data["hematotox"]["score"] == 1
    assert len(data["search"]["schedules"]) == (1 + 2 * 4) * 3


@pytest.mark.parametrize(
    ("name", "first", "role"),
    [("bridging_30gy_axi_cel", -35.0, "bridging"), ("tbi_2gy_fludarabine", -2.0, "lymphodepletion")],
)
def test_a_scenario_that_carries_its_conditioning_runs(name: str, first: float, role: str) -> None:
    out = call(str(ROOT / "fixtures" / "scenarios" / f"{name}.toml"), "--draws", "64", "--json")
    course = json.loads(out.stdout)["regimens"][0]["radiation"][0]
    assert course["days"][0] == first
    assert course["role"] == role


def test_a_search_as_json_holds_every_schedule(folder: Path) -> None:
    out = call(str(folder / "regimen.toml"), "--search", "--draws", "32", "--json")
    data = json.loads(out.stdout)["search"]
    assert len(data["schedules"]) == 2 * (1 + 2 * 3)
    assert {"settings", "joint_probability", "meets", "on_frontier", "distance"} <= set(data["schedules"][0])
    assert [k["label"] for k in data["knobs"]] == ["cyclophosphamide mg/m2", "bridging x dose", "bridging last day"]


def test_an_export_joins_every_regimen_without_a_plan(folder: Path) -> None:
    out = call("--product", "cilta-cel", str(folder / "bridging.toml"), "--first-day", "-30", "--json", *PATIENT)
    data = json.loads(out.stdout)
    course = data["regimens"][0]["radiation"][0]
    assert course["days"][0] == -30.0
    assert course["kinetics"] == "combined"
    assert data["provenance"]["inputs"], "the plan's hash is in the result"


@pytest.mark.slow
def test_a_folder_named_after_a_patient_is_not_shown(folder: Path) -> None:
    named = folder / "DOE_JOHN_1955"
    named.mkdir()
    (folder / "bridging.toml").rename(named / "DOE_JOHN_plan.toml")
    text = (folder / "regimen.toml").read_text(encoding="utf-8")
    (folder / "regimen.toml").write_text(
        text.replace("bridging.toml", "DOE_JOHN_1955/DOE_JOHN_plan.toml"), encoding="utf-8"
    )
    (named / "DOE_JOHN_plan.toml").write_text(
        (named / "DOE_JOHN_plan.toml").read_text(encoding="utf-8").replace("[plan]", '[plan]\nlabel = "boost"'),
        encoding="utf-8",
    )
    for more in ([], ["--json"]):
        out = call(str(folder / "regimen.toml"), "--draws", "64", *more)
        assert out.exit_code == 0
        assert "DOE" not in out.output


def test_every_file_that_was_read_is_on_record(folder: Path) -> None:
    own = folder / "own.toml"
    own.write_text(
        '[alc_nadir.at_least]\nvalue = 0.05\nunit = "10^9/L"\nsource = "s"\nplace = "p"\nknown = "assumed"\n',
        encoding="utf-8",
    )
    out = call(str(folder / "regimen.toml"), "--criteria", str(own), "--draws", "64", "--json")
    roles = [role for role, _, digest in json.loads(out.stdout)["provenance"]["inputs"] if len(digest) == 64]
    assert roles == ["regimen", "criteria", "scenario"]


def test_a_fixture_plan_as_bridging(rtplans: Path) -> None:
    if not (rtplans / "large_volume_low_dose").is_dir():
        pytest.skip("fixture plans are not built")
    out = call("--product", "axi-cel", str(rtplans / "large_volume_low_dose"), "--first-day", "-20", "--json", *PATIENT)
    regimen = json.loads(out.stdout)["regimens"][0]
    assert len(regimen["fractions"]) == 10
    assert regimen["fractions"][0]["blood_gy"] > 0.05


def test_the_list_of_products() -> None:
    out = call("--list-products")
    assert "axi_cel" in out.stdout
    assert "lifileucel" in out.stdout


def test_the_built_in_criteria_come_as_a_file_to_edit(tmp_path: Path) -> None:
    own = tmp_path / "criteria.toml"
    own.write_text(call("--show-criteria").stdout, encoding="utf-8")
    built_in, edited = (
        json.loads(call("--product", "axi-cel", "--json", *PATIENT, *more).stdout)["regimens"][0]["criteria"]
        for more in ([], ["--criteria", str(own)])
    )
    assert built_in == edited
    assert "days_below_0_5_before" in own.read_text(encoding="utf-8")


def test_labs_on_the_command_line() -> None:
    labs = ("platelets_10e9_l=60", "anc_10e9_l=0.7", "hb_g_l=85", "crp_mg_l=24", "ferritin_ug_l=1400")
    out = call("--product", "axi-cel", *PATIENT, *(x for lab in labs for x in ("--lab", lab)))
    assert "CAR-HEMATOTOX 5 of 7" in out.stdout


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ([], 2),
        (["--product", "wonder-cel"], 2),
        (["--product", "axi-cel", "--lab", "crp=8"], 3),
        (["--product", "axi-cel", "--lab", "crp_mg_l"], 2),
        (["--product", "axi-cel", "--alc", "1400"], 3),
        (["--product", "axi-cel", "--search"], 2),
        (["--product", "axi-cel", "--report", "/nowhere/at/all.html"], 3),
    ],
)
def test_exit_codes(args: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["conditioning", *args]) == code
    assert capsys.readouterr().out == ""


def test_a_count_to_be_back_at_is_asked_of_a_day(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["conditioning", str(folder / "regimen.toml"), "--search", "--recovery-count", "0.5"]
    assert run(asked) == 2
    assert "--recovery-by" in capsys.readouterr().err


def test_patients_that_differ_between_files_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (folder / "regimen.toml").read_text(encoding="utf-8")
    (folder / "other.toml").write_text(
        text.replace("alc = 0.8", "alc = 1.1").replace("after bridging", "two"), encoding="utf-8"
    )
    assert run(["conditioning", str(folder / "regimen.toml"), str(folder / "other.toml")]) == 3
    assert "alc differs" in capsys.readouterr().err
