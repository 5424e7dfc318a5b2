"""How long the learned voice takes: load, predict, explain (bar: prediction and explanation below 1 s after import)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lymphorisk.features import NAMES, FeatureVector
from lymphorisk.predict import explain, load, predict

SHIPPED = sorted(p.parent for p in (Path(__file__).parent.parent / "models").glob("*/card.toml"))[-1]
KNOWN = {
    "alc": 1.5,
    "fractions": 28.0,
    "spleen_eud": 9.0,
    "nodes_eud": 8.0,
    "marrow_eud": 6.0,
    "bowel_eud": 4.0,
    "thymus_eud": 1.0,
    "lungs_eud": 5.0,
}
ROW = FeatureVector(np.array([KNOWN.get(n, np.nan) for n in NAMES]))


@pytest.mark.benchmark(group="predict")
def test_load(benchmark) -> None:
    assert benchmark(load, SHIPPED).outcomes


@pytest.mark.benchmark(group="predict")
def test_predict(benchmark) -> None:
    assert benchmark(predict, load(SHIPPED), ROW).p


@pytest.mark.benchmark(group="predict")
def test_explain_on_log_odds(benchmark) -> None:
    assert benchmark(explain, load(SHIPPED), ROW).organs


@pytest.mark.benchmark(group="predict")
def test_explain_on_probability(benchmark) -> None:
    model = load(SHIPPED)
    why = benchmark.pedantic(explain, args=(model, ROW), kwargs={"probability_scale": True}, rounds=3)
    assert why.probability
