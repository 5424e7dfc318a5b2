"""Published models: their printed numbers, their gates, and that outcomes are never mixed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lymphorisk.absent import Absent
from lymphorisk.errors import ScenarioError
from lymphorisk.literature import MODELS, UNUSABLE, Case, Outcome, estimate_all
from lymphorisk.parameters import load

NUMBERS = {name: p.number for name, p in load("literature").items()}
GBM = Case(site="brain", modality="photon", sex="M", chemo="temozolomide", alc=1.5, brain_mean_gy=25.0)
ESO = Case(site="esophagus", modality="photon", chemo="platinum", edic_esophagus_gy=3.6)
BREAST = Case(site="breast", modality="photon", chemo="none", alc=1.6, edic_gy=1.7)
HCC = Case(site="liver", modality="photon", chemo="none", blood_mean_gy=5.6)
INSIDE = {
    "kim2024_gbm": GBM,
    "chen2022_breast_edic": BREAST,
    "xu2020_esophagus_edic": ESO,
    "kim2024_hcc_blood_dose": HCC,
}


def said(case: Case, name: str):
    return {e.name: e for e in estimate_all(case, NUMBERS)}[name]


@pytest.mark.parametrize(
    ("sex", "dose", "alc", "expected"),
    [("M", 25.0, 1.5, 0.072), ("F", 25.0, 1.5, 0.19), ("F", 35.0, 1.0, 0.36)],
)
def test_glioblastoma_nomogram_gives_its_check_values(sex: str, dose: float, alc: float, expected: float) -> None:
    p = said(replace(GBM, sex=sex, brain_mean_gy=dose, alc=alc), "kim2024_gbm").p
    assert p == pytest.approx(expected, abs=0.006)


def test_glioblastoma_nomogram_stays_near_the_published_cubic() -> None:
    """The points and the cubic are the nomogram's own; the logistic is ours: at most 0.02 apart where both rise."""
    for sex in "MF":
        for dose in (15.0, 25.0, 35.0):
            for alc in (0.8, 1.5, 2.5):
                t = 36.00951 * (sex == "F") + (2.2222 * dose - 11.111) + (87.578 - 12.5112 * alc)
                cubic = 9e-8 * t**3 - 5.93e-6 * t**2 + 4.978e-5 * t + 0.01104449
                p = said(replace(GBM, sex=sex, brain_mean_gy=dose, alc=alc), "kim2024_gbm").p
                assert p == pytest.approx(cubic, abs=0.03)


def test_being_female_weighs_sixteen_gray_of_brain() -> None:
    assert NUMBERS["kim2024_gbm.female"] / NUMBERS["kim2024_gbm.brain_mean"] == pytest.approx(16.2, abs=0.1)
    assert NUMBERS["kim2024_gbm.female"] / NUMBERS["kim2024_gbm.alc"] == pytest.approx(-2.88, abs=0.02)


def test_breast_line_gives_the_cohort_ratio_at_the_cohort_dose() -> None:
    """Mean EDIC 1.7 Gy, mean ratio of the counts 0.66 (0.64-0.68)."""
    assert said(BREAST, "chen2022_breast_edic").alc / 1.6 == pytest.approx(0.66, abs=0.04)


def test_breast_line_forms_no_probability_and_declines_below_normal() -> None:
    inside = said(BREAST, "chen2022_breast_edic")
    assert isinstance(inside.p, Absent)
    assert "count" in inside.p.reason
    low = said(replace(BREAST, alc=0.7), "chen2022_breast_edic")
    assert low.alc is None
    assert isinstance(low.p, Absent)
    assert "ambiguous" in low.p.reason
    assert said(replace(BREAST, alc=0.9, lln=0.8), "chen2022_breast_edic").alc is not None


def test_esophagus_bands() -> None:
    assert said(ESO, "xu2020_esophagus_edic").p == pytest.approx(0.408)
    assert said(replace(ESO, edic_esophagus_gy=4.01), "xu2020_esophagus_edic").p == pytest.approx(0.673)
    assert isinstance(said(replace(ESO, edic_esophagus_gy=7.0), "xu2020_esophagus_edic").p, Absent)


def test_liver_anchor_has_its_half_risk_near_five_point_seven_gray() -> None:
    estimate = said(HCC, "kim2024_hcc_blood_dose")
    assert estimate.p == pytest.approx(0.5, abs=0.04)
    assert estimate.p_low <= estimate.p <= estimate.p_high


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_model_declines_outside_its_gate_with_a_reason(name: str) -> None:
    """A new model is tested on arrival: other sites, other particles, nothing known."""
    inside = INSIDE[name]
    answer = said(inside, name)
    assert not isinstance(answer.p, Absent) or answer.alc is not None
    for other in (
        replace(inside, site="head_neck"),
        replace(inside, modality="proton"),
        Case(),
        Case(site=inside.site),
    ):
        declined = said(other, name)
        assert isinstance(declined.p, Absent)
        assert declined.p.reason
        assert declined.alc is None


#: What each model's published range is of: field of the case, and the name of the range's ends.
RANGES = [
    ("kim2024_gbm", "brain_mean_gy", "brain_mean"),
    ("kim2024_gbm", "alc", "alc"),
    ("chen2022_breast_edic", "edic_gy", "edic"),
    ("xu2020_esophagus_edic", "edic_esophagus_gy", "edic"),
    ("kim2024_hcc_blood_dose", "blood_mean_gy", "blood"),
]


@pytest.mark.parametrize(("name", "field", "of"), RANGES)
def test_a_model_answers_up_to_the_ends_of_its_range_and_not_beyond(name: str, field: str, of: str) -> None:
    low, high = (NUMBERS[f"{name}.{of}_{end}"] for end in ("low", "high"))
    assert low < high
    for value, answers in ((low, True), (high, True), (0.999 * low, False), (1.001 * high, False)):
        given = said(replace(INSIDE[name], **{field: value}, lln=0.1), name)
        assert (given.alc is not None or not isinstance(given.p, Absent)) is answers, value
        if not answers:
            assert f"outside the published range {low:g} to {high:g}" in given.p.reason


def test_every_range_is_in_this_list() -> None:
    ends = {key.removesuffix("_high") for key in NUMBERS if key.endswith("_high")}
    assert ends == {f"{name}.{of}" for name, _, of in RANGES}


def test_a_range_holds_its_probability() -> None:
    """Of every model that gives one, over the whole of its doses."""
    for name, field, of in RANGES:
        low, high = (NUMBERS[f"{name}.{of}_{end}"] for end in ("low", "high"))
        for share in (0.0, 0.3, 0.7, 1.0):
            e = said(replace(INSIDE[name], **{field: low + share * (high - low)}), name)
            assert (e.p_low is None) == (e.p_high is None)
            if e.p_low is not None and e.p_high is not None and not isinstance(e.p, Absent):
                assert 0.0 <= e.p_low <= e.p <= e.p_high <= 1.0


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_model_has_its_outcome_and_source(name: str) -> None:
    estimate = said(INSIDE[name], name)
    assert estimate.name == name
    assert estimate.outcome.threshold
    assert estimate.outcome.window
    assert estimate.outcome.aggregation
    from lymphorisk.parameters import sources

    assert estimate.citation in sources()
    assert any(key.startswith(f"{name}.") for key in NUMBERS)


def test_outcome_keys_differ_between_the_models() -> None:
    keys = {said(INSIDE[n], n).outcome.key for n in MODELS}
    assert len(keys) == len(MODELS)


def test_models_without_public_numbers_are_listed_and_never_answer() -> None:
    assert all(u.reason for u in UNUSABLE)
    assert not {u.name for u in UNUSABLE} & set(MODELS)


@pytest.mark.parametrize(
    ("name", "grade", "words"),
    [
        ("kim2024_gbm", None, "severe, cut not stated"),
        ("chen2022_breast_edic", None, "the count itself"),
        ("xu2020_esophagus_edic", 4, "<0.2"),
        ("kim2024_hcc_blood_dose", 3, "<0.5"),
    ],
)
def test_a_model_answers_for_a_grade_only_when_its_cut_is_known(name: str, grade: int | None, words: str) -> None:
    outcome = said(INSIDE[name], name).outcome
    assert outcome.grade == grade
    assert outcome.threshold == words
    assert outcome.key.startswith(f"ALC {words}, ")


@pytest.mark.parametrize("cut", [0.3, 0.21, 0.49, 1.0])
def test_a_cut_between_grades_is_none_of_them(cut: float) -> None:
    assert Outcome(cut, "nadir", "nadir").grade is None


def test_a_cut_and_no_cut_at_once_are_refused() -> None:
    with pytest.raises(ScenarioError):
        Outcome(0.5, "nadir", "nadir", "severe, cut not stated")
    with pytest.raises(ScenarioError):
        Outcome(None, "nadir", "nadir")
