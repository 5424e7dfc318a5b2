"""A site's own plans before the program is used there: what of each a person must look at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from lymphorisk.analysis.dvhs import DvhTable, dvh_table
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.prepared import Prepared, prepare
from lymphorisk.cohorts.found import FoundPlan, find_plans
from lymphorisk.cohorts.rules import FAULT, rule_of
from lymphorisk.cohorts.veil import veiled_finding
from lymphorisk.cohorts.work import gathered
from lymphorisk.dvh import DVH
from lymphorisk.errors import InputError, LymphoriskError
from lymphorisk.findings import Finding, finding


@dataclass(frozen=True, slots=True)
class Checked:
    """One plan of a commissioning.

    Attributes
    ----------
    number : int
        Among the plans found.
    label : str
        As exported; empty, and structures and beams by number, where no name is to be shown.
    table : DvhTable
        Its curves, with those of dicompyler-core and of the planning system beside them.
    uncovered : tuple of (str, float)
        Structures that reach out of the dose grid, and the share that lies inside.
    beams : tuple of (str, float, str)
        Name, beam-on time [s], and where the time is from.
    schedule : tuple of str
        How the days of each phase are known.
    findings : tuple of Finding
    """

    number: int
    label: str
    table: DvhTable
    uncovered: tuple[tuple[str, float], ...]
    beams: tuple[tuple[str, float, str], ...]
    schedule: tuple[str, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Commissioning:
    """All plans of a folder: those that were checked, and those that could not be, with the reason."""

    checked: tuple[Checked, ...]
    refused: tuple[Finding, ...]


def commission(folder: Path, options: Options | None = None, *, show_phi: bool = False) -> Commissioning:
    """Check every plan of a folder.

    Parameters
    ----------
    folder : Path
    options : Options, optional
    show_phi : bool
        Keep what the exports call plans, beams and structures; people are named there.

    Raises
    ------
    InputError
        There is no plan.
    """
    found = find_plans([folder], sum_doses=(options or Options()).sum_doses)
    if not found:
        raise InputError(f"there is no plan in {folder.name}", "export some of the site's own plans as DICOM")
    checked: list[Checked] = []
    refused: list[Finding] = []
    for plan in found:
        try:
            checked.append(_checked(plan, options or Options(), show_phi))
        except LymphoriskError as error:
            said = finding(rule_of(error), error.message, f"plan {plan.place}", error.hint)
            files = [plan.path.name, *(f.name for f in plan.files)]
            refused.append(said if show_phi else veiled_finding(said, files))
        except Exception as error:  # one plan the program fails on is named, the others are checked
            what = f"internal error: {type(error).__name__}"
            refused.append(finding(FAULT, what, f"plan {plan.place}", "analyse this plan alone with --debug"))
    return Commissioning(tuple(checked), tuple(refused))


def _checked(plan: FoundPlan, options: Options, show_phi: bool) -> Checked:
    if plan.trouble is not None:
        raise plan.trouble
    with gathered(plan.path, plan.files) as path:
        return _of(plan.place, prepare(path, plan.row.patient, replace(options, plan=plan.plan)), show_phi)


def _of(number: int, plan: Prepared, show_phi: bool) -> Checked:
    """What was checked; without names structures by TG-263 name or number, beams by number."""
    table = dvh_table(plan.source, plan.curves, crosscheck=True)
    beams = [b for s in plan.flow.summaries for b in s.beams]
    findings = tuple(dict.fromkeys((*plan.findings, *table.findings)))
    if not show_phi:
        plain = {s.number: s.tg263 or f"ROI {s.number}" for s in table.structures}
        names = {table.label, *(b.name for b in beams), *(s.name for s in table.structures)} - set(plain.values())
        findings = tuple(dict.fromkeys(veiled_finding(f, names) for f in findings))
        table = replace(
            table,
            label="",
            structures=tuple(replace(s, name=plain[s.number]) for s in table.structures),
            crosscheck=tuple(replace(c, name=plain[c.number]) for c in table.crosscheck),
            findings=(),
        )
    return Checked(
        number=number,
        label=table.label,
        table=table,
        uncovered=tuple(
            (row.name, row.curve.coverage)
            for row in table.structures
            if isinstance(row.curve, DVH) and not row.curve.is_covered
        ),
        beams=tuple((b.name if show_phi and b.name else str(b.number), b.on_s, b.time_source) for b in beams),
        schedule=tuple(s.schedule for s in plan.flow.summaries),
        findings=findings,
    )
