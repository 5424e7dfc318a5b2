"""What may be read as one course, and what is refused before anything is computed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lymphorisk import parameters
from lymphorisk.analysis import chain
from lymphorisk.analysis.chain import replanned
from lymphorisk.analysis.curves import Curves
from lymphorisk.analysis.delivered import as_given
from lymphorisk.analysis.dvhs import dvh_table
from lymphorisk.analysis.midcourse import SCHEMA, updated
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.prepared import prepare
from lymphorisk.analysis.schedules import schedules_asked
from lymphorisk.analysis.source import open_source, read_source, with_fractions
from lymphorisk.analysis.whatif import changed, parse
from lymphorisk.dicom import Export
from lymphorisk.errors import InputError, LymphoriskError, ScenarioError, UndecidableError
from lymphorisk.plan import DoseGrid, Phase, TreatmentPlan
from lymphorisk.plan.calendar import Slot, days_of
from lymphorisk.scenario import Scenario, scenario_from

ROOT = Path(__file__).parents[2] / "fixtures"
BRAIN = ROOT / "rtplans" / "brain"
EMITTER = ROOT / "scenarios" / "y90_liver_then_beams.toml"
BEAMS = ROOT / "scenarios" / "bone_8gy_1fx.toml"
OPTIONS = Options(draws=16, horizon_d=60)


def scenario(label: str, **more: object) -> Scenario:
    return scenario_from({"plan": {"label": label, "fractions": 10, **more}, "organs": {"Body": {"mean_gy": 2.0}}})


def given(**options: object) -> Callable[[], object]:
    return lambda: open_source(EMITTER, replace(OPTIONS, **options))


@pytest.mark.parametrize(
    ("asked", "error", "what"),
    [
        (lambda: read_source((), OPTIONS), InputError, "nothing to read"),
        (lambda: read_source([BRAIN, BRAIN / "gone"], OPTIONS), InputError, "'gone' does not exist"),
        (lambda: read_source([BRAIN, BEAMS], OPTIONS), InputError, "scenarios and exports are not of one course"),
        (given(segmentation=("masks",)), ScenarioError, "a segmentation says nothing more"),
        (given(fractions=3), ScenarioError, "--fractions 3 for a course of 2 phases is ambiguous"),
        (given(delivered_so_far=3), ScenarioError, "a course so far with an internal emitter is ambiguous"),
        (
            lambda: replanned("break=14@3", prepare(EMITTER, options=OPTIONS)),
            ScenarioError,
            "of a course with an internal emitter is ambiguous",
        ),
        (
            lambda: schedules_asked("schedule=5x8", open_source(EMITTER, OPTIONS).plan.phases[1:]),
            ScenarioError,
            "other schedules are of beams, not of an internal emitter",
        ),
    ],
)
def test_what_is_no_one_course_is_refused(asked: Callable[[], object], error: type[LymphoriskError], what: str) -> None:
    with pytest.raises(error, match=what):
        asked()


def test_one_path_in_a_list_is_the_path_and_two_scenarios_are_a_course(tmp_path: Path) -> None:
    alone = read_source([BRAIN], OPTIONS)
    assert isinstance(alone, Export)
    assert alone.plan.label == read_source(BRAIN, OPTIONS).plan.label  # type: ignore[union-attr]
    for label in ("A", "B"):
        text = f'[plan]\nlabel = "{label}"\nfractions = 5\n[organs.Body]\nmean_gy = 1.0\n'
        (tmp_path / f"{label}.toml").write_text(text, encoding="utf-8")
    both = read_source([tmp_path / "A.toml", tmp_path / "B.toml"], OPTIONS)
    assert isinstance(both, Scenario)
    assert [p.label for p in both.phases] == ["A", "B"]


def test_an_export_given_in_two_folders_is_read_as_one() -> None:
    """The copy of a file is that file: the plan has its fractions once."""
    twice = read_source([BRAIN, BRAIN], OPTIONS)
    assert isinstance(twice, Export)
    assert [p.fractions for p in twice.plan.phases] == [p.fractions for p in open_source(BRAIN, OPTIONS).plan.phases]


def test_the_plans_own_number_of_fractions_changes_nothing() -> None:
    source = open_source(BRAIN, OPTIONS)
    assert with_fractions(source, source.plan.fractions) is source
    few = with_fractions(source, 10).plan
    assert few.fractions == 10
    np.testing.assert_array_equal(few.phases[0].dose.dose_zyx, source.plan.phases[0].dose.dose_zyx)  # type: ignore[union-attr]


def test_a_table_of_curves_is_of_an_export_by_a_known_engine() -> None:
    beams = open_source(BEAMS, OPTIONS)
    with pytest.raises(ScenarioError, match="a scenario has no structures to draw a DVH of") as refused:
        dvh_table(beams, Curves(beams, OPTIONS))
    assert refused.value.hint == "give an export"
    source = open_source(BRAIN, OPTIONS)
    with pytest.raises(ScenarioError, match="engine 'fast' is unknown") as refused:
        dvh_table(source, Curves(source, OPTIONS), engine="fast")
    assert "exact" in refused.value.hint


def test_a_phase_without_its_dose_has_no_curve() -> None:
    source = open_source(BRAIN, OPTIONS)
    bare = replace(source, plan=replace(source.plan, phases=(Phase("boost", 5),)))
    with pytest.raises(UndecidableError, match="phase 'boost' has no dose") as refused:
        Curves(bare, OPTIONS).of_course(bare.plan.structures[:1])
    assert refused.value.hint == "export the RTDOSE of every phase"


def test_what_if_an_organ_without_dose_and_lymphocytes_were_spared() -> None:
    plan = prepare(scenario("A"), options=OPTIONS)
    phases = plan.source.plan.phases
    for text in ("Bladder-5Gy", "Brainstem*0.5"):
        change = parse(text, 10)
        assert change.organ not in plan.doses.organs
        with pytest.raises(ScenarioError, match=f"{change.organ} has no dose in this plan") as refused:
            changed(plan.doses, change, phases)
        assert refused.value.hint == "lymphorisk inspect shows the organs it has"


@pytest.mark.parametrize(
    ("saved", "what"),
    [
        ([], "no result of `lymphorisk analyze`"),
        ({}, "no result of `lymphorisk analyze`"),
        ({"schema": "lymphorisk/conditioning/1"}, "no result of `lymphorisk analyze`"),
        (
            {"schema": SCHEMA, "provenance": {"options": {"survival": "combined"}, "parameter_set": "other"}},
            "parameter set other, this",
        ),
    ],
)
def test_counts_update_a_result_of_this_program_only(saved: object, what: str) -> None:
    with pytest.raises(InputError, match=what) as refused:
        updated(saved, [(7.0, 0.9)])  # type: ignore[arg-type]
    assert "analyze" in refused.value.hint
    assert parameters.set_id() != "other"


def grid(step: float) -> DoseGrid:
    axis = np.arange(3.0) * step
    return DoseGrid(np.ones((3, 3, 3), np.float32), np.zeros(3), np.eye(3), axis, axis.copy(), axis.copy())


def test_missed_days_without_a_split_move_the_plans_own_days() -> None:
    """By working days or by the days it was planned on, one fraction a day is made up for alike."""
    plan = TreatmentPlan("x", (Phase("A", 7), Phase("B", 5)), ())
    asked = replace(OPTIONS, missed=("day 2", "fraction 6"))
    by_rhythm, by_days = (as_given(plan, asked, by_rhythm=rhythm) for rhythm in (True, False))
    assert by_rhythm == by_days
    (given, places, found) = by_rhythm
    assert places == (0, 1)
    assert [len(p.days or ()) for p in given.phases] == [7, 5]
    times = tuple(d for p in given.phases for d in p.days or ())
    planned = days_of([Slot()] * 12)
    assert 2.0 not in times
    assert planned[5] not in times
    assert times[-1] > planned[-1]
    assert [f.code for f in found] == ["LR262"]


def test_doses_of_plans_on_grids_of_their_own_are_said() -> None:
    for steps, said in (((2.0, 2.0), 0), ((2.0, 3.0), 1)):
        phases = tuple(Phase(name, 5, dose=grid(step)) for name, step in zip("AB", steps, strict=True))
        asked = replace(OPTIONS, deliver=("A=1-5", "B=6-10"))
        _, _, found = as_given(TreatmentPlan("x", phases, ()), asked, by_rhythm=True)
        assert sum("different grids" in f.what for f in found) == said


@pytest.mark.parametrize("text", ["dragons", "break=14@3", "stop=0", "fractions=20", "Prostate*0.5", "dose-rate=0Gy/s"])
def test_a_what_if_of_nothing_is_refused_before_the_blood_is_solved(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("solved first")

    monkeypatch.setattr(chain, "blood_dose_of", never)
    plan = prepare(EMITTER, options=replace(OPTIONS, what_if=("imaging=10mGy", text)))
    with pytest.raises(ScenarioError):
        chain.analysis_of(plan)


def test_a_result_that_lost_a_part_is_refused_by_name() -> None:
    whole = json.loads(chain.analyze(scenario("A"), options=OPTIONS).to_json())
    assert updated(whole, [(7.0, 1.2)]).effective_draws > 0
    for key in ("provenance", "patient", "alc", "course"):
        gone = {k: v for k, v in whole.items() if k != key}
        for cut in (gone, {**whole, key: {}}, {**whole, key: []}, {**whole, key: None}):
            with pytest.raises(InputError, match="no whole result of `lymphorisk analyze`"):
                updated(cut, [(7.0, 1.2)])
    for part, key in (("alc", "baseline_alc"), ("alc", "baseline_known"), ("patient", "age_y"), ("patient", "lln")):
        for wrong in ("x", [], {}, float("nan")):
            with pytest.raises(InputError, match="no whole result of `lymphorisk analyze`"):
                updated({**whole, part: {**whole[part], key: wrong}}, [(7.0, 1.2)])
