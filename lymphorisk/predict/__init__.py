"""The learned voice: load a stored model by hash, ask it, and let it give its reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lymphorisk.lazy import loader
from lymphorisk.predict.agreement import Agreement, agreement
from lymphorisk.predict.applicability import Domain, TrainingRange
from lymphorisk.predict.booster import Predictor, load
from lymphorisk.predict.calibration import Calibration
from lymphorisk.predict.conformal import ConformalSets
from lymphorisk.predict.explain import Contribution, Explanation, Group, explain
from lymphorisk.predict.prediction import Prediction, predict

if TYPE_CHECKING:
    from lymphorisk.predict.drawings import beeswarm, shap_drawings, waterfall

__all__ = [
    "Agreement",
    "Calibration",
    "ConformalSets",
    "Contribution",
    "Domain",
    "Explanation",
    "Group",
    "Prediction",
    "Predictor",
    "TrainingRange",
    "agreement",
    "beeswarm",
    "explain",
    "load",
    "predict",
    "shap_drawings",
    "waterfall",
]

__getattr__ = loader(__name__, dict.fromkeys(("beeswarm", "shap_drawings", "waterfall"), "drawings"))
