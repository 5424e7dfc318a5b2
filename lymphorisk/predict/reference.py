"""A stored prediction: what a model said of a few rows when it was made, held against what it says here.

The same boosters can answer otherwise under another version of the learner: XGBoost 3.0 reads the base scores of the
nadir's quantiles, which 3.1 and later write, as one number, and gives a nadir 3.4 times too high.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import PredictorFileError
from lymphorisk.predict.trees import Trees, xgboost_version

REFERENCE = "reference.json"
#: Rows kept: enough to walk many branches, few enough to cost nothing at loading.
ROWS = 4
#: Raw predictions are in single precision, sums of some 200 trees; another order of summing moves them less.
TOLERANCE = 1e-4


def raw_predictions(booster: Trees, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a booster says of `rows` before any link, shape (rows, outputs)."""
    return booster.raw_margins(rows).reshape(len(rows), -1)


def reference_bytes(boosters: Mapping[str, Trees], rows: NDArray[np.float64]) -> bytes:
    """The reference file of a model: rows (null is missing) and the raw prediction of every booster."""
    kept = rows[:ROWS].astype(np.float64)
    data = {
        "rows": [[None if np.isnan(v) else float(v) for v in row] for row in kept],
        "raw": {name: raw_predictions(b, kept).tolist() for name, b in sorted(boosters.items())},
        "xgboost": xgboost_version(),
    }
    return (json.dumps(data, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def stored_rows(stored: bytes) -> NDArray[np.float64]:
    """The rows of a reference file, NaN where missing; shape (rows, n)."""
    rows = json.loads(stored)["rows"]
    return np.array([[np.nan if v is None else float(v) for v in row] for row in rows], dtype=np.float64)


def hold(model: str, boosters: Mapping[str, Trees], stored: bytes) -> None:
    """Compare a model with its stored prediction.

    Raises
    ------
    PredictorFileError
        It says something else here than when it was made, or the reference does not cover it.
    """
    try:
        data = json.loads(stored)
        rows = stored_rows(stored)
        expected = {name: np.asarray(values, dtype=np.float64) for name, values in data["raw"].items()}
    except (KeyError, TypeError, ValueError) as error:
        raise PredictorFileError(f"{model}/{REFERENCE} cannot be read: {error}") from error
    if set(expected) != set(boosters) or not len(rows):
        raise PredictorFileError(f"{model}/{REFERENCE} does not cover every booster of the model")
    for name, booster in boosters.items():
        now = raw_predictions(booster, rows)
        if now.shape != expected[name].shape or not np.allclose(now, expected[name], rtol=0.0, atol=TOLERANCE):
            raise PredictorFileError(
                f"{model} does not reproduce its stored prediction of {name} under xgboost {xgboost_version()} "
                f"(made with {data.get('xgboost', 'an unknown version')})",
                f"install a version of xgboost that does: pip install 'xgboost-cpu=={data.get('xgboost', '')}'",
            )
