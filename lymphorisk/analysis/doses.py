"""From a plan to the dose of every organ that matters, contoured or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lymphorisk.absent import Absent
from lymphorisk.analysis.curves import Curve, Curves
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.result import OrganDose
from lymphorisk.analysis.scale import scale_findings
from lymphorisk.analysis.source import Source
from lymphorisk.dvh import DVH, DoseDistribution, diluted, mixture, summed, uniform
from lymphorisk.dvh.grid_distribution import grid_distribution
from lymphorisk.dvh.regions import Region
from lymphorisk.errors import MissingOrganError
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.organs import Covered, blood_cover, check_volume, load, pool_cover
from lymphorisk.plan import Phase, Structure
from lymphorisk.units import ML_PER_L

SURROGATE = rule(
    "LR110",
    "warning",
    "organ by surrogate",
    "The organ is not contoured: the body's dose, diluted over the whole body, stands in. The forecast's band widens.",
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
    "Spleen, marrow, nodes and bowel are all surrogates: the answer rests on the body's dose alone and is weak.",
)
BONE_BY_CT = rule(
    "LR117",
    "warning",
    "marrow by CT number",
    "No marrow or bone is contoured: voxels above a CT number inside the body stand in for the marrow of the scan.",
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
    "Only parts of the organ are contoured; the rest of it has the body's diluted dose.",
)

#: Name of the bone found on the CT.
BONE_CT = "Bone_CT"
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
LYMPHOID = ("spleen", "nodes", "marrow", "gut")
#: Covered shares closer to one than this are whole: rounding of areas.
WHOLE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Doses:
    """Every organ's dose and what stands behind it.

    Attributes
    ----------
    organs : mapping of str to OrganDose
        By TG-263 name: contoured organs, and the surrogates of those that matter.
    targets : tuple of OrganDose
        GTV, CTV, ITV, PTV structures.
    body : tuple of DoseDistribution
        By phase: the body's dose of one fraction diluted over the whole body, the surrogate. [Gy]
    pools : mapping of str to tuple of DoseDistribution
        Dose of one fraction of each lymphocyte pool, by phase. [Gy]
    pool_parts : mapping of str to tuple of Covered
        The organs behind each pool, with the share each stands for.
    surrogates : frozenset of str
        Pools of which less than half is contoured.
    compartments : mapping of str to tuple of (str, float)
        Organs standing for each blood compartment, with the share each one covers.
    unmatched : tuple of str
    regions : mapping of str to Region
        What each contoured organ was computed on.
    findings : tuple of Finding
    """

    organs: Mapping[str, OrganDose]
    targets: tuple[OrganDose, ...]
    body: tuple[DoseDistribution, ...]
    pools: Mapping[str, tuple[DoseDistribution, ...]]
    pool_parts: Mapping[str, tuple[Covered, ...]]
    surrogates: frozenset[str]
    compartments: Mapping[str, tuple[tuple[str, float], ...]]
    unmatched: tuple[str, ...]
    regions: Mapping[str, Region]
    findings: tuple[Finding, ...]

    def of(self, name: str) -> OrganDose | None:
        """A contoured or given organ; None for a surrogate or an unknown one."""
        organ = self.organs.get(name)
        return None if organ is None or organ.source == "surrogate" else organ


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
    source: Source, options: Options, network: str, body: BodyNumbers, curves: Curves | None = None
) -> Doses:
    """Doses of all organs of a source, from its curves.

    Raises
    ------
    MissingOrganError
        An organ that matters is not contoured and the options refuse surrogates.
    """
    curves = curves or Curves(source, options)
    if source.given is not None:
        found = _given(source, curves)
    else:
        found = _contoured(source, curves, body)
        _bone_by_ct(source, curves, found, body)
    whole = _body(source, found, body)
    return _completed(source, found, whole, options, network, body)


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    organs: dict[str, OrganDose]
    targets: tuple[OrganDose, ...]
    unmatched: tuple[str, ...]
    findings: list[Finding]
    regions: Mapping[str, Region]
    undecidable: frozenset[str] = frozenset()
    bone_share: list[float] = field(default_factory=list)


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
    return distribution.scaled(1.0 / (phase.fractions * phase.rbe_in_dose))


def _given(source: Source, curves: Curves) -> _Found:
    phases = source.plan.phases
    organs = {}
    for name, parts in curves.given.items():
        organs[name] = OrganDose(
            tg263=name,
            source="scenario",
            roi_names=(),
            how="given",
            course=(course := summed(parts)),
            physical=_physical(course, parts, phases),
            per_fraction=tuple(_per_fraction(d, p) for d, p in zip(parts, phases, strict=True)),
        )
    return _Found(organs, (), (), [], {})


def _contoured(source: Source, curves: Curves, body: BodyNumbers) -> _Found:
    plan, matching = source.plan, curves.matching
    targets = matching.targets
    regions: list[Region] = [m.region for m in matching.organs.values()] + [t.structure for t in targets]
    course, by_phase = curves.of_course(regions), curves.of_phases(regions)
    physical = curves.of_physical(regions) if _one_rbe(plan.phases) is None else course
    scale = scale_findings(plan.phases, matching, curves.end_caps)
    findings = [*matching.findings, *scale, *curves.findings(regions)]
    organs: dict[str, OrganDose] = {}
    undecidable: set[str] = set()
    for i, (name, m) in enumerate(matching.organs.items()):
        own = [phase[i] for phase in by_phase]
        kind = "derived" if m.rung == "recipe" else "roi"
        organ = _organ(name, m.roi_names, m.how, course[i], physical[i], own, plan.phases, kind)
        if isinstance(organ, Absent):
            if organ.kind == "outside grid":
                undecidable.add(name)
                findings.append(finding(UNDECIDABLE_COVERAGE, f"{name} lies wholly outside the dose grid", name))
            continue
        organs[name] = organ
        if name == "Body":
            continue
        if organ.volume_cm3 is not None and (odd := check_volume(name, organ.volume_cm3)):
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
    kind: str,
) -> OrganDose | Absent:
    """The organ's dose, or why there is none. Of the body, only what is inside counts."""
    if isinstance(course, Absent):
        return course
    if isinstance(physical, Absent):
        return physical
    parts = []
    for dvh, phase in zip(by_phase, phases, strict=True):
        if isinstance(dvh, Absent):
            return Absent.outside_grid()
        parts.append(_per_fraction(dvh.distribution() if name == "Body" else _whole(dvh), phase))
    return OrganDose(
        tg263=name,
        source=kind,
        roi_names=roi_names,
        how=how,
        course=_whole(course),
        physical=_whole(physical).scaled(1.0 / (_one_rbe(phases) or 1.0)),
        per_fraction=tuple(parts),
        dvh=course,
        volume_cm3=course.total_cm3,
        coverage=min(course.coverage, 1.0) if course.coverage < 1.0 - WHOLE else 1.0,
    )


def _bone_by_ct(source: Source, curves: Curves, found: _Found, body: BodyNumbers) -> None:
    """Bone by CT number, where no marrow is contoured and the export has the CT."""
    if pool_cover(set(found.organs)).get("marrow"):
        return
    region = found.regions.get("Body")
    by_phase = curves.bone(body.bone_threshold_hu, region if isinstance(region, Structure) else None)
    parts = [dvh for dvh in by_phase if isinstance(dvh, DVH)]
    if not parts or len(parts) < len(by_phase):
        return
    share = min(parts[0].total_cm3 / ML_PER_L / body.bone_volume_l, 1.0)
    phases = source.plan.phases
    whole = [_whole(dvh) for dvh in parts]
    course = summed(whole)
    volume = parts[0].total_cm3
    how = f"CT numbers from {body.bone_threshold_hu:g} HU, {volume:.0f} cm3: {100 * share:.0f} % of the marrow"
    found.organs[BONE_CT] = OrganDose(
        BONE_CT,
        "derived",
        (),
        how,
        course,
        _physical(course, whole, phases),
        tuple(_per_fraction(d, p) for d, p in zip(whole, phases, strict=True)),
        volume_cm3=volume,
        coverage=parts[0].coverage,
    )
    found.bone_share.append(share)
    found.findings.append(finding(BONE_BY_CT, how, "CT"))


def _whole(dvh: DVH) -> DoseDistribution:
    """Dose of the whole structure: what lies outside the grid has the lowest dose met inside."""
    inside = dvh.distribution()
    if dvh.coverage >= 1.0 - WHOLE:
        return inside
    return mixture([(dvh.coverage, inside), (1.0 - dvh.coverage, uniform(float(inside.dose_gy[0])))])


def _body(source: Source, found: _Found, body: BodyNumbers) -> tuple[DoseDistribution, ...]:
    """By phase: the dose of one fraction over the whole body."""
    phases = source.plan.phases
    if source.given is not None:
        if not all({"*", "Body"} & set(given) for given in source.given):
            found.findings.append(finding(NOT_LISTED, "no Body dose", "scenario", "add [organs.Body]"))
        everywhere = [given.get("*", given.get("Body", uniform(0.0))) for given in source.given]
        return tuple(_per_fraction(d, p) for d, p in zip(everywhere, phases, strict=True))
    contoured = found.organs.get("Body")
    if contoured is not None and contoured.dvh is not None:
        share = min(contoured.dvh.covered_cm3 / ML_PER_L / body.volume_l, 1.0)
        return tuple(diluted(d, share) for d in contoured.per_fraction)
    found.findings.append(finding(NO_BODY, "no BODY or External contour", "RTSTRUCT", "contour the body"))
    out = []
    for phase in phases:
        assert phase.dose is not None
        distribution, litres = grid_distribution(phase.dose)
        out.append(diluted(_per_fraction(distribution, phase), min(litres / body.volume_l, 1.0)))
    return tuple(out)


def _completed(
    source: Source,
    found: _Found,
    whole: tuple[DoseDistribution, ...],
    options: Options,
    network: str,
    body: BodyNumbers,
) -> Doses:
    organs = dict(found.organs)
    usable = {name for name in organs if name not in found.undecidable}
    findings = found.findings
    pools: dict[str, tuple[DoseDistribution, ...]] = {"elsewhere": whole}
    surrogates = set()
    cover = dict(pool_cover(usable))
    if found.bone_share:
        cover["marrow"] = (Covered(BONE_CT, found.bone_share[0], stand_in=True),)
    for pool, name in POOL_ORGAN.items():
        covered = cover.get(pool, ())
        pools[pool] = tuple(mixed(covered, organs, whole[i], i) for i in range(len(whole)))
        share = sum(c.share for c in covered)
        if share < body.pool_share:
            surrogates.add(pool)
        if name in usable:
            continue
        organs[name] = _pool_organ(name, covered, organs, pools[pool], source)
        if covered:
            what = f"{name}: {', '.join(c.organ for c in covered)} stand for {100 * share:.0f} % of it"
            findings.append(finding(PARTS_ONLY, what, name))
        else:
            findings.append(_surrogate(name, options))
    blood = {
        compartment: covered
        for compartment, covered in blood_cover(usable, network).items()
        if source.given is None or compartment not in WALL_VESSELS
    }
    for name in BLOOD_ORGANS:
        if name in organs and name not in found.undecidable:
            continue
        inside = load()[name].compartments.get(network, {})
        stand_ins = [c for compartment in inside for c in blood.get(compartment, ()) if c.share >= body.pool_share]
        if stand_ins:
            covered = (replace(stand_ins[0], share=1.0),)
            organs[name] = _pool_organ(name, covered, organs, organs[covered[0].organ].per_fraction, source)
            continue
        organs[name] = _pool_organ(name, (), organs, whole, source)
        findings.append(_surrogate(name, options))
    if all(not cover.get(pool) for pool in LYMPHOID) and source.given is None:
        findings.append(
            finding(
                NO_LYMPHOID, "none of spleen, marrow, nodes, bowel", "RTSTRUCT", "contour them, or map with --organ"
            )
        )
    compartments = {compartment: tuple((c.organ, c.share) for c in covered) for compartment, covered in blood.items()}
    return Doses(
        organs=organs,
        targets=found.targets,
        body=whole,
        pools=pools,
        pool_parts=cover,
        surrogates=frozenset(surrogates),
        compartments=compartments,
        unmatched=found.unmatched,
        regions=found.regions,
        findings=tuple(findings),
    )


def _surrogate(name: str, options: Options) -> Finding:
    if options.missing == "refuse":
        raise MissingOrganError(
            f"{name} is not contoured (or not decidable) and surrogates are refused",
            f"contour it, map it with --organ {name}=ROI, or allow surrogates with --missing surrogate",
        )
    return finding(SURROGATE, f"{name} has the body's diluted dose", name, f"contour it or map it: --organ {name}=ROI")


def mixed(
    covered: tuple[Covered, ...], organs: Mapping[str, OrganDose], rest: DoseDistribution, phase: int
) -> DoseDistribution:
    """Dose of one fraction of a pool: its organs by share, the body's dose for the rest."""
    parts = [(c.share, organs[c.organ].per_fraction[phase]) for c in covered]
    left = 1.0 - sum(share for share, _ in parts)
    if left < WHOLE:
        total = 1.0 - left
        return mixture([(share / total, d) for share, d in parts])
    return mixture([*parts, (left, rest)])


def _pool_organ(
    name: str,
    covered: tuple[Covered, ...],
    organs: Mapping[str, OrganDose],
    per_fraction: tuple[DoseDistribution, ...],
    source: Source,
) -> OrganDose:
    phases = source.plan.phases
    by_phase = [d.scaled(p.fractions * p.rbe_in_dose) for d, p in zip(per_fraction, phases, strict=True)]
    course = summed(by_phase)
    physical = _physical(course, by_phase, phases)
    names = tuple(dict.fromkeys(roi for c in covered for roi in organs[c.organ].roi_names))
    if covered:
        how = "parts: " + ", ".join(f"{c.organ} {100 * c.share:.0f} %" for c in covered)
        return OrganDose(name, "derived", names, how, course, physical, per_fraction)
    how = "the body's dose diluted over the whole body"
    return OrganDose(name, "surrogate", (), how, course, physical, per_fraction)
