"""The comparison: findings, order, calendar metrics, and what is never said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lymphorisk.conditioning.criteria import METRICS
from lymphorisk.conditioning.regimen import DrugDose, RadiationCourse, Regimen
from lymphorisk.dvh import uniform
from lymphorisk.errors import ScenarioError
from lymphorisk.plan import Patient
from lymphorisk.regimen import Choices, Comparison, PatientFacts, PlanExposure, RegimenForecast, compare, product
from lymphorisk.report.conditioning.text import ordered, paired_table

FACTS = PatientFacts(Patient(alc=0.8, weight_kg=80.0, height_cm=172.0), egfr_ml_min=85.0)
FLU = tuple(DrugDose("fludarabine", 30.0, "mg/m2", d) for d in (-5.0, -4.0, -3.0))
FAST = Choices(draws=64)


def one(regimen: Regimen, plans: dict[str, PlanExposure] | None = None, facts: PatientFacts = FACTS) -> RegimenForecast:
    return compare([(regimen, plans or {})], facts, FAST).forecasts[0]


def codes(forecast: RegimenForecast) -> set[str]:
    return {f.code for f in forecast.findings}


def state(forecast: RegimenForecast, metric: str) -> str:
    return next(j.state for j in forecast.judgements if j.criterion.metric == metric)


def test_metrics_are_those_the_criteria_know() -> None:
    assert set(one(product("axi-cel")).metrics) == set(METRICS)


def test_a_fraction_after_infusion_is_counted_and_warned_of(bridging: PlanExposure) -> None:
    days = tuple(d + 2.0 for d in bridging.days)
    late = one(Regimen("late", FLU, (RadiationCourse("b", days, None, "p"),)), {"p": bridging})
    assert "LR502" in codes(late)
    assert late.metrics["blood_gy_after_infusion"] == pytest.approx(10 * 0.2)
    assert state(late, "blood_gy_after_infusion") == "NOT MET"
    assert state(late, "fractions_to_day_30") == "NOT MET"
    early = one(
        Regimen("early", FLU, (RadiationCourse("b", tuple(d - 30.0 for d in bridging.days), None, "p"),)),
        {"p": bridging},
    )
    assert "LR502" not in codes(early)
    assert early.metrics["blood_gy_after_infusion"] == 0.0


def test_a_fraction_on_the_day_of_infusion_is_seen_by_the_cells() -> None:
    same = one(Regimen("same", FLU, (RadiationCourse("tbi", (0.0,), 1.0, role="lymphodepletion"),)))
    assert same.metrics["blood_gy_after_infusion"] == 1.0


def test_gaps_are_counted_on_the_calendar(bridging: PlanExposure) -> None:
    days = tuple(d - 41.0 for d in bridging.days)
    regimen = Regimen("x", FLU, (RadiationCourse("b", days, None, "p"),), leukapheresis_day=-20.0)
    m = one(regimen, {"p": bridging}).metrics
    assert days[-1] == -30.0
    assert m["fraction_to_apheresis_d"] == 10.0
    assert m["fraction_to_lymphodepletion_d"] == 25.0
    assert m["fraction_to_infusion_d"] == 30.0
    assert m["lymphodepletion_to_infusion_d"] == 3.0
    assert state(one(regimen, {"p": bridging}), "fraction_to_apheresis_d") == "NOT MET"


def test_bridging_deepens_lymphodepletion_and_whole_plan_sees_its_own_pools(bridging: PlanExposure) -> None:
    course = RadiationCourse("b", tuple(d - 20.0 for d in bridging.days), None, "p")
    with_rt = one(Regimen("x", FLU, (course,)), {"p": bridging})
    without = one(Regimen("x", FLU))
    assert np.all(np.asarray(with_rt.metrics["alc_at_infusion"]) < np.asarray(without.metrics["alc_at_infusion"]))
    assert with_rt.kinetics == {"b": "combined"}


def test_a_split_dose_is_judged_on_its_last_day_too() -> None:
    split = one(product("obe-cel"))
    first, last = (np.asarray(split.metrics[m]) for m in ("alc_at_infusion", "alc_at_last_infusion"))
    assert np.all(last > 0)
    assert not np.array_equal(first, last)
    assert "LR508" in codes(split), "its doses are recalled"


def test_a_low_lymphocyte_count_does_not_stand_for_a_white_count() -> None:
    bare = one(product("tisa_lymphoma"))
    assert state(bare, "wbc") == "CANNOT SAY"
    told = one(product("tisa_lymphoma"), facts=PatientFacts(FACTS.patient, 85.0, wbc=0.7))
    assert state(told, "wbc") == "MET"
    high = one(product("tisa_lymphoma"), facts=PatientFacts(FACTS.patient, 85.0, wbc=3.0))
    assert state(high, "wbc") == "NOT MET"
    assert high.joint == bare.joint, "the waiver is reported, not required"


def test_radiation_as_lymphodepletion_is_called_extrapolation() -> None:
    found = one(product("tbi2_flu75"))
    assert "LR507" in codes(found)
    assert any("shallower" in f.what for f in found.findings if f.code == "LR507")


def test_a_big_whole_body_fraction_is_called_out_of_range() -> None:
    assert "LR503" in codes(one(Regimen("x", radiation=(RadiationCourse("t", (-2.0,), 8.0, role="lymphodepletion"),))))
    assert "LR503" not in codes(one(product("tbi4")))


def test_a_missing_baseline_is_assumed_spread_and_said() -> None:
    known = compare([(product("axi-cel"), {})], FACTS, FAST)
    unknown = compare([(product("axi-cel"), {})], PatientFacts(), FAST)
    assert "LR513" in {f.code for f in unknown.findings}
    assert unknown.forecasts[0].bands["p95"][0] > unknown.forecasts[0].bands["p05"][0]
    assert known.forecasts[0].bands["p95"][0] == known.forecasts[0].bands["p05"][0] == 0.8


def test_deepest_at_infusion_first() -> None:
    names = ("tisa_lymphoma", "lifileucel", "axi-cel")
    found = ordered(compare([(product(n), {}) for n in names], FACTS, FAST))
    assert [f.regimen.name for f in found] == ["lifileucel", "axi_cel", "tisa_lymphoma"]


def test_draws_are_paired_between_regimens() -> None:
    together = compare([(product("axi-cel"), {}), (product("ide-cel"), {})], FACTS, FAST)
    alone = compare([(product("ide-cel"), {})], FACTS, FAST)
    np.testing.assert_array_equal(together.forecasts[1].bands["p50"], alone.forecasts[0].bands["p50"])
    a, b = (np.asarray(f.metrics["alc_at_infusion"]) for f in together.forecasts)
    assert np.std(a - b) < 0.5 * np.hypot(np.std(a), np.std(b))


def test_the_window_is_placed_on_this_calendar() -> None:
    assert one(product("tisa_all")).window_days == (0.0, 12.0)
    assert one(Regimen("x", FLU)).window_days is None


def test_two_regimens_of_one_name_and_none_are_refused() -> None:
    with pytest.raises(ScenarioError, match="two regimens"):
        compare([(product("axi-cel"), {})] * 2, FACTS, FAST)
    with pytest.raises(ScenarioError, match="nothing to compare"):
        compare([], FACTS, FAST)


def test_a_forecast_that_ends_early_cannot_say_what_comes_later() -> None:
    short = compare([(product("axi-cel"), {})], FACTS, Choices(draws=64, end_day=20.0)).forecasts[0]
    assert state(short, "alc_day_30") == "CANNOT SAY"
    with pytest.raises(ScenarioError, match="ends before"):
        compare([(product("obe-cel"), {})], FACTS, Choices(draws=64, end_day=5.0))


def test_nothing_at_all_is_flat() -> None:
    result: Comparison = compare([(Regimen("nothing"), {})], FACTS, FAST)
    assert np.abs(result.forecasts[0].bands["p50"] - 0.8).max() < 1e-12


def test_the_spread_is_owned_by_what_acts() -> None:
    owned = one(product("benda_axi")).band_owners
    assert next(iter(owned)) == "kill by bendamustine"
    assert not any("fludarabine" in name for name in owned)
    tbi = one(product("tbi4")).band_owners
    assert next(iter(tbi)) == "whole-body D0"
    assert one(Regimen("nothing")).band_owners == {}


def test_courses_need_labels_of_their_own_and_days_within_reach() -> None:
    twice = (RadiationCourse("a", (-3.0,), 1.0), RadiationCourse("a", (-2.0,), 1.0))
    with pytest.raises(ScenarioError, match="share a label"):
        Regimen("x", radiation=twice)
    with pytest.raises(ScenarioError, match="more than"):
        Regimen("x", (DrugDose("fludarabine", 30.0, "mg/m2", -20261121.0),))


def test_fractions_after_leukapheresis_do_not_count_before_it(bridging: PlanExposure) -> None:
    days = tuple(d - 30.0 for d in bridging.days)
    m = one(
        Regimen("x", FLU, (RadiationCourse("b", days, None, "p"),), leukapheresis_day=-26.5), {"p": bridging}
    ).metrics
    assert m["fraction_to_apheresis_d"] == pytest.approx(0.5)


def test_bridging_fractions_between_lymphodepletion_and_infusion_are_counted(bridging: PlanExposure) -> None:
    days = tuple(d - 12.0 for d in bridging.days)
    m = one(Regimen("x", FLU, (RadiationCourse("b", days, None, "p"),)), {"p": bridging}).metrics
    assert m["fractions_to_day_30"] == sum(day >= -5.0 for day in days) == 5


def test_a_long_delay_of_cilta_cel_names_the_labels_repeat() -> None:
    from lymphorisk.conditioning.regimen import delayed

    assert "LR509" in codes(one(delayed(product("cilta-cel"), 13.0)))
    assert "LR509" not in codes(one(delayed(product("cilta-cel"), 12.0)))
    assert state(one(delayed(product("cilta-cel"), 13.0)), "lymphodepletion_to_infusion_d") == "NOT MET"


def test_an_assumed_body_is_said_where_drugs_rest_on_it() -> None:
    bare = PatientFacts(Patient(alc=0.8))
    assert "LR504" in codes(one(product("axi-cel"), facts=bare))
    assert "LR504" not in codes(one(product("tbi4"), facts=bare))
    assert "LR504" not in codes(one(product("axi-cel")))


def test_every_phase_of_a_plan_kills_with_its_own_dose(bridging: PlanExposure) -> None:
    first = bridging.phases[0]
    boost = replace(first, times_d=np.array([14.0, 15.0]), blood=first.blood.scaled(3.0))
    course = PlanExposure("two", (first, boost))
    days = tuple(d - 40.0 for d in course.days)
    found = one(Regimen("x", FLU, (RadiationCourse("b", days, None, "p"),)), {"p": course})
    assert [round(gy, 9) for _, gy in found.fractions] == [0.2] * 10 + [0.6] * 2
    assert [day for day, _ in found.fractions][-2:] == [-26.0, -25.0]


def test_a_what_if_of_the_field_scales_the_blood_dose_too(bridging: PlanExposure) -> None:
    days = tuple(d - 40.0 for d in bridging.days)
    half = one(Regimen("x", FLU, (RadiationCourse("b", days, None, "p", dose_factor=0.5),)), {"p": bridging})
    assert half.fractions[0][1] == pytest.approx(0.1)


def test_a_what_if_of_the_field_scales_the_dose_of_placed_organs_too(bridging: PlanExposure) -> None:
    """Of a plan in which nobody drew the gut the draws live in placed bodies: no dose at all kills nobody there."""
    placed = tuple({"gut": uniform(gray), "marrow": uniform(gray)} for gray in (1.0, 1.5))
    plan = PlanExposure("p", tuple(replace(p, bodies=placed) for p in bridging.phases))
    days = tuple(d - 40.0 for d in plan.days)

    def nadir(factor: float) -> float:
        of = one(Regimen("x", (), (RadiationCourse("b", days, None, "p", dose_factor=factor),)), {"p": plan})
        return float(np.median(np.asarray(of.metrics["alc_at_infusion"])))

    none = one(Regimen("x", (), ()), {})
    assert nadir(0.0) == pytest.approx(float(np.median(np.asarray(none.metrics["alc_at_infusion"]))), rel=1e-6)
    assert nadir(1.0) < nadir(0.5) < nadir(0.0)


def test_another_seed_draws_other_patients() -> None:
    counts = [
        np.asarray(
            compare([(product("axi-cel"), {})], FACTS, Choices(draws=16, seed=s)).forecasts[0].metrics["alc_nadir"]
        )
        for s in (7, 7, 8)
    ]
    assert np.array_equal(counts[0], counts[1])
    assert not np.isclose(counts[0], counts[2]).any()


def test_the_paired_table_says_how_often_a_regimen_is_lower() -> None:
    both = compare([(product("ide-cel"), {}), (product("axi-cel"), {}), (product("tisa_fl"), {})], FACTS, FAST)
    rows = {row[0]: row for row in ([str(cell.text) for cell in row] for row in paired_table(both).rows)}
    assert rows["axi_cel"][2] == "100 %", "more cyclophosphamide is deeper in every draw"
    assert rows["tisa_fl"][2] == "0 %"
    assert rows["axi_cel"][1].startswith("-")


def test_chemotherapy_beside_bridging_is_said_to_be_missing() -> None:
    on = compare([(product("axi-cel"), {})], PatientFacts(Patient(alc=0.8, chemo="platinum")), FAST)
    assert "LR515" in {f.code for f in on.findings}
    steroid = compare([(product("axi-cel"), {})], PatientFacts(Patient(alc=0.8, chemo="none", steroid=8)), FAST)
    assert [f.what for f in steroid.findings if f.code == "LR515"] == [
        "dexamethasone 8 mg/d: steroids do not act in this forecast"
    ]
    off = compare([(product("axi-cel"), {})], PatientFacts(Patient(alc=0.8, chemo="none")), FAST)
    assert "LR515" not in {f.code for f in off.findings}
