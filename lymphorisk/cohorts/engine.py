"""Who analyses the plans: this process, or workers of a Dask cluster, here or elsewhere.

Queue, workers, their restart and their network are Dask's. What is ours is small: as many plans are handed out as there
are workers, so that a worker that dies takes one plan with it; that plan is tried once more, alone, after all others.
"""

from __future__ import annotations

import logging
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from lymphorisk.cohorts.keys import Recipe
from lymphorisk.cohorts.ledger import Outcome
from lymphorisk.cohorts.limits import MEMORY, TIME, Limits, held
from lymphorisk.cohorts.rules import KILLED, TOO_LARGE, TOO_LONG
from lymphorisk.cohorts.work import Task, outcome_of, quarantined
from lymphorisk.errors import InputError

if TYPE_CHECKING:
    from distributed import Client

TOPIC = "lymphorisk"
#: A person who stops the run stops the coordinator, which ends its workers.
DEAF = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
#: A worker that dies comes back to us at once. One thread for linear algebra, and memory kept between plans: what Dask
#: sets instead gives it back after every array, which costs a third of the processor time.
SETTINGS = {
    "distributed.scheduler.allowed-failures": 0,
    "distributed.worker.profile.enabled": False,
    "distributed.worker.preload": [DEAF],
    "distributed.nanny.pre-spawn-environ": {"OPENBLAS_NUM_THREADS": 1, "OMP_NUM_THREADS": 1, "MKL_NUM_THREADS": 1},
}
#: Where the scheduler puts its pages: any free port, seen from this machine only. Without one it takes 8787 on all
#: addresses, and warns where another cluster runs.
PAGES = "127.0.0.1:0"
#: How long to wait for a result before looking at the workers again. [s]
PATIENCE_S = 2.0
#: How long a scheduler may take to answer. [s]
CONNECT_S = 30.0


def in_this_process(tasks: Iterable[Task], recipe: Recipe) -> Iterator[list[Outcome]]:
    """One plan after the other; no limits can be held here."""
    for task in tasks:
        yield [outcome_of(task, recipe)]


def limited(task: Task, recipe: Recipe, limits: Limits) -> Outcome:
    """What a worker of a cluster runs: one plan within its limits."""
    from distributed import get_worker

    worker = get_worker()
    with held(limits, lambda beyond: worker.log_event(TOPIC, {"key": task.key, "beyond": beyond})):
        return outcome_of(task, recipe)


@contextmanager
def cluster(workers: int, scheduler: str | None) -> Iterator[Client]:
    """A client of the scheduler at an address, or of a cluster of processes of our own.

    Raises
    ------
    InputError
        Dask is not installed, or nobody answers.
    """
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise InputError("workers need Dask", "pip install lymphorisk[cohort], or --workers 0") from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    if scheduler is not None:
        try:
            client = Client(scheduler, timeout=CONNECT_S)
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"no scheduler answers at {scheduler}", "start one: dask scheduler") from error
        with client:
            client.run_on_scheduler(_first_death_counts)
            yield client
        return
    with (
        tempfile.TemporaryDirectory(prefix="lymphorisk-", ignore_cleanup_errors=True) as scratch,
        dask.config.set(SETTINGS),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=PAGES,
            worker_dashboard_address=None,
            memory_limit=0,
            local_directory=scratch,
            silence_logs=logging.CRITICAL,
        ) as local,
        Client(local) as client,
    ):
        yield client


def _first_death_counts(dask_scheduler: Any) -> None:
    """A plan whose worker died comes back to us: we count, and try it alone."""
    dask_scheduler.allowed_failures = 0


def by_workers(tasks: Iterable[Task], recipe: Recipe, limits: Limits, client: Client) -> Iterator[list[Outcome]]:
    """Plans by the workers of a cluster, in lists of what was finished together."""
    suspects: list[Task] = []
    yield from _rounds(deque(tasks), recipe, limits, client, suspects, alone=False)
    given_up: list[Task] = []
    yield from _rounds(deque(suspects), recipe, limits, client, given_up, alone=True)
    reasons = {event["key"]: event["beyond"] for _, event in client.get_events(TOPIC)}
    yield [_given_up(task.key, reasons.get(task.key, ""), limits) for task in given_up]


def _rounds(
    pending: deque[Task], recipe: Recipe, limits: Limits, client: Client, died: list[Task], *, alone: bool
) -> Iterator[list[Outcome]]:
    """Keep every worker at one plan until none is left; tasks whose worker died are put aside."""
    from distributed import KilledWorker, wait

    running: dict[Any, Task] = {}
    while pending or running:
        room = 1 if alone else _workers(client)
        while pending and len(running) < room:
            task = pending.popleft()
            name = f"plan-{task.key}-{'alone' if alone else 'first'}"
            running[client.submit(limited, task, recipe, limits, key=name, pure=False)] = task
        with suppress(TimeoutError):
            wait(list(running), timeout=PATIENCE_S, return_when="FIRST_COMPLETED")
        outcomes = []
        for future in [f for f in running if f.done()]:
            task = running.pop(future)
            try:
                outcomes.append(future.result())
            except KilledWorker:
                died.append(task)
            except CancelledError as error:
                raise InputError("the scheduler is gone", "what was done is kept: call again, it goes on") from error
            future.release()
        yield outcomes


def _workers(client: Client) -> int:
    """How many plans to hand out: one a worker, and one while none is there yet.

    Raises
    ------
    InputError
        A worker has several threads: limits of one plan could not be held apart from another's.
    """
    threads = client.nthreads()
    if any(n > 1 for n in threads.values()):
        raise InputError("the workers have several threads each", "start them with --nthreads 1, one a core")
    return max(len(threads), 1)


def _given_up(key: str, beyond: str, limits: Limits) -> Outcome:
    """The outcome of a plan whose worker died twice."""
    if beyond == TIME:
        row = quarantined(TOO_LONG, f"over {limits.seconds:g} s, twice", "give it more time (--limit-s) and --retry")
    elif beyond == MEMORY:
        row = quarantined(TOO_LARGE, f"over {limits.megabytes:g} MB, twice", "give it more (--limit-mb) and --retry")
    else:
        row = quarantined(KILLED, "its worker died twice, the second time with this plan alone", "call with --retry")
    return Outcome(key, "quarantined", row)
