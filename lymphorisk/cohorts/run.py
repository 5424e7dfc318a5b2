"""A cohort from its sources to its tables: find, key, analyse what is new, keep, write."""

from __future__ import annotations

import hashlib
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lymphorisk.cohorts.counts import Measured, placed, read_counts, with_baseline
from lymphorisk.cohorts.engine import by_workers, cluster, in_this_process
from lymphorisk.cohorts.found import FoundPlan, find_plans, reachable
from lymphorisk.cohorts.keys import Recipe, file_digests, inputs_of, plan_key
from lymphorisk.cohorts.known import Keyed, pseudonym
from lymphorisk.cohorts.ledger import NAME, Ledger, Outcome
from lymphorisk.cohorts.limits import NO_LIMITS, Limits
from lymphorisk.cohorts.manifest import OWN_UNIT
from lymphorisk.cohorts.rules import UNREADABLE, rule_of
from lymphorisk.cohorts.veil import veiled
from lymphorisk.cohorts.work import Task, quarantined
from lymphorisk.cohorts.write import Cohort, write_tables
from lymphorisk.dicom.web import Fetched
from lymphorisk.errors import InputError
from lymphorisk.findings import Finding
from lymphorisk.outputs import clear
from lymphorisk.plain import Pace

#: Exit code of a cohort of which some plans stand in quarantine.
PARTLY = 5
NONE = InputError.exit_code
#: Seconds between two lines of progress. [s]
TELL_S = 10.0
NOTHING_HERE = "no DICOM file, zip or scenario lies here"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class How:
    """How a cohort is run; nothing here changes a number of its tables.

    Attributes
    ----------
    workers : int
        Processes; 0 analyses in this one, without limits.
    scheduler : str or None
        Address of a Dask scheduler that is there already.
    limits : Limits
    retry : bool
        Try plans in quarantine again.
    shard : (int, int) or None
        Part i of M of the plans, into a ledger of its own; no tables.
    key : bytes
        Secret of the pseudonyms; empty for labels that hold within this cohort only.
    show_phi : bool
        Write paths and labels too.
    counts : Path or None
        Table of measured counts, in long form.
    count_unit : str
        Unit of counts that name none.
    """

    workers: int = 1
    scheduler: str | None = None
    limits: Limits = NO_LIMITS
    retry: bool = False
    shard: tuple[int, int] | None = None
    key: bytes = b""
    show_phi: bool = False
    counts: Path | None = None
    count_unit: str = OWN_UNIT


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a cohort: plans in the table and in quarantine, and the files written."""

    folder: Path
    plans: int
    quarantined: int
    computed: int
    written: tuple[Path, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 when every plan is in the table, 5 when some are in quarantine, 3 when none is in the table."""
        if self.plans == 0:
            return NONE
        return PARTLY if self.quarantined else 0


def run_cohort(
    sources: Sequence[str | Path], out: Path, recipe: Recipe, how: How, progress: Progress = lambda _: None
) -> Done:
    """Analyse every plan of the sources that is not done yet, and write the tables.

    Raises
    ------
    InputError
        A source that is none, a folder that cannot be written, another call at work on it, a full disk.
    """
    with reachable(sources) as places:
        return _run(places, out, recipe, how, progress)


def _run(sources: Sequence[str | Path | Fetched], out: Path, recipe: Recipe, how: How, progress: Progress) -> Done:
    found = find_plans(sources, sum_doses=recipe.options.sum_doses)
    if not found:
        raise InputError("there is no plan in the sources", "give folders of exports, zips, scenarios or a manifest")
    tops = [s.folder.parent if isinstance(s, Fetched) else Path(s) for s in sources]
    if how.shard is not None:
        found = tuple(p for p in found if _shard_of(p, tops, how.shard[1]) == how.shard[0])
    _folder(out, tops)
    found, counts, noticed = counted(found, how)
    with Ledger(out / _ledger_name(how.shard)) as ledger:
        if how.shard is None:
            clear(out)
            ledger.gather(sorted(p for p in out.glob(f"*-of-*.{NAME}")))
        keyed = _keyed(found, recipe, ledger)
        computed = _compute(keyed, ledger, recipe, how, progress)
        states = ledger.states()
        mine = [states[k.key] for k in keyed]
        cohort = Cohort(keyed, counts, noticed, how.key, how.show_phi)
        written = () if how.shard else write_tables(out, cohort, ledger, recipe, counted=how.counts is not None)
        return Done(out, mine.count("done"), mine.count("quarantined"), computed, written)


def counted(
    found: tuple[FoundPlan, ...], how: How
) -> tuple[tuple[FoundPlan, ...], dict[int, tuple[Measured, ...]], list[Finding]]:
    """Plans with their baseline from the counts, the counts by plan, and what was noticed."""
    if how.counts is None:
        return found, {}, []
    written, noticed = read_counts(how.counts, how.count_unit)
    counts, more = placed(found, written, lambda who: pseudonym(who, how.key))
    noticed += more
    out = []
    for plan in found:
        plan, differing = with_baseline(plan, counts.get(plan.place, ()))
        out.append(plan)
        noticed += differing
    return tuple(out), counts, noticed


def analysed(
    found: Sequence[FoundPlan], recipe: Recipe, how: How, progress: Progress = lambda _: None
) -> dict[int, Outcome]:
    """What becomes of each plan by its number, kept in memory alone: no ledger, no tables."""
    keyed = [Keyed(plan, str(plan.place), inputs_of(plan, file_digests)) for plan in found]
    reasons = {k.key: reason for k in keyed if (reason := _hopeless(k)) is not None}
    out = {int(key): Outcome(key, "quarantined", reason) for key, reason in reasons.items()}
    tasks = [_task(k) for k in keyed if k.key not in reasons]
    watch = _Watch(len(tasks), progress)
    if tasks:
        for outcomes in _outcomes(tasks, recipe, how):
            out |= {int(o.key): o for o in outcomes}
            watch.told(outcomes)
    return out


def _ledger_name(shard: tuple[int, int] | None) -> str:
    return NAME if shard is None else f"{shard[0]}-of-{shard[1]}.{NAME}"


def _shard_of(plan: FoundPlan, sources: Sequence[Path], parts: int) -> int:
    """Which part a plan belongs to, 1 to `parts`: by where it lies below its source, so that all calls agree."""
    tops = [s.resolve() for s in sources]
    place = plan.path.resolve()
    below = next((place.relative_to(top) for top in tops if place.is_relative_to(top)), place)
    name = f"{below.as_posix()}\0{plan.plan or ''}\0{'|'.join(f.name for f in plan.files)}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % parts + 1


def _folder(out: Path, sources: Sequence[Path]) -> None:
    """Make the folder of a cohort, or refuse it.

    Raises
    ------
    InputError
        It lies in a source or holds one, is no folder, or holds something else.
    """
    place = out.resolve()
    for source in sources:
        top = source.resolve()
        if top.is_dir() and (place == top or top in place.parents):
            raise InputError(f"{out.name} would lie in the source {top.name}", "choose a folder outside the sources")
        if place in top.parents:
            raise InputError(f"the folder {out.name} holds a source", "choose a folder of its own")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out.name} is no folder", "choose a folder")
    if out.is_dir() and any(out.iterdir()) and not list(out.glob(f"*{NAME}")):
        raise InputError(f"{out.name} holds other files", "choose a new folder, or that of a cohort")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {out.name}: {error.strerror}", "choose another") from error


def _keyed(found: Sequence[FoundPlan], recipe: Recipe, ledger: Ledger) -> list[Keyed]:
    """Plans in the order of their keys; what lies in two places is one plan."""
    recipe_sha256 = recipe.sha256()
    by_key: dict[str, list[tuple[FoundPlan, tuple[str, ...]]]] = defaultdict(list)
    for plan in found:
        inputs = inputs_of(plan, lambda path: ledger.digests(path, file_digests))
        by_key[plan_key(plan, inputs, recipe_sha256)].append((plan, inputs))
    ledger.keep_digests()
    return [
        Keyed(same[0][0], key, same[0][1], tuple(plan for plan, _ in same[1:])) for key, same in sorted(by_key.items())
    ]


def _compute(keyed: Sequence[Keyed], ledger: Ledger, recipe: Recipe, how: How, progress: Progress) -> int:
    """Analyse what the ledger does not hold; how many plans that were."""
    states = ledger.states()
    if how.retry:
        again = [k.key for k in keyed if states.get(k.key) == "quarantined"]
        ledger.forget(again)
        states = {key: state for key, state in states.items() if key not in set(again)}
    new = [k for k in keyed if k.key not in states]
    hopeless = [(k, reason) for k in keyed if (reason := _hopeless(k)) is not None]
    ledger.record(Outcome(k.key, "quarantined", reason) for k, reason in hopeless)
    gone = {k.key for k, _ in hopeless}
    tasks = [_task(k) for k in new if k.key not in gone]
    if len(keyed) > len(tasks):
        progress(f"{len(keyed)} plans, {len(keyed) - len(tasks)} of them done before or not readable")
    watch = _Watch(len(tasks), progress)
    if tasks:
        for outcomes in _outcomes(tasks, recipe, how):
            if outcomes:
                ledger.record(outcomes)
            watch.told(outcomes)
    return len(new)


def _outcomes(tasks: list[Task], recipe: Recipe, how: How) -> Iterator[list[Outcome]]:
    if how.workers == 0 and how.scheduler is None:
        yield from in_this_process(tasks, recipe)
        return
    with cluster(min(how.workers, len(tasks)), how.scheduler) as client:
        yield from by_workers(tasks, recipe, how.limits, client)


def _hopeless(keyed: Keyed) -> dict[str, Any] | None:
    """Why a plan need not be tried: nothing of it can be read."""
    trouble = keyed.plan.trouble
    if trouble is not None:
        names = [keyed.plan.path.name, *(f.name for f in keyed.plan.files)]
        return quarantined(rule_of(trouble), veiled(trouble.message, names), veiled(trouble.hint, names))
    if not keyed.inputs:
        return quarantined(UNREADABLE, NOTHING_HERE, "export the plan again, or leave the folder out")
    return None


def _task(keyed: Keyed) -> Task:
    plan = keyed.plan
    files = tuple(str(f.resolve()) for f in plan.files)
    return Task(keyed.key, str(plan.path.resolve()), files, plan.plan, plan.row.patient, keyed.inputs)


class _Watch:
    """Progress, with the time that is left at the pace so far."""

    def __init__(self, tasks: int, progress: Progress) -> None:
        self._tasks, self._progress = tasks, progress
        self._done = self._bad = 0
        self._pace, self._last = Pace(tasks), time.monotonic()

    def told(self, outcomes: Sequence[Outcome]) -> None:
        """Count, and say so now and then and at the end."""
        self._done += len(outcomes)
        self._bad += sum(o.state == "quarantined" for o in outcomes)
        now = time.monotonic()
        if self._done and (now - self._last >= TELL_S or (self._done == self._tasks and outcomes)):
            self._last = now
            bad = f", {self._bad} in quarantine" if self._bad else ""
            left = f", {said}" if (said := self._pace.left(self._done)) else ""
            self._progress(f"{self._done} of {self._tasks} plans{bad}{left}")


def processors() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
