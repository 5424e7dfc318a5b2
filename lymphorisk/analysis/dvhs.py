"""DVHs of every structure of an export, by our engine, dicompyler-core's and the planning system's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lymphorisk.absent import Absent
from lymphorisk.analysis.curves import Curve, Curves
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.scale import scale_findings
from lymphorisk.analysis.segmented import disagreements
from lymphorisk.analysis.source import Readable, Source, open_source, plan_key
from lymphorisk.dvh import DVH, Region
from lymphorisk.dvh.compare import matching_end_caps
from lymphorisk.dvh.curve import END_CAPS, CapsOf, EndCaps
from lymphorisk.errors import ScenarioError
from lymphorisk.findings import Finding
from lymphorisk.parameters import load
from lymphorisk.plan import DoseGrid, Structure
from lymphorisk.plan.treatment import course_prescription

ENGINES = ("exact", "dicompyler")


@dataclass(frozen=True, slots=True)
class StructureDvh:
    """One structure's DVH; `number` is None for a derived structure, `tg263` empty where no organ is known.

    `segmented` says that a segmentation handed in holds it.
    """

    number: int | None
    name: str
    tg263: str
    curve: Curve
    segmented: bool = False


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
    """DVHs of a source, the plan they belong to, and what was noticed.

    `tps_end_caps` is the end-cap rule that fits the planning system's own DVHs best, when it exported them;
    `highest_gy` is the highest dose of the grid, the ceiling of what lies outside it [Gy]; below
    `undecidable_coverage` a structure's metrics are undecidable; `plan_key` knows the plan by the bytes of its files.
    """

    label: str
    fractions: int | None
    uids: dict[str, tuple[str, ...]]
    prescription_gy: float | None
    highest_gy: float
    undecidable_coverage: float
    engine: str
    end_caps: CapsOf
    structures: tuple[StructureDvh, ...]
    findings: tuple[Finding, ...]
    crosscheck: tuple[Crosscheck, ...] = field(default=())
    tps_end_caps: EndCaps | None = None
    alpha_beta_gy: float | None = None
    plan_key: str = ""


def structure_dvhs(
    source: Readable,
    options: Options,
    names: Sequence[str] = (),
    engine: str = "exact",
    crosscheck: bool = False,
    alpha_beta_gy: float | None = None,
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
    alpha_beta_gy : float, optional
        For metrics in EQD2 or BED; the number of fractions is the course's. [Gy]

    Raises
    ------
    MissingOrganError
        A name that no structure and no organ of the export has.
    """
    course = open_source(source, options, need_fractions=False)
    return dvh_table(course, Curves(course, options), names, engine, crosscheck, alpha_beta_gy)


def dvh_table(
    source: Source,
    curves: Curves,
    names: Sequence[str] = (),
    engine: str = "exact",
    crosscheck: bool = False,
    alpha_beta_gy: float | None = None,
) -> DvhTable:
    """The table of `structure_dvhs` from the curves of a source."""
    if engine not in ENGINES:
        raise ScenarioError(f"engine {engine!r} is unknown", f"use one of {', '.join(ENGINES)}")
    if source.given is not None:
        raise ScenarioError("a scenario has no structures to draw a DVH of", "give an export")
    chosen = [curves.wanted(name) for name in names] if names else curves.everything()
    regions = [region for _, _, region in chosen]
    scale = scale_findings(source.plan.phases, curves.matching, curves.end_caps, source.left)
    findings = [*source.findings, *curves.matching.findings, *scale, *disagreements(curves, source.segments)]
    if engine == "exact":
        shown = curves.of_course(regions)
        findings += curves.findings(regions)
    else:
        shown = by_dicompyler(regions, curves.course_dose)
    tps_rule: EndCaps | None = None
    if source.tps_dvhs and engine == "exact":
        tps_rule, notes = end_caps_of_tps(source, curves)
        findings += notes
    handed_in = [m.region for m in curves.matching.organs.values() if m.segmented] + [s.region for s in source.segments]
    return DvhTable(
        label=source.plan.label,
        fractions=source.plan.fractions if source.fractions_known else None,
        uids=source.plan.uids,
        prescription_gy=course_prescription(p.given_prescription_gy for p in source.plan.phases),
        highest_gy=float(curves.course_dose.dose_zyx.max()),
        undecidable_coverage=load("body")["undecidable_coverage"].number,
        engine=engine,
        end_caps=curves.end_caps if engine == "exact" else "dicompyler",
        structures=tuple(
            StructureDvh(_roi_number(region, source), name, tg263, curve, region in handed_in)
            for (name, tg263, region), curve in zip(chosen, shown, strict=True)
        ),
        findings=tuple(dict.fromkeys(findings)),
        crosscheck=crosschecked(regions, source, curves) if crosscheck else (),
        tps_end_caps=tps_rule,
        alpha_beta_gy=alpha_beta_gy,
        plan_key=plan_key(source.inputs),
    )


def _roi_number(region: Region, source: Source) -> int | None:
    """ROI number of a structure of the plan; joined regions and segmentations have none."""
    return region.number if isinstance(region, Structure) and region in source.plan.structures else None


def crosschecked(regions: Sequence[Region], source: Source, curves: Curves) -> tuple[Crosscheck, ...]:
    """The single structures among regions by our engine, by dicompyler-core and by the planning system."""
    single = [r for r in regions if isinstance(r, Structure)]
    tps = {d.name: d for d in source.tps_dvhs}
    return tuple(
        Crosscheck(r.number, r.name, ours, theirs, tps.get(r.name))
        for r, ours, theirs in zip(
            single, curves.of_course(single), by_dicompyler(single, curves.course_dose), strict=True
        )
    )


def end_caps_of_tps(source: Source, curves: Curves) -> tuple[EndCaps, tuple[Finding, ...]]:
    """The end-cap rule that fits the planning system's own DVHs best, and where ours differ all the same."""
    theirs = {d.name for d in source.tps_dvhs}
    shared = [s for s in source.plan.structures if s.name in theirs]
    by_rule = {rule: curves.of_course(shared, rule) for rule in END_CAPS}
    return matching_end_caps(by_rule, source.tps_dvhs, float(curves.course_dose.dose_zyx.max()))


def by_dicompyler(regions: Sequence[Region], grid: DoseGrid) -> tuple[Curve, ...]:
    """DVHs by dicompyler-core, which knows single structures only."""
    from lymphorisk.dicom.dicompyler import calculate

    known = iter(calculate([r for r in regions if isinstance(r, Structure)], grid))
    return tuple(
        next(known)
        if isinstance(r, Structure)
        else Absent.not_contoured("dicompyler-core knows single structures only")
        for r in regions
    )
