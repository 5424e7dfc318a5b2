"""The blood half of the chain alone, and its sweep over beam-on time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lymphorisk.absent import Absent
from lymphorisk.analysis.blood import circulation
from lymphorisk.analysis.chain import blood_dose_of, body_numbers, distinct, known_patient
from lymphorisk.analysis.doses import organ_doses
from lymphorisk.analysis.edic import edic_family
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.result import PhaseSummary
from lymphorisk.analysis.source import open_source
from lymphorisk.circulation import BloodDose, BloodSummary
from lymphorisk.findings import Finding
from lymphorisk.plan import Patient

#: Points of a sweep, evenly spaced on a logarithmic scale.
SWEEP_POINTS = 13


@dataclass(frozen=True, slots=True)
class BloodResult:
    """Blood dose of a source with its phases, EDIC family and findings."""

    label: str
    phases: tuple[PhaseSummary, ...]
    blood: BloodDose
    edic: Mapping[str, float | Absent]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """One beam-on time of a whole fraction [s], with a fraction's and the course's blood dose."""

    beam_on_s: float
    fraction: BloodSummary
    course: BloodSummary


def blood_result(source: str | Path, patient: Patient, options: Options) -> BloodResult:
    """Blood dose of one source."""
    course = open_source(source, options)
    who, _ = known_patient(patient, course.patient)
    compartments = options.network or course.network or "32"
    body = body_numbers(who)
    doses = organ_doses(course, options, compartments, body)
    flow = circulation(course, doses, who, options, compartments)
    blood = blood_dose_of(flow, course, options)
    return BloodResult(
        label=course.plan.label,
        phases=flow.summaries,
        blood=blood,
        edic=edic_family(doses, course.plan.fractions, body),
        findings=distinct([*course.findings, *doses.findings, *flow.findings, *blood.findings]),
    )


def swept(source: str | Path, patient: Patient, options: Options, low_s: float, high_s: float) -> list[SweepPoint]:
    """Blood dose of the first phase against the beam-on time of a whole fraction, gaps between beams kept. [s]"""
    course = open_source(source, options)
    who, _ = known_patient(patient, course.patient)
    compartments = options.network or course.network or "32"
    doses = organ_doses(course, options, compartments, body_numbers(who))
    flow = circulation(course, doses, who, options, compartments)
    out = []
    for total in np.geomspace(low_s, high_s, SWEEP_POINTS):
        phases = []
        for phase in flow.phases:
            share = (
                phase.on_s / phase.on_s.sum() if phase.on_s.sum() > 0 else np.full(len(phase.on_s), 1 / len(phase.on_s))
            )
            on = share * total
            gaps = phase.gaps_s[np.argsort(phase.order)]
            order = phase.order
            start = np.zeros(len(on))
            at = 0.0
            for b in order:
                at += float(gaps[b])
                start[b] = at
                at += float(on[b])
            phases.append(replace(phase, on_s=on, start_s=start))
        blood = blood_dose_of(replace(flow, phases=tuple(phases)), course, options)
        out.append(SweepPoint(float(total), blood.fraction[0], blood.course))
    return out
