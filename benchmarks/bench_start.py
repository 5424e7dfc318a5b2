"""How long a user waits: help, a cold analysis (a process of its own) and warm ones, of one export.

    python benchmarks/bench_start.py [EXPORT ...] [--runs N]

Medians of `--runs` runs, in seconds of the processor (user and system, all threads) and of the clock, and as multiples
of ``import numpy`` in the same minute, which tells a slow machine from a slow program. Bytecode of the modules is
written before the first run that counts.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

FIXTURES = Path(__file__).parent.parent / "fixtures" / "rtplans"
RUNS = 5
#: A warm call is the second one or a later one in its process.
WARM = """
import json, os, sys, time
from lymphorisk import analyze, read_export
call = {"analyze": analyze, "read": read_export}[sys.argv[3]]
call(sys.argv[1])
out = []
for _ in range(int(sys.argv[2])):
    cpu, clock = time.process_time(), time.perf_counter()
    call(sys.argv[1])
    out.append((time.process_time() - cpu, time.perf_counter() - clock))
print(json.dumps(out))
"""
Times = tuple[float, float]


def process(*arguments: str) -> Times:
    """Processor and clock seconds of one Python process."""
    before, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)
    return spent, time.perf_counter() - clock


def warm(call: str, export: str, runs: int) -> list[Times]:
    """Processor and clock seconds of calls after the first of a process."""
    said = subprocess.run(
        [sys.executable, "-c", WARM, export, str(runs), call], check=True, capture_output=True, text=True
    ).stdout
    return [(cpu, clock) for cpu, clock in json.loads(said)]


def line(what: str, times: Sequence[Times], unit: float) -> str:
    """One row: medians, and the clock in units of an import of numpy."""
    cpu, clock = (median(t[k] for t in times) for k in (0, 1))
    return f"{what:44} {cpu:8.2f} {clock:8.2f} {clock / unit:8.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", nargs="*", default=[str(FIXTURES / n) for n in ("breast_tangents", "tbi")])
    parser.add_argument("--runs", type=int, default=RUNS)
    given = parser.parse_args()
    cold = {"--help": ["--help"], **{Path(e).name: ["analyze", e] for e in given.export}}
    commands = {f"lymphorisk {name}, cold": ["-m", "lymphorisk", *rest] for name, rest in cold.items()}
    commands = {"import numpy": ["-c", "import numpy"], **commands}
    for command in commands.values():
        process(*command)
    # in turns, so that a slow minute slows all of them
    turns = [{name: process(*command) for name, command in commands.items()} for _ in range(given.runs)]
    times = {name: [turn[name] for turn in turns] for name in commands}
    unit = median(clock for _, clock in times["import numpy"])
    print(f"{'':44} {'CPU s':>8} {'wall s':>8} {'x numpy':>8}")
    for name, each in times.items():
        print(line(name, each, unit))
    for export in given.export:
        for call in ("read", "analyze"):
            print(line(f"{call} {Path(export).name}, warm", warm(call, export, given.runs), unit))


if __name__ == "__main__":
    main()
