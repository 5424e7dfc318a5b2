"""A stored model's calibration fitted anew to a clinic's patients, and its card with a judgement on them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import CohortError
from lymphorisk.findings import Finding, finding
from lymphorisk.predict.booster import CALIBRATION, CARD, Predictor, load, verified
from lymphorisk.predict.calibration import Calibration, fitted, sigmoid
from lymphorisk.train.card import card_scores
from lymphorisk.train.checks import EVENTS
from lymphorisk.train.cohort import Cohort
from lymphorisk.train.evaluate import EXTERNAL, answers_of, intervals, scores, seen
from lymphorisk.train.package import write_folder
from lymphorisk.train.samplesize import SampleSize, sample_size
from lymphorisk.train.scores import auc, log_odds
from lymphorisk.train.settings import grouped_folds
from lymphorisk.train.standing import LEAST_EVENTS, standing

#: Parts of the cohort that a line is tried on which was fitted to the others.
FOLDS = 5
#: A model no better than this has no slope to be fitted.
LEAST_AUC = 0.55
#: A model better than this asks for fewer patients than can be counted.
MOST_AUC = 0.99
SEED = 1


@dataclass(frozen=True, slots=True)
class Recalibrated:
    """A line fitted to a clinic's patients, on the stored model's log-odds, and what it changed.

    Attributes
    ----------
    line : Calibration
    wanted : SampleSize
        What Riley's criteria ask for, for a line.
    observed : float
        Rate of events.
    before, after : mapping
        Scores of the stored model, and of lines fitted to the other patients.
    mean_before, mean_after : float
        Mean probability.
    standing : mapping
        State after, and why.
    """

    line: Calibration
    wanted: SampleSize
    observed: float
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    mean_before: float
    mean_after: float
    standing: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """As a result and a card hold it."""
        return {
            "intercept": self.line.intercept,
            "slope": self.line.slope,
            "asked_for": self.wanted.n,
            "observed": round(self.observed, 4),
            "mean_before": round(self.mean_before, 4),
            "mean_after": round(self.mean_after, 4),
            "before": dict(self.before),
            "after": dict(self.after),
            "standing": dict(self.standing),
        }


def wanted_for(now: NDArray[np.float64], event: NDArray[np.float64]) -> SampleSize:
    """What Riley's criteria ask for to fit a line: one predictor, the model's own log-odds, at its own AUC.

    References
    ----------
    Riley RD et al. BMJ 2020;368:m441.
    """
    reached = float(np.clip(auc(now, event), LEAST_AUC, MOST_AUC))
    return sample_size(float(event.mean()), reached, 1)


def line_for(now: NDArray[np.float64], event: NDArray[np.float64], wanted: SampleSize) -> Calibration | None:
    """Intercept and slope, the intercept alone, or None, by what the patients suffice for."""
    if len(event) < wanted.precision_n or min(event.sum(), len(event) - event.sum()) < LEAST_EVENTS:
        return None
    if len(event) < wanted.n or auc(now, event) < LEAST_AUC:
        return Calibration(shift(now, event), 1.0)
    return fitted(now, event)


def recalibrated(predictor: Predictor, cohort: Cohort) -> tuple[dict[str, Recalibrated], tuple[Finding, ...]]:
    """The line of each outcome the cohort suffices for, and those it does not.

    Raises
    ------
    CohortError
        It suffices for none; the message says what is asked for.
    """
    answers = answers_of(predictor, cohort)
    out: dict[str, Recalibrated] = {}
    short = []
    for outcome in predictor.outcomes:
        if outcome not in cohort.outcomes:
            continue
        known = np.isfinite(cohort.outcomes[outcome]) & np.isfinite(answers.p[outcome])
        event, group = cohort.outcomes[outcome][known], cohort.group[known]
        now = log_odds(answers.p[outcome][known])
        if not 0 < event.sum() < len(event):
            continue
        wanted = wanted_for(now, event)
        line = line_for(now, event, wanted)
        if line is None:
            short.append(
                f"{outcome}: {len(event)} patients with {int(event.sum())} events; Riley's criteria ask for "
                f"{wanted.precision_n} to know the rate of events to 5 points, {wanted.n} for a slope too, at least "
                f"{LEAST_EVENTS} events"
            )
            continue
        out[outcome] = _judged(line, wanted, now, event, group)
    if not out:
        raise CohortError(
            "the cohort has too few patients to recalibrate any outcome: " + "; ".join(short),
            "collect more; until then the mechanism leads where the model does not hold",
        )
    hint = "collect more patients; the outcome keeps its old line"
    return out, tuple(finding(EVENTS, f"not recalibrated: {what}", "recalibration", hint) for what in short)


def _judged(
    line: Calibration,
    wanted: SampleSize,
    now: NDArray[np.float64],
    event: NDArray[np.float64],
    group: NDArray[np.int64],
) -> Recalibrated:
    """A line with scores of patients it was not fitted to: lines of the same kind fitted to the others."""
    fold = grouped_folds(group, FOLDS, SEED)
    apart = np.zeros(len(event))
    for k in range(FOLDS):
        test = fold == k
        other = fitted if line.slope != 1.0 else _intercept
        both = 0 < event[~test].sum() < (~test).sum()
        apart[test] = (other(now[~test], event[~test]) if both else line).log_odds(now[test])
    before, after = sigmoid(now), sigmoid(apart)
    after_scores = {**scores(after, event), "interval": intervals(after, event, group, SEED)}
    return Recalibrated(
        line,
        wanted,
        float(event.mean()),
        scores(before, event),
        scores(after, event),
        float(before.mean()),
        float(sigmoid(line.log_odds(now)).mean()),
        standing(after_scores).to_dict(),
    )


def _intercept(now: NDArray[np.float64], event: NDArray[np.float64]) -> Calibration:
    return Calibration(shift(now, event), 1.0)


def recalibrate(
    model_path: str | Path, cohort: Cohort, out: str | Path
) -> tuple[dict[str, Recalibrated], tuple[Finding, ...]]:
    """Fit a new calibration line to a clinic's patients and write the model with it.

    Intercept and slope where Riley's criteria are met for both, the intercept alone where they are for the rate of
    events. The card says what changed, by scores of patients the line was not fitted to.

    Returns
    -------
    lines, findings : dict of str to Recalibrated, tuple of Finding
        By outcome; and the outcomes the cohort does not suffice for.

    Raises
    ------
    CohortError
        The cohort suffices for no outcome, or the model was trained or recalibrated on it.
    """
    predictor = load(model_path)
    if (kind := seen(predictor, cohort).kind) != EXTERNAL:
        raise CohortError(f"no line is fitted to this cohort: {kind}", "recalibrate on patients it has not seen")
    card, files, _ = verified(Path(model_path))
    lines, short = recalibrated(predictor, cohort)
    stored = json.loads(files[CALIBRATION])
    for outcome, found in lines.items():
        both = found.line.after(predictor.calibration[outcome])
        stored["calibration"][outcome] = {"intercept": both.intercept, "slope": both.slope}
        stored["conformal"].pop(outcome, None)
    raw = (json.dumps(stored, indent=1, sort_keys=True) + "\n").encode()
    changed = {k: v for k, v in files.items() if k != CARD} | {CALIBRATION: raw}
    new = dict(card)
    new["model"] = {**card["model"], "name": Path(out).name, "recalibrated_on": cohort.name}
    new["recalibration"] = {
        "cohort": cohort.name,
        "sha256": cohort.sha256,
        "rows": len(cohort),
        "statement": "Conformal sets are withheld for recalibrated outcomes: their patients are not the cohort's.",
        **{o: found.to_dict() for o, found in lines.items()},
    }
    new["standing"] = {**card.get("standing", {}), **{o: dict(found.standing) for o, found in lines.items()}}
    new["sha256"] = {**card["sha256"], CALIBRATION: hashlib.sha256(raw).hexdigest()}
    write_folder(Path(out), changed, new)
    return lines, short


def record(model_path: str | Path, result: Mapping[str, Any], out: str | Path) -> None:
    """Write the model with a judgement in its card: where it was found poor, it gives no number from then on.

    Parameters
    ----------
    result : mapping
        From `run.evaluate_model`.

    Raises
    ------
    CohortError
        The result is no external validation.
    """
    if result["kind"] != EXTERNAL:
        raise CohortError(
            f"no judgement to be recorded: {result['kind']}", "judge the model on patients it has not seen"
        )
    card, files, _ = verified(Path(model_path))
    new = dict(card)
    new["model"] = {**card["model"], "name": Path(out).name}
    new["evaluation"] = {**card["evaluation"], "external": {"cohort": result["cohort"], **card_scores(result)}}
    new["standing"] = {**card.get("standing", {}), **{o: dict(e["standing"]) for o, e in result["outcomes"].items()}}
    write_folder(Path(out), {k: v for k, v in files.items() if k != CARD}, new)


def shift(now: NDArray[np.float64], event: NDArray[np.float64]) -> float:
    """Intercept that makes the mean prediction the observed rate, slope kept."""
    low, high = -20.0, 20.0
    for _ in range(80):
        middle = 0.5 * (low + high)
        if float(sigmoid(now + middle).mean()) < float(event.mean()):
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)
