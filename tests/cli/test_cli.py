"""The command line as a stranger meets it: data on stdout, messages on stderr, exit codes that mean something."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import pytest

from lymphorisk.cli.main import COMMANDS, run
from tests.slowly import slow_but


@pytest.fixture
def go(capsys: pytest.CaptureFixture[str]):
    def call(*args: object) -> tuple[int, str, str]:
        code = run([str(a) for a in args])
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(go, command: str) -> None:
    code, out, _ = go(command, "--help")
    assert code == 0
    assert out.startswith("Usage: lymphorisk")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from lymphorisk.cli.main import run; run(['--help']); "
        "print([m for m in ('numpy','pydicom','xgboost','shap','scipy','rich') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_an_unknown_command_is_a_usage_error(go) -> None:
    code, out, err = go("analyse")
    assert code == 2
    assert out == ""
    assert "No such command" in err


def test_analyze_prints_json_on_stdout_only(go, rtplans: Path) -> None:
    code, out, err = go(
        "analyze", rtplans / "brain", "--alc", "1400", "--alc-unit", "cells/uL", "--draws", "64", "--json"
    )
    assert code == 0
    assert json.loads(out)["patient"]["alc"] == 1.4
    assert err == ""


def test_reports_are_whole_and_named(go, rtplans: Path, tmp_path: Path) -> None:
    page = tmp_path / "out.html"
    code, _, err = go("analyze", rtplans / "brain", "--alc", "1.4", "--draws", "64", "--report", page)
    assert code == 0
    assert page.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert str(page) in err
    assert list(tmp_path.iterdir()) == [page]


def test_a_report_into_nowhere_is_an_input_error_and_leaves_nothing(go, rtplans: Path, tmp_path: Path) -> None:
    code, _, err = go("analyze", rtplans / "brain", "--draws", "64", "--report", tmp_path / "no" / "out.html")
    assert code == 3
    assert "does not exist" in err
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_an_input_error_with_a_hint(go, tmp_path: Path) -> None:
    page = tmp_path / "out.html"
    code, out, err = go("analyze", tmp_path, "--report", page)
    assert code == 3
    assert out == ""
    assert "error:" in err
    assert "hint:" in err
    assert "Traceback" not in err
    assert not page.exists()


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (["--alc", "1400"], "unit"),
        (["--site", "toe"], "site"),
        (["--organ", "Spleen"], "TG263=ROI"),
        (["--organ", "Spleen=nothing_like_it"], "nothing_like_it"),
        (["--what-if", "Spleen"], "what-if"),
        (["--missing", "refuse"], "surrogates are refused"),
    ],
)
def test_wrong_facts_are_named(go, rtplans: Path, args: list[str], word: str) -> None:
    code, out, err = go("analyze", rtplans / "brain", "--draws", "64", *args)
    assert code in (2, 3)
    assert out == ""
    assert word in err


def test_inspect_shows_matches_and_reasons(go, rtplans: Path) -> None:
    code, out, _ = go("inspect", rtplans / "lung")
    assert code == 0
    assert "Heart" in out
    code, out, _ = go("inspect", rtplans / "lung", "--json")
    assert json.loads(out)["schema"] == "lymphorisk/inspect/1"


def test_dvh_json_keeps_its_contract(go, rtplans: Path, tmp_path: Path) -> None:
    curves = tmp_path / "curves.csv"
    code, out, err = go("dvh", rtplans / "lung", "--metric", "V20Gy[%]", "--json", "--csv", curves)
    assert code == 0
    d = json.loads(out)
    assert set(d["plan"]) >= {"fractions", "sop_uids"}
    drawn = [s for s in d["structures"] if "not_contoured" not in s]
    keys = {"number", "name", "tg263", "volume_cm3", "coverage", "mean_gy", "min_gy", "max_gy", "dose_gy", "metrics"}
    assert all(keys <= set(s) for s in drawn)
    for s in drawn:
        volume = s["volume_cm3_cumulative"]
        assert len(volume) == len(s["dose_gy"])
        assert all(a >= b for a, b in pairwise(volume))
        assert volume[0] == pytest.approx(s["volume_cm3"] * s["coverage"], rel=1e-6)
    assert curves.read_text().startswith("plan,structure,tg263,dose_gy,volume_cm3")
    assert "curves" in err


def test_dvh_of_an_unknown_structure_lists_the_known(go, rtplans: Path) -> None:
    code, _, err = go("dvh", rtplans / "lung", "--structure", "Toe")
    assert code == 3
    assert "there are:" in err


def test_structures_join_and_doses_turn_into_eqd2(go, rtplans: Path) -> None:
    names = ("Lung_L", "Lung_R", "Lung_L+Lung_R", "Lungs-PTV", "Lungs&PTV", "Lungs")
    asked = [a for n in names for a in ("--structure", n)]
    code, out, _ = go("dvh", rtplans / "lung", *asked, "--metric", "Mean[EQD2]", "--alpha-beta", "3", "--json")
    assert code == 0
    rows = {s["name"]: s for s in json.loads(out)["structures"]}
    volume = {n: s["volume_cm3"] for n, s in rows.items()}
    assert volume["Lung_L+Lung_R"] == pytest.approx(volume["Lung_L"] + volume["Lung_R"], rel=1e-3)
    assert volume["Lungs-PTV"] + volume["Lungs&PTV"] == pytest.approx(volume["Lungs"], rel=5e-3)
    assert 0 < rows["Lungs"]["metrics"]["Mean[EQD2]"] < rows["Lungs"]["mean_gy"], (
        "2 Gy a fraction at most: EQD2 is lower"
    )
    code, _, err = go("dvh", rtplans / "lung", "--structure", "Lungs", "--metric", "Mean[EQD2]")
    assert code in (2, 3)
    assert "alpha" in err


def test_a_metric_that_is_none_is_refused_before_anything_is_computed(go, rtplans: Path) -> None:
    code, out, _ = go("dvh", rtplans / "lung", "--metric", "V20")
    assert code in (2, 3)
    assert out == ""


def test_blood_json_keeps_its_contract(go, rtplans: Path) -> None:
    code, out, _ = go("blood", rtplans / "brain", "--sex", "F", "--json", "--bounds")
    assert code == 0
    d = json.loads(out)
    assert {"schema", "engine", "network", "fraction", "course", "edic", "findings"} <= set(d)
    assert sum(d["fraction"]["by_organ"].values()) == pytest.approx(d["fraction"]["mean_gy"], rel=1e-6)
    keys = {"mean_gy", "sd_gy", "v_gt_0", "v_gt_0_07", "v_gt_0_125", "v_ge_0_5", "d2_gy", "surviving", "dose_gy"}
    assert keys | {"volume_fraction_cumulative"} <= set(d["fraction"])


@pytest.mark.slow
def test_a_sweep_leaves_the_mean_alone(go, rtplans: Path, tmp_path: Path) -> None:
    figure = tmp_path / "sweep.svg"
    code, out, _ = go("blood", rtplans / "brain", "--sweep", "beam-on=1:600", "--json", "--plot", figure)
    assert code == 0
    points = json.loads(out)["points"]
    means = [p["mean_gy"] for p in points]
    assert max(means) - min(means) < 1e-9
    assert points[0]["v_gt_0"] < points[-1]["v_gt_0"]
    code, out, _ = go("blood", rtplans / "brain", "--sweep", "beam-on=10:20")
    assert code == 0
    assert "beam-on s" in out
    drawn = ET.fromstring(figure.read_text())
    assert drawn.tag == "{http://www.w3.org/2000/svg}svg"
    assert drawn.find("{http://www.w3.org/2000/svg}style") is not None


@pytest.mark.parametrize("sweep", ["beam-on=5", "mu=1:2", "beam-on=9:1", "beam-on=a:b"])
def test_a_sweep_that_says_nothing_is_a_usage_error(go, rtplans: Path, sweep: str) -> None:
    assert go("blood", rtplans / "brain", "--sweep", sweep)[0] == 2


@pytest.mark.slow
def test_check_exits_by_what_it_finds(go, rtplans: Path, tmp_path: Path) -> None:
    def protocol(line: str) -> Path:
        path = tmp_path / "p.toml"
        path.write_text(f'name = "test"\n[[line]]\n{line}\n')
        return path

    base = ["check", rtplans / "brain", "--alc", "1.4", "--draws", "64", "--protocol"]
    passing = 'structure = "Brain"\nmetric = "Mean[Gy]"\ngoal = "<= 70"'
    failing = 'structure = "Brain"\nmetric = "Mean[Gy]"\ngoal = "<= 0.001"'
    missing = 'structure = "Bladder"\nmetric = "Mean[Gy]"\ngoal = "<= 10"'
    assert go(*base, protocol(passing))[0] == 0
    code, out, _ = go(*base, protocol(failing))
    assert (code, out.splitlines()[-1]) == (1, "FAIL")
    assert go(*base, protocol(failing), "--exit-zero")[0] == 0
    code, out, _ = go(*base, protocol(missing))
    assert (code, out.splitlines()[-1]) == (4, "MISSING")
    assert go(*base, protocol(missing), "--exit-zero")[0] == 4
    code, out, _ = go(*base, protocol(missing + "\nrequired = false"))
    assert (code, out.splitlines()[-1]) == (4, "UNDECIDED")
    assert go(*base, protocol(missing + "\nrequired = false"), "--strict")[0] == 1
    varied = 'structure = "Brain"\nmetric = "Mean[Gy]"\ngoal = "<= 0.001"\nvariation = "<= 70"'
    assert go(*base, protocol(varied))[0] == 0
    assert go(*base, protocol(varied), "--strict")[0] == 1
    accepted = failing + '\noverride = { reason = "tumour next to it", by = "A Physicist" }'
    code, out, _ = go(*base, protocol(accepted))
    assert code == 0
    assert "tumour next to it" in out


@pytest.mark.parametrize("form", slow_but(["json", "junit", "sarif"], "junit"))
def test_check_formats_parse(go, rtplans: Path, form: str) -> None:
    code, out, _ = go(
        "check", rtplans / "brain", "--alc", "1.4", "--draws", "64", "--protocol", "brain", "--format", form
    )
    assert code in (0, 1, 4)
    if form == "junit":
        assert ET.fromstring(out).tag == "testsuite"
    else:
        assert json.loads(out)


@pytest.mark.slow
def test_an_audit_trail_grows_and_verifies(go, rtplans: Path, tmp_path: Path) -> None:
    for _ in range(2):
        go("check", rtplans / "brain", "--alc", "1.4", "--draws", "64", "--protocol", "general", "--audit", tmp_path)
    go("analyze", rtplans / "brain", "--alc", "1.4", "--draws", "64", "--audit", tmp_path)
    code, out, _ = go("audit", "verify", tmp_path)
    assert code == 0
    assert out.startswith("intact: 3 entries")
    trail = tmp_path / "lymphorisk-audit.jsonl"
    trail.write_text(trail.read_text().replace("general", "genera1").replace("General", "Genera1"))
    assert go("audit", "verify", tmp_path)[0] == 1


@pytest.mark.slow
def test_compare_says_what_drives_the_difference(go, rtplans: Path) -> None:
    code, out, _ = go(
        "compare", rtplans / "esophagus_photon", rtplans / "esophagus_proton", "--alc", "1.4", "--draws", "64", "--json"
    )
    assert code == 0
    d = json.loads(out)["comparisons"][0]
    assert "higher" in d["sentence"]
    assert d["difference"]["nadir"]["median" if "median" in d["difference"]["nadir"] else "p50"] > 0
    assert go("compare", rtplans / "brain")[0] == 2


@pytest.mark.slow
def test_update_learns_from_counts_and_refuses_contradiction(go, rtplans: Path, tmp_path: Path) -> None:
    saved = tmp_path / "r.json"
    go("analyze", rtplans / "pancreas", "--alc", "1.4", "--age", "60", "--out", saved)
    code, out, _ = go("update", saved, "--alc", "7=1.0", "--alc", "14=0.7", "--json")
    assert code == 0
    d = json.loads(out)
    wide, narrow = (d[k]["nadir"]["p95"] - d[k]["nadir"]["p05"] for k in ("prior", "posterior"))
    assert narrow < wide
    code, out, err = go("update", saved, "--alc", "7=9.9")
    assert code == 4
    assert out == ""
    assert "contradict" in err
    assert go("update", saved, "--alc", "seven=1")[0] == 2
    code, _, err = go("update", saved, "--alc", "7=1.0", "--regimen", "Flu/Cy")
    assert (code, "--regimen is for a result of `lymphorisk conditioning`" in err) == (2, True)
    saved.write_text("{}")
    assert go("update", saved, "--alc", "7=1.0")[0] == 3


@pytest.mark.slow
def test_explain_knows_every_code_the_fixtures_raise(go, rtplans: Path) -> None:
    _, out, _ = go("explain", "--json")
    known = {r["code"] for r in json.loads(out)["rules"]}
    _, out, _ = go("analyze", rtplans / "brain", "--draws", "64", "--json")
    assert {f["code"] for f in json.loads(out)["findings"]} <= known
    assert go("explain", "LR999")[0] == 3
    code, out, _ = go("explain", "lr110")
    assert code == 0
    assert out.startswith("LR110")


@pytest.mark.slow
def test_parameters_organs_doctor(go) -> None:
    code, out, _ = go("parameters", "--json")
    assert code == 0
    assert all(p["known"] for p in json.loads(out)["parameters"].values())
    code, out, _ = go("organs", "Milz")
    assert code == 0
    assert out.startswith("Spleen")
    assert go("organs", "Toe")[0] == 3
    assert go("doctor")[0] == 0


def test_sources_can_be_cited_by_topic(go) -> None:
    code, out, _ = go("cite", "edic", "--json")
    assert code == 0
    d = json.loads(out)
    assert d["sources"]
    assert all(s["citation"] for s in d["sources"])
    everything = json.loads(go("cite", "--json")[1])["sources"]
    assert {s["key"] for s in d["sources"]} < {s["key"] for s in everything}
    assert go("cite", "nonsense")[0] == 2


@pytest.mark.slow
def test_the_demo_needs_nothing(go, tmp_path: Path) -> None:
    page = tmp_path / "demo.html"
    code, out, err = go("demo", "--report", page)
    assert code == 0
    assert "x10^9/L" in out
    assert str(page) in err
    assert page.is_file()
    code, out, err = go("demo", "--case", "brain")
    assert (code, "x10^9/L" in out, "The report is" in err) == (0, True, False)
    code, _, err = go("demo", "--case", "toe")
    assert code == 3
    assert "pancreas" in err


def test_no_patient_name_reaches_the_output(go, rtplans: Path) -> None:
    from lymphorisk import read_export

    phi = read_export(rtplans / "brain").phi
    assert phi.name or phi.id
    for args in (["analyze", "--json"], ["analyze"], ["inspect"], ["dvh"]):
        _, out, err = go(args[0], rtplans / "brain", *args[1:], *(["--draws", "64"] if args[0] == "analyze" else []))
        for secret in filter(None, (phi.name, phi.id)):
            assert secret not in out + err
    _, out, _ = go("analyze", rtplans / "brain", "--draws", "64", "--show-phi")
    assert (phi.id or phi.name) in out


def test_structures_joined_count_their_overlap_once(go, rtplans: Path) -> None:
    asked = ("Lung_L", "Lung_R", "Lung_L+Lung_R", "Lung_L + Lung_L")
    code, out, _ = go("dvh", rtplans / "lung", "--json", *(x for name in asked for x in ("--structure", name)))
    assert code == 0
    left, right, both, twice = json.loads(out)["structures"]
    assert both["volume_cm3"] == pytest.approx(left["volume_cm3"] + right["volume_cm3"], rel=1e-3)
    assert twice["mean_gy"] == pytest.approx(left["mean_gy"], rel=1e-3)
    assert left["mean_gy"] != right["mean_gy"]
    total = left["volume_cm3"] * left["mean_gy"] + right["volume_cm3"] * right["mean_gy"]
    assert both["mean_gy"] == pytest.approx(total / both["volume_cm3"], rel=1e-3)
    assert go("dvh", rtplans / "lung", "--structure", "Lung_L+Toe")[0] == 3


def test_protocols_change_form_and_say_what_is_lost(go, tmp_path: Path) -> None:
    assert "esophagus" in go("protocol")[1]
    source = tmp_path / "p.toml"
    source.write_text(
        'name = "t"\n[[line]]\nstructure = "Spleen"\nmetric = "Mean[Gy]"\ngoal = "<= 6"\nvariation = "< 9"\n'
    )
    code, plain, err = go("protocol", source)
    assert (code, err) == (0, "")
    for form in ("csv", "json"):
        out = tmp_path / f"p.{form}"
        code, _, err = go("protocol", source, "--to", form, "--out", out)
        assert code == 0
        assert "left out" not in err
        again = go("protocol", out)[1]
        assert again.split("[[line]]")[1] == plain.split("[[line]]")[1]
    for form in ("csv", "json"):
        code, _, err = go("protocol", "lung", "--to", form)
        assert code == 0
        assert "evidence" in err
    assert go("protocol", "nonsense")[0] == 3


@pytest.mark.slow
def test_the_page_to_sign_names_the_patient_only_when_asked(go, rtplans: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    asked = ("check", rtplans / "brain", "--protocol", "brain", "--alc", "1.4", "--draws", "64", "--report", page)
    for more, said in (((), False), (("--show-phi",), True)):
        _, out, err = go(*asked, *more)
        assert ("Patient " in page.read_text() and " · ID " in page.read_text()) is said
        assert " ID " not in out + err


@pytest.mark.parametrize("form", slow_but(["text", "json", "junit", "sarif"], "json"))
def test_the_same_plan_twice_gives_the_same_bytes(go, rtplans: Path, tmp_path: Path, form: str) -> None:
    made = []
    for i in range(2):
        page = tmp_path / f"{i}.html"
        asked = ("--protocol", "brain", "--alc", "1.4", "--draws", "64", "--format", form, "--report", page)
        code, out, _ = go("check", rtplans / "brain", *asked)
        made.append((code, out, page.read_bytes()))
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["analyze", "{plan}", "{plan}"], 2, "--deliver"),
        (["analyze", "{plan}", "--interactive"], 2, "--interactive needs --report with an HTML file"),
        (["analyze", "a:b"], 2, "does not exist"),
        (["analyze", "dicomweb:http://127.0.0.1:9/rs/studies/1.2.3"], 3, "127.0.0.1:9"),
        (["blood", "{plan}", "--plot", "{folder}/x.svg"], 2, "--plot draws a sweep"),
        (
            ["check", "{json}", "--protocol", "brain", "--report", "{folder}/x.html"],
            3,
            "a saved result holds too little for a report",
        ),
        (["conditioning", "--product", "axi-cel", "--depth", "0.2"], 2, "add --search"),
        (
            ["conditioning", "--product", "axi-cel", "--search", "--recovery-by", "90", "--to-day", "30"],
            2,
            "--recovery-by 90 lies after the forecast's end",
        ),
        (["conditioning", "{plan}", "{scenario}", "--product", "axi-cel"], 2, "2 exports given; one at most"),
        (["conditioning", "{scenario}", "--product", "axi-cel"], 2, "no regimen uses EXPORT: give --first-day"),
        (["parameters", "weather"], 2, "no topic 'weather'; use one of"),
        (["objective", "{scenario}", "--alc", "1.4"], 3, "a scenario has no voxels"),
        (["train", "--out", "{folder}/m", "--insilico", "600", "--columns", "{toml}"], 2, "are of a cohort, not of"),
        (["evaluate", "one"], 2, "give a model and plans; or --pool and packs"),
        (["update", "{json}", "--alc", "7"], 2, "'7' is not DAY=VALUE"),
        (["watch", "{folder}"], 2, "no store: give --out DIR"),
        (["watch", "{folder}", "--out", "{folder}/store", "--draws", "64"], 3, "the store lies in the watched folder"),
        (["doctor", "--service"], 2, "no store: give --out DIR"),
        (["send", "{plan}", "nowhere"], 2, "nowhere"),
        (["serve", "--out", "{store}", "--role", "view"], 2, "--role is of --add-user"),
        (["cohort", "run", "{scenario}", "--out", "{store}", "--shard", "3/2"], 2, "'3/2' is not a part such as 3/8"),
    ],
)
def test_a_wrong_call_says_what_is_missing(
    go, rtplans: Path, tmp_path: Path, args: list[str], code: int, said: str
) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "r.json").write_text("{}")
    (tmp_path / "c.toml").write_text("[[column]]\n")
    scenario = rtplans.parent / "scenarios" / "hip_6gy_3fx.toml"
    places = {
        "plan": rtplans / "brain",
        "folder": tmp_path / "f",
        "json": tmp_path / "r.json",
        "toml": tmp_path / "c.toml",
        "scenario": scenario,
        "store": tmp_path / "store",
    }
    got, out, err = go(*(a.format(**places) for a in args))
    assert (got, out) == (code, "")
    assert said in " ".join(err.split())
    assert not any((tmp_path / "f").iterdir())


def test_what_is_assumed_can_be_listed_alone(go) -> None:
    known = {p["known"] for p in json.loads(go("parameters", "--json", "--assumed")[1])["parameters"].values()}
    assert known == {"assumed"}
    every = json.loads(go("parameters", "lymphocyte", "--json")[1])["parameters"]
    assert {p["known"] for p in every.values()} > {"assumed"}


def test_an_organ_without_a_usual_volume_says_none(go) -> None:
    code, out, _ = go("organs", "Ileum")
    assert (code, "plausible volume" in out) == (0, False)
    assert "plausible volume" in go("organs", "Spleen")[1]


def test_a_course_of_a_scenario_takes_its_calendar_from_the_patients_file(go, rtplans: Path, tmp_path: Path) -> None:
    """Drugs and the first day stand beside the patient; what is typed comes before it."""
    scenario = rtplans.parent / "scenarios" / "hip_6gy_3fx.toml"
    patient, page = tmp_path / "p.toml", tmp_path / "r.html"
    patient.write_text(
        '[patient]\nalc = 1.4\nfirst_fraction = 2026-03-02\n[[therapy]]\nname = "durvalumab"\ndays = [2026-03-12]\n'
    )
    quick = ("--draws", "16", "--horizon", "60", "--json")
    code, out, err = go("analyze", scenario, "--patient", patient, *quick, "--report", page, "--interactive")
    assert code == 0, err
    (day,) = json.loads(out)["therapies"]["days"]
    assert (day["name"], day["day"]) == ("durvalumab", 10)
    assert "<script" in page.read_text(encoding="utf-8")
    code, out, _ = go("analyze", scenario, "--patient", patient, *quick, "--first-fraction", "2026-03-05")
    assert [d["day"] for d in json.loads(out)["therapies"]["days"]] == [7]


def test_the_same_course_as_flash_is_a_what_if(go, rtplans: Path) -> None:
    scenario = rtplans.parent / "scenarios" / "hip_6gy_3fx.toml"
    code, out, err = go("analyze", scenario, "--technique", "flash", "--draws", "16", "--horizon", "60", "--json")
    assert code == 0, err
    assert [w["change"] for w in json.loads(out)["what_if"]] == ["flash"]


def test_a_fault_of_the_program_shows_its_traceback_on_request(go, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr("lymphorisk.organs.load", broken)
    code, out, err = go("organs")
    assert (code, out) == (70, "")
    assert "internal error: ZeroDivisionError" in err
    assert "Traceback" not in err
    _, _, err = go("--debug", "organs")
    assert "Traceback" in err
    assert "planted" in err


def test_conditioning_delayed_and_after_an_export_that_no_regimen_names(go, rtplans: Path, tmp_path: Path) -> None:
    """The course is laid on the days asked for; an infusion later leaves the drugs where they were."""
    scenario = rtplans.parent / "scenarios" / "hip_6gy_3fx.toml"
    base = ("conditioning", "--product", "axi-cel", "--alc", "0.8", "--weight-kg", "80", "--height-cm", "172",
            "--egfr", "85", "--draws", "16", "--json")  # fmt: skip
    plain, late, after = (
        json.loads(go(*base, *more)[1])["regimens"][0]
        for more in ((), ("--delay", "3"), (scenario, "--first-day", "-20"))
    )
    days = [[d["day"] for d in regimen["drugs"]] for regimen in (plain, late)]
    assert [day - 3 for day in days[0]] == days[1]
    assert plain["radiation"] == []
    assert after["radiation"][0]["days"][0] == -20
    code, out, _ = go(*base, "--search", "--depth", "0.1")
    assert code == 0
    assert json.loads(out)["search"]["schedules"]
