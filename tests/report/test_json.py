"""The JSON: keys of the interface, no NaN, the same bytes, values that compute again."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from lymphorisk import plain
from lymphorisk.analysis import Analysis, envelope
from lymphorisk.analysis.result import BeamSummary, OrganDose, PhaseSummary
from lymphorisk.dvh import DVH, uniform
from lymphorisk.literature import Estimate, Outcome
from lymphorisk.lymphocyte import course_from_dict
from lymphorisk.organs.compartments import by_organ
from lymphorisk.plan import Patient
from lymphorisk.predict import Agreement
from lymphorisk.schemas import schema

from .tables import told_apart


@pytest.fixture(scope="module")
def read(explained: Analysis) -> dict[str, object]:
    return json.loads(envelope.render(explained), parse_constant=_no_constant)


def _no_constant(text: str) -> float:
    raise AssertionError(f"{text} is no JSON")


INTERFACE = {
    "": {
        "schema", "inputs", "patient", "organs", "blood", "alc", "risk", "explanation", "physics_attribution",
        "findings", "provenance",
    },
    "blood": {"engine", "network", "fraction", "course", "edic"},
    "blood.fraction": {
        "mean_gy", "sd_gy", "v_gt_0", "v_gt_0_07", "v_gt_0_125", "v_ge_0_5", "d2_gy", "surviving", "dose_gy",
        "volume_fraction_cumulative", "by_organ",
    },
    "blood.course": {
        "mean_gy", "sd_gy", "v_gt_0", "v_gt_0_07", "v_gt_0_125", "v_ge_0_5", "d2_gy", "surviving", "dose_gy",
        "volume_fraction_cumulative", "by_organ",
    },
    "organs.Spleen": {"roi", "source", "mean_gy"},
    "alc": {
        "day", "median", "p05", "p25", "p75", "p95", "nadir", "days_below_0_5", "days_below_0_2", "grade_probability",
    },
    "alc.nadir": {"median", "p05", "p95", "day"},
    "alc.grade_probability": {"2", "3", "4"},
    "risk": {"mechanistic", "learned", "literature"},
    "risk.mechanistic": {"g3", "g4"},
    "risk.learned": {"g3", "g4", "interval", "in_domain"},
    "explanation": {"groups", "features", "base"},
}  # fmt: skip


@pytest.mark.parametrize("place", INTERFACE)
def test_keys_of_the_interface(place: str, read: dict[str, object]) -> None:
    node: object = read
    for key in filter(None, place.split(".")):
        node = node[key]  # type: ignore[index]
    assert isinstance(node, dict)
    assert INTERFACE[place] <= set(node)


def test_the_schema_is_versioned(read: dict[str, object]) -> None:
    assert read["schema"] == "lymphorisk/analyze/1"


def test_lists_have_the_keys_of_the_interface(read: dict[str, object]) -> None:
    risk, explanation = read["risk"], read["explanation"]
    assert isinstance(risk, dict)
    assert isinstance(explanation, dict)
    for estimate in risk["literature"]:
        assert {"name", "outcome"} <= set(estimate)
        assert ("p" in estimate) != ("declined" in estimate)
    assert {"group", "log_odds"} <= set(explanation["groups"][0])
    for found in read["findings"]:  # type: ignore[attr-defined]
        assert {"code", "severity", "what", "where", "hint"} <= set(found)


def test_a_result_with_every_voice_fits_its_schema(read: dict[str, object]) -> None:
    checks = Draft202012Validator(schema("analyze"))
    assert not list(checks.iter_errors(read))
    for place, key in (("groups", "group"), ("groups", "log_odds"), ("features", "log_odds"), ("features", "reason")):
        wrong = copy.deepcopy(read)
        del wrong["explanation"][place][-1][key]  # type: ignore[index]
        assert not checks.is_valid(wrong)


def test_missing_numbers_are_null_with_a_reason(read: dict[str, object]) -> None:
    features = read["explanation"]["features"]  # type: ignore[index]
    (bmi,) = [f for f in features if f["name"] == "bmi"]
    assert bmi["value"] is None
    assert bmi["reason"] == "missing"


def test_a_voice_that_declines_says_why(result: Analysis) -> None:
    table = json.loads(envelope.render(result))
    assert table["risk"]["learned"]["g3"] is None
    assert table["risk"]["learned"]["declined"]
    assert table["explanation"]["declined"]


def test_edic_is_a_number_or_null_with_its_reason(read: dict[str, object]) -> None:
    edic = read["blood"]["edic"]  # type: ignore[index]
    for name in ("edic_gy", "edric_gy", "edic_esophagus_gy"):
        assert (edic[name] is None) == (name in edic["reasons"])


def test_the_same_result_is_the_same_text(explained: Analysis) -> None:
    assert envelope.render(explained) == envelope.render(explained)


def test_the_patient_is_named_only_on_request(explained: Analysis) -> None:
    assert "identity" not in json.loads(envelope.render(explained))
    assert json.loads(envelope.render(explained, ("Doe^Jane", "7")))["identity"] == {"name": "Doe^Jane", "id": "7"}


def test_the_course_reads_back_to_the_last_bit(explained: Analysis, read: dict[str, object]) -> None:
    again = course_from_dict(read["course"])  # type: ignore[arg-type]
    assert again.to_dict() == explained.course.to_dict()


def test_contributions_by_organ_add_up_to_the_mean_blood_dose(read: dict[str, object]) -> None:
    blood = read["blood"]
    assert isinstance(blood, dict)
    for part in ("fraction", "course"):
        assert sum(blood[part]["by_organ"].values()) == pytest.approx(blood[part]["mean_gy"], rel=1e-6)
        assert "Lungs" in blood[part]["by_organ"]


def test_phases_keep_their_own_fraction(read: dict[str, object]) -> None:
    blood = read["blood"]
    assert isinstance(blood, dict)
    assert len(blood["fraction_by_phase"]) == 2
    assert blood["fraction_by_phase"][0] == blood["fraction"]


def test_each_measure_of_blood_stands_under_its_own_key(result: Analysis) -> None:
    dose = told_apart(result.blood)
    table = json.loads(plain.dumps(envelope.blood_to_dict(dose, result.edic)))
    written = [*table["fraction_by_phase"], table["course"]]
    for read_back, summary in zip(written, (*dose.fraction, dose.course), strict=True):
        for name in ("mean_gy", "sd_gy", "v_gt_0", "v_gt_0_07", "v_gt_0_125", "v_ge_0_5", "d2_gy"):
            assert read_back[name] == pytest.approx(getattr(summary, name), rel=1e-8), name
    assert table["fraction"]["by_organ"] == pytest.approx(by_organ(dose.attribution[0].dose_gy), rel=1e-8)
    assert table["course"]["by_organ"] == pytest.approx(by_organ(dose.by_organ), rel=1e-8)


def test_a_phase_and_its_beams_stand_under_their_own_keys(result: Analysis) -> None:
    beams = (BeamSummary(3, "LAO", 41.5, 7.25, "plan", 0.625), BeamSummary(4, "RPO", 12.5, 55.0, "assumed", 0.375))
    phase = PhaseSummary("boost", 5, "proton", 1.1, 20.5, (0.0, 1.0, 2.0, 3.0, 6.0), "given", beams)
    (written,) = json.loads(envelope.render(replace(result, phases=(phase,))))["plan"]["phases"]
    assert written == {
        "label": "boost", "fractions": 5, "modality": "proton", "rbe_in_dose": 1.1, "prescription_gy": 20.5,
        "days": [0.0, 1.0, 2.0, 3.0, 6.0], "schedule": "given",
        "beams": [
            {"number": 3, "name": "LAO", "on_s": 41.5, "start_s": 7.25, "time_source": "plan", "weight": 0.625},
            {"number": 4, "name": "RPO", "on_s": 12.5, "start_s": 55.0, "time_source": "assumed", "weight": 0.375},
        ],
    }  # fmt: skip


def test_a_published_model_and_the_patient_stand_under_their_own_keys(result: Analysis) -> None:
    said = Estimate("m", Outcome(0.5, "during RT", "nadir"), 0.3, 0.2, 0.45, 0.81, "cited", "read")
    made = replace(
        result,
        risk=replace(result.risk, literature=(said,)),
        patient=Patient(
            sex="F",
            age_y=61,
            height_cm=170,
            weight_kg=70,
            alc=1.4,
            lln=1.1,
            site="lung",
            chemo="cisplatin",
            steroid="8@0..9",
            neutrophils=4.2,
            subsets="CD4=42",
        ),
    )
    written = json.loads(envelope.render(made))
    assert written["risk"]["literature"] == [
        {
            "name": "m", "outcome": "ALC <0.5, during RT, nadir", "p": 0.3, "p_low": 0.2, "p_high": 0.45, "alc": 0.81,
            "citation": "cited", "how": "read",
        }
    ]  # fmt: skip
    assert {k: v for k, v in written["patient"].items() if k != "sources"} == {
        "sex": "F", "age_y": 61.0, "height_cm": 170.0, "weight_kg": 70.0, "alc": 1.4, "lln": 1.1, "site": "lung",
        "chemo": "platinum", "drugs": ["cisplatin"],
        "steroid": [{"mg_per_day": 8.0, "from_d": 0.0, "until_d": 9.0}], "neutrophils": 4.2, "subsets": {"cd4": 0.42},
    }  # fmt: skip


def test_an_organ_stands_under_its_own_keys(result: Analysis) -> None:
    edges = np.array([0.0, 5.0, 10.0, 20.0, 30.0])
    curve = DVH("S", edges, np.array([100.0, 80.0, 60.0, 25.0, 0.0]), 12.5, 1.5, 29.5, total_cm3=100.0)
    organ = OrganDose(
        "Spleen", "segmented", ("a", "b"), "how", uniform(12.5), uniform(11.5), (uniform(2.5), uniform(2.25)), curve,
        111.0, 0.96, 0.85, ("Liver",), 0.21,
    )  # fmt: skip
    written = json.loads(envelope.render(replace(result, organs={"Spleen": organ})))["organs"]["Spleen"]
    assert written == {
        "roi": ["a", "b"], "source": "segmented", "how": "how", "volume_cm3": 111.0, "coverage": 0.96, "share": 0.85,
        "landmarks": ["Liver"], "sd_ln": 0.21, "mean_gy": 12.5, "min_gy": 1.5, "max_gy": 29.5,
        "fraction_mean_gy": [2.5, 2.25],
        "metrics": {"V5Gy[%]": 80.0, "V10Gy[%]": 60.0, "V20Gy[%]": 25.0, "D2%[Gy]": pytest.approx(29.2)},
    }  # fmt: skip


def test_the_learned_voice_and_its_reasons_stand_under_their_own_keys(
    explained: Analysis, read: dict[str, object]
) -> None:
    risk, why = read["risk"], read["explanation"]
    assert isinstance(risk, dict)
    assert isinstance(why, dict)
    learned = risk["learned"]
    assert (learned["g3"], learned["g4"]) == (0.62, 0.11)
    assert learned["interval"] == {"g3": [0.5, 0.74], "g4": [0.05, 0.2]}
    assert (learned["domain"]["distance"], learned["domain"]["known_share"]) == (0.4, 0.9)
    assert learned["nadir"] == {"0.5": 0.4}
    assert (why["base"], why["log_odds"], why["p"]) == (-0.4, 0.5, 0.6225)
    assert why["groups"][0] == {"group": "Spleen", "log_odds": 1.1, "low": 0.8, "high": 1.3}
    assert why["reference"] == "the same patient without radiotherapy and drugs"
    assert why["average"]["base"] == -0.2
    assert why["average"]["groups"][1] == {"group": "Patient", "log_odds": -0.2, "low": -0.4, "high": 0.1}
    assert why["kinds"][1] == {"group": "clinical", "log_odds": -0.2, "low": -0.4, "high": 0.1}
    first = {"name": "spleen_mean", "label": "Spleen Mean[Gy]", "unit": "Gy", "value": 4.0, "log_odds": 1.1}
    assert why["features"][0] == first
    both = Agreement((("Spleen", 0.61, 1.1),), 0.5, "They agree.", (("Plan", 0.2, 0.3),))
    agreed = replace(explained, agreement=both)
    assert json.loads(envelope.render(agreed))["agreement"] == {
        "organs": [{"group": "Spleen", "lost_share": 0.61, "log_odds": 1.1}], "kendall_tau": 0.5,
        "others": [{"group": "Plan", "lost_share": 0.2, "log_odds": 0.3}],
        "sentence": "They agree.",
    }  # fmt: skip


def test_the_envelope_of_blood(result: Analysis) -> None:
    table = json.loads(plain.dumps(envelope.blood_to_dict(result.blood, result.edic)))
    assert table["schema"] == "lymphorisk/blood/1"
    assert {"engine", "network", "fraction", "course", "edic", "findings"} <= set(table)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=10,
    )
)
def test_any_value_becomes_valid_json(value: object) -> None:
    text = plain.dumps({"x": value, "y": np.array([1.0, math.nan]), "z": np.float32(0.5), "n": np.int64(3)})
    table = json.loads(text, parse_constant=_no_constant)
    assert table["y"] == [1.0, None]
    assert (table["z"], table["n"]) == (0.5, 3)
    assert plain.dumps(table) == text


def test_what_has_no_place_is_refused() -> None:
    with pytest.raises(TypeError, match="no place"):
        plain.dumps({"x": object()})
