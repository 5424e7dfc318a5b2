"""What may be wrong with an evaluation: seen patients, labels that fit nothing, features that are missing or made
otherwise, patients without an answer, and what the scores say of the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.findings import Finding, Rule, finding, rule
from lymphorisk.predict.booster import Predictor
from lymphorisk.train.cohort import Cohort
from lymphorisk.train.evaluate import BASELINE, EXTERNAL, intervals, seen
from lymphorisk.train.standing import CHANCE, LEAST_EVENTS, USEFUL, State

TRAINED_ON = rule(
    "LR423",
    "warning",
    "Evaluated on training data",
    "The cohort, or part of it, is what the model was trained or recalibrated on, or its patients: its scores are no "
    "validation.",
)
POOR = rule(
    "LR437", "warning", "Model does not hold here", "It does no better than chance, or than the bare rate of events."
)
LINE = rule(
    "LR428", "warning", "Model wants recalibration", "It ranks patients; its probabilities are not those of this place."
)
FEW = rule("LR429", "warning", "Too few events to judge", "The scores leave open whether the model holds here.")
ABSENT = rule(
    "LR430", "warning", "Features the file lacks", "Features the model reads that the cohort does not have at all."
)
UNANSWERED = rule(
    "LR431", "warning", "Patients without an answer", "The model gives no number for them: counted, not scored."
)
UNRELATED = rule(
    "LR432",
    "warning",
    "Outcome fits nothing known",
    "Neither the model nor another voice nor the baseline tells the outcome, or all tell the opposite: labels are "
    "shuffled, shifted by a row, turned round, or of other patients.",
)
OTHERWISE = rule(
    "LR433",
    "warning",
    "Features made otherwise",
    "Organs nobody drew are placed in one of model and file and missing in the other.",
)
BY_STATE: Mapping[State, Rule] = {"poor": POOR, "recalibrate": LINE, "too few": FEW}
HINTS: Mapping[State, str] = {
    "poor": "do not use it here: --record writes that into a copy's card; train one on your own patients",
    "recalibrate": "--recalibrate fits the calibration to this place",
    "too few": "collect more patients; packs of several clinics can be pooled (--pack, --pool)",
}


def suspicions(predictor: Predictor, cohort: Cohort, result: Mapping[str, Any], seed: int) -> tuple[Finding, ...]:
    """Findings about an evaluation.

    Parameters
    ----------
    result : mapping
        From `evaluate.external`.
    """
    return tuple(
        f
        for found in (
            _seen(predictor, cohort, result),
            _file(predictor, cohort, result),
            _unrelated(predictor, cohort, result, seed),
            _standing(result),
        )
        for f in found
    )


def _seen(predictor: Predictor, cohort: Cohort, result: Mapping[str, Any]) -> Iterable[Finding]:
    if result["kind"] != EXTERNAL:
        yield finding(TRAINED_ON, result["kind"], "cohort", "judge the model on patients it has not seen")
        return
    met = seen(predictor, cohort)
    if few := met.rows + met.persons:
        what = f"{few} of {met.of} rows look like rows, or patients, the model was trained on: by chance, or left in"
        yield finding(TRAINED_ON, what, "cohort", "leave them out if they are the same patients", "info")


def _file(predictor: Predictor, cohort: Cohort, result: Mapping[str, Any]) -> Iterable[Finding]:
    if absent := result["absent_features"]:
        named = ", ".join(f.label for f in predictor.schema if f.name in absent)
        what = (
            f"{cohort.name} lacks {len(absent)} of the {len(predictor.features)} features of {predictor.name}: {named}"
        )
        yield finding(ABSENT, what, "cohort", "exports with --counts give them all")
    if declined := result["declined"]:
        said = ", ".join(f"{n} {kind}" for kind, n in declined.items())
        yield finding(
            UNANSWERED, f"of {result['rows']} rows {said}", "cohort", "an analysis of them gets no number either"
        )
    if cohort.placed != predictor.knows_placed:
        made, wants = ("placed", "missing") if cohort.placed else ("missing", "placed")
        what = f"organs nobody drew are {made} in {cohort.name}, {predictor.name} learned with them {wants}"
        yield finding(OTHERWISE, what, "cohort", "`lymphorisk cohort` writes them placed (column organs)")


def _unrelated(predictor: Predictor, cohort: Cohort, result: Mapping[str, Any], seed: int) -> Iterable[Finding]:
    """Outcomes that nothing known tells."""
    for outcome, e in result["outcomes"].items():
        if min(e["events"], e["n"] - e["events"]) < LEAST_EVENTS:
            continue
        told = {predictor.name: tuple(e["interval"]["auc"])}
        told |= {name: tuple(v["interval"]["auc"]) for name, v in e["voices"].items() if "interval" in v}
        if BASELINE in cohort.names:
            event, alc = cohort.outcomes[outcome], cohort.column(BASELINE)
            known = np.isfinite(event) & np.isfinite(alc)
            told["the baseline count"] = _auc_interval(-alc[known], event[known], cohort.group[known], seed)
        said = ", ".join(f"{name} {low:.2f} to {high:.2f}" for name, (low, high) in told.items())
        if all(high < CHANCE for _, high in told.values()):
            what = f"{outcome} is told the wrong way round by all that is known (AUC {said}): 0 and 1 exchanged?"
        elif all(low <= CHANCE and high < USEFUL for low, high in told.values()):
            what = f"{outcome} is told by nothing that is known (AUC {said}): labels shuffled, or of other patients?"
        else:
            continue
        yield finding(UNRELATED, what, outcome, "check that each row has its own patient's counts")


def _auc_interval(
    score: NDArray[np.float64], event: NDArray[np.float64], group: NDArray[np.int64], seed: int
) -> tuple[float, float]:
    """Of a score that need be no probability; everything is possible with one class."""
    return intervals(score, event, group, seed, ("auc",))["auc"] if 0 < event.sum() < len(event) else (0.0, 1.0)


def _standing(result: Mapping[str, Any]) -> Iterable[Finding]:
    for outcome, e in result["outcomes"].items():
        state: State = e["standing"]["state"]
        if (of := BY_STATE.get(state)) is not None:
            yield finding(of, f"{outcome}: {e['standing']['why']}", outcome, HINTS[state])
