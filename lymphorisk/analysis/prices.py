"""What each target, the nodes of a role, and the unevenness of the dose do to the lymphocyte count.

Every price is paired: the forecast of the course with something left out against that of the course, on the same draws.
What is left out is said with it (`Price.ways`):

- ``phases``: phases that serve no other target, but those inside it, are left out. Exact.
- ``beams``: beams with a dose of their own that serve no other target are left out. Exact.
- ``place``: a phase serves several targets by one dose. What lies nearer to this target than to any other is left out:
  the parts of all targets add up to the dose, but fields that pass one target on their way to another are counted
  where they pass.
- ``level``: a target inside another, with more dose in the same phase. Its dose is brought down to what the rest of the
  outer one gets, nothing else: what its boost spills beyond the outer target is not counted.

Days and drugs stay as they are; a phase that is left out gives no dose on its days. Prices do not add up to that of all
of them: survival is not a straight line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lymphorisk.analysis.blood import circulation, has_own_doses
from lymphorisk.analysis.curves import Curves
from lymphorisk.analysis.doses import Doses, mean_pools, organ_doses, pool_doses
from lymphorisk.analysis.drawn import (
    Drawn,
    Sorted,
    beams_of,
    drawn_targets,
    median_of,
    number,
    served_by,
    sorted_targets,
)
from lymphorisk.analysis.exposure import blood_dose_of, exposure_of, survival_used
from lymphorisk.analysis.prepared import Prepared
from lymphorisk.analysis.targets import TargetSheet
from lymphorisk.analysis.whatif import changed, parse
from lymphorisk.dvh import DoseDistribution, uniform
from lymphorisk.findings import finding, rule
from lymphorisk.lymphocyte import AlcForecast, Course
from lymphorisk.lymphocyte.summary import Band, band
from lymphorisk.lymphocyte.whatif import Difference, difference
from lymphorisk.plan import DoseGrid, Phase
from lymphorisk.plan.words import NODE_ROLES, NodeRole

if TYPE_CHECKING:
    from collections.abc import Callable

Real = NDArray[np.float64]
Way = Literal["phases", "beams", "place", "level"]
WAYS: tuple[Way, ...] = get_args(Way)
SAID: Mapping[Way, str] = {
    "phases": "its phases are left out, with what targets inside it get by them",
    "beams": "beams that serve no other target are left out",
    "place": "of a dose that serves several targets, what lies nearest to this one is left out: an approximation",
    "level": "its dose is brought down to that of the target around it; what spills beyond is not counted",
}
NOTE = (
    "Paired, on the draws of the forecast: the course without it against the course. Days and drugs stay. Prices do "
    "not add up to that of all, survival is not a straight line."
)
NODES_NOTE = (
    "The dose of these node regions is brought to nothing, all else stays: the most that sparing them could give. No "
    "plan does that for nothing, and fields that miss them would spare what lies around, too."
)
GAIN_NOTE = (
    "The exported dose against the same mean dose spread evenly in each organ (the body as a whole is no organ and "
    "stays as it is): what its unevenness spares. A grid coarser than the peaks of lattices or minibeams shows less."
)

BY_PLACE = rule(
    "LR276",
    "warning",
    "price of a target by place",
    "One dose serves several targets and no beam doses tell them apart: what lies nearest to a target is taken as its "
    "dose. Fields that pass one target on their way to another are counted where they pass.",
)
NO_PRICE = rule(
    "LR277",
    "info",
    "target without a price of its own",
    "The target has no dose that is its alone: leaving it out would change nothing that could be told apart.",
)


@dataclass(frozen=True, slots=True)
class Effect:
    """A change of the count, paired.

    Attributes
    ----------
    difference : Difference
        Of nadir, days and grades.
    at_end : Band
        On the day of the last fraction. [10^9/L]
    """

    difference: Difference
    at_end: Band

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {**self.difference.to_dict(), "at_end": self.at_end.to_dict()}


@dataclass(frozen=True, slots=True)
class Price:
    """A target left out.

    Attributes
    ----------
    name : str
    ways : tuple of str
        How its dose was told from others', of `WAYS`.
    effect : Effect
        Count without it minus count of the course.
    """

    name: str
    ways: tuple[Way, ...]
    effect: Effect


@dataclass(frozen=True, slots=True)
class NodePrice:
    """Node regions of a role with no dose: count then minus count of the course."""

    role: NodeRole
    regions: tuple[str, ...]
    effect: Effect


@dataclass(frozen=True, slots=True)
class OrganGain:
    """Share of an organ's lymphocytes that a fraction kills, as exported and with its mean everywhere.

    The mean over the fractions of the course, by the typical survival and the physical dose.
    """

    name: str
    killed: float
    killed_if_even: float


@dataclass(frozen=True, slots=True)
class Prices:
    """All prices of a course.

    Attributes
    ----------
    targets : tuple of Price
    without : tuple of (str, str)
        Targets that have none, and why.
    all_targets : Effect
        Without any fraction's dose.
    nodes : tuple of NodePrice
    gain : Effect
        Count by the exported dose minus count by the same mean in each organ.
    organs : tuple of OrganGain
    """

    targets: tuple[Price, ...]
    without: tuple[tuple[str, str], ...]
    all_targets: Effect
    nodes: tuple[NodePrice, ...]
    gain: Effect
    organs: tuple[OrganGain, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "targets": [{"name": p.name, "ways": list(p.ways), "left_out": p.effect.to_dict()} for p in self.targets],
            "without": [{"name": name, "reason": why} for name, why in self.without],
            "all_targets": self.all_targets.to_dict(),
            "nodes": [{"role": p.role, "regions": list(p.regions), "spared": p.effect.to_dict()} for p in self.nodes],
            "uneven": {
                "gain": self.gain.to_dict(),
                "organs": [
                    {"name": o.name, "killed": o.killed, "killed_if_even": o.killed_if_even} for o in self.organs
                ],
            },
            "note": f"{NOTE} {NODES_NOTE} {GAIN_NOTE}",
        }


@dataclass(frozen=True, slots=True, eq=False)
class _Left:
    """What is left out: phases, beams by phase, parts of a phase's dose by a factor a voxel; and how it was told."""

    phases: frozenset[int] = frozenset()
    beams: Mapping[int, frozenset[int]] | None = None
    factors: Mapping[int, Real] | None = None
    ways: tuple[Way, ...] = ()


def priced(
    sheet: TargetSheet, plan: Prepared, course: Course, count: AlcForecast, forecast: Callable[[Course], AlcForecast]
) -> TargetSheet:
    """The sheet with its prices.

    Parameters
    ----------
    sheet : TargetSheet
    plan : Prepared
    course : Course
        Of the plan.
    count : AlcForecast
        Of the course.
    forecast : callable
        A course's forecast on the same draws.
    """
    beams = beams_of(plan.source.plan.phases)

    def against(other: Course) -> Effect:
        return _effect(count, forecast(other), course.last_fraction_d)

    prices, without, found = [], [], []
    for name, left in _left_out(sheet, plan):
        if not left.ways:
            without.append((name, "it shares all its dose with the target it lies in"))
            found.append(finding(NO_PRICE, without[-1][1], name))
            continue
        prices.append(Price(name, left.ways, against(_without(plan, course, left))))
        if "place" in left.ways:
            found.append(finding(BY_PLACE, SAID["place"], name, "export the dose of each beam, or plan by plan"))
    nodes = tuple(
        NodePrice(role, names, against(_spared(plan, course, names)))
        for role in NODE_ROLES
        if (names := tuple(n for n in sheet.of_role(role) if n in plan.doses.organs))
    )
    even = evened(plan)
    level = count if even is plan else forecast(exposure_of(even, blood_dose_of(even, {})))
    made = Prices(
        tuple(prices),
        tuple(without),
        against(_unirradiated(course, frozenset(beams))),
        nodes,
        _effect(level, count, course.last_fraction_d),
        _gains(plan, beams),
    )
    return replace(sheet, prices=made, findings=(*sheet.findings, *found))


def _effect(given: AlcForecast, other: AlcForecast, last_d: float) -> Effect:
    """One forecast minus another on the same draws."""
    at = int(np.searchsorted(given.day, np.ceil(last_d)))
    return Effect(difference(given, other), band(other.counts[:, at] - given.counts[:, at], given.weights))


def _unirradiated(course: Course, phases: frozenset[int]) -> Course:
    """The course with phases that give no dose; beams come before emitters in it."""
    return replace(course, phases=tuple(p.scaled(0.0) if i in phases else p for i, p in enumerate(course.phases)))


def _without(plan: Prepared, course: Course, left: _Left) -> Course:
    if left.beams or left.factors:
        course = _dosed_again(plan, left)
    return _unirradiated(course, left.phases)


def _dosed_again(plan: Prepared, left: _Left) -> Course:
    """The exposure of the plan with less dose in some phases: organs, blood and placed bodies met by it anew."""
    phases = []
    for i, phase in enumerate(plan.source.plan.phases):
        if left.beams and i in left.beams:
            phase = _fewer_beams(phase, left.beams[i])
        if left.factors and i in left.factors:
            phase = _times(phase, left.factors[i])
        phases.append(phase)
    source = replace(plan.source, plan=replace(plan.source.plan, phases=tuple(phases)))
    curves = Curves(source, plan.options, plan.patient)
    doses = organ_doses(source, plan.options, plan.network, plan.body, curves, plan.patient)
    flow = circulation(source, doses, plan.patient, plan.options, plan.network)
    other = replace(plan, source=source, curves=curves, doses=doses, flow=flow)
    return exposure_of(other, blood_dose_of(other, {}))


def _fewer_beams(phase: Phase, off: frozenset[int]) -> Phase:
    """A phase without some of its beams, by their place."""
    assert phase.dose is not None
    gone = sum((b.dose.dose_zyx for k, b in enumerate(phase.beams) if k in off and b.dose is not None), np.float32(0.0))
    kept = tuple(b for k, b in enumerate(phase.beams) if k not in off)
    starts = phase.beam_start_s
    return replace(
        phase,
        dose=replace(phase.dose, dose_zyx=np.maximum(phase.dose.dose_zyx - gone, np.float32(0.0))),
        beams=kept,
        beam_start_s=None if starts is None else tuple(s for k, s in enumerate(starts) if k not in off),
    )


def _times(phase: Phase, factor: Real) -> Phase:
    """A phase with a factor on the dose of each voxel, its beams' too; on other grids by the nearest voxel."""
    assert phase.dose is not None
    own = phase.dose

    def scaled(grid: DoseGrid) -> DoseGrid:
        on = factor if grid.frame.same_as(own.frame) else _sampled(factor, own, grid)
        return replace(grid, dose_zyx=(grid.dose_zyx * on).astype(np.float32))

    beams = tuple(b if b.dose is None else replace(b, dose=scaled(b.dose)) for b in phase.beams)
    return replace(phase, dose=scaled(own), beams=beams)


def _sampled(factor: Real, own: DoseGrid, other: DoseGrid) -> Real:
    """Factors at the points of another grid, of the nearest point of their own."""
    local = own.to_local(other.frame.points())
    at = [
        np.clip(np.rint(np.interp(local[..., k], axis, np.arange(len(axis)))).astype(np.intp), 0, len(axis) - 1)
        for k, axis in enumerate((own.x_mm, own.y_mm, own.z_mm))
    ]
    return np.asarray(factor[at[2], at[1], at[0]])


def _left_out(sheet: TargetSheet, plan: Prepared) -> list[tuple[str, _Left]]:
    """Each row with what its price leaves out."""
    drawn, _ = drawn_targets(plan)
    if not drawn:
        return [(t.name, _Left(frozenset(t.phases), ways=("phases",))) for t in sheet.targets]
    made = sorted_targets(drawn)
    served = served_by({id(t): t.medians for t in made.kept}, beams_of(plan.source.plan.phases))
    kept = [t for t in made.kept if served[id(t)][0]]
    by_phase = {
        i: [t for t in kept if i in served[id(t)][0]] for i in beams_of(plan.source.plan.phases)
    }  # fmt: skip
    return [(t.name, _left_of(plan, made, t, served[id(t)][0], by_phase)) for t in kept]


def _left_of(
    plan: Prepared, made: Sorted, t: Drawn, own: Sequence[int], by_phase: Mapping[int, Sequence[Drawn]]
) -> _Left:
    phases: set[int] = set()
    beams: dict[int, frozenset[int]] = {}
    factors: dict[int, Real] = {}
    ways: list[Way] = []
    every = plan.source.plan.phases
    for i in own:
        there, phase = by_phase[i], every[i]
        roots = [u for u in there if _outer_among(made, u, there) is None]
        outer = _outer_among(made, t, there)
        if outer is not None:
            if t.medians[i] >= number("boost.factor") * outer.medians[i]:
                factors[i] = _level_factor(
                    plan.source.plan.phases[i], t, outer, outer.medians[i], plan.source.plan.phases[0]
                )
                ways.append("level")
        elif len(roots) == 1:
            phases.add(i)
            ways.append("phases")
        elif (off := _own_beams(phase, roots, every[0])) is not None:
            beams[i] = off[id(t)]
            ways.append("beams")
        else:
            factors[i] = _away_factor(phase, t, roots, every[0])
            ways.append("place")
    return _Left(frozenset(phases), beams, factors, tuple(w for w in WAYS if w in ways))


def _outer_among(made: Sorted, t: Drawn, there: Sequence[Drawn]) -> Drawn | None:
    """The nearest target around one that the same phase serves."""
    outer = made.outer(t)
    while outer is not None and not any(outer is u for u in there):
        outer = made.outer(outer)
    return outer


def _on(phase: Phase, t: Drawn, first: Phase) -> Real:
    """What of a target lies in the voxels of a phase's grid. [cm3]"""
    from lymphorisk.dvh.voxels import voxel_volumes

    assert phase.dose is not None
    assert first.dose is not None
    return t.volume if phase.dose is first.dose else voxel_volumes(t.region, phase.dose)


def _level_factor(phase: Phase, t: Drawn, outer: Drawn, outer_gy: float, first: Phase) -> Real:
    """The factor that brings a target's voxels down to the median of what is left of the one around it."""
    assert phase.dose is not None
    inner, around = _on(phase, t, first), _on(phase, outer, first)
    rest = np.maximum(around - inner, 0.0).reshape(-1)
    dose = phase.dose.dose_zyx.astype(np.float64)
    flat = dose.reshape(-1)
    if rest.sum() > 0.0:
        order = np.argsort(flat, kind="stable")
        level = median_of(DoseDistribution(flat[order], rest[order] / rest.sum()))
    else:
        level = outer_gy * phase.of_fractions
    share = np.minimum(inner / np.maximum(phase.dose.frame.cell_volumes_cm3(), np.finfo(float).tiny), 1.0)
    capped = level / np.maximum(dose, max(level, np.finfo(float).tiny))
    return np.asarray(1.0 - share * (1.0 - capped))


def _away_factor(phase: Phase, t: Drawn, roots: Sequence[Drawn], first: Phase) -> Real:
    """0 at voxels nearest to a target among those of a phase, 1 elsewhere; where targets meet, the smaller has it."""
    from scipy.spatial import cKDTree

    assert phase.dose is not None
    points = phase.dose.frame.points().reshape(-1, 3)
    order = sorted(roots, key=lambda u: (float(u.volume.sum()), u.name))
    away = [cKDTree(points[_on(phase, u, first).reshape(-1) > 0.0]).query(points)[0] for u in order]
    nearest = np.argmin(np.stack(away), axis=0)
    mine = next(k for k, u in enumerate(order) if u is t)
    return np.asarray((nearest != mine).astype(np.float64).reshape(phase.dose.dose_zyx.shape))


def _own_beams(phase: Phase, roots: Sequence[Drawn], first: Phase) -> Mapping[int, frozenset[int]] | None:
    """By target, the places of the beams that serve it alone; None where a beam serves several or a target has none."""
    if not has_own_doses(phase) or phase.dose is None:
        return None
    grids = [b.dose for b in phase.beams if b.dose is not None]
    if not all(g.frame.same_as(phase.dose.frame) for g in grids):
        return None
    share = number("served.share")
    inside = {id(u): _on(phase, u, first).reshape(-1) for u in roots}
    out: dict[int, set[int]] = {id(u): set() for u in roots}
    for k, grid in enumerate(grids):
        flat = grid.dose_zyx.reshape(-1).astype(np.float64)
        order = np.argsort(flat, kind="stable")
        medians = {
            key: median_of(DoseDistribution(flat[order], v[order] / v.sum())) for key, v in inside.items() if v.any()
        }
        top = max(medians.values(), default=0.0)
        serves = [key for key, m in medians.items() if m > 0.0 and m >= share * top]
        if len(serves) != 1:
            return None
        out[serves[0]].add(k)
    return {key: frozenset(own) for key, own in out.items()} if all(out.values()) else None


def _spared(plan: Prepared, course: Course, names: Sequence[str]) -> Course:
    """The exposure with no dose in node regions; the course itself where they have none."""
    if not any(d.dose_gy[-1] > 0.0 for n in names for d in plan.doses.organs[n].per_fraction):
        return course
    phases = plan.source.plan.phases
    doses = plan.doses
    for name in names:
        doses = changed(doses, parse(f"{name}=0Gy", plan.source.plan.fractions), phases)
    other = plan.with_doses(doses)
    return exposure_of(other, blood_dose_of(other, {}))


def evened(plan: Prepared) -> Prepared:
    """The plan with the mean dose of each organ everywhere in it, fraction by fraction; the body as a whole stays.

    The plan itself where every organ's dose is even.
    """
    doses = plan.doses
    whole = {id(d) for d in doses.body}
    uneven = False

    def even(by_phase: tuple[DoseDistribution, ...], keep: bool = False) -> tuple[DoseDistribution, ...]:
        nonlocal uneven
        kept = [keep or id(d) in whole or d.dose_gy[0] == d.dose_gy[-1] for d in by_phase]
        uneven = uneven or not all(kept)
        return tuple(d if stays else uniform(d.mean_gy) for d, stays in zip(by_phase, kept, strict=True))

    drawn = {n: even(d, n == "Body") for n, d in doses.drawn.items()}
    organs = {n: replace(o, per_fraction=even(o.per_fraction, n == "Body")) for n, o in doses.organs.items()}
    makeup = tuple({pool: replace(m, rest=even(m.rest)) for pool, m in body.items()} for body in doses.makeup)
    rests = {key: even(d, _holds_body(doses, key)) for key, d in doses.rests.items()}
    if not uneven:
        return plan
    by_body = tuple({pool: pool_doses(m, drawn) for pool, m in body.items()} for body in makeup)
    # beams' own doses are met organ by organ no more: only the body keeps its voxels
    regions = {n: r for n, r in doses.regions.items() if n == "Body"}
    return plan.with_doses(
        replace(
            doses,
            organs=organs,
            drawn=drawn,
            makeup=makeup,
            by_body=by_body,
            pools=mean_pools(by_body),
            rests=rests,
            regions=regions,
        )
    )


def _holds_body(doses: Doses, key: str) -> bool:
    """Whether a placed share of blood lies all over the body."""
    return any("Body" in piece.mix for piece in doses.pieces.get(key, ()))


def _gains(plan: Prepared, beams: Sequence[int]) -> tuple[OrganGain, ...]:
    """Of the organs with a dose that is not even, the kill of a fraction as exported and at the mean."""
    form, phases = survival_used(plan.options), plan.source.plan.phases
    total = sum(phases[i].fractions for i in beams)
    out = []
    for name, organ in plan.doses.organs.items():
        if name == "Body" or organ.source == "diluted":
            continue
        killed = even = 0.0
        for i in beams:
            d = organ.per_fraction[i]
            killed += phases[i].fractions * float(d.share @ (1.0 - form(d.dose_gy)))
            even += phases[i].fractions * float(1.0 - form(np.array([d.mean_gy]))[0])
        out.append(OrganGain(name, killed / total, even / total))
    return tuple(out)
