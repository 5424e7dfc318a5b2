"""Time and memory of one plan, held by its worker: who goes beyond ends the worker, never the run."""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

#: How often a worker looks at itself, at least. [s]
EVERY_S = 0.1
#: Time to tell the scheduler why, before the end. [s]
LAST_WORDS_S = 0.3
#: When the watching thread gets no turn, a timer below Python ends the worker this much later, without a word. [s]
GRACE_S = 30.0
BYTES_PER_KB = 1024.0
BYTES_PER_MB = 1024.0 * 1024.0
EXIT = 75
TIME, MEMORY = "time", "memory"


def most_memory_mb() -> float:
    """Most memory this process has held, or what it holds now on systems that do not keep the most. [MB]"""
    try:
        import resource
    except ImportError:
        import psutil

        return float(psutil.Process().memory_info().rss) / BYTES_PER_MB
    unit = 1.0 if sys.platform == "darwin" else BYTES_PER_KB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / BYTES_PER_MB


@dataclass(frozen=True, slots=True)
class Limits:
    """What one plan may take: wall clock [s] and memory of its worker [MB]; None is no limit."""

    seconds: float | None = None
    megabytes: float | None = None


NO_LIMITS = Limits()


@contextmanager
def held(limits: Limits, tell: Callable[[str], None]) -> Iterator[None]:
    """Run one plan within its limits; beyond them `tell` is called with which, and the process ends."""
    done = threading.Event()
    watch = threading.Thread(target=_watch, args=(limits, tell, done), daemon=True)
    if limits.seconds is not None:
        with open(os.devnull, "w") as nowhere:
            faulthandler.dump_traceback_later(limits.seconds + GRACE_S, exit=True, file=nowhere)
            watch.start()
            try:
                yield
            finally:
                done.set()
                faulthandler.cancel_dump_traceback_later()
        return
    watch.start()
    try:
        yield
    finally:
        done.set()


def _watch(limits: Limits, tell: Callable[[str], None], done: threading.Event) -> None:
    import psutil

    start, process = time.monotonic(), psutil.Process()
    pause = EVERY_S if limits.seconds is None else min(EVERY_S, limits.seconds)
    while not done.wait(pause):
        beyond = ""
        if limits.seconds is not None and time.monotonic() - start > limits.seconds:
            beyond = TIME
        elif limits.megabytes is not None and process.memory_info().rss / BYTES_PER_MB > limits.megabytes:
            beyond = MEMORY
        if beyond:
            tell(beyond)
            time.sleep(LAST_WORDS_S)
            os._exit(EXIT)
