"""The one chain, from a source to an `Analysis`; it reads like the methods section of a paper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from lymphorisk import parameters
from lymphorisk.analysis.beside import beside_of
from lymphorisk.analysis.edic import edic_of
from lymphorisk.analysis.emitters import NOT_LEARNED, emitter_findings, emitters_of
from lymphorisk.analysis.exposure import bath_of, blood_dose_of, exposure_of
from lymphorisk.analysis.options import Options, held
from lymphorisk.analysis.pause import OtherDays, course_with, other_days
from lymphorisk.analysis.prepared import LABORATORY, Prepared, prepare
from lymphorisk.analysis.prices import priced
from lymphorisk.analysis.result import Analysis, Assumption, Provenance, Risk, WhatIf
from lymphorisk.analysis.risk import agreement_of, learned_voice, literature_voice, outcomes, voices_differ
from lymphorisk.analysis.row import row_of
from lymphorisk.analysis.schedules import Cost, Schedule, given_in, scaled, texts_of
from lymphorisk.analysis.source import Readable, with_fractions
from lymphorisk.analysis.targets import TargetSheet, target_sheet
from lymphorisk.analysis.therapy import therapy_calendar
from lymphorisk.analysis.whatif import Change, changed, imaged, imaging_asked, parse, rate_findings, touched_by
from lymphorisk.circulation import SurvivalForm
from lymphorisk.circulation.threads import one_blas_thread
from lymphorisk.errors import ScenarioError
from lymphorisk.findings import Finding
from lymphorisk.lymphocyte import AlcForecast, Course, Population, forecast, population
from lymphorisk.lymphocyte.whatif import difference
from lymphorisk.plan import Patient
from lymphorisk.version import __version__

if TYPE_CHECKING:
    from lymphorisk.analysis.picture import View


def analyze(source: Readable, patient: Patient | None = None, options: Options | None = None) -> Analysis:
    """Analyse one course: organ doses, blood dose, lymphocyte count, risk and its reasons.

    Parameters
    ----------
    source : path, Export or Scenario
        A folder or zip a planning system exported, a scenario TOML, or either already read; several paths hold the
        plans of one course (`Options.deliver`).
    patient : Patient, optional
        What is known of the patient; it wins over what the files say.
    options : Options, optional
        Choices; the defaults are the documented ones.

    Returns
    -------
    Analysis

    Raises
    ------
    InputError
        A file that cannot be used, with a hint.
    UndecidableError
        The data cannot answer the question.
    """
    return analysis_of(prepare(source, patient, options))


@one_blas_thread
@held
def analysis_of(plan: Prepared) -> Analysis:
    """The analysis of a course that is prepared."""
    who, options, doses, flow = plan.patient, plan.options, plan.doses, plan.flow
    asked = texts_of(options.what_if, plan.source.plan.phases)
    for text, schedule in asked:
        if schedule is None and imaging_asked(text) is None:
            understood(text, plan)
    blood = blood_dose_of(plan)
    exposure = exposure_of(plan, blood)
    count = forecast_of(exposure, who, options)
    within = emitters_of(plan.source.plan.phases)
    edic = edic_of(plan.source.plan.phases, doses, plan.body)
    voice = NOT_LEARNED if within else learned_voice(lambda placed: row_of(plan, blood, edic, placed=placed), options)
    learned = voice.prediction
    literature = literature_voice(plan, blood, edic)

    what_ifs = tuple(what_if(text, schedule, plan, count, exposure) for text, schedule in asked)
    sheet = sheet_of(plan, exposure, count)
    mechanistic = {f"g{g}": count.grade_probability[g] for g in ("2", "3", "4")}
    risk = Risk(
        mechanistic,
        learned,
        literature,
        voices_differ(mechanistic, learned, literature),
        outcomes(learned, int(count.day[-1])),
    )
    findings = [
        *plan.findings,
        *blood.findings,
        *count.findings,
        *emitter_findings(plan.source.plan.phases, doses.organs),
        *rate_findings(options.what_if),
        *(() if sheet is None else sheet.findings),
        *voice.findings,
    ]
    return Analysis(
        label=plan.source.plan.label,
        phases=flow.summaries,
        patient=who,
        patient_sources=plan.told,
        organs=doses.organs,
        targets=doses.targets,
        unmatched=doses.unmatched,
        blood=blood,
        network=flow.network_title,
        edic=edic,
        forecast=count,
        course=exposure,
        risk=risk,
        explanation=voice.explanation,
        attribution=count.organ_share,
        what_ifs=what_ifs,
        therapies=therapy_calendar(options, exposure, count),
        target_sheet=sheet,
        findings=distinct(findings),
        assumptions=assumed(placed=doses.bodies is not None),
        provenance=Provenance(
            version=__version__,
            parameter_set=parameters.set_id(),
            model_name=voice.model[0],
            model_sha256=voice.model[1],
            inputs=plan.source.inputs,
            seed=options.seed,
            draws=options.draws,
            options=_chosen(plan),
            packages={name: version(name) for name in ("numpy", "pydicom", "scipy")},
        ),
        agreement=agreement_of(count.organ_share, voice, doses.undrawn),
        explanation_figures=voice.figures,
        anatomy=pictures(plan),
        bath=bath_of(exposure, who, options),
        beside=beside_of(
            exposure, who, people_of(options.survival_model), count.baseline_alc, options.seed, count.horizon_d
        ),
    )


def sheet_of(plan: Prepared, exposure: Course, count: AlcForecast) -> TargetSheet | None:
    """The sheet of the targets, with prices where they are asked for."""
    sheet = target_sheet(plan)
    if sheet is None or not plan.options.prices:
        return sheet
    return priced(
        sheet, plan, exposure, count, lambda course: forecast_of(course, plan.patient, plan.options, explain=False)
    )


def pictures(plan: Prepared) -> tuple[View, ...]:
    """Where placed organs lie, when pictures are asked for."""
    if not plan.options.pictures:
        return ()
    from lymphorisk.analysis.picture import views_of

    return views_of(plan.doses)


def forecast_of(
    course: Course, patient: Patient, options: Options, *, explain: bool = True, draws: int | None = None
) -> AlcForecast:
    """The count over time with bands."""
    baseline = patient.alc if patient.alc is not None else parameters.load("body")["baseline_alc"].number
    return forecast(
        course,
        baseline,
        people_of(options.survival_model),
        age_y=patient.age_y,
        lln=patient.lln,
        baseline_known=patient.alc is not None,
        chemo_known=patient.chemo is not None,
        seed=options.seed,
        draws=draws or options.draws,
        horizon_d=max(options.horizon_d, course.last_fraction_d + 1),
        explain=explain,
    )


def understood(text: str, plan: Prepared) -> Change | OtherDays:
    """What a what-if of days, doses, fractions or a dose rate asks for, before anything is worked out for it.

    Raises
    ------
    ScenarioError
        It asks for nothing, or for what this course does not have.
    """
    if (days := other_days(text)) is not None:
        if emitters_of(plan.source.plan.phases):
            raise ScenarioError(
                f"what-if {text!r} of a course with an internal emitter is ambiguous", "change its days"
            )
        return days
    change = parse(text, plan.source.plan.fractions)
    if change.organ:
        touched_by(change, plan.doses)
    if change.fractions is not None:
        with_fractions(plan.source, change.fractions)
    return change


def replanned(text: str, plan: Prepared, course: Course | None = None) -> AlcForecast:
    """The forecast after one change of the plan, with its blood dose solved again where the change touches it.

    Parameters
    ----------
    course : Course, optional
        The plan's own exposure, when it is known: other days leave the dose of a fraction as it is.
    """
    change = understood(text, plan)
    if isinstance(change, OtherDays):
        known = course or exposure_of(plan, blood_dose_of(plan))
        return forecast_of(course_with(known, change, plan.options.weekday), plan.patient, plan.options, explain=False)
    if change.fractions is not None:
        plan = plan.with_fractions(change.fractions)
    elif change.gy_per_s is not None:
        plan = plan.at_dose_rate(change.gy_per_s)
    else:
        plan = plan.with_doses(changed(plan.doses, change, plan.source.plan.phases))
    return forecast_of(exposure_of(plan, blood_dose_of(plan, {})), plan.patient, plan.options, explain=False)


def what_if(text: str, schedule: Schedule | None, plan: Prepared, count: AlcForecast, exposure: Course) -> WhatIf:
    """A change of the plan against it, on the same draws; of another schedule with what it costs."""
    if (gray := imaging_asked(text)) is not None:
        course = imaged(exposure, gray)
        return WhatIf(text, difference(count, forecast_of(course, plan.patient, plan.options, explain=False)))
    if schedule is None:
        return WhatIf(text, difference(count, replanned(text, plan, exposure)))
    other, factor = given_in(plan, schedule)
    course = scaled(exposure if other is plan else exposure_of(other, blood_dose_of(other, {})), factor)
    made = forecast_of(course, plan.patient, plan.options, explain=False)
    return WhatIf(text, difference(count, made), Cost(schedule, made))


def people_of(survival: str | SurvivalForm) -> Population:
    """The calibrated population with a named survival model, or one of the caller's own."""
    return population(parameters.load("lymphocyte"), parameters.posterior(), survival=survival)


def forecast_again(analysis: Analysis, course: Course) -> AlcForecast:
    """The forecast of an analysis for a changed course, on the same draws."""
    options = options_from(analysis.provenance.options)
    with parameters.given(options.parameters):
        return forecast_of(course, analysis.patient, options, explain=False)


def options_from(plain: Mapping[str, Any]) -> Options:
    """The options a result was made with; the predictor's folder and segmentations are not kept."""
    own = plain.get("survival")
    survival = (
        SurvivalForm(*(tuple(own[k]) for k in ("weights", "alphas", "betas"))) if isinstance(own, Mapping) else own
    )
    return Options(**{**plain, "model": None, "survival": survival, "segmentation": (), "labels": None})


def distinct(findings: list[Finding]) -> tuple[Finding, ...]:
    """Findings once each, errors first, in the order they were met."""
    order = {"error": 0, "warning": 1, "info": 2}
    return tuple(sorted(dict.fromkeys(findings), key=lambda f: order[f.severity]))


#: Topics of parameters that every analysis rests on.
TOPICS = ("body", "delivery", "lymphocyte", "circulation", "subsets", "neutrophils", "emitters")


def assumed(placed: bool = False) -> tuple[Assumption, ...]:
    """Every number of the models that has no source, and every one the caller gave.

    Those of placed organs only where some are; organ by organ their stated spreads are one assumption, written in the
    parameter file.
    """
    out = []
    for topic in (*TOPICS, *(("anatomy",) if placed else ())):
        for name, p in parameters.load(topic).items():
            if p.known in ("assumed", "given") and not name.startswith(("organ.", "extra.")):
                value = (
                    f"{p.number:g} {p.unit}" if not isinstance(p.value, tuple) else f"{len(p.value)} values {p.unit}"
                )
                out.append(Assumption(f"{topic}.{name}", value.removesuffix(" 1"), p.place or p.note))
    return tuple(out)


def _chosen(plan: Prepared) -> Mapping[str, object]:
    """Options and what a clinic file gave, the laboratory's limit only where the patient has it from there."""
    options = plan.options
    used = [n for n in options.clinic_file.get("settings", ()) if n != "counts.lln" or plan.told["lln"] == LABORATORY]
    said = {**options.clinic_file, "settings": used} if used else {}
    return shown(replace(options, lln=options.lln if plan.told["lln"] == LABORATORY else None, clinic_file=said))


def shown(options: Options) -> dict[str, object]:
    """Options as plain values without paths."""
    plain = asdict(options)
    plain["model"] = None if options.model is None else options.model.name
    plain["segmentation"] = len(options.segmentation)  # a file's name may be the patient's
    plain["labels"] = options.labels is not None
    plain["model_key"] = options.model_key is not None
    unsaid = (
        "dose_is", "undrawn", "segmentation", "labels", "aliases", "lln", "clinic_file", "deliver", "missed",
        "delivered_so_far", "first_fraction", "therapy", "node_role", "prices", "model_key",
    )  # fmt: skip
    if not options.missed:
        plain.pop("make_up")
    plain.pop("pictures")  # they change no number
    return {name: value for name, value in plain.items() if name not in unsaid or value}
