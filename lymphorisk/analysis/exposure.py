"""What blood and lymphocytes meet: from a prepared course to blood dose and exposure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lymphorisk import parameters
from lymphorisk.analysis.doses import POOL_ORGAN, Doses
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.placed import BODY_BINS
from lymphorisk.analysis.prepared import Prepared
from lymphorisk.circulation import MODELS, BloodDose, SurvivalForm
from lymphorisk.dvh import DoseDistribution, uniform
from lymphorisk.lymphocyte import POOLS, Course, PhaseExposure, population, survival_sets
from lymphorisk.lymphocyte.bath import bath_share
from lymphorisk.lymphocyte.drugs import TEMOZOLOMIDE, USUAL_AT, Steroids, chemo_parameter
from lymphorisk.lymphocyte.lowrate import emitter_phases
from lymphorisk.lymphocyte.pools import pool_shares
from lymphorisk.plan import Patient
from lymphorisk.plan.emitter import BLOOD, Emitter

#: Name of a caller's own survival model in results.
GIVEN = "given"
#: Doses kept of each distribution the lymphocytes meet: the kill of a fraction is then right to 1e-6, and a saved
#: result stays small.
BINS = 256


def blood_dose_of(plan: Prepared, survival: Mapping[str, SurvivalForm] | None = None) -> BloodDose:
    """Blood dose of a fraction and of the course by the chosen engine.

    Parameters
    ----------
    plan : Prepared
    survival : mapping of str to SurvivalForm, optional
        Models whose surviving share is solved beside the dose: all by default. A forecast needs none of them, and the
        dose is the same without, to the engine's rounding.
    """
    engine, options = MODELS[plan.options.blood_engine], plan.options
    more: dict[str, Any] = {"seed": options.seed} if options.blood_engine == "montecarlo" else {}
    if options.blood_engine == "exact":
        more["bounds"] = options.blood_bounds
    return engine(
        plan.flow.network,
        plan.flow.phases,
        survival_of(options) if survival is None else survival,
        stages=plan.stages,
        lanes=plan.lanes,
        **more,
    )


def survival_of(options: Options) -> Mapping[str, SurvivalForm]:
    """All lymphocyte survival models by name, a caller's own as ``given``."""
    named, own = survival_sets(population(parameters.load("lymphocyte")).value), options.survival_model
    return named if isinstance(own, str) else {**named, GIVEN: own}


def survival_used(options: Options) -> SurvivalForm:
    """The survival model that the options choose."""
    own = options.survival_model
    return survival_of(options)[own if isinstance(own, str) else GIVEN]


def exposure_of(plan: Prepared, blood: BloodDose) -> Course:
    """What the lymphocytes meet, fraction by fraction."""
    phases: list[PhaseExposure] = []
    for i, summary in enumerate(plan.flow.summaries):
        if summary.emitter is not None:
            phases += emitted(plan, i, summary.emitter, blood.fraction[i].mean_gy)
            continue
        phases.append(
            PhaseExposure(
                times_d=np.array(summary.days),
                blood=blood.fraction[i].distribution().rebinned(BINS),
                pools={pool: parts[i].rebinned(BINS) for pool, parts in plan.doses.pools.items()},
                surrogate=plan.doses.surrogates,
                bodies=bodies_met(plan.doses, i),
                modality=summary.modality,
            )
        )
    who = plan.patient
    return Course(tuple(phases), who.chemo or "none", who.drugs or (), steroids_met(who))


def emitted(plan: Prepared, phase: int, emitter: Emitter, blood_gy: float) -> tuple[PhaseExposure, ...]:
    """The cycles of an internal emitter as steps of a falling dose rate; blood is well mixed in each of them.

    Parameters
    ----------
    blood_gy : float
        Mean blood dose of one cycle. [Gy]
    """
    dose = {pool: parts[phase].rebinned(BINS) for pool, parts in plan.doses.pools.items()} | {
        "blood": uniform(blood_gy)
    }
    return emitter_phases(
        plan.flow.summaries[phase].days,
        dose,
        {pool: emitter.half_life(POOL_ORGAN.get(pool, BLOOD)) for pool in POOLS},
        repair_half_time_h=parameters.load("emitters")["repair.half_time"].number,
        marrow_method=emitter.marrow_method,
        alpha=emitter.alpha,
        surrogate=plan.doses.surrogates,
    )


def steroids_met(who: Patient) -> Steroids:
    """Steroids as told; untold they are the rule with a brain tumour or its drug, and not known elsewhere."""
    if who.steroid is not None:
        return who.steroid
    rule = who.site in USUAL_AT or chemo_parameter(who.chemo or "none", who.drugs or ()) == TEMOZOLOMIDE
    return "usual" if rule else "not known"


def bodies_met(doses: Doses, phase: int) -> tuple[Mapping[str, DoseDistribution], ...]:
    """Of each placed body, the pools whose dose of a phase differs between bodies. [Gy]"""
    if len(doses.makeup) == 1:
        return ()
    varied = [pool for pool, m in doses.makeup[0].items() if any(b[pool] is not m for b in doses.makeup)]
    return tuple({pool: pools[pool][phase].rebinned(BODY_BINS) for pool in varied} for pools in doses.by_body)


def bath_of(course: Course, who: Patient, options: Options) -> float | None:
    """Share of the kill in organs where the course gives little dose, with the typical patient's pools."""
    people = population(parameters.load("lymphocyte"), parameters.posterior(), survival=options.survival_model)
    values = {name: np.array([value]) for name, value in people.value.items()}
    age = who.age_y if who.age_y is not None else people.value["thymus.default_age"]
    share = dict(zip(POOLS, pool_shares(values, np.array([age]))[0].tolist(), strict=True))
    del share["blood"]
    return bath_share(course, survival_used(options), share, parameters.load("apart")["bath.dose"].number)
