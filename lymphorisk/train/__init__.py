"""A clinic's own model: read a cohort, train, judge, recalibrate."""

from __future__ import annotations

from lymphorisk.train.cohort import Cohort
from lymphorisk.train.declared import Declared, read_declared
from lymphorisk.train.read import read_cohort
from lymphorisk.train.recalibrate import recalibrate, record
from lymphorisk.train.run import Training, evaluate_model, run_training
from lymphorisk.train.schema import schema_text
from lymphorisk.train.settings import Choices

__all__ = [
    "Choices",
    "Cohort",
    "Declared",
    "Training",
    "evaluate_model",
    "read_cohort",
    "read_declared",
    "recalibrate",
    "record",
    "run_training",
    "schema_text",
]
