"""The chain on the project's own plans, end to end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lymphorisk import Options, Patient, analyze
from lymphorisk.absent import Absent
from lymphorisk.analysis import Analysis, envelope
from lymphorisk.errors import MissingOrganError, ScenarioError

WHO = Patient(sex="F", age_y=61, alc=1.4, chemo="none")
FAST = Options(draws=128)


@pytest.fixture(scope="module")
def pancreas(rtplans: Path) -> Analysis:
    return analyze(rtplans / "pancreas", WHO, Options(draws=128, what_if=("Spleen-5Gy", "fractions=15")))


def test_the_result_says_what_it_rests_on(pancreas: Analysis) -> None:
    p = pancreas.provenance
    assert {role for role, _, _ in p.inputs} == {"RTPLAN", "RTSTRUCT", "RTDOSE"}
    assert all(len(sha) == 64 for _, _, sha in p.inputs)
    assert len(p.parameter_set) == 12
    assert p.seed == FAST.seed
    assert pancreas.assumptions


def test_the_count_falls_and_recovers_in_part(pancreas: Analysis) -> None:
    f = pancreas.forecast
    assert 0.02 < f.nadir.median < 0.8
    assert f.median[0] == pytest.approx(1.4, rel=0.05)
    assert f.median[-1] < 1.4
    assert pancreas.alc is f


def test_attribution_sums_to_one(pancreas: Analysis) -> None:
    assert sum(pancreas.attribution.values()) == pytest.approx(1.0, abs=1e-9)


def test_blood_dose_adds_up_by_organ(pancreas: Analysis) -> None:
    assert sum(pancreas.blood.by_organ.values()) == pytest.approx(pancreas.blood.course.mean_gy, rel=1e-9)


def test_mean_blood_dose_is_the_share_weighted_organ_dose(pancreas: Analysis) -> None:
    """The law of the engine, held over the whole chain: phases x sum of volume share x mean lane dose."""
    from lymphorisk.analysis.blood import circulation
    from lymphorisk.analysis.doses import organ_doses
    from lymphorisk.analysis.prepared import body_numbers
    from lymphorisk.analysis.source import open_source

    path = Path(__file__).parent.parent.parent / "fixtures" / "rtplans" / "pancreas"
    source = open_source(path, FAST)
    who = pancreas.patient
    doses = organ_doses(source, FAST, "32", body_numbers(who))
    flow = circulation(source, doses, who, FAST, "32")
    n = flow.network
    total = sum(
        phase.fractions * sum(n.volume_share[n.names.index(c)] * lane.mean_gy for c, lane in phase.lanes.items())
        for phase in flow.phases
    )
    assert pancreas.blood.course.mean_gy == pytest.approx(total, rel=1e-6)


def test_sparing_the_spleen_raises_the_nadir_of_every_draw(pancreas: Analysis) -> None:
    spared = pancreas.what_ifs[0].difference
    assert spared.nadir.p025 >= 0
    assert spared.probability["3"] <= 0


def test_the_same_input_gives_the_same_bytes(rtplans: Path, pancreas: Analysis) -> None:
    again = analyze(rtplans / "pancreas", WHO, Options(draws=128, what_if=("Spleen-5Gy", "fractions=15")))
    assert envelope.render(again) == envelope.render(pancreas)


def test_json_has_the_keys_other_programs_rely_on(pancreas: Analysis) -> None:
    d = json.loads(envelope.render(pancreas))
    assert d["schema"] == "lymphorisk/analyze/1"
    assert {
        "inputs",
        "patient",
        "organs",
        "blood",
        "alc",
        "risk",
        "explanation",
        "physics_attribution",
        "findings",
    } <= set(d)
    assert {"roi", "source", "mean_gy"} <= set(d["organs"]["Spleen"])
    assert {"mean_gy", "sd_gy", "v_gt_0", "v_gt_0_07", "v_gt_0_125", "v_ge_0_5", "d2_gy", "surviving"} <= set(
        d["blood"]["fraction"]
    )
    assert {"day", "median", "p05", "p25", "p75", "p95", "nadir", "days_below_0_5", "grade_probability"} <= set(
        d["alc"]
    )
    assert {"median", "p05", "p95", "day"} <= set(d["alc"]["nadir"])
    assert set(d["risk"]) >= {"mechanistic", "learned", "literature"}
    assert "NaN" not in envelope.render(pancreas)


@pytest.mark.slow
def test_protons_spare_what_photons_hit(rtplans: Path) -> None:
    photon, proton = (analyze(rtplans / f"esophagus_{m}", WHO, FAST) for m in ("photon", "proton"))
    assert proton.blood.course.mean_gy < photon.blood.course.mean_gy
    assert proton.forecast.nadir.median > photon.forecast.nadir.median
    assert proton.phases[0].modality == "proton"


@pytest.mark.slow
def test_total_body_irradiation_declines_edic(rtplans: Path) -> None:
    tbi = analyze(rtplans / "tbi", WHO, FAST)
    assert isinstance(tbi.edic["edic_gy"], Absent)
    assert tbi.blood.course.mean_gy == pytest.approx(12.0, rel=0.15)
    assert tbi.forecast.nadir.median < 0.2


def test_two_phases_keep_their_own_doses_and_days(rtplans: Path) -> None:
    two = analyze(rtplans / "two_phase", WHO, FAST)
    assert len(two.phases) == 2
    assert two.phases[1].days[0] > two.phases[0].days[-1]
    assert len(two.blood.fraction) == 2


def test_a_scenario_is_a_plan_too(tmp_path: Path) -> None:
    path = tmp_path / "tbi.toml"
    path.write_text(
        '[plan]\nmodality = "photon"\nfractions = 2\nschedule = "daily"\nbeam_on_s = [600]\n'
        '[organs."*"]\nmean_gy = 4.0\n[patient]\nsex = "M"\nalc = 1.5\n'
    )
    result = analyze(path, options=FAST)
    assert result.blood.fraction[0].mean_gy == pytest.approx(2.0, abs=1e-9)
    assert result.blood.fraction[0].sd_gy == pytest.approx(0.0, abs=1e-6)
    assert result.patient.alc == 1.5
    assert result.patient_sources["alc"] == "plan file"


def test_what_is_given_wins_over_what_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text('[plan]\nfractions = 2\n[organs.Body]\nmean_gy = 1.0\n[patient]\nsex = "M"\nalc = 1.5\n')
    result = analyze(path, Patient(alc=0.9), FAST)
    assert result.patient.alc == 0.9
    assert result.patient.sex == "M"
    assert result.patient_sources["alc"] == "given"


def test_zero_dose_keeps_the_count(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text('[plan]\nfractions = 30\n[organs.Body]\nmean_gy = 0.0\n[patient]\nsex = "M"\nalc = 1.5\n')
    result = analyze(path, options=FAST)
    np.testing.assert_allclose(result.forecast.median, 1.5, rtol=1e-9)


def test_surrogates_refused_leave_no_result(rtplans: Path) -> None:
    with pytest.raises(MissingOrganError):
        analyze(rtplans / "brain", WHO, Options(missing="refuse"))


@pytest.mark.parametrize("text", ["Spleen", "Toe-5Gy", "fractions=0", "fractions=1.5", "Spleen+5Gy"])
def test_a_what_if_that_says_nothing_is_refused(rtplans: Path, text: str) -> None:
    from lymphorisk.analysis.whatif import parse

    with pytest.raises((ScenarioError, MissingOrganError)):
        parse(text, 28)


@pytest.mark.real
@pytest.mark.parametrize(
    "case", [pytest.param("pancreas_icrp", marks=pytest.mark.slow), "breast_photon", "prostate_eclipse"]
)
def test_real_plans_come_through(real_data: Path, case: str) -> None:
    result = analyze(real_data / case, WHO, FAST)
    assert 0 < result.forecast.nadir.median <= 1.4
    assert result.blood.course.mean_gy > 0
    assert len(envelope.render(result)) > 1000


@pytest.mark.slow
@pytest.mark.real
def test_breast_and_pancreas_come_out_near_what_cohorts_show(real_data: Path) -> None:
    """Nadir over baseline: abdominal series 0.19 to 0.26 (median patient); breast boost far milder."""
    pancreas = analyze(real_data / "pancreas_icrp", Patient(sex="M", age_y=60, alc=1.26, chemo="other"), FAST)
    assert 0.14 < pancreas.forecast.nadir.median / 1.26 < 0.34
    breast = analyze(real_data / "breast_photon", Patient(sex="F", age_y=55, alc=1.6, chemo="none"), FAST)
    assert breast.forecast.nadir.median / 1.6 > 0.6


@pytest.mark.parametrize("wrong", [{"missing": "zero"}, {"end_caps": "full"}, {"blood_engine": "x"}, {"network": "29"}])
def test_a_choice_that_does_not_exist_is_refused_by_name(wrong: dict[str, str]) -> None:
    with pytest.raises(ScenarioError, match=next(iter(wrong))):
        Options(**wrong)
