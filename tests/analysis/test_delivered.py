"""Courses as they are given: order and split of plans, missed days, breaks, courses so far."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from lymphorisk.analysis.chain import analyze
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.prepared import prepare
from lymphorisk.analysis.result import Analysis
from lymphorisk.dicom import read_export, write_export
from lymphorisk.errors import LinkError, ScenarioError
from lymphorisk.plan import DoseGrid, Patient, TreatmentPlan
from lymphorisk.scenario import Scenario, scenario_from, together

FIXTURES = Path(__file__).parents[2] / "fixtures" / "rtplans"
WHO = Patient(sex="M", age_y=60, alc=1.4, chemo="none", site="esophagus")
FAST = Options(draws=64, horizon_d=120)


def plan(label: str, spleen: float = 14.0, fractions: int = 28, **more: object) -> Scenario:
    return scenario_from(
        {
            "plan": {"label": label, "fractions": fractions, **more},
            "organs": {"Spleen": {"mean_gy": spleen}, "Body": {"mean_gy": 5.6}},
        }
    )


def given(*texts: str, plans: tuple[Scenario, ...] = (), **options: object) -> Analysis:
    whole = together(plans or (plan("A"), plan("B")))
    return analyze(whole, WHO, replace(FAST, deliver=texts, **options))


def same(a: Analysis, b: Analysis, rel: float = 1e-12) -> None:
    np.testing.assert_allclose(a.forecast.counts, b.forecast.counts, rtol=rel)
    np.testing.assert_allclose(a.blood.course.mean_gy, b.blood.course.mean_gy, rtol=rel)
    assert a.bath == pytest.approx(b.bath, rel=1e-9)
    for name, organ in a.organs.items():
        np.testing.assert_allclose(organ.course.mean_gy, b.organs[name].course.mean_gy, rtol=rel)


@pytest.mark.slow
def test_two_plans_of_one_fraction_dose_are_the_whole() -> None:
    whole = analyze(plan("A"), WHO, FAST)
    for split in (1, 10, 14, 27):
        same(given(f"A=1-{split}", f"B={split + 1}-28"), whole)
    same(given("A=1-28"), whole)
    same(given("A=1-5,11-28", "B=6-10"), whole)


def test_a_plan_half_as_long_of_one_fraction_dose_is_the_whole() -> None:
    whole = analyze(plan("A"), WHO, FAST)
    half = scenario_from(
        {"plan": {"label": "B", "fractions": 14}, "organs": {"Spleen": {"mean_gy": 7.0}, "Body": {"mean_gy": 2.8}}}
    )
    same(given("A=1-14", "B=15-28", plans=(plan("A"), half)), whole)


def half_as_long(label: str) -> Scenario:
    return scenario_from({"plan": {"label": label, "fractions": 14}, "organs": {"Body": {"mean_gy": 2.8}}})


@pytest.mark.parametrize(
    ("texts", "b", "short"),
    [
        (("A=1-28",), plan("B"), ""),
        (("A=1-10", "B=11-28"), plan("B"), ""),
        (("A=1-14", "B=15-28"), half_as_long("B"), ""),
        (("A=1-28", "B=29-42"), half_as_long("B"), ""),
        (("A=1-12",), plan("B"), "12 of 28 fractions of 'A'"),
        (("A=1-10", "B=11-20"), plan("B"), "10 of 28 fractions of 'A'; 10 of 28 fractions of 'B'"),
        (("A=1-28", "B=29-31"), half_as_long("B"), "3 of 14 fractions of 'B'"),
    ],
)
def test_a_plan_that_another_replaces_is_not_part_of_a_course(texts: tuple[str, ...], b: Scenario, short: str) -> None:
    found = [f.what for f in given(*texts, plans=(plan("A"), b)).findings if f.code == "LR261"]
    assert found == ([short] if short else [])


@pytest.mark.slow
def test_equal_fractions_may_be_exchanged_between_plans() -> None:
    """Plans of 28, 14 and 9 fractions of one dose each."""
    of = [
        scenario_from(
            {
                "plan": {"label": name, "fractions": n},
                "organs": {"Spleen": {"mean_gy": 0.5 * n}, "Body": {"mean_gy": 0.2 * n}},
            }
        )
        for name, n in (("A", 28), ("B", 14), ("C", 9))
    ]
    results = []
    for a, b, c in permutations(("1-9", "10-18", "19-27")):
        results.append(given(f"A={a}", f"B={b}", f"C={c}", plans=tuple(of)))
    for other in results[1:]:
        same(results[0], other)


@pytest.mark.slow
def test_a_replan_with_more_dose_counts_where_it_is_given() -> None:
    plans = (plan("A"), plan("B", 28.0))
    late = given("A=1-18", "B=19-28", plans=plans)
    early = given("B=1-10", "A=11-28", plans=plans)
    assert late.organs["Spleen"].course.mean_gy == pytest.approx(18 * 0.5 + 10 * 1.0, rel=1e-12)
    assert early.organs["Spleen"].course.mean_gy == pytest.approx(late.organs["Spleen"].course.mean_gy, rel=1e-12)
    assert early.blood.course.mean_gy == pytest.approx(late.blood.course.mean_gy, rel=1e-12)
    assert not np.allclose(early.forecast.counts, late.forecast.counts, rtol=1e-3)


def test_a_fraction_by_two_plans_has_both_doses() -> None:
    both = given("A=1-10", "B=1-10")
    one = given("A=1-10")
    assert both.organs["Spleen"].course.mean_gy == pytest.approx(2 * one.organs["Spleen"].course.mean_gy, rel=1e-12)
    assert both.course.last_fraction_d == one.course.last_fraction_d


def test_the_course_so_far_is_the_course_that_stops() -> None:
    so_far = analyze(plan("A"), WHO, replace(FAST, delivered_so_far=12))
    same(so_far, given("A=1-12"))
    assert so_far.organs["Spleen"].course.mean_gy == pytest.approx(6.0, rel=1e-12)
    assert "LR261" in {f.code for f in so_far.findings}
    stopped = analyze(plan("A"), WHO, replace(FAST, what_if=("stop=12",))).what_ifs[0]
    whole = analyze(plan("A"), WHO, FAST)
    own = so_far.forecast.counts.min(axis=1) - whole.forecast.counts.min(axis=1)
    assert own.min() <= stopped.difference.nadir.p50 <= own.max()
    assert stopped.difference.nadir.p50 > 0


def test_a_missed_day_moves_the_end_and_no_dose() -> None:
    plain = analyze(plan("A"), WHO, FAST)
    missed = given("A=1-28", missed=("day 2",))
    assert missed.course.last_fraction_d == plain.course.last_fraction_d + 1
    assert missed.blood.course.mean_gy == plain.blood.course.mean_gy
    kept = given("A=1-28", missed=("day 2",), make_up="bid")
    assert kept.course.last_fraction_d == plain.course.last_fraction_d
    dated = given("A=1-28", missed=("2026-03-04",), first_fraction="2026-03-02")
    np.testing.assert_array_equal(dated.forecast.counts, missed.forecast.counts)


def test_a_break_leaves_the_dose_and_the_nadir_is_no_deeper_before_it_ends() -> None:
    result = analyze(plan("A"), WHO, replace(FAST, what_if=("break=14@10",)))
    assert result.what_ifs[0].difference.nadir.p50 > 0


@pytest.mark.parametrize("text", ["break=14", "break=14@28", "break=0@3", "stop=28", "stop=12@3", "break 14"])
def test_a_break_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ScenarioError):
        analyze(plan("A"), WHO, replace(FAST, what_if=(text,)))


@pytest.mark.slow
def test_what_is_said_twice_is_refused() -> None:
    for more in ({"plan": "A"}, {"sum_doses": True}):
        with pytest.raises(ScenarioError, match="deliver"):
            Options(deliver=("A=1-3",), **more)
    with pytest.raises(ScenarioError, match="ambiguous"):
        given("A=1-10", fractions=10)
    with pytest.raises(ScenarioError, match="given in part"):
        given("A=1-10", what_if=("fractions=5",))
    with pytest.raises(ScenarioError, match="no date"):
        Options(first_fraction="soon")
    with pytest.raises(ScenarioError, match="weekday"):
        Options(first_fraction="2026-03-02", first_weekday=3)
    with pytest.raises(ScenarioError, match="weekend"):
        analyze(FIXTURES / "two_phase", WHO, replace(FAST, sum_doses=True, first_fraction="2026-03-01"))


def test_scenarios_of_two_patients_are_no_course() -> None:
    other = scenario_from(
        {"plan": {"label": "B", "fractions": 3}, "organs": {"*": {"mean_gy": 1.0}}, "patient": {"alc": 2.0}}
    )
    mine = scenario_from(
        {"plan": {"label": "A", "fractions": 3}, "organs": {"*": {"mean_gy": 1.0}}, "patient": {"alc": 1.0}}
    )
    with pytest.raises(ScenarioError, match="patients"):
        together((mine, other))


@pytest.mark.slow
def test_an_export_split_between_a_plan_and_its_copy_is_the_whole(tmp_path: Path) -> None:
    export = read_export(FIXTURES / "esophagus_photon")
    phase = replace(export.plan.phases[0], plan=None)
    parts = (replace(phase, label="A"), replace(phase, label="B"))
    write_export(tmp_path / "x", TreatmentPlan("x", parts, export.plan.structures), seed="x", patient=export.patient)
    with pytest.raises(LinkError, match="replan"):
        prepare(tmp_path / "x", WHO, replace(FAST, sum_doses=True))
    whole = analyze(tmp_path / "x", WHO, replace(FAST, plan="A"))
    split = analyze(tmp_path / "x", WHO, replace(FAST, deliver=("A=1-10", "B=11-28")))
    np.testing.assert_allclose(split.forecast.counts, whole.forecast.counts, rtol=1e-12)
    assert split.blood.course.mean_gy == pytest.approx(whole.blood.course.mean_gy, rel=1e-12)
    part = analyze(tmp_path / "x", WHO, replace(FAST, deliver=("A=1-14",)))
    for name, organ in part.organs.items():
        assert organ.course.mean_gy == pytest.approx(whole.organs[name].course.mean_gy / 2, rel=1e-5, abs=1e-6), name


@pytest.mark.slow
def test_another_number_of_fractions_leaves_what_leaks_outside_the_field_as_it_is() -> None:
    """The same dose in fewer fractions has as many monitor units in all; its beams are on as long."""
    whole = prepare(FIXTURES / "pelvis", WHO, FAST)
    few = whole.with_fractions(5)
    for name in ("Spleen", "Glnd_Thymus"):
        assert whole.doses.organs[name].source == "placed"
        np.testing.assert_allclose(
            few.doses.organs[name].course.mean_gy, whole.doses.organs[name].course.mean_gy, rtol=1e-9
        )
    assert [b.on_s for b in few.flow.summaries[0].beams] == [b.on_s for b in whole.flow.summaries[0].beams]


@pytest.mark.parametrize(
    "how", [{"deliver": ("two_phase=1-25",)}, {"delivered_so_far": 7}, {"deliver": ("two_phase=1-30",)}]
)
def test_a_target_named_by_the_dose_of_a_phase_that_is_left_out_has_its_dose(how: dict[str, object]) -> None:
    part = prepare(FIXTURES / "two_phase", WHO, replace(FAST, **how))  # type: ignore[arg-type]
    assert not [f for f in part.findings if f.severity == "error"]
    assert len(part.source.left) == (0 if "1-30" in str(how) else 1)


@pytest.mark.slow
def test_a_dose_of_another_scale_is_named_in_a_course_so_far_too() -> None:
    export = read_export(FIXTURES / "two_phase")
    wrong = tuple(replace(p, dose=DoseGrid(0.1 * p.dose.dose_zyx, p.dose.frame)) for p in export.plan.phases if p.dose)
    part = prepare(replace(export, plan=replace(export.plan, phases=wrong)), WHO, replace(FAST, delivered_so_far=7))
    assert "LR037" in [f.code for f in part.findings]
