"""Many mutated inputs through the real command line, in processes that may die.

Every input has a number; its bytes follow from the seed of the run and that number. A worker writes the number down,
makes the input, runs the command in itself under limits of processor time and memory, and writes what came of it. A
worker that dies is replaced by one that goes on behind the input that killed it.
"""

from __future__ import annotations

import gc
import io
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from .cases import Case
from .oracle import Answer, kept, outcome_of

#: What one input may take. Processor time, so that a busy machine makes no hang; a sleep is met by the clock.
LIMIT_S, CLOCK_S, LIMIT_MB = 10.0, 300.0, 2048
BAD = ("uncaught", "hang", "memory", "crash", "leak")
#: Where inputs lie, if there is such a place: thousands of folders are made and emptied.
IN_MEMORY = "/dev/shm"
#: In the folder of a run: what came of inputs that were run again.
AT_FIRST = "at-first.jsonl"
#: More descriptors than this above the start are looked at.
MORE_FILES = 8


@dataclass
class Outcome:
    """What came of one input."""

    number: int
    family: str = ""
    mutator: str = ""
    command: str = ""
    kind: str = ""
    code: int | None = None
    why: str = ""
    promise: str = ""
    broken: str = ""
    cpu_s: float = 0.0
    grown_mb: float = 0.0


Bases = dict[str, Answer]


def run_command(args: tuple[str, ...]) -> Answer:
    """One command in this process, its streams caught; what is said over a line has its own way."""
    from lymphorisk.cli.main import run

    from .talk import SPECIAL

    if args[0] in SPECIAL:
        return SPECIAL[args[0]](args[1])
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = run(["--debug", *args])
        return Answer(code, sys.stdout.getvalue(), sys.stderr.getvalue())
    finally:
        sys.stdout, sys.stderr = streams


def one(
    number: int, seed: int, make: Callable[[random.Random, Path], Case], base_of: Callable[[str], Answer], room: Path
) -> Outcome:
    """Make input `number` and run it; `room` is emptied first."""
    os.chdir("/")
    shutil.rmtree(room, ignore_errors=True)
    place, cwd, tmp = room / "place", room / "cwd", room / "tmp"
    for folder in (place, cwd, tmp):
        folder.mkdir(parents=True)
    case = make(random.Random(f"{seed}/{number}"), place)
    out = Outcome(number, case.family, case.mutator, case.command, promise=case.promise.must if case.promise else "")
    base = base_of(case.promise.base) if case.promise and case.promise.base else None
    before, open_before = _listed(place), _descriptors()
    os.chdir(cwd)
    os.environ["TMPDIR"], tempfile.tempdir = str(tmp), None
    with limited():
        start, size = time.process_time(), _high_mb()
        answer = run_command(case.args)
        out.cpu_s, out.grown_mb = time.process_time() - start, _high_mb(reset=False) - size
    os.chdir(room)
    out.code = answer.code
    out.kind = outcome_of(answer, base)
    if out.kind == "uncaught":
        out.why = answer.uncaught or f"code {answer.code}: {answer.err[:200]}"
    if case.command == "cohort" and (fault := _faults(place / "out")):
        out.kind, out.why = "uncaught", fault
    left = [*_listed(cwd), *_listed(tmp), *(p for p in {*_listed(place)} - {*before} if not p.startswith("out"))]
    if _descriptors() > open_before + MORE_FILES:
        gc.collect()
        left += [f"{_descriptors() - open_before} descriptors"] if _descriptors() > open_before + MORE_FILES else []
    if left or not set(before) <= set(_listed(place)):
        out.kind, out.why = "leak", ", ".join(left[:4]) or "an input is gone"
    if out.grown_mb > LIMIT_MB:
        out.kind, out.why = "memory", f"{out.grown_mb:.0f} MB"
    if case.promise and out.kind not in BAD:
        out.broken = kept(answer, case.promise, base)
    return out


def _faults(folder: Path) -> str:
    table = folder / "quarantine.csv"
    if not table.is_file():
        return ""
    return next((line for line in table.read_text(errors="replace").splitlines() if "LR709" in line), "")


def _listed(folder: Path) -> list[str]:
    return sorted(os.path.relpath(os.path.join(at, n), folder) for at, _, names in os.walk(folder) for n in names)


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def _high_mb(*, reset: bool = True) -> float:
    """The most memory held since the last reset. [MB]"""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


@contextmanager
def limited() -> Iterator[None]:
    """Ten seconds of processor time, then the process ends by SIGPROF."""
    signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
    signal.setitimer(signal.ITIMER_REAL, CLOCK_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def run_many(
    make: Callable[[random.Random, Path], Case],
    base_of: Callable[[str], Answer],
    *,
    seed: int,
    numbers: Sequence[int],
    workers: int,
    folder: Path,
    seconds: float = 0.0,
) -> list[Outcome]:
    """Run the inputs of these numbers in `workers` processes; fewer where `seconds` run out."""
    folder.mkdir(parents=True, exist_ok=True)
    stop = time.monotonic() + seconds if seconds else float("inf")
    running: dict[int, int] = {}
    shares = [numbers[w::workers] for w in range(workers)]
    for w, share in enumerate(shares):
        running[_fork(make, base_of, seed, share, folder, w, stop)] = w
    while running:
        pid, status = os.wait()
        w = running.pop(pid)
        if os.waitstatus_to_exitcode(status) == 0:
            continue
        last = _last_started(folder, w)
        kind = {signal.SIGPROF: "hang", signal.SIGALRM: "hang", signal.SIGKILL: "memory"}
        code = os.waitstatus_to_exitcode(status)
        case = Outcome(last["number"], last["family"], last["mutator"], last["command"])
        case.kind, case.why = kind.get(-code, "crash"), f"the process ended with {code}"
        with open(folder / f"outcomes-{w}.jsonl", "a") as out:
            out.write(json.dumps(asdict(case)) + "\n")
        rest = shares[w][shares[w].index(last["number"]) + 1 :]
        if rest and time.monotonic() < stop:
            running[_fork(make, base_of, seed, rest, folder, w, stop)] = w
    return outcomes(folder)


def outcomes(folder: Path) -> list[Outcome]:
    """Everything that was written down, in order."""
    lines = [line for path in folder.glob("outcomes-*.jsonl") for line in path.read_text().splitlines()]
    return sorted((Outcome(**json.loads(line)) for line in lines), key=lambda o: o.number)


def forget(folder: Path, numbers: Collection[int]) -> None:
    """Strike out what was written down of these inputs; it stays on a sheet of its own."""
    for path in folder.glob("outcomes-*.jsonl"):
        lines = path.read_text().splitlines(keepends=True)
        gone = [line for line in lines if json.loads(line)["number"] in numbers]
        with open(folder / AT_FIRST, "a") as out:
            out.writelines(gone)
        path.write_text("".join(line for line in lines if line not in gone))


def at_first(folder: Path) -> list[Outcome]:
    """What was struck out."""
    path = folder / AT_FIRST
    return [Outcome(**json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


def _last_started(folder: Path, worker: int) -> dict[str, str | int]:
    return json.loads((folder / f"started-{worker}").read_text())


def _fork(
    make: Callable[[random.Random, Path], Case],
    base_of: Callable[[str], Answer],
    seed: int,
    numbers: Sequence[int],
    folder: Path,
    worker: int,
    stop: float,
) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # threads of libraries that wait for nothing
        pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        _work(make, base_of, seed, numbers, folder, worker, stop)
        code = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)


def _work(
    make: Callable[[random.Random, Path], Case],
    base_of: Callable[[str], Answer],
    seed: int,
    numbers: Sequence[int],
    folder: Path,
    worker: int,
    stop: float,
) -> None:
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with open("/proc/self/statm") as statm:
        mapped = int(statm.read().split()[0]) * resource.getpagesize()
    limit = mapped + (LIMIT_MB << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    room = Path(tempfile.mkdtemp(prefix=f"fuzz-{worker}-", dir=IN_MEMORY if os.path.isdir(IN_MEMORY) else None))
    started = folder / f"started-{worker}"

    def noted(rng: random.Random, place: Path) -> Case:
        case = make(rng, place)
        started.write_text(json.dumps({**now, "family": case.family, "mutator": case.mutator, "command": case.command}))
        return case

    try:
        with open(folder / f"outcomes-{worker}.jsonl", "a", buffering=1) as out:
            for number in numbers:
                if time.monotonic() > stop:
                    break
                now = {"number": number, "family": "", "mutator": "", "command": ""}
                started.write_text(json.dumps(now))
                out.write(json.dumps(asdict(one(number, seed, noted, base_of, room))) + "\n")
    finally:
        os.chdir("/")
        shutil.rmtree(room, ignore_errors=True)
