"""Boosted trees asked without XGBoost's Python package say what the package says, bit by bit."""

from __future__ import annotations

import gc
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xgboost

from lymphorisk.errors import PredictorFileError
from lymphorisk.predict import Predictor
from lymphorisk.predict.booster import booster_from
from lymphorisk.predict.trees import BLOCK, Trees, xgboost_version

ASK = """
import sys
from lymphorisk.features import NAMES, FeatureVector
from lymphorisk.predict import explain, load, predict
import numpy as np
model, row = load(sys.argv[1]), FeatureVector(np.full(len(NAMES), np.nan))
predict(model, row), explain(model, row)
print(*{name.split(".")[0] for name in sys.modules})
"""


def package_says(raw: bytes, rows: np.ndarray, **how: object) -> np.ndarray:
    return booster_from(raw).predict(xgboost.DMatrix(rows), validate_features=False, **how)


@pytest.mark.parametrize("outcome", ["g3", "nadir"])
def test_all_trees_at_once_are_the_packages(predictor: Predictor, outcome: str) -> None:
    trees, rows = predictor.boosters[outcome], predictor.seen.patients[:50]
    assert np.isnan(rows).any(), "missing values take their own branches"
    assert np.array_equal(trees.raw_margins(rows), package_says(trees.raw, rows, output_margin=True))
    assert np.array_equal(trees.raw_contributions(rows), package_says(trees.raw, rows, pred_contribs=True))


def test_blocks_of_trees_are_the_packages_slices(predictor: Predictor) -> None:
    trees, rows = predictor.boosters["g3"], predictor.seen.patients[:50]
    whole = booster_from(trees.raw)
    assert trees.rounds == whole.num_boosted_rounds()
    assert trees.rounds % BLOCK or trees.rounds > BLOCK
    matrix, margin, parts = xgboost.DMatrix(rows), np.zeros(50), np.zeros((50, rows.shape[1] + 1))
    for first in range(0, trees.rounds, BLOCK):
        block = whole[first : min(first + BLOCK, trees.rounds)]
        margin += block.predict(matrix, output_margin=True, validate_features=False)
        parts += block.predict(matrix, pred_contribs=True, validate_features=False)
    assert np.array_equal(trees.margins(rows), margin)
    assert np.array_equal(trees.contributions(rows), parts)


def test_rows_of_any_layout_are_the_same_rows(predictor: Predictor) -> None:
    trees, rows = predictor.boosters["g3"], predictor.seen.patients[:20].astype(np.float64)
    wanted = trees.margins(rows)
    for same in (np.asfortranarray(rows), np.repeat(rows, 2, axis=0)[::2], rows.astype(np.float32)):
        assert np.array_equal(trees.margins(same), wanted)


def test_answers_outlive_the_next_question(predictor: Predictor) -> None:
    """The library hands out memory of its own, which the next answer overwrites."""
    trees, rows = predictor.boosters["g3"], predictor.seen.patients[:20]
    first = trees.raw_margins(rows[:10])
    kept = first.copy()
    trees.raw_margins(rows[10:])
    gc.collect()
    assert np.array_equal(first, kept)


def test_trees_pickle(predictor: Predictor) -> None:
    trees, rows = predictor.boosters["g3"], predictor.seen.patients[:5]
    assert np.array_equal(pickle.loads(pickle.dumps(trees)).margins(rows), trees.margins(rows))


@pytest.mark.parametrize("raw", [b"", b"no model", b"{}"])
def test_what_is_no_model_is_refused_in_one_line(raw: bytes) -> None:
    with pytest.raises(PredictorFileError, match="the model") as refused:
        Trees(raw)
    assert "\n" not in str(refused.value)


def test_the_library_is_the_packages() -> None:
    assert xgboost_version() == xgboost.__version__


def test_asking_a_model_imports_no_learner(model_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-c", ASK, str(model_path)], capture_output=True, text=True, timeout=120, check=True
    )
    assert not {"xgboost", "sklearn", "pandas", "shap"} & set(said.stdout.split())
