"""The chain of a conditioning forecast: regimens and a patient -> host counts, criteria, findings, side by side."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk import parameters
from lymphorisk.absent import Absent
from lymphorisk.conditioning.counts import HostTrajectories
from lymphorisk.conditioning.criteria import Criterion, Decision, Judgement, Value, joint_probability, judge_all
from lymphorisk.conditioning.draws import host_draws
from lymphorisk.conditioning.hematotox import Hematotox, hematotox
from lymphorisk.conditioning.host import FractionKill, HostDraws, trajectories
from lymphorisk.conditioning.regimen import Regimen
from lymphorisk.errors import ScenarioError
from lymphorisk.findings import Finding, finding
from lymphorisk.parameters import Parameter
from lymphorisk.plan.steroid import steroid_words
from lymphorisk.regimen.checks import (
    CHEMO_NOT_SEEN,
    NO_BASELINE,
    emitter_criteria,
    label_criteria,
    regimen_findings,
    waiver_criteria,
)
from lymphorisk.regimen.exposure import PlanExposure, fraction_kills, is_whole_body, largest_gy, rate_at_infusion
from lymphorisk.regimen.metrics import THRESHOLDS, metrics_of, without_unmodelled
from lymphorisk.regimen.read import PatientFacts
from lymphorisk.regimen.settings import (
    Band,
    Body,
    Choices,
    bands_of,
    body_of,
    criteria_of,
    cutoffs,
    drug_population,
    fludarabine_population,
    lymphocyte_population,
    table,
)
from lymphorisk.version import __version__

Array = NDArray[np.float64]

#: Rank correlations of fewer draws say nothing.
LEAST_DRAWS = 64
#: Shares below this are sampling noise at 512 draws.
LEAST_SHARE = 0.03
#: Days of a flat baseline before the first treatment, so that the plot shows where the fall starts. [d]
LEAD_D = 2.0


NO_EMITTER = Absent.not_applicable("no internal emitter")


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """Everything a forecast needs beside the regimen: the same for all regimens of one comparison."""

    facts: PatientFacts
    body: Body
    drugs: Mapping[str, Parameter]
    criteria: tuple[Criterion, ...]
    decision: Decision
    draws: HostDraws
    choices: Choices
    baseline_alc: float
    findings: tuple[Finding, ...]
    recovered: float


@dataclass(frozen=True, slots=True, eq=False)
class RegimenForecast:
    """One regimen, forecast.

    Attributes
    ----------
    regimen : Regimen
    day : ndarray, shape (t,)
        From infusion. [d]
    bands : mapping of str to ndarray, each of shape (t,)
        Quantiles p025 ... p975 of the host count. [10^9/L]
    metrics : mapping of str to Value
        One value a draw, a plain number, or why not.
    judgements : tuple of Judgement
    joint : float or None
        Share of the ensemble that meets at once all criteria that can be judged (the waiver apart).
    window_days : tuple of float or None
        Days on which the product may be infused, on this calendar. [d]
    fractions : tuple of (day, mean blood dose)
        Every fraction. [d], [Gy]
    kinetics : mapping of str to str
        By label of the radiation: ``whole-body`` or the name of the plan's survival set.
    band_owners : mapping of str to float
        Share of the spread of the count at infusion that goes with each uncertain input, greatest first.
    findings : tuple of Finding
    plans : mapping of str to PlanExposure
        Doses of its plans by name: enough to run it again.
    """

    regimen: Regimen
    day: Array
    bands: Mapping[str, Array]
    metrics: Mapping[str, Value]
    judgements: tuple[Judgement, ...]
    joint: float | None
    window_days: tuple[float, float] | None
    fractions: tuple[tuple[float, float], ...]
    kinetics: Mapping[str, str]
    band_owners: Mapping[str, float]
    findings: tuple[Finding, ...]
    plans: Mapping[str, PlanExposure]


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Regimens side by side for one patient, on one axis and with paired draws."""

    forecasts: tuple[RegimenForecast, ...]
    body: Body
    baseline_alc: float
    bands: tuple[Band, ...]
    hematotox: Hematotox | None
    decision: Decision
    host_until_d: float
    findings: tuple[Finding, ...]
    inputs: tuple[tuple[str, str, str], ...]
    parameter_set: str
    choices: Choices
    facts: PatientFacts
    version: str = __version__


def setup(facts: PatientFacts, choices: Choices) -> Setup:
    """Parameters, criteria and draws for one patient."""
    drugs = table("drugs", choices.drugs)
    criteria, decision = criteria_of(table("criteria", choices.criteria))
    body = body_of(
        facts.patient,
        drugs,
        bsa_m2=facts.bsa_m2,
        egfr_ml_min=facts.egfr_ml_min,
        creatinine_mg_dl=facts.creatinine_mg_dl,
    )
    findings: list[Finding] = [*dict.fromkeys(facts.contradicted)]
    alc, spread = facts.patient.alc, 0.0
    if alc is None:
        alc = parameters.load("body")["baseline_alc"].number
        findings.append(
            finding(NO_BASELINE, f"baseline {alc:g} x10^9/L, spread as between patients", hint="give --alc")
        )
    if facts.patient.chemo not in (None, "none"):
        findings.append(finding(CHEMO_NOT_SEEN, f"chemotherapy ({facts.patient.chemo}) beside radiation does not act"))
    if facts.patient.steroid:
        said = steroid_words(facts.patient.steroid)
        findings.append(finding(CHEMO_NOT_SEEN, f"{said}: steroids do not act in this forecast"))
    if choices.cohort or facts.patient.alc is None:
        spread = drugs["forecast.baseline_sd_ln"].number
    draws = host_draws(
        lymphocyte_population(choices.survival),
        drug_population(drugs),
        fludarabine_population(drugs),
        baseline_alc=alc,
        weight_kg=body.weight_kg,
        egfr_ml_min=body.egfr_ml_min,
        age_y=facts.patient.age_y,
        baseline_sd_ln=spread,
        draws=choices.draws,
        seed=choices.seed,
        vary=() if choices.draws == 1 else ("parameters", "patients"),
    )
    return Setup(
        facts, body, drugs, criteria, decision, draws, choices, alc, tuple(findings), recovery_count(choices, criteria)
    )


def recovery_count(choices: Choices, criteria: Sequence[Criterion]) -> float:
    """Count from which a host is back: as asked for, else what the criterion on day 30 wants. [10^9/L]"""
    if choices.recovery_count is not None:
        return choices.recovery_count
    wanted = [c.limit for c in criteria if (c.metric, c.comparator) == ("alc_day_30", "at_least")]
    return wanted[0] if wanted else THRESHOLDS["0_5"]


def forecast(
    regimen: Regimen, plans: Mapping[str, PlanExposure], on: Setup, keep: NDArray[np.intp] | None = None
) -> RegimenForecast:
    """The host's count under one regimen, with its criteria and findings.

    Parameters
    ----------
    keep : ndarray, optional
        Draws that count, in any order and number: those that what was measured leaves.
    """
    host, fractions, metrics, window = run(regimen, plans, on)
    if keep is not None:
        host = HostTrajectories(host.day, host.alc[keep])
        metrics = {n: v[keep] if isinstance(v, np.ndarray) and len(v) == on.draws.n else v for n, v in metrics.items()}
    notes = [f for r in regimen.radiation if r.plan for f in plans[r.plan].findings]
    judged = without_unmodelled(metrics, regimen)
    required = (*on.criteria, *label_criteria(regimen), *emitter_criteria(regimen, plans))
    whole_body = {
        r.label: r.whole_body_gy if r.whole_body_gy is not None else r.dose_factor * largest_gy(plans[r.plan])
        for r in regimen.radiation
        if is_whole_body(r, plans.get(r.plan))
    }
    return RegimenForecast(
        regimen=regimen,
        day=host.day,
        bands=host.bands(),
        metrics=metrics,
        judgements=judge_all((*required, *waiver_criteria(regimen)), judged, on.decision),
        joint=None if regimen.unmodelled else joint_probability(required, judged),
        window_days=window,
        fractions=tuple(sorted((f.day, f.blood_gy) for f in fractions)),
        kinetics={r.label: "whole-body" if r.label in whole_body else on.choices.survival for r in regimen.radiation},
        band_owners={}
        if keep is not None
        else owners(np.asarray(metrics["alc_at_infusion"]), on.draws, regimen, whole_body),
        findings=(*regimen_findings(regimen, fractions, whole_body, on.body, on.drugs, on.facts.wbc), *notes),
        plans=plans,
    )


def run(
    regimen: Regimen, plans: Mapping[str, PlanExposure], on: Setup
) -> tuple[HostTrajectories, list[FractionKill], dict[str, Value], tuple[float, float] | None]:
    """Counts of every draw, fractions, metrics, and the product's window. [10^9/L], [d]"""
    fractions = [f for r in regimen.radiation for f in fraction_kills(r, plans.get(r.plan), on.draws)]
    mg = {i: d.mg(on.body.bsa_m2, on.body.weight_kg) for i, d in enumerate(regimen.drugs)}
    window = window_days(regimen)
    events = [*regimen.depletion_days, *regimen.fraction_days]
    if regimen.leukapheresis_day is not None:
        events.append(regimen.leukapheresis_day)
    start = min([0.0, *events]) - LEAD_D
    end = on.choices.end_day
    if end <= max([0.0, *regimen.infusion_days]):
        raise ScenarioError(f"a forecast to day {end:g} ends before the last infusion", "give a later day")
    host = trajectories(
        regimen,
        on.draws,
        fractions,
        mg=mg,
        bsa_m2=on.body.bsa_m2,
        start_d=start,
        end_d=end,
        days=[d for d in (0.0, *regimen.infusion_days, *(window or ())) if start < d < end],
    )
    flu = sum(mg[i] for i, d in enumerate(regimen.drugs) if d.drug == "fludarabine")
    metrics = metrics_of(regimen, host, fractions, on.draws.fludarabine, flu, on.facts.wbc, window, on.recovered)
    rate = rate_at_infusion(regimen.radiation, plans)
    metrics["emitter_mgy_h_at_infusion"] = NO_EMITTER if rate is None else rate
    return host, fractions, metrics, window


def owners(values: Array, draws: HostDraws, regimen: Regimen, whole_body: Collection[str]) -> Mapping[str, float]:
    """Squared rank correlation of a metric with every uncertain input that acts, greatest first.

    The drugs' sensitivities are correlated within a patient, so the shares need not add up to one. Empty
    without spread.
    """
    if len(values) < LEAST_DRAWS or np.ptp(values) == 0.0:
        return {}
    given = {d.drug for d in regimen.drugs}
    inputs = {f"kill by {drug}": kill for drug, kill in draws.kill.items() if drug in given}
    if "fludarabine" in given:
        inputs["fludarabine clearance"] = draws.fludarabine.clearance_l_h
    if given - {"fludarabine"}:
        inputs["speed of the drugs' kill"] = draws.effect_h
    if whole_body:
        inputs["whole-body D0"] = draws.d0_gy
    if any(r.label not in whole_body for r in regimen.radiation):
        inputs["radiosensitivity"] = draws.lymphocytes.z["patient.sensitivity"]
    inputs |= {"recovery rate": draws.recovery, "baseline": draws.baseline}
    shares = {}
    for name, x in inputs.items():
        if np.ptp(x) > 0.0:
            a, b = (np.argsort(np.argsort(v)).astype(float) for v in (x, values))
            shares[name] = float(np.corrcoef(a, b)[0, 1] ** 2)
    return dict(sorted(((n, s) for n, s in shares.items() if s >= LEAST_SHARE), key=lambda item: -item[1]))


def metrics_only(regimen: Regimen, plans: Mapping[str, PlanExposure], on: Setup) -> dict[str, Value]:
    """The metrics of a regimen without bands: what a search needs."""
    return run(regimen, plans, on)[2]


def window_days(regimen: Regimen) -> tuple[float, float] | None:
    """First and last day on which the product may be infused after this regimen's drugs. [d]"""
    days = [d.day for d in regimen.drugs if d.amount > 0.0]
    if regimen.window is None or not days:
        return None
    return max(days) + regimen.window.low_d, max(days) + regimen.window.high_d


def compare(
    regimens: Sequence[tuple[Regimen, Mapping[str, PlanExposure]]],
    facts: PatientFacts,
    choices: Choices | None = None,
    *,
    inputs: Sequence[tuple[str, str, str]] = (),
) -> Comparison:
    """Regimens side by side for one patient.

    Parameters
    ----------
    regimens : sequence of (Regimen, plans)
        Each with the doses of its plans by name.
    facts : PatientFacts
    choices : Choices, optional
    inputs : sequence of (role, UID, SHA-256)
        Files read beside those of the plans, for the record.

    Raises
    ------
    ScenarioError
        No regimen, or two of one name.
    """
    if not regimens:
        raise ScenarioError("nothing to compare", "give a regimen file or --product")
    names = [r.name for r, _ in regimens]
    if len(set(names)) != len(names):
        raise ScenarioError(
            f"two regimens are called {next(n for n in names if names.count(n) > 1)!r}", "name them apart"
        )
    on = setup(facts, choices or Choices())
    from_plans = dict.fromkeys(i for _, plans in regimens for p in plans.values() for i in p.inputs)
    return Comparison(
        forecasts=tuple(forecast(r, plans, on) for r, plans in regimens),
        body=on.body,
        baseline_alc=on.baseline_alc,
        bands=bands_of(on.drugs),
        hematotox=None if facts.labs is None else hematotox(facts.labs, cutoffs()),
        decision=on.decision,
        host_until_d=on.drugs["forecast.host_until"].number,
        findings=on.findings,
        inputs=(*inputs, *from_plans),
        parameter_set=parameters.set_id(),
        choices=on.choices,
        facts=on.facts,
    )
