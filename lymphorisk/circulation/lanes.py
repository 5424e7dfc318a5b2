"""Dose in an organ as parallel lanes of blood, and when the beams are on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lymphorisk.circulation.network import Network
from lymphorisk.dvh.curve import DoseDistribution
from lymphorisk.errors import ParameterError, ScenarioError
from lymphorisk.plan.frame import read_only

#: Lane shares sum to one within this: rounding of a few dozen doubles.
SHARE_TOLERANCE = 1e-9
#: Share of the blood dose variance that joining lanes may cost, all compartments together: half of it, 0.1 %, is the
#: loss of standard deviation, about the sampling noise of 500,000 particles.
VARIANCE_BUDGET = 2e-3
#: Lanes of all compartments together, where each would like many: keeps a fraction with dose everywhere (surrogates for
#: what is not contoured) within half a second. The price is measured, not assumed: `variance_lost`.
LANES_IN_ALL = 144
#: Lanes of the trial that measures how fast the loss falls with their number.
TRIAL_LANES = 4
#: Equal doses count as this share of the dose range apart when lanes are cut.
LEAST_SPACING = 1e-6
#: Beams may touch within this: clock times are written to the millisecond. [s]
TOUCH_S = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class LaneDose:
    """The dose of one fraction to one compartment, lane by lane.

    Attributes
    ----------
    share : ndarray, shape (k,)
        Share of the compartment's blood in each lane; sums to 1.
    dose_gy : ndarray, shape (b, k)
        Dose each beam of the fraction gives to each lane. [Gy]
    """

    share: NDArray[np.float64]
    dose_gy: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.share.ndim != 1 or self.dose_gy.ndim != 2 or self.dose_gy.shape[1] != len(self.share):
            raise ScenarioError(f"lanes: shares {self.share.shape} and doses {self.dose_gy.shape} do not fit")
        if len(self.share) == 0 or np.any(self.share < 0) or abs(float(self.share.sum()) - 1.0) > SHARE_TOLERANCE:
            raise ScenarioError(f"lanes: shares sum to {self.share.sum():.12g}, not 1")
        if not np.all(np.isfinite(self.dose_gy)) or np.any(self.dose_gy < 0):
            raise ScenarioError("lanes: doses must be finite and not negative")
        read_only(self.share)
        read_only(self.dose_gy)

    @property
    def total_gy(self) -> NDArray[np.float64]:
        """Dose of the whole fraction to each lane, shape (k,). [Gy]"""
        return np.asarray(self.dose_gy.sum(axis=0))

    @property
    def mean_gy(self) -> float:
        """Mean dose of one fraction. [Gy]"""
        return float(self.share @ self.total_gy)


@dataclass(frozen=True, slots=True, eq=False)
class PhaseBlood:
    """One phase of a course as the blood meets it.

    Attributes
    ----------
    fractions : int
        Number of equal fractions.
    on_s : ndarray, shape (b,)
        Beam-on time of each beam of a fraction; 0 is an instant. [s]
    start_s : ndarray, shape (b,) or None
        Start of each beam; None: one after the other without a gap. [s]
    lanes : mapping of str to LaneDose
        By compartment. A compartment that is not named gets no dose.
    """

    fractions: int
    on_s: NDArray[np.float64]
    start_s: NDArray[np.float64] | None
    lanes: Mapping[str, LaneDose]

    def __post_init__(self) -> None:
        if self.fractions < 1:
            raise ScenarioError(f"a phase of {self.fractions} fractions")
        if self.on_s.ndim != 1 or len(self.on_s) == 0:
            raise ScenarioError("a fraction has at least one beam")
        if not np.all(np.isfinite(self.on_s)) or np.any(self.on_s < 0):
            raise ScenarioError("beam-on times must be finite and not negative")
        for name, lane in self.lanes.items():
            if len(lane.dose_gy) != len(self.on_s):
                raise ScenarioError(f"{name}: doses of {len(lane.dose_gy)} beams, but {len(self.on_s)} beams are timed")
        read_only(self.on_s)
        if self.start_s is None:
            return
        if self.start_s.shape != self.on_s.shape or not np.all(np.isfinite(self.start_s)):
            raise ScenarioError(f"{self.start_s.shape} beam starts for {self.on_s.shape} beams")
        if np.any(self.start_s < 0):
            raise ScenarioError("beam starts must not be negative")
        order = np.argsort(self.start_s, kind="stable")
        end = self.start_s + self.on_s
        for a, b in pairwise(order):
            if end[a] > self.start_s[b] + TOUCH_S:
                raise ScenarioError(
                    f"beam {b + 1} starts at {self.start_s[b]:g} s, before beam {a + 1} ends at {end[a]:g} s",
                    "give each beam its own time, or merge beams that run together",
                )
        read_only(self.start_s)

    @property
    def starts(self) -> NDArray[np.float64]:
        """Start of each beam, shape (b,). [s]"""
        if self.start_s is not None:
            return self.start_s
        return np.concatenate([[0.0], np.cumsum(self.on_s)[:-1]])

    @property
    def order(self) -> NDArray[np.int64]:
        """Beams in the order of treatment."""
        return np.argsort(self.starts, kind="stable")

    @property
    def gaps_s(self) -> NDArray[np.float64]:
        """Time before each beam in treatment order since the last one ended (0 for the first), shape (b,). [s]"""
        starts = self.starts[self.order]
        ends = starts + self.on_s[self.order]
        return np.concatenate([[0.0], np.maximum(starts[1:] - ends[:-1], 0.0)])


def lanes_from_distribution(
    distribution: DoseDistribution, beam_weight: Sequence[float], lanes: int | None = None
) -> LaneDose:
    """Lanes of one organ from its dose distribution of one fraction.

    Parameters
    ----------
    distribution : DoseDistribution
        Dose of ONE fraction, all beams together. [Gy]
    beam_weight : sequence of float
        Share of that dose each beam gives (for example by meterset); scaled to sum 1.
    lanes : int or None
        At most this many lanes of near-equal share; None keeps every bin.

    Returns
    -------
    LaneDose
        Keeps the mean dose.
    """
    weight = np.asarray(beam_weight, dtype=np.float64)
    if np.any(weight < 0) or not weight.sum() > 0:
        raise ScenarioError("beam weights must not be negative and must not all be zero")
    kept = distribution if lanes is None else distribution.rebinned(lanes)
    return LaneDose(kept.share.copy(), np.outer(weight / weight.sum(), kept.dose_gy))


def merged(lane: LaneDose, lanes: int) -> LaneDose:
    """At most `lanes` lanes: neighbours in total dose joined, mean dose of every beam kept.

    The cuts are those that lose least variance: evenly spaced in the integral of (share density)^(1/3) over dose
    (Panter and Dite 1951). A lane that every beam spares keeps a lane of its own when two or more are allowed.
    """
    if len(lane.share) <= lanes:
        return lane
    total = lane.total_gy
    spared = total == 0
    zero = float(lane.share[spared].sum())
    room = lanes - (1 if zero > 0 and lanes > 1 else 0)
    if room == lanes:
        spared = np.zeros_like(spared)
    index = np.flatnonzero(~spared)
    index = index[np.argsort(total[index], kind="stable")]
    share = lane.share[index]
    edge = np.concatenate([[0.0], np.cumsum(share)])
    sorted_total = total[index]
    spacing = np.gradient(sorted_total) if len(index) > 1 else np.ones(1)
    finest = float(sorted_total[-1] - sorted_total[0]) * LEAST_SPACING
    measure = np.concatenate([[0.0], np.cumsum(np.cbrt(share * np.maximum(spacing, finest) ** 2))])
    if measure[-1] == 0:
        measure = edge
    cuts = np.interp(np.linspace(0.0, measure[-1], room + 1), measure, edge)
    width = np.diff(cuts)
    cuts, width = cuts[np.append(True, width > 0)], width[width > 0]
    room = len(width)
    dose = np.empty((len(lane.dose_gy), room))
    for b, row in enumerate(lane.dose_gy):
        moment = np.concatenate([[0.0], np.cumsum(share * row[index])])
        dose[b] = np.diff(np.interp(cuts, edge, moment)) / width
    if np.any(spared):
        dose = np.concatenate([np.zeros((len(dose), 1)), dose], axis=1)
        width = np.concatenate([[zero], width])
    return LaneDose(width / width.sum(), np.maximum(dose, 0.0))


def well_mixed(lane: LaneDose) -> LaneDose:
    """One lane at the mean dose of each beam."""
    return LaneDose(np.ones(1), (lane.dose_gy @ lane.share)[:, None])


def spread_gy2(lane: LaneDose) -> float:
    """Variance of the fraction's dose between lanes. [Gy^2]"""
    total = lane.total_gy
    return float(lane.share @ (total - lane.share @ total) ** 2)


def adapted(network: Network, phase: PhaseBlood, lanes: int | None, in_all: int | None = None) -> PhaseBlood:
    """The phase with as few lanes as the blood can tell apart, at most `lanes` a compartment.

    A visit of mean length tau in a fraction of beam-on time T sees about tau/T of a lane's dose. The variance that
    joining lanes of compartment i loses is then about ``v_i min(1, 2 tau_i / T) W_i`` with v_i its blood share and
    W_i the variance within the joined lanes; the numbers are chosen so that all losses stay near `VARIANCE_BUDGET`.
    The mean dose of every compartment and beam is kept; a spared lane is never joined with an irradiated one.
    ``lanes=None`` joins none; `in_all` limits the lanes of all compartments together (`LANES_IN_ALL` when None).
    """
    check_compartments(network, phase)
    if lanes is None:
        return phase
    if lanes < 1:
        raise ScenarioError(f"{lanes} lanes: an organ has at least one")
    seen = _seen(network, phase)
    whole = sum(seen[name] * (lane.mean_gy**2 + spread_gy2(lane)) for name, lane in phase.lanes.items())
    # The loss falls as a_i / K^2; the fewest lanes for a given total loss are K_i ~ a_i^(1/3).
    lost = {
        name: seen[name] * (spread_gy2(lane) - spread_gy2(merged(lane, TRIAL_LANES))) * TRIAL_LANES**2
        for name, lane in phase.lanes.items()
    }
    root = {name: float(np.cbrt(max(a, 0.0))) for name, a in lost.items()}
    scale = np.sqrt(sum(root.values()) / (VARIANCE_BUDGET * whole)) if whole > 0 else 0.0
    wanted = sum(max(1.0, r * scale) for r in root.values())
    scale *= min(1.0, (in_all or LANES_IN_ALL) / wanted) if wanted > 0 else 1.0
    return replace(
        phase,
        lanes={
            name: _joined(lane, min(lanes, int(np.ceil(root[name] * scale))), lanes)
            for name, lane in phase.lanes.items()
        },
    )


def variance_lost(network: Network, given: PhaseBlood, used: PhaseBlood) -> float:
    """Estimated share of the blood dose variance that joining lanes cost (see `adapted`)."""
    seen = _seen(network, given)
    whole = sum(seen[name] * (lane.mean_gy**2 + spread_gy2(lane)) for name, lane in given.lanes.items())
    lost = sum(seen[name] * (spread_gy2(lane) - spread_gy2(used.lanes[name])) for name, lane in given.lanes.items())
    return max(float(lost / whole), 0.0) if whole > 0 else 0.0


def _seen(network: Network, phase: PhaseBlood) -> dict[str, float]:
    """How much of a lane's variance reaches the blood: blood share times the part of a fraction a visit lasts."""
    on = float(phase.on_s.sum())
    transit = network.transit_s
    out: dict[str, float] = {}
    for name in phase.lanes:
        i = network.index(name)
        part = min(1.0, 2 * float(transit[i]) / on) if on > 0 else 1.0
        out[name] = float(network.volume_share[i]) * part
    return out


def _joined(lane: LaneDose, count: int, lanes: int) -> LaneDose:
    if len(lane.share) > 1 and np.ptp(lane.dose_gy, axis=1).max() == 0:
        return well_mixed(lane)
    if len(lane.share) <= TRIAL_LANES:
        return merged(lane, lanes)
    least = 2 if lanes > 1 and np.any(lane.total_gy[lane.share > 0] == 0) else 1
    return merged(lane, max(count, least))


def check_compartments(network: Network, phase: PhaseBlood) -> None:
    """Refuse lanes of a compartment that the network does not have."""
    for name in phase.lanes:
        if name not in network.names:
            raise ParameterError(
                f"dose is given to {name!r}, which {network.title or 'the blood network'} does not have",
                f"its compartments are: {', '.join(network.names)}",
            )
