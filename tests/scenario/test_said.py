"""What a scenario or patient file says of the course: the same as the command line would, with file, line and key."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from lymphorisk import Options, Patient
from lymphorisk.analysis.chain import analyze
from lymphorisk.analysis.prepared import prepare
from lymphorisk.cli.main import cli
from lymphorisk.errors import LymphoriskError, ScenarioError
from lymphorisk.scenario import Said, read_beside, read_scenario, scenario_from, together

PLAN = """
[plan]
label = "A"
fractions = 10
prescription_gy = 20
[organs.LN_Mediastinals]
mean_gy = 15.0
[organs.Body]
mean_gy = 2.0
[patient]
first_fraction = 2026-05-04
"""
COURSE = """[course]
deliver = ["A=1-8"]
missed = [2026-05-06, "fraction 6", 9]
compensate = "bid"
delivered_so_far = 6
[[therapy]]
name = "durvalumab"
days = [2026-06-01, 61, "day 40"]
[nodes]
LN_Mediastinals = "draining"
"""
FAST = Options(draws=16, horizon_d=60)


def written(folder: Path, text: str, name: str = "course.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_says_what_the_options_would(tmp_path: Path) -> None:
    by_file = prepare(written(tmp_path, PLAN + COURSE), Patient(), FAST)
    by_options = prepare(
        written(tmp_path, PLAN, "bare.toml"),
        Patient(),
        replace(
            FAST,
            deliver=("A=1-8",),
            missed=("2026-05-06", "fraction 6", "day 9"),
            make_up="bid",
            delivered_so_far=6,
            first_fraction="2026-05-04",
            therapy=("durvalumab=2026-06-01,day 61,day 40",),
            node_role=("LN_Mediastinals=draining",),
        ),
    )
    assert by_file.options == by_options.options
    assert by_file.source.plan.phases == by_options.source.plan.phases
    assert by_file.flow.summaries[0].days == by_options.flow.summaries[0].days
    assert {f.code for f in by_file.findings} == {f.code for f in by_options.findings}


def test_a_file_without_these_tables_says_nothing(tmp_path: Path) -> None:
    """The day of the first fraction alone sets no calendar: it is what dates of steroids count from."""
    path = written(tmp_path, PLAN)
    assert read_scenario(path).said == Said()
    assert prepare(path, Patient(), FAST).options == FAST


def test_the_command_line_wins_and_says_so(tmp_path: Path) -> None:
    path = written(tmp_path, PLAN + COURSE)
    made = prepare(path, Patient(), replace(FAST, delivered_so_far=4))
    assert made.source.plan.fractions == 4
    assert [f.where for f in made.findings if f.code == "LR263"] == ["course"]
    assert "course.toml, line 16: course.delivered_so_far" in next(f.what for f in made.findings if f.code == "LR263")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"bid"', '"twice"', "line 15: course.compensate"),
        ("delivered_so_far = 6", "delivered_so_far = 60", "line 16: course.delivered_so_far"),
        ('"A=1-8"', '"A"', "line 13: course.deliver[1]"),
        ('"A=1-8"', '"A=1-80"', "line 13: course.deliver"),
        ('"A=1-8"', '"B=1-8"', "line 13: course.deliver"),
        ('"fraction 6"', '"soon"', "line 14: course.missed[2]"),
        ("9]", "9.5]", "line 14: course.missed[3]"),
        ('"day 40"', '"fraction 4"', "line 19: therapy[1].days[3]"),
        ('"day 40"', "61", "line 17: therapy"),
        ('"draining"', '"sentinel"', "line 21: nodes.LN_Mediastinals"),
        ("LN_Mediastinals = ", "Spleen = ", "line 21: nodes.Spleen"),
        ("LN_Mediastinals = ", "LN_of_the_moon = ", "line 21: nodes.LN_of_the_moon"),
        ("delivered_so_far", "deliverd_so_far", "line 16: course.deliverd_so_far"),
        ('missed = [2026-05-06, "fraction 6", 9]\n', "", "line 14: course.compensate stands without missed days"),
        ('"durvalumab"', '"durva=lumab"', "line 18: therapy[1].name = 'durva=lumab' is no name"),
        ('"durvalumab"', '" "', "line 18: therapy[1].name = ' ' is no name"),
    ],
)
def test_what_is_wrong_is_named_by_file_line_and_key(tmp_path: Path, old: str, new: str, said: str) -> None:
    head, tables = PLAN, COURSE
    assert tables.count(old) == 1
    path = written(tmp_path, head + tables.replace(old, new))
    with pytest.raises(LymphoriskError) as refused:
        prepare(path, Patient(), FAST)
    assert f"course.toml, {said}" in refused.value.message


def test_a_day_with_an_hour_is_that_day(tmp_path: Path) -> None:
    hours = PLAN + COURSE.replace("2026-05-06", "2026-05-06T08:30:00").replace("2026-06-01", "2026-06-01 23:00:00")
    assert read_scenario(written(tmp_path, hours)).said == read_scenario(written(tmp_path, PLAN + COURSE)).said


def test_dates_of_a_therapy_wait_for_the_first_fraction(tmp_path: Path) -> None:
    """The file may leave it to the command line; without either no day is guessed."""
    text = PLAN.replace("first_fraction = 2026-05-04\n", "") + '[[therapy]]\nname = "drug"\ndays = [2026-06-01]\n'
    path = written(tmp_path, text)
    assert read_scenario(path).said.therapy == ("drug=2026-06-01",)
    made = prepare(path, Patient(), replace(FAST, first_fraction="2026-05-04"))
    assert made.options.therapy == ("drug=2026-06-01",)
    with pytest.raises(ScenarioError, match="the first fraction is not known"):
        analyze(path, Patient(alc=1.4), FAST)


def test_two_scenarios_of_a_course_say_it_once() -> None:
    table = {"plan": {"label": "A", "fractions": 5}, "organs": {"Body": {"mean_gy": 1.0}}}
    said = {**table, "course": {"deliver": ["A=1-5", "B=6-10"]}}
    other = {**table, "plan": {"label": "B", "fractions": 5}}
    made = prepare(together([scenario_from(said), scenario_from(other)]), Patient(), FAST)
    assert made.source.plan.fractions == 10
    with pytest.raises(ScenarioError, match="several scenarios"):
        together([scenario_from(said), scenario_from({**other, "course": {"missed": ["day 2"]}})])


def test_a_patient_file_may_hold_the_therapies(tmp_path: Path) -> None:
    patient = written(
        tmp_path,
        '[patient]\nalc = 1.4\nfirst_fraction = 2026-05-04\n[[therapy]]\nname = "cells"\ndays = [2026-06-01]\n',
        "p.toml",
    )
    assert read_beside(patient) == Said(
        therapy=("cells=2026-06-01",), first_fraction="2026-05-04", places=read_beside(patient).places
    )
    plan = written(tmp_path, PLAN)
    options = ["--draws", "16", "--horizon", "60", "--json"]
    done = CliRunner().invoke(cli, ["analyze", str(plan), "--patient", str(patient), *options])
    assert done.exit_code == 0, done.output
    assert '"name":"cells"' in done.stdout.replace(" ", "")


@pytest.mark.slow
def test_compare_and_blood_take_a_course_from_its_file(tmp_path: Path) -> None:
    whole, part = written(tmp_path, PLAN), written(tmp_path, PLAN + COURSE, "part.toml")
    run = CliRunner()
    blood = [run.invoke(cli, ["blood", str(p), "--json"]) for p in (whole, part)]
    assert [b.exit_code for b in blood] == [0, 0], blood[1].output
    import json

    means = [json.loads(b.stdout)["course"]["mean_gy"] for b in blood]
    assert means[1] == pytest.approx(0.6 * means[0], rel=1e-9)
    both = run.invoke(cli, ["compare", str(whole), str(part), "--draws", "16", "--horizon", "60"])
    assert both.exit_code == 0, both.output
