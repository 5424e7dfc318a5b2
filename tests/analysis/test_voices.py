"""What each voice answers for, how far physics and the learned reasons agree, and drawings only when asked for."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from lymphorisk.analysis import Analysis, Options, analyze, envelope
from lymphorisk.analysis.risk import Learned, agreement_of, outcomes
from lymphorisk.features import feature
from lymphorisk.predict import Contribution, Explanation, Group
from lymphorisk.report import content, html, text
from lymphorisk.scenario import scenario_from

SHIPPED = Path(__file__).parents[2] / "models" / "insilico-2026.1"
SCENARIO = {
    "plan": {"label": "pancreas", "fractions": 25, "prescription_gy": 50.0},
    "organs": {
        "Spleen": {"dvh_dose_gy": [0.0, 5.0, 30.0], "dvh_volume": [1.0, 0.3, 0.0]},
        "Lungs": {"dvh_dose_gy": [0.0, 5.0, 30.0], "dvh_volume": [1.0, 0.05, 0.0]},
        "Bowel": {"dvh_dose_gy": [0.0, 5.0, 45.0], "dvh_volume": [1.0, 0.3, 0.0]},
        "Liver": {"dvh_dose_gy": [0.0, 5.0, 40.0], "dvh_volume": [1.0, 0.4, 0.0]},
        "Kidneys": {"dvh_dose_gy": [0.0, 5.0, 25.0], "dvh_volume": [1.0, 0.4, 0.0]},
        "Heart": {"dvh_dose_gy": [0.0, 1.0, 10.0], "dvh_volume": [1.0, 0.05, 0.0]},
        "A_Aorta": {"dvh_dose_gy": [0.0, 5.0, 50.0], "dvh_volume": [1.0, 0.2, 0.0]},
        "LN": {"dvh_dose_gy": [0.0, 5.0, 50.0], "dvh_volume": [1.0, 0.3, 0.0]},
        "BoneMarrow": {"dvh_dose_gy": [0.0, 5.0, 40.0], "dvh_volume": [1.0, 0.15, 0.0]},
        "Glnd_Thymus": {"dvh_dose_gy": [0.0, 1.0, 5.0], "dvh_volume": [1.0, 0.05, 0.0]},
        "Body": {"dvh_dose_gy": [0.0, 5.0, 50.0], "dvh_volume": [1.0, 0.12, 0.0]},
    },
    "patient": {"sex": "F", "age": 64, "alc": 1.5, "weight_kg": 70.0, "height_cm": 170.0, "chemo": "none"},
}


def course(**chosen: bool) -> Analysis:
    options = Options(draws=64, horizon_d=120, model=SHIPPED, **chosen)  # type: ignore[arg-type]
    return analyze(scenario_from(SCENARIO), options=options)


@pytest.fixture(scope="module")
def plain() -> Analysis:
    return course()


@pytest.fixture(scope="module")
def drawn() -> Analysis:
    return course(shap_plots=True)


def test_the_outcomes_are_told_apart_in_every_report(plain: Analysis) -> None:
    told = json.loads(envelope.render(plain))["risk"]["outcome"]
    assert told["mechanistic"] == "true daily nadir within 120 days, without counting error"
    assert told["learned"] == "weekly counts from the start to 14 days after the last fraction, nadir"
    for report in (" ".join(text.render(plain).split()), html.render(content.report(plain))):
        assert all(key in report for key in told.values())
        assert "Not the same outcome" in report


def test_without_a_learned_voice_nothing_is_compared(plain: Analysis) -> None:
    declined = plain.risk.literature[0].p
    assert list(outcomes(declined, 120)) == ["mechanistic"]  # type: ignore[arg-type]
    assert agreement_of({"spleen": 1.0}, Learned(declined, declined)) is None  # type: ignore[arg-type]
    alone = replace(plain, agreement=None, risk=replace(plain.risk, outcome={"mechanistic": "x"}))
    assert json.loads(envelope.render(alone))["agreement"] is None
    assert "Not the same outcome" not in html.render(content.report(alone))
    assert "Agreement of the two" not in html.render(content.report(alone))


def test_the_agreement_is_in_every_report(plain: Analysis) -> None:
    said = plain.agreement
    assert said is not None
    assert said.tau is not None
    written = json.loads(envelope.render(plain))["agreement"]
    assert written["kendall_tau"] == pytest.approx(said.tau)
    learned = {g.name: g.log_odds for g in plain.explanation.organs}  # type: ignore[union-attr]
    for row in written["organs"]:
        assert row["log_odds"] == pytest.approx(learned[row["group"]])
    groups = {row["group"] for row in written["organs"]}
    assert groups <= {"Spleen", "Bowel", "Lungs", "LymphNodes", "BoneMarrow", "Glnd_Thymus"}
    assert {row["group"] for row in written["others"]} == {"Plan", "Drugs"}
    assert "Physics against the trained predictor" in html.render(content.report(plain))
    assert said.sentence in " ".join(text.render(plain).split())
    assert said.sentence in html.render(content.report(plain))


def test_an_organ_the_model_knows_nothing_of_has_no_opinion() -> None:
    known = tuple(
        Contribution(n, n, "Gy", feature(n).organ, value, 0.1)
        for n, value in (("spleen_mean", 4.0), ("lungs_mean", 2.0), ("blood_mean", 1.0), ("bowel_mean", float("nan")))
    )
    organs = tuple(Group(n, 0.1, 0.1, 0.1) for n in ("Spleen", "Lungs", "Blood", "Bowel"))
    why = Explanation("g3", 0.0, 0.0, 0.5, organs, known, organs, (), 0.0, ())
    said = agreement_of({"spleen": 0.4, "lung": 0.3, "blood": 0.2, "gut": 0.1}, Learned(why, why))  # type: ignore[arg-type]
    assert said is not None
    assert [name for name, *_ in said.pairs] == ["Spleen", "Lungs", "Blood"]


def test_shap_draws_only_when_asked(plain: Analysis, drawn: Analysis) -> None:
    assert not plain.explanation_figures
    assert 'class="foreign"' not in html.render(content.report(plain))
    page = html.render(content.report(drawn))
    assert all(figure in page for figure in drawn.explanation_figures.values())
    assert "<details><summary>" in page
    assert len(page.encode()) < 1_000_000
    assert "<svg" not in envelope.render(drawn)
    assert "<svg" not in text.render(drawn)


def test_the_page_with_drawings_stays_one_page(drawn: Analysis) -> None:
    page = html.render(content.report(drawn))
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)
    assert not re.search(r"https?://|@import|url\(|<link|<script|<img|<image|data:", page)
    assert page.count("<style>") == 1
    assert "background: #fff" in page


@pytest.mark.slow
def test_the_page_with_drawings_repeats_byte_for_byte(drawn: Analysis) -> None:
    assert html.render(content.report(course(shap_plots=True))) == html.render(content.report(drawn))


def test_drawings_change_no_number(plain: Analysis, drawn: Analysis) -> None:
    one, other = (a.to_dict() for a in (plain, drawn))

    assert other["provenance"]["options"].pop("shap_plots") is True
    assert one["provenance"]["options"].pop("shap_plots") is False
    assert one.pop("checksum") != other.pop("checksum"), "the option is part of what is sealed"
    assert one == other
