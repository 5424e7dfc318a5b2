"""Why the learned model says what it says: contributions that add up, by organ, and by feature and kind.

First come organs: exact Shapley values of groups of features, from the same patient without radiotherapy and drugs to
this one (`shapley`), each with its spread over models of resampled training patients. It is the physics' own game.

As a second view stands what moved the number from the model's average patient (TreeSHAP), where the patient's facts
count too. There dose metrics of one organ are nearly copies of each other, so the model spreads its credit among them
almost at will; what is steady is the sum of an organ.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import NotConvergedError
from lymphorisk.features import Feature, FeatureVector
from lymphorisk.predict.booster import (
    Predictor,
    booster_from,
    resampled_boosters,
    resampled_contributions,
    row_of,
)
from lymphorisk.predict.calibration import sigmoid
from lymphorisk.predict.shapley import Margins, group_shapley, players, without_dose
from lymphorisk.predict.trees import Trees

#: Contributions must add up to the log-odds to within this.
ADDITIVE = 1e-6
#: Outer quantiles of a group's contribution over the resampled models.
SPREAD_LEVELS = (0.05, 0.95)
#: From where reasons by organ are counted.
REFERENCE = "the same patient without radiotherapy and drugs"
#: Reasons put into words.
TOP = 5
#: A factor on the odds nearer to 1 than this is not worth a sentence: assumed.
WORTH_SAYING = 0.02
DISCLAIMER = (
    "These reasons describe the model, not a cause: they say what moved its number, not what would happen to the "
    "patient if a dose were changed."
)


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one feature of an organ group adds. `value` is NaN when it is missing; `log_odds` [logit]."""

    name: str
    label: str
    unit: str
    organ: str
    value: float
    log_odds: float


@dataclass(frozen=True, slots=True)
class Group:
    """What a group of features adds, with its 5th to 95th percentile over resampled models. [logit]"""

    name: str
    log_odds: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Reasons of one prediction.

    Attributes
    ----------
    outcome : str
        Which probability is explained.
    base : float
        Calibrated log-odds of the same patient without radiotherapy and drugs. [logit]
    log_odds : float
        Calibrated log-odds of this patient: `base` plus what all `organs` add. [logit]
    p : float
        The probability of `log_odds`.
    organs : tuple of Group
        What each organ's dose (with Blood, Plan, Drugs) adds to `base`: exact Shapley values, largest first.
    features : tuple of Contribution
        From the average patient to this one by feature, largest first: with `average_base` they add up to `log_odds`.
    average_organs, kinds : tuple of Group
        Their sums by organ (with Patient) and by kind, largest first.
    average_base : float
        Calibrated log-odds of the model's average patient. [logit]
    sentences : tuple of str
        The top reasons in words.
    note : str
        What the reasons are not.
    reference : str
        From where `base` and `organs` are counted.
    probability_base : float or None
        Mean probability of the background patients, when the probability scale was asked for.
    probability : tuple of Contribution or None
        Contributions on the probability scale (their field `log_odds` holds a probability), which rank differently.
    """

    outcome: str
    base: float
    log_odds: float
    p: float
    organs: tuple[Group, ...]
    features: tuple[Contribution, ...]
    average_organs: tuple[Group, ...]
    kinds: tuple[Group, ...]
    average_base: float
    sentences: tuple[str, ...]
    note: str = DISCLAIMER
    reference: str = REFERENCE
    probability_base: float | None = None
    probability: tuple[Contribution, ...] | None = None


def explain(
    predictor: Predictor, vector: FeatureVector, outcome: str = "g3", *, probability_scale: bool = False
) -> Explanation:
    """Explain one probability.

    Parameters
    ----------
    predictor : Predictor
        From `load`.
    vector : FeatureVector
        The patient.
    outcome : str
        ``g3`` or ``g4``.
    probability_scale : bool
        Also compute interventional SHAP values of the probability against the stored background (slower: needs shap).

    Raises
    ------
    NotConvergedError
        The contributions do not add up to the log-odds within 1e-6.
    """
    row = row_of(predictor, vector)
    rows = row[None, :]
    booster = predictor.boosters[outcome]
    line = predictor.calibration[outcome]
    log_odds = float(line.log_odds(booster.margins(rows))[0])
    schema = predictor.asked(row)
    parts = line.slope * booster.contributions(rows)[0]
    average_base, each = line.intercept + float(parts[-1]), parts[:-1]
    base, organs = _from_no_dose(predictor, outcome, row)
    for first, found in ((average_base, each.tolist()), (base, [g.log_odds for g in organs])):
        if abs(first + sum(found) - log_odds) > ADDITIVE:
            raise NotConvergedError(f"contributions miss the log-odds by {first + sum(found) - log_odds:.2g}")
    resampled = line.slope * resampled_contributions(predictor, outcome, row)
    features = _contributions(schema, row, each)
    scaled = _probability(predictor, outcome, rows) if probability_scale else None
    return Explanation(
        outcome=outcome,
        base=base,
        log_odds=log_odds,
        p=float(sigmoid(log_odds)),
        organs=organs,
        features=features,
        average_organs=_groups(schema, each, resampled, lambda f: f.organ),
        kinds=_groups(schema, each, resampled, lambda f: f.kind),
        average_base=average_base,
        sentences=tuple(_sentence(g, features, outcome) for g in organs[:TOP] if _worth(g)),
        probability_base=None if scaled is None else scaled[0],
        probability=None if scaled is None else _contributions(schema, row, scaled[1]),
    )


def _from_no_dose(predictor: Predictor, outcome: str, row: NDArray[np.float64]) -> tuple[float, tuple[Group, ...]]:
    """Calibrated log-odds of the patient without radiotherapy and drugs, and what each group adds to it. [logit]"""
    schema = predictor.schema
    line, booster = predictor.calibration[outcome], predictor.boosters[outcome]
    reference, groups = without_dose(schema, row), players(schema)

    def found(model: Trees, margins: Margins) -> NDArray[np.float64]:
        values = group_shapley(margins, row, reference, groups, additive=model.additive)
        return line.slope * np.array([values[name] for name in groups])

    mine = found(booster, booster.margins)
    others = [found(b, b.raw_margins) for b in resampled_boosters(predictor, outcome)]
    spread = np.array(others).reshape(len(others), len(groups))
    base = float(line.log_odds(booster.margins(reference[None, :]))[0])
    return base, _spread(groups, mine, spread)


def _contributions(
    schema: tuple[Feature, ...], row: NDArray[np.float64], each: NDArray[np.float64]
) -> tuple[Contribution, ...]:
    order = sorted(range(len(schema)), key=lambda i: (-abs(each[i]), i))
    return tuple(
        Contribution(f.name, f.label, f.unit, f.organ, float(row[i]), float(each[i]))
        for i, f in ((i, schema[i]) for i in order)
    )


def _groups(
    schema: tuple[Feature, ...],
    each: NDArray[np.float64],
    resampled: NDArray[np.float64],
    key: Callable[[Feature], str],
) -> tuple[Group, ...]:
    names = list(dict.fromkeys(key(f) for f in schema))
    member = np.array([[key(f) == name for f in schema] for name in names], dtype=np.float64)
    return _spread(names, member @ each, resampled @ member.T)


def _spread(names: Iterable[str], mine: NDArray[np.float64], resampled: NDArray[np.float64]) -> tuple[Group, ...]:
    """Groups with their percentiles over the resampled models, shape (b, groups), largest first."""
    low, high = np.quantile(np.vstack([resampled, mine]), SPREAD_LEVELS, axis=0)
    out = [
        Group(name, float(m), min(float(a), float(m)), max(float(b), float(m)))
        for name, m, a, b in zip(names, mine, low, high, strict=True)
    ]
    return tuple(sorted(out, key=lambda g: -abs(g.log_odds)))


def _worth(group: Group) -> bool:
    return bool(abs(np.expm1(group.log_odds)) > WORTH_SAYING)


OUTCOME_WORDS = {"g3": "grade 3 or more", "g4": "grade 4"}


def _sentence(group: Group, features: tuple[Contribution, ...], outcome: str) -> str:
    """The reason in dose language: what the organ gets, and the factor on the odds with its spread."""
    mine = [c for c in features if c.organ == group.name]
    known = [c for c in mine if np.isfinite(c.value)]
    named = ", ".join(_value(c) for c in known[:3])
    if not known:
        named = "not known (no contour or not given)"
    direction = "raises" if group.log_odds > 0 else "lowers"
    spread = (
        f" (x{np.exp(group.low):.2f} to x{np.exp(group.high):.2f} over resampled models)"
        if group.low < group.high
        else ""
    )
    return (
        f"{group.name}: {named}; {direction} the model's odds of {OUTCOME_WORDS.get(outcome, outcome)} "
        f"x{np.exp(group.log_odds):.2f}{spread} against {REFERENCE}."
    )


def _value(c: Contribution) -> str:
    """``Mean 12 Gy`` of ``Spleen Mean[Gy]``: the organ has been named, the unit stands behind the number."""
    label = c.label.removeprefix(f"{c.organ} ").replace(f"[{c.unit}]", "")
    if c.unit == "0/1":
        return f"{label}: {'yes' if c.value > 0.5 else 'no'}"
    return f"{label} {c.value:.3g} {c.unit}".rstrip()


def calibrated_booster(predictor: Predictor, outcome: str) -> Any:
    """The booster with its calibration line written into the leaves: its margin is the calibrated log-odds."""
    import json

    raw = json.loads(booster_from(predictor.boosters[outcome].raw).save_raw("json"))
    line = predictor.calibration[outcome]
    model = raw["learner"]["gradient_booster"]["model"]
    trees = model["trees"]
    for tree in trees:
        leaves = [i for i, child in enumerate(tree["left_children"]) if child == -1]
        for i in leaves:
            tree["split_conditions"][i] *= line.slope
            tree["base_weights"][i] *= line.slope
            if tree is trees[0]:
                tree["split_conditions"][i] += line.intercept
                tree["base_weights"][i] += line.intercept
    return booster_from(json.dumps(raw).encode())


def shap_package() -> Any:
    """The shap package; what its plotting imports deprecate on the way is not ours to tell."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap
    return shap


def _probability(predictor: Predictor, outcome: str, rows: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    shap = shap_package()
    explainer = shap.TreeExplainer(
        calibrated_booster(predictor, outcome),
        data=predictor.background,
        feature_perturbation="interventional",
        model_output="probability",
    )
    values = np.asarray(explainer.shap_values(rows), dtype=np.float64)
    return float(np.ravel(explainer.expected_value)[0]), values[0]
