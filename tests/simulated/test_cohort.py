"""The simulated cohort: quick blood against the full engine, the same patients every time, and published rates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lymphorisk.calibration.anchors import anchors, cohort_baselines
from lymphorisk.errors import CohortError
from lymphorisk.features import NAMES, feature
from lymphorisk.features.schema import POOLS
from lymphorisk.lymphocyte.survival import kill, survival_sets
from lymphorisk.parameters import load
from lymphorisk.plan import CHEMO
from lymphorisk.simulated import run
from lymphorisk.simulated.cohort import (
    PATIENTS_PER_PLAN,
    TOLD,
    arm_counts,
    as_placed,
    insilico_cohort,
    people,
    varied,
    with_gaps,
    with_pools,
)
from lymphorisk.simulated.incidence import (
    IncidenceRow,
    IncidenceTable,
    baseline_of,
    drawn_courses,
    incidence_table,
    judged_row,
    simulated_rate,
)
from lymphorisk.simulated.plan import ARMS, gamma_classes, packed, several, simulated_plan, unpacked

QUIET = lambda _: None  # noqa: E731


@pytest.fixture(scope="module")
def cohort():
    return insilico_cohort(len(ARMS) * PATIENTS_PER_PLAN, 7, workers=1)


@pytest.mark.slow
def test_eight_sites_and_both_particles_are_in_it(cohort) -> None:
    assert len(np.unique(cohort.subgroups["site"])) >= 8
    assert set(np.unique(cohort.subgroups["technique"])) == set(ARMS)
    assert 0 < cohort.column("modality_proton").mean() < 0.5


def test_every_arm_has_its_numbers_and_they_are_a_mix() -> None:
    for arm in ARMS:
        assert len(several(f"arm.{arm}.fractions")) == len(several(f"arm.{arm}.prescription"))
        assert len(several(f"arm.{arm}.chemo")) == len(CHEMO)
        assert sum(several(f"arm.{arm}.chemo")) == pytest.approx(1.0)
    assert min(arm_counts(len(ARMS)).values()) >= 1
    assert sum(arm_counts(4000).values()) == pytest.approx(4000, abs=len(ARMS))


@pytest.fixture
def few_arms(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {"esophagus_photon": 2, "breast_photon": 1, "lung_sbrt": 1}
    monkeypatch.setattr("lymphorisk.simulated.cohort.arm_counts", lambda plans: few)


@pytest.mark.slow
def test_same_seed_same_patients_whatever_the_number_of_workers(few_arms) -> None:
    one, two, other = (insilico_cohort(40, seed, workers=n) for seed, n in ((7, 1), (7, 2), (8, 1)))
    assert one.sha256 == two.sha256
    assert np.array_equal(one.features, two.features, equal_nan=True)
    assert one.sha256 != other.sha256


@pytest.mark.slow
def test_the_mid_course_cohort_knows_the_first_week(few_arms) -> None:
    before = insilico_cohort(40, 7, workers=1)
    after = insilico_cohort(40, 7, early=True, workers=1)
    week = after.column("alc_week1")
    assert np.isfinite(week).all()
    assert np.all(after.nadir_alc <= week)
    assert "alc_week1" not in before.names
    assert np.array_equal(after.column("alc"), before.column("alc"))
    ratio = week / after.column("alc")
    assert 0.2 < np.median(ratio) < 1.1


@pytest.mark.slow
def test_values_are_plausible_by_the_schema(cohort) -> None:
    for i, name in enumerate(cohort.names):
        f = feature(name)
        values = cohort.features[:, i]
        values = values[np.isfinite(values)]
        assert values.min() >= f.low, name
        assert values.max() <= f.high, name


@pytest.mark.slow
def test_outcomes_are_those_of_the_nadir(cohort) -> None:
    assert np.array_equal(cohort.outcomes["g3"], (cohort.nadir_alc < 0.5).astype(float))
    assert np.array_equal(cohort.outcomes["g4"], (cohort.nadir_alc < 0.2).astype(float))
    assert 0.2 < cohort.outcomes["g3"].mean() < 0.8


@pytest.mark.slow
def test_patients_of_one_plan_share_a_group(cohort) -> None:
    doses = cohort.column("fractions")
    for g in np.unique(cohort.group)[:10]:
        assert len(np.unique(doses[cohort.group == g])) == 1


def test_facts_go_missing_and_doses_and_counts_do_not() -> None:
    gone = np.isnan(with_gaps(np.ones((400, len(NAMES))), np.random.default_rng(1)))
    assert gone[:, NAMES.index("bmi")].mean() == pytest.approx(0.2, abs=0.08)
    assert np.array_equal(gone[:, NAMES.index("chemo")], gone[:, NAMES.index("chemo_platinum")])
    assert not gone[:, [i for i, n in enumerate(NAMES) if n == "alc" or n.endswith("_eud")]].any()


@pytest.mark.parametrize("organ", ["Spleen", "Lungs", "Glnd_Thymus"])
def test_organs_are_placed_as_often_and_as_badly_as_the_parameters_say(organ: str) -> None:
    share, sd_ln = load("predictor")[f"placed.{organ}"].number, load("placement")[f"error.{organ}"].number
    seen = as_placed(np.ones((4000, len(NAMES))), np.random.default_rng(1))
    (at,) = (i for i, n in enumerate(NAMES) if n.endswith("_eud") and feature(n).organ == organ)
    placed = seen[:, at] != 1.0
    assert placed.mean() == pytest.approx(share, abs=0.03)
    assert np.log(seen[placed, at]).std() == pytest.approx(sd_ln, rel=0.08)
    assert np.all(seen[:, NAMES.index("alc")] == 1.0)


@pytest.mark.parametrize("arm", ["esophagus_photon", "breast_photon", "brain_proton", "lung_sbrt"])
def test_quick_blood_kills_as_the_full_engine_does(arm: str) -> None:
    """Two stages and two lanes, a gamma distribution: kill within 2 % of the full engine's, mean exact."""
    from lymphorisk.calibration.anchors import numbers
    from lymphorisk.circulation.flow import blood_dose
    from lymphorisk.circulation.lanes import PhaseBlood
    from lymphorisk.phantom import phantom_plan
    from lymphorisk.simulated.plan import lanes_of, network_of, quick_blood

    site, modality, _ = ARMS[arm]
    plan = phantom_plan(numbers(), site, modality=modality, sex="F" if site == "breast" else "M")
    phase = plan.phases[0]
    organs = {
        n: d.scaled(1.0 / (phase.fractions * phase.rbe_in_dose))
        for n, d in plan.organ_doses()[0].items()
        if not n.startswith(("PTV", "GTV")) and n != "BoneMarrow"
    }
    network = network_of(plan.body.sex, plan.body.height_cm, plan.body.weight_kg)
    quick = quick_blood(network, phase, organs)
    on = np.array([b.on_s for b in phase.beams])
    gap = load("delivery")["gap"].number
    start = np.array([on[:i].sum() + gap * i for i in range(len(on))])
    form = survival_sets(people().value)["combined"]
    blood = PhaseBlood(phase.fractions, on, start, lanes_of(network, organs, len(on)))
    full = blood_dose(network, [blood], {"combined": form}, stages=4, lanes=8, bounds=False)
    killed = 1.0 - full.fraction[0].surviving["combined"]
    assert quick.mean_gy == pytest.approx(full.fraction[0].mean_gy, rel=1e-9)
    assert quick.killed == pytest.approx(killed, rel=0.02)
    assert kill(form, quick.distribution) == pytest.approx(killed, rel=0.02)


def test_gamma_classes_keep_mean_and_nearly_the_spread() -> None:
    d = gamma_classes(0.2, 0.25, 0.3)
    mean = d.mean_gy
    assert mean == pytest.approx(0.2, rel=1e-12)
    assert np.sqrt(d.share @ (d.dose_gy - mean) ** 2) == pytest.approx(0.25, rel=0.05)
    assert gamma_classes(2.0, 0.0, 0.0).dose_gy.tolist() == [2.0]
    assert gamma_classes(0.0, 0.0, 0.5).mean_gy == 0.0


def test_a_plan_survives_the_way_between_processes() -> None:
    plan = simulated_plan("prostate_photon", 3, 1)
    again = unpacked(packed(plan))
    assert np.array_equal(again.features.values, plan.features.values, equal_nan=True)
    assert again.exposure.blood.mean_gy == plan.exposure.blood.mean_gy
    assert (again.arm, again.site, again.sex) == (plan.arm, plan.site, plan.sex)


def rated(simulated: float) -> IncidenceRow:
    """30 % published, 95 % interval 20 to 40 %."""
    return IncidenceRow("x", "s", 100, 0.3, 0.2, 0.4, simulated, 1.5)


def test_a_cohort_that_misses_published_rates_is_rejected(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    bad = IncidenceTable(tuple(rated(r) for r in (0.3, 0.41, 0.1)))
    assert not bad.accepted
    monkeypatch.setattr("lymphorisk.simulated.run.incidence_table", lambda *_: bad)
    with pytest.raises(CohortError, match="misses published rates"):
        run.run_insilico(500, tmp_path / "model", workers=1)
    assert not (tmp_path / "model").exists()


def test_four_rows_in_five_must_lie_inside_their_binomial_intervals() -> None:
    held = (0.3, 0.21, 0.39, 0.25, 0.28, 0.33, 0.36, 0.31)
    assert IncidenceTable(tuple(rated(r) for r in (*held, 0.9, 0.9))).accepted
    assert not IncidenceTable(tuple(rated(r) for r in (*held[1:], 0.41, 0.9, 0.9))).accepted
    card = IncidenceTable((rated(0.3), rated(0.5))).as_card()
    assert card["rows_missed"] == ["x"]
    assert card["rows_holding"] == 1


def test_a_row_is_judged_by_its_own_interval() -> None:
    """50 of 100: 40.4 to 59.6 % (Wilson)."""
    anchor = replace(anchors()[0], events=50, n=100, value=None)
    assert [judged_row(anchor, r, 1.5).holds for r in (0.40, 0.41, 0.59, 0.60)] == [False, True, True, False]


def test_only_assumed_baselines_are_the_calibrations() -> None:
    factors = cohort_baselines()
    for a in anchors():
        want = a.baseline * factors.get(a.source, 1.0) if a.baseline_known == "assumed" else a.baseline
        assert baseline_of(a) == want


@pytest.mark.slow
def test_a_forecast_that_never_kills_would_be_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check can fail: with every patient's dose effect removed the rates fall out of their intervals."""
    from lymphorisk.simulated import incidence

    monkeypatch.setattr(incidence, "PLANS", 2)
    drawn_courses.cache_clear()
    rows = [a for a in anchors() if a.id in ("esophagus_photon_g4_a", "oropharynx_g3", "cervix_g3")]
    whole = people()
    no_kill = {"survival.combined.d0_sensitive": 1e6, "survival.combined.d0_resistant": 1e7}
    calm = {k: no_kill.get(k, v) for k, v in whole.value.items()}
    flat = replace(
        whole,
        value=calm,
        low={k: no_kill.get(k, v) for k, v in whole.low.items()},
        high={k: no_kill.get(k, v) for k, v in whole.high.items()},
        posterior=None,
    )
    table = incidence_table(flat, 1, QUIET, rows)
    drawn_courses.cache_clear()
    assert not table.accepted


def test_simulated_rate_falls_with_the_baseline(monkeypatch: pytest.MonkeyPatch) -> None:
    from lymphorisk.simulated import incidence

    monkeypatch.setattr(incidence, "PLANS", 2)
    drawn_courses.cache_clear()
    anchor = next(a for a in anchors() if a.id == "oropharynx_g3")
    low, high = (simulated_rate(replace(anchor, baseline=b), people(), 1) for b in (0.9, 3.0))
    drawn_courses.cache_clear()
    assert low > high


@pytest.mark.slow
def test_the_calibrated_forecast_meets_published_rates() -> None:
    table = incidence_table(people(), 20261, QUIET)
    assert len(table.rows) == sum(a.listed for a in anchors())
    assert table.accepted, table.text()


def test_varied_plans_change_what_is_met_and_what_is_told_alike() -> None:
    plan = simulated_plan("lung_photon", 5, 0)
    none = with_pools(plan, {"nodes": 0.0})
    assert none.exposure.pools["nodes"].mean_gy == 0.0
    assert none.features["nodes_eud"] == 0.0
    assert none.exposure.pools["spleen"].mean_gy == plan.exposure.pools["spleen"].mean_gy
    same = with_pools(plan, dict.fromkeys(TOLD, 1.0))
    for name in (f"{POOLS[pool][1]}_eud" for pool in TOLD):
        assert same.features[name] == pytest.approx(plan.features[name], rel=1e-12)
    many, as_drawn = varied([plan] * 200, np.random.default_rng(1))
    assert 1.0 - as_drawn.mean() == pytest.approx(load("predictor")["varied.plans"].number, abs=0.1)
    assert all((p is plan) == drawn for p, drawn in zip(many, as_drawn, strict=True))
    assert {p.features["fractions"] for p in many} == {plan.features["fractions"]}
