"""The forecast of a saved comparison of regimens, given counts between collection and infusion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk import parameters
from lymphorisk.conditioning.regimen import DrugDose, Evidence, InfusionWindow, RadiationCourse, Regimen
from lymphorisk.errors import InputError, ScenarioError, UndecidableError
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.lymphocyte.course import Course, course_from_dict
from lymphorisk.lymphocyte.ensemble import counts_at
from lymphorisk.lymphocyte.observation import observation
from lymphorisk.lymphocyte.update import ESS_MIN, UPDATE_DRAWS, weights_of
from lymphorisk.plain import whole
from lymphorisk.plan import Patient
from lymphorisk.regimen.chain import Comparison, RegimenForecast, forecast, run, setup
from lymphorisk.regimen.exposure import PlanExposure, Residue
from lymphorisk.regimen.read import PatientFacts
from lymphorisk.regimen.settings import Choices

SCHEMA = "lymphorisk/conditioning/1"
LEFT_OUT = rule(
    "LR521",
    "warning",
    "Count not used for conditioning",
    "A measured count is from before the forecast, from after the days in which a count is the host's, or stands "
    "twice; the update rests on the rest.",
)


@dataclass(frozen=True, slots=True, eq=False)
class RegimenUpdate:
    """One regimen before and after counts.

    Attributes
    ----------
    counts : tuple of (float, float)
        Days from infusion [d] and counts [10^9/L] of those used, in order.
    prior, posterior : RegimenForecast
        Of the same draws; the posterior keeps those that the counts leave.
    effective_draws : float
    findings : tuple of Finding
        Counts that were not used.
    """

    counts: tuple[tuple[float, float], ...]
    prior: RegimenForecast
    posterior: RegimenForecast
    effective_draws: float
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Draws:
    day: NDArray[np.float64]
    counts: NDArray[np.float64]
    weights: NDArray[np.float64]


def again(comparison: Comparison) -> dict[str, Any]:
    """What a saved comparison must hold so that counts can update it."""
    b, c, facts = comparison.body, comparison.choices, comparison.facts
    return {
        "facts": {
            "alc": facts.patient.alc,
            "age_y": facts.patient.age_y,
            "weight_kg": b.weight_kg,
            "bsa_m2": b.bsa_m2,
            "egfr_ml_min": b.egfr_ml_min,
            "wbc": facts.wbc,
        },
        "choices": {
            "seed": c.seed,
            "end_day": c.end_day,
            "cohort": c.cohort,
            "survival": c.survival,
            "recovery_count": c.recovery_count,
            "own_parameters": c.drugs is not None or c.criteria is not None,
        },
        "records": {
            f.regimen.name: {
                "standing": f.regimen.standing,
                "window": None if f.regimen.window is None else asdict(f.regimen.window),
                "evidence": [asdict(e) for e in f.regimen.evidence],
            }
            for f in comparison.forecasts
        },
        "plans": {
            f.regimen.name: {
                label: {
                    "course": Course(plan.phases).to_dict(),
                    "emitters": [
                        {"days": list(r.days), "blood_gy": r.blood_gy, "half_life_h": r.half_life_h}
                        for r in plan.emitters
                    ],
                }
                for label, plan in f.plans.items()
            }
            for f in comparison.forecasts
        },
    }


def updated(saved: Mapping[str, Any], counts: Sequence[tuple[float, float]], name: str = "") -> RegimenUpdate:
    """A regimen of a saved comparison, given measured counts.

    Parameters
    ----------
    saved : mapping
        The JSON of `lymphorisk conditioning`.
    counts : sequence of (day, count)
        Days from infusion [d], negative before it, and counts [10^9/L].
    name : str
        The regimen that is given, where the comparison holds several.

    Raises
    ------
    InputError
        Not such a result, one of another parameter set or of own parameters, or not clear of which regimen.
    ScenarioError
        No count that can be used.
    UndecidableError
        The counts contradict the model.
    """
    with whole(saved, SCHEMA):
        if saved["provenance"]["parameter_set"] != parameters.set_id():
            raise InputError(
                "the result was made with another parameter set", "run conditioning again with this version"
            )
        kept = saved["again"]
        if kept["choices"]["own_parameters"]:
            raise InputError("the result was made with own drugs or criteria, which it does not hold", "leave them out")
        row = _chosen(saved["regimens"], name)
        regimen = _regimen(row, kept["records"][row["name"]])
        plans = {label: _plan(label, p) for label, p in kept["plans"].get(regimen.name, {}).items()}
        facts, chosen = kept["facts"], kept["choices"]
        who = PatientFacts(
            Patient(alc=facts["alc"], age_y=facts["age_y"], weight_kg=facts["weight_kg"]),
            egfr_ml_min=facts["egfr_ml_min"],
            bsa_m2=facts["bsa_m2"],
            wbc=facts["wbc"],
        )
        choices = Choices(
            draws=UPDATE_DRAWS,
            seed=chosen["seed"],
            end_day=chosen["end_day"],
            cohort=chosen["cohort"],
            survival=chosen["survival"],
            recovery_count=chosen["recovery_count"],
        )
    on = setup(who, choices)
    host = run(regimen, plans, on)[0]
    measured, notes = _usable(counts, float(host.day[0]), on.drugs["forecast.host_until"].number)
    draws = _Draws(host.day - host.day[0], host.alc, np.full(on.draws.n, 1.0 / on.draws.n))
    shifted = [(day - float(host.day[0]), value) for day, value in measured]
    known = facts["alc"] is not None and not chosen["cohort"]
    weights, effective = weights_of(draws, shifted, observation(on.draws.lymphocytes.values, known))
    if effective < ESS_MIN:
        both = zip(measured, shifted, strict=True)
        said = ", ".join(f"{v:g} on day {d:g} ({_span(draws, s)})" for (d, v), (s, _) in both)
        raise UndecidableError(
            f"the counts contradict the model: of {on.draws.n} drawn hosts the equivalent of {effective:.0f} show "
            f"them; {said}",
            "check days (from infusion, negative before it), units and the baseline count; growth factors, infection, "
            "steroids and drugs outside the model are not in it",
        )
    # systematic resampling: equal weights again, so that bands, criteria and tables need no other form
    places = (np.arange(on.draws.n) + 0.5) / on.draws.n
    keep = np.minimum(np.searchsorted(np.cumsum(weights), places), on.draws.n - 1)
    return RegimenUpdate(
        measured, forecast(regimen, plans, on), forecast(regimen, plans, on, keep), effective, tuple(notes)
    )


def _span(draws: _Draws, day: float) -> str:
    low, high = np.quantile(counts_at(draws.day, draws.counts, day), (0.05, 0.95))
    return f"forecast {low:.2g} to {high:.2g}"


def _chosen(rows: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    found = [row for row in rows if not name or row["name"] == name]
    if len(found) != 1:
        names = ", ".join(row["name"] for row in rows)
        raise InputError(
            f"the result has no regimen {name!r}" if name else f"the result holds {len(rows)} regimens",
            f"say which one is given: --regimen NAME, one of {names}",
        )
    return found[0]


def _regimen(row: Mapping[str, Any], record: Mapping[str, Any]) -> Regimen:
    drugs = tuple(DrugDose(d["name"], d["amount"], d["unit"], d["day"]) for d in row["drugs"])
    radiation = tuple(
        RadiationCourse(
            r["label"],
            tuple(r["days"]),
            r["whole_body_gy"],
            r["plan"],
            r["role"],
            "whole_body" if r["kinetics"] == "whole-body" else "plan",
            r["dose_factor"],
        )
        for r in row["radiation"]
    )
    return Regimen(
        row["name"],
        drugs,
        radiation,
        tuple(row["infusion_days"]),
        row["leukapheresis_day"],
        row["product"],
        row["title"],
        row["indication"],
        record["standing"],
        None if record["window"] is None else InfusionWindow(**record["window"]),
        tuple(Evidence(**e) for e in record["evidence"]),
    )


def _plan(label: str, kept: Mapping[str, Any]) -> PlanExposure:
    return PlanExposure(
        label,
        course_from_dict(kept["course"]).phases,
        emitters=tuple(Residue(tuple(r["days"]), r["blood_gy"], r["half_life_h"]) for r in kept["emitters"]),
    )


def _usable(
    counts: Sequence[tuple[float, float]], start_d: float, until_d: float
) -> tuple[tuple[tuple[float, float], ...], list[Finding]]:
    """Counts that can update, in order, and what was left out."""
    used: list[tuple[float, float]] = []
    notes: list[Finding] = []
    for day, value in counts:
        if not (np.isfinite(day) and np.isfinite(value) and value >= 0.0):
            raise ScenarioError(f"a count of {value:g} on day {day:g} is not a count")
        why = hint = ""
        if day <= start_d:
            why, hint = "is from before the forecast: a baseline", "give it as --alc of conditioning"
        elif day > until_d:
            why, hint = f"is after day {until_d:g}: from then on a count holds the infused cells", "leave it out"
        elif (day, value) in used:
            why, hint = "stands twice: it counts once", "give each sample once"
        if why:
            notes.append(finding(LEFT_OUT, f"{value:g} on day {day:g} {why}", "measured counts", hint))
        else:
            used.append((float(day), float(value)))
    if not used:
        said = "; ".join(n.what for n in notes) or "none was given"
        raise ScenarioError(f"no count can update the forecast: {said}", notes[0].hint if notes else "--alc DAY=VALUE")
    return tuple(sorted(used)), notes
