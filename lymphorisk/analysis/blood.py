"""From organ doses and beams to what the blood model is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.analysis.delivered import assumed_on_s, working_days
from lymphorisk.analysis.doses import Doses
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.result import BeamSummary, PhaseSummary
from lymphorisk.analysis.source import Source
from lymphorisk.circulation import LaneDose, Network, PhaseBlood, build, lanes_from_distribution, nadler_l, personal
from lymphorisk.circulation.lanes import merged
from lymphorisk.dvh.voxels import voxel_volumes
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.parameters import Parameter, load
from lymphorisk.parameters.network import network_key, network_table
from lymphorisk.plan import Beam, Patient, Phase
from lymphorisk.plan.treatment import TimeSource

TIME_ASSUMED = rule(
    "LR251",
    "info",
    "beam-on time assumed",
    "The plan does not say how long a beam is on; a stated default is used. Mean blood dose does not depend on it.",
)
BEAM_SPLIT = rule(
    "LR252",
    "info",
    "beam doses by meterset",
    "Beams have no dose of their own in the export: the plan dose is split between them by meterset.",
)
SEX_UNKNOWN = rule(
    "LR253", "warning", "sex not known", "The reference blood network of the adult male is used; give --sex."
)
CALENDAR_ASSUMED = rule(
    "LR254", "info", "calendar assumed", "No fraction dates: one fraction a working day without breaks."
)
Real = NDArray[np.float64]

#: Bins of an organ's dose kept on the way to the blood model, which joins them into lanes.
BINS = 128


@dataclass(frozen=True, slots=True, eq=False)
class Circulation:
    """What the blood model is given, and what was assumed."""

    network: Network
    network_title: str
    phases: tuple[PhaseBlood, ...]
    summaries: tuple[PhaseSummary, ...]
    findings: tuple[Finding, ...]


def blood_network(patient: Patient, options: Options, compartments: str) -> tuple[Network, list[Finding]]:
    """The reference network of the patient's sex with the patient's own blood volume where size is known."""
    findings = []
    sex = patient.sex
    if sex is None:
        sex = "M"
        findings.append(finding(SEX_UNKNOWN, "male reference network", "patient", "give --sex"))
    table = network_table(network_key(sex, compartments))
    network = build(
        table.names, table.volume_pct, table.edges, table.blood_volume_l, table.cardiac_output_l_min, table.title
    )
    volume = options.blood_volume_l
    if volume is None and patient.height_cm is not None and patient.weight_kg is not None:
        numbers = load("circulation")
        key = "nadler.male" if sex == "M" else "nadler.female"
        volume = nadler_l(
            patient.height_cm,
            patient.weight_kg,
            numbers[f"{key}.height"].number,
            numbers[f"{key}.weight"].number,
            numbers[f"{key}.offset"].number,
        )
    return personal(network, volume, options.cardiac_output_l_min), findings


def circulation(source: Source, doses: Doses, patient: Patient, options: Options, compartments: str) -> Circulation:
    """Network, timed phases with lanes, and their summaries."""
    network, findings = blood_network(patient, options, compartments)
    days, dated = fraction_days(source, options)
    if not all(dated):
        findings.append(finding(CALENDAR_ASSUMED, "weekdays without breaks", "course"))
    phases = []
    summaries = []
    for i, phase in enumerate(source.plan.phases):
        beams, found = timed_beams(phase, options, load("delivery"))
        findings += found
        weights = np.array([b.weight for b in beams])
        lanes = _lanes(source, doses, network, weights, i)
        if phase.emitter is not None and phase.emitter.blood_gy is not None:
            lanes = dict.fromkeys(network.names, LaneDose(np.ones(1), np.array([[phase.emitter.blood_gy]])))
        phases.append(
            PhaseBlood(phase.fractions, np.array([b.on_s for b in beams]), np.array([b.start_s for b in beams]), lanes)
        )
        summaries.append(
            PhaseSummary(
                label=phase.label,
                fractions=phase.fractions,
                modality=phase.modality,
                rbe_in_dose=phase.rbe_in_dose,
                prescription_gy=phase.given_prescription_gy,
                days=tuple(days[i]),
                schedule="given" if dated[i] else "weekdays, assumed",
                beams=beams,
                emitter=phase.emitter,
            )
        )
    return Circulation(network, network.title, tuple(phases), tuple(summaries), tuple(findings))


def fraction_days(source: Source, options: Options) -> tuple[list[list[float]], list[bool]]:
    """Fraction times of every phase from the start of the course [d], and whether they were given."""
    phases = source.plan.phases
    total = [] if all(p.days is not None for p in phases) else working_days(source.plan.fractions, options)
    out, given, done = [], [], 0
    for phase in phases:
        if phase.days is not None:
            out.append([float(d) for d in phase.days])
        else:
            out.append(total[done : done + phase.fractions])
        given.append(phase.days is not None)
        done += phase.fractions
    return out, given


def timed_beams(
    phase: Phase, options: Options, numbers: Mapping[str, Parameter]
) -> tuple[tuple[BeamSummary, ...], list[Finding]]:
    """Beams of a phase with on-times, starts and shares of the dose."""
    beams = phase.beams or (Beam(1, "all beams", modality=phase.modality),)
    findings = []
    on, told = [], []
    for beam in beams:
        seconds, how = _on_time(beam, options)
        on.append(seconds)
        told.append(how)
    assumed = [i for i, how in enumerate(told) if how == "assumed"]
    if assumed:
        spread = ", ".join(f"{on[i]:.3g}" for i in assumed)
        what = f"{len(assumed)} of {len(beams)} beams: {spread} s"
        findings.append(finding(TIME_ASSUMED, what, f"phase {phase.label!r}", "give --beam-on"))
    if phase.beam_start_s is not None:
        starts = list(phase.beam_start_s)
    else:
        gap = numbers["gap"].number
        starts = [float(sum(on[:i]) + gap * i) for i in range(len(on))]
    weights = _weights(beams)
    if len(beams) > 1 and phase.dose is not None and not has_own_doses(phase):
        findings.append(finding(BEAM_SPLIT, f"{len(beams)} beams", f"phase {phase.label!r}"))
    return tuple(
        BeamSummary(b.number, b.name, on[i], starts[i], told[i], weights[i]) for i, b in enumerate(beams)
    ), findings


def _on_time(beam: Beam, options: Options) -> tuple[float, TimeSource]:
    if options.beam_on_s is not None:
        return options.beam_on_s, "user"
    if beam.on_s is not None:
        return beam.on_s, beam.time_source
    return assumed_on_s(beam), "assumed"


def _weights(beams: tuple[Beam, ...]) -> list[float]:
    if all(b.dose is not None for b in beams):
        amounts = [float(b.dose.dose_zyx.mean()) for b in beams if b.dose is not None]
    elif all(b.meterset for b in beams):
        amounts = [float(b.meterset or 0.0) for b in beams]
    else:
        amounts = [1.0] * len(beams)
    total = sum(amounts)
    return [a / total for a in amounts] if total > 0 else [1.0 / len(amounts)] * len(amounts)


def _lanes(source: Source, doses: Doses, network: Network, weights: Real, i: int) -> dict[str, LaneDose]:
    """Lanes of every compartment: its organs by the share they hold, the body's dose for the rest."""
    own = beam_lanes(source, doses, i)
    rest = own.get("rest") or lanes_from_distribution(doses.body[i].rebinned(BINS), weights.tolist())
    out = {}
    for compartment in network.names:
        parts = []
        for name, share in doses.compartments.get(compartment, ()):
            organ = (doses.rests.get(name) or doses.drawn[name])[i].rebinned(BINS)
            parts.append((share, own.get(name) or lanes_from_distribution(organ, weights.tolist())))
        left = 1.0 - sum(share for share, _ in parts)
        if left > 0.0 or not parts:
            parts.append((max(left, 0.0), rest))
        lane = joined(parts)
        if lane.mean_gy > 0:
            out[compartment] = lane
    return out


def joined(parts: Sequence[tuple[float, LaneDose]]) -> LaneDose:
    """Lanes of several organs as the lanes of one compartment, each organ by its share."""
    share = np.concatenate([w * lane.share for w, lane in parts if w > 0])
    dose = np.concatenate([lane.dose_gy for w, lane in parts if w > 0], axis=1)
    return LaneDose(share / share.sum(), dose)


def has_own_doses(phase: Phase) -> bool:
    """Whether every beam of a phase brought its own dose; a phase holds them on one grid."""
    return len(phase.beams) > 1 and all(b.dose is not None for b in phase.beams)


def beam_lanes(source: Source, doses: Doses, i: int) -> dict[str, LaneDose]:
    """Lanes of the contoured organs from the beams' own doses, voxel by voxel; empty when they have none.

    Each voxel is a lane with its dose from every beam; the mean dose of the organ stays the exact engine's.
    ``rest`` is the body's, diluted as its surrogate is.
    """
    phase = source.plan.phases[i]
    if not has_own_doses(phase):
        return {}
    grid = phase.beams[0].dose
    assert grid is not None
    stack = np.stack([b.dose.dose_zyx.reshape(-1) for b in phase.beams if b.dose is not None]).astype(np.float64)
    stack /= phase.of_fractions * phase.rbe_in_dose
    out = {}
    for name, region in doses.regions.items():
        volume = voxel_volumes(region, grid).reshape(-1)
        inside = np.flatnonzero(volume > 0)
        wanted = doses.drawn[name][i].mean_gy
        lane = LaneDose(volume[inside] / volume[inside].sum(), stack[:, inside]) if len(inside) else None
        if lane is None or not lane.mean_gy > 0:
            continue
        kept = merged(lane, BINS)
        out[name] = LaneDose(kept.share.copy(), kept.dose_gy * (wanted / kept.mean_gy))
    if "Body" in out:
        share = min(doses.body[i].mean_gy / out["Body"].mean_gy, 1.0)
        nothing = LaneDose(np.ones(1), np.zeros((len(phase.beams), 1)))
        out["rest"] = joined([(share, out["Body"]), (1.0 - share, nothing)])
    return out
