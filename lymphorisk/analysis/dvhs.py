"""DVHs of every structure of an export, by our engine, dicompyler-core's and the planning system's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lymphorisk.analysis.options import Options
from lymphorisk.analysis.source import Source, open_source
from lymphorisk.dvh import DVH, NotContoured, OutsideGrid, Region, exact_with_findings
from lymphorisk.errors import LinkError, MissingOrganError, ScenarioError
from lymphorisk.findings import Finding
from lymphorisk.organs import Matching, match, without
from lymphorisk.plan import DoseGrid, Structure
from lymphorisk.plan.dose_sum import sum_doses

ENGINES = ("exact", "dicompyler")

Curve = DVH | NotContoured | OutsideGrid


@dataclass(frozen=True, slots=True)
class StructureDvh:
    """One structure's DVH; `number` is None for a derived structure, `tg263` empty where no organ is known."""

    number: int | None
    name: str
    tg263: str
    curve: Curve


@dataclass(frozen=True, slots=True)
class Crosscheck:
    """One structure by three programs; absent where one gives none."""

    number: int
    name: str
    ours: Curve
    dicompyler: Curve
    tps: DVH | None


@dataclass(frozen=True, slots=True)
class DvhTable:
    """DVHs of a source, the plan they belong to, and what was noticed."""

    label: str
    fractions: int
    uids: dict[str, tuple[str, ...]]
    prescription_gy: float | None
    engine: str
    end_caps: str
    structures: tuple[StructureDvh, ...]
    findings: tuple[Finding, ...]
    crosscheck: tuple[Crosscheck, ...] = field(default=())


def structure_dvhs(
    source: str | Path,
    options: Options,
    names: Sequence[str] = (),
    engine: str = "exact",
    crosscheck: bool = False,
) -> DvhTable:
    """DVHs of the course dose of all structures, or of those asked for.

    Parameters
    ----------
    names : sequence of str
        ROI names, TG-263 names, or differences such as ``Lungs-GTV``; none means every ROI.
    engine : str
        ``exact`` or ``dicompyler``.
    crosscheck : bool
        Also compute with dicompyler-core and set the planning system's own DVHs beside.

    Raises
    ------
    MissingOrganError
        A name that no structure and no organ of the export has.
    """
    if engine not in ENGINES:
        raise ScenarioError(f"engine {engine!r} is unknown", f"use one of {', '.join(ENGINES)}")
    course = open_source(source, options)
    if course.given is not None:
        raise ScenarioError("a scenario has no structures to draw a DVH of", "give an export")
    matching = match(course.plan.structures, options.organs)
    grid = course_grid(course)
    chosen = [wanted(name, course, matching) for name in names] if names else everything(course, matching)
    regions = [region for _, _, region in chosen]
    findings = [*course.findings, *matching.findings]
    if engine == "exact":
        curves, notes = exact_with_findings(regions, grid, end_caps=options.end_caps)
        findings += notes
    else:
        curves = by_dicompyler(regions, grid)
    rows = tuple(
        StructureDvh(region.number if isinstance(region, Structure) else None, name, tg263, curve)
        for (name, tg263, region), curve in zip(chosen, curves, strict=True)
    )
    compared: tuple[Crosscheck, ...] = ()
    if crosscheck:
        single = [(r, row.curve) for r, row in zip(regions, rows, strict=True) if isinstance(r, Structure)]
        ours = [c for _, c in single]
        if engine != "exact":
            ours = list(exact_with_findings([r for r, _ in single], grid, end_caps=options.end_caps)[0])
        theirs = by_dicompyler([r for r, _ in single], grid)
        tps = {d.name: d for d in course.tps_dvhs}
        compared = tuple(
            Crosscheck(r.number, r.name, a, b, tps.get(r.name))
            for (r, _), a, b in zip(single, ours, theirs, strict=True)
        )
    prescriptions = [p.prescription_gy for p in course.plan.phases]
    return DvhTable(
        label=course.plan.label,
        fractions=course.plan.fractions,
        uids=course.plan.uids,
        prescription_gy=None if None in prescriptions else sum(p for p in prescriptions if p is not None),
        engine=engine,
        end_caps=options.end_caps if engine == "exact" else "dicompyler",
        structures=rows,
        findings=tuple(dict.fromkeys(findings)),
        crosscheck=compared,
    )


def course_grid(course: Source) -> DoseGrid:
    """Dose of the whole course."""
    grids = [phase.dose for phase in course.plan.phases if phase.dose is not None]
    if len(grids) < len(course.plan.phases):
        raise LinkError("a phase has no dose", "export the RTDOSE of every phase")
    return sum_doses(grids)


def everything(course: Source, matching: Matching) -> list[tuple[str, str, Region]]:
    """Every ROI with the organ it is."""
    organ_of = {m.region.number: name for name, m in matching.organs.items() if isinstance(m.region, Structure)} | {
        t.structure.number: t.kind for t in matching.targets
    }
    return [(s.name, organ_of.get(s.number, ""), s) for s in course.plan.structures]


def wanted(name: str, course: Source, matching: Matching) -> tuple[str, str, Region]:
    """A structure by ROI name, TG-263 name or as an organ without a target."""
    for structure in course.plan.structures:
        if structure.name == name:
            organ = next((n for n, m in matching.organs.items() if m.region is structure), "")
            return name, organ, structure
    if name in matching.organs:
        return name, name, matching.organs[name].region
    base, sign, target = name.partition("-")
    if sign and (made := without(matching, base, target.upper())) is not None:
        return name, name, made.region
    for t in matching.targets:
        if t.kind == name:
            return name, name, t.structure
    known = ", ".join(s.name for s in course.plan.structures)
    raise MissingOrganError(f"no structure or organ {name[:80]!r} in the export", f"there are: {known[:500]}")


def by_dicompyler(regions: Sequence[Region], grid: DoseGrid) -> tuple[Curve, ...]:
    """DVHs by dicompyler-core, which knows single structures only."""
    from lymphorisk.dicom.dicompyler import calculate

    known = iter(calculate([r for r in regions if isinstance(r, Structure)], grid))
    return tuple(
        next(known) if isinstance(r, Structure) else NotContoured("dicompyler-core knows single structures only")
        for r in regions
    )
