"""A result as the plain data and the JSON text other programs rely on: the keys of the interface, with a checksum."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lymphorisk.absent import Absent
from lymphorisk.analysis.emitters import emitter_doses
from lymphorisk.analysis.saved import sealed
from lymphorisk.analysis.schedules import windows_met
from lymphorisk.dvh import DVH
from lymphorisk.findings import Finding
from lymphorisk.organs.compartments import by_organ
from lymphorisk.parameters.windows import NOTE as WINDOWS_NOTE
from lymphorisk.plain import Exact
from lymphorisk.version import NOT_A_DEVICE

if TYPE_CHECKING:
    from lymphorisk.analysis.result import Analysis, OrganDose
    from lymphorisk.circulation import BloodDose, BloodSummary
    from lymphorisk.literature import Estimate
    from lymphorisk.predict import Agreement, Explanation, Group, Prediction

SCHEMA = "lymphorisk/analyze/1"
BLOOD_SCHEMA = "lymphorisk/blood/1"
METRICS = ("V5Gy[%]", "V10Gy[%]", "V20Gy[%]", "D2%[Gy]")

Identity = tuple[str, str]


def render(analysis: Analysis, identity: Identity | None = None, curves: Mapping[str, Any] | None = None) -> str:
    """The analysis as JSON text with its checksum; `identity` (name, ID) is shown only because it was asked for.

    `curves` are DVHs as plain data, by the name a protocol may ask for; they are kept to the last bit.
    """
    content = envelope(analysis, identity)
    if curves is not None:
        content["curves"] = Exact(dict(curves))
    return sealed(content)


def envelope(analysis: Analysis, identity: Identity | None = None) -> dict[str, Any]:
    """The envelope of ``analyze --json``."""
    out: dict[str, Any] = {"schema": SCHEMA}
    if identity is not None:
        out["identity"] = {"name": identity[0], "id": identity[1]}
    provenance = analysis.provenance
    out |= {
        "inputs": [{"role": role, "uid": uid, "sha256": sha} for role, uid, sha in provenance.inputs],
        "plan": _plan(analysis),
        "patient": _patient(analysis),
        "organs": {name: _organ(organ) for name, organ in analysis.organs.items()},
        "targets": [{"kind": t.tg263, **_organ(t)} for t in analysis.targets],
        "unmatched": list(analysis.unmatched),
        "blood": _blood(analysis.blood, analysis.edic),
        "alc": analysis.forecast.to_dict(),
        "risk": _risk(analysis),
        "explanation": _explanation(analysis.explanation),
        "low_dose_share": analysis.bath,
        "physics_attribution": dict(analysis.attribution),
        "agreement": _agreement(analysis.agreement),
        "research": _research(analysis),
        **({} if analysis.target_sheet is None else {"target_sheet": analysis.target_sheet.to_dict()}),
        **({} if analysis.therapies is None else {"therapies": analysis.therapies.to_dict()}),
        "what_if": [
            {"change": w.text, **w.difference.to_dict(), **({} if w.cost is None else {"schedule": w.cost.to_dict()})}
            for w in analysis.what_ifs
        ],
        "findings": [f.to_dict() for f in analysis.findings],
        "assumptions": [{"name": a.name, "value": a.value, "note": a.note} for a in analysis.assumptions],
        "course": Exact(analysis.course.to_dict()),
        "provenance": {
            "version": provenance.version,
            "parameter_set": provenance.parameter_set,
            "model": provenance.model_name,
            "model_sha256": provenance.model_sha256,
            "seed": provenance.seed,
            "draws": provenance.draws,
            "options": dict(provenance.options),
            "packages": dict(provenance.packages),
        },
        "note": NOT_A_DEVICE,
    }
    return out


def blood_to_dict(blood: BloodDose, edic: Mapping[str, Any], noted: Sequence[Finding] | None = None) -> dict[str, Any]:
    """The envelope of ``blood --json``."""
    return {
        "schema": BLOOD_SCHEMA,
        **_blood(blood, edic),
        "findings": [f.to_dict() for f in (blood.findings if noted is None else noted)],
    }


def provenance_of(result: Analysis) -> dict[str, Any]:
    """What an audit line keeps of an analysis."""
    p = result.provenance
    return {
        "inputs": [{"role": role, "uid": uid, "sha256": sha} for role, uid, sha in p.inputs],
        "version": p.version,
        "parameter_set": p.parameter_set,
        "model_sha256": p.model_sha256,
        **({"clinic_file": p.options["clinic_file"]} if "clinic_file" in p.options else {}),
    }


def _plan(analysis: Analysis) -> dict[str, Any]:
    return {
        "label": analysis.label,
        "fractions": analysis.fractions,
        "phases": [
            {
                "label": p.label,
                "fractions": p.fractions,
                "modality": p.modality,
                "rbe_in_dose": p.rbe_in_dose,
                "prescription_gy": p.prescription_gy,
                "days": list(p.days),
                "schedule": p.schedule,
                "beams": [
                    {
                        "number": b.number,
                        "name": b.name,
                        "on_s": b.on_s,
                        "start_s": b.start_s,
                        "time_source": b.time_source,
                        "weight": b.weight,
                    }
                    for b in p.beams
                ],
                **({} if told is None else {"emitter": told.to_dict()}),
            }
            for p, told in zip(analysis.phases, emitter_doses(analysis), strict=True)
        ],
    }


def _patient(analysis: Analysis) -> dict[str, Any]:
    p = analysis.patient
    return {
        "sex": p.sex,
        "age_y": p.age_y,
        "height_cm": p.height_cm,
        "weight_kg": p.weight_kg,
        "alc": p.alc,
        "lln": p.lln,
        "site": p.site,
        "chemo": p.chemo,
        "drugs": list(p.drugs or ()),
        "steroid": None if p.steroid is None else [s._asdict() for s in p.steroid],
        "neutrophils": p.neutrophils,
        "subsets": None if p.subsets is None else dict(p.subsets),
        **({} if p.columns is None else {"columns": dict(p.columns)}),
        "sources": dict(analysis.patient_sources),
    }


def _organ(organ: OrganDose) -> dict[str, Any]:
    dose = organ.course
    out: dict[str, Any] = {
        "roi": list(organ.roi_names),
        "source": organ.source,
        "how": organ.how,
        "volume_cm3": organ.volume_cm3,
        "coverage": organ.coverage,
        "share": organ.share,
        "landmarks": list(organ.landmarks),
        "sd_ln": organ.sd_ln,
        "mean_gy": dose.mean_gy,
        "min_gy": float(dose.dose_gy[0]) if organ.dvh is None else organ.dvh.min_gy,
        "max_gy": float(dose.dose_gy[-1]) if organ.dvh is None else organ.dvh.max_gy,
        "fraction_mean_gy": [d.mean_gy for d in organ.per_fraction],
    }
    if isinstance(organ.dvh, DVH):
        out["metrics"] = {text: _metric(organ.dvh, text) for text in METRICS}
    return out


def _metric(dvh: DVH, text: str) -> float | None:
    from lymphorisk.dvh.metrics import metric

    value = metric(dvh, text)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _blood(blood: BloodDose, edic: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {
        "engine": blood.engine,
        "network": blood.network,
        "fraction": {**_summary(blood.fraction[0]), "by_organ": by_organ(blood.attribution[0].dose_gy)},
        "course": {**_summary(blood.course), "by_organ": by_organ(blood.by_organ)},
        "by_compartment": dict(blood.by_organ),
        "edic": _edic(edic),
        "stages": blood.stages,
        "lanes": dict(blood.lanes),
        "bounds": {name: _summary(s, curve=False) for name, s in blood.bounds.items()},
    }
    if len(blood.fraction) > 1:
        out["fraction_by_phase"] = [
            {**_summary(s), "by_organ": by_organ(a.dose_gy)}
            for s, a in zip(blood.fraction, blood.attribution, strict=True)
        ]
    return out


def _summary(s: BloodSummary, curve: bool = True) -> dict[str, Any]:
    out: dict[str, Any] = {
        "mean_gy": s.mean_gy,
        "sd_gy": s.sd_gy,
        "v_gt_0": s.v_gt_0,
        "v_gt_0_07": s.v_gt_0_07,
        "v_gt_0_125": s.v_gt_0_125,
        "v_ge_0_5": s.v_ge_0_5,
        "d2_gy": s.d2_gy,
        "surviving": dict(s.surviving),
    }
    if curve:
        out["dose_gy"] = s.dose_gy
        out["volume_fraction_cumulative"] = s.volume_fraction_cumulative
    return out


def _edic(edic: Mapping[str, float | Absent]) -> dict[str, Any]:
    """Numbers, or null with the reason; `reason` repeats why EDIC itself has none."""
    out: dict[str, Any] = {name: None if isinstance(value, Absent) else value for name, value in edic.items()}
    reasons = {name: value.reason for name, value in edic.items() if isinstance(value, Absent)}
    if "edic_gy" in reasons:
        out["reason"] = reasons["edic_gy"]
    return {**out, "reasons": reasons}


def _risk(analysis: Analysis) -> dict[str, Any]:
    risk = analysis.risk
    return {
        "mechanistic": dict(risk.mechanistic),
        "learned": _learned(risk.learned),
        "literature": [_estimate(e) for e in risk.literature],
        "disagreement": risk.disagreement,
        "outcome": dict(risk.outcome),
    }


def _learned(learned: Prediction | Absent) -> dict[str, Any]:
    if isinstance(learned, Absent):
        return {"g3": None, "g4": None, "interval": None, "in_domain": None, "declined": learned.reason}
    return {
        "g3": learned.g3,
        "g4": learned.g4,
        "interval": {name: list(ends) for name, ends in learned.interval.items()},
        "in_domain": learned.in_domain,
        "domain": {
            "reasons": list(learned.domain.reasons),
            "distance": learned.domain.distance,
            "known_share": learned.domain.known_share,
        },
        "sets": {name: list(members) for name, members in learned.sets.items()},
        "nadir": {f"{level:g}": value for level, value in learned.nadir.items()},
        "trained_on": learned.trained_on,
        "model": learned.model,
        "missing": list(learned.missing),
        "caveats": list(learned.caveats),
    }


def _estimate(e: Estimate) -> dict[str, Any]:
    out: dict[str, Any] = {"name": e.name, "outcome": e.outcome.key}
    if isinstance(e.p, Absent):
        out["declined"] = e.p.reason
    else:
        out["p"] = e.p
    return out | {"p_low": e.p_low, "p_high": e.p_high, "alc": e.alc, "citation": e.citation, "how": e.how}


def _agreement(agreement: Agreement | None) -> dict[str, Any] | None:
    """Physics and learned reasons by organ; null when the learned voice gives no reasons."""
    if agreement is None:
        return None

    def rows(of: tuple[tuple[str, float, float], ...]) -> list[dict[str, Any]]:
        return [{"group": g, "lost_share": lost, "log_odds": odds} for g, lost, odds in of]

    return {
        "organs": rows(agreement.pairs),
        "others": rows(agreement.others),
        "kendall_tau": agreement.tau,
        "sentence": agreement.sentence,
    }


def _explanation(explanation: Explanation | Absent) -> dict[str, Any]:
    if isinstance(explanation, Absent):
        return {"groups": [], "features": [], "base": None, "declined": explanation.reason}

    def groups(of: tuple[Group, ...]) -> list[dict[str, Any]]:
        return [{"group": g.name, "log_odds": g.log_odds, "low": g.low, "high": g.high} for g in of]

    return {
        "outcome": explanation.outcome,
        "reference": explanation.reference,
        "base": explanation.base,
        "log_odds": explanation.log_odds,
        "p": explanation.p,
        "groups": groups(explanation.organs),
        "average": {"base": explanation.average_base, "groups": groups(explanation.average_organs)},
        "kinds": groups(explanation.kinds),
        "features": [
            {
                "name": c.name,
                "label": c.label,
                "unit": c.unit,
                "value": c.value,
                "log_odds": c.log_odds,
                **({"reason": "missing"} if not math.isfinite(c.value) else {}),
            }
            for c in explanation.features
        ],
        "sentences": list(explanation.sentences),
        "note": explanation.note,
    }


def _research(a: Analysis) -> dict[str, Any] | None:
    """Research output; dose windows are of the prescription."""
    if a.beside is None:
        return None
    met = [
        {"id": w.id, "span": w.span, "says": w.says, "shown_in": w.shown_in, "source": w.source} for w in windows_met(a)
    ]
    return {**a.beside.to_dict(), "dose_windows": {"note": WINDOWS_NOTE, "met": met}}
