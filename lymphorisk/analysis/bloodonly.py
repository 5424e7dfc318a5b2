"""The blood half of the chain alone, and its sweep over beam-on time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from lymphorisk.absent import Absent
from lymphorisk.analysis.chain import distinct
from lymphorisk.analysis.edic import edic_of
from lymphorisk.analysis.exposure import blood_dose_of
from lymphorisk.analysis.options import Options, held
from lymphorisk.analysis.prepared import prepare
from lymphorisk.analysis.result import PhaseSummary
from lymphorisk.analysis.source import Readable
from lymphorisk.circulation import BloodDose, BloodSummary
from lymphorisk.findings import Finding
from lymphorisk.plan import KnownPatient, Patient

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


@held
def blood_result(source: Readable, patient: Patient | KnownPatient, options: Options) -> BloodResult:
    """Blood dose of one source."""
    plan = prepare(source, patient, options)
    blood = blood_dose_of(plan)
    return BloodResult(
        label=plan.source.plan.label,
        phases=plan.flow.summaries,
        blood=blood,
        edic=edic_of(plan.source.plan.phases, plan.doses, plan.body),
        findings=distinct([*plan.findings, *blood.findings]),
    )


@held
def swept(
    source: Readable, patient: Patient | KnownPatient, options: Options, low_s: float, high_s: float
) -> list[SweepPoint]:
    """Blood dose of the first phase against the beam-on time of a whole fraction, gaps between beams kept. [s]"""
    plan = prepare(source, patient, options)
    out = []
    for total in np.geomspace(low_s, high_s, SWEEP_POINTS):
        phases = []
        for phase in plan.flow.phases:
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
        blood = blood_dose_of(replace(plan, flow=replace(plan.flow, phases=tuple(phases))))
        out.append(SweepPoint(float(total), blood.fraction[0], blood.course))
    return out
