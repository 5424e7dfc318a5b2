"""Why the learned model says what it says: contributions that add up, by feature, organ and kind.

Dose metrics of one organ are nearly copies of each other, so the model spreads its credit among them almost at will;
what is steady is the sum of an organ. Groups are therefore what is shown first, each with its spread over models of
resampled training patients.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import NotConvergedError
from lymphorisk.features import Feature, FeatureVector, feature
from lymphorisk.predict.booster import Predictor, booster_from, resampled_contributions, row_of
from lymphorisk.predict.calibration import sigmoid

#: Contributions must add up to the log-odds to within this.
ADDITIVE = 1e-6
#: Outer quantiles of a group's contribution over the resampled models.
SPREAD_LEVELS = (0.05, 0.95)
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
    """What one feature adds. `value` is NaN when the feature is missing; `log_odds` [logit]."""

    name: str
    label: str
    unit: str
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
        Calibrated log-odds of the model's average patient. [logit]
    log_odds : float
        Calibrated log-odds of this patient: `base` plus all contributions. [logit]
    p : float
        The probability of `log_odds`.
    features : tuple of Contribution
        Largest first.
    organs, kinds : tuple of Group
        Sums by organ (with Blood, Plan, Patient) and by kind, largest first.
    sentences : tuple of str
        The top reasons in words.
    note : str
        What the reasons are not.
    probability_base : float or None
        Mean probability of the background patients, when the probability scale was asked for.
    probability : tuple of Contribution or None
        Contributions on the probability scale (their field `log_odds` holds a probability), which rank differently.
    """

    outcome: str
    base: float
    log_odds: float
    p: float
    features: tuple[Contribution, ...]
    organs: tuple[Group, ...]
    kinds: tuple[Group, ...]
    sentences: tuple[str, ...]
    note: str = DISCLAIMER
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
    parts = line.slope * booster.contributions(rows)[0]
    base = line.intercept + float(parts[-1])
    each = parts[:-1]
    log_odds = float(line.log_odds(booster.margins(rows))[0])
    if abs(base + float(each.sum()) - log_odds) > ADDITIVE:
        raise NotConvergedError(f"contributions miss the log-odds by {base + each.sum() - log_odds:.2g}")
    schema = predictor.asked(row)
    resampled = line.slope * resampled_contributions(predictor, outcome, row)
    organs = _groups(schema, each, resampled, lambda f: f.organ)
    features = _contributions(schema, row, each)
    scaled = _probability(predictor, outcome, rows) if probability_scale else None
    return Explanation(
        outcome=outcome,
        base=base,
        log_odds=log_odds,
        p=float(sigmoid(log_odds)),
        features=features,
        organs=organs,
        kinds=_groups(schema, each, resampled, lambda f: f.kind),
        sentences=tuple(_sentence(g, features, outcome, predictor) for g in organs[:TOP] if _worth(g)),
        probability_base=None if scaled is None else scaled[0],
        probability=None if scaled is None else _contributions(schema, row, scaled[1]),
    )


def _contributions(
    schema: tuple[Feature, ...], row: NDArray[np.float64], each: NDArray[np.float64]
) -> tuple[Contribution, ...]:
    order = sorted(range(len(schema)), key=lambda i: (-abs(each[i]), i))
    return tuple(
        Contribution(schema[i].name, schema[i].label, schema[i].unit, float(row[i]), float(each[i])) for i in order
    )


def _groups(
    schema: tuple[Feature, ...],
    each: NDArray[np.float64],
    resampled: NDArray[np.float64],
    key: Callable[[Feature], str],
) -> tuple[Group, ...]:
    names = list(dict.fromkeys(key(f) for f in schema))
    out = []
    for name in names:
        member = np.array([key(f) == name for f in schema])
        mine = float(each[member].sum())
        sums = np.append(resampled[:, member].sum(axis=1), mine)
        low, high = np.quantile(sums, SPREAD_LEVELS)
        out.append(Group(name, mine, min(float(low), mine), max(float(high), mine)))
    return tuple(sorted(out, key=lambda g: -abs(g.log_odds)))


def _worth(group: Group) -> bool:
    return bool(abs(np.expm1(group.log_odds)) > WORTH_SAYING)


OUTCOME_WORDS = {"g3": "grade 3 or more", "g4": "grade 4"}


def _sentence(group: Group, features: tuple[Contribution, ...], outcome: str, predictor: Predictor) -> str:
    """The reason in dose language: what the organ gets, and the factor on the odds with its spread."""
    mine = [c for c in features if feature(c.name).organ == group.name]
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
        f"x{np.exp(group.log_odds):.2f}{spread} against its average patient."
    )


def _value(c: Contribution) -> str:
    """``Mean 12 Gy`` of ``Spleen Mean[Gy]``: the organ has been named, the unit stands behind the number."""
    f = feature(c.name)
    label = c.label.removeprefix(f"{f.organ} ").replace(f"[{c.unit}]", "")
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
