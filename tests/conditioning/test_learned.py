"""What conditioning learns from counts, asks backwards, leaves out of its model, and dates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from lymphorisk.absent import Absent
from lymphorisk.analysis.saved import sealed
from lymphorisk.conditioning.counts import HostTrajectories
from lymphorisk.conditioning.regimen import DRUGS, UNMODELLED, DrugDose, RadiationCourse, Regimen, drug_named
from lymphorisk.errors import InputError, ScenarioError, UndecidableError
from lymphorisk.plan import Patient
from lymphorisk.plan.emitter import decayed
from lymphorisk.regimen import Choices, PatientFacts, PlanExposure, compare, product, search
from lymphorisk.regimen.calendar import calendar
from lymphorisk.regimen.exposure import Residue
from lymphorisk.regimen.free import default_knobs
from lymphorisk.regimen.knobs import Knob
from lymphorisk.regimen.metrics import day_back, of_count
from lymphorisk.regimen.plan import plan_exposure
from lymphorisk.regimen.update import updated
from lymphorisk.report.conditioning import update as page
from lymphorisk.report.conditioning.document import report
from lymphorisk.report.conditioning.json_ import conditioning_json
from lymphorisk.report.conditioning.search import search_title
from lymphorisk.report.conditioning.text import conditioning_text
from lymphorisk.report.formats import written
from lymphorisk.scenario import EmitterGiven, Scenario

FACTS = PatientFacts(Patient(alc=1.5, weight_kg=80.0, height_cm=175.0), egfr_ml_min=85.0)
FAST = Choices(draws=128)
FLU = tuple(DrugDose("fludarabine", 30.0, "mg/m2", day) for day in (-5.0, -4.0, -3.0))
TBI = RadiationCourse("TBI", (-3.0, -2.0), 2.0, role="lymphodepletion")
TREATED = Regimen("Flu/TBI", FLU, (TBI,), leukapheresis_day=-30.0)
BU = tuple(DrugDose("busulfan", 3.2, "mg/kg", day) for day in (-7.0, -6.0, -5.0, -4.0))


@pytest.mark.parametrize(
    ("typed", "drug"),
    [("Bu", "busulfan"), ("ATG", "antithymocyte globulin"), ("ara-C", "cytarabine"), ("Thiotepa", "thiotepa"),
     ("melphalan", "melphalan"), ("thymoglobulin", "antithymocyte globulin")],
)  # fmt: skip
def test_drugs_of_transplants_are_known_by_name(typed: str, drug: str) -> None:
    assert drug_named(typed) == drug
    assert drug in UNMODELLED
    assert drug not in DRUGS


def test_a_drug_without_a_model_changes_no_count_and_is_named_everywhere() -> None:
    with_it = Regimen("with", (*FLU, *BU), (TBI,))
    made = compare([(Regimen("without", FLU, (TBI,)), {}), (with_it, {})], FACTS, FAST)
    plain, named = made.forecasts
    a, b = (np.asarray(f.metrics["alc_at_infusion"]) for f in (plain, named))
    assert a == pytest.approx(b, rel=1e-9)
    said = conditioning_text(made)
    html = str(written(Path("x.html"), report(made)))
    row = next(r for r in conditioning_json(made)["regimens"] if r["name"] == "with")
    for where in (said, html, json.dumps(row["unmodelled"]), str(named.findings)):
        assert "busulfan" in where
    assert "with (without busulfan)" in said
    assert "Part of this regimen is not in the model" in html


def test_no_criterion_on_a_count_is_met_without_the_whole_regimen() -> None:
    (made,) = compare([(Regimen("x", (*FLU, *BU), (TBI,)), {})], FACTS, FAST).forecasts
    on_counts = [j for j in made.judgements if of_count(j.criterion.metric)]
    assert len(on_counts) >= 4
    assert {j.state for j in on_counts} == {"CANNOT SAY"}
    assert all("busulfan" in j.reason for j in on_counts)
    assert made.joint is None
    assert any(f.code == "LR520" for f in made.findings)


def test_a_search_finds_nothing_for_a_regimen_it_knows_in_part() -> None:
    regimen = Regimen("x", (*FLU, *BU), (TBI,))
    found = search(regimen, {}, default_knobs(regimen)[:1], FACTS, Choices(draws=32, depth=10.0))
    assert not found.meeting
    assert {f.joint for f in found.found} == {None}


def test_the_inverse_question_lists_schedules_with_their_probability() -> None:
    asked = Choices(draws=64, depth=0.1, recovery_by=30.0, recovery_count=0.2)
    found = search(TREATED, {}, default_knobs(TREATED), FACTS, asked)
    assert found.asked[0] == "host ALC at infusion <= 0.1 10^9/L"
    assert "0.2" in found.asked[1]
    assert found.meeting
    for f in found.found:
        assert f.joint is not None
        assert f.meets == (f.joint >= found.share and f.in_window)
    deep = [f for f in found.found if dict(f.schedule.settings)["TBI Gy/fx"] == 4.0]
    none = [f for f in found.found if dict(f.schedule.settings)["TBI Gy/fx"] == 0.0]
    assert max(f.depth for f in deep) < min(f.depth for f in none)


def test_asking_for_less_never_finds_fewer_schedules() -> None:
    knobs = default_knobs(TREATED)[:1]
    shares = [search(TREATED, {}, knobs, FACTS, Choices(draws=64, depth=depth)).found for depth in (0.05, 0.1, 0.3)]
    by = [{f.schedule.settings: f.joint for f in found} for found in shares]
    assert all(by[0][s] <= by[1][s] <= by[2][s] for s in by[0])


def test_the_day_back_is_the_last_crossing() -> None:
    day = np.array([-1.0, 0.0, 1.0, 2.0, 3.0, 4.0])
    alc = np.array([[1.0, 0.1, 0.6, 0.4, 0.6, 0.7], [1.0, 0.6, 0.6, 0.6, 0.6, 0.6], [1.0, 0.1, 0.1, 0.1, 0.1, 0.1]])
    assert day_back(HostTrajectories(day, alc), 0.5) == pytest.approx([2.5, 0.0, 5.0])


def test_dates_stand_beside_days() -> None:
    entries = calendar(TREATED, None, date(2026, 3, 10))
    assert [str(e.date) for e in entries if e.what == "infusion"] == ["2026-03-10"]
    assert [str(e.date) for e in entries if e.what == "leukapheresis"] == ["2026-02-08"]
    assert all((e.date - date(2026, 3, 10)).days == e.day for e in entries)
    bid = RadiationCourse("TBI", (-3.25, -3.0, -2.25, -2.0), 2.0)
    assert [e.what for e in calendar(Regimen("x", (), (bid,)), None, date(2026, 3, 10))][:2] == ["TBI, 2 fractions"] * 2
    made = compare([(TREATED, {})], FACTS, Choices(draws=32, infusion_date=date(2026, 3, 10)))
    assert "2026-03-07" in conditioning_text(made)
    assert "2026-03-07" in str(written(Path("x.html"), report(made)))
    assert conditioning_json(made)["infusion_date"] == "2026-03-10"
    assert calendar(TREATED, None, None) == ()


def test_the_window_is_dated_and_a_dose_of_nothing_is_not() -> None:
    regimen = Regimen("x", (*FLU, DrugDose("cyclophosphamide", 0.0, "mg/m2", -4.0)))
    entries = calendar(regimen, (-1.0, 4.0), date(2026, 3, 10))
    said = {e.what: str(e.date) for e in entries}
    assert said["first day of the product's window"] == "2026-03-09"
    assert said["last day of the product's window"] == "2026-03-14"
    assert not any("cyclophosphamide" in what for what in said)
    assert [e.day for e in entries] == sorted(e.day for e in entries)


def test_the_knobs_of_a_plan_scale_it_and_what_no_label_doses_is_not_turned() -> None:
    course = RadiationCourse("field", (-20.0, -19.0), plan="p")
    mixed = tuple(DrugDose("cyclophosphamide", a, u, d) for a, u, d in ((500.0, "mg/m2", -5.0), (20.0, "mg/kg", -4.0)))
    knobs = default_knobs(Regimen("x", mixed, (course,)))
    assert [(k.of, k.key, k.start) for k in knobs] == [("field", "dose_factor", 1.0), ("infusion", "delay_d", 0.0)]
    with pytest.raises(ScenarioError, match="nothing of the regimen can be searched") as refused:
        default_knobs(Regimen("x", mixed))
    assert "[[conditioning.search]]" in refused.value.hint


def test_a_window_counts_from_a_drug_that_is_given() -> None:
    none = tuple(replace(d, amount=0.0) for d in product("axi-cel").drugs)
    (made,) = compare([(replace(product("axi-cel"), drugs=none), {})], FACTS, Choices(draws=8)).forecasts
    outside = made.metrics["days_outside_window"]
    assert isinstance(outside, Absent)
    assert outside.reason == "no drug dose: the window counts from the last one"


def test_radiation_of_another_plan_than_was_read_is_refused(bridging: PlanExposure) -> None:
    regimen = Regimen("x", (), (RadiationCourse("field", (-9.0,), plan="p"),))
    for plans, what in (({}, "its plan 'p' was not read"), ({"p": bridging}, "1 days, 10 fractions")):
        with pytest.raises(ScenarioError, match=what):
            compare([(regimen, plans)], FACTS, Choices(draws=8))


def test_doses_of_one_day_are_one_entry_that_counts_them() -> None:
    four = tuple(DrugDose("busulfan", 0.8, "mg/kg", -7.0 + k / 4) for k in (-1, 0, 1))
    said = [e.what for e in calendar(Regimen("x", four), None, date(2026, 3, 10))]
    assert said[0].endswith("3 times")
    assert len(said) == 2


@pytest.mark.parametrize("day", [date(1, 1, 2), date(9999, 12, 31)])
def test_days_outside_the_calendar_are_refused_by_name(day: date) -> None:
    regimen = Regimen("x", (DrugDose("fludarabine", 30.0, "mg/m2", -3.0),), infusion_days=(0.0, 10.0))
    with pytest.raises(ScenarioError, match="outside the calendar"):
        calendar(regimen, None, day)


@pytest.mark.slow
def test_an_update_keeps_window_standing_and_evidence() -> None:
    given = product("axi-cel")
    kept = updated(saved(given), [(-4.0, 0.9)]).prior.regimen
    assert (kept.window, kept.standing, kept.evidence) == (given.window, given.standing, given.evidence)


@pytest.mark.parametrize("lost", ["facts", "choices", "records", "plans"])
def test_a_result_that_was_edited_is_refused_by_name(lost: str) -> None:
    result = saved(TREATED)
    del result["again"][lost]
    with pytest.raises(InputError, match="no whole result"):
        updated(result, [(-4.0, 0.9)])
    with pytest.raises(InputError, match="no whole result"):
        updated({**result, "provenance": {}}, [(-4.0, 0.9)])


def paths(value: object, at: tuple = ()) -> Iterator[tuple]:
    """Where every value of plain data stands; of lists the first two."""
    inner = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, part in inner:
        yield (*at, key)
        yield from paths(part, (*at, key))


def with_value(result: dict, at: tuple, value: object) -> dict:
    """The result with another value at a place, or without it."""
    made = deepcopy(result)
    part = made
    for key in at[:-1]:
        part = part[key]
    if value is ...:
        del part[at[-1]]
    else:
        part[at[-1]] = value
    return made


@pytest.mark.slow
def test_a_result_whose_values_are_of_another_kind_is_refused_by_name_or_computed() -> None:
    """Each value of what an update reads, lost or of another kind: never an exception of the inside."""
    result = saved(TREATED)
    read = {"again": result["again"], "provenance": {"parameter_set": ""}, "regimens": result["regimens"]}
    keys = ("name", "drugs", "radiation", "infusion_days", "leukapheresis_day", "product", "title", "indication")
    read["regimens"] = [{key: result["regimens"][0][key] for key in keys}]
    refused = 0
    for at in paths(read):
        for value in (..., "x", [], {}, None, float("nan"), -1e300):
            try:
                updated(with_value(result, at, value), [(-4.0, 0.9)])
            except (InputError, ScenarioError, UndecidableError):
                refused += 1
    assert refused > 200


def test_what_is_no_result_at_all_is_refused_by_name() -> None:
    for nothing in ([], None, "x", {}, 3.0):
        with pytest.raises(InputError, match="no result of `lymphorisk conditioning`"):
            updated(nothing, [(-4.0, 0.9)])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"draws": 0},
        {"draws": 1.5},
        {"seed": "x"},
        {"seed": None},
        {"end_day": None},
        {"end_day": 0.0},
        {"cohort": "yes"},
        {"survival": "dragons"},
        {"survival": []},
        {"recovery_count": "x"},
        {"recovery_by": -1.0},
        {"depth": float("nan")},
    ],
)
def test_choices_that_are_none_are_refused_by_name(wrong: dict) -> None:
    with pytest.raises(ScenarioError, match=next(iter(wrong))):
        Choices(**wrong)


def saved(*regimens: Regimen, choices: Choices = FAST, plans: dict | None = None) -> dict:
    made = compare([(r, plans or {}) for r in regimens], FACTS, choices)
    return json.loads(sealed(conditioning_json(made)))


@pytest.mark.slow
def test_counts_before_the_infusion_move_the_forecast_towards_them() -> None:
    result = saved(TREATED)
    low, high = (updated(result, [(-4.0, value)]) for value in (0.65, 1.2))
    day_0 = [float(np.median(np.asarray(u.posterior.metrics["alc_at_infusion"]))) for u in (low, high)]
    before = float(np.median(np.asarray(low.prior.metrics["alc_at_infusion"])))
    assert day_0[0] < before < day_0[1]
    wide = np.ptp(np.quantile(np.asarray(low.prior.metrics["alc_at_infusion"]), [0.05, 0.95]))
    narrow = np.ptp(np.quantile(np.asarray(low.posterior.metrics["alc_at_infusion"]), [0.05, 0.95]))
    assert narrow < wide
    assert low.effective_draws > 20


@pytest.mark.slow
def test_the_update_begins_from_the_forecast_that_was_saved() -> None:
    made = updated(saved(TREATED, choices=Choices(draws=4096)), [(-4.0, 0.9)])
    assert float(np.median(np.asarray(made.prior.metrics["alc_at_infusion"]))) == pytest.approx(
        saved(TREATED, choices=Choices(draws=4096))["regimens"][0]["metrics"]["alc_at_infusion"]["median"], rel=1e-4
    )


@pytest.mark.slow
def test_counts_that_are_not_the_hosts_are_left_out_and_named() -> None:
    made = updated(saved(TREATED), [(-4.0, 0.9), (9.0, 1.0), (-400.0, 1.0)])
    assert made.counts == ((-4.0, 0.9),)
    assert [f.code for f in made.findings] == ["LR521", "LR521"]
    assert "infused cells" in page.text(made)
    whole = written(Path("x.html"), page.report(made))
    assert "Not used" in whole
    assert "Not used" not in written(Path("x.html"), page.report(replace(made, findings=())))
    assert "not used:" not in page.text(replace(made, findings=()))
    with pytest.raises(ScenarioError, match="no count can"):
        updated(saved(TREATED), [(9.0, 1.0)])


@pytest.mark.slow
def test_a_sample_that_stands_twice_counts_once() -> None:
    once, twice = (updated(saved(TREATED), [(-4.0, 0.9)] * n) for n in (1, 2))
    assert twice.counts == once.counts
    assert once.effective_draws == twice.effective_draws
    assert [f.what for f in twice.findings] == ["0.9 on day -4 stands twice: it counts once"]


@pytest.mark.parametrize("count", [(-4.0, -0.1), (-4.0, float("nan")), (float("inf"), 0.9)])
def test_what_is_no_count_is_refused(count: tuple[float, float]) -> None:
    with pytest.raises(ScenarioError, match="is not a count"):
        updated(saved(TREATED), [count])


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"schema": "lymphorisk/analysis/1"}, "no result of `lymphorisk conditioning`"),
        ({"provenance": {"parameter_set": "other"}}, "another parameter set"),
        ({"again": {"choices": {"own_parameters": True}}}, "own drugs or criteria"),
    ],
)
def test_a_result_that_this_program_did_not_make_is_refused(change: dict, what: str) -> None:
    with pytest.raises(InputError, match=what) as refused:
        updated({**saved(TREATED), **change}, [(-4.0, 0.9)])
    assert refused.value.hint


@pytest.mark.slow
def test_an_update_says_what_of_its_regimen_is_not_in_the_model() -> None:
    partly = updated(saved(Regimen("with", (*FLU, *BU), (TBI,), leukapheresis_day=-30.0)), [(-4.0, 0.9)])
    said, plain = (
        str(written(Path("x.html"), page.report(u))) for u in (partly, updated(saved(TREATED), [(-4.0, 0.9)]))
    )
    assert "The counts are without busulfan." in said
    assert "not in the model" not in plain


def test_a_search_of_a_regimen_that_is_not_modelled_says_that_none_can_be_said_to_meet() -> None:
    knob = Knob("infusion", "delay_d", (0.0, 1.0), 0.0)
    partly, modelled = (search(r, {}, (knob,), FACTS, FAST) for r in (Regimen("with", (*FLU, *BU), (TBI,)), TREATED))
    assert "none can be said to: busulfan is not in the model" in search_title(partly)
    assert "not in the model" not in search_title(modelled)


def test_counts_that_contradict_the_model_are_refused() -> None:
    with pytest.raises(UndecidableError, match="contradict"):
        updated(saved(TREATED), [(-0.5, 4.0)])


@pytest.mark.slow
def test_of_several_regimens_one_is_asked_for() -> None:
    result = saved(TREATED, product("axi-cel"))
    with pytest.raises(InputError, match="2 regimens"):
        updated(result, [(-1.0, 0.3)])
    assert updated(result, [(-4.0, 0.9)], "Flu/TBI").prior.regimen.name == "Flu/TBI"
    with pytest.raises(InputError, match="no regimen"):
        updated(result, [(-1.0, 0.3)], "nobody")


@pytest.mark.slow
def test_a_plans_fractions_are_in_the_saved_result() -> None:
    plan = plan_exposure(Path(__file__).parents[2] / "fixtures" / "scenarios" / "tmli_12gy.toml")
    regimen = Regimen("TMLI", FLU, (RadiationCourse("TMLI", tuple(d - 12.0 for d in plan.days), plan=plan.label),))
    result = saved(regimen, choices=Choices(draws=4096), plans={plan.label: plan})
    made = updated(result, [(-7.0, 0.3)])
    told = result["regimens"][0]["metrics"]["alc_at_infusion"]["median"]
    assert float(np.median(np.asarray(made.prior.metrics["alc_at_infusion"]))) == pytest.approx(told, rel=1e-4)


@pytest.mark.slow
def test_an_updated_result_reads_as_text_and_page() -> None:
    made = updated(saved(TREATED), [(-4.0, 0.9)])
    assert "0.9 on day -4" in page.text(made)
    assert "Planner criteria before and after" in str(written(Path("x.html"), page.report(made)))
    plain = page.to_dict(made)
    assert plain["counts"] == [{"day": -4.0, "alc": 0.9}]


def emitting(**more) -> PlanExposure:
    given = {"nuclide": "177Lu", "marrow_method": "imaging", "gy_per_cycle": {"BoneMarrow": 0.4, "Blood": 0.2}} | more
    return plan_exposure(Scenario("Lu", (), (), emitters=(EmitterGiven(**given),)))


def test_what_an_emitter_leaves_at_the_infusion_is_a_criterion() -> None:
    states = {}
    for gap in (2.0, 60.0):
        plan = emitting(half_life_h={"Blood": 50.0})
        days = tuple(d - gap for d in plan.days)
        course = RadiationCourse("177Lu", days, plan=plan.label)
        (made,) = compare([(Regimen("x", (), (course,)), {plan.label: plan})], FACTS, Choices(draws=8)).forecasts
        (j,) = [j for j in made.judgements if j.criterion.metric == "emitter_mgy_h_at_infusion"]
        wanted = 1000.0 * 0.2 * np.log(2.0) / 50.0 * decayed(50.0, gap)
        assert j.value == pytest.approx(wanted, rel=0.02)
        states[gap] = j.state
        assert any(f.code == "LR320" for f in made.findings)
    assert states == {2.0: "NOT MET", 60.0: "MET"}


def test_cycles_that_a_regimen_moves_leave_what_they_leave_on_their_new_days() -> None:
    plan = emitting(days=(0.0, 112.0), half_life_h={"Blood": 50.0})
    days = tuple(d - 90.0 if d < 112.0 else d - 115.0 for d in plan.days)
    (made,) = compare(
        [(Regimen("x", (), (RadiationCourse("177Lu", days, plan=plan.label),)), {plan.label: plan})],
        FACTS,
        Choices(draws=8),
    ).forecasts
    (j,) = [j for j in made.judgements if j.criterion.metric == "emitter_mgy_h_at_infusion"]
    wanted = sum(1000.0 * 0.2 * np.log(2.0) / 50.0 * decayed(50.0, gap) for gap in (90.0, 3.0))
    assert j.value == pytest.approx(wanted, rel=0.02)


@pytest.mark.parametrize(("gap", "meets"), [(2.0, False), (90.0, True)])
def test_a_search_asks_what_an_emitter_leaves_as_a_comparison_does(gap: float, meets: bool) -> None:
    plan = emitting(half_life_h={"Blood": 50.0})
    course = RadiationCourse("177Lu", tuple(d - gap for d in plan.days), plan=plan.label)
    regimen = replace(TREATED, radiation=(course,))
    asked = Choices(draws=8, depth=10.0)
    found = search(regimen, {plan.label: plan}, default_knobs(TREATED)[:1], FACTS, asked)
    assert any(f.meets for f in found.found) == meets


def test_without_an_emitter_there_is_no_such_criterion() -> None:
    (made,) = compare([(TREATED, {})], FACTS, Choices(draws=8)).forecasts
    assert all(j.criterion.metric != "emitter_mgy_h_at_infusion" for j in made.judgements)
    assert isinstance(made.metrics["emitter_mgy_h_at_infusion"], Absent)


def test_a_residue_counts_every_cycle_before_the_day() -> None:
    one = Residue((0.0,), 0.1, 24.0)
    two = Residue((0.0, 1.0), 0.1, 24.0)
    assert one.rate_mgy_h(1.0) == pytest.approx(0.5 * one.rate_mgy_h(0.0))
    assert two.rate_mgy_h(2.0) == pytest.approx(one.rate_mgy_h(2.0) + one.rate_mgy_h(1.0))
    assert two.rate_mgy_h(-5.0) == 0.0
