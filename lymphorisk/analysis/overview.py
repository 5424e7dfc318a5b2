"""What a source holds before anything is computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lymphorisk.analysis.curves import Curves
from lymphorisk.analysis.doses import BLOOD_ORGANS, POOL_ORGAN
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.scale import scale_findings
from lymphorisk.analysis.source import Source, open_source
from lymphorisk.plan import Phase

SCHEMA = "lymphorisk/inspect/1"


def overview(source: str | Path, options: Options) -> dict[str, Any]:
    """Plan, phases, beams, matched organs with the reason, what is left over and missing, files, findings."""
    course = open_source(source, options, need_fractions=False)
    matching = Curves(course, options).matching
    given = {} if course.given is None else {name: "given" for phase in course.given for name in phase}
    known = {*matching.organs, *given}
    return {
        "schema": SCHEMA,
        "plan": {
            "label": course.plan.label,
            "approval": course.plan.approval,
            "patient_position": course.plan.patient_position,
            "fractions": course.plan.fractions if course.fractions_known else None,
            "phases": [_phase(phase, course.fractions_known) for phase in course.plan.phases],
        },
        "organs": [
            *(
                {"tg263": name, "roi": list(m.roi_names), "numbers": list(m.roi_numbers), "how": m.how}
                | ({"source": "segmented"} if m.segmented else {})
                for name, m in matching.organs.items()
            ),
            *({"tg263": name, "roi": [], "numbers": [], "how": how} for name, how in given.items()),
        ],
        "targets": [{"kind": t.kind, "roi": t.structure.name} for t in matching.targets],
        "unmatched": [
            {
                "number": u.number,
                "name": u.name,
                "reason": u.reason,
                "similar": list(matching.suggestions.get(u.name, ())),
            }
            for u in matching.unmatched
        ],
        "missing": [n for n in dict.fromkeys([*POOL_ORGAN.values(), *BLOOD_ORGANS]) if n not in known],
        "inputs": [{"role": role, "uid": uid, "sha256": sha} for role, uid, sha in course.inputs],
        "findings": [
            f.to_dict()
            for f in (
                *course.findings,
                *matching.findings,
                *scale_findings(course.plan.phases, matching, options.end_caps, course.left),
            )
        ],
        "tps_dvhs": [d.name for d in course.tps_dvhs],
        "patient_known": _known(course),
    }


def _phase(phase: Phase, known: bool) -> dict[str, Any]:
    shape = None if phase.dose is None else " x ".join(str(n) for n in phase.dose.dose_zyx.shape[::-1])
    return {
        "label": phase.label,
        "fractions": phase.fractions if known else None,
        "modality": phase.modality,
        "rbe_in_dose": phase.rbe_in_dose,
        "prescription_gy": phase.given_prescription_gy,
        "dose": shape,
        "beams": [
            {"number": b.number, "name": b.name, "on_s": b.on_s, "meterset": b.meterset, "own_dose": b.dose is not None}
            for b in phase.beams
        ],
    }


def _known(course: Source) -> list[str]:
    return [
        name for name in ("sex", "age_y", "height_cm", "weight_kg", "alc") if getattr(course.patient, name) is not None
    ]
