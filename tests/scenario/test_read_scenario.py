"""Scenario and patient files: what they mean, and what is refused with a word on what is allowed."""

from __future__ import annotations

import contextlib
import hashlib
import tomllib
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lymphorisk.errors import LymphoriskError, ScenarioError
from lymphorisk.plan import Patient, Steroid
from lymphorisk.scenario import (
    Scenario,
    from_cumulative,
    patient_from,
    read_patient,
    read_scenario,
    scenario_from,
    together,
)

EXAMPLE = """
[plan]
modality = "photon"
fractions = 30
schedule = "weekdays"
beam_on_s = [20, 20, 20, 20]
beam_start_s = [10, 40, 70, 100]
network = "32"
[organs.Lungs]
mean_gy = 14.25
[organs.Spleen]
dvh_dose_gy = [0.0, 0.1]
dvh_volume = [1.0, 0.75]
[organs.Body]
mean_gy = 5.0
[patient]
sex = "F"
age = 61
alc = 1.4
[conditioning]
infusion_day = 0
[[conditioning.drug]]
name = "fludarabine"
mg_per_m2 = 30
day = -5
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "case.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_example_of_the_interface(tmp_path: Path) -> None:
    scenario = read_scenario(written(tmp_path, EXAMPLE))
    (phase,) = scenario.phases
    assert (phase.fractions, phase.modality, phase.rbe_in_dose) == (30, "photon", 1.0)
    assert phase.days is not None
    assert phase.days[:6] == (0.0, 1.0, 2.0, 3.0, 4.0, 7.0)
    assert [b.on_s for b in phase.beams] == [20.0] * 4
    assert {b.time_source for b in phase.beams} == {"user"}
    assert phase.beam_start_s == (10.0, 40.0, 70.0, 100.0)
    (doses,) = scenario.organ_doses
    assert doses["Lungs"].mean_gy == 14.25
    assert doses["Spleen"].mean_gy == pytest.approx(0.25 * 0.05 + 0.75 * 0.1)
    assert (scenario.patient.sex, scenario.patient.age_y, scenario.patient.alc) == ("F", 61.0, 1.4)
    assert scenario.network == "32"
    assert scenario.drugs[0]["name"] == "fludarabine"
    assert scenario.sha256 == hashlib.sha256(EXAMPLE.encode()).hexdigest()
    assert scenario.label == "case"


def plan(**keys: object) -> dict[str, object]:
    return {"plan": {"fractions": 3, **keys}, "organs": {"*": {"mean_gy": 3.0}}}


@pytest.mark.parametrize(
    ("keys", "days"),
    [
        ({"fractions": 6}, [0, 1, 2, 3, 4, 7]),
        ({"fractions": 3, "first_weekday": 4}, [0, 3, 4]),
        ({"fractions": 3, "schedule": "daily"}, [0, 1, 2]),
        ({"fractions": 4, "schedule": "bid"}, [0, 0.25, 1, 1.25]),
        ({"days": [0, 2, 4]}, [0, 2, 4]),
        ({"times_h": [0, 6, 24]}, [0, 0.25, 1]),
    ],
)
def test_calendars(keys: dict[str, object], days: list[float]) -> None:
    (phase,) = scenario_from(plan(**keys)).phases
    assert list(phase.days or ()) == days


def test_days_alone_say_how_many_fractions() -> None:
    (phase,) = scenario_from({"plan": {"days": [0, 1]}, "organs": {"*": {"mean_gy": 1.0}}}).phases
    assert phase.fractions == 2


def test_a_second_phase_follows_on_the_next_working_day() -> None:
    table = {
        "plan": {"phase": [{"fractions": 5, "label": "primary"}, {"fractions": 2, "label": "boost"}]},
        "organs": {"Lungs": {"mean_gy": 14.0}, "Body": {"mean_gy": 7.0}},
    }
    primary, boost = scenario_from(table).phases
    assert (primary.days, boost.days) == ((0, 1, 2, 3, 4), (7, 8))


def test_common_organ_doses_are_shared_by_fractions_and_add_up() -> None:
    table = {"plan": {"phase": [{"fractions": 5}, {"fractions": 2}]}, "organs": {"Lungs": {"mean_gy": 14.0}}}
    doses = scenario_from(table).organ_doses
    assert [d["Lungs"].mean_gy for d in doses] == pytest.approx([10.0, 4.0])


def test_phases_with_organs_of_their_own() -> None:
    table = {
        "plan": {
            "modality": "proton",
            "rbe": 1.1,
            "phase": [
                {"fractions": 5, "organs": {"Body": {"mean_gy": 2.0}}},
                {"fractions": 2, "modality": "photon", "rbe": 1.0, "organs": {"Body": {"mean_gy": 1.0}}},
            ],
        }
    }
    scenario = scenario_from(table)
    assert [p.modality for p in scenario.phases] == ["proton", "photon"]
    assert [p.rbe_in_dose for p in scenario.phases] == [1.1, 1.0]
    assert [d["Body"].mean_gy for d in scenario.organ_doses] == [2.0, 1.0]
    assert not scenario.findings


def test_protons_without_an_rbe_are_taken_as_physical_and_said() -> None:
    assert [f.code for f in scenario_from(plan(modality="proton")).findings] == ["LR092"]


REFUSED = {
    "no plan": ({"organs": {"*": {"mean_gy": 1.0}}}, r"needs \[plan\]"),
    "no fractions": ({"plan": {}, "organs": {"*": {"mean_gy": 1.0}}}, "fractions is missing"),
    "no organs": ({"plan": {"fractions": 1}}, "no organ dose"),
    "unknown table": ({"plans": {}}, "plans is not a key here"),
    "unknown plan key": (plan(fractons=3), "plan.fractons is not a key here"),
    "zero fractions": (plan(fractions=0), "not between 1 and"),
    "a fraction of a fraction": (plan(fractions=2.5), "whole number"),
    "fractions true": (plan(fractions=True), "whole number"),
    "unknown schedule": (plan(schedule="weekly"), "unknown"),
    "unknown modality": (plan(modality="neutron"), "unknown"),
    "unknown network": (plan(network="99"), "unknown"),
    "days and fractions": (plan(days=[0, 1]), "2 days for 3 fractions"),
    "days that fall": (plan(days=[0, 2, 1]), "must rise"),
    "days and hours": (plan(days=[0, 1, 2], times_h=[0, 1, 2]), "both given"),
    "text for days": (plan(days="0,1,2"), "not a list"),
    "starts without beams": (plan(beam_start_s=[0, 1]), "without beam_on_s"),
    "starts too few": (plan(beam_on_s=[1, 2], beam_start_s=[0]), "1 beam_start_s for 2 beams"),
    "beams overlap": (plan(beam_on_s=[10, 10], beam_start_s=[0, 5]), "overlap"),
    "negative time": (plan(beam_on_s=[-1]), "= -1 is not between"),
    "weights all zero": (plan(beam_on_s=[1], beam_weights=[0]), "beam_weights"),
    "rbe zero": (plan(rbe=0), "not above 0"),
    "stages": (plan(stages=0), "not between 1 and 16"),
    "fractions beside phases": ({"plan": {"fractions": 3, "phase": [{"fractions": 3}]}}, "stands beside"),
    "phase is a table": ({"plan": {"phase": {"fractions": 3}}}, "plan.phase is not a list"),
    "first day in the phase before": (
        {"plan": {"phase": [{"fractions": 5}, {"fractions": 2, "first_day": 4}]}, "organs": {"*": {"mean_gy": 1.0}}},
        "= 4 is before the phase before it has ended .day 4",
    ),
    "phases overlap": (
        {"plan": {"phase": [{"fractions": 5}, {"days": [3, 4]}]}, "organs": {"*": {"mean_gy": 1.0}}},
        "before the phase before it",
    ),
    "organs twice": (
        {"plan": {"phase": [{"fractions": 1, "organs": {"Body": {"mean_gy": 1}}}]}, "organs": {"*": {"mean_gy": 1}}},
        "has organ doses, and so has the course",
    ),
    "organ not a table": ({"plan": {"fractions": 1}, "organs": {"Lungs": 3.0}}, "not a table"),
    "organ without dose": ({"plan": {"fractions": 1}, "organs": {"Lungs": {}}}, "no dose"),
    "organ key": ({"plan": {"fractions": 1}, "organs": {"Lungs": {"mean": 1}}}, "organs.Lungs.mean is not a key here"),
    "mean and DVH": (
        {"plan": {"fractions": 1}, "organs": {"Lungs": {"mean_gy": 1, "dvh_dose_gy": [0], "dvh_volume": [1]}}},
        "both given",
    ),
    "cGy": ({"plan": {"fractions": 1}, "organs": {"Lungs": {"mean_gy": 1425}}}, "not between 0 and 200"),
    "negative dose": ({"plan": {"fractions": 1}, "organs": {"Lungs": {"mean_gy": -1}}}, "not between"),
    "text dose": ({"plan": {"fractions": 1}, "organs": {"Lungs": {"mean_gy": "14"}}}, "not a number"),
    "infinite dose": ({"plan": {"fractions": 1}, "organs": {"Lungs": {"mean_gy": float("inf")}}}, "not a number"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    table, words = REFUSED[case]
    with pytest.raises(ScenarioError, match=words):
        scenario_from(table)  # type: ignore[arg-type]


def test_an_unknown_key_lists_those_that_are_allowed() -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario_from(plan(fractons=3))
    assert "fractions" in caught.value.hint
    assert caught.value.exit_code == 3


def test_cgy_gets_a_hint() -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario_from({"plan": {"fractions": 1}, "organs": {"Lungs": {"mean_gy": 1425}}})
    assert "14.25 Gy" in caught.value.hint


@pytest.mark.parametrize(
    ("dose", "volume", "words"),
    [
        ([0, 1], [0.9, 0.5], "starts at volume 1.0"),
        ([0, 1], [100, 50], "starts at volume 1.0"),
        ([0, 1, 2], [1, 0.5, 0.6], "never rises"),
        ([0, 1], [1, -0.1], "never falls below 0"),
        ([0, 0], [1, 1], "must rise"),
        ([-1, 0], [1, 1], "must rise from 0"),
        ([0, 1], [1], "do not fit"),
        ([], [], "do not fit"),
        ([0, 3000], [1, 0], "more than any course"),
        ([0, float("nan")], [1, 0], "not a number"),
    ],
)
def test_dvhs_that_are_none(dose: list[float], volume: list[float], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        from_cumulative(dose, volume)


def test_percent_gets_a_hint() -> None:
    with pytest.raises(ScenarioError) as caught:
        from_cumulative([0, 1], [100, 50])
    assert "percent" in caught.value.hint


def test_a_straight_dvh_is_an_even_spread() -> None:
    """Volume falling evenly from 1 at 0 Gy to 0 at 10 Gy: mean 5 Gy, and mean of exp(-d) is (1 - exp(-10)) / 10."""
    spread = from_cumulative([0.0, 10.0], [1.0, 0.0])
    assert spread.mean_gy == pytest.approx(5.0, rel=1e-12)
    # Midpoints of 0.1 Gy: error of the mean of exp(-d) is h^2 / 24 of the value.
    assert float(np.exp(-spread.dose_gy) @ spread.share) == pytest.approx((1 - np.exp(-10)) / 10, rel=1e-3)


def test_what_is_left_at_the_last_dose_gets_it() -> None:
    end = from_cumulative([2.0, 4.0], [1.0, 1.0])
    assert end.dose_gy.tolist() == [4.0]


@given(
    st.lists(st.floats(0.01, 5.0), min_size=1, max_size=20),
    st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20),
)
def test_the_mean_dose_of_any_dvh_is_the_area_under_it(steps: list[float], drops: list[float]) -> None:
    n = min(len(steps), len(drops))
    dose = np.concatenate([[0.0], np.cumsum(steps[:n])])
    volume = np.concatenate([[1.0], np.sort(drops[:n])[::-1]])
    area = float(np.trapezoid(volume, dose))
    assert from_cumulative(dose.tolist(), volume.tolist()).mean_gy == pytest.approx(area, rel=1e-9, abs=1e-9)


def test_patients(tmp_path: Path) -> None:
    text = '[patient]\nsex = "M"\nalc = 1400\nalc_unit = "cells/uL"\nlln = 1000\nsite = "lung"\n'
    patient = read_patient(written(tmp_path, text))
    assert (patient.alc, patient.lln, patient.site) == (1.4, 1.0, "lung")
    assert read_patient(written(tmp_path, text.replace("[patient]\n", ""))) == patient


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"name": "x"}, "name is not a key here"),
        ({"alc": 1400}, "which no patient has"),
        ({"alc": 1.4, "alc_unit": "pints"}, "unknown unit"),
        ({"sex": "x"}, "not M or F"),
        ({"age": "61"}, "not a number"),
        ({"site": 3}, "not text"),
        ({"weight_kg": 7000}, "weight_kg"),
        ({"first_fraction": "soon"}, "first_fraction = 'soon' is no date"),
        ({"steroid": [{"dexamethasone_mg_d": 4, "from": "2026-03-04"}]}, "first fraction is not given"),
        ({"steroid": True}, "steroid"),
    ],
)
def test_patients_that_are_refused(table: dict[str, object], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        patient_from(table)


@pytest.mark.parametrize("first", [date(2026, 3, 2), datetime(2026, 3, 2, 8, 30), "2026-03-02"])
def test_a_steroid_by_dates_counts_from_the_first_fraction(first: object) -> None:
    periods = [
        {"dexamethasone_mg_d": 8, "from": date(2026, 2, 27), "to": date(2026, 3, 9)},
        {"dexamethasone_mg_d": 4, "from": 7},
    ]
    who = patient_from({"first_fraction": first, "steroid": periods})
    assert who.steroid == (Steroid(8.0, -3.0, 7.0), Steroid(4.0, 7.0))


def test_files_that_are_no_toml(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="is not TOML"):
        read_scenario(written(tmp_path, "[plan\n"))
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ScenarioError, match="is not text"):
        read_scenario(tmp_path / "b.toml")
    with pytest.raises(ScenarioError, match="cannot be read"):
        read_scenario(tmp_path / "none.toml")
    with pytest.raises(ScenarioError, match="cannot be read"):
        read_scenario(tmp_path)


@given(
    st.recursive(
        st.one_of(st.text(max_size=8), st.integers(-9, 9), st.floats(), st.booleans()),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["plan", "organs", "patient", "phase", "fractions", "days", "mean_gy", "*", "sex"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ).filter(lambda value: isinstance(value, dict))
)
def test_any_table_is_read_or_refused_by_name(table: dict[str, object]) -> None:
    with contextlib.suppress(LymphoriskError):
        scenario_from(table)


def test_the_same_file_gives_the_same_scenario(tmp_path: Path) -> None:
    a, b = read_scenario(written(tmp_path, EXAMPLE)), scenario_from(tomllib.loads(EXAMPLE), "case")
    assert a.phases == b.phases
    assert a.organ_doses[0]["Spleen"].dose_gy.tolist() == b.organ_doses[0]["Spleen"].dose_gy.tolist()


def test_organs_under_any_of_their_names() -> None:
    from lymphorisk.analysis import Options
    from lymphorisk.analysis.source import open_source
    from lymphorisk.errors import AmbiguousOrganError, MissingOrganError

    def given(*names: str) -> list[str]:
        table = {"plan": {"fractions": 1}, "organs": {name: {"mean_gy": 1.0} for name in names}}
        (doses,) = open_source(scenario_from(table), Options()).given or ()
        return list(doses)

    assert given("Milz", "aorta", "*") == ["Spleen", "A_Aorta", "*"]
    with pytest.raises(MissingOrganError, match="no organ"):
        given("Splean")
    with pytest.raises(AmbiguousOrganError, match="twice"):
        given("Milz", "Spleen")


def test_a_phase_without_organ_doses_beside_one_that_has_them_is_refused() -> None:
    one = {"fractions": 5, "organs": {"Spleen": {"mean_gy": 5.0}, "Body": {"mean_gy": 1.0}}}
    with pytest.raises(ScenarioError, match="no organ doses, and others have"):
        scenario_from({"plan": {"phase": [one, {"fractions": 5}]}})


def test_scenarios_of_a_course_keep_their_emitters_and_have_labels_of_their_own() -> None:
    beams = {"plan": {"label": "x", "fractions": 5}, "organs": {"Body": {"mean_gy": 1.0}}}
    lutetium = {
        "emitter": [
            {
                "nuclide": "177Lu",
                "marrow_method": "imaging",
                "gy_per_cycle": {"BoneMarrow": 0.4, "Blood": 0.2},
                "days": [0],
            }
        ]
    }
    assert len(together([scenario_from(beams), scenario_from(lutetium)]).emitters) == 1
    with pytest.raises(ScenarioError, match="are called 'x'"):
        together([scenario_from(beams), scenario_from(beams)])


def test_a_course_is_of_the_one_patient_that_any_of_its_scenarios_names() -> None:
    def plan(label: str, **patient: object) -> Scenario:
        given = {"plan": {"label": label, "fractions": 5}, "organs": {"Body": {"mean_gy": 1.0}}}
        return scenario_from({**given, "patient": patient} if patient else given)

    someone = plan("b", sex="F", age=61, alc=1.4)
    for course in (
        [plan("a"), someone],
        [someone, plan("a")],
        [plan("a"), someone, plan("c", sex="F", age=61, alc=1.4)],
    ):
        assert together(course).patient == someone.patient
    assert together([plan("a"), plan("c")]).patient == Patient()
    with pytest.raises(ScenarioError, match="different patients"):
        together([someone, plan("a", sex="M", age=61, alc=1.4)])
    with pytest.raises(ScenarioError, match="conditioning is not a plan of a course") as refused:
        together([someone, replace(plan("a"), conditioning={"infusion_day": 0})])
    assert "`conditioning`" in refused.value.hint
