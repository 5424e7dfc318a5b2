"""From a plan to the dose of every organ that matters, contoured or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from lymphorisk.absent import Absent
from lymphorisk.analysis.curves import Curve, Curves, as_given
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.placed import (
    BONE_CT,
    TRUNK,
    Bodies,
    Makeup,
    Piece,
    bodies_of,
    compartment_mix,
    made_of,
    marrow_in,
    mean_of,
    sd_ln,
    segmented_sd,
    typical_of,
    wider_than_bodies,
)
from lymphorisk.analysis.result import DoseSource, OrganDose
from lymphorisk.analysis.scale import scale_findings
from lymphorisk.analysis.segmented import disagreements
from lymphorisk.analysis.source import Source
from lymphorisk.dvh import DVH, DoseDistribution, diluted, mixture, summed, uniform
from lymphorisk.dvh.curve import WHOLE
from lymphorisk.dvh.grid_distribution import grid_distribution
from lymphorisk.dvh.regions import Region
from lymphorisk.errors import MissingOrganError
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.organs import Covered, blood_cover, check_volume, load, mass_kg, pool_cover
from lymphorisk.plan import Mask, Patient, Phase
from lymphorisk.units import ML_PER_L

SURROGATE = rule(
    "LR110",
    "warning",
    "organ by the diluted body",
    "The organ is neither contoured nor placed: the body's dose, diluted over the whole body, stands in. "
    "The forecast's band widens.",
)
PLACED = rule(
    "LR118",
    "info",
    "organ placed",
    "The organ is not contoured: the reference body, fitted to the drawn organs and the outline, says where it lies. "
    "Its dose differs from body to body of the fit, and the forecast's draws see one body each.",
)
NOT_PLACED = rule(
    "LR119",
    "warning",
    "reference body not placed",
    "The reference body could not be fitted to this patient; the diluted body's dose stands in for organs nobody drew.",
)
BY_OUTLINE = rule(
    "LR127",
    "warning",
    "reference body placed by the outline alone",
    "No drawn organ tells where in the body the scan lies: the shape of the outline does, to several centimetres. The "
    "bodies the forecast sees lie that far apart.",
)
SMALL = rule(
    "LR128",
    "warning",
    "body outside the reference bodies",
    "The patient is smaller than the adults the reference bodies stand for: proportions of children are not known. The "
    "reference is shrunk to the height, or to the girth where no height is known; its errors there were not measured.",
)
PART_DRAWN = rule(
    "LR109",
    "info",
    "part of an organ drawn",
    "A contour ends where the scan ends, or is too short for the organ: it is that part of it, the rest is placed.",
)
PARTLY_COVERED = rule(
    "LR111",
    "warning",
    "structure partly outside the dose grid",
    "Part of the structure lies outside the dose grid; there the lowest dose met inside is used. Metrics are bounds.",
)
UNDECIDABLE_COVERAGE = rule(
    "LR112",
    "error",
    "coverage too small",
    "Too much of the structure lies outside the dose grid to decide its dose; the models take a surrogate.",
)
NO_BODY = rule(
    "LR113",
    "warning",
    "no body contour",
    "No BODY or External was found: the whole dose grid, air included, stands in for the body.",
)
NO_LYMPHOID = rule(
    "LR114",
    "warning",
    "no lymphoid organ contoured",
    "None of spleen, marrow, nodes and bowel is contoured: their doses rest on the placed reference body, or on the "
    "body's dose alone.",
)
BONE_BY_CT = rule(
    "LR117",
    "warning",
    "marrow by CT number",
    "No marrow or bone is contoured: voxels above a CT number inside the body stand in for the marrow of the scan, by "
    "the share of it that lies at each level.",
)
NOT_LISTED = rule(
    "LR116",
    "warning",
    "scenario without body dose",
    "The scenario lists no Body or '*' dose: whatever it does not list gets no dose, which is what it says.",
)
PARTS_ONLY = rule(
    "LR115",
    "info",
    "organ by parts",
    "Only parts of the organ are contoured; the rest of it is placed, or has the body's diluted dose.",
)

#: The organ that names each lymphocyte pool in the result.
POOL_ORGAN = {
    "spleen": "Spleen",
    "nodes": "LN",
    "marrow": "BoneMarrow",
    "gut": "Bowel",
    "thymus": "Glnd_Thymus",
    "lung": "Lungs",
}
#: Blood-filled organs that are reported even when a surrogate stands in.
BLOOD_ORGANS = ("Heart", "Lungs", "A_Aorta", "A_Pulmonary", "V_Venacava_S", "V_Venacava_I", "Liver", "Kidneys", "Brain")
#: Blood in the walls of lungs and heart. A contour holds it; the organ doses that blood-flow models publish, and
#: so a scenario, are those of the blood that passes through: it counts there as not listed.
WALL_VESSELS = ("bronchial", "coronary")
#: Sources of organs nobody drew.
NOT_DRAWN = ("placed", "diluted")
#: Doses kept of a pool over all placed bodies.
POOL_BINS = 512
LYMPHOID = ("spleen", "nodes", "marrow", "gut")

#: Dose of one fraction, by phase; and of each pool. [Gy]
ByPhase = tuple[DoseDistribution, ...]
Pools = Mapping[str, ByPhase]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Doses:
    """Every organ's dose and what stands behind it.

    Attributes
    ----------
    organs : mapping of str to OrganDose
        By TG-263 name: contoured organs, and those that matter and are placed or diluted.
    targets : tuple of OrganDose
        GTV, CTV, ITV, PTV structures.
    body : tuple of DoseDistribution
        By phase: the body's dose of one fraction over the whole body. [Gy]
    pools : mapping of str to tuple of DoseDistribution
        Dose of one fraction of each lymphocyte pool, by phase. [Gy]
    pool_parts : mapping of str to tuple of Covered
        The organs behind each pool, with the share each stands for.
    undrawn : frozenset of str
        Pools of which less than half is contoured.
    surrogates : frozenset of str
        Those of them that have the diluted body's dose: their band widens.
    compartments : mapping of str to tuple of (str, float)
        Organs standing for each blood compartment, with the share each one covers.
    makeup : tuple of mapping of str to Makeup
        What each pool is made of, in each placed body; one body where none was placed.
    by_body : tuple of mapping of str to tuple of DoseDistribution
        Dose of one fraction of each pool in each of these bodies, by phase. [Gy]
    drawn : mapping of str to tuple of DoseDistribution
        By phase: dose of one fraction of what is drawn of each contoured organ. [Gy]
    rests : mapping of str to tuple of DoseDistribution
        By phase: dose of one fraction of placed organs and undrawn parts that stand for blood compartments. [Gy]
    pieces : mapping of str to tuple of Piece
        Where those lie, and by pool where its rest lies.
    bodies : Bodies or None
        The placed bodies.
    unmatched : tuple of str
    regions : mapping of str to Region
        What each contoured organ was computed on.
    findings : tuple of Finding
    """

    organs: Mapping[str, OrganDose]
    targets: tuple[OrganDose, ...]
    body: tuple[DoseDistribution, ...]
    pools: Pools
    pool_parts: Mapping[str, tuple[Covered, ...]]
    undrawn: frozenset[str]
    surrogates: frozenset[str]
    compartments: Mapping[str, tuple[tuple[str, float], ...]]
    makeup: tuple[Mapping[str, Makeup], ...]
    by_body: tuple[Pools, ...]
    drawn: Mapping[str, tuple[DoseDistribution, ...]]
    rests: Mapping[str, tuple[DoseDistribution, ...]]
    pieces: Mapping[str, tuple[Piece, ...]]
    bodies: Bodies | None
    unmatched: tuple[str, ...]
    regions: Mapping[str, Region]
    findings: tuple[Finding, ...]

    def of(self, name: str) -> OrganDose | None:
        """A contoured or given organ; None for a placed, diluted or unknown one."""
        organ = self.organs.get(name)
        return None if organ is None or organ.source in NOT_DRAWN else organ


def pool_doses(made: Makeup, drawn: Mapping[str, ByPhase]) -> ByPhase:
    """Dose of one fraction of a pool, its drawn organs by share and the rest. [Gy]"""
    return tuple(mixed(made.covered, drawn, rest, i) for i, rest in enumerate(made.rest))


def mean_pools(by_body: tuple[Pools, ...]) -> Pools:
    """By pool: dose of one fraction, all bodies alike. [Gy]"""
    return {pool: _over_bodies([b[pool] for b in by_body], mean_of) for pool in by_body[0]}


def typical_pools(by_body: tuple[Pools, ...]) -> Pools:
    """By pool: dose of one fraction in the typical body, as the features have it. [Gy]"""
    return {pool: _over_bodies([b[pool] for b in by_body], typical_of) for pool in by_body[0]}


def _over_bodies(
    each: Sequence[ByPhase], one_of: Callable[[Sequence[Sequence[DoseDistribution]], int, int], DoseDistribution]
) -> ByPhase:
    """One distribution for those of all bodies."""
    return each[0] if len(each) == 1 else tuple(one_of(each, i, POOL_BINS) for i in range(len(each[0])))


@dataclass(frozen=True, slots=True)
class BodyNumbers:
    """Body volume [L], whether it comes from the patient's weight, limits of shares, and bone on CT.

    A pool of which less than `pool_share` is contoured counts as a surrogate.
    Voxels at or above `bone_threshold_hu` [HU] are bone; `bone_volume_l` is that of a whole body [L].
    """

    volume_l: float
    min_coverage: float
    undecidable_coverage: float
    from_weight: bool = False
    bone_threshold_hu: float = np.inf
    bone_volume_l: float = np.inf
    pool_share: float = 0.5


def organ_doses(
    source: Source,
    options: Options,
    network: str,
    body: BodyNumbers,
    curves: Curves | None = None,
    patient: Patient | None = None,
) -> Doses:
    """Doses of all organs of a source, from its curves.

    Raises
    ------
    MissingOrganError
        An organ that matters is not contoured and the options refuse surrogates.
    """
    curves = curves or Curves(source, options, patient)
    if source.given is not None:
        found = _given(source, curves)
    else:
        found = _contoured(source, curves, body, mass_kg(patient or source.patient, curves.matching.regions))
    bone = _bone_by_ct(curves, found, body)
    bodies = _bodies(source, found, options, patient or source.patient)
    bone_share = 0.0 if bone is None else _marrow_of(bone, source, curves, found, body, bodies)
    whole = _body(source, found, body, bodies)
    return _completed(source, found, whole, bodies, options, network, body, bone_share)


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    organs: dict[str, OrganDose]
    targets: tuple[OrganDose, ...]
    unmatched: tuple[str, ...]
    findings: list[Finding]
    regions: dict[str, Region]
    undecidable: frozenset[str] = frozenset()


def _one_rbe(phases: tuple[Phase, ...]) -> float | None:
    """The RBE in the dose of all phases; None when they differ."""
    found = {phase.rbe_in_dose for phase in phases}
    return found.pop() if len(found) == 1 else None


def _physical(
    course: DoseDistribution, by_phase: Sequence[DoseDistribution], phases: tuple[Phase, ...]
) -> DoseDistribution:
    """A course dose with the RBE divided out: all of it by the one RBE, else phase by phase."""
    rbe = _one_rbe(phases)
    if rbe is not None:
        return course.scaled(1.0 / rbe)
    return summed([d.scaled(1.0 / p.rbe_in_dose) for d, p in zip(by_phase, phases, strict=True)])


def _per_fraction(distribution: DoseDistribution, phase: Phase) -> DoseDistribution:
    return distribution.scaled(1.0 / (phase.of_fractions * phase.rbe_in_dose))


def _given(source: Source, curves: Curves) -> _Found:
    phases = source.plan.phases
    organs = {}
    for name, planned in curves.given.items():
        parts = as_given(planned, phases)
        organs[name] = OrganDose(
            tg263=name,
            source="scenario",
            roi_names=(),
            how="given",
            course=(course := summed(parts)),
            physical=_physical(course, parts, phases),
            per_fraction=tuple(_per_fraction(d, p) for d, p in zip(planned, phases, strict=True)),
        )
    return _Found(organs, (), (), [], {})


def _contoured(source: Source, curves: Curves, body: BodyNumbers, mass: float | None) -> _Found:
    plan, matching = source.plan, curves.matching
    targets = matching.targets
    regions: list[Region] = [m.region for m in matching.organs.values()] + [t.structure for t in targets]
    course, by_phase = curves.of_course(regions), curves.of_phases(regions)
    physical = curves.of_physical(regions) if _one_rbe(plan.phases) is None else course
    scale = scale_findings(plan.phases, matching, curves.end_caps, source.left)
    findings = [*matching.findings, *scale, *curves.findings(regions), *disagreements(curves, source.segments)]
    organs: dict[str, OrganDose] = {}
    undecidable: set[str] = set()
    for i, (name, m) in enumerate(matching.organs.items()):
        own = [phase[i] for phase in by_phase]
        kind: DoseSource = "segmented" if m.segmented else "derived" if m.rung == "recipe" else "roi"
        organ = _organ(name, m.roi_names, m.how, course[i], physical[i], own, plan.phases, kind)
        if isinstance(organ, Absent):
            if organ.kind == "outside grid":
                undecidable.add(name)
                findings.append(finding(UNDECIDABLE_COVERAGE, f"{name} lies wholly outside the dose grid", name))
            continue
        organs[name] = organ
        if name == "Body":
            continue
        if organ.volume_cm3 is not None and (odd := check_volume(name, organ.volume_cm3, mass)):
            findings.append(odd)
        if organ.coverage < body.undecidable_coverage:
            undecidable.add(name)
            findings.append(
                finding(
                    UNDECIDABLE_COVERAGE,
                    f"only {100 * organ.coverage:.0f} % of {name} lies in the dose grid",
                    name,
                    "export a dose grid that covers the organ",
                )
            )
        elif organ.coverage < body.min_coverage:
            findings.append(
                finding(PARTLY_COVERED, f"{100 * organ.coverage:.1f} % of {name} lies in the dose grid", name)
            )
    found_targets = []
    for i, target in enumerate(targets, start=len(matching.organs)):
        own = [phase[i] for phase in by_phase]
        organ = _organ(target.kind, (target.structure.name,), "target", course[i], physical[i], own, plan.phases, "roi")
        if isinstance(organ, OrganDose):
            found_targets.append(organ)
    unmatched = tuple(u.name for u in matching.unmatched)
    matched = {name: m.region for name, m in matching.organs.items() if name in organs}
    return _Found(organs, tuple(found_targets), unmatched, findings, matched, frozenset(undecidable))


def _organ(
    name: str,
    roi_names: tuple[str, ...],
    how: str,
    course: Curve,
    physical: Curve,
    by_phase: Sequence[Curve],
    phases: tuple[Phase, ...],
    kind: DoseSource,
) -> OrganDose | Absent:
    """The organ's dose, or why there is none. Of the body, only what is inside counts."""
    if isinstance(course, Absent):
        return course
    if isinstance(physical, Absent):
        return physical
    # a curve of one phase is that of the course
    whole = {dvh: _whole(dvh) for dvh in dict.fromkeys((course, physical, *by_phase)) if isinstance(dvh, DVH)}
    parts = []
    for dvh, phase in zip(by_phase, phases, strict=True):
        if isinstance(dvh, Absent):
            return Absent.outside_grid()
        parts.append(_per_fraction(dvh.distribution() if name == "Body" else whole[dvh], phase))
    return OrganDose(
        tg263=name,
        source=kind,
        roi_names=roi_names,
        how=how,
        course=whole[course],
        physical=whole[physical].scaled(1.0 / (_one_rbe(phases) or 1.0)),
        per_fraction=tuple(parts),
        dvh=course,
        volume_cm3=course.total_cm3,
        coverage=1.0 if course.is_covered else course.coverage,
        sd_ln=segmented_sd(name) if kind == "segmented" else 0.0,
    )


def _bone_by_ct(curves: Curves, found: _Found, body: BodyNumbers) -> Mask | None:
    """Bone by CT number among the regions, where no marrow is contoured and the export has the CT."""
    if BONE_CT in curves.undrawn or pool_cover(set(found.organs)).get("marrow"):
        return None
    mask = curves.bone(body.bone_threshold_hu)
    if mask is not None:
        found.regions[BONE_CT] = mask
    return mask


def _marrow_of(
    bone: Mask, source: Source, curves: Curves, found: _Found, body: BodyNumbers, bodies: Bodies | None
) -> float:
    """The dose of the marrow in the bone on the CT; the share of the marrow it stands for where it is whole.

    Placed bodies say how much of the marrow lies at each level of the scan, and beyond it; without them the volume of
    the bone says how much there is.
    """
    phases = source.plan.phases
    region = bone if bodies is None else marrow_in(bone, bodies)
    parts = [curve for (curve,) in curves.of_phases([region]) if isinstance(curve, DVH)]
    if len(parts) < len(phases):
        return 0.0
    share = min(bone.volume_cm3 / ML_PER_L / body.bone_volume_l, 1.0) if bodies is None else 1.0
    planned = [_whole(dvh) for dvh in parts]
    whole = as_given(planned, phases)
    total = summed(whole)
    stands = f"{100 * share:.0f} % of the marrow" if bodies is None else "the marrow of the scan, level by level"
    how = f"CT numbers from {body.bone_threshold_hu:g} HU, {bone.volume_cm3:.0f} cm3: {stands}"
    found.organs[BONE_CT] = OrganDose(
        BONE_CT,
        "derived",
        (),
        how,
        total,
        _physical(total, whole, phases),
        tuple(_per_fraction(d, p) for d, p in zip(planned, phases, strict=True)),
        volume_cm3=bone.volume_cm3,
        coverage=parts[0].coverage,
    )
    found.regions[BONE_CT] = region
    found.findings.append(finding(BONE_BY_CT, how, "CT"))
    return share


def _whole(dvh: DVH) -> DoseDistribution:
    """Dose of the whole structure: what lies outside the grid has the lowest dose met inside."""
    inside = dvh.distribution()
    if dvh.is_covered:
        return inside
    return mixture([(dvh.coverage, inside), (1.0 - dvh.coverage, uniform(float(inside.dose_gy[0])))])


def _body(source: Source, found: _Found, body: BodyNumbers, bodies: Bodies | None) -> tuple[DoseDistribution, ...]:
    """By phase: the dose of one fraction over the whole body; outside the scan nothing, or what a placed body gets."""
    phases = source.plan.phases
    if source.given is not None:
        if not all({"*", "Body"} & set(given) for given in source.given):
            found.findings.append(finding(NOT_LISTED, "no Body dose", "scenario", "add [organs.Body]"))
        everywhere = [given.get("*", given.get("Body", uniform(0.0))) for given in source.given]
        return tuple(_per_fraction(d, p) for d, p in zip(everywhere, phases, strict=True))
    contoured = found.organs.get("Body")
    if contoured is not None and contoured.dvh is not None:
        share = min(contoured.dvh.covered_cm3 / ML_PER_L / body.volume_l, 1.0)
        return tuple(_spread(d, share, bodies, i) for i, d in enumerate(contoured.per_fraction))
    found.findings.append(finding(NO_BODY, "no BODY or External contour", "RTSTRUCT", "contour the body"))
    out = []
    for i, phase in enumerate(phases):
        assert phase.dose is not None
        distribution, litres = grid_distribution(phase.dose)
        out.append(_spread(_per_fraction(distribution, phase), min(litres / body.volume_l, 1.0), bodies, i))
    return tuple(out)


def _spread(inside: DoseDistribution, share: float, bodies: Bodies | None, phase: int) -> DoseDistribution:
    """A dose inside the scan spread over the whole body."""
    beyond = None if bodies is None or share == 1.0 else bodies.beyond_scan(phase)
    return diluted(inside, share) if beyond is None else mixture([(share, inside), (1.0 - share, beyond)])


def _bodies(source: Source, found: _Found, options: Options, patient: Patient) -> Bodies | None:
    """Placed bodies where they are wanted and can be believed."""
    if source.given is not None or options.missing != "placed":
        return None
    made = bodies_of(found.regions, source.plan.phases, patient, options.seed)
    if isinstance(made, Absent):
        found.findings.append(finding(NOT_PLACED, made.reason, "RTSTRUCT", "check the names and sides of the organs"))
        return None
    if made.by_outline:
        hint = "draw an organ with an end in the scan: lungs, heart, kidneys, bladder, femoral heads, brain"
        found.findings.append(finding(BY_OUTLINE, "no organ that tells the level is drawn", "RTSTRUCT", hint))
    if small := made.small(patient):
        found.findings.append(finding(SMALL, small, "patient", "draw spleen, nodes, marrow and bowel"))
    return made


@dataclass(frozen=True, slots=True, eq=False)
class _Completion:
    """What organs are completed from; `organs` and `findings` grow."""

    source: Source
    whole: ByPhase
    bodies: Bodies | None
    options: Options
    usable: frozenset[str]
    drawn: Mapping[str, ByPhase]
    organs: dict[str, OrganDose]
    findings: list[Finding]

    def made(self, name: str, covered: tuple[Covered, ...]) -> tuple[Makeup, ...]:
        """A pool or organ in every placed body; the body's dose is its rest where none is placed or none has it."""
        mix = None if self.bodies is None else self.bodies.mix(name)
        if self.bodies is None or mix is None:
            return (Makeup(covered, self.whole),)
        return made_of(self.bodies, mix, covered, self.whole, wider=wider_than_bodies(name))

    def doses(self, made: tuple[Makeup, ...]) -> tuple[ByPhase, ...]:
        """Its dose in every body."""
        return tuple(pool_doses(m, self.drawn) for m in made)

    def is_whole(self, name: str, made: tuple[Makeup, ...]) -> bool:
        """Whether the organ is drawn and nothing is left over."""
        return name in self.usable and not any(sum(c.share for c in m.covered) < 1.0 - WHOLE for m in made)

    def add(self, name: str, made: tuple[Makeup, ...], each: tuple[ByPhase, ...]) -> None:
        """Take the organ that is not, or not wholly, drawn."""
        self.organs[name] = _pool_organ(name, made, each, self.organs, self.drawn, self.source, self.bodies)

    def tell(self, name: str, covered: tuple[Covered, ...]) -> None:
        """Say what stands for it."""
        share = sum(c.share for c in covered)
        self.findings.extend(_told(self.organs[name], covered, share, self.bodies, self.options))


def _completed(
    source: Source,
    found: _Found,
    whole: ByPhase,
    bodies: Bodies | None,
    options: Options,
    network: str,
    body: BodyNumbers,
    bone_share: float,
) -> Doses:
    usable = frozenset(found.organs) - found.undecidable
    drawn = {name: organ.per_fraction for name, organ in found.organs.items()}
    to = _Completion(source, whole, bodies, options, usable, drawn, dict(found.organs), found.findings)
    covers = dict(pool_cover(set(usable)))
    if bone_share:
        covers["marrow"] = (Covered(BONE_CT, bone_share, stand_in=True),)
    blood = {
        compartment: covered
        for compartment, covered in blood_cover(set(usable), network).items()
        if source.given is None or compartment not in WALL_VESSELS
    }
    makeup, each = _complete_pools(to, covers)
    undrawn = frozenset(p for p in POOL_ORGAN if sum(c.share for c in covers.get(p, ())) < body.pool_share)
    _complete_organs(to, blood, network, body.pool_share)
    if bodies is not None:
        covers |= {pool: _mean_cover(makeup[pool]) for pool in POOL_ORGAN}
    if not any(covers.get(pool) for pool in LYMPHOID) and source.given is None:
        what, hint = "none of spleen, marrow, nodes, bowel", "contour them, or map with --organ"
        to.findings.append(finding(NO_LYMPHOID, what, "RTSTRUCT", hint))
    by_body = _by_body(each)
    compartments, rests, pieces = _compartments(blood, bodies, whole, network)
    return Doses(
        organs=to.organs,
        targets=found.targets,
        body=whole,
        pools=mean_pools(by_body),
        pool_parts={pool: parts for pool, parts in covers.items() if parts},
        undrawn=undrawn,
        surrogates=undrawn if bodies is None else frozenset(),
        compartments=compartments,
        makeup=_by_body(makeup),
        by_body=by_body,
        drawn=drawn,
        rests=rests,
        pieces={**{pool: m[0].pieces for pool, m in makeup.items()}, **pieces},
        bodies=bodies,
        unmatched=found.unmatched,
        regions=found.regions,
        findings=tuple(to.findings),
    )


def _complete_pools(
    to: _Completion, covers: Mapping[str, tuple[Covered, ...]]
) -> tuple[dict[str, tuple[Makeup, ...]], dict[str, tuple[ByPhase, ...]]]:
    """What each pool is made of in every body, and its dose there; organs of the pools are completed."""
    makeup: dict[str, tuple[Makeup, ...]] = {"elsewhere": (Makeup((), to.whole),)}
    each = {"elsewhere": to.doses(makeup["elsewhere"])}
    for pool, name in POOL_ORGAN.items():
        covered = covers.get(pool, ())
        makeup[pool] = to.made(name, covered)
        each[pool] = to.doses(makeup[pool])
        if not to.is_whole(name, makeup[pool]):
            to.add(name, makeup[pool], each[pool])
            to.tell(name, covered)
    return makeup, each


def _complete_organs(
    to: _Completion, blood: Mapping[str, tuple[Covered, ...]], network: str, pool_share: float
) -> None:
    """Organs beside those of the pools; without placed bodies what holds their blood stands in for them."""
    for name in _judged(to.usable, to.bodies):
        covered = (Covered(name, 1.0),) if name in to.usable else _drawn_parts(name, to.usable, to.bodies)
        made = to.made(name, covered)
        if to.is_whole(name, made):
            continue
        inside = load()[name].compartments.get(network, {})
        stand_ins = [c for compartment in inside for c in blood.get(compartment, ()) if c.share >= pool_share]
        stands_in = bool(stand_ins) and to.bodies is None
        if stands_in:
            made = (Makeup((replace(stand_ins[0], share=1.0),), to.whole),)
        to.add(name, made, to.doses(made))
        if not stands_in:
            to.tell(name, covered)


def _judged(usable: frozenset[str], bodies: Bodies | None) -> tuple[str, ...]:
    """Organs beside those of the pools: blood-filled ones, drawn or not, and drawn ones that may be parts."""
    pools = set(POOL_ORGAN.values())
    blood = tuple(n for n in BLOOD_ORGANS if n not in pools)
    if bodies is None:
        return blood
    known = load()
    held = [n for n, organ in known.items() if (organ.pool or organ.compartments) and not organ.stands_for]
    drawn = (n for n in held if n in usable and n not in pools and bodies.mix(n) is not None)
    return tuple(dict.fromkeys((*blood, TRUNK, *drawn)))


def _by_body(of: Mapping[str, tuple[T, ...]]) -> tuple[Mapping[str, T], ...]:
    """Body by body; a pool that is the same in all bodies is given once to each."""
    count = max(len(m) for m in of.values())
    return tuple({pool: m[b % len(m)] for pool, m in of.items()} for b in range(count))


def _mean_cover(made: tuple[Makeup, ...]) -> tuple[Covered, ...]:
    """Drawn organs with the share each stands for, all bodies alike."""
    return tuple(
        replace(c, share=float(np.mean([m.covered[k].share for m in made]))) for k, c in enumerate(made[0].covered)
    )


def _drawn_parts(name: str, usable: frozenset[str], bodies: Bodies | None) -> tuple[Covered, ...]:
    """Drawn parts of an organ that is not drawn itself, by the volume of the reference's."""
    mix = None if bodies is None else bodies.mix(name)
    return () if mix is None else tuple(Covered(n, w) for n, w in mix.items() if n in usable)


def _compartments(
    blood: Mapping[str, tuple[Covered, ...]],
    bodies: Bodies | None,
    whole: tuple[DoseDistribution, ...],
    network: str,
) -> tuple[
    dict[str, tuple[tuple[str, float], ...]],
    dict[str, tuple[DoseDistribution, ...]],
    dict[str, tuple[Piece, ...]],
]:
    """Organs standing for each blood compartment with their shares; doses and places of those that are placed."""
    if bodies is None:
        return {name: tuple((c.organ, c.share) for c in covered) for name, covered in blood.items()}, {}, {}
    compartments: dict[str, tuple[tuple[str, float], ...]] = {}
    rests: dict[str, tuple[DoseDistribution, ...]] = {}
    pieces: dict[str, tuple[Piece, ...]] = {}
    known = dict.fromkeys(c for organ in load().values() for c in organ.compartments.get(network, ()))
    for name in known:
        covered = blood.get(name, ())
        mix = compartment_mix(name, bodies)
        if mix is None:
            if covered:
                compartments[name] = tuple((c.organ, c.share) for c in covered)
            continue
        (made,) = made_of(bodies, mix, covered, whole, each=False)
        left = 1.0 - sum(c.share for c in made.covered)
        parts = [(c.organ, c.share) for c in made.covered if c.share > WHOLE]
        if left > WHOLE:
            key = f"{name}, placed"
            rests[key], pieces[key] = made.rest, made.pieces
            parts.append((key, left))
        compartments[name] = tuple(parts)
    return compartments, rests, pieces


def _told(
    organ: OrganDose, covered: tuple[Covered, ...], share: float, bodies: Bodies | None, options: Options
) -> list[Finding]:
    """What is said about an organ that is not drawn as a whole.

    Raises
    ------
    MissingOrganError
        Nothing of it is drawn and the options refuse stand-ins.
    """
    name = organ.tg263
    hint = f"contour it or map it: --organ {name}=ROI"
    if covered and organ.share < share - WHOLE:
        what = f"{', '.join(c.organ for c in covered)}: {100 * organ.share:.0f} % of {name}, the rest is placed"
        return [finding(PART_DRAWN, what, name)]
    if covered:
        what = f"{name}: {', '.join(c.organ for c in covered)} stand for {100 * share:.0f} % of it"
        return [finding(PARTS_ONLY, what, name)]
    if options.missing == "refuse":
        raise MissingOrganError(
            f"{name} is not contoured (or not decidable) and surrogates are refused",
            f"contour it, map it with --organ {name}=ROI, or allow --missing placed",
        )
    if bodies is None or organ.source != "placed":
        return [finding(SURROGATE, f"{name} has the body's diluted dose", name, hint)]
    return [finding(PLACED, f"{name} by {', '.join(organ.landmarks)}; sd of ln dose {organ.sd_ln:.2f}", name, hint)]


def mixed(
    covered: tuple[Covered, ...],
    drawn: Mapping[str, tuple[DoseDistribution, ...]],
    rest: DoseDistribution,
    phase: int,
) -> DoseDistribution:
    """Dose of one fraction of a pool: its organs by share, and the rest."""
    parts = [(c.share, drawn[c.organ][phase]) for c in covered]
    left = 1.0 - sum(share for share, _ in parts)
    if left < WHOLE:
        total = 1.0 - left
        return mixture([(share / total, d) for share, d in parts])
    return mixture([*parts, (left, rest)])


def _mean(made: Makeup, drawn: Mapping[str, tuple[DoseDistribution, ...]], scale: list[float]) -> float:
    """Mean course dose of a pool or organ in one body. [Gy]"""
    left = 1.0 - sum(c.share for c in made.covered)
    return sum(
        f * (sum(c.share * drawn[c.organ][i].mean_gy for c in made.covered) + left * made.rest[i].mean_gy)
        for i, f in enumerate(scale)
    )


def _pool_organ(
    name: str,
    made: tuple[Makeup, ...],
    each: tuple[ByPhase, ...],
    organs: Mapping[str, OrganDose],
    drawn: Mapping[str, tuple[DoseDistribution, ...]],
    source: Source,
    bodies: Bodies | None,
) -> OrganDose:
    """An organ that is not, or not wholly, drawn: what stands for it."""
    phases = source.plan.phases
    per_fraction = _over_bodies(each, typical_of)
    scale = [p.fractions * p.rbe_in_dose for p in phases]
    by_phase = [d.scaled(f) for d, f in zip(per_fraction, scale, strict=True)]
    course = summed(by_phase)
    physical = _physical(course, by_phase, phases)
    covered = _mean_cover(made)
    share = sum(c.share for c in covered)
    names = tuple(dict.fromkeys(roi for c in covered for roi in organs[c.organ].roi_names))
    placed = bodies is not None and bodies.mix(name) is not None and share < 1.0 - WHOLE
    landmarks = bodies.landmarks if placed and bodies is not None else ()
    between = sd_ln([_mean(m, drawn, scale) for m in made]) if placed else 0.0
    masked = [c for c in covered if organs[c.organ].source == "segmented"]
    spread = float(np.hypot(between, sum(c.share * segmented_sd(c.organ) for c in masked)))
    how = "the body's dose diluted over the whole body"
    if covered:
        parts = ", ".join(f"{c.organ} {100 * c.share:.0f} %" for c in covered)
        how = f"parts: {parts}" + (f"; the rest placed by {', '.join(landmarks)}" if placed else "")
    elif placed:
        how = f"reference body placed by {', '.join(landmarks)}"
    kind: DoseSource = "segmented" if masked else "derived" if covered else "placed" if placed else "diluted"
    own = organs.get(name) if any(c.organ == name for c in covered) else None
    return OrganDose(
        name,
        kind,
        names,
        how,
        course,
        physical,
        per_fraction,
        dvh=None if own is None else own.dvh,
        volume_cm3=None if own is None else own.volume_cm3,
        coverage=1.0 if own is None else own.coverage,
        share=min(share, 1.0) if placed else 1.0,
        landmarks=landmarks,
        sd_ln=spread,
    )
