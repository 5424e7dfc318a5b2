"""The sheet of a course's targets: dose, fractions, BED10, dose class, nodes by role; prices: `analysis.prices`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lymphorisk import parameters
from lymphorisk.absent import Absent
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
from lymphorisk.analysis.nodes import Nodes, nodes_of
from lymphorisk.analysis.prepared import Prepared
from lymphorisk.analysis.scale import dose_in_name
from lymphorisk.analysis.schedules import alpha_beta
from lymphorisk.dvh import DoseDistribution
from lymphorisk.errors import ScenarioError
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.parameters.classes import DoseClass, classes, classes_of
from lymphorisk.parameters.windows import DoseWindow, windows_of
from lymphorisk.plan import Phase
from lymphorisk.plan.words import NodeRole

if TYPE_CHECKING:
    from lymphorisk.analysis.prices import Prices

NO_DOSE = rule(
    "LR270",
    "warning",
    "target not in the sheet",
    "A target has no dose that the sheet of targets could give: it is not drawn, or lies outside the dose grid.",
)
NO_CLASS = rule(
    "LR271",
    "info",
    "dose between the classes",
    "The dose of a target lies in none of the dose classes that reviews draw; it is not put into the nearest one.",
)
SEVERAL_CLASSES = rule(
    "LR272",
    "info",
    "dose in several classes",
    "The dose classes that reviews draw overlap: a target lies in more than one, and none is chosen.",
)
#: Where the dose of a row comes from.
DoseFrom = Literal["prescribed", "name", "median D50%"]
#: A row that is no structure: a phase of which nobody drew the target.
PHASE = "phase"


@dataclass(frozen=True, slots=True)
class Group:
    """Fractions of one dose. [Gy]"""

    fractions: int
    fraction_gy: float


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A row of the sheet.

    Attributes
    ----------
    name, kind : str
        ROI name and ``PTV``, ``ITV``, ``CTV`` or ``GTV``; without a structure, the phase's label and ``phase``.
    stands_for : tuple of str
        ROIs of the same target that have no row of their own.
    within : str
        The target it lies in and whose dose it exceeds; empty when none.
    volume_cm3 : float or None
    coverage : float
        Share of the structure inside the dose grid.
    groups : tuple of Group
        By the phases that serve it.
    dose_gy : float
        Of these fractions. [Gy]
    dose_from : str
        What that dose is: ``prescribed``, the number in its ``name``, or the ``median D50%`` of the phases.
    median_gy : float or None
        Measured median dose (D50%) of the whole course, as exported; None where nothing is drawn. [Gy]
    rbe_in_dose : bool
        Whether these doses hold an RBE.
    bed_gy, eqd2_gy : float or Absent
        By the linear-quadratic model with the stated alpha/beta. [Gy]
    classes, windows : tuple
        Dose classes, and dose windows of reviews, that its fractions or its BED10 lie in.
    phases : tuple of int
        The phases that serve it.
    incidental : bool
        No phase serves it by dose: others get far more in each, and it is a target of low dose or by the way.
    killed, killed_if_even : float or None
        Share of the lymphocytes in it that one fraction kills, by the exported dose and by its mean everywhere.
    """

    name: str
    kind: str
    stands_for: tuple[str, ...]
    within: str
    volume_cm3: float | None
    coverage: float
    groups: tuple[Group, ...]
    dose_gy: float
    dose_from: DoseFrom
    median_gy: float | None
    rbe_in_dose: bool
    bed_gy: float | Absent
    eqd2_gy: float | Absent
    classes: tuple[DoseClass, ...]
    windows: tuple[DoseWindow, ...]
    phases: tuple[int, ...]
    incidental: bool = False
    killed: float | None = None
    killed_if_even: float | None = None

    @property
    def fractions(self) -> int:
        """Fractions of the phases that serve it."""
        return sum(g.fractions for g in self.groups)


@dataclass(frozen=True, slots=True, eq=False)
class TargetSheet:
    """All targets of a course.

    Attributes
    ----------
    targets : tuple of Target
    without_dose : tuple of (str, str)
        Targets that have no row, and why.
    nodes : tuple of Nodes
    findings : tuple of Finding
    prices : Prices or None
        What each target, the nodes of a role and the unevenness of the dose do to the count, when asked for.
    """

    targets: tuple[Target, ...]
    without_dose: tuple[tuple[str, str], ...]
    nodes: tuple[Nodes, ...]
    findings: tuple[Finding, ...]
    prices: Prices | None = None

    @property
    def apart(self) -> int:
        """How many targets there are that lie in no other."""
        return sum(not t.within for t in self.targets)

    def of_role(self, role: NodeRole) -> tuple[str, ...]:
        """Node regions of a role."""
        return tuple(n.name for n in self.nodes if n.role == role)

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        met = dict.fromkeys(c for t in self.targets for c in t.classes)
        return {
            "targets": [_row(t) for t in self.targets],
            "without_dose": [{"name": name, "reason": why} for name, why in self.without_dose],
            "targets_apart": self.apart,
            "in_class": {c.id: sum(c in t.classes for t in self.targets) for c in classes()},
            "classes": [
                {"id": c.id, "name": c.name, "span": c.span, "says": c.says, "source": c.source, "known": c.known}
                for c in met
            ],
            "alpha_beta_gy": alpha_beta(),
            "nodes": [
                {
                    "name": n.name,
                    "role": n.role or None,
                    "role_from": n.role_from or None,
                    "source": n.source,
                    "mean_gy": n.mean_gy,
                    "median_gy": n.median_gy,
                    "nearest_target": n.beside or None,
                    "distance_mm": n.distance_mm,
                }
                for n in self.nodes
            ],
            "prices": None if self.prices is None else self.prices.to_dict(),
        }


def _row(t: Target) -> dict[str, Any]:
    return {
        "name": t.name,
        "kind": t.kind,
        "stands_for": list(t.stands_for),
        "within": t.within or None,
        "volume_cm3": t.volume_cm3,
        "coverage": t.coverage,
        "fractions": t.fractions,
        "fraction_doses": [{"fractions": g.fractions, "gy": g.fraction_gy} for g in t.groups],
        "dose_gy": t.dose_gy,
        "dose_from": t.dose_from,
        "median_gy": t.median_gy,
        "rbe_in_dose": t.rbe_in_dose,
        "bed10_gy": None if isinstance(t.bed_gy, Absent) else t.bed_gy,
        "eqd2_gy": None if isinstance(t.eqd2_gy, Absent) else t.eqd2_gy,
        "no_bed": t.bed_gy.reason if isinstance(t.bed_gy, Absent) else None,
        "classes": [c.id for c in t.classes],
        "dose_windows": [w.id for w in t.windows],
        "incidental": t.incidental,
        "killed": t.killed,
        "killed_if_even": t.killed_if_even,
    }


def target_sheet(plan: Prepared) -> TargetSheet | None:
    """The sheet of a course, without prices; None of emitters alone, which have no target.

    Raises
    ------
    ScenarioError
        A role is given to nodes that have no dose here.
    """
    phases = plan.source.plan.phases
    beams = beams_of(phases)
    if not beams:
        if plan.options.node_role:
            raise ScenarioError("roles of nodes beside emitters alone say nothing: no beam serves a target")
        return None
    drawn, without = drawn_targets(plan)
    made = sorted_targets(drawn)
    served = served_by({id(t): t.medians for t in made.kept}, beams)
    rows = [_of_drawn(plan, made, t, *served[id(t)]) for t in made.kept if served[id(t)][0]]
    without = (
        *without,
        *((t.name, "it gets no dose") for t in made.kept if not served[id(t)][0]),
    )
    if not made.kept:
        told, missing = _of_phases(plan, beams)
        rows, without = told, (*without, *missing)
    nodes, noted = nodes_of(plan, [t for t in made.kept if served[id(t)][0]])
    shown = {s.name for s in plan.source.plan.structures}
    found = [finding(NO_DOSE, why, name) for name, why in without if name in shown]
    return TargetSheet(tuple(rows), without, nodes, (*found, *made.findings, *_class_findings(rows), *noted))


def _class_findings(rows: Sequence[Target]) -> list[Finding]:
    out = []
    for t in rows:
        doses = " and ".join(f"{g.fractions} x {g.fraction_gy:.3g} Gy" for g in t.groups)
        if not t.classes:
            out.append(finding(NO_CLASS, f"{doses}: in no dose class", t.name))
        elif len(t.classes) > 1:
            out.append(finding(SEVERAL_CLASSES, f"{doses}: {' and '.join(c.name for c in t.classes)}", t.name))
    return out


def _of_phases(plan: Prepared, beams: Sequence[int]) -> tuple[list[Target], tuple[tuple[str, str], ...]]:
    """Rows of phases whose target nobody drew: their prescriptions; phases of one label are one row."""
    phases = plan.source.plan.phases
    by_label: dict[str, list[int]] = {}
    for i in beams:
        by_label.setdefault(phases[i].label, []).append(i)
    rows, missing = [], []
    for label, own in by_label.items():
        doses = [phases[i].prescription_gy for i in own]
        if any(d is None for d in doses):
            missing.append((label, "no target is drawn, and no dose is prescribed"))
            continue
        each = [(phases[i].fractions, d / phases[i].of_fractions) for i, d in zip(own, doses, strict=True) if d]
        rows.append(_target(plan, label, PHASE, each, "prescribed", tuple(own)))
    return rows, tuple(missing)


def _of_drawn(plan: Prepared, made: Sorted, t: Drawn, own: tuple[int, ...], incidental: bool) -> Target:
    phases = plan.source.plan.phases
    each: list[tuple[int, float]] = [(phases[i].fractions, t.medians[i]) for i in own]
    how: DoseFrom = "median D50%"
    if (prescribed := _prescribed(phases, t, own)) is not None:
        each, how = [(phases[i].fractions, d) for i, d in zip(own, prescribed, strict=True)], "prescribed"
    elif len(own) == 1 and (named := _named(phases[own[0]], t, own[0])) is not None:
        each, how = [(phases[own[0]].fractions, named)], "name"
    median = median_of(t.organ.dvh.distribution() if t.organ.dvh is not None else t.organ.course)
    row = _target(plan, t.name, t.kind, each, how, own)
    outer = made.outer(t)
    exported, even = _killed(plan, t.organ.per_fraction, own)
    return replace(
        row,
        stands_for=made.stands_for.get(id(t), ()),
        within="" if outer is None else outer.name,
        volume_cm3=t.organ.volume_cm3,
        coverage=t.organ.coverage,
        median_gy=median,
        incidental=incidental,
        killed=exported,
        killed_if_even=even,
    )


def _prescribed(phases: Sequence[Phase], t: Drawn, own: Sequence[int]) -> tuple[float, ...] | None:
    """Prescribed dose of one fraction by phase, where the target has it in each; None otherwise. [Gy]"""
    out = []
    for i in own:
        total = phases[i].prescription_gy
        if total is None or not _has(t.medians[i], total / phases[i].of_fractions):
            return None
        out.append(total / phases[i].of_fractions)
    return tuple(out)


def _named(phase: Phase, t: Drawn, i: int) -> float | None:
    """Dose of one fraction by the number in the target's name, where the target has it. [Gy]"""
    named = dose_in_name(t.name)
    if named is None or named.bare:
        return None
    one = named.dose_gy / phase.of_fractions
    return one if _has(t.medians[i], one) else None


def _has(median_gy: float, wanted_gy: float) -> bool:
    """Whether a median dose of a fraction is that of a prescription."""
    known = parameters.load("targets")
    low, high = known["median.range"].pair
    if wanted_gy >= known["median.hypofraction_dose"].number:
        high = known["median.hypofraction_high"].number
    return low * wanted_gy <= median_gy <= high * wanted_gy


def _target(
    plan: Prepared,
    name: str,
    kind: str,
    each: Sequence[tuple[int, float]],
    how: DoseFrom,
    own: tuple[int, ...],
) -> Target:
    """A row from its fractions and doses of one [Gy], with what follows from them."""
    phases = [plan.source.plan.phases[i] for i in own]
    groups = _grouped(each)
    total = sum(g.fractions * g.fraction_gy for g in groups)
    bed: float | Absent = sum(g.fractions * g.fraction_gy * (1.0 + g.fraction_gy / alpha_beta()) for g in groups)
    if any(p.modality == "ion" for p in phases):
        bed = Absent.declined("the dose of ions is physical, and their RBE varies in space: BED is of another dose")
    ions = isinstance(bed, Absent)
    eqd2 = bed if isinstance(bed, Absent) else bed / (1.0 + 2.0 / alpha_beta())
    doses = [g.fraction_gy for g in groups]
    known = None if isinstance(bed, Absent) else bed
    windows = {w.id: w for d in doses for w in windows_of(d, known)}
    return Target(
        name=name,
        kind=kind,
        stands_for=(),
        within="",
        volume_cm3=None,
        coverage=1.0,
        groups=groups,
        dose_gy=total,
        dose_from=how,
        median_gy=None,
        rbe_in_dose=any(p.rbe_in_dose != 1.0 for p in phases),
        bed_gy=bed,
        eqd2_gy=eqd2,
        classes=() if ions else classes_of(doses, total, known),
        windows=() if ions else tuple(sorted(windows.values(), key=lambda w: w.id)),
        phases=own,
    )


def _grouped(each: Sequence[tuple[int, float]]) -> tuple[Group, ...]:
    """Fractions of one dose together, in the order they are first given."""
    out: list[Group] = []
    for fractions, gray in each:
        at = next((k for k, g in enumerate(out) if abs(g.fraction_gy - gray) <= number("equal.fraction") * gray), None)
        if at is None:
            out.append(Group(fractions, gray))
        else:
            n, old = out[at].fractions, out[at].fraction_gy
            mean = old if old == gray else (n * old + fractions * gray) / (n + fractions)
            out[at] = Group(n + fractions, mean)
    return tuple(out)


def _killed(plan: Prepared, per_fraction: Sequence[DoseDistribution], own: Sequence[int]) -> tuple[float, float]:
    """Share of lymphocytes in a target that one fraction kills, as exported and at its mean; over the phases given."""
    from lymphorisk.analysis.exposure import survival_used

    form, known = survival_used(plan.options), parameters.load("lymphocyte")
    exported = even = count = 0.0
    for i in own:
        phase, d = plan.source.plan.phases[i], per_fraction[i]
        quality = known[f"rbe.{phase.modality}"].number if f"rbe.{phase.modality}" in known else 1.0
        exported += phase.fractions * float(d.share @ (1.0 - form(quality * d.dose_gy)))
        even += phase.fractions * float(1.0 - form(np.array([quality * d.mean_gy]))[0])
        count += phase.fractions
    return exported / count, even / count
