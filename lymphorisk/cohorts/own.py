"""A clinic's own plans as the rows a model is trained and judged on: a table, a cohort's folder, or exports and counts.

Exports become rows by the analysis that serves a patient, so what a model learns from is what it will be asked with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lymphorisk.analysis.options import Options
from lymphorisk.cohorts.counts import summary
from lymphorisk.cohorts.found import FoundPlan, find_plans, persons, plans_of_rows, there
from lymphorisk.cohorts.keys import Recipe
from lymphorisk.cohorts.known import known_of
from lymphorisk.cohorts.ledger import NAME, Outcome
from lymphorisk.cohorts.limits import Limits
from lymphorisk.cohorts.manifest import OWN_UNIT, plain_heads, rows_of
from lymphorisk.cohorts.run import How, Progress, analysed, counted, processors
from lymphorisk.cohorts.tables import read_csv
from lymphorisk.cohorts.training import FOR_TRAINING, NUMBERS, training_row
from lymphorisk.cohorts.write import settings_of, watched_until
from lymphorisk.errors import CohortError, ScenarioError
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.frozen import FrozenDict
from lymphorisk.plan.facts import CONTRADICTION
from lymphorisk.train.checks import MIXED, patient_key, raise_errors
from lymphorisk.train.cohort import Cohort, cohort_of
from lymphorisk.train.declared import NOTHING, Declared
from lymphorisk.train.external import check_all
from lymphorisk.train.read import read_cohort
from lymphorisk.train.schema import ID, OUTCOMES
from lymphorisk.train.table import Table, read_table
from lymphorisk.units import number_from

LEFT_OUT = rule(
    "LR422", "warning", "Plan left out", "A plan could not be analysed, or nobody counted: it is not in the cohort."
)
CONTRADICTED = rule(
    "LR427",
    "warning",
    "Table contradicts plans",
    "What a table of outcomes says of a patient is not what the plan says. What was typed is used.",
)
TRAINING = "training.csv"
#: Column of a table of outcomes that names the folder, zip or scenario of a patient; the id by default.
EXPORT = "export"
ENDINGS = ("", ".zip", ".toml")
#: Of these a table holds what the analysis made of them.
FACTS = (EXPORT, "height_cm", "weight_kg")
#: With fewer plans workers cost more than they bring.
LEAST_SHARED = 12
LIMITS = Limits(1800.0, 4000.0)
SHOWN = 3
#: What a plan says itself, and a typed number may differ by: rounding to two digits.
OF_THE_PLAN = ("fractions", "modality", *(n for n in NUMBERS if n not in ("age", "bmi", "alc_week1")))
ROUNDED = 0.02
FACT = "facts"


def read_own(
    source: str | Path,
    counts: str | Path | None = None,
    *,
    ignore: Sequence[str] = (),
    count_unit: str = OWN_UNIT,
    workers: int | None = None,
    progress: Progress = lambda _: None,
    declared: Declared = NOTHING,
    radiomics: str | Path | None = None,
    options: Options | None = None,
) -> Cohort:
    """A checked cohort.

    Parameters
    ----------
    source : path
        CSV or Parquet of features; the folder of a `lymphorisk cohort` with counts; a folder of exports, or a manifest,
        with `counts`.
    counts : path, optional
        Of exports: a row a patient with its outcome and facts (``patient_id``, ``alc``, ``nadir_alc`` or ``g3`` and
        ``g4``; ``export`` where folders are not named by the id), or every count in long form (``patient_id``, ``date``
        or ``day``, ``value``, ``unit``).
    ignore : sequence of str
        Columns to leave out.
    count_unit : str
        Of counts in long form that name none.
    workers : int, optional
        Processes that analyse exports; all processors by default, 0 is this one.
    declared : Declared
        Columns beyond the program's schema: of a table of features, of a table of counts with a row a patient, or of a
        manifest.
    radiomics : path, optional
        Of a table of features: declared columns that a PyRadiomics file holds.
    options : Options, optional
        How exports are analysed: a clinic's ROI names.

    Raises
    ------
    CohortError
        Validation fails, every fault named; or no export could be analysed.
    InputError
        A source that is none.
    """
    source = Path(source)
    if radiomics is not None and (counts is not None or source.is_dir()):
        raise CohortError("radiomics are joined to a table of features", "give the cohort as CSV or Parquet")
    if (source / NAME).is_file():
        return _of_cohort(source, ignore, declared)
    if counts is None:
        if source.is_dir():
            raise CohortError("a folder of exports needs a table of counts", "--counts TABLE.csv")
        return read_cohort(source, ignore=ignore, declared=declared, radiomics=radiomics)
    counts, options = Path(counts), options or Options()
    declared = declared.without(ignore)
    table = read_table(counts).without(ignore).calling(declared.heads)
    how = How(processors() if workers is None else workers, limits=LIMITS, counts=counts, count_unit=count_unit)
    if set(OUTCOMES) & set(table.columns):
        rows, findings = _by_patient(source, table, declared, how, progress, options)
    else:
        rows, findings = _by_counts(source, declared, how, progress, options)
    if not rows:
        said = "; ".join(f.what for f in findings[:SHOWN])
        raise CohortError(f"no export could be analysed and held against a count: {said}")
    heads = {name: None for row in rows for name in row if name not in FACTS}
    gone = {patient_key(name) for name in ignore}
    columns = {name: [row.get(name, "") for row in rows] for name in heads if patient_key(name) not in gone}
    whole = Table(columns, table.sha256)
    typed = set(table.columns) if set(OUTCOMES) & set(table.columns) else set()
    findings = [*_sure(check_all(whole, declared), typed), *findings]
    if any(f.severity == "error" for f in findings):
        for f in (f for f in findings if f.code == LEFT_OUT.code):
            progress(f"{f.code} {f.what}")
    raise_errors(findings)
    made = cohort_of(whole, tuple(findings), source.stem, declared.columns)
    return replace(made, clinic_file=FrozenDict(options.clinic_file)) if options.clinic_file.get("settings") else made


def _of_cohort(folder: Path, ignore: Sequence[str], declared: Declared) -> Cohort:
    """The rows of a cohort's folder."""
    if not (folder / TRAINING).is_file():
        raise CohortError(
            f"the cohort {folder.name} holds no counts", "call `lymphorisk cohort` again with --counts: nothing is lost"
        )
    cohort = read_cohort(folder / TRAINING, ignore=ignore, name=folder.name, declared=declared)
    failed = Counter(row["code"] for row in read_csv(folder / "quarantine.csv"))
    plans = sum(1 for _ in read_csv(folder / "plans.csv"))
    found = [_left_out(n, f"stand in quarantine ({code})") for code, n in sorted(failed.items())]
    if uncounted := plans - len(cohort):
        found.append(_left_out(uncounted, "have no count in the course"))
    settings = FrozenDict(settings_of(folder))
    return replace(cohort, findings=(*_sure(cohort.findings), *found), clinic_file=settings)


def _sure(findings: Sequence[Finding], typed: Collection[str] = ()) -> tuple[Finding, ...]:
    """Without doubts about the units of columns that the analysis wrote: it writes Gy, whatever they look like."""
    return tuple(f for f in findings if f.code != MIXED.code or f.where in typed)


def _left_out(plans: int, why: str) -> Finding:
    return finding(LEFT_OUT, f"{plans} plans {why}", "cohort", "see quarantine.csv and counts.parquet of the cohort")


def _asked(found: Sequence[FoundPlan], how: How, progress: Progress, options: Options) -> dict[int, Outcome]:
    """The analyses; by workers where there are enough plans and Dask is there."""
    alone = len(found) < LEAST_SHARED or find_spec("distributed") is None
    return analysed(found, Recipe(options), replace(how, workers=0) if alone else how, progress)


def _row(plan: FoundPlan, patient: str, o: Outcome, measured: Mapping[str, Any]) -> dict[str, str]:
    """A row of the table, as text."""
    row = training_row({**known_of(plan), **o.row, **measured, "patient": patient})
    return {name: "" if row.get(name) is None else str(row[name]) for name in FOR_TRAINING}


def _by_counts(
    source: Path, declared: Declared, how: How, progress: Progress, options: Options
) -> tuple[list[dict[str, str]], list[Finding]]:
    """Rows of plans by the lowest of their counts in long form; declared columns are those of a manifest."""
    beside = read_table(source).calling(declared.heads).columns if declared.heads and source.is_file() else {}
    found, counts, findings = counted(find_plans([source]), how)
    asked = [plan for plan in found if any(c.day > 0 for c in counts.get(plan.place, ()))]
    if uncounted := len(found) - len(asked):
        findings.append(finding(LEFT_OUT, f"{uncounted} plans have no count in the course", "counts"))
    outcomes = _asked(asked, how, progress, options)
    who: dict[str, str] = {}
    rows = []
    for plan, person in zip(asked, persons(asked), strict=True):
        o = outcomes[plan.place]
        if o.state == "quarantined":
            findings.append(finding(LEFT_OUT, f"plan {plan.place}: {o.row['what']}", o.row["code"], o.row["hint"]))
            continue
        measured = summary(counts[plan.place], watched_until(o.row, Options().horizon_d))
        if measured.get("measured_nadir") is None:
            findings.append(finding(LEFT_OUT, f"plan {plan.place} has no count before the end of the watch", "counts"))
            continue
        patient = person or f"of plan {plan.place}"
        row = _row(plan, who.setdefault(patient, f"patient {len(who) + 1}"), o, measured)
        own = {name: beside[name][plan.row.number - 2] for name in declared.heads if name in beside}
        rows.append(row | own)
    return rows, findings


def _by_patient(
    folder: Path, table: Table, declared: Declared, how: How, progress: Progress, options: Options
) -> tuple[list[dict[str, str]], list[Finding]]:
    """Rows of plans by a table that holds a row a patient: facts and outcome."""
    raise_errors(check_all(table.without((EXPORT,)), declared))
    ids = table.columns[ID]
    places = [_place(folder, export or who) for export, who in zip(table.columns.get(EXPORT, ids), ids, strict=True)]
    written = rows_of(plain_heads(table.columns), [name or " " for name in places])
    nowhere = [i + 2 for i, place in enumerate(places) if not place]
    findings = [finding(LEFT_OUT, f"row {number}: there is no export of it", EXPORT) for number in nowhere]
    found = plans_of_rows([row for row, place in zip(written, places, strict=True) if place], folder)
    outcomes = _asked(found, how, progress, options)
    plans: dict[int, list[FoundPlan]] = {}
    for plan in found:
        plans.setdefault(plan.row.number, []).append(plan)
    rows = []
    differing: dict[str, list[int]] = {}
    for number, several in plans.items():
        plan, o = several[0], outcomes[several[0].place]
        if len(several) > 1:
            what, code, hint = f"its export holds {len(several)} plans", EXPORT, "name one of them in a column `plan`"
            findings.append(finding(LEFT_OUT, f"row {number}: {what}", code, hint))
        elif o.state == "quarantined":
            findings.append(finding(LEFT_OUT, f"row {number}: {o.row['what']}", o.row["code"], o.row["hint"]))
        else:
            cells = {name: cells[number - 2] for name, cells in table.columns.items() if name not in FACTS}
            row, typed = _row(plan, ids[number - 2], o, {}), {name: cell for name, cell in cells.items() if cell}
            for name in _contradicted(row, typed, o.row["findings"]):
                differing.setdefault(name, []).append(number)
            rows.append(row | typed)
    return rows, [*findings, *(_told(name, numbers) for name, numbers in differing.items())]


def _contradicted(row: Mapping[str, str], typed: Mapping[str, str], codes: Sequence[str]) -> list[str]:
    """Columns of which a table says something else than the plan, and `FACT` when its facts contradict the files."""
    out = [n for n in OF_THE_PLAN if n in typed and row.get(n) and not _alike(row[n], typed[n])]
    return [*out, *([FACT] if CONTRADICTION.code in codes else [])]


def _alike(plan: str, typed: str) -> bool:
    try:
        a, b = number_from(plan, "plan"), number_from(typed, "table")
    except ScenarioError:
        return plan.casefold() == typed.strip().casefold()
    return abs(a - b) <= ROUNDED * max(abs(a), abs(b))


def _told(name: str, numbers: Sequence[int]) -> Finding:
    listed = ", ".join(map(str, numbers[:SHOWN])) + (" ..." if len(numbers) > SHOWN else "")
    said = "facts of the patient are not those of the files" if name == FACT else f"{name} is not the plan's"
    return finding(CONTRADICTED, f"{said} in rows {listed}", "counts", "look whose plan it is, or leave the column out")


def _place(folder: Path, name: str) -> str:
    """The export of a row below the folder; empty when there is none."""
    return next((f"{name}{ending}" for ending in ENDINGS if name and there(folder / f"{name}{ending}")), "")
