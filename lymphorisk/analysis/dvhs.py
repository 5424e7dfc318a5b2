"""DVHs of every structure of an export, by our engine, dicompyler-core's and the planning system's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lymphorisk.absent import Absent
from lymphorisk.analysis.chain import analyze
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.result import Analysis
from lymphorisk.analysis.source import Source, open_source, read_source
from lymphorisk.dvh import DVH, DoseDistribution, Region, exact_with_findings, summed
from lymphorisk.dvh.compare import matching_end_caps
from lymphorisk.dvh.engine import BIN_GY
from lymphorisk.dvh.regions import Difference, Intersection, Union
from lymphorisk.errors import LinkError, MissingOrganError, ScenarioError
from lymphorisk.findings import Finding
from lymphorisk.organs import Matching, match
from lymphorisk.parameters import load
from lymphorisk.plan import DoseGrid, Patient, Structure
from lymphorisk.plan.dose_sum import sum_doses

ENGINES = ("exact", "dicompyler")

Curve = DVH | Absent


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
    """DVHs of a source, the plan they belong to, and what was noticed.

    `tps_end_caps` is the end-cap rule that fits the planning system's own DVHs best, when it exported them;
    `highest_gy` is the highest dose of the grid, the ceiling of what lies outside it [Gy]; below
    `undecidable_coverage` a structure's metrics are undecidable.
    """

    label: str
    fractions: int
    uids: dict[str, tuple[str, ...]]
    prescription_gy: float | None
    highest_gy: float
    undecidable_coverage: float
    engine: str
    end_caps: str
    structures: tuple[StructureDvh, ...]
    findings: tuple[Finding, ...]
    crosscheck: tuple[Crosscheck, ...] = field(default=())
    tps_end_caps: str = ""
    alpha_beta_gy: float | None = None


def structure_dvhs(
    source: str | Path,
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
    tps_rule = ""
    if course.tps_dvhs and engine == "exact":
        tps_rule, notes = matching_end_caps(course.plan.structures, grid, course.tps_dvhs)
        findings += notes
    prescriptions = [p.prescription_gy for p in course.plan.phases]
    return DvhTable(
        label=course.plan.label,
        fractions=course.plan.fractions,
        uids=course.plan.uids,
        prescription_gy=None if None in prescriptions else sum(p for p in prescriptions if p is not None),
        highest_gy=float(grid.dose_zyx.max()),
        undecidable_coverage=load("body")["undecidable_coverage"].number,
        engine=engine,
        end_caps=options.end_caps if engine == "exact" else "dicompyler",
        structures=rows,
        findings=tuple(dict.fromkeys(findings)),
        crosscheck=compared,
        tps_end_caps=tps_rule,
        alpha_beta_gy=alpha_beta_gy,
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


#: Signs that join names into one structure.
JOINS: dict[str, Callable[[str, Region, Region], Region]] = {
    "&": lambda name, a, b: Intersection(name, (a, b)),
    "+": lambda name, a, b: Union(name, (a, b)),
    "-": lambda name, a, b: Difference(name, a, b),
}


def wanted(name: str, course: Source, matching: Matching) -> tuple[str, str, Region]:
    """A structure by ROI name, TG-263 name or kind of target, or two of them joined.

    ``Lungs-GTV`` is the difference, ``PTV&Lungs`` the intersection, ``Kidney_L+Kidney_R`` the union; of several
    targets of a kind all are meant.
    """
    found = _named(name, course, matching) or _joined(name, course, matching)
    if found is not None:
        return found
    known = ", ".join(s.name for s in course.plan.structures)
    raise MissingOrganError(f"no structure or organ {name[:80]!r} in the export", f"there are: {known[:500]}")


def _joined(name: str, course: Source, matching: Matching) -> tuple[str, str, Region] | None:
    for sign, join in JOINS.items():
        for at in [i for i, c in enumerate(name) if c == sign][::-1]:
            sides = [
                _named(part, course, matching) or _joined(part, course, matching)
                for part in (name[:at].strip(), name[at + 1 :].strip())
            ]
            if sides[0] is not None and sides[1] is not None:
                return name, name, join(name, sides[0][2], sides[1][2])
    return None


def _named(name: str, course: Source, matching: Matching) -> tuple[str, str, Region] | None:
    for structure in course.plan.structures:
        if structure.name == name:
            organ = next((n for n, m in matching.organs.items() if m.region is structure), "")
            return name, organ, structure
    if name in matching.organs:
        return name, name, matching.organs[name].region
    targets = tuple(t.structure for t in matching.targets if t.kind == name.upper())
    if targets:
        return name, name, targets[0] if len(targets) == 1 else Union(name, targets)
    return None


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


class Lookup:
    """One export read once, for the analysis and for the DVH of any structure in it.

    Parameters
    ----------
    source : path
        An export or a scenario.
    options : Options
    """

    def __init__(self, source: str | Path, options: Options) -> None:
        #: The export or scenario as read.
        self.read = read_source(Path(source), options)
        self._options = options
        self._known: dict[str, Curve] = {}
        self._analysis: Analysis | None = None

    def analysis(self, patient: Patient) -> Analysis:
        """The analysis, computed once."""
        if self._analysis is None:
            self._analysis = analyze(self.read, patient, self._options)
        return self._analysis

    def highest_gy(self) -> float | None:
        """Highest dose of the grid, the ceiling of what lies outside it; None in a scenario. [Gy]"""
        course = open_source(self.read, self._options)
        return None if course.given is not None else float(course_grid(course).dose_zyx.max())

    def dvh(self, name: str) -> Curve:
        """DVH of a ROI, an organ or a difference such as ``Lungs-GTV``; or why there is none."""
        if name not in self._known:
            self._known[name] = self._curve(name)
        return self._known[name]

    def _curve(self, name: str) -> Curve:
        course = open_source(self.read, self._options)
        if course.given is not None:
            given = [phase[name] for phase in course.given if name in phase]
            if len(given) < len(course.given):
                return Absent.not_contoured("the scenario does not list it")
            return _curve_of(name, summed(given))
        matching = match(course.plan.structures, self._options.organs)
        try:
            _, _, region = wanted(name, course, matching)
        except MissingOrganError:
            return Absent.not_contoured("no such structure in the export")
        return exact_with_findings([region], course_grid(course), end_caps=self._options.end_caps)[0][0]


def _curve_of(name: str, distribution: DoseDistribution) -> DVH:
    """A distribution as a DVH of unit volume: shares are exact, volumes in cm3 are not known."""
    edges = np.arange(np.floor(distribution.dose_gy[-1] / BIN_GY) + 2) * BIN_GY
    at_least = np.append(np.cumsum(distribution.share[::-1])[::-1], 0.0)
    volume = at_least[np.searchsorted(distribution.dose_gy, edges)]
    volume[0] = 1.0
    return DVH(
        name,
        edges,
        np.minimum.accumulate(volume),
        mean_gy=distribution.mean_gy,
        min_gy=float(distribution.dose_gy[0]),
        max_gy=float(distribution.dose_gy[-1]),
        total_cm3=1.0,
        engine="scenario",
    )
