"""Train on a cohort, evaluate a model on one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lymphorisk.errors import CohortError
from lymphorisk.features.external import FROM_IMAGES
from lymphorisk.features.schema import EXTERNAL
from lymphorisk.findings import Finding, finding
from lymphorisk.predict.booster import load
from lymphorisk.train.card import PUBLISHED_C
from lymphorisk.train.checks import EVENTS, GAPS, UNKNOWN
from lymphorisk.train.cohort import Cohort
from lymphorisk.train.declared import NOTHING, Declared
from lymphorisk.train.evaluate import against, external
from lymphorisk.train.external import added_findings, against_model, quality_findings
from lymphorisk.train.fit import fit
from lymphorisk.train.logistic import fit_logistic
from lymphorisk.train.package import write_model
from lymphorisk.train.radiomics import quality_items
from lymphorisk.train.samplesize import sample_size
from lymphorisk.train.schema import OUTCOMES
from lymphorisk.train.settings import SMOOTH, Choices, Progress, Settings, Shape, grouped_folds
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
    radiomics: Mapping[str, str] = NOTHING.radiomics,
    progress: Progress = lambda _: None,
) -> Training:
    """Train a model on a cohort that was read, and write it to the folder `out`, new or not.

    Parameters
    ----------
    trained_on : str
        What the card calls the cohort; its name by default.
    radiomics : mapping of str to str
        Answers to what is asked of radiomics and dosiomics columns.
    progress : callable
        Told each step, and the time that is left.

    Raises
    ------
    CohortError
        No outcome has enough events.
    """
    if not choices.early:
        cohort = without_the_first_week(cohort)
    elif not any(f.optional for f in cohort.schema):
        raise CohortError(
            "the cohort has no count after the first week (alc_week1)",
            "leave --early out, or give counts from day 5 to 9",
        )
    progress(f"{len(cohort)} rows, {len(cohort.names)} features")
    hold_out = next((by for by in ("centre", "site") if len(np.unique(cohort.subgroups.get(by, ()))) > 1), None)
    model = fit(cohort, settings_for(cohort, choices.seed), hold_out=hold_out, progress=progress)
    if not model.outcomes:
        raise CohortError("no outcome has enough events to train", "recalibrate an existing model (--recalibrate)")
    asked = quality_findings(Declared(cohort.external, radiomics))
    gains = {o: added(cohort, o, model.settings) for o in model.outcomes} if cohort.external else {}
    findings = (*cohort.findings, *asked, *added_findings(gains), *size_findings(cohort))
    evaluation = write_model(
        replace(model, cohort=replace(cohort, findings=findings)),
        out,
        trained_on=trained_on or f"cohort {cohort.name}",
        window=choices.window,
        aggregation=choices.aggregation,
        extra={**({"organs": {"placed": True}} if cohort.placed else {}), **_beyond(cohort, gains, radiomics)},
    )
    return Training(out, evaluation, findings)


def without_the_first_week(cohort: Cohort) -> Cohort:
    """The cohort without what is known only after the first week of treatment."""
    if not (late := [f.name for f in cohort.schema if f.optional]):
        return cohort
    what = f"{', '.join(late)} is known only after the first week and is not used"
    told = finding(UNKNOWN, what, late[0], "--early trains a mid-course model that reads it")
    kept = cohort.using([name for name in cohort.names if name not in late])
    return replace(kept, findings=(*cohort.findings, told))


def _beyond(cohort: Cohort, gains: Mapping[str, Any], radiomics: Mapping[str, str]) -> dict[str, Any]:
    """What the card says of columns beyond the program's schema: declaration, what they add, radiomics quality."""
    if not cohort.external:
        return {}
    images = sum(c.kind in FROM_IMAGES for c in cohort.external)
    return {
        "external": [c.to_dict() for c in cohort.external],
        "external_adds": dict(gains),
        "radiomics": quality_items(cohort.external, radiomics, len(cohort.names) - images),
    }


def added(cohort: Cohort, outcome: str, settings: Settings) -> dict[str, Any]:
    """What the declared columns add to a logistic model of the program's own features, in patients left out."""
    own = cohort.using([f.name for f in cohort.schema if f.kind != EXTERNAL])
    known = np.isfinite(cohort.outcomes[outcome])
    event, group = cohort.outcomes[outcome][known], cohort.group[known]
    fold = grouped_folds(group, settings.outer, settings.seed + 2)
    said = []
    for x in (cohort.features[known], own.features[known]):
        p = np.zeros(len(event))
        for k in range(settings.outer):
            p[fold == k] = fit_logistic(x[fold != k], event[fold != k]).probability(x[fold == k])
        said.append(p)
    return against(said[0], said[1], event, group, settings.seed)


def evaluate_model(
    model_path: str | Path, cohort: Cohort, *, seed: int = 1, declared: Declared = NOTHING
) -> dict[str, Any]:
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
    found = (
        *suspicions(predictor, cohort, result, seed),
        *against_model(predictor, cohort, declared),
        *(f for f in cohort.findings if f.code != GAPS.code or f.where in (*predictor.features, *OUTCOMES)),
    )
    result["findings"] = [f"{f.code} {f.what}" for f in found]
    return result
