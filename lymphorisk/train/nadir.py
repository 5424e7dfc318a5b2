"""Quantiles of the nadir: a monotone booster of ln ALC whose outer pair covers what it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lymphorisk.train.cohort import Cohort
from lymphorisk.train.settings import Progress, Settings, grouped_folds, monotone

#: A count of zero is written as this, half of what analysers resolve. [10^9/L]
COUNT_FLOOR = 0.005


@dataclass(frozen=True, slots=True, eq=False)
class FittedNadir:
    """Quantiles of ln(nadir): the booster, the widening that makes the outer pair cover, and what it covered."""

    booster: Any
    widening: float
    coverage: float


def fit_nadir(cohort: Cohort, settings: Settings, progress: Progress) -> FittedNadir | None:
    """Quantiles of ln(nadir), monotone the other way round; the outer pair conformalised on patients left out.

    References
    ----------
    Romano Y, Patterson E, Candes E. Conformalized quantile regression. NeurIPS 2019.
    """
    if cohort.nadir_alc is None:
        return None
    import xgboost

    known = np.flatnonzero(np.isfinite(cohort.nadir_alc))
    x, group = cohort.features[known], cohort.group[known]
    y = np.log(np.maximum(cohort.nadir_alc[known], COUNT_FLOOR))
    parameters = {
        "objective": "reg:quantileerror",
        "quantile_alpha": np.array(settings.nadir_levels),
        "base_score": float(np.median(y)),
        "tree_method": "hist",
        "max_depth": 3,
        "eta": 0.12,
        "min_child_weight": 5.0,
        "lambda": 2.0,
        "subsample": 0.8,
        "colsample_bytree": 0.6,
        "monotone_constraints": monotone(cohort.schema, -1),
        "nthread": settings.threads,
        "seed": settings.seed,
    }
    fold = grouped_folds(group, settings.outer, settings.seed + 2)
    outer = np.zeros((len(y), 2))
    for k in range(settings.outer):
        test = fold == k
        booster = xgboost.train(parameters, xgboost.DMatrix(x[~test], label=y[~test]), settings.nadir_rounds)
        said = np.sort(booster.predict(xgboost.DMatrix(x[test])), axis=1)
        outer[test] = said[:, [0, -1]]
    miss = np.maximum(outer[:, 0] - y, y - outer[:, 1])
    wanted = settings.nadir_levels[-1] - settings.nadir_levels[0]
    rank = min(int(np.ceil((len(y) + 1) * wanted)), len(y))
    widening = max(float(np.sort(miss)[rank - 1]), 0.0)
    coverage = float((miss <= widening).mean())
    booster = xgboost.train(parameters, xgboost.DMatrix(x, label=y), settings.nadir_rounds)
    progress(f"nadir: outer quantiles widened by a factor {np.exp(widening):.2f}, cover {coverage:.0%}")
    return FittedNadir(booster, widening, coverage)
