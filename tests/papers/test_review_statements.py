"""What reviews of radiotherapy with cells and immunotherapy say, row by row: directions, and one row that fails.

The names are those of docs/statements.csv. Organ doses of the scenarios are planners' examples: no review prints any.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from lymphorisk import Options, Patient, analyze, organs
from lymphorisk.analysis import Analysis
from lymphorisk.dvh import DoseDistribution, uniform
from lymphorisk.lymphocyte import survival_sets
from lymphorisk.parameters import load
from lymphorisk.phantom import phantom_plan
from lymphorisk.plan import Phase
from lymphorisk.qa.judge import check
from lymphorisk.regimen import Choices, PatientFacts, compare, product
from lymphorisk.scenario import Scenario, read_scenario

ROOT = Path(__file__).parents[2]
FAST = Options(draws=128)


@cache
def scenario(name: str, *what_ifs: str) -> Analysis:
    return analyze(
        ROOT / "fixtures" / "scenarios" / f"{name}.toml", Patient(chemo="none"), replace(FAST, what_if=what_ifs)
    )


@cache
def phantom(site: str, total_gy: float, fractions: int, alc: float = 0.8) -> Analysis:
    numbers = {name: p.value for name, p in load("phantom").items()}
    made = phantom_plan(numbers, site, prescription_gy=total_gy, fractions=fractions)
    doses = tuple({n: d for n, d in phase.items() if n in organs.load()} for phase in made.organ_doses())
    plan = Scenario(site, (Phase(site, fractions, prescription_gy=total_gy),), doses)
    return analyze(plan, Patient(alc=alc, age_y=60, chemo="none"), FAST)


def left(a: Analysis) -> float:
    """Median nadir over the baseline."""
    return a.forecast.nadir.median / a.forecast.baseline_alc


def numbers() -> dict[str, float]:
    return {name: p.number for name, p in load("lymphocyte").items() if not isinstance(p.value, tuple)}


@pytest.mark.parametrize("name", ["combined", "tbi", "colony", "in_vivo_jin", "in_vivo_hcc"])
@pytest.mark.xfail(
    reason="S001: the sets kill 55 to 81 % at 2 Gy; the curve read from the assay itself 68 %", strict=True
)
def test_s001_two_gray_kill_near_ninety_percent(name: str) -> None:
    assert 1.0 - float(survival_sets(numbers())[name](np.array([2.0]))[0]) >= 0.85


def test_s001_the_conflict_is_said_where_a_set_is_chosen() -> None:
    from click.testing import CliRunner

    from lymphorisk.cli.main import cli
    from lymphorisk.lymphocyte.survival import CONFLICT

    kills = [100 * (1.0 - float(form(np.array([2.0]))[0])) for form in survival_sets(numbers()).values()]
    said = f"kill {min(kills):.0f} to {max(kills):.0f} % at 2 Gy"
    assert said in CONFLICT
    assert "90 %" in CONFLICT
    for command in ("analyze", "check"):
        shown = " ".join(CliRunner().invoke(cli, [command, "--help"]).output.split())
        assert said in shown
    blood = CliRunner().invoke(cli, ["blood", str(ROOT / "fixtures" / "scenarios" / "hedos_lung_1x10s.toml")])
    assert CONFLICT in " ".join(blood.output.split())


@pytest.mark.slow
def test_s009_the_largest_bridging_field_is_deeper_than_the_smallest() -> None:
    """Sim 2019: 6 Gy in 3 to one hip up to 36.5 Gy in 14 to the whole abdomen; 20 Gy, the median, lies between."""
    hip, abdomen = scenario("hip_6gy_3fx"), scenario("abdomen_36gy5_14fx")
    median = [left(phantom(site, 20.0, 5)) for site in ("head_neck", "mediastinum", "pancreas")]
    assert left(hip) > max(median)
    assert min(median) > left(abdomen)


@pytest.mark.parametrize("site", ["head_neck", "mediastinum", "lymphoma", "limb"])
def test_s010_bridging_of_the_usual_size_stays_above_grade_4_in_most(site: str) -> None:
    """A slight fall in 10 of 12; no count is printed. 20 Gy in 5, one of the two courses that half of them had."""
    made = phantom(site, 20.0, 5)
    assert made.forecast.grade_probability["4"] < 2 / 12
    assert left(made) > 0.5


def test_s013_tbi_with_fludarabine_gives_two_days_of_severe_lymphopenia_in_most() -> None:
    """The share of patients is not printed: more than half is what "large" says at least."""
    made = compare([(product("tbi2_flu75"), {})], PatientFacts(Patient(alc=1.5)), Choices(draws=256)).forecasts[0]
    days = np.asarray(made.metrics["days_below_0_2_after"])
    assert np.mean(days >= 2.0) > 0.5


def test_s040_the_bath_does_much_of_the_kill_of_a_stereotactic_plan() -> None:
    bathed = scenario("lung_two_metastases_60gy_8fx")
    assert bathed.bath is not None
    assert 0.3 < bathed.bath < 0.95
    kept = read_scenario(ROOT / "fixtures" / "scenarios" / "lung_two_metastases_60gy_8fx.toml")
    lungs = kept.organ_doses[0]["Lungs"]
    assert float(lungs.share[lungs.dose_gy < 5.0].sum()) > 0.5
    spared = analyze(
        replace(kept, organ_doses=({n: without_bath(d) for n, d in kept.organ_doses[0].items()},)),
        Patient(chemo="none"),
        FAST,
    )
    assert left(spared) > left(bathed)
    assert spared.bath == 0.0


def without_bath(d: DoseDistribution) -> DoseDistribution:
    """The same with no dose where there are less than 5 Gy."""
    return DoseDistribution(np.where(d.dose_gy < 5.0, 0.0, d.dose_gy), d.share.copy())


def test_s043_low_dose_to_both_lungs_is_lymphopenic_and_meets_a_mean_lung_dose() -> None:
    path = ROOT / "fixtures" / "scenarios" / "lungs_4gy_and_boost.toml"
    held = check(
        path,
        ROOT / "fixtures" / "protocols" / "low_dose_lungs.toml",
        patient=Patient(alc=1.6, chemo="none"),
        options=FAST,
    )
    line = next(result for result in held.lines if result.line.structure == "Lungs")
    assert line.state == "PASS"
    assert line.value == pytest.approx(4.9, abs=0.01)
    assert scenario("lungs_4gy_and_boost").forecast.grade_probability["2"] > 0.5


@pytest.mark.slow
def test_s056_a_single_20_gy_to_a_brain_metastasis_hardly_moves_the_count() -> None:
    made = scenario("brain_metastasis_20gy_1fx")
    assert left(made) > 0.9
    assert left(made) > left(phantom("whole_brain", 30.0, 10, alc=1.5))


def test_s061_four_times_5_gy_to_a_thigh_hardly_move_the_count() -> None:
    assert left(scenario("limb_20gy_4fx")) > 0.9


def test_s066_the_bowel_is_an_organ_of_its_own() -> None:
    """Its own line, its own share of the loss, and what sparing it gives back."""
    made = scenario("abdomen_36gy5_14fx", "Bowel=0Gy")
    assert made.organs["Bowel"].course.mean_gy > 30.0
    assert made.attribution["gut"] > 0.02
    assert made.what_ifs[0].difference.nadir.p05 > 0.0


def test_s074_lymphoid_and_whole_body_together_are_deeper_than_either() -> None:
    both = scenario("total_lymphoid_8gy_and_tbi_2gy")
    alone = scenario("total_lymphoid_8gy")
    read = read_scenario(ROOT / "fixtures" / "scenarios" / "total_lymphoid_8gy_and_tbi_2gy.toml")
    whole = replace(read, phases=read.phases[1:], organ_doses=read.organ_doses[1:])
    body = analyze(whole, Patient(chemo="none"), FAST)
    assert left(both) < min(left(alone), left(body))


def test_s080_the_second_site_begins_from_what_the_first_has_left() -> None:
    """Counts between both sites: recovering before the second begins, lower again after it."""
    made = scenario("two_sites_35gy_10fx").forecast
    after_first, before_second, after_second = (made.median[day] for day in (12, 27, 42))
    assert after_first < before_second
    assert after_second < before_second


def test_s081_a_single_8_gy_to_a_bone_costs_less_than_thirty_in_ten() -> None:
    once = scenario("bone_8gy_1fx", "schedule=30/10")
    assert left(once) > 0.75
    assert once.what_ifs[0].difference.nadir.p50 < 0.0


def test_s091_forty_five_gray_twice_a_day() -> None:
    """30 fractions of 1.5 Gy in three weeks, weekends too as the scenario says: a class of dose no review draws."""
    made = scenario("sclc_45gy_30fx_bid")
    assert made.target_sheet is not None
    (row,) = made.target_sheet.targets
    assert [(g.fractions, g.fraction_gy) for g in row.groups] == [(30, 1.5)]
    assert row.bed_gy == pytest.approx(45 * 1.15)
    days = made.phases[0].days
    assert (len(days), len({int(d) for d in days})) == (30, 15)
    assert made.forecast.nadir.median < made.forecast.baseline_alc


@pytest.mark.slow
def test_s092_a_lattice_costs_less_than_its_mean_dose_everywhere() -> None:
    name = "lattice_15gy_then_50gy_25fx"
    lattice = scenario(name)
    read = read_scenario(ROOT / "fixtures" / "scenarios" / f"{name}.toml")
    flat = {n: uniform(d.mean_gy) for n, d in read.organ_doses[0].items()}
    even = analyze(replace(read, organ_doses=(flat, read.organ_doses[1])), Patient(chemo="none"), FAST)
    alone = analyze(
        replace(read, phases=read.phases[1:], organ_doses=read.organ_doses[1:]), Patient(chemo="none"), FAST
    )
    assert left(even) < left(lattice) < left(alone)


@pytest.mark.slow
def test_s104_sarcoma_of_a_limb_spares_the_count_by_every_schedule() -> None:
    made = scenario("limb_sarcoma_50gy_25fx", "schedules=sarcoma")
    assert left(made) > 0.75
    assert [w.cost.schedule.fractions for w in made.what_ifs if w.cost is not None] == [25, 3, 5]
    assert all(w.cost.forecast.grade_probability["4"] < 0.1 for w in made.what_ifs if w.cost is not None)


def test_s072_images_at_every_fraction_never_spare_and_are_the_whole_body_dose_they_are(tmp_path: Path) -> None:
    """The twin: 10 mGy to all in each of 10 fractions is 0.1 Gy by "*"; more images never raise the count."""
    plan = '[plan]\nfractions = 10\n[organs]\n"*" = {{ mean_gy = {} }}\n'
    bare, imaged = tmp_path / "bare.toml", tmp_path / "imaged.toml"
    bare.write_text(plan.format(1.0), encoding="utf-8")
    imaged.write_text(plan.format(1.1), encoding="utf-8")
    asked = analyze(bare, Patient(alc=1.5), replace(FAST, what_if=("imaging=0mGy", "imaging=10mGy", "imaging=2cGy")))
    none, ten, twenty = (w.difference for w in asked.what_ifs)
    twin = analyze(imaged, Patient(alc=1.5), FAST)
    assert (none.nadir.p025, none.nadir.p975) == (0.0, 0.0)
    assert twenty.nadir.p50 < ten.nadir.p50 < 0.0
    assert ten.nadir_ratio.p50 == pytest.approx(left(twin) / left(asked), rel=0.02)


@pytest.mark.slow
def test_s044_how_much_of_the_tumour_gets_the_dose_is_a_line_to_look_at() -> None:
    """Values of the GTV's own curve, never a verdict."""
    path = ROOT / "fixtures" / "rtplans" / "lung"
    made = analyze(path, Patient(alc=1.6, chemo="none"), FAST)
    held = check(path, ROOT / "fixtures" / "protocols" / "partial_tumour.toml", options=FAST)
    assert held.verdict == "INFORMATIVE"
    gtv = next(t.dvh for t in made.targets if t.tg263 == "GTV")
    assert gtv is not None
    shown = {line.line.metric: line.value for line in held.lines}
    assert shown["V95%[%]"] == pytest.approx(gtv.metric("V57Gy[%]"), abs=1e-6)
    assert shown["V50%[%]"] == pytest.approx(100.0)
    assert shown["Mean[Gy]"] == pytest.approx(gtv.mean_gy, abs=1e-6)


def test_s063_part_of_a_breast_by_brachytherapy_costs_less_than_the_whole() -> None:
    assert left(scenario("breast_hdr_34gy_10fx")) > left(scenario("breast_40gy_15fx"))


@pytest.mark.slow
def test_s094_brachytherapy_after_external_fields_adds_its_own_loss() -> None:
    """In one course: the applications cost a little more than the pelvis alone, and their dwell time is the blood's."""
    name = "cervix_45gy_and_hdr_28gy"
    read = read_scenario(ROOT / "fixtures" / "scenarios" / f"{name}.toml")
    both = scenario(name)
    pelvis = analyze(
        replace(read, phases=read.phases[:1], organ_doses=read.organ_doses[:1]), Patient(chemo="none"), FAST
    )
    assert both.forecast.at(46.0).p50 < pelvis.forecast.at(46.0).p50
    assert [sum(b.on_s for b in phase.beams) for phase in both.phases] == [140.0, 480.0]
    assert both.blood.fraction[1].mean_gy > 0.0


def test_s063_the_hints_of_a_refused_brachytherapy_export_say_what_to_do() -> None:
    """Dose of a source says nothing of the order of its dwells: the scenario takes organ doses and the dwell time."""
    from lymphorisk.dicom.rtdose import NOT_A_BEAM
    from lymphorisk.dicom.summation import BRACHY_HINT

    for hint in (NOT_A_BEAM, BRACHY_HINT):
        assert "scenario" in hint
        assert "beam_on_s" in hint


def test_s101_a_block_is_given_again_in_every_cycle() -> None:
    """0.5 Gy twice a day on two days, four times; the count comes back in part between the blocks."""
    made = scenario("half_gray_bid_four_cycles")
    (phase,) = made.phases
    block = (0.0, 0.25, 1.0, 1.25)
    assert phase.days == tuple(day + 21 * cycle for cycle in range(4) for day in block)
    count = made.forecast.median
    assert all(count[21 * cycle + 20] > count[21 * cycle + 4] for cycle in range(4))
    assert count[67] < count[4]


def test_s089_a_drug_is_given_every_day_from_the_first_to_the_last(tmp_path: Path) -> None:
    from lymphorisk.errors import ScenarioError
    from lymphorisk.regimen import read_regimen
    from lymphorisk.regimen.plan import plan_exposure

    path = ROOT / "fixtures" / "regimens" / "metronomic_cyclophosphamide.toml"
    read = read_regimen(path, plan_exposure).regimen
    assert [(d.day, d.amount, d.unit) for d in read.drugs] == [(float(day), 50.0, "mg") for day in range(-28, 0)]
    text = path.read_text(encoding="utf-8")
    other = tmp_path / "other.toml"
    other.write_text(text.replace("last_day = -1", "last_day = -1\nevery_d = 7"), encoding="utf-8")
    assert [d.day for d in read_regimen(other, plan_exposure).regimen.drugs] == [-28.0, -21.0, -14.0, -7.0]
    for broken, says in (
        ("last_day = -1\nday = -3", "stands beside"),
        ("last_day = -30", "is before"),
        ("", "needs day"),
    ):
        other.write_text(text.replace("last_day = -1", broken), encoding="utf-8")
        with pytest.raises(ScenarioError, match=says):
            read_regimen(other, plan_exposure)


@pytest.mark.parametrize(
    ("more", "says"), [("cycles = 2", "stands alone"), ("cycles = 2\ncycle_days = 1", "has not ended")]
)
def test_s101_cycles_that_cannot_be_are_refused(tmp_path: Path, more: str, says: str) -> None:
    from lymphorisk.errors import ScenarioError

    path = tmp_path / "plan.toml"
    path.write_text(f'[plan]\nfractions = 3\nschedule = "daily"\n{more}\n[organs]\nBody = {{ mean_gy = 1 }}\n')
    with pytest.raises(ScenarioError, match=says):
        read_scenario(path)
