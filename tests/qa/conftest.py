"""A small analysis that the gate judges."""

from __future__ import annotations

import pytest

from lymphorisk.analysis import Analysis, Options, analyze
from lymphorisk.scenario import scenario_from


@pytest.fixture(scope="module")
def plan() -> Analysis:
    given = {
        "plan": {"label": "p", "phase": [{"fractions": 10, "label": "primary"}]},
        "organs": {"Spleen": {"mean_gy": 4.0}, "Body": {"mean_gy": 1.0}},
        "patient": {"sex": "M", "age": 60, "alc": 1.2, "site": "lung"},
    }
    return analyze(scenario_from(given), options=Options(draws=32, horizon_d=60))
