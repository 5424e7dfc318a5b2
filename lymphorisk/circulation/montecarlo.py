"""The same model by following particles: a seeded, event-driven Monte Carlo without time step.

A particle stays in a stage for an exponential time and then hops; dose is the overlap of each stay with the beams.
It shares no numerics with the exact engine and checks it. It is also the engine ``montecarlo``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lymphorisk.circulation.chain import Chain, chain, mean_gy
from lymphorisk.circulation.dosegrid import Histogram, least_gy, range_gy
from lymphorisk.circulation.flow import Attribution, BloodDose, NumericalError, grid_bin
from lymphorisk.circulation.lanes import PhaseBlood
from lymphorisk.circulation.network import Network
from lymphorisk.circulation.summary import BloodSummary, course, summarise
from lymphorisk.circulation.survival_form import SurvivalForm
from lymphorisk.errors import ScenarioError
from lymphorisk.frozen import FrozenDict
from lymphorisk.plan.frame import read_only

Real = NDArray[np.float64]

#: Particles followed when the caller does not say: as many as the public code's default.
PARTICLES = 100_000
#: Dose bin of the histogram made of the particles. [Gy]
BIN_GY = 1e-3


def particle_doses(c: Chain, particles: int, rng: np.random.Generator) -> Real:
    """Dose of one fraction to each particle, by beam and lane of origin summed out.

    Parameters
    ----------
    c : Chain
        The fraction.
    particles : int
        How many to follow.
    rng : numpy Generator
        Source of chance.

    Returns
    -------
    ndarray, shape (particles,)
        Dose. [Gy]
    """
    begin = np.cumsum(c.gap_s) + np.concatenate([[0.0], np.cumsum(c.on_s)[:-1]])
    end = begin + c.on_s
    last = float(end[-1])
    n = len(c.network.names)
    lane_edge = np.cumsum(c.share)
    offset = np.searchsorted(c.compartment, np.arange(n))
    before = np.concatenate([[0.0], lane_edge])[offset]
    hop = np.cumsum(c.network.routing, axis=1)
    scale = c.network.transit_s / c.stages

    dose = np.zeros(particles)
    who = np.arange(particles)
    where = np.searchsorted(np.cumsum(c.network.volume_share), rng.random(particles) * (1 - SAFE), side="right")
    lane = _draw_lane(where, lane_edge, before, rng)
    # the start is stationary: any of the stages, and what is left of it is again exponential
    left = rng.integers(1, c.stages + 1, particles)
    now = np.zeros(particles)
    while len(who):
        until = now + rng.gamma(left) * scale[where]
        for b in range(len(begin)):
            if c.on_s[b] > 0:
                overlap = np.minimum(until, end[b]) - np.maximum(now, begin[b])
                dose[who] += np.maximum(overlap, 0.0) * (c.dose_gy[b, lane] / c.on_s[b])
            else:
                dose[who] += np.where((now <= begin[b]) & (begin[b] < until), c.dose_gy[b, lane], 0.0)
        on = until <= last
        who, where, now = who[on], where[on], until[on]
        draw = rng.random(len(who)) * (1 - SAFE)
        where = (hop[where] <= draw[:, None]).sum(axis=1)
        lane = _draw_lane(where, lane_edge, before, rng)
        left = np.full(len(who), c.stages)
    return dose


#: Keeps a draw below one when sums of probabilities round to slightly less.
SAFE = 1e-12


def _draw_lane(where: NDArray[np.int64], lane_edge: Real, before: Real, rng: np.random.Generator) -> NDArray[np.int64]:
    draw = before[where] + rng.random(len(where)) * (1 - SAFE)
    return np.minimum(np.searchsorted(lane_edge, draw, side="right"), len(lane_edge) - 1)


def blood_dose(
    network: Network,
    phases: Sequence[PhaseBlood],
    survival: Mapping[str, SurvivalForm],
    *,
    stages: int,
    lanes: int | None,
    seed: int = 0,
    particles: int = PARTICLES,
) -> BloodDose:
    """Blood dose of a course by Monte Carlo; the signature of the exact engine, with sampling noise.

    Parameters
    ----------
    network, phases, survival, stages
        As in `flow.blood_dose`.
    lanes : int
        1 joins the lanes of each compartment (well mixed); otherwise every lane given is used.
    seed : int
        Seed; the same seed gives the same doses.
    particles : int
        Particles of each phase.
    """
    from lymphorisk.circulation.lanes import well_mixed

    if not phases:
        raise ScenarioError("a course has at least one phase")
    rng = np.random.default_rng(seed)
    chains: list[Chain] = []
    for phase in phases:
        used = phase
        if lanes == 1:
            used = PhaseBlood(
                phase.fractions, phase.on_s, phase.start_s, {k: well_mixed(v) for k, v in phase.lanes.items()}
            )
        chains.append(chain(network, used, stages))
    bin_gy = grid_bin(chains, BIN_GY)
    histograms: list[Histogram] = []
    fractions: list[BloodSummary] = []
    spread: list[float] = []
    errors: list[NumericalError] = []
    for c in chains:
        dose = particle_doses(c, particles, rng)
        h = histogram_of(dose, c, bin_gy)
        alive = {name: float(form(dose).mean()) for name, form in survival.items()}
        top = float(least_gy(c).sum()) + range_gy(c)
        sd = float(dose.std())
        fractions.append(summarise(h, float(dose.mean()), sd, top, alive))
        histograms.append(h)
        spread.append(sd)
        noise = max((float(form(dose).std()) for form in survival.values()), default=0.0) / np.sqrt(particles)
        errors.append(NumericalError(0.0, bin_gy, 0.0, 0.0, 0.0, 0.0, sd / np.sqrt(2 * particles), float(noise)))
    counts = [phase.fractions for phase in phases]
    whole = course(list(zip(counts, histograms, strict=True)))
    alive = {
        name: float(np.prod([f.surviving[name] ** n for n, f in zip(counts, fractions, strict=True)]))
        for name in survival
    }
    summary = summarise(
        whole,
        sum(n * f.mean_gy for n, f in zip(counts, fractions, strict=True)),
        float(np.sqrt(sum(n * s * s for n, s in zip(counts, spread, strict=True)))),
        sum(n * (float(least_gy(c).sum()) + range_gy(c)) for n, c in zip(counts, chains, strict=True)),
        alive,
    )
    parts = tuple(_dose_shares(c, phase) for c, phase in zip(chains, phases, strict=True))
    by_organ: dict[str, float] = {}
    for n, part in zip(counts, parts, strict=True):
        for name, gy in part.dose_gy.items():
            by_organ[name] = by_organ.get(name, 0.0) + n * gy
    beams = tuple(n * gy for n, part in zip(counts, parts, strict=True) for gy in part.dose_by_beam_gy)
    return BloodDose(
        engine="montecarlo",
        network=network.title,
        fraction=tuple(fractions),
        course=summary,
        by_organ=FrozenDict(by_organ),
        attribution=parts,
        course_attribution=Attribution(FrozenDict(by_organ), beams, FrozenDict({}), FrozenDict({})),
        bounds=FrozenDict({}),
        error=tuple(errors),
        findings=(),
        stages=stages,
        lanes=FrozenDict({name: len(lane.share) for name, lane in phases[0].lanes.items()}),
    )


def histogram_of(dose: Real, c: Chain, bin_gy: float) -> Histogram:
    """Particles on the dose grid, each shared between its two neighbouring points."""
    offset = float(least_gy(c).sum())
    at = np.maximum((dose - offset) / bin_gy, 0.0)
    low = np.floor(at).astype(np.int64)
    part = at - low
    points = int(low.max()) + 2
    below = np.bincount(low, weights=1 - part, minlength=points)
    mass = (below + np.bincount(low + 1, weights=part, minlength=points)) / len(dose)
    untouched = float(np.mean(at <= SAFE))
    return Histogram(offset, bin_gy, read_only(mass), untouched, 0.0, 0.0, 0.0)


def _dose_shares(c: Chain, phase: PhaseBlood) -> Attribution:
    dose = c.network.volume_share[c.compartment] * c.share * c.dose_gy
    back = np.argsort(phase.order)
    organ = {name: float(dose[:, c.compartment == c.network.index(name)].sum()) for name in phase.lanes}
    assert abs(sum(organ.values()) - mean_gy(c)) < SAFE
    return Attribution(
        FrozenDict(organ),
        tuple(float(d) for d in dose.sum(axis=1)[back]),
        FrozenDict({}),
        FrozenDict({}),
    )
