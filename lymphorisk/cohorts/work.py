"""What a worker does: one plan from its files to its row, or to the reason there is none."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lymphorisk import parameters
from lymphorisk.absent import Absent
from lymphorisk.analysis.chain import analysis_of
from lymphorisk.analysis.prepared import Prepared, prepare
from lymphorisk.analysis.result import Analysis
from lymphorisk.analysis.row import row_of
from lymphorisk.analysis.source import read_source
from lymphorisk.cohorts.columns import ANALYSED, Seen
from lymphorisk.cohorts.keys import Recipe
from lymphorisk.cohorts.ledger import Outcome
from lymphorisk.cohorts.limits import most_memory_mb
from lymphorisk.cohorts.rules import CHANGED, FAULT, rule_of
from lymphorisk.cohorts.site import inferred
from lymphorisk.cohorts.veil import veiled
from lymphorisk.dicom.identity import OTHER_PATIENT
from lymphorisk.dvh import DVH, stepped
from lymphorisk.dvh.metrics import bounds, metric
from lymphorisk.errors import InputError, LymphoriskError, UndecidableError
from lymphorisk.findings import Rule
from lymphorisk.plain import tidy
from lymphorisk.plan import Patient
from lymphorisk.plan.treatment import course_prescription
from lymphorisk.qa.check import CheckResult
from lymphorisk.qa.judge import judge_prepared

#: Stands for every organ and target that is drawn.
EVERY = "*"
DRAWN = ("roi", "derived", "segmented", "scenario")
HINT_FAULT = "analyse this plan alone with --debug and report the traceback"


@dataclass(frozen=True, slots=True)
class Task:
    """One plan to be analysed.

    Attributes
    ----------
    key : str
    path, files : str, tuple of str
        Where it lies; its files where others lie in the same folder.
    plan : str or None
        UID of the plan where the export holds several.
    patient : Patient
        Facts given beside the files.
    inputs : tuple of str
        SHA-256 of its files as they were found.
    """

    key: str
    path: str
    files: tuple[str, ...]
    plan: str | None
    patient: Patient
    inputs: tuple[str, ...]


def outcome_of(task: Task, recipe: Recipe) -> Outcome:
    """Analyse one plan; whatever happens is an outcome."""
    start, cpu = time.perf_counter(), time.process_time()
    metrics: list[dict[str, Any]] = []
    curves: list[dict[str, Any]] = []
    try:
        row, metrics, curves = _analysed(task, recipe)
    except LymphoriskError as error:
        of = error.rule if isinstance(error, _RefusedError) else rule_of(error)
        names = [Path(file).name for file in (task.path, *task.files)]
        row = quarantined(of, veiled(error.message, names), veiled(error.hint, names))
    except Exception as error:
        row = quarantined(FAULT, f"internal error: {type(error).__name__}", HINT_FAULT)
    return Outcome(
        task.key,
        "quarantined" if "code" in row else "done",
        row,
        metrics,
        curves,
        time.perf_counter() - start,
        time.process_time() - cpu,
        most_memory_mb(),
    )


def quarantined(of: Rule, what: str, hint: str) -> dict[str, Any]:
    """The row of a plan in quarantine."""
    return {"code": of.code, "what": what, "hint": hint}


class _RefusedError(InputError):
    """Files that are not this plan's, by the rule that says so."""

    def __init__(self, of: Rule, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.rule = of


def _analysed(task: Task, recipe: Recipe) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """Row, metrics and curves of one plan."""
    options = replace(recipe.options, plan=task.plan)
    with gathered(Path(task.path), [Path(f) for f in task.files]) as path, parameters.given(options.parameters):
        read = read_source(path, options)
        plan = prepare(read, task.patient, options)
        _refuse(task, plan)
        analysis = analysis_of(plan)
        judged = _judged(plan, analysis, recipe.protocol)
        seen = Seen(
            analysis,
            row_of(plan, analysis.blood, analysis.edic),
            row_of(plan, analysis.blood, analysis.edic, placed=True),
            judged,
            inferred(plan),
        )
        row = {column.name: _veiled(tidy(column.of(seen))) for column in ANALYSED}
        return row, metrics_of(plan, analysis, recipe), curves_of(plan, analysis, recipe.step_gy)


@contextmanager
def gathered(path: Path, files: Sequence[Path]) -> Iterator[Path]:
    """Where a plan can be read: its own folder, or one that holds links to its files alone."""
    if not files:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="lymphorisk-") as folder:
        for n, file in enumerate(files):
            (Path(folder) / f"{n:06d}.dcm").symlink_to(file.resolve())
        yield Path(folder)


def _refuse(task: Task, plan: Prepared) -> None:
    """Stop before anything is computed of files that are not this plan's."""
    read = {sha for role, _, sha in plan.source.inputs if role != "segmentation"}
    if not read <= set(task.inputs):
        raise _RefusedError(
            CHANGED, "files changed between being found and being read", "call again when nobody writes them"
        )
    for found in plan.source.findings:
        if found.code == OTHER_PATIENT.code:
            raise _RefusedError(OTHER_PATIENT, found.what, found.hint)


def _veiled(value: Any) -> Any:
    return veiled(value) if isinstance(value, str) else value


def _judged(plan: Prepared, analysis: Analysis, protocol: str | None) -> CheckResult | Absent | None:
    if protocol is None:
        return None
    try:
        return judge_prepared(plan, analysis, protocol).result
    except UndecidableError as error:
        return Absent.unknown(error.message)


def metrics_of(plan: Prepared, analysis: Analysis, recipe: Recipe) -> list[dict[str, Any]]:
    """The metrics asked for in long form: value, or bounds where part lies outside the grid, or the reason."""
    needs = {
        "prescription_gy": course_prescription(p.prescription_gy for p in analysis.phases),
        "alpha_beta_gy": recipe.alpha_beta_gy,
        "fractions": analysis.fractions,
    }
    out = []
    for name, text in _spread(analysis, recipe.metrics):
        row = {"structure": name, "metric": text, "source": _source(analysis, name)}
        out.append(tidy({**row, "value": None, "low": None, "high": None, "reason": "", **_value(plan, row, needs)}))
    return out


def _value(plan: Prepared, row: Mapping[str, str], needs: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of one metric."""
    try:
        curve = plan.curves.dvh(row["structure"])
        if isinstance(curve, Absent):
            return {"reason": veiled(curve.reason)}
        if curve.is_covered:
            return {"value": metric(curve, row["metric"], **needs)}
        low, high = bounds(curve, row["metric"], ceiling_gy=plan.curves.highest_gy, **needs)
    except (InputError, UndecidableError) as error:
        return {"reason": veiled(error.message)}
    return {"low": low, "high": high}


def _spread(analysis: Analysis, wanted: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Structures and metrics, `EVERY` by name."""
    drawn = list(_drawn(analysis))
    pairs = [(n, text) for name, text in wanted for n in (drawn if name == EVERY else [name])]
    return sorted(dict.fromkeys(pairs))


def _drawn(analysis: Analysis) -> Mapping[str, str]:
    """Organs and kinds of targets that have a curve, with their source."""
    organs = {name: o.source for name, o in analysis.organs.items() if o.source in DRAWN}
    return organs | {t.tg263: t.source for t in analysis.targets}


def _source(analysis: Analysis, name: str) -> str:
    return _drawn(analysis).get(name, "roi" if name not in analysis.organs else analysis.organs[name].source)


def curves_of(plan: Prepared, analysis: Analysis, step_gy: float | None) -> list[dict[str, Any]]:
    """Curves of what is drawn at a step: cumulative volume at each dose. [Gy], [cm3]"""
    if step_gy is None:
        return []
    out = []
    for name in sorted(_drawn(analysis)):
        with suppress(LymphoriskError):
            curve = plan.curves.dvh(name)
            if isinstance(curve, DVH):
                dose, volume = stepped(curve, step_gy)
                out.append({"structure": name, "dose_gy": tidy(dose), "volume_cm3": tidy(volume)})
    return out
