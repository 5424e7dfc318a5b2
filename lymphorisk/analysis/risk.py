"""The three voices: what the mechanism, the published models and the trained predictor say."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from lymphorisk import parameters
from lymphorisk.absent import Absent
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.prepared import Prepared
from lymphorisk.analysis.row import number
from lymphorisk.circulation import BloodDose
from lymphorisk.features import FeatureVector
from lymphorisk.features.external import DOSIOMICS
from lymphorisk.findings import Finding
from lymphorisk.literature import Case, Estimate, estimate_all
from lymphorisk.plan import Patient
from lymphorisk.plan.treatment import course_modality
from lymphorisk.units import squashed

if TYPE_CHECKING:
    from lymphorisk.predict import Agreement, Explanation, Prediction, Predictor


def shipped_models() -> Path | None:
    """Folder of the shipped predictors: inside an installed package, else beside a checkout."""
    here = Path(__file__).parent.parent
    for folder in (here / "_models", here.parent / "models"):
        if folder.is_dir():
            return folder
    return None


def shipped_model() -> Path | None:
    """The newest shipped predictor."""
    folder = shipped_models()
    found = sorted(p.parent for p in folder.glob("*/card.toml")) if folder else []
    return found[-1] if found else None


@dataclass(frozen=True, slots=True)
class Learned:
    """The learned voice: what it says, why, drawings of why (SVG by name), the model's name and SHA-256, findings.

    Outside its domain it says nothing, and gives no reasons: `prediction` and `explanation` are absent.
    """

    prediction: Prediction | Absent
    explanation: Explanation | Absent
    figures: Mapping[str, str] = field(default_factory=dict)
    model: tuple[str, str] = ("", "")
    findings: tuple[Finding, ...] = ()


def learned_voice(row: Callable[[bool], FeatureVector], options: Options) -> Learned:
    """Ask the chosen or shipped predictor; `row` gives the patient with placed organs known, or missing."""
    from lymphorisk import predict

    path = options.model or shipped_model()
    if path is None:
        reason = Absent.declined("no trained predictor is installed")
        return Learned(reason, reason)
    predictor = _loaded(path, options.model_key)
    named = predictor.name, predictor.sha256
    vector = row(predictor.knows_placed)
    said = predict.predict(predictor, vector)
    if (why_not := said.declined) is not None:
        return Learned(why_not, why_not, model=named, findings=said.findings)
    return Learned(
        said,
        predict.explain(predictor, vector),
        predict.shap_drawings(predictor, vector) if options.shap_plots else {},
        named,
        said.findings,
    )


def of_one_plan(patient: Patient, options: Options) -> tuple[str, ...]:
    """Columns given of the patient that the chosen predictor reads as scores of the dose of a plan."""
    if patient.columns is None or options.model is None:
        return ()
    scores = {squashed(e.name) for e in _loaded(options.model, options.model_key).external if e.kind == DOSIOMICS}
    return tuple(name for name, _ in patient.columns if squashed(name) in scores)


def agreement_of(organ_share: Mapping[str, float], learned: Learned, placed: Collection[str] = ()) -> Agreement | None:
    """Physics' attribution against the learned reasons; organs the model knows nothing of have no opinion.

    `placed` are pools most of which is placed.
    """
    from lymphorisk.predict import agreement
    from lymphorisk.predict.agreement import GROUP_OF

    if isinstance(learned.explanation, Absent):
        return None
    known = {c.organ for c in learned.explanation.features if isfinite(c.value)}
    unknown = tuple(g.name for g in learned.explanation.organs if g.name not in known)
    groups = {GROUP_OF[pool] for pool in placed if pool in GROUP_OF}
    return agreement(organ_share, learned.explanation, unknown, groups)


def outcomes(learned: Prediction | Absent, horizon_d: int) -> dict[str, str]:
    """What the mechanism's and the learned model's probabilities are probabilities of; they are not the same."""
    out = {"mechanistic": f"true daily nadir within {horizon_d} days, without counting error"}
    if not isinstance(learned, Absent) and learned.answers_for:
        out["learned"] = "; ".join(dict.fromkeys(key.partition(", ")[2] for key in learned.answers_for.values()))
    return out


@cache
def _loaded(path: Path, key: Path | None) -> Predictor:
    from lymphorisk import predict

    return predict.load(path, key)


def literature_voice(plan: Prepared, blood: BloodDose, edic: Mapping[str, float | Absent]) -> tuple[Estimate, ...]:
    """Every published model's estimate, or why it declines; one for a single modality declines a mixed course."""
    brain, patient = plan.doses.of("Brain"), plan.patient
    case = Case(
        site=patient.site,
        modality=course_modality(s.modality for s in plan.flow.summaries),
        sex=patient.sex,
        chemo=patient.chemo,
        alc=patient.alc,
        lln=patient.lln,
        fractions=sum(s.fractions for s in plan.flow.summaries),
        brain_mean_gy=None if brain is None else brain.course.mean_gy,
        blood_mean_gy=blood.course.mean_gy,
        edic_gy=number(edic["edic_gy"]),
        edic_esophagus_gy=number(edic["edic_esophagus_gy"]),
    )
    numbers = {name: p.number for name, p in parameters.load("literature").items()}
    return estimate_all(case, numbers)


def voices_differ(
    mechanistic: Mapping[str, float], learned: Prediction | Absent, literature: tuple[Estimate, ...]
) -> str:
    """One sentence on how far the voices differ, on the grade where they differ most; empty when only one speaks."""
    by_grade = {}
    for grade in (3, 4):
        spoken = [("mechanism", mechanistic[f"g{grade}"])]
        own = None if isinstance(learned, Absent) else learned.p.get(f"g{grade}")
        if own is not None:
            spoken.append(("trained predictor", own))
        spoken += [(e.name, e.p) for e in literature if not isinstance(e.p, Absent) and e.outcome.grade == grade]
        if len(spoken) > 1:
            by_grade[grade] = (min(spoken, key=lambda v: v[1]), max(spoken, key=lambda v: v[1]))
    if not by_grade:
        return ""
    grade, (low, high) = max(by_grade.items(), key=lambda item: item[1][1][1] - item[1][0][1])
    gap = high[1] - low[1]
    what = f"grade {grade}" if grade == 4 else f"grade {grade} or worse"
    if gap <= parameters.load("apart")["voices.risk"].number:
        return f"The voices lie within {100 * gap:.0f} points of each other on grade 3 and grade 4."
    return (
        f"The voices differ by {100 * gap:.0f} points on {what}: "
        f"{low[0]} {100 * low[1]:.0f} %, {high[0]} {100 * high[1]:.0f} %."
    )
