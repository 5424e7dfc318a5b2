"""All tables of a cohort, from the ledger and from what is known of each plan; put in their places together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lymphorisk.cohorts import tables
from lymphorisk.cohorts.counts import Measured, summary
from lymphorisk.cohorts.found import persons
from lymphorisk.cohorts.keys import Recipe
from lymphorisk.cohorts.known import Keyed, known_of, patients_of
from lymphorisk.cohorts.ledger import Ledger, Outcome
from lymphorisk.cohorts.pairs import MANY, Pair, by_patient, pairs_of
from lymphorisk.cohorts.training import FOR_TRAINING, training_row
from lymphorisk.errors import InputError
from lymphorisk.findings import Finding, finding, rule
from lymphorisk.lymphocyte.measured import WATCHED_AFTER_D
from lymphorisk.outputs import Inputs, Outputs

ONE_ID = rule(
    "LR730",
    "warning",
    "One ID on many plans",
    "More plans than a patient has share an ID, as anonymisers write it: they are not told apart, nor named as pairs.",
)
SHARED_ID = rule(
    "LR733",
    "warning",
    "One ID of several people",
    "Plans of one patient ID give other issuers of that ID, or other birth dates: they are of several people.",
)
COPIES = rule("LR727", "info", "Plan in several places", "The same files lie there again: they are one row.")
SITES = rule("LR728", "warning", "Site contradicts the dose", "The site given is not the one that dose and organs say.")
RELATED = rule("LR729", "info", "Plans of one patient", "They are named beside each other and never summed.")
SETTINGS = rule(
    "LR732",
    "info",
    "Settings of a clinic file",
    "Plans of the cohort were read and forecast with settings of a clinic file: its hash and their keys are named.",
)
OF_FILE = "settings.csv"
OF_FILE_HOLDS: Mapping[str, str] = {"sha256": "text", "setting": "text"}
NOTICES = "noticed.csv"
PAIRS: Mapping[str, str] = {"key": "text", "other": "text", "relation": "text", "why": "text"}
NOTICED: Mapping[str, str] = {"code": "text", "severity": "text", "where": "text", "what": "text", "hint": "text"}
COUNTS: Mapping[str, str] = {
    "key": "text",
    "patient": "text",
    "day": "number",
    "week": "whole",
    "value": "number",
    "below": "flag",
}
PHI: Mapping[str, str] = {"path": "text", "label": "text"}


@dataclass(frozen=True, slots=True)
class Cohort:
    """What the tables are made of, besides the ledger.

    Attributes
    ----------
    keyed : sequence of Keyed
        In the order of their keys.
    counts : mapping of int to tuple of Measured
        By the number of the plan; empty without a table of counts.
    noticed : sequence of Finding
        What finding plans and placing counts noticed.
    secret : bytes
    show_phi : bool
    """

    keyed: Sequence[Keyed]
    counts: Mapping[int, tuple[Measured, ...]] = field(default_factory=dict)
    noticed: Sequence[Finding] = ()
    secret: bytes = b""
    show_phi: bool = False


def write_tables(out: Path, cohort: Cohort, ledger: Ledger, recipe: Recipe, *, counted: bool) -> tuple[Path, ...]:
    """Write every table of a cohort.

    Raises
    ------
    InputError
        The disk is full; the tables that were there stay.
    """
    patients = patients_of(cohort.keyed, cohort.secret)
    pairs = pairs_of(cohort.keyed, patients, _rows_of_pairs(cohort.keyed, patients, ledger))
    relations: dict[str, set[str]] = {}
    for pair in pairs:
        for key in (pair.key, pair.other):
            relations.setdefault(key, set()).add(pair.relation)
    by_key = {k.key: k for k in cohort.keyed}
    noticed = [*cohort.noticed, *_noticed(cohort.keyed, pairs), *_one_id(cohort.keyed, patients)]
    noticed += [*_shared_ids(cohort.keyed), *_settings(recipe)]
    with Outputs(Inputs(()), force=True) as outputs, _full_disk_said():
        with _writers(outputs, out, _shapes(recipe, cohort, counted)) as writers:
            for o in ledger.outcomes(list(by_key), curves=recipe.step_gy is not None):
                row = _known(by_key[o.key], patients[o.key], relations.get(o.key, set()))
                counts = cohort.counts.get(by_key[o.key].plan.place, ())
                noticed += _add(writers, row, o, counts, recipe.options.horizon_d)
            for pair in pairs:
                writers["pairs.csv"].add({name: getattr(pair, name) for name in PAIRS})
            for f in sorted(noticed, key=lambda f: (f.code, f.where, f.what)):
                writers[NOTICES].add(f.to_dict())
            said = recipe.options.clinic_file
            for setting in said.get("settings", ()):
                writers[OF_FILE].add({"sha256": said["sha256"], "setting": setting})
        return outputs.commit()


def _shapes(recipe: Recipe, cohort: Cohort, counted: bool) -> dict[str, Mapping[str, str]]:
    """The tables, and the columns of each."""
    plans = {**tables.PLANS, **(tables.MEASURED if counted else {}), **(PHI if cohort.show_phi else {})}
    shapes: dict[str, Mapping[str, str]] = {
        "plans.parquet": plans,
        "plans.csv": plans,
        "metrics.parquet": tables.METRICS,
    }
    if recipe.step_gy is not None:
        shapes["curves.parquet"] = tables.CURVES
    if counted:
        shapes |= {"counts.parquet": COUNTS, "training.csv": FOR_TRAINING}
    quarantine = {**tables.QUARANTINE, **(PHI if cohort.show_phi else {})}
    return shapes | {
        "quarantine.csv": quarantine,
        "pairs.csv": PAIRS,
        NOTICES: NOTICED,
        OF_FILE: OF_FILE_HOLDS,
        "timings.csv": tables.TIMES,
    }


@contextmanager
def _full_disk_said() -> Iterator[None]:
    """A disk that takes no more is an input's fault, and the ledger is whole."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"the tables cannot be written: {error.strerror or error}", "make room and call again: nothing is lost"
        ) from error


@contextmanager
def _writers(
    outputs: Outputs, out: Path, shapes: Mapping[str, Mapping[str, str]]
) -> Iterator[Mapping[str, tables.Writer]]:
    """A writer a table, beside its place; closed in any case."""
    for name in shapes:
        outputs.expect(out / name, "table")
    made: dict[str, tables.Writer] = {}
    with ExitStack() as stack:
        for name, columns in shapes.items():
            made[name] = tables.Writer(outputs.stage(out / name), columns, parquet=name.endswith(".parquet"))
            stack.callback(made[name].close)
        yield made
        for writer in made.values():
            writer.flush()


def _known(k: Keyed, patient: str, relations: set[str]) -> dict[str, Any]:
    """What a row says of a plan before anything of its analysis."""
    plan = k.plan
    return {
        "key": k.key,
        "patient": patient,
        "place": plan.place,
        "copies": len(k.copies),
        "relations": sorted(relations),
        "path": plan.origin or str(plan.path),
        "label": "" if plan.head is None else plan.head.label,
        **known_of(plan),
    }


def _add(
    writers: Mapping[str, tables.Writer],
    known: Mapping[str, Any],
    o: Outcome,
    counts: Sequence[Measured],
    horizon_d: int,
) -> list[Finding]:
    """The rows of one plan in every table, and what they show."""
    if o.state == "quarantined":
        writers["quarantine.csv"].add({**known, **o.row})
        return []
    writers["timings.csv"].add({"key": o.key, "seconds": o.seconds, "cpu_s": o.cpu_s, "peak_mb": o.peak_mb})
    row = {**known, **o.row}
    if "counts.parquet" in writers:
        row |= summary(counts, watched_until(row, horizon_d))
        for c in counts:
            told = {"day": c.day, "week": c.week, "value": c.value, "below": c.below}
            writers["counts.parquet"].add({**known, **told})
        if row.get("measured_nadir") is not None:
            writers["training.csv"].add(training_row(row))
    for name in ("plans.parquet", "plans.csv"):
        writers[name].add(row)
    for metric in o.metrics:
        writers["metrics.parquet"].add({"key": o.key, **metric})
    for curve in o.curves:
        for dose, volume in zip(curve["dose_gy"], curve["volume_cm3"], strict=True):
            point = {"structure": curve["structure"], "dose_gy": dose, "volume_cm3": volume}
            writers["curves.parquet"].add({"key": o.key, **point})
    if o.row.get("site_agrees") != "no":
        return []
    what = f"the site given is {o.row['site']}, the dose says {o.row['site_inferred']} ({o.row['site_why']})"
    return [finding(SITES, what, o.key, "correct the site: published models answer for one site")]


def watched_until(row: Mapping[str, Any], horizon_d: int) -> float:
    """The day up to which the forecast, and so what is held against it, looks for the lowest count. [d]"""
    last = row.get("last_day")
    return float(horizon_d if last is None else min(last + WATCHED_AFTER_D, horizon_d))


def _rows_of_pairs(keyed: Sequence[Keyed], patients: Mapping[str, str], ledger: Ledger) -> dict[str, Mapping[str, Any]]:
    """Rows of plans whose patient has several."""
    times = Counter(patients[k.key] for k in keyed)
    keys = [k.key for k in keyed if times[patients[k.key]] > 1]
    return {o.key: o.row for o in ledger.outcomes(keys) if o.state == "done"} if keys else {}


def _one_id(keyed: Sequence[Keyed], patients: Mapping[str, str]) -> list[Finding]:
    """IDs that stand on more plans than a patient has."""
    many = {who: len(plans) for who, plans in by_patient(keyed, patients).items() if len(plans) > MANY}
    hint = "give each patient an ID of its own in a manifest (patient_id)"
    return [finding(ONE_ID, f"{plans} plans share one patient ID", who, hint) for who, plans in many.items()]


def _shared_ids(keyed: Sequence[Keyed]) -> list[Finding]:
    """IDs that several people have, by the first key of their plans."""
    people: dict[str, dict[str, str]] = defaultdict(dict)
    for k, who in sorted(zip(keyed, persons([k.plan for k in keyed]), strict=True), key=lambda both: both[0].key):
        people[k.plan.patient].setdefault(who, k.key)
    hint = "they are told apart; counts reach them by pseudonym, or by an ID of their own in a manifest (patient_id)"
    what = "plans of {} people share one patient ID: its issuers or the birth dates differ"
    shared = [list(keys.values()) for who, keys in people.items() if who and len(keys) > 1]
    return [finding(SHARED_ID, what.format(len(keys)), ", ".join(keys), hint) for keys in shared]


def _settings(recipe: Recipe) -> list[Finding]:
    """What came from a clinic file."""
    said = recipe.options.clinic_file
    if not said.get("settings"):
        return []
    return [finding(SETTINGS, f"SHA-256 {said['sha256']}: {', '.join(said['settings'])}", "clinic file")]


def settings_of(folder: Path) -> dict[str, Any]:
    """Which settings of a clinic file the plans of a cohort's folder were read with, and the file's hash; or empty."""
    rows = list(tables.read_csv(folder / OF_FILE)) if (folder / OF_FILE).is_file() else []
    return {"sha256": rows[0]["sha256"], "settings": [row["setting"] for row in rows]} if rows else {}


def _noticed(keyed: Sequence[Keyed], pairs: Sequence[Pair]) -> list[Finding]:
    """Copies and relations, as findings."""
    copies = [
        finding(COPIES, f"the same files lie in {len(k.copies) + 1} places (plan {k.plan.place} first)", k.key)
        for k in keyed
        if k.copies
    ]
    return copies + [finding(RELATED, f"{p.relation} of {p.key}: {p.why}", p.other) for p in pairs]
