"""The one chain, from a source to an `Analysis`; it reads like the methods section of a paper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lymphorisk import parameters
from lymphorisk.absent import Absent
from lymphorisk.analysis.blood import Circulation, circulation
from lymphorisk.analysis.doses import BodyNumbers, Doses, organ_doses
from lymphorisk.analysis.edic import edic_family
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.result import Analysis, Assumption, Provenance, Risk, WhatIf
from lymphorisk.analysis.risk import agreement_of, learned_voice, literature_voice, outcomes, row_of, voices_differ
from lymphorisk.analysis.source import Source, open_source, with_fractions
from lymphorisk.analysis.whatif import changed, parse
from lymphorisk.circulation import MODELS, BloodDose, SurvivalForm
from lymphorisk.dicom import Export
from lymphorisk.findings import Finding
from lymphorisk.lymphocyte import (
    AlcForecast,
    Course,
    PhaseExposure,
    Population,
    forecast,
    population,
    survival_sets,
)
from lymphorisk.lymphocyte.whatif import difference
from lymphorisk.plan import Patient
from lymphorisk.scenario import Scenario
from lymphorisk.version import __version__

#: Doses kept of each distribution the lymphocytes meet: the kill of a fraction is then right to 1e-6, and a saved
#: result stays small.
BINS = 256


def analyze(
    source: str | Path | Export | Scenario, patient: Patient | None = None, options: Options | None = None
) -> Analysis:
    """Analyse one course: organ doses, blood dose, lymphocyte count, risk and its reasons.

    Parameters
    ----------
    source : path, Export or Scenario
        A folder or zip a planning system exported, a scenario TOML, or either already read.
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
    options = options or Options()
    course = open_source(source, options)
    who, told = known_patient(patient or Patient(), course.patient)
    compartments = options.network or course.network or "32"
    body = body_numbers(who)

    doses = organ_doses(course, options, compartments, body)
    flow = circulation(course, doses, who, options, compartments)
    blood = blood_dose_of(flow, course, options)
    exposure = exposure_of(flow, doses, blood, who)
    count = forecast_of(exposure, who, options)
    edic = edic_family(doses, course.plan.fractions, body)
    row = row_of(doses, blood, edic, flow, who, body)
    voice = learned_voice(row, options)
    learned = voice.prediction
    literature = literature_voice(doses, blood, edic, flow, who)

    what_ifs = tuple(
        WhatIf(text, difference(count, replanned(text, course, doses, who, options, compartments)))
        for text in options.what_if
    )
    mechanistic = {f"g{g}": count.grade_probability[g] for g in ("2", "3", "4")}
    risk = Risk(
        mechanistic,
        learned,
        literature,
        voices_differ(mechanistic, learned, literature),
        outcomes(learned, int(count.day[-1])),
    )
    findings = [
        *course.findings,
        *doses.findings,
        *flow.findings,
        *blood.findings,
        *count.findings,
        *(() if isinstance(learned, Absent) else learned.findings),
    ]
    return Analysis(
        label=course.plan.label,
        phases=flow.summaries,
        patient=who,
        patient_sources=told,
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
        findings=distinct(findings),
        assumptions=assumed(),
        provenance=Provenance(
            version=__version__,
            parameter_set=parameters.set_id(),
            model_name=voice.model[0],
            model_sha256=voice.model[1],
            inputs=course.inputs,
            seed=options.seed,
            draws=options.draws,
            options=shown(options),
            packages={name: version(name) for name in ("numpy", "pydicom", "scipy")},
        ),
        agreement=agreement_of(count.organ_share, voice),
        explanation_figures=voice.figures,
    )


def known_patient(given: Patient, read: Patient) -> tuple[Patient, Mapping[str, str]]:
    """The patient as used, and where each fact came from: ``given``, ``plan file`` or ``not known``."""
    facts, told = {}, {}
    for name, value in asdict(given).items():
        from_file = getattr(read, name)
        facts[name] = value if value is not None else from_file
        told[name] = "given" if value is not None else "not known" if from_file is None else "plan file"
    return Patient(**facts), told


def body_numbers(patient: Patient) -> BodyNumbers:
    """Body volume from the weight, else the reference body's."""
    numbers = parameters.load("body")
    if patient.weight_kg is None:
        volume = numbers["volume"].number
    else:
        volume = patient.weight_kg / numbers["density"].number
    return BodyNumbers(
        volume_l=volume,
        min_coverage=numbers["min_coverage"].number,
        undecidable_coverage=numbers["undecidable_coverage"].number,
        from_weight=patient.weight_kg is not None,
        bone_threshold_hu=numbers["bone_threshold"].number,
        bone_volume_l=numbers["bone_volume"].number,
    )


def blood_dose_of(flow: Circulation, source: Source, options: Options) -> BloodDose:
    """Blood dose of a fraction and of the course by the chosen engine."""
    numbers = parameters.load("circulation")
    engine = MODELS[options.blood_engine]
    more: dict[str, Any] = {"seed": options.seed} if options.blood_engine == "montecarlo" else {}
    if options.blood_engine == "exact":
        more["bounds"] = options.blood_bounds
    return engine(
        flow.network,
        flow.phases,
        survival_of(),
        stages=options.stages or source.stages or int(numbers["stages"].number),
        lanes=options.lanes or source.lanes or int(numbers["lanes"].number),
        **more,
    )


def survival_of() -> Mapping[str, SurvivalForm]:
    """All lymphocyte survival models by name."""
    return survival_sets(population(parameters.load("lymphocyte")).value)


def exposure_of(flow: Circulation, doses: Doses, blood: BloodDose, patient: Patient) -> Course:
    """What the lymphocytes meet, fraction by fraction."""
    import numpy as np

    phases = []
    for i, summary in enumerate(flow.summaries):
        phases.append(
            PhaseExposure(
                times_d=np.array(summary.days),
                blood=blood.fraction[i].distribution().rebinned(BINS),
                pools={pool: parts[i].rebinned(BINS) for pool, parts in doses.pools.items()},
                surrogate=doses.surrogates,
                modality=summary.modality,
            )
        )
    return Course(tuple(phases), chemo=patient.chemo or "none")


def forecast_of(
    course: Course, patient: Patient, options: Options, *, explain: bool = True, draws: int | None = None
) -> AlcForecast:
    """The count over time with bands."""
    baseline = patient.alc if patient.alc is not None else parameters.load("body")["baseline_alc"].number
    return forecast(
        course,
        baseline,
        people_of(options.survival),
        age_y=patient.age_y,
        lln=patient.lln,
        baseline_known=patient.alc is not None,
        chemo_known=patient.chemo is not None,
        seed=options.seed,
        draws=draws or options.draws,
        horizon_d=max(options.horizon_d, course.last_fraction_d + 1),
        explain=explain,
    )


def replanned(
    text: str, course: Source, doses: Doses, patient: Patient, options: Options, compartments: str
) -> AlcForecast:
    """The forecast after one change of the plan, with its blood dose solved again."""
    change = parse(text, course.plan.fractions)
    if change.fractions is not None:
        course = with_fractions(course, change.fractions)
        doses = organ_doses(course, options, compartments, body_numbers(patient))
    else:
        doses = changed(doses, change, course.plan.phases)
    flow = circulation(course, doses, patient, options, compartments)
    blood = blood_dose_of(flow, course, options)
    return forecast_of(exposure_of(flow, doses, blood, patient), patient, options, explain=False)


def people_of(survival: str) -> Population:
    """The calibrated population with a named survival model."""
    return population(parameters.load("lymphocyte"), parameters.posterior(), survival=survival)


def forecast_again(analysis: Analysis, course: Course) -> AlcForecast:
    """The forecast of an analysis for a changed course, on the same draws."""
    options = options_from(analysis.provenance.options)
    return forecast_of(course, analysis.patient, options, explain=False)


def options_from(plain: Mapping[str, Any]) -> Options:
    """The options a result was made with; the predictor's folder is not kept."""
    return Options(**{**plain, "model": None})


def distinct(findings: list[Finding]) -> tuple[Finding, ...]:
    """Findings once each, errors first, in the order they were met."""
    order = {"error": 0, "warning": 1, "info": 2}
    return tuple(sorted(dict.fromkeys(findings), key=lambda f: order[f.severity]))


def assumed() -> tuple[Assumption, ...]:
    """Every number of the models that has no source."""
    out = []
    for topic in ("body", "delivery", "lymphocyte", "circulation"):
        for name, p in parameters.load(topic).items():
            if p.known == "assumed":
                value = (
                    f"{p.number:g} {p.unit}" if not isinstance(p.value, tuple) else f"{len(p.value)} values {p.unit}"
                )
                out.append(Assumption(f"{topic}.{name}", value.removesuffix(" 1"), p.place))
    return tuple(out)


def shown(options: Options) -> Mapping[str, object]:
    """Options as plain values without paths."""
    plain = asdict(options)
    plain["model"] = None if options.model is None else options.model.name
    return plain
