"""Judge predicted probabilities against what happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import CohortError
from lymphorisk.frozen import FrozenDict
from lymphorisk.predict.applicability import KINDS, KNOWN_SHARE, Kind, domains
from lymphorisk.predict.booster import Predictor
from lymphorisk.predict.calibration import fitted
from lymphorisk.predict.conformal import ConformalSets
from lymphorisk.predict.prediction import probabilities
from lymphorisk.train.cohort import PARTS_MET, Cohort, part_hashes, person_hashes, row_hashes
from lymphorisk.train.fit import Fitted, group_weights
from lymphorisk.train.scores import (
    auc,
    brier,
    calibration_curve,
    decision_curve,
    log_odds,
    net_benefit,
    roc,
    scaled_brier,
)
from lymphorisk.train.standing import standing

#: Resamples of patients behind every interval.
RESAMPLES = 400
#: Thresholds of the decision curve.
THRESHOLDS = np.round(np.arange(0.05, 0.96, 0.05), 2)
#: A subgroup smaller than this has no scores worth printing.
SUBGROUP_MIN = 20
DIGITS = 4
#: Without it the learned voice says nothing.
BASELINE = "alc"
#: What a judgement on patients the model has not seen is called.
EXTERNAL = "external validation"
#: Rows that equal a training row by chance stay below this share.
MET_SHARE = 0.02


def scores(p: NDArray[np.float64], event: NDArray[np.float64]) -> dict[str, float | int]:
    """Discrimination and calibration in numbers.

    ``in_the_large`` is mean predicted minus observed; ``slope`` is Cox's.
    """
    both = 0 < event.sum() < len(event)
    line = fitted(log_odds(p), event) if both else None
    return {
        "n": len(event),
        "events": int(event.sum()),
        "auc": round(auc(p, event), DIGITS),
        "brier": round(brier(p, event), DIGITS),
        "scaled_brier": round(scaled_brier(p, event), DIGITS),
        "in_the_large": round(in_the_large(p, event), DIGITS),
        "slope": round(line.slope, DIGITS) if line else float("nan"),
        "intercept": round(line.intercept, DIGITS) if line else float("nan"),
    }


def resamples(group: NDArray[np.int64], seed: int) -> Iterator[NDArray[np.intp]]:
    """Rows of `RESAMPLES` draws of patients with replacement."""
    rng = np.random.default_rng(seed)
    for _ in range(RESAMPLES):
        yield np.repeat(np.arange(len(group)), group_weights(group, rng).astype(np.intp))


def in_the_large(p: NDArray[np.float64], event: NDArray[np.float64]) -> float:
    """Mean predicted less observed."""
    return float(p.mean() - event.mean())


def slope(p: NDArray[np.float64], event: NDArray[np.float64]) -> float:
    """Cox's calibration slope; NaN with one class."""
    return fitted(log_odds(p), event).slope if 0 < event.sum() < len(event) else float("nan")


#: Scores with an interval, and those by which subgroups are compared.
WITH_INTERVAL: Mapping[str, Callable[[NDArray[np.float64], NDArray[np.float64]], float]] = FrozenDict(
    {"auc": auc, "brier": brier, "scaled_brier": scaled_brier, "in_the_large": in_the_large, "slope": slope}
)
OF_SUBGROUPS = ("auc", "in_the_large")


def intervals(
    p: NDArray[np.float64],
    event: NDArray[np.float64],
    group: NDArray[np.int64],
    seed: int,
    names: Sequence[str] = tuple(WITH_INTERVAL),
) -> dict[str, tuple[float, float]]:
    """95 % bootstrap intervals of scores, resampling patients."""
    drawn = [[WITH_INTERVAL[name](p[i], event[i]) for name in names] for i in resamples(group, seed)]
    low, high = _middle_95(np.array(drawn, dtype=np.float64))
    return {name: (float(low[k]), float(high[k])) for k, name in enumerate(names)}


def _middle_95(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """2.5th and 97.5th percentile of each column; NaN where nothing could be computed."""
    out = np.full((2, drawn.shape[1]), np.nan)
    there = np.isfinite(drawn).any(axis=0)
    out[:, there] = np.nanquantile(drawn[:, there], (0.025, 0.975), axis=0).round(DIGITS)
    return out


def benefit_interval(
    p: NDArray[np.float64], event: NDArray[np.float64], group: NDArray[np.int64], seed: int
) -> list[list[float]]:
    """95 % bootstrap interval of the net benefit at each threshold, resampling patients."""
    drawn = [[net_benefit(p[i], event[i], float(t)) for t in THRESHOLDS] for i in resamples(group, seed)]
    return [[float(a), float(b)] for a, b in _middle_95(np.array(drawn)).T]


def against(
    p: NDArray[np.float64],
    other: NDArray[np.float64],
    event: NDArray[np.float64],
    group: NDArray[np.int64],
    seed: int,
) -> dict[str, Any]:
    """What the model adds to a simpler one: paired bootstrap of the differences in AUC and Brier score."""
    drawn = [
        (auc(p[i], event[i]) - auc(other[i], event[i]), brier(other[i], event[i]) - brier(p[i], event[i]))
        for i in resamples(group, seed)
    ]
    low, high = np.nanquantile(np.array(drawn), (0.025, 0.975), axis=0)
    gain_auc = auc(p, event) - auc(other, event)
    gain_brier = brier(other, event) - brier(p, event)
    return {
        "auc_gain": round(gain_auc, DIGITS),
        "auc_gain_interval": [round(float(low[0]), DIGITS), round(float(high[0]), DIGITS)],
        "brier_gain": round(gain_brier, 5),
        "brier_gain_interval": [round(float(low[1]), 5), round(float(high[1]), 5)],
        "adds": bool(low[0] > 0 and low[1] > 0),
    }


def coverage(p: NDArray[np.float64], event: NDArray[np.float64], sets: ConformalSets) -> dict[str, float]:
    """How often the conformal set holds the truth, for events and for the others, and how often it decides."""
    holds_event = p >= sets.event_at_least
    holds_other = p <= sets.no_event_at_most
    return {
        "level": sets.level,
        "events": round(float(holds_event[event > 0.5].mean()), DIGITS) if (event > 0.5).any() else float("nan"),
        "non_events": round(float(holds_other[event <= 0.5].mean()), DIGITS) if (event <= 0.5).any() else float("nan"),
        "decided": round(float((holds_event != holds_other).mean()), DIGITS),
    }


def subgroup_labels(cohort: Cohort, patients: NDArray[np.int64]) -> dict[str, NDArray[np.str_]]:
    """Labels by site, centre, technique, sex, baseline tertile and fractions."""
    out = {name: labels[patients] for name, labels in cohort.subgroups.items()}

    def have(name: str) -> bool:
        return name in cohort.names

    if have("sex_female"):
        female = cohort.column("sex_female")[patients]
        out["sex"] = np.where(np.isfinite(female), np.where(female > 0.5, "F", "M"), "not known")
    if have("alc"):
        alc = cohort.column("alc")[patients]
        cuts = np.nanquantile(alc, (1 / 3, 2 / 3))
        label = np.array([f"below {cuts[0]:.2f}", f"to {cuts[1]:.2f}", f"above {cuts[1]:.2f}"])
        out["baseline ALC"] = np.where(np.isfinite(alc), label[np.searchsorted(cuts, alc).clip(0, 2)], "not known")
    if have("fractions"):
        n = cohort.column("fractions")[patients]
        label = np.array(["1 to 5", "6 to 20", "more than 20"])
        out["fractions"] = np.where(np.isfinite(n), label[np.searchsorted((5, 20), n).clip(0, 2)], "not known")
    return out


def judged(
    p: NDArray[np.float64],
    event: NDArray[np.float64],
    group: NDArray[np.int64],
    labels: Mapping[str, NDArray[np.str_]],
    sets: ConformalSets | None,
    seed: int,
) -> dict[str, Any]:
    """The whole judgement of one outcome: scores, intervals, curves, subgroups."""
    result: dict[str, Any] = {**scores(p, event), "interval": intervals(p, event, group, seed)}
    if sets is not None:
        result["conformal"] = coverage(p, event, sets)
    result["roc"] = [[round(v, DIGITS) for v in row] for row in roc(p, event)]
    result["calibration_curve"] = [[round(v, DIGITS) for v in row] for row in calibration_curve(p, event)]
    result["decision_curve"] = [[round(v, DIGITS) for v in row] for row in decision_curve(p, event, THRESHOLDS)]
    result["decision_interval"] = benefit_interval(p, event, group, seed)
    result["standing"] = standing(result).to_dict()
    result["subgroups"] = {
        name: {
            str(value): _of_subgroup(p[members], event[members], group[members], seed)
            for value in np.unique(label)
            if (members := label == value).sum() >= SUBGROUP_MIN
        }
        for name, label in labels.items()
    }
    return result


def _of_subgroup(
    p: NDArray[np.float64], event: NDArray[np.float64], group: NDArray[np.int64], seed: int
) -> dict[str, Any]:
    """Scores of a subgroup, with the intervals a reader compares subgroups by."""
    return {**scores(p, event), "interval": intervals(p, event, group, seed, OF_SUBGROUPS)}


def missingness(cohort: Cohort) -> dict[str, float]:
    """Share of patients in whom each feature is missing, where any is."""
    share = 1.0 - np.isfinite(cohort.features).mean(axis=0)
    return {n: round(float(s), DIGITS) for n, s in zip(cohort.names, share, strict=True) if s > 0}


def evaluation_of(fitted_model: Fitted) -> dict[str, Any]:
    """Internal validation: patients judged by models that had not seen them."""
    cohort, seed = fitted_model.cohort, fitted_model.settings.seed
    outcomes: dict[str, Any] = {}
    for outcome, done in fitted_model.outcomes.items():
        event = cohort.outcomes[outcome][done.patients]
        group = cohort.group[done.patients]
        labels = subgroup_labels(cohort, done.patients)
        result = judged(done.left_out_p, event, group, labels, done.conformal, seed)
        result["logistic"] = scores(done.left_out_logistic, event)
        result["against_logistic"] = against(done.left_out_p, done.left_out_logistic, event, group, seed)
        result["rank_stability"] = round(done.rank_stability, DIGITS)
        result["importance"] = [
            {"name": o, "mean": round(m, DIGITS), "low": round(a, DIGITS), "high": round(b, DIGITS)}
            for o, (m, a, b) in sorted(done.importance.items(), key=lambda item: -item[1][0])
        ]
        result["choice"] = [
            {
                "model": c.name,
                "log_loss": round(c.log_loss, DIGITS),
                "gain": round(c.gain, DIGITS),
                "gain_interval": [round(v, DIGITS) for v in c.interval],
            }
            for c in done.choice
        ]
        result["trees"] = done.shape.rounds
        result["depth"] = done.shape.depth
        result["shape"] = done.shape.name
        if held := fitted_model.held_out.get(outcome):
            labels_of = cohort.subgroups[fitted_model.held_out_by]
            known = np.isfinite(cohort.outcomes[outcome]) & cohort.as_drawn
            result["held_out_by"] = fitted_model.held_out_by
            result["held_out"] = {
                label: scores(p, cohort.outcomes[outcome][known & (labels_of == label)]) for label, p in held.items()
            }
        outcomes[outcome] = result
    out: dict[str, Any] = {
        "kind": f"nested {fitted_model.settings.outer}-fold cross-validation, grouped by {cohort.grouped_by}",
        "cohort": cohort.name,
        "patients": cohort.patients,
        "rows": len(cohort),
        "outcomes": outcomes,
        "missing": missingness(cohort),
    }
    if fitted_model.nadir is not None:
        out["nadir"] = {
            "coverage": round(fitted_model.nadir.coverage, DIGITS),
            "widening_factor": round(float(np.exp(fitted_model.nadir.widening)), DIGITS),
        }
    return out


def rows_for(predictor: Predictor, cohort: Cohort) -> NDArray[np.float64]:
    """A cohort as a stored model reads it; features the cohort lacks are missing.

    Raises
    ------
    CohortError
        It lacks so many that the model would say nothing of any of its patients.
    """
    rows = np.full((len(cohort), len(predictor.features)), np.nan)
    for i, name in enumerate(predictor.features):
        if name in cohort.names:
            rows[:, i] = cohort.column(name)
    absent = [n for n in predictor.features if n not in cohort.names]
    if len(absent) > (1.0 - KNOWN_SHARE) * len(predictor.features):
        raise CohortError(
            f"{cohort.name} lacks {len(absent)} of the {len(predictor.features)} features of {predictor.name}: "
            f"{', '.join(absent)}",
            "a folder of exports gives them all (--counts); or train a model on the columns there are",
        )
    return rows


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What a stored model says of a cohort.

    Attributes
    ----------
    p : mapping of str to ndarray, shape (n,)
        Probability by outcome; NaN where the model declines.
    declined : mapping of str to int
        Patients by kind of reason (`predict.applicability.KINDS`); one may count under several.
    """

    p: Mapping[str, NDArray[np.float64]]
    declined: Mapping[Kind, int]


def answers_of(predictor: Predictor, cohort: Cohort) -> Answers:
    """Ask a stored model about every patient of a cohort, as an analysis would.

    Raises
    ------
    CohortError
        It answers for nobody.
    """
    rows = rows_for(predictor, cohort)
    baseline = np.ones(len(cohort), dtype=np.bool_)
    if BASELINE in predictor.features:
        baseline = np.isfinite(rows[:, predictor.features.index(BASELINE)])
    inside, kinds = baseline.copy(), Counter[Kind]()
    for i, d in enumerate(domains(rows, predictor.seen, predictor.labels)):
        inside[i] &= d.inside
        kinds.update({*d.kinds, *(() if baseline[i] else ("missing",))})
    absent = [n for n in predictor.features if n not in cohort.names]
    if not inside.any():
        said = "; ".join(f"{n} {KINDS[kind]}" for kind, n in kinds.most_common()) + _lacking(absent)
        raise CohortError(
            f"{predictor.name} gives a number for none of the {len(cohort)} rows of {cohort.name}: {said}",
            "give what is missing, or train a model on the columns there are",
        )
    p = probabilities(predictor, rows)
    return Answers({o: np.where(inside, said, np.nan) for o, said in p.items()}, dict(kinds))


def _lacking(absent: Sequence[str]) -> str:
    return f"; the file lacks {', '.join(absent)}" if absent else ""


@dataclass(frozen=True, slots=True)
class Seen:
    """How much of a cohort a model was made from.

    Attributes
    ----------
    rows : int
        Rows of the cohort that the model was trained on.
    of : int
        Rows of the cohort.
    recalibration : bool
        The cohort is the file the model was recalibrated to.
    persons : int
        Rows that are another plan or row of a patient of the training: of the same age, sex, size and counts.
    """

    rows: int
    of: int
    recalibration: bool = False
    persons: int = 0

    @property
    def kind(self) -> str:
        """What scores on this cohort are."""
        if self.rows == self.of:
            return "training data (not a validation: the model was trained on these rows)"
        if self.recalibration:
            return "recalibration data (not a validation: the calibration line was fitted to these rows)"
        if self.rows > MET_SHARE * self.of:
            return f"partly training data ({self.rows} of {self.of} rows; not an external validation)"
        if self.rows + self.persons > MET_SHARE * self.of:
            return (
                f"partly training patients ({self.rows + self.persons} of {self.of} rows are of patients the model was "
                "trained on; not an external validation)"
            )
        return EXTERNAL


def seen(predictor: Predictor, cohort: Cohort) -> Seen:
    """Whether the model has met a cohort before: by the file's hash, or row by row, by the columns that are there."""
    made = predictor.card.get("cohort", {})
    again = predictor.card.get("recalibration", {}).get("sha256") == cohort.sha256 != ""
    if cohort.sha256 and made.get("sha256") == cohort.sha256:
        return Seen(len(cohort), len(cohort), again)
    known, persons = set(made.get("row_sha256", ())), set(made.get("person_sha256", ()))
    whole = [h in known for h in row_hashes(cohort, predictor.features)] if known else [False] * len(cohort)
    met = [a or b for a, b in zip(whole, _met_in_part(made.get("row_part", {}), cohort), strict=True)]
    again_person = [h in persons and not row for h, row in zip(person_hashes(cohort), met, strict=True)]
    return Seen(sum(met), len(cohort), again, sum(again_person))


def _met_in_part(card: Mapping[str, Any], cohort: Cohort) -> list[bool]:
    """Rows that share several parts with one training row."""
    holders: dict[tuple[int, str], list[int]] = {}
    for row, line in enumerate(card.get("sha256", ())):
        for part, h in enumerate(line.split(" ")):
            holders.setdefault((part, h), []).append(row)
    shared = part_hashes(cohort, [p.split(" ") for p in card.get("columns", ())]) or [()] * len(cohort)
    return [
        max(Counter(r for part, h in enumerate(row) if h for r in holders.get((part, h), ())).values(), default=0)
        >= PARTS_MET
        for row in shared
    ]


def external(predictor: Predictor, cohort: Cohort, seed: int = 1) -> dict[str, Any]:
    """Scores of a stored model, and of the voices beside it, on a cohort; ``kind`` says whether that is a validation.

    Patients for whom the model gives no number are counted, not scored: nobody would have been told one.
    """
    answers = answers_of(predictor, cohort)
    outcomes = {}
    for outcome in predictor.outcomes:
        if outcome not in cohort.outcomes:
            continue
        event = cohort.outcomes[outcome]
        known = np.flatnonzero(np.isfinite(event) & np.isfinite(answers.p[outcome]))
        if not 0 < event[known].sum() < len(known):
            continue
        p, labels = answers.p[outcome], subgroup_labels(cohort, known)
        sets = predictor.conformal.get(outcome)
        result = judged(p[known], event[known], cohort.group[known], labels, sets, seed)
        result["unanswered"] = int((np.isfinite(event) & ~np.isfinite(p)).sum())
        result["voices"] = {
            name: _voice(p, said, event, cohort.group, seed)
            for name, said in sorted(cohort.voices.get(outcome, {}).items())
        }
        outcomes[outcome] = result
    return {
        "kind": seen(predictor, cohort).kind,
        "model": f"{predictor.name} {predictor.identity}",
        "cohort": cohort.name,
        "patients": cohort.patients,
        "rows": len(cohort),
        "outcomes": outcomes,
        "declined": {KINDS[kind]: n for kind, n in sorted(answers.declined.items())},
        "missing": missingness(cohort),
        "absent_features": [n for n in predictor.features if n not in cohort.names],
    }


def _voice(
    p: NDArray[np.float64],
    said: NDArray[np.float64],
    event: NDArray[np.float64],
    group: NDArray[np.int64],
    seed: int,
) -> dict[str, Any]:
    """Another voice on the rows it answers for, and the model against it on those both answer for."""
    known = np.isfinite(event) & np.isfinite(said)
    n, events = int(known.sum()), int(event[known].sum())
    if n < SUBGROUP_MIN or not 0 < events < n:
        return {"n": n, "events": events, "reason": "it answers for too few patients, or for one class alone"}
    out = judged(said[known], event[known], group[known], {}, None, seed)
    both = known & np.isfinite(p)
    if 0 < event[both].sum() < both.sum():
        out["model_against_it"] = {
            "n": int(both.sum()),
            **against(p[both], said[both], event[both], group[both], seed),
        }
    return out
