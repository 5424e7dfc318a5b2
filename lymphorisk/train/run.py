"""Train on a cohort, evaluate a model on one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lymphorisk.errors import CohortError
from lymphorisk.findings import Finding, finding
from lymphorisk.predict.booster import load
from lymphorisk.train.card import PUBLISHED_C
from lymphorisk.train.checks import EVENTS
from lymphorisk.train.cohort import Cohort
from lymphorisk.train.evaluate import external
from lymphorisk.train.fit import fit
from lymphorisk.train.package import write_model
from lymphorisk.train.samplesize import sample_size
from lymphorisk.train.settings import SMOOTH, Choices, Progress, Settings, Shape
from lymphorisk.train.suspect import suspicions

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
        The cohort has no outcome of the model, or the model answers for none of its patients.
    PredictorFileError
        The model was altered.
    """
    predictor = load(model_path)
    result = external(predictor, cohort, seed)
    if not result["outcomes"]:
        raise CohortError("the cohort has no outcome of this model with both classes")
    found = (*suspicions(predictor, cohort, result, seed), *cohort.findings)
    result["findings"] = [f"{f.code} {f.what}" for f in found]
    return result
