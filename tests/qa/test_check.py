"""The gate: every line gets a state or a reason, and missing data never passes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from lymphorisk.absent import Absent
from lymphorisk.analysis import Analysis
from lymphorisk.analysis.envelope import render
from lymphorisk.dvh import DVH
from lymphorisk.errors import InputError, ScenarioError
from lymphorisk.findings import SEVERITIES, Finding
from lymphorisk.plain import dumps
from lymphorisk.qa.check import PLAN_METRICS, CheckResult, check
from lymphorisk.qa.facts import facts_of, facts_of_saved
from lymphorisk.qa.protocol import Line, Override, Protocol, limit
from lymphorisk.qa.store import read_protocol, shipped
from lymphorisk.report import gate as formats

HOSTILE = '<script>alert("x")</script>]]>&\'" onload='
LONG = "x" * 65_536
ACCEPTED = Override("tumour next to it", "A Physicist")


@pytest.fixture(scope="module")
def plan(plan: Analysis) -> Analysis:
    return replace(plan, findings=())


def ramp(coverage: float = 1.0) -> DVH:
    """10 cm3 inside the grid with doses evenly from 0 to 20 Gy: V10 = 50 %, D50% = 10 Gy, mean 10 Gy."""
    edges = np.linspace(0.0, 20.0, 2001)
    return DVH("ramp", edges, 10.0 - 0.5 * edges, 10.0, 0.0, 20.0, coverage, 10.0 / coverage)


def known(**curves: DVH | Absent) -> Callable[[str], DVH | Absent]:
    return lambda name: curves.get(name, Absent.not_contoured("no such structure in the export"))


def one(plan: Analysis, line: Line, curve: DVH | Absent | None = None, **settings: object) -> CheckResult:
    curves = {} if curve is None else {"Spleen": curve}
    return check(plan, Protocol("test", (line,)), known(**curves), **settings)  # type: ignore[arg-type]


def line(goal: str = "<= 10", metric: str = "Mean[Gy]", variation: str = "", **more: object) -> Line:
    limits = {"goal": limit(goal) if goal else None, "variation": limit(variation) if variation else None}
    return Line(metric, "Spleen", **limits, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("goal", "variation", "state", "code"),
    [
        ("<= 10", "", "PASS", 0),
        ("< 10", "", "FAIL", 1),
        (">= 10", "", "PASS", 0),
        ("> 10", "", "FAIL", 1),
        ("<= 9", "<= 10", "VARIATION", 0),
        ("<= 9", "< 10", "FAIL", 1),
        (">= 11", ">= 10", "VARIATION", 0),
        (">= 11", "> 10", "FAIL", 1),
        ("<= 9.99999", "", "FAIL", 1),
    ],
)
def test_state_and_exit_code_at_the_edges(plan: Analysis, goal: str, variation: str, state: str, code: int) -> None:
    """The mean of the ramp is exactly 10 Gy."""
    result = one(plan, line(goal, variation=variation), ramp())
    assert (result.lines[0].state, result.verdict, result.exit_code) == (state, state, code)
    assert result.lines[0].value == 10.0


def test_a_missing_structure_cannot_pass(plan: Analysis) -> None:
    result = one(plan, line())
    assert (result.lines[0].state, result.verdict, result.exit_code) == ("MISSING", "MISSING", 4)
    assert result.lines[0].reason == "no such structure in the export"
    assert result.lines[0].value is None


def test_a_structure_outside_the_grid_is_undecided_even_when_an_alias_is_missing(plan: Analysis) -> None:
    result = one(plan, line(aliases=("Milz",)), Absent.outside_grid())
    assert (result.lines[0].state, result.exit_code) == ("UNDECIDED", 4)


ODD = Finding("LR157", "warning", "14.1 cm3 is outside 40 to 1000 cm3 for Spleen", "Spleen", "")


@pytest.mark.parametrize(
    ("structure", "goal", "rules", "state", "code"),
    [
        ("Spleen", "<= 12", {}, "UNDECIDED", 4),
        ("Milz", "<= 12", {}, "UNDECIDED", 4),
        ("Spleen+Liver", "<= 12", {}, "UNDECIDED", 4),
        ("Spleen", "<= 9", {}, "FAIL", 1),
        ("Liver", "<= 12", {}, "PASS", 0),
        ("Spleen", "<= 12", {"LR157": "warning"}, "PASS", 0),
        ("Spleen", "<= 12", {"LR157": "off"}, "PASS", 0),
    ],
)
def test_a_volume_of_no_such_organ_leaves_its_lines_undecided(
    plan: Analysis, structure: str, goal: str, rules: dict[str, str], state: str, code: int
) -> None:
    asked = replace(line(goal), structure=structure)
    protocol = Protocol("test", (asked,), rules=rules)
    result = check(replace(plan, findings=(ODD,)), protocol, lambda _: ramp())
    assert (result.lines[0].state, result.exit_code) == (state, code)


def test_an_override_cannot_stand_for_a_volume_of_no_such_organ(plan: Analysis) -> None:
    asked = line("<= 9", override=ACCEPTED)
    sound = check(plan, Protocol("test", (asked,)), lambda _: ramp())
    assert (sound.lines[0].overridden, sound.verdict) == (True, "VARIATION")
    odd = check(replace(plan, findings=(ODD,)), Protocol("test", (asked,)), lambda _: ramp())
    assert (odd.lines[0].state, odd.lines[0].overridden, odd.exit_code) == ("UNDECIDED", False, 4)


@pytest.mark.parametrize(("organ", "state"), [("Kidney_L", "UNDECIDED"), ("Spleen", "PASS")])
def test_a_whole_made_of_parts_needs_their_volumes(plan: Analysis, organ: str, state: str) -> None:
    asked = replace(line("<= 12"), structure="Kidneys")
    made = check(replace(plan, findings=(replace(ODD, where=organ),)), Protocol("t", (asked,)), lambda _: ramp())
    assert made.lines[0].state == state


@pytest.mark.parametrize(("organ", "state"), [("Spleen", "UNDECIDED"), ("Prostate", "PASS")])
def test_a_metric_of_the_plan_needs_the_volumes_of_blood_and_pools(plan: Analysis, organ: str, state: str) -> None:
    asked = Line("BloodMean[Gy]", "", goal=limit("<= 100"))
    made = check(replace(plan, findings=(replace(ODD, where=organ),)), Protocol("t", (asked,)), known())
    assert made.lines[0].state == state


def test_an_alias_stands_in_and_the_first_name_wins(plan: Analysis) -> None:
    doubled = replace(ramp(), mean_gy=5.0)
    made = check(plan, Protocol("t", (line(aliases=("x", "Milz")),)), known(Milz=doubled))
    assert made.lines[0].value == 5.0
    made = check(plan, Protocol("t", (line(aliases=("Milz",)),)), known(Milz=doubled, Spleen=ramp()))
    assert made.lines[0].value == 10.0


@pytest.mark.parametrize(
    ("goal", "variation", "state"),
    [
        ("<= 8", "", "UNDECIDED"),
        ("<= 12.01", "", "PASS"),
        ("<= 7.99", "", "FAIL"),
        ("<= 9", "<= 13", "UNDECIDED"),
        ("<= 7.9", "<= 13", "VARIATION"),
        (">= 12.1", "", "FAIL"),
        (">= 7.99", "", "PASS"),
    ],
)
def test_only_bounds_that_straddle_a_limit_are_undecided(plan: Analysis, goal: str, variation: str, state: str) -> None:
    """A fifth lies outside the grid: the mean is 8 Gy when it got nothing, 12 Gy when it got the maximum of 20 Gy."""
    result = one(plan, line(goal, variation=variation), ramp(coverage=0.8))
    r = result.lines[0]
    assert r.state == state
    assert (r.low, r.value, r.high) == pytest.approx((8.0, 10.0, 12.0))


def test_the_ceiling_outside_is_the_grids_not_the_structures(plan: Analysis) -> None:
    """A cord that leaves the grid towards a hot target: its own maximum is no bound."""
    cool = ramp(coverage=0.9)
    assert one(plan, line("<= 45", "Max[Gy]"), cool, highest_gy=20.0).lines[0].state == "PASS"
    hot = one(plan, line("<= 45", "Max[Gy]"), cool, highest_gy=60.0)
    assert (hot.lines[0].state, hot.lines[0].high) == ("UNDECIDED", 60.0)
    assert one(plan, line("<= 45", "Max[Gy]"), cool, highest_gy=5.0).lines[0].value == 20.0
    target = replace(plan.organs["Spleen"], tg263="PTV", dvh=replace(ramp(), max_gy=66.0))
    assert one(replace(plan, targets=(target,)), line("<= 45", "Max[Gy]"), cool).lines[0].high == 66.0


def test_a_volume_counts_what_lies_outside_the_grid(plan: Analysis) -> None:
    result = one(plan, line("<= 12", "Volume[cc]"), ramp(coverage=0.8))
    assert (result.lines[0].state, result.lines[0].value) == ("FAIL", pytest.approx(12.5))


def test_more_volume_than_there_is_is_undecided(plan: Analysis) -> None:
    assert one(plan, line("<= 5", "D11cc[Gy]"), ramp()).lines[0].state == "UNDECIDED"
    # 12.5 cm3 in all, 10 of them seen: cold outside, the 11 hottest reach into it; hot outside, down to 3 Gy inside
    partly = one(plan, line("<= 2", "D11cc[Gy]"), ramp(coverage=0.8), highest_gy=20.0).lines[0]
    assert (partly.state, partly.value) == ("UNDECIDED", partly.high)
    assert (partly.low, partly.high) == pytest.approx((0.0, 3.0), abs=0.01)


def test_what_a_metric_lacks_is_said_not_raised(plan: Analysis) -> None:
    for metric, word in (("V95%[%]", "prescription"), ("Mean[EQD2]", "alpha/beta"), ("EUD[Gy]", "exponent")):
        r = one(plan, line(metric=metric), ramp()).lines[0]
        assert (r.state, word in r.reason) == ("UNDECIDED", True)
    given = one(plan, line("<= 9", "Mean[EQD2]", alpha_beta_gy=3.0), ramp()).lines[0]
    # 10 fractions of d = D/10, D uniform on 0 to 20: mean of D (D/10 + 3) / 5 is 26/3 Gy
    assert given.value == pytest.approx((400 / 3 / 10 + 3 * 10) / 5, rel=1e-4)
    assert given.state == "PASS"


def test_a_scenario_has_no_cubic_centimetres(plan: Analysis) -> None:
    assert one(plan, line(metric="V5Gy[cc]"), replace(ramp(), engine="scenario")).lines[0].state == "UNDECIDED"
    assert one(plan, line("<= 80", "V5Gy[%]"), replace(ramp(), engine="scenario")).lines[0].state == "PASS"


@pytest.mark.parametrize("metric", sorted(PLAN_METRICS))
def test_every_plan_metric_is_evaluated_or_explained(plan: Analysis, metric: str) -> None:
    r = check(plan, Protocol("t", (Line(metric, goal=limit(">= 0")),)), known()).lines[0]
    assert (r.state == "PASS" and r.value is not None) or (r.state == "MISSING" and r.reason)


def test_plan_metrics_are_the_analysis_numbers(plan: Analysis) -> None:
    names = ("ALCnadir[10^9/L]", "P(G3+)[%]", "P(G4)[%]", "Tbelow0.5[d]", "BloodMean[Gy]", "BloodV0.5Gy[%]")
    made = check(plan, Protocol("t", tuple(Line(n, required=False) for n in names)), known())
    f, blood = plan.forecast, plan.blood.course
    assert [r.value for r in made.lines] == [
        f.nadir.median,
        100 * f.grade_probability["3"],
        100 * f.grade_probability["4"],
        f.days_below["0.5"].p50,
        blood.mean_gy,
        100 * blood.v_ge_0_5,
    ]
    assert {r.state for r in made.lines} == {"REFERENCE"}


def test_a_number_that_is_none_is_undecided(plan: Analysis) -> None:
    broken = replace(plan, edic={**plan.edic, "edic_gy": math.nan})
    r = check(broken, Protocol("t", (Line("EDIC[Gy]", goal=limit("<= 6")),)), known())
    assert (r.lines[0].state, r.exit_code) == ("UNDECIDED", 4)


@pytest.mark.parametrize("name", shipped())
def test_every_line_of_every_starter_is_evaluated_or_explained(plan: Analysis, name: str) -> None:
    protocol = read_protocol(name)
    for dvh_of in (known(), lambda _: ramp(), lambda _: Absent.outside_grid()):
        result = check(plan, protocol, dvh_of)
        assert len(result.lines) == len(protocol.lines)
        for r in result.lines:
            assert r.value is not None or r.reason, r.line.label


def test_what_is_no_metric_is_refused_before_anything_is_evaluated(plan: Analysis) -> None:
    def never(name: str) -> DVH:
        raise AssertionError("evaluated")

    with pytest.raises(InputError, match="not a DVH metric"):
        check(plan, Protocol("t", (line(), Line("V5[%", "Heart"))), never)
    with pytest.raises(ScenarioError, match="not a metric of the plan"):
        check(plan, Protocol("t", (line(), Line("Mean[Gy]"))), never)
    with pytest.raises(ScenarioError, match="LR999"):
        check(plan, Protocol("t", (line(),), rules={"LR999": "off"}), never)


def test_a_required_reference_needs_a_value_an_optional_one_does_not(plan: Analysis) -> None:
    assert one(plan, line("")).exit_code == 4
    assert one(plan, line("", required=False)).lines[0].state == "REFERENCE"
    assert one(plan, line("", required=False)).exit_code == 4, "nothing is judged"


def test_the_place_among_published_values(plan: Analysis) -> None:
    r = one(plan, line("", published=(5.0, 20.0, 10.0, 30.0)), ramp())
    assert r.lines[0].percentile == 0.5
    assert formats.rows(r)[0]["placed"] == "above 2 of 4 published (5 to 30)"


# overrides


@pytest.mark.parametrize("variation", ["", "<= 20"])
def test_an_override_lets_a_line_through_and_stays_visible(plan: Analysis, variation: str) -> None:
    result = one(plan, line("<= 1", variation=variation, override=ACCEPTED), ramp())
    assert (result.lines[0].overridden, result.verdict, result.exit_code) == (True, "VARIATION", 0)
    assert result.findings[0].code == "LR604"
    for shown in written(result):
        assert "tumour next to it" in shown
        assert "A Physicist" in shown
    assert one(plan, line("<= 1", override=ACCEPTED), ramp(), strict=True).exit_code == 1


def test_an_override_cannot_stand_for_a_value_that_is_not_there(plan: Analysis) -> None:
    for curve in (None, Absent.outside_grid(), ramp(coverage=0.8)):
        result = one(plan, line("<= 9", override=ACCEPTED), curve)
        assert result.exit_code == 4
        assert not result.lines[0].overridden
        assert "override cannot stand" in result.lines[0].reason


def test_an_unused_override_changes_nothing(plan: Analysis) -> None:
    result = one(plan, line("<= 11", override=ACCEPTED), ramp())
    assert (result.verdict, result.lines[0].overridden, result.findings) == ("PASS", False, ())


def test_each_metric_of_the_plan_is_the_number_of_its_name(plan: Analysis) -> None:
    """Blood measures that are each unlike every other: no one can stand for another."""
    course = replace(plan.blood.course, mean_gy=1.1, v_gt_0=0.9, v_gt_0_07=0.7, v_gt_0_125=0.5, v_ge_0_5=0.3, d2_gy=2.2)
    edic = {"edic_gy": 3.3, "edric_gy": 4.4, "edic_esophagus_gy": 5.5}
    values = facts_of(replace(plan, blood=replace(plan.blood, course=course), edic=edic)).values
    wanted = {
        "BloodMean[Gy]": 1.1,
        "BloodV0.5Gy[%]": 30.0,
        "BloodD2%[Gy]": 2.2,
        "EDIC[Gy]": 3.3,
        "EDRIC[Gy]": 4.4,
        "EDICesophagus[Gy]": 5.5,
    }
    assert {name: values[name] for name in wanted} == pytest.approx(wanted)


def test_a_clinic_may_forbid_overrides_but_not_hide_them(plan: Analysis) -> None:
    protocol = Protocol("t", (line("<= 1", override=ACCEPTED),), rules={"LR604": "error"})
    assert check(plan, protocol, known(Spleen=ramp())).verdict == "FAIL"
    for code, setting in (("LR604", "off"), ("LR601", "off"), ("LR602", "info"), ("LR603", "warning")):
        with pytest.raises(ScenarioError, match="cannot be set aside"):
            Protocol("t", (line(),), rules={code: setting})


def test_a_clinic_may_leave_a_plan_with_an_accepted_line_unjudged(plan: Analysis) -> None:
    protocol = Protocol("t", (line("<= 1", override=ACCEPTED),), rules={"LR604": "undecided"})
    result = check(plan, protocol, known(Spleen=ramp()))
    assert (result.verdict, result.exit_code) == ("UNDECIDED", 4)
    assert any("LR604" in said for said in result.why)
    assert {f.severity for f in result.findings} <= set(SEVERITIES)


# rules


NOTED = Finding("LR010", "warning", "the plan is not approved", "RTPLAN", "approve it")


@pytest.mark.parametrize(
    ("rules", "codes", "exit_code"),
    [
        ({}, ["error"], 4),
        ({"LR010": "undecided"}, ["error"], 4),
        ({"LR010": "warning"}, ["warning"], 0),
        ({"LR010": "off"}, [], 0),
        ({"LR010": "info"}, ["info"], 0),
        ({"LR010": "error"}, ["error"], 1),
    ],
)
def test_rules_count_as_the_protocol_says(
    plan: Analysis, rules: dict[str, str], codes: list[str], exit_code: int
) -> None:
    noted = replace(plan, findings=(NOTED,))
    result = check(noted, Protocol("t", (line("<= 11"),), rules=rules), known(Spleen=ramp()))
    assert [f.severity for f in result.findings] == codes
    assert result.exit_code == exit_code


def test_an_error_of_the_analysis_fails_the_gate(plan: Analysis) -> None:
    noted = replace(plan, findings=(replace(NOTED, code="LR006", severity="error"),))
    assert one(noted, line("<= 11"), ramp()).verdict == "FAIL"


# strict, optional, exit zero


def test_an_optional_line_never_stops_the_gate_unless_strict(plan: Analysis) -> None:
    failing = one(plan, line("<= 1", required=False), ramp())
    assert (failing.verdict, failing.exit_code, failing.findings[0].severity) == ("VARIATION", 0, "warning")
    missing = one(plan, line(required=False))
    assert (missing.verdict, missing.exit_code, missing.findings[0].severity) == ("UNDECIDED", 4, "warning")
    for case in (None, ramp()):
        assert one(plan, line("<= 1", required=False), case, strict=True).exit_code == 1
    assert one(plan, line("<= 9", variation="<= 11"), ramp(), strict=True).exit_code == 1
    assert one(plan, line("<= 11"), ramp(), strict=True).exit_code == 0


def test_the_table_says_why_a_line_does_not_count(plan: Analysis) -> None:
    cases = {
        "FAIL (optional)": line("<= 1", required=False),
        "FAIL (accepted)": line("<= 1", override=ACCEPTED, required=False),
        "VARIATION": line("<= 9", variation="<= 11", required=False),
        "FAIL": line("<= 1"),
        "MISSING (optional)": Line("Mean[Gy]", "Heart", goal=limit("<= 1"), required=False),
    }
    shown = formats.rows(check(plan, Protocol("t", tuple(cases.values())), known(Spleen=ramp())))
    assert [r["state"] for r in shown] == list(cases)
    assert shown[2]["limit"] == "<= 9 (<= 11)"


def test_a_failure_leads_over_a_missing_line(plan: Analysis) -> None:
    both = Protocol("t", (line("<= 1"), Line("Mean[Gy]", "Heart", goal=limit("<= 1"))))
    result = check(plan, both, known(Spleen=ramp()))
    assert (result.verdict, result.exit_code) == ("FAIL", 1)
    assert result.leaving(exit_zero=True) == 4


def test_missing_data_never_leaves_with_zero(plan: Analysis) -> None:
    for curve in (None, Absent.outside_grid(), ramp(coverage=0.8)):
        for strict in (False, True):
            result = one(plan, line("<= 9"), curve, strict=strict)
            assert result.leaving(exit_zero=True) == 4
            assert result.leaving(exit_zero=False) in (1, 4)
    assert one(plan, line("<= 1"), ramp()).leaving(exit_zero=True) == 0


# formats


def junit(result: CheckResult, exit_code: int | None = None) -> str:
    return formats.junit([(result, result.exit_code if exit_code is None else exit_code)])


def written(result: CheckResult) -> tuple[str, str, str, str]:
    return (
        formats.text(result),
        dumps(formats.to_dict(result)),
        junit(result),
        dumps(formats.sarif([(result, result.exit_code)], "1.0")),
    )


@pytest.fixture(scope="module")
def hostile(plan: Analysis) -> CheckResult:
    lines = (
        Line("Mean[Gy]", HOSTILE, goal=limit("<= 1"), endpoint=HOSTILE, source=HOSTILE),
        Line("Mean[Gy]", LONG, goal=limit("<= 1"), evidence=LONG),
        Line("Mean[Gy]", "a\x1b[2J\nPASS\r\x00\ufffe\u202e", goal=limit("<= 1")),
        Line("Mean[Gy]", "Spleen", goal=limit("<= 1"), override=Override(HOSTILE, LONG)),
    )
    noted = Finding("LR157", "warning", HOSTILE + LONG, "a\x1b[2J\n")
    found = replace(plan, findings=(noted,))
    return check(
        found,
        Protocol(HOSTILE + "\n", lines),
        lambda name: Absent.not_contoured(HOSTILE) if name == HOSTILE else ramp(),
    )


def test_the_terminal_gets_one_bounded_line_a_name(hostile: CheckResult) -> None:
    said = formats.text(hostile)
    assert all(c.isprintable() or c == "\n" for c in said)
    assert "\nPASS\n" not in said
    assert said.splitlines()[-1] == hostile.verdict
    assert max(map(len, said.splitlines())) < 600


def test_xml_and_json_hold_any_name(hostile: CheckResult) -> None:
    _, plain, xml, sarif = written(hostile)
    suite = ElementTree.fromstring(xml)
    assert not list(suite.iter("script"))
    cases = list(suite.iter("testcase"))
    assert cases[0].get("classname") == HOSTILE
    assert cases[1].get("classname") == LONG
    assert json.loads(plain)["lines"][0]["structure"] == HOSTILE
    assert json.loads(sarif)["runs"][0]["results"][0]["message"]["text"].startswith(HOSTILE)
    for form in (plain, xml, sarif):
        form.encode("utf-8")


def test_junit_counts_what_it_holds_and_shows_the_verdict(plan: Analysis) -> None:
    lines = (
        line("<= 11"),
        line("<= 1"),
        line("<= 9", variation="<= 11"),
        line("<= 1", override=ACCEPTED),
        line(""),
        Line("Mean[Gy]", "Heart", goal=limit("<= 1")),
        Line("Mean[Gy]", "Liver", goal=limit("<= 1"), required=False),
    )
    suite = ElementTree.fromstring(junit(check(plan, Protocol("t", lines), known(Spleen=ramp()))))
    kinds = [case[0].tag for case in suite.iter("testcase")]
    assert kinds == ["system-out", "failure", "system-out", "system-out", "skipped", "error", "skipped", "failure"]
    assert suite.get("tests") == str(len(kinds))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert suite.get(attribute) == str(kinds.count(tag))


@pytest.mark.parametrize("strict", [False, True])
def test_junit_never_passes_when_the_gate_does_not(plan: Analysis, strict: bool) -> None:
    """An error of the analysis and a strict gate fail without any failing line."""
    broken = replace(plan, findings=(replace(NOTED, severity="error"),))
    for result in (
        one(broken, line("<= 11"), ramp(), strict=strict),
        one(plan, line("<= 9", variation="<= 11"), ramp(), strict=True),
        one(plan, line(required=False), strict=True),
    ):
        suite = ElementTree.fromstring(junit(result))
        assert int(suite.get("failures", "0")) + int(suite.get("errors", "0")) > 0


def test_sarif_has_the_shape_readers_ask_for(plan: Analysis) -> None:
    lines = (line("<= 1"), line("<= 9", variation="<= 11"), Line("Mean[Gy]", "Heart", goal=limit("<= 1")))
    noted = replace(plan, findings=(NOTED, replace(NOTED, code="LR013", severity="info")))
    result = check(noted, Protocol("t", lines), known(Spleen=ramp()))
    made = formats.sarif([(result, result.exit_code)], "1.0")
    run = made["runs"][0]
    rules = [r["id"] for r in run["tool"]["driver"]["rules"]]
    assert (made["version"], rules) == ("2.1.0", ["LR010", "LR013", "LR601", "LR602", "LR605"])
    word = {"info": "note", "warning": "warning", "error": "error"}
    assert [(r["ruleId"], r["level"]) for r in run["results"]] == [(f.code, word[f.severity]) for f in result.findings]
    assert {r["level"] for r in run["results"]} == set(word.values())
    assert all(r["message"]["text"] and r["locations"][0]["logicalLocations"][0]["name"] for r in run["results"])
    assert run["invocations"][0]["exitCode"] == 1


def test_the_same_check_is_the_same_bytes(plan: Analysis) -> None:
    protocol = read_protocol("lung")
    first, second = (written(check(plan, protocol, lambda _: ramp(0.9))) for _ in range(2))
    assert first == second


# what a verdict rests on


SURE = ("drawn", "segmented", "placed", "any")


def test_a_verdict_without_a_decided_line_is_undecided(plan: Analysis) -> None:
    optional = tuple(Line("Mean[Gy]", name, goal=limit("<= 1"), required=False) for name in ("Heart", "Liver"))
    result = check(plan, Protocol("t", optional), known())
    assert (result.verdict, result.exit_code, result.decided, result.leaving(True)) == ("UNDECIDED", 4, 0, 4)
    assert "no line was decided" in formats.text(result)
    one_of_two = check(plan, Protocol("t", (*optional, line("<= 11"))), known(Spleen=ramp()))
    assert (one_of_two.verdict, one_of_two.decided) == ("PASS", 1)
    text, plain, xml, sarif = written(one_of_two)
    assert text.splitlines()[-3:] == ["PASS rests on 1 of 3 lines", "", "PASS"]
    assert (json.loads(plain)["decided"], json.loads(plain)["of"]) == (1, 3)
    assert "rests on 1 of 3 lines" in xml
    assert json.loads(sarif)["runs"][0]["properties"]["decided"] == 1
    assert formats.protocol_table(one_of_two).verdict == "PASS: rests on 1 of 3 lines"


def test_what_stands_behind_a_line_is_shown_and_can_be_refused(plan: Analysis) -> None:
    """Marrow and nodes of the plan are surrogates: the forecast rests on them."""
    for needs in SURE:
        made = check(plan, Protocol("t", (Line("ALCnadir[10^9/L]", goal=limit(">= 0"), needs=needs),)), known())
        assert made.lines[0].behind
        assert made.verdict == ("PASS" if needs == "any" else "UNDECIDED")
        whole = check(plan, Protocol("t", (Line("ALCnadir[10^9/L]", goal=limit(">= 0")),), needs=needs), known())
        assert whole.verdict == made.verdict
        for shown in written(made):
            assert "BoneMarrow" in shown
    refused = check(
        plan, Protocol("t", (Line("P(G3+)[%]", goal=limit("<= 0"), override=ACCEPTED),), needs="drawn"), known()
    )
    assert (refused.verdict, refused.lines[0].overridden) == ("UNDECIDED", False)


@pytest.mark.parametrize(
    ("source", "allowed"),
    [
        ("segmented", ("segmented", "placed", "any")),
        ("placed", ("placed", "any")),
        ("diluted", ("any",)),
        ("roi", SURE),
    ],
)
def test_a_curve_is_as_good_as_the_organ_behind_it(plan: Analysis, source: str, allowed: tuple[str, ...]) -> None:
    organs = {**plan.organs, "Spleen": replace(plan.organs["Spleen"], source=source)}
    for needs in SURE:
        result = one(replace(plan, organs=organs), line("<= 11", needs=needs), ramp())
        assert result.verdict == ("PASS" if needs in allowed else "UNDECIDED")
        assert bool(result.lines[0].behind) is (source != "roi")


def test_the_same_facts_come_back_from_the_saved_result(plan: Analysis) -> None:
    saved = facts_of_saved(json.loads(render(plan)))
    live = facts_of(plan)
    assert saved.values == {k: v if isinstance(v, Absent) else pytest.approx(v) for k, v in live.values.items()}
    assert (saved.behind, saved.organs, saved.inputs, saved.label) == (
        live.behind,
        live.organs,
        live.inputs,
        live.label,
    )
    assert (saved.fractions, saved.prescription_gy, saved.plan_uid_sha256) == (
        live.fractions,
        live.prescription_gy,
        live.plan_uid_sha256,
    )


def test_an_informative_protocol_never_passes_a_plan(plan: Analysis) -> None:
    shown = Line("Mean[Gy]", "Spleen", goal=limit("<= 11"), required=False)
    for lines in ((shown,), (Line("BloodMean[Gy]", required=False),)):
        result = check(plan, Protocol("t", lines, informative=True), known(Spleen=ramp()))
        assert (result.verdict, result.exit_code, result.leaving(True)) == ("INFORMATIVE", 4, 4)
        assert "PASS" not in formats.text(result).splitlines()[-1]
    needed = check(plan, Protocol("t", (Line("Mean[Gy]", "Heart"),), informative=True), known())
    assert (needed.verdict, needed.exit_code) == ("MISSING", 4)
    grave = replace(plan, findings=(replace(NOTED, code="LR006", severity="error"),))
    assert check(grave, Protocol("t", (shown,), informative=True), known(Spleen=ramp())).exit_code == 1
    with pytest.raises(ScenarioError, match="judges nothing"):
        Protocol("t", (line("<= 1"),), informative=True)


@pytest.mark.parametrize("name", shipped())
def test_a_starter_can_fail_or_says_that_it_judges_nothing(plan: Analysis, name: str) -> None:
    protocol = read_protocol(name)
    can = any(r.goal is not None and r.required for r in protocol.lines)
    assert can is not protocol.informative
    nothing = check(plan, protocol, known())
    assert nothing.verdict != "PASS"
    assert nothing.exit_code == 4
    hot = replace(ramp(), mean_gy=90.0, volume_cm3=np.r_[np.full(2000, 10.0), 0.0], min_gy=20.0)
    worst = replace(facts_of(plan), values={**facts_of(plan).values, "EDIC[Gy]": 99.0, "EDICesophagus[Gy]": 99.0})
    if can:
        beyond = {r.structure: replace(hot, dose_gy=np.linspace(0.0, 90.0, 2001), max_gy=90.0) for r in protocol.lines}
        assert check(worst, protocol, lambda s: beyond[s]).verdict == "FAIL"


@pytest.mark.parametrize("exit_zero", [False, True])
def test_junit_agrees_with_the_exit_code_whatever_the_lines_say(plan: Analysis, exit_zero: bool) -> None:
    cases = (
        (line("<= 11"),),
        (line("<= 1"),),
        (line("<= 1", required=False), line("<= 11")),
        (line("<= 1", required=False),),
        (line("<= 1", override=ACCEPTED),),
        (Line("Mean[Gy]", "Heart", goal=limit("<= 1"), required=False), line("<= 11")),
        (Line("Mean[Gy]", "Heart", goal=limit("<= 1")), line("<= 1")),
    )
    for lines in cases:
        for strict in (False, True):
            result = check(plan, Protocol("t", lines), known(Spleen=ramp()), strict=strict)
            code = result.leaving(exit_zero)
            suite = ElementTree.fromstring(junit(result, code))
            bad = int(suite.get("failures", "0")) + int(suite.get("errors", "0"))
            assert (bad == 0) is (code == 0)
            assert len(list(suite.iter("testcase"))) == len(lines) + 1
            run = formats.sarif([(result, code)], "1")["runs"][0]
            assert run["invocations"][0]["exitCode"] == code
            said = {p.get("name"): p.get("value") for p in suite.iter("property")}
            assert said["exit_code"] == str(code)
            assert said["plan"] == "p"
            assert len(said["protocol_sha256"] or "") == 64


def test_several_plans_are_several_suites_and_an_unread_one_is_an_error(plan: Analysis) -> None:
    good = one(plan, line("<= 11"), ramp())
    unread = formats.Unread("broken", "no RTDOSE", "export it", 3)
    root = ElementTree.fromstring(formats.junit([(good, 0), unread]))
    assert root.tag == "testsuites"
    assert [s.get("errors") for s in root] == ["0", "1"]
    assert root.get("errors") == "1"
    runs = formats.sarif([(good, 0), unread], "1")["runs"]
    assert [r["invocations"][0]["executionSuccessful"] for r in runs] == [True, False]
