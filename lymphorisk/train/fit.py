"""Fit monotone boosters, judge them by nested patient-grouped cross-validation, calibrate, and measure their spread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.features import Feature
from lymphorisk.plain import Pace
from lymphorisk.predict.calibration import Calibration, fitted, sigmoid
from lymphorisk.predict.conformal import ConformalSets, conformal_sets
from lymphorisk.predict.trees import Trees
from lymphorisk.train.cohort import Cohort
from lymphorisk.train.logistic import Logistic, fit_logistic, fit_monotone
from lymphorisk.train.nadir import FittedNadir, fit_nadir
from lymphorisk.train.scores import kendall
from lymphorisk.train.settings import Progress, Settings, Shape, grouped_folds, monotone

#: Trees without gain on the inner folds before growth stops.
PATIENCE = 20
#: A booster smaller than this is hardly a model.
MIN_ROUNDS = 20
#: Resamples of groups behind the interval of a gain.
RESAMPLED_GAINS = 1000


def grow(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    schema: tuple[Feature, ...],
    shape: Shape,
    settings: Settings,
    *,
    weight: NDArray[np.float64] | None = None,
    seed: int = 0,
    stop: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
) -> Any:
    """One booster of P(event); with `stop` it stops growing when that set no longer gains."""
    import xgboost

    if shape.smooth:
        x, y, weight = smoothed(x, y, schema, weight, settings.seed + seed)

    parameters = {
        "objective": "binary:logistic",
        "eval_metric": "logloss",
        "base_score": 0.5,
        "tree_method": "hist",
        "max_depth": shape.depth,
        "eta": shape.learning_rate,
        "min_child_weight": shape.min_child_weight,
        "lambda": shape.l2,
        "subsample": shape.subsample,
        "colsample_bytree": shape.columns,
        "monotone_constraints": monotone(schema),
        "nthread": settings.threads,
        "seed": settings.seed + seed,
    }
    train = xgboost.DMatrix(x, label=y, weight=weight)
    if stop is None:
        return xgboost.train(parameters, train, shape.rounds)
    watched = xgboost.DMatrix(stop[0], label=stop[1])
    return xgboost.train(
        parameters,
        train,
        shape.rounds,
        evals=[(watched, "stop")],
        early_stopping_rounds=PATIENCE,
        verbose_eval=False,
    )


def smoothed(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    schema: tuple[Feature, ...],
    weight: NDArray[np.float64] | None,
    seed: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64], None]:
    """Rows and probabilities of a monotone logistic model fitted to them, and no weights.

    The rows stand there twice, the second time with every feature drawn from another row: stumps then find each
    feature's own function, not that of a feature it goes with.
    """
    if weight is not None:
        often = weight.astype(np.intp)
        x, y = np.repeat(x, often, axis=0), np.repeat(y, often)
    model = fit_monotone(x, y, schema)
    mixed = np.random.default_rng([seed, 6]).permuted(x, axis=0)
    both = np.vstack([x, mixed])
    return both, model.probability(both), None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A shape as the inner folds found it.

    Attributes
    ----------
    name : str
    log_loss : float
        Of patients left out.
    gain : float
        Fall of the log-loss against the simplest candidate, and its 95 % paired bootstrap interval over groups.
    interval : tuple of float
    """

    name: str
    log_loss: float
    gain: float
    interval: tuple[float, float]


def choose(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    group: NDArray[np.int64],
    schema: tuple[Feature, ...],
    settings: Settings,
) -> tuple[Shape, tuple[Candidate, ...]]:
    """The simplest shape that is not worse than a later one on the inner folds, and what all of them did there.

    A later one is taken only where it gains log-loss with its whole paired bootstrap interval.
    """
    rng = np.random.default_rng(settings.seed)
    groups = np.unique(group)
    if len(x) > settings.inner_patients:
        kept = rng.choice(groups, size=int(len(groups) * settings.inner_patients / len(x)), replace=False)
        inside = np.isin(group, kept)
        x, y, group = x[inside], y[inside], group[inside]
    fold = grouped_folds(group, settings.inner, settings.seed + 1)
    losses, shapes = [], []
    for shape in settings.choices:
        loss = np.zeros(len(y))
        rounds = []
        for k in range(settings.inner):
            test = fold == k
            booster = grow(x[~test], y[~test], schema, shape, settings, seed=k, stop=(x[test], y[test]))
            rounds.append(booster.best_iteration + 1)
            margin = margins(booster[: rounds[-1]], x[test])
            loss[test] = np.logaddexp(0.0, np.where(y[test] > 0.5, -margin, margin))
        losses.append(loss)
        shapes.append(replace(shape, rounds=max(int(np.median(rounds)), MIN_ROUNDS)))
    seen = tuple(
        Candidate(s.name, float(loss.mean()), *_gain(losses[0], loss, group, rng))
        for s, loss in zip(shapes, losses, strict=True)
    )
    best = 0
    for i in range(1, len(shapes)):
        if _gain(losses[best], losses[i], group, rng)[1][0] > 0.0:
            best = i
    return shapes[best], seen


def _gain(
    simple: NDArray[np.float64], other: NDArray[np.float64], group: NDArray[np.int64], rng: np.random.Generator
) -> tuple[float, tuple[float, float]]:
    """Fall of the mean loss from `simple` to `other`, and its 95 % interval over resampled groups."""
    _, place = np.unique(group, return_inverse=True)
    fall, rows = np.bincount(place, weights=simple - other), np.bincount(place)
    drawn = rng.multinomial(len(rows), np.full(len(rows), 1.0 / len(rows)), size=RESAMPLED_GAINS)
    low, high = np.quantile((drawn @ fall) / (drawn @ rows), (0.025, 0.975))
    return float((simple - other).mean()), (float(low), float(high))


def margins(booster: Any, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Raw log-odds of a booster just grown, as it will be asked when it is a model; shape (n,)."""
    return Trees(bytes(booster.save_raw("ubj"))).margins(x)


def left_out_margins(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    group: NDArray[np.int64],
    schema: tuple[Feature, ...],
    shape: Shape,
    settings: Settings,
) -> NDArray[np.float64]:
    """Margin of each patient by a model of the inner folds that had not seen them, for the calibration line.

    Of all patients, not of those the shape was chosen on: a line fitted to models of fewer patients is too flat.
    """
    fold = grouped_folds(group, settings.inner, settings.seed + 1)
    margin = np.zeros(len(y))
    for k in range(settings.inner):
        test = fold == k
        margin[test] = margins(grow(x[~test], y[~test], schema, shape, settings, seed=k), x[test])
    return margin


@dataclass(frozen=True, slots=True, eq=False)
class FittedOutcome:
    """One outcome after training.

    Attributes
    ----------
    booster : Booster
        Fitted to all patients.
    shape : Shape
    calibration : Calibration
        From margins of patients left out, as drawn.
    conformal : ConformalSets
    left_out_p : ndarray, shape (n,)
        Calibrated probability of each patient by a model and a calibration line that had not seen them.
    left_out_logistic : ndarray, shape (n,)
        The same of the logistic model on the same features.
    logistic : Logistic
    resampled : tuple of bytes
        Boosters of resampled patients (UBJ).
    rank_stability : float
        Mean Kendall tau between the organ ranking of the model and of each resampled one.
    importance : mapping of str to tuple of float
        Mean absolute contribution by organ group, and its 5th and 95th percentile over resampled models. [logit]
    patients : ndarray of int
        Rows as drawn with a known outcome, to which the `left_out` arrays belong.
    choice : tuple of Candidate
        Shapes the inner folds compared.
    """

    outcome: str
    booster: Any
    shape: Shape
    calibration: Calibration
    conformal: ConformalSets
    left_out_p: NDArray[np.float64]
    left_out_logistic: NDArray[np.float64]
    logistic: Logistic
    resampled: tuple[bytes, ...]
    rank_stability: float
    importance: Mapping[str, tuple[float, float, float]]
    patients: NDArray[np.int64]
    choice: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """All outcomes of a cohort after training."""

    cohort: Cohort
    settings: Settings
    outcomes: Mapping[str, FittedOutcome]
    nadir: FittedNadir | None = None
    held_out_by: str = ""
    held_out: Mapping[str, Mapping[str, NDArray[np.float64]]] = field(default_factory=dict)


def fit_outcome(cohort: Cohort, outcome: str, settings: Settings, progress: Progress) -> FittedOutcome:
    """Train, cross-validate and calibrate one outcome."""
    known = np.flatnonzero(np.isfinite(cohort.outcomes[outcome]))
    x, y, group = cohort.features[known], cohort.outcomes[outcome][known], cohort.group[known]
    schema, own = cohort.schema, cohort.as_drawn[known]
    fold = grouped_folds(group, settings.outer, settings.seed + 2)
    raw = np.zeros(len(y))
    p = np.zeros(len(y))
    simple = np.zeros(len(y))
    pace = Pace(settings.outer + 1)
    for k in range(settings.outer):
        test = fold == k
        others = (x[~test], y[~test], group[~test])
        shape, _ = choose(*others, schema, settings)
        others_own = own[~test]
        line = fitted(left_out_margins(*others, schema, shape, settings)[others_own], others[1][others_own])
        booster = grow(x[~test], y[~test], schema, shape, settings, seed=100 + k)
        raw[test] = margins(booster, x[test])
        p[test] = sigmoid(line.log_odds(raw[test]))
        simple[test] = fit_logistic(x[~test], y[~test]).probability(x[test])
        left = f", {said}" if (said := pace.left(k + 1)) else ""
        progress(f"{outcome}: fold {k + 1} of {settings.outer}, {shape.name}, {shape.rounds} of them{left}")
    shape, choice = choose(x, y, group, schema, settings)
    booster = grow(x, y, schema, shape, settings, seed=200)
    line = fitted(raw[own], y[own])
    resampled, tau, importance = _resample(x, y, group, schema, booster, shape, settings)
    progress(f"{outcome}: {len(resampled)} resampled models, organ ranks agree with Kendall tau {tau:.2f}")
    return FittedOutcome(
        outcome,
        booster,
        shape,
        line,
        conformal_sets(sigmoid(line.log_odds(raw[own])), y[own], settings.level),
        p[own],
        simple[own],
        fit_logistic(x, y),
        resampled,
        tau,
        importance,
        known[own],
        choice,
    )


def group_weights(group: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
    """How often each row is drawn when groups are resampled with replacement."""
    groups, place = np.unique(group, return_inverse=True)
    drawn = np.bincount(rng.integers(0, len(groups), len(groups)), minlength=len(groups))
    return drawn[place].astype(np.float64)


#: Patients on whom organ ranks are compared: means over 500 are steady.
RANKED = 500


def organ_importance(booster: Any, x: NDArray[np.float64], schema: tuple[Feature, ...]) -> NDArray[np.float64]:
    """Mean absolute sum of contributions of each organ group."""
    import xgboost

    each = booster.predict(xgboost.DMatrix(x), pred_contribs=True, validate_features=False)[:, :-1]
    organs = [f.organ for f in schema]
    return np.array(
        [np.abs(each[:, [o == organ for o in organs]].sum(axis=1)).mean() for organ in dict.fromkeys(organs)]
    )


def _resample(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    group: NDArray[np.int64],
    schema: tuple[Feature, ...],
    booster: Any,
    shape: Shape,
    settings: Settings,
) -> tuple[tuple[bytes, ...], float, dict[str, tuple[float, float, float]]]:
    rounds = min(settings.resampled_rounds, shape.rounds)
    small = replace(
        shape,
        rounds=rounds,
        learning_rate=min(shape.learning_rate * shape.rounds / rounds, 0.4),
        depth=min(shape.depth, 3),
    )
    rng = np.random.default_rng(settings.seed + 3)
    shown = x[rng.permutation(len(x))[:RANKED]]
    mine = organ_importance(booster, shown, schema)
    out, taus, others = [], [], []
    for b in range(settings.resampled):
        weight = group_weights(group, rng)
        drawn = weight > 0
        other = grow(x[drawn], y[drawn], schema, small, settings, weight=weight[drawn], seed=300 + b)
        others.append(organ_importance(other, shown, schema))
        taus.append(kendall(mine, others[-1]))
        out.append(bytes(other.save_raw("ubj")))
    low, high = np.quantile(np.array([mine, *others]), (0.05, 0.95), axis=0)
    organs = dict.fromkeys(f.organ for f in schema)
    spread = {o: (float(m), float(a), float(b)) for o, m, a, b in zip(organs, mine, low, high, strict=True)}
    return tuple(out), float(np.mean(taus)) if taus else float("nan"), spread


def leave_out(
    cohort: Cohort, by: str, outcome: str, shape: Shape, settings: Settings
) -> dict[str, NDArray[np.float64]]:
    """Probabilities of each subgroup, as drawn, by a model that saw none of it (calibrated on the others' folds)."""
    labels = cohort.subgroups[by]
    known = np.isfinite(cohort.outcomes[outcome])
    out = {}
    for label in np.unique(labels):
        test = known & cohort.as_drawn & (labels == label)
        train = known & (labels != label)
        x, y, group = cohort.features[train], cohort.outcomes[outcome][train], cohort.group[train]
        if min(y.sum(), len(y) - y.sum()) < settings.outer or not test.any():
            continue
        # One fold of the others sets the calibration line; the booster then learns from all of them.
        held = grouped_folds(group, settings.outer, settings.seed + 4) == 0
        first = grow(x[~held], y[~held], cohort.schema, shape, settings, seed=400)
        set_by = held & cohort.as_drawn[train]
        line = fitted(margins(first, x[set_by]), y[set_by])
        booster = grow(x, y, cohort.schema, shape, settings, seed=500)
        out[str(label)] = sigmoid(line.log_odds(margins(booster, cohort.features[test])))
    return out


def fit(
    cohort: Cohort, settings: Settings, *, hold_out: str | None = None, progress: Progress = lambda _: None
) -> Fitted:
    """Train every outcome of a cohort that has both classes.

    Parameters
    ----------
    cohort : Cohort
    settings : Settings
    hold_out : str or None
        Subgroup whose members are left out one by one in a second validation (``site``, ``centre``).
    progress : callable
        Told each step.
    """
    done: dict[str, FittedOutcome] = {}
    held_out: dict[str, dict[str, NDArray[np.float64]]] = {}
    for outcome, event in cohort.outcomes.items():
        events = int(np.nansum(event))
        if min(events, int(np.isfinite(event).sum()) - events) < settings.outer:
            progress(f"{outcome}: {events} events, too few to train")
            continue
        done[outcome] = fit_outcome(cohort, outcome, settings, progress)
        if hold_out is not None and hold_out in cohort.subgroups:
            held_out[outcome] = leave_out(cohort, hold_out, outcome, done[outcome].shape, settings)
            progress(f"{outcome}: held out each {hold_out} in turn")
    return Fitted(cohort, settings, done, fit_nadir(cohort, settings, progress), hold_out or "", held_out)
