"""A site's own plans before the program is used there: what of each a person must look at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from lymphorisk.analysis.dvhs import DvhTable, dvh_table
from lymphorisk.analysis.options import Options
from lymphorisk.analysis.prepared import Prepared, prepare
from lymphorisk.cohorts.found import FoundPlan, find_plans
from lymphorisk.cohorts.rules import FAULT, rule_of
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
        As exported.
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


def commission(folder: Path, options: Options | None = None) -> Commissioning:
    """Check every plan of a folder.

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
            checked.append(_checked(plan, options or Options()))
        except LymphoriskError as error:
            refused.append(finding(rule_of(error), error.message, f"plan {plan.place}", error.hint))
        except Exception as error:  # one plan the program fails on is named, the others are checked
            what = f"internal error: {type(error).__name__}"
            refused.append(finding(FAULT, what, f"plan {plan.place}", "analyse this plan alone with --debug"))
    return Commissioning(tuple(checked), tuple(refused))


def _checked(plan: FoundPlan, options: Options) -> Checked:
    if plan.trouble is not None:
        raise plan.trouble
    with gathered(plan.path, plan.files) as path:
        return _of(plan.place, prepare(path, plan.row.patient, replace(options, plan=plan.plan)))


def _of(number: int, plan: Prepared) -> Checked:
    table = dvh_table(plan.source, plan.curves, crosscheck=True)
    return Checked(
        number=number,
        label=table.label,
        table=table,
        uncovered=tuple(
            (row.name, row.curve.coverage)
            for row in table.structures
            if isinstance(row.curve, DVH) and not row.curve.is_covered
        ),
        beams=tuple((b.name or str(b.number), b.on_s, b.time_source) for s in plan.flow.summaries for b in s.beams),
        schedule=tuple(s.schedule for s in plan.flow.summaries),
        findings=tuple(dict.fromkeys((*plan.findings, *table.findings))),
    )
