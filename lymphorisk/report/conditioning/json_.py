"""The comparison of conditioning regimens as plain data."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from lymphorisk.absent import Absent
from lymphorisk.conditioning.criteria import METRICS, Value
from lymphorisk.plain import Exact
from lymphorisk.regimen.calendar import calendar
from lymphorisk.regimen.chain import Comparison, RegimenForecast
from lymphorisk.regimen.search import SearchResult
from lymphorisk.regimen.update import again
from lymphorisk.report.conditioning.text import all_findings, notes, ordered
from lymphorisk.report.conditioning.words import spread

SCHEMA = "lymphorisk/conditioning/1"
#: Significant digits: the same input gives the same bytes on every machine.
DIGITS = 6


def conditioning_json(comparison: Comparison, search: SearchResult | None = None) -> dict[str, Any]:
    """The comparison as plain data, schema `lymphorisk/conditioning/1`."""
    infusion = comparison.choices.infusion_date
    out: dict[str, Any] = {
        "schema": SCHEMA,
        "baseline_alc": comparison.baseline_alc,
        "body": {
            "weight_kg": comparison.body.weight_kg,
            "bsa_m2": rounded(comparison.body.bsa_m2),
            "egfr_ml_min": rounded(comparison.body.egfr_ml_min),
            "assumed": list(comparison.body.assumed),
        },
        "host_until_day": comparison.host_until_d,
        "infusion_date": None if infusion is None else infusion.isoformat(),
        "regimens": [regimen_json(f) | {"calendar": _calendar(f, infusion)} for f in ordered(comparison)],
        "fludarabine_bands": [
            {"low": b.low, "high": b.high, "source": b.source, "place": b.place, "note": b.note}
            for b in comparison.bands
        ],
        "hematotox": None if comparison.hematotox is None else _hematotox_json(comparison),
        "search": None if search is None else _search_json(search),
        "findings": [f.to_dict() for f in all_findings(comparison)],
        "notes": notes(comparison),
        "provenance": {
            "version": comparison.version,
            "parameter_set": comparison.parameter_set,
            "draws": comparison.choices.draws,
            "seed": comparison.choices.seed,
            "inputs": [list(i) for i in comparison.inputs],
        },
        "again": Exact(again(comparison)),
    }
    return out


def regimen_json(f: RegimenForecast) -> dict[str, Any]:
    """One regimen as plain data."""
    r = f.regimen
    return {
        "name": r.name,
        "product": r.product,
        "title": r.title,
        "indication": r.indication,
        "drugs": [{"name": d.drug, "amount": d.amount, "unit": d.unit, "day": d.day} for d in r.drugs],
        "radiation": [
            {
                "label": c.label,
                "role": c.role,
                "days": list(c.days),
                "whole_body_gy": c.whole_body_gy,
                "plan": c.plan,
                "dose_factor": c.dose_factor,
                "kinetics": f.kinetics[c.label],
            }
            for c in r.radiation
        ],
        "fractions": [{"day": day, "blood_gy": rounded(gy)} for day, gy in f.fractions],
        "unmodelled": list(r.unmodelled),
        "infusion_days": list(r.infusion_days),
        "leukapheresis_day": r.leukapheresis_day,
        "window_days": None if f.window_days is None else list(f.window_days),
        "alc": {"day": rounded(f.day), **{name: rounded(values) for name, values in f.bands.items()}},
        "metrics": {name: _value_json(name, value) for name, value in f.metrics.items()},
        "criteria": [
            {
                "label": j.criterion.label,
                "metric": j.criterion.metric,
                "comparator": j.criterion.comparator,
                "limit": j.criterion.limit,
                "state": j.state,
                "probability": j.probability,
                "median": rounded(j.value),
                "p05": rounded(j.low),
                "p95": rounded(j.high),
                "reason": j.reason,
                "evidence": {
                    "known": j.criterion.known,
                    "source": j.criterion.source,
                    "place": j.criterion.place,
                    "note": j.criterion.note,
                },
            }
            for j in f.judgements
        ],
        "joint_probability": f.joint,
        "band_owners": {name: rounded(share) for name, share in f.band_owners.items()},
        "evidence": [{"what": e.what, "source": e.source, "known": e.known} for e in r.evidence],
        "findings": [x.to_dict() for x in f.findings],
    }


def _calendar(f: RegimenForecast, infusion: date | None) -> list[dict[str, Any]]:
    return [
        {"date": e.date.isoformat(), "day": e.day, "what": e.what} for e in calendar(f.regimen, f.window_days, infusion)
    ]


def _value_json(name: str, value: Value) -> dict[str, Any]:
    unit = METRICS[name].unit
    if isinstance(value, Absent):
        return {"unit": unit, "median": None, "reason": value.reason}
    middle, low, high = spread(value) or (None, None, None)
    return {"unit": unit, "median": rounded(middle), "p05": rounded(low), "p95": rounded(high)}


def _hematotox_json(comparison: Comparison) -> dict[str, Any]:
    h = comparison.hematotox
    assert h is not None
    return {
        "score": h.score,
        "low": h.low,
        "high": h.high,
        "group": h.group,
        "points": dict(h.points),
        "missing": list(h.missing),
    }


def _search_json(search: SearchResult) -> dict[str, Any]:
    return {
        "regimen": search.regimen.name,
        "knobs": [{"label": k.label, "values": list(k.values), "start": k.start} for k in search.knobs],
        "asked": list(search.asked),
        "share": search.share,
        "draws": search.draws,
        "schedules": [
            {
                "settings": dict(f.schedule.settings),
                "distance": rounded(f.schedule.distance),
                "joint_probability": f.joint,
                "meets": f.meets,
                "in_window": f.in_window,
                "alc_at_infusion": rounded(f.depth),
                "days_below_0_2_after": rounded(f.duration),
                "on_frontier": f.on_frontier,
            }
            for f in search.found
        ],
    }


def rounded(value: Any) -> Any:
    """Numbers to six significant digits, so that the same input gives the same bytes everywhere."""
    if value is None:
        return None
    if isinstance(value, np.ndarray):
        return [rounded(v) for v in value.tolist()]
    return float(f"{float(value):.{DIGITS}g}")
