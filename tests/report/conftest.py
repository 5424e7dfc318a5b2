"""One analysis for all report tests: a small scenario through the real chain, with a learned voice added by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lymphorisk.analysis import Analysis, Options, analyze
from lymphorisk.findings import Finding
from lymphorisk.literature import Estimate, Outcome
from lymphorisk.predict import Explanation, Prediction
from lymphorisk.predict.applicability import Domain
from lymphorisk.predict.explain import Contribution, Group
from lymphorisk.scenario import scenario_from

HOSTILE = '<script>alert("x")</script>&\'" onload='
SCENARIO = {
    "plan": {
        "label": "two phases",
        "phase": [{"fractions": 5, "label": "primary"}, {"fractions": 2, "label": "boost"}],
    },
    "organs": {
        "Spleen": {"mean_gy": 4.0},
        "Lungs": {"dvh_dose_gy": [0.0, 5.0, 20.0], "dvh_volume": [1.0, 0.4, 0.0]},
        "Bowel": {"dvh_dose_gy": [0.0, 30.0], "dvh_volume": [1.0, 0.0]},
        "Body": {"mean_gy": 1.0},
    },
    "patient": {"sex": "M", "age": 60, "alc": 1.2, "lln": 1.0, "site": "lung"},
}


@pytest.fixture(scope="session")
def result() -> Analysis:
    """A two-phase scenario, analysed without a trained predictor: reports are tested here, not models."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lymphorisk.analysis.risk.shipped_model", lambda: None)
        return analyze(scenario_from(SCENARIO), options=Options(draws=64, horizon_d=120))


@pytest.fixture(scope="session")
def explained(result: Analysis) -> Analysis:
    """The same with a learned voice, its reasons, and a published estimate."""
    learned = Prediction(
        p={"g3": 0.62, "g4": 0.11},
        interval={"g3": (0.5, 0.74), "g4": (0.05, 0.2)},
        sets={"g3": ("g3",)},
        nadir={0.5: 0.4},
        domain=Domain(True, (), 0.4, 0.9),
        trained_on="simulated patients",
        model="sample",
        missing=("bmi",),
        findings=(),
    )
    explanation = Explanation(
        outcome="g3",
        base=-0.4,
        log_odds=0.5,
        p=0.6225,
        features=(
            Contribution("spleen_mean", "Spleen Mean[Gy]", "Gy", "Spleen", 4.0, 1.1),
            Contribution("bmi", "Body mass index", "kg/m2", "Patient", float("nan"), -0.2),
        ),
        organs=(Group("Spleen", 1.1, 0.8, 1.3), Group("Drugs", -0.2, -0.4, 0.1)),
        average_organs=(Group("Spleen", 0.9, 0.8, 1.3), Group("Patient", -0.2, -0.4, 0.1)),
        average_base=-0.2,
        kinds=(Group("mean dose", 1.1, 0.8, 1.3), Group("clinical", -0.2, -0.4, 0.1)),
        sentences=("Spleen: Spleen Mean[Gy] 4; raises the odds x3.00.",),
    )
    published = Estimate(
        "kim2024_gbm",
        Outcome(0.5, "during RT", "nadir"),
        0.3,
        p_low=0.2,
        p_high=0.45,
        citation="kim2024",
        how="read",
    )
    return replace(
        result,
        risk=replace(
            result.risk, learned=learned, literature=(published, *result.risk.literature), disagreement="They differ."
        ),
        explanation=explanation,
    )


@pytest.fixture(scope="session")
def hostile(result: Analysis) -> Analysis:
    """The same with names that try to break out of the page."""
    organs = dict(result.organs)
    organs["Spleen"] = replace(organs["Spleen"], roi_names=(HOSTILE,), how=HOSTILE, source="roi")
    organs[HOSTILE] = replace(organs["Lungs"], tg263=HOSTILE)
    noted = Finding("LR999", "warning", HOSTILE * 2000, HOSTILE, HOSTILE)
    return replace(
        result,
        label=HOSTILE,
        phases=tuple(replace(p, label=HOSTILE) for p in result.phases),
        organs=organs,
        unmatched=(HOSTILE, "x" * 65_536),
        findings=(noted,),
    )
