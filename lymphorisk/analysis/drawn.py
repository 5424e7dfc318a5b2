"""Drawn targets sorted into rows of a sheet: the PTV where there is one, sums and copies joined, boosts kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lymphorisk import parameters
from lymphorisk.absent import Absent
from lymphorisk.analysis.prepared import Prepared
from lymphorisk.analysis.result import OrganDose
from lymphorisk.dvh import DoseDistribution
from lymphorisk.dvh.regions import Region
from lymphorisk.dvh.voxels import voxel_volumes
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.plan import Phase

Real = NDArray[np.float64]

TARGETS_JOINED = rule(
    "LR274",
    "info",
    "targets taken together",
    "Structures of one target at one dose (a GTV in its PTV, a PTV that is the sum of others) are one row.",
)

#: Kinds of targets, the one that a row is named after first.
RANKS = {"PTV": 0, "ITV": 1, "CTV": 2, "GTV": 3}
HALF = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A drawn target: its name and kind, structure, dose, what of it lies in each voxel of the first grid [cm3], and
    its median dose of one fraction by phase, as exported [Gy]."""

    name: str
    kind: str
    region: Region
    organ: OrganDose
    volume: Real
    medians: tuple[float, ...]

    def share_in(self, other: Drawn) -> float:
        """Share of it that lies in another."""
        total = float(self.volume.sum())
        return float(np.minimum(self.volume, other.volume).sum()) / total if total > 0.0 else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Sorted:
    """Drawn targets as rows: those kept, what each stands for, the one each lies in, and what is said of it."""

    kept: tuple[Drawn, ...]
    stands_for: Mapping[int, tuple[str, ...]]
    within: Mapping[int, Drawn]
    findings: tuple[Finding, ...] = field(default=())

    def outer(self, target: Drawn) -> Drawn | None:
        """The target that one lies in."""
        return self.within.get(id(target))


def median_of(distribution: DoseDistribution) -> float:
    """The dose that half of it has. [Gy]

    Examples
    --------
    >>> median_of(DoseDistribution(np.array([1.0, 2.0, 5.0]), np.array([0.2, 0.4, 0.4])))
    2.0
    """
    at = int(np.searchsorted(np.cumsum(distribution.share), HALF - np.finfo(float).eps))
    return float(distribution.dose_gy[min(at, len(distribution.dose_gy) - 1)])


def number(name: str) -> float:
    """A number of the sheet."""
    return parameters.load("sheet")[name].number


def beams_of(phases: Sequence[Phase]) -> tuple[int, ...]:
    """The phases that beams give."""
    return tuple(i for i, p in enumerate(phases) if p.emitter is None)


def drawn_targets(plan: Prepared) -> tuple[tuple[Drawn, ...], tuple[tuple[str, str], ...]]:
    """Targets with a dose, and those without, with the reason."""
    if plan.source.given is not None:
        return (), ()
    phases, matching = plan.source.plan.phases, plan.curves.matching
    grid = phases[0].dose
    assert grid is not None
    structures = [t.structure for t in matching.targets]
    out, without = [], []
    doses = iter(plan.doses.targets)
    courses = plan.curves.of_course(structures) if structures else ()
    for target, curve in zip(matching.targets, courses, strict=True):
        if isinstance(curve, Absent):
            without.append((target.structure.name, curve.reason))
            continue
        organ = next(doses)
        rbe = [p.rbe_in_dose for p in phases]
        out.append(
            Drawn(
                target.structure.name,
                target.kind,
                target.structure,
                organ,
                voxel_volumes(target.structure, grid),
                tuple(median_of(d) * f for d, f in zip(organ.per_fraction, rbe, strict=True)),
            )
        )
    without += [(name, why) for name, why in _undrawn(plan)]
    return tuple(out), tuple(without)


def _undrawn(plan: Prepared) -> list[tuple[str, str]]:
    """Structures that are called a target and hold no usable contour."""
    from lymphorisk.organs import names

    why = {u.number: u.reason for u in plan.curves.matching.unmatched}
    out = []
    for s in plan.source.plan.structures:
        meant = names.target_kind(s.name) or s.rt_type.upper() in RANKS
        if meant and s.number in why and (s.unusable or not s.contours_mm):
            out.append((s.name, why[s.number]))
    return out


def _exceeds(inner: Drawn, outer: Drawn) -> bool:
    """Whether a target is planned to get more than one it lies in: of a GTV in its PTV, much more."""
    least = number("boost.factor" if RANKS[inner.kind] <= RANKS[outer.kind] else "boost.lower_factor")
    top = max(inner.medians)
    own = [(a, b) for a, b in zip(inner.medians, outer.medians, strict=True) if a >= number("served.share") * top]
    return any(a >= least * b for a, b in own)


def _is_sum(whole: Drawn, parts: Sequence[Drawn]) -> bool:
    """Whether a target is the sum of several others that lie apart, at one dose."""
    apart: list[Drawn] = []
    for part in parts:
        if not any(part.share_in(other) > HALF for other in apart):
            apart.append(part)
    if len(apart) < 2:
        return False
    joined = Drawn("", "PTV", whole.region, whole.organ, np.sum([p.volume for p in apart], axis=0), whole.medians)
    return whole.share_in(joined) >= number("inside.share")


def sorted_targets(drawn: Sequence[Drawn]) -> Sorted:
    """Which targets are rows: the PTV where there is one, sums and copies joined, boosts inside others kept."""
    inside_share, same = number("inside.share"), number("same.share")
    order = sorted(drawn, key=lambda t: (RANKS[t.kind], -float(t.volume.sum())))
    sums = {
        id(t): parts
        for t in order
        if (
            parts := [
                p
                for p in order
                if p is not t and p.kind == t.kind and p.share_in(t) >= inside_share and not _exceeds(p, t)
                and t.share_in(p) < inside_share
            ]
        )
        and _is_sum(t, parts)
    }  # fmt: skip
    kept: list[Drawn] = []
    stands: dict[int, list[str]] = {}
    findings = []
    for t in order:
        if id(t) in sums:
            names = ", ".join(repr(p.name) for p in sums[id(t)])
            findings.append(finding(TARGETS_JOINED, f"{t.name!r} is the sum of {names}: no row of its own", t.name))
            continue
        owner = min(
            (u for u in kept if _same_target(t, u, inside_share, same)),
            key=lambda u: (float(u.volume.sum()), u.name),
            default=None,
        )
        if owner is None:
            kept.append(t)
            stands[id(t)] = []
        else:
            stands[id(owner)].append(t.name)
    within = {}
    for t in kept:
        holders = [
            u for u in kept if u is not t and t.share_in(u) >= inside_share and u.volume.sum() > t.volume.sum()
        ]  # fmt: skip
        if holders:
            within[id(t)] = min(holders, key=lambda u: float(u.volume.sum()))
    found = [
        finding(TARGETS_JOINED, f"{t.name!r} stands for {', '.join(repr(n) for n in stands[id(t)])}", t.name)
        for t in kept
        if stands[id(t)]
    ]
    place = {id(t): n for n, t in enumerate(drawn)}
    return Sorted(
        tuple(sorted(kept, key=lambda t: place[id(t)])),
        {key: tuple(names) for key, names in stands.items()},
        within,
        (*findings, *found),
    )


def _same_target(t: Drawn, kept: Drawn, inside_share: float, same: float) -> bool:
    """Whether a target belongs to one that is kept."""
    if t.kind == kept.kind:
        return t.share_in(kept) >= inside_share and not _exceeds(t, kept)
    if t.share_in(kept) >= same:
        return not _exceeds(t, kept)
    # a GTV of which the PTV is a part is irradiated in part; a CTV at another dose is one of its own
    return kept.share_in(t) >= same and (t.kind == "GTV" or not _exceeds(kept, t))


def served_by(
    medians: Mapping[int, Sequence[float]], beams: Sequence[int]
) -> Mapping[int, tuple[tuple[int, ...], bool]]:
    """By target: the phases that serve it, and whether none does by dose and its own dose decides.

    Parameters
    ----------
    medians : mapping of int to sequence of float
        By target, its median dose of one fraction in each phase. [Gy]
    beams : sequence of int
        Phases that beams give.
    """
    share = number("served.share")
    top = {i: max((m[i] for m in medians.values()), default=0.0) for i in beams}
    out = {}
    for key, m in medians.items():
        own = tuple(i for i in beams if m[i] > 0.0 and m[i] >= share * top[i])
        best = max((m[i] for i in beams), default=0.0)
        left = tuple(i for i in beams if m[i] > 0.0 and m[i] >= share * best)
        out[key] = (own, False) if own else (left, True)
    return out
