"""Train on a cohort, evaluate a model on one, recalibrate a model to one."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import CohortError
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.predict.booster import CALIBRATION, CARD, load, verified
from lymphorisk.predict.calibration import Calibration, fitted, sigmoid
from lymphorisk.train.card import PUBLISHED_C
from lymphorisk.train.checks import EVENTS, MIN_EVENTS
from lymphorisk.train.cohort import Cohort
from lymphorisk.train.evaluate import external, rows_for
from lymphorisk.train.fit import fit
from lymphorisk.train.package import write_folder, write_model
from lymphorisk.train.samplesize import sample_size
from lymphorisk.train.settings import SMOOTH, Choices, Progress, Settings, Shape

TRAINED_ON = rule(
    "LR423",
    "warning",
    "Evaluated on training data",
    "The cohort, or part of it, is what the model was trained or recalibrated on: its scores are no validation.",
)
#: Below this many patients the trees are kept shallow and few.
SMALL = 2000
SMALL_CHOICES = (SMOOTH, Shape(1, 0.10, 3.0, 5.0, 200), Shape(2, 0.08, 5.0, 5.0, 200), Shape(3, 0.06, 8.0, 5.0, 200))


@dataclass(frozen=True, slots=True)
class Training:
    """A finished training: where the model is, its evaluation as plain data, and what was noticed."""

    path: Path
    evaluation: dict[str, Any]
    findings: tuple[Finding, ...]


def settings_for(cohort: Cohort, seed: int) -> Settings:
    """Training settings fit to the size of a cohort."""
    base = Settings(seed=seed)
    return base if len(cohort) >= SMALL else replace(base, choices=SMALL_CHOICES)


def size_findings(cohort: Cohort) -> tuple[Finding, ...]:
    """Riley's criteria against the cohort, by outcome."""
    out = []
    for outcome, event in cohort.outcomes.items():
        known = event[np.isfinite(event)]
        if not 0 < known.sum() < len(known):
            continue
        wanted = sample_size(float(known.mean()), PUBLISHED_C, len(cohort.names))
        if len(known) < wanted.n:
            what = (
                f"{outcome}: {len(known)} patients with {int(known.sum())} events; Riley's criteria ask for "
                f"{wanted.n} ({wanted.events} events) for {wanted.parameters} parameters at c {PUBLISHED_C:g}"
            )
            out.append(finding(EVENTS, what, outcome, "use fewer features, or --recalibrate an existing model"))
    return tuple(out)


def run_training(
    cohort: Cohort,
    out: Path,
    choices: Choices,
    *,
    trained_on: str = "",
    progress: Progress = lambda _: None,
) -> Training:
    """Train a model on a cohort that was read, and write it to the folder `out`, new or not.

    Parameters
    ----------
    trained_on : str
        What the card calls the cohort; its name by default.
    progress : callable
        Told each step, and the time that is left.

    Raises
    ------
    CohortError
        No outcome has enough events.
    """
    progress(f"{len(cohort)} rows, {len(cohort.names)} features")
    hold_out = next((by for by in ("centre", "site") if len(np.unique(cohort.subgroups.get(by, ()))) > 1), None)
    model = fit(cohort, settings_for(cohort, choices.seed), hold_out=hold_out, progress=progress)
    if not model.outcomes:
        raise CohortError("no outcome has enough events to train", "recalibrate an existing model (--recalibrate)")
    findings = (*cohort.findings, *size_findings(cohort))
    evaluation = write_model(
        replace(model, cohort=replace(cohort, findings=findings)),
        out,
        trained_on=trained_on or f"cohort {cohort.name}",
        window=choices.window,
        aggregation=choices.aggregation,
        extra={"organs": {"placed": True}} if cohort.placed else None,
    )
    return Training(out, evaluation, findings)


def evaluate_model(model_path: str | Path, cohort: Cohort, *, seed: int = 1) -> dict[str, Any]:
    """Scores of a stored model on a cohort, as plain data; ``kind`` says whether the model had seen it.

    Raises
    ------
    CohortError
        The cohort has no outcome of the model.
    PredictorFileError
        The model was altered.
    """
    predictor = load(model_path)
    result = external(predictor, cohort, seed)
    if not result["outcomes"]:
        raise CohortError("the cohort has no outcome of this model with both classes")
    result["findings"] = [f"{f.code} {f.what}" for f in cohort.findings]
    if result["kind"] != "external validation":
        result["findings"].insert(0, f"{TRAINED_ON.code} {result['kind']}")
    return result


def recalibrate(
    model_path: str | Path,
    cohort: Cohort,
    out: str | Path,
    *,
    slope: bool | None = None,
) -> dict[str, Calibration]:
    """Fit a new calibration line to a small cohort and write the model with it.

    Parameters
    ----------
    slope : bool or None
        Fit the slope too; by default only with at least 20 events and 20 non-events, else the intercept alone.

    Returns
    -------
    dict of str to Calibration
        The line of each outcome, on the stored model's log-odds.
    """
    predictor = load(model_path)
    card, files, _ = verified(Path(model_path))
    stored = json.loads(files[CALIBRATION])
    lines: dict[str, Calibration] = {}
    for outcome in predictor.outcomes:
        if outcome not in cohort.outcomes:
            continue
        known = np.flatnonzero(np.isfinite(cohort.outcomes[outcome]))
        event = cohort.outcomes[outcome][known]
        least = min(int(event.sum()), int(len(event) - event.sum()))
        if least < MIN_EVENTS // 2:
            continue
        rows = rows_for(predictor, cohort)[known]
        now = predictor.calibration[outcome].log_odds(predictor.boosters[outcome].margins(rows))
        with_slope = least >= 2 * MIN_EVENTS if slope is None else slope
        line = fitted(now, event) if with_slope else Calibration(_shift(now, event), 1.0)
        lines[outcome] = line
        both = line.after(predictor.calibration[outcome])
        stored["calibration"][outcome] = {"intercept": both.intercept, "slope": both.slope}
        stored["conformal"].pop(outcome, None)
    if not lines:
        raise CohortError("the cohort has too few events to recalibrate any outcome")
    raw = (json.dumps(stored, indent=1, sort_keys=True) + "\n").encode()
    changed = {k: v for k, v in files.items() if k != CARD} | {CALIBRATION: raw}
    new = dict(card)
    new["model"] = {**card["model"], "name": Path(out).name, "recalibrated_on": cohort.name}
    new["recalibration"] = {
        "cohort": cohort.name,
        "sha256": cohort.sha256,
        "rows": len(cohort),
        "statement": "Conformal sets are withheld for recalibrated outcomes: their patients are not the cohort's.",
        **{o: {"intercept": line.intercept, "slope": line.slope} for o, line in lines.items()},
    }
    new["sha256"] = {**card["sha256"], CALIBRATION: hashlib.sha256(raw).hexdigest()}
    write_folder(Path(out), changed, new)
    return lines


def _shift(log_odds: NDArray[np.float64], event: NDArray[np.float64]) -> float:
    """Intercept that makes the mean prediction the observed rate, slope kept."""
    low, high = -20.0, 20.0
    for _ in range(80):
        middle = 0.5 * (low + high)
        if float(sigmoid(log_odds + middle).mean()) < float(event.mean()):
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)
